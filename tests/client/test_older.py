"""A bounded replica: it holds the newest rows, knows how many there are, and reaches all of them."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget import tables
from agent_widget.client import older
from agent_widget.client.client import Client
from agent_widget.server.app import Server
from agent_widget.store import Answer, Row, Store
from agent_widget.tables import Gone, Record
from tests.support.wire import contents, hosted, until

pytestmark = pytest.mark.usefixtures("own_machine")

LIMIT = 20
START = 1_767_225_600  # 2026-01-01


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold 20 rows of each long table."""
    for name in tables.LIMITS:
        monkeypatch.setitem(tables.LIMITS, name, LIMIT)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    append(path, range(200))
    return path


def append(workspace: Path, numbers: range) -> None:
    """Append messages, a second apart, from two agents in turn."""
    with (workspace / "message-bus.jsonl").open("a") as file:
        for number in numbers:
            message = {
                "message_id": f"m{number}",
                "from_agent": f"agent-{number % 2}",
                "timestamp": START + number,
                "type": "direct",
                "payload": {"text": f"number {number}"},
            }
            file.write(json.dumps(message) + "\n")


@contextlib.contextmanager
def following(server: Server) -> Iterator[Client]:
    client = Client(server.url, server.token)
    try:
        client.wait(lambda client: client.connection.state == "live", 10)
        yield client
    finally:
        client.close()


@pytest.fixture
def client(workspace: Path, tmp_path: Path) -> Iterator[Client]:
    """A client of a server that has read 200 messages and holds the newest of them."""
    with hosted(workspace, archive=tmp_path / "archive.sqlite3") as server, following(server) as client:
        yield client


