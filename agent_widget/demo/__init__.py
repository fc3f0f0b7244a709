"""A simulated team of agents that writes the real files of an agent workspace, and two coding agents beside it.

It knows the file formats and nothing of the server or the widget, so whatever shows them has read it from disk.
A person can take part in the team: a message in ``user-messages.jsonl`` answers an agent that waits, or becomes a
task; a task put into ``tasks.json`` is worked on; one that is cancelled there is dropped.

``story`` holds the team's words, ``team`` who does what when, ``journal``, ``tasks`` and ``people`` what that looks
like in the workspace, ``files`` how it is written. ``jobs`` holds the words of the coding agents, ``coder`` how they
go about them, ``claude`` and ``codex`` what files that leaves.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .claude import ClaudeCode
from .coder import Coder
from .codex import Codex
from .files import millis
from .team import Team

__all__ = ["Demo", "Playing", "Team", "live", "prepared", "run", "start"]

CODERS: dict[str, type[Coder]] = {"claude": ClaudeCode, "codex": Codex}
"""The home of each coding agent, below the team's directory."""


@dataclass
class Demo:
    """All who take part, and the clock they live by."""

    team: Team
    coders: list[Coder]

    @property
    def roots(self) -> list[Path]:
        """What there is to watch: the team's workspace, and the homes of the coding agents below it."""
        return [self.team.files.root, *(coder.home for coder in self.coders)]

    @property
    def now(self) -> int:
        """The simulated time, in ms since the epoch."""
        return self.team.now

    @property
    def next_ms(self) -> int:
        """When something happens next."""
        return min([self.team.next_ms, *(coder.next_ms for coder in self.coders)])

    def step(self, now_ms: int) -> None:
        """Do all that happens until ``now_ms``."""
        self.team.step(now_ms)
        for coder in self.coders:
            coder.play(self.now, self.team.rate)

    def postpone(self, ms: int) -> None:
        """Let ``ms`` pass in which nothing happens."""
        self.team.postpone(ms)
        for coder in self.coders:
            coder.postpone(ms)

    def finish(self) -> None:
        """Write what is not yet written."""
        self.team.finish()


def run(
    directory: Path,
    *,
    agents: int = 7,
    rate: float = 1.0,
    seconds: float | None = None,
    seed: int | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Let a team of ``agents``, and two coding agents, work in ``directory`` in real time.

    It ends when ``seconds`` have passed or ``stop`` is set. Some minutes of history are written first; ``rate``
    scales how fast they work. Raises :class:`FileExistsError` if there is a workspace or a home that is not the demo's.
    """
    live(prepared(directory, agents=agents, rate=rate, seed=seed), seconds, stop)


def prepared(
    directory: Path, *, agents: int = 7, rate: float = 1.0, seed: int | None = None, now_ms: int | None = None
) -> Demo:
    """A demo with some minutes of history in ``directory``, written now and up to now (or ``now_ms``)."""
    now = now_ms if now_ms is not None else int(time.time() * 1000)
    coders = [kind(directory / home, seed) for home, kind in CODERS.items()]
    team = Team(directory, agents, rate, seed)
    stopped = team.journal.stopped_at
    team.history(max(4.0, min(12.0, 400 / agents)), now)
    begin = now - 15 * 60_000
    for coder in coders:
        coder.begin(max(begin, min(now, millis(stopped) + 1000)) if stopped else begin)
        coder.play(now)
    return Demo(team, coders)


def live(show: Demo, seconds: float | None = None, stop: threading.Event | None = None) -> None:
    """Let a demo go on in real time, until ``seconds`` have passed or ``stop`` is set."""
    stop = stop or threading.Event()
    offset = time.time() - time.monotonic()  # the real time, without its jumps
    end = None if seconds is None else time.monotonic() + seconds
    while not stop.is_set() and (end is None or time.monotonic() < end):
        now = int((time.monotonic() + offset) * 1000)
        if now - show.now > 2000:
            show.postpone(now - show.now - 1000)
        show.step(min(now, show.now + 100))
        if show.now >= now:
            stop.wait(max(0.005, min(0.1, (show.next_ms - now) / 1000)))
    show.finish()


class Playing:
    """A demo that goes on in the background of a notebook; a context manager that stops it."""

    def __init__(self, show: Demo) -> None:
        self.roots = show.roots
        """What there is to watch: ``aw.watch(*playing.roots)``."""
        self._enough = threading.Event()
        self._thread = threading.Thread(
            target=live, args=[show], kwargs={"stop": self._enough}, name="agent-widget demo", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End it; the files stay."""
        self._enough.set()
        self._thread.join(10)

    def __enter__(self) -> Playing:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(directory: Path | str | None = None, *, agents: int = 7, rate: float = 1.0) -> Playing:
    """Let a simulated team and two coding agents work in the background, in a temporary directory unless told where."""
    path = Path(directory) if directory is not None else Path(tempfile.mkdtemp(prefix="agent-widget-demo-")) / "memory"
    path.mkdir(parents=True, exist_ok=True)
    return Playing(prepared(path, agents=agents, rate=rate))
