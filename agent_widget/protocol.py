"""The frames of the wire protocol, typed, and the one place that encodes and decodes them.

Version 1: JSON text frames on ``/ws``, and the same frames between the kernel and the browser. The client says
``hello`` with the position it has come to; the server answers ``welcome`` and from then on ``changes``. An answer
is sent in frames of at most about :data:`FRAME_BYTES`; all of them carry its ``seq``, all but the last have
``more``, and the receiver takes the answer over as a whole with the last (:class:`Assembler`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from sys import intern
from typing import Annotated, Any, Final, cast, get_args

import msgspec

from .store import Answer, Position, Row
from .tables import TABLES

VERSION: Final = 1
FRAME_BYTES: Final = 256 * 1024
MAX_CLIENT_FRAME: Final = 64 * 1024
"""Maximum bytes of a client's frame; a larger one closes the connection."""
_REPEATED: Final = {table.name: table.repeated for table in TABLES.values()}
_TOGETHER: Final = 50
"""Rows that are encoded at once, where they are small."""
HEARTBEAT: Final = 5.0
"""Seconds without changes after which the server sends its position, so that both sides notice silence."""
BEHIND: Final = 12.0
"""Seconds without a finished round of reading after which a connection counts as behind; the server sends at least one
``sources`` in half of that while its reader goes on."""
SILENCE: Final = 12.0
"""Seconds without a frame after which a connection counts as lost."""
COMM_HEARTBEAT: Final = 1.5
COMM_SILENCE: Final = 4.0
"""The same between kernel and browser: nothing says there that a kernel was restarted."""
FINAL: Final = ("unauthorized", "unsupported_protocol")
"""Codes of errors after which connecting again is no use."""
LOOP: Final = "loop"
"""Code of the error for a server that would follow itself, at once or by way of others."""

ENTRY_PLACES: Final = ("prompt", "reply", "thinking", "tool input", "tool output", "plan", "answer", "end")
"""What an entry of a transcript is called as the place of a hit of a search."""
ROW_PLACES: Final = {
    "tasks": "task",
    "messages": "message",
    "memory": "memory",
    "logs": "log",
    "quality": "quality",
    "tool_calls": "tool call",
    "sessions": "session title",
    "agents": "agent name",
}
"""Table → what its rows are called as a place."""


class ProtocolError(Exception):
    """A frame that breaks the protocol, with the code and message for the ``error`` frame."""

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


class _Frame(msgspec.Struct, tag_field="type", tag=str.lower):
    """Frames are distinguished by ``type``; unknown fields are ignored, so that versions can add some."""


class Since(msgspec.Struct):
    """A replica's position: ``seq`` in the life ``epoch`` of the store."""

    epoch: str
    seq: int


class Hello(_Frame):
    """The client's first frame. ``since`` null: it holds nothing yet. ``client``: what it calls itself.

    ``server``: the epoch of a server that follows this one, so that circles are noticed.
    """

    protocol: int
    token: str | None = None
    since: Since | None = None
    tables: list[str] | None = None
    limit: dict[str, int] | None = None
    client: str | None = None
    server: str | None = None

    @property
    def position(self) -> Position | None:
        """``since`` as the store has it."""
        return Position(self.since.epoch, self.since.seq) if self.since else None


class SourceState(msgspec.Struct):
    """What is read from one root.

    ``state``: ``reading`` (``read`` of ``bytes`` so far), ``watching`` or ``missing``. ``malformed``: how many lines
    and documents were skipped; ``problems``: what is wrong with which file, some of it; ``unknown``: kinds of lines and
    records that are not known, and how often they came. ``transcripts``: whether its sessions have a transcript.
    ``prefix``: what the ids of its rows begin with. ``writes``: the methods that change something there.
    ``resumes``: whether there is a command that goes on with its sessions (``actions``).
    ``checked_at``: when the reader last finished a round over it, in milliseconds since the epoch. ``gone``: how many
    files were read that are not there any more; their rows stay. ``left_out``: how many files are not read because
    there are too many. ``degraded``: why changes are seen later than at once, and what helps, if that is so.
    ``home``: the same for all hosts that read the same files by a shared home directory, if that can be told.
    ``host``: the name of the followed host that reads it; null: the server itself.
    """

    name: str
    path: str
    files: int = 0
    bytes: int = 0
    state: str = "watching"
    read: int = 0
    malformed: int = 0
    problems: list[str] = []
    unknown: dict[str, int] = {}
    transcripts: bool = True
    checked_at: int | None = None
    gone: int = 0
    left_out: int = 0
    degraded: str | None = None
    prefix: str = ""
    writes: list[str] = []
    resumes: bool = False
    home: str | None = None
    host: str | None = None


