"""What each event writes: an agent joins, changes its status, calls a tool, says something, leaves, crashes.

One event often shows in several files of the workspace; this is the place that knows in which, and in what format.
"""

from __future__ import annotations

import random
import string
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .files import Json, Workspace, compact, iso
from .story import CRASHES, KIND_OF, ROLES, TOOLS

HEX: Final = "0123456789abcdef"
LETTERS: Final = string.ascii_letters + string.digits
KEEP: Final = 400
"""Rows kept in the documents that are rewritten whole."""


@dataclass(eq=False, slots=True)
class Agent:
    """One simulated agent."""

    id: str
    role: str
    session: str
    started: int
    entry: Json
    """Its row in the registry."""
    alive: bool = True
    task: Json | None = None
    fate: str | None = None
    """What happens to it next: it has to ``ask`` a person, or it will ``crash``."""
    asked: int = 0
    """When it last had a question."""
    answer: str | None = None
    calls: int = 0
    done: int = 0
    """How many tasks it has finished."""
    edited: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """What it says of itself: active, working, idle, blocked."""
        return str(self.entry["status"])


class Journal:
    """The team as the files show it, and for each kind of event a method that writes it down."""

    def __init__(self, directory: Path, seed: int | None) -> None:
        self.rng = random.Random(seed)
        self.files = Workspace(directory)
        self.now = 0
        """The simulated time, in ms since the epoch."""
        self.team: dict[str, Agent] = {}
        """Who is there now, by id, subagents too; a crashed agent until somebody notices."""
        load = self.files.load
        self.stopped_at: str | None = load("agent-registry.json", {}).get("last_updated")
        """When an earlier run in this directory stopped."""
        self._registry: Json = {"version": "1.0.0", "agents": [], "last_updated": ""}
        self._summaries: list[Json] = load("session-summaries.json", {}).get("summaries", [])
        self._alerts: list[Json] = load("agent-health-metrics.json", {}).get("alerts", [])
        self._sessions: int = load("state.json", {}).get("session_count", 0)
        self._calls: int = load("metrics.json", {}).get("total_tool_calls", 0)
        self._tokens = [0, 0]
        # An earlier run's agents have lower numbers.
        self._numbers = Counter(dict.fromkeys((*ROLES, "explorer"), self._sessions))

    @property
    def lead(self) -> Agent:
        """The orchestrator: it came first and stays."""
        return next(iter(self.team.values()))

    def workers(self) -> list[Agent]:
        """Everyone who takes tasks."""
        return [one for one in self.team.values() if one.alive and one.role in KIND_OF]

    def key(self, length: int = 6, alphabet: str = string.ascii_lowercase + string.digits) -> str:
        """The random part of an id."""
        return "".join(self.rng.choices(alphabet, k=length))

    # ── agents

    def join(self, role: str, parent: Agent | None, purpose: str = "") -> Agent:
        """An agent comes, in a session of its own; ``purpose`` is the title of that session."""
        self._numbers[role] += 1
        number, at = self._numbers[role], iso(self.now)
        agent_id = f"agent-{role}" if role == "orchestrator" and number == 1 else f"agent-{role}-{number}"
        session = f"ses_{self.key(12, HEX)}ffe{self.key(14, LETTERS)}"
        entry: Json = {"agent_id": agent_id, "session_id": session, "started_at": at, "last_heartbeat": at}
        entry |= {"status": "active", "assigned_role": role, "pid": self.rng.randint(20_000, 400_000)}
        agent = self.team[agent_id] = Agent(agent_id, role, session, self.now, entry)
        self._registry["agents"].append(entry)
        self._sessions += 1
        self.session_event("session_start", session_id=session)
        if parent:
            spawned: Json = {"parent_session": parent.session, "child_session": session}
            spawned["description"] = purpose or f"{role} for project skylark"
            self.session_event("session_spawned", **spawned)
            self.send(parent, "session_spawned", spawned)
            self.log("worker-spawns.log", f"Worker spawned: role={role} PID={entry['pid']}")
        self._coordinate(agent, f"Agent registered: {agent_id} (role: {role})")
        details = {"session_id": session, "session_count": self._sessions, "role": role}
        self.send(agent, "broadcast", {"status": "Agent online and ready", "details": details, "timestamp": at})
        return agent

    def says(self, agent: Agent, status: str, doing: str) -> None:
        """An agent is working, idle or blocked, and on or for what."""
        before = agent.status
        if (status, doing) != (before, agent.entry.get("current_task")):
            agent.entry.update(status=status, current_task=doing)
            self._coordinate(agent, f"Status updated: {status} - {doing}")
            if status != before:
                self.beat(agent)
            self._put_registry()

    def beat(self, agent: Agent) -> None:
        """A heartbeat."""
        agent.entry["last_heartbeat"] = iso(self.now)
        self.send(agent, "heartbeat", {"status": agent.status})
        self._put_registry()

    def leave(self, agent: Agent, why: str) -> None:
        """The good end: the session is closed and summed up, the agent signs off."""
        duration = self.now - agent.started
        self.session_event("session_end", session_id=agent.session, duration_ms=duration, tool_calls=agent.calls)
        self.realtime(agent, "INFO", f"Session ended after {duration // 1000} s", tool_calls=agent.calls)
        self._coordinate(agent, f"Agent unregistered: {agent.id}")
        self._remove(agent)
        summary: Json = {"session_id": agent.session, "start_time": iso(agent.started), "end_time": iso(self.now)}
        summary |= {"tool_calls": agent.calls, "files_edited": sorted(set(agent.edited)), "summary_text": why}
        self._summaries = [*self._summaries, summary][-KEEP:]
        self.files.put("session-summaries.json", {"summaries": self._summaries})

    def crash(self, agent: Agent) -> None:
        """The bad end: an error, then silence."""
        name, message = self.rng.choice(CRASHES)
        error = {"name": name, "data": {"message": message}}
        self.session_event("session_error", session_id=agent.session, error=error)
        self.realtime(agent, "ERROR", f"Session error: {message}", error=error)
        agent.alive = False

    def clean_up(self, agent: Agent) -> None:
        """The watchdog has found out that an agent crashed."""
        since = agent.entry["last_heartbeat"]
        self.log("watchdog.log", f"[ERROR] {agent.id} ({agent.role}) stopped: no heartbeat since {since}")
        self._remove(agent)
        alert: Json = {"timestamp": iso(self.now), "agent_id": agent.id, "type": "cleanup"}
        self._alerts = [*self._alerts, alert | {"message": f"Agent removed: no heartbeat since {since}"}][-KEEP:]
        self._coordinate(self.lead, f"Cleaning up 1 stale agent(s): {agent.id}", "WARN")

    def _remove(self, agent: Agent) -> None:
        agent.alive = False
        del self.team[agent.id]
        self._registry["agents"].remove(agent.entry)
        self._put_registry()

    def _put_registry(self) -> None:
        self._registry["last_updated"] = iso(self.now)
        self.files.put("agent-registry.json", self._registry)

    # ── tool calls and messages

    def tool(self, agent: Agent, tool: str, file: str = "") -> None:
        """An agent has called a tool, which may have failed."""
        category, typical, size, failures = TOOLS[tool]
        duration = max(1, round(typical * self.rng.lognormvariate(0, 0.7)))
        output = round(size * self.rng.lognormvariate(0, 0.8))
        failed = self.rng.random() < failures
        call_id = f"toolu_01{self.key(22, LETTERS)}"
        call: Json = {"timestamp": iso(self.now), "session_id": agent.session, "tool": tool, "call_id": call_id}
        call |= {"start_time": self.now - duration, "end_time": self.now, "duration_ms": duration}
        call |= {"input_size": self.rng.randint(20, 900), "output_size": output, "success": not failed}
        self.files.append("tool-timing.jsonl", compact(call | {"category": category}), self.now)
        self.realtime(agent, "INFO", f"Tool executed: {tool}", duration_ms=duration, success=not failed)
        if failed:
            self.realtime(agent, "WARN", f"{tool} failed while working in {file}" if file else f"{tool} failed")
        elif tool in ("edit", "write"):
            agent.edited.append(file)
            self.session_event("file_edit", session_id=agent.session, file=f"/workspace/{file}")
        agent.calls += 1
        self._calls += 1
        self._tokens[0] += output // 4 + 400
        self._tokens[1] += self.rng.randint(40, 900)
        figures = {"total_sessions": self._sessions, "total_tool_calls": self._calls, "last_session": iso(self.now)}
        self.files.put("metrics.json", figures)

    def send(self, agent: Agent, kind: str, payload: Json, to: Agent | None = None) -> None:
        """An agent sends a message, to one other or to all; most of those to one are read at once."""
        message: Json = {"message_id": f"msg-{self.now}-{self.key()}", "from_agent": agent.id}
        if to:
            message["to_agent"] = to.id
        read_by = [to.id] if to and self.rng.random() < 0.8 else []
        message |= {"timestamp": iso(self.now), "type": kind, "payload": payload, "read_by": read_by}
        self.files.append("message-bus.jsonl", compact(message), self.now)

    def commit(self, agent: Agent, task: Json, file: str) -> None:
        """An agent commits what it did for a task."""
        self.tool(agent, "git_commit", file)
        row: Json = {"timestamp": iso(self.now), "action": "commit", "agent_id": agent.id, "task_id": task["id"]}
        row |= {"commit_hash": self.key(7, HEX), "message": task["title"], "files_changed": self.rng.randint(1, 5)}
        row |= {"insertions": self.rng.randint(8, 240), "deletions": self.rng.randint(0, 80)}
        self.files.append("git-activity.jsonl", compact(row), self.now)

    # ── logs, and what the team says of itself

    def session_event(self, kind: str, **fields: Any) -> None:
        """A line of ``sessions.jsonl``."""
        self.files.append("sessions.jsonl", compact({"type": kind, "timestamp": iso(self.now)} | fields), self.now)

    def realtime(self, agent: Agent, level: str, message: str, **data: Any) -> None:
        """A line of the log that is JSON."""
        row: Json = {"timestamp": iso(self.now), "session": agent.session, "level": level, "message": message}
        self.files.append("realtime.log", compact(row | {"data": data} if data else row), self.now)

    def log(self, name: str, text: str) -> None:
        """A line of a log that is plain text."""
        self.files.append(name, f"[{iso(self.now)[:19]}+00:00] {text}", self.now)

    def _coordinate(self, agent: Agent, text: str, level: str = "INFO") -> None:
        self.files.append("coordination.log", f"{iso(self.now)} [{level}] [{agent.id}] {text}", self.now)

    def put_figures(self) -> None:
        """What orchestrator and watchdog state of the team as a whole."""
        at, (inputs, outputs) = iso(self.now), self._tokens
        state = {"session_count": self._sessions, "current_session_id": self.lead.session, "last_session": at}
        self.files.put("state.json", state | {"last_updated": at})
        lease = {"leader_id": self.lead.id, "leader_epoch": 1, "last_heartbeat": at, "ttl_ms": 180_000}
        self.files.put("orchestrator-state.json", lease)
        self.files.put("agent-health-metrics.json", {"last_updated": at, "agents_tracked": {}, "alerts": self._alerts})
        watchdog = {"status": "running", "last_check": at, "restarts_this_hour": 0, "token_limit": 5_000_000}
        self.files.put(".watchdog-status.json", watchdog)
        used = {"input_tokens": inputs, "output_tokens": outputs, "total_tokens": inputs + outputs}
        self.files.put(".token-usage.json", used | {"limit_reached": False, "last_updated": at})
