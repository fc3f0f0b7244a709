"""Pieces that make a text slow to mask when they are repeated, written from the rules themselves.

Each rule's beginning, its fixed parts, an example, an example that is nearly one and one of dull letters, with several
signs behind; each name with several signs and values; what other rules look for. A rule that is added is in it.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator

from agent_widget.masking.rules import ALPHABETS, NAMES, ODD, SHAPES, VAGUE

_BEHIND = ("", " ", "-", ".", "_", "/", "\n", "=", ":", '"', "…", "\\n", "~", "+")
_SIGNS = (
    *(
        "",
        "=",
        ":",
        " ",
        "=>",
        ":=",
        "==",
        "%3d",
        ">",
        " is ",
        '":"',
        '", "',
        "']='",
        '\\":\\"',
        ": str = ",
        ", value: ",
    ),
    *('="', "='", "(", "[", "1=", "_prod=", " : x", " = "),
)
_VALUES = (
    *(
        "",
        " ",
        "a ",
        "a",
        "a1b2c3d4 ",
        "a1b2c3d4e5f6g7,",
        "xxxxxxxx ",
        "your-key ",
        "${X} ",
        "<x> ",
        "/usr/lib ",
        "a.b.c ",
    ),
    *("foo( ", '"', "\n", "\\", "aB3$ ", "[masked: x] ", "Zk3v9QxT7mLw2RbN5cYd ", "hello world foo ", "'x'"),
)
_OTHERS = (
    *("authorization: bearer ", "authorization: basic a1b2c3d4 ", "bearer a1b2c3d4e5f6 ", "cookie: a=bcde;", "cookie "),
    *(
        "set-cookie: a=b1c2d3e4\n",
        "-u a:b ",
        "curl -u a:b ",
        " -pabc",
        " -p abc",
        "mysql -px ",
        "sshpass -p x ",
        "'-u a:b'",
    ),
    *("://", "://a:", "://a:b@", "://a:b/", "://aaaaaaaaaaaaaaaa@", "jdbc:oracle:a:b/c@", "db:5432:a:b:", "a:*:b:c:d "),
    *(
        "\tTRUE\t1\ta\tb",
        "identified by 'a",
        "identified with a by ",
        "with password ",
        "password '",
        "requirepass a1b2 ",
    ),
    *(
        "convertto-securestring ",
        "echo a1b2 | sudo ",
        "echo a| sudo -S",
        "printf %s a|",
        "mnemonic abc ",
        "seed phrase ",
    ),
    *(
        "-----",
        "-----BEGIN ",
        "-----BEGIN PRIVATE" + " KEY-----",
        "Private-Lines: 1\n",
        "aws/",
        "[masked: ",
        "[masked: x]",
    ),
    *(
        "…",
        "\\",
        '\\"',
        '"',
        "'",
        "{",
        "[",
        "(",
        "<",
        "=",
        ":",
        ",",
        "|",
        "$",
        "%",
        "é",
        "☃",
        "\U0001f600",
        "\x00",
        "\x1a",
    ),
    *("login a password ", "setenv ", "set -gx a_key ", "set -a -b -c password ", "env a_key ", "user=a;password="),
    *("\x1b[32m", "data:image/png;base64,", "a", "A", "a-", "a.", "a/", "aB1", "aB1 ", "a word or two, "),
    *("AAAAAAAAAAAAAAAAAAAA ", "define('password', '", "name: token, value: ", "--token ", '"token":"a1b2c3d4e5f6",'),
)


def letters(alphabet: str) -> str:
    """Return the letters of an alphabet of the rules."""
    return "".join(sign for sign in string.printable if re.fullmatch(f"[{ALPHABETS[alphabet]}]", sign))


def example(template: str, chance: random.Random, fewer: int = 0) -> str:
    """Return a template filled by chance; with ``fewer`` letters in its last part."""
    parts = re.split(r"(\{[^}]*\})", re.sub(r"\(([^)]*)\)", lambda found: chance.choice(found[1].split("|")), template))
    last = max(index for index, part in enumerate(parts) if part.startswith("{"))
    for index, part in enumerate(parts):
        if part.startswith("{"):
            alphabet, _, many = part[1:-1].partition(":")
            number = int(re.split(r"[,+]", many)[0]) - (fewer if index == last else 0)
            parts[index] = "".join(chance.choice(letters(alphabet)) for _ in range(number))
    return "".join(parts)


def pieces(chance: random.Random) -> list[str]:
    """Return all pieces, each once; some thousands, of which those that are written by chance depend on ``chance``."""
    return list(dict.fromkeys(piece for piece in _pieces(chance) if piece))


def _pieces(chance: random.Random) -> Iterator[str]:
    yield from _OTHERS
    for rule in (*SHAPES, *ODD):
        template = re.sub(r"\(([^)]*)\)", lambda found: chance.choice(found[1].split("|")), rule.template)
        fixed = re.split(r"\{[^}]*\}", template)
        yield from (fixed[0] + sign for sign in _BEHIND)
        yield from (part + end for part in fixed for end in ("", " ", "a", "A1"))
        dull = re.sub(r"\{[^}]*\}", lambda found: "a" * int(re.findall(r"\d+", found[0])[0]), template)
        for piece in (dull, *(example(template, chance, fewer) for fewer in (0, 1, 3))):
            yield from (piece + sign for sign in ("", " ", "-", ".", "…", "~", "/", "\n"))
    for name in (*NAMES, *VAGUE):
        word = name.example.partition("{value}")[0].rstrip("=:\"' ")
        for sign in _SIGNS:
            yield from (word + sign + value for value in _VALUES)


def repeated(piece: str, size: int) -> str:
    """Return a text of so many letters that is one piece again and again."""
    return (piece * (size // len(piece) + 1))[:size]
