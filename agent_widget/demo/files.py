"""How the team writes its workspace: lines are appended, documents replaced whole, under the lock of all writers.

Nothing here knows what is in the files. What a person or a program writes into a shared document is taken in before
the demo writes that document again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

MARKER: Final = ".agent-widget-demo"
STALE: Final = 120
"""Seconds after which the lock of a writer that died may be broken."""


def compact(value: Any) -> str:
    """Return JSON on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def claim(directory: Path) -> None:
    """Make a directory, unless it is there, and mark it as the demo's own.

    Raises :class:`FileExistsError` if it holds files and was not made by the demo.
    """
    if directory.exists() and not (directory / MARKER).exists() and any(directory.iterdir()):
        raise FileExistsError(f"{directory} holds files the demo did not make; name another directory")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MARKER).write_text("This directory was made by `agent-widget demo`, which may write into it again.\n")


class Workspace:
    """The directory of a team. What is written here reaches the files with the next :meth:`flush`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lines: dict[str, list[str]] = {}
        self._documents: dict[str, Callable[[], Any]] = {}
        self._shared: dict[str, tuple[Callable[[], Any], Callable[[str], None]]] = {}
        self._written: dict[str, tuple[int, int, int]] = {}
        """When a document was written, by the clock of the team and by that of the disk, and its size."""

    def append(self, name: str, line: str) -> None:
        """Add a line to a log."""
        self._lines.setdefault(name, []).append(line + "\n")

    def put(self, name: str, content: Callable[[], Any]) -> None:
        """Replace a document by what ``content`` returns when it is written: text, or a value to write as JSON."""
        self._documents[name] = content

    def share(self, name: str, content: Callable[[], Any], take_in: Callable[[str], None]) -> None:
        """Call ``take_in`` with the text that others wrote into a document."""
        self._shared[name] = content, take_in

    def flush(self, now: int, force: bool = False) -> None:
        """Write what is due: all lines, and documents not more than ten times a second (large ones less often)."""
        for name, lines in self._lines.items():
            with open(self.root / name, "a", encoding="utf-8", newline="") as file:
                file.write("".join(lines))
        self._lines.clear()
        for name, (content, _) in self._shared.items():
            if self._changed(name):
                self.put(name, content)
        for name, content in list(self._documents.items()):
            at, _, size = self._written.get(name, (0, 0, 0))
            if (force or now - at >= max(100, size // 1000)) and self._replace(name, content, now):
                del self._documents[name]

    def _replace(self, name: str, content: Callable[[], Any], now: int) -> bool:
        """Write a document, unless somebody else holds its lock; return whether it is written."""
        path = self.root / name
        lock, beside = path.with_name(f"{path.name}.lock"), path.with_name(f"{path.name}.tmp.{os.getpid()}")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            with suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > STALE:
                    lock.unlink()
            return False
        try:
            os.write(handle, compact({"owner_id": f"demo-{os.getpid()}", "pid": os.getpid()}).encode())
            os.close(handle)
            if name in self._shared and self._changed(name):
                with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # others may write anything
                    self._shared[name][1](path.read_text("utf-8"))
            value = content()
            beside.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8", newline="")
            os.replace(beside, path)
            self._written[name] = now, path.stat().st_mtime_ns, path.stat().st_size
        finally:
            lock.unlink(missing_ok=True)
        return True

    def _changed(self, name: str) -> bool:
        """Return whether someone else has written a document since we did."""
        path = self.root / name
        return path.exists() and path.stat().st_mtime_ns != self._written.get(name, (0, 0))[1]
