"""Where the spans of a program go: ``PROGRAM CONVENTION FILE``, by the official file exporter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor


@contextmanager
def sending() -> Iterator[tuple[Any, str]]:
    """A tracer provider that writes each span when it has ended, and the convention that is asked for."""
    convention, file = sys.argv[1:]
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(FileSpanExporter(file)))
    trace.set_tracer_provider(provider)
    yield provider, convention
    provider.shutdown()
