"""The watcher server: one port that answers ``/ws``, the dashboard page, ``/healthz`` and ``/metrics``.

It knows nothing of formats: it starts the watcher, and sends each client what has changed since the client's own
position. A client's whole state here is that position; a slow one gets fewer answers and loses nothing.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import logging
import os
import socket as sockets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from copy import copy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .. import protocol, tables
from ..discovery import Runtime, bracketed, is_loopback, published
from ..failures import Failure
from ..ingest import homes
from ..ingest.collector import Collector
from ..ingest.watcher import Watcher
from ..protocol import ProtocolError
from ..version import VERSION
from .asked import ASKING, Asking, Elsewhere
from .calls import Calls, Pools
from .gate import MIN_TOKEN, Gate, Lobby, new_token
from .hub import WRITE_LIMIT, Follower, Hub, send
from .metrics import CONTENT_TYPE, Doors, metrics

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from ..broker.address import Address
    from ..broker.publisher import Publisher
    from ..ondemand.copies import KeptTranscripts
    from ..ondemand.lookup import Lookup
    from ..writing import Writer
    from .otlp import Receiver
    from .queries import Queries

log = logging.getLogger("agent_widget")

HELLO_DEADLINE: Final = 10.0
"""Seconds in which a connection has to show the token; less where many wait (:class:`.gate.Lobby`)."""
MAX_CLIENTS: Final = 2_000
"""Connections that have shown the token."""
MAX_REPLY: Final = 60 * 1024 * 1024
"""Maximum bytes of a reply: a larger frame ends the connections of our clients, which take 64 MiB."""
SPARE_FILES: Final = 256
"""File descriptors kept for files, and for connections that have not shown the token."""
SEND_BUFFER: Final = 256 * 1024
"""Bytes that the system may hold for a client; what is not in there yet can still be replaced by what is newer."""
ACCEPT_NEWS: Final = 60.0
"""Seconds between two lines of the log that say that no connection can be accepted."""
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""Errors that asyncio takes for a lack of resources and retries after."""
KEEP_PACE: Final = 120.0
"""Seconds between two looks for transcripts to be kept."""
FIRST_LOOK: Final = 2.0
"""Maximum seconds before the server accepts clients, so that a small home is complete in the first answer."""


class Followed(Elsewhere, Protocol):
    """Other hosts whose rows are taken in (:mod:`agent_widget.following`)."""

    @property
    def urls(self) -> list[str]:
        """Where they are, without tokens."""

    def begin(self, watcher: Watcher) -> None:
        """Follow them; ``watcher`` takes their rows over."""

    def end(self) -> None:
        """Follow nobody any more."""


class StartError(Failure):
    """The server cannot start; the message says why and what to do."""


