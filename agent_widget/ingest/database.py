"""Rows from an SQLite file that somebody else is writing.

The file is opened read-only for each reading and closed again: never ``immutable`` (that would leave out what is
only in the write-ahead log), and never for long (a reader that stays keeps the writer from tidying up its log).
Which rows are wanted is the source's business: it is handed :data:`Ask` and keeps its own cursors.

Changes show in the file or in its ``-wal``; the ``-shm`` beside them is touched by reading too, so it
is no sign of a change.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ..sources.base import Item, Query
from .links import refusal
from .tail import Unreadable

BATCH: Final = 500
"""Maximum rows or records per portion."""
BUSY_SECONDS: Final = 0.05
"""Seconds for which a locked database is waited for; after that others have their turn, and it is tried again later."""
PORTION_SECONDS: Final = 0.01

Stamp = tuple[int, int, int]
UNKNOWN: Final = (0, -1, 0)
"""The stamp of what is there, or may be there, and cannot be looked at."""


def main_file(path: Path) -> Path | None:
    """Return the database that ``path`` is the write-ahead log of; ``None`` for any other file."""
    return path.with_name(path.name[:-4]) if path.name.endswith("-wal") else None


def written_at(status: os.stat_result) -> int:
    """Return when a file was written (ns), as a number of 64 bits, which is all that an archive keeps.

    Some file systems have times beyond the year 2262 (tmpfs, Btrfs), and any program can set one (utimensat(2)).
    """
    return max(-(2**63), min(2**63 - 1, status.st_mtime_ns))


def stamp(path: Path) -> Stamp | None:
    """Return inode, size and time of writing (ns) of a database and its log together; it changes with every commit."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return UNKNOWN
    size, written = status.st_size, written_at(status)
    try:
        log = os.stat(f"{path}-wal")
    except OSError:
        return status.st_ino, size, written
    if log.st_size:  # an empty one comes from opening the database, maybe by us
        size, written = size + log.st_size, max(written, written_at(log))
    return status.st_ino, size, written


def read(path: Path, root: Path, query: Query) -> Iterator[list[Item]]:
    """Yield what ``query`` makes of the rows it asks for, in portions.

    Raises :class:`FileNotFoundError`, and :class:`Unreadable` if the database cannot be read now.
    """
    try:
        # looked at, not opened: closing a file drops the locks that any SQLite in this process holds on it
        real = os.path.realpath(path, strict=True)
        refused = refusal(path, real, root)
        regular = stat.S_ISREG(os.stat(real).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(str(path)) from None
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from None
    if refused:
        raise Unreadable(refused)
    if not regular:
        raise Unreadable("not a regular file")
    try:
        with ExitStack() as stack:
            connection = sqlite3.connect(
                _uri(real, stack), uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            stack.enter_context(closing(connection))
            connection.text_factory = lambda text: text.decode("utf-8", "replace")

            def ask(sql: str, **parameters: Any) -> Iterator[tuple[Any, ...]]:
                cursor = connection.execute(sql, parameters)
                while rows := cursor.fetchmany(BATCH):
                    yield from rows

            yield from _portions(query(ask))
    except sqlite3.Error as error:
        raise Unreadable(f"cannot be read as a database now ({error})") from None


def _uri(real: str, stack: ExitStack) -> str:
    """Return the address under which SQLite can read a database.

    A write-ahead log needs a file beside it, which cannot be made on a read-only mount: there the database is read as
    it is if its log is empty, and else a copy of both, which goes with the stack.
    """
    if not is_read_only(os.path.dirname(real)):
        return f"file:{quote(os.fsencode(real))}?mode=ro"
    log = f"{real}-wal"
    if not os.path.exists(log) or os.path.getsize(log) == 0:
        return f"file:{quote(os.fsencode(real))}?mode=ro&immutable=1"
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="agent-widget-"))
    copied = os.path.join(directory, "copy.db")
    shutil.copyfile(real, copied)
    shutil.copyfile(log, f"{copied}-wal")
    return f"file:{quote(os.fsencode(copied))}"


def is_read_only(directory: str) -> bool:
    """Return whether no file can be made in a directory."""
    return not os.access(directory, os.W_OK)


def _portions(items: Iterable[Item | None]) -> Iterator[list[Item]]:
    portion: list[Item] = []
    until = time.monotonic() + PORTION_SECONDS
    for item in items:
        if item is not None:
            portion.append(item)
        if len(portion) >= BATCH or time.monotonic() >= until:
            yield portion
            portion = []
            until = time.monotonic() + PORTION_SECONDS
    if portion:
        yield portion
