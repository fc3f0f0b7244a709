"""From files to the store: which source reads which file, in what order, and what follows from it.

The collector is told which paths may have changed (by the watcher, or all of them by :meth:`Collector.scan`) and
brings the store in step with the files. It is single-threaded: one thread calls it, any thread may read the store.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from . import database, transcript
from .masking import masked
from .processes import Processes, domain
from .records import Gone, Record
from .sources import SOURCES
from .sources.base import MISREAD, Evidence, Item, Process, Reader, Source, Speaker
from .stats import Stats
from .status import Statuses
from .store import Store, joined
from .tables import now_ms
from .tail import Tail, Unreadable, read_document

log = logging.getLogger("agent_widget")

MAX_FILES: Final = 100_000
"""Over all roots; directories that hold more are not agents'."""
_CLOCK_TICK_NS: Final = 50_000_000


class PathError(Exception):
    """A path that was asked for cannot be watched; the message says why and what to do."""


@dataclass(slots=True)
class _File:
    """One file: who reads it, how far, and what went wrong."""

    path: Path
    source: Source
    reader: Reader
    tail: Tail | None
    stamp: tuple[int, int, int] | None = None
    """Inode, size and time of writing when last read: another one means that something is new."""
    size: int = 0
    torn: bool = False
    malformed: int = 0
    error: str | None = None
    inode: int = 0
    """Of a database: another one is read from its start."""

    def look(self) -> tuple[int, int, int] | None:
        """The stamp that the file has now."""
        return database.stamp(self.path) if self.reader.mode == "database" else _stamp(self.path)


@dataclass(slots=True)
class SourceState:
    """What is read from one root, as the ``welcome`` frame and ``doctor`` tell it."""

    name: str
    path: str
    files: int = 0
    bytes: int = 0
    state: str = "watching"
    malformed: int = 0
    problems: list[str] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)


