"""What we said of the sessions of a recording against what the monitor said, and against what a person expects.

Idle, done, failed, offline and unknown are the monitor's ``ready``. From when it forgets a session until it says
something again nothing is compared, and its last state is the one before. Recordings in which a hook gave it something
are played and shown but count for neither share.

**Time.** The first share is of all the time. The second leaves out (it does not count as agreement either)
disagreement that is not our reader's. Three figures tell apart whose it is: what *our reader* could have known, what
the *monitor* had not looked at, and what *nobody* could know from the files.

The monitor's own events explain, because its word did not rest on the files then:

- *before its first look*: a session that it has found is ``ready`` (``new session created``) until it first looks
  inside, or until it forgets it without a look;
- *before the first prompt*: it says ``working`` and we ``ready`` while the file holds no prompt but the one with which
  Gemini CLI itself describes the workspace (the expected phases begin with ``ready``, too);
- *behind*: from a write that it put off (``debounce_coalesced``: it looks 2 s after the last of several writes) or a
  change of ours until its next look, if that look came within 10 s **and found what we say then**. What it does not
  confirm stays in, so no wrong status that lasts is excused.

Nobody could know from the files what a hook told the monitor, until the next write or its next word. Recordings with
hooks count in this figure alone.

**Final state.** It is right if it is the monitor's last word; or if the monitor never looked at what changed our status
last and we had said its last word until then (*unseen*); or if it is the state in which the scenario is said to end
(*by the scenario*).

**Transitions.** By how many seconds each of the monitor's transitions preceded ours (``-`` before a number: ours was
first; ``held``: we said so all the time; ``missed``: never). States shorter than 0.1 s are not asked for.

**Phases.** How many of the expected phases are found, in order and in time, in our live statuses or in the spans (which
have turns that began and ended between two sightings). What holds when the recording ends counts as lasting. Phases
that rest on a process (``pid_discovered`` and the like) only say from when to look; phases of a new session that the
recording does not have are not asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

from .recordings import NOT_LOOKED, PASS_MS, Change, Recording, Session, moment

STATE: Final = {"working": "working", "waiting": "waiting"}
"""Our statuses in the monitor's words; all others are ``ready``."""

BEHIND_MS: Final = 10_000
"""Longer than this the monitor is never excused for not having looked again."""

FLICKER_MS: Final = 100
GRACE_MS: Final = 1_000
"""How much later than a phase allows our status may come."""

UNLOOKED, UNPROMPTED, BEHIND = "before its first look", "before the first prompt", "behind"
UNWRITTEN: Final = "in no file"
"""Reason of disagreement that nobody could avoid; the others are the monitor's."""


class Seen(NamedTuple):
    """What we said: live, and in hindsight."""

    live: dict[str, list[Change]]
    spans: dict[str, list[tuple[int, int, str]]]


class Shares(NamedTuple):
    """Milliseconds: of agreement, of all the time, and of disagreement that is left out for a reason."""

    agreed: int
    total: int
    left_out: Counter[str]

    @property
    def all(self) -> float:
        """The share of all the time in agreement; 1 of no time."""
        return self.agreed / self.total if self.total else 1.0

    @property
    def rest(self) -> int:
        """What is not left out."""
        return self.total - self.left_out.total()

    @property
    def ours(self) -> int:
        """What our reader could have known."""
        return self.rest - self.agreed

    @property
    def theirs(self) -> int:
        """What the monitor had not looked at."""
        return self.left_out.total() - self.left_out[UNWRITTEN]

    @property
    def corrected(self) -> float:
        """The share in agreement of what is not left out."""
        return self.agreed / self.rest if self.rest else 1.0


def _in_their_words(changes: Iterable[Change], born: int) -> list[Change]:
    stated = [Change(born, "ready", "not seen yet")]
    for change in changes:
        state = STATE.get(change.state, "ready")
        if state != stated[-1].state:
            stated.append(Change(max(change.at, born), state, f"{change.state}: {change.reason}"))
    return stated


def _at_time(changes: list[Change], at: int) -> Change:
    return changes[max(bisect_right([change.at for change in changes], at) - 1, 0)]


