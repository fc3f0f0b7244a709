"""OpenAI Codex: the rollouts below ``$CODEX_HOME``, one file for each conversation (a *thread*), also each subagent's.

Read :data:`FILES` first: it says which method reads which file; :mod:`.lines` reads the lines of a rollout. Facts
are from the producer's source (0.144 to 0.147), real rollouts of 0.118 to 0.147 and a bare file of early 2025's kind:

- What the model was sent and said (``response_item``) is in every rollout, so replies and tool calls are taken from
  there; prompts from the events, since user messages also carry what Codex puts in by itself.
- Forks and subagents begin with a copy of their parent's lines, with new timestamps. Ids of threads and turns hold
  the time when they were made (UUIDv7): a turn older than the thread is a copy, and only the running total of
  tokens is taken from it.
- Totals of tokens run on over resumes and forks and are repeated, so an answer is the difference of two totals.
- A question for permission is not written down: it looks like a tool call that runs.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from ..base import (
    READERS,
    Item,
    Malformed,
    Reader,
    Record,
    Source,
    clean,
    millis,
    moved,
    named,
    parse_object,
    preview,
)
from ..ledger import Book
from ..memory import memory_fields
from .lines import Rollout

FILES: Final[tuple[tuple[str, str, Literal["lines", "document"], str], ...]] = (
    # first directory below the root, name, how it is read, the method of Codex that reads it; never auth.json
    ("sessions", "rollout-*.jsonl", "lines", "rollout"),
    ("archived_sessions", "rollout-*.jsonl", "lines", "rollout"),
    ("sessions", "rollout-*.jsonl.zst", "document", "packed"),
    ("archived_sessions", "rollout-*.jsonl.zst", "document", "packed"),
    ("", "session_index.jsonl", "lines", "index"),
    ("", "history.jsonl", "lines", "history"),
    ("memories", "*.md", "document", "memory"),
)

MAX_UNPACKED: Final = 256 * 2**20
"""A compressed rollout that is larger than this is not read: it must not take the memory."""
_STEP: Final = 1024
"""So many bytes are decompressed at once: each of them may become 32 KiB."""


class Codex(Source):
    """One Codex home."""

    name = "codex"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book()
        self._titles: dict[str, tuple[int, int, str]] = {}
        self.mains: set[str] = set()
        """Threads that are sessions, with a rollout."""

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``$CODEX_HOME``, else ``~/.codex``."""
        return moved(environ, home, "CODEX_HOME") or [home / ".codex"]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """Whether it holds rollouts: archived ones, or sessions by year."""
        if (directory / "archived_sessions").is_dir():
            return True
        try:
            names = [path.name for path in (directory / "sessions").iterdir()]
        except OSError:
            return False
        return any(re.fullmatch(r"20\d\d", name) or name.startswith("rollout-") for name in names)

    def reader(self, path: PurePosixPath) -> Reader | None:
        """The reader of the first entry in :data:`FILES` that fits."""
        top = path.parts[0] if len(path.parts) > 1 else ""
        for directory, name, mode, method in FILES:
            if top == directory and fnmatchcase(path.name, name):
                return READERS[mode](getattr(self, method)(path))
        return None

    def skips(self, path: PurePosixPath) -> bool:
        """Everything but the two directories of rollouts and what is kept of them."""
        kept = path.parts[0] == "memories" and path.parts[1:] in ((), ("rollout_summaries",))
        return not kept and path.parts[0] not in ("sessions", "archived_sessions")

    def rollout(self, path: PurePosixPath) -> Callable[[bytes], Iterable[Item]]:
        """One conversation, line by line."""
        return Rollout(self, path).read

    def packed(self, path: PurePosixPath) -> Callable[[bytes], Iterable[Item]]:
        """A rollout of some days ago, compressed."""

        def read(data: bytes) -> Iterator[Item]:
            read_line = self.rollout(path.with_suffix(""))
            for line in _unpacked(data).split(b"\n"):
                try:
                    yield from read_line(line)
                except (ValueError, KeyError, TypeError, AttributeError):
                    self.unknown["malformed line in a compressed rollout"] += 1

        return read

    def index(self, path: PurePosixPath) -> Callable[[bytes], Iterable[Item]]:
        """Names that threads were given; the newest counts."""

        def read(line: bytes) -> Iterator[Item]:
            entry = parse_object(line)
            yield from self.title(entry.get("id"), entry.get("thread_name"), 0, -(millis(entry.get("updated_at")) or 0))

        return read

    def history(self, path: PurePosixPath) -> Callable[[bytes], Iterable[Item]]:
        """What was typed, also in conversations whose prompts are not in the rollout: the first is a title."""

        def read(line: bytes) -> Iterator[Item]:
            entry = parse_object(line)
            yield from self.title(entry.get("session_id"), entry.get("text"), 2, millis(entry.get("ts")) or 0)

        return read

    def memory(self, path: PurePosixPath) -> Callable[[bytes], Iterable[Item]]:
        """What Codex wrote down of its conversations: a summary, and one file for each of them."""

        def read(data: bytes) -> Iterator[Item]:
            yield Record("memory", f"{self.namespace}{path}", memory_fields(path, data, kind="memory"))

        return read

    def title(self, thread: Any, text: Any, rank: int, at: int) -> Iterator[Record]:
        """One more claim about a session's title; the lowest rank, then the lowest time counts."""
        if isinstance(thread, str) and (text := named(text)):
            held = self._titles.get(thread)
            if held is None or (rank, at) < held[:2] or (rank == 0 and (rank, at) == held[:2]):
                self._titles[thread] = (rank, at, clean(text))
            if thread in self.mains:
                yield from self.entitled(thread)

    def entitled(self, thread: str) -> Iterator[Record]:
        """The title that a session has, now that it is known to have a rollout."""
        self.mains.add(thread)
        if thread in self._titles:
            title = preview(" ".join(self._titles[thread][2].split()))
            yield Record("sessions", self.namespace + thread, {"title": title})


def _unpacker() -> Callable[[], Any]:
    """What makes decompressors of one frame: Python's own (3.14), its backport, or the ``zstandard`` package."""
    for name in ("compression.zstd", "backports.zstd"):
        with contextlib.suppress(ImportError):
            made: Callable[[], Any] = importlib.import_module(name).ZstdDecompressor
            return made
    with contextlib.suppress(ImportError):
        zstandard = importlib.import_module("zstandard")
        return lambda: zstandard.ZstdDecompressor().decompressobj()
    raise Malformed("compressed: pip install 'agent-widget[zst]', or use Python 3.14, to read it")


def _unpacked(data: bytes) -> bytes:
    """All frames, decompressed."""
    make = _unpacker()
    frame, unpacked = make(), bytearray()
    try:
        for start in range(0, len(data), _STEP):
            rest = data[start : start + _STEP]
            while rest:
                if frame.eof:
                    frame = make()
                unpacked += frame.decompress(rest)
                rest = frame.unused_data if frame.eof else b""
            if len(unpacked) > MAX_UNPACKED:
                break
    except Exception as error:  # each module has its own
        raise Malformed(f"not a whole zstd file: {error}") from None
    if len(unpacked) > MAX_UNPACKED:
        raise Malformed(f"larger than {MAX_UNPACKED // 2**20} MiB when unpacked")
    if not frame.eof:
        raise Malformed("not a whole zstd file: its end is missing")
    return bytes(unpacked)
