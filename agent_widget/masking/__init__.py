"""Secrets in what agents wrote, masked before they leave the server: ``[masked: GitHub token]``.

Keys and tokens of well-known shapes, private keys, passwords in addresses, and what stands behind a name that says
that it is secret (``"api_key": "…"``, ``DB_PASSWORD=…``, ``--token …``). It is a safety net, not a guarantee: a secret
that looks like any other word passes.

Nearly all texts hold none, so all begins with looking for fixed words (``ghp_``, ``password``), which costs a few
microseconds per thousand characters. Only where one stands a pattern is tried, at that place and over a bounded
length, so no text takes more than linear time. A preview that was cut (it ends with ``…``) may end within a secret,
so there the beginning of one is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ..tables import PREVIEW_CHARS, TABLES, Gone, Record

_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""Not within a word; within JSON, a line's first word stands behind the letter of a ``\\n``."""
_END = r"(?![A-Za-z0-9])"
_QUOTE = r"\\*[\"'`]"
"""A quotation mark, also of JSON within JSON."""
_PASSES: Final = 3
"""What stood directly behind a secret may begin a word only once that is masked."""
_LOOK: Final = 256
"""How much of a value is looked at to tell whether it is a secret."""


class _Shape(NamedTuple):
    """Secrets that are known by how they begin."""

    kind: str
    begins: str
    pattern: re.Pattern[str]


def _shape(kind: str, begins: str, letters: str, least: int, exactly: bool = False, after: str = "") -> _Shape:
    """``begins``, then at least (or ``exactly``) so many ``letters``; fewer if the text is cut there."""
    many = f"{{{least}}}{_END}" if exactly else f"{{{least},}}+"
    pattern = f"{_START}{re.escape(begins)}{after}(?:{letters}{many}|{letters}++(?=…\\Z))"
    return _Shape(kind, begins, re.compile(pattern, re.ASCII))


_WORD, _DASHED, _UPPER = "[A-Za-z0-9]", r"[\w-]", "[A-Z0-9]"

_SHAPES: Final = (
    (
        re.compile("_[A-Za-z0-9]{16}"),
        (
            *(_shape("GitHub token", begins, _WORD, 30) for begins in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
            _shape("GitHub token", "github_pat_", r"\w", 22),
            *(_shape("Stripe key", begins, _WORD, 16) for begins in ("sk_live_", "sk_test_", "rk_live_", "rk_test_")),
            _shape("Stripe secret", "whsec_", _WORD, 24),
            _shape("npm token", "npm_", _WORD, 36, exactly=True),
            _shape("Hugging Face token", "hf_", _WORD, 30),
        ),
    ),
    (
        re.compile(r"-(?:[\w-]{10}|----BEGIN )", re.ASCII),
        (
            _shape("Anthropic key", "sk-ant-", _DASHED, 16),
            _shape("API key", "sk-", _DASHED, 20),
            _shape("GitLab token", "glpat-", _DASHED, 20),
            _shape("Google secret", "GOCSPX-", _DASHED, 20),
            _shape("Slack token", "xox", "[A-Za-z0-9-]", 10, after="[a-z]-"),
            _shape("Slack token", "xapp-", "[A-Za-z0-9-]", 10),
            _shape("PyPI token", "pypi-", _DASHED, 50),
            _Shape(
                "private key",
                "-----BEGIN ",
                re.compile(
                    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:[\w\s+/=:,.-]|\\+[nrt]){16,}?"
                    r"(?:-----END [A-Z0-9 ]{0,50}-----|(?=[^\w\s+/=:,.\\-])|(?=\\+[^nrt\\])|\Z)"
                ),
            ),
        ),
    ),
    (
        re.compile("A(?:[KS]IA[A-Z0-9]|Iza)"),
        (
            _shape("AWS key", "AKIA", _UPPER, 16, exactly=True),
            _shape("AWS key", "ASIA", _UPPER, 16, exactly=True),
            _shape("Google key", "AIza", _DASHED, 35),
        ),
    ),
    (
        re.compile(r"\.[\w-]{10}", re.ASCII),
        (
            _shape("SendGrid key", "SG.", r"[\w.-]", 60),
            _shape("Google token", "ya29.", _DASHED, 20),
            _Shape(
                "JWT",
                "eyJ",
                re.compile(
                    r"(?:(?<![\w-])|(?<=\\[nrt]))eyJ"
                    r"(?:[\w-]{8,}+\.eyJ[\w-]{8,}+(?:\.[\w-]*+)?|[\w.-]{4,500}+(?=…\Z))"
                ),
            ),
        ),
    ),
    (
        re.compile("://"),
        (
            _shape("Slack webhook", "hooks.slack.com/services/", "[A-Za-z0-9/]", 20),
            _Shape(
                "password",
                "://",
                re.compile(r"://[^\s:/@\"'<>\\]{0,100}+:(?P<value>[^\s/@\"'<>\\…]{1,200}+)(?:@|(?=…\Z))"),
            ),
        ),
    ),
)
"""What is looked for first, and the shapes that are possible where it is found."""


