"""Writing a file of somebody else's: replaced as a whole or a line added, never half of either.

Where a file may be written is decided as for reading: regular files below the root, and where a symlink may lead
(:mod:`agent_widget.ingest.links`). A symlink stays one; what it leads to is replaced.
"""

from __future__ import annotations

import glob
import json
import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from ..ingest.links import refusal
from ..ingest.tail import MAX_DOCUMENT, Unreadable, open_regular

TRIES: Final = 5
"""How often a change is made anew because somebody who takes no lock wrote meanwhile."""
UNFINISHED: Final = 0.5
"""Seconds for which a last line that is being written is waited for."""
DRAFT: Final = ".agent-widget-tmp"
"""Ending of a file that is being written, beside the one that it replaces."""

Stamp = tuple[int, int, int, int]


class Unwritable(Exception):
    """The file cannot be written; the message says why in one line."""


class Busy(Exception):
    """Somebody writes the file again and again without taking its lock."""


def rewrite(path: Path, root: Path, edit: Callable[[bytes | None], bytes], check: Callable[[], None]) -> None:
    """Replace a file by what ``edit`` makes of its bytes (``None`` if there is none).

    ``check`` is called right before the file is replaced, and raises if it must not be. If somebody has written the
    file since it was read, it is read and edited again. The new bytes are on the disk before they have the name.
    Raises :class:`Unwritable`, :class:`Busy`, and what ``edit`` raises.
    """
    real = _real(path, root)
    _sweep(real)
    for _ in range(TRIES):
        old, before, descriptor = _read(real)
        try:
            new = edit(old)
            if new == old:
                return
            draft = _write_beside(real, new, before)
            try:
                check()
                if _stamp(real) != (before and _stamp_of(before)):
                    continue
                _put(draft, real, is_new=before is None)
            except FileExistsError:
                continue
            except OSError as error:
                raise Unwritable(f"{path.name}: {error.strerror or error}") from None
            finally:
                draft.unlink(missing_ok=True)
            _sync_directory(real.parent)
            if old is not None and descriptor is not None:
                _rescue(descriptor, len(old), real)
            return
        finally:
            if descriptor is not None:
                os.close(descriptor)
    raise Busy(f"{path.name} is written again and again by a program that takes no lock; nothing was written")


def append(path: Path, root: Path, line: bytes, check: Callable[[], None]) -> None:
    """Add a line at the end of a file, in one write, so that those who add lines without a lock lose nothing.

    A last line without its end is given one first, after some time for whoever may still be writing it.
    """
    real = _real(path, root)
    deadline = time.monotonic() + UNFINISHED
    while True:
        before = _end_of(real)
        if before in (b"", b"\n") or time.monotonic() >= deadline or _is_object(_last_line(real)):
            break
        time.sleep(0.02)
    data = (b"" if before in (b"", b"\n") else b"\n") + line + b"\n"
    check()
    try:
        descriptor = os.open(
            real, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
        )
    except OSError as error:
        raise Unwritable(f"{path.name}: {error.strerror or error}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unwritable(f"{path.name}: not a regular file")
        size = os.fstat(descriptor).st_size
        written = os.write(descriptor, data)
        if written != len(data):  # the disk is full: half a line must not stay
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise Unwritable(f"{path.name}: only {written} of {len(data)} bytes could be written")
        os.fsync(descriptor)
    except OSError as error:
        raise Unwritable(f"{path.name}: {error.strerror or error}") from None
    finally:
        os.close(descriptor)


def check_place(path: Path, root: Path) -> None:
    """Raise :class:`Unwritable` if a file may not be written; before anything is made beside it."""
    _real(path, root)
    _real(path.parent, root)


def _real(path: Path, root: Path) -> Path:
    """Return the path without symlinks, if it may be written. Raises :class:`Unwritable`."""
    real = os.path.realpath(path)
    try:
        reason = refusal(path, real, root)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise Unwritable(f"{path.name}: {reason}")
    if os.path.isfile(real) and not (os.access(real, os.W_OK) and os.stat(real).st_mode & 0o222):
        raise Unwritable(f"{path.name}: it is read-only; nothing was written")  # a rename would not ask
    return Path(real)


def _read(real: Path) -> tuple[bytes | None, os.stat_result | None, int | None]:
    try:
        descriptor = open_regular(real, real.parent)
    except FileNotFoundError:
        return None, None, None
    except Unreadable as error:
        raise Unwritable(f"{real.name}: {error}") from None
    status = os.fstat(descriptor)
    if status.st_size > MAX_DOCUMENT:
        os.close(descriptor)
        raise Unwritable(f"{real.name}: larger than {MAX_DOCUMENT // 2**20} MiB")
    parts, offset = [], 0
    while data := os.pread(descriptor, 2**20, offset):
        parts.append(data)
        offset += len(data)
    return b"".join(parts), status, descriptor


def _write_beside(real: Path, data: bytes, like: os.stat_result | None) -> Path:
    draft = real.with_name(f".{real.name}.{secrets.token_hex(6)}{DRAFT}")
    mode = 0o600 if like is not None else 0o644  # a new file has what the umask leaves of it
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if like is not None and hasattr(os, "fchmod"):
                    os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
                if (
                    like is not None
                    and hasattr(os, "fchown")
                    and (like.st_uid, like.st_gid) != (os.getuid(), os.getgid())
                ):
                    with suppress(OSError):
                        os.fchown(file.fileno(), like.st_uid, like.st_gid)
                os.fsync(file.fileno())
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Unwritable(f"{real.name}: {error.strerror or error}") from None
    return draft


def _put(draft: Path, real: Path, is_new: bool) -> None:
    """Give the new bytes the name; a new file does not replace one that came meanwhile."""
    if is_new:
        try:
            os.link(draft, real)
            return
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if real.exists():
                raise FileExistsError(str(real)) from None
    os.replace(draft, real)


def _sweep(real: Path) -> None:
    """Remove what a killed writer left beside the file; the lock says that nobody is writing now."""
    for left in real.parent.glob(f".{glob.escape(real.name)}.*{DRAFT}"):
        with suppress(OSError):
            left.unlink()


def _rescue(descriptor: int, size: int, real: Path) -> None:
    """Take over what somebody without the lock added to the old file between our reading and the new file."""
    late = os.pread(descriptor, 2**24, size)
    if late and real.suffix == ".jsonl":
        with real.open("ab") as file:
            file.write(late)


def _stamp(path: Path) -> Stamp | None:
    try:
        return _stamp_of(os.stat(path))
    except FileNotFoundError:
        return None


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _sync_directory(directory: Path) -> None:
    with suppress(OSError):  # not on every system
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _end_of(real: Path) -> bytes:
    """Return the last byte of a file; nothing if it is empty or not there."""
    try:
        descriptor = open_regular(real, real.parent)
    except FileNotFoundError:
        return b""
    except Unreadable as error:
        raise Unwritable(f"{real.name}: {error}") from None
    try:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, 1, size - 1) if size else b""
    finally:
        os.close(descriptor)


def _last_line(real: Path) -> bytes:
    with suppress(OSError), real.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 2**20))
        return file.read().rpartition(b"\n")[2]
    return b""


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
