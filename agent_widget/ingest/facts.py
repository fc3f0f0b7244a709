"""Facts that readers share, on disk: one table of the archive, asked for by scope and key.

Nearly every key that is asked for while a home is read is new. Where all keys came in this process, a filter
(Bloom, *Space/time trade-offs in hash coding with allowable errors*, 1970) knows most of those that are not there
without asking the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

FACTS: Final = "facts (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key)) WITHOUT ROWID"
"""The table."""

_BITS: Final = 2**24
"""Bits of the filter (2 MiB): of a million keys that are not there it lets through 1 in 200."""
_MASK: Final = _BITS - 1


class Facts:
    """The facts of one archive."""

    def __init__(self, connection: sqlite3.Connection, reading: sqlite3.Connection) -> None:
        """Take the connection that writes, and one for ``reading`` what is committed."""
        self._connection = connection
        self._reading = reading
        self._filter: _Filter | None = None
        if connection.execute("SELECT 1 FROM facts LIMIT 1").fetchone() is None:
            self._filter = _Filter()

    def shelf(self, scope: str) -> Facts.Shelf:
        """Return where the facts of one scope are."""
        return Facts.Shelf(self, scope)

    def find(self, scope: str, key: str) -> bytes | None:
        """Return the value of a key, ``None`` if there is none."""
        if self._filter is not None and not self._filter.may_have(hash((scope, key))):
            return None
        query = "SELECT value FROM facts WHERE scope = ? AND key = ?"
        found = self._reading.execute(query, (scope, _stored(key))).fetchone()
        return found[0] if found else None

    def write(self, changes: Mapping[str, Iterable[tuple[str, bytes | None]]]) -> None:
        """Write what changed, scope by scope, in the transaction that is open; ``None`` removes a key."""
        for scope, entries in changes.items():
            entries = sorted(entries)
            put = [(scope, _stored(key), value) for key, value in entries if value is not None]
            removed = [(scope, _stored(key)) for key, value in entries if value is None]
            self._connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", put)
            self._connection.executemany("DELETE FROM facts WHERE scope = ? AND key = ?", removed)
            if self._filter is not None:
                for key, _ in entries:
                    self._filter.add(hash((scope, key)))

    def clear(self) -> None:
        """Remove all facts, in the transaction that is open."""
        self._connection.execute("DELETE FROM facts")
        self._filter = _Filter()

    class Shelf:
        """Where the facts of one scope are."""

        __slots__ = ("_facts", "_scope")

        def __init__(self, facts: Facts, scope: str) -> None:
            self._facts = facts
            self._scope = scope

        def find(self, key: str) -> bytes | None:
            """Return the value of a key, ``None`` if there is none."""
            return self._facts.find(self._scope, key)


def _stored(key: str) -> str | bytes:
    """Return a key as it is stored; what comes from a file's name need not be Unicode."""
    return key if key.isascii() else key.encode("utf-8", "surrogatepass")


class _Filter:
    """Numbers of which it is known of most that are not in it that they are not."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def add(self, number: int) -> None:
        for place in (number & _MASK, number >> 20 & _MASK, number >> 40 & _MASK):
            self._bits[place >> 3] |= 1 << (place & 7)

    def may_have(self, number: int) -> bool:
        bits = self._bits
        return all(
            bits[place >> 3] >> (place & 7) & 1
            for place in (number & _MASK, number >> 20 & _MASK, number >> 40 & _MASK)
        )
