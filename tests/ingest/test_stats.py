"""The named figures: counted from the changes, and always what a recount of the rows would give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.ingest.stats import Stats
from agent_widget.store import Row, Store
from agent_widget.tables import AGENT_STATUSES, LOG_LEVELS, SESSION_STATUSES, TASK_STATUSES, TOOL_STATUSES, Gone, Record

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


class Figures:
    """A store whose changes are counted."""

    def __init__(self, *operations: Record | Gone) -> None:
        self.store, self.stats = Store(), Stats()
        self.apply(*operations)

    def apply(self, *operations: Record | Gone) -> None:
        self.stats.note(self.store.apply(operations))
        self.store.apply(self.stats.records(1))

    def __getitem__(self, name: str) -> Any:
        row = self.store.get("stats", name)
        assert row is not None, name
        return row.value


def test_rows_are_counted_by_table_and_status() -> None:
    figures = Figures(
        Record("tasks", "1", {"status": "pending"}),
        Record("tasks", "2", {"status": "completed"}),
        Record("tasks", "3", {"status": "completed"}),
    )
    assert (figures["tasks"], figures["tasks_completed"], figures["tasks_failed"]) == (3, 2, 0)


def test_a_row_that_changes_or_goes_is_counted_anew() -> None:
    figures = Figures(Record("tasks", "1", {"status": "pending"}), Record("tasks", "2", {"status": "pending"}))
    figures.apply(Record("tasks", "1", {"status": "failed"}), Gone("tasks", "2"))
    assert (figures["tasks"], figures["tasks_pending"], figures["tasks_failed"]) == (1, 0, 1)


def test_people_are_not_agents() -> None:
    figures = Figures(
        Record("agents", "user", {"role": "human", "status": "unknown"}),
        Record("agents", "a", {"role": "worker", "status": "working"}),
        Record("agents", "b", {}),
    )
    assert (figures["people"], figures["agents"]) == (1, 2)
    assert (figures["agents_working"], figures["agents_unknown"]) == (1, 1)


def test_whoever_turns_out_to_be_a_person_is_no_longer_counted_as_an_agent() -> None:
    figures = Figures(Record("agents", "user", {"status": "working"}))
    figures.apply(Record("agents", "user", {"role": "human"}))
    assert (figures["people"], figures["agents"], figures["agents_working"]) == (1, 0, 0)


def test_heartbeats_are_not_messages() -> None:
    figures = Figures(Record("messages", "1", {"kind": "heartbeat"}), Record("messages", "2", {"kind": "direct"}))
    assert (figures["heartbeats"], figures["messages"]) == (1, 1)


@pytest.mark.parametrize("name", [*TOKENS, "cost_usd", "unpriced_requests"])
def test_a_sum_of_nothing_known_is_null_and_becomes_null_again(name: str) -> None:
    figures = Figures(Record("sessions", "1", {}))
    assert figures[name] is None
    figures.apply(Record("sessions", "2", {name: 0}), Record("sessions", "3", {name: 2.5}))
    assert figures[name] == 2.5
    figures.apply(Gone("sessions", "2"), Gone("sessions", "3"))
    assert figures[name] is None


def test_the_mean_quality_is_that_of_the_judgements_with_a_score() -> None:
    figures = Figures(Record("quality", "1", {"score": 0.5}), Record("quality", "2", {}))
    assert (figures["quality"], figures["quality_mean"]) == (2, 0.5)
    figures.apply(Record("quality", "1", {"score": None}))
    assert figures["quality_mean"] is None


def test_only_changed_figures_are_published_after_the_first_time() -> None:
    stats, store = Stats(), Store()
    assert stats.dirty
    assert len(stats.records(1)) > 40
    assert not stats.dirty
    stats.note(store.apply([Record("tasks", "1", {"status": "pending"})]))
    assert stats.dirty
    assert [record.id for record in stats.records(2)] == ["tasks", "tasks_pending"]
    stats.note(store.apply([Record("tasks", "1", {"title": "of no concern"})]))
    assert stats.records(3) == []


def test_tables_that_are_not_counted_do_not_make_work() -> None:
    stats, store = Stats(), Store()
    stats.records(1)
    stats.note(store.apply([Record("spans", "a@1", {}), Record("stats", "x", {"value": 1.0})]))
    assert not stats.dirty


def recount(store: Store) -> dict[str, float | None]:
    """Every figure, counted from the rows as they are."""

    def count(table: str, **wanted: Any) -> float:
        return sum(all(row[name] == value for name, value in wanted.items()) for row in store.rows(table))

    def total(rows: list[Row], name: str) -> float | None:
        known = [row[name] for row in rows if row[name] is not None]
        return sum(known) if known else None

    agents = [row for row in store.rows("agents") if row.role != "human"]
    figures: dict[str, float | None] = {
        "agents": len(agents),
        "people": count("agents", role="human"),
        "heartbeats": count("messages", kind="heartbeat"),
        "messages": len(store.rows("messages")) - count("messages", kind="heartbeat"),
    }
    for status in AGENT_STATUSES:
        figures[f"agents_{status}"] = sum((row.status or "unknown") == status for row in agents)
    for table in ("tasks", "sessions", "tool_calls", "quality", "memory", "logs"):
        figures[table] = count(table)
    for table, column, values in (
        ("tasks", "status", TASK_STATUSES),
        ("sessions", "status", SESSION_STATUSES),
        ("tool_calls", "status", TOOL_STATUSES),
        ("logs", "level", LOG_LEVELS),
    ):
        figures |= {f"{table}_{value}": count(table, **{column: value}) for value in values}
    for name in (*TOKENS, "cost_usd", "unpriced_requests"):
        figures[name] = total(store.rows("sessions"), name)
    scores = [row.score for row in store.rows("quality") if row.score is not None]
    figures["quality_mean"] = sum(scores) / len(scores) if scores else None
    return figures


def _records(table: str, **columns: Any) -> st.SearchStrategy[Record]:
    fields = st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in columns.items()})
    return st.builds(Record, st.just(table), st.sampled_from("abcd"), fields)


CHANGES = st.lists(
    _records("agents", role=st.sampled_from(["human", "worker"]), status=st.sampled_from(AGENT_STATUSES))
    | _records("tasks", status=st.sampled_from(TASK_STATUSES))
    | _records(
        "sessions",
        status=st.sampled_from(SESSION_STATUSES),
        input_tokens=st.integers(0, 10**9),
        output_tokens=st.integers(0, 10**9),
        cost_usd=st.floats(0, 1000),
    )
    | _records("messages", kind=st.sampled_from(["heartbeat", "direct"]))
    | _records("tool_calls", status=st.sampled_from(TOOL_STATUSES))
    | _records("quality", score=st.floats(0, 1))
    | _records("memory")
    | _records("logs", level=st.sampled_from(LOG_LEVELS))
    | st.builds(Gone, st.sampled_from(["agents", "tasks", "sessions", "messages", "quality"]), st.sampled_from("abcd")),
    max_size=15,
)


@settings(max_examples=100, deadline=None)
@given(rounds=st.lists(CHANGES, min_size=1, max_size=4))
def test_after_any_changes_every_figure_is_what_a_recount_gives(rounds: list[list[Record | Gone]]) -> None:
    figures = Figures()
    for changes in rounds:
        figures.apply(*changes)
        stats = {row.name: row.value for row in figures.store.rows("stats")}
        assert stats == pytest.approx(recount(figures.store), abs=2e-6)
