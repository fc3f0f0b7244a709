"""A thread with an event loop of its own: how a connection is kept beside whatever the program does."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any


class LoopThread(threading.Thread):
    """Runs one coroutine in an event loop; others hand it what to call there. It does not keep Python running."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """``work``: what it runs once it is started; the thread ends with it."""
        super().__init__(name=name, daemon=True)
        self.loop = asyncio.new_event_loop()
        self._work = work

    def run(self) -> None:
        """Run the coroutine."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._work())

    @property
    def is_current(self) -> bool:
        """Whether this is the thread that asks, which must not wait for itself."""
        return threading.current_thread() is self

    def call_soon(self, what: Callable[[], object]) -> None:
        """Call something in the thread, soon; nothing happens if it has ended."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(what)

    def end(self, ask: Callable[[], object], patience: float) -> None:
        """Call ``ask`` in the thread, which makes the coroutine end, and wait for that, ``patience`` seconds at most.

        The thread itself does not wait.
        """
        if self.is_alive():
            self.call_soon(ask)
            if not self.is_current:
                self.join(patience)
