"""Recordings of real agents: what their files held when, what a monitor beside them said, and when it had looked.

A *recording* is a directory with ``events.jsonl`` and ``transcript.jsonl``. The events are those of an independent
monitor (Irrlicht, https://github.com/ingo-eichhorst/Irrlicht) that ran beside the agent:

- ``transcript_new`` and ``transcript_activity``: at ``ts`` the session's file ``transcript_path`` had ``file_size``
  bytes. The transcript holds the files of all sessions one after the other; subagents' files lie in ``subagents/``
  of the case.
- ``debounce_coalesced``: it does not look at that activity, only when there was none for 2 s
  (``activityDebounceWindow``; only the first activity after such a pause is looked at at once);
  ``debounce_terminal``: it looks after all.
- ``state_transition``: what the monitor took the session to be doing: ``ready``, ``working``, ``waiting``. A session
  that it finds is ``ready`` (``new session created``) until it looks inside, with OpenCode up to some minutes later.
- ``process_exited``, ``transcript_removed``: it forgets the session, until it says something again.
- ``hook_received``: the agent had notified the monitor by a hook, which is in no file. Its sessions ``proc-…`` are
  processes without a transcript and are left out.

``expected.jsonl`` of the case, if there is one, lists the phases that a person expects, and says (``known_failing``)
when the monitor is known not to find them; ``scenarios.json`` above all cases names the state each ends in.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

AGENTS: Final = {
    "claudecode": "claude",
    "codex": "codex",
    "copilot": "copilot",
    "gemini-cli": "gemini",
    "opencode": "opencode",
    "pi": "pi",
}
"""Names of directories that say whose recordings lie below them → modules of agent_widget.sources."""

NOT_LOOKED: Final = "new session created"
DEBOUNCE_MS: Final = 2_000
PASS_MS: Final = 100
"""A look of the monitor takes this long at most until its word is in the events."""


class Change(NamedTuple):
    """From ``at`` on somebody says so."""

    at: int
    state: str
    reason: str = ""


@dataclass
class Session:
    """One session as the monitor saw it."""

    id: str
    born: int
    path: str | None = None
    sizes: list[tuple[int, int]] = field(default_factory=list)
    states: list[Change] = field(default_factory=list)
    looks: list[int] = field(default_factory=list)
    """When the monitor took in all that had been written."""
    put_off: list[int] = field(default_factory=list)
    """When it first learnt of something that it did not look at then."""
    hooks: list[int] = field(default_factory=list)
    """When a hook told it something."""
    content: bytes | None = None
    prompted: int = 0
    """When the file first held a prompt that somebody gave; 0 where nothing else can be taken for one."""
    _due: int | None = None
    """When the debounced look comes."""

    @property
    def key(self) -> str:
        """What is certainly part of our agent's id, too."""
        name = re.sub(r"^(agent-|session-\d{4}-\d\d-\d\dT\d\d-\d\d-)", "", self.id)
        uuid = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", name)
        return uuid.group() if uuid else name

    def look_after(self, at: int) -> Change | None:
        """The monitor's next look from ``at`` on and what it says then, if it had time to say it."""
        for look in self.looks[bisect_left(self.looks, at) :]:
            forgotten = self.forgotten_after(at)
            word = next((said for said in reversed(self.states) if said.state and said.at <= look + PASS_MS), None)
            if word is not None and word.at <= forgotten and (word.at >= look or look + PASS_MS <= forgotten):
                return Change(max(look, word.at), word.state, word.reason)
        return None

    def forgotten_after(self, at: int) -> int:
        """When the monitor next forgot the session, or the recording ended."""
        return next((said.at for said in self.states if said.at >= at and not said.state), self.states[-1].at)

    def take(self, kind: str, at: int, entry: dict[str, Any], *, coalesced: bool) -> None:
        """One event."""
        if self._due is not None and self._due <= at:
            self.looks.append(self._due)
            self._due = None
        said = self.states[-1] if self.states else Change(at, "")
        if kind in ("transcript_new", "transcript_activity"):
            if coalesced:
                first, self._due = self._due is None, at + DEBOUNCE_MS
                at = max(at, self.looks[-1] + 1 if self.looks else at)  # it came after that look, in the same ms
                self.put_off += [at] if first else []
            elif kind == "transcript_activity":
                self.looks.append(at)
            size = entry.get("file_size", 0)
            if size and (not self.sizes or self.sizes[-1][1] != size):
                self.sizes.append((at, size))
        elif kind == "hook_received":
            self.hooks.append(at)
        elif kind == "debounce_terminal":
            self._due = None
            self.looks.append(at)
        elif kind == "state_transition":
            reason = entry.get("reason", "")
            if (entry["new_state"], reason) != ("ready", NOT_LOOKED):
                self.looks.append(at)
            if said.state != entry["new_state"]:
                self.states.append(Change(at, entry["new_state"], reason))
        elif kind in ("transcript_removed", "process_exited") and said.state:
            self._due = None
            self.states.append(Change(at, ""))

    def close(self, end: int) -> None:
        """The recording ends."""
        if self._due is not None and self._due <= end:
            self.looks.append(self._due)
        self.looks.sort()
        if self.states and self.states[-1].state:
            self.states.append(Change(end, ""))


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
    known_failing: bool = False
    ends_in: str | None = None
    """The state in which the scenario ends."""
    hooks: int = 0
    processes: int = 0


