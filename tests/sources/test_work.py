"""How much is made of the lines of a conversation: counted, so that a regression shows without a clock."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path, PurePosixPath

from agent_widget.sources.base import Evidence, Item, Record
from agent_widget.sources.claude import Claude

CALLS = 100
SESSION = "11111111-2222-4333-8444-555555555555"


def line(number: int, kind: str, **message: object) -> bytes:
    entry = {"type": kind, "sessionId": SESSION, "uuid": f"u{number}", "cwd": "/home/ann/shop"}
    at = f"2026-11-01T10:{number // 60:02}:{number % 60:02}.000Z"
    return json.dumps({**entry, "timestamp": at, "message": {"role": kind, **message}}).encode()


def conversation() -> list[bytes]:
    """A prompt, and calls of a tool one after the other, each with what the answer took."""
    lines = [line(0, "user", content="go on")]
    for number in range(CALLS):
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": "ls"}}
        usage = {"input_tokens": 10, "output_tokens": 20}
        answer = {"id": f"msg_{number}", "model": "claude-opus-4-5", "usage": usage, "content": [call]}
        returned = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "a.py"}
        lines += [line(2 * number + 1, "assistant", **answer), line(2 * number + 2, "user", content=[returned])]
    return lines


def test_a_portion_of_lines_makes_a_record_of_the_session_and_of_the_agent_only_once_each() -> None:
    reader = Claude(Path("/home")).reader(PurePosixPath(f"projects/shop/{SESSION}.jsonl"))
    assert reader is not None
    items: list[Item] = [item for data in conversation() for item in reader.read(data)]
    records = Counter(item.table for item in items if isinstance(item, Record))
    assert records == {"tool_calls": 2 * CALLS, "messages": 1, "agents": 1, "sessions": 1}  # a person; its path
    assert sum(isinstance(item, Evidence) for item in items) == 2 * CALLS + 1
    last = list(reader.finish())
    rows = Counter(item.table for item in last if isinstance(item, Record))
    assert rows == {"sessions": 2, "agents": 2, "usage": 1}  # by the conversation and by the ledger
    fields = [item.fields for item in last if isinstance(item, Record) and item.table == "sessions"]
    assert fields[0]["tool_calls"] == CALLS
    assert fields[1]["output_tokens"] == 20 * CALLS
    assert list(reader.finish()) == []
