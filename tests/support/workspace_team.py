"""A small team's workspace, every kind of file once: ann leads and is there, bob did a task and left, cem crashed."""

from __future__ import annotations

import json
from typing import Any

from tests.support.transcripts import at, iso, lines


def document(value: Any) -> bytes:
    return json.dumps(value).encode()


def a_message(id: str, clock: str, sender: str, kind: str, payload: Any = None, **fields: Any) -> dict[str, Any]:
    message = {"message_id": id, "from_agent": sender, "timestamp": iso(clock), "type": kind, "read_by": []}
    return message | ({} if payload is None else {"payload": payload}) | fields


def a_call(id: str, start: int, duration: int, session: str | None = "ses_ann", **fields: Any) -> dict[str, Any]:
    call = {"timestamp": iso("09:10:00"), "session_id": session, "tool": "bash", "call_id": id, "start_time": start}
    call |= {"end_time": start + duration, "duration_ms": duration, "input_size": 3, "output_size": 40}
    return call | {"success": True, "category": "shell"} | fields


TEAM: dict[str, bytes] = {
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
