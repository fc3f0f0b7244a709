"""The lines of a transcript of Claude Code as steps of a conversation. What they teach is told in :mod:`.claude`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..base import Evidence, Item, Malformed, Record, clean, millis, named, parse_as, parse_json, preview
from ..conversation import Conversation
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
    TurnStart,
    Usage,
    asks,
)
from .records import DECODER, Billed, Block, Line, Message, Part
from .values import folder, in_background, is_internal, outcome, text_in, text_of_parts, todo_of, usage_of

if TYPE_CHECKING:
    from . import Claude

ENDS: Final = frozenset({"end_turn", "stop_sequence", "refusal"})
EDITS: Final = {"Edit": "file_path", "Write": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}
TOLD_BY_RESULT: Final = frozenset({"Agent", "Task", "TaskCreate", "TaskUpdate", "SendMessage"})
"""Tools whose ``toolUseResult`` says more than the text that the model gets."""

SILENT: Final = frozenset(
    "file-history-snapshot file-history-delta mode permission-mode pr-link bridge-session atis-latch frame-link tag "
    "agent-name agent-color agent-setting progress".split()
)
SILENT_SYSTEM: Final = frozenset(
    "microcompact_boundary local_command away_summary scheduled_task_fire bridge_status model_refusal_fallback "
    "informational".split()
)
_TITLES: Final = ("last-prompt", "prompt", "summary", "ai-title", "custom-title")
"""What a session's title is taken from, worst first."""

_INTERRUPTED: Final = "[Request interrupted by user"
_NO_ANSWER: Final = "No response requested."


class _Talk:
    """One agent in one session as this file tells it, and where its turn stands."""

    __slots__ = ("branch", "calls", "children", "conversation", "done", "ended", "names", "project", "replied",
                 "resumed", "session", "settled", "team", "titled", "titles", "todos", "used")  # fmt: skip

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.session = conversation.session
        self.calls: dict[str, tuple[Block, int]] = {}
        """Tool calls without a result, and when they were made."""
        self.children: dict[str, str] = {}
        """Short ids and names of agents it gave work to → their rows."""
        self.done: set[tuple[str, str]] = set()
        self.todos: dict[str, Todo] = {}
        self.used: tuple[str | None, Billed] | None = None
        self.replied: Reply | None = None
        """What was said last, if nothing followed."""
        self.ended = False
        self.settled = False  # ended, and neither with a question nor with a failure
        self.resumed = False
        self.titles: dict[str, str] = {}
        self.titled: str | None = None
        self.project: str | None = None
        self.branch: str | None = None
        self.team: str | None = None


