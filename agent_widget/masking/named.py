"""What stands behind a name that marks it as secret: ``DB_PASSWORD=…``, ``"api_key": "…"``, ``--token …``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

from ..expressions import expression
from .rules import NAMES, VAGUE, Name
from .values import (
    CALL,
    CUT,
    IDENTIFIER,
    LOOK,
    PATH,
    QUOTE,
    SPECIAL,
    Limits,
    Span,
    is_by_chance,
    is_drawn,
    is_jumbled,
    is_phrase,
    is_place,
    is_placeholder,
)

_SUFFIX: Final = r"(?:[_-]?\d{1,2}|_(?:value|prod|dev|test|staging|live|main|new|old|default))?+"
_AFTER: Final = r"(?=[\s\\\"'`,\]:=%>|?+<]|[_-]?\d|_[vpdtslmno])"
"""A letter of a suffix or a sign: of most words that are names too it is neither, and nothing else is tried then."""
_SIGN: Final = (
    # what most words are not followed by: then nothing else is tried
    r"(?=(?:[\s,\]{]|\\n){0,13}+(?:[:=>%|?+<\"'`\\vd]|is))"
    rf"(?:(?:{QUOTE})?(?:[,\s{{]|\\n){{1,12}}(?:{QUOTE})?(?:value|default)(?:{QUOTE})?"  # name: X, value: y
    r"\s{0,3}[:=][ \t]{0,3}"
    rf"|{QUOTE}\s{{0,3}},\s{{0,3}}(?={QUOTE})"  # ["--password", "x"]
    rf"|(?:{QUOTE}\]?|\])?(?:[ \t]{{0,3}}"
    r"(?::[ \t]{0,3}[a-z]{1,20}[ \t]{0,3}=|:=|=>|==|:|(?:\|\||\?\??|\+)?=|%3[ad]|<<<)[ \t]{0,3}"
    rf"(?:\(\s{{0,20}}(?={QUOTE}))?"
    r"|>|[ \t]{1,3}is:?[ \t]{1,3}))"
)
"""Text between a name and its value; it may contain a type."""
_VALUE: Final = rf"(?:[bfru]{{0,2}}(?P<quote>{QUOTE}))?"


_BETWEEN: Final = (
    r"(?=[^\w\].-])(?P<between>(?:&quot;|&#34;|%22|%3[ad]|u0022|</|\\n|(?:str(?:ing)?|secret|vault|key)\b"
    r"|[\s\"'`=:><|!&#%()\[\]{\\*?.+~-]){1,20}+)"
)
"""What may stand between a name and a long value: a table's line, a quotation mark of any kind, a tag, a type."""


_PARTS: Final = expression(r"[:=|>\"'`\t?]|&quot;|%22|%3[ad]|u0022")
"""A sign of which one must be among them: the others stand in sentences and in paths, too. ``?``: an arrow, say."""


class _Names(NamedTuple):
    """The rules of :data:`NAMES` and :data:`VAGUE`, compiled."""

    assigned: re.Pattern[str]
    """A name, a sign, and where the value begins."""
    option: re.Pattern[str]
    """The same for an option of a command and for a line of a ``.netrc``: a space is the sign."""
    beside: re.Pattern[str]
    """A name, signs of any kind, and a value long enough to be known by itself as drawn by chance."""
    crowded: re.Pattern[str]
    """The same, and passwords in options, with a value, whatever it is."""


def _either(rules: Iterable[Name]) -> str:
    """Return a pattern for the words of rules; those that begin with the same word stand together."""
    groups: dict[str, list[str]] = {}
    for rule in rules:
        word = re.match(r"[a-z_]+", rule.pattern)[0]  # type: ignore[index]
        groups.setdefault(word, []).append(rule.pattern[len(word) :])
    return f"(?:{'|'.join(word + _any(rest) for word, rest in groups.items())})"


