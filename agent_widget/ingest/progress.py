"""How far each root has been read and what is wrong there, kept by counting changes, never by walking the files."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from ..masking import mask
from ..protocol import SourceState
from ..sources.base import Source
from .file import File

MAX_PROBLEMS: Final = 20
MAX_UNKNOWN: Final = 50
"""Maximum problems and unknown kinds named per root."""


class More(NamedTuple):
    """What is known of a root beyond its files."""

    problems: tuple[str, ...] = ()
    left_out: int = 0
    degraded: str | None = None
    missing: bool = False
    writes: tuple[str, ...] = ()


class _Figures(NamedTuple):
    """What one file contributes to its root."""

    bytes: int = 0
    read: int = 0
    malformed: int = 0
    unread: int = 0
    error: str | None = None
    files: int = 0
    gone: int = 0


def _of_size(size: int) -> _Figures:
    """Return what a file contributes that was read whole and well."""
    return _Figures(size, size, files=1)


@dataclass(slots=True)
class _Root:
    files: int = 0
    gone: int = 0
    bytes: int = 0
    read: int = 0
    malformed: int = 0
    unread: int = 0
    problems: dict[str, str] = field(default_factory=dict)


class Progress:
    """The sums over the files of each source."""

    def __init__(self) -> None:
        self._figures: dict[File, _Figures | int] = {}
        """What each file contributes; of one that was read whole and well, as nearly all are, only its size."""
        self._roots: defaultdict[Source, _Root] = defaultdict(_Root)

    def note(self, file: File) -> None:
        """Take in what has changed about a file."""
        gone = int(file.gone_at is not None)
        malformed = file.malformed + file.skipped
        new = _Figures(file.size, file.done, malformed, int(file.unread), file.error, 1 - gone, gone)
        self._replace(file, new)

    def forget(self, file: File) -> None:
        """Leave a file out of all sums."""
        self._replace(file, _Figures())
        self._figures.pop(file, None)

    def _replace(self, file: File, new: _Figures) -> None:
        held = self._figures.get(file, _Figures())
        old = _of_size(held) if isinstance(held, int) else held
        if new == old:
            return
        self._figures[file] = new.bytes if new == _of_size(new.bytes) else new
        root = self._roots[file.source]
        root.files += new.files - old.files
        root.gone += new.gone - old.gone
        root.bytes += new.bytes - old.bytes
        root.read += new.read - old.read
        root.malformed += new.malformed - old.malformed
        root.unread += new.unread - old.unread
        if new.error:
            root.problems[file.name] = new.error
        else:
            root.problems.pop(file.name, None)

    @property
    def left(self) -> int:
        """How many bytes are still to be read for the first time."""
        return sum(root.bytes - root.read for root in self._roots.values())

    @property
    def files(self) -> int:
        """How many files there are."""
        return sum(root.files for root in self._roots.values())

    @property
    def gone(self) -> int:
        """How many files there were that are not there any more."""
        return sum(root.gone for root in self._roots.values())

    def states(
        self, sources: Iterable[Source], checked_at: int | None, more: Callable[[Source], More] = lambda _: More()
    ) -> list[SourceState]:
        """Return the state of each source; ``checked_at`` is when the reader last finished a round, if it ever has.

        ``more``: what else is known of a source.
        """
        return [self._state(source, checked_at, more(source)) for source in sources]

    def _state(self, source: Source, checked_at: int | None, more: More) -> SourceState:
        root = self._roots[source]
        # the first that came up: to sort them all each time would cost as much as there are
        some = sorted(islice(root.problems.items(), MAX_PROBLEMS))
        problems = [mask(text) for text in [*more.problems, *(f"{path}: {error}" for path, error in some)]]
        if len(root.problems) > MAX_PROBLEMS:
            problems.append(f"and {len(root.problems) - MAX_PROBLEMS} more")
        state = "missing" if more.missing or not os.path.isdir(source.root) else "watching"
        return SourceState(
            source.name,
            mask(str(source.root)),
            root.files,
            root.bytes,
            "reading" if state == "watching" and root.unread else state,
            root.read,
            root.malformed,
            problems,
            {mask(kind): count for kind, count in islice(source.unknown.items(), MAX_UNKNOWN)},
            source.has_transcripts,
            checked_at,
            root.gone,
            more.left_out,
            mask(more.degraded) if more.degraded else None,
            mask(source.namespace),
            list(more.writes),
            bool(source.resume),
        )
