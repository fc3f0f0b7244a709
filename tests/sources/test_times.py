"""A time that makes no sense, wherever an agent wrote one, costs no row: it takes the time of the line before.

A file that has none at all is shown, or said not to be.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.ingest.status import offline_reason
from agent_widget.sources import SOURCES, Source
from agent_widget.sources.chat import UNDATED
from agent_widget.sources.claude import Claude
from agent_widget.sources.parsing import LATEST, millis
from tests.sources.fuzz import filled, mode
from tests.sources.spoiling import COMPUTED, Place, cases, joined, lost, parsed, texts, values, written
from tests.support.transcripts import Home, at, iso, lines

SENSELESS: Final = (
    -1,
    10**400,
    "many",
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "99999-01-01T00:00:00Z",
    {},
)
"""Negative, out of range, no time, before and after all that a calendar has, of another type."""
MISSING: Final = object()
"""Stands for a time that is not there at all."""
STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT")


def is_time(place: Place, value: Any) -> bool:
    return bool(STAMP.match(value)) if isinstance(value, str) else 1e9 < (value or 0) < 1e14


def spoilt(data: bytes, by_lines: bool, place: Place, senseless: Iterator[Any]) -> bytes:
    """The file with other values at one place, the next one in every second line or element that has it."""
    found = list(parsed(data, by_lines))
    places = [
        (number, holder, key)
        for number, (_, whole) in enumerate(found)
        for there, holder, key in values(whole, is_time)
        if there == place
    ]
    others = set()
    chosen = places[1::2] or ([] if by_lines else places)  # the first line has no line before
    for (number, holder, key), value in zip(chosen, senseless, strict=False):
        holder[key] = value
        others.add(number)
    return joined([written(whole) if n in others else text for n, (text, whole) in enumerate(found)], by_lines)


def rows(tables: dict[str, Any]) -> Counter[str]:
    """How many rows there are of each table: an id may be made of a time."""
    return Counter({table: len(held) for table, held in tables.items() if table not in COMPUTED})


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_a_time_that_makes_no_sense_costs_no_row(kind: type[Source], tmp_path: Path) -> None:
    assert list(lost(kind, tmp_path, cases(kind, is_time), SENSELESS, spoilt, rows)) == []


def without_times(data: bytes, by_lines: bool, value: Any) -> bytes:
    """The file with another value for each of its times, or with none of them."""
    changed = []
    for text, whole in parsed(data, by_lines):
        found = list(values(whole, is_time))
        for _, holder, key in found:
            if value is MISSING and isinstance(holder, dict):
                del holder[key]
            else:
                holder[key] = None if value is MISSING else value
        changed.append(written(whole) if found else text)
    return joined(changed, by_lines)


def said(home: Home) -> tuple[Any, ...]:
    """All that is said to be wrong with the files of a home."""
    return tuple((state.malformed, state.problems, state.unknown) for state in home.collector.states())


@pytest.mark.parametrize(
    "value",
    [MISSING, *(pytest.param(value, marks=pytest.mark.slow) for value in (None, "soon", 0))],
    ids=["missing", "null", "senseless", "zero"],
)
@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_a_file_without_any_time_is_shown_or_said(kind: type[Source], value: Any, tmp_path: Path) -> None:
    before: dict[str, bytes] = {}
    for number, (files, path) in enumerate(texts(kind)):
        if files is not before:
            before, whole = files, filled(kind, tmp_path / f"whole-{number}", files)
            expected, usual = rows(whole.stored), said(whole)
        spoiled = {**files, path: without_times(files[path], mode(kind, path) == "lines", value)}
        home = filled(kind, tmp_path / str(number), spoiled)
        assert expected <= rows(home.stored) or said(home) != usual, path


def test_it_is_said_until_a_line_has_a_time(tmp_path: Path) -> None:
    """What was kept is shown then, at the time of that line."""
    home = Home(Claude, tmp_path)
    prompt = {"type": "user", "uuid": "u", "sessionId": "s", "cwd": "/shop", "message": {"content": "Count them."}}
    home.write("projects/-shop/s.jsonl", lines(prompt))
    assert home.rows("sessions") == {}
    (state,) = home.collector.states()
    assert [problem.partition(": ")[2] for problem in state.problems] == [UNDATED]
    home.write("projects/-shop/s.jsonl", lines({**prompt, "uuid": "v", "timestamp": iso("10:00:00")}))
    assert [row["at"] for row in home.rows("messages").values()] == [at("10:00:00")] * 2
    assert said(home) == ((0, [], {}),)


def test_of_very_many_lines_without_a_time_the_others_are_said_to_be_left_out(tmp_path: Path) -> None:
    home = Home(Claude, tmp_path)
    prompts = [{"type": "user", "uuid": f"u{n}", "sessionId": "s", "message": {"content": "Go."}} for n in range(250)]
    prompts.append({**prompts[0], "uuid": "last", "timestamp": iso("10:00:00")})
    home.write("projects/-shop/s.jsonl", lines(*prompts))
    assert len(home.rows("messages")) + home.malformed == 251


def test_a_file_of_titles_alone_is_no_conversation_that_is_missing(tmp_path: Path) -> None:
    home = Home(Claude, tmp_path)
    home.write("projects/-shop/s.jsonl", lines({"type": "summary", "summary": "Old", "leafUuid": "x"}))
    home.read()
    assert said(home) == ((0, [], {}),)


@pytest.mark.parametrize(
    "value", [*SENSELESS, None, "", True, math.nan, math.inf, -math.inf, 0, 10**18, [1], "1969-12-31"]
)
def test_it_is_no_time(value: Any) -> None:
    assert millis(value) is None


@given(st.datetimes().map(lambda moment: moment.isoformat()) | st.integers() | st.floats() | st.text())
def test_whatever_is_taken_for_a_time_can_be_shown(value: Any) -> None:
    at = millis(value)
    assert at is None or (0 < at < LATEST and offline_reason(at, "new line"))
