"""How long a line of a transcript takes to the screen of a real JupyterLab: while nothing runs, and while cells run.

    python -m tests.benchmarks pixel [--lines 200]

Each line is a prompt, appended to a transcript of Claude Code; the dashboard under a cell shows the messages. A line is
in the document when an observer of its changes finds the words of it, and on the screen with the next frame, which in a
headless Chromium is up to 17 ms later. Needs the extra ``test`` and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ci"))

from machine import NO_BROWSER, chromium
from playwright.sync_api import sync_playwright

from tests.benchmarks.homes import Story, claude
from tests.benchmarks.report import Report, options_of
from tests.browser.board import Board
from tests.browser.lab import FLAGS, PANEL, Lab, Notebook
from tests.support.processes import wait_for

WATCH = 'import agent_widget as aw\ndash = aw.watch("home")\ndash'
UNTIL = 'import pathlib, time\nwhile not pathlib.Path("enough").exists():\n    {what}'
STATES = {
    "idle": None,
    "a cell that waits": "time.sleep(0.05)",
    "a cell that computes": "sum(n * n for n in range(1_000_000))",
    "a cell that computes and looks for files": "sum(n * n for n in range(1000))",
}
"""What the kernel does meanwhile, between two looks for the file that ends it.

A thread that calls the system every 50 microseconds gives Python's lock away and has it again before any other thread
is awake; others wait for it to be unlucky.
"""

AWAIT = """(text) => {
  const shadow = document.querySelector("[data-jp-suppress-context-menu]").shadowRoot;
  const now = () => performance.timeOrigin + performance.now();
  window.seen = new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      if (!shadow.querySelector(".grid").textContent.includes(text)) return;
      observer.disconnect();
      const found = now();
      requestAnimationFrame(() => resolve([found, now()]));
    });
    observer.observe(shadow, { subtree: true, childList: true, characterData: true });
  });
}"""


class Conversation:
    """A transcript that grows."""

    def __init__(self, home: Path) -> None:
        claude(home, Story(0.2))
        self.path = next(home.glob("projects/*/*.jsonl"))
        self.entry = json.loads(self.path.read_text().splitlines()[0])

    def say(self, text: str) -> float:
        """Append a prompt; returns when, in ms of the clock that the browser has too."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = {**self.entry, "uuid": text, "timestamp": at, "message": {"role": "user", "content": text}}
        line = json.dumps(entry) + "\n"
        with self.path.open("a") as file:
            written = time.time() * 1000
            file.write(line)
        return written


def delays(notebook: Notebook, conversation: Conversation, state: str, lines: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds until each line was in the document, and until it was on the screen, sorted."""
    page, dice = notebook.page, random.Random(1)
    found, drawn = [], []
    for number in range(lines):
        text = f"line {number} while {state}"
        page.evaluate(AWAIT, text)
        time.sleep(dice.uniform(0.1, 0.3))  # not in step with frames, rounds and messages
        written = conversation.say(text)
        in_document, on_screen = page.evaluate("window.seen")
        found.append(in_document - written)
        drawn.append(on_screen - written)
    return sorted(found), sorted(drawn)


def measure(notebook: Notebook, conversation: Conversation, lines: int, report: Report) -> None:
    """All figures, with the dashboard under the first cell."""
    said = notebook.run(0)
    if "Traceback" in said:
        sys.exit(said)
    board = Board(notebook.output(0))
    board.root.get_by_role("tab", name="Messages").click()
    board.rows.first.wait_for()
    for cell, (state, what) in enumerate(STATES.items()):
        enough = notebook.lab.root / "enough"
        if what is not None:
            notebook.run(cell, wait=False)
            wait_for(notebook.busy, "the cell runs")
        delays(notebook, conversation, f"warming up: {state}", 5)
        found, drawn = delays(notebook, conversation, state, lines)
        if what is not None:
            if not notebook.busy():
                sys.exit("the cell ended before the measurement")
            enough.touch()
            wait_for(lambda: not notebook.busy(), "the cell has ended")
            enough.unlink()
        for name, share in (("median", 0.5), ("p99", 0.99)):
            at = min(lines - 1, int(lines * share))
            value, beside = (median(drawn), median(found)) if share == 0.5 else (drawn[at], found[at])
            report.note(f"append to pixel, {state}, {name}", value, "ms", in_document=beside)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200, help="lines for each figure")
    options = options_of(parser)
    program = chromium()
    if program is None:
        sys.exit(NO_BROWSER)
    report = Report("pixel")
    with tempfile.TemporaryDirectory(prefix="agent-widget-bench-") as directory, sync_playwright() as playwright:
        lab = Lab(Path(directory))
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.add_init_script(PANEL)
        try:
            lab.start()
            conversation = Conversation(lab.root / "home")
            cells = [UNTIL.format(what=what) for what in STATES.values() if what is not None]
            measure(Notebook(lab, page, "pixel.ipynb", [WATCH, *cells]), conversation, options.lines, report)
        finally:
            browser.close()
            lab.stop()
    report.save(options.json)


if __name__ == "__main__":
    main()
