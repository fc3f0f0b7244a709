"""The archive: what outlives the process, written in whole rounds, never worse than reading again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_widget import protocol
from agent_widget import store as storing
from agent_widget.ingest import archive as archiving
from agent_widget.ingest import archive_file
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.archive_file import ArchiveError, default_path
from agent_widget.store import Position, Row, Store, _Keyed
from agent_widget.tables import TABLES, Gone, Record
from tests.support.wire import PATIENCE

pytestmark = pytest.mark.usefixtures("own_machine")


def log(number: int, text: str = "a line") -> Record:
    return Record("logs", f"l{number}", {"at": number, "text": text})


def opened(path: Path, limit: int = 10) -> tuple[Archive, Store]:
    archive, store = Archive.open(path), Store()
    limits = {"logs": limit}
    store.back(archive, archive.saved(limits), limits)
    return archive, store


def recalled(archive: Archive) -> bytes | None:
    found = archive.recall()
    return found.memory if found else None


def everything(store: Store) -> dict[str, dict[str, Any]]:
    answer = store.since(None)
    return {table: {row["id"]: dict(row) for row in rows} for table, rows in answer.rows.items()}


def test_what_was_written_is_there_again_and_its_position_known(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    archive.remember(b"")
    store.apply([Record("agents", "a", {"name": "eva"}), log(1), log(2)])
    store.write()
    before, position = everything(store), store.position
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    assert everything(again) == before
    assert again.epoch == position.epoch
    assert not again.since(position)


def test_a_replica_of_before_gets_only_what_it_missed(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(n) for n in range(50)])
    store.write()
    position = store.position
    store.apply([log(3, "changed"), Gone("logs", "l4")])
    store.write()
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    answer = again.since(position)
    assert not answer.reset
    assert [row["id"] for row in answer.rows["logs"]] == ["l3"]
    assert answer.gone == {"logs": ["l4"]}


def test_what_came_before_a_record_of_no_table_is_written(tmp_path: Path) -> None:
    """It is in the store, and whoever asks is sent it."""
    archive, store = opened(tmp_path / "a.sqlite3")
    with pytest.raises(KeyError):
        store.apply([log(1), log(2), Record("logs", "l3", {"no such column": 1}), log(4)])
    store.write()
    before = everything(store)
    assert before["logs"].keys() == {"l1", "l2"}
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    assert everything(again) == before


def kill(archive: Archive) -> None:
    """End as a killed process ends."""
    archive._reading.close()
    archive._connection.close()
    archive._sent.close()
    archive_file.unlocked(archive._lock)


@pytest.mark.parametrize(
    "end", [kill, partial(Archive.close, whole=False)], ids=["killed", "closed without another one"]
)
def test_a_crash_takes_the_rows_back_to_the_checkpoint_under_new_numbers(
    end: Callable[[Archive], None], tmp_path: Path
) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1), log(2)])
    store.write()
    archive.remember(b"then")
    before = everything(store)
    store.apply([log(1, "changed"), Gone("logs", "l2"), log(3)])
    store.write()
    sent = store.position
    end(archive)
    archive, again = opened(tmp_path / "a.sqlite3")
    assert (recalled(archive), everything(again)) == (b"then", before)
    answer = again.since(sent)
    assert not answer.reset
    assert [row["id"] for row in answer.rows["logs"]] == ["l1", "l2"]
    assert answer.gone == {"logs": ["l3"]}


def test_a_first_reading_that_was_cut_short_begins_anew(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1)])
    store.write()
    kill(archive)
    _, again = opened(tmp_path / "a.sqlite3")
    assert everything(again) == {}
    assert again.since(store.position).reset


def test_a_crash_right_after_rows_were_taken_back_takes_back_nothing_more(tmp_path: Path) -> None:
    """A server may be killed again while it starts: the rows that it has just taken back are not new ones."""
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1), log(2)])
    store.write()
    archive.remember(b"then")
    before = everything(store)
    store.apply([log(1, "changed"), Gone("logs", "l2")])
    store.write()
    kill(archive)
    starting = Archive.open(tmp_path / "a.sqlite3")
    with starting._connection:
        starting._go_on()
    kill(starting)
    archive, again = opened(tmp_path / "a.sqlite3")
    assert everything(again) == before
    archive.close()


def test_what_was_sent_and_not_written_before_a_crash_is_sent_as_it_is_then(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    replica = Store(epoch="")
    store.apply([log(1), log(2), log(3)])
    store.write()
    archive.remember(b"")
    store.apply([log(1, "changed"), Gone("logs", "l2"), log(4)])
    replica.adopt(store.since(None))  # sent, never written
    kill(archive)
    archive, again = opened(tmp_path / "a.sqlite3")
    answer = again.since(replica.position)
    assert not answer.reset
    replica.adopt(answer)
    assert everything(replica) == everything(again)
    assert [row["id"] for row in again.rows("logs")] == ["l3", "l1", "l2"]
    again.apply([log(4)])  # its number is one that nobody has seen
    assert [row["id"] for row in again.since(replica.position).rows["logs"]] == ["l4"]
    archive.close()


def test_a_row_that_was_sent_twice_before_it_was_written_leaves_a_position_that_is_known(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    replica = Store(epoch="")
    archive.remember(b"")
    for text in ("one", "two"):
        store.apply([log(1, text)])
        replica.adopt(store.since(replica.position))
    kill(archive)
    archive, again = opened(tmp_path / "a.sqlite3")
    answer = again.since(replica.position)
    assert not answer.reset
    replica.adopt(answer)
    assert everything(replica) == everything(again) == {}
    archive.close()


def copied(path: Path, name: str) -> Path:
    """Return a directory with copies of an archive's files, as a backup has them."""
    directory = path.parent / name
    directory.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        shutil.copy2(file, directory)
    return directory


