"""How a workspace is written to: bytes before, a change, bytes after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.sources.changes import Append, Change, Method, Missing, Refused, Rewrite
from agent_widget.sources.parsing import MISREAD
from agent_widget.sources.workspace import Workspace

AT = 1_767_261_600_500
ISO = "2026-01-01T10:00:00.500Z"

TASKS = """{
  "version": "1.0",
  "tasks": [
    {
      "id": "t1",
      "title": "first – with a dash",
      "status": "pending",
      "mood": {"of": ["somebody", 1.50]},
      "notes": [
        "[2026-01-01T09:00:00.000Z] begun"
      ]
    },
    {
      "task_id": "t2",
      "title": "second",
      "status": "completed",
      "assignedTo": "agent-2",
      "completed_at": "2026-01-01T09:30:00.000Z",
      "notes": "one text"
    }
  ],
  "completed_count": 7,
  "last_updated": "2026-01-01T09:30:00.000Z"
}"""


def changed(
    data: str | None, method: Method, id: str | None = None, of_kind: str | None = None, **fields: Any
) -> tuple[str, str]:
    """The bytes after a change, as text, and the row's id."""
    row: Mapping[str, Any] | None = None if of_kind is None else {"kind": of_kind}
    (plan, *_) = list(Workspace(Path("/memory")).plans(Change(method, fields, AT, "abc123", id, row)))
    if isinstance(plan, Append):
        return plan.line.decode(), plan.id
    assert isinstance(plan, Rewrite)
    new, made = plan.edit(None if data is None else data.encode())
    return new.decode(), made


def lines_that_differ(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = before.split("\n"), after.split("\n")
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_a_status_changes_two_lines_and_the_time_of_the_list() -> None:
    after, id = changed(TASKS, "task.update", "t1", status="in_progress")
    assert id == "t1"
    gone, come = lines_that_differ(TASKS, after)
    assert gone == ['      "status": "pending",', "      ]", '  "last_updated": "2026-01-01T09:30:00.000Z"']
    told = ["      ],", f'      "updated_at": "{ISO}"', f'  "last_updated": "{ISO}"']
    assert come == ['      "status": "in_progress",', *told]


@pytest.mark.parametrize(
    ("id", "fields", "expected"),
    [
        ("t1", {"notes": "more"}, {"notes": ["[2026-01-01T09:00:00.000Z] begun", f"[{ISO}] more"]}),
        ("t2", {"notes": "more"}, {"notes": f"one text\n[{ISO}] more"}),
        ("t1", {"owner": "agent-1"}, {"assigned_to": "agent-1", "claimed_at": ISO}),
        ("t2", {"owner": "agent-1"}, {"assignedTo": "agent-1", "claimed_at": ISO}),
        ("t2", {"owner": None}, {"assignedTo": None, "claimed_at": None}),
        ("t1", {"status": "completed"}, {"status": "completed", "completed_at": ISO}),
        ("t1", {"priority": "high", "title": "Ärger"}, {"priority": "high", "title": "Ärger"}),
        ("t1", {"status": "pending"}, {}),
    ],
)
def test_each_field_goes_where_the_entry_has_it(id: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    after, _ = changed(TASKS, "task.update", id, **fields)
    index = int(id[1]) - 1
    entry = json.loads(TASKS)["tasks"][index]
    assert json.loads(after)["tasks"][index] == {**entry, **expected, "updated_at": ISO}
    assert json.loads(after)["tasks"][1 - index] == json.loads(TASKS)["tasks"][1 - index]


def test_a_task_that_is_taken_up_again_is_not_completed_at_any_time() -> None:
    after, _ = changed(TASKS, "task.update", "t2", status="pending")
    assert "completed_at" not in json.loads(after)["tasks"][1]


def test_cancelling_says_why_in_the_notes() -> None:
    after, _ = changed(TASKS, "task.cancel", "t1", reason="not needed")
    entry = json.loads(after)["tasks"][0]
    assert (entry["status"], entry["notes"][-1]) == ("cancelled", f"[{ISO}] Cancelled: not needed")


@pytest.mark.parametrize(
    "data",
    ['{"version": 2, "tasks": [], "x": 1}', '[{"id": "a"}]', '{"tasks": {"a": {"title": "by key"}}}', None, "  "],
)
def test_a_task_is_added_whatever_form_the_list_has(data: str | None) -> None:
    after, id = changed(data, "task.create", title="new", tags=["x"], depends_on=["t1"])
    assert id == f"task_{AT}_abc123"
    document = json.loads(after)
    listed = document["tasks"] if isinstance(document, dict) else document
    task = listed[id] if isinstance(listed, dict) else listed[-1]
    assert task == {
        "id": id,
        "title": "new",
        "description": "",
        "priority": "medium",
        "status": "pending",
        "created_at": ISO,
        "updated_at": ISO,
        "created_by": "user",
        "tags": ["x"],
        "depends_on": ["t1"],
    }


@pytest.mark.parametrize("data", [None, TASKS, '{"tasks": []}'])
def test_a_task_that_is_not_listed_is_missing(data: str | None) -> None:
    with pytest.raises(Missing, match=r"t9|no tasks"):
        changed(data, "task.update", "t9", status="blocked")


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(["task.create", "task.update", "task.cancel"]))
def test_a_damaged_list_is_left_alone_or_changed_in_one_place(data: st.DataObject, method: Method) -> None:
    """Whatever the bytes: it is an error that readers raise too, or the other task is as it was."""
    damaged = bytearray(TASKS.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))
    fields = {"title": "x"} if method == "task.create" else {}
    id = None if method == "task.create" else "t1"
    (plan,) = list(Workspace(Path("/memory")).plans(Change(method, fields, AT, "abc123", id)))
    assert isinstance(plan, Rewrite)
    try:
        after, _ = plan.edit(bytes(damaged))
    except (Missing, Refused, *MISREAD):
        return
    if b'"task_id"' not in damaged or b'"one text"' not in damaged:
        return  # what the other task was cannot be told
    other = bytes(damaged)[bytes(damaged).rfind(b'"task_id"') : bytes(damaged).rfind(b'"one text"')]
    assert other in after


