"""The replay tool: small recordings in which one thing is seen late and another not at all; then the real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest

from agent_widget.sources.base import Evidence, Item, Lines, Reader, Record, Source
from agent_widget.sources.parsing import parse_object
from tests.replays import replay
from tests.replays.__main__ import main
from tests.replays.compare import BEHIND, UNLOOKED, UNPROMPTED, UNWRITTEN, Outcome, shares_of, summary
from tests.replays.databases import first_lines
from tests.replays.recordings import AGENTS, NOT_LOOKED, find, read
from tests.support.transcripts import SHARED

SESSION = "rollout-2026-01-01T00-00-00-0199aaaa-0000-7000-8000-00000000000a"
ID = SESSION[-36:]


class Told(Source):
    """Lines that say the status outright."""

    name = "stated"

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        return [home / ".codex"]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        return directory.name == ".codex"

    def reader(self, path: PurePosixPath) -> Reader | None:
        return Lines(self.read) if path.suffix == ".jsonl" else None

    def read(self, line: bytes) -> Iterator[Item]:
        entry = parse_object(line)
        yield Record("agents", entry["id"], {"last_seen_at": entry["at"]})
        yield Evidence(entry["id"], entry["at"], f"says {entry['status']}", "it says so")


def event(second: float, kind: str, **more: object) -> dict[str, object]:
    return {"ts": f"2026-01-01T00:00:{second:06.3f}+00:00", "kind": kind, "session_id": SESSION, **more}


def reported(second: float, status: str) -> bytes:
    at = 1767225600000 + round(second * 1000)
    return json.dumps({"id": ID, "at": at, "status": status}).encode() + b"\n"


def record(
    directory: Path,
    events: list[dict[str, object]],
    lines: list[bytes],
    expected: list[dict[str, object]],
    agent: str = "codex",
) -> Path:
    here = directory / agent / "scenarios" / "1-1_case" / "recordings" / "2026-01-01-00-00-00_x"
    here.mkdir(parents=True)
    (here / "events.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in events))
    (here / "transcript.jsonl").write_bytes(b"".join(lines))
    (here.parents[1] / "expected.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in expected))
    return here


def played(
    directory: Path, events: list[dict[str, object]], *lines: bytes, expected: tuple[dict[str, object], ...] = ()
) -> Outcome:
    """One session; ``line`` is an activity, ``found`` the file's discovery, each with one more line in the file."""
    path, size, written = f"/home/someone/.codex/sessions/2026/01/01/{SESSION}.jsonl", 0, iter(lines)
    for entry in events:
        if kind := {"line": "transcript_activity", "found": "transcript_new"}.get(str(entry["kind"])):
            size += len(next(written))
            entry |= {"kind": kind, "transcript_path": path, "file_size": size}
    return replay.play(read(record(directory, events, list(lines), list(expected))))


def monitor(second: float, state: str, reason: str = "it looked") -> dict[str, object]:
    return event(second, "state_transition", new_state=state, reason=reason)


def put_off(second: float) -> list[dict[str, object]]:
    """The monitor sees a line, and does not look at it now."""
    return [event(second, "line"), event(second, "debounce_coalesced")]


def over(second: float) -> dict[str, object]:
    return event(second, "pid_discovered")


@pytest.fixture
def stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "source_for", lambda agent: Told)


def made(directory: Path, *more: dict[str, object]) -> Path:
    lines = [reported(1, "working"), reported(4, "idle"), reported(6, "working")]
    sizes = [len(b"".join(lines[: n + 1])) for n in range(3)]
    path = f"/home/someone/.codex/sessions/2026/01/01/{SESSION}.jsonl"
    events = [
        event(0, "transcript_new", session_id="proc-7"),
        event(0, "state_transition", session_id="proc-7", new_state="ready"),
        event(1, "transcript_new", transcript_path=path, file_size=sizes[0] - 5),
        event(1, "state_transition", new_state="working"),
        event(1.5, "transcript_activity", transcript_path=path, file_size=sizes[0]),
        event(5, "state_transition", new_state="ready"),
        event(6, "transcript_activity", transcript_path=path, file_size=sizes[1]),
        event(8, "state_transition", new_state="waiting"),
        event(11, "transcript_activity", transcript_path=path, file_size=sizes[2]),
        *more,
    ]
    expected: list[dict[str, object]] = [
        {"scenario_id": "case"},
        {"phase": "birth", "expected_state": "ready", "relative_to": "start", "max_delay_ms": 1000},
        {"phase": "turn", "expected_state": "working", "relative_to": "birth"},
        {"phase": "end", "expected_state": "ready", "relative_to": "turn"},
        {"phase": "question", "expected_state": "waiting", "relative_to": "end"},
    ]
    return record(directory, events, lines, expected)


