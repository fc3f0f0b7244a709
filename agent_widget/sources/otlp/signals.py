"""OTLP in its JSON encoding: one line is what an exporter sent once, with spans, log records or metrics.

Facts are from opentelemetry-proto (``docs/specification.md`` of OTLP, ``trace.proto``, ``logs.proto``): names in
lowerCamelCase, ids in hexadecimal, 64-bit integers as decimal text, which some write as numbers. Metrics are not read:
what they count is in the spans and log records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from ..parsing import LATEST, parse_as

Attributes = dict[str, Any]


class _Value(msgspec.Struct):
    string: Any = msgspec.field(default=None, name="stringValue")
    boolean: Any = msgspec.field(default=None, name="boolValue")
    integer: Any = msgspec.field(default=None, name="intValue")
    double: Any = msgspec.field(default=None, name="doubleValue")
    array: _Array | None = msgspec.field(default=None, name="arrayValue")
    map: _Map | None = msgspec.field(default=None, name="kvlistValue")


class _Array(msgspec.Struct):
    values: list[_Value] = []


class _Pair(msgspec.Struct):
    key: str
    value: _Value | None = None


class _Map(msgspec.Struct):
    values: list[_Pair] = []


class _Resource(msgspec.Struct):
    attributes: list[_Pair] = []


class _Scope(msgspec.Struct):
    name: str = ""


class _Status(msgspec.Struct):
    code: int | str = 0
    message: str = ""


class _Event(msgspec.Struct, rename="camel"):
    name: str = ""
    time_unix_nano: int | str = 0
    attributes: list[_Pair] = []


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str
    span_id: str
    name: str = ""
    parent_span_id: str | None = None
    start_time_unix_nano: int | str = 0
    end_time_unix_nano: int | str = 0
    attributes: list[_Pair] = []
    events: list[_Event] = []
    status: _Status | None = None


class _LogRecord(msgspec.Struct, rename="camel"):
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    severity_number: int | str = 0
    event_name: str = ""
    body: _Value | None = None
    attributes: list[_Pair] = []
    trace_id: str | None = None
    span_id: str | None = None


class _ScopeSpans(msgspec.Struct):
    scope: _Scope | None = None
    spans: list[_Span] = []


class _ScopeLogs(msgspec.Struct, rename="camel"):
    scope: _Scope | None = None
    log_records: list[_LogRecord] = []


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] = []


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] = []


class _Request(msgspec.Struct, rename="camel"):
    """An ``Export…ServiceRequest``, or ``TracesData`` and its like: they are the same."""

    resource_spans: list[_ResourceSpans] | None = None
    resource_logs: list[_ResourceLogs] | None = None
    resource_metrics: list[msgspec.Raw] | None = None


_decoder: Final = msgspec.json.Decoder(_Request)


class Span(NamedTuple):
    """One span that has ended. Times are in milliseconds since the epoch; ``error`` is ``None`` if it did not fail."""

    trace: str
    id: str
    parent: str | None
    name: str
    start: int
    end: int
    attributes: Attributes
    events: list[tuple[str, int, Attributes]]
    """Name, time and attributes of each."""
    error: str | None
    resource: Attributes
    scope: str


class LogRecord(NamedTuple):
    """One log record, or event. ``at`` is in milliseconds since the epoch."""

    at: int
    name: str
    severity: int
    """1 to 24 as in ``SeverityNumber``; 0 if it is not known."""
    body: Any
    attributes: Attributes
    trace: str | None
    span: str | None
    resource: Attributes
    scope: str


def signals(data: bytes) -> Iterator[Span | LogRecord]:
    """Yield what a line holds, in its order. Raises :class:`.Malformed` for what is no OTLP."""
    request = parse_as(_decoder, data)
    if request.resource_spans is None and request.resource_logs is None and request.resource_metrics is None:
        raise ValueError("neither spans nor log records nor metrics")
    for spans in request.resource_spans or ():
        resource = _flat(spans.resource.attributes if spans.resource else ())
        for scoped in spans.scope_spans:
            scope = scoped.scope.name if scoped.scope else ""
            for span in scoped.spans:
                yield _span(span, resource, scope)
    for logs in request.resource_logs or ():
        resource = _flat(logs.resource.attributes if logs.resource else ())
        for scoped_logs in logs.scope_logs:
            scope = scoped_logs.scope.name if scoped_logs.scope else ""
            for record in scoped_logs.log_records:
                yield _log_record(record, resource, scope)


def _span(span: _Span, resource: Attributes, scope: str) -> Span:
    events = [(event.name, _millis(event.time_unix_nano), _flat(event.attributes)) for event in span.events]
    error = None
    if span.status is not None and span.status.code in (2, "STATUS_CODE_ERROR"):
        raised = next((found for name, _, found in events if name == "exception"), {})
        told = (raised.get("exception.type"), raised.get("exception.message"))
        error = span.status.message or ": ".join(str(part) for part in told if part) or "failed"
    start, end = _millis(span.start_time_unix_nano), _millis(span.end_time_unix_nano)
    parent = (span.parent_span_id or "").lower().strip("0") and (span.parent_span_id or "").lower()
    return Span(
        span.trace_id.lower(),
        span.span_id.lower(),
        parent or None,
        span.name,
        start or end,
        max(start, end),
        _flat(span.attributes),
        events,
        error,
        resource,
        scope,
    )


def _log_record(record: _LogRecord, resource: Attributes, scope: str) -> LogRecord:
    attributes = _flat(record.attributes)
    name = record.event_name or attributes.get("event.name") or ""
    return LogRecord(
        _millis(record.time_unix_nano) or _millis(record.observed_time_unix_nano),
        str(name),
        _integer(record.severity_number) or 0,
        None if record.body is None else _plain(record.body),
        attributes,
        (record.trace_id or "").lower() or None,
        (record.span_id or "").lower() or None,
        resource,
        scope,
    )


def _millis(nanoseconds: int | str) -> int:
    """Return a time in milliseconds; 0 if it makes no sense."""
    at = (_integer(nanoseconds) or 0) // 1_000_000
    return at if 0 < at < LATEST else 0


def _integer(value: Any) -> int | None:
    """Return an integer, which JSON has as a text here; ``None`` for what is none: the rest of its record stays."""
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _flat(pairs: Any) -> Attributes:
    return {pair.key: None if pair.value is None else _plain(pair.value) for pair in pairs}


def _plain(value: _Value) -> Any:
    """Return an ``AnyValue`` as a plain value."""
    if value.string is not None:
        return value.string
    if value.integer is not None:
        return _integer(value.integer)
    if value.boolean is not None:
        return value.boolean
    if value.double is not None:
        try:
            return float(value.double)
        except (TypeError, ValueError, OverflowError):
            return None
    if value.array is not None:
        return [_plain(item) for item in value.array.values]
    if value.map is not None:
        return _flat(value.map.values)
    return None
