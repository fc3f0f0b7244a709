"""What a host publishes is what it has, whatever happens to the broker, to the publisher or to the rows."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent_widget import protocol
from agent_widget.broker import publisher as publishing
from agent_widget.broker import stream
from agent_widget.broker.address import Address
from agent_widget.broker.publisher import NOT_SENT, Publisher
from agent_widget.store import Store
from agent_widget.tables import Gone, Record, now_ms
from tests.support.nats import NatsServer, nats_server, stream_rows
from tests.support.wire import log_rows, until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """How far the rows have come is said at once, and a broker is asked again soon."""
    monkeypatch.setattr(publishing, "SAY_PACE", 0.01)
    monkeypatch.setattr(publishing, "BACK_OFF", (0.05, 0.2))


def held(store: Store) -> dict[str, dict[str, Any]]:
    """The rows of a store that are to be published."""
    return {f"{table}/{row['id']}": dict(row) for table in store if table not in NOT_SENT for row in store.rows(table)}


def holding(text: str) -> Store:
    """A store with one row of that text."""
    store = Store()
    store.apply(log_rows("1", text=text))
    return store


def in_stream(address: Address, host: str = "box") -> dict[str, dict[str, object]]:
    return asyncio.run(stream_rows(address)).get(host, {})


@contextmanager
def published(address: Address, store: Store, host: str = "box") -> Iterator[Publisher]:
    def welcome() -> protocol.Welcome:
        return protocol.Welcome(1, "test", store.epoch, store.seq, 0, [], {}, host=host)

    publisher = Publisher(address, store, host, welcome)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.stop()


def is_in_step(publisher: Publisher, store: Store) -> bool:
    """Whether everything is in the stream, as the publisher says."""
    publisher.wake()
    return publisher.state.state == "live" and publisher._said_seq == store.seq and not publisher._is_partial


def change(store: Store, generator: random.Random, times: int) -> None:
    """Add, change and take out rows of some tables."""
    for _ in range(times):
        table = generator.choice(["agents", "tasks", "messages", "logs", "stats"])
        id = f"{generator.randrange(60)} with.dots * and ümlauts > {'long ' * generator.choice([0, 60])}"
        column = {"agents": "activity", "tasks": "title", "stats": "name"}.get(table, "text")
        if generator.random() < 0.2:
            store.apply([Gone(table, id)])
        else:
            store.apply([Record(table, id, {column: str(generator.random())})])


def test_the_stream_holds_the_latest_of_each_row_and_nothing_that_went(broker: NatsServer) -> None:
    store, address = Store(), broker.address("latest")
    change(store, random.Random(1), 300)
    with published(address, store) as publisher:
        until(lambda: is_in_step(publisher, store))
        assert in_stream(address) == held(store)
        change(store, random.Random(2), 300)
        until(lambda: is_in_step(publisher, store))
        assert in_stream(address) == held(store)


def test_a_publisher_that_starts_again_sends_only_what_it_missed(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, address = Store(), broker.address("again")
    store.apply(log_rows(*map(str, range(100))))
    with published(address, store) as publisher:
        until(lambda: is_in_step(publisher, store))
    store.apply([Gone("logs", "7"), *log_rows("3", "new", text="late")])

    sent: list[str] = []
    put = stream.Broker.put

    async def noting(self: stream.Broker, messages: Any) -> list[Any]:
        messages = list(messages)
        sent.extend(headers.get("Nats-Msg-Id", "") for _, _, headers in messages)
        return await put(self, messages)

    monkeypatch.setattr(stream.Broker, "put", noting)
    with published(address, store) as publisher:
        until(lambda: is_in_step(publisher, store))
    assert [id for id in sent if id] == [f"box/{store.epoch}/{number}" for number in (101, 102, 103)]
    assert in_stream(address) == held(store)


def test_a_store_in_a_new_life_replaces_what_the_old_one_left(broker: NatsServer) -> None:
    address = broker.address("life")
    for life in range(3):
        store = Store()
        change(store, random.Random(life), 200)
        with published(address, store) as publisher:
            until(lambda: is_in_step(publisher, store))  # noqa: B023
        assert in_stream(address) == held(store)


def test_what_was_cut_short_in_a_new_life_is_finished_by_the_next_publisher(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, old = broker.address("short"), Store()
    old.apply(log_rows("old"))
    with published(address, old) as publisher:
        until(lambda: is_in_step(publisher, old))
    store = Store()
    store.apply(log_rows(*map(str, range(50))))
    sweep = Publisher._sweep

    async def never(self: Publisher) -> None:
        raise stream.Lost("cut")

    monkeypatch.setattr(Publisher, "_sweep", never)
    with published(address, store) as publisher:
        until(lambda: publisher.state.message == "cut")
    monkeypatch.setattr(Publisher, "_sweep", sweep)
    with published(address, store) as publisher:
        until(lambda: is_in_step(publisher, store))
    assert in_stream(address) == held(store)


def test_a_broker_that_is_killed_and_comes_back_misses_nothing(tmp_path: Path) -> None:
    store, generator = Store(), random.Random(3)
    with nats_server(tmp_path) as server, published(server.address(), store) as publisher:
        for round in range(4):
            change(store, generator, 300)
            publisher.wake()
            if round % 2:
                until(lambda: is_in_step(publisher, store))
            server.kill()
            change(store, generator, 100)
            server.start()
        until(lambda: is_in_step(publisher, store), 20)
        assert in_stream(server.address()) == held(store)


def test_a_broker_that_lost_everything_is_filled_again(tmp_path: Path) -> None:
    store = Store()
    change(store, random.Random(4), 200)
    with nats_server(tmp_path) as server, published(server.address(), store) as publisher:
        until(lambda: is_in_step(publisher, store))
        server.kill()
        (tmp_path / "store").rename(tmp_path / "lost")
        server.start()

        def is_filled() -> bool:
            with contextlib.suppress(stream.Lost, stream.Refused):  # there is no stream yet
                return in_stream(server.address()) == held(store)
            return False

        until(is_filled, 20)


def test_two_publishers_of_one_host_are_one_too_many_and_the_second_says_so(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, first, second = broker.address("two"), Store(), Store()
    first.apply(log_rows("1", text="first"))
    second.apply(log_rows("1", "2", text="second"))
    monkeypatch.setattr(publishing, "REFUSED_FOR", 0.3)
    with published(address, second) as waiting:
        until(lambda: is_in_step(waiting, second))
        with published(address, first) as refused:
            until(lambda: refused.state.state == "refused")
            assert "box publishes as box already" in str(refused.state.message)
            assert "?host=NAME" in str(refused.state.message)
            assert in_stream(address) == held(second)
            waiting.stop()  # it says that it has ended: the other one takes its place
            until(lambda: is_in_step(refused, first))
            assert in_stream(address) == held(first)


def test_a_publisher_that_was_replaced_while_it_was_halted_does_not_write_any_more(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, halted, other = broker.address("halted"), holding("halted"), holding("other")
    with published(address, halted) as old:
        until(lambda: is_in_step(old, halted))
        monkeypatch.setattr(publishing, "SILENCE", -1.0)  # the other one takes it for gone
        with published(address, other) as new:
            until(lambda: is_in_step(new, other))
            monkeypatch.setattr(publishing, "SILENCE", 40.0)
            old._said_at = 0.0  # as long ago as if it had been halted
            halted.apply(log_rows("1", text="late"))
            old.wake()
            until(lambda: old.state.state == "refused")
            assert "one of them is enough" in str(old.state.message)
            assert in_stream(address) == held(other)


def test_a_name_whose_publisher_says_nothing_more_is_free_whatever_the_clocks_say(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the machine is hours late: what was said last seems to be of the future."""
    address, killed, other = broker.address("late"), holding("killed"), holding("other")
    with published(address, killed) as first:
        until(lambda: is_in_step(first, killed))
        with monkeypatch.context() as killing:
            killing.setattr(Publisher, "_say", lambda *_, **__: asyncio.sleep(0))  # it ends without a word
            first.stop()
    monkeypatch.setattr(publishing, "SILENCE", 0.5)
    monkeypatch.setattr(publishing, "REFUSED_FOR", 0.1)
    monkeypatch.setattr(publishing, "now_ms", lambda: now_ms() - 5 * 3_600_000)
    with published(address, other) as second:
        until(lambda: second.state.state == "refused")
        until(lambda: is_in_step(second, other))


