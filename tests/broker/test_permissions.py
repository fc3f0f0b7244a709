"""The configuration in the documentation lets each user do what is needed, and nothing of what others do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_widget.broker import stream
from agent_widget.broker.address import Address, AddressError, address
from agent_widget.broker.stream import Broker, Lost, Refused
from agent_widget.environment import NATS_CREDENTIALS
from agent_widget.store import Store
from tests.broker.test_publisher import held, is_in_step, published
from tests.support.nats import NatsServer, nats_server, stream_rows
from tests.support.wire import log_rows, until


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[NatsServer]:
    """A broker with the users of the documentation; each one's password is its name."""
    text = (root / "docs" / "nats.conf").read_text()
    users = text[text.index("authorization") :]
    users = re.sub(r'user: ([\w-]+), password: "\$\w+"', r'user: \1, password: "\1"', users)
    with nats_server(tmp_path_factory.mktemp("broker"), users) as server:
        yield server


def as_user(broker: NatsServer, user: str, password: str | None = None) -> Address:
    return replace(broker.address(), credentials={"user": user, "password": password or user})


def test_publishers_and_a_reader_can_do_what_they_need(broker: NatsServer) -> None:
    stores = {"gpu-1": Store(), "gpu-2": Store()}
    for name, store in stores.items():
        store.apply(log_rows("1", "2", text=name))
        with published(as_user(broker, name), store, name) as publisher:
            until(lambda: is_in_step(publisher, store))  # noqa: B023
    found = asyncio.run(stream_rows(as_user(broker, "hub"), name="reader-hub"))
    assert found == {name: held(store) for name, store in stores.items()}
    again = Store()  # another life of a host: what the old one left is looked through, and nothing else
    again.apply(log_rows("2", text="again"))
    with published(as_user(broker, "gpu-1"), again, "gpu-1") as publisher:
        until(lambda: is_in_step(publisher, again))
    found = asyncio.run(stream_rows(as_user(broker, "hub"), name="reader-hub"))
    assert found == {"gpu-1": held(again), "gpu-2": held(stores["gpu-2"])}


@pytest.mark.parametrize(
    "what",
    [
        ("put", "aw.v1.lab.gpu-2.logs.MQ"),
        ("put", "aw.v1.lab.gpu-2.host"),
        ("ask", "DIRECT.GET.aw-lab.aw.v1.lab.gpu-2.host"),
        ("ask", "STREAM.INFO.aw-lab"),
        ("ask", "STREAM.PURGE.aw-lab"),
        ("ask", "STREAM.DELETE.aw-lab"),
        ("read", "aw.v1.lab.>"),
        ("read", "aw.v1.lab.gpu-2.>"),
    ],
    ids=" ".join,
)
def test_a_publisher_may_do_nothing_with_the_rows_of_others(
    broker: NatsServer, what: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="does not allow"):
        asyncio.run(_try(as_user(broker, "gpu-1"), "gpu-1", what))


def test_a_reader_may_not_publish(broker: NatsServer) -> None:
    with pytest.raises(Refused, match="does not allow"):
        asyncio.run(_try(as_user(broker, "hub"), "reader-hub", ("put", "aw.v1.lab.gpu-2.logs.MQ")))


async def _try(address: Address, name: str, what: tuple[str, str]) -> None:
    broker = await Broker.connect(address, name)
    verb, subject = what
    try:
        if verb == "put":
            await broker.put([(subject, b"{}", {})])
        elif verb == "ask":
            await broker._answered(broker._api(subject))
        else:
            async for _ in broker.messages(subject):
                break
    finally:
        await broker.close()


def test_who_is_not_let_in_is_told_so(broker: NatsServer) -> None:
    with published(as_user(broker, "gpu-1", "guessed"), Store(), "gpu-1") as publisher:
        until(lambda: publisher.state.state == "refused")
        assert "does not let this user in" in str(publisher.state.message)


def test_a_broker_that_is_not_there_is_said(broker: NatsServer) -> None:
    with pytest.raises(Lost, match="not reachable"):
        asyncio.run(_try(address("nats://127.0.0.1:1/lab"), "box", ("ask", "INFO")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nats://user:secret@broker/lab", "every user of this machine can read a command line"),
        ("nats://token@broker/lab", "every user of this machine can read a command line"),
        ("http://broker", "is not a broker"),
        ("nats://", "is not a broker"),
        ("nats://broker/a.b", "a space has letters"),
        ("nats://broker/a/b", "a space has letters"),
        ("nats://broker/lab?token=1", "an address has no option 'token'"),
        ("nats://broker:x/lab", "not the address of a broker"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(text: str, problem: str) -> None:
    with pytest.raises(AddressError, match=problem):
        address(text)


@pytest.mark.parametrize(
    ("held", "given"),
    [
        ("gpu-1:pass:word\n", {"user": "gpu-1", "password": "pass:word"}),
        ("a-token\n", {"token": "a-token"}),
        ("SU" + "A" * 56, {"nkeys_seed_str": "SU" + "A" * 56}),
    ],
)
def test_credentials_come_from_a_file_or_the_environment(
    held: str, given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    file.write_text(held)
    assert address("nats://broker/lab", file).credentials == given
    for value in (held, str(file)):
        monkeypatch.setenv(NATS_CREDENTIALS, value)
        assert address("nats://broker/lab").credentials == given
    assert held.strip() not in repr(address("nats://broker/lab"))


def test_an_id_of_any_kind_is_part_of_a_subject() -> None:
    for id in ("", "a", "with.dots", "with spaces > and *", "ümlaut", "x" * 10_000):
        part = stream.row_part(id)
        assert re.fullmatch(r"[A-Za-z0-9_~-]+", part)
        assert stream.id_of(part) == (id if 0 < len(id) < 200 else None)