@pytest.mark.usefixtures("stated")
def test_the_file_grows_as_recorded_and_the_time_in_agreement_is_measured(tmp_path: Path) -> None:
    outcome = replay.play(read(made(tmp_path)))
    (session,) = outcome.sessions
    assert [(change.at - 1767225600000, change.state) for change in session.ours] == [
        (1000, "ready"),
        (1500, "working"),  # half a line says nothing
        (6000, "ready"),
        (11000, "working"),
    ]
    shares = shares_of(outcome.sessions)
    assert (shares.agreed, shares.total, shares.left_out) == (3500 + 2000, 10_000, {})
    assert session.delays == [("working", 500), ("ready", 1000), ("waiting", "missed")]
    assert not session.final
    assert outcome.phases == [("turn", True), ("end", True), ("question", False)]
    assert outcome.recording.processes == 1 and outcome.counts


@pytest.mark.usefixtures("stated")
def test_states_that_the_monitor_has_from_hooks_do_not_count(tmp_path: Path) -> None:
    outcome = replay.play(read(made(tmp_path, event(11, "hook_received"))))
    assert not outcome.counts
    assert "of 0 s agree" in summary("codex", [outcome])


@pytest.mark.usefixtures("stated")
def test_what_only_a_hook_told_nobody_could_know(tmp_path: Path) -> None:
    hooks = [event(3, "hook_received"), monitor(3, "waiting")]
    events = [event(1, "line"), monitor(1, "working"), *hooks, event(7, "line"), monitor(7, "working"), over(9)]
    outcome = played(tmp_path, events, reported(1, "working"), reported(7, "working"))
    assert not outcome.counts
    (session,) = outcome.sessions
    assert session.left_out == {UNWRITTEN: 4000}
    assert "of 0 s agree; our reader 0 s, the monitor 0 s" in (said := summary("codex", [outcome]))
    assert "nobody 4 s" in said


def test_the_rows_of_a_database_are_those_of_the_session_that_was_prompted() -> None:
    def lines(*prompts: int) -> list[dict[str, object]]:
        return [{"_ts": at + more, "_role": role} for at in prompts for more, role in ((0, "user"), (1, "assistant"))]

    assert first_lines(lines(1_000, 20_000), [1_200, 20_300]) == [0, 2]
    assert first_lines(lines(1_000, 16_000, 20_000), [1_200, 20_300]) == [0, 4], "the prompt before is of the first"
    assert first_lines(lines(1_000, 16_000, 12_000), [1_200, 12_300]) == [0, 4], "exported one after the other"
    assert first_lines(lines(1_000), [1_200, 20_000]) == [0], "the second wrote nothing"
    assert first_lines([], []) == []


@pytest.mark.parametrize(
    ("path", "rows"), [("/h/.local/share/opencode/opencode.db-wal?session=x", True), ("/h/.pi/a.jsonl", False)]
)
def test_the_session_of_another_agent_has_none_of_the_rows(tmp_path: Path, path: str, rows: bool) -> None:
    seen = event(1, "transcript_new", transcript_path=path)
    recording = read(record(tmp_path, [seen, monitor(2, "working"), over(3)], [], [], "opencode"))
    (session,) = recording.sessions.values()
    assert (session.content is not None) == rows


def test_the_files_of_two_sessions_lie_behind_each_other(tmp_path: Path) -> None:
    other = SESSION[:-1] + "b"
    first, second = reported(1, "working"), reported(2, "idle").replace(ID.encode(), other[-36:].encode())
    late = reported(3, "idle")  # after the monitor had looked for the last time
    events = [
        event(1, "transcript_new", transcript_path=f"/h/.codex/sessions/{SESSION}.jsonl", file_size=len(first)),
        event(2, "transcript_new", transcript_path=f"/h/.codex/sessions/{other}.jsonl", file_size=len(second)),
    ]
    events[1]["session_id"] = other
    recording = read(record(tmp_path, events, [first, late, second], []))
    assert [session.content for session in recording.sessions.values()] == [first + late, second]


