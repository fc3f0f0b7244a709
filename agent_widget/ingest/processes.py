"""Whether the processes that agents run in still exist.

A process number is not enough: numbers are used again, and a file may be a copy from another machine or come
from a container. So a process counts as ended only if it was seen here before with the start time that the agent
gives, or if the agent names this machine and this space of process numbers.
"""

from __future__ import annotations

import heapq
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
LONGEST_MS: Final = 10 * 60_000


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
        self._agents: dict[tuple[int, str], str] = {}  # process → the agent that is held for it
        self._seen: set[tuple[int, str]] = set()
        self._ended: set[tuple[int, str]] = set()
        self._due: list[tuple[int, str, int]] = []
        """When to look for an agent's process, and how long after that again if it has never been seen to run."""
        self._due_at: dict[str, int] = {}
        """Agent → its entry in the queue that counts."""
        self._noted: set[str] = set()
        """Agents whose process has not been looked for yet."""

    def note(self, process: Process) -> None:
        """Take in that an agent runs in a process; a later claim of the same agent replaces an earlier one."""
        key = process.pid, process.start
        held = self._held.get(process.agent_id)
        if key in self._ended or (held is not None and held.at > process.at):
            return
        if held is not None:
            self._agents.pop((held.pid, held.start), None)
        other = self._agents.get(key)
        if other is not None and other != process.agent_id:  # it went on with another session
            self._held.pop(other, None)
        self._held[process.agent_id] = process
        self._agents[key] = process.agent_id
        self._noted.add(process.agent_id)

    def look(self, now: int) -> Iterator[tuple[Process, Found]]:
        """Yield each process that is due and whether it ``runs``, has ``ended`` or ``was gone`` (each once).

        Those that run are looked for every second, those that were never seen to run ever less often: they may be of
        another machine.
        """
        due = dict.fromkeys(self._noted, LOOK_MS)
        self._noted.clear()
        while self._due and (self._due[0][0] <= now or self._due[0][0] > now + LONGEST_MS):  # or a clock set back
            at, agent, pause = heapq.heappop(self._due)
            if self._due_at.get(agent) == at:
                due.setdefault(agent, pause)
        for agent, pause in due.items():
            self._due_at.pop(agent, None)
            process = self._held.get(agent)
            if process is None:
                continue
            key = process.pid, process.start
            if self._started(process.pid) == process.start:
                self._seen.add(key)
                yield process, "runs"
                self._queue(agent, now + LOOK_MS, LOOK_MS)
            elif key in self._seen or (process.domain is not None and process.domain == self._domain):
                del self._held[agent]
                self._agents.pop(key, None)
                self._ended.add(key)
                yield process, "ended" if key in self._seen else "was gone"
            else:
                self._queue(agent, now + pause, min(LONGEST_MS, 2 * pause))

    def _queue(self, agent: str, at: int, pause: int) -> None:
        self._due_at[agent] = at
        heapq.heappush(self._due, (at, agent, pause))
