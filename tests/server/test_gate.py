"""Who may talk to a server: tokens, hosts and origins."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from agent_widget.server import gate
from agent_widget.server.gate import CROWD, LOBBY, LOBBY_PER_PEER, Gate, Lobby


def refused(gate: Gate, *hosts: str, origins: tuple[str, ...] = ()) -> bool:
    return gate.refusal(hosts, origins) is not None


def test_tokens_are_long_and_never_the_same() -> None:
    assert len(gate.new_token()) >= 43
    assert gate.new_token() != gate.new_token()


@pytest.mark.parametrize("given", [None, "", "secre", "secrets", "geheimnis-ü", "\ud800"])
def test_only_the_very_token_fits(given: str | None) -> None:
    gate = Gate("127.0.0.1", 1, "secret")
    assert gate.admits("secret")
    assert not gate.admits(given)
    assert Gate("127.0.0.1", 1, None).admits(given)


def test_a_host_is_exactly_an_own_name() -> None:
    gate = Gate("127.0.0.1", 8765, "t")
    for host in ("127.0.0.1:8765", "localhost:8765", "[::1]:8765"):
        assert not refused(gate, host)
    for host in ("127.0.0.1", "127.0.0.1:1", "evil.example:8765", "127.0.0.1:8765.evil.example", ""):
        assert refused(gate, host)
    assert refused(gate)
    assert refused(gate, "127.0.0.1:8765", "127.0.0.1:8765")


def test_a_name_of_a_proxy_is_one_that_was_allowed_and_its_page_the_only_origin() -> None:
    gate = Gate("127.0.0.1", 8765, "secret", ["Hub.example.org", "localhost:8888"])
    assert not refused(gate, "hub.example.org") and not refused(gate, "HUB.example.org")
    assert not refused(gate, "localhost:8888", origins=("http://localhost:8888",))
    assert not refused(gate, "hub.example.org", origins=("https://hub.example.org",))
    assert not refused(gate, "127.0.0.1:8765")
    for host in (
        "hub.example.org:8765",
        "localhost:8889",
        "evil.hub.example.org",
        "example.org",
        "hub.example.org.",
        "",
    ):
        assert refused(gate, host)
    assert refused(gate, "hub.example.org", origins=("https://evil.example",))
    assert refused(gate, "hub.example.org", origins=("http://127.0.0.1:8765",))
    assert refused(gate, "hub.example.org", "127.0.0.1:8765")


def test_an_origin_is_the_own_page_or_none() -> None:
    gate = Gate("127.0.0.1", 8765, "t")
    own = "127.0.0.1:8765"
    assert not refused(gate, own, origins=("http://127.0.0.1:8765",))
    for origin in ("null", "", "http://evil.example", "http://localhost:8765", "http://127.0.0.1:8765/"):
        assert refused(gate, own, origins=(origin,))
    assert refused(gate, own, origins=("http://127.0.0.1:8765",) * 2)


def test_a_server_for_all_addresses_is_reached_under_any_one_name() -> None:
    gate = Gate("0.0.0.0", 8765, "t")
    assert not refused(gate, "box.local:8765", origins=("http://box.local:8765",))
    assert refused(gate, "box.local:8765", origins=("http://evil.example",))


def in_loop(scene: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(scene)
    def run(*args: Any, **options: Any) -> None:
        asyncio.run(scene(*args, **options))

    return run


class Visitors:
    """A lobby, and who was dropped from it."""

    def __init__(self) -> None:
        self.lobby = Lobby()
        self.dropped: list[str] = []

    def enter(self, *names: str, host: str = "127.0.0.1") -> None:
        for name in names:
            self.lobby.enter(name, host, lambda name=name: self.dropped.append(name))  # type: ignore[misc]


def names(count: int) -> list[str]:
    return [f"stranger {number}" for number in range(count)]


@in_loop
async def test_the_newest_connection_is_accepted_and_the_longest_silent_one_dropped() -> None:
    visitors = Visitors()
    visitors.enter(*names(LOBBY), "owner")
    assert len(visitors.lobby) == LOBBY
    assert visitors.dropped == ["stranger 0"]
    visitors.lobby.spoke("stranger 1")
    visitors.enter("another", "and another")
    assert visitors.dropped == ["stranger 0", "stranger 2", "stranger 3"]
    visitors.lobby.close()


@in_loop
async def test_a_closed_connection_takes_no_place() -> None:
    visitors = Visitors()
    visitors.enter(*names(LOBBY))
    visitors.lobby.leave("stranger 5")
    visitors.lobby.leave("stranger 5")
    visitors.lobby.spoke("stranger 5")
    visitors.enter("owner")
    assert visitors.dropped == []
    visitors.lobby.close()


@in_loop
async def test_another_machine_has_few_places_and_takes_none_of_others() -> None:
    visitors = Visitors()
    visitors.enter("local", "local too")
    visitors.enter("friend", host="192.0.2.8")
    visitors.enter(*names(LOBBY_PER_PEER + 3), host="192.0.2.7")
    assert visitors.dropped == names(3)
    visitors.lobby.close()


@in_loop
async def test_in_a_crowd_the_silent_are_dropped_sooner_until_it_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "CROWD_DEADLINE", 0.02)
    visitors = Visitors()
    visitors.enter(*names(CROWD + 4))
    assert visitors.dropped == []
    async with asyncio.timeout(10):
        while len(visitors.dropped) < 4:
            await asyncio.sleep(0.005)
    assert visitors.dropped == names(4)
    visitors.lobby.close()
