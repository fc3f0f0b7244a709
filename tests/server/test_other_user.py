"""What another user of this machine gets: nothing. Runs where the tests may become one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.wire import PATIENCE, until, write_tasks

OTHER: int = 65534

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="becoming another user takes root, on Linux"
)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that everyone may enter, as many are."""
    directory = Path(tempfile.mkdtemp(prefix="agent-widget-home-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def as_other_user(attempt: Callable[[], Any]) -> Any:
    """Return what ``attempt`` returns when another user makes it, or the name of its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(OTHER)
            os.setuid(OTHER)
            result = attempt()
        except BaseException as error:
            result = type(error).__name__
        os.write(writing, json.dumps(result).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def get(port: int, path: str) -> str:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer.decode().split()[1]


def test_another_user_reads_no_file_and_no_token(home: Path) -> None:
    workspace = home / "memory"
    workspace.mkdir()
    write_tasks(workspace, "first")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOME": str(home),
        "BROWSER": "true",
    }
    command = [sys.executable, "-m", "agent_widget", "serve", "--port", "0", "--open", str(workspace)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, umask=0)
    assert process.stdout is not None
    try:
        said = {}
        while "token" not in said:
            name, value = process.stdout.readline().split(maxsplit=1)
            said[name] = value.strip()
        token, port = said["token"], int(said["url"].rpartition(":")[2].partition("/")[0])

        def written() -> list[Path]:
            return [path for path in home.rglob("*") if path.is_file() and not path.is_relative_to(workspace)]

        until(lambda: {".json", ".html"} <= {path.suffix for path in written()} and len(written()) > 2)
        assert any(token in path.read_text("utf-8", "replace") for path in written())
        for path in written():
            if "lock" not in path.name:
                assert as_other_user(path.read_bytes) == "PermissionError", path
        process_files = Path(f"/proc/{process.pid}")
        assert token not in as_other_user((process_files / "cmdline").read_text)
        assert as_other_user((process_files / "environ").read_bytes) == "PermissionError"
        assert get(port, "/healthz") == "200"  # what Python loads for it is loaded now
        assert as_other_user(lambda: get(port, "/metrics")) == "401"
        assert as_other_user(lambda: get(port, "/healthz")) == "200"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
        process.stdout.close()
