"""Pi (badlogic/pi-mono): one JSONL file for each session below ``~/.pi/agent/sessions/--<directory>--/``.

The format is documented (``packages/coding-agent/docs/session.md``) and was counted in recordings of 2026. What it
teaches, and what follows:

- A file is a tree: entries point to their parents, and who goes back goes on from an older entry in the same file. All
  of it was said and paid, so the order of the file is what counts here.
- A session that was branched off begins with copies of the entries it goes on from, with their ids and times. They
  are older than its header; they belong to the session they came from, and only their usage is looked at, as copies.
- Input excludes what came from a cache. Cost is stated in US dollars, 0 where Pi knows no price: unknown.
- ``stopReason`` says how every answer ended. Pi asks for no permission.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from .base import Item, Malformed, Reader, Source, directory_name, millis, moved, named, parse_as, preview
from .conversation import Conversation
from .ledger import Book, Ledger
from .steps import PLACEHOLDER, About, Call, Prompt, Reply, Result, Step, Thinking, Tokens, TurnEnd, Usage, asks

FILES: Final = ("sessions/*/*.jsonl", "sessions/*.jsonl", "--*--/*.jsonl", "*_*.jsonl")
"""Below Pi's own directory, or below the one that was given for sessions alone."""

_EDITORS: Final = frozenset({"edit", "write"})
_SILENT: Final = frozenset({"thinking_level_change", "compaction", "branch_summary", "label", "custom", "ephemeral"})


class _Cost(msgspec.Struct):
    total: float | None = None


class _Counts(msgspec.Struct):
    input: int | None = 0
    output: int | None = 0
    cacheRead: int | None = 0
    cacheWrite: int | None = 0
    cost: _Cost | None = None


class _Block(msgspec.Struct):
    """A part of a message: text, thinking, image or toolCall."""

    type: str
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    arguments: Any = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Block] | None = None
    model: str | None = None
    usage: _Counts | None = None
    stopReason: str | None = None
    errorMessage: str | None = None
    toolCallId: str | None = None
    isError: bool | None = None
    command: str | None = None
    output: str | None = None
    exitCode: int | None = None
    cancelled: bool | None = None

    def text(self) -> str:
        """All that is said in it."""
        if isinstance(self.content, str):
            return self.content
        texts = (block.text if block.type == "text" else PLACEHOLDER.get(block.type) for block in self.content or ())
        return "\n".join(text for text in texts if text)

    def blocks(self, kind: str) -> Iterator[_Block]:
        """Its parts of one kind."""
        return (block for block in (self.content if isinstance(self.content, list) else ()) if block.type == kind)


class _Entry(msgspec.Struct):
    """One line."""

    type: str
    timestamp: str
    id: str | None = None
    message: _Message | None = None
    cwd: str | None = None
    modelId: str | None = None
    parentSession: str | None = None
    branchedFrom: str | None = None
    name: str | None = None


_entry = msgspec.json.Decoder(_Entry)


