"""Qwen Code: one JSONL file for each session below ``~/.qwen/projects/<directory>/chats/``.

Facts are from the producer's ``chatRecordingService.ts`` (2026); no recording was at hand. What they teach, and what
follows:

- Qwen Code comes from Gemini CLI: messages have its ``parts`` (text, thought, functionCall, functionResponse). But
  each line is a record of its own with a ``uuid``, and none is written again.
- A forked session holds copies with ``forkedFrom`` and the same ``uuid``: only their usage is looked at, as copies.
- The prompt's tokens include the cached ones. Some models count thoughts in the candidates and some do not, so output
  is what the total has beside the prompt. No cost.
- Subagents write below ``subagents/<session>/``; nothing links them to the call that started them.
- No record says that a tool waits for permission.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

import msgspec

from .base import Item, Malformed, Reader, Source, directory_name, millis, moved, named, parse_as, preview
from .conversation import Conversation
from .ledger import Book, Ledger
from .steps import (
    PERSON,
    About,
    Call,
    Plan,
    Prompt,
    Reply,
    Result,
    Step,
    Thinking,
    Todo,
    Tokens,
    TurnEnd,
    TurnStart,
    Usage,
    asks,
    placeholder,
)

FILES: Final = ("projects/*/chats/*.jsonl", "projects/*/subagents/*/*.jsonl")

_EDITORS: Final = frozenset({"edit", "replace", "write_file"})
_ASKING: Final = {"ask_user_question": "a question to you", "exit_plan_mode": "a plan for you to approve"}
_STATUS: Final[dict[str, Literal["ok", "error", "cancelled"]]] = {"error": "error", "cancelled": "cancelled"}
_SPOKEN: Final = (None, "mid_turn_user_message")
"""What a record of the type ``user`` is if a person said it; the others are notifications, timers and the like."""


class _FunctionCall(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    args: Any = None


class _FunctionResponse(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    response: Any = None


class _Part(msgspec.Struct):
    text: str | None = None
    thought: bool | None = None
    functionCall: _FunctionCall | None = None
    functionResponse: _FunctionResponse | None = None
    inlineData: dict[str, Any] | None = None
    fileData: dict[str, Any] | None = None

    def told(self) -> str | None:
        """Its text, or what stands for what is none."""
        data = self.inlineData or self.fileData
        return self.text or (placeholder(data.get("mimeType")) if data else None)


class _Message(msgspec.Struct):
    parts: list[_Part] | None = None


class _Usage(msgspec.Struct):
    promptTokenCount: int | None = 0
    candidatesTokenCount: int | None = 0
    cachedContentTokenCount: int | None = 0
    totalTokenCount: int | None = 0

    @property
    def tokens(self) -> Tokens:
        prompt, read = self.promptTokenCount or 0, self.cachedContentTokenCount or 0
        output = max(self.candidatesTokenCount or 0, (self.totalTokenCount or 0) - prompt)
        return Tokens(max(0, prompt - read), output, read)


class _ToolResult(msgspec.Struct):
    callId: str | None = None
    status: str | None = None


class _Payload(msgspec.Struct):
    """The fields of all system records that are read."""

    displayText: str | None = None
    customTitle: str | None = None
    parentSessionId: str | None = None
    modelId: str | None = None


class _Origin(msgspec.Struct):
    sessionId: str | None = None


class _Record(msgspec.Struct):
    """One line."""

    uuid: str
    sessionId: str
    timestamp: str
    type: str
    subtype: str | None = None
    cwd: str | None = None
    gitBranch: str | None = None
    model: str | None = None
    message: _Message | None = None
    usageMetadata: _Usage | None = None
    toolCallResult: _ToolResult | None = None
    systemPayload: _Payload | None = None
    agentId: str | None = None
    agentName: str | None = None
    forkedFrom: _Origin | None = None

    @property
    def parts(self) -> list[_Part]:
        return (self.message.parts if self.message else None) or []

    def text(self, *, thought: bool = False) -> str:
        """What is said in it, or what is thought."""
        texts = (part.told() for part in self.parts if bool(part.thought) == thought)
        return "\n".join(text for text in texts if text)


_record = msgspec.json.Decoder(_Record)


class Qwen(Source):
    """``~/.qwen``."""

    name = "qwen"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger())

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``$QWEN_RUNTIME_DIR``, else ``$QWEN_HOME``, else ``~/.qwen``."""
        return moved(environ, home, "QWEN_RUNTIME_DIR") or moved(environ, home, "QWEN_HOME") or [home / ".qwen"]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """By the chats of any project."""
        return any(directory.glob("projects/*/chats"))

    def skips(self, path: PurePosixPath) -> bool:
        """All but the chats."""
        return path.parts[0] != "projects" or (len(path.parts) > 2 and path.parts[2] not in ("chats", "subagents"))

    def reader(self, path: PurePosixPath) -> Reader | None:
        """By :data:`FILES`."""
        ours = any(len(PurePosixPath(p).parts) == len(path.parts) and path.match(p) for p in FILES)
        return Reader("lines", _Chat(self, path).read) if ours else None


class _Voice:
    """One agent of a session."""

    def __init__(self, chat: _Chat, session: str, agent: str | None) -> None:
        id, parent = (None, None) if agent is None else (f"{session}/{agent}", session)
        self.talk = Conversation(chat.source.book, str(chat.path), session, id, parent)
        self.calls: dict[str, _FunctionCall] = {}
        self.about: tuple[str | None, ...] = ()
        self.titled = False


