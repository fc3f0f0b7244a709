"""The timing of tool calls."""

from __future__ import annotations

from zlib import crc32

from ..parsing import parse_object
from .file import File, Items
from .team import Team
from .values import columns, id_of, session_of, time_of, whole_of

_columns = columns("tool_calls", "name=tool input output error input_bytes=input_size output_bytes=output_size")


def tool_call(team: Team, file: File, line: bytes) -> Items:
    """Read a tool call as one of several plugin instances timed it: the earliest and shortest counts."""
    entry = parse_object(line)
    id, named, ok = id_of(entry, "call_id"), session_of(entry, "session_id") or "", entry.get("success")
    status = "ok" if ok is True else "error" if ok is False else "running"
    at, duration = time_of(entry, "start_time", "timestamp"), whole_of(entry, "duration_ms")
    claim = (status == "running", at or 0, -1 if duration is None else duration, status, crc32(line))
    best, before = team.calls.get(id, (claim, named))
    session = min(filter(None, (before, named)), default="")  # of those that know it, always the same
    team.calls[id] = (min(best, claim), session)
    if session:
        yield from team.session(named or None, at)
        known = team.sessions[named or session]
        if id not in known.calls or (status == "error" and id not in known.errors):
            known.calls.add(id)
            if status == "error":
                known.errors.add(id)
            yield from team.counts(named or session)
    if claim <= best or session != before:
        row = {"at": at, "duration_ms": duration, "status": status, **_columns(entry)} if claim <= best else {}
        agent = team.sessions[session].agent if session else None
        yield team.record("tool_calls", id, agent_id=agent, session_id=session or None, **row)
