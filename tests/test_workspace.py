"""The reader of a shared ``memory/`` directory: every kind of file, any order, anything malformed, and real data."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.sources.base import Evidence, Gone, Item, Record
from agent_widget.sources.workspace import FILES, Workspace
from agent_widget.store import Store
from agent_widget.tables import AGENT_STATUSES, LOG_LEVELS, SESSION_STATUSES, TABLES, TASK_STATUSES, TOOL_STATUSES

MISREAD = (ValueError, KeyError, TypeError, AttributeError)
Files = dict[str, bytes]


def at(clock: str) -> int:
    """Milliseconds of a time on the day on which everything here happens."""
    hours, minutes, seconds = (float(part) for part in clock.split(":"))
    return 1_767_225_600_000 + round((hours * 3600 + minutes * 60 + seconds) * 1000)  # 2026-01-01


def iso(clock: str) -> str:
    return f"2026-01-01T{clock}.000Z"


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def a_message(id: str, clock: str, sender: str, kind: str, payload: Any = None, **fields: Any) -> dict[str, Any]:
    message = {"message_id": id, "from_agent": sender, "timestamp": iso(clock), "type": kind, "read_by": []}
    return message | ({} if payload is None else {"payload": payload}) | fields


def a_call(id: str, start: int, duration: int, session: str | None = "ses_ann", **fields: Any) -> dict[str, Any]:
    call = {"timestamp": iso("09:10:00"), "session_id": session, "tool": "bash", "call_id": id, "start_time": start}
    call |= {"end_time": start + duration, "duration_ms": duration, "input_size": 3, "output_size": 40}
    return call | {"success": True, "category": "shell"} | fields


class Reading:
    """What a source said about some files: the rows that follow, and the evidence."""

    def __init__(self, namespace: str = "") -> None:
        self.source = Workspace(Path("/memory"), namespace)
        self.store = Store()
        self.evidence: set[Evidence] = set()
        self.items: list[Item] = []
        self._readers: dict[str, Any] = {}

    def feed(self, path: str, data: bytes, *, again: bool = False) -> Reading:
        """The whole document, or some more lines; ``again``: lines from the file's start, with a new reader."""
        if again or path not in self._readers:
            self._readers[path] = self.source.reader(PurePosixPath(path))
        reader = self._readers[path]
        assert reader is not None, path
        parts = [data] if reader.mode == "document" else data.splitlines()
        for part in parts:
            items = list(reader.read(part))
            self.items += items
            self.evidence |= {item for item in items if isinstance(item, Evidence)}
            self.store.apply(item for item in items if not isinstance(item, Evidence))
        return self

    def rows(self, table: str) -> dict[str, Any]:
        return {row.id: row for row in self.store.rows(table)}

    def row(self, table: str, id: str) -> Any:
        row = self.store.get(table, id)
        assert row is not None, f"{table} has no {id}, but {sorted(self.rows(table))}"
        return row

    def only(self, table: str) -> Any:
        (row,) = self.store.rows(table)
        return row

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        return {name: self.rows(name) for name in TABLES}

    def says(self, agent: str) -> list[tuple[int, str, str]]:
        return sorted((e.at, e.status, e.reason) for e in self.evidence if e.agent_id == agent)


def read(files: Files | str, data: bytes = b"", namespace: str = "") -> Reading:
    reading = Reading(namespace)
    for path, content in ({files: data} if isinstance(files, str) else files).items():
        reading.feed(path, content)
    return reading


