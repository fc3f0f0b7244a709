"""The tables a notebook holds: small collections over the replica."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, overload

from ..store import Row, Store
from ..tables import TABLES, now_ms
from ..visible import one_line
from .tabular import COLUMNS, SHOWN, Tabular, ago, now_here, short_id
from .where import Where, equalities, matching

if TYPE_CHECKING:
    import pandas
    import pyarrow

NAME: Final = 24
"""Characters of an agent's name in a cell."""
_AGENT_IDS: Final = {"agent_id", "owner", "sender", "recipient", "assessor", "parent_id"}
"""Columns with the id of an agent: in a cell they show its name."""
_GLANCE: Final = {
    "agents": ("status", "name", "activity", "last_seen_at", "role", "cost_usd", "errors", "model", "project"),
    "sessions": ("status", "title", "agent_id", "updated_at", "cost_usd", "messages", "model", "project"),
    "tasks": ("status", "title", "owner", "progress", "updated_at", "priority"),
    "messages": ("at", "sender", "recipient", "kind", "text"),
    "spans": ("status", "agent_id", "status_reason", "started_at", "ended_at"),
    "tool_calls": ("status", "name", "input", "error", "agent_id", "duration_ms", "at"),
    "memory": ("title", "kind", "project", "size", "updated_at"),
    "quality": ("score", "subject", "kind", "assessor", "passed", "failed", "at"),
    "logs": ("at", "level", "agent_id", "text"),
    "usage": ("at", "model", "cost_usd", "agent_id", "input_tokens", "output_tokens", "requests", "project"),
    "limits": ("name", "account", "plan", "used", "resets_at", "at"),
    "stats": ("name", "value", "unit", "at"),
}
"""What a cell shows of a table, the most telling first; the id comes last."""
_LEAD: Final = {
    "agents": "activity",
    "sessions": "title",
    "tasks": "title",
    "messages": "text",
    "spans": "status_reason",
    "tool_calls": "input",
    "memory": "title",
    "quality": "subject",
    "logs": "text",
}


_BEGINS: Final = {
    "agents": "started_at",
    "tasks": "created_at",
    "sessions": "started_at",
    "spans": "started_at",
    "memory": "updated_at",
    "stats": "name",
}
"""Table → the column by which its rows are in order, where it is not ``at``."""


def in_order(table: str, rows: Iterable[Row]) -> list[Row]:
    """Return the rows of a table as everybody sees them: by the time they began, the newest at the end.

    Those whose time is not known come after all others, as in pandas and SQL. The figures are in order of their names.
    In a store rows are in the order in which they came, which depends on what was read or sent first.
    """
    column = _BEGINS.get(table, "at")
    if column == "name":
        return sorted(rows, key=lambda row: row[column] or "")
    return sorted(rows, key=lambda row: sys.maxsize if (at := row[column]) is None else at)


def cell_of(store: Store, name: str, value: Any) -> str | None:
    """Return a cell to read of what our columns hold: names of agents, short ids, ages; None for any other."""
    if value is None:
        return ""
    if name == "id" or name == "session_id":
        return one_line(short_id(value))
    if name in _AGENT_IDS:
        agent = store.get("agents", value)
        return one_line(short_id((agent and agent["name"]) or ("everyone" if value == "*" else value), NAME))
    if name in ("status", "kind", "priority"):
        return one_line(str(value).replace("_", " "))
    if name in ("progress", "used"):
        return f"{value:.0%}"
    if name.endswith("_at") or name == "at":
        return ago(value, now_ms())
    return None


