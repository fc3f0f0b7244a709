"""Changes that people make: tasks and messages, written into the agents' own files.

A source says how bytes follow from bytes (:mod:`agent_widget.sources.changes`); this room does the rest: the locks that
other writers take too (:mod:`.locks`), reading again and replacing a file as a whole (:mod:`.files`), conflicts, what
is refused (:mod:`.writer`), and the audit of what was written (:mod:`.audit`).
"""

from __future__ import annotations

from .audit import Audit, audit_path, last_writes
from .writer import Who, WriteError, Writer

__all__ = ["Audit", "Who", "WriteError", "Writer", "audit_path", "last_writes"]
