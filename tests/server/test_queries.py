"""Queries run in processes that can be ended: what cannot be interrupted, what takes too much, what went away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent_widget.data.sql import OutOfTime, SqlError
from agent_widget.server import calls, queries
from agent_widget.server.asked import Asking
from agent_widget.server.queries import Queries
from agent_widget.server.query_process import MEMORY
from agent_widget.store import Store
from tests.support.wire import Raw, following, log_rows, served, until

pytestmark = pytest.mark.usefixtures("own_machine")

ENDLESS = "select len(range(20000000))"
"""One step of DuckDB, which does not look for an interrupt in it."""


@pytest.fixture(scope="module")
def store() -> Store:
    store = Store()
    store.apply(log_rows("a", "b", text="\u2028 é"))
    return store


@pytest.fixture
def answering() -> Iterator[Queries]:
    with contextlib.closing(Queries()) as answering:
        yield answering


def one(answering: Queries, store: Store, query: str = "select count(*) as n from logs", timeout: float = 10) -> object:
    answer = json.loads(answering.answer(store, query, Asking("a test"), timeout=timeout, limit=10))
    (row,) = answer["rows"]
    (value,) = row.values()
    return value


def running() -> list[psutil.Process]:
    """The processes that answer queries."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # which a zombie is, too
            found += [child] if "query_process" in " ".join(child.cmdline()) else []
    return found


def test_one_process_answers_one_query_after_the_other_and_is_replaced_when_it_is_gone(
    answering: Queries, store: Store
) -> None:
    assert one(answering, store) == 2
    (process,) = running()
    assert one(answering, store, "select min(text) from logs") == "\u2028 é"
    with pytest.raises(SqlError, match="no table nope"):
        one(answering, store, "from nope")
    with pytest.raises(OutOfTime, match=r"longer than 0\.1 s"):
        one(answering, store, "select count(*) from range(10000000000000)", timeout=0.1)
    with pytest.raises(SqlError, match=r"^Out of Memory Error: [^\n]*$") as caught:
        one(answering, store, "select len(repeat('x', 3000000000))")
    assert "SET" not in str(caught.value)
    assert running() == [process]
    process.kill()
    process.wait()
    assert one(answering, store) == 2


def test_a_process_that_has_nothing_to_do_ends(
    answering: Queries, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "IDLE", 0.01)
    assert one(answering, store) == 2
    until(lambda: not running())


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits of another process are set on Linux only")
def test_a_process_stays_below_what_the_system_allows(answering: Queries, store: Store) -> None:
    assert one(answering, store) == 2
    (process,) = running()
    for most in (2 * MEMORY, MEMORY // 2):  # more than it takes for itself, and less
        process.rlimit(psutil.RLIMIT_DATA, (most, most))
        assert one(answering, store) == 2
        soft, hard = process.rlimit(psutil.RLIMIT_DATA)
        assert soft <= hard == most


def test_nothing_is_left_of_a_query_that_could_not_be_handed_over(
    answering: Queries, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(queries, "ask", out_of_memory)
    with pytest.raises(MemoryError):
        one(answering, store)
    assert running() == []


def test_a_query_ends_with_its_client_and_with_the_server(answering: Queries, store: Store) -> None:
    for end in (Asking.close, lambda _: answering.close()):
        client, said = Asking("a test"), list[str]()

        def ask(client: Asking = client, said: list[str] = said) -> None:
            with pytest.raises(SqlError) as caught:
                answering.answer(store, ENDLESS, client, timeout=10, limit=1)
            said.append(str(caught.value))

        asking = threading.Thread(target=ask)
        asking.start()
        until(lambda client=client: client._running)
        end(client)
        asking.join()
        assert said == ["the process that answers the query was ended; ask for less at once"]
        assert running() == []
    with pytest.raises(SqlError, match="the server is ending"):
        one(answering, store)


async def replied(client: Raw) -> dict[str, Any]:
    """The next reply: the position comes, too, when nothing has for a while."""
    while (frame := await client.frame())["type"] != "reply":
        pass
    return frame


@pytest.mark.slow
def test_queries_that_cannot_be_interrupted_take_no_place_for_long(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "MOMENT", 0.2)

    async def run() -> None:
        async with served(workspace) as server, following(server, 4, tables=["tasks"]) as (other, *greedy):
            for client in greedy:
                await client.send(type="call", rid=1, method="sql", params={"query": ENDLESS, "timeout": 0.3})
            for rid in range(2):
                await other.send(type="call", rid=rid, method="sql", params={"query": "select 1 as n"})
                assert (await replied(other))["result"]["rows"] == [{"n": 1}]
            for client in greedy:
                assert "longer than 0.3 s" in (await replied(client))["error"]["message"]

    asyncio.run(run())
    assert running() == []
