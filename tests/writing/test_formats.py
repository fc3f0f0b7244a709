"""Changes in the other formats, over real files: task-master, Claude Code's tasks and teams, beads by its command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.writing import Audit, Who, WriteError, Writer, last_writes

ME = Who("a test")


def writer_over(*paths: Path) -> Writer:
    """A writer over what some paths hold now."""
    collector = Collector(paths, host="here")
    collector.scan()
    audit = Audit(paths[0].parent / "audit.jsonl")
    options: dict[str, Any] = {"host": "here", "allowed": True, "audit": audit, "patience": 0.2}
    writer = Writer(collector.store, collector.sources, collector.unmasked, **options)
    writer.collector = collector  # type: ignore[attr-defined]
    return writer


def again(writer: Writer, table: str, id: str) -> dict[str, Any]:
    """The row after the files were read again."""
    collector = writer.collector  # type: ignore[attr-defined]
    collector.scan()
    return dict(collector.store.get(table, id))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(WriteError) as caught:
        call()
    assert caught.value.code in ("refused", "not_found")
    return str(caught.value)


def left(directory: Path) -> list[str]:
    """Locks and drafts that are left."""
    return [
        path.name for path in directory.rglob("*") if path.name.endswith((".lock", "-tmp")) and path.name != ".lock"
    ]


# task-master


@pytest.fixture
def taskmaster(tmp_path: Path) -> Path:
    directory = tmp_path / "project" / ".taskmaster"
    (directory / "tasks").mkdir(parents=True)
    (directory / "state.json").write_text('{"currentTag": "shop"}')
    subtasks = [{"id": 1, "title": "sub", "status": "pending"}, {"id": 1, "title": "twin", "status": "done"}]
    shop = [
        {"id": 1, "title": "one", "status": "review", "details": "how", "subtasks": subtasks, "complexity": 3},
        {"id": 2, "title": "two", "status": "deferred", "priority": "low"},
    ]
    document = {"master": {"tasks": [], "metadata": {}}, "shop": {"tasks": shop, "metadata": {"x": "é"}}}
    (directory / "tasks" / "tasks.json").write_text(json.dumps(document, indent=2, ensure_ascii=False))
    return directory


@pytest.mark.parametrize(
    ("id", "fields", "expected"),
    [
        ("shop/1", {"status": "completed"}, {"status": "done"}),
        ("shop/2", {"status": "in_progress", "priority": "high"}, {"status": "in-progress", "priority": "high"}),
        ("shop/1", {"title": "other"}, {"title": "other"}),
        ("shop/1.1", {"status": "blocked"}, {"status": "blocked"}),
        ("shop/1.1~2", {"title": "the second of one number"}, {"title": "the second of one number"}),
    ],
)
def test_task_master_is_changed_in_one_place(
    taskmaster: Path, id: str, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    writer = writer_over(taskmaster)
    before = json.loads((taskmaster / "tasks/tasks.json").read_text())
    row = writer.write("task.update", fields, ME, id=id)
    assert dict(row) == again(writer, "tasks", id)
    after = json.loads((taskmaster / "tasks/tasks.json").read_text())
    task = after["shop"]["tasks"][int(id[5]) - 1]
    was = before["shop"]["tasks"][int(id[5]) - 1]
    if "." in id:
        index = int(id.endswith("~2"))
        task, was = task["subtasks"][index], was["subtasks"][index]
    assert task.pop("updatedAt")
    assert task == was | expected
    was.clear()
    task.clear()
    assert after == before
    assert left(taskmaster) == []


def test_task_master_keeps_words_of_its_own_until_the_status_changes(taskmaster: Path) -> None:
    """``review`` reads as in progress: to set what is there already must not lose the word."""
    writer = writer_over(taskmaster)
    writer.write("task.update", {"status": "in_progress", "notes": "look again"}, ME, id="shop/1")
    task = json.loads((taskmaster / "tasks/tasks.json").read_text())["shop"]["tasks"][0]
    assert task["status"] == "review"
    assert task["details"].startswith("how\n<info added on ")
    assert "look again" in task["details"]


def test_task_master_adds_under_the_current_tag(taskmaster: Path) -> None:
    writer = writer_over(taskmaster)
    row = writer.write("task.create", {"title": "three", "depends_on": ["shop/1"]}, ME)
    assert row["id"] == "shop/3"
    assert dict(row) == again(writer, "tasks", "shop/3")
    assert json.loads((taskmaster / "tasks/tasks.json").read_text())["shop"]["tasks"][2]["dependencies"] == [1]


@pytest.mark.parametrize("odd", [None, "text", 7, [], {"title": "without id"}, {"id": "9" * 5000}])
def test_task_master_adds_beside_what_is_no_task(taskmaster: Path, odd: Any) -> None:
    path = taskmaster / "tasks/tasks.json"
    path.write_text(json.dumps({"shop": {"tasks": [odd, {"id": 4, "title": "four"}], "metadata": {}}}))
    writer = writer_over(taskmaster)
    row = writer.write("task.create", {"title": "five", "depends_on": ["shop/4"]}, ME)
    assert row["id"] == "shop/5"
    assert dict(row) == again(writer, "tasks", "shop/5")
    assert json.loads(path.read_text())["shop"]["tasks"][0] == odd


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"status": "failed"}, "failed"), ({"owner": "agent-1"}, "owner"), ({"priority": "p1"}, "one of")],
)
def test_task_master_refuses_what_it_has_no_word_for(taskmaster: Path, fields: dict[str, Any], reason: str) -> None:
    writer = writer_over(taskmaster)
    before = (taskmaster / "tasks/tasks.json").read_bytes()
    assert reason in refusal(lambda: writer.write("task.update", fields, ME, id="shop/2"))
    assert (taskmaster / "tasks/tasks.json").read_bytes() == before


# Claude Code

LEAD = "3ff4a5fc-0000-4000-8000-000000000001"
TEAM = "session-3ff4a5fc"


@pytest.fixture
def claude(tmp_path: Path) -> Path:
    directory = tmp_path / "claude"
    for name, content in {
        f"teams/{TEAM}/config.json": {
            "name": TEAM,
            "leadSessionId": LEAD,
            "members": [{"name": "team-lead"}, {"name": "scout", "joinedAt": 1784374577049}],
        },
        f"teams/{TEAM}/inboxes/scout.json": [
            {
                "from": "team-lead",
                "text": "look",
                "timestamp": "2026-07-18T10:00:00.000Z",
                "read": False,
                "color": "blue",
            }
        ],
        f"tasks/{TEAM}/1.json": {"id": "1", "subject": "Look", "status": "pending", "blocks": ["2"], "x": 1.50},
        "tasks/0b0b0b0b-0000-4000-8000-000000000002/7.json": {"id": "7", "subject": "Solo", "status": "in_progress"},
    }.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2))
    (directory / f"tasks/{TEAM}/.lock").write_text("")
    return directory


@pytest.mark.parametrize(
    ("id", "method", "fields", "expected"),
    [
        (f"{LEAD}:1", "task.update", {"status": "completed"}, {"status": "completed"}),
        (f"{LEAD}:1", "task.update", {"owner": f"scout@{TEAM}"}, {"owner": "scout"}),
        (f"{LEAD}:1", "task.update", {"owner": LEAD}, {"owner": "team-lead"}),
        (f"{LEAD}:1", "task.update", {"title": "Look twice"}, {"subject": "Look twice"}),
        (f"{LEAD}:1", "task.cancel", {}, {"status": "deleted"}),
        ("0b0b0b0b-0000-4000-8000-000000000002:7", "task.update", {"status": "pending"}, {"status": "pending"}),
    ],
)
def test_a_task_of_claude_code_is_changed_in_its_file(
    claude: Path, id: str, method: Any, fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    writer = writer_over(claude)
    folder = TEAM if id.startswith(LEAD) else id.partition(":")[0]
    path = claude / "tasks" / folder / f"{id.rpartition(':')[2]}.json"
    before = json.loads(path.read_text())
    row = writer.write(method, fields, ME, id=id)
    assert dict(row) == again(writer, "tasks", id)
    assert json.loads(path.read_text()) == before | expected
    assert '"x": 1.5' in path.read_text() or id[0] == "0"
    assert left(claude) == []


def test_a_message_lies_in_the_inbox_and_makes_nobody_an_agent(claude: Path) -> None:
    writer = writer_over(claude)
    agents = {row["id"] for row in writer._store.rows("agents")}
    for to, name in ((f"scout@{TEAM}", "scout"), ("scout", "scout"), (LEAD, "team-lead")):
        row = writer.write("message.send", {"to": to, "text": f"hello {to}"}, ME)
        assert dict(row) == again(writer, "messages", row["id"])
        assert row["sender"] == "user"
        entry = json.loads((claude / f"teams/{TEAM}/inboxes/{name}.json").read_text())[-1]
        assert (entry["from"], entry["text"], entry["read"]) == ("user", f"hello {to}", False)
    first = json.loads((claude / f"teams/{TEAM}/inboxes/scout.json").read_text())[0]
    assert first["color"] == "blue"
    assert {row["id"] for row in writer._store.rows("agents")} == agents
    assert left(claude) == []


def test_a_message_in_an_inbox_is_marked_read(claude: Path) -> None:
    writer = writer_over(claude)
    (unread,) = [row for row in writer._store.rows("messages") if row["text"] == "look"]
    row = writer.write("message.read", {}, ME, id=unread["id"])
    assert row["read"] is True
    assert dict(row) == again(writer, "messages", unread["id"])


def test_claude_code_refuses_what_only_a_session_could_do(claude: Path) -> None:
    transcript = claude / "projects/-srv-shop/55555555-0000-4000-8000-000000000003.jsonl"
    transcript.parent.mkdir(parents=True)
    line = {"type": "user", "sessionId": transcript.stem, "cwd": "/srv/shop", "timestamp": "2026-07-18T10:00:00Z"}
    transcript.write_text(json.dumps({**line, "message": {"role": "user", "content": "hi"}}) + "\n")
    writer = writer_over(claude)
    assert "session" in refusal(lambda: writer.write("message.send", {"to": transcript.stem, "text": "x"}, ME))
    assert "priority" in refusal(lambda: writer.write("task.update", {"priority": "low"}, ME, id=f"{LEAD}:1"))
    assert writer.actions("agents", transcript.stem) == {}
    assert "message.send" in writer.actions("agents", f"scout@{TEAM}")
    (claude / f"tasks/{TEAM}/1.json").unlink()
    assert "no file" in refusal(lambda: writer.write("task.update", {"status": "completed"}, ME, id=f"{LEAD}:1"))


def test_a_lock_of_claude_code_is_respected(claude: Path) -> None:
    writer = writer_over(claude)
    (claude / f"teams/{TEAM}/inboxes/scout.json.lock").mkdir()
    with pytest.raises(WriteError, match=r"scout.json.lock is held"):
        writer.write("message.send", {"to": f"scout@{TEAM}", "text": "x"}, ME)


# beads

BD = '''#!{python}
"""Stands in for bd after its source: create, update, close and show, with --json; the issues are a JSON file.

