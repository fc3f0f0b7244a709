"""The client replica and the server process: reconnecting, following, callbacks, starting, reusing and stopping."""

from __future__ import annotations

import contextlib
import http.server
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.sync.server import serve as serve_socket

import agent_widget as aw
from agent_widget import discovery, protocol
from agent_widget.client import wire
from agent_widget.client.client import Client, open_clients
from agent_widget.client.errors import CallError, ConnectionFailed
from agent_widget.discovery import find_server, is_alive
from agent_widget.server.launch import ServerError
from agent_widget.tables import TABLES, Gone, schema
from tests.support.wire import PATIENCE, contents, log_rows, say, until, write_tasks

pytestmark = pytest.mark.usefixtures("own_machine")


@pytest.fixture
def started(workspace: Path) -> Iterator[Callable[..., aw.Server]]:
    """``aw.serve`` of the small workspace, stopped at the end."""
    servers = []

    def start(*paths: Path, **options: Any) -> aw.Server:
        servers.append(aw.serve(*(paths or (workspace,)), **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def states(client: Client) -> list[str]:
    """The states the connection goes through from now on."""
    seen = [client.connection.state]
    client._link.listen(lambda: seen.append(client.connection.state))
    return seen


# The replica


def test_the_tables_are_complete_when_connect_returns(server: Any, client: Client) -> None:
    assert contents(client._link.store) == contents(server.store)
    assert [task.title for task in client.tasks] == ["first", "second"]
    assert client.connection.state == "live"
    assert client._link.store.position == server.store.position
    assert client.sources[0].name == "workspace"
    assert "2 tasks" in repr(client)


def test_it_follows(server: Any, client: Client, workspace: Path) -> None:
    write_tasks(workspace, "first, changed")
    until(lambda: [task.title for task in client.tasks] == ["first, changed"])
    server.put(*log_rows("a"))
    until(lambda: "a" in client.logs)
    server.put(Gone("logs", "a"))
    until(lambda: "a" not in client.logs)


def test_one_process_has_one_client_for_a_server(server: Any, client: Client) -> None:
    assert aw.connect(server.url, server.token) is client
    assert open_clients() == [client]
    client.close()
    again = aw.connect(server.url, server.token)
    assert again is not client
    again.close()


def test_a_closed_client_keeps_its_tables_and_no_thread(server: Any, client: Client) -> None:
    client.on("tasks", print)
    client.close()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("agent-widget http")])
    assert not client._link.alive
    assert client.connection.state == "closed"
    assert len(client.tasks) == 2
    client.close()


def test_a_wrong_token_is_refused_at_once_and_for_good(server: Any) -> None:
    with pytest.raises(ConnectionFailed, match="wrong token"):
        aw.connect(server.url, "wrong")
    assert open_clients() == []


def test_a_right_token_is_not_held_back_by_an_old_client(server: Any, client: Client) -> None:
    with pytest.raises(ConnectionFailed):
        aw.connect(server.url, "wrong")
    assert client.connection.state == "live"


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:1", "ws://", "ws://[::1/ws", "ws://127.0.0.1:99999/ws"])
def test_an_invalid_url_is_an_error_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="such as ws://"):
        aw.connect(url)


def test_a_url_without_a_server_fails_with_a_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"ws://127.0.0.1:{free.getsockname()[1]}/ws"
    with pytest.raises(ConnectionFailed, match="nothing listens there"):
        aw.connect(url, timeout=0.5)
    assert open_clients() == []


def test_something_else_on_the_port_is_refused() -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever, daemon=True)
        thread.start()
        with pytest.raises(ConnectionFailed, match="no agent-widget server"):
            aw.connect(f"ws://127.0.0.1:{other.server_port}/ws")
        other.shutdown()
        thread.join()


@contextlib.contextmanager
def playing(*frames: bytes, handle: Callable[[Any], None] | None = None) -> Iterator[str]:
    """A server that answers every hello with these frames and then waits, or does what ``handle`` does."""

    def answer(connection: Any) -> None:
        connection.recv()
        for frame in frames:
            connection.send(frame.decode())
        with contextlib.suppress(Exception):
            while True:
                connection.recv()

    with serve_socket(handle or answer, "127.0.0.1", 0) as listener:
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/ws"
        listener.shutdown()
        thread.join()