class _Connection(ServerConnection):
    """A connection that waits in the lobby from the moment it is accepted."""

    def __init__(self, lobby: Lobby, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lobby = lobby

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        raw = transport.get_extra_info("socket")
        with suppress(OSError):
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)
        peer = transport.get_extra_info("peername")
        self._lobby.enter(self, peer[0] if peer else "", self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lobby.leave(self)
        super().connection_lost(exc)


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
        keep_transcripts: bool = False,
        allow_writes: bool = False,
        allow_hosts: Sequence[str] = (),
        receiver: Receiver | None = None,
        followed: Followed | None = None,
        publish: Address | None = None,
    ) -> None:
        """``idle_timeout``: end after so many seconds without any client. Raises :class:`StartError`.

        ``first_look``: for so many seconds at most clients are kept waiting for a small home to be read.
        ``keep_transcripts``: keep copies of transcripts beside the archive, if there is one. ``allow_writes``: clients
        may change tasks and send messages. ``receiver``: takes what OpenTelemetry exporters send while the server runs.
        ``followed``: other hosts whose rows are taken in while the server runs, and who answer for their files.
        ``publish``: the broker that is to have the rows too (:mod:`agent_widget.broker`).
        ``allow_hosts``: names (``NAME`` or ``NAME:PORT``) under which a proxy reaches it, beside its own.
        """
        reached = host if not is_loopback(host) else ", ".join(allow_hosts)  # by others, if it is not empty
        if no_token and reached:
            raise StartError(f"refusing to serve {reached} without a token; leave out --no-token")
        if token is not None and len(token) < MIN_TOKEN and reached:
            raise StartError(
                f"refusing to serve {reached} with a token of {len(token)} characters, which others could guess; "
                f"choose {MIN_TOKEN} or more, or leave it out for a random one"
            )
        self.collector = collector
        self.store = collector.store
        self.kept: KeptTranscripts | None = None
        if keep_transcripts and collector.archive is not None:
            from ..ondemand.copies import KeptTranscripts, directory_beside

            self.kept = KeptTranscripts(directory_beside(collector.archive.path), collector.retention_ms)
        self.allow_writes = allow_writes
        if allow_writes:
            collector.writes = self.writer.methods
        self.host = host
        self.port = port
        self.allow_hosts = tuple(allow_hosts)
        self.token = None if no_token else token or new_token()
        self.idle_timeout = idle_timeout
        self.first_look = first_look
        self.started_at = tables.now_ms()
        self.receiver = receiver
        self.followed = followed
        collector.home = homes.identity()
        self.publisher: Publisher | None = None
        if publish is not None:
            from ..broker.publisher import Publisher

            publisher = Publisher(publish, self.store, collector.host, self._welcome, is_own=collector.is_own)
            collector.publishing = lambda: publisher.state
            self.publisher = publisher
        self.on_listening: Callable[[], None] = lambda: None
        """Called when clients can connect; they are answered after the first look."""
        self._may_answer = asyncio.Event()
        self._lobby = Lobby()
        self._pools = Pools()
        self._refused = 0
        self._idle_since = time.monotonic()
        self._left = asyncio.Event()
        """A client has left."""
        self._hub: Hub
        self._gate: Gate

    @functools.cached_property
    def lookup(self) -> Lookup:
        """What reads transcripts and memory texts, and searches."""
        from ..ondemand.lookup import Lookup

        collector = self.collector
        return Lookup(
            self.store,
            collector.sources,
            collector.conversations,
            collector.unmasked,
            collector.gone,
            collector.files,
            masking=collector.masking,
            kept=self.kept,
            is_own=collector.is_own,
        )

    @functools.cached_property
    def queries(self) -> Queries:
        """What answers SQL."""
        from .queries import Queries

        return Queries()

    @functools.cached_property
    def writer(self) -> Writer:
        """What makes changes, or refuses them."""
        from ..writing import Writer

        collector = self.collector
        return Writer(
            self.store,
            collector.sources,
            collector.unmasked,
            host=collector.host,
            allowed=self.allow_writes,
            masking=collector.masking,
        )

    @property
    def connections(self) -> int:
        """How many clients are connected that have shown the token."""
        return len(self._hub.followers)

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

        def changed() -> None:
            _soon(loop, self._hub.wake)
            if self.publisher is not None:
                self.publisher.wake()

        watcher = Watcher(self.collector, changed)
        self._hub = Hub(self.store, watcher)
        try:
            listener = await serve(
                self._follow,
                self.host,
                self.port,
                process_request=self._route,
                create_connection=functools.partial(_Connection, self._lobby),  # type: ignore[arg-type]  # may wrap
                compression=None if is_loopback(self.host) else "deflate",
                write_limit=WRITE_LIMIT,
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
        rounds = asyncio.create_task(self._hub.run())
        try:
            self.port = listener.sockets[0].getsockname()[1]
            self._gate = Gate(self.host, self.port, self.token, self.allow_hosts)
            watcher.start()
            if self.followed is not None:
                self.followed.begin(watcher)
            try:
                await listener.start_serving()
            except OSError as error:  # somebody else took the bound port and began to listen
                raise StartError(_bind_failure(self.host, self.port, error)) from None
            async with self._receiving():
                with published(self.runtime), _accept_errors_noted(loop):
                    self.on_listening()  # who connects now is answered when there is something to say
                    await loop.run_in_executor(None, watcher.wait_for_first_rows, self.first_look)
                    self._may_answer.set()
                    if self.publisher is not None:
                        self.publisher.on_turn = watcher.publish
                        self.publisher.start()
                    keeping = asyncio.create_task(self._keep_transcripts())
                    try:
                        yield self
                    finally:
                        keeping.cancel()
        finally:
            rounds.cancel()
            self._may_answer.set()  # nobody has to be waited for
            listener.close()
            await listener.wait_closed()
            self._lobby.close()
            self._pools.close()
            if "queries" in vars(self):
                self.queries.close()
            if self.followed is not None:
                await loop.run_in_executor(None, self.followed.end)
            if self.publisher is not None:
                await loop.run_in_executor(None, self.publisher.stop)
            await loop.run_in_executor(None, watcher.stop)

    @asynccontextmanager
    async def _receiving(self) -> AsyncIterator[None]:
        if self.receiver is None:
            yield
            return
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.receiver.running(self.token))
            except OSError as error:
                raise StartError(
                    f"port {self.receiver.port} is taken by another program; choose one with --otlp=PORT"
                    if error.errno == errno.EADDRINUSE
                    else f"cannot listen to exporters on port {self.receiver.port} ({error.strerror})"
                ) from None
            yield

    async def _keep_transcripts(self) -> None:
        """Copy transcripts that have been quiet for a while, every few minutes."""
        if self.kept is None:
            return
        stopping = False
        try:
            while True:
                await asyncio.sleep(KEEP_PACE)
                try:
                    await asyncio.to_thread(self.kept.keep, self.collector.conversations, lambda: stopping)
                except Exception:  # the next round tries again
                    log.exception("transcripts could not be kept")
        finally:
            stopping = True

    @property
    def runtime(self) -> Runtime:
        """What clients on this machine must know."""
        own = None if self.receiver is None or self.collector.known else self.receiver.directory.resolve()
        places = [str(place) for place in self.collector.places if place != own]  # those that were asked for
        return Runtime(
            self.url,
            self.token,
            os.getpid(),
            places,
            self.started_at,
            VERSION,
            known=self.collector.known,
            writes=self.allow_writes,
            otlp=None if self.receiver is None else self.receiver.url,
            follows=[] if self.followed is None else self.followed.urls,
            publishes=None if self.publisher is None else self.publisher.address.url,
        )

    async def idle(self) -> None:
        """Wait until nobody has been connected for ``idle_timeout`` seconds; for ever if there is no such limit."""
        while True:
            self._left.clear()
            if self.idle_timeout is None or self.connections:
                await self._left.wait()
            elif (rest := self._idle_since + self.idle_timeout - time.monotonic()) > 0:
                await asyncio.sleep(rest)
            else:
                return

    # HTTP

    def _route(self, connection: ServerConnection, request: Request) -> Response | None:
        self._lobby.spoke(connection)
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
            return _response(HTTPStatus.OK, self._metrics(), CONTENT_TYPE)
        return _response(HTTPStatus.NOT_FOUND, "there is /, /ws, /healthz and /metrics")

    def _metrics(self) -> str:
        doors = Doors(self.connections, len(self._lobby), self._refused)
        return metrics(self.store, self.sources.sources, doors, self.started_at)

    # WebSocket

    async def _follow(self, socket: ServerConnection) -> None:
        try:
            follower = await self._greet(socket)
            calls = Calls(functools.partial(self._pools.answer, self), functools.partial(_reply, socket))
            asking = Asking(f"{follower.client or 'a client'} at {_peer(socket)}")
            ASKING.set(asking)
            self._hub.join(follower)
            try:
                async for data in socket:
                    await self._receive(socket, calls, data)
            finally:
                calls.cancel()
                asking.close()
                self._hub.leave(follower)
                self._idle_since = time.monotonic()
                self._left.set()
        except ProtocolError as error:
            with suppress(ConnectionClosed, TimeoutError):
                await send(socket, protocol.encode(protocol.Error(error.code, error.message)))
                await socket.close(1013 if error.code == "busy" else 1008, error.code)
        except (ConnectionClosed, TimeoutError):
            pass  # the client is gone; it asks again from its own position

    async def _greet(self, socket: ServerConnection) -> Follower:
        """Answer a client's hello, if it has the token; it counts as a client from then on."""
        try:
            async with asyncio.timeout(HELLO_DEADLINE):
                data = await socket.recv()
        except TimeoutError:
            raise ProtocolError("bad_request", f"no hello within {HELLO_DEADLINE:.0f} s") from None
        hello = protocol.check_hello(protocol.decode_client(data))
        if not self._gate.admits(hello.token):
            self._refused += 1
            raise ProtocolError("unauthorized", "wrong token; use the one this server printed")
        self._lobby.leave(socket)
        await self._may_answer.wait()
        if self.connections >= _room(0 if self.receiver is None else SPARE_FILES):
            raise ProtocolError("busy", f"{self.connections} clients are connected, more than this server can serve")
        sources, epoch = self.sources, self.store.epoch
        if hello.server is not None and hello.server == epoch:
            raise ProtocolError(protocol.LOOP, f"{self.url} is this server itself; leave it out")
        if hello.server is not None and any(host.epoch == hello.server for host in sources.hosts):
            raise ProtocolError(
                protocol.LOOP,
                f"{self.collector.host} follows this server already: rows would go in circles; "
                "follow in one direction only",
            )
        await send(socket, protocol.encode(self._welcome()))
        sent = sources if sources.publishing is None else copy(sources)  # what a welcome leaves out comes next
        return Follower(socket, hello, sent)

    def _welcome(self) -> protocol.Welcome:
        """Return who this server is, and what it reads."""
        sources = self.sources
        epoch, seq = self.store.position
        now, schema, counts = tables.now_ms(), tables.schema(), self.store.counts
        return protocol.Welcome(
            protocol.VERSION,
            VERSION,
            epoch,
            seq,
            now,
            sources.sources,
            schema,
            counts,
            self.collector.host,
            sources.hosts,
        )

    @property
    def sources(self) -> protocol.Sources:
        """How far each root is read, and what is wrong there."""
        return self._hub.sources

    @property
    def archive(self) -> dict[str, str | None]:
        """The ``path`` of the archive, ``None`` if all is in memory only, and ``problem``: why, or what is wrong."""
        archive = self.collector.archive
        return {"path": str(archive.path) if archive is not None else None, "problem": self.collector.archive_problem}

    async def _receive(self, socket: ServerConnection, calls: Calls, data: str | bytes) -> None:
        frame = protocol.decode_client(data)
        if isinstance(frame, protocol.Ping):
            await send(socket, protocol.encode(protocol.Pong(frame.at, tables.now_ms())))
        elif isinstance(frame, protocol.Call):
            await calls.add(frame)
        elif isinstance(frame, protocol.Hello):
            raise ProtocolError("bad_request", "hello is sent once; connect again to change what is sent")