@dataclass
class Compared:
    """One session."""

    session: Session
    agent_id: str | None
    ours: list[Change]
    spans: list[tuple[int, int, str]]
    end: int
    ends_in: str | None
    agreed_ms: int = 0
    total_ms: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    final: str = ""
    """How our last status is right: ``right``, ``unseen``, ``by the scenario``; else empty."""
    delays: list[tuple[str, int | str]] = field(default_factory=list)

    @property
    def theirs(self) -> list[Change]:
        return self.session.states

    def compare(self) -> Compared:
        """Fill in the figures."""
        behind = list(self._behind())
        unlooked, unwritten = list(self._unlooked()), list(self._unwritten())
        changes = [change.at for change in (*self.theirs, *self.ours)]
        bounds = [at for stretch in (*behind, *unlooked, *unwritten) for at in stretch]
        start = self.theirs[0].at
        times = sorted({start, self.end, self.session.prompted, *changes, *bounds})
        for at, until in pairwise(at for at in times if start <= at <= self.end):
            theirs, ours = _at_time(self.theirs, at).state, _at_time(self.ours, at).state
            if not theirs:
                continue
            self.total_ms += until - at
            if theirs == ours:
                self.agreed_ms += until - at
            elif any(since <= at < to for since, to in unlooked):
                self.left_out[UNLOOKED] += until - at
            elif at < self.session.prompted and (theirs, ours) == ("working", "ready"):
                self.left_out[UNPROMPTED] += until - at
            elif any(since <= at < to for since, to in behind):
                self.left_out[BEHIND] += until - at
            elif any(since <= at < to for since, to in unwritten):
                self.left_out[UNWRITTEN] += until - at
        self.final = self._final()
        self.delays = list(self._delays())
        return self

    def _unlooked(self) -> Iterator[tuple[int, int]]:
        for change in self.theirs:
            if (change.state, change.reason) == ("ready", NOT_LOOKED):
                look = self.session.look_after(change.at + 1)
                yield change.at, look.at if look else self.session.forgotten_after(change.at)

    def _behind(self) -> Iterator[tuple[int, int]]:
        for at in (*self.session.put_off, *(change.at for change in self.ours[1:])):
            look = self.session.look_after(at)
            if look is not None and look.at - at <= BEHIND_MS and look.state == _at_time(self.ours, look.at).state:
                yield at, look.at

    def _unwritten(self) -> Iterator[tuple[int, int]]:
        """Yield from when the monitor was told something by a hook, until the next write or its next word."""
        writes = [at for at, _ in self.session.sizes]
        for change, after in pairwise([*self.theirs, Change(self.end, "")]):
            if any(0 <= change.at - at <= PASS_MS for at in self.session.hooks):
                next_write = next((at for at in writes if at > change.at), self.end)
                yield change.at, min(next_write, after.at)

    def _final(self) -> str:
        last = [change for change in self.theirs if change.state][-1]
        ours = self.ours[-1]
        if ours.state == last.state:
            return "right"
        before = _at_time(self.ours, ours.at - 1)
        if before.state == last.state and self.session.look_after(ours.at) is None:
            return "unseen"
        return "by the scenario" if ours.state == self.ends_in else ""

    def _delays(self) -> Iterator[tuple[str, int | str]]:
        changes = [Change(self.theirs[0].at, "ready"), *self.theirs]
        for before, change, after in zip(changes, changes[1:], changes[2:], strict=False):
            if after.at - change.at < FLICKER_MS or not change.state or (before.state, before.at) == change[1::-1]:
                continue
            near = [o.at - change.at for o in self.ours if o.state == change.state and before.at <= o.at <= after.at]
            if near:
                yield change.state, min(near, key=abs)
            else:
                yield change.state, "held" if _at_time(self.ours, change.at).state == change.state else "missed"


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

    def lines(self, *, verbose: bool = False) -> Iterator[str]:
        """What is printed."""
        recording, shares = self.recording, shares_of(self.sessions)
        share = f"{_percent(shares.all)} {_percent(shares.corrected)}"
        final = "final ok " if all(session.final for session in self.sessions) else "final BAD"
        found = sum(met for _, met in self.phases)
        phases = f"phases {found}/{len(self.phases)}" if self.phases else "no phases"
        hooks = f"  not counted: {recording.hooks} hooks" if recording.hooks else ""
        stamp = recording.directory.name[:19]
        yield f"{recording.agent:10} {recording.case:32} {stamp} {share}  {final}  {phases:11}{hooks}"
        for session in self.sessions:
            delays = ", ".join(f"{state} {_seconds(delay)}" for state, delay in session.delays)
            yield f"    {session.session.id[-36:]}: {delays or 'no transitions'}"
            if session.agent_id is None:
                yield "        no agent of ours belongs to it"
            if session.final != "right":
                yield f"        final differs: ours is {session.ours[-1].state} ({session.final or 'WRONG'})"
            if verbose:
                changes = [(change, "theirs") for change in session.theirs] + [
                    (change, "ours") for change in session.ours
                ]
                for change, who in sorted(changes, key=lambda entry: entry[0].at):
                    at = (change.at - recording.start) / 1000
                    yield f"        {at:8.2f} s  {who:6} {change.state:8} {change.reason[:120]}"
        if missing := [name for name, met in self.phases if not met]:
            known = " (known_failing: the monitor does not find them either)" if recording.known_failing else ""
            yield f"    phases not found: {', '.join(missing)}{known}"
        if self.without_file:
            yield f"    {self.without_file} sessions without a file in the recording"


def shares_of(sessions: list[Compared]) -> Shares:
    """How much of the time of some sessions agrees."""
    return Shares(
        sum(session.agreed_ms for session in sessions),
        sum(session.total_ms for session in sessions),
        sum((session.left_out for session in sessions), Counter()),
    )


def _percent(share: float) -> str:
    return f"{share:6.1%}"


