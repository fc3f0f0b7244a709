"""Notifications of changes by watchdog; where they are missing, why and what helps.

On Linux they are lost without an error: watchdog skips a directory when the kernel has no watch left, the kernel drops
what its queue cannot hold, and file systems of other machines do not report what is written there.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, EventDispatcher, EventQueue, ObservedWatch

if TYPE_CHECKING:
    from . import inotify

log = logging.getLogger("agent_widget")

DEGRADED_CHECK: Final = 4.0
"""Seconds between two checks of all files where there are no notifications, or not all."""
RETRY: Final = 30.0
"""Seconds before a root that could not be watched, or not all of it, is watched anew."""
MOST_OF_ALL: Final = 7 / 8
"""Part of the watches that one user may have which one root does not take: other programs need some, too."""
RETRY_LARGE: Final = 600.0
"""Seconds before a root that would take more is watched anew."""
OVERFLOW_FOR: Final = 60.0
"""Seconds for which lost notifications are reported as a problem."""
_FOREIGN: Final = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "gluster", "lustre", "vboxsf", "prl_fs", "drvfs")
"""Beginnings of types of file systems that do not report what another machine or system writes to them."""

_SLOWER: Final = "writes are noted by the threads of watchdog, which takes longer: %s"

# Deletions and attribute changes need no reading; every further kind of event costs the kernel and us time.
_EVENTS: Final = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent, DirCreatedEvent, DirMovedEvent]


class _Handler(FileSystemEventHandler):
    """Puts paths in a set and returns: an exception or a delay here would stop watchdog's thread."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._note(os.fsdecode(event.dest_path or event.src_path))


class _Straight(EventQueue):
    """Gives events to a handler in the thread that reads them, not by way of the observer's own.

    To wake one more thread takes longer than all that is done for a line.
    """

    def __init__(self, handler: FileSystemEventHandler) -> None:
        super().__init__()
        self._handler = handler

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is EventDispatcher.stop_event:  # ends the observer's thread
            super().put(item, block, timeout)
        else:
            event, _ = item
            self._handler.on_any_event(event)


