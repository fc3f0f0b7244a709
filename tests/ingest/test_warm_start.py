"""A restarted server goes on from its archive: nothing unchanged is opened, nothing is lost, nothing comes twice."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest import archive_file, database, tail
from agent_widget.ingest import file as reading
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.archive_file import default_path
from agent_widget.ingest.collector import Collector
from tests.support.homes import WRITTEN
from tests.support.sums import disagreeing

pytestmark = pytest.mark.usefixtures("own_machine")

NOW = 1_767_268_800_000
HOMES = [(name, number) for name, made in WRITTEN.items() for number in range(len(made))]
each_home = pytest.mark.parametrize(("name", "number"), HOMES)
_moments = itertools.count(1_767_200_000)


def files_of(name: str, number: int) -> dict[str, bytes]:
    return WRITTEN[name][number]()


def write(root: Path, path: str, data: bytes) -> None:
    """Write a file that looks as if it had been there for a while."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    moment = next(_moments)
    os.utime(file, (moment, moment))


def collector(root: Path, archive: Path | None = None) -> Collector:
    opener = None if archive is None else lambda roots: Archive.open(archive)
    return Collector([root], clock=lambda: NOW, host="here", archive=opener)


def everything(collector: Collector) -> dict[str, dict[str, Any]]:
    """All rows of all tables; figures without the moment at which they were counted."""
    answer = collector.store.since(None)
    tables = {table: {row["id"]: dict(row) for row in rows} for table, rows in answer.rows.items()}
    for row in tables["stats"].values():
        row["at"] = None
    return tables


def read_at_once(root: Path) -> dict[str, dict[str, Any]]:
    """All rows of a home by one process that has kept nothing of it."""
    fresh = collector(root)
    fresh.scan()
    return everything(fresh)


def kill(collector: Collector) -> None:
    """End as a killed process ends: what was written stays, nothing more is written."""
    assert collector.archive is not None
    collector.archive._reading.close()
    collector.archive._connection.close()
    archive_file.unlocked(collector.archive._lock)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files that are opened for reading."""
    names: list[str] = []
    whole, regular, rows = tail.read_document, tail.open_regular, database.read
    monkeypatch.setattr(reading, "read_document", lambda path, root: names.append(str(path)) or whole(path, root))
    monkeypatch.setattr(tail, "open_regular", lambda path, root: names.append(str(path)) or regular(path, root))
    monkeypatch.setattr(database, "read", lambda path, *rest: names.append(str(path)) or rows(path, *rest))
    yield names


@each_home
def test_a_second_start_opens_no_unchanged_file(name: str, number: int, tmp_path: Path, opened: list[str]) -> None:
    for path, data in files_of(name, number).items():
        write(tmp_path / "home", path, data)
    first = collector(tmp_path / "home", tmp_path / "a.sqlite3")
    first.scan()
    before, position = everything(first), first.store.position
    assert opened
    first.close()
    opened.clear()
    second = collector(tmp_path / "home", tmp_path / "a.sqlite3")
    assert everything(second) == before, "complete before anything is looked at"
    second.scan()
    assert opened == []
    assert everything(second) == before
    assert not second.store.since(position), "who was connected has missed nothing"
    second.close()


@each_home
@pytest.mark.parametrize("seed", range(3))
def test_a_home_that_grows_over_kills_is_as_if_read_at_once(name: str, number: int, seed: int, tmp_path: Path) -> None:
    """Files come and grow; servers are stopped or killed, before or after a checkpoint, in the middle of a reading."""
    files, rng, root = files_of(name, number), random.Random(f"{name} {number} {seed}"), tmp_path / "home"
    root.mkdir()
    paths = sorted(files)
    rng.shuffle(paths)
    write(root, paths[0], files[paths[0]])  # something to be recognised by
    parts: list[tuple[str, bytes]] = []
    for path in paths:
        lines = files[path].splitlines(keepends=True) if path.endswith("l") else [files[path]]
        cuts = sorted({*rng.choices(range(len(lines) + 1), k=2), len(lines)})
        parts += [(path, b"".join(lines[:cut])) for cut in cuts]
    rng.shuffle(parts)
    parts.sort(key=lambda part: len(part[1]))
    running = collector(root, tmp_path / "a.sqlite3")
    for path, data in parts:
        write(root, path, data)
        running.look()
        running.read_on(lambda: rng.random() < 0.3)
        running.settle(stats=rng.random() < 0.5)
        running.save()
        if rng.random() < 0.4:
            running.checkpoint()
        if rng.random() < 0.5:
            running.close() if rng.random() < 0.3 else kill(running)
            running = collector(root, tmp_path / "a.sqlite3")
    for path, data in files.items():
        write(root, path, data)
    running.scan()
    running.save()
    assert everything(running) == read_at_once(root)
    assert disagreeing(running.store) == [], "tokens and costs of sessions, agents, figures and quarters of an hour"
    running.close()


def test_rows_of_a_file_that_went_stay(tmp_path: Path) -> None:
    for path, data in files_of("claude", 0).items():
        write(tmp_path / "home", path, data)
    first = collector(tmp_path / "home", tmp_path / "a.sqlite3")
    first.scan()
    before = everything(first)
    first.close()
    for file in (tmp_path / "home").rglob("*.jsonl"):
        file.unlink()
    second = collector(tmp_path / "home", tmp_path / "a.sqlite3")
    second.scan()
    assert everything(second)["messages"] == before["messages"]
    assert everything(second)["sessions"].keys() == before["sessions"].keys()
    second.close()


def test_a_home_that_was_made_meanwhile_does_not_cost_what_the_others_have(
    own_machine: Path, opened: list[str]
) -> None:
    def started() -> Collector:
        return Collector(clock=lambda: NOW, host="here", archive=lambda roots: Archive.open(default_path(roots)))

    for home, name in (("gemini", ".gemini"), ("qwen", ".qwen")):
        for path, data in files_of(home, 0).items():
            write(own_machine / "home" / name, path, data)
        collector = started()
        collector.scan()
        collector.close()
        assert opened and all(f"/{name}/" in path for path in opened)
        opened.clear()
    assert {source.name for source in started().sources} >= {"gemini", "qwen"}


def test_what_reads_on_demand_goes_on_with_what_was_kept(tmp_path: Path) -> None:
    """The dicts that it was given at the start are filled, not replaced; ids without secrets lead back to the files."""
    for path, data in files_of("claude", 0).items():
        write(tmp_path / "home", path, data)
    first = collector(tmp_path / "home", tmp_path / "a.sqlite3")
    first.scan()
    first.unmasked["agent [masked: key 0]"] = "agent key"
    known = {agent: set(files) for agent, files in first.conversations.items()}
    first.close()
    second = collector(tmp_path / "home")
    given = second.sources, second.conversations, second.unmasked, second.gone
    second._open_archive = lambda roots: Archive.open(tmp_path / "a.sqlite3")
    second._begin_archive()
    assert all(now is before for now, before in zip(_held(second), given, strict=True))
    assert {agent: set(files) for agent, files in given[1].items()} == known
    assert given[2] == {"agent [masked: key 0]": "agent key"}
    second.close()


def _held(collector: Collector) -> tuple[object, ...]:
    return collector.sources, collector.conversations, collector.unmasked, collector.gone
