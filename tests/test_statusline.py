"""The status line of Claude Code: what of it is kept, what is printed, and that it never fails."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent_widget import statusline
from agent_widget.statusline import keep, line

NOW = 1_767_268_800_000
SOON = NOW // 1000 + 7200


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "claude"
    (place / "projects" / "-home-ann-shop").mkdir(parents=True)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(place))
    return place


def status(used: Any, resets_at: Any = SOON, window: str = "five_hour", **more: Any) -> dict[str, Any]:
    return {"rate_limits": {window: {"used_percentage": used, "resets_at": resets_at}}, **more}


def kept(home: Path) -> dict[str, Any]:
    windows: dict[str, Any] = json.loads((home / "agent-widget" / "limits.json").read_bytes())["rate_limits"]
    return windows


def run(home: Path, data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "agent_widget", "statusline", *arguments],
        input=data,
        capture_output=True,
        env={**os.environ, "CLAUDE_CONFIG_DIR": str(home)},
        check=False,
    )


def test_limits_are_kept_for_their_owner_alone(home: Path) -> None:
    path = keep(status(23.5, session_id="s", cwd="/secret"), NOW)
    assert path == home / "agent-widget" / "limits.json"
    assert kept(home) == {"five_hour": {"used_percentage": 23.5, "resets_at": SOON, "at": NOW}}
    assert b"secret" not in path.read_bytes()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["limits.json"], "no draft is left"


def test_the_home_is_the_one_that_holds_the_transcript(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "projects" / "p").mkdir(parents=True)
    keep(status(1, transcript_path=str(other / "projects" / "p" / "s.jsonl")), NOW)
    assert kept(other)["five_hour"]["used_percentage"] == 1
    assert not (home / "agent-widget").exists()


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "none"))
    assert keep(status(1), NOW) is None
    assert list(tmp_path.iterdir()) == []


def test_an_idle_session_that_repeats_what_it_heard_changes_nothing(home: Path) -> None:
    keep(status(40), NOW)
    assert keep(status(30), NOW + 1) is None, "of one window the most that was used counts"
    assert keep(status(90, SOON - 18_000), NOW + 2) is None, "a window before this one"
    keep(status(2, SOON + 18_000), NOW + 3)
    assert kept(home)["five_hour"]["used_percentage"] == 2, "the next window"


def test_a_status_without_an_end_is_about_the_window_that_runs(home: Path) -> None:
    keep(status(40), NOW)
    keep(status(45, None), NOW + 1)
    assert kept(home)["five_hour"] == {"used_percentage": 45, "resets_at": SOON, "at": NOW + 1}
    keep(status(3, None), SOON * 1000 + 1)
    assert kept(home)["five_hour"] == {"used_percentage": 3, "resets_at": None, "at": SOON * 1000 + 1}


def test_of_two_accounts_that_change_in_one_home_the_one_heard_last_counts(home: Path) -> None:
    keep(status(90), NOW)
    keep(status(5, SOON - 3600), NOW + 1)
    assert kept(home)["five_hour"]["used_percentage"] == 5


@pytest.mark.parametrize("end", [SOON * 1000, 9e10, 1e300, -5, True, "soon", "2999-01-01T00:00:00Z", [1], {}])
def test_an_end_that_makes_no_sense_keeps_nothing_back(end: Any, home: Path) -> None:
    keep(status(90, end), NOW)
    keep(status(5), NOW + 1)
    assert kept(home)["five_hour"] == {"used_percentage": 5, "resets_at": SOON, "at": NOW + 1}


def test_of_sessions_that_write_at_once_none_takes_back_what_another_one_heard(home: Path) -> None:
    """Each of them says less than the one before of a window, and has one of its own."""
    soon = round(time.time()) + 7200

    def said(n: int) -> bytes:
        windows = {name: {"used_percentage": used, "resets_at": soon} for name, used in (("all", 90 - n), (f"w{n}", n))}
        return json.dumps({"rate_limits": windows}).encode()

    command = [sys.executable, "-m", "agent_widget", "statusline"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(8)]
    for n, process in enumerate(running):
        assert process.stdin is not None
        process.stdin.write(said(n))
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait() for process in running] == [0] * 8
    assert {name: window["used_percentage"] for name, window in kept(home).items()} == {
        "all": 90,
        **{f"w{n}": n for n in range(8)},
    }


def test_what_is_the_same_is_written_once_a_minute(home: Path) -> None:
    written = [keep(status(40), NOW + seconds * 1000) is not None for seconds in (0, 1, 59, 60, 61)]
    assert written == [True, False, False, True, False]


def test_a_window_that_is_not_named_stays(home: Path) -> None:
    keep(status(40), NOW)
    keep(status(7, window="seven_day"), NOW)
    assert kept(home).keys() == {"five_hour", "seven_day"}


def test_what_is_kept_is_bounded(home: Path) -> None:
    windows = {f"w{n}": {"used_percentage": 1, "resets_at": SOON, "text": "x" * 10_000} for n in range(1000)}
    keep({"rate_limits": {**windows, "x" * 5000: {"used_percentage": 1}, "a/b": {}, "c": 7}}, NOW)
    assert len(kept(home)) == statusline.WINDOWS
    assert (home / "agent-widget" / "limits.json").stat().st_size < 4096


@pytest.mark.parametrize("before", [b"", b"{", b"[]", b'{"rate_limits": 3}', b'{"rate_limits": {"five_hour": 3}}'])
def test_a_damaged_file_is_written_anew(before: bytes, home: Path) -> None:
    (home / "agent-widget").mkdir()
    (home / "agent-widget" / "limits.json").write_bytes(before)
    keep(status(40), NOW)
    assert kept(home)["five_hour"]["used_percentage"] == 40


def test_the_line_says_model_context_limits_and_cost() -> None:
    resets_at = time.time() + 3600
    until = time.strftime("%H:%M", time.localtime(resets_at))
    shown = {
        "model": {"display_name": "Opus\x1b[31m 4.8"},
        "context_window": {"used_percentage": 58.2},
        "cost": {"total_cost_usd": 0.426},
        **status(23.6, resets_at),
    }
    assert line(shown) == f"Opus [31m 4.8 · context 58% · 5 h 24% until {until} · $0.43"
    assert line({"rate_limits": {"seven_day": {"used_percentage": 41}}}) == "weekly 41%"
    assert line({}) == ""


@pytest.mark.parametrize(
    "data",
    [b"", b"nonsense", b"[" * 100_000, b"null", b'{"rate_limits": 1, "model": 2, "cost": [], "context_window": ""}'],
)
def test_it_never_fails(data: bytes, home: Path) -> None:
    done = run(home, data)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\n", b"")


def test_it_does_not_fail_where_nothing_can_be_written(home: Path) -> None:
    (home / "agent-widget").write_text("a file in the way")
    done = run(home, json.dumps(status(40)).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"5 h 40%")


def test_a_former_command_is_given_the_same_and_prints_the_line(home: Path) -> None:
    data = json.dumps(status(40)).encode()
    echo = f'"{sys.executable}" -c "import sys; print(len(sys.stdin.read())); sys.exit(3)"'
    done = run(home, data, "--command", echo)
    assert (done.returncode, done.stdout.split()) == (0, [str(len(data)).encode()])
    assert kept(home)["five_hour"]["used_percentage"] == 40


@pytest.mark.parametrize("command", ["exit 7", "nothing-of-this-name", "kill -9 $$"])
@pytest.mark.skipif(os.name != "posix", reason="commands of a POSIX shell")
def test_a_former_command_that_fails_prints_nothing_and_costs_nothing(command: str, home: Path) -> None:
    done = run(home, json.dumps(status(40)).encode(), "--command", command)
    assert (done.returncode, done.stdout) == (0, b"")
    assert kept(home)["five_hour"]["used_percentage"] == 40


@pytest.mark.skipif(os.name != "posix", reason="commands of a POSIX shell")
def test_a_former_command_that_does_not_end_is_ended_with_what_it_started(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statusline, "_PATIENCE", 0.5)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            statusline._output(f"sleep 600 > {pipe} & wait", b"{}")
        assert select.select([reader], [], [], 30)[0], "nobody has the pipe open any more"
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


def test_it_imports_nothing_of_the_package(home: Path) -> None:
    code = (
        "import sys; sys.argv[1:] = ['statusline']; from agent_widget.__main__ import main; main(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"{}", capture_output=True, check=True)
    modules = {name for name in done.stdout.decode().split() if name.startswith(("agent_widget", "msgspec", "asyncio"))}
    assert modules == {"agent_widget", "agent_widget.__main__", "agent_widget.statusline"}