def test_messages_have_the_shape_that_agents_write() -> None:
    line, id = changed(None, "message.send", to="agent-1", text="Grüße", task_id="t1")
    assert json.loads(line) == {
        "message_id": id,
        "from_agent": "user",
        "to_agent": "agent-1",
        "timestamp": ISO,
        "type": "direct",
        "payload": {"message": "Grüße", "task_id": "t1"},
        "read_by": [],
    }
    line, _ = changed(None, "message.send", to="*", text="all")
    assert json.loads(line)["type"] == "broadcast"
    assert "to_agent" not in json.loads(line)


@pytest.mark.parametrize("kind", ["heartbeat", "task_claim", "session_spawned"])
def test_nobody_can_report_for_an_agent(kind: str) -> None:
    with pytest.raises(Refused, match=kind):
        changed(None, "message.send", to="*", text="x", kind=kind)


def test_a_message_is_marked_in_its_line_alone() -> None:
    bus = '{"message_id": "m1", "payload": "about m2", "read_by": []}\n{"message_id":"m2","read_by":[]}\nnot JSON m2\n'
    after, _ = changed(bus, "message.read", "m2", of_kind="direct")
    assert after == bus.replace('"m2","read_by":[]', '"m2","read_by":["user"]')
    assert changed(after, "message.read", "m2", of_kind="direct")[0] == after


def test_what_a_person_wrote_is_marked_with_the_time() -> None:
    data = '{"id":"u1","from":"user","message":"hi","read":false,"extra":1}'
    after, _ = changed(data, "message.read", "u1", of_kind="user")
    assert json.loads(after) == {**json.loads(data), "read": True, "read_at": ISO, "read_by": "user"}


def test_an_archived_message_stays_as_it_is() -> None:
    plans = list(Workspace(Path("/memory")).plans(Change("message.read", {}, AT, "abc123", "m9", {"kind": "direct"})))
    assert [plan.path for plan in plans] == [PurePosixPath("message-bus.jsonl"), PurePosixPath("user-messages.jsonl")]
    for plan in plans:
        assert isinstance(plan, Rewrite)
        with pytest.raises(Missing, match="archived"):
            plan.edit(b"")
