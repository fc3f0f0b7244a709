"""Transcripts on demand: extracts of a conversation read from the agent's own file, the same for all agents."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import agent_widget as aw
from agent_widget.ingest.collector import Collector
from agent_widget.ondemand.transcript import Extract, NoTranscript
from agent_widget.ondemand.transcript.diffs import diff_of
from agent_widget.sources import SOURCES
from agent_widget.sources.base import Source
from agent_widget.sources.claude import Claude
from agent_widget.sources.codex import Codex
from agent_widget.sources.ledger import Book
from tests.sources.test_claude import ANN, PROJECT, Session
from tests.sources.test_opencode import Writer, put, reading, tree
from tests.support.collecting import lookup
from tests.support.transcripts import SHARED, Home, at, iso, lines
from tests.support.wire import hosted

FILE = f"{PROJECT}/{ANN}.jsonl"
SECRET = "sk-ant-api03-" + "Ab1" * 31


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    return Home(Claude, tmp_path / "claude", now=at("09:10:00"))


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each read of a part of a file returned."""
    pread, sizes = os.pread, []

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        data = pread(descriptor, length, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    return sizes


def written(home: Home, *records: dict[str, Any]) -> Collector:
    return home.write(FILE, lines(*records)).read().collector


def kinds(extract: Extract) -> list[str]:
    return [entry["kind"] for entry in extract.entries]


def all_extracts(collector: Collector, id: str, limit: int) -> Iterator[Extract]:
    """From the newest to the oldest."""
    extract = lookup(collector).transcript(id, limit=limit)
    yield extract
    while extract.before is not None:
        extract = lookup(collector).transcript(id, before=extract.before, limit=limit)
        yield extract


def joined(extracts: list[Extract]) -> list[dict[str, Any]]:
    return [entry for extract in reversed(extracts) for entry in extract.entries]


# ---------------------------------------------------------------------------------------------------------------------
# What an entry says


def test_a_turn_is_in_order_with_a_call_and_its_result_as_one_entry(home: Home) -> None:
    ann = Session()
    collector = written(
        home,
        ann.person("Paint the door"),
        ann.answer({"type": "thinking", "thinking": "Green, I think."}),
        ann.calls("t1", "Edit", file_path="door.py", old_string="red\nwide", new_string="green\nwide"),
        ann.returns("t1", "The file door.py has been updated."),
        ann.calls("t2", command="make"),
        ann.returns("t2", "Exit code 2", "Error: Exit code 2", is_error=True),
        ann.says("It is green now."),
        ann.system("turn_duration"),
    )
    extract = lookup(collector).transcript(ANN)
    assert kinds(extract) == ["prompt", "thinking", "tool", "tool", "reply", "end"]
    prompt, thinking, edited, failed, reply, end = extract.entries
    assert (prompt["sender"], prompt["text"]) == ("user", "Paint the door")
    assert (thinking["text"], reply["text"]) == ("Green, I think.", "It is green now.")
    assert (edited["name"], edited["status"], edited["duration_ms"]) == ("Edit", "ok", 1000)
    assert edited["input"]["new_string"] == "green\nwide"
    assert edited["diff"].splitlines() == ["--- door.py", "+++ door.py", "@@", "-red", "+green", " wide"]
    assert edited["files"] == ["door.py"]
    assert (failed["status"], failed["error"], failed["diff"]) == ("error", "Exit code 2", None)
    assert end["how"] == "done"
    assert (extract.before, prompt["at"]) == (None, at("09:00:01"))


def test_images_are_placeholders(home: Home) -> None:
    ann = Session()
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "x" * 5000}}
    prompt = ann.person("")
    prompt["message"]["content"] = [{"type": "text", "text": "Like this:"}, picture]
    shown = ann.returns("t1", [picture])
    extract = lookup(written(home, prompt, ann.calls("t1", "Read", file_path="door.png"), shown)).transcript(ANN)
    assert extract.entries[0]["text"] == "Like this:\n[image]"
    assert extract.entries[1]["output"] == "[image]"


