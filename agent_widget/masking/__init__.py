"""Secrets in what agents wrote, masked before they leave the server: ``[masked: GitHub token]``.

:func:`mask` masks a text, :func:`deep` any value of texts, lists and dicts, :func:`masked` a record on its way into the
store. All of a record is masked: texts, lists, maps with their keys, names, paths and ids. What identifies rows or
leads to other rows keeps doing so: there a short hash of the secret stands in the mask (:func:`reference`), the same
wherever the same secret stands, so no two rows fall into one and every reference still leads to its row.

It is a safety net, not a guarantee: a secret that looks like any other word passes. What is looked for, and how:
:mod:`agent_widget.masking.rules`, :mod:`agent_widget.masking.engine`.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from operator import is_
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from ..tables import PREVIEW_CHARS, Gone, Record
from .engine import NONE, Found, crowded, find, is_plain, kind_of_value
from .values import LEAST, Span

__all__ = ["deep", "mask", "masked", "masked_fields", "reference"]

_PASSES: Final = 4
"""What stood directly behind a secret may begin a word only once that is masked."""

_TEXTS: Final = frozenset("text title description notes activity status_reason reason input output error".split())
"""The columns that hold what somebody wrote, to be read; all others say which: they are references."""
_REFERENCES: Final = frozenset("id name owner sender recipient agent session child parent project path".split())
"""Names of references in values that are no records, beside those that end with ``_id``."""


def mask(text: str) -> str:
    """Return the text with its secrets masked; the text itself if it holds none."""
    size = len(text)
    if size < LEAST or (size <= _SHORT and text in _CLEAN):
        return text
    shown = _masked(text, _label)
    if size <= _SHORT and shown is text:
        _keep(text)
    return shown


def reference(text: str) -> str:
    """Return an id, a name or a path with its secrets masked; equal ones stay equal, and others do not become so."""
    if text in _CLEAN or len(text) < LEAST:
        return text
    shown = text if is_plain(text) else _masked(text, _telling_label)
    if shown is text and len(text) <= _SHORT:
        _keep(text)
    return shown


_SHORT: Final = 160
"""Characters of what comes again and again: ids, names, lines of a log."""
_KEPT: Final = 20_000


def _keep(text: str) -> None:
    if len(_CLEAN) >= _KEPT:
        _CLEAN.clear()
    _CLEAN.add(text)


_CLEAN: Final[set[str]] = set()
"""Short texts that hold no secret."""


_LARGE: Final = 50_000
"""Characters of a text of which, once it was looked through, only what stands behind secrets is looked at again."""
_BEHIND: Final = 1_000
"""So many of them."""
_WORD: Final = re.compile(r"\S*+")
"""The rest of a word: a secret is looked at to its end."""


def _masked(text: str, label: Callable[[str, Span], str]) -> str:
    found = find(text)
    if found is NONE:
        return text
    shown, places, is_crowded = _once(text, found, label)
    for _ in range(_PASSES - 1):
        if not places or is_crowded:
            break
        if len(shown) <= _LARGE:
            shown, places, is_crowded = _once(shown, find(shown), label)
        else:
            shown, places = _behind(shown, places, label)
    return shown


def _behind(text: str, places: list[int], label: Callable[[str, Span], str]) -> tuple[str, list[int]]:
    """Mask what stands behind the masks at some places; returns the text, and the places of the new masks."""
    parts: list[str] = []
    found: list[int] = []
    done = size = at = 0
    while at < len(places):
        begin = max(places[at], done)
        end = begin + _BEHIND
        while at < len(places) and places[at] < end:
            end = max(end, places[at] + _BEHIND)
            at += 1
        end = _WORD.match(text, end).end()  # type: ignore[union-attr]
        shown, more, _ = _once(text[begin:end], find(text[begin:end]), label)
        size += begin - done
        found += [size + place for place in more]
        parts += (text[done:begin], shown)
        size += len(shown)
        done = end
    return "".join([*parts, text[done:]]), found


def _once(text: str, found: Found, label: Callable[[str, Span], str]) -> tuple[str, list[int], bool]:
    """Mask what was found at one look.

    Returns the text, where in it each mask begins, and whether there was too much to look at each.
    """
    if found is NONE:
        return text, [], False
    spans, crowd = found
    parts: list[str] = []
    places: list[int] = []
    done = size = 0
    for span in _apart(spans):
        if crowd is not None and span.begin >= crowd:
            break
        mark = label(text, span)
        parts += (text[done : span.begin], mark)
        places.append(size + span.begin - done)
        size += span.begin - done + len(mark)
        done = span.end
    if crowd is not None:
        for begin, end in crowded(text, max(crowd, done)):
            parts += (text[done:begin], "[masked: secret]")
            done = end
    parts.append(text[done:])
    return "".join(parts), places, crowd is not None


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Return spans, which come in order, with those that overlap as one; the first one, the more specific, names it."""
    apart: list[Span] = []
    for span in spans:
        if apart and span.begin < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(apart[-1].end, span.end))
        else:
            apart.append(span)
    return apart


def _label(text: str, span: Span) -> str:
    return f"[masked: {span.kind}]"


def _telling_label(text: str, span: Span) -> str:
    secret = text[span.begin : span.end].encode("utf-8", "surrogatepass")
    return f"[masked: {span.kind} {blake2b(secret, digest_size=4, key=_key()).hexdigest()}]"


@cache
def _key() -> bytes:
    """Return what keys the hashes in references: the same for all processes of this user on this machine, at any time.

    So ids outlive a restart, and who has only an export cannot try whether a hash is that of a password he guesses.
    """
    try:
        machine = Path("/etc/machine-id").read_text().strip()
    except OSError:
        machine = ""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    return blake2b(f"{machine or socket.gethostname()}/{user}".encode(), digest_size=32).digest()


