"""From files to the store: which source reads which file, in what order, and what follows from it.

The collector is given the paths that may have changed (by the watcher, or all of them by :meth:`Collector.scan`) and
brings the store in step with the files. What is to be read is kept in a list, the newest first, and read in portions,
so that a big first reading shows what it has come to and is interrupted by what happens meanwhile. It is
single-threaded: one thread calls it, any thread may read the store and :meth:`Collector.states`.
"""

from __future__ import annotations

import heapq
import logging
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ..masking import masked, masked_fields
from ..protocol import SourceState
from ..sources.base import Evidence, Item, Process, Source, Speaker
from ..store import Change, Store, joined
from ..tables import LIMITS, TABLES, Gone, Record, now_ms
from . import database
from .archive import Archive, ArchiveError
from .checkpoint import Checkpoint
from .file import File, Rank
from .progress import Progress
from .roots import resolve
from .stats import Stats
from .status import Statuses

log = logging.getLogger("agent_widget")

MAX_FILES: Final = 100_000
"""Maximum files over all roots; directories that hold more are not agents'."""
_AT_ONCE: Final = 5000
"""Maximum records per call of :meth:`Store.apply`, which holds the store's lock."""


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
        archive: Callable[[list[Path]], Archive] | None = None,
        retention_ms: int | None = None,
    ) -> None:
        """Raise :class:`.PathError` for a path that does not exist, is not a directory or cannot be read.

        ``masking``: secrets in what agents wrote do not enter the store (:mod:`agent_widget.masking`). ``archive``
        opens the archive of the roots that are read: what it has kept is there at once, and what has not changed since
        is not read again. Where it cannot be opened, :attr:`archive_problem` says why, and nothing is kept.
        ``retention_ms``: rows that are older by their own time are taken out of the archive (:meth:`prune`).
        """
        self.store = store or Store()
        self.clock = clock
        self.host = host or socket.gethostname()
        self.masking = masking
        self.sources = resolve(paths)
        self._files: dict[Path, File] = {}
        self._list: list[tuple[Rank, int, File]] = []
        self._numbers = count()
        self._looked = False
        self._progress = Progress()
        self.checked_at: int | None = None
        """When the last round of reading was finished, in milliseconds since the epoch."""
        self.statuses = Statuses(self.store)
        self._stats = Stats()
        self._changed_at: dict[Path, float] = {}
        self.unmasked: dict[str, str] = {}
        """Masked id or path in the store → what it is in the files; only those that held a secret."""
        self.conversations: dict[str, dict[Path, Source]] = {}
        """Agent → the files that hold its conversation, and the source of each."""
        self.archive: Archive | None = None
        self.archive_problem: str | None = None
        self.retention_ms = retention_ms
        self._unsaved = False
        if archive is not None and self.sources:
            try:
                self.archive = archive(self.roots)
            except ArchiveError as error:
                self.archive_problem = str(error)
                log.warning("%s", error)
            else:
                self._restore(self.archive)

    def _restore(self, archive: Archive) -> None:
        """Take over what the archive has kept."""
        self.archive_problem = archive.problem
        self.store.back(archive, archive.saved(LIMITS), LIMITS)
        checkpoint = archive.recall()
        if not isinstance(checkpoint, Checkpoint) or not checkpoint.fits(self.sources):
            self._stats.note(Change(table, row["id"], None, row) for table in TABLES for row in archive.since(table, 0))
            return
        self.sources, files, self.statuses, self._stats, self.conversations = checkpoint
        self.statuses.follow(self.store)
        for file in files:
            file.rank, file.again = None, False
            self._files[file.path] = file
            self._progress.note(file)

    def save(self) -> None:
        """Write the rows that changed to the archive, if there is one; call it before they are sent to anybody."""
        if self.archive is None:
            return
        self._unsaved |= self.store.is_unwritten
        try:
            self.store.write()
        except sqlite3.Error as error:  # it is tried again with the next round; until then the rows are in memory
            if self.archive_problem is None:
                log.warning("%s: cannot be written: %s", self.archive.path, error)
            self.archive_problem = f"the archive cannot be written ({error}); what is read now is kept in memory only"
        else:
            self.archive_problem = self.archive.problem

    def checkpoint(self) -> None:
        """Write what must be remembered to go on from here, if anything was read since the last time."""
        self.save()
        if self.archive is None or not self._unsaved:
            return
        # one in the middle of a reading is read from its start again
        whole = [file for file in self._files.values() if not file.unread and file.portions is None]
        memory = Checkpoint(self.sources, whole, self.statuses, self._stats, self.conversations)
        try:
            self.archive.remember(memory)
        except Exception as fault:  # without it all is read again after a restart, which is slow and right
            log.warning("%s: no checkpoint (%s: %s)", self.archive.path, type(fault).__name__, fault)
        else:
            self._unsaved = False

    def prune(self) -> bool:
        """Take out some of the rows that are older than the retention; returns whether there may be more of them."""
        if self.archive is None or self.retention_ms is None:
            return False
        before, more = self.clock() - self.retention_ms, False
        for table in TABLES:
            if table != "stats":
                ids = self.archive.before(table, before, _AT_ONCE)
                self._apply([Gone(table, id) for id in ids])
                more |= len(ids) == _AT_ONCE
        self.save()
        return more

    def close(self) -> None:
        """Write a last checkpoint and close the archive."""
        if self.archive is not None:
            self.checkpoint()
            self.archive.close()

    @property
    def roots(self) -> list[Path]:
        """The directories that are read."""
        return [source.root for source in self.sources]

    def scan(self) -> None:
        """Look at every file below every root and read what is new; then bring the derived tables up to date."""
        self.look()
        self.read_on()
        self.settle(stats=True)

    def look(self, paths: Iterable[Path] | None = None) -> None:
        """Put what ``paths`` are or hold on the list of files to be read; without ``paths`` all there is."""
        everything = (path for source in self.sources for path in self._walk(source, source.root))
        for path in everything if paths is None else paths:
            for file in self._resolve(path):
                self._await(file)
        self._looked |= paths is None

    def _await(self, file: File) -> None:
        stamp = file.look()
        if file.portions is not None:
            file.again = True
        elif stamp == file.stamp and not file.unfinished and not file.unread:
            return
        rank = file.rank_of(stamp)
        if file.rank is None or rank < file.rank:  # what is written now comes before what was
            file.rank = rank
            heapq.heappush(self._list, (rank, next(self._numbers), file))
        if file.unread and stamp is not None:
            file.size = stamp[1]
        self._progress.note(file)

    def read_on(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Read what is on the list, portion by portion until ``stop()``; returns whether nothing is left."""
        while self._list:
            rank, _, file = self._list[0]
            if rank != file.rank:  # it had another place on the list since
                heapq.heappop(self._list)
                continue
            more = self._read_portion(file)
            self._progress.note(file)
            if not more:
                heapq.heappop(self._list)
                again, file.rank, file.portions, file.again = file.again, None, None, False
                self._changed_at[file.path] = time.monotonic()
                if again:
                    self._await(file)
            if stop():
                break
        return not self._list

    def _read_portion(self, file: File) -> bool:
        """Take in the next portion of a file; returns whether there may be another."""
        if file.portions is None:
            file.portions = file.read()
        try:
            self._take(file, next(file.portions))
        except StopIteration:
            return False
        except Exception as fault:  # what one reader returned must not keep the other files from being read
            file.fail(fault)
            return False
        return True

    def settle(self, *, stats: bool = False) -> bool:
        """Derive statuses and spans from new evidence and the clock; with ``stats`` the figures too."""
        before = self.store.seq
        now = self.clock()
        if self._looked and not self._list:
            self.checked_at = now
        self._apply(list(self.statuses.settle(now, all_read=not self._list)))
        if stats and self._stats.dirty:
            self._apply(self._stats.records(now))
        return self.store.seq != before

    def stale(self, within: float | None = None) -> list[Path]:
        """Return known files whose size, inode or time differ from what was read, or that are torn or unfinished.

        ``within``: only files that changed in the last so many seconds.
        """
        since = time.monotonic() - within if within is not None else None
        found = []
        for path, file in self._files.items():
            if since is not None and self._changed_at.get(path, since) <= since and not file.torn:
                continue
            if file.unfinished or file.look() != file.stamp:
                found.append(path)
        return found

    @property
    def is_empty(self) -> bool:
        """Whether there is no file at all that any source reads; ``False`` while nobody has looked."""
        return self._looked and not self._files

    @property
    def left(self) -> int:
        """How many bytes are still to be read for the first time."""
        return self._progress.left

    def states(self) -> list[SourceState]:
        """Return what is read, root by root; all of it is still to be read while nobody has looked."""
        states = self._progress.states(self.sources, self.checked_at)
        if not self._looked:
            for state in states:
                state.state = "reading" if state.state == "watching" else state.state
        return states

    def _resolve(self, path: Path) -> Iterator[File]:
        """Yield the files that ``path`` is or holds."""
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
        file = File.of(source, path) if os.path.exists(path) and len(self._files) < MAX_FILES else None
        if file is not None:
            self._files[path] = file
            yield file

    def _walk(self, source: Source, directory: Path) -> Iterator[Path]:
        """Yield every file below a directory that a source may read; symlinks to directories are not followed."""
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

    def _take(self, file: File, items: list[Item]) -> None:
        operations: list[Record | Gone] = []
        for item in items:
            if self.masking and isinstance(item, Evidence | Speaker | Process):
                safe = masked_fields(item)
                if safe.agent_id != item.agent_id:
                    self.unmasked[safe.agent_id] = item.agent_id
                item = safe
            if isinstance(item, Evidence):
                self.statuses.observe(item)
            elif isinstance(item, Speaker):
                self.conversations.setdefault(item.agent_id, {})[file.path] = file.source
            elif isinstance(item, Process):
                self.statuses.processes.note(item)
            else:
                operations.append(item)
        claims = joined(operations)
        if self.masking:
            claims = map(self._masked, claims)
        claims = self.statuses.without_active(claims)
        while portion := list(islice(claims, _AT_ONCE)):
            self._apply(portion, file.source.name)

    def _masked(self, operation: Record | Gone) -> Record | Gone:
        """Return a record without secrets; what its id and its path were is needed to read the file again."""
        safe = masked(operation)
        if safe.id != operation.id:
            self.unmasked[safe.id] = operation.id
        if isinstance(operation, Record) and isinstance(safe, Record) and safe is not operation:
            path, shown = operation.fields.get("path"), safe.fields.get("path")
            if path != shown:
                self.unmasked[str(shown)] = str(path)
        return safe

    def _apply(self, operations: Iterable[Record | Gone], source: str | None = None) -> None:
        defaults: dict[str, Any] = {"source": source or "agent_widget", "host": self.host}
        changes = self.store.apply(operations, defaults)
        self._stats.note(changes)
        self.statuses.note(changes)
