"""How rows lie in a stream: one message for each row, the latest, so the stream is what "everything since 0" is.

A space is one stream. The subject of a row is ``aw.v1.SPACE.HOST.TABLE.ROW``, of a row that went too (a message with
:data:`GONE` in its headers, which the broker forgets after :data:`GONE_FOR`); a stream keeps one message of a subject,
so whoever reads it from the beginning gets each row once, as it is now. ``aw.v1.SPACE.HOST.host`` is about the host: a
``welcome`` frame of the protocol with the number up to which the host's changes lie here. The id of a message is
``HOST/EPOCH/SEQ``, by which the broker knows a repetition (https://docs.nats.io/nats-concepts/jetstream).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar, cast

import msgspec
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.errors import AuthorizationError, ConnectionClosedError, Error, NoRespondersError, NoServersError
from nats.js.errors import APIError

from ..protocol import encodable
from ..tables import now_ms
from .address import Address

T = TypeVar("T")

HOST: Final = "host"
"""Last part of the subject that is about a host itself."""
GONE: Final = "Aw-Gone"
"""Header of the message of a row that went; it holds ``{"id": …}``."""
ENDED: Final = "Aw-Ended"
"""Header of the message about a host that has stopped to publish."""
PARTIAL: Final = "Aw-Partial"
"""Header of the message about a host of which not all rows are there yet, or more than all."""
GONE_FOR: Final = 30 * 86_400
"""Seconds for which it is told that a row went. Whoever was away for longer reads everything again."""
BEAT: Final = 15.0
"""Seconds after which a host that has nothing to say says so."""
SILENCE: Final = 40.0
"""Seconds without a word after which a host counts as gone."""
MAX_BYTES: Final = 1 << 30
MAX_MESSAGE: Final = 256 * 1024
PATIENCE: Final = 10.0
"""Seconds to wait for an answer of the broker."""
_LONGEST: Final = 200
"""Bytes of an id that is readable in a subject."""
_TOO_LARGE: Final = 10054
_FULL: Final = 10077
_NO_STREAM: Final = 10059
_NO_ROOM: Final = 10047
OTHERWISE: Final = 10071
"""What the broker answers if something else is there than was expected."""
_HEARTBEAT: Final = 5.0
_ASKED_FOR: Final = 60.0
"""Seconds for which the broker waits for messages that it was asked for."""


class Refused(Exception):
    """The broker does not do what it is asked, and will not without help; the message says what is missing."""


class Lost(Exception):
    """The connection is not what it was; connect again."""


class TooLarge(Exception):
    """The stream does not take a message of this size."""


class Otherwise(Exception):
    """Something else is there than was expected."""


def part_of(name: str) -> str:
    """Return a name as one part of a subject: other characters than letters, digits, ``-`` and ``_`` become ``-``."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)[:64] or "-"


def row_part(id: str) -> str:
    """Return the id of a row as the last part of a subject: in base 64 if it is not too long, else a digest of it.

    So is an empty one, since no part of a subject is empty.
    """
    data = encodable(id).encode()
    if not 0 < len(data) <= _LONGEST:
        return "~" + hashlib.blake2b(data, digest_size=16).hexdigest()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def id_of(part: str) -> str | None:
    """Return the id that a part of a subject stands for; ``None`` if it is a digest."""
    if part.startswith("~"):
        return None
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


class Subject(NamedTuple):
    """What a message is about."""

    host: str
    table: str
    row: str | None

    @classmethod
    def parse(cls, subject: str) -> Subject:
        """Return the parts of a subject of any space; empty ones for what is missing."""
        parts = [*subject.split("."), "", "", ""]
        return cls(parts[3], parts[4], parts[5] or None)


