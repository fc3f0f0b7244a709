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
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from .addresses import (
    COOKIES,
    PHRASE,
    PIPED,
    STATED,
    add_in_addresses,
    add_in_commands,
    add_in_headers,
    add_in_pgpass,
    add_in_places,
    add_listed,
)
from .named import Value, add_beside_names, add_named, known_names, rule_of
from .tokens import (
    IN_RUN,
    RUN,
    add_aws_secrets,
    add_cut_tokens,
    add_odd_tokens,
    add_private_keys,
    add_tokens,
    shapes_of,
)
from .values import CUT, LEAST, LOOK, Limits, Span


class Found(NamedTuple):
    """The secrets of a text, in order; they may overlap. From ``crowded`` on there are too many to look at each."""

    spans: list[Span]
    crowded: int | None = None


NONE: Final = Found([])
# Each of these begins with one letter: re then leaps from one to the next, which is quick where that letter is rare,
# and looks only there at what stands around it. Those of the first group are for texts in lower case.
_HAS_PASSWORD: Final = re.compile("p(?=ass|wd|hrase)").search
_HAS_KEY: Final = re.compile("k(?=e[ny]|ie)").search
_HAS_SECRET: Final = re.compile("c(?:(?=ret|redent)|(?<=mnemonic))").search
_HAS_AUTH: Final = re.compile("u(?=th|restring)").search
_HAS_SIGNATURE: Final = re.compile("g(?=(?:nature)?=)").search
_HAS_F: Final = re.compile("f(?=m[12]|lt|ied )").search

_HAS_NAME: Final = (_HAS_PASSWORD, _HAS_KEY, _HAS_SECRET, _HAS_AUTH)

_HAS_LIST: Final = re.compile("(?:key|token|secret|credential)s").search

_HAS_SLASHES: Final = re.compile("/(?=/|1[0-9]{15})").search
_HAS_HOOK: Final = re.compile("h(?=ook)|/(?=/0|1[0-9]{15})").search
_HAS_FLY: Final = re.compile("f(?=m[12])|f(?<=cf)(?=lt)").search
_HAS_HASH: Final = re.compile(r"[$](?=(?:2[aby]|[156]|apr1|production)[$])").search
_HAS_PGPASS: Final = re.compile(r":(?=(?:5432|[*]):)").search
_HAS_OPTION: Final = re.compile("-(?<= -)(?:[upawP]|-user|-proxy-u|-auth)").search
_HAS_A: Final = re.compile("A(?:(?=KIA|SIA|BSK|CDb|PIM)|(?<=[+]A))").search
_HAS_AWS: Final = re.compile("A(?=KIA|SIA|BSK)").search
_HAS_J: Final = re.compile("J(?:(?<=yJ)|(?<=IQoJ))").search  # the begin of JSON in base64, and of AWS' session tokens
_HAS_Z: Final = re.compile("Z(?<=FwoGZ)").search
_HAS_BITBUCKET: Final = re.compile("B(?=BDC-)").search
_HAS_TELEGRAM: Final = re.compile(r"A(?<=:A)[\w-]").search
_HAS_ODD: Final = tuple(
    re.compile(part).search
    for part in (
        r"A(?:(?<=:A)(?=[\w-]{34})|(?=PA91|ZDO|straCS:|z[FS]))",
        "v(?=1[.])",
        "u(?<=-u)(?=s[0-9])",
        "k(?:(?<=_mmk)|(?<=hook))",
        "Q(?:(?<=!AQ)|(?<=JQ)(?=QJ99))",
    )
)
"""What only texts with a long run of letters can hold."""
_MAY_BE_ODD: Final = re.compile(
    r"[ABFJQZklmtuv/](?:(?<=A)(?:(?<=[:+]A)|(?=BSK|PA91|CDb|PIM|ZDO|straCS|z[FS]))|(?<=BB)DC-|(?<=J)(?:(?<=yJ)|(?<=IQoJ))"
    r"|(?<=!AQ)|(?<=JQ)QJ9|(?<=FwoGZ)|(?<=_mmk)|(?<=hook)|(?<=-u)s[0-9]|(?<=l)ab_s|(?<=m)[12][ar_]|(?<=v)1[.]"
    r"|(?<=cflt)|(?<=/)(?:/0|[0-9]{16}))"
).search
"""The same for a reference. What each rule is known by is looked for at a letter that is rare in ids."""
_ODD: Final = 32
"""Characters of the shortest odd token that can stand in an id, at least."""
_LONG_RUN: Final = b"x" * 35