def test_a_call_that_gave_work_to_a_subagent_names_it_and_the_subagent_has_a_transcript_of_its_own(home: Home) -> None:
    ann, short = Session(), "a1234567"
    sub = Session(agentId=short, isSidechain=True)
    home.write(
        f"{PROJECT}/{ANN}/subagents/agent-{short}.jsonl",
        lines(sub.person("Find the paint"), sub.says("It is in the shed.")),
    )
    collector = written(
        home,
        ann.person("Paint"),
        ann.calls("t1", "Task", prompt="Find the paint", subagent_type="Explore"),
        ann.returns("t1", "It is in the shed.", {"agentId": short, "status": "completed"}),
    )
    (call,) = [entry for entry in lookup(collector).transcript(ANN).entries if entry["kind"] == "tool"]
    extract = lookup(collector).transcript(call["child"])
    assert [(entry["kind"], entry.get("text")) for entry in extract.entries][:2] == [
        ("prompt", "Find the paint"),
        ("reply", "It is in the shed."),
    ]
    assert extract.entries[0]["sender"] == ANN


def test_secrets_are_masked_in_texts_inputs_and_diffs(home: Home) -> None:
    ann = Session()
    collector = written(
        home,
        ann.person(f"Use {SECRET}"),
        ann.calls("t1", "Write", file_path=".env", content=f"KEY={SECRET}"),
        ann.calls("t2", "Login", password="Hunter2x9Kq!"),
        ann.returns("t2", f"in with {SECRET}"),
    )
    text = json.dumps(lookup(collector).transcript(ANN).entries)
    assert SECRET not in text
    assert "Hunter2" not in text
    assert "Use " in text and ".env" in text
    collector.masking = False
    assert SECRET in json.dumps(lookup(collector).transcript(ANN).entries)


def test_long_texts_are_cut_unless_more_is_asked_for(home: Home) -> None:
    ann = Session()
    collector = written(home, ann.person("x" * 50_000))
    (entry,) = lookup(collector).transcript(ANN).entries
    assert entry["text"] == "x" * 20_000 + "… (30,000 more characters)"
    (entry,) = lookup(collector).transcript(ANN, chars=60_000).entries
    assert entry["text"] == "x" * 50_000


@pytest.mark.parametrize(
    ("tool", "given", "expected"),
    [
        ("Write", {"file_path": "a", "content": "1\n2"}, "--- a\n+++ a\n@@\n+1\n+2"),
        ("replace", {"file_path": "a", "old_string": "1", "new_string": "2"}, "--- a\n+++ a\n@@\n-1\n+2"),
        ("edit", {"filePath": "a", "oldString": "1", "newString": "2"}, "--- a\n+++ a\n@@\n-1\n+2"),
        ("str_replace_editor", {"path": "a", "old_str": "1", "new_str": "2"}, "--- a\n+++ a\n@@\n-1\n+2"),
        (
            "MultiEdit",
            {
                "file_path": "a",
                "edits": [{"old_string": "1", "new_string": "2"}, {"old_string": "3", "new_string": ""}],
            },
            "--- a\n+++ a\n@@\n-1\n+2\n@@\n-3",
        ),
        ("apply_patch", "*** Begin Patch\n*** Add File: a\n+1\n*** End Patch", None),
        ("apply_patch", {"input": "*** Begin Patch\n+1"}, "*** Begin Patch\n+1"),
        ("create", {"path": "a", "file_text": "1"}, "--- a\n+++ a\n@@\n+1"),
    ],
)
def test_the_edits_of_all_agents_become_diffs(tool: str, given: Any, expected: str | None) -> None:
    assert diff_of(tool, given) == (given if expected is None else expected)


@pytest.mark.parametrize("given", [None, "ls -l", {"command": "ls"}, {"file_path": "a"}, {"edits": [3, {"x": 1}]}, [1]])
def test_what_is_no_edit_has_no_diff(given: Any) -> None:
    assert diff_of("Bash", given) is None


