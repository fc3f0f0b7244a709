"""The tables a notebook holds: small collections over the replica, and DataFrames of them."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .matching import matching
from .store import Row, Store
from .tables import TABLES

if TYPE_CHECKING:
    import pandas


class LiveTable:
    """One table as it is now; every reading sees the newest rows.

    Supports ``len()``, iteration, ``table["id"]``, ``"id" in table``, :meth:`rows`, :meth:`where` and :meth:`df`. What
    understands the Arrow PyCapsule interface takes it as it is: ``polars.DataFrame(table)``, ``pyarrow.table(table)``.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self._store = store

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [column.name for column in TABLES[self.name].columns]

    def __len__(self) -> int:
        return self._store.count(self.name)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows())

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

    def where(self, **conditions: Any) -> list[Row]:
        """The rows in which every named column equals the value, or is one of several, or passes a function.

        ``where(status="blocked")``, ``where(status=["blocked", "failed"])``, ``where(progress=lambda done: done == 1)``
        """
        return list(filter(matching(self.name, conditions), self.rows()))

    def df(self) -> pandas.DataFrame:
        """The table as a pandas DataFrame, one row per ``id`` (the index).

        Times are ``datetime64[ms, UTC]``, durations ``timedelta64[ms]``, counts nullable integers, words with few
        values categories. Needs pandas (``pip install "agent-widget[frames]"``).
        """
        from .frames import data_frame

        return data_frame(self.name, self.rows())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        from .frames import arrow_table

        return arrow_table(self.name, self.rows()).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<{self.name}: {len(self)} rows>"

    def _repr_html_(self) -> str:
        """The newest rows, for the end of a cell."""
        rows = self.rows()[:-11:-1]
        columns = [name for name in self.columns if any(row[name] not in (None, [], {}) for row in rows)][:10]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_short(row[name]))}</td>" for name in columns) + "</tr>" for row in rows
        )
        more = f"<p>{len(rows)} of {len(self)} rows, newest first. <code>.df()</code> has them all.</p>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 60 else text[:59] + "…"