def put_back(path: Path, backup: Path, *, but: str = "") -> None:
    """Put the files of a backup in the place of those there are; ``but``: the ending of one that stays."""
    for file in path.parent.glob(f"{path.name}*"):
        if not but or not file.name.endswith(but):
            file.unlink()
    for file in backup.iterdir():
        if not but or not file.name.endswith(but):
            shutil.copy2(file, path.parent)


def twice(path: Path, backup: Path) -> None:
    """Put back a backup, go on from it, and put it back once more."""
    put_back(path, backup)
    archive, store = opened(path)
    store.apply([log(7), log(8), log(9)])
    store.write()
    archive.close()
    put_back(path, backup)


def on_another_machine(path: Path, backup: Path) -> None:
    """Copy an archive to another machine, which goes on with it."""
    put_back(path, backup)
    archiving.machine = lambda: b"another one"  # type: ignore[assignment]


def of_another_machine(path: Path, backup: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    archive, store = opened(path)
    store.apply([log(1), log(9)])
    store.write()
    archive.close()


PUT_BACK: dict[str, tuple[Callable[[Path, Path], object], tuple[bool | None, bool | None]]] = {
    "nothing": (lambda path, backup: None, (False, False)),
    "an older backup": (put_back, (False, True)),
    "an older backup beside the later note of what was sent": (partial(put_back, but=".sent"), (None, None)),
    "the same backup twice": (twice, (False, True)),
    "an older backup, on another machine": (on_another_machine, (True, True)),
    "one of another machine": (of_another_machine, (True, True)),
    "none": (lambda path, backup: path.unlink(), (True, True)),
    "a damaged one": (lambda path, backup: path.write_bytes(b"\1" * 5000), (True, True)),
}
"""What is done to an archive between two processes, and whether an early and a late replica begin anew then.

``None``: either will do.
"""


@pytest.mark.parametrize(
    ("end", "is_written"),
    [(Archive.close, True), (kill, True), (kill, False)],
    ids=["closed", "killed", "killed before it wrote"],
)
@pytest.mark.parametrize("name", PUT_BACK)
def test_whoever_has_seen_what_an_archive_has_not_issued_gets_everything(
    name: str, end: Callable[[Archive], None], is_written: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.sqlite3"
    monkeypatch.setattr(archiving, "machine", lambda: b"this one")
    archive, store = opened(path)
    early, late = Store(epoch=""), Store(epoch="")
    store.apply([log(1), log(2)])
    store.write()
    archive.remember(b"")
    store.apply([log(2, "changed")])
    early.adopt(store.since(None))
    backup = copied(path, "backup")
    store.apply([log(2, "lost"), log(3, "lost"), Gone("logs", "l1")])
    if is_written:
        store.write()
    late.adopt(store.since(None))
    end(archive)
    act, begins_anew = PUT_BACK[name]
    act(path, backup)
    archive, again = opened(path)
    again.apply([log(4), log(5), log(6)])  # as many as were lost, and others
    for replica, is_new in zip((early, late), begins_anew, strict=True):
        is_known = again.joins_on(replica.position)
        answer = again.since(replica.position)
        assert answer.reset is not is_known
        assert is_new is None or answer.reset is is_new
        replica.adopt(answer)
        assert everything(replica) == everything(again)
    archive.close()


@pytest.mark.parametrize("seq", [0, 2**20, 2**52, archiving.NUMBERS - 2**20, archiving.NUMBERS - 2])
def test_the_next_numbers_are_later_ones_that_javascript_knows(seq: int) -> None:
    assert all(seq < archiving._beyond(seq) < archiving.NUMBERS for _ in range(100))


def test_processes_whose_numbers_are_known_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "STARTS", 2)
    positions = []
    for number in range(4):
        archive, store = opened(tmp_path / "a.sqlite3")
        store.apply([log(number)])
        store.write()
        archive.remember(b"")
        positions.append(store.position)
        archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    assert [again.since(position).reset for position in positions] == [True, True, False, False]


def test_a_note_of_what_was_sent_that_was_cut_short_is_none(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1)])
    store.write()
    archive.remember(b"")
    kill(archive)
    Path(f"{tmp_path}/a.sqlite3.sent").write_bytes(b'[1,9,[["logs","l1"]]]\n[9,9,[["nowhere","x"]]]\n[9,10,[["logs","l')
    _, again = opened(tmp_path / "a.sqlite3")
    assert [row["id"] for row in again.since(store.position).rows["logs"]] == ["l1"]
    assert Path(f"{tmp_path}/a.sqlite3.sent").read_bytes() == b""


