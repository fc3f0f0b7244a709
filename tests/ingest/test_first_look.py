"""A big home is read newest first and in portions: who connects meanwhile sees rows arrive and how far it is."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget.client.client import shared_client
from agent_widget.ingest import file as reading
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.file import File
from agent_widget.ingest.watcher import Watcher
from agent_widget.server.app import Server
from agent_widget.sources import prices
from agent_widget.sources.base import Item
from agent_widget.tables import now_ms
from tests.ingest.test_collector import everything
from tests.support.collecting import refresh
from tests.support.transcripts import SHARED, lines
from tests.support.wire import PATIENCE, contents, hosted, raw, served, until

pytestmark = pytest.mark.usefixtures("own_machine")

NOW = 1_767_268_800_000
DAY = 86_400
SESSIONS = 30


def session(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def prompts(of: str, first: int, count: int) -> bytes:
    """Lines of a transcript of Claude Code."""
    return lines(
        *(
            {
                "type": "user",
                "uuid": f"{of}-{n}",
                "sessionId": of,
                "timestamp": f"2026-01-01T09:{n // 60:02}:{n % 60:02}Z",
            }
            | {"cwd": "/home/ann/shop", "message": {"role": "user", "content": f"prompt {n} " + "x" * 300}}
            for n in range(first, first + count)
        )
    )


def dated(path: Path, days: float) -> None:
    """Let a file look as if it had been written so many days ago."""
    os.utime(path, (NOW / 1000 - days * DAY, NOW / 1000 - days * DAY))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Many sessions of Claude Code, one a day; session 0 is the newest, and the oldest is larger than a portion."""
    root = tmp_path / "claude"
    project = root / "projects" / "-home-ann-shop"
    project.mkdir(parents=True)
    for number in range(SESSIONS):
        path = project / f"{session(number)}.jsonl"
        path.write_bytes(prompts(session(number), 0, 2000 if number == SESSIONS - 1 else 20))
        dated(path, number)
    return root


def transcript(home: Path, number: int) -> Path:
    return home / "projects" / "-home-ann-shop" / f"{session(number)}.jsonl"


def answer_all(home: Path) -> None:
    """Let each session end with an answer."""
    usage = {"model": "claude-opus-4-8", "usage": {"input_tokens": 1000, "output_tokens": 10}}
    for number in range(SESSIONS):
        answer = {"type": "assistant", "uuid": f"a{number}", "sessionId": session(number), "requestId": f"r{number}"}
        answer |= {"timestamp": "2026-01-01T10:00:00Z", "message": {"id": f"m{number}", "role": "assistant"} | usage}
        with transcript(home, number).open("ab") as file:
            file.write(lines(answer))
        dated(transcript(home, number), number)


def collector_of(*roots: Path) -> Collector:
    return Collector(roots, clock=lambda: NOW, host="here")


def comparable(collector: Collector) -> dict[str, dict[str, Any]]:
    """All rows, without the moment at which figures were counted."""
    tables: dict[str, dict[str, Any]] = {name: dict(rows) for name, rows in everything(collector).items()}
    tables["stats"] = {id: {**row, "at": None} for id, row in tables["stats"].items()}
    return tables


def scanned(*roots: Path) -> Collector:
    collector = collector_of(*roots)
    collector.scan()
    return collector


