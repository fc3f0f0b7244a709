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
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from .. import protocol
from ..data.table import LiveTable
from ..data.transcript import Transcript
from ..discovery import find_server, is_loopback
from ..protocol import FINAL, SILENCE, Assembler, ProtocolError
from ..store import Gap, Store
from ..tables import TABLES, now_ms, schema
from ..version import VERSION
from .connection import ENDED, Connection, ConnectionFailed, ConnectionState
from .reactions import Reacting

if TYPE_CHECKING:
    from ..data.sql import Result

log = logging.getLogger("agent_widget")

BACK_OFF: Final = (0.2, 5.0)
"""Seconds: the first and the longest bound of the random wait before another try."""
PING_EVERY: Final = 2.0
READ_EVERY: Final = 0.2
"""Seconds between two questions how far the server has read."""

MAX_FRAME: Final = 64 * 1024 * 1024
"""Bytes. Frames are small, but a single row is never divided."""


class Client(Reacting):
    """A live replica of a server's tables.

    Each table is an attribute: ``client.tasks``, ``client.messages``, … (:class:`~agent_widget.data.table.LiveTable`).
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
        super().__init__(Store(epoch=""))
        self.sources: list[protocol.SourceState] = []
        self.token = token
        self._socket: ClientConnection | None = None
        self._calls: dict[int, Future[Any]] = {}
        self._next_rid = 0
        self._read_by = 0
        """Where the server was when it said how far it has read."""
        self._ready = threading.Event()
        self._read = threading.Event()
        self._stop = asyncio.Event()
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
        """Wait until the tables are in step with the server; raises :class:`ConnectionFailed`."""
        if not self._ready.wait(timeout):
            why = self.connection.message or "it does not say why"
            raise ConnectionFailed(f"no answer from {self.url} within {timeout:g} s ({why})")
        if self.connection.state in ENDED:
            raise ConnectionFailed(self.connection.message)
        return self

    @property
    def reading(self) -> tuple[int, int] | None:
        """How many bytes the server has read, of how many, while it reads a large home for the first time."""
        if all(source.state != "reading" for source in self.sources):
            return None
        total = sum(source.bytes for source in self.sources)
        return sum(source.read if source.state == "reading" else source.bytes for source in self.sources), total

    def wait_read(self, timeout: float | None = None) -> bool:
        """Wait until the server has read everything there is and the tables hold it; false if it takes longer.

        A client that is closed or refused waits for nothing more.
        """
        return self._read.wait(timeout)

    def welcome(self) -> protocol.Welcome:
        """What this replica says to one that asks it, as a server does."""
        epoch, seq = self.store.position
        return protocol.Welcome(protocol.VERSION, VERSION, epoch, seq, now_ms(), self.sources, schema())

    @property
    def alive(self) -> bool:
        """Whether the background thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the connection and the thread; the tables stay readable as they are."""
        self.react_no_more()
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                self.loop.call_soon_threadsafe(self._stop.set)
            if threading.current_thread() is not self._thread:
                self._thread.join(5)

    def call(self, method: str, timeout: float = 10.0, **params: Any) -> Any:
        """Ask the server; returns the result, or raises :class:`ConnectionFailed` with the server's message."""
        return self.request(method, params, timeout)

    def request(self, method: str, params: dict[str, Any], timeout: float = 10.0) -> Any:
        """:meth:`call` with parameters of any name. Raises ``ValueError`` for a request that is too large to send."""
        if len(protocol.encode(protocol.Call(0, method, params))) > protocol.MAX_CLIENT_FRAME - 64:
            raise ValueError(f"the parameters of {method!r} are over the {protocol.MAX_CLIENT_FRAME} bytes allowed")
        future: Future[Any] = Future()
        try:
            self.loop.call_soon_threadsafe(self._ask, method, params, future)
        except RuntimeError:  # the loop has ended
            raise ConnectionFailed(self.connection.message) from None
        try:
            return future.result(timeout)
        except TimeoutError:
            raise ConnectionFailed(f"no reply to {method!r} within {timeout:g} s") from None

    def transcript(
        self,
        session: str,
        before: str | None = None,
        limit: int = 50,
        *,
        after: str | None = None,
        chars: int | None = None,
    ) -> Transcript:
        """A page of what was said and done in a session, or by an agent: its last ``limit`` entries, oldest first.

        It is read from the agent's own file at this moment. ``before``: the page that ends where an earlier page began
        (its ``.before``). ``after``: what came since a page (its ``.after``). ``chars``: where longer texts are cut
        (20,000 unless you say otherwise). Raises :class:`ConnectionFailed` if there is none; its ``code`` is
        ``not_found``. Entries are dicts; their kinds and fields are in :class:`Transcript`.
        """
        given = {"session": session, "before": before, "after": after, "limit": limit, "chars": chars}
        params = {name: value for name, value in given.items() if value is not None}
        return Transcript(session, **self.request("transcript", params))

    def sql(self, query: str, *, timeout: float = 10.0, limit: int = 100_000) -> Result:
        """What a query answers over the tables as they are now.

        ``client.sql("select name, count(*) from tool_calls group by 1").df()``

        DuckDB's SQL over this replica, read-only: one SELECT, WITH, DESCRIBE, SUMMARIZE, SHOW or EXPLAIN. Times are
        ``TIMESTAMP WITH TIME ZONE`` in UTC, durations integer milliseconds. At most ``limit`` rows (``.cut`` says
        whether there are more), within ``timeout`` seconds. Raises :class:`SqlError` with one line, and ``ImportError``
        without DuckDB (``pip install "agent-widget[sql]"``).
        """
        from ..data.sql import run

        return run(self.store, query, timeout=timeout, limit=limit)

    # The network thread

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self._stay_connected())
        finally:
            self._ready.set()

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
            if self.connection.state == "refused":
                return
            self._set_state("reconnecting", problem)
            wait = random.uniform(0, min(BACK_OFF[1], BACK_OFF[0] * 2 ** min(attempt, 16)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stop.wait()
            self._find_again()
        self._set_state("closed", "closed")

    async def _follow(self) -> tuple[bool, str]:
        """One connection from hello to its end: whether it was live, and why it ended."""
        was_live = False
        try:
            async with open_socket(
                self.url,
                # a proxy from the environment would get the token; on loopback there is none to go through
                proxy=None if is_loopback(_host(self.url)) else True,
                max_size=MAX_FRAME,
                open_timeout=5,
                close_timeout=1,
                ping_interval=None,
                compression=None,
            ) as socket:
                position = self.store.position
                since = protocol.Since(*position) if position.epoch else None
                await _send(socket, protocol.Hello(protocol.VERSION, self.token, since))
                self._socket = socket
                beat = asyncio.ensure_future(self._beat(socket))
                assembler = Assembler()
                try:
                    while True:
                        async with asyncio.timeout(SILENCE):
                            data = await socket.recv()
                        frame = protocol.decode_server(data)
                        if isinstance(frame, protocol.Ping):
                            await _send(socket, protocol.Pong(frame.at, now_ms()))
                        was_live |= self._receive(frame, assembler)
                finally:
                    beat.cancel()
                    self._socket = None
                    self._fail_calls()
        except _Refused as refusal:
            if refusal.code == "unauthorized" and self._find_again():
                return was_live, "the server was restarted"
            if refusal.code in FINAL:
                self._set_state("refused", str(refusal))
            return was_live, str(refusal)
        except (InvalidURI, InvalidStatus) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code in (500, 502, 503, 504):
                return was_live, "the server is busy"
            problem = f"{self.url} is no agent-widget server ({error})"
            if not self.store.epoch:  # once it was one; whatever has its port now, it may come back elsewhere
                self._set_state("refused", problem)
            return was_live, problem
        except TimeoutError:
            return was_live, f"no word from the server for {SILENCE:.0f} s"
        except Gap:
            return was_live, "the server's answer did not join on"
        except ProtocolError as error:
            return was_live, f"the server sent something else: {error}"
        except (OSError, ConnectionClosed, InvalidHandshake, EOFError) as error:
            return was_live, f"the server is not reachable ({_reason(error)})"
        except Exception as error:  # whatever it was: a thread that ended would look like a quiet server
            log.exception("the connection to %s failed", self.url)
            return was_live, f"the connection failed ({_reason(error)})"

    def _receive(self, frame: protocol.ServerFrame, assembler: Assembler) -> bool:
        """Take in one frame; true once the tables are in step with the server."""
        heard_at = time.monotonic()
        state, message, rtt = self.connection.state, self.connection.message, self.connection.rtt_ms
        live = False
        if isinstance(frame, protocol.Changes):
            answer = assembler.add(frame)
            if answer is not None:
                self.adopt(answer, reading=any(source.state == "reading" for source in self.sources))
                state, message, live = "live", None, True
                self._note_read()
        elif isinstance(frame, protocol.Welcome):
            self.sources = frame.sources
            self._read_by = frame.seq
            if self.reading is not None:
                self._read.clear()
        elif isinstance(frame, protocol.Pong):
            rtt = max(0.0, time.perf_counter() * 1000 - frame.at)
        elif isinstance(frame, protocol.Reply):
            future = self._calls.pop(frame.rid, None)
            if future is not None and frame.ok:
                future.set_result(frame.result)
            elif future is not None:
                error = frame.error or protocol.Failure("failed", "refused")
                future.set_exception(ConnectionFailed(error.message, error.code))
        elif isinstance(frame, protocol.Error):
            raise _Refused(frame.code, frame.message)
        turned = state != self.connection.state
        self.connection = Connection(state, message, rtt, heard_at)
        if live:
            self._ready.set()
        if turned:
            self.wake()
        return live

    async def _beat(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await _send(socket, protocol.Ping(time.perf_counter() * 1000))
                until = time.monotonic() + PING_EVERY
                while self.reading is not None and time.monotonic() < until:
                    await self._ask_how_far()
                    await asyncio.sleep(READ_EVERY)
                await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _ask_how_far(self) -> None:
        """``welcome`` is said once; while a large home is read, ``status`` tells how far that is."""
        future: Future[Any] = Future()
        self._ask("status", {}, future)
        try:
            status = await asyncio.wrap_future(future)
        except ConnectionFailed:
            return  # the connection tells by itself
        self.sources = msgspec.convert(status["sources"], list[protocol.SourceState])
        self._read_by = status["seq"]
        self._note_read()

    def _note_read(self) -> None:
        if self.reading is None and self.store.position.epoch and self.store.position.seq >= self._read_by:
            self._read.set()

    def _ask(self, method: str, params: dict[str, Any], future: Future[Any]) -> None:
        if self._socket is None:
            future.set_exception(ConnectionFailed(self.connection.message))
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

    def _set_state(self, state: ConnectionState, message: str) -> None:
        before = self.connection
        self.connection = Connection(state, message, None, before.heard_at)
        if state in ENDED:
            self._ready.set()
            self._read.set()
        else:
            self._ready.clear()
        if (before.state, before.message) != (state, message):
            self.wake()

    def _find_again(self) -> bool:
        """Follow a server that watches the same paths, if ours was restarted elsewhere."""
        if self.paths is None:
            return False
        found = find_server(self.paths)
        if found is None or (found.url, found.token) == (self.url, self.token):
            return False
        self.url, self.token = found.url, found.token
        return True


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def _send(socket: ClientConnection, frame: protocol.ClientFrame) -> None:
    await socket.send(protocol.encode(frame), text=True)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # it is no url; connecting will say so
        return ""


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


_clients: list[Client] = []
_clients_lock = threading.Lock()


def shared_client(url: str, token: str | None, paths: list[str] | None) -> Client:
    """The one client of this process for a server, made at the first call."""
    with _clients_lock:
        _clients[:] = [client for client in _clients if client.alive]
        for client in _clients:
            if (client.url, client.token) == (url, token):
                return client
        client = Client(url, token, paths=paths)
        _clients.append(client)
        return client


def open_clients() -> list[Client]:
    """The clients of this process whose thread runs."""
    with _clients_lock:
        return [client for client in _clients if client.alive]


@atexit.register
def _close_all() -> None:
    for client in open_clients():
        client.close()
