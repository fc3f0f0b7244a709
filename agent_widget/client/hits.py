"""What a search finds, as it is found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..data.moments import millis
from ..data.table import cell_of
from ..data.tabular import SHOWN, Tabular
from ..protocol import ENTRY_PLACES, ROW_PLACES
from ..store import Row
from .link import Link

if TYPE_CHECKING:
    import pandas
    import pyarrow

PORTION: Final = 100
"""Maximum hits that are asked for at once."""
COLUMNS: Final = ("at", "agent_id", "session_id", "place", "snippet", "entry", "position")
CONDITIONS: Final = ("agent_id", "session_id", "source", "place", "since", "until")
PLACES: Final = (*ENTRY_PLACES, *ROW_PLACES.values())
_MOMENTS: Final = ("since", "until")


class Hits(Tabular):
    """The texts in which something was found, the newest first: iterate over them as they are found, or :meth:`df`.

    A row has ``at`` (milliseconds since the epoch), ``agent_id``, ``session_id``, ``place`` (prompt, reply, thinking,
    tool input, tool output, plan, answer, end; task, message, memory, log, quality, tool call, session title, agent
    name), ``snippet``, ``entry`` (the id of the entry of the transcript or of the row) and ``position``:
    ``client.transcript(hit.agent_id, after=hit.position)`` begins there.

    Nothing is asked for before the first row is. ``rows()``, ``df()`` and ``len()`` search to the end.
    """

    _lead = "snippet"

    def __init__(self, link: Link, text: str, where: Mapping[str, Any] | None, limit: int | None) -> None:
        if not isinstance(text, str):
            raise TypeError(f"what is searched for is a text, not {text!r}")
        self.text = text
        self.is_complete = False
        """Whether everything was looked through, or there are as many hits as were asked for."""
        self.bytes = 0
        """Bytes of files that were looked through so far."""
        self.total = 0
        """Bytes of all files that are searched."""
        self._link = link
        self._where = _conditions(where)
        self._limit = limit
        self._cursor: str | None = None
        self._hits: list[Row] = []

    def __iter__(self) -> Iterator[Row]:
        at = 0
        while True:
            while at < len(self._hits):
                yield self._hits[at]
                at += 1
            if self.is_complete:
                return
            self._search_on()

    async def __aiter__(self) -> AsyncIterator[Row]:
        at = 0
        while True:
            while at < len(self._hits):
                yield self._hits[at]
                at += 1
            if self.is_complete:
                return
            await asyncio.to_thread(self._search_on)

    def __len__(self) -> int:
        return len(self.rows())

    def __getitem__(self, index: int) -> Row:
        """Return the hit of this number; searches only as far as it takes."""
        while not self.is_complete and (index < 0 or index >= len(self._hits)):
            self._search_on()
        return self._hits[index]

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(COLUMNS)

    def rows(self) -> Sequence[Row]:
        """Return all hits as a list."""
        return list(iter(self))

    def arrow(self) -> pyarrow.Table:
        """Return all hits as a pyarrow Table; raises ``ImportError`` with what to install."""
        try:
            import pyarrow
        except ImportError:
            raise ImportError('an Arrow table needs pyarrow: pip install "agent-widget[frames]"') from None
        types = {name: pyarrow.timestamp("ms", "UTC") if name == "at" else pyarrow.string() for name in COLUMNS}
        columns = {name: [row[name] for row in self] for name in COLUMNS}
        return pyarrow.table({name: pyarrow.array(columns[name], types[name]) for name in COLUMNS})

    def df(self) -> pandas.DataFrame:
        """Return all hits as a pandas DataFrame; raises ``ImportError`` with what to install."""
        from ..data.frames import from_arrow

        return from_arrow(self.arrow())

    def close(self) -> None:
        """Search no further; what was found stays."""
        cursor, self._cursor, self.is_complete = self._cursor, None, True
        if cursor is not None:
            self._link.ask("search", {"cursor": cursor, "end": True})

    def _search_on(self) -> None:
        """Ask for the next hits."""
        limit = PORTION if self._limit is None else max(1, min(PORTION, self._limit - len(self._hits)))
        if self._cursor is None:
            params: dict[str, Any] = {"text": self.text, "where": self._where, "limit": limit}
        else:
            params = {"cursor": self._cursor, "limit": limit}
        portion = self._link.call("search", params)
        self._hits += map(Row, portion["hits"])
        self._cursor, self.bytes, self.total = portion["cursor"], portion["bytes"], portion["total"]
        if self._cursor is None:
            self.is_complete = True
        elif self._limit is not None and len(self._hits) >= self._limit:
            self.close()

    def __del__(self) -> None:
        if getattr(self, "_cursor", None) is not None:
            self.close()

    def __repr__(self) -> str:
        return f"<hits of {self.text!r}: {self._count()}>"

    def _count(self) -> str:
        count = f"{len(self._hits)}{'' if self.is_complete else ' so far'}"
        if self.is_complete or not self.total:
            return count
        return f"{count}, {self.bytes / 1e6:,.1f} of {self.total / 1e6:,.1f} MB searched"

    def _cell(self, row: Mapping[str, Any], name: str) -> str:
        text = cell_of(self._link.store, name, row[name])
        return super()._cell(row, name) if text is None else text

    def _glance(self) -> tuple[list[str], Sequence[Mapping[str, Any]], str]:
        if not self._hits and not self.is_complete:
            self._search_on()
        shown = ["at", "agent_id", "place", "snippet"]
        return shown, self._hits[:SHOWN], f"hits of {self.text!r}: {self._count()}"


def _conditions(where: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a condition on hits as the server takes it."""
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise TypeError("where is a dict, as {'place': ['prompt', 'reply'], 'since': datetime(2026, 5, 1)}")
    conditions: dict[str, Any] = {}
    for name, wanted in where.items():
        if name not in CONDITIONS:
            raise ValueError(f"a search has no condition {name!r}; there are {', '.join(CONDITIONS)}")
        if isinstance(wanted, datetime | str) and name in _MOMENTS:
            conditions[name] = millis(wanted)
        elif isinstance(wanted, Set | tuple | list):
            conditions[name] = list(wanted)
        elif callable(wanted):
            raise TypeError(f"{name} is a value or a list of values: the server searches, and gets no functions")
        else:
            conditions[name] = wanted
    places = conditions.get("place") or []
    for place in [places] if isinstance(places, str) else places:
        if place not in PLACES:
            raise ValueError(f"no place {place!r}; there are {', '.join(PLACES)}")
    return conditions
