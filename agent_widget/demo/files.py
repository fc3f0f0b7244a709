"""How the team writes its workspace: lines are appended, documents replaced whole, under the lock of all writers.

Nothing here knows what is in the files. A log that has grown too long moves into an archive, and what a person
or a program writes into a shared file is taken in before the demo writes that file again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

MARKER: Final = ".agent-widget-demo"
ROTATED: Final = {  # file: archive directory, name there, size at which it moves
    "message-bus.jsonl": ("message-archives", "messages-{}.jsonl", 256_000),
    "realtime.log": ("realtime-archives", "realtime-{}.log", 512_000),
    "sessions.jsonl": ("session-archives", "sessions-{}.jsonl", 256_000),
}
OWN_FILES: Final = (
    "agent-registry.json agent-health-metrics.json agent-performance-metrics.json tasks.json message-bus.jsonl "
    "user-messages.jsonl sessions.jsonl session-summaries.json tool-timing.jsonl quality-assessments.json "
    "knowledge-base.json working.md state.json metrics.json realtime.log coordination.log watchdog.log "
    "worker-spawns.log git-activity.jsonl orchestrator-state.json .watchdog-status.json .token-usage.json"
).split()


def iso(ms: int) -> str:
    """``2026-01-04T17:34:36.932Z``."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def millis(text: str) -> int:
    """The inverse of :func:`iso`."""
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def compact(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Workspace:
    """The directory. What is written here reaches the files with the next :meth:`flush`."""

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise NotADirectoryError(f"{root} is not a directory")
        found = next((name for name in OWN_FILES if (root / name).exists()), None)
        if found and not (root / MARKER).exists():
            raise FileExistsError(f"{root} holds a workspace the demo did not make ({found}); name another directory")
        root.mkdir(parents=True, exist_ok=True)
        (root / MARKER).write_text("This directory was made by `agent-widget demo`, which may write into it again.\n")
        self.root = root
        self._lines: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._documents: dict[str, Any] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._shared: dict[str, tuple[Any, Callable[[Any], None]]] = {}
        self._stats: dict[str, tuple[int, int, int] | None] = {}

    def load(self, name: str, default: Any) -> Any:
        """What an earlier run left in a document, else ``default``."""
        with suppress(OSError, ValueError):
            return self._read(name)
        return default

    def share(self, name: str, content: Any, merge: Callable[[Any], None]) -> None:
        """Others write this document too: ``merge`` takes what they wrote into ``content``."""
        self._shared[name] = content, merge

    def append(self, name: str, line: str, at: int) -> None:
        """Add a line to a log."""
        if name not in self._sizes:
            path = self.root / name
            self._sizes[name] = path.stat().st_size if path.exists() else 0
        self._lines.setdefault(name, []).append(line + "\n")
        self._sizes[name] += len(line) + 1
        if name in ROTATED and self._sizes[name] > ROTATED[name][2]:
            self._rotate(name, at)

    def put(self, name: str, content: Any) -> None:
        """Replace a document: text as it is, ``.jsonl`` by lines, the rest as JSON."""
        self._documents[name] = content

    def flush(self, now: int, force: bool = False) -> None:
        """Write what is due: all lines, and documents not more than ten times a second (large ones less often)."""
        for name in list(self._lines):
            self._write_lines(name)
        for name, (content, _) in self._shared.items():
            if self._changed(name):
                self.put(name, content)
        for name, content in list(self._documents.items()):
            at, size = self._written.get(name, (0, 0))
            if force or now - at >= max(100, size // 1000):
                with suppress(TimeoutError), self._lock(name):
                    self._take_in(name)
                    self._written[name] = (now, self._replace(name, content))
                    del self._documents[name]

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        path = self.root / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        patience = time.monotonic() + 10
        while True:
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
                break
            except FileExistsError:
                if time.monotonic() > patience:
                    raise TimeoutError(f"{path} is held by another writer") from None
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > 120:  # whoever held it has died
                    path.unlink()
            time.sleep(0.05)
        with os.fdopen(handle, "w") as file:
            json.dump({"owner_id": f"demo-{os.getpid()}", "pid": os.getpid()}, file)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def _write_lines(self, name: str) -> None:
        with open(self.root / name, "a", encoding="utf-8", newline="") as file:
            file.write("".join(self._lines.pop(name)))

    def _rotate(self, name: str, at: int) -> None:
        self._write_lines(name)
        directory, pattern, _ = ROTATED[name]
        archive = self.root / directory / pattern.format(iso(at).replace(":", "-").replace(".", "-"))
        archive.parent.mkdir(exist_ok=True)
        self._sizes[name] = 0
        with suppress(TimeoutError), self._lock(name):
            os.replace(self.root / name, archive)
            if name == "message-bus.jsonl":
                self._list_archive(archive, at)

    def _list_archive(self, archive: Path, at: int) -> None:
        rows = [json.loads(line) for line in archive.read_text("utf-8").split("\n") if line]
        index = self.load("message-archives/index.json", {"archives": []})
        entry = {"filename": archive.name, "startDate": rows[0]["timestamp"], "endDate": rows[-1]["timestamp"]}
        index["archives"].append(entry | {"messageCount": len(rows)})
        index |= {"lastUpdated": iso(at), "totalMessages": sum(one["messageCount"] for one in index["archives"])}
        with self._lock("message-archives/index.json"):
            self._replace("message-archives/index.json", index)

    def _changed(self, name: str) -> bool:
        """Whether someone else wrote the file since we did."""
        found = self._stat(name)
        return found is not None and found != self._stats.get(name)

    def _take_in(self, name: str) -> None:
        if name in self._shared and self._changed(name):
            with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # not ours, so anything goes
                self._shared[name][1](self._read(name))

    def _read(self, name: str) -> Any:
        text = (self.root / name).read_text("utf-8")
        return [json.loads(line) for line in text.split("\n") if line] if name.endswith(".jsonl") else json.loads(text)

    def _replace(self, name: str, content: Any) -> int:
        if name.endswith(".jsonl"):
            text = "".join(compact(row) + "\n" for row in content)
        else:
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path = self.root / name
        beside = path.with_name(f"{path.name}.tmp.{os.getpid()}")
        beside.write_text(text, "utf-8", newline="")
        os.replace(beside, path)
        self._stats[name] = self._stat(name)
        return len(text)

    def _stat(self, name: str) -> tuple[int, int, int] | None:
        with suppress(OSError):
            found = os.stat(self.root / name)
            return found.st_ino, found.st_mtime_ns, found.st_size
        return None