def _name(kind: str, word: str, pattern: str) -> _Shape:
    """A name that says that its value is secret; ``word`` is the part of it that is looked for."""
    return _Shape(kind, word, re.compile(pattern + _ASSIGNED, re.IGNORECASE | re.ASCII))


_SIGN: Final = r"[ \t]{0,3}(?::[ \t]{0,3}[a-z]{1,20}[ \t]{0,3}=|:=|=>|:|=)[ \t]{0,3}|[ \t]"
"""What stands between a name and its value: a type may be in it; behind an option of a command only a space."""
_ASSIGNED: Final = rf"(?:{_QUOTE}\]?)?(?P<sign>{_SIGN})(?P<quote>{_QUOTE})?"
_KEYS = "api access private secret account auth signing encryption master service".split()
_KEY: Final = "(?:" + "|".join(f"(?<={word})|(?<={word}[_-])" for word in _KEYS) + ")key(?:_base)?"

_NAMES: Final = (
    (
        re.compile("p(?:ass|wd)"),
        (
            _name("password", "pass", r"(?:pass(?:word|wd|phrase)|(?<=_)pass)"),
            _name("password", "pwd", r"(?:(?<=[_;-])|(?<=;\s))pwd"),  # alone it is a directory
        ),
    ),
    (re.compile("k(?:en|ey)"), (_name("token", "token", "token"), _name("key", "key", _KEY))),
    (
        re.compile("c(?:ret|redent)"),
        (_name("secret", "secret", "secret"), _name("credential", "credential", "credentials?")),
    ),
)
_HEADERS: Final = (
    _Shape("token", "bearer", re.compile(r"bearer\s{1,3}(?P<value>[\w.~+/=-]{12,}+)", re.IGNORECASE | re.ASCII)),
    _Shape(
        "credential",
        "authorization",
        re.compile(
            rf"authorization(?:{_QUOTE})?\s{{0,3}}[:=]\s{{0,3}}(?:{_QUOTE})?(?:basic|token|digest|apikey)\s{{1,3}}"
            r"(?P<value>[\w.~+/=:-]{6,}+)",
            re.IGNORECASE | re.ASCII,
        ),
    ),
)

_QUOTED_VALUE: Final = re.compile(r"[^\"'`\\\n…]*+")
_BARE_VALUE: Final = re.compile(r"[^\s\"'`\\,;&<>(){}\[\]|…]*+")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*(?:\??\.[A-Za-z_]\w*)+|[A-Za-z_]*\d{0,2}", re.ASCII)
"""What code says instead of a value: ``self.token``, ``next_token2``."""
_MEANINGLESS: Final = re.compile(r"[*xX.•_-]*|(?:your|my|the|some|example|test|dummy)[_-].*", re.IGNORECASE)
_WORDS: Final = frozenset("none null true false undefined string str text password required optional redacted".split())


def mask(text: str) -> str:
    """The text with its secrets masked; the text itself if it holds none."""
    if len(text) < 8:
        return text
    for _ in range(_PASSES):
        spans = sorted(_spans(text), key=_begin)
        if not spans:
            break
        text = _replaced(text, spans)
    return text


def _begin(span: tuple[int, int, str]) -> int:
    return span[0]


