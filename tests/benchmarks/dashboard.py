"""How the dashboard does in a real browser: frames under load, the heap over minutes, scrolling a long table.

    python -m tests.benchmarks.dashboard [--seconds 20] [--rate 5000]

Prints each figure beside the same page at rest, measured in the same run. For the growth of the heap give it
``--seconds 600``. Needs the extra ``test`` and a Chromium.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".ci"))

from machine import NO_BROWSER, chromium
from playwright.sync_api import CDPSession, Page, sync_playwright

from agent_widget.tables import Record, now_ms
from tests.benchmarks.report import Report, options_of
from tests.browser.lab import FLAGS
from tests.support.wire import hosted

FRAMES = """(ms) => new Promise((resolve) => {
  const frames = [], began = performance.now();
  let last = began;
  requestAnimationFrame(function note(now) {
    frames.push(now - last);
    last = now;
    if (now - began < ms) requestAnimationFrame(note); else resolve(frames.slice(1));
  });
})"""
SCROLL = """(ms) => new Promise((resolve) => {
  const scroller = document.getElementById("agent-widget-page").shadowRoot.querySelector(".grid-scroller");
  const frames = [], began = performance.now();
  let last = began;
  requestAnimationFrame(function note(now) {
    frames.push(now - last);
    last = now;
    scroller.scrollTop = (scroller.scrollTop + 400) % (scroller.scrollHeight - scroller.clientHeight);
    if (now - began < ms) requestAnimationFrame(note); else resolve(frames.slice(1));
  });
})"""


def rows(numbers: Iterator[int], count: int) -> list[Record]:
    """Changes as a busy day brings them: mostly calls and messages, agents and tasks that change again and again."""
    now, made = now_ms(), []
    for number in itertools.islice(numbers, count):
        agent = f"agent-{number % 40}"
        if number % 10 < 4:
            call = {
                "at": now,
                "agent_id": agent,
                "name": "Bash",
                "status": "ok",
                "duration_ms": 40,
                "input": "make test",
            }
            made.append(Record("tool_calls", f"call-{number}", call))
        elif number % 10 < 7:
            message = {"at": now, "sender": agent, "recipient": "agent-1", "kind": "direct", "text": f"line {number}"}
            made.append(Record("messages", f"message-{number}", message))
        elif number % 10 < 9:
            log = {"at": now, "level": "info", "agent_id": agent, "text": f"line {number} of the log"}
            made.append(Record("logs", f"log-{number}", log))
        else:
            made.append(Record("agents", agent, {"activity": f"step {number}", "last_seen_at": now, "name": agent}))
    return made


def heap(tools: CDPSession) -> float:
    """Megabytes in use after a garbage collection."""
    tools.send("HeapProfiler.collectGarbage")
    return float(tools.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def busy(tools: CDPSession) -> float:
    """Seconds of processor time that the page's main thread has had, which other programs do not stretch."""
    metrics = tools.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def report(figures: Report, name: str, frames: list[float], rest: list[float] | None = None) -> None:
    """Note how long the frames were."""
    ordered = sorted(frames)
    p99 = ordered[int(len(ordered) * 0.99)]
    figures.note(f"{name}, median frame", median(frames), "ms", at_rest=median(rest) if rest else None)
    figures.note(f"{name}, p99 and longest", p99, "ms", longest=max(frames))


def measure(page: Page, server: Any, tools: CDPSession, seconds: float, rate: int, figures: Report) -> None:
    """All figures of one page."""
    numbers = itertools.count()
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    rest = page.evaluate(FRAMES, 3000)
    report(figures, "at rest", rest)
    enough = threading.Event()

    def pour() -> None:
        began, sent = time.monotonic(), 0
        while not enough.wait(0.02):
            due = int((time.monotonic() - began) * rate) - sent
            server.put(*rows(numbers, due))
            sent += due

    pouring = threading.Thread(target=pour)
    pouring.start()
    try:
        time.sleep(5)  # the long tables fill up to what the page keeps
        for tab in ("Overview", "Messages", "Tools", "Logs", "Agents"):
            page.get_by_role("tab", name=tab).click()
            before, began = busy(tools), time.monotonic()
            report(figures, f"{rate:,} changed rows a second, {tab}", page.evaluate(FRAMES, 3000), rest)
            share = (busy(tools) - before) / (time.monotonic() - began)
            figures.note(f"{rate:,} changed rows a second, {tab}, main thread", 100 * share, "% of a core")
        page.get_by_role("tab", name="Overview").click()
        before, began = heap(tools), time.monotonic()
        while time.monotonic() - began < seconds:
            page.evaluate(FRAMES, 1000)
        after = heap(tools)
        figures.note(f"heap after {seconds:.0f} s of it", after, "MB", before=before)
    finally:
        enough.set()
        pouring.join()
    many = [Record("tasks", f"task-{n}", {"title": f"Task {n}", "status": "pending"}) for n in range(100_000)]
    for start in range(0, len(many), 5000):
        server.put(*many[start : start + 5000])
    page.get_by_role("tab", name="Tasks").click()
    page.wait_for_function(
        """() => document.getElementById("agent-widget-page").shadowRoot.querySelector(".toolbar-end")
             ?.textContent.includes("100,000")""",
        timeout=60_000,
    )
    report(figures, "scrolling 100,000 rows", page.evaluate(SCROLL, 4000), rest)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="how long the heap is watched")
    parser.add_argument("--rate", type=int, default=5000, help="changed rows a second")
    options = options_of(parser)
    figures = Report("dashboard")
    program = chromium()
    if program is None:
        sys.exit(NO_BROWSER)
    with tempfile.TemporaryDirectory() as directory, hosted(Path(directory)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1000, "height": 640})
        page.goto(server.page_url)
        server.put(*rows(itertools.count(), 10))
        page.get_by_role("tab", name="Overview").wait_for()
        measure(page, server, page.context.new_cdp_session(page), options.seconds, options.rate, figures)
        browser.close()
    figures.save(options.json)


if __name__ == "__main__":
    main()
