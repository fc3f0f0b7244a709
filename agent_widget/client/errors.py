"""What a client raises."""

from __future__ import annotations

from typing import Any

from ..failures import Failure


class ConnectionFailed(Failure, ConnectionError):
    """The server cannot be reached, does not answer, or refuses the connection; the message says what to do."""

    def __init__(self, message: str | None) -> None:
        super().__init__(message or "not connected")


class CallError(RuntimeError):
    """The server answered a question with an error.

    ``code`` is one word for what went wrong: ``bad_request``, ``unknown_method``, ``unavailable``, ``too_large``, …
    ``details`` are those of a ``conflict``: column → the value that was ``seen`` and the one that was ``found``.
    """

    def __init__(self, message: str, code: str = "failed", details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class NotFound(CallError, LookupError):
    """There is no such agent, transcript or memory entry; also a ``LookupError``. Its ``code`` is ``not_found``."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "not_found")


class PartialWarning(UserWarning):
    """What was asked for holds only the newest rows of a table: the others are at the server, which cannot be asked."""
