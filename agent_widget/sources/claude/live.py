"""What running sessions of Claude Code state of themselves: ``sessions/<pid>.json`` and ``jobs/<short id>/state.json``.

Both are rewritten in place. The first is removed when a session is left in order and stays when it crashes, so it also
says which process that is (2.1.139 on; a session of the SDK has no status there). The second is about sessions in the
background; its form is known from users' notes only. Files of other forms in the same places are older or not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Final

from msgspec.structs import replace

from ..base import Evidence, Item, Process, Record
from ..directories import directory_name
from ..parsing import Malformed, first_of, millis, named, parse_object, preview

_PROCESS: Final = {
    "busy": ("working", "busy"),
    "waiting": ("waiting", "waiting for you"),
    "idle": ("idle", "end of turn"),
    "shell": ("idle", "end of turn; a shell runs in the background"),
}
_UNPROMPTED: Final = "send a prompt to start"
"""Need of a background job that has not been prompted."""
_JOB_ENDS: Final = {
    "done": ("done", "the job in the background is done"),
    "failed": ("failed", "the job in the background failed"),
    "stopped": ("done", "the job in the background was stopped"),
}
_SAME_MOMENT_MS: Final = 4_000
"""The process registry and the transcript have the end of one turn at most this far apart (ms)."""


class Live:
    """The live files of one configuration directory."""

    def __init__(self, namespace: str, odd: Callable[[str], None]) -> None:
        self.namespace = namespace
        self.odd = odd
        self._idle: dict[str, int] = {}  # session → when its process said that it is idle
        self._stopped: dict[str, tuple[Evidence, bool]] = {}
        """Session → that it asks, or failed, and nothing happened since; and whether its turn goes on."""
        self._waiting: dict[str, int] = {}  # session → when its process said that it waits
        self.transcripts: Mapping[str, object] = {}
        """Sessions with a transcript."""
        self._known: set[str] = set()  # sessions whose process said what it does
        self._hosts: dict[PurePosixPath, str] = {}  # file of a process → session it runs

    def stopped(self, evidence: Evidence, *, in_turn: bool = False) -> Iterator[Item]:
        """Take in that an agent asks, or that its turn failed: the process registry says idle, or waiting, of that.

        ``in_turn``: a tool asks. The registry says waiting of that, and idle only when the turn is over.
        """
        session, at = evidence.agent_id, evidence.at
        self._stopped[session] = evidence, in_turn
        for said in (None if in_turn else self._idle.get(session), self._waiting.get(session)):
            if said is not None and abs(said - at) <= _SAME_MOMENT_MS:
                yield replace(evidence, at=max(said, at) + 1, sign="sign of life")

    def went_on(self, session: str) -> None:
        """Take in that something happened since."""
        self._stopped.pop(session, None)

    def rest(self) -> dict[str, tuple[Evidence, bool]]:
        """Return the sessions that ask, or failed, by the transcripts that were read."""
        return self._stopped

    def unite(self, theirs: dict[str, tuple[Evidence, bool]]) -> Iterator[Item]:
        """Take in what :meth:`rest` returned in another process."""
        for evidence, in_turn in theirs.values():
            yield from self.stopped(evidence, in_turn=in_turn)

    def process(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """Yield what a running process states of itself: ``sessions/<pid>.json``."""
        document = parse_object(data)
        session, word = named(document.get("sessionId")), named(document.get("status"))
        if session is None:
            raise Malformed("no sessionId")
        session = self.namespace + session
        at = millis(first_of(document, "statusUpdatedAt", "updatedAt", "startedAt"))
        if at is None:
            raise Malformed("no time")
        before, self._hosts[path] = self._hosts.get(path, session), session
        if before != session and (before in self._known or before in self.transcripts):
            yield Evidence(before, at, "left by its process")
        pid, start = document.get("pid"), named(document.get("procStart"))
        if start is not None and isinstance(pid, int) and pid > 0:
            updated_at = millis(document.get("updatedAt")) or at
            yield Process(session, max(at, updated_at), pid, " ".join(start.split()), named(document.get("pidDomain")))
        if word is None:  # an old version, or a session of the SDK: its transcript says it
            return
        self._known.add(session)
        yield from _introduced(session, named(document.get("cwd")))
        if word not in _PROCESS:
            self.odd(f"process/{word}")
            return
        status, reason = _PROCESS[word]
        if status == "waiting":
            reason = preview(named(document.get("waitingFor"))) or reason
        yield Evidence(session, at, f"says {status}", reason, "sign of life")
        if word in ("idle", "waiting"):
            (self._idle if word == "idle" else self._waiting)[session] = at
            if session in self._stopped:
                evidence, in_turn = self._stopped[session]
                yield from self.stopped(evidence, in_turn=in_turn)

    def runs(self, session: str) -> bool:
        """Return whether a process says that it runs this session."""
        return session in self._hosts.values()

    def job(self, path: PurePosixPath, data: bytes) -> Iterator[Item]:
        """Yield what a session in the background does: ``jobs/<short id>/state.json``; its turns are in its transcript.

        ``tempo`` (active, idle, blocked) is what it does; ``state`` stays blocked long after an answer.
        """
        document = parse_object(data)
        session, at = named(first_of(document, "resumeSessionId", "sessionId")), millis(document.get("updatedAt"))
        if session is None:
            raise Malformed("no session")
        if session.startswith("pending"):
            return
        if at is None:
            raise Malformed("no time")
        session = self.namespace + session
        yield from _introduced(session, named(document.get("cwd")))
        tempo, state = document.get("tempo"), document.get("state")
        needs, detail = preview(named(document.get("needs"))), preview(named(document.get("detail")))
        if tempo == "blocked":
            status, reason = ("idle", "waits for its first prompt") if needs == _UNPROMPTED else ("waiting", needs)
        elif tempo == "active":
            status, reason = "working", "at work in the background"
        elif state in _JOB_ENDS:
            status, reason = _JOB_ENDS[state]
            reason = detail or reason if status == "failed" else reason
        else:
            return
        reason = reason or detail or "waiting for you"
        yield Evidence(session, at, f"says {status}", reason, "sign of life", routine=status == "working")


def _introduced(session: str, directory: str | None) -> Iterator[Record]:
    """Yield the rows of a session and of its agent, which work in a directory if it is known."""
    where = {} if directory is None else {"directory": directory}
    name = {} if directory is None else {"name": directory_name(directory)}
    yield Record("sessions", session, {"agent_id": session, **where})
    yield Record("agents", session, {"session_id": session, **name, **where})
