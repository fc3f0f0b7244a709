"""Projects: all worktrees of a repository are one, two repositories of one name are two, and every place has a name."""

from __future__ import annotations

import builtins
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent_widget.ingest import projects, repositories
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.repositories import repository_of
from tests.support.collecting import refresh
from tests.support.transcripts import iso, lines

pytestmark = pytest.mark.usefixtures("own_machine")


def git(directory: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *who, *arguments], cwd=directory, check=True, capture_output=True, env=environment)


def repository(directory: Path) -> Path:
    directory.mkdir(parents=True)
    git(directory, "init", "-q", "-b", "main")
    git(directory, "commit", "-q", "--allow-empty", "-m", "begin")
    return directory


class Machine:
    """A home of Claude Code, and sessions in directories."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sessions = 0
        self.collector: Collector | None = None

    def session(self, *directories: Path | str, name: str | None = None) -> str:
        """Write a session that goes from one directory to the next; return its id."""
        self.sessions += 1
        name = name or f"s{self.sessions}"
        told = [
            {"type": "user", "uuid": f"{name}-{n}", "sessionId": name, "timestamp": iso(f"10:{n:02}:00")}
            | {"cwd": str(directory), "message": {"role": "user", "content": "go"}}
            for n, directory in enumerate(directories)
        ]
        path = self.root / "projects" / f"-p{self.sessions}" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lines(*told))
        if self.collector is not None:
            refresh(self.collector, [path])
        return name

    def read(self, **options: Any) -> Collector:
        self.collector = Collector([self.root], **options)
        self.collector.scan()
        return self.collector

    def of(self, session: str) -> tuple[str | None, str | None]:
        """Return project and worktree of a session; its agent must have the same."""
        assert self.collector is not None
        row, agent = (self.collector.store.get(table, session) for table in ("sessions", "agents"))
        assert row is not None and agent is not None
        assert (row.project, row.worktree) == (agent.project, agent.worktree)
        return row.project, row.worktree

    def name(self, session: str) -> str | None:
        assert self.collector is not None
        row = self.collector.store.get("agents", session)
        return row and row.name


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / ".claude")


def test_all_worktrees_of_a_repository_are_one_project(machine: Machine, tmp_path: Path) -> None:
    shop = repository(tmp_path / "code" / "shop")
    for place in ("../elsewhere/blue", ".claude/worktrees/calm-fox", ".worktrees/feature/red", "../shop.worktrees/x"):
        git(shop, "worktree", "add", "-q", "--detach", place)
    (shop / "web" / "src").mkdir(parents=True)
    main, below = machine.session(shop), machine.session(shop / "web" / "src")
    blue = machine.session(tmp_path / "code" / "elsewhere" / "blue")
    fox, red = machine.session(shop / ".claude/worktrees/calm-fox"), machine.session(shop / ".worktrees/feature/red")
    beside = machine.session(tmp_path / "code" / "shop.worktrees" / "x")
    machine.read()
    assert machine.of(main) == machine.of(below) == ("shop", None)
    assert machine.of(blue) == ("shop", "blue")
    assert machine.of(fox) == ("shop", "calm-fox")
    assert machine.of(red) == ("shop", "feature/red")
    assert machine.of(beside) == ("shop", "x")


def test_a_worktree_that_a_program_keeps_elsewhere_is_of_the_repository(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``~/.codex/worktrees/ID/PROJECT``: git's name for it, ``shop1``, says nothing; the id tells it from others."""
    shop = repository(tmp_path / "code" / "shop")
    home = tmp_path / "home" / "ann"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for id in ("9ee2", "17ff"):
        git(shop, "worktree", "add", "-q", "--detach", str(home / ".codex" / "worktrees" / id / "shop"))
    (one, two) = (machine.session(home / ".codex" / "worktrees" / id / "shop") for id in ("9ee2", "17ff"))
    gone = machine.session(home / ".codex" / "worktrees" / "abcd" / "shop")
    machine.read()
    assert machine.of(one) == ("shop", "9ee2")
    assert machine.of(two) == ("shop", "17ff")
    assert machine.of(gone) == ("shop", "abcd")


