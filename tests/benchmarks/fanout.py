"""How one server serves many clients, beside a bare broadcast of as many bytes, measured in the same run.

    python -m tests.benchmarks fanout [--clients 1000] [--rate 100] [--seconds 10]

Messages are appended to a workspace's message bus; a second process holds all clients and notes when each message
arrives at each of them. The bare broadcast reads the same file at the same pace and sends each line, padded to what
our server sends for it, to as many sockets: nothing is parsed, kept, framed or checked. Machines differ and are
noisy, so read the ratios. Some further clients never read, and what they cost is shown as well.
"""

from __future__ import annotations

import argparse
import array
import contextlib
import re
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

import agent_widget as aw
from agent_widget.server.hub import PACE_PER_CLIENT
from agent_widget.server.launch import serve
from tests.benchmarks.clients import hello, pong
from tests.benchmarks.live import BUS, cpu, line, percentile
from tests.benchmarks.report import Report, options_of

BARE = """
import resource, socket, sys, time
path, clients, pace, size = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
sockets = [listener.accept()[0] for _ in range(clients)]
for each in sockets:
    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
file = open(path, "rb")
file.seek(0, 2)
print("ready", flush=True)
while True:
    data = b"".join(line + b" " * max(0, size - len(line)) for line in file.readlines())
    if data:
        for each in sockets:
            each.sendall(data)
    time.sleep(pace)
"""

ID = re.compile(rb'"(?:message_)?id": ?"bench-(\d+)"')
SAMPLED = 50
"""Clients whose messages are looked at, spread over all."""


def watch(sockets: list[socket.socket], results: Any, written: Any, count: int) -> None:
    """Read all sockets until the sampled ones have had message number ``count - 1``; note how late each came.

    Looking into every frame of 1,000 clients would take more time than all that is measured here.
    """
    selector = selectors.DefaultSelector()
    for each in sockets:
        each.setblocking(False)
        selector.register(each, selectors.EVENT_READ)
    tails = dict.fromkeys(sockets[:: max(1, len(sockets) // SAMPLED)], b"")
    last = dict.fromkeys(tails, -1)
    delays = array.array("d")
    size, waiting, deadline = 0, len(tails), time.monotonic() + 120
    buffer = bytearray(1 << 18)
    while waiting and time.monotonic() < deadline:
        for key, _ in selector.select(1):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            received = connection.recv_into(buffer)
            now = time.monotonic()
            if not received:
                raise SystemExit("a client was dropped")
            size += received
            data = bytes(buffer[:received])
            if b"\x89\x04" in data:
                pong(connection, data)
            if (tail := tails.get(connection)) is None:
                continue
            data = tail + data
            tails[connection] = data[-40:]
            for found in ID.finditer(data):
                number = int(found[1])
                if number > last[connection]:
                    last[connection] = number
                    delays.append((now - written[number]) * 1000)
                    waiting -= number == count - 1
    ordered = sorted(delays)
    results.send((percentile(ordered, 0.5), percentile(ordered, 0.99), len(ordered), size / len(sockets) / count))


def measured(path: Path, sockets: list[socket.socket], pid: int, rate: float, seconds: float) -> dict[str, float]:
    """Append messages for ``seconds`` while the clients in a process of their own note the delays."""
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    count = int(rate * seconds)
    written = fork.RawArray("d", count)
    ours, theirs = fork.Pipe()
    watcher = fork.Process(target=watch, args=(sockets, theirs, written, count))
    watcher.start()
    time.sleep(0.5)
    before, start = cpu(pid), time.monotonic()
    with path.open("a", buffering=1) as file:
        for number in range(count):
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            written[number] = time.monotonic()
            file.write(line(f"bench-{number}"))
    spent = (cpu(pid) - before) / (time.monotonic() - start) * 100
    if not ours.poll(120):
        raise SystemExit("the clients did not get everything")
    p50, p99, samples, size = ours.recv()
    watcher.join()
    return {"p50_ms": p50, "p99_ms": p99, "cpu_percent": spent, "samples": samples, "bytes_a_change": size}


@contextlib.contextmanager
def bare(path: Path, clients: int, size: int) -> Iterator[tuple[list[socket.socket], int]]:
    """The broadcast without anything of ours: its sockets, its process."""
    command = [
        sys.executable,
        "-c",
        BARE,
        str(path),
        str(clients),
        str(max(0.004, clients * PACE_PER_CLIENT)),
        str(size),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        port = int(process.stdout.readline())
        sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(clients)]
        process.stdout.readline()
        yield sockets, process.pid
    finally:
        process.kill()
        process.wait()
        for each in sockets:
            each.close()


def rss(pid: int) -> float:
    """Memory of a process in kB."""
    return float(psutil.Process(pid).memory_info().rss) / 1000


def bus(directory: Path) -> Path:
    """A workspace with a message bus."""
    directory.mkdir()
    (directory / "tasks.json").write_text('{"version": 1, "tasks": []}')
    (directory / BUS).write_text("".join(line(f"old-{number}") for number in range(1000)))
    return directory / BUS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--stalled", type=int, default=30, help="clients that never read")
    options = options_of(parser)
    report = Report("fanout")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary:
        path = bus(Path(temporary) / "memory")
        with serve(path.parent) as server:
            hello(server, ["messages"]).close()
            time.sleep(1)
            empty = rss(server.pid)
            sockets = [hello(server, ["messages"]) for _ in range(options.clients)]
            time.sleep(1)
            connected = rss(server.pid)
            ours = measured(path, sockets, server.pid, options.rate, options.seconds)
            ours["kb_a_client"] = (connected - empty) / options.clients
            ours["kb_a_client_busy"] = (rss(server.pid) - empty) / options.clients
            for each in sockets:
                each.close()
        path = bus(Path(temporary) / "bare")
        with bare(path, options.clients, int(ours["bytes_a_change"])) as (sockets, pid):
            floor = measured(path, sockets, pid, options.rate, options.seconds)
        path = bus(Path(temporary) / "stalled")
        with path.open("a") as file:
            file.writelines(line(f"old-{number}") for number in range(1000, 60_000))
        with serve(path.parent) as server:
            with contextlib.closing(aw.connect(server)) as client:
                client.wait(lambda c: c.reading is None, timeout=120)
            time.sleep(2)
            empty = rss(server.pid)
            stalled = [hello(server) for _ in range(options.stalled)]
            peak = 0.0
            for _ in range(100):
                time.sleep(0.1)
                peak = max(peak, rss(server.pid))
            ours["kb_a_stalled_client"] = (peak - empty) / max(1, options.stalled)
            for each in stalled:
                each.close()
    what = f"{options.clients} clients, {options.rate:g} changes a second"
    for name, unit in (("p50_ms", "ms"), ("p99_ms", "ms"), ("cpu_percent", "% of a core"), ("bytes_a_change", "bytes")):
        report.note(f"{what}, {name.partition('_')[0]}", ours[name], unit, bare=floor[name])
    for name, text in (("", ""), ("_busy", ", busy")):
        report.note(f"memory of a client{text}", ours[f"kb_a_client{name}"], "kB")
    report.note("memory of a client that never reads", ours["kb_a_stalled_client"], "kB")
    report.save(options.json)


if __name__ == "__main__":
    main()
