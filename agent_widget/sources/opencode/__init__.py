"""OpenCode: conversations in a database that it keeps open while it works, or in a tree of small files before that.

Facts: anomalyco/opencode ``packages/core/src/session/sql.ts``, ``session/session.ts`` (which forks), ``database/
database.ts``, ``packages/schema/src/session-message.ts``; Irrlicht's recordings. Three generations in one place:

- ``storage/{session,message,part}/…/*.json`` and ``storage/todo/<session>.json`` (before 1.2): small files, rewritten,
  in any order. Not read where a database is: what was in them was carried over.
- ``opencode.db`` (1.2 on; ``opencode-<channel>.db``): tables session, message (a prompt, or one answer of the model),
  part (its texts, thoughts, tool calls and their results) and todo (a session's list, written anew each time), rows
  changed in place, ids kept from the files.
- the same file (2.x): session_v2 and session_message, which has the parts inside. It counts as soon as it has a prompt
  or an answer (1.17 already wrote switches of the model there); the older tables stand still then and are left out.

A message is told whole each time anything of it changed, always with the same ids, so neither order nor repetition
matters. What a message says is in :mod:`.messages`. A message that is older than its session was copied from
the session that was forked: it is told there, and here only what it cost, in case that one was deleted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from ...tables import Record
from ..base import (
    Ask,
    Database,
    Document,
    Item,
    Malformed,
    Query,
    Reader,
    Source,
    millis,
    moved,
    named,
    parse_json,
    parse_object,
    preview,
)
from ..conversation import Conversation
from ..ledger import Book
from ..steps import About, Closed, Plan, Usage
from .messages import Message, Piece, model_name, read_message, read_part, steps, todos

WINDOW: Final = 500
"""So many of the newest rows of a table are looked at again for changes: rows are rewritten in place."""

OPEN: Final = 200
"""So many unfinished messages are looked at again however old they are."""

_LATEST_ONLY: Final = frozenset({"status", "ended_at", "activity", "context_tokens", "model"})
"""Columns of sessions and agents that an older message must not set back."""


_TODO: Final = ("content", "status", "priority", "position", "time_updated")


@dataclass(slots=True)
class _Session:
    id: str
    parent: str | None = None
    created: int = 0
    told: bool = False
    newest: tuple[int, str] = (0, "")
    """The newest message that was told."""
    planned_at: int = 0
    plans: Conversation | None = None


class OpenCode(Source):
    """``~/.local/share/opencode``."""

    name = "opencode"

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.book = Book()
        self._sessions: dict[str, _Session] = {}
        self._tree = _Tree(self)

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """``OPENCODE_DB`` names another database, relative to the data directory."""
        (share,) = moved(environ, home, "XDG_DATA_HOME") or [home / ".local" / "share"]
        data = share / "opencode"
        others = [(data / path).parent for path in moved(environ, home, "OPENCODE_DB") if path != Path(":memory:")]
        return list(dict.fromkeys([data, *others]))

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """By a database of that name, or the tree before it."""
        return any(directory.glob("opencode*.db")) or (directory / "storage" / "message").is_dir()

    def skips(self, path: PurePosixPath) -> bool:
        """Logs, snapshots and programs can be large."""
        return path.parts[0] != "storage" or (len(path.parts) > 1 and path.parts[1] not in _Tree.FOLDERS)

    def reader(self, path: PurePosixPath) -> Reader | None:
        """A database beside the root's other files, or a file of the tree if there is no database."""
        if len(path.parts) == 1:
            return Database(_Database(self, str(path)).query) if path.suffix == ".db" else None
        if path.parts[0] != "storage" or path.suffix != ".json" or any(self.root.glob("opencode*.db")):
            return None
        return self._tree.reader(path)

    def told_with(self, path: PurePosixPath, agent_id: str) -> Iterable[PurePosixPath]:
        """Of the tree: all messages of the session, each with its parts."""
        storage = self.root / "storage"
        for message in sorted((storage / "message" / agent_id.removeprefix(self.namespace)).glob("*.json")):
            for file in (message, *sorted((storage / "part" / message.stem).glob("*.json"))):
                yield PurePosixPath(file.relative_to(self.root).as_posix())

    def excerpt(self, path: PurePosixPath, agent_id: str, before: str | None, since: str | None, limit: int) -> Query:
        """Only some messages of one session; of a fork also those that it copied."""
        session = agent_id.removeprefix(self.namespace)
        return lambda ask: _Database(self, str(path)).some(ask, session, before, since, limit)

    # -----------------------------------------------------------------------------------------------------------------
    # From messages to rows, the same for all generations

    def session(self, id: str) -> _Session:
        """What is known of a session; ``id`` is the one in the database, the row's has the namespace before it."""
        return self._sessions.setdefault(id, _Session(self.namespace + id))

    def about(self, id: str, file: str, facts: Mapping[str, Any]) -> Iterator[Item]:
        """What a session's own row says; ``facts`` has the columns of the database as its keys."""
        session = self.session(id)
        parent, at = named(facts.get("parent_id")), millis(facts.get("time_created"))
        if at is None:
            raise Malformed("a session without a time")
        session.parent, session.created = self.namespace + parent if parent else None, at
        directory, title = named(facts.get("directory")), named(facts.get("title"))
        spoke = (
            session.newest > _Session(session.id).newest
        )  # then its messages tell the model, each when it is written
        model = None if spoke else model_name(facts.get("model"))
        project = PurePosixPath(directory.replace("\\", "/")).name if directory else None
        name = named(facts.get("agent")) or title if session.parent else project or title
        conversation = Conversation(self.book, file, session.id, parent=session.parent)
        about = About(
            at,
            {
                "title": preview(title),
                "project": project,
                "path": file,
                "parent_id": session.parent,
                "agent_id": session.id,
            }
            | {"model": model},
            {"name": name, "role": named(facts.get("agent")), "project": project, "model": model},
        )
        for item in conversation.take(about):
            if session.told and isinstance(item, Record) and item.table == "sessions":  # it may be busy by now
                item = Record(item.table, item.id, {k: v for k, v in item.fields.items() if k != "status"})
            yield item
        session.told = True
        if archived := millis(facts.get("time_archived")):
            yield from conversation.take(Closed(archived))

    def tell(self, session: _Session, message: Message) -> Iterator[Item]:
        """All that follows from a message as it is now."""
        told = steps(message, session.parent, self.odd, self.namespace)
        if message.at < session.created:
            copied = Conversation(self.book, message.id, session.id, parent=session.parent)
            for step in told:
                if isinstance(step, Usage):
                    yield from copied.take(step._replace(copy=True))
            return
        latest = (message.at, message.id) >= session.newest
        if latest:
            session.newest = (message.at, message.id)
        conversation = Conversation(self.book, message.id, session.id, parent=session.parent)
        for step in told:
            if isinstance(step, Plan):
                yield from self.plan(session, step)
                continue
            for item in conversation.take(step):
                if not latest and isinstance(item, Record) and item.table in ("sessions", "agents"):
                    if item.id != session.id:
                        yield item
                    elif kept := {name: value for name, value in item.fields.items() if name not in _LATEST_ONLY}:
                        yield Record(item.table, item.id, kept)
                else:
                    yield item

    def plan(self, session: _Session, step: Plan) -> Iterator[Item]:
        """A session's list as it is now; the newest counts."""
        if step.at >= session.planned_at:
            session.planned_at = step.at
            session.plans = session.plans or Conversation(self.book, "", session.id, parent=session.parent)
            yield from session.plans.take(step)


