"""The files of a conversation: stretches of growing ones from their end, whole documents, some rows of a database."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from ...ingest import database
from ...ingest.tail import BOM, open_regular, read_document
from ...sources.base import Reader, Source, read_lines
from ...sources.ledger import Book
from ...sources.parsing import MISREAD, clean
from .entries import Entry, Listener, Place

_WINDOW: Final = 128 * 1024
_ALL: Final = 1_000_000_000
_HEAD: Final = 64 * 1024
"""Bytes at a file's beginning (at least its first line) that are read to learn whose it is."""
_LOOK_AHEAD: Final = 2 * 1024 * 1024
"""Bytes after an extract in which the results of its calls are looked for."""


class NoTranscript(LookupError):
    """There is no transcript to read; the message says why."""


class Stretch(Protocol):
    """The part of a conversation in one file, or in the documents of one directory."""

    file: str

    def up_to(self, at: str | None, limit: int) -> tuple[list[Entry], Place | None]:
        """Return about ``limit`` entries before ``at``, and the place of the first if there are earlier ones."""

    def since(self, at: str, limit: int | None) -> list[Entry]:
        """Return all entries from ``at`` on; with a limit, at least one more than that if there are so many."""

    def end(self) -> Place:
        """Return the place behind the last entry."""

    def began_at(self) -> int:
        """Return the time of its first entry (ms since the epoch)."""


def stretches(source: Source, paths: Iterable[Path], agent_id: str) -> list[Stretch]:
    """Return the parts of an agent's conversation, one per file, in the order in which they began."""
    files = [PurePosixPath(path.relative_to(source.root).as_posix()) for path in sorted(paths)]
    modes = {path: reader.mode for path in files if (reader := source.reader(path)) is not None}
    if not isinstance(getattr(source, "book", None), Book) or not modes:
        raise NoTranscript(f"no file holds a conversation of {agent_id!r}")
    found: list[Stretch] = [
        (_Database if mode == "database" else _Lines)(source, path, agent_id)
        for path, mode in modes.items()
        if mode != "document"
    ]
    documents = [path for path, mode in modes.items() if mode == "document"]
    if documents:
        found.append(_Documents(source, documents, agent_id))
    if len(found) > 1:
        began = {}
        for stretch in found:
            with suppress(FileNotFoundError):
                began[stretch] = stretch.began_at()
        found = sorted(began, key=lambda stretch: (began[stretch], stretch.file))
    if not found:
        raise FileNotFoundError
    return found


def messages_holding(
    source: Source, path: PurePosixPath, agent_id: str, anchors: tuple[bytes, ...]
) -> Iterator[list[Entry]]:
    """Yield the entries of a conversation's messages in a database that hold an anchor, the last first."""
    return _Database(source, path, agent_id).holding(anchors)


def up_to(conversation: list[Stretch], place: Place | None, limit: int) -> tuple[list[Entry], Place | None]:
    """Return the last entries before ``place``, over all files, and the place of the first if more are before."""
    last = _index(conversation, place)
    entries: list[Entry] = []
    for index in range(last, -1, -1):
        more, earlier = conversation[index].up_to(place.at if place and index == last else None, limit - len(entries))
        entries = more + entries
        if earlier is not None:
            return entries, earlier
        if len(entries) >= limit and index:
            return entries, conversation[index - 1].end()
    return entries, None


def since(conversation: list[Stretch], place: Place, limit: int | None = None) -> list[Entry]:
    """Return all entries from ``place`` on; with a limit, at least one more than that if there are so many."""
    start = _index(conversation, place)
    entries = conversation[start].since(place.at, limit)
    for stretch in conversation[start + 1 :]:
        if limit is not None and len(entries) > limit:
            break
        entries += stretch.up_to(None, _ALL)[0]
    return entries


def first(entries: list[Entry], limit: int) -> tuple[list[Entry], Place | None]:
    """Return the first so many, those at one place together; and the place of the next one if there is one."""
    end = min(limit, len(entries))
    while 0 < end < len(entries) and entries[end - 1].place == entries[end].place:
        end += 1
    return entries[:end], entries[end].place if end < len(entries) else None


def _index(conversation: list[Stretch], place: Place | None) -> int:
    if place is None:
        return len(conversation) - 1
    for index, stretch in enumerate(conversation):
        if stretch.file == place.file:
            return index
    raise ValueError("no such place in this transcript; leave it out to begin with the newest entries")


