"""A search that goes on from portion to portion, and the searches that a client can go on with."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from ...ingest import database
from ...ingest.tail import Unreadable
from ...sources.base import Source
from ...sources.ledger import Book
from ...store import Row, Store
from .ahead import MUCH, Ahead
from .hits import Hit, Wanted
from .needle import Needle
from .rows import TEXT_ONLY, RowSearch
from .transcripts import documents_hold, hits_in_documents, hits_in_lines, hits_in_messages

OLDER_ROWS: Final = 1000
"""Rows that are looked through in the archive at a time."""
ALONE: Final = 16 * 2**20
"""Bytes that a search looks through before other processes help: a common text has filled a portion by then."""
KEPT: Final = 4
"""Searches of one client that can be gone on with; the one that was asked for longest ago goes first."""


class SearchOver(LookupError):
    """The search was given up, or has come to its end."""


class Portion(NamedTuple):
    """Some hits, and how to go on."""

    hits: list[Hit]
    cursor: str | None
    """Ask with this for more; ``None`` when everything was looked through."""
    bytes: int
    """Bytes of files that were looked through so far."""
    total: int
    """Bytes of all files that are searched; it is not yet known in the first portions of a search in many files."""


class _Unit(NamedTuple):
    """What is looked through in one go: a growing file, or the documents or the messages of one conversation."""

    written_ns: int
    size: int
    source: Source
    paths: list[PurePosixPath]
    mode: str
    agent: str

    @property
    def path(self) -> Path:
        """Where the first of its files is."""
        return self.source.root / self.paths[0]


class Search:
    """One search, which goes on from portion to portion. What is not to be read now is left out."""

    def __init__(
        self,
        needle: Needle,
        wanted: Wanted,
        store: Store,
        conversations: Mapping[str, Mapping[Path, Source]],
        *,
        memory: Callable[[Row, Needle], Iterable[str] | None] = lambda row, needle: None,
        unmasked: Callable[[str], str] = str,
    ) -> None:
        """Begin nothing yet.

        ``conversations``: agent → the files that hold its conversation, and the source of each. ``memory``: the
        whole texts of a memory entry. ``unmasked``: what an id is in the files.
        """
        self.needle = needle
        self.wanted = wanted
        self.bytes = 0
        self.total = 0
        self.over = False
        self._store = store
        self._conversations = conversations
        self._memory = memory
        self._unmasked = unmasked
        self._steps = self._run()
        self._lock = threading.Lock()

    def portion(self, limit: int, seconds: float) -> list[Hit]:
        """Return the next hits: at most ``limit``, and what is found within ``seconds``."""
        until = time.monotonic() + seconds
        hits: list[Hit] = []
        with self._lock:
            while len(hits) < limit:
                try:
                    step = next(self._steps)
                except StopIteration:
                    self.over = True
                    break
                if step is not None and self.wanted(step):
                    hits.append(step)
                if time.monotonic() >= until:
                    break
        return hits

    def close(self) -> None:
        """End it, and close the file that it is at."""
        with self._lock:
            self._steps.close()
            self.over = True

    def _run(self) -> Generator[Hit | None, None, None]:
        """Yield the hits in rows and files, the newest first; ``None`` between two slices of work."""
        units: list[_Unit] = []
        searched: set[str] = set()
        for unit, agents in self._units():
            if unit is not None:
                units.append(unit)
            searched.update(agents)
            yield None
        units.sort(key=lambda unit: unit.written_ns, reverse=True)
        self.total = sum(unit.size for unit in units)
        rows = RowSearch(self.needle, self.wanted, searched, lambda row: self._memory(row, self.needle))
        later = []
        for table in self.wanted.tables():
            if not rows.put(table, self._store.held_rows(table)) or self._store.held(table) < self._store.count(table):
                later.append(table)
            yield None
        ahead: Ahead | None = None
        try:
            for number, unit in enumerate(units):
                yield from rows.until(unit.written_ns / 1_000_000)
                if ahead is None and self.bytes > ALONE and self.total - self.bytes > MUCH:
                    ahead = Ahead([each.path for each in units[number:] if each.mode == "lines"], self.needle.anchors)
                if ahead is not None and unit.mode == "lines" and ahead.knows_without(unit.path):
                    self.bytes += unit.size
                    yield None
                else:
                    yield from self._look_through(unit)
        finally:
            if ahead is not None:
                ahead.close()
        yield from rows.until(0)
        for table in later:
            yield from rows.hits(table, self._pages(table))

    def _pages(self, table: str) -> Iterator[list[Row]]:
        """Yield the rows of a table that may hold the text, some at a time, the latest first."""
        held = self._store.held_rows(table)[::-1]
        for start in range(0, len(held), OLDER_ROWS):
            yield held[start : start + OLDER_ROWS]
        anchors = self.needle.anchors if table in TEXT_ONLY else ()
        last: tuple[int, str] | None = None
        while self._store.held(table) < self._store.count(table):
            rows, last = self._store.elsewhere_holding(table, anchors, OLDER_ROWS, last)
            yield rows
            if last is None:
                break

    def _look_through(self, unit: _Unit) -> Iterator[Hit | None]:
        before = self.bytes
        try:
            if unit.mode == "lines":
                found = hits_in_lines(unit.source, unit.paths[0], self.needle)
            elif unit.mode == "document" and not documents_hold(
                unit.source, unit.paths, self._unmasked(unit.agent), self.needle
            ):
                found = iter(())
            else:
                agent, session = self._unmasked(unit.agent), self._session_of(unit.agent)
                if unit.mode == "document":
                    found = hits_in_documents(unit.source, unit.paths, agent, session, self.needle)
                else:
                    found = hits_in_messages(unit.source, unit.paths[0], agent, session, self.needle)
            for step in found:
                if isinstance(step, int):
                    self.bytes += step
                    yield None
                else:
                    yield step
        except (Unreadable, OSError, LookupError, ValueError):
            pass  # it went, or cannot be read now: `sources` says so
        self.bytes = before + unit.size
        yield None

    def _session_of(self, agent: str) -> str | None:
        row = self._store.get("agents", agent) or self._store.get("sessions", agent)
        return None if row is None else row.get("session_id") or row["id"]

    def _units(self) -> Iterator[tuple[_Unit | None, Iterable[str]]]:
        """Yield what is to be looked through, each with the agents whose conversation it holds."""
        if not self.wanted.entries:
            return
        holders: dict[Path, tuple[Source, list[str]]] = {}
        for agent, files in list(self._conversations.items()):
            for path, source in list(files.items()):
                if isinstance(getattr(source, "book", None), Book):
                    holders.setdefault(path, (source, []))[1].append(agent)
        documents: dict[str, dict[PurePosixPath, tuple[Source, int, int]]] = {}
        for path, (source, agents) in holders.items():
            relative = PurePosixPath(path.relative_to(source.root).as_posix())
            reader = source.reader(relative)
            stamp = None if reader is None else _stamp(path, reader.mode == "database")
            if reader is None or stamp is None:
                continue
            if reader.mode == "document":
                for agent in agents:
                    documents.setdefault(agent, {})[relative] = (source, *stamp)
            elif self._is_wanted(source, agents, stamp[0]):
                if reader.mode == "lines":
                    yield _Unit(*stamp, source, [relative], "lines", ""), agents
                else:  # of one file: its size counts once
                    sizes = [stamp[1], *[0] * len(agents)]
                    for agent, size in zip(agents, sizes, strict=False):
                        yield (
                            _Unit(self._seen_ns(agent, stamp[0]), size, source, [relative], "database", agent),
                            [agent],
                        )
            else:
                yield None, agents
        for agent, held in documents.items():
            sources = {source for source, _, _ in held.values()}
            for source in sources:
                own = {path: (written, size) for path, (of, written, size) in held.items() if of is source}
                written, size = max(at for at, _ in own.values()), sum(size for _, size in own.values())
                if self._is_wanted(source, [agent], written):
                    yield _Unit(written, size, source, sorted(own), "document", agent), [agent]
                else:
                    yield None, [agent]

    def _seen_ns(self, agent: str, written_ns: int) -> int:
        """Return when a conversation in a database was last added to."""
        row = self._store.get("agents", agent)
        return ((row and row["last_seen_at"]) or 0) * 1_000_000 or written_ns

    def _is_wanted(self, source: Source, agents: Iterable[str], written_ns: int) -> bool:
        wanted = self.wanted
        if wanted.source is not None and source.name not in wanted.source:
            return False
        if wanted.since is not None and written_ns < wanted.since * 1_000_000:
            return False
        if wanted.agent_id is not None and wanted.agent_id.isdisjoint(agents):
            return False
        return wanted.session_id is None or any(self._session_of(agent) in wanted.session_id for agent in agents)


def _stamp(path: Path, is_database: bool) -> tuple[int, int] | None:
    """Return when a file was last written, in ns, and its size; ``None`` if it is gone."""
    if is_database:
        stamp = database.stamp(path)
        return stamp and (stamp[2], stamp[1])
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


class Searches:
    """The searches that one client can go on with."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Search] = OrderedDict()
        self._lock = threading.Lock()
        self._is_closed = False

    def begin(self, search: Search, limit: int, seconds: float) -> Portion:
        """Return the first portion of a search."""
        return self._portion(secrets.token_urlsafe(12), search, limit, seconds)

    def go_on(self, cursor: str, limit: int, seconds: float) -> Portion:
        """Return the next portion. Raises :class:`SearchOver` if there is no such search any more."""
        with self._lock:
            search = self._kept.pop(cursor, None)
        if search is None:
            raise SearchOver("this search has ended; begin it again")
        return self._portion(cursor, search, limit, seconds)

    def end(self, cursor: str) -> None:
        """Give up a search that nobody goes on with."""
        with self._lock:
            search = self._kept.pop(cursor, None)
        if search is not None:
            search.close()

    def close(self) -> None:
        """Give up all searches: the client has gone."""
        with self._lock:
            self._is_closed = True
            given_up, self._kept = list(self._kept.values()), OrderedDict()
        for search in given_up:
            search.close()

    def _portion(self, cursor: str, search: Search, limit: int, seconds: float) -> Portion:
        hits = search.portion(limit, seconds)
        given_up: list[Search] = []
        with self._lock:
            if self._is_closed:
                given_up.append(search)
            elif not search.over:
                self._kept[cursor] = search
                if len(self._kept) > KEPT:
                    given_up.append(self._kept.popitem(last=False)[1])
        for other in given_up:
            other.close()
        return Portion(hits, None if search.over else cursor, search.bytes, search.total)