class Transcript:
    """Reads one transcript."""

    def __init__(self, source: Claude, path: PurePosixPath) -> None:
        self.source = source
        self.path = path
        self.at = 0
        below = "subagents" in path.parts
        self.session = path.parts[2] if below else path.stem
        self.agent = path.stem.removeprefix("agent-") if path.name.startswith("agent-") else None
        self.talks: dict[tuple[str, str | None], _Talk] = {}
        self.sidechains: dict[str, str] = {}
        """Lines of side chains inside this file → agent."""
        self.waiting: list[Line] = []
        """Lines before the first one with a time."""

    def read(self, line: bytes) -> Iterable[Item]:
        """One line."""
        if _is_progress(line) or not line.strip():
            return ()
        entry = parse_as(DECODER, line)
        if entry.type in SILENT:
            return ()
        at = millis(entry.timestamp)
        if at is None:
            if not self.at:
                if entry.type in _SAYS and len(self.waiting) < 100:
                    self.waiting.append(entry)
                return ()
            at = self.at
        self.at = at
        waiting, self.waiting = self.waiting, []
        items = self._line(entry, at)
        return chain(*(self._line(early, at) for early in waiting), items) if waiting else items

    def _line(self, entry: Line, at: int) -> Iterator[Item]:
        says = _SAYS.get(entry.type)
        if says is None:
            self.source.unknown[f"{entry.type}/{entry.subtype or ''}"] += 1
            return
        session = self.source.namespace + clean(entry.sessionId or self.session)
        agent = entry.agentId or self.agent or self._sidechain(entry)
        if agent is not None and is_internal(agent):
            if entry.message is not None and (usage := usage_of(entry, entry.message, at)) is not None:
                yield from self.source.book.ledger.bill(usage, session, session)
            return
        talk = self.talks.get((session, agent))
        if talk is None:
            talk = self.talks[session, agent] = self._talk(session, agent, entry)
            yield from self._introduce(talk, agent, entry)
        if entry.cwd is not None and (talk.project is None or entry.gitBranch != talk.branch):
            yield from self._whereabouts(talk, entry, at)
        for step in says(self, talk, entry, at):
            if isinstance(step, (Record, Evidence)):
                yield step
            elif type(step) in _PLAIN:
                yield from talk.conversation.take(step)
            else:
                yield from self._special(talk, step)

    def _special(self, talk: _Talk, step: Step) -> Iterator[Item]:
        """Steps that other files may tell of too."""
        items = talk.conversation.take(step)
        if isinstance(step, (Spawn, Return)):
            for item in items:
                known = isinstance(item, Record) and item.table == "messages"
                yield from self.source.called(item) if known else (item,)  # type: ignore[arg-type]
            return
        yield from self.source.once(items, step.at)
        if isinstance(step, TurnEnd) and step.how == "asked":
            yield from self.source.live.ended_asking(talk.session, step.at)

    def _talk(self, session: str, agent: str | None, entry: Line) -> _Talk:
        book, file = self.source.book, str(self.path)
        if agent is not None:
            row = self.source.subagent(session, agent)
            return _Talk(Conversation(book, file, session, row, self.source.parents.get(row, session)))
        row = session
        if entry.teamName and entry.agentName and entry.agentName != "team-lead":
            row = self.source.member(entry.teamName, entry.agentName)
            self.source.mates.add(row)
        return _Talk(Conversation(book, file, session, row))

    def _introduce(self, talk: _Talk, agent: str | None, entry: Line) -> Iterator[Item]:
        if agent is None:
            yield from self.source.came_to_light(talk.session, self.path)
            return
        row = talk.conversation.agent
        yield Record("agents", row, {"name": self.source.called_by(row) or agent})
        if talk.session not in self.source.transcripts:  # its parent's may be empty or gone
            project = folder(entry.cwd)
            yield Record("sessions", talk.session, {"agent_id": talk.session, "status": "ended"})
            yield Record("agents", talk.session, {"session_id": talk.session, "name": project, "project": project})

    def _whereabouts(self, talk: _Talk, entry: Line, at: int) -> Iterator[Item]:
        """Project, branch and name, when they are first told or the branch changes."""
        session: dict[str, Any] = {}
        agent: dict[str, Any] = {}
        if talk.project is None and (project := folder(entry.cwd)) is not None:
            talk.project = project = clean(project)
            agent["project"] = session["project"] = project
            if talk.conversation.parent is None:
                agent["name"] = entry.agentName or project
            yield from self.source.lives_in(self.path.parts[1], project)
        if entry.gitBranch and talk.conversation.parent is None:
            talk.branch = entry.gitBranch
            session["branch"] = entry.gitBranch
        else:
            talk.branch = entry.gitBranch
        talk.team = entry.teamName or talk.team
        yield from talk.conversation.take(About(at, session, agent))
        if talk.conversation.agent in self.source.mates and talk.team in self.source.leads:
            yield Record("agents", talk.conversation.agent, {"parent_id": self.source.leads[talk.team]})

    def _sidechain(self, entry: Line) -> str | None:
        """Old versions wrote what subagents did between the lines of the session."""
        if not entry.isSidechain or entry.uuid is None:
            return None
        agent = self.sidechains.get(entry.parentUuid or "") or f"side-{entry.uuid[:8]}"
        self.sidechains[entry.uuid] = agent
        return agent

    # -----------------------------------------------------------------------------------------------------------------
    # Kinds of lines

    def _assistant(self, talk: _Talk, entry: Line, at: int) -> Iterator[Step | Record]:
        message = entry.message
        if message is None:
            raise Malformed("an answer without message")
        if entry.isApiErrorMessage:
            text = text_in(message.content)
            yield Reply(at, entry.uuid or "", text)
            yield TurnEnd(at, "failed", preview(text.partition("\n")[0]))
            talk.ended, talk.settled, talk.replied = True, False, None
            return
        if message.usage is not None and (message.id, message.usage) != talk.used:
            talk.used = message.id, message.usage
            if (usage := usage_of(entry, message, at)) is not None:
                yield usage
                if usage.copy:  # it is not known whether it is one: what it tells of this agent holds all the same
                    tokens = usage.tokens
                    context = tokens.input + tokens.cache_read + tokens.cache_write
                    agent = {"model": message.model, "context_tokens": context or None}
                    yield Record("agents", talk.conversation.agent, agent)
        for place, block in enumerate(message.content if isinstance(message.content, list) else ()):
            if block.type == "tool_use":
                yield from self._tool_use(talk, block, at, copy=entry.sessionKind == "bg")
            elif block.type == "text" and block.text and block.text.strip():
                id = f"{entry.uuid}.{place}" if place else entry.uuid or ""
                yield from self._said(talk, Reply(at, id, clean(block.text)), entry, message)
            elif block.type == "thinking":
                talk.ended, talk.replied = False, None
                yield Thinking(at, entry.uuid or "", block.thinking or "")

    def _said(self, talk: _Talk, reply: Reply, entry: Line, message: Message) -> Iterator[Step]:
        if message.model == "<synthetic>" and reply.text == _NO_ANSWER:
            if not talk.ended:
                yield from self._end(talk, reply.at)
            return
        talk.ended, talk.replied = False, reply
        yield reply
        if message.stop_reason in ENDS:
            yield from self._end(talk, reply.at)

    def _tool_use(self, talk: _Talk, block: Block, at: int, *, copy: bool) -> Iterator[Step | Record]:
        talk.ended, talk.replied = False, None
        id = self.source.namespace + block.id
        talk.calls[id] = block, at
        given = block.input if isinstance(block.input, dict) else {}
        question: str | None = None
        if block.name == "AskUserQuestion":
            questions = given.get("questions")
            first = questions[0] if isinstance(questions, list) and questions else None
            question = (named(first.get("question")) if isinstance(first, dict) else None) or "a question to you"
        elif block.name == "ExitPlanMode":
            question = "approval of its plan"
        elif block.name == "TodoWrite" and isinstance(todos := given.get("todos"), list):
            whose = "" if talk.conversation.parent is None else talk.conversation.agent.rpartition("/")[2] + "."
            listed = enumerate(todos, 1)
            yield Plan(at, tuple(todo_of(todo, f"{whose}todo-{n}") for n, todo in listed if isinstance(todo, dict)))
        yield Call(at, id, block.name, block.input, question, copy=copy)

    def _user(self, talk: _Talk, entry: Line, at: int) -> Iterator[Step | Record | Evidence]:
        content = entry.message.content if entry.message is not None else None
        if isinstance(content, list):
            for block in content:
                if block.type == "tool_result":
                    yield from self._tool_result(talk, block, entry, at)
        text = text_in(content)
        if not text.strip() or entry.isCompactSummary:
            return
        if text.startswith(_INTERRUPTED):
            for call in talk.calls:
                yield Result(at, call, "cancelled")
            talk.calls.clear()
            talk.ended, talk.settled, talk.replied = True, False, None
            yield TurnEnd(at, "interrupted")
        elif "<task-notification>" in text:
            yield from self._notified(talk, text, at)
        elif (found := _TEAMMATE.search(text)) is not None:
            sender = talk.children.get(found.group(1)) or self._mate(talk, entry, found.group(1))
            yield from self._begins(talk, Prompt(at, entry.uuid or "", clean(found.group(2).strip()), sender))
        elif entry.isMeta:
            if not text.startswith(("<", "Caveat:")) and (talk.ended or not talk.calls):
                talk.resumed = text.startswith("Stop hook feedback")
                talk.ended, talk.replied = False, None
                yield TurnStart(at)
        elif (command := _COMMAND.search(text)) is not None and text.startswith("<command-message>"):
            arguments = _ARGUMENTS.search(text)
            told = f"{command.group(1)} {arguments.group(1) if arguments else ''}".strip()
            yield from self._begins(talk, Prompt(at, entry.uuid or "", told))
        elif not text.startswith(("<command-name>", "<local-command-", "<bash-")):
            yield from self._begins(talk, Prompt(at, entry.uuid or "", clean(text)))

    def _begins(self, talk: _Talk, prompt: Prompt, *, mid_turn: bool = False) -> Iterator[Step]:
        """A prompt. If nothing but it says so, the turn before ended with the last text."""
        if talk.conversation.parent is not None and prompt.sender == PERSON:
            prompt = prompt._replace(sender=talk.conversation.parent)
        elif prompt.sender == PERSON:
            talk.titles.setdefault("prompt", prompt.text)
        if talk.replied is not None and not talk.ended and not talk.calls and not mid_turn:
            yield from self._end(talk, talk.replied.at)
        talk.ended, talk.replied, talk.resumed = False, None, False
        yield prompt
        yield from self._title(talk, prompt.at)

    def _end(self, talk: _Talk, at: int, reason: str | None = None) -> Iterator[Step]:
        asked = talk.replied is not None and talk.conversation.parent is None and asks(talk.replied.text)
        talk.ended, talk.settled, talk.replied = True, not asked, None
        yield TurnEnd(at, "asked" if asked else "done", None if asked else reason)

    def _tool_result(self, talk: _Talk, block: Block, entry: Line, at: int) -> Iterator[Step | Record | Evidence]:
        id = self.source.namespace + block.tool_use_id
        call, called_at = talk.calls.pop(id, (None, at))
        text = block.content if isinstance(block.content, str) else text_in(block.content)
        status = outcome(block, text, entry)
        talk.ended, talk.replied = False, None
        files: tuple[str, ...] = ()
        if status == "ok" and call is not None and call.name in EDITS and isinstance(call.input, dict):
            path = call.input.get(EDITS[call.name])
            files = (path,) if isinstance(path, str) else ()
        yield Result(at, id, status, clean(text), clean(text) if status == "error" else None, None, files)
        if status == "ok" and call is not None and call.name in TOLD_BY_RESULT and isinstance(call.input, dict):
            raw = bytes(entry.toolUseResult)
            result = parse_json(raw) if raw else None
            yield from self._told_by_result(
                talk, id, call, result if isinstance(result, dict) else {}, text, called_at, at
            )

    def _told_by_result(
        self, talk: _Talk, id: str, call: Block, result: dict[str, Any], text: str, called_at: int, at: int
    ) -> Iterator[Step | Record | Evidence]:
        given = call.input
        if call.name in ("Agent", "Task"):
            yield from self._spawned(talk, id, given, result, text, called_at, at)
        elif call.name == "TaskCreate":
            task = result.get("task")
            if isinstance(task, dict) and (number := task.get("id")) is not None:
                title = named(given.get("subject")) or named(task.get("subject")) or f"task {number}"
                todo = Todo(str(number), title, "pending", named(given.get("description")), None)
                talk.todos[todo.id] = todo
                yield Plan(at, (todo,), whole=False)
        elif call.name == "TaskUpdate":
            yield from self._updated(talk, given, at)
        elif call.name == "SendMessage":
            message, to = named(given.get("message")), named(given.get("to")) or named(given.get("recipient"))
            resumed = named(result.get("resumedAgentId"))
            if message is None or to is None:
                return
            if resumed is not None:
                talk.done = {key for key in talk.done if key[0] != resumed}
            row = talk.children.get(resumed or to) or talk.children.get(to)
            if row is None:
                row = "*" if to in ("*", "all") else self._mate(talk, None, resumed or to)
            fields = {"at": at, "sender": talk.conversation.agent, "recipient": row, "kind": "message"}
            told = {**fields, "text": preview(clean(message)), "session_id": talk.session}
            for item in self.source.called(Record("messages", f"{talk.session}:{id}>", told)):
                if isinstance(item, Record):
                    yield item

    def _mate(self, talk: _Talk, entry: Line | None, name: str) -> str:
        """The row of somebody who is called by a name."""
        team = (entry.teamName if entry is not None else None) or talk.team
        if team is None:
            sessions = [team for team, lead in self.source.leads.items() if lead == talk.session]
            team = min(sessions, default=None)
        if _SHORT_ID.fullmatch(name):
            return self.source.subagent(talk.session, name)
        return self.source.member(team, name) if team else self.source.subagent(talk.session, name)

    def _spawned(
        self, talk: _Talk, id: str, given: dict[str, Any], result: dict[str, Any], text: str, called_at: int, at: int
    ) -> Iterator[Step | Record | Evidence]:
        """An agent was started, and perhaps has answered already."""
        short = named(result.get("agentId")) or named(result.get("agent_id")) or named(result.get("teammate_id"))
        if short is None:
            return
        agent = talk.children[short] = self.source.subagent(talk.session, short)
        name, kind = named(given.get("name")), named(given.get("subagent_type"))
        if name is not None:
            talk.children[name] = agent
        self.source.belongs(agent, talk.conversation.agent)
        task = named(given.get("prompt")) or named(given.get("description")) or ""
        yield Spawn(called_at, id, agent, clean(task), kind)
        yield Evidence(agent, called_at, "given work")
        yield Record("agents", agent, {"name": self.source.called_by(agent, name, kind)})
        if result.get("status") == "completed":
            talk.done.add((short, "completed"))
            answer = text_in(msgspec.convert(result.get("content"), list[Part])) if result.get("content") else text
            yield Return(at, agent, clean(answer))

    def _updated(self, talk: _Talk, given: dict[str, Any], at: int) -> Iterator[Step | Record]:
        number = next((str(given[key]) for key in ("taskId", "id", "task_id") if given.get(key) is not None), None)
        if number is None:
            return
        todo = talk.todos.get(number) or Todo(number, "", "pending")
        blockers = given.get("addBlockedBy")
        owner = named(given.get("owner"))
        talk.todos[number] = todo = Todo(
            number,
            named(given.get("subject")) or todo.title,
            named(given.get("status")) or todo.status,
            named(given.get("description")) or todo.description,
            self._mate(talk, None, owner) if owner and talk.team else owner or todo.owner,
            tuple(dict.fromkeys([*todo.depends_on, *map(str, blockers if isinstance(blockers, list) else ())])),
        )
        yield Plan(at, (todo,), whole=False)

    def _notified(self, talk: _Talk, text: str, at: int) -> Iterator[Step]:
        """An agent in the background has finished; told up to three times."""
        for notice in text.split("<task-notification>")[1:]:
            tags = dict(_TAGS.findall(notice))
            short, status = tags.get("task-id", ""), tags.get("status", "")
            if short not in talk.children or not status or (short, status) in talk.done:
                continue
            talk.done.add((short, status))
            answer = tags.get("result") or tags.get("summary")
            yield Return(at, talk.children[short], clean(answer) if answer else None, status not in ("completed",))

    def _attachment(self, talk: _Talk, entry: Line, at: int) -> Iterator[Step]:
        attachment = entry.attachment
        if attachment is None or attachment.type != "queued_command":
            return
        text = attachment.prompt if isinstance(attachment.prompt, str) else text_of_parts(attachment.prompt)
        if "<task-notification>" in text:
            yield from self._notified(talk, text, at)
        elif attachment.commandMode in (None, "prompt") and text.strip() and not text.startswith("/"):
            yield from self._begins(talk, Prompt(at, entry.uuid or "", clean(text)), mid_turn=True)

    def _queue(self, talk: _Talk, entry: Line, at: int) -> Iterator[Step]:
        text = entry.content if isinstance(entry.content, str) else ""
        if "<task-notification>" in text:
            yield from self._notified(talk, text, at)

    def _system(self, talk: _Talk, entry: Line, at: int) -> Iterator[Step | Record]:
        kind = entry.subtype
        if kind in ("turn_duration", "stop_hook_summary"):
            if talk.resumed and kind == "stop_hook_summary":
                talk.resumed = False
            else:
                more = in_background(entry)
                if not talk.ended or (more is not None and talk.settled):
                    yield from self._end(talk, at, more)
        elif kind == "api_error":
            error = entry.error if isinstance(entry.error, dict) else {}
            what = error.get("status") or error.get("formatted") or error.get("message") or "no connection"
            text = f"API error {what}, try {entry.retryAttempt or 0:.0f} of {entry.maxRetries or 0:.0f}"
            yield self._log(talk, entry, at, "warning", text)
        elif kind == "compact_boundary":
            facts = entry.compactMetadata if isinstance(entry.compactMetadata, dict) else {}
            before, after = facts.get("preTokens"), facts.get("postTokens")
            tokens = f", {before}" + (f" → {after}" if after else "") + " tokens" if before else ""
            yield self._log(talk, entry, at, "info", f"conversation compacted ({facts.get('trigger')}{tokens})")
        elif kind not in SILENT_SYSTEM:
            self.source.unknown[f"system/{kind or ''}"] += 1

    def _log(self, talk: _Talk, entry: Line, at: int, level: str, text: str) -> Record:
        fields = {"at": at, "level": level, "logger": "claude", "text": preview(clean(text))}
        agent = talk.conversation.agent
        return Record("logs", f"{talk.session}:{entry.uuid}", {**fields, "agent_id": agent, "session_id": talk.session})

    def _titled(self, talk: _Talk, entry: Line, at: int) -> Iterator[Step]:
        text = named(entry.customTitle or entry.aiTitle or entry.summary or entry.lastPrompt)
        if text is not None:
            talk.titles[entry.type] = clean(text)
            yield from self._title(talk, at)

    def _title(self, talk: _Talk, at: int) -> Iterator[Step]:
        title = next((talk.titles[kind] for kind in reversed(_TITLES) if kind in talk.titles), None)
        if title is not None and title != talk.titled and talk.conversation.parent is None:
            talk.titled = title
            yield About(at, {"title": preview(" ".join(title.split()))}, {})


