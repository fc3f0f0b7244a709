"""What clients can ask a server beside changes: the methods of ``call`` frames. Each runs off the event loop."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from .. import page
from ..data import atif, markdown, sql
from ..ondemand.memory_text import NoMemory
from ..ondemand.search import Portion, Searches, SearchOver, Wanted
from ..ondemand.transcript import MAX_LIMIT, TEXT_CHARS, NoTranscript
from ..protocol import ProtocolError
from ..tables import TABLES, TASK_STATUSES
from ..version import VERSION
from ..writing import Who, WriteError
from . import rows
from .asked import ASKING, Asked, OutOfTime

MAX_ANSWER: Final = 8 * 1024 * 1024
"""Maximum bytes of an answer to a query, which is one frame: proxies made with Tornado, such as jupyter-server-proxy,
end a connection in which one has more than 10 MiB, without a word."""
EXPORTED: Final = 200
"""Entries of a conversation that are exported at once: a frame that such a proxy takes, however long their texts."""

SEARCH_SECONDS: Final = 0.08
"""Seconds that a portion of a search takes, so that others are answered meanwhile."""
FIRST_SECONDS: Final = 0.01
"""Seconds that a search goes on after its first hit before that is sent."""
MAX_HITS: Final = 500
"""Maximum hits in one portion of a search."""


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


class _Transcript(msgspec.Struct, forbid_unknown_fields=True):
    session: str
    before: str | None = None
    after: str | None = None
    limit: int | None = None
    chars: int = TEXT_CHARS


class _Export(msgspec.Struct, forbid_unknown_fields=True):
    session: str
    format: Literal["markdown", "atif"]
    before: str | None = None


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
        "hosts": server.sources.hosts,
        "publishing": server.sources.publishing,
        "archive": server.archive,
        "memory_bytes": _resident(),
    }


def _resident() -> int | None:
    """Return how many bytes of memory this process takes; ``None`` where that is not known (not Linux)."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


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


def _export(server: Asked, params: _Export) -> dict[str, Any]:
    """Return some of a conversation for a file: ``head``, ``parts``, and ``before``, to ask for those before.

    Of Markdown, head and parts are texts; of ATIF, the head is the document without its steps and the parts are steps
    without their numbers.
    """
    extract = _transcript(server, _Transcript(params.session, before=params.before, limit=EXPORTED))
    row: Mapping[str, Any] = (
        server.store.get("sessions", params.session) or server.store.get("agents", params.session) or {}
    )
    if params.format == "markdown":
        head: Any = "\n\n".join(markdown.heading({"id": params.session, **row}))
        parts: list[Any] = list(markdown.parts(extract["entries"]))
    else:
        head, parts = atif.frame(params.session, row), atif.steps(extract["entries"])
    return {"head": head, "parts": parts, "before": extract["before"]}


def _memory(server: Asked, params: _Memory) -> dict[str, Any]:
    """Return the whole text of a memory entry: ``text``, its ``version``, ``truncated``."""
    try:
        return server.lookup.memory(params.id)._asdict()
    except NoMemory as error:
        raise ProtocolError("not_found", str(error)) from None


def _page(server: Asked, params: _Nothing) -> dict[str, Any]:
    """Return the frame of a saved page, for a browser to put in what it holds.

    ``parts``: the page before and after its data; ``transcripts``, ``entries``, ``chars``: what belongs in it of
    conversations.
    """
    return {"parts": page.frame(), "transcripts": page.TRANSCRIPTS, "entries": page.ENTRIES, "chars": page.CHARS}


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
    asking = ASKING.get()
    if asking.searches is None:
        asking.searches = Searches()
    searches = asking.searches
    if params.cursor is not None and params.end:
        searches.end(params.cursor)
        return {"hits": [], "cursor": None, "bytes": 0, "total": 0}
    if (params.text is None) == (params.cursor is None):
        raise ProtocolError("bad_request", "text for a new search, or cursor for one to go on with")
    limit = max(1, min(params.limit, MAX_HITS))
    try:
        if params.text is None:
            portion: Portion = searches.go_on(params.cursor or "", limit, SEARCH_SECONDS, FIRST_SECONDS)
        else:
            search = server.lookup.search(params.text, params.where.wanted())
            portion = searches.begin(search, limit, SEARCH_SECONDS, FIRST_SECONDS)
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
        reply = server.queries.answer(server.store, params.query, ASKING.get(), limit=limit, timeout=timeout)
    except ImportError as error:
        raise ProtocolError("unavailable", str(error)) from None
    except sql.OutOfTime as error:
        raise OutOfTime("bad_request", str(error)) from None
    except sql.SqlError as error:
        raise ProtocolError("bad_request", str(error)) from None
    if len(reply) > MAX_ANSWER:
        raise ProtocolError("too_large", f"the answer has {len(reply) / 1e6:.0f} MB; ask for fewer rows or columns")
    return msgspec.Raw(reply)


# Changes: the row as it will be

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20_000, pattern=r"\S")]
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"\S")]
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"^[^\r\n]*\S[^\r\n]*$")]
_Words = Annotated[list[_Word], msgspec.Meta(max_length=100)]
_STATUSES: Final = ", ".join(TASK_STATUSES)
_Status = Literal[TASK_STATUSES]  # type: ignore[valid-type]  # it is a tuple of texts


