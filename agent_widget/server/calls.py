"""Runs what clients ask for off the event loop, so that nobody's questions hold up another's.

Queries and searches may take seconds: they have few threads of their own, and each client one of them at a time, so
that everything else is answered meanwhile and clients take turns. Changes may wait for a lock: they have threads of
their own too, and one client's are made one after the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Final

from .. import protocol
from ..protocol import ProtocolError
from ..sources import changes
from .asked import Asked

log = logging.getLogger("agent_widget")

HEAVY: Final = frozenset({"sql", "search"})
"""Methods that may take seconds."""
HEAVY_THREADS: Final = 2
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


class Pools:
    """The threads of a server that answer calls."""

    def __init__(self) -> None:
        self._heavy = ThreadPoolExecutor(HEAVY_THREADS, "agent-widget heavy call")
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
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(pool, copy_context().run, method, server, params)

            followed = server.followed
            result = await (here(call.params) if followed is None else followed.answer(call.method, call.params, here))
            return protocol.Reply(call.rid, True, result)
        except ProtocolError as error:
            return failure(call, error.code, error.message, error.details)
        except Exception as fault:
            log.exception("%s failed", call.method)
            what = f"{call.method} failed ({type(fault).__name__}: {fault}); the server's log says more"
            return failure(call, "failed", what)

    def close(self) -> None:
        """Begin nothing more."""
        for pool in (self._heavy, self._writing, self._light):
            pool.shutdown(wait=False, cancel_futures=True)


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