def _any(patterns: list[str]) -> str:
    return patterns[0] if len(patterns) == 1 else f"(?:{'|'.join(patterns)})"


@cache
def known_names() -> _Names:
    """Return the compiled rules of names."""
    sure = _either(NAMES)
    either = f"{_either((*NAMES, *VAGUE))}{_AFTER}{_SUFFIX}"
    crowded = (
        rf"(?:{sure}(?![a-z]){_SUFFIX}\W{{1,8}}+(?:(?:str|string|value|is)\W{{1,8}}+)?|-[upaw][ \t=]?|://[^\s:/@\"'<>\\]{{0,100}}+:"
        r"|(?:bearer|basic|authorization:)\s(?:(?:bearer|basic)\s)?)(?!\[masked: )(?P<value>[^\s\"'`\\]++)"
    )
    return _Names(
        expression(rf"(?P<name>{either})(?P<sign>{_SIGN}){_VALUE}", re.ASCII),
        expression(rf"(?P<name>{either})(?P<sign>(?:\s|\\n){{1,3}}){_VALUE}", re.ASCII),
        expression(rf"(?P<name>{sure}{_SUFFIX}){_BETWEEN}(?P<value>[\w+/=.~-]{{20,}}+)", re.ASCII),
        expression(crowded, re.ASCII),
    )


_QUOTED: Final = {
    quote: re.compile(rf"[^{quote}\\\n\x1a]*+(?:\\[^\nnrt\x1a][^{quote}\\\n\x1a]*+)*+") for quote in "\"'`"
}
_NESTED: Final = expression(r"[^\"'`\\\n\x1a]*+")
_BARE: Final = expression(r"[(\[{<$]{0,2}[^\s\"'`\\\x1a,;&|<>(){}\[\]]*+")
_WHOLE: Final = expression(r"[^\s\"'`\\\x1a,;&|]*+")
_LINE: Final = expression(r"[^\s\"'`\\\x1a]*+")


def _named(raw: str, low: str, found: re.Match[str]) -> Span | None:
    """Return the value of a name if it is a secret."""
    begin, quote = found.end(), found["quote"]
    name, sign = raw[found.start("name") : found.end("name")], found["sign"]
    # a line of an .env file, or of a shell; with a space as the sign it is one that sets a variable
    shouted = name.isupper() and quote is None and (sign == "=" or sign.isspace())
    values = _LINE if shouted else _BARE if quote is None else _QUOTED[quote[-1]] if len(quote) == 1 else _NESTED
    end = values.match(raw, begin, begin + LOOK).end()  # type: ignore[union-attr]
    if end == begin:
        return None
    rule = rule_of(low, found)
    if rule is None:
        return None
    kind, vague = rule
    value = Value(
        raw[begin:end],
        raw[end : end + 1],
        raw[begin : begin + 100],
        kind == "password",
        quote is not None,
        shouted or (kind == "password" and sign == "=" and _in_query(low, found.start())),
        sign.strip() in ("is", "is:"),
    )
    if _is_beside(sign, low[max(0, found.start() - 100) : found.start()]):
        return Span(begin, end, kind) if is_drawn(value.value) else None
    if sign == ">" and raw[end : end + 2] != "</":
        return None
    if not value.is_secret(name, vague=vague):
        return None
    if quote is None:
        whole = (_LINE if shouted else _WHOLE).match(raw, begin).end()  # type: ignore[union-attr]
        end = max(end, begin + len(_trimmed(raw[begin:whole]))) if sign != ">" else end
    elif end == begin + LOOK:
        end = values.match(raw, end).end()  # type: ignore[union-attr]
    return Span(begin, end, kind)


def _is_beside(sign: str, before: str) -> bool:
    """Return whether a value only stands beside a name in a list, as any word may."""
    listed = "," in sign and "value" not in sign and "default" not in sign
    return listed and _BEFORE_LISTED.search(before) is None


