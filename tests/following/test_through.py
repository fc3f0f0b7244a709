"""A host behind a hub of hubs: what only its files can answer goes all the way, and what counts counts once."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

import agent_widget as aw
from agent_widget.client.errors import CallError
from tests.following.test_following import (  # noqa: F401
    SESSION,
    TOKEN,
    Places,
    at,
    free_port,
    host,
    places,
    until_equal,
    write_session,
)
from tests.support.wire import PATIENCE, until

pytestmark = pytest.mark.usefixtures("own_machine")


def test_files_of_a_host_behind_another_hub_are_read_searched_and_changed(places: Places, tmp_path: Path) -> None:  # noqa: F811
    claude = tmp_path / "box" / ".claude"
    write_session(claude, "Raise the retry budget")
    leaf_memory = places("leaf")
    (leaf_memory / "working.md").write_text("# Notes\n\nthe retry budget is three\n")
    with (
        host(claude, "box") as box,
        host(leaf_memory, "leaf", allow_writes=True) as leaf,
        host(places("mid"), "mid", follow=(at(box), at(leaf)), allow_writes=True) as mid,
        host(places("top"), "top", follow=(at(mid),), allow_writes=True) as top,
        contextlib.closing(aw.connect(top.url, TOKEN)) as client,
    ):
        until_equal(mid, leaf, "leaf")
        until_equal(mid, box, "box")
        until_equal(top, mid, "mid")
        client.wait(lambda client: len(client.hosts) == 3, PATIENCE)
        assert [(one.name, one.state, one.through) for one in client.hosts] == [
            ("mid", "live", None),
            ("mid/box", "live", "mid"),
            ("mid/leaf", "live", "mid"),
        ]
        (entry,) = client.transcript(f"mid/box/{SESSION}")
        assert (entry["text"], entry["sender"]) == ("Raise the retry budget", "mid/box/user")
        row = next(row for row in client.memory if row.host == "leaf")
        assert row.id.startswith("mid/leaf/")
        assert "retry budget is three" in client.call("memory", id=row.id)["text"]

        hits = client.search("retry budget").rows()
        places_found = {(hit.place, "/".join((hit.agent_id or hit.entry).split("/")[:2])) for hit in hits}
        assert {("prompt", "mid/box"), ("memory", "mid/leaf")} <= places_found
        (prompt,) = client.search("retry budget", where={"session_id": f"mid/box/{SESSION}", "place": "prompt"})
        assert client.transcript(prompt.agent_id, after=prompt.position)[0]["id"] == prompt.entry

        changed = client.call("task.update", id="mid/leaf/task-0", status="in_progress", owner="mid/leaf/agent-1")
        assert (changed["id"], changed["owner"]) == ("mid/leaf/task-0", "mid/leaf/agent-1")
        assert json.loads((leaf_memory / "tasks.json").read_text())["tasks"][0]["assigned_to"] == "agent-1"
        until(lambda: (found := top.store.get("tasks", "mid/leaf/task-0")) and found["status"] == "in_progress")
        root = next(source.path for source in client.sources if source.host == "mid/leaf")
        made = client.call("task.create", title="Far away", root=root)
        assert made["id"].startswith("mid/leaf/") and "Far away" in (leaf_memory / "tasks.json").read_text()


def test_a_search_names_a_host_behind_another_hub_that_it_left_out(places: Places) -> None:  # noqa: F811
    port = free_port()
    way = (f"ws://127.0.0.1:{port}/ws#{TOKEN}",)
    with (
        host(places("between"), "between", follow=way) as between,
        host(places("top"), "top", follow=(at(between),)) as top,
        contextlib.closing(aw.connect(top.url, TOKEN)) as client,
    ):
        with host(places("leaf"), "leaf", port=port) as leaf:
            until_equal(between, leaf, "leaf")
            until_equal(top, between, "between")
        client.wait(lambda client: [one.state for one in client.hosts] == ["live", "gone"], PATIENCE)
        portion = client.call("search", text="hello from leaf")
        assert [hit["entry"] for hit in portion["hits"]] == ["between/leaf/m1"]
        assert list(portion["left_out"]) == ["between/leaf"]
        with pytest.raises(CallError, match="leaf has the files, and cannot be asked now"):
            client.transcript("between/leaf/agent-1")


def test_usage_over_hosts_counts_a_shared_home_once(
    places: Places,  # noqa: F811
    own_machine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two hosts that share a home, and a third with one of its own: tokens, sessions and limits of each once."""
    monkeypatch.setenv("XDG_STATE_HOME", str(own_machine / "home" / "state"))
    shared, alone = own_machine / "home" / ".claude", tmp_path / "c" / ".claude"
    for directory in (shared, alone):
        write_session(directory, "hello", answered=True)
    with (
        host(shared, "n1") as n1,
        host(shared, "n2") as n2,
        host(alone, "n3") as n3,
        host(places("hub"), "hub", follow=(at(n1), at(n2), at(n3))) as hub,
        contextlib.closing(aw.connect(hub.url, TOKEN)) as client,
    ):
        until_equal(hub, n1, "n1")
        until_equal(hub, n3, "n3")
        client.wait(lambda client: [one.shared for one in client.hosts] == [None, "n1", None], PATIENCE)
        client.wait(lambda client: not client.usage.where(host="n2") and len(client.usage) == 2, PATIENCE)
        client.wait(lambda client: client.stats["output_tokens"].value == 10, PATIENCE)
        assert sorted((row.host, row.output_tokens) for row in client.usage) == [("n1", 5), ("n3", 5)]
        assert sorted(row.host for row in client.limits) == ["n1", "n3"]
        assert sorted(row.host for row in client.sessions) == ["n1", "n3"]
        assert client.sql("select host, sum(output_tokens) from usage group by 1 order by 1").rows() is not None
