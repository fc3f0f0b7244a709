"""No change comes twice and none is skipped, whatever servers and connections go through."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import agent_widget as aw
from agent_widget.client.feeds import Feed
from agent_widget.client.replica import Replica
from agent_widget.store import Change, Row, Store
from agent_widget.tables import Gone, Record
from tests.support.wire import hosted, log_rows, until, write_tasks

IDS = ("a", "b", "c")
ids = st.sampled_from(IDS)
texts = st.sampled_from(["x", "y", "z"])


class Restarts(RuleBasedStateMachine):
    """A consumer of one table, while rows change, connections break, and servers end and begin anew.

    ``states``: what each row went through in the files, ``None`` for a row that is not there. ``seen``: what the
    consumer knew of it, one after the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, list[str | None]] = {id: [None] for id in IDS}
        self.seen: dict[str, list[str | None]] = {id: [None] for id in IDS}
        self.unread: set[str] = set()
        self.replica = Replica()
        self.feed = self.replica.feed(lambda: None, ["logs"])
        self.server = Store()

    @initialize()
    def first_answer(self) -> None:
        self.follow()

    @rule(id=ids, text=texts)
    def a_row_changes(self, id: str, text: str) -> None:
        if self.states[id][-1] != text:
            self.states[id].append(text)
            if id not in self.unread:
                self.server.apply([Record("logs", id, {"text": text})])

    @rule(id=ids)
    def a_row_goes(self, id: str) -> None:
        if self.states[id][-1] is not None and id not in self.unread:
            self.states[id].append(None)
            self.server.apply([Gone("logs", id)])

    @rule()
    def follow(self) -> None:
        self.replica.adopt(self.server.since(self.replica.store.position), reading=bool(self.unread))

    @rule()
    def look(self) -> None:
        for _, id, old, new in self.feed.take():
            assert (old["text"] if old else None) == self.seen[id][-1], "it joins on to what was known"
            self.seen[id].append(new["text"] if new else None)

    @rule(unread=st.sets(ids))
    def the_server_begins_anew(self, unread: set[str]) -> None:
        self.server = Store()
        self.unread = set(IDS)
        self.read(set(IDS) - unread)
        self.follow()

    @rule()
    def everything_is_read(self) -> None:
        self.read(set(self.unread))

    def read(self, ids: set[str]) -> None:
        self.unread -= ids
        known = [(id, self.states[id][-1]) for id in sorted(ids)]
        self.server.apply([Record("logs", id, {"text": text}) for id, text in known if text is not None])

    @invariant()
    def each_state_is_seen_at_most_once_and_in_order(self) -> None:
        for id in IDS:
            happened = iter(self.states[id])
            assert all(state in happened for state in self.seen[id]), (self.states[id], self.seen[id])

    def teardown(self) -> None:
        self.everything_is_read()
        self.follow()
        self.look()
        away = {id for _, id in self.replica._missing._rows}  # whether these went is known when all was read at once
        assert all(self.seen[id][-1] == self.states[id][-1] for id in IDS if id not in away)
        self.the_server_begins_anew(set())
        self.look()
        self.each_state_is_seen_at_most_once_and_in_order()
        assert all(self.seen[id][-1] == self.states[id][-1] for id in IDS)


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def row(text: str) -> Row:
    return Row(id="a", text=text)


def test_a_row_that_is_again_as_it_was_known_is_no_change() -> None:
    feed = Feed(lambda: None, frozenset({"logs"}))
    feed.offer([Change("logs", "a", row("1"), row("2"))])
    feed.offer([Change("logs", "a", row("2"), row("1"))])
    assert feed.take() == []
    feed.offer([Change("logs", "a", row("1"), row("2")), Change("logs", "a", row("2"), None)])
    assert feed.take() == [Change("logs", "a", row("1"), None)]


def test_a_listener_collects_nothing() -> None:
    replica, server, woken = Replica(), Store(), []
    listener = replica.listen(lambda: woken.append(1), ["logs"])
    feed = replica.feed(lambda: None, ["logs"])
    replica.adopt(server.since(None), reading=False)
    woken.clear()
    server.apply(log_rows("a"))
    replica.adopt(server.since(replica.store.position), reading=False)
    server.apply([Record("tasks", "t", {})])
    replica.adopt(server.since(replica.store.position), reading=False)
    assert woken == [1], "once for its table, not for another one"
    assert vars(listener).keys() == {"tables", "_wake", "_end"}
    assert [change.id for change in feed.take()] == ["a"]
    listener.stop()
    feed.stop()
    assert replica._listeners == []
    with pytest.raises(ValueError, match="no table 'nope'"):
        replica.listen(lambda: None, ["nope"])


def test_a_listener_that_fails_ends_nothing() -> None:
    replica, server, woken = Replica(), Store(), []
    replica.listen(lambda: 1 / 0)
    replica.listen(lambda: woken.append(1))
    server.apply(log_rows("a"))
    replica.adopt(server.since(None), reading=False)
    assert woken


def test_an_unchanged_row_costs_a_feed_no_wake() -> None:
    woken: list[int] = []
    feed = Feed(lambda: woken.append(1), frozenset({"logs"}))
    feed.offer([Change("tasks", "a", None, row("1"))])
    assert woken == []


@pytest.mark.parametrize("same_life", [True, False], ids=["the connection breaks", "the server begins anew"])
@pytest.mark.usefixtures("own_machine")
def test_nothing_fires_twice_and_nothing_is_skipped(workspace: Path, same_life: bool) -> None:
    heard: list[tuple[str, str]] = []
    with contextlib.ExitStack() as servers:
        server: Any = servers.enter_context(hosted(workspace))
        address = {"port": server.port, "token": server.token}
        client = aw.connect(server.url, server.token)
        client.on("tasks", lambda task: heard.append((task.id, task.title)))
        client.on("logs", lambda line: heard.append((line.id, line.text)))
        server.put(*log_rows("l"))
        write_tasks(workspace, "first", "second, changed")
        until(lambda: sorted(heard) == [("l", "text"), ("task-1", "second, changed")])
        if same_life:
            lives = client._link.store.epoch
            client._link.loop.call_soon_threadsafe(client._link._socket.transport.abort)  # type: ignore[union-attr]
        else:
            servers.close()
            until(lambda: client.connection.state == "reconnecting")
            lives = ""
        write_tasks(workspace, "first", "second, changed", "third")
        if not same_life:
            server = servers.enter_context(hosted(workspace, **address))
        until(lambda: ("task-2", "third") in heard)
        assert not same_life or client._link.store.epoch == lives
        server.put(*log_rows("last"))
        until(lambda: ("last", "text") in heard)
        assert sorted(heard[2:]) == [("last", "text"), ("task-2", "third")]
        client.close()
