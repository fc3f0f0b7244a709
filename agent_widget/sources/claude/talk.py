"""One agent in one session as a transcript has it, and where its turn stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ..base import Evidence, Item, Record
from ..chat import Voice
from ..conversation import Conversation, still_at_work
from ..parsing import preview
from ..questions import asks
from ..steps import (
    PERSON,
    About,
    Call,
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
)
from ..texts import error_text
from .claims import Place
from .home import Home
from .records import Billed, Line

_TITLES: Final = ("last-prompt", "prompt", "summary", "ai-title", "custom-title")
"""Sources of a session's title, worst first."""
_SHORT_ID: Final = re.compile(r"a[0-9a-f]{6,16}")
_GOES_ON: Final = frozenset({Prompt, TurnStart, Reply, Thinking, Call, Result})
_OWN: Final = frozenset({Reply, Thinking, Call, Result, Usage, About, TurnStart})
"""Steps that are in no other file."""


class BilledAs(NamedTuple):
    """What an answer is billed under."""

    id: str
    request: str
    model: str | None
    stated: str
    """The id in the line, empty if it has none."""


class Talk(Voice):
    """What an agent is in the middle of."""

    source: Home

    def __init__(self, source: Home, path: str, conversation: Conversation) -> None:
        super().__init__(source, path, conversation)
        self.children: dict[str, str] = {}
        """Short ids and names of agents it gave work to → their rows."""
        self.returned: set[tuple[str, str]] = set()
        """Short ids of agents, and statuses that they returned with."""
        self.background: dict[str, str] = {}
        """Short ids of agents and workflows at work in the background, and which of both they are."""
        self.todos: dict[str, Todo] = {}
        self.billed: tuple[BilledAs, Billed] | None = None
        """The answer that was billed last, and for how much."""
        self.first_lines: dict[str, str] = {}
        """Answer without a request, of the newest → its first line, which is the same in copies of it."""
        self.billed_at = 0
        """When its latest snapshot was written."""
        self.answering = False
        """Whether nothing was sent to the model since."""
        self.place = 0
        """How many snapshots of answers were billed."""
        self.replied: Reply | None = None
        """Its last reply, if nothing followed."""
        self.ended = False
        """Whether its turn has ended and nothing followed."""
        self.settled = False
        """Whether it ended neither with a question nor with a failure."""
        self.refused: str | None = None
        """The call that returned last, if the person refused it."""
        self.resumed = False
        """Whether a hook made it go on after the end of its turn."""
        self.begun_in: str | None = None
        """Its first directory."""
        self.directory: str | None = None
        """Its first directory, or the worktree to which it went."""
        self.cwd: str | None = None
        """The directory of its shell."""
        self.branch: str | None = None
        self.team: str | None = None
        self._titles: dict[str, str] = {}
        self._title: str | None = None

    def call_row(self, id: str, at: int | None) -> str:
        """Return the row of a call: ids are unique."""
        return self.source.namespace + id

    def agent_row(self, id: str) -> str:
        """Return the row of an agent it gave work to."""
        return self.children.get(id) or self.source.subagent(self.session, id)

    def mate(self, name: str, team: str | None = None) -> str:
        """Return the row of an agent by what it is called in a message."""
        if not (team := team or self.team):
            team = min((led for led, lead in self.source.leads.items() if lead == self.session), default=None)
        if team is None or _SHORT_ID.fullmatch(name):
            return self.source.subagent(self.session, name)
        return self.source.member(team, name)

    def title(self, at: int, text: str | None, *, final: bool = True) -> Iterator[About]:
        """Yield nothing: :meth:`titled_by` makes titles, of the first prompt too."""
        yield from ()

    def titled_by(self, kind: str, text: str, at: int) -> Iterator[About]:
        """Yield the session's title if it is another now that it has one of this kind."""
        self._titles[kind] = text
        title = next(self._titles[kind] for kind in reversed(_TITLES) if kind in self._titles)
        if title != self._title and self.parent is None:
            self._title = title
            yield from super().title(at, title)

    # Turns

    def turn_continues(self) -> None:
        """Note that the turn did not end with the last reply."""
        self.ended, self.replied = False, None

    def prompted(self, prompt: Prompt, *, mid_turn: bool = False) -> Iterator[Step]:
        """Yield a prompt. If nothing but it says so, the turn before ended with the last text."""
        if self.replied is not None and not self.ended and not self.calls and not mid_turn:
            yield from self.end(self.replied.at)
        self.turn_continues()
        self.resumed = False
        yield prompt
        if self.parent is None and prompt.sender == PERSON and "prompt" not in self._titles:
            yield from self.titled_by("prompt", prompt.text, prompt.at)

    def end(self, at: int, reason: str | None = None) -> Iterator[Step]:
        """Yield the end of a turn: a question if its last text is one."""
        asked = self.replied is not None and self.parent is None and asks(self.replied.text)
        self.ended, self.settled, self.replied = True, not asked, None
        if reason is None:
            kinds = Counter(self.background.values())
            reason = still_at_work(agent=kinds["agent"], workflow=kinds["workflow"]) or "end of turn"
        yield TurnEnd(at, "asked" if asked else "done", None if asked else reason)

    def broken_off(self, end: TurnEnd) -> Iterator[Step]:
        """Yield the end of a turn that failed or was interrupted."""
        self.ended, self.settled, self.replied = True, False, None
        yield end

    # From steps to rows

    def take(self, step: Step) -> list[Item]:
        """Return the rows that follow from a step, without those that another file describes better."""
        items, kind = Voice.take(self, step), type(step)
        if kind in _GOES_ON and self.parent is None:
            self.source.live.went_on(self.agent)
            if isinstance(step, Call) and step.asks is not None:
                asked = Evidence(self.agent, step.at, "asked", preview(step.asks))
                items += self.source.live.stopped(asked, in_turn=True)
        return items if kind in _OWN else list(self._merged(step, items))

    def _merged(self, step: Step, items: list[Item]) -> Iterator[Item]:
        if isinstance(step, (Spawn, Return)):
            for item in items:
                if isinstance(item, Record) and item.table == "messages":
                    yield from self.source.add_message(item, Place.CALL)
                else:
                    yield item
            return
        yield from self.source.merged(items, step.at)
        if isinstance(step, TurnEnd) and step.how in ("asked", "failed"):
            fact = "asked" if step.how == "asked" else "turn failed"
            reason = error_text(step.reason) if step.how == "failed" and step.reason else step.reason
            yield from self.source.live.stopped(Evidence(self.agent, step.at, fact, preview(reason)))


LineReader = Callable[[Talk, Line, int], Iterator[Step | Item]]
"""Yields what a line of a time means."""
