"""What every source has in common: where its files are, the readers of them, and what these return.

A source is one on-disk format. It does no I/O: the collector reads files and feeds the bytes. A source
knows where its files live by default, which directory is its own, and how bytes become records. Conversations with
coding agents have a base of their own, :mod:`.chat`; parsers are in :mod:`.parsing`. How to add an agent is in
``docs/write-a-source.md``.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar

import msgspec

from ..tables import Gone as Gone
from ..tables import Record as Record
from .changes import Change, Plan
from .kept import Lists
from .parsing import MISREAD, clean, objects_in
from .patterns import fits, leads_to, moved


class Log:
    """One conversation in one file, whose evidence counts in the order in which it comes."""

    __slots__ = ("at", "status")

    def __init__(self) -> None:
        self.at = 0
        """Time (ms) and status of its last evidence."""
        self.status = ""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Something an agent did, or stated of itself, at a time.

    ``fact`` is one of :data:`agent_widget.ingest.status.MEANING`, which says what status follows: ``called``, ``turn
    ended``, … or, where a format states a status itself, ``says`` and one of
    :data:`agent_widget.tables.AGENT_STATUSES`. ``detail``: which tool, what question, in plain words, never a time that
    passes. ``sign``: what the agent gives a sign of life by, ``new line``, ``message``, ``sign of life`` or
    ``heartbeat``; how long silence may last depends on it. ``routine``: it only says that the agent goes on; its reason
    counts while nothing said more ("claimed task …") since the status began. ``log``: evidence of one log counts in
    the order in which it comes, whatever the times are; ``None`` for what has no order. ``team``: whose heartbeats come
    as often as the agent's; a ``routine`` sign of an agent that gives heartbeats is one of them.
    """

    agent_id: str
    at: int
    fact: str
    detail: str | None = None
    sign: str = "new line"
    routine: bool = False
    log: Log | None = None
    team: str | None = None


class Speaker(msgspec.Struct, frozen=True, gc=False):
    """The file that is being read holds this agent's conversation: its transcript is there."""

    agent_id: str


class Process(msgspec.Struct, frozen=True, gc=False):
    """The process that an agent runs in, as it stated at a time: when that has ended, the agent does nothing more.

    ``start``: when the process was started, in the words of its system (:func:`agent_widget.ingest.processes.started`).
    ``domain``: the machine and the space of process numbers that ``pid`` is from, if it is known.
    """

    agent_id: str
    at: int
    pid: int
    start: str
    domain: str | None = None


class Known(msgspec.Struct, frozen=True):
    """A cell that is known better than another process, which has read other files, can know it."""

    table: str
    id: str
    column: str


Item = Record | Gone | Evidence | Speaker | Process

T = TypeVar("T")


class Ask(Protocol):
    """A function that asks a database: SQL with named parameters (``:since``); rows are tuples, yielded as read."""

    def __call__(self, sql: str, **parameters: Any) -> Iterable[tuple[Any, ...]]:
        """Yield the rows of one question."""


Query = Callable[[Ask], Iterable[Item | None]]


class Reader:
    """How one file becomes records.

    ``mode`` ``"lines"``: ``read`` is called once for each complete line (without its newline), in file order. A file
    that was truncated or replaced is read again from its start with a new reader, so ids must come from the content.
    ``"document"``: ``read`` is called with the whole file each time it changed; one reader lives as long as the
    path. Of what it listed last time and does not list any more ``Source.lists`` makes :class:`Gone`.
    ``"database"``: ``query`` is called with :data:`Ask` each time the SQLite file changed; it remembers how far it has
    read (cursors), asks for the rows that are new, and must not mind being given a row twice.

    ``read`` raises :class:`Malformed` (or any ``ValueError``, ``KeyError``, ``TypeError``, ``AttributeError``) for
    what it cannot use.
    """

    mode: Literal["lines", "document", "database"] = "lines"
    grows: ClassVar[bool] = False
    """Whether the first parts of a document count even if a later one cannot be read."""

    @property
    def problem(self) -> str | None:
        """Why nothing is shown of what was read, though no line is malformed; ``None`` if all is well."""
        return None

    def parts(self, data: bytes) -> Iterable[Iterable[Item]]:
        """Return what follows from a document in parts of some milliseconds: between them other files have a turn."""
        return (self.read(data),)

    def read(self, data: bytes) -> Iterable[Item]:
        """Return what follows from one line, or from the document as it is now."""
        return ()

    def finish(self) -> Iterable[Item]:
        """Return what follows from all lines since the last call together: rows to which nearly every line adds.

        It is called after each portion of lines.
        """
        return ()

    def query(self, ask: Ask) -> Iterable[Item | None]:
        """Return what is new in the database; at a ``None`` others may have their turn."""
        return ()


class Lines(Reader):
    """A function reads each line."""

    def __init__(self, read: Callable[[bytes], Iterable[Item]]) -> None:
        self._read = read

    def read(self, data: bytes) -> Iterable[Item]:
        """Return what the function returns."""
        return self._read(data)


