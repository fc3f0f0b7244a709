"""Grows recorded transcripts again under a simulated clock and compares our statuses with what was seen then.

Use, from the repository's root::

    python -m tests.replays ../shared/data/replays/claudecode        # one line for each recording, then totals
    python -m tests.replays -v ../shared/data/replays/codex/scenarios/2-1_basic-turn

A *recording* is a directory with ``events.jsonl`` and ``transcript.jsonl``. The events are those of an independent
monitor that ran beside the agent:

- ``transcript_new`` and ``transcript_activity``: at ``ts`` the session's file ``transcript_path`` had ``file_size``
  bytes. The transcript holds the files of all sessions one after the other; subagents' files lie in ``subagents/``
  of the case.
- ``state_transition``: what the monitor took the session to be doing: ``ready``, ``working``, ``waiting``. A session
  that it finds is ``ready`` (``new session created``) until it looks inside, with OpenCode up to some minutes later; so
  agreement is told twice, for all the time and for the time in which it had *looked*.
- ``process_exited``, ``transcript_removed``: it forgets the session. From then on until it says something again nothing
  is compared, and its last word is the one before.
- ``hook_received``: the agent had told the monitor by a hook, which is in no file. Such recordings are played and shown
  but count for nothing. Its sessions ``proc-…`` are processes without a transcript and are left out.

``expected.jsonl`` of the case, if there is one, lists the phases that a person expects.

The agent is told by the name of a directory above the recording (``claudecode``, ``codex``, …). Files are put below
a temporary home where the agent would have put them, and a :class:`Collector` with that agent's source reads them.
Where sizes are not recorded because the agent writes a database (``opencode``), the transcript is an export of its rows
with their times in ``_ts``; then the rows are written into a database at these times (``databases.py``).

What is printed for each recording: the share of the time in which our live status agrees (idle, done, failed, offline
and unknown count as ready), and the same for the time in which the monitor had looked; whether it does at the end; how
many of the expected phases are found, in order and in time, in our live statuses or in the spans (which have turns that
began and ended between two sightings); and by how many seconds each of the monitor's transitions preceded ours (``-``
before a number: ours was first; ``held``: we said so all the time; ``missed``: never). States shorter than 0.1 s are
not asked for. Phases that rest on a process (``pid_discovered`` and the like) only say from when to look.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent_widget.collector import Collector
from agent_widget.sources.base import Source

MODULES: Final = {
    "claudecode": ("claude", "claude_code"),
    "codex": ("codex",),
    "copilot": ("copilot",),
    "gemini-cli": ("gemini", "gemini_cli"),
    "opencode": ("opencode",),
    "pi": ("pi",),
}
"""Name of the directory of recordings → modules of agent_widget.sources, the first that exists."""

HOMES: Final = {
    "claudecode": (r".*/\.claude/(.*)", ".claude"),
    "codex": (r".*/\.codex/(.*)", ".codex"),
    "copilot": (r".*/(?:\.copilot|copilot-home)/(.*)", ".copilot"),
    "gemini-cli": (r".*/\.gemini/(.*)", ".gemini"),
    "opencode": (r".*/opencode/([^?]*).*", ".local/share/opencode"),
    "pi": (r".*/\.pi/(.*)", ".pi"),
}
"""Which part of a recorded path lies below which directory of the home."""

STATE: Final = {"working": "working", "waiting": "waiting"}
"""Our statuses in the monitor's words; all others are ``ready``."""

NOT_LOOKED: Final = "new session created"
SETTLED_MS: Final = 2_000
FLICKER_MS: Final = 100
GRACE_MS: Final = 1_000
"""How much later than a phase allows our status may come."""


class Change(NamedTuple):
    """From ``at`` on somebody says so."""

    at: int
    state: str
    reason: str = ""


