"""The store: rows and one counter, the question "what has changed since N?", and replicas that stay in step."""

from __future__ import annotations

import copy
import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent_widget import protocol, store
from agent_widget.store import Answer, Change, Gap, Position, Row, Store, joined
from agent_widget.tables import TABLES, Gone, Record
from tests.support.steps import steps


def task(id: str, **fields: Any) -> Record:
    return Record("tasks", id, fields)


def filled(*operations: Record | Gone) -> Store:
    """A store after some operations."""
    filled = Store()
    filled.apply(operations)
    return filled


def everything(of: Store) -> dict[str, dict[str, Row]]:
    """All rows of all tables by key."""
    return {name: {row["id"]: row for row in of.rows(name)} for name in of}


def copied(source: Store) -> Store:
    """A replica that has come as far as its source."""
    replica = Store()
    replica.adopt(source.since(None))
    return replica


# ---------------------------------------------------------------------------------------------------------------------
# Rows and merges


def test_a_new_row_has_every_column_of_its_table_and_unknown_is_null() -> None:
    row = filled(task("t", title="Write")).get("tasks", "t")
    assert row is not None
    assert list(row) == [column.name for column in TABLES["tasks"].columns]
    assert {name: value for name, value in row.items() if value is not None} == {"id": "t", "title": "Write"}


def test_a_new_row_starts_with_the_defaults_and_an_old_one_keeps_what_it_has() -> None:
    tasks = Store()
    tasks.apply([task("t")], {"source": "workspace", "host": "here"})
    tasks.apply([task("t", title="Write")], {"source": "other", "host": "there"})
    row = tasks.get("tasks", "t")
    assert row is not None
    assert (row.source, row.host) == ("workspace", "here")


def test_a_row_is_readable_as_attributes_and_names_its_columns_when_one_is_wrong() -> None:
    row = Row(id="t", title="Write")
    assert row.title == "Write"
    with pytest.raises(AttributeError, match=r"no column 'titel'; it has id, title"):
        _ = row.titel
    assert getattr(row, "titel", "none") == "none"


def test_no_column_is_hidden_behind_a_method_of_dict() -> None:
    columns = {column.name for table in TABLES.values() for column in table.columns}
    assert not columns & set(dir(Row))


@pytest.mark.parametrize(
    ("column", "claims", "result"),
    [
        ("name", ["a", "b", "a"], "a"),  # replace: the newer claim wins
        ("name", ["a", None], None),
        ("started_at", [5, 3, 9], 3),  # min
        ("last_seen_at", [5, 3, 9, 4], 9),  # max
        ("started_at", [None, 7], 7),
        ("started_at", [7, None], 7),  # unknown says nothing where order must not matter
        ("tasks_completed", [0, None], 0),
        ("tasks_completed", [0, 2, 1], 2),
    ],
)
def test_two_claims_about_a_cell_are_merged_as_its_column_says(column: str, claims: list[Any], result: Any) -> None:
    agents = filled(*(Record("agents", "a", {column: claim}) for claim in claims))
    assert agents.rows("agents")[0][column] == result


def test_a_claim_leaves_the_columns_it_does_not_name_alone() -> None:
    tasks = filled(task("t", title="Write", status="pending"), task("t", status="completed"))
    assert (tasks.rows("tasks")[0].title, tasks.rows("tasks")[0].status) == ("Write", "completed")


def test_a_row_that_was_given_out_never_changes() -> None:
    tasks = filled(task("t", status="pending"))
    before, answer = tasks.get("tasks", "t"), tasks.since(None)
    tasks.apply([task("t", status="completed")])
    assert before is not None
    assert before.status == "pending"
    assert answer.rows["tasks"] == [before]


def test_changes_are_returned_in_order() -> None:
    tasks = filled(task("a", status="pending"))
    old = tasks.get("tasks", "a")
    changes = tasks.apply([task("a", status="pending"), task("a", status="blocked"), Gone("tasks", "a")])
    assert [(change.old, change.new and change.new.status) for change in changes[:1]] == [(old, "blocked")]
    assert changes[1] == Change("tasks", "a", changes[0].new, None)
    assert len(changes) == 2


