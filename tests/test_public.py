"""The public face: the contract of the design, line by line, and that nothing but it shows."""

from __future__ import annotations

import ast
import asyncio
import pydoc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import agent_widget as aw
from agent_widget.client.base import BaseClient
from agent_widget.client.client import Client
from agent_widget.tables import TABLES, Record
from tests.support.wire import PATIENCE, log_rows, until

MACHINERY = {
    *("adopt", "listen", "feed", "subscribe", "wake", "welcome", "request", "store", "token", "loop", "alive"),
    *("add_traits", "class_traits", "comm", "get_manager_state", "get_state", "keys", "model_id", "on_msg", "send"),
    *("set_state", "set_trait", "traits", "widgets", "layout", "tabbable"),
}
SHARED = {
    *TABLES,
    *(
        "agent",
        "alert",
        "alerts",
        "call",
        "changes",
        "compare",
        "connection",
        "on",
        "publishing",
        "reading",
        "sources",
        "hosts",
        "sql",
    ),
    *("hosts", "search", "transcript", "until", "wait", "close"),
}
DASHBOARD = {
    *("at", "client", "filter", "height", "observe", "panel", "save", "select", "selected", "show", "unobserve", "view")
}


@pytest.fixture
def dash(own_machine: Path, server: Any, client: Client) -> Iterator[aw.Dashboard]:
    """A dashboard on a workspace with a few rows more."""
    server.put(
        Record("agents", "a1", {"name": "agent-planner", "status": "idle", "last_seen_at": 1}),
        Record("sessions", "s1", {"project": "shop", "agent_id": "a1", "started_at": 1}),
        Record("tool_calls", "c1", {"agent_id": "a1", "name": "Bash", "status": "ok", "at": 1}),
        Record("messages", "x1", {"sender": "a1", "recipient": "*", "text": "hello", "at": 1}),
    )
    until(lambda: "x1" in client.messages)
    dash = aw.Dashboard(client)
    yield dash
    dash.close()


# What shows


def test_dir_and_completion_show_the_contract_alone(dash: aw.Dashboard) -> None:
    assert set(dir(dash.client)) == SHARED | {"url"}
    assert set(dir(dash)) == SHARED | DASHBOARD
    assert set(dir(aw.Dashboard)) == (SHARED | DASHBOARD) - {"client"}
    assert set(dir(type(dash))) == set(dir(aw.Dashboard)), "also of the class that traitlets makes of it"
    assert dir(aw) == sorted(aw.__all__)
    assert {"until", "tool_calls", "status", "cost_usd"} <= set(dir(dash.agent("planner")))
    public = {name for name in dir(dash.tasks) if not name.startswith("_")}
    assert public == {
        *("arrow", "columns", "csv", "df", "get", "json", "name", "parquet", "rows", "until", "wait", "where"),
        "create",
    }


@pytest.mark.parametrize("use_jedi", [True, False])
def test_a_notebook_completes_the_same(dash: aw.Dashboard, use_jedi: bool) -> None:
    from IPython.core.completer import IPCompleter, provisionalcompleter

    completer = IPCompleter(namespace={"dash": dash, "client": dash.client, "aw": aw}, use_jedi=use_jedi)
    with provisionalcompleter():
        for text, expected in (("dash.", SHARED | DASHBOARD), ("client.", SHARED | {"url"}), ("aw.", {*aw.__all__})):
            found = {each.text.rpartition(".")[2] for each in completer.completions(text, len(text))}
            assert found == {name for name in expected if not name.startswith("_")}


def test_a_row_completes_its_columns_and_a_table_its_ids(dash: aw.Dashboard) -> None:
    from IPython.core.completer import IPCompleter, provisionalcompleter

    task = dash.tasks.rows()[0]
    agent = next(iter(dash.agents))
    completer = IPCompleter(namespace={"dash": dash, "task": task, "agent": agent}, use_jedi=False)
    with provisionalcompleter():

        def offered(text: str) -> set[str]:
            return {each.text.rpartition(".")[2] for each in completer.completions(text, len(text))}

        assert offered("task.") > {*dash.tasks.columns, "update", "cancel"}
        assert offered("agent.") > {*dash.agents.columns}
    assert set(dir(agent)) == {*dash.agents.columns, "get", "items", "keys", "values"}
    assert task.id in dash.tasks._ipython_key_completions_()


def test_help_describes_the_api_and_none_of_the_machinery() -> None:
    text = pydoc.render_doc(aw, renderer=pydoc.plaintext)
    members = [line.strip(" |") for line in text.splitlines() if line.lstrip().startswith("|")]
    described = {member.removeprefix("async ").partition("(")[0] for member in members}
    assert SHARED | DASHBOARD - {"client"} <= described
    assert described & MACHINERY == {"keys", "send"}, "of rows, which are dicts, and of messages"


def test_every_public_name_has_a_docstring() -> None:
    for name in aw.__all__:
        value = getattr(aw, name)
        assert value.__doc__ or name == "__version__", name
    for kind in (BaseClient, aw.Client, aw.Agent, aw.LiveTable, aw.Rows, aw.Alert):
        for name in (name for name in vars(kind) if not name.startswith("_")):
            assert getattr(kind, name).__doc__, f"{kind.__name__}.{name}"