class _Chat:
    """Reads one file."""

    def __init__(self, source: Qwen, path: PurePosixPath) -> None:
        self.source = source
        self.path = path
        is_subagent = path.parts[2] == "subagents"
        self.session = path.parts[3] if is_subagent else None
        self.agent = path.stem.removeprefix("agent-") if is_subagent else None
        self.voices: dict[tuple[str, str | None], _Voice] = {}

    def read(self, line: bytes) -> Iterable[Item]:
        """One record."""
        if not line.strip():
            return
        record = parse_as(_record, line)
        at = millis(record.timestamp)
        if at is None:
            raise Malformed(f"not a time: {record.timestamp[:40]}")
        key = self.source.namespace + (self.session or record.sessionId), record.agentId or self.agent
        voice = self.voices.get(key)
        if voice is None:
            voice = self.voices[key] = _Voice(self, *key)
        for step in self._steps(voice, record, at):
            yield from voice.talk.take(step)

    def _steps(self, voice: _Voice, record: _Record, at: int) -> Iterator[Step]:
        yield from self._about(voice, record, at)
        if record.usageMetadata is not None:
            copy = record.forkedFrom is not None
            yield Usage(at, record.uuid, record.usageMetadata.tokens, record.model, copy=copy)
        if record.forkedFrom is not None:
            return
        if record.type == "user":
            yield from self._user(voice, record, at)
        elif record.type == "assistant":
            yield from self._answer(voice, record, at)
        elif record.type == "tool_result":
            yield from self._results(voice, record, at)
        elif record.type == "system":
            yield from self._system(voice, record, at)
        else:
            self.source.unknown[record.type] += 1

    def _about(self, voice: _Voice, record: _Record, at: int) -> Iterator[Step]:
        origin = record.forkedFrom.sessionId if record.forkedFrom else None
        facts = (record.cwd, record.gitBranch, record.agentName, origin)
        if facts == voice.about:
            return
        voice.about = facts
        project, talk = directory_name(record.cwd), voice.talk
        if talk.parent is not None:
            name = record.agentName or record.agentId or self.agent
            yield About(at, {}, {"name": name, "role": record.agentName or "subagent", "project": project})
            return
        parent = self.source.namespace + origin if origin else None
        told = {"project": project, "branch": record.gitBranch, "path": str(self.path), "parent_id": parent}
        yield About(at, told, {"name": project or talk.session[:8], "project": project})

    def _user(self, voice: _Voice, record: _Record, at: int) -> Iterator[Step]:
        if record.subtype not in _SPOKEN:
            yield TurnStart(at, str(record.subtype).replace("_", " "))
            return
        text = (record.systemPayload and named(record.systemPayload.displayText)) or record.text()
        if not voice.titled and text and voice.talk.parent is None:
            voice.titled = True
            yield About(at, {"title": preview(text)}, {})
        yield Prompt(at, record.uuid, text, voice.talk.parent or PERSON)

    def _answer(self, voice: _Voice, record: _Record, at: int) -> Iterator[Step]:
        if thought := record.text(thought=True):
            yield Thinking(at, f"{record.uuid}:thinking", thought)
        if text := record.text():
            yield Reply(at, record.uuid, text)
        calls = [part.functionCall for part in record.parts if part.functionCall is not None]
        for index, call in enumerate(calls):
            id, name = call.id or f"{record.uuid}:{index}", call.name or "tool"
            voice.calls[id] = call
            yield Call(at, f"{voice.talk.session}:{id}", name, call.args, _ASKING.get(name))
        if not calls and text:
            yield TurnEnd(at, "asked" if asks(text) else "done")

    def _results(self, voice: _Voice, record: _Record, at: int) -> Iterator[Step]:
        told = record.toolCallResult or _ToolResult()
        answers = [part.functionResponse for part in record.parts if part.functionResponse is not None]
        status = _STATUS.get(told.status or "", "ok")
        for answer in answers or [_FunctionResponse(told.callId)]:
            id = answer.id or told.callId or record.uuid
            call = voice.calls.pop(id, _FunctionCall(name=answer.name))
            given = call.args if isinstance(call.args, dict) else {}
            response = answer.response if isinstance(answer.response, dict) else {"output": answer.response}
            error = response.get("error")
            how = "error" if error is not None and status == "ok" else status
            path = given.get("file_path")
            edits = how == "ok" and call.name in _EDITORS and isinstance(path, str)
            files = (str(path),) if edits else ()
            yield Result(at, f"{voice.talk.session}:{id}", how, response.get("output"), preview(error), files=files)
            if call.name == "todo_write" and how == "ok" and isinstance(todos := given.get("todos"), list):
                yield Plan(at, tuple(_todos(todos)))
        if status == "cancelled" and not voice.calls:
            yield TurnEnd(at, "interrupted", "you declined or stopped its tools")

    def _system(self, voice: _Voice, record: _Record, at: int) -> Iterator[Step]:
        payload = record.systemPayload or _Payload()
        if record.subtype == "custom_title":
            voice.titled = True
            yield About(at, {"title": preview(named(payload.customTitle))}, {})
        elif record.subtype == "parent_session" and payload.parentSessionId:
            yield About(at, {"parent_id": self.source.namespace + payload.parentSessionId}, {})
        elif record.subtype == "session_model":
            yield About(at, {"model": payload.modelId}, {"model": payload.modelId})
        elif record.subtype == "rewind":
            yield TurnEnd(at, reason="went back to an earlier message")


def _todos(listed: list[Any]) -> Iterator[Todo]:
    for entry in listed:
        title = named(entry.get("content")) if isinstance(entry, dict) else None
        if title is not None:
            yield Todo(str(entry.get("id") or title), title, str(entry.get("status")))
