"""Changing tasks and sending messages in the dashboard: in JupyterLab and on the page, by mouse and by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.board import Board
from tests.browser.conftest import OpenNotebook
from tests.browser.faults import AXE, violations
from tests.browser.lab import Lab
from tests.browser.server import started
from tests.browser.test_dashboard import RUNS, show
from tests.browser.workspace import Workspace
from tests.support.processes import wait_for
from tests.support.wire import until

pytestmark = pytest.mark.slow


def tasks(workspace: Workspace) -> list[dict[str, Any]]:
    """The task list as it is in the file."""
    found: list[dict[str, Any]] = json.loads((workspace.directory / "tasks.json").read_text())["tasks"]
    return found


def task(workspace: Workspace, title: str) -> dict[str, Any]:
    return next(one for one in tasks(workspace) if one["title"] == title)


@pytest.fixture
def page_of(lab: Lab, chrome: BrowserContext, workspace: Workspace) -> Iterator[Any]:
    """Opens the page of a server of the workspace."""
    pages: list[Page] = []
    stack = []

    def open_page(*options: str) -> Board:
        server = started("serve", str(workspace.directory), "--port", "0", *options, env=lab.environment)
        process, address = server.__enter__()
        stack.append(server)
        open_page.process = process  # type: ignore[attr-defined]
        page = chrome.new_page()
        pages.append(page)
        page.goto(address)
        board = Board(page)
        expect(board.state).to_have_text("live")
        return board

    yield open_page
    for page in pages:
        page.close()
    for server in stack:
        server.__exit__(None, None, None)


def opened(board: Board, workspace: Workspace) -> str:
    """Open the details of a task that is pending; return its title."""
    title: str = next(one["title"] for one in tasks(workspace) if one["status"] == "pending")
    board.open("Tasks")
    board.search(title)
    board.rows.first.click()
    return title


def test_a_task_is_changed_and_the_change_undone(page_of: Any, workspace: Workspace) -> None:
    board = page_of("--allow-writes")
    title = opened(board, workspace)
    status = board.details.get_by_label("status", exact=True)
    status.select_option("blocked")
    said = board.root.locator(".done")
    expect(said).to_contain_text("status is blocked")
    assert task(workspace, title)["status"] == "blocked"
    said.get_by_role("button", name="Undo").click()
    expect(said).to_contain_text("Undone")
    expect(status).to_have_value("pending")
    assert task(workspace, title)["status"] == "pending"

    board.details.get_by_label("priority", exact=True).select_option("critical")
    expect(said).to_contain_text("priority is critical")
    note = board.details.get_by_label("A note on this task")
    note.fill("Look at the second pump first")
    note.press("Control+Enter")
    expect(board.details.locator(".section", has_text="notes")).to_contain_text("Look at the second pump first")
    expect(note).to_have_value("")
    assert task(workspace, title)["priority"] == "critical"


def test_cancelling_asks_first_and_says_why(page_of: Any, workspace: Workspace) -> None:
    board = page_of("--allow-writes")
    title = opened(board, workspace)
    board.details.get_by_role("button", name="Cancel task…").press("Enter")
    why = board.details.get_by_label("Why it is cancelled")
    expect(why).to_be_focused()
    why.press("Escape")
    expect(why).to_have_count(0)
    expect(board.details.get_by_role("button", name="Cancel task…")).to_be_focused()
    assert task(workspace, title)["status"] == "pending"
    board.details.get_by_role("button", name="Cancel task…").press("Enter")
    why.fill("superseded")
    why.press("Enter")
    expect(board.root.locator(".done")).to_contain_text("is cancelled")
    assert task(workspace, title)["status"] == "cancelled"
    assert "superseded" in task(workspace, title)["notes"][-1]


def test_what_goes_wrong_is_said_in_place_and_nothing_is_written(page_of: Any, workspace: Workspace) -> None:
    board = page_of("--allow-writes")
    title = opened(board, workspace)
    status = board.details.get_by_label("status", exact=True)
    expect(status).to_be_visible()
    lock = workspace.directory / "tasks.json.lock"
    lock.write_text('{"owner_id": "agent-7", "pid": 1}')
    before = tasks(workspace)
    status.select_option("blocked")
    expect(board.details.get_by_role("status")).to_contain_text("saving")
    expect(status).to_be_disabled()
    expect(board.details.get_by_role("alert")).to_contain_text("held by agent-7", timeout=20_000)
    expect(status).to_have_value("pending")
    assert tasks(workspace) == before
    lock.unlink()
    status.select_option("blocked")
    expect(board.details.get_by_role("alert")).to_have_count(0)
    until(lambda: task(workspace, title)["status"] == "blocked")


def test_a_server_that_dies_meanwhile_leaves_it_said_and_what_was_written_kept(
    page_of: Any, workspace: Workspace
) -> None:
    board = page_of("--allow-writes")
    title = opened(board, workspace)
    note = board.details.get_by_label("A note on this task")
    note.fill("The second pump first")
    board.search("")
    board.rows.filter(has_not_text=title).first.click()
    expect(note).to_have_value("")
    board.search(title)
    board.rows.first.click()
    expect(note).to_have_value("The second pump first")
    (workspace.directory / "tasks.json.lock").write_text('{"owner_id": "agent-7", "pid": 1}')
    board.details.get_by_label("status", exact=True).select_option("blocked")
    expect(board.details.get_by_role("status")).to_contain_text("saving")
    page_of.process.kill()
    said = board.root.locator(".done")
    expect(said).to_contain_text(f"{title}: the connection to the server is lost; look whether it was changed")


def test_a_new_task_is_made_with_the_keyboard(page_of: Any, workspace: Workspace) -> None:
    board = page_of("--allow-writes")
    board.open("Tasks")
    button = board.root.get_by_role("button", name="New task")
    button.press("Enter")
    title = board.root.get_by_label("Title")
    expect(title).to_be_focused()
    title.press("Escape")
    expect(button).to_be_focused()
    button.press("Enter")
    title.fill("Check the gauge")
    board.root.get_by_role("dialog", name="New task").get_by_label("priority").select_option("high")
    title.press("Enter")
    expect(board.details).to_contain_text("Check the gauge")
    made = task(workspace, "Check the gauge")
    assert (made["priority"], made["status"]) == ("high", "pending")
    board.root.locator(".done").get_by_role("button", name="Undo").click()
    until(lambda: task(workspace, "Check the gauge")["status"] == "cancelled")


def test_a_message_is_sent_from_an_agent_and_marked_read(page_of: Any, workspace: Workspace) -> None:
    send_and_mark_read(page_of("--allow-writes"), workspace)


def send_and_mark_read(board: Board, workspace: Workspace) -> None:
    """Ask an agent something, and mark what was asked as read."""
    board.open("Agents")
    board.rows.filter(has_text="orchestrator").first.click()
    field = board.details.get_by_label("Message to orchestrator")
    field.fill("Which pump first?")
    board.details.get_by_role("button", name="Send", exact=True).click()
    expect(board.root.locator(".done")).to_contain_text("Sent to orchestrator")
    expect(field).to_have_value("")
    board.open("Messages")
    board.search("Which pump first?")
    board.rows.first.click()
    board.details.get_by_role("button", name="Mark read").click()
    expect(board.details.get_by_role("button", name="Mark read")).to_have_count(0)
    wait_for(lambda: readers(workspace, "Which pump first?") == ["user"], "the file says who has read it")


def readers(workspace: Workspace, text: str) -> list[str]:
    lines = (workspace.directory / "message-bus.jsonl").read_text().splitlines()
    (sent,) = [json.loads(line) for line in lines if text in line]
    return list(sent["read_by"])


def test_where_nothing_may_be_written_nothing_is_offered(page_of: Any, workspace: Workspace) -> None:
    board = page_of()
    opened(board, workspace)
    expect(board.details.get_by_text("course")).to_be_visible()
    expect(board.root.locator(".change-form, .change-fields")).to_have_count(0)
    expect(board.root.get_by_role("button", name="New task")).to_have_count(0)


def test_it_is_accessible_and_fits_a_narrow_cell(page_of: Any, workspace: Workspace) -> None:
    board = page_of("--allow-writes")
    page = board.root.page
    page.evaluate(AXE.read_text())
    page.set_viewport_size({"width": 420, "height": 860})
    opened(board, workspace)
    board.details.get_by_role("button", name="Cancel task…").click()
    board.details.get_by_label("priority", exact=True).select_option("low")
    expect(board.root.locator(".done")).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    board.details.get_by_role("button", name="Close the details").click()
    board.root.get_by_role("button", name="New task").click()
    expect(board.root.get_by_role("dialog", name="New task")).to_be_visible()
    assert violations(page) == []


def test_the_command_that_resumes_is_there_to_be_copied(
    lab: Lab, chrome: BrowserContext, root: Path, tmp_path: Path
) -> None:
    from tests.sources.test_claude import ANN, PROJECT, Session
    from tests.support.transcripts import lines

    ann = Session()
    transcript = tmp_path / "claude" / PROJECT / f"{ANN}.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_bytes(lines(ann.person("Go"), ann.says("Which door?")))
    with started("serve", str(tmp_path / "claude"), "--port", "0", env=lab.environment) as (_, address):
        page = chrome.new_page()
        page.goto(address)
        board = Board(page)
        board.open("Sessions")
        board.rows.first.click()
        button = board.details.get_by_role("button", name="Copy the command that goes on")
        button.click()
        expect(board.details.get_by_role("button", name="copied")).to_be_visible()
        board.details.get_by_role("button", name="Details").click()
        command = board.details.locator(".resume code")
        expect(command).to_contain_text(f"claude --resume {ANN}")
        expect(command).to_contain_text("CLAUDE_CONFIG_DIR=")
        page.close()


def test_in_a_cell_it_is_the_same(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook("import agent_widget as aw\ndash = aw.watch('memory', allow_writes=True)\ndash", RUNS)
    board = show(page)
    said = board.root.locator(".done")
    title = opened(board, workspace)
    status = board.details.get_by_label("status", exact=True)
    status.select_option("blocked")
    expect(said).to_contain_text("status is blocked")
    assert task(workspace, title)["status"] == "blocked"
    said.get_by_role("button", name="Undo").click()
    expect(said).to_contain_text("Undone")
    assert task(workspace, title)["status"] == "pending"

    lock = workspace.directory / "tasks.json.lock"
    lock.write_text('{"owner_id": "agent-7", "pid": 1}')
    status.select_option("blocked")
    expect(board.details.get_by_role("status")).to_contain_text("saving")
    expect(status).to_be_disabled()
    assert task(workspace, title)["status"] == "pending"
    lock.unlink()
    expect(said).to_contain_text("status is blocked")

    board.details.get_by_role("button", name="Cancel task…").click()
    why = board.details.get_by_label("Why it is cancelled")
    why.fill("superseded")
    assert task(workspace, title)["status"] == "blocked"
    why.press("Enter")
    expect(said).to_contain_text("is cancelled")
    assert "superseded" in task(workspace, title)["notes"][-1]

    board.search("")
    board.root.get_by_role("button", name="New task").click()
    board.root.get_by_label("Title").fill("Check the gauge")
    board.root.get_by_label("Title").press("Enter")
    expect(board.details).to_contain_text("Check the gauge")
    assert task(workspace, "Check the gauge")["status"] == "pending"

    send_and_mark_read(board, workspace)

    page.run(1, wait=False)
    wait_for(page.busy, "the cell runs")
    board.open("Tasks")
    board.search("Check the gauge")
    board.rows.first.click()
    status.select_option("in_progress")
    expect(said).to_contain_text("status is in progress")
    assert task(workspace, "Check the gauge")["status"] == "in_progress"
    assert page.busy(), "all while it runs"
    workspace.enough()
    assert page.problems == []
