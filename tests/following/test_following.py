"""One server of many: after whatever happens, the hub's rows of a host are the host's own rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

import agent_widget as aw
from agent_widget import cli
from agent_widget.addresses import where
from agent_widget.client.errors import CallError, NotFound
from agent_widget.following import Hosts, absence
from agent_widget.following.ids import row_of
from agent_widget.ingest import archive as archiving
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.server.app import Server
from agent_widget.tables import TABLES
from agent_widget.writing import last_writes
from tests.conftest import ROOT
from tests.support.transcripts import lines
from tests.support.wire import PATIENCE, log_rows, running, say, until, write_tasks

pytestmark = pytest.mark.usefixtures("own_machine")

TOKEN = "a-token-of-the-tests"


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to connections: nobody connects to itself."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


@contextlib.contextmanager
def host(
    workspace: Path, name: str, *, follow: tuple[str, ...] = (), archive: Path | None = None, **options: Any
) -> Iterator[Server]:
    """A server of a workspace that calls itself ``name``, and follows others."""
    collector = Collector(
        [workspace], host=name, archive=archive and (lambda _: Archive.open(archive)), follows=bool(follow)
    )
    writes = bool(options.get("allow_writes"))
    hosts = Hosts([where(url) for url in follow], collector, writes=writes) if follow else None
    with running(Server(collector, **{"token": TOKEN, "first_look": PATIENCE, "followed": hosts, **options})) as server:
        yield server


def at(server: Server) -> str:
    """What ``--follow`` is given."""
    return f"{server.url}#{TOKEN}"


def own(server: Server) -> dict[str, dict[str, Any]]:
    """What a host's own snapshot says, table by table; figures are computed by each server."""
    return {table: {row["id"]: row for row in server.store.rows(table)} for table in TABLES if table != "stats"}


def told(hub: Server, name: str) -> dict[str, dict[str, Any]]:
    """The hub's rows of a host."""
    prefix = f"{name}/"
    return {
        table: {row["id"]: row for row in hub.store.rows(table) if row["id"].startswith(prefix)}
        for table in TABLES
        if table != "stats"
    }


def as_followed(server: Server, name: str) -> dict[str, dict[str, Any]]:
    """What the hub's rows of a host have to be."""
    found: dict[str, dict[str, Any]] = {}
    for table, rows in own(server).items():
        here = [row_of(table, row, f"{name}/") for row in rows.values()]
        found[table] = {row["id"]: row for row in here}
    return found


def until_equal(hub: Server, server: Server, name: str) -> None:
    """Wait until the hub has what the host has."""
    until(lambda: server.collector.looked and told(hub, name) == as_followed(server, name))


def state(hub: Server, name: str) -> str | None:
    """The state of a host as the hub's frames tell it."""
    return next((host.state for host in hub.sources.hosts if host.name == name), None)


@pytest.fixture
def places(tmp_path: Path) -> Callable[[str], Path]:
    """Workspaces by name, made when they are asked for, with tasks and a message."""

    def place(name: str) -> Path:
        directory = tmp_path / name / "memory"
        if not directory.exists():
            directory.mkdir(parents=True)
            write_tasks(directory, f"first of {name}", f"second of {name}")
            say(directory, 1, f"hello from {name}")
        return directory

    return place


Places = Callable[[str], Path]


SESSION = "3b0cd6f2-0000-4000-8000-000000000001"


def write_session(directory: Path, text: str, *, answered: bool = False) -> None:
    """A conversation with Claude Code, begun just now."""
    about = {"sessionId": SESSION, "cwd": "/srv/shop", "version": "2.1.220"}
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    usage = {"input_tokens": 10, "output_tokens": 5}
    answer = {"id": "msg_1", "role": "assistant", "model": "claude-opus-4-1-20250805", "usage": usage, "content": []}
    said: list[dict[str, Any]] = [{"type": "user", "message": {"role": "user", "content": text}}]
    if answered:
        said.append({"type": "assistant", "message": {**answer, "stop_reason": "end_turn"}})
    file = directory / "projects" / "-srv-shop" / f"{SESSION}.jsonl"
    file.parent.mkdir(parents=True)
    numbered = ({"uuid": f"u{number}", "timestamp": now, **about, **line} for number, line in enumerate(said))
    file.write_bytes(lines(*numbered))


