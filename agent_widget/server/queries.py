"""Answers SQL in processes of its own, so that a query can always be ended, and takes nothing of the server with it.

DuckDB looks for an interrupt between two steps only, and one step may take minutes and much memory. A process that
answers queries (:mod:`.query_process`) is started when the first one comes, waits for more for a while, and is ended
when a query goes on after its time or when the client that asked is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from ..data import sql
from ..store import Store
from .query_process import Query, Said, ask, take

if TYPE_CHECKING:
    import pyarrow

GRACE: Final = 15.0
"""Seconds after the time of a query until its process is ended, if it did not say that it is out of time."""
IDLE: Final = 60.0
"""Seconds for which a process waits for another query."""


class Client(Protocol):
    """Who asks."""

    is_gone: bool

    def runs(self, process: Process | None) -> None:
        """Take in which process answers its query; it is ended when the client goes."""


class Queries:
    """Processes that answer queries: as many as there are threads that ask at the same time. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Process]] = []
        self._all: set[Process] = set()
        self._closed = False
        self._timer: threading.Timer | None = None

    def answer(self, store: Store, query: str, client: Client, *, timeout: float, limit: int) -> bytes:
        """Return what a query answers, as JSON (:func:`agent_widget.data.sql.reply`).

        Raises what :func:`agent_widget.data.sql.run` raises.
        """
        sql.check(query, timeout, limit)
        tables = sql.named(store, query)
        asked = Query(query, timeout, limit, list(tables), sum(table.nbytes for table in tables.values()))
        while True:
            process, is_new = self._taken()
            client.runs(process)
            try:
                said = process.ask(asked, tables)
            except BaseException:  # it was given a part of what it waits for
                self._end(process)
                raise
            finally:
                client.runs(None)
            if said is not None and not said.ends:
                self._give_back(process)
            else:
                self._end(process)
            if said is not None:
                return _result(said)
            if is_new or client.is_gone or self._closed:
                raise sql.SqlError("the process that answers the query was ended; ask for less at once")

    def close(self) -> None:
        """End all of them, and what they are at."""
        with self._lock:
            self._closed = True
            self._idle.clear()
            if self._timer is not None:
                self._timer.cancel()
            processes = tuple(self._all)
        for process in processes:
            self._end(process)

    def _taken(self) -> tuple[Process, bool]:
        """Return a process that has nothing to do, and whether it was started for that."""
        with self._lock:
            if self._idle:
                return self._idle.pop()[1], False
            if self._closed:
                raise sql.SqlError("the server is ending")
            process = Process()
            self._all.add(process)
            return process, True

    def _give_back(self, process: Process) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append((time.monotonic(), process))
                self._expect_rest()
                return
        self._end(process)

    def _expect_rest(self) -> None:
        """Look in a while which of them had nothing to do."""
        if self._timer is None:
            self._timer = threading.Timer(IDLE, self._rest)
            self._timer.daemon = True
            self._timer.start()

    def _rest(self) -> None:
        with self._lock:
            self._timer = None
            since = time.monotonic() - IDLE
            over = [process for at, process in self._idle if at <= since]
            self._idle = [(at, process) for at, process in self._idle if at > since]
            if self._idle and not self._closed:
                self._expect_rest()
        for process in over:
            self._end(process)

    def _end(self, process: Process) -> None:
        process.kill()
        process.wait()
        with self._lock:
            self._all.discard(process)


class Process:
    """One of them."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", f"{__package__}.query_process"]
        # Arrow's own pools reserve a gigabyte, which counts as memory that is held
        environment = {
            **os.environ,
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def ask(self, query: Query, tables: Mapping[str, pyarrow.Table]) -> Said | None:
        """Return how a query ended, ``None`` if the process did."""
        overdue = threading.Timer(query.timeout + GRACE, self.kill)
        overdue.daemon = True
        overdue.start()
        try:
            ask(cast(BinaryIO, self._process.stdin), query, tables)
            return take(cast(BinaryIO, self._process.stdout))
        except (OSError, ValueError):  # it had ended before, or ends meanwhile
            return None
        finally:
            overdue.cancel()

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()

    def wait(self) -> None:
        """Wait until it has ended, and leave nothing of it."""
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast(BinaryIO, stream).close()


def _result(said: Said) -> bytes:
    if said.kind == "answered":
        return said.text
    text = said.text.decode()
    if said.kind == "failed":
        raise RuntimeError(text)
    raise sql.OutOfTime(text) if said.kind == "late" else sql.SqlError(text)
