"""Tokens and keys that are known by how they are written, wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, cached_property
from typing import Final

from ..expressions import expression
from .rules import ALPHABETS, ODD, SHAPES, Shape
from .values import CUT, LOOK, Span, is_by_chance, is_placeholder, patience_of

RUN: Final = b"x" * 20
"""Every token has so many letters, digits and ``_.~-`` in a row, unless it is cut or odd."""
IN_RUN: Final = bytes(120 if chr(code).isalnum() or chr(code) in "_.~-" else 32 for code in range(128)) + b" " * 128
_RUN_SIGNS: Final = "".join(chr(code) for code in range(128) if IN_RUN[code] == 120)


def _is_random(part: str) -> bool:
    return part.startswith("{")


def compiled(template: str, *, cut: bool = True) -> str:
    """Return the regular expression of a template (see :mod:`agent_widget.masking.rules`), without what stands around.

    With ``cut``, the text may end with :data:`CUT` after any of its random parts has begun.
    """
    parts = re.split(r"(\{\w+:[\d,]+\+?\})", template)
    pattern, random = "", False
    for part in reversed(parts):
        if part.startswith("{"):
            alphabet, _, many = part[1:-1].partition(":")
            letters = f"[{ALPHABETS[alphabet]}]"
            if many.endswith("+"):
                count, end = f"{{{many[:-1]},}}+", ""
            else:
                count, end = f"{{{many}}}", "" if pattern else "(?![A-Za-z0-9])"
            least = int(part == next(filter(_is_random, parts)))
            # as many as there can be of one that is not whole: a run of letters may be as long as the text
            some = f"{{{least},{int(many.rstrip('+').rpartition(',')[2]) - 1}}}+"
            whole = f"{letters}{count}{end}{pattern}"
            begins = template.startswith(part)  # the beginning of what begins by chance looks like any word
            pattern = rf"(?:{whole}|{letters}{some}(?=\x1a))" if cut and not begins else whole
            random = True
        elif part:
            literal = "".join(
                piece if piece.startswith("(") else re.escape(piece) for piece in re.split(r"(\([^)]*\))", part)
            ).replace("(", "(?:")
            pattern = literal + pattern if part == parts[0] or not cut else rf"(?:{literal}{pattern}|(?=\x1a))"
    assert random, f"{template}: nothing in it is random"
    return pattern


class _Shapes:
    """The rules of :data:`SHAPES`, each pattern compiled when it is first needed: that takes some 40 ms.

    Those with the same beginning stand together, so that one letter rules out most of them at once. ``cut``: the text
    holds a :data:`CUT`; without one a place where a token almost stands costs half as much.
    """

    def __init__(self, cut: bool) -> None:
        groups: dict[str, list[tuple[str, Shape]]] = {}
        for rule in SHAPES:
            for template in variants(rule.template):
                groups.setdefault(template[0], []).append((compiled(template, cut=cut), rule))
        branches = [
            re.escape(letter) + f"(?:{'|'.join(pattern.removeprefix(chr(92))[1:] for pattern, _ in members)})"
            for letter, members in groups.items()
        ]
        self._groups = groups
        self._either = f"(?:{'|'.join(branches)})"
        self._letters: dict[str, tuple[re.Pattern[str], list[Shape]]] = {}

    @cached_property
    def at(self) -> re.Pattern[str]:
        """Any of them at a place."""
        return re.compile(self._either)

    @cached_property
    def behind(self) -> re.Pattern[str]:
        """The next of them behind any sign."""
        return re.compile("[^A-Za-z0-9]" + self._either)

    def beginning(self, letter: str) -> tuple[re.Pattern[str], list[Shape]]:
        """Return those that begin with a letter; the number of the group that matches is that of the rule, from 1."""
        if letter not in self._letters:
            members = self._groups[letter]
            pattern = re.compile("|".join(f"({pattern})" for pattern, _ in members))
            self._letters[letter] = pattern, [rule for _, rule in members]
        return self._letters[letter]


def variants(template: str) -> list[str]:
    """Return the templates that a template with alternatives at its very begin stands for."""
    if not template.startswith("("):
        return [template]
    alternatives, _, rest = template[1:].partition(")")
    return [alternative + rest for alternative in alternatives.split("|")]


@cache
def shapes_of(cut: bool) -> _Shapes:
    """Return the rules of tokens, for a text that holds a :data:`CUT` or none."""
    return _Shapes(cut)


_BASE64_END: Final = expression(r"[\w+/=-]*+(?:%3D)*+", re.ASCII)
_BASE64_BEFORE: Final = expression(r"[A-Za-z0-9+/]{31}\Z")
"""An image or another file in a text: any shape may come up in it."""
_ESCAPE_SIGNS: Final = frozenset("nrtbf")
_COLOUR: Final = expression(r"[0-9]{0,3}m")


def add_tokens(raw: str, classes: bytes, spans: list[Span]) -> int | None:
    """Add what has the shape of a token; returns from where on there are too many to look at each."""
    patience, shapes = patience_of(raw), shapes_of(CUT in raw)
    at = classes.find(RUN)
    while at >= 0:
        end = classes.find(b" ", at)
        if end < 0:
            end = len(raw)
        looked, end = _in_run(raw, at, end, spans, patience, shapes)
        patience -= looked
        if patience <= 0:
            return at
        at = classes.find(RUN, end)
    return None


def add_cut_tokens(raw: str, spans: list[Span]) -> None:
    """Add what could become a token where the text is cut."""
    at = raw.find(CUT)
    for _ in range(_CUTS):
        if at < 0:
            return
        begin = max(0, at - LOOK)
        begin += len(raw[begin:at].rstrip(_RUN_SIGNS))
        if 6 <= at - begin < len(RUN):
            _in_run(raw, begin, at + 1, spans, _CUTS, shapes_of(True))
        at = raw.find(CUT, at + 1)


_CUTS: Final = 100
"""Maximum cuts (``…``) of one text that are looked at; previews have one."""


def _in_run(raw: str, begin: int, end: int, spans: list[Span], patience: int, shapes: _Shapes) -> tuple[int, int]:
    """Add the tokens that begin in a run of letters: at its begin, or behind a sign that divides it.

    Returns how many there are, at most ``patience``, and where to go on: some go on behind the run.
    """
    looked = 0
    if begin:
        before = raw[begin - 1]
        if before == "\\" and raw[begin] in _ESCAPE_SIGNS:  # "\n" in JSON
            begin += 1
        elif before == "%":  # "%3D" in an address
            begin += 2
        elif (before == "[" or before == ";") and (colour := _COLOUR.match(raw, begin)):  # "\x1b[32m" of a terminal
            begin = colour.end()
    start = begin
    found = shapes.at.match(raw, begin)
    while True:
        if found is None:
            found = shapes.behind.search(raw, begin, end)
            if found is None:
                return looked, end
            start = found.start() + 1
        begin = found.end()
        looked += 1
        if looked >= patience:
            return looked, end
        pattern, rules = shapes.beginning(raw[start])
        one = pattern.match(raw, start) or pattern.match(raw, start, end)
        rule = rules[((one and one.lastindex) or 1) - 1]
        if "{base64" in rule.template:
            begin = _BASE64_END.match(raw, begin).end()  # type: ignore[union-attr]
        if _is_token(rule, raw[start : min(begin, start + LOOK)], raw[begin : begin + 1] == CUT) and not (
            start
            and raw[start - 1] in "+/"
            and _BASE64_BEFORE.search(raw, max(0, start - 32), start)
            and is_by_chance(raw[start - 31 : start])
        ):
            spans.append(Span(start, begin, rule.kind))
        if begin >= end:
            return looked, begin
        found = None


def _is_token(rule: Shape, token: str, cut: bool) -> bool:
    """Return whether text in the shape of a token is one, and no other word or placeholder."""
    if cut and len(token) < 24:
        if (
            min(len(variant[: variant.index("{")]) for variant in variants(rule.template)) < 3
        ):  # it begins with a letter or two
            return len(token) >= 16 and is_by_chance(token)
        body = token[3:]
        return any(map(str.isdigit, body)) or not (body.islower() or (body.isupper() and "{upper" not in rule.template))
    if rule.mixed and not is_by_chance(token):
        return False
    return len(set(token[4:])) > 5 and not is_placeholder(token)


@cache
def _odd() -> list[tuple[str, re.Pattern[str], Shape]]:
    """Compile the rules of :data:`ODD`, each with its longest fixed part, which is looked for first."""
    found = []
    for rule in ODD:
        literals = re.split(r"\{[^}]*\}|\([^)]*\)", rule.template)
        pattern = compiled(rule.template)
        if rule.template[0].isalnum() or rule.template[0] == "{":
            own = "+/" if rule.template.startswith("{base64") else ""
            address = "|(?<=/bot)" if rule.kind.startswith("Telegram") else ""
            pattern = rf"(?:(?<![A-Za-z0-9_{own}-])|(?<=\\[nrt]){address}){pattern}"
        found.append((max(literals, key=len), re.compile(pattern), rule))
    return found


def odd_tokens(raw: str) -> Iterator[Span]:
    """Yield the tokens that are not a run of letters, or too short for one."""
    for hint, pattern, rule in _odd():
        if hint in raw:
            for found in pattern.finditer(raw):
                if len(set(found[0][:LOOK])) > 5:
                    yield Span(found.start(), found.end(), rule.kind)


_PEM: Final = expression(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY: Final = expression(r"[\w\s+/=:,.\\-]*+", re.ASCII)
_PUTTY: Final = expression(r"Private-Lines: \d{1,3}(?=\s|\\[nr])")
"""What stands before the private half of a key of PuTTY."""
_PUTTY_BODY: Final = expression(r"(?:(?:\s|\\[nr])++[A-Za-z0-9+/=]{16,}+)*+")
_PEM_END: Final = expression(r"-----END [A-Z0-9 ]{0,50}-----")
_AWS: Final = expression(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])")


def private_keys(raw: str) -> Iterator[Span]:
    """Yield private keys, also such as were cut off."""
    for putty in _PUTTY.finditer(raw):
        end = _PUTTY_BODY.match(raw, putty.end()).end()  # type: ignore[union-attr]
        if end >= putty.end() + 16:
            yield Span(putty.start(), end, "private key")
    at = closing = 0
    while (found := _PEM.search(raw, at)) is not None:
        at = found.end()
        if closing < at and (closing := raw.find("-----END ", at)) < 0:
            closing = len(raw)
        end = _PEM_BODY.match(raw, at, closing).end()  # type: ignore[union-attr]
        if end == closing and (last := _PEM_END.match(raw, closing)) is not None:
            end = last.end()
        else:
            end = at + len(raw[at:end].rstrip("\\ \n"))
        if end >= at + 16:
            yield Span(found.start(), end, "private key")
            at = end


def aws_secrets(raw: str) -> Iterator[Span]:
    """Yield the secret that goes with an access key: forty letters without any sign of their own."""
    for found in _AWS.finditer(raw):
        value = found[0]
        if is_by_chance(value) and len(set(value)) > 16 and not value.islower() and not value.isupper():
            yield Span(found.start(), found.end(), "AWS secret key")
