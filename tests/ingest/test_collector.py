"""The collector: files of a workspace become rows, whatever state they are in and in whatever order they are read."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.ingest import collector as collecting
from agent_widget.ingest import file as reading
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.roots import PathError
from agent_widget.ingest.status import HEARTBEAT_MS
from agent_widget.sources.base import Document, Lines
from agent_widget.sources.workspace import Workspace
from agent_widget.store import Row
from agent_widget.tables import Record
from tests.support.collecting import refresh

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "hyrm-workspace" / "memory"

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z, when everything here happens


def at(seconds: int) -> str:
    """A time after noon as the agents write it."""
    return f"2026-01-01T12:{seconds // 60:02}:{seconds % 60:02}.000Z"


def message(id: str, seconds: int, kind: str = "broadcast", sender: str = "agent-1", **payload: Any) -> dict[str, Any]:
    return {"message_id": id, "from_agent": sender, "timestamp": at(seconds), "type": kind, "payload": payload}


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def tasks(**statuses: str) -> str:
    return json.dumps({"tasks": [{"id": id, "title": f"Task {id}", "status": word} for id, word in statuses.items()]})


def workspace(directory: Path) -> Path:
    """A small workspace of two agents."""
    directory.mkdir(parents=True, exist_ok=True)
    agents = [
        {"agent_id": "agent-1", "session_id": "ses_1", "started_at": at(0), "last_heartbeat": at(50), "status": "idle"},
        {"agent_id": "agent-2", "session_id": "ses_2", "started_at": at(5), "last_heartbeat": at(40), "status": "busy"},
    ]
    (directory / "agent-registry.json").write_text(json.dumps({"agents": agents}))
    (directory / "tasks.json").write_text(tasks(t1="completed", t2="in_progress", t3="pending"))
    (directory / "message-bus.jsonl").write_text(
        lines(
            message("m1", 1, "heartbeat", status="working"),
            message("m2", 10, "task_claim", "agent-2", task_id="t2", title="Task t2"),
            message("m3", 20, status="half way through"),
        )
    )
    (directory / "sessions.jsonl").write_text(
        lines(
            {"type": "session_start", "session_id": "ses_1", "timestamp": at(0)},
            {"type": "session_end", "session_id": "ses_2", "timestamp": at(30), "duration_ms": 25_000},
        )
    )
    (directory / "tool-timing.jsonl").write_text(
        lines(
            {"call_id": "c1", "session_id": "ses_1", "tool": "bash", "start_time": at(2), "success": True},
            {"call_id": "c2", "session_id": "ses_1", "tool": "read", "start_time": at(3), "success": False},
        )
    )
    (directory / "realtime.log").write_text(f"[{at(4)}] INFO | ses_1 | started\n[{at(6)}] ERROR | ses_1 | failed\n")
    (directory / "reports").mkdir(exist_ok=True)
    (directory / "reports" / "report.md").write_text("# A report\n\nAll is well.\n")
    for path in directory.rglob("*"):
        if path.is_file():
            os.utime(path, (NOON / 1000, NOON / 1000))
    return directory


def everything(collector: Collector) -> dict[str, dict[str, Row]]:
    """All rows of all tables by key."""
    return {name: {row["id"]: row for row in collector.store.rows(name)} for name in collector.store}


def collected(*roots: Path) -> Collector:
    """A collector that has read all there is, one minute after noon."""
    collector = Collector(roots, clock=lambda: NOON + 60_000, host="here")
    collector.scan()
    return collector


def touch_all(root: Path) -> None:
    """Let every file look as if it had been written again."""
    for path in root.rglob("*"):
        if path.is_file():
            written = path.stat().st_mtime_ns + 10**9
            os.utime(path, ns=(written, written))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a small workspace."""
    return workspace(tmp_path / "memory")


# ---------------------------------------------------------------------------------------------------------------------
# One look at all files


def test_a_scan_reads_every_file_into_its_tables(root: Path) -> None:
    store = collected(root).store
    counts = {name: store.count(name) for name in store}
    assert {name: counts[name] for name in ("agents", "tasks", "sessions", "messages", "tool_calls", "memory")} == {
        "agents": 2,
        "tasks": 3,
        "sessions": 2,
        "messages": 3,
        "tool_calls": 2,
        "memory": 1,
    }
    assert counts["logs"] == 2


def test_every_row_has_its_source_and_host(root: Path) -> None:
    for name, rows in everything(collected(root)).items():
        for row in rows.values():
            assert row.host == "here"
            assert row.source == ("agent_widget" if name in ("stats", "spans") else "workspace"), (name, row)


