"""What is counted over all files of a root: answers of models, calls, changed files.

Each billed answer is added to three accounts at once: to its session's, to its agent's and to that of the agent, the
model and the quarter of an hour (a row of ``usage``). So the sums of the three agree at any time.

The rule: an answer of a model is billed once, however many lines and files repeat it; of several claims the last one
counts (that of an original before those of copies), and it belongs to the least claimant (no copy before a copy, the
earliest, then by id), whatever the order of reading. What was counted is taken back when a better claim comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from ..tables import Gone, Record
from .kept import Kept
from .parsing import clean
from .prices import own_rates, price
from .steps import Step, Terms, Tokens, Usage

MOST_TOKENS: Final = 10**12
MOST_DOLLARS: Final = 10**6
"""Maximum dollars of one answer: more is no count, and the sums must fit into a frame's numbers."""
MOST_SEARCHES: Final = 10**6
"""Maximum searches that one answer is billed for, likewise."""

PERIOD_MS: Final = 15 * 60_000
"""Length of the periods of ``usage`` in ms: the quarters of an hour, UTC."""
_NANO: Final = 10**9

Price = Callable[[str | None, Tokens, int, Terms], float | None]
"""US dollars for some tokens of a model at a time, bought on some terms; ``None`` if nobody knows its price."""


class _Account(msgspec.Struct, array_like=True, gc=False):
    """What one session or agent has used.

    Money is counted in billionths of a dollar: sums of integers do not depend on the order of what was added and taken
    back, so that accounts of the same answers are equal to the last digit.
    """

    table: str
    id: str
    requests: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    nano_usd: int = 0
    priced: int = 0
    unpriced: int = 0

    def count(self, tokens: Tokens, total: int, nano_usd: int | None, sign: int) -> None:
        """Add one answer, or take it back; ``total``: of its tokens, ``sign``: 1 or -1."""
        given, output, read, write, _ = tokens
        self.input += sign * given
        self.output += sign * output
        self.cache_read += sign * read
        self.cache_write += sign * write
        if nano_usd is not None:
            self.nano_usd += sign * nano_usd
            self.priced += sign
        elif total:
            self.unpriced += sign
        if total or nano_usd:
            self.requests += sign

    def add(self, other: _Account) -> None:
        """Add what another one has counted."""
        self.requests += other.requests
        self.input += other.input
        self.output += other.output
        self.cache_read += other.cache_read
        self.cache_write += other.cache_write
        self.nano_usd += other.nano_usd
        self.priced += other.priced
        self.unpriced += other.unpriced

    @property
    def fields(self) -> dict[str, Any]:
        total = self.input + self.output + self.cache_read + self.cache_write
        has_input = total == 0 or total > self.output  # no answer without a question
        return {
            "input_tokens": self.input if has_input else None,
            "output_tokens": self.output,
            "cache_read_tokens": self.cache_read if has_input else None,
            "cache_write_tokens": self.cache_write if has_input else None,
            "cost_usd": self.nano_usd / _NANO if self.priced else None,
            "unpriced_requests": self.unpriced,
        }

    @property
    def operation(self) -> Record | Gone:
        """The row as it is now."""
        return Record(self.table, self.id, self.fields)


class _Period(NamedTuple):
    """Whose use of what is one row of ``usage``, and when."""

    session: str
    agent: str
    model: str | None
    at: int

    @property
    def key(self) -> str:
        """What it is kept under."""
        return f"{self.at}\0{self.model}\0{self.session}\0{self.agent}"

    @property
    def row(self) -> str:
        """The id of the row: a digest, as short for every agent and model."""
        parts = (self.session, self.agent, self.model or "", str(self.at))
        return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


class _Use(_Account, array_like=True, gc=False, kw_only=True):
    """What one agent has used of one model in a quarter of an hour."""

    period: _Period

    @property
    def operation(self) -> Record | Gone:
        """The row as it is now; it is gone when all of it was taken back."""
        if not self.requests:
            return Gone(self.table, self.id)
        session, agent, model, at = self.period
        of = {"at": at, "agent_id": agent, "session_id": session, "model": model, "requests": self.requests}
        return Record(self.table, self.id, of | self.fields)


class _Answer(msgspec.Struct, array_like=True, gc=False):
    """One billed answer: the last snapshot of it counts, and its owner is whoever wrote it first."""

    owner: tuple[bool, int, str, str]
    """Copy or not, time (ms), session, agent: the least one owns the answer."""
    usage: Usage
    shared: bool = False
    """Whether several requests have its id."""
    written: list[str] = []
    """The lines that say it, where its request is assumed."""

    def add(self, usage: Usage) -> bool:
        """Note which line says it; return whether that is new."""
        if not usage.written or usage.written in self.written:
            return False
        self.written.append(usage.written)
        return True


