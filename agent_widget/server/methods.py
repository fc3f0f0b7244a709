"""What clients can ask a server beside changes: the methods of ``call`` frames. Each runs off the event loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, Protocol

import msgspec

from ..data import sql
from ..data.files import json_bytes
from ..ondemand.lookup import Lookup
from ..ondemand.memory_text import NoMemory
from ..ondemand.search import Portion, Searches, SearchOver, Wanted
from ..ondemand.transcript import MAX_LIMIT, TEXT_CHARS, NoTranscript
from ..protocol import ProtocolError, Sources
from ..store import Store
from ..version import VERSION
from . import rows

MAX_ANSWER: Final = 16 * 1024 * 1024
"""Maximum bytes of an answer to a query, which is one frame."""

SEARCH_SECONDS: Final = 0.08
"""Seconds that a portion of a search takes, so that others are answered meanwhile."""
MAX_HITS: Final = 500
"""Maximum hits in one portion of a search."""

SEARCHES: ContextVar[Searches] = ContextVar("SEARCHES")
"""The searches of the client that is served: they end with its connection."""


class Asked(Protocol):
    """What the methods need of a server."""

    store: Store
    lookup: Lookup
    started_at: int

    @property
    def connections(self) -> int:
        """How many clients are connected that have shown the token."""

    @property
    def sources(self) -> Sources:
        """How far each root is read."""


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Transcript(msgspec.Struct, forbid_unknown_fields=True):
    session: str
    before: str | None = None
    after: str | None = None
    limit: int | None = None
    chars: int = TEXT_CHARS


class _Memory(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    table: str
    before: int | tuple[int, str] | None = None
    after: int | None = None
    limit: int = 500
    where: dict[str, Any] = {}


_Names = str | list[str] | None


class _Where(msgspec.Struct, forbid_unknown_fields=True):
    agent_id: _Names = None
    session_id: _Names = None
    source: _Names = None
    place: _Names = None
    since: int | None = None
    until: int | None = None

    def wanted(self) -> Wanted:
        def names(given: _Names) -> frozenset[str] | None:
            return None if given is None else frozenset((given,) if isinstance(given, str) else given)

        ids = names(self.agent_id), names(self.session_id)
        return Wanted(*ids, names(self.source), names(self.place), self.since, self.until)


class _Search(msgspec.Struct, forbid_unknown_fields=True):
    text: str | None = None
    where: _Where = msgspec.field(default_factory=_Where)
    limit: int = 50
    cursor: str | None = None
    end: bool = False


class _Sql(msgspec.Struct, forbid_unknown_fields=True):
    query: str
    limit: int = 10_000
    timeout: float = sql.TIMEOUT


def _status(server: Asked, params: _Nothing) -> dict[str, Any]:
    """Return what the server reads and in which state it is."""
    epoch, seq = server.store.position
    return {
        "server": VERSION,
        "pid": os.getpid(),
        "started_at": server.started_at,
        "epoch": epoch,
        "seq": seq,
        "connections": server.connections,
        "rows": server.store.counts,
        "sources": server.sources.sources,
    }


def _transcript(server: Asked, params: _Transcript) -> dict[str, Any]:
    """Return ``entries``, ``before`` and ``after`` (:class:`agent_widget.ondemand.transcript.Extract`)."""
    if params.before is not None and params.after is not None:
        raise ProtocolError("bad_request", "before or after, not both")
    try:
        # everything since a place near the start of a large file would take seconds: its `after` goes on from there
        limit = MAX_LIMIT if params.limit is None and params.after is not None else params.limit
        extract = server.lookup.transcript(params.session, params.before, params.after, limit, params.chars)
    except NoTranscript as error:
        raise ProtocolError("not_found", str(error)) from None
    except ValueError as error:
        raise ProtocolError("bad_request", str(error)) from None
    return extract._asdict()


def _memory(server: Asked, params: _Memory) -> dict[str, Any]:
    """Return the whole text of a memory entry: ``text``, its ``version``, ``truncated``."""
    try:
        return server.lookup.memory(params.id)._asdict()
    except NoMemory as error:
        raise ProtocolError("not_found", str(error)) from None


def _rows(server: Asked, params: _Rows) -> dict[str, Any]:
    """Return ``rows`` of a table, the newest first, and ``before``: also rows that a client does not hold.

    See :func:`agent_widget.server.rows.page`.
    """
    before = (params.before, "") if isinstance(params.before, int) else params.before
    return rows.page(
        server.store, params.table, before=before, after=params.after, limit=params.limit, where=params.where
    )


def _search(server: Asked, params: _Search) -> dict[str, Any]:
    """Return the next hits of a search, new or going on (:class:`agent_widget.ondemand.search.Portion`)."""
    searches = SEARCHES.get()
    if params.cursor is not None and params.end:
        searches.end(params.cursor)
        return {"hits": [], "cursor": None, "bytes": 0, "total": 0}
    if (params.text is None) == (params.cursor is None):
        raise ProtocolError("bad_request", "text for a new search, or cursor for one to go on with")
    limit = max(1, min(params.limit, MAX_HITS))
    try:
        if params.text is None:
            portion: Portion = searches.go_on(params.cursor or "", limit, SEARCH_SECONDS)
        else:
            search = server.lookup.search(params.text, params.where.wanted())
            portion = searches.begin(search, limit, SEARCH_SECONDS)
    except SearchOver as error:
        raise ProtocolError("not_found", str(error)) from None
    except ValueError as error:
        raise ProtocolError("bad_request", str(error)) from None
    return {**portion._asdict(), "hits": [hit._asdict() for hit in portion.hits]}


def _sql(server: Asked, params: _Sql) -> msgspec.Raw:
    """Return the answer to a query: ``columns``, ``types``, ``rows``, ``cut`` (:func:`agent_widget.data.sql.reply`).

    No more rows and seconds than :mod:`agent_widget.data.sql` allows by itself, whatever is asked for.
    """
    limit, timeout = min(params.limit, sql.LIMIT), min(params.timeout, sql.TIMEOUT)
    try:
        reply = json_bytes(sql.reply(sql.run(server.store, params.query, limit=limit, timeout=timeout)))
    except ImportError as error:
        raise ProtocolError("unavailable", str(error)) from None
    except sql.SqlError as error:
        raise ProtocolError("bad_request", str(error)) from None
    if len(reply) > MAX_ANSWER:
        raise ProtocolError("too_large", f"the answer has {len(reply) / 1e6:.0f} MB; ask for fewer rows or columns")
    return msgspec.Raw(reply)


def _taking(shape: type[Any], method: Callable[[Asked, Any], Any]) -> Callable[[Asked, Mapping[str, Any]], Any]:
    """Return ``method`` as a function that checks its parameters first."""

    def checked(server: Asked, params: Mapping[str, Any]) -> Any:
        try:
            given = msgspec.convert(params, shape)
        except msgspec.ValidationError as error:
            raise ProtocolError("bad_request", str(error)) from None
        return method(server, given)

    return checked


METHODS: Final[dict[str, Callable[[Asked, Mapping[str, Any]], Any]]] = {
    "memory": _taking(_Memory, _memory),
    "rows": _taking(_Rows, _rows),
    "search": _taking(_Search, _search),
    "sql": _taking(_Sql, _sql),
    "status": _taking(_Nothing, _status),
    "transcript": _taking(_Transcript, _transcript),
}
"""Method name → what answers it."""
