"""Many hosts by way of one broker: delay, bytes, and what hub and broker take.

    python -m tests.benchmarks fleet [--hosts 200] [--agents 2000] [--rate 5000] [--seconds 20] [--servers 50]

First a hub that follows ``--servers`` over WebSockets, with a tenth of the rate (:mod:`.hub`), then the broker.

A few processes publish as many hosts, each row as the publisher does it, and change rows of agents at a steady rate; a
real nats-server keeps them; a real server follows the space. The delay is from the change at the host to the row in the
hub's store. All of it shares the cores of one machine, the simulated hosts too: their share is shown beside.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from agent_widget import protocol
from agent_widget.addresses import where
from agent_widget.broker.address import address
from agent_widget.broker.publisher import PACE
from agent_widget.broker.stream import Broker
from agent_widget.following import Hosts
from agent_widget.ingest.collector import Collector
from agent_widget.server.app import Server
from agent_widget.tables import TABLES
from tests.benchmarks import hub
from tests.benchmarks.report import Report, options_of
from tests.support.nats import NatsServer, nats_server
from tests.support.wire import running

PROCESSES = 2
"""Processes that the simulated hosts share."""


def simulate(url: str, first: int, hosts: int, agents: int, rate: float, seconds: float) -> None:
    """Be some hosts: publish ``agents`` rows each, wait for a line, then change ``rate`` of them a second in all.

    They share a connection, since hundreds of threads in one process would be what is measured.
    """
    asyncio.run(_simulate(url, first, hosts, agents, rate, seconds))


async def _simulate(url: str, first: int, hosts: int, agents: int, rate: float, seconds: float) -> None:
    broker = await Broker.connect(address(url), f"simulated-{first}")
    await broker.make_stream()
    blank, seq = TABLES["agents"].blank(), 0

    def message(host: str, id: str, activity: str) -> tuple[str, bytes, dict[str, str]]:
        nonlocal seq
        seq += 1
        row = {**blank, "id": id, "source": "claude", "host": host, "status": "working", "activity": activity}
        return broker.space.row(host, "agents", id), protocol.encode(row), {"Nats-Msg-Id": f"{host}/epoch/{seq}"}

    names = [f"host-{number}" for number in range(first, first + hosts)]
    for name in names:
        welcome = protocol.Welcome(1, "bench", f"epoch-{name}", 0, 0, [], {}, host=name)
        await broker.put([(broker.space.host(name), protocol.encode(welcome), {})])
        await broker.put([message(name, f"a{id}", "") for id in range(agents)])
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    generator, began, done = random.Random(first), time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * rate)
        chosen = {(generator.choice(names), f"a{generator.randrange(agents)}") for _ in range(due - done)}
        await broker.put([message(*each, f"{time.time():.6f} " + "x" * 60) for each in chosen])
        done = due
        await asyncio.sleep(PACE)
    print(done, flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks fleet", description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--agents", type=int, default=2000, help="of all hosts together")
    parser.add_argument("--rate", type=float, default=5000, help="changes a second of all hosts together")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--servers", type=int, default=50, help="that a hub follows without a broker")
    parser.add_argument("--simulate", nargs=2, help=argparse.SUPPRESS)
    options = options_of(parser)
    if options.simulate:
        url, first = options.simulate
        simulate(url, int(first), options.hosts, options.agents, options.rate, options.seconds)
        return
    report = Report("fleet")
    hub.measure(report, options.servers, options.rate / 10, options.seconds)
    with tempfile.TemporaryDirectory() as directory, nats_server(Path(directory)) as broker:
        measure(report, broker, Path(directory), options)
    report.save(options.json)


def measure(report: Report, broker: NatsServer, directory: Path, options: argparse.Namespace) -> None:
    """Run hosts, broker and hub."""
    each = max(1, options.hosts // PROCESSES)
    url = broker.address("fleet").url
    command = [sys.executable, "-m", "tests.benchmarks.fleet", "--hosts", str(each)]
    command += ["--agents", str(max(1, options.agents // options.hosts)), "--rate", str(options.rate / PROCESSES)]
    command += ["--seconds", str(options.seconds)]
    hosts = [
        subprocess.Popen(
            [*command, "--simulate", url, str(number * each)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for number in range(PROCESSES)
    ]
    try:
        for host in hosts:
            assert host.stdout is not None
            host.stdout.readline()
        (directory / "workspace").mkdir()
        collector = Collector([directory / "workspace"], host="hub", follows=True)
        delays = hub.delays_of(collector)
        began = time.monotonic()
        with running(Server(collector, first_look=0.1, followed=Hosts([where(url)], collector))) as reader:
            agents = each * PROCESSES * max(1, options.agents // options.hosts)
            while len(reader.store.rows("agents")) < agents:
                time.sleep(0.02)
            report.note(f"a hub joins: {agents:,} rows of {each * PROCESSES} hosts", time.monotonic() - began, "s")
            load(report, broker, hosts, delays, options)
            size = asyncio.run(stream_bytes(broker))
            report.note("the stream on disk", size / 1e6, "MB")
    finally:
        for host in hosts:
            host.kill()
            host.wait()


def load(
    report: Report, broker: NatsServer, hosts: list[subprocess.Popen[str]], delays: list[float], options: Any
) -> None:
    """Let the hosts change rows, and note what it takes."""
    processes = {"hub": psutil.Process(), "broker": psutil.Process(broker.pid)}
    simulated = [psutil.Process(host.pid) for host in hosts]
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    hosts_before = sum(sum(process.cpu_times()[:2]) for process in simulated)
    changes, took = hub.let_rows_change(hosts)
    report.note("changes a second at the hosts", changes / took, "1/s")
    report.note("rows a second at the hub", len(delays) / took, "1/s")
    hub.note_delays(report, "delay", delays)
    for name, process in processes.items():
        report.note(f"{name}: processor", 100 * (sum(process.cpu_times()[:2]) - before[name]) / took, "% of a core")
        report.note(f"{name}: memory", process.memory_info().rss / 1e6, "MB")
    spent = sum(sum(process.cpu_times()[:2]) for process in simulated) - hosts_before
    report.note("simulated hosts, all: processor", 100 * spent / took, "% of a core")


async def stream_bytes(server: NatsServer) -> float:
    """How large the stream is."""
    broker = await Broker.connect(server.address("fleet"), "bench")
    info = await broker._api(f"STREAM.INFO.{broker.space.stream}")
    await broker.close()
    return float(info["state"]["bytes"])


if __name__ == "__main__":
    main()
