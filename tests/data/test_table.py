"""The tables a notebook holds: collections over the replica, DataFrames, Arrow, files, and how they look in a cell."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from agent_widget.data.files import csv_cell, csv_text
from agent_widget.data.frames import arrow_table, data_frame
from agent_widget.data.table import StoredTable
from agent_widget.data.tabular import shown
from agent_widget.store import Store
from agent_widget.tables import LOG_LEVELS, TABLES, TASK_STATUSES, Record, now_ms

NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC
TEXT = pd.Series([], dtype="str").dtype  # object before pandas 3
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>&\''


@pytest.fixture
def store() -> Store:
    store = Store("e")
    store.apply(
        [
            Record("tasks", "t1", {"title": "one", "status": "blocked", "tags": ["a", "b"], "created_at": NOON}),
            Record("tasks", "t2", {"title": "two", "status": "pending", "tags": [], "progress": 0.5}),
            Record("tasks", "t3", {"title": "three", "status": "blocked", "priority": "high"}),
            Record("sessions", "s1", {"duration_ms": 90_000, "messages": 7, "cost_usd": 0.25}),
            Record("sessions", "s2", {}),
            Record("messages", "m1", {"text": HOSTILE, "read": True}),
            Record("quality", "q1", {"dimensions": {"depth": 0.5, "tests": 1.0}}),
        ],
        {"source": "workspace", "host": "here"},
    )
    return store


@pytest.fixture
def tasks(store: Store) -> StoredTable:
    return StoredTable(store, "tasks")


def test_it_is_a_small_collection(tasks: StoredTable) -> None:
    assert len(tasks) == 3
    assert [task.id for task in tasks] == ["t1", "t2", "t3"]
    assert tasks["t2"].title == tasks["t2"]["title"] == "two"
    assert "t2" in tasks
    assert "t9" not in tasks
    assert 7 not in tasks
    assert tasks.get("t9") is None
    with pytest.raises(KeyError, match="t9"):
        tasks["t9"]
    with pytest.raises(AttributeError, match="no column 'color'"):
        tasks["t2"].color  # noqa: B018
    assert tasks.columns[:3] == ["id", "source", "host"]
    assert repr(tasks) == "<tasks: 3 rows>"


def test_every_reading_sees_the_newest_rows_and_rows_stay_as_they_were(tasks: StoredTable, store: Store) -> None:
    before = tasks["t1"]
    store.apply([Record("tasks", "t1", {"status": "completed"})])
    assert (before.status, tasks["t1"].status) == ("blocked", "completed")
    assert [task.id for task in tasks.rows()] == ["t1", "t2", "t3"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("agents", "started_at"),
        ("tasks", "created_at"),
        ("sessions", "started_at"),
        ("spans", "started_at"),
        ("memory", "updated_at"),
        *((name, "at") for name in ("messages", "tool_calls", "quality", "logs", "usage", "limits")),
    ],
)
def test_rows_are_in_the_order_of_time_however_they_came(name: str, column: str) -> None:
    """A warm start reads the newest rows first, a cold one the newest file: a frame must not depend on it."""
    store = Store("e")
    for row, at in (("c", 3), ("unknown", None), ("a", 1), ("b", 2), ("b of the same time", 2)):
        store.apply([Record(name, row, {column: at})])
    table, expected = StoredTable(store, name), ["a", "b", "b of the same time", "c", "unknown"]
    assert [row.id for row in table.rows()] == expected
    assert [row.id for row in table] == list(table.df().index) == table.arrow()["id"].to_pylist() == expected
    assert [row.id for row in table.where(lambda row: row[column] != 1)] == expected[1:]


def test_where_takes_values_and_choices(tasks: StoredTable) -> None:
    assert [task.id for task in tasks.where(status="blocked")] == ["t1", "t3"]
    assert [task.id for task in tasks.where(status="blocked", priority="high")] == ["t3"]
    assert [task.id for task in tasks.where(status=["pending", "failed"])] == ["t2"]
    assert [task.id for task in tasks.where(priority=None)] == ["t1", "t2"]
    assert tasks.where(tags={"a"}) == []
    assert len(tasks.where()) == 3
    with pytest.raises(ValueError, match="no column 'color'"):
        tasks.where(color="red")


def test_where_takes_keywords_a_dict_or_a_function_of_the_row(tasks: StoredTable) -> None:
    for rows in (
        tasks.where(status="blocked", priority="high"),
        tasks.where({"status": "blocked", "priority": "high"}),
        tasks.where({"status": "blocked"}, priority="high"),
        tasks.where(lambda row: row.status == "blocked", priority="high"),
        tasks.where(status="blocked").where(lambda row: row["priority"] == "high"),
    ):
        assert [task.id for task in rows] == ["t3"]
    with pytest.raises(ValueError, match="no column 'color'"):
        tasks.where({"color": "red"})
    with pytest.raises(TypeError, match=r"where is a dict of columns.*not str"):
        tasks.where("blocked")  # type: ignore[arg-type]


def test_a_place_in_a_live_table_is_refused_with_the_way_to_it(tasks: StoredTable) -> None:
    with pytest.raises(TypeError, match=r"by id: tasks\['…'\], by position: tasks\.rows\(\)\[2\]"):
        tasks[2]  # type: ignore[index]


def test_where_takes_functions_of_the_cell(tasks: StoredTable) -> None:
    assert [task.id for task in tasks.where(progress=lambda value: value is None)] == ["t1", "t3"]
    assert [task.id for task in tasks.where(tags=lambda tags: tags and "a" in tags, status="blocked")] == ["t1"]


def test_chosen_rows_are_a_sequence_that_stays_as_it_is(tasks: StoredTable, store: Store) -> None:
    blocked = tasks.where(status="blocked")
    store.apply([Record("tasks", "t1", {"status": "completed"}), Record("tasks", "t2", {"status": "blocked"})])
    assert [task.id for task in blocked] == ["t1", "t3"]
    assert (len(blocked), blocked[0].title, blocked[-1].title) == (2, "one", "three")
    assert [task.id for task in blocked[1:]] == ["t3"]
    assert blocked == blocked.rows() == list(blocked)
    assert blocked[0] in blocked
    assert blocked != tasks.where(status="blocked")
    assert repr(blocked) == "<tasks: 2 rows>"
    assert not tasks.where(status="failed")


def test_chosen_rows_become_frames_of_the_same_types(tasks: StoredTable) -> None:
    blocked = tasks.where(status="blocked")
    assert list(blocked.df().index) == ["t1", "t3"]
    assert blocked.df().dtypes.equals(tasks.df().dtypes)
    assert pl.DataFrame(blocked).schema == pl.DataFrame(tasks).schema
    assert "2 of 2 rows" in blocked._repr_html_()


def test_a_data_frame_has_real_types(store: Store) -> None:
    tasks, sessions = StoredTable(store, "tasks").df(), StoredTable(store, "sessions").df()
    assert tasks.index.name == "id"
    assert list(tasks.index) == ["t1", "t2", "t3"]
    assert tasks["created_at"].dtype == "datetime64[ms, UTC]"
    assert tasks.loc["t1", "created_at"] == pd.Timestamp("2026-01-01 12:00", tz="UTC")
    assert pd.isna(tasks.loc["t2", "created_at"])
    assert tasks["status"].dtype == "category"
    assert tasks.loc["t1", "tags"] == ["a", "b"]
    assert tasks.loc["t2", "progress"] == 0.5
    assert sessions["duration_ms"].dtype == "timedelta64[ms]"
    assert sessions.loc["s1", "duration_ms"] == pd.Timedelta(seconds=90)
    assert sessions["messages"].dtype == "Int64"
    assert pd.isna(sessions.loc["s2", "messages"])
    assert pd.isna(sessions.loc["s2", "cost_usd"])  # unknown is not 0
    assert StoredTable(store, "messages").df()["read"].dtype == "boolean"
    assert StoredTable(store, "quality").df().loc["q1", "dimensions"] == {"depth": 0.5, "tests": 1.0}
    assert tasks["title"].dtype == TEXT
    assert tasks.loc["t2", "tags"] == []
    assert pd.isna(tasks.loc["t3", "tags"])


def test_the_words_of_a_status_are_the_same_in_every_frame(store: Store) -> None:
    words = list(data_frame("tasks", [])["status"].cat.categories)
    assert words == list(data_frame("tasks", store.rows("tasks"))["status"].cat.categories) == list(TASK_STATUSES)
    assert list(data_frame("logs", [])["level"].cat.categories) == list(LOG_LEVELS)
    store.apply([Record("tasks", "t4", {"status": "paused", "priority": "critical"})])
    tasks = data_frame("tasks", store.rows("tasks"))
    assert list(tasks["status"].cat.categories) == [*TASK_STATUSES, "paused"]
    assert list(tasks["priority"].cat.categories) == ["critical", "high"]
    assert list(tasks["status"]) == ["blocked", "pending", "blocked", "paused"]


def test_rows_of_more_than_one_batch_are_one_frame(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    monkeypatch.setattr("agent_widget.data.frames._BATCH", 2)
    frame = data_frame("tasks", store.rows("tasks"))
    assert list(frame.index) == ["t1", "t2", "t3"]
    assert list(frame["status"]) == ["blocked", "pending", "blocked"]
    assert frame.loc["t1", "tags"] == ["a", "b"]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_frames_of_the_same_types_empty_or_not(name: str) -> None:
    store = Store()
    store.apply([Record(name, "x", {})])
    empty, unknown = data_frame(name, []), data_frame(name, store.rows(name))
    assert (len(empty), len(unknown)) == (0, 1)
    columns = {column.name: column for column in TABLES[name].columns if column.name != "id"}
    assert list(empty.columns) == list(columns)
    for column in columns.values():
        if not column.categorical:
            assert empty[column.name].dtype == unknown[column.name].dtype
    assert arrow_table(name, []).schema == arrow_table(name, store.rows(name)).schema
    kinds = {"int": "Int64", "float": "Float64", "bool": "boolean", "str": TEXT, "list": "object", "map": "object"}
    for column in columns.values():
        dtype = "datetime64[ms, UTC]" if column.is_time else "timedelta64[ms]" if column.is_duration else None
        assert empty[column.name].dtype == (dtype or ("category" if column.categorical else kinds[column.type]))


@pytest.mark.parametrize("name", TABLES)
def test_arrow_goes_to_polars_and_back(store: Store, name: str) -> None:
    rows = store.rows(name)
    frame = pl.from_arrow(arrow_table(name, rows))
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == StoredTable(store, name).columns
    assert frame["id"].to_list() == [row["id"] for row in rows]
    for column in TABLES[name].columns:
        if not column.is_time and not column.is_duration and column.type != "map":
            assert frame[column.name].to_list() == [row[column.name] for row in rows]


def test_polars_and_pyarrow_take_a_live_table_as_it_is(tasks: StoredTable, store: Store) -> None:
    frame = pl.DataFrame(tasks)
    assert frame.schema["created_at"] == pl.Datetime("ms", "UTC")
    assert frame["tags"].to_list() == [["a", "b"], [], None]
    table = pa.table(tasks)
    assert table.equals(arrow_table("tasks", tasks.rows()))
    assert table.column("created_at")[0].as_py().isoformat() == "2026-01-01T12:00:00+00:00"
    quality = pa.table(StoredTable(store, "quality"))
    assert quality.column("dimensions")[0].as_py() == [("depth", 0.5), ("tests", 1.0)]
    assert pa.table(StoredTable(store, "logs")).num_rows == 0
    assert pl.DataFrame(StoredTable(store, "logs")).height == 0


def test_duckdb_takes_a_live_table_as_it_is(tasks: StoredTable) -> None:
    import duckdb

    assert tasks.arrow().num_rows == 3
    found = duckdb.sql("select status, count(*) from tasks group by 1 order by 1").fetchall()
    assert found == [("blocked", 2), ("pending", 1)]


def test_a_name_that_is_no_utf_8_goes_into_frames_and_files(store: Store) -> None:
    store.apply([Record("memory", "m", {"path": "/tmp/caf\udce9", "version": "1"})])
    memory = StoredTable(store, "memory")
    assert memory.df().loc["m", "path"] == "/tmp/caf?"
    assert json.loads(memory.json())[0]["path"] == "/tmp/caf?"
    assert "/tmp/caf?" in memory.csv()


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**62) - 1])
def test_an_integer_that_is_no_float_exactly_is_rounded_in_frames(store: Store, number: int) -> None:
    store.apply([Record("quality", "q", {"score": number, "dimensions": {"a": number, "b": 0.5}})])
    row = StoredTable(store, "quality").df().loc["q"]
    assert (row["score"], row["dimensions"]) == (float(number), {"a": float(number), "b": 0.5})


def test_a_schema_can_be_asked_for(store: Store) -> None:
    stats = StoredTable(store, "stats")
    store.apply([Record("stats", "x", {"name": "x", "value": 1.0})])
    wanted = pa.table(stats).schema.set(4, pa.field("value", pa.float64()))
    assert pa.table(stats, schema=wanted).schema == wanted


@pytest.mark.parametrize(("method", "module"), [("df", "pandas"), ("__arrow_c_stream__", "pyarrow")])
def test_a_missing_extra_is_an_error_of_one_line(
    tasks: StoredTable, monkeypatch: pytest.MonkeyPatch, method: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'needs {module}: pip install "agent-widget\[frames\]"'):
        getattr(tasks, method)()


@pytest.mark.parametrize("at", [0, -1, 253_402_300_799_999])
def test_far_times_are_times(store: Store, at: int) -> None:
    store.apply([Record("tasks", "far", {"created_at": at})])
    tasks = StoredTable(store, "tasks")
    expected = tasks.where(id="far").arrow().column("created_at")[0].as_py()
    assert tasks.df().loc["far", "created_at"].to_pydatetime() == expected


CELLS = json.loads((Path(__file__).parent / "cells.json").read_text())
"""What stands in CSV for a value, and a file of rows. ``js/test/lib/csv.test.ts`` holds the browser to it too."""


@pytest.mark.parametrize(("value", "cell"), CELLS["cells"])
def test_a_cell_begins_no_formula_and_else_stays_as_it_is(value: Any, cell: str) -> None:
    made = csv_cell(value)
    assert ("" if made is None else str(made)) == cell


def test_rows_become_lines_of_quoted_cells() -> None:
    assert csv_text(CELLS["table"]["columns"], CELLS["table"]["rows"]) == CELLS["table"]["text"]


def test_a_table_as_files(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, messages = StoredTable(store, "tasks"), StoredTable(store, "messages")
    store.apply([Record("messages", "m2", {"text": "=1+1", "at": NOON})])
    rows = list(csv.DictReader(io.StringIO(messages.csv())))
    assert [(row["id"], row["text"], row["at"]) for row in rows] == [("m2", "'=1+1", str(NOON)), ("m1", HOSTILE, "")]
    assert json.loads(messages.json()) == [dict(row) for row in messages]
    assert messages.csv(tmp_path / "m.csv").read_text() == messages.csv()
    assert json.loads(tasks.json(str(tmp_path / "t.json")).read_bytes())[0]["tags"] == ["a", "b"]
    written = tasks.where(status="blocked").parquet(tmp_path / "t.parquet")
    assert pyarrow.parquet.read_table(written).to_pylist() == tasks.where(status="blocked").arrow().to_pylist()
    assert StoredTable(store, "logs").csv() == "id,source,host,at,level,agent_id,session_id,logger,text\n"
    assert StoredTable(store, "logs").json() == "[]"
    with pytest.raises(OSError, match="nowhere"):
        tasks.csv(tmp_path / "nowhere" / "t.csv")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdopen", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(OSError, match=r"No space left on device: '.*t\.csv'"):
            tasks.csv(tmp_path / "t.csv")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.csv", "t.json", "t.parquet"]


def test_html_shows_the_newest_rows_and_runs_nothing(store: Store) -> None:
    store.apply([Record("messages", f"m{number}", {"text": "x" * 100}) for number in range(2, 30)])
    store.apply([Record("messages", "m1", {"sender": HOSTILE})])
    html = StoredTable(store, "messages")._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<tr>") == 11
    assert "10 of 29 rows" in html
    assert "x" * 61 not in html
    assert StoredTable(store, "logs")._repr_html_()


def test_a_cell_shows_what_tells_most_of_a_row_on_one_line() -> None:
    store, now = Store(), now_ms()
    store.apply([Record("agents", "51341979-ff24-461b-9241-b94e99729bfd", {"name": "planner"})])
    known = {"owner": "51341979-ff24-461b-9241-b94e99729bfd", "session_id": "ses_86a300e774baffeV4Xq", "notes": "n"}
    task = {"title": "Read\nthe files", "status": "in_progress", "progress": 0.4, "updated_at": now - 180_000, **known}
    store.apply([Record("tasks", "task_1795791515140_plrq4n", task)])
    shown = StoredTable(store, "tasks")._repr_mimebundle_()
    head, row, _ = shown["text/plain"].splitlines()
    assert head.split() == ["status", "title", "owner", "progress", "updated_at", "id"]
    assert row.split("  ")[0] == "in progress"
    for text in ("Read the files", "planner", "40%", "3 min ago", "task_1…plrq4n"):
        assert text in row
        assert text in shown["text/html"]
    assert "51341979" not in shown["text/html"]
    assert shown["text/html"].count("white-space:nowrap") == 6 * 2


def test_the_newest_rows_are_those_of_the_latest_time(store: Store) -> None:
    store.apply([Record("logs", f"l{number}", {"at": NOON + number % 20, "text": str(number)}) for number in range(40)])
    _, rows, caption = StoredTable(store, "logs")._glance()
    assert [row["id"] for row in rows] == ["l39", "l19", "l38", "l18", "l37", "l17", "l36", "l16", "l35", "l15"]
    assert caption.startswith("logs: 10 of 40 rows, newest first · as of ")


def test_a_table_in_a_cell_gives_its_titles_the_room(tasks: StoredTable) -> None:
    """JupyterLab's style sheet lays tables out in columns of equal width: the table says otherwise."""
    page = tasks._repr_html_()
    assert '<table style="table-layout:auto;width:100%">' in page
    assert '<th style="text-align:left;white-space:nowrap">title</th>' in page


