"""The state of a client's connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ConnectionState = Literal["connecting", "live", "behind", "reconnecting", "refused", "closed"]
ENDED: Final = frozenset({"refused", "closed"})
"""States that are final."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The state of a connection.

    ``behind``: the server answers, but it has stopped to read the files, so the tables may be older than they are.
    ``heard_at``: ``time.monotonic()`` of the last frame; ``rtt_ms``: the last round trip, milliseconds.
    """

    state: ConnectionState = "connecting"
    message: str | None = None
    rtt_ms: float | None = None
    heard_at: float | None = None
