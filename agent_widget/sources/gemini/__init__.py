"""Gemini CLI: the chats that it records for each project below ``~/.gemini/tmp/<project>/chats/``.

Facts are from the producer's ``chatRecordingService.ts``, ``chatRecordingTypes.ts``, ``trackerService.ts`` and
``trackerTools.ts`` and from recordings of 2026.
What the format teaches, and what follows:

- A chat is an event log in which the last write wins: a message is written again when its tools have returned, and
  ``$set.messages`` replaces all. So each thing that was said, called or returned is a step only once.
- An answer without text that calls tools is first written without the calls; they come when they are over. So it is
  working meanwhile, and the files do not tell a tool that runs from one that waits for permission.
- After a compression the list of messages begins with a summary nobody said: new messages in a replaced list count
  only if they were billed.
- ``input`` includes ``cached``; ``thoughts`` are not in ``output``; no cost. ``tool`` is input, too.
- A subagent's chat is in a directory named like its parent session; its id is ``agentId`` in the parent's call.
- Older chats are one JSON document each. A resumed one goes on as ``.jsonl`` with all its messages: same ids.
- Todos are told whole by each call of ``write_todos``. With the newer task tracker each task is a small file in
  ``tmp/<project>/<session>/tracker/``, rewritten and never deleted. It has no times: those are its calls'.
- A project is a slug, formerly the SHA-256 of its path; ``projects.json`` has the paths.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b, sha256
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import msgspec

from ..base import (
    READERS,
    Document,
    Item,
    Malformed,
    Reader,
    Record,
    Source,
    directory_name,
    millis,
    moved,
    named,
    parse_as,
    parse_object,
    preview,
)
from ..conversation import TASK_STATUS, Conversation
from ..ledger import Book, Ledger
from ..steps import (
    PERSON,
    About,
    Call,
    Plan,
    Prompt,
    Reply,
    Result,
    Return,
    Spawn,
    Step,
    Thinking,
    Todo,
    TurnEnd,
    Usage,
    asks,
    placeholder,
)
from .records import Facts, Message, ToolCall, document_decoder, line_decoder, message_decoder, task_decoder

FILES: Final[tuple[tuple[str, Literal["lines", "document"], str], ...]] = (
    # pattern, part by part from the root; how it is read; what it holds
    ("tmp/*/chats/session-*.jsonl", "lines", "chat"),
    ("tmp/*/chats/*/*.jsonl", "lines", "subagent"),
    ("tmp/*/chats/session-*.json", "document", "chat"),
    ("tmp/*/*/tracker/*.json", "document", "task"),
    ("projects.json", "document", "projects"),
)

_UNSAID: Final = ("<session_context>", "This is the Gemini CLI. We are setting up the context")
_WHERE: Final = re.compile(r"(?:Workspace Directories:[* ]*|working in the [a-z ]+:)\s*(?:- )?(/.*|[A-Z]:\\.*)")
_COMMAND: Final = "I ran the following shell command:"
_EDITORS: Final = frozenset({"write_file", "replace", "edit"})
_SESSION: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_TRACKS: Final = frozenset({"tracker_create_task", "tracker_update_task", "tracker_add_dependency"})
_CREATED: Final = re.compile(r"Created task ([0-9a-f]{6})\b")
_TURNS: Final = {"in_progress": "started_at", "closed": "completed_at"}
_STATUS: Final[dict[str, Literal["ok", "error", "cancelled"]]] = {
    "success": "ok",
    "error": "error",
    "cancelled": "cancelled",
}


class Gemini(Source):
    """``~/.gemini``."""

    name = "gemini"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger())
        self.projects: dict[str, str] = {}
        """Directory below ``tmp`` → what the project is called."""
        self.chats: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        """Directory below ``tmp`` → sessions and agents in it."""
        self.tracks: set[str] = set()
        """Tasks of trackers."""
        self.times: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """Task → when it was made, begun, closed or changed."""

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``.gemini`` in ``$GEMINI_CLI_HOME``, else in the home directory."""
        return [place / ".gemini" for place in moved(environ, home, "GEMINI_CLI_HOME") or [home]]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """By the chats of any project."""
        return any(directory.glob("tmp/*/chats"))

    def skips(self, path: PurePosixPath) -> bool:
        """All but the chats and the trackers of sessions."""
        if path.parts[0] != "tmp":
            return True
        if len(path.parts) < 3 or path.parts[2] == "chats":
            return False
        return not _SESSION.fullmatch(path.parts[2]) or path.parts[3:] not in ((), ("tracker",))

    def reader(self, path: PurePosixPath) -> Reader | None:
        """By :data:`FILES`."""
        for pattern, mode, what in FILES:
            if len(PurePosixPath(pattern).parts) == len(path.parts) and path.match(pattern):
                if what == "projects":
                    return Document(self.named_projects)
                if what == "task":
                    return Document(partial(self.tracked, self.namespace + path.parts[2]))
                chat = _Chat(self, path, path.parts[3] if what == "subagent" else None)
                return READERS[mode](chat.read if mode == "lines" else chat.read_document)
        return None

    def project(self, directory: str) -> str | None:
        """What the project in a directory below ``tmp`` is called."""
        is_hash = len(directory) == 64 and all(letter in "0123456789abcdef" for letter in directory)
        return self.projects.get(directory, None if is_hash else directory)

    def named_projects(self, data: bytes) -> Iterator[Item]:
        """The paths of all projects."""
        listed = parse_object(data).get("projects")
        for path, slug in listed.items() if isinstance(listed, dict) else ():
            name = directory_name(path)
            for directory in (slug, sha256(path.encode("utf-8", "replace")).hexdigest()):
                if name is None or not isinstance(directory, str) or self.projects.get(directory) == name:
                    continue
                self.projects[directory] = name
                for session, agent in sorted(self.chats[directory]):
                    yield Record("sessions", session, {"project": name})
                    main = {"name": name} if session == agent else {}
                    yield Record("agents", agent, {"project": name, **main})

    def tracked(self, session: str, data: bytes) -> Iterator[Item]:
        """``tracker/<task>.json``: one task of a session, as it is now."""
        task = parse_as(task_decoder, data)
        status = TASK_STATUS.get(task.status, "pending")
        fields: dict[str, Any] = {
            "title": preview(task.title),
            "description": preview(named(task.description)),
            "status": status,
            "progress": {"completed": 1.0, "pending": 0.0}.get(status),
            "owner": f"{session}/{task.subagentSessionId}" if task.subagentSessionId else session,
            "session_id": session,
            "parent_id": f"{session}:{task.parentId}" if task.parentId else None,
            "depends_on": [f"{session}:{other}" for other in task.dependencies],
            "tags": [task.type] if task.type else [],
        }
        row = f"{session}:{task.id}"
        self.tracks.add(row)
        yield Record("tasks", row, {**fields, **self.times[row]})

    def happened(self, task: str, times: dict[str, int]) -> Iterator[Item]:
        """A call tells when something happened to a task of the tracker; what it is, its file tells."""
        self.times[task].update(times)
        if task in self.tracks:
            yield Record("tasks", task, times)


