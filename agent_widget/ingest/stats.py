"""The named figures of the ``stats`` table, kept by counting changes, never by walking the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ..store import Change, Row
from ..tables import AGENT_STATUSES, LOG_LEVELS, SESSION_STATUSES, TASK_STATUSES, TOOL_STATUSES, Record

_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")

_UNITS = {**dict.fromkeys(_TOKENS, "tokens"), "cost_usd": "usd", "quality_mean": "score"}


def _figures(table: str, row: Row) -> Iterator[tuple[str, float]]:
    """Yield what a row adds to which figures; a name with a leading underscore only serves to compute others."""
    if table == "agents":
        if row["role"] == "human":
            yield "people", 1
            return
        yield "agents", 1
        yield f"agents_{row['status'] or 'unknown'}", 1
    elif table == "tasks":
        yield "tasks", 1
        if row["status"]:
            yield f"tasks_{row['status']}", 1
    elif table == "sessions":
        yield "sessions", 1
        if row["status"]:
            yield f"sessions_{row['status']}", 1
        for name in (*_TOKENS, "cost_usd", "unpriced_requests"):
            if row[name] is not None:
                yield name, row[name]
                yield f"_known_{name}", 1
    elif table == "messages":
        yield "heartbeats" if row["kind"] == "heartbeat" else "messages", 1
    elif table == "tool_calls":
        yield "tool_calls", 1
        if row["status"]:
            yield f"tool_calls_{row['status']}", 1
    elif table == "quality":
        yield "quality", 1
        if row["score"] is not None:
            yield "_scores", row["score"]
            yield "_scored", 1
    elif table == "memory":
        yield "memory", 1
    elif table == "logs":
        yield "logs", 1
        if row["level"]:
            yield f"logs_{row['level']}", 1


_NAMES = (
    "agents",
    *(f"agents_{status}" for status in AGENT_STATUSES),
    "people",
    "tasks",
    *(f"tasks_{status}" for status in TASK_STATUSES),
    "sessions",
    *(f"sessions_{status}" for status in SESSION_STATUSES),
    "messages",
    "heartbeats",
    "tool_calls",
    *(f"tool_calls_{status}" for status in TOOL_STATUSES),
    "quality",
    "quality_mean",
    "memory",
    "logs",
    *(f"logs_{level}" for level in LOG_LEVELS),
    *_TOKENS,
    "cost_usd",
    "unpriced_requests",
)


class Stats:
    """Counts what the changes add and take away; :meth:`records` gives the figures that moved."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._published: dict[str, float | None] = {}
        self.dirty = True

    def note(self, changes: Iterable[Change]) -> None:
        """Take in what happened to rows."""
        for change in changes:
            for row, sign in ((change.old, -1), (change.new, 1)):
                if row is not None:
                    for name, amount in _figures(change.table, row):
                        self._sums[name] += sign * amount
                        self.dirty = True

    def records(self, now: int) -> list[Record]:
        """Return the figures whose values have changed since the last call."""
        self.dirty = False
        moved = []
        for name in _NAMES:
            value = self._value(name)
            if name not in self._published or self._published[name] != value:
                self._published[name] = value
                unit = _UNITS.get(name, "count")
                moved.append(Record("stats", name, {"name": name, "value": value, "unit": unit, "at": now}))
        return moved

    def _value(self, name: str) -> float | None:
        if name == "quality_mean":
            scored = self._sums["_scored"]
            return round(self._sums["_scores"] / scored, 6) if scored else None
        if name in (*_TOKENS, "cost_usd", "unpriced_requests"):  # a sum of nothing known is not 0
            return round(self._sums[name], 9) if self._sums[f"_known_{name}"] else None
        return self._sums[name]
