"""Kimi Code: ``sessions/wd_*/session_*/`` below ``~/.kimi-code`` (``KIMI_CODE_HOME``), one directory a session.

It succeeded Kimi CLI (:mod:`.kimi`), whose files are others. Facts are from recordings of 2.1.0 (wire protocol 1.5)
and, for protocol 1.4, from the record types in MoonshotAI/kimi-code (``packages/agent-core/src/agent/records/types.ts``
and ``packages/agent-core/src/loop/events.ts``).

- ``agents/main/wire.jsonl``, ``agents/agent-N/wire.jsonl``: what one agent of the session did. Lines are appended and
  final; ``time`` is in milliseconds. The first line, ``metadata``, has none.
- ``turn.prompt`` and ``turn.steer`` (a prompt while it works) are prompts; ``origin`` says whose. What is put into the
  context beside them (``context.append_message``) is not a prompt.
- ``context.append_loop_event`` holds the steps of a turn: ``content.part`` (a text or thought, whole), ``tool.call``,
  ``tool.result``, ``step.end``. ``isError`` is true for an exit code that is not 0 too.
- The lines with ``"kind": "event"`` repeat all of that when the turn is over. What a model had thought or said when it
  was interrupted stands there alone: an ``agent.message.appended`` of source ``salvaged``.
- 1.5: a call that waits for permission is an ``interaction.request``, before its ``tool.call``. It shows what the tool
  was given as ``display``, with most of the arguments. ``permission.record_approval_result`` is the decision.
- 1.5: ``turn.ended`` says how a turn ended. In 1.4 it is over with a ``step.end`` of ``end_turn``, or ``turn.cancel``,
  which says nothing of its ``target`` then; a turn that failed has no end.
- 1.5: ``subagent.spawned``, ``subagent.completed`` and ``subagent.failed`` stand in the file of the agent that gave the
  work. In 1.4 only the subagent's own file tells of it.
- ``usage.record`` is one answer of the model, billed: its input is without what came from the cache. It names the model
  as the user's settings do (``stub``), ``llm.request`` before it as the provider does. Its id is its
  line: it has no other, and a forked session begins with a copy of the other's lines. A compaction is billed too.
- ``tools.update_store`` with the key ``todo`` is the whole list of things to do, without ids.
- ``state.json``: title, directory, the session it was forked from. Leaving the program is written nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from .base import Document, Item, Record
from .chat import Chat, ChatSource, Voice, plan
from .directories import directory_name
from .parsing import named, parse_object, whole
from .steps import (
    Call,
    Prompt,
    Reply,
    Result,
    Return,
    Spawn,
    Step,
    Thinking,
    Tokens,
    TurnEnd,
    TurnStart,
    Usage,
    placeholder,
)

_IGNORED: Final = frozenset(
    "agent.turn.ended agent.turn.started context.append_message context.apply_compaction context.clear context.undo "
    "context.update_token_count cron.add cron.cursor cron.delete file_history.checkpoint file_history.tracked forked "
    "goal.clear goal.create goal.update interaction.resolved interruptionReminder.recorded llm.tools_snapshot "
    "mcp.tools_discovered micro_compaction.apply permission.set_mode plan.revision plan_mode.cancel plan_mode.enter "
    "plan_mode.exit plugin.session_start prompt.aborted prompt.accepted prompt.completed prompt.steered "
    "runtime.set_binding staleGuard.cleared staleGuard.recorded subagent.started subagent.suspended swarm_mode.enter "
    "swarm_mode.exit task.started task.terminated task.waitDelivered token_counting.measured token_counting.rebased "
    "token_counting.truncated token_counting.turn_recorded tools.register_user_tool tools.reset_active_tools "
    "tools.set_active_tools tools.unregister_user_tool tower_mode.enter tower_mode.exit turn.step.interrupted "
    "turn.step.retrying".split()
)
"""Records from which nothing follows here."""

_HOW: Final = {"completed": "done", "cancelled": "interrupted"}
_DECISIONS: Final = {"rejected": "denied", "cancelled": "cancelled"}
_NOT_GIVEN: Final = frozenset({"kind", "operation", "cwd", "language"})
"""Fields that a ``display`` adds to the arguments of a call …"""
_GIVEN_AS: Final = {"before": "old_string", "after": "new_string"}
"""… and what it calls otherwise."""


class _Line(msgspec.Struct, rename="camel"):
    """The fields that are read. Those that may mean something else in a record nobody knows are of any type."""

    type: str
    time: float | None = None
    input: Any = None
    origin: Any = None
    prompt_id: str | None = None
    turn_id: Any = None
    source: Any = None
    event: Any = None
    kind: Any = None
    tool_call_id: str | None = None
    request: Any = None
    result: Any = None
    reason: Any = None
    target: Any = None
    error: Any = None
    message: Any = None
    usage: Any = None
    model: str | None = None
    key: Any = None
    value: Any = None
    subagent_id: str = ""
    subagent_name: str | None = None
    parent_tool_call_id: str = ""
    description: Any = None
    result_summary: str | None = None
    profile_name: str | None = None
    cwd: str | None = None
    environment_disclosure: Any = None


class _Part(msgspec.Struct):
    """A piece of a message."""

    type: str
    text: str = ""
    think: str = ""


class _Event(msgspec.Struct, rename="camel"):
    """A step of the loop."""

    type: str
    uuid: str = ""
    turn_id: str = "0"
    part: _Part | None = None
    tool_call_id: str = ""
    name: str = ""
    args: Any = None
    result: _Output | None = None
    finish_reason: str | None = None


class _Output(msgspec.Struct, rename="camel"):
    """What a tool returned."""

    output: str | list[_Part] = ""
    is_error: bool = False
    duration_ms: float | None = None


class _Request(msgspec.Struct, rename="camel"):
    """What permission is asked for."""

    tool_name: str
    display: dict[str, Any] = {}


class _Used(msgspec.Struct, rename="camel"):
    """The tokens of an answer."""

    input_other: int
    output: int
    input_cache_read: int = 0
    input_cache_creation: int = 0


class _State(msgspec.Struct, rename="camel"):
    """``state.json``; ``workDir`` before protocol 1.5."""

    title: str | None = None
    cwd: str | None = None
    work_dir: str | None = None
    forked_from: str | None = None


class _Voice(Voice):
    """An agent of a session, one file."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.model: str | None = None
        """Which model was asked last, by the provider's name."""
        self.ended: str | None = None
        """The turn that ended last, by its number, unless another began."""
        self.compacting = False
        """Whether the person asked it to compact its context."""
        self.cancelling = False
        """Whether the person interrupted the turn, which will end."""
        self.decided: dict[str, str] = {}
        """Call → why it did not run: ``denied`` or ``cancelled``."""