def test_a_row_that_is_too_large_is_left_out_and_that_is_said(broker: NatsServer) -> None:
    address, store = broker.address("large"), Store()
    store.apply([Record("tasks", "huge", {"tags": ["x" * 300_000]}), *log_rows("1", "2")])
    with published(address, store) as publisher:
        until(lambda: is_in_step(publisher, store))
        until(lambda: "too large" in str(publisher.state.message))
        assert in_stream(address).keys() == {"logs/1", "logs/2"}
        store.apply([Record("tasks", "huge", {"tags": ["x"]})])
        until(lambda: is_in_step(publisher, store))
        until(lambda: publisher.state.message is None)
        assert in_stream(address) == held(store)


def test_a_full_stream_refuses_aloud_and_loses_nothing_once_there_is_room(
    broker: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, store = broker.address("full"), Store()
    monkeypatch.setattr(stream, "MAX_BYTES", 100_000)
    monkeypatch.setattr(publishing, "REFUSED_FOR", 0.3)
    generator = random.Random(5)
    noise = ["".join(generator.choices("abcdefghijklmnopqrstuvwxyz", k=500)) for _ in range(400)]
    store.apply([Record("logs", str(number), {"text": text}) for number, text in enumerate(noise)])
    with published(address, store) as publisher:
        until(lambda: publisher.state.state == "refused")
        assert "the stream is full" in str(publisher.state.message)
        asyncio.run(_widen(address))
        until(lambda: is_in_step(publisher, store))
        assert in_stream(address) == held(store)


async def _widen(address: Address) -> None:
    broker = await stream.Broker.connect(address, "admin")
    await broker._api(f"STREAM.UPDATE.{broker.space.stream}", {**broker.space.config, "max_bytes": 10_000_000})
    await broker.close()
