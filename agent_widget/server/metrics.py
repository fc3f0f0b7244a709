"""``GET /metrics``: what the server knows, in Prometheus' text format 0.0.4.

Names follow https://prometheus.io/docs/practices/naming: one prefix, one unit for each metric (seconds, bytes, ratio;
money is US dollars), ``_total`` for what only grows. What agents used is a gauge: it falls when their files are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from ..protocol import SourceState
from ..store import Store
from ..tables import AGENT_STATUSES, LOG_LEVELS, SESSION_STATUSES, TASK_STATUSES, TOOL_STATUSES
from ..version import VERSION

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[dict[str, str], float | int | None]
"""Labels and a value; ``None`` is not known and left out."""

_KINDS: Final = ("input", "output", "cache_read", "cache_write")
_BY_STATUS: Final = (
    ("agents", "agents", "Agents by status, subagents too.", "status", AGENT_STATUSES),
    ("sessions", "sessions", "Sessions by status.", "status", SESSION_STATUSES),
    ("tasks", "tasks", "Tasks by status.", "status", TASK_STATUSES),
    ("tool_calls", "tool_calls", "Tool calls by status.", "status", TOOL_STATUSES),
    ("log_lines", "logs", "Log lines of agents by level.", "level", LOG_LEVELS),
)
"""Metric, what the figures' names begin with, help, label and its values (:mod:`agent_widget.ingest.stats`)."""


class Metric(NamedTuple):
    """One metric and its samples."""

    name: str
    type: str
    help: str
    samples: Iterable[Sample]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text format; none without samples."""
        known = [(labels, value) for labels, value in self.samples if value is not None]
        if not known:
            return
        yield f"# HELP {self.name} {self.help}"
        yield f"# TYPE {self.name} {self.type}"
        for labels, value in known:
            pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{pairs}}} {value}" if pairs else f"{self.name} {value}"


class Doors(NamedTuple):
    """What came to the server: connections that have shown the token, that have not, and requests refused so far."""

    connected: int
    waiting: int
    refused: int


def metrics(store: Store, sources: Iterable[SourceState], doors: Doors, started_at: int) -> str:
    """Return all metrics; ``started_at`` is when the server began, in milliseconds since the epoch."""
    families = (*_server(store, doors, started_at), *_work(store), *_sources(list(sources)))
    return "".join(f"{line}\n" for metric in families for line in metric.lines())


def _one(value: float | int | None) -> list[Sample]:
    return [({}, value)]


def _server(store: Store, doors: Doors, started_at: int) -> Iterator[Metric]:
    name = "agent_widget_"
    yield Metric(f"{name}build_info", "gauge", "The version that runs.", [({"version": VERSION}, 1)])
    yield Metric(f"{name}start_time_seconds", "gauge", "When the server began, in Unix time.", _one(started_at / 1000))
    yield Metric(f"{name}connections", "gauge", "Clients that have shown the token.", _one(doors.connected))
    yield Metric(f"{name}waiting_connections", "gauge", "Connections that have not.", _one(doors.waiting))
    refused = "Requests refused for their Host, Origin or token."
    yield Metric(f"{name}refused_requests_total", "counter", refused, _one(doors.refused))
    changes = "Changes of rows since the server began."
    yield Metric(f"{name}changes_total", "counter", changes, _one(store.seq - store.began))
    rows: list[Sample] = [({"table": table}, store.count(table)) for table in store]
    yield Metric(f"{name}rows", "gauge", "Rows by table.", rows)


def _work(store: Store) -> Iterator[Metric]:
    figures = {row["name"]: row["value"] for row in store.rows("stats")}
    for metric, prefix, help, label, values in _BY_STATUS:
        samples: list[Sample] = [({label: value}, figures.get(f"{prefix}_{value}")) for value in values]
        yield Metric(f"agent_widget_{metric}", "gauge", help, samples)
    tokens: list[Sample] = [({"kind": kind}, figures.get(f"{kind}_tokens")) for kind in _KINDS]
    yield Metric("agent_widget_tokens", "gauge", "Tokens that sessions used, by kind.", tokens)
    cost = "What sessions cost in US dollars, as far as prices are known."
    yield Metric("agent_widget_cost_dollars", "gauge", cost, _one(figures.get("cost_usd")))
    unpriced = "Requests of models whose price is not known."
    yield Metric("agent_widget_unpriced_requests", "gauge", unpriced, _one(figures.get("unpriced_requests")))
    yield Metric("agent_widget_quality_ratio", "gauge", "Mean of the scores.", _one(figures.get("quality_mean")))


def _sources(sources: list[SourceState]) -> Iterator[Metric]:
    def each(field: str, scale: float | None = None) -> Iterator[Sample]:
        for source in sources:
            value = getattr(source, field)
            value = len(value) if isinstance(value, list) else value
            yield ({"source": source.name, "path": source.path}, value / scale if scale and value else value)

    name = "agent_widget_source_"
    yield Metric(f"{name}files", "gauge", "Files of a root.", each("files"))
    yield Metric(f"{name}size_bytes", "gauge", "Size of the files of a root.", each("bytes"))
    yield Metric(f"{name}malformed_lines", "gauge", "Lines and documents that were skipped.", each("malformed"))
    yield Metric(f"{name}problems", "gauge", "Files that cannot be read.", each("problems"))
    last = "When the last round of reading ended, in Unix time."
    yield Metric(f"{name}last_round_timestamp_seconds", "gauge", last, each("checked_at", 1000))


def _escaped(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()  # a path need not be UTF-8
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
