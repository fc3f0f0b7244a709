"""The record of what was written through us: one JSON line a write, in the user's state directory, mode 0600.

One file for all servers of a user; when it holds half of :data:`MAX_BYTES` it becomes the older one, in place of that
which was. Secrets are masked.
"""

from __future__ import annotations

import errno
import getpass
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
from platformdirs import user_state_path

from ..masking import deep

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MAX_BYTES: Final = 1024 * 1024
"""Of both files."""

log = logging.getLogger("agent_widget")


class AuditError(Exception):
    """The audit cannot be written; the message says why."""


def audit_path() -> Path:
    """Return where the audit is."""
    return user_state_path("agent-widget", appauthor=False) / "writes.jsonl"


def user_name() -> str:
    """Return the name of the user whose server this is."""
    with suppress(Exception):  # no such user in the password database, which raises differently from version to version
        return getpass.getuser()
    return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


class Audit:
    """Appends to the file."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or audit_path()

    def open(self) -> int:
        """Return a descriptor to write a line with; before a change is made, so that none is made without it."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = self._opened()
            if os.fstat(descriptor).st_size > MAX_BYTES // 2:
                self._put_aside(descriptor)
                os.close(descriptor)
                descriptor = self._opened()
        except OSError as error:
            raise AuditError(
                f"the audit {self.path} cannot be written ({error.strerror}); nothing was changed"
            ) from None
        return descriptor

    def write(self, descriptor: int, line: Mapping[str, Any]) -> None:
        """Add a line, and close the descriptor; what cannot be written is in the log, since the change was made."""
        data = msgspec.json.encode(deep(dict(line)))
        try:
            _lock(descriptor)
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # of a writer that was killed
            whole = (b"\n" if torn else b"") + data + b"\n"
            if os.write(descriptor, whole) < len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            log.error("the audit %s cannot be written (%s); the change: %s", self.path, error.strerror, data.decode())
        finally:
            os.close(descriptor)

    def _opened(self) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self.path, flags, 0o600)
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        return descriptor

    def _put_aside(self, descriptor: int) -> None:
        """Make the file the older one, unless another writer has done so meanwhile."""
        _lock(descriptor)
        own, there = os.fstat(descriptor), os.stat(self.path)
        if (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino):
            os.replace(self.path, older(self.path))


def _lock(descriptor: int) -> None:
    """Wait for other writers, until the descriptor is closed."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def older(path: Path) -> Path:
    """Return where the lines are that were written before those of the audit."""
    return path.with_name(f"{path.stem}.old{path.suffix}")


def last_writes(count: int = 10, path: Path | None = None) -> list[dict[str, Any]]:
    """Return the last lines of the audit, the newest last; lines that cannot be read are left out."""
    path = path or audit_path()
    found: list[dict[str, Any]] = []
    for each in (older(path), path):
        with suppress(OSError):
            for line in each.read_bytes().split(b"\n"):
                with suppress(msgspec.DecodeError):
                    found.append(msgspec.json.decode(line, type=dict[str, Any]))
    return found[-count:]
