"""The dashboard's Python half, with a recorder in place of the notebook's comm."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm

import agent_widget as aw
from agent_widget import protocol
from agent_widget.client.client import Client
from agent_widget.client.feeds import Feed
from agent_widget.notebook import turns, widget
from agent_widget.protocol import Assembler
from agent_widget.store import Store
from agent_widget.tables import Record
from tests.support.wire import contents, hosted, log_rows, until

pytestmark = pytest.mark.usefixtures("own_machine")


class Browser(BaseComm):  # type: ignore[misc]
    """The other end of the comm: notes what comes, keeps a replica, says hello and ping."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messages: list[tuple[float, dict[str, Any], list[bytes]]] = []
        self.state: dict[str, Any] = {}
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        if msg_type == "comm_open":
            self.state = data["state"]
        elif msg_type == "comm_msg" and data["method"] == "custom":
            self.messages.append((time.monotonic(), data["content"], [bytes(buffer) for buffer in buffers or ()]))
        elif msg_type == "comm_msg":
            self.state.update(data.get("state", {}))

    def say(self, **content: Any) -> None:
        """A custom message from the front end."""
        self.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def hello(self, **fields: Any) -> None:
        self.say(**{"type": "hello", "protocol": 1, "since": None, "tables": None, "limit": None, **fields})

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(buffer) for _, _, buffers in list(self.messages) for buffer in buffers]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    def replica(self) -> Store:
        """What a browser holds that took in everything so far; raises ``Gap`` where a browser would ask again."""
        store, assembler = Store(epoch=""), Assembler()
        for _, _, buffers in list(self.messages):
            for buffer in buffers:
                frame = protocol.decode_server(buffer)
                if isinstance(frame, protocol.Changes):
                    answer = assembler.add(frame)
                    if answer is not None:
                        store.adopt(answer)
        return store


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[Browser]:
    """The comms that were opened."""
    opened: list[Browser] = []

    def create(*args: Any, **kwargs: Any) -> Browser:
        opened.append(Browser(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(comm, "create_comm", create)
    return opened


Show = Callable[[], tuple[aw.Dashboard, Browser]]


@pytest.fixture
def show(client: Client, browser: list[Browser]) -> Iterator[Show]:
    """A dashboard and its browser."""
    shown: list[aw.Dashboard] = []

    def show() -> tuple[aw.Dashboard, Browser]:
        shown.append(aw.Dashboard(client))
        return shown[-1], browser[-1]

    yield show
    for dash in shown:
        dash.close()


Beats = Callable[[int], None]


@pytest.fixture
def beats(client: Client, browser: list[Browser], monkeypatch: pytest.MonkeyPatch) -> Beats:
    """Wait until another dashboard of the same client has been sent so many heartbeats, all at least 0.05 s apart.

    What a dashboard was going to send it has sent by then.
    """
    monkeypatch.setattr(protocol, "COMM_HEARTBEAT", 0.05)

    def wait(count: int) -> None:
        other = aw.Dashboard(client)
        watched = browser.pop()
        watched.hello()
        until(lambda: watched.say(type="ping", at=1) or len(watched.of("changes")) > count)
        other.close()

    return wait


def test_no_frame_is_sent_before_the_browser_s_hello(show: Show, server: Any, beats: Beats) -> None:
    dash, browser = show()
    server.put(*log_rows("a"))
    until(lambda: "a" in dash.logs)
    beats(3)
    assert browser.messages == []


def test_a_hello_is_answered_with_welcome_and_everything(show: Show, server: Any) -> None:
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    types = [frame["type"] for frame in browser.frames]
    assert types.index("welcome") < types.index("changes")
    assert browser.of("state")[0]["connection"] == "live"
    assert browser.of("welcome")[0]["epoch"] == server.store.epoch
    until(lambda: contents(browser.replica()) == contents(server.store))
    assert all(content == {"type": "frame"} for _, content, _ in browser.messages)  # an `id` on top would be lost


def test_what_changes_follows(show: Show, server: Any) -> None:
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    server.put(*log_rows("a"))
    until(lambda: browser.replica().get("logs", "a"))
    assert len(browser.of("welcome")) == 1


def test_many_changes_are_few_messages(show: Show, server: Any) -> None:
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    for number in range(300):
        server.put(*log_rows("a", text=str(number)))
        time.sleep(0.001)
    until(lambda: (row := browser.replica().get("logs", "a")) and row.text == "299")
    times = [at for at, _, _ in browser.messages]
    assert all(later - earlier > widget.PACE * 0.8 for earlier, later in itertools.pairwise(times))


def test_a_large_answer_goes_out_in_its_frames(show: Show, server: Any, client: Client) -> None:
    server.put(*(Record("logs", f"l{number}", {"text": "x" * 500}) for number in range(2000)))
    until(lambda: len(client.logs) == 2000)
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes")[-1:] and not browser.of("changes")[-1]["more"])
    assert len(browser.messages) > 3
    assert max(len(buffer) for _, _, buffers in browser.messages for buffer in buffers) < protocol.FRAME_BYTES + 1000
    until(lambda: contents(browser.replica()) == contents(server.store))


def test_a_hello_in_the_middle_of_an_answer_starts_over_without_a_gap(show: Show, server: Any, client: Client) -> None:
    server.put(*(Record("logs", f"l{number}", {"text": "x" * 500}) for number in range(3000)))
    until(lambda: len(client.logs) == 3000)
    _, browser = show()
    for number in range(4):
        browser.hello()
        seen = len(browser.of("changes"))
        until(lambda seen=seen: len(browser.of("changes")) >= seen + 2)
        server.put(*log_rows(f"new{number}"))
    until(lambda: contents(browser.replica()) == contents(server.store))
    running, seqs = None, []
    for frame in browser.of("changes"):
        if running is not None and frame["seq"] != running:
            assert frame["reset"]  # an answer is only left for one that starts over
        running = frame["seq"] if frame["more"] else None
        seqs.append(frame["seq"])
    assert seqs == sorted(seqs)


def test_two_hellos_at_once_are_answered(show: Show, server: Any) -> None:
    _, browser = show()
    browser.hello()
    browser.hello()
    until(lambda: browser.of("changes") and contents(browser.replica()) == contents(server.store))


def test_a_gap_is_filled_from_there(show: Show, server: Any) -> None:
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    known = browser.replica().position
    server.put(*log_rows("a", "b"))
    until(lambda: browser.replica().get("logs", "b"))
    browser.messages.clear()  # as if the Jupyter server had dropped them
    browser.hello(since={"epoch": known.epoch, "seq": known.seq}, tables=["logs"])
    until(lambda: browser.of("changes"))
    frame = browser.of("changes")[0]
    assert frame["reset"] is False
    assert {"a", "b"} <= {row["id"] for row in frame["rows"]["logs"]}
    assert "tasks" not in frame["rows"]


def test_a_ping_is_answered_at_once(show: Show) -> None:
    _, browser = show()
    browser.say(type="ping", at=5)
    assert browser.frames[0]["type"] == "pong"
    assert browser.frames[0]["at"] == 5


def test_the_browser_gets_heartbeats_in_quiet_times(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "COMM_HEARTBEAT", 0.1)
    _, browser = show()
    browser.hello()
    until(lambda: len(browser.of("changes")) >= 4)
    beat = browser.of("changes")[-1]
    assert (beat["rows"], beat["gone"], beat["reset"]) == ({}, {}, False)


def test_nothing_is_sent_to_a_hidden_view(
    show: Show, server: Any, beats: Beats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widget, "LOOKED_AT", 0.2)
    dash, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    beats(6)  # longer than LOOKED_AT
    browser.messages.clear()
    server.put(*log_rows("a"))
    until(lambda: "a" in dash.logs)
    beats(3)
    assert browser.messages == []
    browser.say(type="ping", at=1)
    until(lambda: any("logs" in frame["rows"] for frame in browser.of("changes")))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"type": "dance"}, "bad_request"),
        ({}, "bad_request"),
        ({"type": "\ud800"}, "bad_request"),
        ({"type": "hello", "protocol": 2}, "unsupported_protocol"),
        ({"type": "hello", "protocol": 1, "tables": ["nope"]}, "bad_request"),
    ],
)
def test_what_is_no_frame_is_answered_with_the_reason(show: Show, content: dict[str, Any], code: str) -> None:
    _, browser = show()
    browser.say(**content)
    assert browser.of("error")[0]["code"] == code
    browser.hello()
    until(lambda: browser.of("changes"))


