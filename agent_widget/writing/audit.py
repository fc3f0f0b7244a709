"""The record of what was written through us: one JSON line a write, in the user's state directory, mode 0600.

One file for all servers of a user; when it is over :data:`MAX_BYTES` its older half goes. Secrets are masked.
"""

from __future__ import annotations

import getpass
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
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
            descriptor = os.open(self.path, flags, 0o600)
            if hasattr(os, "fchmod"):
                os.fchmod(descriptor, 0o600)
        except OSError as error:
            raise AuditError(
                f"the audit {self.path} cannot be written ({error.strerror}); nothing was changed"
            ) from None
        return descriptor

    def write(self, descriptor: int, line: Mapping[str, Any]) -> None:
        """Add a line, and close the descriptor."""
        try:
            if fcntl is not None:
                with suppress(OSError):  # a file system without locks
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, msgspec.json.encode(deep(dict(line))) + b"\n")
            size = os.fstat(descriptor).st_size
            if size > MAX_BYTES:
                kept = os.pread(descriptor, MAX_BYTES // 2, size - MAX_BYTES // 2).partition(b"\n")[2]
                os.ftruncate(descriptor, 0)
                os.write(descriptor, kept)
        finally:
            os.close(descriptor)


def last_writes(count: int = 10, path: Path | None = None) -> list[dict[str, Any]]:
    """Return the last lines of the audit, the newest last; lines that cannot be read are left out."""
    path = path or audit_path()
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_BYTES // 4))
            lines = file.read().split(b"\n")
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(line, type=dict[str, Any]))
    return found[-count:]