@pytest.mark.usefixtures("stated")
def test_it_runs_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    assert main([str(tmp_path), "-v"]) == 0
    printed = capsys.readouterr().out
    assert "working +0.5, ready +1.0, waiting missed" in printed
    assert "phases not found: question" in printed
    assert "final differs: ours is working (WRONG)" in printed
    assert "= codex: 55.0% of 10 s agree; our reader 4 s, the monitor 0 s (0 s before its first look" in printed
    assert "55.0% of 10 s;" in printed
    assert "final right 0/1" in printed


def test_an_agent_without_a_source_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    monkeypatch.setattr(replay, "source_for", lambda agent: None)
    assert main([str(tmp_path)]) == 0
    assert "codex: 1 recordings skipped" in capsys.readouterr().out


# ---------------------------------------------------------------------------------------------------------------------
# What the monitor had not looked at


@pytest.mark.usefixtures("stated")
def test_disagreement_is_left_out_until_a_delayed_look_finds_our_state(tmp_path: Path) -> None:
    events = [event(1, "line"), monitor(1, "working"), *put_off(4), monitor(6, "ready"), over(9)]
    shares = shares_of(played(tmp_path, events, reported(1, "working"), reported(4, "idle")).sessions)
    assert (shares.agreed, shares.total, shares.left_out) == (6000, 8000, {BEHIND: 2000})
    assert (shares.all, shares.corrected) == (0.75, 1.0)


@pytest.mark.usefixtures("stated")
def test_a_status_that_the_look_does_not_find_is_never_excused(tmp_path: Path) -> None:
    events = [event(1, "line"), monitor(1, "working"), *put_off(4), over(9)]  # it has looked at 6
    outcome = played(tmp_path, events, reported(1, "working"), reported(4, "idle"))
    shares = shares_of(outcome.sessions)
    assert (shares.agreed, shares.total, shares.left_out) == (3000, 8000, {})
    assert outcome.sessions[0].final == ""


@pytest.mark.usefixtures("stated")
def test_a_look_that_was_put_off_for_long_excuses_nothing(tmp_path: Path) -> None:
    writes = [entry for second in range(4, 20) for entry in put_off(second)]
    events = [event(1, "line"), monitor(1, "working"), *writes, monitor(21, "ready"), over(22)]
    lines = [reported(1, "working"), *(reported(second, "idle") for second in range(4, 20))]
    shares = shares_of(played(tmp_path, events, *lines).sessions)
    assert (shares.agreed, shares.total, shares.left_out) == (4000, 21_000, {})


@pytest.mark.usefixtures("stated")
def test_a_status_that_lasts_past_the_look_is_only_excused_until_it(tmp_path: Path) -> None:
    events = [event(1, "line"), monitor(1, "working"), *put_off(4), monitor(6, "ready"), monitor(7, "working"), over(9)]
    shares = shares_of(played(tmp_path, events, reported(1, "working"), reported(4, "idle")).sessions)
    assert (shares.agreed, shares.total, shares.left_out) == (4000, 8000, {BEHIND: 2000})


@pytest.mark.usefixtures("stated")
def test_what_it_takes_for_granted_before_its_first_look_is_left_out(tmp_path: Path) -> None:
    events = [event(1, "found"), monitor(1, "ready", NOT_LOOKED), monitor(31, "working"), over(40)]
    shares = shares_of(played(tmp_path, events, reported(1, "working")).sessions)
    assert (shares.agreed, shares.left_out) == (9000, {UNLOOKED: 30_000})


