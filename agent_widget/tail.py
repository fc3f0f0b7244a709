"""Bytes from files, safely: what is new in a growing file, and the whole of a rewritten one.

An inode is no identity (file systems reuse it at once), so a :class:`Tail` also remembers what the file began
with and what stood right before the place it has read to. If either differs, or the file is shorter, or it was
touched without growing, it is another file and is read again from its start; ids that come from the content make
that harmless.

Only regular files below the watched root are opened: no symlink leads out, no FIFO blocks.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

CHUNK: Final = 256 * 1024
MAX_LINE: Final = 32 * 1024 * 1024
"""A longer line is skipped (and counted): no agent writes one, and it must not take the memory."""
MAX_DOCUMENT: Final = 64 * 1024 * 1024
FINGERPRINT: Final = 1024
"""How many bytes at the start, and how many before the offset, are remembered to recognise a file."""
SETTLED_SECONDS: Final = 2.0
"""A last line without newline counts as finished after this long without a write."""


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
        real = os.path.realpath(path)
        if os.path.commonpath([real, root]) != str(root):
            raise Unreadable("leads out of the watched directory")
        # O_NONBLOCK: opening a FIFO would wait for a writer for ever
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(path)) from None
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("not a regular file")
    return descriptor


def _digest(descriptor: int, start: int, end: int) -> bytes:
    return hashlib.blake2b(os.pread(descriptor, end - start, start), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where reading stopped and how to recognise the file there."""

    device: int
    inode: int
    offset: int
    head: bytes
    guard: bytes
    modified_ns: int | None
    """When the file was last written, if it had been read to its end by then."""

    @staticmethod
    def of(descriptor: int, offset: int) -> _Mark:
        status = os.fstat(descriptor)
        return _Mark(
            status.st_dev,
            status.st_ino,
            offset,
            _digest(descriptor, 0, min(offset, FINGERPRINT)),
            _digest(descriptor, max(0, offset - FINGERPRINT), offset),
            status.st_mtime_ns if status.st_size == offset else None,
        )

    def fits(self, descriptor: int, status: os.stat_result) -> bool:
        """Whether the open file is the one that was read up to here, and only grew since."""
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
        self._carry_told = False  # the carry was already given out as a finished last line
        self._overlong = False  # inside a line that is skipped

    @property
    def offset(self) -> int:
        """How many bytes have been read."""
        return self._offset

    def read(self) -> Iterator[Lines]:
        """What is new, in portions; nothing if nothing is.

        Raises :class:`FileNotFoundError` and :class:`Unreadable`.
        """
        descriptor = open_regular(self.path, self.root)
        try:
            restarted = False
            status = os.fstat(descriptor)
            if self._mark is not None:
                if not self._mark.fits(descriptor, status):
                    self._begin()
                    restarted = True
                elif status.st_size == self._offset:
                    yield from self._finished(status)
                    return
            while True:
                data = os.pread(descriptor, CHUNK, self._offset)
                if not data:
                    break
                self._offset += len(data)
                lines = self._split(data)
                if lines or restarted:
                    yield Lines(lines, restarted)
                    restarted = False
            if restarted:
                yield Lines([], True)
            self._mark = _Mark.of(descriptor, self._offset)
            yield from self._finished(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _split(self, data: bytes) -> list[bytes]:
        head, newline, rest = data.partition(b"\n")
        if not newline:
            self._hold(data)
            return []
        lines = []
        if self._overlong:
            self._overlong = False
        else:
            first = bytes(self._carry) + head
            if not (self._carry_told and not head):
                lines.append(first)
        self._carry.clear()
        self._carry_told = False
        complete, newline, partial = rest.rpartition(b"\n")
        if newline:
            lines.extend(complete.split(b"\n"))
        self._hold(partial)
        return [line[:-1] if line.endswith(b"\r") else line for line in lines if line and not line.isspace()]

    def _hold(self, partial: bytes) -> None:
        if self._overlong or not partial:
            return
        self._carry += partial
        self._carry_told = False
        if len(self._carry) > MAX_LINE:
            self._carry.clear()
            self._overlong = True
            self.skipped_lines += 1

    def _finished(self, status: os.stat_result) -> Iterator[Lines]:
        """The last line, if it lacks its newline but nobody seems to be writing it any more."""
        if not self._carry or self._carry_told or status.st_size != self._offset:
            return
        if time.time() - status.st_mtime >= SETTLED_SECONDS:
            self._carry_told = True
            yield Lines([bytes(self._carry)], False)

    @property
    def unfinished(self) -> bool:
        """Whether a last line waits for its newline."""
        return bool(self._carry) and not self._carry_told


def read_document(path: Path, root: Path) -> bytes:
    """The whole of a small file.

    Raises :class:`FileNotFoundError`, and :class:`Unreadable` if it is too large or cannot be read.
    """
    descriptor = open_regular(path, root)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_size > MAX_DOCUMENT:
            raise Unreadable(f"larger than {MAX_DOCUMENT // 2**20} MiB")
        return file.read()
