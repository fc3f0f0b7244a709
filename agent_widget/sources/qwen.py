"""Qwen Code: one JSONL file for each session below ``~/.qwen/projects/<directory>/chats/``.

Facts are from the producer's ``chatRecordingService.ts`` (2026); no recording was at hand. What they teach, and what
follows:

- Qwen Code comes from Gemini CLI: messages have its ``parts`` (text, thought, functionCall, functionResponse). But
  each line is a record of its own with a ``uuid``, and none is written again.
- A forked session holds copies with ``forkedFrom`` and the same ``uuid``: only their usage is looked at, as copies.
- The prompt's tokens include the cached ones. Some models count thoughts in the candidates and some do not, so output
  is what the total has beside the prompt. No cost.
- Subagents write below ``subagents/<session>/``; since 0.24 their ids have that of the call that started them, and a
  notification has what they answer. Those of 0.15 have no file: what they did is in lines ``ui_telemetry`` of the
  session, whose ``prompt_id`` names them.
- A model that fails is in a line ``ui_telemetry`` alone (``api_error``), once it is not asked again.
- No record says that a tool waits for permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from .base import Item
from .chat import Chat, ChatSource, Voice, exit_code, plan
from .parsing import named, preview
from .steps import (
    About,
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
    Unnamed,
    Usage,
    placeholder,
)
from .texts import tagged

_ASKING: Final = {"ask_user_question": "a question to you", "exit_plan_mode": "a plan for you to approve"}
_STATUS: Final[dict[str, ToolStatus]] = {"error": "error", "cancelled": "cancelled"}
_SUBAGENT: Final = re.compile(r"[^#]*#([^#]+)#\d+")
"""Id of a prompt of a subagent: its session, itself, how many of its own were before."""
_OWN_AGENTS: Final = "managed-"
"""Beginnings of names of agents that the program runs for itself; they are no part of the conversation."""
_LAUNCHED: Final = re.compile(r"^task_id: (\S+)", re.MULTILINE)
"""In the result of a call that started an agent in the background (0.24): its id, which has the call's."""
_OF_CALL: Final = "-call_"
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


class _Telemetry(msgspec.Struct):
    """What a subagent did, or the session itself: an answer or a tool call."""

    kind: str | None = msgspec.field(default=None, name="event.name")
    response_id: str | None = None
    subagent_name: str | None = None
    prompt_id: str | None = None
    model: str | None = None
    input_token_count: int | None = 0
    output_token_count: int | None = 0
    cached_content_token_count: int | None = 0
    total_token_count: int | None = 0
    response_text: str | None = None
    function_name: str | None = None
    function_args: Any = None
    duration_ms: float | None = None
    status: str | None = None
    decision: str | None = None
    error: str | None = None
    error_message: str | None = None

    @property
    def tokens(self) -> Tokens:
        prompt, read = self.input_token_count or 0, self.cached_content_token_count or 0
        output = max(self.output_token_count or 0, (self.total_token_count or 0) - prompt)
        return Tokens(max(0, prompt - read), output, read)


class _Payload(msgspec.Struct):
    """The fields of all system records that are read."""

    uiEvent: _Telemetry | None = None
    displayText: str | None = None
    customTitle: str | None = None
    parentSessionId: str | None = None
    modelId: str | None = None


class _Origin(msgspec.Struct):
    sessionId: str | None = None