class Document(Reader):
    """A function reads the whole file."""

    mode = "document"

    def __init__(self, read: Callable[[bytes], Iterable[Item]]) -> None:
        self._read = read

    def read(self, data: bytes) -> Iterable[Item]:
        """Return what the function returns."""
        return self._read(data)


class Database(Reader):
    """A function asks the database."""

    mode = "database"

    def __init__(self, query: Query) -> None:
        self._query = query

    def query(self, ask: Ask) -> Iterable[Item | None]:
        """Return what the function returns."""
        return self._query(ask)


MAX_UNKNOWN: Final = 200
"""Maximum kinds that are named: a file may call each of its lines something else."""


class Source:
    """One directory in one format.

    Where its files are is declared; a format whose files cannot be found so overrides the methods that say it.
    """

    name: ClassVar[str]
    """The word in every row's ``source`` column."""
    folder: ClassVar[str | None] = None
    """Name of its directory inside a project, for formats that live there; naming the project names it too."""
    has_transcripts: ClassVar[bool] = True
    """Whether its files hold conversations, so that transcripts can be read."""
    gives_way: ClassVar[bool] = False
    """Whether other sources that tell of the same session are to be believed instead."""
    home: ClassVar[str | None] = None
    """Its directory below the user's home directory; ``None`` if there is no usual place."""
    moved_by: ClassVar[tuple[str, ...]] = ()
    """Environment variables that name another directory, best first; ``VARIABLE/below`` for a place below it."""
    known_by: ClassVar[tuple[str, ...]] = ()
    """Patterns from the root, of which one finds something in a directory of this format and in no other."""
    window_ms: ClassVar[int | None] = None
    """Length of the window (ms) after which its plans' limits begin anew, where its own files do not say so."""
    adopts: ClassVar[frozenset[str]] = frozenset()
    """What is kept, by name (``book.calls``), of which an entry that is new here is taken as another instance has it:
    :meth:`unite` would do no more."""
    packed: ClassVar[frozenset[str]] = frozenset()
    """Suffixes of files in which a text does not stand as it is: they have to be unpacked to be searched."""
    files: ClassVar[Mapping[str, Callable[[Any, PurePosixPath], Reader]]] = {}
    """Pattern of the files that are read (see :func:`fits`) → what makes the reader of one, from source and path."""
    repeated: ClassVar[tuple[str, ...]] = ()
    """Patterns of files that are not read since others have what is in them."""
    writes: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What can be changed: the method (:data:`agent_widget.sources.changes.Method`) → the fields that it takes."""
    statuses: ClassVar[tuple[str, ...]] = ()
    """The statuses that a task can be given."""
    priorities: ClassVar[tuple[str, ...]] = ()
    """The priorities that a task can be given."""
    resume: ClassVar[tuple[str, ...]] = ()
    """The command that goes on with a session, if there is one; ``{session}`` is its id, ``{path}`` its file."""
    command: ClassVar[str | None] = None
    """The program that has to be installed for changes; ``None`` if files are written."""

    account_files: ClassVar[tuple[str, ...]] = ()
    """Files that say which account is logged in, relative to the root; they are no files of conversations."""

    def __init__(self, root: Path, namespace: str = "") -> None:
        self.root = root
        self.namespace = namespace
        """Prefix of ids when two roots of one format are read at once; else empty."""
        self.unknown: Counter[str] = Counter()
        """Unknown kinds of lines, blocks and records; of rows that cannot be used, how many there are."""
        self._odd: set[tuple[str, str]] = set()
        self.only: tuple[PurePosixPath, ...] = ()
        """What of the root is read; all, if empty."""
        self.lists = Lists()

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed here, although the format takes changes; ``None`` if it can."""
        if self.command is None or shutil.which(self.command) is not None:
            return None
        return f"only `{self.command}` can change what {self.name} holds; it is not installed"

    @property
    def notes(self) -> list[str]:
        """What is to be said of the whole root beside its rows: what is there and cannot be read."""
        return []

    @property
    def places(self) -> list[Path]:
        """The root, or what of it is read."""
        return [self.root / path for path in self.only] or [self.root]

    def leads_to(self, directory: PurePosixPath) -> bool:
        """Return whether a directory (relative to the root) is to be looked into."""
        chosen = not self.only or any(
            directory == path or directory in path.parents or path.with_suffix("") in (directory, *directory.parents)
            for path in self.only
        )
        return chosen and not self.skips(directory)

    def reads(self, path: PurePosixPath) -> bool:
        """Return whether a file (relative to the root) is among what was chosen of it."""
        return not self.only or any(
            chosen in (path, *path.parents) or chosen.with_suffix("") in path.parents for chosen in self.only
        )

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """Return where this format lives by default; the directories need not exist."""
        for place in cls.moved_by:
            variable, _, below = place.partition("/")
            if found := moved(environ, home, variable):
                return [directory / below for directory in found]
        return [] if cls.home is None else [home / cls.home]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """Return whether this directory holds files of this format (looks at names only)."""
        for pattern in cls.known_by:
            try:
                if next(directory.glob(pattern), None) is not None:
                    return True
            except OSError:
                continue
        return False

    def reader(self, path: PurePosixPath) -> Reader | None:
        """Return the reader for a file, by its path relative to the root; ``None`` for files that are not ours.

        What a row has of a file's name is text: of bytes that are no UTF-8 the reader is told U+FFFD.
        """
        for pattern, made_by in self.files.items():
            if fits(path, pattern):
                name = str(path)
                return made_by(self, path if (text := clean(name)) is name else PurePosixPath(text))
        return None

    def skips(self, path: PurePosixPath) -> bool:
        """Return whether a directory (relative to the root) need not be looked into."""
        return bool(self.files) and not any(leads_to(path, pattern) for pattern in self.files)

    def odd(self, kind: str, id: str = "") -> None:
        """Count a kind that is not known, once; or each row that cannot be used (``id``), however often it is read."""
        kind = kind[:80]
        if (kind, id) not in self._odd and (kind in self.unknown or len(self.unknown) < MAX_UNKNOWN):
            self._odd.add((kind, id))
            self.unknown[kind] += 1

    def account_places(self) -> Iterable[str]:
        """Return the files that say which account is logged in, best first, relative to the root."""
        return self.account_files

    def account_in(self, file: str, data: bytes) -> str | None:
        """Return the account that one of :attr:`account_files` names. Only what names it may be decoded."""
        return None

    def account_of(self, claim: Record) -> str | None:
        """Return the account of a session, an agent or a limit, where the files say it of each of them."""
        return None

    def carry(self, used: Iterable[Mapping[str, Any]]) -> Iterator[Record | Gone]:
        """Yield the sums of sessions with what rows of ``usage`` say, of whose agents the files are gone."""
        yield from ()

    # Several processes: see :mod:`agent_widget.ingest.crew`

    def group(self, path: PurePosixPath) -> str | None:
        """Return which files must be read together with a file by one process; ``None``: by the server itself."""
        return None

    def is_context(self, path: PurePosixPath) -> bool:
        """Return whether a document says what must be known to read files of any group."""
        return False

    def unite(self, name: str, key: str, theirs: Any) -> Iterable[Item | Known]:
        """Take in an entry of what is kept under a name (``book.calls``) by an instance that read other files.

        Return what follows, which counts more than the records of that instance.
        """
        raise NotImplementedError(f"{self.name} is read by one process")

    def rest(self) -> Any:
        """Return what files of a group leave behind that is not kept, for :meth:`unite_rest`; to be pickled."""
        return self._odd

    def unite_rest(self, theirs: Any) -> Iterable[Item]:
        """Take in what :meth:`rest` returned of an instance that read other files, and return what follows."""
        for kind, id in theirs:
            self.odd(kind, id)
        return ()

    def put_off_prices(self) -> None:
        """Say nothing of costs until :meth:`set_prices`: the library that knows them takes long to import."""

    def set_prices(self) -> Iterable[Record | Gone]:
        """Return what follows from what was read since :meth:`put_off_prices`, with its costs."""
        return ()

    def memory_text(self, path: PurePosixPath, id: str, data: bytes) -> tuple[str, bytes] | None:
        """Return the text of a memory entry, and what its version is of, from the document that holds it.

        ``None``: it is not there any more. Raises what readers raise.
        """
        return data.decode("utf-8", "replace"), data

    def documents_of(self, path: PurePosixPath, agent_id: str) -> Iterable[PurePosixPath]:
        """Return the documents that together hold an agent's conversation, of which ``path`` is one, in their order."""
        return (path,)

    def plans(self, change: Change) -> Iterable[Plan]:
        """Return how a change is to be made, the likeliest place first: the first that has the row counts.

        Raises :class:`~agent_widget.sources.changes.Refused` for what it cannot do.
        """
        raise NotImplementedError(f"{self.name} cannot be written to")

    def excerpt(self, path: PurePosixPath, agent_id: str, before: str | None, since: str | None, limit: int) -> Query:
        """Return a query for one agent's conversation only: its last messages before one, or all from one on.

        Its conversations bear the message's id as their ``file``, which is what the two places are.
        """
        raise NotImplementedError(f"{self.name} has no database with conversations")

    def holding(self, path: PurePosixPath, agent_id: str, anchors: tuple[bytes, ...]) -> Query:
        """Return a query for the messages of one agent's conversation that hold one of the anchors, the last first.

        ``anchors``: UTF-8, looked for in what is stored once its ASCII letters are lowered.
        """
        raise NotImplementedError(f"{self.name} has no database with conversations")


def read_lines(reader: Reader, lines: Iterable[bytes]) -> tuple[list[Item], int]:
    """Return what follows from some lines, and how many of them, or of their parts, could not be used.

    Two writers, or a crash, may leave several JSON objects in one line, the first of them cut short, NULs around them,
    or raw control characters.
    """
    items: list[Item] = []
    left_out = 0
    for line in lines:
        try:
            items.extend(reader.read(line))
        except MISREAD:
            parts, left = objects_in(line)
            left_out += left if parts else 1
            for part in parts:
                try:
                    items.extend(reader.read(part))
                except MISREAD:
                    left_out += 1
    return items, left_out
