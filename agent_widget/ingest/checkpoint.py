"""What a collector must remember to go on after a restart without reading again what has not changed.

A checkpoint is made of the collector's own objects: the sources with what they know across files, each file with its
stamp, its reader and the place it has been read to, the evidence of statuses, the sums of the figures, and which files
hold which conversation. It goes into the archive as one pickle, so what two of these objects share they share again.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..sources.base import Source
from .file import File
from .projects import Projects
from .stats import Stats
from .status import Statuses
from .usage import UsageRows


class Checkpoint(NamedTuple):
    """Everything but the rows. ``files`` are those that have been read to their end.

    ``unmasked``: masked id or path → what it is in the files. Without it the transcript of a session whose id or path
    held a secret could not be found again.
    """

    sources: list[Source]
    files: list[File]
    statuses: Statuses
    stats: Stats
    usage: UsageRows
    conversations: dict[str, dict[Path, Source]]
    unmasked: dict[str, str]
    projects: Projects

    def fits(self, sources: list[Source]) -> bool:
        """Return whether this was made of some of these sources, at the same roots."""
        return {_key(source) for source in self.sources} <= {_key(source) for source in sources}


def _key(source: Source) -> tuple[type[Source], tuple[Path, ...], str]:
    return type(source), tuple(source.places), source.namespace