def test_calls_are_passed_on(show: Show) -> None:
    _, browser = show()
    browser.say(type="call", rid=7, method="status", params={})
    browser.say(type="call", rid=8, method="dance", params={"method": "x", "timeout": "y"})
    replies = until(lambda: len(browser.of("reply")) == 2 and {frame["rid"]: frame for frame in browser.of("reply")})
    assert replies[7]["result"]["rows"]["tasks"] == 2
    assert replies[8]["error"]["code"] == "unknown_method"


def test_a_call_starts_no_thread_and_waits_for_nothing(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    _, browser = show()
    started: list[str] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (started.append(self.name), start(self)))
    for rid in range(5):
        browser.say(type="call", rid=rid, method="status", params={})
    until(lambda: len(browser.of("reply")) == 5)
    assert [name for name in started if not name.startswith(("asyncio_", "agent-widget call_"))] == [], (
        "the server's own apart"
    )


def test_a_call_that_cannot_be_passed_on_is_answered_with_the_reason(show: Show, client: Client) -> None:
    _, browser = show()
    browser.say(type="call", rid=1, method="status", params={"thing": "x" * protocol.MAX_CLIENT_FRAME})
    assert "bytes allowed" in browser.of("reply")[0]["error"]["message"]
    client.close()
    browser.say(type="call", rid=2, method="status", params={})
    assert browser.of("reply")[1]["error"]["message"].startswith("this client was closed")


