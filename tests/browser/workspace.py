"""A ``memory/`` directory that a simulated team has filled, and the few things a test has happen in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from agent_widget import demo

_numbers = count(1)


class Workspace:
    """Writes as the agents do: whole lines, appended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        demo.Demo(directory, seed=1)

    def say(self, payload: Any) -> None:
        """One agent says something to all."""
        message = {
            "message_id": f"msg-test-{next(_numbers)}",
            "from_agent": "agent-orchestrator",
            "timestamp": _now(),
            "type": "broadcast",
            "payload": payload,
            "read_by": [],
        }
        self.append("message-bus.jsonl", json.dumps(message, ensure_ascii=False))

    def enough(self) -> None:
        """Let a cell of the notebook beside it end that waits for this."""
        (self.directory.parent / "enough").touch()

    def log(self, *texts: str) -> None:
        """Lines in the coordination log."""
        self.append("coordination.log", *(f"{_now()} [INFO] [agent-orchestrator] {text}" for text in texts))

    def append(self, name: str, *lines: str) -> None:
        """Append whole lines with one write."""
        with (self.directory / name).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def write(self, name: str, text: str) -> None:
        """A whole file."""
        (self.directory / name).write_text(text, encoding="utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
