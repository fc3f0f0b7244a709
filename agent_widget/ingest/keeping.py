"""What a collector keeps in an archive, when, and what it takes back from it after a restart.

With every round of reading the rows are written (:meth:`Keeper.save`); at times all that readers must remember, too
(:meth:`Keeper.checkpoint`): of the files that were read since the last time, of the facts that changed, and the rest.
After that the readers of files that are not about to change are dropped from memory, and so are facts beyond a bound:
what a server holds follows what happens, not what ever happened.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from ..sources.base import Source
from ..sources.kept import Kept
from ..store import Change, Store
from ..tables import LIMITS, TABLES
from .archive import Archive
from .checkpoint import Checkpoint, Shared, dumps_rest
from .facts import LASTING
from .file import File, State
from .status import Statuses
from .usage import UsageRows

log = logging.getLogger("agent_widget")

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(State).decode


HELD: Final = {name: limit // 4 for name, limit in LIMITS.items()}
"""Rows of a table that stay in memory, the newest; a client is given the others from the archive."""


_AT_ONCE: Final = 1000


class Keeper:
    """Keeps what one collector reads in an archive that is open."""

    def __init__(self, archive: Archive, store: Store, *, newest: bool = False) -> None:
        """Let the archive keep the rows of an empty store, which has those of before then.

        ``newest``: those of the long tables are in memory at once, else none of them before it changes: what is read
        of them at a start is read again for the first client, and nobody else may ask.
        """
        self.archive = archive
        self._unwritable: str | None = None
        """Why rows cannot be written now."""
        self.unfit: dict[File, str] = {}
        """Files whose readers cannot be kept, and why: they are read again at the next start."""
        self._lost: str | None = None
        """What else the last checkpoint lacks, or why there was none."""
        self._store = store
        self._touched: dict[File, bytes | None] = {}
        """Files to be written at the next checkpoint, and the reader of one that is asleep and not yet on disk."""
        self._forgotten: dict[bytes, None] = {}
        self._unsaved = False
        self._shared = Shared(())
        self._rest = b""
        store.back(archive, archive.saved(HELD if newest else dict.fromkeys(HELD, 0)), HELD)

    @property
    def problem(self) -> str | None:
        """Why not all is kept, or was; ``None`` if all is well."""
        if said := self._unwritable or self.archive.problem or self._lost:
            return said
        unfit = list(self.unfit.items())
        return f"of {len(unfit)} files, one is {unfit[0][0].path}: {unfit[0][1]}" if unfit else None

    def recall(self, sources: list[Source]) -> tuple[Checkpoint, list[File]] | None:
        """Return what was remembered of some of these sources, and the files, asleep; ``None`` if nothing fits."""
        remembered = self.archive.recall()
        if remembered is not None:
            try:
                checkpoint = Shared(()).loads(remembered.memory)
                if isinstance(checkpoint, Checkpoint) and checkpoint.fits(sources):
                    return checkpoint, list(_files(checkpoint.sources, remembered.files))
            except Exception as fault:  # whatever a pickle of other code raises: reading again is always right
                path = self.archive.path
                log.warning("%s: the readers' memory cannot be loaded (%s): all files are read again", path, fault)
        self.archive.forget()
        return None

    def missing(self) -> Iterator[tuple[str, State]]:
        """Yield the files that another version has read and that are not there any more: name and state."""
        for path, data in self.archive.formerly():
            name = os.fsdecode(path)
            if not os.path.exists(name):
                try:
                    yield name, _decode(data)
                except msgspec.MsgspecError as error:  # that version knew other things of a file
                    log.debug("%s: its state cannot be taken (%s)", name, error)

    def rows(self) -> Iterator[list[Change]]:
        """Yield all rows that are kept, as if they were new, some at a time."""
        for table in TABLES:
            changes = (Change(table, row["id"], None, row) for row in self.archive.rows(table))
            while some := list(islice(changes, _AT_ONCE)):
                yield some

    def share(self, sources: Sequence[Source], statuses: Statuses, usage: UsageRows) -> None:
        """Keep what the readers of these sources share, the courses of agents and the rows of usage, from now on."""
        self._shared = _shared(sources, statuses, usage)
        for scope, kept in self._shared.kept.items():
            kept.keep_in(self.archive.facts.shelf(_place(scope, kept, sources)))

    def touch(self, file: File) -> None:
        """Note that what is known of a file has changed, or that it may go to sleep."""
        self._unsaved = True
        if file not in self._touched:
            self._touched[file] = None
            self._forgotten.pop(os.fsencode(file.name), None)

    def take_reader(self, file: File, data: bytes) -> None:
        """Take in the reader of a file that another process has read, as it has pickled it."""
        self.touch(file)
        self._touched[file] = data

    def forget(self, file: File) -> None:
        """Note that a file is not known any more."""
        self._touched.pop(file, None)
        self.unfit.pop(file, None)
        self._forgotten[os.fsencode(file.name)] = None
        self._unsaved = True

    def wake(self, file: File) -> None:
        """Load the reader of a file that is asleep."""
        if file.reader is not None:
            return
        reader = tail = None
        data = self._touched.get(file) or self.archive.reader(os.fsencode(file.name))
        if data is not None:
            try:
                reader, tail = self._shared.loads(data)
            except Exception as fault:  # reading again is always right
                log.warning("%s: is read again: its reader cannot be loaded (%s)", file.path, fault)
        file.wake(reader, tail)

    def kept(self, source: int) -> dict[str, Kept[Any]]:
        """Return what the readers of a source share and is kept: name (``book.calls``) → it."""
        prefix = f"{source}."
        return {
            scope.removeprefix(prefix): kept for scope, kept in self._shared.kept.items() if scope.startswith(prefix)
        }

    @property
    def unkept(self) -> int:
        """How many entries and files the next checkpoint would write."""
        return len(self._touched) + sum(kept.unwritten for kept in self._shared.kept.values())

    def save(self) -> None:
        """Write the rows that changed."""
        if self._store.unwritten:
            self._unsaved = True
        try:
            self._store.write()
        except sqlite3.Error as error:  # it is tried again with the next round; until then the rows are in memory
            if self._unwritable is None:
                log.warning("%s: cannot be written: %s", self.archive.path, error)
            self._unwritable = f"the archive cannot be written ({error}); what is read now is kept in memory only"
        else:
            self._unwritable = None

    def close(self) -> None:
        """Close the archive; what came after a last checkpoint that could not be written is read again."""
        self.archive.close(whole=not self._unsaved)

    def checkpoint(self, rest: Checkpoint, stay: Iterable[File] = ()) -> None:
        """Write what must be remembered to go on from here, if anything was read since the last time.

        ``stay``: files whose readers stay in memory.
        """
        self.save()
        if not self._unsaved or self._store.unwritten > 0:  # memory without its rows would lose them
            return
        if any(file.portions is not None and file.mode == "document" for file in self._touched):
            return  # what its source remembers is of all of it, the rows are of a part
        self._shared = _shared(rest.sources, rest.statuses, rest.usage)  # some are made anew
        numbers = {source: number for number, source in enumerate(rest.sources)}
        # a database in the middle of a reading is read again from what its reader remembered before
        touched = [file for file in self._touched if file.portions is None or file.mode == "lines"]
        kept = self._shared.kept
        files: list[tuple[bytes, bytes, bytes | None]] = []
        forgotten = dict(self._forgotten)
        for file in touched:
            path = os.fsencode(file.name)
            try:
                files.append((path, *self._encoded(file, numbers[file.source])))
            except Exception as fault:  # it costs what is known of this file: it is read again, which is slow and right
                forgotten[path] = None
                self._note_unfit(file, fault)
            else:
                self.unfit.pop(file, None)
        unfit: dict[str, Exception] = {}
        try:
            facts = {
                _place(scope, entries, rest.sources): changes
                for scope, entries in kept.items()
                if (changes := entries.changes(unfit))
            }
            self.archive.remember(dumps_rest(rest), files, forgotten, facts)
        except Exception as fault:  # without it all is read again after a restart, likewise
            self._lose(f"no checkpoint ({type(fault).__name__}: {fault}): all files are read again at the next start")
            return
        if unfit:
            key, error = next(iter(unfit.items()))
            self._lose(f"{len(unfit)} entries cannot be kept (one is {key[:80]!r}: {error})")
        elif self._lost is not None and self._lost.startswith("no checkpoint"):
            self._lost = None
        self._unsaved = False
        self._forgotten.clear()
        for entries in kept.values():
            entries.written()
        awake = set(stay)
        for file in touched:
            del self._touched[file]
            if file.portions is None and file.rank is None and file not in awake and file not in self.unfit:
                file.sleep()
            elif file.portions is not None:
                self._touched[file] = None

    def _encoded(self, file: File, source: int) -> tuple[bytes, bytes | None]:
        """Return the state and the reader of a file, the latter ``None`` if the archive has it."""
        reader = self._touched[file] if file.reader is None else self._shared.dumps((file.reader, file.tail))
        return _encode(file.state(source)), reader

    def _note_unfit(self, file: File, fault: Exception) -> None:
        reason = (
            f"is read again at the next start: what is known of it cannot be kept ({type(fault).__name__}: {fault})"
        )
        if file not in self.unfit:
            log.warning("%s: %s", file.path, reason)
        self.unfit[file] = reason

    def _lose(self, problem: str) -> None:
        if problem != self._lost:
            log.warning("%s: %s", self.archive.path, problem)
        self._lost = problem


def _shared(sources: Iterable[Source], statuses: Statuses, usage: UsageRows) -> Shared:
    roots = ((str(number), source) for number, source in enumerate(sources))
    return Shared([*roots, ("statuses", statuses), ("usage", usage)])


def _place(scope: str, kept: Kept[Any], sources: Sequence[Source]) -> str:
    """Return the scope of the archive in which entries are; of what is lasting another version must find it, too."""
    if not kept.lasting:
        return scope
    number, _, name = scope.partition(".")
    source = sources[int(number)]
    root = hashlib.blake2b(os.fsencode(source.root), digest_size=8).hexdigest()
    return f"{LASTING}{source.name} {root} {name}"


def _files(sources: list[Source], known: Iterable[tuple[bytes, bytes]]) -> Iterator[File]:
    for path, data in known:
        state = _decode(data)
        yield File.restored(sources[state.source], os.fsdecode(path), state)
