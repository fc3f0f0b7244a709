"""Let any Python program record what its agents do, in files that a dashboard watches.

>>> import agent_widget as aw
>>> run = aw.record("run/")
>>> with run.agent("planner", role="planner") as planner:
...     planner.working("reading the brief")
...     with planner.call("search", {"query": "retries"}) as call:
...         call.output = "3 pages"

A record is one line, appended with one write to a file that several threads and processes may share: what was recorded
is in the file when the method returns, also if the program is killed in the next moment. Tasks are a list that is
rewritten under the lock that all writers of a workspace take, which takes about a millisecond. The format is that of
:mod:`agent_widget.sources.workspace`.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import msgspec

from .sources.changes import Change, Method, Rewrite
from .sources.workspace.writing import plans
from .tables import iso, now_ms
from .writing.files import rewrite
from .writing.locks import held

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode

BUS: Final = "message-bus.jsonl"
TIMING: Final = "tool-timing.jsonl"
SESSIONS: Final = "sessions.jsonl"
LOG: Final = "run.log"

BEAT: Final = 60.0
"""Seconds between two signs of life of an agent."""

Level = Literal["debug", "info", "warning", "error", "critical"]


class _Appender:
    """One file to which lines are appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._torn = False

    def append(self, line: bytes) -> None:
        """Append a line, with one write: lines of several processes never mix."""
        if self._file < 0 or os.fstat(self._file).st_nlink == 0:  # it was removed, or rotated away
            self.close()
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        data = b"\n" + line + b"\n" if self._torn else line + b"\n"
        self._torn = os.write(self._file, data) < len(data)
        if self._torn:
            raise OSError(f"{self._path}: there is no room left for a record")

    def close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


class Recorder:
    """Records a run in a directory; made by :func:`record`, also a context manager that ends what is still open."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory).expanduser()
        """Where it is recorded: ``aw.watch(run.directory)`` shows it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._files = {name: _Appender(self.directory / name) for name in (BUS, TIMING, SESSIONS, LOG)}
        self._open: dict[str, RecordedAgent] = {}
        self._closed = threading.Event()
        self._beats: threading.Thread | None = None

    def agent(self, name: str, *, role: str | None = None, parent: RecordedAgent | None = None) -> RecordedAgent:
        """Record that an agent starts, or goes on.

        ``name``: unique in the directory; it is the id of the agent's row. ``role``: what it is there for. ``parent``:
        the agent that started it.
        """
        agent = self._open[name] = RecordedAgent(self, name, role, parent)
        if self._beats is None or not self._beats.is_alive():  # not yet, or this process was forked
            self._beats = threading.Thread(target=self._beat, name="agent-widget-record", daemon=True)
            self._beats.start()
        return agent

    def task(
        self,
        title: str,
        *,
        description: str | None = None,
        priority: str | None = None,
        tags: Iterable[str] = (),
        depends_on: Iterable[RecordedTask] = (),
    ) -> RecordedTask:
        """Record a new task. ``priority``: critical, high, medium or low."""
        fields = {
            "title": title,
            "description": description,
            "priority": priority,
            "tags": list(tags),
            "depends_on": [task.id for task in depends_on],
        }
        given = {name: value for name, value in fields.items() if value}
        return RecordedTask(self, _change_task(self.directory, "task.create", given))

    def log(self, text: str, level: Level = "info", **data: Any) -> None:
        """Record a log line; ``data`` is added to its text."""
        self._log(text, level, None, data)

    def close(self) -> None:
        """End the agents that are still open, and close the files."""
        self._closed.set()
        if self._beats is not None:
            self._beats.join()
        for agent in list(self._open.values()):
            agent.done()
        for file in self._files.values():
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            for agent in list(self._open.values()):
                agent.failed(error)
        self.close()

    def __repr__(self) -> str:
        return f"<agent_widget.Recorder of {self.directory}>"

    def _beat(self) -> None:
        """Repeat what the open agents do, while this process lives: without a sign of life they count as offline."""
        while not self._closed.wait(BEAT):
            for agent in list(self._open.values()):
                agent._repeat()

    def _append(self, name: str, line: dict[str, Any]) -> None:
        self._files[name].append(_encode(line))

    def _send(
        self,
        sender: str | None,
        kind: str,
        payload: dict[str, Any],
        recipient: str | None = None,
        at: int | None = None,
    ) -> str:
        id = f"msg-{secrets.token_hex(8)}"
        line = {
            "message_id": id,
            "from_agent": sender,
            "timestamp": iso(now_ms() if at is None else at),
            "type": kind,
            "payload": payload,
        }
        if recipient is not None:
            line["to_agent"] = recipient
        self._append(BUS, line)
        return id

    def _log(self, text: str, level: str, agent: str | None, data: dict[str, Any]) -> None:
        line: dict[str, Any] = {"timestamp": iso(now_ms()), "level": level, "message": text}
        if agent is not None:
            line["agent_id"] = agent
        if data:
            line["data"] = data
        self._append(LOG, line)


