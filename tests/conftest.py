"""Order and common ground of all tests: the quick ones first, the browser last."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lives in ``browser/``, and run cheap tests before dear ones.

    The browser has to come last for another reason too: Playwright keeps an event loop running in the main
    thread for as long as it lives, and nothing else may start one there.
    """
    for item in items:
        if "browser" in item.path.relative_to(ROOT).parts:
            item.add_marker("browser")
    items.sort(key=lambda item: ("browser" in item.keywords) * 2 + ("slow" in item.keywords))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT
