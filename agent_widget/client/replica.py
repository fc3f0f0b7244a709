"""A replica: a store that follows another one, who listens to its changes, and how to wait for one.

It knows no network; :class:`~agent_widget.client.link.Link` is a replica with a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from ..data.where import definition
from ..garbage import uncollected
from ..store import Answer
from ..tables import TABLES
from .callbacks import Dispatcher, must_be_known, must_be_seconds
from .connection import ENDED, Connection
from .errors import ConnectionFailed
from .feeds import Feed, Listener, MissingRows
from .older import ReplicaStore, held_only

T = TypeVar("T")
AnyListener = TypeVar("AnyListener", bound=Listener)

LOOK_AGAIN: Final = 0.5
"""Maximum seconds between two evaluations of a condition: it may depend on the clock or on a callback."""


class Replica:
    """A store that follows another one. Every change of it can be listened to, from any thread and any event loop."""

    def __init__(self) -> None:
        self.store = ReplicaStore(self.ask_rows)
        self.connection = Connection()
        self.callbacks = Dispatcher()
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._missing = MissingRows()

    def ask_rows(self, method: str, params: Mapping[str, Any]) -> Any:
        """Ask the server for older rows; raises :class:`ConnectionFailed` where there is nobody to ask."""
        raise ConnectionFailed("not connected")

    @property
    def on_own_thread(self) -> bool:
        """Whether this is the thread of the connection, which must not wait for itself."""
        return False

    def call(self, method: str, params: Mapping[str, Any], timeout: float = 10.0) -> Any:
        """Ask the server and return the result; raises :class:`ConnectionFailed` where there is nobody to ask."""
        raise ConnectionFailed("not connected")

    def listen(self, wake: Callable[[], object], tables: Iterable[str] | None = None) -> Listener:
        """Call ``wake`` when rows of ``tables`` (by default of all) or the connection changed, until it is stopped.

        ``wake`` is called on the network thread and must return at once. Raises ``ValueError`` for an unknown table.
        """
        return self._added(Listener(wake, _names(tables)))

    def feed(self, wake: Callable[[], object], tables: Iterable[str] | None = None) -> Feed:
        """:meth:`listen`, and collect what changed."""
        return self._added(Feed(wake, _names(tables)))

    def wake(self) -> None:
        """Wake all listeners: something other than a row changed."""
        for listener in self._all():
            listener.wake()

    def adopt(self, answer: Answer, reading: bool) -> None:
        """Take over a whole answer and pass on what changed. ``reading``: the server has not read everything yet."""
        with uncollected() if answer.reset else contextlib.nullcontext():
            adopted = self.store.adopt(answer)
        changes = self._missing.settle(adopted, answer.reset, reading)
        if changes:
            for listener in self._all():
                listener.offer(changes)
        if answer.reset:
            self.wake()

    async def until(self, ask: Callable[[], T], timeout: float | None = None, tables: Iterable[str] | None = None) -> T:
        """Return what ``ask()`` returns as soon as that is true; it is asked when something changed.

        It sees the rows that are held, and no older ones.

        Raises ``TimeoutError`` after ``timeout`` seconds, and :class:`ConnectionFailed` when the connection has ended.
        """
        _check_timeout(timeout)
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        limit = asyncio.timeout(timeout)
        try:
            with self.listen(lambda: loop.call_soon_threadsafe(changed.set), tables):
                async with limit:
                    while not (result := self._asked(ask)):
                        self.must_go_on()
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(LOOK_AGAIN):
                                await changed.wait()
                        changed.clear()
                    return result
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"not within {timeout:g} s") from None
            raise

    def wait(self, ask: Callable[[], T], timeout: float | None = None, tables: Iterable[str] | None = None) -> T:
        """:meth:`until` where there is no ``await``: block, interruptibly."""
        _check_timeout(timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        changed = threading.Event()
        with self.listen(changed.set, tables):
            while not (result := self._asked(ask)):
                self.must_go_on()
                left = LOOK_AGAIN if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"not within {timeout:g} s")
                changed.wait(min(left, LOOK_AGAIN))
                changed.clear()
            return result

    @staticmethod
    def _asked(ask: Callable[[], T]) -> T:
        with held_only():
            return must_be_known(ask())

    def must_go_on(self) -> None:
        """Raise :class:`ConnectionFailed` if the connection has ended: nothing changes any more."""
        if self.connection.state in ENDED:
            raise ConnectionFailed(self.connection.message)

    def _added(self, listener: AnyListener) -> AnyListener:
        listener.begin(self._remove)
        with self._lock:
            self._listeners.append(listener)
        return listener

    def _remove(self, listener: Listener) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    def _all(self) -> list[Listener]:
        with self._lock:
            return list(self._listeners)


def _names(tables: Iterable[str] | None) -> frozenset[str]:
    return frozenset(TABLES if tables is None else (definition(table).name for table in tables))


def _check_timeout(timeout: object) -> None:
    if timeout is not None:
        must_be_seconds(timeout, "timeout")
