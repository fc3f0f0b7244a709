"""The running windows of plans, computed from ``usage`` where an agent's files do not say how much of them is used.

A window begins with the full hour (UTC) of the first answer after the one before has ended, as ``ccusage blocks`` has
it, and lasts as long as the plan's: five hours with Claude. What part of it is used nobody but the provider knows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from ..sources import SOURCES
from ..sources.limits import DAY_MS, HOUR_MS, limit, window_name
from ..store import Row, Store
from ..tables import Gone, Record


@cache
def _window_of(source: str) -> int:
    """Return the length (ms) of the window of a source's plans; 0 if there is none, or no such source."""
    try:
        return SOURCES.named(source).window_ms or 0
    except KeyError:
        return 0


HEARD_FROM: Final = "usage"
_FROM: Final = 14 * DAY_MS
"""How far back (ms) the chain of windows is followed; a pause as long as a window begins a new chain."""


class Windows:
    """Follows in which quarters of an hour the agents of each such source, and account, used something."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, str | None, int]] = {}
        """Row of ``usage`` → its source, its account and the begin of its quarter of an hour (ms)."""
        self._quarters: defaultdict[tuple[str, str | None], Counter[int]] = defaultdict(Counter)
        """Source and account → quarter → number of rows."""
        self._heard: set[str] = set()
        """Limits that were heard of here."""
        self._changed = True
        self._until: float = 0
        """Until when (ms) nothing changes by the clock alone."""

    def put(self, id: str, row: Row | None, account: str | None) -> None:
        """Take in a row of ``usage``, or that there is none any more."""
        if (known := self._rows.pop(id, None)) is not None:
            self._quarters[known[:2]][known[2]] -= 1
            self._changed = True
        if row is not None and _window_of(row["source"]):
            self._rows[id] = found = row["source"], account, row["at"]
            self._quarters[found[:2]][found[2]] += 1
            self._changed = True

    def heard(self, row: Row) -> None:
        """Take in that a limit was heard of here, not at a host that is followed."""
        if _window_of(row["source"]):
            self._heard.add(row["id"])
            self._changed = True

    def settle(self, store: Store, now: int) -> Iterator[Record | Gone]:
        """Yield the windows that run at ``now`` (ms) and of which no agent says more, and the end of others."""
        if not self._changed and now < self._until:
            return
        self._changed, self._until = False, float("inf")
        self._forget(now - _FROM)
        for (source, account), quarters in self._quarters.items():
            length = _window_of(source)
            name = window_name(length) or ""
            id = "/".join(filter(None, (source, account, HEARD_FROM)))
            ends = [
                row["resets_at"]
                for row in store.rows("limits")
                if (row["source"], row["account"], row["name"]) == (source, account, name)
                and row["heard_from"] != HEARD_FROM
                and row["id"] in self._heard  # else it is of another host
            ]
            heard = max((end for end in ends if end is not None and end > now), default=None)
            used = sorted(at for at in quarters if at <= now)
            start = running(used, length, now)
            ahead = (at for at in quarters if at > now)  # of a clock that is before ours
            self._until = min(self._until, *ahead, *([heard] if heard is not None else ()), float("inf"))
            if heard is not None or start is None:
                yield Gone("limits", id)
                continue
            self._until = min(self._until, start + length)
            known = store.get("limits", id)
            if known is not None and known["resets_at"] > start + length:  # earlier answers were read since
                yield Gone("limits", id)
            row = limit(
                id, name, used[-1], HEARD_FROM, None, window_ms=length, resets_at=start + length, account=account
            )
            yield Record(row.table, row.id, {**row.fields, "source": source})

    def _forget(self, before: int) -> None:
        """Let go what no window that runs depends on."""
        for id in [id for id, (_, _, at) in self._rows.items() if at <= before]:
            del self._rows[id]
        for quarters in self._quarters.values():
            for at in [at for at, rows in quarters.items() if at <= before or not rows]:
                del quarters[at]


def running(used: list[int], length: int, now: int) -> int | None:
    """Return when the window began that runs at ``now``, of the quarters in which something was used, in order."""
    start: int | None = None
    for at in used:
        if start is None or at >= start + length:
            start = at - at % HOUR_MS
    return start if start is not None and now < start + length else None
