"""What a workspace's team judged and wrote down: assessments, knowledge, notes."""

from __future__ import annotations

from tests.support.transcripts import at, iso
from tests.support.workspace_reading import Reading, read
from tests.support.workspace_team import TEAM, document


def test_assessments_are_scores_out_of_one(team: Reading) -> None:
    new = team.row("quality", f"task_sow:{at('09:26:00')}")
    assert (new.kind, new.subject, new.assessor, new.score) == ("assessment", "Sow the field", "orchestrator", 0.85)
    assert (new.dimensions, new.scale, new.notes) == ({"impact": 0.9, "completeness": 0.8}, "0-10", "Sow early")
    old = team.row("quality", f"task_old:{at('08:26:00')}")
    assert (old.dimensions, old.score, old.session_id) == ({"completeness": 0.6, "impact": 0.8}, 0.7, "ses_bob")


def test_an_assessment_that_is_replaced_is_gone() -> None:
    mark = {"task_id": "t", "assessed_at": iso("09:00:00"), "overall_score": 5}
    reading = read("quality-assessments.json", document({"assessments": [mark]}))
    reading.feed("quality-assessments.json", document({"assessments": [mark | {"assessed_at": iso("09:01:00")}]}))
    assert reading.only("quality").at == at("09:01:00")


def test_notes_and_knowledge_are_memory(team: Reading) -> None:
    memory = {id: (m.title, m.kind, m.updated_at) for id, m in team.rows("memory").items()}
    assert memory == {
        f"knowledge:ses_bob:{at('09:22:00')}": ("Wet soil takes seed", "knowledge", at("09:22:00")),
        "working.md": ("Working notes", "working_notes", None),
        "working-archives/sessions-1-9-2026-01-01T07-08-09-123Z.md": (
            "Older notes",
            "working_notes",
            at("07:08:09.123"),
        ),
        "critiques/2026-01-01-code.md": ("2026-01-01-code", "critique", at("00:00:00")),
        "reports/report-2026-01-01.md": ("Report \ufffd", "report", at("00:00:00")),
    }
    assert team.row("memory", f"knowledge:ses_bob:{at('09:22:00')}").text == "Wet soil takes seed\nSow north to south"
    notes = team.row("memory", "working.md")
    assert (notes.path, notes.size, notes.tokens) == ("working.md", 28, 7)


def test_a_changed_memory_file_has_another_version() -> None:
    reading = read("working.md", b"one")
    before = reading.only("memory").version
    assert reading.feed("working.md", b"two").only("memory").version != before
    assert reading.feed("working.md", b"one").only("memory").version == before


def test_a_knowledge_entry_that_is_taken_out_is_gone() -> None:
    reading = read("knowledge-base.json", TEAM["knowledge-base.json"])
    assert reading.feed("knowledge-base.json", b"[]").rows("memory") == {}
