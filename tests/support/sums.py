"""Whether the totals of tokens and money agree: over ``usage``, sessions, agents and the figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from agent_widget.store import Store

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
TOTALS = (*TOKENS, "cost_usd", "unpriced_requests")

Totals = dict[str, float]


def total(rows: Iterable[Mapping[str, Any]]) -> Totals:
    """The sum of each total over some rows; what is not known counts as nothing."""
    sums: Totals = dict.fromkeys(TOTALS, 0)
    for row in rows:
        for name in TOTALS:
            sums[name] += row[name] or 0
    return {name: round(value, 9) for name, value in sums.items()}


def disagreeing(store: Store) -> list[tuple[str, str, Totals, Totals]]:
    """Rows (table, id) whose totals are not those of their rows of ``usage``, and both; none if all is well."""
    found = []
    for table, column in (("sessions", "session_id"), ("agents", "agent_id")):
        of = defaultdict(list)
        for row in store.rows("usage"):
            of[row[column]].append(row)
        for row in store.rows(table):
            stated, used = total([row]), total(of.pop(row["id"], []))
            if stated != used:
                found.append((table, row["id"], stated, used))
        found += [(table, id, total([]), total(rows)) for id, rows in of.items()]
    figures = {row["id"]: row["value"] for row in store.rows("stats")}
    stated = {name: round(figures.get(name) or 0, 9) for name in TOTALS}
    if stated != (used := total(store.rows("usage"))):
        found.append(("stats", "", stated, used))
    return found