# A small team: ann leads and is there, bob did a task and left, cem crashed.
TEAM: Files = {
    "agent-registry.json": document(
        {
            "agents": [
                {
                    "agent_id": "agent-ann",
                    "session_id": "ses_ann",
                    "started_at": iso("09:00:00"),
                    "last_heartbeat": iso("09:30:00"),
                    "status": "working",
                    "assigned_role": "orchestrator",
                    "current_task": "Planning the harvest",
                }
            ],
            "lock_version": 7,
        }
    ),
    "agent-performance-metrics.json": document(
        {
            "agents": {
                "agent-bob": {
                    "agent_id": "agent-bob",
                    "tasks_completed": 3,
                    "avg_quality": 8.25,
                    "first_seen": iso("08:55:00"),
                    "last_activity": iso("09:21:00"),
                },
                "agent-dee": {"tasks_completed": 0, "avg_quality": 0, "first_seen": iso("08:00:00")},
            }
        }
    ),
    "agent-health-metrics.json": document(
        {
            "agents_tracked": {},
            "alerts": [
                {
                    "timestamp": iso("09:28:00"),
                    "agent_id": "agent-cem",
                    "type": "cleanup",
                    "message": "Agent removed due to inactivity (last heartbeat: never)",
                }
            ],
        }
    ),
    "orchestrator-state.json": document(
        {"leader_id": "agent-ann", "leader_epoch": 4, "last_heartbeat": iso("09:29:00"), "ttl_ms": 180000}
    ),
    "tasks.json": document(
        {
            "tasks": [
                {
                    "id": "task_sow",
                    "title": "Sow the field",
                    "description": "All rows",
                    "priority": "High",
                    "status": "completed",
                    "created_at": iso("09:01:00"),
                    "updated_at": iso("09:20:00"),
                    "claimed_at": iso("09:05:00"),
                    "completed_at": iso("09:20:00"),
                    "assigned_to": "agent-bob",
                    "quality_score": 8.5,
                    "notes": ["began late", "rain helped"],
                    "tags": ["field"],
                },
                {
                    "id": "task_reap",
                    "title": "Reap the field",
                    "status": "in_progress",
                    "assigned_to": "agent-cem",
                    "claimed_at": iso("09:22:00"),
                    "depends_on": ["task_sow"],
                    "parent_task": "task_farm",
                },
                {"id": "task_mill", "title": "Mill the corn", "status": "pending", "assigned_to": "None"},
                {"id": "task_odd", "title": "Odd", "status": "simmering", "notes": ["hot"]},
            ],
            "completed_count": 9,
            "last_updated": iso("09:22:00"),
        }
    ),
    "message-bus.jsonl": lines(
        a_message(
            "m1",
            "09:00:01",
            "agent-ann",
            "broadcast",
            {"status": "Agent online and ready", "details": {"session_id": "ses_ann", "role": "orchestrator"}},
            read_by=["agent-bob"],
        ),
        a_message(  # another instance of the same plugin, a second later, under a name of its own
            "m1b",
            "09:00:02",
            "agent-ada",
            "broadcast",
            {"status": "Agent online and ready", "details": {"session_id": "ses_ann"}},
        ),
        a_message("m2", "09:05:00", "agent-bob", "task_claim", {"task_id": "task_sow", "title": "Sow the field"}),
        a_message("m3", "09:06:00", "agent-bob", "heartbeat", {"status": "working"}),
        a_message("m4", "09:20:00", "agent-bob", "task_complete", {"task_id": "task_sow", "summary": "Sown"}),
        a_message(
            "m5", "09:20:01", "agent-bob", "task_completed", {"task_id": "task_sow", "completed_by": "agent-bob"}
        ),
        a_message("m6", "09:21:00", "agent-bob", "direct", {"message": "Over to you"}, to_agent="agent-eve"),
        a_message("m7", "09:22:00", "agent-cem", "task_claim", {"task_id": "task_reap", "title": "Reap the field"}),
        a_message(
            "m8",
            "09:23:00",
            "agent-ann",
            "session_spawned",
            {"parent_session": "ses_ann", "child_session": "ses_cem", "description": "Reap for ann"},
        ),
        a_message("m9", "09:24:00", "agent-cem", "broadcast"),
    ),
    "message-archives/messages-2026-01-01.jsonl": lines(
        a_message(
            "m1",
            "09:00:01",
            "agent-ann",
            "broadcast",
            {"status": "Agent online and ready", "details": {"session_id": "ses_ann", "role": "orchestrator"}},
        ),
        a_message("m0", "08:59:00", "agent-old", "task_claim", {"task_id": "task_gone", "title": "Forgotten"}),
        a_message("m0b", "08:59:10", "agent-old", "task_claim", {"task_id": "task_brief"}),
        a_message("m0c", "08:59:20", "agent-old", "task_completed", {"task_id": "task_brief"}),
    ),
    "message-archives/index.json": document({"archives": [{"messageCount": 2}, {"messageCount": 5}]}),
    "user-messages.jsonl": lines(
        {
            "id": "u1",
            "from": "terminal-user",
            "message": "Please hurry",
            "timestamp": iso("09:10:00"),
            "read": True,
            "read_by": "ses_ann",
            "read_at": iso("09:11:00"),
        },
        {"id": "u2", "from": "grace", "message": "And be careful", "timestamp": iso("09:12:00"), "read": False},
    ),
    "sessions.jsonl": lines(
        {"type": "session_start", "timestamp": iso("09:00:00"), "session_id": "ses_ann"},
        {"type": "session_start", "timestamp": iso("09:04:00"), "session_id": "ses_bob"},
        {"type": "session_start", "timestamp": iso("08:50:00"), "session_id": "ses_two"},
        {"type": "session_end", "timestamp": iso("09:02:00"), "session_id": "ses_two"},
        {"type": "session_start", "timestamp": iso("09:03:00"), "session_id": "ses_two"},
        {"type": "file_edit", "timestamp": iso("09:07:00"), "file": "field.txt"},
        {"type": "compaction", "timestamp": iso("09:08:00"), "session_id": "ses_bob"},
        {
            "type": "session_error",
            "timestamp": iso("09:25:00"),
            "session_id": "ses_cem",
            "error": {"name": "APIError", "data": {"message": "Overloaded\nvery"}},
        },
        {
            "type": "session_end",
            "timestamp": iso("09:21:30"),
            "session_id": "ses_bob",
            "duration_ms": 1050,
            "tool_calls": 2,
        },
        {
            "type": "session_end",
            "timestamp": iso("09:21:31"),
            "session_id": "ses_bob",
            "duration_ms": 1051,
            "tool_calls": 2,
        },
    ),
    "session-summaries.json": document(
        {
            "summaries": [
                {
                    "session_id": "ses_bob",
                    "start_time": iso("09:04:00"),
                    "end_time": iso("09:21:00"),
                    "duration_minutes": 17,
                    "tool_calls": 6,
                    "files_edited": ["a", "b", "c"],
                    "summary_text": "Sowed everything",
                }
            ]
        }
    ),
    "opencode-sessions.json": document(
        {
            "sessions": [
                {
                    "id": "ses_ann",
                    "title": "Lead the harvest",
                    "directory": "/home/ann/farm",
                    "created": at("09:00:00"),
                    "updated": at("09:26:00"),
                    "message_count": 30,
                    "file_changes": {"files": 2},
                    "tools_used": {"bash": 4, "read": 5},
                }
            ]
        }
    ),
    "sessions/ses_cem/checkpoint.json": document(
        {
            "agent_id": "agent-cem",
            "session_id": "ses_cem",
            "created_at": iso("09:24:30"),
            "current_task": {
                "task_id": "task_reap",
                "progress_description": "Half the field",
                "progress_percentage": 50,
            },
            "files_modified": [{"path": "x"}],
        }
    ),
    "sessions/ses_two/checkpoint.json": document(
        {
            "session_id": "ses_two",
            "created_at": iso("09:23:30"),
            "current_task": {"task_id": "task_reap", "progress_percentage": 90},
        }
    ),
    "sessions/ses_bob/handoff-state.json": document({"session_id": "ses_bob", "updated_at": iso("09:21:00")}),
    "tool-timing.jsonl": lines(
        a_call("call_1", at("09:10:00") + 1, 20),
        a_call("call_1", at("09:10:00"), 21),
        a_call("call_1", at("09:10:00"), 22, session=None),
        a_call("call_2", at("09:11:00"), 5, success=False, tool="edit"),
        a_call("call_3", at("09:12:00"), 5, session=None),
    ),
    "quality-assessments.json": document(
        {
            "assessments": [
                {
                    "task_id": "task_sow",
                    "task_title": "Sow the field",
                    "assessed_at": iso("09:26:00"),
                    "assessed_by": "orchestrator",
                    "dimensions": [{"name": "impact", "score": 9, "weight": 0.5}, {"name": "completeness", "score": 8}],
                    "overall_score": 8.5,
                    "lessons_learned": "Sow early",
                },
                {
                    "task_id": "task_old",
                    "assessed_at": iso("08:26:00"),
                    "assessed_by": "ses_bob",
                    "completeness": 6,
                    "impact": 8,
                },
            ]
        }
    ),
    "knowledge-base.json": document(
        [
            {
                "session_id": "ses_bob",
                "timestamp": at("09:22:00"),
                "messages": 12,
                "key_insights": ["Wet soil takes seed"],
                "decisions": ["Sow north to south"],
            }
        ]
    ),
    "working.md": b"intro\n# Working notes\n\ntext\n",
    "working-archives/sessions-1-9-2026-01-01T07-08-09-123Z.md": b"# Older notes\n",
    "critiques/2026-01-01-code.md": b"no heading",
    "reports/report-2026-01-01.md": b"# Report \xff\n",
    "state.json": document(
        {
            "session_count": 180,
            "last_updated": iso("09:27:00"),
            "current_session_id": "ses_ann",
            "last_session": iso("09:00:00"),
            "sessions_metadata": {"ses_early": {"messages": 100, "duration_ms": 5000}},
        }
    ),
    "metrics.json": document({"total_sessions": 39, "total_tool_calls": 3725, "last_session": iso("09:00:00")}),
    ".token-usage.json": document({"input_tokens": 5, "output_tokens": 6, "total_tokens": 11}),
    ".rate-limit-status.json": document({"rate_limited": True, "detected_at": "2026-01-01T09:00:00+00:00"}),
    ".watchdog-status.json": document({"restarts_this_hour": 2, "last_check": iso("09:27:00")}),
    "git-activity.jsonl": lines(
        {
            "timestamp": iso("09:19:00"),
            "action": "commit",
            "agent_id": "agent-bob",
            "commit_hash": "0ff1ce5",
            "message": "Sow\n\nbody",
            "files_changed": 2,
            "insertions": 7,
            "deletions": 3,
        },
        {"timestamp": iso("09:19:30"), "action": "push", "commit_hash": "0ff1ce5"},
    ),
    "realtime.log": lines(
        {"timestamp": iso("09:10:00"), "session": "ses_ann", "level": "INFO", "message": "Tool", "data": {"ok": True}},
        {"timestamp": iso("09:10:00"), "session": "ses_ann", "level": "INFO", "message": "Tool", "data": {"ok": True}},
        {
            "timestamp": iso("09:13:00"),
            "session": None,
            "level": "WARN",
            "message": "Event",
            "data": {"properties": {"sessionID": "ses_hid"}},
        },
    )
    + b'[2026-01-01T09:14:00.000Z] ERROR | ses_ann | It broke | {"code": 1}\n',
    "coordination.log": b"""2026-01-01T08:54:00.000Z [INFO] [agent-bob] Agent registered: agent-bob (role: sower)
2026-01-01T09:15:00.000Z [INFO] [agent-bob] Status updated: blocked - May I use the tractor?
2026-01-01T09:16:00.000Z [WARN] [agent-bob] Registration attempt 1 failed: busy
2026-01-01T09:21:40.000Z [INFO] [agent-bob] Agent unregistered: agent-bob
2026-01-01T09:27:00.000Z [INFO] [agent-ann] Cleaning up 2 stale agent(s): agent-cem, agent-fay
""",
    "watchdog.log": b"""started before there was a clock
[2026-01-01T09:00:00+00:00] Watchdog started
  a detail without a time
[2026-01-01T09:00:30+00:00] [ERROR] Orchestrator not running
""",
}


