"""All changes of a store come in portions, by number, also those of rows that only the archive holds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent_widget.ingest.archive import Archive
from agent_widget.store import Position, Store
from agent_widget.tables import Gone, Record


@pytest.mark.parametrize("limit", [1, 7, 1000])
@pytest.mark.parametrize("is_written", [True, False])
def test_the_portions_are_the_rows_each_once_in_the_order_of_their_changes(
    tmp_path: Path, limit: int, is_written: bool
) -> None:
    archive, limits = Archive.open(tmp_path / "archive.sqlite3"), {"logs": 5, "messages": 5}
    store, generator = Store(), random.Random(limit)
    store.back(archive, archive.saved(limits), limits)
    for number in range(120):
        table, id = generator.choice(["logs", "messages", "tasks"]), str(generator.randrange(40))
        column = "title" if table == "tasks" else "text"
        store.apply([Gone(table, id) if generator.random() < 0.2 else Record(table, id, {column: str(number)})])
        if number % 10 == 0:
            store.write()
    if is_written:
        store.write()
    seq, found, numbers = 0, {}, []
    while seq < store.seq:
        changes, seq = store.numbered(seq, limit)
        assert 0 < len(changes) <= limit
        found.update({(change.table, change.id): change.row for change in changes})
        numbers += [change.seq for change in changes]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == len(found)
    assert {key: row for key, row in found.items() if row is not None} == {
        (table, row["id"]): row for table in store for row in store.rows(table)
    }
    assert store.joins_on(Position(store.epoch, seq)) and not store.joins_on(Position("another", seq))
    archive.close()