def find(text: str) -> Found:
    """Return where the secrets of a text are and of what kind."""
    if len(text) < LEAST:
        return NONE
    cut = False
    if text.isascii():
        raw = text
    else:
        cut = "…" in text
        raw = text.replace("…", CUT) if cut else text
        if not raw.isascii():
            raw = raw.encode("ascii", "replace").decode()
    low = raw.lower()
    classes = raw.encode().translate(IN_RUN)
    run = classes.find(RUN)
    password = _HAS_PASSWORD(low) is not None
    secret = _HAS_SECRET(low) is not None
    auth = _HAS_AUTH(low) is not None
    f = _HAS_F(low) is not None
    slashes = "/" in raw and _HAS_SLASHES(raw) is not None
    a = _HAS_A(raw) is not None
    named = password or secret or auth or _HAS_KEY(low) is not None or ("=" in raw and _has_assigned(low))
    odd = (
        a
        or (f and _HAS_FLY(raw) is not None)
        or (slashes and _HAS_HOOK(raw) is not None)
        or ("$" in raw and _HAS_HASH(raw) is not None)
        or _HAS_BITBUCKET(raw) is not None
        or (cut and (_HAS_J(raw) is not None or _HAS_TELEGRAM(raw) is not None))
    )
    spans: list[Span] = []
    behind_names: list[Span] = []
    limits = Limits(raw)
    # Of two secrets that begin at one place the first in the list gives its kind. Names are looked for before all else
    # since a text may be full of them: then the others look only at what stands before.
    if named or (run >= 0 and "bearer" in low):
        add_in_headers(raw, low, behind_names, limits)
        add_named(raw, low, behind_names, limits)
    if run >= 0:
        add_tokens(raw, classes, run, spans, limits)
        odd = (
            odd
            or "~" in raw
            or _HAS_J(raw) is not None
            or _HAS_Z(raw) is not None
            or (classes.find(_LONG_RUN, run) >= 0 and any(has_odd(raw) for has_odd in _HAS_ODD))
        )
        if "aws" in low or (a and _HAS_AWS(raw) is not None):
            add_aws_secrets(raw, spans, limits)
    if odd:
        add_odd_tokens(raw, spans, limits)
    if slashes and "//" in raw:
        add_in_addresses(raw, spans, limits)
    if "\t" in raw and ("\tTRUE\t" in raw or "\tFALSE\t" in raw):
        add_in_places(COOKIES, raw, raw, "cookie", spans, limits)
    if (
        (password and ("password" in low or "requirepass" in low))
        or (f and "identified" in low)
        or (auth and ("masterauth" in low or "securestring" in low))
    ):
        add_in_places(STATED, low, raw, "password", spans, limits)
    if "|" in raw and ("sudo" in raw or "-stdin" in raw or "chpasswd" in raw):
        add_in_places(PIPED, raw, raw, "password", spans, limits)
    if (password and "phrase" in low) or (secret and "mnemonic" in low):
        add_in_places(PHRASE, low, raw, "recovery phrase", spans, limits)
    if ":" in raw and _HAS_PGPASS(raw) is not None:
        add_in_pgpass(raw, spans, limits)
    if cut:
        add_cut_tokens(raw, spans)
    if "-" in raw:
        if ("-----" in raw and "PRIVATE KEY" in raw) or "Private-Lines" in raw:
            add_private_keys(raw, spans, limits)
        if _HAS_OPTION(raw) is not None:
            add_in_commands(raw, low, spans, limits)
    spans += behind_names
    if named and run >= 0:
        add_beside_names(raw, low, spans, limits)
        if _HAS_LIST(low) is not None:
            add_listed(raw, low, spans, limits)
    crowd = limits.end if limits.end < len(raw) else None
    if not spans and crowd is None:
        return NONE
    spans.sort(key=_place)
    return Found(spans, crowd)


def _place(span: Span) -> int:
    return span[0]


def _has_assigned(low: str) -> bool:
    """Return whether a text has one of the names that only count before ``=``."""
    return _HAS_SIGNATURE(low) is not None or any(
        name in low for name in ("sessid", "sessionid", "connect.sid", "lab_session")
    )


_NAMED: Final = re.compile(r"[\s=%>\"'@$~…\\\x1b]").search


def is_plain(text: str) -> bool:
    """Return whether an id or a name certainly holds no secret: a quick test, since most texts are such."""
    if _NAMED(text) is not None:
        return False
    if ":" in text:  # between the parts of an id, or before a value
        low = text.lower()
        if "//" in text or _HAS_PGPASS(text) or any(has(low) for has in _HAS_NAME):
            return False
    return shapes_of(False).behind.search("-" + text) is None and (len(text) < _ODD or _MAY_BE_ODD(text) is None)


def crowded(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """Yield where a long word stands, or something behind a name, from ``begin`` on, without a look at what it is.

    They come in order; of very many the last is all that is left.
    """
    signs = text.encode("ascii", "replace")
    words = list(_runs(signs, begin))
    end = words[-1][0] if len(words) > _CROWD else len(text)
    behind = islice(known_names().crowded.finditer(signs.decode().lower(), begin, end), _CROWD + 1)
    done = begin
    for number, (start, stop) in enumerate(merge((found.span("value") for found in behind), words)):
        if number >= _CROWD:
            yield max(start, done), len(text)
            return
        if stop > done:
            yield max(start, done), stop
            done = stop


def _runs(signs: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of letters that are long enough for a token, at most :data:`_CROWD` and one."""
    classes = signs.translate(IN_RUN)
    end = begin
    for _ in range(_CROWD + 1):
        start = classes.find(RUN, end)
        if start < 0:
            return
        end = classes.find(b" ", start)
        end = len(classes) if end < 0 else end
        yield start, end


_CROWD: Final = 5_000


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
