"""Metrics as Prometheus' own parser reads them, under the names that its conventions ask for."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from agent_widget.ingest.collector import Collector
from agent_widget.protocol import SourceState
from agent_widget.server.metrics import Doors, metrics

UNITS = ("seconds", "bytes", "ratio", "dollars", "info", "total")
"""What a name may end in; counts of things have no unit."""
COUNTED = (
    *("agents", "sessions", "tasks", "tool_calls", "log_lines", "tokens", "unpriced_requests", "rows"),
    *("connections", "waiting_connections", "source_files", "source_malformed_lines", "source_problems"),
)
HOSTILE = 'a"b\\c\nd\u202e{x="y"} 1'


@pytest.fixture
def families(workspace: Path) -> dict[str, Metric]:
    collector = Collector([workspace])
    collector.scan()
    bytes = SourceState("claude", "no UTF-8: \udcff", files=1, problems=[], checked_at=1500)
    states = [*collector.states(), bytes, SourceState("claude", HOSTILE, files=3, problems=["one"], checked_at=1500)]
    text = metrics(collector.store, states, Doors(2, 1, 7), 1_000)
    assert text.endswith("\n")
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_each_has_a_help_a_type_and_a_name_with_its_unit(families: dict[str, Metric]) -> None:
    for name, family in families.items():
        assert name.startswith("agent_widget_")
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "counter")
        full = name + "_total" if family.type == "counter" else name
        assert all(sample.name == full for sample in family.samples)
        assert full.rpartition("_")[2] in UNITS or name.removeprefix("agent_widget_") in COUNTED
        assert full.endswith("_total") == (family.type == "counter")


def test_the_samples_of_a_metric_differ_in_one_way_only(families: dict[str, Metric]) -> None:
    for family in families.values():
        assert len({tuple(sample.labels) for sample in family.samples}) == 1
        assert len({tuple(sample.labels.values()) for sample in family.samples}) == len(family.samples)


def test_values_and_labels_arrive_as_they_are(families: dict[str, Metric]) -> None:
    def values(name: str) -> dict[tuple[str, ...], float]:
        return {tuple(sample.labels.values()): sample.value for sample in families[f"agent_widget_{name}"].samples}

    assert values("rows")[("tasks",)] == 2
    assert values("tasks")[("pending",)] == 2
    assert values("refused_requests") == {(): 7}
    assert values("start_time_seconds") == {(): 1.0}
    assert values("source_files")[("claude", HOSTILE)] == 3
    assert values("source_files")[("claude", "no UTF-8: \\udcff")] == 1
    assert values("source_last_round_timestamp_seconds")[("claude", HOSTILE)] == 1.5
    assert "agent_widget_cost_dollars" not in families, "what is not known is left out, not 0"
