"""A home directory of some coding agent, written by hand or cut from a recording, and what is read from it."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest import roots
from agent_widget.ingest.collector import Collector
from agent_widget.sources.base import Source
from agent_widget.tables import TABLES

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
NEW_YEAR = 1_767_225_600_000  # 2026-01-01
Rows = dict[str, dict[str, Any]]


def at(clock: str) -> int:
    """Milliseconds of a time on the day on which everything here happens."""
    hours, minutes, seconds = (float(part) for part in clock.split(":"))
    return NEW_YEAR + round((hours * 3600 + minutes * 60 + seconds) * 1000)


def iso(clock: str) -> str:
    return f"2026-01-01T{clock}Z" if "." in clock else f"2026-01-01T{clock}.000Z"


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


class Home:
    """The directory of one agent, and a collector that reads it."""

    def __init__(self, kind: type[Source], root: Path, *, now: int = at("10:20:00")) -> None:
        self.kind = kind
        self.root = root
        self.now = now
        self._collector: Collector | None = None

    @property
    def collector(self) -> Collector:
        if self._collector is None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(roots, "SOURCES", (self.kind,))
                self._collector = Collector([self.root], clock=lambda: self.now, host="here")
        return self._collector

    @property
    def source(self) -> Any:
        (source,) = self.collector.sources
        return source

    def write(self, path: str, data: bytes) -> Home:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "ab") as stream:
            stream.write(data)
        return self

    def replace(self, path: str, data: bytes) -> Home:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)
        return self

    def read(self) -> Home:
        self.collector.scan()
        return self

    def rows(self, table: str) -> Rows:
        return {row.id: row for row in self.read().collector.store.rows(table)}

    def row(self, table: str, id: str) -> Any:
        rows = self.rows(table)
        assert id in rows, f"{table} has no {id}, but {sorted(rows)}"
        return rows[id]

    def only(self, table: str) -> Any:
        (row,) = self.rows(table).values()
        return row

    def spans(self, agent: str) -> list[str]:
        """The statuses that an agent went through."""
        spans = (span for span in self.rows("spans").values() if span.agent_id == agent)
        return [span.status for span in sorted(spans, key=lambda span: span.started_at)]

    @property
    def malformed(self) -> int:
        return sum(state.malformed for state in self.read().collector.states())

    @property
    def tables(self) -> dict[str, Rows]:
        return self.read().stored

    @property
    def stored(self) -> dict[str, Rows]:
        """All tables as of the last reading; to read again takes as long when files were written just now."""
        store = self.collector.store
        return {name: {row.id: dict(row) for row in store.rows(name)} for name in TABLES if name != "stats"}


def same_however_it_is_fed(kind: type[Source], files: Mapping[str, bytes], tmp_path: Path, seed: int) -> None:
    """Files that grow in any portions and order, are read again after a crash or come from their start: same rows."""
    dice = random.Random(seed)
    whole = Home(kind, tmp_path / "whole")
    for path, data in files.items():
        whole.write(path, data)
    expected = whole.tables
    assert any(expected.values())

    growing = Home(kind, tmp_path / "growing")
    rest = dict(files)
    for path, data in files.items():
        if not path.endswith(".jsonl"):
            growing.replace(path, data)
            del rest[path]
        else:
            growing.write(path, b"")
    while rest:
        path = dice.choice(sorted(rest))
        size = dice.choice((1, 100, 3000, 1_000_000))
        growing.write(path, rest[path][:size]).read()
        rest[path] = rest[path][size:]
        if not rest[path]:
            del rest[path]
        if dice.random() < 0.2:  # touched, so that it is read from its start again
            os.utime(growing.root / path, ns=(dice.randrange(10**18), dice.randrange(10**18)))
    assert growing.tables == expected


def recordings(agent: str) -> list[Path]:
    """The transcripts of one agent that an independent monitor recorded; none where they are absent."""
    return sorted((SHARED / "replays" / agent).glob("*/*/recordings/*/transcript.jsonl"))


def recording(agent: str, case: str) -> bytes:
    """One transcript; skips the test where the recordings are absent."""
    found = [path for path in recordings(agent) if case in str(path)]
    if not found:
        pytest.skip(f"the recordings of {agent} are not beside the repository (../shared/data/replays)")
    return found[0].read_bytes()


def all_recordings(agent: str) -> Iterator[tuple[str, bytes]]:
    """All transcripts of one agent by their case; skips the test where they are absent."""
    found = recordings(agent)
    if not found:
        pytest.skip(f"the recordings of {agent} are not beside the repository (../shared/data/replays)")
    for path in found:
        yield f"{path.parent.parent.parent.name}-{path.parent.name}", path.read_bytes()
