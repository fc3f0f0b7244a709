"""Calls to the server that return data."""

from __future__ import annotations

from ..data.transcript import Transcript
from .link import Link


def transcript(
    link: Link, session: str, before: str | None, limit: int | None, after: str | None, chars: int | None
) -> Transcript:
    """Ask the server for entries of a conversation; see :meth:`BaseClient.transcript`."""
    params = {"session": session, "before": before, "after": after, "limit": limit, "chars": chars}
    return Transcript(
        session, **link.call("transcript", {name: value for name, value in params.items() if value is not None})
    )
