"""How fast, and in how much memory, homes of agents are read for the first time.

    python -m tests.benchmarks.reading [DIR…] [--megabytes 50] [--runs 3] [--ccusage] [--workers 0 1 2 4]

Each home is read in a process of its own: once by a collector into a store, as the server does it, and once by a bare
loop that only reads the same bytes and lets msgspec find the values in each line, document or row without making
anything of them. Machines differ and are noisy, so read the ratios; the programs take turns, and of each the fastest
run counts. With ``--ccusage`` homes of Claude Code are read by ccusage too, a native program that looks for usage
only: npm fetches it into the user's cache. Without DIR made-up homes of several agents are read. With ``--workers``
each home is also read into an archive by a watcher, as the server does it, with as many workers beside it; compare
its processor time where others use the machine too. Importing our modules does not count; importing the prices does,
since the first answer needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.homes import HOMES, Story
from tests.benchmarks.report import Report, options_of

CCUSAGE = "ccusage@20.0.24"

OURS = """
from agent_widget.ingest.collector import Collector
def read(path):
    collector = Collector([path])
    def work():
        collector.scan()
        return sum(state.bytes for state in collector.states()), sum(map(collector.store.count, collector.store))
    return work
"""
ARCHIVED = """
import sys, tempfile
from pathlib import Path
from agent_widget.ingest import collector as collecting
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.watcher import Watcher
def read(path):
    collecting.MUCH = 0
    place = tempfile.TemporaryDirectory()
    def opened(roots):
        return Archive.open(Path(place.name) / "archive.sqlite3")
    collector = Collector([path], archive=opened, workers=int(sys.argv[2]))
    watcher = Watcher(collector)
    def work():
        watcher.start()
        watcher.wait()
        found = sum(state.bytes for state in collector.states()), sum(collector.store.counts.values())
        watcher.stop()
        return found
    return work
"""
BARE = """
import os, sqlite3
import msgspec
class Nothing(msgspec.Struct):
    pass
decode = msgspec.json.Decoder(Nothing).decode
def values(file):
    if file.endswith(".db"):
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            for table in ("message", "part"):
                for (data,) in database.execute(f"SELECT CAST(data AS BLOB) FROM {table}"):
                    yield data
    elif file.endswith(".json"):
        with open(file, "rb") as stream:
            yield stream.read()
    elif file.endswith(".jsonl"):
        with open(file, "rb") as stream:
            yield from stream
def read(path):
    def work():
        size = found = 0
        for directory, _, names in os.walk(path):
            for name in names:
                for data in values(os.path.join(directory, name)):
                    size += len(data)
                    found += 1
                    try:
                        decode(data)
                    except msgspec.DecodeError:
                        pass
        return size, found
    return work
"""
MEASURED = """
import json, os, resource, sys, time
work = read(sys.argv[1])
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
began, cpu = time.perf_counter(), time.process_time()
size, found = work()
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
others = sum(os.times()[2:4])
print(json.dumps([size / 1e6, seconds, (after - before) / 1e6, after / 1e6, found, cpu, others]))
"""


class Run(NamedTuple):
    """What one run of a program of our own took."""

    megabytes: float
    seconds: float
    growth: float
    """How much the peak of its memory grew, in megabytes."""
    peak: float
    """The peak of its memory, in megabytes."""
    rows: int
    cpu: float
    """Seconds of processor time of the process itself, which others on the machine make longer by little."""
    workers: float
    """The same of its workers."""


def measured(program: str, path: Path, *arguments: str) -> Run:
    """Return what a run of a program of our own takes."""
    command = [sys.executable, "-c", program + MEASURED, str(path), *arguments]
    return Run(*json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def counted(program: Path, path: Path) -> float:
    """Return how many seconds ccusage takes for the usage of a home."""
    began = time.perf_counter()
    environ = {**os.environ, "CLAUDE_CONFIG_DIR": str(path)}
    subprocess.run([program, "daily", "--offline", "--json"], check=True, capture_output=True, env=environ)
    return time.perf_counter() - began


def fetched() -> Path:
    """Return the program of ccusage, from npm unless it is in the cache already."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-widget" / CCUSAGE
    program = cache / "node_modules" / ".bin" / "ccusage"
    if not program.exists():
        options = ["--silent", "--no-audit", "--no-fund", "--prefix", str(cache)]
        subprocess.run(["npm", "install", *options, CCUSAGE], check=True)
    return program


def show(name: str, path: Path, runs: int, peer: Path | None, workers: list[int], report: Report) -> None:
    ours, bares, peers = [], [], []
    archived: dict[int, list[Run]] = {count: [] for count in workers}
    for _ in range(runs):
        ours.append(measured(OURS, path))
        bares.append(measured(BARE, path))
        for count, of in archived.items():
            of.append(measured(ARCHIVED, path, str(count)))
        if peer is not None and (path / "projects").is_dir():
            peers.append(counted(peer, path))
    best, bare = min(ours, key=lambda run: run.seconds), min(bares, key=lambda run: run.seconds)
    what, cpu = f"{name}, {best.megabytes:.0f} MB", min(run.cpu for run in ours)
    floors = {"bare": bare.seconds, "ccusage": min(peers) if peers else None}
    report.note(f"{what}, first reading", best.seconds, "s", **floors)
    report.note(f"{what}, processor time", cpu, "s", bare=min(run.cpu for run in bares))
    for count, of in archived.items():
        beside, found = f"{what}, archived, {count} workers", min(of, key=lambda run: run.seconds)
        least = min(of, key=lambda run: run.cpu + run.workers)
        report.note(beside, found.seconds, "s", **floors)
        report.note(f"{beside}, processor time of the server", least.cpu, "s", unarchived=cpu)
        report.note(f"{beside}, processor time of all", least.cpu + least.workers, "s", unarchived=cpu)
        report.note(f"{beside}, memory", found.peak, "MB")
    report.note(f"{what}, memory added", best.growth, "MB", bare=bare.growth)
    report.note(f"{what}, most memory", best.peak, "MB")
    report.note(f"{what}, rows", best.rows, "rows")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("directories", nargs="*", type=Path)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ccusage", action="store_true")
    parser.add_argument("--workers", type=int, nargs="*", default=[])
    options = options_of(parser)
    report = Report("reading")
    peer = fetched() if options.ccusage else None
    for directory in options.directories:
        show(directory.name[:33], directory, options.runs, peer, options.workers, report)
    for name, make in {} if options.directories else HOMES.items():
        with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary:
            make(Path(temporary) / "home", Story(options.megabytes))
            show(name, Path(temporary) / "home", options.runs, peer, options.workers, report)
    report.save(options.json)


if __name__ == "__main__":
    main()