def test_in_a_narrow_cell_the_last_columns_give_way_and_the_caption_says_so() -> None:
    """Widths are in steps, so that two tables in one page have the same rules for the same class."""
    store = Store()
    known = {"title": "t" * 60, "status": "in_progress", "priority": "high", "updated_at": NOON}
    store.apply([Record("tasks", f"t{number}", known) for number in range(3)])
    page = StoredTable(store, "tasks")._repr_html_()
    rooms = dict(re.findall(r'<th class="aw-from-(\d+)"[^>]*>(\w+)</th>', page))
    assert list(rooms.values()) == ["status", "updated_at", "priority", "id"]  # but not the title
    assert sorted(map(int, rooms)) == list(map(int, rooms))
    for room in rooms:
        assert f"@container (max-width:{int(room) - 1}px){{.aw-from-{room}{{display:none!important}}}}" in page
        assert page.count(f'class="aw-from-{room}"') == 1 + 3
    whole = list(rooms)[-1]
    assert f"@container (max-width:{int(whole) - 1}px){{.aw-below-{whole}{{display:inline!important}}}}" in page
    assert f'<span class="aw-below-{whole}" style="display:none"> · more columns' in page


def test_a_long_text_beside_the_title_is_cut_and_stands_whole_in_its_tooltip(store: Store) -> None:
    error = "The file could not be read, since somebody took it away"
    store.apply([Record("tool_calls", "c1", {"name": "read", "input": "a.py", "error": error, "at": NOON})])
    page = StoredTable(store, "tool_calls")._repr_html_()
    assert f'overflow:hidden;text-overflow:ellipsis" title="{error}">{error}</td>' in page


