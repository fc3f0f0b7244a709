"""The watcher server: one port that answers ``/ws``, the dashboard page, ``/healthz`` and ``/metrics``.

It knows nothing of formats: it starts the watcher, and tells each client what has changed since the client's own
position. A client's whole state here is that position; a slow one gets fewer answers and loses nothing.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Final

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .. import protocol, tables
from ..discovery import Runtime, bracketed, is_loopback, published
from ..ingest.collector import Collector
from ..ingest.watcher import Watcher
from ..ondemand.lookup import Lookup
from ..page import document
from ..protocol import ProtocolError
from ..store import Position, Store
from ..version import VERSION
from .gate import Gate, new_token
from .methods import METHODS

log = logging.getLogger("agent_widget")

PACE: Final = 0.004
"""Minimum seconds between two answers to one client; the first goes out at once."""
SEND_DEADLINE: Final = 5.0
"""Maximum seconds to send a frame; a client that takes longer is dropped and connects again."""
HELLO_DEADLINE: Final = 10.0
MAX_CONNECTIONS: Final = 64
FIRST_LOOK: Final = 2.0
"""Maximum seconds before the server accepts clients, so that a small home is complete in the first answer."""


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


class Hub:
    """Wakes the senders when something has changed, and encodes what several of them need once."""

    def __init__(self, store: Store, watcher: Watcher) -> None:
        self.store = store
        self._watcher = watcher
        self._encoded_sources: tuple[protocol.Sources, bytes] | None = None
        self._changed = asyncio.Event()
        self._encoded: dict[frozenset[str] | None, tuple[Position, Position, list[bytes]]] = {}

    def wake(self) -> None:
        """Tell everyone who waits; called on the event loop."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def sources(self) -> protocol.Sources:
        """How far each root is read; another object whenever that has changed."""
        return self._watcher.sources

    def encoded_sources(self) -> tuple[protocol.Sources, bytes]:
        """Return :attr:`sources` and their frame."""
        sources = self.sources
        if self._encoded_sources is None or self._encoded_sources[0] is not sources:
            self._encoded_sources = sources, protocol.encode(sources)
        return self._encoded_sources

    async def changed_since(self, position: Position, sources: protocol.Sources, timeout: float) -> None:
        """Wait until the store is past ``position`` or the sources differ, for at most ``timeout`` seconds."""
        changed = self._changed
        if self.store.position == position and self.sources is sources:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await changed.wait()

    def answer(self, position: Position | None, hello: protocol.Hello) -> tuple[Position, Iterable[bytes]]:
        """Return the position after the answer to ``position``, and its frames; no frames if nothing changed."""
        tables = frozenset(hello.tables) if hello.tables is not None else None
        known = self._encoded.get(tables)
        if known is not None and known[:2] == (position, self.store.position):
            return known[1], known[2]
        answer = self.store.since(position, tables, hello.limit)
        reached = Position(answer.epoch, answer.seq)
        if answer.reset:  # it can be large, and nobody else may have that limit: encoded while it is sent, not kept
            return reached, protocol.encode_answer(answer)
        frames = list(protocol.encode_answer(answer)) if answer else []
        self._encoded[tables] = (Position(answer.epoch, answer.since), reached, frames)
        return reached, frames


