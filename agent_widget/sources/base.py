"""What every source has in common: where its files are, the readers of them, the records, the small parsers.

A source is one on-disk format. It does no I/O: the collector reads files and feeds the bytes. A source
knows where its files live by default, which directory is its own, and how bytes become records. Conversations with
coding agents have a base of their own, :mod:`.chat`; ``docs/write-a-source.md`` says how to add an agent.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar

import msgspec

from ..tables import Gone as Gone
from ..tables import Record as Record
from ..tables import cut
from .changes import Change, Plan


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
    the order in which it comes, whatever the times are; ``None`` for what has no order.
    """

    agent_id: str
    at: int
    fact: str
    detail: str | None = None
    sign: str = "new line"
    routine: bool = False
    log: Log | None = None


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


class Malformed(ValueError):
    """A line or document that does not fit its format. Counted and skipped, never fatal."""


class Reader:
    """How one file becomes records.

    ``mode`` ``"lines"``: ``read`` is called once for each complete line (without its newline), in file order. A file
    that was truncated or replaced is read again from its start with a new reader, so ids must come from the content.
    ``"document"``: ``read`` is called with the whole file each time it changed; one reader lives as long as the
    path, so it may remember what it returned last time (to return :class:`Gone`).
    ``"database"``: ``query`` is called with :data:`Ask` each time the SQLite file changed; it remembers how far it has
    read (cursors), asks for the rows that are new, and must not mind being given a row twice.

    ``read`` raises :class:`Malformed` (or any ``ValueError``, ``KeyError``, ``TypeError``, ``AttributeError``) for
    what it cannot use.
    """

    mode: Literal["lines", "document", "database"] = "lines"
    grows: ClassVar[bool] = False
    """Whether the first parts of a document count even if a later one cannot be read."""

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
    home: ClassVar[str | None] = None
    """Its directory below the user's home directory; ``None`` if there is no usual place."""
    moved_by: ClassVar[tuple[str, ...]] = ()
    """Environment variables that name another directory, best first; ``VARIABLE/below`` for a place below it."""
    known_by: ClassVar[tuple[str, ...]] = ()
    """Patterns from the root, of which one finds something in a directory of this format and in no other."""
    window_ms: ClassVar[int | None] = None
    """Length of the window (ms) after which its plans' limits begin anew, where its own files do not say so."""
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
        """Return the reader for a file, by its path relative to the root; ``None`` for files that are not ours."""
        for pattern, made_by in self.files.items():
            if fits(path, pattern):
                return made_by(self, path)
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


MISREAD: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)
"""Exceptions that a reader may raise for input that does not fit its format."""

_decoder = msgspec.json.Decoder()


def parse_json(data: bytes) -> Any:
    """Decode JSON, invalid UTF-8 replaced; :class:`Malformed` if it is not JSON."""
    try:
        return _decoder.decode(data)
    except (ValueError, RecursionError) as problem:  # also invalid UTF-8: an agent's stray byte must not cost the line
        _must_be_whole(problem)
        try:
            return _cleaned(json.loads(data.decode("utf-8", "replace")))
        except (ValueError, RecursionError) as error:
            raise Malformed(f"not JSON: {error}") from None


def _must_be_whole(problem: Exception) -> None:
    """Raise :class:`Malformed` for what ends too early: no decoder takes it, and the patient one takes its time."""
    if str(problem) == "Input data was truncated":
        raise Malformed("not JSON: it ends too early") from None


def read_line(reader: Reader, line: bytes) -> tuple[list[Item], int]:
    """Return what follows from a line, and how many of its parts could not be used.

    Two writers, or a crash, may leave several JSON objects in one line, the first of them cut short, NULs around them,
    or raw control characters.
    """
    items: list[Item] = []
    try:
        items.extend(reader.read(line))
    except MISREAD:
        parts, left = _objects_in(line)
        if not parts:
            return items, 1
        for part in parts:
            try:
                items.extend(reader.read(part))
            except MISREAD:
                left += 1
        return items, left
    return items, 0