def test_rows_are_noted_as_sent_once_and_only_those_that_are_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    noted: list[tuple[int, int, list[tuple[str, str]]]] = []
    monkeypatch.setattr(archive, "note_sent", lambda after, seq, keys: noted.append((after, seq, list(keys))))
    store.apply([log(1)])
    store.write()
    store.since(None)
    store.apply([log(2)])
    for _ in range(2):
        store.since(None)
    store.apply([log(2, "changed"), log(3)])
    store.since(None)
    store.apply([log(3, "changed")])
    store.since(None)
    assert noted == [(1, 2, [("logs", "l2")]), (2, 4, [("logs", "l3")]), (4, 5, [])]


def test_what_a_full_disk_cuts_short_is_noted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "SENT_BYTES", 0)
    archive, store = opened(tmp_path / "a.sqlite3")
    write, room = os.write, [5]

    def cut(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[: room.pop()] if room else data)

    monkeypatch.setattr(os, "write", cut)
    store.apply([log(1)])
    store.since(None)
    assert archive._sent.since(0) == (0, [])
    store.apply([log(2)])
    store.since(None)
    assert archive._sent.since(0) == (2, [("logs", "l1"), ("logs", "l2")])
    room.append(5)
    with pytest.raises(OSError, match="No space"):
        archive.keep_sent(1, 2, [("logs", "l2")])
    assert archive._sent.since(0) == (2, [("logs", "l1"), ("logs", "l2")])
    archive.keep_sent(1, 2, [("logs", "l2")])
    assert archive._sent.since(1) == (2, [("logs", "l2")])
    assert archive._sent.since(0) == (0, []), "what changed before is not in it"
    archive.close()


@pytest.mark.parametrize("sent_bytes", [0, 2**20])
def test_what_changes_while_rows_are_written_is_written_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent_bytes: int
) -> None:
    monkeypatch.setattr(archiving, "SENT_BYTES", sent_bytes)
    archive, store = opened(tmp_path / "a.sqlite3")
    replica = Store(epoch="")
    store.apply([log(1), log(2), log(3), log(4)])
    store.write()
    archive.remember(b"")
    write = archive.write

    def interrupted(*args: Any) -> None:
        store.apply([log(1, "changed again"), Gone("logs", "l2"), log(5)])
        replica.adopt(store.since(None))  # sent in the middle of the writing
        write(*args)

    with monkeypatch.context() as patched:
        patched.setattr(archive, "write", interrupted)
        store.apply([log(1, "changed"), log(2, "changed"), log(3, "changed")])
        store.write()
    assert store.unwritten == 3
    sent = set(archive._sent.since(store.seq)[1])
    assert sent >= {("logs", "l1"), ("logs", "l2"), ("logs", "l5")}
    assert (("logs", "l3") in sent) == (sent_bytes > 0), "it is made anew, if it is large"
    kill(archive)
    archive, again = opened(tmp_path / "a.sqlite3")
    replica.adopt(again.since(replica.position))
    assert everything(replica) == everything(again)
    again.apply([log(1, "late")])
    again.write()
    assert again.unwritten == 0
    archive.close()


