"""Processes that look ahead of a search: it finds the same, and reads only what may hold the text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.ingest.collector import Collector
from agent_widget.ondemand.search import Search, ahead, engine, sift, transcripts
from agent_widget.sources.claude import Claude
from tests.ondemand.test_search import all_of, in_entries
from tests.sources.test_claude import ANN, PROJECT, Session
from tests.support.collecting import lookup
from tests.support.transcripts import Home, at, lines

SESSIONS = [f"{number:08}{ANN[8:]}" for number in range(12)]


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    """Twelve conversations, the first written last; the second and the second last are about a walnut."""
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    home = Home(Claude, tmp_path / "claude", now=at("09:10:00"))
    for number, session in enumerate(SESSIONS):
        what = "Walnut" if number in (1, 10) else "oak"
        told = Session(session)
        home.write(f"{PROJECT}/{session}.jsonl", lines(told.person("Begin"), told.says(f"The {what} of {number}")))
        os.utime(home.root / PROJECT / f"{session}.jsonl", (1_800_000_000 - number, 1_800_000_000 - number))
    return home.read().collector


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that searches themselves open, in order."""
    names: list[str] = []
    open_regular = transcripts.open_regular

    def noted(path: Path, root: Path) -> int:
        names.append(path.stem)
        return open_regular(path, root)

    monkeypatch.setattr(transcripts, "open_regular", noted)
    return names


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> list[ahead.Ahead]:
    """Let processes help each search after its first file, and wait until they have answered; returns them."""
    begun: list[ahead.Ahead] = []

    class Waited(ahead.Ahead):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            begun.append(self)
            for process, _ in self._parts:
                process.wait(30)

    monkeypatch.setattr(engine, "ALONE", 0)
    monkeypatch.setattr(engine, "MUCH", 0)
    monkeypatch.setattr(engine, "Ahead", Waited)
    monkeypatch.setattr(ahead, "cores", lambda: 3)
    return begun


@pytest.mark.skipif(os.name != "posix", reason="no processes help there")
def test_files_without_the_text_are_not_opened_by_the_search(
    collector: Collector, helped: list[ahead.Ahead], opened: list[str]
) -> None:
    search = lookup(collector).search("walnut")
    hits = in_entries(all_of(search))
    assert hits == [("reply", "The Walnut of 1"), ("reply", "The Walnut of 10")]
    assert opened == [SESSIONS[0], SESSIONS[1], SESSIONS[10]], "the first before anybody helps"
    assert search.bytes == search.total
    assert len(helped) == 1


def test_without_help_the_same_is_found(
    collector: Collector, helped: list[ahead.Ahead], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead.sys, "executable", "/nowhere/python")
    hits = in_entries(all_of(lookup(collector).search("walnut")))
    assert hits == [("reply", "The Walnut of 1"), ("reply", "The Walnut of 10")]
    assert opened == SESSIONS


def test_a_little_is_searched_alone(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "Ahead", lambda *_: pytest.fail("started"))
    assert len(in_entries(all_of(lookup(collector).search("walnut")))) == 2


def test_processes_end_with_the_search_that_they_help(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    started = ahead._started
    monkeypatch.setattr(engine, "ALONE", 0)
    monkeypatch.setattr(engine, "MUCH", 0)
    monkeypatch.setattr(ahead, "cores", lambda: 3)
    monkeypatch.setattr(ahead, "_started", lambda task: begun.append(started(task)) or begun[-1])
    search: Search = lookup(collector).search("oak")
    search.portion(2, 10)
    assert begun and all(process.returncode is None for process in begun)
    search.close()
    assert all(process.returncode is not None and process.stdout.closed for process in begun)


@pytest.mark.parametrize(
    ("data", "anchors", "expected"),
    [
        (b"a WalNut here", (b"walnut",), True),
        (b"an oak here", (b"walnut",), False),
        (b"an oak here", (b"walnut", b"oak"), True),
        ("Größe".encode(), ("größe".encode(),), True),
        (b"x" * 5 + b"walnut", (b"walnut",), True),  # over the end of what is read at once
        (b"x" * 8 + b"\n", (b"\n",), True),
        (b"", (b"a",), False),
    ],
)
def test_a_process_tells_what_holds_an_anchor(
    tmp_path: Path, data: bytes, anchors: tuple[bytes, ...], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sift, "CHUNK", 8)
    (tmp_path / "file").write_bytes(data)
    assert sift.may_hold(os.fsencode(tmp_path / "file"), anchors) is expected


def test_a_process_leaves_what_it_cannot_read_to_the_search(tmp_path: Path) -> None:
    assert sift.may_hold(os.fsencode(tmp_path / "nothing"), (b"a",))
    assert sift.may_hold(os.fsencode(tmp_path), (b"a",))


@given(st.lists(st.binary(max_size=6)), st.binary(min_size=1, max_size=5).map(bytes.lower))
def test_an_anchor_is_found_wherever_the_parts_end(parts: list[bytes], anchor: bytes) -> None:
    assert any(sift.holding(parts, (anchor,))) == (anchor in b"".join(parts).lower())


@given(st.lists(st.sampled_from([b"A", b"ab", b"b", b"ba", b""])), st.sampled_from([b"a", b"abab", b"bba"]))
def test_an_anchor_that_nearly_repeats_is_found_wherever_the_parts_end(parts: list[bytes], anchor: bytes) -> None:
    assert any(sift.holding(parts, (anchor, b"bbbbb"))) == any(
        each in b"".join(parts).lower() for each in (anchor, b"bbbbb")
    )
