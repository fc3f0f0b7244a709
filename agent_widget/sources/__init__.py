"""The formats that can be read: a module or a package for each. The others are what they share.

- *Of all formats*: :mod:`.base` (source, reader, evidence), :mod:`.parsing`, :mod:`.patterns` (where files are),
  :mod:`.kept` (what readers of one root share), :mod:`.changes` (writing back), :mod:`.json_text`, :mod:`.zstd`.
- *Of conversations*: :mod:`.chat` (the base of their sources), :mod:`.steps` (what happens in one),
  :mod:`.conversation` (from steps to rows), :mod:`.ledger` (each answer is billed once), :mod:`.prices`,
  :mod:`.limits`.
- *Of texts*: :mod:`.texts` (titles, names, what a program put in), :mod:`.questions` (whether an answer waits) with
  :mod:`.languages`, :mod:`.directories` (names of projects and worktrees), :mod:`.task_status` (words for it),
  :mod:`.memory`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from .base import Evidence, Gone, Item, Reader, Record, Source
from .parsing import Malformed

_CLASSES: Final = {
    "workspace": "Workspace",
    "claude": "Claude",
    "codex": "Codex",
    "copilot": "Copilot",
    "gemini": "Gemini",
    "inspect_ai": "InspectAI",
    "kimi": "Kimi",
    "kimi_code": "KimiCode",
    "opencode": "OpenCode",
    "otlp": "Otlp",
    "pi": "Pi",
    "qwen": "Qwen",
    "atif": "Atif",
    "beads": "Beads",
    "taskmaster": "TaskMaster",
}
"""Name of each source, which is that of its module, and its class."""
FOLDERS: Final = {
    "workspace": "memory",
    "inspect_ai": "logs",
    "atif": "jobs",
    "beads": ".beads",
    "taskmaster": ".taskmaster",
}
"""Name of a source and its :attr:`Source.folder`, of those that have one."""


class Sources(Iterable[type[Source]]):
    """The classes of all sources. A module is imported when its class is looked at: most homes are of one agent."""

    def __iter__(self) -> Iterator[type[Source]]:
        return map(self.named, _CLASSES)

    @staticmethod
    def named(name: str) -> type[Source]:
        """Return the source of a name. Raises ``KeyError``."""
        of = _CLASSES[name]
        kind: type[Source] = getattr(import_module(f".{name}", __name__), of)
        return kind

    def inside(self, project: Path) -> Iterator[type[Source]]:
        """Yield those whose folder is in a project."""
        return (self.named(name) for name, folder in FOLDERS.items() if (project / folder).is_dir())


SOURCES: Final = Sources()
"""All of them; a directory belongs to the first that recognises it."""

__all__ = ["FOLDERS", "SOURCES", "Evidence", "Gone", "Item", "Malformed", "Reader", "Record", "Source"]
