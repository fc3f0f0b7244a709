"""What stands where secrets are expected: in addresses, headers, options of commands, and lines of ``.pgpass``."""

from __future__ import annotations

import re
from typing import Final

from ..expressions import expression
from .values import (
    CALL,
    CUT,
    IDENTIFIER,
    LOOK,
    PLACE,
    QUOTE,
    SPECIAL,
    Limits,
    Span,
    is_by_chance,
    is_drawn,
    is_jumbled,
    is_placeholder,
)

_URL: Final = expression(
    r"://[^\s:/@\"'<>\\`]{0,100}+:(?P<value>[^\s/@\"'<>\\\x1a`]{1,200}(?=@|\x1a)|[^\s/\"'<>\\\x1a`]{1,200}(?=@)|(?!:?//)[^\s@\"'<>\\\x1a`]{8,64}+(?=@))"
    r"|://(?P<user>[A-Za-z0-9_.~-]{16,200}+)(?::x-oauth-basic|:)?@"
)
_JDBC: Final = expression(r"jdbc:oracle:\w{1,10}:[^\s/:@]{1,60}/(?P<value>[^\s@\"']{1,100})@")
_SPACE: Final = r"(?:%20|\s{1,3}(?:[\"']\s?\+\s?[\"'])?)"
"""Between the two words of a header: also in an address, and in a program that puts them together."""
_HEADER: Final = expression(
    rf"authorization(?:{QUOTE})?\s{{0,3}}[:=,]\s{{0,3}}(?:{QUOTE})?(?:(?P<scheme>[a-z][a-z0-9-]{{1,20}}){_SPACE})?"
    r"(?P<value>[\w.~+/=:-]{6,}+)",
    re.ASCII,
)
_BEARER: Final = expression(rf"bearer(?P<scheme>){_SPACE}(?P<value>[\w.~+/=-]{{12,}}+)", re.ASCII)
_COOKIE: Final = expression(
    rf"cookie(?:{QUOTE})?(?:\s{{0,3}}[:=]\s{{0,3}}|\s)(?:{QUOTE})?(?P<value>[\w.%$-]{{1,60}}=[^\s\"'`\\;,\x1a]{{4,}}+(?:;[^\n\"'`\\\x1a]*+)?)",
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
        "sqlcmd",
        "bcp ",
    ),
}
_ARGUMENT: Final = rf"(?:{QUOTE})?(?:[ \t=]|(?:{QUOTE})\s{{0,3}},\s{{0,3}}){{1,3}}"
_OPTION: Final = expression(
    (
        rf"-(?<=[\s\"'`]-)(?:(?:u|-user|-proxy-user|a|-auth){_ARGUMENT}(?P<open>{QUOTE})?(?P<name>[^\s:\"'`\\]{{0,80}}):(?P<user>[^\s\"'`\\\x1a]{{1,200}}+)"
        rf"|(?:p|pw)(?P<glued>[^\s\"'`\\\x1a=-][^\s\"'`\\\x1a]{{2,200}}+|(?P<mark>[\"'])[^\"'\n]{{3,200}}+)"
        rf"|[pawP]{_ARGUMENT}(?:{QUOTE})?(?P<apart>[^\s\"'`\\\x1a]{{3,200}}+))"
    ),
    re.ASCII,
)


def add_in_commands(raw: str, low: str, spans: list[Span], limits: Limits) -> None:
    """Add the passwords in options of known programs: ``curl -u me:x``, ``mysql -px``, ``sshpass -p x``."""
    for found in limits.matches(_OPTION, raw):
        how = "user" if found["user"] is not None else "glued" if found["glued"] is not None else "apart"
        begin, end = found.span(how)
        line = low[max(0, begin - 400) : begin]
        line = line[line.rfind("\n") + 1 :]
        if not any(program in line for program in _PROGRAMS[how]):
            continue
        value = raw[begin:end]
        if how == "glued":
            value = value.lstrip("\"'")
            begin = end - len(value)
        if value.isdigit() or is_placeholder(value) or PLACE.match(value) or value.startswith("[masked"):
            continue
        if how == "apart" and (value[0] == "-" or not value.strip("0123456789:./")):
            continue
        spans.append(Span(begin, end, "password"))


