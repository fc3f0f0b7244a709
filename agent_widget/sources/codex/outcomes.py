"""How a tool call ended, from its output and from an event beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ..parsing import named, number, whole
from ..steps import ToolStatus
from .values import json_in, text_of

STATUS: Final[dict[str, ToolStatus]] = {"failed": "error", "declined": "denied", "interrupted": "cancelled"}
"""Status in events and items → status of a call; any other is ok."""

_EXIT = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d+)", re.MULTILINE)
_FAILED = ("script failed", "failed to parse", "execution error", "exec_command failed", "unsupported call", "error:")
_REFUSED = ("rejected by user", "denied by user", "declined by user")
_ABORTED = re.compile(r"^aborted(?: by user|$)", re.MULTILINE)
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+?)\s*$", re.MULTILINE)


class Outcome(NamedTuple):
    """How a call ended."""

    status: ToolStatus
    error: str | None = None
    duration_ms: int | None = None
    files: tuple[str, ...] = ()
    output: Any = None


def by_output(text: str, output: Any) -> Outcome:
    """Return how a call ended, from its output and the text in it."""
    wrapped = json_in(text) if text.startswith('{"output"') else {}
    metadata = wrapped.get("metadata")
    facts: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    code, shown = whole(facts.get("exit_code")), text
    if isinstance(wrapped.get("output"), str):
        shown = wrapped["output"]
    head = text.partition("\nOutput:")[0]
    if code is None and (found := _EXIT.search(head)):
        code = int(found.group(1))
    seconds = number(facts.get("duration_seconds"))
    duration = None if seconds is None else _bounded(seconds * 1000)
    start = head[:200].lower()
    last = next((line for line in reversed(shown[-2000:].splitlines()) if line.strip()), "")
    if any(word in start for word in _REFUSED):
        return Outcome("denied", last, duration, output=shown)
    if _ABORTED.search(start) and code is None:
        return Outcome("cancelled", None, duration, output=shown)
    if code:
        return Outcome("error", f"exit code {code}: {last}", duration, output=shown)
    failed = isinstance(output, dict) and output.get("success") is False
    if code is None and (failed or start.startswith(_FAILED)):
        return Outcome("error", last, duration, output=shown)
    return Outcome("ok", None, duration, output=shown)


def by_event(entry: Mapping[str, Any]) -> Outcome:
    """Return how a call ended, from the fields of an event or item about its end."""
    code, changes = whole(entry.get("exit_code")), entry.get("changes")
    broken = _mcp_error(entry.get("result"))
    status = STATUS.get(str(entry.get("status")), "ok")
    if status == "ok" and (code or entry.get("success") is False or broken is not None):
        status = "error"
    exit_code = f"exit code {code}" if code else None
    error = None if status == "ok" else named(entry.get("stderr")) or exit_code or broken or status
    files = tuple(sorted(changes)) if isinstance(changes, dict) and status == "ok" else ()
    return Outcome(status, error, _duration(entry.get("duration")), files, entry.get("aggregated_output"))


def patched(given: Any) -> list[str]:
    """Return the files in a patch, which may also be part of a shell command."""
    text = (
        given if isinstance(given, str) else " ".join(map(text_of, given.values())) if isinstance(given, dict) else ""
    )
    return _PATCHED.findall(text) if "*** Begin Patch" in text else []


def _mcp_error(result: Any) -> str | None:
    """Return what went wrong in a call of an MCP server: ``{Err: text}``, or ``{Ok: {isError: true, content}}``."""
    if not isinstance(result, dict):
        return None
    if "Err" in result:
        return named(result["Err"]) or "error"
    answer = result.get("Ok")
    if isinstance(answer, dict) and (answer.get("isError") is True or answer.get("is_error") is True):
        return named(text_of(answer.get("content"))) or "error"
    return None


def _duration(span: Any) -> int | None:
    """Return ms, from seconds and nanoseconds."""
    if not isinstance(span, dict):
        return None
    return _bounded((number(span.get("secs")) or 0) * 1000 + (number(span.get("nanos")) or 0) / 1e6)


def _bounded(ms: float) -> int:
    return round(min(max(0, ms), 2**53))
