"""Reading that never stands still: what fails is tried again, what is large waits its turn, nothing is walked twice."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_widget.ingest import archive_file, saving, tail
from agent_widget.ingest import collector as collecting
from agent_widget.ingest import file as reading
from agent_widget.ingest import watcher as watching
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.tail import Tail
from agent_widget.ingest.watcher import Watcher
from agent_widget.ondemand.transcript import NoTranscript
from agent_widget.sources.parsing import Malformed, parse_json, parse_object
from agent_widget.sources.zstd import MAX_RATIO
from tests.support.collecting import lookup, refresh

NOON = 1_767_268_800_000


def message(number: int, text: str = "hello") -> str:
    entry = {"message_id": f"m{number}", "from_agent": f"agent-{number % 3}", "timestamp": "2026-01-01T12:00:00.000Z"}
    return json.dumps({**entry, "type": "direct", "to_agent": "agent-0", "payload": {"text": text}}) + "\n"


def tasks(**statuses: str) -> str:
    return json.dumps({"tasks": [{"id": id, "title": f"Task {id}", "status": word} for id, word in statuses.items()]})


def aged(path: Path, seconds: float = 3600) -> None:
    """Let a file or directory look as if it had not been written for a while."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "memory"
    root.mkdir()
    (root / "message-bus.jsonl").write_text(message(1))
    (root / "tasks.json").write_text(tasks(t1="pending"))
    return root


def collector_of(*roots: Path, archive: Path | None = None) -> Collector:
    opener = None if archive is None else lambda _: Archive.open(archive)
    return Collector(roots, clock=lambda: NOON, host="here", archive=opener)


def problems(collector: Collector) -> list[str]:
    return collector.states()[0].problems


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    shown = SimpleNamespace(monotonic=lambda: clock.now, time=time.time, time_ns=time.time_ns)
    monkeypatch.setattr(reading, "time", shown)
    monkeypatch.setattr(collecting, "time", shown)
    return clock


class Work:
    """What is asked of the file system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        self._wrap(monkeypatch, os, "stat")
        self._wrap(monkeypatch, os, "lstat")
        self._wrap(monkeypatch, os, "scandir")
        self._wrap(monkeypatch, tail, "open_regular")
        self._wrap(monkeypatch, Tail, "_split")
        self._wrap(monkeypatch, reading, "read_document")

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(place, name)

        def counted(*args: Any, **options: Any) -> Any:
            self.counts[name] += 1
            return original(*args, **options)

        monkeypatch.setattr(place, name, counted)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    with monkeypatch.context() as patched:
        yield Work(patched)


# ---------------------------------------------------------------------------------------------------------------------
# What cannot be read is tried again


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of files and directories that cannot be opened; as root no permission does that."""
    names: set[str] = set()
    opened, listed = os.open, os.scandir

    def open_(path: Any, *args: Any, **options: Any) -> int:
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)

    def scandir(path: Any) -> Any:
        if Path(path).name in names:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "scandir", scandir)
    return names


def test_a_file_that_cannot_be_read_is_tried_again_with_growing_pauses(
    root: Path, refused: set[str], clock: Clock, work: Work
) -> None:
    refused.add("message-bus.jsonl")
    collector = collector_of(root)
    collector.scan()
    assert problems(collector) == [f"{root}/message-bus.jsonl: Permission denied"]
    pauses = []
    for _ in range(8):
        begun, before = clock.now, work.counts["open_regular"]
        while work.counts["open_regular"] == before:
            clock.pass_(1)
            collector.retry()
            collector.read_on()
        pauses.append(clock.now - begun)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    refused.clear()
    clock.pass_(60)
    collector.retry()
    collector.read_on()
    assert collector.store.get("messages", "m1") is not None
    assert problems(collector) == []
    assert collector.retry_at == float("inf")


def test_what_could_not_be_read_is_read_at_once_when_it_is_written(root: Path, refused: set[str], clock: Clock) -> None:
    refused.add("message-bus.jsonl")
    collector = collector_of(root)
    collector.scan()
    refused.clear()
    with (root / "message-bus.jsonl").open("a") as file:
        file.write(message(2))
    refresh(collector, [root / "message-bus.jsonl"])
    assert {row["id"] for row in collector.store.rows("messages")} == {"m1", "m2"}


