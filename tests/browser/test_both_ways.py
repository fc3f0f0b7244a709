"""What Python wants is on the screen, and what the person clicks is in Python."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.test_dashboard import WATCH, show
from tests.browser.workspace import Workspace
from tests.support.processes import wait_for

pytestmark = pytest.mark.slow

DRIVE = 'dash.show("tasks")\ndash.filter(status="completed")'
SELECT = 'dash.select(agent="orchestrator")'
TOLD = "import json\nprint(json.dumps([dash.view.get('tab'), list(dash.selected.index), dash.view.get('at')]))"
PAST = "import time\ndash.at(time.time() - 120)"
PRESENT = "dash.at()"


def test_python_sets_the_view_and_receives_clicks(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH, DRIVE, SELECT, TOLD)
    board = show(page)
    page.run(1)
    expect(board.root.get_by_role("tab", name="Tasks", selected=True)).to_be_visible()
    expect(board.root.get_by_role("button", name="completed", pressed=True)).to_be_visible()
    page.run(2)
    expect(board.root.get_by_role("tab", name="Agents", selected=True)).to_be_visible()
    expect(board.details).to_contain_text("orchestrator")
    board.open("Memory")
    board.rows.first.click()
    expect(board.details).to_be_visible()

    def heard() -> bool:
        tab, chosen, _ = json.loads(page.run(3))
        return bool(tab == "memory" and chosen and chosen != ["agent-orchestrator"])

    wait_for(heard, "Python hears of the click")


def test_python_sends_the_view_into_the_past_and_back(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH, PAST, PRESENT, TOLD)
    board = show(page)
    board.open("Messages")
    every = board.total()
    page.run(1)
    expect(board.state).to_have_text("past")
    expect(board.root.get_by_role("slider", name="Moment")).to_be_visible()
    workspace.say("said after that moment")
    wait_for(lambda: board.total() < every, "only what was there then")
    expect(board.rows.filter(has_text="said after that moment")).to_have_count(0)
    page.run(2)
    expect(board.state).to_have_text("live")
    expect(board.rows.filter(has_text="said after that moment")).to_be_visible()
    wait_for(lambda: json.loads(page.run(3))[2] is None, "Python knows that it is the present")


def test_the_dashboard_of_a_cell_is_saved_as_a_page(notebook: OpenNotebook, workspace: Workspace) -> None:
    workspace.say("said to a cell")
    board = show(notebook(WATCH))
    with board.root.page.expect_download() as saved:
        board.root.get_by_role("button", name="Save as a page").click()
    assert saved.value.suggested_filename == "run.html"
    text = saved.value.path().read_text()
    assert text.startswith("<!doctype html>") and '"text":"said to a cell"' in text
