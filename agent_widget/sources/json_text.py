"""Changes of JSON text that leave everything else as it stands: order, unknown fields, indentation, escapes, numbers.

A document is not decoded and encoded again: the place of one value is looked up in the text, and only that is
replaced. What is new is written as its neighbours are. Places are character offsets; every function returns a new text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is there, and what JSONDecoder uses
from typing import Any, Final, NamedTuple

from .parsing import Malformed

_decoder = json.JSONDecoder(strict=False)
_BLANK: Final = re.compile(r"[ \t\r\n]*")


class Span(NamedTuple):
    """Where a value stands."""

    start: int
    end: int


class Member(NamedTuple):
    """Where a member of an object stands: its key from the quote on, and its value."""

    key: str
    start: int
    key_end: int
    value: Span


class Style(NamedTuple):
    """How a document is written."""

    indent: str | None
    """One level of indentation; ``None`` if it is on one line."""
    ascii: bool
    """Whether characters beyond ASCII are escaped."""
    comma: str
    colon: str
    newline: str


def decode(data: bytes) -> str:
    """Return the text of a document; bytes that are no UTF-8 come back unchanged in :func:`encode`."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes of a text."""
    return text.encode("utf-8", "surrogateescape")


def load(text: str, span: Span) -> Any:
    """Return the value at a place."""
    return _value(text, span.start)[0]


def end_of(text: str, start: int) -> int:
    """Return where the value that begins at a place ends."""
    return _value(text, start)[1]


def root(text: str) -> Span:
    """Return where the value of a whole document stands. Raises :class:`Malformed` if it is not one JSON value."""
    start = _skip(text, int(text.startswith("\ufeff")))
    end = _value(text, start)[1]
    if _skip(text, end) != len(text):
        raise Malformed("not JSON: something follows the document")
    return Span(start, end)


def style(text: str) -> Style:
    """Return how a document is written, by its first items; where they do not show it, as JavaScript writes it."""
    spread = re.match(r"\ufeff?\s*[\[{](\r?\n)([ \t]*)", text)
    indent = spread[2] if spread else None
    comma, colon = ",", ":" if indent is None else ": "
    span: Span | None = root(text)
    while span is not None:
        first: Span | None = None
        between = None
        if text[span.start] == "{":
            if found := members(text, span):
                first = found[0].value
                colon = text[found[0].key_end : first.start]
                between = text[first.end : found[1].start] if len(found) > 1 else None
        elif text[span.start] == "[" and (items := elements(text, span)):
            first = items[0]
            between = text[first.end : items[1].start] if len(items) > 1 else None
        if between is not None:
            comma = "," if indent is not None else between
            break
        span = first
    ascii = text.isascii() and re.search(r"\\u(?!00[01])[0-9a-fA-F]{4}", text) is not None
    newline = spread[1] if spread else "\r\n" if "\r\n" in text else "\n"
    return Style(indent, ascii, comma, colon, newline)


def dump(value: Any, style: Style, prefix: str = "") -> str:
    """Return a value as text; ``prefix`` is the indentation of the line that it begins on."""
    if style.indent is None:
        return json.dumps(value, ensure_ascii=style.ascii, separators=(style.comma, style.colon))
    text = json.dumps(value, ensure_ascii=style.ascii, indent=style.indent, separators=(",", style.colon))
    return text.replace("\n", style.newline + prefix)


def members(text: str, span: Span) -> list[Member]:
    """Return the members of an object, in their order. Raises :class:`Malformed` if there is no object."""
    found = []
    for start in _items(text, span, "{}"):
        if text[start] != '"':
            raise Malformed("not JSON: a key is a text")
        try:
            key, key_end = scanstring(text, start + 1, False)
        except ValueError as error:
            raise Malformed(f"not JSON: {error}") from None
        at = _skip(text, key_end)
        if text[at : at + 1] != ":":
            raise Malformed("not JSON: no colon after a key")
        at = _skip(text, at + 1)
        found.append(Member(key, start, key_end, Span(at, _value(text, at)[1])))
    return found


