"""Ids told apart by host: a prefix on the way in, and without it on the way to the host again.

A row's id and the ids it refers to (the columns that :mod:`agent_widget.tables` declares as references) begin with the
name of the host and a ``/``. So links between rows of one host resolve as they did there, and rows of two hosts never
meet. ``*`` stays what it is: everyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..sources.parsing import number
from ..store import Row
from ..tables import TABLES

LONGEST: Final = 20_000
"""Maximum characters of a text of a row: ids, paths and previews are much shorter."""
_TYPES: Final[dict[str, type]] = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "map": dict}
_KINDS: Final = {
    name: {column: _TYPES[kind] for column, kind in table.schema.items()} for name, table in TABLES.items()
}
_REFERENCES: Final = {name: table.references for name, table in TABLES.items()}
_ASKED: Final = ("id", "session", "session_id", "agent_id", "to", "task_id", "owner", "depends_on")
"""Parameters of methods that are ids of rows."""
_IN_ENTRIES: Final = ("sender", "child")
"""Fields of the entries of a transcript that are ids of agents."""


def row_of(table: str, cells: Mapping[str, Any], prefix: str) -> Row:
    """Return a row as it stands here: all columns of the table, the ids with the prefix.

    A host may run any version, or be none of ours: what does not fit its column is left out, and a text that is longer
    than any of a row is cut. Raises ``ValueError`` without an id.
    """
    row = Row(TABLES[table].blank())
    for name, kind in _KINDS[table].items():
        value = cells.get(name)
        if value.__class__ is str and kind is str:
            row[name] = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        elif value is not None and _fits(value, kind):
            row[name] = value
    if not row["id"]:
        raise ValueError("a row without an id")
    row["id"] = prefix + row["id"]
    for name in _REFERENCES[table]:
        row[name] = with_prefix(row[name], prefix)
    return row


def _fits(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) and len(item) <= LONGEST for item in value)
    if kind is dict:
        return isinstance(value, dict) and all(len(k) <= LONGEST and number(v) is not None for k, v in value.items())
    if kind in (int, float):
        return number(value) is not None and (kind is float or isinstance(value, int))
    return isinstance(value, kind)


def with_prefix(value: Any, prefix: str) -> Any:
    """Return an id, or a list of them, with the prefix."""
    if isinstance(value, list):
        return [with_prefix(item, prefix) for item in value]
    return prefix + value if isinstance(value, str) and value != "*" else value


def host_of(id: str) -> str | None:
    """Return the name that an id begins with if it may be one of a followed host; ``None`` for an id without any."""
    name, slash, _ = id.partition("/")
    return name if slash else None


def without_prefix(value: Any, prefix: str) -> Any:
    """Return an id, or a list of them, as the host has it."""
    if isinstance(value, list):
        return [without_prefix(item, prefix) for item in value]
    return value.removeprefix(prefix) if isinstance(value, str) else value


def asked(params: Mapping[str, Any], prefix: str, root: str) -> dict[str, Any]:
    """Return the parameters of a method as the host has them; ``root``: what its directories begin with here."""
    own = {name: without_prefix(value, prefix) if name in _ASKED else value for name, value in params.items()}
    if isinstance(own.get("root"), str):
        own["root"] = own["root"].removeprefix(root)
    if isinstance(seen := own.get("seen"), dict):
        own["seen"] = {name: without_prefix(value, prefix) if name in _ASKED else value for name, value in seen.items()}
    return own


def differing(details: Mapping[str, Any] | None, prefix: str) -> dict[str, Any] | None:
    """Return what a conflict is about (column → what was seen and found) with ids as they are here."""
    if details is None:
        return None
    return {
        name: {word: with_prefix(value, prefix) for word, value in both.items()} if name in _ASKED else both
        for name, both in details.items()
    }


def answered(method: str, result: Any, prefix: str) -> Any:
    """Return what the host answered, but for rows, with ids as they are here."""
    if method == "transcript":
        entries = [
            {**entry, **{name: with_prefix(entry[name], prefix) for name in _IN_ENTRIES if name in entry}}
            for entry in result["entries"]
        ]
        return {**result, "entries": entries}
    return result


def hit_of(hit: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return a hit of a search with ids as they are here; ``entry`` is one if it is a row's."""
    names = ("agent_id", "session_id") if hit.get("position") is not None else ("agent_id", "session_id", "entry")
    return {**hit, **{name: with_prefix(hit.get(name), prefix) for name in names}}
