"""Conditions on rows, as ``where=`` takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..store import Row
from ..tables import TABLES, Table

Where = Mapping[str, Any] | Callable[[Row], Any] | None
"""Column → the value, a list, tuple or set of values, or a function of the cell; or a function of the row."""


def definition(table: str) -> Table:
    """The table of this name; ``ValueError`` if there is none."""
    if table not in TABLES:
        raise ValueError(f"no table {table!r}; there are {', '.join(TABLES)}")
    return TABLES[table]


def matching(table: str, where: Where) -> Callable[[Row], bool]:
    """Whether a row of ``table`` fulfils every condition. Raises ``ValueError`` for a column that it does not have."""
    columns = definition(table).schema
    if where is None:
        return lambda row: True
    if callable(where):
        return lambda row: bool(where(row))
    unknown = [name for name in where if name not in columns]
    if unknown:
        raise ValueError(f"{table} has no column {unknown[0]!r}; it has {', '.join(columns)}")
    conditions = list(where.items())
    return lambda row: all(_holds(row[name], wanted) for name, wanted in conditions)


def _holds(cell: Any, wanted: Any) -> bool:
    if callable(wanted):
        return bool(wanted(cell))
    # compared one by one: a cell may be a list, which no set can look up
    return cell in list(wanted) if isinstance(wanted, (list, tuple, set, frozenset)) else bool(cell == wanted)
