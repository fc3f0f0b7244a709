"""beads (steveyegge/beads, the command ``bd``): the issues of a project, in its directory ``.beads``.

Facts are from the producer's ``internal/types/types.go``, ``internal/audit/audit.go`` and ``cmd/bd/export*.go``, and
from lists that others published (2026). What they teach, and what follows:

- The truth is a Dolt database that only ``bd`` can read. ``issues.jsonl`` is its export: one issue a line, made anew
  beside the old one and renamed, at most once a minute and only if ``export.auto`` is on.
- ``interactions.jsonl`` is an audit that is only appended to, at once. So a change that is newer than the issue's
  ``updated_at`` in the export counts until the next export. It never makes an issue that the export does not list:
  the audit also has deleted ones, and of ephemeral ones that are not exported.
- The export is kept in git, so it can hold the marks of a conflict: such lines are left out, and then nothing counts
  as deleted.
- Priority is 0 (critical) to 4 (backlog). ``deferred``, ``pinned`` and ``hooked`` have no equal in our words; the
  word itself becomes a tag, and so does any kind of issue but a task.
- An issue of the kind ``message`` is one; so is a comment. Mentioned people and agents cannot be distinguished.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import msgspec

from .base import Document, Item, Reader, Record, Source
from .changes import Change, Command, Missing, Plan, Refused
from .parsing import Malformed, clean, first_of, millis, named, number, parse_json, parse_object, preview
from .task_status import task_status

ISSUES: Final = "issues.jsonl"
FORMERLY: Final = "beads.jsonl"
"""What the export is called in projects of old and in exports by hand."""
AUDIT: Final = "interactions.jsonl"
REDIRECT: Final = "redirect"
"""A file of that name in a worktree says in which directory the issues are."""
UNEXPORTED: Final = "its issues lie in a Dolt database, which only bd can read: run `bd export -o .beads/issues.jsonl`"

_OWN_WORDS: Final = {"pinned": "pending", "hooked": "in_progress"}
_WRITTEN: Final = {"pending": "open", "in_progress": "in_progress", "blocked": "blocked", "completed": "closed"}
"""Our statuses that have an equal → the words of ``bd``."""
_NO_EQUAL: Final = frozenset({"deferred", "pinned", "hooked"})
_PRIORITY: Final = ("critical", "high", "medium", "low", "backlog")
_NEEDS: Final = frozenset({"blocks", "conditional-blocks", "waits-for"})
"""Kinds of dependencies that an issue waits for."""
_FIELDS: Final = frozenset({"status", "assignee", "priority", "title", "description", "notes"})
"""Fields whose change in the audit changes the row."""


class _Change(NamedTuple):
    """The value of one field of an issue in the audit."""

    at: int
    value: Any


class _Audit(Reader):
    """``interactions.jsonl``."""

    def __init__(self, beads: Beads) -> None:
        self.beads = beads
        self.at: int | None = None
        """The time of the line before."""

    def read(self, data: bytes) -> Iterable[Item]:
        """Return what one line changes."""
        return self.beads.interaction(self, data)


class Beads(Source):
    """``.beads`` in the directory of a project."""

    name = "beads"
    has_transcripts = False
    folder = ".beads"
    moved_by = ("BEADS_DIR",)
    writes = {
        "task.create": ("title", "description", "priority", "tags", "depends_on"),
        "task.update": ("status", "owner", "priority", "notes", "title"),
        "task.cancel": ("reason",),
    }
    statuses = tuple(_WRITTEN)
    priorities = _PRIORITY
    command = "bd"
    files = {
        ISSUES: lambda beads, path: Document(beads.export),
        FORMERLY: lambda beads, path: Document(beads.formerly),
        "metadata.json": lambda beads, path: Document(beads.metadata),
        AUDIT: lambda beads, path: _Audit(beads),
    }

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self._issues: dict[str, dict[str, Any]] = {}
        self._changes: dict[str, dict[str, _Change]] = {}  # issue → field → its newest change
        self._dolt = False
        self._exported = False
        """Whether the export of today's name was read."""

    @classmethod
    def recognises(cls, directory: Path) -> bool:
        """Return whether a directory is one, by its name (the export may still be to come) or by its files."""
        if directory.name == ".beads":
            return True
        return any((directory / name).is_file() for name in (ISSUES, FORMERLY)) and any(
            (directory / name).is_file() for name in ("metadata.json", AUDIT)
        )

    @property
    def notes(self) -> list[str]:
        """What is to be said of the whole: that issues are in a database that is not read."""
        exported = any((self.root / name).is_file() for name in (ISSUES, FORMERLY))
        dolt = self._dolt or any((self.root / name).is_dir() for name in ("dolt", "embeddeddolt"))
        if not exported and (self.root / REDIRECT).is_file():
            return [f"its issues are in another directory, which the file {REDIRECT} names: watch that one"]
        return [] if exported or not dolt else [UNEXPORTED]

    def metadata(self, data: bytes) -> Iterable[Item]:
        """Take in where the issues are; returns no rows."""
        document = parse_object(data)
        words = (document.get("database"), document.get("backend"), document.get("dolt_mode"))
        self._dolt = any(isinstance(word, str) and "dolt" in word.lower() for word in words[:2]) or bool(words[2])
        return ()

    def formerly(self, data: bytes) -> Iterable[Item]:
        """Return what changed in an export of the other name, unless there is one of today's."""
        return () if self._exported else self._export(data)

    # -----------------------------------------------------------------------------------------------------------------
    # Changes: through ``bd`` (``cmd/bd/create.go``, ``update.go``, ``close.go``), which alone can write the database

    def plans(self, change: Change) -> Iterable[Plan]:
        """Return the command that makes a change."""
        fields = change.fields
        if fields.get("priority") not in (None, *_PRIORITY):
            raise Refused(f"priority is one of {', '.join(_PRIORITY)}")
        if fields.get("status") not in (None, *self.statuses):
            raise Refused(f"beads has no status {fields['status']}; it has {', '.join(self.statuses)}")
        priority = [f"--priority={_PRIORITY.index(fields['priority'])}"] if fields.get("priority") else []
        for name in ("tags", "depends_on"):
            if any("," in word for word in fields.get(name) or ()):
                raise Refused(f"{name}: bd divides a list at commas; leave them out of its words")
        if fields.get("description") == "-":
            raise Refused("bd takes a description of `-` for one that is to come; write another word")
        if change.method == "task.create":
            options = [f"--title={fields['title']}", *priority]
            options += [f"--description={fields['description']}"] if fields.get("description") else []
            options += [f"--labels={','.join(fields['tags'])}"] if fields.get("tags") else []
            options += [f"--deps={','.join(fields['depends_on'])}"] if fields.get("depends_on") else []
            return [self._command(change, "create", *options)]
        id = (change.id or "").removeprefix(self.namespace)
        if id.startswith("-") or id not in self._issues:
            raise Missing(f"there is no issue {id}")
        shown = ("bd", "show", id, "--json")
        if change.method == "task.cancel":
            reason = f"cancelled: {fields['reason']}" if fields.get("reason") else "cancelled"
            return [self._command(change, "close", id, f"--reason={reason}", shown=shown)]
        if fields.get("status") == "completed" and len(fields) == 1:
            return [self._command(change, "close", id, shown=shown)]
        options = [*priority]
        options += [f"--status={_WRITTEN[fields['status']]}"] if "status" in fields else []
        options += [f"--assignee={fields['owner'] or ''}"] if "owner" in fields else []
        options += [f"--title={fields['title']}"] if "title" in fields else []
        options += [f"--append-notes={fields['notes']}"] if "notes" in fields else []
        return [self._command(change, "update", id, *options, shown=shown)]

    def _command(self, change: Change, *arguments: str, shown: tuple[str, ...] | None = None) -> Command:
        # comes before the directory that bd is run in; the others would lead elsewhere or change what it prints
        where = (("BEADS_DIR", str(self.root)), ("BEADS_DB", ""), ("BD_DB", ""), ("BD_JSON_ENVELOPE", ""))
        said = partial(self._said, change)
        return Command("tasks", ("bd", *arguments, "--json"), PurePosixPath(ISSUES), said, shown, where)

    def _said(self, change: Change, output: bytes) -> tuple[bytes, str]:
        """Return the issue that ``bd`` printed as a line of the export, and its row.

        What ``bd`` prints has no labels or dependencies, or the latter in another form. No change but a new issue
        touches them, so they are those that were exported.
        """
        found = parse_json(output)
        if isinstance(found, dict) and "schema_version" in found and "data" in found:
            found = found["data"]  # as bd 2 prints everything
        issue = found[0] if isinstance(found, list) and found else found
        id = named(issue.get("id")) if isinstance(issue, dict) else None
        if id is None:
            raise Malformed("bd printed no issue")
        needs = [{"depends_on_id": on, "type": "blocks"} for on in change.fields.get("depends_on") or ()]
        asked = {"labels": change.fields.get("tags"), "dependencies": needs}
        known = self._issues.get(id, asked)
        return msgspec.json.encode({**issue, **{name: known.get(name) for name in asked}}), self._id(id)

    # -----------------------------------------------------------------------------------------------------------------
    # The export

    def export(self, data: bytes) -> Iterable[Item]:
        """Return what changed in the list of all issues."""
        self._exported = True
        return self._export(data)

    def _export(self, data: bytes) -> Iterable[Item]:
        entries: list[dict[str, Any]] = []
        bad = False
        for index, line in enumerate(data.split(b"\n")):
            if line.strip():
                try:
                    entries.append(parse_object(line))
                except Malformed:
                    bad = True
                    self.odd("line", str(index))
        if bad and (not entries or not data.endswith(b"\n")):
            raise Malformed("not an issue in every line")
        issues = {id: entry for entry in entries if (id := named(entry.get("id"))) is not None}
        self._issues = self._issues | issues if bad else issues
        items: list[Item] = [item for entry in entries for item in self._entry(entry)]
        yield from items
        listed = {(item.table, item.id) for item in items if isinstance(item, Record) and item.table != "agents"}
        if bad:
            listed.update(self.lists.of(ISSUES))
        yield from self.lists.unlisted(ISSUES, listed)  # of either name: one takes the place of the other

    def _entry(self, entry: Mapping[str, Any]) -> Iterator[Item]:
        if entry.get("_type") == "memory":
            yield from self._memory(entry)
            return
        id = named(entry.get("id"))
        if id is None:
            self.odd("issue without id", str(entry.get("title")))
        elif _kind(entry) == "message":
            yield from self._message(entry, id)
        else:
            yield self._task(id)
            yield from self._agent(entry.get("assignee"), None)
            yield from self._comments(entry, id)

    def _task(self, id: str) -> Record:
        """Return the row of an issue: what was exported, and what was changed since."""
        exported = self._issues[id]
        exported_at = millis(exported.get("updated_at")) or 0
        changes = {f: change for f, change in self._changes.get(id, {}).items() if change.at > exported_at}
        issue = {**exported, **{field: change.value for field, change in changes.items()}}
        word = _word(issue.get("status"))
        status = _status(word)
        if status is None:
            self.odd(f"status/{word}")
        kind, needs, parent = _kind(issue), [], None
        for dependency in _objects(issue, "dependencies"):
            on = named(dependency.get("depends_on_id"))
            if on is None or dependency.get("issue_id") not in (id, None):
                continue
            if dependency.get("type") in _NEEDS:
                needs.append(self._id(on))
            elif dependency.get("type") == "parent-child":
                parent = self._id(on)
        labels = issue.get("labels")
        tags = [text for label in (labels if isinstance(labels, list) else ()) if (text := named(label))]
        tags += [kind] if kind not in (None, "task") else []
        tags += [word] if status is None or word in _NO_EQUAL else []
        closed = named(issue.get("close_reason"))
        notes = [named(issue.get("notes")), closed and f"closed: {closed}"]
        return Record(
            "tasks",
            self._id(id),
            {
                "title": preview(named(issue.get("title"))),
                "description": preview(named(issue.get("description"))),
                "status": status or "pending",
                "priority": _priority(issue.get("priority")),
                "owner": self._name(issue.get("assignee")),
                "progress": {"completed": 1.0, "pending": 0.0}.get(status or ""),
                "session_id": named(issue.get("closed_by_session")),
                "parent_id": parent,
                "depends_on": needs,
                "tags": list(dict.fromkeys(tags)),
                "created_at": _time(issue.get("created_at")),
                "updated_at": max([exported_at, *(change.at for change in changes.values())]) or None,
                "started_at": _time(issue.get("started_at")) or _since(changes, "in_progress"),
                "completed_at": _time(issue.get("closed_at")) or _since(changes, "completed"),
                "notes": preview("\n".join(note for note in notes if note) or None),
            },
        )

    def _message(self, entry: Mapping[str, Any], id: str) -> Iterator[Item]:
        at = _time(entry.get("created_at"))
        sender = first_of(entry, "sender", "created_by")
        yield from self._agent(sender, at)
        text = [named(entry.get("title")), named(entry.get("description"))]
        yield Record(
            "messages",
            self._id(id),
            {
                "at": at,
                "sender": self._name(sender),
                "recipient": self._name(entry.get("assignee")) or "*",
                "kind": "message",
                "text": preview("\n".join(part for part in text if part) or None),
                "read": entry.get("status") == "closed",
            },
        )

    def _comments(self, entry: Mapping[str, Any], id: str) -> Iterator[Item]:
        for comment in _objects(entry, "comments"):
            at = _time(comment.get("created_at"))
            yield from self._agent(comment.get("author"), at)
            yield Record(
                "messages",
                f"{self._id(id)}#{_text(comment.get('id')) or at}",
                {
                    "at": at,
                    "sender": self._name(comment.get("author")),
                    "recipient": self._name(entry.get("assignee")) or "*",
                    "kind": "comment",
                    "text": preview(named(comment.get("text"))),
                    "task_id": self._id(id),
                },
            )

    def _memory(self, entry: Mapping[str, Any]) -> Iterator[Item]:
        key, text = named(entry.get("key")), named(entry.get("value"))
        if key is not None and text is not None:
            size = len(text.encode("utf-8", "replace"))
            fields = {"title": preview(key), "kind": "memory", "text": preview(text), "size": size, "tokens": size // 4}
            yield Record("memory", self._id(key), fields)

    # -----------------------------------------------------------------------------------------------------------------
    # The audit

    def interaction(self, audit: _Audit, line: bytes) -> Iterable[Item]:
        """Return what one line of the audit changes; without a time it is of that of the line before."""
        if not line.strip():
            return
        entry = parse_object(line)
        id, kind, at = named(entry.get("id")), named(entry.get("kind")), _time(entry.get("created_at"))
        if at is None and entry.get("created_at") is not None:
            self.odd("time that makes no sense")
        at = audit.at = at or audit.at
        if id is None or kind is None or at is None:
            raise Malformed("an interaction has an id, a kind and a time")
        actor, issue = entry.get("actor"), named(entry.get("issue_id"))
        yield from self._agent(actor, at)
        if kind == "field_change" and issue is not None:
            yield from self._changed(entry, id, at, issue)
        elif kind == "tool_call":
            code = number(entry.get("exit_code"))
            called = {"at": at, "agent_id": self._name(actor), "name": named(entry.get("tool_name"))}
            error = named(entry.get("error"))
            status = "error" if code or error else "ok"
            yield Record("tool_calls", self._id(id), {**called, "status": status, "error": preview(error)})
        elif kind == "label":
            score = {"good": 1.0, "bad": 0.0}.get(str(entry.get("label")))
            fields: dict[str, Any] = {"at": at, "kind": "label", "assessor": self._name(actor), "score": score}
            subject = {"subject": named(entry.get("parent_id")), "task_id": issue and self._id(issue)}
            yield Record("quality", self._id(id), {**fields, **subject, "notes": preview(named(entry.get("reason")))})
        elif kind == "llm_call":
            text = " ".join(part for part in (named(entry.get("model")), named(entry.get("error"))) if part)
            yield self._log(id, at, actor, f"llm call {text}".strip(), "error" if entry.get("error") else "info")
        else:
            self.odd(f"interaction/{kind}")

    def _changed(self, entry: Mapping[str, Any], id: str, at: int, issue: str) -> Iterator[Item]:
        extra = entry.get("extra")
        extra = extra if isinstance(extra, dict) else {}
        field, new = named(extra.get("field")), extra.get("new_value")
        if field is None:
            raise Malformed("a change of no field")
        reason = named(extra.get("reason"))
        text = f"{issue} {field}: {_text(extra.get('old_value'))} → {_text(new)}" + (f" ({reason})" if reason else "")
        yield self._log(id, at, entry.get("actor"), text)
        if field in _FIELDS:
            held = self._changes.setdefault(issue, {})
            before = held.get(field)
            if before is None or (at, str(new)) > (before.at, str(before.value)):
                held[field] = _Change(at, new)
            if issue in self._issues and _kind(self._issues[issue]) != "message":
                yield self._task(issue)

    def _log(self, id: str, at: int, actor: Any, text: str, level: str = "info") -> Record:
        fields = {"at": at, "level": level, "agent_id": self._name(actor), "logger": "beads", "text": preview(text)}
        return Record("logs", self._id(id), fields)

    # -----------------------------------------------------------------------------------------------------------------
    # Shared

    def _id(self, id: str) -> str:
        return self.namespace + id

    def _name(self, name: Any) -> str | None:
        name = named(name)
        return None if name is None else self.namespace + name

    def _agent(self, name: Any, at: int | None) -> Iterator[Item]:
        """Yield the row of somebody who did something, or to whom an issue is given."""
        id = self._name(name)
        if id is not None:
            seen = {} if at is None else {"started_at": at, "last_seen_at": at}
            yield Record("agents", id, {"name": named(name), **seen})


def _kind(issue: Mapping[str, Any]) -> str | None:
    return named(first_of(issue, "issue_type", "type"))


def _time(value: Any) -> int | None:
    """Return a time; ``None`` for the epoch, which the export writes where there is none."""
    return millis(value) or None


def _word(status: Any) -> str:
    """Return the word for a status, spelled in one way."""
    return (named(status) or "open").lower().replace("-", "_").replace(" ", "_")


def _status(word: str) -> str | None:
    return _OWN_WORDS.get(word) or task_status(word)


def _since(changes: Mapping[str, _Change], status: str) -> int | None:
    change = changes.get("status")
    return change.at if change is not None and _status(_word(change.value)) == status else None


def _priority(value: Any) -> str | None:
    text = _text(value)
    return _PRIORITY[int(text)] if text in ("0", "1", "2", "3", "4") else text


def _text(value: Any) -> str | None:
    """Return a field as text: the audit writes as text what the export writes as a number."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return str(value)
    return clean(value)[:80] if isinstance(value, str) and value.strip() else None


def _objects(entry: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = entry.get(name)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
