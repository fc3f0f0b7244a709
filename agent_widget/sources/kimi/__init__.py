"""Kimi CLI (MoonshotAI/kimi-cli): a directory for each session below ``~/.kimi/sessions/<hash of the directory>/``.

Facts are from the producer's ``wire/types.py``, ``wire/file.py``, ``session*.py`` and ``subagents/`` (version 1.49,
wire protocol 1.10); no recording was at hand. What they teach, and what follows:

- ``wire.jsonl`` is what the agent told its user interface: a header, then ``{timestamp, message{type, payload}}`` with
  the time in seconds. Texts and calls are written when they are whole. Nothing has an id but calls and answers of the
  model, so texts go by their time; calls are counted anew in every session, so they go by their time, too.
- Where a session works stands in ``kimi.json`` alone, found by the hash. Nothing names the model of the main agent, so
  there is no cost; ``meta.json`` of a subagent names its own.
- Every turn is closed by ``TurnEnd``, a cancelled one too: only calls without a result tell that. Before the end of one
  that broke stands ``StepInterrupted``, which older versions wrote for a cancelled one as well.
- Permissions that are asked for are in the session's own wire, those of its subagents too, with their ``agent_id``.
- A subagent has a wire of its own, which the session's repeats as ``SubagentEvent``; before there were ids of
  subagents, the session's wire was the only one.
- A forked session begins with the same lines and does not say where they are from. Usage is counted once, by the
  model's id of the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b, md5
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from ...tables import LOG_LEVELS
from ..base import (
    Document,
    Evidence,
    Item,
    Lines,
    Malformed,
    Reader,
    Record,
    Source,
    directory_name,
    millis,
    moved,
    named,
    parse_as,
    parse_json,
    parse_object,
    preview,
)
from ..conversation import SILENCE_MS, Conversation
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
    Tokens,
    TurnEnd,
    TurnStart,
    Usage,
    asks,
)
from .wire import Called, Line, Message, Request, Response, Returned, StatusUpdate, Subagent, SubagentEvent

_ASKING: Final = {"AskUserQuestion": "a question to you"}
_DENIED: Final = "rejected by the user"
"""In the words of a call's result, if the person did not permit it."""
_SILENT: Final = frozenset(
    "StepBegin StepRetry ToolCallPart HookTriggered HookResolved HookRequest MCPLoadingBegin MCPLoadingEnd "
    "CompactionEnd PlanDisplay BtwBegin BtwEnd ToolCallRequest".split()
)
_META_STATUS: Final = {
    "running_foreground": ("working", "runs"),
    "running_background": ("working", "runs in the background"),
    "completed": ("done", "completed"),
    "idle": ("done", "reported its result"),
    "failed": ("failed", "failed"),
    "killed": ("failed", "was stopped"),
}


_record = msgspec.json.Decoder(Line)
_subagent = msgspec.json.Decoder(Subagent)


