"""A search that goes on from portion to portion, and the searches that a client can go on with."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from ...ingest.conversation_rows import SPEAKERS
from ...ingest.file import File
from ...ingest.tail import Unreadable
from ...sources.base import Source
from ...sources.ledger import Book
from ...store import Row, Store
from ..copies import KeptTranscripts
from .ahead import MUCH, Ahead
from .hits import Hit, Wanted
from .needle import Needle
from .rows import TEXT_ONLY, RowSearch
from .sift import holding
from .transcripts import documents_hold, hits_in_documents, hits_in_lines, hits_in_messages

AT_ONCE: Final = 1000
"""Files that are put in order at a time."""
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
    files: list[File]
    agents: tuple[str, ...]
    """Whose conversations it holds: of one agent, but for a growing file."""

    @property
    def paths(self) -> list[PurePosixPath]:
        """Where the files are below the root of their source."""
        root = self.files[0].source.root
        return sorted(PurePosixPath(file.path.relative_to(root).as_posix()) for file in self.files)


class Search:
    """One search, which goes on from portion to portion. What is not to be read now is left out."""

    def __init__(
        self,
        needle: Needle,
        wanted: Wanted,
        store: Store,
        files: Mapping[str, File],
        conversations: Mapping[str, Mapping[Path, Source]],
        *,
        memory: Callable[[Row, Needle], Iterable[str] | None] = lambda row, needle: None,
        unmasked: Callable[[str], str] = str,
        copies: KeptTranscripts | None = None,
        sources: Sequence[Source] = (),
    ) -> None:
        """Begin nothing yet.

        ``files``: what is known of each file, by name. ``conversations``: agent → the files that hold its conversation,
        and the source of each. ``memory``: the whole texts of a memory entry. ``unmasked``: what an id is in the files.
        ``copies``: of files that are gone, below the roots of ``sources``.
        """
        self.needle = needle
        self.wanted = wanted
        self.bytes = 0
        self.total = 0
        self.over = False
        self._store = store
        self._files = files
        self._conversations = conversations
        self._memory = memory
        self._unmasked = unmasked
        self._copies = copies
        self._sources = sources
        self._steps = self._run()
        self._lock = threading.Lock()
        self._has_found = False
        self._lost: set[str] = set()
        """Agents whose conversation could not be read."""

    def portion(self, limit: int, seconds: float, first: float = float("inf")) -> list[Hit]:
        """Return the next hits: at most ``limit``, and what is found within ``seconds``.

        With the first of all hits it waits for no others longer than ``first`` seconds.
        """
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
                    if not self._has_found:
                        self._has_found = True
                        until = min(until, time.monotonic() + first)
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
        searched: set[str] = set()
        units = yield from self._units(searched)
        self.total = sum(unit.size for unit in units)
        rows = RowSearch(self.needle, self.wanted, searched, lambda row: self._memory(row, self.needle))
        for table in self.wanted.tables():
            rows.put(table, self._store.held_rows(table))
            yield None
        ahead: Ahead | None = None
        try:
            for number, unit in enumerate(units):
                yield from rows.until(unit.written_ns / 1_000_000)
                if ahead is None and self.bytes > ALONE and self.total - self.bytes > MUCH:
                    left = [file.path for each in units[number:] for file in each.files if file.mode == "lines"]
                    ahead = Ahead(left, self.needle.anchors)
                if ahead is not None and unit.files[0].mode == "lines" and ahead.knows_without(unit.files[0].path):
                    self.bytes += unit.size
                    yield None
                else:
                    yield from self._look_through(unit)
        finally:
            if ahead is not None:
                ahead.close()
        yield from rows.until(0)
        searched -= self._lost
        for table in self.wanted.tables():
            if self._store.held(table) < self._store.count(table) or (self._lost and table in SPEAKERS):
                anchors = self.needle.anchors if table in TEXT_ONLY else ()
                yield from rows.hits(table, self._store.elsewhere(table, anchors, searched))
                yield from rows.hits(table, [self._store.held_rows(table)])  # some may have come there meanwhile

    def _look_through(self, unit: _Unit) -> Iterator[Hit | None]:
        before = self.bytes
        try:
            for step in self._found_in(unit):
                if isinstance(step, int):
                    self.bytes += step
                    yield None
                else:
                    yield step
        except (Unreadable, OSError, LookupError, ValueError):  # it went, or cannot be read now: `sources` says so
            self._lost.update(unit.agents)
        self.bytes = before + unit.size
        yield None

    def _found_in(self, unit: _Unit) -> Iterator[Hit | int]:
        """Return the hits in a unit, and bytes that were looked through."""
        if self._copies is not None:
            gone = [file.path for file in unit.files if self._copies.has(file.path) and not file.path.exists()]
            if gone:
                return self._found_in_copies(unit, gone, self._copies)
        return self._found_below(unit.files[0].source, unit)

    def _found_in_copies(self, unit: _Unit, gone: list[Path], copies: KeptTranscripts) -> Iterator[Hit | int]:
        """Return the hits in a unit of which some files are gone, once one of the copies holds an anchor."""
        if len(gone) == len(unit.files):  # else nothing is known of the others
            for found in chain.from_iterable(holding(copies.parts(path), self.needle.anchors) for path in gone):
                yield 0
                if found:
                    break
            else:
                return
        with copies.restored(unit.files[0].source, [file.path for file in unit.files]) as (elsewhere, restored):
            yield from self._found_below(elsewhere, unit)
        if len(restored) < len(unit.files):
            self._lost.update(unit.agents)

    def _found_below(self, source: Source, unit: _Unit) -> Iterator[Hit | int]:
        paths, mode = unit.paths, unit.files[0].mode
        if mode == "lines":
            return hits_in_lines(source, paths[0], self.needle)
        agent, session = self._unmasked(unit.agents[0]), self._session_of(unit.agents[0])
        if mode == "database":
            return hits_in_messages(source, paths[0], agent, session, self.needle)
        if documents_hold(source, paths, agent, self.needle):
            return hits_in_documents(source, paths, agent, session, self.needle)
        return iter(())

    def _session_of(self, agent: str) -> str | None:
        row = self._store.get("agents", agent) or self._store.get("sessions", agent)
        return None if row is None else row.get("session_id") or row["id"]

    def _units(self, searched: set[str]) -> Generator[None, None, list[_Unit]]:
        """Return what is to be looked through, the newest first, as far as is known without a look at the files.

        ``searched`` becomes the agents whose conversations it holds.
        """
        units: list[_Unit] = []
        documents: dict[tuple[Source, str], list[File]] = {}
        for number, (file, agents) in enumerate(self._spoken() if self.wanted.entries else (), 1):
            if number % AT_ONCE == 0:
                yield
            if not agents:
                continue
            searched.update(agents)
            if file.mode == "document":
                for agent in agents:
                    documents.setdefault((file.source, agent), []).append(file)
            elif not self._is_wanted(file.source, agents, file.written):
                continue
            elif file.mode == "lines":
                units.append(_Unit(file.written, file.size, [file], agents))
            else:
                for agent in agents:  # of one file: its size counts once
                    size = file.size if agent == agents[0] else 0
                    units.append(_Unit(self._seen_ns(agent, file.written), size, [file], (agent,)))
        for (source, agent), files in documents.items():
            written, size = max(file.written for file in files), sum(file.size for file in files)
            if self._is_wanted(source, (agent,), written):
                units.append(_Unit(written, size, files, (agent,)))
        units.sort(key=itemgetter(0), reverse=True)
        return units

    def _spoken(self) -> Iterator[tuple[File, tuple[str, ...]]]:
        """Yield each file, and each copy of one that is gone, with the agents whose conversations it holds."""
        for file in list(self._files.values()):
            yield file, self._speakers(file)
        for path, source, agents, written in self._copies.all(self._sources) if self._copies is not None else ():
            known = self._files.get(str(path))
            if (known is None or known.gone_at is not None) and (copied := File.of(source, path)) is not None:
                copied.written = written
                yield copied, agents

    def _speakers(self, file: File) -> tuple[str, ...]:
        """Return the agents whose conversations a file holds, if it is there and they can be read."""
        source = file.source
        if file.gone_at is not None or not isinstance(getattr(source, "book", None), Book):
            return ()
        if source.gives_way:  # files of others may tell the same
            return tuple(agent for agent in file.speakers if file.path in self._conversations.get(agent, ()))
        return file.speakers

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


class Searches:
    """The searches that one client can go on with."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Search] = OrderedDict()
        self._lock = threading.Lock()
        self._is_closed = False

    def begin(self, search: Search, limit: int, seconds: float, first: float = float("inf")) -> Portion:
        """Return the first portion of a search (:meth:`Search.portion`)."""
        return self._portion(secrets.token_urlsafe(12), search, limit, seconds, first)

    def go_on(self, cursor: str, limit: int, seconds: float, first: float = float("inf")) -> Portion:
        """Return the next portion. Raises :class:`SearchOver` if there is no such search any more."""
        with self._lock:
            search = self._kept.pop(cursor, None)
        if search is None:
            raise SearchOver("this search has ended; begin it again")
        return self._portion(cursor, search, limit, seconds, first)

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

    def _portion(self, cursor: str, search: Search, limit: int, seconds: float, first: float) -> Portion:
        hits = search.portion(limit, seconds, first)
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
