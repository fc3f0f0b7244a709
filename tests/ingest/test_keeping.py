"""What an archive is given at a checkpoint follows what has changed; what it has need not be in memory."""

from __future__ import annotations

import json
import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.file import File, State
from agent_widget.sources.claude import Claude
from tests.ingest.test_warm_start import collector, everything, kill, read_at_once

pytestmark = pytest.mark.usefixtures("own_machine")


def lines(session: str, begin: int, end: int) -> bytes:
    """A conversation: a prompt, then calls and their results."""
    found: list[dict[str, Any]] = []
    for number in range(begin, end):
        stamp = datetime.fromtimestamp(1_767_200_000 + number, UTC).isoformat().replace("+00:00", "Z")
        of = {"sessionId": session, "cwd": "/home/ann/shop", "timestamp": stamp}
        call = f"toolu_{session}_{number}"
        used = {"type": "tool_use", "id": call, "name": "Edit", "input": {"file_path": f"/home/ann/shop/{number}.py"}}
        usage = {"input_tokens": 10, "output_tokens": number}
        answer = {"id": f"msg_{session}_{number}", "model": "claude-opus-4-5", "content": [used], "usage": usage}
        result = {"type": "tool_result", "tool_use_id": call, "content": "done"}
        found += [
            {**of, "type": "user", "uuid": f"p{number}", "message": {"role": "user", "content": f"Go on {number}."}},
            {**of, "type": "assistant", "uuid": f"a{number}", "message": answer},
            {**of, "type": "user", "uuid": f"r{number}", "message": {"role": "user", "content": [result]}},
        ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in found)


def transcript(root: Path, number: int) -> Path:
    return root / "projects" / "-home-ann-shop" / f"00000000-0000-4000-8000-{number:012}.jsonl"


def grow(path: Path, begin: int, end: int) -> None:
    """Append to a transcript that looks as if it had been there for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(lines(path.stem, begin, end))
    moment = 1_767_200_000 + end
    os.utime(path, (moment, moment))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, int]]:
    """What each checkpoint wrote: files, facts, and bytes of all of it."""
    found: list[dict[str, int]] = []
    remember = Archive.remember

    def count(self: Archive, memory: bytes, files: Any = (), forgotten: Any = (), facts: Any = None) -> None:
        size = sum(len(value or b"") for entries in facts.values() for _, value in entries)
        size += sum(len(state) + len(reader or b"") for _, state, reader in files)
        found.append({"files": len(files), "facts": sum(map(len, facts.values())), "bytes": size, "rest": len(memory)})
        remember(self, memory, files, forgotten, facts)

    monkeypatch.setattr(Archive, "remember", count)
    return found


def change_of(home: Path, archive: Path, sessions: int, written: list[dict[str, int]]) -> dict[str, int]:
    """What the checkpoint after one more prompt, call and result writes, with so many sessions before it."""
    for number in range(sessions):
        grow(transcript(home, number), 0, 3)
    running = collector(home, archive)
    running.scan()
    running.checkpoint()
    grow(transcript(home, 0), 3, 4)
    running.scan()
    running.checkpoint()
    running.close()
    return written[-1]


def test_a_checkpoint_costs_what_changed_whatever_there_is(tmp_path: Path, written: list[dict[str, int]]) -> None:
    few = change_of(tmp_path / "few", tmp_path / "few.sqlite3", 2, written)
    many = change_of(tmp_path / "many", tmp_path / "many.sqlite3", 60, written)
    assert few["files"] == many["files"] == 1
    assert 5 < few["facts"] == many["facts"] <= 15
    assert abs(few["bytes"] - many["bytes"]) < 200
    count = len(written)
    again = collector(tmp_path / "many", tmp_path / "many.sqlite3")
    again.scan()
    again.close()
    assert len(written) == count, "nothing changed, nothing is written"


def awake(running: Collector) -> set[Path]:
    return {file.path for file in running.files.values() if file.reader is not None}


def test_readers_of_quiet_files_are_on_disk_until_their_files_change(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number in range(20):
        grow(transcript(home, number), 0, 3)
    running = collector(home, tmp_path / "a.sqlite3")
    running.scan()
    assert len(awake(running)) == 20
    running.checkpoint()
    assert awake(running) == set()
    for number in (3, 7):
        grow(transcript(home, number), 3, 5)
    running.scan()
    assert awake(running) == {transcript(home, 3), transcript(home, 7)}
    assert everything(running) == read_at_once(home)
    running.close()


def test_agents_that_were_busy_need_not_be_in_memory_when_all_is_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number in range(100):
        grow(transcript(home, number), 0, 3)
        data = transcript(home, number).read_bytes()
        transcript(home, number).write_bytes(data[: data.rindex(b'{"sessionId')])  # its last call runs
    running = collector(home, tmp_path / "a.sqlite3")
    running.look()
    running.read_on()
    running.checkpoint()
    for number in range(100):
        transcript(home, number).write_bytes(lines(transcript(home, number).stem, 0, 3))
    running.look()
    while not running.read_on(lambda: True):
        running.settle()
        running.checkpoint()
    running.settle()
    assert len(running.statuses._courses) <= 50, "a course is as long as its agent's life"
    running.scan()
    assert everything(running) == read_at_once(home)
    running.close()


def test_without_an_archive_every_reader_stays(tmp_path: Path) -> None:
    grow(transcript(tmp_path, 0), 0, 3)
    running = collector(tmp_path)
    running.scan()
    running.checkpoint()
    assert awake(running) == {transcript(tmp_path, 0)}


def test_a_reader_that_is_lost_costs_reading_its_file_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number in range(3):
        grow(transcript(home, number), 0, 3)
    running = collector(home, tmp_path / "a.sqlite3")
    running.scan()
    running.checkpoint()
    assert running.archive is not None
    running.archive._connection.execute("UPDATE readers SET data = x'00'")
    running.archive._connection.commit()
    grow(transcript(home, 1), 3, 5)
    running.scan()
    assert everything(running) == read_at_once(home)
    running.close()


def test_a_reader_that_cannot_be_kept_costs_reading_its_file_again(tmp_path: Path) -> None:
    home, archive = tmp_path / "home", tmp_path / "a.sqlite3"
    for number in range(3):
        grow(transcript(home, number), 0, 3)
    running = collector(home, archive)
    running.scan()
    running.checkpoint()
    grow(transcript(home, 1), 3, 5)
    grow(transcript(home, 2), 3, 5)
    running.scan()
    file = running.files[str(transcript(home, 1))]
    assert file.reader is not None
    file.reader.odd = lambda: None  # type: ignore[attr-defined]
    running._hot.clear()
    running.checkpoint()
    assert awake(running) == {transcript(home, 1)}, "nothing else has its reader"
    assert running.archive_problem is not None and str(transcript(home, 1)) in running.archive_problem
    (state,) = running.states()
    assert any("is read again at the next start" in problem for problem in state.problems)
    kill(running)
    again = collector(home, archive)
    assert set(again.files) == {str(transcript(home, number)) for number in (0, 2)}
    again.scan()
    assert everything(again) == read_at_once(home)
    again.checkpoint()
    assert again.archive_problem is None
    again.close()


def test_an_entry_that_cannot_be_kept_costs_itself(tmp_path: Path) -> None:
    home, archive = tmp_path / "home", tmp_path / "a.sqlite3"
    grow(transcript(home, 0), 0, 3)
    running = collector(home, archive)
    running.scan()
    assert running._keeper is not None
    entries: dict[str, Any] = running._keeper.kept(0)["book.calls"]
    entries["odd"] = 2**64
    running.checkpoint()
    assert running.unkept == 0 and running.archive_problem is not None and "odd" in running.archive_problem
    before = everything(running)
    running.close()
    again = collector(home, archive)
    assert set(again.files) == {str(transcript(home, 0))}
    again.scan()
    assert everything(again) == before
    again.close()


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="most file systems do not keep such times")
@pytest.mark.parametrize("moment", [10**11, -(10**11)])
def test_a_file_may_be_from_any_year(moment: int) -> None:
    """A file system in memory has times that no 64 bits of nanoseconds hold: tmpfs(5), utimensat(2)."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        home = Path(directory) / "home"
        for number in range(2):
            grow(transcript(home, number), 0, 3)
        os.utime(transcript(home, 0), (moment, moment))
        running = collector(home, Path(directory) / "a.sqlite3")
        running.scan()
        running.checkpoint()
        assert running.unkept == 0 and running.archive_problem is None
        running.close()
        again = collector(home, Path(directory) / "a.sqlite3")
        again.look()
        assert not again._list, "nothing is read again"
        again.close()


