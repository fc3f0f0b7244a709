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

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

from .base import directory_name, named, preview
from .chat import Chat, ChatSource, Voice, plan
from .steps import (
    Call,
    Prompt,
    Reply,
    Result,
    Step,
    Thinking,
    Tokens,
    ToolStatus,
    TurnEnd,
    TurnStart,
    Usage,
    placeholder,
)

_ASKING: Final = {"ask_user_question": "a question to you", "exit_plan_mode": "a plan for you to approve"}
_STATUS: Final[dict[str, ToolStatus]] = {"error": "error", "cancelled": "cancelled"}
_BY_PERSON: Final = (None, "mid_turn_user_message")
"""Subtypes of the records of type ``user`` that a person wrote; the others are notifications, timers and the like."""


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

    def as_text(self) -> str | None:
        """Return its text, or what stands for what is none."""
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
        """Return the text for the reader, or the thoughts."""
        texts = (part.as_text() for part in self.parts if bool(part.thought) == thought)
        return "\n".join(text for text in texts if text)


class _Chat(Chat[_Record, Voice]):
    decoder = msgspec.json.Decoder(_Record)

    def __init__(self, source: ChatSource, path: PurePosixPath) -> None:
        super().__init__(source, path)
        is_subagent = path.parts[2] == "subagents"
        self.session = path.parts[3] if is_subagent else None
        self.agent = path.stem.removeprefix("agent-") if is_subagent else None

    def speaker(self, line: _Record) -> tuple[str, str | None]:
        return self.session or line.sessionId, line.agentId or self.agent

    def steps(self, voice: Voice, line: _Record, at: int) -> Iterator[Step]:
        yield from self._about(voice, line, at)
        if line.usageMetadata is not None:
            yield Usage(at, line.uuid, line.usageMetadata.tokens, line.model, copy=line.forkedFrom is not None)
        if line.forkedFrom is not None:
            return
        if line.type == "user":
            yield from self._user(line, at)
        elif line.type == "assistant":
            yield from self._answer(voice, line, at)
        elif line.type == "tool_result":
            yield from self._results(voice, line, at)
        elif line.type == "system":
            yield from self._system(voice, line, at)
        else:
            self.source.unknown[line.type] += 1

    def _about(self, voice: Voice, line: _Record, at: int) -> Iterator[Step]:
        project = directory_name(line.cwd)
        if voice.parent is None:
            origin = line.forkedFrom.sessionId if line.forkedFrom else None
            yield from voice.about(at, project=project, branch=line.gitBranch, parent_id=origin)
        else:
            name = line.agentName or line.agentId or self.agent
            yield from voice.about(at, project=project, name=name, role=line.agentName or "subagent")

    def _user(self, line: _Record, at: int) -> Iterator[Step]:
        if line.subtype in _BY_PERSON:
            shown = line.systemPayload and named(line.systemPayload.displayText)
            yield Prompt(at, line.uuid, shown or line.text())
        else:
            yield TurnStart(at, str(line.subtype).replace("_", " "))

    def _answer(self, voice: Voice, line: _Record, at: int) -> Iterator[Step]:
        if thought := line.text(thought=True):
            yield Thinking(at, f"{line.uuid}:thinking", thought)
        if text := line.text():
            yield Reply(at, line.uuid, text)
        calls = [part.functionCall for part in line.parts if part.functionCall is not None]
        for index, call in enumerate(calls):
            name = call.name or "tool"
            yield Call(at, call.id or f"{line.uuid}:{index}", name, call.args, _ASKING.get(name))
        if not calls and text:
            yield voice.answered(at)

    def _results(self, voice: Voice, line: _Record, at: int) -> Iterator[Step]:
        result = line.toolCallResult or _ToolResult()
        answers = [part.functionResponse for part in line.parts if part.functionResponse is not None]
        status = _STATUS.get(result.status or "", "ok")
        for answer in answers or [_FunctionResponse(result.callId)]:
            id = answer.id or result.callId or line.uuid
            call = voice.calls.get(id)
            response = answer.response if isinstance(answer.response, dict) else {"output": answer.response}
            error = response.get("error")
            how = "error" if error is not None and status == "ok" else status
            yield Result(at, id, how, response.get("output"), preview(error))
            if call is not None and call.name == "todo_write" and how == "ok" and isinstance(call.input, dict):
                todos = call.input.get("todos")
                yield from plan(at, todos, "content", lambda entry, text: str(entry.get("id") or text))
        if status == "cancelled" and not voice.calls:
            yield TurnEnd(at, "interrupted", "you declined or stopped its tools")

    def _system(self, voice: Voice, line: _Record, at: int) -> Iterator[Step]:
        payload = line.systemPayload or _Payload()
        if line.subtype == "custom_title":
            yield from voice.title(at, named(payload.customTitle))
        elif line.subtype == "parent_session":
            yield from voice.about(at, parent_id=payload.parentSessionId or None)
        elif line.subtype == "session_model":
            yield from voice.about(at, model=payload.modelId)
        elif line.subtype == "rewind":
            yield TurnEnd(at, reason="went back to an earlier message")


class Qwen(ChatSource):
    """``~/.qwen``."""

    name = "qwen"
    home = ".qwen"
    moved_by = ("QWEN_RUNTIME_DIR", "QWEN_HOME")
    known_by = ("projects/*/chats",)
    files = {"projects/*/chats/*.jsonl": _Chat, "projects/*/subagents/*/*.jsonl": _Chat}
    editors = frozenset({"edit", "replace", "write_file"})