def test_neither_dashboards_nor_waits_collect_changes(show: Show, client: Client) -> None:
    show()
    client.alert("never", lambda client: False)
    waiting = threading.Thread(target=lambda: client.wait(lambda client: "a" in client.logs))
    waiting.start()
    until(lambda: len(client._link._listeners) == 3)
    assert not any(isinstance(listener, Feed) for listener in client._link._listeners)
    client._link.store.apply(log_rows("a"))
    client._link.wake()
    waiting.join()


def test_traits_hold_no_data(show: Show, server: Any, workspace: Path) -> None:
    dash, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    traits = {name: value for name, value in browser.state.items() if name != "_esm"}
    said = json.dumps(traits) + repr(dash) + json.dumps(dash._repr_mimebundle_()) + repr(dash.client)
    for secret in (server.token, str(workspace), str(workspace.parent), "first", server.url):
        assert secret not in said
    assert {name for name in browser.state if not name.startswith("_")} <= {"height", "layout", "tabbable", "tooltip"}
    assert dash.tasks is dash.client.tasks
    with pytest.raises(AttributeError):
        dash.nothing  # noqa: B018


def test_the_browser_gets_the_state_when_the_server_goes_and_returns(workspace: Path, browser: list[Browser]) -> None:
    with hosted(workspace) as first:
        client = aw.connect(first.url, first.token)
        dash = aw.Dashboard(client)
        browser[-1].hello()
        until(lambda: browser[-1].of("changes"))
        port, token = first.port, first.token
    until(lambda: browser[-1].of("state")[-1]["connection"] == "reconnecting")
    assert browser[-1].of("state")[-1]["message"]
    with hosted(workspace, port=port, token=token) as second:
        until(lambda: browser[-1].of("state")[-1]["connection"] == "live")
        until(lambda: contents(browser[-1].replica())["tasks"] == contents(second.store)["tasks"])
        client.close()
    until(lambda: browser[-1].of("state")[-1]["connection"] == "stopped")
    dash.close()


