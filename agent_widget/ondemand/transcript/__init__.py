"""Extracts of conversations, read from the agents' own files, with the same kinds of entries for all agents.

Nothing of it is kept in memory: each extract reads the stretch of the file that it shows, with a fresh reader of the
same format that feeds the tables. A growing file is read backwards from its end, so the newest entries of a session of
any size takes milliseconds. Steps (:mod:`agent_widget.sources.steps`) become entries: a tool call and what it
returned are one entry, standing where the call was made.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...ingest.tail import Unreadable
from ...sources.base import Source
from .cutter import Cutter
from .entries import Entry, Place
from .files import NoTranscript as NoTranscript
from .files import first, since, stretches, up_to

TEXT_CHARS: Final = 20_000
"""Characters after which a text is cut, unless more are asked for."""
MAX_TEXT_CHARS: Final = 2_000_000
LIMIT: Final = 50
"""Entries of an extract, unless more are asked for."""
MAX_LIMIT: Final = 500
EXTRACT_CHARS: Final = 8_000_000
"""Characters of text above which an extract holds fewer entries than were asked for."""


class Extract(NamedTuple):
    """Some entries of a conversation, oldest first, and where to go on."""

    entries: list[dict[str, Any]]
    before: str | None
    """Ask with this for earlier entries; ``None`` if there are none."""
    after: str | None
    """Ask with this for what came since, and once more for what was not finished; ``None`` for older extracts."""


def read_extract(
    source: Source,
    paths: Iterable[Path],
    agent_id: str,
    *,
    before: str | None = None,
    after: str | None = None,
    limit: int | None = None,
    chars: int = TEXT_CHARS,
    masking: bool = True,
) -> Extract:
    """Return an extract of a conversation: its last ``limit`` entries, those before a place, or those since a place.

    ``paths``: its files. ``before`` and ``after``: places from an earlier extract. ``chars``: characters after which a
    text is cut. ``limit``: 50 unless it is given, but of the entries since a place all; where a limit leaves some out,
    ``after`` of the extract is the place of the first of them. Raises :class:`NoTranscript`, and ``ValueError`` for a
    wrong place.
    """
    most, chars = max(1, min(LIMIT if limit is None else limit, MAX_LIMIT)), max(1, min(chars, MAX_TEXT_CHARS))
    try:
        conversation = stretches(source, paths, agent_id)
        end = conversation[-1].end() if before is None else None  # asked first: what comes meanwhile comes again
        if after is not None:
            entries, earlier = since(conversation, Place.parse(after), None if limit is None else most), None
            if limit is not None and len(entries) > most:
                entries, left_out = first(entries, most)
                return _extract(entries, None, left_out, Cutter(chars, masking))
        else:
            entries, earlier = up_to(conversation, None if before is None else Place.parse(before), most)
    except FileNotFoundError:
        raise NoTranscript("its file is gone") from None
    except (Unreadable, OSError) as error:
        raise NoTranscript(f"it cannot be read now: {getattr(error, 'strerror', None) or error}") from None
    later = None if end is None else next((entry.place for entry in entries if entry.unfinished), end)
    return _extract(entries, earlier, later, Cutter(chars, masking))


def _extract(entries: list[Entry], earlier: Place | None, later: Place | None, cutter: Cutter) -> Extract:
    shown: list[dict[str, Any]] = []
    top = None
    for entry in reversed(entries):
        if cutter.spent > EXTRACT_CHARS and entry.place != top:
            earlier = top
            break
        shown.append(cutter.shown(entry.fields))
        top = entry.place
    return Extract(shown[::-1], *(None if place is None else str(place) for place in (earlier, later)))