@pytest.fixture(scope="module")
def team() -> Reading:
    return read(TEAM)


# Which files, which directories


def test_every_kind_of_file_in_the_table_is_in_the_sample() -> None:
    source = Workspace(Path("/memory"))
    methods = {method for _, _, method in FILES}
    assert {source.reader(PurePosixPath(path)).read.func.__name__ for path in TEAM} == methods  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "path",
    [
        "tasks.json.lock",
        "tasks.json.tmp",
        "tasks.json~",
        "working.md.tmp",
        "realtime.log.lock",
        "knowledge-base.backup.json",
        "elsewhere/tasks.json",
        "a/b/c.log",
        "critiques/deep/er.md",
        "notes.txt",
        "working-archives/index.json",
    ],
)
def test_files_of_others_locks_and_temporary_files_are_left_alone(path: str) -> None:
    assert Workspace(Path("/memory")).reader(PurePosixPath(path)) is None


@pytest.mark.parametrize(
    "path",
    ["orchestrator-respawn.log", "realtime.log.1", "realtime-archives/realtime-2026-01-01T00-00-00-000Z.log"],
)
def test_any_log_and_its_archives_are_read_line_by_line(path: str) -> None:
    reader = Workspace(Path("/memory")).reader(PurePosixPath(path))
    assert reader is not None
    assert reader.mode == "lines"


