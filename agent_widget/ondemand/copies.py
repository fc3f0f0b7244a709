"""Copies of transcripts, kept for when the agent has deleted the file (``serve --keep-transcripts``).

A file is copied when it has been quiet for an hour, and again when it was quiet for an hour after another change. The
copies are compressed with gzip and not with zstd: Python before 3.14 reads zstd only with another package, and a copy
that is to be read in some years must not need one. They are as secret as the originals, so only the owner may read
them; what :mod:`.transcript` reads of them is masked like the originals.
"""

from __future__ import annotations

import copy
import gzip
import hashlib
import logging
import os
import shutil
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from ..ingest.tail import Unreadable, open_regular
from ..sources.base import Source

log = logging.getLogger("agent_widget")

QUIET_NS: Final = 3600 * 10**9
"""Nanoseconds for which a file must not have changed before it is copied."""
MAX_FILE: Final = 256 * 2**20
"""Bytes of the largest file that is copied."""
MAX_TOTAL: Final = 4 * 2**30
"""Bytes of all copies; past that the copies of the oldest files go."""
PAUSE: Final = 0.02
"""Seconds between two copies: reading what is live comes first."""

_Conversations = Mapping[str, Mapping[Path, Source]]


class _Entry(msgspec.Struct):
    """One copy. ``source``: name of the source; ``root``, ``path``: where the file was; ``written``: when (ns)."""

    source: str
    root: str
    path: str
    written: int
    agents: list[str]


class KeptTranscripts:
    """The copies in one directory, which is made at the first copy."""

    def __init__(
        self, directory: Path, retention_ms: int | None = None, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """``retention_ms``: copies of files that were not written for so long are deleted. ``clock``: now, in ns."""
        self.directory = directory
        self._retention_ns = None if retention_ms is None else retention_ms * 1_000_000
        self._clock = clock
        self._lock = threading.Lock()
        self._index: dict[str, _Entry] = {}
        with suppress(OSError, msgspec.DecodeError):
            self._index = msgspec.json.decode((directory / "index.json").read_bytes(), type=dict[str, _Entry])

    @property
    def size(self) -> int:
        """Bytes of all copies."""
        return sum(_size(self.directory / name) for name in self._index)

    def keep(self, conversations: _Conversations, stop: Callable[[], bool] = lambda: False) -> int:
        """Copy the files of ``conversations`` that are due, delete copies past the bounds; returns how many were made.

        A file that cannot be copied now is tried again at the next call.
        """
        agents: dict[Path, tuple[Source, list[str]]] = {}
        for agent_id, files in list(conversations.items()):
            for path, source in list(files.items()):
                agents.setdefault(path, (source, []))[1].append(agent_id)
        made = 0
        for path, (source, ids) in agents.items():
            if stop():
                break
            try:
                if self._keep(path, source, ids):
                    made += 1
                    time.sleep(PAUSE)
            except (OSError, Unreadable) as error:
                log.warning("%s: no copy of this transcript: %s", path, error)
        if self._prune() or made:
            self._write_index()
        return made

    def _keep(self, path: Path, source: Source, agents: list[str]) -> bool:
        reader = source.reader(PurePosixPath(path.relative_to(source.root).as_posix()))
        if reader is None or reader.mode == "database":  # a database is its agent's own history: rows stay there
            return False
        try:
            stamp = path.stat()
        except FileNotFoundError:
            return False
        name = _name(path)
        held = self._index.get(name)
        if held is not None and held.written == stamp.st_mtime_ns:
            return False
        if self._clock() - stamp.st_mtime_ns < QUIET_NS or stamp.st_size > MAX_FILE:
            return False
        if self._retention_ns is not None and self._clock() - stamp.st_mtime_ns > self._retention_ns:
            return False
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.directory / f"{name}.{os.getpid()}.draft"
        try:
            descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with (
                os.fdopen(descriptor, "wb") as raw,
                gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
                os.fdopen(open_regular(path, source.root), "rb") as file,
            ):
                shutil.copyfileobj(file, packed, 1 << 20)
            draft.replace(self.directory / name)
        finally:
            draft.unlink(missing_ok=True)
        with self._lock:
            self._index[name] = _Entry(source.name, str(source.root), str(path), stamp.st_mtime_ns, sorted(agents))
        return True

    def _prune(self) -> bool:
        """Delete copies of files that are too old, and the oldest past :data:`MAX_TOTAL`; returns whether any was."""
        entries = sorted(self._index.items(), key=lambda item: item[1].written)
        total = sum(_size(self.directory / name) for name, _ in entries)
        pruned = False
        for name, entry in entries:
            is_old = self._retention_ns is not None and self._clock() - entry.written > self._retention_ns
            if is_old or total > MAX_TOTAL:
                total -= _size(self.directory / name)
                (self.directory / name).unlink(missing_ok=True)
                with self._lock:
                    del self._index[name]
                pruned = True
        return pruned

    def _write_index(self) -> None:
        with self._lock:
            data = msgspec.json.encode(self._index)
        draft = self.directory / "index.json.draft"
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
        draft.replace(self.directory / "index.json")

    def files(self, agent_id: str, sources: list[Source]) -> dict[Path, Source]:
        """Return the files that an agent's conversation was in, as far as there are copies, and their sources."""
        return {path: source for path, source, agents, _ in self.all(sources) if agent_id in agents}

    def all(self, sources: Sequence[Source]) -> list[tuple[Path, Source, tuple[str, ...], int]]:
        """Return for each copy where the file was, its source, whose conversations it held, when it was written."""
        by_root = {(source.name, str(source.root)): source for source in sources}
        with self._lock:
            entries = list(self._index.values())
        return [
            (Path(entry.path), source, tuple(entry.agents), entry.written)
            for entry in entries
            if (source := by_root.get((entry.source, entry.root))) is not None
        ]

    def parts(self, path: Path) -> Iterator[bytes]:
        """Yield the bytes of the copy of a file. Raises ``OSError`` and :class:`Unreadable`."""
        try:
            with gzip.open(self.directory / _name(path)) as packed:
                while data := packed.read(1 << 18):
                    yield data
        except (EOFError, zlib.error) as error:
            raise Unreadable(f"the copy of this transcript is damaged ({error})") from None

    def has(self, path: Path) -> bool:
        """Return whether there is a copy of a file."""
        return _name(path) in self._index

    @contextmanager
    def restored(self, source: Source, paths: list[Path]) -> Iterator[tuple[Source, list[Path]]]:
        """Yield a source of another root that holds these files: what is there, and copies of what is gone."""
        with tempfile.TemporaryDirectory(prefix="reading-", dir=self.directory) as directory:  # 0700
            root, found = Path(directory).resolve(), []
            for path in paths:
                target = root / path.relative_to(source.root)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    if path.exists():
                        shutil.copyfile(path, target)
                    else:
                        with target.open("wb") as file:
                            file.writelines(self.parts(path))
                except (OSError, Unreadable) as error:
                    log.warning("%s: the copy of this transcript cannot be read: %s", path, error)
                    target.write_bytes(b"")  # a part of it would pass for all of it
                    continue
                found.append(target)
            elsewhere = copy.copy(source)
            elsewhere.root = root
            yield elsewhere, found


def kept_size(directory: Path) -> tuple[int, int]:
    """Return how many copies are in a directory, and their bytes."""
    sizes = [_size(path) for path in directory.glob("*.gz")]
    return len(sizes), sum(sizes)


def directory_beside(archive: Path) -> Path:
    """Return where the copies are that belong to an archive."""
    return Path(f"{archive}.transcripts")


def _name(path: Path) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=16).hexdigest() + ".gz"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
