"""GitHub Copilot CLI: the event log that it keeps of every session below ``~/.copilot/session-state/``.

The events are those of the public SDK (github/copilot-sdk, ``session-events.ts``); what of them reaches the disk was
counted in recordings of versions 1.0.77 and 1.0.78. What the format teaches, and what follows:

- ``assistant.turn_end`` closes one answer of the model, not the turn: the turn is over when that answer called no
  tool (or said ``session.task_complete``).
- ``permission.requested`` without ``permission.completed`` is on disk while the person is asked: it is waiting.
- Events of a subagent are in the same file and carry ``agentId``, the id of the call that started it.
- An answer tells only its output tokens; the rest comes as running totals per model at ``session.shutdown``, which
  go on over a resume and start again after a compaction. Until then input is unknown. Cost is in credits: unknown.
- The totals name no agent: what subagents read is the main agent's, what each wrote is its own.
- The list of things to do is in a database beside the log (:mod:`.todos`); the log has only the calls' SQL.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from ..base import (
    READERS,
    Database,
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
    preview,
    whole,
)
from ..conversation import Conversation
from ..ledger import Book, Ledger
from ..steps import (
    PERSON,
    About,
    Call,
    Closed,
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
from .events import Changes, Context, Counts, Data, data_decoder, event_decoder
from .todos import Todos

FILES: Final[tuple[tuple[str, Literal["lines", "document", "database"], str], ...]] = (
    # pattern, part by part from the root; how it is read; the method of Copilot that reads it
    ("session-state/*/events.jsonl", "lines", "events"),
    ("session-state/*.jsonl", "lines", "events"),  # before sessions had directories
    ("session-state/*/workspace.yaml", "document", "workspace"),
    ("session-state/*/plan.md", "document", "plan"),
    ("session-state/*/session.db", "database", "todos"),
)
_EDITORS: Final = frozenset({"create", "edit", "write", "insert", "str_replace", "str_replace_editor"})
_ASKING: Final = {"ask_user": "question", "exit_plan_mode": "summary"}
"""Tools that are a question to the person, and the argument that says it."""


_SILENT: Final = frozenset(
    "system.message system.notification session.usage_checkpoint session.permissions_changed session.mode_changed "
    "session.plan_changed session.info session.warning session.truncation session.context_changed "
    "session.title_changed assistant.turn_start hook.start hook.end skill.invoked".split()
)
"""Known, and nothing follows from them."""


@dataclass(slots=True)
class _Voice:
    """One agent of the session, and where it is in its turn."""

    talk: Conversation
    said: str = ""
    """Its newest answer."""
    calling: bool = False
    """That answer called tools, so another one follows."""
    in_turn: bool = False


class Copilot(Source):
    """``~/.copilot``."""

    name = "copilot"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger(lambda model, tokens, at: None))
        self.titles: dict[str, str] = {}
        """What ``workspace.yaml`` calls a session; it goes before what its first prompt says."""

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``$COPILOT_HOME``, else ``.copilot`` in ``$XDG_STATE_HOME`` and in the home directory."""
        if given := moved(environ, home, "COPILOT_HOME"):
            return given
        return [home / ".copilot", *(state / ".copilot" for state in moved(environ, home, "XDG_STATE_HOME"))]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """By the directory of the sessions."""
        return (directory / "session-state").is_dir()

    def skips(self, path: PurePosixPath) -> bool:
        """All but the sessions' own directories."""
        return path.parts[0] != "session-state" or len(path.parts) > 2

    def reader(self, path: PurePosixPath) -> Reader | None:
        """By :data:`FILES`."""
        for pattern, mode, method in FILES:
            if len(PurePosixPath(pattern).parts) == len(path.parts) and path.match(pattern):
                if method == "events":
                    return Lines(_Log(self, path).read)
                if method == "todos":
                    return Database(Todos(self.namespace + path.parts[1]).query)
                return READERS[mode](partial(getattr(self, method), path))
        return None

    def workspace(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """What a session is called and where it works: flat YAML, of which the plain lines are enough."""
        plain = re.findall(r"^(\w+):[ \t]+(\S.*?)\s*$", data.decode("utf-8", "replace"), re.MULTILINE)
        facts = {key: value.strip("\"'") for key, value in plain if value not in ("|", ">", "|-", ">-")}
        session = self.namespace + path.parts[1]
        title = named(facts.get("name")) or named(facts.get("summary"))
        if title is not None:
            self.titles[session] = title
        told = {
            "title": preview(title),
            "project": directory_name(facts.get("cwd")),
            "branch": named(facts.get("branch")),
        }
        yield Record("sessions", session, {key: value for key, value in told.items() if value is not None})

    def plan(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """The plan that the agent keeps for itself."""
        text, session = data.decode("utf-8", "replace"), self.namespace + path.parts[1]
        heading = re.search(r"^#{1,6}[ \t]+(.*\S)", text, re.MULTILINE)
        fields = {
            "title": preview(heading.group(1)) if heading else "plan",
            "kind": "plan",
            "agent_id": session,
            "path": str(path),
            "size": len(data),
            "tokens": len(data) // 4,
            "text": preview(text),
            "version": blake2b(data, digest_size=6).hexdigest(),
        }
        yield Record("memory", f"{session}/plan.md", fields)


class _Log:
    """Reads one event log."""

    def __init__(self, source: Copilot, path: PurePosixPath) -> None:
        self.source = source
        self.path = path
        self._open(path.parts[1] if len(path.parts) > 2 else path.stem)

    def _open(self, session: str) -> None:
        self.session = self.source.namespace + session
        self.voices: dict[str | None, _Voice] = {}
        self.callers: dict[str, tuple[_Voice, Data]] = {}  # tool call → who made it, and how
        self.asked: dict[str, Call] = {}  # permission request → the call that waits for it
        self.denied: set[str] = set()
        self.written: defaultdict[str, dict[str, int]] = defaultdict(dict)  # model → answer → output tokens
        self.totals: dict[str, Tokens] = {}
        self.titled = False
        self.elsewhere: list[tuple[_Voice, Step]] = []  # what an event says about another agent than its own

    def read(self, line: bytes) -> Iterable[Item]:
        """One event."""
        if not line.strip():
            return
        event = parse_as(event_decoder, line)
        at = millis(event.timestamp)
        if at is None:
            raise Malformed(f"not a time: {event.timestamp[:40]}")
        if event.type in _SILENT:
            return
        take = _TAKES.get(event.type)
        if take is None:
            self.source.unknown[event.type] += 1
            return
        data = parse_as(data_decoder, bytes(event.data))
        id = event.id or blake2b(line, digest_size=8).hexdigest()
        begun = data.sessionId if event.type == "session.start" else None
        if begun and self.source.namespace + begun != self.session:
            self._open(begun)  # there may be several in one file
        voice = self._voice(event.agentId)
        for step in take(self, voice, at, id, data):
            yield from voice.talk.take(step)
        for other, step in self.elsewhere:
            yield from other.talk.take(step)
        self.elsewhere.clear()

    def _voice(self, agent: str | None) -> _Voice:
        voice = self.voices.get(agent)
        if voice is None:
            file = str(self.path)
            if agent is None:
                talk = Conversation(self.source.book, file, self.session)
            else:
                caller = self.callers.get(agent)
                parent = caller[0].talk.agent if caller else self.session
                talk = Conversation(self.source.book, file, self.session, f"{self.session}/{agent}", parent)
            voice = self.voices[agent] = _Voice(talk)
        return voice

    # The session

    def _start(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        where = data.context or Context()
        project = directory_name(where.cwd)
        yield About(
            at,
            {"project": project, "branch": where.branch, "model": data.selectedModel, "path": str(self.path)},
            {"name": project or self.session[:8], "project": project, "model": data.selectedModel},
        )
        yield TurnEnd(at, reason="session started")

    def _resume(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        yield TurnEnd(at, reason="session resumed")

    def _model(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        model = data.newModel or data.chosenModel
        if model != "auto":
            yield About(at, {"model": model}, {"model": model})

    def _error(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        voice.in_turn = False
        yield TurnEnd(at, "failed", data.message or data.errorType)

    def _abort(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        voice.in_turn = False
        yield TurnEnd(at, "interrupted")

    def _compacting(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        yield TurnStart(at, "compacts its context")

    def _compacted(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        if not voice.in_turn:
            yield TurnEnd(at, reason="compacted")

    def _completed(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        voice.calling = False
        return iter(())

    def _shutdown(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        """The program was left; only now it says what it has read."""
        for model, metrics in (data.modelMetrics or {}).items():
            total = (metrics.usage or Counts()).tokens
            before = self.totals.get(model, Tokens())
            if any(new < old for new, old in zip(total, before, strict=True)):
                before = Tokens()  # the count was started anew
            self.totals[model] = total
            new = total + -before
            unsaid = max(0, new.output - sum(self.written.pop(model, {}).values()))
            # a copy, since it is no answer: it must not count as what fills the context
            yield Usage(at, f"{self.session}:{id}:{model}", new._replace(output=unsaid), model, copy=True)
        changed = (data.codeChanges or Changes()).filesModified
        yield About(
            at, {"files_changed": len(changed) if changed else None}, {"context_tokens": whole(data.currentTokens)}
        )
        yield Closed(at, data.shutdownType == "error")

    # What is said

    def _user(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        voice.in_turn = True
        if data.isAutopilotContinuation or not data.content:
            yield TurnStart(at, "goes on by itself")
            return
        if voice.talk.parent is None and not self.titled:
            self.titled = True
            if self.session not in self.source.titles:
                yield About(at, {"title": preview(data.content)}, {})
        yield Prompt(at, id, data.content, voice.talk.parent or PERSON)

    def _answer(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        voice.in_turn = True
        voice.calling = bool(data.toolRequests)
        if data.reasoningText:
            yield Thinking(at, f"{id}:thinking", data.reasoningText)
        if data.content:
            voice.said = data.content
            yield Reply(at, id, data.content)
        if data.outputTokens is not None:
            key = data.requestId or data.messageId or id
            answers = self.written[data.model or ""]
            answers[key] = max(data.outputTokens, answers.get(key, 0))
            yield Usage(at, f"{self.session}:{key}", Tokens(output=data.outputTokens), data.model)

    def _turn_end(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        if voice.calling:
            return
        voice.in_turn = False
        yield TurnEnd(at, "asked" if asks(voice.said) else "done")
        voice.said = ""

    # Tools

    def _call(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        call_id, name = data.toolCallId or id, data.toolName or "tool"
        self.callers[call_id] = voice, data
        given = data.arguments if isinstance(data.arguments, dict) else {}
        question = given.get(_ASKING[name]) if name in _ASKING else None
        waits = (named(question) or "a question to you") if name in _ASKING else None
        yield Call(at, f"{self.session}:{call_id}", name, data.arguments, waits)
        if name == "update_todo" and isinstance(todos := given.get("todos"), str):
            yield Plan(at, tuple(_checklist(todos)))

    def _result(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        call_id = data.toolCallId or id
        _, call = self.callers.pop(call_id, (voice, data))
        error = data.error if isinstance(data.error, dict) else {"message": data.error}
        result = data.result if isinstance(data.result, dict) else {"content": data.result}
        ok = data.success is not False
        denied = call_id in self.denied or error.get("code") in ("denied", "rejected")
        given = call.arguments if isinstance(call.arguments, dict) else {}
        path = given.get("path") or given.get("file_path")
        edits = ok and call.toolName in _EDITORS and given.get("command") != "view" and isinstance(path, str)
        yield Result(
            at,
            f"{self.session}:{call_id}",
            "ok" if ok else "denied" if denied else "error",
            result.get("content"),
            None if ok else named(error.get("message")) or "failed",
            files=(str(path),) if edits else (),
        )
        if not voice.in_turn and voice.talk.parent is None:
            yield TurnEnd(at, reason="end of your command")

    def _permission(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        if data.resolvedByHook:
            return
        request = data.permissionRequest if isinstance(data.permissionRequest, dict) else {}
        call_id = named(request.get("toolCallId")) or data.requestId or id
        _, call = self.callers.get(call_id, (voice, data))
        name = call.toolName or named(request.get("kind")) or "tool"
        waits = Call(at, f"{self.session}:{call_id}", name, call.arguments or request, approval=True)
        self.asked[data.requestId or id] = waits
        yield waits

    def _decision(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        waits = self.asked.pop(data.requestId or id, None)
        if waits is None:
            return
        kind = data.result.get("kind") if isinstance(data.result, dict) else data.result
        call_id = waits.id.removeprefix(f"{self.session}:")
        denied = isinstance(kind, str) and kind.startswith("denied")
        if denied:
            self.denied.add(call_id)
        if call_id in self.callers:
            yield waits._replace(at=at, approval=False)
        else:  # nothing but the request told of it, so nothing else will tell of its end
            yield Result(at, waits.id, "denied" if denied else "ok")

    # Subagents

    def _spawned(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        caller, call = self.callers.get(data.toolCallId or "", (self._voice(None), Data()))
        given = call.arguments if isinstance(call.arguments, dict) else {}
        name = named(given.get("name")) or data.agentDisplayName or data.agentName
        yield About(at, {}, {"name": name, "role": data.agentName, "model": data.model})
        task = named(given.get("prompt")) or named(given.get("description")) or ""
        self.elsewhere.append((caller, Spawn(at, data.toolCallId or id, voice.talk.agent, task, data.agentName)))

    def _returned(self, voice: _Voice, at: int, id: str, data: Data) -> Iterator[Step]:
        caller, _ = self.callers.get(data.toolCallId or "", (self._voice(None), Data()))
        error = named(data.error)
        self.elsewhere.append((caller, Return(at, voice.talk.agent, error or voice.said or None, error is not None)))
        return iter(())


def _checklist(text: str) -> Iterator[Todo]:
    """The entries of a Markdown checklist; an entry is known by its text."""
    for mark, title in re.findall(r"^[ \t]*[-*] \[(.)\] *(\S.*)$", text, re.MULTILINE):
        status = {"x": "completed", "X": "completed", " ": "pending"}.get(mark, "in_progress")
        yield Todo(blake2b(title.strip().encode(), digest_size=4).hexdigest(), title.strip(), status)


_TAKES: Final = {
    "session.start": _Log._start,
    "session.resume": _Log._resume,
    "session.model_change": _Log._model,
    "session.auto_mode_resolved": _Log._model,
    "session.error": _Log._error,
    "session.compaction_start": _Log._compacting,
    "session.compaction_complete": _Log._compacted,
    "session.task_complete": _Log._completed,
    "session.shutdown": _Log._shutdown,
    "abort": _Log._abort,
    "user.message": _Log._user,
    "assistant.message": _Log._answer,
    "assistant.turn_end": _Log._turn_end,
    "tool.user_requested": _Log._call,
    "tool.execution_start": _Log._call,
    "tool.execution_complete": _Log._result,
    "permission.requested": _Log._permission,
    "permission.completed": _Log._decision,
    "subagent.started": _Log._spawned,
    "subagent.completed": _Log._returned,
    "subagent.failed": _Log._returned,
}
