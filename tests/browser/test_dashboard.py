"""The dashboard in a real JupyterLab, through everything a working day does to it."""

from __future__ import annotations

import json
import re
import signal
import time
from statistics import median

import pytest
from playwright.sync_api import expect

from tests.browser.board import TABS, Board
from tests.browser.conftest import OpenNotebook
from tests.browser.lab import Lab, Notebook
from tests.browser.workspace import Workspace
from tests.support.processes import wait_for

WATCH = 'import agent_widget as aw\ndash = aw.watch("memory/")\ndash'
COUNT = """import json
tables = "agents messages tasks sessions quality memory logs tool_calls".split()
print(json.dumps({name: sum(row.get("kind") != "heartbeat" for row in getattr(dash, name)) for name in tables}))"""
RUNS = 'import pathlib, time\nwhile not pathlib.Path("enough").exists():\n    time.sleep(0.05)'
"""A cell that runs until the test has seen enough."""

pytestmark = pytest.mark.slow


def show(page: Notebook, cell: int = 0) -> Board:
    """Run the cell and wait until the dashboard under it is live."""
    said = page.run(cell)
    assert "Traceback" not in said, said
    board = Board(page.output(cell))
    expect(board.state).to_have_text("live")
    expect(board.panel).not_to_contain_text(re.compile("^(Connecting|Receiving)"))
    return board


def delay_ms(page: Notebook, workspace: Workspace, text: str) -> float:
    """Append a message to the bus; milliseconds until a person could read it, by the clock both share."""
    page.page.evaluate(
        """(text) => {
          const shadow = document.querySelector("[data-jp-suppress-context-menu]").shadowRoot;
          window.seen = new Promise((resolve) => {
            const look = () => shadow.textContent.includes(text) ? resolve(Date.now()) : requestAnimationFrame(look);
            look();
          });
        }""",
        text,
    )
    written = time.time() * 1000
    workspace.say(text)
    return float(page.page.evaluate("window.seen")) - written


def test_every_tab_shows_the_rows_the_kernel_has(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH, COUNT)
    board = show(page)
    expect(board.panel).to_contain_text("orchestrator")
    page.screenshot("overview")
    for table, rows in json.loads(page.run(1)).items():
        board.open({"tool_calls": "Tools"}.get(table, table.capitalize()))
        expect(board.rows.first).to_be_visible()
        assert (table, board.total()) == (table, rows)
    assert page.problems == []


def test_a_message_is_on_the_screen_while_a_cell_runs(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH, RUNS)
    board = show(page)
    board.open("Messages")
    page.run(1, wait=False)
    wait_for(page.busy, "the cell runs")
    delays = [delay_ms(page, workspace, f"said while the kernel is busy, number {n}") for n in range(9)]
    assert page.busy(), "all while it runs"
    print("appended line to screen, ms:", sorted(round(delay) for delay in delays))
    workspace.enough()


def test_messages_are_a_sequence_that_follows_the_newest(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH)
    board = show(page)
    board.open("Messages")
    board.root.get_by_role("button", name="Sequence").click()
    workspace.say("said into the sequence")
    row = board.grid.get_by_role("row", name="orchestrator to everyone, broadcast: said into the sequence")
    expect(row).to_be_in_viewport()
    row.click()
    expect(board.details).to_contain_text("said into the sequence")
    page.screenshot("sequence")
    assert page.problems == []


def test_tabs_search_and_details_answer_while_a_cell_runs(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH, RUNS)
    board = show(page)
    page.run(1, wait=False)
    wait_for(page.busy, "the cell runs")
    board.open("Tasks")
    every = board.total()
    board.search("readings")
    expect(board.count).to_contain_text(f"of {every} ")
    board.rows.first.click()
    expect(board.details).to_contain_text("readings", ignore_case=True)
    assert page.busy(), "all while it runs"
    workspace.enough()


def test_a_killed_server_shows_and_no_change_is_missed(notebook: OpenNotebook, workspace: Workspace, lab: Lab) -> None:
    page = notebook(WATCH, 'server = aw.serve("memory/")')
    board = show(page)
    board.open("Messages")
    (server,) = lab.servers()
    server.send_signal(signal.SIGKILL)
    expect(board.state).not_to_have_text("live")
    expect(board.notice).to_be_visible()
    page.screenshot("server-killed")
    for number in range(20):
        workspace.say(f"said to nobody, number {number:02}")
    page.run(1)
    expect(board.state).to_have_text("live", timeout=15_000)
    board.search("said to nobody")
    expect(board.count).to_contain_text("20 of")
    assert page.problems == []


