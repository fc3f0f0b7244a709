"""The locks: who gets them, who waits, which are broken, and that none stays."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePosixPath

import pytest

from agent_widget.ingest.processes import domain, started
from agent_widget.sources.changes import Lock
from agent_widget.writing import locks as locks_module
from agent_widget.writing.locks import FOLDER_STALE, STALE, Locked, LockLost, held

NAME = PurePosixPath("tasks.json.lock")
FILE = (Lock(NAME),)
FOLDER = (Lock(NAME, "folder"),)


def iso(ago: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - ago))


def others_lock(directory: Path, ago: float, pid: int = 1, **more: object) -> Path:
    """A lock as another program makes it."""
    path = directory / NAME
    path.write_text(json.dumps({"owner_id": "somebody", "locked_at": iso(ago), "pid": pid, **more}))
    return path


def test_a_lock_says_who_holds_it_and_goes(tmp_path: Path) -> None:
    with held(tmp_path, FILE):
        says = json.loads((tmp_path / NAME).read_text())
        assert {"owner_id", "locked_at", "pid"} <= says.keys()
        assert says["pid"] == os.getpid()
        assert list(tmp_path.iterdir()) == [tmp_path / NAME]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("locks", [FILE, FOLDER])
def test_it_goes_when_the_work_fails(tmp_path: Path, locks: tuple[Lock, ...]) -> None:
    with pytest.raises(RuntimeError), held(tmp_path, locks):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("locks", [FILE, FOLDER])
def test_one_that_is_held_is_waited_for_and_then_refused(tmp_path: Path, locks: tuple[Lock, ...]) -> None:
    lock = others_lock(tmp_path, ago=STALE - 10)
    with pytest.raises(Locked, match=r"somebody \(pid 1\) since"), held(tmp_path, locks, patience=0.1):
        pass
    assert json.loads(lock.read_text())["owner_id"] == "somebody"


def test_a_fresh_one_of_a_process_that_is_not_here_counts(tmp_path: Path) -> None:
    """Another program may run on another machine, or in a container: only the rules' two minutes end its lock."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    others_lock(tmp_path, ago=5, pid=gone.pid)
    with pytest.raises(Locked), held(tmp_path, FILE, patience=0.1):
        pass


@pytest.mark.parametrize("content", [None, "", "no JSON", '["list"]', '{"locked_at": "yesterday"}'])
def test_a_lock_older_than_two_minutes_is_broken(tmp_path: Path, content: str | None) -> None:
    lock = others_lock(tmp_path, ago=STALE + 1)
    if content is not None:  # one that says nothing is as old as its file
        lock.write_text(content)
        os.utime(lock, (time.time() - STALE - 1,) * 2)
    with held(tmp_path, FILE, patience=0.1):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_stale_as_proper_lockfile_has_it(tmp_path: Path) -> None:
    lock = tmp_path / NAME
    lock.mkdir()
    with pytest.raises(Locked), held(tmp_path, FOLDER, patience=0.1):
        pass
    os.utime(lock, (time.time() - FOLDER_STALE - 1,) * 2)
    with held(tmp_path, FOLDER, patience=0.1):
        assert lock.is_dir()
    assert not lock.exists()


