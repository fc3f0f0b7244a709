"""Homes of coding agents as large as one likes, to be read by the benchmarks: prompts, tool calls, results, answers."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

WORDS = "the file test build error value path index reader table query returns when already nothing changed".split()
TURNS = 40
"""Of a session; each has a prompt, some tool calls and an answer."""


class Story:
    """The same made-up sessions for every format."""

    def __init__(self, megabytes: float, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        self.bytes = int(megabytes * 1e6)
        self.now = 1_767_225_600_000

    def text(self, characters: int) -> str:
        return " ".join(self.dice.choices(WORDS, k=max(1, characters // 6)))

    def id(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128)))

    def tick(self) -> int:
        self.now += self.dice.randrange(500, 20_000)
        return self.now

    def iso(self) -> str:
        return datetime.fromtimestamp(self.tick() / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def tools(self) -> Iterator[tuple[str, dict[str, str], str]]:
        """Name, input and output of the calls of one turn."""
        for _ in range(self.dice.randrange(1, 6)):
            name = self.dice.choice(("read_file", "run_shell_command", "grep"))
            yield name, {"command": self.text(60), "path": "/home/ann/shop/main.py"}, self.text(4000)


def claude(root: Path, story: Story) -> None:
    """Transcripts: one line for each block."""
    folder = root / "projects" / "-home-ann-shop"
    folder.mkdir(parents=True)
    written = 0
    while written < story.bytes:
        session = story.id()

        def line(kind: str, content: Any, session: str = session, **message: Any) -> str:
            record = {"role": kind, "content": content, **message}
            head = {"parentUuid": story.id(), "isSidechain": False, "cwd": "/home/ann/shop", "gitBranch": "main"}
            entry = {**head, "sessionId": session, "version": "2.1.0", "type": kind, "message": record}
            return json.dumps({**entry, "uuid": story.id(), "timestamp": story.iso()}) + "\n"

        def answer(block: dict[str, Any], stop: str | None, line: Callable[..., str] = line) -> str:
            usage = {"input_tokens": 4, "output_tokens": 120, "cache_read_input_tokens": 30_000}
            answered = {"id": f"msg_{story.id()}", "model": "claude-opus-4-5-20251101", "stop_reason": stop}
            return line("assistant", [block], **answered, usage=usage)

        with (folder / f"{session}.jsonl").open("w") as file:
            for _ in range(TURNS):
                file.write(line("user", story.text(200)))
                for name, given, output in story.tools():
                    call = f"toolu_{story.id()}"
                    file.write(answer({"type": "tool_use", "id": call, "name": name, "input": given}, "tool_use"))
                    file.write(line("user", [{"type": "tool_result", "tool_use_id": call, "content": output}]))
                file.write(answer({"type": "text", "text": story.text(800)}, "end_turn"))
            written += file.tell()


def _gemini_session(story: Story) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Head and messages; an answer with tool calls comes twice, the second time with what they returned."""
    head = {"sessionId": story.id(), "projectHash": "shop", "startTime": story.iso(), "kind": "main"}
    messages: list[dict[str, Any]] = []
    for _ in range(TURNS):
        messages.append(
            {"id": story.id(), "timestamp": story.iso(), "type": "user", "content": [{"text": story.text(200)}]}
        )
        for name, given, output in story.tools():
            id, when = story.id(), story.iso()
            tokens = {"input": 9000, "output": 80, "cached": 4000, "thoughts": 60, "tool": 0, "total": 9140}
            first = {"id": id, "timestamp": when, "type": "gemini", "content": "", "model": "gemini-2.5-pro"}
            thoughts = [{"subject": "Reading", "description": story.text(200), "timestamp": when}]
            first |= {"thoughts": thoughts, "tokens": tokens}
            call = f"{name}-{story.id()}"
            returned = [{"functionResponse": {"id": call, "name": name, "response": {"output": output}}}]
            done = {"id": call, "name": name, "args": given, "status": "success", "timestamp": story.iso()}
            shown = {"resultDisplay": story.text(1000), "description": story.text(60)}
            messages += [first, {**first, "toolCalls": [{**done, "result": returned, **shown}]}]
        answer = {"id": story.id(), "timestamp": story.iso(), "type": "gemini", "content": story.text(800)}
        messages.append({**answer, "model": "gemini-2.5-pro"})
    return head, messages