def _usable(usage: Usage) -> Usage:
    """Return what was used without numbers that nobody can use: a line that lies about one of them says more."""
    tokens, cost, terms = usage.tokens, usage.cost_usd, usage.terms
    is_counted = min(tokens) >= 0 and tokens.total <= MOST_TOKENS and tokens.cache_write_1h <= MOST_TOKENS
    if is_counted and (cost is None or 0 <= cost <= MOST_DOLLARS) and 0 <= terms.searches <= MOST_SEARCHES:
        return usage
    tokens = Tokens(*(count if 0 <= count <= MOST_TOKENS else 0 for count in tokens))
    cost = cost if 0 <= (cost or 0) <= MOST_DOLLARS else None
    terms = terms if 0 <= terms.searches <= MOST_SEARCHES else terms._replace(searches=0)
    return msgspec.structs.replace(usage, tokens=tokens, cost_usd=cost, terms=terms)


class Ledger:
    """Every billed answer of the model once, however many lines and files repeat it and in whatever order."""

    def __init__(self, price: Price = price) -> None:
        self._price = price
        self._answers: Kept[_Answer] = Kept(_Answer)
        self._shared: Kept[dict[str, _Answer]] = Kept(dict[str, _Answer])
        """Id that several requests have → request → its answer."""
        self._sessions: Kept[_Account] = Kept(_Account)
        self._agents: Kept[_Account] = Kept(_Account)
        self._uses: Kept[_Use] = Kept(_Use)  # what names its period → it
        self.own_rates: set[str] = set()
        """Which rates of our own went into the prices, with their sources."""
        self._unbooked: dict[str, _Answer] = {}
        """Id → an answer that is to be priced by the next :meth:`finish`: another snapshot may come until then."""
        self._sums: dict[tuple[str, str, str | None, int], _Account] = {}
        """Session, agent, model and quarter of an hour (ms) → what is to be added to their accounts."""
        self._moved: dict[tuple[str, str], _Account] = {}  # table and row → its account, since the last `finish`
        self._waits = False
        """Whether nothing is to be priced and given out yet."""

    def put_off(self) -> None:
        """Book nothing until :meth:`catch_up`: to price the first answer imports a library, a quarter of a second."""
        self._waits = True

    def catch_up(self) -> Iterator[Record | Gone]:
        """Book what was put off, and from now on with each :meth:`finish`; yield the rows that follow."""
        self._waits = False
        yield from self.finish()

    def bill(self, usage: Usage, session: str, agent: str) -> None:
        """Take in one claim; of its numbers those that make no sense are left out."""
        usage = _usable(usage)
        owner = (usage.copy, usage.at, session, agent)
        held = self._answers.get(usage.id)
        if held is None:
            held = self._answers[usage.id] = _Answer(owner, usage)
            held.add(usage)
        elif held.shared or usage.request != held.usage.request:
            self._bill_shared(held, usage, owner)
            return
        else:
            if held.add(usage):
                self._answers[usage.id] = held
            better = held.usage if usage == held.usage else max(held.usage, usage, key=_weight)
            if better is held.usage and owner >= held.owner:
                if session not in self._sessions or agent not in self._agents:  # it only repeats what others used
                    self._move(session, agent)
                return
            if self._unbooked.pop(usage.id, None) is None:
                self._book(held, -1)
            else:
                self._move(*held.owner[2:])
            self._move(session, agent)
            held.usage, held.owner = better, min(held.owner, owner)
            self._answers[usage.id] = held
        self._unbooked[usage.id] = held

    def _bill_shared(self, first: _Answer, usage: Usage, owner: tuple[bool, int, str, str]) -> None:
        """Take in a claim to an id that several requests have."""
        answers = self._shared.get(usage.id)
        if usage.id in self._unbooked:
            self._book(self._unbooked.pop(usage.id), +1)
        if answers is None:
            answers = {first.usage.request: first}
            first.shared = True
            self._answers[usage.id] = first
        for answer in _distinct(answers):
            self._book(answer, -1)
        self._move(*owner[2:])
        held = answers.get(usage.request)
        if held is None:
            held = answers[usage.request] = _Answer(owner, usage)
        else:
            held.usage, held.owner = max(held.usage, usage, key=_weight), min(held.owner, owner)
        held.add(usage)
        self._shared[usage.id] = answers
        for answer in _distinct(answers):
            self._book(answer, +1)

    def carry(self, session: str, used: Mapping[str, Any]) -> None:
        """Add a row of ``usage`` whose files are gone to the account of its session, if other files made one."""
        if session not in self._sessions:
            return
        account = self._moved.setdefault(("sessions", session), self._sessions[session])
        requests, unpriced = used["requests"] or 0, used["unpriced_requests"] or 0
        given, output, read, write = (
            used[f"{of}_tokens"] or 0 for of in ("input", "output", "cache_read", "cache_write")
        )
        nano_usd = round((used["cost_usd"] or 0) * _NANO)
        account.add(_Account("", "", requests, given, output, read, write, nano_usd, requests - unpriced, unpriced))

    def finish(self) -> Iterator[Record | Gone]:
        """Yield the rows whose accounts were moved since the last call, as they are now."""
        if self._waits:
            return
        self._add_sums()
        moved, self._moved = self._moved, {}
        for (table, id), account in moved.items():
            if table == "sessions":
                self._sessions[id] = account
            elif table == "agents":
                self._agents[id] = account
            elif isinstance(account, _Use):
                key = account.period.key
                if account.requests:
                    self._uses[key] = account
                else:
                    self._uses.pop(key)
            yield account.operation

    def _book(self, answer: _Answer, sign: int) -> None:
        usage = answer.usage
        cost = usage.cost_usd
        if cost is None:
            cost = self._price(usage.model, usage.tokens, usage.at, usage.terms)
            if cost is not None:
                self.own_rates.update(own_rates(usage.model, usage.terms, usage.at))
        nano_usd = None if cost is None else round(cost * _NANO)
        _, _, session, agent = answer.owner
        total = usage.tokens.total
        if not total and not nano_usd:  # nothing was used, but it is known what it cost
            for account in self._move(session, agent):
                account.count(usage.tokens, total, nano_usd, sign)
            return
        period = (session, agent, usage.model, usage.at - usage.at % PERIOD_MS)
        sum = self._sums.get(period)
        if sum is None:
            sum = self._sums[period] = _Account("", "")
        sum.count(usage.tokens, total, nano_usd, sign)

    def _add_sums(self) -> None:
        """Add what is to be booked to the three accounts of each."""
        for id in list(self._unbooked):
            self._book(self._unbooked.pop(id), +1)
        sums, self._sums = self._sums, {}
        for period, sum in sums.items():
            for account in (*self._move(*period[:2]), self._use(_Period._make(period))):
                account.add(sum)

    def _move(self, session: str, agent: str) -> tuple[_Account, _Account]:
        """Return two accounts; what they are is given out by the next :meth:`finish`."""
        of_session = self._moved.get(("sessions", session)) or self._sessions.get(session)
        of_agent = self._moved.get(("agents", agent)) or self._agents.get(agent)
        if of_session is None:
            of_session = self._sessions[session] = _Account("sessions", session)
        if of_agent is None:
            of_agent = self._agents[agent] = _Account("agents", agent)
        self._moved["sessions", session], self._moved["agents", agent] = of_session, of_agent
        return of_session, of_agent

    def _use(self, period: _Period) -> _Use:
        """Return the account of a quarter of an hour, likewise."""
        row = period.row
        use: Any = self._moved.get(("usage", row)) or self._uses.get(period.key)
        if use is None:
            use = _Use("usage", row, period=period)
        self._moved["usage", row] = use
        found: _Use = use
        return found


