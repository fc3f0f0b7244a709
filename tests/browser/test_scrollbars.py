"""The page with scroll bars that take room, as most desktops have them; Playwright hides them unless told not to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from playwright.sync_api import BrowserContext, expect

from agent_widget import demo
from tests.browser.faults import faults, scroll_faults
from tests.browser.lab import FLAGS
from tests.browser.server import started
from tests.browser.test_gallery import VIEWS, Look, Shown, View

pytestmark = pytest.mark.slow

LOOKS = {"1000": Look(1000, 640), "420-dark": Look(420, 740, dark=True)}
OPENED = {"task": View("Tasks", "Table", opens="")}


@pytest.fixture
def shown(chrome: BrowserContext, tmp_path: Path) -> Iterator[Shown]:
    """The page of a team in a Chromium that shows its scroll bars."""
    assert chrome.browser is not None
    team = demo.Demo(tmp_path / "memory", seed=3)
    env = {**os.environ, "HOME": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    browser = chrome.browser.browser_type.launch(
        executable_path=machine.chromium(), args=list(FLAGS), ignore_default_args=["--hide-scrollbars"]
    )
    with started("serve", *map(str, team.roots), "--port", "0", env=env) as (_, address):
        page = browser.new_page()
        page.goto(address)
        shown = Shown(page)
        page.set_default_timeout(20_000)
        expect(shown.board.state).to_have_text("live")
        yield shown
    browser.close()


def test_scroll_bars_that_take_room_shift_and_cover_nothing(shown: Shown) -> None:
    found = []
    for look, size in LOOKS.items():
        shown.look(size)
        for name, view in (VIEWS | OPENED).items():
            shown.see(view)
            wrong = faults(shown.page) + scroll_faults(shown.page)
            if wrong or name in ("overview", "task"):  # the others are in the gallery, without bars
                shown.board.screenshot(f"bars-{name}-{look}")
            found += [(name, look, fault) for fault in wrong]
            shown.leave()
    assert found == [], "\n".join(map(str, found))
    assert shown.problems == []