def gemini(root: Path, story: Story) -> None:
    """Chats as event logs."""
    folder = root / "tmp" / "shop" / "chats"
    folder.mkdir(parents=True)
    written = 0
    while written < story.bytes:
        head, messages = _gemini_session(story)
        with (folder / f"session-{head['sessionId']}.jsonl").open("w") as file:
            for entry in [head, *messages]:
                file.write(json.dumps(entry) + "\n")
            written += file.tell()


def gemini_documents(root: Path, story: Story) -> None:
    """Chats as one document each, as they were before."""
    folder = root / "tmp" / "shop" / "chats"
    folder.mkdir(parents=True)
    written = 0
    while written < story.bytes:
        head, messages = _gemini_session(story)
        latest = list({message["id"]: message for message in messages}.values())
        text = json.dumps({**head, "messages": latest}, indent=2)
        (folder / f"session-{head['sessionId']}.json").write_text(text)
        written += len(text)


OPENCODE = """
CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text, title text, time_created integer,
    time_updated integer, time_archived integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, time_updated integer, data text);
CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, time_created integer, time_updated integer,
    data text);
CREATE INDEX message_session ON message (session_id, time_created, id);
CREATE INDEX part_message ON part (message_id, id);
"""


def opencode(root: Path, story: Story) -> None:
    """A database of sessions, messages and parts."""
    root.mkdir(parents=True)
    with sqlite3.connect(root / "opencode.db") as database:
        database.executescript(OPENCODE)
        written = number = 0

        def put(table: str, prefix: str, *values: Any) -> str:
            nonlocal written, number
            number += 1
            id, at = f"{prefix}_{number:012}", story.tick()
            cells = [json.dumps(value) if isinstance(value, dict) else value for value in values]
            row = (id, *cells[:-1], at, at, cells[-1]) if table != "session" else (id, *cells, at, at, None)
            database.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            written += sum(len(value) for value in row if isinstance(value, str))
            return id

        while written < story.bytes:
            session = put("session", "ses", None, "/home/ann/shop", story.text(40))
            for _ in range(TURNS):
                prompt = put("message", "msg", session, {"role": "user", "time": {"created": story.now}})
                put("part", "prt", prompt, session, {"type": "text", "text": story.text(200)})
                for name, given, output in story.tools():
                    time = {"created": story.now, "completed": story.now + 40_000}
                    said = {"role": "assistant", "time": time, "modelID": "claude-opus-4-5", "finish": "tool-calls"}
                    answer = put("message", "msg", session, said)
                    put("part", "prt", answer, session, {"type": "step-start"})
                    state = {"status": "completed", "input": given, "output": output, "title": name, "metadata": {}}
                    state["time"] = {"start": story.now, "end": story.now + 900}
                    put("part", "prt", answer, session, {"type": "tool", "tool": name, "callID": "1", "state": state})
                    tokens = {"input": 9000, "output": 80, "reasoning": 0, "cache": {"read": 4000, "write": 0}}
                    finish = {"type": "step-finish", "reason": "tool-calls", "cost": 0.01, "tokens": tokens}
                    put("part", "prt", answer, session, finish)
                time = {"created": story.now, "completed": story.now + 9000}
                said = {"role": "assistant", "time": time, "modelID": "claude-opus-4-5", "finish": "stop"}
                answer = put("message", "msg", session, said)
                part = {"type": "text", "text": story.text(800), "time": {"start": story.now, "end": story.now + 900}}
                put("part", "prt", answer, session, part)
                put("part", "prt", answer, session, {"type": "step-finish", "reason": "stop", "cost": 0.01})
    database.close()


def many_sessions(home: Path, count: int) -> Path:
    """Make a home of Claude Code with so many short sessions that ended an hour ago."""
    hour_ago = time.time() - 3600
    for number in range(count):
        folder = home / "projects" / f"p{number % 200}"
        folder.mkdir(parents=True, exist_ok=True)
        head = {"type": "user", "sessionId": f"s{number}", "uuid": f"u{number}", "timestamp": "2026-01-01T11:00:00Z"}
        path = folder / f"s{number}.jsonl"
        path.write_text(json.dumps({**head, "message": {"role": "user", "content": "hi"}}) + "\n")
        os.utime(path, (hour_ago, hour_ago))
    return home


HOMES: dict[str, Callable[[Path, Story], None]] = {
    "claude": claude,
    "gemini": gemini,
    "gemini documents": gemini_documents,
    "opencode": opencode,
}
