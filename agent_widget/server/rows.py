"""The rows of a table from the newest to the oldest, page by page: what a client that holds the newest asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..data.where import matching
from ..protocol import ProtocolError, encode
from ..store import Store, own_time

MAX_ROWS: Final = 5_000
"""Rows in one answer."""
PAGE_BYTES: Final = 1024 * 1024
"""An answer ends with the row that brings it over this."""
LOOKED_AT: Final = 20_000
"""Rows looked at for one answer: a condition that few fulfil costs several answers."""
_PORTION: Final = 1_000
"""Rows read at once; whoever asks the store meanwhile waits."""


def page(
    store: Store,
    table: str,
    *,
    before: tuple[int, str] | None = None,
    after: int | None = None,
    limit: int = 500,
    where: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return ``rows`` and ``before``: where the next page begins, ``None`` if there are no more.

    The order is that of the table's own time and the id, the latest first. ``before``: time (ms) and id; only rows
    that come after it in this order. ``after``: only rows of this time (ms) or later. ``where``: column → a value or
    a list of values. Raises :class:`ProtocolError` for what is no table, no column or no value.
    """
    matches = _matching(table, where or {})
    if limit < 1:
        raise ProtocolError("bad_request", "a limit is a number of rows above 0")
    limit = min(limit, MAX_ROWS)
    if isinstance(id := (where or {}).get("id"), str):
        row = store.get(table, id)
        return {"rows": [row] if row is not None and matches(row) else [], "before": None}
    found: list[msgspec.Raw] = []
    size = looked_at = 0
    while looked_at < LOOKED_AT:
        rows = store.older(table, _PORTION, before)
        for row in rows:
            time = own_time(table, row)
            if after is not None and time < after:
                return {"rows": found, "before": None}
            before = time, row["id"]
            looked_at += 1
            if matches(row):
                data = encode(row)
                found.append(msgspec.Raw(data))
                size += len(data)
                if len(found) >= limit or size >= PAGE_BYTES:
                    return {"rows": found, "before": before}
        if len(rows) < _PORTION:
            return {"rows": found, "before": None}
    return {"rows": found, "before": before}


def _matching(table: str, where: Mapping[str, Any]) -> Any:
    for wanted in where.values():
        values = wanted if isinstance(wanted, list) else [wanted]
        if not all(isinstance(value, (str, int, float, bool, type(None))) for value in values):
            raise ProtocolError("bad_request", "a condition is a value or a list of values")
    try:
        return matching(table, where)
    except ValueError as error:
        raise ProtocolError("bad_request", str(error)) from None
