"""Where the secrets in a text are.

Nearly all texts hold none, so all begins with what is cheap: whether there is any run of letters and digits long enough
for a token, and any of a few fixed words (``pass``, ``key``, ``//``). Only there the rules are tried, at that place and
over a bounded length. A text made to be slow, full of places that look like secrets and are none, is not looked at with
the same care to its end: past a number of such places everything that stands at one counts as a secret. So the time
grows with the length of the text, whatever it holds.

All rules work on the text in ASCII, sign by sign: what is none is a ``?`` there, and the ``…`` that a preview was cut
with is :data:`CUT`. Where a text was cut the beginning of a secret is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from itertools import pairwise
from typing import Final, NamedTuple

from ..expressions import expression
from .rules import ALPHABETS, NAMES, ODD, PLACEHOLDERS, SHAPES, VAGUE, Shape

CUT: Final = "\x1a"
LEAST: Final = 8
"""No shorter text holds a secret."""
_RUN: Final = b"x" * 20
"""Every token has so many letters, digits and ``_.~-`` in a row, unless it is cut or odd."""
_IN_RUN: Final = bytes(120 if chr(code).isalnum() or chr(code) in "_.~-" else 32 for code in range(128)) + b" " * 128
_RUN_SIGNS: Final = "".join(chr(code) for code in range(128) if _IN_RUN[code] == 120)
_LOOK: Final = 256
"""Maximum characters of a value that are looked at to decide whether it is a secret."""


class Span(NamedTuple):
    """A secret from ``begin`` up to ``end``."""

    begin: int
    end: int
    kind: str


# ---------------------------------------------------------------------------------------------------------------------
# Tokens that are known by how they are written


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
def _shapes(cut: bool) -> _Shapes:
    return _Shapes(cut)


_BASE64_END: Final = expression(r"[\w+/=-]*+(?:%3D)*+", re.ASCII)
_BASE64_BEFORE: Final = expression(r"[A-Za-z0-9+/]{31}\Z")
"""An image or another file in a text: any shape may come up in it."""
_ESCAPE_SIGNS: Final = frozenset("nrtbf")
_COLOUR: Final = expression(r"[0-9]{0,3}m")


def _tokens(raw: str, classes: bytes, spans: list[Span]) -> int | None:
    """Add what has the shape of a token; returns from where on there are too many to look at each."""
    patience, shapes = _patience(raw), _shapes(CUT in raw)
    at = classes.find(_RUN)
    while at >= 0:
        end = classes.find(b" ", at)
        if end < 0:
            end = len(raw)
        looked, end = _in_run(raw, at, end, spans, patience, shapes)
        patience -= looked
        if patience <= 0:
            return at
        at = classes.find(_RUN, end)
    return None


def _cut_tokens(raw: str, spans: list[Span]) -> None:
    """Add what could become a token where the text is cut."""
    at = raw.find(CUT)
    for _ in range(_CUTS):
        if at < 0:
            return
        begin = max(0, at - _LOOK)
        begin += len(raw[begin:at].rstrip(_RUN_SIGNS))
        if 6 <= at - begin < len(_RUN):
            _in_run(raw, begin, at + 1, spans, _CUTS, _shapes(True))
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
        if _is_token(rule, raw[start : min(begin, start + _LOOK)], raw[begin : begin + 1] == CUT) and not (
            start
            and raw[start - 1] in "+/"
            and _BASE64_BEFORE.search(raw, max(0, start - 32), start)
            and _by_chance(raw[start - 31 : start])
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
            return len(token) >= 16 and _by_chance(token)
        body = token[3:]
        return any(map(str.isdigit, body)) or not (body.islower() or (body.isupper() and "{upper" not in rule.template))
    if rule.mixed and not _by_chance(token):
        return False
    return len(set(token[4:])) > 5 and not _is_placeholder(token)


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


def _odd_tokens(raw: str) -> Iterator[Span]:
    for hint, pattern, rule in _odd():
        if hint in raw:
            for found in pattern.finditer(raw):
                if len(set(found[0][:_LOOK])) > 5:
                    yield Span(found.start(), found.end(), rule.kind)


_PEM: Final = expression(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY: Final = expression(r"[\w\s+/=:,.\\-]*+", re.ASCII)
_PUTTY: Final = expression(r"Private-Lines: \d{1,3}(?=\s|\\[nr])")
"""What stands before the private half of a key of PuTTY."""
_PUTTY_BODY: Final = expression(r"(?:(?:\s|\\[nr])++[A-Za-z0-9+/=]{16,}+)*+")
_PEM_END: Final = expression(r"-----END [A-Z0-9 ]{0,50}-----")
_AWS: Final = expression(r"(?<![A-Za-z0-9/+=_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])")


def _private_keys(raw: str) -> Iterator[Span]:
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


def _aws_secrets(raw: str) -> Iterator[Span]:
    """Yield the secret that goes with an access key: forty letters without any sign of their own."""
    for found in _AWS.finditer(raw):
        value = found[0]
        if _by_chance(value) and len(set(value)) > 16 and not value.islower() and not value.isupper():
            yield Span(found.start(), found.end(), "AWS secret key")


# ---------------------------------------------------------------------------------------------------------------------
# What stands behind names

_QUOTE: Final = r"\\*[\"'`]"
"""A quotation mark, also of JSON within JSON."""
_SUFFIX: Final = r"(?:[_-]?\d{1,2}|_(?:value|prod|dev|test|staging|live|main|new|old|default))?"
_AFTER: Final = r"(?=[\s\\\"'`,\]:=%>]|[_-]?\d|_[vpdtslmno])"
"""A letter of a suffix or a sign: of most words that are names too it is neither, and nothing else is tried then."""
_SIGN: Final = (
    rf"(?:{_QUOTE})?(?:[,\s]|\\n){{1,12}}(?:{_QUOTE})?value(?:{_QUOTE})?\s{{0,3}}[:=][ \t]{{0,3}}"  # name: X, value: y
    rf"|{_QUOTE}\s{{0,3}},\s{{0,3}}(?={_QUOTE})"  # ["--password", "x"]
    rf"|(?:{_QUOTE}\]?|\])?(?:[ \t]{{0,3}}(?::[ \t]{{0,3}}[a-z]{{1,20}}[ \t]{{0,3}}=|:=|=>|==|:|=|%3[ad])[ \t]{{0,3}}"
    r"|>|[ \t]{1,3}is:?[ \t]{1,3})"
)
"""Text between a name and its value; it may contain a type."""
_VALUE: Final = rf"(?:[bfru]{{0,2}}(?P<quote>{_QUOTE}))?"


class _Names(NamedTuple):
    """The rules of :data:`NAMES` and :data:`VAGUE`, compiled."""

    assigned: re.Pattern[str]
    """A name, a sign, and where the value begins."""
    option: re.Pattern[str]
    """The same for an option of a command and for a line of a ``.netrc``: a space is the sign."""
    crowded: re.Pattern[str]
    """The same, and passwords in options, with a value, whatever it is."""


@cache
def _names() -> _Names:
    sure = "|".join(rule.pattern for rule in NAMES)
    vague = "|".join(rule.pattern for rule in VAGUE)
    either = (
        rf"(?:{sure}|{vague}){_AFTER}{_SUFFIX}"  # each begins with a letter, so the places for it are found quickly
    )
    crowded = (
        rf"(?:(?:{sure})(?![a-z]){_SUFFIX}(?:{_SIGN}|\s)(?:{_QUOTE})?|-[upaw][ \t=]?|://[^\s:/@\"'<>\\]{{0,100}}+:"
        r"|(?:bearer|basic|authorization:)\s(?:(?:bearer|basic)\s)?)(?!\[masked: )(?P<value>[^\s\"'`\\]++)"
        r"|(?<![a-z0-9])(?P<token>[\w~-]{20,}+)"
    )
    return _Names(
        re.compile(rf"(?P<name>{either})(?P<sign>{_SIGN}){_VALUE}", re.ASCII),
        re.compile(rf"(?P<name>{either})(?P<sign>(?:\s|\\n){{1,3}}){_VALUE}", re.ASCII),
        re.compile(crowded, re.ASCII),
    )


_QUOTED: Final = {
    quote: re.compile(rf"[^{quote}\\\n\x1a]*+(?:\\[^\nnrt\x1a][^{quote}\\\n\x1a]*+)*+") for quote in "\"'`"
}
_NESTED: Final = expression(r"[^\"'`\\\n\x1a]*+")
_BARE: Final = expression(r"[(\[{<$]{0,2}[^\s\"'`\\\x1a,;&|<>(){}\[\]]*+")
_WHOLE: Final = expression(r"[^\s\"'`\\\x1a,;&|]*+")
_LINE: Final = expression(r"[^\s\"'`\\\x1a]*+")
_PLACE: Final = expression(
    r"(?:[$#@%]?\{{1,2}(?P<a>[^}\n]{0,80})\}{1,2}|\$?\((?P<b>[^)\n]{0,80})\)|<(?P<c>[^>\n]{1,80})>|\[(?P<d>[^\]\n]{0,80})\]"
    r"|%[A-Za-z_]\w*%|%\(\w+\)s|%[sdrv]|\$[A-Z_][A-Z0-9_]*+(?![A-Za-z0-9])|\$[A-Za-z_]++(?![A-Za-z0-9])|\$\d(?!\w))",
    re.ASCII,
)
"""A place for a value: ``${TOKEN}``, ``<token>``, ``$(pass show x)``, ``%TOKEN%``, ``[token]``."""
_IDENTIFIER: Final = expression(r"[!+-]{0,2}(?:[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+|[A-Za-z_]*\d{0,2})", re.ASCII)
"""What stands for a value in code: ``self.token``, ``next_token2``, ``!!hasToken``."""
_CALL: Final = expression(r"[A-Za-z_][A-Za-z_.]*\d?[(\[]")
_PATH: Final = expression(
    r"(?:[A-Za-z]:|~|\.{1,2}|[\w.-]+)?"
    r"(?:[/\\]{1,2}\.?[A-Za-z_]*(?:[-_.+@:][A-Za-z_]+)*[-_.v]?\d{0,6}(?:\.\w{1,8})*){1,40}[/\\]?",
    re.ASCII,
)
"""A path: between its slashes stand words, which letters by chance are not."""
_SPECIAL: Final = frozenset("!@#$%^*?~+")
_PROSE: Final = frozenset(
    "characters enter field forgot forgotten incorrect invalid least length missing must please required reset "
    "should strong too weak wrong".split()
)
"""Words of sentences about secrets."""
_SMALL: Final = frozenset(
    "a an and are be by can for from has have if in is it no not of on or that the this to with your".split()
)


def _named(raw: str, low: str, found: re.Match[str]) -> Span | None:
    """Return the value of a name if it is a secret."""
    begin, quote = found.end(), found["quote"]
    name, sign = raw[found.start("name") : found.end("name")], found["sign"]
    # a line of an .env file, or of a shell; with a space as the sign it is one that sets a variable
    shouted = name.isupper() and quote is None and (sign == "=" or sign.isspace())
    values = _LINE if shouted else _BARE if quote is None else _QUOTED[quote[-1]] if len(quote) == 1 else _NESTED
    end = values.match(raw, begin, begin + _LOOK).end()  # type: ignore[union-attr]
    if end == begin:
        return None
    rule = _rule(low, found)
    if rule is None:
        return None
    kind, vague = rule
    value = _Value(
        raw[begin:end],
        raw[end : end + 1],
        raw[begin : begin + 100],
        kind == "password",
        quote is not None,
        shouted or (kind == "password" and sign == "=" and _in_query(low, found.start())),
        sign.strip() in ("is", "is:"),
    )
    if (
        "," in sign
        and "value" not in sign
        and not _BEFORE_LISTED.search(low[max(0, found.start() - 100) : found.start()])
    ):
        return None
    if sign == ">" and raw[end : end + 2] != "</":
        return None
    if not value.is_secret(name, vague=vague):
        return None
    if quote is None:
        whole = (_LINE if shouted else _WHOLE).match(raw, begin).end()  # type: ignore[union-attr]
        end = max(end, begin + len(_trimmed(raw[begin:whole]))) if sign != ">" else end
    elif end == begin + _LOOK:
        end = values.match(raw, end).end()  # type: ignore[union-attr]
    return Span(begin, end, kind)


def _in_query(low: str, at: int) -> bool:
    """Return whether a name stands in the query of an address, or in a connection string behind the user."""
    return _BEFORE_QUERY.search(low, max(0, at - 100), at) is not None


@cache
def _before() -> dict[str, re.Pattern[str]]:
    """Return what must stand before a name, by the rule's kind."""
    return {rule.kind: re.compile(rf"(?:{'|'.join(rule.before.split())})[_ -]?\Z") for rule in NAMES if rule.before}