def test_two_views_of_one_widget_agree(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH, "dash")
    boards = show(page, 0), show(page, 1)
    for board in boards:
        board.open("Messages")
    workspace.say("heard in both views")
    for board in boards:
        expect(board.rows.filter(has_text="heard in both views")).to_have_count(1)
    assert boards[0].total() == boards[1].total()


def test_two_notebooks_share_one_server(notebook: OpenNotebook, workspace: Workspace, lab: Lab) -> None:
    first = notebook(WATCH)
    show(first)
    show(notebook(WATCH))
    assert len(lab.servers()) == 1
    assert first.problems == []


def test_what_happens_while_it_is_paused_waits_for_resume(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH)
    board = show(page)
    board.open("Messages")
    before = board.total()
    board.root.get_by_role("button", name="Pause").click()
    expect(board.state).to_have_text("paused")
    for number in range(3):
        workspace.say(f"said in the pause, number {number}")
    page.page.wait_for_timeout(500)  # what must not happen can only be waited out
    assert board.total() == before
    board.root.get_by_role("button", name="Resume").click()
    expect(board.state).to_have_text("live")
    expect(board.count).to_have_text(re.compile(f"^{before + 3} "))


def test_a_burst_arrives_whole(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH)
    board = show(page)
    board.open("Messages")
    before = board.total()
    for burst in range(40):
        for number in range(30):
            workspace.say(f"number {burst * 30 + number}")
        page.page.evaluate("new Promise(requestAnimationFrame)")
    expect(board.count).to_have_text(re.compile(f"^{before + 1200:,} "))
    assert page.problems == []


def test_it_comes_back_after_a_reload_of_the_page(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH)
    board = show(page)
    board.open("Tasks")
    board.rows.first.locator("[role=gridcell]").first.click()
    opened = board.details.locator("h2").inner_text()
    page.reload()
    expect(board.state).to_have_text("live")
    expect(board.details.locator("h2")).to_have_text(opened)
    board.open("Messages")
    workspace.say("said after the reload")
    expect(board.rows.filter(has_text="said after the reload")).to_be_visible()
    assert page.problems == []


def test_it_comes_back_when_a_closed_notebook_is_opened_again(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH)
    board = show(page)
    page.close()
    workspace.say("said while the notebook was closed")
    page.reopen()
    expect(board.state).to_have_text("live")
    board.open("Messages")
    expect(board.rows.filter(has_text="said while the notebook was closed")).to_be_visible()
    assert page.problems == []


def test_after_a_kernel_restart_the_dashboard_shows_as_stale(
    notebook: OpenNotebook, workspace: Workspace, lab: Lab
) -> None:
    page = notebook(WATCH)
    board = show(page)
    (server,) = lab.servers()
    page.restart()
    expect(board.state).to_have_text("stale", timeout=30_000)
    expect(board.notice).to_contain_text("the kernel was restarted or has gone. Run the cell that shows this again")
    page.screenshot("kernel-restarted")
    show(page)
    assert lab.servers() == [server], "the server has outlived the kernel and is found again"


def test_ten_thousand_log_lines_scroll(notebook: OpenNotebook, workspace: Workspace) -> None:
    workspace.log(*(f"line {number:05}" for number in range(10_000)))
    page = notebook(WATCH)
    board = show(page)
    board.open("Logs")
    expect(board.rows.filter(has_text="line 09999")).to_be_visible()
    assert board.total() >= 10_000
    assert board.rows.count() < 100, "only what can be seen is in the document"
    frames = page.page.evaluate(
        """async () => {
          const shadow = document.querySelector("[data-jp-suppress-context-menu]").shadowRoot;
          const scroller = shadow.querySelector("[role=grid]");
          const frames = [];
          let before = performance.now();
          for (let step = 0; step < 60; step++) {
            scroller.scrollTop = scroller.scrollHeight * (1 - step / 60);
            await new Promise(requestAnimationFrame);
            frames.push(performance.now() - before);
            before = performance.now();
          }
          return frames;
        }"""
    )
    print("frames while scrolling, ms: median", round(median(frames), 1), "longest", round(max(frames), 1))
    board.grid.focus()
    page.page.keyboard.press("Home")
    expect(board.grid.get_by_role("row").nth(1)).to_have_attribute("aria-rowindex", "2")
    page.page.keyboard.press("End")
    expect(board.rows.filter(has_text="line 09999")).to_be_visible()


