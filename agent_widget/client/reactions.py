"""What reacts to changes: callbacks, iterations, waiting. The half of a client that knows no network.

Every consumer has a feed of its own, so none waits for another one, and each is told of each state of a row at most
once: a server that was restarted and tells its rows again changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self

from ..data.where import Where, definition, matching
from ..store import Answer, Change, Row, Store
from ..tables import TABLES
from .agent import Agent, find_agent
from .alerts import Alert, Alerts
from .callbacks import Callback, Dispatcher
from .connection import ENDED, Connection, ConnectionFailed
from .feeds import Away, Feed

if TYPE_CHECKING:
    from .client import Client


LOOK_AGAIN: Final = 0.5
"""Seconds after which a predicate is asked though no row changed: it may be about the clock, or what a callback did."""


class Reaction:
    """What :meth:`Client.on` returns: call it, or its ``.stop()``, to end it.

    ``calls``: how often it was called; ``errors``: how often that failed; ``error``: the last exception.
    """

    def __init__(
        self,
        table: str,
        callback: Callable[[Row], Any],
        gone: Callable[[Row], Any] | None,
        where: Where,
        becomes: Where,
    ) -> None:
        self.table = table
        self._callback = Callback(callback, f"a callback on {table}")
        self._gone = None if gone is None else Callback(gone, f"a callback on {table} that went")
        self._where = matching(table, where)
        self._becomes = None if becomes is None else matching(table, becomes)
        self._waiting: deque[Change] = deque()
        self._running = False
        self._end: Callable[[], None] | None = None

    @property
    def calls(self) -> int:
        """How often something was called."""
        return self._callback.calls + (self._gone.calls if self._gone else 0)

    @property
    def errors(self) -> int:
        """How often that failed."""
        return self._callback.errors + (self._gone.errors if self._gone else 0)

    @property
    def error(self) -> BaseException | None:
        """The last exception."""
        return self._callback.error or (self._gone.error if self._gone else None)

    def stop(self) -> None:
        """End it; nothing is called any more."""
        end, self._end = self._end, None
        if end is not None:
            end()

    __call__ = stop

    def __repr__(self) -> str:
        state = "stopped" if self._end is None else "on"
        return f"<reaction on {self.table}: {state}, {self.calls} calls, {self.errors} errors>"

    def begin(self, feed: Feed, dispatcher: Dispatcher, end: Callable[[], None]) -> None:
        """Be told of what the feed holds until ``end`` is called."""

        def drain() -> None:
            if self._running:
                return
            self._waiting.extend(feed.take())
            while self._waiting and self._end is not None:
                running = self._tell(self._waiting.popleft())
                if running is not None:  # the next one is called when it is through, so they never overlap
                    self._running = True
                    running.add_done_callback(lambda _: go_on())
                    return

        def go_on() -> None:
            self._running = False
            dispatcher.wake()

        def stop() -> None:
            dispatcher.remove(drain)
            end()

        self._end = stop
        dispatcher.add(drain)

    def _tell(self, change: Change) -> Any:
        callback, row = (self._callback, change.new) if change.new is not None else (self._gone, change.old)
        if callback is None or row is None:
            return None
        try:
            if not self._where(row):
                return None
            if callback is self._callback and self._becomes is not None:
                was = change.old is not None and self._where(change.old) and self._becomes(change.old)
                if was or not self._becomes(row):
                    return None
        except Exception as error:
            callback.failed(error)
            return None
        return callback(row)


class _Bell:
    """Wakes whoever listens at the moment."""

    def __init__(self) -> None:
        self.ring: Callable[[], object] = lambda: None

    def __call__(self) -> None:
        self.ring()


class Changes:
    """The rows of a table as they change, for ``async for``, and for ``for`` where it may block."""

    def __init__(self, client: Reacting, table: str, where: Where) -> None:
        self._client = client
        self._matches = matching(table, where)
        self._bell = _Bell()
        self._feed = client.subscribe(self._bell, [table])
        self._rows: deque[Row] = deque()
        weakref.finalize(self, client.unsubscribe, self._feed)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        self._bell.ring = lambda: loop.call_soon_threadsafe(changed.set)
        while (row := self._next(StopAsyncIteration)) is None:
            await changed.wait()
            changed.clear()
        return row

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        changed = threading.Event()
        self._bell.ring = changed.set
        while (row := self._next(StopIteration)) is None:
            changed.wait()
            changed.clear()
        return row

    def _next(self, end: type[Exception]) -> Row | None:
        ended = self._client.connection.state in ENDED
        if not self._rows:
            self._rows.extend(
                change.new for change in self._feed.take() if change.new is not None and self._matches(change.new)
            )
        if self._rows:
            return self._rows.popleft()
        if ended:
            raise end
        return None


class Reacting:
    """A replica of which every change can be heard, from any thread and any event loop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.connection = Connection()
        self._feeds: list[Feed] = []
        self._feeds_lock = threading.Lock()
        self._away = Away()
        self._dispatcher = Dispatcher()
        self._alerts = Alerts(self, self._dispatcher)  # type: ignore[arg-type]  # every reacting thing is a client

    def on(
        self,
        table: str,
        callback: Callable[[Row], Any],
        *,
        where: Where = None,
        becomes: Where = None,
        gone: Callable[[Row], Any] | None = None,
    ) -> Reaction:
        """Call ``callback(row)`` for each row of ``table`` that changes from now on; returns what ends it.

        ``where``: only rows that fulfil this, as ``{"status": "failed"}``, ``{"status": ["blocked", "failed"]}``,
        ``{"cost_usd": lambda usd: usd and usd > 1}`` or a function of the row. It is called for *each* change of such
        a row. ``becomes``, of the same form: only when a row begins to fulfil it (``becomes={"status": "waiting"}``
        is one call each time an agent begins to wait). ``gone(row)`` is called with a row's last state when it goes.

        Callbacks run one after the other on a thread of their own, ``async`` ones on the event loop that runs where
        this is called. Several changes of one row between two calls are one call with the latest state; what a
        restarted server tells again is no change. An exception in a callback is shown once for its type and place,
        counted (``.errors``), and ends nothing.
        """
        reaction = Reaction(table, callback, gone, where, becomes)
        feed = self.subscribe(self._dispatcher.wake, [table])
        reaction.begin(feed, self._dispatcher, lambda: self.unsubscribe(feed))
        return reaction

    def changes(self, table: str, *, where: Where = None) -> Changes:
        """The rows of ``table`` as they change from now on: ``async for row in client.changes("messages")``.

        Without ``async`` it blocks until the next one comes. ``where`` as for :meth:`on`. Ends when the client is
        closed or refused; a connection that is lost for a while only makes it wait.
        """
        return Changes(self, table, where)

    async def until(self, predicate: Callable[[Self], Any], timeout: float | None = None) -> Any:
        """Wait until ``predicate(client)`` is true and return its value; ``TimeoutError`` after ``timeout`` seconds.

        It is asked whenever something changed, and twice a second. Raises :class:`ConnectionFailed` when the client is
        closed or refused, since then nothing changes any more.
        """
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        feed = self.subscribe(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            async with asyncio.timeout(timeout):
                while not (result := predicate(self)):
                    self._check_goes_on()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_AGAIN):
                            await changed.wait()
                    changed.clear()
                    feed.take()
                return result
        finally:
            self.unsubscribe(feed)

    def wait_until(self, predicate: Callable[[Self], Any], timeout: float | None = None) -> Any:
        """:meth:`until` for a cell or thread without ``await``: blocks, and can be interrupted."""
        deadline = None if timeout is None else time.monotonic() + timeout
        changed = threading.Event()
        feed = self.subscribe(changed.set)
        try:
            while not (result := predicate(self)):
                self._check_goes_on()
                left = LOOK_AGAIN if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"not within {timeout:g} s")
                changed.wait(min(left, LOOK_AGAIN))
                changed.clear()
                feed.take()
            return result
        finally:
            self.unsubscribe(feed)

    def agent(self, name: str) -> Agent:
        """One agent, by its id or by its name as the dashboard shows it (the one seen last, if several have it).

        ``.status``, ``.status_reason`` and all other columns as they are now, ``await .done()``, ``.messages()``, … .
        Raises ``KeyError``.
        """
        row = find_agent(self.store, name)
        if row is None:
            raise KeyError(f"no agent {name!r}")
        return Agent(self, row)  # type: ignore[arg-type]

    def alert(
        self,
        name: str,
        predicate: Callable[[Client], Any],
        do: Callable[[Alert], Any] | None = None,
        *,
        for_: float = 0.0,
        clear: Callable[[Client], Any] | None = None,
        clear_for: float = 0.0,
        every: float = 5.0,
    ) -> Alert:
        """Watch for a condition: ``client.alert("budget", lambda c: (c.stats["cost_usd"].value or 0) > 5)``.

        It fires when ``predicate(client)`` has been true for ``for_`` seconds: it is shown in the dashboard, and
        ``do(alert)`` is called, once (it prints a line unless you say otherwise; :func:`agent_widget.webhook` posts
        it). It is over when ``clear(client)``, or the opposite of the predicate, has been true for ``clear_for``
        seconds; only then it can fire again. If the predicate returns a text, that is what is shown.

        The predicate is asked when something changed, at most ten times a second, and every ``every`` seconds. An
        alert of the same name is replaced, so a cell can be run again.
        """
        return self._alerts.add(Alert(name, predicate, do, for_, clear, clear_for, every))

    @property
    def alerts(self) -> list[Alert]:
        """All alerts that were not stopped."""
        return self._alerts.list()

    # For those who keep a feed of their own

    def subscribe(self, wake: Callable[[], object], tables: list[str] | None = None) -> Feed:
        """A feed of changes; ``wake`` is called on the network thread and must return at once."""
        for table in tables or ():
            definition(table)
        feed = Feed(wake, frozenset(tables or TABLES))
        with self._feeds_lock:
            self._feeds.append(feed)
        return feed

    def unsubscribe(self, feed: Feed) -> None:
        """End a feed."""
        with self._feeds_lock, contextlib.suppress(ValueError):
            self._feeds.remove(feed)

    def wake(self) -> None:
        """Something other than a row changed."""
        with self._feeds_lock:
            feeds = list(self._feeds)
        for feed in feeds:
            feed.wake()

    # For the connection

    def adopt(self, answer: Answer, reading: bool) -> None:
        """Take over a whole answer and tell everybody what changed. ``reading``: the server has not read all yet."""
        new_life = answer.epoch != self.store.epoch
        changes = self._away.settle(self.store.adopt(answer), new_life, reading)
        if changes:
            with self._feeds_lock:
                feeds = list(self._feeds)
            for feed in feeds:
                feed.offer(changes)
        if answer.reset:
            self.wake()

    def react_no_more(self) -> None:
        """End all callbacks and alerts."""
        self._alerts.stop()
        self._dispatcher.stop()

    def _check_goes_on(self) -> None:
        if self.connection.state in ENDED:
            raise ConnectionFailed(self.connection.message)