def _rule(low: str, found: re.Match[str]) -> tuple[str, bool] | None:
    """Return the kind of a name, and whether it is vague; ``None`` for a part of another word, such as ``monkey``."""
    name = found["name"]
    rule = next(rule for rule in (*NAMES, *VAGUE) if rule.hint in name)
    if rule in VAGUE:
        return rule.kind, True
    before = _before().get(rule.kind) if name.startswith(rule.hint) else None
    start = found.start()
    if before is None or before.search(low, max(0, start - 16), start):
        return rule.kind, False
    return (rule.kind, True) if start and low[start - 1] in "_-" else None


def _trimmed(value: str) -> str:
    """Return the value without the closing brackets and punctuation of the text around it."""
    while value and value[-1] in ".,;:)]}>" and not any(bracket in value for bracket in ("(", "[", "{", "<")):
        value = value[:-1]
    return value


class _Value(NamedTuple):
    """A value after a name that marks it as secret."""

    value: str
    after: str
    """The letter behind it."""
    rest: str
    """The text from its begin on, some of it."""
    password: bool
    quoted: bool
    shouted: bool
    """Whether all that stands there is the value, so that a word may be one."""
    prose: bool

    def is_secret(self, name: str, *, vague: bool) -> bool:
        """Return whether a value is a secret, and not code, a count, a path or a placeholder."""
        value, password = self.value, self.password
        cut = self.after == CUT
        if not self.quoted:
            value = value.rstrip(".:")
            if _CALL.match(self.rest):
                return False
        if (
            "://" in value
            or "${" in value
            or "[masked: " in value
            or _is_place(self.rest, len(self.value), self.quoted)
        ):
            return False
        if (len(value) > 3 and len(set(value)) < 3) or _is_placeholder(value):
            return False
        if vague or self.prose:
            return len(value) >= 12 and _by_chance(value) and " " not in value and not _PATH.fullmatch(value)
        strong = self.quoted or self.shouted
        least = 1 if cut else 4 if password and self.quoted else 6 if password else 8 if strong else 12
        if len(value) < least or (not password and value.isdigit()):
            return False
        if " " in value or "\t" in value:
            return self.quoted and _is_phrase(value, password)
        if ("/" in value or "\\" in value) and _PATH.fullmatch(value) and not cut:
            return False
        if self.shouted:
            return True
        if self.quoted and password:
            return not (value.isalpha() and any(stem in value.lower() for stem in ("pass", "pwd", "field", "input")))
        if "." in value and self.quoted and any(len(part) >= 12 and _by_chance(part) for part in value.split(".")):
            return True
        if _IDENTIFIER.fullmatch(value) and not (password and value[-1].isdigit() and "_" not in value):
            return (not password and len(value) >= 20 and _is_jumbled(value)) or (
                self.quoted and "." not in value and _by_chance(value)
            )
        digits = any(map(str.isdigit, value))
        if password:
            return digits or any(sign in _SPECIAL for sign in value)
        return (digits and any(map(str.isalpha, value))) or _is_jumbled(value)


