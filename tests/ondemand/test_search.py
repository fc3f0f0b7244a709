"""Searching: everything that agents left, as they left it, newest first, in portions."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest import archive as archiving
from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.conversation_rows import SPEAKERS
from agent_widget.ondemand.search import Hit, Needle, Search, Searches, SearchOver, Wanted, transcripts
from agent_widget.ondemand.search.needle import texts_in
from agent_widget.ondemand.search.rows import RowSearch
from agent_widget.ondemand.transcript import files as transcript_files
from agent_widget.sources import SOURCES
from agent_widget.sources.claude import Claude
from agent_widget.sources.opencode import database as opencode_database
from agent_widget.store import Store
from agent_widget.tables import Record
from tests.benchmarks.homes import HOMES, OPENCODE, Story
from tests.sources.test_claude import ANN, PROJECT, Session
from tests.support.collecting import lookup
from tests.support.homes import WRITTEN
from tests.support.transcripts import Home, at, lines

FILE = f"{PROJECT}/{ANN}.jsonl"
BOB = ANN[:-1] + "b"
SECRET = "sk-ant-api03-" + "Ab1" * 31


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    return Home(Claude, tmp_path / "claude", now=at("09:10:00"))


def written(home: Home, *entries: dict[str, Any]) -> Collector:
    return home.write(FILE, lines(*entries)).read().collector


def all_of(search: Search, limit: int = 1000) -> list[Hit]:
    hits = []
    while not search.over:
        hits += search.portion(limit, 10)
    return hits


def found(collector: Collector, text: str, **wanted: Any) -> list[Hit]:
    return all_of(lookup(collector).search(text, Wanted(**wanted)))


def in_entries(hits: list[Hit]) -> list[tuple[str, str]]:
    return [(hit.place, hit.snippet) for hit in hits if hit.position is not None]


# ---------------------------------------------------------------------------------------------------------------------
# What matches


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("The Retry Budget is spent", "retry budget"),
        ("the retry\n\n   budget is spent", "retry budget"),
        ("the retry\tbudget", "retry budget"),
        ("Über größere Höhen", "ÜBER GRÖSSERE"[:4]),
        ("Über größere Höhen", "größere höhen"),
        ("ÉTÉ", "été"),
        ("漢字を検索", "字を"),
        ("a 👍 for it", "👍"),
        ('he said "no way" twice', '"no way"'),
        ("C:\\Users\\you", "C:\\users"),
        ("a/b/c.py", "a/b/c"),
        ('\\"', '\\"'),
        ("x <= y && z", "<= y &&"),
        ("ends with a line\n", "line"),
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_is_found_without_regard_to_case_and_to_how_json_escapes_it(
    home: Home, text: str, needle: str, ascii_only: bool
) -> None:
    line = json.dumps(Session().person(f"So: {text}"), ensure_ascii=ascii_only) + "\n"
    collector = home.write(FILE, line.encode()).read().collector
    ((place, snippet),) = in_entries(found(collector, needle))
    assert place == "prompt"
    assert snippet == " ".join(f"So: {text}".split())


def test_a_part_of_a_word_is_found_and_other_words_are_not(home: Home) -> None:
    collector = written(home, Session().person("The backpressure is high"))
    assert len(in_entries(found(collector, "press"))) == 1
    assert found(collector, "pressing") == []
    assert found(collector, "backpressure high") == [], "a phrase, not words"


def test_what_a_line_holds_beside_its_texts_is_not_found(home: Home) -> None:
    ann = Session()
    collector = written(home, ann.person("Paint"))
    assert in_entries(found(collector, "parentUuid")) == []


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 501])
def test_a_text_that_cannot_be_searched_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Needle(text)


# ---------------------------------------------------------------------------------------------------------------------
# Where


def test_every_place_is_searched(home: Home) -> None:
    ann = Session()
    collector = written(
        home,
        ann.person("walnut in the prompt"),
        ann.answer({"type": "thinking", "thinking": "walnut in a thought"}),
        ann.calls("t1", "Bash", command="grep walnut"),
        ann.returns("t1", "walnut.py: found"),
        ann.calls("t2", command="make walnut"),
        ann.returns("t2", "Exit code 2: no walnut", "Error: Exit code 2: no walnut", is_error=True),
        ann.calls("t3", "TodoWrite", todos=[{"content": "Crack the walnut", "status": "pending"}]),
        ann.says("The walnut is cracked"),
        ann.system("turn_duration"),
    )
    places = {(hit.place, hit.entry) for hit in found(collector, "walnut")}
    assert {("tool input", "t1"), ("tool output", "t1"), ("tool input", "t2"), ("tool output", "t2")} <= places
    assert {place for place, _ in places} == {
        "prompt",
        "thinking",
        "tool input",
        "tool output",
        "plan",
        "reply",
        "task",
        "session title",
    }


def test_a_hit_says_whose_it_is_and_when_and_leads_to_its_entry(home: Home) -> None:
    ann = Session()
    collector = written(
        home,
        ann.person("Paint"),
        ann.calls("t1", command="paint"),
        ann.returns("t1", "It is walnut now"),
        ann.says("Done"),
    )
    (hit,) = found(collector, "walnut")
    assert (hit.agent_id, hit.session_id, hit.at) == (ANN, ANN, at("09:00:03"))
    page = lookup(collector).transcript(ANN, after=hit.position)
    first = page.entries[0]
    assert (first["kind"], first["id"], first["output"]) == ("tool", hit.entry, "It is walnut now")


def test_the_output_of_a_call_made_long_before_leads_to_the_call(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcripts, "CHUNK", 2000)
    monkeypatch.setattr(transcript_files, "_HEAD", 100)
    ann = Session()
    between = [ann.says(f"Waiting {number}") for number in range(50)]
    collector = written(
        home, ann.person("Go"), ann.says("So"), ann.calls("t1", command="x"), *between, ann.returns("t1", "walnut")
    )
    (hit,) = found(collector, "walnut")
    first = lookup(collector).transcript(ANN, after=hit.position).entries[0]
    assert (first["id"], first["output"]) == ("t1", "walnut")


def test_several_hits_in_one_line_are_one_for_each_text(home: Home) -> None:
    ann = Session()
    both = ann.answer(
        {"type": "thinking", "thinking": "walnut walnut"},
        {"type": "text", "text": "walnut"},
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "walnut", "description": "walnut"}},
    )
    collector = written(home, ann.person("Go"), both)
    assert sorted(place for place, _ in in_entries(found(collector, "walnut"))) == ["reply", "thinking", "tool input"]


def test_a_subagents_conversation_is_its_own(home: Home) -> None:
    short = "a1234567"
    sub = Session(agentId=short, isSidechain=True)
    home.write(f"{PROJECT}/{ANN}/subagents/agent-{short}.jsonl", lines(sub.person("Find it"), sub.says("In the shed")))
    collector = written(home, Session().person("Paint"))
    (hit,) = found(collector, "the shed")
    assert hit.agent_id != ANN and hit.session_id == ANN
    assert lookup(collector).transcript(hit.agent_id or "", after=hit.position).entries[0]["id"] == hit.entry


@pytest.mark.parametrize("window", [50, 400, 1_000_000])
def test_lines_longer_than_what_is_looked_through_at_once_are_found(
    home: Home, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(transcripts, "CHUNK", window)
    monkeypatch.setattr(transcript_files, "_HEAD", window)
    ann = Session()
    collector = written(
        home, ann.person("walnut one"), ann.says("x" * 5000 + " walnut two " + "y" * 5000), ann.says("walnut three")
    )
    snippets = [snippet for _, snippet in in_entries(found(collector, "walnut"))]
    assert [next(word for word in ("one", "two", "three") if word in snippet) for snippet in snippets] == [
        "three",
        "two",
        "one",
    ]


def test_a_byte_order_mark_windows_line_ends_and_a_last_line_without_newline_hide_nothing(home: Home) -> None:
    ann = Session()
    data = b"\xef\xbb\xbf" + lines(ann.person("walnut one"), ann.says("walnut two")).replace(b"\n", b"\r\n").rstrip()
    collector = home.write(FILE, data).read().collector
    assert len(in_entries(found(collector, "walnut"))) == 2


def test_each_of_two_records_on_one_line_is_found(home: Home) -> None:
    ann = Session()
    prompt, reply = lines(ann.person("Paint the barn")).rstrip(b"\n"), lines(ann.says("The barn is green."))
    collector = home.write(FILE, prompt + reply).read().collector
    assert in_entries(found(collector, "barn")) == [("reply", "The barn is green."), ("prompt", "Paint the barn")]


def test_an_answer_that_came_long_after_the_start_of_its_agent_is_found(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript_files, "_HEAD", 100)
    ann = Session()
    says = "<result>The walnut is in the shed</result><status>completed</status>"
    notice = (
        f'<task-notification><task-id>a1</task-id>{says}<summary>Agent "Look" finished</summary></task-notification>'
    )
    collector = written(
        home,
        ann.person("Look for it"),
        ann.calls("t1", "Agent", description="Look", prompt="Look for it"),
        ann.returns("t1", "Launched", {"isAsync": True, "status": "async_launched", "agentId": "a1"}),
        *(ann.says(f"Waiting {number}") for number in range(30)),
        ann.person(notice),
        ann.person(notice.replace("Agent", "Background command").replace("walnut", "oak")),
    )
    (hit,) = [hit for hit in found(collector, "walnut") if hit.position is not None]
    assert (hit.place, hit.agent_id, hit.snippet) == ("answer", ANN, "The walnut is in the shed")
    entry = lookup(collector).transcript(ANN, after=hit.position).entries[0]
    assert (entry["id"], entry["sender"], entry["text"]) == (hit.entry, f"{ANN}/a1", "The walnut is in the shed")
    assert in_entries(found(collector, "oak")) == []


def test_names_of_agents_and_of_parameters_are_found(home: Home) -> None:
    told = Session()
    collector = written(home, told.person("Paint"), told.calls("t1", "mcp__shed__paint", colours={"walnut": ["brown"]}))
    (hit,) = found(collector, "walnut")
    assert (hit.place, hit.entry) == ("tool input", "t1")
    name = collector.store.rows("sessions")[0]["project"]
    (hit,) = found(collector, name, place=frozenset({"agent name"}))
    assert (hit.agent_id, hit.session_id, hit.entry, hit.snippet) == (ANN, ANN, ANN, name)


def test_rows_are_found_and_a_memory_file_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "working.md").write_text("# Notes\n\n" + "so it goes. " * 60 + "And a walnut at the end.\n")
    (tmp_path / "tasks.json").write_text(json.dumps({"tasks": [{"id": "T1", "title": "Crack the walnut"}]}))
    (tmp_path / "message-bus.jsonl").write_bytes(
        lines({"id": "m1", "from": "ann", "to": "bob", "content": "A walnut?", "timestamp": "2026-01-01T09:00:00Z"})
    )
    collector = Collector([tmp_path])
    collector.scan()
    places = {hit.place: hit for hit in found(collector, "walnut")}
    assert set(places) == {"task", "message", "memory"}
    for table, place in (("tasks", "task"), ("messages", "message"), ("memory", "memory")):
        assert collector.store.get(table, places[place].entry) is not None
        assert places[place].position is None
    (tmp_path / "working.md").unlink()
    assert {hit.place for hit in found(collector, "walnut")} == {"task", "message"}
    assert [hit.place for hit in found(collector, "it goes")] == ["memory"], "what was read before"


def test_rows_of_files_that_are_gone_are_still_found(home: Home) -> None:
    ann = Session()
    collector = written(home, ann.person("Paint it walnut"), ann.says("It is walnut"), ann.system("turn_duration"))
    (home.root / FILE).unlink()
    assert {hit.place for hit in found(collector, "walnut")} >= {"message", "session title"}


def test_a_message_that_only_an_inbox_holds_is_found_though_its_recipient_has_a_transcript(home: Home) -> None:
    sent = {"from": "bob", "text": "The walnut is cracked", "timestamp": "2026-01-01T09:05:00Z"}
    home.write(
        "teams/shop/config.json", json.dumps({"leadSessionId": ANN, "members": [{"name": "team-lead"}]}).encode()
    )
    home.write("teams/shop/inboxes/team-lead.json", json.dumps([sent]).encode())
    (hit,) = found(written(home, Session().person("Paint")), "walnut")
    assert (hit.place, hit.snippet) == ("message", "The walnut is cracked")


# ---------------------------------------------------------------------------------------------------------------------
# What only the archive has


@pytest.fixture
def kept(home: Home, tmp_path: Path) -> Iterator[Collector]:
    """What was said in two sessions, all of it in the archive and none in memory; Bob's file is gone."""
    for session in (ANN, BOB):
        told = Session(session)
        home.write(
            f"{PROJECT}/{session}.jsonl",
            lines(
                told.person(f"Paint the walnut, {session}"),
                told.calls(f"call-{session}", command="crack the walnut"),
                told.returns(f"call-{session}", "a größer walnut"),
                told.says("It is walnut\nbrown"),
            ),
        )

    def collector() -> Collector:
        return Collector([home.root], clock=lambda: at("09:10:00"), archive=lambda places: Archive.open(tmp_path / "a"))

    first = collector()
    first.scan()
    first.close()
    (home.root / f"{PROJECT}/{BOB}.jsonl").unlink()
    again = collector()
    again.scan()
    assert again.store.held("messages") == again.store.held("tool_calls") == 0
    yield again
    again.close()


