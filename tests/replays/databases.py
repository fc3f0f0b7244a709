"""The recordings of OpenCode: an export of rows, written into a database again at the times the rows tell.

Each line of such a transcript is a part in its last state, with the role of its message in ``_role``, the message's
error in ``_error`` and the time of its last change in ``_ts``. What came before is made up from the times inside: a
tool runs from ``state.time.start``; a message begins with its first part and is complete with ``step-finish``. Sessions
stand one after the other and are not named: the next one begins where the time goes back, or with a prompt right before
the monitor saw it for the first time. Subagents' rows are not in the export.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recordings import Recording
    from .replay import Growth

SCHEMA = """
CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text, title text, time_created integer,
    time_updated integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, time_updated integer, data text);
CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, time_created integer, time_updated integer,
    data text);
CREATE INDEX part_message ON part (message_id, id);
"""
NEAR_MS = 10_000


def growth(recording: Recording, home: Path) -> Iterator[Growth]:
    """The writes of a recording."""
    from .replay import Growth

    path = home / ".local" / "share" / "opencode" / "opencode.db"
    path.parent.mkdir(parents=True)
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.executescript(SCHEMA)

    def write(sql: str, *values: Any) -> Callable[[], list[Path]]:
        def do() -> list[Path]:
            writer.execute(sql, values)
            writer.commit()
            return [path.with_name("opencode.db-wal")]

        return do

    sessions = [session for session in recording.sessions.values() if session.content is not None]
    lines = [json.loads(line) for line in recording.transcript.splitlines() if line.strip()]
    current, message, last = -1, "", 0
    for number, line in enumerate(lines):
        at, role = line["_ts"], line["_role"]
        begins = current + 1 < len(sessions) and (
            current < 0 or (role == "user" and (at < last or 0 <= sessions[current + 1].born - at < NEAR_MS))
        )
        if begins:
            current += 1
            where = (sessions[current].id, line["_cwd"], "a session", at, at)
            yield Growth(at, write("INSERT INTO session VALUES (?, NULL, ?, ?, ?, ?)", *where))
        session, last = sessions[current].id, at
        if role == "user" or line["type"] == "step-start":
            message = f"msg_{number:04}"
            data = {"role": role, "time": {"created": at}, "modelID": line.get("_model")}
            row = (message, session, at, at, json.dumps(data))
            yield Growth(at, write("INSERT INTO message VALUES (?, ?, ?, ?, ?)", *row))
            if role != "user" and line.get("_error"):
                new = json.dumps({**data, "error": line["_error"], "time": {"created": at, "completed": at}})
                yield Growth(at, write("UPDATE message SET data = ?, time_updated = ? WHERE id = ?", new, at, message))
        part = {name: value for name, value in line.items() if not name.startswith("_")}
        id, began = f"prt_{number:04}", at
        state = part.get("state", {})
        if part["type"] == "tool" and state.get("time", {}).get("start", at) < at:
            began = state["time"]["start"]
            metadata = {"sessionId": state["metadata"]["sessionId"]} if "sessionId" in state.get("metadata", {}) else {}
            running = {"status": "running", "input": state["input"], "time": {"start": began}, "metadata": metadata}
            row = (id, message, session, began, began, json.dumps({**part, "state": running}))
        else:
            row = (id, message, session, at, at, json.dumps(part))
        yield Growth(began, write("INSERT INTO part VALUES (?, ?, ?, ?, ?, ?)", *row))
        if began < at:
            yield Growth(at, write("UPDATE part SET data = ?, time_updated = ? WHERE id = ?", json.dumps(part), at, id))
        if part["type"] == "step-finish":
            new = json.dumps({"role": role, "time": {"created": at, "completed": at}, "finish": part["reason"]})
            yield Growth(at, write("UPDATE message SET data = ?, time_updated = ? WHERE id = ?", new, at, message))
