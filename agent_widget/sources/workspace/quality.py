"""Assessments of finished tasks."""

from __future__ import annotations

from ..parsing import named, parse_json, preview
from .file import File, Items
from .team import Team
from .values import Entry, columns, entries, looks_like_session, tenths, texts_of

_columns = columns(
    "quality",
    "at=assessed_at|timestamp task_id subject=task_title|title assessor=assessed_by|assessor score=overall_score|score",
)
_DIMENSIONS = ("completeness", "code_quality", "documentation", "efficiency", "impact")


def assessments(team: Team, file: File, data: bytes) -> Items:
    """Read all assessments."""
    ids = set()
    for entry in entries(parse_json(data), "assessments"):
        row, dimensions = _columns(entry), _dimensions(entry)
        id = f"{row['task_id'] or ''}:{row['at'] or ''}"
        if id == ":":
            continue
        ids.add(id)
        if row["score"] is None and dimensions:
            row["score"] = round(sum(dimensions.values()) / len(dimensions), 4)
        row |= {"kind": "assessment", "scale": "0-10", "dimensions": dimensions or None}
        row["notes"] = preview("\n".join(texts_of(entry, "lessons_learned")) or None)
        row["session_id"] = session = looks_like_session(row["assessor"])
        yield team.record("quality", id, **row)
        yield from team.session(session, row["at"])
    yield from team.gone(file.path, "quality", ids)


def _dimensions(entry: Entry) -> dict[str, float]:
    """Return scores by name, from any of the shapes they are written in."""
    listed = entry.get("dimensions", entry.get("scores"))
    if isinstance(listed, list):
        pairs = [(named(item.get("name")), item.get("score")) for item in listed if isinstance(item, dict)]
    else:
        found = listed if isinstance(listed, dict) else {name: entry.get(name) for name in _DIMENSIONS}
        pairs = [(named(name), s.get("score") if isinstance(s, dict) else s) for name, s in found.items()]
    scores = [(name, tenths(score)) for name, score in pairs]
    return {name: score for name, score in scores if name is not None and score is not None}
