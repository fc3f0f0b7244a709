"""How fast, how small, how light: our server beside a bare watchdog-and-socket loop, measured in the same run.

    python -m tests.benchmarks.live [WORKSPACE] [--messages 500] [--seconds 5]

The bare loop is what remains when everything we add is taken away: watchdog sees a write, the new bytes of the
one file are sent over a TCP socket, nothing is parsed, kept or checked. Machines differ and are noisy, so read the
ratios. Without WORKSPACE a simulated team's directory is used.
"""

from __future__ import annotations

import argparse
import json
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
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from websockets.sync.client import ClientConnection, connect

from agent_widget import demo
from agent_widget.server.launch import Server, serve

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
    """Our server: the same, by the ``changes`` frames of a WebSocket client."""

    def __init__(self, server: Server) -> None:
        self.process = server
        self._closing = ExitStack()
        self.socket: ClientConnection = self._closing.enter_context(
            connect(server.url, proxy=None, max_size=None, max_queue=None)
        )
        self.socket.send(json.dumps({"type": "hello", "protocol": 1, "token": server.token, "since": None}))
        self.bytes = 0
        while not self._last(json.loads(self.socket.recv())):
            pass

    @staticmethod
    def _last(frame: dict[str, object]) -> bool:
        return frame["type"] == "changes" and not frame["more"]

    def frames(self) -> Iterator[tuple[int, dict[str, list[dict[str, object]]]]]:
        """Size and rows of each ``changes`` frame."""
        while True:
            data = self.socket.recv()
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
        self._closing.close()


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


def at_rest(pids: list[int], seconds: float) -> list[float]:
    """Percent of a core that each process takes while nothing changes."""
    before = [cpu(pid) for pid in pids]
    time.sleep(seconds)
    return [(cpu(pid) - start) / seconds * 100 for pid, start in zip(pids, before, strict=True)]


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


def show(what: str, ours: float, bare: float | None, unit: str) -> None:
    ratio = f"{ours / bare:8.1f} x" if bare else " " * 10
    beside = f"{bare:10.2f}" if bare is not None else " " * 10
    print(f"{what:<46}{ours:10.2f}{beside}{ratio}  {unit}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("workspace", nargs="?")
    parser.add_argument("--messages", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    with workspace(options.workspace) as directory, serve(directory) as server:
        ours, bare = Ours(server), Bare(directory)
        print(f"{'':<46}{'ours':>10}{'bare':>10}{'ratio':>10}")
        for rate in (10, 100):
            count = min(options.messages, int(rate * 20))
            mine, theirs = (delays(directory, side.arrivals, count, rate) for side in (ours, bare))
            show(f"append to client, {rate}/s, median", statistics.median(mine), statistics.median(theirs), "ms")
            show(f"append to client, {rate}/s, p99", percentile(mine, 0.99), percentile(theirs, 0.99), "ms")
        for rate in (50, 1000, 5000):
            count = int(rate * options.seconds)
            results = []
            for side in (ours, bare):
                start, began = side.bytes, cpu(side.process.pid)
                found = delays(directory, side.arrivals, count, rate)
                spent = (cpu(side.process.pid) - began) / options.seconds * 100
                results.append((percentile(found, 0.99), (side.bytes - start) / count, spent, count - len(found)))
            (late, size, spent, lost), (bare_late, bare_size, bare_spent, _) = results
            show(f"{rate} lines/s for {options.seconds:g} s, p99", late, bare_late, f"ms, {lost} lost")
            show(f"{rate} lines/s, wire", size, bare_size, "bytes a line")
            show(f"{rate} lines/s, processor", spent, bare_spent, "% of a core")
        size, whole = task_bytes(directory, ours)
        show("one field of one task changed, wire", size, whole, "bytes (beside: the whole list)")
        rss = [psutil.Process(side.process.pid).memory_info().rss / 1e6 for side in (ours, bare)]
        show("memory", rss[0], rss[1], "MB")
        time.sleep(2)
        rest = at_rest([ours.process.pid, bare.process.pid], 20)
        show("processor at rest", rest[0], rest[1], "% of a core")
        ours.close()
        bare.close()


if __name__ == "__main__":
    main()