def test_a_server_of_another_version_is_refused_clearly() -> None:
    refusal = protocol.encode(protocol.Error("unsupported_protocol", "this server speaks protocol 2, the client 1"))
    with playing(refusal) as url, pytest.raises(ConnectionFailed, match="speaks protocol 2"):
        aw.connect(url)
    assert open_clients() == []


def test_a_server_that_welcomes_in_another_protocol_is_refused_clearly() -> None:
    welcome = protocol.encode(protocol.Welcome(2, "9.0", "e", 1, 2, [], schema()))
    with playing(welcome) as url, pytest.raises(ConnectionFailed, match="speaks protocol 2, this client 1; install"):
        aw.connect(url)


def test_columns_that_an_earlier_version_does_not_know_are_unknown() -> None:
    """After an upgrade the server that runs may be the earlier version's."""
    older = {"agents": {"id": "str", "name": "str"}, **{name: of for name, of in schema().items() if name != "agents"}}
    rows: dict[str, Any] = {"agents": [{"id": "a", "name": "planner"}]}
    frames = [protocol.Welcome(1, "0", "e", 1, 2, [], older), protocol.Changes("e", 1, 0, reset=True, rows=rows)]
    with playing(*map(protocol.encode, frames)) as url:
        client = aw.connect(url)
        assert client.agents["a"] == {**TABLES["agents"].blank(), "id": "a", "name": "planner"}
        assert (client.agent("planner").status, list(client.agents.df().index)) == (None, ["a"])
        client.close()


def test_a_frame_of_a_later_version_is_passed_over_and_sources_are_taken_in() -> None:
    read, half = ([protocol.SourceState("workspace", "/w", 1, 9, state, 5)] for state in ("watching", "reading"))
    frames = [
        protocol.Welcome(1, "v", "e", 1, 2, half, schema()),
        protocol.Changes("e", 1, reset=True),
        protocol.Sources(2, read),
        protocol.Changes("e", 2, 1),
    ]
    with playing(*map(protocol.encode, frames[:2]), b'{"type":"dance"}') as url:
        client = Client(url)
        client.wait(lambda client: client.connection.state == "live", PATIENCE)
        assert client.reading == (5, 9)
        client.close()
    with playing(*map(protocol.encode, frames[:3])) as url:
        client = Client(url)
        client.wait(lambda client: client.sources == read, PATIENCE)
        assert client.reading == (9, 9), "the rows have not come yet"
        client.close()
    with playing(*map(protocol.encode, frames)) as url:
        client = Client(url)
        client.wait(lambda client: client.reading is None and client.sources == read, PATIENCE)
        client.close()


@pytest.mark.parametrize(
    "frame",
    [
        b"nonsense",
        protocol.encode(protocol.Error("bad_request", "no hello within 10 s")),
        protocol.encode(protocol.Changes("e", 7, 5)),
        b'{"type":"changes","epoch":"e","since":0,"seq":1,"reset":true,"rows":{"logs":[{"no":"id"}]}}',
    ],
    ids=["nonsense", "passing error", "gap", "row without id"],
)
def test_no_frame_of_a_server_ends_the_thread(frame: bytes) -> None:
    with playing(frame) as url:
        client = Client(url)
        until(lambda: client.connection.state == "reconnecting")
        assert client.connection.message
        assert client._link.alive
        client.close()


def test_a_ping_of_the_server_is_answered() -> None:
    heard: queue.Queue[Any] = queue.Queue()

    def handle(connection: Any) -> None:
        connection.recv()
        connection.send(protocol.encode(protocol.Ping(41.5)).decode())
        with contextlib.suppress(Exception):
            while True:
                heard.put(protocol.decode_client(connection.recv()))

    with playing(handle=handle) as url:
        client = Client(url)
        until(lambda: any(isinstance(f, protocol.Pong) and f.at == 41.5 for f in heard.queue))
        client.close()


def test_silence_counts_as_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SILENCE", 0.2)
    with playing(protocol.encode(protocol.Changes("e", 0, 0, reset=True))) as url:
        client = aw.connect(url)
        until(lambda: client.connection.state == "reconnecting")
        assert "no word from the server" in str(client.connection.message)
        until(lambda: client.connection.state == "live")
        client.close()


