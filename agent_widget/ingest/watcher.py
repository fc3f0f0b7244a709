"""Which files changed, as soon as they do: watchdog for the hint, ``stat`` for the truth.

One thread drains a set of changed paths: the first change is read at once, then at most every few milliseconds
while changes keep coming, so nothing waits for a quiet moment. Notifications get lost in ways nobody reports (a
full queue, a watch limit, a root that was made anew, a network mount), so files that changed lately are checked
every two seconds and the tree every fifteen, a large one less often, always.

The first look at the tree may find a gigabyte. It is read a slice at a time, the newest first, and between the slices
what was read is published and what changed meanwhile is read: nobody waits for the end.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from ..protocol import Sources, without_times
from ..store import Row
from .collector import HOT_FOR, Collector
from .notifications import DEGRADED_CHECK, Notifications
from .saving import Saving

log = logging.getLogger("agent_widget")

PACE: Final = 0.001
"""Maximum seconds of rest after a round of reading while changes keep coming; after a shorter one as long as it was."""
UNDISTURBED: Final = 0.003
"""Seconds of reading before somebody looks whether a file was written meanwhile, which is read next."""
HOT_CHECK: Final = 2.0
"""Seconds between two checks of the roots and of the files that changed lately."""
ROOT_CHECK: Final = 3.0
"""The same while no file has changed lately: only the roots are looked at then."""
TREE_CHECK: Final = 15.0
LONGEST_CHECK: Final = 120.0
"""Seconds between two checks of all files, at least and at most; what a check costs decides."""
CHECK_SHARE: Final = 2000.0
"""Minimum pause after a check of all files, as a multiple of the processor time it took."""
CHECK_SLICE: Final = 0.005
CHECK_PACE: Final = 0.02
"""Seconds of checking all files at a time, and seconds before it goes on."""
FIRST_LOOK: Final = 0.2
"""Seconds of looking for files at the start before what was found is read meanwhile."""
DRAIN: Final = 500
"""Notifications that are looked at in one round."""
MANY: Final = 2000
"""Notifications in a short time after which all files are checked soon: some may have been lost."""
STATS_PACE: Final = 0.25
READING_PACE: Final = 0.25
SOURCES_PACE: Final = 2.0
"""Seconds between two looks at the state of the sources: while something is read for the first time, and after that."""
ALIVE_PACE: Final = 5.0
"""Seconds after which it is published that the reader still finishes its rounds, though nothing else has changed."""
MUCH: Final = 16 * 2**20
"""Bytes still to be read above which :meth:`Watcher.wait_for_first_rows` does not wait for the end."""
PRUNE_PACE: Final = 3600.0
"""Seconds between two looks for rows that are older than the retention."""
SLICE: Final = 0.05
"""Seconds of reading after which the rows read so far are published, when there is more to read."""


class Watcher:
    """Keeps a collector's store in step with the files, in a thread of its own."""

    def __init__(self, collector: Collector, on_change: Callable[[], None] = lambda: None) -> None:
        """Watch for ``collector``; ``on_change`` runs in the watcher's thread when store or :attr:`sources` changed."""
        self.collector = collector
        self._next_prune = 0.0
        self._arrived: deque[tuple[list[tuple[str, str, Row | None]], Callable[[], None]]] = deque()
        self._news = False
        self.sources = Sources(collector.store.seq, collector.states())
        """How far each root is read; replaced when that changes, after the rows that were read are in the store."""
        self._published_at = self._looked_at = 0.0
        self._saving = Saving(collector)
        self._on_change = on_change
        self._paths: set[str] = set()
        self._stopping = False
        self.notifications = Notifications(lambda: self.collector.roots, lambda path: self._note(path))
        self._wake = self.notifications.alarm
        collector.degraded = self.notifications.degraded
        self._check: Iterator[None] | None = None
        """The check of all files that goes on."""
        self._check_cost = 0.0
        self._next_check = 0.0
        self._check_soon = False
        self._noted = 0
        """Number of notifications since the last check of all files began."""
        self._caught_up = threading.Event()
        self._first_rows = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent-widget-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch and to read all there is, in the background."""
        self.notifications.start()
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all that was there at the start has been read; returns whether it has."""
        return self._caught_up.wait(timeout)

    def wait_for_first_rows(self, timeout: float) -> None:
        """Wait like :meth:`wait`; with more than :data:`MUCH` to read, only until the newest of it has been read."""
        self._first_rows.wait(timeout)

    def stop(self) -> None:
        """Stop watching; returns when the threads have ended."""
        self._stopping = True
        self._wake.set()
        self._first_rows.set()  # nothing more will come for whoever waits for it
        if self._thread.is_alive():  # first: it may be about to watch a root
            self._thread.join(5)
        self._saving.close()
        self.collector.close()
        self.notifications.stop()

    def hand_in(self, rows: list[tuple[str, str, Row | None]], done: Callable[[], None]) -> None:
        """Take in rows of followed hosts (:meth:`.Collector.take_over`) with the next round, then call ``done``.

        ``done`` runs in the watcher's thread, before anything of it is kept. Any thread may call this.
        """
        self._arrived.append((rows, done))
        self._wake.set()

    def publish(self) -> None:
        """Publish :attr:`sources` with the next round: how the followed hosts are has changed."""
        self._news = True
        self._wake.set()

    def _note(self, path: str) -> None:
        if path not in self._paths:
            self._paths.add(path)
            self._wake.set()

    @property
    def problem(self) -> str | None:
        """Why changes of some root are seen by checking only, if that is so."""
        reasons = [self.notifications.degraded(root) for root in self.collector.roots]
        return next((reason for reason in reasons if reason), None)

    def _watch_roots(self) -> None:
        """Watch what is there and not watched; see to it that what was missed meanwhile is found soon."""
        tree = self.collector.tree
        for root in self.notifications.refresh():
            tree.doubt(root)
            self._check_soon = True
            self.notifications.compare(tree)
        self.notifications.compare(tree.take_new())
        if self.notifications.lost():
            tree.doubt()
            self._check_soon = True

    def _check_on(self, moment: float) -> None:
        """Go on with the check of all files, if it is time."""
        first, began = not self.collector.looked, time.thread_time()
        if self._check is None:
            if moment < self._next_check and not self._check_soon:
                return
            # The next check is set before this one begins: one that fails must not be due again at once.
            self._next_check, self._check_soon = moment + TREE_CHECK, False
            self._watch_roots()
            self._check, self._check_cost, self._check_soon, self._noted = self.collector.check(), 0.0, False, 0
            until = moment + (FIRST_LOOK if first else CHECK_SLICE)
        else:
            until = moment + (SLICE if first else CHECK_SLICE)
        try:
            for number, _ in enumerate(self._check):
                if not number % 16 and time.monotonic() >= until:
                    return
        except Exception:
            self._check = None
            raise
        finally:
            # of the processor: where others have it, this check costs no more than elsewhere
            self._check_cost += time.thread_time() - began
        self._check = None
        self.notifications.compare(self.collector.tree.take_new())
        pause = min(LONGEST_CHECK, max(TREE_CHECK, CHECK_SHARE * self._check_cost))
        if self.problem is not None:
            pause = min(TREE_CHECK, DEGRADED_CHECK)
        self._next_check = time.monotonic() + pause

    @property
    def _next_look(self) -> float:
        """When to look at the roots, and at the files that changed lately if there are any."""
        return self._looked_at + (HOT_CHECK if self.collector.has_hot else ROOT_CHECK)

    def _run(self) -> None:
        collector, store = self.collector, self.collector.store
        published_seq = store.seq
        next_stats = next_sources = time.monotonic()
        self._looked_at = next_stats
        stats_due = all_read = rests = False
        saving, rested_at = self._saving, 0.0
        collector.put_off()
        while not self._stopping:
            if all_read:
                checks = self._check is not None or self._check_soon
                due = [self._next_look, collector.retry_at, 0.0 if checks else self._next_check]
                if stats_due:
                    due.append(next_stats)
                if (at := saving.due_at) is not None:
                    due.append(at)
                self._wake.wait(max(CHECK_PACE if checks else 0.0, min(due) - time.monotonic()))
            if rests and (early := rested_at - time.monotonic()) > 0:
                time.sleep(early)  # what comes meanwhile is read in one round
            if self._stopping:
                return
            moment = time.monotonic()
            try:
                self._take_over()
                self._paths.update(self.notifications.take())
                self._drain()
                all_read = rests = True  # a round that fails goes on with the next check, not at once
                if moment >= self._next_look:
                    self._looked_at = moment
                    if collector.grow():
                        self._check_soon = True
                    self._watch_roots()
                    collector.look(collector.stale(within=HOT_FOR))
                    collector.verify()
                collector.retry()
                looked = collector.looked
                self._check_on(moment)
                if not looked and self._publish(moment):  # how much there is to read is known before it is read
                    self._on_change()
                rests = self._read_on() and collector.looked and not self._arrived
                all_read = rests and not self._paths
                if all_read or self._first_rows.is_set() or collector.left <= MUCH:  # who waits gets all of so little
                    collector.catch_up()
                if not self._caught_up.is_set():
                    gc.freeze()  # rows stay: looking for garbage among all of them halts every thread for long
                collector.settle()
                stats_due |= store.seq != published_seq
                if stats_due and (moment >= next_stats or (all_read and not self._caught_up.is_set())):
                    next_stats, stats_due = moment + STATS_PACE, False
                    collector.settle(stats=True)
                published = False
                if self._news or moment >= next_sources or (all_read and self._is_reading):
                    self._news = False
                    published = self._publish(moment)
                    next_sources = moment + (READING_PACE if self._is_reading else SOURCES_PACE)
                if all_read and moment >= self._next_prune:
                    self._next_prune = moment + (0.0 if collector.prune() else PRUNE_PACE)
                if store.seq != published_seq or published:  # also what a round that failed has read
                    saving.before_sending()
                    published_seq = store.seq
                    self._on_change()
                if not all_read and not self._first_rows.is_set() and collector.left > MUCH:
                    self._first_rows.set()
                else:
                    saving.checkpoint(all_read=all_read, now=all_read and not self._caught_up.is_set())
                if all_read:
                    self._caught_up.set()
                    self._first_rows.set()
            except Exception:
                # one bad moment must not end the watching: the next check makes up for what was missed
                log.exception("a round of reading failed")
            ended = time.monotonic()
            rested_at = ended + min(PACE, ended - moment)
            saving.after_sending()

    @property
    def _is_reading(self) -> bool:
        return any(source.state == "reading" for source in self.sources.sources if source.host is None)

    def _publish(self, moment: float) -> bool:
        """Bring :attr:`sources` up to date; returns whether there was something new."""
        seq, states = self.collector.store.seq, self.collector.states()
        hosts, elsewhere = self.collector.hosts()
        states += elsewhere
        new = Sources(seq, states, hosts, self.collector.publishing())
        if moment - self._published_at < ALIVE_PACE and _timeless(new) == _timeless(self.sources):
            return False
        self.sources, self._published_at = new, moment
        return True

    def _take_over(self) -> None:
        """Take in what followed hosts have sent, some of it."""
        until = time.monotonic() + SLICE
        while self._arrived and time.monotonic() < until:
            rows, done = self._arrived.popleft()
            self.collector.take_over(rows)
            done()

    def _drain(self) -> None:
        paths: set[Path] = set()
        while self._paths and len(paths) < DRAIN:  # watchdog's thread may add meanwhile: pop is atomic
            paths.add(_path(self._paths.pop()))
        if paths:
            self._noted += len(paths)
            if self._noted >= MANY and self._check is None:
                self._noted, self._check_soon = 0, True
            self.collector.look(paths)

    def _read_on(self) -> bool:
        """Read what is on the collector's list, until something else happens or the rows read so far are due."""
        began = time.monotonic()

        def is_due() -> bool:
            took = time.monotonic() - began
            if took < UNDISTURBED:
                return self._stopping
            self._paths.update(self.notifications.take())
            return self._stopping or bool(self._paths or self._arrived) or took >= SLICE

        return self.collector.read_on(is_due)


_path: Final = lru_cache(1000)(Path)
"""The path of a notification: mostly one that was written a moment ago."""


def _timeless(frame: Sources) -> Sources:
    return msgspec.structs.replace(frame, seq=0, sources=without_times(frame.sources))
