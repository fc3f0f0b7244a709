"""Who wants to know of changes in a replica: listeners, which are woken, and feeds, which collect what changed too."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Self

from ..store import Change, Row

log = logging.getLogger("agent_widget")

Key = tuple[str, str]
"""A table and an id."""


class Listener:
    """Calls ``wake`` when rows of some tables changed, and when the connection did. Collects nothing.

    ``wake`` is called on the network thread and must return at once. As a context manager it stops at the end.
    """

    def __init__(self, wake: Callable[[], object], tables: frozenset[str]) -> None:
        self.tables = tables
        self._wake = wake
        self._end: Callable[[Listener], object] = lambda _: None

    def begin(self, end: Callable[[Listener], object]) -> None:
        """Note what takes it out of the replica it listens to."""
        self._end = end

    def stop(self) -> None:
        """Be woken no more."""
        self._end(self)

    def offer(self, changes: list[Change]) -> None:
        """Take in what changed; called on the network thread."""
        if any(change.table in self.tables for change in changes):
            self.wake()

    def wake(self) -> None:
        """Call ``wake``, whatever happens in it."""
        try:
            self._wake()
        except Exception:  # most likely a loop that was closed: no listener may end the network thread
            log.debug("a listener is gone", exc_info=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Feed(Listener):
    """A listener that collects: what changed since the last look, each row once, as it was then and as it is now."""

    def __init__(self, wake: Callable[[], object], tables: frozenset[str]) -> None:
        super().__init__(wake, tables)
        self._pending: dict[Key, Change] = {}
        self._lock = threading.Lock()

    def offer(self, changes: list[Change]) -> None:
        """Take in what changed; called on the network thread."""
        with self._lock:
            for change in changes:
                if change.table in self.tables:
                    earlier = self._pending.pop((change.table, change.id), None)
                    if earlier is not None:
                        change = change._replace(old=earlier.old)
                    if earlier is None or change.old != change.new:  # else it is again what the consumer knows
                        self._pending[change.table, change.id] = change
            if not self._pending:
                return
        self.wake()

    def take(self) -> list[Change]:
        """Return what changed since the last look, in order of the last change of each row."""
        with self._lock:
            pending, self._pending = self._pending, {}
        return list(pending.values())


class MissingRows:
    """Rows that a server has not read yet which began a new life, or goes on from an older archive.

    It answers before it has read everything, so what is not in its first answers is not gone, and what comes back
    unchanged is no change.
    """

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}

    def settle(self, changes: list[Change], reset: bool, reading: bool) -> list[Change]:
        """Return what changed for those who knew the missing rows.

        ``reset``: the changes are of an answer that holds everything the server has; ``reading``: it still reads.
        """
        if self._rows:
            known = [self._known(change) if change.old is None else change for change in changes]
            changes = [change for change in known if change.old != change.new]
        if reset and reading:
            self._rows.update({(table, id): old for table, id, old, new in changes if new is None and old is not None})
            changes = [change for change in changes if change.new is not None]
        elif reset:
            missing, self._rows = self._rows, {}
            changes += [Change(table, id, row, None) for (table, id), row in missing.items()]
        return changes

    def _known(self, change: Change) -> Change:
        return change._replace(old=self._rows.pop((change.table, change.id), None))
