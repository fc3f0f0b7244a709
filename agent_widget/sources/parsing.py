"""Patient parsers: JSON as crashes and other programs leave it, and values of any type where one is expected."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import isfinite
from typing import Any, Final, TypeVar

import msgspec

from ..tables import cut

T = TypeVar("T")


class Malformed(ValueError):
    """A line or document that does not fit its format. Counted and skipped, never fatal."""


MISREAD: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""Exceptions that a reader may raise for input that does not fit its format."""

_decoder = msgspec.json.Decoder()


def parse_json(data: bytes) -> Any:
    """Decode JSON, invalid UTF-8 and lone surrogates replaced; :class:`Malformed` if it is not JSON."""
    try:
        return _decoder.decode(data)
    except (ValueError, RecursionError) as problem:  # also a stray byte, or half a pair: it must not cost the line
        _must_be_whole(problem)
        try:
            return _cleaned(json.loads(data.decode("utf-8", "replace")))
        except (ValueError, RecursionError) as error:
            raise Malformed(f"not JSON: {error}") from None


def _must_be_whole(problem: Exception) -> None:
    """Raise :class:`Malformed` for what ends too early: no decoder takes it, and the patient one takes its time."""
    if str(problem) == "Input data was truncated":
        raise Malformed("not JSON: it ends too early") from None


_patient = json.JSONDecoder(strict=False)


def objects_in(line: bytes) -> tuple[list[bytes], int]:
    """Return the JSON objects in a line that is none, and 1 if something is left over; nothing if it is one."""
    text = line.decode("utf-8", "replace").strip("\0 \t\r")
    found: list[bytes] = []
    place = cut = 0
    while place < len(text):
        try:
            value, end = _patient.raw_decode(text, place)
        except (ValueError, RecursionError):
            value, end = _last_object(text, place)
            cut = 1
        if not isinstance(value, dict):
            break
        found.append(json.dumps(value).encode())
        place = end
        while place < len(text) and text[place] in "\0 \t\r,":
            place += 1
    if len(found) == 1 and not cut and place >= len(text) and text.encode("utf-8", "replace") == line.strip():
        try:
            _decoder.decode(line)
        except ValueError:
            return found, 0  # only its control characters were in the way
        return [], 1
    return found, max(cut, int(place < len(text)))


_MOST_TRIED: Final = 100
"""Maximum places in a line at which an object is looked for."""
_BEGINS: Final = re.compile(r'(?<![\s:,\[])\s*(?=\{")')
"""Where an object may begin that is in no other one."""


def _last_object(text: str, place: int) -> tuple[Any, int]:
    """Return the object at the end of a text, behind one that was cut short, and where it ends; else ``None``."""
    for found in islice(_BEGINS.finditer(text, place + 1), _MOST_TRIED):
        with suppress(ValueError, RecursionError):
            value, end = _patient.raw_decode(text, found.end())
            if end == len(text):
                return value, end
    return None, place


def _cleaned(value: Any) -> Any:
    """Return what Python's more patient decoder returned, without what no encoder takes."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def parse_as(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """Decode JSON of a known shape, as patient as :func:`parse_json`; :class:`Malformed` if it has another shape."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        if not _NO_NUMBER.match(str(error)):
            raise Malformed(str(error)) from None
    except (ValueError, RecursionError) as problem:
        _must_be_whole(problem)
    value = _sendable(parse_json(data))
    for _ in range(_ODD_NUMBERS):
        try:
            return decoder.decode(msgspec.json.encode(value))
        except msgspec.ValidationError as error:
            if not _without_number(value, str(error)):
                raise Malformed(str(error)) from None
        except (ValueError, RecursionError, OverflowError) as error:
            raise Malformed(str(error)) from None
    raise Malformed("too many numbers that are none")


