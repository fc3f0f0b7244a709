"""A conversation with a coding agent as rows of all tables: what follows from each step.

So a new agent is a reader of steps, and what a status rests on and how a delegation becomes a message is said
once, here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from ..tables import PREVIEW_CHARS, Gone, Record, cut
from .base import Evidence, Item, Log, Speaker
from .ledger import MOST_TOKENS, UNCLAIMED, Book, Claimed
from .parsing import Malformed, preview
from .steps import (
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
    Tokens,
    TurnEnd,
    TurnStart,
    Unnamed,
    Usage,
)
from .task_status import task_status
from .texts import error_text, first_line, said


class Conversation:
    """One agent in one session, as one file has it; :meth:`take` gives the rows that follow from a step."""

    def __init__(
        self,
        book: Book,
        file: str,
        session: str,
        agent: str | None = None,
        parent: str | None = None,
        *,
        ordered: bool = True,
    ) -> None:
        """Begin one. ``agent``: a subagent's id, by default the session's. ``parent``: the agent it works for.

        ``ordered``: steps come in the order in which things happened, whatever their times; else times alone count.
        """
        self.book = book
        self.file = file
        self.session = session
        self.agent = agent or session
        self.parent = parent
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._calls: dict[str, Call] = {}
        self._prompter = parent or PERSON
        self._reply: Reply | None = None
        self._todos: dict[str, str] = {}  # id → status
        self._left: dict[str, Call] = {}  # calls that had not returned when their turn ended
        self._helpers: set[str] = set()
        """Agents that it gave work to and that have not answered."""
        self._leaves_helpers = False
        """Whether its turn has ended while they go on."""
        self._log = Log() if ordered else None
        self._known = False
        self._prompted = False
        self.has_row = False
        """Its session has a row of its own, though it works for another agent."""
        self.alone = False
        """No file has the agent that it works for, so what it was given to do is in this one only."""
        self.answers_by_parent = False
        """What it answers the agent that it works for is in the other's file: from here it would come twice."""
        self._over = False
        """Its turn has ended: what a tool returns after that begins no other one."""
        self._items: list[Item] = []
        """What follows from the step that is being taken."""
        # what follows from all steps since the last `finish`, for the rows of the session and of the agent
        self._of_session: dict[str, Any] = {}
        self._of_agent: dict[str, Any] = {}
        self._times: tuple[int, int] | None = None
        """The earliest and the latest time of them."""
        self._counted: set[str] = set()
        self._activity: Reply | Call | None = None

    @property
    def heads(self) -> bool:
        """Whether what it does describes its session."""
        if self.parent is None or self.has_row:
            return True
        left = self.book.left.get(self.session)
        return left is not None and left.head == self.agent

    def work_for(self, agent: str) -> None:
        """Take in which agent it works for, where that was not known when it began."""
        if self._prompter == self.parent:
            self._prompter = agent
        self.parent = self._of_agent["parent_id"] = agent

    def take(self, step: Step) -> list[Item]:
        """Return the rows and evidence that follow from a step, but for the rows of the session and of the agent.

        Nearly every step adds to those two: :meth:`finish` gives them, once for many steps.
        """
        if self.agent == PERSON:
            raise Malformed("an agent that is called as the person is")
        items: list[Item] = []
        self._items = items
        if self.book.on_step is not None:
            self.book.on_step(self, step)
            return items
        if not self._known:
            self._known = True
            items.append(Speaker(self.agent))
            self._introduce()
        at, times = step.at, self._times
        if times is None:
            self._times = at, at
        elif at > times[1]:
            self._times = times[0], at
        elif at < times[0]:
            self._times = at, times[1]
        _TAKES[type(step)](self, step)
        return items

    def finish(self) -> Iterator[Record]:
        """Yield the rows of the session and of the agent as all steps since the last call leave them."""
        session, agent, activity = self._of_session, self._of_agent, self._activity
        if self._times is None:
            return
        session["started_at"] = agent["started_at"] = self._times[0]
        session["updated_at"] = agent["last_seen_at"] = self._times[1]
        for column in self._counted:
            count, put = self._counts[column], self.book.tallies.put
            session[column] = put("sessions", self.session, column, self.file, count)
            if column != "messages":
                agent[column] = put("agents", self.agent, column, self.file, count)
        if activity is not None:
            agent["activity"] = preview(self._doing(activity))
        self._of_session, self._of_agent, self._times, self._activity = {}, {}, None, None
        self._counted.clear()
        yield Record("sessions", self.session, session)
        yield Record("agents", self.agent, agent)

    def _doing(self, step: Reply | Call) -> str | None:
        """Return what the agent does, or did: what it said, of a subagent's report the first line."""
        if isinstance(step, Reply):
            return step.text if self.parent is None else first_line(step.text)
        return f"{step.name} {_gist(step.input)}".strip()

    def _introduce(self) -> None:
        self.book.heard[self.agent] = True
        self._of_agent["session_id"] = self.session
        if self.parent is not None:  # else another file may have it
            self._of_agent["parent_id"] = self.parent
        if self.heads:
            self._of_session |= {"agent_id": self.agent, "status": "idle"}
        if self.parent is None:
            you = {"name": "you", "role": "human", "status": "unknown", "status_reason": "a person"}
            self._items.append(Record("agents", PERSON, you))

    # What follows from each step

    def _about(self, step: About) -> None:
        self._of_session.update((name, value) for name, value in step.session.items() if value is not None)
        self._of_agent.update((name, value) for name, value in step.agent.items() if value is not None)

    def _prompt(self, step: Prompt) -> None:
        self._over = self._leaves_helpers = False
        self._prompter = step.sender
        self._reply = None
        left = self.book.left.get(self.session) if self.parent is not None else None
        if left is not None and step.sender == self.parent:
            left.prompts.add(f"{self.session}:{step.id}")
        # else the file of the agent that gave it work has its first prompt
        if left is not None or self.alone or self._prompted or step.sender != self.parent:
            self._message(step.id, step.at, step.sender, self.agent, "prompt", step.text)
        self._prompted = True
        self._count("messages")
        self._saw("prompted", step.at)
        self._opened()

    def _turn_start(self, step: TurnStart) -> None:
        self._over = False
        self._leave_calls(step.at)  # nothing of an earlier turn runs any more
        self._saw("turn began", step.at, step.reason)
        self._opened()

    def _reply_given(self, step: Reply) -> None:
        self._over = False
        self._reply = step
        self._count("messages")
        self._activity = step
        self._saw("replied", step.at)

    def _thought(self, step: Thinking) -> None:
        self._over = False
        self._saw("thought", step.at)

    def _called_unnamed(self, step: Unnamed) -> None:
        self._over = False
        self._saw("called something", step.at)

    def _call(self, step: Call) -> None:
        self._over = False
        known = self._calls.setdefault(step.id, step)
        if known.name != step.name and not step.approval:  # a question for permission may have another name for it
            self._calls[step.id] = step
            shown, size = _shown(step.input)
            named = {"name": step.name, "input": shown, "input_bytes": size}
            self._items.append(Record("tool_calls", step.id, named))
        if known is step:  # else it only waits for permission now, or got it
            claimed = self.book.calls.get(step.id, UNCLAIMED)
            caller = (step.copy, step.at, self.session, self.agent)
            caller = min(claimed.caller or caller, caller)
            self.book.calls[step.id] = Claimed(caller, claimed.returned)
            shown, size = _shown(step.input)
            fields = {
                "at": caller[1],
                "agent_id": caller[3],
                "session_id": caller[2],
                "name": step.name,
                "input": shown,
                "input_bytes": size,
            }
            if not claimed.returned:
                fields["status"] = "running"
            self._items.append(Record("tool_calls", step.id, fields))
            self._count("tool_calls")
            self._activity = step
            self._opened()
        if step.asks is not None:
            self._saw("asked", step.at, step.asks)
        elif step.approval:
            self._saw("needs permission", step.at, f"for {step.name} {_gist(step.input)}".strip())
        else:
            self._saw("called", step.at, step.name)

    def _result(self, step: Result) -> None:
        call = self._calls.pop(step.call_id, None) or self._left.pop(step.call_id, None)
        claimed = self.book.calls.get(step.call_id, UNCLAIMED)
        corrects = call is None and claimed.returned
        if not claimed.returned:
            self.book.calls[step.call_id] = Claimed(claimed.caller, True)
        duration = step.duration_ms
        if duration is None and call is not None:
            duration = max(0, step.at - call.at)
        shown, size = _shown(step.output)
        fields = {
            "status": step.status,
            "duration_ms": duration,
            "output": shown,
            "output_bytes": size,
            "error": preview(step.error),
        }
        if corrects:  # how it ended is known better now; what it gave back stays
            fields = {name: value for name, value in fields.items() if value is not None}
        self._items.append(Record("tool_calls", step.call_id, fields))
        if step.status == "error":
            self._count("errors")
        if step.files:
            changed = self.book.changed_files[self.session]
            changed.update(step.files)
            self.book.changed_files[self.session] = changed
            self._of_session["files_changed"] = len(changed)
        if self._over:
            return
        pending = list(self._calls.values())
        asking = [call.asks for call in pending if call.asks is not None]
        if asking:
            self._saw("asked", step.at, asking[0])
        elif pending:
            self._saw("called", step.at, pending[0].name)
        else:
            self._saw("returned", step.at)

    def _usage(self, step: Usage) -> None:
        self.book.ledger.bill(step, self.session, self.agent)
        if not step.copy and not step.beside:
            self.asked_model(step.model, step.tokens)
            if step.model is not None and self.heads:
                self._of_session["model"] = step.model

    def asked_model(self, model: str | None, tokens: Tokens) -> None:
        """Take in which model the agent asked last, and how much it gave it to read."""
        context = tokens.input + tokens.cache_read + tokens.cache_write
        if 0 <= context <= MOST_TOKENS:
            self._of_agent["context_tokens"] = context or None
        if model is not None:
            self._of_agent["model"] = model

    def _plan(self, step: Plan) -> None:
        for todo in step.todos:
            status = task_status(todo.status) or "pending"
            fields: dict[str, Any] = {
                "title": preview(todo.title),
                "status": status,
                "owner": todo.owner or self.agent,
                "session_id": self.session,
                "updated_at": step.at,
                "progress": {"completed": 1.0, "pending": 0.0}.get(status),
            }
            if todo.description is not None:
                fields["description"] = preview(todo.description)
            if todo.priority is not None:
                fields["priority"] = todo.priority
            if todo.depends_on:
                fields["depends_on"] = [f"{self.session}:{id}" for id in todo.depends_on]
            if todo.id not in self._todos:
                fields["created_at"] = step.at
            if status == "completed":
                fields["completed_at"] = step.at
            self._items.append(Record("tasks", f"{self.session}:{todo.id}", fields))
            self._todos[todo.id] = status
        for id in sorted(self._todos.keys() - {todo.id for todo in step.todos}) if step.whole else ():
            if self._todos[id] != "completed":
                del self._todos[id]
                self._items.append(Gone("tasks", f"{self.session}:{id}"))

    def _turn_end(self, step: TurnEnd) -> None:
        reply, self._reply, self._over = self._reply, None, True
        if reply is not None and not (self.answers_by_parent and self._prompter == self.parent):
            kind = "ask" if step.how == "asked" else "reply"
            self._message(reply.id, reply.at, self.agent, self._prompter, kind, reply.text)
        fact = {
            "done": "task ended" if self.parent else "turn ended",
            "asked": "asked",
            "interrupted": "interrupted",
            "failed": "turn failed",
        }[step.how]
        if step.how == "failed":
            self._count("errors")
        self._leave_calls(step.at)
        self._leaves_helpers = step.how == "done" and step.reason is None and bool(self._helpers)
        reason = still_at_work(agent=len(self._helpers)) if self._leaves_helpers else step.reason
        if step.how == "failed" and reason:
            reason = error_text(reason)
        self._saw(fact, step.at, reason)
        if self.heads:
            self._of_session["status"] = "failed" if step.how == "failed" else "idle"

    def _leave_calls(self, at: int) -> None:
        """End the calls of a turn that is over; what comes back all the same corrects it."""
        for id, call in self._calls.items():
            if not self.book.calls.get(id, UNCLAIMED).returned:
                self._items.append(Record("tool_calls", id, {"status": "cancelled"}))
                self._left[id] = call
        self._calls.clear()

    def _spawn(self, step: Spawn) -> None:
        self._helpers.add(step.agent_id)
        facts = {"parent_id": self.agent, "session_id": self.session, "started_at": step.at, "role": step.kind}
        known = {name: value for name, value in facts.items() if value is not None}
        self._items.append(Record("agents", step.agent_id, known))
        call = step.call_id.removeprefix(f"{self.session}:")  # the row of a call may bear the session already
        self._message(f"{call}>", step.at, self.agent, step.agent_id, "delegate", step.task)

    def _return(self, step: Return) -> None:
        if step.answered:
            self._answer(step)
        self._helpers.discard(step.agent_id)
        if self._leaves_helpers:
            self._saw("turn ended", step.at, still_at_work(agent=len(self._helpers)))
            self._leaves_helpers = bool(self._helpers)

    def _answer(self, step: Return) -> None:
        self._message(f"{step.agent_id}<", step.at, step.agent_id, self.agent, "result", step.text)
        did = first_line(step.text) if step.text and step.agent_id not in self.book.heard else None
        self._items.append(Record("agents", step.agent_id, {"activity": preview(did)} if did else {}))
        self._items.append(Evidence(step.agent_id, step.at, "reported a failure" if step.failed else "reported"))

    def _closed(self, step: Closed) -> None:
        self._over = True
        self._saw("crashed" if step.failed else "closed", step.at)
        if self.heads:
            self._of_session |= {"status": "failed" if step.failed else "ended", "ended_at": step.at}

    # Shared

    def _opened(self) -> None:
        if self.heads:
            self._of_session |= {"status": "active", "ended_at": None}

    def _message(self, id: str, at: int, sender: str, recipient: str, kind: str, text: str | None) -> None:
        fields = {
            "at": at,
            "sender": sender,
            "recipient": recipient,
            "kind": kind,
            "text": preview(text and said(text)),
        }
        self._items.append(Record("messages", f"{self.session}:{id}", {**fields, "session_id": self.session}))

    def _count(self, column: str) -> None:
        self._counts[column] += 1
        self._counted.add(column)

    def _saw(self, fact: str, at: int, detail: str | None = None) -> None:
        detail = None if detail is None else cut(detail)
        self._items.append(Evidence(self.agent, at, fact, detail, "new line", False, self._log))