def test_where_there_is_no_html_a_table_is_text(store: Store) -> None:
    store.apply([Record("messages", "m2", {"text": "two\nlines\x1b[31m\u202e", "at": NOON})])
    text = StoredTable(store, "messages")._repr_mimebundle_()["text/plain"]
    head, first, second, caption = text.splitlines()
    assert head.split() == ["at", "text", "id"]
    assert first.startswith(("2026-01-01 ", "2026-01-02 "))
    assert "two lines[U+202E]" in first
    assert second.endswith("m1")
    assert caption.startswith("messages: 2 of 2 rows")
    assert max(map(len, text.splitlines())) <= 110
    assert StoredTable(store, "logs")._repr_mimebundle_()["text/plain"].startswith("logs: no rows · as of ")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("notes", None, ""),
        ("read", True, "yes"),
        ("messages", 12345, "12,345"),
        ("score", 0.123456, "0.1235"),
        ("cost_usd", 1234.5, "$1,234.50"),
        ("cost_usd", 0.00123, "$0.0012"),
        ("duration_ms", 250, "250 ms"),
        ("duration_ms", 2500, "2.5 s"),
        ("duration_ms", 3_723_000, "1:02:03"),
        ("x", timedelta(days=1, seconds=5), "1 day, 0:00:05"),
        ("x", datetime(2026, 1, 1, 12), "2026-01-01 12:00:00"),
        ("at", 10**18, str(10**18)),
        ("tags", ["a", "b"], "a, b"),
        ("dimensions", {"depth": 0.5}, "depth 0.5"),
        ("text", "x" * 61, "x" * 59 + "…"),
    ],
)
def test_cells_are_made_to_be_read(name: str, value: Any, text: str) -> None:
    assert shown(name, value) == text


def test_a_cost_that_leaves_something_out_is_shown_as_a_lower_bound() -> None:
    store = Store()
    for id, left_out in (("whole", 0), ("part", 3)):
        store.apply([Record("sessions", id, {"title": id, "cost_usd": 8.03, "unpriced_requests": left_out})])
    text = StoredTable(store, "sessions")._repr_mimebundle_()["text/plain"]
    assert sorted(line.count("≥ $8.03") for line in text.splitlines() if "8.03" in line) == [0, 1]


def test_times_are_shown_where_the_reader_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        store.apply([Record("tasks", "t1", {"updated_at": NOON})])
        html = StoredTable(store, "tasks")._repr_html_()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "2026-01-01 17:30" in html
    assert " IST<" in html
