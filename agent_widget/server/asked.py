"""What answering a client's calls needs of the server, and what is known of the client.

What answers them (:mod:`.methods`) is imported with the first call: a client is sent its tables before that.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..protocol import ProtocolError, Sources
from ..store import Store

if TYPE_CHECKING:
    from ..ondemand.lookup import Lookup
    from ..ondemand.search import Searches
    from ..writing import Writer
    from .queries import Process, Queries


class Asking:
    """The client that is served."""

    def __init__(self, name: str) -> None:
        self.name = name
        """What it calls itself, and where it is connected from."""
        self.searches: Searches | None = None
        """Its searches, which end with its connection; ``None`` before the first."""
        self.rests_since = time.monotonic()
        """When its last long query ended, or when it came."""
        self.is_gone = False
        self._running: Process | None = None

    def runs(self, process: Process | None) -> None:
        """Take in which process answers its query, which is ended with its connection."""
        self._running = process
        if self.is_gone and process is not None:
            process.kill()

    def close(self) -> None:
        """End its searches and its query."""
        self.is_gone = True
        if (process := self._running) is not None:
            process.kill()
        if self.searches is not None:
            self.searches.close()


ASKING: Final[ContextVar[Asking]] = ContextVar("ASKING")
"""The client whose call is answered."""


class OutOfTime(ProtocolError):
    """A query that had no answer in its time."""


class Elsewhere(Protocol):
    """Answers for other hosts."""

    async def answer(
        self, method: str, params: Mapping[str, Any], here: Callable[[Mapping[str, Any]], Awaitable[Any]], client: str
    ) -> Any:
        """Return what a method answers: from the host that has the files, else from ``here``; ``client`` asks."""


class Asked(Protocol):
    """What the methods need of a server."""

    store: Store
    started_at: int

    @property
    def lookup(self) -> Lookup:
        """Reads transcripts and memory texts, and searches."""

    @property
    def queries(self) -> Queries:
        """Answers SQL."""

    @property
    def writer(self) -> Writer:
        """Makes changes."""

    @property
    def followed(self) -> Elsewhere | None:
        """The hosts that it follows, if it follows any."""

    @property
    def connections(self) -> int:
        """How many clients are connected that have shown the token."""

    @property
    def sources(self) -> Sources:
        """How far each root is read."""

    @property
    def archive(self) -> dict[str, str | None]:
        """The ``path`` of the archive, ``None`` if all is in memory only, and ``problem``: why, or what is wrong."""
