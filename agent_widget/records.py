"""What is said about rows: the two claims that sources make and stores apply."""

from __future__ import annotations

from typing import Any, NamedTuple


class Record(NamedTuple):
    """A claim about one row: ``fields`` are merged into row ``id`` of ``table``.

    A field that is absent is not touched; a field that is ``None`` becomes unknown.
    """

    table: str
    id: str
    fields: dict[str, Any]


class Gone(NamedTuple):
    """Row ``id`` goes: it was taken out of a file that lists all there is (a task removed from the task list)."""

    table: str
    id: str
