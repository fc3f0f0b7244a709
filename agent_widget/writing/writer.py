"""The engine of changes: which source takes one, what is refused, and that nothing is ever written over.

What the file says under the lock is compared with what the caller saw; where they differ nothing is written, and the
error has both values. Rows are made of the bytes before and after by the source's own reader, so what is answered is
what will be in the tables, and a change that would touch another row is found before it is written.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..ingest.tail import Unreadable, read_document
from ..masking import deep, masked
from ..sources.base import Gone, Item, Record, Source
from ..sources.changes import Append, Change, Command, Method, Missing, Plan, Refused, Rewrite
from ..sources.kept import forget_oldest
from ..sources.parsing import MISREAD
from ..sources.texts import title_of
from ..store import Row, Store, joined
from ..tables import PREVIEW_CHARS, TABLES, now_ms
from .audit import Audit, AuditError, user_name
from .files import Busy, Unwritable, append, check_place, rewrite
from .locks import PATIENCE, Locked, LockLost, held

COMMAND_SECONDS: Final = 15.0
"""Seconds for which a program may run that makes a change."""
_KEPT: Final = 1000
"""Number of rows whose last change by us is kept, until the files have been read again."""
_REPLACED: Final = ("status", "owner", "priority", "title")
"""Columns of which a change replaces the value; notes are added."""
_REFERENCES: Final = ("owner", "to", "task_id")
_MASK: Final = re.compile(r"\[masked: [^\]\n]{1,80}\]")


class WriteError(Exception):
    """A change was not made; ``code`` is one word for why.

    ``details``: of a conflict, column → what was ``seen`` and what was ``found``.
    """

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.details = None if details is None else dict(details)


class Who(NamedTuple):
    """Who asks for a change."""

    client: str
    """What the client calls itself, and where it is connected from."""


class Writer:
    """Makes changes in the files of some sources. Its methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        unmasked: Mapping[str, str],
        *,
        host: str,
        allowed: bool,
        masking: bool = True,
        audit: Audit | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """Write into the files of ``sources``; ``store`` has the rows made of them.

        ``unmasked``: masked id in the store → what it is in the files. ``host``: the ``host`` of rows. ``allowed``:
        whether anything may be written.
        """
        self.allowed = allowed
        self._store = store
        self._sources = sources
        self._unmasked = unmasked
        self._host = host
        self._masking = masking
        self._audit = audit or Audit()
        self._patience = patience
        self._lock = threading.Lock()
        self._turns: dict[Path, threading.Lock] = {}
        self._own: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()

    def methods(self, source: Source) -> list[str]:
        """Return which changes a source takes, as things are: none if the server takes none."""
        if not self.allowed or not source.writes or source.read_only is not None:
            return []
        return list(source.writes)

    def actions(self, table: str, id: str) -> dict[str, Any]:
        """Return what can be done with one row: method → ``fields`` that it takes, and their words."""
        row = self._store.get(table, id)
        if row is None:
            raise WriteError("not_found", f"no row {id!r} in {table}")
        found: dict[str, Any] = {}
        source = self._source_of(row)
        if source is None:
            return found
        for method in self.methods(source):
            about = {"task": "tasks", "message": "messages"}[method.partition(".")[0]]
            sends = method == "message.send" and table == "agents"
            if method == "task.create" or not (sends or (about == table and method != "message.send")):
                continue
            if method == "message.read" and row["read"]:
                continue
            fields = self._own_words(source, {"to": id, "text": "?"} if sends else {})
            try:
                plans = self._plans(source, method, fields, None if sends else row)  # type: ignore[arg-type]
            except (Refused, Missing):
                continue
            if not any(self._works(source, plan) for plan in plans):
                continue
            found[method] = {"fields": list(source.writes[method])}
            if method == "task.update":
                found[method] |= {"statuses": list(source.statuses), "priorities": list(source.priorities)}
        return found

    def write(
        self,
        method: Method,
        fields: Mapping[str, Any],
        who: Who,
        *,
        id: str | None = None,
        seen: Mapping[str, Any] | None = None,
        root: str | None = None,
    ) -> Row:
        """Make a change, and return the row as it will be. Raises :class:`WriteError`; then nothing was written.

        ``id``: the row that is changed. ``seen``: column → the value that the caller saw, by default those of the
        store. ``root``: where something new goes, if several places could take it.
        """
        if not self.allowed:
            raise WriteError(
                "forbidden",
                "this server takes no changes; start it with `agent-widget serve --allow-writes PATH`, or in a "
                "notebook with aw.watch(PATH, allow_writes=True)",
            )
        table = "tasks" if method.startswith("task.") else "messages"
        row = None
        if id is not None:
            row = self._store.get(table, id)
            if row is None:
                raise WriteError("not_found", f"no row {id!r} in {table}")
        fields = self._with_recipient(fields)
        if row is not None and fields.get("title") is not None and fields["title"] == row.get("title"):
            fields = {name: value for name, value in fields.items() if name != "title"}  # it may be shown masked or cut
            if not fields:
                return Row(row)
        self._check_texts(fields, row)
        source = self._taking(method, row, fields, root)
        unknown = [name for name, value in fields.items() if value is not None and name not in source.writes[method]]
        if unknown:
            word = unknown[0].removesuffix("_id")
            raise WriteError("refused", f"{table} of {source.name} have no {word}; leave it out")
        try:
            plans = self._plans(source, method, self._own_words(source, fields), row)
            return self._make(source, method, plans, fields, row, seen, who)
        except Missing as error:
            raise WriteError("not_found", str(error)) from None
        except (Refused, NotImplementedError) as error:
            raise WriteError("refused", str(error)) from None
        except (Locked, LockLost, Busy) as error:
            raise WriteError("locked", str(error)) from None
        except (Unwritable, AuditError) as error:
            raise WriteError("unwritable", str(error)) from None
        except MISREAD as error:
            raise WriteError(
                "unwritable",
                f"the file cannot be understood now, it may be half written ({error}); nothing was written",
            ) from None

    # Which source

    def _real(self, id: str) -> str:
        return self._unmasked.get(id, id)

    def _source_of(self, row: Mapping[str, Any]) -> Source | None:
        """Return the source that a row comes from."""
        id = self._real(row["id"])
        holding = [s for s in self._sources if s.name == row["source"] and id.startswith(s.namespace)]
        return max(holding, key=lambda source: len(source.namespace), default=None)

    def _taking(
        self, method: Method, row: Mapping[str, Any] | None, fields: Mapping[str, Any], root: str | None
    ) -> Source:
        if row is not None:
            source = self._source_of(row)
            if source is None or method not in source.writes:
                raise WriteError("refused", f"rows of {row['source']} can only be read")
            _check_open(source)
            return source
        able = [source for source in self._sources if method in source.writes]
        if not able:
            raise WriteError("refused", "no watched directory takes such a change; only some formats can be written to")
        if root is not None:
            wanted = os.path.realpath(os.path.expanduser(root))
            able = [source for source in able if str(source.root) == wanted or str(source.root.parent) == wanted]
            if not able:
                raise WriteError("not_found", f"nothing at {root} takes such a change")
        if method == "message.send" and (to := fields.get("to")) not in (None, "*"):
            agent = self._store.get("agents", str(to))
            if agent is not None:
                source = self._source_of(agent)
                if source is None or source not in able:
                    raise WriteError("refused", f"agents of {agent['source']} cannot be written to")
                able = [source]
        if method == "message.send" and len(able) > 1:
            able = [source for source in able if _can_reach(source, fields)] or able
        ready = [source for source in able if self.methods(source)] or able
        if len(ready) > 1:
            places = ", ".join(str(source.root) for source in ready)
            raise WriteError("ambiguous", f"several places could take it; say which with root: {places}")
        _check_open(ready[0])
        return ready[0]

    # What is asked

    def _with_recipient(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields with the id of an agent that was named by its name; of several the one seen last."""
        to = fields.get("to")
        if to in (None, "*") or self._store.get("agents", to) is not None:
            return fields
        named = [row for row in self._store.rows("agents") if row["name"] == to or row["id"] == f"agent-{to}"]
        row = max(named, key=lambda row: row["last_seen_at"] or 0, default=None)
        return fields if row is None else {**fields, "to": row["id"]}

    def _check_texts(self, fields: Mapping[str, Any], row: Mapping[str, Any] | None) -> None:
        """Refuse texts in which something stands that is only shown so: a mask, or the end of a preview."""
        for name, value in fields.items():
            for text in value if isinstance(value, list) else [value]:
                if not isinstance(text, str):
                    continue
                shown = row is not None and row.get(name) == text
                if name not in _REFERENCES and name != "depends_on" and _MASK.search(text) and not shown:
                    raise WriteError(
                        "refused",
                        f"{name} has a masked secret in it, which would replace the secret; leave the mask out",
                    )
                if name in (*_REFERENCES, "depends_on") and _MASK.search(self._real(text)):
                    raise WriteError("refused", f"{name}: what stands behind this mask is not known here any more")
                before = row.get(name) if row is not None and name == "title" else None
                cut = isinstance(before, str) and len(before) >= PREVIEW_CHARS and before.endswith("…")
                if cut and text.endswith("…") and not shown:
                    raise WriteError("refused", f"{name} is shown cut, and its rest would be lost; write it in full")

    def _own_words(self, source: Source, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields with ids as they are in the source's files."""

        def real(value: Any) -> Any:
            return self._real(value).removeprefix(source.namespace) if isinstance(value, str) else value

        words = dict(fields)
        for name in _REFERENCES:
            if name in words:
                words[name] = real(words[name])
        if isinstance(words.get("depends_on"), list):
            words["depends_on"] = [real(id) for id in words["depends_on"]]
        return words

    def _plans(
        self, source: Source, method: Method, fields: Mapping[str, Any], row: Mapping[str, Any] | None
    ) -> list[Plan]:
        id = None if row is None else self._real(row["id"])
        real = None if row is None else {**row, "id": id}
        return list(source.plans(Change(method, fields, now_ms(), _token(), id, real)))

    @staticmethod
    def _works(source: Source, plan: Plan) -> bool:
        """Return whether a plan would do as things are: nothing is locked or written."""
        if not isinstance(plan, Rewrite):
            return True
        try:
            plan.edit(read_document(source.root / plan.path, source.root))
        except (Missing, Refused, Unreadable, OSError, *MISREAD):
            return False
        return True

    # The change

    def _make(
        self,
        source: Source,
        method: Method,
        plans: list[Plan],
        fields: Mapping[str, Any],
        row: Mapping[str, Any] | None,
        seen: Mapping[str, Any] | None,
        who: Who,
    ) -> Row:
        missing: Missing | None = None
        for plan in plans:
            work = _Work(self, source, plan, row, self._expected(method, fields, row, seen))
            line = self._audit.open()
            try:
                id = work.run()
            except Missing as error:
                os.close(line)
                missing = missing or error
                continue
            except BaseException:
                os.close(line)
                raise
            made = self._row(plan.table, id, work, source, row)
            self._note(line, method, source, plan, who, id, work)
            return made
        raise missing or Missing("there is no file for it")

    def _expected(
        self, method: Method, fields: Mapping[str, Any], row: Mapping[str, Any] | None, seen: Mapping[str, Any] | None
    ) -> dict[str, list[Any]]:
        """Return which values the columns that are replaced may have: what was seen, or what is known here."""
        if row is None or method not in ("task.update", "task.cancel"):
            return {}
        own = self._own.get(("tasks", row["id"]), {})
        expected = {}
        for name in ("status",) if method == "task.cancel" else _REPLACED:
            if name in fields or method == "task.cancel":
                if seen is not None and name in seen:
                    expected[name] = [seen[name]]
                else:
                    expected[name] = [row.get(name), *([own[name]] if name in own else [])]
        return expected

    def _row(self, table: str, id: str, work: _Work, source: Source, row: Mapping[str, Any] | None) -> Row:
        """Return the row as it will be: as it is, and what the change makes different."""
        shown, changed = work.shown(id), work.changed(id)
        if row is not None:
            shown = row["id"]
        held: Mapping[str, Any] = self._store.get(table, shown) or {}
        if changed:
            with self._lock:
                self._own[table, shown] = {**self._own.pop((table, shown), {}), **changed}
                forget_oldest(self._own, _KEPT)
        stated = {name: value for name, value in work.after.get(id, {}).items() if name in (*_REPLACED, "notes")}
        known = {"id": shown, "source": source.name, "host": self._host}
        return Row({**TABLES[table].blank(), **held, **stated, **changed, **known})

    def _note(self, line: int, method: Method, source: Source, plan: Plan, who: Who, id: str, work: _Work) -> None:
        changed = work.changed(id)
        self._audit.write(
            line,
            {
                "at": now_ms(),
                "user": user_name(),
                "client": who.client,
                "method": method,
                "source": source.name,
                "path": str(source.root / plan.path),
                "id": work.shown(id),
                "before": {name: work.before[id].get(name) for name in changed} if id in work.before else None,
                "after": {name: value for name, value in changed.items() if value is not None or id in work.before},
            },
        )

    def turn(self, path: Path) -> threading.Lock:
        """Return what writers of one file in this process wait for, before they try the lock of the file."""
        with self._lock:
            return self._turns.setdefault(path, threading.Lock())


class _Work:
    """One plan on its way: the rows of the file before and after."""

    def __init__(
        self,
        writer: Writer,
        source: Source,
        plan: Plan,
        row: Mapping[str, Any] | None,
        expected: Mapping[str, list[Any]],
    ) -> None:
        self._writer = writer
        self._source = source
        self._plan = plan
        self._row = row
        self._expected = expected
        self._id = ""
        self._names: dict[str, str] = {}
        self.before: dict[str, dict[str, Any]] = {}
        self.after: dict[str, dict[str, Any]] = {}

    def run(self) -> str:
        """Carry it out; return the id of the row, with its namespace."""
        plan, source = self._plan, self._source
        if isinstance(plan, Command):
            return self._run(plan)
        path = source.root / plan.path
        check_place(path, source.root)
        deadline = time.monotonic() + self._writer._patience
        with ExitStack() as stack:
            turn = self._writer.turn(path)
            if not turn.acquire(timeout=self._writer._patience):
                raise Locked(f"{plan.path.name} is being written; nothing was written, try again")
            stack.callback(turn.release)
            try:
                locks = stack.enter_context(held(source.root, plan.locks, deadline - time.monotonic()))
            except FileNotFoundError as error:
                raise Missing(f"{path.parent} is gone") from error
            except OSError as error:
                raise Unwritable(f"{plan.path.name}: {error.strerror or error}") from None
            if isinstance(plan, Append):
                self.after, self._id = self._rows(plan.line), plan.id
                append(path, source.root, plan.line, locks.check)
            else:
                rewrite(path, source.root, lambda old: self._edited(plan, old), locks.check)
        return self._id

    def _edited(self, plan: Rewrite, old: bytes | None) -> bytes:
        bom = old is not None and old.startswith(b"\xef\xbb\xbf")
        text = old[3:] if old is not None and bom else old
        new, self._id = plan.edit(text)
        was, now = _different(self._source, plan, text, new)
        self.before, self.after = self._rows(was), self._rows(now)
        self._check_conflict()
        for id in self.before.keys() | self.after.keys():
            if id != self._id and self.before.get(id) != self.after.get(id):
                raise Refused(f"it would change another row too ({id}); nothing was written")
        return (b"\xef\xbb\xbf" if bom else b"") + new

    def _check_conflict(self) -> None:
        """Raise a conflict for what is neither as it was seen nor, if that is known by now, as it is asked for."""
        found = self.before.get(self._id, {})
        after = self.after.get(self._id, {})
        wrong = {
            name: {"seen": values[0], "found": found.get(name)}
            for name, values in self._expected.items()
            if name in found and found[name] not in values and not (name in after and found[name] == after[name])
        }
        if wrong:
            told = "; ".join(f"{name} was {_said(v['seen'])} and is {_said(v['found'])}" for name, v in wrong.items())
            raise WriteError("conflict", f"it was changed meanwhile, nothing was written: {told}", wrong)

    def _rows(self, data: bytes | None) -> dict[str, dict[str, Any]]:
        """Return the rows that a reader of the source makes of some bytes, as the store holds them."""
        if data is None:
            return {}
        source, plan = self._source, self._plan
        fresh = type(source)(source.root, source.namespace)
        for path in () if isinstance(plan, Command) else plan.beside:
            reader = fresh.reader(path)
            try:
                document = read_document(source.root / path, source.root)
            except (FileNotFoundError, Unreadable):
                continue
            if reader is not None:
                list(reader.read(document))
        reader = fresh.reader(plan.path)
        if reader is None:
            raise Refused(f"{plan.path} is not read")
        items: list[Item] = []
        for part in data.split(b"\n") if reader.mode == "lines" else [data]:
            if part.strip():
                items += reader.read(part)
        claims = [item for item in items if isinstance(item, (Record, Gone)) and item.table == plan.table]
        for claim in claims:
            if isinstance(claim, Record) and isinstance(title := claim.fields.get("title"), str):
                claim.fields["title"] = title_of(title)  # as it is shown, and so was seen
        rows = {}
        for claim in joined(claims):
            if isinstance(claim, Record):
                safe = masked(claim) if self._writer._masking else claim
                self._names[claim.id] = safe.id
                rows[claim.id] = dict(safe.fields) if isinstance(safe, Record) else {}
        return rows

    def shown(self, id: str) -> str:
        """Return a row's id as the store has it."""
        return self._names.get(id, id)

    def changed(self, id: str) -> dict[str, Any]:
        """Return the columns of a row that have another value after the change."""
        before = self.before.get(id)
        after = self.after.get(id, {})
        return after if before is None else {name: v for name, v in after.items() if before.get(name) != v}

    # Programs

    def _run(self, plan: Command) -> str:
        if plan.shown is not None:
            line, self._id = plan.said(self._output(plan.shown, plan))
            self.before = self._rows(line)
            self._check_conflict()
        line, self._id = plan.said(self._output(plan.arguments, plan))
        self.after = self._rows(line)
        return self._id

    def _output(self, arguments: Sequence[str], plan: Command) -> bytes:
        name = arguments[0]
        program = shutil.which(name)
        if program is None:
            raise Refused(f"`{name}` is not installed")
        try:
            done = subprocess.run(
                [os.path.abspath(program), *arguments[1:]],  # a relative PATH is not to lead into the project
                cwd=self._source.root.parent,
                env={**os.environ, **dict(plan.environment)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Locked(
                f"`{name}` did not end within {COMMAND_SECONDS:.0f} s; see with `{name}` what came of it"
            ) from None
        except OSError as error:
            raise Refused(f"`{name}` cannot be run ({error.strerror})") from None
        except ValueError as error:  # a NUL, or half of a character
            raise Refused(f"`{name}` cannot be given this text ({error})") from None
        if done.returncode or not done.stdout.strip():
            raise Refused(f"`{name}` says: {_complaint(done.stderr, done.stdout)[:300]}")
        return done.stdout


def _complaint(*outputs: bytes) -> str:
    """Return what a program says is wrong: the first line, or of an object of JSON its ``error`` and ``hint``."""
    said = [text for output in outputs if (text := output.decode("utf-8", "replace").strip())]
    for text in said:
        try:
            found = json.loads(text)
        except ValueError:
            continue
        found = found.get("data", found) if isinstance(found, dict) else {}
        if isinstance(found, dict) and found.get("error"):
            return " ".join("; ".join(str(found[key]) for key in ("error", "hint") if found.get(key)).split())
    return said[0].splitlines()[0] if said else "no reason given"


def _check_open(source: Source) -> None:
    if (why := source.read_only) is not None:
        raise WriteError("refused", why)


def _can_reach(source: Source, fields: Mapping[str, Any]) -> bool:
    try:
        return bool(list(source.plans(Change("message.send", fields, now_ms(), _token()))))
    except (Refused, Missing):
        return False


def _different(source: Source, plan: Rewrite, old: bytes | None, new: bytes) -> tuple[bytes | None, bytes]:
    """Return what has to be read to know the rows that differ: both documents, or of lines those that differ."""
    reader = type(source)(source.root, source.namespace).reader(plan.path)
    if old is None or reader is None or reader.mode != "lines":
        return old, new
    pairs = list(zip(old.split(b"\n"), new.split(b"\n"), strict=False))
    differ = [(was, now) for was, now in pairs if was != now]
    return b"\n".join(was for was, _ in differ), b"\n".join(now for _, now in differ)


def _said(value: Any) -> str:
    return "nobody" if value is None else repr(deep(value))


def _token() -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(secrets.choice(letters) for _ in range(6))