def _is_place(rest: str, length: int, quoted: bool) -> bool:
    """Return whether a value of so many letters is a placeholder such as ``${TOKEN}``; ``rest`` begins with it."""
    found = _PLACE.match(rest)
    if found is None or (quoted and found.end() < length):
        return not quoted and rest[:1] in ("{", "[", "(", "<") and not _by_chance(rest[:length])
    inner = next((inner for inner in found.groups() if inner is not None), "")
    return not _by_chance(inner) or any(sign in " .:(_" for sign in inner) or inner.isupper()


def _is_placeholder(value: str) -> bool:
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


def _is_phrase(value: str, password: bool) -> bool:
    """Return whether a value of several words is a passphrase, and not a sentence about one."""
    words = [word.strip(".,:!?") for word in value.lower().split()]
    if len(words) > 8 or any(word in _PROSE for word in words):
        return False
    if not password:
        return any(len(word) >= 8 and _by_chance(word) for word in value.split())
    if "pass" in value.lower() or "pwd" in value.lower():
        return False
    if len(words) <= 5 and any(sign.isdigit() or sign in _SPECIAL for sign in value):
        return True
    return value.islower() and len(words) >= 3 and not any(word in _SMALL for word in words)


def _is_jumbled(value: str) -> bool:
    """Return whether capitals and small letters follow each other as in no words put together."""
    if len(value) < 12:
        return False
    turns = sum(one.isupper() != other.isupper() for one, other in pairwise(value) if one.isalpha() and other.isalpha())
    return turns > 0.35 * len(value)


