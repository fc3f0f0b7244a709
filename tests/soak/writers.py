"""Many writers of one workspace, with kills -9: every write that was acknowledged is there, and nothing else changed.

``python -m tests.soak.writers --seconds 60``. Eight writers go through a server, which is killed again and again; a
second program follows the same rules for locks with code of its own, and is killed too; a third one appends messages
without any lock, as agents do.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import agent_widget as aw
from agent_widget.client.client import Client
from agent_widget.writing.files import DRAFT
from tests.soak import own_machine
from tests.support.wire import until

WRITERS = 8
SECOND = r'''
"""Follows the rules for locks, and nothing of ours: adds notes and tasks, and says which are done."""
import json, os, random, sys, time
from datetime import datetime, timezone
workspace, done, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
dice = random.Random(seed)
path, lock = os.path.join(workspace, "tasks.json"), os.path.join(workspace, "tasks.json.lock")
me = f"second-{os.getpid()}"

def take():
    pause, until = 0.05, time.monotonic() + 10
    while True:
        try:
            fd = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            with open(lock, errors="replace") as file:
                text = file.read()
            try:
                owner = json.loads(text)["owner_id"]
            except (ValueError, KeyError):
                owner = ""
            if owner.startswith("second-") and owner != me:  # of its own earlier life, which it knows to be over
                os.unlink(lock)
                continue
            if time.monotonic() > until:
                return False
            time.sleep(pause * dice.random())
            pause = min(1, pause * 2)
            continue
        at = datetime.now(timezone.utc).isoformat()
        os.write(fd, json.dumps({"owner_id": me, "locked_at": at, "pid": os.getpid()}).encode())
        os.close(fd)
        return True

number = 0
with open(done, "a") as said:
    while True:
        number += 1
        if not take():
            continue
        with open(path) as file:
            document = json.load(file)
        word = f"second {seed} {number}"
        task = dice.choice(document["tasks"])
        task["notes"] = [*task.get("notes", []), word]
        with open(path + ".second", "w") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path + ".second", path)
        said.write(json.dumps([task["id"], word]) + "\n")
        said.flush()
        with open(lock) as file:
            if json.load(file)["owner_id"] == me:
                os.unlink(lock)
        time.sleep(dice.random() * 0.05)
'''


@dataclass
class Outcome:
    """What came of it; ``lost`` and ``changed`` are to be empty."""

    acknowledged: int = 0
    refused: int = 0
    kills: int = 0
    by_others: int = 0
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Writer(threading.Thread):
    """One person at work: makes tasks, changes them, adds notes, sends and marks messages."""

    def __init__(self, number: int, client: Client, seed: int, outcome: Outcome) -> None:
        super().__init__(name=f"writer {number}", daemon=True)
        self.number = number
        self.client = client
        self.stopping = threading.Event()
        self.tasks: list[str] = []
        self.notes: list[tuple[str, str]] = []
        self.messages: list[str] = []
        self.read: list[str] = []
        self._dice = random.Random(seed * 100 + number)
        self._outcome = outcome

    def run(self) -> None:
        count = 0
        while not self.stopping.is_set():
            count += 1
            word = f"writer {self.number} {count} é"
            try:
                self._act(word)
                self._outcome.acknowledged += 1
            except (aw.CallError, aw.ConnectionFailed, TimeoutError):
                self._outcome.refused += 1
                self.stopping.wait(0.05)

    def _act(self, word: str) -> None:
        call, chosen = self.client.call, self._dice.random()
        if chosen < 0.1:
            self.tasks.append(call("task.create", title=word, tags=["x"], timeout=15)["id"])
        elif chosen < 0.6:
            id = f"task-{self._dice.randrange(20)}"
            call("task.update", id=id, notes=word, timeout=15)
            self.notes.append((id, word))
        elif chosen < 0.7:  # the status of all is fought over: what is acknowledged is checked by its note
            id, status = f"task-{self._dice.randrange(20)}", self._dice.choice(["pending", "in_progress", "blocked"])
            call("task.update", id=id, status=status, notes=word, timeout=15)
            self.notes.append((id, word))
        elif chosen < 0.9 or not self.messages:
            self.messages.append(call("message.send", to="*", text=word, timeout=15)["id"])
        else:
            id = self._dice.choice(self.messages)
            if id in self.client.messages:
                call("message.read", id=id, timeout=15)
                self.read.append(id)


def run(directory: Path, seconds: float, seed: int, *, every: float = 8.0) -> Outcome:
    """Let all write for some seconds, and kill one of them every few seconds."""
    dice, outcome = random.Random(seed), Outcome()
    workspace = directory / "memory"
    workspace.mkdir()
    odd = {"mood": {"of": "é", "big": 12345678901234567890}, "list": [1.25, None]}
    before = {
        "version": "1.0",
        "tasks": [{"id": f"task-{n}", "title": f"t {n}", "status": "pending", **odd} for n in range(20)],
        "unknown": odd,
    }
    (workspace / "tasks.json").write_text(json.dumps(before, indent=2, ensure_ascii=False))
    token, done, program = secrets.token_hex(16), directory / "done.jsonl", directory / "second.py"
    program.write_text(SECOND)
    done.touch()
    port = _free_port()
    serve = [sys.executable, "-m", "agent_widget", "serve", str(workspace), "--port", str(port), "--token", token]
    serve += ["--allow-writes", "--no-archive"]
    second = [sys.executable, str(program), str(workspace), str(done)]
    processes = [_started(serve), _started([*second, "0"])]
    client = Client(f"ws://127.0.0.1:{port}/ws", token)
    writers = [Writer(number, client, seed, outcome) for number in range(WRITERS)]
    appended: list[str] = []
    stop = threading.Event()

    def append() -> None:
        while not stop.wait(dice.random() * 0.02):
            id = f"bare-{len(appended)}"
            line = {"message_id": id, "from_agent": "agent-1", "type": "direct", "payload": id, "read_by": []}
            with (workspace / "message-bus.jsonl").open("ab", buffering=0) as bus:
                bus.write(json.dumps(line).encode() + b"\n")
            appended.append(id)

    bare = threading.Thread(target=append, daemon=True)
    try:
        client.wait(lambda client: len(client.tasks) == 20, 30)
        for thread in (*writers, bare):
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(dice.random() * every)  # the random moment, not a wait for something
            which = dice.randrange(2)
            processes[which].kill()
            processes[which].wait()
            outcome.kills += 1
            processes[which] = _started(serve if which == 0 else [*second, str(outcome.kills)])
        stop.set()
        for writer in writers:
            writer.stopping.set()
        for thread in (*writers, bare):
            thread.join()
        _between_writes(processes[1], workspace)
        with contextlib.closing(aw.connect(client.url, token)) as last:  # of a killed one nothing may be left either
            last.wait(lambda last: last.connection.state == "live", 30)
            _retried(lambda: last.call("task.update", id="task-0", notes="the last one", timeout=15))
            _retried(lambda: last.call("message.send", to="*", text="the last one", timeout=15))
    finally:
        stop.set()
        for process in processes:
            process.kill()
            process.wait()
        client.close()
    _compare(workspace, before, writers, appended, done, outcome)
    return outcome


def _retried(call: Any) -> None:
    """Call until it is answered: what another one holds is given back soon."""

    def answered() -> bool:
        try:
            call()
        except (aw.CallError, aw.ConnectionFailed):
            return False
        return True

    until(answered, 60)


def _between_writes(process: subprocess.Popen[bytes], workspace: Path) -> None:
    """End the second program while it holds no lock."""
    while True:
        process.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)  # not yet when the signal is sent
        lock = workspace / "tasks.json.lock"
        try:
            held = f'"second-{process.pid}"' in lock.read_text()
        except FileNotFoundError:
            held = False
        if not held and (not lock.exists() or lock.stat().st_size):
            process.kill()
            process.wait()
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)


def _compare(
    workspace: Path,
    before: dict[str, Any],
    writers: list[Writer],
    appended: list[str],
    done: Path,
    outcome: Outcome,
) -> None:
    """Note what was acknowledged and is not there, and what is there though nobody meant it."""
    text = (workspace / "tasks.json").read_text()
    document = json.loads(text)
    tasks = {task["id"]: task for task in document["tasks"]}
    notes = {id: [note.partition("] ")[2] or note for note in task.get("notes", [])] for id, task in tasks.items()}
    theirs = [json.loads(line) for line in done.read_text().splitlines()]
    outcome.by_others = len(theirs)
    for id, word in theirs:
        if word not in notes.get(id, []):
            outcome.lost.append(f"note {word!r} of the second program on {id}")
    lines = [json.loads(line) for line in (workspace / "message-bus.jsonl").read_text().splitlines()]
    messages = {line["message_id"]: line for line in lines}
    for writer in writers:
        outcome.lost += [f"task {id}" for id in writer.tasks if id not in tasks]
        outcome.lost += [f"note {word!r} on {id}" for id, word in writer.notes if word not in notes[id]]
        outcome.lost += [f"message {id}" for id in writer.messages if id not in messages]
        outcome.lost += [f"mark on {id}" for id in writer.read if not messages.get(id, {}).get("read_by")]
    outcome.lost += [f"bare message {id}" for id in appended if id not in messages]
    if len(lines) != len(messages):
        outcome.changed.append(f"{len(lines) - len(messages)} messages twice")
    for id, held in notes.items():
        if len(held) != len(set(held)):
            outcome.changed.append(f"notes twice on {id}")
    ours = {"status", "notes", "updated_at"}
    for was in before["tasks"]:
        now = tasks.get(was["id"], {})
        if {name: value for name, value in now.items() if name not in ours} != {
            name: value for name, value in was.items() if name not in ours
        } or [name for name in now if name in was] != list(was):
            outcome.changed.append(f"{was['id']}: {now}")
    if list(document) != list(before) or document["unknown"] != before["unknown"]:
        outcome.changed.append(f"the document: {list(document)}")
    if json.dumps(document, indent=2, ensure_ascii=False) != text:
        outcome.changed.append("how it is written")
    # what a killed writer had not finished stays beside the file until the next one writes there
    passing = (".second", DRAFT)
    left = sorted(path.name for path in workspace.iterdir() if not path.name.endswith(passing))
    if left != ["message-bus.jsonl", "tasks.json"]:
        outcome.changed.append(f"left behind: {left}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with own_machine() as directory:
        outcome = run(directory, options.seconds, options.seed)
    print(f"{outcome.acknowledged:,} writes acknowledged, {outcome.refused:,} not; {outcome.by_others:,} by the others")
    print(f"{outcome.kills} kills, seed {options.seed}")
    for what, lines in (("lost", outcome.lost), ("changed", outcome.changed)):
        print(f"{len(lines)} {what}")
        for line in lines[:10]:
            print(f"  {line[:300]}")
    sys.exit(bool(outcome.lost or outcome.changed))


if __name__ == "__main__":
    main()
