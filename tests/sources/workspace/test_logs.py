"""Logs and stated figures of a workspace."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from agent_widget.sources.workspace.file import File
from tests.support.transcripts import at
from tests.support.workspace_reading import Reading, read
from tests.support.workspace_team import TEAM


def test_log_lines_have_time_level_agent_and_text(team: Reading) -> None:
    logs = sorted(
        ((r.logger, r.at, r.level, r.agent_id or r.session_id, r.text) for r in team.store.rows("logs")),
        key=lambda log: (log[0], log[1] or 0),
    )
    assert logs == [
        (
            "agent-health-metrics",
            at("09:28:00"),
            "warning",
            "agent-cem",
            "Agent removed due to inactivity (last heartbeat: never)",
        ),
        ("coordination", at("08:54:00"), "info", "agent-bob", "Agent registered: agent-bob (role: sower)"),
        ("coordination", at("09:15:00"), "info", "agent-bob", "Status updated: blocked - May I use the tractor?"),
        ("coordination", at("09:16:00"), "warning", "agent-bob", "Registration attempt 1 failed: busy"),
        ("coordination", at("09:21:40"), "info", "agent-bob", "Agent unregistered: agent-bob"),
        ("coordination", at("09:27:00"), "info", "agent-ann", "Cleaning up 2 stale agent(s): agent-cem, agent-fay"),
        ("git-activity", at("09:19:00"), "info", "agent-bob", "commit 0ff1ce5 Sow (+7 −3, 2 files)"),
        ("git-activity", at("09:19:30"), "info", None, "push 0ff1ce5"),
        ("realtime", at("09:10:00"), "info", "ses_ann", 'Tool {"ok":true}'),
        ("realtime", at("09:10:00"), "info", "ses_ann", 'Tool {"ok":true}'),
        ("realtime", at("09:13:00"), "warning", "ses_hid", 'Event {"properties":{"sessionID":"ses_hid"}}'),
        ("realtime", at("09:14:00"), "error", "ses_ann", 'It broke {"code": 1}'),
        ("watchdog", None, "info", None, "started before there was a clock"),
        ("watchdog", at("09:00:00"), "info", None, "Watchdog started"),
        ("watchdog", at("09:00:00"), "info", None, "a detail without a time"),
        ("watchdog", at("09:00:30"), "error", None, "Orchestrator not running"),
    ]


def test_identical_lines_are_all_kept_and_none_twice() -> None:
    content = b"[2026-01-01T09:00:00+00:00] ====\n" * 3
    reading = read("watchdog.log", content)
    assert len(reading.rows("logs")) == 3
    reading.feed("watchdog.log", content, again=True)
    assert len(reading.rows("logs")) == 3
    reading.feed("watchdog.log", content)
    assert len(reading.rows("logs")) == 6


@pytest.mark.parametrize("archive", ["realtime-archives/realtime-2026-01-01T10-00-00-000Z.log", "realtime.log.1"])
def test_a_rotated_log_does_not_double_its_lines(archive: str) -> None:
    reading = read("realtime.log", TEAM["realtime.log"])
    reading.feed(archive, TEAM["realtime.log"])
    assert len(reading.rows("logs")) == 4
    assert {row.logger for row in reading.store.rows("logs")} == {"realtime"}
    reading.feed("realtime.log", b'{"timestamp": "2026-01-01T10:00:00Z", "message": "new"}\n', again=True)
    assert len(reading.rows("logs")) == 5


def test_two_logs_with_the_same_line_have_two_rows() -> None:
    line = b"[2026-01-01T09:00:00+00:00] started\n"
    assert len(read({"a.log": line, "b.log": line}).rows("logs")) == 2


@pytest.mark.parametrize("line", [b'{"broken', b"{\xff}", b"\xff\xfe", b"[", b"]]", b"[ERROR]", b"{}", b"{} \r"])
def test_no_log_line_is_lost_for_being_odd(line: bytes) -> None:
    assert len(read("any.log", line + b"\n").rows("logs")) == 1


def test_numbering_identical_lines_takes_bounded_memory() -> None:
    file = File(PurePosixPath("any.log"))
    for number in range(10_000):
        file.line_id(0, b"line %d" % number)
    assert len(file.seen) < 5_000


def test_stated_figures_are_stats(team: Reading) -> None:
    assert {row.name: (row.value, row.unit) for row in team.store.rows("stats")} == {
        "sessions_stated": (180, "count"),
        "metrics_sessions_stated": (39, "count"),
        "metrics_tool_calls_stated": (3725, "count"),
        "tasks_completed_stated": (9, "count"),
        "messages_archived_stated": (7, "count"),
        "leader_epoch": (4, "count"),
        "input_tokens_stated": (5, "tokens"),
        "output_tokens_stated": (6, "tokens"),
        "total_tokens_stated": (11, "tokens"),
        "rate_limited": (1, "bool"),
        "watchdog_restarts": (2, "count"),
    }
    assert team.row("stats", "sessions_stated").at == at("09:27:00")