@dataclass
class Session:
    """One session as the monitor saw it."""

    id: str
    path: str | None = None
    sizes: list[tuple[int, int]] = field(default_factory=list)
    states: list[Change] = field(default_factory=list)
    born: int = 0
    content: bytes | None = None

    @property
    def key(self) -> str:
        """What is certainly part of our agent's id, too."""
        name = re.sub(r"^(agent-|session-\d{4}-\d\d-\d\dT\d\d-\d\d-)", "", self.id)
        uuid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", name)
        return uuid.group() if uuid else name


@dataclass
class Recording:
    """One directory."""

    directory: Path
    agent: str
    case: str
    start: int
    end: int
    sessions: dict[str, Session]
    events: list[dict[str, Any]]
    expected: list[dict[str, Any]]
    transcript: bytes
    hooks: int = 0
    processes: int = 0


def find(directories: Iterable[Path]) -> Iterator[Path]:
    """The recordings below some directories."""
    for directory in directories:
        for events in sorted(directory.rglob("events.jsonl")):
            if (events.parent / "transcript.jsonl").is_file():
                yield events.parent


def source_for(agent: str) -> type[Source] | None:
    """The source class for a directory name, if it is written already."""
    for name in MODULES.get(agent, ()):
        try:
            module = importlib.import_module(f"agent_widget.sources.{name}")
        except ModuleNotFoundError as missing:
            if missing.name != f"agent_widget.sources.{name}":
                raise
            continue
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, Source) and kind.__module__ == module.__name__:
                return kind
    return None


def _at(entry: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(entry["ts"]).timestamp() * 1000)


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]


def read(directory: Path) -> Recording:
    """Load one recording and find out which bytes of the transcript are whose."""
    directory = directory.resolve()
    agent = next((part for part in reversed(directory.parts) if part in MODULES), directory.parent.name)
    above = list(directory.parents)[:2]
    case = next((path.parent for path in above if path.name == "recordings"), directory)
    events = _json_lines(directory / "events.jsonl")
    expected = next((path for at in (directory, case) if (path := at / "expected.jsonl").is_file()), None)
    recording = Recording(
        directory,
        agent,
        case.name,
        _at(events[0]),
        _at(events[-1]),
        {},
        events,
        [entry for entry in _json_lines(expected) if "phase" in entry] if expected else [],
        (directory / "transcript.jsonl").read_bytes(),
        sum(entry["kind"] == "hook_received" for entry in events),
        len({entry["session_id"] for entry in events if entry.get("session_id", "").startswith("proc-")}),
    )
    for entry in events:
        id, kind, at = entry.get("session_id", ""), entry["kind"], _at(entry)
        if not id or id.startswith("proc-"):
            continue
        session = recording.sessions.setdefault(id, Session(id, born=at))
        session.path = session.path or entry.get("transcript_path")
        if kind in ("transcript_new", "transcript_activity"):
            size = entry.get("file_size", 0)
            if size and (not session.sizes or session.sizes[-1][1] != size):
                session.sizes.append((at, size))
        elif kind == "state_transition":
            if not session.states or session.states[-1].state != entry["new_state"]:
                session.states.append(Change(at, entry["new_state"], entry.get("reason", "")))
        elif kind in ("transcript_removed", "process_exited") and session.states and session.states[-1].state:
            session.states.append(Change(at, ""))
    if agent == "opencode":
        children = {entry["session_id"] for entry in events if entry["kind"] == "parent_linked"}
        for session in recording.sessions.values():
            session.content = None if session.id in children else b""
    else:
        _divide(recording, case)
    return recording