def test_before_the_first_answer_nothing_looks_like_an_empty_workspace(
    browser: list[Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "COMM_HEARTBEAT", widget.PACE)
    client = Client("ws://127.0.0.1:1/ws")
    dash = aw.Dashboard(client)
    browser[-1].hello()
    until(lambda: len(browser[-1].of("state")) > 3)
    assert browser[-1].of("welcome") == browser[-1].of("changes") == []
    client.close()
    dash.close()


def test_a_closed_client_can_still_be_looked_at(client: Client, browser: list[Browser]) -> None:
    client.close()
    dash = aw.Dashboard(client)
    browser[-1].hello()
    assert browser[-1].of("state")[0]["connection"] == "stopped"
    assert contents(browser[-1].replica()) == contents(client._link.store)
    browser[-1].messages.clear()
    browser[-1].say(type="ping", at=1)
    assert [frame["type"] for frame in browser[-1].frames] == ["pong", "state"]
    dash.close()


def test_closing_takes_only_the_widget_away(show: Show, client: Client, server: Any, beats: Beats) -> None:
    dash, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    dash.close()
    dash.close()
    assert client._link._listeners == []
    said = len(browser.messages)
    server.put(*log_rows("a"))
    until(lambda: "a" in client.logs)
    beats(3)
    assert len(browser.messages) == said
    assert client.connection.state == "live"


def test_a_comm_that_fails_does_not_disturb_the_client(
    show: Show, client: Client, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, browser = show()

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the notebook is going away")

    with monkeypatch.context() as broken:
        broken.setattr(browser, "publish_msg", fail)
        browser.hello()
        server.put(*log_rows("a"))
        until(lambda: "a" in client.logs)
    browser.hello()
    until(lambda: browser.of("changes") and browser.replica().get("logs", "a"))


def test_watching_twice_starts_nothing_twice(workspace: Path, browser: list[Browser]) -> None:
    dash = aw.watch(workspace)
    before = threading.active_count()
    again = aw.watch(workspace)
    assert again.client is dash.client
    assert threading.active_count() == before
    aw.serve(workspace).stop()
    for each in (dash, again):
        each.close()


# What the person looks at, and what Python wants shown


def test_what_was_clicked_is_a_frame_and_can_be_observed(show: Show, server: Any) -> None:
    dash, browser = show()
    heard: list[Any] = []
    dash.observe(lambda change: heard.append(change["new"]["selected"]), "view")
    assert len(dash.selected) == 0
    server.put(*log_rows("a"))
    until(lambda: "a" in dash.logs)
    browser.say(type="view", tab="logs", search="", filter={}, selected={"table": "logs", "id": "a"}, at=None)
    assert list(dash.selected.index) == ["a"]
    assert heard == [{"table": "logs", "id": "a"}]
    assert dash.view["tab"] == "logs"
    browser.say(type="view", selected=None)
    assert len(dash.selected) == 0 and dash.view["tab"] == "logs"
    assert "view" not in browser.state, "what is looked at is not saved into the notebook"


def test_what_is_selected_can_be_set(show: Show, server: Any, client: Client) -> None:
    dash, browser = show()
    server.put(Record("agents", "a1", {"name": "agent-ann"}))
    until(lambda: "a1" in dash.agents)
    browser.hello()
    for row, selected in (
        (dash.tasks["task-0"], {"table": "tasks", "id": "task-0"}),
        (dash.agent("ann"), {"table": "agents", "id": "a1"}),
        (("tasks", "task-1"), {"table": "tasks", "id": "task-1"}),
        (("agents", "ann"), {"table": "agents", "id": "a1"}),
    ):
        dash.selected = row
        assert list(dash.selected.index) == [selected["id"]]
        assert browser.of("view")[-1] == {"type": "view", "selected": selected}
    dash.selected = None
    assert len(dash.selected) == 0
    assert browser.of("view")[-1]["selected"] is None
    with pytest.raises(aw.NotFound, match="no row 'nothing' in tasks"):
        dash.selected = ("tasks", "nothing")
    for wrong in ("task-0", 7, ("doors", "x"), {"id": "task-0"}):
        with pytest.raises(TypeError, match=r"selected is set to a row .* or None"):
            dash.selected = wrong


def test_python_drives_the_view_even_before_there_is_one(show: Show, server: Any) -> None:
    dash, browser = show()
    server.put(Record("agents", "a1", {"name": "agent-ann"}))
    until(lambda: "a1" in dash.agents)
    dash.show("tasks")
    dash.filter(status="blocked", owner=["ann", "ben"])
    assert browser.messages == []
    browser.hello()
    (wish,) = browser.of("view")
    assert wish == {
        "type": "view",
        "tab": "tasks",
        "search": "",
        "filter": {"status": ["blocked"], "owner": ["ann", "ben"]},
    }
    dash.select(agent="ann")
    dash.at("2026-01-01T00:00:00+00:00")
    dash.at()
    dash.select(agent=None)
    frames = [{name: value for name, value in frame.items() if name != "type"} for frame in browser.of("view")[1:]]
    assert frames == [
        {"selected": {"table": "agents", "id": "a1"}},
        {"at": 1_767_225_600_000},
        {"at": None},
        {"selected": None},
    ]


def test_an_unknown_tab_or_filter_is_an_error_that_lists_the_known_ones(show: Show) -> None:
    dash, _ = show()
    with pytest.raises(ValueError, match="no tab 'home'; there are overview, agents"):
        dash.show("home")
    with pytest.raises(ValueError, match="no column 'statsu' to filter by; perhaps status"):
        dash.filter("tasks", statsu="blocked")
    with pytest.raises(ValueError, match="no table for 'door'; there is agent, task"):
        dash.select(door="green")
    with pytest.raises(ValueError, match="select one row"):
        dash.select()
    with pytest.raises(aw.NotFound, match="no row 'x' in agents"):
        dash.select(agent="x")
    with pytest.raises(ValueError, match="not a moment"):
        dash.at("soon")


def test_how_far_the_sources_are_read_is_passed_on_when_it_changes(show: Show, server: Any, workspace: Path) -> None:
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    (source,) = browser.of("welcome")[-1]["sources"]
    (workspace / "agent-registry.json").write_text("{ torn")
    until(lambda: any(frame["sources"][0]["problems"] for frame in browser.of("sources")))
    state = browser.of("sources")[-1]["sources"][0]
    assert (state["files"], state["malformed"]) == (source["files"] + 1, 1)
    assert state["checked_at"] >= source["checked_at"]


def test_firing_alerts_are_sent_with_every_message_and_their_end_once(client: Client, server: Any, show: Show) -> None:
    _, browser = show()
    browser.hello()
    until(lambda: browser.of("changes"))
    assert browser.of("alerts") == []
    alert = client.alert("budget", lambda c: "$6.10 spent" if len(c.logs) else None, lambda alert: None)
    server.put(*log_rows("a"))
    until(lambda: any(line["state"] == "firing" for frame in browser.of("alerts")[-1:] for line in frame["alerts"]))
    (alert_sent,) = browser.of("alerts")[-1]["alerts"]
    assert (alert_sent["name"], alert_sent["text"], alert_sent["since"]) == ("budget", "$6.10 spent", alert.since)
    before = len(browser.of("alerts"))
    browser.hello()
    until(lambda: len(browser.of("alerts")) > before)
    alert.stop()
    until(lambda: browser.of("alerts")[-1]["alerts"] == [])
    sent = len(browser.of("alerts"))
    server.put(*log_rows("b"))
    until(lambda: any("b" in str(frame["rows"]) for frame in browser.of("changes")))
    assert len(browser.of("alerts")) == sent


def test_a_dashboard_that_its_host_took_away_ends_with_what_was_registered_on_it(
    show: Show, client: Client, server: Any
) -> None:
    """As marimo does when a cell is run again: it closes the comm, and tells nobody."""
    dash, browser = show()
    kept, _ = show()
    reaction, alert = dash.on("logs", lambda row: None), dash.alert("any", lambda d: len(d.logs))
    other = client.on("logs", lambda row: None)
    browser.hello()
    until(lambda: browser.of("changes"))
    browser._closed = True
    server.put(*log_rows("a"))
    until(lambda: dash.comm is None)
    sent = len(browser.messages)
    assert "stopped" in repr(reaction) and alert not in dash.alerts
    assert "stopped" not in repr(other) and kept.comm is not None
    server.put(*log_rows("b"))
    until(lambda: other.calls == 2)
    assert len(browser.messages) == sent


def test_a_dashboard_ends_with_the_event_loop_of_its_host(show: Show, server: Any) -> None:
    async def session() -> aw.Dashboard:
        return show()[0]

    dash = asyncio.run(session())
    server.put(*log_rows("a"))
    until(lambda: dash.comm is None)


# How soon a cell lets changes through

Interval = Callable[[], int]


@pytest.fixture
def interval(monkeypatch: pytest.MonkeyPatch) -> Iterator[Interval]:
    """Python's switch interval in microseconds, at first its own; only dashboards of the test change it."""
    before = sys.getswitchinterval()
    monkeypatch.setattr(turns, "note", turns.Turns(lambda: 0).note)
    sys.setswitchinterval(turns.DEFAULT / 1e6)
    yield lambda: round(sys.getswitchinterval() * 1e6)
    sys.setswitchinterval(before)


def test_threads_give_way_soon_only_while_a_dashboard_is_displayed(
    show: Show, server: Any, client: Client, interval: Interval
) -> None:
    first, seen = show()
    second, also_seen = show()
    server.put(*log_rows("a"))
    until(lambda: "a" in client.logs)
    assert interval() == turns.DEFAULT
    seen.hello()
    also_seen.hello()
    until(lambda: seen.of("changes") and also_seen.of("changes"))
    assert interval() == turns.SHORT
    first.close()
    server.put(*log_rows("b"))
    until(lambda: also_seen.replica().get("logs", "b"))
    assert interval() == turns.SHORT
    second.close()
    until(lambda: interval() == turns.DEFAULT)


def test_threads_give_way_as_before_once_nobody_looks(show: Show, interval: Interval) -> None:
    dash, browser = show()
    browser.hello()
    until(lambda: interval() == turns.SHORT)
    dash._heard_at = float("-inf")
    dash._link.call_soon(dash._changed.set)
    until(lambda: interval() == turns.DEFAULT)
    browser.say(type="ping", at=1)
    until(lambda: interval() == turns.SHORT)


@pytest.mark.parametrize("end", ["the client is closed", "it fails"])
def test_threads_give_way_as_before_after_the_end(
    show: Show, client: Client, interval: Interval, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    dash, browser = show()
    browser.hello()
    until(lambda: interval() == turns.SHORT)
    if end == "it fails":
        monkeypatch.setattr(dash, "_answer", lambda *_, **__: 1 / 0)
        browser.hello()
    else:
        client.close()
    until(lambda: interval() == turns.DEFAULT)
