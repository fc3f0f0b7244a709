"""``rows``: a table from the newest row to the oldest, page by page, from memory or the archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest.archive import Archive
from agent_widget.protocol import ProtocolError, encode
from agent_widget.server import rows
from agent_widget.store import Store
from agent_widget.tables import Record

pytestmark = pytest.mark.usefixtures("own_machine")


def log(number: int) -> Record:
    # pairs are of the same time, and two have none
    at = number // 2 if number > 1 else None
    return Record("logs", f"l{number:03d}", {"at": at, "level": "info" if number % 3 else "error", "text": "a line"})


@pytest.fixture(params=["in memory", "in an archive"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """100 log lines; with an archive the newest ten are in memory, and one line was not written yet."""
    store = Store()
    if request.param == "in an archive":
        archive = Archive.open(tmp_path / "archive.sqlite3")
        store.back(archive, archive.saved({"logs": 10}), {"logs": 10})
    store.apply(log(number) for number in range(99))
    store.write()
    store.apply([log(99)])
    return store


def all_pages(store: Store, **params: Any) -> list[list[str]]:
    """The ids in each page, until there are no more."""
    pages, before = [], None
    while True:
        page = rows.page(store, "logs", before=before, **params)
        pages.append([decoded["id"] for decoded in _rows(page)])
        before = page["before"]
        if before is None:
            return pages


def ids(pages: list[list[str]]) -> list[str]:
    return [id for page in pages for id in page]


def _rows(page: dict[str, Any]) -> list[dict[str, Any]]:
    return json.loads(encode(page))["rows"]  # type: ignore[no-any-return]


def test_pages_hold_every_row_once_the_newest_first(store: Store) -> None:
    pages = all_pages(store, limit=7)
    assert {len(page) for page in pages[:-1]} == {7}
    assert ids(pages) == [f"l{number:03d}" for number in reversed(range(100))]


def test_conditions_and_times_choose_rows(store: Store) -> None:
    errors = [f"l{number:03d}" for number in reversed(range(100)) if number % 3 == 0]
    assert ids(all_pages(store, limit=7, where={"level": "error"})) == errors
    assert ids(all_pages(store, limit=7, where={"level": ["error", "info"]}, after=48)) == [
        "l099", "l098", "l097", "l096"
    ]  # fmt: skip
    page = rows.page(store, "logs", before=(3, ""), limit=3)
    assert [row["id"] for row in _rows(page)] == ["l005", "l004", "l003"]


def test_one_row_is_found_by_its_id(store: Store) -> None:
    assert [row["id"] for row in _rows(rows.page(store, "logs", where={"id": "l001"}))] == ["l001"]
    assert _rows(rows.page(store, "logs", where={"id": "l001", "level": "error"})) == []
    assert _rows(rows.page(store, "logs", where={"id": "none"})) == []


def test_an_answer_is_bounded_in_bytes_and_in_rows_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [f"l{number:03d}" for number in reversed(range(100))]
    monkeypatch.setattr(rows, "PAGE_BYTES", 1)
    assert all_pages(store)[:2] == [["l099"], ["l098"]]
    monkeypatch.setattr(rows, "PAGE_BYTES", 1_000_000)
    monkeypatch.setattr(rows, "LOOKED_AT", 20)
    monkeypatch.setattr(rows, "_PORTION", 10)
    pages = all_pages(store, where={"id": ["l003", "l098"]})
    assert pages[0] == ["l098"]
    assert ids(pages) == ["l098", "l003"]
    assert ids(all_pages(store)) == everything


@pytest.mark.parametrize(
    ("table", "params"),
    [
        ("bogus", {}),
        ("logs", {"where": {"bogus": 1}}),
        ("logs", {"where": {"text": {"a": 1}}}),
        ("logs", {"limit": 0}),
    ],
)
def test_what_makes_no_sense_is_refused(store: Store, table: str, params: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as refused:
        rows.page(store, table, **params)
    assert refused.value.code == "bad_request"