def _replaced(text: str, spans: list[tuple[int, int, str]]) -> str:
    """Where two secrets begin together the first one says what they are: it is the more telling."""
    parts: list[str] = []
    told = 0
    for begin, end, kind in spans:
        if begin >= told:
            parts += (text[told:begin], f"[masked: {kind}]")
        told = max(told, end)
    return "".join([*parts, text[told:]])


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Where the secrets are and of what kind; they may overlap."""
    cut = text[text.rfind(" ") + 1 :] if text.endswith("…") else ""
    for hint, shapes in _SHAPES:
        if (where := text if hint.search(text) else cut) != "":
            for shape in shapes:
                if shape.begins in where:
                    yield from _shaped(text, text, shape)
    lowered = _lower(text)
    for shape in _HEADERS:
        if shape.begins in lowered:
            yield from _shaped(text, lowered, shape)
    if "=" in text or ":" in text or "--" in text:
        for hint, shapes in _NAMES:
            if hint.search(lowered):
                for shape in shapes:
                    if shape.begins in lowered:
                        yield from _named(text, lowered, shape)


def _lower(text: str) -> str:
    """The text with the letters of English in lower case; each letter stays where it is."""
    return (
        text.lower()
        if text.isascii()
        else text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    )


def _shaped(text: str, lowered: str, shape: _Shape) -> Iterator[tuple[int, int, str]]:
    at = lowered.find(shape.begins)
    while at >= 0:
        found = shape.pattern.match(text, at)
        at += len(shape.begins)
        if found is not None:
            begin, end = found.span("value" if "value" in shape.pattern.groupindex else 0)
            if _is_shaped(shape, text[begin : min(end, begin + _LOOK)], text[end : end + 1] == "…"):
                yield begin, end, shape.kind
            at = found.end()
        at = lowered.find(shape.begins, at)


def _is_shaped(shape: _Shape, value: str, cut: bool) -> bool:
    """Whether what has the shape of a secret is one: some shapes other words have too."""
    if shape.begins == "sk-":
        return _by_chance(value) or (cut and any(letter.isdigit() or letter.isupper() for letter in value))
    if shape.begins == "://":
        return not (value.startswith(("$", "{", "*")) or (cut and value.isdigit()))
    if shape.begins == "bearer":
        return any(map(str.isdigit, value))
    return True


def _named(text: str, lowered: str, shape: _Shape) -> Iterator[tuple[int, int, str]]:
    at = lowered.find(shape.begins)
    while at >= 0:
        found = shape.pattern.match(text, at)
        at += len(shape.begins)
        if found is not None:
            begin = found.end()
            values = _QUOTED_VALUE if found["quote"] is not None else _BARE_VALUE
            end = _end(values, text, begin, begin + _LOOK)
            if _is_secret(text, found, text[begin:end], shape.kind):
                at = end = _end(values, text, end, len(text))
                yield begin, end, shape.kind
        at = lowered.find(shape.begins, at)


def _end(values: re.Pattern[str], text: str, begin: int, at_most: int) -> int:
    found = values.match(text, begin, at_most)
    return found.end() if found is not None else begin


def _is_secret(text: str, found: re.Match[str], value: str, kind: str) -> bool:
    """Whether a value behind a name that says so is a secret, and not code, a count or a place for one."""
    end = found.end() + len(value)
    cut = text[end : end + 2] == "…"
    quoted = found["quote"] is not None
    if not quoted:
        value = value.rstrip(".:")
        if text[end : end + 1] in ("(", "[", "{"):
            return False
    if not found["sign"].strip() and not _flagged(text, found.start()):
        return False
    if value.startswith(("$", "%", "<", "{", "[", "*", "@", "/", "./", "~/")) or "://" in value or "${" in value:
        return False
    if value.lower() in _WORDS or _MEANINGLESS.fullmatch(value):
        return False
    name = text[found.start() : found.start("sign")]
    shouted = name.isupper() and found["sign"] == "="  # a line of an .env file, or of a shell
    password = kind == "password"
    least = 1 if cut else 4 if password and quoted else 6 if password else 8 if quoted or shouted else 12
    if len(value) < least or (any(map(str.isspace, value)) and not name.lower().startswith("passphrase")):
        return False
    if shouted or (quoted and password):
        return password or not value.isdigit()
    if _IDENTIFIER.fullmatch(value) and not (password and value[-1].isdigit() and "_" not in value):
        return False
    digits = any(map(str.isdigit, value))
    if password:
        return digits or any(sign in value for sign in "!@#%^*")
    return digits and any(map(str.isalpha, value))


def _flagged(text: str, at: int) -> bool:
    """Whether the name is an option of a command: ``--db-password hunter2``."""
    words = text[max(0, at - 40) : at].split()
    return bool(words) and words[-1].startswith("--") and not text[at - 1].isspace()


def _by_chance(value: str) -> bool:
    """Whether letters and digits are mixed as no name mixes them."""
    digits = sum(map(str.isdigit, value))
    return digits >= 4 or (digits >= 1 and any(map(str.isupper, value)) and any(map(str.islower, value)))


# ---------------------------------------------------------------------------------------------------------------------
# Rows

_REFERENCES: Final = frozenset("id source host sender recipient owner version".split())

_TEXTS: Final = {
    table.name: frozenset(
        column.name
        for column in table.columns
        if column.type == "str"
        and not column.categorical
        and column.name not in _REFERENCES
        and not column.name.endswith("_id")
    )
    for table in TABLES.values()
}
"""The columns of each table that hold what somebody wrote: no references to rows, no columns of a few words."""


def masked(operation: Record | Gone) -> Record | Gone:
    """A record with the secrets in its texts masked; the record itself if it holds none."""
    if isinstance(operation, Gone):
        return operation
    texts = _TEXTS.get(operation.table, frozenset())
    changed: dict[str, Any] = {}
    for name, value in operation.fields.items():
        if name in texts and value.__class__ is str:
            safe = mask(value)
            if safe is not value:
                if len(safe) > PREVIEW_CHARS >= len(value):
                    safe = safe[: PREVIEW_CHARS - 1] + "…"
                changed[name] = safe
    return Record(operation.table, operation.id, {**operation.fields, **changed}) if changed else operation
