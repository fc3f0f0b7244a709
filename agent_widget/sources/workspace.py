"""The shared ``memory/`` directory that a team of agents writes: registry, tasks, message bus, sessions, logs.

Read :data:`FILES` first: it says which file is read by which method. What the format teaches, and what follows:

- Four instances of one plugin write the same event a millisecond apart, and a rotated file is a copy. So ids come
  from the content, and of several claims about one row the choice never depends on which was read first.
- Agents leave the registry when they stop, and whole files are rewritten in place. So agents, sessions and
  messages stay; only what was taken out of a list that says all there is (tasks, assessments, knowledge) is gone.
- Files disagree about totals. Totals are counted from the rows; a *stated* total becomes a row of ``stats``.
- Tasks come from ``tasks.json`` alone; agents and sessions from whatever names them, so every reference resolves.

A session is ``failed`` or ``ended`` when the newest error or end (of ``sessions.jsonl`` or a summary) is not older
than its newest start; ``active`` while the registry lists an agent in it that beat after any such end and does not
call itself idle; otherwise ``idle``, since the files do not tell.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import msgspec

from ..tables import TABLES
from .base import (
    Evidence,
    Gone,
    Item,
    Malformed,
    Reader,
    Record,
    Source,
    clean,
    first_of,
    millis,
    named,
    number,
    parse_json,
    parse_object,
    preview,
    whole,
)
from .log_lines import parse_log_line

FILES: Final[tuple[tuple[str, Literal["lines", "document"], str], ...]] = (
    # pattern, part by part from the root; how it is read; the method of Workspace that reads it
    ("agent-registry.json", "document", "registry"),
    ("agent-performance-metrics.json", "document", "performance"),
    ("agent-health-metrics.json", "document", "health"),
    ("orchestrator-state.json", "document", "leader"),
    ("tasks.json", "document", "tasks"),
    ("message-bus.jsonl", "lines", "message"),
    ("message-archives/*.jsonl", "lines", "message"),
    ("message-archives/index.json", "document", "message_archives"),
    ("user-messages.jsonl", "lines", "user_message"),
    ("sessions.jsonl", "lines", "session_event"),
    ("session-archives/*.jsonl", "lines", "session_event"),
    ("session-summaries.json", "document", "summaries"),
    ("opencode-sessions.json", "document", "opencode"),
    ("sessions/*/checkpoint.json", "document", "checkpoint"),
    ("sessions/*/handoff-state.json", "document", "handoff"),
    (".handoff-state.json", "document", "handoff"),
    ("tool-timing.jsonl", "lines", "tool_call"),
    ("quality-assessments.json", "document", "assessments"),
    ("knowledge-base.json", "document", "knowledge"),
    ("working.md", "document", "markdown"),
    ("working-archives/*.md", "document", "markdown"),
    ("critiques/*.md", "document", "markdown"),
    ("reports/*.md", "document", "markdown"),
    ("state.json", "document", "state"),
    ("metrics.json", "document", "metrics"),
    (".token-usage.json", "document", "token_usage"),
    (".rate-limit-status.json", "document", "rate_limit"),
    (".watchdog-status.json", "document", "watchdog"),
    ("git-activity.jsonl", "lines", "commit"),
    ("*.log", "lines", "log"),
    ("*.log.[0-9]*", "lines", "log"),
    ("*-archives/*.log", "lines", "log"),
    ("logs/*.log", "lines", "log"),
)

TELLING: Final = (
    "agent-registry.json",
    "message-bus.jsonl",
    "user-messages.jsonl",
    "tool-timing.jsonl",
    "realtime.log",
    "coordination.log",
    "session-summaries.json",
    "opencode-sessions.json",
    "quality-assessments.json",
    "agent-performance-metrics.json",
)
"""Any one of these names says that a directory is a workspace; of :data:`COMMON` it takes two."""

COMMON: Final = ("tasks.json", "state.json", "working.md", "sessions.jsonl", "knowledge-base.json", "metrics.json")

HUMANS: Final = frozenset({"user", "human", "terminal-user", "dashboard-user"})

HEARTBEAT_TTL_MS: Final = 180_000
"""An agent that says nothing for this long counts as offline; it should beat every 30 s to 60 s."""

_TASK_STATUS = {
    "pending": "pending",
    "available": "pending",
    "in_progress": "in_progress",
    "claimed": "in_progress",
    "working": "in_progress",
    "blocked": "blocked",
    "completed": "completed",
    "done": "completed",
    "failed": "failed",
    "error": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}
_OPEN = ("in_progress", "blocked")

_AGENT_STATUS = {
    **dict.fromkeys(("active", "working", "busy", "in_progress", "running"), "working"),
    **dict.fromkeys(("idle", "ready", "available"), "idle"),
    **dict.fromkeys(("blocked", "waiting"), "waiting"),
    **dict.fromkeys(("done", "completed", "stopped", "shutdown", "exited"), "done"),
    **dict.fromkeys(("failed", "error", "crashed"), "failed"),
    **dict.fromkeys(("offline", "dead", "stale"), "offline"),
}
_FOR_EVER = ("done", "failed", "offline")

_MESSAGE_KIND = {"task_complete": "task_completed"}

_SPOKEN = ("status", "message", "text", "content", "title", "task", "summary", "instruction", "question", "blocker")
_SPOKEN_ELSE = ("description", "reason", "result", "event", "action", "details")
"""The payload fields in which agents write sentences, in the order in which they are joined."""

_DIMENSIONS = ("completeness", "code_quality", "documentation", "efficiency", "impact")

_MARKDOWN_KIND = {"working-archives": "working_notes", "critiques": "critique", "reports": "report"}

_KNOWLEDGE = ("key_insights", "discoveries", "decisions", "problems_solved", "solutions", "techniques", "code_created")

_SKIPPED = frozenset({"node_modules", ".git", ".venv", "__pycache__"})

_RECENT = 4096
"""How many distinct recent lines of a log are remembered to number the identical ones."""


# ---------------------------------------------------------------------------------------------------------------------
# What is remembered


@dataclass(slots=True)
class _File:
    """What a reader knows of its file."""

    path: str
    family: str
    """The log it is part of: a rotated archive belongs to the log it came from."""
    at: int | None = None
    """The time of the last line that had one."""
    seen: OrderedDict[bytes, int] = field(default_factory=OrderedDict)

    def line_id(self, at: int | None, line: bytes) -> str:
        """An id for a log line that is the same when it is read again, also from an archive.

        Identical lines are numbered, so that none is lost.
        """
        digest = blake2b(b"%b\0%d\0%b" % (self.family.encode(), at or 0, line), digest_size=12)
        count = self.seen.pop(digest.digest(), 0)
        self.seen[digest.digest()] = count + 1
        if len(self.seen) > _RECENT:
            self.seen.popitem(last=False)
        return f"{digest.hexdigest()}.{count}" if count else digest.hexdigest()


@dataclass(slots=True)
class _Session:
    """What is known of one session from all files."""

    first: int | None = None
    last: int | None = None
    started: int = 0
    ended: int = 0
    failures: set[tuple[int, str]] = field(default_factory=set)
    """When it reported which error."""
    claims: dict[str, int] = field(default_factory=dict)
    """Agents that said they work in it, and since when."""
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


@dataclass(slots=True)
class _Checkpoint:
    """How far one session said it was with its task."""

    at: int
    session: str
    progress: float | None


class Workspace(Source):
    """One ``memory/`` directory."""

    name = "workspace"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self._cells: defaultdict[tuple[str, str, str], dict[str, tuple[int, str, Any]]] = defaultdict(dict)
        self._listed: dict[str, set[str]] = {}  # document → the ids it listed when last read
        self._sessions: defaultdict[str, _Session] = defaultdict(_Session)
        self._agent_sessions: defaultdict[str, set[str]] = defaultdict(set)
        self._alive: dict[str, tuple[int, str]] = {}  # session → last heartbeat and status of its agent in the registry
        self._tasks: dict[str, dict[str, Any]] = {}  # the task list as it is now: the fields of each row
        self._owned: dict[str, dict[str, int]] = {}  # agent → open task on the list → since when
        self._claimed: defaultdict[str, dict[str, int]] = defaultdict(dict)  # agent → task → claimed on the bus at
        self._completed: dict[str, int] = {}  # task → completed on the bus at
        self._completers: defaultdict[str, set[str]] = defaultdict(set)  # agent → tasks it completed, by the bus
        self._checkpoints: defaultdict[str, dict[str, _Checkpoint]] = defaultdict(dict)  # task → file → what it says
        self._calls: dict[str, tuple[tuple[Any, ...], str]] = {}  # call → the claim that counts, and its session
        self._read: set[str] = set()  # messages that somebody has read

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """The directories in ``AGENT_WIDGET_WORKSPACE``; there is no place where workspaces usually are."""
        named = environ.get("AGENT_WIDGET_WORKSPACE", "").split(os.pathsep)
        return [home / name[2:] if name.startswith("~/") else Path(name) for name in named if name]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """Whether one telling name is there, or two of the common ones."""

        def count(names: Iterable[str]) -> int:
            return sum(os.path.exists(directory / name) for name in names)  # Path.exists can raise

        return count(TELLING) > 0 or count(COMMON) > 1

    def reader(self, path: PurePosixPath) -> Reader | None:
        """The reader of the first pattern in :data:`FILES` that fits."""
        for pattern, mode, method in FILES:
            if pattern.count("/") == len(path.parts) - 1 and path.match(pattern):
                return Reader(mode, partial(getattr(self, method), _File(clean(str(path)), clean(_family(path)))))
        return None

    def skips(self, path: PurePosixPath) -> bool:
        """Directories of other tools."""
        return path.name in _SKIPPED

    # -----------------------------------------------------------------------------------------------------------------
    # Common ground: ids, facts told by several files, agents and sessions that are mentioned

    def _id(self, id: str | None) -> str | None:
        return None if id is None else self.namespace + id

    def _record(self, table: str, id: str, **fields: Any) -> Record:
        return Record(table, self.namespace + id, fields)

    def _tell(self, table: str, id: str, at: int | None, said_in: str = "", **facts: Any) -> Record:
        """A record of what counts after one more claim: of each fact, the newest told by anyone.

        A document (``said_in``) is taken at its last word, whatever it claimed before; what lines claimed stays.
        """
        fields = {}
        for column, value in facts.items():
            claims = self._cells[table, id, column]
            if value is not None:
                claim = (at or 0, str(value), value)
                claims[said_in] = claim if said_in else max(claims.get(said_in, claim), claim, key=_at_and_text)
            elif said_in:
                claims.pop(said_in, None)
            if claims:
                fields[column] = max(claims.values(), key=_at_and_text)[2]
            elif said_in:
                fields[column] = None
        return self._record(table, id, **fields)

    def _left(self, table: str, id: str, said_in: str) -> Record:
        """A document no longer mentions a row that stays: its last word counts where nobody said anything else."""
        fields = {}
        for column in TABLES[table].blank():
            claims = self._cells.get((table, id, column), {})
            if said_in in claims:
                claims[said_in] = (-1, *claims[said_in][1:])
                fields[column] = max(claims.values(), key=_at_and_text)[2]
        return self._record(table, id, **fields)

    def _told(self, table: str, id: str, column: str) -> Any:
        claims = self._cells.get((table, id, column))
        return max(claims.values(), key=_at_and_text)[2] if claims else None

    def _gone(self, file: _File, table: str, ids: set[str]) -> Iterator[Gone]:
        """What the document no longer lists."""
        for id in sorted(self._listed.get(file.path, set()) - ids):
            yield Gone(table, self.namespace + id)
        self._listed[file.path] = ids

    def _stat(self, name: str, value: Any, unit: str, at: Any) -> Iterator[Record]:
        """A figure that a file states."""
        value = float(value) if isinstance(value, bool) else number(value)
        if value is not None:
            yield self._record("stats", name, name=name, value=value, unit=unit, at=millis(at))

    def _agent(self, agent: str | None, at: int | None) -> Iterator[Item]:
        """Somebody was seen or named."""
        if agent is None:
            return
        seen = {} if at is None else {"started_at": at, "last_seen_at": at}
        yield self._record("agents", agent, name=agent, **seen)
        if agent in HUMANS:
            yield from self._person(agent)

    def _person(self, name: str) -> Iterator[Item]:
        yield self._record("agents", name, role="human", status="unknown", status_reason="a person")

    def _evidence(self, agent: str, at: int | None, word: Any, teller: str, about: str | None = None) -> Iterator[Item]:
        """What somebody says an agent is doing; of a blocked one, ``about`` says what it waits for."""
        status = _AGENT_STATUS.get(word.strip().lower()) if isinstance(word, str) else None
        if status:
            known = about if status == "waiting" else None
            reason = known or f"{teller} says {word.strip().lower()}"
            yield from self._saw(agent, at, status, reason, routine=known is None)

    def _saw(self, agent: str, at: int | None, status: str, reason: str, *, routine: bool = False) -> Iterator[Item]:
        if at is not None and agent not in HUMANS:
            ttl_ms = None if status in _FOR_EVER else HEARTBEAT_TTL_MS
            yield Evidence(self.namespace + agent, at, status, preview(reason) or status, ttl_ms, routine)

    def _session(self, session: str | None, at: int | None) -> Iterator[Item]:
        """A session was seen or named."""
        if session is None:
            return
        new = session not in self._sessions
        known = self._sessions[session]
        if new:
            yield self._session_state(session)
        if at is not None:
            if known.first is None or at < known.first:
                known.first = at
            if known.last is None or at > known.last:
                known.last = at
            if at in (known.first, known.last):
                yield self._record("sessions", session, started_at=at, updated_at=at)

    def _session_state(self, session: str) -> Record:
        """Status and agent of a session, from everything that is known of it; see the module's text."""
        known = self._sessions[session]
        stopped = max(known.ended, known.failed)
        beat, word = self._alive.get(session, (0, ""))
        if beat > stopped:
            status = "idle" if _AGENT_STATUS.get(word) == "idle" else "active"
        elif not stopped or stopped < known.started:
            status = "idle"
        else:
            status = "failed" if known.failed >= known.ended else "ended"
        ended_at = stopped if status in ("ended", "failed") else None
        return self._record("sessions", session, status=status, ended_at=ended_at, agent_id=self._id(known.agent))

    def _works_in(self, agent: str | None, session: str | None, at: int | None) -> Iterator[Item]:
        """An agent says that it works in a session."""
        if agent is None or session is None:
            return
        yield from self._session(session, at)
        known = self._sessions[session]
        before = known.agent
        known.claims[agent] = min(known.claims.get(agent, at or 0), at or 0)
        self._agent_sessions[agent].add(session)
        yield self._session_state(session)
        yield from self._counts(session)
        yield from self._failures(agent, session)
        if known.agent != before:
            for call in sorted(known.calls):
                if self._calls[call][1] == session:
                    yield self._record("tool_calls", call, agent_id=self._id(known.agent))
            for child in sorted(known.children):
                yield from self._parents(child)
        yield from self._parents(session)

    def _failures(self, agent: str, session: str) -> Iterator[Item]:
        """An error of its session stops an agent, until it gives a sign of life again."""
        for at, error in sorted(self._sessions[session].failures):
            yield from self._saw(agent, at or None, "failed", f"session error: {error}")

    def _spawned(self, parent: str | None, child: str | None, at: int | None) -> Iterator[Item]:
        """One session started another."""
        if parent is None or child is None:
            return
        yield from self._session(parent, at)
        yield from self._session(child, at)
        if parent != child:
            self._sessions[parent].children.add(child)
            yield self._tell("sessions", child, at, parent_id=self._id(parent))
            yield from self._parents(child)

    def _parents(self, session: str) -> Iterator[Item]:
        """The agents of a session are children of the agent of the session that started it."""
        for agent in sorted(self._sessions[session].claims):
            parents: set[str] = set()
            for own in self._agent_sessions[agent]:
                parent = self._told("sessions", own, "parent_id")
                if parent is not None:
                    found = self._sessions[parent[len(self.namespace) :]].agent
                    parents |= {found} - {None, agent}  # type: ignore[arg-type]
            yield self._record("agents", agent, parent_id=self._id(min(parents, default=None)))

    def _counts(self, session: str) -> Iterator[Item]:
        """Tool calls and errors of a session; each of its agents is told those of its sessions."""
        known = self._sessions[session]
        if known.calls or known.errors:
            yield self._record("sessions", session, tool_calls=len(known.calls), errors=len(known.errors))
            for agent in sorted(known.claims):
                sessions = [self._sessions[own] for own in self._agent_sessions[agent]]
                calls, errors = sum(len(s.calls) for s in sessions), sum(len(s.errors) for s in sessions)
                yield self._record("agents", agent, tool_calls=calls, errors=errors)

    def _current_task(self, agents: Iterable[str]) -> Iterator[Item]:
        """The task that each agent claimed last and that is still open."""
        for agent in sorted(agents):
            claims = [(at, task) for task, at in self._owned.get(agent, {}).items()]
            for task, at in self._claimed.get(agent, {}).items():
                listed = self._tasks.get(task)
                if listed is None:
                    is_open = self._completed.get(task, -1) < at
                else:
                    is_open = listed["status"] in _OPEN and listed["owner"] in (None, self._id(agent))
                if is_open:
                    claims.append((at, task))
            yield self._record("agents", agent, task_id=self._id(max(claims)[1]) if claims else None)

    # -----------------------------------------------------------------------------------------------------------------
    # Agents

    def registry(self, file: _File, data: bytes) -> Iterator[Item]:
        """The agents that are there now, rewritten at every heartbeat."""
        entries = _entries(parse_json(data), "agents", "agent_id")
        before, self._alive, listed = self._alive, {}, set()
        for entry in entries:
            agent = named(first_of(entry, "agent_id", "agentId", "id"))
            if agent is None:
                continue
            session = _session_name(first_of(entry, "session_id", "sessionId"))
            listed.add(agent)
            started = millis(first_of(entry, "started_at", "startedAt"))
            beat = millis(first_of(entry, "last_heartbeat", "lastHeartbeat"))
            word, doing = entry.get("status"), named(first_of(entry, "current_task", "currentTask"))
            yield from self._agent(agent, started)
            yield from self._agent(agent, beat)
            yield self._tell(
                "agents",
                agent,
                beat,
                file.path,
                role=named(first_of(entry, "assigned_role", "role")),
                session_id=self._id(session),
                activity=preview(doing),
            )
            yield from self._evidence(agent, beat, word, "registry", doing)
            if session is not None and beat is not None:
                now = (beat, word.lower() if isinstance(word, str) else "")
                self._alive[session] = max(self._alive.get(session, now), now)
            yield from self._works_in(agent, session, started if started is not None else beat)
            yield from self._session(session, beat)
        for agent in sorted(self._listed.get(file.path, set()) - listed):
            yield self._left("agents", agent, file.path)
        self._listed[file.path] = listed
        for session in sorted(before.keys() | self._alive.keys()):
            yield self._session_state(session)

    def performance(self, file: _File, data: bytes) -> Iterator[Item]:
        """What each agent has achieved; agents that left are still in it."""
        for entry in _entries(parse_json(data), "agents", "agent_id"):
            agent = named(entry.get("agent_id"))
            if agent is None:
                continue
            last = millis(entry.get("last_activity"))
            yield from self._agent(agent, millis(entry.get("first_seen")))
            yield from self._agent(agent, last)
            quality = _tenths(entry.get("avg_quality")) or None  # 0 is written where nothing was assessed
            yield self._tell("agents", agent, last, file.path, quality=quality)
            yield self._record("agents", agent, tasks_completed=whole(entry.get("tasks_completed")))

    def health(self, file: _File, data: bytes) -> Iterator[Item]:
        """The health monitor: agents it removed, and its alerts as log lines."""
        document = parse_object(data)
        file.seen.clear()
        if isinstance(document.get("agents_tracked"), dict):
            for entry in _entries(document, "agents_tracked", "agent_id"):
                agent = named(entry.get("agent_id"))
                if agent is not None:
                    beat = millis(entry.get("last_heartbeat"))
                    yield from self._agent(agent, beat)
                    yield from self._evidence(agent, beat, entry.get("status"), "health monitor")
        for alert in _entries(document, "alerts") if "alerts" in document else []:
            at, agent = millis(alert.get("timestamp")), named(alert.get("agent_id"))
            text = named(alert.get("message")) or named(alert.get("type"))
            yield from self._agent(agent, at)
            if agent is not None and (alert.get("type") == "cleanup" or "removed due to inactivity" in (text or "")):
                yield from self._saw(agent, at, "offline", "removed due to inactivity")
            id = file.line_id(at, msgspec.json.encode([agent, alert.get("type"), text]))
            yield self._log(id, at, "warning", agent, None, file.family, text)

    def leader(self, file: _File, data: bytes) -> Iterator[Item]:
        """Who holds the leader's lease."""
        document = parse_object(data)
        agent, beat = named(document.get("leader_id")), millis(document.get("last_heartbeat"))
        if agent is not None:
            yield from self._agent(agent, beat)
            yield self._tell("agents", agent, beat, file.path, role="orchestrator")
        yield from self._stat("leader_epoch", document.get("leader_epoch"), "count", beat)

    # -----------------------------------------------------------------------------------------------------------------
    # Tasks

    def tasks(self, file: _File, data: bytes) -> Iterator[Item]:
        """The task list: all tasks there are."""
        document = parse_json(data)
        entries = _entries(document, "tasks")
        agents = set(self._owned) | set(self._claimed)
        self._tasks, self._owned = {}, {}
        for entry in entries:
            id = named(first_of(entry, "id", "task_id"))
            if id is None:
                continue
            fields = self._task_fields(entry)
            self._tasks[id] = fields
            claimed = fields["started_at"]
            owner = named(first_of(entry, "assigned_to", "claimed_by", "assignedTo", "owner"))
            yield from self._agent(owner, claimed)
            if owner is not None and fields["status"] in _OPEN:
                self._owned.setdefault(owner, {})[id] = claimed or fields["updated_at"] or fields["created_at"] or 0
            yield self._record("tasks", id, **fields)
        yield from self._gone(file, "tasks", set(self._tasks))
        for id in self._tasks:
            yield from self._progress(id)
        yield from self._current_task(agents | set(self._owned))
        if isinstance(document, dict):
            stated = first_of(document, "completed_count", "completedCount")
            yield from self._stat("tasks_completed_stated", stated, "count", document.get("last_updated"))

    def _task_fields(self, entry: dict[str, Any]) -> dict[str, Any]:
        word = named(entry.get("status"))
        status = _TASK_STATUS.get(word.lower().replace("-", "_")) if word else "pending"
        notes = _newest_notes(entry.get("notes"))
        if status is None:  # a word that is not in the format: kept, since a guess would hide it
            status, notes = "pending", f"status: {word}" + (f"\n{notes}" if notes else "")
        priority = named(entry.get("priority"))
        return {
            "title": preview(named(entry.get("title"))),
            "description": preview(named(entry.get("description"))),
            "status": status,
            "priority": priority.lower() if priority else None,
            "owner": self._id(named(first_of(entry, "assigned_to", "claimed_by", "assignedTo", "owner"))),
            "parent_id": self._id(named(first_of(entry, "parent_task", "parent_id", "parentTask"))),
            "depends_on": [self.namespace + id for id in _texts(first_of(entry, "depends_on", "dependsOn"))],
            "tags": _texts(entry.get("tags")),
            "created_at": millis(first_of(entry, "created_at", "createdAt")),
            "updated_at": millis(first_of(entry, "updated_at", "updatedAt")),
            "started_at": millis(first_of(entry, "claimed_at", "claimedAt", "started_at")),
            "completed_at": millis(first_of(entry, "completed_at", "completedAt")),
            "quality": _tenths(first_of(entry, "quality_score", "qualityScore")),
            "notes": preview(notes),
        }

    def _progress(self, task: str) -> Iterator[Item]:
        """How far a task is, and where: its newest checkpoint, or what its status implies."""
        listed = self._tasks.get(task)
        if listed is None:
            return
        saved = self._checkpoints[task].values() if task in self._checkpoints else ()
        newest = max(saved, key=lambda c: (c.at, c.session, c.progress or 0), default=None)
        progress = newest.progress if newest else None
        if listed["status"] == "completed":
            progress = 1.0
        elif progress is None and listed["status"] == "pending":
            progress = 0.0
        yield self._record("tasks", task, progress=progress, session_id=self._id(newest.session if newest else None))

    def checkpoint(self, file: _File, data: bytes) -> Iterator[Item]:
        """What a session was doing when it saved itself, and how far it was."""
        document = parse_object(data)
        agent = named(document.get("agent_id"))
        session = _session_name(document.get("session_id")) or PurePosixPath(file.path).parent.name
        at = millis(document.get("created_at"))
        context, current = document.get("context"), document.get("current_task")
        current = current if isinstance(current, dict) else {}
        activity = named(current.get("progress_description"))
        if activity is None and isinstance(context, dict):
            activity = named(context.get("what_was_happening"))
        yield from self._session(session, at)
        yield self._record("sessions", session, files_changed=_length(document.get("files_modified")))
        if agent is not None:
            yield from self._agent(agent, at)
            yield self._tell("agents", agent, at, file.path, session_id=self._id(session), activity=preview(activity))
            yield from self._works_in(agent, session, at)
        task, percent = named(current.get("task_id")), number(current.get("progress_percentage"))
        for before in [other for other in self._listed.get(file.path, ()) if other != task]:
            self._checkpoints[before].pop(file.path, None)
            yield from self._progress(before)
        self._listed[file.path] = set() if task is None else {task}
        if task is not None:
            progress = None if percent is None else min(max(percent / 100, 0.0), 1.0)
            self._checkpoints[task][file.path] = _Checkpoint(at or 0, session, progress)
            yield from self._progress(task)

    # -----------------------------------------------------------------------------------------------------------------
    # Messages

    def message(self, file: _File, line: bytes) -> Iterator[Item]:
        """One line of the message bus or its archives."""
        entry = parse_object(line)
        id = named(first_of(entry, "message_id", "messageId", "id"))
        if id is None:
            raise Malformed("a message without id")
        at = millis(entry.get("timestamp"))
        sender, recipient = named(first_of(entry, "from_agent", "from")), named(first_of(entry, "to_agent", "to"))
        if recipient in ("all", "broadcast", "everyone"):
            recipient = "*"
        word = named(entry.get("type")) or ("direct" if recipient not in (None, "*") else "broadcast")
        kind = _MESSAGE_KIND.get(word, word)
        payload = first_of(entry, "payload", "message", "content", "text")
        told = payload if isinstance(payload, dict) else {}
        session = _session_name(first_of(told, "session_id", "child_session", "sessionId"))
        if session is None and isinstance(told.get("details"), dict):
            session = _session_name(told["details"].get("session_id"))
        if entry.get("read_by") or entry.get("read") is True:
            self._read.add(id)
        yield self._record(
            "messages",
            id,
            at=at,
            sender=self._id(sender),
            recipient="*" if recipient in (None, "*") else self._id(recipient),
            kind=kind,
            text=_sentence(kind, payload),
            session_id=self._id(session),
            task_id=self._id(named(first_of(told, "task_id", "taskId"))),
            read=id in self._read,
        )
        yield from self._agent(sender, at)
        if recipient != "*":
            yield from self._agent(recipient, None)
        yield from self._session(session, at)
        if kind == "session_spawned":
            yield from self._session_spawned(told, at)
        if sender is None:
            return
        if kind == "heartbeat":
            yield from self._evidence(sender, at, told.get("status", "working"), "heartbeat")
        elif kind == "broadcast":
            yield from self._broadcast(sender, at, told, session)
        elif kind == "task_claim":
            yield from self._claim(named(first_of(told, "claimed_by", "claimedBy")) or sender, at, told)
        elif kind == "task_completed":
            yield from self._completion(sender, named(first_of(told, "completed_by", "completedBy")), at, told)

    def _broadcast(self, sender: str, at: int | None, told: dict[str, Any], session: str | None) -> Iterator[Item]:
        """What an agent tells everybody: that it came online, or how it is getting on."""
        words = named(told.get("status"))
        details = told["details"] if isinstance(told.get("details"), dict) else {}
        yield self._tell("agents", sender, at, role=named(details.get("role")), activity=preview(words))
        if _session_name(details.get("session_id")) is not None:
            yield self._tell("agents", sender, at, session_id=self._id(session))
            yield from self._works_in(sender, session, at)
        if words is not None and words.lower() in _AGENT_STATUS:
            yield from self._evidence(sender, at, words, "broadcast")
        elif words is not None and re.search(r"\b(idle|online and ready)\b", words, re.IGNORECASE):
            yield from self._saw(sender, at, "idle", "broadcast says ready")
        else:
            yield from self._saw(sender, at, "working", "sent a broadcast")

    def _claim(self, agent: str, at: int | None, told: dict[str, Any]) -> Iterator[Item]:
        task, title = named(told.get("task_id")), _title(told)
        yield from self._agent(agent, at)
        yield self._tell("agents", agent, at, activity=preview(title))
        yield from self._saw(agent, at, "working", f"claimed task {title}" if title else "claimed a task")
        if task is not None:
            self._claimed[agent][task] = max(self._claimed[agent].get(task, 0), at or 0)
            yield from self._current_task([agent])

    def _completion(self, sender: str, credited: str | None, at: int | None, told: dict[str, Any]) -> Iterator[Item]:
        task, result = named(told.get("task_id")), _result(told)
        title = named(first_of(told, "title", "task")) or (None if result else task)
        agent = credited or sender
        yield from self._agent(agent, at if agent == sender else None)
        if agent == sender:  # else the sender only keeps the books of somebody who may be long gone
            yield self._tell("agents", agent, at, activity=preview(f"completed {title}" if title else result))
            done = (
                f"completed task {title}" if title else f"completed a task: {result}" if result else "completed a task"
            )
            yield from self._saw(agent, at, "idle", done)
        if task is not None:
            self._completed[task] = max(self._completed.get(task, 0), at or 0)
            self._completers[agent].add(task)
            yield self._record("agents", agent, tasks_completed=len(self._completers[agent]))
            yield from self._current_task([who for who, claimed in self._claimed.items() if task in claimed])

    def user_message(self, file: _File, line: bytes) -> Iterator[Item]:
        """One line that a person wrote to the agents."""
        entry = parse_object(line)
        id = named(first_of(entry, "id", "message_id"))
        if id is None:
            raise Malformed("a message without id")
        at, sender = millis(entry.get("timestamp")), named(entry.get("from")) or "user"
        if entry.get("read_by") or entry.get("read") is True:
            self._read.add(id)
        yield self._record(
            "messages",
            id,
            at=at,
            sender=self._id(sender),
            recipient="*",
            kind="user",
            text=preview(first_of(entry, "message", "text", "content")),
            task_id=self._id(named(entry.get("task_id"))),
            read=id in self._read,
        )
        yield from self._agent(sender, at)
        if not sender.startswith("agent-"):
            yield from self._person(sender)
        reader = named(entry.get("read_by"))
        if reader is not None and _SESSION_ID.fullmatch(reader):
            yield from self._session(reader, millis(entry.get("read_at")))

    def message_archives(self, file: _File, data: bytes) -> Iterator[Item]:
        """How many messages the archives are said to hold."""
        document = parse_object(data)
        counts = [number(first_of(entry, "messageCount", "message_count")) for entry in _entries(document, "archives")]
        stated = sum(count for count in counts if count is not None)
        yield from self._stat("messages_archived_stated", stated, "count", document.get("lastUpdated"))

    # -----------------------------------------------------------------------------------------------------------------
    # Sessions and tool calls

    def session_event(self, file: _File, line: bytes) -> Iterator[Item]:
        """One line of ``sessions.jsonl``: a start, an end, an error, a compaction, a file edit."""
        entry = parse_object(line)
        at, kind = millis(entry.get("timestamp")), entry.get("type")
        if kind == "session_spawned":
            yield from self._session_spawned(entry, at)
        session = _session_name(first_of(entry, "session_id", "sessionId"))
        if session is None:
            return  # file edits and errors do not say whose they are
        yield from self._session(session, at)
        known = self._sessions[session]
        if kind == "session_start":
            known.started = max(known.started, at or 0)
        elif kind == "session_end":
            known.ended = max(known.ended, at or 0)
            duration, calls = whole(entry.get("duration_ms")), whole(entry.get("tool_calls"))
            yield self._record("sessions", session, duration_ms=duration, tool_calls=calls)
        elif kind == "session_error":
            error = _error_text(entry.get("error"))
            known.failures.add((at or 0, error))
            known.errors.add(f"error: {error}")  # several instances report it, in the same words
            yield from self._counts(session)
            for agent in sorted(known.claims):
                yield from self._failures(agent, session)
        elif kind == "file_edit" and isinstance(entry.get("file"), str):
            known.files.add(entry["file"])
            yield self._record("sessions", session, files_changed=len(known.files))
        yield self._session_state(session)

    def _session_spawned(self, entry: dict[str, Any], at: int | None) -> Iterator[Item]:
        parent, child = _session_name(entry.get("parent_session")), _session_name(entry.get("child_session"))
        yield from self._spawned(parent, child, at)
        if child is not None and child != parent:
            yield self._tell("sessions", child, 1, title=preview(named(entry.get("description"))))
            yield self._record("sessions", child, duration_ms=whole(entry.get("duration_ms")))

    def summaries(self, file: _File, data: bytes) -> Iterator[Item]:
        """What was extracted from each session after it ended."""
        for entry in _entries(parse_json(data), "summaries", "session_id"):
            session = _session_name(entry.get("session_id"))
            if session is None:
                continue
            start, end = millis(entry.get("start_time")), millis(entry.get("end_time"))
            minutes = number(entry.get("duration_minutes"))
            yield from self._session(session, start)
            yield from self._session(session, end)
            known = self._sessions[session]
            known.ended = max(known.ended, end or 0)
            yield self._session_state(session)
            duration = None if minutes is None else round(minutes * 60_000)
            if start is not None and end is not None:
                duration = end - start
            yield self._record(
                "sessions",
                session,
                duration_ms=duration,
                tool_calls=whole(entry.get("tool_calls")),
                files_changed=_length(entry.get("files_edited")),
            )
            yield self._tell("sessions", session, 0, file.path, title=preview(named(entry.get("summary_text"))))

    def opencode(self, file: _File, data: bytes) -> Iterator[Item]:
        """The sessions as OpenCode lists them: the only place with their titles."""
        for entry in _entries(parse_json(data), "sessions"):
            session = _session_name(entry.get("id"))
            if session is None:
                continue
            yield from self._session(session, millis(entry.get("created")))
            yield from self._session(session, millis(entry.get("updated")))
            directory, changes = named(entry.get("directory")), entry.get("file_changes")
            tools = entry.get("tools_used")
            yield self._record(
                "sessions",
                session,
                project=PurePosixPath(directory.replace("\\", "/")).name or None if directory else None,
                messages=whole(entry.get("message_count")),
                files_changed=whole(changes.get("files")) if isinstance(changes, dict) else None,
                tool_calls=sum(whole(n) or 0 for n in tools.values()) if isinstance(tools, dict) else None,
            )
            yield self._tell("sessions", session, 2, file.path, title=preview(named(entry.get("title"))))

    def handoff(self, file: _File, data: bytes) -> Iterator[Item]:
        """That a session has a directory of its own."""
        document = parse_object(data)
        yield from self._session(_session_name(document.get("session_id")), millis(document.get("updated_at")))

    def tool_call(self, file: _File, line: bytes) -> Iterator[Item]:
        """One tool call, as one of several plugin instances timed it: the earliest and shortest counts."""
        entry = parse_object(line)
        id = named(first_of(entry, "call_id", "callId"))
        if id is None:
            raise Malformed("a tool call without id")
        at = millis(first_of(entry, "start_time", "timestamp"))
        duration, ok = whole(entry.get("duration_ms")), entry.get("success")
        status = "ok" if ok is True else "error" if ok is False else "running"
        sizes = whole(entry.get("input_size")), whole(entry.get("output_size"))
        claim = (
            status == "running",
            at or 0,
            -1 if duration is None else duration,
            status,
            named(entry.get("tool")) or "",
            -1 if sizes[0] is None else sizes[0],
            -1 if sizes[1] is None else sizes[1],
        )
        session = _session_name(entry.get("session_id")) or ""
        best, in_session = self._calls.get(id, (claim, session))
        in_session = min(filter(None, (in_session, session)), default="")
        self._calls[id] = (min(best, claim), in_session)
        if in_session:
            yield from self._session(session or None, at)
            known = self._sessions[session or in_session]
            if id not in known.calls or (status == "error" and id not in known.errors):
                known.calls.add(id)
                if status == "error":
                    known.errors.add(id)
                yield from self._counts(session or in_session)
        if claim <= best:
            agent = self._sessions[in_session].agent if in_session else None
            yield self._record(
                "tool_calls",
                id,
                at=at,
                agent_id=self._id(agent),
                session_id=self._id(in_session or None),
                name=claim[4] or None,
                status=status,
                duration_ms=duration,
                input_bytes=sizes[0],
                output_bytes=sizes[1],
            )
        elif in_session:
            agent = self._sessions[in_session].agent
            yield self._record("tool_calls", id, agent_id=self._id(agent), session_id=self._id(in_session))

    # -----------------------------------------------------------------------------------------------------------------
    # Quality and memory

    def assessments(self, file: _File, data: bytes) -> Iterator[Item]:
        """All assessments of finished tasks."""
        ids = set()
        for entry in _entries(parse_json(data), "assessments"):
            task = named(first_of(entry, "task_id", "taskId"))
            at = millis(first_of(entry, "assessed_at", "timestamp"))
            id = f"{task or ''}:{at or ''}"
            if id == ":":
                continue
            ids.add(id)
            assessor, dimensions = named(first_of(entry, "assessed_by", "assessor")), _dimensions(entry)
            session = assessor if assessor and _SESSION_ID.fullmatch(assessor) else None
            score = _tenths(first_of(entry, "overall_score", "score"))
            if score is None and dimensions:
                score = round(sum(dimensions.values()) / len(dimensions), 4)
            yield self._record(
                "quality",
                id,
                at=at,
                kind="assessment",
                subject=preview(named(first_of(entry, "task_title", "title"))),
                task_id=self._id(task),
                session_id=self._id(session),
                assessor=assessor,
                score=score,
                scale="0-10",
                dimensions=dimensions or None,
                notes=preview("\n".join(_texts(entry.get("lessons_learned"))) or None),
            )
            yield from self._session(session, at)
        yield from self._gone(file, "quality", ids)

    def knowledge(self, file: _File, data: bytes) -> Iterator[Item]:
        """What was learned in each session."""
        ids = set()
        for entry in _entries(parse_json(data), "entries", "session_id"):
            session, at = _session_name(entry.get("session_id")), millis(entry.get("timestamp"))
            id = f"knowledge:{session or ''}:{entry.get('timestamp', '')}"
            ids.add(id)
            learned = [text for key in _KNOWLEDGE for text in _texts(entry.get(key))]
            content = msgspec.json.encode(entry)
            yield self._record(
                "memory",
                id,
                title=preview(learned[0] if learned else f"Session {session or 'unknown'}"),
                kind="knowledge",
                path=file.path,
                size=len(content),
                tokens=len(content) // 4,
                updated_at=at,
                text=preview("\n".join(learned) or None),
                version=_version(content),
            )
            yield from self._session(session, at)
            if session is not None:
                yield self._record("sessions", session, messages=whole(entry.get("messages")))
        yield from self._gone(file, "memory", ids)

    def markdown(self, file: _File, data: bytes) -> Iterator[Item]:
        """Working notes, critiques and reports."""
        path, text = PurePosixPath(file.path), data.decode("utf-8", "replace")
        heading = re.search(r"^#{1,6}[ \t]+(.*\S)", text, re.MULTILINE)
        written = re.search(r"\d{4}-\d\d-\d\d(T\d\d-\d\d-\d\d(-\d{1,6})?Z)?", path.name)
        yield self._record(
            "memory",
            file.path,
            title=preview(heading.group(1)) if heading else path.stem,
            kind=_MARKDOWN_KIND.get(path.parts[0], "working_notes"),
            path=file.path,
            size=len(data),
            tokens=len(data) // 4,
            updated_at=_filename_time(written.group()) if written else None,
            text=preview(text),
            version=_version(data),
        )

    # -----------------------------------------------------------------------------------------------------------------
    # Stated figures

    def state(self, file: _File, data: bytes) -> Iterator[Item]:
        """The team's own account of itself."""
        document = parse_object(data)
        at = first_of(document, "last_updated", "last_session")
        yield from self._stat("sessions_stated", document.get("session_count"), "count", at)
        current = _session_name(document.get("current_session_id"))
        yield from self._session(current, millis(document.get("last_session")))
        described = document.get("sessions_metadata")
        for id, entry in described.items() if isinstance(described, dict) else ():
            session = _session_name(id)
            if session is not None and isinstance(entry, dict):
                yield from self._session(session, None)
                messages, duration = whole(entry.get("messages")), whole(entry.get("duration_ms"))
                yield self._record("sessions", session, messages=messages, duration_ms=duration)

    def metrics(self, file: _File, data: bytes) -> Iterator[Item]:
        """Totals that are kept by hand and disagree with everything else."""
        document = parse_object(data)
        at = document.get("last_session")
        yield from self._stat("metrics_sessions_stated", document.get("total_sessions"), "count", at)
        yield from self._stat("metrics_tool_calls_stated", document.get("total_tool_calls"), "count", at)

    def token_usage(self, file: _File, data: bytes) -> Iterator[Item]:
        """Tokens since the orchestrator was started."""
        document = parse_object(data)
        at = document.get("last_updated")
        for name in ("input_tokens", "output_tokens", "total_tokens"):
            yield from self._stat(f"{name}_stated", document.get(name), "tokens", at)
        yield from self._stat("token_limit_reached", document.get("limit_reached"), "bool", at)

    def rate_limit(self, file: _File, data: bytes) -> Iterator[Item]:
        """Whether the provider has shut the team out."""
        document = parse_object(data)
        yield from self._stat("rate_limited", document.get("rate_limited"), "bool", document.get("detected_at"))

    def watchdog(self, file: _File, data: bytes) -> Iterator[Item]:
        """The process that restarts the orchestrator."""
        document = parse_object(data)
        at = document.get("last_check")
        yield from self._stat("watchdog_restarts", document.get("restarts_this_hour"), "count", at)
        yield from self._stat("token_limit", document.get("token_limit"), "tokens", at)

    # -----------------------------------------------------------------------------------------------------------------
    # Logs

    def _log(
        self, id: str, at: int | None, level: str, agent: str | None, session: str | None, logger: str, text: str | None
    ) -> Record:
        fields = {"at": at, "level": level, "logger": logger, "text": preview(text)}
        return self._record("logs", id, agent_id=self._id(agent), session_id=self._id(session), **fields)

    def log(self, file: _File, line: bytes) -> Iterator[Item]:
        """One line of any log: never lost, never merged with another."""
        line = line.rstrip(b"\r")
        if not line.strip():
            return
        at, level, agent, session, text = parse_log_line(line)
        session = _session_name(session)
        file.at = at = file.at if at is None else at
        yield self._log(file.line_id(at, line), at, level, agent, session, file.family, text)
        yield from self._session(session, at)
        if agent is not None:
            yield from self._agent(agent, at)
            yield from self._coordination(agent, at, text)

    def _coordination(self, agent: str, at: int | None, text: str) -> Iterator[Item]:
        """What the coordinator logs about the agents: their roles, statuses, comings and goings."""
        if text.startswith("Status updated: "):
            word, _, rest = text[16:].partition(" - ")
            doing = named(rest)
            yield from self._evidence(agent, at, word, "status update", doing)
            yield self._tell("agents", agent, at, activity=preview(doing))
        elif found := re.match(r"Agent registered: \S+ \(role: ([^)]+)\)", text):
            yield self._tell("agents", agent, at, role=named(found.group(1)))
        elif text.startswith("Agent unregistered: "):
            yield from self._saw(agent, at, "done", "unregistered")
        elif found := re.match(r"Cleaning up \d+ stale agent\(s\): (.+)", text):
            for stale in filter(None, map(named, found.group(1).split(","))):
                yield from self._agent(stale, None)
                yield from self._saw(stale, at, "offline", "removed due to inactivity")

    def commit(self, file: _File, line: bytes) -> Iterator[Item]:
        """One commit or push."""
        entry = parse_object(line)
        at, agent = millis(entry.get("timestamp")), named(entry.get("agent_id"))
        words = [named(entry.get("action")) or "commit", named(entry.get("commit_hash"))]
        words += (named(entry.get("message")) or "").splitlines()[:1]
        if (files := whole(entry.get("files_changed"))) is not None:
            added, removed = whole(entry.get("insertions")) or 0, whole(entry.get("deletions")) or 0
            words.append(f"(+{added} −{removed}, {files} file{'' if files == 1 else 's'})")
        text = " ".join(filter(None, words))
        yield self._log(file.line_id(at, line.rstrip(b"\r")), at, "info", agent, None, file.family, text)
        yield from self._agent(agent, at)


# ---------------------------------------------------------------------------------------------------------------------
# Reading values

_SESSION_ID = re.compile(r"ses_\w+|session-\d+")

_ROTATED = re.compile(r"[-_.]\d{4}-?\d\d-?\d\d.*$")


def _family(path: PurePosixPath) -> str:
    """The log that a file is part of: ``realtime-archives/realtime-2026-….log`` and ``realtime.log.1`` → realtime."""
    stem = re.sub(r"(\.log)?(\.\d+)?$|\.jsonl?$", "", path.name)
    return _ROTATED.sub("", stem) or stem


def _at_and_text(claim: tuple[int, str, Any]) -> tuple[int, str]:
    return claim[:2]


def _session_name(value: Any) -> str | None:
    """A session id: writers that do not know theirs put other words in its place."""
    name = named(value)
    return None if name is None or name in ("unknown", "agent", "default") or name in HUMANS else name


def _entries(document: Any, key: str, id: str = "id") -> list[dict[str, Any]]:
    """The objects of a list that stands alone, under ``key``, or as an object with the ids as keys."""
    listed = document.get(key) if isinstance(document, dict) else document
    if isinstance(listed, dict):
        listed = [{id: name, **entry} for name, entry in listed.items() if isinstance(entry, dict)]
    if not isinstance(listed, list):
        raise Malformed(f"no list of {key}")
    return [entry for entry in listed if isinstance(entry, dict)]


