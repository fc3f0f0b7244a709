"""The replay tool: a recording written by hand, in which one thing is seen late and one not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import pytest
from replays import replay
from replays.__main__ import main

from agent_widget.sources.base import Evidence, Item, Reader, Record, Source, parse_object

SESSION = "rollout-2026-01-01T00-00-00-0199aaaa-0000-7000-8000-00000000000a"
ID = SESSION[-36:]


class Told(Source):
    """Lines that say the status outright."""

    name = "told"

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        return [home / ".codex"]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        return directory.name == ".codex"

    def reader(self, path: PurePosixPath) -> Reader | None:
        return Reader("lines", self.read) if path.suffix == ".jsonl" else None

    def read(self, line: bytes) -> Iterator[Item]:
        entry = parse_object(line)
        yield Record("agents", entry["id"], {"last_seen_at": entry["at"]})
        yield Evidence(entry["id"], entry["at"], entry["status"], "it says so")


def event(second: float, kind: str, **more: object) -> dict[str, object]:
    return {"ts": f"2026-01-01T00:00:{second:06.3f}+00:00", "kind": kind, "session_id": SESSION, **more}


def said(second: float, status: str) -> bytes:
    at = 1767225600000 + round(second * 1000)
    return json.dumps({"id": ID, "at": at, "status": status}).encode() + b"\n"


def record(
    directory: Path, events: list[dict[str, object]], lines: list[bytes], expected: list[dict[str, object]]
) -> Path:
    here = directory / "codex" / "scenarios" / "1-1_case" / "recordings" / "2026-01-01-00-00-00_x"
    here.mkdir(parents=True)
    (here / "events.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in events))
    (here / "transcript.jsonl").write_bytes(b"".join(lines))
    (here.parents[1] / "expected.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in expected))
    return here


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "source_for", lambda agent: Told)


def made(directory: Path, *more: dict[str, object]) -> Path:
    lines = [said(1, "working"), said(4, "idle"), said(6, "working")]
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


def test_the_file_grows_as_recorded_and_the_time_in_agreement_is_measured(tmp_path: Path) -> None:
    outcome = replay.play(replay.read(made(tmp_path)))
    (session,) = outcome.sessions
    assert [(change.at - 1767225600000, change.state) for change in session.ours] == [
        (1000, "ready"),
        (1500, "working"),  # half a line says nothing
        (6000, "ready"),
        (11000, "working"),
    ]
    assert outcome.share()[:2] == (3500 + 2000, 10_000)
    assert session.delays == [("working", 500), ("ready", 1000), ("waiting", "missed")]
    assert not session.final
    assert outcome.phases == [("turn", True), ("end", True), ("question", False)]
    assert outcome.recording.processes == 1 and outcome.counts


def test_what_a_hook_told_the_monitor_counts_for_nothing(tmp_path: Path) -> None:
    outcome = replay.play(replay.read(made(tmp_path, event(11, "hook_received"))))
    assert not outcome.counts
    assert "of 0 s agree" in replay.summary("codex", [outcome])


def test_the_files_of_two_sessions_lie_behind_each_other(tmp_path: Path) -> None:
    other = SESSION[:-1] + "b"
    first, second = said(1, "working"), said(2, "idle").replace(ID.encode(), other[-36:].encode())
    late = said(3, "idle")  # after the monitor had looked for the last time
    events = [
        event(1, "transcript_new", transcript_path=f"/h/.codex/sessions/{SESSION}.jsonl", file_size=len(first)),
        event(2, "transcript_new", transcript_path=f"/h/.codex/sessions/{other}.jsonl", file_size=len(second)),
    ]
    events[1]["session_id"] = other
    recording = replay.read(record(tmp_path, events, [first, late, second], []))
    assert [session.content for session in recording.sessions.values()] == [first + late, second]


def test_it_runs_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(tmp_path)
    assert main([str(tmp_path), "-v"]) == 0
    printed = capsys.readouterr().out
    assert "working +0.5, ready +1.0, waiting missed" in printed
    assert "phases not found: question" in printed
    assert "= codex: 55.0% of 10 s agree, 55.0% of the 10 s" in printed and "final right 0/1" in printed


def test_an_agent_without_a_source_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)
    monkeypatch.setattr(replay, "source_for", lambda agent: None)
    assert main([str(tmp_path)]) == 0
    assert "codex: 1 recordings skipped" in capsys.readouterr().out
