"""A coding agent that a person sits in front of: it is prompted, works, asks, replies, and waits for the next prompt.

What it does is told in :mod:`.jobs`, what it leaves on disk by the class of each kind of agent. It lives by a clock
of its own, as the team does: the same seed and the same times give the same files.
"""

from __future__ import annotations

import itertools
import random
import uuid
from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar, Final

from .files import MARKER, Json, compact
from .jobs import Step

Life = Generator[float, None, None]

PATIENCE: Final = (20.0, 60.0)
"""Seconds until the person says something."""
TAKES: Final = {"bash": (2.0, 12.0), "fail": (1.0, 6.0), "ask": PATIENCE}
"""Seconds from a call to its result, where it is more than a moment."""


class Coder(ABC):
    """One coding agent with its files in ``home``.

    Raises :class:`FileExistsError` if there are files that the demo did not make. Writes nothing before :meth:`begin`.
    """

    jobs: ClassVar[tuple[list[Step], ...]]

    def __init__(self, home: Path, seed: int | None = None) -> None:
        if home.exists() and not (home / MARKER).exists() and (not home.is_dir() or any(home.iterdir())):
            raise FileExistsError(f"{home} holds files the demo did not make; name another directory")
        self.home = home
        self.seed = seed
        self.now = 0
        """The simulated time, in ms since the epoch."""
        self.todos: list[Json] = []
        self.next_ms = 0
        """When something happens next."""
        self._lines: dict[Path, list[str]] = {}

    def begin(self, at: int) -> None:
        """It comes to life at a time."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / MARKER).write_text("This directory was made by `agent-widget demo`, which may write into it.\n")
        self.rng = random.Random(None if self.seed is None else f"{type(self).__name__} {self.seed} {at}")
        self.now = self.next_ms = at
        self._life = self._live()

    def play(self, until: int, rate: float = 1.0) -> None:
        """Do and write all that happens until then."""
        while self.next_ms <= until:
            self.now = self.next_ms
            self.next_ms += max(1, round(next(self._life) * 1000 / rate))
        for path, lines in self._lines.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "a", encoding="utf-8", newline="") as file:
                file.write("".join(lines))
        self._lines.clear()

    def postpone(self, ms: int) -> None:
        """Let ``ms`` pass in which nothing happens."""
        self.next_ms += ms

    def _live(self) -> Life:
        yield self.between(2, 20)
        for first in itertools.count():
            for number in range(len(self.jobs)):  # all of them in each session, from another one on
                prompt, title, *work = self.jobs[(first + number) % len(self.jobs)]
                if number == 0:
                    self.open(title.about)
                self.prompted(prompt.about)
                yield from self.work(work)
                yield self.between(*PATIENCE)

    def work(self, work: list[Step]) -> Life:
        """Take some steps."""
        for step in work:
            yield self.between(2, 7)
            if step.verb == "think":
                self.think(step.about)
            elif step.verb in ("say", "reply"):
                self.say(step.about, last=step.verb == "reply")
            elif step.verb == "answer":
                yield self.between(*PATIENCE)
                self.prompted(step.about)
            elif step.verb == "task":
                yield from self.delegate(step)
            else:
                if step.verb in ("plan", "next"):
                    self._plan(step)
                call = self.call(step)
                yield self.between(*TAKES.get(step.verb, (0.02, 0.4)))
                self.returned(step, call)

    def _plan(self, step: Step) -> None:
        if step.verb == "plan":
            self.todos = [{"content": title, "status": "pending"} for title in step.about.split("|")]
        done = sum(todo["status"] == "completed" for todo in self.todos) + (step.verb == "next")
        for number, todo in enumerate(self.todos):
            todo["status"] = "completed" if number < done else "in_progress" if number == done else "pending"

    # ── for the formats

    def between(self, least: float, most: float) -> float:
        """A number of seconds."""
        return self.rng.uniform(least, most)

    def key(self, length: int, alphabet: str = "0123456789abcdef") -> str:
        """The random part of an id."""
        return "".join(self.rng.choices(alphabet, k=length))

    def uuid(self, version: int = 4) -> str:
        """A new id; of version 7, one that begins with the time."""
        bits = self.rng.getrandbits(128)
        if version == 7:  # uuid.UUID sets no such version before Python 3.14
            bits = self.now << 80 | 7 << 76 | bits & (0xFFF << 64) | 2 << 62 | bits & (2**62 - 1)
            return str(uuid.UUID(int=bits))
        return str(uuid.UUID(int=bits, version=version))

    def append(self, path: Path, row: Json) -> None:
        """Add a line."""
        self._lines.setdefault(path, []).append(compact(row) + "\n")

    @abstractmethod
    def open(self, title: str) -> None:
        """A new session."""

    @abstractmethod
    def prompted(self, text: str) -> None:
        """The person says what to do."""

    @abstractmethod
    def think(self, text: str) -> None:
        """The agent thinks aloud."""

    @abstractmethod
    def say(self, text: str, *, last: bool) -> None:
        """The agent says something; the ``last`` it says ends its turn."""

    @abstractmethod
    def call(self, step: Step) -> str:
        """The agent calls a tool; returns the id of the call."""

    @abstractmethod
    def returned(self, step: Step, call: str) -> None:
        """The tool returns."""

    def delegate(self, step: Step) -> Life:
        """A subagent does something for the agent; by :mod:`.jobs` only Claude Code has any."""
        raise NotImplementedError


def patch(lines: list[str]) -> tuple[str, str]:
    """What the lines of a patch replace, and by what."""
    old, new = ([line[1:] for line in lines if line[:1] != other] for other in "+-")
    return "\n".join(old), "\n".join(new)


def options(step: Step) -> tuple[list[Json], str]:
    """The options of a question, and the answer."""
    *offered, answer = step.below
    pairs = (line.partition(": ") for line in offered)
    return [{"label": label, "description": text} for label, _, text in pairs], answer.removeprefix("> ")
