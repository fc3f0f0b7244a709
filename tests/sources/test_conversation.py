"""What follows from steps, whatever the format: statuses of agents, sessions, calls and tasks that agree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.ingest.processes import Processes
from agent_widget.ingest.status import SILENCE_MS, Statuses
from agent_widget.sources.base import Evidence
from agent_widget.sources.conversation import Conversation
from agent_widget.sources.ledger import Book
from agent_widget.sources.steps import (
    Call,
    Closed,
    Plan,
    Prompt,
    Reply,
    Result,
    Return,
    Spawn,
    Step,
    Todo,
    TurnEnd,
    TurnStart,
)
from agent_widget.store import Row, Store
from agent_widget.tables import Gone, Record

SILENCE = max(SILENCE_MS.values())


class Played:
    """One agent in one session, and the rows that follow from its steps."""

    def __init__(self) -> None:
        self.store = Store()
        self.statuses = Statuses(self.store, Processes(lambda pid: None))
        self.conversation = Conversation(Book(), "file", "s")
        self.now = 0

    def take(self, *steps: Step | Evidence) -> None:
        records: list[Record | Gone] = []
        for step in steps:
            items: Iterable[Any] = [step] if isinstance(step, Evidence) else self.conversation.take(step)
            for item in items:
                if isinstance(item, Evidence):
                    self.statuses.observe(item)
                elif isinstance(item, (Record, Gone)):
                    records.append(item)
            self.now = max(self.now, step.at)
        self.apply(self.statuses.without_active([*records, *self.conversation.finish()]))
        self.pass_time(0)

    def pass_time(self, ms: int) -> None:
        self.now += ms
        self.apply(list(self.statuses.settle(self.now)))

    def apply(self, records: Iterable[Record | Gone]) -> None:
        self.statuses.note(self.store.apply(list(records), {"source": "test", "host": "here"}))

    def row(self, table: str, id: str = "s") -> Row:
        row = self.store.get(table, id)
        assert row is not None
        return row

    @property
    def status(self) -> tuple[str, str]:
        return self.row("agents").status, self.row("agents").status_reason


def test_the_end_of_a_turn_names_the_agents_that_go_on_and_how_many_are_left() -> None:
    played = Played()
    played.take(Prompt(1, "p", "Paint."), Spawn(2, "c1", "a", "Sand."), Spawn(2, "c2", "b", "Wash."))
    played.take(Reply(3, "r", "They are at it."), TurnEnd(3))
    assert played.status == ("idle", "end of turn; 2 agents still at work in the background")
    played.take(Return(14, "a", "Sanded."))
    assert played.status == ("idle", "end of turn; 1 agent still at work in the background")
    played.take(Return(15, "b", "Washed."))
    assert played.status == ("idle", "end of turn")


def test_agents_that_have_answered_are_not_named_and_a_question_waits_all_the_same() -> None:
    played = Played()
    played.take(Prompt(1, "p", "Paint."), Spawn(2, "c1", "a", "Sand."), Return(3, "a", "Sanded."), TurnEnd(4))
    assert played.status == ("idle", "end of turn")
    played.take(Prompt(5, "q", "Paint."), Spawn(6, "c2", "b", "Wash."), TurnEnd(7, "asked"))
    assert played.status == ("waiting", "a question to you")


@pytest.mark.parametrize("end", [TurnEnd(9), TurnEnd(9, "failed"), TurnStart(9), Closed(9)])
def test_a_call_of_a_turn_that_is_over_does_not_run_and_a_late_result_counts(end: Step) -> None:
    played = Played()
    played.take(Prompt(1, "p", "Paint."), Call(2, "c", "paint", {"door": 1}), end)
    assert played.row("tool_calls", "c").status == "cancelled"
    played.take(Result(12, "c", "ok", "painted"))
    call = played.row("tool_calls", "c")
    assert (call.status, call.duration_ms, call.output) == ("ok", 10, "painted")
    assert played.row("agents").status != "working" or isinstance(end, TurnStart)


def test_nobody_works_on_the_tasks_of_an_agent_that_is_gone_until_it_goes_on() -> None:
    played = Played()
    todos = (Todo("1", "Sand", "completed"), Todo("2", "Paint", "in_progress"), Todo("3", "Dry", "pending"))
    played.take(Prompt(1, "p", "Paint."), Plan(2, todos))

    def statuses() -> list[str]:
        return [played.row("tasks", f"s:{todo.id}").status for todo in todos]

    assert statuses() == ["completed", "in_progress", "pending"]
    played.pass_time(SILENCE_MS["working"] + 1)
    assert played.row("agents").status == "offline"
    assert statuses() == ["completed", "pending", "pending"]
    played.take(Prompt(played.now, "q", "Go on."))
    assert statuses() == ["completed", "in_progress", "pending"]
    played.take(Plan(played.now, (Todo("2", "Paint", "completed"),), whole=False), Closed(played.now + 1))
    assert statuses() == ["completed", "completed", "pending"]


def test_a_shared_list_says_itself_what_is_in_progress() -> None:
    played = Played()
    played.take(Prompt(1, "p", "Paint."), Closed(2))
    played.apply([Record("tasks", "t", {"status": "in_progress", "owner": "s", "session_id": "s"})])
    played.pass_time(SILENCE)
    assert played.row("tasks", "t").status == "in_progress"


STEPS = st.sampled_from(
    [
        lambda at: Prompt(at, f"p{at}", "Paint."),
        lambda at: TurnStart(at),
        lambda at: Reply(at, f"r{at}", "So."),
        lambda at: Call(at, "c", "paint"),
        lambda at: Call(at, "q", "ask", asks="Which colour?"),
        lambda at: Call(at, "c", "paint", approval=True),
        lambda at: Result(at, "c"),
        lambda at: Result(at, "q", "denied"),
        lambda at: TurnEnd(at),
        lambda at: TurnEnd(at, "asked"),
        lambda at: TurnEnd(at, "interrupted"),
        lambda at: TurnEnd(at, "failed"),
        lambda at: Closed(at),
        lambda at: Closed(at, failed=True),
        lambda at: Evidence("s", at, "says working", "busy", "sign of life"),
        lambda at: Evidence("s", at, "says idle", "end of turn", "sign of life"),
        lambda at: Evidence("s", at, "says waiting", "permission prompt", "sign of life"),
        lambda at: Evidence("s", at, "process ended"),
        lambda at: None,
    ]
)
PAUSES = st.sampled_from([1, 1000, 2 * SILENCE_MS["working"], 2 * SILENCE_MS["idle"], 2 * SILENCE])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(STEPS, PAUSES), min_size=1, max_size=15))
def test_session_agent_and_calls_never_contradict_each_other(happened: list[Any]) -> None:
    played = Played()
    played.take(TurnEnd(1, reason="no prompt yet"))
    for make, pause in happened:
        step = make(played.now + 1)
        if step is not None:
            played.take(step)
        played.pass_time(pause)
        agent, session = played.row("agents").status, played.row("sessions").status
        running = [row.id for row in played.store.rows("tool_calls") if row.status == "running"]
        if agent == "working":
            assert session == "active"
        if session == "active":
            assert agent in ("working", "waiting")
        if agent in ("done", "failed", "offline"):
            assert not running
        if session in ("ended", "failed"):
            assert agent in ("done", "failed", "offline", "idle", "waiting")
        assert played.row("sessions").duration_ms is not None
