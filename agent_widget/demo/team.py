"""Who does what when: the simulated clock, and the lives of the orchestrator, the workers and the watchdog.

Every life is a generator that acts and yields the seconds until it acts again. The same seed and the same times
give the same files, and nothing here sleeps.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Generator
from pathlib import Path

from .files import Json, Workspace, iso, millis
from .journal import Agent, Journal
from .people import Mail
from .story import ASKS, FINDINGS, KIND_OF, MILESTONES, MORE_ROLES, PROGRESS, ROLES, TALK, TOOLS_OF
from .tasks import Tasks, file_of, kind_of

Life = Generator[float, None, None]
WAITS = "Waiting for a task"


class Team:
    """A team of ``agents`` (an orchestrator and workers) in ``directory``; ``rate`` scales how fast they work.

    Raises :class:`FileExistsError` if the directory holds a workspace that the demo did not make. Nothing is written
    before :meth:`history` or :meth:`step`, except a marker file.
    """

    def __init__(self, directory: Path, agents: int = 7, rate: float = 1.0, seed: int | None = None) -> None:
        if not 1 <= agents <= 1000:
            raise ValueError("a team has 1 to 1000 agents")
        if not 0 < rate <= 1e6:
            raise ValueError("the rate is a number above 0, 1 for an everyday pace")
        self.size, self.rate = agents, rate
        self.journal = Journal(Path(directory), seed)
        self.tasks = Tasks(self.journal)
        self.mail = Mail(self.journal, self.tasks)
        self._rng, self._between = self.journal.rng, self.journal.rng.uniform
        self._queue: list[tuple[int, int, Life]] = []
        self._turn = itertools.count()
        self._asks = itertools.cycle(self._rng.sample(ASKS, len(ASKS)))
        self._planned = len({task.get("description", "").partition(". Work")[0] for task in self.tasks.all.values()})
        self._notes: list[str] = []

    # ── the clock

    def history(self, minutes: float = 12, now_ms: int | None = None) -> None:
        """Write the last ``minutes`` up to now (or ``now_ms``) at the pace of rate 1, back-dated.

        A directory from an earlier run goes on from where it stopped, if that is later.
        """
        now = now_ms if now_ms is not None else int(time.time() * 1000)
        begin = now - round(minutes * 60_000)
        if self.journal.stopped_at:
            begin = max(begin, min(now, millis(self.journal.stopped_at) + 1000))
        rate, self.rate = self.rate, 1.0
        self._begin(begin)
        self._play(now)
        self.rate = rate
        self.finish()

    def step(self, now_ms: int) -> None:
        """Do all that happens until ``now_ms``. A clock that stands still or goes back does nothing."""
        if not self.now:
            self._begin(now_ms)
        self._play(now_ms)
        self.files.flush(self.now)

    def advance(self, seconds: float) -> None:
        """Go ``seconds`` on from where the simulation is."""
        self.step(self.now + round(seconds * 1000))

    def postpone(self, ms: int) -> None:
        """Let ``ms`` pass in which nothing happens (the machine slept, or is too slow for the rate)."""
        self.journal.now += ms
        self._queue = [(at + ms, turn, life) for at, turn, life in self._queue]

    def finish(self) -> None:
        """Write what is not yet written."""
        self.files.flush(self.now, force=True)

    @property
    def files(self) -> Workspace:
        """Where the team writes."""
        return self.journal.files

    @property
    def now(self) -> int:
        """The simulated time, in ms since the epoch."""
        return self.journal.now

    @property
    def next_ms(self) -> int:
        """When something happens next."""
        return self._queue[0][0] if self._queue else self.now

    def _begin(self, at: int) -> None:
        self.journal.now = at
        lead = self._join("orchestrator", None)
        crew = (ROLES + MORE_ROLES * (self.size // len(MORE_ROLES) + 1))[1 : self.size]
        for number, role in enumerate(crew):
            wait = 4 + number * min(9.0, 60 / self.size) + self._between(0, 3)
            late = 240.0 if self.size > 4 and number == self.size - 2 else 0.0  # the last one joins later
            self._start(self._work(role, wait + late))
        for life in (self._orchestrate(lead), self._direct(), self._watch()):
            self._start(life)

    def _start(self, life: Life) -> None:
        heapq.heappush(self._queue, (self.now, next(self._turn), life))

    def _play(self, until: int) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.journal.now, _, life = heapq.heappop(self._queue)
            delay = next(life, None)
            if delay is not None:
                at = self.now + max(1, round(delay * 1000 / self.rate))
                heapq.heappush(self._queue, (at, next(self._turn), life))
        self.journal.now = max(self.now, until)

    def _after(self, seconds: float) -> float:
        """When it will be ``seconds`` later, at the pace of the team."""
        return self.now + seconds * 1000 / self.rate

    # ── workers

    def _join(self, role: str, parent: Agent | None, purpose: str = "") -> Agent:
        agent = self.journal.join(role, parent, purpose)
        self._start(self._beat_on(agent))
        return agent

    def _beat_on(self, agent: Agent) -> Life:
        while agent.alive:
            self.journal.beat(agent)
            yield min(30.0, max(15.0, self.size * 0.2)) * min(self.rate, 10)  # not much faster on a fast clock

    def _work(self, role: str, wait: float) -> Life:
        """A worker comes after a while, takes a task, brings it forward step by step, hands it in, takes the next."""
        yield wait
        agent, shift = self._join(role, self.journal.lead), self._rng.randint(5, 15)
        yield self._between(2, 5)
        while agent.done < shift:
            task = self.tasks.pick(agent, KIND_OF[role])
            if task is None:
                self.journal.says(agent, "idle", WAITS)
                yield self._between(3, 6)
                continue
            self.tasks.claim(agent, task)
            yield self._between(4, 7)
            yield from self._carry_out(agent, task)
            if not agent.alive:
                return
            yield self._between(4, 12)
        self.journal.leave(agent, f"Ended after {agent.done} tasks: context is full")
        self._start(self._work(role, self._between(10, 30)))

    def _carry_out(self, agent: Agent, task: Json) -> Life:
        kind, file = kind_of(task), file_of(task)
        phrases = PROGRESS[kind].format(file=file).split("|")
        steps = self._rng.randint(8, 16)
        talk_at, help_at = self._rng.randint(1, steps), self._rng.randint(1, steps * 5)
        for step in range(steps):
            if agent.fate == "ask":
                yield from self._ask(agent, task)
            if task["status"] != "in_progress" or task["assigned_to"] != agent.id:  # someone took it away
                agent.task = None
                return
            if agent.fate == "crash":
                self.journal.crash(agent)
                return
            if step == help_at:
                self._start(self._help(agent, task))
            elif step == talk_at:
                self._talk(agent, task)
            else:
                self.journal.tool(agent, self._rng.choice(TOOLS_OF[kind].split()), file)
            self.tasks.checkpoint(agent, task, phrases[step * len(phrases) // steps], 100 * step // steps)
            yield self._between(4, 10)
        if kind in ("code", "docs"):
            self.journal.commit(agent, task, file)
            yield self._between(3, 6)
        if task["status"] == "in_progress":
            self.tasks.complete(agent, task)
        agent.task = None

    def _ask(self, agent: Agent, task: Json) -> Life:
        """Wait until a person answers: a real one through the file, else one that the demo plays after a while."""
        agent.fate, agent.answer, agent.asked = None, None, self.now
        reason, question, answer = next(self._asks).split("|")
        self.tasks.change(task, "blocked", f"needs {reason}")
        self.journal.says(agent, "blocked", reason)
        asked = self.mail.write(agent.id, question.format(title=task["title"]), ["question", task["id"]], "high")
        patience = self._after(self._between(40, 110))
        while agent.answer is None and self.now < patience and task["status"] == "blocked":
            yield 2.0
        if agent.answer is None:
            self.mail.read(self.mail.write("user", answer, ["answer", task["id"]]), agent.session)
        self.mail.read(asked, "user", agent.answer or answer)
        if task["status"] == "blocked":
            self.tasks.change(task, "in_progress", f"answered: {agent.answer or answer}")
        self.journal.says(agent, "working", task["title"])

    def _talk(self, agent: Agent, task: Json) -> None:
        payload = {"message": self._rng.choice(TALK).format(title=task["title"], file=file_of(task))}
        others = [one for one in self.journal.workers() if one is not agent]
        to = self._rng.choice(others) if others and self._rng.random() < 0.7 else None
        self.journal.tool(agent, "agent_send")
        self.journal.send(agent, "direct" if to else "broadcast", payload | {"task_id": task["id"]}, to)

    def _help(self, agent: Agent, task: Json) -> Life:
        """A subagent looks something up for an agent, in a session of its own."""
        file = file_of(task)
        self.journal.tool(agent, "task", file)
        helper = self._join("explorer", agent, f"Find who uses {file}")
        yield 0.5
        self.journal.says(helper, "working", f"Find who uses {file}")
        for _ in range(self._rng.randint(4, 9)):
            yield self._between(4, 9)
            self.journal.tool(helper, self._rng.choice(TOOLS_OF["explore"].split()), file)
        finding = self._rng.choice(FINDINGS).format(file=file)
        self.journal.send(helper, "direct", {"message": f"Result: {finding}.", "task_id": task["id"]}, agent)
        self.journal.leave(helper, finding)

    # ── those who see to it that something happens

    def _orchestrate(self, lead: Agent) -> Life:
        """Give tasks to those who wait, plan when work runs out, assess what is done; alone, do the work too."""
        many = 1 + self.size // 20
        self.journal.send(lead, "broadcast", {"status": "Orchestrator active", "message": "Leading project skylark"})
        yield 1.0
        while True:
            waiting = [one for one in self.journal.workers() if one.entry.get("current_task") == WAITS]
            ready, pause = len(self.tasks.ready()), self._between(5, 10)
            if waiting and ready:
                self.journal.says(lead, "working", "Giving out tasks")
                for agent in waiting[:many]:
                    self._delegate(lead, agent)
            elif ready <= len(waiting) and self._todo() < 5 * self.size:
                self.journal.says(lead, "working", "Planning the next milestone")
                yield from self._plan(lead)
            elif self.tasks.to_assess:
                self.journal.says(lead, "working", "Assessing finished tasks")
                for _ in self.tasks.to_assess[:many]:
                    self.tasks.assess(lead, *self.tasks.to_assess.pop(0))
            elif self.size == 1 and (task := self.tasks.pick(lead)):
                self.tasks.claim(lead, task)
                yield from self._carry_out(lead, task)
            elif lead.status == "working":
                self.journal.says(lead, "idle", "Waiting for the team")
                pause = self._between(15, 40)
            else:
                self.journal.says(lead, "working", "Looking at the board")
                self.journal.tool(lead, "task_list")
            yield pause

    def _todo(self) -> int:
        return sum(task["status"] == "pending" for task in self.tasks.all.values())

    def _plan(self, lead: Agent) -> Life:
        enough = self._todo() + self.size
        while self._todo() <= enough:
            version, number = divmod(self._planned, len(MILESTONES))
            milestone, rows = list(MILESTONES.items())[number]
            name = f"v0.{version + 1}, {milestone}"
            self._planned += 1
            self.journal.send(lead, "broadcast", {"status": "Milestone planned", "message": name})
            self._notes.insert(0, f"## Milestone: {name}\n\nPlanned {iso(self.now)}\n")
            ids: list[str] = []
            for row in rows.strip().splitlines():
                kind, priority, first, file, title = row.split("|")
                title += f" (v0.{version + 1})" if version else ""
                tags, needs = [kind, milestone.lower().replace(" ", "-")], [ids[int(n)] for n in first.split(",") if n]
                self.journal.tool(lead, "task_create")
                ids.append(self.tasks.new(lead, title, f"{name}. Work in {file}.", priority, tags, needs)["id"])
                yield min(3.0, 20 / self.size)
        self.files.put("working.md", "# Working memory\n\n" + "\n".join(self._notes[:10]))

    def _delegate(self, lead: Agent, agent: Agent) -> None:
        task = self.tasks.pick(agent)
        if task is not None:
            task["assigned_to"] = agent.id
            self.tasks.change(task, "pending")
            text = f"Please take '{task['title']}' ({task['priority']}). Report when it is done."
            self.journal.tool(lead, "agent_send")
            self.journal.send(lead, "direct", {"message": text, "task_id": task["id"]}, agent)

    def _direct(self) -> Life:
        """The author of the story: somebody nearly always has a question, and now and then somebody crashes."""
        often = min(1.0, 20 / self.size)
        crash_at = self._after(600 * often)
        yield 90.0  # first they plan
        while True:
            yield self._between(15, 25)
            workers = self.journal.workers()
            busy = [one for one in workers if one.task and one.status == "working" and not one.fate]
            busy.sort(key=lambda one: one.asked)
            if self.now >= crash_at and busy:
                busy.pop(self._rng.randrange(len(busy))).fate = "crash"
                crash_at = self._after(self._between(360, 600) * often)
            asking = sum(one.status == "blocked" or (one.fate == "ask" and one.task is not None) for one in workers)
            for one in busy[: max(0, 1 + self.size // 20 - asking)]:
                one.fate = "ask"

    def _watch(self) -> Life:
        """The watchdog: notices who stopped, frees the task, calls for a fresh agent; and keeps the figures."""
        self.journal.log("watchdog.log", "Orchestrator Watchdog started, check interval: 10s")
        while True:
            yield 10.0
            for agent in [one for one in self.journal.team.values() if not one.alive]:
                if self.now > millis(agent.entry["last_heartbeat"]) + 25_000 / self.rate:
                    self.journal.clean_up(agent)
                    if agent.task:
                        self.tasks.rescue(agent, agent.task)
                    self._start(self._work(agent.role, self._between(10, 30)))
            self.journal.put_figures()
