"""The message bus of a workspace."""

from __future__ import annotations

from typing import Any

import pytest

from agent_widget.sources.parsing import MISREAD
from tests.support.transcripts import lines
from tests.support.workspace_reading import Reading, read
from tests.support.workspace_team import a_message


def test_messages_have_sender_recipient_kind_and_a_sentence(team: Reading) -> None:
    said = {id: (m.sender, m.recipient, m.kind, m.text) for id, m in team.rows("messages").items()}
    assert said == {
        "m0": ("agent-old", "*", "task_claim", "claimed Forgotten"),
        "m0b": ("agent-old", "*", "task_claim", "claimed task_brief"),
        "m0c": ("agent-old", "*", "task_completed", "completed task_brief"),
        "m1": ("agent-ann", "*", "broadcast", "Agent online and ready"),
        "m1b": ("agent-ada", "*", "broadcast", "Agent online and ready"),
        "m2": ("agent-bob", "*", "task_claim", "claimed Sow the field"),
        "m3": ("agent-bob", "*", "heartbeat", "working"),
        "m4": ("agent-bob", "*", "task_completed", "completed task_sow: Sown"),
        "m5": ("agent-bob", "*", "task_completed", "completed task_sow"),
        "m6": ("agent-bob", "agent-eve", "direct", "Over to you"),
        "m7": ("agent-cem", "*", "task_claim", "claimed Reap the field"),
        "m8": ("agent-ann", "*", "session_spawned", "Reap for ann"),
        "m9": ("agent-cem", "*", "broadcast", None),
        "u1": ("terminal-user", "*", "user", "Please hurry"),
        "u2": ("grace", "*", "user", "And be careful"),
    }
    assert {id for id, m in team.rows("messages").items() if m.read} == {"m1", "u1"}
    assert team.row("messages", "m2").task_id == "task_sow"
    assert team.row("messages", "m8").session_id == "ses_cem"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ("just words", "just words"),
        ({"status": "A", "message": "B", "details": "A"}, "A — B"),
        ({"instruction": "Leave"}, "Leave"),
        ({"deep": {"er": [1]}}, '{"deep":{"er":[1]}}'),
        ([1, "two"], '[1,"two"]'),
        ({}, None),
    ],
)
def test_a_payload_of_any_shape_is_readable(payload: Any, text: str | None) -> None:
    reading = read("message-bus.jsonl", lines(a_message("m", "09:00:00", "agent-a", "direct", payload)))
    assert reading.only("messages").text == text


def test_a_message_once_read_stays_read_whichever_copy_comes_last() -> None:
    unread = a_message("m", "09:00:00", "agent-a", "broadcast", {"status": "hi"})
    seen = unread | {"read_by": ["agent-b"]}
    for first, second in ((unread, seen), (seen, unread)):
        reading = read("message-bus.jsonl", lines(first))
        reading.feed("message-bus.jsonl", lines(second), again=True)
        assert reading.only("messages").read is True


def test_a_message_without_id_is_malformed() -> None:
    for path in ("message-bus.jsonl", "user-messages.jsonl", "tool-timing.jsonl"):
        with pytest.raises(MISREAD):
            read(path, b"{}\n")