def _last(entries: list[Entry], limit: int) -> list[Entry]:
    """Return the last ``limit`` entries; those at one place stay together, since extracts begin at places."""
    first = max(0, len(entries) - limit)
    while 0 < first < len(entries) and entries[first - 1].place == entries[first].place:
        first -= 1
    return entries[first:]


class _Replay:
    """Reads files with a source of its own, apart from the tables, into a listener."""

    def __init__(self, source: Source, file: str, agent_id: str) -> None:
        self.source = type(source)(source.root, source.namespace)
        self.listener = Listener(agent_id, file=file)
        self.source.book.on_step = self.listener  # type: ignore[attr-defined]
        self.source.present = source.present  # type: ignore[attr-defined]

    def reader(self, path: PurePosixPath) -> Reader:
        """Return a reader of one file. Raises ``FileNotFoundError`` if the source does not read it."""
        reader = self.source.reader(path)
        if reader is None:
            raise FileNotFoundError(str(path))
        return reader


class _Lines:
    """A growing file: read backwards, in windows that widen until there is enough."""

    def __init__(self, source: Source, path: PurePosixPath, agent_id: str) -> None:
        self.source = source
        self.path = path
        self.file = clean(str(path))
        self.agent_id = agent_id

    def _open(self) -> int:
        return open_regular(self.source.root / self.path, self.source.root)

    def up_to(self, at: str | None, limit: int) -> tuple[list[Entry], Place | None]:
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            end = size if at is None else min(size, _offset(at))
            window = _WINDOW
            while True:
                start = max(0, end - window)
                listener = self._listen(descriptor, start, end, finish=at is not None)
                entries = _last(listener.entries, limit)
                earlier = len(entries) < len(listener.entries)
                if start == 0 or (earlier and len(entries) >= limit):
                    return entries, entries[0].place if earlier else None
                window = _wider(window, len(entries), limit)
        finally:
            os.close(descriptor)

    def since(self, at: str, limit: int | None) -> list[Entry]:
        descriptor = self._open()
        try:
            start, size = _offset(at), os.fstat(descriptor).st_size
            window = size if limit is None else _WINDOW
            while True:
                end = min(size, start + window)
                entries = self._listen(descriptor, start, end, finish=end < size).entries
                if end == size or len(entries) > (limit or 0) + 1:
                    return entries
                window = _wider(window, len(entries), limit or 0)
        finally:
            os.close(descriptor)

    def end(self) -> Place:
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            tail = os.pread(descriptor, _WINDOW, max(0, size - _WINDOW))
            partial = len(tail) - (tail.rfind(b"\n") + 1)  # a line that is being written comes with the next extract
            return Place(str(size - partial), self.file)
        finally:
            os.close(descriptor)

    def began_at(self) -> int:
        descriptor = self._open()
        try:
            listener = self._listen(descriptor, 0, end_of_head(descriptor))
            return min((entry.fields["at"] for entry in listener.entries), default=0)
        finally:
            os.close(descriptor)

    def _listen(self, descriptor: int, start: int, end: int, finish: bool = False) -> Listener:
        replay = _Replay(self.source, self.file, self.agent_id)
        reader, listener = replay.reader(self.path), replay.listener
        head = min(start, end_of_head(descriptor))
        listener.ignore = True
        for _, line in _lines(descriptor, 0, head):
            read_lines(reader, [line])
        listener.ignore = False
        for offset, line in _lines(descriptor, start, end):
            listener.at = str(offset)
            read_lines(reader, [line])
        if finish and listener.waits:
            listener.finishing = True
            for _, line in _lines(descriptor, end, end + _LOOK_AHEAD):
                read_lines(reader, [line])
                if not listener.waits:
                    break
        return listener


def _wider(window: int, found: int, wanted: int) -> int:
    """Return the bytes that hold ``wanted`` entries if they are about as long as those that a window was found to hold.

    Twice as many, so that calls whose results are among them are read too, and the third look is rare.
    """
    enough = window * (wanted + 5) // found if found else 2 * window
    return min(max(2 * window, 2 * enough), 16 * window)


def _offset(at: str) -> int:
    if not at.isdecimal() or len(at) > 15:
        raise ValueError("no such place in this transcript; leave it out to begin with the newest entries")
    return int(at)


def end_of_head(descriptor: int) -> int:
    """Return where the first lines end, from which a reader learns whose file it is."""
    end = _HEAD
    while True:
        data = os.pread(descriptor, end, 0)
        newline = data.rfind(b"\n")
        if newline >= 0 or len(data) < end:
            return newline + 1
        end *= 4


