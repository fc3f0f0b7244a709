"""What a search finds, and which of it is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...protocol import ENTRY_PLACES, ROW_PLACES


class Hit(NamedTuple):
    """One text in which something was found."""

    at: int | None
    agent_id: str | None
    session_id: str | None
    place: str
    """What holds it: one of :data:`ENTRY_PLACES` for an entry of a transcript, of :data:`ROW_PLACES` for a row."""
    snippet: str
    """Some text around the first occurrence there, in one line, masked."""
    entry: str
    """The id of the entry of the transcript, or of the row."""
    position: str | None
    """Give it to ``transcript`` as ``after`` to read from there; ``None`` for a row."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which hits are wanted. Several values of one condition are alternatives; ``None`` lets everything pass."""

    agent_id: frozenset[str] | None = None
    session_id: frozenset[str] | None = None
    source: frozenset[str] | None = None
    place: frozenset[str] | None = None
    since: int | None = None
    """Milliseconds since the epoch; a hit without a time is not wanted then."""
    until: int | None = None

    def __call__(self, hit: Hit) -> bool:
        """Return whether a hit is wanted, whatever its source."""
        return (
            (self.agent_id is None or hit.agent_id in self.agent_id)
            and (self.session_id is None or hit.session_id in self.session_id)
            and (self.place is None or hit.place in self.place)
            and (self.since is None or (hit.at is not None and hit.at >= self.since))
            and (self.until is None or (hit.at is not None and hit.at <= self.until))
        )

    @property
    def entries(self) -> bool:
        """Whether entries of transcripts are wanted at all."""
        return self.place is None or not self.place.isdisjoint(ENTRY_PLACES)

    def tables(self) -> list[str]:
        """Return the tables of which rows are wanted."""
        return [table for table, place in ROW_PLACES.items() if self.place is None or place in self.place]


def texts_of(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the places of an entry of a transcript, each with what stands there."""
    kind = entry["kind"]
    if kind == "tool":
        yield "tool input", [entry["name"], entry["input"], entry["asks"]]
        yield "tool output", [entry["output"], entry["error"]]
    elif kind == "plan":
        yield "plan", [todo["title"] for todo in entry["todos"]]
    else:
        yield kind, entry["text"]
