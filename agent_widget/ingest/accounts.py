"""Which account of a service a home of an agent is logged in to.

Of the files that say so (:attr:`agent_widget.sources.base.Source.account_files`) only the fields that name the account
are decoded; files of credentials (``auth.json``, ``.credentials.json``) are never opened. Nobody writes down which
account a session had: it is the one of the home when the session was last seen.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..sources.base import Source
from ..sources.chat import ChatSource
from ..sources.directories import parts_of
from ..sources.parsing import MISREAD, clean
from .projects import told_apart

log = logging.getLogger("agent_widget")

LOOK_AGAIN_AFTER: Final = 30.0
"""Seconds after which it is looked whether the files changed."""
_MOST_BYTES: Final = 32 * 2**20

_Stamps = tuple[tuple[int, int], ...]


class Accounts:
    """The accounts of some homes."""

    def __init__(self) -> None:
        self._held: dict[Source, tuple[float, _Stamps, str | None]] = {}

    def of(self, source: Source, sources: Iterable[Source]) -> str | None:
        """Return the account of a home; where its files name none, and it is one of several homes, where it is."""
        now = time.monotonic()
        held = self._held.get(source)
        if held is None or not 0 <= now - held[0] < LOOK_AGAIN_AFTER:
            files = [source.root / place for place in source.account_places()]
            stamps = tuple(_stamp(file) for file in files)
            account = held[2] if held is not None and held[1] == stamps else _account(source, files)
            self._held[source] = held = now, stamps, account
        return held[2] or _home(source, sources)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _account(source: Source, files: list[Path]) -> str | None:
    for file in files:
        try:
            if not file.is_file() or file.stat().st_size > _MOST_BYTES:
                continue
            if account := source.account_in(file.name, file.read_bytes()):
                return account
        except (OSError, *MISREAD) as fault:  # it is written at this moment, or of another version
            log.debug("%s: no account in it (%s)", file, type(fault).__name__)
    return None


def _home(source: Source, sources: Iterable[Source]) -> str | None:
    """Return what tells a home from the others of its kind; ``None`` for the only one."""
    roots = [other.root for other in sources if type(other) is type(source)]
    if not isinstance(source, ChatSource) or len(roots) < 2:
        return None
    home = Path.home()
    if source.root.is_relative_to(home):
        return clean(f"~/{source.root.relative_to(home).as_posix()}")
    return told_apart([parts_of(str(root)) for root in roots])[roots.index(source.root)]
