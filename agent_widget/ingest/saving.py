"""When what a collector has read is written to its archive.

Rows follow within a moment, many in one transaction, in another thread. A checkpoint writes what readers remember,
which is in memory until then: while much is read one comes whenever so much of it has gathered, so that a first reading
writes each entry about once, in transactions of one size, however long it takes; after that one comes now and then.
While files are read for the first time rows are written with the checkpoints, too: a crash goes back to the last one
anyway, each row is written about once, and nobody is to be kept from the interpreter by a thread that writes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from .collector import Collector

log = logging.getLogger("agent_widget")

SAVE_PACE: Final = 1.0
SAVE_ROWS: Final = 100
"""Changed rows are written after so many seconds, or as soon as there are so many.

Rows that change often are written once, and a crash goes back to the last checkpoint anyway. What is read meanwhile is
read more slowly, so that many at once would be felt: 100 take a millisecond, and a row 1 µs more than among 500."""
MANY_ROWS: Final = 2000
READING_ROWS: Final = 8000
"""Changed rows above which they are written before anybody is sent them, else meanwhile; the second while files are
read for the first time."""
MANY_ENTRIES: Final = 3000
"""Entries and files to be written at a checkpoint above which it comes while there is more to read. More of them take
more memory, and make a first reading no faster."""
READING_PACE: Final = 5.0
CHECKPOINT_PACE: Final = 30.0
"""Seconds after which a checkpoint comes anyway, while there is more to read and after that."""
CHECKPOINT_SHARE: Final = 200.0
"""Minimum pause after a checkpoint when all is read, as a multiple of its duration."""
TIDY_PACE: Final = 10.0
"""Seconds between two times that the archive is tidied up, while something is written to it."""


class Saving:
    """Has one collector write. One thread calls it."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._pool = ThreadPoolExecutor(2, "agent-widget-archive")
        self._saving = self._tidying = Future[None]()
        self._saving.set_result(None)
        self._since = 0.0
        """Since when there are rows to be written (:func:`time.monotonic`); 0 if there are none."""
        self._next_checkpoint = 0.0
        self._next_tidy = 0.0

    @property
    def due_at(self) -> float | None:
        """When :meth:`after_sending` has something to do (:func:`time.monotonic`); ``None`` if it has not."""
        if not self._since:
            return None
        return self._since + self._pace if self._saving.done() else time.monotonic() + self._pace

    @property
    def _pace(self) -> float:
        return READING_PACE if self._collector.left else SAVE_PACE

    def before_sending(self) -> None:
        """Take in that rows have changed and are about to be sent."""
        unwritten = self._collector.store.unwritten
        if unwritten > (READING_ROWS if self._collector.left else MANY_ROWS):
            self._collector.save()
        elif unwritten and not self._since:
            self._since = time.monotonic()

    def after_sending(self) -> None:
        """Begin to write rows, if it is time."""
        if not self._since or not self._saving.done():
            return
        many = not self._collector.left and self._collector.store.unwritten >= SAVE_ROWS
        if many or time.monotonic() >= self._since + self._pace:
            self._since = 0.0
            self._saving = self._pool.submit(_logged, self._collector.save)
            self._tidy()

    def checkpoint(self, *, all_read: bool, now: bool = False) -> None:
        """Write a checkpoint, if it is time, or ``now``."""
        many = not all_read and self._collector.unkept >= MANY_ENTRIES
        if not now and not many and time.monotonic() < self._next_checkpoint:
            return
        began = time.thread_time()
        self._collector.checkpoint()
        if not self._collector.store.unwritten:
            self._since = 0.0
        self._tidy()
        pause = max(CHECKPOINT_PACE, CHECKPOINT_SHARE * (time.thread_time() - began)) if all_read else READING_PACE
        self._next_checkpoint = time.monotonic() + pause

    def close(self) -> None:
        """Wait until nothing is written any more."""
        self._pool.shutdown()

    def _tidy(self) -> None:
        """Have the archive tidied up, if it is time."""
        archive, moment = self._collector.archive, time.monotonic()
        if archive is not None and moment >= self._next_tidy and self._tidying.done():
            self._next_tidy = moment + TIDY_PACE
            self._tidying = self._pool.submit(_logged, archive.tidy)


def _logged(work: Callable[[], None]) -> None:
    """Do something in the background; what is unforeseen is logged, since nobody asks for it."""
    try:
        work()
    except Exception:
        log.exception("the archive could not be brought up to date")
