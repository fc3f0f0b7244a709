"""How fast, and in how much memory, homes of agents are read for the first time.

    python -m tests.benchmarks.reading [DIR…] [--megabytes 50] [--runs 3]

Each home is read in a process of its own: once by a collector into a store, as the server does it, and once by
a bare loop that only reads the same bytes and lets msgspec find the values in each line, document or row without making
anything of them. Machines differ and are noisy, so read the ratios. Without DIR made-up homes of several
agents are read. Importing our modules does not count; importing the prices does, since the first answer needs them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.homes import HOMES, Story

OURS = """
from agent_widget.ingest.collector import Collector
def read(path):
    collector = Collector([path])
    def work():
        collector.scan()
        return sum(state.bytes for state in collector.states()), sum(map(collector.store.count, collector.store))
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
import json, resource, sys, time
work = read(sys.argv[1])
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
began = time.perf_counter()
size, found = work()
seconds = time.perf_counter() - began
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([size / 1e6, seconds, (after - before) / 1e6, after / 1e6, found]))
"""


def measured(program: str, path: Path, runs: int) -> tuple[float, float, float, float, int]:
    """Megabytes, seconds, growth of the peak memory, peak memory (both in megabytes), rows; of the fastest run."""
    command = [sys.executable, "-c", program + MEASURED, str(path)]
    results = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    return tuple(min(results, key=lambda result: result[1]))  # type: ignore[return-value]


def show(name: str, path: Path, runs: int) -> None:
    size, seconds, growth, peak, rows = measured(OURS, path, runs)
    _, bare, bare_growth, _, _ = measured(BARE, path, runs)
    print(
        f"{name:<34}{size:8.1f}{seconds:8.2f}{size / seconds:8.0f}{bare:8.2f}{seconds / bare:8.1f}"
        f"{growth:9.0f}{peak:7.0f}{bare_growth:7.0f}{rows:9}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("directories", nargs="*", type=Path)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    heads = {"": "<34", "MB": ">8", "s": ">8", "MB/s": ">8", "bare s": ">8", "ratio": ">8", "RSS +MB": ">9"}
    heads |= {"peak": ">7", "bare +": ">7", "rows": ">9"}
    print("".join(format(head, width) for head, width in heads.items()))
    for directory in options.directories:
        show(directory.name[:33], directory, options.runs)
    for name, make in {} if options.directories else HOMES.items():
        with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as temporary:
            make(Path(temporary) / "home", Story(options.megabytes))
            show(name, Path(temporary) / "home", options.runs)


if __name__ == "__main__":
    main()
