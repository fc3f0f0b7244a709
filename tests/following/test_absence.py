"""A host that is gone: nobody counts its agents as working, and when it is back its rows are what they were."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget.following import Hosts, absence
from agent_widget.ingest.keeping import Keeper
from agent_widget.server.app import Server
from agent_widget.store import Row, Store
from agent_widget.tables import TABLES, Record
from tests.following.test_following import SESSION, TOKEN, as_followed, at, free_port, host, state, told, until_equal
from tests.following.test_following import write_session as write
from tests.support.transcripts import lines
from tests.support.wire import until, write_tasks

pytestmark = pytest.mark.usefixtures("own_machine")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host counts as gone at once."""
    monkeypatch.setattr(absence, "AWAY_MS", 0)
    monkeypatch.setattr(absence, "LOOK_EVERY_MS", 1)


@pytest.fixture
def claude(tmp_path: Path) -> Path:
    """A home in which an agent works on a prompt, in a call that runs."""
    directory = tmp_path / "box" / ".claude"
    write(directory, "Build it")
    go_on(directory, {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make"}})
    return directory


def go_on(directory: Path, content: dict[str, Any], stop: str = "tool_use") -> None:
    """The next thing that the agent says."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    usage = {"input_tokens": 10, "output_tokens": 5}
    said = {"id": f"msg_{now}", "role": "assistant", "model": "claude-opus-4-1-20250805", "content": [content]}
    line = {"type": "assistant", "message": {**said, "usage": usage, "stop_reason": stop}}
    about = {"sessionId": SESSION, "cwd": "/srv/shop", "version": "2.1.220", "uuid": now, "timestamp": now}
    with (directory / "projects" / "-srv-shop" / f"{SESSION}.jsonl").open("ab") as file:
        file.write(lines({**about, **line}))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """What the hub reads itself."""
    directory = tmp_path / "hub" / "memory"
    directory.mkdir(parents=True)
    write_tasks(directory, "here")
    return directory


def agent(hub: Server, id: str = f"box/{SESSION}") -> Any:
    return hub.store.get("agents", id)


def figure(hub: Server, name: str) -> Any:
    row = hub.store.get("stats", name)
    return row and row["value"]


def is_working(hub: Server, id: str = f"box/{SESSION}") -> bool:
    row = agent(hub, id)
    return row is not None and row["status"] == "working"


def is_away(hub: Server, id: str = f"box/{SESSION}") -> bool:
    row = agent(hub, id)
    return row is not None and row["status"] == "offline"


@contextlib.contextmanager
def box(claude: Path, port: int, tmp_path: Path) -> Iterator[Server]:
    """The host, which knows after a restart what it has sent."""
    with host(claude, "box", port=port, archive=tmp_path / "box.sqlite3") as server:
        yield server


def test_agents_of_a_host_that_is_gone_count_as_offline_and_say_why(claude: Path, own: Path, tmp_path: Path) -> None:
    port = free_port()
    with host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        with box(claude, port, tmp_path):
            until(lambda: is_working(hub) and figure(hub, "agents_working") == 1)
            assert [row["status"] for row in hub.store.rows("tool_calls")] == ["running"]
        until(lambda: is_away(hub))
        since = hub.sources.hosts[0].since
        row = agent(hub)
        assert row["status_reason"].startswith("nothing heard of box since ")
        assert row["status_reason"].endswith("; working then")
        assert since is not None and row["status_at"] >= since
        spans = sorted(hub.store.rows("spans"), key=lambda span: span["started_at"])
        assert [(span["status"], span["ended_at"]) for span in spans] == [
            ("working", row["status_at"]),
            ("offline", None),
        ]
        assert spans[1]["started_at"] == row["status_at"]
        assert [row["status"] for row in hub.store.rows("tool_calls")] == [None], "nobody knows whether it runs"
        assert [row["status"] for row in hub.store.rows("sessions")] == ["idle"]
        until(lambda: (figure(hub, "agents_working"), figure(hub, "agents_offline")) == (0, 1))
        assert figure(hub, "tool_calls_running") == 0
        with contextlib.closing(aw.connect(hub.url, TOKEN)) as client:
            assert not client.agents.where(status="working")
            assert not aw.troubles(client)


def test_an_agent_of_this_server_that_is_called_like_a_host_works_on(claude: Path, own: Path, tmp_path: Path) -> None:
    port = free_port()
    with host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        hub.put(Record("agents", "box", {"name": "box", "status": "working"}))  # type: ignore[attr-defined]
        with box(claude, port, tmp_path):
            until(lambda: is_working(hub))
        until(lambda: is_away(hub))
        assert is_working(hub, "box")


def test_a_host_that_is_back_has_its_rows_again_without_sending_them(
    claude: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        with box(claude, port, tmp_path) as there:
            until_equal(hub, there, "box")
            until(lambda: is_working(hub))
        until(lambda: is_away(hub))
        taken: list[str] = []
        came = Hosts.hand_in

        def counting(hosts: Hosts, rows: Any, done: Any) -> None:
            taken.extend(id for _, id, _ in rows)
            came(hosts, rows, done)

        monkeypatch.setattr(Hosts, "hand_in", counting)
        with box(claude, port, tmp_path) as there:
            until(lambda: is_working(hub))
            until_equal(hub, there, "box")
            assert not taken
            until(lambda: figure(hub, "agents_working") == 1)


def test_what_an_agent_did_meanwhile_counts_and_not_what_it_did_before(claude: Path, own: Path, tmp_path: Path) -> None:
    port = free_port()
    with host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        with box(claude, port, tmp_path):
            until(lambda: is_working(hub))
        until(lambda: is_away(hub))
        go_on(claude, {"type": "text", "text": "Built."}, stop="end_turn")
        with box(claude, port, tmp_path) as there:
            until(lambda: agent(hub)["status"] == "idle")
            until_equal(hub, there, "box")


def test_a_host_that_sends_rows_and_goes_again_has_its_own_rows_when_it_is_back() -> None:
    """Between what it sends and the next look it may be gone again: what stood in for its rows is none of them."""
    store, followed, is_here = Store(), {"k": {"name": "box", "heard_at": 5}}, False
    absences = absence.Absences(store, followed, lambda: [absence.Known("k", "box", 5, is_here)])

    def row(table: str, id: str, **fields: Any) -> tuple[str, str, Row]:
        return table, id, Row({**TABLES[table].blank(), "id": id, "host": "box", **fields})

    span = {"agent_id": "box/a", "started_at": 1, "ended_at": None}
    working = row("agents", "box/a", role="agent", status="working", status_at=1)
    sent = [working, row("spans", "box/a@1", status="working", **span)]
    store.replace(sent)
    store.replace(absences.look(10))
    assert [span["status"] for span in store.rows("spans")] == ["working", "offline"]

    store.replace([working])
    store.replace(absences.look(20))
    is_here = True
    store.replace(absences.look(30))
    assert [(table, each["id"], each) for table in ("agents", "spans") for each in store.rows(table)] == sent


@pytest.mark.parametrize("killed", [False, True])
def test_a_hub_that_is_restarted_knows_it_too(
    claude: Path, own: Path, tmp_path: Path, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was killed before it could keep what the host had sent."""
    port, archive = free_port(), tmp_path / "hub.sqlite3"
    url = f"ws://127.0.0.1:{port}/ws#{TOKEN}"
    with host(own, "hub", follow=(url,), archive=archive) as hub:
        with box(claude, port, tmp_path) as there:
            until_equal(hub, there, "box")
            until(lambda: is_working(hub))
            until(lambda: hub.collector.followed[there.url]["position"] == tuple(there.store.position))
            hub.collector.checkpoint()
        writes = Keeper.checkpoint
        if killed:
            monkeypatch.setattr(Keeper, "checkpoint", lambda keeper, *_: keeper.save())
        until(lambda: is_away(hub))
    monkeypatch.setattr(Keeper, "checkpoint", writes)
    with host(own, "hub", follow=(url,), archive=archive) as hub:
        assert is_away(hub)
        with box(claude, port, tmp_path) as there:
            until(lambda: is_working(hub))
            until_equal(hub, there, "box")


def test_a_host_that_is_not_followed_any_more_does_not_work_for_ever(claude: Path, own: Path, tmp_path: Path) -> None:
    port, archive = free_port(), tmp_path / "hub.sqlite3"
    with (
        box(claude, port, tmp_path) as there,
        host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",), archive=archive) as hub,
    ):
        until_equal(hub, there, "box")
        until(lambda: is_working(hub))
    with host(own, "hub", archive=archive, follow=(f"ws://127.0.0.1:{free_port()}/ws",)) as hub:
        until(lambda: is_away(hub))
        assert state(hub, "box") == "left"


def test_a_short_absence_changes_nothing(
    claude: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absence, "AWAY_MS", 3 * 60_000)
    port = free_port()
    with host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub:
        with box(claude, port, tmp_path) as there:
            until_equal(hub, there, "box")
            until(lambda: is_working(hub))
        until(lambda: state(hub, "box") == "gone")
        looked = hub.collector.checked_at or 0
        until(lambda: (hub.collector.checked_at or 0) > looked)
        assert told(hub, "box") == as_followed(there, "box")


def test_who_is_behind_a_hub_that_is_gone_is_gone_too(claude: Path, own: Path, tmp_path: Path) -> None:
    port, middle = free_port(), tmp_path / "mid" / "memory"
    middle.mkdir(parents=True)
    write_tasks(middle, "in between")
    id = f"mid/box/{SESSION}"
    with (
        host(claude, "box") as there,
        host(own, "hub", follow=(f"ws://127.0.0.1:{port}/ws#{TOKEN}",)) as hub,
    ):
        with host(middle, "mid", port=port, follow=(at(there),), archive=tmp_path / "mid.sqlite3"):
            until(lambda: is_working(hub, id))
        until(lambda: is_away(hub, id))
        assert "nothing heard of mid since" in agent(hub, id)["status_reason"]
        with host(middle, "mid", port=port, follow=(at(there),), archive=tmp_path / "mid.sqlite3"):
            until(lambda: is_working(hub, id))


def test_a_call_of_a_row_costs_nothing_while_all_are_there(
    claude: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []
    of: Callable[..., Any] = absence.Absences._of
    monkeypatch.setattr(absence.Absences, "_of", lambda *given: walked.append(given[2]) or of(*given))
    with host(claude, "box") as there, host(own, "hub", follow=(at(there),)) as hub:
        until_equal(hub, there, "box")
        until(lambda: state(hub, "box") == "live")
        walked.clear()
        looked = hub.collector.checked_at or 0
        until(lambda: (hub.collector.checked_at or 0) > looked)
        assert not walked