# What a hub has


def test_a_hub_has_the_rows_of_its_hosts_beside_its_own(places: Places) -> None:
    with (
        host(places("a"), "a") as a,
        host(places("b"), "b") as b,
        host(places("hub"), "hub", follow=(at(a), at(b))) as hub,
    ):
        until_equal(hub, a, "a")
        until_equal(hub, b, "b")
        titles = {row["id"]: (row["host"], row["title"]) for row in hub.store.rows("tasks")}
        assert titles["a/task-0"] == ("a", "first of a")
        assert titles["b/task-0"] == ("b", "first of b")
        assert titles["task-0"] == ("hub", "first of hub")
        say(places("a"), 2, "more")
        until(lambda: hub.store.get("messages", "a/m2"))
        until_equal(hub, a, "a")


def test_links_between_rows_resolve_on_the_hub(places: Places) -> None:
    """Every reference that leads to a row at the host leads to that row here."""
    workspace = places("a")
    tasks = [
        {"id": "t1", "title": "One", "status": "completed", "assigned_to": "agent-1"},
        {"id": "t2", "title": "Two", "status": "in_progress", "assigned_to": "agent-1", "depends_on": ["t1"]},
    ]
    (workspace / "tasks.json").write_text(json.dumps({"version": 1, "tasks": tasks}))
    with host(workspace, "a") as a, host(places("hub"), "hub", follow=(at(a),)) as hub:
        until_equal(hub, a, "a")
        followed = 0
        for table, definition in TABLES.items():
            for row in a.store.rows(table) if table != "stats" else ():
                for column in definition.columns:
                    if column.refers is None or row[column.name] in (None, "*"):
                        continue
                    here = hub.store.get(table, f"a/{row['id']}")
                    assert here is not None
                    ids = row[column.name] if column.type == "list" else [row[column.name]]
                    there = here[column.name] if column.type == "list" else [here[column.name]]
                    for id, other in zip(ids, there, strict=True):
                        if a.store.get(column.refers, id) is not None:
                            followed += 1
                            assert hub.store.get(column.refers, other) is not None, (table, column.name, other)
        assert followed >= 3


def test_figures_are_computed_over_all_hosts(places: Places) -> None:
    with host(places("a"), "a") as a, host(places("hub"), "hub", follow=(at(a),)) as hub:
        until_equal(hub, a, "a")

        def figure(server: Server, name: str) -> Any:
            row = server.store.get("stats", name)
            return row and row["value"]

        until(lambda: figure(hub, "tasks") == 4)
        until(lambda: figure(hub, "messages") == 2)
        assert figure(a, "tasks") == 2


def test_two_hosts_of_one_name_are_told_apart(places: Places) -> None:
    with (
        host(places("a"), "box") as a,
        host(places("b"), "box") as b,
        host(places("hub"), "box", follow=(at(a), f"other={at(b)}")) as hub,
    ):
        until(lambda: told(hub, "box-2")["tasks"] and told(hub, "other")["tasks"])
        assert {row["host"] for row in hub.store.rows("tasks")} == {"box", "box-2", "other"}


