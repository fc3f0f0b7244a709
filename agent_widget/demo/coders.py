"""Two coding agents, Claude Code and Codex, replayed from recordings of three jobs each.

A recording (``claude.txt``, ``codex.txt``) holds the lines of a transcript: the seconds since the line before, then
the line, in the shape that Claude Code 2.1 or Codex 0.135 writes it, without what all lines share and what depends on
the moment (times, ids, running totals), which is added here. ``@7@`` stands for a random id, ``@u7@`` for a UUID. An
empty line stands between two jobs; the person takes a while before the next one.
"""

from __future__ import annotations

import json
import random
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import ClassVar, Final

from ..tables import iso
from .files import Json, compact

SESSIONS: Final = 6
"""Maximum sessions of a coding agent; after that the oldest is resumed."""
FASTEST: Final = 10.0
"""Maximum rate of the coding agents, whose transcripts only grow."""
_ID: Final = re.compile(r"@(u?)\d+@")


@dataclass(slots=True)
class Session:
    """One session, and what its next line depends on."""

    id: str
    path: Path
    added: int = 0  # tokens that earlier jobs have added to the context
    context: int = 0  # tokens of the context at the last answer
    totals: dict[str, int] = field(default_factory=dict)
    last: dict[Path, str] = field(default_factory=dict)  # the id of the last line of each file


class Coder(ABC):
    """One coding agent, with its files in ``home``, from the time ``at`` on (ms since the epoch)."""

    recording: ClassVar[str]
    instructions: ClassVar[int]
    """Tokens of instructions and tools at the begin of every recorded job."""

    def __init__(self, home: Path, seed: int | None, at: int) -> None:
        home.mkdir(exist_ok=True)
        self.home, self.now, self._next = home, at, at
        text = files(__package__).joinpath(self.recording).read_text("utf-8")
        self._jobs = [[line.partition(" ")[::2] for line in job.splitlines()] for job in text.split("\n\n")]
        self._sessions: list[Session] = []
        self._rng = random.Random(None if seed is None else f"{self.recording} {seed} {at}")
        self._life = self._live()

    def play(self, until: int, rate: float) -> None:
        """Write all that happens until a time."""
        while self._next <= until:
            self.now = self._next
            self._next += max(1, round(next(self._life) * 1000 / min(rate, FASTEST)))

    def postpone(self, ms: int) -> None:
        """Let ``ms`` pass in which nothing happens."""
        self._next += ms

    def _live(self) -> Generator[float, None, None]:
        yield self._rng.uniform(2, 20)
        for number in count():
            if number < SESSIONS:
                self._sessions.append(self._open())
            session = self._sessions[number % SESSIONS]
            session.added = 0
            for turn in range(len(self._jobs)):  # all jobs in each session, from another one on
                job, titled = self._jobs[(number + turn) % len(self._jobs)], number < SESSIONS and turn == 0
                ids: dict[str, str] = {}
                for after, line in job:
                    yield float(after) * self._rng.uniform(0.8, 1.2)
                    for found in _ID.finditer(line):
                        ids[found[0]] = ids.get(found[0]) or (
                            self._uuid() if found[1] else f"{self._rng.getrandbits(64):016x}"
                        )
                    row = json.loads(_ID.sub(lambda found, ids=ids: ids[found[0]], line))  # type: ignore[misc]
                    if titled or row["type"] != "ai-title":
                        self._write(session, row)
                session.added = session.context - self.instructions
                yield self._rng.uniform(20, 60)

    def _uuid(self) -> str:
        """Return a new UUID of version 7, which begins with the time."""
        bits = self._rng.getrandbits(74)
        return str(uuid.UUID(int=self.now << 80 | 7 << 76 | bits >> 62 << 64 | 2 << 62 | bits & (2**62 - 1)))

    @abstractmethod
    def _open(self) -> Session:
        """Begin a session."""

    @abstractmethod
    def _write(self, session: Session, row: Json) -> None:
        """Write a line of the recording."""

    def _append(self, path: Path, row: Json) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", newline="") as file:
            file.write(compact(row) + "\n")


class ClaudeCode(Coder):
    """Claude Code, and its subagents with files of their own."""

    recording, instructions = "claude.txt", 18_000

    def _open(self) -> Session:
        id = self._uuid()
        return Session(id, self.home / "projects" / "-workspace-skylark" / f"{id}.jsonl")

    def _write(self, session: Session, row: Json) -> None:
        path, helper, id = session.path, row.pop("helper", None), self._uuid()
        if helper:
            path = path.with_suffix("") / "subagents" / f"agent-{helper}.jsonl"
        about = {"parentUuid": session.last.get(path), "isSidechain": bool(helper), "sessionId": session.id}
        about |= {"agentId": helper} if helper else {}
        about |= {"userType": "external", "cwd": "/workspace/skylark", "version": "2.1.220", "gitBranch": "main"}
        if row["type"] == "sidecar":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".meta.json").write_text(compact(row["content"]), "utf-8")
        elif row["type"] == "ai-title":
            self._append(path, row | {"sessionId": session.id})
        else:
            if row["type"] == "assistant":
                self._fill(session, row["message"], helper)
            self._append(path, about | row | {"uuid": id, "timestamp": iso(self.now)})
            session.last[path] = id

    def _fill(self, session: Session, message: Json, helper: str | None) -> None:
        """Add to an answer what the recording leaves out."""
        fresh, written, cached, output = message["usage"]
        if helper is None:
            cached += session.added
            session.context = written + cached
        model = "claude-haiku-4-5-20251001" if helper else "claude-opus-4-1-20250805"
        usage = {"input_tokens": fresh, "cache_creation_input_tokens": written, "cache_read_input_tokens": cached}
        message |= {"type": "message", "role": "assistant", "model": model, "stop_sequence": None}
        message["usage"] = usage | {"output_tokens": output, "service_tier": "standard"}


class Codex(Coder):
    """Codex, at work in another checkout."""

    recording, instructions = "codex.txt", 11_000

    def _open(self) -> Session:
        id, at = self._uuid(), iso(self.now)
        name = f"rollout-{at[:10]}T{at[11:19].replace(':', '-')}-{id}.jsonl"
        session = Session(id, self.home.joinpath("sessions", *at[:10].split("-"), name))
        about = {"id": id, "timestamp": at, "cwd": "/workspace/skylark-web", "cli_version": "0.135.0", "source": "cli"}
        git = {"commit_hash": f"{self._rng.getrandbits(160):040x}", "branch": "live-page"}
        about |= {"originator": "codex-tui", "model_provider": "openai"}
        self._write(session, {"type": "session_meta", "payload": {**about, "git": git}})
        return session

    def _write(self, session: Session, row: Json) -> None:
        payload = row["payload"]
        for name in payload.keys() & {"started_at", "completed_at"}:
            payload[name] = self.now // 1000
        if payload.get("type") == "token_count":
            fresh, cached, output, reasoning = payload.pop("usage")
            session.context = given = session.added + fresh
            last = {"input_tokens": given, "cached_input_tokens": session.added + cached, "output_tokens": output}
            last |= {"reasoning_output_tokens": reasoning, "total_tokens": given + output}
            session.totals = {name: number + session.totals.get(name, 0) for name, number in last.items()}
            info = {"total_token_usage": session.totals, "last_token_usage": last, "model_context_window": 272_000}
            limits = {"limit_id": "codex", "primary": {"used_percent": 12.0, "window_minutes": 300}}
            payload |= {"info": info, "rate_limits": limits}
        self._append(session.path, {"timestamp": iso(self.now), **row})