def test_a_directory_is_recognised_by_one_telling_name_or_two_common_ones(tmp_path: Path) -> None:
    assert not Workspace.recognises(tmp_path / "missing")
    (tmp_path / "tasks.json").touch()
    assert not Workspace.recognises(tmp_path)
    (tmp_path / "working.md").touch()
    assert Workspace.recognises(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "message-bus.jsonl").touch()
    assert Workspace.recognises(other)


def test_default_roots_come_from_the_environment(tmp_path: Path) -> None:
    assert Workspace.default_roots({}, tmp_path) == []
    named = Workspace.default_roots({"AGENT_WIDGET_WORKSPACE": f"~/memory{__import__('os').pathsep}/srv/m"}, tmp_path)
    assert named == [tmp_path / "memory", Path("/srv/m")]


def test_directories_of_other_tools_are_skipped() -> None:
    source = Workspace(Path("/memory"))
    assert source.skips(PurePosixPath("a/node_modules"))
    assert not source.skips(PurePosixPath("sessions"))


# Agents


def test_the_registry_says_role_session_activity_and_status(team: Reading) -> None:
    ann = team.row("agents", "agent-ann")
    assert (ann.name, ann.role, ann.session_id) == ("agent-ann", "orchestrator", "ses_ann")
    assert (ann.activity, ann.started_at, ann.last_seen_at) == ("Planning the harvest", at("09:00:00"), at("09:30:00"))
    assert (at("09:30:00"), "working", "registry says working") in team.says("agent-ann")


def test_agents_that_left_keep_their_figures(team: Reading) -> None:
    bob = team.row("agents", "agent-bob")
    assert (bob.tasks_completed, bob.quality, bob.started_at) == (3, 0.825, at("08:54:00"))
    assert bob.role == "sower"
    assert team.row("agents", "agent-dee").quality is None


def test_an_agent_leaving_the_registry_takes_nothing_back() -> None:
    reading = read("agent-registry.json", TEAM["agent-registry.json"])
    before = dict(reading.row("agents", "agent-ann"))
    reading.feed("agent-registry.json", document({"agents": []}))
    assert reading.row("agents", "agent-ann") == before
    assert not any(isinstance(item, Gone) for item in reading.items)


def test_what_the_registry_said_of_an_agent_that_left_yields_to_what_others_say() -> None:
    def says(activity: str) -> bytes:
        return lines(a_message("m", "09:01:00", "agent-ann", "broadcast", {"status": activity}))

    for order in ("before", "after"):
        reading = read("message-bus.jsonl", says("Harvesting")) if order == "before" else Reading()
        reading.feed("agent-registry.json", TEAM["agent-registry.json"])
        reading.feed("agent-registry.json", document({"agents": []}))
        reading.feed("message-bus.jsonl", says("Harvesting"), again=True)
        ann = reading.row("agents", "agent-ann")
        assert (ann.activity, ann.role) == ("Harvesting", "orchestrator")


def test_a_registry_keyed_by_agent_is_read_too() -> None:
    entry = {"session_id": "ses_a", "last_heartbeat": iso("09:00:00"), "status": "blocked", "current_task": "A key?"}
    reading = read("agent-registry.json", document({"agents": {"agent-a": entry}}))
    assert reading.says("agent-a") == [(at("09:00:00"), "waiting", "A key?")]


def test_only_the_newest_word_of_the_registry_counts() -> None:
    entry = {"agent_id": "agent-a", "last_heartbeat": iso("09:00:00"), "assigned_role": "zebra", "current_task": "Z"}
    reading = read("agent-registry.json", document({"agents": [entry]}))
    reading.feed("agent-registry.json", document({"agents": [entry | {"assigned_role": "ant", "current_task": None}]}))
    assert (reading.only("agents").role, reading.only("agents").activity) == ("ant", None)


def test_what_an_agent_did_is_evidence(team: Reading) -> None:
    assert team.says("agent-bob") == [
        (at("09:05:00"), "working", "claimed task Sow the field"),
        (at("09:06:00"), "working", "heartbeat says working"),
        (at("09:15:00"), "waiting", "May I use the tractor?"),
        (at("09:20:00"), "idle", "completed a task: Sown"),
        (at("09:20:01"), "idle", "completed task task_sow"),
        (at("09:21:40"), "done", "unregistered"),
    ]
    assert (at("09:00:01"), "idle", "broadcast says ready") in team.says("agent-ann")


def test_a_removed_or_failed_agent_is_evidence_that_does_not_run_out(team: Reading) -> None:
    assert (at("09:25:00"), "failed", "session error: Overloaded") in team.says("agent-cem")
    assert (at("09:28:00"), "offline", "removed due to inactivity") in team.says("agent-cem")
    assert team.says("agent-fay") == [(at("09:27:00"), "offline", "removed due to inactivity")]
    assert {e.ttl_ms for e in team.evidence if e.status in ("offline", "done", "failed")} == {None}
    assert {e.ttl_ms for e in team.evidence if e.status in ("working", "idle", "waiting")} == {180_000}


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("active", "working"),
        ("BUSY", "working"),
        ("idle", "idle"),
        ("waiting", "waiting"),
        ("stopped", "done"),
        ("crashed", "failed"),
        ("dancing", None),
        (None, "working"),
    ],
)
def test_a_heartbeat_says_what_its_agent_does(word: str | None, status: str | None) -> None:
    payload = {} if word is None else {"status": word}
    reading = read("message-bus.jsonl", lines(a_message("m", "09:00:00", "agent-a", "heartbeat", payload)))
    assert [said for _, said, _ in reading.says("agent-a")] == ([status] if status else [])


def test_people_are_agents_with_the_role_human_and_no_evidence(team: Reading) -> None:
    for name in ("terminal-user", "grace"):
        person = team.row("agents", name)
        assert (person.role, person.status, person.status_reason) == ("human", "unknown", "a person")
        assert team.says(name) == []


