"""Rows that several files tell of: their ids, the newest of all claims about a fact, what a list no longer holds."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ...tables import TABLES
from ..base import Gone, Record, millis, number
from .file import Items

_REFERENCES = frozenset("agent_id session_id task_id parent_id owner sender recipient depends_on".split())

_Claim = tuple[int, str, Any]
"""When it was made; what it says as text, so that of two at one time always the same counts; and the value."""


def _weight(claim: _Claim) -> tuple[int, str]:
    return claim[:2]


class Rows:
    """What was claimed so far."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._claims: defaultdict[tuple[str, str, str], dict[str, _Claim]] = defaultdict(dict)  # cell → document → it
        self._listed: dict[str, set[str]] = {}  # document → the ids it listed when last read

    def record(self, table: str, id: str, **fields: Any) -> Record:
        """A claim about a row; its id and those it refers to are put into the namespace here."""
        for column in _REFERENCES & fields.keys() if self.namespace else ():
            fields[column] = self._referring(column, fields[column])
        return Record(table, self.namespace + id, fields)

    def _referring(self, column: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self.namespace + id for id in value]
        nobody = value is None or (column == "recipient" and value == "*")  # everybody is nobody in particular
        return value if nobody else self.namespace + value

    def tell(self, table: str, id: str, at: int | None, said_in: str = "", **facts: Any) -> Record:
        """A record of what counts after one more claim: of each fact, the newest told by anyone.

        A document (``said_in``) is taken at its last word, whatever it claimed before; what lines claimed stays.
        """
        fields = {}
        for column, value in facts.items():
            claims = self._claims[table, id, column]
            if value is not None:
                claim = (at or 0, str(value), value)
                claims[said_in] = claim if said_in else max(claims.get(said_in, claim), claim, key=_weight)
            elif said_in:
                claims.pop(said_in, None)
            if claims or said_in:
                fields[column] = self.told(table, id, column)
        return self.record(table, id, **fields)

    def told(self, table: str, id: str, column: str) -> Any:
        """The newest claim about one fact."""
        claims = self._claims.get((table, id, column))
        return max(claims.values(), key=_weight)[2] if claims else None

    def left(self, table: str, id: str, said_in: str) -> Record:
        """A document no longer mentions a row that stays: its last word counts where nobody said anything else."""
        fields = {}
        for column in TABLES[table].blank():
            claims = self._claims.get((table, id, column), {})
            if said_in in claims:
                claims[said_in] = (-1, *claims[said_in][1:])
                fields[column] = self.told(table, id, column)
        return self.record(table, id, **fields)

    def unlisted(self, document: str, ids: set[str]) -> list[str]:
        """What the document, which now lists ``ids``, listed before and no longer does."""
        before, self._listed[document] = self._listed.get(document, set()), ids
        return sorted(before - ids)

    def gone(self, document: str, table: str, ids: set[str]) -> Items:
        """The rows that the document no longer lists."""
        for id in self.unlisted(document, ids):
            yield Gone(table, self.namespace + id)

    def stat(self, name: str, value: Any, unit: str, at: Any) -> Items:
        """A figure that a file states."""
        value = float(value) if isinstance(value, bool) else number(value)
        if value is not None:
            yield self.record("stats", name, name=name, value=value, unit=unit, at=millis(at))
