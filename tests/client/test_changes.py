"""Tasks and messages changed from Python, over a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import agent_widget as aw
from agent_widget.client.changes import MessageRow, TaskRow
from agent_widget.server.app import Server
from tests.support.wire import PATIENCE, hosted, raw, until, write_tasks

pytestmark = pytest.mark.usefixtures("own_machine")


@pytest.fixture
def writable(workspace: Path) -> Iterator[Server]:
    with hosted(workspace, allow_writes=True) as server:
        yield server


@pytest.fixture
def client(writable: Server) -> Iterator[aw.Client]:
    with contextlib.closing(aw.connect(writable.url, writable.token)) as client:
        yield client


def test_a_task_from_begin_to_end(client: aw.Client, workspace: Path) -> None:
    """Each call returns when the tables have it, so what follows sees it."""
    task = client.tasks.create(title="Retry with backoff", priority="high", tags=["http"], description="how often?")
    assert client.tasks[task.id] == task
    assert (task.status, task.priority, task.tags, task.description) == ("pending", "high", ["http"], "how often?")
    task = task.update(status="in_progress", owner="agent-1", notes="begun")
    assert (client.tasks[task.id].status, client.tasks[task.id].owner) == ("in_progress", "agent-1")
    task = client.tasks[task.id].update(status="completed")
    assert client.tasks[task.id].completed_at == task.completed_at is not None
    other = client.tasks.where(title="first")[0].cancel("not needed")
    assert client.tasks[other.id].status == "cancelled"
    assert "not needed" in client.tasks[other.id].notes
    assert not list(workspace.glob("*.lock"))


def test_messages_are_sent_and_marked_read(client: aw.Client) -> None:
    task = client.tasks.rows()[0]
    sent = client.messages.send("agent-1", "which budget?", kind="question", task=task["id"])
    assert client.messages[sent.id] == sent
    assert (sent.recipient, sent.kind, sent.text, sent.task_id, sent.read) == (
        "agent-1",
        "question",
        "which budget?",
        task["id"],
        False,
    )
    assert client.messages["m1"].mark_read().read is True
    assert client.messages["m1"].read is True
    assert client.messages.send("*", "all").recipient == "*"
    assert [row.text for row in client.agent("agent-1").messages()][-1] == "which budget?"


def test_every_way_to_a_row_leads_to_one_that_can_be_changed(client: aw.Client) -> None:
    client.tasks["task-0"].update(owner="agent-1")
    rows = [client.tasks["task-0"], client.tasks.get("task-0"), client.tasks.where(owner="agent-1")[0]]
    rows += [client.tasks.rows()[0], next(iter(client.tasks)), client.agent("agent-1").tasks()[0]]
    assert all(isinstance(row, TaskRow) for row in rows)
    assert isinstance(client.agent("agent-1").messages()[0], MessageRow)
    assert client.tasks.get("nobody") is None
    with pytest.raises(TypeError):
        client.tasks["task-0"].update({"status": "blocked"})  # as of a dict: nothing would reach the file


def test_a_row_that_was_seen_before_others_changed_it_is_a_conflict(client: aw.Client, workspace: Path) -> None:
    row = client.tasks["task-0"]
    client.tasks["task-0"].update(status="blocked")
    with pytest.raises(aw.CallError) as caught:
        row.update(status="completed")
    assert caught.value.code == "conflict"
    assert caught.value.details == {"status": {"seen": "pending", "found": "blocked"}}
    assert client.tasks["task-0"].status == "blocked"


def test_errors_are_those_of_every_call(client: aw.Client, workspace: Path) -> None:
    row = client.tasks["task-1"]
    write_tasks(workspace, "first")
    until(lambda: "task-1" not in client.tasks)
    with pytest.raises(aw.NotFound):
        row.update(status="completed")
    with pytest.raises(aw.CallError, match="status"):
        client.tasks["task-0"].update(status="finished")
    with pytest.raises(aw.CallError, match="title"):
        client.tasks.create(title=" ")


def test_a_server_without_writes_says_so(workspace: Path) -> None:
    with hosted(workspace) as server, contextlib.closing(aw.connect(server.url, server.token)) as client:
        assert client.sources[0].writes == []
        before = (workspace / "tasks.json").read_bytes()
        for change in (
            lambda: client.tasks.create(title="x"),
            lambda: client.tasks["task-0"].update(status="blocked"),
            lambda: client.tasks["task-0"].cancel(),
            lambda: client.messages.send("*", "x"),
            lambda: client.messages["m1"].mark_read(),
        ):
            with pytest.raises(aw.CallError, match="--allow-writes") as caught:
                change()
            assert caught.value.code == "forbidden"
        assert (workspace / "tasks.json").read_bytes() == before


def test_a_server_with_writes_says_what_each_root_takes(client: aw.Client) -> None:
    (source,) = client.sources
    assert source.writes == ["task.create", "task.update", "task.cancel", "message.send", "message.read"]


def test_changes_of_one_client_are_made_in_their_order(writable: Server, workspace: Path) -> None:
    async def scene() -> None:
        async with raw(writable) as client:
            await client.hello(writable)
            for rid in range(20):
                params = {"id": "task-0", "notes": f"note {rid}"}
                await client.send(type="call", rid=rid, method="task.update", params=params)
            replies = 0
            async with asyncio.timeout(PATIENCE):
                while replies < 20:
                    replies += (await client.frame())["type"] == "reply"

    asyncio.run(scene())
    notes = json.loads((workspace / "tasks.json").read_text())["tasks"][0]["notes"]
    assert [note.split("note ")[1] for note in notes] == [str(number) for number in range(20)]


def test_asking_for_writes_does_not_reuse_a_server_without(workspace: Path) -> None:
    with aw.serve(workspace) as server:
        with pytest.raises(aw.ServerError, match=r"aw.serve\(.*\).stop\(\)"):
            aw.serve(workspace, allow_writes=True)
        aw.serve(workspace).stop()
        assert not server.running
    with aw.serve(workspace, allow_writes=True) as server:
        assert aw.serve(workspace).pid == server.pid
        assert aw.connect(server).tasks.create(title="x").title == "x"
