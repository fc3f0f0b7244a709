"""Small inputs after public reports, each with the value that is right: counting, money, and what is found at all.

They lie in ``../shared/cases``, whose README has the sources of the values; without it these tests are skipped. The
same kinds of faults are tested with inputs of our own in :mod:`.test_counting` and beside each reader.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from agent_widget.ingest.collector import Collector

CASES: Final = Path(__file__).resolve().parents[3] / "shared" / "cases"
pytestmark = [
    pytest.mark.usefixtures("own_machine"),
    pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here"),
]

_COUNTS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


class Snapshot:
    """What ``agent-widget snapshot`` says of a path, and what ``doctor`` says beside it."""

    def __init__(self, *paths: Path) -> None:
        self.collector = Collector(paths)
        self.collector.scan()

    def rows(self, table: str) -> list[Any]:
        return list(self.collector.store.rows(table))

    def row(self, table: str, end: str) -> Any:
        (found,) = (row for row in self.rows(table) if row.id.endswith(end))
        return found

    def status(self, agent: str, clock: str) -> str | None:
        """Return what an agent did at a time of the day of the cases."""
        spans = [row for row in self.rows("spans") if row.agent_id == agent and row.started_at <= at(clock)]
        return max(spans, key=lambda row: row.started_at).status if spans else None

    def stat(self, name: str) -> float | None:
        return next((row.value for row in self.rows("stats") if row.id == name), None)

    @property
    def notes(self) -> str:
        """Everything that is said to be wrong, unknown or left out."""
        states = self.collector.states()
        return "\n".join(
            line
            for state in states
            for line in [*state.problems, *state.unknown, *([f"{state.malformed} left out"] if state.malformed else [])]
        )

    def counted(self, table: str) -> tuple[int, ...]:
        return tuple(sum(row[name] or 0 for row in self.rows(table)) for name in _COUNTS)

    def cost(self, table: str) -> float:
        return sum(row.cost_usd or 0 for row in self.rows(table))


def linked(case: str, directory: Path, *links: str) -> Path:
    """Copy a case; where its symlinks were copied as files that hold the path they lead to, make them anew."""
    copied = shutil.copytree(CASES / case, directory / case, symlinks=True)
    for link in links:
        path = copied / link
        if not path.is_symlink():
            target = path.read_text().strip()
            path.parent.chmod(0o755)
            path.unlink()
            path.symlink_to(target)
    return copied


class Tokens(NamedTuple):
    """Tokens of a case: input, output, read from a cache, written to one; ``None`` if they are not judged."""

    input: int
    output: int
    read: int | None = None
    write: int | None = None


COUNTED: Final[dict[str, tuple[str, Tokens, float | None]]] = {
    # case → path in it, tokens, US dollars if they are judged
    "01-claude-advisor": ("", Tokens(159421, 8296, 226584, 7853), 1.0970),
    "15-codex-usage-record": ("codex", Tokens(52000, 4300, 128000), None),
    "18-pi-artifacts": ("pi", Tokens(93500, 2350), 1.35),
    "06-claude-stream": ("", Tokens(10, 960, 9800, 550), 0.0324),
    "07-claude-btw": ("", Tokens(107, 270, 6000, 55), None),
    "08-claude-workflow": ("", Tokens(107, 270), None),
    "37-claude-fork": ("", Tokens(305, 350, 5200, 110), None),
    "38-claude-synthetic": ("", Tokens(20, 20), None),
    "40-claude-nested": ("", Tokens(114, 340), None),
    "09-opencode-fork": ("opencode", Tokens(700, 100, 7000), None),
    "30-opencode-fork-orphan": ("opencode", Tokens(700, 100, 7000), None),
    "10-opencode-v2": ("opencode", Tokens(120, 35, 1000), 0.50),
    "11-copilot-cumulative": ("", Tokens(1200, 400, 4800), None),
    "11-copilot-reset-smaller": ("", Tokens(1200, 400, 4800), None),
    "12-codex-fork-multisecond": ("codex", Tokens(12000, 700, 48000), None),
    "13-codex-inherited-total": ("codex", Tokens(16000, 680, 55000), None),
    "16-codex-history-base": ("codex", Tokens(12000, 700, 48000), None),
    "17-codex-archived-dup": ("codex", Tokens(10000, 500, 40000), None),
    "28-gemini": ("gemini", Tokens(11418, 923, 4000), None),
    "43-pi-branch-orphan": ("pi", Tokens(10, 20), 0.01),
    # money
    "02-claude-fast": ("", Tokens(1_000_000, 100_000), 15.00),
    "03-claude-geo": ("", Tokens(1_000_000, 100_000), 8.25),
    "04-claude-websearch": ("", Tokens(1_000, 1_000), 0.10),
    "14-codex-fast-tier": ("codex", Tokens(100_000, 10_000), 2.00),
    "34-claude-costusd": ("", Tokens(1_000, 1_000), 0.50),
}


@pytest.mark.parametrize("case", COUNTED)
def test_each_answer_is_counted_once_and_at_its_price(case: str) -> None:
    below, tokens, dollars = COUNTED[case]
    said = Snapshot(CASES / case / below)
    for table in ("sessions", "agents"):
        counted = zip(said.counted(table), tokens, strict=True)
        assert tuple(found if right is not None else None for found, right in counted) == tokens
        if dollars is not None:
            assert said.cost(table) == pytest.approx(dollars, rel=1e-3)
    for name, count in zip(_COUNTS, tokens, strict=True):
        if count:
            assert said.stat(name) == count
    if dollars is not None:
        assert said.stat("cost_usd") == pytest.approx(dollars, rel=1e-3)


def _advised(said: Snapshot) -> None:
    assert said.rows("agents")[-1].model != "claude-opus-4-7"
    assert said.stat("unpriced_requests") == 0


def _known_records(said: Snapshot) -> None:
    assert "token_usage_record" not in said.notes


def _btw(said: Snapshot) -> None:
    agents = {bool(row.parent_id): row for row in said.rows("agents") if row.role != "human"}
    assert (agents[False].input_tokens, agents[False].output_tokens) == (100, 200)
    assert (agents[True].input_tokens, agents[True].output_tokens) == (7, 70)


def _workflow(said: Snapshot) -> None:
    (session,) = said.rows("sessions")
    (parent,) = (row.parent_id for row in said.rows("agents") if row.parent_id)
    assert parent == session.agent_id


def _claude_fork(said: Snapshot) -> None:
    assert [(row.input_tokens, row.output_tokens) for row in sorted(said.rows("sessions"), key=lambda row: row.id)] == [
        (300, 300),
        (5, 50),
    ]


def _synthetic(said: Snapshot) -> None:
    assert [row.model for row in said.rows("sessions")] == ["claude-opus-4-8"]


def _nested(said: Snapshot) -> None:
    nested = said.row("agents", "/a2222222222222222")
    assert (nested.role, nested.parent_id.rpartition("/")[2]) == ("Explore", "a1111111111111111")


def _opencode_fork(said: Snapshot) -> None:
    origin = said.row("sessions", "ses_a")
    assert (origin.input_tokens, origin.output_tokens) == (300, 60)


def _codex_fork(said: Snapshot) -> None:
    fork = said.row("sessions", "0003")
    assert (fork.input_tokens, fork.cache_read_tokens, fork.output_tokens) == (2000, 8000, 200)


def _codex_orphan(said: Snapshot) -> None:
    (input, output, read, _) = said.counted("sessions")
    assert (input, read, output) in ((2000, 8000, 200), (12000, 48000, 700))


def _children(said: Snapshot) -> None:
    children = [row for row in said.rows("agents") if row.parent_id]
    assert [(row.input_tokens, row.cache_read_tokens, row.output_tokens) for row in children] == [(2000, 5000, 60)] * 3


def _one_session(said: Snapshot) -> None:
    assert len(said.rows("sessions")) == 1


def _two_sessions(said: Snapshot) -> None:
    assert len(said.rows("sessions")) == 2


def _one_call(said: Snapshot) -> None:
    assert len(said.rows("tool_calls")) == 1


def _branch(said: Snapshot) -> None:
    assert [row.title for row in said.rows("sessions")] == ["first question"]
    assert [row.name for row in said.rows("tool_calls")] == ["read"]


def _hour(said: Snapshot) -> None:
    assert said.stat("cost_usd") == pytest.approx(8.50)


def _200k(said: Snapshot) -> None:
    assert said.stat("cost_usd") == pytest.approx(0.1785)


def _partial(said: Snapshot) -> None:
    (session,) = said.rows("sessions")
    assert session.cost_usd is None or session.unpriced_requests == 1
    assert said.stat("unpriced_requests") == 1


def _local_codex(said: Snapshot) -> None:
    for end in range(30, 35):
        assert said.row("sessions", f"{end:04}").cost_usd is None


def _local_opencode(said: Snapshot) -> None:
    for number in (0, 1, 3, 5):
        assert not said.row("sessions", f"ses_{number}").cost_usd


def _two_on_a_line(said: Snapshot) -> None:
    assert len([row for row in said.rows("messages") if row.kind == "prompt"]) == 2


def _broken(said: Snapshot) -> None:
    input, output, _, _ = said.counted("sessions")
    found = {(101, 202), (4101, 6202)}  # with both objects of the double line, of which the second is an answer
    assert (input, output) in {(i + n + t, o + 2 * (n + t)) for i, o in found for n in (0, 10) for t in (0, 1)}
    assert "left out" in said.notes


def at(clock: str) -> int:
    """Return a time (ms) on the day of the cases."""
    return round(datetime.fromisoformat(f"2026-08-01T{clock}+00:00").timestamp() * 1000)


def _woken(said: Snapshot) -> None:
    (main,) = (row.id for row in said.rows("agents") if row.role != "human" and row.parent_id is None)
    assert {said.status(main, f"10:0{clock}") for clock in ("2:01", "3:29")} == {"working"}
    assert said.status(main, "10:03:31") == "idle"


def _asks(said: Snapshot) -> None:
    _one_session(said)
    (main,) = (row.id for row in said.rows("agents") if row.role != "human")
    assert said.status(main, "10:00:06") == "waiting"


def _shut_down(said: Snapshot) -> None:
    assert [row.status for row in said.rows("tool_calls")] == ["cancelled"]
    assert [row.status for row in said.rows("sessions")] == ["ended"]


def _perhaps(said: Snapshot) -> None:
    (main,) = (row.id for row in said.rows("agents") if row.role != "human")
    span = max(
        (row for row in said.rows("spans") if row.agent_id == main and row.status == "idle"),
        key=lambda row: row.started_at,
    )
    assert "a tool runs or waits for permission" in span.status_reason


def _dolt(said: Snapshot) -> None:
    assert "Dolt" in said.notes


def _tombstone(said: Snapshot) -> None:
    tasks = {row.id: row for row in said.rows("tasks")}
    assert {id: row.status for id, row in tasks.items() if id in ("x-1", "x-2", "x-3", "x-4")} == {
        "x-1": "pending",
        "x-2": "cancelled",
        "x-3": "completed",
        "x-4": "in_progress",
    }
    assert (tasks["x-1.1"].parent_id, list(tasks["x-1.1"].depends_on)) == ("x-1", ["x-3"])


def _master(said: Snapshot) -> None:
    assert len(said.rows("tasks")) >= 1


def _array(said: Snapshot) -> None:
    assert len(said.rows("tasks")) == 2 or said.notes


def _legacy(said: Snapshot) -> None:
    first, second = sorted(said.rows("tasks"), key=lambda row: row.id)
    assert list(second.depends_on) == [first.id]


FACTS: Final[dict[str, tuple[str, Callable[[Snapshot], None]]]] = {
    "01-claude-advisor": ("", _advised),
    "15-codex-usage-record": ("codex", _known_records),
    "07-claude-btw": ("", _btw),
    "08-claude-workflow": ("", _workflow),
    "37-claude-fork": ("", _claude_fork),
    "38-claude-synthetic": ("", _synthetic),
    "40-claude-nested": ("", _nested),
    "09-opencode-fork": ("opencode", _opencode_fork),
    "30-opencode-fork-orphan": ("opencode", _two_sessions),
    "10-opencode-v2": ("opencode", _two_sessions),
    "12-codex-fork-multisecond": ("codex", _codex_fork),
    "30-codex-fork-orphan": ("codex", _codex_orphan),
    "13-codex-inherited-total": ("codex", _children),
    "16-codex-history-base": ("codex", _codex_fork),
    "17-codex-archived-dup": ("codex", _one_session),
    "28-gemini": ("gemini", _one_call),
    "43-pi-branch-orphan": ("pi", _branch),
    "05-claude-1h": ("", _hour),
    "36-claude-200k": ("", _200k),
    "6-partial-price": ("", _partial),
    "29-local-codex": ("codex", _local_codex),
    "29-local-opencode": ("opencode", _local_opencode),
    "3-two-on-a-line": ("", _two_on_a_line),
    "21-claude-broken": ("", _broken),
    "2-question/1": ("projects", _asks),
    "1-notification": ("", _woken),
    "5-copilot-shutdown": ("", _shut_down),
    "9-gemini-text-then-tool": ("", _perhaps),
    "24-beads-dolt": ("", _dolt),
    "24-beads-tombstone": ("", _tombstone),
    "25-taskmaster": ("", _master),
    "25-taskmaster-array": ("", _array),
    "25-taskmaster-legacy": ("", _legacy),
}


@pytest.mark.parametrize("case", FACTS)
def test_what_else_is_right_of_a_case(case: str) -> None:
    below, right = FACTS[case]
    right(Snapshot(CASES / case / below))


@pytest.mark.parametrize(
    ("environment", "sessions"),
    [
        ({"HOME": "31-homes/home"}, {"5555555c", "5555555d"}),
        ({"CLAUDE_CONFIG_DIR": "31-homes/a,31-homes/b"}, {"5555555a", "5555555b"}),
        ({"HOME": "26-kimi-code"}, {"session_"}),
        ({"KIMI_CODE_HOME": "26-kimi-code/.kimi-code"}, {"session_"}),
    ],
)
def test_homes_are_found_where_the_environment_says(
    environment: dict[str, str], sessions: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked("31-homes", tmp_path, "home/.claude")
    shutil.copytree(CASES / "26-kimi-code", tmp_path / "26-kimi-code")
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    for name, places in environment.items():
        monkeypatch.setenv(name, ",".join(str(tmp_path / place) for place in places.split(",")))
    found = Snapshot().rows("sessions")
    assert {row.id.rpartition("/")[2][:8] for row in found} == sessions
    assert len(found) == len(sessions)


def test_a_directory_that_is_a_link_is_followed_where_it_leads_to_the_users_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    said = Snapshot(linked("32-symlink", tmp_path, "claude/projects") / "claude")
    input, output, _, _ = said.counted("sessions")
    assert (input, output, len(said.rows("sessions"))) == (1, 1, 1)


def test_one_file_is_enough() -> None:
    (file,) = (CASES / "06-claude-stream" / "projects").glob("*/*.jsonl")
    assert Snapshot(file).counted("sessions") == (10, 960, 9800, 550)
