"""Searching everything that agents left: their files newest first without an index, and the rows of the tables.

The bytes of a file are searched first, since nearly all of them hold nothing: for an *anchor*, a part of the text that
stands in JSON as it is. Only a line that holds it is read, by the reader of its format, and the text is looked for in
the texts of its entries: without regard to case, with any white space between its words, and with secrets masked, so
that a masked secret is no hit.
"""

from __future__ import annotations

import heapq
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from ..ingest import database
from ..ingest.tail import BOM, Unreadable, open_regular, read_document
from ..masking import mask
from ..sources.base import MISREAD, Reader, Source
from ..sources.ledger import Book
from ..sources.steps import Call, Plan, Prompt, Reply, Result, Return, Step, Thinking, TurnEnd
from ..store import Row

CHUNK: Final = 1024 * 1024
"""Bytes searched at once."""
HEAD: Final = 64 * 1024
"""Bytes at a file's beginning from which its reader learns whose it is."""
SNIPPET: Final = 160
"""Characters of a snippet."""
MAX_TEXT: Final = 500
"""Maximum characters of the text to search for."""
KEPT: Final = 32
"""Maximum searches that can be continued; the least recently continued is dropped first."""

_SAFE: Final = re.compile(r"[A-Za-z0-9_.:;,!?()=+*@#$%^|~-]+")
"""Characters that every JSON encoder writes as they are."""
_TEXTS: Final = {
    "tasks": ("title", "description", "notes"),
    "messages": ("text",),
    "memory": ("title", "text"),
    "logs": ("text",),
    "quality": ("subject", "notes"),
    "tool_calls": ("input", "output", "error"),
    "sessions": ("title",),
}
"""Table → the columns that are searched."""
_TIMES: Final = ("at", "updated_at", "created_at", "started_at")
_IN_FILES: Final = frozenset({"messages", "tool_calls"})
"""Tables whose rows are also in the transcripts that they come from, where whole texts are."""


class Hit(NamedTuple):
    """One place where the text was found."""

    at: int | None
    agent_id: str | None
    session_id: str | None
    place: str
    """What holds it: prompt, reply, thinking, tool input, tool output, plan, answer, or the table of the row."""
    snippet: str
    """Some text around the first occurrence there, in one line."""
    entry: str
    """The id of the entry of the transcript, or of the row."""
    position: str | None
    """Give it to ``transcript`` as ``after`` to read from there; ``None`` for a row."""


class Portion(NamedTuple):
    """Some hits, and how to go on."""

    hits: list[Hit]
    cursor: str | None
    """Ask with this for more; ``None`` when everything was looked through."""
    bytes: int
    """Bytes of files that were looked through so far."""
    total: int
    """Bytes of all files that are searched."""