class _Wire(Chat[_Line, _Voice]):
    """``agents/<agent>/wire.jsonl``."""

    source: KimiCode
    decoder = msgspec.json.Decoder(_Line)
    voice_type = _Voice

    def time(self, line: _Line) -> int | None:
        if line.type == "metadata":
            return None
        return self.dated(line.time)

    def speaker(self, line: _Line) -> tuple[str, str | None]:
        *_, session, _agents, agent, _wire = self.path.parts
        return session, None if agent == "main" else agent

    def steps(self, voice: _Voice, line: _Line, at: int) -> Iterator[Step | Item]:
        match line.type:
            case "profile.bind" | "config.update":
                place = line.environment_disclosure if line.type == "profile.bind" else {"cwd": line.cwd}
                if voice.parent is None and not voice.facts:
                    yield TurnEnd(at, reason="session started")
                yield from self._about(voice, at, named((place or {}).get("cwd")), line.profile_name)
            case "turn.prompt" | "turn.steer":
                yield from self._about(voice, at, None, None)
                yield from self._prompt(voice, line, at)
            case "context.append_loop_event":
                yield from self._event(voice, msgspec.convert(line.event, _Event), at)
            case "interaction.request" if line.kind == "approval" and line.tool_call_id:
                request = msgspec.convert(line.request, _Request)
                yield Call(at, line.tool_call_id, request.tool_name, _given(request.display), approval=True)
            case "permission.record_approval_result":
                yield from self._decided(voice, line, at)
            case "llm.request":
                voice.model = line.model
            case "usage.record":
                used = msgspec.convert(line.usage, _Used)
                tokens = Tokens(used.input_other, used.output, used.input_cache_read, used.input_cache_creation)
                yield Usage(at, self.digest, tokens, voice.model or line.model)
            case "tools.update_store":
                if line.key == "todo":
                    yield from plan(at, line.value, "title", lambda entry, text: f"{self.path.parts[-2]}:{text}")
            case "subagent.spawned":
                call = voice.calls.get(line.parent_tool_call_id)
                given = call.input if call is not None and isinstance(call.input, dict) else {}
                task = named(given.get("prompt")) or named(line.description) or ""
                yield Spawn(at, line.parent_tool_call_id, line.subagent_id, task, line.subagent_name)
            case "subagent.completed":
                yield Return(at, line.subagent_id, line.result_summary)
            case "subagent.failed":
                yield Return(at, line.subagent_id, named(line.error), failed=True)
            case "turn.cancel" if line.target != "queued":
                voice.cancelling = True
                if line.target is None:
                    yield from self._ended(voice, at, None, "interrupted")
            case "turn.ended":
                failed = line.error.get("message") if isinstance(line.error, dict) else line.reason
                yield from self._ended(voice, at, str(line.turn_id), _HOW.get(line.reason, "failed"), named(failed))
            case "full_compaction.begin":
                voice.compacting = line.source == "manual"  # else within a turn
                yield TurnStart(at, "compacts its context")
            case "full_compaction.complete" | "full_compaction.cancel":
                if voice.compacting:
                    yield TurnEnd(at, reason="compacted")
            case "agent.message.appended":
                yield from self._salvaged(line, at)
            case kind if kind not in _IGNORED and kind not in ("interaction.request", "turn.cancel"):
                self.source.odd(kind)

    def _about(self, voice: _Voice, at: int, cwd: str | None, profile: str | None) -> Iterator[Step]:
        """Yield where the agent works; of a subagent which one it is."""
        if voice.parent is not None:
            directory = named(cwd) or self.source.directories.get(self.path.parts[-4])
            yield from voice.about(at, name=named(profile), role=named(profile), directory=directory)
        elif cwd is not None or not voice.facts:
            session = self.path.parts[-4]
            directory = named(cwd) or self.source.directories.get(session)
            name = directory_name(directory) or session.removeprefix("session_")[:8]
            yield from voice.about(at, name=name, directory=directory)

    def _prompt(self, voice: _Voice, line: _Line, at: int) -> Iterator[Step]:
        origin = line.origin if isinstance(line.origin, dict) else {}
        kind = named(origin.get("kind")) or "user"
        if line.type == "turn.prompt":
            voice.ended, voice.cancelling = None, False
            yield from voice.stopped(at)
        if voice.parent is not None or kind == "user" or origin.get("trigger") == "user-slash":
            yield Prompt(at, line.prompt_id or self.digest, _text(line.input))
        elif line.type == "turn.prompt":
            yield TurnStart(at, (named(origin.get("name")) or kind).replace("_", " "))

    def _event(self, voice: _Voice, event: _Event, at: int) -> Iterator[Step]:
        match event.type:
            case "content.part":
                yield from self._said(event.part, at, event.uuid)
            case "tool.call":
                asks = _question(event.args) if event.name == "AskUserQuestion" else None
                yield Call(at, event.tool_call_id, event.name, event.args, asks)
            case "tool.result" if event.result is not None:
                yield from self._result(voice, event.tool_call_id, event.result, at)
            case "step.begin":
                if voice.ended == event.turn_id:  # a prompt or a hook did not let the last answer be the last
                    voice.ended = None
                    yield TurnStart(at)
            case "step.end":
                if event.finish_reason == "end_turn":
                    yield from self._ended(voice, at, event.turn_id, "done")
            case kind:
                self.source.odd(f"context.append_loop_event/{kind}")

    def _said(self, part: _Part | None, at: int, id: str) -> Iterator[Step]:
        if part is not None and part.type == "text":
            yield Reply(at, id, part.text)
        elif part is not None and part.type == "think":
            yield Thinking(at, id, part.think)
        else:
            self.source.odd(f"content.part/{part and part.type}")

    def _salvaged(self, line: _Line, at: int) -> Iterator[Step]:
        """Yield what an interrupted model had thought and said."""
        said = line.message if isinstance(line.message, dict) else {}
        if (said.get("meta") or {}).get("source") == "salvaged":
            for number, part in enumerate(msgspec.convert(said["message"]["content"], list[_Part])):
                yield from self._said(part, at, f"{self.digest}.{number}")

    def _decided(self, voice: _Voice, line: _Line, at: int) -> Iterator[Step]:
        id = line.tool_call_id or ""
        decision = _DECISIONS.get(line.result["decision"])
        if decision is not None:
            voice.decided[id] = decision
        if id in voice.calls:
            yield replace(voice.calls[id], at=at, approval=False)

    def _result(self, voice: _Voice, id: str, result: _Output, at: int) -> Iterator[Step]:
        if id not in voice.calls:  # its turn was cancelled
            return
        status: Any = voice.decided.pop(id, "cancelled" if voice.cancelling else "error") if result.is_error else "ok"
        output = result.output if isinstance(result.output, str) else _joined(result.output)
        took = whole(result.duration_ms)
        yield Result(at, id, status, output, output if status == "error" else None, took)

    def _ended(self, voice: _Voice, at: int, turn: str | None, how: Any, reason: str | None = None) -> Iterator[Step]:
        """Yield the end of a turn, once."""
        if turn is None or turn != voice.ended:
            voice.ended = turn
            yield from voice.stopped(at)
            yield voice.answered(at) if how == "done" else TurnEnd(at, how, reason if how == "failed" else None)


