"""Grows recorded transcripts again under a simulated clock and has our statuses compared with what was seen then.

Use, from the repository's root::

    python -m tests.replays ../shared/data/replays/claudecode        # one line for each recording, then totals
    python -m tests.replays -v ../shared/data/replays/codex/scenarios/2-1_basic-turn

The agent is known by the name of a directory above the recording (``claudecode``, ``codex``, …). Files are put below
a temporary home where the agent would have put them, as far as they had grown at each of the recorded times, and a
:class:`Collector` with that agent's source reads them. Where sizes are not recorded because the agent writes a database
(``opencode``), the transcript is an export of its rows with their times in ``_ts``; then the rows are written into a
database at these times (``databases.py``). What a recording is: ``recordings.py``. What is counted: ``compare.py``.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from agent_widget.ingest.collector import Collector
from agent_widget.sources.base import Source
from tests.support.collecting import refresh

from .compare import Outcome, Seen, compare
from .recordings import AGENTS, Change, Recording

HOMES: Final = {
    "claudecode": (r".*/\.claude/(.*)", ".claude"),
    "codex": (r".*/(sessions/.*)", ".codex"),
    "copilot": (r".*/(?:\.copilot|copilot-home)/(.*)", ".copilot"),
    "gemini-cli": (r".*/\.gemini/(.*)", ".gemini"),
    "pi": (r".*/(sessions/.*)", ".pi/agent"),
}
"""Which part of a recorded path lies below which directory of the home, wherever the agent's own home was."""

SETTLED_MS: Final = 2_000


def source_for(agent: str) -> type[Source] | None:
    """The source class for a directory name."""
    if agent not in AGENTS:
        return None
    module = importlib.import_module(f"agent_widget.sources.{AGENTS[agent]}")
    return next(
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Source) and kind.__module__ == module.__name__
    )


class Growth(NamedTuple):
    """Something happens to a file at a time; returns the files that changed."""

    at: int
    do: Callable[[], list[Path]]


def _file_growth(recording: Recording, home: Path) -> Iterator[Growth]:
    pattern, below = HOMES[recording.agent]
    for session in recording.sessions.values():
        found = re.fullmatch(pattern, session.path or "")
        if session.content is None or found is None:
            continue
        path = home / below / found.group(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        content, sizes = session.content, session.sizes
        for index, (at, size) in enumerate(sizes):
            yield Growth(at, _appending(path, content, sizes[index - 1][1] if index else 0, size))
            until = sizes[index + 1][0] if index + 1 < len(sizes) else recording.end
            if content[:size][-1:] not in (b"\n", b"") and until - at > SETTLED_MS:
                yield Growth(at + SETTLED_MS, _ageing(path))


def _appending(path: Path, content: bytes, start: int, end: int) -> Callable[[], list[Path]]:
    def do() -> list[Path]:
        if end < start:  # rewritten
            path.write_bytes(content[:end])
        else:
            with path.open("ab") as file:
                file.write(content[start:end])
        return [path]

    return do


def _ageing(path: Path) -> Callable[[], list[Path]]:
    """A line without newline counts as finished when nobody has written for a while."""

    def do() -> list[Path]:
        os.utime(path, (time.time() - 60,) * 2)
        return [path]

    return do


def _growth(recording: Recording, home: Path) -> list[Growth]:
    if recording.agent == "opencode":
        from . import databases

        found = databases.growth(recording, home)
    else:
        found = _file_growth(recording, home)
    return sorted(found, key=lambda growth: growth.at)


def watch(recording: Recording, home: Path) -> Seen:
    """Grow the files of a recording and note each change of a status of ours at the time it would have been seen."""
    kind = source_for(recording.agent)
    assert kind is not None
    growth = _growth(recording, home)
    roots = [root for root in kind.default_roots({}, home) if root.is_dir()]
    now = recording.start
    collector = Collector([home], clock=lambda: now)
    collector.sources = [kind(root) for root in roots]
    live: dict[str, list[Change]] = {}

    def note(*, by_clock: bool = False) -> None:
        for row in collector.store.rows("agents"):
            changes = live.setdefault(row["id"], [])
            if row["role"] != "human" and (not changes or changes[-1].state != row["status"]):
                at = row["status_at"] + 1 if by_clock else now  # evidence holds until its last moment
                changes.append(Change(at, row["status"] or "unknown", row["status_reason"] or ""))

    def pass_time(until: int) -> None:
        nonlocal now
        now = max(now, until)
        collector.settle()
        note(by_clock=True)

    for at, do in growth:
        pass_time(at)
        refresh(collector, do())
        note()
    pass_time(recording.end)
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for row in collector.store.rows("spans"):
        ended = row["ended_at"] if row["ended_at"] is not None else recording.end
        spans.setdefault(row["agent_id"], []).append((row["started_at"], ended, row["status"]))
    return Seen({id: changes for id, changes in live.items() if changes}, spans)


def play(recording: Recording) -> Outcome:
    """Replay one recording in a temporary home and compare."""
    with tempfile.TemporaryDirectory(prefix="replay-") as home:
        return compare(recording, watch(recording, Path(home).resolve()))
