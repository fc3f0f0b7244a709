"""What readers share is a dict, whether a part of it is on disk or not."""

from __future__ import annotations

import pickle
import sqlite3
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.ingest.facts import FACTS, Facts
from agent_widget.sources.kept import Kept

KEYS = st.sampled_from(["a", "b", "c", "d", "é", "\udcff"])
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["put", "adopt"]), KEYS, st.lists(st.integers(0, 9), max_size=2)),
        st.tuples(st.just("add"), KEYS, st.integers(0, 9)),
        st.tuples(st.sampled_from(["pop", "ask"]), KEYS, st.none()),
        st.tuples(st.sampled_from(["checkpoint", "restart"]), st.none(), st.none()),
    ),
    max_size=40,
)


def facts() -> Facts:
    connection = sqlite3.connect(":memory:")
    for statement in FACTS:
        connection.execute(statement)
    return opened(connection)


def opened(connection: sqlite3.Connection) -> Facts:
    disk = Facts(connection, connection.execute)
    disk.begin()
    return disk


@given(OPERATIONS)
def test_it_is_a_dict_whatever_is_written_dropped_and_started_again(operations: list[Any]) -> None:
    disk, plain = facts(), dict[str, list[int]]()
    kept: Kept[list[int]] = Kept(list[int], list, held=1)
    kept.keep_in(disk.shelf("s"))
    for operation, key, value in operations:
        if operation == "put":
            kept[key], plain[key] = list(value), list(value)
        elif operation == "adopt":
            if kept.adopt(key, msgspec.msgpack.encode(value)):
                assert key not in plain
                plain[key] = list(value)
        elif operation == "add":  # changed in place, and put again
            found = kept[key]
            found.append(value)
            kept[key] = found
            plain[key] = [*plain.get(key, []), value]
        elif operation == "pop":
            assert kept.pop(key) == plain.pop(key, None)
        elif operation == "ask":
            assert (key in kept, kept.get(key)) == (key in plain, plain.get(key))
        else:
            disk.write({"s": kept.changes()})
            kept.written()
            if operation == "restart":
                disk = opened(disk._connection)
                kept = Kept(list[int], list, held=1)
                kept.keep_in(disk.shelf("s"))
    for key in ("a", "b", "c", "d", "é", "\udcff"):
        assert kept.get(key) == plain.get(key)


def test_a_checkpoint_leaves_few_entries_in_memory_and_finds_the_others() -> None:
    disk = facts()
    kept: Kept[int] = Kept(int, held=10)
    kept.keep_in(disk.shelf("s"))
    for number in range(100):
        kept[f"k{number}"] = number
    disk.write({"s": kept.changes()})
    kept.written()
    assert len(kept) == 10
    assert kept.changes() == []
    assert [kept[f"k{number}"] for number in range(100)] == list(range(100))
    assert kept.changes() == [], "what is only looked up is not written again"


def test_what_another_one_has_encoded_is_written_as_it_is_unless_somebody_asks_for_it() -> None:
    disk = facts()
    kept: Kept[list[int]] = Kept(list[int])
    kept.keep_in(disk.shelf("s"))
    data = b"\xdc\x00\x01\x07"  # [7], as this one would not encode it
    assert kept.adopt("a", data) and kept.adopt("b", data) and not kept.adopt("a", data)
    assert kept["b"] == [7]
    assert kept.changes() == [("a", data), ("b", msgspec.msgpack.encode([7]))]
    disk.write({"s": kept.changes()})
    kept.written()
    assert not kept.adopt("a", b"\x90")
    assert kept["a"] == [7]


def test_a_key_that_never_came_is_not_looked_for_on_disk() -> None:
    disk = facts()
    kept: Kept[int] = Kept(int)
    kept.keep_in(disk.shelf("s"))
    kept["known"] = 1
    disk.write({"s": kept.changes()})
    asked: list[str] = []
    disk._connection.set_trace_callback(asked.append)
    assert kept.get("new") is None
    assert "newer" not in kept
    assert asked == []


def test_only_what_is_on_no_shelf_can_be_pickled() -> None:
    kept: Kept[int] = Kept(int)
    kept["a"] = 1
    assert pickle.loads(pickle.dumps(kept)) == {"a": 1}
    kept.keep_in(facts().shelf("s"))
    with pytest.raises(TypeError, match="shelf"):
        pickle.dumps(kept)
