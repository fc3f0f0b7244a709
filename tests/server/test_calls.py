"""Calls of clients: how many run at one time, whose turn it is, and what does not wait."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from agent_widget import protocol
from agent_widget.ondemand.transcript import MAX_LIMIT
from agent_widget.server import calls
from agent_widget.server.asked import Asking, OutOfTime
from agent_widget.server.calls import AT_ONCE, PENDING, Calls, Turns
from agent_widget.server.methods import METHODS
from tests.support.wire import PATIENCE, following, raw, served, until_async

pytestmark = pytest.mark.usefixtures("own_machine")


class Client:
    """The calls of one client, which are answered when the test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.replies: list[tuple[int, str]] = []
        self.ends = asyncio.Event()
        self.calls = Calls(self._answer, self._reply)

    async def _answer(self, call: protocol.Call) -> protocol.Reply:
        self.begun.append(call.rid)
        await self.ends.wait()
        return protocol.Reply(call.rid, True)

    async def _reply(self, reply: protocol.Reply) -> None:
        self.replies.append((reply.rid, reply.error.code if reply.error else "ok"))

    async def ask(self, method: str, *rids: int) -> None:
        for rid in rids:
            await self.calls.add(protocol.Call(rid, method))
        for _ in range(3):
            await asyncio.sleep(0)


def test_a_client_has_few_calls_running_and_one_query_and_the_others_wait() -> None:
    async def run() -> None:
        client = Client()
        await client.ask("sql", 1, 2, 3)
        assert client.begun == [1]
        await client.ask("transcript", *range(10, 20))
        assert client.begun == [1, *range(10, 10 + AT_ONCE)]
        client.ends.set()
        await until_async(lambda: len(client.replies) == 13)
        assert {code for _, code in client.replies} == {"ok"}

    asyncio.run(run())


def test_more_calls_than_may_wait_are_refused() -> None:
    async def run() -> None:
        client = Client()
        await client.ask("sql", *range(PENDING + 2))
        assert client.replies == [(PENDING, "busy"), (PENDING + 1, "busy")]
        client.calls.cancel()
        await until_async(lambda: not client.calls._running)
        await client.ask("status", 1000)
        assert client.begun == [0, 1000]

    asyncio.run(run())


def test_queries_of_one_client_hold_up_neither_its_other_calls_nor_other_clients(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()
    slow: dict[str, Any] = {"sql": lambda server, params: end.wait(PATIENCE)}
    monkeypatch.setattr(calls, "_methods", lambda: {**METHODS, **slow})

    async def run() -> None:
        async with served(workspace) as server, raw(server) as greedy, raw(server) as other:
            for client in (greedy, other):
                await client.hello(server, tables=["tasks"])
                await client.answer()
            for rid in range(20):
                await greedy.send(type="call", rid=rid, method="sql", params={"query": "select 1"})
            for client in (greedy, other):
                await client.send(type="call", rid=100, method="status", params={})
                assert (await client.frame())["rid"] == 100
                await client.send(type="ping", at=1)
                assert (await client.frame())["type"] == "pong"
            end.set()
            await other.send(type="call", rid=101, method="sql", params={"query": "select 1"})
            assert (await other.frame())["rid"] == 101

    asyncio.run(run())


def test_a_short_question_does_not_wait_for_the_endless_ones_of_others(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, long = threading.Event(), threading.Semaphore(0)

    def sql(server: Any, params: Any) -> str:
        if params["query"] == "endless":
            if params.get("timeout") != calls.MOMENT:
                long.release()
                end.wait(PATIENCE)
            raise OutOfTime("bad_request", "the query took longer than it may")
        return "short"

    monkeypatch.setattr(calls, "_methods", lambda: {**METHODS, "sql": sql})

    async def run() -> None:
        async with served(workspace) as server, following(server, 8, tables=["tasks"]) as (other, *greedy):
            for client in greedy:
                await client.send(type="call", rid=1, method="sql", params={"query": "endless"})
            for _ in range(calls.LONG_THREADS):
                assert await asyncio.to_thread(long.acquire, timeout=PATIENCE)
            for rid in range(5):
                await other.send(type="call", rid=rid, method="sql", params={"query": "select 1"})
                assert (await other.frame())["result"] == "short"
            end.set()
            for client in greedy:
                assert "longer than it may" in (await client.frame())["error"]["message"]

    asyncio.run(run())


def test_of_long_queries_the_one_goes_first_whose_client_has_rested_for_longest() -> None:
    async def run() -> None:
        turns, order = Turns(1), list[str]()
        patient, hungry, gone, new = (Asking(name) for name in ("patient", "hungry", "gone", "new"))
        hungry.rests_since = new.rests_since - 0.1  # whoever comes anew begins to rest then
        patient.rests_since = hungry.rests_since - 0.1

        async def ask(client: Asking) -> None:
            async with turns.turn(client):
                order.append(client.name)

        async with turns.turn(hungry):
            waiting = [asyncio.create_task(ask(client)) for client in (hungry, gone, patient, new, hungry)]
            await asyncio.sleep(0)
            waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert order == ["patient", "new", "hungry", "hungry"]
        async with turns.turn(gone):
            pass

    asyncio.run(run())


def test_what_came_since_a_place_is_bounded(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def transcript(*args: Any) -> Any:
        asked.append(args[3])
        raise ValueError("enough")

    async def run() -> None:
        async with served(workspace) as server, raw(server) as client:
            monkeypatch.setattr(server.lookup, "transcript", transcript)
            await client.hello(server, tables=["tasks"])
            await client.answer()
            for params in ({"after": "0@x"}, {"after": "0@x", "limit": 7}, {}):
                await client.send(type="call", rid=1, method="transcript", params={"session": "s", **params})
                assert (await client.frame())["error"]["message"] == "enough"
        assert asked == [MAX_LIMIT, 7, None]

    asyncio.run(run())
