"""A number that makes no sense, wherever an agent wrote one, loses itself and not the row in which it stood."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from agent_widget.sources import SOURCES, Source
from tests.sources.fuzz import filled, unfit
from tests.sources.spoiling import COMPUTED, Place, cases, joined, lost, parsed, values, written

HOSTILE: Final = (-1, -(10**30), 2**62, 2**64, 10**400, "many", "9" * 5000, math.inf, [1], {}, True)
"""Out of range, also only in another unit, negative, textual, of another type; ``inf`` stands in a file as 1e999."""
TEXTUAL: Final = frozenset({"intValue", "doubleValue", "severityNumber"})
"""What OTLP writes as a text though it is a number."""
CONTENT: Final = frozenset({"realtime.log"})
"""Files whose lines are known by what they say, numbers included."""
NAMES: Final = re.compile(
    r"(^|_)(id|ids|index|number|version|protocol|uid)$|Id$|Index$|Version$|dependencies|depends", re.I
)
"""What identifies a row or its place among others is no figure: another one is another row."""
TIMES: Final = re.compile(r"(^|_)(time|timestamp|created|updated|start|end)$|At$|_at$", re.I)
"""A row without its time is none: it could be shown nowhere."""


def is_figure(place: Place, value: Any) -> bool:
    """Whether a value is a number that identifies nothing."""
    return (
        (isinstance(value, (int, float)) or (isinstance(value, str) and bool(place) and place[-1] in TEXTUAL))
        and not isinstance(value, bool)
        and not any(NAMES.search(name) or TIMES.search(name) for name in place)
    )


def spoilt(data: bytes, by_lines: bool, place: Place, senseless: Iterator[Any]) -> bytes:
    """The file with other values at one place, the next one in each line or element that has it."""
    changed = []
    for text, whole in parsed(data, by_lines):
        found = [(holder, key) for there, holder, key in values(whole, is_figure) if there == place]
        for (holder, key), value in zip(found, senseless, strict=False):
            holder[key] = value
        changed.append(written(whole) if found else text)
    return joined(changed, by_lines)


def rows(tables: dict[str, Any]) -> set[tuple[str, str]]:
    return {(table, id) for table, held in tables.items() if table not in COMPUTED for id in held}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_a_number_that_makes_no_sense_costs_no_row(kind: type[Source], tmp_path: Path) -> None:
    found = (case for case in cases(kind, is_figure) if case[1] not in CONTENT)
    assert list(lost(kind, tmp_path, found, HOSTILE, spoilt, rows)) == []


@pytest.mark.parametrize("minutes", [2**62, 9e18, 10**400])
def test_a_number_may_be_out_of_range_in_another_unit_only(minutes: float, tmp_path: Path) -> None:
    """Nothing but a row's own cells says so: minutes become milliseconds."""
    path = "session-summaries.json"
    data = written({"summaries": [{"session_id": "s", "duration_minutes": minutes}]})
    home = filled(SOURCES.named("workspace"), tmp_path, {path: data})
    assert unfit(home) is None
    assert home.stored["sessions"]["s"]["duration_ms"] is None