def test_statuses_spans_and_figures_follow_from_what_was_read(root: Path) -> None:
    store = collected(root).store
    agent = store.get("agents", "agent-1")
    assert agent is not None
    assert (agent.status, agent.status_reason) == ("idle", "registry says idle")
    assert [row.status for row in store.rows("spans") if row.agent_id == "agent-1"] == ["working", "idle"]
    figures = {row.name: row.value for row in store.rows("stats")}
    assert (figures["agents"], figures["tasks"], figures["tasks_completed"], figures["logs_error"]) == (2, 3, 1, 1)


def test_a_second_scan_changes_nothing(root: Path) -> None:
    collector = collected(root)
    before = collector.store.position
    collector.scan()
    assert collector.store.position == before


def test_reading_everything_again_from_its_start_changes_nothing(root: Path) -> None:
    collector = collected(root)
    before = collector.store.position
    touch_all(root)
    assert len(collector.stale()) == 7
    collector.scan()
    assert collector.store.position == before
    assert collector.stale() == []


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"the reference workspace is not on this machine: {REFERENCE}")
def test_reading_the_reference_workspace_again_changes_nothing(tmp_path: Path) -> None:
    root = shutil.copytree(REFERENCE, tmp_path / "memory")
    collector = collected(root)
    before = collector.store.position
    assert collector.store.count("messages") > 1000
    collector.scan()
    assert collector.store.position == before
    touch_all(root)
    collector.scan()
    assert collector.store.position == before


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_order_in_which_files_are_read_does_not_matter(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = workspace(Path(directory).resolve() / "memory")
        collector = Collector([root], clock=lambda: NOON + 60_000, host="here")
        for path in data.draw(st.permutations(sorted(path for path in root.rglob("*") if path.is_file()))):
            refresh(collector, [path])
        collector.settle(stats=True)
        assert everything(collector) == everything(collected(root))


def test_an_agent_that_is_only_named_has_status_unknown(root: Path) -> None:
    (root / "tasks.json").write_text(json.dumps({"tasks": [{"id": "t", "assigned_to": "agent-9"}]}))
    agent = collected(root).store.get("agents", "agent-9")
    assert agent is not None
    assert (agent.status, agent.status_reason) == ("unknown", "no file says what it does")


def test_the_clock_alone_takes_an_agent_offline(root: Path) -> None:
    now = NOON + 60_000
    collector = Collector([root], clock=lambda: now)
    collector.scan()
    now = NOON + 40_000 + HEARTBEAT_MS
    assert not collector.settle()
    now += 1
    assert collector.settle(stats=True)
    agent, figure = collector.store.get("agents", "agent-2"), collector.store.get("stats", "agents_offline")
    assert agent is not None
    assert figure is not None
    assert (agent.status, figure.value) == ("offline", 1)
    assert not collector.settle(stats=True)


# ---------------------------------------------------------------------------------------------------------------------
# Files that change


def test_only_new_rows_are_changes(root: Path) -> None:
    collector = collected(root)
    before = collector.store.position
    with (root / "message-bus.jsonl").open("a") as bus:
        bus.write(lines(message("m4", 25, "direct", text="hello")))
    assert refresh(collector, [root / "message-bus.jsonl"])
    assert [row.id for row in collector.store.since(before).rows["messages"]] == ["m4"]
    assert not refresh(collector, [root / "message-bus.jsonl"])


def test_a_task_that_is_taken_off_the_list_is_gone(root: Path) -> None:
    collector = collected(root)
    (root / "tasks.json").write_text(tasks(t1="completed"))
    collector.scan()
    assert set(everything(collector)["tasks"]) == {"t1"}
    assert everything(collector)["stats"]["tasks"].value == 1


def test_half_a_document_leaves_its_last_good_state_and_is_read_again_when_it_changes(root: Path) -> None:
    collector = collected(root)
    whole, before = tasks(t1="failed", t2="failed"), everything(collector)["tasks"]
    (root / "tasks.json").write_text(whole[:40])
    for _ in range(3):
        collector.scan()
        assert everything(collector)["tasks"] == before
    assert collector.stale(within=60) == [], "it costs nothing while it does not change"
    assert collector.states()[0].malformed == 1
    assert "tasks.json: not readable as .json" in collector.states()[0].problems[0]
    (root / "tasks.json").write_text(whole)
    collector.scan()
    assert {id: row.status for id, row in everything(collector)["tasks"].items()} == {"t1": "failed", "t2": "failed"}
    assert collector.states()[0].problems == []


def test_a_line_that_makes_no_sense_is_counted_and_skipped(root: Path) -> None:
    with (root / "message-bus.jsonl").open("a") as bus:
        bus.write("nonsense\n[1]\n{}\n" + lines(message("m4", 25)))
    collector = collected(root)
    assert "m4" in everything(collector)["messages"]
    assert collector.states()[0].malformed == 3
    assert collector.states()[0].problems == []


def test_bytes_that_are_not_utf_8_do_not_lose_their_row(root: Path) -> None:
    with (root / "message-bus.jsonl").open("ab") as bus:
        bus.write(
            lines(message("m4", 25, "direct", text="caf?"))
            .replace("caf?", "caf\udce9")
            .encode(errors="surrogateescape")
        )
    (root / "tasks.json").write_bytes(tasks(t1="pending").encode().replace(b"Task", b"T\xe4sk"))
    rows = everything(collected(root))
    assert rows["messages"]["m4"].text == "caf\ufffd"
    assert rows["tasks"]["t1"].title == "T\ufffdsk t1"


def test_a_document_with_a_byte_order_mark_is_read(root: Path) -> None:
    (root / "tasks.json").write_bytes(b"\xef\xbb\xbf" + tasks(new="pending").encode())
    assert set(everything(collected(root))["tasks"]) == {"new"}


def test_a_file_whose_clock_runs_ahead_is_not_read_again_and_again(root: Path) -> None:
    os.utime(root / "tasks.json", (NOON, NOON))  # far in the future, as copies and network mounts have it
    assert collected(root).stale() == []


def test_a_document_rewritten_within_one_tick_of_the_clock_is_read_again(root: Path) -> None:
    collector = collected(root)
    path = root / "tasks.json"
    path.write_text(tasks(t1="pending"))
    status = path.stat()
    refresh(collector, [path])
    path.write_text(tasks(t1="blocked"))  # as long as before
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert path in collector.stale(within=60)
    refresh(collector, [path])
    assert everything(collector)["tasks"]["t1"].status == "blocked"


def test_the_rows_of_a_file_that_vanished_stay(root: Path) -> None:
    collector = collected(root)
    before = everything(collector)
    shutil.rmtree(root)
    collector.scan()
    refresh(collector, [root, root / "tasks.json", root / "message-bus.jsonl", root / "nothing" / "here"])
    assert everything(collector) == before
    assert collector.states()[0].state == "missing"
    workspace(root)
    collector.scan()
    assert everything(collector) == before
    assert collector.states()[0].state == "watching"


def test_a_torn_document_that_vanished_is_not_waited_for(root: Path) -> None:
    collector = collected(root)
    (root / "tasks.json").write_text("{")
    collector.scan()
    (root / "tasks.json").unlink()
    refresh(collector, [root / "tasks.json"])
    assert collector.stale() == []
    assert collector.states()[0].problems == []


def test_messages_that_are_rotated_into_the_archive_stay_the_same_rows(root: Path) -> None:
    collector = collected(root)
    before = everything(collector)["messages"]
    (root / "message-archives").mkdir()
    (root / "message-bus.jsonl").rename(root / "message-archives" / "messages-1.jsonl")
    (root / "message-bus.jsonl").write_text(lines(message("m4", 30)))
    collector.scan()
    after = everything(collector)["messages"]
    assert after.keys() == {*before, "m4"}
    assert all(after[id] is row for id, row in before.items())


def test_stale_files_are_those_that_changed_and_lately_means_lately(root: Path) -> None:
    collector = collected(root)
    touch_all(root)
    collector.scan()
    assert collector.stale() == []
    (root / "working.md").write_text("new files are not known yet")
    with (root / "realtime.log").open("a") as file:
        file.write("more\n")
    assert collector.stale() == [root / "realtime.log"]
    assert collector.stale(within=60) == [root / "realtime.log"]
    assert collector.stale(within=0) == []


# ---------------------------------------------------------------------------------------------------------------------
# Files that cannot be read


def test_a_fifo_a_directory_and_a_link_outside_are_reported_once_and_the_rest_is_read(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "tasks.json").unlink()
    os.mkfifo(root / "tasks.json")
    (root.parent / "secret.md").write_text("secret")
    (root / "working.md").symlink_to("../secret.md")
    (root / "state.json").mkdir()
    collector = collected(root)
    collector.scan()
    assert collector.store.count("messages") == 3
    assert sorted(collector.states()[0].problems) == [
        f"{root}/tasks.json: not a regular file",
        f"{root}/working.md: leads out of the watched directory",
    ]
    assert len(caplog.messages) == 2


def test_directories_behind_symlinks_and_those_of_other_tools_are_not_looked_into(root: Path) -> None:
    (root.parent / "elsewhere").mkdir()
    (root.parent / "elsewhere" / "secret.md").write_text("secret")
    (root / "critiques").symlink_to("../elsewhere")
    (root / "node_modules").mkdir()
    (root / "node_modules" / "tasks.json").write_text(tasks(x="pending"))
    collector = collected(root)
    assert not refresh(collector, [root / "critiques", root / "critiques" / "secret.md", root / "node_modules"])
    assert (collector.store.count("memory"), collector.store.count("tasks")) == (1, 3)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), PermissionError(13, "Permission denied")])
