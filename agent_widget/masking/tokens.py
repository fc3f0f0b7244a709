"""Tokens and keys that are known by how they are written, wherever they stand."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import Final, NamedTuple

from ..expressions import expression
from .rules import ALPHABETS, ODD, SHAPES, Shape
from .values import CUT, LOOK, Limits, Span, is_by_chance, is_placeholder

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

    A place is first tried for the fixed beginnings of all, letter by letter, so that one that is nearly a token costs
    little more than any other. ``cut``: the text holds a :data:`CUT`; without one such a place costs half as much.
    """

    def __init__(self, cut: bool) -> None:
        self._groups: dict[str, list[tuple[str, Shape]]] = {}
        begins: dict[str, set[str]] = {}
        for rule in SHAPES:
            for template in variants(rule.template):
                self._groups.setdefault(template[0], []).append((compiled(template, cut=cut), rule))
            for template in alternatives(rule.template):
                fixed, _, rest = template.partition("{")
                begins.setdefault(fixed, set()).add(_first_part(rest.partition("}")[0], cut))
        self._either = _tree(begins)
        self._letters: dict[str, tuple[re.Pattern[str], list[Shape]]] = {}

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


def _first_part(part: str, cut: bool) -> str:
    """Return the pattern of the least that stands for the first random part of a template (``word:36+``)."""
    alphabet, _, many = part.partition(":")
    if alphabet == "base64":
        return ""  # it may go on behind the run of letters in which it begins
    least, letters = int(re.split(r"[,+]", many)[0]), f"[{ALPHABETS[alphabet]}]"
    return rf"{letters}{{{least}}}" if not cut else rf"(?:{letters}{{{least}}}|{letters}++\x1a)"


def _tree(patterns: dict[str, set[str]]) -> str:
    """Return a pattern for texts that begin with a word, one for each letter that comes next.

    ``patterns``: by word, what may follow it.
    """
    following: dict[str, dict[str, set[str]]] = {}
    branches = []
    for word, rest in patterns.items():
        if word:
            following.setdefault(word[0], {})[word] = rest
        else:
            branches += sorted(rest)
    for words in following.values():
        shared = min(words)
        while not all(word.startswith(shared) for word in words):
            shared = shared[:-1]
        branches.append(re.escape(shared) + _tree({word[len(shared) :]: rest for word, rest in words.items()}))
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def alternatives(template: str) -> list[str]:
    """Return the templates without alternatives that a template stands for."""
    before, opened, rest = template.partition("(")
    if not opened:
        return [template]
    inner, _, after = rest.partition(")")
    return [before + one + other for one in inner.split("|") for other in alternatives(after)]


def variants(template: str) -> list[str]:
    """Return the templates that a template with alternatives at its very begin stands for."""
    if not template.startswith("("):
        return [template]
    alternatives, _, rest = template[1:].partition(")")
    return [alternative + rest for alternative in alternatives.split("|")]


_FIRST_TEXTS: Final = iter(range(500))
"""Texts without a cut for which the rules for cut ones do as well: to compile both takes longer than to use these."""


def shapes_of(cut: bool) -> _Shapes:
    """Return the rules of tokens, for a text that holds a :data:`CUT` or none."""
    return _made(cut or next(_FIRST_TEXTS, None) is not None)


@cache
def _made(cut: bool) -> _Shapes:
    return _Shapes(cut)


_BASE64_END: Final = expression(r"[\w+/=-]*+(?:%3D)*+", re.ASCII)
_BASE64_BEFORE: Final = expression(r"[A-Za-z0-9+/]{31}\Z")
"""An image or another file in a text: any shape may come up in it."""
_ESCAPE_SIGNS: Final = frozenset("nrtbf")
_COLOUR: Final = expression(r"[0-9]{0,3}m")


def add_tokens(raw: str, classes: bytes, at: int, spans: list[Span], limits: Limits) -> None:
    """Add what has the shape of a token, from the first run of letters on, which begins at ``at``."""
    patience, shapes = limits.places, shapes_of(CUT in raw)
    behind = shapes.behind.search
    while 0 <= at < limits.end:
        end = classes.find(b" ", at)
        if end < 0:
            end = len(raw)
        if at == 0 or raw[at - 1] in "\\%[;" or raw[end : end + 1] == CUT or behind(raw, at - 1, end) is not None:
            looked, end = _in_run(raw, at, end, spans, patience, shapes)
            patience -= looked
            if patience <= 0:
                limits.end = at
                return
        at = classes.find(RUN, end)


def add_cut_tokens(raw: str, spans: list[Span]) -> None:
    """Add what could become a token where the text is cut."""
    at = raw.find(CUT)
    for _ in range(_CUTS):
        if at < 0:
            return
        first = max(0, at - len(RUN))
        begin = first + len(raw[first:at].rstrip(_RUN_SIGNS))
        if (begin > first or not first) and at - begin >= 6:
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
    seen = end + (raw[end : end + 1] == CUT)
    found = shapes.behind.match("-" + raw[begin : begin + LOOK])
    start = first = begin
    while True:
        if found is None:
            found = shapes.behind.search(raw, begin, seen)
            if found is None:
                return looked, end
            start = found.start() + 1
        looked += 1
        if looked >= patience:
            return looked, end
        pattern, rules = shapes.beginning(raw[start])
        one = pattern.match(raw, start)
        found = None
        begin = start
        if one is None:
            continue
        begin = one.end()
        rule = rules[(one.lastindex or 1) - 1]
        if (
            begin >= end
            and start > first
            and raw[begin : begin + 1] == CUT
            and _fixed(rule) < 3
            and shapes_of(False).beginning(raw[start])[0].match(raw, start) is None
        ):
            return looked, end  # a letter behind a sign, and some more, but no whole token: the end of anything
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


