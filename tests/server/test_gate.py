"""Who may talk to a server: tokens, hosts and origins."""

from __future__ import annotations

import pytest

from agent_widget.server import gate
from agent_widget.server.gate import Gate


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
