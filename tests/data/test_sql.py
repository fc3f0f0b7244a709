"""SQL over the tables: what it answers, what it refuses, and where it ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import agent_widget as aw
from agent_widget.data import sql
from agent_widget.data.files import json_bytes
from agent_widget.data.sql import SqlError, reply, run
from agent_widget.store import Store
from agent_widget.tables import TABLES, Record
from tests.support.wire import PATIENCE, hosted, say

NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC
NOON_UTC = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store() -> Store:
    store = Store("e")
    calls = [("Bash", "ok", 100), ("Bash", "error", 300), ("Read", "ok", None)]
    store.apply(
        [
            *(
                Record(
                    "tool_calls", f"c{n}", {"name": name, "status": status, "duration_ms": ms, "at": NOON + n * 1000}
                )
                for n, (name, status, ms) in enumerate(calls)
            ),
            Record("tasks", "t1", {"title": "one", "tags": ["a", "b"], "created_at": NOON}),
            Record("quality", "q1", {"dimensions": {"depth": 0.5}, "at": NOON}),
            Record("sessions", "s1", {"input_tokens": 7}),
        ],
        {"source": "workspace"},
    )
    return store


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Whatever a test gave up ends all the same."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("agent-widget sql"):
            thread.join(PATIENCE)
            assert not thread.is_alive()


def one(store: Store, query: str) -> Any:
    """The only cell of an answer."""
    (row,) = run(store, query).rows()
    (cell,) = row.values()
    return cell


def test_a_query_answers_rows(store: Store) -> None:
    result = run(store, "select name, count(*) as calls, avg(duration_ms) as ms from tool_calls group by 1 order by 1")
    assert result.columns == ["name", "calls", "ms"]
    assert result.rows() == [{"name": "Bash", "calls": 2, "ms": 200.0}, {"name": "Read", "calls": 1, "ms": None}]
    assert [row.name for row in result] == ["Bash", "Read"]
    assert (len(result), result.cut) == (2, False)
    assert repr(result) == "<result: 2 rows of name, calls, ms>"


def test_the_newest_rows_answer_and_an_answer_stays(store: Store) -> None:
    before = run(store, "select count(*) from tool_calls")
    store.apply([Record("tool_calls", "c9", {})])
    assert (before.rows()[0]["count_star()"], one(store, "select count(*) from tool_calls")) == (3, 4)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_answers_empty_or_not(name: str) -> None:
    columns = [column.name for column in TABLES[name].columns]
    assert run(Store(), f"from {name}").columns == columns
    store = Store()
    store.apply([Record(name, "x", {})])
    assert run(store, f"select * from {name}").rows() == [dict(store.rows(name)[0])]
    assert run(store, f"select {', '.join(columns)} from {name} order by {columns[-1]}").columns == columns


def test_an_answer_has_real_types(store: Store) -> None:
    frame = run(store, "select at, duration_ms, at - at as no, sum(duration_ms) over () as s from tool_calls").df()
    assert [str(dtype) for dtype in frame.dtypes] == ["datetime64[us, UTC]", "Int64", "timedelta64[us]", "Int64"]
    assert frame["at"].max() == pd.Timestamp(NOON + 2000, unit="ms", tz="UTC")
    assert one(store, "select tags from tasks") == ["a", "b"]
    assert one(store, "select dimensions from quality") == {"depth": 0.5}
    assert run(store, "from quality").df().loc[0, "dimensions"] == {"depth": 0.5}
    assert one(store, "select at from quality") == NOON_UTC
    assert one(store, "select max(at) - min(at) from tool_calls") == timedelta(seconds=2)
    assert one(store, "select 1.5") == 1.5
    assert one(store, "select sum(input_tokens) * 1000000000000000000000 from sessions") == 7e21
    assert one(store, "select count(*) = 3 from tool_calls") is True


def test_other_libraries_take_an_answer_as_it_is(store: Store) -> None:
    import duckdb

    result = run(store, "select name, at from tool_calls order by at")
    assert pl.DataFrame(result)["name"].to_list() == ["Bash", "Bash", "Read"]
    assert duckdb.sql("select count(*) from result").fetchall() == [(3,)]
    assert result.csv().splitlines()[:2] == ["name,at", "Bash,2026-01-01 12:00:00+00:00"]
    assert result.json().startswith('[{"name":"Bash","at":"2026-01-01T12:00:00Z"}')
    assert run(store, "select '=1' as \"=x\"").csv() == "'=x\n'=1\n"


@pytest.mark.parametrize(
    "query",
    [
        "select at from tool_calls order by at desc",
        'SELECT "at", AT, c.at FROM tool_calls c GROUP BY ALL ORDER BY max(At) DESC',
        "select 'é→ at ' as at, at as b from tool_calls -- at\n where at is not null /* at */ order by at",
    ],
)
def test_the_column_at_needs_no_quotes(store: Store, query: str) -> None:
    assert len(run(store, query)) == 3


def test_at_is_still_a_keyword_of_sql(store: Store) -> None:
    assert one(store, "select at at time zone 'Asia/Kolkata' from quality") == datetime(2026, 1, 1, 17, 30)
    assert one(store, "select ' at ' || $$ at $$") == " at  at "


def test_times_are_cut_in_utc(store: Store) -> None:
    assert one(store, "select date_trunc('day', at) from quality") == datetime(2026, 1, 1, tzinfo=UTC)
    assert one(store, "select cast(at as varchar) from quality") == "2026-01-01 12:00:00+00"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("with x as (select * from tasks) select * from x", 1),
        ("from tasks", 1),
        ("describe tasks", len(TABLES["tasks"].columns)),
        ("summarize tasks", len(TABLES["tasks"].columns)),
        ("show tables", len(TABLES)),
        ("explain select * from tasks", 1),
        ("values (1), (2);", 2),
        ("select * from query_table('ta' || 'sks')", 1),
        ("select * from TASKS", 1),
    ],
)
def test_what_reads_is_answered(store: Store, query: str, count: int) -> None:
    assert len(run(store, query)) == count


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "one statement at a time, not none"),
        ("-- nothing", "one statement at a time, not none"),
        ("select 1; select 2", "one statement at a time, not 2"),
        ("drop table tasks", "the tables are only read: SELECT, not DROP"),
        ("insert into tasks (id) values ('x')", "SELECT, not INSERT"),
        ("create table x as select 1", "SELECT, not CREATE"),
        ("copy tasks to 'x.csv'", "SELECT, not COPY"),
        ("attach 'x.db'", "SELECT, not ATTACH"),
        ("set threads = 64", "SELECT, not SET"),
        ("install httpfs", "SELECT, not LOAD"),
        ("pragma enable_profiling", "SELECT, not PRAGMA"),
        ("call pragma_version()", "SELECT, not CALL"),
        ("selec 1", 'syntax error at or near "selec"'),
        ("select nope from tasks", 'column "nope" not found'),
        ("select * from nope", "no table nope; there are agents, tasks, sessions"),
        ("select * from store", "no table store; there are"),
        ("select * from read_csv('/etc/passwd')", "disabled by configuration"),
        ("select * from read_text('/etc/passwd')", "disabled by configuration"),
        ("select * from glob('/*')", "disabled by configuration"),
        ("select * from '/etc/passwd'", "no table /etc/passwd"),
        ("select * from 'https://example.com/x.parquet'", "disabled by configuration"),
        ("select getenv('HOME')", "getenv does not exist"),
        ("select cast('x' as integer)", "Could not convert string 'x'"),
        ("select '\ud800'", "half a character"),
    ],
)
def test_everything_else_is_refused_in_one_line(store: Store, query: str, said: str) -> None:
    with pytest.raises(SqlError) as refusal:
        run(store, query)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "LINE 1" not in str(refusal.value)


def test_the_configuration_is_what_the_query_sees(store: Store) -> None:
    names = "enable_external_access python_enable_replacements autoload_known_extensions lock_configuration"
    for name in names.split():
        expected = name == "lock_configuration"
        assert str(one(store, f"select current_setting('{name}')")).lower() == str(expected).lower()
    assert one(store, "select current_setting('threads')") == 2
    assert one(store, "select current_setting('temp_directory')") == ""


def test_rows_end_at_the_limit_and_the_result_is_marked_as_cut(store: Store) -> None:
    cut = run(store, "select range as n from range(1000) order by n desc", limit=20)
    assert ([row.n for row in cut][:2], len(cut), cut.cut) == ([999, 998], 20, True)
    assert "10 of 20 rows, and there are more: cut at the limit" in cut._repr_html_()
    assert not run(store, "from range(20)", limit=20).cut
    with pytest.raises(SqlError, match="a limit is a number of rows above 0"):
        run(store, "select 1", limit=0)


def test_a_query_ends_when_its_time_is_over(store: Store) -> None:
    with pytest.raises(SqlError, match=r"the query took longer than 0\.2 s"):
        run(store, "select count(*) from range(10000000000000)", timeout=0.2)
    for timeout in (0, -1, float("nan"), float("inf")):
        with pytest.raises(SqlError, match="a timeout is a number of seconds above 0"):
            run(store, "select 1", timeout=timeout)


def test_memory_is_bounded(store: Store) -> None:
    with pytest.raises(SqlError, match="Out of Memory") as caught:
        run(store, "select len(list(range)) from range(1000000000)", timeout=60)
    assert "temp_directory" not in str(caught.value), "which cannot be set here"


def test_only_so_many_run_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "_AT_ONCE", threading.BoundedSemaphore(1))
    with sql._AT_ONCE, pytest.raises(SqlError, match="too many other queries"):
        run(store, "select 1", timeout=0.01)
    assert one(store, "select 1") == 1
    with pytest.raises(SqlError):
        run(store, "selec")
    assert one(store, "select 1") == 1  # what failed has made room


@pytest.mark.slow
def test_python_ends_in_peace_after_a_query_that_was_given_up() -> None:
    script = """
