"""Order and common ground of all tests: the quick ones first, the browser last."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import psutil
import pytest

from tests.support.processes import lives

if TYPE_CHECKING:
    from agent_widget.client.client import Client
    from agent_widget.server.app import Server
    from tests.support.nats import NatsServer
    from tests.support.workspace_reading import Reading

ROOT = Path(__file__).resolve().parent.parent

hypothesis.settings.register_profile("no clock", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("no clock")


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


@pytest.fixture(scope="session")
def team() -> Reading:
    """The rows of a small team's workspace; only to be looked at."""
    from tests.support.workspace_reading import read
    from tests.support.workspace_team import TEAM

    return read(TEAM)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A broker that nobody kills; each test has a space of its own in it."""
    from tests.support.nats import nats_server

    with nats_server(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture
def own_machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home and a runtime directory of its own; nothing that was started may be left afterwards."""
    home = tmp_path_factory.mktemp("home")
    for name in (
        "HOME",
        "JUPYTER_RUNTIME_DIR",
        "JUPYTER_CONFIG_DIR",
        "JUPYTER_DATA_DIR",
        "CLAUDE_CONFIG_DIR",
        "XDG_STATE_HOME",
    ):
        (home / name.lower()).mkdir()
        monkeypatch.setenv(name, str(home / name.lower()))
    threads, children = set(threading.enumerate()), set(psutil.Process().children(recursive=True))
    yield home
    from agent_widget.client.client import open_clients

    for client in open_clients():
        client.close()
    deadline = time.monotonic() + 5
    left: list[object] = []
    while time.monotonic() < deadline:
        left = [thread for thread in set(threading.enumerate()) - threads if not thread.name.startswith("asyncio_")]
        left += filter(lives, set(psutil.Process().children(recursive=True)) - children)
        if not left:
            break
        time.sleep(0.02)
    for process in left:
        if isinstance(process, psutil.Process):
            process.kill()
    assert not left
    assert not list((home / "jupyter_runtime_dir").rglob("server-*"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A small workspace: two tasks, one message."""
    from tests.support.wire import say, write_tasks

    directory = tmp_path / "memory"
    directory.mkdir()
    write_tasks(directory, "first", "second")
    say(directory, 1)
    return directory


@pytest.fixture
def server(workspace: Path) -> Iterator[Server]:
    """A server of the small workspace, on a thread of this process."""
    from tests.support.wire import hosted

    with hosted(workspace) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client of that server, with the first answer complete."""
    import agent_widget as aw

    with contextlib.closing(aw.connect(server.url, server.token)) as client:
        yield client