class Gate:
    """Some files are not read before it opens."""

    def __init__(self) -> None:
        self.held: set[Path] = set()
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    def pass_through(self, path: Path) -> None:
        if path in self.held:
            self._opened.wait(PATIENCE)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate before every reader; at the end of the test it opens anyway."""
    read, gate = File.read, Gate()

    def gated(file: File) -> Iterator[list[Item]]:
        gate.pass_through(file.path)
        yield from read(file)

    monkeypatch.setattr(File, "read", gated)
    yield gate
    gate.open()


# ---------------------------------------------------------------------------------------------------------------------
# The server


def test_a_server_answers_while_it_reads_and_the_newest_session_comes_first(
    home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_widget.ingest.watcher.SLICE", 0.0)
    monkeypatch.setattr("agent_widget.ingest.watcher.READING_PACE", 0.0)
    gate.held.add(transcript(home, 1))

    async def scene() -> None:
        async with served(home, first_look=0) as server, raw(server) as client:
            welcome = await client.hello(server)
            (source,) = welcome["sources"]
            assert source["state"] == "reading"
            answer = await client.answer()
            while not answer["rows"].get("sessions"):
                answer = await client.answer()
            assert {row["id"] for row in answer["rows"]["sessions"]} == {session(0)}
            while not (source := (await client.sources())["sources"][0])["read"]:
                pass
            assert (source["state"], source["files"]) == ("reading", SESSIONS)
            assert 0 < source["read"] < source["bytes"]
            gate.open()
            while (source := (answer := await client.sources())["sources"][0])["state"] != "watching":
                assert source["state"] == "reading"
            assert source["read"] == source["bytes"] > 500_000
            assert source["checked_at"] <= now_ms()
            assert source == await status(client) | {"checked_at": source["checked_at"]}
            assert server.store.count("sessions") == SESSIONS
            assert answer["seq"] <= server.store.seq

    asyncio.run(scene())


def test_who_connects_before_a_small_home_is_read_is_answered_with_all_of_it(home: Path, gate: Gate) -> None:
    gate.held.add(transcript(home, 1))

    async def scene() -> None:
        server = Server(collector_of(home), first_look=PATIENCE)
        listening = asyncio.Event()
        server.on_listening = listening.set
        running = server.running()
        entering = asyncio.ensure_future(running.__aenter__())
        await asyncio.wait_for(listening.wait(), PATIENCE)
        async with raw(server) as client:
            asking = asyncio.ensure_future(client.hello(server))
            done, _ = await asyncio.wait([asking, entering], timeout=0.05)
            assert not done, "nobody is answered while it is read"
            gate.open()
            await entering
            assert {source["state"] for source in (await asking)["sources"]} == {"watching"}
            assert len((await client.answer())["rows"]["sessions"]) == SESSIONS
        await running.__aexit__(None, None, None)

    asyncio.run(scene())


def test_a_client_gets_complete_tables_or_the_state_reading(home: Path, gate: Gate) -> None:
    gate.held.add(transcript(home, 1))
    with hosted(home, first_look=0) as server:
        until(lambda: server.collector.states()[0].read)  # before the first look nobody knows how much there is
        shared_client(server.url, server.token, None).wait(lambda client: client.connection.state == "live", PATIENCE)
        with pytest.warns(UserWarning, match=r"still reads \(\d+ of 1 MB\)"):
            client = aw.connect(server.url, server.token, timeout=0.05)
        assert client.reading is not None and client.reading[0] < client.reading[1]
        with pytest.raises(TimeoutError):
            client.wait(lambda client: client.reading is None, 0.01)
        threading.Timer(0.1, gate.open).start()
        assert aw.connect(server.url, server.token) is client
        assert client.reading is None
        assert len(client.sessions) == SESSIONS


def test_the_first_rows_of_a_large_home_come_before_what_answers_cost(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To import the prices takes longer than to read the first rows."""
    monkeypatch.setattr("agent_widget.ingest.watcher.MUCH", 1000)
    monkeypatch.setattr("agent_widget.ingest.watcher.SLICE", 0.0)
    answer_all(home)
    known = prices.price
    asked: list[Any] = []
    monkeypatch.setattr(prices, "price", lambda *given: asked.append(given) or known(*given))
    collector = collector_of(home)
    watcher = Watcher(collector)
    let_in: list[tuple[int, int]] = []
    first = watcher._first_rows.set
    monkeypatch.setattr(
        watcher._first_rows, "set", lambda: let_in.append((len(asked), collector.store.count("messages"))) or first()
    )
    watcher.start()
    try:
        assert watcher.wait(PATIENCE)
    finally:
        watcher.stop()
    priced, rows = let_in[0]
    assert (priced, rows > 0) == (0, True)
    assert len(asked) >= SESSIONS
    assert comparable(collector) == comparable(scanned(home))