def test_a_saved_notebook_holds_no_agent_data_token_or_path(
    notebook: OpenNotebook, workspace: Workspace, lab: Lab
) -> None:
    workspace.say("a secret that agents share")
    page = notebook(WATCH, "import os; print(os.getpid())")
    board = show(page)
    board.open("Messages")
    expect(board.rows.filter(has_text="a secret that agents share")).to_be_visible()
    page.command("@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    try:
        saved = page.save()
    finally:
        page.command("@jupyter-widgets/jupyterlab-manager:saveWidgetState")
    assert saved["metadata"]["widgets"], "the state of the widgets was saved with it"
    text = json.dumps(saved, ensure_ascii=False)
    runtimes = [json.loads(file.read_text()) for file in lab.runtime.rglob("*.json")]
    tokens = [value for runtime in runtimes for name, value in runtime.items() if name == "token" and value]
    assert len(tokens) >= 2, "JupyterLab's and the server's"
    for secret in (*tokens, "a secret that agents share", "agent-orchestrator", str(lab.root), "ws://", "127.0.0.1"):
        assert secret not in text


def test_it_takes_the_theme_of_jupyterlab(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook(WATCH)
    board = show(page)
    light = _brightness(board)
    with page.theme("JupyterLab Dark"):
        wait_for(lambda: _brightness(board) < 80, "a dark background")
        board.screenshot("cell-dark")
    wait_for(lambda: _brightness(board) == light, "the light one again")
    assert light > 200


def _brightness(board: Board) -> float:
    """Of the background behind the dashboard, from 0 to 255."""
    colour = board.root.evaluate(
        """(element) => {
          for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) {
            const colour = getComputedStyle(at).backgroundColor;
            if (!/rgba?\\(.*, 0\\)|transparent/.test(colour)) return colour;
          }
        }"""
    )
    red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
    return (red + green + blue) / 3


def test_keys_in_the_dashboard_are_not_commands_of_jupyterlab(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook("1", WATCH, "2")
    board = show(page, 1)
    board.open("Tasks")
    cells, active = page.sources(), page.active_cell()
    board.rows.nth(1).click()
    first = board.details.inner_text()
    page.page.keyboard.press("ArrowDown")
    expect(board.details).not_to_have_text(first)
    for key in ("a", "b", "d", "d", "x", "Enter", "ArrowUp", "ArrowUp", "m", "y", "1"):
        page.page.keyboard.press(key)
    board.root.get_by_role("tab", name="Tasks").focus()
    for key in ("b", "ArrowRight", "d", "d", "End", "x"):
        page.page.keyboard.press(key)
    expect(board.panel).to_have_attribute("aria-labelledby", f"aw-tab-{TABS[-1].lower()}")
    page.page.keyboard.press("/")
    page.page.keyboard.type("abdd")
    expect(board.root.get_by_role("searchbox")).to_have_value("abdd")
    page.page.keyboard.press("Escape")
    assert (page.sources(), page.active_cell()) == (cells, active)


def test_the_dashboard_has_keys_of_its_own(notebook: OpenNotebook, workspace: Workspace) -> None:
    page = notebook("1", WATCH, "2")
    board = show(page, 1)
    cells, active = page.sources(), page.active_cell()
    press = page.page.keyboard.press
    board.panel.click(position={"x": 5, "y": 5})  # beside everything: the keys are the dashboard's all the same
    for key in ("d", "d", "a", "b"):
        press(key)
    for number, tab in enumerate(TABS, 1):
        press(str(number % 10))  # 0 is the tenth
        expect(board.panel).to_have_attribute("aria-labelledby", f"aw-tab-{tab.lower()}")
        expect(board.root.get_by_role("tab", name=tab)).to_be_focused()
    press("p")
    expect(board.state).to_have_text("paused")
    press("p")
    expect(board.state).to_have_text("live")
    press("t")
    expect(board.root.get_by_role("slider", name="Moment")).to_be_focused()
    press("t")
    press("?")
    expect(board.root.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(board.root.get_by_role("dialog")).to_have_count(0)
    press("4")
    press("/")
    press("ArrowDown")
    expect(board.grid).to_be_focused()
    press("Tab")
    press("ArrowRight")
    press("Enter")
    expect(board.root.get_by_role("columnheader", name="status")).to_have_attribute("aria-sort", "ascending")
    for key in ("d", "d", "a", "b", "x"):
        press(key)
    assert (page.sources(), page.active_cell()) == (cells, active)


def test_hostile_text_stays_text(notebook: OpenNotebook, workspace: Workspace) -> None:
    attack = '<img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
    hidden = "safe\u202etxt.exe\u2066 \x1b[31mred\x1b[0m"
    workspace.say(f"{attack} {hidden}")
    workspace.log(f"{attack} {hidden}")
    workspace.write("working.md", f"# {attack}\n\n{attack} {hidden}\n[click](javascript:window.attacked=1)\n")
    tasks = json.loads((workspace.directory / "tasks.json").read_text())
    tasks["tasks"][0] |= {"title": f"{attack} {hidden}", "description": attack}
    workspace.write("tasks.json", json.dumps(tasks))

    page = notebook(WATCH)
    board = show(page)
    for tab in ("Messages", "Tasks", "Memory", "Logs"):
        board.open(tab)
        board.search("onerror")
        row = board.rows.filter(has_text="<img src=x onerror=").first
        row.click()
        expect(board.details).to_contain_text("<img src=x onerror=")
        expect(board.root.locator("img, script, iframe, a[href^=javascript]")).to_have_count(0)
        text = board.root.inner_text()
        assert not re.search(r"[\u202a-\u202e\u2066-\u2069\x1b]", text), "what directs the text is made visible"
    page.screenshot("hostile")
    board.open("Overview")
    assert page.page.evaluate("window.attacked") is None


def test_an_alert_shows_on_the_screen_and_as_a_notification_if_enabled(
    notebook: OpenNotebook, workspace: Workspace
) -> None:
    watch = """alert = dash.alert("readings", lambda c: "they are back" if any(
        message.text == "readings are back" for message in c.messages) else None)"""
    page = notebook(WATCH, watch, "alert.clear()", "alert.stop()")
    board = show(page)
    strip = board.root.get_by_role("group", name="Alerts")
    expect(strip).to_have_count(0)
    page.page.evaluate(
        """() => {
          window.notified = [];
          window.Notification = class {
            static permission = "default";
            static requestPermission = async () => "granted";
            constructor(title, { body }) { window.notified.push(`${title} (${body})`); }
          };
        }"""
    )
    page.run(1)
    expect(strip).to_contain_text("1 alert watched, none fires.")
    strip.get_by_role("button", name="Notify me").click()
    expect(strip).to_have_count(0)
    workspace.say("readings are back")
    expect(strip).to_contain_text("they are back")
    said = board.root.get_by_role("status").filter(has_text="alert: readings: they are back")
    expect(said).to_have_count(1, timeout=15_000)  # one sentence in ten seconds is spoken at most
    board.screenshot("alert")
    assert page.page.evaluate("window.notified") == ["Alert: readings (they are back)"]
    expect(page.output(1)).to_contain_text("alert readings: they are back")
    page.run(2)
    expect(strip).to_have_count(0)
    page.run(3)
    assert page.problems == []


def test_what_a_callback_prints_and_how_it_fails_is_under_the_cell_that_gave_it(
    notebook: OpenNotebook, workspace: Workspace
) -> None:
    give = """def tell(message):
    print("heard", message.text)
    raise RuntimeError("a mistake in a cell")
reaction = dash.on("messages", tell, where={"text": ["one", "two"]})"""
    page = notebook(WATCH, give, "await dash.until(lambda c: reaction.errors == 2); print(reaction)")
    show(page)
    page.run(1)
    page.run(2, wait=False)
    workspace.say("one")
    expect(page.output(1)).to_contain_text("heard one")
    workspace.say("two")
    expect(page.output(2)).to_contain_text("2 calls, 2 errors")
    expect(page.output(1)).to_contain_text("heard two")
    expect(page.output(1)).to_contain_text("RuntimeError: a mistake in a cell")
    assert page.output(1).inner_text().count("RuntimeError: a mistake in a cell") == 1
    assert "heard" not in page.output(2).inner_text()
