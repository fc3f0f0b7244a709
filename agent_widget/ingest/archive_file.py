"""The file that an archive is in: where it lies, whose it is, its tables in each version, and what of it is damaged."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import cache
from itertools import starmap
from pathlib import Path
from typing import Any, Final

import msgspec
from platformdirs import user_state_path

from ..store import Columns, Row
from ..tables import TABLES
from .conversation_rows import SPEAKERS, numbers_of
from .facts import FACTS

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("agent_widget")

FORMAT: Final = 4
"""Version of the file format. A file with a newer one is set aside."""
_AT_ONCE: Final = 1000
"""Rows of an older version that are brought to this one at a time."""
LOG_PAGES: Final = 16_384
"""Pages of the write-ahead log (64 MiB) after which the next write transfers them itself (``Archive.tidy``)."""

COLUMNS: Final = {name: [column.name for column in table.columns] for name, table in TABLES.items()}
"""The columns of each table, in the order in which an archive keeps their cells."""
encode_cells: Final = msgspec.msgpack.Encoder().encode
decode_cells: Final = msgspec.msgpack.Decoder(list[Any]).decode
_decode_rows: Final = msgspec.msgpack.Decoder(list[list[Any]]).decode


class ArchiveError(Exception):
    """The archive cannot be used; the message says why, and what happens instead."""


def directory() -> Path:
    """Return this user's directory for archives (``$XDG_STATE_HOME/agent-widget`` on Linux)."""
    return user_state_path("agent-widget", appauthor=False)


def default_path(roots: Iterable[Path], *, masking: bool = True) -> Path:
    """Return where the archive of these roots is: one file for each set of roots, masked or not."""
    names = sorted(str(root) for root in roots) + ([] if masking else ["unmasked"])
    digest = hashlib.blake2b("\0".join(names).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return directory() / f"archive-{digest}.sqlite3"


def machine() -> bytes:
    """Return what tells this machine from others; nothing where the system does not say it (machine-id(5))."""
    try:
        id = Path("/etc/machine-id").read_bytes().strip()
    except OSError:
        return b""
    return id and hashlib.blake2b(id, digest_size=8, person=b"agent-widget").hexdigest().encode()  # it is confidential


def archive_size(path: Path) -> int:
    """Return the bytes on disk of the archive at ``path``, with its write-ahead log; 0 if there is none."""
    return sum(_size(Path(f"{path}{suffix}")) for suffix in ("", "-wal"))


def locked(path: Path) -> int | None:
    """Take the archive for this process: the system gives it back however the process ends."""
    if fcntl is None:
        return None
    lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise ArchiveError(
            f"another server keeps the archive of these roots ({path}); this one reads the files and keeps nothing"
        ) from None
    except OSError:  # a file system without locks: SQLite's own have to do
        pass
    return lock


def unlocked(lock: int | None) -> None:
    """Give back what :func:`locked` returned."""
    if lock is not None:
        os.close(lock)


DAMAGED: Final = (sqlite3.DatabaseError, msgspec.MsgspecError, ValueError, TypeError, KeyError)
"""What reading a file raises in which bytes have changed."""


def is_damage(error: Exception) -> bool:
    """Return whether one of :data:`DAMAGED` says so, and not that the file cannot be used now: a full disk, a lock."""
    if not isinstance(error, sqlite3.OperationalError):
        return True
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # there is none for text that is no UTF-8
    # no such column; and what the file's header may say of it
    return code & 0xFF in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_READONLY)


