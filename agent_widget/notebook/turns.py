"""How soon a cell that runs lets a change through to the screen.

A change takes Python's lock some ten times between the server and the browser, in threads of ours and of ipykernel.
Who waits for the lock asks its holder to give way after :func:`sys.getswitchinterval`, 5 ms: that makes 50 ms while a
cell computes. And it asks only when that time goes by without the lock being let go, so a cell that calls the system
every 80 microseconds, and each time has it again before others are awake, is never asked
(``take_gil`` and ``drop_gil`` in CPython's ``Python/ceval_gil.h``).

So the interval is short while somebody looks at a dashboard. It belongs to the program: only Python's default is
changed, and what anybody else sets meanwhile stays. A short interval costs nothing where one thread computes; where
several do they take turns all the time, so then it is put back (:data:`MANY`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Final

from ..environment import KEEP_SWITCH_INTERVAL

DEFAULT: Final = 5_000
"""Python's own interval, in microseconds as all here."""
SHORT: Final = 10
"""Less than what a cell computes between two calls of the system: with 20 a cell that calls every 15 is not asked."""
MANY: Final = 15_000
"""Changes of threads a second, of some 5 microseconds each, that are taken for turns of several threads that compute:
those make 20,000 to 100,000, and one that computes with 20 changes a second on their way to the screen 7,000."""
SPELL: Final = 1.0
"""Seconds over which they are counted."""
REST: Final = 60.0
"""Seconds for which the interval is as it was after so many."""


def _interval() -> int:
    return round(sys.getswitchinterval() * 1e6)


def _set_interval(microseconds: int) -> None:
    sys.setswitchinterval(microseconds / 1e6)


class Turns:
    """The switch interval of this process: short while any dashboard is looked at."""

    def __init__(self, switches: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._switches = switches
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at: set[object] = set()
        self._is_short = self._was_short = False
        """Whether it is short, and whether it ever was, by our doing."""
        self._is_chosen = bool(os.environ.get(KEEP_SWITCH_INTERVAL))
        """Whether it is left alone: somebody else has set it, or said so."""
        self._since = (0.0, 0)
        """When counting began, and the count then."""
        self._rest_until = float("-inf")

    def note(self, dashboard: object, looked_at: bool) -> None:
        """Note whether somebody looks at a dashboard; called again and again while it is displayed, and at its end."""
        with self._lock:
            if looked_at:
                self._looked_at.add(dashboard)
            else:
                self._looked_at.discard(dashboard)
            if self._is_short and _interval() != SHORT:
                self._is_chosen, self._is_short = True, False
            elif self._was_short and not self._is_short and _interval() == SHORT:
                _set_interval(DEFAULT)  # who changed it for a while has put back what it was then, and chosen nothing
                self._is_chosen = False
            if self._is_short and (not self._looked_at or self._is_dear()):
                _set_interval(DEFAULT)
                self._is_short = False
            elif self._may_be_short():
                self._is_short = self._was_short = True  # before it is: another thread may fork
                _set_interval(SHORT)
                self._since = self._clock(), self._switches()

    def _may_be_short(self) -> bool:
        return (
            bool(self._looked_at)
            and not self._is_chosen
            and not self._is_short
            and self._clock() >= self._rest_until
            and _interval() == DEFAULT
        )

    def _is_dear(self) -> bool:
        """Return whether threads took very many turns lately; then a rest begins."""
        (before, earlier), (now, count) = self._since, (self._clock(), self._switches())
        if now - before < SPELL:
            return False
        self._since = now, count
        if count - earlier <= MANY * (now - before):
            return False
        self._rest_until = now + REST
        return True

    def forked(self) -> None:
        """Put the interval back in a process that was forked from this one: no dashboard is there."""
        self._lock, self._looked_at = threading.Lock(), set()
        if self._was_short and _interval() == SHORT:
            _set_interval(DEFAULT)
        self._is_short = False


if sys.platform == "win32":  # nothing counts there what it costs: the interval stays

    def note(dashboard: object, looked_at: bool) -> None:
        """Do nothing."""

else:
    from resource import RUSAGE_SELF, getrusage

    def _switches() -> int:
        """Return how often threads of this process were changed for others."""
        usage = getrusage(RUSAGE_SELF)
        return usage.ru_nvcsw + usage.ru_nivcsw

    _turns = Turns(_switches)
    note = _turns.note
    os.register_at_fork(after_in_child=_turns.forked)
