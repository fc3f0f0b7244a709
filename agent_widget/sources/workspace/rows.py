"""Rows that several files describe: their ids, the newest of all claims about a fact, what a list no longer holds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ...tables import TABLES
from ..base import Record
from ..kept import Lists
from ..parsing import millis, number
from .file import Items

_REFERENCES = frozenset(name for table in TABLES.values() for name in table.references)

_Claim = tuple[int, str, Any]
"""Time (ms), the value as text (of two claims at one time the same one always counts), and the value."""


def _weight(claim: _Claim) -> tuple[int, str]:
    return claim[:2]


class Rows:
    """The claims of all files about the rows of a workspace."""

    def __init__(self, namespace: str, lists: Lists) -> None:
        self.namespace = namespace
        self.lists = lists
        self._claims: defaultdict[tuple[str, str, str], dict[str, _Claim]] = defaultdict(dict)  # cell → document → it
        self._named: dict[str, set[str]] = {}  # document → the ids it named when last read

    def record(self, table: str, id: str, **fields: Any) -> Record:
        """Return a record, with its id and the ids it refers to put into the namespace."""
        return self.record_of(table, id, fields)

    def record_of(self, table: str, id: str, fields: dict[str, Any]) -> Record:
        """Do as :meth:`record` with fields in a dict, which the record has from then on."""
        if not self.namespace:  # nearly always
            return Record(table, id, fields)
        for column in _REFERENCES & fields.keys():
            fields[column] = self._referring(column, fields[column])
        return Record(table, self.namespace + id, fields)

    def _referring(self, column: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.namespace + id for id in value]
        nobody = value is None or (column == "recipient" and value == "*")  # everybody is nobody in particular
        return value if nobody else self.namespace + value

    def claim(self, table: str, id: str, at: int | None, document: str = "", **facts: Any) -> Record:
        """Take in a claim about some facts; return a record of the newest claim about each of them.

        A later claim of a ``document`` replaces its earlier ones; claims of lines (no ``document``) stay.
        """
        fields = {}
        for column, value in facts.items():
            claims = self._claims[table, id, column]
            if value is not None:
                made = (at or 0, str(value), value)
                claims[document] = made if document else max(claims.get(document, made), made, key=_weight)
            elif document:
                claims.pop(document, None)
            if claims or document:
                fields[column] = self.newest(table, id, column)
        return self.record(table, id, **fields)

    def newest(self, table: str, id: str, column: str) -> Any:
        """Return the value that the newest claim gives one fact, ``None`` if there is no claim."""
        claims = self._claims.get((table, id, column))
        return max(claims.values(), key=_weight)[2] if claims else None

    def unmentioned(self, table: str, id: str, document: str) -> Record:
        """Take in that a document no longer mentions a row: its claims count only where there is no other."""
        fields = {}
        for column in TABLES[table].blank():
            claims = self._claims.get((table, id, column), {})
            if document in claims:
                claims[document] = (-1, *claims[document][1:])
                fields[column] = self.newest(table, id, column)
        return self.record(table, id, **fields)

    def unnamed(self, document: str, ids: set[str]) -> list[str]:
        """Return the ids that the document named before and, now that it names ``ids``, no longer does."""
        before, self._named[document] = self._named.get(document, set()), ids
        return sorted(before - ids)

    def gone(self, document: str, table: str, ids: set[str]) -> Items:
        """Yield ``Gone`` for the rows that the document, which says which there are, no longer lists."""
        yield from self.lists.unlisted(document, ((table, self.namespace + id) for id in ids))

    def stat(self, name: str, value: Any, unit: str, at: Any) -> Items:
        """Yield a figure that a file states, as a row of ``stats``; nothing if it is no number."""
        value = float(value) if isinstance(value, bool) else number(value)
        if value is not None:
            yield self.record("stats", name, name=name, value=value, unit=unit, at=millis(at))