def find(directories: Iterable[Path]) -> Iterator[Path]:
    """The recordings below some directories."""
    for directory in directories:
        for events in sorted(directory.rglob("events.jsonl")):
            if (events.parent / "transcript.jsonl").is_file():
                yield events.parent


def moment(entry: dict[str, Any]) -> int:
    """When an event was, in milliseconds."""
    return round(datetime.fromisoformat(entry["ts"]).timestamp() * 1000)


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line.strip()]


def read(directory: Path) -> Recording:
    """Load one recording and find out which bytes of the transcript are whose."""
    directory = directory.resolve()
    agent = next((part for part in reversed(directory.parts) if part in AGENTS), directory.parent.name)
    above = list(directory.parents)[:2]
    case = next((path.parent for path in above if path.name == "recordings"), directory)
    events = _json_lines(directory / "events.jsonl")
    described = next((path for at in (directory, case) if (path := at / "expected.jsonl").is_file()), None)
    described_as = _json_lines(described) if described else []
    recording = Recording(
        directory,
        agent,
        case.name,
        moment(events[0]),
        moment(events[-1]),
        {},
        events,
        [entry for entry in described_as if "phase" in entry],
        (directory / "transcript.jsonl").read_bytes(),
        any(entry.get("known_failing") for entry in described_as),
        _ends_in(directory, case.name),
        sum(entry["kind"] == "hook_received" for entry in events),
        len({entry["session_id"] for entry in events if entry.get("session_id", "").startswith("proc-")}),
    )
    coalesced = _coalesced(events)
    for index, entry in enumerate(events):
        id, at = entry.get("session_id", ""), moment(entry)
        if not id or id.startswith("proc-"):
            continue
        session = recording.sessions.setdefault(id, Session(id, at))
        session.path = session.path or entry.get("transcript_path")
        session.take(entry["kind"], at, entry, coalesced=index in coalesced)
    for session in recording.sessions.values():
        session.close(recording.end)
    if agent == "opencode":
        children = {entry["session_id"] for entry in events if entry["kind"] == "parent_linked"}
        for session in recording.sessions.values():
            own = "opencode" in (session.path or "opencode")  # the monitor may have seen other agents meanwhile
            session.content = b"" if own and session.id not in children else None
    else:
        _divide(recording, case)
    if agent == "gemini-cli":
        for session in recording.sessions.values():
            session.prompted = _first_prompt(session) or recording.end
    return recording


def _coalesced(events: list[dict[str, Any]]) -> set[int]:
    """Which activities are followed by the word that nobody looks at them now."""
    found: set[int] = set()
    last: dict[str, int] = {}
    for index, entry in enumerate(events):
        if entry["kind"] == "transcript_activity":
            last[entry["session_id"]] = index
        elif entry["kind"] == "debounce_coalesced":
            found.add(last[entry["session_id"]])
    return found


def _ends_in(directory: Path, case: str) -> str | None:
    scenarios = next((path for at in directory.parents if (path := at / "scenarios.json").is_file()), None)
    number = re.match(r"(\d+)-(\d+)_", case)
    if scenarios is None or number is None:
        return None
    for scenario in json.loads(scenarios.read_bytes())["scenarios"]:
        if scenario["id"] == f"{number[1]}.{number[2]}":
            named = re.search(r"Final state: `(\w+)`", scenario["acceptance_criteria"])
            return named and named[1]
    return None


def _first_prompt(session: Session) -> int | None:
    """When somebody first prompted; Gemini CLI itself writes records of type user that describe the workspace."""
    offset = 0
    for line in (session.content or b"").splitlines(keepends=True):
        offset += len(line)
        entry = json.loads(line) if line.strip() else {}
        for line in (entry, *entry.get("$set", {}).get("messages", ())):
            if line.get("type") == "user" and "<session_context>" not in json.dumps(line.get("content")):
                return next((at for at, size in session.sizes if size >= offset), None)
    return None


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
