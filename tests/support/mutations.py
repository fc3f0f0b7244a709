"""Changes at random: bytes, JSON values, the order of lines, cells of a database; the same for the same dice."""

from __future__ import annotations

import json
import math
import random
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1e308, -0.5, 2**31, 2**53, 2**63, -(2**63) - 1, 10**30, 10**4400),
    *(math.nan, math.inf, "", " ", "null", "\ud800", "\x00", "\u202e", "x" * 3000, "é" * 600, "0", "NaN", "-1"),
    *(
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "2026-01-01",
        "2026-13-45T99:99:99Z",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [{}],
        {"": None},
        {"id": {}},
        [1, "a", None],
        {"a": {"b": {"c": []}}},
        "../../etc",
        "a/b\\c",
    ),
)
_TOKENS = (
    b"null",
    b'"',
    b"{",
    b"}",
    b"[]",
    b"-1",
    b"1e999",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\x00",
    b"\r",
    b",",
    b"\\",
)


def changed(data: bytes, how: str, dice: random.Random) -> bytes:
    """The content of a file, with a few changes of any kind."""
    if how == "database":
        return changed_database(data, dice)
    pieces = data.splitlines(keepends=True) if how == "lines" else [data]
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        if not pieces:
            break
        if how == "lines" and dice.random() < 0.25:
            reorder(pieces, dice)
            continue
        place = dice.randrange(len(pieces))
        change = change_json if dice.random() < 0.7 else change_bytes
        ending = b"\n" if pieces[place].endswith(b"\n") else b""
        pieces[place] = change(pieces[place].removesuffix(b"\n"), dice) + ending
    data = b"".join(pieces)
    return data if how != "lines" or not data or data.endswith(b"\n") else data + b"\n"


def reorder(pieces: list[bytes], dice: random.Random) -> None:
    """Lines twice, elsewhere, gone, backwards, blank or very long."""
    place, other = dice.randrange(len(pieces)), dice.randrange(len(pieces))
    how = dice.randrange(100)
    if how < 30:
        pieces.insert(other, pieces[place])
    elif how < 55:
        pieces[place], pieces[other] = pieces[other], pieces[place]
    elif how < 75:
        del pieces[place]
    elif how < 85:
        pieces.reverse()
    elif how < 98:
        pieces.insert(
            place, dice.choice((b"\n", b" \r\n", b"\xef\xbb\xbf\n", b"null\n", b"[]\n", b'""\n', b"{}\n", b"7\n"))
        )
    else:
        pieces[place] = change_json(pieces[place], dice, "long " * 400_000) + b"\n"


def change_bytes(data: bytes, dice: random.Random) -> bytes:
    """Bytes flipped, put in, cut out or doubled."""
    changing = bytearray(data)
    for _ in range(dice.choice((1, 2, 8))):
        place = dice.randrange(len(changing) + 1)
        length = dice.choice((0, 1, 3, 40))
        how = dice.randrange(5)
        if how == 0 and place < len(changing):
            changing[place] ^= 1 << dice.randrange(8)
        elif how == 1:
            changing[place : place + length] = dice.choice(_TOKENS)
        elif how == 2:
            del changing[place : place + length]
        elif how == 3:
            changing[place:place] = changing[place : place + length]
        else:
            del changing[place:]
    return bytes(changing).replace(b"\n", b" ") if b"\n" not in data else bytes(changing)


def change_json(data: bytes, dice: random.Random, value: Any = ...) -> bytes:
    """Another value, of any type or from elsewhere in it, somewhere; or a key less, or deep brackets."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        return change_bytes(data, dice)
    places = list(_places(whole))
    if not places:
        return json.dumps(dice.choice(_ODD[:13])).encode()
    holder, key = dice.choice(places)
    if value is ...:
        how = dice.randrange(100)
        if how < 12:
            del holder[key]
            return json.dumps(whole).encode()
        if how < 14:
            holder[key] = "@deep"
            deep = b"[" * 60_000 + b"]" * 60_000
            return json.dumps(whole).encode().replace(b'"@deep"', deep)
        other, name = dice.choice(places)
        value = _apart(other[name], holder[key], dice) if how < 50 else dice.choice(_ODD)
    holder[key] = value
    sys.set_int_max_str_digits(5000)
    return json.dumps(whole).encode()


def _apart(value: Any, held: Any, dice: random.Random) -> Any:
    """A value from elsewhere; or, of a number or text, one like it, which for a time is an earlier or later one."""
    if isinstance(held, (int, float)) and not isinstance(held, bool) and dice.random() < 0.5:
        return held + dice.choice((-1, 1, -86_400, 86_400_000, -(10**12)))
    if isinstance(held, str) and dice.random() < 0.5:
        return re.sub(r"\d", lambda _: str(dice.randrange(10)), held, count=dice.choice((1, 20)))
    return json.loads(json.dumps(value))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pending = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, (dict, list)):
            for key in list(node) if isinstance(node, dict) else range(len(node)):
                yield node, key
                pending.append(node[key])


def changed_database(data: bytes, dice: random.Random) -> bytes:
    """Other values in some cells, or bytes of the file itself."""
    if dice.random() < 0.1:
        return change_bytes(data, dice)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "changed.db")
        path.write_bytes(data)
        with closing(sqlite3.connect(path)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for _ in range(dice.choice((1, 2, 5))):
                table = dice.choice(tables)
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                found = database.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid").fetchall()
                if not found:
                    continue
                row, column = dice.choice(found), dice.randrange(len(columns))
                value = row[column + 1]
                if isinstance(value, str) and value.startswith(("{", "[")) and dice.random() < 0.9:
                    value = change_json(value.encode(), dice).decode("utf-8", "replace")
                else:
                    value = dice.choice((None, -1, 0, 2**63 - 1, 1e300, "", "x", b"\xff\xfe", "null", "[]", value))
                database.execute(f"UPDATE OR IGNORE {table} SET {columns[column]} = ? WHERE rowid = ?", (value, row[0]))
            database.commit()
        return path.read_bytes()
