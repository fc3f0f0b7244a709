"""The server over real sockets: what it tells, whom it refuses, and what it does when clients misbehave."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import hashlib
import json
import logging
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect as open_socket
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.http11 import Request

import agent_widget.page
import agent_widget.server.app
import agent_widget.server.hub
from agent_widget import protocol
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.watcher import Watcher
from agent_widget.protocol import Assembler
from agent_widget.server.app import Server, StartError
from agent_widget.server.gate import LOBBY
from agent_widget.store import Store
from agent_widget.tables import Gone, Record, schema
from tests.support.wire import PATIENCE, Raw, change, contents, log_rows, raw, say, served, until_async, write_tasks

pytestmark = pytest.mark.usefixtures("own_machine")

Scene = Callable[[Server], Coroutine[Any, Any, None]]


@pytest.fixture
def play(workspace: Path) -> Callable[..., None]:
    """Run a scene with a server of the small workspace."""

    def play(scene: Scene, **options: Any) -> None:
        async def run() -> None:
            async with served(workspace, **options) as server:
                await scene(server)

        asyncio.run(run())

    return play


Play = Callable[..., None]


async def http(server: Server, request: str, *headers: str, host: str | None = "own") -> tuple[int, str, str]:
    """Status, head and body of a request; ``Host`` is the server's own unless given."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [f"{request} HTTP/1.1", *headers]
    if host is not None:
        lines.append(f"Host: {f'127.0.0.1:{server.port}' if host == 'own' else host}")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    data = (await asyncio.wait_for(reader.read(), PATIENCE)).decode()
    writer.close()
    head, _, body = data.partition("\r\n\r\n")
    return int(head.split()[1]), head, body


UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


# What it tells


def test_welcome_then_everything(play: Play, workspace: Path) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            welcome = await client.hello(server)
            assert welcome["type"] == "welcome"
            assert welcome["protocol"] == 1
            assert welcome["schema"] == schema()
            assert welcome["sources"][0]["path"] == str(workspace)
            answer = await client.answer()
            assert (answer["epoch"], answer["seq"], answer["reset"]) == (welcome["epoch"], welcome["seq"], True)
            sent = {name: {row["id"]: row for row in rows} for name, rows in answer["rows"].items()}
            assert sent == {name: rows for name, rows in contents(server.store).items() if rows}
            assert [task["title"] for task in sent["tasks"].values()] == ["first", "second"]

    play(scene)


def test_a_change_of_a_file_is_one_row(play: Play, workspace: Path) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            write_tasks(workspace, "first", "second, changed")
            frame = await client.answer()
            assert frame["reset"] is False
            assert frame["gone"] == {}
            assert [(row["id"], row["title"]) for row in frame["rows"]["tasks"]] == [("task-1", "second, changed")]

    play(scene)


def test_a_row_that_is_taken_out_is_gone(play: Play, workspace: Path) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            write_tasks(workspace, "first")
            assert (await client.answer())["gone"] == {"tasks": ["task-1"]}

    play(scene)


def test_a_client_that_reconnects_gets_exactly_what_it_missed(play: Play) -> None:
    async def scene(server: Server) -> None:
        change(server, *log_rows("a", "b", "c"))
        async with raw(server) as client:
            await client.hello(server)
            known = await client.answer()
        change(server, *log_rows("b", text="new"), *log_rows("d"), Gone("logs", "a"))
        change(server, *log_rows("b", text="newer"))
        async with raw(server) as client:
            await client.hello(server, since={"epoch": known["epoch"], "seq": known["seq"]}, tables=["logs"])
            missed = await client.answer()
        assert missed["reset"] is False
        assert [(row["id"], row["text"]) for row in missed["rows"]["logs"]] == [("d", "text"), ("b", "newer")]
        assert missed["gone"] == {"logs": ["a"]}

    play(scene)


def test_a_client_that_missed_nothing_gets_an_empty_answer_at_once(play: Play) -> None:
    async def scene(server: Server) -> None:
        epoch, seq = server.store.position
        async with raw(server) as client:
            await client.hello(server, since={"epoch": epoch, "seq": seq}, tables=["logs"])
            frame = await client.frame()
            assert (frame["seq"] >= seq, frame["rows"], frame["gone"], frame["reset"]) == (True, {}, {}, False)

    play(scene)