class Kimi(Source):
    """``~/.kimi``."""

    name = "kimi"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger())
        self.titled: set[str] = set()
        """Sessions whose title is in their state."""
        self.models: dict[str, str] = {}
        """Subagent → its model, as far as it is known by now."""
        self._projects: dict[str, str] = {}  # hash → directory
        self._sessions: defaultdict[str, set[str]] = defaultdict(set)  # hash → sessions seen

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``$KIMI_SHARE_DIR``, else ``~/.kimi``."""
        return moved(environ, home, "KIMI_SHARE_DIR") or [home / ".kimi"]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """By the list of directories it worked in, or by any session."""
        return (directory / "kimi.json").is_file() or any(directory.glob("sessions/*/*/wire.jsonl"))

    def skips(self, path: PurePosixPath) -> bool:
        """All but sessions and their subagents."""
        depth = len(path.parts)
        return path.parts[0] != "sessions" or depth > 5 or (depth > 3 and path.parts[3] != "subagents")

    def reader(self, path: PurePosixPath) -> Reader | None:
        """By the place of the file: wires, states, subagents' facts, and the list of directories."""
        parts = path.parts
        if parts == ("kimi.json",):
            return Document(self._places)
        if parts[0] != "sessions" or len(parts) not in (4, 6) or (len(parts) == 6 and parts[3] != "subagents"):
            return None
        session = self.namespace + parts[2]
        if path.name == "wire.jsonl":
            return Lines(_Wire(self, path, session, parts[4] if len(parts) == 6 else None).read)
        if path.name == "state.json" and len(parts) == 4:
            return Document(lambda data: self._state(data, session))
        if path.name == "meta.json" and len(parts) == 6:
            return Document(lambda data: self._meta(data, session))
        return None

    def project(self, folder: str, session: str) -> str | None:
        """Where a session works, as far as it is known by now."""
        self._sessions[folder].add(session)
        return directory_name(self._projects.get(folder))

    def _places(self, data: bytes) -> Iterator[Item]:
        listed = parse_object(data).get("work_dirs")
        for place in listed if isinstance(listed, list) else ():
            path = named(place.get("path")) if isinstance(place, dict) else None
            if path is None:
                continue
            kaos, digest = place.get("kaos"), md5(path.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
            folder = digest if kaos in (None, "local") else f"{kaos}_{digest}"
            self._projects[folder] = path
            project = directory_name(path)
            for session in sorted(self._sessions.get(folder, ())):
                yield Record("sessions", session, {"project": project})
                yield Record("agents", session, {"project": project, "name": project})

    def _state(self, data: bytes, session: str) -> Iterator[Item]:
        title = named(parse_object(data).get("custom_title"))
        if title is not None:
            self.titled.add(session)
            yield Record("sessions", session, {"title": preview(title)})

    def _meta(self, data: bytes, session: str) -> Iterator[Item]:
        told = parse_as(_subagent, data)
        started, updated = millis(told.created_at), millis(told.updated_at)
        if started is None or updated is None:
            raise Malformed("a subagent without a time")
        id = f"{session}/{told.agent_id}"
        facts = {"name": named(told.description) or told.agent_id, "role": told.subagent_type, "parent_id": session}
        times = {"started_at": started, "last_seen_at": updated, "session_id": session}
        if model := named(told.launch_spec.get("effective_model")):
            self.models[id] = model
        yield Record("agents", id, {**facts, **times, **({"model": model} if model else {})})
        if told.status == "idle" and updated == started:
            return  # it was made and has not begun
        if told.status not in _META_STATUS:
            self.odd(f"subagent/{told.status}", id)
            return
        status, reason = _META_STATUS[told.status]
        yield Evidence(id, updated, status, reason, SILENCE_MS.get(status), beat="new line")


class _Voice:
    """One agent that speaks in a wire."""

    def __init__(self, talk: Conversation) -> None:
        self.talk = talk
        self.calls: dict[str, tuple[str, Call]] = {}  # the model's id of a running call → its row, and the call
        self.spawned: dict[str, str] = {}  # the model's id of a call → the agent that it started
        self.said: str | None = None
        self.broken = False
        self.denied = False
        self.titled = False


class _Wire:
    """Reads one wire."""

    def __init__(self, source: Kimi, path: PurePosixPath, session: str, agent: str | None) -> None:
        self.source = source
        self.path = path
        self.session = session
        parent = None if agent is None else session
        id = None if agent is None else f"{session}/{agent}"
        self.voice = _Voice(Conversation(source.book, str(path), session, id, parent))
        self.children: dict[str, _Voice] = {}  # call → subagent that has no wire of its own
        self.linked: set[str] = set()
        self.asked: dict[str, str] = {}  # request → subagent that waits, or the call of this one
        self.opened = False

    def read(self, line: bytes) -> Iterable[Item]:
        """One message."""
        if not line.strip():
            return
        record = parse_as(_record, line)
        if record.message is None:
            if record.type != "metadata":
                raise Malformed("neither a message nor the header")
            return
        at = millis(record.timestamp)
        if at is None:
            raise Malformed("a message without a time")
        if not self.opened:
            self.opened = True
            yield from self.voice.talk.take(self._about(at))
        id = blake2b(line.strip(), digest_size=8).hexdigest()
        yield from self._take(self.voice, record.message, at, id)

    def _about(self, at: int) -> About:
        if self.voice.talk.parent is not None:
            return About(at, {}, {})
        project = self.source.project(self.path.parts[1], self.session)
        name = project or self.session[:8]
        return About(at, {"project": project, "path": str(self.path)}, {"name": name, "project": project})

    def _take(self, voice: _Voice, message: Message, at: int, id: str) -> Iterator[Item]:
        kind, payload = message.type, message.payload
        if kind == "SubagentEvent":
            yield from self._subagent(voice, msgspec.convert(payload, SubagentEvent), at, id)
        elif kind == "Notification":
            yield self._notification(payload, at, id)
        elif kind in ("ApprovalRequest", "ApprovalResponse", "ApprovalRequestResolved"):
            yield from self._approval(voice, kind, payload, at)
        else:
            for step in self._steps(voice, kind, payload, at, id):
                yield from voice.talk.take(step)

    def _steps(self, voice: _Voice, kind: str, payload: dict[str, Any], at: int, id: str) -> Iterator[Step]:
        if kind in ("TurnBegin", "SteerInput"):
            yield from self._prompt(voice, kind, _said(payload.get("user_input")), at, id)
        elif kind == "ContentPart":
            yield from self._part(voice, payload, at, id)
        elif kind == "ToolCall":
            yield from self._call(voice, msgspec.convert(payload, Called), at)
        elif kind == "ToolResult":
            yield from self._result(voice, msgspec.convert(payload, Returned), at)
        elif kind == "StatusUpdate":
            status = msgspec.convert(payload, StatusUpdate)
            if counts := status.token_usage:
                read, write = counts.input_cache_read, counts.input_cache_creation
                tokens = Tokens(counts.input_other, counts.output, read, write)
                yield Usage(at, status.message_id or id, tokens, self.source.models.get(voice.talk.agent))
        elif kind == "QuestionRequest":
            request = msgspec.convert(payload, Request)
            asked = next((q for question in request.questions if (q := named(question.get("question")))), None)
            if request.tool_call_id in voice.calls:
                call = voice.calls[request.tool_call_id][1]
                yield call._replace(at=at, asks=asked or "a question to you")
        elif kind == "CompactionBegin":
            yield TurnStart(at, "compacts its context")
        elif kind == "StepInterrupted":
            voice.broken = True
        elif kind == "TurnEnd":
            yield from self._end(voice, at)
        elif kind not in _SILENT:
            self.source.odd(kind, f"{self.session}/{id}")

    def _prompt(self, voice: _Voice, kind: str, text: str, at: int, id: str) -> Iterator[Step]:
        if kind == "TurnBegin":
            yield from self._cancelled(voice, at)
            voice.said, voice.broken, voice.denied = None, False, False
        if not voice.titled and text and voice.talk.parent is None:
            voice.titled = True
            if self.session not in self.source.titled:
                yield About(at, {"title": preview(text)}, {})
        yield Prompt(at, id, text, voice.talk.parent or PERSON)

    def _part(self, voice: _Voice, part: dict[str, Any], at: int, id: str) -> Iterator[Step]:
        text, thought = part.get("text"), part.get("think")
        if part.get("type") == "text" and isinstance(text, str) and text.strip():
            voice.said = text
            yield Reply(at, id, text)
        elif part.get("type") == "think" and isinstance(thought, str) and thought.strip():
            yield Thinking(at, id, thought)

    def _call(self, voice: _Voice, called: Called, at: int) -> Iterator[Step]:
        name = called.function.name
        row = f"{self.source.namespace}{at}:{called.id}"
        call = Call(at, row, name, _arguments(called.function.arguments), _ASKING.get(name))
        voice.calls[called.id] = row, call
        voice.said = None
        yield call

    def _result(self, voice: _Voice, result: Returned, at: int) -> Iterator[Step]:
        value = result.return_value
        row, call = voice.calls.pop(result.tool_call_id, (f"{self.session}:{result.tool_call_id}", None))
        output = value.output if isinstance(value.output, str) else _said(value.output)
        denied = value.is_error and _DENIED in value.message.lower()
        voice.denied = voice.denied or denied
        status = "denied" if denied else "error" if value.is_error else "ok"
        edited = [] if value.is_error else [b.get("path") for b in value.display if b.get("type") == "diff"]
        files = tuple(path for path in edited if isinstance(path, str))
        error = value.message or output if value.is_error else None
        yield Result(at, row, status, output or value.message, error, files=files)  # type: ignore[arg-type]
        given = call.input if call is not None and isinstance(call.input, dict) and not value.is_error else {}
        if call is not None and call.name == "SetTodoList" and isinstance(todos := given.get("todos"), list):
            yield Plan(at, tuple(_todos(todos)))
        if agent := voice.spawned.pop(result.tool_call_id, None):
            yield Return(at, agent, output, value.is_error)

    def _end(self, voice: _Voice, at: int) -> Iterator[Step]:
        open_calls = bool(voice.calls)
        yield from self._cancelled(voice, at)
        if voice.broken:
            yield TurnEnd(at, "failed", "the step was interrupted by an error")
        elif open_calls:
            yield TurnEnd(at, "interrupted")
        elif voice.denied and voice.said is None:
            yield TurnEnd(at, "interrupted", "you declined its tools")
        else:
            yield TurnEnd(at, "asked" if voice.said is not None and asks(voice.said) else "done")

    def _cancelled(self, voice: _Voice, at: int) -> Iterator[Step]:
        """Calls that will not return."""
        for row, _ in voice.calls.values():
            yield Result(at, row, "cancelled")
        voice.calls.clear()

    # -----------------------------------------------------------------------------------------------------------------
    # What is told of others

    def _subagent(self, voice: _Voice, told: SubagentEvent, at: int, id: str) -> Iterator[Item]:
        call_id = told.parent_tool_call_id or told.task_tool_call_id or ""
        short = told.agent_id or call_id
        if not short:
            raise Malformed("an event of no subagent")
        agent = f"{self.session}/{short}"
        if agent not in self.linked:
            self.linked.add(agent)
            row, call = voice.calls.get(call_id, (f"{self.session}:{call_id}", None))
            given = call.input if call is not None and isinstance(call.input, dict) else {}
            task = named(given.get("prompt")) or named(given.get("description")) or ""
            kind = told.subagent_type if told.agent_id is None else None  # else its own facts tell
            yield from voice.talk.take(Spawn(at, row, agent, task, kind))
            if call is not None and told.agent_id is None and (name := named(given.get("description"))):
                yield Record("agents", agent, {"name": preview(name)})
        if call_id in voice.calls:
            voice.spawned[call_id] = agent
        if told.agent_id is None:
            talk = voice.talk
            if short not in self.children:
                self.children[short] = _Voice(Conversation(talk.book, talk.file, talk.session, agent, talk.agent))
            yield from self._take(self.children[short], told.event, at, id)

    def _approval(self, voice: _Voice, kind: str, payload: dict[str, Any], at: int) -> Iterator[Item]:
        if kind != "ApprovalRequest":
            response = msgspec.convert(payload, Response)
            asker = self.asked.pop(response.request_id, None)
            if asker is None or response.response == "reject":
                return  # the call's result says so, too
            if asker in voice.calls:
                yield from voice.talk.take(voice.calls[asker][1]._replace(at=at))
            elif "/" in asker:
                yield Evidence(asker, at, "working", "got permission", SILENCE_MS["working"], beat="new line")
            return
        request = msgspec.convert(payload, Request)
        if request.tool_call_id in voice.calls and request.agent_id is None:
            self.asked[request.id] = request.tool_call_id
            yield from voice.talk.take(voice.calls[request.tool_call_id][1]._replace(at=at, approval=True))
        elif request.agent_id is not None:
            agent = self.asked[request.id] = f"{self.session}/{request.agent_id}"
            yield Record("agents", agent, {"parent_id": self.session, "session_id": self.session})
            reason = preview(f"permission to {named(request.description) or 'go on'}")
            yield Evidence(agent, at, "waiting", reason or "permission", SILENCE_MS["waiting"], beat="new line")

    def _notification(self, told: dict[str, Any], at: int, id: str) -> Record:
        severity, body = named(told.get("severity")) or "info", named(told.get("body"))
        text = ": ".join(part for part in (named(told.get("title")), body) if part)
        level = severity if severity in LOG_LEVELS else "info"
        fields = {"at": at, "level": level, "agent_id": self.voice.talk.agent, "session_id": self.session}
        fields |= {"logger": named(told.get("category")), "text": preview(text)}
        return Record("logs", f"{self.session}:{named(told.get('id')) or id}", fields)


def _said(parts: Any) -> str:
    """The text of an input or output: plain, or in parts."""
    if isinstance(parts, str):
        return parts
    texts = (part.get("text") for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
    return "\n".join(text for text in texts if isinstance(text, str))


def _arguments(text: str | None) -> Any:
    """A call's arguments, which are JSON in a text; the text itself if they are not."""
    if not text:
        return None
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except Malformed:
        return text


def _todos(listed: list[Any]) -> Iterator[Todo]:
    for entry in listed:
        title = named(entry.get("title")) if isinstance(entry, dict) else None
        if title is not None:
            yield Todo(title, title, str(entry.get("status")))
