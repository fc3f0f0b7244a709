"""The demo: its files are whole, its story holds together, and it leaves other people's directories alone."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from agent_widget.demo import Demo, Team, prepared, run
from agent_widget.demo.files import MARKER, OWN_FILES, iso
from agent_widget.ingest.collector import Collector

NOW = 1_790_000_000_000
"""When the simulated history ends and the simulated present begins."""


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    """All rows of a line file, those in its archives first."""
    stem = {"message-bus": "message"}.get(Path(name).stem, Path(name).stem.rstrip("s"))
    files = [*sorted(directory.glob(f"{stem}-archives/*-*{Path(name).suffix}")), directory / name]
    return [json.loads(line) for file in files if file.exists() for line in file.read_text("utf-8").splitlines()]


def document(directory: Path, name: str) -> Any:
    """A rewritten file."""
    return json.loads((directory / name).read_text("utf-8"))


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def live(team: Team | Demo, minutes: float, step_ms: int = 500) -> None:
    """Let the simulated clock go on."""
    for _ in range(round(minutes * 60_000 / step_ms)):
        team.step(team.now + step_ms)
    team.finish()


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team with twelve minutes of history and five of presence."""
    team = Team(tmp_path_factory.mktemp("team"), seed=7)
    team.history(12, NOW)
    live(team, 5)
    return team


@pytest.fixture(scope="module")
def directory(team: Team) -> Path:
    """Where that team wrote."""
    return team.files.root


def test_every_file_of_the_format_is_there_and_parses(directory: Path) -> None:
    assert {path.name for path in directory.iterdir()} >= set(OWN_FILES)
    for path in directory.rglob("*"):
        text = path.read_text("utf-8") if path.is_file() else ""
        if path.suffix == ".json":
            json.loads(text)
        elif path.suffix == ".jsonl" or path.name.startswith("realtime"):
            assert all(isinstance(json.loads(line), dict) for line in text.splitlines()), path
    assert list(directory.glob("critiques/*.md"))
    assert (directory / "coordination.log").read_text().splitlines()[0].split("[")[0].strip().endswith("Z")
    assert all(line.startswith("[2026-") for line in (directory / "watchdog.log").read_text().splitlines())


def test_keys_are_those_of_the_format(directory: Path) -> None:
    agent = {"agent_id", "session_id", "started_at", "last_heartbeat", "status", "assigned_role", "current_task", "pid"}
    assert all(set(row) <= agent for row in document(directory, "agent-registry.json")["agents"])
    task = {"id", "title", "description", "priority", "status", "created_at", "updated_at", "created_by", "tags"}
    task |= {"complexity", "assigned_to", "claimed_at", "completed_at", "notes", "quality_score", "quality_notes"}
    assert all(set(row) <= task | {"depends_on"} for row in document(directory, "tasks.json")["tasks"])
    message = {"message_id", "from_agent", "to_agent", "timestamp", "type", "payload", "read_by"}
    assert all(set(row) <= message for row in lines(directory, "message-bus.jsonl"))
    mail = {"id", "from", "message", "timestamp", "read", "priority", "tags", "read_at", "read_by", "response"}
    assert all(set(row) <= mail for row in lines(directory, "user-messages.jsonl"))
    call = {"timestamp", "session_id", "tool", "call_id", "start_time", "end_time", "duration_ms", "input_size"}
    assert all(
        set(row) == call | {"output_size", "success", "category"} for row in lines(directory, "tool-timing.jsonl")
    )


def test_history_is_back_dated_and_full(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=1)
    team.history(12, NOW)
    times = [row["timestamp"] for row in lines(tmp_path, "message-bus.jsonl")]
    assert iso(NOW - 12 * 60_000) <= min(times) < iso(NOW - 11 * 60_000)
    assert iso(NOW - 5_000) < max(times) <= iso(NOW)
    tasks = document(tmp_path, "tasks.json")
    assert tasks["completed_count"] > 10
    assert {task["status"] for task in tasks["tasks"]} >= {"completed", "in_progress", "pending"}
    assert len(document(tmp_path, "agent-registry.json")["agents"]) >= 6


