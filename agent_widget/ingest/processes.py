"""Whether the processes that agents say they run in are still there.

A process number says nothing by itself: numbers are used again, and a file may be a copy from another machine or come
from a container. So a process counts as ended only if it was seen here before with the start time that the agent
gives, or if the agent names this machine and this space of process numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

from ..sources.base import Process

Found = Literal["runs", "ended", "was gone"]
"""``ended``: after it was seen to run; ``was gone``: at an unknown time before."""

LOOK_MS: Final = 1000
"""Minimum ms between two checks; on macOS each one spawns ``ps``."""


def started(pid: int) -> str | None:
    """Return when a process was started, as the system writes it; ``None`` if it does not run, or that is not known.

    On Linux the ticks since the machine was, as ``/proc`` has them; on macOS the words of ``ps -o lstart``.
    """
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if fields[0] == "Z" else fields[19]
        except (OSError, IndexError):
            return None
    return started_by_ps(pid) if sys.platform == "darwin" else None


def started_by_ps(pid: int) -> str | None:
    """Return the start time of a process as ``ps`` prints it, ``None`` if there is no such process."""
    try:
        output = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return " ".join(output.stdout.split()) or None


def domain() -> str | None:
    """Return machine and PID namespace as Claude Code names them; ``None`` where they are not known (not Linux)."""
    try:
        machine = Path("/etc/machine-id").read_text().strip()
        return f"linux:{machine}:{os.readlink('/proc/self/ns/pid')}" if machine else None
    except OSError:
        return None


class Processes:
    """The processes of agents, and which of them have ended since the last look."""

    def __init__(self, started: Callable[[int], str | None] = started, domain: str | None = None) -> None:
        self._started = started
        self._domain = domain
        self._held: dict[str, Process] = {}  # agent → its process
        self._seen: set[tuple[int, str]] = set()
        self._ended: set[tuple[int, str]] = set()
        self._looked: int | None = None

    def note(self, process: Process) -> None:
        """Take in that an agent runs in a process; a later claim of the same agent replaces an earlier one."""
        key = process.pid, process.start
        held = self._held.get(process.agent_id)
        if key in self._ended or (held is not None and held.at > process.at):
            return
        for agent, other in list(self._held.items()):
            if (other.pid, other.start) == key:  # it went on with another session
                del self._held[agent]
        self._held[process.agent_id] = process
        self._looked = None

    def look(self, now: int) -> Iterator[tuple[Process, Found]]:
        """Yield each known process and whether it ``runs``, has ``ended`` or ``was gone`` (each once)."""
        if self._looked is not None and 0 <= now - self._looked < LOOK_MS:
            return
        self._looked = now
        for agent, process in list(self._held.items()):
            key = process.pid, process.start
            if self._started(process.pid) == process.start:
                self._seen.add(key)
                yield process, "runs"
            elif key in self._seen or (process.domain is not None and process.domain == self._domain):
                del self._held[agent]
                self._ended.add(key)
                yield process, "ended" if key in self._seen else "was gone"