class _Event:
    """An alarm (:class:`.inotify.Alarm`) that only other threads set."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.set = self._event.set

    def wait(self, timeout: float) -> None:
        """Wait until it is set, but not longer than so many seconds; it is not set any more then."""
        self._event.wait(timeout)
        self._event.clear()

    def close(self) -> None:
        """Do nothing: it holds nothing."""


class Notifications:
    """The watches of some roots."""

    def __init__(self, roots: Callable[[], Iterable[Path]], note: Callable[[str], None]) -> None:
        """Call ``note`` with each path that may have changed below ``roots()``, in watchdog's threads.

        Where that is possible (Linux), it is :meth:`take` that says what was written, and :attr:`alarm` wakes who waits
        for it.
        """
        self._roots = roots
        self._handler = _Handler(note)
        self.alarm: _Event | inotify.Alarm = _Event()
        if sys.platform.startswith("linux"):
            try:
                from . import inotify
            except ImportError as error:
                log.warning(_SLOWER, error)
            else:
                self.alarm = inotify.Alarm()
        self._notified: inotify.Notified | None = None
        self._observer: BaseObserver | None = None
        self.watches: dict[Path, tuple[ObservedWatch, int]] = {}
        """Root → its watch, and the inode that it is of."""
        self._reasons: dict[Path, str] = {}
        self._unwatched: Counter[Path] = Counter()
        self._retry_at: dict[Path, float] = {}
        self._lost_at: float | None = None
        self._lost = False

    def start(self) -> None:
        """Prepare this process for watchdog; :meth:`refresh` begins to watch."""
        # watchdog dumps its whole watch table into a RuntimeWarning for directories that come and go quickly
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")

    def take(self) -> Iterable[str]:
        """Return the paths of the files that were written, as far as no thread of watchdog notes them."""
        return self._notified.take() if self._notified is not None else ()

    def _observe(self) -> BaseObserver:
        """Return an observer that runs. Raises ``OSError``."""
        observer = self._own_observer() or Observer()
        observer._event_queue = _Straight(self._handler)  # watchdog has no option for it
        observer.start()
        return observer

    def _own_observer(self) -> BaseObserver | None:
        """Return an observer whose notifications of writes are read by :meth:`take`, if there can be one."""
        if isinstance(self.alarm, _Event):
            return None
        from . import inotify

        try:
            self._notified = inotify.Notified()
        except NotImplementedError as error:
            log.warning(_SLOWER, error)
            return None
        self.alarm.listen(self._notified.descriptor)
        return inotify.Observer(self._notified)

    def refresh(self) -> list[Path]:
        """Watch every root that is there and not watched; returns those that were made anew since the last time."""
        made_anew = []
        for root in self._roots():
            try:
                inode = os.lstat(root).st_ino if os.path.realpath(root) == str(root) else 0
            except OSError:
                inode = 0
            watch, watched = self.watches.get(root, (None, 0))
            moment = time.monotonic()
            partial = self._unwatched[root] and moment >= self._retry_at.get(root, 0.0)
            if watch is not None and (inode != watched or partial or not self._is_alive(watch)):
                self._unwatch(root, watch)
                made_anew.append(root)
                watched = 0
            if inode and not watched and moment >= self._retry_at.get(root, 0.0):
                self._watch(root, inode)
        return made_anew

    def _unwatch(self, root: Path, watch: ObservedWatch) -> None:
        assert self._observer is not None
        with contextlib.suppress(OSError, KeyError):
            self._observer.unschedule(watch)
        del self.watches[root]
        self._unwatched.pop(root, None)
        self._retry_at.pop(root, None)

    def _watch(self, root: Path, inode: int) -> None:
        try:
            if self._observer is None:
                self._observer = self._observe()
                for name in ("watchdog.observers.inotify", "watchdog.observers.inotify_c"):
                    logging.getLogger(name).addFilter(self._filter)
            watch = self._observer.schedule(self._handler, str(root), recursive=True, event_filter=_EVENTS)
        except OSError as error:
            self._retry_at[root] = time.monotonic() + RETRY
            reason = f"no notifications ({error.strerror}), so files are checked every {DEGRADED_CHECK:.0f} s"
            reason += _cure(error.errno)
            if self._reasons.get(root) != reason:
                log.warning("%s: %s", root, reason)
            self._reasons[root] = reason
            return
        self.watches[root] = watch, inode
        self._reasons.pop(root, None)
        limit, held = _limit("max_user_watches"), len(self._watched(watch))
        if limit is not None and held > MOST_OF_ALL * limit:
            self._unwatch(root, watch)
            self._retry_at[root] = time.monotonic() + RETRY_LARGE
            self._reasons[root] = (
                f"{held:,} directories and more, nearly all that one user may watch, so files are checked every "
                f"{DEGRADED_CHECK:.0f} s; watch a directory further down{_cure(errno.ENOSPC)}"
            )
            log.warning("%s: %s", root, self._reasons[root])
            return
        kind = file_system(root)
        if kind is not None and kind.startswith(_FOREIGN):
            self._reasons[root] = (
                f"on {kind} no notification comes of what another machine writes, so files are checked every "
                f"{DEGRADED_CHECK:.0f} s"
            )

    def _is_alive(self, watch: ObservedWatch) -> bool:
        assert self._observer is not None
        return any(emitter.watch == watch and emitter.is_alive() for emitter in self._observer.emitters)

    def _filter(self, record: logging.LogRecord) -> bool:
        """Note an overflow, which watchdog only logs."""
        if "overflow" in str(record.msg):
            self._lost_at, self._lost = time.monotonic(), True
            return False
        return True

    def lost(self) -> bool:
        """Return whether notifications were lost since the last call."""
        lost, self._lost = self._lost, False
        return lost

    def compare(self, directories: Iterable[str]) -> None:
        """Take note of those of some directories that are not watched although their root is."""
        if self._observer is None:
            return
        known = {
            Path(os.fsdecode(emitter.watch.path)): self._watched(emitter.watch) for emitter in self._observer.emitters
        }
        for directory in directories:
            roots = [root for root in self.watches if directory.startswith(f"{root}{os.sep}")]
            if not roots:
                continue
            root = max(roots, key=lambda root: len(str(root)))
            watched = known.get(root)
            if watched and os.fsencode(directory) not in watched and os.path.isdir(directory):
                if not self._unwatched[root]:
                    self._retry_at[root] = time.monotonic() + RETRY
                    log.warning("%s: %s", root, self._partial())
                self._unwatched[root] += 1

    def _watched(self, watch: ObservedWatch) -> Mapping[bytes, object]:
        """Return the directories that are watched (Linux): watchdog leaves some out without an error."""
        assert self._observer is not None
        emitter = next((emitter for emitter in self._observer.emitters if emitter.watch == watch), None)
        watched = getattr(getattr(emitter, "_inotify", None), "_active_callbacks_by_path", None)
        return watched if isinstance(watched, dict) else {}

    def _partial(self) -> str:
        return (
            "directories without notifications (the limit of watches is reached), so files are checked every "
            f"{DEGRADED_CHECK:.0f} s{_cure(errno.ENOSPC)}"
        )

    def degraded(self, root: Path) -> str | None:
        """Return why changes below a root are seen later than at once, and what helps; ``None`` if they are not."""
        if root in self._reasons:
            return self._reasons[root]
        if self._unwatched[root]:
            return f"{self._unwatched[root]} {self._partial()}"
        if self._lost_at is not None and time.monotonic() - self._lost_at < OVERFLOW_FOR:
            return (
                "more changed at once than the system keeps in mind, so all files are checked"
                f"{_cure_of('max_queued_events')}"
            )
        return None

    def stop(self) -> None:
        """End all watches."""
        for name in ("watchdog.observers.inotify", "watchdog.observers.inotify_c"):
            logging.getLogger(name).removeFilter(self._filter)
        self._notified = None  # its descriptor may soon be of another file
        if self._observer is not None:
            with contextlib.suppress(OSError):  # watchdog's own threads may have closed what it takes back
                self._observer.stop()
            self._observer.join(5)
        self.alarm.close()


def _cure(number: int | None) -> str:
    if number == errno.ENOSPC:
        return _cure_of("max_user_watches")
    return _cure_of("max_user_instances") if number == errno.EMFILE else ""


def _limit(setting: str) -> int | None:
    """Return a limit of inotify; ``None`` where there is none."""
    try:
        return int(Path(f"/proc/sys/fs/inotify/{setting}").read_text())
    except (OSError, ValueError):
        return None


def _cure_of(setting: str) -> str:
    """Return the line that raises a limit of Linux to four times what it is."""
    limit = _limit(setting)
    if limit is None:
        return ""
    return f"; it is {limit} now, this raises it: sudo sysctl fs.inotify.{setting}={max(1024, 4 * limit)}"


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the file system that a path is on (``ext4``, ``nfs4``); ``None`` where that is not known."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    best, found = -1, None
    for line in lines:  # … mount point … - type …; see proc_pid_mountinfo(5)
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape") if len(before.split()) > 4 else "?"
        inside = point == "/" or str(path) == point or str(path).startswith(f"{point}/")
        if inside and len(point) >= best and after:
            best, found = len(point), after.split()[0]
    return found