def test_what_could_not_be_read_before_a_restart_is_read_after_it(
    root: Path, refused: set[str], tmp_path: Path, own_machine: Path
) -> None:
    refused.add("message-bus.jsonl")
    first = collector_of(root, archive=tmp_path / "a.sqlite3")
    first.scan()
    first.close()
    refused.clear()
    second = collector_of(root, archive=tmp_path / "a.sqlite3")
    second.scan()
    assert second.store.get("messages", "m1") is not None
    second.close()


def test_a_directory_that_cannot_be_listed_is_said_and_listed_again(root: Path, refused: set[str]) -> None:
    (root / "reports").mkdir()
    (root / "reports" / "report.md").write_text("# A report\n")
    refused.add("reports")
    collector = collector_of(root)
    collector.scan()
    assert problems(collector) == [f"{root}/reports: cannot be read: Permission denied"]
    refused.clear()
    collector.scan()
    assert collector.store.get("memory", "reports/report.md") is not None
    assert problems(collector) == []


# ---------------------------------------------------------------------------------------------------------------------
# No file holds up another


def test_a_torn_document_is_read_once_more_and_then_only_when_it_changes(root: Path, clock: Clock, work: Work) -> None:
    (root / "tasks.json").write_text(tasks(t1="failed")[:30])
    aged(root / "tasks.json", 60)
    collector = collector_of(root)
    collector.scan()
    assert "not readable as .json" in problems(collector)[0]
    before = work.counts["read_document"]
    for _ in range(100):
        clock.pass_(2)
        collector.retry()
        collector.look(collector.stale(within=300))
        collector.look()
        collector.read_on()
    assert work.counts["read_document"] == before + 1
    (root / "tasks.json").write_text(tasks(t1="failed"))
    collector.look()
    collector.read_on()
    assert [row["status"] for row in collector.store.rows("tasks")] == ["failed"]
    assert problems(collector) == []


def test_a_document_that_ends_too_early_is_not_given_to_the_patient_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent_widget.sources.parsing.json.loads", lambda text: pytest.fail("it takes its time"))
    with pytest.raises(Malformed, match="ends too early"):
        parse_object(b'{"a": [1, 2, {"b": "c"')


def test_the_patient_decoder_still_takes_what_only_it_can() -> None:
    assert parse_json(b'{"a": "caf\xe9"}') == {"a": "caf\ufffd"}


def test_a_document_over_the_bound_is_set_aside_with_a_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MAX_DOCUMENT", 1 << 20)
    (root / "tasks.json").write_text(tasks(t1="pending") + " " * (1 << 20))
    collector = collector_of(root)
    collector.scan()
    assert problems(collector) == [f"{root}/tasks.json: larger than 1 MiB"]
    assert collector.store.get("messages", "m1") is not None


def rollouts(tmp_path: Path, data: bytes) -> Path:
    home = tmp_path / ".codex" / "sessions" / "2026" / "01" / "01"
    home.mkdir(parents=True)
    name = "rollout-2026-01-01T12-00-00-01234567-89ab-cdef-0123-456789abcdef.jsonl.zst"
    (home / name).write_bytes(data)
    return tmp_path / ".codex"


def test_a_small_file_that_unpacks_to_much_is_set_aside(tmp_path: Path) -> None:
    zstd = pytest.importorskip("backports.zstd")
    home = rollouts(tmp_path, zstd.compress(b"\n" * (64 << 20)))
    collector = collector_of(home)
    collector.scan()
    assert f"unpacks to more than {MAX_RATIO} times its size" in problems(collector)[0]


def test_unpacking_gives_others_their_turn(tmp_path: Path, root: Path) -> None:
    zstd = pytest.importorskip("backports.zstd")
    noise = "".join(json.dumps({"type": "x", "text": os.urandom(500).hex()}) + "\n" for _ in range(4000))
    home = rollouts(tmp_path, zstd.compress(noise.encode()))
    collector = collector_of(home, root)
    collector.look([next(home.rglob("*.zst"))])
    portions = 0
    while not collector.read_on(lambda: True):
        portions += 1
        if portions == 3:
            (root / "message-bus.jsonl").write_text(message(2))
            collector.look([root / "message-bus.jsonl"])
            while collector.store.get("messages", "m2") is None:
                assert not collector.read_on(lambda: True), "the large one is still being read"
    assert portions > 10


