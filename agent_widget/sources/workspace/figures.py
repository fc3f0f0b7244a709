"""Figures that files state and nobody can check; they stand beside those that are counted."""

from __future__ import annotations

from typing import Final

from ..parsing import first_of, parse_object
from .file import File, Items
from .team import Team
from .values import columns, entries, field_of, number_of, object_of, session_name, session_of, time_of

_totals = columns("sessions", "messages duration_ms")

STATED: Final = {
    # Totals that are kept by hand and disagree with everything else.
    "metrics.json": {
        "metrics_sessions_stated": ("total_sessions", "count", "last_session"),
        "metrics_tool_calls_stated": ("total_tool_calls", "count", "last_session"),
    },
    # Tokens since the orchestrator was started.
    ".token-usage.json": {
        "input_tokens_stated": ("input_tokens", "tokens", "last_updated"),
        "output_tokens_stated": ("output_tokens", "tokens", "last_updated"),
        "total_tokens_stated": ("total_tokens", "tokens", "last_updated"),
        "token_limit_reached": ("limit_reached", "bool", "last_updated"),
    },
    # Whether the provider has shut the team out.
    ".rate-limit-status.json": {"rate_limited": ("rate_limited", "bool", "detected_at")},
    # The process that restarts the orchestrator.
    ".watchdog-status.json": {
        "watchdog_restarts": ("restarts_this_hour", "count", "last_check"),
        "token_limit": ("token_limit", "tokens", "last_check"),
    },
}
"""File → name of a figure → its field, its unit, and the field with its time."""


def stated(team: Team, file: File, data: bytes) -> Items:
    """Read a file of figures alone, as in :data:`STATED`."""
    document = parse_object(data)
    for name, (field, unit, at) in STATED[file.path].items():
        yield from team.stat(name, document.get(field), unit, document.get(at))


def message_archives(team: Team, file: File, data: bytes) -> Items:
    """Read how many messages the archives hold by their index."""
    document = parse_object(data)
    stated = sum(number_of(entry, "message_count") or 0 for entry in entries(document, "archives"))
    yield from team.stat("messages_archived_stated", stated, "count", field_of(document, "last_updated"))


def state(team: Team, file: File, data: bytes) -> Items:
    """Read the figures that the team states of itself."""
    document = parse_object(data)
    at = first_of(document, "last_updated", "last_session")
    yield from team.stat("sessions_stated", document.get("session_count"), "count", at)
    yield from team.session(session_of(document, "current_session_id"), time_of(document, "last_session"))
    for id, entry in object_of(document, "sessions_metadata").items():
        session = session_name(id)
        if session is not None and isinstance(entry, dict):
            yield from team.session(session)
            yield team.record("sessions", session, **_totals(entry))