class _Chat:
    """Reads one chat, from either format."""

    def __init__(self, source: Gemini, path: PurePosixPath, parent: str | None) -> None:
        self.source = source
        self.path = path
        self.parent = parent
        self._open(path.stem)

    def _open(self, session: str) -> None:
        space, file = self.source.namespace, str(self.path.with_suffix(""))
        if self.parent is not None:
            main = space + self.parent
            self.talk = Conversation(self.source.book, file, main, f"{main}/{session}", main)
        else:
            self.talk = Conversation(self.source.book, file, space + session)
        self.at = 0
        self.seen: set[str] = set()
        self.told: set[bytes] = set()
        """What was in a list of all messages, by its digest: the list is written again with each that comes."""
        self.tracking: dict[str, ToolCall] = {}
        """Calls of the task tracker that have not returned."""
        self.titled = False

    def read(self, line: bytes) -> Iterable[Item]:
        """One line of the event log."""
        if not line.strip():
            return
        entry = parse_as(line_decoder, line)
        if entry.rewind is not None:
            steps: Iterator[Step] = iter([TurnEnd(self.at, reason="went back to an earlier message")])
        elif entry.id is not None:
            steps = self._said(parse_as(message_decoder, line))
        elif entry.set is not None:
            steps = self._update(entry.set)
        elif entry.sessionId is not None:
            steps = self._update(entry)
        else:
            self.source.unknown["line"] += 1
            return
        for step in steps:
            yield from self._rows(step)

    def read_document(self, data: bytes) -> Iterator[Item]:
        """A whole chat; what was in it before says nothing new."""
        facts = parse_as(document_decoder, data)
        if facts.sessionId is None:
            raise Malformed("not a chat")
        for step in self._update(facts, grows=True):
            yield from self._rows(step)

    def _rows(self, step: Step) -> Iterator[Item]:
        yield from self.talk.take(step)
        if isinstance(step, Result) and step.status == "ok" and (call := self.tracking.pop(step.call_id, None)):
            yield from self._tracked(call, step)

    def _tracked(self, call: ToolCall, result: Result) -> Iterator[Item]:
        """When a task was made or changed: its file says what it is."""
        given = call.args if isinstance(call.args, dict) else {}
        if call.name == "tracker_create_task":
            found = _CREATED.match(result.output) if isinstance(result.output, str) else None
            id, fields = found and found.group(1), {"created_at": result.at, "updated_at": result.at}
        else:
            id, fields = named(given.get("id") or given.get("taskId")), {"updated_at": result.at}
            if given.get("status") in _TURNS:
                fields[_TURNS[given["status"]]] = result.at
        if id:
            yield from self.source.happened(f"{self.talk.session}:{id}", fields)

    def _time(self, text: str | None) -> int:
        at = millis(text)
        if at is None:
            raise Malformed(f"not a time: {str(text)[:40]}")
        self.at = max(self.at, at)
        return at

    def _update(self, facts: Facts, *, grows: bool = False) -> Iterator[Step]:
        """``grows``: the list of messages is the one there was, and more; else it may be what a compression left."""
        began = len(self.seen) > 1 and not grows
        if facts.startTime is not None and facts.sessionId is not None and self._new(f"session:{facts.sessionId}"):
            yield from self._start(facts.sessionId, self._time(facts.startTime))
        new = {digest: data for data in facts.messages or () if (digest := _digest(data)) not in self.told}
        messages = [parse_as(message_decoder, bytes(data)) for data in new.values()]  # all, or it is malformed
        self.told.update(new)
        for message in messages:
            if not began or message.id in self.seen or message.tokens is not None:
                yield from self._said(message)
        if (summary := named(facts.summary)) is not None:
            self.titled = True
            yield About(self.at, {"title": preview(summary)}, {})

    def _start(self, session: str, at: int) -> Iterator[Step]:
        self._open(session)
        self.at = at
        self.seen.add(f"session:{session}")
        directory = self.path.parts[1]
        project, talk = self.source.project(directory), self.talk
        self.source.chats[directory].add((talk.session, talk.agent))
        name = (project or session[:8]) if talk.parent is None else session
        path = str(self.path) if talk.parent is None else None
        yield About(at, {"project": project, "path": path}, {"name": name, "project": project})
        yield TurnEnd(at, reason="session started")

    def _new(self, key: str) -> bool:
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def _said(self, message: Message) -> Iterator[Step]:
        at = self._time(message.timestamp)
        if message.type == "gemini":
            yield from self._answer(message, at)
        elif self._new(message.id):
            text = _text(message.content)
            if message.type == "user":
                yield from self._prompt(message, text, at)
            elif message.type == "error":
                yield TurnEnd(at, "failed", named(text))
            elif message.type == "info":
                if text == "Request cancelled.":
                    yield TurnEnd(at, "interrupted")
            elif message.type != "warning":
                self.source.unknown[f"message/{message.type}"] += 1

    def _prompt(self, message: Message, text: str, at: int) -> Iterator[Step]:
        if not text:  # what tools returned
            return
        if text.startswith(_UNSAID):  # what the program says first
            where, project = _WHERE.search(text), self.source.project(self.path.parts[1])
            if where is not None and project is None:
                project = directory_name(where.group(1).strip())
                yield About(at, {"project": project}, {"project": project, "name": project})
            return
        if text.startswith(_COMMAND):  # the person's own command: nobody answers
            return
        text = _text(message.displayContent) or text
        if not self.titled and self.talk.parent is None:
            self.titled = True
            yield About(at, {"title": preview(text)}, {})
        yield Prompt(at, message.id, text, self.talk.parent or PERSON)

    def _answer(self, message: Message, at: int) -> Iterator[Step]:
        thoughts, text = message.thoughts or (), _text(message.content)
        first = self._new(message.id)
        if thoughts and self._new(f"{message.id}:thoughts"):
            told = "\n".join(": ".join(filter(None, (part.subject, part.description))) for part in thoughts)
            yield Thinking(at, f"{message.id}:thinking", told)
        if text and self._new(f"{message.id}:text"):
            yield Reply(at, message.id, text)
        if message.tokens is not None:
            yield Usage(at, message.id, message.tokens.tokens, message.model)
        for call in message.toolCalls or ():
            yield from self._tool(call, at)
        calls = message.toolCalls or []
        if not calls:
            if text and first:
                yield TurnEnd(at, "asked" if asks(text) else "done")
            elif first and not thoughts:
                yield Thinking(at, f"{message.id}:thinking", "")
        elif all(call.status == "cancelled" for call in calls) and self._new(f"{message.id}:cancelled"):
            yield TurnEnd(self.at, "interrupted", "you declined or stopped its tools")
        elif any(call.name == "complete_task" and call.status == "success" for call in calls):
            yield TurnEnd(self.at)

    def _tool(self, call: ToolCall, at: int) -> Iterator[Step]:
        call_id = f"{self.talk.session}:{call.id}"
        given = call.args if isinstance(call.args, dict) else {}
        waits = call.status == "awaiting_approval"
        if self._new(f"call:{call.id}") or (waits and self._new(f"asked:{call.id}")):
            yield Call(at, call_id, call.name, call.args, approval=waits)
        status = _STATUS.get(call.status)
        if status is None or not self._new(f"result:{call.id}"):
            return
        ended = max(at, self._time(call.timestamp)) if call.timestamp else at
        output, error = _returned(call.result)
        path = given.get("file_path")
        edits = status == "ok" and call.name in _EDITORS and isinstance(path, str)
        if call.agentId:
            agent = f"{self.talk.session}/{call.agentId}"
            task = named(given.get("prompt")) or named(given.get("objective")) or preview(call.args) or ""
            yield Spawn(at, call_id, agent, task, named(given.get("agent_name")) or call.name)
        if call.name in _TRACKS:
            self.tracking[call_id] = call
        yield Result(ended, call_id, status, output, error, files=(str(path),) if edits else ())
        if call.agentId:
            yield Return(ended, agent, output or error, status != "ok")
        if call.name == "write_todos" and status == "ok" and isinstance(todos := given.get("todos"), list):
            yield Plan(ended, tuple(_todos(todos)))


