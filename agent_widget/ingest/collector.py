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
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ..garbage import uncollected
from ..masking import mask, masked
from ..protocol import HostState, Publishing, SourceState
from ..sources.base import Evidence, Item, Process, Source, Speaker
from ..sources.steps import PERSON
from ..sources.texts import title_of
from ..store import Row, Store, joined
from ..tables import Gone, Record, now_ms
from . import database, homes, joining
from .accounts import Accounts
from .archive import Archive
from .archive_file import ArchiveError
from .checkpoint import Checkpoint
from .crew import MOST_WORKERS, MUCH, Assignment, Crew, assignments, cores
from .file import File, OneFile, Rank
from .keeping import Keeper
from .precedence import Precedence
from .progress import MAX_PROBLEMS, More, Progress
from .projects import Projects, Rename
from .retention import Retention
from .roots import add_known, known_kinds, known_places, resolve
from .stats import Stats
from .status import Statuses
from .tail import BLOCK, Unreadable
from .tree import Tree
from .unmasked import mask_fact, mask_record
from .usage import UsageRows
from .worker import Found, Reading

log = logging.getLogger("agent_widget")

MAX_FILES: Final = 100_000
"""Over all roots; of more than that the newest are read."""
MAX_GONE: Final = 10_000
"""Files that are remembered though they are not there any more."""
HOT_FOR: Final = 300.0
"""Seconds for which a file that changed is checked often."""
HOT_FILES: Final = 500
"""Maximum files, those that changed last, that are checked often."""
VERIFY_BYTES: Final = 2**20
"""Maximum bytes of grown files compared with what was read of them, per check."""
_OF_ACCOUNTS: Final = ("agents", "sessions", "limits")
_OVER: Final = object()
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
        workers: int | None = None,
        follows: bool = False,
    ) -> None:
        """Raise :class:`.PathError` for a path that does not exist, is not a directory or cannot be read.

        ``masking``: secrets in what agents wrote do not enter the store (:mod:`agent_widget.masking`). ``archive``
        opens the archive of the roots that are read: what it has kept is there at once, and what has not changed since
        is not read again. Where it cannot be opened, :attr:`archive_problem` says why, and nothing is kept.
        ``retention_ms``: rows that are older by their own time are taken out of the archive (:meth:`prune`).
        ``workers``: how many processes may read a large home beside this one; by default as many as there are cores,
        none if there is one. It needs an archive.
        ``follows``: rows of other hosts are to be kept, though there may be no files here.
        """
        self.store = store or Store()
        self.clock = clock
        self.host = host or socket.gethostname()
        self.masking = masking
        given = list(paths)
        self.known = not given
        """Whether every known place of this machine is read, those that are made later too."""
        self.sources = resolve(given)
        self._open_archive = archive
        self._follows = follows
        self.files: dict[str, File] = {}
        """What is known of each file, by name."""
        self._list: list[tuple[Rank, int, File]] = []
        self._numbers = count()
        self._moved: set[Source] = set()
        """The sources whose roots led elsewhere when they were looked at last."""
        self.looked = False
        """Whether all directories have been looked at once."""
        self._progress = Progress()
        self.checked_at: int | None = None
        """When the last round of reading was finished, in milliseconds since the epoch."""
        self.statuses = Statuses(self.store)
        self._stats = Stats()
        self._usage = UsageRows(self.store)
        self._precedence = Precedence(self.store, lambda: self.sources)
        self.projects = Projects()
        self._accounts = Accounts()
        self._hot: dict[File, float] = {}
        """When files that changed lately were read, the earliest first."""
        self._retries: list[tuple[float, int, File]] = []
        self._oldest: list[tuple[int, int, File]] | None = None
        """Files by when they were written, the oldest first; kept from when there are too many of them."""
        self.gone: dict[Path, int] = {}
        """Files that are not there any more, and since when, in milliseconds since the epoch; the earliest first."""
        self.degraded: Callable[[Path], str | None] = lambda root: None
        """Says why changes below a root are seen late; whoever notifies of changes sets it."""
        self.writes: Callable[[Source], list[str]] = lambda source: []
        """Says which changes a source takes; whoever makes them sets it."""
        self.publishing: Callable[[], Publishing | None] = lambda: None
        """Says how it goes with a broker; whoever publishes the rows sets it."""
        self.unmasked: dict[str, str] = {}
        """Masked id or path in the store → what it is in the files; only those that held a secret."""
        self.followed: dict[str, dict[str, Any]] = {}
        """What is known of followed hosts, by where they are; it is kept with their rows."""
        self.hosts: Callable[[], tuple[list[HostState], list[SourceState]]] = lambda: ([], [])
        """Says how the followed hosts are, and what they read; whoever follows them sets it."""
        self.away: Callable[[int], list[tuple[str, str, Row | None]]] = lambda now: []
        """Says, at a time, which of their rows are to stand otherwise, since a host is gone or back."""
        self.home: str | None = None
        """Tells this home from others (:mod:`.homes`); ``None`` while nobody has asked for it."""
        self.conversations: dict[str, Mapping[Path, Source]] = {}
        """Agent → the files that hold its conversation, and the source of each."""
        self._keeper: Keeper | None = None
        self._no_archive: str | None = None
        """Why there is no archive though there should be one."""
        self.retention_ms = retention_ms
        self._workers = workers
        self._crew: Crew | None = None
        self._own = 0
        """Bytes that are left to be read here: workers were given none of them, or could not read them."""
        self._joining: Iterator[None] | None = None
        """What a worker has found, while it is taken in."""
        self._put_off: list[Source] = []
        """The sources whose prices have to wait, and workers with them."""
        self._retention = Retention(self.store, self._apply)
        if self.sources or follows:
            self._begin_archive()
        self.tree = Tree(lambda: self.sources)

    def grow(self) -> bool:
        """Take in known places that were made since, if no paths were given; returns whether there were any."""
        if not self.known or not add_known(self.sources):
            return False
        self._tell_homes_apart()
        if self._keeper is not None:
            self._keeper.share(self.sources, self.statuses, self._usage)
        elif self._no_archive is None:
            self._begin_archive()
        return True

    def _tell_homes_apart(self) -> None:
        """Name the home that rows are from, where it was the only one of its kind until now."""
        for source in self.sources:
            account = self._accounts.of(source, self.sources)
            if account is None or source.namespace:
                continue
            for table in _OF_ACCOUNTS:
                rows = filter(self.is_own, self.store.rows(table))
                unnamed = [row["id"] for row in rows if _is_unnamed(row, source)]
                self._apply([Record(table, id, {"account": account}) for id in unnamed])

    @property
    def archive(self) -> Archive | None:
        """What keeps what was read, if there is one."""
        return self._keeper.archive if self._keeper is not None else None

    @property
    def archive_problem(self) -> str | None:
        """Why there is no archive, or what is wrong with it."""
        return self._keeper.problem if self._keeper is not None else self._no_archive

    def _begin_archive(self) -> None:
        if self._open_archive is None:
            return
        try:
            archive = self._open_archive(self.places)
            # how rows of a host that is gone stand follows from those in memory
            keeper = self._keeper = Keeper(archive, self.store, newest=self._follows)
        except ArchiveError as error:
            self._no_archive = str(error)
            log.warning("%s", error)
        else:
            self._restore(keeper)

    def _restore(self, keeper: Keeper) -> None:
        """Take over what the archive has kept."""
        recalled = keeper.recall(self.sources)
        if recalled is None:
            keeper.share(self.sources, self.statuses, self._usage)
            for changes in keeper.rows():
                self._stats.note(changes)
                own = [change for change in changes if change.new is None or self.is_own(change.new)]
                self._usage.note(own)
                self.statuses.recall(own)
            self._usage.doubt(row for row in keeper.archive.rows("usage") if self.is_own(row))
            self._recall_missing(keeper)
            return
        (sources, self.statuses, self._stats, self._usage, unmasked, self.projects, followed), files = recalled
        self.followed.update(followed)
        # in place: on-demand reading has this list and these dicts, also if the first home comes after the start
        self.unmasked.update(unmasked)
        known = {(type(source), source.root) for source in sources}
        sources += [source for source in self.sources if (type(source), source.root) not in known]
        self.sources[:] = sources
        self.statuses.follow(self.store)
        self._usage.follow(self.store)
        keeper.share(self.sources, self.statuses, self._usage)
        for file in files:
            self.files[file.name] = file
            self._progress.note(file)
            for agent in file.speakers:
                self._note_speaker(agent, file)
        gone = [(file.gone_at, file.path) for file in files if file.gone_at is not None]
        self.gone.update((path, moment) for moment, path in sorted(gone))

    def _recall_missing(self, keeper: Keeper) -> None:
        """Know the files again that another version has read and that went: their rows are here."""
        for name, state in keeper.missing():
            path = Path(name)
            source = self._source_of(path)
            file = File.of(source, path) if source is not None and not state.unread else None
            if file is None:
                continue
            file.miss(state)
            self.files[name] = file
            if file.gone_at is not None:
                self.gone[path] = file.gone_at
            self._progress.note(file)
            keeper.touch(file)
            self.statuses.miss(file.speakers)
            for agent in file.speakers:
                self._note_speaker(agent, file)

    def save(self) -> None:
        """Write the rows that changed to the archive, if there is one."""
        if self._keeper is not None:
            self._keeper.save()

    @property
    def unkept(self) -> int:
        """How many entries and files :meth:`checkpoint` would write."""
        return self._keeper.unkept if self._keeper is not None else 0

    def checkpoint(self) -> None:
        """Write what must be remembered to go on from here, if anything was read since the last time."""
        if self._keeper is not None:
            self.catch_up()
            memory = self.statuses, self._stats, self._usage, self.unmasked, self.projects, self.followed
            rest = Checkpoint(self.sources, *memory)
            self._keeper.checkpoint(rest, self._hot)

    def put_off(self) -> None:
        """Price nothing and start no workers until :meth:`catch_up`, so that the first rows are there soon."""
        self._put_off = list(self.sources)
        for source in self._put_off:
            source.put_off_prices()

    def catch_up(self) -> None:
        """Price what was read since :meth:`put_off`, if it was put off."""
        while self._put_off:
            source = self._put_off[-1]
            self._claim(list(source.set_prices()), source)
            self._put_off.pop()

    def prune(self) -> bool:
        """Take out some of the rows that are older than the retention; returns whether there may be more of them."""
        archive = self.archive
        if archive is None or self.retention_ms is None:
            return False
        more = self._retention.prune(archive, self.clock() - self.retention_ms)
        self.save()
        return more

    def close(self) -> None:
        """Write a last checkpoint and close the archive."""
        if self._crew is not None:
            self._crew.close()
        self.checkpoint()
        if self._keeper is not None:
            self._keeper.close()

    @property
    def roots(self) -> list[Path]:
        """The directories that are read."""
        return [source.root for source in self.sources]

    @property
    def places(self) -> list[Path]:
        """What is asked for: roots, or parts of them; with no paths given also places that are not there yet."""
        return known_places() if self.known else [place for source in self.sources for place in source.places]

    def scan(self) -> None:
        """Look at every file below every root and read what is new; then bring the derived tables up to date."""
        with uncollected():
            self.look()
            self.read_on()
            self.settle(stats=True)

    def look(self, paths: Iterable[Path] | None = None) -> None:
        """Put what ``paths`` are or hold on the list of files to be read; without ``paths`` all there is."""
        if paths is None:
            self.tree.doubt()
            for _ in self.check():
                pass
            return
        for path in paths:
            for file in self._resolve(path):
                self._await(file)

    def check(self) -> Iterator[None]:
        """Look at every directory and every known file; between two steps of it others may have their turn."""
        seen: set[File] = set()
        moved = {source for source in self.sources if _moved_to(source.root)}
        back, self._moved = self._moved - moved, moved
        for known in self.files.values() if back else ():
            if known.source in back and known.failures:  # while its root was elsewhere it could not be read
                known.failures, known.retry_at = 0, 0.0
        for found in self.tree.check():
            if found is not None and found[0] not in moved:
                file = self.files.get(found[1]) or self._known(found[0], Path(found[1]))
                if file is not None and file not in seen:
                    seen.add(file)
                    self._await(file)
            yield
        for file in list(self.files.values()):
            if file not in seen and file.source not in moved and self.files.get(file.name) is file:
                self._await(file)
                yield
        if self.tree.leaves_out and self._progress.files < MAX_FILES:
            self.tree.doubt_left_out()
        self.looked = True

    def _await(self, file: File) -> None:
        if file.away:
            file.again = True  # it is looked at when it is back
            return
        stamp = file.look()
        if stamp is not None:
            file.written = stamp[2]
        if (stamp is None) != (file.gone_at is not None) and not (stamp is None and file.unread):
            self._note_gone(file, stamp is None)
        if file.portions is not None:
            if file.again:
                return  # its place stays: a file that is written all the time must not keep the others from being read
            file.again = True
        elif not file.is_due(stamp):
            return
        rank = file.rank_of(stamp)
        if file.rank is None or rank < file.rank:  # what is written now comes before what was
            file.rank = rank
            heapq.heappush(self._list, (rank, next(self._numbers), file))
        if file.unread and stamp is not None:
            file.size = max(0, stamp[1])
            self._progress.note(file)

    def _note_gone(self, file: File, gone: bool) -> None:
        file.gone_at = self.clock() if gone else None
        self.gone.pop(file.path, None)
        if file.gone_at is not None:
            self.gone[file.path] = file.gone_at
            if len(self.gone) > MAX_GONE:
                self._drop(self.files[str(next(iter(self.gone)))])
        self._progress.note(file)
        self._touch(file)

    def _touch(self, file: File) -> None:
        """Note that the archive does not have what is known of a file now."""
        if self._keeper is not None:
            self._keeper.touch(file)

    def _drop(self, file: File) -> None:
        """Forget a file; its rows stay."""
        if file.portions is not None:
            file.portions.close()
        file.rank = file.portions = None
        del self.files[file.name]
        self._hot.pop(file, None)
        self.gone.pop(file.path, None)
        self._progress.forget(file)
        if self._keeper is not None:
            self._keeper.forget(file)

    def retry(self) -> None:
        """Put files whose reading failed on the list again, if it is time."""
        while self._retries and self._retries[0][0] <= time.monotonic():
            at, _, file = heapq.heappop(self._retries)
            if file.retry_at == at and self.files.get(file.name) is file:
                self._await(file)

    @property
    def retry_at(self) -> float:
        """When :meth:`retry` has something to do (:func:`time.monotonic`)."""
        return self._retries[0][0] if self._retries else float("inf")

    def verify(self, limit: int = VERIFY_BYTES) -> None:
        """Check some of what was read of files that grew lately: it may have been changed meanwhile."""
        for file in list(self._hot):
            if limit <= 0:
                return
            if file.tail is None or file.portions is not None or not file.tail.is_doubtful:
                continue
            with suppress(OSError, Unreadable):  # reading it says so
                if not file.tail.verify(limit):
                    self._await(file)
            limit -= min(limit, max(BLOCK, file.tail.offset))

    def read_on(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Read what is on the list, portion by portion until ``stop()``; returns whether nothing is left."""
        self._engage()
        while self._list or self._crew is not None:
            if self._crew is not None and (self._join(0.0 if self._list else 0.01) or not self._list):
                if stop():
                    break
                continue
            rank, _, file = self._list[0]
            if rank != file.rank:  # it had another place on the list since
                heapq.heappop(self._list)
                continue
            is_new = file.unread
            more = self._read_portion(file)
            if self.files.get(file.name) is not file:
                continue
            if is_new or not more:
                self._progress.note(file)
            if not more:
                heapq.heappop(self._list)
                again, file.rank, file.portions, file.again = file.again, None, None, False
                self._note_read(file, is_new)
                if again:
                    self._await(file)
            if stop():
                break
        return not self._is_reading

    @property
    def _is_reading(self) -> bool:
        return bool(self._list) or self._crew is not None

    def _engage(self) -> None:
        """Give files to workers, if there is much to read that was not found to be for this process."""
        if self._crew is not None or self._keeper is None or not self.looked or not self._list or self._put_off:
            return
        left = self._progress.left
        self._own = min(self._own, left)
        if left - self._own <= MUCH:
            return
        count = cores() if self._workers is None else self._workers
        if count < (2 if self._workers is None else 1):
            return
        recent = time.time_ns() - int(HOT_FOR * 1e9)
        waiting = [file for rank, _, file in sorted(self._list) if rank == file.rank and file.written < recent]
        given = assignments(self.sources, waiting, self.files.values(), masking=self.masking)
        files = [file for assignment in given for file in assignment.files]
        if sum(file.size for file in files) <= MUCH:
            self._own = left
            return
        for file in files:
            file.away, file.rank = True, None
        self._crew = Crew(given, min(count, MOST_WORKERS))

    def _join(self, timeout: float) -> bool:
        """Take in a portion of what workers have found; returns whether there was any."""
        assert self._crew is not None
        if self._joining is None:
            back = self._crew.found(timeout)
            if back is None:
                return False
            self._joining = self._take_back(*back)
        if next(self._joining, _OVER) is _OVER:
            self._joining = None
            if not self._crew.left:
                self._crew.close()
                self._crew = None
                self._own = self._progress.left
        return True

    def _take_back(self, assignment: Assignment, found: Found | None, last: bool) -> Iterator[None]:
        """Take in a part of what a worker has found; with the last one its files are read, or to be read here."""
        assert self._keeper is not None
        if found is None:
            assignment.failed = True
        elif not assignment.failed:
            kept = self._keeper.kept(assignment.batch.number)
            self.unmasked.update(found.unmasked)
            try:
                yield from joining.steps(assignment.source, found, kept, self._claim, self.statuses)
            except Exception:
                log.exception("what a worker has found cannot be taken in; its files are read again")
                assignment.failed = True
            else:
                assignment.readings.update((reading.path, reading) for reading in found.files)
        if last:
            for file in assignment.files:
                reading = assignment.readings.get(os.fsencode(file.name))
                self._come_back(file, None if assignment.failed else reading)

    def _come_back(self, file: File, reading: Reading | None) -> None:
        """Take over how far a worker has read a file; without a ``reading`` it is to be read here."""
        assert self._keeper is not None
        file.away = False
        if self.files.get(file.name) is not file:
            return
        again, file.again = file.again, False
        if reading is None or reading.state.unread or reading.state.retries is not None:
            self._await(file)
            return
        file.adopt(reading.state)
        self._keeper.take_reader(file, reading.reader)
        for agent in file.speakers:
            self._note_speaker(agent, file)
        self._progress.note(file)
        if again:
            self._await(file)

    def _note_speaker(self, agent: str, file: File) -> None:
        """Note that a file holds the conversation of an agent, or a part of it."""
        held = self.conversations.get(agent)
        if held is None:
            self.conversations[agent] = OneFile(file)
        elif file.path not in held:
            self.conversations[agent] = {**held, file.path: file.source}

    def _note_read(self, file: File, is_new: bool) -> None:
        """Note that a file has been read as far as it goes for now."""
        if file.retry_at is not None and file.retry_at != float("inf"):
            heapq.heappush(self._retries, (file.retry_at, next(self._numbers), file))
        if not is_new or time.time() - file.written / 1e9 < HOT_FOR:
            self._hot.pop(file, None)
            self._hot[file] = time.monotonic()

    def _read_portion(self, file: File) -> bool:
        """Take in the next portion of a file; returns whether there may be another."""
        self._touch(file)
        if file.portions is None:
            if self._keeper is not None:
                self._keeper.wake(file)
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
        all_read = self.looked and not self._is_reading
        if all_read:
            self.checked_at = now
        self._apply(list(self.statuses.settle(now, all_read=all_read)))
        if all_read and (unread := self._usage.unread()):
            self._carry(unread)
        self._apply(list(self._usage.settle(now, all_read=all_read)))
        if rows := self.away(now):
            self.take_over(rows)
        if stats and self._stats.dirty:
            self._apply(self._stats.records(now))
        return self.store.seq != before

    def _carry(self, rows: Sequence[Row]) -> None:
        """Add what agents used whose files are gone to the sums of their sessions, of which other files are there."""
        for source in self.sources if rows else ():
            self._claim(list(source.carry(row for row in rows if row["source"] == source.name)), source)

    def stale(self, within: float | None = None) -> list[Path]:
        """Return known files that are to be read: other than when they were read, to be tried again, or unfinished.

        ``within``: only files that changed in the last so many seconds, and of these the last :data:`HOT_FILES`.
        """
        if within is None:
            return [file.path for file in self.files.values() if file.is_due(file.look())]
        since = time.monotonic() - within
        while self._hot:
            file, moment = next(iter(self._hot.items()))
            if moment > since and len(self._hot) <= HOT_FILES:
                break
            del self._hot[file]
            self._touch(file)  # it may go to sleep
        return [file.path for file in self._hot if file.is_due(file.look())]

    @property
    def has_hot(self) -> bool:
        """Whether files changed lately, which :meth:`stale` looks at often."""
        return bool(self._hot)

    @property
    def is_empty(self) -> bool:
        """Whether there is no file at all that any source reads; ``False`` while nobody has looked."""
        return self.looked and not self.files

    @property
    def left(self) -> int:
        """How many bytes are still to be read for the first time."""
        return self._progress.left

    def states(self) -> list[SourceState]:
        """Return what is read, root by root; all of it is still to be read while nobody has looked."""
        states = self._progress.states(self.sources, self.checked_at, self._more)
        for source, state in zip(self.sources, states, strict=True):
            state.home = homes.name_of(source.root, self.home)
        if not self.looked:
            for state in states:
                state.state = "reading" if state.state == "watching" else state.state
        if self.known and not self._progress.files:  # what is looked for is all there is to say then
            there = {source.root for source in self.sources}
            places = ((kind, place) for kind, place in known_kinds() if place.resolve() not in there)
            states += [SourceState(kind, mask(str(place)), state="missing") for kind, place in places]
        return states

    def _more(self, source: Source) -> More:
        """Return what is known of a root beyond its files."""
        target, left_out = _moved_to(source.root), self.tree.left_out(source)
        problems = [f"{path}: {reason}" for path, (of, reason) in self.tree.problems.items() if of is source]
        problems[:0] = [f"{source.root}: {note}" for note in source.notes]
        unfit = self._keeper.unfit.items() if self._keeper is not None else ()
        problems += [f"{file.path}: {reason}" for file, reason in list(unfit) if file.source is source]
        if target:
            problems.insert(0, f"{source.root} leads to {target} now, which is not followed: watch that path instead")
        if left_out:
            problems.insert(0, f"{left_out} files are not read: there are more than {MAX_FILES}, and these are older")
        degraded, writes = self.degraded(source.root), tuple(self.writes(source))
        return More(tuple(problems[:MAX_PROBLEMS]), left_out, degraded, bool(target), writes)

    def _resolve(self, path: Path) -> Iterator[File]:
        """Yield the files that ``path`` is or holds."""
        known = self.files.get(str(path))
        if known is not None:
            yield known
            return
        source = self._source_of(path)
        if source is None:
            return
        if os.path.isdir(path):  # os.path, since Path.exists and Path.is_dir can raise
            if path == source.root or source.leads_to(PurePosixPath(path.relative_to(source.root).as_posix())):
                if os.path.islink(path) and str(path) not in self.tree:  # what it leads to is for the tree to say
                    path = path.parent
                for of, below in self.tree.below(source, str(path)):
                    file = self.files.get(below) or self._known(of, Path(below))
                    if file is not None:
                        yield file
            return
        file = self._known(source, path)
        if file is not None:
            yield file

    def _source_of(self, path: Path) -> Source | None:
        """Return the source of a root that a path is or is below, of roots inside each other the innermost."""
        holding = [source for source in self.sources if path == source.root or source.root in path.parents]
        return max(holding, key=lambda source: len(source.root.parts), default=None)

    def _known(self, source: Source, path: Path) -> File | None:
        """Return the file at a path, known from now on; ``None`` for what is not to be read."""
        main = database.main_file(path)
        if main is not None and os.path.exists(main):
            path = main
        file = self.files.get(str(path))
        if file is not None:
            return file
        file = File.of(source, path)
        if file is None or not os.path.exists(path):
            return None
        if self._progress.files >= MAX_FILES and not self._makes_room(file):
            self.tree.leave_out(path)
            return None
        self.files[file.name] = file
        if self._oldest is not None:
            heapq.heappush(self._oldest, (file.written, next(self._numbers), file))
        return file

    def _makes_room(self, new: File) -> bool:
        """Drop the file that was written least lately, if a new one was written later."""
        stamp = new.look()
        new.written = stamp[2] if stamp else 0
        if self._oldest is None:
            self._oldest = [(file.written, next(self._numbers), file) for file in self.files.values()]
            heapq.heapify(self._oldest)
        while self._oldest:
            written, _, file = self._oldest[0]
            if self.files.get(file.name) is not file or file.gone_at is not None:
                heapq.heappop(self._oldest)
            elif file.written != written:
                heapq.heapreplace(self._oldest, (file.written, next(self._numbers), file))
            elif written >= new.written:
                return False
            else:
                heapq.heappop(self._oldest)
                self._drop(file)
                self.tree.leave_out(file.path)
                return True
        return True

    def _take(self, file: File, items: list[Item]) -> None:
        self._overrule(items, file.source)
        operations: list[Record | Gone] = []
        for item in self._precedence.admitted(items, file.source) if file.source.gives_way else items:
            if isinstance(item, (Record, Gone)):
                operations.append(item)
            elif isinstance(item, Evidence):  # most of what is no row
                self.statuses.observe(mask_fact(item, self.unmasked) if self.masking else item)
            else:
                self._note(file, item)
        self._claim(list(joined(operations)), file.source)

    def _claim(self, claims: list[Record | Gone], source: Source, *, masked: bool = False) -> None:
        """Take in claims about rows. ``masked``: they hold no secrets but in the directories of agents."""
        self._overrule(claims, source)
        unsafe = {id(claim) for claim in claims if _is_placed(claim)} if masked else None
        operations: Iterator[Record | Gone] = iter(self._completed(claims, source))
        if self.masking:
            operations = (
                mask_record(claim, self.unmasked) if unsafe is None or id(claim) in unsafe else claim
                for claim in operations
            )
        operations = self._usage.claimed(self.statuses.without_active(operations))
        while portion := list(islice(operations, _AT_ONCE)):
            self._apply(portion, source.name)

    def _overrule(self, items: Iterable[Item], source: Source) -> None:
        """Take out what telemetry said of sessions that files tell of, too."""
        gone = [] if source.gives_way else list(self._precedence.overruled(items, source))
        if not gone:
            return
        for agent in [claim.id for claim in gone if claim.table == "agents"]:
            self.statuses.forget(agent)
            if held := self.conversations.get(agent):
                self.conversations[agent] = {path: of for path, of in held.items() if not of.gives_way}
        self._apply(gone)

    def _completed(self, claims: list[Record | Gone], source: Source) -> list[Record | Gone]:
        """Complete the fields of claims, in place: projects and accounts, and titles as one line without marks."""
        for rename in self.projects.place(claims):
            self._rename(rename)
        account = self._accounts.of(source, self.sources)
        for claim in claims:
            if not isinstance(claim, Record):
                continue
            fields = claim.fields
            if isinstance(title := fields.get("title"), str):
                fields["title"] = title_of(title)
            if isinstance(name := fields.get("name"), str) and not name.isprintable():
                fields["name"] = " ".join(name.split()) or None
            if claim.table in _OF_ACCOUNTS and claim.id != PERSON:
                own = source.account_of(claim) or account
                if own is not None and fields.get("account") is None:
                    fields["account"] = own
        return claims

    def _rename(self, rename: Rename) -> None:
        """Give a row the new name of its project, unless it is of another one by now."""
        before, after = ({"project": name, "name": name} for name in rename[2:])
        if self.masking:
            safe = masked(Record(rename.table, rename.id, before))
            rename, before = rename._replace(id=safe.id), safe.fields if isinstance(safe, Record) else before
            safe = masked(Record(rename.table, rename.id, after))
            after = safe.fields if isinstance(safe, Record) else after
        row = self.store.get(rename.table, rename.id)
        if row is not None:
            changed = {column: after[column] for column in after if row.get(column) == before[column]}
            if "project" in changed:
                self._apply([Record(rename.table, rename.id, changed)])

    def _note(self, file: File, item: Speaker | Process) -> None:
        """Take in whose conversation a file has, or what process an agent runs in."""
        if self.masking:
            item = mask_fact(item, self.unmasked)
        if isinstance(item, Speaker):
            self._note_speaker(item.agent_id, file)
            file.speakers = tuple({*file.speakers, item.agent_id})
        else:
            self.statuses.processes.note(item)

    def take_over(self, operations: Iterable[tuple[str, str, Row | None]]) -> None:
        """Take in rows of followed hosts (table, id, row; ``None`` for one that went), as they are there."""
        self._stats.note(self.store.replace(operations))

    def is_own(self, row: Row) -> bool:
        """Return whether a row was read here, not by a host that is followed."""
        return bool(row["host"] == self.host)

    def _apply(self, operations: Sequence[Record | Gone], source: str | None = None) -> None:
        if not operations:
            return
        defaults: dict[str, Any] = {"source": source or "agent_widget", "host": self.host}
        changes = self.store.apply(operations, defaults)
        self._stats.note(changes)
        self.statuses.note(changes)
        self._usage.note(changes)


def _is_placed(claim: Record | Gone) -> bool:
    """Return whether a record says where an agent works: project and more follow from it here."""
    return isinstance(claim, Record) and "directory" in claim.fields


def _is_unnamed(row: Row, source: Source) -> bool:
    return row["source"] == source.name and row["account"] is None and row["id"] != PERSON


def _moved_to(root: Path) -> str | None:
    """Return where a root leads now, if that is not where it was: it, or what holds it, was replaced by a link."""
    real = os.path.realpath(root)
    return real if real != str(root) else None
