"""A tool call without a result, in every format: it may run and it may wait for permission, and the reason says so."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources import SOURCES, Source
from tests.replays.databases import SCHEMA
from tests.support.transcripts import Home, at, iso, lines

ID = "5e551011-0000-4000-8000-000000000001"
PROMPTED, CALLED = "10:01:00", "10:01:05"


def claude() -> list[dict[str, Any]]:
    def line(kind: str, clock: str, content: Any) -> dict[str, Any]:
        record = {"type": kind, "uuid": clock, "sessionId": ID, "timestamp": iso(clock), "cwd": "/home/eva/orchard"}
        return record | {"message": {"role": kind, "id": clock, "content": content}}

    call = {"type": "tool_use", "id": "c1", "name": "shell", "input": {"command": "ls"}}
    return [line("user", PROMPTED, "Prune."), line("assistant", CALLED, [call])]


def codex() -> list[dict[str, Any]]:
    def line(clock: str, kind: str, **payload: Any) -> dict[str, Any]:
        return {"timestamp": iso(clock), "type": kind, "payload": payload}

    call = {"name": "shell", "arguments": json.dumps({"command": "ls"}), "call_id": "c1"}
    return [
        line("10:00:00", "session_meta", id=ID, cwd="/home/eva/orchard", source="cli"),
        line(PROMPTED, "event_msg", type="task_started", turn_id="t1"),
        line(CALLED, "response_item", type="function_call", **call),
    ]


def copilot() -> list[dict[str, Any]]:
    def line(clock: str, kind: str, **data: Any) -> dict[str, Any]:
        return {"type": kind, "data": data, "id": clock, "timestamp": iso(clock)}

    call = {"toolCallId": "c1", "toolName": "shell", "arguments": {"command": "ls"}}
    return [
        line("10:00:00", "session.start", sessionId=ID),
        line(PROMPTED, "user.message", content="Prune."),
        line(CALLED, "tool.execution_start", **call),
    ]


def gemini() -> list[dict[str, Any]]:
    call = {"id": "c1", "name": "shell", "args": {"command": "ls"}, "status": "executing", "timestamp": iso(CALLED)}
    return [
        {"sessionId": ID, "projectHash": "0", "startTime": iso("10:00:00"), "kind": "main"},
        {"id": "u", "timestamp": iso(PROMPTED), "type": "user", "content": [{"text": "Prune."}]},
        {"id": "g", "timestamp": iso(CALLED), "type": "gemini", "content": "", "toolCalls": [call]},
    ]


def pi() -> list[dict[str, Any]]:
    call = {"type": "toolCall", "id": "c1", "name": "shell", "arguments": {"command": "ls"}}
    said = {"role": "assistant", "content": [call], "stopReason": "toolUse", "timestamp": at(CALLED)}
    return [
        {"type": "session", "version": 3, "id": ID, "timestamp": iso("10:00:00"), "cwd": "/home/eva/orchard"},
        {"type": "message", "id": "a", "timestamp": iso(CALLED), "message": said},
    ]


def kimi() -> list[dict[str, Any]]:
    def line(clock: str, kind: str, **payload: Any) -> dict[str, Any]:
        return {"timestamp": at(clock) / 1000, "message": {"type": kind, "payload": payload}}

    call = {"id": "c1", "function": {"name": "shell", "arguments": json.dumps({"command": "ls"})}}
    return [line(PROMPTED, "TurnBegin", user_input="Prune."), line(CALLED, "ToolCall", **call)]


def qwen() -> list[dict[str, Any]]:
    record = {"sessionId": ID, "cwd": "/home/eva/orchard"}
    call = {"functionCall": {"id": "c1", "name": "shell", "args": {"command": "ls"}}}
    said = {"role": "model", "parts": [call]}
    return [record | {"uuid": "a", "timestamp": iso(CALLED), "type": "assistant", "message": said}]


def opencode(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        times = (at(CALLED), at(CALLED))
        call = {"status": "running", "input": {"command": "ls"}, "time": {"start": at(CALLED)}}
        said = {"role": "assistant", "time": {"created": at(CALLED)}}
        part = {"type": "tool", "tool": "shell", "callID": "c1", "state": call}
        db.execute("INSERT INTO session VALUES (?, NULL, '/home/eva/orchard', 'Prune', ?, ?)", (ID, *times))
        db.execute("INSERT INTO message VALUES ('msg_1', ?, ?, ?, ?)", (ID, *times, json.dumps(said)))
        db.execute("INSERT INTO part VALUES ('prt_1', 'msg_1', ?, ?, ?, ?)", (ID, *times, json.dumps(part)))


WRITTEN: dict[str, tuple[str, Callable[[], list[dict[str, Any]]]]] = {
    "claude": (f"projects/-home-eva-orchard/{ID}.jsonl", claude),
    "codex": (f"sessions/2026/01/01/rollout-2026-01-01T10-00-00-{ID}.jsonl", codex),
    "copilot": (f"session-state/{ID}/events.jsonl", copilot),
    "gemini": ("tmp/orchard/chats/session-2026-01-01T10-00-5e551011.jsonl", gemini),
    "kimi": (f"sessions/orchard/{ID}/wire.jsonl", kimi),
    "pi": (f"sessions/--home-eva-orchard--/2026-01-01T10-00-00-000Z_{ID}.jsonl", pi),
    "qwen": (f"projects/-home-eva-orchard/chats/{ID}.jsonl", qwen),
}


@pytest.mark.parametrize(
    "kind", [kind for kind in SOURCES if kind.name in {*WRITTEN, "opencode"}], ids=lambda kind: kind.name
)
def test_a_call_without_result_runs_or_waits_for_permission(tmp_path: Path, kind: type[Source]) -> None:
    if kind.name == "opencode":
        opencode(tmp_path / "opencode.db")
    else:
        path, written = WRITTEN[kind.name]
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(lines(*written()))
    home = Home(kind, tmp_path, now=at(CALLED) + 14_000)
    (agent,) = [agent for agent in home.rows("agents").values() if agent.role != "human"]
    assert agent.status == "working"
    assert agent.status_reason == "tool call shell pending: it runs, or waits for permission"
    assert home.only("tool_calls").status == "running"