class Pi(Source):
    """``~/.pi/agent``."""

    name = "pi"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger(lambda model, tokens, at: None))  # it says itself what it knows

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``$PI_CODING_AGENT_DIR``, else ``~/.pi/agent``; and ``$PI_CODING_AGENT_SESSION_DIR`` if there is one."""
        own = moved(environ, home, "PI_CODING_AGENT_DIR") or [home / ".pi" / "agent"]
        return [*own, *moved(environ, home, "PI_CODING_AGENT_SESSION_DIR")]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """By the manner in which Pi names the directories of sessions."""
        return any((directory / "sessions").glob("--*--"))

    def skips(self, path: PurePosixPath) -> bool:
        """All but the sessions."""
        parts = path.parts
        return len(parts) > 1 + (parts[0] == "sessions") or (parts[0] != "sessions" and not path.match("--*--"))

    def reader(self, path: PurePosixPath) -> Reader | None:
        """By :data:`FILES`."""
        ours = any(pattern.count("/") == len(path.parts) - 1 and path.match(pattern) for pattern in FILES)
        return Reader("lines", _File(self, path).read) if ours else None


class _File:
    """Reads one file of a session."""

    def __init__(self, source: Pi, path: PurePosixPath) -> None:
        self.source = source
        self.path = path
        self._open(_id_in(path.stem))

    def _open(self, session: str) -> None:
        self.session = self.source.namespace + session
        self.talk = Conversation(self.source.book, str(self.path), self.session)
        self.copied_until = 0
        self.calls: dict[str, tuple[str, _Block]] = {}  # the model's id of a call → ours, and the call
        self.in_turn = False
        self.titled = False

    def read(self, line: bytes) -> Iterable[Item]:
        """One entry."""
        if not line.strip():
            return
        entry = parse_as(_entry, line)
        at = millis(entry.timestamp)
        if at is None:
            raise Malformed(f"not a time: {entry.timestamp[:40]}")
        if entry.type == "session" and entry.id and self.source.namespace + entry.id != self.session:
            self._open(entry.id)
        for step in self._steps(entry, at, entry.id or blake2b(line, digest_size=8).hexdigest()):
            yield from self.talk.take(step)

    def _steps(self, entry: _Entry, at: int, id: str) -> Iterator[Step]:
        kind = entry.type
        if kind == "message" and entry.message is not None:
            roles = {
                "user": self._user,
                "assistant": self._answer,
                "toolResult": self._result,
                "bashExecution": self._bash,
            }
            take = roles.get(entry.message.role)
            if take is None:
                self.source.unknown[f"message/{entry.message.role}"] += 1
            elif at >= self.copied_until:
                yield from take(entry.message, at, id)
            if entry.message.role == "assistant":
                yield from self._usage(entry.message, at, f"{entry.timestamp}/{id}")
        elif kind == "session":
            yield from self._header(entry, at)
        elif kind == "model_change":
            yield About(at, {"model": entry.modelId}, {"model": entry.modelId})
        elif kind == "session_info":
            self.titled = self.titled or bool(named(entry.name))
            yield About(at, {"title": preview(named(entry.name))}, {})
        elif kind == "custom_message":
            pass  # an extension speaks to the model
        elif kind not in _SILENT:
            self.source.unknown[kind] += 1

    def _header(self, entry: _Entry, at: int) -> Iterator[Step]:
        origin = named(entry.parentSession) or named(entry.branchedFrom)
        project = directory_name(entry.cwd)
        parent = None
        if origin is not None:
            self.copied_until = at
            parent = self.source.namespace + _id_in(PurePosixPath(origin.replace("\\", "/")).stem)
        yield About(
            at,
            {"project": project, "path": str(self.path), "parent_id": parent},
            {"name": project or self.session[:8], "project": project},
        )
        yield TurnEnd(at, reason="session started")

    def _user(self, message: _Message, at: int, id: str) -> Iterator[Step]:
        self.in_turn = True
        text = message.text()
        if not self.titled and text:
            self.titled = True
            yield About(at, {"title": preview(text)}, {})
        yield Prompt(at, id, text)

    def _answer(self, message: _Message, at: int, id: str) -> Iterator[Step]:
        self.in_turn = True
        if thought := "\n".join(block.thinking for block in message.blocks("thinking") if block.thinking):
            yield Thinking(at, f"{id}:thinking", thought)
        if text := message.text():
            yield Reply(at, id, text)
        for block in message.blocks("toolCall"):
            # models count their calls anew in every session
            call_id = f"{self.session}:{block.id or id}"
            self.calls[block.id or id] = call_id, block
            yield Call(at, call_id, block.name or "tool", block.arguments)
        reason = message.stopReason
        if reason == "toolUse":
            return
        self.in_turn = False
        if reason == "aborted":
            yield from self._end(at, TurnEnd(at, "interrupted"))
        elif reason == "error":
            yield from self._end(at, TurnEnd(at, "failed", named(message.errorMessage)))
        elif reason == "length":
            yield from self._end(at, TurnEnd(at, reason="the answer was cut off: too long"))
        else:
            yield from self._end(at, TurnEnd(at, "asked" if asks(text) else "done"))

    def _end(self, at: int, end: TurnEnd) -> Iterator[Step]:
        for call_id, _ in self.calls.values():
            yield Result(at, call_id, "cancelled")
        self.calls.clear()
        yield end

    def _usage(self, message: _Message, at: int, id: str) -> Iterator[Step]:
        counts = message.usage or _Counts()
        tokens = Tokens(counts.input or 0, counts.output or 0, counts.cacheRead or 0, counts.cacheWrite or 0)
        if tokens.total:
            cost = (counts.cost.total if counts.cost else None) or None
            yield Usage(at, id, tokens, message.model, cost, copy=at < self.copied_until)

    def _result(self, message: _Message, at: int, id: str) -> Iterator[Step]:
        model_id = message.toolCallId or id
        call_id, call = self.calls.pop(model_id, (f"{self.session}:{model_id}", None))
        given = call.arguments if call is not None and isinstance(call.arguments, dict) else {}
        path, text = given.get("path"), message.text()
        edits = call is not None and call.name in _EDITORS and not message.isError and isinstance(path, str)
        error = text if message.isError else None
        yield Result(
            at, call_id, "error" if message.isError else "ok", text, error, files=(str(path),) if edits else ()
        )

    def _bash(self, message: _Message, at: int, id: str) -> Iterator[Step]:
        """A command that the person ran."""
        call_id = f"{self.session}:{id}"
        status = "cancelled" if message.cancelled else "error" if message.exitCode else "ok"
        yield Call(at, call_id, "bash", {"command": message.command})
        yield Result(at, call_id, status, message.output)  # type: ignore[arg-type]
        if not self.in_turn:
            yield TurnEnd(at, reason="end of your command")


def _id_in(stem: str) -> str:
    """The session in a name ``<time>_<session>``."""
    return stem.rpartition("_")[2] or stem
