"""The code in the documents, and a place where it runs: agents at work, a server that watches them, nothing outside."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget import demo, discovery
from tests.conftest import ROOT
from tests.support.processes import end, started_under
from tests.support.transcripts import lines
from tests.support.wire import PATIENCE, hosted, say, write_tasks

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SESSION = ".claude/projects/-srv-planner/session-id.jsonl"
_FENCED = re.compile(r"^(?:<!-- not run: (.+) -->\n)?```(\S*)[^\n]*\n(.*?)^```$", re.M | re.S)


@dataclass
class Block:
    """Code between fences. ``not_run``: the reason, if a comment above it gives one (``<!-- not run: … -->``)."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None

    @property
    def lines(self) -> list[str]:
        """Commands without remarks, those over several lines as one."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]


def blocks(page: Path) -> list[Block]:
    """Every block of a page; none may hide from us."""
    text = page.read_text()
    found = [
        Block(page, text[: match.start(3)].count("\n"), match[2], match[3], match[1])
        for match in _FENCED.finditer(text)
    ]
    assert text.count("```") == 2 * len(found), f"{page.name}: a block that is indented, or has other fences"
    return found


def run(page: Path) -> None:
    """Every Python block of a page in its order, as cells of one notebook: they share names, and may ``await``."""
    names: dict[str, Any] = {"__name__": page.stem}

    async def in_order() -> None:
        async with asyncio.timeout(60):
            for block in blocks(page):
                if block.language == "python" and block.not_run is None:
                    code = "\n" * block.line + block.text  # so that a traceback shows the line of the page
                    compiled = compile(code, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
                    result = eval(compiled, names)
                    if compiled.co_flags & inspect.CO_COROUTINE:
                        await result

    asyncio.run(in_order())


class Place:
    """A directory with ``memory/`` and ``.claude``, and agents that work there until all tasks are done."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.memory = directory / "memory"
        self.memory.mkdir()
        demo.Demo(self.memory, seed=1)
        self._say("user", content="Plan the shop")
        self._say("assistant", content=[{"type": "tool_use", "id": "t1", "name": "Write", "input": _WRITTEN}])
        self._say("user", content=[{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}])
        self.posts: list[bytes] = []
        self._enough = threading.Event()

    def _say(self, kind: str, **message: Any) -> None:
        """A line of Claude Code's transcript."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        session = {"sessionId": "session-id", "cwd": "/srv/planner", "version": "2.1.220"}
        about: dict[str, Any] = {"role": kind}
        if kind == "assistant":
            usage = {"input_tokens": 10, "output_tokens": 5}
            about |= {"id": f"msg_{at}", "model": "claude-opus-4-1-20250805", "usage": usage, "stop_reason": "end_turn"}
        file = self.directory / SESSION
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as stream:
            stream.write(lines({"type": kind, "uuid": at, "timestamp": at, **session, "message": about | message}))

    def live(self, posts: int, completed: bool) -> None:
        """Messages, questions, ends of turns; then, once so many posts have come, every task is completed."""
        number = 0
        while not self._enough.wait(0.05):
            number += 1
            say(self.memory, number)
            kind, text = _TURNS[number % len(_TURNS)]
            self._say(kind, content=[{"type": "text", "text": text}])
            if completed and number >= 10 and len(self.posts) >= posts:
                self._complete()

    def _complete(self) -> None:
        document = json.loads((self.memory / "tasks.json").read_text())
        done = {**document, "tasks": [task | {"status": "completed"} for task in document["tasks"]]}
        draft = self.memory / "tasks.json.new"
        draft.write_text(json.dumps(done))
        draft.replace(self.memory / "tasks.json")

    def rest(self) -> None:
        """Let everybody stop."""
        self._enough.set()


_TURNS = (("assistant", "Which door?"), ("user", "The left one"), ("assistant", "It is in."), ("user", "And the next?"))
_WRITTEN = {"file_path": "/srv/planner/plan.md", "content": "Doors first\n"}


@contextmanager
def place(
    directory: Path, runtime: Path, patch: pytest.MonkeyPatch, posts: int, *, completed: bool = True
) -> Iterator[Place]:
    """What the pages speak of, in the current directory: ``memory/``, a session, ``machines.json``, a webhook.

    The server that is found for ``memory/`` watches the session too, so that a page needs only one. ``completed``: all
    tasks are, after a while; not on a page that changes tasks itself.
    """
    patch.chdir(directory)
    there = Place(directory)
    patch.setenv("CLAUDE_CONFIG_DIR", str(directory / ".claude"))
    with ExitStack() as stack:
        stack.callback(lambda: end(started_under(runtime)))
        server = aw.serve("memory/", ".claude", allow_writes=True)
        (file,) = discovery.runtime_directory().glob("server-*.json")
        described = json.loads(file.read_text())
        file.write_text(json.dumps(described | {"paths": [str(there.memory.resolve())]}))

        other = directory / "elsewhere"
        other.mkdir()
        write_tasks(other, "first", "second")
        machines = {"here": server, "gpu-box": stack.enter_context(hosted(other))}
        addresses = {name: {"url": machine.url, "token": machine.token} for name, machine in machines.items()}
        (directory / "machines.json").write_text(json.dumps(addresses))
        patch.setenv("AGENTS_URL", server.url)
        patch.setenv("AGENTS_TOKEN", server.token or "")
        patch.setenv("HOOK_URL", stack.enter_context(_listening(there.posts)))

        living = threading.Thread(target=there.live, args=[posts, completed], name="life of the documents")
        living.start()
        stack.callback(living.join, PATIENCE)
        stack.callback(there.rest)
        yield there


@contextmanager
def _listening(posts: list[bytes]) -> Iterator[str]:
    """The address of something that takes posts."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posts.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="webhook")
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def environment() -> dict[str, str]:
    """The one in which a program of its own finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}