def without_times(sources: Iterable[SourceState]) -> list[SourceState]:
    """Return the states without the time of the last round, which alone is no news."""
    return [msgspec.structs.replace(source, checked_at=None) for source in sources]


class HostState(msgspec.Struct):
    """A host that the server follows.

    ``name``: what its rows' ids begin with, before a ``/``. ``state``: ``connecting``, ``live``, ``behind`` (it
    answers, but has stopped to read), ``gone``, ``refused``, or ``left`` (it is not followed any more); its rows stay
    in all of them. ``since``: when that began, of a host that is ``gone`` when it was last heard of, in milliseconds
    since the epoch. ``message``: why it is not live, and what helps. ``url``: where it is, without its token.
    ``epoch``: the life of its store. ``through``: the host that follows it, if it is not the server itself.
    ``version``: of what runs there. ``shared``: the host that is asked for the files of a home that both read.
    """

    name: str
    state: str
    since: int | None = None
    message: str | None = None
    url: str = ""
    epoch: str = ""
    through: str | None = None
    version: str = ""
    shared: str | None = None


class Publishing(msgspec.Struct, omit_defaults=True):
    """How it goes with the broker to which the server's rows are published.

    ``host``: as which host. ``state``: ``connecting``, ``live``, ``behind`` or ``refused``; ``message`` says why, and
    what helps; ``since``: when that began, in milliseconds since the epoch.
    """

    url: str
    host: str
    state: str
    message: str | None = None
    since: int | None = None


class Welcome(_Frame):
    """The server's answer to ``hello``. ``rows``: how many rows each table has in all. ``host``: of its own rows."""

    protocol: int
    server: str
    epoch: str
    seq: int
    now: int
    sources: list[SourceState]
    schema: dict[str, dict[str, str]]
    rows: dict[str, int] = {}
    host: str = ""
    hosts: list[HostState] = []


class Sources(_Frame):
    """How far each root is read and what is wrong there; sent when that has changed, at most a few times a second.

    ``seq``: where the store was then. The rows up to it hold everything that the sources have read. ``hosts``: those
    that the server follows. ``publishing``: how it goes with the broker, if there is one.
    """

    seq: int
    sources: list[SourceState]
    hosts: list[HostState] = []
    publishing: Publishing | None = None


class Changes(_Frame):
    """Frame number ``part`` of the answer to "what has changed since ``since``?".

    ``counts``: how many rows there are in all, of the tables in which something changed; in the first frame.
    """

    epoch: str
    seq: int
    since: int = 0
    reset: bool = False
    part: int = 0
    more: bool = False
    rows: dict[str, list[dict[str, Any]]] = {}
    gone: dict[str, list[str]] = {}
    counts: dict[str, int] = {}


class Call(_Frame):
    """A request; ``rid`` is chosen by the client and comes back in the reply."""

    rid: Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]  # what every JSON reader takes back unchanged
    method: str
    params: dict[str, Any] = {}


class Failure(msgspec.Struct, omit_defaults=True):
    """Why a call failed. ``details``: of a conflict, column → the values that were ``seen`` and ``found``."""

    code: str
    message: str
    details: dict[str, Any] | None = None


class Reply(_Frame, omit_defaults=True):
    """The answer to a call: ``result`` if ``ok``, else ``error``."""

    rid: int
    ok: bool
    result: Any = None
    error: Failure | None = None


class Error(_Frame):
    """Why the server closes the connection."""

    code: str
    message: str


class Ping(_Frame):
    """Asks for a ``pong``; ``at`` is the sender's clock in milliseconds and comes back."""

    at: float


class Pong(_Frame):
    """Answers a ``ping``; ``now`` is the answerer's clock."""

    at: float
    now: int


class State(_Frame):
    """From the kernel to the browser: how the kernel's own connection to the server is.

    ``heard_ms``: age of the last frame from the server; ``rtt_ms``: round trip to it.
    """

    connection: str
    message: str | None = None
    rtt_ms: float | None = None
    heard_ms: int | None = None


class Selected(msgspec.Struct):
    """A row."""

    table: str
    id: str


