"""One file: who reads it, how far it has been read, and what is new in it, portion by portion."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import msgspec

from ..sources.base import Item, Reader, Source, read_lines
from ..sources.parsing import MISREAD, clean
from . import database
from .tail import Tail, Unreadable, read_document

log = logging.getLogger("agent_widget")

RETRY_AFTER: Final = (2.0, 60.0)
"""Seconds before a file that could not be read is tried again: at first, and at most; each pause doubles the last."""
SETTLE_AFTER: Final = 2.0
"""Seconds after which a document that is torn is read once more though it has not changed."""
PORTION_SECONDS: Final = 0.01
"""Seconds after which other files may have their turn."""
PORTION_ITEMS: Final = 1000
_NEVER: Final = float("inf")

SMALL: Final = 64 * 1024
"""Maximum bytes of the documents that are read before others: they name what other files are about."""
_DAY_NS: Final = 86_400 * 10**9
_CLOCK_TICK_NS: Final = 50_000_000

Stamp = tuple[int, int, int]
"""Inode, size (bytes) and time of writing (ns); it changes with every write."""
Rank = tuple[int, bool, int]
"""Place in the order of reading, least first."""


class State(msgspec.Struct, array_like=True):
    """What an archive keeps of a file beside its reader: all that must be known of one that does not change.

    A later version of this code reads it, too (:meth:`File.miss`): fields are added at the end, with defaults.
    """

    source: int
    """Which of the checkpoint's sources reads it."""
    mode: Literal["lines", "document", "database"]
    stamp: Stamp | None
    tried: Stamp | None
    retries: bool | None
    """Whether it is to be tried again though it has not changed; ``None``: all was well with it."""
    failures: int
    gone_at: int | None
    size: int
    written: int
    unread: bool
    torn: bool
    malformed: int
    error: str | None
    inode: int
    speakers: tuple[str, ...]
    offset: int
    skipped: int
    unfinished: bool