@pytest.mark.parametrize("text", ["walnut", "größer walnut", "GRÖSSER"[:2], "walnut brown", "crack the"])
def test_what_was_said_in_a_file_that_is_gone_is_found_in_the_archive(kept: Collector, text: str) -> None:
    hits = found(kept, text)
    assert {hit.agent_id for hit in hits if hit.position is not None} == {ANN}
    of_rows = {(hit.agent_id or "", hit.place) for hit in hits if hit.position is None and "title" not in hit.place}
    assert of_rows and {BOB} == {BOB if agent == "user" else agent for agent, _ in of_rows}


def test_rows_of_conversations_whose_files_are_searched_are_not_looked_at(
    kept: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    holding = archiving._holding
    monkeypatch.setattr(archiving, "_holding", lambda rows, anchors: looked.append(len(rows)) or holding(rows, anchors))
    assert found(kept, "no such text") == []
    assert sum(looked) == 3, "two messages and a call of Bob's"
    looked.clear()
    assert {hit.agent_id for hit in found(kept, "walnut", place=frozenset({"tool call"}))} == {ANN, BOB}
    assert sum(looked) == 2, "no file is searched"


def test_rows_are_looked_through_if_their_file_goes_while_it_is_searched(kept: Collector, home: Home) -> None:
    search = lookup(kept).search("walnut")
    assert search.portion(100, 0) == [], "the files are known now"
    (home.root / FILE).unlink()
    hits = all_of(search)
    assert {hit.agent_id for hit in hits if hit.place == "tool call"} == {ANN, BOB}
    assert {hit.place for hit in hits if hit.position is not None} == set()


def test_a_search_of_the_archive_ends_when_it_is_given_up(kept: Collector) -> None:
    search = lookup(kept).search("walnut")
    while not any(hit.agent_id == BOB for hit in search.portion(1, 10)):
        assert not search.over
    search.close()
    assert search.over
    assert search.portion(10, 10) == []


def test_what_is_past_the_retention_is_not_found(home: Home, kept: Collector) -> None:
    kept.retention_ms = 1
    while kept.prune():
        pass
    assert {hit.agent_id for hit in found(kept, "walnut")} == {ANN}, "its file tells"


def test_the_archive_of_an_older_version_learns_whose_rows_are(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    rows = {
        agent: Record("tool_calls", f"c-{agent}", {"at": 1, "agent_id": agent, "input": "walnut"}) for agent in "ab"
    }
    archive, store = Archive.open(path), Store()
    store.back(archive, archive.saved({}), {})
    store.apply(rows.values())
    store.write()
    archive.close()
    with closing(sqlite3.connect(path)) as connection:  # as that version left it
        for table, columns in SPEAKERS.items():
            connection.execute(f"DROP INDEX {table}_at")
            for column in columns:
                connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
            connection.execute(f"CREATE INDEX {table}_at ON {table} (at, id)")
        connection.execute("PRAGMA user_version = 3")
    archive = Archive.open(path)
    (page,) = archive.holding("tool_calls", (b"walnut",), ["a"])
    assert [row["id"] for row in page] == ["c-b"]
    archive.close()


# ---------------------------------------------------------------------------------------------------------------------
# Secrets

PEM = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEAwalnut1" * 150 + "\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("secret", "parts"),
    [(SECRET, [SECRET, "Ab1Ab1", "sk-ant"]), (PEM, ["AQEAwalnut1MIIE"]), ("Hunter2x9Kq!", ["unter2"])],
)
def test_a_masked_secret_is_no_hit_whole_or_in_part(home: Home, secret: str, parts: list[str]) -> None:
    ann = Session()
    collector = written(
        home,
        ann.person(f"Use password={secret} for it" if secret != PEM else PEM),
        ann.calls("t1", "Login", password=secret),
        ann.calls("t2", "Bash", command=f"login --password '{secret}'" if secret != PEM else f"echo '{PEM}'"),
    )
    for part in parts:
        assert found(collector, part) == []
    collector.masking = False
    assert in_entries(found(collector, parts[0]))


def test_a_mask_is_not_found_by_its_own_words(home: Home) -> None:
    collector = written(home, Session().person(f"masked before, and {SECRET} after"))
    (hit,) = [hit for hit in found(collector, "masked") if hit.position]
    assert hit.snippet.startswith("masked before")
    assert SECRET not in hit.snippet


def test_a_text_is_found_beside_a_secret_that_holds_it_too(home: Home) -> None:
    collector = written(home, Session().person(f"{SECRET} " + "so " * 10_000 + "and Ab1Ab1 alone"))
    ((_, snippet),) = in_entries(found(collector, "Ab1Ab1"))
    assert "and Ab1Ab1 alone" in snippet


# ---------------------------------------------------------------------------------------------------------------------
# What is wanted


def test_hits_are_restricted_by_agent_session_source_place_and_time(home: Home) -> None:
    ann = Session()
    home.write(f"{PROJECT}/{BOB}.jsonl", lines(Session(BOB).person("A walnut for Bob")))
    collector = written(home, ann.person("A walnut"), ann.says("Which walnut?"))
    assert {hit.agent_id for hit in found(collector, "walnut")} == {ANN, BOB}
    assert {hit.agent_id for hit in found(collector, "walnut", agent_id=frozenset({BOB}))} == {BOB}
    assert {hit.session_id for hit in found(collector, "walnut", session_id=frozenset({ANN}))} == {ANN}
    assert [hit.place for hit in found(collector, "walnut", place=frozenset({"reply"}))] == ["reply"]
    assert found(collector, "walnut", source=frozenset({"codex"})) == []
    assert len(found(collector, "walnut", source=frozenset({"claude"}))) == len(found(collector, "walnut"))
    late = found(collector, "walnut", since=at("09:00:02"))
    assert late and all(hit.at is not None and hit.at >= at("09:00:02") for hit in late)
    early = found(collector, "walnut", until=at("09:00:01"))
    assert early and all(hit.at is not None and hit.at <= at("09:00:01") for hit in early)


# ---------------------------------------------------------------------------------------------------------------------
# In a database


def opencode(root: Path, *texts: str, ascii_only: bool = False) -> Collector:
    """A session in OpenCode's database: a prompt for each text, a second apart."""
    root.mkdir()
    with closing(sqlite3.connect(root / "opencode.db")) as database:
        database.executescript(OPENCODE)
        begun = 1_767_268_800_000
        session = ("ses_1", None, "/home/ann/shop", "Paint", begun, begun, None)
        database.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?)", session)
        for number, text in enumerate(texts):
            when, id = begun + number * 1000, f"msg_{number:04}"
            row = (id, "ses_1", when, when, json.dumps({"role": "user", "time": {"created": when}}))
            database.execute("INSERT INTO message VALUES (?, ?, ?, ?, ?)", row)
            part = json.dumps({"type": "text", "text": text}, ensure_ascii=ascii_only)
            values = (f"prt_{number:04}", id, "ses_1", when, when, part)
            database.execute("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", values)
        database.commit()
    collector = Collector([root], clock=lambda: 1_767_270_000_000)
    collector.scan()
    return collector


