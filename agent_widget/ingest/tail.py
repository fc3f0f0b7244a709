"""Bytes from files, safely: what is new in a growing file, and the whole of a rewritten one.

An inode is no identity (file systems reuse it at once), so a :class:`Tail` also remembers what the file began
with and what stood right before the place it has read to. If either differs, or the file is shorter, or it was
touched without growing, it is another file and is read again from its start; ids that come from the content make
that harmless.

Only regular files are opened, below the watched root or where :mod:`.links` lets a symlink lead: no FIFO blocks.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from .links import is_below, refusal

CHUNK: Final = 256 * 1024
MAX_LINE: Final = 32 * 1024 * 1024
"""A longer line is skipped (and counted): no agent writes one, and it must not take the memory."""
MAX_DOCUMENT: Final = 32 * 1024 * 1024
"""A larger one is set aside: it would have to be decoded as a whole, and everything else would wait meanwhile."""
BLOCK: Final = 64 * 1024
"""Bytes of which one checksum is kept, to see later whether they are still what was read."""
FINGERPRINT: Final = 1024
"""Bytes at the start and before the offset whose hash identifies a file."""
SETTLED_SECONDS: Final = 2.0
"""A last line without newline counts as finished after this long without a write."""
WRITING_SECONDS: Final = 0.002
"""A write that has begun shows its size after this long."""
# O_NONBLOCK: opening a FIFO would wait for a writer for ever
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BOM: Final = b"\xef\xbb\xbf"
"""Some editors begin a UTF-8 file with it; it is no part of the text."""


class Unreadable(Exception):
    """The file cannot be read now; the message says why in one line."""


class Lines(NamedTuple):
    """Complete lines from one file, without their newlines. ``restarted``: the file is read from its start again."""

    lines: list[bytes]
    restarted: bool


def open_regular(path: Path, root: Path) -> int:
    """Open a regular file below ``root`` for reading; returns the descriptor.

    Raises :class:`FileNotFoundError` if there is none and :class:`Unreadable` for anything else that is not a
    readable regular file inside ``root``.
    """
    try:
        descriptor = _open_plain(path, root)
        if descriptor is None:
            real = os.path.realpath(path)
            if reason := refusal(path, real, root):
                raise Unreadable(reason)
            descriptor = os.open(real, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(path)) from None
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("not a regular file")
    return descriptor


def _open_plain(path: Path, root: Path) -> int | None:
    """Open a path that holds no link and lies below the root; ``None`` if that cannot be told at once.

    Linux says where an open file is: one call, where to resolve a path takes one for each directory above it.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return None
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        real = ""
    if real == str(path) and is_below(real, str(root)):
        return descriptor
    os.close(descriptor)
    return None


def _is_written(before: os.stat_result, status: os.stat_result) -> bool:
    """Return whether an open file was written meanwhile, as far as its size and the time of writing tell."""
    return (before.st_size, before.st_mtime_ns) != (status.st_size, status.st_mtime_ns)


def _digest(descriptor: int, start: int, end: int) -> bytes:
    return hashlib.blake2b(os.pread(descriptor, end - start, start), digest_size=16).digest()