class RecordedAgent:
    """One agent of a run; also a context manager: it is ``done`` at the end, or ``failed`` with the exception."""

    def __init__(self, run: Recorder, name: str, role: str | None, parent: RecordedAgent | None) -> None:
        self.run = run
        self.name = name
        self.session = f"ses_{secrets.token_hex(8)}"
        """The id of its session's row: one from its start to its end."""
        self._state: dict[str, Any] = {"status": "idle", "session_id": self.session}
        if parent is not None:
            spawned = {"type": "session_spawned", "timestamp": iso(now_ms()), "parent_session": parent.session}
            run._append(SESSIONS, {**spawned, "child_session": self.session, "description": role or name})
        run._append(SESSIONS, {"type": "session_start", "timestamp": iso(now_ms()), "session_id": self.session})
        details = {"session_id": self.session, **({"role": role} if role else {})}
        self._last = now_ms()
        """When its status was recorded last: two statuses of one millisecond would have no order."""
        run._send(name, "broadcast", {"status": "online and ready", "details": details}, at=self._last)

    def working(self, activity: str | None = None) -> None:
        """Record that it works, and at what."""
        self._status("working", activity)

    def waiting(self, reason: str) -> None:
        """Record that it waits for a person, and for what."""
        self._status("waiting", reason)

    def idle(self) -> None:
        """Record that it has nothing to do."""
        self._status("idle")

    def done(self, result: str | None = None) -> None:
        """Record that it has ended, and what came of it."""
        self._end("done", result)

    def failed(self, error: BaseException | str) -> None:
        """Record that it has ended, and why it failed."""
        text = f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error
        failure = {"type": "session_error", "timestamp": iso(now_ms()), "session_id": self.session}
        self.run._append(SESSIONS, {**failure, "error": {"name": type(error).__name__, "data": {"message": text}}})
        self._end("failed", text)

    def send(
        self,
        to: RecordedAgent | str,
        text: str,
        *,
        kind: str = "direct",
        task: RecordedTask | str | None = None,
    ) -> str:
        """Record a message to an agent, by its name, or to all (``"*"``); returns its id."""
        payload = {"message": text}
        if task is not None:
            payload["task_id"] = task.id if isinstance(task, RecordedTask) else task
        recipient = to.name if isinstance(to, RecordedAgent) else to
        return self.run._send(self.name, kind, payload, None if recipient == "*" else recipient)

    def call(self, name: str, input: Any = None) -> RecordedCall:
        """Record that it calls a tool; ends with the block: ``with agent.call("search", {"query": "…"}) as call:``."""
        return RecordedCall(self, name, input)

    def log(self, text: str, level: Level = "info", **data: Any) -> None:
        """Record a log line of this agent; ``data`` is added to its text."""
        self.run._log(text, level, self.name, data)

    def _status(self, word: str, doing: str | None = None) -> None:
        self._state = {"status": word, "session_id": self.session, **({"doing": doing} if doing else {})}
        self._repeat()

    def _repeat(self) -> None:
        self._last = max(now_ms(), self._last + 1)
        self.run._send(self.name, "heartbeat", self._state, at=self._last)

    def _end(self, word: str, doing: str | None) -> None:
        if self.run._open.get(self.name) is self:
            del self.run._open[self.name]
            self._status(word, doing)
            self.run._append(SESSIONS, {"type": "session_end", "timestamp": iso(now_ms()), "session_id": self.session})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.done()
        else:
            self.failed(error)

    def __repr__(self) -> str:
        return f"<agent {self.name!r} of {self.run!r}>"


