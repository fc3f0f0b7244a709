"""What the telemetry of coding agents says in log records: prompts, calls, answers and what they cost.

Claude Code (``claude_code.*``, docs "Monitoring"), Codex (``codex.*``, ``[otel]`` in its configuration), Gemini CLI
(``gemini_cli.*``, docs "Telemetry") and the events of OpenTelemetry's GenAI conventions. All other log records are rows
of ``logs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..base import Item, Record
from ..parsing import first_of, millis, named, number, preview, whole
from ..steps import About, Call, Prompt, Result, Tokens, Unnamed, Usage
from .signals import LogRecord
from .traces import Owner

if TYPE_CHECKING:
    from ..conversation import Conversation
    from . import Otlp

_LEVELS: Final = ((21, "critical"), (17, "error"), (13, "warning"), (9, "info"), (1, "debug"))
"""Least ``SeverityNumber`` → level."""
_AGENTS: Final = {"claude_code": "Claude Code", "codex": "Codex", "gemini_cli": "Gemini CLI", "qwen-code": "Qwen Code"}
"""First part of an event's name → what the agent is called."""


class Events:
    """What the log records of one root have come to."""

    def __init__(self, source: Otlp) -> None:
        self._source = source

    def add(self, record: LogRecord) -> Iterator[Item]:
        """Yield what follows from a log record."""
        name = record.name or (record.body if isinstance(record.body, str) else "")
        if "." not in name and isinstance(record.body, str) and record.body.endswith(f".{name}"):
            name = record.body  # Claude Code: "user_prompt" with "claude_code.user_prompt" as its body
        agent, _, event = name.partition(".")
        a = record.attributes
        session = named(first_of(a, "session.id", "conversation.id", "gen_ai.conversation.id"))
        at = record.at or millis(a.get("event.timestamp")) or 0
        if agent in _AGENTS and session is not None and at:
            takes = _EVENTS.get(event)
            if takes is not None:
                id = _id(session, record)
                if self._source.has_seen(id):
                    return
                owner = Owner(self._source.namespace + session, self._source.namespace + session)
                talk = self._source.conversation(owner, record)
                self._source.touched[talk.agent] = talk
                yield from talk.take(About(at, {}, {"name": _AGENTS[agent]}))
                if takes is _prompted and owner.session not in self._source.titled and (text := named(a.get("prompt"))):
                    self._source.titled[owner.session] = True
                    yield from talk.take(About(at, {"title": preview(" ".join(text.split()))}, {}))
                yield from takes(talk, at, a, id)
                return
        if name == "gen_ai.evaluation.result":
            yield _judgement(record, at)
            return
        yield self._log(record, at, session)

    def _log(self, record: LogRecord, at: int, session: str | None) -> Record:
        body = record.body if isinstance(record.body, str) else None
        text = body or record.name
        if record.body is not None and body is None:
            text = f"{record.name} {msgspec.json.encode(record.body).decode()}".strip()
        failed = record.name.endswith("error")  # an event has no severity: claude_code.api_error
        if failed and (error := named(first_of(record.attributes, *_ERROR))):
            text = f"{text}: {error}"
        level = next((level for least, level in _LEVELS if record.severity >= least), "error" if failed else "info")
        fields = {
            "at": at or None,
            "level": level,
            "session_id": None if session is None else self._source.namespace + session,
            "logger": record.scope or named(record.resource.get("service.name")),
            "text": preview(text),
        }
        return Record("logs", _id(session or "", record), fields)


def _id(session: str, record: LogRecord) -> str:
    """Return an id from the content: a record has none of its own."""
    content = msgspec.json.encode([session, record.at, record.name, record.body, record.attributes, record.span])
    return blake2b(content, digest_size=12).hexdigest()


