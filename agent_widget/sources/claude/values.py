"""What values in Claude Code's files mean: texts, what was billed, how a call ended."""

from __future__ import annotations

import re
from typing import Any, Final

from ..base import clean, named
from ..steps import PLACEHOLDER, Todo, Tokens, Usage
from .records import Block, Line, Message

_DENIED: Final = ("The user doesn't want to", "Permission to use ", "Claude requested permissions")
_CANCELLED: Final = ("<tool_use_error>Sibling tool call errored", "[Request interrupted by user")


def usage_of(entry: Line, message: Message, at: int) -> Usage | None:
    """Return what an answer took, if this line has it and a model was asked."""
    billed = message.usage
    if billed is None or message.id is None or message.model == "<synthetic>":
        return None
    tokens = Tokens(
        billed.input_tokens or 0,
        billed.output_tokens or 0,
        billed.cache_read_input_tokens or 0,
        billed.cache_creation_input_tokens or 0,
        (billed.cache_creation.ephemeral_1h_input_tokens or 0) if billed.cache_creation else 0,
    )
    copy = bool(entry.isSidechain) or entry.sessionKind == "bg"
    return Usage(at, message.id, tokens, message.model, copy=copy)


def outcome(block: Block, text: str, entry: Line) -> Any:
    """Return how a call ended."""
    if not block.is_error:
        return "ok"
    if text.startswith(_CANCELLED):
        return "cancelled"
    return "denied" if entry.toolDenialKind or text.startswith(_DENIED) else "error"


def in_background(entry: Line) -> str | None:
    """Return a reason that names what goes on after the turn, if anything does."""
    counts = {"agent": entry.pendingBackgroundAgentCount or 0, "workflow": entry.pendingWorkflowCount or 0}
    still = ", ".join(f"{count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count)
    return f"end of turn; {still} still at work in the background" if still else None


def text_in(content: Any) -> str:
    """Return the text of what is a text or a list of parts."""
    if isinstance(content, str):
        return content
    texts = [part.text if part.type == "text" else PLACEHOLDER.get(part.type) for part in content or ()]
    return "\n".join([text for text in texts if text])


def text_of_parts(content: Any) -> str:
    """Return the text in a list of parts that were not decoded."""
    parts = content if isinstance(content, list) else ()
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def todo_of(todo: dict[str, Any], id: str) -> Todo:
    """Return an entry of a list of things to do."""
    title, status = named(todo.get("content")) or id, named(todo.get("status")) or "pending"
    return Todo(id, clean(title), status)


def progress(status: str) -> float | None:
    """Return the progress of a task (0 to 1), where its status implies it."""
    return {"completed": 1.0, "pending": 0.0}.get(status)


def folder(path: Any) -> str | None:
    """Return the last part of a directory's name, on any system."""
    return named(re.split(r"[/\\]", path.rstrip("/\\"))[-1]) if isinstance(path, str) else None


def is_internal(agent: str) -> bool:
    """Return whether Claude Code runs this agent for itself: it compacts, or suggests a prompt."""
    return agent.startswith(("acompact", "aprompt_suggestion"))
