"""The locks that everybody who writes an agent's file takes.

Rules of the shared workspace: beside ``tasks.json`` stands ``tasks.json.lock``, created exclusively, with ``{owner_id,
locked_at, pid}``; who finds it tries again, first after 50 ms and at most 1 s apart, for 10 s in all; one that is older
than 2 minutes is stale and may be removed; only one's own is removed at the end. Our own locks also name the process
that holds them so that it cannot be mistaken (machine, PID namespace, start time): one that a killed server left behind
is removed at once.
"""

from __future__ import annotations

import functools
import glob
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from ..ingest.processes import domain, started
from ..sources.changes import Lock
from ..sources.parsing import millis

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE: Final = 10.0
"""Seconds for which a lock is tried."""
PAUSES: Final = (0.05, 1.0)
"""Seconds between two tries, at first and at most; each pause doubles the last."""
STALE: Final = 120.0
"""Seconds after which a lock file may be removed."""
MAX_CONTENT: Final = 4096
"""Bytes of a lock file that are read."""
FOLDER_STALE: Final = 10.0
"""Seconds after which a lock directory may be removed: ``proper-lockfile`` renews its own every 5 s."""


class Locked(Exception):
    """Somebody else holds a lock; the message says who and since when."""


class LockLost(Exception):
    """A lock was removed while it was held: this process stood still for too long."""


class Held:
    """Locks that are held."""

    def __init__(self) -> None:
        self._owned: list[tuple[Path, Callable[[], bool]]] = []

    def add(self, path: Path, is_ours: Callable[[], bool]) -> None:
        """Take in a lock of ours; ``is_ours`` tells whether it still is."""
        self._owned.append((path, is_ours))

    def check(self) -> None:
        """Raise :class:`LockLost` if a lock is not ours any more."""
        for path, is_ours in self._owned:
            if not is_ours():
                raise LockLost(f"the lock {path.name} was removed while it was held; nothing was written, try again")


@contextmanager
def held(root: Path, locks: tuple[Lock, ...], patience: float = PATIENCE) -> Iterator[Held]:
    """Hold some locks below a root, taken in their order. Raises :class:`Locked` after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    taken = Held()
    with ExitStack() as stack:
        for lock in locks:
            path = root / lock.path
            if lock.kind == "file":
                owner = _take(path, deadline)
                taken.add(path, functools.partial(_is_owned, path, owner))
                stack.callback(_release, path, owner)
                _sweep(path)
            elif lock.kind == "folder":
                _try(path, deadline, functools.partial(_create_folder, path))
                made = _place(path)
                taken.add(path, functools.partial(_is_still, path, made))
                stack.callback(_release_folder, path, made)
            else:
                stack.enter_context(_system_lock(path, deadline))
        yield taken


def _take(path: Path, deadline: float) -> str:
    """Create a lock file of ours; return its ``owner_id``."""
    owner = f"agent-widget-{os.getpid()}-{secrets.token_hex(8)}"
    _try(path, deadline, functools.partial(_create, path, owner))
    return owner


def _try(path: Path, deadline: float, make: Callable[[], bool]) -> None:
    """Make a lock as soon as nobody else holds it; one that is stale is removed. Raises :class:`Locked`."""
    pause = PAUSES[0]
    while not make():
        if _is_stale(path) and _break(path):
            continue
        left = deadline - time.monotonic()
        if left <= 0:
            raise Locked(_who_holds(path))
        # not always the same pauses, or several writers would meet again and again
        time.sleep(min(left, pause * (0.5 + secrets.randbelow(1000) / 1000)))
        pause = min(PAUSES[1], pause * 2)


def _create(path: Path, owner: str) -> bool:
    """Create the lock file with its whole content at once; false if there is one.

    It is written beside and linked: a reader never sees a lock without its owner.
    """
    now = datetime.now(UTC)
    content = {
        "owner_id": owner,
        "locked_at": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z",
        "pid": os.getpid(),
        "domain": domain(),
        "started": started(os.getpid()),
    }
    draft = path.with_name(f"{path.name}.{owner}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(content).encode())
        try:
            os.link(draft, path)
        except (FileExistsError, FileNotFoundError):  # the latter: somebody took our draft for a dead process's
            return False
        except OSError:  # a file system without hard links
            return _create_in_place(path, draft.read_bytes())
        return True
    finally:
        draft.unlink(missing_ok=True)


def _create_in_place(path: Path, content: bytes) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError:  # the disk is full: a lock without its owner would stay until it is stale
        path.unlink(missing_ok=True)
        raise
    return True


def _sweep(path: Path) -> None:
    """Remove drafts of locks that killed processes left beside one."""
    for draft in path.parent.glob(f"{glob.escape(path.name)}.agent-widget-*"):
        pid = draft.name.removeprefix(f"{path.name}.agent-widget-").partition("-")[0]
        with suppress(OSError, ValueError):
            if started(int(pid)) is None and time.time() - draft.stat().st_mtime > 1:
                draft.unlink()


def _content(path: Path) -> dict[str, Any]:
    """Return what a lock file says; nothing if it says nothing that can be understood.

    No link is followed and no FIFO waited for: whatever has the name, it must not hold up whoever looks.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        found = json.loads(os.read(descriptor, MAX_CONTENT)) if regular else None
    except (OSError, ValueError):
        return {}
    finally:
        os.close(descriptor)
    return found if isinstance(found, dict) else {}


