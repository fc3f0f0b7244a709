"""The client: one background thread per server that keeps a replica of its tables, whatever happens to the connection.

Everything in Python reads the replica and never waits for the network. The thread connects, says how far the
replica has come, takes over the answers, and reconnects with a back-off that reads the runtime files anew, since a
restarted server has another port and another token.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import random
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Literal

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from . import protocol
from .access import Runtime, is_loopback, runtimes
from .live import LiveTable
from .protocol import Assembler, ProtocolError
from .store import Gap, Row, Store
from .tables import TABLES

log = logging.getLogger("agent_widget")

BACK_OFF: Final = (0.2, 5.0)
"""Seconds: the first and the longest bound of the random wait before another try."""
SILENCE: Final = 12.0
"""Seconds without any frame after which a connection counts as dead (the server says something every 5)."""
PING_EVERY: Final = 2.0

ConnectionState = Literal["connecting", "live", "reconnecting", "refused", "closed"]


class ConnectionFailed(ConnectionError):
    """The server cannot be reached or refuses; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Connection:
    """How the connection is.

    ``heard_at``: ``time.monotonic()`` of the last frame; ``rtt_ms``: the last round trip, milliseconds.
    """

    state: ConnectionState = "connecting"
    message: str | None = None
    rtt_ms: float | None = None
    heard_at: float | None = None


class Feed:
    """What has changed since one consumer last looked, each row once, in its latest state."""

    def __init__(self, wake: Callable[[], None], tables: frozenset[str]) -> None:
        self.tables = tables
        self._wake = wake
        self._pending: dict[tuple[str, str], Row | None] = {}
        self._lock = threading.Lock()

    def offer(self, changes: list[Any]) -> None:
        with self._lock:
            for table, id, _, row in changes:
                if table in self.tables:
                    self._pending.pop((table, id), None)
                    self._pending[table, id] = row
            if not self._pending:
                return
        self._wake()

    def wake(self) -> None:
        """Something other than a row changed (the connection)."""
        self._wake()

    def take(self) -> dict[tuple[str, str], Row | None]:
        """``(table, id)`` → the row, ``None`` for one that went."""
        with self._lock:
            pending, self._pending = self._pending, {}
        return pending


