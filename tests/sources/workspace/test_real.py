"""The real directory of the reference system, where it is at hand."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import PurePosixPath

import pytest

from agent_widget.sources.base import Evidence, Record
from tests.support.transcripts import SHARED
from tests.support.workspace_reading import Reading, differences, mistyped, unresolved

REAL = SHARED / "hyrm-workspace" / "memory"


@pytest.fixture(scope="module")
def real() -> Reading:
    if not REAL.is_dir():
        pytest.skip(f"the reference system's directory is not at {REAL}")
    reading = Reading()
    for path in sorted(REAL.rglob("*")):
        relative = path.relative_to(REAL).as_posix()
        if path.is_file() and reading.source.reader(PurePosixPath(relative)):
            reading.feed(relative, path.read_bytes())
    return reading


def test_real_tasks_are_all_there(real: Reading) -> None:
    statuses = Counter(row.status for row in real.store.rows("tasks"))
    assert statuses == {"completed": 129, "cancelled": 12, "in_progress": 1}
    priorities = Counter(row.priority for row in real.store.rows("tasks"))
    assert priorities == {"high": 71, "medium": 45, "low": 16, "critical": 10}
    assert sum(row.progress == 1.0 for row in real.store.rows("tasks")) == 129
    assert sum(row.session_id is not None for row in real.store.rows("tasks")) == 2  # both have a checkpoint


def test_real_messages_are_counted_once(real: Reading) -> None:
    kinds = Counter(row.kind for row in real.store.rows("messages"))
    assert kinds.pop("user") == 88
    assert sum(kinds.values()) == 1503
    assert kinds["heartbeat"] == 904
    assert "task_complete" not in kinds


def test_real_tool_calls_are_counted_once(real: Reading) -> None:
    statuses = Counter(row.status for row in real.store.rows("tool_calls"))
    assert statuses == {"ok": 3958, "error": 901}


def test_real_agents_and_sessions_are_found_wherever_they_are_named(real: Reading) -> None:
    people = {row.id for row in real.store.rows("agents") if row.role == "human"}
    assert people == {"user", "terminal-user", "dashboard-user"}
    assert len(real.rows("agents")) == 387
    assert len(real.rows("sessions")) >= 471
    assert Counter(row.status for row in real.store.rows("sessions"))["active"] == 2


def test_real_assessments_have_the_mean_of_the_file(real: Reading) -> None:
    scores = [row.score for row in real.store.rows("quality")]
    assert len(scores) == 120
    assert sum(scores) / len(scores) == pytest.approx(0.806, abs=0.0005)


def test_real_memory_is_read(real: Reading) -> None:
    kinds = Counter(row.kind for row in real.store.rows("memory"))
    assert kinds == {"knowledge": 471, "working_notes": 6, "critique": 5, "report": 1}


def test_real_log_lines_are_all_kept(real: Reading) -> None:
    lines = Counter((row.logger, row.level) for row in real.store.rows("logs"))
    assert lines == {
        ("realtime", "info"): 12597,
        ("realtime", "error"): 41,
        ("realtime", "warning"): 41,
        ("coordination", "info"): 3965,
        ("coordination", "warning"): 109,
        ("coordination", "error"): 78,
        ("watchdog", "info"): 69,
        ("worker-spawns", "info"): 36,
        ("agent-health", "info"): 1,
        ("agent-health-metrics", "warning"): 4,
        ("git-activity", "info"): 68,
    }
    assert all(row.at is not None for row in real.store.rows("logs"))


def test_real_stated_figures_are_read(real: Reading) -> None:
    stated = {row.name: row.value for row in real.store.rows("stats")}
    assert stated["sessions_stated"] == 180
    assert stated["tasks_completed_stated"] == 146
    assert (stated["metrics_sessions_stated"], stated["metrics_tool_calls_stated"]) == (39, 3725)


def test_real_rows_are_whole(real: Reading) -> None:
    assert unresolved(real) == []
    assert mistyped(real) == []
    assert all(isinstance(item, Record | Evidence) for item in real.items)


def test_real_rows_do_not_depend_on_the_order_of_files(real: Reading) -> None:
    paths = [path.relative_to(REAL).as_posix() for path in REAL.rglob("*") if path.is_file()]
    ours = [path for path in paths if real.source.reader(PurePosixPath(path))]
    random.Random(7).shuffle(ours)
    reading = Reading()
    for path in ours:
        reading.feed(path, (REAL / path).read_bytes())
    assert differences(reading, real) == []
    assert reading.evidence == real.evidence
