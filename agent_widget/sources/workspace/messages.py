"""The message bus: what agents and people wrote, and what it says about the agents."""

from __future__ import annotations

import re
from typing import Any

from ..base import Record
from ..parsing import named, parse_object, preview
from .file import File, Items
from .sessions import spawned
from .tasks import current_task, stated_progress
from .team import Team, agent_status
from .values import Entry, as_object, field_of, id_of, looks_like_session, object_of, session_of, text_of, time_of

_KIND = {"task_complete": "task_completed"}
"""Two names of one event."""

_EVERYBODY = ("*", "all", "broadcast", "everyone")

_SENTENCES = (
    "status message text content title task summary instruction question blocker "
    "description reason result event action details"
).split()
"""The payload fields in which agents write sentences, in the order in which they are joined."""


def message(team: Team, file: File, line: bytes) -> Items:
    """Read a line of the message bus or its archives."""
    entry = parse_object(line)
    at, sender, recipient = time_of(entry, "timestamp"), text_of(entry, "from_agent", "from"), _recipient(entry)
    word = text_of(entry, "type") or ("direct" if recipient else "broadcast")
    kind = _KIND.get(word, word)
    payload = field_of(entry, "payload", "message", "content", "text")
    content = as_object(payload)
    session = session_of(content, "session_id", "child_session")
    if session is None and (details := object_of(content, "details")):
        session = session_of(details, "session_id")
    if kind == "task_progress":
        yield from stated_progress(team, at, content)
        return
    fields = {"at": at, "sender": sender, "recipient": recipient or "*", "kind": kind, "session_id": session}
    fields |= {"task_id": text_of(content, "task_id"), "text": _sentence(kind, payload)}
    yield _row(team, id_of(entry, "message_id", "id"), entry, fields)
    yield from team.agent(sender, at)
    yield from team.agent(recipient)
    yield from team.session(session, at)
    if kind == "session_spawned":
        yield from spawned(team, content, at)
    if sender is None:
        return
    if kind == "heartbeat":
        doing = text_of(content, "doing")
        yield from team.reported(sender, at, content.get("status", "working"), "heartbeat", doing)
        if doing is not None:
            yield team.claim("agents", sender, at, activity=preview(doing))
    elif kind == "broadcast":
        yield from _broadcast(team, sender, at, content, session)
    elif kind == "task_claim":
        yield from _claim(team, text_of(content, "claimed_by") or sender, at, content)
    elif kind == "task_completed":
        yield from _completion(team, sender, text_of(content, "completed_by") or sender, at, content)


def user_message(team: Team, file: File, line: bytes) -> Items:
    """Read a line that a person wrote to the agents."""
    entry = parse_object(line)
    at, sender = time_of(entry, "timestamp"), text_of(entry, "from") or "user"
    fields = {"at": at, "sender": sender, "recipient": "*", "kind": "user", "task_id": text_of(entry, "task_id")}
    fields["text"] = preview(field_of(entry, "message", "text", "content"))
    yield _row(team, id_of(entry, "id", "message_id"), entry, fields)
    yield from team.agent(sender, at)
    if not sender.startswith("agent-"):
        yield team.person(sender)
    yield from team.session(looks_like_session(text_of(entry, "read_by")), time_of(entry, "read_at"))


def _row(team: Team, id: str, entry: Entry, fields: dict[str, Any]) -> Record:
    """Return the row of a message; once read it stays read, whichever copy of it comes last."""
    if entry.get("read_by") or entry.get("read") is True:
        team.read.add(id)
    fields["read"] = id in team.read
    return team.record_of("messages", id, fields)


def _recipient(entry: Entry) -> str | None:
    """Return the recipient; ``None`` is everybody."""
    name = text_of(entry, "to_agent", "to")
    return None if name in _EVERYBODY else name


def _broadcast(team: Team, sender: str, at: int | None, content: Entry, session: str | None) -> Items:
    """Yield what follows from a broadcast: that an agent came online, or what it does."""
    words, details = text_of(content, "status"), object_of(content, "details")
    yield team.claim("agents", sender, at, role=text_of(details, "role"), activity=preview(words))
    if session_of(details, "session_id") is not None:
        yield team.claim("agents", sender, at, session_id=session)
        yield from team.works_in(sender, session, at)
    if agent_status(words) is not None:
        yield from team.reported(sender, at, words, "broadcast")
    elif words is not None and re.search(r"\b(idle|online and ready)\b", words, re.IGNORECASE):
        yield from team.evidence(sender, at, "idle", "broadcast says ready")
    else:
        yield from team.evidence(sender, at, "working", "sent a broadcast")


def _claim(team: Team, agent: str, at: int | None, content: Entry) -> Items:
    task, title = text_of(content, "task_id"), _title(content)
    yield from team.agent(agent, at)
    yield team.claim("agents", agent, at, activity=preview(title))
    yield from team.evidence(agent, at, "working", f"claimed task {title}" if title else "claimed a task")
    if task is not None:
        team.claimed[agent][task] = max(team.claimed[agent].get(task, 0), at or 0)
        yield from current_task(team, [agent])


def _completion(team: Team, sender: str, agent: str, at: int | None, content: Entry) -> Items:
    task, result = text_of(content, "task_id"), _result(content)
    title = text_of(content, "title", "task") or (None if result else task)
    yield from team.agent(agent, at if agent == sender else None)
    if agent == sender:  # else the sender only keeps the books of somebody who may be long gone
        yield team.claim("agents", agent, at, activity=preview(f"completed {title}" if title else result))
        what = f" {title}" if title else f": {result}" if result else ""
        yield from team.evidence(agent, at, "idle", f"completed {'task' if title else 'a task'}{what}")
    if task is not None:
        team.completed[task] = max(team.completed.get(task, 0), at or 0)
        team.completers[agent].add(task)
        yield team.record("agents", agent, tasks_completed=len(team.completers[agent]))
        yield from current_task(team, [who for who, claimed in team.claimed.items() if task in claimed])


def _title(content: Entry) -> str | None:
    return text_of(content, "title", "task_title", "task", "task_id")


def _result(content: Entry) -> str | None:
    return text_of(content, "summary") or text_of(content, "result")


def _sentence(kind: str, payload: Any) -> str | None:
    """Return a payload of any shape as text."""
    if not isinstance(payload, dict):
        return preview(payload)
    if kind in ("task_claim", "task_completed") and (title := _title(payload)):
        if kind == "task_claim":
            return preview(f"claimed {title}")
        result = _result(payload)
        return preview(f"completed {title}" + (f": {result}" if result else ""))
    sentences = [text for key in _SENTENCES if key in payload and (text := named(payload[key])) is not None]
    return preview(" — ".join(dict.fromkeys(sentences)) or payload or None)
