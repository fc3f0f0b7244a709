"""Runtime files: how clients on this machine find a server, and that only one is started."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from agent_widget import discovery
from agent_widget.discovery import Runtime, find_server, published, runtimes, starting

pytestmark = pytest.mark.usefixtures("own_machine")


def runtime(port: int = 8765, started_at: int = 1, pid: int | None = None) -> Runtime:
    return Runtime(f"ws://127.0.0.1:{port}/ws", "secret", pid or os.getpid(), ["/w"], started_at, "0.1.0")


def put(text: str, name: str = "server-1-1.json", mode: int = 0o600) -> Path:
    directory = discovery.runtime_directory()
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(text)
    path.chmod(mode)
    return path


def encoded(runtime: Runtime) -> str:
    return msgspec.json.encode(runtime).decode()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("192.168.1.2", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert discovery.is_loopback(host) is loopback


def test_a_full_disk_is_told_with_the_file_that_has_no_room() -> None:
    """In a process of its own: the limit of a file's size holds for all that it writes."""
    program = """
import resource, signal, sys
from agent_widget.discovery import Runtime, find_server, published
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
from tests.test_discovery import runtime
try:
    with published(runtime()):
        print("published")
except OSError as error:
    print(error.filename, error.strerror)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    directory = discovery.runtime_directory()
    name, _, reason = done.stdout.strip().partition(" ")
    assert Path(name).parent == directory, done.stderr
    assert reason in {os.strerror(errno.EFBIG), os.strerror(errno.ENOSPC)}
    assert list(directory.iterdir()) == []


def test_a_runtime_file_is_for_its_owner_and_goes_with_the_server() -> None:
    with published(runtime()) as path:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o077 == 0
        assert [found.token for found in runtimes()] == ["secret"]
    assert not path.exists()
    assert list(runtimes()) == []


def test_the_newest_server_comes_first() -> None:
    with published(runtime(1, started_at=1)), published(runtime(3, started_at=3)), published(runtime(2, started_at=2)):
        assert [found.port for found in runtimes()] == [3, 2, 1]


def test_the_file_of_a_server_that_is_gone_is_removed_even_if_its_pid_lives_on() -> None:
    path = put(encoded(runtime(pid=os.getppid())))
    assert list(runtimes()) == []
    assert not path.exists()


def test_what_a_server_was_writing_when_it_was_killed_is_removed() -> None:
    """It has the token; that of a server which is only starting stays."""
    killed, starts = put("{", f"server-{2**22 + 1}-1.new"), put("{", f"server-{os.getpid()}-1.new")
    assert list(runtimes()) == []
    assert (killed.exists(), starts.exists()) == (False, True)
    starts.unlink()


def test_without_locks_the_pid_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "fcntl", None)
    dead = put(encoded(runtime(pid=2**22 + 1)), "server-2-2.json")
    put(encoded(runtime()))
    assert [found.pid for found in runtimes()] == [os.getpid()]
    assert not dead.exists()
    put(encoded(runtime())).unlink()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "\x00\xff",
        '{"url":"ws://127.0.0.1:1/ws"}',
        encoded(runtime()).replace("ws://127.0.0.1:8765/ws", "nonsense"),
        encoded(runtime()).replace(str(os.getpid()), "-1"),
        encoded(runtime()).replace(str(os.getpid()), "0"),
    ],
)
def test_a_garbled_runtime_file_is_ignored(text: str) -> None:
    path = put(text)
    assert list(runtimes()) == []
    path.unlink(missing_ok=True)


def test_a_runtime_file_that_others_could_read_is_not_trusted() -> None:
    with published(runtime()) as path:
        path.chmod(0o644)
        assert list(runtimes()) == []


def test_a_path_need_not_be_utf_8() -> None:
    path = os.fsdecode(b"/srv/b\xff\xe9")
    with published(msgspec.structs.replace(runtime(), paths=[path])):
        found = find_server([path])
        assert found is not None and found.paths == [path]
        assert find_server(["/srv/b??"]) is None


def test_one_odd_entry_does_not_hide_the_others() -> None:
    with published(runtime()):
        (discovery.runtime_directory() / "server-dir.json").mkdir()
        (discovery.runtime_directory() / "server-link.json").symlink_to("nowhere")
        assert len(list(runtimes())) == 1
    (discovery.runtime_directory() / "server-dir.json").rmdir()
    (discovery.runtime_directory() / "server-link.json").unlink()


@pytest.mark.usefixtures("own_machine")
def test_only_one_process_starts_a_server_at_a_time() -> None:
    inside: list[int] = []
    most: list[int] = []

    def start() -> None:
        with starting():
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=start) for _ in range(8)]
    with starting():
        for thread in threads:
            thread.start()
        assert most == []
    for thread in threads:
        thread.join(20)
    assert most == [1] * 8


@pytest.mark.usefixtures("own_machine")
def test_a_start_that_hangs_does_not_keep_others_from_starting() -> None:
    with starting(), starting(patience=0.05):
        pass
