"""The formats that can be read; one file for each, and :mod:`.base`, which says what they have in common."""

from __future__ import annotations

from .base import Evidence, Gone, Item, Malformed, Reader, Record, Source
from .workspace import Workspace

SOURCES: tuple[type[Source], ...] = (Workspace,)
"""All of them; a directory belongs to the first that recognises it."""

__all__ = ["SOURCES", "Evidence", "Gone", "Item", "Malformed", "Reader", "Record", "Source", "Workspace"]
