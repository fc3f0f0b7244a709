"""Tailing: each complete line once, and a file that is another one than before is noticed."""

from __future__ import annotations

import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent_widget.ingest import tail
from agent_widget.ingest.tail import Tail, Unreadable, open_regular, read_document


class Growing:
    """A file that somebody writes, and what a tail has read of it."""

    def __init__(self, directory: Path, content: bytes = b"") -> None:
        self.path = directory / "file.jsonl"
        self.path.write_bytes(content)
        self.tail = Tail(self.path, directory)
        self.restarts = 0

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def read(self) -> list[bytes]:
        """The lines that are new."""
        portions = list(self.tail.read())
        self.restarts += sum(portion.restarted for portion in portions)
        return [line for portion in portions for line in portion.lines]


@pytest.fixture
def file(tmp_path: Path) -> Growing:
    """An empty file that was read once."""
    growing = Growing(tmp_path)
    assert growing.read() == []
    return growing


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute has passed since everything was written."""
    monkeypatch.setattr(tail, "time", SimpleNamespace(time=lambda: time.time() + 60, sleep=time.sleep))


def touch(path: Path, seconds: float = 1) -> None:
    """Let a file be written later than it was."""
    written = path.stat().st_mtime_ns + int(seconds * 1e9)
    os.utime(path, ns=(written, written))


def test_a_write_in_the_middle_of_a_look_is_no_other_file(file: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system sets a file's time first, copies the bytes, and only then sets its size."""
    file.append(b"one\n")
    assert file.read() == [b"one"]
    fstat, looks = os.fstat, 0

    def in_the_middle(descriptor: int) -> os.stat_result:
        nonlocal looks
        looks += 1
        if looks == 2:  # the first only asks what kind of file it is
            touch(file.path)
        elif looks == 3:
            file.append(b"two\n")
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", in_the_middle)
    assert (file.read(), file.restarts) == ([b"two"], 0)


# ---------------------------------------------------------------------------------------------------------------------
# Lines


def test_each_complete_line_comes_once(file: Growing) -> None:
    file.append(b"one\ntwo\n")
    assert file.read() == [b"one", b"two"]
    assert file.read() == []
    file.append(b"three\n")
    assert file.read() == [b"three"]
    assert file.restarts == 0


def test_what_is_written_while_lines_are_taken_in_is_for_the_next_time(file: Growing) -> None:
    """A file that is written all the time would never be read to its end, and nobody told of its lines."""
    file.append(b"one\n")
    reading = file.tail.read()
    assert next(reading).lines == [b"one"]
    file.append(b"two\n")
    assert list(reading) == []
    assert (file.read(), file.restarts) == ([b"two"], 0)


def test_a_torn_line_waits_for_its_rest(file: Growing) -> None:
    for piece in (b'{"a"', b": ", b"1}\n{"):
        assert file.read() == []
        file.append(piece)
    assert file.read() == [b'{"a": 1}']
    assert file.tail.unfinished


def test_a_character_torn_in_the_middle_is_whole_in_its_line(file: Growing) -> None:
    euro = "€".encode()
    file.append(euro[:1])
    assert file.read() == []
    file.append(euro[1:] + b"\n")
    assert file.read() == [euro]


def test_windows_line_ends_are_line_ends(file: Growing) -> None:
    file.append(b"one\r\ntwo\r")
    assert file.read() == [b"one"]
    file.append(b"\nthree\r\r\n")
    assert file.read() == [b"two", b"three\r"]


def test_blank_lines_are_skipped(file: Growing) -> None:
    file.append(b"\n\r\n  \t\none\n\n\n")
    assert file.read() == [b"one"]


@pytest.mark.parametrize(
    "line",
    [
        "a\u2028b\u2029c\u0085d".encode(),
        b"a\x00b\x0b\x0c\x1c\x1d\x1eb",
        b"\xff\xfe\xc3 invalid \x80",
        b"a\rb",
        b"  indented  ",
    ],
)
def test_only_a_newline_ends_a_line_and_its_bytes_are_passed_on_as_they_are(file: Growing, line: bytes) -> None:
    file.append(line + b"\nnext\n")
    assert file.read() == [line, b"next"]


@pytest.mark.parametrize("torn_at", [0, 1, 3, 5])
@pytest.mark.parametrize("portion", [1, 8, 100])
def test_a_byte_order_mark_is_no_part_of_the_first_line(
    file: Growing, monkeypatch: pytest.MonkeyPatch, torn_at: int, portion: int
) -> None:
    monkeypatch.setattr(tail, "CHUNK", portion)
    data = b"\xef\xbb\xbf{}\n\xef\xbb\xbfnot at the start\n"
    file.append(data[:torn_at])
    assert file.read() == []
    file.append(data[torn_at:])
    assert file.read() == [b"{}", b"\xef\xbb\xbfnot at the start"]