def test_the_story_has_everything(directory: Path) -> None:
    bus = lines(directory, "message-bus.jsonl")
    kinds = {"heartbeat", "broadcast", "direct", "task_available", "task_claim", "task_completed", "task_complete"}
    assert {row["type"] for row in bus} == kinds | {"session_spawned"}
    assert {row["payload"]["status"] for row in bus if row["type"] == "heartbeat"} >= {"working", "idle", "blocked"}
    assert any(row["read_by"] for row in bus)
    events = {row["type"] for row in lines(directory, "sessions.jsonl")}
    assert events == {"session_start", "session_end", "session_error", "session_spawned", "file_edit"}
    assert "[ERROR]" in (directory / "watchdog.log").read_text()
    assert document(directory, "agent-health-metrics.json")["alerts"]
    assert document(directory, "session-summaries.json")["summaries"]
    calls = lines(directory, "tool-timing.jsonl")
    assert 0.01 < sum(not row["success"] for row in calls) / len(calls) < 0.2
    assert all(row["end_time"] - row["start_time"] == row["duration_ms"] for row in calls)
    questions = [row for row in lines(directory, "user-messages.jsonl") if "question" in row["tags"]]
    assert any(row["read"] and row["response"] for row in questions)


def test_references_resolve(directory: Path) -> None:
    tasks = {task["id"]: task for task in document(directory, "tasks.json")["tasks"]}
    agents, known = set(), set(tasks)
    for row in lines(directory, "message-bus.jsonl"):
        if row["type"] == "broadcast" and "details" in row["payload"]:
            agents.add(row["from_agent"])
        assert row["from_agent"] in agents or row["type"] == "session_spawned"
        assert row.get("to_agent", row["from_agent"]) in agents
        assert row["payload"].get("task_id", next(iter(known))) in known
    for task in tasks.values():
        assert set(task.get("depends_on", ())) <= known
        assert task.get("assigned_to") is None or task["assigned_to"] in agents
        if task["status"] == "completed":
            assert task["created_at"] <= task["claimed_at"] < task["completed_at"]
            for needed in task.get("depends_on", ()):
                assert tasks[needed]["completed_at"] <= task["completed_at"]
    sessions = {row["session_id"] for row in lines(directory, "sessions.jsonl") if row["type"] == "session_start"}
    assert {row["session_id"] for row in lines(directory, "tool-timing.jsonl")} <= sessions
    assert {path.parent.name for path in directory.glob("sessions/*/checkpoint.json")} <= sessions
    assert {row["task_id"] for row in document(directory, "quality-assessments.json")["assessments"]} <= known


def test_nobody_speaks_after_the_end(directory: Path) -> None:
    ended = {
        row["session_id"]: row["timestamp"]
        for row in lines(directory, "sessions.jsonl")
        if row["type"] in ("session_end", "session_error")
    }
    assert ended
    for row in lines(directory, "tool-timing.jsonl"):
        assert row["timestamp"] <= ended.get(row["session_id"], row["timestamp"])


def test_progress_grows_within_ten_seconds(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=5)
    team.history(12, NOW)

    def progress() -> dict[str, tuple[str, int]]:
        points = [json.loads(path.read_text()) for path in tmp_path.glob("sessions/*/checkpoint.json")]
        tasks = [point["current_task"] for point in points]
        return {task["task_id"]: (task["progress_description"], task["progress_percentage"]) for task in tasks}

    before = progress()
    live(team, 10 / 60)
    after = progress()
    assert any(after[task][1] > percent for task, (_, percent) in before.items() if task in after)
    assert all(after[task][1] >= percent for task, (_, percent) in before.items() if task in after)