def test_an_agent_works_on_what_it_claimed_last_until_that_is_done(team: Reading) -> None:
    assert team.row("agents", "agent-bob").task_id is None
    assert team.row("agents", "agent-cem").task_id == "task_reap"
    assert team.row("agents", "agent-old").task_id == "task_gone"
    assert team.row("agents", "agent-bob").activity == "completed task_sow"


def test_a_task_that_is_taken_away_is_no_longer_worked_on() -> None:
    task = {"id": "t", "status": "in_progress", "assigned_to": "agent-a", "claimed_at": iso("09:00:00")}
    reading = read("tasks.json", document([task]))
    assert reading.row("agents", "agent-a").task_id == "t"
    reading.feed("tasks.json", document([task | {"assigned_to": "agent-b"}]))
    assert (reading.row("agents", "agent-a").task_id, reading.row("agents", "agent-b").task_id) == (None, "t")


def test_a_completion_that_somebody_else_reports_credits_the_one_who_did_it() -> None:
    told = {"task_id": "t", "title": "T", "completed_by": "agent-a"}
    reading = read("message-bus.jsonl", lines(a_message("m", "09:00:00", "agent-lead", "task_completed", told)))
    assert reading.row("agents", "agent-a").tasks_completed == 1
    assert reading.says("agent-lead") == reading.says("agent-a") == []


def test_an_agent_whose_session_was_spawned_by_another_has_a_parent(team: Reading) -> None:
    assert team.row("agents", "agent-cem").parent_id == "agent-ann"
    assert team.row("sessions", "ses_cem").parent_id == "ses_ann"
    assert team.row("agents", "agent-ann").parent_id is None


def test_tool_calls_and_errors_of_a_session_are_counted_for_its_agent(team: Reading) -> None:
    ann = team.row("agents", "agent-ann")
    assert (ann.tool_calls, ann.errors) == (2, 1)


# Tasks


def test_a_task_has_everything_the_list_says(team: Reading) -> None:
    sow = team.row("tasks", "task_sow")
    assert {name: value for name, value in sow.items() if value is not None} == {
        "id": "task_sow",
        "title": "Sow the field",
        "description": "All rows",
        "status": "completed",
        "priority": "high",
        "owner": "agent-bob",
        "progress": 1.0,
        "depends_on": [],
        "tags": ["field"],
        "created_at": at("09:01:00"),
        "updated_at": at("09:20:00"),
        "started_at": at("09:05:00"),
        "completed_at": at("09:20:00"),
        "quality": 0.85,
        "notes": "rain helped\nbegan late",
    }
    reap = team.row("tasks", "task_reap")
    assert (reap.depends_on, reap.parent_id) == (["task_sow"], "task_farm")


def test_progress_and_session_come_from_the_checkpoint(team: Reading) -> None:
    assert team.row("tasks", "task_reap").progress == 0.5
    assert team.row("tasks", "task_reap").session_id == "ses_cem"
    assert team.row("tasks", "task_mill").progress == 0.0
    assert team.row("agents", "agent-cem").activity == "Half the field"


def test_a_checkpoint_that_turns_to_another_task_takes_its_progress_along() -> None:
    def checkpoint(task: str | None, percent: int) -> bytes:
        current = {"task_id": task, "progress_percentage": percent} if task else None
        return document({"session_id": "ses_a", "created_at": iso("09:00:00"), "current_task": current})

    reading = read("tasks.json", document([{"id": id, "status": "in_progress"} for id in ("t1", "t2")]))
    path = "sessions/ses_a/checkpoint.json"
    seen = []
    for task, percent in (("t1", 60), ("t1", 40), ("t2", 120), (None, 0)):
        reading.feed(path, checkpoint(task, percent))
        seen.append([reading.row("tasks", id).progress for id in ("t1", "t2")])
    assert seen == [[0.6, None], [0.4, None], [None, 1.0], [None, None]]
    assert reading.row("tasks", "t2").session_id is None


def test_an_unknown_status_is_pending_and_kept_in_words(team: Reading) -> None:
    odd = team.row("tasks", "task_odd")
    assert (odd.status, odd.notes) == ("pending", "status: simmering\nhot")


def test_names_that_mean_nothing_are_null(team: Reading) -> None:
    assert team.row("tasks", "task_mill").owner is None
    assert not {"None", "null", ""} & set(team.rows("agents"))


def test_tasks_come_from_the_task_list_alone(team: Reading) -> None:
    assert set(team.rows("tasks")) == {"task_sow", "task_reap", "task_mill", "task_odd"}


def test_a_task_taken_out_of_the_list_is_gone() -> None:
    tasks = [{"id": "t1", "status": "pending"}, {"id": "t2", "status": "pending"}]
    reading = read("tasks.json", document({"tasks": tasks}))
    reading.feed("tasks.json", document({"tasks": tasks[1:]}))
    assert set(reading.rows("tasks")) == {"t2"}
    reading.feed("tasks.json", document({"tasks": tasks}))
    assert set(reading.rows("tasks")) == {"t1", "t2"}