def test_of_a_database_only_the_messages_that_hold_the_text_are_read_the_last_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"The {'Retry Budget' if number % 100 == 7 else 'paint'} of {number}" for number in range(300)]
    collector = opencode(tmp_path / "opencode", *texts)
    read: list[str] = []
    read_message = opencode_database.read_message

    def counted(id: str, *rest: Any) -> Any:
        read.append(id)
        return read_message(id, *rest)

    monkeypatch.setattr(opencode_database, "read_message", counted)
    hits = in_entries(found(collector, "retry  budget"))
    assert hits == [("prompt", f"The Retry Budget of {number}") for number in (207, 107, 7)]
    assert sorted(read) == ["msg_0007", "msg_0107", "msg_0207"]
    assert found(collector, "nowhere") == []
    assert len(read) == 3


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    ("text", "needle"), [("Über größere Höhen", "GRÖSSERE"[:3]), ("漢字を検索", "字を"), ('say "no"', '"no"')]
)
def test_a_text_is_found_in_a_database_however_json_escapes_it(
    tmp_path: Path, text: str, needle: str, ascii_only: bool
) -> None:
    collector = opencode(tmp_path / "opencode", text, ascii_only=ascii_only)
    assert in_entries(found(collector, needle)) == [("prompt", text)]


# ---------------------------------------------------------------------------------------------------------------------
# In what order, and how much at once