def test_a_killed_server_goes_on_in_the_middle_of_a_large_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = transcript(home, 0)
    grow(path, 0, 2000)
    running = collector(home, tmp_path / "a.sqlite3")
    running.look()
    running.read_on(lambda: True)
    running.settle()
    running.checkpoint()
    done = running.files[str(path)].done
    assert 0 < done < path.stat().st_size
    running.read_on(lambda: True)  # what is not in a checkpoint is read again
    running.settle()
    running.save()
    kill(running)
    running = collector(home, tmp_path / "a.sqlite3")
    assert running.files[str(path)].done == done
    running.scan()
    assert everything(running) == read_at_once(home)
    running.close()


def test_one_of_two_conversations_that_share_an_answer_may_be_asleep(tmp_path: Path) -> None:
    """A fork repeats what was billed, called and changed in a file whose reader, and whose facts, are on disk."""
    home = tmp_path / "home"
    grow(transcript(home, 0), 0, 1500)
    running = collector(home, tmp_path / "a.sqlite3")
    running.scan()
    running.checkpoint()
    fork = transcript(home, 1)
    fork.write_bytes(transcript(home, 0).read_bytes().replace(b'"sessionId": "0', b'"sessionId": "1'))
    running.scan()
    assert everything(running) == read_at_once(home)
    running.close()


def test_a_file_that_is_asleep_takes_little_memory(tmp_path: Path) -> None:
    root, count = tmp_path / "home", 1000
    root.mkdir()
    source = Claude(root)
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(State).decode

    def states(first: int) -> Iterator[tuple[str, bytes]]:
        for number in range(first, first + count):
            agent = f"8c7d1f0a-5b1e-4c39-9a2e-{number:012}"
            stamp = 10**7 + number, 10**5 + number, 1_767_268_800 * 10**9 + number
            whole = stamp[1], stamp[2], False, False, 0, None, 0, (agent,), stamp[1], 0, False
            state = State(0, "lines", stamp, None, None, 0, None, *whole)
            yield str(root / "projects" / f"p{number % 20}" / f"{agent}.jsonl"), encode(state)

    def size(first: int) -> int:
        reads, kept = Collector([root]), list(states(first))
        tracemalloc.start()
        try:
            for name, data in kept:
                file = File.restored(source, name, decode(data))
                reads.files[file.name] = file
                reads._progress.note(file)
                for agent in file.speakers:
                    reads._note_speaker(agent, file)
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    # Python's own table of the parts of paths may have to grow meanwhile: not twice
    assert min(size(0), size(count)) / count < 1250