_ODD_NUMBERS: Final = 50
"""Numbers of one line or document that may be left out because they are none."""
_NO_NUMBER: Final = re.compile(r"Expected `(?:int|float)\b|(?:Integer|Number).* out of range")
_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_KEY: Final = re.compile(r"\[(?:\.\.\.|[0-9]+)\]|\.([^.\[]+)")
"""A step on the way to a value: the name of a field, or nothing for an item, of which all are looked at."""


def _without_number(value: Any, problem: str) -> bool:
    """Take out what is no number where msgspec expected one; returns whether there was something.

    ``problem``: what it said, as "Expected `int | null`, got `str` - at `$.usage[0].input`".
    """
    place = _PLACE.search(problem)
    if place is None or not _NO_NUMBER.match(problem):
        return False
    wanted = int if "float" not in problem.partition("`,")[0] else (int, float)
    *way, last = _KEY.findall(place[1]) or [""]
    nodes = [value]
    for key in way:
        nodes = [inner for node in nodes for inner in _inside(node, key)]
    found = False
    for node in nodes:
        if not isinstance(node, dict):
            continue
        for key in [key for key in node if last in ("", key)]:
            number = node[key]
            if isinstance(number, bool) or not isinstance(number, wanted) or not 0 <= number < 2**63:
                del node[key]
                found = True
    return found


def _inside(node: Any, key: str) -> list[Any]:
    if isinstance(node, list):
        return [] if key else node
    if isinstance(node, dict):
        return [node[key]] if key in node else [] if key else list(node.values())
    return []


def _sendable(value: Any) -> Any:
    """Return a JSON value with ``None`` for numbers that no encoder takes."""
    if isinstance(value, dict):
        return {key: _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sendable(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) < 2**63:
        return None
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object; :class:`Malformed` if it is anything else."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise Malformed(f"expected a JSON object, found {type(value).__name__}")
    return value


def millis(value: Any) -> int | None:
    """Return a time as integer milliseconds since the epoch, UTC; ``None`` if it is none, or one that makes no sense.

    Takes ISO 8601 text (``Z``, an offset, or none = UTC) and numbers in seconds, milliseconds or
    microseconds, distinguished by size (10^11 s is the year 5138, 10^11 ms is 1973). No agent did anything before 1970:
    what stands there is a zero of some language, such as Go's year 1. Nor is anything done, or planned, after
    :data:`LATEST`.
    """
    if isinstance(value, str):  # nearly always
        if len(value) < 10:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        at = round((moment - _EPOCH) / _MILLISECOND)
        return at if 0 < at < LATEST else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 < value < 1e18:  # neither is NaN
        return None
    if value < 1e11:
        value *= 1000
    elif value > 1e14:
        value /= 1000
    at = round(value)
    return at if 0 < at < LATEST else None


LATEST: Final = 9_223_372_036_854
"""Milliseconds since the epoch, in the year 2262: later than that no DataFrame holds a time in nanoseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def named(value: Any) -> str | None:
    """Return a text that is neither empty nor what some language writes for a missing value; else ``None``."""
    if not isinstance(value, str):
        return None
    value = value.strip()
    return None if value.lower() in ("", "none", "null", "undefined") else value


def first_of(entry: Mapping[str, Any], *names: str) -> Any:
    """Return the first of several spellings of one field that is neither null nor empty."""
    for name in names:
        value = entry.get(name)
        if value is not None and value != "":
            return value
    return None


def preview(value: Any) -> str | None:
    """Return a text as a preview column holds it; other JSON values are encoded first."""
    if value is None:
        return None
    return cut(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def number(value: Any) -> float | None:
    """Return a finite number that can be sent (63 bits), or ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**63:
        return None
    return value


def whole(value: Any) -> int | None:
    """Return a number rounded to an integer, or ``None``."""
    found = number(value)
    return None if found is None else round(found)


_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Replace lone surrogates, which JSON can hold and UTF-8 cannot."""
    if not text.isascii():
        try:
            text.encode()  # much faster than a search, and nearly always all there is to do
        except UnicodeEncodeError:
            return _SURROGATES.sub("\ufffd", text)
    return text