from agent_widget.data.sql import SqlError, run
from agent_widget.store import Store
for query in ("select count(*) from range(10000000000000)", "select len(range(3000000))"):
    try:
        run(Store(), query, timeout=0.05)
    except SqlError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "the query took longer than 0.05 s\n" * 2


def test_an_answer_in_a_cell_runs_nothing(store: Store) -> None:
    result = run(store, """select '<script>alert(1)</script>' as "<b>", 12345 as n, at from quality""")
    html = result._repr_html_()
    assert "<script" not in html and "<b>" not in html
    assert "&lt;script&gt;" in html and "&lt;b&gt;" in html and "12,345" in html
    assert "no rows" in run(store, "from logs")._repr_html_()
    assert run(store, "select 1 as a")._repr_mimebundle_()["text/plain"] == "a\n1\n1 of 1 rows"


def test_without_duckdb_the_error_says_what_to_install(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ImportError, match=r'SQL needs DuckDB: pip install "agent-widget\[sql\]"'):
        run(store, "select 1")


def test_a_client_asks_its_replica_and_a_server_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        say(tmp_path, number, f"text {number}")
    with hosted(tmp_path) as server:
        client = aw.connect(server.url, server.token)
        query = "select id, at, at - at as no, text from messages where text like 'text%' order by id"
        assert [row.text for row in client.sql(query)] == ["text 0", "text 1", "text 2"]
        with pytest.raises(aw.SqlError, match="no table nope"):
            client.sql("from nope")

        answer = client.call("sql", query=query, limit=2, timeout=60)  # which starts what answers
        assert answer["columns"] == ["id", "at", "no", "text"]
        assert answer["types"] == {"id": "str", "at": "time", "no": "duration", "text": "str"}
        assert [(row["text"], row["no"]) for row in answer["rows"]] == [("text 0", 0), ("text 1", 0)]
        assert answer["rows"][0]["at"] == 1_767_261_600_000
        assert answer["cut"] is True

        def refusal(**params: Any) -> tuple[str, str]:
            with pytest.raises(aw.CallError) as failure:
                client.call("sql", params)
            return failure.value.code, str(failure.value)

        assert refusal(query="from nope")[0] == "bad_request"
        assert refusal(query="select 1", timeout=-1)[0] == "bad_request"
        assert refusal(question="select 1")[0] == "bad_request"
        assert "longer than 0.1 s" in refusal(query="select count(*) from range(10000000000000)", timeout=0.1)[1]
        assert refusal(query="select repeat('x', 20000000)")[0] == "too_large"
        monkeypatch.setattr(sql, "LIMIT", 5)
        assert len(client.call("sql", query="from range(100)", limit=50)["rows"]) == 5
        monkeypatch.setitem(sys.modules, "duckdb", None)
        assert refusal(query="select 1") == ("unavailable", 'SQL needs DuckDB: pip install "agent-widget[sql]"')
        client.close()


def test_the_method_returns_times_in_milliseconds_and_odd_values_as_text(store: Store) -> None:
    answer = reply(run(store, "select timestamp '2026-01-01 12:00' a, date '2026-01-02' b, interval 1 month c"))
    assert answer["types"] == {"a": "time", "b": "str", "c": "str"}
    assert answer["rows"][0]["a"] == NOON
    assert b'"b":"2026-01-02"' in json_bytes(answer)
