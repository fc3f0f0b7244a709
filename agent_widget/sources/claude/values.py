"""What values in Claude Code's lines mean: texts, what was billed, how a call ended, what members of a team say."""

from __future__ import annotations

import re
from typing import Any, Final

from ..base import Malformed, clean, named, parse_json
from ..steps import PLACEHOLDER, Todo, Tokens, Usage
from .records import Block, Line, Message

_DENIED: Final = ("The user doesn't want to", "Permission to use ", "Claude requested permissions")
_CANCELLED: Final = ("<tool_use_error>Sibling tool call errored", "[Request interrupted by user")


def usage_of(entry: Line, message: Message, at: int) -> Usage | None:
    """What an answer took, if this line says it and a model was asked."""
    told = message.usage
    if told is None or message.id is None or message.model == "<synthetic>":
        return None
    tokens = Tokens(
        told.input_tokens or 0,
        told.output_tokens or 0,
        told.cache_read_input_tokens or 0,
        told.cache_creation_input_tokens or 0,
        (told.cache_creation.ephemeral_1h_input_tokens or 0) if told.cache_creation else 0,
    )
    copy = bool(entry.isSidechain) or entry.sessionKind == "bg"
    return Usage(at, message.id, tokens, message.model, copy=copy)


def outcome(block: Block, text: str, entry: Line) -> Any:
    """How a call ended."""
    if not block.is_error:
        return "ok"
    if text.startswith(_CANCELLED):
        return "cancelled"
    return "denied" if entry.toolDenialKind or text.startswith(_DENIED) else "error"


def in_background(entry: Line) -> str | None:
    """A reason that says what goes on after the turn, if anything does."""
    counts = {"agent": entry.pendingBackgroundAgentCount or 0, "workflow": entry.pendingWorkflowCount or 0}
    still = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count)
    return f"end of turn; {still} still at work in the background" if still else None


def text_in(content: Any) -> str:
    """The text of what is a text or a list of parts."""
    if isinstance(content, str):
        return content
    texts = [part.text if part.type == "text" else PLACEHOLDER.get(part.type) for part in content or ()]
    return "\n".join([text for text in texts if text])


def text_of_parts(content: Any) -> str:
    """The text in a list of parts that were not decoded."""
    parts = content if isinstance(content, list) else ()
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def todo_of(todo: dict[str, Any], id: str) -> Todo:
    """An entry of a list of things to do."""
    title, status = named(todo.get("content")) or id, named(todo.get("status")) or "pending"
    return Todo(id, clean(title), status)


def team_message(text: str) -> tuple[str, str, str | None, tuple[str, str]]:
    """A message between members of a team: its kind, what it says, the task it is about, what its sender does."""
    try:
        told = parse_json(text.encode()) if text.startswith("{") else None
    except (Malformed, UnicodeEncodeError):
        told = None
    if not isinstance(told, dict) or (kind := named(told.get("type"))) is None:
        return "message", clean(text), None, ("working", "sent a message")
    task, why = told.get("taskId"), named(told.get("reason")) or named(told.get("idleReason"))
    if kind == "idle_notification":
        failed = why == "failed"
        return kind, f"idle: {why}", None, ("failed" if failed else "idle", f"says that it is idle: {why}")
    if kind == "task_assignment":
        return kind, clean(named(told.get("subject")) or "a task"), str(task) if task is not None else None, _AT_WORK
    if kind in ("shutdown_approved", "shutdown_response") and told.get("approve") is not False:
        return kind, "agrees to shut down", None, ("done", "agreed to shut down")
    said = why or named(told.get("content")) or named(told.get("plan")) or kind.replace("_", " ")
    waits = kind in ("permission_request", "plan_approval_request")
    return kind, clean(said), None, ("waiting", kind.replace("_", " ")) if waits else _AT_WORK


_AT_WORK: Final = ("working", "sent a message")


def folder(path: Any) -> str | None:
    """The last part of a directory's name, on any system."""
    return named(re.split(r"[/\\]", path.rstrip("/\\"))[-1]) if isinstance(path, str) else None


def is_internal(agent: str) -> bool:
    """Whether Claude Code runs this agent for itself: it compacts, or suggests a prompt."""
    return agent.startswith(("acompact", "aprompt_suggestion"))
