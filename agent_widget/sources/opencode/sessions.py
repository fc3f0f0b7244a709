"""Sessions and their messages as rows, the same for all generations.

A message is read whole each time anything of it changed, always with the same ids, so neither order nor repetition
matters. A message that is older than its session was copied from the session that was forked: it counts there, and here
only what it cost, in case that one was deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import neg
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from ..base import Gone, Item, Record
from ..chat import ChatSource, Voice
from ..conversation import Conversation
from ..directories import directory_name
from ..kept import Kept
from ..parsing import Malformed, millis, named, number, preview, whole
from ..steps import STANDARD, About, Closed, Plan, Terms, Tokens, Usage
from ..task_status import task_status
from ..texts import title_of
from .messages import model_name, provider_name, steps, todos
from .records import Message

SUMS: Final = (
    "cost",
    "tokens_input",
    "tokens_output",
    "tokens_reasoning",
    "tokens_cache_read",
    "tokens_cache_write",
)
"""Columns of a session with what all its answers took; a fork's are with what it copied."""
_NO_MONEY: Final = 1e-9
"""US dollars by which two sums of the same costs may differ."""
_LATEST_ONLY: Final = frozenset({"status", "ended_at", "activity", "context_tokens", "model"})
"""Columns of sessions and agents that an older message must not set back."""
_NEVER: Final = (0, "")
_BY_KIND: Final = re.compile(r"(?<!\s)\s*\(@[\w-]+ subagent\)\s*$")
"""What OpenCode puts behind the brief in a subagent's title."""


@dataclass(slots=True)
class Session:
    """What is known of a session."""

    id: str
    """Of its row."""
    parent: str | None = None
    """The row of the session that it works for."""
    created: int = 0
    known: bool = False
    """Whether its own row or file was read."""
    orphaned: bool | None = None
    """Whether it is a fork of a session that is gone, and the oldest of its forks; ``None``: not known yet."""
    newest: tuple[int, str] = _NEVER
    """Time and id of its newest message."""
    planned_at: int = 0
    plans: Conversation | None = None
    counted: bool = False
    """Whether a message says what it took; else only the session's own row may say it."""
    copies: bool = False
    """Whether it has messages that are older than it."""
    sums: Usage | None = None
    """What its own row says that it took."""
    billed: int = 0
    """How often that was counted, as it was then."""
    own: tuple[float, ...] = (0,) * len(SUMS)
    """What its messages say that they took, in the order of :data:`SUMS`, where the row has more than they (2.0)."""
    undated: tuple[str, Mapping[str, Any]] | None = None
    """The file and the facts of its row, while neither that nor a message has a time that makes sense."""

    @property
    def at(self) -> int:
        """When it was created, or its newest message was; 0 if nothing of it has a time."""
        return self.created or self.newest[0]


class _Voice(Voice):
    """A session as one message has it; ids of calls and sessions are unique, and its own row has the title."""

    def call_row(self, id: str, at: int | None) -> str:
        return self.source.namespace + id

    def agent_row(self, id: str) -> str:
        return self.source.namespace + id

    def title(self, at: int, text: str | None, *, final: bool = True) -> Iterator[About]:
        yield from ()