def test_the_newest_file_comes_first_and_in_it_the_last_entry(home: Home) -> None:
    for number, session in enumerate((ANN, BOB)):
        path = f"{PROJECT}/{session}.jsonl"
        told = Session(session)
        home.write(path, lines(told.person(f"walnut {session} 1"), told.says(f"walnut {session} 2")))
        os.utime(home.root / path, (1_800_000_000 + number, 1_800_000_000 + number))
    snippets = [snippet for _, snippet in in_entries(found(home.read().collector, "walnut"))]
    assert snippets == [f"walnut {BOB} 2", f"walnut {BOB} 1", f"walnut {ANN} 2", f"walnut {ANN} 1"]


def test_a_search_goes_on_where_it_stopped(home: Home) -> None:
    ann = Session()
    collector = written(home, *(ann.says(f"walnut {number}") for number in range(30)))
    whole = found(collector, "walnut")
    searches = Searches()
    portion = searches.begin(lookup(collector).search("walnut"), 7, 10)
    hits = list(portion.hits)
    assert len(hits) == 7
    while portion.cursor is not None:
        portion = searches.go_on(portion.cursor, 7, 10)
        hits += portion.hits
    assert hits == whole
    assert portion.bytes == portion.total > 0


def test_the_first_hit_is_not_held_back_and_nothing_is_done_before_its_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, session in enumerate((ANN, BOB)):
        told = Session(session)
        home.write(f"{PROJECT}/{session}.jsonl", lines(*(told.says(f"walnut {each}") for each in range(9))))
        os.utime(home.root / f"{PROJECT}/{session}.jsonl", (1_800_000_000 + number, 1_800_000_000 + number))
    collector = home.read().collector
    opened = list[str]()
    open_regular = transcripts.open_regular
    monkeypatch.setattr(
        transcripts, "open_regular", lambda path, root: opened.append(path.stem) or open_regular(path, root)
    )
    monkeypatch.setattr(RowSearch, "_hit", lambda *_: pytest.fail("rows are older"))
    search = lookup(collector).search("walnut")
    assert [hit.snippet for hit in search.portion(100, 10, 0)] == ["walnut 8"]
    assert opened == [BOB], "the newest"
    assert len(search.portion(10, 10, 0)) == 10, "only the first is hurried"


