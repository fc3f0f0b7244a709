"""The command that goes on with a session: the right one for each agent, and harmless whatever was read."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ondemand.resume import resume_command
from agent_widget.sources import SOURCES
from agent_widget.sources.base import Source
from agent_widget.store import Store
from agent_widget.tables import Record

KINDS = {kind.name: kind for kind in SOURCES}
ID = "01a21de4-7c6b-7491-886e-4ec2b53e656e"

EXPECTED = {
    "claude": f"claude --resume {ID}",
    "codex": f"codex resume {ID}",
    "copilot": f"copilot --resume {ID}",
    "gemini": f"gemini --resume {ID}",
    "kimi": f"kimi --session {ID}",
    "kimi_code": f"kimi --session {ID}",
    "opencode": f"opencode -s {ID}",
    "pi": f"pi --session {{root}}/sessions/x/{ID}.jsonl",
    "qwen": f"qwen --resume {ID}",
}


def at_home(kind: type[Source], home: Path) -> Path:
    return kind.default_roots({}, home)[-1]


def store_of(source: Source, **fields: Any) -> Store:
    """A store with one session and its agent."""
    store = Store()
    row = {"agent_id": "a", "path": f"sessions/x/{ID}.jsonl", "directory": "/srv/shop", **fields}
    id = source.namespace + ID
    records = [Record("sessions", id, row), Record("agents", "a", {"session_id": id}), Record("agents", "b", {})]
    store.apply(records, {"source": source.name, "host": "here"})
    return store


@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_each_agent_has_its_command(kind: type[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    places = kind.default_roots({}, tmp_path)
    source = kind(places[-1] if places else tmp_path / "memory")
    expected = EXPECTED.get(kind.name)
    shown = expected and f"cd /srv/shop && {expected.format(root=source.root)}"
    for table, id in (("sessions", ID), ("agents", "a")):
        assert resume_command(store_of(source), [source], table, id) == shown
    assert resume_command(store_of(source), [source], "agents", "b") is None
    assert resume_command(store_of(source), [source], "agents", "nobody") is None


@pytest.mark.parametrize("name", EXPECTED)
def test_another_home_than_the_usual_one_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command, run with the variable that it sets, leads the source to the same place."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    kind = KINDS[name]
    below = {"opencode": "opencode", "gemini": ".gemini"}.get(name, "")
    root = tmp_path / "else where" / below
    source = kind(root, namespace="second/")
    line = resume_command(store_of(source), [kind(at_home(kind, tmp_path)), source], "sessions", f"second/{ID}")
    assert line is not None
    variable, _, _ = line.removeprefix("cd /srv/shop && ").partition("=")
    environment = {variable: str(tmp_path / "else where")}
    assert root in kind.default_roots(environment, tmp_path / "home")
    assert "'" in line  # the space is quoted


@pytest.mark.parametrize(
    "directory", ["/srv/it's", '/srv/"$HOME"', "/srv/a; touch /tmp/x", "/srv/$(id)", "/srv/`id`", "/srv/ümläut & co"]
)
def test_a_shell_goes_there_and_runs_nothing_else(
    directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    there = tmp_path / directory.lstrip("/")
    there.mkdir(parents=True)
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    source = KINDS["claude"](tmp_path / ".claude")
    line = resume_command(store_of(source, directory=str(there)), [source], "sessions", ID)
    assert line is not None
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines() == [str(there), "--resume", ID]
    assert done.stderr == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"directory": "/srv/\u202eshop"},
        {"directory": "/srv/shop\nrm -rf /"},
        {"directory": "/srv/[masked: GitHub token 1a2b]"},
        {"directory": "/srv/\x1b[2K"},
    ],
)
def test_what_cannot_be_seen_or_is_masked_is_no_command(
    fields: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = KINDS["claude"](tmp_path / ".claude")
    assert resume_command(store_of(source, **fields), [source], "sessions", ID) is None


def test_a_directory_of_another_system_or_none_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = KINDS["claude"](tmp_path / ".claude")
    for directory in (None, "C:\\src\\shop"):
        line = resume_command(store_of(source, directory=directory), [source], "sessions", ID)
        assert line == f"claude --resume {ID}"


def test_an_option_is_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = KINDS["codex"](tmp_path / ".codex")
    store = store_of(source)
    store.apply([Record("sessions", "--yolo", {})], {"source": "codex", "host": "here"})
    assert resume_command(store, [source], "sessions", "--yolo") is None


def test_a_subagent_leads_to_the_session_a_person_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source = KINDS["codex"](tmp_path / ".codex")
    store = store_of(source)
    child = Record("sessions", "child", {"parent_id": ID, "agent_id": "c"})
    store.apply([child, Record("agents", "c", {"session_id": "child"})], {"source": "codex", "host": "here"})
    assert resume_command(store, [source], "agents", "c") == f"cd /srv/shop && codex resume {ID}"
    circle = Record("sessions", ID, {"parent_id": "child"})
    store.apply([circle], {"source": "codex", "host": "here"})
    assert json.dumps(resume_command(store, [source], "agents", "c"))  # it ends
