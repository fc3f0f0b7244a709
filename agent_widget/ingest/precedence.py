"""Sessions that are told twice: an agent's own files win over what its telemetry says of the same session.

Claude Code, Codex and Gemini CLI write files, and can send telemetry that has the ids of the same sessions. The files
say more, and what both say must not count twice. So of a session that files tell of nothing is taken from telemetry,
and what was taken before the files came is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from ..sources.base import Evidence, Item, Source, Speaker
from ..store import Store
from ..tables import Gone, Record

_OF_SESSIONS: Final = ("agents", "messages", "tool_calls", "usage", "logs")
"""Tables whose rows are of one session."""


class Precedence:
    """Which sessions of a store are told by telemetry, and which by files."""

    def __init__(self, store: Store, sources: Callable[[], Iterable[Source]]) -> None:
        self._store = store
        self._sources = sources
        self._told: dict[str, str] | None = None
        """Session that telemetry tells of → the name of its source."""

    def admitted(self, items: Iterable[Item], source: Source) -> Iterator[Item]:
        """Yield what telemetry says of sessions that no files tell of."""
        told = self._by_telemetry()
        taken: set[tuple[str, str]] = set()
        for item in items:
            session = _session_of(item)
            if session is None:
                if not self._is_of_one_taken(item, source, taken):
                    continue
            elif self._has_files(session.partition("/")[0], source):
                continue
            if isinstance(item, Record):
                taken.add((item.table, item.id))
                if item.table == "sessions":
                    told[item.id] = source.name
            yield item

    def _is_of_one_taken(self, item: Item, source: Source, taken: set[tuple[str, str]]) -> bool:
        """Return whether an item that names no session is about a row that was taken, or is of no session at all."""
        if not isinstance(item, Record) or item.table not in ("messages", "tool_calls"):
            return True
        row = self._store.get(item.table, item.id)
        return (item.table, item.id) in taken or (row is not None and row["source"] == source.name)

    def overruled(self, items: Iterable[Item], source: Source) -> Iterator[Gone]:
        """Yield what is to be taken out before what files say is taken in, since it is of the same sessions."""
        told = self._by_telemetry()
        if not told:
            return
        found = {session.removeprefix(source.namespace) for item in items if (session := _session_of(item))}
        for session in found & told.keys():
            name = told.pop(session)
            of = {"source": name, "session_id": session}
            for table in _OF_SESSIONS:
                rows = self._store.select(table, lambda row: of.items() <= row.items(), of)  # noqa: B023
                yield from (Gone(table, row["id"]) for row in rows)
            yield Gone("sessions", session)

    def _by_telemetry(self) -> dict[str, str]:
        if self._told is None:
            names = {source.name for source in self._sources() if source.gives_way}
            rows = self._store.rows("sessions") if names else ()
            self._told = {row["id"]: row["source"] for row in rows if row["source"] in names}
        return self._told

    def _has_files(self, session: str, source: Source) -> bool:
        """Return whether files tell of a session."""
        session = session.removeprefix(source.namespace)
        spaces = {other.namespace for other in self._sources() if not other.gives_way}
        rows = (self._store.get("sessions", space + session) for space in spaces)
        return any(row is not None and row["source"] != source.name for row in rows)


def _session_of(item: Item) -> str | None:
    """Return the session that an item is about, or the agent whose id begins with it."""
    if isinstance(item, (Evidence, Speaker)):
        return item.agent_id
    if not isinstance(item, Record):
        return None
    if item.table in ("sessions", "agents"):
        return item.id
    session = item.fields.get("session_id")
    return session if isinstance(session, str) else None
