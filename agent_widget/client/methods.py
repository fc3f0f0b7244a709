"""Calls to the server that return data."""

from __future__ import annotations

from typing import Final

from ..data.transcript import Transcript
from .link import Link

MOST: Final = 500
"""Entries asked for at once where all are wanted: the most that a server answers with."""


def transcript(
    link: Link, session: str, before: str | None, limit: int | None, after: str | None, chars: int | None
) -> Transcript:
    """Ask the server for entries of a conversation; see :meth:`BaseClient.transcript`."""
    params = {"session": session, "before": before, "after": after, "limit": limit, "chars": chars}
    answer = link.call("transcript", {name: value for name, value in params.items() if value is not None})
    row = link.store.get("sessions", session) or link.store.get("agents", session)

    def earlier(place: str) -> Transcript:
        return transcript(link, session, place, MOST, None, chars)

    return Transcript(session, **answer, row=row, earlier=earlier)
