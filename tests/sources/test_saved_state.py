"""A source and its readers can be saved in the middle of their files, and go on where they were."""

from __future__ import annotations

import contextlib
import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from agent_widget.sources import SOURCES, Gone, Item, Reader, Record
from agent_widget.sources.parsing import MISREAD
from tests.support import homes

KINDS = {kind.name: kind for kind in SOURCES}


def feed(reader: Reader, path: Path, portion: slice) -> Iterator[Item]:
    """What follows from some lines of a file, or from all of a document or database."""
    if reader.mode == "database":
        with contextlib.closing(sqlite3.connect(path)) as database:
            yield from reader.query(lambda sql, **parameters: database.execute(sql, parameters))
        return
    lines = path.read_bytes().split(b"\n")
    for data in lines[portion] if reader.mode == "lines" else [path.read_bytes()]:
        with contextlib.suppress(*MISREAD):
            yield from reader.read(data)


def rows(reader: Reader, path: Path, portion: slice) -> list[Item]:
    return [item for item in feed(reader, path, portion) if isinstance(item, (Record, Gone))]


@pytest.mark.parametrize(
    ("name", "written"), [(name, number) for name in sorted(KINDS) for number in range(len(homes.WRITTEN[name]))]
)
def test_what_was_saved_goes_on_as_if_it_had_not_been(name: str, written: int, tmp_path: Path) -> None:
    files = homes.WRITTEN[name][written]()
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    source = KINDS[name](tmp_path)
    found = {path: source.reader(PurePosixPath(path)) for path in sorted(files)}
    readers = {path: reader for path, reader in found.items() if reader is not None}
    middle = {path: len(files[path].split(b"\n")) // 2 for path in readers}
    for path, reader in readers.items():
        rows(reader, tmp_path / path, slice(middle[path]))
    _, loaded = pickle.loads(pickle.dumps((source, readers)))
    for path, reader in readers.items():
        rest = slice(middle[path], None)
        assert rows(loaded[path], tmp_path / path, rest) == rows(reader, tmp_path / path, rest), path