def test_of_a_long_document_only_the_last_entry_is_looked_at_before_the_first_hit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    HOMES["gemini documents"](tmp_path / "home", Story(0.1))
    collector = Collector([tmp_path / "home"])
    collector.scan()
    looked, snippet_in = list[Any](), Needle.snippet_in
    monkeypatch.setattr(Needle, "snippet_in", lambda *of: looked.append(of) or snippet_in(*of))
    assert len(lookup(collector).search("the").portion(100, 10, 0)) == 1
    assert len(looked) < 10


def test_a_portion_is_bounded_whatever_there_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcripts, "CHUNK", 1000)
    ann = Session()
    collector = written(home, *(ann.says("nothing of it, at some length " * 20) for _ in range(100)))
    search = lookup(collector).search("walnut")
    steps = []
    while not search.over:
        before = search.bytes
        search.portion(10, 0)  # the least that is done at once
        steps.append(search.bytes - before)
    assert max(steps) < 4000
    assert sum(steps) == search.total


def test_a_search_that_nobody_goes_on_with_is_given_up(home: Home) -> None:
    ann = Session()
    collector = written(home, *(ann.says(f"walnut {number}") for number in range(30)))
    searches = Searches()

    def begin() -> str:
        cursor = searches.begin(lookup(collector).search("walnut"), 1, 10).cursor
        assert cursor is not None
        return cursor

    first, second, third, *_ = (begin() for _ in range(5))
    with pytest.raises(SearchOver):
        searches.go_on(first, 1, 10)
    assert searches.go_on(second, 1, 10).hits
    searches.end(second)
    with pytest.raises(SearchOver):
        searches.go_on(second, 1, 10)
    searches.close()
    with pytest.raises(SearchOver):
        searches.go_on(third, 1, 10)
    assert searches.begin(lookup(collector).search("walnut"), 1, 10).cursor is None