def _digest(data: msgspec.Raw) -> bytes:
    return blake2b(data, digest_size=12).digest()


def _text(content: Any) -> str:
    """The text in a list of parts, one part, or a text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = (part if isinstance(part, str) else _of_part(part) if isinstance(part, dict) else None for part in parts)
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _of_part(part: dict[str, Any]) -> Any:
    data = part.get("inlineData") or part.get("fileData")
    return part.get("text") or (placeholder(data.get("mimeType")) if isinstance(data, dict) else None)


def _returned(result: Any) -> tuple[str | None, str | None]:
    """What a tool returned, and what went wrong."""
    output, error = [], []
    for part in result if isinstance(result, list) else [result]:
        answer = part.get("functionResponse") if isinstance(part, dict) else None
        response = answer.get("response") if isinstance(answer, dict) else None
        if isinstance(response, dict):
            output.append(response.get("output"))
            error.append(response.get("error"))
        else:
            output.append(_text(part))
    texts = ["\n".join(text for text in found if isinstance(text, str) and text) for found in (output, error)]
    return texts[0] or None, texts[1] or None


def _todos(listed: list[Any]) -> Iterator[Todo]:
    """The entries of a list that have no ids; an entry is known by its text."""
    for entry in listed:
        title = named(entry.get("description")) if isinstance(entry, dict) else None
        if title is not None:
            yield Todo(blake2b(title.encode(), digest_size=4).hexdigest(), title, str(entry.get("status")))
