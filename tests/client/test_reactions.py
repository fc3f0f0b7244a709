"""Reacting in Python: callbacks with conditions, waiting, iterating; from cells, threads and event loops."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import queue
import sys
import threading
import time
from typing import Any

import pytest

from agent_widget.client.client import Client
from agent_widget.client.errors import ConnectionFailed
from agent_widget.store import Row
from agent_widget.tables import Gone, Record
from tests.support.wire import PATIENCE, log_rows, until

pytestmark = pytest.mark.usefixtures("own_machine")


def task(id: str, **fields: Any) -> Record:
    return Record("tasks", id, fields)


# Callbacks


def test_callbacks_get_each_changed_row_off_the_network_thread(server: Any, client: Client) -> None:
    rows: list[Any] = []
    threads: set[str] = set()

    def note(row: Any) -> None:
        rows.append(row)
        threads.add(threading.current_thread().name)

    stop = client.on("logs", note)
    server.put(*log_rows("a", "b"))
    server.put(Record("tasks", "t", {"title": "not a log"}), Gone("logs", "b"))
    until(lambda: any(row.id == "a" for row in rows))
    assert threads == {"agent-widget callbacks"}
    stop()
    stop()
    server.put(*log_rows("c"))
    until(lambda: "c" in client.logs)
    assert {row.id for row in rows} <= {"a", "b"}


def test_many_changes_of_a_row_may_be_one_call_but_the_last_state_always_comes(server: Any, client: Client) -> None:
    texts: list[str] = []
    client.on("logs", lambda row: (texts.append(row.text), time.sleep(0.001)))
    for number in range(500):
        server.put(*log_rows("a", text=str(number)))
    until(lambda: texts[-1:] == ["499"])
    assert texts == sorted(texts, key=int)


def test_a_callback_can_stop_itself_and_close_the_client(server: Any, client: Client) -> None:
    rows: list[str] = []

    def once(row: Any) -> None:
        rows.append(row.id)
        stop()

    stop = client.on("logs", once)
    client.on("tasks", lambda row: client.close())
    server.put(*log_rows("a", "b"))
    until(lambda: rows)
    server.put(*log_rows("c"))
    until(lambda: "c" in client.logs)
    assert rows == ["a"]
    server.put(Record("tasks", "t", {"title": "end"}))
    until(lambda: not client._link.alive)


def test_callbacks_can_be_added_from_any_thread(server: Any, client: Client) -> None:
    rows: list[str] = []
    threads = [threading.Thread(target=lambda: client.on("logs", lambda row: rows.append(row.id))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.put(*log_rows("a"))
    until(lambda: rows == ["a"] * 20)
    assert sum(thread.name == "agent-widget callbacks" for thread in threading.enumerate()) == 1


def test_an_unknown_table_is_a_mistake_at_once(client: Client) -> None:
    with pytest.raises(ValueError, match="no table 'nope'"):
        client.on("nope", print)


def test_a_condition_lets_only_some_rows_pass(server: Any, client: Client) -> None:
    heard: dict[str, list[str]] = {"value": [], "values": [], "cell": [], "row": []}
    client.on("tasks", lambda row: heard["value"].append(row.id), where={"status": "blocked"})
    client.on("tasks", lambda row: heard["values"].append(row.id), where={"status": ["blocked", "failed"]})
    client.on("tasks", lambda row: heard["cell"].append(row.id), where={"progress": lambda part: (part or 0) > 0.5})
    client.on("tasks", lambda row: heard["row"].append(row.id), where=lambda row: row.owner == "planner")
    server.put(
        task("a", status="blocked"),
        task("b", status="failed", progress=0.9),
        task("c", status="pending", owner="planner"),
    )
    expected = {"value": ["a"], "values": ["a", "b"], "cell": ["b"], "row": ["c"]}
    until(lambda: heard == expected)


def test_a_column_that_is_not_there_is_a_mistake_at_once(client: Client) -> None:
    for use in (lambda **where: client.on("tasks", print, **where), lambda **where: client.changes("tasks", **where)):
        with pytest.raises(ValueError, match="tasks has no column 'colour'"):
            use(where={"colour": "red"})
    with pytest.raises(ValueError, match="tasks has no column 'colour'"):
        client.on("tasks", print, becomes={"colour": "red"})
    assert client._link._listeners == []


def test_where_is_each_change_of_such_a_row_and_becomes_only_the_beginning(server: Any, client: Client) -> None:
    each: list[str] = []
    begins: list[str] = []
    client.on("tasks", lambda row: each.append(row.title), where={"status": "blocked"})
    client.on("tasks", lambda row: begins.append(row.title), becomes={"status": "blocked"})
    every: list[str] = []
    client.on("tasks", lambda row: every.append(row.title))
    steps = [("1", "pending"), ("2", "blocked"), ("3", "blocked"), ("4", "pending"), ("5", "blocked")]
    for title, status in steps:
        server.put(task("a", title=title, status=status))
        until(lambda title=title: every[-1:] == [title] and not any(feed._pending for feed in client._link._listeners))
    until(lambda: each == ["2", "3", "5"])
    until(lambda: begins == ["2", "5"])


def test_a_removed_row_is_passed_on_in_its_last_state(server: Any, client: Client) -> None:
    gone: list[Row] = []
    known = client.on("logs", lambda row: None, gone=gone.append, where={"text": "mine"})
    server.put(*log_rows("a", text="mine"), *log_rows("b", text="theirs"))
    until(lambda: known.calls)  # a row that came and went between two looks is no change
    server.put(Gone("logs", "a"), Gone("logs", "b"), *log_rows("last"))
    until(lambda: "last" in client.logs)
    until(lambda: [(row.id, row.text) for row in gone] == [("a", "mine")])


def test_a_mistake_in_a_callback_is_shown_once_and_ends_nothing(
    server: Any, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    rows: list[str] = []

    def fail(row: Any) -> None:
        if row.id == "c":
            sys.exit("another one")
        raise RuntimeError("a mistake in a cell")

    failing = client.on("logs", fail)
    client.on("logs", lambda row: rows.append(row.id))
    for id in ("a", "b", "c", "d"):
        server.put(*log_rows(id))
        until(lambda id=id: rows[-1:] == [id])
    assert caplog.text.count("RuntimeError: a mistake in a cell") == 1
    assert caplog.text.count("SystemExit: another one") == 1
    assert (failing.calls, failing.errors, str(failing.error)) == (4, 4, "a mistake in a cell")
    assert client.connection.state == "live"


def test_a_mistake_in_a_condition_is_one_of_the_callback(server: Any, client: Client) -> None:
    rows: list[str] = []
    failing = client.on("logs", lambda row: rows.append(row.id), where=lambda row: len(row.level) > 0)
    server.put(*log_rows("a"), Record("logs", "b", {"level": "info"}))
    until(lambda: rows == ["b"])
    assert (failing.calls, failing.errors) == (1, 1)


def test_a_callback_belongs_to_the_context_that_gave_it(server: Any, client: Client) -> None:
    cell = contextvars.ContextVar("cell", default="none")
    seen: list[str] = []

    def run(name: str) -> None:
        cell.set(name)
        client.on("logs", lambda _: seen.append(cell.get()))

    for name in ("first cell", "second cell"):
        contextvars.copy_context().run(run, name)
    server.put(*log_rows("a"))
    until(lambda: seen == ["first cell", "second cell"])


def test_async_callbacks_run_on_the_loop_that_gave_them_and_never_overlap(server: Any, client: Client) -> None:
    async def run() -> tuple[list[str], set[Any]]:
        steps: list[str] = []
        loops = set()
        first = asyncio.Event()

        async def callback(row: Row) -> None:
            loops.add(asyncio.get_running_loop())
            steps.append(f"begin {row.id}")
            first.set()
            await asyncio.sleep(0)
            steps.append(f"end {row.id}")
            if row.id == "b":
                raise RuntimeError("the last one fails")

        reaction = client.on("logs", callback)
        server.put(*log_rows("a", "b"))
        while reaction.errors == 0:
            await asyncio.sleep(0.005)
        assert loops == {asyncio.get_running_loop()}
        return steps

    steps = asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert steps == ["begin a", "end a", "begin b", "end b"]


def test_async_callbacks_work_without_a_loop_and_after_its_end(server: Any, client: Client) -> None:
    rows: list[str] = []

    async def callback(row: Row) -> None:
        rows.append(row.id)

    async def give() -> Any:
        return client.on("logs", callback)

    orphan = asyncio.run(give())
    client.on("logs", callback)
    server.put(*log_rows("a"))
    until(lambda: rows == ["a"] and orphan.errors == 1)
    assert "has ended" in str(orphan.error)


# Waiting and iterating


def test_until_waits_for_what_becomes_true(server: Any, client: Client) -> None:
    async def run() -> None:
        assert await client.until(lambda c: len(c.tasks)) == 2
        asyncio.get_running_loop().call_later(0.05, server.put, *log_rows("a"))
        row = await client.until(lambda c: c.logs.get("a"), timeout=PATIENCE)
        assert row.id == "a"
        with pytest.raises(TimeoutError):
            await client.until(lambda c: c.logs.get("never"), timeout=0.05)
        with pytest.raises(ZeroDivisionError):
            await client.until(lambda c: 1 / 0)

    asyncio.run(run())
    assert client._link._listeners == []


def test_changes_are_an_async_iteration(server: Any, client: Client) -> None:
    async def run() -> list[str]:
        ids = []
        asyncio.get_running_loop().call_later(0.05, server.put, *log_rows("a", "b", "last"))
        async for row in client.changes("logs"):
            ids.append(row.id)
            if row.id == "last":
                return ids
        return []

    assert asyncio.run(run()) == ["a", "b", "last"]
    until(lambda: client._link._listeners == [])


def test_waiting_on_a_closed_client_raises(client: Client) -> None:
    async def run() -> None:
        asyncio.get_running_loop().call_later(0.05, functools.partial(threading.Thread(target=client.close).start))
        assert [row async for row in client.changes("logs")] == []
        with pytest.raises(ConnectionFailed):
            await client.until(lambda c: False)
        assert list(client.changes("logs")) == []
        with pytest.raises(ConnectionFailed):
            client.wait(lambda c: False)

    asyncio.run(asyncio.wait_for(run(), PATIENCE))


def test_a_loop_that_was_closed_does_not_disturb_the_client(server: Any, client: Client) -> None:
    loop = asyncio.new_event_loop()
    iterator = client.changes("logs")
    loop.call_later(0.05, loop.stop)
    waiting = loop.create_task(iterator.__anext__())
    loop.run_forever()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        pass
    loop.close()
    server.put(*log_rows("a"))
    until(lambda: "a" in client.logs)
    assert client.connection.state == "live"


def test_a_cell_without_await_can_wait_and_iterate(server: Any, client: Client) -> None:
    changes = client.changes("logs", where={"text": "mine"})
    server.put(*log_rows("a", text="theirs"), *log_rows("b", "c", text="mine"))
    assert [next(changes).id, next(changes).id] == ["b", "c"]
    assert client.wait(lambda c: c.logs.get("a"), PATIENCE).text == "theirs"
    with pytest.raises(TimeoutError, match=r"within 0\.02 s"):
        client.wait(lambda c: c.logs.get("never"), timeout=0.02)
    del changes
    assert client._link._listeners == []


def test_what_is_waited_for_may_be_what_a_callback_does_or_the_clock(server: Any, client: Client) -> None:
    def slow(row: Row) -> None:
        heard.wait(PATIENCE)
        rows.append(row.id)

    rows: list[str] = []
    heard = threading.Event()
    client.on("logs", slow)
    server.put(*log_rows("a"))
    client.wait(lambda c: c.logs.get("a"), PATIENCE)
    threading.Timer(0.05, heard.set).start()
    assert asyncio.run(client.until(lambda c: rows, PATIENCE)) == ["a"]
    end = time.monotonic() + 0.05
    assert client.wait(lambda c: time.monotonic() > end, PATIENCE)


def test_several_loops_and_threads_wait_at_once(server: Any, client: Client) -> None:
    heard: queue.Queue[tuple[str, str]] = queue.Queue()

    async def waits() -> None:
        heard.put(("until", (await client.until(lambda c: c.logs.get("a"))).id))

    async def iterates() -> None:
        async for row in client.changes("logs"):
            heard.put(("changes", row.id))
            break

    threads = [threading.Thread(target=lambda kind=kind: asyncio.run(kind())) for kind in (waits, iterates) * 4]
    threads += [threading.Thread(target=lambda: heard.put(("wait", client.wait(lambda c: c.logs.get("a")).id)))]
    for thread in threads:
        thread.start()
    until(lambda: len(client._link._listeners) == len(threads))
    server.put(*log_rows("a"))
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(heard.queue) == [("changes", "a")] * 4 + [("until", "a")] * 4 + [("wait", "a")]


def test_a_wait_that_was_interrupted_leaves_nothing_behind(client: Client) -> None:
    async def run() -> None:
        waiting = asyncio.ensure_future(client.until(lambda c: False))
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting

    asyncio.run(run())
    assert client._link._listeners == []