def _by_chance(value: str) -> bool:
    """Return whether letters and digits are mixed as no name mixes them."""
    digits = sum(map(str.isdigit, value))
    if digits == len(value):
        return False
    return digits >= 4 or (digits >= 1 and value != value.lower() and value != value.upper()) or _is_jumbled(value)


# ---------------------------------------------------------------------------------------------------------------------
# Addresses, headers, commands

_URL: Final = expression(
    r"://[^\s:/@\"'<>\\`]{0,100}+:(?P<value>[^\s/@\"'<>\\\x1a`]{1,200}(?=@|\x1a)|[^\s/\"'<>\\\x1a`]{1,200}(?=@)|(?!:?//)[^\s@\"'<>\\\x1a`]{8,64}+(?=@))"
    r"|://(?P<user>[A-Za-z0-9_.~-]{16,200}+)(?::x-oauth-basic|:)?@"
)
_JDBC: Final = expression(r"jdbc:oracle:\w{1,10}:[^\s/:@]{1,60}/(?P<value>[^\s@\"']{1,100})@")
_HEADER: Final = expression(
    rf"authorization(?:{_QUOTE})?\s{{0,3}}[:=,]\s{{0,3}}(?:{_QUOTE})?(?P<scheme>[a-z][a-z0-9-]{{1,20}}\s{{1,3}})?"
    r"(?P<value>[\w.~+/=:-]{6,}+)",
    re.ASCII,
)
_BEARER: Final = expression(r"bearer(?P<scheme>)\s{1,3}(?P<value>[\w.~+/=-]{12,}+)", re.ASCII)
_COOKIE: Final = expression(
    rf"cookie(?:{_QUOTE})?(?:\s{{0,3}}[:=]\s{{0,3}}|\s)(?:{_QUOTE})?(?P<value>[\w.%$-]{{1,60}}=[^\s\"'`\\;,\x1a]{{4,}}+(?:;[^\n\"'`\\\x1a]*+)?)",
    re.ASCII,
)
_PROGRAMS: Final = {
    "user": ("curl", "wget", "http "),
    "glued": ("mysql", "mariadb", "sshpass"),
    "apart": (
        "sshpass",
        "redis-cli",
        "docker",
        "podman",
        "mongo",
        "ldap",
        "skopeo",
        "az ",
        "unzip",
        "helm",
        "oc ",
        "zip ",
    ),
}
_ARGUMENT: Final = rf"(?:{_QUOTE})?(?:[ \t=]|(?:{_QUOTE})\s{{0,3}},\s{{0,3}}){{1,3}}"
_OPTION: Final = expression(
    (
        rf"(?<=[\s\"'`])(?:(?:-u|--user|--proxy-user|-a|--auth){_ARGUMENT}(?P<open>{_QUOTE})?(?P<name>[^\s:\"'`\\]{{0,80}}):(?P<user>[^\s\"'`\\\x1a]{{1,200}}+)"
        rf"|-(?:p|pw)(?P<glued>[^\s\"'`\\\x1a=-][^\s\"'`\\\x1a]{{2,200}}+|(?P<mark>[\"'])[^\"'\n]{{3,200}}+)"
        rf"|-[pawP]{_ARGUMENT}(?:{_QUOTE})?(?P<apart>[^\s\"'`\\\x1a]{{3,200}}+))"
    ),
    re.ASCII,
)


