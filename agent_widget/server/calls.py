"""Runs what clients ask for off the event loop, so that nobody's questions hold up another's.

Queries and searches may take seconds: they have few threads of their own, and each client one of them at a time, so
that everything else is answered meanwhile. A query that is not over in a moment is given up and begun again on other
threads, where the client goes first whose last long query ended first: so a short question never waits for long ones,
and a long one for at most the rest of one while nobody else waits. Changes may wait for a lock: they have threads of
their own too, and one client's are made one after the other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any, Final

from .. import protocol
from ..protocol import ProtocolError
from ..sources import changes
from .asked import ASKING, Asked, Asking, OutOfTime

log = logging.getLogger("agent_widget")

HEAVY: Final = frozenset({"sql", "search"})
"""Methods that may take seconds."""
HEAVY_THREADS: Final = 2
LONG_THREADS: Final = 2
MOMENT: Final = 1.0
"""Seconds after which a query is a long one."""
WRITING_THREADS: Final = 8
LIGHT_THREADS: Final = 4
AT_ONCE: Final = 4
"""Calls of one client that run at one time, beside a heavy one and a change."""
PENDING: Final = 64
"""Calls of one client that wait or run; further ones are refused."""


Method = Callable[[Asked, Mapping[str, Any]], Any]


def _methods() -> Mapping[str, Method]:
    """Return what answers calls, which takes a moment to import."""
    from .methods import METHODS

    return METHODS


class Turns:
    """Threads for long queries, and the clients that wait for one."""

    def __init__(self, threads: int) -> None:
        self._free = threads
        self._waiting: list[tuple[Asking, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def turn(self, client: Asking) -> AsyncIterator[None]:
        """Wait until it is the client's turn: of those who wait, the one goes first that has rested for longest."""
        if self._free:
            self._free -= 1
        else:
            entry = client, asyncio.get_running_loop().create_future()
            self._waiting.append(entry)
            try:
                await entry[1]
            except asyncio.CancelledError:  # it has gone, perhaps with its turn
                if not entry[1].cancelled():
                    self._pass_on()
                raise
        try:
            yield
        finally:
            client.rests_since = time.monotonic()
            self._pass_on()

    def _pass_on(self) -> None:
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]
        if not self._waiting:
            self._free += 1
            return
        min(self._waiting, key=lambda entry: entry[0].rests_since)[1].set_result(None)


class Pools:
    """The threads of a server that answer calls."""

    def __init__(self) -> None:
        self._heavy = ThreadPoolExecutor(HEAVY_THREADS, "agent-widget heavy call")
        self._long = ThreadPoolExecutor(LONG_THREADS, "agent-widget long call")
        self._turns = Turns(LONG_THREADS)
        self._writing = ThreadPoolExecutor(WRITING_THREADS, "agent-widget change")
        self._light = ThreadPoolExecutor(LIGHT_THREADS, "agent-widget call")
        self._methods: Mapping[str, Method] | None = None

    async def answer(self, server: Asked, call: protocol.Call) -> protocol.Reply:
        """Return the reply to a call, whatever goes wrong."""
        if self._methods is None:
            self._methods = await asyncio.get_running_loop().run_in_executor(self._light, _methods)
        method = self._methods.get(call.method)
        if method is None:
            known = ", ".join(self._methods)
            return failure(call, "unknown_method", f"unknown method {call.method!r}; there is {known}")
        pool = {"heavy": self._heavy, "writing": self._writing}.get(_kind(call.method), self._light)
        try:

            async def here(params: Mapping[str, Any]) -> Any:
                if call.method == "sql":
                    return await self._query(method, server, params)
                return await _run(pool, method, server, params)

            followed = server.followed
            if followed is None:
                result = await here(call.params)
            else:
                result = await followed.answer(call.method, call.params, here, ASKING.get().name)
            return protocol.Reply(call.rid, True, result)
        except ProtocolError as error:
            return failure(call, error.code, error.message, error.details)
        except Exception as fault:
            log.exception("%s failed", call.method)
            what = f"{call.method} failed ({type(fault).__name__}: {fault}); the server's log says more"
            return failure(call, "failed", what)

    async def _query(self, method: Method, server: Asked, params: Mapping[str, Any]) -> Any:
        """Answer a query: in a moment, or when it is its client's turn."""
        wanted = params.get("timeout", float("inf"))
        if isinstance(wanted, (int, float)) and wanted > MOMENT:
            try:
                return await _run(self._heavy, method, server, {**params, "timeout": MOMENT})
            except OutOfTime:
                async with self._turns.turn(ASKING.get()):
                    return await _run(self._long, method, server, params)
        return await _run(self._heavy, method, server, params)

    def close(self) -> None:
        """Begin nothing more."""
        for pool in (self._heavy, self._long, self._writing, self._light):
            pool.shutdown(wait=False, cancel_futures=True)


async def _run(pool: ThreadPoolExecutor, method: Method, server: Asked, params: Mapping[str, Any]) -> Any:
    return await asyncio.get_running_loop().run_in_executor(pool, copy_context().run, method, server, params)


def failure(call: protocol.Call, code: str, message: str, details: dict[str, Any] | None = None) -> protocol.Reply:
    """Return the reply to a call that failed."""
    return protocol.Reply(call.rid, False, error=protocol.Failure(code, message, details))


def _kind(method: str) -> str:
    return "heavy" if method in HEAVY else "writing" if method in changes.METHODS else "light"


class Calls:
    """The calls of one client: some run at one time, the others wait for their turn."""

    def __init__(
        self,
        answer: Callable[[protocol.Call], Awaitable[protocol.Reply]],
        reply: Callable[[protocol.Reply], Awaitable[None]],
    ) -> None:
        self._answer = answer
        self._reply = reply
        at_once = {"heavy": 1, "writing": 1, "light": AT_ONCE}
        self._turns = {kind: asyncio.Semaphore(count) for kind, count in at_once.items()}
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, call: protocol.Call) -> None:
        """Answer a call when it is its turn; replies come in the order in which they are ready."""
        if len(self._running) >= PENDING:
            await self._reply(failure(call, "busy", f"{PENDING} calls of this client wait already"))
            return
        running = asyncio.create_task(self._run(call))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _run(self, call: protocol.Call) -> None:
        async with self._turns[_kind(call.method)]:
            await self._reply(await self._answer(call))

    def cancel(self) -> None:
        """Drop what waits; the client is gone."""
        for running in tuple(self._running):
            running.cancel()
