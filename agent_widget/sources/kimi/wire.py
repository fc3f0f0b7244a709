"""The messages of Kimi CLI's wire, and a subagent's facts: only the fields that :mod:`.kimi` reads."""

from __future__ import annotations

from typing import Any

import msgspec


class Message(msgspec.Struct):
    """What kind it is, and what it says."""

    type: str
    payload: dict[str, Any] = {}


class Line(msgspec.Struct):
    """One line; the header has no message."""

    type: str | None = None
    timestamp: Any = None
    message: Message | None = None


class Function(msgspec.Struct):
    """What is called, its arguments as JSON in a text."""

    name: str
    arguments: str | None = None


class Called(msgspec.Struct):
    """``ToolCall``."""

    id: str
    function: Function


class Value(msgspec.Struct):
    """What a tool gave back."""

    is_error: bool
    output: str | list[dict[str, Any]] = ""
    message: str = ""
    display: list[dict[str, Any]] = []


class Returned(msgspec.Struct):
    """``ToolResult``."""

    tool_call_id: str
    return_value: Value


class Counts(msgspec.Struct):
    """What one answer of the model took."""

    output: int = 0
    input_other: int = 0
    input_cache_read: int = 0
    input_cache_creation: int = 0


class StatusUpdate(msgspec.Struct):
    """After every answer of the model."""

    token_usage: Counts | None = None
    message_id: str | None = None


class Request(msgspec.Struct):
    """A permission or an answer that is asked for."""

    id: str
    tool_call_id: str
    description: str | None = None
    agent_id: str | None = None
    questions: list[dict[str, Any]] = []


class Response(msgspec.Struct):
    """``ApprovalResponse``."""

    request_id: str
    response: str


class SubagentEvent(msgspec.Struct):
    """What a subagent tells, repeated in the wire of who started it."""

    event: Message
    parent_tool_call_id: str | None = None
    task_tool_call_id: str | None = None
    agent_id: str | None = None
    subagent_type: str | None = None


class Subagent(msgspec.Struct):
    """``meta.json``."""

    agent_id: str
    subagent_type: str
    status: str
    description: str
    created_at: float
    updated_at: float
    launch_spec: dict[str, Any] = {}