class Claims(Ledger):
    """Instead of billing claims it keeps them, for the ledger of another process."""

    def __init__(self) -> None:
        super().__init__()
        self.claims: dict[tuple[Usage, str, str], None] = {}

    def bill(self, usage: Usage, session: str, agent: str) -> None:
        """Take in one claim; of its numbers those that make no sense are left out."""
        self.claims[_usable(usage), session, agent] = None


def _weight(usage: Usage) -> tuple[Any, ...]:
    """Return what makes one claim better than another: an original, the last snapshot, the largest; never equal."""
    tokens, cost, terms = usage.tokens, usage.cost_usd, usage.terms
    stated = (cost is not None, cost or 0.0, usage.model or "")
    bought = (terms.searches, terms.speed or "", terms.region or "", terms.provider or "")
    return not usage.copy, usage.at, usage.line, tokens.total, tokens, stated, bought


def _distinct(answers: dict[str, _Answer]) -> list[_Answer]:
    """Return the answers to the requests of one id that are billed: a side question repeats that of another request.

    Originals count each, one whose request is not stated only if no other's is, and those that share a line once;
    copies only if nothing was sent to the model that another one of the same id was sent.
    """
    originals = {request: answer for request, answer in answers.items() if not answer.owner[0]}
    stated = [answer for request, answer in originals.items() if request and not request.startswith(ASSUMED)]
    assumed = _united([answer for request, answer in originals.items() if request])
    counted = stated or assumed or list(originals.values())
    for answer in sorted((a for r, a in answers.items() if r and a.owner[0]), key=_claim_order):
        if all(_prompt(answer) != _prompt(other) for other in counted):
            counted.append(answer)
    return counted or list(answers.values())[:1]