class Needle:
    """A text to look for, in bytes and in texts."""

    def __init__(self, text: str) -> None:
        """Raise ``ValueError`` for a text of nothing but white space, or one that is too long."""
        words = text.split()
        if not words:
            raise ValueError("nothing to search for: give a word or a phrase")
        if len(text) > MAX_TEXT:
            raise ValueError(f"the text to search for is longer than {MAX_TEXT} characters")
        self._pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
        safe = max((run for word in words for run in _SAFE.findall(word)), key=len, default="")
        self.anchors: tuple[bytes, ...] = (safe.lower().encode(),) if safe else _spellings(words)
        """One of these is in the bytes of whatever holds the text, once ASCII letters are lowered."""

    def last_in(self, lowered: bytes, end: int) -> int:
        """Return where the last anchor before ``end`` begins in lowered bytes, or -1."""
        return max(lowered.rfind(anchor, 0, end) for anchor in self.anchors)

    def snippet(self, text: str, *, masking: bool) -> str | None:
        """Return some text around the first occurrence, in one line; ``None`` if there is none."""
        found = self._pattern.search(text)
        if found is None:
            return None
        if masking:
            start = max(0, found.start() - 2000)  # a secret around it has to be seen whole to be masked
            text = mask(text[start : found.end() + 2000])
            found = self._pattern.search(text)
            if found is None:
                return None
        start = max(0, found.start() - SNIPPET // 3)
        end = max(found.end(), start + SNIPPET)
        part = " ".join(text[start:end].split())
        return ("…" if start else "") + part + ("…" if end < len(text) else "")


def _spellings(words: list[str]) -> tuple[bytes, ...]:
    """Return the ways in which two letters of a text without a safe part can stand in JSON: as UTF-8, or escaped."""
    odd = max((run for word in words for run in re.findall(r"[^\x00-\x7f]+", word)), key=len, default="")
    letters = (odd or max(words, key=len))[:2]
    found = {""}
    for letter in letters:
        found = {before + case for before in found for case in {letter, letter.lower(), letter.upper()}}
    escaped = {"".join(f"\\u{unit:04x}" for unit in _utf16(text)) for text in found}
    plain = {text.encode("utf-8", "surrogatepass").lower() for text in found}
    quoted = {text.replace("\\", "\\\\").replace('"', '\\"').encode().lower() for text in found if text.isascii()}
    return tuple(sorted(plain | quoted | {text.encode() for text in escaped}))


def _utf16(text: str) -> Iterator[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


@dataclass(slots=True)
class _HitCollector:
    """Collects the hits among the steps that a reader makes of a line."""

    needle: Needle
    masking: bool
    position: str | None = None
    ignore: bool = False
    """Whether the reader only finds out whose file it is."""
    by_file: bool = False
    """Whether the conversation's ``file`` is the position, as in a database."""
    file: str = ""
    hits: list[Hit] = field(default_factory=list)
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def __call__(self, talk: Any, step: Step) -> None:
        if self.ignore:
            return
        for place, entry, text in _texts(step):
            if (place, entry) in self._seen:
                continue
            snippet = self.needle.snippet(text, masking=self.masking)
            if snippet is not None:
                position = f"{talk.file}@{self.file}" if self.by_file else self.position
                if entry:
                    self._seen.add((place, entry))
                hit = Hit(step.at, talk.agent, talk.session, place, snippet, entry or f"{position}.0", position)
                self.hits.append(hit)


def _texts(step: Step) -> Iterator[tuple[str, str, str]]:
    """Yield the texts of a step: the place, the id of the entry, the text."""
    if isinstance(step, Prompt):
        yield "prompt", step.id, step.text
    elif isinstance(step, Reply):
        yield "reply", step.id, step.text
    elif isinstance(step, Thinking):
        yield "thinking", step.id, step.text
    elif isinstance(step, Call):
        yield "tool input", step.id, f"{step.name} {_flat(step.input)}"
    elif isinstance(step, Result):
        yield "tool output", step.call_id, "\n".join(filter(None, (_flat(step.output), step.error)))
    elif isinstance(step, Plan):
        yield "plan", "", "\n".join(f"{todo.title}\n{todo.description or ''}" for todo in step.todos)
    elif isinstance(step, Return):
        yield "answer", "", step.text or ""
    elif isinstance(step, TurnEnd):
        yield "end", "", step.reason or ""


def _flat(value: Any) -> str:
    """Return all texts in a JSON value, each on a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(map(_flat, value))
    return "" if value is None else str(value)


class Search:
    """One search, which goes on from portion to portion."""

    def __init__(
        self,
        needle: Needle,
        files: Iterable[tuple[Source, Path]],
        rows: Callable[[str], Iterable[Row]],
        where: Callable[[Hit], bool],
        *,
        masking: bool = True,
    ) -> None:
        """Search ``files``, each with the source that reads it, and ``rows(table)``, newest first."""
        self.needle = needle
        self.masking = masking
        self.bytes = 0
        self.files: list[tuple[int, int, Source, Path]] = []
        for source, path in files:
            try:
                status = os.stat(path)
            except OSError:
                continue
            self.files.append((status.st_mtime_ns, status.st_size, source, path))
        self.files.sort(key=lambda file: file[0], reverse=True)
        self.total = sum(size for _, size, _, _ in self.files)
        self._rows = rows
        self._where = where
        self._steps = self._run()
        self._lock = threading.Lock()
        self.over = False

    def portion(self, limit: int, seconds: float) -> list[Hit]:
        """Return the next hits: at most ``limit``, and what is found within ``seconds``."""
        until = time.monotonic() + seconds
        hits: list[Hit] = []
        with self._lock:
            while len(hits) < limit:
                try:
                    step = next(self._steps)
                except StopIteration:
                    self.over = True
                    break
                if step is not None and self._where(step):
                    hits.append(step)
                if time.monotonic() >= until:
                    break
        return hits

    def _run(self) -> Iterator[Hit | None]:
        """Yield the hits in rows and files, the newest first; ``None`` between two slices of work."""
        rows = self._row_hits()
        row = next(rows, None)
        for written, size, source, path in self.files:
            while row is not None and (row.at or 0) * 1_000_000 >= written:
                yield row
                row = next(rows, None)
            before = self.bytes
            with suppress(Unreadable, OSError):  # it went, or cannot be read now: `sources` says so
                yield from self._file(source, path)
            self.bytes = before + size
            yield None
        while row is not None:
            yield row
            row = next(rows, None)

    def _row_hits(self) -> Iterator[Hit]:
        searched = {source.name for _, _, source, _ in self.files if isinstance(getattr(source, "book", None), Book)}
        return heapq.merge(
            *(self._table(table, columns, searched) for table, columns in _TEXTS.items()),
            key=lambda hit: hit.at or 0,
            reverse=True,
        )

    def _table(self, table: str, columns: tuple[str, ...], searched: set[str]) -> Iterator[Hit]:
        for row in self._rows(table):
            if table in _IN_FILES and row["source"] in searched:
                continue
            text = "\n".join(str(row[column]) for column in columns if row[column])
            snippet = self.needle.snippet(text, masking=self.masking)
            if snippet is not None:
                at = next(
                    (row[name] for name in ("at", "updated_at", "created_at", "started_at") if row.get(name)), None
                )
                agent = row.get("agent_id") or row.get("sender") or row.get("owner") or row.get("assessor")
                session = row["id"] if table == "sessions" else row.get("session_id")
                yield Hit(at, agent, session, table, snippet, row["id"], None)

    def _file(self, source: Source, path: Path) -> Iterator[Hit | None]:
        relative = PurePosixPath(path.relative_to(source.root).as_posix())
        # a reader of its own: nothing that is read here may reach the tables
        own = type(source)(source.root, source.namespace)
        reader = own.reader(relative)
        book = getattr(own, "book", None)
        if reader is None or not isinstance(book, Book):
            return
        collector = _HitCollector(self.needle, self.masking, file=str(relative))
        book.on_step = collector
        if reader.mode == "lines":
            yield from self._lines(source, path, reader, collector)
        elif reader.mode == "document":
            data = read_document(path, source.root)
            if self.needle.last_in(data.lower(), len(data)) >= 0:
                collector.position = f"0@{relative}"
                _feed(reader, data)
                yield from reversed(collector.hits)
        else:
            collector.by_file = True
            for _ in database.read(path, source.root, reader.query):
                yield None
            yield from sorted(collector.hits, key=lambda hit: hit.at or 0, reverse=True)

    def _lines(self, source: Source, path: Path, reader: Reader, collector: _HitCollector) -> Iterator[Hit | None]:
        descriptor = open_regular(path, source.root)
        introduced = False
        try:
            for found in _lines_with(descriptor, self.needle):
                if isinstance(found, int):
                    self.bytes += found
                    yield None
                    continue
                offset, line = found
                if not introduced:
                    introduced, collector.ignore = True, True
                    for first in _head(descriptor):
                        _feed(reader, first)
                    collector.ignore = False
                collector.position, collector.hits = f"{offset}@{collector.file}", []
                _feed(reader, line)
                yield from reversed(collector.hits)
        finally:
            os.close(descriptor)


def _feed(reader: Reader, data: bytes) -> None:
    """Read a line or a document; one that cannot be read holds nothing that could be shown."""
    try:
        for _ in reader.read(data):
            pass
    except MISREAD:
        return


def _head(descriptor: int) -> list[bytes]:
    """Return the first lines of a file, from which its reader learns whose it is."""
    data = os.pread(descriptor, HEAD, 0)
    complete = data[: data.rfind(b"\n") + 1] or data
    return [line for line in complete.removeprefix(BOM).split(b"\n") if line.strip()]


def _lines_with(descriptor: int, needle: Needle) -> Iterator[tuple[int, bytes] | int]:
    """Yield the lines that may hold the text with their offsets, last first; and how many bytes were searched."""
    end = os.fstat(descriptor).st_size
    window = CHUNK
    while end > 0:
        start = max(0, end - window)
        data = os.pread(descriptor, end - start, start)
        if start:
            newline = data.find(b"\n", 0, len(data) - 1)
            if newline < 0:  # a line longer than the window
                window *= 4
                continue
            start += newline + 1
            data = data[newline + 1 :]
        window = CHUNK
        lowered = data.lower()
        place = needle.last_in(lowered, len(lowered))
        while place >= 0:
            first = data.rfind(b"\n", 0, place) + 1
            last = data.find(b"\n", place)
            line = data[first : len(data) if last < 0 else last].removesuffix(b"\r")
            yield start + first, line if start + first else line.removeprefix(BOM)
            place = needle.last_in(lowered, first)
        yield end - start
        end = start


class Searches:
    """The searches that clients can go on with."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Search] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, search: Search, limit: int, seconds: float) -> Portion:
        """Return the first portion of a search."""
        return self._portion(secrets.token_urlsafe(12), search, limit, seconds)

    def go_on(self, cursor: str, limit: int, seconds: float) -> Portion:
        """Return the next portion. Raises ``LookupError`` if the search is over or was given up for newer ones."""
        with self._lock:
            search = self._kept.pop(cursor, None)
        if search is None:
            raise LookupError("this search has ended; begin it again")
        return self._portion(cursor, search, limit, seconds)

    def end(self, cursor: str) -> None:
        """Forget a search that nobody goes on with."""
        with self._lock:
            self._kept.pop(cursor, None)

    def _portion(self, cursor: str, search: Search, limit: int, seconds: float) -> Portion:
        hits = search.portion(limit, seconds)
        if not search.over:
            with self._lock:
                self._kept[cursor] = search
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return Portion(hits, None if search.over else cursor, search.bytes, search.total)