BEADS_DIR comes before the directory it is run in. What it prints of a changed issue has no labels and dependencies,
what it shows has the latter as the issues themselves, and what it does not do it says with the status 0. Errors are
objects of JSON on the standard output.
"""
import json, os, pathlib, sys
path = pathlib.Path(os.environ.get("BEADS_DIR", ".beads")) / "issues.jsonl"
issues = {{one["id"]: one for one in map(json.loads, path.read_text().splitlines())}}
verb, *rest = sys.argv[1:]
options = dict(word[2:].partition("=")[::2] for word in rest if word.startswith("--"))
assert "json" in options
assert not any(os.environ.get(name) for name in ("BEADS_DB", "BD_DB", "BD_JSON_ENVELOPE"))
if verb == "create":
    id = f"shop-{{len(issues) + 1}}"
    issues[id] = {{"id": id, "title": options["title"], "status": "open", "priority": int(options.get("priority", 2))}}
    issues[id] |= {{"labels": options["labels"].split(",")}} if "labels" in options else {{}}
else:
    id = rest[0]
    if id not in issues:
        error = {{"error": f"resolving {{id}}: not found", "hint": "try bd list", "schema_version": 1}}
        print(json.dumps(error, indent=2))
        sys.exit(1)
    issue = issues[id]
    if verb == "close" and "blocked by" in issue.get("notes", ""):
        sys.exit(print(f"cannot close {{id}}: blocked by open issues [shop-0]", file=sys.stderr))
    if verb == "close":
        issue |= {{"status": "closed", "close_reason": options.get("reason", "Closed")}}
    elif verb == "update":
        issue |= {{name: options[name] for name in ("status", "assignee", "title") if name in options}}
        issue |= {{"priority": int(options["priority"])}} if "priority" in options else {{}}
        notes = options.get("append-notes")
        issue |= {{"notes": "\\n".join(filter(None, [issue.get("notes"), notes]))}} if notes else {{}}
path.write_text("".join(json.dumps(one) + "\\n" for one in issues.values()))
said = {{name: value for name, value in issues[id].items() if name not in ("labels", "dependencies")}}
if verb == "show":
    said |= {{"labels": issues[id].get("labels", []), "dependencies": [{{"id": "shop-0", "type": "blocks"}}]}}
said = said if verb == "create" else [said]
print(json.dumps({{"schema_version": 2, "data": said}} if pathlib.Path("bd-2").exists() else said, indent=2))
'''


@pytest.fixture
def beads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "project" / ".beads"
    directory.mkdir(parents=True)
    (directory / "metadata.json").write_text("{}")
    issue = {"id": "shop-1", "title": "first", "status": "open", "priority": 1, "labels": ["http"]}
    needs = [{"issue_id": "shop-1", "depends_on_id": "shop-0", "type": "blocks"}]
    (directory / "issues.jsonl").write_text(json.dumps({**issue, "dependencies": needs}) + "\n")
    for name, value in (("BEADS_DIR", "elsewhere"), ("BEADS_DB", "else.db"), ("BD_DB", "x"), ("BD_JSON_ENVELOPE", "1")):
        monkeypatch.setenv(name, str(tmp_path / value))
    program = tmp_path / "bin" / "bd"
    program.parent.mkdir()
    program.write_text(BD.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return directory


@pytest.mark.parametrize(
    ("method", "fields", "id"),
    [
        ("task.create", {"title": "--title=x; rm -rf /", "priority": "critical", "tags": ["a", "b"]}, None),
        ("task.update", {"status": "in_progress", "owner": "nina", "notes": "begun"}, "shop-1"),
        ("task.update", {"priority": "low", "title": "other"}, "shop-1"),
        ("task.update", {"status": "completed"}, "shop-1"),
        ("task.cancel", {"reason": "not needed"}, "shop-1"),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_beads_is_changed_by_its_own_command(
    beads: Path, method: Any, fields: dict[str, Any], id: str | None, version: int
) -> None:
    (beads.parent / f"bd-{version}").touch()
    writer = writer_over(beads)
    row = writer.write(method, fields, ME, id=id)
    assert dict(row) == again(writer, "tasks", row["id"])
    for name in fields.keys() & {"title", "priority", "owner", "tags"}:
        assert row[name] == fields[name]
    assert id is None or (row["tags"], row["depends_on"]) == (["http"], ["shop-0"])
    (noted,) = last_writes(path=writer._audit.path)
    assert id is None or noted["after"].keys().isdisjoint({"tags", "depends_on"}), "what was not changed is not noted"


def test_what_bd_does_not_do_it_says(beads: Path) -> None:
    (beads / "issues.jsonl").write_text('{"id": "shop-1", "title": "first", "status": "open", "notes": "blocked by"}\n')
    writer = writer_over(beads)
    assert "blocked by open issues" in refusal(lambda: writer.write("task.cancel", {}, ME, id="shop-1"))


def test_what_bd_knows_and_its_export_does_not_is_a_conflict(beads: Path) -> None:
    writer = writer_over(beads)
    (beads / "issues.jsonl").write_text('{"id": "shop-1", "title": "first", "status": "blocked", "priority": 1}\n')
    with pytest.raises(WriteError) as caught:
        writer.write("task.update", {"status": "completed"}, ME, id="shop-1")
    assert caught.value.details == {"status": {"seen": "pending", "found": "blocked"}}


def test_what_was_taken_away_meanwhile_is_a_conflict_too(beads: Path) -> None:
    issue = {"id": "shop-1", "title": "first", "status": "open", "priority": 1}
    (beads / "issues.jsonl").write_text(json.dumps({**issue, "assignee": "nina"}) + "\n")
    writer = writer_over(beads)
    (beads / "issues.jsonl").write_text(json.dumps(issue) + "\n")
    with pytest.raises(WriteError) as caught:
        writer.write("task.update", {"owner": "omar"}, ME, id="shop-1")
    assert caught.value.details == {"owner": {"seen": "nina", "found": None}}
    assert json.loads((beads / "issues.jsonl").read_text()) == issue


def test_what_bd_says_is_the_error(beads: Path) -> None:
    writer = writer_over(beads)
    (beads / "issues.jsonl").write_text("")
    said = refusal(lambda: writer.write("task.update", {"status": "blocked"}, ME, id="shop-1"))
    assert said == "`bd` says: resolving shop-1: not found; try bd list"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"title": "x", "tags": ["a,b"]}, "commas"),
        ({"title": "x", "depends_on": ["shop-1,blocks:shop-2"]}, "commas"),
        ({"title": "a\0b"}, "cannot be given"),
        ({"title": "x", "description": "-"}, "description"),
    ],
)
def test_bd_is_not_given_what_it_would_take_for_something_else(
    beads: Path, fields: dict[str, Any], reason: str
) -> None:
    writer = writer_over(beads)
    before = (beads / "issues.jsonl").read_bytes()
    assert reason in refusal(lambda: writer.write("task.create", fields, ME))
    assert (beads / "issues.jsonl").read_bytes() == before


def test_a_relative_path_of_programs_does_not_lead_into_the_project(
    beads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = beads.parent / "bin" / "bd"
    planted.parent.mkdir()
    planted.write_text("#!/bin/sh\ntouch planted\n")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin", prepend=os.pathsep)
    writer_over(beads).write("task.create", {"title": "x"}, ME)
    assert not (beads.parent / "planted").exists()


def test_without_bd_beads_can_only_be_read(beads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    writer = writer_over(beads)
    assert writer.methods(writer._sources[0]) == []
    assert writer.actions("tasks", "shop-1") == {}
    for change in (
        lambda: writer.write("task.update", {"status": "blocked"}, ME, id="shop-1"),
        lambda: writer.write("task.create", {"title": "x"}, ME),
    ):
        assert "`bd`" in refusal(change)