def test_a_file_that_is_written_all_the_time_does_not_keep_its_place_at_the_front(root: Path) -> None:
    (root / "message-bus.jsonl").write_text("".join(message(number, "x" * 1000) for number in range(2000)))
    collector = collector_of(root)
    collector.look([root / "message-bus.jsonl"])
    collector.read_on(lambda: True)
    (root / "tasks.json").write_text(tasks(t1="failed"))
    collector.look([root / "tasks.json"])
    while not (row := collector.store.get("tasks", "t1")) or row["status"] != "failed":
        with (root / "message-bus.jsonl").open("a") as file:
            file.write(message(9999))
        collector.look([root / "message-bus.jsonl"])
        assert not collector.read_on(lambda: True)
    collector.read_on()


# ---------------------------------------------------------------------------------------------------------------------
# The cost of a change does not depend on what there is


def team(directory: Path, agents: int) -> Path:
    """A workspace in which so many agents have worked."""
    directory.mkdir()
    listed = [{"agent_id": f"old-{number}", "status": "idle"} for number in range(agents)]
    (directory / "agent-registry.json").write_text(json.dumps({"agents": listed}))
    (directory / "message-bus.jsonl").write_text(message(1))
    return directory


def sessions(directory: Path, count: int) -> Path:
    """Add so many sessions of Claude Code that ended an hour ago."""
    for number in range(count):
        project = directory / "projects" / f"p{number % 50}"
        project.mkdir(parents=True, exist_ok=True)
        line = {"type": "user", "sessionId": f"s{number}", "uuid": f"u{number}", "timestamp": "2026-01-01T11:00:00Z"}
        path = project / f"s{number}.jsonl"
        path.write_text(json.dumps({**line, "message": {"role": "user", "content": "hi"}}) + "\n")
        aged(path)
    return directory