def test_a_torn_document_says_nothing_and_forgets_nothing() -> None:
    reading = read(TEAM)
    before = reading.tables
    for path in [path for path in TEAM if path.endswith(".json")]:
        for torn in (b"", TEAM[path][: len(TEAM[path]) // 2], b"null", b"7"):
            with pytest.raises(MISREAD):
                reading.feed(path, torn)
        reading.feed(path, TEAM[path])
    assert reading.tables == before


def test_fields_written_in_camel_case_are_read() -> None:
    task = {"id": "t", "status": "claimed", "assignedTo": "agent-a", "dependsOn": ["x"], "createdAt": iso("09:00:00")}
    row = read("tasks.json", document({"tasks": [task]})).only("tasks")
    assert (row.owner, row.depends_on, row.created_at) == ("agent-a", ["x"], at("09:00:00"))


# Messages


def test_messages_have_sender_recipient_kind_and_a_sentence(team: Reading) -> None:
    said = {id: (m.sender, m.recipient, m.kind, m.text) for id, m in team.rows("messages").items()}
    assert said == {
        "m0": ("agent-old", "*", "task_claim", "claimed Forgotten"),
        "m0b": ("agent-old", "*", "task_claim", "claimed task_brief"),
        "m0c": ("agent-old", "*", "task_completed", "completed task_brief"),
        "m1": ("agent-ann", "*", "broadcast", "Agent online and ready"),
        "m1b": ("agent-ada", "*", "broadcast", "Agent online and ready"),
        "m2": ("agent-bob", "*", "task_claim", "claimed Sow the field"),
        "m3": ("agent-bob", "*", "heartbeat", "working"),
        "m4": ("agent-bob", "*", "task_completed", "completed task_sow: Sown"),
        "m5": ("agent-bob", "*", "task_completed", "completed task_sow"),
        "m6": ("agent-bob", "agent-eve", "direct", "Over to you"),
        "m7": ("agent-cem", "*", "task_claim", "claimed Reap the field"),
        "m8": ("agent-ann", "*", "session_spawned", "Reap for ann"),
        "m9": ("agent-cem", "*", "broadcast", None),
        "u1": ("terminal-user", "*", "user", "Please hurry"),
        "u2": ("grace", "*", "user", "And be careful"),
    }
    assert {id for id, m in team.rows("messages").items() if m.read} == {"m1", "u1"}
    assert team.row("messages", "m2").task_id == "task_sow"
    assert team.row("messages", "m8").session_id == "ses_cem"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("just words", "just words"),
        ({"status": "A", "message": "B", "details": "A"}, "A — B"),
        ({"instruction": "Leave"}, "Leave"),
        ({"deep": {"er": [1]}}, '{"deep":{"er":[1]}}'),
        ([1, "two"], '[1,"two"]'),
        ({}, None),
    ],
)
def test_a_payload_of_any_shape_is_readable(payload: Any, text: str | None) -> None:
    reading = read("message-bus.jsonl", lines(a_message("m", "09:00:00", "agent-a", "direct", payload)))
    assert reading.only("messages").text == text


def test_a_message_once_read_stays_read_whichever_copy_comes_last() -> None:
    unread = a_message("m", "09:00:00", "agent-a", "broadcast", {"status": "hi"})
    seen = unread | {"read_by": ["agent-b"]}
    for first, second in ((unread, seen), (seen, unread)):
        reading = read("message-bus.jsonl", lines(first))
        reading.feed("message-bus.jsonl", lines(second), again=True)
        assert reading.only("messages").read is True


def test_a_message_without_id_is_malformed() -> None:
    for path in ("message-bus.jsonl", "user-messages.jsonl", "tool-timing.jsonl"):
        with pytest.raises(MISREAD):
            read(path, b"{}\n")


# Sessions and tool calls


def test_a_session_is_put_together_from_all_files(team: Reading) -> None:
    ann, bob = team.row("sessions", "ses_ann"), team.row("sessions", "ses_bob")
    assert (ann.title, ann.project, ann.agent_id, ann.status) == ("Lead the harvest", "farm", "agent-ann", "active")
    assert (ann.messages, ann.tool_calls, ann.errors, ann.files_changed) == (30, 9, 1, 2)
    assert (ann.started_at, ann.updated_at, ann.ended_at) == (at("09:00:00"), at("09:30:00"), None)
    assert (bob.title, bob.status, bob.ended_at) == ("Sowed everything", "ended", at("09:21:31"))
    assert (bob.duration_ms, bob.tool_calls, bob.files_changed, bob.messages) == (17 * 60_000, 6, 3, 12)
    assert team.row("sessions", "ses_cem").status == "failed"
    assert team.row("sessions", "ses_cem").title == "Reap for ann"
    assert team.row("sessions", "ses_early").messages == 100
    assert team.row("sessions", "ses_hid").status == "idle"
    assert team.row("sessions", "ses_two").status == "idle"


def test_a_session_that_starts_again_has_not_ended() -> None:
    start, end = ({"type": f"session_{what}", "session_id": "ses_a"} for what in ("start", "end"))
    path = "sessions.jsonl"
    reading = read(path, lines(end | {"timestamp": iso("09:01:00")}, start | {"timestamp": iso("09:02:00")}))
    assert (reading.only("sessions").status, reading.only("sessions").ended_at) == ("idle", None)
    reading.feed(path, lines(end | {"timestamp": iso("09:03:00")}))
    assert (reading.only("sessions").status, reading.only("sessions").ended_at) == ("ended", at("09:03:00"))


def test_a_session_is_active_only_while_the_registry_lists_it() -> None:
    reading = read("agent-registry.json", TEAM["agent-registry.json"])
    assert reading.only("sessions").status == "active"
    reading.feed("agent-registry.json", document({"agents": []}))
    assert reading.only("sessions").status == "idle"


def test_of_several_names_of_one_agent_the_first_has_the_session_whatever_is_read_first() -> None:
    told = {"status": "Agent online and ready", "details": {"session_id": "ses_ann"}}
    online = [a_message(f"m{n}", f"09:00:0{n}", f"agent-{n}", "broadcast", told) for n in (2, 1)]
    calls = lines(a_call("c", at("09:10:00"), 1))
    for order in (online, online[::-1]):
        reading = read("message-bus.jsonl", lines(order[0])).feed("tool-timing.jsonl", calls)
        reading.feed("message-bus.jsonl", lines(order[1]))
        assert reading.only("sessions").agent_id == "agent-1"
        assert reading.only("tool_calls").agent_id == "agent-1"


