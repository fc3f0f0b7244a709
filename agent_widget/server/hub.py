"""Fan-out: sends what has changed to all clients, encoded once, framed once, and paced by how many there are.

A client's whole state here is its position. In each round every client gets the answer to "what has changed since
your position?"; clients at one position share the same bytes. A client that does not take them keeps its position,
and a later answer holds everything it missed, each row once: nothing piles up for it and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from .. import protocol
from ..ingest.watcher import Watcher
from ..store import Answer, Position, Row, Store

log = logging.getLogger("agent_widget")

PACE: Final = 0.0003
"""Minimum seconds from one round to the next while changes keep coming; the first after a pause goes out at once."""
PACE_PER_CLIENT: Final = 0.000_05
"""The same for each client: a round costs about 15 µs a client, so sending takes a third of a core."""
SEND_DEADLINE: Final = 5.0
"""A client that does not take a frame within this many seconds is dropped; it asks again when it is back."""
WRITE_LIMIT: Final = 32 * 1024
"""Bytes that may wait in a client's write buffer before it is given more; the mark of its transport as well."""
SHARED_BYTES: Final = 64 * 1024
"""Answers up to this many bytes are written to all at once; larger ones frame by frame, as the client takes them."""
_TEXT: Final = 0x81
"""First byte of a text message in one frame."""
SLICE: Final = 50
"""Clients that a round serves before it lets the loop do other work."""


class Shared(NamedTuple):
    """A frame of the protocol, and the WebSocket frame that carries it to every client without extensions."""

    data: bytes
    wire: bytes

    @classmethod
    def of(cls, data: bytes) -> Shared:
        """Frame ``data`` as one unmasked text message (RFC 6455, section 5.2)."""
        size = len(data)
        if size < 126:
            return cls(data, bytes((_TEXT, size)) + data)
        if size < 65_536:
            return cls(data, bytes((_TEXT, 126)) + size.to_bytes(2) + data)
        return cls(data, bytes((_TEXT, 127)) + size.to_bytes(8) + data)


class Ready(NamedTuple):
    """An answer that is encoded: for followers at one position that want the same tables."""

    now: Position
    """Where the store was."""
    reached: Position
    frames: list[Shared]
    wire: bytes
    """All frames together, if that is little enough to be written at once; else empty."""

    @classmethod
    def of(cls, now: Position, reached: Position, frames: list[Shared]) -> Ready:
        """Return the answer made of these frames."""
        small = sum(len(frame.data) for frame in frames) <= SHARED_BYTES
        return cls(now, reached, frames, b"".join(frame.wire for frame in frames) if small else b"")


class Follower:
    """A client that is let in: its connection, what it wants, and where it is."""

    def __init__(self, socket: ServerConnection, hello: protocol.Hello, sources: protocol.Sources) -> None:
        self.socket = socket
        self.tables = frozenset(hello.tables) if hello.tables is not None else None
        self.limit = hello.limit
        self.client = hello.client[:80] if hello.client else None
        self.position = hello.position  # changes of tables it did not ask for do not move it
        self.sources = sources
        self.heartbeat_due = 0.0  # at once: the first answer comes even if it is empty
        self.sending: asyncio.Task[None] | None = None
        self.is_compressed = bool(socket.protocol.extensions)

    @property
    def can_take_more(self) -> bool:
        """Whether little enough waits to be sent to it."""
        return self.socket.transport.get_write_buffer_size() <= WRITE_LIMIT

    def write(self, frames: Iterable[Shared]) -> None:
        """Hand frames to the transport without waiting."""
        for frame in frames:
            if self.is_compressed:  # compressed: no two connections have the same bytes
                broadcast([self.socket], frame.data.decode())
            else:
                self.socket.transport.write(frame.wire)


