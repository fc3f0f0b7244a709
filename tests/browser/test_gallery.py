"""Pictures of everything, for people to look at (``tests/gallery``), and checks of what a picture may hide.

``-k`` chooses: ``-k "tasks and dark"``, ``-k 360``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import machine
import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from agent_widget import demo
from tests.browser.board import TABS, Board
from tests.browser.faults import AXE, faults, violations
from tests.browser.server import started

pytestmark = pytest.mark.slow

AGENTS, SEED = 7, 3

Server = tuple["subprocess.Popen[str]", str]
"""A server that runs, and the address of its page."""

Change = Callable[[str], "str | None"]


class View(NamedTuple):
    """How one comes to see it."""

    tab: str
    form: str | None = None
    """The button that shows the same in another form."""
    opens: str | None = None
    """A row to open: the first with these words."""


VIEWS = {
    "overview": View("Overview"),
    "agents": View("Agents", "Tree"),
    "agents-timeline": View("Agents", "Timeline"),
    "messages": View("Messages", "List"),
    "messages-sequence": View("Messages", "Sequence"),
    "tasks": View("Tasks", "Table"),
    "tasks-board": View("Tasks", "Board"),
    "sessions": View("Sessions"),
    "transcript": View("Sessions", opens="claude"),
    "usage": View("Usage"),
    "quality": View("Quality"),
    "memory": View("Memory"),
    "logs": View("Logs"),
    "log-line": View("Logs", opens="["),
    "tools": View("Tools"),
}


class Look(NamedTuple):
    """How large the window is, and in which colours."""

    width: int
    height: int = 640
    dark: bool = False


LOOKS = {
    "light": Look(1000),
    "dark": Look(1000, dark=True),
    "360": Look(360, 740),
    "2000": Look(2000, 1000),
}


class Shown:
    """A page that shows a dashboard, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.board = Board(page)
        self.problems: list[str] = []
        page.set_default_timeout(5_000)
        page.add_init_script(path=AXE)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def look(self, look: Look) -> None:
        """Change the size and the colours."""
        self.page.set_viewport_size({"width": look.width, "height": look.height})
        self.page.emulate_media(color_scheme="dark" if look.dark else "light")

    def see(self, view: View) -> None:
        """Come to see it, with its first rows."""
        board = self.board
        board.open(view.tab)
        if view.form is not None:
            board.panel.get_by_role("button", name=view.form, exact=True).click()
        if view.opens is not None:
            board.search("")
            board.rows.first.locator("[role=gridcell]").first.click()
            expect(board.details).to_be_visible()
        self.settle()

    def leave(self) -> None:
        """Close what was opened."""
        if self.board.details.count():
            self.page.keyboard.press("Escape")
            expect(self.board.details).to_have_count(0)

    def settle(self) -> None:
        """Let the page finish what it is at: whatever loads, and two frames."""
        self.page.mouse.move(0, 0)
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def picture(self, name: str) -> None:
        """Take the picture, and look at what it may hide."""
        self.board.screenshot(name)
        assert faults(self.page) == []
        assert self.problems == []


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home with nothing in it."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "CLAUDE", "CODEX"))}
    return {**kept, "HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}


@pytest.fixture(scope="module")
def axe() -> None:
    """The auditor, which ``npm ci`` brings."""
    if not AXE.exists():
        assert machine.npm("ci").returncode == 0


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The directories of a team, of Claude Code and of Codex, with a quarter of an hour of history."""
    directory = tmp_path_factory.mktemp("demo") / "memory"
    return [str(root) for root in demo.Demo(directory, agents=AGENTS, seed=SEED).roots]


@pytest.fixture(scope="module")
def server(env: dict[str, str], team: list[str]) -> Iterator[Server]:
    """One server of the demo for all pages, and their address."""
    with started("serve", *team, "--port", "0", env=env) as server:
        yield server


@contextmanager
def showing(chrome: BrowserContext, address: str, change: Change | None = None) -> Iterator[Shown]:
    """A page; ``change`` is made to what the server says, None: it is not heard."""
    page = chrome.new_page()
    shown = Shown(page)
    if change is not None:

        def between(socket: WebSocketRoute) -> None:
            def heard(frame: str | bytes) -> None:
                changed = change(str(frame))
                if changed is not None:
                    socket.send(changed)

            socket.connect_to_server().on_message(heard)

        page.route_web_socket("**/ws", between)
    page.goto(address)
    shown.look(LOOKS["light"])
    yield shown
    page.close()


@pytest.fixture(scope="module")
def shown(axe: None, chrome: BrowserContext, server: Server) -> Iterator[Shown]:
    """One page for all views of the demo."""
    with showing(chrome, server[1]) as shown:
        expect(shown.board.state).to_have_text("live")
        yield shown


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_fit_to_be_seen(shown: Shown, view: str, look: str) -> None:
    shown.look(LOOKS[look])
    shown.see(VIEWS[view])
    shown.picture(f"{view}-{look}")
    found = violations(shown.page) if look in ("light", "dark") else []
    shown.leave()
    assert found == []


def test_the_pictures_of_the_readme(chrome: BrowserContext, server: Server) -> None:
    """Twice as fine as the others; ``make pictures`` puts them where the README shows them."""
    assert chrome.browser is not None
    with chrome.browser.new_context(device_scale_factor=2) as fine, showing(fine, server[1]) as shown:
        for name, dark in (("light", False), ("dark", True)):
            shown.look(Look(1000, 600, dark))
            shown.see(VIEWS["overview"])
            expect(shown.board.panel.get_by_text("orchestrator").first).to_be_visible()
            shown.settle()
            shown.picture(f"readme-{name}")


CROWDS = ("sixty", "old", "real")
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
WIDE = {f"{width}-{name}": Look(width, 900, name == "dark") for width in (420, 1000) for name in ("light", "dark")}


@pytest.fixture
def crowd(request: pytest.FixtureRequest, env: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The page of sixty agents at work, of a workspace of last winter, or of real transcripts."""
    places = {
        "old": [DATA / "hyrm-workspace" / "memory"],
        "real": sorted(path for path in (DATA / "claude-code").glob("*") if path.is_dir()),
    }.get(request.param)
    if places is None:
        command = ["demo", "--agents", "60", "--rate", "2", "--no-open", str(tmp_path / "memory")]
    elif not places or not all(path.is_dir() for path in places):
        pytest.skip(f"the data of {request.param!r} is not beside the repository")
    else:
        command = ["serve", *map(str, places), "--port", "0"]
    with started(*command, env=env) as (_, address):
        yield address


@pytest.mark.skipif("PICTURES" not in os.environ, reason="only `make pictures` takes them: they take minutes")
@pytest.mark.parametrize("crowd", CROWDS, indirect=True)
def test_many_agents_old_data_and_little_room(
    axe: None, chrome: BrowserContext, crowd: str, request: pytest.FixtureRequest
) -> None:
    """Every view at 420 and 1,000 px, light and dark; what a picture hides is told for all of them together."""
    which, found = request.node.callspec.params["crowd"], []
    with showing(chrome, crowd) as shown:
        expect(shown.board.state).to_have_text("live", timeout=30_000)
        expect(shown.board.root.get_by_role("progressbar")).to_have_count(0, timeout=60_000)
        for name, view in VIEWS.items():
            if view.opens is not None or (which == "old" and name == "usage"):
                continue
            shown.see(view)
            for look, size in WIDE.items():
                shown.look(size)
                shown.settle()
                shown.board.screenshot(f"{which}-{name}-{look}")
                found += [(name, look, fault) for fault in faults(shown.page)]
        assert found == []
        assert shown.problems == []


def test_no_tab_is_cut_off_where_there_is_room_for_all(shown: Shown) -> None:
    shown.board.open("Overview")
    for width in (600, 800, 958, 1000, 1058, 1062, 1100, 1282, 1286, 1400, 2000):
        shown.look(Look(width))
        shown.settle()
        tabs = shown.board.root.get_by_role("tablist")
        assert (width, tabs.evaluate("(tabs) => tabs.scrollWidth - tabs.clientWidth")) == (width, 0)


def test_little_height_is_filled_with_whole_lanes(shown: Shown) -> None:
    """The lists have tabs of their own; where there is no room for them below, the last lane would be cut."""
    overview = shown.board.root.locator(".overview")
    for height, lists in ((420, 0), (460, 0), (500, 0), (640, 1), (800, 1)):
        shown.look(Look(1200, height))
        shown.see(VIEWS["overview"])
        expect(shown.board.root.locator(".overview-lists")).to_have_count(lists)
        assert (height, overview.evaluate("(all) => all.scrollHeight - all.clientHeight")) == (height, 0)
        rows = shown.board.root.locator(".lanes-body").bounding_box()
        assert rows is not None
        assert rows["height"] % 28 == 0


def test_what_goes_on_beside_the_edge_fades_there(shown: Shown) -> None:
    shown.board.open("Agents")
    shown.look(LOOKS["360"])
    shown.settle()
    fades = "(bar) => [bar.hasAttribute('data-before'), bar.hasAttribute('data-after')]"
    for bar in (shown.board.root.get_by_role("tablist"), shown.board.root.locator(".toolbar")):
        seen = []
        for to in ("0", "(bar.scrollWidth - bar.clientWidth) / 2", "bar.scrollWidth"):
            bar.evaluate(f"(bar) => {{ bar.scrollLeft = {to}; }}")
            shown.settle()
            seen.append(bar.evaluate(fades))
        assert seen == [[False, True], [True, True], [True, False]]
        assert bar.evaluate("(bar) => getComputedStyle(bar).maskImage") != "none"
    shown.look(LOOKS["2000"])
    shown.settle()
    assert shown.board.root.get_by_role("tablist").evaluate(fades) == [False, False]


def test_help_lists_the_keys(shown: Shown) -> None:
    for name in ("light", "dark", "360"):
        shown.look(LOOKS[name])
        shown.board.open("Tasks")
        shown.page.keyboard.press("?")
        expect(shown.board.root.get_by_role("dialog")).to_be_visible()
        shown.settle()
        shown.picture(f"help-{name}")
        found = violations(shown.page)
        shown.page.keyboard.press("Escape")
        expect(shown.board.root.get_by_role("tab", name="Tasks")).to_be_focused()
        assert found == []


def test_the_past_is_fit_to_be_seen(shown: Shown) -> None:
    shown.look(LOOKS["light"])
    shown.board.open("Overview")
    shown.page.keyboard.press("t")
    moment = shown.board.root.get_by_role("slider", name="Moment")
    expect(moment).to_be_focused()
    for _ in range(6):
        moment.press("Shift+ArrowLeft")
    expect(shown.board.state).to_have_text("past")
    # As wide as it gets: on any other day than today the date is shown too.
    stamp = shown.board.root.locator(".travel-time strong")
    stamp.evaluate("(stamp) => { stamp.textContent = '27 Nov 23:59:59'; }")
    for name in ("light", "dark", "360"):
        shown.look(LOOKS[name])
        shown.settle()
        shown.picture(f"past-{name}")
    assert violations(shown.page) == []
    moment.press("t")
    expect(shown.board.state).to_have_text("live")


def test_times_are_clocks_or_ages_everywhere(shown: Shown) -> None:
    shown.look(Look(1400))
    board = shown.board
    shown.see(VIEWS["tasks"])
    seen = board.rows.first
    expect(seen).to_contain_text(" ago")
    shown.page.keyboard.press("c")
    expect(seen).not_to_contain_text(" ago")
    shown.page.keyboard.press("c")
    for tab in ("Messages", "Sessions", "Quality", "Memory", "Logs", "Tools"):
        shown.see(VIEWS[tab.lower()])
        expect(board.rows.filter(has_text=" ago").first).to_be_visible()
        assert faults(shown.page) == []
        assert shown.problems == []
    shown.page.keyboard.press("?")
    board.root.get_by_role("button", name="as fits the column").click()
    shown.page.keyboard.press("Escape")


def test_without_motion_nothing_moves(shown: Shown) -> None:
    shown.look(LOOKS["light"])
    shown.page.emulate_media(reduced_motion="reduce")
    for view in VIEWS.values():
        shown.see(view)
        assert shown.page.evaluate(MOVING) == []
        shown.leave()
    shown.page.emulate_media(reduced_motion="no-preference")


MOVING = """() => {
  const host = [...document.querySelectorAll("*")].find((element) => element.shadowRoot);
  const long = (times) => times.split(", ").some((time) => parseFloat(time) > 0);
  return [...host.shadowRoot.querySelectorAll(".root *")].filter((element) => {
    const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
    return long(transitionDuration) || animationName !== "none" || scrollBehavior === "smooth";
  }).map((element) => element.className);
}"""


def test_colours_of_the_system_are_enough(shown: Shown) -> None:
    shown.look(LOOKS["light"])
    shown.page.emulate_media(forced_colors="active")
    for view in ("overview", "agents", "tasks"):
        shown.see(VIEWS[view])
        shown.picture(f"{view}-forced-colours")
    shown.page.emulate_media(forced_colors="none")


def test_a_button_copies_where_there_is_no_clipboard_api(shown: Shown) -> None:
    """As on an http page that is not on this machine."""
    shown.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    shown.look(LOOKS["2000"])
    board = shown.board
    board.open("Tasks")
    copy = board.root.get_by_role("button", name="Copy Python")
    copy.click()
    expect(board.root.get_by_role("button", name="copied")).to_be_focused()
    shown.page.keyboard.press("/")
    shown.page.keyboard.press("Control+v")
    expect(board.root.get_by_role("searchbox")).to_have_value("dash.tasks.df()")
    shown.page.keyboard.press("Escape")


def seen_in_all(shown: Shown, name: str) -> None:
    """The same in light, dark and narrow."""
    found = []
    for look in ("light", "dark", "360"):
        shown.look(LOOKS[look])
        shown.settle()
        shown.picture(f"{name}-{look}")
        found += violations(shown.page) if look != "360" else []
    assert found == []


def test_an_empty_dashboard_helps(axe: None, chrome: BrowserContext, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    with (
        started("serve", str(tmp_path / "memory"), "--port", "0", env=env) as (_, address),
        showing(chrome, address) as shown,
    ):
        expect(shown.board.state).to_have_text("live")
        for tab in TABS:
            shown.board.open(tab)
            expect(shown.board.root.locator(".empty-title")).to_be_visible()
            shown.picture(f"empty-{tab.lower()}")
            assert violations(shown.page) == []


def test_progress_of_reading_is_shown(axe: None, chrome: BrowserContext, server: Server) -> None:
    def reading(frame: str) -> str | None:
        content = json.loads(frame)
        for source in content.get("sources", []):
            source.update(state="reading", bytes=2_400_000_000, read=910_000_000)
        return json.dumps(content)

    with showing(chrome, server[1], reading) as shown:
        expect(shown.board.root.get_by_role("progressbar")).to_be_visible()
        seen_in_all(shown, "reading")


def test_the_first_load_is_shown(axe: None, chrome: BrowserContext, server: Server) -> None:
    with showing(chrome, server[1], lambda frame: None if '"type":"changes"' in frame else frame) as shown:
        expect(shown.board.state).to_have_text("loading")
        seen_in_all(shown, "loading")


def test_a_view_that_fails_leaves_the_others(axe: None, chrome: BrowserContext, server: Server) -> None:
    def spoilt(frame: str) -> str | None:
        content = json.loads(frame)
        for task in content["rows"].get("tasks", []) if content["type"] == "changes" else []:
            task["status"] = {"not": "a text"}
        return json.dumps(content)

    with showing(chrome, server[1], spoilt) as shown:
        shown.board.open("Tasks")
        expect(shown.board.root.get_by_text("This view could not be drawn")).to_be_visible()
        seen_in_all(shown, "failed")
        shown.board.open("Messages")
        expect(shown.board.rows.first).to_be_visible()


def test_a_flood_of_rows_is_fit_to_be_seen(shown: Shown, team: list[str]) -> None:
    """Near the end, as the team's files stay full."""
    files = Path(team[0])
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    with (files / "coordination.log").open("a", encoding="utf-8") as log:
        log.writelines(f"{at} [INFO] [agent-orchestrator] Reading {n} of 4000 stored\n" for n in range(4000))
    with (files / "message-bus.jsonl").open("a", encoding="utf-8") as bus:
        for n in range(1000):
            message = {"message_id": f"msg-flood-{n}", "from_agent": "agent-orchestrator", "timestamp": at}
            bus.write(json.dumps({**message, "type": "broadcast", "payload": f"stored {n}", "read_by": []}) + "\n")
    shown.look(LOOKS["light"])
    board = shown.board
    for name, last in (("Logs", "Reading 3999"), ("Messages", "stored 999")):
        shown.see(VIEWS[name.lower()])
        follow = board.root.get_by_role("button", name="follow", pressed=False)
        if follow.count():
            follow.click()
        expect(board.rows.filter(has_text=last)).to_be_visible(timeout=15_000)
        shown.settle()
        shown.picture(f"busy-{name.lower()}")
    shown.see(View("Overview"))
    shown.picture("busy-overview")


def test_a_lost_server_is_shown(shown: Shown, server: Server) -> None:
    """The last: there is only one."""
    shown.board.open("Overview")
    server[0].kill()
    expect(shown.board.state).to_have_text("reconnecting")
    seen_in_all(shown, "disconnected")
