"""Agents that really ran, their files regrown under the clock of then, and what we say against what is known of them.

What the recordings are and how the truth was taken: README.md beside this file. What is known to be wrong is listed
here by its moment; a test fails as well when one of these has become right, so that the list stays true.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.sources import SOURCES
from tests.support.collecting import lookup, refresh

HERE: Final = Path(__file__).parent
RECORDINGS: Final = sorted(
    path.name for path in HERE.glob("*-*") if (path / "truth.json").exists() and not path.name.endswith("-print")
)
"""Those with a person at the terminal; what is compared of the others, its reader's test says."""

SECRET: Final = "gh" + "p_9fKq2LmXz7RbT4vWc1YdN8sHj3PgE6uAo5Zi"
"""A token of GitHub by its looks, in pieces: no scanner shall take this file for a leak."""

UNWRITTEN: Final = {
    # answers of the model that the agent writes into no file
    "opencode-1.18.33": {5},  # interrupted
    "qwen-0.15.10": {6, 8, 15, 18},  # of agents that the program runs for itself
}
WRITTEN_BESIDE: Final = {"kimi_code-2.1.0": {15}, "opencode-1.18.33": {16}}
"""Answers beside the conversation that the agent counts among its own: the summary that compacts it."""

OWN_CALLS: Final = {"copilot-1.0.102": {"read_bash"}}
"""Calls that the agent's program made by itself."""

WRONG_STATUSES: Final = {
    "claude-2.1.197": {"slow at its end": "working"},  # Esc before the first word is written into no file
    # Esc leaves no trace until the next prompt
    "copilot-1.0.102": {"long at its end": "working", "slow at its end": "working"},
    "gemini-0.61.0": {"ask at its question": "working"},  # a call is written when it has ended
}


class Moment(NamedTuple):
    """What an agent did at a time, as its keys, its screen and its model show."""

    at: int
    name: str
    right: set[str]


@dataclass
class Regrown:
    """A recording whose files were regrown, and what was said of the agent meanwhile."""

    name: str
    truth: dict[str, Any]
    collector: Collector
    said: dict[str, str] = field(default_factory=dict)

    def rows(self, table: str) -> list[Any]:
        return list(self.collector.store.rows(table))

    @property
    def agent(self) -> Any:
        """The agent of the newest conversation, no subagent."""
        agents = [row for row in self.rows("agents") if row.role != "human" and row.parent_id is None]
        return max(agents, key=lambda row: row.started_at or 0, default=None)

    def span(self, at: int) -> str:
        """The status that some agent, no subagent, had at a time."""
        main = {row.id for row in self.rows("agents") if row.role != "human" and row.parent_id is None}
        spans = [row for row in self.rows("spans") if row.agent_id in main and row.started_at <= at]
        return max(spans, key=lambda row: row.started_at).status if spans else "none"


def moments(events: list[dict[str, Any]]) -> Iterator[Moment]:
    """The moments at which it is known what the agent does: the last millisecond before something else happens."""
    script = asked = ""
    for event in events:
        what, before = event["what"], event["at"] - 1
        if what == "key" and asked:
            right = {"waiting"} if asked == "question" else {"working", "waiting"}  # permission: files rarely tell
            yield Moment(before, f"{script} at its {'question' if asked == 'question' else 'permission'}", right)
            asked = ""
        elif what == "key" and event.get("note") == "interrupt thinking":
            yield Moment(before, f"{script} while it thinks", {"working"})
        elif what in ("prompt", "clear", "quit", "compact"):
            if script:
                yield Moment(before, f"{script} at its end", {"waiting"} if script == "askend" else {"idle", "done"})
            script = event["text"].split("#")[1] if what == "prompt" else ""
            asked = ""
        elif what.startswith("WAITING "):
            asked = what.removeprefix("WAITING ") if what != "WAITING question in text" else ""


def laid_out(name: str, home: Path, secret: str = "") -> dict[str, Any]:
    """Put the files of a recording below ``home``, its databases made; return its truth."""
    shutil.copytree(HERE / name / "home", home)
    for path in [path for path in home.rglob("*") if path.is_file()]:
        text = path.read_text()
        if secret:
            path.write_text(text := text.replace("Round the prices", f"Round the prices, {secret},"))
        if path.suffix == ".sql":
            with closing(sqlite3.connect(path.with_suffix(".db"))) as database:
                database.executescript(text)
            path.unlink()
    truth = json.loads((HERE / name / "truth.json").read_text())
    assert isinstance(truth, dict)
    return truth