class Collector:
    """Reads the files below some roots into a store."""

    def __init__(
        self,
        paths: Iterable[str | os.PathLike[str]] = (),
        store: Store | None = None,
        *,
        clock: Callable[[], int] = now_ms,
        host: str | None = None,
        masking: bool = True,
    ) -> None:
        """Raises :class:`PathError` for a path that does not exist, is not a directory or cannot be read.

        ``masking``: secrets in what agents wrote do not enter the store (:mod:`agent_widget.masking`).
        """
        self.store = store or Store()
        self.clock = clock
        self.host = host or socket.gethostname()
        self.masking = masking
        self.sources = resolve(paths)
        self._files: dict[Path, _File] = {}
        self.processes = Processes(domain=domain())
        self._statuses = Statuses()
        self._stats = Stats()
        self._changed_at: dict[Path, float] = {}
        self._newcomers: set[str] = set()
        self._called_active: set[str] = set()
        self._tellers: dict[str, dict[Path, Source]] = {}
        """Agent → the files that tell of its conversation."""

    @property
    def roots(self) -> list[Path]:
        """The directories that are read."""
        return [source.root for source in self.sources]

    def scan(self) -> None:
        """Look at every file below every root and read what is new; then bring the derived tables up to date."""
        self.refresh(path for source in self.sources for path in self._walk(source, source.root))
        self.settle(stats=True)

    def refresh(self, paths: Iterable[Path]) -> bool:
        """Read what is new in ``paths``; directories are looked through. Returns whether the store changed."""
        before = self.store.seq
        files: list[tuple[int, float, _File]] = []
        known: set[Path] = set()
        for path in paths:
            for file in self._resolve(path):
                if file.path in known:  # a database and its log are one
                    continue
                known.add(file.path)
                stamp = file.look()
                # documents first (they say what things are), then the files that were written last
                files.append((file.tail is not None, -(stamp[2] if stamp else 0), file))
        for _, _, file in sorted(files, key=lambda entry: entry[:2]):
            self._read(file)
        self.settle()
        return self.store.seq != before

    def settle(self, *, stats: bool = False) -> bool:
        """Derive statuses and spans from new evidence and the clock; with ``stats`` the figures too."""
        before = self.store.seq
        now = self.clock()
        for process, found in self.processes.look(now):
            agent = self.store.get("agents", process.agent_id)
            if found == "runs":
                self._statuses.goes_on(process.agent_id, now)
            elif agent is not None:
                last = now if found == "ended" else max(process.at, agent["last_seen_at"] or 0) + 1
                self._statuses.observe(Evidence(process.agent_id, last, "offline", "its process has ended"))
        self._apply(list(self._statuses.settle(now)))
        self._apply(
            [
                Record("agents", id, {"status": "unknown", "status_reason": "no file says what it does"})
                for id in self._newcomers
                if (row := self.store.get("agents", id)) is not None and row["status"] is None
            ]
        )
        self._newcomers.clear()
        self._apply(list(self._active_sessions()))
        if stats and self._stats.dirty:
            self._apply(self._stats.records(now))
        return self.store.seq != before

    def _active_sessions(self) -> Iterator[Record]:
        """A session is active only as long as its agent is there: a file nobody writes any more still calls it so."""
        for id in self._called_active:
            session = self.store.get("sessions", id)
            if session:
                agent = self.store.get("agents", session["agent_id"] or "")
                status = "idle" if agent and agent["status"] in ("offline", "done", "failed") else "active"
                if session["status"] != status:
                    yield Record("sessions", id, {"status": status})

    @property
    def next_expiry(self) -> int | None:
        """When the clock alone changes a status, in milliseconds since the epoch."""
        return self._statuses.next_expiry

    def stale(self, within: float | None = None) -> list[Path]:
        """Known files whose size, inode or time differ from what was read, or that are torn or unfinished.

        ``within``: only files that changed in the last so many seconds.
        """
        since = time.monotonic() - within if within is not None else None
        found = []
        for path, file in self._files.items():
            if since is not None and self._changed_at.get(path, since) <= since and not file.torn:
                continue
            unfinished = file.torn or (file.tail is not None and file.tail.unfinished)
            if unfinished or file.look() != file.stamp:
                found.append(path)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether there is no file at all that any source reads."""
        return not self._files

    def states(self) -> list[SourceState]:
        """What is read, root by root."""
        states = []
        for source in self.sources:
            state = SourceState(source.name, str(source.root), unknown=dict(source.unknown))
            if not os.path.isdir(source.root):
                state.state = "missing"
            for file in list(self._files.values()):
                if file.source is not source:
                    continue
                state.files += 1
                state.bytes += file.size
                state.malformed += file.malformed + (file.tail.skipped_lines if file.tail else 0)
                if file.error:
                    state.problems.append(f"{file.path}: {file.error}")
            states.append(state)
        return states

    def transcript(
        self,
        id: str,
        before: str | None = None,
        after: str | None = None,
        limit: int = 50,
        chars: int = transcript.TEXT_CHARS,
    ) -> transcript.Page:
        """A page of the conversation of a session or an agent; see :func:`agent_widget.transcript.read_page`.

        Reads from the files, and may be called from any thread. Raises :class:`agent_widget.transcript.NoTranscript`.
        """
        session = self.store.get("sessions", id)
        agent_id = (session and session["agent_id"]) or id
        tellers = dict(self._tellers.get(agent_id, {}))
        if not tellers:
            known = session or self.store.get("agents", agent_id)
            raise transcript.NoTranscript("nobody wrote down what was said" if known else f"no session {id!r}")
        source = next(iter(tellers.values()))
        page = transcript.read_page(
            source, tellers, agent_id, before=before, after=after, limit=limit, chars=chars, masking=self.masking
        )
        for entry in page.entries:  # a change of a task that was named on an earlier page
            for todo in entry.get("todos", ()):
                row = None if todo["title"] else self.store.get("tasks", f"{id}:{todo['id']}")
                todo["title"] = (row and row["title"]) or todo["title"]
        return page

    def _resolve(self, path: Path) -> Iterator[_File]:
        """The files that ``path`` is or holds."""
        main = database.main_file(path)
        if main is not None and os.path.exists(main):
            path = main
        known = self._files.get(path)
        if known is not None:
            yield known
            return
        # of roots inside each other the innermost; os.path, since Path.exists and Path.is_dir can raise
        holding = [source for source in self.sources if path == source.root or source.root in path.parents]
        source = max(holding, key=lambda source: len(source.root.parts), default=None)
        if source is None:
            return
        if os.path.isdir(path):
            if not os.path.islink(path):
                for below in self._walk(source, path):
                    yield from self._resolve(below)
            return
        reader = self._reader(source, path)
        if reader is None or not os.path.exists(path) or len(self._files) >= MAX_FILES:
            return
        tail = Tail(path, source.root) if reader.mode == "lines" else None
        file = self._files[path] = _File(path, source, reader, tail)
        yield file

    @staticmethod
    def _reader(source: Source, path: Path) -> Reader | None:
        return source.reader(PurePosixPath(path.relative_to(source.root).as_posix()))

    def _walk(self, source: Source, directory: Path) -> Iterator[Path]:
        """Every file below a directory that is worth a look; symlinks to directories are not followed."""
        pending = [directory]
        while pending:
            current = pending.pop()
            try:
                with os.scandir(current) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            path = Path(entry.path)
                            if not source.skips(PurePosixPath(path.relative_to(source.root).as_posix())):
                                pending.append(path)
                        else:
                            yield Path(entry.path)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("%s: cannot be read: %s", current, error.strerror)

    def _read(self, file: _File) -> None:
        stamp, moment = file.look(), time.time_ns()
        if stamp == file.stamp and not file.torn and not (file.tail and file.tail.unfinished):
            return
        try:
            if file.reader.mode == "database":
                self._read_database(file)
                file.error = None
            elif file.tail is None:
                self._read_document(file)
            else:
                self._read_lines(file, file.tail)
                file.error = None
        except FileNotFoundError:
            # its rows stay; a new file of that name is read from its start
            stamp, file.torn, file.error = None, False, None
        except (Unreadable, OSError) as problem:
            reason = (isinstance(problem, OSError) and problem.strerror) or str(problem)
            if file.error != reason:
                log.warning("%s: %s", file.path, reason)
            file.error = reason
        except Exception as fault:  # a fault in one source must not keep the other files from being read
            log.exception("%s: could not be taken in", file.path)
            file.error = f"could not be taken in ({type(fault).__name__}: {fault})"
        # A write within the same tick of the file system's clock would leave the same stamp: do not trust it yet.
        fresh = stamp is not None and abs(moment - stamp[2]) < _CLOCK_TICK_NS
        file.stamp = None if fresh else stamp
        file.size = stamp[1] if stamp else 0
        self._changed_at[file.path] = time.monotonic()

    def _read_document(self, file: _File) -> None:
        data = read_document(file.path, file.source.root)
        try:
            items = list(file.reader.read(data))
        except MISREAD as error:
            # most likely caught in the middle of a write: the last good state stays and it is read again
            if not file.torn:
                file.malformed += 1
            file.torn = True
            file.error = f"not readable as {file.path.suffix or 'text'} ({error})"
            return
        file.torn, file.error = False, None
        self._take(file, items)

    def _read_lines(self, file: _File, tail: Tail) -> None:
        for portion in tail.read():
            if portion.restarted:
                file.reader = (
                    file.source.reader(PurePosixPath(file.path.relative_to(file.source.root).as_posix())) or file.reader
                )
            items: list[Item] = []
            for line in portion.lines:
                try:
                    items.extend(file.reader.read(line))
                except MISREAD as error:
                    file.malformed += 1
                    log.debug("%s: a line was skipped: %s", file.path, error)
            self._take(file, items)

    def _read_database(self, file: _File) -> None:
        inode = os.stat(file.path).st_ino
        if file.inode not in (0, inode):
            file.reader = self._reader(file.source, file.path) or file.reader
        file.inode = inode
        for items in database.read(file.path, file.source.root, file.reader.query):
            self._take(file, items)

    def _take(self, file: _File, items: list[Item]) -> None:
        operations: list[Record | Gone] = []
        for item in items:
            if isinstance(item, Evidence):
                self._statuses.observe(item)
            elif isinstance(item, Speaker):
                self._tellers.setdefault(item.agent_id, {})[file.path] = file.source
            elif isinstance(item, Process):
                self.processes.note(item)
            else:
                operations.append(item)
        self._apply(map(self._without_active, joined(operations)), file.source.name)

    def _without_active(self, operation: Record | Gone) -> Record | Gone:
        """Sessions that a file calls active are noted; whether they are follows from their agents."""
        if operation.table == "sessions" and isinstance(operation, Record) and "status" in operation.fields:
            if operation.fields["status"] == "active":
                self._called_active.add(operation.id)
                fields = {name: value for name, value in operation.fields.items() if name != "status"}
                return Record(operation.table, operation.id, fields)
            self._called_active.discard(operation.id)
        return operation

    def _apply(self, operations: Iterable[Record | Gone], source: str | None = None) -> None:
        defaults: dict[str, Any] = {"source": source or "agent_widget", "host": self.host}
        if self.masking:
            operations = map(masked, operations)
        changes = self.store.apply(operations, defaults)
        self._stats.note(changes)
        self._newcomers.update(change.id for change in changes if change.table == "agents" and change.old is None)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def resolve(paths: Iterable[str | os.PathLike[str]]) -> list[Source]:
    """The sources for some paths, or for every known place of this machine if there are none.

    A directory nobody recognises is taken as a workspace that is still to be filled. Raises :class:`PathError`.
    """
    found: list[tuple[type[Source], Path]] = []
    given = list(paths)
    if not given:
        for kind in SOURCES:
            found += [(kind, root.resolve()) for root in kind.default_roots(os.environ, Path.home()) if root.is_dir()]
    for path in given:
        found.append(_recognise(path))
    sources: list[Source] = []
    for kind, root in dict.fromkeys(found):
        same = sum(type(source) is kind for source in sources)
        sources.append(kind(root, namespace=f"{root.parent.name or root.name}{same + 1}/" if same else ""))
    return sources


def _recognise(path: str | os.PathLike[str]) -> tuple[type[Source], Path]:
    shown = os.fspath(path)
    if not shown.strip():
        raise PathError("an empty path was given; name a directory, e.g. memory/")
    try:
        root = Path(shown).expanduser().resolve(strict=True)
        if not root.is_dir():
            raise PathError(f"{shown}: not a directory; give the directory that holds the agents' files")
        with os.scandir(root) as entries:
            next(entries, None)
    except FileNotFoundError:
        raise PathError(f"{shown}: no such directory; check the path, or create it first") from None
    except OSError as error:
        raise PathError(f"{shown}: cannot be read ({error.strerror}); check its permissions") from None
    except (RuntimeError, ValueError) as error:  # no such user, symlinks in a circle, a NUL
        raise PathError(f"{shown!r}: not a usable path ({error}); name a directory, e.g. memory/") from None
    for directory in (root, root / "memory"):
        for kind in SOURCES:
            if directory.is_dir() and kind.recognises(directory):
                return kind, directory
    return SOURCES[0], root
