"""A hub that follows many servers over WebSockets: delay, and what the hub takes. A part of ``fleet``.

The servers are real ones, with a directory and an archive each, several in a process; agents' rows change in their
stores at a steady rate, and the delay is from the change at the server to the row in the hub's store.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from agent_widget.addresses import where
from agent_widget.broker.publisher import PACE
from agent_widget.following import Hosts
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.server.app import Server
from agent_widget.tables import Record
from tests.benchmarks.report import Report
from tests.support.wire import running

PROCESSES = 2
TOKEN = "a-token-of-the-benchmarks"
AGENTS = 10
"""Agents of each server."""


def host_servers(first: int, count: int, rate: float, seconds: float) -> None:
    """Run some servers, wait for a line, then change ``rate`` rows a second of them in all; print what was done."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        servers: list[Any] = []
        for number in range(first, first + count):
            place = Path(directory) / str(number) / "memory"
            place.mkdir(parents=True)
            kept = place.parent / "archive.sqlite3"
            collector = Collector([place], host=f"host-{number}", archive=lambda _, kept=kept: Archive.open(kept))  # type: ignore[misc]
            server = stack.enter_context(running(Server(collector, token=TOKEN, first_look=0.1)))
            server.put(*(row(f"a{agent}", "") for agent in range(AGENTS)))  # type: ignore[attr-defined]
            servers.append(server)
        print(json.dumps([server.url for server in servers]), flush=True)
        sys.stdin.readline()
        generator, began, done = random.Random(first), time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * rate)
            for _ in range(due - done):
                said = f"{time.time():.6f} " + "x" * 60
                generator.choice(servers).put(row(f"a{generator.randrange(AGENTS)}", said))
            done = due
            time.sleep(PACE)
        print(done, flush=True)
        sys.stdin.readline()


def row(id: str, activity: str) -> Record:
    """An agent that works."""
    return Record("agents", id, {"name": id, "status": "working", "activity": activity})


def measure(report: Report, count: int, rate: float, seconds: float) -> None:
    """Let a hub follow ``count`` servers on which ``rate`` rows a second change in all."""
    each = max(1, count // PROCESSES)
    hosting = "from tests.benchmarks.hub import host_servers; host_servers"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", f"{hosting}({number * each}, {each}, {rate / PROCESSES}, {seconds})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    try:
        urls = [url for process in processes if process.stdout for url in json.loads(process.stdout.readline())]
        with tempfile.TemporaryDirectory() as directory:
            (place := Path(directory) / "memory").mkdir()
            kept = Path(directory) / "hub.sqlite3"
            collector = Collector([place], host="hub", follows=True, archive=lambda _: Archive.open(kept))
            delays = delays_of(collector)
            own, before = psutil.Process(), psutil.Process().memory_info().rss
            began = time.monotonic()
            hosts = Hosts([where(f"{url}#{TOKEN}") for url in urls], collector)
            with running(Server(collector, first_look=0.1, followed=hosts)) as hub:
                while len(hub.store.rows("agents")) < AGENTS * len(urls):
                    time.sleep(0.02)
                report.note(f"hub over sockets: joins {len(urls)} servers", time.monotonic() - began, "s")
                load(report, processes, delays, own, before)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def load(
    report: Report, processes: list[subprocess.Popen[str]], delays: list[float], own: psutil.Process, before: int
) -> None:
    """Let rows change, and note what it takes."""
    spent = sum(own.cpu_times()[:2])
    changes, took = let_rows_change(processes)
    report.note("hub over sockets: changes a second at the servers", changes / took, "1/s")
    note_delays(report, "hub over sockets: delay", delays)
    report.note("hub over sockets: processor", 100 * (sum(own.cpu_times()[:2]) - spent) / took, "% of a core")
    report.note("hub over sockets: memory for its servers", (own.memory_info().rss - before) / 1e6, "MB")


def delays_of(collector: Collector) -> list[float]:
    """Return the delays, in seconds, of rows that come from now on: their activity begins with when they were made."""
    delays: list[float] = []
    take_over = collector.take_over

    def noting(operations: Any) -> None:
        operations = list(operations)
        take_over(operations)
        now = time.time()
        rows = (row for table, _, row in operations if table == "agents" and row and row["activity"])
        delays.extend(now - float(row["activity"][:17]) for row in rows)

    collector.take_over = noting  # type: ignore[method-assign]
    return delays


def let_rows_change(hosts: list[subprocess.Popen[str]]) -> tuple[int, float]:
    """Send a line to processes that wait for one; return how many changes they made, and in how many seconds."""
    began = time.monotonic()
    for host in hosts:
        assert host.stdin is not None
        host.stdin.write("\n")
        host.stdin.flush()
    changes = sum(int(host.stdout.readline()) for host in hosts if host.stdout is not None)
    took = time.monotonic() - began
    time.sleep(0.5)
    return changes, took


def note_delays(report: Report, name: str, delays: list[float]) -> None:
    """Note the median and the 99th percentile of delays in seconds."""
    delays.sort()
    for percent in (50, 99):
        report.note(f"{name}, p{percent}", 1000 * delays[len(delays) * percent // 100], "ms")
