"""Teams: ``teams/<team>/config.json``, their inboxes, and the tasks of teams and of sessions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Final

from ..base import Evidence, Item, Reader, Record
from ..directories import directory_name
from ..parsing import Malformed, millis, named, parse_json, parse_object, preview
from ..steps import PERSON
from ..task_status import task_status
from .claims import Place
from .home import LEAD, Home, TeamDocument
from .values import progress

_AT_WORK: Final = ("working", "sent a message")


class Config(Reader):
    """``teams/<team>/config.json``: who is in it. Who leaves it, stays here."""

    mode = "document"

    def __init__(self, source: Home, path: PurePosixPath) -> None:
        self.source = source
        self.team = path.parts[1]

    def read(self, data: bytes) -> Iterator[Item]:
        """Yield the members, and the lead if it is another."""
        document, home, team = parse_object(data), self.source, self.team
        session = named(document.get("leadSessionId"))
        if session is not None and home.lead(team) != home.namespace + session:
            yield from home.add_lead(team, home.namespace + session)
        lead, members = home.member(team, LEAD), document.get("members") or ()
        stamps = (document.get("createdAt"), *(member.get("joinedAt") for member in members))
        began = next((at for stamp in stamps if (at := millis(stamp)) is not None), None)
        for member in members:
            name = named(member.get("name"))
            if name is None:
                continue
            agent, at = home.member(team, name), millis(member.get("joinedAt")) or began
            role, where = named(member.get("agentType")), named(member.get("cwd"))
            if agent == lead:
                yield Record("agents", agent, {"role": role})
                if home.lead(team) is not None and lead not in home.transcripts:  # which has it better
                    yield Record("sessions", agent, {"agent_id": agent, "status": "idle", "directory": where})
                    known = {"name": directory_name(where) or name, "directory": where, "session_id": agent}
                    yield Record("agents", agent, known)
                continue
            facts = {"name": name, "parent_id": lead, "started_at": at, "role": role, "directory": where}
            if agent not in home.mates:  # else its own transcript has it
                facts |= {"session_id": home.lead(team), "model": named(member.get("model"))}
            yield Record("agents", agent, {column: value for column, value in facts.items() if value is not None})
            if at is not None and (task := named(member.get("prompt"))) is not None:
                fields = {"at": at, "sender": lead, "recipient": agent, "kind": "delegate", "text": preview(task)}
                message = Record("messages", f"{agent}>", {**fields, "session_id": home.lead(team)})
                yield from home.add_message(message, Place.INBOX)
                yield Evidence(agent, at, "given work", sign="message")
            elif at is None and named(member.get("prompt")) is not None:  # no time to show what it was given at
                home.odd("time that makes no sense")


class Inbox(TeamDocument):
    """``teams/<team>/inboxes/<recipient>.json``: rewritten with every message and when one is read."""

    def items(self, data: bytes) -> Iterator[Item]:
        """Yield the messages, and what their senders do."""
        entries, home, team = parse_json(data), self.source, self.team
        if not isinstance(entries, list):
            raise Malformed("no list of messages")
        session, name = home.lead(team), self.path.stem
        recipient, seen = home.member(team, name), Counter[str]()
        yield Record("agents", recipient, {} if recipient == session else {"name": name})
        for entry in entries:
            at, text, sender = millis(entry.get("timestamp")), named(entry.get("text")), named(entry.get("from"))
            if at is None or text is None or sender is None:
                home.odd("message in an inbox without a time, a text or a sender")
                continue
            sender_name = sender.partition("@")[0]
            agent = PERSON if sender == PERSON else home.member(team, sender_name)
            key = message_key(name, sender, at, text)
            seen[key] += 1
            id = f"{home.namespace}{team}:{key}" + (f".{seen[key]}" if seen[key] > 1 else "")
            kind, shown, task, (status, reason) = _team_message(text)
            fields = {"at": at, "sender": agent, "recipient": recipient, "kind": kind, "text": preview(shown)}
            if task is not None:
                fields["task_id"] = f"{session or home.namespace + team}:{task}"
            message = Record("messages", id, {**fields, "session_id": session, "read": entry.get("read") is True})
            yield from home.add_message(message, Place.INBOX)
            if agent == PERSON:
                continue
            yield Record("agents", agent, {} if agent == session else {"name": sender_name})
            if sender_name != LEAD:  # the lead's own transcript has it
                yield Evidence(agent, at, f"says {status}", reason, "message")


class Task(TeamDocument):
    """``tasks/<session or team>/<n>.json``."""

    def read(self, data: bytes) -> Iterator[Item]:
        """Yield the task; an old version also kept all of them in one file of another name."""
        if self.path.stem.isdecimal():
            yield from super().read(data)

    def items(self, data: bytes) -> Iterator[Item]:
        """Yield the task, unless it is one of Claude Code's own."""
        document, home = parse_object(data), self.source
        number = named(str(document.get("id") or self.path.stem))
        title, metadata = named(document.get("subject")), document.get("metadata")
        if title is None or (isinstance(metadata, dict) and metadata.get("_internal")):
            return
        session = home.lead(self.team) or home.namespace + self.team
        status = task_status(document.get("status")) or "pending"
        blockers, owner = document.get("blockedBy"), named(document.get("owner"))
        fields = {
            "title": preview(title),
            "description": preview(named(document.get("description"))),
            "status": status,
            "progress": progress(status),
            "owner": None if owner is None else home.member(self.team, owner.partition("@")[0]),
            "session_id": session,
            "depends_on": [f"{session}:{id}" for id in blockers] if isinstance(blockers, list) else None,
        }
        for column, name in (("created_at", "createdAt"), ("updated_at", "updatedAt")):
            if (at := millis(document.get(name))) is not None:
                fields[column] = at
        yield home.tasks.filed(Record("tasks", f"{session}:{number}", fields))


def message_key(name: str, sender: str, at: int, text: str) -> str:
    """Return what a message is known by: whose inbox it is in, from whom, when (ms), and what it says."""
    return blake2b(f"{name}\0{sender}\0{at}\0{text}".encode("utf-8", "replace"), digest_size=9).hexdigest()


def _team_message(text: str) -> tuple[str, str, str | None, tuple[str, str]]:
    """Return a message's kind, its text, the task it is about, and its sender's status with the reason."""
    try:
        message = parse_json(text.encode()) if text.startswith("{") else None
    except (Malformed, UnicodeEncodeError):
        message = None
    if not isinstance(message, dict) or (kind := named(message.get("type"))) is None:
        return "message", text, None, _AT_WORK
    task, why = message.get("taskId"), named(message.get("reason")) or named(message.get("idleReason"))
    if kind == "idle_notification":
        return kind, f"idle: {why}", None, ("failed" if why == "failed" else "idle", f"says that it is idle: {why}")
    if kind == "task_assignment":
        subject = named(message.get("subject")) or "a task"
        return kind, subject, str(task) if task is not None else None, _AT_WORK
    if kind in ("shutdown_approved", "shutdown_response") and message.get("approve") is not False:
        return kind, "agrees to shut down", None, ("done", "agreed to shut down")
    shown = why or named(message.get("content")) or named(message.get("plan")) or kind.replace("_", " ")
    waits = kind in ("permission_request", "plan_approval_request")
    return kind, shown, None, ("waiting", kind.replace("_", " ")) if waits else _AT_WORK