_TAKES: Final[dict[type, Callable[[Conversation, Any], None]]] = {
    About: Conversation._about,
    Prompt: Conversation._prompt,
    TurnStart: Conversation._turn_start,
    Reply: Conversation._reply_given,
    Thinking: Conversation._thought,
    Unnamed: Conversation._called_unnamed,
    Call: Conversation._call,
    Result: Conversation._result,
    Usage: Conversation._usage,
    Plan: Conversation._plan,
    TurnEnd: Conversation._turn_end,
    Spawn: Conversation._spawn,
    Return: Conversation._return,
    Closed: Conversation._closed,
}


def still_at_work(**counts: int) -> str | None:
    """Return the reason of a turn's end that names what goes on in the background, by its kind; ``None``: nothing."""
    still = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count)
    return f"end of turn; {still} still at work in the background" if still else None


_TELLING = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt", "cmd")


def _gist(given: Any) -> str:
    """Return the part of a tool's input that shows what the call is about."""
    if isinstance(given, dict):
        for name in _TELLING:
            if isinstance(value := given.get(name), str):
                return value
            if isinstance(value, list):
                return " ".join(map(str, value))
        return ""
    return given if isinstance(given, str) else ""


def _without_tags(text: str) -> str:
    """Return what a tool gave back without the reminders at its beginning; what they say, if there is nothing else."""
    if not text.lstrip().startswith(_REMINDER):
        return text
    return said(text) or re.sub("</?system-reminder>", "", text).strip()


_REMINDER: Final = "<system-reminder>"


def _shown(value: Any) -> tuple[str | None, int | None]:
    """Return a preview of a text, or of a value as JSON, and how many bytes the whole of it has."""
    if value is None:
        return None, None
    if isinstance(value, str):
        return cut(_without_tags(value)), len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    data = msgspec.json.encode(value)
    shown = data if len(data) <= _ENOUGH else data[:_ENOUGH]
    return cut(shown.decode("utf-8", "ignore")), len(data)


_ENOUGH: Final = 4 * (PREVIEW_CHARS + 1)
"""Bytes that have more characters than a preview, whatever they are."""