class _Record(msgspec.Struct, kw_only=True):
    """One line."""

    uuid: str
    sessionId: str
    timestamp: Any = None
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
    source: Qwen

    def __init__(self, source: Qwen, path: PurePosixPath) -> None:
        super().__init__(source, path)
        is_subagent = path.parts[2] == "subagents"
        self.session = path.parts[3] if is_subagent else None
        self.agent = path.stem.removeprefix("agent-") if is_subagent else None

        self.children: dict[str, str] = {}
        """Subagent that only telemetry names → the call that started it."""
        if self.session and self.agent:
            source.filed.add((self.session, self.agent))
        else:
            source.present.add(path.stem)

    def begin(self, session: str, agent: str | None, parent: Voice | None) -> Voice:
        voice = super().begin(session, agent, parent)
        voice.conversation.answers_by_parent = agent is not None and _OF_CALL in agent
        if self.agent is not None and session not in self.source.present:
            self.source.leave(voice.conversation)
        return voice

    def speaker(self, line: _Record) -> tuple[str, str | None]:
        session = self.session or line.sessionId
        return session, line.agentId or self.agent or self._unfiled(session, line)

    def _unfiled(self, session: str, line: _Record) -> str | None:
        """Return the subagent of a line of telemetry, if no file of its own says what it did."""
        event = line.systemPayload.uiEvent if line.systemPayload else None
        named_by = _SUBAGENT.fullmatch(event.prompt_id or "") if event is not None else None
        agent = named_by.group(1) if named_by else None
        if agent is None or agent.startswith(_OWN_AGENTS) or (session, agent) in self.source.filed:
            return None
        return agent

    def steps(self, voice: Voice, line: _Record, at: int) -> Iterator[Step | Item]:
        if line.subtype == "ui_telemetry":
            event = line.systemPayload.uiEvent if line.systemPayload is not None else None
            if event is None:
                return
            if event.kind == "qwen-code.api_error" and (voice.parent or not _SUBAGENT.fullmatch(event.prompt_id or "")):
                yield TurnEnd(at, "failed", named(event.error_message))  # it had tried again before
            elif voice.parent is not None:
                yield from self._telemetry(voice, line, event, at)
            return
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
            self.source.odd(line.type)

    def _telemetry(self, voice: Voice, line: _Record, event: _Telemetry, at: int) -> Iterator[Step | Item]:
        """Yield what a subagent did that has no file: its answers, which are billed, and its calls."""
        session, agent = self.speaker(line)
        assert agent is not None
        if agent not in self.children:
            yield from self._begun(self.voice(session), agent, event.subagent_name or agent.rpartition("-")[0], at)
        if event.kind == "qwen-code.api_response":
            if event.response_id is not None:
                yield Usage(at, event.response_id, event.tokens, event.model)
            if text := named(event.response_text):
                yield Reply(at, line.uuid, text)
            else:
                yield Unnamed(at)
        elif event.kind == "qwen-code.tool_call":
            status = _STATUS.get(event.status or "", "ok")
            duration = round(min(max(0.0, event.duration_ms or 0), float(at)))
            yield Call(at - duration, line.uuid, event.function_name or "tool", event.function_args)
            how = "denied" if event.decision == "reject" else status
            yield Result(at, line.uuid, how, error=named(event.error), duration_ms=duration)

    def _begun(self, main: Voice, agent: str, kind: str, at: int) -> Iterator[Step | Item]:
        """Yield who a subagent is; the call that started it is the oldest of its kind that has none."""
        calls = (call for call in main.calls.values() if call.name == "agent" and call.id not in self.children.values())
        call = next(calls, None)
        given = call.input if call is not None and isinstance(call.input, dict) else {}
        self.children[agent] = call.id if call is not None else ""
        name = self.source.name_of(main.agent_row(agent), task=named(given.get("description")), kind=kind)
        yield About(at, {}, {"name": name, "role": kind})
        if call is not None:
            yield from main.take(Spawn(call.at, call.id, agent, named(given.get("prompt")) or "", kind))

    def _about(self, voice: Voice, line: _Record, at: int) -> Iterator[Step | Item]:
        if voice.parent is None:
            yield from self.source.found(voice.session)
            origin = line.forkedFrom.sessionId if line.forkedFrom else None
            yield from voice.about(at, directory=named(line.cwd), branch=line.gitBranch, parent_id=origin)
        else:
            name = line.agentName or line.agentId or self.agent
            yield from voice.about(at, directory=named(line.cwd), name=name, role=line.agentName or "subagent")

    def _user(self, line: _Record, at: int) -> Iterator[Step]:
        if line.subtype in _BY_PERSON:
            shown = line.systemPayload and named(line.systemPayload.displayText)
            yield Prompt(at, line.uuid, shown or line.text())
        else:
            if line.subtype == "notification":
                tags = dict(tagged(line.text(), "task-id", "status", "result"))
                if "task-id" in tags and "status" in tags:
                    yield Return(at, tags["task-id"], named(tags.get("result")), tags["status"] != "completed")
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
        if not calls:  # an answer that calls nothing ends the turn
            yield voice.answered(at) if text else TurnEnd(at, "interrupted")

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
            if how == "cancelled" and "did not allow" in str(error):
                how = "denied"
            elif how == "ok" and (code := exit_code(response.get("output"))):
                how, error = "error", f"exit code {code}"
            yield Result(at, id, how, response.get("output"), preview(error))
            launched = (
                _LAUNCHED.search(str(response.get("output"))) if call is not None and call.name == "agent" else None
            )
            if launched is not None and call is not None and isinstance(call.input, dict):
                kind = named(call.input.get("subagent_type"))
                yield Spawn(call.at, id, launched.group(1), named(call.input.get("prompt")) or "", kind)
            child = next((agent for agent, call_id in self.children.items() if call_id == id), None)
            if child is not None:
                yield Return(at, child, named(response.get("output")) or named(error), how != "ok")
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

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.filed: set[tuple[str, str]] = set()
        """Sessions and subagents with a file of their own: what telemetry says of these is there, too."""

    name = "qwen"
    home = ".qwen"
    resume = ("qwen", "--resume", "{session}")
    moved_by = ("QWEN_RUNTIME_DIR", "QWEN_HOME")
    known_by = ("projects/*/chats",)
    files = {"projects/*/chats/*.jsonl": _Chat, "projects/*/subagents/*/**/*.jsonl": _Chat}
    editors = frozenset({"edit", "replace", "write_file"})
