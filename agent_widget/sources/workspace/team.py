"""The agents and sessions that files name, and how they belong together.

A session is ``failed`` or ``ended`` when the newest error or end (of ``sessions.jsonl`` or a summary) is not older
than its newest start; ``active`` while the registry lists an agent in it that beat after any such end and does not
call itself idle; otherwise ``idle``, since the files have no evidence.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, NamedTuple

from ..base import Evidence, Record
from ..kept import Lists
from ..steps import PERSON
from .file import Items
from .rows import Rows
from .values import HUMANS

AGENT_STATUS: Final = {
    **dict.fromkeys("active working busy in_progress running processing thinking executing".split(), "working"),
    **dict.fromkeys("idle ready available online standby".split(), "idle"),
    **dict.fromkeys("blocked waiting waiting_for_input needs_input input_required".split(), "waiting"),
    **dict.fromkeys("done complete completed finished stopped shutdown exited terminated closed".split(), "done"),
    **dict.fromkeys("failed error errored crashed".split(), "failed"),
    **dict.fromkeys("offline dead stale disconnected unreachable".split(), "offline"),
}


def agent_status(word: Any) -> str | None:
    """Return the status (:data:`agent_widget.tables.AGENT_STATUSES`) that a word stands for; ``None``: not known."""
    return AGENT_STATUS.get(re.sub(r"[\s-]+", "_", word.strip().lower())) if isinstance(word, str) else None


@dataclass(slots=True)
class Session:
    """What is known of one session from all files."""

    first: float = inf
    last: float = -inf
    started: int = 0
    ended: int = 0
    failures: set[tuple[int, str]] = field(default_factory=set)
    """Time (ms) and text of each error it reported."""
    claims: dict[str, int] = field(default_factory=dict)
    """Agents that claim to work in it → since when (ms)."""
    children: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    @property
    def agent(self) -> str | None:
        """Who works in it: of several instances under several names, always the same one."""
        return min(self.claims, key=lambda agent: (self.claims[agent], agent), default=None)

    @property
    def failed(self) -> int:
        """When it reported an error last."""
        return max(self.failures, default=(0, ""))[0]


class Checkpoint(NamedTuple):
    """How far one session said it was with its task."""

    at: int
    session: str
    progress: float | None


class Team(Rows):
    """What follows from all files together."""

    def __init__(self, namespace: str, lists: Lists) -> None:
        super().__init__(namespace, lists)
        self.sessions: defaultdict[str, Session] = defaultdict(Session)
        self._agent_sessions: defaultdict[str, set[str]] = defaultdict(set)
        self.alive: dict[str, tuple[int, str]] = {}  # session → last heartbeat and status of its agent in the registry
        self.tasks: dict[str, dict[str, Any]] = {}  # the task list as it is now: the fields of each row
        self.owned: dict[str, dict[str, int]] = {}  # agent → open task on the list → since when
        self.claimed: defaultdict[str, dict[str, int]] = defaultdict(dict)  # agent → task → claimed on the bus at
        self.completed: dict[str, int] = {}  # task → completed on the bus at
        self.completers: defaultdict[str, set[str]] = defaultdict(set)  # agent → tasks it completed, by the bus
        self.checkpoints: defaultdict[str, dict[str, Checkpoint]] = defaultdict(dict)  # task → file → what it says
        self.calls: dict[str, tuple[tuple[Any, ...], str]] = {}  # call → the claim that counts, and its session
        self.read: set[str] = set()  # messages that somebody has read

    # Agents

    def agent(self, agent: str | None, *times: int | None) -> Items:
        """Yield the row of an agent that was named, or seen at these times (ms)."""
        if agent is None:
            return
        fields: dict[str, Any] = {"name": "you" if agent == PERSON else agent}
        if known := [at for at in times if at is not None]:
            fields["started_at"], fields["last_seen_at"] = min(known), max(known)
        yield self.record_of("agents", agent, fields)
        if agent in HUMANS:
            yield self.person(agent)

    def person(self, name: str) -> Record:
        """Return the row of a human."""
        return self.record("agents", name, role="human", status="unknown", status_reason="a person")

    def reported(self, agent: str, at: int | None, word: Any, reporter: str, about: str | None = None) -> Items:
        """Yield evidence of the status that a file states; of a blocked agent, ``about`` is what it waits for."""
        status = agent_status(word)
        if status:
            known = about if status == "waiting" else None
            reason = known or f"{reporter} says {word.strip().lower()}"
            yield from self.evidence(agent, at, status, reason, routine=known is None)

    def evidence(self, agent: str, at: int | None, status: str, reason: str, *, routine: bool = False) -> Items:
        """Yield evidence of an agent's status; none for people."""
        if at is not None and agent not in HUMANS:
            fact, team = f"says {status}", f"{self.namespace}workspace"
            yield Evidence(self.namespace + agent, at, fact, reason, "heartbeat", routine, team=team)

    # Sessions

    def session(self, session: str | None, *times: int | None) -> Items:
        """Yield the row of a session that was named, or seen at these times (ms)."""
        if session is None:
            return
        if session not in self.sessions:
            yield self.session_state(session)
        known = self.sessions[session]
        for at in times:
            if at is not None and not known.first < at < known.last:
                known.first, known.last = min(known.first, at), max(known.last, at)
                yield self.record("sessions", session, started_at=at, updated_at=at)

    def session_state(self, session: str) -> Record:
        """Return status and agent of a session, from everything that is known of it; see the module's text."""
        known = self.sessions[session]
        stopped = max(known.ended, known.failed)
        beat, word = self.alive.get(session, (0, ""))
        if beat > stopped:
            status = "idle" if agent_status(word) == "idle" else "active"
        elif not stopped or stopped < known.started:
            status = "idle"
        else:
            status = "failed" if known.failed >= known.ended else "ended"
        ended_at = stopped if status in ("ended", "failed") else None
        return self.record("sessions", session, status=status, ended_at=ended_at, agent_id=known.agent)

    def counts(self, session: str) -> Items:
        """Yield tool calls and errors of a session, and of each of its agents the sums over its own sessions.

        A session has one agent, however many instances under other names claim to work in it: it counts once.
        """
        known = self.sessions[session]
        if known.calls or known.errors:
            yield self.record("sessions", session, tool_calls=len(known.calls), errors=len(known.errors))
            for agent in sorted(known.claims):
                claimed = (self.sessions[own] for own in self._agent_sessions[agent])
                own = [session for session in claimed if session.agent == agent]
                calls, errors = sum(len(s.calls) for s in own), sum(len(s.errors) for s in own)
                facts = {"tool_calls": calls, "errors": errors} if own else {"tool_calls": None, "errors": None}
                yield Record("agents", self.namespace + agent, facts)

    def failures(self, session: str, *agents: str) -> Items:
        """Yield evidence that an error of its session stopped an agent, until it shows activity again."""
        for agent in agents:
            for at, error in sorted(self.sessions[session].failures):
                yield from self.evidence(agent, at or None, "failed", f"session error: {error}")

    # Who works where, and who started whom

    def works_in(self, agent: str | None, session: str | None, at: int | None) -> Items:
        """Yield what follows from an agent that works in a session."""
        if agent is None or session is None:
            return
        yield from self.session(session, at)
        known = self.sessions[session]
        before = known.agent
        known.claims[agent] = min(known.claims.get(agent, at or 0), at or 0)
        self._agent_sessions[agent].add(session)
        yield self.session_state(session)
        yield from self.counts(session)
        yield from self.failures(session, agent)
        if known.agent != before:
            for call in sorted(known.calls):
                if self.calls[call][1] == session:
                    yield self.record("tool_calls", call, agent_id=known.agent)
            for child in sorted(known.children):
                yield from self._parents(child)
        yield from self._parents(session)

    def spawned(self, parent: str | None, child: str | None, at: int | None) -> Items:
        """Yield what follows from one session having started another."""
        if parent is None or child is None:
            return
        yield from self.session(parent, at)
        yield from self.session(child, at)
        if parent != child:
            self.sessions[parent].children.add(child)
            yield self.claim("sessions", child, at, parent_id=parent)
            yield from self._parents(child)

    def _parents(self, session: str) -> Items:
        """Yield agents as children of the agent whose session started theirs."""
        for agent in sorted(self.sessions[session].claims):
            parents: set[str] = set()
            for own in self._agent_sessions[agent]:
                parent = self.newest("sessions", own, "parent_id")
                found = self.sessions[parent].agent if parent is not None else None
                if found not in (None, agent):
                    parents.add(found)
            yield self.record("agents", agent, parent_id=min(parents, default=None))