class _Mark(NamedTuple):
    """Where reading stopped and how to recognise the file there."""

    device: int
    inode: int
    offset: int
    head: bytes
    guard: bytes
    modified_ns: int | None
    """When the file was last written, if it had been read to its end by then."""

    @staticmethod
    def of(descriptor: int, status: os.stat_result, offset: int, before: _Mark | None = None) -> _Mark:
        """Return the mark of an open file; ``status`` is from before the reading, so that a write during it shows.

        ``before``: an earlier mark of the same bytes; what the file begins with is the same then.
        """
        begun = before is not None and before.offset >= FINGERPRINT
        return _Mark(
            status.st_dev,
            status.st_ino,
            offset,
            before.head if before is not None and begun else _digest(descriptor, 0, min(offset, FINGERPRINT)),
            _digest(descriptor, max(0, offset - FINGERPRINT), offset),
            status.st_mtime_ns if status.st_size == offset else None,
        )

    def at(self, status: os.stat_result) -> _Mark:
        """Return the same mark with the time at which the file was last written."""
        written = status.st_mtime_ns if status.st_size == self.offset else None
        return self if written == self.modified_ns else self._replace(modified_ns=written)

    def fits(self, descriptor: int, status: os.stat_result) -> bool:
        """Return whether the open file is the one that was read up to here, and only grew since."""
        if (status.st_dev, status.st_ino) != (self.device, self.inode) or status.st_size < self.offset:
            return False
        if status.st_size == self.offset and self.modified_ns not in (None, status.st_mtime_ns):
            return False
        return (
            _digest(descriptor, 0, min(self.offset, FINGERPRINT)) == self.head
            and _digest(descriptor, max(0, self.offset - FINGERPRINT), self.offset) == self.guard
        )


