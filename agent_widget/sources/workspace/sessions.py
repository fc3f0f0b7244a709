"""The files about sessions: their events, summaries, checkpoints, and the list that OpenCode keeps."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ..parsing import named, parse_json, parse_object, preview, whole
from .file import File, Items
from .tasks import progress
from .team import Checkpoint, Team
from .values import Entry, columns, identified, length_of, number_of, object_of, session_of, text_of, time_of, whole_of

_totals = columns("sessions", "duration_ms tool_calls")


def event(team: Team, file: File, line: bytes) -> Items:
    """Read a line of ``sessions.jsonl``: a start, an end, an error, a compaction, a file edit."""
    entry = parse_object(line)
    at, kind = time_of(entry, "timestamp"), entry.get("type")
    if kind == "session_spawned":
        yield from spawned(team, entry, at)
    session = session_of(entry, "session_id")
    if session is None:
        return  # file edits and errors do not say whose they are
    yield from team.session(session, at)
    known = team.sessions[session]
    if kind == "session_start":
        known.started = max(known.started, at or 0)
    elif kind == "session_end":
        known.ended = max(known.ended, at or 0)
        yield team.record("sessions", session, **_totals(entry))
    elif kind == "session_error":
        error = _error_text(entry.get("error"))
        known.failures.add((at or 0, error))
        known.errors.add(f"error: {error}")  # several instances report it, in the same words
        yield from team.counts(session)
        yield from team.failures(session, *sorted(known.claims))
    elif kind == "file_edit" and isinstance(entry.get("file"), str):
        known.files.add(entry["file"])
        yield team.record("sessions", session, files_changed=len(known.files))
    yield team.session_state(session)


def spawned(team: Team, entry: Entry, at: int | None) -> Items:
    """Yield what ``sessions.jsonl`` or the message bus has of a session that another one started."""
    parent, child = session_of(entry, "parent_session"), session_of(entry, "child_session")
    yield from team.spawned(parent, child, at)
    if child is not None and child != parent:
        yield team.claim("sessions", child, 1, title=preview(text_of(entry, "description")))
        yield team.record("sessions", child, duration_ms=whole_of(entry, "duration_ms"))


def summaries(team: Team, file: File, data: bytes) -> Items:
    """Read what was extracted from each session after it ended."""
    for session, entry in identified(parse_json(data), "summaries", "session_id", pick=session_of):
        start, end = time_of(entry, "start_time"), time_of(entry, "end_time")
        minutes = number_of(entry, "duration_minutes")
        yield from team.session(session, start, end)
        team.sessions[session].ended = max(team.sessions[session].ended, end or 0)
        yield team.session_state(session)
        if start is not None and end is not None:
            duration: int | None = end - start
        else:
            duration = None if minutes is None else whole(minutes * 60_000)
        calls, files = whole_of(entry, "tool_calls"), length_of(entry, "files_edited")
        yield team.record("sessions", session, duration_ms=duration, tool_calls=calls, files_changed=files)
        yield team.claim("sessions", session, 0, file.path, title=preview(text_of(entry, "summary_text")))


def opencode(team: Team, file: File, data: bytes) -> Items:
    """Read the sessions as OpenCode lists them: the only file with their titles."""
    for session, entry in identified(parse_json(data), "sessions", "id", pick=session_of):
        yield from team.session(session, time_of(entry, "created"), time_of(entry, "updated"))
        tools = entry.get("tools_used")
        yield team.record(
            "sessions",
            session,
            directory=text_of(entry, "directory"),
            messages=whole_of(entry, "message_count"),
            files_changed=whole_of(object_of(entry, "file_changes"), "files"),
            tool_calls=sum(whole(n) or 0 for n in tools.values()) if isinstance(tools, dict) else None,
        )
        yield team.claim("sessions", session, 2, file.path, title=preview(text_of(entry, "title")))


def checkpoint(team: Team, file: File, data: bytes) -> Items:
    """Read what a session was doing when it saved itself, and its progress."""
    document = parse_object(data)
    agent, current = text_of(document, "agent_id"), object_of(document, "current_task")
    session = session_of(document, "session_id") or PurePosixPath(file.path).parent.name
    at = time_of(document, "created_at")
    yield from team.session(session, at)
    yield team.record("sessions", session, files_changed=length_of(document, "files_modified"))
    if agent is not None:
        doing = text_of(current, "progress_description")
        doing = doing or text_of(object_of(document, "context"), "what_was_happening")
        yield from team.agent(agent, at)
        yield team.claim("agents", agent, at, file.path, session_id=session, activity=preview(doing))
        yield from team.works_in(agent, session, at)
    task, percent = text_of(current, "task_id"), number_of(current, "progress_percentage")
    for before in team.unnamed(file.path, set() if task is None else {task}):
        team.checkpoints[before].pop(file.path, None)
        yield from progress(team, before)
    if task is not None:
        share = None if percent is None else min(max(percent / 100, 0.0), 1.0)
        team.checkpoints[task][file.path] = Checkpoint(at or 0, session, share)
        yield from progress(team, task)


def handoff(team: Team, file: File, data: bytes) -> Items:
    """Yield a session that has a directory of its own."""
    document = parse_object(data)
    yield from team.session(session_of(document, "session_id"), time_of(document, "updated_at"))


def _error_text(error: Any) -> str:
    """Return ``{name, data: {message}}`` or any other shape of an error as one line."""
    if isinstance(error, dict):
        data = error["data"] if isinstance(error.get("data"), dict) else error
        error = named(data.get("message")) or named(error.get("name")) or error
    return (preview(error) or "unknown").partition("\n")[0]
