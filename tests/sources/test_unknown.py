"""Kinds that are not known: each is named once, however many lines are of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.sources.base import MAX_UNKNOWN
from agent_widget.sources.claude import Claude
from agent_widget.sources.pi import Pi
from tests.support.transcripts import iso, lines

pytestmark = pytest.mark.usefixtures("own_machine")


def test_a_kind_is_counted_once_and_not_once_a_line(tmp_path: Path) -> None:
    path = tmp_path / "projects" / "-w-shop" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    line = {"uuid": "u", "sessionId": "s1", "timestamp": iso("10:00:00"), "cwd": "/w/shop"}
    odd = [line | {"type": kind} for kind in ("novelty", "novelty", "oddity", "novelty")]
    path.write_bytes(lines(line | {"type": "user", "message": {"content": "go"}}, *odd))
    collector = Collector([tmp_path])
    collector.scan()
    (state,) = collector.states()
    assert state.unknown == {"novelty/": 1, "oddity/": 1}


def test_rows_that_cannot_be_used_are_counted_each_and_once() -> None:
    source = Pi(Path("/x"))
    for id in ("a", "b", "a"):
        source.odd("message/malformed", id)
    assert source.unknown == {"message/malformed": 2}


def test_a_file_that_calls_each_line_something_else_is_bounded() -> None:
    source = Claude(Path("/x"))
    for number in range(10 * MAX_UNKNOWN):
        source.odd(f"kind-{number}")
    assert len(source.unknown) == MAX_UNKNOWN