def test_nobody_waits_for_a_write_that_waits_for_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes of a large archive are made for seconds, in another thread."""
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1)])
    lock, asked = archive.writing, threading.Event()

    class Asked:
        """The archive's lock; it tells when somebody asks for it."""

        def __enter__(self) -> None:
            asked.set()
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    monkeypatch.setattr(archive, "writing", Asked())
    with ThreadPoolExecutor(1) as pool:
        with lock:
            written = pool.submit(store.write)
            assert asked.wait(PATIENCE)
            assert store.lock.acquire(blocking=False), "who reads or sends has the store meanwhile"
            store.lock.release()
        written.result()
    assert store.unwritten == 0
    archive.close()


def test_a_row_that_changed_while_it_was_written_stays_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, store = opened(tmp_path / "a.sqlite3", limit=10)
    write = archive.write

    def interrupted(*args: Any) -> None:
        store.apply([log(1, "changed")])
        write(*args)

    with monkeypatch.context() as patched:
        patched.setattr(archive, "write", interrupted)
        store.apply([log(number) for number in range(1, 21)])
        store.write()
    assert (store.count("logs"), store.held("logs"), store.holds("logs", "l1")) == (20, 11, True)
    assert store.get("logs", "l1") == store.rows("logs")[-1]
    assert [row["text"] for row in store.rows("logs") if row["id"] == "l1"] == ["changed"]
    archive.close()


