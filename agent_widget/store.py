"""The store: keyed tables and one counter, and the one question "what has changed since N?".

Each change to a row gives the row the next ``seq``. A row that changes moves to the end of its table, so the
answer to "since N" is read off the end and costs as much as there are changes. Rows are never changed in
place: a merge makes a new row, so an answer stays what it was while it is encoded and sent.

A replica is a store that :meth:`Store.adopt` s the answers of another one and carries its ``epoch`` and
``seq``; it can therefore answer the same question to the next one down the line.

A store may have a :class:`Backing` (:mod:`agent_widget.ingest.archive`) that keeps every row. Then it holds in memory
only the newest rows of the tables that grow without end, and asks the backing for the others: when a late record is
about one of them, and when a replica asks from a position before them. A replica can be bounded too
(:meth:`Store.bound`): it knows how many rows there are in all, and :meth:`Store.horizon` says up to which time some of
them are not here.
"""

from __future__ import annotations

import heapq
import secrets
import sqlite3
import threading
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol

from .tables import TABLES, Gone, Record, Table

_LAST: Final = 2**53
"""Later than every row."""
PAGE: Final = 500
"""Rows that are read from the backing at one time to be sent, about a frame of them."""
TOMBSTONES: Final = 10_000
"""Maximum removed keys kept per table; a replica whose position is older than the oldest gets everything again."""


class Row(dict[str, Any]):
    """One row: a dict of all columns of its table, readable as attributes too (``row.status``)."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this row has no column {name!r}; it has {', '.join(self)}") from None

    def __dir__(self) -> list[str]:
        """Return the columns, and what can be done with a row: not what every dict has."""
        own = (name for kind in type(self).__mro__ if issubclass(kind, Row) for name in vars(kind))
        return sorted({*self, *(name for name in own if name[0] != "_"), "get", "items", "keys", "values"})


class Change(NamedTuple):
    """What happened to one row. ``old`` is ``None`` for a new row, ``new`` is ``None`` for one that went."""

    table: str
    id: str
    old: Row | None
    new: Row | None


class Numbered(NamedTuple):
    """The latest change of one row, with its number. ``row`` is ``None`` for one that went."""

    seq: int
    table: str
    id: str
    row: Row | None


class Position(NamedTuple):
    """How far a replica has come: ``seq`` in the life ``epoch`` of the store it follows."""

    epoch: str
    seq: int


@dataclass(slots=True)
class Answer:
    """What has changed between ``since`` and ``seq``; with ``reset``, all there is.

    ``rows``: table → whole rows, each once, oldest change first. ``gone``: table → keys that went. ``counts``: table →
    how many rows there are in all, of the tables in this answer; empty if whoever answered did not say.
    """

    epoch: str
    since: int
    seq: int
    reset: bool
    rows: dict[str, list[Row]] = field(default_factory=dict)
    gone: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.rows or self.gone or self.reset)


@dataclass(slots=True)
class Saved:
    """What a backing has kept of a store: all of it by number, the newest rows in full, oldest change first."""

    epoch: str
    seq: int
    rows: dict[str, list[tuple[int, Row]]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    """Table → how many rows there are."""
    cuts: dict[str, int] = field(default_factory=dict)
    """Table → the newest ``seq`` among the rows that are not in ``rows``."""
    gone: dict[str, dict[str, int]] = field(default_factory=dict)
    floors: dict[str, int] = field(default_factory=dict)
    issued: list[tuple[int, int]] = field(default_factory=list)
    """Which numbers earlier processes have issued: the first and the last of each, in order."""


class Gap(Exception):
    """An answer does not join on to what this replica holds; ask again from one's own position."""


class Columns(Protocol):
    """A row that is only to be encoded: its columns are attributes, so that no dict is made of it."""

    id: str


