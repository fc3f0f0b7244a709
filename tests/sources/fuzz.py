"""Feeds readers what no agent would write: real and hand-written files, changed at random, through the collector.

    python -m tests.sources.fuzz [--seconds 60] [--seed N] [READER…]

A finding is an error that the collector does not count as a malformed line or document, a row that does not fit its
table, a row or a page of a transcript that cannot be sent, a reading that does not end, or rows that depend on how the
bytes arrived: in portions, all at once, or twice. Its seed is all that a trial needs to be done again:
``--seconds 0 --seed N READER`` does that one alone. What was fed is printed, cut down to the lines that matter.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from agent_widget.ingest.checkpoint import Shared
from agent_widget.ondemand.transcript import NoTranscript
from agent_widget.sources import SOURCES, Source
from agent_widget.sources.parsing import LATEST
from agent_widget.tables import AGENT_STATUSES, PREVIEW_CHARS, SESSION_STATUSES, TABLES, TASK_STATUSES, TOOL_STATUSES
from tests.support import homes
from tests.support.collecting import lookup
from tests.support.mutations import changed
from tests.support.transcripts import Home

NOW = 1_800_000_000_000
PATIENCE = 30
"""Seconds after which a reading counts as one that does not end."""
LINES = 30
"""Of a file, at most: a trial should take milliseconds."""
FILES = 6


# ---------------------------------------------------------------------------------------------------------------------
# What is fed


@cache
def corpus(kind: type[Source]) -> list[dict[str, Callable[[], bytes]]]:
    """The homes that there are of a source: path → its bytes; the hand-written ones first."""
    written = [{path: (lambda data=data: data) for path, data in make().items()} for make in homes.WRITTEN[kind.name]]
    found = [{path: file.read_bytes for path, file in files.items()} for files in homes.real(kind.name)]
    return [*written, *(files for files in found if any(mode(kind, path) for path in files))]  # type: ignore[list-item]


def home(kind: type[Source], dice: random.Random) -> tuple[dict[str, bytes], str]:
    """A few files that belong together, and which of them is to be changed."""
    all_homes, written = corpus(kind), len(homes.WRITTEN[kind.name])
    whole = dice.choice(all_homes[:written] if dice.random() < 0.5 else all_homes)
    families: dict[str, list[str]] = {}
    for path in sorted(whole):
        if mode(kind, path) is not None:
            families.setdefault(re.sub(r"[0-9a-f]{6,}|[0-9]+", "", path), []).append(path)
    target = dice.choice(families[dice.choice(sorted(families))])
    others = dice.sample(sorted(whole), min(FILES, len(whole)))
    files = {}
    for path in dict.fromkeys([target, *others]):
        data = whole[path]()
        files[path] = some_lines(data, dice) if mode(kind, path) == "lines" else data
    return files, target


def some_lines(data: bytes, dice: random.Random) -> bytes:
    """The first line, which often is a header, and some that follow each other."""
    given = data.splitlines(keepends=True)
    start = dice.randrange(max(1, len(given) - LINES)) if dice.random() < 0.8 else 0
    return b"".join([*given[:1], *given[max(1, start) : start + LINES]])


def mode(kind: type[Source], path: str) -> str | None:
    """How a file is read; ``None`` if it is not."""
    inside = PurePosixPath(path)
    if kind.folder is not None and inside.parts[0] == kind.folder:
        inside = PurePosixPath(*inside.parts[1:])
    reader = kind(Path("/nowhere")).reader(inside)
    return None if reader is None else reader.mode


# ---------------------------------------------------------------------------------------------------------------------
# What must hold


class Endless(BaseException):
    """Something took longer than :data:`PATIENCE`."""


@contextmanager
def patience() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def lost(*_: Any) -> None:
        raise Endless

    before = signal.signal(signal.SIGALRM, lost)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def complaint(kind: type[Source], files: dict[str, bytes], target: str, seed: int) -> str | None:
    """What is wrong with what a source makes of these files; ``None`` if nothing is.

    How the bytes arrive is tried with the changed file alone: it may contradict the others, and then it does matter who
    is read last.
    """
    dice = random.Random(seed)
    alone = {target: files[target]}
    with tempfile.TemporaryDirectory() as directory:
        try:
            with patience():
                if problem := wrong(filled(kind, Path(directory, "together"), files)):
                    return problem
                whole = filled(kind, Path(directory, "whole"), alone)
                found = whole.tables
                touch(whole.root / target, dice)
                if difference := differing(found, whole.tables):
                    return f"read twice, {difference}"
                if difference := differing(found, grown(kind, Path(directory, "growing"), alone, dice).tables):
                    return f"read in portions, {difference}"
        except Endless:
            return f"not read within {PATIENCE} s"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return None


def opened(kind: type[Source], root: Path, files: dict[str, bytes]) -> Home:
    """An empty home, with the directories that the files will be in."""
    for path in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
    made = Home(kind, root, now=NOW)
    assert [source.name for source in made.collector.sources] == [kind.name]
    return made


def filled(kind: type[Source], root: Path, files: dict[str, bytes]) -> Home:
    """A home that was read once."""
    made = opened(kind, root, files)
    for path, data in files.items():
        made.replace(path, data)
    return made.read()


def wrong(home: Home) -> str | None:
    """An error that is not the file's, or a row that should not be. Raises for a page of a transcript."""
    for agent in list(home.collector.store.rows("agents"))[:5]:
        with suppress(NoTranscript):
            msgspec.json.encode(lookup(home.collector).transcript(agent.id, limit=5).entries).decode()
    return faults(home) or unfit(home)


