"""A first reading writes each row and each entry about once, in transactions of about one size."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest import saving
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.saving import Saving
from tests.ingest.test_keeping import grow, transcript
from tests.ingest.test_warm_start import collector, everything, read_at_once

pytestmark = pytest.mark.usefixtures("own_machine")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many rows and facts were written, and in how many calls."""
    found: Counter[str] = Counter()
    write, remember = Archive.write, Archive.remember

    def count_rows(self: Archive, seq: int, rows: Any, gone: Any, counts: Any) -> None:
        rows = list(rows)
        found["writes"] += 1
        found["rows"] += len(rows)
        write(self, seq, rows, gone, counts)

    def count_facts(self: Archive, memory: bytes, files: Any = (), forgotten: Any = (), facts: Any = None) -> None:
        found["checkpoints"] += 1
        found["facts"] += sum(map(len, facts.values()))
        remember(self, memory, files, forgotten, facts)

    monkeypatch.setattr(Archive, "write", count_rows)
    monkeypatch.setattr(Archive, "remember", count_facts)
    return found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Thirty sessions."""
    for number in range(30):
        grow(transcript(tmp_path / "home", number), 0, 50)
    return tmp_path / "home"


def read(running: Collector, keeps: Saving) -> None:
    """Read all there is as the watcher does, a portion in each round."""
    running.look()
    all_read = False
    while not all_read:
        all_read = running.read_on(lambda: True)
        running.settle()
        keeps.before_sending()
        keeps.checkpoint(all_read=all_read, now=all_read)
        keeps.after_sending()
        keeps._saving.result()


def test_rows_and_entries_are_written_about_once(
    home: Path, tmp_path: Path, written: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "SAVE_ROWS", 20)
    monkeypatch.setattr(saving, "MANY_ENTRIES", 500)
    monkeypatch.setattr(saving, "READING_PACE", float("inf"))
    running = collector(home, tmp_path / "a.sqlite3")
    keeps = Saving(running)
    read(running, keeps)
    keeps.close()
    running.settle(stats=True)
    assert everything(running) == read_at_once(home)
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:
        facts = connection.execute("SELECT count(*) FROM facts").fetchone()[0]
    connection.close()
    rows = sum(running.store.counts.values())
    assert rows > 3000 and facts > 3000
    assert written["rows"] <= 1.2 * rows
    assert written["facts"] <= 1.2 * facts
    assert written["checkpoints"] <= facts / 500 + 2
    assert written["writes"] <= written["checkpoints"] + 2, "rows are written with what readers remember of them"
    running.close()


def test_rows_of_a_first_reading_are_written_many_at_once(
    home: Path, tmp_path: Path, written: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "READING_ROWS", 400)
    monkeypatch.setattr(saving, "SAVE_ROWS", 100)
    for pace in ("SAVE_PACE", "READING_PACE", "MANY_ENTRIES"):
        monkeypatch.setattr(saving, pace, float("inf"))
    running = collector(home, tmp_path / "a.sqlite3")
    keeps = Saving(running)
    read(running, keeps)
    rows, writes = sum(running.store.counts.values()), written["writes"]
    assert writes <= rows / 400 + 3
    grow(transcript(home, 0), 50, 100)
    read(running, keeps)
    assert written["writes"] == writes + 1, "what comes later is written as soon as there are a few rows"
    keeps.close()
    running.close()


def test_when_all_is_read_a_checkpoint_waits_though_much_has_changed(
    tmp_path: Path, written: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "MANY_ENTRIES", 1)
    home = tmp_path / "home"
    grow(transcript(home, 0), 0, 5)
    running = collector(home, tmp_path / "a.sqlite3")
    keeps = Saving(running)
    read(running, keeps)
    count = written["checkpoints"]
    grow(transcript(home, 0), 5, 20)
    running.scan()
    assert running.unkept > 1
    keeps.checkpoint(all_read=True)
    assert written["checkpoints"] == count
    keeps.checkpoint(all_read=False)
    assert written["checkpoints"] == count + 1
    assert running.unkept == 0
    keeps.close()
    running.close()