@pytest.mark.parametrize("since", [{"epoch": "another life", "seq": 1}, {"epoch": "own", "seq": 10**15}])
def test_a_position_of_another_life_or_from_the_future_starts_over(play: Play, since: dict[str, Any]) -> None:
    async def scene(server: Server) -> None:
        change(server, *log_rows(*"abcde"))
        epoch = server.store.epoch if since["epoch"] == "own" else since["epoch"]
        async with raw(server) as client:
            await client.hello(server, since={**since, "epoch": epoch}, tables=["logs"], limit={"logs": 2})
            answer = await client.answer()
            assert answer["reset"] is True
            assert len(answer["rows"]["logs"]) == 2

    play(scene)


def test_a_limit_bounds_the_first_answer_to_the_newest_rows(play: Play) -> None:
    async def scene(server: Server) -> None:
        change(server, *(Record("logs", f"l{at}", {"at": at}) for at in (5, 9, 7, 1)))
        async with raw(server) as client:
            await client.hello(server, limit={"logs": 2, "tasks": 0})
            rows = (await client.answer())["rows"]
            assert [row["id"] for row in rows["logs"]] == ["l9", "l7"]
            assert "tasks" not in rows

    play(scene)


def test_a_client_of_one_table_gets_no_other(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            known = await client.answer()
            for number in range(20):
                change(server, *log_rows(f"l{number}"))
                await asyncio.sleep(0)
            change(server, Record("tasks", "t", {"title": "new"}))
            frame = await client.frame()
            assert [row["id"] for row in frame["rows"]["tasks"]] == ["t"]
            assert frame["since"] <= known["seq"]  # it joins on to what the client has

    play(scene)


def test_quiet_is_broken_by_a_heartbeat_even_while_other_tables_change(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEARTBEAT", 0.1)

    async def scene(server: Server) -> None:
        async def chatter() -> None:
            for number in range(10_000):
                change(server, *log_rows(f"l{number}"))
                await asyncio.sleep(0.01)

        talking = asyncio.create_task(chatter())
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            seqs = [(await client.answer())["seq"]]
            for _ in range(3):
                beat = await asyncio.wait_for(client.frame(), 1)
                assert (beat["type"], beat["rows"], beat["more"]) == ("changes", {}, False)
                assert beat["since"] == seqs[-1]
                seqs.append(beat["seq"])
        talking.cancel()

    play(scene)


def test_a_large_answer_comes_in_frames(play: Play) -> None:
    async def scene(server: Server) -> None:
        change(server, *(Record("logs", f"l{number}", {"text": "x" * 400}) for number in range(3000)))
        async with raw(server) as client:
            await client.hello(server, tables=["logs"])
            sizes, more = [], True
            while more:
                data = await client.socket.recv()
                sizes.append(len(data))
                more = json.loads(data)["more"]
            assert len(sizes) > 4
            assert max(sizes) < protocol.FRAME_BYTES + 1000

    play(scene)


def test_the_client_of_the_protocol_page_has_every_row_of_an_answer_of_many_frames(play: Play, root: Path) -> None:
    page = (root / "docs/protocol.md").read_text()
    example = re.search(r"```python\n(.*?)^server = ", page, re.S | re.M)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)

    async def scene(server: Server) -> None:
        change(server, *(Record("logs", f"l{number}", {"text": "x" * 400}) for number in range(3000)))
        answers = names["follow"](server.url, server.token)
        rows, position = await anext(answers)
        assert rows == {name: held for name, held in contents(server.store).items() if held}
        assert len(rows["logs"]) == 3000
        assert position["epoch"] == server.store.epoch
        change(server, Gone("logs", "l0"), *log_rows("l1", text="new"))
        while "l0" in rows["logs"]:
            rows, position = await anext(answers)
        assert (len(rows["logs"]), rows["logs"]["l1"]["text"]) == (2999, "new")
        await answers.aclose()

    play(scene)


def test_two_clients_agree(play: Play) -> None:
    async def scene(server: Server) -> None:
        replicas = [Store(epoch=""), Store(epoch="")]

        async def follow(replica: Store) -> None:
            async with raw(server) as client:
                await client.hello(server)
                assembler = Assembler()
                while replica.get("logs", "last") is None:
                    answer = assembler.add(protocol.decode_server(await client.socket.recv()))  # type: ignore[arg-type]
                    if answer is not None:
                        replica.adopt(answer)

        followers = [asyncio.create_task(follow(replica)) for replica in replicas]
        for number in range(300):
            change(server, *log_rows(f"l{number % 40}", text=str(number)))
            if number % 7 == 0:
                change(server, Gone("logs", f"l{number % 40}"))
            await asyncio.sleep(0)
        change(server, *log_rows("last"))
        await asyncio.wait_for(asyncio.gather(*followers), PATIENCE)
        assert contents(replicas[0])["logs"] == contents(replicas[1])["logs"] == contents(server.store)["logs"]

    play(scene)


def test_pings_are_answered(play: Play) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            await client.send(type="ping", at=12.5)
            pong = await client.frame()
            assert (pong["type"], pong["at"]) == ("pong", 12.5)
            assert abs(pong["now"] - time.time() * 1000) < 60_000

    play(scene)


def test_calls_are_answered_by_their_rid(play: Play) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            await client.send(type="call", rid=7, method="status", params={})
            reply = await client.frame()
            assert (reply["type"], reply["rid"], reply["ok"]) == ("reply", 7, True)
            assert reply["result"]["rows"]["tasks"] == 2
            await client.send(type="call", rid=8, method="dance", params={})
            reply = await client.frame()
            assert (reply["rid"], reply["ok"], reply["error"]["code"]) == (8, False, "unknown_method")

    play(scene)


def test_a_search_is_asked_for_portion_by_portion_and_ends_with_its_client(play: Play) -> None:
    async def scene(server: Server) -> None:
        async def ask(client: Raw, **params: Any) -> dict[str, Any]:
            await client.send(type="call", rid=7, method="search", params=params)
            return await client.frame()

        async with raw(server) as client, raw(server) as other:
            for each in (client, other):
                await each.hello(server, tables=["quality"])
                await each.answer()
            reply = await ask(client, text="FIRST")
            (hit,) = reply["result"].pop("hits")
            assert reply["result"] == {"cursor": None, "bytes": 0, "total": 0}
            assert (hit["place"], hit["entry"], hit["snippet"], hit["position"]) == ("task", "task-0", "first", None)
            assert (await ask(client, text="first", where={"place": "log"}))["result"]["hits"] == []
            begun = (await ask(client, text="task", where={"place": ["task", "log"]}, limit=1))["result"]
            assert begun["cursor"] is None or len(begun["hits"]) == 1
            if begun["cursor"] is not None:
                assert (await ask(other, cursor=begun["cursor"]))["error"]["code"] == "not_found", "another client's"
                await ask(client, cursor=begun["cursor"], end=True)
                assert (await ask(client, cursor=begun["cursor"]))["error"]["code"] == "not_found"
            for wrong in ({}, {"text": " "}, {"text": "x", "cursor": "y"}, {"text": "x", "where": {"color": "red"}}):
                assert (await ask(client, **wrong))["error"]["code"] == "bad_request"

    play(scene)


# Whom it refuses


@pytest.mark.parametrize(
    ("hello", "code"),
    [
        ({"token": "wrong"}, "unauthorized"),
        ({"token": None}, "unauthorized"),
        ({"protocol": 2}, "unsupported_protocol"),
        ({"tables": ["nope"]}, "bad_request"),
        ({"type": "ping", "at": 1}, "bad_request"),
        ({"type": "dance"}, "bad_request"),
        ({"since": 41}, "bad_request"),
    ],
)
def test_a_wrong_first_frame_is_answered_with_the_reason_and_the_end(
    play: Play, hello: dict[str, Any], code: str
) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.send(**{"type": "hello", "protocol": 1, "token": server.token, **hello})
            assert await client.refusal() == (code, 1008)
        await until_async(lambda: server.connections == 0)

    play(scene)


@pytest.mark.parametrize(
    "data",
    [
        "nonsense",
        b'{"type":"ping","at":1}',
        '{"type":"hello","protocol":1}',
        '{"type":"dance"}',
        '{"type":"call","rid":1,"method":"x","params":' + "[" * 20_000 + "}",
    ],
    ids=["malformed", "binary", "second hello", "unknown type", "deep"],
)
def test_a_wrong_later_frame_is_answered_with_the_reason_and_the_end(play: Play, data: str | bytes) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            await client.socket.send(data)
            assert await client.refusal() == ("bad_request", 1008)

    play(scene)


def test_without_a_token_everybody_on_this_machine_may_come(play: Play) -> None:
    async def scene(server: Server) -> None:
        assert server.token is None
        async with raw(server) as client:
            assert (await client.hello())["type"] == "welcome"

    play(scene, no_token=True)


def test_an_answer_that_is_too_large_is_an_error_and_ends_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_widget.server.app, "MAX_REPLY", 200)

    async def run() -> None:
        async with served(workspace) as server, raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            await client.send(type="call", rid=1, method="status", params={})
            assert (await client.frame())["error"]["code"] == "too_large"
            await client.send(type="ping", at=1)
            assert (await client.frame())["type"] == "pong"

    asyncio.run(run())