def _in_commands(raw: str, low: str, spans: list[Span]) -> int | None:
    """Add the passwords in options of known programs: ``curl -u me:x``, ``mysql -px``, ``sshpass -p x``.

    Returns from where on there are too many options to look at each.
    """
    patience = _patience(raw)
    for found in _OPTION.finditer(raw):
        how = "user" if found["user"] is not None else "glued" if found["glued"] is not None else "apart"
        begin, end = found.span(how)
        patience -= 1
        if patience <= 0:
            return found.start()
        line = low[max(0, begin - 400) : begin]
        line = line[line.rfind("\n") + 1 :]
        if not any(program in line for program in _PROGRAMS[how]):
            continue
        value = raw[begin:end]
        if how == "glued":
            value = value.lstrip("\"'")
            begin = end - len(value)
        if value.isdigit() or _is_placeholder(value) or _PLACE.match(value):
            continue
        if how == "apart" and (value[0] == "-" or not value.strip("0123456789:./")):
            continue
        spans.append(Span(begin, end, "password"))
    return None


def _in_addresses(raw: str, spans: list[Span]) -> int | None:
    """Add the passwords in addresses; returns from where on there are too many to look at each."""
    patience = _patience(raw)
    for found in _URL.finditer(raw):
        patience -= 1
        if patience <= 0:
            return found.start()
        if found["user"] is not None:
            if _by_chance(found["user"]) and not _is_placeholder(found["user"]):
                spans.append(Span(*found.span("user"), "credential"))
            continue
        value = found["value"]
        begin, end = found.span("value")
        port, slash, _ = value.partition("/")
        if slash and (port.isdigit() or not port or not _by_chance(value)):
            continue
        place = _PLACE.match(value)
        if (raw[end : end + 1] == CUT and value.isdigit()) or (place and place.end() == len(value)):
            continue
        if set(value) <= set("*x.") or value.lower() in ("password", "pass", "pwd", "secret", "token"):
            continue
        spans.append(Span(begin, end, "password"))
    if "jdbc:oracle" in raw:
        spans += [Span(*found.span("value"), "password") for found in _JDBC.finditer(raw)]
    return None


_PGPASS: Final = expression(
    r"(?:^|(?<=[\s\"'`])|(?<=\\n))(?!arn:|urn:)[\w.*-]{1,100}:(?:\*|\d{4,5}):(?!-?\d+:)[^:\s\"'`\\]{1,63}:[^:\s\"'`\\]{1,63}:"
    r"(?P<value>(?:[^:\s\"'`\\\x1a]|\\{1,2}[:\\])++)(?=[\s\"'`\x1a]|\\n|\Z)",
    re.ASCII,
)
"""A line of PostgreSQL's ``.pgpass``: host, port, database, user and password."""


def _in_pgpass(raw: str) -> Iterator[Span]:
    """Yield the passwords in lines of a ``.pgpass``; past very many of them all that stands there."""
    patience = _patience(raw)
    for number, found in enumerate(_PGPASS.finditer(raw)):
        value = found["value"]
        if number > patience:
            yield Span(found.start("value"), len(raw), "password")
            return
        if len(value) >= 4 and not _is_placeholder(value) and not _PLACE.match(value):
            yield Span(*found.span("value"), "password")