def test_statuses_move_and_work_never_runs_dry(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=2)
    team.history(5, NOW)
    counts, statuses = [], set()
    for _ in range(40):
        live(team, 1, 5000)
        counts.append(document(tmp_path, "tasks.json")["completed_count"])
        statuses |= {(row["agent_id"], row["status"]) for row in document(tmp_path, "agent-registry.json")["agents"]}
    assert counts[-1] > 80
    assert all(later > earlier for earlier, later in zip(counts, counts[5:], strict=False))
    assert len({agent for agent, _ in statuses}) > 12, "agents come and go"
    assert {status for _, status in statuses} >= {"working", "idle", "blocked"}
    assert 5 <= len(team.journal.workers()) <= 7
    ids = [row["id"] for row in document(tmp_path, "tasks.json")["tasks"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("seed", range(6))
def test_within_a_minute_somebody_waits_for_a_person_and_calls_are_not_dense(tmp_path: Path, seed: int) -> None:
    team = Team(tmp_path, seed=seed)
    team.history(12, NOW)
    waiting = []
    while not waiting and team.now < NOW + 60_000:
        team.advance(1)
        waiting = [one for one in team.journal.workers() if one.status == "blocked"]
    team.finish()
    assert waiting
    assert "blocked" in {task["status"] for task in document(tmp_path, "tasks.json")["tasks"]}
    calls: dict[str, list[int]] = {}
    for row in lines(tmp_path, "tool-timing.jsonl"):
        calls.setdefault(row["session_id"], []).append(row["end_time"])
    pauses = sorted(after - before for one in calls.values() for before, after in itertools.pairwise(one))
    assert 6_000 < pauses[len(pauses) // 2] < 8_000
    assert pauses[0] > 500, "two ticks on a lane can be told apart"


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name, step in (("a", 250), ("b", 250), ("c", 4000)):
        team = Team(tmp_path / name, seed=11)
        team.history(8, NOW)
        live(team, 2, step)
    Team(tmp_path / "d", seed=12).history(10, NOW)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "c"), "the size of the steps does not matter"
    assert contents(tmp_path / "a") != contents(tmp_path / "d")


def test_a_foreign_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text('{"tasks": []}')
    with pytest.raises(FileExistsError) as refusal:
        Team(tmp_path)
    assert "\n" not in str(refusal.value)
    assert contents(tmp_path) == {"tasks.json": b'{"tasks": []}'}
    with pytest.raises(NotADirectoryError):
        Team(tmp_path / "tasks.json")


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    Team(tmp_path, seed=1).history(2, NOW)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / MARKER).exists()


def test_a_second_run_goes_on(tmp_path: Path) -> None:
    Team(tmp_path, seed=1).history(6, NOW)
    before = document(tmp_path, "tasks.json")
    Team(tmp_path, seed=1).history(12, NOW + 180_000)
    after = document(tmp_path, "tasks.json")
    assert after["completed_count"] > before["completed_count"]
    assert {task["id"] for task in after["tasks"]} >= {task["id"] for task in before["tasks"]}
    leads = [
        row for row in document(tmp_path, "agent-registry.json")["agents"] if row["assigned_role"] == "orchestrator"
    ]
    assert len(leads) == 1
    assert leads[0]["started_at"] >= iso(NOW - 60_000)
    ids = [row["message_id"] for row in lines(tmp_path, "message-bus.jsonl")]
    assert len(ids) == len(set(ids))


def test_logs_rotate_into_archives_without_loss(tmp_path: Path) -> None:
    team = Team(tmp_path, agents=20, rate=20, seed=3)
    team.history(4, NOW)
    live(team, 1, 2000)
    assert list(tmp_path.glob("message-archives/messages-*.jsonl"))
    assert list(tmp_path.glob("realtime-archives/realtime-*.log"))
    assert (tmp_path / "message-bus.jsonl").stat().st_size < 300_000
    index = document(tmp_path, "message-archives/index.json")
    bus = lines(tmp_path, "message-bus.jsonl")
    assert index["totalMessages"] < len(bus)
    assert index["archives"][0]["startDate"] == bus[0]["timestamp"]
    calls = sum(1 for row in lines(tmp_path, "realtime.log") if row["message"].startswith("Tool executed"))
    assert calls == len(lines(tmp_path, "tool-timing.jsonl")) == document(tmp_path, "metrics.json")["total_tool_calls"]


def test_two_hundred_agents(tmp_path: Path) -> None:
    team = Team(tmp_path, agents=200, seed=4)
    team.history(3, NOW)
    live(team, 1, 2000)
    registry = document(tmp_path, "agent-registry.json")["agents"]
    assert len([row for row in registry if row["assigned_role"] != "explorer"]) >= 195
    assert len({row["agent_id"] for row in registry}) == len(registry)
    assert sum(row["status"] == "working" for row in registry) > 100
    assert sum(row["status"] == "blocked" for row in registry) >= 3


def test_one_agent_does_everything(tmp_path: Path) -> None:
    Team(tmp_path, agents=1, seed=4).history(12, NOW)
    tasks = document(tmp_path, "tasks.json")
    assert tasks["completed_count"] > 2
    owners = {task.get("assigned_to") for task in tasks["tasks"]}
    assert owners == {"agent-orchestrator", None}


@pytest.mark.parametrize(("agents", "rate"), [(0, 1.0), (7, 0.0), (7, float("nan")), (5000, 1.0)])
def test_senseless_sizes_are_refused(tmp_path: Path, agents: int, rate: float) -> None:
    with pytest.raises(ValueError, match=r"team has|rate is"):
        Team(tmp_path / "new", agents, rate)
    assert not (tmp_path / "new").exists()


def test_locks_and_temporary_files_are_gone(directory: Path) -> None:
    assert not [path for path in directory.rglob("*") if ".lock" in path.name or ".tmp" in path.name]


def test_a_held_lock_is_respected_and_a_stale_one_removed(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=1)
    team.history(1, NOW)
    lock = tmp_path / "tasks.json.lock"
    lock.write_text('{"owner_id": "someone", "locked_at": "2026-01-01T00:00:00.000Z", "pid": 1}')
    held = (tmp_path / "tasks.json").read_bytes()
    team.tasks.document["completed_count"] = 4711
    team.files.put("tasks.json", team.tasks.document)
    writer = threading.Thread(target=team.finish)
    writer.start()
    time.sleep(0.3)
    assert (tmp_path / "tasks.json").read_bytes() == held
    lock.unlink()
    writer.join(5)
    assert document(tmp_path, "tasks.json")["completed_count"] == 4711
    lock.write_text("{}")
    os.utime(lock, (time.time() - 300, time.time() - 300))
    team.tasks.document["completed_count"] = 4712
    team.files.put("tasks.json", team.tasks.document)
    team.finish()
    assert document(tmp_path, "tasks.json")["completed_count"] == 4712
    assert not lock.exists()


def test_a_task_from_outside_is_worked_on_and_a_cancelled_one_dropped(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=6)
    team.history(6, NOW)
    board = document(tmp_path, "tasks.json")
    board["tasks"].append({"id": "task_1_mine", "title": "Paint it blue", "priority": "critical", "status": "pending"})
    dropped = next(task for task in board["tasks"] if task["status"] == "in_progress")
    dropped.update(status="cancelled", updated_at=iso(NOW + 1))
    (tmp_path / "tasks.json").write_text(json.dumps(board))
    live(team, 6)
    tasks = {task["id"]: task for task in document(tmp_path, "tasks.json")["tasks"]}
    assert tasks["task_1_mine"]["status"] == "completed"
    assert tasks[dropped["id"]]["status"] == "cancelled"


def test_a_person_can_answer_and_ask(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=6)
    team.history(6, NOW)
    while not (blocked := [one for one in team.journal.workers() if one.status == "blocked"]):
        team.advance(1)
    asked = iso(team.now)

    def say(name: str, text: str) -> dict[str, Any]:
        row = {"id": name, "from": "user", "message": text, "timestamp": iso(team.now), "read": False}
        with (tmp_path / "user-messages.jsonl").open("a") as file:
            file.write(json.dumps(row | {"priority": "normal", "tags": []}) + "\n")
        for _ in range(8):
            team.advance(1)
        team.finish()
        return next(row for row in lines(tmp_path, "user-messages.jsonl") if row["id"] == name)

    answer = say("umsg_1_answer", f"{blocked[0].id}: no, leave it")
    assert blocked[0].status == "working"
    assert answer["read_by"] == blocked[0].session
    rows = lines(tmp_path, "user-messages.jsonl")
    question = next(row for row in rows if row["from"] == blocked[0].id and row["timestamp"] <= asked and row["read"])
    assert question["response"]
    while any(one.status == "blocked" for one in team.journal.workers()):
        team.advance(1)
    wish = say("umsg_2_wish", "Please add a dark theme")
    assert wish["read"]
    assert wish["response"]
    assert any(task["title"] == "Please add a dark theme" for task in document(tmp_path, "tasks.json")["tasks"])


def test_rubbish_from_outside_does_not_stop_it(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=6)
    team.history(2, NOW)
    for name, rubbish in (("tasks.json", '{"tasks": [1, {}]}'), ("user-messages.jsonl", '{"id": 3}\n[]\nnope\n')):
        (tmp_path / name).write_text(rubbish)
    live(team, 2)
    assert document(tmp_path, "tasks.json")["completed_count"]
    lines(tmp_path, "user-messages.jsonl")


def test_postponed_time_is_skipped(tmp_path: Path) -> None:
    team = Team(tmp_path, seed=6)
    team.history(2, NOW)
    team.postpone(3_600_000)
    calls = len(lines(tmp_path, "tool-timing.jsonl"))
    team.step(NOW + 3_600_000)
    team.finish()
    assert len(lines(tmp_path, "tool-timing.jsonl")) == calls
    team.step(NOW)  # a clock that goes back
    assert team.now == NOW + 3_600_000


def test_run_ends_when_told(tmp_path: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(tmp_path,), kwargs={"rate": 50, "seed": 1, "stop": stop})
    thread.start()
    time.sleep(1.5)
    stop.set()
    before = time.monotonic()
    thread.join(5)
    assert not thread.is_alive()
    assert time.monotonic() - before < 3
    newest = max(row["timestamp"] for row in lines(tmp_path, "tool-timing.jsonl"))
    assert abs(time.time() - _seconds(newest)) < 3
    assert not list(tmp_path.rglob("*.lock"))


def test_run_ends_by_itself(tmp_path: Path) -> None:
    before = time.monotonic()
    run(tmp_path, seconds=0.5, seed=1)
    assert 0.5 <= time.monotonic() - before < 8


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_the_workspace_source_reads_all_of_it(team: Team, directory: Path) -> None:
    collector = Collector([directory], clock=lambda: team.now)
    collector.scan()
    store = collector.store
    rows = {name: list(store.rows(name)) for name in ("agents", "tasks", "sessions", "messages", "spans", "tool_calls")}
    assert not [state for state in collector.states() if state.malformed or state.problems]
    assert {row["status"] for row in rows["agents"]} >= {"working", "done"}
    assert {row["status"] for row in rows["tasks"]} >= {"pending", "in_progress", "completed"}
    assert any(0 < row["progress"] < 1 for row in rows["tasks"])
    assert len(rows["tool_calls"]) == len(lines(directory, "tool-timing.jsonl"))
    assert len(rows["messages"]) == len(lines(directory, "message-bus.jsonl") + lines(directory, "user-messages.jsonl"))
    assert {row["status"] for row in rows["spans"]} >= {"working", "idle", "waiting"}
    lead = next(row["id"] for row in rows["agents"] if row["role"] == "orchestrator")
    workers = [row for row in rows["agents"] if row["role"] == "code-worker"]
    assert workers
    assert all(row["parent_id"] == lead and row["tool_calls"] for row in workers)
    assert {row["status"] for row in rows["sessions"]} >= {"active", "ended", "failed"}


# The coding agents beside the team


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo with its history and ten minutes of presence."""
    demo = prepared(tmp_path_factory.mktemp("demo"), seed=7, now_ms=NOW)
    live(demo, 10)
    return demo


@pytest.fixture(scope="module")
def seen(demo: Demo) -> Collector:
    """What is read of it."""
    collector = Collector(demo.roots, clock=lambda: demo.now)
    collector.scan()
    return collector


def coding(collector: Collector, source: str) -> dict[str, dict[str, Any]]:
    """Those agents of one kind, by id; the person, whom all name, is none."""
    rows = (dict(row) for row in collector.store.rows("agents") if row["source"] == source)
    return {row["id"]: row for row in rows if row["role"] != "human"}


def usages(home: Path) -> list[dict[str, Any]]:
    """What every answer of the model took, by the lines of Claude Code."""
    rows = [json.loads(line) for file in home.rglob("*.jsonl") for line in file.read_text("utf-8").splitlines()]
    return list({row["message"]["id"]: row["message"]["usage"] for row in rows if row["type"] == "assistant"}.values())


def test_all_that_the_coding_agents_write_is_read(demo: Demo, seen: Collector) -> None:
    states = {state.name: state for state in seen.states()}
    assert set(states) == {"workspace", "claude", "codex"}
    for state in states.values():
        assert (state.malformed, state.problems, state.unknown) == (0, [], {}), state.name
    for name in ("claude", "codex"):
        rows = [row for row in seen.store.rows("sessions") if row["source"] == name]
        rows.sort(key=lambda row: row["started_at"])
        assert len(rows) >= 2
        assert NOW - 15 * 60_000 <= rows[0]["started_at"] < NOW - 14 * 60_000
        assert all(row["title"] and row["project"] and row["branch"] for row in rows)
        assert rows[0]["files_changed"] >= 4
        assert demo.now - 120_000 < rows[-1]["updated_at"] <= demo.now


def test_one_root_alone_is_read_as_if_the_others_were_not_there(demo: Demo) -> None:
    for root, name in zip(demo.roots, ("workspace", "claude", "codex"), strict=True):
        collector = Collector([root], clock=lambda: demo.now)
        collector.scan()
        (state,) = collector.states()
        assert (state.name, state.malformed) == (name, 0)
        assert {row["source"] for row in collector.store.rows("agents")} == {name}


@pytest.mark.parametrize("source", ["claude", "codex"])
def test_the_coding_agents_work_wait_and_rest(seen: Collector, source: str) -> None:
    mains = {id for id, row in coding(seen, source).items() if not row["parent_id"]}
    assert {row["status"] for row in seen.store.rows("spans") if row["agent_id"] in mains} == {
        "working",
        "waiting",
        "idle",
    }
    said = [entry for id in mains for entry in seen.transcript(id, limit=500).entries]
    assert any(entry.get("asks") for entry in said), "by a tool"
    assert any(entry["kind"] == "end" and entry["how"] == "asked" for entry in said), "and at the end of a turn"
    assert any(row["status"] == "completed" for row in seen.store.rows("tasks") if row["source"] == source)


@pytest.mark.parametrize("source", ["claude", "codex"])
def test_no_question_is_left_behind_in_a_session_that_is_over(seen: Collector, source: str) -> None:
    mains = [row for row in coding(seen, source).values() if not row["parent_id"]]
    mains.sort(key=lambda row: row["started_at"])
    assert {row["status"] for row in mains[:-1]} == {"idle"}


def test_every_answer_of_claude_code_is_counted_once_and_has_its_price(demo: Demo, seen: Collector) -> None:
    sessions = [row for row in seen.store.rows("sessions") if row["source"] == "claude"]
    told = usages(demo.roots[1])
    for column, name in (
        ("input_tokens", "input_tokens"),
        ("output_tokens", "output_tokens"),
        ("cache_read_tokens", "cache_read_input_tokens"),
        ("cache_write_tokens", "cache_creation_input_tokens"),
    ):
        assert sum(row[column] for row in sessions) == sum(usage[name] for usage in told) > 0
    assert all(row["cost_usd"] > 0 for row in sessions)
    agents = coding(seen, "claude").values()
    assert len({row["model"] for row in agents}) == 2, "subagents have a smaller model"
    assert all(10_000 < row["context_tokens"] < 200_000 and row["cost_usd"] > 0 for row in agents)


def test_the_total_of_codex_is_counted_and_has_its_price(demo: Demo, seen: Collector) -> None:
    for session in (row for row in seen.store.rows("sessions") if row["source"] == "codex"):
        rows = [json.loads(line) for line in (demo.roots[2] / session["path"]).read_text("utf-8").splitlines()]
        told = [row["payload"]["info"] for row in rows if row["payload"].get("type") == "token_count"][-1]
        total = told["total_token_usage"]
        assert session["input_tokens"] + session["cache_read_tokens"] == total["input_tokens"]
        assert session["output_tokens"] == total["output_tokens"]
        assert session["cost_usd"] > 0
        context = seen.store.get("agents", session["agent_id"])["context_tokens"]  # type: ignore[index]
        assert context == told["last_token_usage"]["input_tokens"]


@pytest.mark.parametrize(("source", "edits"), [("claude", {"Edit", "Write"}), ("codex", {"apply_patch"})])
def test_a_conversation_has_everything_that_can_be_shown(seen: Collector, source: str, edits: set[str]) -> None:
    first = min((row["started_at"], row["id"]) for row in seen.store.rows("sessions") if row["source"] == source)
    entries = seen.transcript(first[1], limit=500).entries
    assert {entry["kind"] for entry in entries} >= {"prompt", "thinking", "reply", "tool", "plan", "end"}
    tools = [entry for entry in entries if entry["kind"] == "tool"]
    assert {entry["name"] for entry in tools if entry["diff"]} == edits
    changes = [entry["diff"].splitlines() for entry in tools if entry["diff"]]
    assert any(line.startswith("-") for diff in changes for line in diff[2:])
    assert all(any(line.startswith("+") for line in diff[2:]) for diff in changes)
    assert {entry["status"] for entry in tools} >= {"ok", "error"}
    assert all(entry["output"] for entry in tools if entry["status"] != "running")


def test_a_subagent_of_claude_code_has_a_conversation_of_its_own(seen: Collector) -> None:
    helpers = [row for row in coding(seen, "claude").values() if row["parent_id"]]
    assert helpers
    for helper in helpers:
        assert (helper["status"], helper["name"]) == ("done", "Explore")
        calls = [entry for entry in seen.transcript(helper["parent_id"], limit=500).entries if entry.get("child")]
        assert helper["id"] in {entry["child"] for entry in calls}
        assert {entry["kind"] for entry in seen.transcript(helper["id"]).entries} >= {"prompt", "tool", "reply"}


def test_the_size_of_the_steps_does_not_matter_to_the_coding_agents_either(tmp_path: Path) -> None:
    for name, step in (("a", 250), ("b", 4000)):
        live(prepared(tmp_path / name, seed=11, now_ms=NOW), 2, step)
    prepared(tmp_path / "c", seed=12, now_ms=NOW)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    same = homes(tmp_path / "a").keys() & homes(tmp_path / "c").keys()
    assert {Path(name).name for name in same} == {MARKER}, "another seed, other sessions"


def homes(directory: Path) -> dict[str, bytes]:
    """Every file of the coding agents."""
    return {name: data for name, data in contents(directory).items() if name.startswith(("claude/", "codex/"))}


def test_another_run_of_the_demo_begins_where_the_last_one_stopped(tmp_path: Path) -> None:
    live(prepared(tmp_path, seed=1, now_ms=NOW), 1)
    before = homes(tmp_path)
    prepared(tmp_path, seed=1, now_ms=NOW + 300_000)
    after = homes(tmp_path)
    assert after.items() > before.items()
    new = [json.loads(after[name].splitlines()[0]) for name in after.keys() - before if name.endswith(".jsonl")]
    assert len(new) >= 2
    assert all(row["timestamp"] > iso(NOW + 55_000) for row in new)


def test_what_is_postponed_has_not_happened(tmp_path: Path) -> None:
    demo = prepared(tmp_path, seed=1, now_ms=NOW)
    before = homes(tmp_path)
    demo.postpone(3_600_000)
    demo.step(NOW + 3_600_000)
    assert homes(tmp_path) == before
    live(demo, 1)
    assert homes(tmp_path) != before


def test_a_foreign_home_is_refused(tmp_path: Path) -> None:
    (tmp_path / "codex" / "sessions").mkdir(parents=True)
    with pytest.raises(FileExistsError) as refusal:
        prepared(tmp_path)
    assert "\n" not in str(refusal.value)
    assert contents(tmp_path) == {}, "not even the team has begun"