def test_files_that_vanish_break_or_grow_meanwhile_end_nothing(home: Home) -> None:
    paths = []
    for number in range(4):
        session = f"{number}" * 8 + ANN[8:]
        path = f"{PROJECT}/{session}.jsonl"
        home.write(path, lines(Session(session).person(f"walnut {number}")))
        os.utime(home.root / path, (1_800_000_000 - number, 1_800_000_000 - number))
        paths.append(home.root / path)
    search = lookup(home.read().collector).search("walnut", Wanted(place=frozenset({"prompt"})))
    (first,) = search.portion(1, 10)
    assert first.snippet == "walnut 0"
    paths[1].unlink()
    paths[2].write_bytes(b'{"walnut": [}\n\xff\xfe walnut \x00\n')
    rest = all_of(search)
    assert [hit.snippet for hit in rest] == ["walnut 3"]


# ---------------------------------------------------------------------------------------------------------------------
# Every text of every transcript of every agent

CONVERSATIONS = [
    pytest.param(source, make, head, id=f"{source.name}-{number}-{head}")
    for source in SOURCES
    for number, make in enumerate(WRITTEN[source.name])
    for head in (64 * 1024, 1)
    # in those of Kimi what a tool returned can only be read after its call
    if source.has_transcripts and (head > 1 or not source.name.startswith("kimi"))
]


