"""What an agent is doing, from evidence and the clock: statuses, and the spans that the lanes are drawn from.

Sources say what they saw and when (:class:`~agent_widget.sources.base.Evidence`); this module keeps each
agent's evidence in order of time and derives from it alone, so that the result does not depend on the order in
which files are read. A piece of evidence holds until the next one or until its time to live is over; then the
agent counts as offline.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..sources.base import Evidence
from ..tables import AGENT_STATUSES, Gone, Record

_LONGEST = 2000
"""An agent that is there and says nothing is told of so many times at most: six weeks if it is idle."""
_RANK = {status: rank for rank, status in enumerate(AGENT_STATUSES)}


class _Point(NamedTuple):
    """One piece of evidence in an order that no reading order can change."""

    at: int
    rank: int
    reason: str
    ttl_ms: int  # 0 = holds for ever
    routine: bool
    beat: str

    @property
    def status(self) -> str:
        return AGENT_STATUSES[self.rank]


class _Span(NamedTuple):
    started_at: int
    status: str
    reason: str


@dataclass(slots=True)
class _Course:
    """One agent's evidence, and the spans that follow from it: each lasts until the next one starts."""

    points: list[_Point] = field(default_factory=list)
    folded: int = 0
    """How many of the points are in ``spans``."""
    telling: _Point | None = None
    """The point whose reason stands for the status after the folded points."""
    spans: list[_Span] = field(default_factory=list)
    published: list[_Span] = field(default_factory=list)
    """The spans as the tables have them: ``spans``, and the silence after the last point if there was one."""
    expires_at: int | None = None
    """When the newest evidence runs out and the status must be looked at again."""

    def fold(self) -> int:
        """Take the new points into the spans; returns how many of the first spans are certainly untouched."""
        untouched = max(0, len(self.spans) - 2)
        if not self.folded:
            self.spans.clear()
            self.telling = None
            untouched = 0
        for index in range(self.folded, len(self.points)):
            point = self.points[index]
            if index:
                self._silence(self.spans, self.points[index - 1], point.at)
            goes_on = bool(self.spans) and self.spans[-1].status == point.status
            if self.telling is None or not goes_on or self.telling.routine or not point.routine:
                self.telling = point
            self._enter(self.spans, point)
        self.folded = len(self.points)
        return untouched

    @staticmethod
    def _enter(spans: list[_Span], point: _Point) -> None:
        if spans and spans[-1].started_at == point.at:  # of two claims about one moment the later in order wins
            spans.pop()
        if not spans or spans[-1].status != point.status:
            spans.append(_Span(point.at, point.status, point.reason))

    @staticmethod
    def _silence(spans: list[_Span], point: _Point, until: int) -> None:
        """If ``point`` runs out before ``until``, the agent was offline from then on."""
        if point.ttl_ms and point.at + point.ttl_ms < until and point.status != "offline":
            spans.append(_Span(point.at + point.ttl_ms, "offline", offline_reason(point.ttl_ms, point.beat)))

    def with_silence(self, now: int) -> list[_Span]:
        """The spans as of ``now``; notes when the clock alone will change them."""
        last = self.points[-1]
        runs_out = last.at + last.ttl_ms if last.ttl_ms else None
        self.expires_at = runs_out if runs_out is not None and runs_out >= now else None
        spans = self.spans.copy()
        self._silence(spans, last, now)
        return spans


def offline_reason(ttl_ms: int, beat: str = "heartbeat") -> str:
    """Why an agent counts as offline."""
    minutes, seconds = divmod(ttl_ms // 1000, 60)
    length = " ".join(part for part in (f"{minutes} min" if minutes else "", f"{seconds} s" if seconds else "") if part)
    return f"no {beat} for {length}"


class Statuses:
    """The statuses and spans of all agents."""

    def __init__(self) -> None:
        self._courses: dict[str, _Course] = {}
        self._dirty: set[str] = set()

    def observe(self, evidence: Evidence) -> None:
        """Take in one piece of evidence; a repetition changes nothing."""
        course = self._courses.setdefault(evidence.agent_id, _Course())
        point = _Point(
            evidence.at, _RANK[evidence.status], evidence.reason, evidence.ttl_ms or 0, evidence.routine, evidence.beat
        )
        points = course.points
        index = len(points) if not points or points[-1] < point else bisect_left(points, point)
        if index < len(points) and points[index] == point:
            return
        points.insert(index, point)
        if index < course.folded:
            course.folded = 0
        self._dirty.add(evidence.agent_id)

    def goes_on(self, agent_id: str, now: int) -> None:
        """The agent was there all the time, though it said nothing: what was last seen of it holds until now."""
        course = self._courses.get(agent_id)
        if course is None or not course.points:
            return
        last = course.points[-1]
        if (step := last.ttl_ms // 2) > 0:
            for at in range(max(last.at, now - _LONGEST * step) + step, now, step):
                self.observe(Evidence(agent_id, at, last.status, last.reason, last.ttl_ms, True, last.beat))

    @property
    def next_expiry(self) -> int | None:
        """When the clock alone changes the next status (milliseconds since the epoch), if ever."""
        return min((c.expires_at for c in self._courses.values() if c.expires_at is not None), default=None)

    def settle(self, now: int) -> Iterator[Record | Gone]:
        """Records for all that follows from new evidence and from the time that has passed."""
        expired = {id for id, c in self._courses.items() if c.expires_at is not None and c.expires_at < now}
        for agent_id in self._dirty | expired:
            yield from self._settle(agent_id, self._courses[agent_id], now)
        self._dirty.clear()

    @staticmethod
    def _settle(agent_id: str, course: _Course, now: int) -> Iterator[Record | Gone]:
        untouched = course.fold()
        spans = course.with_silence(now)
        before = _with_ends(course.published, untouched)
        after = _with_ends(spans, untouched)
        course.published = spans
        for started_at, fields in after.items():
            if before.get(started_at) != fields:
                yield Record("spans", f"{agent_id}@{started_at}", {"agent_id": agent_id, **fields})
        for started_at in before.keys() - after.keys():
            yield Gone("spans", f"{agent_id}@{started_at}")
        current = spans[-1]
        telling = course.telling
        reason = telling.reason if telling and telling.status == current.status else current.reason
        yield Record(
            "agents", agent_id, {"status": current.status, "status_reason": reason, "status_at": current.started_at}
        )


def _with_ends(spans: list[_Span], start: int) -> dict[int, dict[str, Any]]:
    """The fields of the spans from index ``start`` on, by when they started."""
    return {
        span.started_at: {
            "status": span.status,
            "status_reason": span.reason,
            "started_at": span.started_at,
            "ended_at": spans[index + 1].started_at if index + 1 < len(spans) else None,
        }
        for index, span in enumerate(spans[start:], start)
    }
