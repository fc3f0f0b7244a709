"""The recordings of OpenCode: an export of rows, written into a database again at the times the rows tell.

Each line of such a transcript is a part in its last state, with the role of its message in ``_role``, the message's
error in ``_error`` and the time of its last change in ``_ts``. What came before is made up from the times inside: a
tool runs from ``state.time.start``; a message begins with its first part and is complete with ``step-finish``. Sessions
stand one after the other and are not named: the next one begins with a prompt where the time goes back; where it does
not, with the last prompt before the monitor saw it for the first time. Subagents' rows are not in the export.
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


def first_lines(lines: list[dict[str, Any]], born: list[int]) -> list[int]:
    """Return with which line each session begins, by the times (ms) at which the monitor first saw them."""
    found = [0] if lines and born else []
    for seen in born[1:]:
        prompts = [n for n in range(found[-1] + 1, len(lines)) if lines[n]["_role"] == "user"]
        back = [n for n in prompts if lines[n]["_ts"] < lines[n - 1]["_ts"]]
        near = [n for n in prompts if 0 <= seen - lines[n]["_ts"] < NEAR_MS]
        choice = min(back or near, key=lambda n: abs(seen - lines[n]["_ts"]), default=None)
        if choice is not None:
            found.append(choice)
    return found


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
    begins = dict(zip(first_lines(lines, [session.born for session in sessions]), sessions, strict=False))
    session = message = ""
    for number, line in enumerate(lines):
        at, role = line["_ts"], line["_role"]
        if number in begins:
            session = begins[number].id
            yield Growth(
                at, write("INSERT INTO session VALUES (?, NULL, ?, ?, ?, ?)", session, line["_cwd"], "", at, at)
            )
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
