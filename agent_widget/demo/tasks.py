"""The task list, and what follows from a finished task: an assessment, a knowledge entry, figures of its agent."""

from __future__ import annotations

from typing import Final

from .files import Json, iso
from .journal import KEEP, Agent, Journal
from .story import DIMENSIONS, FINDINGS, LESSONS, PROGRESS, SUMMARY

OVER: Final = ("completed", "cancelled", "failed")
URGENCY: Final = {"critical": 0, "high": 1, "low": 3}
BLANK: Final = {"title": "Untitled", "priority": "medium", "status": "pending", "updated_at": ""}


def kind_of(task: Json) -> str:
    """plan, code, review, docs or test: its first tag."""
    tag = next(iter(task.get("tags") or ()), "")
    return tag if tag in PROGRESS else "code"


def file_of(task: Json) -> str:
    """The file a task is about; its description says so."""
    _, _, file = str(task.get("description") or "").partition("Work in ")
    return file.removesuffix(".") or "skylark/cli.py"


class Tasks:
    """All tasks by id, and what can happen to one. Others may change ``tasks.json`` too."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._files, self._rng = journal, journal.files, journal.rng
        load = self._files.load
        self.document: Json = load("tasks.json", {"version": "1.0", "tasks": [], "completed_count": 0})
        self.all: dict[str, Json] = {task["id"]: task for task in self.document["tasks"]}
        for task in self.all.values():
            if task["status"] not in OVER:  # the earlier run's agents are gone
                task.update(status="pending", assigned_to=None, claimed_at=None)
        self.to_assess: list[tuple[Json, Agent]] = []
        self._assessments: list[Json] = load("quality-assessments.json", {}).get("assessments", [])
        self._knowledge: list[Json] = load("knowledge-base.json", [])
        self._performance: Json = load("agent-performance-metrics.json", {"version": "1.0", "agents": {}})
        self._files.share("tasks.json", self.document, self._merge)

    def new(
        self, by: Agent, title: str, description: str, priority: str, tags: list[str], needs: list[str] | None = None
    ) -> Json:
        """A task that comes after those it ``needs``."""
        at = iso(self._journal.now)
        task: Json = {"id": f"task_{self._journal.now}_{self._journal.key()}", "title": title}
        task |= {"description": description, "priority": priority, "status": "pending", "created_at": at}
        task |= {"updated_at": at, "created_by": by.id, "tags": tags, "notes": [], "depends_on": needs or []}
        self.all[task["id"]] = task
        self._put()
        payload = {"task_id": task["id"], "title": title, "priority": priority, "description": description}
        self._journal.send(by, "task_available", payload)
        return task

    def change(self, task: Json, status: str, note: str = "") -> None:
        """A new status, and why."""
        task.update(status=status, updated_at=iso(self._journal.now))
        if note:
            task.setdefault("notes", []).append(f"[{task['updated_at']}] {note}")
        self._put()

    def ready(self, who: str | None = None) -> list[Json]:
        """What can be started and is free, or was given to ``who``."""
        pending = [task for task in self.all.values() if task["status"] == "pending"]
        ready = [task for task in pending if all(map(self._is_over, task.get("depends_on") or ()))]
        return [one for one in ready if (owner := one.get("assigned_to")) == who or owner not in self._journal.team]

    def pick(self, agent: Agent, kind: str | None = None) -> Json | None:
        """What an agent should do next: what was given to it, else the most urgent task of a kind, or of any."""
        ready = self.ready(agent.id)
        own = [task for task in ready if task.get("assigned_to") == agent.id]
        fits = [task for task in ready if kind in (None, kind_of(task))]
        return min(own or fits, key=lambda task: URGENCY.get(task["priority"], 2), default=None)

    def _is_over(self, task_id: str) -> bool:
        return task_id not in self.all or self.all[task_id]["status"] in ("completed", "cancelled")

    def claim(self, agent: Agent, task: Json) -> None:
        """An agent starts with a task."""
        self._journal.tool(agent, "task_claim")
        agent.task = task
        task.update(assigned_to=agent.id, claimed_at=iso(self._journal.now))
        self.change(task, "in_progress")
        self._journal.send(agent, "task_claim", {"task_id": task["id"], "title": task["title"], "claimed_by": agent.id})
        self.checkpoint(agent, task, f"Starting: {task['title']}", 0)

    def checkpoint(self, agent: Agent, task: Json, doing: str, percent: int) -> None:
        """How far an agent is with its task."""
        at = iso(self._journal.now)
        self._journal.says(agent, "working", doing)
        current = {"task_id": task["id"], "title": task["title"], "started_at": task["claimed_at"]}
        current |= {"progress_description": doing, "progress_percentage": percent}
        point: Json = {"version": "1.0", "created_at": at, "agent_id": agent.id, "session_id": agent.session}
        point |= {"current_task": current, "files_modified": [{"path": file} for file in sorted(set(agent.edited))]}
        self._files.put(f"sessions/{agent.session}/checkpoint.json", point)

    def complete(self, agent: Agent, task: Json) -> None:
        """An agent hands in its task: it is reported, noted as knowledge, and waits to be assessed."""
        journal, kind, file = self._journal, kind_of(task), file_of(task)
        summary = SUMMARY[kind].format(file=file, n=self._rng.randint(4, 40))
        journal.tool(agent, "task_update")
        task["completed_at"] = iso(journal.now)
        self.document["completed_count"] += 1
        self.change(task, "completed", summary)
        self.checkpoint(agent, task, summary, 100)
        journal.says(agent, "idle", f"Finished: {task['title']}")
        payload = {"task_id": task["id"], "title": task["title"], "priority": task["priority"]}
        journal.send(agent, "task_completed", payload | {"completed_by": agent.id})
        report = {"task_id": task["id"], "title": task["title"], "summary": summary, "files_changed": [file]}
        journal.send(agent, "task_complete", report, journal.lead)
        agent.task = None
        agent.done += 1
        self.to_assess.append((task, agent))
        entry: Json = {"session_id": agent.session, "timestamp": journal.now, "messages": agent.calls * 2}
        entry |= {"decisions": [f"{task['title']}: {summary}"], "key_insights": [self._rng.choice(LESSONS)]}
        self._knowledge = [entry, *self._knowledge][:KEEP]
        self._files.put("knowledge-base.json", self._knowledge)
        if kind == "review":
            self._critique(agent, task, file)

    def _critique(self, agent: Agent, task: Json, file: str) -> None:
        at, score = iso(self._journal.now), round(self._rng.uniform(6, 9.5), 1)
        findings = [finding.format(file=file) for finding in self._rng.sample(FINDINGS, 2)]
        text = f"# Critique: {file}\n\n**Score:** {score}/10\n\n{task['title']}, by {agent.id}.\n\n"
        name = f"critiques/{at[:10]}-code-critique_{self._journal.now}_{self._journal.key()}.md"
        self._files.put(name, text + "".join(f"- {finding}\n" for finding in findings))
        authors = [one for one in self._journal.workers() if one.role == "code-worker" and one is not agent]
        payload = {"file": file, "score": score, "summary": f"{task['title']}: {findings[0]}."}
        self._journal.send(agent, "direct", payload, self._rng.choice(authors or [self._journal.lead]))

    def assess(self, by: Agent, task: Json, agent: Agent) -> None:
        """The orchestrator marks what an agent did."""
        at, base = iso(self._journal.now), self._rng.uniform(6.8, 9.2)
        self._journal.tool(by, "quality_assess")
        scores = {name: max(1, min(10, round(base + self._rng.gauss(0, 0.8)))) for name in DIMENSIONS}
        overall = round(sum(score * DIMENSIONS[name] for name, score in scores.items()), 1)
        lesson = self._rng.choice(LESSONS)
        row: Json = {"task_id": task["id"], "task_title": task["title"], "assessed_at": at, "assessed_by": by.id}
        row["dimensions"] = [
            {"name": name, "score": score, "weight": DIMENSIONS[name]} for name, score in scores.items()
        ]
        row |= {"overall_score": overall, "lessons_learned": lesson}
        self._assessments = [*self._assessments, row][-KEEP:]
        self._files.put("quality-assessments.json", {"assessments": self._assessments, "last_updated": at})
        task.update(quality_score=overall, quality_notes=lesson, updated_at=at)
        self._put()
        new: Json = {"agent_id": agent.id, "tasks_completed": 0, "avg_quality": 0.0, "first_seen": iso(agent.started)}
        figures = self._performance["agents"].setdefault(agent.id, new)
        total = figures["avg_quality"] * figures["tasks_completed"] + overall
        figures["tasks_completed"] += 1
        figures.update(avg_quality=round(total / figures["tasks_completed"], 2), last_activity=task["completed_at"])
        self._files.put("agent-performance-metrics.json", self._performance)

    def rescue(self, agent: Agent, task: Json) -> None:
        """The agent of a task crashed: the task has failed and is planned a second time."""
        if task["status"] in OVER:
            return
        self.change(task, "failed", f"{agent.id} stopped at work")
        title, tags = f"Retry: {task['title'].removeprefix('Retry: ')}", task.get("tags", [])
        retry = self.new(self._journal.lead, title, task["description"], "high", tags, task.get("depends_on"))
        for other in self.all.values():
            needs = other.get("depends_on") or ()
            if task["id"] in needs:
                other["depends_on"] = [retry["id"] if one == task["id"] else one for one in needs]

    def _put(self) -> None:
        ended = [key for key, task in self.all.items() if task["status"] in OVER]
        for key in ended[:-KEEP]:
            del self.all[key]
        self.document.update(tasks=list(self.all.values()), last_updated=iso(self._journal.now))
        self._files.put("tasks.json", self.document)

    def _merge(self, found: Json) -> None:
        """Someone changed the file: what is newer there holds, what is new there is taken up."""
        for row in found["tasks"]:
            mine = self.all.setdefault(row["id"], BLANK | row)
            if str(row.get("updated_at", "")) > mine["updated_at"]:
                mine.clear()
                mine.update(BLANK | row)
        self.document["tasks"] = list(self.all.values())
