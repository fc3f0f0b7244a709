"""Puts the rows of this server into a stream: a follower of the store like any client, in a thread of its own.

How far it has come stands in the stream itself, beside the rows, so nothing has to be kept here: a publisher that
starts again, or was offline, goes on after what the stream has, and fills a stream that is empty. A broker that is
slow, away or full never holds up the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from typing import Final

import msgspec
from nats.aio.msg import Msg

from ..loop_thread import LoopThread
from ..protocol import Publishing, SourceState, Welcome, encode, without_times
from ..store import Numbered, Position, Row, Store
from ..tables import TABLES, now_ms
from .address import Address
from .stream import (
    BEAT,
    ENDED,
    GONE,
    GONE_FOR,
    HOST,
    PARTIAL,
    SILENCE,
    Broker,
    Lost,
    Otherwise,
    Refused,
    Subject,
    TooLarge,
    id_of,
    part_of,
    time_of,
)

log = logging.getLogger("agent_widget")

PORTION: Final = 20_000
"""Changes that are taken from the store at once."""
WINDOW: Final = 250
"""Messages that may wait for their acknowledgements."""
PACE: Final = 0.02
"""Seconds between two rounds; what changes twice meanwhile is sent once."""
SAY_PACE: Final = 1.0
"""Seconds between two messages about how far the rows have come, while they change."""
BACK_OFF: Final = (0.2, 10.0)
REFUSED_FOR: Final = 15.0
"""Seconds before a broker that refused is asked again: somebody may have helped."""
LAST_WORDS: Final = 3.0
"""Seconds in which what is left is published at the end."""
BEHIND: Final = 5.0
"""Seconds after which changes that are not in the stream are called late."""
NOT_SENT: Final = frozenset({"stats"})
"""Tables that readers compute from the others."""


class Publisher:
    """Publishes a store. Its methods may be called from any thread."""

    def __init__(
        self,
        address: Address,
        store: Store,
        host: str,
        welcome: Callable[[], Welcome],
        *,
        is_own: Callable[[Row], bool] = lambda row: True,
    ) -> None:
        """``welcome``: says what is read here. ``is_own``: which rows are published."""
        self.address = address
        self.host = part_of(address.host or host)
        self._store = store
        self._welcome = welcome
        self._is_own = is_own
        self.on_turn: Callable[[], None] = lambda: None
        """Called, in the publisher's thread, when :attr:`state` is another one."""
        self._url = f"{address.url} as {self.host}"
        self._state = Publishing(address.url, self.host, "connecting", None, now_ms())
        self._seq = 0
        self._late_since: float | None = None
        self._too_large: set[tuple[str, str]] = set()
        self._news = asyncio.Event()
        self._stopping, self._stop_by = False, 0.0
        self._thread = LoopThread(self._stay, "agent-widget publisher")
        self._other: tuple[int, float] | None = None
        """The last message of whoever publishes under this name, and since when it has been that one."""
        # of one session
        self._broker: Broker
        self._said_number = 0
        self._said_at = 0.0
        self._said_seq = -1
        self._said_sources: list[SourceState] = []
        self._is_partial = False
        self._lost_lease = False

    # From any thread

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Say in the stream that it has ended, and end; takes a few seconds at most."""
        self._thread.end(self._stop, 8)

    def wake(self) -> None:
        """Look at once what has changed."""
        self._thread.call_soon(self._news.set)

    @property
    def state(self) -> Publishing:
        """How it goes."""
        state, late = self._state, self._late_since
        if state.state == "live" and late is not None and time.monotonic() - late > BEHIND:
            waiting = self._store.seq - self._seq
            return msgspec.structs.replace(state, state="behind", message=f"{waiting:,} changes are not published yet")
        return state

    # Its thread

    def _stop(self) -> None:
        self._stopping, self._stop_by = True, time.monotonic() + LAST_WORDS
        self._news.set()

    @property
    def _is_over(self) -> bool:
        """Whether there is no time for what is not published yet; the next publisher goes on with it."""
        return self._stopping and time.monotonic() > self._stop_by

    async def _stay(self) -> None:
        attempt = 0
        while not self._stopping:
            wait = 0.0
            try:
                await self._session()
            except Refused as refusal:
                self._turn("refused", str(refusal))
                attempt, wait = 0, random.uniform(0.7, 1.3) * REFUSED_FOR
            except Lost as loss:
                attempt = 1 if self._state.state == "live" else attempt + 1
                self._turn("connecting", str(loss))
                wait = random.uniform(0, min(BACK_OFF[1], BACK_OFF[0] * 2 ** min(attempt, 16)))
            except Exception as error:  # whatever it was: a thread that ended would look like a quiet host
                log.exception("publishing to %s failed", self._url)
                self._turn("connecting", f"publishing failed ({type(error).__name__}: {error})")
                wait = BACK_OFF[1]
            until = time.monotonic() + wait
            while not self._stopping and (left := until - time.monotonic()) > 0:
                await self._pause(left)

    async def _pause(self, seconds: float) -> None:
        """Wait for news, not longer than ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    def _turn(self, state: str, message: str | None = None) -> None:
        before = self._state
        if (before.state, before.message) == (state, message):
            return
        if message is not None and message != before.message:
            log.warning("%s: %s", self._url, message)
        self._state = Publishing(self.address.url, self.host, state, message, now_ms())
        self.on_turn()

    async def _session(self) -> None:
        """Publish over one connection, until it breaks or the end. Raises :class:`Refused` or :class:`Lost`."""
        self._broker = await Broker.connect(self.address, self.host, self._news.set)
        try:
            seq = await self._claim()
            try:
                await self._publish(seq)
            finally:
                if self._stopping:
                    with contextlib.suppress(Refused, Lost):
                        await self._say(ended=True)
        finally:
            await self._broker.close()

    async def _publish(self, seq: int | None) -> None:
        """Publish what has changed since ``seq``, everything if that is ``None``, and then what changes."""
        self._is_partial = seq is None
        self._seq = seq or 0
        await self._say()
        self._turn("live", self._left_out())
        while not self._is_over:
            self._broker.check()
            self._late_since = self._late_since or time.monotonic()
            if time.monotonic() - self._said_at > BEAT:  # it may have been halted for long, and be replaced by now
                await self._say()
            changes, reached = self._store.numbered(self._seq, PORTION)
            await self._put(changes, with_gone=not self._is_partial)
            if self._is_over:
                return
            self._seq = reached
            if reached >= self._store.seq:
                self._late_since = None
                if self._is_partial:
                    await self._sweep()
                    self._is_partial = False
                    self._said_seq = -1
            if self._stopping and reached >= self._store.seq:
                return
            due = self._said_at + (BEAT if self._said_seq == self._seq else SAY_PACE)
            if time.monotonic() >= due or self._has_news():
                await self._say()
                self._turn("live", self._left_out())
                due = self._said_at + BEAT
            if self._seq < self._store.seq:
                await asyncio.sleep(PACE)
            else:
                await self._pause(max(PACE, due - time.monotonic()))

    # The message about the host

    async def _claim(self) -> int | None:
        """Begin to publish as this host; return up to which number its rows are in the stream, ``None`` if none is.

        A name has one publisher: another one that is there is not disturbed. Raises :class:`Refused`.
        """
        message = await self._said()
        self._said_number = 0
        if message is None:
            return None
        headers = message.headers or {}
        self._said_number = int(headers["Nats-Sequence"])
        try:
            welcome = msgspec.json.decode(message.data, type=Welcome)
        except msgspec.DecodeError:
            return None
        age = (now_ms() - time_of(message)) / 1000
        mine = welcome.epoch == self._store.epoch and not self._lost_lease
        if self._other is None or self._other[0] != self._said_number:
            self._other = self._said_number, time.monotonic()
        watched = time.monotonic() - self._other[1]  # its clock or ours may be wrong: one that is there says so again
        if not mine and ENDED not in headers and age < SILENCE and watched < SILENCE:
            raise Refused(
                f"{welcome.host or 'another server'} publishes as {self.host} already; if this is another machine, "
                f"give it a name: --publish '{self.address.url}?host=NAME'. If both read the same home, one is enough"
            )
        self._lost_lease = False
        position = Position(welcome.epoch, welcome.seq)
        if PARTIAL in headers:
            return None
        return position.seq if self._store.joins_on(position) else None

    async def _said(self) -> Msg | None:
        """Return what is said of this host; makes the stream if there is none, which not everybody may."""
        subject = self._broker.space.host(self.host)
        try:
            return await self._broker.last(subject)
        except Refused:
            self._broker.check()  # it is not allowed to ask
            await self._broker.make_stream()
            return await self._broker.last(subject)

    def _has_news(self) -> bool:
        """Return whether something about this host has changed since it was said, but for the time."""
        sources = self._welcome().sources
        if sources is self._said_sources:
            return False
        if without_times(sources) != without_times(self._said_sources):
            return True
        self._said_sources = sources
        return False

    async def _say(self, *, ended: bool = False) -> None:
        """Put the message about this host, unless another one was put meanwhile. Raises :class:`Refused`."""
        welcome, seq = self._welcome(), self._seq
        sources = welcome.sources
        welcome.epoch, welcome.seq, welcome.schema, welcome.hosts = self._store.epoch, seq, {}, []
        welcome.sources = [source for source in sources if source.host is None]
        headers = {"Nats-Expected-Last-Subject-Sequence": str(self._said_number)}
        if ended:
            headers[ENDED] = "1"
        if self._is_partial:
            headers[PARTIAL] = "1"
        subject = self._broker.space.host(self.host)
        [answer] = await self._broker.put([(subject, encode(welcome), headers)])
        if isinstance(answer, Otherwise):
            self._lost_lease = True
            raise Refused(f"another server has begun to publish as {self.host}; one of them is enough")
        if isinstance(answer, TooLarge):
            raise Refused("the stream takes no message as large as what is read here; raise its max_msg_size")
        self._said_number, self._said_at = answer, time.monotonic()
        self._said_seq, self._said_sources = seq, sources

    # Rows

    async def _put(self, changes: list[Numbered], *, with_gone: bool) -> None:
        """Publish changes. ``with_gone``: rows that went too; else what is too much is taken out afterwards."""
        wanted = [
            change
            for change in changes
            if change.table not in NOT_SENT and (with_gone if change.row is None else self._is_own(change.row))
        ]
        for begin in range(0, len(wanted), WINDOW):
            some = wanted[begin : begin + WINDOW]
            answers = await self._broker.put(self._message(change) for change in some)
            for change, answer in zip(some, answers, strict=True):
                key = change.table, change.id
                if isinstance(answer, TooLarge):
                    self._too_large.add(key)
                else:
                    self._too_large.discard(key)
            self._seq = some[-1].seq
            if self._is_over:
                return

    def _message(self, change: Numbered) -> tuple[str, bytes, dict[str, str]]:
        subject = self._broker.space.row(self.host, change.table, change.id)
        headers = {"Nats-Msg-Id": f"{self.host}/{self._store.epoch}/{change.seq}"}
        if change.row is None:
            return subject, encode({"id": change.id}), {**headers, GONE: "1", "Nats-TTL": str(GONE_FOR)}
        return subject, encode(change.row), headers

    async def _sweep(self) -> None:
        """Take out the rows in the stream that are not here: what it has is from another life of this store."""
        gone: list[tuple[str, bytes, dict[str, str]]] = []
        subject = f"{self._broker.space.prefix}.{self.host}.>"
        async with contextlib.aclosing(self._broker.messages(subject, headers_only=True)) as lists:  # type: ignore[type-var]
            async for found in lists:
                for message in found:
                    about = Subject.parse(message.subject)
                    if about.table == HOST or about.row is None or GONE in message.headers:
                        continue
                    id = id_of(about.row)
                    if id is None:
                        whole = await self._broker.last(message.subject)
                        id = str(msgspec.json.decode(whole.data)["id"]) if whole is not None else ""
                    row = self._store.get(about.table, id) if about.table in TABLES else None
                    if row is None or not self._is_own(row):
                        gone.append((message.subject, encode({"id": id}), {GONE: "1", "Nats-TTL": str(GONE_FOR)}))
                if not found or found[-1].left == 0:
                    break
        for begin in range(0, len(gone), WINDOW):
            await self._broker.put(gone[begin : begin + WINDOW])

    def _left_out(self) -> str | None:
        """Return what is not in the stream, in words."""
        if not self._too_large:
            return None
        table, id = next(iter(self._too_large))
        return f"{len(self._too_large)} rows are too large for the stream and left out (one is {table} {id[:60]})"