def add_in_addresses(raw: str, spans: list[Span], limits: Limits) -> None:
    """Add the passwords in addresses."""
    for found in limits.matches(_URL, raw):
        if found["user"] is not None:
            if is_by_chance(found["user"]) and not is_placeholder(found["user"]):
                spans.append(Span(*found.span("user"), "credential"))
            continue
        value = found["value"]
        begin, end = found.span("value")
        port, slash, _ = value.partition("/")
        if slash and (port.isdigit() or not port or not is_by_chance(value)):
            continue
        if value.isalpha() and raw.endswith(f"/{value}:", 0, begin):  # postgres:postgres
            continue
        place = PLACE.match(value)
        if (raw[end : end + 1] == CUT and value.isdigit()) or (place and place.end() == len(value)):
            continue
        if set(value) <= set("*x.") or value.lower() in ("password", "pass", "pwd", "secret", "token"):
            continue
        spans.append(Span(begin, end, "password"))
    if "jdbc:oracle" in raw:
        spans += [Span(*found.span("value"), "password") for found in _JDBC.finditer(raw, 0, limits.end)]


_PGPASS: Final = expression(
    r"(?:^|(?<=[\s\"'`])|(?<=\\n))(?!arn:|urn:)[\w.*-]{1,100}:(?:\*|\d{4,5}):(?!-?\d+:)[^:\s\"'`\\]{1,63}:[^:\s\"'`\\]{1,63}:"
    r"(?P<value>(?:[^:\s\"'`\\\x1a]|\\{1,2}[:\\])++)(?=[\s\"'`\x1a]|\\n|\Z)",
    re.ASCII,
)
"""A line of PostgreSQL's ``.pgpass``: host, port, database, user and password."""


def add_in_pgpass(raw: str, spans: list[Span], limits: Limits) -> None:
    """Add the passwords in lines of a ``.pgpass``."""
    patience = limits.places
    for found in _PGPASS.finditer(raw, 0, limits.end):
        patience -= 1
        if patience <= 0:  # past very many of them all that stands there
            spans.append(Span(found.start("value"), len(raw), "password"))
            return
        value = found["value"]
        if len(value) >= 4 and not is_placeholder(value) and not PLACE.match(value):
            spans.append(Span(*found.span("value"), "password"))


COOKIES: Final = expression(r"\t(?:TRUE|FALSE)\t\d{1,13}\t[^\t\n]{1,100}\t(?P<value>[^\s\x1a]{8,}+)")
"""A line of a ``cookies.txt``, as curl and browsers write it."""
STATED: Final = expression(
    r"(?:(?:i(?<!\wi)dentified[ \t]{1,3}(?:with[ \t]{1,3}\w{1,40}[ \t]{1,3})?by"
    r"|w(?<!\ww)ith[ \t]{1,3}(?:encrypted[ \t]{1,3})?password"
    r"|r(?<!\wr)equirepass|m(?<!\wm)asterauth|c(?<!\wc)onvertto-securestring)[ \t]{1,3}(?:-string[ \t]{1,3})?"
    r"|(?P<loose>p(?<!\wp)assword(?:[ \t]{1,3}|\()(?=['\"`])))"
    r"(?P<quote>\\{0,3}['\"`])?(?P<value>[^\s'\"`\\;\x1a]{4,200}+)(?(quote)(?=\\{0,3}['\"`]|\x1a|\Z))",
    re.ASCII,
)
"""A password in a statement of SQL, in Redis' configuration, in PowerShell, or named and quoted in a sentence."""
PIPED: Final = expression(
    r"(?:e(?<!\we)cho|p(?<!\wp)rintf)[ \t]{1,3}(?:-[neE]{1,3}[ \t]{1,3})?(?:['\"]?%s(?:\\n)?['\"]?[ \t]{1,3})?"
    r"(?P<quote>['\"])?"
    r"(?P<value>[^\s'\"|\\\x1a]{4,200}+)(?(quote)['\"])[ \t]{0,3}\|[^|\n]{0,100}?"
    r"(?:sudo[ \t]{1,3}(?:-[a-zA-Z]{1,9}[ \t]{1,3}){0,3}-[a-z]{0,4}S|-stdin\b|chpasswd\b)",
    re.ASCII,
)
"""A password that a program is given by a pipe: ``echo x | sudo -S …``, ``… | docker login --password-stdin``."""
LISTED: Final = expression(
    rf"(?:(?<![a-z])key|token|secret|credential)s(?:{QUOTE})?\s{{0,3}}[:=]\s{{0,3}}"
    r"(?P<items>(?:(?:[\[(,\s\"'`-]|\\+[n\"']){1,12}+[\w+/.~-]{2,}+={0,2}+(?![\w:=])){1,20}+)",
    re.ASCII,
)
"""Several values of one name: ``api_keys: ["x", "y"]``, or the lines below it in YAML."""
_COUNT: Final = expression(r"[\s\[(-]*+[0-9.]++(?![\w+/=-])", re.ASCII)
"""A number: how many tokens there are, say, and no list of them."""
_ITEM: Final = expression(r"[\w+/.~-]{20,}+={0,2}+", re.ASCII)


