"""Which rows are taken out because they are older than ``--retention``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..store import Store, own_time
from ..tables import TABLES, Gone
from .archive import Archive

_AT_ONCE: Final = 5000
"""Maximum rows of a table that are looked at in one go."""
_WITH_SESSION: Final = ("agents", "usage")
"""Tables whose rows add up to the totals of their sessions, and stay as long as these."""


class Retention:
    """Takes out old rows, some at a time."""

    def __init__(self, store: Store, apply: Callable[[Sequence[Gone]], None]) -> None:
        """Take rows out of ``store`` by ``apply``."""
        self._store = store
        self._apply = apply
        self._looked: dict[str, tuple[int, str]] = {}
        """Table → time (ms) and id of the last row that was looked at, if there are more."""

    def prune(self, archive: Archive, before: int) -> bool:
        """Take out some of the rows whose own time is before ``before`` (ms); return whether there may be more."""
        more = False
        for table in TABLES:
            if table not in ("stats", *_WITH_SESSION):
                ids = archive.before(table, before, _AT_ONCE)
                self._apply([Gone(table, id) for id in ids])
                more |= len(ids) == _AT_ONCE
        for table in _WITH_SESSION:
            more |= self._prune_with_sessions(table, before)
        return more

    def _prune_with_sessions(self, table: str, before: int) -> bool:
        """Take out old rows whose session is not there any more."""
        rows = self._store.older(table, _AT_ONCE, self._looked.pop(table, None) or (before, ""))
        old = [(row, at) for row in rows if (at := own_time(table, row))]
        self._apply(
            [Gone(table, row["id"]) for row, _ in old if self._store.get("sessions", row["session_id"] or "") is None]
        )
        if len(old) < _AT_ONCE:
            return False
        self._looked[table] = (old[-1][1], old[-1][0]["id"])
        return True
