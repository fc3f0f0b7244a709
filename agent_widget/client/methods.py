"""What is asked of the server, as data."""

from __future__ import annotations

from ..data.transcript import Transcript
from .link import Link


def transcript(
    link: Link, session: str, before: str | None, limit: int, after: str | None, chars: int | None
) -> Transcript:
    """Ask for a page of a conversation; see :meth:`BaseClient.transcript`."""
    params = {"session": session, "before": before, "after": after, "limit": limit, "chars": chars}
    return Transcript(
        session, **link.call("transcript", {name: value for name, value in params.items() if value is not None})
    )