def test_a_claim_that_changes_nothing_takes_no_seq() -> None:
    tasks = filled(task("t", status="pending", tags=["a"]))
    before = tasks.position
    assert tasks.apply([task("t", status="pending", tags=["a"]), task("t"), Gone("tasks", "never there")]) == []
    assert tasks.position == before


@pytest.mark.parametrize("operation", [Record("nonsense", "x", {}), task("t", nonsense=1), task("new", nonsense=1)])
def test_an_unknown_table_or_column_is_an_error(operation: Record) -> None:
    with pytest.raises(KeyError):
        filled(task("t")).apply([operation])


# ---------------------------------------------------------------------------------------------------------------------
# What has changed since N?


def test_a_replica_without_a_position_gets_everything() -> None:
    answer = filled(task("a"), task("b"), Record("logs", "l", {})).since(None)
    assert (answer.reset, answer.since, answer.seq) == (True, 0, 3)
    assert {name: [row.id for row in rows] for name, rows in answer.rows.items()} == {
        "tasks": ["a", "b"],
        "logs": ["l"],
    }


def test_a_replica_that_is_up_to_date_gets_nothing() -> None:
    tasks = filled(task("a"))
    answer = tasks.since(tasks.position)
    assert not answer
    assert (answer.rows, answer.gone, answer.reset) == ({}, {}, False)


def test_since_N_returns_each_changed_row_once_in_its_latest_state_oldest_change_first() -> None:
    tasks = filled(task("a"), task("b"), task("c"))
    position = tasks.position
    tasks.apply([task("c", title="1"), task("a", title="2"), task("c", title="3")])
    answer = tasks.since(position)
    assert [(row.id, row.title) for row in answer.rows["tasks"]] == [("a", "2"), ("c", "3")]
    assert (answer.since, answer.seq, answer.gone) == (3, 6, {})


def test_a_removed_row_is_gone_until_it_comes_back() -> None:
    tasks = filled(task("a"), task("b"))
    position = tasks.position
    tasks.apply([Gone("tasks", "a")])
    assert tasks.since(position).gone == {"tasks": ["a"]}
    assert tasks.since(tasks.position).gone == {}
    tasks.apply([task("a", title="again")])
    assert tasks.since(position).gone == {}
    assert [row.title for row in tasks.since(position).rows["tasks"]] == ["again"]


@pytest.mark.parametrize("position", [Position("another life", 1), Position("this life", 3)])
def test_a_position_of_another_life_or_from_the_future_is_answered_with_everything(position: Position) -> None:
    tasks = Store("this life")
    tasks.apply([task("a"), task("b")])
    answer = tasks.since(position)
    assert (answer.reset, answer.since, len(answer.rows["tasks"])) == (True, 0, 2)


def test_tombstones_are_bounded_and_an_older_position_gets_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "TOMBSTONES", 3)
    tasks = filled(*(task(str(n)) for n in range(6)))
    start = tasks.position
    tasks.apply([Gone("tasks", str(n)) for n in range(3)])
    assert sorted(tasks.since(start).gone["tasks"]) == ["0", "1", "2"]
    tasks.apply([Gone("tasks", "3")])  # the removal of 0 is forgotten
    assert tasks.since(start).reset
    after_the_forgotten = Position(tasks.epoch, start.seq + 1)
    assert sorted(tasks.since(after_the_forgotten).gone["tasks"]) == ["1", "2", "3"]
    assert not tasks.since(start, tables=["agents"]).reset, "only tables that are asked for count"