class KimiCode(ChatSource):
    """``~/.kimi-code``."""

    name = "kimi_code"
    home = ".kimi-code"
    resume = ("kimi", "--session", "{session}")
    moved_by = ("KIMI_CODE_HOME",)
    known_by = ("sessions/wd_*",)
    files = {
        "sessions/*/*/agents/*/wire.jsonl": _Wire,
        "sessions/*/*/state.json": lambda source, path: Document(partial(source.state, path.parts[-2])),
    }
    editors = frozenset({"Write", "Edit"})
    returns = True

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.directories: dict[str, str] = {}
        """Session → directory, of those whose state was read."""

    def state(self, session: str, data: bytes) -> Iterator[Item]:
        """Yield what ``state.json`` says of a session."""
        state = msgspec.convert(parse_object(data), _State)
        row = self.namespace + session
        if directory := named(state.cwd) or named(state.work_dir):
            self.directories[session] = directory
            yield Record("sessions", row, {"directory": directory})
            yield Record("agents", row, {"name": directory_name(directory), "directory": directory})
        if forked := named(state.forked_from):
            yield Record("sessions", row, {"parent_id": self.namespace + forked})
        yield from self.entitled(session, named(state.title))


def _joined(parts: Iterable[_Part]) -> str:
    """Return parts as one text; what is none has a placeholder."""
    return "\n".join(part.text if part.type == "text" else placeholder(part.type.replace("_", "/")) for part in parts)


def _text(given: Any) -> str:
    return _joined(msgspec.convert(given, list[_Part]))


def _given(display: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call, as far as they are shown."""
    return {_GIVEN_AS.get(name, name): value for name, value in display.items() if name not in _NOT_GIVEN}


def _question(given: Any) -> str:
    """Return the first question that the person is asked."""
    return named(given["questions"][0]["question"]) or "a question to you"
