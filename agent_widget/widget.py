"""The dashboard in a notebook: comm in, comm out.

The browser is one more replica and asks the kernel the same question as any client asks the server. Everything
goes by custom messages; traits are saved into notebooks, so none holds anything but the height.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import html
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import anywidget
import traitlets

from . import protocol, tables
from .client import Client
from .collector import now_ms
from .protocol import ProtocolError
from .server import VERSION, bundle
from .store import Position

log = logging.getLogger("agent_widget")

PACE: Final = 0.05
"""Seconds between two messages to the browser: the Jupyter server drops messages silently above its rate limit."""
LOOKED_AT: Final = 180.0
"""Seconds without a word from any view after which nothing is sent: the Jupyter server keeps a closed tab's messages
in memory without bound, and a hidden tab beats only once a minute."""


class Dashboard(anywidget.AnyWidget):
    """The live dashboard on a client's tables. Display it like any widget; several views of one agree.

    ``height``: pixels.
    """

    _esm = bundle()

    height = traitlets.Int(620, min=200, max=4000).tag(sync=True)

    def __init__(self, client: Client, **traits: Any) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._hello: protocol.Hello | None = None
        self._position: Position | None = None
        self._heard_at = 0.0
        self._sent_at = 0.0
        self._told: protocol.State | None = None
        self._welcomed = False
        self._pending = False
        self._context: contextvars.Context | None = None
        super().__init__(**traits)
        self.on_msg(self._receive)
        self._feed = client.subscribe(self._schedule)
        self._on_loop(self._keep_telling)

    def __getattr__(self, name: str) -> Any:
        # dash.tasks is client.tasks: the tables are one hop nearer
        if name in tables.TABLES:
            return getattr(self.client, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def close(self) -> None:
        """Take the widget away; the client goes on."""
        self.client.unsubscribe(self._feed)
        self._hello = None
        super().close()

    def __repr__(self) -> str:
        return f"<agent_widget.Dashboard of {self.client!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = super()._repr_mimebundle_(**kwargs)
        # what a saved notebook shows without a kernel: no row, no path, no token
        data = shown[0] if isinstance(shown, tuple) else shown
        if isinstance(data, dict):
            data["text/plain"] = "agent-widget dashboard: run the cell to see it live"
            data["text/html"] = f"<p>{html.escape(data['text/plain'])}</p>"
        return shown

    # From the browser. Called on the main thread or on a subshell's: only note and wake.

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        # Answers sent in this context keep the browser's messages away from the queue behind a running cell.
        self._context = contextvars.copy_context()
        self._heard_at = time.monotonic()
        try:
            frame = protocol.from_builtins(content)
            if isinstance(frame, protocol.Hello):
                hello = protocol.check_hello(frame)
                with self._lock:
                    self._hello, self._position, self._welcomed, self._told = hello, hello.position, False, None
                self._on_loop(self._schedule)
            elif isinstance(frame, protocol.Ping):
                self._post(protocol.encode(protocol.Pong(frame.at, now_ms())))
                self._on_loop(self._schedule)
            elif isinstance(frame, protocol.Call):
                threading.Thread(target=self._forward, args=(frame,), name="agent-widget call", daemon=True).start()
        except ProtocolError as error:
            self._post(protocol.encode(protocol.Error(error.code, error.message)))

    def _forward(self, call: protocol.Call) -> None:
        try:
            reply = protocol.Reply(call.rid, True, self.client.call(call.method, **call.params))
        except Exception as error:
            reply = protocol.Reply(call.rid, False, error=protocol.Failure("failed", str(error)))
        self._post(protocol.encode(reply))

    # To the browser. Runs on the client's loop, so that a busy kernel does not hold it up.

    def _on_loop(self, callback: Callable[[], Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the client is closed
            self.client.loop.call_soon_threadsafe(callback)

    def _schedule(self) -> None:
        """Send what is new, at once if nothing was sent for a while; called on the client's loop."""
        if self._pending:
            return
        self._pending = True
        wait = max(0.0, self._sent_at + PACE - time.monotonic())
        self.client.loop.call_later(wait, self._send_news)

    def _keep_telling(self) -> None:
        """The heartbeat: also while nothing changes, the browser must know that the kernel is there."""
        self._schedule()
        if self._feed is not None and self.client.alive:
            self.client.loop.call_later(protocol.HEARTBEAT, self._keep_telling)

    def _send_news(self) -> None:
        self._pending = False
        self._feed.take()  # the replica is asked by position; the feed only wakes
        if self._hello is None or time.monotonic() - self._heard_at > LOOKED_AT:
            return
        with self._lock:
            hello, position = self._hello, self._position
            answer = self.client.store.since(position, hello.tables, hello.limit)
            self._position = Position(answer.epoch, answer.seq)
        self._tell_state()
        if not self.client.store.epoch:
            return  # nothing is known yet: an empty answer would look like an empty workspace
        if not self._welcomed:
            self._welcomed = True
            self._post(protocol.encode(self._welcome()))
        asyncio.ensure_future(self._post_paced(list(protocol.encode_answer(answer))))

    async def _post_paced(self, frames: list[bytes]) -> None:
        """A large answer goes out in its frames, one per pace; what changes meanwhile follows it."""
        self._pending = True
        try:
            for index, frame in enumerate(frames):
                if index:
                    await asyncio.sleep(PACE)
                self._post(frame)
                self._sent_at = time.monotonic()
        finally:
            self._pending = False
        if self.client.store.position != self._position:
            self._schedule()

    def _tell_state(self) -> None:
        connection = self.client.connection
        heard = None if connection.heard_at is None else round((time.monotonic() - connection.heard_at) * 1000)
        rtt = None if connection.rtt_ms is None else round(connection.rtt_ms, 2)
        state = {"refused": "stopped", "closed": "stopped"}.get(connection.state, connection.state)
        self._post(protocol.encode(protocol.State(state, connection.message, rtt, heard)))

    def _welcome(self) -> protocol.Welcome:
        epoch, seq = self.client.store.position
        return protocol.Welcome(protocol.VERSION, VERSION, epoch, seq, now_ms(), self.client.sources, tables.schema())

    def _post(self, frame: bytes) -> None:
        context = self._context
        if context is None or self.comm is None:
            return
        try:
            context.copy().run(self.send, {"type": "frame"}, [frame])
        except Exception:  # the notebook's side is going away; the browser asks again if it is not
            log.debug("a message to the browser was not sent", exc_info=True)
