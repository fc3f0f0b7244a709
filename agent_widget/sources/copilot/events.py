"""The lines of GitHub Copilot CLI's event log: only the fields that :mod:`.copilot` reads."""

from __future__ import annotations

from typing import Any

import msgspec

from ..steps import Tokens


class Event(msgspec.Struct):
    """The envelope of every line."""

    type: str
    timestamp: Any = None
    data: msgspec.Raw = msgspec.Raw(b"{}")
    id: str | None = None
    agentId: str | None = None


class Context(msgspec.Struct):
    """Where a session works."""

    cwd: str | None = None
    branch: str | None = None


class Request(msgspec.Struct):
    """A tool that an answer calls."""

    toolCallId: str | None = None


class Counts(msgspec.Struct):
    """Tokens of a model since the session began."""

    inputTokens: int | None = 0
    """With what came from a cache."""
    outputTokens: int | None = 0
    cacheReadTokens: int | None = 0
    cacheWriteTokens: int | None = 0

    @property
    def tokens(self) -> Tokens:
        """Without what is counted twice."""
        read, write = self.cacheReadTokens or 0, self.cacheWriteTokens or 0
        return Tokens(max(0, (self.inputTokens or 0) - read - write), self.outputTokens or 0, read, write)


class Record(Counts):
    """What one answer took."""

    model: str | None = None
    apiCallId: str | None = None


class Metrics(msgspec.Struct):
    """What a model did."""

    usage: Counts | None = None


class Changes(msgspec.Struct):
    """What was written."""

    filesModified: list[str] | None = None


class Data(msgspec.Struct):
    """The fields of all events that are read; each event has a few of them."""

    sessionId: str | None = None
    context: Context | None = None
    selectedModel: str | None = None
    newModel: str | None = None
    chosenModel: str | None = None
    content: str | None = None
    source: str | None = None
    isAutopilotContinuation: bool | None = None
    messageId: str | None = None
    requestId: str | None = None
    model: str | None = None
    outputTokens: int | None = None
    reasoningText: str | None = None
    toolRequests: list[Request] | None = None
    toolCallId: str | None = None
    toolName: str | None = None
    arguments: Any = None
    success: bool | None = None
    usage: Record | None = None
    apiCallId: str | None = None
    shellExecution: Any = None
    result: Any = None
    error: Any = None
    permissionRequest: Any = None
    resolvedByHook: bool | None = None
    agentName: str | None = None
    agentDisplayName: str | None = None
    message: str | None = None
    errorType: str | None = None
    shutdownType: str | None = None
    modelMetrics: dict[str, Metrics] | None = None
    codeChanges: Changes | None = None
    currentTokens: int | None = None


event_decoder = msgspec.json.Decoder(Event)
data_decoder = msgspec.json.Decoder(Data)
