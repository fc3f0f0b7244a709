"""What the tests of the wire share: a server in this process, a bare client, workspaces, and patience."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket

from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.server.app import Server
from agent_widget.tables import Gone, Record

PATIENCE = 10.0
"""Seconds after which something that should happen counts as not happening."""


def write_tasks(workspace: Path, *titles: str) -> None:
    """A task list as agents write it."""
    tasks = [{"id": f"task-{number}", "title": title, "status": "pending"} for number, title in enumerate(titles)]
    draft = workspace / "tasks.json.new"
    draft.write_text(json.dumps({"version": 1, "tasks": tasks}))
    draft.replace(workspace / "tasks.json")


def message_line(number: int, text: str = "hello") -> str:
    """A line of the message bus."""
    message = {
        "message_id": f"m{number}",
        "from_agent": "agent-1",
        "timestamp": "2026-01-01T10:00:00Z",
        "type": "direct",
        "payload": {"text": text},
    }
    return json.dumps(message) + "\n"


def say(workspace: Path, number: int, text: str = "hello") -> None:
    """Append to the message bus."""
    with (workspace / "message-bus.jsonl").open("a") as file:
        file.write(message_line(number, text))


def log_rows(*ids: str, text: str = "text") -> list[Record]:
    """Some rows of ``logs``, which nothing is derived from."""
    return [Record("logs", id, {"text": text}) for id in ids]


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """What ``condition()`` returned when it was true."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {patience} s"
        time.sleep(0.005)
    return result


async def until_async(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The same, letting the loop run."""
    async with asyncio.timeout(patience):
        while not (result := condition()):
            await asyncio.sleep(0.005)
    return result


def change(server: Server, *operations: Record | Gone) -> None:
    """Change rows as if files had changed; on the server's loop."""
    server.store.apply(operations)
    server._hub.wake()


class Raw:
    """A client that hides nothing: frames in, frames out."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def hello(self, server: Server | None = None, **fields: Any) -> dict[str, Any]:
        """Say hello; the answer to it."""
        token = server.token if server else None
        await self.send(**{"type": "hello", "protocol": 1, "token": token, "since": None, **fields})
        return await self.frame()

    async def frame(self) -> dict[str, Any]:
        """Return the next frame, apart from those that describe the sources."""
        while (frame := await self.any_frame())["type"] == "sources":
            pass
        return frame

    async def any_frame(self) -> dict[str, Any]:
        """Return the next frame."""
        async with asyncio.timeout(PATIENCE):
            data = await self.socket.recv()
        assert isinstance(data, str)
        frame = json.loads(data)
        assert isinstance(frame, dict)
        return frame

    async def sources(self) -> dict[str, Any]:
        """Return the next frame that describes the sources."""
        while (frame := await self.any_frame())["type"] != "sources":
            pass
        return frame

    async def answer(self) -> dict[str, Any]:
        """All frames of one answer, put together."""
        whole = await self.frame()
        assert whole["type"] == "changes"
        more = whole["more"]
        while more:
            part = await self.frame()
            assert (part["epoch"], part["seq"]) == (whole["epoch"], whole["seq"])
            for kind in ("rows", "gone"):
                for table, items in part[kind].items():
                    whole[kind].setdefault(table, []).extend(items)
            more = part["more"]
        return whole

    async def refusal(self) -> tuple[str, int | None]:
        """The code of the error frame, and of the close that follows it."""
        frame = await self.frame()
        assert frame["type"] == "error"
        assert frame["message"]
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE)
        return frame["code"], self.socket.close_code


@contextlib.asynccontextmanager
async def served(
    workspace: Path, *, also: Path | None = None, archive: Path | None = None, **options: Any
) -> AsyncIterator[Server]:
    """A server of this workspace on this loop, and of what else there is, which has read it."""
    collector = Collector([workspace, *([also] if also else [])], archive=archive and (lambda _: Archive.open(archive)))
    async with Server(collector, **{"first_look": PATIENCE, **options}).running() as server:
        yield server


@contextlib.asynccontextmanager
async def raw(server: Server, **options: Any) -> AsyncIterator[Raw]:
    """A bare connection."""
    async with open_socket(server.url, proxy=None, max_size=None, close_timeout=0.2, **options) as socket:
        yield Raw(socket)


@contextlib.asynccontextmanager
async def following(server: Server, count: int, **hello: Any) -> AsyncIterator[list[Raw]]:
    """So many clients that have their first answer."""
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw(server)) for _ in range(count)]
        for client in clients:
            await client.hello(server, **{"tables": ["logs"], **hello})
            await client.answer()
        yield clients


@contextlib.contextmanager
def hosted(workspace: Path, **options: Any) -> Iterator[Server]:
    """A server of this workspace on a thread of its own."""
    with _on_a_thread(lambda: served(workspace, **options)) as server:
        yield server


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server that runs on a thread of its own."""
    with _on_a_thread(server.running):
        yield server


@contextlib.contextmanager
def _on_a_thread(begin: Callable[[], contextlib.AbstractAsyncContextManager[Server]]) -> Iterator[Server]:
    started: list[Server | BaseException] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        try:
            async with begin() as server:
                started.append(server)
                ready.set()
                await stop.wait()
        except BaseException as error:
            started.append(error)
            raise
        finally:
            ready.set()

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(run())

    thread = threading.Thread(target=serve, name="hosted server")
    thread.start()
    assert ready.wait(PATIENCE)
    server = started[0]
    assert isinstance(server, Server)
    server.put = lambda *operations: loop.call_soon_threadsafe(change, server, *operations)  # type: ignore[attr-defined]
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def contents(store: Any) -> dict[str, dict[str, Any]]:
    """All rows of a store by table and id."""
    return {name: {row["id"]: dict(row) for row in store.rows(name)} for name in store}
