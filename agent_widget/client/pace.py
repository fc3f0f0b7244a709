"""How fast the limits of plans are used up, and by which sessions: limits beside ``usage``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from ..data.tabular import dollars
from ..store import Row
from ..tables import now_ms

if TYPE_CHECKING:
    from .base import BaseClient

_QUARTER_MS: Final = 15 * 60_000
_HOUR_MS: Final = 60 * 60_000
_RECENT: Final = 7
"""The pace of now is that of this fraction of a window, a day of a week; of at least an hour."""
_LEAST_USED: Final = 0.3
"""Part of a limit that must be used before a pace says when it will be used up: before, one answer decides."""
_WINDOWS: Final = re.compile(r"\b(?:\d+(?:\.\d+)? [hd]|daily|weekly|monthly|primary|secondary)\b")
_TOKENS: Final = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


class Share(NamedTuple):
    """What one session has of a limit's window. ``used`` and ``per_hour`` are parts of the whole limit, 0 to 1."""

    session_id: str
    title: str | None
    part: float
    """Its part of what was used in the window, 0 to 1: by cost, or by tokens where a price is not known."""
    used: float | None
    per_hour: float | None
    """How much of the limit it uses an hour, at its pace of now."""
    tokens: int
    cost_usd: float | None
    """``None`` if a price is not known."""


class Pace(NamedTuple):
    """How fast one limit is used up."""

    limit: Row
    used: float | None
    """Part that is used by now, 0 to 1: as heard, and what was used since at the same rate; ``None`` if not known."""
    per_hour: float | None
    """Part of it that is used an hour, at the pace of now: of the last hour, or of the last day of a week."""
    runs_out_at: int | None
    """When it will be used up at this pace (ms), if that is before it begins anew; ``None`` if it is by now."""
    sessions: list[Share]
    """The sessions that used something in its window, those that use most now first."""

    @property
    def text(self) -> str:
        """One line to read."""
        limit = self.limit
        facts = [
            _amount(self.sessions) if self.used is None else f"{self.used:.0%} used" if self.used < 1 else "used up"
        ]
        if self.runs_out_at is not None:
            facts.append(f"used up at {_clock(self.runs_out_at)} at this pace")
        facts.append(f"begins anew at {_clock(limit['resets_at'])}")
        of = " ".join(filter(None, (limit["source"], limit["name"], limit["account"])))
        return f"{of}: {', '.join(facts)}"


def pace(client: BaseClient, now: int | None = None) -> list[Pace]:
    """Return how fast each running limit is used up, the one that is nearest to its end first.

    ``for limit in aw.pace(dash): print(limit.text)``. ``now``: milliseconds since the epoch, by default the time it is.
    A limit is running if it has an end that is to come; of one that has begun anew nothing is known. Of one
    whose length is not known only what was heard is.
    """
    now = now_ms() if now is None else now
    rows = client.limits.rows()
    running = [row for row in rows if (row["resets_at"] or 0) > now and (row["window_ms"] or row["used"] is not None)]
    starts = [row["resets_at"] - row["window_ms"] for row in running if row["window_ms"]]
    start = min(starts, default=now)
    usage = [row for row in _usage_since(client, start) if start - _QUARTER_MS < row["at"] <= now] if starts else []
    sessions = {row["id"]: row for row in client.sessions.rows()}
    found = [_pace(limit, usage, sessions, now) for limit in running]
    return sorted(found, key=lambda each: (_end(each, now), -(each.used or 0)))


def _end(pace: Pace, now: int) -> int:
    """Return until when a limit lasts (ms)."""
    return now if (pace.used or 0) >= 1 else pace.runs_out_at or int(pace.limit["resets_at"])


def runs_out(client: BaseClient, used: float = 0.9) -> str | None:
    """Return a line about a limit that is nearly used up, or will be before it begins anew: the condition of an alert.

    ``dash.alert("limits", aw.runs_out)``; ``lambda dash: aw.runs_out(dash, used=0.75)`` for another part, 0 to 1.
    """
    for each in pace(client):
        if (each.used or 0) >= used or each.runs_out_at is not None:
            return each.text
    return None


