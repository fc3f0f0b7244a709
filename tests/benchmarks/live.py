"""How fast, how small, how light: our server beside a bare watchdog-and-socket loop, measured in the same run.

    python -m tests.benchmarks live [WORKSPACE] [--seconds 5]

The bare loop is what remains when everything we add is taken away: watchdog sees a write, the new bytes of the
one file are sent over a TCP socket, nothing is parsed, kept or checked. Machines differ and are noisy, so read the
ratios. Without WORKSPACE a simulated team's directory is used.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from agent_widget import demo
from agent_widget.server.launch import Server, serve
from tests.benchmarks.clients import frames, hello
from tests.benchmarks.report import Report, options_of

BARE = """
import os, socket, sys, threading
from watchdog.events import FileModifiedEvent, FileSystemEventHandler
from watchdog.observers import Observer
directory, name = sys.argv[1], sys.argv[2]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
client, _ = listener.accept()
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
file = open(os.path.join(directory, name), "rb")
file.seek(0, 2)
class Handler(FileSystemEventHandler):
    def on_modified(self, event):
        if event.src_path.endswith(name):
            data = file.read()
            if data:
                client.sendall(data)
observer = Observer()
observer.schedule(Handler(), directory, recursive=True, event_filter=[FileModifiedEvent])
observer.start()
print("ready", flush=True)
observer.join()
"""

BUS = "message-bus.jsonl"
RATES = (10, 100, 1000, 5000)
"""Lines a second."""
TURN = 5.0
"""Seconds after which the other side is measured."""


def line(key: str) -> str:
    """One direct message of the workspace format."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000Z"
    message = {"message_id": key, "from_agent": "agent-bench", "to_agent": "agent-other", "timestamp": now}
    return (
        json.dumps(message | {"type": "direct", "payload": {"message": "a line of the benchmark"}, "read_by": []})
        + "\n"
    )


class Bare:
    """The bare loop: tells for each message when it arrived."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(directory), BUS], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        self.socket = socket.create_connection(("127.0.0.1", int(self.process.stdout.readline())))
        self.process.stdout.readline()
        self.bytes = 0

    def arrivals(self) -> Iterator[str]:
        """The key of each message as it arrives."""
        held = b""
        while data := self.socket.recv(1 << 16):
            self.bytes += len(data)
            *lines, held = (held + data).split(b"\n")
            for found in lines:
                yield json.loads(found)["message_id"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.socket.close()


class Ours:
    """Our server: the same, by the ``changes`` frames of a client that does nothing else (:mod:`.clients`)."""

    def __init__(self, server: Server) -> None:
        self.process = server
        self.socket = hello(server)
        self.socket.settimeout(60)
        self._frames = frames(self.socket)
        self.bytes = 0
        for data in self._frames:
            frame = json.loads(data)
            if frame["type"] == "changes" and not frame["more"]:
                break

    def frames(self) -> Iterator[tuple[int, dict[str, list[dict[str, object]]]]]:
        """Size and rows of each ``changes`` frame."""
        for data in self._frames:
            frame = json.loads(data)
            if frame["type"] == "changes":
                self.bytes += len(data)
                yield len(data), frame["rows"]

    def arrivals(self) -> Iterator[str]:
        """The key of each message as it arrives."""
        for _, rows in self.frames():
            for row in rows.get("messages", ()):
                yield str(row["id"])

    def close(self) -> None:
        self.socket.close()


def delays(directory: Path, arrivals: Callable[[], Iterator[str]], count: int, rate: float) -> list[float]:
    """Append ``count`` messages, ``rate`` a second, and return the milliseconds until each arrived, sorted."""
    written: dict[str, float] = {}
    tag = f"bench-{time.time_ns()}"

    def write() -> None:
        start = time.perf_counter()
        with open(directory / BUS, "a", buffering=1) as file:
            for index in range(count):
                time.sleep(max(0.0, start + index / rate - time.perf_counter()))
                text = line(f"{tag}-{index}")
                written[f"{tag}-{index}"] = time.perf_counter()
                file.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    found: dict[str, float] = {}
    for key in arrivals():
        if key in written:
            found.setdefault(key, (time.perf_counter() - written[key]) * 1000)
            if len(found) == count:
                break
    writer.join()
    return sorted(found.values())


def percentile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def task_bytes(directory: Path, ours: Ours) -> tuple[int, int]:
    """Bytes on the wire for one changed field of one task, and the size of the task list."""
    time.sleep(1.5)  # let the figures of the runs before go out
    path = directory / "tasks.json"
    document = json.loads(path.read_text())
    document["tasks"][0]["title"] = f"changed by the benchmark {time.time_ns()}"
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(document))
    os.replace(beside, path)
    return next(size for size, rows in ours.frames() if rows.get("tasks")), path.stat().st_size


def cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


@contextmanager
def workspace(given: str | None) -> Iterator[Path]:
    """A copy of the given workspace, or a simulated team's."""
    with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary:
        directory = Path(temporary) / "memory"
        if given:
            shutil.copytree(given, directory)
            subprocess.run(["chmod", "-R", "u+w", str(directory)], check=True)
        else:
            now = int(time.time() * 1000)
            team = demo.Demo(directory, seed=1, now_ms=now - 20 * 60_000)
            while team.now < now:
                team.step(now)
        yield directory


def measured(directory: Path, sides: tuple[Ours, Bare], rate: int, seconds: float) -> list[tuple[float, ...]]:
    """Return the median and 99th percentile of the delay (ms), processor (% of a core) and bytes a line of each side.

    They take turns of a few seconds: a client that is not at its turn leaves the pings of its server unanswered.
    """
    turns = math.ceil(seconds / TURN)
    found: list[list[float]] = [[], []]
    spent, size, took = [0.0, 0.0], [0, 0], [0.0, 0.0]
    for _ in range(turns):
        for number, side in enumerate(sides):
            start, before, moment = side.bytes, cpu(side.process.pid), time.monotonic()
            found[number] += delays(directory, side.arrivals, int(rate * seconds / turns), rate)
            spent[number] += cpu(side.process.pid) - before
            took[number] += time.monotonic() - moment
            size[number] += side.bytes - start
    return [
        (statistics.median(each), percentile(sorted(each), 0.99), spent[n] / took[n] * 100, size[n] / len(each))
        for n, each in enumerate(found)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("workspace", nargs="?")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = options_of(parser)
    report = Report("live")
    with workspace(options.workspace) as directory, serve(directory) as server:
        ours, bare = Ours(server), Bare(directory)
        time.sleep(2)
        for rate in RATES:
            mine, theirs = measured(directory, (ours, bare), rate, max(options.seconds, 20 if rate == 10 else 5))
            names = (f"append to client, {rate}/s, median", f"append to client, {rate}/s, p99", f"{rate}/s, processor")
            for name, unit, value, floor in zip(names, ("ms", "ms", "% of a core"), mine, theirs, strict=False):
                report.note(name, value, unit, bare=floor)
            report.note(f"{rate}/s, on the wire", mine[3], "bytes a line", bare=theirs[3])
        ours.close()
        ours = Ours(server)
        size, whole = task_bytes(directory, ours)
        report.note("one field of one task changed, on the wire", size, "bytes", whole_list=whole)
        rss = [psutil.Process(side.process.pid).memory_info().rss / 1e6 for side in (ours, bare)]
        report.note("memory", rss[0], "MB", bare=rss[1])
        ours.close()
        bare.close()
    report.save(options.json)


if __name__ == "__main__":
    main()
