"""A small home of every agent, with each kind of file; and real ones, where they are beside the repository."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent_widget import demo
from tests.support.transcripts import SHARED, lines

Files = dict[str, bytes]
LARGEST = 200_000
"""Bytes of a real document that is still of use: it is read hundreds of times."""


def workspace() -> Files:
    """What the demo writes, and the documents that only other teams have."""
    with tempfile.TemporaryDirectory() as directory:
        demo.Demo(Path(directory), seed=1)
        files = {str(p.relative_to(directory)): p.read_bytes() for p in Path(directory).rglob("*") if p.is_file()}
    summary = [{"sessionId": "ses_1", "startTime": "2026-01-01T10:00:00Z", "messageCount": 3, "toolCalls": {"bash": 2}}]
    files["session-summaries.json"] = json.dumps(summary).encode()
    files["git-activity.jsonl"] = lines({"type": "commit", "hash": "ab12", "timestamp": "2026-01-01T10:00:00Z"})
    files["state.json"] = json.dumps({"session_count": 7, "total_tokens_used": 100, "achievements": ["a"]}).encode()
    return files


def claude() -> Files:
    from tests.sources import test_claude

    return test_claude.with_documents()


def codex() -> Files:
    from tests.sources import test_codex as made

    def path(id: str) -> str:
        return f"sessions/2026/05/28/rollout-2026-05-28T22-26-40-{id}.jsonl"

    files = {path(entries[0]["payload"]["id"]): made.as_bytes(entries) for entries in made.EVERYTHING}
    index = {"id": made.MAIN, "thread_name": "Shop", "updated_at": made.stamp(5)}
    typed = {"session_id": made.MAIN, "ts": made.START // 1000, "text": "Tidy up"}
    return files | {"session_index.jsonl": lines(index), "history.jsonl": lines(typed)}


def copilot() -> Files:
    from tests.sources import test_copilot as made

    told = [
        made.started(),
        made.prompt("10:01:00"),
        made.answer("10:01:01", "I look.", "c1"),
        made.call("10:01:02", "c1"),
    ]
    told += [made.result("10:01:03", "c1"), made.answer("10:01:04", "Two trees."), made.turn_end("10:01:05")]
    asked = {"toolCallId": "c2", "permissionRequest": {"kind": "shell", "toolCallId": "c2", "fullCommandText": "rm"}}
    told += [made.call("10:02:00", "c2"), made.event("permission.requested", "10:02:01", requestId="r", **asked)]
    scout = {"toolCallId": "c3", "agentName": "scout", "agentDisplayName": "Scout"}
    told += [made.event("subagent.started", "10:03:00", **scout), made.answer("10:03:01", "One.", agent="c3")]
    told += [
        made.event("subagent.completed", "10:03:02", **scout),
        made.event("session.error", "10:03:03", message="no"),
    ]
    return {made.LOG: lines(*told, made.shutdown("10:04:00", inputTokens=900, outputTokens=30))}


def gemini() -> Files:
    from tests.sources import test_gemini as made

    todos = {"todos": [{"description": "apple", "status": "pending"}]}
    told = [made.header(), made.prompt("10:01:00"), made.answer("10:01:01", "I look.")]
    told += [made.answer("10:01:01", "I look.", made.call("10:01:02", "c1"))]
    told += [made.answer("10:01:04", "", made.call("10:01:05", "c2", "write_todos", args=todos))]
    told += [{"$set": {"lastUpdated": "2026-01-01T10:02:00.000Z", "summary": "Trees"}}, made.info("10:02:00", "Hm.")]
    told += [{"$rewindTo": "u10:01:00"}, made.prompt("10:03:00"), made.answer("10:03:01", "Which?")]
    whole = {**made.header(session="old"), "messages": [made.prompt("09:00:00"), made.answer("09:00:01", "Ok.")]}
    child = [made.header(session="child", kind="subagent"), made.prompt("10:01:10"), made.answer("10:01:11", "Two.")]
    return {
        made.CHAT: lines(*told),
        "tmp/orchard/chats/session-2026-01-01T09-00-old.json": json.dumps(whole).encode(),
        f"tmp/orchard/chats/{made.SESSION}/child.jsonl": lines(*child),
    }


def opencode() -> Files:
    from tests.sources import test_opencode as made

    with tempfile.TemporaryDirectory() as directory:
        writer = made.Writer(Path(directory))
        writer.turn()
        writer.session("ses_2", 200, parent="ses_1")
        writer.message("msg_4", 210, "user", session="ses_2")
        writer.part("prt_7", 210, "msg_4", session="ses_2", type="text", text="How many?")
        writer.db.execute("PRAGMA journal_mode = DELETE")
        writer.db.close()
        return {"opencode.db": writer.path.read_bytes()}


def opencode_two() -> Files:
    """The second generation of its database."""
    from tests.sources import test_opencode as made

    with tempfile.TemporaryDirectory() as directory:
        writer = made.Writer(Path(directory), made.V2)
        model = {"id": "big-1", "providerID": "x"}
        stamps = {"time_created": made.T, "time_updated": made.T}
        writer.put("session_v2", id="ses_1", directory="/home/you/parser", title="A", model=model, **stamps)
        run = {"type": "tool", "id": "t1", "name": "bash", "state": {"status": "completed", "input": {"command": "ls"}}}
        told: list[tuple[str, dict[str, Any]]] = [
            ("user", {"text": "Why?", "time": {"created": made.T}}),
            (
                "assistant",
                {"content": [run, {"type": "text", "id": "x", "text": "So."}], "model": model, "tokens": made.USED},
            ),
            ("idle", {}),
        ]
        for seq, (kind, data) in enumerate(told):
            writer.put("session_message", id=f"m{seq}", session_id="ses_1", type=kind, seq=seq, data=data, **stamps)
        writer.db.execute("PRAGMA journal_mode = DELETE")
        writer.db.close()
        return {"opencode.db": writer.path.read_bytes()}


def opencode_tree() -> Files:
    """The files it wrote before it had a database: one for each row."""
    files: Files = {}
    with tempfile.NamedTemporaryFile() as file:
        file.write(opencode()["opencode.db"])
        file.flush()
        database = sqlite3.connect(file.name)
        for id, session, data in database.execute("SELECT id, session_id, data FROM message"):
            files[f"storage/message/{session}/{id}.json"] = _with(data, id=id, sessionID=session)
        for id, message, session, data in database.execute("SELECT id, message_id, session_id, data FROM part"):
            files[f"storage/part/{message}/{id}.json"] = _with(data, id=id, messageID=message, sessionID=session)
        database.close()
    session = {"id": "ses_1", "directory": "/home/you/parser", "title": "A", "time": {"created": 1_767_225_600_000}}
    files["storage/session/p/ses_1.json"] = json.dumps(session).encode()
    files["storage/todo/ses_1.json"] = b'[{"id": "1", "content": "a", "status": "pending"}]'
    return files


def _with(data: str, **fields: str) -> bytes:
    return json.dumps(json.loads(data) | fields).encode()


def pi() -> Files:
    from tests.sources import test_pi as made

    told = [
        made.header(),
        made.prompt("10:01:00"),
        made.answer("10:01:01", "I look.", "toolUse", made.call("c1", command="ls")),
    ]
    told += [
        made.result("10:01:02", "c1"),
        made.answer("10:01:03", "Two?"),
        made.entry("session_info", "10:02:00", name="T"),
    ]
    told += [made.message("10:03:00", "bashExecution", command="ls", output="a", exitCode=0)]
    told += [
        made.entry("model_change", "10:03:01", modelId="m"),
        made.answer("10:03:02", "", "error", errorMessage="no"),
    ]
    return {made.FILE: lines(*told)}


def qwen() -> Files:
    from tests.sources import test_qwen as made

    child = f"projects/-home-eva-orchard/subagents/{made.SESSION}/agent-x.jsonl"
    title = made.record("system", "10:50:00", subtype="custom_title", systemPayload={"customTitle": "Spring"})
    todo = made.call("t", "todo_write", todos=[{"id": "1", "content": "apple", "status": "pending"}])
    more = lines(title, made.answer("10:51:00", "", todo), made.result("10:51:01", "t"))
    return {made.CHAT: made._a_long_day() + more, child: lines(made.prompt("10:01:10", agentId="x"))}


def kimi() -> Files:
    from tests.sources import test_kimi

    return test_kimi.a_home()


def beads() -> Files:
    from tests.sources import test_beads

    return {f".beads/{path}": data for path, data in test_beads.a_home().items()}


def taskmaster() -> Files:
    from tests.sources import test_taskmaster

    return {f".taskmaster/{path}": data for path, data in test_taskmaster.a_home().items()}


WRITTEN: dict[str, tuple[Callable[[], Files], ...]] = {
    "workspace": (workspace,),
    "claude": (claude,),
    "codex": (codex,),
    "copilot": (copilot,),
    "gemini": (gemini,),
    "kimi": (kimi,),
    "opencode": (opencode, opencode_two, opencode_tree),
    "pi": (pi,),
    "qwen": (qwen,),
    "beads": (beads,),
    "taskmaster": (taskmaster,),
}
"""By the name of the source."""

_RECORDED = {
    "claude": ("claudecode", "projects/-x/{}.jsonl"),
    "codex": ("codex", "sessions/2026/01/01/rollout-2026-01-01T00-00-00-{}.jsonl"),
    "copilot": ("copilot", "session-state/{}/events.jsonl"),
    "gemini": ("gemini-cli", "tmp/x/chats/session-2026-01-01T00-00-{}.jsonl"),
    "pi": ("pi", "sessions/--x--/2026-01-01T00-00-00-000Z_{}.jsonl"),
}


def real(name: str) -> Iterator[dict[str, Path]]:
    """Real homes of one source: where a file would lie in it, and where it is; none where they are absent."""
    if name in _RECORDED:
        folder, place = _RECORDED[name]
        for number, path in enumerate(sorted((SHARED / "replays" / folder).glob("*/*/recordings/*/transcript.jsonl"))):
            yield {place.format(f"5e551011-0000-4000-8000-{number:012}"): path}
    roots = {"claude": sorted((SHARED / "claude-code").glob("*")), "workspace": [SHARED / "hyrm-workspace" / "memory"]}
    for root in roots.get(name, ()):
        files = {
            path.relative_to(root).as_posix(): path
            for path in sorted(root.rglob("*"))
            if path.is_file() and (path.suffix == ".jsonl" or path.stat().st_size <= LARGEST)
        }
        if files:
            yield files
