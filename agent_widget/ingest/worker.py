"""A process that reads files for a server: ``python -m agent_widget.ingest.worker``, started by :mod:`.crew`.

It is given batches of files (:class:`Batch`) on its standard input and answers each with what it has found
(:class:`Found`): claims about rows, masked; points of the courses of agents; claims of what was billed; what the
readers of these files share; and each file's state and reader, as an archive keeps them. It starts with an empty source
for each batch, which knows no more than the documents of the home that are about all of it. Joining this with all else
is for the server. It ends with its standard input.
"""

from __future__ import annotations

import gc
import os
import pickle
import struct
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

import msgspec

from ..sources import SOURCES
from ..sources.base import Evidence, Item, Source, Speaker
from ..sources.ledger import Claims
from ..sources.steps import Usage
from ..sources.texts import title_of
from ..store import joined
from ..tables import Gone, Record
from .checkpoint import Shared
from .file import File, State
from .status import Point, point_of
from .unmasked import mask_fact, mask_record

Path_ = bytes
"""A path as :func:`os.fsencode` has it."""


class Batch(msgspec.Struct, array_like=True):
    """Files that are to be read together, of one source."""

    number: int
    """Of the source, among those of the server."""
    kind: str
    root: Path_
    namespace: str
    only: list[str]
    masking: bool
    context: list[Path_]
    files: list[Path_]


class Reading(msgspec.Struct, array_like=True):
    """One file that was read."""

    path: Path_
    state: State
    reader: bytes


class Found(msgspec.Struct, array_like=True):
    """What files of one batch say, or a part of it."""

    claims: list[tuple[str, str, dict[str, Any] | None]] = []
    """Table, id and fields; ``None`` for a row that is gone."""
    points: list[tuple[str, Point]] = []
    bills: list[tuple[Usage, str, str]] = []
    kept: dict[str, list[tuple[str, bytes]]] = {}
    unmasked: dict[str, str] = {}
    files: list[Reading] = []
    rest: bytes | None = None
    """What they leave behind beside that; of the last part."""


PART: Final = 1000
"""Records after which a part of a batch is sent."""
MORE: Final = b"+"
LAST: Final = b"."
"""Kinds of messages: another one follows, or none."""

encode: Final = msgspec.msgpack.Encoder().encode
_HEAD: Final = struct.Struct("<cQ")


def send(stream: BinaryIO, kind: bytes, data: bytes) -> None:
    """Write one message; ``kind`` says whether it is the :data:`LAST` of an answer or :data:`MORE` follow."""
    stream.write(_HEAD.pack(kind, len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Return kind and data of the next message, ``None`` at the end of the stream."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack(head)
    data = stream.read(size)
    return (kind, data) if len(data) == size else None


class _Held:
    """A shelf in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    def find(self, key: str) -> bytes | None:
        """Return the value of a key."""
        return self.entries.get(key)


class Worker:
    """Reads batches."""

    def __init__(self) -> None:
        self._pristine: tuple[Batch, bytes] | None = None
        """The batch whose context was read last, and the source that knows it, pickled."""

    def read(self, batch: Batch) -> Iterator[Found]:
        """Yield what the files of a batch say, in parts that are taken in in some milliseconds."""
        source = self._source(batch)
        shared = Shared([(str(batch.number), source)])
        shelves = {scope: _Held() for scope in shared.kept}
        for scope, kept in shared.kept.items():
            kept.keep_in(shelves[scope])
        ledger: Claims = source.book.ledger  # type: ignore[attr-defined]
        operations: list[Record | Gone] = []
        found = Found()

        def complete() -> Found:
            for operation in joined(operations):
                found.claims.append(_claim(operation, found.unmasked, batch.masking))
            operations.clear()
            found.bills = list(ledger.claims)
            ledger.claims.clear()
            for scope, kept in shared.kept.items():
                changes = [(key, value) for key, value in kept.changes() if value is not None]
                if changes:
                    found.kept[scope.partition(".")[2]] = changes
                    shelves[scope].entries.update(changes)
                    kept.written()
            return found

        for name in batch.files:
            file = File.of(source, Path(os.fsdecode(name)))
            if file is None:
                continue
            for items in file.read():
                self._observe(items, operations, file, found, batch.masking)
                if len(operations) >= PART:
                    yield complete()
                    found = Found()
            reader = shared.dumps((file.reader, file.tail))
            found.files.append(Reading(name, file.state(batch.number), reader))
        complete()
        found.rest = pickle.dumps(source.rest(), protocol=5)
        yield found

    def _source(self, batch: Batch) -> Source:
        """Return a source that knows what is about all of its home, and nothing of any group."""
        known = self._pristine
        if known is None or msgspec.structs.replace(known[0], files=batch.files) != batch:
            kind = SOURCES.named(batch.kind)
            source = kind(Path(os.fsdecode(batch.root)), batch.namespace)
            source.only = tuple(PurePosixPath(path) for path in batch.only)
            source.book.ledger = Claims()  # type: ignore[attr-defined]
            for name in batch.context:
                file = File.of(source, Path(os.fsdecode(name)))
                for _ in file.read() if file is not None else ():
                    pass  # its rows are for the server
            source._odd.clear()
            known = self._pristine = batch, pickle.dumps(source, protocol=5)
        restored: Source = pickle.loads(known[1])
        return restored

    @staticmethod
    def _observe(items: list[Item], operations: list[Record | Gone], file: File, found: Found, masking: bool) -> None:
        for item in items:
            if isinstance(item, (Record, Gone)):
                operations.append(item)
                continue
            safe = mask_fact(item, found.unmasked) if masking else item
            if isinstance(safe, Evidence):
                found.points.append((safe.agent_id, point_of(safe)))
            elif isinstance(safe, Speaker) and safe.agent_id not in file.speakers:
                file.speakers += (safe.agent_id,)


def _claim(operation: Record | Gone, unmasked: dict[str, str], masking: bool) -> tuple[str, str, dict[str, Any] | None]:
    """Return a claim without secrets, but for the directory: the server makes the project of it."""
    directory = None
    if isinstance(operation, Record):
        directory = operation.fields.pop("directory", None)
        if isinstance(title := operation.fields.get("title"), str):
            operation.fields["title"] = title_of(title)
    safe = mask_record(operation, unmasked) if masking else operation
    if isinstance(safe, Gone):
        return safe.table, safe.id, None
    if directory is not None:
        safe.fields["directory"] = directory
    return safe.table, safe.id, safe.fields


def _batches(stream: BinaryIO) -> Iterator[Batch]:
    decode = msgspec.msgpack.Decoder(Batch).decode
    while (message := receive(stream)) is not None:
        yield decode(message[1])


def main() -> None:
    """Read what the server asks for until it has no more."""
    os.nice(5)  # what happens now comes first
    answers = sys.stdout.buffer
    worker = Worker()
    gc.freeze()
    gc.set_threshold(50_000)
    try:
        for batch in _batches(sys.stdin.buffer):
            for found in worker.read(batch):
                send(answers, LAST if found.rest is not None else MORE, encode(found))
    except BrokenPipeError:  # the server has ended
        os._exit(1)  # without a try to flush what nobody reads


if __name__ == "__main__":
    main()