class Backing(Protocol):
    """Keeps all rows of a store, also those that the store does not hold in memory."""

    def get(self, table: str, id: str) -> tuple[int, Row] | None:
        """Return the ``seq`` and the row of an id, or ``None``."""

    def since(self, table: str, seq: int) -> list[Row]:
        """Return the rows that changed after ``seq``, oldest change first."""

    def numbered(self, table: str, seq: int, limit: int) -> list[tuple[int, Row]]:
        """Return the first ``limit`` rows that changed after ``seq``, each with its ``seq``, oldest change first."""

    def newest(self, table: str, limit: int) -> list[Row]:
        """Return the ``limit`` rows that are latest by the table's own time, oldest change first."""

    def older(self, table: str, limit: int, before: tuple[int, str] | None = None) -> list[Row]:
        """Return up to ``limit`` rows by the table's own time and id, the latest first, that come after ``before``."""

    def nth_newest(self, table: str, number: int) -> tuple[int, str] | None:
        """Return time and id of the row before which ``number`` come in the order of :meth:`older`, if there is one."""

    def later(
        self, table: str, limit: int, after: tuple[int, str] | None, until: int
    ) -> tuple[list[Columns], tuple[int, str] | None]:
        """Return up to ``limit`` rows after a time and id and not after ``until``, the oldest first.

        Of one time the first change comes first. The second value is what to go on from, ``None`` at the end.
        """

    def holding(self, table: str, anchors: tuple[bytes, ...], searched: Iterable[str]) -> Generator[list[Row]]:
        """Yield the rows that hold an anchor in some text, a few at a time, in the order of :meth:`older`.

        ASCII letters are lowered in what is looked through; without an anchor all rows are taken. Rows that stand in
        the conversations of agents in ``searched`` (:mod:`agent_widget.ingest.conversation_rows`) are left out. Each
        step may be taken by another thread.
        """

    def ids(self, table: str, prefix: str) -> Iterable[str]:
        """Return the ids of a table that begin with ``prefix``."""

    def note_sent(self, after: int, seq: int, keys: Iterable[tuple[str, str]]) -> None:
        """Write down which rows (table, id) are about to be sent though they are not written yet.

        They are those that changed after the number ``after``, up to ``seq``, and were not written down before.
        """

    def keep_sent(self, after: int, seq: int, keys: Iterable[tuple[str, str]]) -> None:
        """Keep only these rows of what :meth:`note_sent` has written down up to ``seq``.

        They changed after ``after`` and are still not written.
        """

    @property
    def writing(self) -> AbstractContextManager[Any]:
        """What is held for a :meth:`write` from before the rows are collected; by one thread at a time."""

    def write(
        self,
        seq: int,
        rows: Iterable[tuple[str, int, Row]],
        gone: Iterable[tuple[str, str, int]],
        counts: Mapping[str, int],
    ) -> None:
        """Write changed rows (table, seq, row), removed keys (table, id, seq) and the tables' sizes together."""


_MERGES: Final = {
    table.name: {column.name: column.merge for column in table.columns if column.merge != "replace"}
    for table in TABLES.values()
}
"""The columns of each table in which a later claim does not simply win."""


def _stays(merge: str, now: Any, value: Any) -> bool:
    """Return whether a ``min`` or ``max`` cell stays as it is ``now`` in spite of the claim ``value``."""
    return now is not None and (value is None or (value > now if merge == "min" else value < now))


_QUARTER_MS: Final = 15 * 60_000
_ABOUT_MS: Final = 10 * 60_000