def test_a_file_larger_than_a_portion_comes_in_several_and_in_order(tmp_path: Path) -> None:
    lines = [b"%d %s" % (n, b"x" * (n % 500)) for n in range(3000)]
    file = Growing(tmp_path, b"\n".join(lines) + b"\n")
    portions = list(file.tail.read())
    assert len(portions) > 2
    assert [line for portion in portions for line in portion.lines] == lines
    assert file.tail.offset == file.path.stat().st_size


def test_a_line_of_40_MB_is_skipped_and_counted_and_takes_no_memory(tmp_path: Path) -> None:
    file = Growing(tmp_path, b"before\n")
    with file.path.open("ab") as writer:
        for _ in range(40):
            writer.write(b"x" * 2**20)
        writer.write(b"\nafter\n")
    tracemalloc.start()
    try:
        lines = file.read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lines == [b"before", b"after"]
    assert file.tail.skipped_lines == 1
    assert peak < tail.MAX_LINE * 1.3


@pytest.mark.parametrize(("length", "kept"), [(100, True), (101, False), (5000, False)])
@pytest.mark.parametrize("piece", [1, 7, 50])
def test_a_line_may_be_as_long_as_the_limit(
    file: Growing, monkeypatch: pytest.MonkeyPatch, length: int, kept: bool, piece: int
) -> None:
    monkeypatch.setattr(tail, "MAX_LINE", 100)
    monkeypatch.setattr(tail, "CHUNK", piece)
    file.append(b"before\n" + b"x" * length + b"\nafter\n")
    assert file.read() == [b"before", *([b"x" * length] if kept else []), b"after"]
    assert file.tail.skipped_lines == (not kept)


# ---------------------------------------------------------------------------------------------------------------------
# A last line without newline


