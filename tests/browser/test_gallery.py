"""Pictures of everything, for people to look at (``tests/gallery``), and checks of what a picture may hide.

``-k`` chooses: ``-k "tasks and dark"``, ``-k 360``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import machine
import pytest
from browser.board import Board
from browser.faults import AXE, faults, violations
from browser.server import started
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from agent_widget import demo

pytestmark = pytest.mark.slow

AGENTS, SEED = 7, 3


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
    "600": Look(600),
    "1200": Look(1200),
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
    directory.mkdir()
    return [str(root) for root in demo.prepared(directory, agents=AGENTS, seed=SEED).roots]


@contextmanager
def showing(
    chrome: BrowserContext, env: dict[str, str], roots: list[str], change: Callable[[str], str | None] | None = None
) -> Iterator[tuple[Shown, Any]]:
    """A server on these directories, and a page on it; ``change`` is made to what it says, None: it is not heard."""
    with started("serve", *roots, "--port", "0", env=env) as (process, address):
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
        yield shown, process
        page.close()


@pytest.fixture(scope="module")
def shown(axe: None, chrome: BrowserContext, env: dict[str, str], team: list[str]) -> Iterator[Shown]:
    """One page for all views of the demo."""
    with showing(chrome, env, team) as (shown, _):
        expect(shown.board.state).to_have_text("live")
        yield shown


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_fit_to_be_seen(shown: Shown, view: str, look: str) -> None:
    shown.look(LOOKS[look])
    shown.see(VIEWS[view])
    shown.picture(f"{view}-{look}")
    found = violations(shown.page) if look in ("light", "dark", "360") else []
    shown.leave()
    assert found == []


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