def test_a_bare_repository_with_worktrees_is_what_holds_it(machine: Machine, tmp_path: Path) -> None:
    origin = repository(tmp_path / "origin")
    shop = tmp_path / "shop"
    git(tmp_path, "clone", "-q", "--bare", str(origin), str(shop / ".bare"))
    (shop / ".git").write_text("gitdir: ./.bare\n")
    git(shop / ".bare", "worktree", "add", "-q", str(shop / "main"), "main")
    git(tmp_path, "clone", "-q", "--bare", str(origin), str(tmp_path / "blog.git"))
    git(tmp_path / "blog.git", "worktree", "add", "-q", "--detach", str(tmp_path / "draft"))
    top, main, draft = machine.session(shop), machine.session(shop / "main"), machine.session(tmp_path / "draft")
    machine.read()
    assert (machine.of(top), machine.of(main)) == (("shop", None), ("shop", "main"))
    assert machine.of(draft) == ("blog", "draft")


def test_a_submodule_is_a_project_of_its_own(machine: Machine, tmp_path: Path) -> None:
    shop, paint = repository(tmp_path / "shop"), repository(tmp_path / "paint")
    git(shop, "submodule", "--quiet", "add", str(paint), "lib/paint")
    git(shop / "lib" / "paint", "worktree", "add", "-q", "--detach", str(tmp_path / "red"))
    inside, red = machine.session(shop / "lib" / "paint"), machine.session(tmp_path / "red")
    machine.read()
    assert (machine.of(inside), machine.of(red)) == (("paint", None), ("paint", "red"))


def test_a_worktree_whose_repository_has_gone_is_still_of_it(machine: Machine, tmp_path: Path) -> None:
    draft = tmp_path / "draft"
    draft.mkdir()
    (draft / ".git").write_text("gitdir: /nowhere/code/shop/.git/worktrees/draft\n")
    session = machine.session(draft)
    machine.read()
    assert machine.of(session) == ("shop", "draft")


