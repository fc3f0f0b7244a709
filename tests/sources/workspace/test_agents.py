"""Agents of a workspace: who they are, what they do, whom they work for."""

from __future__ import annotations

import pytest

from agent_widget.sources.base import Gone
from tests.support.transcripts import at, iso, lines
from tests.support.workspace_reading import Reading, read
from tests.support.workspace_team import TEAM, a_message, document


def test_the_registry_gives_role_session_activity_and_status(team: Reading) -> None:
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


def test_claims_of_the_registry_about_an_agent_that_left_yield_to_others() -> None:
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


def test_only_the_newest_claim_of_the_registry_counts() -> None:
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


def test_an_agent_that_was_removed_or_failed_is_evidence(team: Reading) -> None:
    assert (at("09:25:00"), "failed", "session error: Overloaded") in team.says("agent-cem")
    assert (at("09:28:00"), "offline", "removed due to inactivity") in team.says("agent-cem")
    assert team.says("agent-fay") == [(at("09:27:00"), "offline", "removed due to inactivity")]


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
def test_a_heartbeat_gives_the_status_of_its_agent(word: str | None, status: str | None) -> None:
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


def test_a_completion_reported_by_another_agent_credits_the_one_that_did_it() -> None:
    record = {"task_id": "t", "title": "T", "completed_by": "agent-a"}
    reading = read("message-bus.jsonl", lines(a_message("m", "09:00:00", "agent-lead", "task_completed", record)))
    assert reading.row("agents", "agent-a").tasks_completed == 1
    assert reading.says("agent-lead") == reading.says("agent-a") == []


def test_an_agent_whose_session_was_spawned_by_another_has_a_parent(team: Reading) -> None:
    assert team.row("agents", "agent-cem").parent_id == "agent-ann"
    assert team.row("sessions", "ses_cem").parent_id == "ses_ann"
    assert team.row("agents", "agent-ann").parent_id is None


def test_tool_calls_and_errors_of_a_session_are_counted_for_its_agent(team: Reading) -> None:
    ann = team.row("agents", "agent-ann")
    assert (ann.tool_calls, ann.errors) == (2, 1)
