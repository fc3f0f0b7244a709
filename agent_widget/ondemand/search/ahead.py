"""Other processes that look ahead: which of the files that are still to be searched hold nothing of what is sought.

To look through bytes keeps Python's lock, so threads would take turns. A search goes through its files from the newest;
processes go through them from the oldest meanwhile, and it leaves out those of which they know that they hold nothing.
Nobody waits for anybody: where nothing is known yet, the search looks itself.
"""

from __future__ import annotations

import contextlib
import logging
import marshal
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

from ...ingest.crew import cores

log = logging.getLogger("agent_widget")

MUCH: Final = 64 * 2**20
"""Bytes that are still to be looked through above which processes are started: to start one costs some 10 ms."""
MOST: Final = 3
"""Maximum number of processes, beside the search itself."""
_PROGRAM: Final = Path(__file__).with_name("sift.py")


class Ahead:
    """Processes that go through files for one search."""

    def __init__(self, paths: Sequence[Path], anchors: tuple[bytes, ...]) -> None:
        """Start them. ``paths``: the files in the order in which they will be searched."""
        self._without: set[Path] = set()
        self._parts: list[tuple[subprocess.Popen[bytes], list[Path]]] = []
        count = min(cores() - 1, MOST) if os.name == "posix" else 0  # elsewhere a pipe cannot be read without waiting
        for number in range(count):
            part = list(paths[::-1][number::count])
            try:
                process = _started(marshal.dumps((anchors, [os.fsencode(path) for path in part])))
            except OSError as error:
                log.warning("no process for a search could be started (%s): it takes longer", error)
                break
            self._parts.append((process, part[::-1]))

    def knows_without(self, path: Path) -> bool:
        """Return whether a file is known to hold none of the anchors."""
        for process, part in self._parts:
            with contextlib.suppress(BlockingIOError):
                for answer in os.read(cast(BinaryIO, process.stdout).fileno(), 1 << 16):
                    answered = part.pop()
                    if answer == ord("0"):
                        self._without.add(answered)
        return path in self._without

    def close(self) -> None:
        """End the processes."""
        for process, _ in self._parts:
            process.kill()
            process.wait()
            cast(BinaryIO, process.stdout).close()
        self._parts = []


def _started(task: bytes) -> subprocess.Popen[bytes]:
    """Start a process and give it what to do. Raises ``OSError``."""
    command = [sys.executable, "-I", "-S", str(_PROGRAM)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    os.set_blocking(cast(BinaryIO, process.stdout).fileno(), False)
    with contextlib.suppress(BrokenPipeError), cast(BinaryIO, process.stdin) as pipe:  # it ended: then it knows nothing
        pipe.write(task)
    return process