def reader(name: str, home: Path, clock: Any) -> Collector:
    (kind,) = (kind for kind in SOURCES if kind.name == name.partition("-")[0])
    collector = Collector([home], clock=clock, host="here")
    collector.sources = [kind(root) for root in kind.default_roots({}, home) if root.is_dir()]
    return collector


def regrow(name: str, home: Path) -> Regrown:
    """Let the files of a recording grow as they did, and note what is said at each of its moments."""
    truth = laid_out(name, home)
    growing = {path: (home / path).read_bytes().splitlines(keepends=True) for path in truth["files"]}
    for path in growing:
        (home / path).write_bytes(b"")
    now = truth["events"][0]["at"]
    played = Regrown(name, truth, reader(name, home, lambda: now))
    collector = played.collector
    collector.scan()

    def grow(path: str, lines: int) -> None:
        (home / path).write_bytes(b"".join(growing[path][:lines]))
        refresh(collector, [home / path])

    def note(moment: Moment) -> None:
        collector.settle()
        played.said[moment.name] = played.agent.status if played.agent else "none"

    steps = [(at, 0, grow, (truth["files"][file], lines)) for at, file, lines in truth["writes"]]
    steps += [(moment.at, 1, note, (moment,)) for moment in moments(truth["events"]) if growing]
    for at, _, do, given in sorted(steps, key=lambda step: step[:2]):
        now = at
        do(*given)
    now = truth["events"][-1]["at"]
    collector.settle()
    if not growing:  # a database, whose growth was not recorded: what its rows say of those times
        played.said = {moment.name: played.span(moment.at) for moment in moments(truth["events"])}
    return played


@pytest.fixture(scope="module", params=RECORDINGS)
def regrown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Regrown:
    return regrow(request.param, tmp_path_factory.mktemp("recording") / "home")


def test_statuses_are_right_while_the_files_grow(regrown: Regrown) -> None:
    right = {moment.name: moment.right for moment in moments(regrown.truth["events"])}
    wrong = {name: status for name, status in regrown.said.items() if status not in right[name]}
    assert wrong == WRONG_STATUSES.get(regrown.name, {})
    assert len(right) >= 7


def test_tokens_are_those_that_were_billed(regrown: Regrown) -> None:
    left_out = UNWRITTEN.get(regrown.name, set())
    beside = WRITTEN_BESIDE.get(regrown.name, set())
    billed = [
        answer
        for answer in regrown.truth["billed"]
        if answer["n"] in beside or ("side" not in answer and answer["n"] not in left_out)
    ]
    for table in ("agents", "sessions"):
        for kind in ("input", "output", "cache_read", "cache_write"):
            counted = sum(row[f"{kind}_tokens"] or 0 for row in regrown.rows(table))
            assert counted == sum(answer[kind] for answer in billed), (table, kind)


def test_transcripts_hold_each_prompt_once_and_in_order(regrown: Regrown) -> None:
    parents = [row for row in regrown.rows("sessions") if row.parent_id is None]
    entries = [
        entry
        for session in sorted(parents, key=lambda row: row.started_at)
        for entry in lookup(regrown.collector).transcript(session.id, limit=1000).entries
        if entry["kind"] == "prompt"
    ]
    said = [entry["text"] for entry in entries]
    typed = [event["text"] for event in regrown.truth["events"] if event["what"] == "prompt"]
    assert len(said) == len(typed) >= 6
    for text, keys in zip(said, typed, strict=True):
        assert text.rstrip("?").endswith(keys.rstrip("?"))  # some agents take a ? at the end for a key of their own


def test_calls_are_those_that_the_model_asked_for(regrown: Regrown) -> None:
    asked = Counter(
        call for event in regrown.truth["events"] if event["what"] == "model asked" for call in event.get("calls", ())
    )
    own = OWN_CALLS.get(regrown.name, set())
    seen = Counter(row.name for row in regrown.rows("tool_calls") if row.name not in own)
    assert seen == asked
    assert all(state.malformed == 0 and not state.problems for state in regrown.collector.states())


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_secret_in_a_prompt_is_masked_everywhere(name: str, tmp_path: Path) -> None:
    truth = laid_out(name, tmp_path / "home", SECRET)
    collector = reader(name, tmp_path / "home", lambda: truth["events"][-1]["at"])
    collector.scan()
    shown = [dict(row) for table in collector.store for row in collector.store.rows(table)]
    shown += [
        entry
        for session in collector.store.rows("sessions")
        for entry in lookup(collector).transcript(session.id, limit=1000).entries
    ]
    text = json.dumps(shown)
    assert "Round the prices" in text
    assert SECRET not in text