def _texts(value: Any) -> list[str]:
    """The texts of a list, or of one text alone."""
    found = value if isinstance(value, list) else [value]
    return [text for text in map(named, found) if text is not None]


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def _tenths(value: Any) -> float | None:
    """A score out of ten as a share of one."""
    score = number(value)
    return round(score / 10, 4) if score is not None and 0 <= score <= 10 else None


def _version(content: bytes) -> str:
    return blake2b(content, digest_size=6).hexdigest()


def _filename_time(text: str) -> int | None:
    """``2026-01-02T11-12-22-167Z`` as in file names, or a date alone."""
    date, _, time = text.rstrip("Z").partition("T")
    parts = time.split("-")
    fraction = f".{parts[3][:3]:0<3}" if len(parts) > 3 else ""
    return millis(f"{date}T{':'.join(parts[:3])}{fraction}" if time else f"{date}T00:00:00")


def _newest_notes(notes: Any) -> str | None:
    """The notes on a task, newest first, since what does not fit is cut from the end."""
    entries = notes if isinstance(notes, list) else [notes]
    texts = [
        first_of(note, "text", "note", "content", "message") if isinstance(note, dict) else note for note in entries
    ]
    return "\n".join(reversed(_texts(texts))) or None


def _dimensions(entry: dict[str, Any]) -> dict[str, float]:
    """Scores by name, from any of the shapes they were ever written in."""
    listed = entry.get("dimensions", entry.get("scores"))
    if isinstance(listed, list):
        pairs = [(named(item.get("name")), item.get("score")) for item in listed if isinstance(item, dict)]
    else:
        found = listed if isinstance(listed, dict) else {name: entry.get(name) for name in _DIMENSIONS}
        pairs = [(named(name), s.get("score") if isinstance(s, dict) else s) for name, s in found.items()]
    scores = [(name, _tenths(score)) for name, score in pairs]
    return {name: score for name, score in scores if name is not None and score is not None}


def _error_text(error: Any) -> str:
    """``{name, data: {message}}`` or any other shape of an error as one line."""
    if isinstance(error, dict):
        data = error["data"] if isinstance(error.get("data"), dict) else error
        error = named(data.get("message")) or named(error.get("name")) or error
    return (preview(error) or "unknown").partition("\n")[0]


def _title(told: dict[str, Any]) -> str | None:
    return named(first_of(told, "title", "task_title", "task", "task_id"))


def _result(told: dict[str, Any]) -> str | None:
    return named(told.get("summary")) or named(told.get("result"))


def _sentence(kind: str, payload: Any) -> str | None:
    """A payload of any shape as something to read."""
    if not isinstance(payload, dict):
        return preview(payload)
    title, result = _title(payload), _result(payload)
    if title and kind == "task_claim":
        return preview(f"claimed {title}")
    if title and kind == "task_completed":
        return preview(f"completed {title}" + (f": {result}" if result else ""))
    spoken = [text for key in (*_SPOKEN, *_SPOKEN_ELSE) if (text := named(payload.get(key))) is not None]
    if spoken:
        return preview(" — ".join(dict.fromkeys(spoken)))
    return preview(payload) if payload else None