class OfTable(Tabular):
    """Rows of one of our tables, live or not."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in TABLES[self.name].columns]

    def rows(self) -> list[Row]:
        """Return all rows; they are not changed in place, copy one to change it."""
        raise NotImplementedError

    def where(self, where: Where = None, /, **columns: Any) -> Rows:
        """Return the rows that fulfil every condition.

        ``where(status="blocked")``, ``where(status=["blocked", "failed"])``, ``where({"status": "blocked"})``,
        ``where(errors=lambda n: n and n > 3)``, ``where(lambda row: row.owner == row.notes)``.

        A condition on a column is the value, a list of values, or a function that is called with what stands there,
        ``None`` if it is unknown. A function instead of a dict is called with the row.
        """
        return Rows(self._store, self.name, list(filter(matching(self.name, where, **columns), self.rows())))

    def df(self) -> pandas.DataFrame:
        """Return a pandas DataFrame, one row per ``id`` (the index).

        Times are ``datetime64[ms, UTC]``, durations ``timedelta64[ms]``, counts nullable integers, words with few
        values categories, lists and maps Python's. Needs pandas (``pip install "agent-widget[frames]"``).
        """
        from .frames import data_frame

        return data_frame(self.name, self.rows())

    def arrow(self) -> pyarrow.Table:
        """Return a pyarrow Table.

        Times are ``timestamp[ms, UTC]``, durations ``duration[ms]``, maps ``map<string, double>``.
        """
        from .frames import arrow_table

        return arrow_table(self.name, self.rows())

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())

    def __repr__(self) -> str:
        held, total = len(self._held()), self._total()
        return f"<{self.name}: {total:,} rows{f', the newest {held:,} of them held here' if held < total else ''}>"

    def _held(self) -> list[Row]:
        """Return the rows that need not be fetched."""
        return self.rows()

    def _total(self) -> int:
        """Return how many rows there are."""
        return len(self._held())

    @property
    def _lead(self) -> str | None:  # type: ignore[override]
        return _LEAD.get(self.name)

    def _cell(self, row: Mapping[str, Any], name: str) -> str:
        if name == "name" and self.name == "agents" and row[name] is not None:
            return one_line(short_id(row[name], NAME))
        text = cell_of(self._store, name, row[name])
        return super()._cell(row, name) if text is None else text

    def _glance(self) -> tuple[list[str], list[Row], str]:
        rows, time, total = in_order(self.name, self._held()), TABLES[self.name].time or "id", self._total()
        newest = heapq.nlargest(SHOWN, range(len(rows)), key=lambda index: (rows[index][time] or 0, index))
        chosen = [rows[index] for index in newest]
        known = {name for name in self.columns if any(row[name] not in (None, [], {}) for row in chosen)} - {"host"}
        columns = [name for name in _GLANCE.get(self.name, self.columns) if name in known][:COLUMNS]
        if chosen:
            columns.append("id")
        counted = f"{len(chosen)} of {total:,} rows, newest first" if total else "no rows"
        if len(rows) < total:
            counted += f" (the newest {len(rows):,} of {total:,} are held here)"
        return columns, chosen, f"{self.name.replace('_', ' ')}: {counted} · as of {now_here()}"


_OFFERED: Final = 500
"""Maximum ids that are offered for completion."""


class StoredTable(OfTable):
    """One table of a store as it is now; every reading sees the newest rows."""

    def __len__(self) -> int:
        return self._total()

    def where(self, where: Where = None, /, **columns: Any) -> Rows:
        """See :meth:`OfTable.where`."""
        matches = matching(self.name, where, **columns)
        found = self._store.select(self.name, matches, equalities(where, **columns))
        return Rows(self._store, self.name, in_order(self.name, found))

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self._store.get(self.name, id) is not None

    def __getitem__(self, id: str) -> Row:
        if not isinstance(id, str):
            raise TypeError(
                f"a live table has no positions, since its rows move when they change; by id: {self.name}['…'], "
                f"by position: {self.name}.rows()[{id if isinstance(id, int) else 0}]"
            )
        row = self._store.get(self.name, id)
        if row is None:
            raise KeyError(f"no row {id!r} in {self.name}; {self.name}.get(…) returns None instead")
        return row

    def get(self, id: str) -> Row | None:
        """Return one row, or ``None``."""
        return self._store.get(self.name, id)

    def rows(self) -> list[Row]:
        """Return all rows, the one that began last at the end; they are not changed in place, copy one to change it.

        Tasks are in the order in which they were created, figures in that of their names.
        """
        return in_order(self.name, self._store.rows(self.name))

    def _held(self) -> list[Row]:
        return self._store.held_rows(self.name)

    def _total(self) -> int:
        return self._store.count(self.name)

    def _ipython_key_completions_(self) -> list[str]:
        """Return what IPython offers behind ``tasks["``: the ids, the newest first."""
        return [row["id"] for row in reversed(in_order(self.name, self._held()))][:_OFFERED]


class Rows(OfTable):
    """Some rows of a table, chosen once: they do not change. A sequence that does what a live table does."""

    def __init__(self, store: Store, name: str, rows: list[Row]) -> None:
        super().__init__(store, name)
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Rows: ...
    def __getitem__(self, index: int | slice) -> Row | Rows:
        found = self._rows[index]
        return found if isinstance(found, Row) else Rows(self._store, self.name, found)

    def __eq__(self, other: object) -> bool:
        return self._rows == (other._rows if isinstance(other, Rows) else other)

    __hash__ = None  # type: ignore[assignment]  # like a list

    def rows(self) -> list[Row]:
        """Return all rows as a list."""
        return list(self._rows)
