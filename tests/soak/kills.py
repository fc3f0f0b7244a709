"""Kill a server process at random moments while files grow; a client that follows must end with what the files say."""

from __future__ import annotations

import json
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_widget.client.client import Client
from agent_widget.ingest.collector import Collector
from tests.support.wire import contents, write_tasks

COMPARED = ("messages", "tasks", "sessions", "tool_calls", "logs")
"""Tables whose rows follow from the files alone, not from the clock."""


@dataclass
class Outcome:
    """What came of it. ``repeated``: messages that the client was notified of more than once."""

    kills: int
    rows: int
    differences: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


class Writer(threading.Thread):
    """Appends messages and rewrites the task list, until it is stopped."""

    def __init__(self, workspace: Path, seed: int) -> None:
        super().__init__(name="writer", daemon=True)
        self.workspace = workspace
        self.stopping = threading.Event()
        self.written = 0
        self._dice = random.Random(seed)

    def run(self) -> None:
        with (self.workspace / "message-bus.jsonl").open("a", buffering=1) as file:
            while not self.stopping.wait(self._dice.random() * 0.02):
                for _ in range(self._dice.randrange(1, 20)):
                    self.written += 1
                    payload = {"text": f"message {self.written}"}
                    line = {
                        "message_id": f"m{self.written}",
                        "from_agent": f"agent-{self.written % 5}",
                        "timestamp": 1_767_225_600 + self.written,
                        "type": "direct",
                        "payload": payload,
                    }
                    file.write(json.dumps(line) + "\n")
                if self._dice.random() < 0.1:
                    write_tasks(self.workspace, *(f"task {self.written} {n}" for n in range(self._dice.randrange(5))))


def run(directory: Path, kills: int, seed: int, *, longest: float = 2.0) -> Outcome:
    """Kill a server ``kills`` times, at most ``longest`` seconds after each start, and compare at the end."""
    dice = random.Random(seed)
    workspace = directory / "workspace"
    workspace.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "agent_widget", "serve", str(workspace), "--port", str(port), "--token", token]
    command += ["--archive", str(directory / "archive.sqlite3")]
    writer = Writer(workspace, seed)
    writer.start()
    client: Client | None = None
    notified: Counter[str] = Counter()
    server = _started(command)
    try:
        client = Client(f"ws://127.0.0.1:{port}/ws", token)
        client.on("messages", lambda row: notified.update([row["id"]]))
        for _ in range(kills):
            time.sleep(dice.random() * longest)  # the random moment, not a wait for something
            server.kill()
            server.wait()
            server = _started(command)
        writer.stopping.set()
        writer.join()
        client.wait(lambda client: len(client.messages) >= writer.written and client.connection.state == "live", 60)
        collector = Collector([workspace])
        collector.scan()
        outcome = Outcome(kills, writer.written)
        expected = contents(collector.store)
        deadline = time.monotonic() + 20
        while True:  # the last change of the tasks may still be on its way
            outcome.differences = differences(contents(client._link.store), expected)
            if not outcome.differences or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        outcome.repeated = [id for id, count in notified.items() if count > 1]
        return outcome
    finally:
        writer.stopping.set()
        if client is not None:
            client.close()
        server.terminate()
        server.wait()


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def differences(found: dict[str, dict[str, Any]], expected: dict[str, dict[str, Any]]) -> list[str]:
    """Which rows of the compared tables differ."""
    differing = []
    for table in COMPARED:
        for id in sorted({*found[table], *expected[table]}):
            ours, theirs = found[table].get(id), expected[table].get(id)
            if ours != theirs:
                differing.append(f"{table} {id}: {ours} instead of {theirs}")
    return differing