def _is_stale(path: Path) -> bool:
    """Return whether a lock may be removed: by its age, or because a process of ours that held it has ended."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    says = _content(path)
    if _is_old(says, status):
        return True
    own = str(says.get("owner_id", "")).startswith("agent-widget-") and says.get("domain") is not None
    pid = says.get("pid")
    return own and says["domain"] == domain() and isinstance(pid, int) and started(pid) != says.get("started")


def _is_old(says: dict[str, Any], status: os.stat_result) -> bool:
    """Return whether a lock is older than one may be: by what it says, unless that is still to come, or by its file."""
    at = millis(says.get("locked_at")) or millis(says.get("timestamp"))
    since = status.st_mtime if at is None or at / 1000 > status.st_mtime + STALE else at / 1000
    return time.time() - since > (FOLDER_STALE if stat.S_ISDIR(status.st_mode) else STALE)


def _break(path: Path) -> bool:
    """Remove a stale lock, but not one that somebody has taken meanwhile; returns whether it is worth another try.

    Those who break one agree by a lock of the system on the very file: whoever comes second finds that the path leads
    to another file, or that this one is not stale, and leaves it alone.
    """
    try:
        if os.path.islink(path):
            os.unlink(path)
            return True
        if os.path.isdir(path):
            if _is_stale(path):
                os.rmdir(path)
            return True
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        status, there = os.fstat(descriptor), os.lstat(path)
        if (status.st_dev, status.st_ino) == (there.st_dev, there.st_ino) and _is_stale(path):
            os.unlink(path)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _is_owned(path: Path, owner: str) -> bool:
    return _content(path).get("owner_id") == owner


def _release(path: Path, owner: str) -> None:
    if _is_owned(path, owner):
        with suppress(FileNotFoundError):
            path.unlink()


def _create_folder(path: Path) -> bool:
    try:
        os.mkdir(path)
    except FileExistsError:
        return False
    return True


def _place(path: Path) -> tuple[int, int, int] | None:
    """Return which directory a lock is: one that is made anew has another time, where not another inode."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _is_still(path: Path, made: tuple[int, int, int] | None) -> bool:
    return made is not None and _place(path) == made


def _release_folder(path: Path, made: tuple[int, int, int] | None) -> None:
    if _is_still(path, made):
        with suppress(OSError):
            os.rmdir(path)


@contextmanager
def _system_lock(path: Path, deadline: float) -> Iterator[None]:
    """Hold the system's lock on a file that others made; where there is none, there is nothing to hold."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        while fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Locked(f"{path.name} is locked by another program; try again") from None
                time.sleep(PAUSES[0])
            except OSError:  # a file system without locks
                break
        yield
    finally:
        os.close(descriptor)


def _who_holds(path: Path) -> str:
    says = _content(path)
    who = f" by {says['owner_id']}" if isinstance(says.get("owner_id"), str) else ""
    process = f" (pid {says['pid']})" if isinstance(says.get("pid"), int) else ""
    since = f" since {says['locked_at']}" if isinstance(says.get("locked_at"), str) else ""
    return f"{path.name} is held{who}{process}{since}; nothing was written, try again"
