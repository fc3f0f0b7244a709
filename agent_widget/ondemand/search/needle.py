"""What is searched for: in the bytes of files, where JSON may escape it, and in the texts that they hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ...masking import deep, reference

MAX_TEXT: Final = 500
"""Characters of what is searched for."""
SNIPPET: Final = 160
"""Characters of text around a hit."""
AROUND: Final = 2_000
"""Characters on both sides of a hit that are masked with it: a secret has to be seen whole."""
AROUND_KEY: Final = 20_000
"""The same in a text that holds a private key, which is longer than other secrets."""
_TRIES: Final = 50
"""Occurrences in one text that are looked at until one is found that is no part of a secret."""

_SAFE: Final = re.compile(r"[A-Za-z0-9_.:;,!?()*@#$%^|~-]+")
"""Characters that every JSON encoder writes as they are."""


class Needle:
    """A text to look for: without regard to case, with any white space between its words."""

    def __init__(self, text: str, *, masking: bool = True) -> None:
        """Take what was typed. Raises ``ValueError`` for a text of nothing but white space, or one that is too long."""
        words = text.split()
        if not words:
            raise ValueError("nothing to search for: give a word or a phrase")
        if len(text) > MAX_TEXT:
            raise ValueError(f"the text to search for is longer than {MAX_TEXT} characters")
        self.masking = masking
        self._pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
        safe = max((run for word in words for run in _SAFE.findall(word)), key=len, default="")
        odd = max((run for word in words for run in re.findall(r"[^\x00-\x7f]+", word)), key=len, default="")
        if len(safe) > 2 or (safe and not odd):
            self.anchors: tuple[bytes, ...] = (safe.lower().encode(),)
            """One of these is in the bytes of whatever holds the text, once ASCII letters are lowered."""
        else:
            self.anchors = _spellings(odd[:2] or max(words, key=len)[:1])
        self._anchor = safe.lower()

    def is_in(self, data: bytes) -> bool:
        """Return whether bytes hold an anchor."""
        lowered = data.lower()
        return any(anchor in lowered for anchor in self.anchors)

    def snippet(self, text: str, name: str | None = None) -> str | None:
        """Return some text around the first occurrence that is no part of a secret, in one line; ``None`` without one.

        ``name``: the key that the text stands under, which may say that it is secret.
        """
        if self._anchor not in text.lower():  # faster than the pattern, which hardly any text matches
            return None
        for _, found in zip(range(_TRIES), self._pattern.finditer(text), strict=False):
            if not self.masking:
                return _excerpt(text, found)
            around = AROUND_KEY if "PRIVATE KEY" in text else AROUND
            start, end = max(0, found.start() - around), found.end() + around
            part = text[start:end]
            safe = deep(part, name)
            if safe is part or safe == part:
                return _excerpt(text, found)
            again = self._remaining(part, safe)
            if again is not None:
                return _excerpt(safe, again, before=start > 0, after=end < len(text))
        return None

    def _remaining(self, part: str, safe: str) -> re.Match[str] | None:
        """Return an occurrence in a masked text that stands in the original too, and not only in a mask."""
        for found in self._pattern.finditer(safe):
            opened = safe.rfind("[masked: ", 0, found.start() + 9)
            if opened < 0 or safe.find("]", opened) < found.start():
                return found
        return None

    def snippet_in(self, value: Any) -> str | None:
        """Return the snippet of the first text in a JSON value that holds it."""
        for inner, text in texts_in(value):
            if (found := self.snippet(text, inner)) is not None:
                return found
        return None

    def safe(self, id: str) -> str:
        """Return an id as the tables have it."""
        return reference(id) if self.masking else id


def texts_in(value: Any, name: str | None = None) -> Iterator[tuple[str | None, str]]:
    """Yield the texts in a JSON value, each with the key or option (``--token``) that it stands under, keys last."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_in(inner, str(key))
        for key in value:
            yield None, str(key)
    elif isinstance(value, (list, tuple)):
        before: Any = None
        for inner in value:
            yield from texts_in(inner, before if isinstance(before, str) and before[:1] == "-" else None)
            before = inner
    elif value is not None and not isinstance(value, bool):
        yield name, str(value)


def _excerpt(text: str, found: re.Match[str], *, before: bool = False, after: bool = False) -> str:
    start = max(0, found.start() - SNIPPET // 3)
    end = max(found.end(), start + SNIPPET)
    part = " ".join(text[start:end].split())
    return ("…" if start or before else "") + part + ("…" if end < len(text) or after else "")


def _spellings(letters: str) -> tuple[bytes, ...]:
    """Return the ways in which letters that are not safe can stand in JSON: as UTF-8, or escaped."""
    found = {""}
    for letter in letters:
        found = {before + case for before in found for case in {letter, letter.lower(), letter.upper()}}
    escaped = {"".join(f"\\u{unit:04x}" for unit in _utf16(text)) for text in found}
    plain = {text.encode("utf-8", "surrogatepass").lower() for text in found}
    quoted = {text.replace("\\", "\\\\").replace('"', '\\"').encode().lower() for text in found if text.isascii()}
    return tuple(sorted(plain | quoted | {text.encode() for text in escaped}))


def _utf16(text: str) -> Iterator[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