def is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Return whether SQLite met a page that cannot be right."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Unfit(Exception):
    """A file that is no archive of ours any more, or not yet."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def connected(path: Path) -> sqlite3.Connection:
    """Open the file and bring it to this version's tables. Raises :class:`Unfit` for one to set aside."""
    new = not path.exists()
    if new:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    elif 0 < path.stat().st_size < 512:  # SQLite would take it for a new one
        raise Unfit("damaged")
    connection = sqlite3.connect(path, timeout=5, check_same_thread=False, cached_statements=256)
    try:
        if not new:
            os.chmod(path, 0o600)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > FORMAT:
            raise Unfit("of-a-newer-version")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES:d}")
        with connection:
            connection.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")
            keys = "tbl TEXT, id TEXT, seq INTEGER, PRIMARY KEY (tbl, id)"
            connection.execute(f"CREATE TABLE IF NOT EXISTS gone ({keys}) WITHOUT ROWID")
            keys = "tbl TEXT, id TEXT, row BLOB, PRIMARY KEY (tbl, id)"
            connection.execute(f"CREATE TABLE IF NOT EXISTS undo ({keys}) WITHOUT ROWID")
            connection.execute("CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, state BLOB) WITHOUT ROWID")
            connection.execute("CREATE TABLE IF NOT EXISTS readers (path BLOB PRIMARY KEY, data BLOB)")
            connection.execute("CREATE TABLE IF NOT EXISTS formerly (path BLOB PRIMARY KEY, state BLOB) WITHOUT ROWID")
            if 0 < version < 3:
                connection.execute("DROP TABLE IF EXISTS facts")
            for statement in FACTS:
                connection.execute(statement)
            for name in TABLES:  # a row that changes goes to the end, as in the store
                speakers = "".join(f", {column} INTEGER NOT NULL DEFAULT 0" for column in SPEAKERS.get(name, ()))
                columns = "seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, at INTEGER NOT NULL, row BLOB NOT NULL"
                connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns}{speakers})")
            _migrate(connection)
            if 0 < version < 4:
                _add_speakers(connection)
            for name in TABLES:
                keys = ", ".join(("at", "id", *SPEAKERS.get(name, ())))
                connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_at ON {name} ({keys})")
            if 0 < version < 3:  # other checkpoints: the rows stay as they are, all files are read again
                connection.execute("DELETE FROM undo")
                connection.execute("DELETE FROM meta WHERE name IN ('memory', 'code')")
                connection.execute(
                    "UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'seq') WHERE name = 'base'"
                )
            connection.execute(f"PRAGMA user_version = {FORMAT:d}")
    except DAMAGED as error:
        connection.close()
        if not is_damage(error):
            raise
        raise Unfit("damaged") from None
    except Unfit:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    """Rewrite the rows of tables whose columns have changed; new columns are null in old rows."""
    found = connection.execute("SELECT value FROM meta WHERE name = 'columns'").fetchone()
    known: dict[str, list[str]] = msgspec.json.decode(found[0]) if found else COLUMNS
    for name, columns in COLUMNS.items():
        before = known.get(name, columns)
        if before != columns:
            for seq, data in connection.execute(f"SELECT seq, row FROM {name}").fetchall():
                row = _rewritten(data, before, columns)
                connection.execute(f"UPDATE {name} SET row = ? WHERE seq = ?", (row, seq))
            for id, data in connection.execute("SELECT id, row FROM undo WHERE tbl = ?", (name,)).fetchall():
                if data is not None:
                    row = _rewritten(data, before, columns)
                    connection.execute("UPDATE undo SET row = ? WHERE tbl = ? AND id = ?", (row, name, id))
    encoded = msgspec.json.encode(COLUMNS)
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('columns', ?)", (encoded,))


def _add_speakers(connection: sqlite3.Connection) -> None:
    """Add the numbers of agents (:mod:`.conversation_rows`) to rows of before version 4; also if that was cut short."""
    for name, columns in SPEAKERS.items():
        connection.execute(f"DROP INDEX IF EXISTS {name}_at")
        there = {column for _, column, *_ in connection.execute(f"PRAGMA table_info({name})")}
        for column in [column for column in columns if column not in there]:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
        query = f"UPDATE {name} SET {', '.join(f'{column} = ?' for column in columns)} WHERE seq = ?"
        last = 0
        while found := connection.execute(
            f"SELECT seq, row FROM {name} WHERE seq > ? ORDER BY seq LIMIT {_AT_ONCE:d}", (last,)
        ).fetchall():
            last = found[-1][0]
            connection.executemany(query, [(*numbers_of(name, row_of(name, data)), seq) for seq, data in found])


def _rewritten(data: bytes, before: list[str], columns: list[str]) -> bytes:
    """Return a row of the columns ``before`` as one of ``columns``."""
    cells = dict(zip(before, decode_cells(data), strict=True))
    return encode_cells([cells.get(column) for column in columns])


def set_aside(path: Path, what: str) -> str:
    """Rename an archive and the files that belong to it; return what is to be said of it."""
    aside = path.with_name(f"{path.name}.{what}-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}")
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    problem = f"the archive was {what}; it is now {aside.name}, and all files are read again"
    log.warning("%s: %s", path, problem)
    return problem


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@cache
def _decoder(table: str) -> Callable[[bytes], Any]:
    """Return what decodes the cells of a row of a table: to a struct, which is faster than to a list."""
    fields = [(column, Any) for column in COLUMNS[table]]
    struct = msgspec.defstruct(table, fields, array_like=True, gc=False, forbid_unknown_fields=True)
    return msgspec.msgpack.Decoder(struct).decode


def row_of(table: str, data: bytes) -> Row:
    """Return the row of a table whose cells are encoded in ``data``."""
    return Row(msgspec.structs.asdict(_decoder(table)(data)))


@cache
def _columns(table: str) -> Callable[..., Any]:
    """Return what makes a row of its cells that is encoded as a row is: half the work of making a dict of them."""
    return msgspec.defstruct(table, [(column, Any) for column in COLUMNS[table]], gc=False)


def columns_of(table: str, found: list[bytes]) -> list[Columns]:
    """Return the rows of a table whose cells are encoded in ``found``, to be encoded again.

    They are decoded together, as one array of MessagePack (its specification, "array format family").
    """
    cells = _decode_rows(b"\xdd" + len(found).to_bytes(4) + b"".join(found))
    return list(starmap(_columns(table), cells))