@pytest.mark.parametrize("life", ["second", "first"], ids=["in a new life", "with an older archive"])
@pytest.mark.parametrize(("state", "heard"), [("reading", ["c"]), ("watching", ["b went", "b", "c"])])
def test_what_a_restarted_server_has_not_read_yet_has_not_gone(state: str, heard: list[str], life: str) -> None:
    def changes(epoch: str, seq: int, *ids: str, since: int = 0) -> bytes:
        rows = {"logs": [{"id": id, "text": "the same"} for id in ids]}
        return protocol.encode(protocol.Changes(epoch, seq, since, since == 0, rows=rows))

    def welcome(epoch: str, state: str) -> bytes:
        source = protocol.SourceState("workspace", "memory", 1, 1, state)
        return protocol.encode(protocol.Welcome(1, "0.1.0", epoch, 0, 0, [source], {}))

    listening, told_first, lives = threading.Event(), threading.Event(), iter("12")

    def handle(connection: Any) -> None:
        connection.recv()
        if next(lives) == "1":
            for frame in (welcome("first", "watching"), changes("first", 2, "a", "b")):
                connection.send(frame.decode())
            listening.wait(PATIENCE)
            return
        for frame in (welcome(life, state), changes(life, 1, "a")):
            connection.send(frame.decode())
        told_first.wait(PATIENCE)
        connection.send(changes(life, 3, "b", "c", since=1).decode())
        with contextlib.suppress(Exception):
            while True:
                connection.recv()

    with playing(handle=handle) as url:
        client = aw.connect(url)
        rows: list[str] = []
        client.on("logs", lambda row: rows.append(row.id), gone=lambda row: rows.append(f"{row.id} went"))
        listening.set()
        until(lambda: client._link.store.position == (life, 1) and (state == "reading" or rows))
        told_first.set()
        until(lambda: rows == heard)
        client.close()


def test_the_wait_between_two_tries_stays_bounded_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []
    monkeypatch.setattr(wire.random, "uniform", lambda low, high: bounds.append(high) or 0.0)
    tries = iter(range(3000))

    async def fail(self: wire.Wire) -> tuple[bool, str]:
        if next(tries, None) is None:
            self._stop.set()
        return False, "nothing listens there"

    monkeypatch.setattr(wire.Wire, "_follow", fail)
    client = Client("ws://127.0.0.1:1/ws")
    client._link._thread.join(PATIENCE)
    assert len(bounds) > 2000
    assert max(bounds) == wire.BACK_OFF[1]