def test_each_host_and_what_it_reads_is_told(places: Places) -> None:
    with host(places("hub"), "hub", follow=(f"late=ws://127.0.0.1:{(port := free_port())}/ws#{TOKEN}",)) as hub:
        until(lambda: state(hub, "late") == "connecting")
        until(lambda: "nothing listens there" in str([host.message for host in hub.sources.hosts]))
        with host(places("a"), "late", port=port) as late:
            until(lambda: state(hub, "late") == "live")
            until_equal(hub, late, "late")
            source = next(source for source in hub.sources.sources if source.host == "late")
            assert (source.path, source.prefix) == (f"late:{places('a')}", "late/")
            with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
                client.wait(lambda client: client.hosts, PATIENCE)
                assert [(host.name, host.state) for host in client.hosts] == [("late", "live")]
        until(lambda: state(hub, "late") == "gone")
        gone = hub.sources.hosts[0]
        assert gone.since is not None
        assert told(hub, "late")["tasks"], "a host that is gone keeps its rows"
        assert next(source for source in hub.sources.sources if source.host == "late").state == "gone"


def test_a_host_that_has_stopped_reading_is_behind(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent_widget.client import wire

    monkeypatch.setattr(wire, "BEHIND", 0.3)
    monkeypatch.setattr(wire, "PING_EVERY", 0.05)
    with host(places("a"), "a") as a, host(places("hub"), "hub", follow=(at(a),)) as hub:
        until(lambda: state(hub, "a") == "live")
        until(lambda: state(hub, "a") == "behind")  # nothing says that its reader goes on for 0.3 s
        assert "has not finished a round" in str(hub.sources.hosts[0].message)


# What may happen


def test_a_host_that_was_killed_and_restarted_is_caught_up_with(places: Places, tmp_path: Path) -> None:
    port, archive = free_port(), tmp_path / "a.sqlite3"
    with host(places("hub"), "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        for number in range(2, 5):
            with host(places("a"), "a", port=port, archive=archive) as a:
                until_equal(hub, a, "a")
                say(places("a"), number, f"life {number}")
                until(lambda: hub.store.get("messages", f"a/m{number}"))  # noqa: B023
            say(places("a"), 100 + number, "while it was away")
        with host(places("a"), "a", port=port) as a:  # without its archive: another life
            until_equal(hub, a, "a")


def test_rows_that_went_while_nobody_was_connected_go(places: Places) -> None:
    port = free_port()
    with host(places("hub"), "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        with host(places("a"), "a", port=port) as a:
            until_equal(hub, a, "a")
        write_tasks(places("a"), "only one")
        with host(places("a"), "a", port=port) as a:
            until(lambda: state(hub, "a") == "live")
            until_equal(hub, a, "a")
            assert list(told(hub, "a")["tasks"]) == ["a/task-0"]


def test_a_cut_connection_costs_only_what_was_missed(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    take_over = Collector.take_over

    def counting(collector: Collector, operations: Any) -> None:
        operations = list(operations)
        taken.append(len(operations))
        take_over(collector, operations)

    monkeypatch.setattr(Collector, "take_over", counting)
    with host(places("a"), "a") as a, host(places("hub"), "hub", follow=(at(a),)) as hub:
        until_equal(hub, a, "a")
        a.store.apply(log_rows(*(f"l{number}" for number in range(500))))
        until_equal(hub, a, "a")
        for number in range(2, 7):
            before = sum(taken)
            (origin,) = hub.followed._origins.values()  # type: ignore[union-attr]
            origin.again()
            say(places("a"), number)
            until(lambda: hub.store.get("messages", f"a/m{number}"))  # noqa: B023
            until_equal(hub, a, "a")
            assert sum(taken) - before < 50


def test_a_hub_that_is_restarted_goes_on_from_where_it_was(places: Places, tmp_path: Path) -> None:
    archive = tmp_path / "hub.sqlite3"
    with host(places("a"), "a") as a:
        with host(places("hub"), "hub", follow=(at(a),), archive=archive) as hub:
            until_equal(hub, a, "a")
            position = a.store.position
            until(lambda: hub.collector.followed[a.url]["position"] == tuple(position))
        say(places("a"), 2)
        until(lambda: a.store.get("messages", "m2"))
        with host(places("hub"), "hub", follow=(at(a),), archive=archive) as hub:
            assert told(hub, "a")["tasks"], "its rows are there before it is heard of again"
            kept = hub.collector.followed[a.url]["position"]
            assert kept[0] == position.epoch
            assert kept[1] >= 1
            until_equal(hub, a, "a")
    with host(places("hub"), "hub", follow=(at(a),), archive=archive) as hub:  # the host is gone now
        until(lambda: state(hub, "a") == "gone")
        assert hub.sources.hosts[0].since is not None
        assert told(hub, "a") == as_followed(a, "a")
    with host(places("hub"), "hub", archive=archive, follow=(f"ws://127.0.0.1:{free_port()}/ws",)) as hub:
        until(lambda: state(hub, "a") == "left")
        assert told(hub, "a")["tasks"], "rows stay when nobody follows any more"


def test_a_hub_killed_in_the_middle_of_an_answer_asks_for_it_again(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken over of an answer is kept without its position: the rest comes after the restart."""
    archive = tmp_path / "hub.sqlite3"
    with host(places("a"), "a") as a:
        a.store.apply(log_rows(*(f"l{number}" for number in range(3000)), text="x" * 400))  # several frames
        with monkeypatch.context() as patch:
            patch.setattr(Hosts, "keep", lambda *_: None)  # the end of the answer never comes
            with host(places("hub"), "hub", follow=(at(a),), archive=archive) as hub:
                until_equal(hub, a, "a")
        a.store.apply(log_rows("one more"))
        with host(places("hub"), "hub", follow=(at(a),), archive=archive) as hub:
            until_equal(hub, a, "a")


def test_limits_and_windows_are_those_of_the_host_that_heard_of_them(places: Places, tmp_path: Path) -> None:
    """A window of 5 hours that runs at a host is neither counted again here nor ended by what another host heard."""
    claude = {name: tmp_path / name / ".claude" for name in ("here", "there")}
    for directory in claude.values():
        write_session(directory, "hello", answered=True)
    with host(claude["there"], "there") as there, host(claude["here"], "here", follow=(at(there),)) as hub:
        until(lambda: there.store.rows("limits"))
        until_equal(hub, there, "there")
        until(lambda: len(hub.store.rows("limits")) == 2)
        used = {row["id"]: (row["output_tokens"], row["host"]) for row in hub.store.rows("usage")}
        assert sorted(used.values()) == [(5, "here"), (5, "there")]
        until(lambda: (row := hub.store.get("stats", "output_tokens")) and row["value"] == 10)


# Hubs of hubs, and circles


def test_a_hub_of_hubs_has_ids_with_both_names(places: Places) -> None:
    with (
        host(places("leaf"), "leaf") as leaf,
        host(places("mid"), "mid", follow=(at(leaf),)) as mid,
        host(places("top"), "top", follow=(at(mid),)) as top,
    ):
        until_equal(mid, leaf, "leaf")
        until_equal(top, mid, "mid")
        row = top.store.get("tasks", "mid/leaf/task-0")
        assert row is not None
        assert row["host"] == "leaf"
        until(lambda: state(top, "mid/leaf") == "live")
        assert top.sources.hosts[1].through == "mid"
        say(places("leaf"), 9)
        until(lambda: top.store.get("messages", "mid/leaf/m9"))


def test_a_server_that_follows_itself_is_refused_in_one_line(places: Places) -> None:
    port = free_port()
    with host(places("a"), "a", port=port, follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as a:
        until(lambda: [host.state for host in a.sources.hosts] == ["refused"])
        assert "is this server itself" in str(a.sources.hosts[0].message)
        assert {row["id"] for row in a.store.rows("tasks")} == {"task-0", "task-1"}


def test_a_host_that_has_a_copy_of_this_ones_archive_is_another_one(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home was copied to another machine, with the archive in it."""
    archive = tmp_path / "hub.sqlite3"
    with host(places("hub"), "hub", archive=archive):
        pass
    shutil.copy(archive, tmp_path / "a.sqlite3")
    with contextlib.ExitStack() as stack:
        with monkeypatch.context() as patched:
            patched.setattr(archiving, "machine", lambda: b"another one")
            a = stack.enter_context(host(places("a"), "a", archive=tmp_path / "a.sqlite3"))
        hub = stack.enter_context(host(places("hub"), "hub", archive=archive, follow=(at(a),)))
        until(lambda: state(hub, "a") == "live" and told(hub, "a")["tasks"].keys() == {"a/task-0", "a/task-1"})


@pytest.mark.parametrize("length", [2, 3])
def test_a_circle_is_broken_and_said(places: Places, length: int) -> None:
    ports = [free_port() for _ in range(length)]
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(
                host(
                    places(f"h{number}"),
                    f"h{number}",
                    port=port,
                    follow=(f"ws://127.0.0.1:{ports[(number + 1) % length]}/ws#{TOKEN}",),
                )
            )
            for number, port in enumerate(ports)
        ]
        until(lambda: any(host.state == "refused" for server in servers for host in server.sources.hosts[:1]))
        refused = [server for server in servers if server.sources.hosts and server.sources.hosts[0].state == "refused"]
        assert all("rows would go in circles" in str(server.sources.hosts[0].message) for server in refused)
        say(places("h0"), 50)
        until(lambda: servers[0].store.get("messages", "m50"))
        for server in servers:  # what had gone around before the circle was seen is taken out
            until(lambda: not [row for row in server.store.rows("tasks") if row["id"].count("/") >= length])  # noqa: B023


def test_a_host_that_is_followed_directly_and_through_another_counts_once(places: Places) -> None:
    with host(places("leaf"), "leaf") as leaf, host(places("mid"), "mid", follow=(at(leaf),)) as mid:
        until_equal(mid, leaf, "leaf")
        with host(places("top"), "top", follow=(at(mid), at(leaf))) as top:
            until_equal(top, leaf, "leaf")
            until(lambda: top.store.get("tasks", "mid/task-0") and not told(top, "mid/leaf")["tasks"])
            until(lambda: (row := top.store.get("stats", "tasks")) and row["value"] == 6)
            assert [host.name for host in top.sources.hosts] == ["mid", "leaf"]


def test_a_home_that_two_hosts_share_counts_once(
    places: Places, own_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(own_machine / "home" / "state"))
    memory = own_machine / "home" / "memory"
    memory.mkdir(parents=True)
    write_tasks(memory, "shared")
    with host(memory, "n1") as n1, host(memory, "n2") as n2:
        assert n1.sources.sources[0].home == n2.sources.sources[0].home is not None
        with host(places("hub"), "hub", follow=(at(n1), at(n2))) as hub:
            until_equal(hub, n1, "n1")
            until(lambda: state(hub, "n2") == "live")
            until(lambda: [host.shared for host in hub.sources.hosts] == [None, "n1"])
            until(lambda: not any(told(hub, "n2").values()))
            say(memory, 3)
            until(lambda: hub.store.get("messages", "n1/m3"))
            until(lambda: (row := hub.store.get("stats", "messages")) and row["value"] == 2)


def test_a_home_that_two_hosts_share_is_read_by_the_one_that_is_there(
    places: Places, own_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(own_machine / "home" / "state"))
    monkeypatch.setattr(absence, "AWAY_MS", 500)
    monkeypatch.setattr(absence, "LOOK_EVERY_MS", 1)
    memory, port, archive = own_machine / "home" / "memory", free_port(), tmp_path / "hub.sqlite3"
    memory.mkdir(parents=True)
    write_tasks(memory, "shared")
    say(memory, 1)

    def messages(hub: Server) -> list[str]:
        return sorted(row["id"] for row in hub.store.rows("messages") if row["id"].startswith("n"))

    with host(memory, "n2") as n2:
        url = f"ws://127.0.0.1:{port}/ws#{TOKEN}"
        with (
            host(memory, "n1", port=port),
            host(places("hub"), "hub", follow=(url, at(n2)), archive=archive) as hub,
        ):
            until(lambda: messages(hub) == ["n1/m1"] and state(hub, "n2") == "live")
        with host(places("hub"), "hub", follow=(url, at(n2)), archive=archive) as hub:
            say(memory, 2)
            until(lambda: messages(hub) == ["n2/m1", "n2/m2"])
            until(lambda: not any(told(hub, "n1").values()))
            until(lambda: (row := hub.store.get("stats", "messages")) and row["value"] == 3)
        with host(places("hub"), "hub", follow=(url, at(n2)), archive=archive) as hub:
            say(memory, 3)
            until(lambda: messages(hub) == ["n2/m1", "n2/m2", "n2/m3"])
            with host(memory, "n1", port=port) as n1:
                say(memory, 4)
                until_equal(hub, n1, "n1")
                until(lambda: messages(hub) == ["n1/m1", "n1/m2", "n1/m3", "n1/m4"])
                until(lambda: not any(told(hub, "n2").values()))


# What goes through


def test_transcripts_memory_and_search_go_through(places: Places, tmp_path: Path) -> None:
    claude = tmp_path / "box" / ".claude"
    write_session(claude, "Raise the retry budget")
    memory = places("team")
    (memory / "working.md").write_text("# Notes\n\nthe retry budget is three\n")
    say(places("hub"), 5, "what is the retry budget?")
    with (
        host(claude, "box") as box,
        host(memory, "team") as team,
        host(places("hub"), "hub", follow=(at(box), at(team))) as hub,
    ):
        until_equal(hub, box, "box")
        until_equal(hub, team, "team")
        with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
            (entry,) = client.transcript(f"box/{SESSION}")
            assert (entry["text"], entry["sender"]) == ("Raise the retry budget", "box/user")
            with pytest.raises(NotFound):
                client.transcript("box/nothing")

            row = next(row for row in client.memory if row.id.startswith("team/"))
            assert "retry budget is three" in client.call("memory", id=row.id)["text"]

            hits = client.search("retry budget").rows()
            found = {(hit.place, (hit.agent_id or hit.entry).split("/")[0]) for hit in hits}
            assert ("prompt", "box") in found
            assert ("memory", "team") in {(hit.place, hit.entry.split("/")[0]) for hit in hits}
            assert any(hit.entry == "m5" for hit in hits)
            assert len(hits) == len({(hit.entry, hit.place) for hit in hits}), "nothing is found twice"
            (prompt,) = client.search("retry budget", where={"session_id": f"box/{SESSION}", "place": "prompt"})
            begins = client.transcript(prompt.agent_id, after=prompt.position)
            assert begins[0]["id"] == prompt.entry
            assert len(client.search("retry budget", limit=1).rows()) == 1


def test_a_search_says_which_host_it_left_out_and_looks_at_its_rows_here(places: Places) -> None:
    port = free_port()
    with host(places("hub"), "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        with host(places("a"), "a", port=port) as a:
            until_equal(hub, a, "a")
        until(lambda: state(hub, "a") == "gone")
        with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
            portion = client.call("search", text="hello from a")
            assert [hit["entry"] for hit in portion["hits"]] == ["a/m1"]
            assert "not reachable" in portion["left_out"]["a"]
            with pytest.raises(CallError, match="a has the files, and cannot be asked now") as failure:
                client.transcript("a/agent-1")
            assert failure.value.code == "unavailable"


def test_a_change_is_in_the_audit_of_the_hub_though_who_asked_for_it_has_gone(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, goes_on = threading.Event(), threading.Event()
    ask = Hosts._ask

    def attempt(client: aw.Client) -> None:
        with contextlib.suppress(aw.ConnectionFailed):
            client.call("message.send", to="a/agent-1", text="go on")

    async def slowly(self: Hosts, *args: Any) -> Any:
        asked.set()
        await asyncio.to_thread(goes_on.wait, PATIENCE)
        return await ask(self, *args)

    with (
        host(places("a"), "a", allow_writes=True) as a,
        host(places("hub"), "hub", follow=(at(a),), allow_writes=True) as hub,
    ):
        until_equal(hub, a, "a")
        monkeypatch.setattr(Hosts, "_ask", slowly)
        with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
            threading.Thread(target=attempt, args=(client,)).start()
            assert asked.wait(PATIENCE)
        until(lambda: not hub.connections)
        goes_on.set()
        until(lambda: len(last_writes()) == 2)
        assert {line.get("host") for line in last_writes()} == {"a", None}


def test_changes_go_through_to_a_host_that_takes_them(places: Places) -> None:
    with (
        host(places("a"), "a", allow_writes=True) as a,
        host(places("b"), "b") as b,
        host(places("hub"), "hub", follow=(at(a), at(b)), allow_writes=True) as hub,
    ):
        until_equal(hub, a, "a")
        until_equal(hub, b, "b")
        with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
            updated = client.call("task.update", id="a/task-0", status="in_progress", owner="a/agent-1")
            assert (updated["id"], updated["owner"], updated["status"]) == ("a/task-0", "a/agent-1", "in_progress")
            document = json.loads((places("a") / "tasks.json").read_text())
            assert document["tasks"][0]["assigned_to"] == "agent-1"
            until(lambda: client.tasks["a/task-0"].status == "in_progress")
            there, here = last_writes()
            assert there["id"] == "task-0" and there["client"].startswith("agent-widget on hub at 127.0.0.1")
            assert (here["id"], here["host"], here["method"]) == ("a/task-0", "a", "task.update")
            assert here["after"] == {"status": "in_progress", "owner": "agent-1"} and "hub" not in here["client"]

            title = client.tasks["a/task-0"].update(title="a/b tests").title
            assert (title, client.tasks["a/task-0"].update(title="A/B tests").title) == ("a/b tests", "A/B tests")
            with pytest.raises(CallError) as other:
                client.call("task.update", id="a/task-0", owner="a/agent-2", seen={"owner": "a/agent-3"})
            assert other.value.details == {"owner": {"seen": "a/agent-3", "found": "a/agent-1"}}

            made = client.call("task.create", title="Over there", root=f"a:{places('a')}", depends_on=["a/task-0"])
            assert made["id"].startswith("a/")
            assert made["depends_on"] == ["a/task-0"]
            assert "Over there" in (places("a") / "tasks.json").read_text()

            client.call("message.send", to="a/agent-1", text="well done")
            assert "well done" in (places("a") / "message-bus.jsonl").read_text()
            with pytest.raises(CallError, match="takes no changes"):
                client.call("task.update", id="b/task-0", status="completed")
            with pytest.raises(CallError) as conflict:
                client.call("task.update", id="a/task-0", status="completed", seen={"status": "pending"})
            assert conflict.value.code == "conflict"
            assert client.call("actions", table="tasks", id="a/task-0")["writes"]
            assert not client.call("actions", table="tasks", id="b/task-0")["writes"]
            until_equal(hub, a, "a")


def test_a_change_returns_the_row_of_a_host_that_has_another_name_here(places: Places) -> None:
    with (
        host(places("a"), "a", allow_writes=True) as a,
        host(places("hub"), "hub", follow=(f"left={at(a)}",), allow_writes=True) as hub,
        contextlib.closing(aw.connect(hub.url, TOKEN)) as client,
    ):
        client.wait(lambda client: "left/task-0" in client.tasks, PATIENCE)
        updated = client.call("task.update", id="left/task-0", status="in_progress")
        assert updated["host"] == "left"
        client.wait(lambda client: client.tasks["left/task-0"].status == "in_progress", PATIENCE)
        assert client.tasks["left/task-0"].host == "left"


def test_a_hub_that_takes_no_changes_passes_none_on(places: Places) -> None:
    with host(places("a"), "a", allow_writes=True) as a, host(places("hub"), "hub", follow=(at(a),)) as hub:
        until_equal(hub, a, "a")
        assert all(not source.writes for source in hub.sources.sources)
        with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
            with pytest.raises(CallError, match="takes no changes"):
                client.call("task.update", id="a/task-0", status="completed")
            assert not client.call("actions", table="tasks", id="a/task-0")["writes"]


# The command line


def test_doctor_says_how_the_hosts_are(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = f"late=ws://127.0.0.1:{free_port()}/ws"
    with host(places("a"), "a") as a, host(places("hub"), "hub", follow=(at(a), nowhere)) as hub:
        until(lambda: state(hub, "a") == "live" and "nothing listens" in str(hub.sources.hosts[1].message))
        assert cli.main(["doctor", str(places("hub"))]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^host +a  live since \d\d \w+ \d\d:\d\d$", said, re.M)
    assert re.search(r"^host +late  connecting  the server is not reachable \(nothing listens there\)$", said, re.M)


def test_where_tokens_may_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def followed(*arguments: str) -> list[tuple[str, str | None]]:
        options = cli._parser().parse_args(["serve", *arguments])
        return [(found.url, found.token) for found in cli._followed(options)]

    url = "ws://box:8765/ws"
    assert followed("--follow", f"{url}#abc") == [(url, "abc")]
    (token := tmp_path / "token").write_text("from-a-file\n")
    token.chmod(0o600)
    assert followed("--follow", url, "--follow-token-file", str(token)) == [(url, "from-a-file")]
    (hosts := tmp_path / "hosts").write_text(f"# ours\n\n{url}#one\nssh://box/\n")
    hosts.chmod(0o600)
    assert followed("--follow", f"@{hosts}") == [(url, "one"), ("ssh://box/", None)]
    monkeypatch.setenv("AGENT_WIDGET_FOLLOW_TOKEN", "common")
    assert followed("--follow", url) == [(url, "common")]
    monkeypatch.setenv("AGENT_WIDGET_FOLLOW", f"{url}#hidden")
    assert followed() == [(url, "hidden")]


@pytest.mark.skipif(os.name != "posix", reason="a process begins anew in its own place")
def test_a_token_on_the_command_line_is_taken_out_of_it(places: Places) -> None:
    secret = "a-token-that-nobody-may-see"
    command = [sys.executable, "-m", "agent_widget", "serve", "--ready-json", "--no-archive", "--port", "0"]
    command += ["--follow", f"ws://127.0.0.1:{free_port()}/ws#{secret}", str(places("a"))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        assert process.stdout is not None
        assert secret.encode() not in process.stdout.readline()
        words = psutil.Process(process.pid).cmdline()
        assert "--follow" in words
        assert not [word for word in words if secret in word]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def test_a_notebook_names_hosts_beside_its_directories(places: Places) -> None:
    with host(places("a"), "a") as a, contextlib.ExitStack() as stack:
        dash = aw.watch(at(a), places("b"))
        stack.callback(dash.close)
        server = aw.serve(places("b"), follow=[at(a)])
        stack.callback(server.stop)
        assert not server.started, "the one that watches and follows the same is found again"
        stack.callback(aw.connect(server).close)
        dash.wait(lambda dash: dash.tasks["a/task-0"].title == "first of a", PATIENCE)
        assert [(host.name, host.state) for host in dash.hosts] == [("a", "live")]
        assert not [word for word in psutil.Process(server.pid).cmdline() if TOKEN in word]
        with aw.serve(places("b")) as other:
            assert other.pid != server.pid, "one that follows nobody is another one"
    with pytest.raises(ValueError, match="is not a host to follow"):
        aw.watch("ftp://box", places("b"))