# ---------------------------------------------------------------------------------------------------------------------
# The database


class _Database:
    """The cursors into one database."""

    def __init__(self, source: OpenCode, file: str) -> None:
        self.source = source
        self.file = file
        self._v2 = False
        self._begin()

    def _begin(self) -> None:
        self._rows: Counter[str] = Counter()  # table → largest row number seen
        self._since: Counter[str] = Counter()  # table → latest change seen
        self._open: dict[str, None] = {}
        self._todos: dict[str, list[dict[str, Any]]] = {}  # session → its list
        self._todos_mark: tuple[Any, ...] = ()

    def query(self, ask: Ask) -> Iterator[Item]:
        """What is new, sessions first."""
        names = self._generation(ask)
        if names is None:
            return
        sessions, messages, parts = names
        first = messages not in self._rows
        marks = {table: self._mark(ask, table) for table in (sessions, messages, parts) if table}
        yield from self._about(ask, sessions)
        if first:
            for (session,) in list(ask(f"SELECT id FROM {sessions} ORDER BY time_created, id")):
                found = ask(f"SELECT id FROM {messages} WHERE session_id = :id", id=session)
                yield from self._tell(ask, [id for (id,) in found if isinstance(id, str)], messages, parts)
        else:
            changed = dict(self._open)
            for table, column in ((messages, "id"), (parts, "message_id")):
                if table:
                    found = self._changes(ask, table, column)
                    changed.update(dict.fromkeys(id for (id,) in found if isinstance(id, str)))
            ids = list(changed)
            for start in range(0, len(ids), WINDOW):
                yield from self._tell(ask, ids[start : start + WINDOW], messages, parts)
        yield from self._plans(ask)
        for table, (row, since) in marks.items():  # only now: a reading that failed is done again
            self._rows[table], self._since[table] = row, since

    def some(self, ask: Ask, session: str, before: str | None, since: str | None, limit: int) -> Iterator[Item]:
        """A session's last messages before one, or all from one on."""
        names = self._generation(ask)
        if names is None:
            return
        sessions, messages, parts = names
        order = "time_created, seq" if parts is None else "time_created, id"
        where = "session_id = :session"
        for place, sign in ((before, "<"), (since, ">=")):
            if place is not None:
                where += f" AND ({order}) {sign} (SELECT {order} FROM {messages} WHERE id = :place)"
        sql = (
            f"SELECT id FROM {messages} WHERE {where} ORDER BY time_created DESC, {order.split(', ')[1]} DESC LIMIT :n"
        )
        ids = [id for (id,) in ask(sql, session=session, place=before or since or "", n=limit)]
        for (parent,) in ask(f"SELECT parent_id FROM {sessions} WHERE id = :session", session=session):
            self.source.session(session).parent = self.source.namespace + parent if named(parent) else None
        yield from self._tell(ask, [id for id in ids if isinstance(id, str)], messages, parts)

    def _generation(self, ask: Ask) -> tuple[str, str, str | None] | None:
        """The tables that count: of sessions, of messages, and of parts if they are in one of their own."""
        tables = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not self._v2 and {"session_v2", "session_message"} <= tables:
            used = ask("SELECT 1 FROM session_message WHERE type IN ('user', 'assistant') LIMIT 1")
            if any(True for _ in used):
                self._v2 = True
                self._begin()
        if self._v2:
            return "session_v2", "session_message", None
        return ("session", "message", "part") if {"session", "message", "part"} <= tables else None

    def _plans(self, ask: Ask) -> Iterator[Item]:
        """Lists that changed: a list is deleted and written anew, so its rows have no history."""
        has = {name for (name,) in ask("SELECT name FROM pragma_table_info('todo')")}
        if not has.issuperset(_TODO):
            if has:
                self.source.odd("todo/columns", self.file)
            return
        (mark,) = ask("SELECT count(*), max(rowid), max(time_updated) FROM todo")
        if mark == self._todos_mark:
            return
        lists: dict[str, list[dict[str, Any]]] = {}
        for session, *row in ask(f"SELECT session_id, {', '.join(_TODO)} FROM todo ORDER BY session_id, position"):
            if isinstance(session, str):
                lists.setdefault(session, []).append(dict(zip(_TODO, row, strict=True)))
        for session in sorted(self._todos.keys() | lists.keys()):
            listed, known = lists.get(session, []), self.source.session(session)
            if listed != self._todos.get(session):
                at = max((millis(entry["time_updated"]) or 0 for entry in listed), default=known.planned_at)
                yield from self.source.plan(known, Plan(at, todos(listed)))
        self._todos, self._todos_mark = lists, mark

    def _mark(self, ask: Ask, table: str) -> tuple[int, int]:
        ((row,),) = ask(f"SELECT max(rowid) FROM {table}")
        sql = f"SELECT max(time_updated) FROM {table} WHERE rowid > :after AND typeof(time_updated) = 'integer'"
        newest = ask(sql, after=(row or 0) - WINDOW)
        return row or 0, max(self._since[table], *(since or 0 for (since,) in newest))

    def _changes(self, ask: Ask, table: str, column: str) -> Iterable[tuple[Any, ...]]:
        row = self._rows[table]
        sql = f"SELECT {column} FROM {table} WHERE rowid > :from AND (rowid > :after OR time_updated >= :since)"
        return ask(sql, **{"from": row - WINDOW, "after": row, "since": self._since[table]})

    def _about(self, ask: Ask, table: str) -> Iterator[Item]:
        has = {name for (name,) in ask("SELECT name FROM pragma_table_info(:table)", table=table)}
        columns = ["id", "parent_id", "directory", "title", "agent", "model", "time_created", "time_archived"]
        columns = [column for column in columns if column in has]
        sql = f"SELECT {', '.join(columns)} FROM {table} WHERE rowid > :after OR time_updated >= :since ORDER BY rowid"
        for row in list(ask(sql, after=self._rows[table], since=self._since[table])):
            if not isinstance(row[0], str):  # a column of SQLite takes any type
                self.source.odd("session/malformed", repr(row[0]))
                continue
            try:
                yield from self.source.about(row[0], self.file, dict(zip(columns, row, strict=True)))
            except Malformed:
                self.source.odd("session/malformed", row[0])

    def _tell(self, ask: Ask, ids: list[str], messages: str, parts: str | None) -> Iterator[Item]:
        """Tell some messages, in the order in which they were written."""
        wanted = msgspec.json.encode(ids).decode()
        among = "IN (SELECT value FROM json_each(:ids))"
        kind, order = ("type", "seq") if parts is None else ("NULL", "id")
        sql = (
            f"SELECT id, session_id, time_created, {kind}, CAST(data AS BLOB) FROM {messages} WHERE id {among} "
            f"ORDER BY time_created, {order}"
        )
        found: dict[str, tuple[str, Message]] = {}
        for id, session, at, type_, data in ask(sql, ids=wanted):
            self._open.pop(id, None)
            # a page of a transcript is asked for without the sessions
            if not isinstance(session, str) or not (self.source.book.on_step or self.source.session(session).told):
                self.source.odd("message/malformed", repr(id))
                continue
            try:
                found[id] = session, read_message(id, at, type_, data or b"")
            except Malformed:
                self.source.odd("message/malformed", id)
        if parts is not None:
            columns = "id, message_id, time_created, CAST(data AS BLOB)"
            sql = f"SELECT {columns} FROM {parts} WHERE message_id {among} ORDER BY id"
            for id, message_id, at, data in ask(sql, ids=wanted):
                if message_id in found and isinstance(id, str):
                    try:
                        found[message_id][1].pieces.append(read_part(id, at, data or b""))
                    except Malformed:
                        self.source.odd("part/malformed", id)
        for id, (session, message) in found.items():
            if message.open:
                self._open[id] = None
            try:
                yield from self.source.tell(self.source.session(session), message)
            except Malformed:
                self.source.odd("message/malformed", id)
        while len(self._open) > OPEN:
            del self._open[next(iter(self._open))]