class View(_Frame, omit_defaults=True):
    """Between kernel and browser: up, what a person looks at; down, what Python wants shown.

    What is ``UNSET`` stays as it is. ``filter``: column → values that pass, of the tab; ``at``: the moment of the time
    travel in milliseconds since the epoch, ``None`` for the present.
    """

    tab: str | msgspec.UnsetType = msgspec.UNSET
    search: str | msgspec.UnsetType = msgspec.UNSET
    filter: dict[str, list[str]] | msgspec.UnsetType = msgspec.UNSET
    selected: Selected | msgspec.UnsetType | None = msgspec.UNSET
    at: int | msgspec.UnsetType | None = msgspec.UNSET


class AlertLine(msgspec.Struct):
    """One alert. ``state``: ``ok``, ``pending``, ``firing``, ``error``; ``since``: when that began."""

    name: str
    state: str
    since: int
    text: str | None = None


class Alerts(_Frame):
    """From the kernel to the browser: all alerts that Python watches for."""

    alerts: list[AlertLine]


class _Type(msgspec.Struct):
    type: str


ClientFrame = Hello | Call | Ping | Pong
ServerFrame = Welcome | Sources | Changes | Reply | Error | Ping | Pong | State | View | Alerts
BrowserFrame = ClientFrame | View

_encoder = msgspec.json.Encoder()
_client_decoder = msgspec.json.Decoder(ClientFrame)
_server_decoder = msgspec.json.Decoder(ServerFrame)
_type_decoder = msgspec.json.Decoder(_Type)
_SERVER_TYPES: Final = frozenset(frame.__struct_config__.tag for frame in get_args(ServerFrame))


def encode(frame: Any) -> bytes:
    """Encode a frame, or a part of one, as UTF-8 JSON."""
    try:
        return _encoder.encode(frame)
    except UnicodeEncodeError:  # a file name need not be UTF-8, but a frame is
        return _encoder.encode(encodable(msgspec.to_builtins(frame)))


