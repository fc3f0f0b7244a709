"""A time that makes no sense, wherever an agent wrote one, costs no row: it takes the time of the line before."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.ingest.status import offline_reason
from agent_widget.sources import SOURCES, Source
from agent_widget.sources.parsing import LATEST, millis
from tests.sources.spoiling import COMPUTED, Place, cases, joined, lost, parsed, values, written

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
KNOWN: Final = frozenset({("opencode", ("time", "created"), "session")})
"""OpenCode's list of things to do has no time and, in its old tree of files, waits for that of its session."""
STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT")


def is_time(place: Place, value: Any) -> bool:
    return bool(STAMP.match(value)) if isinstance(value, str) else 1e9 < (value or 0) < 1e14


def spoilt(data: bytes, by_lines: bool, place: Place, value: Any) -> bytes:
    """The file with another value at one place: in the second line that has it, in the middle of a document."""
    changed, seen = [], 0
    for text, whole in parsed(data, by_lines):
        found = [(holder, key) for there, holder, key in values(whole, is_time) if there == place]
        seen += bool(found)
        if found and (not by_lines or seen == 2):
            holder, key = found[len(found) // 2]
            holder[key] = value
            text = written(whole)
        changed.append(text)
    return joined(changed, by_lines)


def rows(tables: dict[str, Any]) -> Counter[str]:
    """How many rows there are of each table: an id may be made of a time."""
    return Counter({table: len(held) for table, held in tables.items() if table not in COMPUTED})


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
def test_a_time_that_makes_no_sense_costs_no_row(kind: type[Source], tmp_path: Path) -> None:
    found = lost(kind, tmp_path, cases(kind, is_time), SENSELESS, spoilt, rows)
    unknown = [case for case in found if (kind.name, case[1], Path(case[0]).parts[1]) not in KNOWN]
    assert unknown == []


@pytest.mark.parametrize(
    "value", [*SENSELESS, None, "", True, math.nan, math.inf, -math.inf, 0, 10**18, [1], "1969-12-31"]
)
def test_it_is_no_time(value: Any) -> None:
    assert millis(value) is None


@given(st.datetimes().map(lambda moment: moment.isoformat()) | st.integers() | st.floats() | st.text())
def test_whatever_is_taken_for_a_time_can_be_shown(value: Any) -> None:
    at = millis(value)
    assert at is None or (0 < at < LATEST and offline_reason(at, "new line"))