def test_a_file_that_fails_while_it_is_read_does_not_keep_the_others_from_being_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(reading, "read_document", fail)
    collector = collected(root)
    assert collector.store.count("messages") == 3
    assert f"{root}/tasks.json: {error.strerror}" in collector.states()[0].problems


def test_a_fault_in_a_source_is_logged_and_does_not_keep_the_others_from_being_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(data: bytes) -> Iterator[Any]:
        raise RuntimeError("a bug")

    faulty = {"tasks.json": lambda *_: Document(fail), "sessions.jsonl": lambda *_: Lines(fail)}
    monkeypatch.setattr(Workspace, "files", {**Workspace.files, **faulty})
    collector = collected(root)
    assert (collector.store.count("messages"), collector.store.count("logs")) == (3, 2)
    assert sorted(collector.states()[0].problems) == [
        f"{root}/sessions.jsonl: could not be taken in (RuntimeError: a bug)",
        f"{root}/tasks.json: could not be taken in (RuntimeError: a bug)",
    ]
    assert "could not be taken in" in caplog.text


@pytest.mark.parametrize("reader", [Document, Lines])
def test_a_record_that_no_table_takes_does_not_keep_the_others_from_being_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, reader: type[Document | Lines]
) -> None:
    def misspell(data: bytes) -> Iterator[Any]:
        yield Record("tasks", "t", {"tilte": "x"})

    monkeypatch.setattr(Workspace, "files", {**Workspace.files, "tasks.json": lambda *_: reader(misspell)})
    collector = collected(root)
    assert collector.store.count("messages") == 3
    assert collector.states()[0].problems == [f"{root}/tasks.json: could not be taken in (KeyError: 'tilte')"]
    assert collector.states()[0].state == "watching"