def test_an_answer_that_cannot_be_priced_keeps_no_other_from_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_all(home)
    collector = collector_of(home)
    collector.put_off()
    collector.scan()
    assert {row["output_tokens"] for row in collector.store.rows("sessions")} == {None}
    with monkeypatch.context() as patch:
        patch.setattr(prices, "price", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collector.catch_up()
    collector.catch_up()
    assert [row["output_tokens"] for row in collector.store.rows("sessions")].count(10) == SESSIONS - 1


async def status(client: Any) -> dict[str, Any]:
    """What the server says of its only source."""
    await client.send(type="call", rid=1, method="status", params={})
    while (frame := await client.frame())["type"] != "reply":
        pass
    (source,) = frame["result"]["sources"]
    assert isinstance(source, dict)
    return source


def test_nobody_waits_for_a_large_home(home: Path, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_widget.ingest.watcher.MUCH", 100_000)
    monkeypatch.setattr("agent_widget.ingest.watcher.SLICE", 0.0)
    gate.held.add(transcript(home, SESSIONS - 1))

    async def scene() -> None:
        async with served(home, first_look=PATIENCE) as server:
            assert server.collector.states()[0].state == "reading"
            gate.open()

    asyncio.run(scene())


def test_a_small_home_is_whole_in_the_first_answer(workspace: Path) -> None:
    async def scene() -> None:
        async with served(workspace) as server, raw(server) as client:
            welcome = await client.hello(server)
            assert [source["state"] for source in welcome["sources"]] == ["watching"]
            first = await client.answer()
            sent = {name: {row["id"]: row for row in rows} for name, rows in first["rows"].items()}
            assert sent == {name: rows for name, rows in contents(server.store).items() if rows}

    asyncio.run(scene())


# ---------------------------------------------------------------------------------------------------------------------
# The watcher


def test_each_slice_of_reading_wakes_the_listeners(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_widget.ingest.watcher.SLICE", 0.0)
    collector, known = collector_of(home), []
    watcher = Watcher(collector, lambda: known.append(collector.store.count("sessions")))
    watcher.start()
    try:
        assert watcher.wait(PATIENCE)
        assert known[0] < SESSIONS / 2
        assert known[-1] == SESSIONS
        until(lambda: comparable(collector) == comparable(scanned(home)))
    finally:
        watcher.stop()


def test_stopping_does_not_wait_for_the_end_of_the_reading(home: Path, gate: Gate) -> None:
    gate.held.add(transcript(home, 3))
    collector = collector_of(home)
    watcher = Watcher(collector)
    watcher.start()
    until(lambda: collector.store.count("sessions") == 3)
    threading.Timer(0.1, gate.open).start()
    watcher.stop()
    assert not watcher.wait(0)
    assert collector.store.count("sessions") < SESSIONS


# ---------------------------------------------------------------------------------------------------------------------
# The list of what is to be read


def first(collector: Collector, portions: int = 1) -> None:
    """Read only so many portions."""
    rest = iter(range(portions - 1, -1, -1))
    collector.read_on(lambda: next(rest) == 0)


def test_the_newest_comes_first_whatever_the_source(home: Path, workspace: Path) -> None:
    for path in workspace.rglob("*"):
        dated(path, 1.6)  # a day between two of the sessions
    collector = collector_of(workspace, home)
    collector.look()
    order = []
    while not collector.read_on(lambda: True):
        order.append((collector.store.count("sessions"), collector.store.count("tasks")))
    assert (2, 0) in order
    assert (2, 2) in order
    assert (0, 2) not in order


def test_small_documents_of_a_day_come_before_its_transcripts(home: Path) -> None:
    process = home / "sessions" / "77.json"
    process.parent.mkdir()
    process.write_text(f'{{"sessionId": "{session(5)}", "status": "busy", "updatedAt": {NOW}}}')
    dated(process, 0.01)
    collector = collector_of(home)
    collector.look()
    first(collector)
    assert [row["id"] for row in collector.store.rows("sessions")] == [session(5)]


def test_what_is_written_meanwhile_is_read_between_two_portions_of_a_large_file(home: Path) -> None:
    collector = collector_of(home)
    collector.look()
    oldest = transcript(home, SESSIONS - 1)
    while not 0 < collector.files[str(oldest)].done < oldest.stat().st_size:
        assert not collector.read_on(lambda: True)
    with transcript(home, 7).open("ab") as file:
        file.write(prompts(session(7), 20, 1))
    collector.look([transcript(home, 7)])
    first(collector, 2)
    assert collector.store.get("messages", f"{session(7)}:{session(7)}-20") is not None
    assert collector.states()[0].state == "reading"
    collector.read_on()
    assert collector.states()[0].state == "watching"


def test_what_is_appended_to_a_file_while_it_is_read_is_read_too(home: Path) -> None:
    collector = collector_of(home)
    oldest = transcript(home, SESSIONS - 1)
    collector.look([oldest])
    first(collector)
    with oldest.open("ab") as file:
        file.write(prompts(session(SESSIONS - 1), 2000, 1))
    collector.look([oldest])
    assert collector.read_on()
    assert collector.store.get("messages", f"{session(SESSIONS - 1)}:{session(SESSIONS - 1)}-2000") is not None
    collector.settle()
    assert not refresh(collector, [oldest])


def test_before_the_first_look_the_sources_are_not_read(home: Path) -> None:
    collector = collector_of(home)
    assert collector.states()[0].state == "reading"
    collector.scan()
    (state,) = collector.states()
    assert (state.state, state.files, state.read) == ("watching", SESSIONS, state.bytes)


def test_a_file_that_goes_before_it_is_read_is_not_waited_for(home: Path) -> None:
    collector = collector_of(home)
    collector.look()
    transcript(home, 2).unlink()
    assert collector.read_on()
    assert collector.states()[0].state == "watching"
    assert collector.store.count("sessions") == SESSIONS - 1


def homes() -> list[Path]:
    """Real directories of several agents; none where they are absent."""
    claude = sorted(path for path in (SHARED / "claude-code").glob("*") if path.is_dir())
    return [*claude, *(path for path in [SHARED / "hyrm-workspace" / "memory"] if path.is_dir())]


@pytest.mark.skipif(not homes(), reason="no real homes beside the repository (../shared/data)")
@pytest.mark.parametrize("home", homes(), ids=lambda path: path.name)
def test_files_in_any_order_and_portions_make_the_same_rows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, dice = comparable(scanned(home)), random.Random(1)
    monkeypatch.setattr(reading.File, "rank_of", lambda file, stamp: (dice.randrange(10**9), True, 0))
    collector = collector_of(home)
    collector.look()
    while not collector.read_on(lambda: True):
        if dice.random() < 0.1:
            collector.settle(stats=dice.random() < 0.5)
        if dice.random() < 0.1:
            collector.look()  # files that are half read are found again, and get another place
    collector.settle(stats=True)
    assert comparable(collector) == expected