@dataclass(slots=True, eq=False)
class File:
    """What is known of one file.

    A file that has been quiet for a while is *asleep* where there is an archive: its reader is there, and is loaded
    (:meth:`wake`) when the file has changed.
    """

    name: str
    """Its path, as the system has it."""
    source: Source
    reader: Reader | None
    """``None`` while it is asleep."""
    mode: Literal["lines", "document", "database"] = "lines"
    """The mode of its reader."""
    tail: Tail | None = None
    stamp: Stamp | None = None
    """The stamp when it was last read with success."""
    tried: Stamp | None = None
    """The stamp when reading it failed, or it was found torn."""
    retry_at: float | None = None
    """When to try again (:func:`time.monotonic`) though it has not changed; ``None`` if all is well with it."""
    failures: int = 0
    """Number of failed readings in a row."""
    gone_at: int | None = None
    """Since when there is no such file any more, in milliseconds since the epoch."""
    size: int = 0
    written: int = 0
    """When it was written last, in nanoseconds since the epoch."""
    unread: bool = True
    """Whether it has never been read to its end."""
    torn: bool = False
    malformed: int = 0
    error: str | None = None
    inode: int = 0
    """Inode of a database; a new one is read from its start."""
    rank: Rank | None = None
    """Its place on the list of files to be read, if it is on it."""
    portions: Generator[list[Item]] | None = None
    """The remaining portions, while it is being read."""
    again: bool = False
    """Whether it may have changed since then."""
    away: bool = False
    """Whether another process is reading it."""
    speakers: tuple[str, ...] = ()
    """Agents whose conversations it holds."""
    slept: tuple[int, int, bool] = (0, 0, False)
    """Of the tail of a file that is asleep: its offset, the lines it skipped, whether it is unfinished."""

    @staticmethod
    def of(source: Source, path: Path) -> File | None:
        """Return the file with its reader; ``None`` if the source does not read it."""
        reader = _reader(source, path)
        if reader is None:
            return None
        tail = Tail(path, source.root) if reader.mode == "lines" else None
        return File(str(path), source, reader, reader.mode, tail)

    @staticmethod
    def restored(source: Source, name: str, state: State) -> File:
        """Return a file as an archive has it, asleep, in another process whose clock is another."""
        file = File(name, source, None, state.mode)
        file.adopt(state)
        return file

    def miss(self, state: State) -> None:
        """Take in what another version knew of a file that is not there any more."""
        self.stamp = None if state.gone_at is not None else state.stamp  # the latter: nobody has seen yet that it went
        self.gone_at, self.speakers, self.unread = state.gone_at, state.speakers, False
        self.size, self.written = state.size, state.written

    def adopt(self, state: State) -> None:
        """Take over what an archive has, or another process has found; the file is asleep then."""
        self.reader = self.tail = None
        self.stamp, self.tried, self.failures = state.stamp, state.tried, state.failures
        self.retry_at = None if state.retries is None else 0.0 if state.retries else _NEVER
        _, size, written = self.stamp or (0, 0, 0)  # mostly the same numbers, and there may be 100,000 such files
        self.gone_at = state.gone_at
        self.size = size if size == state.size else state.size
        self.written = written if written == state.written else state.written
        self.unread, self.torn, self.malformed, self.error = state.unread, state.torn, state.malformed, state.error
        self.inode, self.speakers = state.inode, state.speakers
        self.slept = self.size if state.offset == self.size else state.offset, state.skipped, state.unfinished

    def state(self, source: int) -> State:
        """Return what an archive is to keep of it; ``source`` is the number of its source there."""
        return State(
            source,
            self.mode,
            self.stamp,
            self.tried,
            None if self.retry_at is None else self.retry_at != _NEVER,
            self.failures,
            self.gone_at,
            self.size,
            self.written,
            self.unread,
            self.torn,
            self.malformed,
            self.error and clean(self.error),
            self.inode,
            self.speakers,
            *self._of_tail,
        )

    @property
    def path(self) -> Path:
        """Its path; to make one takes longer than to look at the file, which is all that most are needed for."""
        return Path(self.name)

    @property
    def _of_tail(self) -> tuple[int, int, bool]:
        tail = self.tail
        return self.slept if tail is None else (tail.offset, tail.skipped_lines, tail.unfinished)

    def sleep(self) -> None:
        """Drop the reader, which an archive has."""
        self.slept = self._of_tail
        self.reader = self.tail = None

    def wake(self, reader: Reader | None, tail: Tail | None) -> None:
        """Go on with the reader that an archive had; without one the file is read again from its start."""
        if reader is None:
            reader = _reader(self.source, self.path)
            tail = Tail(self.path, self.source.root) if self.mode == "lines" else None
            self.unread, self.stamp, self.inode = True, None, 0
        self.reader, self.tail = reader, tail

    def look(self) -> Stamp | None:
        """Return the stamp that the file has now."""
        return database.stamp(self.path) if self.mode == "database" else _stamp(self.name)

    @property
    def unfinished(self) -> bool:
        """Whether a last line waits for its end, which is taken for finished after a while without a write."""
        return self.slept[2] if self.tail is None else self.tail.unfinished

    def is_due(self, stamp: Stamp | None) -> bool:
        """Return whether it is to be read, now that it has this stamp."""
        if self.retry_at is not None:
            return stamp != self.tried or time.monotonic() >= self.retry_at
        return self.unread or self.unfinished or stamp != self.stamp

    @property
    def skipped(self) -> int:
        """How many lines were too long to be read."""
        return self.slept[1] if self.tail is None else self.tail.skipped_lines

    @property
    def done(self) -> int:
        """How many bytes of it have been read."""
        if not self.unread:
            return self.size
        return min(self.size, self._of_tail[0])

    def rank_of(self, stamp: Stamp | None) -> Rank:
        """Return its rank in the order of reading: newest day first; in a day small documents, then the newest."""
        _, size, written = stamp or (0, 0, 0)
        return -(written // _DAY_NS), self.mode != "document" or size > SMALL, -written

    def read(self) -> Generator[list[Item]]:
        """Yield what is new, portion by portion; what goes wrong becomes the file's ``error``."""
        stamp, moment = self.look(), time.time_ns()
        if self.reader is None or not self.is_due(stamp):
            return
        retry_at: float | None = None
        try:
            if self.tail is not None:
                yield from self._lines(self.reader, self.tail)
                self.error = self.reader.problem
            elif self.mode == "database":
                yield from self._rows(self.reader)
                self.error = None
            else:
                yield from self._document(self.reader)
            if self.torn:
                retry_at = time.monotonic() + SETTLE_AFTER if self.tried != stamp else _NEVER
        except FileNotFoundError:
            # its rows stay; a new file of that name is read from its start
            stamp, self.torn, self.error = None, False, None
        except (Unreadable, OSError) as problem:
            reason = (isinstance(problem, OSError) and problem.strerror) or str(problem)
            if self.error != reason:
                log.warning("%s: %s", self.path, reason)
            self.error = reason
            self.failures += 1
            first, longest = RETRY_AFTER
            retry_at = time.monotonic() + min(longest, first * 2 ** min(self.failures - 1, 16))
        except Exception as fault:  # a fault in one source must not keep the other files from being read
            log.exception("%s: could not be taken in", self.path)
            self.error = f"could not be taken in ({type(fault).__name__}: {fault})"
            retry_at = _NEVER  # what our own code stumbles over, it stumbles over again
        # A write within the same tick of the file system's clock would leave the same stamp: do not trust it yet.
        fresh = stamp is not None and abs(moment - stamp[2]) < _CLOCK_TICK_NS
        if retry_at is None:
            self.stamp, self.tried, self.failures = None if fresh else stamp, None, 0
        else:
            self.stamp, self.tried = None, stamp
        self.retry_at = retry_at
        self.size = max(0, stamp[1]) if stamp else 0
        self.unread = False

    def fail(self, fault: Exception) -> None:
        """End the reading that has begun: the portion it yielded last cannot be taken in."""
        if self.portions is not None:
            with suppress(StopIteration):
                self.portions.throw(fault)

    def _document(self, reader: Reader) -> Iterator[list[Item]]:
        data = read_document(self.path, self.source.root)
        items: list[Item] = []
        until = time.monotonic() + PORTION_SECONDS
        try:
            for part in reader.parts(data):
                for item in part:
                    items.append(item)
                    if not len(items) % 64 and time.monotonic() >= until:
                        yield []  # nothing of it counts before all of it has been read; others may have their turn
                        until = time.monotonic() + PORTION_SECONDS
                if reader.grows:
                    yield items
                    items = []
        except MISREAD as error:
            # most likely caught in the middle of a write: the last good state stays
            if not self.torn:
                self.malformed += 1
            self.torn = True
            self.error = f"not readable as {self.path.suffix or 'text'} ({error})"
            return
        self.torn, self.error = False, None
        for start in range(0, len(items), PORTION_ITEMS):
            yield items[start : start + PORTION_ITEMS]

    def _lines(self, reader: Reader, tail: Tail) -> Iterator[list[Item]]:
        for portion in tail.read():
            if portion.restarted:
                self.reader = reader = _reader(self.source, self.path) or reader
            items, left_out = read_lines(reader, portion.lines)
            if left_out:
                self.malformed += left_out
                log.debug("%s: lines, or parts of them, were skipped: %d", self.path, left_out)
            items += reader.finish()
            yield items

    def _rows(self, reader: Reader) -> Iterator[list[Item]]:
        inode = os.stat(self.path).st_ino
        if self.inode not in (0, inode):
            self.reader = reader = _reader(self.source, self.path) or reader
        self.inode = inode
        yield from database.read(self.path, self.source.root, reader.query)


class OneFile(Mapping[Path, Source]):
    """One file and its source, as a dict of one entry would have it in a fifth of the memory."""

    __slots__ = ("_file",)

    def __init__(self, file: File) -> None:
        self._file = file

    def __getitem__(self, path: Path) -> Source:
        if path != self._file.path:
            raise KeyError(path)
        return self._file.source

    def __iter__(self) -> Iterator[Path]:
        yield self._file.path

    def __len__(self) -> int:
        return 1


def _reader(source: Source, path: Path) -> Reader | None:
    relative = PurePosixPath(path.relative_to(source.root).as_posix())
    return source.reader(relative) if source.reads(relative) else None


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return database.UNKNOWN
    return status.st_ino, status.st_size, database.written_at(status)