# ---------------------------------------------------------------------------------------------------------------------
# Pages


def long(turns: int, output: int = 3000) -> list[dict[str, Any]]:
    """Turns of which each has a call that returns only after the next prompt was queued."""
    ann, entries = Session(), []
    for turn in range(turns):
        entries += [
            ann.person(f"Prompt {turn}"),
            ann.calls(f"t{turn}", command="make"),
            ann.says(f"Meanwhile {turn}", stop=None),
            ann.returns(f"t{turn}", "o" * output),
            ann.says(f"Done {turn}."),
        ]
    return entries


def test_extracts_of_any_size_join_to_the_whole(home: Home) -> None:
    collector = written(home, *long(60))  # several windows
    whole = joined(list(all_extracts(collector, ANN, 500)))
    assert len(whole) == 300
    assert all(entry["status"] == "ok" for entry in whole if entry["kind"] == "tool")
    for limit in (1, 7, 50, 299):
        assert joined(list(all_extracts(collector, ANN, limit))) == whole, limit


def test_an_extract_begins_anywhere_and_its_calls_still_have_their_results(home: Home) -> None:
    collector = written(home, *long(3))
    first = lookup(collector).transcript(ANN, limit=4)
    extract = lookup(collector).transcript(ANN, before=first.before, limit=3)
    assert all(entry["status"] == "ok" for entry in extract.entries if entry["kind"] == "tool")
    assert extract.after is None, "only the newest extract is followed"


def test_entries_since_an_extract_include_calls_that_were_open_in_it(home: Home) -> None:
    ann = Session()
    collector = written(home, ann.person("Paint"), ann.says("Right away.", stop=None), ann.calls("t1", command="make"))
    extract = lookup(collector).transcript(ANN)
    assert extract.entries[-1]["status"] == "running"
    assert kinds(lookup(collector).transcript(ANN, after=extract.after)) == ["tool"]
    written(home, ann.returns("t1", "fine"), ann.says("Done."))
    later = lookup(collector).transcript(ANN, after=extract.after)
    assert (later.entries[0]["kind"], later.entries[0]["id"]) == ("tool", extract.entries[-1]["id"])
    assert (later.entries[0]["status"], kinds(later)) == ("ok", ["tool", "reply", "end"])
    assert lookup(collector).transcript(ANN, after=later.after).entries == []


def test_a_task_that_was_named_on_an_earlier_extract_keeps_its_title(home: Home) -> None:
    ann = Session()
    collector = written(
        home,
        ann.calls("t1", "TaskCreate", subject="Paint the door"),
        ann.returns("t1", "created", {"task": {"id": "7", "subject": "Paint the door"}}),
        *(ann.says("x" * 50_000, stop=None) for _ in range(4)),
        ann.calls("t2", "TaskUpdate", taskId="7", status="completed"),
        ann.returns("t2", "updated", {"success": True, "taskId": "7"}),
    )
    (plan,) = [entry for entry in lookup(collector).transcript(ANN, limit=2).entries if entry["kind"] == "plan"]
    assert plan["todos"] == [{"id": "7", "title": "Paint the door", "status": "completed"}]


def test_a_line_that_is_being_written_comes_with_the_next_extract(home: Home) -> None:
    ann = Session()
    collector = written(home, ann.person("Paint"))
    line = lines(ann.says("It is green."))
    home.write(FILE, line[:40])
    extract = lookup(collector).transcript(ANN)
    assert kinds(extract) == ["prompt"]
    home.write(FILE, line[40:])
    assert kinds(lookup(collector).transcript(ANN, after=extract.after)) == ["reply", "end"]


@pytest.mark.parametrize("between", [b"", b" ", b"\0\0"])
def test_two_records_on_one_line_are_two_entries(home: Home, between: bytes) -> None:
    ann = Session()
    prompt, reply = lines(ann.person("Paint")).rstrip(b"\n"), lines(ann.says("It is green."))
    collector = home.write(FILE, prompt + between + reply).read().collector
    assert kinds(lookup(collector).transcript(ANN)) == ["prompt", "reply", "end"]


