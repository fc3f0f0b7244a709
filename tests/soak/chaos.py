"""Rounds of chaos between files, servers and clients; each must end with replicas that equal a fresh snapshot.

In each round the files grow while something goes wrong: the server is killed or stopped, its connections are cut,
reset, delayed or throttled, a second server starts on the same files, or the home is taken away and put back.
"""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from agent_widget.client.client import Client
from agent_widget.ingest.collector import Collector
from tests.soak.kills import differences
from tests.support.proxy import Proxy
from tests.support.wire import contents, write_tasks

PATIENCE = 60.0
"""Seconds after a round within which a replica must be in step."""


@dataclass
class Report:
    """What came of the rounds: what was out of step, seconds until all was in step, and the server's memory then."""

    rounds: list[str] = field(default_factory=list)
    out_of_step: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


class Chaos:
    """A workspace, a server of it, and a client that reaches it through a proxy."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.directory = directory
        self.workspace = directory / "workspace"
        self.workspace.mkdir()
        self.written = 0
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.proxy = Proxy(port)
        self._command = [sys.executable, "-m", "agent_widget", "serve", str(self.workspace), "--port", str(port)]
        self._command += ["--token", self.token, "--archive", str(directory / "archive.sqlite3")]
        self._command += ["--allow-host", f"127.0.0.1:{self.proxy.port}"]
        self.write()
        self.server = self._started()
        self.client = Client(f"ws://127.0.0.1:{self.proxy.port}/ws", self.token)

    def close(self) -> None:
        """End all that was started."""
        self.client.close()
        self.server.send_signal(signal.SIGCONT)
        self.server.kill()
        self.server.wait()
        self.proxy.close()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write(self) -> None:
        """Let the agents write: lines, and sometimes another task list."""
        with (self.workspace / "message-bus.jsonl").open("a") as file:
            for _ in range(self.dice.randrange(1, 200)):
                self.written += 1
                line = {"message_id": f"m{self.written}", "from_agent": f"agent-{self.written % 5}", "type": "direct"}
                line |= {"timestamp": 1_767_225_600 + self.written, "payload": {"text": "x" * self.dice.randrange(500)}}
                file.write(json.dumps(line) + "\n")
        if self.dice.random() < 0.3:
            write_tasks(self.workspace, *(f"task {self.written} {n}" for n in range(self.dice.randrange(5))))

    def some(self, longest: float) -> float:
        """A random length of time."""
        return self.dice.random() * longest

    # what goes wrong

    def kill(self) -> None:
        self.server.kill()
        self.server.wait()
        self.write()
        self.server = self._started()
        if self.dice.random() < 0.3:  # again, while it starts
            time.sleep(self.some(1))
            self.server.kill()
            self.server.wait()
            self.server = self._started()

    def stop(self) -> None:
        self.server.send_signal(signal.SIGSTOP)
        self.write()
        time.sleep(self.some(2))
        self.server.send_signal(signal.SIGCONT)

    def cut(self) -> None:
        self.write()
        self.proxy.cut()

    def reset(self) -> None:
        self.write()
        self.proxy.cut(reset=True)

    def delay(self) -> None:
        self.proxy.delay = self.some(0.3)
        self.write()
        time.sleep(self.some(1))

    def throttle(self) -> None:
        self.proxy.rate = self.dice.randrange(20_000, 200_000)
        self.write()
        time.sleep(self.some(1))
        if self.dice.random() < 0.5:
            self.proxy.cut(reset=True)

    def home_away(self) -> None:
        away = self.workspace.with_name("away")
        self.workspace.rename(away)
        time.sleep(self.some(2))
        away.rename(self.workspace)
        self.write()

    def two_servers(self) -> None:
        other = subprocess.Popen(
            [sys.executable, "-m", "agent_widget", "serve", str(self.workspace), "--port", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.write()
        time.sleep(self.some(2))
        other.terminate()
        other.wait()

    # what must hold

    def in_step(self) -> list[str]:
        """Wait until the replica equals a fresh snapshot; what still differs when patience ends."""
        self.proxy.heal()
        collector = Collector([self.workspace])
        collector.scan()
        expected = contents(collector.store)
        deadline = time.monotonic() + PATIENCE
        while found := differences(contents(self.client._link.store), expected):
            if time.monotonic() > deadline:
                return found
            time.sleep(0.05)
        return []


WAYS: dict[str, Callable[[Chaos], None]] = {
    way.__name__: way
    for way in (
        *(Chaos.kill, Chaos.stop, Chaos.cut, Chaos.reset, Chaos.delay, Chaos.throttle),
        *(Chaos.home_away, Chaos.two_servers),
    )
}


def run(directory: Path, seed: int, *, rounds: int | None = None, seconds: float = 0.0) -> Report:
    """Play so many rounds, or for so long; each way of going wrong comes once before any comes again."""
    report, chaos = Report(), Chaos(directory, seed)
    until, bag = time.monotonic() + seconds, list[str]()
    try:
        if chaos.in_step():
            raise RuntimeError("the client has not come in step before anything went wrong")
        while len(report.rounds) < rounds if rounds is not None else time.monotonic() < until:
            if not bag:
                bag = chaos.dice.sample(sorted(WAYS), len(WAYS))
            way = bag.pop()
            WAYS[way](chaos)
            begun = time.monotonic()
            found = chaos.in_step()
            report.rounds.append(way)
            report.seconds.append(time.monotonic() - begun)
            with contextlib.suppress(psutil.Error):
                report.megabytes.append(psutil.Process(chaos.server.pid).memory_info().rss / 1e6)
            report.out_of_step += [f"round {len(report.rounds)}, {way}: {line}" for line in found[:3]]
    finally:
        chaos.close()
    return report
