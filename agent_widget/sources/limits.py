"""What agents say of their limits: how much of a window is used, and when it begins anew."""

from __future__ import annotations

from typing import Any, Final

from ..tables import Record
from .parsing import number

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

_NAMES: Final = {5 * HOUR_MS: "5 h", DAY_MS: "daily", 7 * DAY_MS: "weekly", 30 * DAY_MS: "monthly"}
"""Length of a window (ms) → its name."""
_ABOUT: Final = 0.05
"""Part by which a length may be off: Codex says 299 minutes for five hours, too."""


def window_name(window_ms: int | None) -> str | None:
    """Return what a window of this length is called: ``5 h``, ``weekly``; ``None`` if its length is not known."""
    if window_ms is None:
        return None
    for usual, name in _NAMES.items():
        if abs(window_ms - usual) <= usual * _ABOUT:
            return name
    hours = window_ms / HOUR_MS
    return f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.3g} h"


def share(percent: Any) -> float | None:
    """Return a percentage as a part of 1; more than all of it is all of it."""
    found = number(percent)
    return None if found is None or found < 0 else min(1.0, round(found / 100, 6))


def limit(
    id: str,
    name: str,
    at: int,
    heard_from: str,
    used: float | None,
    *,
    window_ms: int | None = None,
    resets_at: int | None = None,
    plan: str | None = None,
    account: str | None = None,
) -> Record:
    """Return the row of a limit as heard ``at`` (ms); the store keeps what was heard last."""
    fields = {"name": name, "account": account, "plan": plan, "used": used, "window_ms": window_ms}
    return Record("limits", id, {**fields, "resets_at": resets_at, "at": at, "heard_from": heard_from})
