"""Many writers of one directory, with kills -9: every write that was acknowledged is there, and nothing else changed.

``python -m tests.soak.writers --seconds 60 --place claude``. Eight writers go through a server, which is killed again
and again; a second program follows the same rules for locks with code of its own, and is killed too; in a workspace a
third one appends messages without any lock, as agents do. :mod:`.places` says what is written where.
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
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import agent_widget as aw
from agent_widget.client.client import Client
from agent_widget.writing.files import DRAFT
from tests.soak import own_machine
from tests.soak.places import PLACES, Done, Place
from tests.support.wire import until

WRITERS = 8
SECOND = r'''
"""Follows the rules for locks, and nothing of ours: adds notes to tasks, and messages to inboxes."""
import json, os, random, sys, time
from datetime import datetime, timezone
files, done, seed = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
dice = random.Random(seed)
me = f"second-{os.getpid()}"

def make(lock, kind):
    """Whether it is ours now."""
    try:
        if kind == "folder":
            os.mkdir(lock)
            return True
        fd = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    at = datetime.now(timezone.utc).isoformat()
    os.write(fd, json.dumps({"owner_id": me, "locked_at": at, "pid": os.getpid()}).encode())
    os.close(fd)
    return True

def left_behind(lock, kind):
    """Whether it is of its own earlier life, which it knows to be over, or as old as a directory may not be."""
    try:
        if kind == "folder":
            return time.time() - os.stat(lock).st_mtime > 10
        with open(lock, errors="replace") as file:
            owner = json.load(file)["owner_id"]
    except (OSError, ValueError, KeyError):
        return False
    return owner.startswith("second-") and owner != me

def take(lock, kind):
    pause, until = 0.05, time.monotonic() + 10
    while not make(lock, kind):
        if left_behind(lock, kind):
            try:
                os.rmdir(lock) if kind == "folder" else os.unlink(lock)
            except OSError:
                pass
            continue
        if time.monotonic() > until:
            return False
        time.sleep(pause * dice.random())
        pause = min(1, pause * 2)
    return True

def give_back(lock, kind):
    if kind == "folder":
        os.rmdir(lock)
        return
    with open(lock) as file:
        if json.load(file)["owner_id"] == me:
            os.unlink(lock)

number = 0
with open(done, "a") as said:
    while True:
        number += 1
        path, lock, kind = dice.choice(files)
        if not take(lock, kind):
            continue
        with open(path) as file:
            document = json.load(file)
        word = f"second {seed} {number}"
        at = datetime.now(timezone.utc).isoformat()
        if isinstance(document, list):
            document.append({"from": "second", "text": word, "timestamp": at, "read": False})
        else:
            tasks = document.get("tasks") or document.get("master", {}).get("tasks") or [document]
            task = dice.choice(tasks)
            task["notes"] = [*task.get("notes", []), word]
        with open(path + ".second", "w") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.rename(path + ".second", path)
        said.write(json.dumps(word) + "\n")
        said.flush()
        give_back(lock, kind)
        time.sleep(dice.random() * 0.05)
'''


@dataclass
class Outcome:
    """What came of it; ``lost`` and ``changed`` are to be empty."""

    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Code of the error → how often."""
    kills: int = 0
    by_others: int = 0
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Writer(threading.Thread):
    """One person at work: makes tasks, changes them, adds notes, sends and marks messages."""

    def __init__(self, number: int, place: Place, client: Client, seed: int, outcome: Outcome) -> None:
        super().__init__(name=f"writer {number}", daemon=True)
        self.number = number
        self.stopping = threading.Event()
        self.done: list[Done] = []
        self.tried: list[str] = []
        """Words of which nobody knows whether they were written, since the last title that was acknowledged."""
        self._place = place
        self._client = client
        self._dice = random.Random(seed * 100 + number)
        self._outcome = outcome

    def run(self) -> None:
        count = 0
        while not self.stopping.is_set():
            count += 1
            word = f"writer {self.number} {count} é"
            self.tried.append(word)
            known = [done.id for done in self.done if done.kind == "message" and done.id in self._client.messages]
            try:
                done = self._place.act(self._call, self._dice, self.number, word, known)
            except (aw.CallError, aw.ConnectionFailed) as error:
                self._refused(error)
                self.stopping.wait(0.05)
                continue
            self.done.append(done)
            self._outcome.acknowledged += 1
            if done.kind == "title":
                self.tried = [word]

    def _call(self, method: str, **params: Any) -> Any:
        return self._client.call(method, params, timeout=15)

    def _refused(self, error: Exception) -> None:
        code = error.code if isinstance(error, aw.CallError) else "no connection"
        self._outcome.refused[code] += 1
        values = getattr(error, "details", None) or {}
        if code == "conflict" and not (values and all({"seen", "found"} == set(both) for both in values.values())):
            self._outcome.changed.append(f"a conflict without both values: {error} {values}")