def _in_query(low: str, at: int) -> bool:
    """Return whether a name stands in the query of an address, or in a connection string behind the user."""
    return _BEFORE_QUERY.search(low, max(0, at - 100), at) is not None


@cache
def _before() -> dict[str, re.Pattern[str]]:
    """Return what must stand before a name, by the rule's kind."""
    return {rule.kind: re.compile(rf"(?:{'|'.join(rule.before.split())})[_ -]?\Z") for rule in NAMES if rule.before}


def rule_of(low: str, found: re.Match[str]) -> tuple[str, bool] | None:
    """Return the kind of a name, and whether it is vague; ``None`` for a part of another word, such as ``monkey``."""
    name = found["name"]
    rule = next(rule for rule in (*NAMES, *VAGUE) if rule.hint in name)
    if rule in VAGUE:
        return rule.kind, True
    before = _before().get(rule.kind) if name.startswith(rule.hint) else None
    start = found.start()
    if before is None or before.search(low, max(0, start - 16), start):
        return rule.kind, False
    return (rule.kind, True) if start and low[start - 1] in "_-?&" else None


def _trimmed(value: str) -> str:
    """Return the value without the closing brackets and punctuation of the text around it."""
    while value and value[-1] in ".,;:)]}>" and not any(bracket in value for bracket in ("(", "[", "{", "<")):
        value = value[:-1]
    return value


class Value(NamedTuple):
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
            if CALL.match(self.rest):
                return False
        if "://" in value or "${" in value or "[masked: " in value or is_place(self.rest, len(self.value), self.quoted):
            return False
        if (len(value) > 3 and len(set(value)) < 3) or is_placeholder(value):
            return False
        if self.prose and password and len(value) >= 8 and _is_strong(value):
            return True
        if vague or self.prose:
            return len(value) >= 12 and is_by_chance(value) and " " not in value and not PATH.fullmatch(value)
        strong = self.quoted or self.shouted
        least = 1 if cut else 4 if password and self.quoted else 6 if password else 8 if strong else 12
        if len(value) < least or (not password and value.isdigit()):
            return False
        if " " in value or "\t" in value:
            return self.quoted and is_phrase(value, password)
        if (
            ("/" in value or "\\" in value)
            and PATH.fullmatch(value)
            and not cut
            and not is_drawn(value.partition("/")[0])
        ):
            return False
        if self.shouted:
            return True
        if self.quoted and password:
            return not (value.isalpha() and any(stem in value.lower() for stem in ("pass", "pwd", "field", "input")))
        if "." in value and self.quoted and any(len(part) >= 12 and is_by_chance(part) for part in value.split(".")):
            return True
        if IDENTIFIER.fullmatch(value) and not (password and value[-1].isdigit() and "_" not in value):
            return (not password and len(value) >= 20 and is_jumbled(value)) or (
                self.quoted and "." not in value and is_by_chance(value)
            )
        digits = any(map(str.isdigit, value))
        if password:
            return digits or any(sign in SPECIAL for sign in value)
        return (digits and any(map(str.isalpha, value))) or is_jumbled(value)


def _is_strong(value: str) -> bool:
    """Return whether letters, digits and signs are mixed as in a password, and in no address."""
    kinds = any(map(str.isalpha, value)), any(map(str.isdigit, value)), any(sign in SPECIAL for sign in value)
    return all(kinds) and "@" not in value[1:-1]


