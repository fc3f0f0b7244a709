"""The tables a notebook holds: small collections over the replica."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, overload

from ..store import Row, Store
from ..tables import TABLES
from .tabular import COLUMNS, SHOWN, Tabular, now_here
from .where import matching

if TYPE_CHECKING:
    import pandas
    import pyarrow


class _OfTable(Tabular):
    """Rows of one of our tables, live or not."""

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in TABLES[self.name].columns]

    def rows(self) -> list[Row]:
        """All rows; they are not changed in place, copy one to change it."""
        raise NotImplementedError

    def df(self) -> pandas.DataFrame:
        """A pandas DataFrame, one row per ``id`` (the index).

        Times are ``datetime64[ms, UTC]``, durations ``timedelta64[ms]``, counts nullable integers, words with few
        values categories, lists and maps Python's. Needs pandas (``pip install "agent-widget[frames]"``).
        """
        from .frames import data_frame

        return data_frame(self.name, self.rows())

    def arrow(self) -> pyarrow.Table:
        """A pyarrow Table: times ``timestamp[ms, UTC]``, durations ``duration[ms]``, maps ``map<string, double>``."""
        from .frames import arrow_table

        return arrow_table(self.name, self.rows())

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self.rows()):,} rows>"

    def _glance(self) -> tuple[list[str], list[Row], str]:
        rows, time = self.rows(), TABLES[self.name].time or "id"
        newest = heapq.nlargest(SHOWN, range(len(rows)), key=lambda index: (rows[index][time] or 0, index))
        chosen = [rows[index] for index in newest]
        told = {name for name in self.columns if any(row[name] not in (None, [], {}) for row in chosen)} - {"host"}
        columns = [name for name in dict.fromkeys(["id", time, *self.columns]) if name in told][:COLUMNS]
        counted = f"{len(chosen)} of {len(rows):,} rows, newest first" if rows else "no rows"
        return columns, chosen, f"{self.name.replace('_', ' ')}: {counted} · as of {now_here()}"


class LiveTable(_OfTable):
    """One table as it is now; every reading sees the newest rows.

    Supports ``len()``, iteration, ``table["id"]``, ``"id" in table``, :meth:`rows`, :meth:`where`, :meth:`df`,
    :meth:`csv`, :meth:`json` and :meth:`parquet`. What understands the Arrow PyCapsule interface takes it as it is:
    ``polars.DataFrame(table)``, ``pyarrow.table(table)``, ``duckdb.sql("from table")``.
    """

    def __len__(self) -> int:
        return self._store.count(self.name)

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self._store.get(self.name, id) is not None

    def __getitem__(self, id: str) -> Row:
        row = self._store.get(self.name, id)
        if row is None:
            raise KeyError(f"no row {id!r} in {self.name}")
        return row

    def get(self, id: str) -> Row | None:
        """One row, or ``None``."""
        return self._store.get(self.name, id)

    def rows(self) -> list[Row]:
        """All rows, the one that changed last at the end. Rows are not changed in place; copy one to change it."""
        return self._store.rows(self.name)

    def where(self, **conditions: Any) -> Rows:
        """The rows in which every named column equals the value, or is one of several, or passes a function.

        ``where(status="blocked")``, ``where(status=["blocked", "failed"])``, ``where(errors=lambda n: n and n > 3)``. A
        function is called with what stands in the column, ``None`` if it is unknown.
        """
        return Rows(self._store, self.name, list(filter(matching(self.name, conditions), self.rows())))


class Rows(_OfTable):
    """Some rows of a table, chosen once: they do not change. A sequence that does what a :class:`LiveTable` does."""

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
        """All rows as a list."""
        return list(self._rows)
