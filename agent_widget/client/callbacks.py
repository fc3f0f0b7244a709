"""Functions that somebody gave us: called where their output belongs, and shown once when they fail."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

log = logging.getLogger("agent_widget")


class Callback:
    """A function, and where it was given.

    What it prints appears under the cell that gave it. An ``async`` function runs on the event loop that ran where
    it was given, if any.
    """

    def __init__(self, function: Callable[..., Any], what: str) -> None:
        """``what``: how messages call it."""
        self.function = function
        self.what = what
        self.calls = 0
        self.errors = 0
        self.error: BaseException | None = None
        """The last one."""
        self._shown: set[tuple[type[BaseException], str, int | None]] = set()
        self._context = contextvars.copy_context()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def __call__(self, *args: Any) -> Future[None] | None:
        """Call it; the future of what runs on an event loop and is not finished. Never raises."""
        self.calls += 1
        try:
            result = self._context.copy().run(self.function, *args)
            return self._run(result) if inspect.isawaitable(result) else None
        except BaseException as error:  # also sys.exit() in a callback: nothing ends the thread for all others
            self.failed(error)
            return None

    def _run(self, result: Awaitable[Any]) -> Future[None] | None:
        context, loop = self._context.copy(), self._loop
        if loop is None:
            context.run(asyncio.run, _awaited(result))
            return None
        if loop.is_closed():
            if inspect.iscoroutine(result):
                result.close()
            raise RuntimeError("the event loop it was given on is closed")
        return context.run(asyncio.run_coroutine_threadsafe, self._guarded(result), loop)

    async def _guarded(self, result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception as error:
            self.failed(error)

    def failed(self, error: BaseException) -> None:
        """Count an exception, and show it unless one of its type came from the same line before."""
        self.errors += 1
        self.error = error
        last = (traceback.extract_tb(error.__traceback__) or [None])[-1]
        place = (type(error), last.filename, last.lineno) if last else (type(error), "", None)
        if place not in self._shown:
            self._shown.add(place)
            told = "%s failed (it goes on being called; the same mistake is not shown again)"
            self._context.copy().run(log.error, told, self.what, exc_info=error)


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result


class Dispatcher:
    """One thread that calls what somebody gave us, one after the other; it begins with the first of them."""

    def __init__(self) -> None:
        self._drains: list[Callable[[], None]] = []
        self._jobs: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def add(self, drain: Callable[[], None]) -> None:
        """Call ``drain`` whenever there may be something to do."""
        with self._lock:
            if self._stopping:
                return
            self._drains.append(drain)
        self._begin()

    def remove(self, drain: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            if drain in self._drains:
                self._drains.remove(drain)

    def submit(self, job: Callable[[], object]) -> None:
        """Call ``job`` once."""
        self._jobs.append(job)
        self._begin()

    def wake(self) -> None:
        """There may be something to do."""
        self._changed.set()

    def stop(self) -> None:
        """Call nothing more."""
        with self._lock:
            self._stopping = True
            self._drains.clear()
        self.wake()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="agent-widget callbacks", daemon=True)
                self._thread.start()
        self.wake()

    def _run(self) -> None:
        while not self._stopping:
            self._changed.wait()
            self._changed.clear()
            for drain in list(self._drains):
                drain()
            while self._jobs and not self._stopping:
                self._jobs.popleft()()
