"""Lines of log files, in the shapes in which agents and the tools around them write: JSON, stamped text, piped text."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from ..parsing import first_of, millis, named, parse_object

_LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "information": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "err": "error",
    "fatal": "critical",
    "critical": "critical",
    "panic": "critical",
}
_WORDS = "TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|FATAL|CRITICAL"
_STAMP = re.compile(
    r"\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?(?:Z|[+-]\d\d:\d\d)?)[^\]\s]*\]?\s*", re.ASCII
)
_PIPED = re.compile(rf"({_WORDS})\s*\|\s*([^|]*?)\s*\|\s*(.*)", re.IGNORECASE | re.DOTALL)
_LEVEL = re.compile(rf"\[({_WORDS})\]\s*", re.IGNORECASE)
_AGENT = re.compile(r"\[(agent-[^\]\s]+)\]\s*")


class LogLine(NamedTuple):
    """What a line says; ``level`` is one of :data:`agent_widget.tables.LOG_LEVELS`."""

    at: int | None
    level: str
    agent: str | None
    session: str | None
    text: str


def parse_log_line(line: bytes) -> LogLine:
    """Parse any line: an unknown shape is text alone, missing parts are ``None``, the default level is info."""
    return (_object(line) if line.startswith(b"{") else None) or _text(line.decode("utf-8", "replace").strip())


def _level(word: object) -> str:
    return _LEVELS.get(word.strip().lower(), "info") if isinstance(word, str) else "info"


def _text(line: str) -> LogLine:
    """Parse ``time [LEVEL] [agent-…] text``, ``[time] text``, or ``[time] LEVEL | session | text | json``."""
    at, agent, rest = None, None, line
    if stamp := _STAMP.match(rest):
        at, rest = millis(stamp.group(1)), rest[stamp.end() :]
    if piped := _PIPED.match(rest):
        word, session, rest = piped.groups()
        return LogLine(at, _level(word), None, named(session), re.sub(r"\s*\|\s*(?=[{\[])", " ", rest, count=1))
    if found := _LEVEL.match(rest):
        rest = rest[found.end() :]
    if tag := _AGENT.match(rest):
        agent, rest = tag.group(1), rest[tag.end() :]
    found = found or _LEVEL.search(rest)
    return LogLine(at, _level(found and found.group(1)), agent, None, rest)


def _object(line: bytes) -> LogLine | None:
    """Parse a JSON line into its message and, in compact form, its data; ``None`` if it is not JSON after all."""
    try:
        entry = parse_object(line)
    except ValueError:
        return None
    data, message = entry.get("data"), first_of(entry, "message", "msg", "event")
    session = named(first_of(entry, "session", "session_id", "sessionId"))
    if session is None and isinstance(data, dict):
        about = data["properties"] if isinstance(data.get("properties"), dict) else data
        session = named(first_of(about, "sessionID", "session_id"))
    text = message if isinstance(message, str) else msgspec.json.encode(entry if message is None else message).decode()
    if data is not None:
        text += " " + msgspec.json.encode(data).decode()
    at = millis(first_of(entry, "timestamp", "time", "ts", "at"))
    return LogLine(
        at, _level(entry.get("level")), named(first_of(entry, "agent_id", "agent", "agentId")), session, text
    )