_patient = json.JSONDecoder(strict=False)


def _objects_in(line: bytes) -> tuple[list[bytes], int]:
    """Return the JSON objects in a line that is none, and 1 if something is left over; nothing if it is one."""
    text = line.decode("utf-8", "replace").strip("\0 \t\r")
    found: list[bytes] = []
    place = cut = 0
    while place < len(text):
        try:
            value, end = _patient.raw_decode(text, place)
        except (ValueError, RecursionError):
            value, end = _last_object(text, place)
            cut = 1
        if not isinstance(value, dict):
            break
        found.append(json.dumps(value).encode())
        place = end
        while place < len(text) and text[place] in "\0 \t\r,":
            place += 1
    if len(found) == 1 and not cut and place >= len(text) and text.encode("utf-8", "replace") == line.strip():
        try:
            _decoder.decode(line)
        except ValueError:
            return found, 0  # only its control characters were in the way
        return [], 1
    return found, max(cut, int(place < len(text)))


_MOST_TRIED: Final = 100
"""Maximum places in a line at which an object is looked for."""
_BEGINS: Final = re.compile(r'(?<![\s:,\[])\s*(?=\{")')
"""Where an object may begin that is in no other one."""


def _last_object(text: str, place: int) -> tuple[Any, int]:
    """Return the object at the end of a text, behind one that was cut short, and where it ends; else ``None``."""
    for found in islice(_BEGINS.finditer(text, place + 1), _MOST_TRIED):
        with suppress(ValueError, RecursionError):
            value, end = _patient.raw_decode(text, found.end())
            if end == len(text):
                return value, end
    return None, place


def _cleaned(value: Any) -> Any:
    """Return what Python's more patient decoder returned, without what no encoder takes."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def parse_as(decoder: msgspec.json.Decoder[T], data: bytes) -> T:
    """Decode JSON of a known shape, as patient as :func:`parse_json`; :class:`Malformed` if it has another shape."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        if not _NO_NUMBER.match(str(error)):
            raise Malformed(str(error)) from None
    except (ValueError, RecursionError) as problem:
        _must_be_whole(problem)
    value = _sendable(parse_json(data))
    for _ in range(_ODD_NUMBERS):
        try:
            return decoder.decode(msgspec.json.encode(value))
        except msgspec.ValidationError as error:
            if not _without_number(value, str(error)):
                raise Malformed(str(error)) from None
        except (ValueError, RecursionError, OverflowError) as error:
            raise Malformed(str(error)) from None
    raise Malformed("too many numbers that are none")


_ODD_NUMBERS: Final = 50
"""Numbers of one line or document that may be left out because they are none."""
_NO_NUMBER: Final = re.compile(r"Expected `(?:int|float)\b|(?:Integer|Number).* out of range")
_PLACE: Final = re.compile(r" - at `\$(.*)`$")
_KEY: Final = re.compile(r"\[(?:\.\.\.|[0-9]+)\]|\.([^.\[]+)")
"""A step on the way to a value: the name of a field, or nothing for an item, of which all are looked at."""


def _without_number(value: Any, problem: str) -> bool:
    """Take out what is no number where msgspec expected one; returns whether there was something.

    ``problem``: what it said, as "Expected `int | null`, got `str` - at `$.usage[0].input`".
    """
    place = _PLACE.search(problem)
    if place is None or not _NO_NUMBER.match(problem):
        return False
    wanted = int if "float" not in problem.partition("`,")[0] else (int, float)
    *way, last = _KEY.findall(place[1]) or [""]
    nodes = [value]
    for key in way:
        nodes = [inner for node in nodes for inner in _inside(node, key)]
    found = False
    for node in nodes:
        if not isinstance(node, dict):
            continue
        for key in [key for key in node if last in ("", key)]:
            number = node[key]
            if isinstance(number, bool) or not isinstance(number, wanted) or not 0 <= number < 2**63:
                del node[key]
                found = True
    return found