class RecordedCall:
    """A tool call; a context manager. Set ``output`` in the block; an exception makes it an error."""

    def __init__(self, agent: RecordedAgent, name: str, input: Any) -> None:
        self.id = f"call_{secrets.token_hex(8)}"
        self.output: Any = None
        """What the tool returned: text, or what can be written as JSON."""
        self.error: str | None = None
        """Why it failed, if it did; an exception that leaves the block sets it."""
        self._agent = agent
        self._began = now_ms()
        self._line: dict[str, Any] = {
            "timestamp": iso(self._began),
            "session_id": agent.session,
            "tool": name,
            "call_id": self.id,
            "start_time": iso(self._began),
        }
        if input is not None:
            text = _text(input)
            self._line |= {"input": text, "input_size": len(text.encode())}
        agent.run._append(TIMING, self._line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None and self.error is None:
            self.error = f"{type(error).__name__}: {error}"
        now = now_ms()
        end: dict[str, Any] = {
            "end_time": iso(now),
            "duration_ms": max(0, now - self._began),
            "success": self.error is None,
        }
        if self.output is not None:
            text = _text(self.output)
            end |= {"output": text, "output_size": len(text.encode())}
        if self.error is not None:
            end["error"] = self.error
        self._agent.run._append(TIMING, {**self._line, **end})


class RecordedTask:
    """One task on the list of a run."""

    def __init__(self, run: Recorder, id: str) -> None:
        self.run = run
        self.id = id

    def start(self, owner: RecordedAgent | str | None = None) -> None:
        """Record that it is begun, and by whom."""
        name = owner.name if isinstance(owner, RecordedAgent) else owner
        self._update(status="in_progress", owner=name)

    def progress(self, share: float, text: str | None = None) -> None:
        """Record how far it is (0 to 1), and in words where it stands."""
        if not 0 <= share <= 1:
            raise ValueError(f"progress is a share from 0 to 1, not {share}")
        payload = {"task_id": self.id, "progress": share, **({"message": text} if text else {})}
        self.run._send(None, "task_progress", payload)

    def block(self, reason: str) -> None:
        """Record that it cannot go on, and why."""
        self._update(status="blocked", notes=reason)

    def complete(self, notes: str | None = None) -> None:
        """Record that it is done."""
        self._update(status="completed", notes=notes)

    def fail(self, reason: str) -> None:
        """Record that it failed, and why."""
        self._update(status="failed", notes=reason)

    def cancel(self, reason: str | None = None) -> None:
        """Record that nobody works on it any more."""
        _change_task(self.run.directory, "task.cancel", {"reason": reason} if reason else {}, self.id)

    def _update(self, **fields: str | None) -> None:
        given = {name: value for name, value in fields.items() if value is not None}
        _change_task(self.run.directory, "task.update", given, self.id)

    def __repr__(self) -> str:
        return f"<task {self.id!r} of {self.run!r}>"


def record(directory: str | os.PathLike[str]) -> Recorder:
    """Return a recorder of what the agents of this program do: ``with aw.record("run/") as run:``.

    ``directory`` is made if it is not there; what is in it stays, so several programs may record into one, and a
    program that is started again goes on. ``aw.watch(directory)`` shows it, live, in this process or another.
    """
    return Recorder(directory)


def _change_task(directory: Path, method: Method, fields: Mapping[str, Any], id: str | None = None) -> str:
    """Change the list of tasks under its lock, as everybody does who writes into a workspace; return the task's id.

    Raises :class:`~agent_widget.writing.locks.Locked` if another program holds the lock for long, and
    :class:`~agent_widget.sources.changes.Missing` for a task that is not on the list any more.
    """
    root = directory.resolve()
    change = Change(method, fields, now_ms(), secrets.token_hex(4), id)
    plan = next(plan for plan in plans(change, "") if isinstance(plan, Rewrite))
    found: list[str] = []

    def edit(data: bytes | None) -> bytes:
        new, made = plan.edit(data)
        found[:] = [made]
        return new

    with held(root, plan.locks) as lock:
        rewrite(root / plan.path, root, edit, lock.check)
    return found[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()
