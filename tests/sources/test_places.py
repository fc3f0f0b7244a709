"""Where agents' files are looked for: moved homes, several of them, and directories inside a project."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.sources import SOURCES
from tests.support import homes

MOVED = [
    # source, variable, its value, and where the home then is
    ("workspace", "AGENT_WIDGET_WORKSPACE", "{away}", "away"),
    ("workspace", "AGENT_WIDGET_WORKSPACE", f"~/none{os.pathsep}~/../away", "away"),
    ("claude", "CLAUDE_CONFIG_DIR", "{away}", "away"),
    ("claude", "CLAUDE_CONFIG_DIR", "~/none, {away}", "away"),
    ("claude", "XDG_CONFIG_HOME", "{away}", "away/claude"),
    ("codex", "CODEX_HOME", "{away}", "away"),
    ("codex", "CODEX_HOME", "~/codex", "home/codex"),
    ("copilot", "COPILOT_HOME", "{away}", "away"),
    ("copilot", "XDG_STATE_HOME", "{away}", "away/.copilot"),
    ("gemini", "GEMINI_CLI_HOME", "{away}", "away/.gemini"),
    ("kimi", "KIMI_SHARE_DIR", "{away}", "away"),
    ("opencode", "XDG_DATA_HOME", "{away}", "away/opencode"),
    ("opencode", "OPENCODE_DB", "{away}/opencode.db", "away"),
    ("pi", "PI_CODING_AGENT_DIR", "~/pi", "home/pi"),
    ("pi", "PI_CODING_AGENT_SESSION_DIR", "{away}/sessions", "away"),
    ("qwen", "QWEN_HOME", "{away}", "away"),
    ("qwen", "QWEN_RUNTIME_DIR", "{away}", "away"),
    ("beads", "BEADS_DIR", "{away}/.beads", "away"),
    ("taskmaster", "TASK_MASTER_PROJECT_ROOT", "{away}", "away"),
]


def put(root: Path, name: str) -> Path:
    """The files of one source, as they lie in its home."""
    for path, data in homes.WRITTEN[name][0]().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def read(*paths: Path) -> Collector:
    collector = Collector(paths)
    collector.scan()
    return collector


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any agent, and without the variables of this one."""
    for _, variable, *_ in MOVED:
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def test_every_source_can_be_moved() -> None:
    assert {name for name, *_ in MOVED} == {kind.name for kind in SOURCES}


@pytest.mark.parametrize(("name", "variable", "value", "place"), MOVED)
def test_a_moved_home_is_read(
    machine: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str, value: str, place: str
) -> None:
    put(machine / place, name)
    assert read().states() == []
    monkeypatch.setenv(variable, value.format(away=machine / "away"))
    collector = read()
    assert {state.name for state in collector.states()} == {name}
    assert sum(state.files for state in collector.states()) > 0
    assert any(len(list(collector.store.rows(table))) for table in ("sessions", "tasks"))


def test_of_two_homes_of_one_agent_each_keeps_its_rows(machine: Path) -> None:
    one, other = put(machine / "a" / ".claude", "claude"), put(machine / "b" / ".claude", "claude")
    collector = read(one, other)
    ids = {row.id for row in collector.store.rows("sessions")}
    alone = {row.id for row in read(one).store.rows("sessions")}
    assert ids == alone | {f"b2/{id}" for id in alone}
    named = {row.agent_id for row in collector.store.rows("sessions")}
    assert named <= {row.id for row in collector.store.rows("agents")}


def test_a_project_is_all_that_lies_in_it(machine: Path) -> None:
    project = put(put(machine / "orchard", "beads"), "taskmaster")
    (project / "memory").mkdir()
    (project / "memory" / "tasks.json").write_text(json.dumps({"tasks": [{"id": "t1", "title": "Dig"}]}))
    (project / "memory" / "working.md").write_text("# Now\n")
    (project / "src").mkdir()
    (project / "src" / "server.log").write_text("nobody's\n")
    collector = read(project)
    assert [(state.name, Path(state.path).name) for state in collector.states()] == [
        ("workspace", "memory"),
        ("beads", ".beads"),
        ("taskmaster", ".taskmaster"),
    ]
    assert {"t1", "or-1", "master/1"} < {row.id for row in collector.store.rows("tasks")}


@pytest.mark.parametrize(("name", "folder"), [("beads", ".beads"), ("taskmaster", ".taskmaster")])
def test_the_directory_itself_can_be_named(machine: Path, name: str, folder: str) -> None:
    root = put(machine / "orchard", name) / folder
    assert [(state.name, state.path) for state in read(root).states()] == [(name, str(root))]


def test_a_project_whose_list_is_still_to_be_written_is_watched(machine: Path) -> None:
    (machine / "orchard" / ".taskmaster").mkdir(parents=True)
    collector = read(machine / "orchard")
    put(machine / "orchard", "taskmaster")
    collector.scan()
    assert len(list(collector.store.rows("tasks"))) == 6
