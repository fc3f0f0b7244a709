"""What a program records is what the tables show, whatever becomes of the program."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget import recording
from agent_widget.ingest.collector import Collector
from agent_widget.store import Row


def tables(directory: Path) -> dict[str, list[Row]]:
    """What a fresh reading of the directory comes to; every line of it is understood."""
    collector = Collector([directory])
    collector.scan()
    assert [(state.malformed, state.problems, state.unknown) for state in collector.states()] == [(0, [], {})]
    return {name: list(collector.store.rows(name)) for name in collector.store}


def by_id(rows: list[Row]) -> dict[str, Row]:
    return {row["id"]: row for row in rows}


def test_agents_have_their_status_activity_role_and_parent(tmp_path: Path) -> None:
    with aw.record(tmp_path / "run") as run:
        planner = run.agent("planner", role="lead")
        planner.working("reading the brief")
        run.agent("worker", parent=planner).waiting("may I delete it?")
        agents = by_id(tables(run.directory)["agents"])
        assert agents["planner"]["status"] == "working"
        assert (agents["planner"]["role"], agents["planner"]["activity"]) == ("lead", "reading the brief")
        worker = agents["worker"]
        assert (worker["status"], worker["status_reason"]) == ("waiting", "may I delete it?")
        assert worker["parent_id"] == "planner"
    ended = tables(run.directory)
    assert {row["status"] for row in ended["agents"]} == {"done"}
    assert [row["status"] for row in ended["sessions"]] == ["ended", "ended"]


def test_an_agent_whose_block_raises_has_failed_with_what_was_raised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), aw.record(tmp_path) as run, run.agent("planner"):
        run.agent("helper").working("counting")
        1 / 0  # noqa: B018
    agents = by_id(tables(tmp_path)["agents"])
    assert agents["planner"]["status"] == "failed"
    assert "division by zero" in agents["planner"]["status_reason"]
    assert agents["helper"]["status"] == "failed", "the run ended by the same exception"


def test_calls_run_until_they_return_and_have_what_they_were_given_and_gave(tmp_path: Path) -> None:
    with aw.record(tmp_path) as run, run.agent("planner") as planner:
        with planner.call("search", {"query": "retries"}) as call:
            (running,) = tables(tmp_path)["tool_calls"]
            assert (running["status"], running["agent_id"], running["name"]) == ("running", "planner", "search")
            call.output = ["a", "b"]
        with pytest.raises(KeyError), planner.call("look up"):
            raise KeyError("door")
    failed, ok = sorted(tables(tmp_path)["tool_calls"], key=lambda row: str(row["name"]))
    assert (ok["status"], ok["input"], ok["output"]) == ("ok", '{"query":"retries"}', '["a","b"]')
    assert (ok["input_bytes"], ok["output_bytes"]) == (19, 9) and ok["duration_ms"] >= 0
    assert (failed["status"], failed["error"]) == ("error", "KeyError: 'door'")
    (planner_row,) = tables(tmp_path)["agents"]
    assert (planner_row["tool_calls"], planner_row["errors"]) == (2, 1)


def test_messages_and_log_lines_are_of_their_agents(tmp_path: Path) -> None:
    with aw.record(tmp_path) as run, run.agent("a") as a:
        b = run.agent("b")
        a.send(b, "please look", kind="request")
        a.send("*", "done soon")
        a.log("retrying", "warning", attempt=2)
        run.log("started")
    found = tables(tmp_path)
    spoken = [row for row in found["messages"] if row["kind"] in ("request", "direct")]
    assert [(row["sender"], row["recipient"], row["text"]) for row in spoken] == [
        ("a", "b", "please look"),
        ("a", "*", "done soon"),
    ]
    assert [(row["level"], row["agent_id"], row["text"]) for row in found["logs"]] == [
        ("warning", "a", 'retrying {"attempt":2}'),
        ("info", None, "started"),
    ]


def test_tasks_go_from_pending_to_their_end_with_their_progress(tmp_path: Path) -> None:
    with aw.record(tmp_path) as run, run.agent("planner") as planner:
        first = run.task("Write the parser", priority="high", tags=["core"])
        second = run.task("Test it", depends_on=[first])
        first.start(planner)
        first.progress(0.4, "grammar stands")
        rows = by_id(tables(tmp_path)["tasks"])
        row = rows[first.id]
        assert (row["title"], row["status"], row["owner"], row["progress"]) == (
            "Write the parser",
            "in_progress",
            "planner",
            0.4,
        )
        assert (row["priority"], row["tags"]) == ("high", ["core"])
        assert rows[second.id]["depends_on"] == [first.id] and rows[second.id]["progress"] == 0.0
        first.complete("all tests pass")
        second.cancel("not needed")
        with pytest.raises(ValueError, match="a share from 0 to 1"):
            first.progress(40)
    rows = by_id(tables(tmp_path)["tasks"])
    assert (rows[first.id]["status"], rows[first.id]["progress"]) == ("completed", 1.0)
    assert "all tests pass" in rows[first.id]["notes"]
    assert rows[second.id]["status"] == "cancelled"


PROGRAM = """
import sys, os, signal
import agent_widget as aw
run = aw.record(sys.argv[1])
agent = run.agent(sys.argv[2])
agent.working("counting")
for number in range(int(sys.argv[3])):
    agent.send("*", f"{sys.argv[2]} {number}")
    agent.log("x" * 5000)