def _inside(node: Any, key: str) -> list[Any]:
    if isinstance(node, list):
        return [] if key else node
    if isinstance(node, dict):
        return [node[key]] if key in node else [] if key else list(node.values())
    return []


def _sendable(value: Any) -> Any:
    """Return a JSON value with ``None`` for numbers that no encoder takes."""
    if isinstance(value, dict):
        return {key: _sendable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_sendable(inner) for inner in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) < 2**63:
        return None
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Decode a JSON object; :class:`Malformed` if it is anything else."""
    value = parse_json(data)
    if not isinstance(value, dict):
        raise Malformed(f"expected a JSON object, found {type(value).__name__}")
    return value


def millis(value: Any) -> int | None:
    """Return a time as integer milliseconds since the epoch, UTC; ``None`` if it is none, or one that makes no sense.

    Takes ISO 8601 text (``Z``, an offset, or none = UTC) and numbers in seconds, milliseconds or
    microseconds, distinguished by size (10^11 s is the year 5138, 10^11 ms is 1973). No agent did anything before 1970:
    what stands there is a zero of some language, such as Go's year 1. Nor is anything done, or planned, after
    :data:`LATEST`.
    """
    if isinstance(value, str):  # nearly always
        if len(value) < 10:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - _EPOCH
        at = since.days * 86_400_000 + since.seconds * 1000 + round(since.microseconds / 1000)
        return at if 0 < at < LATEST else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 < value < 1e18:  # neither is NaN
        return None
    if value < 1e11:
        value *= 1000
    elif value > 1e14:
        value /= 1000
    at = round(value)
    return at if 0 < at < LATEST else None


LATEST: Final = 9_223_372_036_854
"""Milliseconds since the epoch, in the year 2262: later than that no DataFrame holds a time in nanoseconds."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def fits(path: PurePosixPath, pattern: str) -> bool:
    """Return whether a path fits a pattern, part by part from the root.

    ``*``, ``?`` and ``[…]`` stay within one part; a part ``**`` stands for any number of directories.
    """
    return _fits(path.parts, tuple(pattern.split("/")))


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def leads_to(directory: PurePosixPath, pattern: str) -> bool:
    """Return whether a file below a directory can fit a pattern."""
    *above, _ = pattern.split("/")
    for index, part in enumerate(directory.parts):
        if index < len(above) and above[index] == "**":
            return True
        if index >= len(above) or not fnmatchcase(part, above[index]):
            return False
    return True


def moved(environ: Mapping[str, str], home: Path, name: str, separator: str = "") -> list[Path]:
    """Return the directories that an environment variable names, ``~`` being ``home``; none if it is unset or empty."""
    given = environ.get(name, "")
    places = [place.strip() for place in (given.split(separator) if separator else [given])]
    return [home / place[2:] if place.startswith("~/") else Path(place) for place in places if place]


def named(value: Any) -> str | None:
    """Return a text that is neither empty nor what some language writes for a missing value; else ``None``."""
    if not isinstance(value, str):
        return None
    value = value.strip()
    return None if value.lower() in ("", "none", "null", "undefined") else value


def first_of(entry: Mapping[str, Any], *names: str) -> Any:
    """Return the first of several spellings of one field that is neither null nor empty."""
    for name in names:
        value = entry.get(name)
        if value is not None and value != "":
            return value
    return None


def preview(value: Any) -> str | None:
    """Return a text as a preview column holds it; other JSON values are encoded first."""
    if value is None:
        return None
    return cut(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def number(value: Any) -> float | None:
    """Return a finite number that can be sent (63 bits), or ``None``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 2**63:
        return None
    return value


def whole(value: Any) -> int | None:
    """Return a number rounded to an integer, or ``None``."""
    found = number(value)
    return None if found is None else round(found)


_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Replace lone surrogates, which JSON can hold and UTF-8 cannot."""
    if not text.isascii():
        try:
            text.encode()  # much faster than a search, and nearly always all there is to do
        except UnicodeEncodeError:
            return _SURROGATES.sub("\ufffd", text)
    return text
