"""The logs: every line is kept, and the coordinator's says how agents come, go and fare."""

from __future__ import annotations

import re

from ..base import Record
from ..parsing import named, parse_object, preview
from .file import File, Items
from .log_lines import parse_log_line
from .team import Team
from .values import session_name, text_of, time_of, whole_of


def log(team: Team, file: File, line: bytes) -> Items:
    """Read a line of any log; no line is lost or merged with another."""
    line = line.rstrip(b"\r")
    if not line.strip():
        return
    at, level, agent, session, text = parse_log_line(line)
    session = session_name(session)
    file.at = at = file.at if at is None else at
    yield log_row(team, file, file.line_id(at, line), (at, level, agent, session, text))
    yield from team.session(session, at)
    if agent is not None:
        yield from team.agent(agent, at)
        yield from _coordination(team, agent, at, text)


def commit(team: Team, file: File, line: bytes) -> Items:
    """Read a line about a commit or push."""
    entry = parse_object(line)
    at, agent = time_of(entry, "timestamp"), text_of(entry, "agent_id")
    words = [text_of(entry, "action") or "commit", text_of(entry, "commit_hash")]
    words += (text_of(entry, "message") or "").splitlines()[:1]
    if (files := whole_of(entry, "files_changed")) is not None:
        added, removed = whole_of(entry, "insertions") or 0, whole_of(entry, "deletions") or 0
        words.append(f"(+{added} −{removed}, {files} file{'' if files == 1 else 's'})")
    id = file.line_id(at, line.rstrip(b"\r"))
    yield log_row(team, file, id, (at, "info", agent, None, " ".join(filter(None, words))))
    yield from team.agent(agent, at)


def log_row(
    team: Team, file: File, id: str, line: tuple[int | None, str, str | None, str | None, str | None]
) -> Record:
    """Return a row of ``logs``; ``line`` is a :class:`.log_lines.LogLine`, perhaps without text."""
    at, level, agent, session, text = line
    who = {"agent_id": agent, "session_id": session}
    return team.record("logs", id, at=at, level=level, logger=file.family, text=preview(text), **who)


def _coordination(team: Team, agent: str, at: int | None, text: str) -> Items:
    """Yield what the coordinator logs about the agents: roles, statuses, arrivals and departures."""
    if text.startswith("Status updated: "):
        word, _, rest = text[16:].partition(" - ")
        doing = named(rest)
        yield from team.reported(agent, at, word, "status update", doing)
        yield team.claim("agents", agent, at, activity=preview(doing))
    elif found := re.match(r"Agent registered: \S+ \(role: ([^)]+)\)", text):
        yield team.claim("agents", agent, at, role=named(found.group(1)))
    elif text.startswith("Agent unregistered: "):
        yield from team.evidence(agent, at, "done", "unregistered")
    elif found := re.match(r"Cleaning up \d+ stale agent\(s\): (.+)", text):
        for stale in filter(None, map(named, found.group(1).split(","))):
            yield from team.agent(stale)
            yield from team.evidence(stale, at, "offline", "removed due to inactivity")
