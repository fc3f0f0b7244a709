"""A simulated team of agents that writes the real files of an agent workspace.

It knows the file format and nothing of the server or the widget, so whatever shows the team has read it from
disk. A small discrete-event simulation: every agent is a generator that acts and yields the seconds until it
acts again; :class:`Team` holds the clock, :class:`Workspace` the files, the constants at the top the story. The same
seed and the same times give the same files. Nothing here sleeps, except :func:`run`, which follows the real clock.

A person can take part: a message in ``user-messages.jsonl`` answers an agent that waits, or becomes a task; a task
put into ``tasks.json`` is worked on; one that is cancelled there is dropped.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import string
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]
Process = Generator[float, None, None]

HEX: Final = "0123456789abcdef"
LETTERS: Final = string.ascii_letters + string.digits
MARKER: Final = ".agent-widget-demo"
KEEP: Final = 400
"""Finished tasks, assessments and knowledge entries kept in the rewritten files."""

# The story: a small weather dashboard, planned and built in milestones. Lines are
# kind | priority | numbers of the tasks in this milestone that come first | file | title.
MILESTONES: Final = {
    "Read station files": """
plan|high||docs/plan-import.md|Plan the station file importer
code|critical|0|skylark/csv_reader.py|Parse station CSV with quoted fields
code|high|0|skylark/sniff.py|Detect delimiter and encoding
code|medium|0|skylark/units.py|Convert readings to SI units
test|medium|0|tests/fixtures/broken.py|Collect twelve kinds of broken station files
code|high|1|skylark/csv_reader.py|Skip malformed rows and report them
review|high|1,2|skylark/csv_reader.py|Review the CSV reader
test|high|1,4|tests/test_csv_reader.py|Property tests for the CSV reader
docs|low|5|docs/import-format.md|Describe the import format
code|medium|5|skylark/csv_reader.py|Stream files that do not fit in memory""",
    "Store the readings": """
plan|high||docs/plan-store.md|Choose the layout of the readings store
code|critical|0|skylark/store.py|Create the readings table and its migrations
code|high|1|skylark/store.py|Insert readings in batches, without duplicates
code|medium|1|skylark/query.py|Query by station and time range
test|high|2|tests/test_store.py|Kill the importer half way and resume it
review|medium|2,3|skylark/store.py|Review transactions and indexes
code|medium|3|skylark/rollup.py|Hourly and daily roll-ups
test|low|6|tests/bench_rollup.py|Benchmark roll-ups over ten years
docs|medium|3|docs/store.md|Explain how readings are stored
code|low|2|skylark/retention.py|Drop raw readings after two years""",
    "Draw the dashboard": """
plan|high||docs/plan-charts.md|Sketch the overview page
code|high|0|skylark/web/app.py|Serve the overview page
code|high|0|skylark/web/chart.js|Temperature chart with a range band
code|medium|0|skylark/web/wind.js|Wind rose for each station
code|medium|1|skylark/web/live.py|Push new readings to open pages
test|high|1,2|tests/test_page.py|Browser test: the overview with forty stations
review|high|2,3|skylark/web/chart.js|Review the charts for colour-blind readers
docs|low|2|docs/charts.md|Write the guide to the charts
code|medium|4|skylark/web/live.py|Reconnect after the network went away
test|medium|4|tests/test_live.py|Measure the delay from reading to pixel""",
    "Warn about storms": """
plan|medium||docs/plan-alerts.md|Define the alert rules
code|high|0|skylark/alerts/rules.py|Evaluate alert rules on new readings
code|medium|0|skylark/alerts/mail.py|Send one mail per storm, not per reading
test|high|1|tests/test_rules.py|Replay the records of three past storms
code|medium|1|skylark/alerts/quiet.py|Quiet hours and acknowledgement
review|high|1,2|skylark/alerts/rules.py|Review the rules for flapping sensors
docs|medium|1|docs/alerts.md|Document every alert rule
code|low|4|skylark/web/alerts.js|Show active alerts on the overview
test|medium|2,4|tests/test_quiet.py|Test quiet hours across time zones""",
    "Release": """
