"""One background thread per server that keeps a replica of its tables, whatever happens to the connection.

Everything in Python reads the replica and never waits for the network. The thread connects, says how far the
replica has come, takes over the answers, and reconnects with a back-off that reads the runtime files anew, since a
restarted server has another port and another token.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from .. import protocol
from ..discovery import find_server, is_loopback
from ..protocol import BEHIND, FINAL, SILENCE, Assembler, ProtocolError
from ..store import Gap
from ..tables import LIMITS, TABLES, now_ms, schema
from ..version import VERSION
from .alerts import Alerts
from .changes import Messages, Tasks
from .connection import Connection, ConnectionState
from .errors import CallError, ConnectionFailed, NotFound
from .older import KEPT_FOR
from .replica import Replica
from .table import LiveTable

log = logging.getLogger("agent_widget")

TIMEOUT: Final = 10.0
"""Maximum seconds to wait for a reply."""
BACK_OFF: Final = (0.2, 5.0)
"""First and longest bound, in seconds, of the random wait before another try."""
PING_EVERY: Final = 2.0

MAX_FRAME: Final = 64 * 1024 * 1024
"""Maximum bytes of a frame. Frames are small, but a row is never divided."""


_TABLES: Final[dict[str, type[Tasks | Messages]]] = {"tasks": Tasks, "messages": Messages}
"""The tables whose rows can be changed."""


class Link(Replica):
    """A replica of a server's tables, and the thread that keeps it in step with the server."""

    def __init__(self, url: str, token: str | None = None, *, paths: list[str] | None = None) -> None:
        super().__init__()
        self.url = url
        self.token = token
        self.paths = paths
        """The paths that the server watches, if known; a restarted server with the same paths is followed."""
        self.sources: list[protocol.SourceState] = []
        self.tables = {name: _TABLES.get(name, LiveTable)(self, name) for name in TABLES}
        self.alerts = Alerts(self)
        self._read_at: float | None = None
        """When the server's reader was last known to go on (:func:`time.monotonic`); ``None`` in its first pass."""
        self._socket: ClientConnection | None = None
        self._calls: dict[int, Future[Any]] = {}
        self._next_rid = 0
        self._read_by = 0
        """The server's ``seq`` when it had read everything that was there at first."""
        self._stop = asyncio.Event()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"agent-widget {url}", daemon=True)
        self._thread.start()

    @property
    def reading(self) -> tuple[int, int] | None:
        """How many bytes the server has read, of how many, until the tables hold everything it read at first."""
        if not self._busy and self.store.position.seq >= self._read_by:
            return None
        total = sum(source.bytes for source in self.sources)
        return sum(source.read if source.state == "reading" else source.bytes for source in self.sources), total

    @property
    def _busy(self) -> bool:
        """Whether the server has not read everything yet."""
        return any(source.state == "reading" for source in self.sources)

    def welcome(self) -> protocol.Welcome:
        """Return the frame with which this replica welcomes one that follows it, as a server does."""
        epoch, seq = self.store.position
        counts = self.store.counts
        return protocol.Welcome(protocol.VERSION, VERSION, epoch, seq, now_ms(), self.sources, schema(), counts)

    @property
    def alive(self) -> bool:
        """Whether the background thread runs."""
        return self._thread.is_alive()

    @property
    def on_own_thread(self) -> bool:
        """Whether this is the thread of the connection, which must not wait for itself."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """End the connection, the thread and all callbacks; the tables stay readable as they are."""
        self.alerts.stop()
        self.callbacks.stop()
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop ended by itself
                self.loop.call_soon_threadsafe(self._stop.set)
            if threading.current_thread() is not self._thread:
                self._thread.join(5)

    def call(self, method: str, params: Mapping[str, Any], timeout: float = TIMEOUT) -> Any:
        """Ask the server and return the result.

        Raises :class:`CallError` when it answers with an error, :class:`NotFound` when that is ``not_found``,
        :class:`ConnectionFailed` when there is no answer within ``timeout`` seconds or no connection, and
        ``ValueError`` for a request that is too large to send.
        """
        try:
            return self.ask(method, params, timeout).result(timeout)
        except TimeoutError:
            raise _no_reply(method, timeout) from None

    def ask_rows(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask the server for older rows, unless this is the network thread, which would wait for itself."""
        if self.on_own_thread:
            raise ConnectionFailed("not on the thread of the connection")
        result = self.call(method, params)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.loop.call_later, KEPT_FOR + 0.1, self.store.forget)
        return result

    def ask(self, method: str, params: Mapping[str, Any], timeout: float = TIMEOUT) -> Future[Any]:
        """:meth:`call` without waiting: return a future, whose callbacks run on the network thread."""
        given = dict(params)
        if len(protocol.encode(protocol.Call(0, method, given))) > protocol.MAX_CLIENT_FRAME - 64:
            raise ValueError(f"the parameters of {method!r} are over the {protocol.MAX_CLIENT_FRAME} bytes allowed")
        future: Future[Any] = Future()
        try:
            self.loop.call_soon_threadsafe(self._ask, method, given, future, timeout)
        except RuntimeError:  # the loop has ended
            future.set_exception(ConnectionFailed(self.connection.message))
        return future

    # The network thread

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._stay_connected())

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
        """Hold one connection from hello to its end; return whether it was live, and why it ended."""
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
                client = f"python pid {os.getpid()}"
                hello = protocol.Hello(protocol.VERSION, self.token, since, limit=dict(LIMITS), client=client)
                await _send(socket, hello)
                self._socket = socket
                beat = asyncio.ensure_future(self._beat(socket))
                assembler = Assembler()
                try:
                    while True:
                        async with asyncio.timeout(SILENCE):
                            data = await socket.recv()
                        frame = protocol.decode_server(data)
                        if frame is None:  # of a later version
                            continue
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
                self.adopt(answer, reading=self._busy)
                state, message, live = *self._step(), True
        elif isinstance(frame, protocol.Welcome):
            self.sources = frame.sources
            self._read_by = frame.seq
            self._note_reader(frame.now)
        elif isinstance(frame, protocol.Sources):
            if self._busy:
                self._read_by = frame.seq
            self.sources = frame.sources
            self._note_reader()
            if state == "behind":
                state, message = self._step()
            self.wake()
        elif isinstance(frame, protocol.Pong):
            rtt = max(0.0, time.perf_counter() * 1000 - frame.at)
        elif isinstance(frame, protocol.Reply):
            future = self._calls.pop(frame.rid, None)
            if future is not None and frame.ok:
                future.set_result(frame.result)
            elif future is not None:
                future.set_exception(_call_error(frame.error or protocol.Failure("failed", "refused")))
        elif isinstance(frame, protocol.Error):
            raise _Refused(frame.code, frame.message)
        turned = state != self.connection.state
        self.connection = Connection(state, message, rtt, heard_at)
        if turned:
            self.wake()
        return live

    def _note_reader(self, now: int | None = None) -> None:
        """Note how old the last finished round of reading is; ``now``: the time of a server that may have stopped."""
        ends = [source.checked_at for source in self.sources if source.checked_at is not None]
        age = max(0, now - max(ends)) / 1000 if ends and now is not None else 0.0
        self._read_at = time.monotonic() - age if ends else None

    def _step(self) -> tuple[ConnectionState, str | None]:
        """Return the state of a connection that is fine, and why it is not ``live`` if that is so."""
        if self._read_at is None or time.monotonic() - self._read_at < BEHIND:
            return "live", None
        return "behind", f"the server answers, but has not finished a round of reading for more than {BEHIND:.0f} s"

    def _look_behind(self) -> None:
        """Turn to ``behind`` when nothing comes that says that the reader goes on."""
        before = self.connection
        if before.state == "live" and (step := self._step())[0] != "live":
            self.connection = Connection(*step, before.rtt_ms, before.heard_at)
            self.wake()

    async def _beat(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await _send(socket, protocol.Ping(time.perf_counter() * 1000))
                await asyncio.sleep(PING_EVERY)
                self._look_behind()

    def _ask(self, method: str, params: dict[str, Any], future: Future[Any], timeout: float) -> None:
        if self._socket is None:
            future.set_exception(ConnectionFailed(self.connection.message))
            return
        self._next_rid += 1
        rid = self._next_rid
        self._calls[rid] = future
        expiry = self.loop.call_later(timeout, self._expire, rid, method, timeout)
        future.add_done_callback(lambda _: expiry.cancel())
        asyncio.ensure_future(_send(self._socket, protocol.Call(rid, method, params))).add_done_callback(
            lambda task: self._fail_calls() if not task.cancelled() and task.exception() else None
        )

    def _expire(self, rid: int, method: str, timeout: float) -> None:
        future = self._calls.pop(rid, None)
        if future is not None:
            future.set_exception(_no_reply(method, timeout))

    def _fail_calls(self) -> None:
        calls, self._calls = self._calls, {}
        for future in calls.values():
            future.set_exception(ConnectionFailed("the connection broke before the reply"))

    def _set_state(self, state: ConnectionState, message: str) -> None:
        before = self.connection
        self.connection = Connection(state, message, None, before.heard_at)
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
    except ValueError:  # it is no url; connecting will fail
        return ""


def _call_error(failure: protocol.Failure) -> CallError:
    if failure.code == "not_found":
        return NotFound(failure.message)
    return CallError(failure.message, failure.code, failure.details)


def _no_reply(method: str, timeout: float) -> ConnectionFailed:
    return ConnectionFailed(f"no reply to {method!r} within {timeout:g} s")


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