class Client:
    """A live replica of a server's tables.

    Each table is an attribute: ``client.tasks``, ``client.messages``, … (:class:`~agent_widget.live.LiveTable`).
    Made by :func:`agent_widget.connect`.
    """

    agents: LiveTable
    tasks: LiveTable
    sessions: LiveTable
    stats: LiveTable
    spans: LiveTable
    messages: LiveTable
    quality: LiveTable
    memory: LiveTable
    tool_calls: LiveTable
    logs: LiveTable

    def __init__(self, url: str, token: str | None = None, *, paths: list[str] | None = None) -> None:
        self.url = url
        self.paths = paths
        """What the server watches, if it is known: a restarted server that watches the same is followed."""
        self.store = Store(epoch="")
        self.connection = Connection()
        self.sources: list[protocol.SourceInfo] = []
        self._token = token
        self._feeds: list[Feed] = []
        self._feeds_lock = threading.Lock()
        self._socket: ClientConnection | None = None
        self._calls: dict[int, Future[Any]] = {}
        self._next_rid = 0
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._dispatcher: _Dispatcher | None = None
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"agent-widget {url}", daemon=True)
        for name in TABLES:
            setattr(self, name, LiveTable(self.store, name))
        self._thread.start()

    def __repr__(self) -> str:
        rows = ", ".join(
            f"{self.store.count(name)} {name.replace('_', ' ')}" for name in TABLES if self.store.count(name)
        )
        return f"<agent_widget.Client {self.connection.state}: {rows or 'no rows yet'}>"

    def wait(self, timeout: float = 10.0) -> Client:
        """Wait until the first answer is complete; raises :class:`ConnectionFailed`."""
        if not self._ready.wait(timeout):
            raise ConnectionFailed(f"no answer from {self.url} within {timeout:g} s ({self.connection.message})")
        if self.connection.state in ("refused", "closed"):
            raise ConnectionFailed(self.connection.message or "the connection is closed")
        return self

    @property
    def alive(self) -> bool:
        """Whether the background thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the connection and the thread; the tables stay readable as they are."""
        if self._dispatcher is not None:
            self._dispatcher.stop()
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                self.loop.call_soon_threadsafe(self._stop.set)
            if threading.current_thread() is not self._thread:
                self._thread.join(5)

    def subscribe(self, wake: Callable[[], None], tables: list[str] | None = None) -> Feed:
        """A feed of changes; ``wake`` is called on the network thread and must return at once."""
        unknown = set(tables or ()) - TABLES.keys()
        if unknown:
            raise ValueError(f"no table {unknown.pop()!r}; there are {', '.join(TABLES)}")
        feed = Feed(wake, frozenset(tables or TABLES))
        with self._feeds_lock:
            self._feeds.append(feed)
        return feed

    def unsubscribe(self, feed: Feed) -> None:
        """End a feed."""
        with self._feeds_lock, contextlib.suppress(ValueError):
            self._feeds.remove(feed)

    def on(self, table: str, callback: Callable[[Row], Any]) -> Callable[[], None]:
        """Call ``callback`` with each row of ``table`` that changes from now on; returns what ends it.

        Callbacks run one after the other on a thread of their own; several changes of one row between two calls are
        one call with the latest state. An exception in a callback is logged and ends nothing.
        """
        if self._dispatcher is None:
            self._dispatcher = _Dispatcher()
        dispatcher = self._dispatcher
        feed = self.subscribe(lambda: dispatcher.wake(), [table])
        return dispatcher.add(feed, callback, lambda: self.unsubscribe(feed))

    async def changes(self, table: str) -> AsyncIterator[Row]:
        """The rows of ``table`` as they change: ``async for row in client.changes("messages")``."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        feed = self.subscribe(lambda: loop.call_soon_threadsafe(changed.set), [table])
        try:
            while True:
                await changed.wait()
                changed.clear()
                for row in feed.take().values():
                    if row is not None:
                        yield row
        finally:
            self.unsubscribe(feed)

    async def until(self, predicate: Callable[[Client], Any], timeout: float | None = None) -> Any:
        """Wait until ``predicate(client)`` is true; returns what it returned. ``TimeoutError`` after ``timeout`` seconds."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        feed = self.subscribe(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            async with asyncio.timeout(timeout):
                while not (result := predicate(self)):
                    await changed.wait()
                    changed.clear()
                    feed.take()
                return result
        finally:
            self.unsubscribe(feed)

    def call(self, method: str, timeout: float = 10.0, **params: Any) -> Any:
        """Ask the server; returns the result, or raises :class:`ConnectionFailed` with the server's message."""
        future: Future[Any] = Future()
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._ask, method, params, future)
        try:
            return future.result(timeout)
        except TimeoutError:
            raise ConnectionFailed(f"no reply to {method!r} within {timeout:g} s") from None

    # The network thread

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._stay_connected())
        finally:
            self._ready.set()
            self.loop.close()

    async def _stay_connected(self) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        attempt = 0
        while not self._stop.is_set():
            following = asyncio.ensure_future(self._follow())
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                break
            was_live, problem = following.result()
            attempt = 0 if was_live else attempt + 1
            if problem is None:
                return
            self._set_state("reconnecting", problem)
            wait = random.uniform(0, min(BACK_OFF[1], BACK_OFF[0] * 2**attempt))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stop.wait()
            self._find_again()
        self._set_state("closed", "closed")

    async def _follow(self) -> tuple[bool, str | None]:
        """One connection from hello to its end: whether it was live, and why it ended (``None``: do not try again)."""
        was_live = False
        try:
            async with open_socket(
                self.url,
                # a proxy from the environment would get the token; on loopback there is none to go through
                proxy=None if is_loopback(_host(self.url)) else True,
                max_size=16 * protocol.FRAME_BYTES,
                open_timeout=5,
                close_timeout=1,
                ping_interval=None,
                compression=None,
            ) as socket:
                position = self.store.position
                since = protocol.Since(*position) if position.epoch else None
                await _send(socket, protocol.Hello(protocol.VERSION, self._token, since))
                self._socket = socket
                beat = asyncio.ensure_future(self._beat(socket))
                assembler = Assembler()
                try:
                    while True:
                        async with asyncio.timeout(SILENCE):
                            data = await socket.recv()
                        was_live |= self._receive(protocol.decode_server(data), assembler)
                finally:
                    beat.cancel()
                    self._socket = None
                    self._fail_calls()
        except _Refused as refusal:
            if refusal.code == "unauthorized" and self.paths and was_live is False and self._find_again():
                return was_live, "the server was restarted"
            self._set_state("refused", str(refusal))
            self._ready.set()
            return was_live, None
        except (InvalidURI, InvalidStatus) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code >= 500:
                return was_live, "the server is busy"
            self._set_state("refused", f"{self.url} is no agent-widget server ({error})")
            self._ready.set()
            return was_live, None
        except TimeoutError:
            return was_live, f"no word from the server for {SILENCE:.0f} s"
        except Gap:
            return was_live, "the server's answer did not join on"
        except ProtocolError as error:
            return was_live, f"the server sent something else: {error}"
        except (OSError, ConnectionClosed, InvalidHandshake, EOFError) as error:
            return was_live, f"the server is not reachable ({_reason(error)})"

    def _receive(self, frame: protocol.ServerFrame, assembler: Assembler) -> bool:
        """Take in one frame; true once the tables are in step with the server."""
        heard_at = time.monotonic()
        state, message, rtt = self.connection.state, self.connection.message, self.connection.rtt_ms
        live = False
        if isinstance(frame, protocol.Changes):
            answer = assembler.add(frame)
            if answer is not None:
                changes = self.store.adopt(answer)
                state, message, live = "live", None, True
                if changes:
                    self._offer(changes)
        elif isinstance(frame, protocol.Welcome):
            self.sources = frame.sources
        elif isinstance(frame, protocol.Pong):
            rtt = max(0.0, time.perf_counter() * 1000 - frame.at)
        elif isinstance(frame, protocol.Reply):
            future = self._calls.pop(frame.rid, None)
            if future is not None and frame.ok:
                future.set_result(frame.result)
            elif future is not None:
                future.set_exception(ConnectionFailed(frame.error.message if frame.error else "refused"))
        elif isinstance(frame, protocol.Error):
            raise _Refused(frame.code, frame.message)
        turned = state != self.connection.state
        self.connection = Connection(state, message, rtt, heard_at)
        if live:
            self._ready.set()
        if turned:
            self._wake_feeds()
        return live

    async def _beat(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await _send(socket, protocol.Ping(time.perf_counter() * 1000))
                await asyncio.sleep(PING_EVERY)

    def _ask(self, method: str, params: dict[str, Any], future: Future[Any]) -> None:
        if self._socket is None:
            future.set_exception(ConnectionFailed(self.connection.message or "not connected"))
            return
        self._next_rid += 1
        self._calls[self._next_rid] = future
        frame = protocol.Call(self._next_rid, method, params)
        asyncio.ensure_future(_send(self._socket, frame)).add_done_callback(
            lambda task: self._fail_calls() if not task.cancelled() and task.exception() else None
        )

    def _fail_calls(self) -> None:
        calls, self._calls = self._calls, {}
        for future in calls.values():
            future.set_exception(ConnectionFailed("the connection broke before the reply"))

    def _offer(self, changes: list[Any]) -> None:
        with self._feeds_lock:
            feeds = list(self._feeds)
        for feed in feeds:
            feed.offer(changes)

    def _wake_feeds(self) -> None:
        with self._feeds_lock:
            feeds = list(self._feeds)
        for feed in feeds:
            feed.wake()

    def _set_state(self, state: ConnectionState, message: str) -> None:
        before = self.connection
        self.connection = Connection(state, message, None, before.heard_at)
        if (before.state, before.message) != (state, message):
            self._wake_feeds()

    def _find_again(self) -> bool:
        """Follow a server that watches the same paths, if ours was restarted elsewhere."""
        if self.paths is None:
            return False
        found = find_server(self.paths)
        if found is None or (found.url, found.token) == (self.url, self._token):
            return False
        self.url, self._token = found.url, found.token
        return True


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Dispatcher:
    """Runs callbacks one after the other on a thread of its own."""

    def __init__(self) -> None:
        self._entries: list[tuple[Feed, Callable[[Row], Any]]] = []
        self._changed = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="agent-widget callbacks", daemon=True)
        self._thread.start()

    def add(self, feed: Feed, callback: Callable[[Row], Any], ended: Callable[[], None]) -> Callable[[], None]:
        entry = (feed, callback)
        self._entries.append(entry)

        def stop() -> None:
            ended()
            with contextlib.suppress(ValueError):
                self._entries.remove(entry)

        return stop

    def wake(self) -> None:
        self._changed.set()

    def stop(self) -> None:
        self._stopping = True
        self._changed.set()

    def _run(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            if self._stopping:
                return
            for feed, callback in list(self._entries):
                for row in feed.take().values():
                    if row is None or self._stopping:
                        continue
                    try:
                        callback(row)
                    except Exception:
                        log.exception("a callback on %s failed; it goes on being called", ", ".join(feed.tables))


async def _send(socket: ClientConnection, frame: protocol.ClientFrame) -> None:
    await socket.send(protocol.encode(frame), text=True)


def _host(url: str) -> str:
    authority = url.partition("://")[2].partition("/")[0]
    return authority.rpartition(":")[0] if not authority.endswith("]") else authority


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def find_server(paths: list[str] | None = None) -> Runtime | None:
    """The newest server on this machine that watches these paths (any, if ``None``)."""
    for runtime in runtimes():
        if paths is None or set(paths) == set(runtime.paths):
            return runtime
    return None


_clients: dict[str, Client] = {}
_clients_lock = threading.Lock()


def shared_client(url: str, token: str | None, paths: list[str] | None) -> Client:
    """The one client of this process for a server, made at the first call."""
    with _clients_lock:
        for key, client in list(_clients.items()):
            if not client.alive:
                del _clients[key]
        for client in _clients.values():
            if client.url == url:
                return client
        client = _clients[url] = Client(url, token, paths=paths)
        return client


def open_clients() -> Iterator[Client]:
    """The clients of this process whose thread runs."""
    with _clients_lock:
        return iter([client for client in _clients.values() if client.alive])


@atexit.register
def _close_all() -> None:
    for client in open_clients():
        client.close()
