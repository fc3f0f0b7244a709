"""The base of all conversations with coding agents.

A format declares where its files are (:class:`ChatSource`) and which steps follow from a line (:class:`Chat`). A
:class:`Voice` holds the state of one agent in one session: open calls, whether the session has a title, the last
reply. So a reader only has to yield steps, with the ids of its format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from . import prices
from .base import Gone, Item, Known, Reader, Record, Source
from .conversation import Conversation
from .directories import directory_name
from .kept import Kept
from .ledger import UNCLAIMED, Book, Claimed, Ledger, Left
from .parsing import Malformed, first_of, millis, named, parse_as, preview
from .questions import asks
from .steps import (
    PATH_FIELDS,
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
    Terms,
    Thinking,
    Todo,
    Tokens,
    TurnEnd,
    TurnStart,
    Usage,
)
from .texts import brief, said, title_of

L = TypeVar("L")
T = TypeVar("T")

STEPS: Final = frozenset(get_args(Step))
"""The types of steps."""
_AGENT_ONLY: Final = frozenset({"name", "role"})
_OF_AGENTS: Final = frozenset({"name", "role", "directory", "model"})
"""Facts about agents; all but the first two are about sessions too, as are all others."""


def no_price(model: str | None, tokens: Tokens, at: int, terms: Terms) -> None:
    """Return that it is not known what tokens cost."""


class ChatSource(Source):
    """One directory with conversations of one agent."""

    editors: ClassVar[frozenset[str]] = frozenset()
    """Tools that change the file whose path they are given."""
    adopts = frozenset({"book.calls"})
    returns: ClassVar[bool] = False
    """Whether the file of an agent always has what those that it gave work to answer."""

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger(self.price))
        self.titled: Kept[bool] = Kept(bool)
        """Rows of sessions that have a title of :meth:`entitled`."""
        self._names: Kept[tuple[str | None, ...]] = Kept(tuple[str | None, ...])
        self.present: set[str] = set()
        """Sessions that have a file, where that matters: a copy whose original is gone counts in full, and a subagent
        whose session has none is all that is known of it."""

    @staticmethod
    def price(model: str | None, tokens: Tokens, at: int, terms: Terms) -> float | None:
        """Return what an answer cost that does not state it; :func:`no_price` if only what the files state counts."""
        return prices.price(model, tokens, at, terms)

    def put_off_prices(self) -> None:
        """See :meth:`Source.put_off_prices`."""
        self.book.ledger.put_off()

    def set_prices(self) -> Iterator[Record | Gone]:
        """See :meth:`Source.set_prices`."""
        yield from self.book.ledger.catch_up()

    def carry(self, used: Iterable[Mapping[str, Any]]) -> Iterator[Record | Gone]:
        """See :meth:`Source.carry`."""
        for row in used:
            self.book.ledger.carry(row["session_id"], row)
        yield from self.book.ledger.finish()

    def entitled(self, session: str, title: str | None) -> Iterator[Record]:
        """Yield a title from a file beside the conversation: it counts more than the first prompt."""
        if title is not None:
            self.titled[self.namespace + session] = True
            yield Record("sessions", self.namespace + session, {"title": preview(title_of(title))})

    def name_of(
        self,
        agent: str,
        *,
        name: str | None = None,
        task: str | None = None,
        prompt: str | None = None,
        kind: str | None = None,
    ) -> str | None:
        """Return what a subagent is called, by all that is known of it: the same whichever file has it first.

        ``name``: what it was called; ``task``: what it is to do, in a few words; ``prompt``: the brief it was given;
        ``kind``: what kind of agent it is, or a name that its program made up.
        """
        claims = (name, task and brief(task), prompt and brief(prompt), kind)
        held = self._names.get(agent, (None,) * len(claims))
        known = tuple(min(filter(None, pair), default=None) for pair in zip(held, claims, strict=True))
        self._names[agent] = known
        return next(filter(None, known), None)

    def leave(self, conversation: Conversation) -> None:
        """Note that the session of a subagent has no file."""
        left = self.book.left.setdefault(conversation.session, Left(conversation.agent))
        left.head = min(left.head, conversation.agent)

    def found(self, session: str) -> Iterator[Gone]:
        """Note that a session (its row) has a file after all; yield what that one has, too."""
        left = self.book.left.pop(session, None)
        for message in sorted(left.prompts) if left is not None else ():
            yield Gone("messages", message)

    def unite(self, name: str, key: str, theirs: Any) -> Iterator[Item | Known]:
        """Take in an entry of what is kept under a name by an instance that read other files; yield what follows."""
        book = self.book
        if name == "book.calls":
            mine = book.calls.get(key, UNCLAIMED)
            callers = [caller for caller in (mine.caller, theirs.caller) if caller is not None]
            book.calls[key] = Claimed(min(callers, default=None), mine.returned or theirs.returned)
            if mine.returned and not theirs.returned:
                yield Known("tool_calls", key, "status")
            if len(callers) == 2:
                _, at, session, agent = min(callers)
                yield Record("tool_calls", key, {"at": at, "session_id": session, "agent_id": agent})
        elif name == "book.tallies._counts":
            yield book.tallies.unite(key, theirs)
        elif name == "book.changed_files":
            changed = book.changed_files[key] = book.changed_files[key] | theirs
            yield Record("sessions", key, {"files_changed": len(changed)})
        elif name == "titled":
            self.titled[key] = True
        elif name == "book.heard":
            book.heard[key] = True
        elif name == "_names":
            given = dict(zip(("name", "task", "prompt", "kind"), theirs, strict=True))
            if name_now := self.name_of(key, **given):
                yield Record("agents", key, {"name": name_now})
        else:
            yield from super().unite(name, key, theirs)


class Voice:
    """One agent of a session as one file has it, and what it is in the middle of.

    The ids in its steps are those of the format; the rows' are made of them here.
    """

    def __init__(self, source: ChatSource, path: str, conversation: Conversation) -> None:
        self.source = source
        self.path = path
        """Path of the file, for the session's row."""
        self.conversation = conversation
        self.session = conversation.session
        self.agent = conversation.agent
        self.parent = conversation.parent
        self.calls: dict[str, Call] = {}
        """The calls without a result, by their ids in the format."""
        self.facts: dict[str, Any] = {}
        """Facts that :meth:`about` has yielded."""
        self.reply = ""
        """Its last reply, if no call, prompt or end of its turn followed."""
        self.in_turn = False
        """Whether it was prompted and the turn did not end."""
        self.titled = False
        """Whether the session's title is known."""
        self.directory: str | None = None
        """Where it works."""
        self.briefed = False
        """Whether it was given something to do."""

    # Making steps

    def about(self, at: int, **facts: Any) -> Iterator[About]:
        """Yield what is new among some facts, by the names of columns; ``None`` is skipped.

        Of a subagent only what its row has (:data:`_OF_AGENTS`) is taken. Another agent is called as its directory, or
        by the beginning of its session's id. ``parent_id`` is the id of the session from which this one was forked.
        """
        given = {name: value for name, value in facts.items() if value is not None}
        if self.parent is None:
            if "parent_id" in given:
                given["parent_id"] = self.source.namespace + given["parent_id"]
            if (name := directory_name(given.get("directory"))) is not None:
                given.setdefault("name", name)
            if not self.facts:
                given = {"path": self.path, "name": self.session[:8], **given}
        else:
            if "name" in given:
                given["name"] = self.source.name_of(self.agent, kind=given["name"])
            if self.conversation.heads and not self.facts:
                given["path"] = self.path
        new = {name: value for name, value in given.items() if self.facts.get(name) != value}
        if new:
            self.facts |= new
            self.directory = self.facts.get("directory")
            session = {name: value for name, value in new.items() if name not in _AGENT_ONLY}
            agent = {name: value for name, value in new.items() if name in _OF_AGENTS}
            yield About(at, session if self.conversation.heads else {}, agent)

    def title(self, at: int, text: str | None, *, final: bool = True) -> Iterator[About]:
        """Yield the session's title; one that is not ``final`` counts only if it has none."""
        known = self.titled or self.session in self.source.titled
        title = title_of(text) if text and self.conversation.heads and (final or not known) else None
        if title:
            self.titled = True
            yield About(at, {"title": preview(title)}, {})

    def answered(self, at: int) -> TurnEnd:
        """Return the end of a turn with an answer: if that ends with a question, the agent waits."""
        return TurnEnd(at, "asked" if asks(self.reply) else "done")

    def stopped(self, at: int) -> Iterator[Result]:
        """Yield an end for each call that will not return any more."""
        for id in list(self.calls):
            yield Result(at, id, "cancelled")

    # Taking steps

    def call_row(self, id: str, at: int | None) -> str:
        """Return the row of a call made ``at`` (``None``: not known); models count theirs anew in each session."""
        return f"{self.session}:{id}"

    def agent_row(self, id: str) -> str:
        """Return the row of a subagent."""
        return f"{self.session}/{id}"

    def take(self, step: Step) -> list[Item]:
        """Return the rows that follow from a step."""
        complete = _COMPLETED.get(type(step))
        return self.conversation.take(step) if complete is None else complete(self, step)

    def _prompt(self, step: Prompt) -> list[Item]:
        """Add the sender, the session's title and a subagent's name; words of its program alone are no prompt."""
        self.in_turn, self.reply = True, ""
        text = said(step.text)
        if not text and step.text:
            return self.conversation.take(TurnStart(step.at, "its program told it something"))
        sender = self.parent if self.parent is not None and step.sender == PERSON else step.sender
        step = replace(step, text=text, sender=sender)
        items = [item for about in self._called_by(step) for item in self.conversation.take(about)]
        return items + self.conversation.take(step)

    def _called_by(self, step: Prompt) -> Iterator[About]:
        """Yield what follows from a prompt for the title of the session, or for the name of a subagent."""
        if self.conversation.heads:
            yield from self.title(step.at, step.text, final=False)
        if self.parent is not None and not self.briefed:
            yield About(step.at, {}, {"name": self.source.name_of(self.agent, prompt=step.text)})
        self.briefed = True

    def _reply(self, step: Reply) -> list[Item]:
        self.in_turn, self.reply = True, step.text
        return self.conversation.take(step)

    def _thinking(self, step: Thinking) -> list[Item]:
        self.in_turn = True
        return self.conversation.take(step)

    def _call(self, step: Call) -> list[Item]:
        """Keep it until it returns; a call that is taken once more waits for permission now, or got it."""
        self.reply = ""
        made_at = self.calls.setdefault(step.id, step).at
        row = self.call_row(step.id, made_at)
        return self.conversation.take(Call(step.at, row, step.name, step.input, step.asks, step.approval, step.copy))

    def _result(self, step: Result) -> list[Item]:
        """Add which file an editing tool changed."""
        call, files = self.calls.pop(step.call_id, None), step.files
        if call is not None and call.name in self.source.editors and step.status == "ok" and not files:
            files = _paths(call.input)
        row = self.call_row(step.call_id, call.at if call is not None else None)
        result = Result(step.at, row, step.status, step.output, step.error, step.duration_ms, files)
        return self.conversation.take(result)

    def _usage(self, step: Usage) -> list[Item]:
        if step.model is not None and not step.copy and not step.beside:
            self.facts["model"] = step.model
        return self.conversation.take(step)

    def _turn_end(self, step: TurnEnd) -> list[Item]:
        self.in_turn, self.reply = False, ""
        return self.conversation.take(step)

    def _spawn(self, step: Spawn) -> list[Item]:
        call = self.calls.get(step.call_id)
        row, agent = self.call_row(step.call_id, call.at if call is not None else None), self.agent_row(step.agent_id)
        given = call.input if call is not None and isinstance(call.input, dict) else {}
        name = self.source.name_of(agent, task=named(given.get("description")), prompt=step.task, kind=step.kind)
        facts = {"name": name}
        if agent not in self.source.book.heard:  # else its own file says where it works: it may have a worktree
            facts["directory"] = self.directory
        known = {column: value for column, value in facts.items() if value is not None}
        items = self.conversation.take(replace(step, call_id=row, agent_id=agent))
        return [*items, Record("agents", agent, known)] if known else items

    def _return(self, step: Return) -> list[Item]:
        return self.conversation.take(replace(step, agent_id=self.agent_row(step.agent_id)))


