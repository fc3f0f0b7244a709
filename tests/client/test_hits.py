"""Searching from Python: hits as they are found, as rows and as a frame."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

import agent_widget as aw
from agent_widget.client.client import Client
from agent_widget.protocol import ENTRY_PLACES, ROW_PLACES
from agent_widget.tables import Record
from tests.support.wire import PATIENCE, until

pytestmark = pytest.mark.usefixtures("own_machine")


@pytest.fixture
def logged(server: Any, client: Client) -> Client:
    """A client of a server with 250 lines that hold a walnut, and an agent."""
    rows = [Record("logs", f"l{n}", {"at": n * 1000, "agent_id": "a1", "text": f"Walnut {n}"}) for n in range(250)]
    server.put(*rows, Record("agents", "a1", {"name": "ann"}))
    until(lambda: "a1" in client.agents)
    return client


def test_hits_come_as_they_are_found_the_newest_first(logged: Client) -> None:
    hits = logged.search("walnut")
    first = next(iter(hits))
    assert (first.snippet, first.place, first.agent_id, first.at) == ("Walnut 249", "log", "a1", 249_000)
    assert first.entry in logged.logs
    assert not hits.is_complete
    assert [hit.snippet for hit in hits] == [f"Walnut {n}" for n in reversed(range(250))]
    assert hits.is_complete and len(hits) == 250
    assert hits[0] is first and hits[-1].snippet == "Walnut 0"


def test_a_limit_ends_the_search(logged: Client) -> None:
    hits = logged.search("walnut", limit=120)
    assert len(hits) == 120
    assert repr(hits) == "<hits of 'walnut': 120>"


def test_conditions_restrict_what_is_found(logged: Client) -> None:
    assert len(logged.search("walnut", where={"place": "task"})) == 0
    since = datetime.fromtimestamp(240, UTC)
    assert len(logged.search("walnut", where={"place": ["log", "task"], "since": since, "until": 244_000})) == 5
    assert len(logged.agent("ann").search("walnut 7")) == 11
    assert len(logged.search("walnut", where={"agent_id": "bob"})) == 0
    (named,) = logged.search("ann", where={"place": "agent name"})
    assert (named.entry, named.place) == ("a1", "agent name")


@pytest.mark.parametrize("place", [*ENTRY_PLACES, *ROW_PLACES.values()])
def test_every_place_of_a_hit_is_a_condition(logged: Client, place: str) -> None:
    assert {hit.place for hit in logged.search("n", where={"place": place}, limit=5)} <= {place}


def test_hits_are_rows_a_frame_and_something_to_look_at(logged: Client) -> None:
    hits = logged.search("walnut", limit=3)
    frame = hits.df()
    assert list(frame.columns) == ["at", "agent_id", "session_id", "place", "snippet", "entry", "position"]
    assert str(frame["at"].dtype) == "datetime64[ms, UTC]"
    assert hits.csv().splitlines()[1].endswith("Walnut 249,l249,")
    looked_at = logged.search("walnut")._repr_mimebundle_()
    assert "Walnut 249" in looked_at["text/html"] and "so far" in looked_at["text/plain"]


def test_hits_can_be_awaited(logged: Client) -> None:
    async def scene() -> list[str]:
        return [hit.snippet async for hit in logged.search("walnut", limit=2)]

    assert asyncio.run(asyncio.wait_for(scene(), PATIENCE)) == ["Walnut 249", "Walnut 248"]


def test_what_cannot_be_searched_for_is_an_error(logged: Client) -> None:
    with pytest.raises(aw.CallError, match="nothing to search for"):
        list(logged.search("  "))
    with pytest.raises(TypeError, match="where is a dict"):
        logged.search("x", where=lambda hit: True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="gets no functions"):
        logged.search("x", where={"place": lambda place: True})
    with pytest.raises(ValueError, match="no condition 'color'; there are agent_id"):
        logged.search("x", where={"color": "red"})