def _united(answers: list[_Answer]) -> list[_Answer]:
    """Return answers, of those that share a line one: a fork may begin in the middle of an answer."""
    groups: dict[str, list[_Answer]] = {}  # line → the answers that share it, or another one
    alone = [answer for answer in answers if not answer.written]
    for answer in answers:
        same = {id(group): group for line in answer.written if (group := groups.get(line)) is not None}
        group = [answer, *(other for group in same.values() for other in group)]
        groups.update((line, group) for other in group for line in other.written)
    found = {id(group): group for group in groups.values()}.values()
    return alone + [group[0] if len(group) == 1 else _joined(group) for group in found]


def _joined(answers: list[_Answer]) -> _Answer:
    return _Answer(min(one.owner for one in answers), max((one.usage for one in answers), key=_weight))


ASSUMED: Final = "@"
"""Beginning of what stands for a request that is not stated."""


def _claim_order(answer: _Answer) -> tuple[Any, ...]:
    return answer.owner, _weight(answer.usage)


def _prompt(answer: _Answer) -> tuple[int, int, int]:
    tokens = answer.usage.tokens
    return tokens.input, tokens.cache_read, tokens.cache_write


_SUM: Final = ""
"""Name of the sum, among the files."""


class Tallies:
    """Counts that several files of one session or agent add up to; a file that is read again counts anew."""

    def __init__(self) -> None:
        self._counts: Kept[dict[str, int]] = Kept(dict[str, int], dict)  # table, row and column → file → its count

    def put(self, table: str, id: str, column: str, file: str, count: int) -> int:
        """Take in what ``file`` has counted so far; return the sum over all files."""
        key, file = f"{table} {column} {id}", clean(file)
        counts = self._counts[key]
        counts[_SUM] = counts.get(_SUM, 0) + count - counts.get(file, 0)
        counts[file] = count
        self._counts[key] = counts
        return counts[_SUM]

    def unite(self, key: str, theirs: dict[str, int]) -> Record:
        """Take in what another process has counted; return the row with the sum."""
        table, column, id = key.split(" ", 2)
        for file, count in theirs.items():
            if file != _SUM:
                self.put(table, id, column, file, count)
        return Record(table, id, {column: self._counts[key][_SUM]})


class Claimed(NamedTuple):
    """What files say of one tool call."""

    caller: tuple[bool, int, str, str] | None = None
    """Copy or not, time (ms), session, agent: of several claims the least one counts."""
    returned: bool = False
    """Whether it has a result in some file: a copy of the call elsewhere does not make it run again."""


UNCLAIMED: Final = Claimed()


@dataclass(slots=True)
class Left:
    """A session without a file of its own: what its subagents have written is all that is left of it."""

    head: str
    """The least of them: what it does describes the session."""
    prompts: set[str] = field(default_factory=set)
    """Messages with what they were given to do, which the file of the session would have."""


@dataclass
class Book:
    """What the conversations of one root share."""

    ledger: Ledger = field(default_factory=Ledger)
    tallies: Tallies = field(default_factory=Tallies)
    changed_files: Kept[set[str]] = field(default_factory=lambda: Kept(set[str], set))
    """Session → paths that its tools changed."""
    calls: Kept[Claimed] = field(default_factory=lambda: Kept(Claimed))
    """Call → what files say of it."""
    left: dict[str, Left] = field(default_factory=dict)
    """Sessions without a file."""
    heard: Kept[bool] = field(default_factory=lambda: Kept(bool))
    """Agents with a conversation of their own: it says better what they did than whoever they reported to."""
    on_step: Callable[[Any, Step], None] | None = None
    """Called with a conversation and its step instead of making rows of it: :mod:`agent_widget.ondemand.transcript`."""
