"""The dashboard in a notebook: comm in, comm out.

The browser is one more replica and asks the kernel the same question as any client asks the server. Everything
goes by custom messages; traits are saved into notebooks, so none holds anything but the height.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import secrets
import time
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import msgspec
import traitlets

from .. import protocol, tables
from ..client.agent import Agent, find_agent
from ..client.alerts import Alert
from ..client.base import BaseClient, Made
from ..client.changes import patience_of
from ..client.client import Client
from ..client.connection import ENDED
from ..client.errors import CallError, NotFound
from ..client.feeds import Listener
from ..client.reactions import Reaction
from ..data.moments import Moment, millis
from ..page import TRANSCRIPTS, bundle
from ..protocol import ProtocolError
from ..store import Position, Row
from . import summary, turns
from .export import page_path, saved_page, write_page
from .panel import Place, open_panel

if TYPE_CHECKING:
    import pandas

log = logging.getLogger("agent_widget")

PACE: Final = 0.05
"""Seconds between two messages to the browser: the Jupyter server drops messages silently above its rate limit."""
LOOKED_AT: Final = 180.0
"""Seconds without a word from any view after which nothing is sent: the Jupyter server keeps a closed tab's messages
in memory without bound, and a hidden tab beats only once a minute."""

_TABLE_OF: Final = {name.removesuffix("s"): name for name in tables.TABLES}


_OF_WIDGETS: Final = frozenset(dir(anywidget.AnyWidget)) - {"close", "observe", "unobserve"}
"""The many members of ipywidgets and traitlets that are not for those who use a dashboard."""


_FACETS: Final = frozenset({"agent"})
"""What can be filtered by and is no column: an agent on either side of a row."""


def _public(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("_") and name not in _OF_WIDGETS)


class _Quiet(type(anywidget.AnyWidget)):  # type: ignore[misc]
    """Keeps what widgets inherit out of ``help()`` and completion, which ask the class with ``dir()``."""

    def __init__(cls, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # here traitlets finds its own with dir()
        cls._is_made = True

    def __dir__(cls) -> list[str]:
        return _public(super().__dir__()) if "_is_made" in vars(cls) else list(super().__dir__())


class Dashboard(BaseClient, anywidget.AnyWidget, metaclass=_Quiet):
    """The live dashboard on a client's tables. Display it like any widget; several views of one agree.

    What its client can do, it can do too: ``dash.tasks``, ``dash.sql(…)``, ``dash.on(…)``, … ``height``: pixels.
    """

    _esm = bundle()

    height = traitlets.Int(620, min=200, max=4000).tag(sync=True)
    view = traitlets.Dict(read_only=True)
    """What the person looks at: ``tab``, ``search``, ``filter``, ``selected`` (``table`` and ``id``), ``at``."""
    _name = traitlets.Unicode().tag(sync=True)
    """Its own, of no meaning: the browser keeps under it what is shown, for when the page is loaded again."""
    _panels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    """The models of the panels that it was shown in: without the kernel the browser closes them."""

    _listener: Listener | None = None
    _sender: Future[None] | None = None

    def __init__(self, client: Client, **traits: Any) -> None:
        if not isinstance(client, Client):
            raise TypeError(f"a dashboard shows the tables of a client, as aw.connect() returns it, not {client!r}")
        self.client = client
        """The client whose tables it shows."""
        self._link = client._link
        self._hello: protocol.Hello | None = None
        self._heard_at = float("-inf")
        self._context: contextvars.Context | None = None
        self._changed = asyncio.Event()
        self._wishes: dict[str, Any] = {}
        self._had_alerts = False
        self._sent_sources: list[protocol.SourceState] | None = None
        try:
            self._host_loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._host_loop = None
        self._made_here: weakref.WeakSet[Reaction | Alert] = weakref.WeakSet()
        super().__init__(_name=secrets.token_hex(8), **traits)
        self.on_msg(self._receive)
        self._listener = self._link.listen(self._changed.set)
        sender = self._send_changes()
        try:
            self._sender = asyncio.run_coroutine_threadsafe(sender, self._link.loop)
        except RuntimeError:  # the client is closed; its tables can be shown as they are
            sender.close()

    def __dir__(self) -> list[str]:
        return _public(super().__dir__())

    # What the person looks at, and what Python wants shown

    @property
    def selected(self) -> pandas.DataFrame:
        """The row that is selected, as a frame of one row or none; ``dash.observe(fn, "view")`` calls you for clicks.

        Set it to select one: a row (``dash.selected = dash.tasks["id"]``), an agent, a pair of table and id
        (``("tasks", "id")``), or ``None``. Reading it needs pandas (``pip install "agent-widget[frames]"``).
        """
        from ..data.frames import data_frame

        chosen = self.view.get("selected")
        table = chosen["table"] if chosen else "agents"
        row = self._link.store.get(table, chosen["id"]) if chosen else None
        return data_frame(table, [] if row is None else [row])

    @selected.setter
    def selected(self, row: Row | Agent | tuple[str, str] | None) -> None:
        if row is None:
            self._select(None)
        elif isinstance(row, Agent):
            self._select(protocol.Selected("agents", row.id))
        elif isinstance(row, Row) and (table := _table_of(row)) is not None:
            self._select(self._existing(table, row["id"]))
        elif isinstance(row, tuple) and len(row) == 2 and row[0] in tables.TABLES:
            self._select(self._existing(*row))
        else:
            raise TypeError(
                "selected is set to a row (dash.tasks['id']), an agent (dash.agent('name')), a table and an id "
                f"(('tasks', 'id')), or None, not to {type(row).__name__}"
            )

    def select(self, **row: str | None) -> None:
        """Show one row: ``dash.select(agent="id")``, also ``task=``, ``session=``, ``message=`` and the other tables'.

        An agent may be given by its name. ``None`` takes the selection back. Raises ``ValueError`` for what is no
        table, and :class:`NotFound` for a row that is not there.
        """
        if len(row) != 1:
            raise ValueError('select one row: dash.select(agent="…")')
        ((word, id),) = row.items()
        table = _TABLE_OF.get(word, word)
        if table not in tables.TABLES:
            raise ValueError(f"no table for {word!r}; there is {', '.join(_TABLE_OF)}")
        self._select(None if id is None else self._existing(table, id))

    def _existing(self, table: str, id: str) -> protocol.Selected:
        store = self._link.store
        found = find_agent(store, id) if table == "agents" else store.get(table, id)
        if found is None:
            raise NotFound(f"no row {id!r} in {table}")
        return protocol.Selected(table, found["id"])

    def _select(self, row: protocol.Selected | None) -> None:
        self.set_trait("view", {**self.view, "selected": row and msgspec.to_builtins(row)})
        self._show(selected=row)

    def show(self, tab: str) -> None:
        """Go to a tab: ``dash.show("tasks")``."""
        if tab not in tables.VIEWS:
            raise ValueError(f"no tab {tab!r}; there are {', '.join(tables.VIEWS)}")
        self._show(tab=tab)

    def filter(self, tab: str | None = None, *, search: str = "", **values: str | Iterable[str] | None) -> None:
        """Let only some rows of a tab pass: ``dash.filter("tasks", status=["blocked", "failed"], search="door")``.

        Without values the filters are removed. ``tab``: the open one by default. Raises ``ValueError`` for what is no
        column there.
        """
        columns = {name for table in tables.TABLES.values() if tab in (None, table.view) for name in table.schema}
        if tab in (None, *tables.VIEWS) and (unknown := values.keys() - columns - _FACETS):
            name = min(unknown)
            near = get_close_matches(name, columns)
            there = f"perhaps {' or '.join(near)}?" if near else f"there is {', '.join(sorted(columns))}"
            raise ValueError(f"no column {name!r} to filter by; {there}")
        if tab is not None:
            self.show(tab)
        wanted = {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in values.items()
            if value is not None
        }
        self._show(filter=wanted, search=search)

    def at(self, moment: Moment | None = None) -> None:
        """Show everything as it was at a moment: ``dash.at("14:05")``; ``None`` goes back to the present.

        ``moment``: ``"14:05"`` (the last time it was), ``"yesterday 14:05"``, ``"-2h"`` or ISO 8601, all local time
        unless there is an offset; a datetime; seconds since the epoch. Rows have times of their own;
        tokens and costs are known to the quarter of an hour.
        """
        self._show(at=None if moment is None else millis(moment))

    def save(self, path: str | os.PathLike[str], *, transcripts: int = TRANSCRIPTS) -> Path:
        """Write the dashboard as one HTML file that works without network and kernel; returns where it is.

        All rows as they are now (of long tables the newest 10,000), with tabs, search, filters and time travel; and of
        the ``transcripts`` sessions that changed last the newest entries. Secrets are masked as everywhere. Raises
        ``ValueError`` for an ending other than ``.html`` or ``.htm``, and ``OSError``.
        """
        return write_page(page_path(path), saved_page(self.client, transcripts=transcripts))

    def panel(self, place: Place = "right") -> None:
        """Show the dashboard beside the notebook, so that it stays in sight while cells scroll (JupyterLab).

        ``place``: ``"right"`` is the side bar; ``"split-right"``, ``"split-left"``, ``"split-top"``,
        ``"split-bottom"``, ``"tab-after"`` and ``"tab-before"`` are in the main area. A panel that is open there on the
        same server is replaced. Needs ``pip install "agent-widget[panel]"`` where JupyterLab runs; raises
        ``ImportError`` without it in the kernel.
        """
        data, metadata, _ = self._outputs()
        self._panels = [*self._panels, open_panel(self.client.url, place, data, metadata)]

    def _show(self, **wishes: Any) -> None:
        self._wishes |= wishes
        if self._context is not None:
            wishes, self._wishes = self._wishes, {}
            self._post([protocol.encode(protocol.View(**wishes))])

    def _made(self, made: Made) -> Made:
        self._made_here.add(made)
        return made

    def _taken_away(self) -> bool:
        """Close it if its host has done with it, of which nobody is told; return whether it has.

        marimo closes the comm at each new run of the cell, and the event loop when somebody leaves an app. What was
        registered on the dashboard ends too: the cell, run again, registers it again.
        """
        if not (getattr(self.comm, "_closed", False) or (self._host_loop is not None and self._host_loop.is_closed())):
            return False
        for made in list(self._made_here):
            made.stop()
        self.close()
        return True

    def close(self) -> None:
        """Take the widget away; the client goes on."""
        self._context = None
        if self._listener is not None:
            self._listener.stop()
        if self._sender is not None:
            self._sender.cancel()
        super().close()

    def __repr__(self) -> str:
        return f"<agent_widget.Dashboard of {self.client!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        shown = super()._repr_mimebundle_(**kwargs)
        data = shown[0] if isinstance(shown, tuple) else shown
        if isinstance(data, dict):
            data["text/plain"] = summary.plain(self._link.store)
            data["text/html"] = summary.table(self._link.store)
        return shown

    def _ipython_display_(self, **kwargs: Any) -> None:
        """Display two outputs: the dashboard, and its summary for saved notebooks that are read without a kernel.

        JupyterLab prefers the widget in a bundle even when there is none any more, and says "model not found".
        IPython in a terminal shows no widget: a line says what does.
        """
        from IPython import get_ipython
        from IPython.display import display

        if type(get_ipython()).__name__ == "TerminalInteractiveShell":
            print(summary.terminal(self._link.store))
            return
        shown, metadata, stands_in = self._outputs(**kwargs)
        display(shown, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        display(stands_in, raw=True)  # type: ignore[no-untyped-call]

    def _outputs(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return the bundle of the dashboard, its metadata, and the bundle of what stands in for it."""
        shown = self._repr_mimebundle_(**kwargs)
        data, metadata = shown if isinstance(shown, tuple) else (shown or {}, {})
        stands_in = {kind: data.pop(kind) for kind in ("text/plain", "text/html")}
        return {**data, "text/plain": repr(self)}, metadata, stands_in

    # From the browser. Called on the main thread or on a subshell's: only note and wake.

    def _receive(self, _: Any, content: Any, buffers: Any) -> None:
        # Answers sent in this context keep the browser's messages away from the queue behind a running cell.
        self._context = contextvars.copy_context()
        self._heard_at = time.monotonic()
        try:
            frame = protocol.from_builtins(content)
            if isinstance(frame, protocol.Hello):
                self._hello = protocol.check_hello(frame)
                if self._wishes:  # made before a browser was there
                    self._show()
            elif isinstance(frame, protocol.Ping):
                self._post([protocol.encode(protocol.Pong(frame.at, tables.now_ms()))])
            elif isinstance(frame, protocol.View):
                self.set_trait("view", {**self.view, **_without_type(frame)})
                return
            elif isinstance(frame, protocol.Call):
                self._forward(frame)
        except ProtocolError as error:
            self._post([protocol.encode(protocol.Error(error.code, error.message))])
            return
        try:
            self._link.loop.call_soon_threadsafe(self._changed.set)
        except RuntimeError:  # the client is closed and nothing more will come: pass that on, and show what there is
            self._post([self._state()])
            if isinstance(frame, protocol.Hello):
                for frames in self._answer(frame, frame.position, welcome=True)[1]:
                    self._post(frames)

    def _forward(self, call: protocol.Call) -> None:
        """Pass a call on to the server; the reply comes back on the client's loop, so nothing waits here."""

        def reply(future: Future[Any]) -> None:
            error = future.exception()
            if error is None:
                self._post([protocol.encode(protocol.Reply(call.rid, True, future.result()))])
            else:
                refuse(error)

        def refuse(error: BaseException) -> None:
            told = (error.code, str(error), error.details) if isinstance(error, CallError) else ("failed", str(error))
            failure = protocol.Failure(*told)
            self._post([protocol.encode(protocol.Reply(call.rid, False, error=failure))])

        try:
            timeout = patience_of(call.method)
            self._link.ask(call.method, call.params, timeout).add_done_callback(reply)
        except ValueError as error:  # too large to send
            refuse(error)

    # To the browser. Runs on the client's loop, so that a busy kernel does not hold it up.

    async def _send_changes(self) -> None:
        """Send what changed, as the only sender: one message at a time and one in :data:`PACE`, so answers never mix.

        A hello that comes in the middle of a large answer puts another one in its place.
        """
        hello: protocol.Hello | None = None
        position: Position | None = None
        try:
            while True:
                with contextlib.suppress(TimeoutError):  # also in quiet times: the browser must know that we are here
                    async with asyncio.timeout(protocol.COMM_HEARTBEAT):
                        await self._changed.wait()
                self._changed.clear()
                if self._taken_away():
                    return
                asked = self._hello
                looked_at = asked is not None and time.monotonic() - self._heard_at < LOOKED_AT
                turns.note(self, looked_at)
                if asked is not None and looked_at:
                    if asked is not hello:
                        position = asked.position
                    reached, messages = self._answer(asked, position, welcome=asked is not hello)
                    for frames in messages:
                        self._post(frames)
                        await asyncio.sleep(PACE)
                        if self._hello is not asked:
                            break
                    else:
                        position = reached
                        hello = asked if reached else None
                else:
                    await asyncio.sleep(PACE)
        except Exception:
            log.exception("the dashboard sends nothing more")
        finally:
            turns.note(self, False)
            self._post([self._state()])  # last words: the client ended

    def _answer(
        self, hello: protocol.Hello, position: Position | None, welcome: bool
    ) -> tuple[Position | None, Iterator[list[bytes]]]:
        """Return the position a browser will have, and the messages, lists of frames, that bring it there."""
        if not self._link.store.epoch:
            # nothing is known yet: an empty answer would look like an empty workspace
            return None, iter([[self._state()]])
        answer = self._link.store.since(position, hello.tables, hello.limit)

        def messages() -> Iterator[list[bytes]]:
            before = [self._state(), *self._alert_lines()]
            sources = self._link.sources
            if welcome:
                before.append(protocol.encode(self._link.welcome()))
            elif sources is not self._sent_sources:
                before.append(protocol.encode(protocol.Sources(answer.seq, sources, self._link.hosts)))
            self._sent_sources = sources
            for frame in protocol.encode_answer(answer):
                yield [*before, frame]
                before = []

        return Position(answer.epoch, answer.seq), messages()

    def _state(self) -> bytes:
        connection = self.connection
        age = None if connection.heard_at is None else round((time.monotonic() - connection.heard_at) * 1000)
        rtt = None if connection.rtt_ms is None else round(connection.rtt_ms, 2)
        state = "stopped" if connection.state in ENDED else connection.state
        return protocol.encode(protocol.State(state, connection.message, rtt, age))

    def _alert_lines(self) -> list[bytes]:
        """Return the alerts while there are any, and once after the last one went: any message may be lost."""
        lines = [
            protocol.AlertLine(alert.name, alert.state, alert.since, alert.error or alert.text) for alert in self.alerts
        ]
        due, self._had_alerts = bool(lines) or self._had_alerts, bool(lines)
        return [protocol.encode(protocol.Alerts(lines))] if due else []

    def _post(self, frames: list[bytes]) -> None:
        context = self._context
        if context is None or self.comm is None:
            return
        try:
            context.copy().run(self.send, {"type": "frame"}, frames)
        except Exception:  # the notebook's side is going away; the browser asks again if it is not
            log.debug("a message to the browser was not sent", exc_info=True)


def _table_of(row: Row) -> str | None:
    """Return the table whose columns a row has."""
    return next((name for name, table in tables.TABLES.items() if row.keys() == table.schema.keys()), None)


def _without_type(frame: protocol.View) -> dict[str, Any]:
    fields = msgspec.to_builtins(frame)
    return {name: value for name, value in fields.items() if name != "type"}