def elements(text: str, span: Span) -> list[Span]:
    """Return the elements of an array, in their order. Raises :class:`Malformed` if there is no array."""
    return [Span(start, _value(text, start)[1]) for start in _items(text, span, "[]")]


def member(text: str, span: Span, key: str) -> Member | None:
    """Return a member of an object, the last of several of one key, as every reader takes it; ``None`` without one."""
    return next((found for found in reversed(members(text, span)) if found.key == key), None)


def replaced(text: str, span: Span, new: str) -> str:
    """Return the text with something else at a place."""
    return text[: span.start] + new + text[span.end :]


def with_member(text: str, span: Span, key: str, value: Any, style: Style) -> str:
    """Return the text with a member set in the object at a place: in its place, or at the end if it is new."""
    found = members(text, span)
    own = next((one for one in reversed(found) if one.key == key), None)
    if own is not None:
        return replaced(text, own.value, dump(value, style, _line_indent(text, own.start)))
    if not found:
        return _into_empty(text, span, json.dumps(key, ensure_ascii=style.ascii) + style.colon, value, style)
    last = found[-1]
    before = found[-2].value.end if len(found) > 1 else span.start
    lead = text[before : last.start].replace("," if len(found) > 1 else "{", "", 1)
    if len(found) == 1 and style.indent is None:
        lead = style.comma[1:]
    name = json.dumps(key, ensure_ascii=style.ascii) + text[last.key_end : last.value.start]
    new = f",{lead}{name}{dump(value, style, _line_indent(text, last.start))}"
    return replaced(text, Span(last.value.end, last.value.end), new)


def without_member(text: str, span: Span, key: str) -> str:
    """Return the text without a member of the object at a place."""
    found = members(text, span)
    for index, one in reversed(list(enumerate(found))):
        if one.key == key:
            if index:
                text = replaced(text, Span(found[index - 1].value.end, one.value.end), "")
            elif len(found) > 1:
                text = replaced(text, Span(one.start, found[1].start), "")
            else:
                text = replaced(text, Span(span.start + 1, span.end - 1), "")
            return text
    return text


def with_element(text: str, span: Span, value: Any, style: Style) -> str:
    """Return the text with an element added at the end of the array at a place."""
    found = elements(text, span)
    if not found:
        return _into_empty(text, span, "", value, style)
    last = found[-1]
    before = found[-2].end if len(found) > 1 else span.start
    lead = text[before : last.start].replace("," if len(found) > 1 else "[", "", 1)
    if len(found) == 1 and "\n" not in lead:
        lead = style.comma[1:]
    spread = "\n" in lead
    own = style if spread or style.indent is None else style._replace(indent=None, comma=", ")
    new = f",{lead}{dump(value, own, _line_indent(text, last.start) if spread else '')}"
    return replaced(text, Span(last.end, last.end), new)


def _into_empty(text: str, span: Span, name: str, value: Any, style: Style) -> str:
    outer = _line_indent(text, span.start)
    open_, close = text[span.start], text[span.end - 1]
    if style.indent is None:
        return replaced(text, span, f"{open_}{name}{dump(value, style)}{close}")
    inner = outer + style.indent
    item = name + dump(value, style, inner)
    return replaced(text, span, f"{open_}{style.newline}{inner}{item}{style.newline}{outer}{close}")


def _items(text: str, span: Span, brackets: str) -> Iterator[int]:
    """Yield where each item of an object or array begins."""
    if text[span.start : span.start + 1] != brackets[0]:
        raise Malformed(f"not what is expected: no {'object' if brackets == '{}' else 'list'}")
    at = _skip(text, span.start + 1)
    while text[at : at + 1] != brackets[1]:
        yield at
        if brackets == "{}":
            try:
                at = _skip(text, scanstring(text, at + 1, False)[1])
            except ValueError as error:
                raise Malformed(f"not JSON: {error}") from None
            at = _skip(text, at + 1)
        at = _skip(text, _value(text, at)[1])
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != brackets[1]:
            raise Malformed("not JSON: an item is not followed by a comma or the end")


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, at)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from None


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _line_indent(text: str, at: int) -> str:
    """Return the indentation of the line that holds a place."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]
