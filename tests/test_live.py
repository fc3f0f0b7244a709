"""The tables a notebook holds: collections over the replica, DataFrames, Arrow."""

from __future__ import annotations

import sys

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from agent_widget.frames import arrow_table, data_frame
from agent_widget.live import LiveTable
from agent_widget.records import Record
from agent_widget.store import Store
from agent_widget.tables import TABLES

NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC
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
def tasks(store: Store) -> LiveTable:
    return LiveTable(store, "tasks")


def test_it_is_a_small_collection(tasks: LiveTable) -> None:
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


def test_every_reading_sees_the_newest_rows_and_rows_stay_as_they_were(tasks: LiveTable, store: Store) -> None:
    before = tasks["t1"]
    store.apply([Record("tasks", "t1", {"status": "completed"})])
    assert (before.status, tasks["t1"].status) == ("blocked", "completed")
    assert [task.id for task in tasks.rows()] == ["t2", "t3", "t1"]


def test_where_takes_values_and_choices(tasks: LiveTable) -> None:
    assert [task.id for task in tasks.where(status="blocked")] == ["t1", "t3"]
    assert [task.id for task in tasks.where(status="blocked", priority="high")] == ["t3"]
    assert [task.id for task in tasks.where(status=["pending", "failed"])] == ["t2"]
    assert [task.id for task in tasks.where(priority=None)] == ["t1", "t2"]
    assert tasks.where(tags={"a"}) == []
    assert len(tasks.where()) == 3
    with pytest.raises(ValueError, match="no column 'color'"):
        tasks.where(color="red")


def test_a_data_frame_has_real_types(store: Store) -> None:
    tasks, sessions = LiveTable(store, "tasks").df(), LiveTable(store, "sessions").df()
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
    assert LiveTable(store, "messages").df()["read"].dtype == "boolean"


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


@pytest.mark.parametrize("name", TABLES)
def test_arrow_goes_to_polars_and_back(store: Store, name: str) -> None:
    rows = store.rows(name)
    frame = pl.from_arrow(arrow_table(name, rows))
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == LiveTable(store, name).columns
    assert frame["id"].to_list() == [row["id"] for row in rows]
    for column in TABLES[name].columns:
        if not column.is_time and not column.is_duration and column.type != "map":
            assert frame[column.name].to_list() == [row[column.name] for row in rows]


def test_polars_and_pyarrow_take_a_live_table_as_it_is(tasks: LiveTable, store: Store) -> None:
    frame = pl.DataFrame(tasks)
    assert frame.schema["created_at"] == pl.Datetime("ms", "UTC")
    assert frame["tags"].to_list() == [["a", "b"], [], None]
    table = pa.table(tasks)
    assert table.equals(arrow_table("tasks", tasks.rows()))
    assert table.column("created_at")[0].as_py().isoformat() == "2026-01-01T12:00:00+00:00"
    quality = pa.table(LiveTable(store, "quality"))
    assert quality.column("dimensions")[0].as_py() == [("depth", 0.5), ("tests", 1.0)]
    assert pa.table(LiveTable(store, "logs")).num_rows == 0
    assert pl.DataFrame(LiveTable(store, "logs")).height == 0


def test_a_schema_can_be_asked_for(store: Store) -> None:
    stats = LiveTable(store, "stats")
    store.apply([Record("stats", "x", {"name": "x", "value": 1.0})])
    wanted = pa.table(stats).schema.set(4, pa.field("value", pa.float64()))
    assert pa.table(stats, schema=wanted).schema == wanted


@pytest.mark.parametrize(("method", "module"), [("df", "pandas"), ("__arrow_c_stream__", "pyarrow")])
def test_what_is_not_installed_is_said_in_one_line(
    tasks: LiveTable, monkeypatch: pytest.MonkeyPatch, method: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'needs {module}: pip install "agent-widget\[frames\]"'):
        getattr(tasks, method)()


@pytest.mark.parametrize("at", [0, -1, 253_402_300_799_999])
def test_far_times_are_times(store: Store, at: int) -> None:
    store.apply([Record("tasks", "far", {"created_at": at})])
    tasks = LiveTable(store, "tasks")
    expected = pa.table(tasks).column("created_at")[3].as_py()
    assert tasks.df().loc["far", "created_at"].to_pydatetime() == expected


def test_html_shows_the_newest_rows_and_runs_nothing(store: Store) -> None:
    store.apply([Record("messages", f"m{number}", {"text": "x" * 100}) for number in range(2, 30)])
    store.apply([Record("messages", "m1", {"sender": HOSTILE})])
    html = LiveTable(store, "messages")._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<tr>") == 11
    assert "10 of 29 rows" in html
    assert "x" * 61 not in html
    assert LiveTable(store, "logs")._repr_html_()