def _usage_since(client: BaseClient, start: int) -> list[Row]:
    """Return the rows of ``usage`` since a time (ms), or more; older ones are asked of the server only if need be."""
    held = client._link.store.held_rows("usage")
    return held if min((row["at"] for row in held), default=start) <= start else client.usage.rows()


def _pace(limit: Row, usage: Iterable[Row], sessions: dict[str, Row], now: int) -> Pace:
    if not limit["window_ms"]:  # since when is not known
        return Pace(limit, limit["used"], None, None, [])
    start = limit["resets_at"] - limit["window_ms"]
    rows = _of(limit, [row for row in usage if row["at"] > start - _QUARTER_MS], sessions)
    priced = all(row["cost_usd"] is not None and not row["unpriced_requests"] for row in rows)
    quarters = round(max(_HOUR_MS, limit["window_ms"] / _RECENT) / _QUARTER_MS)  # the running one among them
    recent = now - now % _QUARTER_MS - (quarters - 1) * _QUARTER_MS
    hours = max(now - max(recent, start), _QUARTER_MS) / _HOUR_MS
    weights: defaultdict[str, float] = defaultdict(float)
    lately: defaultdict[str, float] = defaultdict(float)
    tokens: defaultdict[str, int] = defaultdict(int)
    heard = 0.0
    for row in rows:
        amount = sum(row[name] or 0 for name in _TOKENS)
        weight, session = row["cost_usd"] if priced else amount, row["session_id"]
        weights[session] += weight
        tokens[session] += amount
        lately[session] += weight if row["at"] >= recent else 0
        heard += weight if row["at"] <= limit["at"] else 0
    whole = sum(weights.values())
    unit = limit["used"] / heard if limit["used"] is not None and heard > 0 else None
    used = limit["used"] if unit is None else min(1.0, unit * whole)
    per_hour = None if unit is None else unit * sum(lately.values()) / hours
    runs_out_at = None
    if used is not None and per_hour and _LEAST_USED <= used < 1:
        at = now + round((1 - used) / per_hour * _HOUR_MS)
        runs_out_at = at if at < limit["resets_at"] else None
    shares = [
        Share(
            id,
            sessions[id]["title"] if id in sessions else None,
            weight / whole if whole else 0.0,
            None if unit is None else unit * weight,
            None if unit is None else unit * lately[id] / hours,
            tokens[id],
            weight if priced else None,
        )
        for id, weight in weights.items()
    ]
    shares.sort(key=lambda share: (-lately[share.session_id], -share.part))
    return Pace(limit, used, per_hour, runs_out_at, shares)


def _of(limit: Row, usage: list[Row], sessions: dict[str, Row]) -> list[Row]:
    """Return the rows of ``usage`` that count for a limit: of its source, host and account, and of its model."""
    rows = [
        row
        for row in usage
        if (row["source"], row["host"]) == (limit["source"], limit["host"])
        and (session := sessions.get(row["session_id"])) is not None
        and session["account"] == limit["account"]
    ]
    about = _WINDOWS.sub("", limit["name"] or "").strip().lower()
    return [row for row in rows if about in (row["model"] or "").lower()] if about else rows


def _amount(shares: Iterable[Share]) -> str:
    costs = [share.cost_usd for share in shares]
    total = f"{sum(share.tokens for share in shares):,} tokens"
    known = [cost for cost in costs if cost is not None]
    return f"{total}, {dollars(sum(known))}" if known and len(known) == len(costs) else total


def _clock(at: int) -> str:
    moment = datetime.fromtimestamp(at / 1000)
    days = (moment.date() - datetime.now().date()).days
    return f"{moment:%H:%M}" if days == 0 else f"{moment:%d %b %H:%M}"
