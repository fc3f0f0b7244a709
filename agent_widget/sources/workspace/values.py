"""Picking values out of what was parsed: a field under any of its names, a list in any of its shapes.

``…_of(entry, *names)`` is what the first of several names of one field says, as a value of one type, or ``None``.
Writers do not agree on ``task_id`` or ``taskId``: every name is tried in both spellings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

from ...tables import TABLES
from ..parsing import Malformed, first_of, millis, named, number, preview, whole

T = TypeVar("T")
Entry = dict[str, Any]

HUMANS: Final = frozenset({"user", "human", "terminal-user", "dashboard-user"})
_NOT_A_SESSION = HUMANS | {"unknown", "agent", "default"}
_PREVIEWS = ("title", "description", "activity", "subject", "input", "output", "error")


def as_object(value: Any) -> Entry:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """Return the texts of a list, or of one text alone."""
    found = value if isinstance(value, list) else [value]
    return [text for text in map(named, found) if text is not None]


def tenths(value: Any) -> float | None:
    """Return a score out of ten as a share of one."""
    score = number(value)
    return round(score / 10, 4) if score is not None and 0 <= score <= 10 else None


def session_name(value: Any) -> str | None:
    """Return a session id; ``None`` for the words that writers without one put in its place."""
    name = named(value)
    return None if name in _NOT_A_SESSION else name


def looks_like_session(name: str | None) -> str | None:
    """Return the name if it is a session's id, else ``None``."""
    return name if name and re.fullmatch(r"ses_\w+|session-\d+", name) else None


@cache
def spelled(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return every name in both spellings: ``task_id`` and ``taskId``."""
    camel = [re.sub(r"_(\w)", lambda found: found[1].upper(), name) for name in names]
    return tuple(dict.fromkeys(spelling for pair in zip(names, camel, strict=True) for spelling in pair))


def _of(convert: Callable[[Any], T]) -> Callable[..., T]:
    def pick(entry: Entry, *names: str) -> T:
        value = entry.get(names[0])  # it is mostly there, or nothing is
        if value is None or value == "":
            value = first_of(entry, *spelled(names)) if entry else None
        return convert(value)

    return pick


field_of: Callable[..., Any] = _of(lambda value: value)
text_of, texts_of, object_of, session_of = _of(named), _of(texts), _of(as_object), _of(session_name)
time_of, number_of, whole_of, tenths_of = _of(millis), _of(number), _of(whole), _of(tenths)
length_of = _of(lambda value: len(value) if isinstance(value, list) else None)

_CONVERT: Final = {"int": whole, "float": tenths, "list": texts, "map": as_object, "str": named}


def columns(table: str, spec: str) -> Callable[[Entry], dict[str, Any]]:
    """Return a function that picks columns: in ``"title at=start_time|timestamp"`` fields follow the ``=``."""
    convert = {column.name: millis if column.is_time else _CONVERT[column.type] for column in TABLES[table].columns}
    convert |= dict.fromkeys(_PREVIEWS, lambda value: preview(named(value)))
    parts = [part.partition("=") for part in spec.split()]
    plan = [(column, spelled(tuple((names or column).split("|"))), convert[column]) for column, _, names in parts]

    def pick(entry: Entry) -> dict[str, Any]:
        return {column: convert(first_of(entry, *names)) for column, names, convert in plan}

    return pick


def id_of(entry: Entry, *names: str) -> str:
    """Return the id of a line. Raises :class:`Malformed` without one."""
    id = text_of(entry, *names)
    if id is None:
        raise Malformed(f"a line without {names[0]}")
    return id


def entries(document: Any, key: str, id: str = "id") -> list[Entry]:
    """Return the objects of a list that stands alone, under ``key``, or as an object with the ids as keys."""
    listed = document.get(key) if isinstance(document, dict) else document
    if isinstance(listed, dict):
        listed = [{id: name, **entry} for name, entry in listed.items() if isinstance(entry, dict)]
    if not isinstance(listed, list):
        raise Malformed(f"no list of {key}")
    return [entry for entry in listed if isinstance(entry, dict)]


def identified(
    document: Any, key: str, *names: str, pick: Callable[..., str | None] = text_of
) -> list[tuple[str, Entry]]:
    """Return those :func:`entries` that have an id, with the id; its field is the first of ``names``."""
    found = ((pick(entry, *names), entry) for entry in entries(document, key, names[0]))
    return [(id, entry) for id, entry in found if id is not None]