def test_no_proxy_is_used_on_loopback(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "ws_proxy", "all_proxy", "socks_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    aw.connect(server.url, server.token, timeout=3).close()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ws://127.0.0.1:8765/ws", "127.0.0.1"),
        ("ws://127.0.0.1/ws", "127.0.0.1"),
        ("ws://[::1]:8765/ws", "::1"),
        ("ws://user@box.example:1/ws", "box.example"),
        ("ws://[::1/ws", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert wire._host(url) == host


# Calls


def test_a_call_returns_the_result_or_says_why_not(server: Any, client: Client) -> None:
    status = client.call("status")
    assert status["rows"]["tasks"] == 2
    again = [client.call("status", {}), client.call("status", timeout=PATIENCE)]
    assert [{**one, "memory_bytes": 0} for one in again] == [{**status, "memory_bytes": 0}] * 2
    with pytest.raises(CallError, match="unknown method 'dance'") as caught:
        client.call("dance", timeout=PATIENCE)
    assert caught.value.code == "unknown_method"


def test_a_call_that_cannot_be_sent_harms_no_other(client: Client) -> None:
    with pytest.raises(TypeError):
        client.call("status", thing=object())
    with pytest.raises(ValueError, match="bytes allowed"):
        client.call("status", thing="x" * protocol.MAX_CLIENT_FRAME)
    assert client.call("status")
    assert client.connection.state == "live"


def test_calls_fail_at_once_without_a_connection(server: Any, client: Client) -> None:
    client.close()
    before = time.monotonic()
    with pytest.raises(ConnectionFailed, match="closed"):
        client.call("status")
    assert time.monotonic() - before < 1


# Servers in processes of their own


@pytest.mark.slow
def test_notebooks_that_start_at_once_share_one_server(started: Callable[..., aw.Server], workspace: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        servers = [future.result() for future in [pool.submit(started) for _ in range(4)]]
    assert len({server.pid for server in servers}) == 1


@pytest.mark.slow
def test_it_finds_its_server_again_and_has_missed_nothing(started: Callable[..., aw.Server], workspace: Path) -> None:
    server = started()
    client = aw.connect(server)
    rows: list[str] = []
    client.on("tasks", lambda row: rows.append(row.id))
    seen = states(client)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: "reconnecting" in seen)
    assert client.connection.message
    assert len(client.tasks) == 2  # what is known stays readable
    with pytest.raises(ConnectionFailed):
        client.call("status", timeout=1)
    write_tasks(workspace, "first", "second, changed", "third")
    again = started()
    assert (again.url, again.token) != (server.url, server.token)
    until(lambda: client.connection.state == "live")
    assert aw.connect(again) is client
    assert [task.title for task in client.tasks.where(id=["task-1", "task-2"])] == ["second, changed", "third"]
    until(lambda: len(rows) == 2)
    say(workspace, 2)
    until(lambda: "m2" in client.messages)
    assert rows == ["task-1", "task-2"]  # unchanged rows are no change


@pytest.mark.slow
def test_clients_of_the_same_paths_share_a_server(
    started: Callable[..., aw.Server], workspace: Path, tmp_path: Path
) -> None:
    server = started()
    assert server.started
    before = threading.active_count()
    same = started(Path(os.path.relpath(workspace)))
    assert (same.pid, same.started) == (server.pid, False)
    assert threading.active_count() == before
    other = tmp_path / "other"
    other.mkdir()
    assert started(other).pid != server.pid
    assert started(workspace, other).pid not in (server.pid, started(other).pid)
    assert started(port=int(server.url.rsplit(":", 1)[1].removesuffix("/ws"))).pid == server.pid
    runtime = find_server([str(workspace)])
    assert runtime is not None
    assert aw.connect(server) is aw.connect(same)
    assert psutil.Process().children()
    assert str(server.token) not in repr(server)
    assert server.page_url.endswith(f"#token={server.token}")
    assert aw.connect(server.page_url) is aw.connect(server.url) is aw.connect(server)


@pytest.mark.slow
def test_a_context_stops_what_it_started_and_nothing_else(workspace: Path) -> None:
    with aw.serve(workspace) as server:
        with aw.serve(workspace) as same:
            assert same.pid == server.pid
        assert server.running
        assert same.running
        (file,) = discovery.runtime_directory().glob("server-*.json")
        assert file.stat().st_mode & 0o777 == 0o600
    assert not server.running
    assert not psutil.pid_exists(server.pid)
    assert not file.exists()
    server.stop()
    same.stop()


def test_stopping_never_hits_another_program(workspace: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    stale = discovery.Runtime("ws://127.0.0.1:1/ws", "t", bystander.pid, [str(workspace)], 1, "0.1.0")
    aw.Server(stale).stop()
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.slow
def test_a_server_that_a_notebook_started_ends_without_clients(workspace: Path) -> None:
    server = aw.serve(workspace, idle_timeout=0.3)
    until(lambda: not server.running)
    assert list(discovery.runtime_directory().glob("server-*")) == []


def test_a_missing_path_is_an_error_before_a_server_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(aw.PathError, match="no such directory"):
        aw.serve(tmp_path / "nothing")
    with pytest.raises(aw.PathError, match="not a directory"):
        (tmp_path / "file").write_text("x")
        aw.watch(tmp_path / "file")


def test_why_a_server_does_not_start_is_one_line(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError) as caught:
            aw.serve(workspace, port=port)
    assert str(caught.value) == (
        f"the server did not start: port {port} is in use; choose another, or 0 for any free one"
    )


@pytest.mark.slow
def test_many_warnings_do_not_stop_a_server(workspace: Path) -> None:
    (workspace / "reports").mkdir()
    for number in range(600):
        (workspace / "reports" / f"{'x' * 150}{number}.md").symlink_to("/etc/passwd")
    with aw.serve(workspace) as server:
        assert len(aw.connect(server).tasks) == 2


def test_connect_finds_a_server_or_raises(started: Callable[..., aw.Server]) -> None:
    with pytest.raises(ConnectionFailed, match=r"no agent-widget server runs.*aw\.serve"):
        aw.connect()
    server = started()
    assert aw.connect().url == server.url


@pytest.mark.slow
def test_a_server_outlives_the_program_that_started_it(workspace: Path) -> None:
    code = f"import agent_widget as aw; print(aw.serve({str(workspace)!r}).pid)"
    pid = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=30).stdout)
    server = aw.serve(workspace)
    assert (server.pid, server.started) == (pid, False)
    assert len(aw.connect(server).tasks) == 2
    server.stop()
    assert not is_alive(pid)