def _divide(recording: Recording, case: Path) -> None:
    """Give each session its part of the transcript, or the file that lies beside it."""
    own: list[Session] = []
    for session in recording.sessions.values():
        beside = [path for at in (recording.directory, case) for path in at.glob(f"*/{session.id}.jsonl")]
        if beside:
            session.content = beside[0].read_bytes()
        elif session.sizes and "/subagents/" not in (session.path or ""):
            own.append(session)
    data = recording.transcript
    sizes = [session.sizes[-1][1] for session in own]
    if len(own) == 1 or sum(sizes) == len(data):
        starts = [sum(sizes[:index]) for index in range(len(own))]
    else:  # more was written after the monitor had looked for the last time: each begins where it is first named
        starts = [data.rfind(b"\n", 0, max(0, data.find(session.key.encode()))) + 1 for session in own]
    for session, start in zip(own, starts, strict=True):
        end = min((other for other in starts if other > start), default=len(data))
        session.content = data[start:end]


# ---------------------------------------------------------------------------------------------------------------------
# Growing


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


class Seen(NamedTuple):
    """What we said: live, and in hindsight."""

    live: dict[str, list[Change]]
    spans: dict[str, list[tuple[int, int, str]]]


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

    def note() -> None:
        for row in collector.store.rows("agents"):
            changes = live.setdefault(row["id"], [])
            if row["role"] != "human" and (not changes or changes[-1].state != row["status"]):
                changes.append(Change(now, row["status"] or "unknown", row["status_reason"] or ""))

    def pass_time(until: int) -> None:
        nonlocal now
        while (expiry := collector.next_expiry) is not None and now <= expiry < until:
            now = expiry + 1
            collector.settle()
            note()
        now = max(now, until)

    for at, do in growth:
        pass_time(at)
        collector.refresh(do())
        note()
    pass_time(recording.end)
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for row in collector.store.rows("spans"):
        ended = row["ended_at"] if row["ended_at"] is not None else recording.end
        spans.setdefault(row["agent_id"], []).append((row["started_at"], ended, row["status"]))
    return Seen({id: changes for id, changes in live.items() if changes}, spans)


# ---------------------------------------------------------------------------------------------------------------------
# Comparing


def _in_their_words(changes: Iterable[Change], born: int) -> list[Change]:
    told = [Change(born, "ready", "not seen yet")]
    for change in changes:
        state = STATE.get(change.state, "ready")
        if state != told[-1].state:
            told.append(Change(max(change.at, born), state, f"{change.state}: {change.reason}"))
    return told


def _at_time(changes: list[Change], at: int) -> Change:
    return changes[max(bisect_right([change.at for change in changes], at) - 1, 0)]


@dataclass
class Compared:
    """One session."""

    id: str
    agent_id: str | None
    theirs: list[Change]
    ours: list[Change]
    end: int
    agreed_ms: int = 0
    total_ms: int = 0
    looked_agreed_ms: int = 0
    looked_ms: int = 0
    final: bool = False
    delays: list[tuple[str, int | str]] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)

    def compare(self) -> None:
        """Fill in the figures."""
        start = self.theirs[0].at
        times = sorted({start, self.end, *(change.at for change in (*self.theirs, *self.ours))})
        times = [at for at in times if start <= at <= self.end]
        for at, until in pairwise(times):
            theirs = _at_time(self.theirs, at)
            if not theirs.state:
                continue
            agreed = theirs.state == _at_time(self.ours, at).state
            self.total_ms += until - at
            self.agreed_ms += (until - at) * agreed
            if not (theirs.state == "ready" and theirs.reason == NOT_LOOKED):
                self.looked_ms += until - at
                self.looked_agreed_ms += (until - at) * agreed
        last = [change for change in self.theirs if change.state][-1]
        self.final = last.state == _at_time(self.ours, self.end).state
        told = [*self.theirs, Change(self.end, "")]
        if told[0].state != "ready":
            told.insert(0, Change(told[0].at, "ready"))
        for before, change, after in zip(told, told[1:], told[2:], strict=False):
            if after.at - change.at < FLICKER_MS or not change.state:
                continue
            near = [o.at - change.at for o in self.ours if o.state == change.state and before.at <= o.at <= after.at]
            if near:
                self.delays.append((change.state, min(near, key=abs)))
            else:
                held = _at_time(self.ours, change.at).state == change.state
                self.delays.append((change.state, "held" if held else "missed"))


