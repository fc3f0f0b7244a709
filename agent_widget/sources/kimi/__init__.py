"""Kimi CLI (MoonshotAI/kimi-cli): a directory for each session below ``~/.kimi/sessions/<hash of the directory>/``.

Facts are from the producer's ``wire/types.py``, ``wire/file.py``, ``session*.py`` and ``subagents/`` (version 1.49,
wire protocol 1.10); no recording was at hand. What they teach, and what follows:

- ``wire.jsonl`` is what the agent sent to its user interface: a header, then ``{timestamp, message{type, payload}}``
  with the time in seconds. Texts and calls are written when they are whole. Nothing has an id but calls and answers of
  the model, so texts go by their content; calls are counted anew in every session, so they go by their time, too.
- Where a session works stands in ``kimi.json`` alone, found by the hash. Nothing names the model of the main agent, so
  there is no cost; ``meta.json`` of a subagent names its own.
- Every turn is closed by ``TurnEnd``, a cancelled one too: only calls without a result show that. Before the end of one
  that broke stands ``StepInterrupted``, which older versions wrote for a cancelled one as well.
- Permissions that are asked for are in the session's own wire, those of its subagents too, with their ``agent_id``.
- A subagent has a wire of its own, which the session's repeats as ``SubagentEvent``; before there were ids of
  subagents, the session's wire was the only one.
- A forked session begins with the same lines and does not say where they are from. Usage is counted once, by the
  model's id of the answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import md5
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ...tables import LOG_LEVELS
from ..base import Document, Evidence, Item, Record
from ..chat import Chat, ChatSource, Voice, plan
from ..directories import directory_name
from ..parsing import Malformed, millis, named, parse_as, parse_json, parse_object, preview
from ..steps import (
    Call,
    Prompt,
    Reply,
    Result,
    Return,
    Spawn,
    Step,
    Thinking,
    Tokens,
    ToolStatus,
    TurnEnd,
    TurnStart,
    Usage,
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


class _Voice(Voice):
    """One agent that speaks in a wire."""

    broken = False
    """A step of this turn was interrupted."""
    denied = False
    """The person rejected a tool in this turn."""

    def call_row(self, id: str, at: int | None) -> str:
        return f"{self.source.namespace}{at}:{id}" if at is not None else super().call_row(id, at)


class _Wire(Chat[Line, _Voice]):
    """``wire.jsonl``, of a session or of a subagent."""

    decoder = msgspec.json.Decoder(Line)
    voice_type = _Voice
    source: Kimi

    def __init__(self, source: Kimi, path: PurePosixPath) -> None:
        super().__init__(source, path)
        self.session = path.parts[2]
        self.subagent = path.parts[4] if len(path.parts) > 4 else None
        self.asked: dict[str, str] = {}  # request → the call that waits for permission, or the row of a subagent
        self.linked: set[str] = set()  # subagents whose start was seen
        self.spawned: dict[str, str] = {}  # running call → the subagent that it started

    def time(self, line: Line) -> int | None:
        if line.message is not None:
            return super().time(line)
        if line.type != "metadata":
            raise Malformed("neither a message nor the header")
        return None

    def speaker(self, line: Line) -> tuple[str, str | None]:
        return self.session, self.subagent

    def steps(self, voice: _Voice, line: Line, at: int) -> Iterator[Step | Item]:
        if not voice.facts:
            yield from voice.about(at, directory=self.source.directory(self.path.parts[1], voice.session))
        if line.message is not None:
            yield from self._steps(voice, line.message, at, self.digest)

    def _steps(self, voice: _Voice, message: Message, at: int, id: str) -> Iterator[Step | Item]:
        kind, payload = message.type, message.payload
        if kind in ("TurnBegin", "SteerInput"):
            if kind == "TurnBegin":
                yield from voice.stopped(at)
                voice.broken = voice.denied = False
            yield Prompt(at, id, _text(payload.get("user_input")))
        elif kind == "ContentPart":
            yield from self._part(payload, at, id)
        elif kind == "ToolCall":
            called = msgspec.convert(payload, Called)
            name = called.function.name
            yield Call(at, called.id, name, _arguments(called.function.arguments), _ASKING.get(name))
        elif kind == "ToolResult":
            yield from self._result(voice, msgspec.convert(payload, Returned), at)
        elif kind == "StatusUpdate":
            status = msgspec.convert(payload, StatusUpdate)
            if counts := status.token_usage:
                read, write = counts.input_cache_read, counts.input_cache_creation
                tokens = Tokens(counts.input_other, counts.output, read, write)
                yield Usage(at, status.message_id or id, tokens, self.source.models.get(voice.agent))
        elif kind == "QuestionRequest":
            request = msgspec.convert(payload, Request)
            asked = next((q for question in request.questions if (q := named(question.get("question")))), None)
            if call := voice.calls.get(request.tool_call_id):
                yield replace(call, at=at, asks=asked or "a question to you")
        elif kind == "ApprovalRequest":
            yield from self._asks(voice, msgspec.convert(payload, Request), at)
        elif kind in ("ApprovalResponse", "ApprovalRequestResolved"):
            yield from self._permits(voice, msgspec.convert(payload, Response), at)
        elif kind == "SubagentEvent":
            yield from self._subagent(voice, msgspec.convert(payload, SubagentEvent), at, id)
        elif kind == "Notification":
            yield self._notification(payload, at, id)
        elif kind == "CompactionBegin":
            yield TurnStart(at, "compacts its context")
        elif kind == "StepInterrupted":
            voice.broken = True
        elif kind == "TurnEnd":
            yield from self._end(voice, at)
        elif kind not in _SILENT:
            self.source.odd(kind)

    def _part(self, part: dict[str, Any], at: int, id: str) -> Iterator[Step]:
        text, thought = part.get("text"), part.get("think")
        if part.get("type") == "text" and isinstance(text, str) and text.strip():
            yield Reply(at, id, text)
        elif part.get("type") == "think" and isinstance(thought, str) and thought.strip():
            yield Thinking(at, id, thought)

    def _result(self, voice: _Voice, result: Returned, at: int) -> Iterator[Step]:
        id, value = result.tool_call_id, result.return_value
        call = voice.calls.get(id)
        output = value.output if isinstance(value.output, str) else _text(value.output)
        denied = value.is_error and _DENIED in value.message.lower()
        voice.denied = voice.denied or denied
        status: ToolStatus = "denied" if denied else "error" if value.is_error else "ok"
        edited = [] if value.is_error else [b.get("path") for b in value.display if b.get("type") == "diff"]
        files = tuple(path for path in edited if isinstance(path, str))
        error = value.message or output if value.is_error else None
        yield Result(at, id, status, output or value.message, error, files=files)
        if call and call.name == "SetTodoList" and isinstance(call.input, dict) and not value.is_error:
            yield from plan(at, call.input.get("todos"), "title", lambda entry, text: text)
        if agent := self.spawned.pop(id, None):
            yield Return(at, agent, output, value.is_error)

    def _end(self, voice: _Voice, at: int) -> Iterator[Step]:
        open_calls = bool(voice.calls)
        yield from voice.stopped(at)
        if voice.broken:
            yield TurnEnd(at, "failed", "the step was interrupted by an error")
        elif open_calls:
            yield TurnEnd(at, "interrupted")
        elif voice.denied and not voice.reply:
            yield TurnEnd(at, "interrupted", "you declined its tools")
        else:
            yield voice.answered(at)

    # What is written of others

    def _subagent(self, voice: _Voice, event: SubagentEvent, at: int, id: str) -> Iterator[Step | Item]:
        call_id = event.parent_tool_call_id or event.task_tool_call_id or ""
        agent = event.agent_id or call_id
        if not agent:
            raise Malformed("an event of no subagent")
        call = voice.calls.get(call_id)
        if agent not in self.linked:
            self.linked.add(agent)
            given = call.input if call is not None and isinstance(call.input, dict) else {}
            task = named(given.get("prompt")) or named(given.get("description")) or ""
            kind = event.subagent_type if event.agent_id is None else None  # else its own facts say it
            yield Spawn(at, call_id, agent, task, kind)
        if call is not None:
            self.spawned[call_id] = agent
        if event.agent_id is None:  # it has no wire of its own
            child = self.voice(self.session, agent, voice)
            yield from self.take(child, self._steps(child, event.event, at, id))

    def _asks(self, voice: _Voice, request: Request, at: int) -> Iterator[Step | Item]:
        call = voice.calls.get(request.tool_call_id)
        if call is not None and request.agent_id is None:
            self.asked[request.id] = request.tool_call_id
            yield replace(call, at=at, approval=True)
        elif request.agent_id is not None:
            agent = self.asked[request.id] = voice.agent_row(request.agent_id)
            yield Record("agents", agent, {"parent_id": voice.session, "session_id": voice.session})
            yield Evidence(agent, at, "needs permission", f"to {named(request.description) or 'go on'}")

    def _permits(self, voice: _Voice, response: Response, at: int) -> Iterator[Step | Item]:
        asker = self.asked.pop(response.request_id, None)
        if asker is None or response.response == "reject":
            return  # the call's result says so, too
        if asker in voice.calls:
            yield replace(voice.calls[asker], at=at)
        elif "/" in asker:
            yield Evidence(asker, at, "got permission")

    def _notification(self, payload: dict[str, Any], at: int, id: str) -> Record:
        main = self.voice(self.session, self.subagent)
        severity, body = named(payload.get("severity")) or "info", named(payload.get("body"))
        text = ": ".join(part for part in (named(payload.get("title")), body) if part)
        level = severity if severity in LOG_LEVELS else "info"
        fields = {"at": at, "level": level, "agent_id": main.agent, "session_id": main.session}
        fields |= {"logger": named(payload.get("category")), "text": preview(text)}
        return Record("logs", f"{main.session}:{named(payload.get('id')) or id}", fields)


class Kimi(ChatSource):
    """``~/.kimi``."""

    name = "kimi"
    home = ".kimi"
    resume = ("kimi", "--session", "{session}")
    moved_by = ("KIMI_SHARE_DIR",)
    known_by = ("kimi.json", "sessions/*/*/wire.jsonl")
    files = {
        "sessions/*/*/wire.jsonl": _Wire,
        "sessions/*/*/subagents/*/wire.jsonl": _Wire,
        "sessions/*/*/state.json": lambda kimi, path: Document(partial(kimi.state, path)),
        "sessions/*/*/subagents/*/meta.json": lambda kimi, path: Document(partial(kimi.subagent, path)),
        "kimi.json": lambda kimi, path: Document(kimi.directories),
    }

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.models: dict[str, str] = {}
        """Subagent → its model, as far as it is known by now."""
        self._directories: dict[str, str] = {}  # hash → directory
        self._sessions: defaultdict[str, set[str]] = defaultdict(set)  # hash → sessions seen

    def directory(self, folder: str, session: str) -> str | None:
        """Return where a session works, as far as it is known by now."""
        self._sessions[folder].add(session)
        return self._directories.get(folder)

    def directories(self, data: bytes) -> Iterator[Item]:
        """Read ``kimi.json``: the directories in which sessions work."""
        listed = parse_object(data).get("work_dirs")
        for place in listed if isinstance(listed, list) else ():
            path = named(place.get("path")) if isinstance(place, dict) else None
            if path is None:
                continue
            kaos, digest = place.get("kaos"), md5(path.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
            folder = digest if kaos in (None, "local") else f"{kaos}_{digest}"
            self._directories[folder] = path
            for session in sorted(self._sessions.get(folder, ())):
                yield Record("sessions", session, {"directory": path})
                yield Record("agents", session, {"directory": path, "name": directory_name(path)})

    def state(self, path: PurePosixPath, data: bytes) -> Iterable[Item]:
        """Read ``state.json``: the title that a session was given."""
        return self.entitled(path.parts[2], named(parse_object(data).get("custom_title")))

    def subagent(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """Read ``meta.json``: type, task and state of a subagent."""
        facts, session = parse_as(_subagent, data), self.namespace + path.parts[2]
        started, updated = millis(facts.created_at), millis(facts.updated_at)
        if started is None or updated is None:
            raise Malformed("a subagent without a time")
        id = f"{session}/{facts.agent_id}"
        name = self.name_of(id, task=named(facts.description), kind=facts.agent_id)
        fields: dict[str, Any] = {"name": name, "role": facts.subagent_type}
        fields |= {"parent_id": session, "session_id": session, "started_at": started, "last_seen_at": updated}
        if model := named(facts.launch_spec.get("effective_model")):
            self.models[id] = fields["model"] = model
        yield Record("agents", id, fields)
        if facts.status == "idle" and updated == started:
            return  # it was made and has not begun
        if facts.status not in _META_STATUS:
            self.odd(f"subagent/{facts.status}")
            return
        status, reason = _META_STATUS[facts.status]
        yield Evidence(id, updated, f"says {status}", reason)


_subagent = msgspec.json.Decoder(Subagent)


def _text(parts: Any) -> str:
    """Return the text of an input or output: plain, or in parts."""
    if isinstance(parts, str):
        return parts
    texts = (part.get("text") for part in parts if isinstance(part, dict)) if isinstance(parts, list) else ()
    return "\n".join(text for text in texts if isinstance(text, str))


def _arguments(text: str | None) -> Any:
    """Return a call's arguments, which are JSON in a text; the text itself if they are not."""
    if not text:
        return None
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except Malformed:
        return text
