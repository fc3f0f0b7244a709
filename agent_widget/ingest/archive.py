"""The archive: one SQLite file that keeps what was read, for longer than the process and than the files.

It holds every row with its ``seq``, the store's ``epoch``, the stamps of the files that the rows came from, and what
readers must remember to go on. The files are the truth; the archive is what need not be read again.

- Before a row is sent to anybody its id is written (to the file ``….sent``), which costs little; the row itself follows
  within a moment, with others. A killed server may have sent rows that were not written yet: its successor gives those
  new numbers, so that whoever has seen them is sent what they are now, and goes on with the same epoch.
- Each process begins with numbers far beyond those of the one before, at random, and which it has issued is kept
  (``issued``). So an archive that was put back from a backup does not take the position of somebody who has seen later
  rows for one of its own: it is a number that it has not issued, and the answer holds everything. On another machine
  it begins a new life, since one of two that run at the same time may follow the other.
- A checkpoint writes what readers remember, as of the rows that are there: of each file that was read since the last
  one its stamp (``files``) and its reader (``readers``), of what readers share the entries that changed (``facts``),
  and the rest as one (``memory``). It costs what has changed since the last one. After a crash the rows are rolled back
  to the last checkpoint (what they were is in ``undo``), under new numbers, and what was read since is read again by
  readers that remember the checkpoint. So rows and memory always belong together, whatever a reader decides from what
  it remembers.

Readers and the rest are pickles. They are taken only if they carry the signature of this user's own key and come from
this very code (:mod:`agent_widget.ingest.signing`); else all files are read again, and their rows are merged into those
that are here.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from ..sources.kept import UNENCODABLE
from ..store import TOMBSTONES, Columns, Row, Saved, own_time
from ..tables import TABLES
from .archive_file import (
    DAMAGED,
    ArchiveError,
    Unfit,
    columns_of,
    connected,
    encode_cells,
    is_corrupt,
    is_damage,
    locked,
    machine,
    row_of,
    set_aside,
    unlocked,
)
from .bloom import Filter
from .conversation_rows import SPEAKERS, number_of, numbers_of
from .facts import Facts
from .signing import checked, code, signed, user_key

log = logging.getLogger("agent_widget")

T = TypeVar("T")

_AT_ONCE: Final = 500
"""Rows that are read at a time when all of a table are looked at."""
LOOKED_AT: Final = 200
"""Rows that are looked through at a time: as many as a processor's cache holds."""
NUMBERS: Final = 2**53
"""Numbers that JavaScript has exactly (ECMA-262, "The Number Type")."""
STARTS: Final = 1000
"""Processes whose numbers are kept; whoever comes with a position of an earlier one gets everything."""

SENT_BYTES: Final = 2**20
"""Size of the note of what was sent from which on it is made anew while rows change all the time."""


_VALUES: Final = {name: f"{name} VALUES (?, ?, ?, ?{', ?' * len(SPEAKERS.get(name, ()))})" for name in TABLES}
_ADD: Final = {name: f"INSERT INTO {values}" for name, values in _VALUES.items()}
_PUT: Final = {name: f"INSERT OR REPLACE INTO {values}" for name, values in _VALUES.items()}
_BETWEEN: Final = b"\xff"
"""Stands in no UTF-8, so in no anchor."""
_Cells = tuple[Any, ...]
"""What is kept of one row: seq, id, its own time, all its cells, and numbers of agents."""


def _cells(name: str, seq: int, row: Mapping[str, Any], data: bytes) -> _Cells:
    # sqlite3 looks for an adapter of bytes (CPython's need_adapt), which takes longer than to make a bytearray of them
    return seq, row["id"], own_time(name, row), bytearray(data), *numbers_of(name, row)


def _encoded(rows: Iterable[tuple[str, int, Row]]) -> dict[str, list[_Cells]]:
    """Return rows (table, seq, row) as they are kept, by table."""
    cells: dict[str, list[_Cells]] = {}
    for name, when, row in rows:
        cells.setdefault(name, []).append(_cells(name, when, row, encode_cells(list(row.values()))))
    return cells