def test_a_limit_picks_the_newest_rows_by_the_tables_own_time_and_keeps_their_order() -> None:
    logs = filled(*(Record("logs", id, {"at": at}) for id, at in [("c", 30), ("a", 10), ("?", None), ("d", 40)]))
    limited = logs.since(None, limit={"logs": 2})
    assert [row.id for row in limited.rows["logs"]] == ["c", "d"]
    assert len(logs.since(None, limit={"logs": 9, "tasks": 0}).rows["logs"]) == 4
    assert "logs" not in logs.since(None, limit={"logs": 0}).rows


def test_of_rows_of_one_moment_a_limit_picks_those_that_changed_last() -> None:
    logs = filled(*(Record("logs", id, {"at": 1}) for id in "abc"))
    assert [row.id for row in logs.since(None, limit={"logs": 2}).rows["logs"]] == ["b", "c"]


def test_a_limit_bounds_only_answers_that_start_anew() -> None:
    logs = filled(Record("logs", "a", {}))
    position = logs.position
    logs.apply([Record("logs", id, {"at": 1}) for id in "bcd"])
    assert len(logs.since(position, limit={"logs": 1}).rows["logs"]) == 3


def test_an_answer_can_be_restricted_to_some_tables() -> None:
    mixed = filled(task("a"), Record("logs", "l", {}), Record("agents", "x", {}))
    mixed.apply([Gone("agents", "x")])
    answer = mixed.since(Position(mixed.epoch, 0), tables=["tasks", "no such table"])
    assert (list(answer.rows), answer.gone) == (["tasks"], {})
    assert answer.seq == mixed.seq, "the position is that of the whole store"


def test_the_cost_of_an_answer_follows_the_changes_not_the_table() -> None:
    def cost(rows: int) -> int:
        """How many calls and lines the store runs to answer "since the last change"."""
        large = filled(*(task(str(n)) for n in range(rows)))
        position = large.position
        large.apply([task("0", title="changed"), Gone("tasks", "1")])
        answer, count = steps(lambda: large.since(position))
        assert ([row.id for row in answer.rows["tasks"]], answer.gone) == (["0"], {"tasks": ["1"]})
        return count

    assert cost(5000) == cost(50)


# ---------------------------------------------------------------------------------------------------------------------
# Replicas


def test_a_replica_takes_over_the_position_and_the_rows_of_its_source() -> None:
    source = filled(task("a", title="x"), task("b"))
    replica = copied(source)
    assert everything(replica) == everything(source)
    assert replica.position == source.position


def test_a_replica_answers_for_its_source() -> None:
    source = filled(task("a"), task("b"), task("c"))
    first = copied(source)
    second = copied(first)
    source.apply([task("b", title="new"), Gone("tasks", "a")])
    first.adopt(source.since(first.position))
    second.adopt(first.since(second.position))
    assert everything(second) == everything(source)
    assert second.position == source.position


def test_adopting_an_answer_returns_the_changes() -> None:
    source = filled(task("a"), task("b"))
    replica = copied(source)
    source.apply([task("a", title="new"), task("c"), Gone("tasks", "b")])
    changes = replica.adopt(source.since(replica.position))
    assert {(change.id, change.old is None, change.new is None) for change in changes} == {
        ("a", False, False),
        ("c", True, False),
        ("b", False, True),
    }


def test_an_answer_that_is_repeated_changes_nothing() -> None:
    source = filled(task("a"))
    replica = copied(source)
    source.apply([task("a", title="new"), task("b")])
    answer = source.since(replica.position)
    assert replica.adopt(answer)
    assert replica.adopt(answer) == []
    assert everything(replica) == everything(source)


def test_an_answer_that_comes_late_does_not_turn_the_replica_back() -> None:
    source = filled(task("a", title="first"))
    replica = copied(source)
    source.apply([task("a", title="second"), task("b")])
    late = source.since(replica.position)
    source.apply([task("a", title="third"), Gone("tasks", "b")])
    replica.adopt(source.since(replica.position))
    assert replica.adopt(late) == []
    assert replica.position == source.position
    assert everything(replica) == everything(source)