def test_a_program_that_describes_the_workspace_has_not_been_prompted(tmp_path: Path) -> None:
    times = ["2026-01-01T00:00:01.000Z", "2026-01-01T00:00:11.000Z"]
    name = "session-2026-01-01T00-00-5e551011"
    users = [
        {"id": f"u{at}", "timestamp": at, "type": "user", "content": [{"text": text}]}
        for at, text in zip(times, ("<session_context>\nHere.", "Prune."), strict=True)
    ]
    header = {"sessionId": "5e551011-0000-4000-8000-000000000001", "startTime": times[0], "kind": "main"}
    lines = [json.dumps(entry).encode() + b"\n" for entry in (header | {"$set": {"messages": users[:1]}}, users[1])]
    path = f"/home/someone/.gemini/tmp/orchard/chats/{name}.jsonl"
    events = [
        event(1, "transcript_activity", transcript_path=path, file_size=len(lines[0])),
        monitor(1, "working"),
        event(11, "transcript_activity", transcript_path=path, file_size=len(b"".join(lines))),
        over(15),
    ]
    recording = read(record(tmp_path, [entry | {"session_id": name} for entry in events], lines, [], "gemini-cli"))
    shares = shares_of(replay.play(recording).sessions)
    assert (shares.agreed, shares.total, shares.left_out) == (4000, 14_000, {UNPROMPTED: 10_000})


# ---------------------------------------------------------------------------------------------------------------------
# The end


@pytest.mark.usefixtures("stated")
def test_a_last_write_that_the_monitor_never_looked_at_does_not_make_the_final_state_wrong(tmp_path: Path) -> None:
    events = [event(1, "line"), monitor(1, "working"), *put_off(4), event(5, "process_exited"), over(9)]
    outcome = played(tmp_path, events, reported(1, "working"), reported(4, "idle"))
    assert outcome.sessions[0].final == "unseen"
    assert "(1 unseen, 0 by the scenario)" in summary("codex", [outcome])


@pytest.mark.usefixtures("stated")
def test_the_scenario_decides_about_a_final_state_that_differs(tmp_path: Path) -> None:
    scenario = {"id": "1.1", "acceptance_criteria": "It ends.\n- Final state: `ready`"}
    (tmp_path / "scenarios.json").write_text(json.dumps({"scenarios": [scenario]}))
    events = [event(1, "line"), monitor(1, "working"), event(4, "line"), over(9)]
    outcome = played(tmp_path, events, reported(1, "working"), reported(4, "idle"))
    assert outcome.sessions[0].final == "by the scenario"
    assert shares_of(outcome.sessions).corrected == 3 / 8, "the time is not excused"


@pytest.mark.usefixtures("stated")
def test_what_holds_when_the_recording_ends_lasts(tmp_path: Path) -> None:
    asked: dict[str, object] = {"phase": "asked", "expected_state": "waiting", "relative_to": "start"}
    lasts = asked | {"phase": "lasts", "relative_to": "asked", "duration_at_least_ms": 60_000}
    events = [event(1, "line"), event(4, "line"), monitor(4, "waiting"), over(9)]
    outcome = played(tmp_path, events, reported(1, "working"), reported(4, "waiting"), expected=(asked, lasts))
    assert outcome.phases == [("asked", True), ("lasts", True)]


@pytest.mark.usefixtures("stated")
def test_phases_of_a_session_that_was_not_recorded_are_not_asked_for(tmp_path: Path) -> None:
    turn: dict[str, object] = {"phase": "turn", "expected_state": "working", "relative_to": "start"}
    second = turn | {"phase": "second", "relative_to": "turn", "new_session": True}
    later = turn | {"phase": "later", "relative_to": "second"}
    events = [event(1, "line"), monitor(1, "working"), over(9)]
    outcome = played(tmp_path, events, reported(1, "working"), expected=(turn, second, later))
    assert outcome.phases == [("turn", True)]


# ---------------------------------------------------------------------------------------------------------------------
# Recordings of real agents


@pytest.mark.parametrize("agent", AGENTS)
def test_real_recordings_agree(agent: str) -> None:
    outcomes = [replay.play(read(directory)) for directory in find([SHARED / "replays" / agent])]
    if not outcomes:
        pytest.skip(f"the recordings of {agent} are not beside the repository (../shared/data/replays)")
    counted = [outcome for outcome in outcomes if outcome.counts]
    sessions = [session for outcome in counted for session in outcome.sessions]
    assert shares_of(sessions).corrected >= 0.95, summary(agent, outcomes)
    assert [session.session.id for session in sessions if not session.final] == []
    missing = {name for outcome in counted for name, met in outcome.phases if not met}
    assert missing == (NOT_IN_FILES if agent == "gemini-cli" else set())
    assert all(session.agent_id for outcome in outcomes for session in outcome.sessions)


NOT_IN_FILES = {"bg_alive_working", "turn_end"}
"""Phases of Gemini CLI that end with a process in the background; its chats do not tell when that ends."""