def run(directory: Path, seconds: float, seed: int, *, name: str = "workspace", every: float = 8.0) -> Outcome:
    """Let all write for some seconds, and kill one of them every few seconds."""
    dice, outcome = random.Random(seed), Outcome()
    kind, where = PLACES[name]
    root = directory / where
    root.mkdir(parents=True)
    place = kind(root)
    token, said, program = secrets.token_hex(16), directory / "done.jsonl", directory / "second.py"
    program.write_text(SECOND)
    said.touch()
    port = _free_port()
    serve = [sys.executable, "-m", "agent_widget", "serve", str(root), "--port", str(port), "--token", token]
    serve += ["--allow-writes", "--no-archive"]
    files = json.dumps([[str(part) for part in shared] for shared in place.shared])
    second = [sys.executable, str(program), files, str(said)]
    processes = [_started(serve), _started([*second, "0"])]
    client = Client(f"ws://127.0.0.1:{port}/ws", token)
    writers = [Writer(number, place, client, seed, outcome) for number in range(WRITERS)]
    appended: list[str] = []
    stop = threading.Event()

    def append() -> None:
        while not stop.wait(dice.random() * 0.02):
            id = f"bare-{len(appended)}"
            line = {"message_id": id, "from_agent": "agent-1", "type": "direct", "payload": id, "read_by": []}
            with (root / "message-bus.jsonl").open("ab", buffering=0) as bus:
                bus.write(json.dumps(line).encode() + b"\n")
            appended.append(id)

    threads: list[threading.Thread] = [*writers]
    threads += [threading.Thread(target=append, daemon=True)] if name == "workspace" else []
    try:
        client.wait(lambda client: len(client.tasks) == 20, 30)
        for thread in threads:
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
        for thread in threads:
            thread.join()
        _between_writes(processes[1], place)
        with contextlib.closing(aw.connect(client.url, token)) as last:  # of a killed one nothing may be left either
            last.wait(lambda last: last.connection.state == "live", 30)
            for method, params in place.last:
                _retried(lambda method=method, params=params: last.call(method, params, timeout=15))
    finally:
        stop.set()
        for process in processes:
            process.kill()
            process.wait()
        client.close()
    words = [json.loads(line) for line in said.read_text().splitlines()]
    outcome.by_others = len(words)
    there = place.words_of_second()
    outcome.lost += [f"{word!r} of the second program" for word in words if word not in there]
    outcome.lost += [f"bare message {id}" for id in appended if not place.has(Done("message", id, ""))]
    titles = place.titles()
    for writer in writers:
        outcome.lost += [str(done) for done in writer.done if done.kind != "title" and not place.has(done)]
        own = [done for done in writer.done if done.kind == "title"]
        if own and titles[own[-1].id] not in writer.tried:
            outcome.lost.append(f"{own[-1]}: it is {titles[own[-1].id]!r}")
    outcome.changed += place.changes()
    # what a killed writer had not finished stays beside the file until the next one writes there
    left = [path.name for path in root.rglob("*") if path.name.endswith((".lock", DRAFT)) and path.name != ".lock"]
    if left:
        outcome.changed.append(f"left behind: {left}")
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


def _between_writes(process: subprocess.Popen[bytes], place: Place) -> None:
    """End the second program while it holds no lock."""
    while True:
        process.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)  # not yet when the signal is sent
        if not any(_may_be_of(process.pid, shared.lock) for shared in place.shared):
            process.kill()
            process.wait()
            return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)


def _may_be_of(pid: int, lock: Path) -> bool:
    if lock.is_dir():  # nobody else writes now, but one that was killed may have left it
        return time.time() - lock.stat().st_mtime < 10
    try:
        text = lock.read_text()
    except FileNotFoundError:
        return False
    return f'"second-{pid}"' in text or not text


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
    parser.add_argument("--place", choices=PLACES, default="workspace")
    options = parser.parse_args()
    with own_machine() as directory:
        outcome = run(directory, options.seconds, options.seed, name=options.place)
    not_made = ", ".join(f"{count:,} {code}" for code, count in outcome.refused.most_common()) or "none"
    print(f"{outcome.acknowledged:,} writes acknowledged, not: {not_made}; {outcome.by_others:,} by the second program")
    print(f"{outcome.kills} kills, seed {options.seed}")
    for what, lines in (("lost", outcome.lost), ("changed", outcome.changed)):
        print(f"{len(lines)} {what}")
        for line in lines[:10]:
            print(f"  {line[:300]}")
    sys.exit(bool(outcome.lost or outcome.changed))


if __name__ == "__main__":
    main()
