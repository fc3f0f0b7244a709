"""The tables and the views of them, declared once: names, columns, types, and how two claims about one cell are merged.

Everything that needs to know a column or a view asks here: the store, the wire schema, the DataFrames and the
front end (``js/tables.py`` generates its types, limits and list of views from this module).

Conventions. Times are integer milliseconds since the Unix epoch, UTC, in columns named ``at`` or ending
``_at``. Durations are integer milliseconds in columns ending ``_ms``. Money is US dollars, null when the
model has no known price. Unknown is null. Token columns use the words of the OpenTelemetry GenAI
conventions; ``input_tokens`` excludes what came from a cache.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

ColumnType = Literal["str", "int", "float", "bool", "list", "map"]
Merge = Literal["replace", "min", "max"]

PREVIEW_CHARS: Final = 500
"""Maximum characters of a text column, which is a preview; the whole text is fetched on demand."""

AGENT_STATUSES: Final = ("working", "waiting", "idle", "done", "failed", "offline", "unknown")
SESSION_STATUSES: Final = ("active", "idle", "ended", "failed")
TASK_STATUSES: Final = ("pending", "in_progress", "blocked", "completed", "failed", "cancelled")
TOOL_STATUSES: Final = ("running", "ok", "error", "denied", "cancelled")
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
WORDS: Final = {
    ("agents", "status"): AGENT_STATUSES,
    ("spans", "status"): AGENT_STATUSES,
    ("sessions", "status"): SESSION_STATUSES,
    ("tasks", "status"): TASK_STATUSES,
    ("tool_calls", "status"): TOOL_STATUSES,
    ("logs", "level"): LOG_LEVELS,
}
"""Table and column → the words that may stand there, in their own order."""


def cut(text: str) -> str:
    """Return ``text`` as a preview column holds it: whole, or cut at :data:`PREVIEW_CHARS` characters with ``…``."""
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    ``merge`` says what a second claim about the same cell does: ``replace`` (the newer claim wins),
    ``min`` or ``max`` (the cell does not depend on the order in which files are read).
    """

    name: str
    type: ColumnType
    merge: Merge = "replace"
    categorical: bool = False
    """Few distinct values: a pandas category, a filter in the dashboard."""
    refers: str | None = None
    """The table whose ids it holds; a name that is no id there (``*``, a person) may stand in their place."""

    @property
    def is_time(self) -> bool:
        """Milliseconds since the epoch."""
        return self.name == "at" or self.name.endswith("_at")

    @property
    def is_duration(self) -> bool:
        """A length of time in milliseconds."""
        return self.name.endswith("_ms")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what a row is, and its columns in order."""

    name: str
    row: str
    columns: tuple[Column, ...]
    view: str
    """The view of the dashboard that shows its rows, one of :data:`VIEWS`."""
    latest: str | None
    """Column of a time: a claim about an earlier one changes nothing, in whatever order claims come."""
    ends: str | None
    """Column of an end: of claims about one quarter of an hour the one that ends later counts (by ten minutes)."""
    limit: int | None
    """Maximum rows that the front end and a saved page hold, the newest; ``None`` for all."""

    @property
    def schema(self) -> dict[str, str]:
        """Column name to type word, as sent in the ``welcome`` frame."""
        return {column.name: column.type for column in self.columns}

    @property
    def time(self) -> str | None:
        """The column that says when a row is from: what "the newest rows" means for this table."""
        names = {column.name for column in self.columns}
        return next((name for name in ("at", "updated_at", "last_seen_at", "started_at") if name in names), None)

    @property
    def references(self) -> tuple[str, ...]:
        """The columns that hold ids of rows."""
        return tuple(column.name for column in self.columns if column.refers is not None)

    @property
    def repeated(self) -> tuple[str, ...]:
        """The columns of texts that stand in many rows: ids of other rows and categories."""
        return tuple(
            column.name
            for column in self.columns
            if column.type == "str" and (column.categorical or column.refers is not None)
        )

    def blank(self) -> dict[str, Any]:
        """Return a row in which everything is unknown."""
        return dict.fromkeys(column.name for column in self.columns)


def _column(spec: str) -> Column:
    """Parse ``"started_at:int:min"``; ``name*`` is a categorical column, ``name>agents`` holds ids of agents."""
    name, _, rest = spec.partition(":")
    type_, _, merge = rest.partition(":")
    name, _, refers = name.partition(">")
    is_categorical = name.endswith("*")
    return Column(name.rstrip("*"), type_ or "str", merge or "replace", is_categorical, refers or None)  # type: ignore[arg-type]


def _table(
    name: str,
    row: str,
    columns: str,
    *,
    view: str | None = None,
    latest: str | None = None,
    ends: str | None = None,
    limit: int | None = None,
) -> Table:
    parsed = tuple(_column(spec) for spec in ("id source* host* " + columns).split())
    return Table(name, row, parsed, view or name, latest, ends, limit)


_TOKENS = "input_tokens:int output_tokens:int cache_read_tokens:int cache_write_tokens:int"

_TABLES: Final = (
    _table(
        "agents",
        "one running or past agent, subagents too",
        "name role* status* status_reason status_at:int parent_id>agents session_id>sessions task_id>tasks activity "
        f"model* project* worktree* account* started_at:int:min last_seen_at:int:max {_TOKENS} context_tokens:int "
        "cost_usd:float unpriced_requests:int tool_calls:int errors:int tasks_completed:int:max quality:float",
    ),
    _table(
        "tasks",
        "one unit of work",
        "title description status* priority* owner>agents progress:float session_id>sessions parent_id>tasks "
        "depends_on>tasks:list tags:list "
        "created_at:int updated_at:int started_at:int completed_at:int quality:float notes",
    ),
    _table(
        "sessions",
        "one conversation or run",
        "title project* worktree* directory branch account* status* agent_id>agents parent_id>sessions model* "
        "started_at:int:min "
        "updated_at:int:max ended_at:int duration_ms:int:max messages:int:max tool_calls:int:max errors:int:max "
        f"{_TOKENS} cost_usd:float unpriced_requests:int files_changed:int:max path",
    ),
    _table("stats", "one named figure derived from the others", "name value:float unit* at:int", view="overview"),
    _table(
        "spans",
        "one stretch of time an agent spent in one status",
        "agent_id>agents status* status_reason started_at:int ended_at:int",
        view="agents",
        limit=20_000,
    ),
    _table(
        "messages",
        "one message from someone to someone (recipient * = everyone)",
        "at:int sender>agents recipient>agents kind* text session_id>sessions task_id>tasks read:bool",
        limit=10_000,
    ),
    _table(
        "quality",
        "one judgement: an assessment, a test run, an eval",
        "at:int kind* subject task_id>tasks session_id>sessions assessor score:float scale* passed:int failed:int "
        "skipped:int dimensions:map notes",
        limit=5_000,
    ),
    _table(
        "memory",
        "one memory file or knowledge entry",
        "title kind* project* agent_id>agents path size:int tokens:int updated_at:int text version",
        limit=5_000,
    ),
    _table(
        "tool_calls",
        "one tool call",
        "at:int agent_id>agents session_id>sessions name* status* duration_ms:int input output input_bytes:int "
        "output_bytes:int error",
        view="tools",
        limit=10_000,
    ),
    _table(
        "usage",
        "what one agent used of one model in one quarter of an hour (UTC)",
        f"at:int agent_id>agents session_id>sessions model* project* requests:int {_TOKENS} cost_usd:float "
        "unpriced_requests:int",
        limit=20_000,
    ),
    _table(
        "limits",
        "one limit of one account, as last heard",
        "name account plan* used:float window_ms:int resets_at:int at:int heard_from*",
        view="usage",
        latest="at",
        ends="resets_at",
    ),
    _table("logs", "one log line", "at:int level* agent_id>agents session_id>sessions logger* text", limit=10_000),
)

TABLES: Final[dict[str, Table]] = {table.name: table for table in _TABLES}
"""Every table by name, in the order in which an answer carries them, the most visible first."""

LIMITS: Final = {table.name: table.limit for table in _TABLES if table.limit is not None}
"""Table name to its ``limit``, of the tables that have one."""

VIEWS: Final = ("overview", "agents", "messages", "tasks", "sessions", "usage", "quality", "memory", "logs", "tools")
"""The views of the dashboard in the order of their tabs; each is the folder of its name in ``js/src/views``."""

DERIVED: Final = frozenset({"stats", "spans", "usage"})
"""Computed from the other tables, never read from a file."""


def schema() -> dict[str, dict[str, str]]:
    """Return the ``schema`` part of the ``welcome`` frame: table → column → type word."""
    return {name: table.schema for name, table in TABLES.items()}


def iso(ms: int) -> str:
    """Return a time in milliseconds since the epoch as JavaScript writes it: ``2026-01-04T17:34:36.932Z``."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_ms() -> int:
    """Return the time now in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class Record(msgspec.Struct, frozen=True, gc=False):
    """A claim about one row: ``fields`` are merged into row ``id`` of ``table``.

    A field that is absent is not touched; a field that is ``None`` becomes unknown.
    """

    table: str
    id: str
    fields: dict[str, Any]


class Gone(msgspec.Struct, frozen=True, gc=False):
    """Row ``id`` goes: it was taken out of a file that lists all there is (a task removed from the task list)."""

    table: str
    id: str
