"""Which files changed, as soon as they do: watchdog for the hint, ``stat`` for the truth.

One thread drains a set of changed paths: the first change is read at once, then at most every few milliseconds
while changes keep coming, so nothing waits for a quiet moment. Notifications get lost in ways nobody reports (a
full queue, a watch limit, a root that was made anew, a network mount), so files that changed lately are checked
every two seconds and the tree every fifteen, always.

The first look at the tree may find a gigabyte. It is read a slice at a time, the newest first, and between the slices
what was read is published and what changed meanwhile is read: nobody waits for the end.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
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
from watchdog.observers.api import BaseObserver, ObservedWatch

from ..protocol import Sources, SourceState
from .collector import Collector

log = logging.getLogger("agent_widget")

PACE: Final = 0.003
"""Seconds between two rounds of reading while changes keep coming."""
HOT_CHECK: Final = 2.0
HOT_FOR: Final = 300.0
TREE_CHECK: Final = 15.0
STATS_PACE: Final = 0.25
READING_PACE: Final = 0.25
SOURCES_PACE: Final = 2.0
"""Seconds between two looks at the state of the sources: while something is read for the first time, and after that."""
ALIVE_PACE: Final = 5.0
"""Seconds after which it is published that the reader still finishes its rounds, though nothing else has changed."""
MUCH: Final = 16 * 2**20
"""Bytes still to be read above which :meth:`Watcher.wait_for_first_rows` does not wait for the end."""
CHECKPOINT_PACE: Final = 30.0
"""Minimum seconds between two checkpoints while files change."""
CHECKPOINT_SHARE: Final = 200.0
"""How many times as long as it took is at least between a checkpoint and the next."""
PRUNE_PACE: Final = 3600.0
"""Seconds between two looks for rows that are older than the retention."""
SLICE: Final = 0.05
"""Seconds of reading after which the rows read so far are published, when there is more to read."""

# Deletions and attribute changes need no reading; every further kind of event costs the kernel and us time.
_EVENTS: Final = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent, DirCreatedEvent, DirMovedEvent]


class _Handler(FileSystemEventHandler):
    """Puts paths in a set and returns: an exception or a delay here would stop watchdog's thread."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._note(os.fsdecode(event.dest_path or event.src_path))