def count_calls(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods that are asked of the server from now on."""
    calls: list[str] = []
    call = client._link.call
    monkeypatch.setattr(client._link, "call", lambda method, *args: (calls.append(method), call(method, *args))[1])
    return calls


def test_a_table_holds_the_newest_rows_and_counts_all(client: Client) -> None:
    store = client._link.store
    assert len(client.messages) == 200
    assert store.held("messages") <= LIMIT + LIMIT // 10
    assert min(row.at for row in store.held_rows("messages")) >= (START + 170) * 1000
    assert "the newest 20 of them held here" in repr(client.messages)
    assert "the newest 20 of 200 are held here" in client.messages._repr_html_()


def test_everything_that_reads_a_table_reads_all_of_it(client: Client, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    messages = client.messages
    everything = {f"m{number}" for number in range(200)}
    assert {row.id for row in messages} == {row.id for row in messages.rows()} == everything
    assert [row.id for row in messages.rows()][:2] == ["m0", "m1"]
    assert len(messages.where(sender="agent-1")) == len(messages.where(lambda row: row.sender == "agent-1")) == 100
    assert set(messages.df().index) == everything
    assert messages.arrow().num_rows == 200
    assert messages.csv().count("\n") == 201
    assert len(json.loads(messages.json())) == 200
    assert messages["m3"].text == "number 3"
    assert "m4" in messages
    assert messages.get("bogus") is None
    assert len(client.agent("agent-1").messages()) == 100


def test_a_query_sees_all_rows(client: Client) -> None:
    pytest.importorskip("duckdb")
    assert client.sql("select count(*) as n from messages where sender = 'agent-0'").rows() == [{"n": 100}]


def test_older_rows_are_kept_for_a_moment(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(client, monkeypatch)
    first = client.messages.rows()
    asked = len(calls)
    assert asked > 0
    assert client.messages.rows() == first
    assert len(calls) == asked
    monkeypatch.setattr(older, "KEPT_FOR", -1)
    client._link.store._kept.clear()
    client.messages.rows()
    client.messages.rows()
    assert len(calls) == 3 * asked


def test_what_is_held_is_enough_for_conditions(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(client, monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client.wait(lambda client: client.messages.rows(), 10)
        assert client.messages.wait(lambda messages: messages.where(sender="agent-1"), 10)
        assert client.wait(lambda client: len(client.messages) == 200, 10)
    assert calls == []


def test_a_table_that_is_held_whole_asks_no_server(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(client, monkeypatch)
    assert len(client.agents.rows()) >= 2
    assert client.agents.get("bogus") is None
    assert client.tasks.rows() == []
    assert calls == []


def test_without_a_server_what_is_held_is_returned_with_a_warning(client: Client) -> None:
    client.close()
    with pytest.warns(aw.PartialWarning, match=r"messages: 20 of 200 rows, the newest"):
        assert len(client.messages.rows()) == 20


def test_the_thread_of_the_connection_asks_no_server(client: Client) -> None:
    asked = threading.Event()
    found: list[object] = []

    def ask() -> None:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            found.extend([len(client.messages.rows()), shown[0].category])
        asked.set()

    client._link.loop.call_soon_threadsafe(ask)
    assert asked.wait(10)
    assert found == [20, aw.PartialWarning]


def test_rows_that_are_let_go_are_not_gone(workspace: Path, tmp_path: Path) -> None:
    with hosted(workspace, archive=tmp_path / "archive.sqlite3") as server, following(server) as client:
        heard: list[Row] = []
        gone: list[Row] = []
        reaction = client.on("messages", heard.append, gone=gone.append)
        append(workspace, range(200, 300))
        until(lambda: len(client.messages) == 300 and len(heard) == 100)
        reaction.stop()
        assert gone == []
        assert client._link.store.held("messages") <= LIMIT + LIMIT // 10
        assert {row.id for row in client.messages} == {f"m{number}" for number in range(300)}


def test_a_page_knows_how_many_rows_there_are(client: Client) -> None:
    assert client._link.welcome().rows["messages"] == 200
    answer = client._link.store.since(None, None, tables.LIMITS)
    assert len(answer.rows["messages"]) == 20
    assert answer.counts["messages"] == 200


def test_a_client_that_is_cut_ends_like_a_fresh_one_over_a_restart(workspace: Path, tmp_path: Path) -> None:
    archive, number = tmp_path / "archive.sqlite3", 200
    with hosted(workspace, archive=archive) as server:
        client = Client(server.url, server.token)
        client.wait(lambda client: len(client.messages) == 200, 10)
        epoch = client._link.store.epoch
        client._link.loop.call_soon_threadsafe(lambda: client._link._socket.transport.abort())
        append(workspace, range(200, 260))
        until(lambda: len(client.messages) == 260)
        token, port = server.token, server.port
    append(workspace, range(260, 400))  # more than is held, while nobody listens
    number = 400
    with hosted(workspace, archive=archive, token=token, port=port) as server, following(server) as fresh:
        until(lambda: len(client.messages) == number and client.connection.state == "live")
        until(lambda: len(fresh.messages) == number)
        assert client._link.store.epoch == epoch
        ours, theirs = contents(client._link.store), contents(fresh._link.store)
        for figures in (ours["stats"], theirs["stats"]):
            for row in figures.values():
                row["at"] = None
        assert ours == theirs
        assert ours["messages"].keys() == {f"m{number}" for number in range(400)}
        client.close()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_a_bounded_replica_reaches_what_there_is(seed: int) -> None:
    """Random changes, answers lost in between, positions forgotten: its rows and the older ones are the server's."""
    from agent_widget.server import rows

    choice = random.Random(seed)
    server = Store()
    replica = older.ReplicaStore(lambda _, params: page(params))

    def page(params: Any) -> Any:
        found = rows.page(server, "logs", before=(params["before"], ""), limit=5_000, where=params["where"])
        return {**found, "rows": [json.loads(bytes(row)) for row in found["rows"]]}

    for _ in range(60):
        operations: list[Record | Gone] = []
        for _ in range(choice.randrange(12)):
            id = f"l{choice.randrange(120)}"
            if choice.random() < 0.2:
                operations.append(Gone("logs", id))
            else:
                at = choice.choice([None, choice.randrange(50)])
                operations.append(Record("logs", id, {"at": at, "text": str(choice.random())}))
        server.apply(operations)
        if choice.random() < 0.1:
            server.epoch = str(choice.random())
        if choice.random() < 0.7:
            answer: Answer = server.since(replica.position if replica.epoch else None, None, tables.LIMITS)
            replica.adopt(answer)
            assert replica.held("logs") <= LIMIT + LIMIT // 10
            assert len(replica.rows("logs")) == replica.count("logs") == server.count("logs")
            assert contents(replica) == contents(server)
