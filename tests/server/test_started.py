"""What a server has imported by the time its tables are complete: to import more takes longer than to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_widget.server import launch
from tests.support.homes import WRITTEN

STARTED = """
import sys
from agent_widget import cli
from agent_widget.server.app import Server

async def idle(self):
    print(*sys.modules)

Server.idle = idle
cli.main(["serve", "--port", "0", *sys.argv[1:]])
"""
"""Prints, in the last line, what is imported when clients are let in, and ends then."""

LATER = {
    "what programs that connect need": "agent_widget.client agent_widget.data agent_widget.notebook agent_widget.mcp",
    "what reads on request": "agent_widget.ondemand agent_widget.page agent_widget.server.methods",
    "what changes files": "agent_widget.writing",
    "other hosts": "agent_widget.following agent_widget.broker agent_widget.addresses nats",
    "other commands": "agent_widget.demo agent_widget.doctor webbrowser html",
    "words of other commands": "agent_widget.cli_changes agent_widget.statusline",
    "formats of others": " ".join(f"agent_widget.sources.{name}" for name in ("codex", "copilot", "opencode", "otlp")),
    "extras": "genai_prices aiohttp pandas pyarrow duckdb anywidget traitlets",
}


def modules(*arguments: str | Path) -> set[str]:
    """Run a server until its tables are complete; return the modules and packages that it has imported by then."""
    command = [sys.executable, "-c", STARTED, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return set(run.stdout.splitlines()[-1].split())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for path, data in WRITTEN["claude"][0]().items():
        file = tmp_path / "home" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, (1_767_200_000, 1_767_200_000))
    return tmp_path / "home"


def test_a_server_that_goes_on_from_its_archive_has_imported_what_it_needs(home: Path, own_machine: Path) -> None:
    assert "genai_prices" in modules(home), "the first start reads, and prices what it reads"
    imported = modules(home)
    assert {what: found for what, names in LATER.items() if (found := imported & set(names.split()))} == {}


WATCHING = """
import subprocess, sys
import agent_widget as aw

class Popen(subprocess.Popen):
    def __init__(self, *arguments, **options):
        print(*sys.modules)
        super().__init__(*arguments, **options)

subprocess.Popen = Popen
dashboard = aw.watch(sys.argv[1])
aw.serve(sys.argv[1]).stop()
"""
"""Prints what is imported when the server's process is started."""


def test_a_dashboard_is_loaded_while_its_server_starts(home: Path, own_machine: Path) -> None:
    run = subprocess.run([sys.executable, "-c", WATCHING, home], capture_output=True, text=True, check=True)
    later = {"agent_widget.notebook.widget", "agent_widget.client.client", "anywidget", "websockets"}
    later |= {"agent_widget.sources", "agent_widget.broker", "http.client"}
    assert not later & set(run.stdout.splitlines()[0].split())


def test_a_server_that_nobody_would_know_of_is_ended(home: Path, own_machine: Path) -> None:
    started: list[launch.subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(launch.subprocess, "Popen", Popen)
        launch.reuse_or_start([home], launch.Options(), interrupted)
    assert started[0].wait(10) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are UTF-8")
def test_a_server_is_started_and_found_for_a_path_that_is_not_utf_8(tmp_path: Path, own_machine: Path) -> None:
    place = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    os.mkdir(place)
    with launch.serve(place, idle_timeout=60) as server:
        assert launch.serve(place).pid == server.pid
