"""Where a host's changes come from, and what takes them: the seam between followed hosts and the ways to them.

An origin runs in a thread of its own. It opens an :class:`Inbox` for each host that it brings, asks it how far the rows
have come, and gives it the frames of the protocol from there on. Nothing else is known of it: a WebSocket, a tunnel
and a message broker look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from .. import protocol
from ..client.connection import ConnectionState
from ..store import Position


class Inbox(Protocol):
    """Takes what comes from one host. All methods are called in the origin's thread."""

    @property
    def position(self) -> Position | None:
        """How far the rows of this host have come; ``None`` if all of them are to be sent."""

    @property
    def epoch(self) -> str:
        """The life of the store of the server that follows, for the ``hello``."""

    def welcome(self, frame: protocol.Welcome) -> None:
        """Take in who the host is. Raises :class:`.Gap` if it has to be asked again, ``Refused`` if it must not be."""

    async def changes(self, frame: protocol.Changes) -> bool:
        """Take in rows; wait while too many are not taken over yet. True when the tables are in step after it."""

    def sources(self, frame: protocol.Sources) -> None:
        """Take in what the host reads, and whom it follows itself."""

    def turned(self, state: ConnectionState, message: str | None, heard_at: int | None = None) -> None:
        """Take notice of the state of the way to the host.

        ``heard_at``: when there was a word from it, if that is not when its frames came here (ms since the epoch).
        """


class Opens(Protocol):
    """Opens the inbox of a host."""

    def __call__(self, key: str, name: str | None = None) -> Inbox:
        """Return it. ``key``: the same after a restart; ``name``: what to call the host, by default as it does."""


class Origin(Protocol):
    """Where the changes of a host, or of some, come from."""

    def start(self, inbox: Opens) -> None:
        """Begin. ``inbox``: opens the inbox of a host."""

    def stop(self) -> None:
        """End what was begun; returns when nothing more is handed over."""

    def again(self) -> None:
        """Ask again from the position of the inbox, which has gone back."""

    def ask(self, key: str, method: str, params: Mapping[str, Any]) -> Future[Any]:
        """Call a method of the host; raises as :meth:`agent_widget.client.wire.Wire.call` does."""

    def command(self, key: str, command: str) -> str:
        """Return how a command for a terminal of the host is run from here."""
