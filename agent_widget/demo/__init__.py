"""A simulated team of agents that writes the real files of an agent workspace, and two coding agents beside it.

It knows the file formats and nothing of the server or the widget, so whatever shows them has read it from disk.
A person can take part: a message in ``user-messages.jsonl`` answers an agent that waits, or becomes a task; a task
put into ``tasks.json`` is worked on; one that is cancelled there is dropped.

The team is a simulation, as it can have any size: ``team`` holds who does what when, ``journal`` what that looks like
in the workspace, ``files`` how it is written, ``story.toml`` the words. The coding agents (``coders``) are recordings
that are replayed, ``claude.txt`` and ``codex.txt``, as there are always two, and what they write is long.
"""

from __future__ import annotations

import atexit
import tempfile
import threading
import time
from pathlib import Path

from .coders import ClaudeCode, Codex
from .files import claim
from .team import Team

__all__ = ["Demo", "start"]


class Demo:
    """A team of ``agents`` and two coding agents in ``directory``, with some minutes of history from the start.

    ``rate`` scales how fast they work from then on; the same ``seed`` and times give the same files. The history ends
    now, or at ``now_ms`` (ms since the epoch), and begins where an earlier run in the directory stopped. Raises
    :class:`FileExistsError` if the directory holds files that the demo did not make.
    """

    def __init__(
        self, directory: Path, *, agents: int = 7, rate: float = 1.0, seed: int | None = None, now_ms: int | None = None
    ) -> None:
        if not (1 <= agents <= 1000 and 0 < rate < float("inf")):
            raise ValueError("a team has 1 to 1000 agents, and the rate is above 0")
        claim(directory)
        now = now_ms if now_ms is not None else int(time.time() * 1000)
        registry = directory / "agent-registry.json"
        stopped = min(now, int(registry.stat().st_mtime * 1000) + 1000) if registry.exists() else 0
        begin = max(stopped, now - 15 * 60_000)
        self._coders = [ClaudeCode(directory / "claude", seed, begin), Codex(directory / "codex", seed, begin)]
        self._team = Team(directory, agents, seed, max(stopped, now - max(4, min(12, 400 // agents)) * 60_000))
        self.roots = [directory, *(coder.home for coder in self._coders)]
        """The directories to watch: the team's workspace, and the homes of the coding agents below it."""
        while self.now < now:
            self._team.play(now)
        self.step(now)
        self._team.journal.files.flush(now, force=True)
        self._team.rate = rate
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name="agent-widget demo", daemon=True)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def now(self) -> int:
        """The simulated time, in ms since the epoch."""
        return self._team.journal.now

    def step(self, now_ms: int) -> None:
        """Write what happens until ``now_ms`` (ms since the epoch), or the first part of it if that is much."""
        self._team.play(now_ms)
        self._team.journal.files.flush(self.now)
        for coder in self._coders:
            coder.play(self.now, self._team.rate)

    def postpone(self, ms: int) -> None:
        """Let ``ms`` pass in which nothing happens (the machine slept, or is too slow for the rate)."""
        self._team.postpone(ms)
        for coder in self._coders:
            coder.postpone(ms)

    def run(self, seconds: float | None = None) -> None:
        """Go on in real time, until ``seconds`` have passed or :meth:`stop` is called."""
        offset = time.time() - time.monotonic()  # the real time, without its jumps
        end = None if seconds is None else time.monotonic() + seconds
        while not self._stopped.is_set() and (end is None or time.monotonic() < end):
            now = int((time.monotonic() + offset) * 1000)
            if now - self.now > 2000:
                self.postpone(now - self.now - 1000)
            self.step(min(now, self.now + 100))
            if self.now >= now:
                self._stopped.wait(0.05)
        self._team.journal.files.flush(self.now, force=True)

    def stop(self) -> None:
        """End it, and remove the files if :func:`start` chose where they are."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._temporary:
            self._temporary.cleanup()


def start(directory: Path | str | None = None, *, agents: int = 7, rate: float = 1.0) -> Demo:
    """Let a team and two coding agents work in the background, in a temporary directory unless one is named.

    It ends with :meth:`Demo.stop`, at the latest with the process.
    """
    temporary = tempfile.TemporaryDirectory(prefix="agent-widget-demo-") if directory is None else None
    show = Demo(Path(temporary.name) / "memory" if temporary else Path(directory or ""), agents=agents, rate=rate)
    show._temporary = temporary
    show._thread.start()
    atexit.register(show.stop)
    return show
