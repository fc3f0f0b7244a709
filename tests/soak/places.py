"""The formats that can be written to, as :mod:`tests.soak.writers` has many programs write into them at once."""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

ODD: Final = {"mood": {"of": "é", "big": 12345678901234567890}, "list": [1.25, None]}
"""What no reader knows."""
COUNT: Final = 20
LEAD: Final = "3ff4a5fc-0000-4000-8000-000000000001"
TEAM: Final = "session-3ff4a5fc"

Call = Callable[..., Any]


class Done(NamedTuple):
    """A write that was acknowledged: which ``kind``, of what, and a ``word`` that nobody else wrote."""

    kind: str
    id: str
    word: str


class Shared(NamedTuple):
    """A file that the second program writes too."""

    path: Path
    lock: Path
    lock_kind: str
    """``file`` or ``folder``."""


class Place(ABC):
    """One format: a directory of it, what writers do there, and what has to be there in the end.

    The files are read once, when all have written.
    """

    def __init__(self, directory: Path) -> None:
        self.root = directory
        self.make()

    @property
    @abstractmethod
    def shared(self) -> list[Shared]:
        """The files that others write, too."""

    @abstractmethod
    def make(self) -> None:
        """Make the files."""

    @abstractmethod
    def act(self, call: Call, dice: random.Random, number: int, word: str, sent: list[str]) -> Done:
        """Make one change, as writer ``number``; ``sent`` has ids of messages that can be marked as read."""

    @abstractmethod
    def has(self, done: Done) -> bool:
        """Return whether a write is in the files."""

    @abstractmethod
    def words_of_second(self) -> set[str]:
        """Return what the second program has written, as far as it is in the files."""

    @abstractmethod
    def changes(self) -> Iterator[str]:
        """Yield what is not as it was though nobody meant that."""

    last: ClassVar[list[tuple[str, dict[str, Any]]]]
    """Changes of each file, which sweep what killed ones left."""

    def titles(self) -> dict[str, str]:
        """Return the title of each task by its id."""
        return {}


