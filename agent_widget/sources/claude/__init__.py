"""Claude Code: the directory ``~/.claude``, in which every session, subagent, task and team leaves its files.

:data:`FILES` says what is read; nothing else is, least of all ``.credentials.json``. The format is internal to Claude
Code and changes between versions. The facts come from its documentation (``code.claude.com/docs``: sessions,
claude-directory, sub-agents, agent-teams, hooks, changelog), from Anthropic's ``claude-agent-sdk-python``, and from
transcripts of versions 2.0.64 to 2.1.236 that people published. What follows from them:

- One line is one block of an answer, so several lines share one ``message.id`` and repeat its usage; forks and side
  chains repeat it in other files. An answer counts once, at its largest claim. ``progress`` lines repeat what is
  elsewhere and are skipped unparsed.
- A turn ends with ``turn_duration`` or ``stop_hook_summary``, or a text whose ``stop_reason`` says so. Versions
  2.1.12 to 2.1.58 wrote no ``stop_reason``: there a text alone ends nothing (a tool call may follow seconds
  later); one of the two lines does, or the next prompt, which ends the turn when that text was written.
- A permission prompt leaves no trace in a transcript: a pending call runs or waits, and the reason says so. Newer
  versions tell in ``sessions/<pid>.json``.
- Names of project directories are not reversible: the project comes from the ``cwd`` of the lines.
- A message may be told up to three times (inbox, sender's call, recipient's transcript): the first of these counts.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from ..base import (
    READERS,
    Evidence,
    Gone,
    Item,
    Malformed,
    Reader,
    Record,
    Source,
    millis,
    moved,
    named,
    parse_json,
    parse_object,
    preview,
)
from ..conversation import TASK_STATUS
from ..ledger import Book, Ledger
from ..memory import memory_fields
from ..prices import price
from ..steps import PERSON
from .lines import Transcript
from .live import Live
from .values import folder, is_internal, team_message

FILES: Final[tuple[tuple[str, Literal["lines", "document"], str], ...]] = (
    # pattern, part by part from the root; how it is read; the method of Claude (or Live) that reads it
    ("projects/*/*.jsonl", "lines", "transcript"),
    ("projects/*/*/subagents/agent-*.jsonl", "lines", "transcript"),
    ("projects/*/*/subagents/workflows/*/agent-*.jsonl", "lines", "transcript"),
    ("projects/*/*/subagents/agent-*.meta.json", "document", "sidecar"),
    ("projects/*/*/subagents/workflows/*/agent-*.meta.json", "document", "sidecar"),
    ("sessions/[0-9]*.json", "document", "process"),
    ("jobs/*/state.json", "document", "job"),
    ("tasks/*/*.json", "document", "task"),
    ("todos/*.json", "document", "todos"),
    ("teams/*/config.json", "document", "team"),
    ("teams/*/inboxes/*.json", "document", "inbox"),
    ("projects/*/memory/*.md", "document", "memory"),
    ("agent-memory/*/*.md", "document", "memory"),
    ("plans/*.md", "document", "memory"),
    ("history.jsonl", "lines", "history"),
)

_OPENED: Final = frozenset(pattern.split("/")[0] for pattern, _, _ in FILES)
_NOT_OPENED: Final = frozenset({"tool-results", "file-history", "tmp"})

_INBOX, _CALL, _HEARD = 0, 1, 2
"""Who tells of a message, best first."""

_TIMES: Final = frozenset({"created_at", "updated_at", "started_at", "completed_at"})
_LIVE: Final = frozenset({"process", "job"})
_LEAD: Final = "team-lead"


class Claude(Source):
    """One configuration directory of Claude Code."""

    name = "claude"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book(Ledger(price))
        self.parents: dict[str, str] = {}
        """Subagent → who it works for, where something says so."""
        self.leads: dict[str, str] = {}
        """Team → session of its lead."""
        self.transcripts: dict[str, tuple[bool, str]] = {}
        """Session → its file; of several, the one that bears its name."""
        self.live = Live(namespace, self.unknown)
        self.mates: set[str] = set()
        """Members of teams that have transcripts of their own."""
        self._prompts: defaultdict[str, set[str]] = defaultdict(set)  # session → prompts of history.jsonl
        self._names: dict[str, tuple[str | None, str | None]] = {}  # subagent → its name and its kind
        self._tasks: defaultdict[str, dict[str, int]] = defaultdict(dict)  # task → column → when it was last told
        self._filed: dict[str, frozenset[str]] = {}  # task with a file of its own → what only the transcript tells
        self._leaderless: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)  # lead's name → messages, columns
        self._told: defaultdict[str, dict[str, int]] = defaultdict(dict)  # text → messages → who tells
        self._documents: defaultdict[str, dict[str, tuple[Callable[[str, bytes], Iterable[Item]], bytes]]]
        self._documents = defaultdict(dict)  # team → file → how to read it again
        self._said: dict[str, set[tuple[str, str]]] = {}  # document of a team → rows it tells of
        self._projects: dict[str, str] = {}  # directory → project
        self._memories: defaultdict[str, set[str]] = defaultdict(set)  # directory → rows

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``CLAUDE_CONFIG_DIR`` (several with commas between them), or the two places where it usually is."""
        if given := moved(environ, home, "CLAUDE_CONFIG_DIR", ","):
            return given
        (config,) = moved(environ, home, "XDG_CONFIG_HOME") or [home / ".config"]
        return [config / "claude", home / ".claude"]

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """Whether there are transcripts, or teams."""
        for pattern in ("projects/*/*.jsonl", "projects/*/*/subagents", "teams/*/config.json"):
            try:
                if next(directory.glob(pattern), None) is not None:
                    return True
            except OSError:
                continue
        return os.path.isdir(directory / "projects") and os.path.isfile(directory / "history.jsonl")

    def reader(self, path: PurePosixPath) -> Reader | None:
        """The reader of the first pattern in :data:`FILES` that fits."""
        for pattern, mode, method in FILES:
            if pattern.count("/") == len(path.parts) - 1 and path.match(pattern):
                if method == "transcript":
                    return READERS[mode](Transcript(self, path).read)
                return READERS[mode](partial(getattr(self.live if method in _LIVE else self, method), str(path)))
        return None

    def skips(self, path: PurePosixPath) -> bool:
        """Whether nothing below is listed in :data:`FILES`."""
        return path.parts[0] not in _OPENED or path.name in _NOT_OPENED

    # -----------------------------------------------------------------------------------------------------------------
    # What several files tell of

    def subagent(self, session: str, id: str) -> str:
        """The row of a subagent: its short id is unique in its session only."""
        return self.namespace + id if "@" in id else f"{session}/{id}"

    def member(self, team: str, name: str) -> str:
        """The row of a member of a team; its lead is the agent of a session."""
        lead = self.leads.get(team)
        return lead if lead is not None and name == _LEAD else f"{self.namespace}{name}@{team}"

    def belongs(self, agent: str, parent: str) -> None:
        """Somebody says who a subagent works for."""
        self.parents[agent] = parent

    def called_by(self, agent: str, name: str | None = None, kind: str | None = None) -> str | None:
        """A subagent's name: the one it was given, or else its kind; the same whoever tells it first."""
        told = self._names.get(agent, (None, None))
        self._names[agent] = told = (name or told[0], kind or told[1])
        return told[0] or told[1]

    def came_to_light(self, session: str, file: PurePosixPath) -> Iterator[Item]:
        """A transcript tells of a session."""
        known = (file.stem != session.removeprefix(self.namespace), str(file))
        if session not in self.transcripts or known < self.transcripts[session]:
            self.transcripts[session] = known
            yield Record("sessions", session, {"path": known[1]})
            team = _team_of(session.removeprefix(self.namespace))
            if team in self._documents and team not in self.leads:
                yield from self._leads(team, session)
        for id in sorted(self._prompts.pop(session, ())):
            yield Gone("messages", id)

    def lives_in(self, directory: str, project: str) -> Iterator[Item]:
        """A line says which project a directory of transcripts is about."""
        if directory not in self._projects or project < self._projects[directory]:
            self._projects[directory] = project
            for id in sorted(self._memories[directory]):
                yield Record("memory", id, {"project": project})

    def once(self, items: Iterable[Item], at: int, rank: int = _HEARD) -> Iterator[Item]:
        """Without messages that somebody closer tells of, and what is older than what is known of a task."""
        for item in items:
            if isinstance(item, Record) and item.table == "messages":
                if item.fields["sender"] != PERSON:
                    yield from self._message(item, rank)
                    continue
            elif isinstance(item, (Record, Gone)) and item.table == "tasks":
                told, filed = self._tasks[item.id], self._filed.get(item.id)
                if isinstance(item, Record):
                    first = told.setdefault("created_at", at)
                    fields = {column: value for column, value in item.fields.items() if at >= told.get(column, 0)}
                    if filed is not None:
                        fields = {column: value for column, value in fields.items() if column in filed}
                    told.update(dict.fromkeys(fields, at))
                    told["created_at"] = min(first, at)
                    if filed is None or "created_at" in filed:
                        fields["created_at"] = told["created_at"]
                    item = Record("tasks", item.id, fields)
                elif filed is not None or max(told.values(), default=0) > at:
                    continue
            yield item

    def called(self, message: Record) -> Iterator[Item]:
        """A message as the tool call of its sender tells it."""
        return self._message(message, _CALL)

    def _message(self, message: Record, rank: int) -> Iterator[Item]:
        for column in ("sender", "recipient"):
            name, _, team = message.fields[column].removeprefix(self.namespace).rpartition("@")
            if name == _LEAD:
                if team not in self.leads:
                    self._leaderless[team].add((message.id, column))
                message.fields[column] = self.member(team, _LEAD)
        text = message.fields["text"]
        if not text:
            yield message
            return
        tellers = self._told[blake2b(text.strip().encode("utf-8", "replace"), digest_size=12).hexdigest()]
        if min(tellers.values(), default=rank) < rank:
            return
        for id in [id for id, other in tellers.items() if other > rank]:
            del tellers[id]
            yield Gone("messages", id)
        tellers[message.id] = rank
        yield message

    # -----------------------------------------------------------------------------------------------------------------
    # Documents

    def sidecar(self, file: str, data: bytes) -> Iterator[Item]:
        """``agent-<id>.meta.json``: what a subagent is."""
        document, path = parse_object(data), PurePosixPath(file)
        short = path.name.removeprefix("agent-").removesuffix(".meta.json")
        if is_internal(short):
            return
        session = self.namespace + path.parts[2]
        agent = self.subagent(session, short)
        kind, parent = named(document.get("agentType")), named(document.get("parentAgentId"))
        name = self.called_by(agent, named(document.get("name")), kind)
        facts = {"name": name, "role": kind, "model": named(document.get("model"))}
        self.belongs(agent, self.subagent(session, parent) if parent else session)
        known = {name: value for name, value in facts.items() if value is not None}
        yield Record("agents", agent, {"session_id": session, "parent_id": self.parents[agent], **known})

    def todos(self, file: str, data: bytes) -> Iterator[Item]:
        """``todos/<session>-agent-<agent>.json``: the list of a session whose transcript tells none."""
        session, _, agent = PurePosixPath(file).stem.partition("-agent-")
        listed = parse_json(data)
        for place, todo in enumerate(listed if isinstance(listed, list) else (), 1):
            title, status = named(todo.get("content")), named(todo.get("status")) or "pending"
            row = owner = self.namespace + session
            id = f"{row}:todo-{place}"
            if agent not in ("", session):
                owner, id = self.subagent(row, agent), f"{row}:{agent}.todo-{place}"
            if title is not None and id not in self._tasks:
                status = TASK_STATUS.get(status, "pending")
                fields = {"title": preview(title), "status": status, "owner": owner, "progress": _progress(status)}
                yield Record("tasks", id, {**fields, "session_id": row})

    def task(self, file: str, data: bytes) -> Iterator[Item]:
        """``tasks/<session or team>/<n>.json``."""
        if not PurePosixPath(file).stem.isdecimal():  # an old version also kept all of them in one
            return
        yield from self._of_team(PurePosixPath(file).parts[1], file, self._task, data)

    def _task(self, file: str, data: bytes) -> Iterator[Item]:
        document, scope = parse_object(data), PurePosixPath(file).parts[1]
        number = named(str(document.get("id") or PurePosixPath(file).stem))
        title, metadata = named(document.get("subject")), document.get("metadata")
        if title is None or (isinstance(metadata, dict) and metadata.get("_internal")):
            return
        session = self.leads.get(scope, self.namespace + scope)
        status = TASK_STATUS.get(str(document.get("status")).lower(), "pending")
        blockers = document.get("blockedBy")
        owner = named(document.get("owner"))
        fields = {
            "title": preview(title),
            "description": preview(named(document.get("description"))),
            "status": status,
            "progress": _progress(status),
            "owner": None if owner is None else self.member(scope, owner.partition("@")[0]),
            "session_id": session,
            "depends_on": [f"{session}:{id}" for id in blockers] if isinstance(blockers, list) else None,
        }
        for column, name in (("created_at", "createdAt"), ("updated_at", "updatedAt")):
            if (at := millis(document.get(name))) is not None:
                fields[column] = at
        self._filed[f"{session}:{number}"] = _TIMES - fields.keys()
        yield Record("tasks", f"{session}:{number}", fields)

    def team(self, file: str, data: bytes) -> Iterator[Item]:
        """``teams/<team>/config.json``: who is in it. Who leaves it, stays here."""
        document, team = parse_object(data), PurePosixPath(file).parts[1]
        lead = named(document.get("leadSessionId"))
        if lead is not None and self.leads.get(team) != self.namespace + lead:
            yield from self._leads(team, self.namespace + lead)
        leader = self.member(team, _LEAD)
        for member in document.get("members") or ():
            name = named(member.get("name"))
            if name is None:
                continue
            agent, at = self.member(team, name), millis(member.get("joinedAt"))
            project = folder(member.get("cwd"))
            if agent == leader:
                yield Record("agents", agent, {"role": named(member.get("agentType"))})
                if team in self.leads and leader not in self.transcripts:  # which would say it better
                    yield Record("sessions", agent, {"agent_id": agent, "status": "idle", "project": project})
                    yield Record("agents", agent, {"name": project or name, "project": project, "session_id": agent})
                continue
            facts = {"role": named(member.get("agentType")), "model": named(member.get("model")), "project": project}
            told = {"name": name, "parent_id": leader, "session_id": self.leads.get(team), "started_at": at, **facts}
            if agent in self.mates:  # its own transcript tells
                told["session_id"] = told["model"] = None
            yield Record("agents", agent, {name: value for name, value in told.items() if value is not None})
            if at is not None and (task := named(member.get("prompt"))) is not None:
                fields = {"at": at, "sender": leader, "recipient": agent, "kind": "delegate", "text": preview(task)}
                message = Record("messages", f"{agent}>", {**fields, "session_id": self.leads.get(team)})
                yield from self._message(message, _INBOX)
                yield Evidence(agent, at, "given work", sign="message")

    def _leads(self, team: str, session: str) -> Iterator[Item]:
        """Somebody says which session leads a team: what was read of the team before means that one."""
        self.leads[team] = session
        for id, column in sorted(self._leaderless.pop(team, ())):
            if any(id in tellers for tellers in self._told.values()):
                yield Record("messages", id, {column: session})
        for path, (read, before) in sorted(self._documents[team].items()):
            yield from self._again(path, read, before)

    def inbox(self, file: str, data: bytes) -> Iterator[Item]:
        """``teams/<team>/inboxes/<recipient>.json``: rewritten with every message and when one is read."""
        yield from self._of_team(PurePosixPath(file).parts[1], file, self._inbox, data)

    def _inbox(self, file: str, data: bytes) -> Iterator[Item]:
        path, entries = PurePosixPath(file), parse_json(data)
        if not isinstance(entries, list):
            raise Malformed("no list of messages")
        team, session = path.parts[1], self.leads.get(path.parts[1])
        recipient, seen = self.member(team, path.stem), Counter[str]()
        yield Record("agents", recipient, {} if recipient == session else {"name": path.stem})
        for entry in entries:
            at, text = millis(entry.get("timestamp")), named(entry.get("text"))
            sender = named(entry.get("from"))
            if at is None or text is None or sender is None:
                continue
            agent = self.member(team, sender.partition("@")[0])
            key = blake2b(f"{path.stem}\0{sender}\0{at}\0{text}".encode("utf-8", "replace"), digest_size=9).hexdigest()
            seen[key] += 1
            id = f"{self.namespace}{team}:{key}" + (f".{seen[key]}" if seen[key] > 1 else "")
            kind, said, task, evidence = team_message(text)
            fields = {"at": at, "sender": agent, "recipient": recipient, "kind": kind, "text": preview(said)}
            if task is not None:
                fields["task_id"] = f"{session or self.namespace + team}:{task}"
            message = Record("messages", id, {**fields, "session_id": session, "read": entry.get("read") is True})
            yield from self._message(message, _INBOX)
            yield Record("agents", agent, {} if agent == session else {"name": sender.partition("@")[0]})
            if sender.partition("@")[0] != _LEAD:  # its own transcript tells
                status, reason = evidence
                yield Evidence(agent, at, f"says {status}", reason, "message")

    def _of_team(
        self, team: str, file: str, read: Callable[[str, bytes], Iterable[Item]], data: bytes
    ) -> Iterator[Item]:
        if team not in self.leads and team.startswith("session-"):  # a team's directory may be gone, its tasks stay
            named_so = (id for id in self.transcripts if _team_of(id.removeprefix(self.namespace)) == team)
            if (session := min(named_so, default=None)) is not None:
                yield from self._leads(team, session)
        items = list(read(file, data))
        self._documents[team][file] = read, data
        self._said[file] = _rows(items) | self._said.get(file, set())
        yield from items

    def _again(self, file: str, read: Callable[[str, bytes], Iterable[Item]], data: bytes) -> Iterator[Item]:
        """The rows of a document, whose names mean somebody else now."""
        before = self._said.get(file, set())
        items = list(read(file, data))
        self._said[file] = _rows(items)
        for table, id in sorted(before - self._said[file]):
            yield Gone(table, id)
        yield from items

    def memory(self, file: str, data: bytes) -> Iterator[Item]:
        """What an agent wrote down for later sessions, and plans."""
        path = PurePosixPath(file)
        kind = {"projects": "memory", "agent-memory": "agent_memory"}.get(path.parts[0], "plan")
        fields = memory_fields(path, data, heading="name:|#{1,6}", kind=kind)
        if path.parts[0] == "projects":
            self._memories[path.parts[1]].add(self.namespace + file)
            if project := self._projects.get(path.parts[1]):
                fields["project"] = project
        yield Record("memory", self.namespace + file, fields)

    def history(self, file: str, line: bytes) -> Iterator[Item]:
        """``history.jsonl``: what people typed; all that is left of sessions whose transcript is gone."""
        entry = parse_object(line)
        session, at, text = named(entry.get("sessionId")), millis(entry.get("timestamp")), named(entry.get("display"))
        if session is None or at is None or text is None:
            return
        session = self.namespace + session
        yield Record("sessions", session, {"started_at": at, "updated_at": at})
        if session in self.transcripts:
            return
        project = folder(entry.get("project"))
        id = f"{session}:{at}"
        first = {} if self._prompts[session] else {"title": preview(text)}
        self._prompts[session].add(id)
        yield Record("sessions", session, {"project": project, "agent_id": session, "status": "ended", **first})
        yield Record("agents", session, {"name": project, "project": project, "session_id": session})
        fields = {"at": at, "sender": PERSON, "recipient": session, "kind": "prompt", "text": preview(text)}
        yield Record("messages", id, {**fields, "session_id": session})


def _team_of(session: str) -> str:
    """What the team that a session leads is called, since 2.1.178."""
    return f"session-{session[:8]}"


def _progress(status: str) -> float | None:
    return {"completed": 1.0, "pending": 0.0}.get(status)


def _rows(items: Iterable[Item]) -> set[tuple[str, str]]:
    return {(item.table, item.id) for item in items if isinstance(item, Record)}
