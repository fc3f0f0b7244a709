"""What is decoded of the lines of Claude Code's transcripts: all else is skipped by the decoder.

What JSON holds has no circles, so the garbage collector need not look at it (``gc=False``). The decoder looks for the
next key where the last one was found, so fields stand in the order in which Claude Code writes them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec


class Part(msgspec.Struct, gc=False):
    """A piece of what a tool returned."""

    type: str = ""
    text: str | None = None


class Block(msgspec.Struct, gc=False):
    """A piece of a message: text, thought, tool call or result."""

    tool_use_id: str = ""
    type: str = ""
    id: str = ""
    name: str = ""
    input: Any = None
    text: str | None = None
    thinking: str | None = None
    content: str | list[Part] | None = None
    is_error: bool | None = None


class CacheWrite(msgspec.Struct, gc=False):
    """What was written to a cache, by how long it is kept."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class Searches(msgspec.Struct, gc=False):
    """Tools that ran at Anthropic and are billed by the call."""

    web_search_requests: int | None = None


class Iteration(msgspec.Struct, gc=False):
    """One pass of a model on the way to an answer; an advisor's and a compaction's are not in the answer's sums."""

    type: str = ""
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_creation: CacheWrite | None = None


class Billed(msgspec.Struct, gc=False):
    """What an answer took."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheWrite | None = None
    output_tokens: int | None = None
    server_tool_use: Searches | None = None
    service_tier: str | None = None
    inference_geo: str | None = None
    iterations: list[Iteration] | None = None
    speed: str | None = None


class Message(msgspec.Struct, gc=False):
    """What was sent to the model, or came from it."""

    model: str | None = None
    id: str | None = None
    content: str | list[Block] | None = None
    stop_reason: str | None = None
    usage: Billed | None = None


class Attachment(msgspec.Struct, gc=False):
    """What the program put in by itself."""

    type: str = ""
    commandMode: str | None = None
    prompt: Any = None


class Line(msgspec.Struct, gc=False, kw_only=True):
    """One line."""

    parentUuid: str | None = None
    isSidechain: bool | None = None
    cwd: str | None = None
    sessionId: str | None = None
    gitBranch: str | None = None
    agentId: str | None = None
    teamName: str | None = None
    agentName: str | None = None
    message: Message | None = None
    requestId: str | None = None
    attachment: Attachment | None = None
    type: str
    subtype: str | None = None
    content: Any = None
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    isApiErrorMessage: bool | None = None
    uuid: str | None = None
    timestamp: Any = None
    toolUseResult: msgspec.Raw = msgspec.Raw()
    interruptedMessageId: str | None = None
    sessionKind: str | None = None
    toolDenialKind: str | None = None
    costUSD: float | None = None
    customTitle: str | None = None
    aiTitle: str | None = None
    summary: str | None = None
    lastPrompt: str | None = None
    error: Any = None
    retryAttempt: float | None = None
    maxRetries: float | None = None
    compactMetadata: Any = None
    pendingBackgroundAgentCount: int | None = None
    pendingWorkflowCount: int | None = None


DECODER: Final = msgspec.json.Decoder(Line)
