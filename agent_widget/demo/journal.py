"""What happens in the team, and what each event writes: one often shows in several files of the workspace."""

from __future__ import annotations

import json
import random
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ..tables import iso
from .files import Json, Workspace, compact

STORY: Final[dict[str, Any]] = tomllib.loads(files(__package__).joinpath("story.toml").read_text("utf-8"))
"""The texts of the simulation: members, product, tasks, messages."""
KEEP: Final = 400
"""Rows kept in the documents that are rewritten whole."""
OVER: Final = ("completed", "cancelled", "failed")
BLANK: Final = {"title": "Untitled", "priority": "medium", "status": "pending", "description": "", "updated_at": ""}


@dataclass(eq=False, slots=True)
class Agent:
    """One simulated agent."""

    id: str
    role: str
    session: str
    started: int
    entry: Json  # its row in the registry
    alive: bool = True
    task: Json | None = None
    answer: str | None = None  # what a person replied to its question
    calls: int = 0
    scores: list[float] = field(default_factory=list)  # how its tasks were assessed
    edited: set[str] = field(default_factory=set)


def kind_of(task: Json) -> str:
    """Return plan, code, review, docs or test: its first tag."""
    tag = next(iter(task.get("tags") or ()), "")
    return tag if tag in STORY["progress"] else "code"


def file_of(task: Json) -> str:
    """Return the file a task is about; its description says so."""
    _, _, file = str(task.get("description") or "").partition("Work in ")
    return file.removesuffix(".") or "skylark/cli.py"


