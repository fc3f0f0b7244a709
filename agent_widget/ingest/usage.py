"""The rows of ``usage`` beside what the ledger counts: their project, and which of them are no longer true.

The ledger (:mod:`agent_widget.sources.ledger`) makes the rows, in step with the totals of sessions and agents. What it
cannot know is here: the project is that of the session, whichever file says so and whenever; and rows that an archive
kept from another version are dropped when their agent's files, read again, do not lead to them any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..sources.kept import Kept
from ..store import Change, Row, Store
from ..tables import Gone, Record
from .limit_windows import Windows


class UsageRows:
    """Follows the rows of ``usage`` and of their sessions."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store or Store()
        self._of: Kept[set[str]] = Kept(set[str], set)
        """Session → its rows."""
        self._new: list[tuple[str, str]] = []
        """Rows that came since the last :meth:`settle`, and their sessions."""
        self._moved: set[str] = set()
        """Sessions whose project changed since then."""
        self._doubted: dict[str, str] = {}
        """Rows that nobody has claimed in this life, and their agents."""
        self._windows = Windows()
        self._read: set[str] = set()
        """Agents of which something was claimed, while there are such rows."""

    def __getstate__(self) -> dict[str, Any]:
        """Return everything but the store: a checkpoint holds no rows."""
        return {name: value for name, value in vars(self).items() if name != "_store"}

    def follow(self, store: Store) -> None:
        """Go on, after a checkpoint, with the rows of ``store``."""
        self._store = store

    def doubt(self, rows: Iterable[Row]) -> None:
        """Take in which rows are here though no file has been read: another version may have counted otherwise."""
        self._doubted.update((row["id"], row["agent_id"]) for row in rows)

    def _add(self, session: str, id: str) -> None:
        rows = self._of[session]
        rows.add(id)
        self._of[session] = rows

    def claimed(self, claims: Iterable[Record | Gone]) -> Iterator[Record | Gone]:
        """Yield the same, but note which doubtful rows they are about."""
        if not self._doubted:
            yield from claims
            return
        for claim in claims:
            if claim.table == "usage":
                self._doubted.pop(claim.id, None)
                if isinstance(claim, Record):
                    self._read.add(claim.fields["agent_id"])
            yield claim

    def note(self, changes: Iterable[Change]) -> None:
        """Take in what happened to rows."""
        for table, id, old, new in changes:
            if table == "usage":
                if new is None:
                    assert old is not None
                    self._of[old["session_id"]] = self._of[old["session_id"]] - {id}
                    self._windows.put(id, None, None)
                elif old is None:
                    self._add(new["session_id"], id)
                    self._new.append((id, new["session_id"]))
            elif table == "limits" and (row := new or old) is not None:
                self._windows.heard(row)
            elif table == "sessions" and id in self._of and _place(old) != _place(new):
                self._moved.add(id)

    def unread(self) -> list[Row]:
        """Return the doubtful rows of agents of which nothing was claimed, now that all is read: they stay."""
        doubted = [id for id, agent in self._doubted.items() if agent not in self._read]
        return [row for id in doubted if (row := self._store.get("usage", id)) is not None]

    def settle(self, now: int, *, all_read: bool = True) -> Iterator[Record | Gone]:
        """Yield what follows from what was noted, and from the time (ms) it is."""
        due = {id: session for id, session in self._new if id in self._of[session]}
        due |= {id: session for session in self._moved for id in self._of[session]}
        self._new.clear()
        self._moved.clear()
        for id, session_id in due.items():
            session = self._store.get("sessions", session_id)
            self._windows.put(id, self._store.get("usage", id), session["account"] if session is not None else None)
            yield Record("usage", id, {"project": session["project"] if session is not None else None})
        if all_read and self._doubted:
            yield from [Gone("usage", id) for id, agent in self._doubted.items() if agent in self._read]
            self._doubted.clear()
            self._read.clear()
        if all_read:
            yield from self._windows.settle(self._store, now)


def _place(session: Row | None) -> tuple[str | None, str | None] | None:
    """Return where a session is and whose it is: project and account."""
    return None if session is None else (session["project"], session["account"])
