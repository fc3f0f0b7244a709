"""How fast tables become frames: ours beside pandas and pyarrow building the same from lists of cells, in one run.

    python -m tests.benchmarks.frames [--rows 100000] [--runs 7]

The columns of ``bare`` are lists that exist already, so it need not look into a single row; it is what remains when
everything we do with rows is taken away. Machines differ and are noisy, so read the ratios; ``cpu`` is
what this process computed, ``wall`` the best of the runs on the clock.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import pandas
import pyarrow

from agent_widget.data.sql import run
from agent_widget.data.table import StoredTable
from agent_widget.store import Store
from agent_widget.tables import TABLES, Record
from tests.benchmarks.report import Report, options_of

NOON = 1_767_268_800_000
QUERY = "select name, count(*), avg(duration_ms) from tool_calls group by 1"


def filled(count: int) -> Store:
    """A store with so many messages and tool calls."""
    dice = random.Random(1)

    def text(words: int) -> str:
        return "the file test " * dice.randrange(1, words)

    def message(number: int) -> dict[str, Any]:
        record = {"at": NOON + number, "sender": f"a{number % 50}", "recipient": "*", "read": number % 2 == 0}
        return {**record, "kind": dice.choice(["prompt", "reply"]), "text": text(30), "session_id": f"s{number % 300}"}

    def call(number: int) -> dict[str, Any]:
        record = {"at": NOON + number, "agent_id": f"a{number % 50}", "session_id": f"s{number % 300}", "status": "ok"}
        record |= {"name": dice.choice(["Bash", "Read", "Edit"]), "duration_ms": dice.randrange(9000)}
        return {**record, "input": text(20), "output": text(30), "input_bytes": 100, "output_bytes": 200}

    store = Store()
    defaults = {"source": "claude", "host": "here"}
    store.apply((Record("messages", f"m{number}", message(number)) for number in range(count)), defaults)
    store.apply((Record("tool_calls", f"c{number}", call(number)) for number in range(count)), defaults)
    return store


def best(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """Milliseconds of CPU and of the clock, the least of the runs."""
    took = []
    for _ in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        took.append((time.process_time() - cpu, time.perf_counter() - wall))
    return min(cpu for cpu, _ in took) * 1000, min(wall for _, wall in took) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    options = options_of(parser)
    report = Report("frames")
    store = filled(options.rows)
    for name in ("messages", "tool_calls"):
        table, rows = StoredTable(store, name), store.rows(name)
        lists = {column.name: [row[column.name] for row in rows] for column in TABLES[name].columns}
        works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            ".df()": (table.df, lambda lists=lists: pandas.DataFrame(lists)),  # type: ignore[misc]
            ".arrow()": (table.arrow, lambda lists=lists: pyarrow.table(lists)),  # type: ignore[misc]
        }
        for label, (ours, bare) in works.items():
            base = best(bare, options.runs)[0]
            cpu, wall = best(ours, options.runs)
            report.note(f"{options.rows:,} {name}, {label}, processor", cpu, "ms", bare=base)
            report.note(f"{options.rows:,} {name}, {label}, elapsed", wall, "ms")
    cpu, wall = best(lambda: run(store, QUERY), options.runs)
    report.note("sql: group and average, processor", cpu, "ms")
    report.note("sql: group and average, elapsed", wall, "ms")
    report.save(options.json)


if __name__ == "__main__":
    main()