def test_a_directory_that_has_gone_is_of_the_repository_around_it(machine: Machine, tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    old, fox = machine.session(shop / "packages" / "old"), machine.session(shop / ".claude" / "worktrees" / "calm-fox")
    machine.read()
    assert (machine.of(old), machine.of(fox)) == (("shop", None), ("shop", "calm-fox"))


def test_what_git_said_stays_when_the_worktree_is_removed(machine: Machine, tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    git(shop, "worktree", "add", "-q", "--detach", "../blue")
    session = machine.session(tmp_path / "blue")
    machine.read()
    git(shop, "worktree", "remove", "../blue")
    later = machine.session(tmp_path / "blue")
    assert machine.of(session) == machine.of(later) == ("shop", "blue")


def test_two_repositories_of_one_name_are_told_apart(machine: Machine) -> None:
    blog = machine.session("/home/ann/blog/api")
    machine.read()
    assert (machine.of(blog), machine.name(blog)) == (("api", None), "api")
    shop = machine.session("/home/ann/shop/api")
    assert (machine.of(blog)[0], machine.of(shop)[0]) == ("blog/api", "shop/api")
    assert (machine.name(blog), machine.name(shop)) == ("blog/api", "shop/api")
    old = machine.session("/home/ann/old/shop/api")
    assert [machine.of(one)[0] for one in (blog, shop, old)] == ["blog/api", "ann/shop/api", "old/shop/api"]
    again = machine.session("/home/ann/shop/api/.worktrees/x")
    assert machine.of(again) == ("ann/shop/api", "x")


def test_projects_are_called_the_same_in_whatever_order_they_are_read(tmp_path: Path) -> None:
    places = ["/a/shop/api", "/b/blog/api", "/c/shop/api", "/api", "D:\\shop\\api", "/mnt/d/shop/api", "/x/web"]
    found = []
    for turn, order in enumerate((places, places[::-1], sorted(places))):
        machine = Machine(tmp_path / str(turn))
        for place in order:
            machine.session(place, name=f"at-{places.index(place)}")
        machine.read()
        found.append([machine.of(f"at-{n}")[0] for n in range(len(places))])
    assert found[0] == found[1] == found[2]
    assert found[0] == ["a/shop/api", "blog/api", "c/shop/api", "/api", "D:/shop/api", "D:/shop/api", "web"]


def test_only_rows_of_the_project_are_written_when_it_is_renamed(machine: Machine) -> None:
    for _ in range(40):
        machine.session("/home/ann/web")
    blog = machine.session("/home/ann/blog/api")
    store = machine.read().store
    before = store.position
    machine.session("/home/ann/shop/api", name="new")
    changed = {row["id"] for rows in store.since(before, ["agents", "sessions"]).rows.values() for row in rows}
    assert changed == {blog, "new"}


def test_every_place_has_a_name(machine: Machine) -> None:
    sessions = [machine.session(place) for place in ("/", "C:\\", "/home/ann", "/root", "/x/прое кт")]
    machine.read()
    assert [machine.of(one)[0] for one in sessions] == ["/", "C:", "ann", "root", "прое кт"]
    assert [machine.name(one) for one in sessions] == ["/", "C:", "ann", "root", "прое кт"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of directories are text there")
def test_directories_whose_names_are_no_text_make_rows_that_can_be_sent(machine: Machine, tmp_path: Path) -> None:
    """What an agent says of them is text, but links and worktrees lead to any bytes, and so may the home be called."""
    shop = repository(tmp_path / "caf\udce9" / "shop\udce9")
    git(shop, "worktree", "add", "-q", "--detach", "../blue\udce9")
    for name, place in (("main", shop), ("blue", shop.parent / "blue\udce9")):
        (tmp_path / name).symlink_to(place)
    main, blue = machine.session(tmp_path / "main"), machine.session(tmp_path / "blue")
    machine.read()
    assert machine.of(main) == ("shop\ufffd", None)
    assert machine.of(blue) == ("shop\ufffd", "blue\ufffd")
    homes = [shutil.copytree(machine.root, place / "caf\udce9" / "home") for place in (tmp_path, Path.home())]
    collector = Collector([machine.root, *homes])
    collector.scan()
    for table in collector.store:
        assert msgspec.json.encode(collector.store.rows(table))
    assert len(collector.store.rows("sessions")) == 6


def test_a_session_stays_where_it_was_begun_while_its_shell_goes_to_and_fro(machine: Machine) -> None:
    session = machine.session("/w/shop", "/w/shop/web", "/w/blog")
    row = machine.read().store.get("sessions", session)
    assert row is not None and (row.project, row.directory) == ("shop", "/w/shop")


def test_a_session_goes_to_another_worktree_and_back(machine: Machine) -> None:
    there = machine.session("/w/shop", "/w/shop/web", "/w/shop/.claude/worktrees/fox/web")
    back = machine.session("/w/shop", "/w/shop/.claude/worktrees/fox", "/w/shop/web")
    store = machine.read().store
    assert (machine.of(there), machine.of(back)) == (("shop", "fox"), ("shop", None))
    found = [row and row.directory for row in (store.get("sessions", one) for one in (there, back))]
    assert found == ["/w/shop/.claude/worktrees/fox/web", "/w/shop"]


def test_a_secret_in_a_path_is_masked_and_the_projects_are_told_apart(machine: Machine) -> None:
    key = "ghp_" + "Zk3vT9qLx7Rm2Wn8Bc4Yd6Hf1Js5Gp0AaQeU"
    one, two = machine.session(f"/w/{key}/api"), machine.session("/w/shop/api")
    collector = machine.read()
    shown = [row["project"] for row in collector.store.rows("sessions")]
    assert key not in str(collector.store.snapshot(["agents", "sessions"]))
    assert machine.of(two)[0] == "shop/api"
    assert len(set(shown)) == 2 and machine.of(one)[0] != "api"


def test_the_archive_remembers_which_rows_bear_a_name(machine: Machine, tmp_path: Path) -> None:
    def archive(roots: list[Path]) -> Archive:
        return Archive.open(tmp_path / "archive.sqlite3")

    blog = machine.session("/home/ann/blog/api")
    machine.read(archive=archive).close()
    machine.read(archive=archive)
    shop = machine.session("/home/ann/shop/api")
    assert (machine.of(blog)[0], machine.of(shop)[0]) == ("blog/api", "shop/api")
    assert machine.collector is not None
    machine.collector.close()


# ---------------------------------------------------------------------------------------------------------------------
# What is looked at


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The directories that are looked at for a repository."""
    found: list[str] = []

    def noted(directory: str) -> repositories.Repository | None:
        found.append(directory)
        return repository_of(directory)

    monkeypatch.setattr(projects, "repository_of", noted)
    yield found


def test_a_directory_is_looked_at_once(machine: Machine, tmp_path: Path, looks: list[str]) -> None:
    shop = repository(tmp_path / "shop")
    for _ in range(20):
        machine.session(shop)
    machine.read()
    assert looks == [str(shop)]


def test_a_directory_that_becomes_a_repository_is_seen_after_a_while(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop" / "web").mkdir(parents=True)
    before = machine.session(tmp_path / "shop" / "web")
    machine.read()
    git(tmp_path / "shop", "init", "-q")
    assert machine.of(machine.session(tmp_path / "shop" / "web")) == machine.of(before) == ("web", None)
    monkeypatch.setattr(projects, "LOOK_AGAIN_AFTER", 0.0)
    assert machine.of(machine.session(tmp_path / "shop" / "web")) == ("shop", None)


@pytest.mark.parametrize(
    "directory",
    [
        "/net/evil/x",
        "/proc/1/cwd",
        "/dev/fd/3",
        "//evil/share/x",
        "\\\\evil\\share\\x",
        "C:\\x",
        "shop",
        "~/x",
        "",
        "\0",
    ],
)
def test_what_a_look_could_mount_or_ask_is_not_looked_at(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    with monkeypatch.context() as patched:
        for name in ("stat", "lstat", "readlink"):
            patched.setattr(os, name, lambda path, *_, **__: touched.append(str(path)))
        found = repository_of(directory)
    assert (found, touched) == (None, [])


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a file to somebody")
def test_a_repository_of_somebody_else_leads_nowhere(tmp_path: Path) -> None:
    shop = repository(tmp_path / "shop")
    assert repository_of(str(shop)) is not None
    os.chown(shop, 12345, 12345)
    assert repository_of(str(shop)) is None


@pytest.mark.parametrize(
    "pointer", [b"", b"gitdir:", b"nonsense", b"gitdir: a\nb", b"gitdir: \0", b"\xff" * 9, b"x" * 9000]
)
def test_a_damaged_git_file_is_no_repository(tmp_path: Path, pointer: bytes) -> None:
    (tmp_path / ".git").write_bytes(pointer)
    found = repository_of(str(tmp_path))
    assert found is None or found.worktree is None


def test_no_more_than_two_small_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = repository(tmp_path / "shop")
    git(shop, "worktree", "add", "-q", "--detach", "../blue")
    (tmp_path / "blue" / "deep").mkdir()
    opened: list[str] = []
    real = io.open

    def counted(file: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(str(file))
        return real(file, *arguments, **options)

    monkeypatch.setattr(builtins, "open", counted)
    found = repository_of(str(tmp_path / "blue" / "deep"))
    assert found == (str(shop), str(tmp_path / "blue"))
    assert opened == [str(tmp_path / "blue" / ".git"), str(shop / ".git" / "worktrees" / "blue" / "commondir")]
