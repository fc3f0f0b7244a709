"""Fan-out: what many clients cost, and what one that does not read costs. Work is counted, not timed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_widget import protocol
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.protocol import Assembler
from agent_widget.server import hub
from agent_widget.server.app import Server
from agent_widget.store import Answer, Columns, Store
from agent_widget.tables import Record
from tests.support.wire import PATIENCE, Raw, change, contents, following, log_rows, raw, served, until_async

pytestmark = pytest.mark.usefixtures("own_machine")


async def level(server: Server, clients: list[Raw]) -> None:
    """Bring all clients to one position."""
    change(server, *log_rows("level"))
    await asyncio.gather(*(client.answer() for client in clients))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """The answers that are encoded."""
    encode, answers = protocol.encode_answer, []

    def noted(answer: Answer) -> Iterator[bytes]:
        answers.append(answer)
        return encode(answer)

    monkeypatch.setattr(protocol, "encode_answer", noted)
    return answers


def test_an_answer_is_encoded_and_framed_once_for_all_at_one_position(
    workspace: Path, encoded: list[Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with served(workspace) as server, following(server, 12) as clients:
            await level(server, clients)
            encoded.clear()
            framed: list[bytes] = []
            shared = hub.Shared.of
            monkeypatch.setattr(hub.Shared, "of", lambda data: framed.append(data) or shared(data))
            for number in range(5):
                change(server, *log_rows(f"l{number}"))
                answers = await asyncio.gather(*(client.answer() for client in clients))
                assert all(answer == answers[0] for answer in answers)
            assert len(encoded) == 5
            assert sum(b'"changes"' in data for data in framed) == 5

    asyncio.run(run())


def test_clients_that_come_back_together_get_what_they_missed_encoded_once(
    workspace: Path, encoded: list[Answer]
) -> None:
    async def run() -> None:
        async with served(workspace) as server:
            change(server, *log_rows("a"))
            since = {"epoch": server.store.epoch, "seq": server.store.seq}
            change(server, *log_rows("b"))
            encoded.clear()
            async with following(server, 8, since=since):
                assert len([answer for answer in encoded if answer.rows.keys() == {"logs"}]) == 1

    asyncio.run(run())


def test_one_change_wakes_one_round_whatever_the_number_of_clients(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEARTBEAT", 600.0)

    async def run() -> None:
        async with served(workspace) as server, following(server, 6) as clients:
            await level(server, clients)
            asked: list[Any] = []
            since = server.store.since
            monkeypatch.setattr(
                server.store, "since", lambda *args, **options: asked.append(args) or since(*args, **options)
            )
            change(server, *log_rows("one"))
            await asyncio.gather(*(client.answer() for client in clients))
            assert len(asked) == 1

    asyncio.run(run())


def test_a_change_is_sent_where_it_is_told_of_if_the_pace_allows_and_else_by_the_rounds(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To wake the task of the rounds takes as long as a round."""
    monkeypatch.setattr(protocol, "HEARTBEAT", 600.0)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with served(workspace) as server, following(server, 2) as clients:
            await level(server, clients)
            rounds = server._hub
            await until_async(lambda: rounds._waits and loop.time() > rounds._next_at)
            for at_once in (True, False):
                server.store.apply(log_rows(f"at once: {at_once}"))
                rounds.wake()
                behind = {follower.position != server.store.position for follower in rounds.followers}
                assert behind == {not at_once}
                rounds._next_at = loop.time() + 0.05
            answers = [await client.answer() for client in clients for _ in range(2)]
            assert len(answers) == 4

    asyncio.run(run())