def test_a_last_line_without_newline_counts_once_nobody_writes_any_more(
    file: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.append(b"one\nlast")
    assert file.read() == [b"one"]
    monkeypatch.setattr(
        tail, "time", SimpleNamespace(time=lambda: file.path.stat().st_mtime + tail.SETTLED_SECONDS, sleep=time.sleep)
    )
    assert file.tail.unfinished
    assert file.read() == [b"last"]
    assert not file.tail.unfinished
    assert file.read() == []


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("pieces", [[b"\n"], [b"\r\n"], [b"\r", b"\n"]])
def test_it_does_not_count_again_when_its_newline_comes(file: Growing, pieces: list[bytes]) -> None:
    file.append(b"last")
    assert file.read() == [b"last"]
    for piece in pieces:
        file.append(piece)
        assert file.read() == []
        assert not file.tail.unfinished
    file.append(b"next\n")
    assert file.read() == [b"next"]


@pytest.mark.usefixtures("later")
def test_if_it_goes_on_after_all_the_whole_line_is_given(file: Growing) -> None:
    file.append(b"half")
    assert file.read() == [b"half"]
    file.append(b" and half\n")
    assert file.read() == [b"half and half"]


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(("last", "given"), [(b"last\r", [b"last"]), (b" \t", []), (b"\xef\xbb\xbf{}", [b"{}"])])
def test_it_is_cleaned_like_any_other_line(file: Growing, last: bytes, given: list[bytes]) -> None:
    file.append(last)
    assert file.read() == given
    assert not file.tail.unfinished


@pytest.mark.usefixtures("later")
def test_a_line_that_is_still_being_written_is_never_taken_for_finished(file: Growing) -> None:
    touch(file.path, 60)
    file.append(b"half")
    touch(file.path, 60)
    assert file.read() == []


# ---------------------------------------------------------------------------------------------------------------------
# Another file than before


def test_a_truncated_file_is_read_from_its_start(file: Growing) -> None:
    file.append(b"one\ntwo\n")
    file.read()
    file.path.write_bytes(b"new\n")
    assert file.read() == [b"new"]
    assert file.restarts == 1


def test_what_was_torn_before_a_truncation_is_forgotten(file: Growing) -> None:
    file.append(b"one\nhalf a li")
    file.read()
    file.path.write_bytes(b"new\n")
    assert file.read() == [b"new"]


def test_an_emptied_file_is_noticed_at_once(file: Growing) -> None:
    file.append(b"one\n")
    file.read()
    os.truncate(file.path, 0)
    assert file.read() == []
    assert file.restarts == 1


def test_a_file_emptied_and_filled_beyond_its_old_size_is_read_from_its_start(file: Growing) -> None:
    file.append(b"one\n")
    file.read()
    file.path.write_bytes(b"another and longer\n")
    assert file.read() == [b"another and longer"]


def test_a_log_that_is_copied_and_emptied_under_its_writer_goes_on(file: Growing) -> None:
    with file.path.open("ab") as writer:
        writer.write(b"one\ntwo\n")
        writer.flush()
        file.read()
        file.path.with_suffix(".1").write_bytes(file.path.read_bytes())
        os.truncate(file.path, 0)
        writer.write(b"three\n")
    assert file.read() == [b"three"]


@pytest.mark.parametrize("content", [b"new\n", b"one\n", b"one\nmore\n"])
def test_a_file_replaced_by_rename_is_read_from_its_start(file: Growing, content: bytes) -> None:
    file.append(b"one\n")
    file.read()
    file.path.with_suffix(".tmp").write_bytes(content)
    file.path.with_suffix(".tmp").rename(file.path)
    assert file.read() == content.splitlines()
    assert file.restarts == 1


def test_a_new_file_in_the_old_inode_and_of_the_same_size_is_recognised(file: Growing) -> None:
    file.append(b"one\ntwo\n")
    file.read()
    status = file.path.stat()
    with file.path.open("r+b") as writer:  # what ext4 often does with unlink and create, done for certain
        writer.write(b"ONE\nTWO\n")
    os.utime(file.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.path.stat().st_ino == status.st_ino
    assert file.read() == [b"ONE", b"TWO"]


def test_a_new_end_in_an_old_file_of_many_blocks_is_recognised(tmp_path: Path) -> None:
    lines = [b"%05d" % n for n in range(2000)]
    file = Growing(tmp_path, b"\n".join(lines) + b"\n")
    file.read()
    with file.path.open("r+b") as writer:
        writer.seek(-6, os.SEEK_END)
        writer.write(b"other\nmore\n")
    assert file.read() == [*lines[:-1], b"other", b"more"]


def test_a_new_beginning_in_an_old_file_of_many_blocks_is_recognised(tmp_path: Path) -> None:
    lines = [b"%05d" % n for n in range(2000)]
    file = Growing(tmp_path, b"\n".join(lines) + b"\n")
    file.read()
    with file.path.open("r+b") as writer:
        writer.write(b"other")
    file.append(b"more\n")
    assert file.read() == [b"other", *lines[1:], b"more"]


def test_a_file_rewritten_in_place_at_the_same_size_is_read_again(tmp_path: Path) -> None:
    lines = [b"%05d" % n for n in range(2000)]
    file = Growing(tmp_path, b"\n".join(lines) + b"\n")
    file.read()
    with file.path.open("r+b") as writer:
        writer.seek(6 * 1000)
        writer.write(b"other")
    touch(file.path)
    assert file.read() == [*lines[:1000], b"other", *lines[1001:]]


def test_a_file_rewritten_while_its_lines_are_taken_in_is_read_again(
    file: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "CHUNK", 8)
    file.append(b"old one\nold two\nold three\n")
    reading = file.tail.read()
    assert next(reading).lines == [b"old one"]
    file.path.write_bytes(b"NEW ONE\nNEW TWO\nNEW THREE\nNEW FOUR\n")
    assert [line for portion in reading for line in portion.lines] == []
    assert file.read() == [b"NEW ONE", b"NEW TWO", b"NEW THREE", b"NEW FOUR"]


def test_a_read_that_was_interrupted_goes_on_from_there(file: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "CHUNK", 4)
    file.append(b"one\ntwo\nsix\n")
    assert next(file.tail.read()).lines == [b"one"]
    assert file.read() == [b"two", b"six"]
    assert file.restarts == 0


def test_a_file_that_vanished_and_came_back_is_read_from_its_start(file: Growing) -> None:
    file.append(b"one\n")
    file.read()
    file.path.unlink()
    with pytest.raises(FileNotFoundError):
        file.read()
    file.path.write_bytes(b"new\n")
    assert file.read() == [b"new"]


# ---------------------------------------------------------------------------------------------------------------------
# What is not opened


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A watched directory with something outside of it; no descriptor stays open."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("secret\n")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    yield root
    assert not before or len(os.listdir("/proc/self/fd")) == before


def refusal(path: Path, root: Path) -> str:
    """Why a file is not read: for its lines and as a document, at once and without blocking."""
    with pytest.raises(Unreadable) as by_line:
        list(Tail(path, root).read())
    with pytest.raises(Unreadable) as whole:
        read_document(path, root)
    assert str(by_line.value) == str(whole.value)
    return str(by_line.value)


def test_no_symlink_leads_out_of_the_root(root: Path) -> None:
    (root / "link").symlink_to("../secret")
    (root / "out").symlink_to("..")
    for path in (root / "link", root / "out" / "secret", root / ".." / "secret", root.parent / "root2" / "x"):
        assert refusal(path, root) == "leads out of the watched directory"


def test_a_symlink_inside_the_root_is_followed(root: Path) -> None:
    (root / "real").write_bytes(b"one\n")
    (root / "link").symlink_to("real")
    assert [portion.lines for portion in Tail(root / "link", root).read()] == [[b"one"]]


def test_a_symlink_that_turns_in_a_circle_is_refused(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    assert "symbolic links" in refusal(root / "a", root)


def test_a_fifo_is_refused_and_does_not_block(root: Path) -> None:
    os.mkfifo(root / "fifo")
    assert refusal(root / "fifo", root) == "not a regular file"


def test_a_directory_is_refused(root: Path) -> None:
    (root / "directory").mkdir()
    assert refusal(root / "directory", root) == "not a regular file"


def test_a_file_without_permission_is_unreadable_with_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (root / "file").write_bytes(b"one\n")
    with monkeypatch.context() as patched:  # the tests may run as root, who may read anything
        patched.setattr(os, "open", refuse)
        assert refusal(root / "file", root) == "Permission denied"


@pytest.mark.parametrize("path", ["nothing", "no/such/directory", "file/below"])
def test_a_file_that_is_not_there_is_not_found(root: Path, path: str) -> None:
    (root / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError):
        open_regular(root / path, root)


def test_a_dangling_symlink_is_not_found(root: Path) -> None:
    (root / "link").symlink_to("gone")
    with pytest.raises(FileNotFoundError):
        open_regular(root / "link", root)


def test_a_document_is_read_whole_and_without_a_byte_order_mark(root: Path) -> None:
    (root / "tasks.json").write_bytes(b'\xef\xbb\xbf{"a":\r\n 1}\n')
    assert read_document(root / "tasks.json", root) == b'{"a":\r\n 1}\n'


def test_a_document_that_is_too_large_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MAX_DOCUMENT", 2**20)
    (root / "tasks.json").write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(Unreadable, match="larger than 1 MiB"):
        read_document(root / "tasks.json", root)


# ---------------------------------------------------------------------------------------------------------------------
# Any history of a file

PIECES = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b" ", b"\x00", "ü€".encode(), b"x" * 300]), max_size=8)