def _is_fit(value: Any) -> bool:
    """Return whether a cell can be kept: MessagePack has integers up to 2**64, SQLite up to 2**63."""
    try:
        encode_cells(value)
    except UNENCODABLE:
        return False
    return not isinstance(value, int) or value < 2**63


def _fit(row: Row) -> Row:
    """Return a row without the cells that cannot be kept."""
    return Row((column, value if _is_fit(value) else None) for column, value in row.items())


def _holding(rows: list[bytes], anchors: tuple[bytes, ...]) -> list[bytes]:
    """Return those of some encoded rows that hold an anchor, once ASCII letters are lowered."""
    together = _BETWEEN.join(rows).lower()  # of most words no row here has any
    anchors = tuple(anchor for anchor in anchors if anchor in together)
    return [row for row in rows if any(anchor in lowered for lowered in (row.lower(),) for anchor in anchors)]


class Archive:
    """One archive file, open for the server that watches its roots. A store's backing (:meth:`Store.back`)."""

    def __init__(self, path: Path, lock: int | None) -> None:
        self.path = path
        self.problem: str | None = None
        """Why an existing file was set aside, or what of it cannot be read; ``None`` if all is well."""
        self.writing = threading.RLock()
        """Held for a transaction: the connection is used by several threads."""
        self._lock = lock
        self._base: int | None = None
        """The ``seq`` at the last checkpoint; ``None`` while there is nothing to go back to."""
        self._known: Filter | None = None
        """Which rows (table, id) there are, if all of them came in this process."""
        self._given_up = False
        """Whether damage was met that could not be mended."""
        self._gone: set[tuple[str, str]] = set()
        """What was removed (table, id); :meth:`saved` reads it."""
        try:
            self._connect()
        except Unfit as unfit:
            self._begin_anew(unfit.what)
        self._sent = _Sent(path)

    def _connect(self) -> None:
        """Open the file. Raises :class:`Unfit` for one to set aside."""
        self._connection = connected(self.path)
        self._reading = sqlite3.connect(self.path, timeout=5, check_same_thread=False, cached_statements=256)
        """For what readers look up one by one: it does not wait for a transaction, whatever the disk does."""
        self.facts = Facts(self._connection, self._needed)

    def _begin_anew(self, what: str) -> None:
        """Set the file aside, which is not to be used, and go on with a new one."""
        self.problem = set_aside(self.path, what)
        self._connect()

    @classmethod
    def open(cls, path: Path) -> Archive:
        """Open or make the archive at ``path``, readable by its owner alone.

        A damaged one, or one of a newer version, is set aside (``….damaged-TIME``) and a new one is begun;
        :attr:`problem` says so. What is found only when the rows are read is treated alike (:meth:`saved`). Raises
        :class:`ArchiveError` if another process has it open, or nothing can be written there.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = locked(path)
        except OSError as error:
            raise ArchiveError(f"no archive: {path} cannot be written ({error.strerror})") from None
        try:
            return cls(path, lock)
        except (OSError, sqlite3.Error, Unfit) as error:
            unlocked(lock)
            raise ArchiveError(f"no archive: {path} cannot be used ({error})") from None

    def close(self, *, whole: bool = True) -> None:
        """Close the file; what was written stays.

        ``whole``: readers remember all of it. Else the rows go back to the last checkpoint, as after a crash.
        """
        if whole:
            with contextlib.suppress(sqlite3.Error), self._connection:
                self._set(clean=b"1")
        self._release()

    def _release(self) -> None:
        """Close the file as it is."""
        self._reading.close()
        self._connection.close()
        self._sent.close()
        unlocked(self._lock)

    def tidy(self) -> None:
        """Transfer the write-ahead log into the file. It waits for the disk: call it in a thread of its own."""
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # What the store asks for

    def saved(self, limits: Mapping[str, int]) -> Saved:
        """Return where the numbers are and all rows; of the tables in ``limits`` about that many of the newest.

        After a crash the rows are what they were at the last checkpoint. If they cannot be read, a new file is begun.
        Raises :class:`ArchiveError`, and the archive is closed, if it cannot be used now (a full disk).
        """
        try:
            try:
                return self._saved(limits)
            except DAMAGED as error:
                if not is_damage(error):
                    raise
                log.debug("%s: %s", self.path, error)
                self._reading.close()
                self._connection.close()
                self._begin_anew("damaged")
                return self._saved(limits)
        except (OSError, sqlite3.Error, Unfit) as error:
            self._release()
            raise ArchiveError(f"no archive: {self.path} cannot be used ({error})") from None

    def _saved(self, limits: Mapping[str, int]) -> Saved:
        self.facts.begin()
        self._gone = set(self._connection.execute("SELECT tbl, id FROM gone"))
        with self._connection:
            self._go_on()
        self._sent.clear()
        meta = self._meta()
        if "damaged" in meta:
            raise sqlite3.DatabaseError("the previous process found damage that it could not repair")
        epoch, seq = meta.get("epoch", b"").decode() or secrets.token_hex(8), int(meta.get("seq", b"0"))
        found = Saved(epoch, seq, issued=_issued(meta))
        found.counts = msgspec.json.decode(meta.get("counts", b"{}"), type=dict[str, int])
        self._known = None if any(found.counts.values()) else Filter()
        self._base = seq if "base" in meta else None
        for name in TABLES:
            limit = limits.get(name)
            query = f"SELECT seq, row FROM {name} ORDER BY seq"
            if limit is not None and found.counts.get(name, 0) > limit:
                newest = f"SELECT seq, row FROM {name} ORDER BY at DESC LIMIT {limit:d}"
                query = f"SELECT seq, row FROM ({newest}) ORDER BY seq"
                found.cuts[name] = self._one(f"SELECT coalesce(max(seq), 0) FROM {name}")
            found.rows[name] = [(seq, row_of(name, data)) for seq, data in self._connection.execute(query)]
        for name, id, when in self._connection.execute("SELECT tbl, id, seq FROM gone ORDER BY seq"):
            found.gone.setdefault(name, {})[id] = when
        for key, value in meta.items():
            if key.startswith("floor."):
                found.floors[key.removeprefix("floor.")] = int(value)
        with self._connection:
            self._set(epoch=epoch.encode(), seq=str(found.seq).encode(), clean=b"0", machine=machine())
            if self._base is not None:
                self._set(base=str(seq).encode())
        return found

    def _go_on(self) -> None:
        """Begin to issue numbers that nobody has seen, and undo what the last process has left undone.

        Unless the last checkpoint is the last thing that was written, the rows go back to it, under new numbers, and so
        do those that were sent and not written.
        """
        meta = self._meta()
        if "seq" not in meta:
            return
        last, sent = self._sent.since(int(meta["seq"]))
        is_whole = meta.get("clean") == b"1"
        if not is_whole and "base" not in meta:  # the first reading of all was cut short: it begins anew, in a new life
            for name in (*TABLES, "gone"):
                self._connection.execute(f"DELETE FROM {name}")
            self._connection.execute("DELETE FROM meta WHERE name NOT IN ('columns', 'clean')")
            self._gone.clear()
            return
        issued = [*_issued(meta), (int(meta.get("first", b"0")), last)]
        known, here = meta.get("machine"), machine()
        if known and here and known != here:  # copied with a home or an image: where it is from, it may go on too
            issued = []
            self._set(epoch=secrets.token_hex(8).encode())
        seq = _beyond(last)
        if not is_whole or sent:
            seq = self._roll_back(int(meta["seq"] if is_whole else meta["base"]), sent, seq)
            # with the base: who is killed before the rest of the start takes these rows for new ones otherwise
            self._set(base=str(seq).encode())
        self._set(issued=msgspec.json.encode(issued[-STARTS:]), first=str(seq).encode(), seq=str(seq).encode())

    def _roll_back(self, base: int, sent: Iterable[tuple[str, str]], seq: int) -> int:
        """Undo what was written after the number ``base``, and number that and ``sent`` anew.

        The first number is the one after ``seq``; returns the last one.
        """
        before: dict[tuple[str, str], bytes | None] = {}
        for name in TABLES:
            new = self._connection.execute(f"SELECT id FROM {name} WHERE seq > ?", (base,))
            before.update(((name, id), None) for (id,) in new)
        undone = self._connection.execute("SELECT tbl, id, row FROM undo")
        before.update(((name, id), data) for name, id, data in undone)
        for name, id in sent:
            if (name, id) not in before:
                found = self._connection.execute(f"SELECT row FROM {name} WHERE id = ?", (id,)).fetchone()
                before[name, id] = found and found[0]
        for (name, id), data in before.items():
            seq += 1
            if data is None:
                self._connection.execute(f"DELETE FROM {name} WHERE id = ?", (id,))
                self._connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (name, id, seq))
                self._gone.add((name, id))
            else:
                self._connection.execute(_PUT[name], _cells(name, seq, row_of(name, data), data))
                self._connection.execute("DELETE FROM gone WHERE tbl = ? AND id = ?", (name, id))
                self._gone.discard((name, id))
        self._connection.execute("DELETE FROM undo")
        counts = {name: self._one(f"SELECT count(*) FROM {name}") for name in TABLES}
        self._set(counts=msgspec.json.encode(counts))
        return seq

    def get(self, table: str, id: str) -> tuple[int, Row] | None:
        """Return the ``seq`` and the row of an id, as it was written last, or ``None``."""
        if self._known is not None and not self._known.may_have(hash((table, id))):
            return None
        for seq, data in self._needed(f"SELECT seq, row FROM {table} WHERE id = ?", (id,)):
            for row in self._whole(table, [data]):
                return seq, row
        return None

    def _whole(self, table: str, found: Iterable[bytes]) -> Iterator[Row]:
        """Yield rows; those that are damaged are left out, and that is said."""
        for data in found:
            try:
                yield row_of(table, data)
            except DAMAGED as error:
                self._say_damaged(error)

    def _say_damaged(self, error: Exception) -> None:
        self._say(f"rows of {self.path.name} are damaged and left out ({error})")

    def _say(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            log.warning("%s: %s", self.path, problem)

    def since(self, table: str, seq: int) -> list[Row]:
        """Return the rows that changed after ``seq``, oldest change first."""
        found = self._select(self._connection, f"SELECT row FROM {table} WHERE seq > ? ORDER BY seq", (seq,))
        return list(self._whole(table, (data for (data,) in found)))

    def numbered(self, table: str, seq: int, limit: int) -> list[tuple[int, Row]]:
        """Return the first ``limit`` rows that changed after ``seq``, each with its ``seq``, oldest change first."""
        query = f"SELECT seq, row FROM {table} WHERE seq > ? ORDER BY seq LIMIT ?"
        found = self._select(self._connection, query, (seq, limit))
        return [(when, row) for when, data in found for row in self._whole(table, [data])]

    def rows(self, table: str) -> Iterator[Row]:
        """Yield all rows of a table, oldest change first, without holding them all at once."""
        query, last = f"SELECT seq, row FROM {table} WHERE seq > ? ORDER BY seq LIMIT {_AT_ONCE:d}", -1
        while found := self._select(self._connection, query, (last,)):
            yield from self._whole(table, (data for _, data in found))
            last = found[-1][0]

    def newest(self, table: str, limit: int) -> list[Row]:
        """Return the ``limit`` rows that are latest by the table's own time, oldest change first."""
        query = f"SELECT row FROM (SELECT seq, row FROM {table} ORDER BY at DESC LIMIT ?) ORDER BY seq"
        return list(self._whole(table, (data for (data,) in self._select(self._connection, query, (limit,)))))

    def older(self, table: str, limit: int, before: tuple[int, str] | None = None) -> list[Row]:
        """Return up to ``limit`` rows in the order of the table's own time, newest first.

        ``before``: only rows after this time (ms) and id in that order. Rows without a time come last.
        """
        where = "" if before is None else "WHERE (at, id) < (?, ?)"
        query = f"SELECT row FROM {table} {where} ORDER BY at DESC, id DESC LIMIT ?"
        found = self._select(self._connection, query, (*(before or ()), limit))
        return list(self._whole(table, (data for (data,) in found)))

    def nth_newest(self, table: str, number: int) -> tuple[int, str] | None:
        """Return time (ms) and id of the row before which ``number`` come in the order of :meth:`older`."""
        query = f"SELECT at, id FROM {table} ORDER BY at DESC, id DESC LIMIT 1 OFFSET ?"
        return next(iter(self._select(self._connection, query, (number,))), None)

    def later(
        self, table: str, limit: int, after: tuple[int, str] | None, until: int
    ) -> tuple[list[Columns], tuple[int, str] | None]:
        """Return up to ``limit`` rows after a time (ms) and id and not after ``until``, the oldest first.

        Of one time the first change comes first, since ids say nothing of it. ``after=None``: from the beginning. The
        second value is what to go on from, ``None`` at the end.
        """
        where = "" if after is None else "(at, id) > (?, ?) AND"
        query = f"SELECT at, id, seq, row FROM {table} WHERE {where} at <= ? ORDER BY at, id LIMIT ?"
        found = self._select(self._connection, query, (*(after or ()), until, limit))
        last = (found[-1][0], found[-1][1]) if len(found) == limit else None
        found.sort(key=itemgetter(0, 2))
        data = [cells for *_, cells in found]
        try:
            return columns_of(table, data), last
        except DAMAGED:
            return [columns for cells in data for columns in self._columns_of(table, cells)], last

    def _columns_of(self, table: str, data: bytes) -> list[Columns]:
        """Return a row to be encoded; nothing if it is damaged, and that is said."""
        try:
            return columns_of(table, [data])
        except DAMAGED as error:
            self._say_damaged(error)
            return []

    def holding(self, table: str, anchors: tuple[bytes, ...], searched: Iterable[str]) -> Generator[list[Row]]:
        """Yield the rows that hold an anchor in some text, a few at a time, in the order of :meth:`older`.

        The bytes of a row are looked through, in which texts are UTF-8, ASCII letters lowered; only those that hold an
        anchor are decoded. Without an anchor all rows are. Rows that stand in the conversations of agents in
        ``searched`` are left out: the index tells. It has a connection of its own, which no transaction holds up.
        """
        agents = ((number_of(agent),) for agent in (searched if table in SPEAKERS else ()))
        others = " AND ".join(["1", *(f"{column} NOT IN searched" for column in SPEAKERS.get(table, ()))])
        connection = sqlite3.connect(self.path, timeout=5, isolation_level=None, check_same_thread=False)
        with contextlib.closing(connection):
            connection.execute("CREATE TEMP TABLE searched (agent INTEGER PRIMARY KEY)")
            connection.execute("BEGIN")
            connection.executemany("INSERT OR IGNORE INTO searched VALUES (?)", agents)
            connection.execute("COMMIT")
            last: tuple[Any, ...] = ()
            while True:
                where = f"{others} AND (at, id) < (?, ?)" if last else others
                query = f"SELECT at, id, row FROM {table} WHERE {where} ORDER BY at DESC, id DESC LIMIT {LOOKED_AT:d}"
                found = self._select(connection, query, last)
                data = [cells for _, _, cells in found]
                yield list(self._whole(table, data if not anchors else _holding(data, anchors)))
                if len(found) < LOOKED_AT:
                    return
                last = found[-1][:2]

    def ids(self, table: str, prefix: str) -> list[str]:
        """Return the ids of a table that begin with ``prefix``, which is not empty."""
        query = f"SELECT id FROM {table} WHERE id >= ? AND id < ?"
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return [id for (id,) in self._select(self._connection, query, (prefix, end))]

    def note_sent(self, after: int, seq: int, keys: Iterable[tuple[str, str]]) -> None:
        """Write down which rows (table, id) are about to be sent though they are not written yet.

        They are those that changed after the number ``after``, up to ``seq``, and were not written down before.
        """
        self._sent.add(_Note(after, seq, list(keys)))

    def keep_sent(self, after: int, seq: int, keys: Iterable[tuple[str, str]]) -> None:
        """Keep only these rows of what :meth:`note_sent` has written down up to ``seq``.

        They changed after ``after`` and are still not written.
        """
        self._sent.keep(_Note(after, seq, list(keys)))

    def write(
        self,
        seq: int,
        rows: Iterable[tuple[str, int, Row]],
        gone: Iterable[tuple[str, str, int]],
        counts: Mapping[str, int],
    ) -> None:
        """Write changed rows (table, seq, row), removed keys (table, id, seq) and the tables' sizes together.

        A cell that cannot be kept is empty then, a row whose id cannot be is left out, and that is said.
        """
        rows, gone = list(rows), list(gone)
        try:
            self._certain(partial(self._write, seq, _encoded(rows), gone, counts))
        except UNENCODABLE as error:
            fit = [(name, when, _fit(row)) for name, when, row in rows if _is_fit(row["id"])]
            gone = [removed for removed in gone if _is_fit(removed[1])]
            self._certain(partial(self._write, seq, _encoded(fit), gone, counts))
            self._say(f"cells of {self.path.name} that cannot be kept are left empty ({error})")

    def _write(
        self,
        seq: int,
        cells: Mapping[str, list[_Cells]],
        gone: list[tuple[str, str, int]],
        counts: Mapping[str, int],
    ) -> None:
        with self.writing:
            again = []
            if self._gone:
                again = [
                    key for name, values in cells.items() for row in values if (key := (name, row[1])) in self._gone
                ]
            with self._connection:
                for name, values in cells.items():
                    new, old = self._parted(name, values)
                    if self._base is not None:
                        self._note_before(name, self._base, (row[1] for row in old))
                    self._connection.executemany(_ADD[name], new)
                    self._connection.executemany(_PUT[name], old)
                if self._base is not None:
                    for name, id, _ in gone:
                        self._note_before(name, self._base, (id,))
                self._connection.executemany("DELETE FROM gone WHERE tbl = ? AND id = ?", again)
                for name, id, when in gone:
                    self._connection.execute(f"DELETE FROM {name} WHERE id = ?", (id,))
                    self._connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (name, id, when))
                self._set(seq=str(seq).encode(), counts=msgspec.json.encode(counts))
            self._gone.difference_update(again)  # now that it is certain
            self._gone.update((name, id) for name, id, _ in gone)

    def _parted(self, name: str, values: list[_Cells]) -> tuple[list[_Cells], list[_Cells]]:
        """Return the rows that are new, and those that may have been written before; then they may all have been."""
        if (known := self._known) is None:
            return [], values
        parts: tuple[list[_Cells], list[_Cells]] = [], []
        for cells in values:
            parts[known.add(hash((name, cells[1])))].append(cells)
        return parts

    def _note_before(self, name: str, base: int, ids: Iterable[str]) -> None:
        """Keep what rows were at the last checkpoint, before they change for the first time after it.

        Rows that are new since then have no place there: their numbers say that they are.
        """
        query = f"INSERT OR IGNORE INTO undo SELECT ?, id, row FROM {name} WHERE id = ? AND seq <= ?"
        self._connection.executemany(query, ((name, id, base) for id in ids))

    def _select(self, connection: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return what a query finds, as far as it can be read; if that is not all of it, that is said."""
        try:
            return self._mending(lambda: connection.execute(query, values).fetchall())
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._say_damaged(error)
        found = []
        with contextlib.suppress(sqlite3.DatabaseError):  # it was said
            for row in connection.execute(query, values):
                found.append(row)
        return found

    def _needed(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        """Return all that a query finds, for what goes on from it."""
        return self._certain(lambda: self._reading.execute(query, values).fetchall())

    def _certain(self, work: Callable[[], T]) -> T:
        """Do something whole or not at all; if damage prevents it, the next process begins a new file."""
        try:
            return self._mending(work)
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                with contextlib.suppress(sqlite3.Error), self.writing, self._connection:
                    self._set(damaged=b"1")
            raise

    def _mending(self, work: Callable[[], T]) -> T:
        """Do something; if it meets damage, make the indexes anew from the tables and do it once more.

        Damage that was not found at the start is in an index in most cases. If it is met again the tables are damaged:
        the error is raised, and nothing is mended any more.
        """
        try:
            return work()
        except sqlite3.DatabaseError as error:
            if self._given_up or not is_corrupt(error):
                raise
            log.warning("%s: is damaged (%s); its indexes are made anew", self.path, error)
        try:
            with self.writing:
                self._connection.execute("REINDEX")
            return work()
        except sqlite3.DatabaseError as error:
            self._given_up = is_damage(error)
            raise

    # What whoever keeps the readers' memory asks for

    def remember(
        self,
        memory: bytes,
        files: Iterable[tuple[bytes, bytes, bytes | None]] = (),
        forgotten: Iterable[bytes] = (),
        facts: Mapping[str, Iterable[tuple[str, bytes | None]]] | None = None,
    ) -> None:
        """Write a checkpoint: what readers must remember to go on from the rows as they are now, together.

        ``files``: path, state and reader (``None``: as before) of each file that was read since the last one;
        ``forgotten``: paths of those that are not known any more. ``facts``: scope → the entries that changed, ``None``
        for a removed one.
        ``memory`` and readers are signed.
        """
        key = user_key()
        files = list(files)
        readers = [(path, signed(key, reader, path)) for path, _, reader in files if reader is not None]
        states = [(path, state) for path, state, _ in files]
        forgotten = list(forgotten)
        facts = {scope: list(entries) for scope, entries in (facts or {}).items()}

        def write() -> None:
            with self.writing:
                with self._connection:
                    seq = self._meta_one("seq") or b"0"
                    self._set(memory=signed(key, memory), code=code(), base=seq)
                    self._connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?)", states)
                    self._connection.executemany("INSERT OR REPLACE INTO readers VALUES (?, ?)", readers)
                    for path in forgotten:
                        self._connection.execute("DELETE FROM files WHERE path = ?", (path,))
                        self._connection.execute("DELETE FROM readers WHERE path = ?", (path,))
                    self.facts.write(facts)
                    for name in ("undo", "formerly"):
                        self._connection.execute(f"DELETE FROM {name}")
                    self._prune()
                self._base = int(seq)

        self._certain(write)

    def recall(self) -> Remembered | None:
        """Return what was remembered last; ``None`` if there is nothing, or nothing that may be taken."""
        data = self._meta_one("memory")
        if data is None:
            return None
        memory = checked(user_key(), data)
        if memory is None:
            log.warning("%s: the readers' memory is not signed by this user: all files are read again", self.path)
            return None
        if self._meta_one("code") != code():
            return None  # another version reads differently
        return Remembered(memory, self._select(self._connection, "SELECT path, state FROM files"))

    def reader(self, path: bytes) -> bytes | None:
        """Return what the reader of a file remembers; ``None`` if that is not known or may not be taken."""
        found = self._needed("SELECT data FROM readers WHERE path = ?", (path,))
        return checked(user_key(), found[0][0], path) if found else None

    def forget(self) -> None:
        """Forget all that readers remembered, but for lasting facts and :meth:`formerly`; the rows stay."""
        with self.writing, self._connection:
            self._connection.execute("INSERT OR REPLACE INTO formerly SELECT path, state FROM files")
            for name in ("files", "readers"):
                self._connection.execute(f"DELETE FROM {name}")
            self._connection.execute("DELETE FROM meta WHERE name IN ('memory', 'code')")
            self.facts.clear()

    def formerly(self) -> list[tuple[bytes, bytes]]:
        """Return path and state of the files that were known before :meth:`forget`, until the next checkpoint."""
        return self._select(self._connection, "SELECT path, state FROM formerly")

    def before(self, table: str, at: int, limit: int) -> list[str]:
        """Return the ids of up to ``limit`` rows whose own time is before ``at`` (ms), the oldest first."""
        query = f"SELECT id FROM {table} WHERE at > 0 AND at < ? ORDER BY at LIMIT ?"
        return [id for (id,) in self._select(self._connection, query, (at, limit))]

    # Inside

    def _prune(self) -> None:
        """Forget the oldest removed keys past the bound, and remember up to which number they are forgotten."""
        for name, count in self._connection.execute("SELECT tbl, count(*) FROM gone GROUP BY tbl").fetchall():
            if count > TOMBSTONES:
                query = "SELECT seq FROM gone WHERE tbl = ? ORDER BY seq DESC LIMIT 1 OFFSET ?"
                floor = self._one(query, (name, TOMBSTONES))
                self._connection.execute("DELETE FROM gone WHERE tbl = ? AND seq <= ?", (name, floor))
                self._set(**{f"floor.{name}": str(floor).encode()})

    def _meta(self) -> dict[str, bytes]:
        return dict(self._connection.execute("SELECT name, value FROM meta WHERE name != 'memory'"))

    def _meta_one(self, name: str) -> bytes | None:
        found = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else bytes(found[0])

    def _set(self, **values: bytes) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def _one(self, query: str, values: tuple[Any, ...] = ()) -> int:
        return int(self._connection.execute(query, values).fetchone()[0])


class Remembered(NamedTuple):
    """What a checkpoint holds beside facts and readers, which are asked for one by one."""

    memory: bytes
    files: list[tuple[bytes, bytes]]
    """Path and state of each file."""


def _issued(meta: Mapping[str, bytes]) -> list[tuple[int, int]]:
    """Return which numbers earlier processes have issued: the first and the last of each."""
    return msgspec.json.decode(meta.get("issued", b"[]"), type=list[tuple[int, int]])


def _beyond(seq: int) -> int:
    """Return a number far after ``seq``, from which on a process issues its own.

    It is 2**34 to 2**35 further at first: of two processes that went on from one backup, and issued a million numbers
    each, both have issued one with a probability of 1 in 16,000. The gap is a part of the numbers that are left, so
    that they last for eight million starts.
    """
    gap = max(1, (NUMBERS - seq) >> 19)
    return seq + gap + secrets.randbelow(gap)


class _Note(NamedTuple):
    """Rows (table, id) that changed after the number ``after``, up to ``seq``, but those in earlier notes."""

    after: int
    seq: int
    keys: list[tuple[str, str]]


class _Sent:
    """The rows (table, id) that were sent and are not written yet: a file beside the archive, a line for each answer.

    To append to it takes a hundredth of the time of a transaction, and an answer waits for it.
    """

    def __init__(self, path: Path) -> None:
        self._path = f"{path}.sent"
        self._descriptor = self._open(self._path)

    @staticmethod
    def _open(path: str) -> int:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def add(self, note: _Note) -> None:
        """Write down some more rows. Raises ``OSError``."""
        self._write(self._descriptor, note)

    @staticmethod
    def _write(descriptor: int, note: _Note) -> None:
        data = b"\n" + msgspec.json.encode(note)  # before it, so that one that was cut short spoils no other
        if os.write(descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def clear(self) -> None:
        """Forget all rows. Raises ``OSError``."""
        os.ftruncate(self._descriptor, 0)

    def keep(self, note: _Note) -> None:
        """Forget all but the rows of this note, if it is time to: to send a row once more does no harm.

        A crash leaves the old file or the new one. Raises ``OSError``.
        """
        if not note.keys:
            self.clear()
            return
        if os.fstat(self._descriptor).st_size < SENT_BYTES:
            return
        draft = f"{self._path}.new"
        descriptor = self._open(draft)
        try:
            os.ftruncate(descriptor, 0)  # one that a crash left
            self._write(descriptor, note)
            os.replace(draft, self._path)
        except OSError:
            os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = descriptor

    def since(self, written: int) -> tuple[int, list[tuple[str, str]]]:
        """Return up to which number rows were sent, and which of them are not among those written up to ``written``.

        A line that was cut short has not been sent. What does not join on to ``written`` is from later than an archive
        that was put back.
        """
        found: dict[tuple[str, str], None] = {}
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            for line in file:
                with contextlib.suppress(msgspec.DecodeError):
                    note = msgspec.json.decode(line, type=_Note)
                    if note.after <= written:
                        written = max(written, note.seq)
                        found.update(dict.fromkeys(note.keys))
        return written, [(name, id) for name, id in found if name in TABLES]

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