def cost_of_a_change(collector: Collector, path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Append a line and do what a round of the watcher does; return how much work that was."""
    collector.scan()
    collector.settle(stats=True)
    collector.settle()
    with path.open("a") as file:
        file.write(message(2) if path.name == "message-bus.jsonl" else "{}\n")
    with monkeypatch.context() as patched:
        work = Work(patched)
        apply, merged = collector.store.apply, Counter[str]()

        def counted(operations: Any, *rest: Any) -> Any:
            operations = list(operations)
            merged["rows"] += len(operations)
            return apply(operations, *rest)

        patched.setattr(collector.store, "apply", counted)
        position = collector.store.position
        collector.look([path])
        collector.retry()
        collector.read_on()
        collector.settle()
        collector.settle(stats=True)
        sent = sum(len(rows) for rows in collector.store.since(position).rows.values())
        return {**work.counts, **merged, "sent": sent}


def test_a_change_costs_the_same_however_many_old_agents_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (team(tmp_path / str(count), count) for count in (10, 5000))
    costs = [cost_of_a_change(collector_of(root), root / "message-bus.jsonl", monkeypatch) for root in (few, many)]
    assert costs[0] == costs[1]
    assert costs[0]["rows"] < 50


def test_a_change_costs_the_same_however_many_sessions_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (sessions(tmp_path / str(count), count) for count in (5, 1000))
    path = "projects/p0/s0.jsonl"
    costs = [cost_of_a_change(collector_of(root), root / path, monkeypatch) for root in (few, many)]
    assert costs[0] == costs[1]


@pytest.mark.slow
def test_a_change_costs_the_same_however_many_files_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = (team(tmp_path / str(count), 3) for count in (10, 20_000))
    for root, count in ((few, 10), (many, 20_000)):
        for number in range(count):
            folder = root / "reports" / f"r{number % 500}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.md").touch()
    costs = [cost_of_a_change(collector_of(root), root / "message-bus.jsonl", monkeypatch) for root in (few, many)]
    assert costs[0] == costs[1]


def test_a_check_of_files_that_changed_lately_looks_at_no_others(tmp_path: Path, work: Work) -> None:
    home = sessions(tmp_path / "home", 1000)
    collector = collector_of(home)
    collector.scan()
    before = work.counts.copy()
    assert collector.stale(within=300) == []
    assert work.counts == before


def test_files_that_changed_lately_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Work) -> None:
    monkeypatch.setattr(collecting, "HOT_FILES", 10)
    home = sessions(tmp_path / "home", 50)
    for path in home.rglob("*.jsonl"):
        aged(path, 1)
    collector = collector_of(home)
    collector.scan()
    before = work.counts["stat"]
    assert collector.stale(within=300) == []
    assert work.counts["stat"] - before == 10


def test_a_check_lists_no_directory_that_has_not_changed(tmp_path: Path, work: Work) -> None:
    home = sessions(tmp_path / "home", 100)
    for directory in home.rglob("*"):
        aged(directory)
    aged(home)
    collector = collector_of(home)
    collector.scan()
    before = work.counts["scandir"]
    for _ in collector.check():
        pass
    assert work.counts["scandir"] == before
    new = home / "projects" / "p7" / "new.jsonl"
    new.write_text((home / "projects" / "p0" / "s0.jsonl").read_text().replace("s0", "new").replace("u0", "un"))
    for _ in collector.check():
        pass
    collector.read_on()
    assert work.counts["scandir"] == before + 1
    assert collector.store.get("sessions", "new") is not None


def test_a_check_can_stop_anywhere_and_others_are_read_meanwhile(tmp_path: Path) -> None:
    home = sessions(tmp_path / "home", 200)
    collector = collector_of(home)
    check = collector.check()
    for _ in range(20):
        next(check)
    assert not collector.looked
    collector.read_on()
    assert 0 < collector.store.count("sessions") < 200
    assert collector.states()[0].state == "reading"
    for _ in check:
        pass
    collector.read_on()
    assert collector.looked and collector.store.count("sessions") == 200


# ---------------------------------------------------------------------------------------------------------------------
# More files than are read, and files that went


def test_of_too_many_files_the_newest_are_read_and_the_rest_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MAX_FILES", 10)
    home = sessions(tmp_path / "home", 30)
    for number in range(30):
        aged(home / "projects" / f"p{number % 50}" / f"s{number}.jsonl", 1000 + number)
    collector = collector_of(home)
    collector.scan()
    assert {row["id"] for row in collector.store.rows("sessions")} >= {f"s{number}" for number in range(10)}
    named = {home / "projects" / f"p{number}" / f"s{number}.jsonl" for number in range(10)}
    assert set(map(Path, collector.files)) == named
    (state,) = collector.states()
    assert (state.files, state.left_out, state.state) == (10, 20, "watching")
    assert "20 files are not read" in state.problems[0]
    collector.scan()
    assert collector.states()[0].left_out == 20
    live = home / "projects" / "p29" / "s29.jsonl"
    with live.open("a") as file:
        file.write("\n")
    refresh(collector, [live])
    assert collector.store.get("sessions", "s29") is not None, "the live one is never the one that is left out"
    assert collector.states()[0].files == 10


def test_files_that_vanish_make_room_for_those_that_were_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MAX_FILES", 10)
    home = sessions(tmp_path / "home", 12)
    collector = collector_of(home)
    collector.scan()
    for path in list(map(Path, collector.files))[:5]:
        path.unlink()
    for _ in range(3):
        collector.look()
        collector.read_on()
    (state,) = collector.states()
    assert (state.files, state.gone, state.left_out) == (7, 5, 0)
    assert collector.store.count("sessions") == 12


def test_a_file_that_went_is_counted_as_gone_until_it_comes_back(tmp_path: Path, own_machine: Path) -> None:
    home = sessions(tmp_path / "home", 3)
    path = home / "projects" / "p1" / "s1.jsonl"
    kept = path.read_text()
    collector = collector_of(home, archive=tmp_path / "a.sqlite3")
    collector.scan()
    path.unlink()
    collector.look()
    collector.read_on()
    assert (collector.states()[0].files, collector.states()[0].gone) == (2, 1)
    assert collector.store.get("sessions", "s1") is not None
    with pytest.raises(NoTranscript, match="its file has been gone since 2026-01-01 12:00 UTC"):
        lookup(collector).transcript("s1")
    collector.close()
    again = collector_of(home, archive=tmp_path / "a.sqlite3")
    again.scan()
    assert (again.states()[0].files, again.states()[0].gone) == (2, 1)
    with pytest.raises(NoTranscript, match="gone since"):
        lookup(again).transcript("s1")
    path.write_text(kept)
    again.look()
    again.read_on()
    assert (again.states()[0].files, again.states()[0].gone) == (3, 0)
    assert lookup(again).transcript("s1").entries
    again.close()


def test_how_many_files_are_remembered_that_went_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MAX_GONE", 5)
    home = sessions(tmp_path / "home", 20)
    collector = collector_of(home)
    collector.scan()
    for path in list(map(Path, collector.files)):
        path.unlink()
    collector.look()
    assert (collector.states()[0].files, collector.states()[0].gone) == (0, 5)
    assert len(collector.files) == 5


# ---------------------------------------------------------------------------------------------------------------------
# Which file it is


def test_an_edit_of_the_same_length_while_the_file_grows_is_seen(root: Path) -> None:
    path = root / "message-bus.jsonl"
    path.write_text("".join(message(number, f"text {number:06}") for number in range(2000)))
    collector = collector_of(root)
    collector.scan()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"text 001000", b"TEXT 001000") + message(5000).encode())
    refresh(collector, [path])
    before = collector.store.get("messages", "m1000")
    assert before is not None and before["text"] == "text 001000", "neither its beginning nor its end shows it"
    collector.verify()
    collector.read_on()
    after = collector.store.get("messages", "m1000")
    assert after is not None and after["text"] == "TEXT 001000"


def test_what_has_not_changed_is_compared_once(root: Path, work: Work) -> None:
    path = root / "message-bus.jsonl"
    path.write_text("".join(message(number) for number in range(2000)))
    collector = collector_of(root)
    collector.scan()
    with path.open("a") as file:
        file.write(message(5000))
    refresh(collector, [path])
    before = work.counts["open_regular"]
    for _ in range(10):
        collector.verify()
        assert collector.read_on()
    assert work.counts["open_regular"] == before + 1


def test_a_large_file_is_compared_a_part_at_a_time(root: Path) -> None:
    path = root / "message-bus.jsonl"
    path.write_text("".join(message(number, "x" * 900) for number in range(2000)))
    followed = Tail(path, root)
    list(followed.read())
    with path.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"y")
        file.seek(0, os.SEEK_END)
        file.write(message(5000).encode())
    list(followed.read())
    rounds = 0
    while followed.verify(tail.BLOCK):
        rounds += 1
    assert rounds == 1_000_000 // tail.BLOCK


def test_a_root_that_was_replaced_by_a_link_is_said_and_not_followed(root: Path, tmp_path: Path) -> None:
    collector = collector_of(root)
    collector.scan()
    root.rename(tmp_path / "elsewhere")
    with (tmp_path / "elsewhere" / "message-bus.jsonl").open("a") as file:
        file.write(message(2))
    root.symlink_to(tmp_path / "elsewhere")
    collector.scan()
    (state,) = collector.states()
    assert state.state == "missing"
    assert state.problems == [
        f"{root} leads to {tmp_path / 'elsewhere'} now, which is not followed: watch that path instead"
    ]
    refresh(collector, [root / "message-bus.jsonl"])  # whoever is notified of it cannot read it
    assert collector.store.get("messages", "m2") is None
    root.unlink()
    (tmp_path / "elsewhere").rename(root)
    collector.scan()
    assert (collector.states()[0].state, collector.states()[0].problems) == ("watching", [])
    assert collector.store.get("messages", "m2") is not None


def test_everything_that_is_new_can_be_saved(root: Path, tmp_path: Path, own_machine: Path) -> None:
    collector = collector_of(root, archive=tmp_path / "a.sqlite3")
    collector.scan()
    with (root / "message-bus.jsonl").open("a") as file:
        file.write(message(2))
    refresh(collector, [root / "message-bus.jsonl"])
    (root / "tasks.json").write_text("{")
    collector.scan()
    assert collector.archive is not None
    collector.save()
    collector.checkpoint()
    collector.archive._reading.close()
    collector.archive._connection.close()
    archive_file.unlocked(collector.archive._lock)
    again = collector_of(root, archive=tmp_path / "a.sqlite3")
    again.scan()
    assert {row["id"] for row in again.store.rows("messages")} == {"m1", "m2"}
    assert "not readable" in problems(again)[0]
    again.close()


# ---------------------------------------------------------------------------------------------------------------------
# At rest


class Minute:
    """A minute that passes as fast as the watcher waits for it, beside what was done in it."""

    def __init__(self, watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
        self.watcher = watcher
        self.now = time.monotonic()
        self.end = float("inf")
        self.rounds = 0
        shown = {**vars(time), "monotonic": lambda: self.now, "thread_time": lambda: self.now, "sleep": self.pass_}
        for module in (watching, saving):
            monkeypatch.setattr(module, "time", SimpleNamespace(**shown))
        monkeypatch.setattr(watcher, "_wake", SimpleNamespace(wait=self.wait, set=lambda: None))

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.end:
            self.watcher._stopping = True

    def wait(self, timeout: float) -> None:
        self.rounds += 1
        self.pass_(timeout)

    def run(self, seconds: float) -> None:
        self.watcher._stopping = False
        self.end = self.now + seconds
        self.watcher._run()


def test_at_rest_a_minute_opens_nothing_lists_nothing_and_looks_at_each_file_a_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_machine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = sessions(tmp_path / "home", 200)
    for directory in [home, *home.rglob("*")]:
        aged(directory)
    collector = collector_of(home, archive=tmp_path / "a.sqlite3")
    told: list[int] = []
    watcher = Watcher(collector, lambda: told.append(collector.store.seq))
    minute = Minute(watcher, monkeypatch)
    minute.run(120)  # all is read, and a checkpoint is written
    told.clear()
    minute.rounds = 0
    with monkeypatch.context() as patched:
        work = Work(patched)
        written: list[int] = []
        patched.setattr(Archive, "write", lambda *_: written.append(1))
        patched.setattr(Archive, "remember", lambda *_: written.append(1))
        minute.run(60)
    watcher.stop()
    assert caplog.text == ""
    assert (work.counts["open_regular"], work.counts["scandir"], written) == (0, 0, [])
    assert 200 <= work.counts["stat"] <= 5 * 200 + 400, "each file at most every 15 seconds"
    assert minute.rounds <= 60 / watching.ROOT_CHECK + 10
    assert len(told) <= 60 / watching.ALIVE_PACE, "only that the reader is still there"
    assert len(set(told)) <= 1


@pytest.fixture
def minute(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Minute]:
    """Of a watcher of one small root."""
    watcher = Watcher(collector_of(root))
    yield Minute(watcher, monkeypatch)
    watcher.stop()


@pytest.mark.parametrize(("seconds", "pause"), [(0.0, 15), (0.002, 15), (0.03, 60), (4.0, 120)])
def test_the_longer_a_check_of_all_files_takes_the_less_often_it_is_made(
    minute: Minute, monkeypatch: pytest.MonkeyPatch, seconds: float, pause: int
) -> None:
    collector = minute.watcher.collector
    minute.run(300)
    check, checks = collector.check, 0

    def slow() -> Iterator[None]:
        nonlocal checks
        checks += 1
        minute.now += seconds
        yield from check()

    monkeypatch.setattr(collector, "check", slow)
    minute.run(1200)
    assert 1200 / pause - 2 <= checks <= 1200 / pause + 1


@pytest.mark.parametrize(("seconds", "rest"), [(0.0005, 0.0005), (0.002, watching.PACE), (0.05, watching.PACE)])
def test_a_round_is_followed_by_a_rest_as_long_as_it_was_and_not_by_a_long_one(
    minute: Minute, monkeypatch: pytest.MonkeyPatch, seconds: float, rest: float
) -> None:
    collector = minute.watcher.collector
    minute.run(60)
    read_on, rests = collector.read_on, []

    def slow(stop: Callable[[], bool]) -> bool:
        all_read = read_on(stop)
        Minute.pass_(minute, seconds)
        minute.watcher._note(str(collector.sources[0].root / "tasks.json"))  # which was written meanwhile
        return all_read

    def pass_(seconds: float) -> None:
        rests.append(seconds)
        Minute.pass_(minute, seconds)

    monkeypatch.setattr(collector, "read_on", slow)
    monkeypatch.setattr(watching.time, "sleep", pass_)
    monkeypatch.setattr(minute.watcher._wake, "wait", lambda timeout: None)  # changes keep coming
    minute.run(1)
    assert rests and max(rests) == pytest.approx(rest, rel=0.01)
