"""Replacing a file, and adding a line to one: whole or not at all, with everything that others write meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from agent_widget.writing import files
from agent_widget.writing.files import Busy, Unwritable, append, rewrite


def nothing() -> None:
    """No lock to check."""


def test_a_file_keeps_its_mode_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    (tmp_path / ".tasks.json.0.agent-widget-tmp").write_text("of a killed writer")
    rewrite(path, tmp_path, lambda old: (old or b"") + b" and new", nothing)
    assert path.read_bytes() == b"old and new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("change", ["rewrite", "append"])
def test_a_file_that_is_read_only_stays_as_it_is(tmp_path: Path, change: str) -> None:
    """Its owner said so; a rename would not ask, and root may write anyway."""
    path = tmp_path / "tasks.json"
    path.write_bytes(b"old\n")
    path.chmod(0o444)
    with pytest.raises(Unwritable, match="read-only"):
        if change == "rewrite":
            rewrite(path, tmp_path, lambda old: b"new", nothing)
        else:
            append(path, tmp_path, b"new", nothing)
    assert path.read_bytes() == b"old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_is_as_private_as_the_user_makes_files(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        rewrite(tmp_path / "tasks.json", tmp_path, lambda old: b"new", nothing)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "tasks.json").stat().st_mode) == 0o600


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    rewrite(tmp_path / "tasks.json", tmp_path, lambda old: b"new" if old is None else old, nothing)
    assert (tmp_path / "tasks.json").read_bytes() == b"new"


@pytest.mark.parametrize("there", [True, False])
def test_who_writes_without_a_lock_is_not_written_over(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "tasks.json"
    if there:
        path.write_bytes(b"0")
    seen: list[bytes | None] = []

    def edit(old: bytes | None) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            path.write_bytes(b"theirs")
        return (old or b"") + b"+ours"

    rewrite(path, tmp_path, edit, nothing)
    assert seen == [b"0" if there else None, b"theirs"]
    assert path.read_bytes() == b"theirs+ours"


def test_who_never_stops_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(b"")

    def edit(old: bytes | None) -> bytes:
        path.write_bytes((old or b"") + b".")
        return b"ours"

    with pytest.raises(Busy, match="takes no lock"):
        rewrite(path, tmp_path, edit, nothing)
    assert path.read_bytes() == b"." * files.TRIES
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_added_to_the_old_file_at_the_last_moment_is_taken_over(tmp_path: Path) -> None:
    """Whoever had the file open while it was replaced writes into the old one."""
    path = tmp_path / "bus.jsonl"
    path.write_bytes(b"1\n")
    late = path.open("ab")
    replace = os.replace

    def and_then(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        replace(source, target)
        late.write(b"2\n")
        late.flush()

    with late, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", and_then)
        rewrite(path, tmp_path, lambda old: b"one\n", nothing)
    assert path.read_bytes() == b"one\n2\n"


def test_a_lost_lock_stops_it(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(b"old")

    def lost() -> None:
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        rewrite(path, tmp_path, lambda old: b"new", lost)
    with pytest.raises(RuntimeError, match="lost"):
        append(path, tmp_path, b"new", lost)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fails", ["write", "fsync"])
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, fails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tasks.json"
    path.write_bytes(b"old")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if fails == "fsync":
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(Unwritable, match="No space"):
            rewrite(path, tmp_path, lambda old: b"new", nothing)
    else:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(Unwritable, match="No space"):
            append(path, tmp_path, b"new", nothing)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b"x\n"),
        (b"", b"x\n"),
        (b"1\n", b"1\nx\n"),
        (b'{"a": 1}', b'{"a": 1}\nx\n'),
        (b'{"torn', b'{"torn\nx\n'),
    ],
)
def test_a_line_begins_on_a_line_of_its_own(tmp_path: Path, before: bytes | None, after: bytes) -> None:
    path = tmp_path / "bus.jsonl"
    if before is not None:
        path.write_bytes(before)
    append(path, tmp_path, b"x", nothing)
    assert path.read_bytes() == after


def test_a_symlink_inside_stays_one_and_one_that_leads_out_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "memory", tmp_path / "outside.json"
    root.mkdir()
    outside.write_bytes(b"theirs")
    (root / "real.json").write_bytes(b"old")
    (root / "tasks.json").symlink_to("real.json")
    (root / "out.json").symlink_to(outside)
    rewrite(root / "tasks.json", root, lambda old: b"new", nothing)
    assert (root / "tasks.json").is_symlink()
    assert (root / "real.json").read_bytes() == b"new"
    for write in (rewrite, append):
        with pytest.raises(Unwritable, match="leads out"):
            write(root / "out.json", root, (lambda old: b"new") if write is rewrite else b"new", nothing)  # type: ignore[operator]
    assert outside.read_bytes() == b"theirs"


def test_only_regular_files_are_written(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tasks.json")
    with pytest.raises(Unwritable, match="regular"):
        rewrite(tmp_path / "tasks.json", tmp_path, lambda old: b"new", nothing)
    with pytest.raises(Unwritable, match="regular"):
        append(tmp_path / "tasks.json", tmp_path, b"new", nothing)
