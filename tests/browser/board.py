"""The dashboard as a person sees it, in a cell's output or on the page of its own."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from agent_widget.tables import VIEWS
from tests.browser.lab import GALLERY

TABS = tuple(view.capitalize() for view in VIEWS)


class Board:
    """One view of the dashboard. Found by role and name, as assistive technology finds it."""

    def __init__(self, where: Locator | Page) -> None:
        self.root = where.locator(".root")
        self.state = self.root.locator(".state strong")
        self.notice = self.root.locator(".notice")
        self.panel = self.root.get_by_role("tabpanel")
        self.grid = self.root.locator("[role=grid], [role=treegrid]")
        self.rows = self.grid.locator("[role=row]:has([role=gridcell])")
        self.count = self.root.locator(".toolbar-end .figures")
        self.details = self.root.get_by_role("complementary")

    def open(self, tab: str) -> None:
        """Choose a tab."""
        self.root.get_by_role("tab", name=tab, exact=True).click()
        expect(self.panel).to_have_attribute("aria-labelledby", f"aw-tab-{tab.lower()}")

    def total(self) -> int:
        """The number of rows the toolbar states: "1,048 tasks", or "12 of 1,048 tasks"."""
        stated = re.findall(r"[\d,]+", self.count.inner_text())
        return int(stated[-1].replace(",", ""))

    def search(self, text: str) -> None:
        """Type into the search field."""
        self.root.get_by_role("searchbox").fill(text)

    def screenshot(self, name: str) -> None:
        """Put this view, without what surrounds it, into ``tests/gallery``."""
        GALLERY.mkdir(exist_ok=True)
        self.root.screenshot(path=GALLERY / f"{name}.png")
