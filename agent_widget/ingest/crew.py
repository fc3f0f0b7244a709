"""Several processes for a large home: which files they are given, and how what they find becomes rows.

Reading a home for the first time is bound by the processor. Where there is much to read, more than one core, and an
archive (which keeps the readers), files that a source can group (:meth:`.Source.group`: all of one session) are given
to worker processes (:mod:`.worker`), group by group, the newest first. The server goes on with all other files and with
what happens meanwhile, and takes in what the workers have found.

The order in which files are read does not matter for the rows, so joining is what a reader does anyhow with what others
have read: claims are merged, what was billed is billed again, what is kept is united entry by entry
(:meth:`.Source.unite`). A batch counts when all of it was taken in; if its worker ends before that, or anything of it
cannot be taken, the server reads its files itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO, Final, cast

import msgspec

from ..sources.base import Source
from .file import File
from .worker import LAST, Batch, Found, Reading, encode, receive, send

log = logging.getLogger("agent_widget")

MUCH: Final = 64 * 2**20
"""Bytes of files that workers can read above which some are started."""
MOST_WORKERS: Final = 4
BATCH: Final = 4 * 2**20
"""Bytes of a batch; a larger group is a batch of its own."""
LONGEST: Final = 120.0
"""Seconds without a part of what it finds after which a worker is ended."""
FAILURES: Final = 3
"""Number of times a worker is started again."""

_decode: Final = msgspec.msgpack.Decoder(Found).decode


@dataclass(slots=True)
class Assignment:
    """A batch, the files of the server that it is about, and what has come of it."""

    batch: Batch
    source: Source
    files: list[File]
    readings: dict[bytes, Reading] = field(default_factory=dict)
    """Path → how far a worker has read it, as far as what it found was taken in."""
    failed: bool = False
    """Whether its files must be read here."""


def cores() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def assignments(
    sources: list[Source], waiting: Iterable[File], files: Iterable[File], *, masking: bool
) -> list[Assignment]:
    """Return what can be given to workers of the files that wait, the first file first. ``files``: all there are."""
    groups: dict[tuple[Source, str], list[File]] = {}
    context: dict[Source, list[bytes]] = {}
    for file in files:
        if file.source.is_context(_relative(file)):
            context.setdefault(file.source, []).append(os.fsencode(file.name))
    for file in waiting:
        group = file.source.group(_relative(file))
        if group is not None and file.unread and file.portions is None and file.gone_at is None:
            groups.setdefault((file.source, group), []).append(file)
    found: list[Assignment] = []
    sizes: list[int] = []
    last: dict[Source, int] = {}
    for (source, _), members in groups.items():
        size = sum(file.size for file in members)
        place = last.get(source)
        if place is not None and sizes[place] + size <= BATCH:
            found[place].files.extend(members)
            sizes[place] += size
            continue
        last[source] = len(found)
        only = [str(path) for path in source.only]
        root, known = os.fsencode(source.root), sorted(context.get(source, ()))
        batch = Batch(sources.index(source), source.name, root, source.namespace, only, masking, known, [])
        found.append(Assignment(batch, source, list(members)))
        sizes.append(size)
    for assignment in found:
        assignment.batch.files = [os.fsencode(file.name) for file in assignment.files]
    return found


def _relative(file: File) -> PurePosixPath:
    return PurePosixPath(file.path.relative_to(file.source.root).as_posix())


class Crew:
    """Worker processes, and what they have found. One thread asks; a thread for each worker waits for it."""

    def __init__(self, assignments: list[Assignment], count: int) -> None:
        self._waiting = queue.SimpleQueue[Assignment]()
        for assignment in assignments:
            self._waiting.put(assignment)
        self.left = len(assignments)
        """Batches that were not taken in yet."""
        self._found: queue.Queue[tuple[Assignment, bytes | None, bool]] = queue.Queue(maxsize=4 * count)
        self._closing = False
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._threads = [
            threading.Thread(target=self._run, name=f"agent-widget-worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def found(self, timeout: float) -> tuple[Assignment, Found | None, bool] | None:
        """Return a batch, a part of what was found, and whether it is the last; ``None`` if there is nothing yet.

        ``None`` in the place of the part: the files of the batch must be read here.
        """
        try:
            assignment, data, last = self._found.get(timeout=timeout) if timeout else self._found.get_nowait()
        except queue.Empty:
            return None
        self.left -= last
        return assignment, None if data is None else _decode(data), last

    def close(self) -> None:
        """End the processes; what they have begun is lost."""
        self._closing = True
        for process in list(self._processes):
            process.kill()
        with contextlib.suppress(queue.Empty):
            while True:
                self._found.get_nowait()
        for thread in self._threads:
            thread.join(5)

    def _run(self) -> None:
        process: subprocess.Popen[bytes] | None = None
        starts = 0
        while not self._closing:
            try:
                assignment = self._waiting.get_nowait()
            except queue.Empty:
                break
            whole = False
            try:
                if process is None and starts <= FAILURES:
                    starts += 1
                    process = self._started()
                for kind, data in _ask(process, assignment.batch) if process is not None else ():
                    whole = kind == LAST
                    self._put(assignment, data, whole)
            except Exception as fault:  # whatever happens in or to a worker: its files are read here
                log.warning("a process that reads files has ended (%s: %s)", type(fault).__name__, fault)
                self._end(process)
                process = None
            if not whole:
                self._put(assignment, None, True)
        self._end(process)

    def _put(self, assignment: Assignment, data: bytes | None, last: bool) -> None:
        while not self._closing:
            with contextlib.suppress(queue.Full):
                self._found.put((assignment, data, last), timeout=0.2)
                break

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "agent_widget.ingest.worker"]
        path = os.pathsep.join(filter(None, (place for place in sys.path)))
        environment = {**os.environ, "PYTHONPATH": path}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self._processes.add(process)
        return process

    def _end(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is None:
            return
        self._processes.discard(process)
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, stream).close()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ask(process: subprocess.Popen[bytes], batch: Batch) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parts of what a worker has found, encoded."""
    send(cast(BinaryIO, process.stdin), LAST, encode(batch))
    kind = b""
    while kind != LAST:
        overdue = threading.Timer(LONGEST, process.kill)
        overdue.start()
        try:
            message = receive(cast(BinaryIO, process.stdout))
        finally:
            overdue.cancel()
        if message is None:
            raise EOFError("no answer")
        kind, _ = message
        yield message