class Tail:
    """The complete lines of one growing file, each once for as long as the file only grows."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.root = root
        self.skipped_lines = 0
        self._mark: _Mark | None = None
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._carry = bytearray()  # the bytes before the offset that are not yet a complete line
        self._given = 0  # how much of the carry was already given out as a finished last line
        self._overlong = False  # inside a line that is skipped
        self._first = True  # inside the first line
        self._sums = array("I")  # of the blocks that have been read
        self._sum = 0  # of the block that is begun
        self._next_block = 0  # the one to check next
        self._unchecked = 0  # how many blocks are to be checked, since the file was written again
        self._changed = False  # whether a checksum differed

    @property
    def offset(self) -> int:
        """How many bytes have been read."""
        return self._offset

    def read(self) -> Iterator[Lines]:
        """Yield what is new, in portions; nothing if the file has not changed.

        Raises :class:`FileNotFoundError` and :class:`Unreadable`.
        """
        descriptor = open_regular(self.path, self.root)
        try:
            status = self._status(descriptor)
            restarted = self._changed or (self._mark is not None and not self._mark.fits(descriptor, status))
            if restarted:
                self._mark = None
                self._begin()
            # what is written meanwhile is for the next time: it may never end
            grows, left = self._offset > 0, status.st_size - self._offset
            while left > 0 and (data := os.pread(descriptor, min(CHUNK, left), self._offset)):
                left -= len(data)
                self._note_sums(data)
                self._offset += len(data)
                if grows:  # who writes again may also have changed what was there
                    self._unchecked = len(self._sums) + 1
                self._mark = _Mark.of(descriptor, status, self._offset, self._mark)
                lines = self._split(data)
                if lines or restarted:
                    yield Lines(lines, restarted)
                    restarted = False
                before, status = status, os.fstat(descriptor)
                if _is_written(before, status) and not self._mark.fits(descriptor, status):
                    return  # replaced while its lines were taken in: the next read starts again
            mark = self._mark  # it fits, and nothing was read since
            at_end = mark is not None and mark.offset == self._offset
            self._mark = mark.at(status) if mark and at_end else _Mark.of(descriptor, status, self._offset)
            if restarted:
                yield Lines([], True)
            yield from self._finished(status)
        finally:
            os.close(descriptor)

    def _note_sums(self, data: bytes) -> None:
        """Keep checksums of what was read at the offset."""
        begun, bytes_read = self._offset % BLOCK, memoryview(data)
        for start in range(-begun, len(data), BLOCK):
            self._sum = zlib.crc32(bytes_read[max(0, start) : start + BLOCK], self._sum)
            if start + BLOCK <= len(data):
                self._sums.append(self._sum)
                self._sum = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether the file was written since what was read of it had been checked."""
        return self._unchecked > 0 and not self._changed

    def verify(self, limit: int) -> bool:
        """Check up to ``limit`` bytes against what was read; returns whether they are the same.

        A line that is changed to one of the same length while the file grows leaves its beginning, its end and its
        size as they would be without. If so, the next reading begins at the start. Raises as :meth:`read` does.
        """
        descriptor = open_regular(self.path, self.root)
        try:
            for _ in range(min(self._unchecked, max(1, limit // BLOCK))):
                index = self._next_block if self._next_block <= len(self._sums) else 0
                whole = index < len(self._sums)
                known, size = (self._sums[index], BLOCK) if whole else (self._sum, self._offset % BLOCK)
                self._next_block = index + 1
                self._unchecked -= 1
                if zlib.crc32(os.pread(descriptor, size, index * BLOCK)) != known:
                    self._changed = True
                    return False
        finally:
            os.close(descriptor)
        return True

    def _status(self, descriptor: int) -> os.stat_result:
        """Return the file's status, asked again if only the time changed: a write shows there before in the size."""
        status = os.fstat(descriptor)
        mark = self._mark
        if mark is not None and status.st_size == mark.offset and mark.modified_ns not in (None, status.st_mtime_ns):
            time.sleep(WRITING_SECONDS)
            status = os.fstat(descriptor)
        return status

    def _split(self, data: bytes) -> list[bytes]:
        lines = data.split(b"\n")  # the one copy of the bytes that is made
        partial = lines.pop()
        if not lines:
            self._hold(partial)
            return []
        self._hold(lines[0])
        lines[0] = b"" if self._was_given else self._held().removesuffix(b"\r")  # of a skipped line nothing is held
        self._carry.clear()
        self._given = 0
        self._overlong = self._first = False
        self._hold(partial)
        if b"\r" in data:
            lines = [line.removesuffix(b"\r") for line in lines]
        return [line for line in lines if line and not line.isspace()]

    def _hold(self, partial: bytes) -> None:
        if self._overlong:
            return
        self._carry += partial
        if len(self._carry) > MAX_LINE:
            self._carry.clear()
            self._given = 0
            self._overlong = True
            self.skipped_lines += 1

    def _held(self) -> bytes:
        """Return the carry as a line."""
        line = bytes(self._carry)
        return line.removeprefix(BOM) if self._first else line

    @property
    def _was_given(self) -> bool:
        """Whether nothing but a line's end came after what was already given out."""
        return bool(self._given) and bytes(self._carry[self._given : self._given + 2]) in (b"", b"\r")

    def _finished(self, status: os.stat_result) -> Iterator[Lines]:
        """Yield the last line if it lacks its newline but has not grown for :data:`SETTLED_SECONDS`."""
        waits = bool(self._carry) and not self._was_given
        if not waits or status.st_size != self._offset:
            return
        if time.time() - status.st_mtime >= SETTLED_SECONDS or self._is_whole:
            self._given = len(self._carry)
            line = self._held().removesuffix(b"\r")
            if line and not line.isspace():
                yield Lines([line], False)

    @property
    def _is_whole(self) -> bool:
        """Whether the carry is a JSON object: whatever else is written, this line has ended."""
        text = self._carry.strip()
        if not (text.startswith(b"{") and text.endswith(b"}")):
            return False
        try:
            msgspec.json.decode(text, type=msgspec.Raw)
        except ValueError:
            return False
        return True

    @property
    def unfinished(self) -> bool:
        """Whether a last line waits for its newline, or what was read of the file has changed since."""
        return self._changed or (bool(self._carry) and not self._was_given)


def read_document(path: Path, root: Path) -> bytes:
    """Return the whole of a small file, without a byte order mark.

    Raises :class:`FileNotFoundError`, and :class:`Unreadable` if it is too large or cannot be read.
    """
    descriptor = open_regular(path, root)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_size > MAX_DOCUMENT:
            raise Unreadable(f"larger than {MAX_DOCUMENT // 2**20} MiB")
        return file.read().removeprefix(BOM)
