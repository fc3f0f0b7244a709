"""``--keep-transcripts``: a transcript can be read after its agent has deleted the file."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import pytest

from agent_widget.ingest.collector import Collector
from agent_widget.ondemand import copies
from agent_widget.ondemand.copies import KeptTranscripts, directory_beside, kept_size
from agent_widget.ondemand.lookup import Lookup
from agent_widget.ondemand.search import Hit, Wanted
from agent_widget.ondemand.transcript import NoTranscript
from tests.benchmarks.homes import HOMES, Story, claude

pytestmark = pytest.mark.usefixtures("own_machine")

WRITTEN = 1_767_225_600 * 10**9
HOUR = 3600 * 10**9


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of Claude Code with a few sessions, written a second apart."""
    root = tmp_path / "home"
    claude(root, Story(2))
    for number, path in enumerate(sorted(root.rglob("*.jsonl"))):
        os.utime(path, ns=(WRITTEN + number * 10**9,) * 2)
    return root


def collected(home: Path) -> Collector:
    collector = Collector([home])
    collector.scan()
    return collector


def lookup(collector: Collector, kept: KeptTranscripts) -> Lookup:
    return Lookup(collector.store, collector.sources, collector.conversations, kept=kept)


def test_a_transcript_is_the_same_after_its_file_is_gone(home: Path, tmp_path: Path) -> None:
    collector = collected(home)
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR)
    session = collector.store.rows("sessions")[0]["id"]
    before = lookup(collector, kept).transcript(session, limit=20)
    assert kept.keep(collector.conversations) == len(collector.conversations)
    for path in home.rglob("*.jsonl"):
        path.unlink()
    extract = lookup(collector, kept).transcript(session, limit=20)
    assert extract == before
    assert extract.before is not None
    earlier = lookup(collector, kept).transcript(session, before=extract.before, limit=20)
    assert len(earlier.entries) >= 20
    with pytest.raises(NoTranscript):
        Lookup(collector.store, collector.sources, collector.conversations).transcript(session)


@pytest.mark.parametrize("kind", ["claude", "gemini documents"])
def test_a_text_is_found_in_the_copy_of_a_file_that_is_gone(tmp_path: Path, kind: str) -> None:
    HOMES[kind](tmp_path / "home", Story(0.2))
    paths = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    for path in paths:
        os.utime(path, ns=(WRITTEN, WRITTEN))
    collector = collected(tmp_path / "home")
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR)
    kept.keep(collector.conversations)
    reader = Lookup(collector.store, collector.sources, collector.conversations, None, None, collector.files, kept=kept)

    def hits(text: str) -> list[Hit]:
        search = reader.search(text, Wanted(place=frozenset({"prompt", "tool output", "tool call", "message"})))
        return search.portion(10_000, 60)

    before = hits("index table")
    assert {hit.place for hit in before} == {"prompt", "tool output"}
    for path in paths:
        path.unlink()
    assert hits("index table") == before
    assert hits("index of tables") == []
    entry = before[-1].agent_id or "", before[-1].position
    assert reader.transcript(entry[0], after=entry[1]).entries[0]["id"] == before[-1].entry
    for copy in (tmp_path / "kept").glob("*.gz"):
        copy.write_bytes(copy.read_bytes()[:-200])
    assert {hit.place for hit in hits("index table")} == {"tool call", "message"}, "what the rows have"


def test_copies_are_found_again_by_who_never_saw_the_file(home: Path, tmp_path: Path) -> None:
    collector = collected(home)
    session = collector.store.rows("sessions")[0]["id"]
    KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR).keep(collector.conversations)
    collector.conversations.clear()
    for path in home.rglob("*.jsonl"):
        path.unlink()
    assert lookup(collector, KeptTranscripts(tmp_path / "kept")).transcript(session, limit=20).entries


def test_a_file_is_copied_when_it_is_quiet_and_again_when_it_changed(home: Path, tmp_path: Path) -> None:
    collector = collected(home)
    now = WRITTEN + HOUR // 2
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: now)
    assert kept.keep(collector.conversations) == 0
    now = WRITTEN + 2 * HOUR
    made = kept.keep(collector.conversations)
    assert made == len(collector.conversations) > 1
    assert kept.keep(collector.conversations) == 0
    changed = next(home.rglob("*.jsonl"))
    with changed.open("a") as file:
        file.write("{}\n")
    os.utime(changed, ns=(now, now))
    assert kept.keep(collector.conversations) == 0
    now += 2 * HOUR
    assert kept.keep(collector.conversations) == 1
    copied = (tmp_path / "kept" / copies._name(changed)).read_bytes()
    assert gzip.decompress(copied) == changed.read_bytes()


def test_copies_are_for_their_owner_alone(home: Path, tmp_path: Path) -> None:
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR)
    kept.keep(collected(home).conversations)
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()} == {0o600}


def test_old_copies_and_the_oldest_past_the_bound_are_deleted(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = collected(home)
    now = WRITTEN + 2 * HOUR
    kept = KeptTranscripts(tmp_path / "kept", 24 * 3_600_000, lambda: now)
    made = kept.keep(collector.conversations)
    assert kept_size(tmp_path / "kept") == (made, kept.size)
    monkeypatch.setattr(copies, "MAX_TOTAL", kept.size - 1)
    kept.keep(collector.conversations)
    assert kept_size(tmp_path / "kept")[0] == made - 1
    monkeypatch.undo()
    now = WRITTEN + 48 * HOUR
    kept.keep(collector.conversations)
    assert kept_size(tmp_path / "kept") == (0, 0)


def test_a_file_that_is_too_large_is_not_copied(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MAX_FILE", 10)
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR)
    assert kept.keep(collected(home).conversations) == 0


def test_a_copy_that_is_damaged_is_no_transcript(home: Path, tmp_path: Path) -> None:
    collector = collected(home)
    session = collector.store.rows("sessions")[0]["id"]
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR)
    kept.keep(collector.conversations)
    for path in [*(tmp_path / "kept").glob("*.gz")]:
        path.write_bytes(path.read_bytes()[:100])
    for path in home.rglob("*.jsonl"):
        path.unlink()
    with pytest.raises(NoTranscript):
        lookup(collector, kept).transcript(session)


def test_any_damage_to_a_copy_leaves_nothing_of_it(home: Path, tmp_path: Path) -> None:
    """Whatever byte differs: either the copy still says what the file said, or there is no file to read."""
    path = min(home.rglob("*.jsonl"))
    (source,) = {source for files in collected(home).conversations.values() for source in files.values()}
    kept = KeptTranscripts(tmp_path / "kept", clock=lambda: WRITTEN + 2 * HOUR)
    kept.keep({"agent": {path: source}})
    written = path.read_bytes()
    path.unlink()
    (packed,) = (tmp_path / "kept").glob("*.gz")
    whole = packed.read_bytes()
    for place in {*range(20), *range(20, len(whole), len(whole) // 60), *range(len(whole) - 8, len(whole))}:
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with kept.restored(source, [path]) as (elsewhere, found):
            rest = elsewhere.root / path.relative_to(home)
            assert [one.read_bytes() for one in found] in ([], [written])
            assert rest.read_bytes() == (written if found else b"")


def test_copies_lie_beside_the_archive() -> None:
    assert directory_beside(Path("/a/b.sqlite3")) == Path("/a/b.sqlite3.transcripts")
