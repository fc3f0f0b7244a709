"""Finding a text in the rows of the tables, and in the memory files that rows hold the first characters of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from operator import itemgetter
from typing import Final

from ...store import Row
from .hits import ROW_PLACES, Hit, Wanted
from .needle import Needle

SLICE: Final = 1000
"""Rows that are looked through at once."""
FIRST: Final = 5000
"""Number of the newest rows of each table that are searched first; the others come after the files."""
_TEXTS: Final = {
    "tasks": ("title", "description", "notes"),
    "messages": ("text",),
    "memory": ("title", "text"),
    "logs": ("text",),
    "quality": ("subject", "notes"),
    "tool_calls": ("name", "input", "output", "error"),
    "sessions": ("title",),
}
"""Table → the columns that are searched."""
TEXT_ONLY: Final = frozenset({"messages", "logs", "tool_calls", "sessions"})
"""Tables of which a row that holds something has it in the bytes of its own texts."""
_TIMES: Final = ("at", "updated_at", "created_at", "started_at")


class RowSearch:
    """Looks through rows, each once: the newest of those in memory with the files, by their time, the others later."""

    def __init__(
        self,
        needle: Needle,
        wanted: Wanted,
        conversations: Collection[str],
        memory: Callable[[Row], Iterable[str] | None],
    ) -> None:
        """Begin nothing yet.

        ``conversations``: agents whose files are searched, so that rows made of them need not be. ``memory``: the
        whole texts of a memory entry; ``None`` if they are not to be had, or do not hold the text.
        """
        self._needle = needle
        self._wanted = wanted
        self._conversations = conversations
        self._memory = memory
        self._seen: dict[str, set[str]] = {}
        self._waiting: list[tuple[int, str, Row]] = []
        """Time, table and row of those that were put and are still to be looked through, the oldest first."""

    def put(self, table: str, rows: Iterable[Row]) -> bool:
        """Take the newest of the wanted rows of a table to be searched; returns whether these are all that are wanted.

        Nothing is looked for in them yet: for a common word that takes longer than all else before the first hit.
        """
        wanted = self._chosen(table, rows)
        newest = sorted(wanted, key=_time)[-FIRST:]
        self._seen[table] = {row["id"] for row in newest}
        self._waiting += [(_time(row), table, row) for row in newest]
        self._waiting.sort(key=itemgetter(0))
        return len(newest) == len(wanted)

    def until(self, at: float) -> Iterator[Hit | None]:
        """Yield the hits in the rows that were put and are not older than ``at`` (ms), the newest first.

        ``None`` after each slice.
        """
        number = 0
        while self._waiting and self._waiting[-1][0] >= at:
            _, table, row = self._waiting.pop()
            if (hit := self._hit(table, row)) is not None:
                yield hit
            number += 1
            if number % SLICE == 0 or table == "memory":
                yield None

    def hits(self, table: str, pages: Iterable[Iterable[Row]]) -> Iterator[Hit | None]:
        """Yield the hits in those of some rows that were not searched; ``None`` after each page of them."""
        seen = self._seen.setdefault(table, set())
        for page in pages:
            for row in self._chosen(table, page):
                if row["id"] not in seen:
                    seen.add(row["id"])
                    if (hit := self._hit(table, row)) is not None:
                        yield hit
                    if table == "memory":  # its file was read
                        yield None
            yield None

    def _chosen(self, table: str, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that are to be looked through, as far as columns decide: those of files mostly are not."""
        sources, searched = self._wanted.source, self._conversations
        if sources is not None:
            rows = (row for row in rows if row["source"] in sources)
        if table == "messages":
            return [row for row in rows if row["sender"] not in searched and row["recipient"] not in searched]
        if table == "tool_calls":
            return [row for row in rows if row["agent_id"] not in searched]
        return list(rows)

    def _hit(self, table: str, row: Row) -> Hit | None:
        snippet = None
        for column in _TEXTS[table]:
            if row[column] and (snippet := self._needle.snippet(str(row[column]))) is not None:
                break
        if snippet is None and table == "memory":
            for text in self._memory(row) or ():
                if (snippet := self._needle.snippet(text)) is not None:
                    break
        if snippet is None:
            return None
        at = _time(row) or None
        agent = next((row[name] for name in ("agent_id", "sender", "owner", "assessor") if row.get(name)), None)
        session = row["id"] if table == "sessions" else row.get("session_id")
        return Hit(at, agent, session, ROW_PLACES[table], snippet, row["id"], None)


def _time(row: Row) -> int:
    """Return the time of a row (ms), 0 if it has none."""
    return next((row[name] for name in _TIMES if row.get(name)), 0)