def test_quiet_is_broken_by_a_heartbeat_after_an_answer_that_took_long_to_send(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEARTBEAT", 0.2)
    send = hub.send

    async def run() -> None:
        async with served(workspace) as server, raw(server) as client:
            rounds, loop = server._hub, asyncio.get_running_loop()

            async def slowly(*args: Any) -> None:
                await until_async(lambda: not rounds._changed.is_set() and loop.time() > rounds._next_at)
                await send(*args)

            monkeypatch.setattr(hub, "send", slowly)
            await asyncio.to_thread(rounds._watcher.stop)  # whose word would come between
            await client.hello(server, tables=["tasks"])
            for _ in range(3):
                assert (await client.answer())["seq"] == server.store.seq

    asyncio.run(run())


def test_the_pace_grows_with_the_number_of_clients(workspace: Path) -> None:
    async def run() -> None:
        async with served(workspace) as server:
            assert server._hub.pace == hub.PACE
            server._hub.followers = set(range(1000))  # type: ignore[arg-type]
            assert server._hub.pace == pytest.approx(1000 * hub.PACE_PER_CLIENT)
            server._hub.followers = set()

    asyncio.run(run())


def test_a_client_that_does_not_read_holds_few_bytes_and_gets_each_row_once_when_it_reads(workspace: Path) -> None:
    async def run() -> None:
        async with served(workspace) as server, following(server, 2) as (reading, sleeping):
            by_port = {follower.socket.remote_address[1]: follower for follower in server._hub.followers}
            follower = by_port[sleeping.socket.local_address[1]]
            sleeping.socket.transport.pause_reading()
            held = 0
            rounds = 0
            while rounds < 40 or follower.sending is None:
                rounds += 1
                change(server, *log_rows(*(f"l{i}" for i in range(200)), text=f"{rounds} " + "x" * 480))
                await reading.answer()
                held = max(held, follower.socket.transport.get_write_buffer_size())
            assert held <= hub.WRITE_LIMIT + hub.SHARED_BYTES + protocol.FRAME_BYTES + 4096
            change(server, *log_rows("last"))
            sleeping.socket.transport.resume_reading()
            replica, answers, assembler = Store(epoch=""), 0, Assembler()
            replica.epoch, replica.seq = server.store.epoch, 0
            seen: dict[str, str] = {}
            while "last" not in seen:
                frame = protocol.decode_server(await asyncio.wait_for(sleeping.socket.recv(), PATIENCE))
                if isinstance(frame, protocol.Changes) and (answer := assembler.add(frame)):
                    answers += 1
                    rows = answer.rows.get("logs", [])
                    assert len({row["id"] for row in rows}) == len(rows)
                    seen.update((row["id"], row["text"]) for row in rows)
            assert answers < rounds  # answers that it did not take were made one
            now = contents(server.store)["logs"]
            assert seen == {id: row["text"] for id, row in now.items() if id in seen}
            assert len(seen) == 201

    asyncio.run(run())


@pytest.mark.parametrize(("limit", "expected"), [(None, range(400)), (300, range(100, 400)), (20, range(380, 400))])
def test_rows_that_are_not_in_memory_are_read_in_pages_while_they_are_sent(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int | None, expected: range
) -> None:
    monkeypatch.setattr("agent_widget.ingest.keeping.HELD", {"logs": 50})
    monkeypatch.setattr("agent_widget.store.PAGE", 64)

    async def run() -> None:
        collector = Collector([workspace], archive=lambda roots: Archive.open(tmp_path / "archive"))
        async with Server(collector, first_look=PATIENCE).running() as server, raw(server) as client:
            # two lines of one time each, whose ids are not in the order in which they were written
            change(server, *(Record("logs", f"l{999 - line}", {"at": line // 2 + 1}) for line in range(400)))
            server.store.write()
            change(server, Record("logs", "l994", {"text": "an old line that changes is in memory"}))
            assert server.store.held("logs") == 51
            read: list[int] = []
            looked_up: list[str] = []
            later = Archive.later

            def look_up(*args: Any) -> tuple[list[Columns], tuple[int, str] | None]:
                rows, last = later(*args)
                read.append(len(rows))
                looked_up.extend(row.id for row in rows)
                return rows, last

            monkeypatch.setattr(Archive, "later", look_up)
            monkeypatch.setattr(Archive, "since", lambda *args: pytest.fail("all rows were read at once"))
            await client.hello(server, tables=["logs"], limit=limit and {"logs": limit})
            answer = await client.answer()
            rows = answer["rows"]["logs"]
            lines = [999 - int(row["id"][1:]) for row in rows]
            assert sorted(lines) == list(expected), "the newest, whatever is in memory"
            assert [line for line in lines if line != 5] == [line for line in expected if line != 5], "the oldest first"
            assert answer["counts"] == {"logs": 400}
            assert max(read, default=0) <= 64
            again = {id for id in looked_up if server.store.holds("logs", id)}
            assert again <= {"l994"}, "what is in memory is not read again"

    asyncio.run(run())


def test_a_change_that_cannot_be_encoded_costs_the_client_and_not_the_others(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with served(workspace) as server, following(server, 1) as (client,):
            async with following(server, 1, tables=["messages"]):
                server.store.apply(log_rows("bad", text=object()))  # type: ignore[arg-type]
                server._hub.wake()
                await until_async(lambda: server.connections == 1)
            assert "could not be sent" in caplog.text
            await asyncio.wait_for(client.socket.wait_closed(), PATIENCE)
            async with following(server, 1, tables=["tasks"]) as (other,):
                await other.send(type="ping", at=1)
                assert (await other.frame())["type"] == "pong"

    asyncio.run(run())