class History(RuleBasedStateMachine):
    """A file that grows and is changed in every way there is, and a reader who looks now and then.

    The reader must know, since its last restart, exactly the complete lines of the file; and as long as the file
    only grew, it must not have started again.
    """

    @initialize(chunk=st.sampled_from([1, 7, 64, tail.CHUNK]))
    def begin(self, chunk: int) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.root = Path(self.directory.name).resolve()
        self.path = self.root / "file.jsonl"
        self.tail = Tail(self.path, self.root)
        self.content = b""  # what is in the file
        self.unique = 0  # no two contents are alike
        self.only_grew = True  # since the last read
        self.exists = False
        self.seen: list[bytes] = []
        self.given: dict[int, list[bytes]] = {}  # line → what was given of it while it was the unfinished last
        self.real = tail.CHUNK, tail.time
        tail.CHUNK = chunk  # type: ignore[misc]

    def teardown(self) -> None:
        if hasattr(self, "real"):
            self.read(settled=True)
            tail.CHUNK, tail.time = self.real  # type: ignore[misc, assignment]
            self.directory.cleanup()

    def fresh(self, pieces: list[bytes]) -> bytes:
        """Content that never was in the file before."""
        self.unique += 1
        return b"%d:" % self.unique + b"".join(pieces)

    @rule(pieces=PIECES, newline=st.booleans())
    def append(self, pieces: list[bytes], newline: bool) -> None:
        data = self.fresh(pieces) + b"\n" * newline
        self.content, self.exists = self.content + data, True
        with self.path.open("ab") as file:
            file.write(data)

    @rule()
    def append_a_newline(self) -> None:
        if self.exists:
            self.content += b"\n"
            with self.path.open("ab") as file:
                file.write(b"\n")

    @rule(keep=st.floats(0, 1))
    def truncate(self, keep: float) -> None:
        size = int(len(self.content) * keep)
        if self.exists and size < len(self.content):
            self.content, self.only_grew = self.content[:size], False
            os.truncate(self.path, size)

    @rule(pieces=PIECES)
    def rewrite_in_place(self, pieces: list[bytes]) -> None:
        self.content, self.exists, self.only_grew = self.fresh(pieces), True, False
        self.path.write_bytes(self.content)

    @rule(pieces=PIECES, times=st.integers(1, 3))
    def replace_by_rename(self, pieces: list[bytes], times: int) -> None:
        for _ in range(times):
            self.content, self.exists, self.only_grew = self.fresh(pieces) + b"\n", True, False
            self.path.with_suffix(".tmp").write_bytes(self.content)
            self.path.with_suffix(".tmp").rename(self.path)

    @rule(pieces=PIECES, anew=st.booleans())
    def rotate(self, pieces: list[bytes], anew: bool) -> None:
        if self.exists:
            self.path.rename(self.path.with_suffix(".1"))
            self.content, self.exists, self.only_grew = b"", False, False
        if anew:
            self.append(pieces, newline=True)

    @rule(pieces=PIECES)
    def delete_and_make_anew(self, pieces: list[bytes]) -> None:
        if self.exists:
            self.path.unlink()
            self.content, self.only_grew = b"", False
            self.append(pieces, newline=True)

    @rule(where=st.floats(0, 1, exclude_max=True))
    def change_a_byte_and_read(self, where: float) -> None:
        if not self.content:
            return
        self.read(settled=False)
        at = int(len(self.content) * where)
        byte = b"b" if self.content[at : at + 1] == b"a" else b"a"
        self.content = self.content[:at] + byte + self.content[at + 1 :]
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(byte)
        touch(self.path)
        self.only_grew = False
        self.read(settled=False)

    def pass_time(self, settled: bool) -> None:
        """Let the last write be long ago, or just now."""
        now = time.time() + 600 * (1 if settled else -1)
        tail.time = SimpleNamespace(time=lambda: now, sleep=lambda seconds: None)  # type: ignore[assignment]

    @rule()
    def read_a_part(self) -> None:
        self.pass_time(settled=False)
        if self.exists:
            reading = self.tail.read()
            for portion in reading:
                self.take(portion)
                break
            reading.close()

    @rule(settled=st.booleans())
    def read(self, settled: bool) -> None:
        self.pass_time(settled)
        if not self.exists:
            with pytest.raises(FileNotFoundError):
                list(self.tail.read())
            return
        for portion in self.tail.read():
            self.take(portion)
        *_, last = lines = self.content.split(b"\n")
        if settled and last and not self.was_given(last, len(lines) - 1):
            self.given.setdefault(len(lines) - 1, []).append(last)
        expected = []
        for number, line in enumerate(lines):
            expected += self.given.get(number, [])
            if number < len(lines) - 1 and not self.was_given(line, number):
                expected.append(line)
        cleaned = [line.removesuffix(b"\r") for line in expected]
        assert self.seen == [line for line in cleaned if line and not line.isspace()]
        self.only_grew = True

    def was_given(self, line: bytes, number: int) -> bool:
        given = self.given.get(number)
        return given is not None and line.removeprefix(given[-1]) in (b"", b"\r")

    def take(self, portion: tail.Lines) -> None:
        if portion.restarted:
            assert not self.only_grew
            self.only_grew = True
            self.seen, self.given = [], {}
        self.seen += portion.lines

    @invariant()
    def the_model_knows_the_file(self) -> None:
        if hasattr(self, "path"):
            assert self.exists == self.path.exists()
            assert not self.exists or self.path.read_bytes() == self.content


History.TestCase.settings = settings(
    max_examples=80, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestHistory = History.TestCase


def test_what_an_append_costs_does_not_depend_on_the_size_of_the_file(
    file: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread, read = os.pread, list[int]()
    monkeypatch.setattr(os, "pread", lambda *args: read.append(args[1]) or pread(*args))
    costs = []
    for before in (4_000, 400_000):
        file.append(b"x" * before + b"\n")
        file.read()
        read.clear()
        file.append(b"one more line\n")
        assert file.read() == [b"one more line"]
        costs.append(list(read))
    assert costs[0] == costs[1]
    assert len(read) <= 4, "how the file begins and goes on, what is new, and how it ends now"
    assert max(read) <= tail.FINGERPRINT, "memory for what is there, not for a portion: to ask for that takes as long"
