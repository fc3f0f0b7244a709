"""The limits of the account, as Claude Code gives them to its status line and ``agent-widget statusline`` keeps them.

No other file has them. The windows are ``five_hour`` and ``seven_day``, some accounts have ``seven_day_opus`` and the
like (code.claude.com/docs/en/statusline, since 2.1.80; subscriptions only, after the first answer of a session).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ..base import Record
from ..limits import DAY_MS, HOUR_MS, limit, share, window_name
from ..parsing import millis, parse_object

_NUMBERS: Final = {"one": 1, "five": 5, "seven": 7, "thirty": 30}
_WINDOW: Final = re.compile(r"(one|five|seven|thirty|\d{1,3})_(hour|day)s?(?:_(\w+))?")


def limits(namespace: str, data: bytes) -> Iterator[Record]:
    """Yield the limits in a document of :mod:`agent_widget.statusline`."""
    windows = parse_object(data)["rate_limits"]
    for key, window in windows.items():
        at = millis(window["at"])
        if at is None:
            continue
        length, about = _length(key)
        name = " ".join(filter(None, (window_name(length), about)))
        yield limit(
            f"{namespace}claude/{name}",
            name,
            at,
            "status line",
            share(window.get("used_percentage")),
            window_ms=length,
            resets_at=millis(window.get("resets_at")),
        )


def _length(key: str) -> tuple[int | None, str | None]:
    """Return how long (ms) the window of a name is, and what it is about: ``seven_day_opus`` → a week, Opus."""
    found = _WINDOW.fullmatch(key)
    if found is None:
        return None, key.replace("_", " ")
    number, unit, about = found.groups()
    length = (_NUMBERS.get(number) or int(number)) * (HOUR_MS if unit == "hour" else DAY_MS)
    return length, about.replace("_", " ").capitalize() if about else None
