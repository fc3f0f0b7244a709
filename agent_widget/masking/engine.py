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
from collections.abc import Iterator
from typing import Final, NamedTuple

from .addresses import (
    COOKIES,
    PHRASE,
    PIPED,
    STATED,
    add_in_addresses,
    add_in_commands,
    add_in_headers,
    in_pgpass,
    in_places,
)
from .named import Value, add_named, known_names, rule_of
from .tokens import IN_RUN, RUN, add_cut_tokens, add_tokens, aws_secrets, odd_tokens, private_keys, shapes_of
from .values import CUT, LEAST, LOOK, Span, earlier


class Found(NamedTuple):
    """The secrets of a text, in order; they may overlap. From ``crowded`` on there are too many to look at each."""

    spans: list[Span]
    crowded: int | None = None


_NONE: Final = Found([])
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
    r":A[\w-]{34}|-us[0-9]|_mmk|lab_s|ABSK|APA91|m[12][ar_]|v1[.]|yJ|//0|hook|AstraCS|!AQ|JQQJ9|Az[FS]|[+]A|ACDb|APIM"
    r"|AZDO|/[0-9]{16}|BBDC-|IQoJ|FwoG|cflt"
).search
"""Each begins with one letter, which is rare in ids: where one begins with a set of them, every letter is tried."""
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
    classes = signs.translate(IN_RUN)
    bearer = False
    if classes.find(RUN) >= 0:
        crowd = add_tokens(raw, classes, spans)
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
            spans += odd_tokens(raw)
        if a or "aws" in low:
            spans += aws_secrets(raw)
    if ("+" in raw and "+A" in raw) or "BBDC-" in raw or "cflt" in raw:  # between + and / there may be no long run
        spans += odd_tokens(raw)
    if "$" in raw and _HAS_HASH(raw):
        spans += odd_tokens(raw)
    if "//" in raw:
        crowd = earlier(crowd, add_in_addresses(raw, spans))
        if "hook" in raw or "1//0" in raw:
            spans += odd_tokens(raw)
    if "\t" in raw and ("\tTRUE\t" in raw or "\tFALSE\t" in raw):
        crowd = earlier(crowd, in_places(COOKIES.finditer(raw), raw, "cookie", spans))
    password = _HAS_PASSWORD(low)
    if password or "identified" in low or "ecurestring" in low:
        crowd = earlier(crowd, in_places(STATED.finditer(low), raw, "password", spans))
    if "|" in raw and ("sudo" in raw or "-stdin" in raw):
        crowd = earlier(crowd, in_places(PIPED.finditer(raw), raw, "password", spans))
    if "mnemonic" in low or "phrase" in low:
        crowd = earlier(crowd, in_places(PHRASE.finditer(low), raw, "recovery phrase", spans))
    if ":5432:" in raw or ":*:" in raw:
        spans += in_pgpass(raw)
    if cut:
        add_cut_tokens(raw, spans)
        if "eyJ" in raw or ":A" in raw:
            spans += odd_tokens(raw)
    if "-" in raw:
        if ("-----" in raw and "PRIVATE KEY" in raw) or "Private-Lines" in raw:
            spans += private_keys(raw)
        if _HAS_OPTION(raw):
            crowd = earlier(crowd, add_in_commands(raw, low, spans))
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
        crowd = earlier(crowd, add_in_headers(raw, low, spans))
        crowd = earlier(crowd, add_named(raw, low, spans))
    if not spans and crowd is None:
        return _NONE
    spans.sort(key=_place)
    return Found(spans, crowd)


def _place(span: Span) -> int:
    return span[0]


_NAMED: Final = re.compile(r"[\s=:%>\"'@$~…]").search


def is_plain(text: str) -> bool:
    """Return whether an id or a name certainly holds no secret: a quick test, since most texts are such."""
    shapes = shapes_of(False)
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
    for number, found in enumerate(known_names().crowded.finditer(low, begin)):
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
    found = known_names().assigned.search(low)
    rule = None if found is None else rule_of(low, found)
    if found is None or rule is None:
        return None
    raw = value.replace("…", CUT).encode("ascii", "replace").decode()
    end = raw.find(CUT)
    looked = raw[: LOOK if end < 0 else min(end, LOOK)]
    after = CUT if end >= 0 else ""
    kind, vague = rule[0], rule[1] or vague
    secret = Value(looked, after, looked, kind == "password", True, False, False)
    return kind if secret.is_secret(found["name"], vague=vague) else None