def _lines(descriptor: int, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that begin in ``[start, end)``, each with its offset; one that began before is left out."""
    offset = start
    if start > 0 and os.pread(descriptor, 1, start - 1) != b"\n":
        data, at = b"", start
        while (newline := data.find(b"\n")) < 0:
            if not (data := os.pread(descriptor, _WINDOW, at)):
                return
            offset, at = at, at + len(data)
        offset += newline + 1
    carry = b""
    at = offset
    while at < end or carry:
        data = os.pread(descriptor, _WINDOW, at)
        at += len(data)
        *complete, rest = (carry + data).split(b"\n")
        if not data:
            complete, rest = [rest], b""
        for line in complete:
            if offset >= end:
                return
            if line.strip():
                yield offset, line.removesuffix(b"\r") if offset else line.removesuffix(b"\r").removeprefix(BOM)
            offset += len(line) + 1
        carry = rest
        if not data or offset >= end:
            return


def _by_place(entries: list[Entry]) -> list[list[Entry]]:
    return [list(group) for _, group in groupby(entries, key=lambda entry: entry.place)]


class _Documents:
    """Files that are rewritten: small, so all of them are read."""

    def __init__(self, source: Source, paths: list[PurePosixPath], agent_id: str) -> None:
        self.source = source
        self.paths = paths
        self.file = clean(str(paths[0]))
        self.agent_id = agent_id

    def up_to(self, at: str | None, limit: int) -> tuple[list[Entry], Place | None]:
        entries = self._listen()
        known = entries if at is None else entries[: _offset(at)]
        kept = _last(known, limit)
        return kept, kept[0].place if len(kept) < len(known) else None

    def since(self, at: str, limit: int | None) -> list[Entry]:
        return self._listen()[_offset(at) :]

    def end(self) -> Place:
        return Place(str(len(self._listen())), self.file)

    def began_at(self) -> int:
        return min((entry.fields["at"] for entry in self._listen()), default=0)

    def _listen(self) -> list[Entry]:
        replay = _Replay(self.source, self.file, self.agent_id)
        paths = [found for path in self.paths for found in replay.source.documents_of(path, self.agent_id)]
        readers = {path: replay.source.reader(path) for path in dict.fromkeys(paths)}
        data = {path: read_document(self.source.root / path, self.source.root) for path in readers}
        for path, reader in readers.items():
            with suppress(*MISREAD):
                for _ in reader.read(data[path]) if reader is not None else ():
                    pass
        entries = replay.listener.entries
        for number, entry in enumerate(entries):
            entry.place = Place(str(number), self.file)
        return entries


class _Database:
    """A database: only the rows of the extract are asked for."""

    def __init__(self, source: Source, path: PurePosixPath, agent_id: str) -> None:
        self.source = source
        self.path = path
        self.file = clean(str(path))
        self.agent_id = agent_id

    def up_to(self, at: str | None, limit: int) -> tuple[list[Entry], Place | None]:
        entries = self._listen(before=at, limit=limit + 1)
        kept = _last(entries, limit)
        return kept, kept[0].place if len(kept) < len(entries) else None

    def since(self, at: str, limit: int | None) -> list[Entry]:
        return self._listen(since=at, limit=_ALL)

    def end(self) -> Place:
        entries = self._listen(limit=1)
        return entries[-1].place if entries else Place("0", self.file)

    def began_at(self) -> int:
        entries = self._listen(limit=1)
        return entries[0].fields["at"] if entries else 0

    def holding(self, anchors: tuple[bytes, ...]) -> Iterator[list[Entry]]:
        """Yield the entries of the messages that hold an anchor, message by message, the last first."""
        replay = self._replay()
        listener, query = replay.listener, replay.source.holding(self.path, self.agent_id, anchors)
        for _ in database.read(self.source.root / self.path, self.source.root, query):
            *whole, last = _by_place(listener.entries) or [[]]
            yield from whole
            listener.entries = last  # more of the same message may follow
        yield from _by_place(listener.entries)

    def _replay(self) -> _Replay:
        replay = _Replay(self.source, self.file, self.agent_id)
        replay.listener.by_file = True
        return replay

    def _listen(self, *, before: str | None = None, since: str | None = None, limit: int) -> list[Entry]:
        replay = self._replay()
        query = replay.source.excerpt(self.path, self.agent_id, before, since, limit)
        for _ in database.read(self.source.root / self.path, self.source.root, query):
            pass
        return replay.listener.entries