def _is_late(table: Table, held: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Return whether a claim is about an earlier time than what is held, in a table where the latest counts."""
    if table.latest is None:
        return False
    at, now = fields.get(table.latest), held.get(table.latest)
    return at is not None and now is not None and _order(table, fields, at) < _order(table, held, now)


def _order(table: Table, claim: Mapping[str, Any], at: int) -> tuple[int, int, int]:
    """Return the place of a claim about ``at`` among all about one row, whatever order they come in.

    Sessions that run side by side may repeat what they heard earlier (bemaru/trafficmonitor-ai-usage-plugin#4: two
    windows of a week, seconds apart, in turns): of two windows that were heard of at about the same time the one that
    ends later is the newer one.
    """
    end = claim.get(table.ends) if table.ends is not None else None
    return at // _QUARTER_MS, round((end or 0) / _ABOUT_MS), at


def joined(operations: Iterable[Record | Gone]) -> Iterator[Record | Gone]:
    """Yield the operations with one record for all claims about a row, so that work per row is done once.

    The fields of each are a dict of its own. Rows come in the order of the last claim about each.
    """
    claims: dict[tuple[str, str], Record] = {}
    for operation in operations:
        if isinstance(operation, Gone):  # what was claimed before comes before, what follows makes the row anew
            yield from claims.values()
            claims.clear()
            yield operation
            continue
        table, id, fields = operation.table, operation.id, operation.fields
        held = claims.pop((table, id), None)
        if held is None:
            held = Record(table, id, fields.copy())
        elif held.fields != fields and not _is_late(TABLES[table], held.fields, fields):
            merges = _MERGES[table]
            for name, value in fields.items():
                if name not in merges or name not in held.fields or not _stays(merges[name], held.fields[name], value):
                    held.fields[name] = value
        claims[table, id] = held
    yield from claims.values()


class _Keyed:
    """One table's rows in order of their last change, and the keys that went."""

    __slots__ = (
        "cut",
        "definition",
        "dropped",
        "elsewhere",
        "floor",
        "gone",
        "horizon",
        "latest",
        "limit",
        "merges",
        "rows",
        "template",
        "version",
    )

    def __init__(self, definition: Table) -> None:
        self.definition = definition
        self.template = definition.blank()
        self.merges = _MERGES[definition.name]
        self.rows: dict[str, tuple[int, Row]] = {}
        self.gone: dict[str, int] = {}
        self.latest = 0  # nothing changed after this seq
        self.floor = 0  # the newest seq among the keys that were forgotten
        self.limit: int | None = None  # how many rows are held in memory
        self.elsewhere = 0  # how many rows are not in memory
        self.cut = 0  # the newest seq among those
        self.dropped: dict[str, int] = {}  # rows that a replica let go, and the seq of each
        self.horizon = 0  # none of those that are not in memory is later
        self.version = 0  # of what is elsewhere: another number when a row came to it or was removed, of a replica

    def put(self, id: str, seq: int, row: Row) -> None:
        self.rows.pop(id, None)
        self.gone.pop(id, None)
        self.dropped.pop(id, None)
        self.rows[id] = (seq, row)
        self.latest = seq

    def remove(self, id: str, seq: int) -> None:
        self.rows.pop(id, None)
        self.gone[id] = seq
        self.latest = seq
        if len(self.gone) > TOMBSTONES:
            oldest = next(iter(self.gone))
            self.floor = self.gone.pop(oldest)

    def gone_at(self, id: str) -> int:
        """Return the seq at which a key went; of one that was forgotten, a later one."""
        return self.gone.get(id, self.floor)

    def merged(self, old: Row | None, id: str, fields: Mapping[str, Any], defaults: Mapping[str, Any]) -> Row | None:
        """Return the row after the claim ``fields``; ``None`` if the claim changes nothing."""
        new: Row | None = None
        if old is not None and _is_late(self.definition, old, fields):
            return None
        if old is None:
            new = Row(self.template)
            new.update(defaults)
            new["id"] = id
            new.update(fields)
            if len(new) != len(self.template):
                raise KeyError(*new.keys() - self.template.keys())
            return new
        for name, value in fields.items():
            now = old[name]  # KeyError: no such column
            if now == value:
                continue
            merge = self.merges.get(name)
            if merge and _stays(merge, now, value):
                continue
            if new is None:
                new = Row(old)
            new[name] = value
        return new

    def since(self, seq: int) -> list[Row]:
        rows = []
        for changed, row in reversed(self.rows.values()):
            if changed <= seq:
                break
            rows.append(row)
        rows.reverse()
        return rows

    def time_of(self, row: Row) -> int:
        """Return the time of a row, 0 if it has none."""
        return own_time(self.definition.name, row)

    def earliest(self, rows: Iterable[Row]) -> int:
        """Return the time of the earliest of some rows; later than every row if there are none."""
        name = _TIMES[self.definition.name]
        return min((row[name] or 0 if name else 0 for row in rows), default=_LAST)

    def surplus(self) -> list[tuple[int, Row]]:
        """Return all rows, each with its ``seq``, if they are over the limit by more than a tenth; else none."""
        if self.limit is None or len(self.rows) <= self.limit + self.limit // 10:
            return []
        return list(self.rows.values())

    def oldest(self, held: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
        """Return those of a :meth:`surplus` that are past the limit by their own time, the oldest first.

        It takes milliseconds, and needs no lock: nothing of the table is looked at.
        """
        name = _TIMES[self.definition.name]
        times = [(row[name] or 0) if name else 0 for _, row in held]
        order = sorted(range(len(held)), key=times.__getitem__)
        return [held[index] for index in order[: len(held) - (self.limit or 0)]]

    def let_go(
        self, oldest: Iterable[tuple[int, Row]], unwritten: Container[tuple[str, str]] = ()
    ) -> list[tuple[str, int]]:
        """Drop rows from memory and return their ids, each with its ``seq``; those that have changed since stay.

        ``unwritten``: tables and ids of rows that must stay.
        """
        table = self.definition.name
        dropped = []
        for entry in oldest:
            seq, row = entry
            id = row["id"]
            if self.rows.get(id) is not entry or (table, id) in unwritten:
                continue
            del self.rows[id]
            dropped.append((id, seq))
            self.cut = max(self.cut, seq)
            self.horizon = max(self.horizon, self.time_of(row))
        self.elsewhere += len(dropped)
        return dropped

    def drop(self) -> bool:
        """Let the oldest rows past the limit go as a replica does, and note them; returns whether there were any.

        Whoever follows the replica from an earlier position and has not seen these rows change must drop them too.
        """
        found = self.let_go(self.oldest(self.surplus()))
        self.dropped.update(found)
        excess = max(0, len(self.dropped) - TOMBSTONES)
        for id in list(islice(self.dropped, excess)):
            self.floor = max(self.floor, self.dropped.pop(id))
        return bool(found)

    def gone_since(self, seq: int) -> list[str]:
        ids = []
        for id, when in reversed(self.gone.items()):
            if when <= seq:
                break
            ids.append(id)
        if seq < self.cut and self.dropped:
            ids += [id for id, when in self.dropped.items() if when > seq]
        return ids


class Store:
    """All tables of :mod:`agent_widget.tables`, safe to use from any thread."""

    def __init__(self, epoch: str | None = None) -> None:
        self.lock = threading.RLock()
        self.epoch = secrets.token_hex(8) if epoch is None else epoch
        self.seq = 0
        self.began = 0
        """The number from which on this process has issued them."""
        self._issued: list[tuple[int, int]] = []
        """What earlier ones have issued (:attr:`Saved.issued`)."""
        self._tables = {name: _Keyed(definition) for name, definition in TABLES.items()}
        self._backing: Backing | None = None
        self._unwritten: dict[tuple[str, str], None] = {}
        self._noted = 0  # how many of these, from the first, the backing has noted as sent
        self._noted_seq = 0  # and up to which number

    def back(self, backing: Backing, saved: Saved, limits: Mapping[str, int]) -> None:
        """Take over what ``backing`` has kept, and let it keep every row from now on.

        Of a table in ``limits`` about that many rows stay in memory, the newest. The store must be empty.
        """
        with self.lock:
            self._backing = backing
            self.epoch, self.seq, self._issued = saved.epoch, saved.seq, saved.issued
            self.began = self._noted_seq = saved.seq
            for name, table in self._tables.items():
                table.limit, table.latest = limits.get(name), saved.seq
                table.gone, table.floor = dict(saved.gone.get(name, {})), saved.floors.get(name, 0)
                rows = saved.rows.get(name, [])
                table.rows = {row["id"]: (seq, row) for seq, row in rows}
                table.elsewhere = saved.counts.get(name, len(rows)) - len(rows)
                table.cut = saved.cuts.get(name, 0)
                if table.elsewhere:  # what is held is the latest
                    table.horizon = table.earliest(row for _, row in rows)

    def bound(self, limits: Mapping[str, int]) -> None:
        """Hold about that many of the newest rows of the tables in ``limits``; whoever is followed has the rest."""
        with self.lock:
            for name, limit in limits.items():
                self._tables[name].limit = limit

    @property
    def unwritten(self) -> int:
        """How many rows changed that the backing does not have."""
        return len(self._unwritten)

    def _note_sent(self) -> None:
        """Let the backing note the rows that changed and are not written, before somebody is sent them.

        Their numbers are noted also where the rows were before, so that whoever has seen them is known again.
        """
        if self._backing is not None and self._unwritten and self._noted_seq < self.seq:
            try:
                self._backing.note_sent(self._noted_seq, self.seq, islice(self._unwritten, self._noted, None))
                self._noted, self._noted_seq = len(self._unwritten), self.seq
            except OSError:
                pass  # the disk is full: then nothing can be written either, and that is noted

    def write(self) -> None:
        """Hand what changed since the last call to the backing, in one transaction; without one do nothing.

        Others may use the store meanwhile, but for a moment at the beginning and at the end, unless this thread holds
        the store's lock.
        """
        if self._backing is None:
            return
        if self._unwritten:
            with self._backing.writing:
                pass  # whoever writes for long is waited for here: below, all who read and send would wait, too
        with ExitStack() as stack:
            with self.lock:
                if not self._unwritten:
                    self._let_go()
                    return
                # in this order, so that of two writers the later one has the later rows
                stack.enter_context(self._backing.writing)
                seq = self.seq
                rows: list[tuple[str, int, Row]] = []
                gone: list[tuple[str, str, int]] = []
                for name, id in self._unwritten:
                    table = self._tables[name]
                    if (held := table.rows.get(id)) is not None:
                        rows.append((name, *held))
                    else:
                        gone.append((name, id, table.gone_at(id)))
                counts = {name: self.count(name) for name in self._tables}
            self._backing.write(seq, rows, gone, counts)
        with self.lock:
            self._note_written(seq)
        self._let_go()

    def _note_written(self, seq: int) -> None:
        """Note that the backing has all that changed up to ``seq``."""
        assert self._backing is not None
        changed: dict[tuple[str, str], None] = {}
        noted = 0
        for number, (name, id) in enumerate(self._unwritten):
            table = self._tables[name]
            when = held[0] if (held := table.rows.get(id)) is not None else table.gone_at(id)
            if when > seq:
                changed[name, id] = None
                noted += number < self._noted
        self._unwritten, self._noted = changed, noted
        self._noted_seq = max(self._noted_seq, seq)
        with suppress(OSError):  # it holds more than it must then
            self._backing.keep_sent(seq, self._noted_seq, islice(changed, noted))

    def _let_go(self) -> None:
        """Drop the oldest rows past the bounds from memory, which the backing has.

        Which these are is found out without the lock, which readers and senders would wait for.
        """
        for table in self._tables.values():
            with self.lock:
                held = table.surplus()
            if held:
                oldest = table.oldest(held)
                with self.lock:
                    table.let_go(oldest, self._unwritten)

    @property
    def position(self) -> Position:
        """Where this store is now."""
        with self.lock:
            return Position(self.epoch, self.seq)

    def apply(self, operations: Iterable[Record | Gone], defaults: Mapping[str, Any] | None = None) -> list[Change]:
        """Merge records into rows and take rows out; returns what really changed, in order.

        ``defaults`` are the fields a new row starts with (``source``, ``host``). An unknown table or column is a
        ``KeyError``.
        """
        changes: list[Change] = []
        defaults = defaults or {}
        with self.lock:
            for operation in operations:
                table, id = self._tables[operation.table], operation.id
                old, new = self._row(table, id), None
                if isinstance(operation, Gone):
                    if old is None:
                        continue
                else:
                    new = table.merged(old, id, operation.fields, defaults)
                    if new is None:
                        continue
                changes.append(self._set(table, id, old, new))
        return changes

    def replace(self, operations: Iterable[tuple[str, str, Row | None]]) -> list[Change]:
        """Put whole rows (table, id, row) in the place of those there are, ``None`` for none; return what changed.

        Nothing is merged: the rows are those of another store, which decides.
        """
        changes: list[Change] = []
        with self.lock:
            for name, id, new in operations:
                table = self._tables[name]
                old = self._row(table, id)
                if old != new:
                    changes.append(self._set(table, id, old, new))
        return changes

    def _set(self, table: _Keyed, id: str, old: Row | None, new: Row | None) -> Change:
        """Put a row in the place of another, under the next number; ``None``: there was none, or is none any more."""
        if old is not None and id not in table.rows:  # it was in the backing only
            table.elsewhere -= 1
        self.seq += 1
        if new is None:
            table.remove(id, self.seq)
        else:
            table.put(id, self.seq, new)
        name = table.definition.name
        if self._backing is not None:
            self._unwritten[name, id] = None
        return Change(name, id, old, new)

    def ids(self, table: str, prefix: str) -> set[str]:
        """Return the ids of a table that begin with ``prefix``, in memory and in the backing."""
        with self.lock:
            keyed = self._tables[table]
            found = {id for id in keyed.rows if id.startswith(prefix)}
            if self._backing is not None and keyed.elsewhere:
                found.update(id for id in self._backing.ids(table, prefix) if id not in keyed.gone)
            return found

    def _row(self, table: _Keyed, id: str) -> Row | None:
        """Return a row, from memory or from the backing; ``None`` if there is none."""
        held = table.rows.get(id)
        if held is not None:
            return held[1]
        if not table.elsewhere or self._backing is None or id in table.gone:
            return None
        found = self._backing.get(table.definition.name, id)
        return found[1] if found else None

    def since(
        self,
        position: Position | None,
        tables: Iterable[str] | None = None,
        limit: Mapping[str, int] | None = None,
        *,
        held_only: bool = False,
    ) -> Answer:
        """Return what a replica at ``position`` has missed.

        A position of another epoch, one that was never issued (:meth:`_was_issued`), or from before the oldest
        remembered removal is answered with ``reset`` and everything; ``limit`` bounds how many of the newest rows of a
        table such an answer holds. ``tables`` restricts the answer (unknown names are ignored). ``held_only``: where
        such an answer needs more rows than are in memory, it has those in memory; the others come from :meth:`older`.
        """
        names = self._tables if tables is None else [name for name in self._tables if name in set(tables)]
        with self.lock:
            self._note_sent()
            seq = position.seq if position else 0
            changed = [name for name in names if self._tables[name].latest > seq]
            reset = (
                position is None
                or not self._was_issued(position)
                or any(seq < self._tables[name].floor for name in changed)
            )
            answer = Answer(self.epoch, 0 if reset else seq, self.seq, reset)
            for name in names if reset else changed:
                table = self._tables[name]
                if reset:
                    most = (limit or {}).get(name)
                    if held_only and table.elsewhere and (most is None or most > len(table.rows)):
                        rows = self.held_rows(name)
                    else:
                        rows = self._all_of(table, most)
                else:
                    rows = self._since(table, seq)
                    if gone := table.gone_since(seq):
                        answer.gone[name] = gone
                if rows:
                    answer.rows[name] = rows
                if reset or rows or name in answer.gone:
                    answer.counts[name] = self.count(name)
            return answer

    def _all_of(self, table: _Keyed, limit: int | None) -> list[Row]:
        """Return all rows, or the ``limit`` newest, from memory where it holds them."""
        if self._backing is not None and table.elsewhere and (limit is None or limit > (table.limit or 0)):
            unwritten, name = self._unwritten_of(table), table.definition.name
            if limit is None:
                return _with(self._backing.since(name, 0), unwritten)
            return _newest(table.definition, _with(self._backing.newest(name, limit), unwritten), limit)
        return _newest(table.definition, [row for _, row in table.rows.values()], limit)

    def _since(self, table: _Keyed, seq: int) -> list[Row]:
        """Return the rows that changed after ``seq``."""
        if self._backing is not None and seq < table.cut:
            unwritten = self._unwritten_of(table)
            return _with(self._backing.since(table.definition.name, seq), unwritten)
        return table.since(seq)

    def _unwritten_of(self, table: _Keyed) -> dict[str, Row | None]:
        """Write what changed; of a table that could not be written return id → row, ``None`` if it was removed.

        Rows that are not written are in memory: whatever the disk does, they can be read.
        """
        with suppress(sqlite3.Error):  # whoever writes the next round notes why
            self.write()
        name = table.definition.name
        return {
            id: held[1] if (held := table.rows.get(id)) is not None else None
            for other, id in self._unwritten
            if other == name
        }

    def joins_on(self, position: Position) -> bool:
        """Return whether everything that changed since ``position`` is known, removals included."""
        with self.lock:
            floor = max(table.floor for table in self._tables.values())
            return floor <= position.seq and self._was_issued(position)

    def _was_issued(self, position: Position) -> bool:
        """Return whether this store was at a position, in this process or in one whose rows the backing has kept.

        It was not if the backing was put back from a backup that is older than the position.
        """
        seq = position.seq
        return position.epoch == self.epoch and (
            self.began <= seq <= self.seq or any(first <= seq <= last for first, last in self._issued)
        )

    def numbered(self, seq: int, limit: int) -> tuple[list[Numbered], int]:
        """Return the first ``limit`` changes after ``seq``, oldest first, and the ``seq`` up to which these are all.

        Each row comes once, in its latest state. It is for whoever goes through all rows in portions; the position
        after each is one to go on from.
        """
        with self.lock:
            self._note_sent()
            found: list[Numbered] = []
            for name, table in self._tables.items():
                if self._backing is not None and seq < table.cut:
                    unwritten = self._unwritten_of(table)
                    kept = self._backing.numbered(name, seq, limit + len(unwritten) + 1)
                    found += [Numbered(when, name, row["id"], row) for when, row in kept if row["id"] not in unwritten]
                    found += [Numbered(table.rows[id][0], name, id, row) for id, row in unwritten.items() if row]
                else:
                    for id, (when, row) in reversed(table.rows.items()):
                        if when <= seq:
                            break
                        found.append(Numbered(when, name, id, row))
                for id, when in reversed(table.gone.items()):
                    if when <= seq:
                        break
                    found.append(Numbered(when, name, id, None))
            if len(found) <= limit:
                return sorted(found, key=itemgetter(0)), self.seq
            found = heapq.nsmallest(limit, found, key=itemgetter(0))
            return found, found[-1].seq

    def adopt(self, answer: Answer) -> list[Change]:
        """Take over a whole answer of the store this one follows; returns what changed here.

        A row that an answer with ``reset`` repeats unchanged is no change. Neither is that the oldest rows of a bounded
        table are let go, or are not in such an answer because they are not among the newest. Raises :class:`Gap` if the
        answer starts after what is held here.
        """
        with self.lock:
            if not answer.reset and (answer.epoch != self.epoch or answer.since > self.seq):
                raise Gap(f"answer from {answer.since} does not join on to {self.seq}")
            if not answer.reset and answer.seq <= self.seq:
                return []  # it comes late: all it tells is held already, and some of it is outdated
            changes: list[Change] = []
            for name, table in self._tables.items():
                rows = answer.rows.get(name, ())
                before = table.rows
                if answer.reset:
                    table.rows, table.gone, table.dropped, table.floor = {}, {}, {}, answer.seq
                    table.latest = answer.seq
                put = table.rows.__setitem__ if answer.reset else None  # each row comes once, and nothing is there yet
                for row in rows:
                    id = row["id"]
                    held = before.get(id)
                    old = held[1] if held else None
                    new = old if old == row else row if type(row) is Row else Row(row)
                    if put is not None:
                        put(id, (answer.seq, new))
                    else:
                        table.put(id, answer.seq, new)
                    if new is not old:
                        changes.append(Change(name, id, old, new))
                total = answer.counts.get(name)
                if answer.reset:
                    is_part = total is not None and total > len(rows)
                    table.horizon = table.earliest(rows) if is_part else -_LAST
                    gone: Iterable[str] = [
                        id for id in before if id not in table.rows and table.time_of(before[id][1]) > table.horizon
                    ]
                else:
                    gone = [id for id in answer.gone.get(name, ()) if id in before]
                for id in gone:
                    changes.append(Change(name, id, before[id][1], None))
                    if not answer.reset:
                        table.remove(id, answer.seq)
                if self._backing is None:
                    table.version += table.drop() or answer.reset or name in answer.gone
                if total is not None:
                    table.elsewhere = max(0, total - len(table.rows))
                elif answer.reset:
                    table.elsewhere = 0
            self.epoch, self.seq = answer.epoch, answer.seq
            return changes

    def count(self, table: str) -> int:
        """Return how many rows a table has, here and elsewhere."""
        held = self._tables[table]
        return len(held.rows) + held.elsewhere

    def holds(self, table: str, id: str) -> bool:
        """Return whether a row is in memory."""
        return id in self._tables[table].rows

    def held(self, table: str) -> int:
        """Return how many rows of a table are in memory."""
        return len(self._tables[table].rows)

    def get(self, table: str, id: str) -> Row | None:
        """Return a row, or ``None``."""
        with self.lock:
            return self._row(self._tables[table], id)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many rows each table has, here and elsewhere."""
        with self.lock:
            return {name: self.count(name) for name in self._tables}

    def rows(self, table: str) -> list[Row]:
        """Return all rows of a table as they are now, here and in the backing, oldest change first."""
        with self.lock:
            return self._all_of(self._tables[table], None)

    def snapshot(self, tables: Iterable[str]) -> dict[str, list[Row]]:
        """Return all rows of some tables as they are at one moment."""
        with self.lock:
            return {table: self.rows(table) for table in tables}

    def select(self, table: str, test: Callable[[Row], bool], equal: Mapping[str, Any] | None = None) -> list[Row]:
        """Return the rows that pass ``test``, in the order of :meth:`rows`.

        ``equal``: column → a value, or a list of values, that every row has that passes, if that is known: it need not
        be looked for among the others.
        """
        return list(filter(test, self.rows(table)))

    def horizon(self, table: str) -> int:
        """Return a time (ms) than which no row that is not in memory is later."""
        return self._tables[table].horizon

    def held_rows(self, table: str) -> list[Row]:
        """Return the rows of a table that are in memory, oldest change first."""
        with self.lock:
            return [row for _, row in self._tables[table].rows.values()]

    def older(self, table: str, limit: int, before: tuple[int, str] | None = None) -> list[Row]:
        """Return up to ``limit`` rows by their own time and id, the latest first, that come after ``before``."""
        with self.lock:
            keyed = self._tables[table]
            if self._backing is not None and keyed.elsewhere:
                unwritten = self._unwritten_of(keyed)
                rows = self._backing.older(table, limit + len(unwritten), before)
                if not unwritten:
                    return rows
                rows = _with(rows, unwritten)
            else:
                rows = [row for _, row in keyed.rows.values()]

            def key(row: Row) -> tuple[int, str]:
                return keyed.time_of(row), row["id"]

            return heapq.nlargest(limit, (row for row in rows if before is None or key(row) < before), key=key)

    def newest(self, table: str, number: int, held: list[Row]) -> Iterator[Row | Columns]:
        """Yield about the ``number`` newest rows by their own time, the oldest first, as they are asked for.

        ``held``: those in memory, which come last; the others are read from the backing a page at a time, and the lock
        is held no longer than that.
        """
        ids, backing = {row["id"] for row in held}, self._backing
        if backing is None:
            yield from held
            return
        with self.lock:
            first = at = backing.nth_newest(table, number)
            horizon = self.horizon(table)  # what is later is in memory
        more = True
        while more:
            with self.lock:
                rows, at = backing.later(table, PAGE, at, horizon)
            yield from (row for row in rows if row.id not in ids)
            more = at is not None
        yield from (row for row in held if first is None or (own_time(table, row), row["id"]) > first)

    def elsewhere(self, table: str, anchors: tuple[bytes, ...], searched: Iterable[str]) -> Generator[list[Row]]:
        """Yield rows that are not in memory, a few at a time, as :meth:`Backing.holding` does."""
        keyed = self._tables[table]
        if self._backing is None or not keyed.elsewhere:
            return
        with closing(self._backing.holding(table, anchors, searched)) as pages:
            for rows in pages:
                with self.lock:
                    found = [row for row in rows if row["id"] not in keyed.rows and row["id"] not in keyed.gone]
                yield found

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)


_TIMES: Final = {table.name: table.time for table in TABLES.values()}


def _with(rows: list[Row], changed: Mapping[str, Row | None]) -> list[Row]:
    """Return ``rows`` with those that changed since in their new state, at the end, and without those removed."""
    if not changed:
        return rows
    return [row for row in rows if row["id"] not in changed] + [row for row in changed.values() if row is not None]


def own_time(table: str, row: Mapping[str, Any]) -> int:
    """Return when a row is from, by the table's own time, in milliseconds since the epoch; 0 if it has none."""
    name = _TIMES[table]
    return (row.get(name) or 0) if name is not None else 0


def _newest(table: Table, rows: list[Row], limit: int | None) -> list[Row]:
    """Return the ``limit`` rows that are latest by the table's own time, in their old order."""
    if limit is None or len(rows) <= limit:
        return rows
    time = table.time
    if time is None:
        return rows[-limit:] if limit > 0 else []
    chosen = heapq.nlargest(limit, range(len(rows)), key=lambda index: (rows[index][time] or 0, index))
    return [rows[index] for index in sorted(chosen)]
