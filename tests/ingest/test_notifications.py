"""Where notifications fail, the watcher checks, is in step within seconds, and says why and what helps.

The limits of inotify are set for a user namespace of its own (``/proc/sys/user``; those in ``/proc/sys/fs/inotify`` are
the whole machine's and are never written), so that nothing else is touched.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver

from agent_widget.ingest import notifications as notifying
from agent_widget.ingest import watcher as watching
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.notifications import Notifications, file_system
from agent_widget.ingest.watcher import Watcher

SCENE = """
import json, os, sys, time
from pathlib import Path
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.watcher import Watcher
root, limits = Path(sys.argv[1]), json.loads(sys.argv[2])
if Path("/proc/self/uid_map").read_text().split()[2] == "4294967295":
    sys.exit("unshare: this is the machine itself")
for name, value in limits.items():
    Path("/proc/sys/user", name).write_text(str(value))
collector = Collector([root])
watcher = Watcher(collector)
watcher.start()
assert watcher.wait(20)
made = time.monotonic()
line = {"type": "user", "timestamp": "2026-01-01T11:00:00Z", "message": {"role": "user", "content": "hi"}}
for number in range(1, 4):
    below = root / "projects" / f"p{number}"
    below.mkdir()
    entry = {**line, "sessionId": f"s{number}", "uuid": f"u{number}"}
    (below / f"s{number}.jsonl").write_text(json.dumps(entry) + "\\n")
while collector.store.count("sessions") < 3:
    assert time.monotonic() - made < 20
    time.sleep(0.01)
while watcher.sources.sources[0].degraded is None and time.monotonic() - made < 20:
    time.sleep(0.01)
print(json.dumps(watcher.sources.sources[0].degraded))
watcher.stop()
"""


def limited(root: Path, **limits: int) -> str | None:
    """Watch a root where inotify has these limits until new files are found; return what is said."""
    command = ["unshare", "-Ur", sys.executable, "-c", SCENE, str(root), json.dumps(limits)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if "unshare" in done.stderr or "Read-only file system" in done.stderr or "PermissionError" in done.stderr:
        pytest.skip("no user namespace with limits of its own here")
    assert done.returncode == 0, done.stderr
    said: str | None = json.loads(done.stdout)
    return said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "memory"
    (root / "reports").mkdir(parents=True)
    (root / "tasks.json").write_text('{"tasks": [{"id": "t1", "title": "One", "status": "pending"}]}')
    return root


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of Claude Code, with three directories."""
    project = tmp_path / "home" / "projects" / "p0"
    project.mkdir(parents=True)
    (project / "s0.jsonl").write_text("{}\n")
    return tmp_path / "home"


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_at_the_limit_of_watches_files_are_found_by_checking_and_the_cure_is_said(home: Path) -> None:
    said = limited(home, max_inotify_watches=3)
    assert said is not None
    assert "without notifications" in said
    assert "sudo sysctl fs.inotify.max_user_watches=" in said


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_with_no_inotify_instance_left_files_are_found_by_checking(home: Path) -> None:
    said = limited(home, max_inotify_instances=0)
    assert said is not None
    assert "sudo sysctl fs.inotify.max_user_instances=" in said


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_with_no_watch_at_all_files_are_found_by_checking(home: Path) -> None:
    said = limited(home, max_inotify_watches=0)
    assert said is not None
    assert "sudo sysctl fs.inotify.max_user_watches=" in said


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
@pytest.mark.parametrize(("allowed", "kept"), [(2, False), (3, True)])
def test_a_root_that_would_take_nearly_all_watches_of_the_user_takes_none(
    root: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, kept: bool
) -> None:
    """``/`` or a home took those of every other program. The root of this test has two directories."""
    monkeypatch.setattr(notifying, "_limit", lambda setting: allowed)
    notifications = Notifications(lambda: [root], lambda path: None)
    notifications.start()
    try:
        for _ in range(2):  # it is not tried again at once
            notifications.refresh()
            notifications.compare([str(root / "reports")])
        assert (root in notifications.watches) is kept
        said = notifications.degraded(root)
        assert said is None if kept else said and "watch a directory further down" in said
    finally:
        notifications.stop()


