"""How well and how fast secrets are masked.

    python -m tests.benchmarks.masking [DIR…] [--seed 1] [--base CHECKOUT] [--missed] [--alarms]

*Recall*: secrets of every kind, drawn by chance, in every placement: how many are gone from the text. *Precision*: what
is masked in the texts of real agents (DIR, or ``../shared/data``), each distinct place once; with ``--alarms`` each is
printed, to be judged by eye. *Time*: 2 MB of the worst that a search finds, which tries texts written from the rules
(other ones with another ``--seed``), and ordinary records beside another checkout (``--base``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from agent_widget import masking
from agent_widget.ingest.collector import Collector
from agent_widget.masking import deep, mask, masked
from agent_widget.tables import Record
from tests.benchmarks.report import Report, options_of
from tests.support.secrets import KINDS, PLACEMENTS, Chance, placed
from tests.support.worst_texts import pieces, repeated


def recall(seed: int, show: bool, report: Report) -> None:
    """Print the share of secrets that are gone, by kind and by placement."""
    chance = Chance(seed)
    hits: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for kind in KINDS:
        for placement in PLACEMENTS:
            for _, written, parts in placed(kind, placement, chance):
                shown = deep(written) if not isinstance(written, str) else mask(written)
                text = shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
                good = not any(part in text for part in parts)
                for name in ("all", f"kind {kind.name}", f"placement {placement.name}"):
                    tried[name] += 1
                    hits[name] += good
                if not good and show:
                    print(f"  missed: {kind.name} in {placement.name}: {written!r} -> {text!r}")
    what = f"found of {tried['all']} secrets ({len(KINDS)} kinds, {len(PLACEMENTS)} placements)"
    report.note(what, 100 * hits["all"] / tried["all"], "%")
    for name in sorted(tried, key=lambda name: hits[name] / tried[name]):
        if hits[name] < tried[name]:
            print(f"  {hits[name] / tried[name]:7.1%}  {name}")


def texts_of(directories: list[Path]) -> list[str]:
    """Return every distinct text of the rows, and of the lines of the files, below some directories."""
    found: dict[str, None] = {}
    for directory in directories:
        collector = Collector([directory], masking=False)
        collector.scan()
        for table in collector.store:
            for row in collector.store.rows(table):
                found.update(dict.fromkeys(value for value in row.values() if isinstance(value, str)))
        for path in directory.rglob("*"):
            if path.is_file() and path.suffix in (".jsonl", ".json", ".md", ".log", ".txt"):
                found.update(dict.fromkeys(path.read_text(errors="replace").splitlines()))
    return list(found)


def precision(directories: list[Path], show: bool, report: Report) -> None:
    """Print how often something is masked in real texts; whether rightly is for the eye."""
    seen: dict[str, str] = {}
    texts = texts_of(directories)
    for text in texts:
        shown = mask(text)
        if shown is text:
            continue
        for line in shown.replace("\\n", "\n").splitlines():
            at = line.find("[masked: ")
            while at >= 0:
                around = line[max(0, at - 60) : at + 60]
                seen.setdefault(line[max(0, at - 25) : line.find("]", at) + 1], around)
                at = line.find("[masked: ", at + 1)
    report.note(f"masked in {len(texts):,} real texts", len(seen), "distinct places")
    for around in seen.values() if show else ():
        print(f"  {around!r}")


def seconds(text: str) -> float:
    """Return the processor time that a text takes, the smaller of two."""
    times = []
    for _ in range(2):
        began = time.process_time()
        mask(text)
        times.append(time.process_time() - began)
    return min(times)


def slow(seed: int, report: Report) -> None:
    """Search the texts that take longest, among those of :mod:`tests.support.worst_texts` and mixtures of them."""
    chance = Chance(seed)
    known = pieces(chance)
    tried = [(seconds(repeated(piece, SAMPLE)), piece) for piece in chance.sample(known, min(len(known), PIECES))]
    slowest = [piece for _, piece in sorted(tried, reverse=True)[: PIECES // 5]]
    for _ in range(PIECES // 5):
        mixed = "".join(chance.choice(slowest if chance.random() < 0.6 else known) for _ in range(chance.randint(2, 4)))
        tried.append((seconds(repeated(mixed, SAMPLE)), mixed))
    worst = [(seconds(repeated(piece, LARGE)), piece) for _, piece in sorted(tried, reverse=True)[:40]]
    worst.sort(reverse=True)
    report.note(f"the worst 2 MB of {len(tried):,} shapes", worst[0][0], "s")
    for spent, piece in worst[:12]:
        print(f"  {spent:6.3f} s  {piece[:100]!r}")


LARGE = 2_000_000
SAMPLE = 100_000
"""Characters of the texts that are tried first: many, since of few places each is looked at with care."""
PIECES = 1_000


ORDINARY = """
import json, sys, time
try:
    from agent_widget.masking import masked
    from agent_widget.tables import Record
except ImportError:
    from agent_widget.store import Record
records = [Record(*record) for record in json.load(open(sys.argv[1]))]
for record in records[:2000]:
    masked(record)
best = 1e9
for _ in range(7):
    began = time.process_time()
    for record in records:
        masked(record)
    best = min(best, time.process_time() - began)
print(best)
"""


def ordinary(directories: list[Path], base: Path | None, report: Report) -> None:
    """Print the time for the records of real files, and that of another checkout for the same ones."""
    records: list[Record] = []
    for directory in directories:
        collector = Collector([directory], masking=False)
        apply = collector.store.apply
        collector.store.apply = lambda operations, *rest, apply=apply: apply(  # type: ignore[method-assign]
            [records.append(o) or o if isinstance(o, Record) else o for o in operations], *rest
        )
        collector.scan()
    best = 1e9
    path = Path("/tmp/agent-widget-masking-records.json")
    path.write_text(json.dumps([(record.table, record.id, record.fields) for record in records]))
    for _ in range(7):
        masking._CLEAN.clear()  # as when they are read for the first time
        began = time.process_time()
        for record in records:
            masked(record)
        best = min(best, time.process_time() - began)
    other = None
    if base is not None:
        python = next((str(p) for p in (base / ".venv/bin/python", Path(sys.executable)) if p.exists()), sys.executable)
        run = [python, "-c", ORDINARY, str(path)]
        other = float(
            subprocess.run(
                run, check=True, capture_output=True, text=True, cwd=base, env={"PYTHONPATH": str(base)}
            ).stdout
        )
    report.note("an ordinary record", best / len(records) * 1e6, "µs", base=other and other / len(records) * 1e6)
    path.unlink()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("directories", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--base", type=Path, help="another checkout, with a .venv, to compare ordinary texts with")
    parser.add_argument("--missed", action="store_true", help="print what was missed")
    parser.add_argument("--alarms", action="store_true", help="print what was masked in real texts")
    options = options_of(parser)
    report = Report("masking")
    shared = Path(__file__).parents[3] / "shared/data"
    directories = options.directories or [
        path for path in (shared / "hyrm-workspace/memory", *sorted(shared.glob("claude-code/*"))) if path.is_dir()
    ]
    recall(options.seed, options.missed, report)
    slow(options.seed, report)
    if directories:
        precision(directories, options.alarms, report)
        ordinary(directories, options.base, report)
    report.save(options.json)


if __name__ == "__main__":
    main()