plan|high||docs/plan-release.md|Write the release checklist
code|medium|0|pyproject.toml|Build wheels for three platforms
test|critical|0|tests/test_install.py|Install and run from a clean machine
review|high|1|pyproject.toml|Review dependencies and licences
docs|high|0|README.md|Rewrite the README around one example
docs|medium|0|CHANGELOG.md|Compile the changelog
code|medium|2|skylark/cli.py|Say what to do when the database is missing
test|high|1,6|tests/test_upgrade.py|Upgrade a database of the previous version""",
}
ROLES: Final = ("orchestrator", "planner", "code-worker", "code-worker", "reviewer", "docs-writer", "test-runner")
MORE_ROLES: Final = ("code-worker", "test-runner", "code-worker", "reviewer", "code-worker", "docs-writer")
KIND_OF: Final = {"planner": "plan", "code-worker": "code", "reviewer": "review", "docs-writer": "docs"} | {
    "test-runner": "test"
}
MODELS: Final = ("anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-5", "openai/gpt-5.2")
# What an agent says of itself while its task goes forward.
PROGRESS: Final = {
    "plan": "Reading what is there|Listing open questions|Splitting the work|Ordering by risk|Writing {file}",
    "code": "Reading {file}|Writing a failing test first|First version of {file} works|Handling the edge cases"
    "|Running the whole test suite|Cleaning up {file}",
    "review": "Reading the change to {file}|Following the callers of {file}|Trying odd inputs|Writing down findings",
    "docs": "Collecting examples|Drafting {file}|Running every example|Shortening {file}",
    "test": "Preparing data for {file}|Writing {file}|Running {file}|Looking at a flaky case|Running {file} again",
}
SUMMARY: Final = {
    "plan": "Plan written to {file}: {n} steps, riskiest first.",
    "code": "Done in {file}; {n} new tests, all green.",
    "review": "Reviewed {file}: {n} remarks, none of them blocking.",
    "docs": "{file} is complete; all {n} examples run.",
    "test": "{n} cases in {file} pass; the slowest takes 1.8 s.",
}
TALK: Final = (
    "Half way through '{title}'. {file} needs one more case: empty input.",
    "'{title}': the old code path in {file} had no test. I add one.",
    "Does anyone else touch {file}? I change its public function for '{title}'.",
    "'{title}' goes slower than planned; a fixture had the wrong encoding.",
    "{file} is ready for a first look, see '{title}'.",
)
FINDINGS: Final = (
    "only two callers of {file}, both covered",
    "{file} opens the file twice; once is enough",
    "the same helper already exists next to {file}",
    "no test reaches the error branch of {file}",
)
# reason | question | answer
ASKS: Final = (
    "permission to run rm -rf build/|May I run `rm -rf build/`? Old wheels there break '{title}'.|Yes, remove it.",
    "permission to run pip install hypothesis|'{title}' wants hypothesis. Install it?|Yes, for the tests only.",
    "a decision: keep or drop bad rows|Rows without a station: keep them or drop them?|Drop them and count them.",
    "credentials for the mail relay|'{title}' needs the test mail relay. Can you set it up?|It is set up, try again.",
    "permission to change the database schema|'{title}' needs a new column. May I migrate?|Yes, with a way back.",
    "a decision: which time zone|Stations report local time without a zone. Which one?|The one in the station list.",
)
CRASHES: Final = (
    ("APIError", "Rate limit reached, retries used up", 429),
    ("APIError", "Overloaded", 529),
    ("ContextOverflowError", "prompt is too long: 204311 tokens > 200000 maximum", 400),
)
LESSONS: Final = (
    "Fixtures from real stations find more than invented ones.",
    "Small tasks with one file each are finished without questions.",
    "Write the failing test before reading the implementation.",
    "Measure before making it faster: the parser was not the slow part.",
    "State the expected encoding at the border, not in every function.",
)
# tool: category, typical duration in ms, typical output in bytes, share of failures
TOOLS: Final = {
    "bash": ("shell", 2600, 2400, 0.14),
    "read": ("file_ops", 18, 6100, 0.02),
    "edit": ("file_ops", 35, 80, 0.06),
    "write": ("file_ops", 24, 60, 0.01),
    "grep": ("file_ops", 70, 1300, 0.03),
    "glob": ("file_ops", 40, 500, 0.01),
    "webfetch": ("web", 1400, 18000, 0.15),
    "git_diff": ("git", 110, 5200, 0.01),
    "git_commit": ("git", 900, 300, 0.03),
    "todowrite": ("todo", 9, 700, 0.0),
    "task": ("spawn", 1200, 900, 0.02),
    "task_create": ("task", 6, 160, 0.0),
    "task_claim": ("task", 4, 420, 0.02),
    "task_update": ("task", 5, 180, 0.0),
    "task_list": ("task", 5, 1800, 0.0),
    "agent_status": ("agent", 2, 900, 0.0),
    "agent_send": ("agent", 6, 52, 0.0),
    "agent_messages": ("agent", 4, 4000, 0.01),
    "quality_assess": ("quality", 12, 640, 0.0),
    "checkpoint_save": ("recovery", 7, 120, 0.0),
}
TOOLS_OF: Final = {
    "plan": "read read glob grep webfetch write todowrite",
    "code": "read read edit edit edit bash bash grep write todowrite",
    "review": "read read read git_diff grep bash",
    "docs": "read read edit write webfetch bash",
    "test": "bash bash bash bash read edit write",
    "explore": "glob grep grep read read read",
}
DIMENSIONS: Final = {
    "completeness": 0.3,
    "code_quality": 0.25,
    "documentation": 0.15,
    "efficiency": 0.15,
    "impact": 0.15,
}

# A file that grows past its size moves to an archive directory and starts again.
ROTATED: Final = {
    "message-bus.jsonl": ("message-archives", "messages-{}.jsonl", 256_000),
    "realtime.log": ("realtime-archives", "realtime-{}.log", 512_000),
    "sessions.jsonl": ("session-archives", "sessions-{}.jsonl", 256_000),
}
SHARED_LINES: Final = ("message-bus.jsonl", "user-messages.jsonl")
"""Line files that are also rewritten, so appending to them takes the lock."""
OWN_FILES: Final = (
    "agent-registry.json agent-health-metrics.json agent-performance-metrics.json tasks.json message-bus.jsonl "
    "user-messages.jsonl sessions.jsonl session-summaries.json tool-timing.jsonl quality-assessments.json "
    "knowledge-base.json working.md state.json metrics.json realtime.log coordination.log watchdog.log "
    "worker-spawns.log git-activity.jsonl orchestrator-state.json .watchdog-status.json .token-usage.json"
).split()


def iso(ms: int) -> str:
    """``2026-01-04T17:34:36.932Z``."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(text: str) -> int:
    """The inverse of :func:`iso`."""
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


class Workspace:
    """The files: lines are appended, documents are rewritten whole, under the lock that all writers share."""

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise NotADirectoryError(f"{root} is not a directory")
        found = next((name for name in OWN_FILES if (root / name).exists()), None)
        if found and not (root / MARKER).exists():
            raise FileExistsError(f"{root} holds a workspace the demo did not make ({found}); name another directory")
        self.root = root
        self.merge: dict[str, Callable[[Any], None]] = {}
        """For a file that others write too: takes in what they wrote, before it is written again."""
        self._lines: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._dirty: dict[str, Any] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._stats: dict[str, tuple[int, int, int] | None] = {}
        root.mkdir(parents=True, exist_ok=True)
        (root / MARKER).write_text("This directory was made by `agent-widget demo`, which may write into it again.\n")

    def load(self, name: str, default: Any) -> Any:
        """What an earlier run left in a document, else ``default``."""
        with suppress(OSError, ValueError):
            return self._read(name)
        return default

    def append(self, name: str, line: str, at: int) -> None:
        """Add a line; it reaches the file with the next :meth:`flush`."""
        if name not in self._sizes:
            path = self.root / name
            self._sizes[name] = path.stat().st_size if path.exists() else 0
        self._lines.setdefault(name, []).append(line + "\n")
        self._sizes[name] += len(line) + 1
        if name in ROTATED and self._sizes[name] > ROTATED[name][2]:
            self._rotate(name, at)

    def put(self, name: str, content: Any) -> None:
        """Rewrite a document with the next :meth:`flush`: text as it is, ``.jsonl`` by lines, the rest as JSON."""
        self._dirty[name] = content

    def flush(self, now: int, force: bool = False) -> None:
        """Write what is due: all lines, and documents not more than ten times a second (large ones less often)."""
        for name in list(self._lines):
            with suppress(TimeoutError):
                self._flush_lines(name)
        for name, content in list(self._dirty.items()):
            at, size = self._written.get(name, (-(10**9), 0))
            if not force and now - at < max(100, size // 1000):
                continue
            with suppress(TimeoutError), self._lock(name):
                self._take_in(name)
                text = self._render(name, content)
                self._replace(name, text)
                self._written[name] = (now, len(text))
                self._dirty.pop(name, None)

    def changed(self, name: str) -> bool:
        """Whether someone else wrote to the file since we did."""
        return self._stat(name) != self._stats.get(name)

    def rewrite_lines(self, name: str, change: Callable[[str], str]) -> None:
        """Replace a line file by a version of itself in which every line went through ``change``."""
        with suppress(FileNotFoundError, TimeoutError):
            self._flush_lines(name)
            with self._lock(name):
                text = "".join(map(change, (self.root / name).read_text("utf-8").splitlines(keepends=True)))
                self._replace(name, text)
                self._sizes[name] = len(text)

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        path = self.root / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        delay, waited = 0.05, 0.0
        while True:
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                break
            except FileExistsError:
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > 120:
                        path.unlink()
                        continue
                if waited >= 10:
                    raise TimeoutError(f"{path} is held by another writer") from None
                time.sleep(delay)
                waited, delay = waited + delay, min(1.0, delay * 2)
        owner = f"demo-{os.getpid()}-{threading.get_ident()}"
        with os.fdopen(handle, "w") as file:
            json.dump({"owner_id": owner, "locked_at": iso(int(time.time() * 1000)), "pid": os.getpid()}, file)
        try:
            yield
        finally:
            with suppress(OSError, ValueError):
                if json.loads(path.read_text())["owner_id"] == owner:
                    path.unlink()

    def _flush_lines(self, name: str) -> None:
        if not self._lines.get(name):
            return
        if name in SHARED_LINES:
            with self._lock(name):
                self._take_in(name)
                self._append(name)
                self._stats[name] = self._stat(name)
        else:
            self._append(name)

    def _append(self, name: str) -> None:
        with open(self.root / name, "a", encoding="utf-8", newline="") as file:
            file.write("".join(self._lines.pop(name)))

    def _rotate(self, name: str, at: int) -> None:
        self._flush_lines(name)
        directory, pattern, _ = ROTATED[name]
        archive = self.root / directory / pattern.format(iso(at).replace(":", "-").replace(".", "-"))
        archive.parent.mkdir(exist_ok=True)
        with self._lock(name):
            os.replace(self.root / name, archive)
        self._sizes[name] = 0
        if name == "message-bus.jsonl":
            self._list_archive(archive, at)

    def _list_archive(self, archive: Path, at: int) -> None:
        rows = [json.loads(line) for line in archive.read_text("utf-8").split("\n") if line]
        index = self.load("message-archives/index.json", {"archives": []})
        entry = {"filename": archive.name, "startDate": rows[0]["timestamp"], "endDate": rows[-1]["timestamp"]}
        entry |= {"messageCount": len(rows), "types": sorted({row["type"] for row in rows}), "agents": [None]}
        index["archives"].append(entry)
        index |= {"lastUpdated": iso(at), "totalMessages": sum(one["messageCount"] for one in index["archives"])}
        with self._lock("message-archives/index.json"):
            self._replace("message-archives/index.json", self._render("index.json", index))

    def _take_in(self, name: str) -> None:
        if name in self.merge and self.changed(name):
            with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # not ours, so anything goes
                self.merge[name](self._read(name))

    def _read(self, name: str) -> Any:
        text = (self.root / name).read_text("utf-8")
        return [json.loads(line) for line in text.split("\n") if line] if name.endswith(".jsonl") else json.loads(text)

    def _render(self, name: str, content: Any) -> str:
        if isinstance(content, str):
            return content
        if name.endswith(".jsonl"):
            return "".join(compact(row) + "\n" for row in content)
        return pretty(content) + "\n"

    def _replace(self, name: str, text: str) -> None:
        path = self.root / name
        beside = path.with_name(f"{path.name}.tmp.{os.getpid()}")
        beside.write_text(text, "utf-8", newline="") if os.name != "posix" else beside.write_text(text, "utf-8")
        os.replace(beside, path)
        self._stats[name] = self._stat(name)

    def _stat(self, name: str) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.root / name)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def pretty(value: Any) -> str:
    """JSON to look at: a line for each key, and for each row of a list (``indent=2`` is ten times slower)."""
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f'  "{key}": {pretty_rows(held)}' for key, held in value.items()) + "\n}"
    return pretty_rows(value)