def test_a_conversation_in_several_files_is_one(home: Home) -> None:
    early, late = Session(), Session()
    early.clock, late.clock = 8 * 3600, 9 * 3600
    home.write(f"{PROJECT}/zzz.jsonl", lines(early.person("First"), early.says("One.")))
    late.numbers = iter(range(100, 200))
    collector = written(home, late.person("Second"), late.says("Two."))
    entries = lookup(collector).transcript(ANN).entries
    assert [entry["text"] for entry in entries if entry["kind"] != "end"] == ["First", "One.", "Second", "Two."]
    for limit in (1, 2, 3):
        assert joined(list(all_extracts(collector, ANN, limit))) == lookup(collector).transcript(ANN).entries


def test_the_end_of_a_file_of_any_size_is_read_alone(home: Home, bytes_read: list[int]) -> None:
    collector = written(home, *long(300, output=20_000))
    size = (home.root / FILE).stat().st_size
    bytes_read.clear()
    assert len(lookup(collector).transcript(ANN, limit=10).entries) >= 10
    assert sum(bytes_read) < size / 5


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.5, 0.99])
def test_from_any_place_no_more_is_read_than_about_what_is_shown(
    home: Home, bytes_read: list[int], side: str, part: float
) -> None:
    collector = written(home, *long(400, output=20_000))
    size = (home.root / FILE).stat().st_size
    bytes_read.clear()
    found = lookup(collector).transcript(ANN, limit=20, **{side: f"{round(size * part)}@{FILE}"})
    assert len(found.entries) >= 19 or (side, part) in (("before", 0.0), ("after", 0.99))
    assert sum(bytes_read) < 2_000_000 < size / 3, "whatever the size of the file"


@pytest.mark.parametrize("limit", [10, 50, 200])
@pytest.mark.parametrize("output", [100, 2_000, 20_000])
def test_little_more_is_read_than_is_shown_however_long_the_entries_are(
    home: Home, bytes_read: list[int], limit: int, output: int
) -> None:
    collector = written(home, *long(100, output=output))
    size = (home.root / FILE).stat().st_size
    bytes_read.clear()
    found = lookup(collector).transcript(ANN, limit=limit, before=f"{size // 10 * 9}@{FILE}")
    assert len(found.entries) >= limit
    assert sum(bytes_read) < 3 * limit * size / 500 + 800_000


def test_a_transcript_that_cannot_be_read_is_an_error_with_the_reason(home: Home, tmp_path: Path) -> None:
    ann = Session()
    collector = written(home, ann.person("Paint"), ann.says("Done."))
    extract = lookup(collector).transcript(ANN, limit=1)
    with pytest.raises(NoTranscript, match="no session 'nobody'"):
        lookup(collector).transcript("nobody")
    for place in ("", "7", "x@y", "../../etc/passwd", f"-1@{FILE}", f"{'9' * 30}@{FILE}", "0@projects/other.jsonl"):
        with pytest.raises(ValueError, match=r"place in (a|this) transcript"):
            lookup(collector).transcript(ANN, before=place)
    (home.root / FILE).unlink()
    with pytest.raises(NoTranscript, match="its file is gone"):
        lookup(collector).transcript(ANN, before=extract.before)