class Watcher:
    """Keeps a collector's store in step with the files, in a thread of its own."""

    def __init__(self, collector: Collector, on_change: Callable[[], None] = lambda: None) -> None:
        """Watch for ``collector``; ``on_change`` runs in the watcher's thread when store or :attr:`sources` changed."""
        self.collector = collector
        self._next_prune = 0.0
        self.sources = Sources(collector.store.seq, collector.states())
        """How far each root is read; replaced when that changes, after the rows that were read are in the store."""
        self._published_at = 0.0
        self._next_checkpoint = 0.0
        self.problem: str | None = None
        """Why notifications do not work, if they do not; changes are then seen by checking."""
        self._on_change = on_change
        self._paths: set[str] = set()
        self._wake = threading.Event()
        self._stopping = False
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, tuple[ObservedWatch, int]] = {}
        self._caught_up = threading.Event()
        self._first_rows = threading.Event()
        self._thread = threading.Thread(target=self._run, name="agent-widget-watcher", daemon=True)

    def start(self) -> None:
        """Begin to watch and to read all there is, in the background."""
        # watchdog dumps its whole watch table into a RuntimeWarning for directories that come and go quickly
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")
        self._observer = Observer()
        self._observer.start()
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
        self.collector.close()
        if self._observer is not None:
            with contextlib.suppress(OSError):  # watchdog's own threads may have closed what it takes back
                self._observer.stop()
            self._observer.join(5)

    def _note(self, path: str) -> None:
        self._paths.add(path)
        self._wake.set()

    def _watch_roots(self) -> None:
        """Watch every root that is there and not watched; a root that was made anew is watched anew."""
        assert self._observer is not None
        for root in self.collector.roots:
            try:
                inode = os.stat(root).st_ino
            except OSError:
                inode = 0
            watch, watched = self._watches.get(root, (None, 0))
            if watch is not None and (inode != watched or not self._alive(watch)):
                self._observer.unschedule(watch)
                del self._watches[root]
                watched = 0
            if inode and not watched:
                try:
                    watch = self._observer.schedule(
                        _Handler(self._note), str(root), recursive=True, event_filter=_EVENTS
                    )
                except OSError as error:
                    self.problem = f"{root}: no notifications ({error.strerror}); checking every {TREE_CHECK:.0f} s"
                    log.warning("%s", self.problem)
                    continue
                self._watches[root] = (watch, inode)

    def _alive(self, watch: ObservedWatch) -> bool:
        return any(emitter.watch == watch and emitter.is_alive() for emitter in self._observer.emitters)  # type: ignore[union-attr]

    def _run(self) -> None:
        store = self.collector.store
        published_seq = store.seq
        next_stats = next_tree = time.monotonic()  # the first look at the tree finds what there is to read
        next_hot = next_tree + HOT_CHECK
        next_sources = next_tree
        stats_due = all_read = False
        while not self._stopping:
            if all_read:
                timeout = min(next_hot, next_tree, next_stats if stats_due else next_hot) - time.monotonic()
                self._wake.wait(max(0.0, timeout))
            self._wake.clear()
            if self._stopping:
                return
            try:
                self._drain()
                moment = time.monotonic()
                all_read = True  # a round that fails goes on with the next check, not at once
                # The next check is set before this one begins: one that fails must not be due again at once.
                if moment >= next_tree:
                    next_hot, next_tree = moment + HOT_CHECK, moment + TREE_CHECK
                    self._watch_roots()
                    self.collector.look()
                    if self._publish(moment):  # how much there is to read is known before it is read
                        self._on_change()
                elif moment >= next_hot:
                    next_hot = moment + HOT_CHECK
                    self.collector.look(self.collector.stale(within=HOT_FOR))
                all_read = self._read_on()
                if not self._caught_up.is_set():
                    gc.freeze()  # rows stay: looking for garbage among all of them halts every thread for long
                self.collector.settle()
                stats_due |= store.seq != published_seq
                if stats_due and (moment >= next_stats or (all_read and not self._caught_up.is_set())):
                    next_stats, stats_due = moment + STATS_PACE, False
                    self.collector.settle(stats=True)
                published = False
                if moment >= next_sources or (all_read and self._is_reading):
                    published = self._publish(moment)
                    next_sources = moment + (READING_PACE if self._is_reading else SOURCES_PACE)
                if all_read and moment >= self._next_prune:
                    self._next_prune = moment + (0.0 if self.collector.prune() else PRUNE_PACE)
                if store.seq != published_seq or published:  # also what a round that failed has read
                    self.collector.save()  # first: nobody is sent what a killed server would not know any more
                    published_seq = store.seq
                    self._on_change()
                if all_read and not self._paths and moment >= self._next_checkpoint:
                    self._checkpoint()
                if all_read:
                    self._caught_up.set()
                if all_read or (not self._first_rows.is_set() and self.collector.left > MUCH):
                    self._first_rows.set()
            except Exception:
                # one bad moment must not end the watching: the next check makes up for what was missed
                log.exception("a round of reading failed")
            time.sleep(PACE)

    def _checkpoint(self) -> None:
        """Write a checkpoint; the next one comes so much later that all of them cost little."""
        began = time.monotonic()
        self.collector.checkpoint()
        ended = time.monotonic()
        self._next_checkpoint = ended + max(CHECKPOINT_PACE, CHECKPOINT_SHARE * (ended - began))

    @property
    def _is_reading(self) -> bool:
        return any(source.state == "reading" for source in self.sources.sources)

    def _publish(self, moment: float) -> bool:
        """Bring :attr:`sources` up to date; returns whether there was something new."""
        seq, states = self.collector.store.seq, self.collector.states()
        if moment - self._published_at < ALIVE_PACE and _without_times(states) == _without_times(self.sources.sources):
            return False
        self.sources, self._published_at = Sources(seq, states), moment
        return True

    def _drain(self) -> None:
        paths = set()
        while self._paths:  # watchdog's thread may add meanwhile: pop is atomic, iterating is not
            paths.add(Path(self._paths.pop()))
        if paths:
            self.collector.look(paths)

    def _read_on(self) -> bool:
        """Read what is on the collector's list, until something else happens or the rows read so far are due."""
        until = time.monotonic() + SLICE
        return self.collector.read_on(lambda: self._stopping or bool(self._paths) or time.monotonic() >= until)


def _without_times(states: list[SourceState]) -> list[SourceState]:
    return [msgspec.structs.replace(state, checked_at=None) for state in states]
