"""The whole text of a memory entry, on demand: the tables hold its first characters only.

Nothing of it is kept: each question reads the file that the entry came from, inside the source's root, and what is
too long for a screen is cut.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final, NamedTuple

from ..ingest.tail import Unreadable, read_document
from ..masking import mask
from ..sources.base import Source
from ..sources.memory import version_of
from ..sources.parsing import MISREAD

TEXT_CHARS: Final = 200_000
"""Characters after which a text is cut."""


class NoMemory(Exception):
    """There is no such text; the message says why."""


class MemoryText(NamedTuple):
    """The text of an entry."""

    text: str
    version: str
    """Of exactly this text, as in the row's ``version``: the row may be older or newer than the file."""
    truncated: bool


def read_memory(source: Source, path: PurePosixPath, id: str, *, masking: bool = True) -> MemoryText:
    """Return the text of an entry that ``source`` read from a document of its own. Raises :class:`NoMemory`."""
    try:
        found = source.memory_text(path, id, read_document(source.root / path, source.root))
    except FileNotFoundError:
        raise NoMemory(f"{path} is gone; what is shown was read before") from None
    except (Unreadable, OSError) as error:
        raise NoMemory(f"{path} cannot be read now: {getattr(error, 'strerror', None) or error}") from None
    except MISREAD as error:
        raise NoMemory(f"{path} cannot be understood now, it may be half written ({error})") from None
    if found is None:
        raise NoMemory(f"it is not in {path} any more; what is shown was read before")
    text, content = found
    truncated = len(text) > TEXT_CHARS
    if truncated:
        text = text[: TEXT_CHARS - 1] + "…"
    return MemoryText(mask(text) if masking else text, version_of(content), truncated)