@dataclass
class Outcome:
    """One recording, compared."""

    recording: Recording
    sessions: list[Compared]
    without_file: int
    phases: list[tuple[str, bool]]

    @property
    def counts(self) -> bool:
        """Whether it is part of the figures."""
        return not self.recording.hooks

    def share(self) -> tuple[int, int, int, int]:
        """Milliseconds that agree and all, and the same of the time in which the monitor had looked."""
        return _shares(self.sessions)

    def lines(self, *, verbose: bool = False) -> Iterator[str]:
        """What is printed."""
        agreed, total, looked_agreed, looked = self.share()
        share = f"{_percent(agreed, total):>6} {_percent(looked_agreed, looked):>6}"
        final = "final ok " if all(session.final for session in self.sessions) else "final BAD"
        found = sum(met for _, met in self.phases)
        phases = f"phases {found}/{len(self.phases)}" if self.phases else "no phases"
        hooks = f"  not counted: {self.recording.hooks} hooks" if self.recording.hooks else ""
        stamp = self.recording.directory.name[:19]
        yield f"{self.recording.agent:10} {self.recording.case:32} {stamp:19} {share}  {final}  {phases:11}{hooks}"
        for session in self.sessions:
            delays = ", ".join(f"{state} {_seconds(delay)}" for state, delay in session.delays)
            yield f"    {session.id[-36:]}: {delays or 'no transitions'}"
            if session.agent_id is None:
                yield "        no agent of ours belongs to it"
            if verbose:
                told = [(change, "theirs") for change in session.theirs] + [(change, "ours") for change in session.ours]
                for change, who in sorted(told, key=lambda entry: entry[0].at):
                    at = (change.at - self.recording.start) / 1000
                    yield f"        {at:8.2f} s  {who:6} {change.state:8} {change.reason[:120]}"
        if missing := [name for name, met in self.phases if not met]:
            yield f"    phases not found: {', '.join(missing)}"
        if self.without_file:
            yield f"    {self.without_file} sessions without a file in the recording"


def _shares(sessions: list[Compared]) -> tuple[int, int, int, int]:
    return (
        sum(session.agreed_ms for session in sessions),
        sum(session.total_ms for session in sessions),
        sum(session.looked_agreed_ms for session in sessions),
        sum(session.looked_ms for session in sessions),
    )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _seconds(delay: int | str) -> str:
    return delay if isinstance(delay, str) else f"{delay / 1000:+.1f}"


def play(recording: Recording) -> Outcome:
    """Replay one recording in a temporary home and compare."""
    with tempfile.TemporaryDirectory(prefix="replay-") as home:
        seen = watch(recording, Path(home).resolve())
    compared: list[Compared] = []
    without_file = 0
    for session in recording.sessions.values():
        agent_id = _agent_of(session, seen)
        if session.content is None or not any(change.state for change in session.states):
            without_file += 1
            continue
        ours = _in_their_words(seen.live.get(agent_id or "", ()), session.born)
        entry = Compared(session.id, agent_id, session.states, ours, recording.end)
        entry.spans = seen.spans.get(agent_id or "", [])
        entry.compare()
        compared.append(entry)
    return Outcome(recording, compared, without_file, list(_phases(recording, compared)))


def _agent_of(session: Session, seen: Seen) -> str | None:
    holding = [id for id in seen.live if session.key in id]
    return min(holding, key=lambda id: (not id.endswith(session.key), len(id)), default=None)


