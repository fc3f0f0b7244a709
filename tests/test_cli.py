"""The command line: what it prints, its exit status, and one line for what a user can cause."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_socket

from agent_widget import cli, discovery
from agent_widget.data.table import StoredTable
from agent_widget.notebook import api
from agent_widget.tables import TABLES
from tests.support.wire import hosted, message_line, say, until

pytestmark = pytest.mark.usefixtures("own_machine")

COMMAND = [sys.executable, "-m", "agent_widget"]


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=30, **options)


@contextlib.contextmanager
def running(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A command and the lines it has printed so far; it has ended afterwards."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))  # type: ignore[union-attr]
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join()
        for stream in (process.stdout, process.stderr):
            stream.close()  # type: ignore[union-attr]


def failure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line on stderr of a command that fails."""
    assert cli.main(list(map(str, arguments))) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("agent-widget: ")
    assert said.err.count("\n") == 1
    return said.err


def misuse(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The last line on stderr of a command that was used badly."""
    with pytest.raises(SystemExit) as caught:
        cli.main(list(map(str, arguments)))
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()[-1]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert cli.main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


# What a user can cause


@pytest.mark.parametrize("command", ["serve", "snapshot", "tail", "doctor"])
def test_an_unreadable_path_is_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").write_text("x")
    assert "no such directory" in failure(capsys, command, tmp_path / "nothing")
    assert "not a directory" in failure(capsys, command, tmp_path / "file")
    assert "empty path" in failure(capsys, command, "")


def test_a_directory_without_permission_is_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", denied)
    assert "Permission denied" in failure(capsys, "snapshot", tmp_path)


def test_an_empty_directory_has_nothing_to_show(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "no agent has left a file" in failure(capsys, "snapshot", tmp_path)


def test_a_machine_without_agents_has_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no agent has left a file" in failure(capsys, "snapshot")


def test_a_port_in_use_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} is in use" in failure(capsys, "serve", "--port", port, workspace)


def test_serving_everybody_without_a_token_is_refused(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    assert "without a token" in failure(capsys, "serve", "--host", "0.0.0.0", "--no-token", workspace)


def test_a_url_without_a_server_is_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = api.connect
    monkeypatch.setattr(api, "connect", lambda url, token: connect(url, token, timeout=0.3))
    assert "nothing listens there" in failure(capsys, "tail", "--url", "ws://127.0.0.1:1/ws")
    assert "such as ws://" in failure(capsys, "tail", "--url", "http://127.0.0.1:1")


def test_a_demo_that_cannot_write_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "file" in failure(capsys, "demo", "--no-open", tmp_path / "file")
    assert "file" in failure(capsys, "demo", "--no-open", tmp_path / "file" / "below")


def test_a_missing_extra_is_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "needs pyarrow" in failure(capsys, "snapshot", "--format", "parquet", "--table", "tasks", workspace)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required"),
        (["dance"], "invalid choice"),
        (["snapshot", "--table", "nope"], "invalid choice: 'nope'"),
        (["tail", "--table", "nope"], "invalid choice: 'nope'"),
        (["snapshot", "--format", "xml"], "invalid choice"),
        (["snapshot", "--format", "parquet"], "choose it with --table"),
        (["snapshot", "--format", "csv"], "choose it with --table"),
        (["serve", "--port", "70000"], "0 to 65535, not 70000"),
        (["serve", "--port", "http"], "0 to 65535, not http"),
        (["serve", "--token", "a", "--no-token"], "not allowed with"),
        (["demo", "--agents", "0"], "1 to 200"),
        (["demo", "--rate", "0"], "above 0"),
        (["demo", "--rate", "nan"], "above 0"),
    ],
)
def test_bad_usage_is_status_2(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert words in misuse(capsys, *arguments)


def test_no_traceback_reaches_the_user(tmp_path: Path) -> None:
    done = run("snapshot", tmp_path / "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(workspace: Path) -> None:
    with (workspace / "message-bus.jsonl").open("a") as file:
        file.writelines(message_line(number, "x" * 400) for number in range(2, 1000))
    for arguments in ("snapshot", "snapshot --table tasks", "servers", "doctor"):
        words = arguments.split()
        command = " ".join([*COMMAND, *words, *([] if words == ["servers"] else [str(workspace)])])
        script = f"{command} | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
        assert (done.stdout, done.stderr) == ("0\n", "")


# snapshot


def test_snapshot_is_every_table_as_json(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    tables = json.loads(printed(capsys, "snapshot", workspace))
    assert list(tables) == list(TABLES)
    assert [task["title"] for task in tables["tasks"]] == ["first", "second"]
    assert list(tables["tasks"][0]) == [column.name for column in TABLES["tasks"].columns]


def test_snapshot_of_one_table(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    tables = json.loads(printed(capsys, "snapshot", "--table", "messages", workspace))
    assert list(tables) == ["messages"]
    assert tables["messages"][0]["id"] == "m1"


def test_snapshot_as_csv_starts_no_formula(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    for number, text in enumerate(["=1+1", " +1", "-1", "@x", "\t=1", "\u200b", "＝1", "fine, really", "1-1"]):
        say(workspace, number + 10, text)
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "snapshot", "--table=messages", "--format=csv", workspace))))
    assert list(rows[0]) == [column.name for column in TABLES["messages"].columns]
    texts = {row["text"] for row in rows}
    assert {"'=1+1", "'-1", "'@x", "'＝1", "fine, really", "1-1"} <= texts
    assert not any(text.lstrip()[:1] in tuple("=+-@＝") for text in texts)


def test_snapshot_as_parquet(workspace: Path, tmp_path: Path) -> None:
    with (tmp_path / "tasks.parquet").open("wb") as file:
        command = [*COMMAND, "snapshot", "--table", "tasks", "--format", "parquet", str(workspace)]
        subprocess.run(command, stdout=file, check=True, timeout=30)
    table = pyarrow.parquet.read_table(tmp_path / "tasks.parquet")
    assert table.column("title").to_pylist() == ["first", "second"]
    assert table.column_names == StoredTable(None, "tasks").columns  # type: ignore[arg-type]


# serve, servers, doctor


@pytest.mark.slow
def test_serve_prints_where_it_is(workspace: Path) -> None:
    with running("serve", "--port", "0", "--token", "my-token", workspace) as (process, lines):
        until(lambda: len(lines) == 4)
        said = dict(line.split(maxsplit=1) for line in lines)
        assert said["watching"].strip() == str(workspace)
        assert said["token"].strip() == "my-token"
        assert said["page"].strip().endswith("/#token=my-token")
        assert said["url"].startswith("ws://127.0.0.1:")
        assert said["url"].strip() in run("servers").stdout
        assert said["url"].strip() in run("doctor", workspace).stdout
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--no-archive",)])
def test_doctor_says_how_much_memory_a_server_takes_and_whether_it_grows(
    workspace: Path, options: tuple[str, ...]
) -> None:
    with running("serve", "--port", "0", *options, workspace) as (process, lines):
        until(lambda: len(lines) == 4)
        said = [line for line in run("doctor", workspace).stdout.splitlines() if line.startswith("memory")]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    (line,) = said
    assert ("growing with the history" in line and "started with --no-archive" in line) == bool(options)
    assert (" MB" in line) == (sys.platform == "linux")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_token_is_in_no_command_line(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\nprintf '%s' \"$*\" > {tmp_path}/argument\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    token_file = tmp_path / "token"
    token_file.write_text("a-token-from-a-file\n")
    token_file.chmod(0o600)
    with running("serve", "--port", "0", "--token-file", token_file, "--open", workspace) as (process, lines):
        until(lambda: len(lines) == 4 and (tmp_path / "argument").exists())
        assert any(line.split() == ["token", "a-token-from-a-file"] for line in lines)
        argument = until((tmp_path / "argument").read_text)
        assert argument.startswith("file://")
        assert "a-token" not in argument + Path(f"/proc/{process.pid}/cmdline").read_text()
        page = Path(argument.removeprefix("file://"))
        assert page.stat().st_mode & 0o777 == 0o600
        assert "#token=a-token-from-a-file" in page.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not page.exists()
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.skipif(os.name != "posix", reason="a process is begun anew in its place")
@pytest.mark.parametrize("form", [["--token", "a-token-of-mine"], ["--token=a-token-of-mine"]])
def test_a_token_that_was_given_in_the_command_line_does_not_stay_there(workspace: Path, form: list[str]) -> None:
    with running("serve", "--port", "0", *form, workspace) as (process, lines):
        until(lambda: len(lines) == 4)
        assert any(line.split() == ["token", "a-token-of-mine"] for line in lines)
        words = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert "a-token" not in words
        assert str(workspace) in words
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_words_behind_two_dashes_and_wrong_options_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_WIDGET_TOKEN", "of before")
    for words in (
        ["serve", "--", "--token", "x"],
        ["serve", "--token"],
        ["serve", "--token", "x", "--no-token"],
        ["serve", "--token=x", "--token-file", "y"],
        ["serve", "--token", "x", "--token", "y"],
        ["task", "create", "--token", "x", "title"],
    ):
        assert cli._without_token(["python", *words]) == ["python", *words]
    assert os.environ["AGENT_WIDGET_TOKEN"] == "of before"


def chosen(monkeypatch: pytest.MonkeyPatch, *arguments: str, variable: str | None = None) -> str | None:
    """The token that ``serve`` takes."""
    if variable is None:
        monkeypatch.delenv("AGENT_WIDGET_TOKEN", raising=False)
    else:
        monkeypatch.setenv("AGENT_WIDGET_TOKEN", variable)
    return cli._token(cli._parser().parse_args(["serve", *arguments]))


def test_a_token_comes_from_the_option_the_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text("from the file".replace(" ", "-") + "\n")
    file.chmod(0o600)
    assert chosen(monkeypatch) is None
    assert chosen(monkeypatch, variable="") is None
    assert chosen(monkeypatch, variable="from-the-environment") == "from-the-environment"
    assert chosen(monkeypatch, "--token-file", str(file), variable="from-the-environment") == "from-the-file"
    assert chosen(monkeypatch, "--token", "given", variable="from-the-environment") == "given"
    assert capsys.readouterr().err == ""
    file.chmod(0o644)
    chosen(monkeypatch, "--token-file", str(file))
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "two words", None])
def test_a_token_file_without_a_token_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], workspace: Path, content: str | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    assert cli.main(["serve", "--port", "0", "--token-file", str(file), str(workspace)]) == 1
    assert str(file) in capsys.readouterr().err.strip()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands put what is temporary."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_signal_ends_a_server_with_its_clients_and_nothing_is_left(
    workspace: Path, temporary: Path, command: str, number: signal.Signals
) -> None:
    arguments = {"serve": ["--port", "0", workspace], "demo": ["--no-open"]}[command]
    with running(command, *arguments) as (process, lines):
        until(lambda: lines and lines[-1].startswith("token"))
        said = {name: value.strip() for name, value in (line.split(maxsplit=1) for line in lines)}
        with contextlib.closing(api.connect(said["url"], said["token"])):
            process.send_signal(number)
            process.send_signal(number)  # impatience changes nothing
            assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert list(discovery.runtime_directory().glob("server-*")) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
def test_at_the_end_clients_get_1001_and_the_archive_is_closed(workspace: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive.sqlite3"
    with running("serve", "--port", "0", "--archive", archive, workspace) as (process, lines):
        until(lambda: len(lines) == 4)
        said = {name: value.strip() for name, value in (line.split(maxsplit=1) for line in lines)}
        with open_socket(said["url"], proxy=None) as client:
            client.send(json.dumps({"type": "hello", "protocol": 1, "token": said["token"], "since": None}))
            client.recv()
            process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                while True:
                    client.recv(timeout=10)
            assert client.protocol.close_code == 1001
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert not Path(f"{archive}-wal").exists()
    with contextlib.closing(sqlite3.connect(archive)) as database:
        assert database.execute("SELECT value FROM meta WHERE name = 'clean'").fetchone() == (b"1",)
        assert database.execute("SELECT count(*) FROM undo").fetchone() == (0,)


@pytest.mark.parametrize("host", ["http://", "a b", "*", "hub.example.org/user", "hub:port", "[::1", "-"])
def test_a_host_that_is_no_name_is_bad_usage(capsys: pytest.CaptureFixture[str], host: str) -> None:
    assert "a host is a name" in misuse(capsys, "serve", "--allow-host", host)


@pytest.mark.slow
def test_a_demo_that_is_ended_while_it_prepares_leaves_nothing(temporary: Path) -> None:
    with running("demo", "--no-open", "--agents", "200") as (process, lines):
        until(lambda: list(temporary.glob("agent-widget-demo-*/memory/*")))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 1
        assert lines == []
    assert list(temporary.iterdir()) == []


def test_a_snapshot_of_nothing_names_the_link_that_was_not_followed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, own_machine: Path
) -> None:
    link = own_machine / "claude_config_dir" / "projects"
    link.symlink_to(tmp_path)
    assert cli.main(["snapshot"]) == 1
    refused, nothing = capsys.readouterr().err.splitlines()
    assert refused == f"agent-widget: {link}: leads out of the watched directory: {tmp_path}"
    assert "no agent has left a file" in nothing


def test_servers_reports_that_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no server runs" in printed(capsys, "servers")


def test_doctor_lists_what_is_found(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    (workspace / "sessions.jsonl").write_text("not json\n")
    said = printed(capsys, "doctor", workspace)
    assert f"found       workspace  {workspace}" in said
    assert "readable    3 files" in said
    assert "skipped     1 lines" in said
    assert "rows              2  tasks" in said
    assert "none watches this" in said


def test_doctor_does_not_call_any_directory_a_workspace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    said = printed(capsys, "doctor", tmp_path)
    assert f"found       nothing that an agent leaves in {tmp_path}" in said and "workspace" not in said


def test_doctor_lists_where_it_looked_on_a_machine_without_agents(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, "doctor")
    assert "not there   codex  " in said and "found       codex" not in said


def test_doctor_names_files_among_the_conversations_that_are_not_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    below = tmp_path / "projects/-work/aaaaaaaa-0000-4000-8000-000000000001"
    below.mkdir(parents=True)
    for name in ("odd.jsonl", "journal.jsonl"):
        (below / name).write_text("{}\n")
    (tmp_path / "projects/-work/aaaaaaaa-0000-4000-8000-000000000001.jsonl").write_text("{}\n")
    said = printed(capsys, "doctor", tmp_path)
    assert f"not read    1 .jsonl files of other names: {below.relative_to(tmp_path)}/odd.jsonl\n" in said


def test_doctor_shows_a_directory_whose_name_has_a_secret(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = tmp_path / "ghp_Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zQw7e"
    (home / "projects/-work/one").mkdir(parents=True)
    for name in ("one.jsonl", "one/odd.jsonl"):
        (home / "projects/-work" / name).write_text("{}\n")
    said = printed(capsys, "doctor", home)
    assert "[masked: GitHub token]" in said
    assert "not read    1 .jsonl files of other names: projects/-work/one/odd.jsonl\n" in said


def test_doctor_counts_what_a_newer_version_of_a_format_writes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    transcript = tmp_path / "projects" / "p" / "5a6c0f5e-0000-4000-8000-000000000000.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text('{"type":"brand-new","timestamp":"2026-01-01T10:00:00.000Z"}\n' * 2)
    assert "unknown           1  brand-new" in printed(capsys, "doctor", tmp_path)


# tail and demo


@pytest.mark.slow
def test_tail_prints_each_change_while_a_file_grows(workspace: Path) -> None:
    with running("tail", "--json", "--table", "messages", workspace) as (process, lines):
        until(lambda: list(discovery.runtime_directory().glob("server-*.json")))
        number = 1
        while not lines:  # it says nothing when it begins to listen
            number += 1
            say(workspace, number)
            with contextlib.suppress(AssertionError):
                until(lambda: lines, 0.2)
        say(workspace, 1000, "the last")
        until(lambda: any("the last" in line for line in lines))
        changes = [json.loads(line) for line in lines]
        assert all(set(change) == {"table", "op", "row"} for change in changes)
        assert (changes[-1]["table"], changes[-1]["op"], changes[-1]["row"]["id"]) == ("messages", "upsert", "m1000")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_tail_prints_removed_rows_and_no_control_sequences() -> None:
    assert json.loads(cli._json_line("tasks", "t", None)) == {"table": "tasks", "op": "gone", "row": {"id": "t"}}
    assert cli._text_line("tasks", "t", None).split() == ["tasks", "gone", "t"]
    assert "\x1b" not in cli._text_line("logs", "\x1b[2J", {"text": "\x1b]52;c;x\x07 \u202e"})  # type: ignore[arg-type]
    assert "\x1b" not in cli._text_line("logs", "\x1b[2J", None)


@pytest.mark.slow
def test_tail_of_a_server_that_goes_away_for_good_fails(workspace: Path) -> None:
    with hosted(workspace, token="old") as server:
        url, port = server.url, server.port
        stack = contextlib.ExitStack()
        process, _ = stack.enter_context(running("tail", "--url", url, "--token", "old"))
        until(lambda: server.connections)
    with stack, hosted(workspace, port=port, token="new"):
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert "wrong token" in process.stderr.read()


@pytest.mark.slow
def test_the_demo_runs_and_ends(tmp_path: Path) -> None:
    done = run("demo", "--seconds", "3", "--no-open", "--agents", "3", tmp_path / "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "page      http://127.0.0.1:" in done.stdout
    assert f"notebook  aw.watch('{tmp_path}/demo', '{tmp_path}/demo/claude', '{tmp_path}/demo/codex')\n" in done.stdout
    assert f"watching  {tmp_path}/demo, {tmp_path}/demo/claude, {tmp_path}/demo/codex\n" in done.stdout
    assert json.loads(run("snapshot", tmp_path / "demo").stdout)["tasks"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_programs_read_is_utf_8_whatever_the_terminal_speaks(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    (workspace / "tasks.json").write_text('{"tasks": [{"id": "t", "title": "naïve 🎯", "status": "pending"}]}')
    for words in (["--format", "json"], ["--format", "csv"]):
        out = io.TextIOWrapper(io.BytesIO(), encoding)
        monkeypatch.setattr(sys, "stdout", out)
        assert cli.main(["snapshot", str(workspace), "--table", "tasks", *words]) == 0
        assert "naïve 🎯" in out.buffer.getvalue().decode()  # type: ignore[attr-defined]


def test_a_terminal_without_a_character_gets_its_number(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "tasks.json").write_text('{"tasks": [{"id": "t", "title": "naïve 🎯", "status": "pending"}]}')
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with hosted(workspace):
        assert cli.main(["task", "list"]) == 0
    out.flush()
    assert rb"na\xefve \U0001f3af" in out.buffer.getvalue()  # type: ignore[attr-defined]


def test_paths_may_stand_on_both_sides_of_an_option(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other := tmp_path / "other").mkdir()
    (other / "tasks.json").write_text('{"tasks": [{"id": "task-9", "title": "ninth", "status": "pending"}]}')
    rows = json.loads(printed(capsys, "snapshot", workspace, "--table", "tasks", other))["tasks"]
    assert {row["title"] for row in rows} == {"first", "second", "ninth"}


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["serve", "--prot", "5"], "serve"),
        (["task", "list", "memory/"], "task list"),
        (["tail", "--jsn", "memory/"], "tail"),
    ],
)
def test_what_a_command_does_not_take_is_said_with_its_own_usage(
    capsys: pytest.CaptureFixture[str], words: list[str], command: str
) -> None:
    assert misuse(capsys, *words).startswith(f"agent-widget {command}: error: unrecognized arguments")


# task and message


def test_tasks_and_messages_are_changed_through_a_server(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hosted(workspace, allow_writes=True):
        id = printed(capsys, "task", "create", "third", "--priority", "high", "--tag", "a", "--tag", "b").split()[0]
        assert printed(capsys, "task", "list").splitlines() == [
            "task-0  pending  first",
            "task-1  pending  second",
            f"{id}  pending  high  third",
        ]
        update = ["task", "update", id, "--status", "in_progress", "--owner", "agent-1", "--notes", "begun", "--json"]
        row = json.loads(printed(capsys, *update))
        assert (row["status"], row["owner"], row["tags"]) == ("in_progress", "agent-1", ["a", "b"])
        assert json.loads(printed(capsys, "task", "update", id, "--no-owner", "--json"))["owner"] is None
        assert "cancelled" in printed(capsys, "task", "cancel", "task-0", "--reason", "not needed")
        assert printed(capsys, "task", "list", "--status", "cancelled").split()[0] == "task-0"
        sent = printed(capsys, "message", "send", "agent-1", "which budget?", "--task", id).split()[0]
        assert printed(capsys, "message", "read", sent).startswith(sent)
        assert cli.main(["message", "send", "plannr", "which budget?"]) == 0
        assert "no agent plannr is known" in capsys.readouterr().err
        unread = printed(capsys, "message", "list", "--unread").splitlines()
        assert unread[0].split()[0] == "m1"
        assert "no task nobody" in failure(capsys, "task", "cancel", "nobody")
        assert "priority" in failure(capsys, "task", "update", id, "--priority", "urgent")
        assert "nothing to change" in failure(capsys, "task", "update", id)
        said = printed(capsys, "doctor", workspace)
        assert "task.update" in said
        assert "writes.jsonl" in said


def test_where_nothing_can_be_changed_it_says_what_to_start(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "agent-widget serve --allow-writes" in failure(capsys, "task", "create", "x")
    with hosted(workspace) as server:
        assert "takes no changes" in failure(capsys, "task", "create", "x")
        assert "--allow-writes" in failure(capsys, "task", "create", "x", "--url", server.url)
        assert printed(capsys, "task", "list").splitlines()[0].startswith("task-0")


def test_of_several_servers_the_one_with_the_row_is_asked_and_a_new_row_needs_a_place(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other := tmp_path / "other").mkdir()
    (other / "tasks.json").write_text('{"tasks": [{"id": "task-9", "title": "ninth", "status": "pending"}]}')
    with hosted(workspace, allow_writes=True), hosted(other, allow_writes=True):
        listed = printed(capsys, "task", "list")
        assert {line.split()[0] for line in listed.splitlines()} == {"task-0", "task-1", "task-9"}
        for id in ("task-0", "task-9"):
            assert printed(capsys, "task", "cancel", id).startswith(id)
        said = failure(capsys, "task", "create", "x")
        assert str(workspace) in said and str(other) in said and "--root" in said
        printed(capsys, "task", "create", "tenth", "--root", str(other))
    assert "tenth" in (other / "tasks.json").read_text()


@pytest.mark.parametrize(
    "words",
    [["task"], ["task", "update", "id", "--status", "finished"], ["message", "send", "agent-1"], ["task", "create"]],
)
def test_a_change_that_is_none_is_bad_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert "error" in misuse(capsys, *words)