_COMPLETED: Final[dict[type, Callable[[Voice, Any], list[Item]]]] = {
    Prompt: Voice._prompt,
    Reply: Voice._reply,
    Thinking: Voice._thinking,
    Call: Voice._call,
    Result: Voice._result,
    Usage: Voice._usage,
    TurnEnd: Voice._turn_end,
    Spawn: Voice._spawn,
    Return: Voice._return,
}

V = TypeVar("V", bound=Voice)


class Chat(Reader, Generic[L, V]):
    """Reads one file of JSON lines: ``L`` is what a line is decoded as, ``V`` the kind of voice.

    A format declares the shape of a line (``decoder``), its session and agent (:meth:`speaker`) and what it means
    (:meth:`steps`); a line that is no JSON of that shape is malformed. One whose time makes no sense is of the time of
    the line before; the first ones wait for one that has a time.
    """

    decoder: ClassVar[msgspec.json.Decoder[Any]]
    voice_type: ClassVar[type[Any]] = Voice

    def __init__(self, source: ChatSource, path: PurePosixPath) -> None:
        self.source = source
        self.path = path
        self.file = str(path)
        """Key of its counts: the same for files of which one continues the other."""
        self.data = b""
        """The line that is being read."""
        self.at = 0
        """The time of the line before, and since :meth:`time` of this one; 0 if none had one."""
        self._undated: list[bytes] = []
        """The lines before the first one with a time."""
        self._voices: dict[tuple[str, str | None], V] = {}

    def speaker(self, line: L) -> tuple[str, str | None]:
        """Return the session of a line, and its subagent or ``None`` for the main agent.

        Both are ids of the format, unique in the root and in the session.
        """
        raise NotImplementedError

    def steps(self, voice: V, line: L, at: int) -> Iterable[Step | Item]:
        """Yield what happened, by a line of ``at``; also records that are no part of a conversation."""
        raise NotImplementedError

    def time(self, line: L) -> int | None:
        """Return when a line was written; ``None`` for one to be skipped (a header), 0 if that is not known yet."""
        return self.dated(line.timestamp)  # type: ignore[attr-defined]

    def dated(self, stamp: Any) -> int:
        """Return the time that a line bears; of one that makes no sense that of the line before, or 0."""
        at = millis(stamp)
        if at is not None:
            self.at = at
        elif stamp is not None:
            self.source.odd("time that makes no sense")
        return self.at

    def read(self, data: bytes) -> Iterable[Item]:
        """Return what follows from one line."""
        if not data.strip():
            return ()
        self.data = data
        line: L = parse_as(self.decoder, data)
        at = self.time(line)
        if at is None:
            return ()
        if not at:
            self.keep_undated(self._undated, data)
            return ()
        if self._undated:
            lines, self._undated = [*self._undated, data], []
            return chain.from_iterable(map(self.read, lines))
        voice = self.voice(*self.speaker(line))
        return self.take(voice, self.steps(voice, line, at))

    def keep_undated(self, lines: list[T], line: T) -> None:
        """Keep a line before the first one with a time; of too many the others are malformed."""
        if len(lines) >= _MOST_UNDATED:
            raise Malformed("no line before it has a time")
        lines.append(line)

    @property
    def problem(self) -> str | None:
        """Say that no line has a time; those that are kept are read once one has."""
        return UNDATED if self._undated else None

    def take(self, voice: V, steps: Iterable[Step | Item]) -> Iterator[Item]:
        """Yield what follows from steps of one voice."""
        for step in steps:
            if type(step) in STEPS:
                yield from voice.take(step)  # type: ignore[arg-type]
            else:
                yield step  # type: ignore[misc]

    def finish(self) -> Iterator[Item]:
        """Yield the rows of all sessions and agents in this file to which its lines added."""
        for voice in self._voices.values():
            yield from voice.conversation.finish()
        yield from self.source.book.ledger.finish()

    def voice(self, session: str, agent: str | None = None, parent: Voice | None = None) -> V:
        """Return an agent of a session, by their ids in the format; ``parent``: who it works for, if it is known."""
        voice = self._voices.get((session, agent))
        if voice is None:
            voice = self._voices[session, agent] = self.begin(session, agent, parent)
        return voice

    def begin(self, session: str, agent: str | None, parent: Voice | None) -> V:
        """Return a new voice, for an agent that this file had not named before."""
        row = self.source.namespace + session
        works_for = row if parent is None else parent.agent
        subagent = () if agent is None else (f"{row}/{agent}", works_for)
        conversation = Conversation(self.source.book, self.file, row, *subagent)
        conversation.answers_by_parent = self.source.returns and conversation.parent is not None
        voice: V = self.voice_type(self.source, str(self.path), conversation)
        return voice

    @property
    def digest(self) -> str:
        """An id for a line that has none, from its content."""
        return blake2b(self.data.strip(), digest_size=8).hexdigest()


