"""Notifications of Linux without threads in between: who reads the files reads the notifications, too.

watchdog reads each notification in one thread and hands it to a second one. Where lines are written all the time that
costs more than it does to read them, and each line waits for it. Here watchdog only keeps the watches; whoever waits
for an :class:`Alarm` reads what has come.
"""

from __future__ import annotations

import os
import select
import struct
import threading
import weakref
from typing import Final

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter, InotifyWatchGroup
from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

_HEADER: Final = struct.Struct("iIII")
"""Watch, mask, cookie and length of the name that follows (inotify(7))."""
_AT_ONCE: Final = 64 * 1024
"""Bytes of notifications read at a time."""
_MODIFIED: Final = int(InotifyConstants.IN_MODIFY)
_NEEDED: Final = {"_inotify_fd", "_is_reading", "_watch_for_wd", "handle_event", "_active_callbacks_by_watch"}
"""What is used of watchdog that is not in its documentation."""
_ATTRIBUTES: Final = int(InotifyConstants.IN_ATTRIB)


class Alarm:
    """Wakes the thread that waits for it: when another one sets it, or when a descriptor has something to read."""

    def __init__(self) -> None:
        self._set = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._close = weakref.finalize(self, os.close, self._set)
        self._poll = select.poll()
        self._poll.register(self._set, select.POLLIN)

    def listen(self, descriptor: int) -> None:
        """Wake the thread when this descriptor has something to read, too."""
        self._poll.register(descriptor, select.POLLIN)

    def set(self) -> None:
        """Wake the thread, or let it not wait the next time."""
        with self._lock:
            if self._close.alive:
                os.eventfd_write(self._set, 1)

    def wait(self, timeout: float) -> None:
        """Wait until it is set, but not longer than so many seconds; it is not set any more then."""
        if any(descriptor == self._set for descriptor, _ in self._poll.poll(max(0.0, timeout * 1000))):
            with self._lock:
                if self._close.alive:
                    os.eventfd_read(self._set)

    def close(self) -> None:
        """Give the descriptor back; whoever sets it from now on wakes nobody."""
        with self._lock:
            self._close()


class Notified(InotifyFD):
    """The notifications of one observer. No thread of its own reads them: :meth:`take` does."""

    def __init__(self) -> None:
        """Raise ``NotImplementedError`` if watchdog is made in another way than the versions this was written for."""
        super().__init__()
        if not {*vars(self), *dir(type(self)), *InotifyWatchGroup.__dataclass_fields__} >= _NEEDED:
            raise NotImplementedError("this watchdog is made in another way")
        self._is_reading = False  # nobody waits inside: it may be closed at any time
        os.set_blocking(self._inotify_fd, False)

    def start(self) -> None:
        """Do nothing: there is no thread."""

    def join(self, timeout: float | None = None) -> None:
        """Do nothing: there is no thread."""

    @property
    def descriptor(self) -> int:
        """What has something to read when there are notifications."""
        return self._inotify_fd

    def take(self) -> list[str]:
        """Take in what has come, without waiting; return the path of each file that was written, once.

        Everything but writes goes on as in watchdog, which follows directories that come and move.
        """
        try:
            data = os.read(self._inotify_fd, _AT_ONCE)
        except BlockingIOError:
            return []
        written: dict[tuple[int, bytes], None] = {}
        paths = []
        at = 0
        while at < len(data):
            watch, mask, cookie, length = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            name = data[at : at + length]
            at += length
            if mask == _MODIFIED:
                written[watch, name] = None
            elif mask != _ATTRIBUTES and (watch != -1 or mask & InotifyConstants.IN_Q_OVERFLOW):
                self.handle_event(InotifyEvent(WatchDescriptor(watch), Mask(mask), cookie, name.rstrip(b"\0")))
        for watch, name in written:  # the last: by now it is known where directories have moved
            found = self._watch_for_wd.get(WatchDescriptor(watch))
            for group in list(found.callbacks.values()) if found is not None else ():
                directory = group._active_callbacks_by_watch.get(watch)  # type: ignore[attr-defined]
                if directory is not None:
                    paths.append(os.fsdecode(directory + b"/" + name.rstrip(b"\0")))
        return paths


class Observer(BaseObserver):
    """watchdog's observer, but for the thread that reads the notifications."""

    def __init__(self, notified: Notified) -> None:
        super().__init__(InotifyEmitter, inotify_fd=notified)
        self._notified = notified

    def on_thread_stop(self) -> None:
        """End all watches."""
        super().on_thread_stop()
        self._notified.close()