def deep(value: Any, name: str | None = None) -> Any:
    """Return the value with the secrets in all of its texts masked, keys too; the value itself if there are none.

    For what JSON can hold: texts, and lists and dicts of them. ``name`` is the key it stands under, which may say that
    it is secret: ``{"password": "x"}``.
    """
    if isinstance(value, str):
        if name is not None and value and (kind := kind_of_value(name, value)) is not None:
            return f"[masked: {kind}]"
        if name is not None and name.lower() in _HEADERS:
            line = f"{name}: {value}"
            safe = mask(line)
            return value if safe is line else safe[len(name) + 2 :]
        return reference(value) if name in _REFERENCES or (name or "").endswith("_id") else mask(value)
    if isinstance(value, dict):
        names = _names_in(value, name)
        shown = {
            reference(key) if isinstance(key, str) else key: deep(inner, names.get(key)) for key, inner in value.items()
        }
        return value if _same(value, shown) else shown
    if isinstance(value, (list, tuple)):
        listed = name if name is not None and name.endswith("s") else None
        items = [
            f"[masked: {kind}]"
            if listed and isinstance(item, str) and (kind := kind_of_value(listed[:-1], item, vague=True)) is not None
            else deep(item, _name_of(before, value))
            for before, item in zip([None, *value], value, strict=False)
        ]
        if any(isinstance(item, str) and item.startswith("-") for item in items):
            items = _in_command(items)
        return value if all(map(is_, value, items)) else items
    return value


_HEADERS: Final = frozenset(
    "authorization proxy-authorization cookie set-cookie mnemonic seed_phrase recovery_phrase".split()
)
"""What stands under these says by its begin, or by its parts, what it is: it is looked at as in a text."""


def _names_in(value: dict[Any, Any], name: str | None) -> dict[Any, str]:
    """Return what the values of a dict are called: by their keys; a ``value`` by the name beside it, or above."""
    names = {key: key for key in value if isinstance(key, str)}
    for key in ("value", "default"):
        if key in names:
            beside = value.get("name", value.get("key"))
            names[key] = beside if isinstance(beside, str) else name or key
    return names


def _name_of(before: Any, items: Sequence[Any]) -> str | None:
    """Return what an item of a list is called by the one before it, if that may say that it is secret.

    That is an option of a command (``["--token", "x"]``), or the first of a pair (``["X-Api-Key", "x"]``).
    """
    return before if isinstance(before, str) and (before.startswith("-") or len(items) == 2) else None


def _in_command(words: list[Any]) -> list[Any]:
    """Mask what is a secret in a command only where it stands: ``["mysql", "-u", "root", "-px"]``."""
    texts = [word if isinstance(word, str) else "" for word in words]
    ends = list(accumulate(len(text) + 1 for text in texts))
    shown = list(words)
    for span in reversed(_apart(find(" ".join(texts)).spans)):
        place = bisect_right(ends, span.begin)
        begin = span.begin - (ends[place - 1] if place else 0)
        if "[masked: " not in texts[place] and isinstance(words[place], str):
            word = shown[place]
            shown[place] = f"{word[:begin]}[masked: {span.kind}]{word[begin + span.end - span.begin :]}"
    return shown


def _same(value: dict[Any, Any], shown: dict[Any, Any]) -> bool:
    return len(value) == len(shown) and all(map(is_, value, shown)) and all(map(is_, value.values(), shown.values()))


def masked(operation: Record | Gone) -> Record | Gone:
    """Return a record with all its secrets masked, those of its id too; the record itself if it holds none."""
    id = operation.id
    if id not in _CLEAN and not is_plain(id):
        id = reference(id)
    if isinstance(operation, Gone):
        return operation if id is operation.id else Gone(operation.table, id)
    changed: dict[str, Any] | None = None
    safe: Any
    for name, value in operation.fields.items():
        kind = value.__class__
        if kind is str:
            if len(value) < LEAST or value in _CLEAN:
                continue
            if name in _TEXTS:
                safe = mask(value)
                if safe is not value and len(safe) > PREVIEW_CHARS >= len(value):
                    safe = safe[: PREVIEW_CHARS - 1] + "…"
            else:
                safe = reference(value)
        elif kind is list and value:
            safe = [reference(item) if isinstance(item, str) else deep(item) for item in value]
            if all(map(is_, safe, value)):
                continue
        elif kind is dict and value:
            safe = deep(value)
        else:
            continue
        if safe is not value:
            changed = changed or {}
            changed[name] = safe
    if changed is not None:
        return Record(operation.table, id, {**operation.fields, **changed})
    return operation if id is operation.id else Record(operation.table, id, operation.fields)


Fields = TypeVar("Fields", bound=msgspec.Struct)


def masked_fields(item: Fields) -> Fields:
    """Return a struct with the secrets in its texts masked as in references; itself if it holds none."""
    values = msgspec.structs.astuple(item)
    for value in values:
        if value.__class__ is str and value not in _CLEAN and len(value) >= LEAST and reference(value) is not value:
            return type(item)(*[reference(value) if isinstance(value, str) else value for value in values])
    return item


def _mask_log(record: logging.LogRecord) -> bool:
    """Mask a line of the server's own log: it may name a file, or quote what an agent wrote."""
    record.msg, record.args = mask(record.getMessage()), ()
    if record.exc_info and not record.exc_text:
        record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
    return True


logging.getLogger("agent_widget").addFilter(_mask_log)
