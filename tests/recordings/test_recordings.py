"""Agents that really ran, their files regrown under the clock of then: what we say against what is known of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.recordings.regrown import Regrown, laid_out, reader, regrow
from tests.support.collecting import lookup

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


OUTCOMES: Final = {
    "shell": {"ok"},
    "deny": {"denied", "cancelled"},
    "long": {"cancelled"},
    "ask": {"ok"},
    "sub": {"ok"},
}
"""How the calls of a script ended that the person allowed, declined, interrupted or answered."""

RUNS_ON: Final = {"codex-0.171.0", "copilot-1.0.102"}
"""These let an interrupted command go on, and write down that it ended."""


@pytest.fixture(scope="module", params=RECORDINGS)
def regrown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Regrown:
    return regrow(HERE / request.param, tmp_path_factory.mktemp("recording") / "home")


def test_statuses_are_right_while_the_files_grow(regrown: Regrown) -> None:
    assert regrown.wrong_statuses() == {}
    assert len(regrown.said.keys() - regrown.untold) >= 5
    assert all("interrupt" in regrown.name or name.startswith(("slow", "long")) for name in regrown.untold)


def test_tokens_are_those_that_were_billed(regrown: Regrown) -> None:
    billed = regrown.billed(UNWRITTEN.get(regrown.name, set()), WRITTEN_BESIDE.get(regrown.name, set()))
    for table in ("agents", "sessions"):
        assert regrown.tokens(table) == billed


def test_transcripts_hold_each_prompt_once_and_in_order(regrown: Regrown) -> None:
    said, typed = regrown.prompts(), regrown.typed()
    assert len(said) == len(typed) >= 6
    for text, keys in zip(said, typed, strict=True):
        assert text.rstrip("?").endswith(keys.rstrip("?"))  # some agents take a ? at the end for a key of their own


def test_calls_are_those_that_the_model_asked_for(regrown: Regrown) -> None:
    own = OWN_CALLS.get(regrown.name, set())
    assert Counter({name: count for name, count in regrown.calls().items() if name not in own}) == regrown.asked_calls()
    assert [note for note in regrown.notes() if "malformed" in note] == []


def test_calls_end_alike_for_every_agent(regrown: Regrown) -> None:
    script: Any = {}
    prompts = [event for event in regrown.truth["events"] if event["what"] == "prompt"]
    own = OWN_CALLS.get(regrown.name, set())
    for call in regrown.rows("tool_calls"):
        before = [prompt for prompt in prompts if prompt["at"] <= call.at + 100]
        if before and call.name not in own:
            script.setdefault(before[-1]["text"].split("#")[1], set()).add(call.status)
    right = {name: statuses for name, statuses in OUTCOMES.items() if name in script}
    if regrown.name in RUNS_ON:
        right["long"] = {"ok", "cancelled"}
    if regrown.name == "kimi_code-2.1.0":
        right["ask"] = {"error"}  # it does not ask in this mode, and tells the model so
    assert {name: script[name] for name in right if not script[name] <= right[name]} == {}
    assert right


def test_each_message_comes_once_and_stays(regrown: Regrown) -> None:
    new = [change.new for change in regrown.changes if change.table == "messages" and change.old is None and change.new]
    gone = [change.old for change in regrown.changes if change.table == "messages" and change.new is None]
    taken_back = [row for row in gone if row is not None and row.kind != "reply"]  # a reply was no end of a turn
    if regrown.name == "claude-2.1.197":  # what its process said of itself was not recorded
        assert len(taken_back) == 1
    else:
        assert taken_back == []
        told = Counter((row.kind, row.sender, row.text, row.at) for row in new)
        assert [key for key, count in told.items() if count > 1] == []
        assert sum(row.kind == "prompt" and row.sender == "user" for row in new) == len(regrown.typed())


def test_a_subagent_is_given_its_task_once_and_answers_once(regrown: Regrown) -> None:
    helpers = [row.id for row in regrown.rows("agents") if row.parent_id is not None]
    told = Counter(row.kind for row in regrown.rows("messages") if {row.sender, row.recipient} & set(helpers))
    if regrown.name == "codex-0.171.0":  # its helper began with a copy of the conversation, and replied for itself
        told.pop("reply")
    assert told == {"delegate": len(helpers), "result": len(helpers)} if helpers else not told


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_secret_in_a_prompt_is_masked_everywhere(name: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    truth = laid_out(HERE / name, home, lambda text: text.replace("Round the prices", f"Round the prices, {SECRET},"))
    collector = reader(name.partition("-")[0], home, lambda: truth["events"][-1]["at"])
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