@pytest.mark.skipif(domain() is None, reason="machine and PID namespace are not known here")
def test_one_of_ours_is_broken_as_soon_as_its_process_is_dead(tmp_path: Path) -> None:
    """A killed server must not stop the next one for two minutes; drafts it left go too."""
    code = (
        "import os, sys; from pathlib import Path; from agent_widget.writing.locks import held;"
        "from agent_widget.sources.changes import Lock; from pathlib import PurePosixPath as P\n"
        "with held(Path(sys.argv[1]), (Lock(P('tasks.json.lock')),)): os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    lock = tmp_path / NAME
    dead = json.loads(lock.read_text())
    assert started(dead["pid"]) != dead["started"]
    draft = tmp_path / f"{NAME}.agent-widget-{dead['pid']}-0"
    draft.write_text("")
    os.utime(draft, (time.time() - 10,) * 2)
    with held(tmp_path, FILE, patience=0.1):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("elsewhere", [{"domain": "linux:other:pid:[1]"}, {"domain": None}, {"owner_id": "copied"}])
def test_a_lock_that_only_looks_like_ours_counts(tmp_path: Path, elsewhere: dict[str, object]) -> None:
    ours = {"owner_id": "agent-widget-1-0", "domain": domain(), "started": "never"}
    others_lock(tmp_path, ago=5, pid=2**22, **{**ours, **elsewhere})
    with pytest.raises(Locked), held(tmp_path, FILE, patience=0.1):
        pass


def test_a_lock_that_was_taken_away_is_noticed_and_the_other_one_stays(tmp_path: Path) -> None:
    with held(tmp_path, FILE) as locks:
        locks.check()
        lock = others_lock(tmp_path, ago=0)
        with pytest.raises(LockLost, match="nothing was written"):
            locks.check()
    assert json.loads(lock.read_text())["owner_id"] == "somebody"


def test_a_directory_that_was_taken_away_is_noticed_and_the_other_one_stays(tmp_path: Path) -> None:
    with held(tmp_path, FOLDER) as locks:
        locks.check()
        (tmp_path / NAME).rmdir()
        with pytest.raises(LockLost, match="nothing was written"):
            locks.check()
        (tmp_path / "in its place").mkdir()
        (tmp_path / "in its place").rename(tmp_path / NAME)
        with pytest.raises(LockLost, match="nothing was written"):
            locks.check()
    assert (tmp_path / NAME).is_dir()


@pytest.mark.parametrize("locks", [FILE, FOLDER])
def test_one_that_was_taken_since_it_was_found_stale_is_not_broken(
    tmp_path: Path, locks: tuple[Lock, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two find a stale lock; before the slower one removes it, the quicker one has made its own in its place."""
    path, really = tmp_path / NAME, locks_module._is_stale

    def meanwhile(path: Path) -> bool:
        monkeypatch.setattr(locks_module, "_is_stale", really)
        assert really(path)
        if locks is FILE:
            others_lock(tmp_path, ago=0)
        else:
            os.utime(path)
        return True

    others_lock(tmp_path, ago=STALE + 1) if locks is FILE else path.mkdir()
    os.utime(path, (time.time() - STALE - 1,) * 2)
    monkeypatch.setattr(locks_module, "_is_stale", meanwhile)
    with pytest.raises(Locked), held(tmp_path, locks, patience=0.2):
        pass
    assert path.exists()


def test_a_clock_that_is_ahead_makes_no_lock_for_ever(tmp_path: Path) -> None:
    lock = others_lock(tmp_path, ago=-86_400)
    with pytest.raises(Locked), held(tmp_path, FILE, patience=0.1):
        pass
    os.utime(lock, (time.time() - STALE - 1,) * 2)
    with held(tmp_path, FILE, patience=0.1) as locks:
        locks.check()


def test_a_full_disk_leaves_no_lock_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", no_links)
    with held(tmp_path, FILE):
        assert (tmp_path / NAME).exists()
    really = os.fdopen

    def opened(descriptor: int, *how: str) -> object:
        if (tmp_path / NAME).exists():
            full()
        return really(descriptor, *how)

    monkeypatch.setattr(os, "fdopen", opened)
    with pytest.raises(OSError, match="No space"), held(tmp_path, FILE):
        pass
    assert list(tmp_path.iterdir()) == []


def test_only_one_holds_it_at_a_time_also_while_stale_ones_are_broken(tmp_path: Path) -> None:
    others_lock(tmp_path, ago=STALE + 1)
    inside, most = [], []

    def work() -> None:
        for _ in range(5):
            with held(tmp_path, FILE, patience=60):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(most) == 30
    assert max(most) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_has_the_name_of_a_lock_holds_nobody_up(tmp_path: Path) -> None:
    """A FIFO is not waited for and a link not followed; it counts as a lock that says nothing."""
    outside = tmp_path / "outside.json"
    outside.write_text('{"owner_id": "agent-widget-1-0", "locked_at": "2020-01-01T00:00:00Z"}')
    root = tmp_path / "memory"
    root.mkdir()
    for make in (lambda: os.mkfifo(root / NAME), lambda: (root / NAME).symlink_to(outside)):
        make()
        with pytest.raises(Locked), held(root, FILE, patience=0.1):
            pass
        (root / NAME).unlink()
    assert outside.exists()


@pytest.mark.parametrize("locks", [FILE, FOLDER])
def test_a_stale_one_that_cannot_be_removed_is_an_error_in_time(tmp_path: Path, locks: tuple[Lock, ...]) -> None:
    lock = tmp_path / NAME
    (lock / "something").mkdir(parents=True)
    os.utime(lock, (time.time() - STALE - 1,) * 2)
    with pytest.raises(Locked), held(tmp_path, locks, patience=0.1):
        pass
    assert (lock / "something").is_dir()


def test_a_stale_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    root = tmp_path / "memory"
    root.mkdir()
    (root / NAME).symlink_to(outside)
    os.utime(root / NAME, (time.time() - STALE - 1,) * 2, follow_symlinks=False)
    with held(root, FILE, patience=0.1):
        pass
    assert outside.read_text() == "theirs"
    assert list(root.iterdir()) == []
