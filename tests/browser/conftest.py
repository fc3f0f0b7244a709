"""One JupyterLab and one Chromium for all browser tests; each test opens notebooks of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Protocol

import pytest
from machine import NO_BROWSER, chromium
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.browser.lab import FLAGS, GALLERY, PANEL, Lab, Notebook
from tests.browser.workspace import Workspace
from tests.support.processes import end


class OpenNotebook(Protocol):
    """Open a new notebook with these cells."""

    def __call__(self, *cells: str) -> Notebook: ...


@pytest.fixture(scope="session")
def chrome() -> Iterator[BrowserContext]:
    """A headless Chromium. Without one the tests are skipped; under CI they fail."""
    program = chromium()
    if program is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser.new_context(viewport={"width": 1400, "height": 1000})
        browser.close()


@pytest.fixture(scope="session")
def lab(chrome: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield lab.start()
    finally:
        lab.stop()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """The test's own directory, under the directory that JupyterLab shows."""
    return re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))


@pytest.fixture(scope="session")
def page(chrome: BrowserContext) -> Page:
    """The page in which JupyterLab is open: to load it again for each test would cost half of the time."""
    page = chrome.new_page()
    page.add_init_script(PANEL)
    return page


@pytest.fixture
def notebook(lab: Lab, page: Page, place: str, request: pytest.FixtureRequest) -> Iterator[OpenNotebook]:
    """Opens notebooks in the test's own place; what is on the screen when it fails lands in ``tests/gallery``."""
    opened: list[Notebook] = []

    def open_notebook(*cells: str) -> Notebook:
        opened.append(Notebook(lab, page, f"{place}/notebook-{len(opened)}.ipynb", list(cells)))
        return opened[-1]

    yield open_notebook
    if request.node.stash.get(FAILED, True):
        GALLERY.mkdir(exist_ok=True)
        page.screenshot(path=GALLERY / f"failed-{place}.png")
        page.goto("about:blank")  # the next test begins with a fresh JupyterLab
    else:
        for one in opened:
            one.shut_down()


@pytest.fixture
def workspace(lab: Lab, place: str) -> Iterator[Workspace]:
    """A ``memory/`` beside the notebook in which a simulated team has worked for some minutes."""
    yield Workspace(lab.root / place / "memory")
    end(lab.servers())


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember that a test failed, for the fixture that takes the picture."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