def _fixed(rule: Shape) -> int:
    """Return how many letters a token is known by at its begin, at least."""
    return min(template.index("{") for template in alternatives(rule.template))


def _is_token(rule: Shape, token: str, cut: bool) -> bool:
    """Return whether text in the shape of a token is one, and no other word or placeholder."""
    if cut and len(token) < 24:
        if _fixed(rule) < 3:
            return len(token) >= 16 and is_by_chance(token)
        body = token[3:]
        return any(map(str.isdigit, body)) or not (body.islower() or (body.isupper() and "{upper" not in rule.template))
    if rule.mixed and not is_by_chance(token):
        return False
    return len(set(token[4:])) > 5 and not is_placeholder(token)


class _Odd(NamedTuple):
    """A rule of :data:`ODD`: a fixed part of it, which is looked for, and how far before that the token begins."""

    part: str
    before: range
    pattern: re.Pattern[str]
    kind: str


@cache
def _odd() -> list[_Odd]:
    """Compile the rules of :data:`ODD`."""
    found: dict[tuple[str, str], _Odd] = {}
    for rule in ODD:
        pattern = compiled(rule.template)
        if rule.template[0].isalnum() or rule.template[0] == "{":
            own = "+/" if rule.template.startswith("{base64") else ""
            address = "|(?<=/bot)" if rule.kind.startswith("Telegram") else ""
            pattern = rf"(?:(?<![A-Za-z0-9_{own}-])|(?<=\\[nrt]){address}){pattern}"
        for template in alternatives(rule.template):
            part = max(re.split(r"\{[^}]*\}", template), key=len)
            least, most = _length(template[: template.index(part)])
            found[rule.template, part] = _Odd(part, range(least, most + 1), re.compile(pattern), rule.kind)
    return list(found.values())


def _length(template: str) -> tuple[int, int]:
    """Return how many letters a template stands for, at least and at most."""
    least = most = len(re.sub(r"\{[^}]*\}", "", template))
    for one, other in re.findall(r"\{\w+:(\d+)(?:,(\d+))?\}", template):
        least += int(one)
        most += int(other or one)
    return least, most


def add_odd_tokens(raw: str, spans: list[Span], limits: Limits) -> None:
    """Add the tokens that are not a run of letters, or too short for one."""
    patience = limits.places
    for rule in _odd():
        at = raw.find(rule.part, 0, limits.end)
        while at >= 0:
            patience -= 1
            if patience <= 0:
                limits.end = at
                return
            after = at + 1
            for before in rule.before:
                found = rule.pattern.match(raw, at - before) if before <= at else None
                if found is not None and found.end() > at:
                    if len(set(found[0][:LOOK])) > 5:
                        spans.append(Span(found.start(), found.end(), rule.kind))
                    after = found.end()
                    break
            at = raw.find(rule.part, after, limits.end)


_PRIVATE_KEY: Final = expression(
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----|(?P<putty>Private-Lines: \d{1,3}(?=\s|\\[nr]))"
)
"""What a private key begins with, in PEM or (its private half) in a file of PuTTY."""
_PEM_BODY: Final = expression(r"[\w\s+/=:,.\\-]*+", re.ASCII)
_PUTTY_BODY: Final = expression(r"(?:(?:\s|\\[nr])++[A-Za-z0-9+/=]{16,}+)*+")
_PEM_END: Final = expression(r"-----END [A-Z0-9 ]{0,50}-----")
_AWS: Final = expression(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])")


def add_private_keys(raw: str, spans: list[Span], limits: Limits) -> None:
    """Add private keys, also such as were cut off."""
    end = closing = 0
    for found in limits.matches(_PRIVATE_KEY, raw):
        if found.start() < end:  # in the key before
            continue
        begin = found.end()
        if found["putty"] is not None:
            end = _PUTTY_BODY.match(raw, begin).end()  # type: ignore[union-attr]
        else:
            if closing < begin and (closing := raw.find("-----END ", begin)) < 0:
                closing = len(raw)
            end = _PEM_BODY.match(raw, begin, closing).end()  # type: ignore[union-attr]
            if end == closing and (last := _PEM_END.match(raw, closing)) is not None:
                end = last.end()
            else:
                end = begin + len(raw[begin:end].rstrip("\\ \n"))
        if end < begin + 16:
            end = begin
        else:
            spans.append(Span(found.start(), end, "private key"))


def add_aws_secrets(raw: str, spans: list[Span], limits: Limits) -> None:
    """Add the secret that goes with an access key: forty letters without any sign of their own."""
    for found in limits.matches(_AWS, raw):
        value = found[0]
        if is_by_chance(value) and len(set(value)) > 16 and not value.islower() and not value.isupper():
            spans.append(Span(found.start(), found.end(), "AWS secret key"))
