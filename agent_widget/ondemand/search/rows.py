"""Finding a text in the rows of the tables, and in the memory files that rows hold the first characters of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import Final

from ...ingest.conversation_rows import SPEAKERS, speakers_of
from ...protocol import ROW_PLACES
from ...store import Row
from ...tables import TABLES
from .hits import Hit, Wanted
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
    "agents": ("name",),
}
"""Table → the columns that are searched."""
TEXT_ONLY: Final = frozenset({"messages", "logs", "tool_calls", "sessions"})
"""Tables of which a row that holds something has it in the bytes of its own texts."""
_TIMES: Final = {
    table: tuple(
        name
        for name in ("at", "updated_at", "last_seen_at", "created_at", "started_at")
        if name in TABLES[table].blank()
    )
    for table in ROW_PLACES
}
"""Table → the columns of which the first that is known is the time of a row."""


class RowSearch:
    """Looks through rows, each once: those in memory with the files, by their time, the others later."""

    def __init__(
        self,
        needle: Needle,
        wanted: Wanted,
        conversations: AbstractSet[str],
        memory: Callable[[Row], Iterable[str] | None],
    ) -> None:
        """Begin nothing yet.

        ``conversations``: agents whose files are searched, so that rows made of them need not be; some may be taken out
        meanwhile. ``memory``: the whole texts of a memory entry; ``None`` if they are not to be had, or do not hold the
        text.
        """
        self._needle = needle
        self._wanted = wanted
        self._conversations = conversations
        self._memory = memory
        self._put: dict[str, list[Row]] = {}
        """Table → its rows that were put to be looked through with the files."""
        self._seen: dict[str, set[str]] = {}
        self._waiting: dict[str, tuple[list[int], list[Row]]] = {}
        """Table → times and rows of those that are still to be looked through, the oldest first."""

    def put(self, table: str, rows: Iterable[Row]) -> None:
        """Take rows of a table to be searched.

        Nothing is looked for in them yet: for a common word that takes longer than all else before the first hit.
        """
        chosen = self._put[table] = self._chosen(table, rows)
        times = _times(table, chosen)
        order = sorted(range(len(chosen)), key=times.__getitem__)
        self._waiting[table] = [times[i] for i in order], [chosen[i] for i in order]

    def until(self, at: float) -> Iterator[Hit | None]:
        """Yield the hits in the rows that were put and are not older than ``at`` (ms), the newest first.

        ``None`` after each slice.
        """
        found: list[tuple[int, str, Row]] = []
        for table, (times, rows) in self._waiting.items():
            if times and times[-1] >= at:
                start = bisect_left(times, at)
                found += [(time, table, row) for time, row in zip(times[start:], rows[start:], strict=True)]
                del times[start:], rows[start:]
        found.sort(key=itemgetter(0), reverse=True)
        for number, (_, table, row) in enumerate(found, 1):
            if (hit := self._hit(table, row)) is not None:
                yield hit
            if number % SLICE == 0 or table == "memory":
                yield None

    def hits(self, table: str, pages: Iterable[Iterable[Row]]) -> Iterator[Hit | None]:
        """Yield the hits in those of some rows that were not put; ``None`` after each page of them."""
        seen = self._seen.get(table)
        if seen is None:
            seen = self._seen[table] = {row["id"] for row in self._put.get(table, ())}
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
        if table not in SPEAKERS:
            return list(rows)
        return [row for row in rows if searched.isdisjoint(speakers_of(table, row))]

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
        at = next((row[name] for name in _TIMES[table] if row[name]), None)
        if table == "agents":
            agent = row["id"]
        else:
            agent = next((row[name] for name in ("agent_id", "sender", "owner", "assessor") if row.get(name)), None)
        session = row["id"] if table == "sessions" else row.get("session_id")
        return Hit(at, agent, session, ROW_PLACES[table], snippet, row["id"], None)


def _times(table: str, rows: Sequence[Row]) -> list[int]:
    """Return the time of each row, 0 if it has none."""
    first, *others = _TIMES[table]
    return [row[first] or next((row[name] for name in others if row[name]), 0) for row in rows]