print("recorded", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_several_processes_record_into_one_directory_and_nothing_is_lost_when_they_are_killed(tmp_path: Path) -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path), name, "200"], stdout=subprocess.PIPE)
        for name in ("a", "b", "c")
    ]
    for program in programs:
        said, _ = program.communicate(timeout=60)
        assert said == b"recorded\n" and program.returncode == -signal.SIGKILL
    found = tables(tmp_path)
    spoken = {row["text"] for row in found["messages"] if row["kind"] == "direct"}
    assert spoken == {f"{name} {number}" for name in "abc" for number in range(200)}
    assert len(found["logs"]) == 600


def test_threads_share_a_recorder(tmp_path: Path) -> None:
    with aw.record(tmp_path) as run, run.agent("a") as agent:

        def work(name: str) -> None:
            for number in range(100):
                agent.send("*", f"{name} {number}")

        threads = [threading.Thread(target=work, args=(name,)) for name in "xyz"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    spoken = [row["text"] for row in tables(tmp_path)["messages"] if row["kind"] == "direct"]
    assert sorted(spoken) == sorted(f"{name} {number}" for name in "xyz" for number in range(100))


def test_a_file_that_is_taken_away_is_begun_anew(tmp_path: Path) -> None:
    with aw.record(tmp_path) as run:
        run.log("before")
        (tmp_path / recording.LOG).unlink()
        run.log("after")
        (tmp_path / recording.LOG).rename(tmp_path / "run-1.log")
        run.log("rotated")
    assert [row["text"] for row in tables(tmp_path)["logs"]] == ["after", "rotated"]


def test_a_record_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with aw.record(tmp_path) as run, run.agent("a") as agent:
        agent.log("first")
        writes: list[bytes] = []
        real = os.write
        monkeypatch.setattr(os, "write", lambda file, data: (writes.append(data), real(file, data))[1])
        monkeypatch.setattr(os, "open", lambda *arguments: pytest.fail("the file is open already"))
        agent.log("second")
        monkeypatch.undo()
        assert [json.loads(data)["message"] for data in writes] == ["second"]


def test_a_full_disk_is_an_error_and_costs_no_other_record(tmp_path: Path) -> None:
    program = (
        "import sys, signal, resource\n"
        "import agent_widget as aw\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "run = aw.record(sys.argv[1])\n"
        "run.log('first')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (120, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    run.log('second ' + 'x' * 200)\n"
        "except OSError as error:\n"
        "    print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "run.log('third')\n"
    )
    assert resource.RLIMIT_FSIZE
    said = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "no room" in said.stdout
    collector = Collector([tmp_path])
    collector.scan()
    texts = [row["text"] for row in collector.store.rows("logs")]
    assert texts[0] == "first" and texts[-1] == "third"


def test_an_agent_gives_signs_of_life_while_its_program_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "BEAT", 0.01)
    with aw.record(tmp_path) as run, run.agent("a") as agent:
        agent.working("thinking")

        def beats() -> list[Any]:
            return [row for row in tables(tmp_path)["messages"] if row["kind"] == "heartbeat"]

        while len(beats()) < 4:
            pass
        (row,) = tables(tmp_path)["agents"]
        assert (row["status"], row["activity"]) == ("working", "thinking")
    assert not [
        thread for thread in threading.enumerate() if thread.name == "agent-widget-record" and thread.is_alive()
    ]