def pretty_rows(value: Any) -> str:
    """A list with a line for each object in it; anything else on one line."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n    " + ",\n    ".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n  ]"
    return json.dumps(value, ensure_ascii=False)


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(eq=False, slots=True)
class Agent:
    """One simulated agent; ``entry`` is its row in the registry."""

    entry: Json
    parent: Agent | None
    started: int
    shift: int
    """How many tasks it does before it ends its session."""
    alive: bool = True
    task: Json | None = None
    offered: Json | None = None
    """A task that the orchestrator gave to it by name."""
    fate: str | None = None
    """What the director wants of it next: ``ask`` a person, or ``crash``."""
    answer: str | None = None
    asked: int = 0
    calls: int = 0
    done: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Its name in every file."""
        return str(self.entry["agent_id"])

    @property
    def session(self) -> str:
        """The session it works in."""
        return str(self.entry["session_id"])

    @property
    def role(self) -> str:
        """What kind of agent it is."""
        return str(self.entry["assigned_role"])

    @property
    def status(self) -> str:
        """What it says of itself: active, working, idle, blocked."""
        return str(self.entry["status"])


BLANK_TASK: Final = {"title": "Untitled", "priority": "medium", "status": "pending", "updated_at": ""}


class Books:
    """What has happened so far, and for each kind of event a method that writes it into the files it changes."""

    def __init__(self, directory: Path, seed: int | None) -> None:
        self.rng = random.Random(seed)
        self.files = Workspace(Path(directory))
        self.now = 0
        """The simulated time, in ms since the epoch."""
        self.team: dict[str, Agent] = {}
        """Who lives now, by id, subagents too."""
        self.lead: Agent | None = None
        self._reads: dict[str, list[str]] = {}
        self._news: dict[str, list[str]] = {}
        self._numbers: Counter[str] = Counter()
        """How many agents of each role there were."""
        self._tokens = [0, 0]
        load = self.files.load
        self.registry: Json = {"version": "1.0.0", "agents": [], "last_updated": "", "lock_version": 0}
        self._before = load("agent-registry.json", {}).get("last_updated")
        self.board: Json = load("tasks.json", {"version": "1.0", "tasks": [], "completed_count": 0, "last_updated": ""})
        self.tasks: dict[str, Json] = {task["id"]: task for task in self.board["tasks"]}
        self._pruned: set[str] = set()
        for task in self.tasks.values():
            if task["status"] in ("in_progress", "blocked"):
                self._release(task, "the team was stopped")
        self.mail: list[Json] = load("user-messages.jsonl", [])
        self._heard = {row["id"] for row in self.mail}
        self.marks: Json = load("quality-assessments.json", {"version": "1.0", "assessments": []})
        self.to_assess: list[tuple[Json, Agent]] = []
        self.knowledge: list[Json] = load("knowledge-base.json", [])
        self.merits: Json = load("agent-performance-metrics.json", {"version": "1.0", "last_updated": "", "agents": {}})
        self.sums: Json = load("session-summaries.json", {"last_processed_session": "", "total_sessions": 0})
        self.health: Json = load("agent-health-metrics.json", {"last_updated": "", "checks_performed": 0, "alerts": []})
        self.state: Json = load("state.json", {"version": "2.0", "session_count": 0, "recent_achievements": []})
        self.metrics: Json = load("metrics.json", {"total_sessions": 0, "total_tool_calls": 0})
        if self._before:  # an earlier run's agents have lower numbers
            self._numbers.update(dict.fromkeys([*ROLES, "explorer"], self.state["session_count"]))
        self.plan = len({tag for task in self.tasks.values() for tag in task.get("tags", ())[1:2]})
        self.notes: list[str] = []
        self.files.merge = {"tasks.json": self._merge_tasks, "user-messages.jsonl": self._merge_mail}

    @property
    def _lead(self) -> Agent:
        assert self.lead is not None
        return self.lead

    def _between(self, low: float, high: float) -> float:
        return self.rng.uniform(low, high)

    def _workers(self) -> list[Agent]:
        return [one for one in self.team.values() if one.alive and one.role in KIND_OF]

    def _key(self, length: int = 6, alphabet: str = string.ascii_lowercase + string.digits) -> str:
        return "".join(self.rng.choices(alphabet, k=length))

    def _hire(self, role: str, parent: Agent | None, purpose: str = "") -> Agent:
        session = f"ses_{self._key(12, HEX)}ffe{self._key(14, LETTERS)}"
        self._numbers[role] += 1
        agent_id = (
            f"agent-{role}"
            if role == "orchestrator" and self._numbers[role] == 1
            else f"agent-{role}-{self._numbers[role]}"
        )
        at, pid = iso(self.now), self.rng.randint(20_000, 400_000)
        entry: Json = {"agent_id": agent_id, "session_id": session, "started_at": at, "last_heartbeat": at}
        entry |= {"status": "active", "assigned_role": role, "pid": pid}
        agent = Agent(entry, parent, self.now, self.rng.randint(3, 4) if role == "planner" else self.rng.randint(8, 16))
        self.team[agent.id] = agent
        self.registry["agents"].append(entry)
        self._session("session_start", session_id=session)
        if parent:
            purpose = purpose or f"{role} for project skylark"
            spawned = {"parent_session": parent.session, "child_session": session, "description": purpose}
            self._session("session_spawned", **spawned)
            self._send(parent, "session_spawned", spawned)
            if role != "explorer":
                self._log("worker-spawns.log", f"Spawning worker: model={self.rng.choice(MODELS)} role={role}")
                self._log("worker-spawns.log", f"Worker spawned: PID={pid}")
        self._coordinate(agent, f"Agent registered: {agent.id} (role: {role})")
        self._realtime(agent, "INFO", f"Agent registered with role: {role}")
        self.state["session_count"] += 1
        self.metrics["total_sessions"] += 1
        details = {"session_id": session, "session_count": self.state["session_count"], "role": role}
        self._send(agent, "broadcast", {"status": "Agent online and ready", "details": details, "timestamp": at})
        return agent

    def _set(self, agent: Agent, status: str, doing: str) -> None:
        if (status, doing) == (agent.status, agent.entry.get("current_task")):
            return
        before = agent.status
        agent.entry.update(status=status, current_task=doing)
        self._coordinate(agent, f"Status updated: {status} - {doing}")
        if status != before:
            self._beat(agent)
        self._touch_registry()

    def _beat(self, agent: Agent) -> None:
        agent.entry["last_heartbeat"] = iso(self.now)
        self._send(agent, "heartbeat", {"status": agent.status})
        self._touch_registry()

    def _touch_registry(self) -> None:
        self.registry["last_updated"] = iso(self.now)
        self.registry["lock_version"] += 1
        self.files.put("agent-registry.json", self.registry)

    def _forget(self, agent: Agent) -> None:
        self.team.pop(agent.id, None)
        if agent.entry in self.registry["agents"]:
            self.registry["agents"].remove(agent.entry)
        self._touch_registry()

    def _leave(self, agent: Agent, why: str) -> None:
        """The good end: the session is closed and summed up, the agent signs off."""
        duration = self.now - agent.started
        figures = {"duration_ms": duration, "tool_calls": agent.calls}
        self._session("session_end", session_id=agent.session, **figures)
        self._realtime(agent, "INFO", f"Session ended after {duration // 1000}s", **figures)
        self._coordinate(agent, f"Agent unregistered: {agent.id}")
        agent.alive = False
        self._forget(agent)
        if agent.role == "explorer":
            return
        files = list(dict.fromkeys(agent.edited))[-12:]
        summary = {"session_id": agent.session, "session_number": self.state["session_count"]}
        summary |= {"start_time": iso(agent.started), "end_time": iso(self.now), "duration_minutes": duration // 60_000}
        summary |= {"tool_calls": agent.calls, "files_edited": files, "tasks_completed": agent.done[:]}
        summary |= {"key_learnings": [self.rng.choice(LESSONS)], "quality_scores": []}
        summary |= {"code_changes": [{"file": file, "type": "modified"} for file in files], "agent_role": agent.role}
        summary |= {"summary_text": why, "extracted_at": iso(self.now)}
        self.sums["summaries"] = [*self.sums.get("summaries", ()), summary][-KEEP:]
        self.sums["last_processed_session"], self.sums["total_sessions"] = agent.session, len(self.sums["summaries"])
        self.files.put("session-summaries.json", self.sums)

    def _crash(self, agent: Agent, task: Json) -> None:
        """The bad end: an error, then silence. The watchdog finds out by itself."""
        name, message, code = self.rng.choice(CRASHES)
        error = {"name": name, "data": {"message": message, "statusCode": code, "isRetryable": code != 400}}
        self._session("session_error", session_id=agent.session, error=error)
        self._realtime(agent, "ERROR", f"Session error: {message}", error=error)
        agent.alive = False

    def _rescue(self, agent: Agent, task: Json) -> None:
        """A crashed agent's task is released, or fails and is planned again."""
        if task["status"] not in ("in_progress", "blocked"):
            return
        if self.rng.random() < 0.6:
            self._release(task, f"{agent.id} stopped")
            return
        self._change(task, "failed", f"{agent.id} stopped at work")
        title = f"Retry: {task['title'].removeprefix('Retry: ')}"
        retry = self._new_task(
            self._lead, title, task["description"], "high", task.get("tags", []), task.get("depends_on", [])
        )
        for other in self.tasks.values():
            if task["id"] in other.get("depends_on", ()):
                other["depends_on"] = [retry["id"] if one == task["id"] else one for one in other["depends_on"]]

    def _new_task(
        self, agent: Agent, title: str, description: str, priority: str, tags: list[str], needs: list[str]
    ) -> Json:
        at = iso(self.now)
        task: Json = {"id": f"task_{self.now}_{self._key()}", "title": title, "description": description}
        task |= {"priority": priority, "status": "pending", "created_at": at, "updated_at": at, "created_by": agent.id}
        task |= {"tags": tags, "complexity": self.rng.choice(("simple", "moderate", "complex")), "notes": []}
        if needs:
            task["depends_on"] = needs
        self.tasks[task["id"]] = task
        self._put_tasks()
        payload = {"task_id": task["id"], "title": title, "priority": priority, "description": description}
        self._send(agent, "task_available", payload)
        self._realtime(agent, "INFO", f"Task created: {task['id']}", title=title, priority=priority)
        return task

    def _change(self, task: Json, status: str, note: str = "") -> None:
        task.update(status=status, updated_at=iso(self.now))
        if note:
            task.setdefault("notes", []).append(f"[{iso(self.now)}] {note}")
        self._put_tasks()

    def _release(self, task: Json, why: str) -> None:
        task.pop("assigned_to", None)
        task.pop("claimed_at", None)
        self._change(task, "pending", f"Released: {why}") if self.now else task.update(status="pending")

    def _put_tasks(self) -> None:
        ended = [key for key, task in self.tasks.items() if task["status"] in ("completed", "cancelled", "failed")]
        for key in ended[: len(ended) - KEEP if len(ended) > KEEP + 40 else 0]:
            del self.tasks[key]
            self._pruned.add(key)
        self.board["tasks"] = list(self.tasks.values())
        self.board["last_updated"] = iso(self.now)
        self.files.put("tasks.json", self.board)

    def _pick(self, agent: Agent, kind: str, desperate: bool = False) -> Json | None:
        """The most urgent task that can be started: one of the agent's own kind, if ``desperate`` any."""
        offered, agent.offered = agent.offered, None
        if offered and offered["status"] == "pending":
            return offered
        promised = {one.offered["id"] for one in self.team.values() if one.offered and one is not agent}
        ready = [task for task in self.tasks.values() if task["status"] == "pending" and task["id"] not in promised]
        ready = [task for task in ready if desperate or self._kind(task) == kind]
        ready = [task for task in ready if all(map(self._is_over, task.get("depends_on") or ()))]
        urgency = {"critical": 0, "high": 1, "low": 3}
        return min(ready, key=lambda task: (self._kind(task) != kind, urgency.get(task["priority"], 2)), default=None)

    def _is_over(self, task_id: str) -> bool:
        return task_id not in self.tasks or self.tasks[task_id]["status"] in ("completed", "cancelled")

    def _kind(self, task: Json) -> str:
        tag = next(iter(task.get("tags") or ()), "")
        return tag if tag in PROGRESS else "code"

    def _file(self, task: Json) -> str:
        """The file a task is about; its description says so."""
        _, _, file = str(task.get("description") or "").partition("Work in ")
        return file.removesuffix(".") or "skylark/cli.py"

    def _claim(self, agent: Agent, task: Json) -> None:
        self._tool(agent, "task_claim")
        agent.task = task
        task.update(assigned_to=agent.id, claimed_at=iso(self.now))
        self._change(task, "in_progress")
        payload = {"task_id": task["id"], "title": task["title"], "claimed_by": agent.id}
        self._send(agent, "task_claim", payload)
        self._checkpoint(agent, task, f"Starting: {task['title']}", 0)
        self._merit(agent)["tasks_claimed"] += 1

    def _complete(self, agent: Agent, task: Json) -> None:
        kind, file = self._kind(task), self._file(task)
        summary = SUMMARY[kind].format(file=file, n=self.rng.randint(4, 40))
        duration = self.now - millis(task["claimed_at"])
        if kind in ("code", "docs"):
            self._commit(agent, task)
        self._tool(agent, "task_update")
        task["completed_at"] = iso(self.now)
        self.board["completed_count"] += 1
        self._change(task, "completed", summary)
        self._checkpoint(agent, task, summary, 100)
        self._set(agent, "idle", f"Finished: {task['title']}")
        payload = {"task_id": task["id"], "title": task["title"], "priority": task["priority"]}
        self._send(agent, "task_completed", payload | {"completed_by": agent.id, "duration_ms": duration})
        report = {"task_id": task["id"], "summary": summary, "files_changed": [file]}
        self._send(agent, "task_complete", report, self._lead.id)
        if kind == "review":
            self._critique(agent, task, file)
        agent.task = None
        agent.done.append(task["title"])
        self.to_assess = [*self.to_assess, (task, agent)][-KEEP:]
        merit = self._merit(agent)
        merit["tasks_completed"] += 1
        merit["total_duration_ms"] += duration
        merit["avg_duration_ms"] = merit["total_duration_ms"] // merit["tasks_completed"]
        entry: Json = {"session_id": agent.session, "timestamp": self.now, "messages": agent.calls * 2}
        entry |= {"decisions": [f"{task['title']}: {summary}"], "discoveries": [], "code_created": [file]}
        entry |= {"problems_solved": [], "key_insights": [self.rng.choice(LESSONS)], "techniques": [], "solutions": []}
        self.knowledge = [entry, *self.knowledge][:KEEP]
        self.files.put("knowledge-base.json", self.knowledge)
        self.state["recent_achievements"] = [f"{task['title']}: {summary}", *self.state["recent_achievements"]][:5]

    def _critique(self, agent: Agent, task: Json, file: str) -> None:
        score = round(self._between(6, 9.5), 1)
        findings = [finding.format(file=file) for finding in self.rng.sample(FINDINGS, 2)]
        lines = [f"# Critique: {file}", "", "**Type:** code", f"**Date:** {iso(self.now)}", f"**Score:** {score}/10"]
        lines += [
            "**Severity:** info",
            "",
            "## Summary",
            "",
            f"{task['title']}, by {agent.id}.",
            "",
            "## Issues (2)",
            "",
        ]
        name = f"critiques/{iso(self.now)[:10]}-code-critique_{self.now}_{self._key()}.md"
        self.files.put(name, "\n".join(lines + [f"- **[i]** {finding}" for finding in findings]) + "\n")
        payload = {"critique_type": "code_review", "file": file, "score": score}
        payload["summary"] = f"{task['title']}: {findings[0]}."
        others = [one for one in self._workers() if one.role == "code-worker" and one is not agent]
        self._send(agent, "direct", payload, self.rng.choice(others or [self._lead]).id)

    def _assess(self, lead: Agent, task: Json, agent: Agent) -> None:
        self._tool(lead, "quality_assess")
        base = self._between(6.8, 9.2)
        dimensions: list[Json] = []
        for name, weight in DIMENSIONS.items():
            score = max(1, min(10, round(base + self.rng.gauss(0, 0.8))))
            dimensions.append({"name": name, "score": score, "weight": weight})
        overall = round(sum(one["score"] * one["weight"] for one in dimensions), 1)
        lesson = self.rng.choice(LESSONS)
        minutes = round((millis(task["completed_at"]) - millis(task["claimed_at"])) / 60_000)
        mark: Json = {"task_id": task["id"], "task_title": task["title"], "assessed_at": iso(self.now)}
        mark |= {"assessed_by": lead.id, "dimensions": dimensions, "overall_score": overall}
        mark |= {"lessons_learned": lesson, "metadata": {"duration_minutes": minutes}}
        self.marks["assessments"] = [*self.marks["assessments"], mark][-KEEP:]
        scores = [one["overall_score"] for one in self.marks["assessments"]]
        self.marks["aggregate_stats"] = {"total_assessed": len(scores), "avg_overall_score": sum(scores) / len(scores)}
        self.marks["last_updated"] = iso(self.now)
        self.files.put("quality-assessments.json", self.marks)
        task.update(quality_score=overall, quality_notes=lesson, updated_at=iso(self.now))
        self._put_tasks()
        merit = self._merit(agent)
        merit["quality_scores"] = [*merit["quality_scores"], overall][-50:]
        merit["avg_quality"] = round(sum(merit["quality_scores"]) / len(merit["quality_scores"]), 2)

    def _merit(self, agent: Agent) -> Json:
        new: Json = {"agent_id": agent.id, "tasks_completed": 0, "tasks_claimed": 0, "total_duration_ms": 0}
        new |= {"avg_duration_ms": 0, "quality_scores": [], "avg_quality": 0, "first_seen": iso(self.now)}
        row: Json = self.merits["agents"].setdefault(agent.id, new)
        row["last_activity"] = self.merits["last_updated"] = iso(self.now)
        self.files.put("agent-performance-metrics.json", self.merits)
        return row

    def _checkpoint(self, agent: Agent, task: Json, doing: str, percent: int) -> None:
        at = iso(self.now)
        self._set(agent, "working", doing)
        current = {"task_id": task["id"], "title": task["title"], "started_at": task["claimed_at"]}
        current |= {"progress_description": doing, "progress_percentage": percent}
        point: Json = {"version": "1.0", "checkpoint_id": f"ckpt_{self.now}_{self._key()}", "created_at": at}
        point |= {"agent_id": agent.id, "session_id": agent.session, "current_task": current}
        point["files_modified"] = [{"path": file, "action": "modified"} for file in dict.fromkeys(agent.edited[-12:])]
        point["context"] = {"what_was_happening": doing, "next_steps": []}
        point["recovery"] = {"can_resume": percent < 100, "estimated_remaining_work": f"{100 - percent}% remaining"}
        self.files.put(f"sessions/{agent.session}/checkpoint.json", point)

    def _tool(self, agent: Agent, tool: str, file: str = "") -> None:
        category, typical, size, failures = TOOLS[tool]
        duration = max(1, round(typical * self.rng.lognormvariate(0, 0.7)))
        output = round(size * self.rng.lognormvariate(0, 0.8))
        failed = self.rng.random() < failures
        agent.calls += 1
        self._tokens[0] += output // 4 + 400
        self._tokens[1] += self.rng.randint(40, 900)
        self.metrics["total_tool_calls"] += 1
        call_id = f"toolu_01{self._key(22, LETTERS)}"
        call: Json = {"timestamp": iso(self.now), "session_id": agent.session, "tool": tool, "call_id": call_id}
        call |= {"start_time": self.now - duration, "end_time": self.now, "duration_ms": duration}
        call |= {"input_size": self.rng.randint(20, 900), "output_size": output}
        self.files.append("tool-timing.jsonl", compact(call | {"success": not failed, "category": category}), self.now)
        seen: Json = {"tool": tool, "call_id": call_id, "duration_ms": duration, "output_length": output}
        self._realtime(agent, "INFO", f"Tool executed: {tool}", **seen, success=not failed)
        if tool in ("edit", "write") and not failed:
            agent.edited.append(file)
            self._session("file_edit", session_id=agent.session, file=f"/workspace/{file}")
        if tool == "bash" and failed:
            code = self.rng.choice((1, 1, 2, 127))
            self._realtime(agent, "WARN", f"Command failed while working in {file}", exit_code=code)
        if agent.calls % 5 == 0:
            for message_id in self._news.pop(agent.id, ()):
                self._reads.setdefault(message_id, []).append(agent.id)

    def _talk(self, agent: Agent, task: Json) -> None:
        text = self.rng.choice(TALK).format(title=task["title"], file=self._file(task))
        payload = {"message": text, "task_id": task["id"]}
        others = [one for one in self._workers() if one is not agent]
        self._tool(agent, "agent_send")
        if others and self.rng.random() < 0.7:
            self._send(agent, "direct", payload, self.rng.choice(others).id)
        else:
            self._send(agent, "broadcast", payload)

    def _send(self, agent: Agent, kind: str, payload: Json, to: str | None = None) -> None:
        message: Json = {"message_id": f"msg-{self.now}-{self._key()}", "from_agent": agent.id}
        if to:
            message["to_agent"] = to
            self._news.setdefault(to, []).append(message["message_id"])
        elif kind == "broadcast" and self.team:
            self._news.setdefault(self.rng.choice(list(self.team)), []).append(message["message_id"])
        message |= {"timestamp": iso(self.now), "type": kind, "payload": payload, "read_by": []}
        self.files.append("message-bus.jsonl", compact(message), self.now)
        self._coordinate(agent, f"Message sent: {kind} " + (f"to {to}" if to else "(broadcast)"))

    def _commit(self, agent: Agent, task: Json) -> None:
        self._tool(agent, "git_commit", self._file(task))
        row: Json = {"timestamp": iso(self.now), "action": "commit", "agent_id": agent.id, "task_id": task["id"]}
        row |= {"commit_hash": self._key(7, HEX), "message": task["title"], "files_changed": self.rng.randint(1, 5)}
        row |= {"insertions": self.rng.randint(8, 240), "deletions": self.rng.randint(0, 80)}
        self.files.append("git-activity.jsonl", compact(row), self.now)
        if self.rng.random() < 0.3:
            push = {key: row[key] for key in ("timestamp", "action", "agent_id", "task_id", "commit_hash")}
            self.files.append("git-activity.jsonl", compact(push | {"action": "push"}), self.now)

    def _session(self, kind: str, **fields: Any) -> None:
        self.files.append("sessions.jsonl", compact({"type": kind, "timestamp": iso(self.now)} | fields), self.now)

    def _realtime(self, agent: Agent, level: str, message: str, **data: Any) -> None:
        row: Json = {"timestamp": iso(self.now), "session": agent.session, "level": level, "message": message}
        self.files.append("realtime.log", compact(row | {"data": data} if data else row), self.now)

    def _coordinate(self, agent: Agent, text: str, level: str = "INFO") -> None:
        self.files.append("coordination.log", f"{iso(self.now)} [{level}] [{agent.id}] {text}", self.now)

    def _log(self, name: str, text: str) -> None:
        self.files.append(name, f"[{iso(self.now)[:19]}+00:00] {text}", self.now)

    def _keep_state(self, lead: Agent) -> None:
        doing = [task for task in self.tasks.values() if task["status"] in ("in_progress", "blocked")]
        done, at = self.board["completed_count"], iso(self.now)
        self.state["status"] = f"Project skylark: {done} tasks done, {len(doing)} in progress"
        self.state["active_tasks"] = [f"{task['title']} ({task.get('assigned_to')})" for task in doing[:8]]
        self.state |= {"last_session": at, "current_session_id": lead.session, "last_updated": at}
        self.state |= {"sessions_metadata": {}, "total_tokens_used": sum(self._tokens)}
        self.metrics["last_session"] = at
        self.files.put("state.json", self.state)
        self.files.put("metrics.json", self.metrics)
        lease = {"leader_id": lead.id, "leader_epoch": 1, "last_heartbeat": at, "ttl_ms": 180_000}
        self.files.put("orchestrator-state.json", lease)

    def _put_status(self) -> None:
        at, pid = iso(self.now)[:19] + "+00:00", self._lead.entry["pid"]
        status = {"status": "running", "last_check": at, "orchestrator_pid": pid, "details": "Orchestrator is running"}
        status |= {"watchdog_pid": pid - 1, "restarts_this_hour": 0, "token_usage": sum(self._tokens)}
        status |= {"token_limit": 5_000_000, "model": MODELS[0], "config_loaded": True, "version": "3.0"}
        self.files.put(".watchdog-status.json", status)
        used: Json = {"session_start": iso(self._lead.started)[:19] + "+00:00", "input_tokens": self._tokens[0]}
        used |= {"output_tokens": self._tokens[1], "total_tokens": sum(self._tokens), "last_updated": at}
        self.files.put(".token-usage.json", used | {"limit_reached": False})

    # ── what people write

    def _write_mail(self, sender: str, text: str, tags: list[str], priority: str) -> Json:
        row: Json = {"id": f"umsg_{self.now}_{self._key()}", "from": sender, "message": text}
        row |= {"timestamp": iso(self.now), "read": False, "priority": priority, "tags": tags}
        self.mail.append(row)
        self._heard.add(row["id"])
        if len(self.mail) > 250:
            del self.mail[:-200]
            self.files.put("user-messages.jsonl", self.mail)
        self.files.append("user-messages.jsonl", compact(row), self.now)
        return row

    def _merge_mail(self, rows: list[Json]) -> None:
        """Someone wrote to the agents: the one who waits has an answer, else the orchestrator makes it a task."""
        known = {row["id"]: row for row in self.mail}
        for row in rows:
            mine = known.get(row["id"])
            if mine is not None:
                if row.get("read") and not mine["read"]:
                    mine.update(row)
                    for one in self._workers():
                        if one.id == mine["from"] and one.status == "blocked":
                            one.answer = row.get("response")
            elif row["id"] not in self._heard:
                self._heard.add(row["id"])
                self.mail.append(row)
                if not row.get("read"):
                    self._hear(row)
                    self.files.put("user-messages.jsonl", self.mail)

    def _hear(self, row: Json) -> None:
        blocked = sorted((one for one in self._workers() if one.status == "blocked"), key=lambda one: one.asked)
        named = [one for one in blocked if one.id in row["message"] or one.role in row["message"]]
        if blocked:
            reader = (named or blocked)[0]
            reader.answer = str(row["message"])
        else:
            reader = self._lead
            title = str(row["message"]).strip().splitlines()[0][:80]
            self._new_task(reader, title, str(row["message"]), "high", ["request"], [])
            row["response"] = "Noted; it is a task now."
        row.update(read=True, read_at=iso(self.now), read_by=reader.session)

    def _merge_tasks(self, board: Json) -> None:
        """Someone changed the task list: what is newer there holds, what is new there is taken up."""
        for found in board["tasks"]:
            mine = self.tasks.get(found["id"])
            if mine is None and found["id"] not in self._pruned:
                self.tasks[found["id"]] = BLANK_TASK | found
            elif mine is not None and str(found.get("updated_at", "")) > mine["updated_at"]:
                mine.clear()
                mine.update(found)
        self.board["tasks"] = list(self.tasks.values())


class Team(Books):
    """A team of ``agents`` (an orchestrator and workers) in ``directory``; ``rate`` scales how fast they work.

    Raises :class:`FileExistsError` if the directory holds a workspace that the demo did not make. Nothing is written
    before :meth:`history` or :meth:`step`, except a marker file.
    """

    def __init__(self, directory: Path, agents: int = 7, rate: float = 1.0, seed: int | None = None) -> None:
        if not 1 <= agents <= 1000:
            raise ValueError("a team has 1 to 1000 agents")
        if not 0 < rate <= 1e6:
            raise ValueError("the rate is a number above 0, 1 for an everyday pace")
        super().__init__(directory, seed)
        self.size, self.rate = agents, rate
        self._queue: list[tuple[int, int, Process]] = []
        self._turn = itertools.count()
        self._asks = itertools.cycle(self.rng.sample(ASKS, len(ASKS)))

    # ── the clock

    def history(self, minutes: float = 12, now_ms: int | None = None) -> None:
        """Write the last ``minutes`` up to now (or ``now_ms``) at the pace of rate 1, back-dated.

        A directory from an earlier run goes on from where it stopped, if that is later.
        """
        now = now_ms if now_ms is not None else int(time.time() * 1000)
        begin = now - round(minutes * 60_000)
        if self._before:
            begin = max(begin, min(now, millis(self._before) + 1000))
        rate, self.rate = self.rate, 1.0
        self._begin(begin)
        self._play(now)
        self.rate = rate
        self.files.flush(now, force=True)

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
        self.now += ms
        self._queue = [(at + ms, turn, process) for at, turn, process in self._queue]

    def finish(self) -> None:
        """Write what is not yet written."""
        self.files.flush(self.now, force=True)

    @property
    def next_ms(self) -> int:
        """When something happens next."""
        return self._queue[0][0] if self._queue else self.now

    def _begin(self, at: int) -> None:
        self.now = at
        self.lead = self._join("orchestrator", None)
        crew = (ROLES + MORE_ROLES * (self.size // len(MORE_ROLES) + 1))[1 : self.size]
        for number, role in enumerate(crew):
            wait = 4 + number * min(9.0, 60 / self.size) + self.rng.random() * 3
            late = 240.0 if self.size > 4 and number == self.size - 2 else 0.0  # the last one joins later
            self._start(self._newcomer(role, wait + late))
        for process in (self._orchestrate(self.lead), self._direct(), self._watch(), self._carry_mail()):
            self._start(process)

    def _join(self, role: str, parent: Agent | None, purpose: str = "") -> Agent:
        agent = self._hire(role, parent, purpose)
        self._start(self._beat_on(agent))
        return agent

    def _start(self, process: Process) -> None:
        heapq.heappush(self._queue, (self.now, next(self._turn), process))

    def _play(self, until: int) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.now, _, process = heapq.heappop(self._queue)
            delay = next(process, None)
            if delay is not None:
                at = self.now + max(1, round(delay * 1000 / self.rate))
                heapq.heappush(self._queue, (at, next(self._turn), process))
        self.now = max(self.now, until)

    # ── what agents do

    def _newcomer(self, role: str, wait: float) -> Process:
        yield wait
        agent = self._join(role, self.lead)
        self._start(self._work(agent))

    def _work(self, agent: Agent) -> Process:
        """A worker's life: take a task, bring it forward step by step, hand it in, again."""
        kind, idle = KIND_OF[agent.role], 0
        yield self._between(1, 4)
        while len(agent.done) < agent.shift:
            task = self._pick(agent, kind, desperate=idle > 4)
            if task is None:
                idle += 1
                if idle > 1:
                    self._set(agent, "idle", "Waiting for a task")
                    if agent.fate == "crash":
                        agent.fate = None
                yield self._between(3, 6)
                continue
            idle = 0
            self._claim(agent, task)
            yield self._between(1, 3)
            yield from self._carry_out(agent, task)
            if not agent.alive:
                return
            yield self._between(2, 9)
        self._leave(agent, f"Ended after {len(agent.done)} tasks: context is full")
        self._start(self._replace_soon(agent))

    def _carry_out(self, agent: Agent, task: Json) -> Process:
        kind, file = self._kind(task), self._file(task)
        phrases = PROGRESS[kind].format(file=file).split("|")
        steps = self.rng.randint(14, 30)
        talk_at, help_at = self.rng.randint(3, steps), self.rng.randint(3, steps * 3)
        for step in range(steps):
            if task["status"] != "in_progress" or task.get("assigned_to") != agent.id:  # someone took it away
                agent.task = None
                return
            if agent.fate == "ask" and step > 2:
                yield from self._ask(agent, task)
            elif agent.fate == "crash" and step > 4:
                self._crash(agent, task)
                return
            self._tool(agent, self.rng.choice(TOOLS_OF[kind].split()), file)
            if step % 2 == 0:
                self._checkpoint(agent, task, phrases[step * len(phrases) // steps], 100 * step // steps)
            if step == talk_at:
                self._talk(agent, task)
            if step == help_at:
                self._call_help(agent, task)
            yield self._between(1.5, 7.5)
        if task["status"] == "in_progress":
            self._complete(agent, task)

    def _ask(self, agent: Agent, task: Json) -> Process:
        """Wait until a person answers: a real one through the file, else one that the demo plays after a while."""
        agent.fate, agent.answer, agent.asked = None, None, self.now
        reason, question, answer = next(self._asks).split("|")
        self._change(task, "blocked", f"Waits for a person: {reason}")
        self._set(agent, "blocked", reason[0].upper() + reason[1:])
        asked = self._write_mail(agent.id, question.format(title=task["title"]), ["question", task["id"]], "high")
        patience = self.now + self._between(35, 110) * 1000 / self.rate
        while agent.answer is None and self.now < patience and task["status"] == "blocked":
            yield 2.0
        if agent.answer is None:
            given = self._write_mail("user", answer, ["answer", task["id"]], "normal")
            given.update(read=True, read_at=iso(self.now), read_by=agent.session)
        asked.update(read=True, read_at=iso(self.now), read_by="user", response=agent.answer or answer)
        self.files.put("user-messages.jsonl", self.mail)
        if task["status"] == "blocked":
            self._change(task, "in_progress", f"Answered: {agent.answer or answer}")
        self._set(agent, "working", task["title"])

    def _call_help(self, agent: Agent, task: Json) -> None:
        """A subagent looks something up for the agent, in a session of its own."""
        self._tool(agent, "task", self._file(task))
        helper = self._join("explorer", agent, f"Find who uses {self._file(task)}")
        self._start(self._help(helper, agent, task))

    def _help(self, helper: Agent, agent: Agent, task: Json) -> Process:
        self._set(helper, "working", f"Find who uses {self._file(task)}")
        for _ in range(self.rng.randint(4, 9)):
            self._tool(helper, self.rng.choice(TOOLS_OF["explore"].split()), self._file(task))
            yield self._between(1.5, 4)
        finding = self.rng.choice(FINDINGS).format(file=self._file(task))
        self._send(helper, "direct", {"message": f"Result: {finding}.", "task_id": task["id"]}, agent.id)
        self._leave(helper, finding)

    def _orchestrate(self, lead: Agent) -> Process:
        """Plan when work runs out, give tasks to those who wait, assess what is done, keep the state files."""
        self._send(lead, "broadcast", {"status": "Orchestrator active", "message": "Leading project skylark"})
        yield 1.0
        while True:
            waiting = [one for one in self._workers() if one.status != "blocked" and not one.task and not one.offered]
            todo = [task for task in self.tasks.values() if task["status"] == "pending"]
            startable = sum(all(map(self._is_over, task.get("depends_on") or ())) for task in todo)
            if len(todo) * 2 < self.size or (startable < len(waiting) and len(todo) < 3 * self.size):
                self._set(lead, "working", "Planning the next milestone")
                yield from self._plan(lead)
            elif self.to_assess:
                self._set(lead, "working", "Assessing finished tasks")
                self._assess(lead, *self.to_assess.pop(0))
            elif self.size == 1 and (task := self._pick(lead, "code", desperate=True)):  # nobody to give it to
                self._claim(lead, task)
                yield from self._carry_out(lead, task)
            elif waiting and self._delegate(lead, waiting):
                self._set(lead, "working", "Giving out tasks")
            elif self.rng.random() < 0.5:
                self._set(lead, "working", "Looking at the board")
                self._tool(lead, self.rng.choice(("task_list", "agent_status", "agent_messages")))
            else:
                self._set(lead, "idle", "Waiting for the team")
            self._keep_state(lead)
            yield self._between(2.5, 7) if self.size < 40 else self._between(0.5, 1.5)

    def _plan(self, lead: Agent) -> Process:
        created = 0
        while created == 0 or created < self.size:
            milestone = list(MILESTONES)[self.plan % len(MILESTONES)]
            version = f"v0.{1 + self.plan // len(MILESTONES)}"
            self.plan += 1
            self._send(lead, "broadcast", {"status": "Milestone planned", "message": f"{version}: {milestone}"})
            ids: list[str] = []
            for line in MILESTONES[milestone].strip().splitlines():
                kind, priority, first, file, title = line.split("|")
                if self.plan > len(MILESTONES):
                    title += f" ({version})"
                needs = [ids[int(number)] for number in first.split(",") if number]
                tags = [kind, milestone.lower().replace(" ", "-")]
                task = self._new_task(lead, title, f"{version}, {milestone}. Work in {file}.", priority, tags, needs)
                ids.append(task["id"])
                created += 1
                self._tool(lead, "task_create")
                yield min(0.8, 8 / self.size)
        self.notes.insert(0, f"## Milestone: {milestone} ({version})\n\n- {created} tasks planned, {iso(self.now)}\n")
        self.files.put("working.md", "# Working memory\n\n" + "\n".join(self.notes[:10]))

    def _delegate(self, lead: Agent, waiting: list[Agent]) -> bool:
        for agent in waiting[:4]:
            task = self._pick(agent, KIND_OF[agent.role], desperate=True)
            if task is not None:
                agent.offered = task
                text = f"Please take '{task['title']}' ({task['priority']}). Report when it is done."
                self._tool(lead, "agent_send")
                self._send(lead, "direct", {"message": text, "task_id": task["id"]}, agent.id)
                return True
        return False

    def _direct(self) -> Process:
        """See to it that something happens: someone has a question, now and then someone crashes."""
        often = min(1.0, 20 / self.size)
        crash_at = self.now + 600_000 * often / self.rate
        while True:
            yield self._between(30, 60)
            busy = [one for one in self._workers() if one.task and one.status == "working" and not one.fate]
            asking = sum(one.status == "blocked" or one.fate == "ask" for one in self._workers())
            self.rng.shuffle(busy)
            rested = [one for one in busy if self.now - one.asked > 180_000 / self.rate]
            for one in sorted(rested, key=lambda one: one.asked)[: max(0, 1 + self.size // 20 - asking)]:
                one.fate = "ask"
            busy = [one for one in busy if not one.fate]
            if self.now >= crash_at and busy:
                self.rng.choice(busy).fate = "crash"
                crash_at = self.now + self._between(360, 600) * 1000 * often / self.rate

    def _watch(self) -> Process:
        """The watchdog: notices who stopped, frees the task, calls for a fresh agent."""
        for text in ("Orchestrator Watchdog started", "Check interval: 10s", "Starting orchestrator agent..."):
            self._log("watchdog.log", text)
        self._log("watchdog.log", f"Orchestrator started with PID: {self._lead.entry['pid']}")
        while True:
            yield 10.0
            for agent in [one for one in self.team.values() if not one.alive]:
                since = agent.entry["last_heartbeat"]
                if self.now - millis(since) < 25_000 / self.rate:
                    continue
                self._log("watchdog.log", f"[ERROR] {agent.id} ({agent.role}) stopped: no heartbeat since {since}")
                self._forget(agent)
                alert = {"timestamp": iso(self.now), "agent_id": agent.id, "type": "cleanup"}
                alert["message"] = f"Agent removed: no heartbeat since {since}"
                stats = self.health.setdefault("cleanup_stats", {"total_cleanups": 0, "agents_removed": 0})
                stats["total_cleanups"] += 1
                stats["agents_removed"] += 1
                stats["last_cleanup"] = iso(self.now)
                self.health["alerts"] = [*self.health["alerts"], alert][-100:]
                self._coordinate(self._lead, f"Cleaning up 1 stale agent(s): {agent.id}", "WARN")
                if agent.task:
                    self._rescue(agent, agent.task)
                self._start(self._replace_soon(agent))
            self.health["last_updated"], self.health["agents_tracked"] = iso(self.now), {}
            self.health["checks_performed"] += 1
            self.files.put("agent-health-metrics.json", self.health)
            self._put_status()

    def _carry_mail(self) -> Process:
        """Mark bus messages as read now and then, and look every two seconds whether a person wrote something."""
        for turn in itertools.count(1):
            yield 2.0 * self.rate
            for name, content in (("user-messages.jsonl", self.mail), ("tasks.json", self.board)):
                if self.files.changed(name) and (self.files.root / name).exists():
                    self.files.put(name, content)
            if turn % 10 == 0 and self._reads:
                reads, self._reads = self._reads, {}

                def mark(line: str, reads: dict[str, list[str]] = reads) -> str:
                    readers = reads.get(line[15 : line.find('"', 15)])  # {"message_id":"…
                    if not readers:
                        return line
                    message = json.loads(line)
                    message["read_by"] += [one for one in readers if one not in message["read_by"]]
                    return compact(message) + "\n"

                self.files.rewrite_lines("message-bus.jsonl", mark)

    def _beat_on(self, agent: Agent) -> Process:
        pause = 5.0 if self.size <= 20 else min(30.0, self.size * 0.2)
        while agent.alive and agent.id in self.team:
            self._beat(agent)
            yield min(max(pause, 0.5 * self.rate), pause * self.rate)

    def _replace_soon(self, agent: Agent) -> Process:
        yield self._between(20, 60)
        self._start(self._newcomer(agent.role, self._between(1, 3)))


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
    stop = stop or threading.Event()
    team = Team(directory, agents, rate, seed)
    team.history(max(4.0, min(12.0, 400 / agents)))
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
