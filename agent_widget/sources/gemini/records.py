"""The records of Gemini CLI's chats: only the fields that :mod:`.gemini` reads."""

from __future__ import annotations

from typing import Any

import msgspec

from ..steps import Tokens


class Counts(msgspec.Struct):
    """What one answer took; ``input`` is with what came from a cache."""

    input: int | None = 0
    output: int | None = 0
    cached: int | None = 0
    thoughts: int | None = 0
    tool: int | None = 0

    @property
    def tokens(self) -> Tokens:
        """Without what is counted twice, and with the thoughts."""
        read = self.cached or 0
        given = max(0, (self.input or 0) - read) + (self.tool or 0)
        return Tokens(given, (self.output or 0) + (self.thoughts or 0), read)


class Thought(msgspec.Struct):
    """What it thought on the way."""

    subject: str | None = None
    description: str | None = None


class ToolCall(msgspec.Struct):
    """A tool it called, and what came back."""

    id: str
    name: str
    args: Any = None
    result: Any = None
    status: str = ""
    timestamp: Any = None
    agentId: str | None = None


class Message(msgspec.Struct, kw_only=True):
    """A message; an answer has the lower half, too."""

    id: str
    timestamp: Any = None
    type: str
    content: Any = None
    displayContent: Any = None
    model: str | None = None
    thoughts: list[Thought] | None = None
    tokens: Counts | None = None
    toolCalls: list[ToolCall] | None = None


class Facts(msgspec.Struct):
    """Facts about a chat, at its start or with ``$set``; a document is this, too."""

    sessionId: str | None = None
    startTime: Any = None
    lastUpdated: Any = None
    summary: str | None = None
    messages: list[msgspec.Raw] | None = None


class Line(Facts):
    """A line: a message has an id, the first line a session id, the others one key with a dollar."""

    id: str | None = None
    set: Facts | None = msgspec.field(default=None, name="$set")
    rewind: str | None = msgspec.field(default=None, name="$rewindTo")


class Task(msgspec.Struct):
    """A task of the tracker, in a file of its own."""

    id: str
    title: str
    status: str
    description: str | None = None
    type: str | None = None
    """``epic``, ``task`` or ``bug``."""
    parentId: str | None = None
    dependencies: list[str] = []
    subagentSessionId: str | None = None


line_decoder = msgspec.json.Decoder(Line)
message_decoder = msgspec.json.Decoder(Message)
document_decoder = msgspec.json.Decoder(Facts)
task_decoder = msgspec.json.Decoder(Task)