_COOKIES: Final = expression(r"\t(?:TRUE|FALSE)\t\d{1,13}\t[^\t\n]{1,100}\t(?P<value>[^\s\x1a]{8,}+)")
"""A line of a ``cookies.txt``, as curl and browsers write it."""
_STATED: Final = expression(
    r"(?:\b(?:identified[ \t]{1,3}(?:with[ \t]{1,3}\w{1,40}[ \t]{1,3})?by"
    r"|with[ \t]{1,3}(?:encrypted[ \t]{1,3})?password"
    r"|requirepass|masterauth|convertto-securestring)[ \t]{1,3}(?:-string[ \t]{1,3})?"
    r"|(?P<loose>\bpassword[ \t]{1,3}(?=['\"`])))"
    r"(?P<quote>\\{0,3}['\"`])?(?P<value>[^\s'\"`\\;\x1a]{4,200}+)(?(quote)(?=\\{0,3}['\"`]|\x1a|\Z))",
    re.ASCII,
)
"""A password in a statement of SQL, in Redis' configuration, in PowerShell, or named and quoted in a sentence."""
_PIPED: Final = expression(
    r"\b(?:echo|printf)[ \t]{1,3}(?:-[neE]{1,3}[ \t]{1,3})?(?:['\"]?%s(?:\\n)?['\"]?[ \t]{1,3})?(?P<quote>['\"])?"
    r"(?P<value>[^\s'\"|\\\x1a]{4,200}+)(?(quote)['\"])[ \t]{0,3}\|[^|\n]{0,100}?"
    r"(?:sudo[ \t]{1,3}(?:-[a-zA-Z]{1,9}[ \t]{1,3}){0,3}-[a-z]{0,4}S|-stdin\b)",
    re.ASCII,
)
"""A password that a program is given by a pipe: ``echo x | sudo -S …``, ``… | docker login --password-stdin``."""
_PHRASE: Final = expression(
    r"(?:mnemonic|(?:seed|recovery|secret)[ _-]?phrase)(?:\\*[\"'`])?[ \t]{0,3}(?:[:=]|is)?[ \t\\\"'`]{0,6}"
    r"(?P<value>(?:[a-z]{3,8}[ ]{1,2}){11,23}[a-z]{3,8})(?![a-z])"
)
"""The words from which a wallet is made (BIP 39): 12 to 24."""


def _in_places(matches: Iterable[re.Match[str]], raw: str, kind: str, spans: list[Span]) -> int | None:
    """Add the values of matches; returns from where on there are too many to look at each."""
    patience = _patience(raw)
    for found in matches:
        begin, end = found.span("value")
        value = raw[begin : min(end, begin + _LOOK)]
        patience -= 1
        if patience <= 0:
            return found.start()
        if _is_placeholder(value) or _PLACE.match(value) or value.startswith("[masked"):
            continue
        if kind == "cookie" and not _by_chance(value):
            continue
        if kind == "password":
            loose = found.groupdict().get("loose") is not None
            mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
            special = not loose and any(sign in _SPECIAL for sign in value)
            if not (mixed or special) or (loose and len(value) < 6) or _CALL.match(value):
                continue
        spans.append(Span(begin, end, kind))
    return None


_SCHEMES: Final = frozenset("basic bearer token digest apikey ssws bot key negotiate api-key".split())


def _in_headers(raw: str, low: str, spans: list[Span]) -> int | None:
    """Add what stands in headers; returns from where on there are too many to look at each."""
    patience = _patience(raw)
    crowd = None
    for hint, pattern in _HEADERS:
        left = patience
        for found in pattern.finditer(low) if hint in low else ():
            begin, end = found.span("value")
            left -= 1
            if left <= 0:
                crowd = _earlier(crowd, found.start())
                break
            value = raw[begin : min(end, begin + _LOOK)]
            if hint == "cookie":
                if _by_chance(value):
                    spans.append(Span(begin, end, "cookie"))
                continue
            if _is_placeholder(value) or value.lower().rstrip(":") in _SCHEMES:
                continue
            scheme = (found["scheme"] or "").strip()
            sure = scheme in _SCHEMES and (len(value) >= 16 or scheme == "basic")
            if hint == "bearer":
                secret = any(map(str.isdigit, value)) or _is_jumbled(value)
            else:
                secret = _by_chance(value) or (sure and not _IDENTIFIER.fullmatch(value))
            if secret:
                spans.append(Span(begin, end, "credential" if scheme == "basic" else "token"))
    return crowd


_HEADERS: Final = (("authorization", _HEADER), ("bearer", _BEARER), ("cookie", _COOKIE))


# ---------------------------------------------------------------------------------------------------------------------