def add_listed(raw: str, low: str, spans: list[Span], limits: Limits) -> None:
    """Add the secrets in lists that a name stands before."""
    for found in limits.matches(LISTED, low):
        if _COUNT.match(found["items"]) is not None:
            continue
        for item in _ITEM.finditer(raw, *found.span("items")):
            if is_drawn(item[0][:LOOK]):
                spans.append(Span(*item.span(), "secret"))


PHRASE: Final = expression(
    r"(?:mnemonic|(?:seed|recovery|secret)[ _-]?phrase)(?:\\*[\"'`])?[ \t]{0,3}(?:[:=]|is)?[ \t\\\"'`]{0,6}"
    r"(?P<value>(?:[a-z]{3,8}[ ]{1,2}){11,23}[a-z]{3,8})(?![a-z])"
)
"""The words from which a wallet is made (BIP 39): 12 to 24."""


def add_in_places(pattern: re.Pattern[str], text: str, raw: str, kind: str, spans: list[Span], limits: Limits) -> None:
    """Add the values of a pattern in a text, which may be ``raw`` in lower case."""
    for found in limits.matches(pattern, text):
        begin, end = found.span("value")
        value = raw[begin : min(end, begin + LOOK)]
        if is_placeholder(value) or PLACE.match(value) or value.startswith("[masked"):
            continue
        if kind == "cookie" and not is_by_chance(value):
            continue
        if kind == "password":
            loose = found.groupdict().get("loose") is not None
            mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
            special = not loose and any(sign in SPECIAL for sign in value)
            if not (mixed or special) or (loose and len(value) < 6) or CALL.match(value):
                continue
        spans.append(Span(begin, end, kind))


_SCHEMES: Final = frozenset("basic bearer token digest apikey ssws bot key negotiate api-key".split())


def add_in_headers(raw: str, low: str, spans: list[Span], limits: Limits) -> None:
    """Add what stands in headers."""
    for hint, pattern in _HEADERS:
        for found in limits.matches(pattern, low) if hint in low else ():
            begin, end = found.span("value")
            value = raw[begin : min(end, begin + LOOK)]
            if hint == "cookie":
                if is_by_chance(value):
                    spans.append(Span(begin, end, "cookie"))
                continue
            if is_placeholder(value) or value.lower().rstrip(":") in _SCHEMES:
                continue
            scheme = found["scheme"] or ""
            sure = scheme in _SCHEMES and (len(value) >= 16 or scheme == "basic")
            if hint == "bearer":
                secret = any(map(str.isdigit, value)) or is_jumbled(value)
            else:
                secret = is_by_chance(value) or (sure and not IDENTIFIER.fullmatch(value))
            if secret:
                spans.append(Span(begin, end, "credential" if scheme == "basic" else "token"))


_HEADERS: Final = (("authorization", _HEADER), ("bearer", _BEARER), ("cookie", _COOKIE))
