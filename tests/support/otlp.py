"""Spans and log records in OTLP's JSON encoding."""

from __future__ import annotations

import json
from typing import Any

START = 1_767_258_000_000
"""2026-01-01T09:00:00Z in milliseconds."""
TRACE = "0af7651916cd43dd8448eb211c80319c"
OK: dict[str, Any] = {}
FAILED = {"code": 2, "message": "timed out"}


def value(of: Any) -> dict[str, Any]:
    if isinstance(of, bool):
        return {"boolValue": of}
    if isinstance(of, int):
        return {"intValue": str(of)}
    if isinstance(of, float):
        return {"doubleValue": of}
    return {"stringValue": of if isinstance(of, str) else json.dumps(of)}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(of)} for key, of in attributes.items()]


def span(
    id: int, parent: int, name: str, second: float, seconds: float, status: Any = None, **attributes: Any
) -> dict[str, Any]:
    """A span as JSON; the dots of attributes are written as double underscores."""
    return {
        "traceId": TRACE,
        "spanId": f"{id:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(round((START + second * 1000) * 1e6)),
        "endTimeUnixNano": str(round((START + (second + seconds) * 1000) * 1e6)),
        "attributes": pairs({key.replace("__", "."): of for key, of in attributes.items()}),
        "status": status or OK,
    }


def export(*spans: dict[str, Any], service: str = "shop-bot") -> bytes:
    """One line of a file exporter."""
    scope = {"scope": {"name": "test"}, "spans": list(spans)}
    resource = {"attributes": pairs({"service.name": service})}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}).encode() + b"\n"


def said(role: str, text: str) -> list[dict[str, Any]]:
    return [{"role": role, "parts": [{"type": "text", "content": text}]}]


def event(name: str, second: float, **attributes: Any) -> dict[str, Any]:
    """A log record that is an event."""
    at = str(round((START + second * 1000) * 1e6))
    return {"timeUnixNano": at, "eventName": name, "attributes": pairs(attributes)}


def logs(*records: dict[str, Any], service: str | None = None) -> bytes:
    """One line of a file exporter."""
    resource = {} if service is None else {"resource": {"attributes": pairs({"service.name": service})}}
    return json.dumps({"resourceLogs": [{**resource, "scopeLogs": [{"logRecords": list(records)}]}]}).encode() + b"\n"