def test_a_reset_that_repeats_what_is_held_is_no_change() -> None:
    source = filled(task("a"), task("b"))
    replica = copied(source)
    held = replica.get("tasks", "a")
    assert replica.adopt(source.since(None)) == []
    assert replica.get("tasks", "a") is held


def test_a_reset_takes_away_what_it_does_not_hold() -> None:
    replica = copied(filled(task("a"), task("b")))
    other = filled(task("b"), task("c"))
    changes = replica.adopt(other.since(None))
    assert [(change.id, change.new is None) for change in changes] == [("c", False), ("a", True)]
    assert everything(replica) == everything(other)
    assert replica.position == other.position


def test_a_replica_of_a_replica_is_reset_with_it() -> None:
    source = filled(task("a"), task("b"))
    first = copied(source)
    second = copied(first)
    source.apply([Gone("tasks", "a")])
    first.adopt(source.since(None))  # it no longer knows what went
    answer = first.since(second.position)
    assert answer.reset
    second.adopt(answer)
    assert everything(second) == everything(source)


@pytest.mark.parametrize(("epoch", "since"), [("e", 7), ("other", 0)])
def test_an_answer_that_does_not_join_on_is_refused_and_changes_nothing(epoch: str, since: int) -> None:
    replica = Store("e")
    replica.adopt(Answer("e", 0, 5, True, {"tasks": [Row(TABLES["tasks"].blank(), id="a")]}))
    before = everything(replica)
    with pytest.raises(Gap):
        replica.adopt(Answer(epoch, since, 9, False, {"tasks": [Row(TABLES["tasks"].blank(), id="b")]}))
    assert everything(replica) == before
    assert replica.position == Position("e", 5)


def test_no_reader_sees_half_an_answer() -> None:
    answers = [filled(*(task(str(n), title=title) for n in range(200))).since(None) for title in ("old", "new")]
    replica, done = Store(), threading.Event()
    replica.adopt(answers[0])

    def adopt() -> None:
        for turn in range(200):
            replica.adopt(answers[turn % 2])
        done.set()

    thread = threading.Thread(target=adopt)
    thread.start()
    while not done.is_set():
        rows = replica.rows("tasks")
        assert len(rows) == 200
        assert len({row.title for row in rows}) == 1
    thread.join()


def test_an_answer_whose_frames_break_off_leaves_nothing_behind() -> None:
    source = filled(*(task(str(n), title="x" * 50) for n in range(20)))
    frames = list(protocol.encode_answer(source.since(None), frame_bytes=200))
    assembler = protocol.Assembler()
    assert len(frames) > 5
    assert all(assembler.add(changes(frame)) is None for frame in frames[:-1])


def changes(frame: bytes) -> protocol.Changes:
    """One frame as the receiver sees it."""
    decoded = protocol.decode_server(frame)
    assert isinstance(decoded, protocol.Changes)
    return decoded


KEYS = st.sampled_from("abcdef")
NAMES = st.sampled_from(["agents", "tasks", "logs"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(["x", "y", None]),
        "session_id": st.text("héλ😀\u2028", max_size=40),
    },
)
OPERATIONS = st.lists(st.builds(Record, NAMES, KEYS, FIELDS) | st.builds(Gone, NAMES, KEYS), min_size=1, max_size=6)