def texts_to_find(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """What an entry says that the agent wrote there, each with its place."""
    # in words of ours; titles that may have been given long before; what the tool of the delegation returned, too
    if entry["kind"] in ("end", "plan", "answer"):
        return []
    if entry["kind"] != "tool":
        return [(entry["kind"], entry["text"] or "")]
    return [
        *(("tool input", text) for _, text in texts_in(entry["input"])),
        *(("tool output", text) for _, text in texts_in(entry["output"])),
    ]


def parts(text: str) -> list[str]:
    """Some parts of some words."""
    words = re.findall(r"\w{3,}", text) if "[masked" not in text else []
    middles = [(word, len(word) // 2) for word in words[:: max(1, len(words) // 3)][:3]]
    return [word[max(0, middle - 4) : middle + 4] for word, middle in middles]


@pytest.mark.parametrize(("kind", "make", "head"), CONVERSATIONS)
def test_every_text_of_a_transcript_is_found_and_leads_back_to_its_entry(
    kind: Any, make: Any, head: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcript_files, "_HEAD", head)
    home = Home(kind, tmp_path / "home")
    for path, data in make().items():
        home.write(path, data)
    collector = home.read().collector
    read = lookup(collector)
    checked = 0
    for agent in list(collector.conversations):
        for entry in read.transcript(agent, limit=500).entries:
            for place, text in texts_to_find(entry):
                for part in parts(text):
                    wanted = {"place": frozenset({place}), "agent_id": frozenset({agent})}
                    hits = [hit for hit in found(collector, part, **wanted) if hit.entry == entry["id"]]
                    assert hits, (agent, place, entry["id"], part)
                    later = read.transcript(agent, after=hits[0].position).entries
                    assert (entry["kind"], entry["id"]) in {(after["kind"], after["id"]) for after in later}
                    checked += 1
    assert checked


@pytest.mark.parametrize("held", [None, 40])
def test_rows_of_a_long_table_are_found_the_newest_first_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_machine: Path, held: int | None
) -> None:
    monkeypatch.setattr(archiving, "LOOKED_AT", 30)
    (tmp_path / "memory").mkdir()
    collector = Collector([tmp_path / "memory"])
    store, archive = collector.store, None
    if held is not None:
        archive = Archive.open(tmp_path / "a.sqlite3")
        store.back(archive, archive.saved({"logs": held}), {"logs": held})
    store.apply([Record("logs", f"l{at}", {"at": at, "text": f"needle {at}"}) for at in range(1, 201)])
    store.write()
    assert store.held("logs") == (held or 200)
    assert [hit.entry for hit in found(collector, "needle")] == [f"l{at}" for at in range(200, 0, -1)]
    if archive is not None:
        archive.close()


@pytest.mark.parametrize("text", ["the Walnut", "größe", "字を検", 'say "no"'])
def test_of_rows_in_the_archive_only_those_that_hold_the_text_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_machine: Path, text: str
) -> None:
    monkeypatch.setattr(archiving, "LOOKED_AT", 30)
    (tmp_path / "memory").mkdir()
    collector = Collector([tmp_path / "memory"])
    store, archive = collector.store, Archive.open(tmp_path / "a.sqlite3")
    store.back(archive, archive.saved({"logs": 10}), {"logs": 10})
    store.apply(
        [
            Record("logs", f"l{at}", {"at": at, "text": f"line {at}" + f" {text}!" * (at in (7, 50))})
            for at in range(200)
        ]
    )
    store.write()
    decoded: list[bytes] = []
    row_of = archiving.row_of
    monkeypatch.setattr(archiving, "row_of", lambda names, data: decoded.append(data) or row_of(names, data))
    assert [hit.entry for hit in found(collector, text.upper() if text.isascii() else text)] == ["l50", "l7"]
    assert len(decoded) == 2
    archive.close()
