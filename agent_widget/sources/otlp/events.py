"""What the telemetry of coding agents says in log records: prompts, calls, answers and what they cost.

Claude Code (``claude_code.*``, docs "Monitoring", as of 2.1.280), Codex (``codex.*``, ``[otel]`` in its configuration,
``codex-rs/otel`` as of 0.130), Gemini CLI (``gemini_cli.*``, docs "Telemetry", as of 0.40) and the events of
OpenTelemetry's GenAI conventions. All other log records are rows of ``logs``.

Claude Code says most of it in spans, too (:mod:`.interactions`): what both say counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..base import Evidence, Item, Record
from ..kept import forget_oldest
from ..parsing import first_of, millis, named, number, preview, whole
from ..steps import About, Call, Closed, Prompt, Reply, Result, Terms, Tokens, ToolStatus, Unnamed, Usage
from .conventions import answer_in, prompt_in, text_of
from .signals import Attributes, LogRecord, Span
from .traces import Owner, reply

if TYPE_CHECKING:
    from ..conversation import Conversation
    from . import Otlp

_LEVELS: Final = ((21, "critical"), (17, "error"), (13, "warning"), (9, "info"), (1, "debug"))
"""Least ``SeverityNumber`` → level."""
AGENTS: Final = {"claude_code": "Claude Code", "codex": "Codex", "gemini_cli": "Gemini CLI", "qwen-code": "Qwen Code"}
"""First part of an event's name → what the agent is called."""
_SERVICES: Final = {"claude-code": "claude_code", "gemini-cli": "gemini_cli", "qwen-code": "qwen-code"}
"""``service.name`` → first part of the name of an event that has none: ``chat_compression`` of Gemini CLI."""
_SESSION: Final = ("session.id", "conversation.id", "gen_ai.conversation.id")
_AGAIN_MS: Final = 2000
"""Time (ms) between what a log record and a span say of the same prompt, at most."""
PROMPTS: Final = 2000
"""Maximum sessions whose last prompt is remembered."""


