"""task-master (eyaltoledano/claude-task-master): the task list of a project, in its directory ``.taskmaster``.

Facts are from the producer's ``packages/tm-core`` and its own task list (2026). What they teach, and what follows:

- ``tasks/tasks.json`` is rewritten whole: ``{tag: {tasks, metadata}}``, or ``{tasks, metadata}`` before there were
  tags, which the producer takes as the tag ``master``. Ids count from 1 in every tag, so a row is ``<tag>/<id>``.
- Subtasks count from 1 in their task: ``<tag>/<task>.<subtask>``. In a subtask a bare number is a sibling; with a
  point, and in a task, it is an id of the tag.
- Programs that write the list by themselves give an id twice, or other words for a status: ``complete``,
  ``in_progress``.
- Only what was updated lately has a time, and it is that of the last change. Nobody owns a task unless it came from
  their service.
- ``review`` and ``deferred`` have no equal in our words; the word itself becomes a tag.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from .base import (
    Document,
    Gone,
    Item,
    Malformed,
    Record,
    Source,
    clean,
    millis,
    named,
    parse_object,
    preview,
)

FILE: Final = "tasks/tasks.json"

_STATUS: Final = {
    **dict.fromkeys(("pending", "deferred", "todo", "open", "not-started"), "pending"),
    **dict.fromkeys(("in-progress", "review", "doing", "active", "started"), "in_progress"),
    "blocked": "blocked",
    **dict.fromkeys(("done", "completed", "complete", "closed", "finished"), "completed"),
    **dict.fromkeys(("cancelled", "canceled", "deleted"), "cancelled"),
    "failed": "failed",
}
_NO_EQUAL: Final = frozenset({"deferred", "review"})


class TaskMaster(Source):
    """``.taskmaster`` in the directory of a project."""

    name = "taskmaster"
    has_transcripts = False
    folder = ".taskmaster"
    moved_by = ("TASK_MASTER_PROJECT_ROOT/.taskmaster",)
    files = {FILE: lambda taskmaster, path: Document(taskmaster.read)}

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self._listed: set[str] = set()

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """Return whether a directory is one, by its name (the list may still be to come) or by the list."""
        return directory.name == ".taskmaster" or ((directory / FILE).is_file() and _is_ours(directory))

    def read(self, data: bytes) -> Iterable[Item]:
        """Return the tasks of all tags."""
        document = parse_object(data)
        if isinstance(document.get("tasks"), list):
            document = {"master": document}
        tags = {tag: held["tasks"] for tag, held in document.items() if _is_tag(held)}
        if document and not tags:
            raise Malformed("no list of tasks")
        rows = [record for tag, tasks in tags.items() for record in self._tag(clean(tag), tasks)]
        yield from rows
        listed = {record.id for record in rows}
        for id in sorted(self._listed - listed):
            yield Gone("tasks", id)
        self._listed = listed

    def _tag(self, tag: str, tasks: list[Any]) -> Iterator[Record]:
        known: Counter[str] = Counter()
        for index, task in enumerate(tasks):
            id = _id(task)
            if id is None:
                self.odd("task without id", f"{tag}/{index}")
                continue
            subtasks = [sub for sub in _list(task, "subtasks") if _id(sub) is not None]
            yield self._task(task, tag, _again(id, known), None, _share(subtasks))
            below: Counter[str] = Counter()
            for sub in subtasks:
                yield self._task(sub, tag, f"{id}.{_again(_id(sub) or '', below)}", id, None)

    def _task(self, task: Mapping[str, Any], tag: str, id: str, parent: str | None, share: float | None) -> Record:
        word = _word(task)
        status = _STATUS.get(word or "")
        if status is None and named(word):
            self.odd(f"status/{word}", self._row(tag, id))
        needs = (_number(needed) for needed in _list(task, "dependencies"))
        known = [f"{parent}.{needed}" if parent and "." not in needed else needed for needed in needs if needed]
        tags = [text for label in _list(task, "tags") if (text := named(label))]
        if share is None and status == "pending":
            share = 0.0
        fields: dict[str, Any] = {
            "title": preview(named(task.get("title"))),
            "description": preview(named(task.get("description"))),
            "status": status or "pending",
            "priority": named(task.get("priority")),
            "owner": named(task.get("assignee")),
            "progress": 1.0 if status == "completed" else share,
            "parent_id": self._row(tag, parent) if parent else None,
            "depends_on": [self._row(tag, needed) for needed in known],
            "tags": list(dict.fromkeys([tag, *tags, *([word] if word in _NO_EQUAL else [])])),
            "created_at": millis(task.get("createdAt")),
            "updated_at": millis(task.get("updatedAt")),
            "notes": preview(named(task.get("details"))),
        }
        return Record("tasks", self._row(tag, id), fields)

    def _row(self, tag: str, id: str) -> str:
        return f"{self.namespace}{tag}/{id}"


def _is_ours(directory: Path) -> bool:
    return (directory / "config.json").is_file() or (directory / "state.json").is_file()


def _is_tag(held: Any) -> bool:
    return isinstance(held, dict) and isinstance(held.get("tasks"), list)


def _list(task: Mapping[str, Any], name: str) -> list[Any]:
    found = task.get(name)
    return found if isinstance(found, list) else []


def _id(task: Any) -> str | None:
    return _number(task.get("id")) if isinstance(task, dict) else None


def _number(value: Any) -> str | None:
    """Return an id as text: some versions write numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    try:
        return clean(str(value)).strip() or None
    except ValueError:  # more digits than Python turns into text
        return None


def _again(id: str, known: Counter[str]) -> str:
    """Return an id; one that was used before in the list with how often, so that nothing is lost."""
    known[id] += 1
    return id if known[id] == 1 else f"{id}~{known[id]}"


def _word(task: Mapping[str, Any]) -> str | None:
    """Return a task's status as the producer writes it."""
    word = named(task.get("status"))
    return word and word.lower().replace("_", "-").replace(" ", "-")


def _share(subtasks: list[Any]) -> float | None:
    """Return how much of a task is done (0 to 1), by its subtasks that still count."""
    found = [_STATUS.get(_word(sub) or "") for sub in subtasks]
    words = [status for status in found if status != "cancelled"]
    return words.count("completed") / len(words) if words else None
