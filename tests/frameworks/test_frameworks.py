"""Teams of real frameworks, as real instrumentors describe them: who did what for whom, and what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.otlp import Otlp
from tests.frameworks.programs import PROGRAMS, PYTHON, RECORDINGS, run
from tests.support.transcripts import Home

each = pytest.mark.parametrize(("program", "convention"), PROGRAMS)


def team(directory: Path, file: Path) -> dict[str, Any]:
    """What is seen of the team: by names, since ids are new in each run."""
    home = Home(Otlp, directory)
    home.write("traces.jsonl", file.read_bytes()).read()
    names = {id: row["name"] for id, row in home.rows("agents").items()} | {"user": "you"}
    agents = home.rows("agents").values()
    messages = sorted(home.rows("messages").values(), key=lambda row: (row["at"], row["kind"]))
    session = home.only("sessions")
    return {
        "agents": {row["name"]: (names.get(row["parent_id"]), row["status"]) for row in agents if row["id"] != "user"},
        "calls": {
            (row["name"], names[row["agent_id"]], row["status"], row["output"])
            for row in home.rows("tool_calls").values()
        },
        "messages": [(row["kind"], names[row["sender"]], names[row["recipient"]], row["text"]) for row in messages],
        "title": session["title"],
        "tokens": [session[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens")],
    }


def check(program: str, convention: str, seen: dict[str, Any]) -> None:
    """Compare with what the program did."""
    assert seen["title"] == "Paint the door"
    assert seen["calls"] == {("ask_painter", "lead", "ok", "Signal red."), ("price", "lead", "ok", "3.5")}
    said = set(seen["messages"])
    if program == "langchain":
        assert seen["agents"] == {"lead": (None, "done"), "painter": ("lead", "done")}
        assert seen["tokens"] == [120, 180, 21]
        assert sorted(seen["messages"]) == [
            ("delegate", "lead", "painter", "Which red?"),
            ("prompt", "you", "lead", "Paint the door"),
            ("reply", "lead", "you", "It is done."),
            ("result", "painter", "lead", "Signal red."),
        ]
        return
    flow = next(name for name in seen["agents"] if name.lower() == "agent workflow")
    assert ("prompt", "you", flow, "Paint the door") in said
    assert ("delegate", flow, "lead", "Paint the door") in said
    assert seen["agents"][flow] == (None, "done") and seen["agents"]["lead"] == (flow, "done")
    if convention == "openinference":
        assert seen["tokens"] == [300, 0, 21]
        assert seen["agents"]["painter"] == ("lead", "done")
        assert ("delegate", "lead", "painter", "Which red?") in said
        assert ("result", "painter", "lead", "Signal red.") in said
        assert ("reply", flow, "you", "It is done.") in said
    else:  # its spans have neither tokens nor answers of this kind of model, and all agents are below the workflow
        assert seen["tokens"] == [None, None, None]
        assert ("delegate", flow, "painter", "Which red?") in said


@each
def test_a_recorded_team_is_seen_as_it_worked(program: str, convention: str, tmp_path: Path) -> None:
    check(program, convention, team(tmp_path, RECORDINGS / f"{program}-{convention}.jsonl"))


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="needs the frameworks: make frameworks")
@each
def test_a_team_that_works_now_is_seen_so_too(program: str, convention: str, tmp_path: Path) -> None:
    file = tmp_path / "now.jsonl"
    run(program, convention, file)
    check(program, convention, team(tmp_path / "home", file))


@each
def test_of_a_team_that_has_not_ended_each_agent_shows_as_soon_as_what_it_did(
    program: str, convention: str, tmp_path: Path
) -> None:
    """No span of an agent has ended, but those of what it did have."""
    lines = (RECORDINGS / f"{program}-{convention}.jsonl").read_bytes().splitlines(keepends=True)
    home = Home(Otlp, tmp_path)
    shown = next(
        number for number, line in enumerate(lines, 1) if home.write("t.jsonl", line).read() and home.rows("agents")
    )
    ended = [number for number, line in enumerate(lines, 1) if b'"invoke_agent"' in line or b'"AGENT"' in line]
    assert shown <= 3 and all(shown < number for number in ended)
    working = {row["status"] for row in home.rows("agents").values() if row["id"] != "user"}
    assert working <= {"working", "offline"}  # its time is that of the recording
