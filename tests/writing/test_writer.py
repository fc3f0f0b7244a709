"""The engine of changes over real files: conflicts, refusals, masks, and the audit."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.writing import Audit, Who, WriteError, Writer, last_writes
from agent_widget.writing.audit import MAX_BYTES
from tests.support.wire import say, write_tasks

SECRET = "ghp_" + "x7Kq2LmN8pRtVwYz3BcDfGhJ4sAe6uQi9oM1"
ME = Who("a test")

Make = Callable[..., Writer]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a writer over what some paths hold now; its collector is ``.collector``."""

    def make(*paths: Path, allowed: bool = True, patience: float = 0.2, **options: Any) -> Writer:
        collector = Collector(paths, host="here", **options)
        collector.scan()
        writer = Writer(
            collector.store,
            collector.sources,
            collector.unmasked,
            host="here",
            allowed=allowed,
            masking=collector.masking,
            audit=Audit(tmp_path / "audit" / "writes.jsonl"),
            patience=patience,
        )
        writer.collector = collector  # type: ignore[attr-defined]
        return writer

    return make


def fails(writer: Writer, *arguments: Any, **options: Any) -> WriteError:
    """The error of a change that is not made."""
    with pytest.raises(WriteError) as caught:
        writer.write(*arguments, ME, **options)
    return caught.value


def read_again(writer: Writer) -> Any:
    """The store after the files were read again."""
    collector = writer.collector  # type: ignore[attr-defined]
    collector.scan()
    return collector.store


@pytest.fixture
def files(workspace: Path) -> Iterator[Callable[[], dict[str, bytes]]]:
    """What the workspace holds; no lock and no draft may be left in it at the end."""

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in workspace.iterdir()}

    yield files
    assert not [name for name in files() if "lock" in name or "tmp" in name]


Files = Callable[[], dict[str, bytes]]


CHANGES: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    ("task.create", {"title": "third", "priority": "low", "tags": ["x"]}, None),
    ("task.update", {"status": "in_progress", "owner": "agent-1", "notes": "begun"}, "task-0"),
    ("task.update", {"title": "other", "priority": "critical"}, "task-1"),
    ("task.cancel", {"reason": "not needed"}, "task-0"),
    ("message.send", {"to": "agent-1", "text": "hello\nagain"}, None),
    ("message.send", {"to": "*", "text": "all", "kind": "question", "task_id": "task-1"}, None),
    ("message.read", {}, "m1"),
)


@pytest.mark.parametrize(("method", "fields", "id"), CHANGES)
def test_the_row_that_is_answered_is_the_row_that_comes(
    make: Make, workspace: Path, files: Files, method: Any, fields: dict[str, Any], id: str | None
) -> None:
    writer = make(workspace)
    row = writer.write(method, fields, ME, id=id)
    table = "tasks" if method.startswith("task") else "messages"
    assert dict(row) == dict(read_again(writer).get(table, row["id"]))
    assert id in (None, row["id"])


@pytest.mark.parametrize(
    ("directory", "holds", "takes"),
    [
        ("memory", "", True),
        ("memory", "notes.txt", True),
        ("team", "", True),
        ("team", ".gitkeep", True),
        ("team", "tasks.json", True),
        ("team", "notes.txt", False),
        (".claude", "", False),
        (".claude", "settings.json", False),
        (".codex", "", False),
        (".beads", "", False),
        (".git", "config", False),
        (".config", "", False),
    ],
)
def test_what_may_be_somebody_elses_is_no_workspace_to_write_into(
    make: Make, tmp_path: Path, directory: str, holds: str, takes: bool
) -> None:
    place = tmp_path / directory
    place.mkdir()
    if holds:
        (place / holds).write_text('{"tasks": []}')
    before = sorted(os.listdir(place))
    writer = make(place)
    assert ("task.create" in writer.methods(writer._sources[0])) == takes
    if takes:
        writer.write("task.create", {"title": "first"}, ME)
        assert read_again(writer).count("tasks") == 1
    else:
        for method, fields in (("task.create", {"title": "first"}), ("message.send", {"to": "*", "text": "hello"})):
            assert fails(writer, method, fields).code == "refused"
        assert sorted(os.listdir(place)) == before


@pytest.mark.parametrize(("method", "fields", "id"), CHANGES)
def test_nothing_is_written_where_it_is_not_allowed(
    make: Make, workspace: Path, files: Files, method: Any, fields: dict[str, Any], id: str | None
) -> None:
    before = files()
    writer = make(workspace, allowed=False)
    error = fails(writer, method, fields, id=id)
    assert error.code == "forbidden"
    assert "--allow-writes" in str(error)
    assert writer.methods(writer._sources[0]) == []
    assert files() == before


