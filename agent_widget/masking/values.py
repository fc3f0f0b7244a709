"""Whether a value is a secret, and not a word, a placeholder, a path or code; and what all rules share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from ..expressions import expression
from .rules import PLACEHOLDERS

CUT: Final = "\x1a"
LEAST: Final = 8
"""No shorter text holds a secret."""
LOOK: Final = 256
"""Maximum characters of a value that are looked at to decide whether it is a secret."""


class Span(NamedTuple):
    """A secret from ``begin`` up to ``end``."""

    begin: int
    end: int
    kind: str


QUOTE: Final = r"\\*[\"'`]"
"""A quotation mark, also of JSON within JSON."""
PLACE: Final = expression(
    r"(?:[$#@%]?\{{1,2}(?P<a>[^}\n]{0,80})\}{1,2}|\$?\((?P<b>[^)\n]{0,80})\)|<(?P<c>[^>\n]{1,80})>|\[(?P<d>[^\]\n]{0,80})\]"
    r"|%[A-Za-z_]\w*%|%\(\w+\)s|%[sdrv]|\$[A-Z_][A-Z0-9_]*+(?![A-Za-z0-9])|\$[A-Za-z_]++(?![A-Za-z0-9])|\$\d(?!\w))",
    re.ASCII,
)
"""A place for a value: ``${TOKEN}``, ``<token>``, ``$(pass show x)``, ``%TOKEN%``, ``[token]``."""
IDENTIFIER: Final = expression(r"[!+-]{0,2}(?:[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+|[A-Za-z_]*\d{0,2})", re.ASCII)
"""What stands for a value in code: ``self.token``, ``next_token2``, ``!!hasToken``."""
CALL: Final = expression(r"[A-Za-z_][A-Za-z_.]*\d?[(\[]")
PATH: Final = expression(
    r"(?:[A-Za-z]:|~|\.{1,2}|[\w.-]+)?"
    r"(?:[/\\]{1,2}\.?[A-Za-z_]*(?:[-_.+@:][A-Za-z_]+)*[-_.v]?\d{0,6}(?:\.\w{1,8})*){1,40}[/\\]?",
    re.ASCII,
)
"""A path: between its slashes stand words, which letters by chance are not."""
SPECIAL: Final = frozenset("!@#$%^*?~+")
_PROSE: Final = frozenset(
    "characters enter field forgot forgotten incorrect invalid least length missing must please required reset "
    "should strong too weak wrong".split()
)
"""Words of sentences about secrets."""
_SMALL: Final = frozenset(
    "a an and are be by can for from has have if in is it no not of on or that the this to with your".split()
)


def is_place(rest: str, length: int, quoted: bool) -> bool:
    """Return whether a value of so many letters is a placeholder such as ``${TOKEN}``; ``rest`` begins with it."""
    found = PLACE.match(rest)
    if found is None or (quoted and found.end() < length):
        return not quoted and rest[:1] in ("{", "[", "(", "<") and not is_by_chance(rest[:length])
    inner = next((inner for inner in found.groups() if inner is not None), "")
    return not is_by_chance(inner) or any(sign in " .:(_" for sign in inner) or inner.isupper()


def is_placeholder(value: str) -> bool:
    """Return whether a value is made of words that stand in place of secrets, or of few letters repeated."""
    if len(value) > 80:
        return False
    words = [word for word in re.split(r"[-_ ./:<>]+", value.lower()) if word]
    return all(
        word in PLACEHOLDERS
        or (word.isdigit() and len(word) <= 8 and word in "1234567890" * 2)
        or len(set(word)) < 3
        or word == "example"
        or (words[0] == "your" and len(words) > 2 and word.isalpha() and len(word) < 13)
        for word in words
    ) or value.endswith(("EXAMPLE", "EXAMPLEKEY"))


def is_phrase(value: str, password: bool) -> bool:
    """Return whether a value of several words is a passphrase, and not a sentence about one."""
    words = [word.strip(".,:!?") for word in value.lower().split()]
    if len(words) > 8 or any(word in _PROSE for word in words):
        return False
    if not password:
        return any(len(word) >= 8 and is_by_chance(word) for word in value.split())
    if "pass" in value.lower() or "pwd" in value.lower():
        return False
    if len(words) <= 5 and any(sign.isdigit() or sign in SPECIAL for sign in value):
        return True
    return value.islower() and len(words) >= 3 and not any(word in _SMALL for word in words)


def is_jumbled(value: str) -> bool:
    """Return whether capitals and small letters follow each other as in no words put together."""
    if len(value) < 12 or value.islower() or value.isupper():
        return False
    return len(_TURN.findall(value)) > 0.35 * len(value)


_TURN: Final = expression("[a-z](?=[A-Z])|[A-Z](?=[a-z])")
_DIGIT: Final = expression("[0-9]")


def is_by_chance(value: str) -> bool:
    """Return whether letters and digits are mixed as no name mixes them."""
    digits = len(_DIGIT.findall(value))
    if digits == len(value):
        return False
    return digits >= 4 or (digits >= 1 and value != value.lower() and value != value.upper()) or is_jumbled(value)


def is_drawn(value: str) -> bool:
    """Return whether a value is long, and drawn by chance from capitals, small letters and digits.

    It is no name, no hash, and no id of a message or a call.
    """
    return (
        len(value) >= 20
        and _ID.match(value) is None
        and _LETTERS.fullmatch(value) is not None
        and value != value.lower()
        and value != value.upper()
        and len(_NUMBER.findall(value)) >= 2
        and not is_placeholder(value)
        and PATH.fullmatch(value) is None
    )


_ID: Final = expression("(?:toolu|call|msg|req|resp|run|ses|chatcmpl|file|thread|asst|item|step|evt)[_-]")
_NUMBER: Final = expression("[0-9]+")
_LETTERS: Final = expression(r"[\w+/=.~-]*+", re.ASCII)


class Limits:
    """How much of a text is looked at one place after another.

    ``places``: how many places that may hold a secret each group of rules looks at. ``end``: where one of them had
    looked at so many, so that from there on none needs to look.
    """

    def __init__(self, raw: str) -> None:
        self.places = 500 + min(len(raw) // 400, 2_000)
        self.end = len(raw)

    def matches(self, pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
        """Yield what a pattern finds in a text before the end; at the first that is too much, the text ends for all."""
        for number, found in enumerate(pattern.finditer(text, 0, self.end), start=1):
            if number >= self.places:
                self.end = found.start()
                return
            yield found
