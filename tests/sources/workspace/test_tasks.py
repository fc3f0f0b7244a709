"""The task list of a workspace, and how far each task is."""

from __future__ import annotations

import pytest

from agent_widget.sources.parsing import MISREAD
from tests.support.transcripts import at, iso
from tests.support.workspace_reading import Reading, read
from tests.support.workspace_team import TEAM, document


def test_a_task_has_every_field_of_the_list(team: Reading) -> None:
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


def test_an_unknown_status_is_pending_and_kept_as_a_note(team: Reading) -> None:
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


def test_a_torn_document_changes_nothing() -> None:
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
