"""A simulated team of agents that writes the real files of an agent workspace.

It knows the file format and nothing of the server or the widget, so whatever shows the team has read it from disk.
A person can take part: a message in ``user-messages.jsonl`` answers an agent that waits, or becomes a task; a task
put into ``tasks.json`` is worked on; one that is cancelled there is dropped.

``story`` holds the words, ``team`` who does what when, ``journal``, ``tasks`` and ``people`` what that looks like in
the workspace, ``files`` how it is written.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from .team import Team

__all__ = ["Team", "live", "prepared", "run"]


def run(
    directory: Path,
    *,
    agents: int = 7,
    rate: float = 1.0,
    seconds: float | None = None,
    seed: int | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Let a team work in ``directory`` in real time, until ``seconds`` have passed or ``stop`` is set.

    Some minutes of history are written first. Raises :class:`FileExistsError` for a workspace that is not the demo's.
    """
    live(prepared(directory, agents=agents, rate=rate, seed=seed), seconds, stop)


def prepared(directory: Path, *, agents: int = 7, rate: float = 1.0, seed: int | None = None) -> Team:
    """A team with some minutes of history in ``directory``, written now."""
    team = Team(directory, agents, rate, seed)
    team.history(max(4.0, min(12.0, 400 / agents)))
    return team


def live(team: Team, seconds: float | None = None, stop: threading.Event | None = None) -> None:
    """Let a team work on in real time, until ``seconds`` have passed or ``stop`` is set."""
    stop = stop or threading.Event()
    offset = time.time() - time.monotonic()  # the real time, without its jumps
    end = None if seconds is None else time.monotonic() + seconds
    while not stop.is_set() and (end is None or time.monotonic() < end):
        now = int((time.monotonic() + offset) * 1000)
        if now - team.now > 2000:
            team.postpone(now - team.now - 1000)
        team.step(min(now, team.now + 100))
        if team.now >= now:
            stop.wait(max(0.005, min(0.1, (team.next_ms - now) / 1000)))
    team.finish()