def test_rows_are_written_while_others_change_and_read_them(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3", limit=50)
    stopping = threading.Event()

    def keep_writing() -> None:
        while not stopping.is_set():
            store.write()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(keep_writing)
        for number in range(600):
            store.apply([log(number), log(number // 2, f"changed {number}"), *([Gone("logs", f"l{number // 3}")])])
            assert store.count("logs") == len(store.rows("logs")) or number % 50
        stopping.set()
        writing.result()
    store.write()
    now = everything(store)
    archive.close()
    archive, again = opened(tmp_path / "a.sqlite3", limit=50)
    assert everything(again) == now
    archive.close()


def test_only_the_newest_rows_are_in_memory_and_all_are_counted(tmp_path: Path) -> None:
    _, store = opened(tmp_path / "a.sqlite3", limit=10)
    store.apply([log(n) for n in range(100)])
    store.write()
    assert store.held("logs") == 10
    assert store.count("logs") == 100
    assert [row["id"] for row in store.rows("logs")] == [f"l{n}" for n in range(100)]
    assert len(everything(store)["logs"]) == 100
    assert [row["id"] for row in store.since(None, limit={"logs": 20}).rows["logs"]] == [
        f"l{n}" for n in range(80, 100)
    ]


def test_a_late_record_about_an_old_row_is_merged_into_it(tmp_path: Path) -> None:
    _, store = opened(tmp_path / "a.sqlite3", limit=10)
    store.apply([log(n) for n in range(100)])
    store.write()
    position = store.position
    assert store.apply([Record("logs", "l5", {"text": "a line"})]) == []
    (change,) = store.apply([Record("logs", "l5", {"level": "error"})])
    assert (change.old["text"], change.new["text"], change.new["level"]) == ("a line", "a line", "error")  # type: ignore[index]
    assert store.count("logs") == 100
    assert [row["id"] for row in store.since(position).rows["logs"]] == ["l5"]
    store.apply([Gone("logs", "l6")])
    assert store.count("logs") == 99
    assert store.get("logs", "l6") is None
    assert store.get("logs", "l7") is not None


OPERATIONS = st.lists(
    st.one_of(
        st.builds(log, st.integers(0, 30), st.sampled_from(["a", "b"])),
        st.builds(lambda n: Gone("logs", f"l{n}"), st.integers(0, 30)),
        st.builds(lambda n: Record("agents", f"a{n}", {"name": str(n)}), st.integers(0, 3)),
        st.just("write"),
        st.just("restart"),
        st.just("crash"),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=60)
@given(OPERATIONS)
def test_a_store_with_an_archive_is_as_one_without(
    tmp_path_factory: pytest.TempPathFactory, operations: list[Any]
) -> None:
    """Whatever is applied, written and restarted; and a replica that follows ends up with the same."""
    path = tmp_path_factory.mktemp("archive") / "a.sqlite3"
    archive, store = opened(path, limit=5)
    plain, replica = Store(), Store(epoch="")
    for operation in operations:
        if operation in ("write", "restart", "crash"):
            store.write()
            if operation != "write":
                archive.remember(b"")
        else:
            store.apply([operation])
            plain.apply([operation])
        if operation == "crash":
            kill(archive)
            archive, store = opened(path, limit=5)
        elif operation == "restart":
            archive.close()
            archive, store = opened(path, limit=5)
        replica.adopt(store.since(replica.position if replica.epoch else None))
        assert store.count("logs") == plain.count("logs")
    assert everything(store) == everything(plain)
    assert everything(replica) == everything(plain)
    archive.close()


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "a.sqlite3"
    _, store = opened(path)
    store.apply([log(1)])
    store.write()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(f"{path}-wal").stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("damage", "word"), [(b"no database at all, but long enough" * 200, "damaged"), (None, "newer")]
)
def test_a_damaged_or_newer_file_is_set_aside_and_reported(tmp_path: Path, damage: bytes | None, word: str) -> None:
    path = tmp_path / "a.sqlite3"
    if damage is not None:
        path.write_bytes(damage)
    else:
        with sqlite3.connect(path) as future:
            future.execute("PRAGMA user_version = 99")
        future.close()
    content = path.read_bytes()
    archive, store = opened(path)
    assert word in (archive.problem or "")
    store.apply([log(1)])
    store.write()
    (aside,) = [file for file in tmp_path.iterdir() if word in file.name]
    assert aside.read_bytes() == content


@cache
def whole() -> bytes:
    """Return an archive of some pages, with a checkpoint and rows of all kinds of ages."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.sqlite3"
        archive, store = opened(path)
        store.apply([log(number, f"line {number} " * 20) for number in range(200)])
        store.write()
        archive.remember(b"memory" * 100)
        archive.close()
        return path.read_bytes()


DAMAGE = st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=600)), min_size=1, max_size=4)


def test_which_rows_leave_memory_is_found_out_while_others_use_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    oldest = _Keyed.oldest
    seen: list[bool] = []

    def others_meanwhile(table: _Keyed, held: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
        found = oldest(table, held)
        other = threading.Thread(target=lambda: seen.append(bool(store.apply([log(0, "changed meanwhile")]))))
        other.start()
        other.join(10)
        return found

    monkeypatch.setattr(_Keyed, "oldest", others_meanwhile)
    store.apply([log(number) for number in range(20)])
    store.write()
    assert seen == [True], "it did not wait"
    assert store.holds("logs", "l0"), "it is not written as it is now"
    assert store.held("logs") == 11 and store.count("logs") == 20
    store.write()
    assert {row["id"]: row["text"] for row in store.rows("logs")}["l0"] == "changed meanwhile"
    archive.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=DAMAGE, rest=st.none() | st.floats(0, 1), log_=st.none() | st.binary(max_size=100))
def test_an_archive_that_is_damaged_anywhere_is_taken_as_far_as_it_is_whole_and_that_is_said(
    damage: list[tuple[int, bytes]], rest: float | None, log_: bytes | None
) -> None:
    content = bytearray(whole())
    for place, data in damage:
        content[place % len(content) : place % len(content) + len(data)] = data
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.sqlite3"
        path.write_bytes(content if rest is None else content[: 1 + int(rest * len(content))])
        if log_ is not None:
            Path(f"{path}-wal").write_bytes(log_)
        archive, store = opened(path)
        archive.recall()
        found = everything(store).get("logs", {})
        assert archive.problem or len(found) == 200, "what is missing is said"
        with suppress(sqlite3.DatabaseError):  # then the next one begins anew
            store.apply([log(1000)])
            store.write()
            archive.remember(b"")
        archive.close()
        again, store = opened(path)
        assert store.get("logs", "l1000") is not None or again.problem, "or all is read again"
        again.close()


@pytest.mark.parametrize(
    ("index", "place", "data"),
    [("logs_at", 2185, b"\x00\x00\x00\x00\x00\x01\x00"), ("sqlite_autoindex_logs_1", 3281, b"\xda\xf2\xba\x0b\xf9")],
    ids=["met by a change", "met by a question"],
)
def test_damage_that_is_only_met_later_is_mended_where_it_is_of_an_index(
    tmp_path: Path, index: str, place: int, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """``place``: of the damage, in the index's page."""
    content = bytearray(whole())
    (tmp_path / "whole").write_bytes(content)
    with sqlite3.connect(tmp_path / "whole") as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()[0]
        place += (page - 1) * connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    content[place : place + len(data)] = data
    path = tmp_path / "a.sqlite3"
    path.write_bytes(content)
    archive, store = opened(path)
    assert archive.problem is None, "nothing was met yet"
    store.apply([log(1000)])
    store.write()
    assert "indexes are made anew" in caplog.text
    assert len(everything(store)["logs"]) == 201
    archive.close()


def test_damage_that_cannot_be_mended_makes_the_next_process_begin_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    archive, store = opened(path)
    store.apply([log(1)])
    store.write()
    with archive._connection as connection:  # an entry that no index can be made of anew
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'logs'")
        connection.execute("PRAGMA writable_schema = RESET")
    for number in (2, 3):
        store.apply([log(number)])
        with pytest.raises(sqlite3.DatabaseError):
            store.write()
    assert archive._given_up
    archive.close()
    again, store = opened(path)
    assert again.problem is not None and "damaged" in again.problem
    store.apply([log(4)])
    store.write()
    again.close()


def spoil(path: Path, place: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


def test_damage_that_a_reader_meets_is_mended_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.sqlite3"
    archive, _ = opened(path)
    archive.remember(b"", facts={"scope": [("key", b"value")]})
    (page,) = archive._connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'facts_digest'").fetchone()
    (size,) = archive._connection.execute("PRAGMA page_size").fetchone()
    archive.close()
    archive, _ = opened(path)
    spoil(path, (page - 1) * size, b"\0" * size)
    assert archive.facts.find("scope", "key") == b"value"
    assert "indexes are made anew" in caplog.text
    archive.close()


def test_damage_of_a_row_is_not_mended_again_and_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is met again once the indexes are new, since they do not lead to the pages that a long row goes on in."""
    path = tmp_path / "a.sqlite3"
    archive, store = opened(path)
    store.apply([log(0, "long" * 10_000), *map(log, range(1, 21))])
    store.write()
    archive.remember(b"")
    (size,) = archive._connection.execute("PRAGMA page_size").fetchone()
    archive.close()
    middle = path.read_bytes().index(b"long" * 1000) + 3 * size
    spoil(path, middle - middle % size, b"\xff" * 4)  # where the row goes on
    archive, store = opened(path)
    for _ in range(2):
        with pytest.raises(sqlite3.DatabaseError):
            store.get("logs", "l0")
    assert caplog.text.count("indexes are made anew") == 1
    archive.close()
    again, _ = opened(path)
    assert again.problem is not None and "damaged" in again.problem
    again.close()


def test_a_damaged_row_is_left_out_of_those_that_are_sent_and_that_is_said(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([Record("logs", f"l{number}", {"at": number, "text": "a line"}) for number in range(9)])
    store.write()
    with archive._connection:
        for number, data in ((3, b"\xc1"), (5, archive_file.encode_cells(["l5"]))):
            archive._connection.execute("UPDATE logs SET row = ? WHERE id = ?", (data, f"l{number}"))
    rows, _ = archive.later("logs", 100, None, 10)
    assert [row.id for row in rows] == [f"l{number}" for number in range(9) if number not in (3, 5)]
    assert protocol.encode(rows[1]) == protocol.encode(store.get("logs", "l1"))
    assert archive.problem is not None and "damaged" in archive.problem
    archive.close()


def test_an_archive_that_cannot_be_used_now_is_not_taken_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.sqlite3"
    archive, store = opened(path)
    store.apply([log(1)])
    store.write()
    archive.close()
    with sqlite3.connect(path) as other:
        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *args, **how: connect(*args, **{**how, "timeout": 0}))
        other.execute("BEGIN IMMEDIATE")  # as a program does that looks into it
        with pytest.raises(ArchiveError, match="database is locked"):
            Archive.open(path)
        other.execute("ROLLBACK")
        archive = Archive.open(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ArchiveError, match="database is locked"):
            archive.saved({})
        other.execute("ROLLBACK")
    other.close()
    archive, again = opened(path)
    assert (archive.problem, everything(again)) == (None, everything(store))
    archive.close()


def test_a_text_that_is_none_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    archive, _ = opened(path)
    archive.close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO meta VALUES (CAST(x'ff41' AS TEXT), x'00')")
    connection.close()
    archive, _ = opened(path)
    assert "damaged" in (archive.problem or "")
    archive.close()


def test_the_second_server_on_the_same_roots_says_that_it_keeps_nothing(tmp_path: Path) -> None:
    opened(tmp_path / "a.sqlite3")
    with pytest.raises(ArchiveError, match="another server keeps the archive"):
        Archive.open(tmp_path / "a.sqlite3")


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot be written"):
        Archive.open(tmp_path / "file" / "a.sqlite3")


def test_every_set_of_roots_has_its_own() -> None:
    one, two = default_path([Path("/a"), Path("/b")]), default_path([Path("/b"), Path("/a")])
    assert one == two
    assert len({one, default_path([Path("/a")]), default_path([Path("/a"), Path("/b")], masking=False)}) == 3


def test_what_readers_remember_is_taken_only_with_the_users_signature(tmp_path: Path) -> None:
    archive, _ = opened(tmp_path / "a.sqlite3")
    archive.remember(b"offsets")
    assert recalled(archive) == b"offsets"
    (archive_file.directory() / "key").write_bytes(b"x" * 32)
    assert archive.recall() is None


def test_other_code_does_not_take_what_this_code_remembers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, _ = opened(tmp_path / "a.sqlite3")
    archive.remember(b"1")
    monkeypatch.setattr(archiving, "code", lambda: b"other")
    assert archive.recall() is None


def test_facts_of_one_checksum_are_kept_whatever_their_names_are(tmp_path: Path) -> None:
    archive, _ = opened(tmp_path / "a.sqlite3")
    facts = {"e848f5fe": b"one", "\u00e97dd3f380": b"another"}  # with the scope, their CRC-32 is the same
    archive.remember(b"", facts={"scope": facts.items()})
    assert {key: archive.facts.find("scope", key) for key in facts} == facts
    archive.close()


@pytest.mark.parametrize("odd", [{"at": 2**63}, {"at": 2**64}, {"duration_ms": -(2**70)}, {"name": "\ud800"}])
def test_a_cell_that_cannot_be_kept_costs_itself(tmp_path: Path, odd: dict[str, Any]) -> None:
    """MessagePack and SQLite have integers of 64 bits, and UTF-8 has no half of a pair."""
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1), Record("tool_calls", "odd", {"input": "kept", **odd}), log(2), log(3)])
    store.write()
    store.apply([Record("logs", "\ud800", {"at": 4}), Gone("logs", "l3"), log(5)])
    store.write()
    store.apply([Gone("logs", "\ud800"), log(6)])
    store.write()
    assert store.unwritten == 0
    assert archive.problem is not None and "cannot be kept" in archive.problem
    archive.remember(b"")
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    found = everything(again)
    assert set(found["logs"]) == {"l1", "l2", "l5", "l6"}
    row = found["tool_calls"]["odd"]
    assert (row["input"], *(row[column] for column in odd)) == ("kept", None)


def test_a_column_that_is_new_is_unknown_in_old_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1)])
    store.write()
    archive.remember(b"")
    archive.close()
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:  # as an older version left it: without a text
        older = [column.name for column in TABLES["logs"].columns if column.name != "text"]
        cells = archive_file.decode_cells(connection.execute("SELECT row FROM logs").fetchone()[0])
        names = [column.name for column in TABLES["logs"].columns]
        row = [cell for name, cell in zip(names, cells, strict=True) if name != "text"]
        connection.execute("UPDATE logs SET row = ?", (archive_file.encode_cells(row),))
        known = {**archive_file.COLUMNS, "logs": older}
        connection.execute("UPDATE meta SET value = ? WHERE name = 'columns'", (msgspec.json.encode(known),))
    connection.close()
    _, again = opened(tmp_path / "a.sqlite3")
    (row,) = again.rows("logs")
    assert (row["at"], row["text"]) == (1, None)


def test_the_facts_of_an_older_version_are_dropped_and_its_rows_stay(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1)])
    store.write()
    archive.remember(b"then")
    archive.close()
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:  # as that version left it
        connection.execute("DROP TABLE facts")
        connection.execute("CREATE TABLE facts (scope TEXT, key TEXT, value BLOB, PRIMARY KEY (scope, key))")
        connection.execute("INSERT INTO facts VALUES ('s', 'k', x'00')")
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    archive, again = opened(tmp_path / "a.sqlite3")
    assert (archive.problem, archive.recall(), archive.facts.find("s", "k")) == (None, None, None)
    assert everything(again) == everything(store)
    archive.remember(b"now", facts={"s": [("k", b"new")]})
    assert archive.facts.find("s", "k") == b"new"
    archive.close()


def test_what_is_not_in_memory_is_not_later_than_the_horizon(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3", limit=10)
    assert store.horizon("logs") == 0
    store.apply(log(number) for number in (*range(1, 40), 100, 50))
    store.write()

    def latest(store: Store) -> int:
        return max(row["at"] for row in store.rows("logs") if not store.holds("logs", row["id"]))

    assert store.held("logs") == 10
    assert latest(store) <= store.horizon("logs") < 50
    archive.close()
    archive, again = opened(tmp_path / "a.sqlite3", limit=10)
    assert latest(again) <= again.horizon("logs") < 50
    archive.close()


def test_a_new_row_is_not_looked_for_on_disk(tmp_path: Path) -> None:
    """Each row of a first reading is new; whether it is there already is known without the disk."""
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply(log(number) for number in range(30))
    store.write()
    assert store.count("logs") > store.held("logs")
    asked: list[str] = []
    for connection in (archive._connection, archive._reading):
        connection.set_trace_callback(asked.append)
    store.apply(log(number) for number in range(30, 40))
    assert asked == []
    store.apply([log(0, "changed")])
    assert len(asked) == 1
    store.write()
    assert not any("undo" in statement for statement in asked)
    archive.close()


def test_a_row_that_is_there_again_is_not_gone_though_it_was_written_only_the_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(1)])
    position = store.position
    store.apply([Gone("logs", "l1")])
    store.write()

    def fail(**values: bytes) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    store.apply([log(1, "again")])
    with monkeypatch.context() as patched:
        patched.setattr(archive, "_set", fail)
        with pytest.raises(sqlite3.OperationalError):
            store.write()
    assert store.unwritten == 1
    store.write()
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    answer = again.since(position)
    assert ([row["text"] for row in answer.rows["logs"]], answer.gone) == (["again"], {})


def test_more_rows_are_removed_at_once_than_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "TOMBSTONES", 3)
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply(log(number) for number in range(20))
    store.write()
    write = archive.write

    def interrupted(*args: Any) -> None:
        store.apply(Gone("logs", f"l{number}") for number in range(8, 16))
        write(*args)

    store.apply(Gone("logs", f"l{number}") for number in range(8))
    with monkeypatch.context() as patched:
        patched.setattr(archive, "write", interrupted)
        store.write()
    store.write()
    assert store.unwritten == 0
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    assert everything(again) == everything(store)
    assert again.count("logs") == 4


def test_removed_keys_are_remembered_in_bounded_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "TOMBSTONES", 3)
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(n) for n in range(10)])
    store.write()
    position = store.position
    store.apply([Gone("logs", f"l{n}") for n in range(6)])
    store.write()
    later = store.position
    archive.remember(b"")
    archive.close()
    _, again = opened(tmp_path / "a.sqlite3")
    assert again.since(position).reset
    assert not again.since(Position(later.epoch, later.seq)).reset


def test_rows_are_found_by_their_own_time(tmp_path: Path) -> None:
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply([log(n) for n in range(1, 11)])
    store.write()
    assert archive.before("logs", 5, limit=3) == ["l1", "l2", "l3"]
    archive.close()


def test_a_full_disk_loses_nothing_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    """SQLite reports a full disk when a database has as many pages as it may have."""
    archive, store = opened(tmp_path / "a.sqlite3")
    store.apply(log(number) for number in range(50))
    store.write()
    position = store.position
    pages = archive._connection.execute("PRAGMA page_count").fetchone()[0]
    archive._connection.execute(f"PRAGMA max_page_count = {pages}")
    text = "x" * 500
    store.apply([*(log(number, text) for number in range(40, 300)), Gone("logs", "l3")])
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.write()
    ids = {f"l{number}" for number in range(300)} - {"l3"}
    assert {row["id"] for row in store.rows("logs")} == ids
    assert [row["id"] for row in store.older("logs", 3)] == ["l299", "l298", "l297"]
    assert len(store.since(position).rows["logs"]) == 260
    assert store.since(position).gone == {"logs": ["l3"]}
    assert store.count("logs") == 299
    archive._connection.execute("PRAGMA max_page_count = 1000000")
    store.write()
    assert not store.unwritten
    assert store.held("logs") == 10
    assert {row["id"] for row in archive.since("logs", 0)} == ids
