"""A number that makes no sense, wherever an agent wrote one, loses itself and not the row in which it stood."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from agent_widget.sources import SOURCES, Source
from tests.sources.fuzz import faults, filled, mode, unfit
from tests.support import homes

HOSTILE: Final = (-1, -(10**30), 10**400, "many", math.inf, [1], True)
"""Out of range, negative, textual, of another type; ``inf`` stands in a file as 1e999."""
CONTENT: Final = frozenset({"realtime.log"})
"""Files whose lines are known by what they say, numbers included."""
NAMES: Final = re.compile(
    r"(^|_)(id|ids|index|number|version|protocol|uid)$|Id$|Index$|Version$|dependencies|depends", re.I
)
"""What identifies a row or its place among others is no figure: another one is another row."""
TIMES: Final = re.compile(r"(^|_)(time|timestamp|created|updated|start|end)$|At$|_at$", re.I)
"""A row without its time is none: it could be shown nowhere."""
COMPUTED: Final = ("stats", "spans", "usage", "limits")

Place = tuple[str, ...]


def numbers(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any, Any]]:
    """Where a JSON value has numbers: the keys that lead there, the holder, and the key in it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        there = (*place, key if isinstance(key, str) else "*")
        if isinstance(inner, (int, float)) and not isinstance(inner, bool):
            if not any(NAMES.search(name) or TIMES.search(name) for name in there):
                yield there, value, key
        else:
            yield from numbers(inner, there)


def written(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).replace("Infinity", "1e999").encode()


def spoilt(data: bytes, by_lines: bool, place: Place, value: Any) -> bytes:
    """The file with another value at one place, in each line that has it."""
    texts = data.splitlines() if by_lines else [data]
    changed = []
    for text in texts:
        try:
            whole = json.loads(text)
        except ValueError:
            changed.append(text)
            continue
        found = [(holder, key) for there, holder, key in numbers(whole) if there == place]
        for holder, key in found:
            holder[key] = value
        changed.append(written(whole) if found else text)
    return b"\n".join(changed) + b"\n" * by_lines


def places(data: bytes, by_lines: bool) -> list[Place]:
    found: dict[Place, None] = {}
    for text in data.splitlines() if by_lines else [data]:
        try:
            found |= dict.fromkeys(there for there, _, _ in numbers(json.loads(text)))
        except ValueError:
            continue
    return list(found)


def rows(tables: dict[str, Any]) -> set[tuple[str, str]]:
    return {(table, id) for table, held in tables.items() if table not in COMPUTED for id in held}


def begun(data: bytes) -> bytes:
    """The first lines of a file."""
    return b"".join(data.splitlines(keepends=True)[:60])


def cases(kind: type[Source]) -> Iterator[tuple[dict[str, bytes], str, Place]]:
    """Each place of each kind of file once."""
    for make in homes.WRITTEN[kind.name]:
        files = {path: begun(data) if mode(kind, path) == "lines" else data for path, data in make().items()}
        seen = set()
        for path, data in files.items():
            way = mode(kind, path)
            if way not in ("lines", "document") or path in CONTENT:
                continue
            for place in places(data, way == "lines"):
                key = re.sub(r"[0-9a-f]{6,}|[0-9]+", "", path), place
                if key not in seen:
                    seen.add(key)
                    yield files, path, place


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.name)
def test_a_number_that_makes_no_sense_costs_no_row(kind: type[Source], tmp_path: Path) -> None:
    expected: dict[int, set[tuple[str, str]]] = {}
    lost = []
    for number, (files, path, place) in enumerate(cases(kind)):
        if id(files) not in expected:
            expected[id(files)] = rows(filled(kind, tmp_path / f"whole-{number}", files).tables)
        for at, value in enumerate(HOSTILE):
            changed = {**files, path: spoilt(files[path], mode(kind, path) == "lines", place, value)}
            home = filled(kind, tmp_path / f"{number}-{at}", changed)
            assert faults(home) is None and unfit(home) is None
            if missing := expected[id(files)] - rows(home.tables):
                lost.append((path, ".".join(place), value, sorted(missing)[:3]))
    assert lost == []
