"""What a transcript is made of: steps as entries; :mod:`agent_widget.data.transcript` describes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...sources.conversation import Conversation
from ...sources.steps import Call, Closed, Plan, Prompt, Reply, Result, Return, Spawn, Step, Thinking, TurnEnd
from .diffs import diff_of


class Place(NamedTuple):
    """Where an entry stands: in which file, and where there (an offset, a number, an id)."""

    at: str
    file: str

    def __str__(self) -> str:
        return f"{self.at}@{self.file}"

    @staticmethod
    def parse(text: str) -> Place:
        """Return the place that ``str(place)`` wrote. Raises ``ValueError`` for any other text."""
        at, separator, file = text.partition("@")
        if not at or not separator:
            raise ValueError(
                f"{text[:60]!r} is no place in a transcript; leave it out to begin with the newest entries"
            )
        return Place(at, file)


@dataclass(slots=True)
class Entry:
    """One entry, and where it stands."""

    place: Place
    fields: dict[str, Any]

    @property
    def unfinished(self) -> bool:
        """Whether it is a call without a result."""
        return bool(self.fields.get("status") == "running")


@dataclass(slots=True)
class Listener:
    """Takes the steps of a reader and makes entries of those of one agent."""

    agent_id: str
    entries: list[Entry] = field(default_factory=list)
    at: str = "0"
    """Position of the reader in the file."""
    file: str = ""
    ignore: bool = False
    """The reader is only finding out whose file it is."""
    finishing: bool = False
    """The extract is complete; only the results of its calls are still taken."""
    by_file: bool = False
    """Whether the conversation's ``file`` is the place: rows of a database bear their message's id there."""
    _known: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def __call__(self, talk: Conversation, step: Step) -> None:
        """Take one step."""
        if self.ignore or talk.agent != self.agent_id:
            return
        if self.by_file:
            self.at = talk.file
        if isinstance(step, Result):
            self._result(step)
        elif not self.finishing:
            self._take(step)

    @property
    def waits(self) -> bool:
        """Whether some call has no result yet."""
        return any(entry.unfinished for entry in self.entries)

    def _take(self, step: Step) -> None:
        if isinstance(step, Prompt):
            self._add("prompt", step.at, step.id, sender=step.sender, text=step.text)
        elif isinstance(step, Reply):
            self._add("reply", step.at, step.id, text=step.text)
        elif isinstance(step, Thinking):
            self._add("thinking", step.at, step.id, text=step.text or None)
        elif isinstance(step, Call):
            self._call(step)
        elif isinstance(step, Plan):
            todos = [{"id": todo.id, "title": todo.title, "status": todo.status} for todo in step.todos]
            self._add("plan", step.at, "", todos=todos)
        elif isinstance(step, Spawn):
            if (call := self._known.get(("tool", step.call_id))) is not None:
                call.fields["child"] = step.agent_id
        elif isinstance(step, Return):
            self._add("answer", step.at, "", sender=step.agent_id, text=step.text, failed=step.failed)
        elif isinstance(step, TurnEnd):
            self._add("end", step.at, "", how=step.how, text=step.reason)
        elif isinstance(step, Closed):
            self._add("end", step.at, "", how="failed" if step.failed else "closed", text=None)

    def _add(self, kind: str, at: int, id: str, **fields: Any) -> Entry:
        known = self._known.get((kind, id)) if id else None
        if known is not None:  # written once more: the later values count
            known.fields.update({name: value for name, value in fields.items() if value is not None})
            return known
        place = Place(self.at, self.file)
        unnamed = f"{place}.{sum(1 for entry in self.entries if entry.place == place)}"
        entry = Entry(place, {"id": id or unnamed, "at": at, "kind": kind, **fields})
        self.entries.append(entry)
        if id:
            self._known[kind, id] = entry
        return entry

    def _call(self, step: Call) -> None:
        before = self._known.get(("tool", step.id))
        given = {"name": step.name, "input": step.input, "asks": step.asks}
        if before is None:
            empty: dict[str, Any] = {
                "output": None,
                "status": "running",
                "duration_ms": None,
                "error": None,
                "files": [],
                "child": None,
            }
            self._add("tool", step.at, step.id, **given, diff=diff_of(step.name, step.input), **empty)
        else:
            before.fields.update({name: value for name, value in given.items() if value is not None})

    def _result(self, step: Result) -> None:
        entry = self._known.get(("tool", step.call_id))
        if entry is None:
            return
        duration = step.duration_ms if step.duration_ms is not None else max(0, step.at - entry.fields["at"])
        entry.fields.update(
            status=step.status, output=step.output, error=step.error, duration_ms=duration, files=list(step.files)
        )
