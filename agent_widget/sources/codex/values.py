"""Values in the lines of a Codex rollout: texts in any shape, how a call ended, counts, times inside ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from ..base import Malformed, named, number, parse_json, whole
from ..steps import PLACEHOLDER

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_EXIT = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d+)", re.MULTILINE)
_FAILED = ("script failed", "failed to parse", "execution error", "exec_command failed", "unsupported call", "error:")
_REFUSED = ("rejected by user", "denied by user", "declined by user")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+?)\s*$", re.MULTILINE)
Status = Literal["ok", "error", "denied", "cancelled"]
STATUS: Final[dict[str, Status]] = {"failed": "error", "declined": "denied", "interrupted": "cancelled"}


class End(NamedTuple):
    """What an event says of how a call ended."""

    status: Status
    error: str | None = None
    duration_ms: int | None = None
    files: tuple[str, ...] = ()
    output: Any = None


def made(id: Any) -> int | None:
    """When a thread or a turn was made: the first 48 bits of a UUIDv7 are milliseconds."""
    found = UUID.fullmatch(id) if isinstance(id, str) else None
    return int(id[:8] + id[9:13], 16) if found and found.group(1) == "7" else None


def text_of(content: Any) -> str:
    """The text of a content list in any of its shapes."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        kind = str(content.get("type")).removeprefix("input_").removeprefix("output_")
        told = content.get("text") or content.get("content") or content.get("output")
        return text_of(told) or PLACEHOLDER.get(kind, "")
    if isinstance(content, list):
        return "\n".join(text for part in content if (text := text_of(part)))
    return ""


def json_in(text: Any) -> dict[str, Any]:
    """The object that a text holds, if it does."""
    if isinstance(text, str) and text.lstrip()[:1] == "{":
        try:
            text = parse_json(text.encode())
        except Malformed:
            return {}
    return text if isinstance(text, dict) else {}


def judged(text: str, output: Any) -> End:
    """What the output of a call says about how it went."""
    told = json_in(text) if text.startswith('{"output"') else {}
    facts = told.get("metadata") if isinstance(told.get("metadata"), dict) else {}
    code, shown = whole((facts or {}).get("exit_code")), text
    if isinstance(told.get("output"), str):
        shown = told["output"]
    head = text.partition("\nOutput:")[0]
    if code is None and (found := _EXIT.search(head)):
        code = int(found.group(1))
    seconds = number((facts or {}).get("duration_seconds"))
    duration = None if seconds is None else round(min(max(0, seconds * 1000), 2**53))
    start = head[:200].lower()
    last = next((line for line in reversed(shown[-2000:].splitlines()) if line.strip()), "")
    if any(word in start for word in _REFUSED):
        return End("denied", last, duration, output=shown)
    if start.startswith("aborted"):
        return End("cancelled", None, duration, output=shown)
    if code:
        return End("error", f"exit code {code}: {last}", duration, output=shown)
    failed = isinstance(output, dict) and output.get("success") is False
    if code is None and (failed or start.startswith(_FAILED)):
        return End("error", last, duration, output=shown)
    return End("ok", None, duration, output=shown)


def patched(given: Any) -> list[str]:
    """Files in a patch, which may also be part of a shell command."""
    text = (
        given if isinstance(given, str) else " ".join(map(text_of, given.values())) if isinstance(given, dict) else ""
    )
    return _PATCHED.findall(text) if "*** Begin Patch" in text else []


def mcp_error(result: Any) -> str | None:
    """What went wrong in a call of an MCP server: ``{Err: text}``, or ``{Ok: {isError: true, content}}``."""
    if not isinstance(result, dict):
        return None
    if "Err" in result:
        return named(result["Err"]) or "error"
    told = result.get("Ok")
    failed = isinstance(told, dict) and (told.get("isError") is True or told.get("is_error") is True)
    return (named(text_of(told.get("content"))) or "error") if failed else None  # type: ignore[union-attr]


def duration(entry: Mapping[str, Any]) -> int | None:
    """How long a call took, ms, where it says so in seconds and nanoseconds."""
    span = entry.get("duration")
    if not isinstance(span, dict):
        return None
    seconds, nanos = number(span.get("secs")) or 0, number(span.get("nanos")) or 0
    return round(min(max(0, seconds * 1000 + nanos / 1e6), 2**53))


def counts(usage: Any) -> tuple[int, ...] | None:
    """Input, of it read from a cache and written to it, and output."""
    if not isinstance(usage, dict):
        return None
    names = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens")
    return tuple(min(max(0, whole(usage.get(name)) or 0), 2**53) for name in names)