class Sessions(ChatSource):
    """A home of OpenCode and the sessions in it."""

    editors = frozenset({"write", "edit", "multiedit", "patch"})

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self._sessions: dict[str, Session] = {}
        self._summed: dict[str, Session] = {}
        """Sessions whose row came, by their ids, until :meth:`summed`."""
        self._stated: Kept[tuple[float, ...]] = Kept(tuple[float, ...])
        """Message → what it is counted with in its session's ``own``."""

    def session(self, id: str) -> Session:
        """Return what is known of a session, by its id in the database."""
        return self._sessions.setdefault(id, Session(self.namespace + id))

    def about(self, id: str, file: str, facts: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what a session's own row says; ``facts`` has the columns of the database as its keys.

        If it has no time that makes sense, its newest message has one, or it waits for one.
        """
        session, parent = self.session(id), named(facts.get("parent_id"))
        session.parent = self.namespace + parent if parent else None
        session.created = millis(facts.get("time_created")) or millis(facts.get("time_updated")) or 0
        if not session.created:
            self.odd("time that makes no sense")
        at, session.undated = session.at, None
        if not at:
            session.known, session.undated = True, (file, facts)
            return
        title, role = _BY_KIND.sub("", named(facts.get("title")) or ""), named(facts.get("agent"))
        directory = named(facts.get("directory"))
        # once there are messages, they say which model, each when it was written
        model = None if session.newest > _NEVER else model_name(facts.get("model"))
        row = {"directory": directory, "path": file, "model": model}
        links = {"parent_id": session.parent, "agent_id": session.id}
        if title:
            row["title"] = preview(title_of(title))
        of_brief = self.name_of(session.id, task=title, kind=role) if session.parent else None
        name = of_brief or directory_name(directory) or title
        agent = {"name": name, "role": role, "directory": directory, "model": model}
        conversation = self._conversation(session, file)
        yield from conversation.take(About(at, row | links, agent))
        for item in conversation.finish():
            if session.known and item.table == "sessions":  # it may be busy by now
                item.fields.pop("status", None)
            yield item
        session.known = True
        session.sums = _sums(session, facts, at)
        if session.sums is not None:
            self._summed[session.id] = session
        if archived := millis(facts.get("time_archived")):
            yield from conversation.take(Closed(archived))
            yield from conversation.finish()

    def summed(self) -> Iterator[Item]:
        """Yield what sessions took of whose messages none says it, by their own rows (some providers, 1.16 on)."""
        summed, self._summed = self._summed, {}
        for session in summed.values():
            if session.sums is not None and not session.counted and not session.copies:
                session.billed += 1
                self.book.ledger.bill(session.sums, session.id, session.id)
            elif session.sums is not None and session.billed:  # it was too early: now its messages say it
                nothing = replace(session.sums, tokens=Tokens(), cost_usd=None, line=1)
                self.book.ledger.bill(nothing, session.id, session.id)
        yield from self.book.ledger.finish()

    def stated(self, session: Session, message: Message) -> None:
        """Take in what a message of its own says that it took."""
        if message.at >= session.created:
            key, counts = f"{session.id} {message.id}", _counts(message.data.tokens, message.data.cost)
            before = self._stated.get(key, (0,) * len(SUMS))
            if counts != before:
                session.own = tuple(map(sum, zip(session.own, counts, map(neg, before), strict=True)))
                self._stated[key] = counts

    def beside(self, id: str, facts: Mapping[str, Any]) -> Iterator[Item]:
        """Yield what a session took beside its messages, by its own row: titles, summaries, what was taken back."""
        session = self.session(id)
        sums = _sums(session, facts, session.at) if session.at else None
        if sums is None and session.sums is not None:
            sums = replace(session.sums, tokens=Tokens(), cost_usd=None)
        if sums is not None and sums != session.sums:
            session.sums, session.billed = sums, session.billed + 1
            self.book.ledger.bill(replace(sums, line=session.billed), session.id, session.id)
            yield from self.book.ledger.finish()

    def message(self, session: Session, message: Message) -> Iterator[Item]:
        """Yield all that follows from a message as it is now."""
        if not message.at:  # the session's time is the best there is
            self.odd("time that makes no sense")
            message.at = session.at
        if not message.at:
            raise Malformed("a message without a time")
        if not session.counted and _took_something(message):
            session.counted = True
            if session.billed:
                self._summed[session.id] = session
        session.copies = session.copies or message.at < session.created
        voice = _Voice(self, "", self._conversation(session, message.id))
        voice.conversation.answers_by_parent = session.parent is not None
        if message.at < session.created and not session.orphaned:
            for step in steps(message, voice):
                if isinstance(step, Usage):
                    yield from voice.take(replace(step, copy=True))
            yield from voice.conversation.finish()
        else:
            latest = (message.at, message.id) >= session.newest
            if latest:
                session.newest = (message.at, message.id)
            for step in steps(message, voice):
                yield from self.plan(session, step) if isinstance(step, Plan) else voice.take(step)
            for row in voice.conversation.finish():
                kept = {name: value for name, value in row.fields.items() if latest or name not in _LATEST_ONLY}
                yield Record(row.table, row.id, kept)
        if session.undated is not None:
            yield from self.about(session.id.removeprefix(self.namespace), *session.undated)
        yield from self.book.ledger.finish()

    def unlisted(self, file: str, lists: Mapping[str, list[Any]]) -> Iterator[Gone]:
        """Yield what a file listed before as still to be done and does not list now.

        ``lists``: session → its list as it is now, of all sessions whose lists are in this file. What was completed
        stays when it has left its list.
        """
        listed: set[tuple[str, str]] = set()
        completed: set[tuple[str, str]] = set()
        for session, entries in lists.items():
            for todo in todos(entries):
                row = ("tasks", f"{self.session(session).id}:{todo.id}")
                listed.add(row)
                if task_status(todo.status) == "completed":
                    completed.add(row)
        for gone in self.lists.unlisted(file, listed - completed):
            if (gone.table, gone.id) not in completed:
                yield gone

    def _conversation(self, session: Session, file: str) -> Conversation:
        """Return what a file says of a session: each has a row of its own, that of a subagent too."""
        conversation = Conversation(self.book, file, session.id, parent=session.parent)
        conversation.has_row = True
        if session.parent is not None:
            conversation.alone = not self.session(session.parent.removeprefix(self.namespace)).known
        return conversation

    def plan(self, session: Session, step: Plan) -> Iterator[Item]:
        """Yield a session's list as it is now; the newest counts."""
        if not step.at:
            self.odd("time that makes no sense")
            step = replace(step, at=session.at)
        if step.at and step.at >= session.planned_at:
            session.planned_at = step.at
            session.plans = session.plans or Conversation(self.book, "", session.id, parent=session.parent)
            yield from session.plans.take(step)
            yield from session.plans.finish()


def _sums(session: Session, facts: Mapping[str, Any], at: int) -> Usage | None:
    """Return what a session took by its own row, without its ``own``; ``None`` if that says nothing."""
    cost, *counts = (facts.get(name) for name in SUMS)
    given, output, reasoning, read, write = (
        max(0, (whole(count) or 0) - int(own)) for count, own in zip(counts, session.own[1:], strict=True)
    )
    dollars = (number(cost) or 0) - session.own[0]
    tokens = Tokens(given, output + reasoning, read, write)
    if not tokens.total:
        return None
    model = facts.get("model")
    provider = provider_name(model)
    return Usage(
        max(at, millis(facts.get("time_updated")) or at),
        f"sums:{session.id}",
        tokens,
        model_name(model),
        dollars if dollars > _NO_MONEY else None,
        copy=True,
        terms=Terms(provider) if provider else STANDARD,
    )


def _counts(tokens: Any, cost: float | None) -> tuple[float, ...]:
    """Return what a message took, in the order of :data:`SUMS`."""
    tokens = tokens if isinstance(tokens, dict) else {}
    cache = tokens["cache"] if isinstance(tokens.get("cache"), dict) else {}
    counts = (tokens.get("input"), tokens.get("output"), tokens.get("reasoning"), cache.get("read"), cache.get("write"))
    return (number(cost) or 0, *(max(0, whole(count) or 0) for count in counts))


def _took_something(message: Message) -> bool:
    """Return whether a message says how many tokens it took."""
    stated = (message.data.tokens, *(piece.part.tokens for piece in message.pieces))
    return any(any(_counts(tokens, None)) for tokens in stated)