async def _reply(socket: ServerConnection, reply: protocol.Reply) -> None:
    data = protocol.encode(reply)
    if len(data) > MAX_REPLY:
        said = protocol.Failure("too_large", f"the answer has {len(data) / 1e6:.0f} MB; ask for less at once")
        data = protocol.encode(protocol.Reply(reply.rid, False, error=said))
    with suppress(ConnectionClosed, TimeoutError):
        await send(socket, data)


def _peer(socket: ServerConnection) -> str:
    address = socket.remote_address
    return f"{bracketed(address[0])}:{address[1]}" if isinstance(address, tuple) else "an unknown address"


def _room(others: int) -> int:
    """Return how many clients this process may have, by the files that it may open, of which ``others`` needs some."""
    if resource is None:
        return MAX_CLIENTS
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (
        MAX_CLIENTS if allowed == resource.RLIM_INFINITY else min(MAX_CLIENTS, max(16, allowed - SPARE_FILES - others))
    )


@contextmanager
def _accept_errors_noted(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Log, rarely and in one line, that no connection can be accepted.

    asyncio reports it with a traceback for each of up to 100 tries a second; it pauses for a second by itself.
    """
    before = loop.get_exception_handler()
    quiet_until = 0.0

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal quiet_until
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _NO_ROOM and "accept" in context.get("message", ""):
            if loop.time() >= quiet_until:
                quiet_until = loop.time() + ACCEPT_NEWS
                log.error("no connection can be accepted for now: %s", error.strerror)
        elif before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(note)
    try:
        yield
    finally:
        loop.set_exception_handler(before)


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: the server is stopping
        loop.call_soon_threadsafe(callback)


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
    from ..page import document

    return document()


def _bind_failure(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another, or 0 for any free one"
    if error.errno == errno.EACCES:
        return f"port {port} may not be used; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine; 127.0.0.1 is for this machine alone, 0.0.0.0 for all networks"
    return f"cannot serve on {host}:{port}: {error.strerror or error}"