def test_a_link_that_leads_out_is_not_followed(home: Home, tmp_path: Path) -> None:
    ann = Session()
    collector = written(home, ann.person("Paint"))
    (tmp_path / "secret.jsonl").write_bytes(lines(ann.person("Secret")))
    (home.root / FILE).unlink()
    (home.root / FILE).symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(NoTranscript, match="leads out of the watched directory"):
        lookup(collector).transcript(ANN)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bytes_changed_anywhere_never_break_an_extract(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("claude")
    (root / "projects").mkdir()
    home = Home(Claude, root, now=at("09:10:00"))
    collector = written(home, *long(5, output=10))
    content = bytearray((root / FILE).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    (root / FILE).write_bytes(content)
    limit = data.draw(st.integers(1, 30))
    whole = joined(list(all_extracts(collector, ANN, 500)))
    assert [entry["id"] for entry in joined(list(all_extracts(collector, ANN, limit)))] == [
        entry["id"] for entry in whole
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Other agents: the three ways in which files are read


def test_a_database_is_asked_for_the_rows_of_an_extract_only(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "opencode")
    writer.turn()
    writer.session("ses_2", 500)
    writer.message("msg_9", 510, "user", "ses_2")
    writer.part("prt_z", 510, "msg_9", "ses_2", type="text", text="Another")
    collector = reading(tmp_path / "opencode", at=600)
    whole = lookup(collector).transcript("ses_1").entries
    assert [entry["kind"] for entry in whole] == ["prompt", "tool", "reply", "end"]
    assert (whole[1]["name"], whole[1]["input"], whole[1]["status"]) == ("bash", {"command": "make"}, "error")
    for limit in (1, 2, 3):
        assert joined(list(all_extracts(collector, "ses_1", limit))) == whole
    extract = lookup(collector).transcript("ses_1")
    writer.message("msg_4", 300, "user")
    writer.part("prt_7", 300, "msg_4", type="text", text="Then write it.")
    later = lookup(collector).transcript("ses_1", after=extract.after).entries
    assert later[-1]["text"] == "Then write it."
    known = {entry["id"] for entry in extract.entries}
    assert [entry["text"] for entry in later if entry["id"] not in known] == ["Then write it."]


def test_a_tree_of_documents_is_one_conversation(tmp_path: Path) -> None:
    database = Writer(tmp_path / "database")
    database.turn()
    expected = lookup(reading(tmp_path / "database")).transcript("ses_1").entries
    for path, document in tree(tmp_path / "tree"):
        put(path, document)
    collector = reading(tmp_path / "tree")
    columns = ("kind", "text", "name", "status", "output")
    extract = lookup(collector).transcript("ses_1")
    assert [[entry.get(name) for name in columns] for entry in extract.entries] == [
        [entry.get(name) for name in columns] for entry in expected
    ]
    assert joined(list(all_extracts(collector, "ses_1", 1))) == extract.entries


@pytest.mark.parametrize(
    ("kind", "path", "payloads"),
    [
        (
            Codex,
            "sessions/2026/01/01/rollout-2026-01-01T09-00-00-019e0000-0000-7000-8000-000000000001.jsonl",
            [
                ("session_meta", {"id": "019e0000-0000-7000-8000-000000000001", "cwd": "/work/shop"}),
                ("response_item", {"type": "function_call", "name": "view_image", "call_id": "1", "arguments": "{}"}),
                (
                    "response_item",
                    {
                        "type": "function_call_output",
                        "call_id": "1",
                        "output": [{"type": "input_image", "image_url": "data:image/png;base64,xxxx"}],
                    },
                ),
            ],
        )
    ],
)
def test_pictures_of_other_agents_are_placeholders(
    tmp_path: Path, kind: type[Source], path: str, payloads: list[tuple[str, dict[str, Any]]]
) -> None:
    home = Home(kind, tmp_path / "home")
    home.write(path, lines(*({"timestamp": iso("09:00:00"), "type": t, "payload": payload} for t, payload in payloads)))
    (agent,) = home.read().collector.conversations
    (call,) = [entry for entry in lookup(home.collector).transcript(agent).entries if entry["kind"] == "tool"]
    assert call["output"] == "[image]"


def test_an_extract_in_the_middle_of_a_long_turn_knows_whose_it_is(tmp_path: Path) -> None:
    """Codex names the session in the first line of a file only."""
    home = Home(Codex, tmp_path / "codex")
    thread = "019e0000-0000-7000-8000-000000000001"
    meta = {"id": thread, "timestamp": iso("09:00:00"), "cwd": "/work/shop", "instructions": "i" * 100_000}
    entries = [{"timestamp": iso("09:00:00"), "type": "session_meta", "payload": meta}]
    for n in range(200):
        content = [{"type": "output_text", "text": f"{n} " + "x" * 2000}]
        payload = {"type": "message", "role": "assistant", "content": content}
        entries.append({"timestamp": iso(f"09:00:02.{n:03}"), "type": "response_item", "payload": payload})
    home.write(f"sessions/2026/01/01/rollout-2026-01-01T09-00-00-{thread}.jsonl", lines(*entries))
    collector = home.read().collector
    whole = joined(list(all_extracts(collector, thread, 500)))
    assert [entry["text"].split()[0] for entry in whole if entry["kind"] == "reply"] == [str(n) for n in range(200)]
    paged = joined(list(all_extracts(collector, thread, 30)))
    assert paged == whole
    assert len({entry["id"] for entry in paged}) == len(paged)


def test_extracts_of_real_transcripts_join_to_the_whole() -> None:
    roots = sorted((SHARED / "claude-code").glob("*/projects/"))
    if not roots:
        pytest.skip("real transcripts are not beside the repository (../shared/data/claude-code)")
    seen = 0
    for root in roots:
        collector = Collector([root.parent])
        collector.scan()
        for session in collector.store.rows("sessions"):
            try:
                whole = joined(list(all_extracts(collector, session["id"], 500)))
            except NoTranscript:
                continue
            ids = [(entry["id"], entry["kind"], entry.get("status")) for entry in whole]
            paged = joined(list(all_extracts(collector, session["id"], 50)))
            assert [(entry["id"], entry["kind"], entry.get("status")) for entry in paged] == ids
            assert len(set(ids)) == len(ids)
            seen += len(whole)
    assert seen > 4000


# ---------------------------------------------------------------------------------------------------------------------
# From a notebook


def test_a_notebook_extracts_through_a_conversation(home: Home) -> None:
    home.write(FILE, lines(*long(30)))
    with hosted(home.root) as server:
        client = aw.connect(server.url, server.token)
        extract = client.transcript(ANN, limit=20)
        assert len(extract) == 20 and extract[-1]["kind"] == "end" and extract[-2]["text"] == "Done 29."
        assert repr(extract) == f"<transcript of {ANN}: 20 entries, more before>"
        earlier = client.transcript(ANN, extract.before, 20)
        assert earlier[-1]["at"] <= extract[0]["at"]
        frame = extract.df()
        assert str(frame["at"].dtype) == "datetime64[ms, UTC]"
        assert str(frame["duration_ms"].dtype) == "timedelta64[ms]"
        assert "<pre" in extract._repr_html_() and "Prompt 29" in extract._repr_html_()
        assert client.transcript(ANN, after=extract.after).entries == []
        for given in (client.sessions[ANN], client.agents[ANN], client.agent(ANN)):
            assert client.transcript(given, limit=20).entries == extract.entries
        with pytest.raises(aw.NotFound, match="no session") as failure:
            client.transcript("nobody")
        assert failure.value.code == "not_found"
        with pytest.raises(aw.CallError, match="place in a transcript"):
            client.transcript(ANN, "here")
        with pytest.raises(aw.CallError, match="limit: expected `int"):
            client.call("transcript", session=ANN, limit="many")


def test_agent_text_is_text_in_a_cell() -> None:
    entry = {"id": "1", "at": 0, "kind": "reply", "text": "<img src=x onerror=alert(1)>"}
    assert "<img" not in aw.Transcript("s", [entry], None, None)._repr_html_()


@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_a_source_declares_whether_its_sessions_have_a_transcript(kind: type[Source], tmp_path: Path) -> None:
    assert kind.has_transcripts == isinstance(getattr(kind(tmp_path), "book", None), Book)