class Server:
    """A watcher and the clients that follow it."""

    def __init__(
        self,
        collector: Collector,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        no_token: bool = False,
        idle_timeout: float | None = None,
        first_look: float = FIRST_LOOK,
    ) -> None:
        """``idle_timeout``: end after so many seconds without any client. Raises :class:`StartError`.

        ``first_look``: for so many seconds at most clients are kept waiting for a small home to be read.
        """
        if no_token and not is_loopback(host):
            raise StartError(f"refusing to serve {host} without a token; leave out --no-token")
        self.collector = collector
        self.store = collector.store
        self.lookup = Lookup(
            self.store, collector.sources, collector.conversations, collector.unmasked, masking=collector.masking
        )
        self.host = host
        self.port = port
        self.token = None if no_token else token or new_token()
        self.idle_timeout = idle_timeout
        self.first_look = first_look
        self.started_at = tables.now_ms()
        self.connections = 0
        self._refused = 0
        self._idle_since = time.monotonic()
        self._hub: Hub
        self._gate: Gate

    @property
    def url(self) -> str:
        """Where clients connect, e.g. ``ws://127.0.0.1:8765/ws``."""
        return f"ws://{self._authority}/ws"

    @property
    def page_url(self) -> str:
        """The dashboard page; the token is in the fragment, which browsers send to nobody."""
        return f"http://{self._authority}/" + (f"#token={self.token}" if self.token else "")

    @property
    def _authority(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else "::1" if self.host == "::" else self.host
        return f"{bracketed(host)}:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """Serve until the context ends: bind, begin to read, and let clients in."""
        loop = asyncio.get_running_loop()
        watcher = Watcher(self.collector, lambda: _soon(loop, self._hub.wake))
        self._hub = Hub(self.store, watcher)
        try:
            listener = await serve(
                self._follow,
                self.host,
                self.port,
                process_request=self._route,
                compression=None if is_loopback(self.host) else "deflate",
                max_size=protocol.MAX_CLIENT_FRAME,
                open_timeout=HELLO_DEADLINE,
                ping_interval=10,
                ping_timeout=10,
                close_timeout=0.5,  # a client that does not answer holds up the end of the server for so long
                server_header=None,
                start_serving=False,
            )
        except OSError as error:
            raise StartError(_bind_failure(self.host, self.port, error)) from None
        try:
            self.port = listener.sockets[0].getsockname()[1]
            self._gate = Gate(self.host, self.port, self.token)
            watcher.start()
            await loop.run_in_executor(None, watcher.wait_for_first_rows, self.first_look)
            try:
                await listener.start_serving()
            except OSError as error:  # somebody else took the bound port and began to listen while we read
                raise StartError(_bind_failure(self.host, self.port, error)) from None
            with published(self.runtime):
                yield self
        finally:
            listener.close()
            await listener.wait_closed()
            await loop.run_in_executor(None, watcher.stop)

    @property
    def runtime(self) -> Runtime:
        """What clients on this machine must know."""
        roots = [str(root) for root in self.collector.roots]
        return Runtime(self.url, self.token, os.getpid(), roots, self.started_at, VERSION)

    async def idle(self) -> None:
        """Wait until nobody has been connected for ``idle_timeout`` seconds; for ever if there is no such limit."""
        while self.idle_timeout is None or self.connections or time.monotonic() - self._idle_since < self.idle_timeout:
            await asyncio.sleep(min(1.0, self.idle_timeout or 60.0))

    # HTTP

    def _route(self, connection: ServerConnection, request: Request) -> Response | None:
        method = getattr(request, "method", "GET")  # websockets before 17 knows no other
        response = self._response(method, request)
        if response is not None and method == "HEAD":
            response.body = b""
        return response

    def _response(self, method: str, request: Request) -> Response | None:
        """Answer an HTTP request; return ``None`` for a WebSocket that may open."""
        refusal = self._gate.refusal(request.headers.get_all("Host"), request.headers.get_all("Origin"))
        if refusal is not None:
            self._refused += 1
            return _response(refusal[0], refusal[1])
        path = request.path.partition("?")[0]
        if path == "/ws":
            if self.connections >= MAX_CONNECTIONS:
                return _response(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")
            return None
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "only GET")
        if path == "/":
            body, policy = page()
            return _response(HTTPStatus.OK, body, "text/html; charset=utf-8", policy)
        if path == "/healthz":
            return _response(HTTPStatus.OK, "ok")
        if path == "/metrics":
            if not self._gate.admits(_bearer(request.headers)):
                return _response(HTTPStatus.UNAUTHORIZED, "send the token as Authorization: Bearer")
            return _response(HTTPStatus.OK, self._metrics(), "text/plain; version=0.0.4; charset=utf-8")
        return _response(HTTPStatus.NOT_FOUND, "there is /, /ws, /healthz and /metrics")

    def _metrics(self) -> str:
        lines = [
            "# TYPE agent_widget_connections gauge",
            f"agent_widget_connections {self.connections}",
            "# TYPE agent_widget_refused_requests_total counter",
            f"agent_widget_refused_requests_total {self._refused}",
            "# TYPE agent_widget_changes_total counter",
            f"agent_widget_changes_total {self.store.seq}",
            "# TYPE agent_widget_rows gauge",
            *(f'agent_widget_rows{{table="{name}"}} {self.store.count(name)}' for name in self.store),
            "# TYPE agent_widget_stat gauge",
        ]
        for row in self.store.rows("stats"):
            if row["value"] is not None:
                lines.append(f'agent_widget_stat{{name="{row["name"]}"}} {row["value"]}')
        return "\n".join(lines) + "\n"

    # WebSocket

    async def _follow(self, socket: ServerConnection) -> None:
        self.connections += 1
        try:
            hello, sources = await self._greet(socket)
            sender = asyncio.create_task(self._send_changes(socket, hello, sources))
            sender.add_done_callback(functools.partial(_sender_ended, socket))
            try:
                async for data in socket:
                    await self._receive(socket, data)
            finally:
                sender.cancel()
        except ProtocolError as error:
            with suppress(ConnectionClosed, TimeoutError):
                await _send(socket, protocol.encode(protocol.Error(error.code, error.message)))
                await socket.close(1008, error.code)
        except (ConnectionClosed, TimeoutError):
            pass  # the client is gone; it asks again from its own position
        finally:
            self.connections -= 1
            self._idle_since = time.monotonic()

    async def _greet(self, socket: ServerConnection) -> tuple[protocol.Hello, protocol.Sources]:
        """Answer a client's hello; return it, and the sources that the answer describes."""
        try:
            async with asyncio.timeout(HELLO_DEADLINE):
                data = await socket.recv()
        except TimeoutError:
            raise ProtocolError("bad_request", f"no hello within {HELLO_DEADLINE:.0f} s") from None
        hello = protocol.check_hello(protocol.decode_client(data))
        if not self._gate.admits(hello.token):
            self._refused += 1
            raise ProtocolError("unauthorized", "the token does not fit; take the one this server printed")
        sources = self.sources
        epoch, seq = self.store.position
        now, schema = tables.now_ms(), tables.schema()
        welcome = protocol.Welcome(protocol.VERSION, VERSION, epoch, seq, now, sources.sources, schema)
        await _send(socket, protocol.encode(welcome))
        return hello, sources

    @property
    def sources(self) -> protocol.Sources:
        """How far each root is read, and what is wrong there."""
        return self._hub.sources

    async def _send_changes(self, socket: ServerConnection, hello: protocol.Hello, sources: protocol.Sources) -> None:
        position = hello.position  # the client's; changes of tables it did not ask for do not move it
        heartbeat_due = 0.0  # at once: the first answer comes even if it is empty
        with suppress(ConnectionClosed, TimeoutError):
            while True:
                reached, frames = self._hub.answer(position, hello)
                if position and not frames and time.monotonic() >= heartbeat_due:
                    frames = [protocol.encode(protocol.Changes(reached.epoch, reached.seq, position.seq))]
                for frame in frames:
                    await _send(socket, frame)
                    position, heartbeat_due = reached, time.monotonic() + protocol.HEARTBEAT
                if self._hub.sources is not sources:
                    sources, frame = self._hub.encoded_sources()
                    await _send(socket, frame)
                await asyncio.sleep(PACE)
                await self._hub.changed_since(reached, sources, heartbeat_due - time.monotonic())

    async def _receive(self, socket: ServerConnection, data: str | bytes) -> None:
        frame = protocol.decode_client(data)
        if isinstance(frame, protocol.Ping):
            await _send(socket, protocol.encode(protocol.Pong(frame.at, tables.now_ms())))
        elif isinstance(frame, protocol.Call):
            await _send(socket, protocol.encode(await self.call(frame)))
        elif isinstance(frame, protocol.Hello):
            raise ProtocolError("bad_request", "hello is sent once; connect again to change what is sent")

    async def call(self, call: protocol.Call) -> protocol.Reply:
        """Answer a request; blocking work is done off the event loop."""
        method = METHODS.get(call.method)
        if method is None:
            message = f"unknown method {call.method!r}; there is {', '.join(METHODS)}"
            return protocol.Reply(call.rid, False, error=protocol.Failure("unknown_method", message))
        try:
            return protocol.Reply(call.rid, True, await asyncio.to_thread(method, self, call.params))
        except ProtocolError as error:
            return protocol.Reply(call.rid, False, error=protocol.Failure(error.code, error.message))
        except Exception as fault:
            log.exception("%s failed", call.method)
            message = f"{call.method} failed ({type(fault).__name__}: {fault}); the server's log says more"
            return protocol.Reply(call.rid, False, error=protocol.Failure("failed", message))


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: the server is stopping
        loop.call_soon_threadsafe(callback)


def _sender_ended(socket: ServerConnection, sender: asyncio.Task[None]) -> None:
    """Drop a client whose sender has failed, so that it connects again."""
    if not sender.cancelled():
        if sender.exception() is not None:
            log.error("changes could not be sent to a client", exc_info=sender.exception())
        socket.transport.abort()


async def _send(socket: ServerConnection, frame: bytes) -> None:
    """Send a frame within the deadline: the library's keep-alive does not drop a reader whose buffer is full."""
    try:
        async with asyncio.timeout(SEND_DEADLINE):
            await socket.send(frame, text=True)
    except TimeoutError:
        socket.transport.abort()
        raise


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else None


def _response(
    status: HTTPStatus, body: str, content_type: str = "text/plain; charset=utf-8", policy: str = "default-src 'none'"
) -> Response:
    data = body.encode()
    headers = Headers(
        {
            "Content-Type": content_type,
            "Content-Length": str(len(data)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, data)


@functools.cache
def page() -> tuple[str, str]:
    """Return the dashboard page and its content security policy."""
    return document()


def _bind_failure(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another, or 0 for any free one"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used; choose one above 1023"
    return f"cannot serve on {host}:{port}: {error.strerror or error}"