def written(path: Path, data: Any) -> None:
    """Write a document as these programs do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False))


def misformatted(path: Path) -> Iterator[str]:
    """Yield the file if it is written in another way than it was."""
    text = path.read_text()
    if json.dumps(json.loads(text), indent=2, ensure_ascii=False) != text:
        yield f"how {path.name} is written"


def touched(was: dict[str, Any], now: dict[str, Any], ours: set[str]) -> Iterator[str]:
    """Yield an entry of which more was changed than some members, or whose order was."""
    kept = {name: value for name, value in now.items() if name not in ours}
    if kept != {name: value for name, value in was.items() if name not in ours}:
        yield f"{was} → {now}"
    if [name for name in now if name in was] != list(was):
        yield f"the order of {now}"


class Workspace(Place):
    """Notes of tasks, new tasks, and the message bus."""

    last: ClassVar = [
        ("task.update", {"id": "task-0", "notes": "the last one"}),
        ("message.send", {"to": "*", "text": "the last one"}),
    ]

    def make(self) -> None:
        tasks = [{"id": f"task-{n}", "title": f"t {n}", "status": "pending", **ODD} for n in range(COUNT)]
        self._before = {"version": "1.0", "tasks": tasks, "unknown": ODD}
        written(self.root / "tasks.json", self._before)

    @property
    def shared(self) -> list[Shared]:
        return [Shared(self.root / "tasks.json", self.root / "tasks.json.lock", "file")]

    def act(self, call: Call, dice: random.Random, number: int, word: str, sent: list[str]) -> Done:
        chosen = dice.random()
        if chosen < 0.1:
            return Done("task", call("task.create", title=word, tags=["x"])["id"], word)
        if chosen < 0.7:  # the status of all is fought over: what is acknowledged is known by its note
            id = f"task-{dice.randrange(COUNT)}"
            more = {"status": dice.choice(["pending", "in_progress", "blocked"])} if chosen > 0.6 else {}
            call("task.update", id=id, notes=word, **more)
            return Done("note", id, word)
        if chosen < 0.9 or not sent:
            return Done("message", call("message.send", to="*", text=word)["id"], word)
        return Done("read", call("message.read", id=dice.choice(sent))["id"], word)

    @cached_property
    def _notes(self) -> dict[str, list[str]]:
        tasks = json.loads((self.root / "tasks.json").read_text())["tasks"]
        return {task["id"]: [note.partition("] ")[2] or note for note in task.get("notes", [])] for task in tasks}

    @cached_property
    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.root / "message-bus.jsonl").read_text().splitlines()]

    @cached_property
    def _messages(self) -> dict[str, dict[str, Any]]:
        return {line["message_id"]: line for line in self._lines}

    def has(self, done: Done) -> bool:
        notes = self._notes
        if done.kind == "task":
            return done.id in notes
        if done.kind == "note":
            return done.word in notes[done.id]
        line = self._messages.get(done.id, {})
        return bool(line.get("read_by") if done.kind == "read" else line)

    def words_of_second(self) -> set[str]:
        return {note for notes in self._notes.values() for note in notes}

    def changes(self) -> Iterator[str]:
        now = json.loads((self.root / "tasks.json").read_text())
        tasks = {task["id"]: task for task in now["tasks"]}
        for was in self._before["tasks"]:
            yield from touched(was, tasks.get(was["id"], {}), {"status", "notes", "updated_at"})
        yield from touched(self._before, now, {"tasks"})
        yield from misformatted(self.root / "tasks.json")
        yield from (f"notes twice on {id}" for id, held in self._notes.items() if len(held) != len(set(held)))
        lines = self._lines
        if len(lines) != len(self._messages):
            yield "messages twice"


class TaskMaster(Place):
    """Titles, notes and statuses of tasks and new tasks."""

    last: ClassVar = [("task.update", {"id": "master/20", "notes": "the last one"})]

    def make(self) -> None:
        tasks = [
            {"id": n, "title": f"t {n}", "details": "how", "status": "pending", "complexity": 3, "subtasks": [], **ODD}
            for n in range(1, COUNT + 1)
        ]
        self._before = {"master": {"tasks": tasks, "metadata": ODD}, "other": {"tasks": [], "metadata": {}}}
        written(self._path, self._before)

    @property
    def _path(self) -> Path:
        return self.root / "tasks" / "tasks.json"

    @property
    def shared(self) -> list[Shared]:
        return [Shared(self._path, self._path.with_name("tasks.json.lock"), "file")]

    def act(self, call: Call, dice: random.Random, number: int, word: str, sent: list[str]) -> Done:
        chosen = dice.random()
        if chosen < 0.1:
            return Done("task", call("task.create", title=word)["id"], word)
        if chosen < 0.4:
            return Done("title", call("task.update", id=f"master/{number + 1}", title=word)["id"], word)
        id = f"master/{dice.randrange(1, COUNT + 1)}"
        more = {"status": dice.choice(["pending", "in_progress", "blocked"])} if chosen > 0.8 else {}
        call("task.update", id=id, notes=word, **more)
        return Done("note", id, word)

    @cached_property
    def _tasks(self) -> dict[str, dict[str, Any]]:
        return {f"master/{t['id']}": t for t in json.loads(self._path.read_text())["master"]["tasks"]}

    def titles(self) -> dict[str, str]:
        return {id: task["title"] for id, task in self._tasks.items()}

    def has(self, done: Done) -> bool:
        task = self._tasks.get(done.id, {})
        return task.get("title") == done.word if done.kind == "task" else f"\n{done.word}\n" in f"{task['details']}\n"

    def words_of_second(self) -> set[str]:
        return {word for task in self._tasks.values() for word in task.get("notes", [])}

    def changes(self) -> Iterator[str]:
        tasks, now = self._tasks, json.loads(self._path.read_text())
        for was in self._before["master"]["tasks"]:
            ours = {"status", "details", "updatedAt", "title", "notes"}
            yield from touched(was, tasks.get(f"master/{was['id']}", {}), ours)
        yield from touched(self._before["master"], now["master"], {"tasks"})
        if list(now) != list(self._before) or now["other"] != self._before["other"]:
            yield f"the tags: {list(now)}"
        if len(tasks) != len(now["master"]["tasks"]):
            yield "a number twice"
        yield from misformatted(self._path)


class Claude(Place):
    """Inboxes of a team, and the files of its tasks."""

    last: ClassVar = [
        ("message.send", {"to": f"scout@{TEAM}", "text": "the last one"}),
        *(("task.update", {"id": f"{LEAD}:{n}", "owner": "scout"}) for n in range(COUNT)),
    ]

    def make(self) -> None:
        members = [{"name": "team-lead"}, {"name": "scout", "joinedAt": 1784374577049}]
        self._config = {"name": TEAM, "leadSessionId": LEAD, "members": members}
        written(self.root / "teams" / TEAM / "config.json", self._config)
        at = "2026-07-18T10:00:00.000Z"
        self._first = {"from": "team-lead", "text": "look", "timestamp": at, "read": False, **ODD}
        written(self._inbox, [self._first])
        self._before = {
            n: {"id": str(n), "subject": f"t {n}", "status": "pending", "blocks": ["2"], **ODD} for n in range(COUNT)
        }
        for n, task in self._before.items():
            written(self._tasks / f"{n}.json", task)
        (self._tasks / ".lock").touch()

    @property
    def _inbox(self) -> Path:
        return self.root / "teams" / TEAM / "inboxes" / "scout.json"

    @property
    def _tasks(self) -> Path:
        return self.root / "tasks" / TEAM

    @property
    def shared(self) -> list[Shared]:
        own = [Shared(self._tasks / f"{n}.json", self._tasks / ".lock.lock", "folder") for n in range(COUNT)]
        return [*[Shared(self._inbox, self._inbox.with_name("scout.json.lock"), "folder")] * COUNT, *own]

    def act(self, call: Call, dice: random.Random, number: int, word: str, sent: list[str]) -> Done:
        chosen = dice.random()
        if chosen < 0.4:
            return Done("title", call("task.update", id=f"{LEAD}:{number}", title=word)["id"], word)
        if chosen < 0.5:
            id, status = f"{LEAD}:{dice.randrange(COUNT)}", dice.choice(["pending", "in_progress", "completed"])
            return Done("status", call("task.update", id=id, status=status)["id"], word)
        if chosen < 0.9 or not sent:
            return Done("message", call("message.send", to=f"scout@{TEAM}", text=word)["id"], word)
        return Done("read", call("message.read", id=dice.choice(sent))["id"], word)

    @cached_property
    def _entries(self) -> list[dict[str, Any]]:
        entries = json.loads(self._inbox.read_text())
        assert isinstance(entries, list)
        return entries

    def titles(self) -> dict[str, str]:
        return {f"{LEAD}:{n}": json.loads((self._tasks / f"{n}.json").read_text())["subject"] for n in self._before}

    def has(self, done: Done) -> bool:
        if done.kind == "message":
            return [entry["text"] for entry in self._entries].count(done.word) == 1
        return done.kind == "status" or any(entry["read"] for entry in self._entries)

    def words_of_second(self) -> set[str]:
        files = (json.loads(path.read_text()) for path in self._tasks.glob("*.json"))
        return {entry["text"] for entry in self._entries} | {word for task in files for word in task.get("notes", [])}

    def changes(self) -> Iterator[str]:
        for n, was in self._before.items():
            path = self._tasks / f"{n}.json"
            yield from touched(was, json.loads(path.read_text()), {"status", "subject", "notes", "owner"})
            yield from misformatted(path)
        yield from touched(self._first, self._entries[0], {"read"})
        yield from misformatted(self._inbox)
        if json.loads((self.root / "teams" / TEAM / "config.json").read_text()) != self._config:
            yield "the team"


PLACES: Final[dict[str, tuple[type[Place], str]]] = {
    "workspace": (Workspace, "memory"),
    "taskmaster": (TaskMaster, "project/.taskmaster"),
    "claude": (Claude, "claude"),
}
"""Name → a format, and the directory that it is in."""