def test_a_tool_call_that_several_instances_timed_is_one_row(team: Reading) -> None:
    assert len(team.rows("tool_calls")) == 3
    call = team.row("tool_calls", "call_1")
    assert (call.at, call.duration_ms, call.name, call.status) == (at("09:10:00"), 21, "bash", "ok")
    assert (call.agent_id, call.session_id, call.input_bytes, call.output_bytes) == ("agent-ann", "ses_ann", 3, 40)
    assert team.row("tool_calls", "call_2").status == "error"
    assert team.row("tool_calls", "call_3").session_id is None


def test_a_tool_call_without_a_result_is_running_until_there_is_one() -> None:
    begun = {"call_id": "c", "tool": "bash", "start_time": at("09:00:00")}
    done = begun | {"start_time": at("09:00:00") + 2, "duration_ms": 5, "success": True}
    for order in ([begun, done], [done, begun]):
        assert read("tool-timing.jsonl", lines(*order)).only("tool_calls").status == "ok"
    assert read("tool-timing.jsonl", lines(begun)).only("tool_calls").status == "running"


# Quality and memory


def test_assessments_are_scores_out_of_one(team: Reading) -> None:
    new = team.row("quality", f"task_sow:{at('09:26:00')}")
    assert (new.kind, new.subject, new.assessor, new.score) == ("assessment", "Sow the field", "orchestrator", 0.85)
    assert (new.dimensions, new.scale, new.notes) == ({"impact": 0.9, "completeness": 0.8}, "0-10", "Sow early")
    old = team.row("quality", f"task_old:{at('08:26:00')}")
    assert (old.dimensions, old.score, old.session_id) == ({"completeness": 0.6, "impact": 0.8}, 0.7, "ses_bob")


def test_an_assessment_that_is_replaced_is_gone() -> None:
    mark = {"task_id": "t", "assessed_at": iso("09:00:00"), "overall_score": 5}
    reading = read("quality-assessments.json", document({"assessments": [mark]}))
    reading.feed("quality-assessments.json", document({"assessments": [mark | {"assessed_at": iso("09:01:00")}]}))
    assert reading.only("quality").at == at("09:01:00")


def test_notes_and_knowledge_are_memory(team: Reading) -> None:
    memory = {id: (m.title, m.kind, m.updated_at) for id, m in team.rows("memory").items()}
    assert memory == {
        f"knowledge:ses_bob:{at('09:22:00')}": ("Wet soil takes seed", "knowledge", at("09:22:00")),
        "working.md": ("Working notes", "working_notes", None),
        "working-archives/sessions-1-9-2026-01-01T07-08-09-123Z.md": (
            "Older notes",
            "working_notes",
            at("07:08:09.123"),
        ),
        "critiques/2026-01-01-code.md": ("2026-01-01-code", "critique", at("00:00:00")),
        "reports/report-2026-01-01.md": ("Report \ufffd", "report", at("00:00:00")),
    }
    assert team.row("memory", f"knowledge:ses_bob:{at('09:22:00')}").text == "Wet soil takes seed\nSow north to south"
    notes = team.row("memory", "working.md")
    assert (notes.path, notes.size, notes.tokens) == ("working.md", 28, 7)


def test_a_changed_memory_file_has_another_version() -> None:
    reading = read("working.md", b"one")
    before = reading.only("memory").version
    assert reading.feed("working.md", b"two").only("memory").version != before
    assert reading.feed("working.md", b"one").only("memory").version == before


def test_a_knowledge_entry_that_is_taken_out_is_gone() -> None:
    reading = read("knowledge-base.json", TEAM["knowledge-base.json"])
    assert reading.feed("knowledge-base.json", b"[]").rows("memory") == {}


# Logs and stated figures


def test_log_lines_have_time_level_who_and_text(team: Reading) -> None:
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
    reader = Workspace(Path("/memory")).reader(PurePosixPath("any.log"))
    assert reader is not None
    for number in range(10_000):
        list(reader.read(b"line %d" % number))
    (file,) = reader.read.args  # type: ignore[attr-defined]
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


# Everything together

REFERENCES = {
    "agents": {"agents": ["parent_id"], "sessions": ["session_id"]},
    "tasks": {"agents": ["owner"], "sessions": ["session_id"]},
    "sessions": {"agents": ["agent_id"], "sessions": ["parent_id"]},
    "messages": {"agents": ["sender", "recipient"], "sessions": ["session_id"]},
    "tool_calls": {"agents": ["agent_id"], "sessions": ["session_id"]},
    "quality": {"sessions": ["session_id"]},
    "logs": {"agents": ["agent_id"], "sessions": ["session_id"]},
    "memory": {"agents": ["agent_id"]},
}


def unresolved(reading: Reading) -> list[tuple[str, str, str]]:
    known = {table: {None, "*", *reading.rows(table)} for table in ("agents", "sessions")}
    return [
        (table, column, row[column])
        for table, targets in REFERENCES.items()
        for target, columns in targets.items()
        for column in columns
        for row in reading.store.rows(table)
        if row[column] not in known[target]
    ]


TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
TYPES |= {"list": (list,), "map": (dict,)}
WORDS = {"tasks": TASK_STATUSES, "sessions": SESSION_STATUSES, "agents": AGENT_STATUSES, "tool_calls": TOOL_STATUSES}


def mistyped(reading: Reading) -> list[Any]:
    """Values that are not of their column's type, and statuses that are not words of ours."""
    return [
        (name, column.name, row[column.name])
        for name, table in TABLES.items()
        for row in reading.store.rows(name)
        for column in table.columns
        if (value := row[column.name]) is not None
        and (
            not isinstance(value, TYPES[column.type])
            or (isinstance(value, bool) and column.type != "bool")
            or (column.name == "status" and value not in WORDS[name])
            or (column.name == "level" and value not in LOG_LEVELS)
        )
    ]


