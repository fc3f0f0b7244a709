"""Regular expressions that are compiled when they are first used.

To compile those of a module takes up to 20 ms, and a server that goes on from its archive needs few of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, cast


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


_QUANTIFIERS: Final = ("?", "*", "+", "{")


def by_letters(alternatives: Iterable[str]) -> str:
    """Return an expression that matches where one of some expressions does, those of one first letter behind it.

    Python tries the branches of an alternation one by one: of a hundred at most some twenty begin differently.
    Which of several that match is taken is not defined.
    """
    groups: dict[str, list[str]] = {}
    others: list[str] = []
    for alternative in _flattened(alternatives):
        first, rest = alternative[:1], alternative[1:]
        if first.isalpha() and not rest.startswith(_QUANTIFIERS):
            groups.setdefault(first, []).append(rest)
        else:
            others.append(alternative)
    found = [first + by_letters(rests) if len(rests) > 1 else first + rests[0] for first, rests in groups.items()]
    branches = found + others
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _flattened(alternatives: Iterable[str]) -> Iterator[str]:
    """Yield alternatives that have none at their beginning: ``(?:a|b)c`` as ``ac`` and ``bc``."""
    for alternative in alternatives:
        for branch, end in _branches(alternative):
            if branch.startswith("(?:") and not branch.startswith(_QUANTIFIERS, end):
                yield from _flattened(inner + branch[end:] for inner, _ in _branches(branch[3 : end - 1]))
            else:
                yield branch


def _branches(source: str) -> Iterator[tuple[str, int]]:
    """Yield the branches of an expression, and in each where the first group ends that it begins with."""
    depth = begin = at = first_end = 0
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = source.index("]", at + 2)  # one that stands first is a member
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            first_end = first_end or (at + 1 - begin if not depth else 0)
        elif char == "|" and not depth:
            yield source[begin:at], first_end
            begin, first_end = at + 1, 0
        at += 1
    yield source[begin:], first_end