_MOST_UNDATED: Final = 200
"""Lines that are kept until one has a time."""
UNDATED: Final = "no line of it has a time that makes sense yet, so nothing of it is shown"

_EXIT_CODE: Final = re.compile(r"^Exit Code: (-?\d+)\s*$", re.MULTILINE)


def exit_code(output: Any) -> int:
    """Return the code with which a command exited, as shell tools write it below its output; else 0."""
    found = _EXIT_CODE.findall(output[-2000:]) if isinstance(output, str) else []
    return int(found[-1]) if found else 0


def plan(at: int, entries: Any, title: str, id: Callable[[dict[str, Any], str], str]) -> Iterator[Plan]:
    """Yield the plan that a tool was given as a list of objects with a status; nothing if it is no list.

    ``title`` is the field with an entry's text, ``id`` makes its id of the entry and that text.
    """
    if isinstance(entries, list):
        known = ((entry, named(entry.get(title))) for entry in entries if isinstance(entry, dict))
        yield Plan(at, tuple(Todo(id(entry, text), text, str(entry.get("status"))) for entry, text in known if text))


def _paths(given: Any) -> tuple[str, ...]:
    """Return the file that an editing tool was given to change; ``str_replace_editor`` also views files."""
    if not isinstance(given, dict) or given.get("command") == "view":
        return ()
    path = first_of(given, *PATH_FIELDS)
    return (path,) if isinstance(path, str) else ()
