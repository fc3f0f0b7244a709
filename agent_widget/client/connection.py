"""How a client's connection is, and what is raised when it does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ConnectionState = Literal["connecting", "live", "reconnecting", "refused", "closed"]
ENDED: Final = frozenset({"refused", "closed"})
"""The states that nothing follows."""


class ConnectionFailed(ConnectionError):
    """The server cannot be reached or refuses; the message says what to do."""

    def __init__(self, message: str | None, code: str = "failed") -> None:
        super().__init__(message or "not connected")
        self.code = code


@dataclass(frozen=True, slots=True)
class Connection:
    """How the connection is.

    ``heard_at``: ``time.monotonic()`` of the last frame; ``rtt_ms``: the last round trip, milliseconds.
    """

    state: ConnectionState = "connecting"
    message: str | None = None
    rtt_ms: float | None = None
    heard_at: float | None = None