def test_the_names_that_are_loaded_when_used_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(str(aw.__file__)).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == aw._MODULES | {"__version__": "version"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        aw.nothing  # noqa: B018


def test_every_table_is_an_attribute_of_both(dash: aw.Dashboard) -> None:
    for name in TABLES:
        table = getattr(dash, name)
        assert table is getattr(dash.client, name)
        kind = {"tasks": aw.Tasks, "messages": aw.Messages}.get(name, aw.LiveTable)
        assert (type(table), table.name) == (kind, name)
    with pytest.raises(AttributeError, match="tasks is a live table and cannot be set"):
        dash.tasks = []  # type: ignore[assignment]


# The contract, line by line


def test_what_a_client_can_do_its_dashboard_can(dash: aw.Dashboard, server: Any) -> None:
    pytest.importorskip("duckdb")
    assert [row.name for row in dash.sql("select name from tool_calls")] == ["Bash"]
    assert list(dash.compare(where={"project": "shop"}).index) == ["s1"]
    assert dash.agent("planner").messages().df().text.to_list() == ["hello"]
    assert dash.agent("planner").id == dash.client.agent("a1").id == "a1"
    alert = dash.alert("logs", lambda dash: f"{len(dash.logs)} lines" if len(dash.logs) else None, lambda alert: None)
    assert dash.alerts == dash.client.alerts == [alert]
    heard: list[str] = []
    stop = dash.on("logs", lambda row: heard.append(row.id))
    changes = dash.changes("logs", where={"text": "text"})
    server.put(*log_rows("l1"))
    assert next(changes).id == "l1"
    assert dash.wait(lambda dash: heard, PATIENCE) == ["l1"]
    assert dash.wait(lambda dash: alert.text, PATIENCE) == "1 lines"
    stop()
    alert.stop()
    assert dash.connection.state == "live" and dash.reading is None
    assert [source.name for source in dash.sources] == ["workspace"]
    assert dash.call("status")["rows"]["tasks"] == 2
    with pytest.raises(aw.NotFound, match="no session"):
        dash.transcript("nobody", limit=50)


def test_a_table_is_a_live_collection(dash: aw.Dashboard) -> None:
    assert len(dash.tasks) == len(list(dash.tasks)) == len(dash.tasks.rows()) == 2
    assert dash.tasks["task-0"].title == "first"
    assert isinstance(dash.tasks.df(), pd.DataFrame)
    assert pl.DataFrame(dash.tasks).height == pa.table(dash.tasks).num_rows == 2
    pending = [dash.tasks.where(status="pending"), dash.tasks.where({"status": "pending"})]
    pending.append(dash.tasks.where(lambda task: task.status == "pending"))
    assert [type(rows) for rows in pending] == [aw.Rows] * 3
    assert [len(rows) for rows in pending] == [2, 2, 2]


def test_until_and_wait_are_for_a_client_a_dashboard_a_table_and_an_agent(dash: aw.Dashboard, server: Any) -> None:
    agent = dash.agent("planner")
    for waiting in (dash.client, dash, dash.tasks, agent):
        assert waiting.wait(lambda it: it) is waiting
        with pytest.raises(TimeoutError, match=r"not within 0\.01 s"):
            waiting.wait(lambda it: None, timeout=0.01)

    async def scene() -> None:
        for waiting in (dash.client, dash, dash.tasks, agent):
            assert await waiting.until(lambda it: it) is waiting
            with pytest.raises(TimeoutError, match=r"not within 0\.01 s"):
                await waiting.until(lambda it: None, timeout=0.01)
        asyncio.get_running_loop().call_later(0.02, server.put, *log_rows("l1"))
        assert await dash.logs.until(lambda logs: "l1" in logs, PATIENCE)
        assert (await agent.until("done", PATIENCE)).status == "idle"

    asyncio.run(scene())


def test_errors_are_distinguished(dash: aw.Dashboard) -> None:
    assert issubclass(aw.NotFound, LookupError)
    assert not issubclass(aw.CallError, ConnectionError)
    for question in (lambda: dash.agent("nobody"), lambda: dash.select(agent="nobody"), lambda: dash.transcript("no")):
        with pytest.raises(aw.NotFound) as missing:
            question()
        assert missing.value.code == "not_found"
    with pytest.raises(aw.NotFound, match="no memory entry"):
        dash.call("memory", id="nothing")
    with pytest.raises(aw.CallError, match="unknown method") as refused:
        dash.call("dance")
    assert refused.value.code == "unknown_method"
    dash.client.close()
    with pytest.raises(aw.ConnectionFailed, match="closed"):
        dash.call("status")


def test_errors_say_what_to_do(dash: aw.Dashboard) -> None:
    with pytest.raises(TypeError, match=r"no positions.*tasks\['…'\].*tasks\.rows\(\)\[0\]"):
        dash.tasks[0]  # type: ignore[index]
    with pytest.raises(KeyError, match=r"no row 't9' in tasks; tasks\.get\(…\) returns None instead"):
        dash.tasks["t9"]
    with pytest.raises(TypeError, match="where is a dict of columns"):
        dash.tasks.where("blocked")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no status 'sleeping'; there are working, waiting"):
        dash.agent("planner").wait("sleeping")