def _judgement(record: LogRecord, at: int) -> Record:
    a = record.attributes
    score = number(a.get("gen_ai.evaluation.score.value"))
    fields = {
        "at": at or None,
        "kind": "evaluation",
        "subject": named(a.get("gen_ai.evaluation.name")),
        "session_id": named(a.get("gen_ai.conversation.id")) or record.trace,
        "assessor": record.scope or None,
        "score": score if score is not None and 0 <= score <= 1 else None,
        "notes": preview(first_of(a, "gen_ai.evaluation.explanation", "gen_ai.evaluation.score.label")),
    }
    return Record("quality", _id("", record), fields)


def _prompted(talk: Conversation, at: int, a: dict[str, Any], id: str) -> Iterator[Item]:
    text = named(a.get("prompt"))
    yield from talk.take(Prompt(at, id, text or f"[{whole(a.get('prompt_length')) or 0} characters]"))


def _called(talk: Conversation, at: int, a: dict[str, Any], id: str) -> Iterator[Item]:
    """Yield a call that has returned: it is written when it has."""
    duration = whole(_number(a.get("duration_ms")))
    name = named(first_of(a, "tool_name", "function_name", "name")) or "tool"
    given = first_of(a, "tool_parameters", "tool_input", "function_args", "arguments")
    if isinstance(given, str) and given[:1] in "{[":
        with suppress(msgspec.DecodeError):  # then it is shown as the text that it is
            given = msgspec.json.decode(given)
    key = named(first_of(a, "tool_use_id", "call_id")) or id
    yield from talk.take(Call(at - (duration or 0), key, name, given))
    ok = str(a.get("success")).lower() != "false"
    status = "denied" if _is_refused(a) else "ok" if ok else "error"
    error = named(first_of(a, *_ERROR))
    yield from talk.take(Result(at, key, status, a.get("output"), error, duration))  # type: ignore[arg-type]


_ERROR: Final = ("error", "error_message", "error.message")


def _is_refused(a: dict[str, Any]) -> bool:
    return str(first_of(a, "decision", "decision_type")).lower() in ("reject", "denied", "abort")


def _decided(talk: Conversation, at: int, a: dict[str, Any], id: str) -> Iterator[Item]:
    """Yield a call that was refused: nothing else may tell of it. One that was allowed is told when it has returned."""
    if _is_refused(a) and first_of(a, "tool_use_id", "call_id") is not None:
        yield from _called(talk, at, a, id)


def _asked(talk: Conversation, at: int, a: dict[str, Any], id: str) -> Iterator[Item]:
    """Yield an answer of the model. Claude's input excludes what came from a cache, that of the others includes it."""
    if "cached_token_count" in a or "input_token_count" in a:
        read = whole(_number(first_of(a, "cached_token_count", "cached_content_token_count"))) or 0
        given = whole(_number(a.get("input_token_count"))) or 0
        written = whole(_number(a.get("output_token_count"))) or 0
        if "cached_content_token_count" in a or "thoughts_token_count" in a:  # Gemini: output excludes thoughts
            written += whole(_number(a.get("thoughts_token_count"))) or 0
        tokens = Tokens(max(0, given - read), written, read)
    else:
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
        tokens = Tokens(*(whole(_number(a.get(name))) or 0 for name in names))
    if tokens.total or "cost_usd" in a:
        cost = _number(a.get("cost_usd"))
        yield from talk.take(Usage(at, id, tokens, named(a.get("model")), cost))
    yield from talk.take(Unnamed(at))


def _streamed(talk: Conversation, at: int, a: dict[str, Any], id: str) -> Iterator[Item]:
    """Yield an answer of Codex, of which every part of the stream is an event."""
    if a.get("event.kind") == "response.completed":
        yield from _asked(talk, at, a, id)


_EVENTS: Final[dict[str, Callable[[Conversation, int, dict[str, Any], str], Iterator[Item]]]] = {
    "user_prompt": _prompted,
    "tool_decision": _decided,
    "tool_result": _called,
    "tool_call": _called,
    "api_request": _asked,
    "api_response": _asked,
    "sse_event": _streamed,
}


def _number(value: Any) -> float | None:
    """Return a number, also one that was written as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)