def grown(kind: type[Source], root: Path, files: dict[str, bytes], dice: random.Random) -> Home:
    """The same home, its lines arriving in portions after its documents."""
    growing = opened(kind, root, files)
    rest = {}
    for path, data in files.items():
        if mode(kind, path) == "lines":
            rest[path] = data
            growing.replace(path, b"")
        else:
            growing.replace(path, data)
    growing.read()
    while rest:
        path = dice.choice(sorted(rest))
        size = dice.choice((1, 300, 3000, 20_000, 1_000_000, 1_000_000))
        growing.write(path, rest[path][:size]).read()
        rest[path] = rest[path][size:]
        if not rest[path]:
            del rest[path]
    return growing


def touch(path: Path, dice: random.Random) -> None:
    """Make it look as if it had to be read from its start."""
    os.utime(path, ns=(dice.randrange(10**18), dice.randrange(10**18)))


def faults(home: Home) -> str | None:
    """Errors that are not the file's."""
    for state in home.collector.states():
        for problem in state.problems:
            if "could not be taken in" in problem:
                return problem.rpartition("could not be taken in")[2]
        msgspec.json.encode(state.unknown).decode()
    return None


_WORDS = {"agents": AGENT_STATUSES, "sessions": SESSION_STATUSES, "tasks": TASK_STATUSES, "tool_calls": TOOL_STATUSES}
_TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list, "map": dict}
_PREVIEWS = frozenset("text title activity description input output error notes status_reason".split())


def unfit(home: Home) -> str | None:
    """The first row that does not fit its table or cannot be sent, or entry that an archive cannot keep."""
    for name, table in TABLES.items():
        for row in home.collector.store.rows(name):
            if problem := misfit(table.schema, name, row):
                return problem
            try:
                msgspec.json.encode(row).decode()
            except (ValueError, OverflowError, TypeError) as error:
                return f"{name} {row.id!r} cannot be sent: {error}"
    for name, entries in Shared([("", home.source)]).kept.items():
        for key, value in entries.items():
            try:
                msgspec.msgpack.encode((key, value))
            except (ValueError, OverflowError, TypeError) as error:
                return f"{name} {key!r} cannot be kept: {error}"
    return None


def misfit(schema: dict[str, str], table: str, row: dict[str, Any]) -> str | None:
    for column, value in row.items():
        if value is None and column != "id":
            continue
        where = f"{table}.{column} = {str(value)[:150] if not isinstance(value, int) else hex(value)[:60]}"
        word = schema[column]
        if not isinstance(value, _TYPES[word]) or (isinstance(value, bool) and word != "bool"):
            return f"{where} is no {word}"
        if isinstance(value, (int, float)) and (abs(value) >= 2**63 or not math.isfinite(value)):
            return f"{table}.{column} is out of range"
        if (column == "at" or column.endswith("_at")) and not 0 <= value < 2 * LATEST:
            return f"{where} is a time that no DataFrame holds"
        if column in _PREVIEWS and isinstance(value, str) and len(value) > PREVIEW_CHARS:
            return f"{where} is {len(value)} characters long"
        if word == "list" and not all(isinstance(item, str) for item in value):
            return f"{where} holds other things than texts"
        if column == "status" and table in _WORDS and value not in _WORDS[table]:
            return f"{where} is no status"
    return None


