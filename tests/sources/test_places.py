"""Where agents' files are looked for: moved homes, several of them, and directories inside a project."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.sources import SOURCES, Source
from agent_widget.sources.patterns import fits
from tests.support import homes

MOVED = [
    # source, variable, its value, and where the home then is
    *(
        (kind.name, variable, "{away}", f"away/{below}" if below else "away")
        for kind in SOURCES
        for variable, _, below in (place.partition("/") for place in kind.moved_by)
        if kind.folder is None
    ),
    ("beads", "BEADS_DIR", "{away}/.beads", "away"),
    ("taskmaster", "TASK_MASTER_PROJECT_ROOT", "{away}", "away"),
    ("workspace", "AGENT_WIDGET_WORKSPACE", "{away}", "away"),
    ("workspace", "AGENT_WIDGET_WORKSPACE", f"~/none{os.pathsep}~/../away", "away"),
    ("claude", "CLAUDE_CONFIG_DIR", "{away}", "away"),
    ("claude", "CLAUDE_CONFIG_DIR", "~/none, {away}", "away"),
    ("claude", "XDG_CONFIG_HOME", "{away}", "away/claude"),
    ("codex", "CODEX_HOME", "~/codex", "home/codex"),
    ("copilot", "XDG_STATE_HOME", "{away}", "away/.copilot"),
    ("opencode", "XDG_DATA_HOME", "{away}", "away/opencode"),
    ("opencode", "OPENCODE_DB", "{away}/opencode.db", "away"),
    ("pi", "PI_CODING_AGENT_SESSION_DIR", "{away}/sessions", "away"),
]

KINDS = {kind.name: kind for kind in SOURCES}
IN_PROJECTS = tuple(KINDS[name] for name in ("atif", "beads", "inspect_ai", "taskmaster"))
"""Sources whose written homes are those of a project."""
SESSION = "5e551011-0000-4000-8000-000000000001"
LEFT_ALONE = {
    "claude": (
        ".credentials.json settings.json projects/p/.credentials.json projects/p/s/tool-results/x.jsonl "
        "projects/p/s/subagents/workflows/wf_1/journal.jsonl paste-cache/1.md shell-snapshots/x.sh stats-cache.json"
    ),
    "codex": "auth.json config.toml log/codex-tui.log sessions/notes.jsonl rollout-1.jsonl",
    "opencode": "auth.json log/a.log storage/session_diff/a.json storage/message/s/x/y.json",
    "copilot": "config.json session-state/s1/checkpoints/index.md logs/events.jsonl a/b/events.jsonl",
    "gemini": "settings.json tmp/orchard/logs.json tmp/x/chats/session-x.jsonl.unreadable-17 a/tmp/x/chats/y/z.jsonl",
    "kimi": "sessions/h/s/context.jsonl credentials/kimi-code.json sessions/h/s/uploads/a/wire.jsonl",
    "kimi_code": "credentials/x.json session_index.jsonl sessions/wd_x/s/notify/state.json sessions/wd_x/s/agents/main",
    "pi": "auth.json logs/x.jsonl sessions/--a--/notes.md",
    "qwen": "projects/x/memory.jsonl projects/x/y/chats/z.jsonl",
    "beads": "config.yaml",
    "taskmaster": "config.json tasks/task_001.txt",
}
"""Source → files that are not read: not its own, or nothing for others to see."""

NOT_OPENED = {
    "claude": "file-history projects/p/s/tool-results",
    "codex": "log memories/skills",
    "copilot": "logs session-state/s1/files",
    "opencode": "log snapshot storage/session_diff",
    "gemini": f"history tmp/orchard/shell-history tmp/orchard/{SESSION}/plans",
    "kimi": "credentials sessions/h/s/uploads",
    "kimi_code": "credentials user-history sessions/wd_x/s/tasks",
    "pi": "bin",
    "qwen": "tmp projects/x/memory",
    "beads": "embeddeddolt",
    "taskmaster": "reports",
}
"""Source → directories that are not looked into."""

NOT_ENOUGH = {
    "claude": "projects",
    "codex": "sessions",
    "gemini": "tmp",
    "kimi": "sessions/x/y",
    "opencode": "storage",
    "kimi_code": "sessions/x/session_y",
    "pi": "sessions/2026",
    "qwen": "projects/x",
}
"""Source → a directory that other programs may have too."""

every_source = pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)


def put(root: Path, name: str) -> Path:
    """The files of one source, as they lie in its home."""
    for path, data in homes.WRITTEN[name][0]().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def examples(pattern: str) -> Iterator[str]:
    """Paths that a pattern is meant for."""
    named = re.sub(r"\[(.).*?\]", r"\1", pattern).replace("?", "a")
    for directories in ("", "x/y/") if "**/" in named else ("",):
        yield named.replace("**/", directories).replace("*", "x")


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


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("talks/a.jsonl", "talks/*.jsonl", True),
        ("x/talks/a.jsonl", "talks/*.jsonl", False),
        ("talks/x/a.jsonl", "talks/*.jsonl", False),
        ("talks/a.jsonl", "talks/**/*.jsonl", True),
        ("talks/x/y/a.jsonl", "talks/**/*.jsonl", True),
        ("x/talks/a.jsonl", "talks/**/*.jsonl", False),
    ],
)
def test_a_pattern_fits_part_by_part_from_the_root(path: str, pattern: str, expected: bool) -> None:
    assert fits(PurePosixPath(path), pattern) == expected


@every_source
def test_without_variables_a_home_is_where_its_source_declares(kind: type[Source]) -> None:
    eva = Path("/home/eva")
    roots = kind.default_roots({}, eva)
    assert roots == ([eva / kind.home] if kind.home else roots)
    assert all(root.is_relative_to(eva) for root in roots)


def test_a_database_in_memory_is_no_place() -> None:
    data = Path("/home/eva/.local/share/opencode")
    assert KINDS["opencode"].default_roots({"OPENCODE_DB": ":memory:"}, Path("/home/eva")) == [data]


@every_source
def test_a_home_is_recognised_by_any_of_its_signs(kind: type[Source], tmp_path: Path) -> None:
    assert not kind.recognises(tmp_path)
    assert kind.recognises(put(tmp_path / "written", kind.name) / (kind.folder if kind in IN_PROJECTS else ""))
    for number, sign in enumerate(kind.known_by):
        made = re.sub(r"\[(.).*?\]", r"\1", sign).replace("*", "x")
        (tmp_path / str(number) / made).mkdir(parents=True)
        assert kind.recognises(tmp_path / str(number))


@pytest.mark.parametrize(("name", "path"), NOT_ENOUGH.items())
def test_a_directory_that_others_have_too_is_no_sign(machine: Path, name: str, path: str) -> None:
    (machine / "other" / path).mkdir(parents=True)
    assert not KINDS[name].recognises(machine / "other")


@every_source
def test_the_files_of_a_home_are_read_and_others_left_alone(kind: type[Source]) -> None:
    source = kind(Path("/home"))
    ours = [PurePosixPath(path) for pattern in kind.files for path in examples(pattern)]
    assert all(source.reader(path) is not None for path in ours)
    assert not any(source.skips(above) for path in ours for above in path.parents if above.parts)
    assert [path for path in LEFT_ALONE.get(kind.name, "").split() if source.reader(PurePosixPath(path))] == []
    assert all(source.skips(PurePosixPath(path)) for path in NOT_OPENED.get(kind.name, "").split())


@pytest.mark.parametrize(("name", "variable", "value", "place"), MOVED)
def test_a_moved_home_is_read(
    machine: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str, value: str, place: str
) -> None:
    put(machine / place, name)
    assert {state.state for state in read().states()} == {"missing"}  # the places that were looked at
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
