"""Finding a text in the rows of the tables, and in the memory files that rows hold the first characters of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from ...store import Row
from .hits import ROW_PLACES, Hit, Wanted
from .needle import Needle

SLICE: Final = 1000
"""Rows that are looked through at once."""
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
_TIMES: Final = ("at", "updated_at", "created_at", "started_at")


class RowSearch:
    """Looks through rows, each once."""

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

    def hits(self, table: str, rows: Iterable[Row]) -> Iterator[Hit | None]:
        """Yield the hits in some rows; ``None`` after each slice of them."""
        seen = self._seen.setdefault(table, set())
        for number, row in enumerate(rows):
            if row["id"] not in seen:
                seen.add(row["id"])
                if self._is_wanted(table, row) and (hit := self._hit(table, row)) is not None:
                    yield hit
            if number % SLICE == SLICE - 1 or table == "memory":
                yield None

    def _is_wanted(self, table: str, row: Row) -> bool:
        if self._wanted.source is not None and row["source"] not in self._wanted.source:
            return False
        if table == "messages":
            return row["sender"] not in self._conversations and row["recipient"] not in self._conversations
        return table != "tool_calls" or row["agent_id"] not in self._conversations

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
        at = next((row[name] for name in _TIMES if row.get(name)), None)
        agent = next((row[name] for name in ("agent_id", "sender", "owner", "assessor") if row.get(name)), None)
        session = row["id"] if table == "sessions" else row.get("session_id")
        return Hit(at, agent, session, ROW_PLACES[table], snippet, row["id"], None)
