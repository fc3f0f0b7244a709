"""What a workspace's files say when they are read, and whether that holds together."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from agent_widget.ingest.status import MEANING
from agent_widget.sources.base import Evidence, Item
from agent_widget.sources.workspace import Workspace
from agent_widget.store import Store
from agent_widget.tables import AGENT_STATUSES, LOG_LEVELS, SESSION_STATUSES, TABLES, TASK_STATUSES, TOOL_STATUSES

Files = dict[str, bytes]


class Reading:
    """What a source said about some files: the rows that follow, and the evidence."""

    def __init__(self, namespace: str = "") -> None:
        self.source = Workspace(Path("/memory"), namespace)
        self.store = Store()
        self.evidence: set[Evidence] = set()
        self.items: list[Item] = []
        self._readers: dict[str, Any] = {}

    def feed(self, path: str, data: bytes, *, again: bool = False) -> Reading:
        """The whole document, or some more lines; ``again``: lines from the file's start, with a new reader."""
        if again or path not in self._readers:
            self._readers[path] = self.source.reader(PurePosixPath(path))
        reader = self._readers[path]
        assert reader is not None, path
        parts = [data] if reader.mode == "document" else data.splitlines()
        for part in parts:
            items = list(reader.read(part))
            self.items += items
            self.evidence |= {item for item in items if isinstance(item, Evidence)}
            self.store.apply(item for item in items if not isinstance(item, Evidence))
        return self

    def rows(self, table: str) -> dict[str, Any]:
        return {row.id: row for row in self.store.rows(table)}

    def row(self, table: str, id: str) -> Any:
        row = self.store.get(table, id)
        assert row is not None, f"{table} has no {id}, but {sorted(self.rows(table))}"
        return row

    def only(self, table: str) -> Any:
        (row,) = self.store.rows(table)
        return row

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        return {name: self.rows(name) for name in TABLES}

    def says(self, agent: str) -> list[tuple[int, str, str]]:
        return sorted((e.at, MEANING[e.fact].status, e.detail or "") for e in self.evidence if e.agent_id == agent)


def read(files: Files | str, data: bytes = b"", namespace: str = "") -> Reading:
    reading = Reading(namespace)
    for path, content in ({files: data} if isinstance(files, str) else files).items():
        reading.feed(path, content)
    return reading


REFERENCES = {
    "agents": {"agents": ["parent_id"], "sessions": ["session_id"]},
    "tasks": {"agents": ["owner"], "sessions": ["session_id"]},
    "sessions": {"agents": ["agent_id"], "sessions": ["parent_id"]},
    "messages": {"agents": ["sender", "recipient"], "sessions": ["session_id"]},
    "tool_calls": {"agents": ["agent_id"], "sessions": ["session_id"]},
    "quality": {"sessions": ["session_id"]},
    "logs": {"agents": ["agent_id"], "sessions": ["session_id"]},
    "memory": {"agents": ["agent_id"]},
}


def unresolved(reading: Reading) -> list[tuple[str, str, str]]:
    known = {table: {None, "*", *reading.rows(table)} for table in ("agents", "sessions")}
    return [
        (table, column, row[column])
        for table, targets in REFERENCES.items()
        for target, columns in targets.items()
        for column in columns
        for row in reading.store.rows(table)
        if row[column] not in known[target]
    ]


TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
TYPES |= {"list": (list,), "map": (dict,)}
WORDS = {"tasks": TASK_STATUSES, "sessions": SESSION_STATUSES, "agents": AGENT_STATUSES, "tool_calls": TOOL_STATUSES}


def mistyped(reading: Reading) -> list[Any]:
    """Values that are not of their column's type, and statuses that are not words of ours."""
    return [
        (name, column.name, row[column.name])
        for name, table in TABLES.items()
        for row in reading.store.rows(name)
        for column in table.columns
        if (value := row[column.name]) is not None
        and (
            not isinstance(value, TYPES[column.type])
            or (isinstance(value, bool) and column.type != "bool")
            or (column.name == "status" and value not in WORDS[name])
            or (column.name == "level" and value not in LOG_LEVELS)
        )
    ]


def differences(one: Reading, other: Reading) -> list[Any]:
    """The cells in which two readings differ, or the rows that only one has; short, since pytest prints it."""
    found: list[Any] = []
    for name, rows in one.tables.items():
        others = other.rows(name)
        found += [(name, id) for id in rows.keys() ^ others.keys()]
        for id in rows.keys() & others.keys():
            row, twin = rows[id], others[id]
            found += [(name, id, column, row[column], twin[column]) for column in row if row[column] != twin[column]]
    return found[:20]