def test_a_frame_that_is_too_large_ends_the_connection(play: Play) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["tasks"])
            await client.answer()
            await client.socket.send("x" * (protocol.MAX_CLIENT_FRAME + 1))
            with pytest.raises(ConnectionClosed):
                await client.frame()
            assert client.socket.close_code == 1009

    play(scene)


def test_broken_utf8_ends_the_connection(play: Play) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.socket.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed):
                await client.frame()
            assert client.socket.close_code == 1007

    play(scene)


def test_a_connection_without_hello_is_closed(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_widget.server.app, "HELLO_DEADLINE", 0.1)

    async def scene(server: Server) -> None:
        async with raw(server) as client:
            assert await client.refusal() == ("bad_request", 1008)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""  # not even a request
        writer.close()

    play(scene)


@contextlib.asynccontextmanager
async def strangers(server: Server, count: int, request: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that send ``request`` and nothing more."""
    async with contextlib.AsyncExitStack() as stack:
        readers = []
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            stack.callback(writer.transport.abort)
            writer.write(request)
            readers.append(reader)
        yield readers


@pytest.mark.parametrize("state", ["silent", "half a request", "no hello"])
def test_hundreds_of_strangers_never_keep_the_owner_out(play: Play, state: str) -> None:
    async def scene(server: Server) -> None:
        lines = ["GET /ws HTTP/1.1", f"Host: 127.0.0.1:{server.port}", *UPGRADE]
        whole = ("\r\n".join(lines) + "\r\n\r\n").encode()
        request = {"silent": b"", "half a request": whole[:-2], "no hello": whole}[state]
        async with strangers(server, 300, request):
            for _ in range(20):
                async with strangers(server, 10, request), raw(server) as client:
                    assert (await client.hello(server, tables=["tasks"]))["type"] == "welcome"
            async with raw(server) as client:
                await client.hello(server, tables=["tasks"])
                await client.answer()
                async with strangers(server, 300, request):  # who is in stays in
                    await client.send(type="ping", at=1)
                    assert (await client.frame())["type"] == "pong"
                    assert server.connections == 1

    play(scene)


def test_strangers_are_few_at_one_time(play: Play) -> None:
    async def scene(server: Server) -> None:
        async with strangers(server, LOBBY + 40, b"") as readers:
            await asyncio.wait_for(asyncio.gather(*(reader.read() for reader in readers[:40])), PATIENCE)
            assert not readers[-1].at_eof()

    play(scene)


def test_there_is_a_bound_on_connections(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_widget.server.app, "MAX_CLIENTS", 1)

    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server)
            async with raw(server) as other:
                await other.send(type="hello", protocol=1, token=server.token)
                assert await other.refusal() == ("busy", 1013)
        await until_async(lambda: server.connections == 0)
        async with raw(server) as other:
            assert (await other.hello(server))["type"] == "welcome"

    play(scene)


@pytest.mark.parametrize(
    ("headers", "host", "status"),
    [
        ((), "own", 101),
        (("Origin: http://127.0.0.1:{port}",), "own", 101),
        (("Origin: http://evil.example",), "own", 403),
        (("Origin: null",), "own", 403),
        (("Origin: http://127.0.0.1:{port}", "Origin: http://evil.example"), "own", 403),
        ((), "evil.example", 403),
        ((), "evil.example:{port}", 403),
        ((), None, 403),
        (("Host: 127.0.0.1:{port}",), "own", 403),
    ],
)
@pytest.mark.parametrize("path", ["/ws", "/", "/healthz", "/metrics"])
def test_every_route_has_one_gate(
    play: Play, path: str, headers: tuple[str, ...], host: str | None, status: int
) -> None:
    async def scene(server: Server) -> None:
        extra = [header.format(port=server.port) for header in headers]
        if path == "/ws" and status == 101:
            return  # an open WebSocket does not end by itself; see the tests of the page's origin
        upgrade = UPGRADE if path == "/ws" else ()
        got, *_ = await http(
            server, f"GET {path}", *upgrade, *extra, host=host.format(port=server.port) if host else None
        )
        expected = {"/metrics": 401}.get(path, 200) if status == 101 else status
        assert got == expected

    play(scene)


def test_the_own_page_may_open_a_websocket_and_no_other(play: Play) -> None:
    async def scene(server: Server) -> None:
        async with raw(server, origin=f"http://127.0.0.1:{server.port}") as client:
            assert (await client.hello(server))["type"] == "welcome"
        for origin in ("http://evil.example", "null"):
            with pytest.raises(InvalidStatus) as caught:
                async with raw(server, origin=origin):
                    pass
            assert caught.value.response.status_code == 403

    play(scene)


# Pages


def test_only_known_paths_are_answered(play: Play) -> None:
    async def scene(server: Server) -> None:
        assert (await http(server, "GET /nothing"))[0] == 404
        assert (await http(server, "GET /../etc/passwd"))[0] == 404
        assert (await http(server, "GET /healthz"))[::2] == (200, "ok")
        assert (await http(server, "GET /ws"))[0] == 426

    play(scene)


@pytest.mark.skipif(
    "method" not in Request.__annotations__, reason="websockets before 17 closes what is no GET, without an answer"
)
def test_only_get_and_head_are_answered(play: Play) -> None:
    async def scene(server: Server) -> None:
        assert (await http(server, "POST /", "Content-Length: 0"))[0] == 405
        assert (await http(server, "HEAD /healthz"))[::2] == (200, "")

    play(scene)


def test_the_page_holds_no_token_and_runs_only_its_own_script(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = 'const tag = "</script><SCRIPT>"; const end = "</SCRIPT >"; export default tag;'
    monkeypatch.setattr(agent_widget.page, "bundle", lambda: bundle)
    agent_widget.server.app.page.cache_clear()

    async def scene(server: Server) -> None:
        status, head, body = await http(server, "GET /?a=b")
        assert status == 200
        script = re.search(r'<script type="module">(.*?)</script\s*>', body, re.DOTALL | re.IGNORECASE)
        assert script is not None
        assert script[1].endswith("export default tag;")
        digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
        policy = re.search(r"Content-Security-Policy: (.*)\r", head)
        assert policy is not None
        assert f"script-src 'sha256-{digest}';" in policy[1]
        assert "unsafe-eval" not in policy[1]
        assert "default-src 'none'" in policy[1]
        assert str(server.token) not in head + body
        assert "Referrer-Policy: no-referrer" in head

    try:
        play(scene)
    finally:
        agent_widget.server.app.page.cache_clear()


def test_metrics_require_the_token(play: Play) -> None:
    async def scene(server: Server) -> None:
        server.store.apply([Record("stats", "input_tokens", {"name": "input_tokens", "value": 123456789})])
        assert (await http(server, "GET /metrics"))[0] == 401
        assert (await http(server, "GET /metrics", "Authorization: Bearer wrong"))[0] == 401
        assert (await http(server, f"GET /metrics?token={server.token}"))[0] == 401
        status, _, body = await http(server, "GET /metrics", f"Authorization: Bearer {server.token}")
        assert status == 200
        assert 'agent_widget_rows{table="tasks"} 2\n' in body
        assert 'agent_widget_tokens{kind="input"} 123456789\n' in body  # to the last digit

    play(scene)


def test_the_token_is_in_no_answer_and_no_log(
    play: Play, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, logger="agent_widget")
    said: list[str] = []

    async def scene(server: Server) -> None:
        for path in ("/", "/healthz", "/metrics", "/nothing", "/ws"):
            said.extend(map(str, await http(server, f"GET {path}")))
        async with raw(server) as client:
            said.append(json.dumps(await client.hello(server)))
            said.append(json.dumps(await client.answer()))
            await client.send(type="call", rid=1, method="status")
            said.append(json.dumps(await client.frame()))
        async with raw(server) as client:
            said.append(json.dumps(await client.hello(server, token="wrong")))
        said.extend((repr(server), caplog.text, *capfd.readouterr()))
        assert str(server.token) not in "".join(said)

    play(scene)


# Clients that misbehave


@pytest.mark.slow
def test_a_reader_that_stalls_is_dropped_and_the_others_go_on(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_widget.server.hub, "SEND_DEADLINE", 0.5)
    sockets: list[ServerConnection] = []
    follow = Server._follow

    async def noted(server: Server, connection: ServerConnection) -> None:
        sockets.append(connection)
        await follow(server, connection)

    monkeypatch.setattr(Server, "_follow", noted)

    async def scene(server: Server) -> None:
        async with raw(server) as healthy, raw(server) as stalled:
            for client in (healthy, stalled):
                await client.hello(server, tables=["logs"])
                await client.answer()
            stalled.socket.transport.pause_reading()
            waiting = 0
            deadline = time.monotonic() + PATIENCE
            number = 0
            while server.connections == 2:
                assert time.monotonic() < deadline
                number += 1
                change(server, *log_rows(*(f"{number % 9}-{i}" for i in range(200)), text=f"{number}" + "x" * 500))
                await healthy.answer()
                waiting = max(waiting, *(socket.transport.get_write_buffer_size() for socket in sockets))
            assert waiting < 2 * protocol.FRAME_BYTES  # nothing piles up for it
            change(server, *log_rows("after"))
            assert (await healthy.answer())["rows"]["logs"][0]["id"] == "after"

    play(scene)


def test_strangers_do_no_harm(play: Play) -> None:
    async def scene(server: Server) -> None:
        dice = random.Random(7)
        for junk in (
            b"",
            b"\x16\x03\x01\x02",
            b"GET",
            b"\r\n" * 5000,
            dice.randbytes(3000),
            b"GET / HTTP/1.1\r\n" * 300,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(junk)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
        async with raw(server) as client:
            assert (await client.hello(server))["type"] == "welcome"

    play(scene)


class Breaking:
    """A proxy that cuts each connection after a random number of bytes, until it is healed."""

    def __init__(self, port: int, dice: random.Random) -> None:
        self.target = port
        self.dice = dice
        self.healed = False
        self.cuts = 0

    async def __aenter__(self) -> Breaking:
        self.listener = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listener.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        budget = [10**12 if self.healed else self.dice.choice([1_000, 6_000, 9_000, 20_000]) + self.dice.randrange(600)]

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(1024):
                sink.write(data[: max(0, budget[0])])
                await sink.drain()
                budget[0] -= len(data)
                if budget[0] <= 0:
                    self.cuts += 1
                    return

        pumps = [asyncio.create_task(pump(reader, far_writer)), asyncio.create_task(pump(far_reader, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for end in (writer, far_writer):
            end.transport.abort()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_however_often_the_connection_breaks(play: Play, seed: int) -> None:
    async def scene(server: Server) -> None:
        dice = random.Random(seed)
        replica = Store(epoch="")

        async def work() -> None:
            for number in range(600):
                change(server, *log_rows(f"l{dice.randrange(150)}", text=f"{number} " + "x" * dice.randrange(400)))
                if dice.random() < 0.2:
                    change(server, Gone("logs", f"l{dice.randrange(150)}"))
                await asyncio.sleep(0.001)
            change(server, *log_rows("last"))
            proxy.healed = True

        async def follow() -> None:
            while replica.get("logs", "last") is None:
                try:
                    async with open_socket(
                        server.url, host="127.0.0.1", port=proxy.port, proxy=None, open_timeout=2, close_timeout=0.1
                    ) as connection:
                        client = Raw(connection)
                        since = {"epoch": replica.epoch, "seq": replica.seq} if replica.epoch else None
                        await client.hello(server, since=since, tables=["logs"])
                        assembler = Assembler()
                        while replica.get("logs", "last") is None:
                            frame = protocol.decode_server(await asyncio.wait_for(client.socket.recv(), PATIENCE))
                            # how far the files are read may be said in between
                            answer = assembler.add(frame) if isinstance(frame, protocol.Changes) else None
                            if answer is not None:
                                replica.adopt(answer)
                except (OSError, EOFError, ConnectionClosed, InvalidHandshake):
                    pass

        async with Breaking(server.port, dice) as proxy:
            await asyncio.wait_for(asyncio.gather(work(), follow()), 30)
        assert proxy.cuts > 3
        assert contents(replica)["logs"] == contents(server.store)["logs"]

    play(scene)


# Starting and ending


def test_it_refuses_to_serve_everybody_without_a_token(workspace: Path) -> None:
    with pytest.raises(StartError, match="without a token"):
        Server(Collector([workspace]), host="0.0.0.0", no_token=True)


@pytest.mark.parametrize("access", [{"no_token": True}, {"token": "short"}])
def test_behind_a_proxy_a_token_is_required_as_on_the_network(workspace: Path, access: dict[str, Any]) -> None:
    with pytest.raises(StartError, match=r"hub\.example"):
        Server(Collector([workspace]), allow_hosts=["hub.example"], **access)


def test_a_short_token_is_refused_where_other_machines_can_guess(workspace: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "box.local"):
        with pytest.raises(StartError, match="could guess"):
            Server(Collector([workspace]), host=host, token="a" * 15)
        Server(Collector([workspace]), host=host, token="a" * 16)
    Server(Collector([workspace]), token="a")


def test_a_port_in_use_is_an_error_of_one_line(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def run() -> None:
            async with served(workspace, port=port):
                pass

        with pytest.raises(StartError) as caught:
            asyncio.run(run())
        assert str(caught.value) == f"port {port} is in use; choose another, or 0 for any free one"


def test_an_address_of_another_machine_is_an_error_that_says_so(workspace: Path) -> None:
    async def run() -> None:
        async with served(workspace, host="192.0.2.1"):  # of no machine: RFC 5737
            pass

    with pytest.raises(StartError, match=r"^192\.0\.2\.1 is no address of this machine; 127\.0\.0\.1 is for"):
        asyncio.run(run())


def test_a_port_taken_before_anybody_listens_is_an_error_of_one_line(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thieves = []
    start = Watcher.start

    def slow_start(watcher: Watcher) -> None:
        thief = socket.socket()
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port))
        thief.listen()
        thieves.append(thief)
        start(watcher)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr(Watcher, "start", slow_start)

    async def run() -> None:
        async with served(workspace, port=port):
            pass

    with pytest.raises(StartError, match="in use"):
        asyncio.run(run())
    thieves[0].close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_a_foreign_address_is_an_error_of_one_line(workspace: Path, host: str) -> None:
    async def run() -> None:
        async with served(workspace, host=host):
            pass

    with pytest.raises(StartError) as caught:
        asyncio.run(run())
    assert "\n" not in str(caught.value)


def test_it_ends_after_a_while_without_clients(workspace: Path) -> None:
    async def run() -> None:
        async with served(workspace, idle_timeout=0.2) as server:
            async with raw(server) as client:
                await client.hello(server)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(server.idle(), 0.4)
            await asyncio.wait_for(server.idle(), PATIENCE)

    asyncio.run(run())


def test_clients_get_a_close_frame_when_the_server_ends(workspace: Path) -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            context = served(workspace)
            server = await context.__aenter__()
            client = await stack.enter_async_context(raw(server))
            await client.hello(server)
            await client.answer()
            await context.__aexit__(None, None, None)
            with pytest.raises(ConnectionClosed):
                while True:
                    await client.frame()
            assert client.socket.close_code == 1001

    asyncio.run(run())


def test_changes_reach_a_client_from_a_file_that_comes_later(play: Play, workspace: Path) -> None:
    async def scene(server: Server) -> None:
        async with raw(server) as client:
            await client.hello(server, tables=["messages"])
            await client.answer()
            say(workspace, 2, "later")
            assert [row["id"] for row in (await client.answer())["rows"]["messages"]] == ["m2"]

    play(scene)


def test_a_want_of_files_is_one_line_in_the_log_and_others_are_reported_as_before(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(server: Server) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(100):
            error = OSError(errno.EMFILE, "Too many open files")
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
        assert [record.getMessage() for record in caplog.records] == [
            "no connection can be accepted for now: Too many open files"
        ]
        assert caplog.records[0].exc_info is None
        loop.call_exception_handler({"message": "a mistake", "exception": ValueError("of another kind")})
        assert caplog.records[-1].name == "asyncio"

    play(scene)
