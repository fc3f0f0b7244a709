"""How far each root has been read and what is wrong there, kept by counting changes, never by walking the files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from ..masking import mask
from ..protocol import SourceState
from ..sources.base import Source
from .file import File

MAX_PROBLEMS: Final = 20
MAX_UNKNOWN: Final = 50
"""Maximum problems and unknown kinds named per root."""


class _Figures(NamedTuple):
    """What one file contributes to its root."""

    bytes: int = 0
    read: int = 0
    malformed: int = 0
    unread: int = 0
    error: str | None = None


@dataclass(slots=True)
class _Root:
    files: int = 0
    bytes: int = 0
    read: int = 0
    malformed: int = 0
    unread: int = 0
    problems: dict[Path, str] = field(default_factory=dict)


class Progress:
    """The sums over the files of each source."""

    def __init__(self) -> None:
        self._figures: dict[File, _Figures] = {}
        self._roots: defaultdict[Source, _Root] = defaultdict(_Root)

    def note(self, file: File) -> None:
        """Take in what has changed about a file."""
        skipped = file.tail.skipped_lines if file.tail is not None else 0
        new = _Figures(file.size, file.done, file.malformed + skipped, int(file.unread), file.error)
        old = self._figures.get(file)
        if new == old:
            return
        self._figures[file] = new
        root = self._roots[file.source]
        if old is None:
            root.files += 1
            old = _Figures()
        root.bytes += new.bytes - old.bytes
        root.read += new.read - old.read
        root.malformed += new.malformed - old.malformed
        root.unread += new.unread - old.unread
        if new.error:
            root.problems[file.path] = new.error
        else:
            root.problems.pop(file.path, None)

    @property
    def left(self) -> int:
        """How many bytes are still to be read for the first time."""
        return sum(root.bytes - root.read for root in self._roots.values())

    def states(self, sources: Iterable[Source], checked_at: int | None) -> list[SourceState]:
        """Return the state of each source; ``checked_at`` is when the reader last finished a round, if it ever has."""
        return [self._state(source, checked_at) for source in sources]

    def _state(self, source: Source, checked_at: int | None) -> SourceState:
        root = self._roots[source]
        problems = [mask(f"{path}: {error}") for path, error in nsmallest(MAX_PROBLEMS, root.problems.items())]
        if len(root.problems) > MAX_PROBLEMS:
            problems.append(f"and {len(root.problems) - MAX_PROBLEMS} more")
        return SourceState(
            source.name,
            mask(str(source.root)),
            root.files,
            root.bytes,
            "missing" if not os.path.isdir(source.root) else "reading" if root.unread else "watching",
            root.read,
            root.malformed,
            problems,
            {mask(kind): count for kind, count in islice(source.unknown.items(), MAX_UNKNOWN)},
            source.has_transcripts,
            checked_at,
        )
