"""One fault each of what was said of real agents in 2026, with what is right: files cut where it showed.

They lie in ``../shared/real-agents/cases``; without it these tests are skipped. The same kinds are tested with inputs
of our own beside each reader, and in :mod:`.test_recordings`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.sources import SOURCES
from tests.recordings.regrown import made

CASES: Final = Path(__file__).resolve().parents[3] / "shared" / "real-agents" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/real-agents is not here")


class Said:
    """What is said of the home of a case."""

    def __init__(self, case: str, home: Path) -> None:
        made(CASES / case / "home", home)
        self.collector = Collector([home], host="here")
        self.collector.sources = [
            kind(root) for kind in SOURCES for root in kind.default_roots({}, home) if root.is_dir()
        ]
        self.collector.scan()

    def rows(self, table: str) -> list[Any]:
        return list(self.collector.store.rows(table))

    def agent(self, *, main: bool = True) -> Any:
        (found,) = (row for row in self.rows("agents") if row.role != "human" and (row.parent_id is None) == main)
        return found

    @property
    def last(self) -> tuple[str, str]:
        """The last status of the main agent before it fell silent, and its reason."""
        spans = [row for row in self.rows("spans") if row.agent_id == self.agent().id and row.status != "offline"]
        span = max(spans, key=lambda row: row.started_at)
        return span.status, span.status_reason

    def calls(self) -> list[tuple[str, str]]:
        return [(row.name, row.status) for row in sorted(self.rows("tool_calls"), key=lambda row: row.at)]

    def tokens(self, row: Any) -> tuple[Any, ...]:
        return row.input_tokens, row.output_tokens, row.cache_read_tokens


def _old_question(said: Said) -> None:
    assert said.last == ("idle", "end of turn")
    assert "a question to you" not in [row.status_reason for row in said.rows("spans") if row.ended_at is None]


def _aborted(said: Said) -> None:
    assert [status for _, status in said.calls()] == ["ok", "cancelled"]


def _failed(said: Said) -> None:
    assert (said.agent().status, said.rows("sessions")[0].status) == ("failed", "failed")
    assert "high demand" in said.agent().status_reason


def _late_end(said: Said) -> None:
    assert said.last == ("idle", "interrupted")


def _permission_cancelled(said: Said) -> None:
    assert said.calls()[1] == ("bash", "denied")
    assert "running" not in dict(said.calls()).values()


def _named_by_itself(said: Said) -> None:
    assert {name for name, _ in said.calls()} == {"bash", "ask_user", "read_bash", "task"}


def _usage_live(said: Said) -> None:
    assert said.tokens(said.agent(main=False)) == (2147, 81, 221)
    assert said.agent().model == "stub-model" and said.agent().context_tokens


def _denied(said: Said) -> None:
    assert said.calls() == [("run_shell_command", "ok"), ("run_shell_command", "denied")]
    assert said.last == ("idle", "you declined a tool")
    assert [row.text for row in said.rows("messages") if row.kind == "reply"].count("The command ran.") == 1


def _open(said: Said) -> None:
    course = said.collector.statuses._courses[said.agent().id]
    assert course.points[-1].reason == "a tool runs, or waits for permission"


def _subagent_names(said: Said) -> None:
    assert said.rows("sessions")[0].title == "#sub# Round the prices of the shop."
    assert (said.agent(main=False).role, said.agent(main=False).status) == ("generalist", "done")


def _helper_works(said: Said) -> None:
    assert said.last == ("working", "an agent that it started works")


def _rejected(said: Said) -> None:
    assert said.calls() == [("bash", "ok"), ("bash", "denied")]
    assert said.last == ("idle", "you declined a tool")


def _interrupted(said: Said) -> None:
    assert said.last == ("idle", "interrupted")
    assert said.calls()[1:] == [("run_shell_command", "denied"), ("run_shell_command", "cancelled")]


def _qwen_subagent(said: Said) -> None:
    assert said.tokens(said.agent(main=False)) == (2161, 83, 223)
    assert said.agent(main=False).tool_calls == 1


RIGHT: Final[dict[str, Callable[[Said], None]]] = {
    "claude-old-question": _old_question,
    "codex-aborted-is-ok": _aborted,
    "codex-failed-turn-is-idle": _failed,
    "codex-late-end-revives": _late_end,
    "copilot-cancelled-permission-runs-on": _permission_cancelled,
    "copilot-subagent-tool-named-shell": _named_by_itself,
    "copilot-usage-live": _usage_live,
    "gemini-denied": _denied,
    "gemini-permission-open": _open,
    "gemini-subagent-names-the-session": _subagent_names,
    "gemini-text-and-tool-is-idle": _helper_works,
    "opencode-rejected-works-on": _rejected,
    "qwen-interrupted-thinking": _interrupted,
    "qwen-subagent": _qwen_subagent,
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_of_a_fault(case: str, tmp_path: Path) -> None:
    said = Said(case, tmp_path / "home")
    RIGHT[case](said)
    assert [state.unknown for state in said.collector.states() if state.unknown] == []


def test_each_case_with_files_is_judged() -> None:
    assert {path.parent.name for path in CASES.glob("*/home")} == set(RIGHT)
