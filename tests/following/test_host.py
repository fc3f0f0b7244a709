"""What a followed host asks of the server that follows it: little, however many hosts there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.addresses import where
from agent_widget.following.host import Host, Operations
from agent_widget.following.ids import LONGEST, row_of
from agent_widget.protocol import Changes, HostState, Sources, SourceState, Welcome
from agent_widget.tables import TABLES
from tests.sources.fuzz import misfit


class Home:
    """A server that follows hosts, and notes what they ask of it."""

    epoch, name = "hub's", "hub"

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Any] = {}
        self.doubles: dict[tuple[str | None, str], str] = {}
        self.published = self.reviews = self.scans = 0

    def hand_in(self, rows: Operations, done: Callable[[], None]) -> None:
        self.rows.update(((table, id), row) for table, id, row in rows)
        done()

    def ids(self, table: str, prefix: str) -> set[str]:
        self.scans += 1
        return {id for of, id in self.rows if of == table and id.startswith(prefix)}

    def has(self, table: str, id: str) -> bool:
        return (table, id) in self.rows

    def keep(self, key: str, known: dict[str, Any]) -> None:
        pass

    def name_for(self, host: Host, told: str) -> str:
        return told

    def doubled(self, host: Host) -> dict[tuple[str | None, str], str]:
        return self.doubles

    def publish(self) -> None:
        self.published += 1

    def review_others(self, host: Host) -> None:
        self.reviews += 1


def followed(home: Home) -> Host:
    return Host(home, "box", where("ws://box:1/ws"), {"name": "box"})


def reading(read: int, home: str = "a", prefix: str = "") -> Sources:
    return Sources(read, [SourceState("claude", "/x", 10, 1000, "reading", read, home=home, prefix=prefix)])


def test_a_host_that_reads_on_makes_no_work_for_the_others() -> None:
    home = Home()
    host = followed(home)
    host.sources(reading(0))
    assert (home.published, home.reviews) == (1, 1)
    for read in range(1, 100):
        host.sources(reading(read))
    assert (home.published, home.reviews) == (100, 1)
    host.sources(reading(100, home="b"))  # another home: it may be one that others read too
    assert home.reviews == 2


def test_spans_beside_a_shared_home_cost_no_scan_of_the_agents() -> None:
    home = Home()
    home.doubles = {("claude", "shared/"): "other"}
    host = followed(home)
    host.skipped = home.doubles
    host.sources(Sources(0, [SourceState("claude", "/x", prefix="shared/"), SourceState("claude", "/y")]))
    agents = [{**TABLES["agents"].blank(), "id": id, "source": "claude"} for id in ("shared/1", "own")]
    spans = [
        {**TABLES["spans"].blank(), "id": f"{agent}:{n}", "agent_id": agent}
        for n in range(50)
        for agent in ("shared/1", "own")
    ]

    async def take() -> None:
        await host.changes(Changes("e", 1, 0, True, 0, False, {"agents": agents}, {}))
        host._agents.clear()  # as after a restart: what was taken over before is in the tables alone
        home.scans = 0
        await host.changes(Changes("e", 2, 1, False, 0, False, {"spans": spans}, {}))

    asyncio.run(take())
    assert {id for table, id in home.rows if table == "agents"} == {"box/own"}
    assert {id for table, id in home.rows if table == "spans"} == {f"box/own:{n}" for n in range(50)}
    assert home.scans == 0


class _Hostile:
    """What a host may send that is no agent-widget, or wishes ill."""

    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    cells = st.dictionaries(st.sampled_from(["id", "host", *TABLES["tasks"].schema, "unknown"]), values, max_size=12)


@given(st.lists(_Hostile.cells, max_size=5), st.sampled_from([None, "hub", "box", "inner", "other"]))
def test_whatever_a_host_sends_its_rows_fit_their_table_and_are_its_own(
    rows: list[dict[str, Any]], named: str | None
) -> None:
    async def scene() -> None:
        home = Home()
        host = followed(home)
        others = [HostState("inner", "live"), HostState("hub", "live")]
        host.welcome(Welcome(1, "0", "e", 5, 0, [], {}, host="box", hosts=others))
        sent = [{**cells, "host": named} for cells in rows] + [
            {"id": id, "title": "Paint", "host": named} for id in ("fine", f"{named}/fine")
        ]
        await host.changes(Changes("e", 5, reset=True, rows={"tasks": sent, "no table": sent}))
        assert home.rows["tasks", "box/fine"]["title"] == "Paint"
        for (table, id), row in home.rows.items():
            assert id.startswith("box/") and row["id"] == id
            assert misfit(TABLES[table].schema, table, row) is None
            assert row["host"] != home.name, "nobody reads this server's own files for it"
            is_followed = f"/{named}/" in id
            assert row["host"] == {None: None, "hub": "box/hub" if is_followed else "box"}.get(
                named, named if is_followed else "box"
            )

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("passed", 2**63),
        ("dimensions", {"speed": 2**64}),
        ("dimensions", {"speed": "fast"}),
        ("dimensions", {"speed": {"of": 2**64}}),
        ("dimensions", {"speed" * LONGEST: 1}),
    ],
)
def test_what_cannot_be_kept_is_left_out_and_the_row_stays(column: str, value: Any) -> None:
    cells = {"id": "q", "dimensions": {"clarity": 0.5}, "passed": 3}
    row = row_of("quality", {**cells, column: value}, "one/")
    assert {name: row[name] for name in cells} == {**cells, "id": "one/q", column: None}
