"""The pages for teams: each command is run, with hosts, ssh and a broker of the tests in the place of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import agent_widget as aw
from agent_widget.client.client import Client
from tests.conftest import ROOT
from tests.following.test_following import free_port
from tests.following.test_ssh import Box, box, needs_sshd  # noqa: F401
from tests.support.documents import blocks
from tests.support.nats import nats_server
from tests.support.wire import PATIENCE, write_tasks

pytestmark = [pytest.mark.usefixtures("own_machine"), pytest.mark.slow]


def commands(page: str) -> list[str]:
    """The commands of a page that start servers; whoever takes them names each, so that none is left out."""
    found = [line for block in blocks(ROOT / "docs" / page) if block.language == "sh" for line in block.lines]
    return [line.partition("  #")[0].strip() for line in found if line.startswith("agent-widget serve")]


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    """Runs a command of a page, with other words in the place of some of its own; returns a client of its server."""
    (tmp_path / "here" / "memory").mkdir(parents=True)
    write_tasks(tmp_path / "here" / "memory", "here")
    with contextlib.ExitStack() as stack:

        def run(command: str, *replaced: tuple[str, str], at: Path = tmp_path / "here", more: str = "") -> Client:
            for words, instead in replaced:
                assert words in command, f"{words} is not in {command}"
                command = command.replace(words, instead)
            words = [os.path.expanduser(word) for word in shlex.split(command)[1:]]
            words += ["--ready-json", *more.split()]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            process = subprocess.Popen(
                [sys.executable, "-m", "agent_widget", *words], stdout=subprocess.PIPE, cwd=at, env=environment
            )
            stack.callback(process.communicate, timeout=PATIENCE)
            stack.callback(process.terminate)
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            client = aw.connect(ready["url"], ready["token"])
            stack.callback(client.close)
            return client

        yield run


def shows(client: Client, name: str, title: str = "over there") -> None:
    """Wait until a host's task is there and the host is live."""
    client.wait(lambda client: client.tasks.where(host=name, title=title), 3 * PATIENCE)
    client.wait(lambda client: any((host.name, host.state) == (name, "live") for host in client.hosts), PATIENCE)


@needs_sshd
def test_a_host_over_ssh(box: Box, serving: Callable[..., Client], tmp_path: Path) -> None:  # noqa: F811
    (command,) = (line for line in commands("teams.md") if "ssh://" in line)
    client = serving(command, ("user@gpu-box", f"root@Box{box.memory}?command={box.program}"), more="--port 0")
    client.wait(lambda client: client.tasks.where(title="here"), PATIENCE)
    client.wait(lambda client: len(client.tasks.where(title="over there")) == 1, 3 * PATIENCE)
    client.wait(lambda client: [host.state for host in client.hosts] == ["live"], PATIENCE)


def test_servers_that_follow_servers(serving: Callable[..., Client], tmp_path: Path) -> None:
    host, named, listed = (line for line in commands("teams.md") if "ssh://" not in line)
    port, there = free_port(), tmp_path / "gpu"
    (there / "memory").mkdir(parents=True)
    write_tasks(there / "memory", "over there")
    (token := Path.home() / ".agents-token").write_text("chosen-by-the-team\n")
    token.chmod(0o600)
    serving(host, ("--port 8765", f"--port {port}"), ("10.0.0.7", "127.0.0.1"), at=there, more="memory/")
    place = ("10.0.0.7:8765", f"127.0.0.1:{port}")
    shows(serving(named, place, more="--port 0 memory/"), "gpu")
    page = (ROOT / "docs" / "teams.md").read_text()
    line = re.search(r"such as `(gpu=ws://\S+#TOKEN)`", page)
    assert line is not None
    (hosts := tmp_path / "here" / "hosts.txt").write_text(
        line[1].replace(*place).replace("TOKEN", "chosen-by-the-team")
    )
    hosts.chmod(0o600)
    shows(serving(listed, more="--port 0 --no-archive memory/"), "gpu")


def test_by_way_of_a_broker(serving: Callable[..., Client], tmp_path: Path) -> None:
    publish, follow = commands("nats.md")
    (tmp_path / "broker").mkdir()
    (tmp_path / "gpu" / "memory").mkdir(parents=True)
    write_tasks(tmp_path / "gpu" / "memory", "over there")
    (credentials := Path.home() / ".config" / "agent-widget" / "nats").parent.mkdir(parents=True)
    credentials.write_text("team:secret\n")
    credentials.chmod(0o600)
    with nats_server(tmp_path / "broker", "authorization { user: team, password: secret }") as broker:
        place = ("broker.example.org", f"127.0.0.1:{broker.port}")
        client = serving(
            publish, (place[0], place[1]), ("/lab", "/lab?host=gpu"), at=tmp_path / "gpu", more="--port 0 memory/"
        )
        client.wait(lambda client: client.publishing and client.publishing.state == "live", PATIENCE)
        reader = serving(follow, place, more="--port 0 memory/")
        shows(reader, "gpu")
        page = (ROOT / "docs" / "nats.md").read_text()
        doctor = re.search(r"^(agent-widget doctor)\b", page, re.M)
        assert doctor is not None
        said = subprocess.run(
            [sys.executable, "-m", *doctor[1].replace("-", "_").split(), "memory/"],
            cwd=tmp_path / "here",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        ).stdout
        assert re.search(r"^host +gpu  live since", said, re.M), said
    assert "secret" not in said