class _TaskCreate(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    title: _Line
    description: _Text | None = None
    priority: _Word | None = None
    tags: _Words | None = None
    depends_on: _Words | None = None
    root: str | None = None


class _TaskUpdate(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    status: _Status | msgspec.UnsetType = msgspec.UNSET
    owner: _Word | msgspec.UnsetType | None = msgspec.UNSET
    priority: _Word | msgspec.UnsetType = msgspec.UNSET
    notes: _Text | msgspec.UnsetType = msgspec.UNSET
    title: _Line | msgspec.UnsetType = msgspec.UNSET
    seen: dict[str, Any] | None = None


class _TaskCancel(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: str
    reason: _Text | None = None
    seen: dict[str, Any] | None = None


class _MessageSend(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    to: _Word
    text: _Text
    kind: _Word | None = None
    task_id: _Word | None = None
    root: str | None = None


class _MessageRead(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: str


class _Actions(msgspec.Struct, forbid_unknown_fields=True):
    table: str
    id: str


def _actions(server: Asked, params: _Actions) -> dict[str, Any]:
    """Return what can be done with a row.

    ``writes``: method → the ``fields`` it takes, and of ``task.update`` the ``statuses`` and ``priorities`` that
    can be set; empty if nothing can be changed. ``resume``: the command that goes on with its session in a terminal.
    """
    if params.table not in TABLES:
        raise ProtocolError("bad_request", f"unknown table {params.table!r}; there are {', '.join(TABLES)}")
    try:
        resume = server.lookup.resume(params.table, params.id)
        return {"writes": server.writer.actions(params.table, params.id), "resume": resume}
    except WriteError as error:
        raise ProtocolError(error.code, str(error)) from None


def _writing(method: str, does: str) -> Callable[[Asked, Any], dict[str, Any]]:
    """Return what makes a change, and returns the row as it will be."""

    def write(server: Asked, params: msgspec.Struct) -> dict[str, Any]:
        fields = msgspec.to_builtins(params)  # without what was not given
        id, seen, root = fields.pop("id", None), fields.pop("seen", None), fields.pop("root", None)
        if method == "task.update" and not fields:
            raise ProtocolError("bad_request", "nothing to change; give status, owner, priority, notes or title")
        try:
            return server.writer.write(method, fields, Who(ASKING.get().name), id=id, seen=seen, root=root)  # type: ignore[arg-type]
        except WriteError as error:
            raise ProtocolError(error.code, str(error), error.details) from None

    write.__doc__ = does
    return write


_CREATE: Final = "Add a task. ``root``: where, if several places could take it."
_UPDATE: Final = """Change a task. ``notes`` are added; ``seen``: column → the value that the caller saw.

Without ``seen`` it is what the server's own row has. If the file says something else, the error is ``conflict``, its
``details`` have both values, and nothing was written.
"""
_CANCEL: Final = "Cancel a task; ``seen`` as for ``task.update``."
_SEND: Final = "Send a message to an agent, by its id or name, or to everyone (``*``)."
_READ: Final = "Mark a message as read."


_PATH: Final = re.compile(r"(.*) - at `\$\.?([^`]*)`", re.DOTALL)


def _in_words(problem: str) -> str:
    """Return what msgspec says of a parameter, as somebody who gave it can use it."""
    if found := re.match(r"Object (missing required|contains unknown) field `(.*?)`", problem):
        return f"the parameter {found[2]!r} is missing" if found[1][0] == "m" else f"there is no parameter {found[2]!r}"
    said, name = found.groups() if (found := _PATH.fullmatch(problem)) else (problem, "")
    if "matching regex" in said:
        said = "must have something in it" + (", on one line" if r"\r" in said else "")
    elif "of length >= 1" in said:
        said = "must not be empty"
    elif longest := re.search(r"`(str|array)` of length <= (\d+)", said):
        said = f"has at most {int(longest[2]):,} {'characters' if longest[1] == 'str' else 'entries'}"
    elif said.startswith("Invalid enum value"):
        said = f"there is no {said.rpartition('value ')[2]}" + (f"; there are {_STATUSES}" if name == "status" else "")
    else:
        said = f"{said[:1].lower()}{said[1:]}"
    return f"{name}: {said}" if name else said


def _taking(shape: type[Any], method: Callable[[Asked, Any], Any]) -> Callable[[Asked, Mapping[str, Any]], Any]:
    """Return ``method`` as a function that checks its parameters first."""

    def checked(server: Asked, params: Mapping[str, Any]) -> Any:
        try:
            given = msgspec.convert(params, shape)
        except msgspec.ValidationError as error:
            raise ProtocolError("bad_request", _in_words(str(error))) from None
        return method(server, given)

    return checked


METHODS: Final[dict[str, Callable[[Asked, Mapping[str, Any]], Any]]] = {
    "actions": _taking(_Actions, _actions),
    "export": _taking(_Export, _export),
    "memory": _taking(_Memory, _memory),
    "message.read": _taking(_MessageRead, _writing("message.read", _READ)),
    "message.send": _taking(_MessageSend, _writing("message.send", _SEND)),
    "page": _taking(_Nothing, _page),
    "rows": _taking(_Rows, _rows),
    "search": _taking(_Search, _search),
    "sql": _taking(_Sql, _sql),
    "status": _taking(_Nothing, _status),
    "task.cancel": _taking(_TaskCancel, _writing("task.cancel", _CANCEL)),
    "task.create": _taking(_TaskCreate, _writing("task.create", _CREATE)),
    "task.update": _taking(_TaskUpdate, _writing("task.update", _UPDATE)),
    "transcript": _taking(_Transcript, _transcript),
}
"""Method name → what answers it."""