def test_what_watchdog_says_of_an_overflow_leads_to_a_check_of_everything(
    root: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[[Callable[[], object]], None]
) -> None:
    monkeypatch.setattr(watching, "HOT_CHECK", 0.02)
    monkeypatch.setattr(watching, "ROOT_CHECK", 0.02)
    monkeypatch.setattr(watching, "TREE_CHECK", 10_000.0)
    monkeypatch.setattr(Watcher, "_note", lambda self, path: None)  # lost
    monkeypatch.setattr(watching, "SOURCES_PACE", 0.02)
    monkeypatch.setattr(notifying, "OVERFLOW_FOR", 2.0)
    collector = Collector([root])
    watcher = Watcher(collector)
    watcher.start()
    try:
        assert watcher.wait(15)
        (root / "reports" / "report.md").write_text("# A report\n")
        logging.getLogger("watchdog.observers.inotify_c").warning("Inotify queue overflowed; events were lost")
        until(lambda: collector.store.get("memory", "reports/report.md"))
        until(lambda: watcher.sources.sources[0].degraded)
        assert "more changed at once" in (watcher.sources.sources[0].degraded or "")
        until(lambda: watcher.sources.sources[0].degraded is None)
    finally:
        watcher.stop()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    from tests.ingest.test_watcher import until

    return until


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
40 22 0:40 / /home/ann rw,relatime shared:20 - nfs4 server:/home rw
41 40 0:41 / /home/ann/local\\040disk rw - xfs /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/x", "ext4"),
        ("/home/ann/.claude", "nfs4"),
        ("/home/ann/local disk/x", "xfs"),
        ("/home/annabel", "ext4"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_its_longest_mount_point(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    assert file_system(Path(path), tmp_path / "mountinfo") == kind
    assert file_system(Path(path), tmp_path / "missing") is None


def test_on_a_file_system_of_another_machine_everything_is_checked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "file_system", lambda path: "nfs4")
    notifications = Notifications(lambda: [root], lambda path: None)
    try:
        notifications.refresh()
        said = notifications.degraded(root)
        assert said is not None and said.startswith("on nfs4 no notification comes of what another machine writes")
    finally:
        notifications.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_who_waits_for_the_alarm_reads_the_notifications_and_no_thread_passes_a_write_on(root: Path) -> None:
    passed_on: list[str] = []
    notifications = Notifications(lambda: [root], passed_on.append)

    def written(path: Path) -> list[str]:
        deadline, paths = time.monotonic() + 15, []
        while str(path) not in paths and time.monotonic() < deadline:
            notifications.alarm.wait(1)
            paths += notifications.take()
        return paths

    notifications.start()
    notifications.refresh()
    try:
        with (root / "tasks.json").open("a") as file:
            for _ in range(3):
                file.write(" ")
                file.flush()
        assert written(root / "tasks.json") == [str(root / "tasks.json")], "three that nobody has looked at yet are one"
        assert not passed_on
        (root / "new").mkdir()
        notifications.take()  # it is watched from now on
        (root / "new").rename(root / "moved")
        notifications.take()
        (root / "moved" / "report.md").write_text("# A report\n")
        assert str(root / "moved" / "report.md") in written(root / "moved" / "report.md")
        notifications.alarm.set()
        notifications.alarm.wait(60)  # it does not wait
    finally:
        notifications.stop()
    assert not any(isinstance(thread, BaseObserver) for thread in threading.enumerate()), "it still ends"


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_the_reader_is_not_woken_once_more_by_the_write_that_woke_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, until: Callable[[Callable[[], object]], None]
) -> None:
    from agent_widget.ingest import inotify

    (root / "message-bus.jsonl").touch()
    woken: list[None] = []
    collector = Collector([root])
    watcher = Watcher(collector)
    watcher.start()
    try:
        assert watcher.wait(15)
        monkeypatch.setattr(inotify.Alarm, "set", lambda alarm: woken.append(None))
        with (root / "message-bus.jsonl").open("a") as file:
            file.write(json.dumps({"message_id": "m", "from_agent": "a", "type": "direct", "payload": "hello"}) + "\n")
        until(lambda: collector.store.get("messages", "m"))
        assert not woken
    finally:
        monkeypatch.undo()
        watcher.stop()


def test_where_watchdogs_threads_note_what_is_written_one_thread_does(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    until: Callable[[Callable[[], object]], None],
) -> None:
    if sys.platform == "linux":
        from agent_widget.ingest import inotify  # there is none on other systems

        monkeypatch.setattr(inotify, "_NEEDED", {"_renamed"})
    noted: list[tuple[str, bool]] = []

    def note(path: str) -> None:
        noted.append((path, isinstance(threading.current_thread(), BaseObserver)))

    notifications = Notifications(lambda: [root], note)
    notifications.start()
    notifications.refresh()
    try:
        (root / "message-bus.jsonl").write_text("{}\n")
        until(lambda: noted)
    finally:
        notifications.stop()
    assert set(noted) == {(str(root / "message-bus.jsonl"), False)}, "not that of the observer, too"
    assert notifications.degraded(root) is None
    assert ("made in another way" in caplog.text) == (sys.platform == "linux")
    assert not any(isinstance(thread, BaseObserver) for thread in threading.enumerate()), "it still ends"


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
def test_a_watcher_that_has_stopped_holds_no_descriptor(root: Path) -> None:
    """Not even while its objects stay: what is there after the first reading is frozen, and is never garbage."""

    def opened() -> set[str]:
        return {f"{number} {os.readlink(f'/proc/self/fd/{number}')}" for number in numbers()}

    def numbers() -> list[str]:
        return [name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]

    before = opened()
    watcher = Watcher(Collector([root]), lambda: None)
    watcher.start()
    assert watcher.wait(15)
    assert opened() > before
    watcher.stop()
    watcher.publish()
    assert opened() <= before