class Events:
    """What the log records of one root have come to."""

    def __init__(self, source: Otlp) -> None:
        self._source = source
        self._prompts: dict[str, tuple[int, str]] = {}
        """Session → when it was prompted last, and with what."""

    def add(self, record: LogRecord) -> Iterator[Item]:
        """Yield what follows from a log record."""
        agent, event = _named(record)
        name = f"{agent}.{event}" if event else agent
        a = record.attributes
        session = named(first_of(a, *_SESSION)) or named(record.resource.get("session.id"))
        at = record.at or millis(a.get("event.timestamp")) or 0
        if agent in AGENTS and session is not None and at and (event in _EVENTS or event in _OWN):
            id = _id(session, record)
            if self._source.has_seen(id):
                return
            talk = self.talk(agent, session, record)
            yield from _OWN[event](self, talk, at, a, id) if event in _OWN else _EVENTS[event](talk, at, a, id)
            if event in _OF_MODEL and first_of(a, *_ERROR) is not None:
                yield self._log(record, name, at, session)
            return
        if name == "gen_ai.evaluation.result":
            yield _judgement(record, at)
            return
        if agent == "gen_ai" and event in _MESSAGES and record.trace is not None and record.span is not None:
            if not self._source.has_seen(_id("", record)):
                yield from self._source.traces.tell(record.trace, record.span, *_texts(event, record))
            return
        yield self._log(record, name, at, session)

    def talk(self, agent: str, session: str, record: LogRecord | Span) -> Conversation:
        """Return the conversation that a record is of: the agent's own, or that of a subagent that it names."""
        at = record.at if isinstance(record, LogRecord) else record.start
        id = self._source.namespace + session
        main = Owner(id, id)
        talk = self._source.conversation(main, record)
        self._about(talk, at, AGENTS[agent])
        if (helper := _helper(record.attributes)) is None:
            return talk
        key, name = helper
        talk = self._source.conversation(Owner(id, f"{id}/{key}"), record, main)
        self._about(talk, at, name)
        return talk

    def _about(self, talk: Conversation, at: int, name: str) -> None:
        self._source.touched[talk.agent] = talk
        self._source.begun += talk.take(About(at, {}, {"name": name}))

    def _prompted(self, talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
        yield from self.prompted(talk, at, id, a.get("prompt"), a.get("prompt_length"))

    def prompted(self, talk: Conversation, at: int, id: str, text: Any, length: Any) -> Iterator[Item]:
        """Yield a prompt; nothing for one that has come by another way."""
        text = told(text)
        shown = text or f"[{whole(_number(length)) or 0} characters]"
        before_at, before = self._prompts.get(talk.session, (0, ""))
        if before == shown and abs(at - before_at) <= _AGAIN_MS:
            return
        self._prompts[talk.session] = at, shown
        forget_oldest(self._prompts, PROMPTS)
        if text is not None and talk.session not in self._source.titled:
            self._source.titled[talk.session] = True
            yield from talk.take(About(at, {"title": preview(" ".join(text.split()))}, {}))
        yield from talk.take(Prompt(at, id, shown))

    def called(
        self, talk: Conversation, at: int, a: Attributes, id: str, status: ToolStatus | None = None
    ) -> Iterator[Item]:
        """Yield a call that has returned: it is written when it has. One that has come by another way counts once."""
        duration = whole(_number(a.get("duration_ms")))
        given = first_of(a, "tool_input", "tool_parameters", "function_args", "arguments")
        if isinstance(given, str) and given[:1] in "{[":
            with suppress(msgspec.DecodeError):  # then it is shown as the text that it is
                given = msgspec.json.decode(given)
        given = given or None
        key = named(first_of(a, "tool_use_id", "call_id")) or id
        ok = str(a.get("success")).lower() != "false"
        status = status or ("denied" if _is_refused(a) else "ok" if ok else "error")
        error = None if status == "ok" else named(first_of(a, *_ERROR, "error_type"))
        known = talk.book.calls.get(key)
        if known is None or not known.returned:
            yield from talk.take(Call(at - min(max(0, duration or 0), at), key, _tool(a), given))
        elif given is not None:
            yield Record("tool_calls", key, {"input": preview(given)})
        yield from self.returned(talk, at, key, status, a.get("output"), error, duration)

    def returned(
        self,
        talk: Conversation,
        at: int,
        key: str,
        status: ToolStatus,
        output: Any = None,
        error: str | None = None,
        duration: int | None = None,
    ) -> Iterator[Item]:
        """Yield what came back from a call, unless it is known already that it did not go well."""
        if key in self._source.failed:
            return
        if status != "ok":
            self._source.failed[key] = True
        yield from talk.take(Result(at, key, status, output, error, duration))

    def _decided(self, talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
        """Yield a call that was refused: nothing else may tell of it. One that was allowed has returned later."""
        if _is_refused(a) and first_of(a, "tool_use_id", "call_id") is not None:
            yield from self.called(talk, at, a, id)

    def _log(self, record: LogRecord, name: str, at: int, session: str | None) -> Record:
        body = record.body if isinstance(record.body, str) else None
        text = body or record.name
        if record.body is not None and body is None:
            text = f"{record.name} {msgspec.json.encode(record.body).decode()}".strip()
        failed = name.endswith(("error", "exhausted", "refusal")) or name.partition(".")[0] in AGENTS
        error = named(first_of(record.attributes, *_ERROR)) if failed else None
        if error is not None:
            text = f"{text}: {error}"
        failed = error is not None or name.endswith("error")  # an event has no severity, or "info"
        level = next((level for least, level in _LEVELS if record.severity >= least), "info")
        fields = {
            "at": at or None,
            "level": "error" if failed and level in ("info", "debug") else level,
            "session_id": None if session is None else self._source.namespace + session,
            "logger": record.scope or named(record.resource.get("service.name")),
            "text": preview(text),
        }
        return Record("logs", _id(session or "", record), fields)


_MESSAGES: Final = (
    *("system.message", "user.message", "assistant.message", "tool.message", "choice"),  # 1.28 to 1.36
    "client.inference.operation.details",  # since 1.37
)
"""Events of GenAI's conventions that hold what the model of a span was asked and has answered, without ``gen_ai.``."""


def _texts(event: str, record: LogRecord) -> tuple[str | None, str | None]:
    """Return what the model was asked by a person, and what it has answered, as far as an event says so."""
    body = {**record.attributes, **(record.body if isinstance(record.body, dict) else {})}
    if event == "user.message":
        return text_of(body), None
    if event == "choice":
        return None, text_of(body.get("message"))
    return prompt_in(body), answer_in(body)


def _named(record: LogRecord) -> tuple[str, str]:
    """Return the first part of an event's name, and the rest."""
    name = record.name or (record.body if isinstance(record.body, str) else "")
    if "." not in name and isinstance(record.body, str) and record.body.endswith(f".{name}"):
        name = record.body  # Claude Code: "user_prompt" with "claude_code.user_prompt" as its body
    agent, _, event = name.partition(".")
    service = record.resource.get("service.name")
    if agent not in AGENTS and isinstance(service, str) and service in _SERVICES and (not event or agent == "gen_ai"):
        return _SERVICES[service], name
    return agent, event


def told(text: Any) -> str | None:
    """Return a text, if it was sent: agents write a word in the place of one that is not to be told."""
    text = named(text)
    return None if text in ("<REDACTED>", "[REDACTED]") else text


def _helper(a: Attributes) -> tuple[str, str] | None:
    """Return the key and the name of the subagent that a record is of; ``None`` for the agent itself."""
    name = named(first_of(a, "agent.name", "agent_name")) or asker(a)
    key = named(a.get("agent_id"))  # in log records of Gemini CLI, and in spans of Claude Code
    return None if key is None and name is None else (key or name or "", name or key or "")


def asker(a: Attributes) -> str | None:
    """Return the name of the subagent that has asked Claude Code's model: ``agent:builtin:Explore``.

    ``query_source_safe`` of its spans has dots in place of the colons.
    """
    source = str(first_of(a, "query_source", "query_source_safe") or "")
    sign = ":" if ":" in source else "."
    kind, _, rest = source.partition(sign)
    return named(rest.rpartition(sign)[2]) if kind == "agent" else None


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


def _began(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield that a conversation, or a subagent of Gemini CLI, has begun."""
    yield from talk.take(About(at, {}, {"model": named(a.get("model"))}))


def _replied(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield what the agent said; no record says whether its turn has ended with it.

    Of GenAI's event that Gemini CLI sends, the rest is in its own record of the same answer.
    """
    text = told(a.get("response")) or answer_in(a)
    if text is not None:
        yield from talk.take(Reply(at, id, text))
        yield reply(talk, at, id, text)


def _tool(a: Attributes) -> str:
    """Return the name of a tool; those of servers that the user has configured are in the parameters."""
    name = named(first_of(a, "tool_name", "function_name", "name")) or "tool"
    given = a.get("tool_parameters")
    if name in ("mcp_tool", "mcp_other") and isinstance(given, str):
        with suppress(msgspec.DecodeError):
            names = msgspec.json.decode(given, type=_Server)
            name = f"mcp__{names.mcp_server_name}__{names.mcp_tool_name}"
    return name


class _Server(msgspec.Struct):
    mcp_server_name: str
    mcp_tool_name: str


_ERROR: Final = ("error", "error_message", "error.message")


def _is_refused(a: Attributes) -> bool:
    decision = str(first_of(a, "decision", "decision_type")).lower()
    return decision in ("reject", "denied", "abort", "timed_out")


def asked(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield an answer of the model. Claude's input excludes what came from a cache, that of the others includes it."""
    if "cached_token_count" in a or "input_token_count" in a:
        read = whole(_number(first_of(a, "cached_token_count", "cached_content_token_count"))) or 0
        given = whole(_number(a.get("input_token_count"))) or 0
        written = whole(_number(a.get("output_token_count"))) or 0
        given = max(0, given - read)
        if "cached_content_token_count" in a or "thoughts_token_count" in a:  # Gemini: output excludes thoughts
            written += whole(_number(a.get("thoughts_token_count"))) or 0
            given += whole(_number(a.get("tool_token_count"))) or 0  # Codex's is the sum of all
        tokens = Tokens(given, written, read)
    else:
        names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens")
        tokens = Tokens(*(whole(_number(a.get(name))) or 0 for name in names))
    micros = _number(a.get("cost_usd_micros"))
    cost = _number(a.get("cost_usd"))
    if cost is None and micros is not None:
        cost = micros / 1_000_000
    speed = named(a.get("speed"))
    if tokens.total or cost is not None:
        key = named(first_of(a, "request_id", "client_request_id")) or id
        terms = Terms(speed=None if speed == "normal" else speed)
        yield from talk.take(Usage(at, key, tokens, named(a.get("model")), cost, terms=terms, beside=_is_beside(a)))
    if not _is_beside(a):
        yield from talk.take(Unnamed(at))


def _is_beside(a: Attributes) -> bool:
    """Return whether the model was asked for something beside the conversation: a title, a summary.

    Claude Code's ``query_source``, Gemini CLI's ``role`` (``utility_compressor`` and its like).
    """
    role, asks = str(a.get("role") or ""), str(a.get("query_source") or "")
    return role.startswith("utility") or (bool(asks) and not asks.startswith(_CONVERSING))


_CONVERSING: Final = ("repl_main_thread", "sdk", "agent")


def _streamed(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield an answer of Codex, of which every part of the stream is an event."""
    if a.get("event.kind") == "response.completed":
        yield from asked(talk, at, a, id)


def _returned(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield that a subagent has given back what it found."""
    kind = named(a.get("agent_type"))
    if kind is None:
        return
    agent = f"{talk.session}/{kind}"
    model = named(first_of(a, "final_model", "model"))
    fields = {"name": kind, "parent_id": talk.agent, "session_id": talk.session}
    yield Record("agents", agent, fields if model is None else {**fields, "model": model})
    yield Evidence(agent, at, "reported")


def _finished(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield that a subagent of Gemini CLI is done."""
    why = named(a.get("terminate_reason"))
    failed = why not in (None, "GOAL", "goal")
    yield Evidence(talk.agent, at, "reported a failure" if failed else "reported", why if failed else None)


def _ended(talk: Conversation, at: int, a: Attributes, id: str) -> Iterator[Item]:
    """Yield that the program was left."""
    yield from talk.take(Closed(at))


_EVENTS: Final[dict[str, Callable[[Conversation, int, Attributes, str], Iterator[Item]]]] = {
    "conversation_starts": _began,
    "assistant_response": _replied,
    "gen_ai.client.inference.operation.details": _replied,
    "api_request": asked,
    "api_response": asked,
    "sse_event": _streamed,
    "subagent_completed": _returned,
    "agent.start": _began,
    "agent.finish": _finished,
    "end_session": _ended,
}
_OF_MODEL: Final = ("api_request", "api_response", "sse_event")
"""Events that are answers of the model: one that failed is a log of the session as well."""
_OWN: Final[dict[str, Callable[[Events, Conversation, int, Attributes, str], Iterator[Item]]]] = {
    "user_prompt": Events._prompted,
    "tool_decision": Events._decided,
    "tool_result": Events.called,
    "tool_call": Events.called,
}
"""Events of which more is to be known than the conversation."""


def _number(value: Any) -> float | None:
    """Return a number, also one that was written as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return number(value)
