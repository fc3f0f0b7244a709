"""One file: who reads it, how far it has been read, and what is new in it, portion by portion."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ..sources.base import MISREAD, Item, Reader, Source, read_line
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


@dataclass(slots=True, eq=False)
class File:
    """What is known of one file."""

    path: Path
    source: Source
    reader: Reader
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

    @staticmethod
    def of(source: Source, path: Path) -> File | None:
        """Return the file with its reader; ``None`` if the source does not read it."""
        reader = _reader(source, path)
        if reader is None:
            return None
        return File(path, source, reader, Tail(path, source.root) if reader.mode == "lines" else None)

    def look(self) -> Stamp | None:
        """Return the stamp that the file has now."""
        return database.stamp(self.path) if self.reader.mode == "database" else _stamp(self.path)

    @property
    def unfinished(self) -> bool:
        """Whether a last line waits for its end, which is taken for finished after a while without a write."""
        return self.tail is not None and self.tail.unfinished

    def is_due(self, stamp: Stamp | None) -> bool:
        """Return whether it is to be read, now that it has this stamp."""
        if self.retry_at is not None:
            return stamp != self.tried or time.monotonic() >= self.retry_at
        return self.unread or self.unfinished or stamp != self.stamp

    def restored(self) -> None:
        """Go on in another process, whose clock is another."""
        self.rank, self.again = None, False
        if self.retry_at is not None and self.retry_at != _NEVER:
            self.retry_at = 0.0

    @property
    def done(self) -> int:
        """How many bytes of it have been read."""
        if not self.unread:
            return self.size
        return min(self.size, self.tail.offset) if self.tail is not None else 0

    def rank_of(self, stamp: Stamp | None) -> Rank:
        """Return its rank in the order of reading: newest day first; in a day small documents, then the newest."""
        _, size, written = stamp or (0, 0, 0)
        return -(written // _DAY_NS), self.reader.mode != "document" or size > SMALL, -written

    def read(self) -> Generator[list[Item]]:
        """Yield what is new, portion by portion; what goes wrong becomes the file's ``error``."""
        stamp, moment = self.look(), time.time_ns()
        if not self.is_due(stamp):
            return
        retry_at: float | None = None
        try:
            if self.tail is not None:
                yield from self._lines(self.tail)
                self.error = None
            elif self.reader.mode == "database":
                yield from self._rows()
                self.error = None
            else:
                yield from self._document()
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

    def _document(self) -> Iterator[list[Item]]:
        data = read_document(self.path, self.source.root)
        items: list[Item] = []
        until = time.monotonic() + PORTION_SECONDS
        try:
            for part in self.reader.parts(data):
                for item in part:
                    items.append(item)
                    if not len(items) % 64 and time.monotonic() >= until:
                        yield []  # nothing of it counts before all of it has been read; others may have their turn
                        until = time.monotonic() + PORTION_SECONDS
                if self.reader.grows:
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

    def _lines(self, tail: Tail) -> Iterator[list[Item]]:
        for portion in tail.read():
            if portion.restarted:
                self.reader = _reader(self.source, self.path) or self.reader
            items: list[Item] = []
            for line in portion.lines:
                found, left_out = read_line(self.reader, line)
                items += found
                if left_out:
                    self.malformed += left_out
                    log.debug("%s: a line, or a part of it, was skipped", self.path)
            items += self.reader.finish()
            yield items

    def _rows(self) -> Iterator[list[Item]]:
        inode = os.stat(self.path).st_ino
        if self.inode not in (0, inode):
            self.reader = _reader(self.source, self.path) or self.reader
        self.inode = inode
        yield from database.read(self.path, self.source.root, self.reader.query)


def _reader(source: Source, path: Path) -> Reader | None:
    relative = PurePosixPath(path.relative_to(source.root).as_posix())
    return source.reader(relative) if source.reads(relative) else None


def _stamp(path: Path) -> Stamp | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return database.UNKNOWN
    return status.st_ino, status.st_size, status.st_mtime_ns