def _seconds(delay: int | str) -> str:
    return delay if isinstance(delay, str) else f"{delay / 1000:+.1f}"


def compare(recording: Recording, seen: Seen) -> Outcome:
    """Compare one recording with what we said of it."""
    compared: list[Compared] = []
    without_file = 0
    for session in recording.sessions.values():
        agent_id = _agent_of(session, seen)
        if session.content is None or not session.states:
            without_file += 1
            continue
        ours = _in_their_words(seen.live.get(agent_id or "", ()), session.born)
        spans = seen.spans.get(agent_id or "", [])
        compared.append(Compared(session, agent_id, ours, spans, recording.end, recording.ends_in).compare())
    return Outcome(recording, compared, without_file, list(_phases(recording, compared)))


def _agent_of(session: Session, seen: Seen) -> str | None:
    holding = [id for id in seen.live if session.key in id]
    return min(holding, key=lambda id: (not id.endswith(session.key), len(id)), default=None)


def summary(name: str, outcomes: list[Outcome]) -> str:
    """The figures of several recordings."""
    counted = [outcome for outcome in outcomes if outcome.counts]
    sessions = [session for outcome in counted for session in outcome.sessions]
    phases = [met for outcome in counted for _, met in outcome.phases]
    known = sum(not met for outcome in counted if outcome.recording.known_failing for _, met in outcome.phases)
    delays = [delay for session in sessions for _, delay in session.delays]
    late = sorted(abs(delay) for delay in delays if isinstance(delay, int))
    finals = Counter(session.final for session in sessions)
    shares = shares_of(sessions)
    untold = sum(session.left_out[UNWRITTEN] for outcome in outcomes for session in outcome.sessions)
    left_out = ", ".join(f"{shares.left_out[why] / 1000:.0f} s {why}" for why in (UNLOOKED, UNPROMPTED, BEHIND))
    parts = [
        f"{shares.all:.1%} of {shares.total / 1000:.0f} s agree; our reader {shares.ours / 1000:.0f} s, "
        f"the monitor {shares.theirs / 1000:.0f} s ({left_out}), nobody {untold / 1000:.0f} s; "
        f"without those of the last two {shares.corrected:.1%} of {shares.rest / 1000:.0f} s",
        f"final right {len(sessions) - finals['']}/{len(sessions)} ({finals['unseen']} unseen, "
        f"{finals['by the scenario']} by the scenario)",
        f"phases {sum(phases)}/{len(phases)}" + (f" ({known} known_failing)" if known else ""),
        f"transitions {len(late)} (median {_middle(late) / 1000:.1f} s), {delays.count('held')} held, "
        f"{delays.count('missed')} missed",
        f"{len(counted)} recordings, {len(outcomes) - len(counted)} with hooks left out, "
        f"{sum(outcome.recording.processes for outcome in outcomes)} processes left out",
    ]
    return f"= {name}: " + "; ".join(parts)


def _middle(values: list[int]) -> float:
    return values[len(values) // 2] if values else 0.0


# ---------------------------------------------------------------------------------------------------------------------
# Phases


def _phases(recording: Recording, sessions: list[Compared]) -> Iterator[tuple[str, bool]]:
    """Look for each phase in turn, from the moment on in which the one before it was found."""
    found: dict[str, tuple[int, str | None]] = {"start": (recording.start, None)}
    used: set[str] = set()
    unrecorded: set[str] = set()
    for phase in recording.expected:
        name, before = phase["phase"], phase.get("relative_to", "start")
        after = found.get(before)
        if before in unrecorded:
            unrecorded.add(name)
            continue
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
        asked = [session for session in sessions if same is None or session.session.id == same]
        if phase.get("new_session"):
            asked = [session for session in asked if session.session.id not in used]
            if not asked:
                unrecorded.add(name)
                continue
        hits = []
        for session in asked:
            duration = phase.get("duration_at_least_ms") or 0
            at = _when(session, wanted, since, duration, is_birth=session.session.id not in used)
            if at is not None and (until is None or at <= until):
                hits.append((at, session.session.id))
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
        id, at = entry.get("session_id"), moment(entry)
        if at < since or (same is not None and id != same):
            continue
        if entry["kind"] == phase.get("kind", "state_transition") and (
            "kind" in phase or entry.get("new_state") == phase["expected_state"]
        ):
            return at, None if (id or "proc-").startswith("proc-") else id
    return None


def _when(session: Compared, wanted: str, since: int, duration: int, *, is_birth: bool) -> int | None:
    """The first moment from ``since`` on in which we say ``wanted`` of the session; no time need pass at its birth."""
    ends = [change.at for change in session.ours[1:]] + [session.end]
    stretches = [(change.at, end, change.state) for change, end in zip(session.ours, ends, strict=True)]
    stretches += [(start, end, STATE.get(status, "ready")) for start, end, status in session.spans]
    moments = [
        max(start, since)
        for start, end, state in stretches
        if state == wanted
        and end >= since
        and (end - max(start, since) >= duration * 0.8 or end == session.end)
        and (end > start or is_birth)
    ]
    return min(moments, default=None)
