"""A coding agent's files and its telemetry, of the same session: counted once, in whatever order they come."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.tables import TABLES
from tests.support.otlp import event, logs
from tests.support.transcripts import lines

SESSION = "3b0cd6f2-0000-4000-8000-000000000001"
START = datetime(2026, 1, 1, 9, tzinfo=UTC)


def claude(home: Path, *, more: bool = False) -> None:
    """A prompt, a call and an answer, as Claude Code's transcript has them; ``more``: another answer."""
    about = {"sessionId": SESSION, "cwd": "/srv/shop", "version": "2.1.220"}
    usage = {"input_tokens": 10, "output_tokens": 5}
    answer = {"role": "assistant", "model": "claude-opus-4-1-20250805", "usage": usage}
    call = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "make"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}
    said: list[dict[str, Any]] = [
        {"type": "user", "message": {"role": "user", "content": "Sweep"}},
        {"type": "assistant", "message": {**answer, "id": "m1", "content": [call], "stop_reason": "tool_use"}},
        {"type": "user", "message": {"role": "user", "content": [result]}},
        {"type": "assistant", "message": {**answer, "id": "m2", "content": "Swept.", "stop_reason": "end_turn"}},
    ]
    if more:
        said = [
            {"type": "assistant", "message": {**answer, "id": "m3", "content": "Clean.", "stop_reason": "end_turn"}}
        ]
    file = home / ".claude" / "projects" / "-srv-shop" / f"{SESSION}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    at = [f"2026-01-01T09:0{number + 4 * more}:00.000Z" for number in range(len(said))]
    with file.open("ab") as stream:
        stream.write(lines(*({"uuid": t, "timestamp": t, **about, **s} for t, s in zip(at, said, strict=True))))


def telemetry(home: Path, *, of: str = SESSION, second: int = 0) -> None:
    """The same, as its telemetry has it, with what the calls cost; another session's too."""
    about = {"session.id": of}
    used = {"model": "claude-opus-4-1-20250805", "input_tokens": "10", "output_tokens": "5", "cost_usd": "0.5"}
    call = {"tool_name": "Bash", "success": "true", "duration_ms": "1500", "tool_use_id": "toolu_1"}
    records = logs(
        event("claude_code.user_prompt", second, prompt="Sweep", **about),
        event("claude_code.api_request", second + 60, **used, **about),
        event("claude_code.tool_result", second + 120, **call, **about),
        event("claude_code.api_request", second + 180, **used, **about),
    )
    file = home / "otlp" / "logs.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as stream:
        stream.write(records)


def rows(collector: Collector) -> dict[str, dict[str, Any]]:
    """All rows but figures, which have the time of counting, and the person, who is of whichever source came first."""
    return {
        name: {row["id"]: dict(row) for row in collector.store.rows(name) if row["id"] != "user"}
        for name in TABLES
        if name != "stats"
    }


@pytest.fixture
def reading(tmp_path: Path) -> Callable[..., Collector]:
    """A collector of both, made anew each time."""
    (tmp_path / "otlp").mkdir()
    (project := tmp_path / ".claude" / "projects" / "-srv-shop").mkdir(parents=True)
    (project / "00000000-0000-4000-8000-000000000009.jsonl").touch()
    (tmp_path / "otlp" / "metrics.jsonl").write_text(json.dumps({"resourceMetrics": []}) + "\n")

    def made(*only: str, archive: bool = False) -> Collector:
        places = [tmp_path / name for name in (only or (".claude", "otlp"))]
        kept = (lambda _: Archive.open(tmp_path / "a.sqlite3")) if archive else None
        return Collector(places, archive=kept, host="here", clock=lambda: 1_767_258_000_000 + 3_600_000)

    return made


def at_files_alone(reading: Callable[..., Collector]) -> dict[str, dict[str, Any]]:
    alone = reading(".claude")
    alone.scan()
    return rows(alone)


@pytest.mark.parametrize(
    "order", list(permutations([claude, telemetry])), ids=lambda order: order[0].__name__ + " first"
)
def test_what_both_say_counts_once_and_the_files_win(
    reading: Callable[..., Collector], tmp_path: Path, order: tuple[Callable[[Path], None], ...]
) -> None:
    both = reading()
    for write in order:
        write(tmp_path)
        both.scan()
    expected = at_files_alone(reading)
    assert expected["sessions"][SESSION]["output_tokens"] == 10
    assert rows(both) == expected
    telemetry(tmp_path, second=600)
    claude(tmp_path, more=True)
    both.scan()
    expected = at_files_alone(reading)
    assert expected["sessions"][SESSION]["output_tokens"] == 15
    assert rows(both) == expected
    assert both.conversations[SESSION].keys() == {tmp_path / ".claude/projects/-srv-shop" / f"{SESSION}.jsonl"}


def test_sessions_that_only_telemetry_tells_of_are_there(reading: Callable[..., Collector], tmp_path: Path) -> None:
    both = reading()
    telemetry(tmp_path, of="elsewhere")
    telemetry(tmp_path)
    claude(tmp_path)
    both.scan()
    telemetry(tmp_path, of="elsewhere", second=600)
    both.scan()
    found = rows(both)
    assert {id: (row["source"], row["output_tokens"]) for id, row in found["sessions"].items()} == {
        SESSION: ("claude", 10),
        "elsewhere": ("otlp", 20),
    }
    assert sum(row["output_tokens"] for row in found["usage"].values()) == 30


@pytest.mark.parametrize(
    "order", list(permutations([claude, telemetry])), ids=lambda order: order[0].__name__ + " first"
)
def test_so_it_is_when_the_server_was_restarted_between_them(
    reading: Callable[..., Collector], tmp_path: Path, order: tuple[Callable[[Path], None], ...]
) -> None:
    for write in order:
        write(tmp_path)
        both = reading(archive=True)
        both.scan()
        both.checkpoint()
        both.close()
    telemetry(tmp_path, second=600)
    both = reading(archive=True)
    both.scan()
    assert rows(both) == at_files_alone(reading)
    both.close()
