"""The dashboard in marimo, with the cells of the documentation's page: as an app, and while somebody edits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.board import Board
from tests.browser.hosts import hosting, marimo_notebook
from tests.browser.lab import GALLERY, Lab
from tests.browser.workspace import Workspace

pytestmark = pytest.mark.slow

COUNT = 'count = mo.ui.button(label="count", value=0, on_click=lambda n: n + 1)\ncount'
LISTENERS = 'mo.md(f"At {count.value}: {len(dash._link._listeners)} listen")'
QUIET = ("--headless", "--no-token", "--port=PORT")


@pytest.fixture
def home(tmp_path: Path) -> Lab:
    """Directories of its own, and the environment that leads there."""
    return Lab(tmp_path)


@pytest.fixture
def tab(chrome: BrowserContext) -> Iterator[Page]:
    """A page, and at the end: whether an error was on it."""
    page = chrome.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    page.close()
    assert [problem for problem in problems if problem != "Failed to fetch"] == []  # marimo's own, as it is ended


def follows(page: Page, workspace: Workspace, text: str) -> None:
    """Check that the dashboard is live, and that other cells follow what happens and what is clicked."""
    board = Board(page)
    expect(board.state).to_have_text("live", timeout=30_000)
    board.open("Messages")
    workspace.say(text)
    expect(page.get_by_text(f"Said last: {text}")).to_be_visible()
    board.rows.filter(has_text=text).click()
    expect(page.get_by_text("Selected: {'table': 'messages'")).to_be_visible()


def listening(page: Page, clicks: int) -> str:
    """How many listen to the tables, as the notebook's last cell says after so many clicks on its button."""
    page.get_by_role("button", name="count", exact=True).click()
    said = page.get_by_text(f"At {clicks}: ")
    expect(said).to_be_visible()
    return said.inner_text().partition(": ")[2]


def expect_listening(page: Page, workspace: Workspace, listeners: str) -> None:
    """Check that as many listen, soon: a dashboard notices at the next change that it was taken away."""
    for clicks in range(1, 50):
        workspace.say(f"change {clicks}")
        if (found := listening(page, clicks)) == listeners:
            return
    raise AssertionError(f"{found}, not {listeners}")


def test_an_app_of_marimo_follows_and_forgets_those_who_leave(home: Lab, tab: Page, root: Path) -> None:
    workspace = Workspace(home.root / "memory")
    notebook = marimo_notebook(home, root / "docs" / "hosts.md", COUNT, LISTENERS)
    with hosting(home, "marimo", "-q", "run", *QUIET, "--session-ttl=0", str(notebook)) as address:
        tab.goto(address)
        follows(tab, workspace, "said to the app")
        GALLERY.mkdir(exist_ok=True)
        tab.screenshot(path=GALLERY / "marimo-run.png")
        alone = listening(tab, 1)
        tab.reload()  # another session, of another visitor
        follows(tab, workspace, "said to the next")
        expect_listening(tab, workspace, alone)


def test_cells_of_marimo_that_run_again_leave_nothing_behind(home: Lab, tab: Page, root: Path) -> None:
    workspace = Workspace(home.root / "memory")
    notebook = marimo_notebook(home, root / "docs" / "hosts.md", COUNT, LISTENERS)
    with hosting(home, "marimo", "-q", "edit", *QUIET, str(notebook)) as address:
        tab.goto(address)
        editor = tab.locator(".marimo-cell .cm-content").filter(has_text="aw.watch")
        for _ in range(5):
            editor.click()
            tab.keyboard.press("Control+Enter")
            expect(Board(tab).state).to_have_text("live", timeout=30_000)
        follows(tab, workspace, "said to the last one")
        expect_listening(tab, workspace, "2 listen")  # the dashboard, and its callback
