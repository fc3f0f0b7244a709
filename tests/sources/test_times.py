"""A time that makes no sense, wherever an agent wrote one, costs no row: it takes the time of the line before."""

from __future__ import annotations

import json
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
from agent_widget.sources.parsing import LATEST, millis
from tests.sources.fuzz import faults, filled, mode, unfit
from tests.sources.test_numbers import COMPUTED, begun, written
from tests.support import homes

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
Place = tuple[str, ...]


def times(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any, Any]]:
    """Where a JSON value has times: the keys that lead there, the holder, and the key in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        there = (*place, key if isinstance(key, str) else "*")
        if isinstance(inner, (dict, list)):
            yield from times(inner, there)
        elif STAMP.match(inner) if isinstance(inner, str) else 1e9 < (inner or 0) < 1e14:
            yield there, value, key


def parsed(data: bytes, by_lines: bool) -> Iterator[Any]:
    for text in data.splitlines() if by_lines else [data]:
        try:
            yield json.loads(text)
        except ValueError:
            yield None


def spoilt(data: bytes, by_lines: bool, place: Place, value: Any) -> bytes:
    """The file with another value at one place: in the second line that has it, in the middle of a document."""
    changed, seen = [], 0
    texts = data.splitlines() if by_lines else [data]
    for text, whole in zip(texts, parsed(data, by_lines), strict=True):
        found = [(holder, key) for there, holder, key in times(whole) if there == place]
        seen += bool(found)
        if found and (not by_lines or seen == 2):
            holder, key = found[len(found) // 2]
            holder[key] = value
            text = written(whole)
        changed.append(text)
    return b"\n".join(changed) + b"\n" * by_lines


def cases(kind: type[Source]) -> Iterator[tuple[dict[str, bytes], str, Place]]:
    """Each place of each kind of file once."""
    seen = set()
    for make in homes.WRITTEN[kind.name]:
        files = {path: begun(data) if mode(kind, path) == "lines" else data for path, data in make().items()}
        for path, data in files.items():
            way = mode(kind, path)
            if way not in ("lines", "document"):
                continue
            for place in dict.fromkeys(there for whole in parsed(data, way == "lines") for there, _, _ in times(whole)):
                key = re.sub(r"[0-9a-f]{6,}|[0-9]+", "", path), place
                if key not in seen:
                    seen.add(key)
                    yield files, path, place


def rows(tables: dict[str, Any]) -> Counter[str]:
    """How many rows there are of each table: an id may be made of a time."""
    return Counter({table: len(held) for table, held in tables.items() if table not in COMPUTED})


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
def test_a_time_that_makes_no_sense_costs_no_row(kind: type[Source], tmp_path: Path) -> None:
    expected: dict[int, Counter[str]] = {}
    lost = []
    for number, (files, path, place) in enumerate(cases(kind)):
        if id(files) not in expected:
            expected[id(files)] = rows(filled(kind, tmp_path / f"whole-{number}", files).tables)
        for at, value in enumerate(SENSELESS):
            changed = {**files, path: spoilt(files[path], mode(kind, path) == "lines", place, value)}
            home = filled(kind, tmp_path / f"{number}-{at}", changed)
            assert faults(home) is None and unfit(home) is None
            missing = expected[id(files)] - rows(home.tables)
            if missing and (kind.name, place, Path(path).parts[1]) not in KNOWN:
                lost.append((path, ".".join(place), value, missing))
    assert lost == []


@pytest.mark.parametrize(
    "value", [*SENSELESS, None, "", True, math.nan, math.inf, -math.inf, 0, 10**18, [1], "1969-12-31"]
)
def test_it_is_no_time(value: Any) -> None:
    assert millis(value) is None


@given(st.datetimes().map(lambda moment: moment.isoformat()) | st.integers() | st.floats() | st.text())
def test_whatever_is_taken_for_a_time_can_be_shown(value: Any) -> None:
    at = millis(value)
    assert at is None or (0 < at < LATEST and offline_reason(at, "new line"))
