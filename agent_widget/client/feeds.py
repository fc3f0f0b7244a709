"""What has changed since each consumer last looked: every change once, whatever the connection went through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from ..store import Change, Row

log = logging.getLogger("agent_widget")

Key = tuple[str, str]
"""A table and an id."""


class Feed:
    """What has changed since one consumer last looked, each row once: as it was then, and as it is now."""

    def __init__(self, wake: Callable[[], object], tables: frozenset[str]) -> None:
        self.tables = tables
        self._wake = wake
        self._pending: dict[Key, Change] = {}
        self._lock = threading.Lock()

    def offer(self, changes: Iterable[Change]) -> None:
        """Take in what happened to rows; called on the network thread."""
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

    def wake(self) -> None:
        """Also when something other than a row changed (the connection)."""
        try:
            self._wake()
        except Exception:  # most likely a loop that was closed: no consumer may end the network thread
            log.debug("a consumer of changes is gone", exc_info=True)

    def take(self) -> list[Change]:
        """What happened, in order of the last change of each row."""
        with self._lock:
            pending, self._pending = self._pending, {}
        return list(pending.values())


class Away:
    """Rows that a server which began a new life has not read yet.

    It answers before it has read everything, so what it does not tell at first is not gone, and what comes back
    unchanged is no change.
    """

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}

    def settle(self, changes: list[Change], new_life: bool, reading: bool) -> list[Change]:
        """What changed for those who knew the rows that were away.

        ``new_life``: the changes are the first answer of another life of the server; ``reading``: it still reads.
        """
        if self._rows:
            known = [self._known(change) if change.old is None else change for change in changes]
            changes = [change for change in known if change.old != change.new]
        if new_life and reading:
            self._rows.update({(table, id): old for table, id, old, new in changes if new is None and old is not None})
            changes = [change for change in changes if change.new is not None]
        elif new_life:
            away, self._rows = self._rows, {}
            changes += [Change(table, id, row, None) for (table, id), row in away.items()]
        return changes

    def _known(self, change: Change) -> Change:
        return change._replace(old=self._rows.pop((change.table, change.id), None))
