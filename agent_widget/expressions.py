"""Regular expressions that are compiled when they are first used.

To compile those of a module takes up to 20 ms, and a server that goes on from its archive needs few of them.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Expression:
    """Becomes a compiled pattern, method by method: each is looked up once."""

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, value)
        return value


def expression(source: str, flags: int = 0) -> re.Pattern[str]:
    """Return what can be used as the pattern that :func:`re.compile` returns."""
    return cast("re.Pattern[str]", _Expression(source, flags))