def _patience(raw: str) -> int:
    """Return how many places that may hold a secret are looked at one by one."""
    return 500 + min(len(raw) // 400, 2_000)


class Found(NamedTuple):
    """The secrets of a text, in order; they may overlap. From ``crowded`` on there are too many to look at each."""

    spans: list[Span]
    crowded: int | None = None


_NONE: Final = Found([])
_OPTION_BEGINS: Final = r"(?:^|[\s\"'`(\[,])--?(?:[a-z0-9]{1,20}[-_]){0,4}(?:store|key|src|dest)?\Z"
_BEFORE_OPTION: Final = expression(_OPTION_BEGINS)
_BEFORE_LISTED: Final = expression(
    rf"{_OPTION_BEGINS}|\b(?:define|putenv|setdefault|setenv)\(\s{{0,3}}{_QUOTE}[a-z0-9_]{{0,40}}\Z"
)
"""The same, and what stands before a name that a call gives a value: ``define('DB_PASSWORD', 'x')``."""
_BEFORE_SET: Final = expression(
    r"(?:\b(?:set(?:[ \t]{1,3}-[a-z-]{1,10}){1,3}|setenv|setx)|(?:\A|\n|\\n)[ \t]{0,8}env)[ \t]{1,3}[a-z0-9_]{0,40}\Z"
)
"""What stands before a variable that fish, csh, Windows or a Dockerfile set: ``set -gx DB_PASSWORD x``."""
_BEFORE_QUERY: Final = expression(r"(?:[?&]|\b(?:user(?: ?id|name)?|uid)=[^;\s\"']{1,80};\s?)\Z")
_OPTIONS: Final = re.compile(r"-[a-z]").search
_BEFORE_NETRC: Final = expression(r"\blogin(?:\s|\\n){1,3}[^\s\\]{1,80}(?:\s|\\n){1,9}\Z")


_HAS_PASSWORD: Final = re.compile("p(?:ass|wd)").search
_HAS_KEY: Final = re.compile("k(?:e[ny]|ie)").search
_HAS_SECRET: Final = re.compile("c(?:ret|redent)").search
_HAS_AUTH: Final = re.compile("uth").search
_HAS_SIGNATURE: Final = re.compile("g(?:nature)?=").search
"""In lower case, one for each group of names: quick to look for, since each begins with a letter that is rare."""
_HAS_ODD: Final = tuple(
    re.compile(hint).search for hint in (r":A[\w-]{34}", "v1[.]", "APA91", "-us[0-9]", "_mmk", "AZDO", "hook")
)
_HAS_SIGN: Final = ("AstraCS:", "!AQ", "JQQJ99", "AzFu", "AzSe")
_HAS_HASH: Final = re.compile(r"[$](?:2[aby]|[156]|apr1|production)[$]").search
_HAS_JSON: Final = re.compile("yJ").search  # the begin of JSON in base64
_HAS_FLY: Final = re.compile("fm[12]").search
_HAS_A: Final = re.compile("A(?:KIA|SIA|BSK)").search
_MAY_BE_ODD: Final = re.compile(
    r":A[\w-]{34}|-us[0-9]|_mmk|lab_s|ABSK|APA91|fm[12]|v1[.]|eyJ|1//0|hook|AstraCS|!AQ|JQQJ9|Az[FS]|[+]A|ACDb|APIM"
    r"|[12]/[0-9]{16}|BBDC-|IQoJ|FwoG|cflt"
).search
_LONG_RUN: Final = b"x" * 35
_HAS_OPTION: Final = re.compile(" -(?:[upawP]|-user|-proxy-u|-auth)").search


def find(text: str) -> Found:
    """Return where the secrets of a text are and of what kind."""
    if len(text) < LEAST:
        return _NONE
    spans: list[Span] = []
    crowd = None
    cut = False
    if text.isascii():
        raw, signs = text, text.encode()
    else:
        cut = "…" in text
        signs = (text.replace("…", CUT) if cut else text).encode("ascii", "replace")
        raw = signs.decode()
    low = raw.lower()
    classes = signs.translate(_IN_RUN)
    bearer = False
    if classes.find(_RUN) >= 0:
        crowd = _tokens(raw, classes, spans)
        bearer = "bearer" in low
        a = _HAS_A(raw) is not None
        if (
            "~" in raw
            or _HAS_JSON(raw)
            or a
            or _HAS_FLY(raw)
            or "IQoJb3" in raw
            or "FwoGZX" in raw
            or "ACDb" in raw
            or "APIM" in raw
            or "1/1" in raw
            or "2/1" in raw
            or (
                classes.find(_LONG_RUN) >= 0
                and (any(has_odd(raw) for has_odd in _HAS_ODD) or any(sign in raw for sign in _HAS_SIGN))
            )
        ):
            spans += _odd_tokens(raw)
        if a or "aws" in low:
            spans += _aws_secrets(raw)
    if ("+" in raw and "+A" in raw) or "BBDC-" in raw or "cflt" in raw:  # between + and / there may be no long run
        spans += _odd_tokens(raw)
    if "$" in raw and _HAS_HASH(raw):
        spans += _odd_tokens(raw)
    if "//" in raw:
        crowd = _earlier(crowd, _in_addresses(raw, spans))
        if "hook" in raw or "1//0" in raw:
            spans += _odd_tokens(raw)
    if "\t" in raw and ("\tTRUE\t" in raw or "\tFALSE\t" in raw):
        crowd = _earlier(crowd, _in_places(_COOKIES.finditer(raw), raw, "cookie", spans))
    password = _HAS_PASSWORD(low)
    if password or "identified" in low or "ecurestring" in low:
        crowd = _earlier(crowd, _in_places(_STATED.finditer(low), raw, "password", spans))
    if "|" in raw and ("sudo" in raw or "-stdin" in raw):
        crowd = _earlier(crowd, _in_places(_PIPED.finditer(raw), raw, "password", spans))
    if "mnemonic" in low or "phrase" in low:
        crowd = _earlier(crowd, _in_places(_PHRASE.finditer(low), raw, "recovery phrase", spans))
    if ":5432:" in raw or ":*:" in raw:
        spans += _in_pgpass(raw)
    if cut:
        _cut_tokens(raw, spans)
        if "eyJ" in raw or ":A" in raw:
            spans += _odd_tokens(raw)
    if "-" in raw:
        if ("-----" in raw and "PRIVATE KEY" in raw) or "Private-Lines" in raw:
            spans += _private_keys(raw)
        if _HAS_OPTION(raw):
            crowd = _earlier(crowd, _in_commands(raw, low, spans))
    if (
        bearer
        or _HAS_KEY(low)
        or password
        or _HAS_SECRET(low)
        or _HAS_AUTH(low)
        or (
            "=" in raw
            and (
                _HAS_SIGNATURE(low)
                or "SESSID" in raw
                or "SESSIONID" in raw
                or "connect.sid" in raw
                or "lab_session" in raw
            )
        )
    ):
        crowd = _earlier(crowd, _in_headers(raw, low, spans))
        crowd = _earlier(crowd, _all_named(raw, low, spans))
    if not spans and crowd is None:
        return _NONE
    spans.sort(key=_place)
    return Found(spans, crowd)


def _earlier(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


def _place(span: Span) -> int:
    return span[0]


def _all_named(raw: str, low: str, spans: list[Span]) -> int | None:
    """Add what stands behind names; returns from where on there are too many names to look at each."""
    names = _names()
    patience = _patience(raw)
    at = 0
    while (found := names.assigned.search(low, at)) is not None:
        span = _named(raw, low, found)
        at = found.end("name")
        if span is not None:
            spans.append(span)
            at = max(at, span.end)
        patience -= 1
        if patience <= 0:
            return at
    if _OPTIONS(low) is None and not any(word in low for word in ("login", "setenv", "setx", "env ")):
        return None
    at = 0
    while (found := names.option.search(low, at)) is not None:
        at = found.end("name")
        before = low[max(0, found.start() - 100) : found.start()]
        if _BEFORE_OPTION.search(before) or _BEFORE_NETRC.search(before) or _BEFORE_SET.search(before):
            span = _named(raw, low, found)
            if span is not None:
                spans.append(span)
                at = max(at, span.end)
        patience -= 1
        if patience <= 0:
            return at
    return None


_NAMED: Final = re.compile(r"[\s=:%>\"'@$~…]").search


def is_plain(text: str) -> bool:
    """Return whether an id or a name certainly holds no secret: a quick test, since most texts are such."""
    shapes = _shapes(False)
    return (
        _NAMED(text) is None
        and shapes.at.match(text) is None
        and shapes.behind.search(text) is None
        and _MAY_BE_ODD(text) is None
    )


def crowded(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """Yield where something stands behind a name, from ``begin`` on, without a look at what it is.

    The last of very many is all that is left.
    """
    low = text.encode("ascii", "replace").decode().lower()
    for number, found in enumerate(_names().crowded.finditer(low, begin)):
        if number == _CROWD:
            yield found.start(), len(text)
            return
        yield found.span(found.lastgroup or 0)


_CROWD: Final = 50_000


def kind_of_value(name: str, value: str, *, vague: bool = False) -> str | None:
    """Return the kind of secret that a value under the key ``name`` is, if that says that it is one and it looks so.

    ``vague``: it must look drawn by chance, since the name says little.
    """
    low = name.encode("ascii", "replace").decode().lower().lstrip("-")
    low = f'"{low}": "'
    found = _names().assigned.search(low)
    rule = None if found is None else _rule(low, found)
    if found is None or rule is None:
        return None
    raw = value.replace("…", CUT).encode("ascii", "replace").decode()
    end = raw.find(CUT)
    looked = raw[: _LOOK if end < 0 else min(end, _LOOK)]
    after = CUT if end >= 0 else ""
    kind, vague = rule[0], rule[1] or vague
    secret = _Value(looked, after, looked, kind == "password", True, False, False)
    return kind if secret.is_secret(found["name"], vague=vague) else None
