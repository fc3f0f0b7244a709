"""A host over the user's own ssh: against a real sshd on loopback, with keys and a configuration of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from agent_widget.addresses import FollowError, where
from agent_widget.following import ssh
from agent_widget.following.ssh import SshOrigin
from agent_widget.server.app import Server
from tests.conftest import ROOT
from tests.following.test_following import free_port, host, state
from tests.support.processes import end, lives, started_under
from tests.support.wire import say, until, write_tasks

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"

needs_sshd = pytest.mark.skipif(
    not (os.path.exists(SSHD) and shutil.which("ssh") and hasattr(os, "getuid") and os.getuid() == 0),
    reason="needs sshd and ssh, and root to run it (apt-get install openssh-server)",
)


class Box:
    """A machine that ssh reaches: this one, by way of a daemon of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.memory = directory / "box" / "memory"
        self.memory.mkdir(parents=True)
        write_tasks(self.memory, "over there")
        for name in ("host", "user", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)], check=True)
        self.authorized = directory / "authorized"
        self.authorized.write_text((directory / "user.pub").read_text())
        self.known = directory / "known_hosts"
        self.know_host()
        self.configure("user")
        self.program = directory / "bin" / "agent-widget"
        self.program.parent.mkdir()
        kept = {name: os.environ[name] for name in ("HOME", "JUPYTER_RUNTIME_DIR", "XDG_STATE_HOME")}
        kept["PYTHONPATH"] = str(ROOT)
        exports = "".join(f"export {name}='{value}'\n" for name, value in kept.items())
        self.program.write_text(f"#!/bin/sh\n{exports}exec '{sys.executable}' -m agent_widget \"$@\"\n")
        self.program.chmod(0o755)
        self.daemon: subprocess.Popen[bytes] | None = None
        self.start()

    def know_host(self) -> None:
        key = " ".join((self.directory / "host.pub").read_text().split()[:2])
        self.known.write_text(f"[127.0.0.1]:{self.port} {key}\n")

    def configure(self, key: str, more: str = "") -> None:
        """Let the user's ssh use a key, and this directory alone; ssh takes the home from the user database."""
        config = self.directory / "config"
        config.write_text(
            f"Host Box\n  HostName 127.0.0.1\n  Port {self.port}\nHost *\n  User root\n  IdentitiesOnly yes\n"
            f"  IdentityFile {self.directory / key}\n  UserKnownHostsFile {self.known}\n"
            f"  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n{more}"
        )
        wrapper = self.directory / "user-bin" / "ssh"
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh", path="/usr/bin:/bin")} -F {config} "$@"\n')
        wrapper.chmod(0o755)

    def start(self) -> None:
        """Start the daemon."""
        Path("/run/sshd").mkdir(exist_ok=True)  # what sshd asks for; systemd makes it elsewhere
        config = self.directory / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.directory / 'host'}\nPidFile none\n"
            f"AuthorizedKeysFile {self.authorized}\nStrictModes no\nPermitRootLogin prohibit-password\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        self.daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
        until(self.answers)

    def answers(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End the daemon and its connections."""
        assert self.daemon is not None
        for process in (*psutil.Process(self.daemon.pid).children(recursive=True), psutil.Process(self.daemon.pid)):
            if "agent_widget" not in " ".join(_words(process)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.daemon.wait()

    @property
    def url(self) -> str:
        return f"ssh://Box{self.memory}?command={self.program}"


@pytest.fixture
def box(tmp_path: Path, own_machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    """A machine that ssh reaches."""
    monkeypatch.setattr(ssh, "IDLE_TIMEOUT", 3)
    monkeypatch.setattr(SshOrigin, "back_off", (0.1, 0.5))
    there = Box(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'user-bin'}:{os.environ['PATH']}")
    try:
        yield there
    finally:
        there.stop()
        end(started_under(Path(os.environ["JUPYTER_RUNTIME_DIR"])))


def tunnels() -> list[psutil.Process]:
    """The ssh processes of this process."""
    return [process for process in psutil.Process().children(recursive=True) if lives(process) and _is_ssh(process)]


def _is_ssh(process: psutil.Process) -> bool:
    try:
        return process.name() == "ssh"
    except psutil.Error:  # it has just ended
        return False


def servers() -> list[psutil.Process]:
    """The servers that were started over ssh."""
    found = started_under(Path(os.environ["JUPYTER_RUNTIME_DIR"]))
    return [process for process in found if "serve" in (words := _words(process)) and "--find" not in words]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def problem(hub: Server) -> str:
    """What the hub says of its host."""
    return str(hub.sources.hosts[0].message) if hub.sources.hosts else ""


def workspace(directory: Path) -> Path:
    memory = directory / "hub" / "memory"
    memory.mkdir(parents=True, exist_ok=True)
    write_tasks(memory, "here")
    return memory


@needs_sshd
def test_a_host_over_ssh_is_found_or_started_followed_and_left(box: Box, tmp_path: Path) -> None:
    with host(workspace(tmp_path), "hub", follow=(f"box={box.url}",)) as hub:
        until(lambda: hub.store.get("tasks", "box/task-0"), 30)
        until(lambda: state(hub, "box") == "live")
        say(box.memory, 2)
        until(lambda: hub.store.get("messages", "box/m2"))
        (tunnel,) = tunnels()
        listening = [one for one in tunnel.net_connections() if one.status == psutil.CONN_LISTEN]
        assert not listening, "no port is opened"
        directory = Path(hub.followed._origins[box.url]._directory)  # type: ignore
        assert [file.name for file in directory.iterdir()] == ["server"]
        assert directory.stat().st_mode & 0o077 == 0

        tunnel.kill()  # the network is gone for a moment
        say(box.memory, 3)
        until(lambda: hub.store.get("messages", "box/m3"), 30)

        box.stop()  # and for longer: the server there ends meanwhile
        until(lambda: state(hub, "box") == "gone", 30)
        until(lambda: not servers(), 30)
        until(lambda: "Box is not reachable" in problem(hub))
        say(box.memory, 4)
        box.start()
        until(lambda: hub.store.get("messages", "box/m4"), 30)
        assert len(servers()) == 1, "it was found or started once"
    until(lambda: not tunnels())
    until(lambda: not servers(), 30)


@needs_sshd
@pytest.mark.parametrize("way", ["shared connection", "jump host"])
def test_the_users_own_ways_to_a_host_are_used(box: Box, tmp_path: Path, way: str) -> None:
    """A shared connection goes on when the command that asked it for the forwarding has ended."""
    short = tempfile.mkdtemp(prefix="cm-")  # the path of a socket has at most 108 bytes
    more = f"  ControlMaster auto\n  ControlPath {short}/%C\n  ControlPersist 60\n"
    if way == "jump host":
        jump = f"{shutil.which('ssh', path='/usr/bin:/bin')} -F {box.directory / 'config'} -W %h:%p Jump"
        more = f"Host Jump\n  HostName 127.0.0.1\n  Port {box.port}\nMatch originalhost Box\n  ProxyCommand {jump}\n"
    box.configure("user", more)
    with host(workspace(tmp_path), "hub", follow=(f"box={box.url}",)) as hub:
        until(lambda: hub.store.get("tasks", "box/task-0"), 30)
        for number in (2, 3):
            say(box.memory, number)
            until(lambda: hub.store.get("messages", f"box/m{number}"), 30)  # noqa: B023
            for tunnel in tunnels():
                tunnel.kill()
            until(lambda: state(hub, "box") == "live", 30)
        say(box.memory, 4)
        until(lambda: hub.store.get("messages", "box/m4"), 30)
        for server in servers():
            server.kill()
        say(box.memory, 5)
        until(lambda: hub.store.get("messages", "box/m5"), 30)
        directory = hub.followed._origins[box.url]._directory  # type: ignore
        assert directory in Path("/proc/net/unix").read_text()
    until(lambda: not tunnels())
    assert directory not in Path("/proc/net/unix").read_text(), "nothing is forwarded any more"
    subprocess.run(["ssh", "-O", "exit", "Box"], capture_output=True)
    shutil.rmtree(short)


@needs_sshd
def test_what_is_missing_is_said_in_one_line(box: Box, tmp_path: Path) -> None:
    hub_memory = workspace(tmp_path)

    def said(url: str, words: str) -> None:
        with host(hub_memory, "hub", follow=(url,)) as hub:
            until(lambda: words in problem(hub), 20)
            assert "\n" not in problem(hub)
            assert state(hub, url) == "connecting"

    said(
        "ssh://Box/srv",
        "agent-widget is not installed on Box; install it there: "
        "ssh Box 'python3 -m venv ~/.venv && ~/.venv/bin/pip install agent-widget'",
    )
    said(f"ssh://Box/nowhere?command={box.program}", "no server on Box: /nowhere")
    said(f"ssh://root@127.0.0.1:{free_port()}/", "127.0.0.1 is not reachable (Connection refused)")
    box.configure("other")
    said("ssh://Box/srv", "Box does not let you in without a password")
    box.configure("user")
    box.known.write_text("")
    said("ssh://Box/srv", "the host key of Box is not known yet; connect once by hand: ssh Box")


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=touch%20x/",
        "ssh://user@-x/",
        "ssh://user:secret@box/",
        "ssh://box/?x=1",
        "ftp://box/",
        "box",
        "ws://:0/ws",
        "ws://[::1/ws",
    ],
)
def test_what_is_no_host_is_refused(url: str) -> None:
    with pytest.raises(FollowError):
        where(url)


@pytest.mark.parametrize(
    ("text", "url", "token", "name"),
    [
        ("ws://box:8765/ws#abc", "ws://box:8765/ws", "abc", None),
        ("http://box:8765/#token=abc", "ws://box:8765/ws", "abc", None),
        ("gpu=wss://box/x/ws", "wss://box/x/ws", None, "gpu"),
        ("ssh://me@Gpu-Box:2222/~/work", "ssh://me@Gpu-Box:2222/~/work", None, None),
        ("ws://box:1/ws?a=b#t", "ws://box:1/ws?a=b", "t", None),
    ],
)
def test_how_a_host_is_named(text: str, url: str, token: str | None, name: str | None) -> None:
    found = where(text)
    assert (found.url, found.token, found.name) == (url, token, name)


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("ssh://me@box:2222/x", "ssh -t -p 2222 me@box 'cd /x && claude --resume 1'"),
        ("ssh://Box", "ssh -t Box 'cd /x && claude --resume 1'"),
    ],
)
def test_a_session_over_there_is_resumed_by_ssh(url: str, command: str) -> None:
    origin = SshOrigin(where(url), "hub")
    assert origin.command(url, "cd /x && claude --resume 1") == command
    origin.loop.close()