class Space:
    """The names in one space of a broker."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stream = f"aw-{name}"
        self.prefix = f"aw.v1.{name}"

    def host(self, host: str) -> str:
        """Return the subject about a host."""
        return f"{self.prefix}.{host}.{HOST}"

    def row(self, host: str, table: str, id: str) -> str:
        """Return the subject of a row."""
        return f"{self.prefix}.{host}.{table}.{row_part(id)}"

    @property
    def config(self) -> dict[str, Any]:
        """What the stream is created with; whoever runs the broker may change the numbers."""
        return {
            "name": self.stream,
            "description": "agent-widget: the latest of each row",
            "subjects": [f"{self.prefix}.>"],
            "retention": "limits",
            "storage": "file",
            "max_msgs_per_subject": 1,
            "max_bytes": MAX_BYTES,
            "max_msg_size": MAX_MESSAGE,
            "discard": "new",  # with "old" the rows that have not changed for longest would be lost without a word
            "max_age": 0,  # a row that does not change any more is still there
            "duplicate_window": 120 * 10**9,
            "compression": "s2",
            "allow_direct": True,
            "allow_msg_ttl": True,
            "num_replicas": 1,
        }


class Broker:
    """One connection. Every failure ends it: whoever uses it connects again and goes on from what is there."""

    def __init__(self, address: Address, client: Nats, on_end: Callable[[], None]) -> None:
        self.address = address
        self._on_end = on_end
        self.space = Space(address.space)
        self.ahead_ms = 0
        """How far this machine's clock is ahead of the broker's, as of the last :meth:`stream_life`."""
        self._client = client
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, address: Address, name: str, on_end: Callable[[], None] = lambda: None) -> Broker:
        """Connect as ``name``, which is also what its inboxes begin with. Raises :class:`Refused` or :class:`Lost`.

        ``on_end`` is called when :meth:`check` would raise.
        """
        client = Nats()
        broker = cls(address, client, on_end)
        servers = list(address.servers)
        random.shuffle(servers)
        try:
            await client.connect(
                servers,
                name=f"agent-widget {name}",
                error_cb=broker._note_error,
                closed_cb=broker._note_closed,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # of the first connection too
                reconnect_time_wait=0,
                connect_timeout=5,
                ping_interval=5,
                max_outstanding_pings=2,
                inbox_prefix=f"_INBOX.{name}",
                **address.credentials,
            )
        except AuthorizationError:
            raise Refused(
                f"the broker does not let this user in; are the credentials for {address.url} right?"
            ) from None
        except ssl.SSLError as error:
            raise Refused(f"no safe connection to the broker ({error.reason or error})") from None
        except ImportError as error:
            raise Refused(f'a library is missing ({error.name}): pip install "agent-widget[nats]"') from None
        except (OSError, Error, NoServersError, TimeoutError, EOFError, ValueError) as error:
            text = str(error)
            if "uthorization" in text:
                raise Refused(
                    f"the broker does not let this user in; are the credentials for it right? ({text})"
                ) from None
            raise Lost(f"the broker is not reachable ({_reason(error)})") from None
        return broker

    async def close(self) -> None:
        """End the connection."""
        self._failed.cancel()
        try:
            async with asyncio.timeout(2):
                await self._client.close()
        except (TimeoutError, Error, OSError):
            pass  # it has ended already, or hangs; nothing waits for it

    def check(self) -> None:
        """Raise if the connection has ended or the broker has refused something."""
        if self._failed.cancelled():
            raise Lost("the connection was closed")
        if self._failed.done():
            self._failed.result()

    async def wait(self, news: asyncio.Event, seconds: float) -> None:
        """Wait for news. Raises :class:`Lost` if there is none for so long, and as :meth:`check` does."""
        task = asyncio.ensure_future(news.wait())
        either: set[asyncio.Future[Any]] = {task, self._failed}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        task.cancel()
        self.check()
        if not news.is_set():
            raise Lost("no word from the broker")
        news.clear()

    async def _note_error(self, error: Exception) -> None:
        if "ermissions" in str(error):
            what = str(error).removeprefix("nats: ")
            self._fail(Refused(f"the broker does not allow it ({what}); docs: By way of a broker, Who may do what"))

    async def _note_closed(self) -> None:
        self._fail(Lost("the connection to the broker broke"))

    def _fail(self, error: Exception) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
            self._failed.exception()  # it may be that nobody asks
            self._on_end()

    async def _answered(self, work: Awaitable[T]) -> T:
        """Return what the broker answers; it does not answer what it does not allow, but says so beside."""
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._failed}
        await asyncio.wait(either, timeout=PATIENCE + 1, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            self.check()
            raise Lost(f"the broker did not answer within {PATIENCE:.0f} s")
        try:
            return task.result()
        except APIError as error:
            raise _failure(error) from None
        except NoRespondersError:
            raise Refused(
                f"the broker has no stream {self.space.stream}, or no JetStream (nats-server -js), "
                "or this user may not ask for it"
            ) from None
        except (TimeoutError, ConnectionClosedError, Error, OSError) as error:
            self.check()
            raise Lost(f"the broker does not answer ({_reason(error)})") from None

    async def _api(self, subject: str, content: Any = None) -> dict[str, Any]:
        """Ask the API of JetStream. Raises :class:`APIError`."""
        data = b"" if content is None else msgspec.json.encode(content)
        reply = await self._client.request(f"$JS.API.{subject}", data, timeout=PATIENCE)
        answer: dict[str, Any] = msgspec.json.decode(reply.data)
        if "error" in answer:
            APIError.from_error(answer["error"])
        return answer

    async def make_stream(self) -> None:
        """Create the stream, unless there is one."""

        async def make() -> None:
            try:
                await self._api(f"STREAM.CREATE.{self.space.stream}", self.space.config)
            except APIError as error:
                if error.err_code != 10058:  # it is there, with other limits
                    raise

        await self._answered(make())

    async def stream_life(self) -> tuple[str, int]:
        """Return what tells this stream from one that was made anew, and the number of its last message."""
        info = await self._answered(self._api(f"STREAM.INFO.{self.space.stream}"))
        if isinstance(at := info.get("ts"), str):
            self.ahead_ms = now_ms() - _millis(at)
        if info["config"].get("max_msgs_per_subject") != 1:
            raise Refused(
                f"the stream {self.space.stream} keeps more than the latest message of a subject; make it anew"
            )
        return info["created"], info["state"]["last_seq"]

    async def last(self, subject: str) -> Msg | None:
        """Return the message of a subject; ``None`` if there is none."""
        asked = f"$JS.API.DIRECT.GET.{self.space.stream}.{subject}"
        message = await self._answered(self._client.request(asked, timeout=PATIENCE))
        status = (message.headers or {}).get("Status")
        if status == "404":
            return None
        if status is not None:
            raise Lost(f"the broker answered {status} for {subject}")
        return message

    async def put(self, messages: Iterable[tuple[str, bytes, dict[str, str]]]) -> list[int | TooLarge | Otherwise]:
        """Publish messages (subject, content, headers) in this order; returns the number of each in the stream.

        Or the failure, if that is :class:`TooLarge` or :class:`Otherwise`; others are raised.
        """

        # publish_async of the library never ends when the broker answers with an error (nats-py 2.16)
        async def publish(subject: str, data: bytes, headers: dict[str, str]) -> int:
            reply = await self._client.request(subject, data, timeout=PATIENCE, headers=headers)
            answer = msgspec.json.decode(reply.data)
            if "error" in answer:
                APIError.from_error(answer["error"])
            return cast(int, answer["seq"])

        expected = {"Nats-Expected-Stream": self.space.stream}
        sent = [publish(subject, data, {**headers, **expected}) for subject, data, headers in messages]
        found: list[int | TooLarge | Otherwise] = []
        for answer in await self._answered(asyncio.gather(*sent, return_exceptions=True)):
            if isinstance(answer, APIError):
                failure = _failure(answer)
                if not isinstance(failure, (TooLarge, Otherwise)):
                    raise failure
                found.append(failure)
            elif isinstance(answer, NoRespondersError):
                raise Lost(f"the stream {self.space.stream} is not there any more")
            elif isinstance(answer, BaseException):
                self.check()
                raise Lost(f"the broker does not answer ({_reason(answer)})") from answer
            else:
                found.append(answer)
        return found

    def messages(self, subject: str, start: int = 0, *, headers_only: bool = False) -> AsyncIterator[list[Heard]]:
        """Return what is on these subjects from the message number ``start`` on, and from then on what comes.

        In lists of those that are there; an empty one if there is none at first, and once in a while if nothing comes.
        """
        return _Reading(self, self._client, subject, start, headers_only).lists()


class Heard(NamedTuple):
    """A message of the stream."""

    subject: str
    data: bytes
    headers: dict[str, str]
    number: int
    """Of the message in the stream."""
    at: int
    """When it came to the broker, in milliseconds since the epoch, by its clock."""
    left: int
    """How many are there that were not handed over yet."""


class _Reading:
    """A pull consumer of the broker, ordered and bounded: it sends as many messages as were asked for.

    What waits at the broker is replaced by what is newer; what is on its way is not, and holds up what comes after it.
    So few messages are on their way. A push consumer has no such bound: its flow control begins at 2 MB, which are
    seconds for a reader without enough of a processor, and no acknowledgement is waited for of what was replaced.
    """

    MOST: Final = 500
    """Messages in a list, and those that are asked for at once; twice as many may be on their way."""

    def __init__(self, broker: Broker, client: Nats, subject: str, start: int, headers_only: bool) -> None:
        self._broker = broker
        self._client = client
        self._subject = subject
        self._start = start
        self._headers_only = headers_only
        self._name = f"aw{random.getrandbits(64):016x}"
        self._arrived: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._due = 0
        """How many messages were asked for that have not been taken."""

    async def lists(self) -> AsyncIterator[list[Heard]]:
        """Yield what comes; raises :class:`Lost` when something is missing."""
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(
            inbox, cb=self._arrive, pending_bytes_limit=-1, pending_msgs_limit=-1
        )
        try:
            left, expected = await self._begin(), 1
            if left == 0:
                yield []
            while True:
                self._broker.check()
                while self._due <= self.MOST:
                    await self._ask(inbox)
                found: list[Heard] = []
                while self._arrived and len(found) < self.MOST:
                    message = self._arrived.popleft()
                    headers = message.headers or {}
                    if "Status" in headers and not message.reply:
                        self._take_status(headers, expected)
                        continue
                    self._due -= 1
                    parts = message.reply.split(".")
                    number, order, at, left = map(int, parts[-4:] if len(parts) == 9 else parts[7:11])
                    if order != expected:
                        raise Lost("the broker left out messages")
                    expected += 1
                    found.append(Heard(message.subject, message.data, headers, number, at // 10**6, left))
                if found or left == 0:
                    yield found
                if not self._arrived:
                    await self._broker.wait(self._news, _HEARTBEAT * 3)
        finally:
            await self._client_unsubscribe(subscription)

    @staticmethod
    async def _client_unsubscribe(subscription: Any) -> None:
        with contextlib.suppress(Error):  # the connection has ended
            await subscription.unsubscribe()

    async def _begin(self) -> int:
        config = {
            "name": self._name,
            "deliver_policy": "by_start_sequence" if self._start > 1 else "all",
            "ack_policy": "none",
            "max_deliver": 1,
            "replay_policy": "instant",
            "filter_subject": self._subject,
            "inactive_threshold": 30 * 10**9,
            "mem_storage": True,
            "num_replicas": 1,
            "headers_only": self._headers_only,
        }
        if self._start > 1:
            config["opt_start_seq"] = self._start
        stream = self._broker.space.stream
        asked = self._broker._api(
            f"CONSUMER.CREATE.{stream}.{self._name}.{self._subject}",
            {"stream_name": stream, "config": config, "action": "create"},
        )
        return cast(int, (await self._broker._answered(asked))["num_pending"])

    async def _ask(self, inbox: str) -> None:
        """Ask for messages, those that are there and those that come."""
        request = {"batch": self.MOST, "expires": int(_ASKED_FOR * 10**9), "idle_heartbeat": int(_HEARTBEAT * 10**9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._broker.space.stream}.{self._name}"
        self._due += self.MOST
        await self._client.publish(subject, msgspec.json.encode(request), reply=inbox)

    async def _arrive(self, message: Msg) -> None:
        self._arrived.append(message)
        self._news.set()

    def _take_status(self, headers: Mapping[str, str], expected: int) -> None:
        """Take in a sign of life, or that what was asked for is not waited for any longer."""
        status = headers["Status"]
        if status == "408":
            self._due -= int(headers["Nats-Pending-Messages"])
        elif status != "100":
            raise Lost(f"the broker sends nothing more ({status} {headers.get('Description', '')})")
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) + 1 != expected:
            raise Lost("the broker left out messages")


def time_of(message: Msg) -> int:
    """Return when a message that was asked for came to the broker, in milliseconds since the epoch."""
    return _millis((message.headers or {})["Nats-Time-Stamp"])


def _millis(at: str) -> int:
    return int(datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", r".\1", at).replace("Z", "+00:00")).timestamp() * 1000)


def _failure(error: APIError) -> Exception:
    """Return a failure of the broker in our words."""
    if error.err_code == _TOO_LARGE:
        return TooLarge()
    if error.err_code == OTHERWISE:
        return Otherwise()
    if error.err_code == _FULL:
        return Refused(
            "the stream is full: raise its limit (nats stream edit --max-bytes), or take out the rows of hosts that "
            "are no more (nats stream purge --subject)"
        )
    if error.err_code == _NO_STREAM:
        return Lost("nobody has published to this space yet")
    if error.err_code == _NO_ROOM:
        return Refused(
            f"the broker has no room for a stream of {MAX_BYTES >> 20} MiB: raise max_file of its jetstream, or make a "
            "smaller stream yourself (docs: By way of a broker)"
        )
    return Refused(f"the broker refuses: {error.description} ({error.err_code})")


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(getattr(error, "strerror", None) or error or type(error).__name__).removeprefix("nats: ")
