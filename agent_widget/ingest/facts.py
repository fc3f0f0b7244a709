"""Facts that readers share, on disk: one table of the archive, asked for by scope and key.

Keys come in no order. A table sorted by them would have nearly every new fact change a page of its own, with all that
lies on it; so facts are appended, and only a number of each (:func:`_name`) is kept in order, in an index that is a
twentieth of their size. Nearly every key that is asked for while a home is read is new (:mod:`.bloom`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, Final
from zlib import crc32

from .bloom import Filter

FACTS: Final = (
    "CREATE TABLE IF NOT EXISTS facts (digest INTEGER NOT NULL, scope TEXT NOT NULL, key NOT NULL, value BLOB)",
    "CREATE INDEX IF NOT EXISTS facts_digest ON facts (digest)",
)
"""The table and its index."""

LASTING: Final = "lasting "
"""How the names of scopes begin whose facts are there for later versions of this code too."""

_OF: Final = "digest = ?1 AND scope = ?2 AND key = ?3"
_FIND: Final = f"SELECT value FROM facts WHERE {_OF}"
_ADD: Final = "INSERT INTO facts VALUES (?, ?, ?, ?)"
_PUT: Final = (
    "INSERT OR REPLACE INTO facts (rowid, digest, scope, key, value)"
    f" VALUES ((SELECT rowid FROM facts WHERE {_OF}), ?1, ?2, ?3, ?4)"
)
_REMOVE: Final = f"DELETE FROM facts WHERE {_OF}"


class Facts:
    """The facts of one archive."""

    def __init__(self, connection: sqlite3.Connection, select: Callable[[str, tuple[Any, ...]], list[Any]]) -> None:
        """Take the connection that writes, and what runs a query (``select``) on what is committed."""
        self._connection = connection
        self._select = select
        self._filter: Filter | None = None
        """Which there are, if all of them came in this process."""

    def begin(self) -> None:
        """Take in whether there are any."""
        if self._connection.execute("SELECT 1 FROM facts LIMIT 1").fetchone() is None:
            self._filter = Filter()

    def shelf(self, scope: str) -> Facts.Shelf:
        """Return where the facts of one scope are."""
        return Facts.Shelf(self, scope)

    def find(self, scope: str, key: str) -> bytes | None:
        """Return the value of a key, ``None`` if there is none."""
        if self._filter is not None and not self._filter.may_have(hash((scope, key))):
            return None
        found = next(iter(self._select(_FIND, _name(scope, key))), None)
        return found[0] if found else None

    def write(self, changes: Mapping[str, Iterable[tuple[str, bytes | None]]]) -> None:
        """Write what changed, scope by scope, in the transaction that is open; ``None`` removes a key."""
        add: list[tuple[int, str, str | bytes, bytearray]] = []
        put: list[tuple[int, str, str | bytes, bytearray]] = []
        removed: list[tuple[int, str, str | bytes]] = []
        known = self._filter
        for scope, entries in changes.items():
            for key, value in entries:
                digest, _, stored = _name(scope, key)
                if value is None:
                    if known is None or known.may_have(hash((scope, key))):
                        removed.append((digest, scope, stored))
                    continue
                part = put if known is None or known.add(hash((scope, key))) else add
                part.append((digest, scope, stored, bytearray(value)))  # as the cells of rows
        add.sort(key=itemgetter(0))  # as the index is
        self._connection.executemany(_ADD, add)
        self._connection.executemany(_PUT, put)
        self._connection.executemany(_REMOVE, removed)

    def clear(self) -> None:
        """Remove all facts but those of :data:`LASTING` scopes, in the transaction that is open."""
        self._connection.execute("DELETE FROM facts WHERE substr(scope, 1, ?) != ?", (len(LASTING), LASTING))
        self._filter = Filter()
        for scope, key in self._connection.execute("SELECT scope, key FROM facts"):
            name = key if isinstance(key, str) else key.decode("utf-8", "surrogatepass")
            self._filter.add(hash((scope, name)))

    class Shelf:
        """Where the facts of one scope are."""

        __slots__ = ("_facts", "_scope")

        def __init__(self, facts: Facts, scope: str) -> None:
            self._facts = facts
            self._scope = scope

        def find(self, key: str) -> bytes | None:
            """Return the value of a key, ``None`` if there is none."""
            return self._facts.find(self._scope, key)


def _name(scope: str, key: str) -> tuple[int, str, str | bytes]:
    """Return what a fact is stored under: a number, its scope, its key.

    The number is of 32 bits, in the range that takes four bytes in an index; it need not be of one fact only. A key
    that comes from a file's name need not be Unicode.
    """
    data = key.encode("utf-8", "surrogatepass")
    digest = crc32(data, crc32(scope.encode())) - 2**31
    return digest, scope, key if len(data) == len(key) else data