def test_every_reference_resolves(team: Reading) -> None:
    assert unresolved(team) == []


def test_every_value_has_the_type_of_its_column(team: Reading) -> None:
    assert mistyped(team) == []


def test_ids_and_references_carry_the_namespace() -> None:
    reading = read(TEAM, namespace="two/")
    assert unresolved(reading) == []
    assert all(id.startswith("two/") for rows in reading.tables.values() for id in rows)
    assert all(evidence.agent_id.startswith("two/") for evidence in reading.evidence)
    plain = read(TEAM)
    for name, rows in reading.tables.items():
        assert {id.removeprefix("two/") for id in rows} == set(plain.rows(name))
    assert reading.row("tasks", "two/task_reap").depends_on == ["two/task_sow"]
    assert reading.row("agents", "two/agent-cem").parent_id == "two/agent-ann"


def differences(one: Reading, other: Reading) -> list[Any]:
    """The cells in which two readings differ, or the rows that only one has; short, since pytest prints it."""
    found: list[Any] = []
    for name, rows in one.tables.items():
        others = other.rows(name)
        found += [(name, id) for id in rows.keys() ^ others.keys()]
        for id in rows.keys() & others.keys():
            row, twin = rows[id], others[id]
            found += [(name, id, column, row[column], twin[column]) for column in row if row[column] != twin[column]]
    return found[:20]


def shuffled(rng: random.Random, data: bytes) -> bytes:
    parts = data.splitlines(keepends=True)
    return b"".join(rng.sample(parts, len(parts)))


def portions(rng: random.Random, files: Files) -> Iterator[tuple[str, bytes, bool]]:
    """Every file twice, in random order, lines a few at a time between those of other files."""
    pending: dict[str, list[tuple[bytes, bool]]] = {}
    for path, data in files.items():
        parts = [data] if path.endswith((".json", ".md")) else data.splitlines(keepends=True)
        pending[path] = [(part, index == 0) for index, part in enumerate(parts)] * 2
    while pending:
        path = rng.choice(sorted(pending))
        for _ in range(rng.randint(1, 4)):
            if pending[path]:
                yield path, *pending[path].pop(0)
        if not pending[path]:
            del pending[path]


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 1 << 32))
def test_rows_do_not_depend_on_the_order_of_reading_nor_on_reading_twice(seed: int) -> None:
    expected, reading, rng = read(TEAM), Reading(), random.Random(seed)
    files = {path: shuffled(rng, data) if path.endswith(".jsonl") else data for path, data in TEAM.items()}
    for path, data, again in portions(rng, files):
        reading.feed(path, data, again=again)
    assert differences(reading, expected) == []
    assert reading.evidence == expected.evidence


def earlier(rng: random.Random, value: Any) -> Any:
    """The same document as it may have been before: other words and figures, but the same names and times."""
    if isinstance(value, dict):
        return {key: earlier(rng, inner) if _may_change(key) else inner for key, inner in value.items()}
    if isinstance(value, list):
        return [earlier(rng, inner) for inner in value]
    if isinstance(value, str):
        return rng.choice([value, "another text", "zzz", ""])
    return value


def _may_change(key: str) -> bool:
    times = ("_at", "_time", "timestamp", "last_", "created", "updated", "first_seen")
    ids = (
        "id",
        "_id",
        "agents",
        "completed_by",
        "assigned_to",
        "session_id",
        "assessed_by",
        "ses_early",
        "type",
        "message",
    )
    return not key.endswith(times) and not key.startswith(times) and key not in ids and not key.endswith("_id")


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 1 << 32))
def test_after_any_sequence_of_changes_the_rows_are_those_of_a_fresh_reading(seed: int) -> None:
    expected, reading, rng = read(TEAM), Reading(), random.Random(seed)
    documents = [path for path in TEAM if path.endswith(".json")]
    steps = list(portions(rng, TEAM))
    for path in documents:  # before it said what it says now, a document said something else
        first = next(index for index, step in enumerate(steps) if step[0] == path)
        for _ in range(rng.randint(1, 2)):
            changed = document(earlier(rng, json.loads(TEAM[path])))
            steps.insert(rng.randint(0, first), (path, changed, False))
    for path, data, again in steps:
        try:
            reading.feed(path, data, again=again)
        except MISREAD:
            assert path in documents
    assert differences(reading, expected) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of the sample with one value replaced by anything."""
    path = draw(st.sampled_from([path for path in TEAM if path.endswith((".json", ".jsonl"))]))
    parts = [json.loads(part) for part in (TEAM[path].splitlines() if path.endswith("l") else [TEAM[path]])]
    place: Any = parts
    while True:
        keys: Iterable[Any] = place if isinstance(place, dict) else range(len(place))
        key = draw(st.sampled_from(sorted(keys)))
        if not place[key] or not isinstance(place[key], dict | list) or draw(st.integers(0, 4)) == 0:
            break
        place = place[key]
    place[key] = draw(json_values)
    return path, b"".join(json.dumps(part).encode() + b"\n" for part in parts)


@settings(deadline=None, max_examples=300)
@given(damaged())
def test_one_wrong_value_neither_breaks_the_reader_nor_gets_into_a_row(file: tuple[str, bytes]) -> None:
    path, data = file
    reading = Reading()
    for part in data.splitlines():
        try:
            reading.feed(path, part)
        except MISREAD:
            continue
    assert mistyped(reading) == []
    assert unresolved(reading) == []


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(TEAM)), st.binary(max_size=60))
def test_arbitrary_bytes_break_nothing(path: str, data: bytes) -> None:
    reading = Reading()
    try:
        reading.feed(path, data)
    except MISREAD:
        assert not path.endswith((".log", ".md"))
    assert mistyped(reading) == []


# The real directory of the reference system, where it is at hand

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "hyrm-workspace" / "memory"


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