class Replication(RuleBasedStateMachine):
    """A source that changes, replicas of it and of each other, and connections that break in the middle."""

    FOLLOWS = (None, None, 1, 2)  # replica 2 follows replica 1, replica 3 replica 2; the others the source

    def __init__(self) -> None:
        super().__init__()
        self.source = Store()
        self.replicas = [Store() for _ in self.FOLLOWS]
        self.answers: list[list[Answer]] = [[] for _ in self.FOLLOWS]
        self.heard: list[dict[str, dict[str, Row]]] = [{name: {} for name in TABLES} for _ in self.FOLLOWS]

    @initialize()
    def forget_soon(self) -> None:
        self.bound, store.TOMBSTONES = store.TOMBSTONES, 4

    def teardown(self) -> None:
        for number in range(len(self.replicas)):
            self.ask(number, breaks_after=None, frame_bytes=100)
            assert everything(self.replicas[number]) == everything(self.source)
            assert self.replicas[number].position == self.source.position
        store.TOMBSTONES = self.bound

    @rule(operations=OPERATIONS)
    def change(self, operations: list[Record | Gone]) -> None:
        self.source.apply(operations)

    @rule()
    def begin_another_life(self) -> None:
        new = Store()
        new.apply(Record(name, row["id"], row) for name in self.source for row in self.source.rows(name))
        self.source = new

    @rule(
        number=st.integers(0, len(FOLLOWS) - 1),
        breaks_after=st.none() | st.integers(0, 3),
        frame_bytes=st.sampled_from([1, 100, 2000]),
    )
    def ask(self, number: int, breaks_after: int | None, frame_bytes: int) -> None:
        replica, follows = self.replicas[number], self.FOLLOWS[number]
        source = self.source if follows is None else self.replicas[follows]
        assembler = protocol.Assembler()
        for sent, frame in enumerate(protocol.encode_answer(source.since(replica.position), frame_bytes)):
            if sent == breaks_after:
                return
            answer = assembler.add(changes(frame))
            if answer is not None:
                self.hear(number, replica.adopt(answer))
                self.answers[number] = (self.answers[number] + [answer])[-5:]

    @rule(number=st.integers(0, len(FOLLOWS) - 1), which=st.integers(0, 4))
    def repeat(self, number: int, which: int) -> None:
        replica, answers = self.replicas[number], self.answers[number]
        for answer in answers[which : which + 1]:
            if not answer.reset and answer.epoch == replica.epoch:
                before = everything(replica), replica.position
                assert replica.adopt(answer) == []
                assert (everything(replica), replica.position) == before

    def hear(self, number: int, changes: list[Change]) -> None:
        """Keep a copy from the changes alone."""
        for change in changes:
            held = self.heard[number][change.table]
            assert held.get(change.id) == change.old
            if change.new is None:
                del held[change.id]
            else:
                held[change.id] = change.new

    @invariant()
    def changes_tell_all(self) -> None:
        for replica, heard in zip(self.replicas, self.heard, strict=True):
            assert everything(replica) == heard


Replication.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestReplication = Replication.TestCase


def test_frames_are_about_as_large_as_asked_and_repeat_the_position() -> None:
    answer = filled(*(task(str(n)) for n in range(30))).since(None)
    frames = [json.loads(frame) for frame in protocol.encode_answer(answer, frame_bytes=1000)]
    assert {(frame["epoch"], frame["seq"], frame["reset"]) for frame in frames} == {(answer.epoch, 30, True)}
    assert [frame["more"] for frame in frames] == [True] * (len(frames) - 1) + [False]


CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["x", "y", None]),
        "started_at": st.sampled_from([1, 2, 3, None]),
        "last_seen_at": st.sampled_from([1, 2, 3, None]),
    },
)
SAYINGS = st.lists(st.builds(Record, st.just("agents"), KEYS, CLAIMS) | st.builds(Gone, st.just("agents"), KEYS))


@given(SAYINGS, SAYINGS)
def test_claims_that_are_joined_first_make_the_same_rows(
    before: list[Record | Gone], operations: list[Record | Gone]
) -> None:
    singly, together = filled(*before), filled(*before)
    said = copy.deepcopy(operations)
    singly.apply(operations)
    together.apply(joined(operations))
    assert everything(together) == everything(singly)
    assert operations == said, "what was claimed is left as it is"


def test_claims_that_are_joined_change_a_row_once() -> None:
    said = [task("1", status="pending"), task("2", title="two"), task("1", status="completed")]
    assert list(joined(said)) == [task("2", title="two"), task("1", status="completed")]