_SAYS: Final[dict[str, Callable[[Transcript, _Talk, Line, int], Iterator[Any]]]] = {
    "assistant": Transcript._assistant,
    "user": Transcript._user,
    "system": Transcript._system,
    "attachment": Transcript._attachment,
    "queue-operation": Transcript._queue,
    **dict.fromkeys(("custom-title", "ai-title", "summary", "last-prompt"), Transcript._titled),
}
_PLAIN: Final = frozenset({Reply, Thinking, Call, Result, Usage, About, TurnStart})
"""Steps of which no other file tells anything."""

_TEAMMATE: Final = re.compile(r'<teammate-message teammate_id="([^"]*)"[^>]*>(.*?)</teammate-message>', re.DOTALL)
_COMMAND: Final = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_ARGUMENTS: Final = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)
_TAGS: Final = re.compile(r"<(task-id|status|summary|result)>(.*?)</\1>", re.DOTALL)
_SHORT_ID: Final = re.compile(r"a[0-9a-f]{6,16}")


def _is_progress(line: bytes) -> bool:
    """Whether this is a progress line: its type stands near its start, before anything of any size."""
    found = line.find(b'"type":"progress"', 0, 1000)
    return found >= 0 and line.find(b'"message":', 0, found) < 0 and line.find(b'"toolUseResult":', 0, found) < 0