def _phases(recording: Recording, sessions: list[Compared]) -> Iterator[tuple[str, bool]]:
    """Look for each phase in turn, from the moment on in which the one before it was found."""
    found: dict[str, tuple[int, str | None]] = {"start": (recording.start, None)}
    used: set[str] = set()
    for phase in recording.expected:
        name, after = phase["phase"], found.get(phase.get("relative_to", "start"))
        if after is None:
            if "kind" not in phase:
                yield name, False
            continue
        since, _ = after
        same = found.get(phase.get("same_session_as", ""), (0, None))[1]
        until = since + phase["max_delay_ms"] + GRACE_MS if phase.get("max_delay_ms") else None
        wanted = phase.get("expected_state")
        if "kind" in phase or wanted is None or _of_process(phase, recording, wanted):
            at = _recorded(phase, recording, since, same)
            if at is not None:
                found[name] = at
            continue
        hits = []
        for session in sessions:
            if same is not None and session.id != same:
                continue
            if phase.get("new_session") and session.id in used:
                continue
            duration = phase.get("duration_at_least_ms") or 0
            at = _when(session, wanted, since, duration, is_birth=session.id not in used)
            if at is not None and (until is None or at <= until):
                hits.append((at, session.id))
        if hits:
            found[name] = min(hits)
            used.add(min(hits)[1])
        yield name, bool(hits)


def _of_process(phase: dict[str, Any], recording: Recording, wanted: str) -> bool:
    """Whether the phase is about a process before it has a transcript."""
    if (phase.get("session_id_prefix") or "").startswith("proc-"):
        return True
    at_start = phase.get("relative_to") == "start" and wanted == "ready" and not phase.get("new_session")
    return at_start and recording.processes > 0


def _recorded(
    phase: dict[str, Any], recording: Recording, since: int, same: str | None
) -> tuple[int, str | None] | None:
    """When the monitor saw what is in no file."""
    for entry in recording.events:
        id = entry.get("session_id")
        if _at(entry) < since or (same is not None and id != same):
            continue
        if entry["kind"] == phase.get("kind", "state_transition") and (
            "kind" in phase or entry.get("new_state") == phase["expected_state"]
        ):
            return _at(entry), None if (id or "proc-").startswith("proc-") else id
    return None


def _when(session: Compared, wanted: str, since: int, duration: int, *, is_birth: bool) -> int | None:
    """The first moment from ``since`` on in which we say ``wanted`` of the session; no time need pass at its birth."""
    ends = [change.at for change in session.ours[1:]] + [session.end]
    stretches = [(change.at, end, change.state) for change, end in zip(session.ours, ends, strict=True)]
    stretches += [(start, end, STATE.get(status, "ready")) for start, end, status in session.spans]
    moments = [
        max(start, since)
        for start, end, state in stretches
        if state == wanted and end >= since and end - max(start, since) >= duration * 0.8 and (end > start or is_birth)
    ]
    return min(moments, default=None)


def summary(agent: str, outcomes: list[Outcome]) -> str:
    """The figures of one agent."""
    counted = [outcome for outcome in outcomes if outcome.counts]
    sessions = [session for outcome in counted for session in outcome.sessions]
    phases = [met for outcome in counted for _, met in outcome.phases]
    delays = [delay for session in sessions for _, delay in session.delays]
    late = sorted(abs(delay) for delay in delays if isinstance(delay, int))
    agreed, total, looked_agreed, looked = _shares(sessions)
    parts = [
        f"{_percent(agreed, total)} of {total / 1000:.0f} s agree, {_percent(looked_agreed, looked)} of the "
        f"{looked / 1000:.0f} s in which the monitor had looked",
        f"final right {sum(session.final for session in sessions)}/{len(sessions)}",
        f"phases {sum(phases)}/{len(phases)}",
        f"transitions {len(late)} (median {_middle(late) / 1000:.1f} s), {delays.count('held')} held, "
        f"{delays.count('missed')} missed",
        f"{len(counted)} recordings, {len(outcomes) - len(counted)} with hooks left out, "
        f"{sum(outcome.recording.processes for outcome in outcomes)} processes left out",
    ]
    return f"= {agent}: " + "; ".join(parts)


def _middle(values: list[int]) -> float:
    return values[len(values) // 2] if values else 0.0