def encodable(value: Any) -> Any:
    """Return the value with ``?`` for characters that UTF-8 cannot hold (lone surrogates)."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return value


def decode_client(data: str | bytes) -> ClientFrame:
    """Decode a frame from a client. Raises :class:`ProtocolError` if it is none."""
    if isinstance(data, bytes):
        raise ProtocolError("bad_request", "a binary frame; the frames of this protocol are JSON text")
    return _decode(_client_decoder, data)  # type: ignore[no-any-return]


def decode_server(data: str | bytes) -> ServerFrame | None:
    """Return a frame from a server; ``None`` if its type is not known, since later versions add some.

    Raises :class:`ProtocolError` for anything else.
    """
    try:
        return _decode(_server_decoder, data)  # type: ignore[no-any-return]
    except ProtocolError:
        if _decode(_type_decoder, data).type in _SERVER_TYPES:
            raise
        return None


def from_builtins(content: Any) -> BrowserFrame:
    """Return a frame from a browser that came as an object already (over the notebook's comm)."""
    try:
        return msgspec.convert(content, BrowserFrame)  # type: ignore[no-any-return]
    except (msgspec.ValidationError, UnicodeError, RecursionError) as error:
        raise ProtocolError("bad_request", f"not a frame of this protocol: {error}") from None


def _decode(decoder: msgspec.json.Decoder[Any], data: str | bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProtocolError("bad_request", f"not a frame of this protocol: {error}") from None


def check_hello(frame: ClientFrame) -> Hello:
    """Return the frame if it is a ``hello`` this version can answer. Raises :class:`ProtocolError`."""
    if not isinstance(frame, Hello):
        raise ProtocolError("bad_request", "the first frame must be a hello")
    if frame.protocol != VERSION:
        raise ProtocolError(
            "unsupported_protocol",
            f"this server speaks protocol {VERSION}, the client {frame.protocol}; "
            "install the same agent-widget on both sides",
        )
    unknown = sorted({*(frame.tables or ()), *(frame.limit or ())} - TABLES.keys())
    if unknown:
        raise ProtocolError("bad_request", f"unknown table {unknown[0]!r}; there are {', '.join(TABLES)}")
    if any(count < 0 for count in (frame.limit or {}).values()):
        raise ProtocolError("bad_request", "a limit is a number of rows, 0 or more")
    return frame


class _EncodedChanges(Changes, tag="changes"):
    """:class:`Changes` whose rows and keys are JSON already."""

    rows: dict[str, list[msgspec.Raw]] = {}  # type: ignore[assignment]
    gone: dict[str, list[msgspec.Raw]] = {}  # type: ignore[assignment]


_FEW: Final = 200
"""Rows that are encoded together, in the hope that they fit into one frame."""


def encode_answer(answer: Answer, frame_bytes: int = FRAME_BYTES) -> Iterator[bytes]:
    """Encode an answer as frames, in the order of the tables; at least one frame, even if nothing changed."""
    whole = _encode_small(answer)
    if whole is not None and len(whole) <= frame_bytes:  # nearly always
        yield whole
        return

    def begin(part: int) -> _EncodedChanges:
        return _EncodedChanges(answer.epoch, answer.seq, answer.since, answer.reset, part, rows={}, gone={})

    frame, size = begin(0), 0
    frame.counts = answer.counts
    for kind, table, values in _parts(answer):
        place: list[msgspec.Raw] | None = None
        for data in _pieces(values, frame_bytes // 4):
            if size and size + len(data) > frame_bytes:
                frame.more = True
                encoded = _encoder.encode(frame)
                frame, size, place = begin(frame.part + 1), 0, None  # nothing of a frame is kept while it is sent
                yield encoded
            if place is None:
                place = getattr(frame, kind)[table] = []
            place.append(msgspec.Raw(data))
            size += len(data) + 1
    yield _encoder.encode(frame)


def _encode_small(answer: Answer) -> bytes | None:
    """Encode an answer of few rows as one frame; ``None`` for others, and for what UTF-8 cannot hold."""
    if answer.reset or sum(map(len, answer.rows.values())) > _FEW:
        return None
    rows = cast("dict[str, list[dict[str, Any]]]", answer.rows)
    frame = Changes(answer.epoch, answer.seq, answer.since, rows=rows, gone=answer.gone, counts=answer.counts)
    try:
        return _encoder.encode(frame)
    except UnicodeEncodeError:
        return None


def _pieces(values: Iterable[Any], most: int) -> Iterator[bytes]:
    """Yield the JSON of values: of some together with commas between them, or of one that has more than ``most`` bytes.

    To encode fifty at once takes two thirds of the time that it takes one by one.
    """
    values = iter(values)
    while some := list(islice(values, _TOGETHER)):
        data = encode(some)
        if len(data) <= most or len(some) == 1:
            yield data[1:-1]
        else:
            yield from map(encode, some)


def _parts(answer: Answer) -> Iterator[tuple[str, str, Iterable[Any]]]:
    """Yield an answer in parts: the field of the frame that each belongs to, its table, and what goes there."""
    for table, ids in answer.gone.items():
        yield "gone", table, ids
    for table in TABLES:
        yield "rows", table, answer.rows.get(table, ())


def lacking(schema: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Return blank rows of the tables of which a server with this ``schema`` does not know every column.

    It is an older one: what it does not know of is unknown.
    """
    blank = {name: TABLES[name].blank() for name, columns in schema.items() if name in TABLES and columns}
    return {name: row for name, row in blank.items() if not row.keys() <= schema[name].keys()}


def _row(table: str, cells: Mapping[str, Any]) -> Row:
    """Return a row of decoded cells. Each of those is an object of its own; rows share the texts that they repeat."""
    row = Row(cells)
    for column in _REPEATED[table]:
        if type(text := row.get(column)) is str:
            row[column] = intern(text)
    return row


class Assembler:
    """Puts the frames of an answer together; a connection that breaks in between leaves nothing behind."""

    def __init__(self, blank: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """``blank``: what rows of some tables may lack (:func:`lacking`)."""
        self._answer: Answer | None = None
        self._blank = blank or {}

    def add(self, frame: Changes) -> Answer | None:
        """Take in a frame; return the whole answer with its last frame, ``None`` before."""
        answer = self._answer
        if answer is None or (answer.epoch, answer.since, answer.seq) != (frame.epoch, frame.since, frame.seq):
            answer = self._answer = Answer(frame.epoch, frame.since, frame.seq, frame.reset)
        answer.counts.update((table, count) for table, count in frame.counts.items() if table in TABLES)
        for table, rows in frame.rows.items():
            if table in TABLES:
                blank = self._blank.get(table)
                whole = rows if blank is None else ({**blank, **row} for row in rows)
                answer.rows.setdefault(table, []).extend(_row(table, cells) for cells in whole)
        for table, ids in frame.gone.items():
            if table in TABLES:
                answer.gone.setdefault(table, []).extend(ids)
        if frame.more:
            return None
        self._answer = None
        return answer