# ---------------------------------------------------------------------------------------------------------------------
# The tree


class _Tree:
    """Sessions, messages and parts in files of their own, which come in any order."""

    FOLDERS: Final = ("session", "message", "part", "todo")

    def __init__(self, source: OpenCode) -> None:
        self.source = source
        self._messages: dict[str, tuple[str, Message]] = {}
        self._parts: dict[str, dict[str, Piece]] = {}
        self._expected: dict[str, set[str]] = {}
        self._sessions: set[str] = set()
        """Sessions with a file that was not read yet."""
        self._todos: dict[str, list[Any]] = {}

    def reader(self, path: PurePosixPath) -> Reader | None:
        """``session/<project>/<id>.json``, ``{message/<session>,part/<message>}/<id>.json``, ``todo/<id>.json``."""
        if len(path.parts) == 3 and path.parts[1] == "todo":
            return Document(lambda data: self._listed(path.stem, data))
        if len(path.parts) != 4:
            return None
        _, folder, above, _ = path.parts
        if folder == "session":
            self._sessions.add(path.stem)
            return Document(lambda data: self._session(path, parse_object(data)))
        if folder == "message":
            return Document(lambda data: self._message(above, path.stem, data))
        if folder == "part":
            self._expected.setdefault(above, set()).add(path.stem)  # all files are found before the first is read
            return Document(lambda data: self._part(above, path.stem, data))
        return None

    def _session(self, path: PurePosixPath, document: dict[str, Any]) -> Iterator[Item]:
        time = document["time"]
        session = self.source.session(path.stem)
        known = session.parent, session.created
        self._sessions.discard(path.stem)
        yield from self.source.about(
            path.stem,
            str(path),
            {**document, "parent_id": document.get("parentID")}
            | {"time_created": time.get("created"), "time_archived": time.get("archived")},
        )
        if path.stem in self._todos:
            yield from self._plan(path.stem)
        if (session.parent, session.created) != known:  # what came before was held back, or told without it
            for id in [id for id, (session, _) in self._messages.items() if session == path.stem]:
                yield from self._tell(id)

    def _message(self, session: str, id: str, data: bytes) -> Iterator[Item]:
        self._messages[id] = session, read_message(id, None, None, data)
        yield from self._tell(id)

    def _part(self, message: str, id: str, data: bytes) -> Iterator[Item]:
        self._parts.setdefault(message, {})[id] = read_part(id, None, data)
        if message in self._messages:
            yield from self._tell(message)

    def _listed(self, session: str, data: bytes) -> Iterator[Item]:
        listed = parse_json(data)
        self._todos[session] = listed if isinstance(listed, list) else []
        if self.source.session(session).created:
            yield from self._plan(session)

    def _plan(self, id: str) -> Iterator[Item]:
        """The file has no time: it is never older than what was said of the list."""
        session = self.source.session(id)
        yield from self.source.plan(session, Plan(max(session.planned_at, session.created), todos(self._todos[id])))

    def _tell(self, id: str) -> Iterator[Item]:
        session, message = self._messages[id]
        if session in self._sessions or self._expected.get(id, set()) - self._parts.get(id, {}).keys():
            return
        message.pieces = [piece for _, piece in sorted(self._parts.get(id, {}).items())]
        yield from self.source.tell(self.source.session(session), message)