_OPTION_BEGINS: Final = r"(?:^|[\s\"'`(\[,])--?(?:[a-z0-9]{1,20}[-_]){0,4}(?:store|key|src|dest)?\Z"
_BEFORE_OPTION: Final = expression(_OPTION_BEGINS)
_BEFORE_LISTED: Final = expression(
    rf"{_OPTION_BEGINS}|\b(?:define|putenv|setdefault|setenv)\(\s{{0,3}}{QUOTE}[a-z0-9_]{{0,40}}\Z"
)
"""The same, and what stands before a name that a call gives a value: ``define('DB_PASSWORD', 'x')``."""
_BEFORE_SET: Final = expression(
    r"(?:\b(?:set(?:[ \t]{1,3}-[a-z-]{1,10}){1,3}|setenv|setx)|(?:\A|\n|\\n)[ \t]{0,8}env)[ \t]{1,3}[a-z0-9_]{0,40}\Z"
)
"""What stands before a variable that fish, csh, Windows or a Dockerfile set: ``set -gx DB_PASSWORD x``."""
_BEFORE_QUERY: Final = expression(r"(?:[?&]|\b(?:user(?: ?id|name)?|uid)=[^;\s\"']{1,80};\s?)\Z")
_OPTIONS: Final = re.compile(r"-[a-z]").search
_BEFORE_NETRC: Final = expression(r"\blogin(?:\s|\\n){1,3}[^\s\\]{1,80}(?:\s|\\n){1,9}\Z")


_ASSIGNS: Final = expression(r"[:=<>%\"'`]| is|value|default")
"""What a sign between a name and its value has, whichever it is."""


def add_named(raw: str, low: str, spans: list[Span], limits: Limits) -> None:
    """Add what stands behind names."""
    names = known_names()
    in_options: list[Span] = []
    if _OPTIONS(low) is not None or any(word in low for word in ("login", "setenv", "setx", "env ")):
        _add_in_options(raw, low, in_options, limits)
    patience = limits.places
    at = 0
    assigned = _ASSIGNS.search(low) is not None
    while assigned and (found := names.assigned.search(low, at, limits.end)) is not None:
        at = _add_value(raw, low, found, spans)
        patience -= 1
        if patience <= 0:
            limits.end = min(at, limits.end)
            break
    spans += in_options


def _is_between(signs: str) -> bool:
    """Return whether signs lead from a name to its value; a line of its own does so in a block or behind ``\\``."""
    alone = signs.endswith(("\n", "\\n")) and "```" not in signs and not signs.endswith("\\\n")
    return not alone and _PARTS.search(signs) is not None


def add_beside_names(raw: str, low: str, spans: list[Span], limits: Limits) -> None:
    """Add long values drawn by chance that stand beside a name, whatever is between: in a table, in a block below."""
    if _PARTS.search(low) is None:
        return
    begins = {span.begin for span in spans}
    for found in limits.matches(known_names().beside, low):
        begin = found.start("value")
        value = raw[begin : min(found.end(), begin + LOOK)].rstrip(".")
        if begin in begins or not _is_between(found["between"]) or not is_drawn(value):
            continue
        rule = rule_of(low, found)
        if rule is not None and not rule[1]:
            spans.append(Span(begin, found.end() if len(value) == LOOK else begin + len(value), rule[0]))


def _add_in_options(raw: str, low: str, spans: list[Span], limits: Limits) -> None:
    """Add what stands behind names that are options of commands, or words of a ``.netrc`` or of a shell's ``set``."""
    option, patience = known_names().option, limits.places
    at = 0
    while (found := option.search(low, at, limits.end)) is not None:
        at = found.end("name")
        before = low[max(0, found.start() - 100) : found.start()]
        if (
            ("-" in before and _BEFORE_OPTION.search(before))
            or ("login" in before and _BEFORE_NETRC.search(before))
            or (("set" in before or "env" in before) and _BEFORE_SET.search(before))
        ):
            at = _add_value(raw, low, found, spans)
        patience -= 1
        if patience <= 0:
            limits.end = min(at, limits.end)
            return


def _add_value(raw: str, low: str, found: re.Match[str], spans: list[Span]) -> int:
    """Add the value of a name if it is a secret; returns where the next name may be."""
    span = _named(raw, low, found)
    if span is None:
        return found.end("name")
    spans.append(span)
    return max(found.end("name"), span.end)