def test_a_directory_with_too_many_files_is_read_up_to_a_bound(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MAX_FILES", 3)
    assert collected(root).states()[0].files == 3


# ---------------------------------------------------------------------------------------------------------------------
# Paths


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "an empty path was given"),
        ("  ", "an empty path was given"),
        ("missing", "no such directory"),
        ("file", "not a directory"),
        ("file/below", "cannot be read"),
        ("circle", "circle"),
        ("nul\0", "not a usable path"),
        ("~nobody-of-that-name/memory", "not a usable path"),
    ],
)
def test_a_path_that_cannot_be_watched_is_refused_and_the_message_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("circle").symlink_to("circle")
    with pytest.raises(PathError, match=why) as refused:
        Collector([path])
    assert "\n" not in str(refused.value)


def test_an_empty_directory_is_a_workspace_that_is_still_to_be_filled(tmp_path: Path) -> None:
    collector = collected(tmp_path)
    assert collector.is_empty
    assert {row.value for row in collector.store.rows("stats")} == {0, None}
    workspace(tmp_path)
    collector.scan()
    assert not collector.is_empty
    assert collector.store.count("tasks") == 3


def test_a_directory_of_no_known_format_yields_nothing_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(bytes(range(256)))
    (tmp_path / "notes.txt").write_text("tasks.json")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "tasks.json").write_text(tasks(t="pending"))
    collector = collected(tmp_path)
    assert collector.is_empty
    assert collector.states()[0].problems == []


def test_the_directory_around_a_memory_directory_will_do(root: Path) -> None:
    assert collected(root.parent).roots == [root]


def test_a_directory_that_is_named_twice_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (root.parent / "link").symlink_to(root)
    assert Collector([root, ".", f"{root}/reports/..", root.parent / "link"]).roots == [root]


def test_two_workspaces_with_the_same_ids_do_not_mix(tmp_path: Path) -> None:
    first, second = workspace(tmp_path / "a" / "memory"), workspace(tmp_path / "b" / "memory")
    (second / "tasks.json").write_text(tasks(t1="failed"))
    alone, rows = everything(collected(first)), everything(collected(first, second))
    for name in ("agents", "tasks", "sessions", "messages", "tool_calls", "memory"):
        own = {id: row for id, row in rows[name].items() if not id.startswith("b2/")}
        assert own == alone[name]
    assert {id: row.status for id, row in rows["tasks"].items() if id not in alone["tasks"]} == {"b2/t1": "failed"}
    claim = rows["messages"]["b2/m2"]
    assert (claim.sender, claim.task_id) == ("b2/agent-2", "b2/t2"), "references stay inside"
    assert {row.agent_id for row in rows["spans"].values()} == set(rows["agents"])
    assert len(rows["logs"]) == 4


def test_a_workspace_inside_another_one_is_read_as_its_own(tmp_path: Path) -> None:
    outer = workspace(tmp_path / "memory")
    inner = workspace(outer / "sub")
    collector = collected(outer, inner)
    assert collector.store.count("tasks") == 6
    assert collected(outer).store.count("tasks") == 3
