"""How well and how fast secrets are masked.

    python -m tests.benchmarks.masking [DIR…] [--seed 1] [--base CHECKOUT] [--missed] [--alarms]

*Recall*: secrets of every kind, drawn by chance, in every placement: how many are gone from the text. *Precision*: what
is masked in the texts of real agents (DIR, or ``../shared/data``), each distinct place once; with ``--alarms`` each is
printed, to be judged by eye. *Time*: 2 MB of the worst there is, and ordinary records beside another checkout
(``--base``).
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

SLOW = (
    "a word or two, ",
    "A",
    "a-",
    "a.",
    "sk-",
    "eyJ-",
    "eyJa.",
    "eyJaaaaaaaaa.",
    "AKIA-",
    "ghp_",
    "xoxb-",
    "://",
    "://a:",
    "://a:b@",
    "-----BEGIN ",
    "-----BEGIN RSA PRIVATE" + " KEY-----",
    "-----BEGIN RSA PRIVATE" + " KEY-----\naaaaaaaaaaaaaaaaaaaa",
    "[masked: ",
    "\\",
    "token=token:",
    "token=",
    "token",
    "token ",
    "token=a ",
    "token=password=",
    "password: ",
    "password=a1b2c3d4 ",
    "api_key=a1,",
    '"token":"a ',
    '"token":"a1b2c3d4e5f6",',
    "secret secret=",
    "--token ",
    "bearer ",
    "bearer aaaaaaaaaaa ",
    "authorization: basic ",
    "cookie: a=b ",
    "curl -u a:b ",
    " -u a:b",
    " -pabc",
    " -p abc",
    "…",
    "sk-aaaaaaaaaaaaaaaaa…",
    "AAAAAAAAAAAAAAAAAAAA ",
    "sk-aaaaaaaaaaaaaaaaaaaaa ",
    "key",
    "pass",
    "_key=",
    "aws ",
    "aws/",
    "$2b$",
    "$",
    "{",
    "=",
    ":",
    '"',
    "%3d",
    "is ",
    "token is ",
    "name: token, value: ",
    "A.",
    "\n",
    "é",
    "1//0",
    "12345678:A",
    "fo1_-",
    "fio-u-_",
    "CFPAT--",
    "tskey-",
    "AGE-SECRET-KEY-1_",
    "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t" + "A1b2" * 15 + "/",
    "a:*:b:c:dddd ",
    "db:5432:a:b:",
    "db:5432:",
    "set -a -b -c password ",
    "define('password', '",
    "user=a;password=",
)


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


def slow(report: Report) -> None:
    """Print the time for 2 MB of each of the worst texts."""
    worst = []
    for piece in SLOW:
        text = piece * (2_000_000 // len(piece))
        began = time.process_time()
        mask(text)
        worst.append((time.process_time() - began, piece))
    worst.sort(reverse=True)
    report.note("the worst 2 MB", worst[0][0], "s")
    for seconds, piece in worst[:12]:
        print(f"  {seconds:6.3f} s  {piece!r}")


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
    slow(report)
    if directories:
        precision(directories, options.alarms, report)
        ordinary(directories, options.base, report)
    report.save(options.json)


if __name__ == "__main__":
    main()
