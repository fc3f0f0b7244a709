"""One connection to a server, kept by a background thread, whatever happens to it.

The thread connects, says how far its replica has come, hands on the frames, and reconnects with a back-off. It knows
no tables: what to say and what to do with a frame is for its subclasses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from .. import protocol
from ..discovery import is_loopback
from ..loop_thread import LoopThread
from ..protocol import BEHIND, FINAL, LOOP, SILENCE, ProtocolError, SourceState
from ..store import Gap
from ..tables import now_ms
from .connection import Connection, ConnectionState
from .errors import CallError, ConnectionFailed, NotFound

log = logging.getLogger("agent_widget")

TIMEOUT: Final = 10.0
"""Maximum seconds to wait for a reply."""
BACK_OFF: Final = (0.2, 5.0)
"""First and longest bound, in seconds, of the random wait before another try."""
AFTER_REFUSAL: Final = 30.0
"""Seconds after a refusal before another try, where there is one."""
PING_EVERY: Final = 2.0

MAX_FRAME: Final = 64 * 1024 * 1024
"""Maximum bytes of a frame. Frames are small, but a row is never divided."""


class Unreachable(Exception):
    """There is no way to the server; the message says why."""


class Wire:
    """A connection to a server, and the thread that keeps it."""

    back_off = BACK_OFF
    gives_up = True
    """Whether a refusal is the end; else it is tried again at times, in case somebody has mended the cause."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self.connection = Connection()
        self._read_at: float | None = None
        """When the server's reader was last known to go on (:func:`time.monotonic`); ``None`` in its first pass."""
        self._socket: ClientConnection | None = None
        self._calls: dict[int, Future[Any]] = {}
        self._next_rid = 0
        self._process = os.getpid()
        self._stop = asyncio.Event()
        self._thread = LoopThread(self._stay_connected, f"agent-widget {url}")

    # What subclasses say

    def hello(self) -> protocol.Hello:
        """Return the first frame of a connection."""
        raise NotImplementedError

    def wake(self) -> None:
        """Take notice that :attr:`connection` has turned."""

    async def take(self, frame: protocol.ServerFrame) -> bool:
        """Take in a frame that is about the tables; return whether they are in step with the server after it."""
        raise NotImplementedError

    @property
    def has_been_there(self) -> bool:
        """Whether the server has answered once; whatever has its port now, it may come back elsewhere."""
        return False

    def find_again(self) -> bool:
        """Look for a server that was restarted elsewhere; return whether there is one."""
        return False

    async def reach(self) -> Any:
        """Return a connection that is about to be opened. Raises :class:`Unreachable`."""
        return open_socket(self.url, **self.options())

    def options(self) -> dict[str, Any]:
        """Return how a connection is opened."""
        return {
            # a proxy from the environment would get the token; on loopback there is none to go through
            "proxy": None if is_loopback(_host(self.url)) else True,
            "max_size": MAX_FRAME,
            "open_timeout": 5,
            "close_timeout": 1,
            "ping_interval": None,
            "compression": None,
        }

    async def leave(self) -> None:
        """Clean up at the end, in the thread of the connection."""

    # What anybody may ask

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the background thread."""
        return self._thread.loop

    @property
    def alive(self) -> bool:
        """Whether the background thread runs."""
        return self._thread.is_alive()

    @property
    def on_own_thread(self) -> bool:
        """Whether this is the thread of the connection, which must not wait for itself."""
        return self._thread.is_current

    def stop(self) -> None:
        """End the connection and the thread."""
        self._thread.end(self._stop.set, 5)

    def drop(self) -> None:
        """Break the connection; another one is made at once. Called in the thread of the connection."""
        if self._socket is not None:
            self._socket.transport.abort()

    def call_soon(self, what: Callable[[], object]) -> None:
        """Have the thread of the connection call something, if it runs."""
        self._thread.call_soon(what)

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
        except (CallError, ConnectionFailed) as error:
            raise error.with_traceback(None) from None  # where the future kept it helps nobody

    def ask(self, method: str, params: Mapping[str, Any], timeout: float = TIMEOUT) -> Future[Any]:
        """:meth:`call` without waiting: return a future, whose callbacks run on the network thread."""
        given = dict(params)
        if len(protocol.encode(protocol.Call(0, method, given))) > protocol.MAX_CLIENT_FRAME - 64:
            raise ValueError(f"the parameters of {method!r} are over the {protocol.MAX_CLIENT_FRAME} bytes allowed")
        future: Future[Any] = Future()
        if os.getpid() != self._process:
            future.set_exception(ConnectionFailed("this process was forked from the connected one: aw.connect() again"))
            return future
        try:
            self.loop.call_soon_threadsafe(self._ask, method, given, future, timeout)
        except RuntimeError:  # the loop has ended
            future.set_exception(ConnectionFailed(self.connection.message))
        return future

    # The network thread

    async def _stay_connected(self) -> None:
        stopping = asyncio.ensure_future(self._stop.wait())
        attempt = 0
        try:
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
                first, longest = self.back_off
                wait = random.uniform(0, min(longest, first * 2 ** min(attempt, 16)))
                if self.connection.state == "refused":
                    if self.gives_up:
                        return
                    wait = AFTER_REFUSAL
                else:
                    self._set_state("reconnecting", problem)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._stop.wait()
                self.find_again()
        finally:
            stopping.cancel()
            await self.leave()
        self._set_state("closed", "this client was closed: aw.connect() makes another one")

    async def _follow(self) -> tuple[bool, str]:
        """Hold one connection from hello to its end; return whether it was live, and why it ended."""
        was_live = False
        try:
            async with await self.reach() as socket:
                await _send(socket, self.hello())
                self._socket = socket
                beat = asyncio.ensure_future(self._beat(socket))
                try:
                    while True:
                        async with asyncio.timeout(SILENCE):
                            data = await socket.recv(decode=False)  # the decoder takes the bytes as they came
                        frame = protocol.decode_server(data)
                        if frame is None:  # of a later version
                            continue
                        if isinstance(frame, protocol.Ping):
                            await _send(socket, protocol.Pong(frame.at, now_ms()))
                        was_live |= await self._receive(frame)
                finally:
                    beat.cancel()
                    self._socket = None
                    self._fail_calls()
        except Refused as refusal:
            if refusal.code == "unauthorized" and self.find_again():
                return was_live, "the server was restarted"
            if refusal.code in (*FINAL, LOOP):
                self._set_state("refused", str(refusal))
            return was_live, str(refusal)
        except (InvalidURI, InvalidStatus) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code in (500, 502, 503, 504):
                return was_live, "the server is busy"
            problem = f"{self.url} is no agent-widget server ({error})"
            if not self.has_been_there:
                self._set_state("refused", problem)
            return was_live, problem
        except Unreachable as error:
            return was_live, str(error)
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

    async def _receive(self, frame: protocol.ServerFrame) -> bool:
        """Take in one frame; true once the tables are in step with the server."""
        heard_at = time.monotonic()
        state, message, rtt = self.connection.state, self.connection.message, self.connection.rtt_ms
        live = False
        if isinstance(frame, protocol.Pong):
            rtt = max(0.0, time.perf_counter() * 1000 - frame.at)
        elif isinstance(frame, protocol.Reply):
            future = self._calls.pop(frame.rid, None)
            if future is not None and frame.ok:
                future.set_result(frame.result)
            elif future is not None:
                future.set_exception(_call_error(frame.error or protocol.Failure("failed", "refused")))
        elif isinstance(frame, protocol.Error):
            raise Refused(frame.code, frame.message)
        else:
            if isinstance(frame, protocol.Welcome):
                if frame.protocol != protocol.VERSION:
                    raise Refused(
                        "unsupported_protocol",
                        f"the server speaks protocol {frame.protocol}, this client {protocol.VERSION}; "
                        "install the same agent-widget on both sides",
                    )
                self._note_reader(frame.sources, frame.now)
            elif isinstance(frame, protocol.Sources):
                self._note_reader(frame.sources)
            live = await self.take(frame)
            if live or (state == "behind" and isinstance(frame, protocol.Sources)):
                state, message = self._step()
        turned = state != self.connection.state
        self.connection = Connection(state, message, rtt, heard_at)
        if turned:
            self.wake()
        return live

    def _note_reader(self, sources: list[SourceState], now: int | None = None) -> None:
        """Note how old the last finished round of reading is; ``now``: the time of a server that may have stopped."""
        ends = [source.checked_at for source in sources if source.checked_at is not None]
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


class Refused(Exception):
    """The server ends the connection, and says why."""

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