class Hub:
    """Sends the changes of a store, and the state of its sources, to all followers."""

    def __init__(self, store: Store, watcher: Watcher) -> None:
        self.store = store
        self.followers: set[Follower] = set()
        self._watcher = watcher
        self._changed = asyncio.Event()
        self._next_at = 0.0
        """When the pace allows the next round, by the loop's clock."""
        self._waits = False
        """Whether :meth:`run` waits for something to change."""
        self._answers: dict[tuple[frozenset[str] | None, Position | None], Ready] = {}
        self._sources: tuple[protocol.Sources, Shared] | None = None
        self._next_beat = 0.0

    def wake(self) -> None:
        """Begin a round as soon as the pace allows; called on the event loop when something has changed.

        With few clients that is mostly at once, here: to wake the task that :meth:`run` is takes as long as the round.
        """
        now = asyncio.get_running_loop().time()
        if self._waits and now >= self._next_at and len(self.followers) < SLICE:
            position = self._begin(now)
            for follower in tuple(self.followers):
                self._serve(follower, position)
            self._end(now)
        else:
            self._changed.set()

    @property
    def sources(self) -> protocol.Sources:
        """How far each root is read; another object whenever that has changed."""
        return self._watcher.sources

    @property
    def pace(self) -> float:
        """Seconds between two rounds: more for more clients, so that their number does not decide the cost."""
        return max(PACE, len(self.followers) * PACE_PER_CLIENT)

    def join(self, follower: Follower) -> None:
        """Send a follower what it has missed, and from then on what changes."""
        self.followers.add(follower)
        self._advance(follower, self.store.position)
        self._changed.set()  # the rounds wait for the heartbeats that were due when it was not there

    def leave(self, follower: Follower) -> None:
        """Send nothing more to a follower."""
        self.followers.discard(follower)
        if follower.sending is not None:
            follower.sending.cancel()

    async def run(self) -> None:
        """Send rounds until cancelled."""
        loop = asyncio.get_running_loop()
        beat: asyncio.TimerHandle | None = None
        try:
            while True:
                self._changed.clear()
                await self._round(loop.time())
                due = min((each.heartbeat_due for each in self.followers if each.sending is None), default=None)
                # a timer that comes too early costs an empty round now and then; to set it anew each time costs more
                if due is not None and (beat is None or beat.when() > due or beat.when() <= loop.time()):
                    if beat is not None:
                        beat.cancel()
                    beat = loop.call_at(due, self._changed.set)
                self._waits = True
                await self._changed.wait()
                self._waits = False
                if (early := self._next_at - loop.time()) > 0:
                    await asyncio.sleep(early)
        finally:
            self._waits = False
            if beat is not None:
                beat.cancel()

    async def _round(self, began: float) -> None:
        """Bring all followers to where the store is; ``began``: what the loop's clock says."""
        position = self._begin(began)
        for number, follower in enumerate(tuple(self.followers)):
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            self._serve(follower, position)
        self._end(began)

    def _begin(self, began: float) -> Position:
        """Return where the store is now; answers up to another position are forgotten."""
        self._next_beat = began + protocol.HEARTBEAT
        position = self.store.position
        for key in [key for key, answer in self._answers.items() if answer.now != position]:
            del self._answers[key]
        return position

    def _serve(self, follower: Follower, position: Position) -> None:
        """Bring a follower to where the store is, unless it is still being sent to, or has left."""
        if follower.sending is None and follower in self.followers and not self._pass_on(follower):
            self._advance(follower, position)

    def _end(self, began: float) -> None:
        """Note when the next round may begin: others get as much time as this one took."""
        now = asyncio.get_running_loop().time()
        self._next_at = began + max(self.pace, 2 * (now - began))

    def _pass_on(self, follower: Follower) -> bool:
        """Write the answer that another follower got in this round, if that is all there is to do.

        With many clients nearly all of a round's time is spent here, so it is as short as it can be.
        """
        ready = self._answers.get((follower.tables, follower.position))
        if (
            ready is None
            or not ready.wire
            or self._watcher.sources is not follower.sources
            or follower.is_compressed
            or follower.socket.state is not State.OPEN
            or not follower.can_take_more
        ):
            return False
        follower.socket.transport.write(ready.wire)
        follower.position, follower.heartbeat_due = ready.reached, self._next_beat
        return True

    def _advance(self, follower: Follower, now: Position) -> None:
        """Bring a follower to ``now`` or later: at once if it is little, else as fast as the follower takes it."""
        try:
            reached, frames = self._frames(follower, now)
        except Exception:
            log.exception("changes could not be sent to a client")
            follower.socket.transport.abort()  # it connects again and asks from its own position
            return
        if follower.socket.state is not State.OPEN:
            return
        if isinstance(frames, list):
            if not frames:
                return
            if follower.can_take_more and sum(len(frame.data) for frame in frames) <= SHARED_BYTES:
                follower.write(frames)
                self._sent(follower, reached)
                return
            frames = [frame.data for frame in frames]
        follower.sending = asyncio.create_task(self._send(follower, reached, frames))
        follower.sending.add_done_callback(functools.partial(self._send_ended, follower))

    @staticmethod
    def _sent(follower: Follower, reached: Position | None) -> None:
        if reached is not None:
            follower.position = reached
            follower.heartbeat_due = asyncio.get_running_loop().time() + protocol.HEARTBEAT

    async def _send(self, follower: Follower, reached: Position | None, frames: Iterable[bytes]) -> None:
        for frame in frames:
            await send(follower.socket, frame)
        self._sent(follower, reached)

    def _send_ended(self, follower: Follower, sending: asyncio.Task[None]) -> None:
        follower.sending = None
        if sending.cancelled():
            return
        error = sending.exception()
        if error is None:
            self._changed.set()  # more may have changed meanwhile, and its next heartbeat is not waited for yet
        else:
            if not isinstance(error, (ConnectionClosed, TimeoutError)):
                log.error("changes could not be sent to a client", exc_info=error)
            follower.socket.transport.abort()

    def _frames(self, follower: Follower, now: Position) -> tuple[Position | None, list[Shared] | Iterable[bytes]]:
        """Return the frames to send, and the position that a follower has after them, ``None`` if it stays."""
        reached: Position | None
        reached, frames = self._answer(follower, now)
        if not isinstance(frames, list):
            return reached, frames
        position, beat_by = follower.position, follower.heartbeat_due - protocol.HEARTBEAT / 10
        if not frames and position and asyncio.get_running_loop().time() >= beat_by:  # a little early, with others
            frames = [Shared.of(protocol.encode(protocol.Changes(reached.epoch, reached.seq, position.seq)))]
        elif not frames:
            reached = None
        if (sources := self.sources) is not follower.sources:
            if self._sources is None or self._sources[0] is not sources:
                self._sources = sources, Shared.of(protocol.encode(sources))
            frames = [*frames, self._sources[1]]
            follower.sources = sources
        return reached, frames

    def _answer(self, follower: Follower, now: Position) -> tuple[Position, list[Shared] | Iterable[bytes]]:
        """Return what has changed since a follower's position, encoded once for all that are there."""
        key = None if follower.position is None else (follower.tables, follower.position)
        if key is not None and (known := self._answers.get(key)) is not None and known.now == now:
            return known.reached, known.frames
        answer = self.store.since(follower.position, follower.tables, follower.limit, held_only=True)
        reached = Position(answer.epoch, answer.seq)
        if answer.reset:  # it can be large, and nobody else may have that limit: encoded while it is sent, not kept
            return reached, protocol.encode_answer(self._with_older_rows(answer, follower.limit or {}))
        frames = [Shared.of(data) for data in protocol.encode_answer(answer)] if answer else []
        if key is not None:
            self._answers[key] = Ready.of(now, reached, frames)
        return reached, frames

    def _with_older_rows(self, answer: Answer, limit: Mapping[str, int]) -> Answer:
        """Put the rows that are not in memory before those that are, read when it is their turn to be sent.

        What changes meanwhile is in the next answer, since this one's ``seq`` stays.
        """
        for table, count in answer.counts.items():
            held = answer.rows.get(table, [])
            if (most := min(count, limit.get(table, count))) > len(held):
                answer.rows[table] = cast("list[Row]", self.store.newest(table, most, held))
        return answer


async def send(socket: ServerConnection, frame: bytes) -> None:
    """Send one frame within the deadline. The library's keep-alive does not drop a reader whose buffer is full."""
    try:
        async with asyncio.timeout(SEND_DEADLINE):
            await socket.send(frame, text=True)
    except TimeoutError:
        socket.transport.abort()
        raise
