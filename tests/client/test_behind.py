"""A server that answers but has stopped to read: the connection is fine and nothing looks live."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

import agent_widget as aw
from agent_widget.client import wire
from agent_widget.ingest import watcher as watching
from agent_widget.ingest.collector import Collector
from tests.support.wire import hosted, say

PATIENCE = 15


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is not set, the next round of reading does not end."""
    going = threading.Event()
    going.set()
    settle = Collector.settle

    def settle_when_set(collector: Collector, *, stats: bool = False) -> bool:
        going.wait(PATIENCE)
        return settle(collector, stats=stats)

    monkeypatch.setattr(Collector, "settle", settle_when_set)
    return going


def test_a_reader_that_stands_still_is_seen_and_so_is_that_it_goes_on(
    workspace: Path, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BEHIND", 0.5)
    monkeypatch.setattr(wire, "PING_EVERY", 0.05)
    monkeypatch.setattr(watching, "ALIVE_PACE", 0.1)
    monkeypatch.setattr(watching, "SOURCES_PACE", 0.05)
    monkeypatch.setattr(watching, "HOT_CHECK", 0.05)
    monkeypatch.setattr(watching, "ROOT_CHECK", 0.05)
    with hosted(workspace) as server, closing(aw.connect(server.url, server.token)) as client:
        client.wait(lambda client: client.connection.state == "live", PATIENCE)
        held.clear()
        say(workspace, 2)
        client.wait(lambda client: client.connection.state == "behind", PATIENCE)
        assert "has not finished a round of reading" in (client.connection.message or "")
        held.set()
        client.wait(lambda client: client.connection.state == "live", PATIENCE)
        assert client.connection.message is None


def test_who_connects_to_a_server_that_stands_still_is_not_shown_something_live(
    workspace: Path, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hosted(workspace) as server:
        with closing(aw.connect(server.url, server.token)) as client:
            client.wait(lambda client: client.sources[0].checked_at is not None, PATIENCE)
        held.clear()
        monkeypatch.setattr(wire, "BEHIND", 0.0)
        with closing(aw.connect(server.url, server.token)) as client:
            assert client.connection.state == "behind"
        held.set()