class Journal:
    """The team as the files show it, and for each kind of event a method that writes it down."""

    def __init__(self, directory: Path, seed: int | None) -> None:
        self.rng = random.Random(seed)
        self.files = Workspace(directory)
        self.now = 0
        """The simulated time, in ms since the epoch."""
        self.team: dict[str, Agent] = {}
        """Agents that are there, by id, subagents included; a crashed one until its crash is noticed."""
        self.tasks: dict[str, Json] = {}
        self.to_assess: list[tuple[Json, Agent]] = []
        self._mail: list[Json] = []
        self._rows: dict[str, list[Json]] = {}
        self._performance: Json = {}
        self._joined: Counter[str] = Counter()  # how many agents of each role there have been
        self._calls = self._tokens = 0
        self.files.share("tasks.json", self._board, self._take_in_tasks)
        self.files.share("user-messages.jsonl", self._letters, self._take_in_letters)

    @property
    def lead(self) -> Agent:
        """The orchestrator: it came first and stays."""
        return next(iter(self.team.values()))

    def workers(self) -> list[Agent]:
        """Return everyone who takes tasks."""
        return [one for one in self.team.values() if one.alive and one.role in STORY["kinds"]]

    def waiting(self) -> list[Agent]:
        """Return everyone who waits for a person."""
        return [one for one in self.workers() if one.entry["status"] == "blocked"]

    def join(self, role: str, parent: Agent | None, purpose: str) -> Agent:
        """Let an agent come, in a session of its own that is titled by its purpose."""
        self._joined[role] += 1
        id, at = f"agent-{role}-{self._joined[role]}" if parent else f"agent-{role}", iso(self.now)
        session = f"ses_{self._key(12)}ffe{self._key(14)}"
        entry: Json = {"agent_id": id, "session_id": session, "started_at": at, "last_heartbeat": at}
        entry |= {"status": "active", "assigned_role": role, "pid": self.rng.randint(20_000, 400_000)}
        agent = self.team[id] = Agent(id, role, session, self.now, entry)
        self._line("sessions.jsonl", type="session_start", session_id=session)
        if parent:
            spawned = {"parent_session": parent.session, "child_session": session, "description": purpose}
            self._line("sessions.jsonl", type="session_spawned", **spawned)
            self.send(parent, "session_spawned", spawned)
            self.log("worker-spawns.log", f"Worker spawned: role={role} PID={entry['pid']}")
        self._coordinate(agent, f"Agent registered: {id} (role: {role})")
        details = {"session_id": session, "session_count": self._joined.total(), "role": role}
        self.send(agent, "broadcast", {"status": "Agent online and ready", "details": details, "timestamp": at})
        return agent

    def set_status(self, agent: Agent, status: str, doing: str) -> None:
        """Set the status of an agent, and what it works on or waits for."""
        before = agent.entry["status"]
        if (status, doing) != (before, agent.entry.get("current_task")):
            agent.entry.update(status=status, current_task=doing)
            self._coordinate(agent, f"Status updated: {status} - {doing}")
            self._put_registry()
            if status != before:
                self.beat(agent)

    def beat(self, agent: Agent) -> None:
        """Send a heartbeat."""
        agent.entry["last_heartbeat"] = iso(self.now)
        self.send(agent, "heartbeat", {"status": agent.entry["status"]})
        self._put_registry()

    def leave(self, agent: Agent, why: str) -> None:
        """Let an agent sign off: the good end."""
        took, session = self.now - agent.started, {"session_id": agent.session}
        self._line("sessions.jsonl", type="session_end", **session, duration_ms=took, tool_calls=agent.calls)
        self._realtime(agent, "INFO", f"Session ended after {took // 1000} s", tool_calls=agent.calls)
        self._remove(agent, agent, f"Agent unregistered: {agent.id}")
        summary: Json = session | {"start_time": iso(agent.started), "end_time": iso(self.now), "summary_text": why}
        summary |= {"tool_calls": agent.calls, "files_edited": sorted(agent.edited)}
        self._collect("session-summaries.json", "summaries", summary)

    def crash(self, agent: Agent) -> None:
        """Let an agent fall silent after an error: the bad end."""
        name, message = self.rng.choice(STORY["crashes"])
        error = {"name": name, "data": {"message": message}}
        self._line("sessions.jsonl", type="session_error", session_id=agent.session, error=error)
        self._realtime(agent, "ERROR", f"Session error: {message}", error=error)
        agent.alive = False

    def clean_up(self, agent: Agent) -> None:
        """Have the watchdog find out that an agent crashed; its task has failed and is planned a second time."""
        since, task = agent.entry["last_heartbeat"], agent.task
        self.log("watchdog.log", f"[ERROR] {agent.id} ({agent.role}) stopped: no heartbeat since {since}")
        self._remove(agent, self.lead, f"Cleaning up 1 stale agent(s): {agent.id}", "WARN")
        text = f"Agent removed: no heartbeat since {since}"
        alert = {"timestamp": iso(self.now), "agent_id": agent.id, "type": "cleanup", "message": text}
        self._collect("agent-health-metrics.json", "alerts", alert)
        if task is None or task["status"] in OVER:
            return
        self.change(task, "failed", f"{agent.id} stopped at work")
        title, needs = f"Retry: {task['title'].removeprefix('Retry: ')}", task.get("depends_on", [])
        retry = self.new_task(title, task["description"], "high", task.get("tags", []), needs)
        for other in self.tasks.values():
            other["depends_on"] = [retry if id == task["id"] else id for id in other.get("depends_on") or ()]

    def _remove(self, agent: Agent, by: Agent, text: str, level: str = "INFO") -> None:
        agent.alive = False
        del self.team[agent.id]
        self._put_registry()
        self._coordinate(by, text, level)

    def tool(self, agent: Agent, tool: str, file: str = "") -> None:
        """Have an agent call a tool, which may fail."""
        category, typical, size, failures = STORY["tools"][tool]
        took = max(1, round(typical * self.rng.lognormvariate(0, 0.7)))
        output = round(size * self.rng.lognormvariate(0, 0.8))
        failed = self.rng.random() < failures
        call: Json = {"session_id": agent.session, "tool": tool, "category": category, "success": not failed}
        call |= {"call_id": f"toolu_01{self._key(22)}", "start_time": self.now - took, "end_time": self.now}
        call |= {"duration_ms": took, "input_size": self.rng.randint(20, 900), "output_size": output}
        self._line("tool-timing.jsonl", **call)
        self._realtime(agent, "INFO", f"Tool executed: {tool}", duration_ms=took, success=not failed)
        if failed:
            self._realtime(agent, "WARN", f"{tool} failed while working in {file}" if file else f"{tool} failed")
        elif tool in ("edit", "write"):
            agent.edited.add(file)
            self._line("sessions.jsonl", type="file_edit", session_id=agent.session, file=f"/workspace/{file}")
        agent.calls += 1
        self._calls += 1
        self._tokens += output // 4 + 800

    def send(self, agent: Agent, kind: str, payload: Json, to: Agent | None = None) -> None:
        """Have an agent send a message, to one other or to all; most of those to one are read at once."""
        message = {"message_id": f"msg-{self.now}-{self._key()}", "from_agent": agent.id}
        if to:
            message["to_agent"] = to.id
        read_by = [to.id] if to and self.rng.random() < 0.8 else []
        self._line("message-bus.jsonl", **message, type=kind, payload=payload, read_by=read_by)

    def write(self, sender: str, text: str, tags: list[str], priority: str = "normal") -> Json:
        """Write a message between the team and a person."""
        row: Json = {"id": f"umsg_{self.now}_{self._key()}", "from": sender, "message": text}
        row |= {"timestamp": iso(self.now), "read": False, "priority": priority, "tags": tags}
        self._mail.append(row)
        del self._mail[:-KEEP]
        self.files.put("user-messages.jsonl", self._letters)
        return row

    def read(self, row: Json, reader: str, response: str | None = None) -> None:
        """Have somebody read such a message, and perhaps reply."""
        row.update(read=True, read_at=iso(self.now), read_by=reader)
        if response is not None:
            row["response"] = response
        self.files.put("user-messages.jsonl", self._letters)

    def _letters(self) -> str:
        return "".join(compact(row) + "\n" for row in self._mail)

    def _take_in_letters(self, text: str) -> None:
        """Take what a person wrote: the agent that waits has its answer, or the orchestrator makes a task of it."""
        known = {row["id"] for row in self._mail}
        for row in (row for row in map(json.loads, text.splitlines()) if row["id"] not in known):
            text, waiting = str(row["message"]), self.waiting()
            self._mail.append(row)
            if row.get("read") or row["from"] in self.team:
                continue
            if waiting:
                agent = next((one for one in waiting if one.id in text), waiting[0])
                agent.answer = text
                self.read(row, agent.session)
            else:
                self.new_task(text.strip().split("\n")[0][:80], text, "high", ["request"])
                self.read(row, self.lead.session, "Noted; it is a task now.")

    def new_task(self, title: str, about: str, priority: str, tags: list[str], needs: list[str] | None = None) -> str:
        """Have the orchestrator add a task that comes after those it ``needs``; return its id."""
        id, at = f"task_{self.now}_{self._key()}", iso(self.now)
        task: Json = {"title": title, "priority": priority, "description": about}
        self.send(self.lead, "task_available", {"task_id": id} | task)
        task |= {"status": "pending", "created_at": at, "updated_at": at, "created_by": self.lead.id, "tags": tags}
        self.tasks[id] = {"id": id} | task | {"notes": [], "depends_on": needs or []}
        self.files.put("tasks.json", self._board)
        return id

    def change(self, task: Json, status: str, note: str = "") -> None:
        """Give a task a new status, and say why."""
        task.update(status=status, updated_at=iso(self.now))
        if note:
            task.setdefault("notes", []).append(f"[{task['updated_at']}] {note}")
        self.files.put("tasks.json", self._board)

    def claim(self, agent: Agent, task: Json) -> None:
        """Have an agent start with a task."""
        self.tool(agent, "task_claim")
        agent.task = task
        task.update(assigned_to=agent.id, claimed_at=iso(self.now))
        self.change(task, "in_progress")
        self.send(agent, "task_claim", {"task_id": task["id"], "title": task["title"], "claimed_by": agent.id})
        self.checkpoint(agent, task, f"Starting: {task['title']}", 0)

    def checkpoint(self, agent: Agent, task: Json, doing: str, percent: int) -> None:
        """Note how far an agent is with its task."""
        self.set_status(agent, "working", doing)
        current = {"task_id": task["id"], "title": task["title"], "started_at": task["claimed_at"]}
        current |= {"progress_description": doing, "progress_percentage": percent}
        point: Json = {"version": "1.0", "created_at": iso(self.now), "agent_id": agent.id, "session_id": agent.session}
        point |= {"current_task": current, "files_modified": [{"path": file} for file in sorted(agent.edited)]}
        self.put(f"sessions/{agent.session}/checkpoint.json", point)

    def complete(self, agent: Agent, task: Json) -> None:
        """Have an agent hand in its task: it is committed, reported, noted as knowledge, and waits to be assessed."""
        kind, file, about = kind_of(task), file_of(task), {"task_id": task["id"], "title": task["title"]}
        summary = STORY["summaries"][kind].format(file=file, n=self.rng.randint(4, 40))
        if kind in ("code", "docs"):
            commit = {"action": "commit", "agent_id": agent.id, "task_id": task["id"], "commit_hash": self._key(7)}
            size = {"files_changed": self.rng.randint(1, 5), "insertions": self.rng.randint(8, 240), "deletions": 0}
            self._line("git-activity.jsonl", **commit, message=task["title"], **size)
        self.tool(agent, "task_update")
        task["completed_at"] = iso(self.now)
        self.change(task, "completed", summary)
        self.checkpoint(agent, task, summary, 100)
        self.set_status(agent, "idle", f"Finished: {task['title']}")
        self.send(agent, "task_completed", about | {"priority": task["priority"], "completed_by": agent.id})
        self.send(agent, "task_complete", about | {"summary": summary, "files_changed": [file]}, self.lead)
        agent.task = None
        self.to_assess.append((task, agent))
        entry: Json = {"session_id": agent.session, "timestamp": self.now, "messages": agent.calls * 2}
        entry |= {"decisions": [f"{task['title']}: {summary}"], "key_insights": [self.rng.choice(STORY["lessons"])]}
        self._collect("knowledge-base.json", "", entry)
        if kind == "review":
            findings = [finding.format(file=file) for finding in self.rng.sample(STORY["findings"], 2)]
            score = round(self.rng.uniform(6, 9.5), 1)
            text = f"# Critique: {file}\n\n**Score:** {score}/10\n\n{task['title']}, by {agent.id}.\n\n"
            name = f"critiques/{iso(self.now)[:10]}-code-critique_{self.now}_{self._key()}.md"
            self.put(name, text + "".join(f"- {finding}\n" for finding in findings))
            author = self.rng.choice([one for one in self.workers() if one is not agent] or [self.lead])
            about = {"file": file, "score": score, "summary": f"{task['title']}: {findings[0]}."}
            self.send(agent, "direct", about, author)

    def assess(self, task: Json, agent: Agent) -> None:
        """Have the orchestrator mark what an agent did."""
        at, base, lesson = iso(self.now), self.rng.uniform(6.8, 9.2), self.rng.choice(STORY["lessons"])
        self.tool(self.lead, "quality_assess")
        marks: list[Json] = [{"name": name, "weight": weight} for name, weight in STORY["dimensions"].items()]
        for mark in marks:
            mark["score"] = max(1, min(10, round(base + self.rng.gauss(0, 0.8))))
        overall = round(sum(mark["score"] * mark["weight"] for mark in marks), 1)
        row: Json = {"task_id": task["id"], "task_title": task["title"], "assessed_at": at, "assessed_by": self.lead.id}
        self._collect("quality-assessments.json", "assessments", row | {"dimensions": marks, "overall_score": overall})
        task.update(quality_score=overall, quality_notes=lesson, updated_at=at)
        self.files.put("tasks.json", self._board)
        agent.scores.append(overall)
        figures: Json = {"agent_id": agent.id, "tasks_completed": len(agent.scores), "first_seen": iso(agent.started)}
        figures |= {"avg_quality": round(sum(agent.scores) / len(agent.scores), 2), "last_activity": at}
        self._performance[agent.id] = figures
        self.put("agent-performance-metrics.json", {"version": "1.0", "agents": self._performance})

    def _board(self) -> Json:
        for id in [id for id, task in self.tasks.items() if task["status"] in OVER][:-KEEP]:
            del self.tasks[id]
        latest = max((task["updated_at"] for task in self.tasks.values()), default="")
        return {"version": "1.0", "tasks": list(self.tasks.values()), "last_updated": latest}

    def _take_in_tasks(self, text: str) -> None:
        """Take what is new or newer in the file; what agents of an earlier run left unfinished is free again."""
        for row in json.loads(text)["tasks"]:
            if row["id"] not in self.tasks:
                free = {} if row.get("status") in OVER else {"status": "pending", "assigned_to": None}
                self.tasks[row["id"]] = BLANK | row | free
            elif str(row.get("updated_at", "")) > self.tasks[row["id"]]["updated_at"]:
                self.tasks[row["id"]].update(row)

    def put(self, name: str, content: Any) -> None:
        """Replace a document."""
        self.files.put(name, lambda: content)

    def log(self, name: str, text: str) -> None:
        """Add a line to a log that is plain text."""
        self.files.append(name, f"[{iso(self.now)[:19]}+00:00] {text}")

    def put_figures(self) -> None:
        """Write what orchestrator and watchdog state of the team as a whole."""
        at, sessions = iso(self.now), self._joined.total()
        self.put("state.json", {"session_count": sessions, "current_session_id": self.lead.session})
        self.put("metrics.json", {"total_sessions": sessions, "total_tool_calls": self._calls, "last_session": at})
        self.put("orchestrator-state.json", {"leader_id": self.lead.id, "leader_epoch": 1, "last_heartbeat": at})
        self.put(".watchdog-status.json", {"status": "running", "last_check": at, "restarts_this_hour": 0})
        self.put(".token-usage.json", {"total_tokens": self._tokens, "limit_reached": False, "last_updated": at})

    def _put_registry(self) -> None:
        rows = [one.entry for one in self.team.values()]
        self.put("agent-registry.json", {"version": "1.0.0", "agents": rows, "last_updated": iso(self.now)})

    def _collect(self, name: str, key: str, row: Json) -> None:
        rows = self._rows[name] = [*self._rows.get(name, ()), row][-KEEP:]
        self.put(name, {key: rows, "last_updated": iso(self.now)} if key else rows)

    def _line(self, name: str, **fields: Any) -> None:
        self.files.append(name, compact({"timestamp": iso(self.now), **fields}))

    def _realtime(self, agent: Agent, level: str, message: str, **data: Any) -> None:
        self._line("realtime.log", session=agent.session, level=level, message=message, data=data)

    def _coordinate(self, agent: Agent, text: str, level: str = "INFO") -> None:
        self.files.append("coordination.log", f"{iso(self.now)} [{level}] [{agent.id}] {text}")

    def _key(self, length: int = 6, digits: str = "0123456789abcdefghijklmnopqrstuvwxyz") -> str:
        return "".join(self.rng.choices(digits, k=length))
