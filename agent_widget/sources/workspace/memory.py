"""What the team wrote down: the knowledge base, working notes, critiques and reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import msgspec

from ..memory import entry_fields, memory_fields
from ..parsing import millis, parse_json
from .file import File, Items
from .team import Team
from .values import Entry, entries, session_of, texts, time_of, whole_of

_KIND = {"working-archives": "working_notes", "critiques": "critique", "reports": "report"}

KNOWLEDGE = "knowledge:"
"""Prefix of the ids of entries of the knowledge base."""

_LEARNED = ("key_insights", "discoveries", "decisions", "problems_solved", "solutions", "techniques", "code_created")


def knowledge(team: Team, file: File, data: bytes) -> Items:
    """Read what was learned in each session."""
    ids = set()
    for id, entry in _entries(data):
        session, at = session_of(entry, "session_id"), time_of(entry, "timestamp")
        ids.add(id)
        learned = _learned(entry)
        title = learned[0] if learned else f"Session {session or 'unknown'}"
        text = "\n".join(learned) or None
        fields = entry_fields(msgspec.json.encode(entry), title, text)
        yield team.record("memory", id, **fields, path=file.path, kind="knowledge", updated_at=at)
        yield from team.session(session, at)
        if session is not None:
            yield team.record("sessions", session, messages=whole_of(entry, "messages"))
    yield from team.gone(file.path, "memory", ids)


def knowledge_entry(id: str, data: bytes) -> tuple[str, bytes] | None:
    """Return the text of an entry and the entry itself."""
    entry = dict(_entries(data)).get(id)
    return None if entry is None else ("\n".join(_learned(entry)), msgspec.json.encode(entry))


def _entries(data: bytes) -> Iterator[tuple[str, Entry]]:
    """Yield the entries with their ids: session and time; of several with the same ones the later are numbered."""
    seen = Counter[str]()
    for entry in entries(parse_json(data), "entries", "session_id"):
        id = f"{KNOWLEDGE}{session_of(entry, 'session_id') or ''}:{entry.get('timestamp', '')}"
        seen[id] += 1
        yield (f"{id}#{seen[id]}" if seen[id] > 1 else id), entry


def _learned(entry: Entry) -> list[str]:
    return [text for key in _LEARNED for text in texts(entry.get(key))]


def markdown(team: Team, file: File, data: bytes) -> Items:
    """Read working notes, critiques and reports."""
    path = PurePosixPath(file.path)
    written = re.search(r"\d{4}-\d\d-\d\d(T\d\d-\d\d-\d\d(-\d{1,6})?Z)?", path.name)
    at = _filename_time(written.group()) if written else None
    kind = _KIND.get(path.parts[0], "working_notes")
    yield team.record("memory", file.path, **memory_fields(path, data, kind=kind, updated_at=at))


def _filename_time(text: str) -> int | None:
    """Return the time in a file name: ``2026-01-02T11-12-22-167Z``, or a date alone."""
    date, _, time = text.rstrip("Z").partition("T")
    parts = time.split("-")
    fraction = f".{parts[3][:3]:0<3}" if len(parts) > 3 else ""
    return millis(f"{date}T{':'.join(parts[:3])}{fraction}" if time else f"{date}T00:00:00")
