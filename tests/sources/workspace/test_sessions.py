"""Sessions of a workspace and their tool calls."""

from __future__ import annotations

from tests.support.transcripts import at, iso, lines
from tests.support.workspace_reading import Reading, read
from tests.support.workspace_team import TEAM, a_call, a_message, document


def test_a_session_is_put_together_from_all_files(team: Reading) -> None:
    ann, bob = team.row("sessions", "ses_ann"), team.row("sessions", "ses_bob")
    assert (ann.title, ann.directory, ann.agent_id, ann.status) == (
        "Lead the harvest",
        "/home/ann/farm",
        "agent-ann",
        "active",
    )
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
    record = {"status": "Agent online and ready", "details": {"session_id": "ses_ann"}}
    online = [a_message(f"m{n}", f"09:00:0{n}", f"agent-{n}", "broadcast", record) for n in (2, 1)]
    calls = lines(a_call("c", at("09:10:00"), 1))
    for order in (online, online[::-1]):
        reading = read("message-bus.jsonl", lines(order[0])).feed("tool-timing.jsonl", calls)
        reading.feed("message-bus.jsonl", lines(order[1]))
        assert reading.only("sessions").agent_id == "agent-1"
        assert reading.only("tool_calls").agent_id == "agent-1"
        counted = {agent: reading.row("agents", agent).tool_calls for agent in ("agent-1", "agent-2")}
        assert counted == {"agent-1": 1, "agent-2": None}  # what a session took counts once


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