def differing(one: dict[str, Any], other: dict[str, Any]) -> str | None:
    """The first cell in which two readings differ."""
    for table in one:
        for id in sorted(one[table].keys() | other[table].keys()):
            left, right = one[table].get(id), other[table].get(id)
            if left is None or right is None:
                return f"{table} has {id!r} only {'once' if left else 'the second time'}"
            for column in left:
                if left[column] != right[column]:
                    return f"{table}.{column} of {id!r} is {left[column]!r}, then {right[column]!r}"
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Trials


@dataclass
class Finding:
    """What was wrong, and what it takes to see it again."""

    kind: type[Source]
    seed: int
    problem: str
    target: str
    files: dict[str, bytes] = field(repr=False)

    def __str__(self) -> str:
        shown = "".join(f"\n  {path}:\n    {data[:4000]!r}" for path, data in self.files.items())
        again = f"python -m tests.sources.fuzz --seconds 0 --seed {self.seed} {self.kind.name}"
        return f"{self.kind.name}: {self.problem}\n  again: {again}{shown}"


def trial(kind: type[Source], seed: int) -> Finding | None:
    """One home with one file changed."""
    dice = random.Random(f"{kind.name}/{seed}")
    files, target = home(kind, dice)
    files[target] = changed(files[target], mode(kind, target) or "document", dice)
    problem = complaint(kind, files, target, seed)
    return None if problem is None else shrunk(Finding(kind, seed, problem, target, files))


def shrunk(finding: Finding, seconds: float = 10) -> Finding:
    """The same finding with fewer files and lines, as far as the time allows."""
    until = time.monotonic() + seconds
    sort = _sort(finding.problem)

    def still(files: dict[str, bytes]) -> bool:
        problem = complaint(finding.kind, files, finding.target, finding.seed)
        if problem is None or _sort(problem) != sort:
            return False
        finding.files, finding.problem = files, problem
        return True

    for path in finding.files.keys() - {finding.target}:
        if time.monotonic() < until:
            still({other: data for other, data in finding.files.items() if other != path})
    for path in list(finding.files):
        if mode(finding.kind, path) != "lines":
            continue
        size = len(finding.files[path].splitlines()) // 2
        while size and time.monotonic() < until:
            kept = finding.files[path].splitlines(keepends=True)
            for start in range(len(kept) - size, -1, -size):
                if time.monotonic() < until:
                    fewer = kept[:start] + kept[start + size :]
                    if still({**finding.files, path: b"".join(fewer)}):
                        kept = fewer
            size //= 2
    return finding


def _sort(problem: str) -> str:
    """What two findings of one cause have in common."""
    return re.sub(r"'.*'|\".*\"|[0-9.]+|=.*", "", problem)[:60]


def run(kind: type[Source], seeds: Iterator[int] | range, seconds: float = math.inf) -> tuple[list[Finding], int]:
    """Trials until the seeds or the time are over; findings of different causes, and how many trials there were."""
    until, trials = time.monotonic() + seconds, 0
    found: dict[str, Finding] = {}
    for seed in seeds:
        finding = trial(kind, seed)
        trials += 1
        if finding is not None:
            found.setdefault(_sort(finding.problem), finding)
        if time.monotonic() >= until or len(found) >= 5:
            break
    return list(found.values()), trials


def main() -> int:
    kinds = {kind.name: kind for kind in SOURCES}
    parser = argparse.ArgumentParser(prog="python -m tests.sources.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(kinds)}; all if none is named")
    parser.add_argument("--seconds", type=float, default=60, help="for each reader; 0 for one trial")
    parser.add_argument("--seed", type=int, default=None, help="of the first trial")
    given = parser.parse_args()
    if odd := set(given.readers) - set(kinds):
        parser.error(f"no reader is called {', '.join(sorted(odd))}")
    first = random.randrange(10**9) if given.seed is None else given.seed
    failed = False
    for name in given.readers or kinds:
        findings, trials = run(kinds[name], iter(range(first, first + 10**9)), given.seconds)
        print(f"{name}: seed {first}, {trials} trials, {len(findings)} findings", flush=True)
        for finding in findings:
            print(finding, flush=True)
        failed = failed or bool(findings)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