@pytest.mark.parametrize(("method", "fields", "id"), CHANGES)
def test_a_lock_that_cannot_be_had_is_an_error(
    make: Make, workspace: Path, files: Files, method: Any, fields: dict[str, Any], id: str | None
) -> None:
    locks = [workspace / f"{name}.lock" for name in ("tasks.json", "message-bus.jsonl")]
    for lock in locks:
        lock.write_text('{"owner_id": "agent-7", "pid": 7}')
    before = files()
    error = fails(make(workspace), method, fields, id=id)
    assert error.code == "locked"
    assert "agent-7" in str(error)
    assert files() == before
    for lock in locks:
        lock.unlink()


def rewrite(workspace: Path, id: str, **members: Any) -> None:
    """Change a task as an agent does."""
    document = json.loads((workspace / "tasks.json").read_text())
    for task in document["tasks"]:
        if task["id"] == id:
            task.update(members)
    (workspace / "tasks.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("fields", "theirs"),
    [
        ({"status": "completed"}, {"status": "blocked"}),
        ({"owner": "agent-1"}, {"assigned_to": "agent-2"}),
        ({"title": "ours"}, {"title": "theirs"}),
        ({"priority": "low"}, {"priority": "high"}),
        ({"status": "completed", "title": "ours"}, {"title": "theirs"}),
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_what_changed_since_it_was_seen_is_a_conflict_with_both_values(
    make: Make, workspace: Path, files: Files, fields: dict[str, Any], theirs: dict[str, Any], told: bool
) -> None:
    writer = make(workspace)
    row = writer._store.get("tasks", "task-0")
    assert row is not None
    rewrite(workspace, "task-0", **theirs)
    before = files()
    seen = {name: row[name] for name in fields} if told else None
    error = fails(writer, "task.update", fields, id="task-0", seen=seen)
    assert error.code == "conflict"
    ((name, value),) = theirs.items()
    column = {"assigned_to": "owner"}.get(name, name)
    assert error.details == {column: {"seen": row[column], "found": value}}
    assert repr(value) in str(error)
    assert files() == before
    # what they changed was something else: no conflict
    others = {"priority": "critical"} if "priority" not in theirs else {"status": "blocked"}
    assert writer.write("task.update", others, ME, id="task-0")["id"] == "task-0"


def test_a_cancelled_task_that_was_finished_meanwhile_is_a_conflict(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    rewrite(workspace, "task-0", status="completed")
    assert fails(writer, "task.cancel", {}, id="task-0").details == {
        "status": {"seen": "pending", "found": "completed"}
    }


@pytest.mark.parametrize(
    "title", ["Fix `parse_x`", "**Retry** with backoff", "a\nb\tc", "  padded ", "<b>bold</b> move", "[a](https://b.c)"]
)
def test_a_title_that_is_shown_without_its_marks_can_be_changed(
    make: Make, workspace: Path, files: Files, title: str
) -> None:
    document = json.loads((workspace / "tasks.json").read_text())
    document["tasks"][0]["title"] = title
    (workspace / "tasks.json").write_text(json.dumps(document))
    writer = make(workspace)
    shown = writer.collector.store.get("tasks", "task-0")["title"]  # type: ignore[attr-defined]
    row = writer.write("task.update", {"status": "blocked"}, ME, id="task-0", seen={"status": "pending"})
    assert dict(row) == read_again(writer).get("tasks", "task-0")
    assert json.loads((workspace / "tasks.json").read_text())["tasks"][0]["title"] == title
    row = writer.write("task.update", {"title": "other `x`"}, ME, id="task-0", seen={"title": shown})
    assert dict(row) == read_again(writer).get("tasks", "task-0")
    assert json.loads((workspace / "tasks.json").read_text())["tasks"][0]["title"] == "other `x`"


def test_notes_are_added_whatever_others_did(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    rewrite(workspace, "task-0", status="blocked", notes=["theirs"])
    row = writer.write("task.update", {"notes": "ours"}, ME, id="task-0")
    assert row["notes"].endswith("ours\ntheirs")
    assert row["status"] == "blocked"


def test_changes_of_ours_that_were_not_read_yet_are_no_conflict(make: Make, workspace: Path, files: Files) -> None:
    """The tables follow a few milliseconds later: whoever asks twice means what he wrote first."""
    writer = make(workspace)
    for status in ("in_progress", "blocked", "completed"):
        assert writer.write("task.update", {"status": status}, ME, id="task-0")["status"] == status


def test_a_task_that_went_meanwhile_is_not_found(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    write_tasks(workspace, "first")
    assert fails(writer, "task.update", {"status": "blocked"}, id="task-1").code == "not_found"
    assert fails(writer, "task.update", {"status": "blocked"}, id="nobody").code == "not_found"
    shutil.rmtree(workspace)
    error = fails(writer, "task.create", {"title": "to nowhere"})
    assert (error.code, str(error)) == ("not_found", f"{workspace} is gone")
    workspace.mkdir()  # in which nothing was left


def test_a_half_written_file_is_left_alone(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    (workspace / "tasks.json").write_text('{"tasks": [{"id": "task-0"')
    error = fails(writer, "task.update", {"status": "blocked"}, id="task-0")
    assert (error.code, "nothing was written" in str(error)) == ("unwritable", True)


@pytest.mark.parametrize(
    ("method", "fields", "id", "reason"),
    [
        ("task.create", {"title": "x", "priority": "urgent"}, None, "priority is one of"),
        ("message.send", {"to": "*", "text": "x", "kind": "heartbeat"}, None, "heartbeat"),
    ],
)
def test_what_the_format_does_not_know_is_refused(
    make: Make, workspace: Path, files: Files, method: Any, fields: dict[str, Any], id: str | None, reason: str
) -> None:
    before = files()
    error = fails(make(workspace), method, fields, id=id)
    assert (error.code, reason in str(error)) == ("refused", True)
    assert files() == before


# Secrets and cut texts


def test_a_mask_is_never_written_in_place_of_a_secret(make: Make, workspace: Path, files: Files) -> None:
    write_tasks(workspace, f"use {SECRET} for it", "second")
    writer = make(workspace)
    row = writer._store.get("tasks", "task-0")
    assert row is not None and "[masked: " in row["title"]
    before = files()
    for fields in ({"title": row["title"] + "!"}, {"notes": row["title"]}):
        assert "masked" in str(fails(writer, "task.update", fields, id="task-0"))
    assert dict(writer.write("task.update", {"title": row["title"]}, ME, id="task-0")) == dict(row)  # as it is shown
    assert files() == before
    changed = writer.write("task.update", {"status": "blocked", "title": row["title"]}, ME, id="task-0")
    assert SECRET not in json.dumps(changed)
    assert SECRET in (workspace / "tasks.json").read_text()
    assert SECRET not in (writer._audit.path).read_text()


def test_a_conflict_over_a_secret_does_not_tell_it(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    rewrite(workspace, "task-0", title=f"use {SECRET}")
    error = fails(writer, "task.update", {"title": "ours"}, id="task-0")
    assert error.code == "conflict"
    assert SECRET not in f"{error} {error.details}"


def test_ids_with_secrets_lead_to_what_is_in_the_file(make: Make, workspace: Path, files: Files) -> None:
    (workspace / "tasks.json").write_text(json.dumps({"tasks": [{"id": f"t-{SECRET}", "title": "x", "owner": SECRET}]}))
    writer = make(workspace)
    (row,) = writer._store.rows("tasks")
    assert SECRET not in json.dumps(row)
    changed = writer.write("task.update", {"status": "blocked", "owner": row["owner"]}, ME, id=row["id"])
    assert changed["id"] == row["id"]
    entry = json.loads((workspace / "tasks.json").read_text())["tasks"][0]
    assert (entry["id"], entry["owner"], entry["status"]) == (f"t-{SECRET}", SECRET, "blocked")


def test_a_title_that_is_shown_cut_is_not_cut_in_the_file(make: Make, workspace: Path, files: Files) -> None:
    write_tasks(workspace, "word " * 200)
    writer = make(workspace)
    row = writer._store.get("tasks", "task-0")
    assert row is not None and row["title"].endswith("…")
    assert "cut" in str(fails(writer, "task.update", {"title": "my " + row["title"]}, id="task-0"))
    writer.write("task.update", {"title": "short"}, ME, id="task-0")


# Which place


def test_nothing_is_made_outside_the_root(make: Make, workspace: Path, tmp_path: Path) -> None:
    """Where a list leads out by a link, not even a lock stands beside what it leads to."""
    writer = make(workspace)
    outside = tmp_path / "outside"
    outside.mkdir()
    (workspace / "tasks.json").rename(outside / "tasks.json")
    (workspace / "tasks.json").symlink_to(outside / "tasks.json")
    before = (outside / "tasks.json").read_bytes()
    error = fails(writer, "task.update", {"status": "blocked"}, id="task-0")
    assert (error.code, "leads out" in str(error)) == ("unwritable", True)
    assert [path.name for path in outside.iterdir()] == ["tasks.json"]
    assert (outside / "tasks.json").read_bytes() == before
    assert not list(workspace.glob("*.lock"))


def test_two_workspaces_are_told_apart(make: Make, workspace: Path, files: Files, tmp_path: Path) -> None:
    other = tmp_path / "other" / "memory"
    other.mkdir(parents=True)
    write_tasks(other, "theirs")
    say(other, 5)
    writer = make(workspace, other)
    before = files()
    assert "root" in str(fails(writer, "task.create", {"title": "x"}))
    row = writer.write("task.create", {"title": "x"}, ME, root=str(other))
    assert dict(row) == dict(read_again(writer).get("tasks", row["id"]))
    (theirs,) = [row for row in writer._store.rows("tasks") if row["title"] == "theirs"]
    changed = writer.write("task.update", {"owner": theirs["id"].replace("task-0", "agent-1")}, ME, id=theirs["id"])
    assert dict(changed) == dict(read_again(writer).get("tasks", theirs["id"]))
    assert json.loads((other / "tasks.json").read_text())["tasks"][0]["assigned_to"] == "agent-1"
    (agent,) = [row["id"] for row in writer._store.rows("agents") if row["id"].startswith("other")]
    sent = writer.write("message.send", {"to": agent, "text": "hi"}, ME)
    assert sent["recipient"] == agent
    assert files() == before


def test_an_agent_can_be_named_by_its_name(make: Make, workspace: Path, files: Files) -> None:
    assert make(workspace).write("message.send", {"to": "1", "text": "hi"}, ME)["recipient"] == "agent-1"


def test_what_can_be_done_with_a_row_is_what_is_not_refused(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    assert set(writer.actions("tasks", "task-0")) == {"task.update", "task.cancel"}
    assert set(writer.actions("messages", "m1")) == {"message.read"}
    assert set(writer.actions("agents", "agent-1")) == {"message.send"}
    writer.write("message.read", {}, ME, id="m1")
    read_again(writer)
    assert writer.actions("messages", "m1") == {}
    assert make(workspace, allowed=False).actions("tasks", "task-0") == {}
    (workspace / "tasks.json").unlink()
    assert writer.actions("tasks", "task-0") == {}


# The audit


def test_each_change_is_a_line_of_who_what_when(make: Make, workspace: Path, files: Files) -> None:
    writer = make(workspace)
    writer.write("task.update", {"status": "blocked", "notes": "why"}, ME, id="task-0")
    fails(writer, "task.update", {"priority": "urgent"}, id="task-0")
    path = writer._audit.path
    (line,) = last_writes(path=path)
    assert {name: line[name] for name in ("client", "method", "source", "path", "id")} == {
        "client": "a test",
        "method": "task.update",
        "source": "workspace",
        "path": str(workspace / "tasks.json"),
        "id": "task-0",
    }
    assert (line["before"]["status"], line["after"]["status"]) == ("pending", "blocked")
    assert line["at"] > 0
    assert line["user"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_audit_is_bounded_and_its_newest_lines_stay(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "writes.jsonl")
    for number in range(40):
        audit.write(audit.open(), {"id": str(number), "after": {"text": "x" * (MAX_BYTES // 16)}})
    assert audit.path.stat().st_size <= MAX_BYTES
    ids = [line["id"] for line in last_writes(100, audit.path)]
    assert ids[-1] == "39"
    assert ids == [str(number) for number in range(40 - len(ids), 40)]


def test_a_line_of_the_audit_that_was_torn_costs_no_other(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "writes.jsonl")
    audit.write(audit.open(), {"id": "first"})
    with audit.path.open("ab") as file:
        file.write(b'{"id": "of a writer that was kil')
    audit.write(audit.open(), {"id": "last"})
    assert [line["id"] for line in last_writes(path=audit.path)] == ["first", "last"]


def test_a_change_is_acknowledged_and_logged_when_only_its_line_in_the_audit_is_lost(
    make: Make, workspace: Path, files: Files, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer, really = make(workspace), os.write

    def full(descriptor: int, data: bytes) -> int:
        return really(descriptor, data[: len(data) // 2] if b"task.update" in data else data)

    monkeypatch.setattr(os, "write", full)
    assert writer.write("task.update", {"status": "blocked"}, ME, id="task-0")["status"] == "blocked"
    assert "the audit" in caplog.text
    assert "task-0" in caplog.text


def test_without_an_audit_nothing_is_written(make: Make, workspace: Path, files: Files, tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file where the directory would be")
    before = files()
    error = fails(make(workspace), "task.update", {"status": "blocked"}, id="task-0")
    assert (error.code, "audit" in str(error)) == ("unwritable", True)
    assert files() == before


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_one_line(make: Make, workspace: Path) -> None:
    workspace.chmod(0o500)
    error = fails(make(workspace), "task.update", {"status": "blocked"}, id="task-0")
    workspace.chmod(0o700)
    assert (error.code, "\n" in str(error)) == ("unwritable", False)
