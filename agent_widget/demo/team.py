"""Who does what when: the simulated clock, and the lives of the orchestrator, the workers and the watchdog.

Every life is a generator that acts and yields the seconds until it acts again. The same seed and the same times
give the same files, and nothing here sleeps.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator
from pathlib import Path

from ..tables import iso
from .files import Json
from .journal import STORY, Agent, Journal, file_of, kind_of

Life = Generator[float, None, None]
MANY = 200
"""Maximum events of one step, so that a demo too fast for the machine can be stopped in between."""
WAITS = "Waiting for a task"
URGENCY = {"critical": 0, "high": 1, "low": 3}


class Team:
    """A team of ``agents``, an orchestrator and workers, that works in ``directory`` from ``begin`` on (ms)."""

    def __init__(self, directory: Path, agents: int, seed: int | None, begin: int) -> None:
        self.size, self.rate = agents, 1.0
        self.journal = Journal(directory, seed)
        self.journal.now = begin
        self._rng, self._between = self.journal.rng, self.journal.rng.uniform
        self._queue: list[tuple[int, int, Life]] = []
        self._turn = itertools.count()
        self._asks = itertools.cycle(self._rng.sample(STORY["asks"], len(STORY["asks"])))
        self._often = min(1.0, 20 / agents)
        self._crash_at = self._after(420 * self._often)
        self._planned = 0
        self._notes: list[str] = []
        lead = self._join("orchestrator", None)
        crew = itertools.chain(STORY["roles"][1:], itertools.cycle(STORY["more_roles"]))
        for number, role in enumerate(itertools.islice(crew, agents - 1)):
            self._start(self._work(role, 4 + number * min(9.0, 60 / agents) + self._between(0, 3)))
        self._start(self._orchestrate(lead))
        self._start(self._watch())

    def play(self, until: int) -> None:
        """Write what happens until a time in ms since the epoch, or the next :data:`MANY` events."""
        for _ in range(MANY):
            if self._queue[0][0] > until:
                self.journal.now = max(self.journal.now, until)
                break
            self.journal.now, _, life = heapq.heappop(self._queue)
            delay = next(life, None)
            if delay is not None:
                at = self.journal.now + max(1, round(delay * 1000 / self.rate))
                heapq.heappush(self._queue, (at, next(self._turn), life))

    def postpone(self, ms: int) -> None:
        """Let ``ms`` pass in which nothing happens (the machine slept, or is too slow for the rate)."""
        self.journal.now += ms
        self._queue = [(at + ms, turn, life) for at, turn, life in self._queue]

    def _start(self, life: Life) -> None:
        heapq.heappush(self._queue, (self.journal.now, next(self._turn), life))

    def _after(self, seconds: float) -> float:
        """Return when it will be ``seconds`` later, at the pace of the team."""
        return self.journal.now + seconds * 1000 / self.rate

    def _join(self, role: str, parent: Agent | None, purpose: str = "") -> Agent:
        agent = self.journal.join(role, parent, purpose or f"{role} for project skylark")
        self._start(self._beat_on(agent))
        return agent

    def _beat_on(self, agent: Agent) -> Life:
        while agent.alive:
            self.journal.beat(agent)
            yield min(30.0, max(15.0, self.size * 0.2)) * min(self.rate, 10)  # not much faster on a fast clock

    def _work(self, role: str, wait: float) -> Life:
        """Work on one task after another: arrive, claim a task, report progress step by step, complete it."""
        yield wait
        agent, shift = self._join(role, self.journal.lead), self._rng.randint(5, 15)
        yield self._between(2, 5)
        while len(agent.scores) < shift:
            task = self._pick(agent, STORY["kinds"][role])
            if task is None:
                self.journal.set_status(agent, "idle", WAITS)
                yield self._between(3, 6)
                continue
            yield from self._carry_out(agent, task)
            if not agent.alive:
                return
            yield self._between(4, 12)
        self.journal.leave(agent, "Context is full")
        self._start(self._work(role, self._between(10, 30)))

    def _carry_out(self, agent: Agent, task: Json) -> Life:
        kind, file = kind_of(task), file_of(task)
        phrases = STORY["progress"][kind]
        steps = self._rng.randint(8, 16)
        talk_at, help_at = self._rng.randint(1, steps), self._rng.randint(1, steps * 5)
        self.journal.claim(agent, task)
        yield self._between(4, 7)
        for step in range(steps):
            if len(self.journal.waiting()) <= self.size // 20 and self._rng.random() < 0.15:
                yield from self._ask(agent, task)
            if task["status"] != "in_progress" or task["assigned_to"] != agent.id:  # someone took it away
                agent.task = None
                return
            if self.journal.now >= self._crash_at and agent is not self.journal.lead:
                self._crash_at = self._after(self._between(360, 600) * self._often)
                self.journal.crash(agent)
                return
            if step == help_at:
                self._start(self._help(agent, task))
            elif step == talk_at:
                self._talk(agent, task)
            else:
                self.journal.tool(agent, self._rng.choice(STORY["tools_of"][kind]), file)
            doing = phrases[step * len(phrases) // steps].format(file=file)
            self.journal.checkpoint(agent, task, doing, 100 * step // steps)
            yield self._between(4, 10)
        self.journal.complete(agent, task)

    def _ask(self, agent: Agent, task: Json) -> Life:
        """Wait until a person answers: a real one through the file, else one that the demo plays after a while."""
        journal = self.journal
        agent.answer = None
        reason, question, answer = next(self._asks)
        journal.change(task, "blocked", f"needs {reason}")
        journal.set_status(agent, "blocked", reason)
        asked = journal.write(agent.id, question.format(title=task["title"]), ["question", task["id"]], "high")
        patience = self._after(self._between(40, 110))
        while agent.answer is None and journal.now < patience and task["status"] == "blocked":
            yield 2.0
        if agent.answer is None:
            journal.read(journal.write("user", answer, ["answer", task["id"]]), agent.session)
        journal.read(asked, "user", agent.answer or answer)
        if task["status"] == "blocked":
            journal.change(task, "in_progress", f"answered: {agent.answer or answer}")
        journal.set_status(agent, "working", task["title"])

    def _talk(self, agent: Agent, task: Json) -> None:
        text = self._rng.choice(STORY["talk"]).format(title=task["title"], file=file_of(task))
        others = [one for one in self.journal.workers() if one is not agent]
        to = self._rng.choice(others) if others and self._rng.random() < 0.7 else None
        self.journal.tool(agent, "agent_send")
        self.journal.send(agent, "direct" if to else "broadcast", {"message": text, "task_id": task["id"]}, to)

    def _help(self, agent: Agent, task: Json) -> Life:
        """Start a subagent that looks something up for an agent, in a session of its own."""
        file = file_of(task)
        self.journal.tool(agent, "task", file)
        helper = self._join("explorer", agent, f"Find who uses {file}")
        yield 0.5
        self.journal.set_status(helper, "working", f"Find who uses {file}")
        for _ in range(self._rng.randint(4, 9)):
            yield self._between(4, 9)
            self.journal.tool(helper, self._rng.choice(STORY["tools_of"]["explore"]), file)
        finding = self._rng.choice(STORY["findings"]).format(file=file)
        self.journal.send(helper, "direct", {"message": f"Result: {finding}.", "task_id": task["id"]}, agent)
        self.journal.leave(helper, finding)

    def _ready(self, who: str | None = None) -> list[Json]:
        """Return what can be started and is free, or was given to ``who``."""
        tasks, team = self.journal.tasks, self.journal.team
        unmet = {id for id, task in tasks.items() if task["status"] not in ("completed", "cancelled")}
        free = [one for one in tasks.values() if (owner := one.get("assigned_to")) == who or owner not in team]
        return [one for one in free if one["status"] == "pending" and unmet.isdisjoint(one.get("depends_on") or ())]

    def _pick(self, agent: Agent, kind: str | None = None) -> Json | None:
        """Return what an agent should do next: what was given to it, else the most urgent task of a kind, or of any."""
        ready = self._ready(agent.id)
        own = [task for task in ready if task.get("assigned_to") == agent.id]
        fits = [task for task in ready if kind in (None, kind_of(task))]
        return min(own or fits, key=lambda task: URGENCY.get(task["priority"], 2), default=None)

    def _orchestrate(self, lead: Agent) -> Life:
        """Give tasks to those who wait, plan when work runs out, assess what is done; alone, do the work too."""
        journal, many = self.journal, 1 + self.size // 20
        journal.send(lead, "broadcast", {"status": "Orchestrator active", "message": "Leading project skylark"})
        yield 1.0
        while True:
            waiting = [one for one in journal.workers() if one.entry.get("current_task") == WAITS]
            ready, pause = len(self._ready()), self._between(5, 10)
            planned = sum(task["status"] == "pending" for task in journal.tasks.values())
            if waiting and ready:
                journal.set_status(lead, "working", "Giving out tasks")
                for agent in waiting[:many]:
                    if task := self._pick(agent):
                        task["assigned_to"] = agent.id
                        journal.change(task, "pending")
                        text = f"Please take '{task['title']}' ({task['priority']}). Report when it is done."
                        journal.tool(lead, "agent_send")
                        journal.send(lead, "direct", {"message": text, "task_id": task["id"]}, agent)
            elif ready <= len(waiting) and planned < 5 * self.size:
                journal.set_status(lead, "working", "Planning the next milestone")
                yield from self._plan(lead)
            elif journal.to_assess:
                journal.set_status(lead, "working", "Assessing finished tasks")
                for _ in journal.to_assess[:many]:
                    journal.assess(*journal.to_assess.pop(0))
            elif self.size == 1 and (task := self._pick(lead)):
                yield from self._carry_out(lead, task)
            elif lead.entry["status"] == "working":
                journal.set_status(lead, "idle", "Waiting for the team")
                pause = self._between(15, 40)
            else:
                journal.set_status(lead, "working", "Looking at the board")
                journal.tool(lead, "task_list")
            yield pause

    def _plan(self, lead: Agent) -> Life:
        for _ in range(1 + self.size // 10):
            version, number = divmod(self._planned, len(STORY["milestones"]))
            milestone, rows = list(STORY["milestones"].items())[number]
            name = f"v0.{version + 1}, {milestone}"
            self._planned += 1
            self.journal.send(lead, "broadcast", {"status": "Milestone planned", "message": name})
            self._notes.insert(0, f"## Milestone: {name}\n\nPlanned {iso(self.journal.now)}\n")
            ids: list[str] = []
            for row in rows.strip().splitlines():
                kind, priority, first, file, title = row.split("|")
                title += f" (v0.{version + 1})" if version else ""
                tags, needs = [kind, milestone.lower().replace(" ", "-")], [ids[int(n)] for n in first.split(",") if n]
                self.journal.tool(lead, "task_create")
                ids.append(self.journal.new_task(title, f"{name}. Work in {file}.", priority, tags, needs))
                yield min(3.0, 20 / self.size)
        self.journal.put("working.md", "# Working memory\n\n" + "\n".join(self._notes[:10]))

    def _watch(self) -> Life:
        """Write the watchdog's part: notice agents that stopped, free their tasks, call for new ones, keep figures."""
        journal = self.journal
        journal.log("watchdog.log", "Orchestrator Watchdog started, check interval: 10s")
        silent: list[Agent] = []
        while True:
            yield 10.0
            for agent in silent:
                journal.clean_up(agent)
                self._start(self._work(agent.role, self._between(10, 30)))
            silent = [one for one in journal.team.values() if not one.alive]
            journal.put_figures()
