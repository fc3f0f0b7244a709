"""A process that answers queries: ``python -m agent_widget.server.query_process``, started by :mod:`.queries`.

On its standard input it is given one query after the other with the tables that it is about (:func:`ask`), and writes
an answer to each (:func:`take`). Some functions of DuckDB cannot be interrupted: when one goes on after its time, the
process says so and ends, and the function with it. It ends with its standard input.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import msgspec

from ..data import sql
from ..data.files import json_bytes

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import pyarrow

MEMORY: Final = 1536 * 1024 * 1024
"""Maximum bytes that a process may take beside the tables: DuckDB does not count what a function makes."""
_HEAD: Final = struct.Struct("<Q")
_INTERRUPTED: Final = 0.5
"""Seconds in which a query that is out of time has to end."""


class Query(msgspec.Struct, array_like=True):
    """What is asked; the tables follow, in this order."""

    query: str
    timeout: float
    limit: int
    tables: list[str]
    size: int
    """Bytes of the tables."""


class Said(msgspec.Struct, array_like=True):
    """How it ended. ``text``: the answer as JSON (:func:`agent_widget.data.sql.reply`), or the error."""

    kind: Literal["answered", "refused", "late", "failed"]
    text: bytes
    ends: bool = False
    """Whether the process ends now: what it runs cannot be interrupted, or it keeps much memory."""


_asked: Final = msgspec.msgpack.Decoder(Query).decode
_said: Final = msgspec.msgpack.Decoder(Said).decode


def ask(stream: BinaryIO, query: Query, tables: Mapping[str, pyarrow.Table]) -> None:
    """Write a query and its tables."""
    import pyarrow

    _send(stream, query)
    for name in query.tables:
        with pyarrow.ipc.new_stream(stream, tables[name].schema) as rows:
            rows.write_table(tables[name])
    stream.flush()


def take(stream: BinaryIO) -> Said | None:
    """Return the answer to a query, ``None`` if the process has ended."""
    data = _receive(stream)
    return None if data is None else _said(data)


def _send(stream: BinaryIO, message: Query | Said) -> None:
    data = msgspec.msgpack.encode(message)
    stream.write(_HEAD.pack(len(data)))
    stream.write(data)


def _receive(stream: BinaryIO) -> bytes | None:
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    (size,) = _HEAD.unpack(head)
    data = stream.read(size)
    return data if len(data) == size else None


def _answer(query: Query, tables: Mapping[str, Any]) -> Said:
    try:
        return Said(
            "answered", json_bytes(sql.reply(sql.answer(lambda: tables, query.query, query.timeout, query.limit)))
        )
    except sql.OutOfTime as error:
        runs_on = error.ended is not None and not error.ended.wait(_INTERRUPTED)
        return Said("late", str(error).encode(), runs_on)
    except sql.SqlError as error:
        return Said("refused", str(error).encode())
    except Exception as fault:  # as in the server: whatever goes wrong is an answer
        return Said("failed", f"{type(fault).__name__}: {fault}".encode("utf-8", "replace"))


def _holds() -> int:
    """Return how many bytes of its memory this process has; 0 where that is not known (not Linux)."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[5]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _bound(memory: int) -> None:
    """Let this process take so many bytes, or as many as the system allows it."""
    if resource is not None:
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        soft = memory if most == resource.RLIM_INFINITY else min(memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, most))


def _read(stream: BinaryIO, queries: SimpleQueue[tuple[Query, dict[str, Any]]]) -> None:
    """Take in queries until there are no more, and end then, whatever runs."""
    import pyarrow

    try:
        while (data := _receive(stream)) is not None:
            query = _asked(data)
            _bound(MEMORY + query.size)
            queries.put((query, {name: pyarrow.ipc.open_stream(stream).read_all() for name in query.tables}))
    except Exception:  # the server finds that there is no answer
        traceback.print_exc()
    os._exit(0)


def main() -> None:
    """Answer queries until there are no more."""
    import duckdb  # noqa: F401
    import pyarrow.ipc  # noqa: F401  # both take a while, which somebody waits for

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    if hasattr(os, "nice"):
        os.nice(5)  # what happens now comes first
    queries = SimpleQueue[tuple[Query, dict[str, Any]]]()
    threading.Thread(target=_read, args=(sys.stdin.buffer, queries), daemon=True).start()
    while True:
        said = _answer(*queries.get())
        said.ends = said.ends or said.kind == "failed" or _holds() > MEMORY // 2
        try:
            _send(sys.stdout.buffer, said)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the server has ended
            os._exit(1)
        if said.ends:
            os._exit(0)


if __name__ == "__main__":
    main()
