"""The command that goes on with a session in a terminal: what a person can do where nothing can be written."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..sources.base import Source
from ..store import Row, Store

_HIGHEST: Final = 20
"""How many sessions above one are looked at for the one that a person began."""


def resume_command(store: Store, sources: Sequence[Source], table: str, id: str) -> str | None:
    """Return the command that goes on with the session of a row, for a POSIX shell; ``None`` if there is none.

    It begins where the session ran, since most agents look for it there, and with the variable that names another home
    than the usual one. Everything that was read is quoted. A secret in it would be masked, and what cannot be seen
    could mislead: then there is no command.
    """
    row = store.get(table, id)
    session = _session_of(store, table, row) if row is not None else None
    if session is None:
        return None
    source = _source_of(sources, session)
    if source is None or not source.resume:
        return None
    own = session["id"].removeprefix(source.namespace)
    words = {"{session}": own, "{path}": str(source.root / session["path"]) if session["path"] else None}
    command = [words.get(word, word) for word in source.resume]
    directory = session["directory"]
    said = [*command, directory or "", str(source.root)]
    if None in command or any(not str(part).isprintable() or "[masked: " in str(part) for part in said):
        return None
    if own.startswith("-"):
        return None
    line = shlex.join(map(str, command))
    if variable := _variable(source):
        line = f"{variable} {line}"
    if directory and directory.startswith("/"):  # another system's directory is none that this shell could go to
        line = f"cd {shlex.quote(directory)} && {line}"
    return line


def _session_of(store: Store, table: str, row: Row) -> Row | None:
    """Return the session that a person began, of a row or above it."""
    session: Row | None = row
    if table != "sessions":
        id = row.get("session_id")
        session = store.get("sessions", id) if id else None
        if session is None and table == "agents":
            mine: Mapping[str, Any] = {"agent_id": row["id"]}
            session = next(iter(store.select("sessions", lambda held: held["agent_id"] == row["id"], mine)), None)
    for _ in range(_HIGHEST):
        above = store.get("sessions", session["parent_id"]) if session is not None and session["parent_id"] else None
        if above is None:
            break
        session = above
    return session


def _source_of(sources: Sequence[Source], row: Row) -> Source | None:
    holding = [s for s in sources if s.name == row["source"] and row["id"].startswith(s.namespace)]
    return max(holding, key=lambda source: len(source.namespace), default=None)


def _variable(source: Source) -> str | None:
    """Return what names the source's home to its agent, if it is not the usual one."""
    usual = {os.path.realpath(place) for place in type(source).default_roots({}, Path.home())}
    if not source.moved_by or os.path.realpath(source.root) in usual:
        return None
    name, _, below = source.moved_by[0].partition("/")
    home = str(source.root).removesuffix(f"/{below}") if below else str(source.root)
    return f"{name}={shlex.quote(home)}" if re.fullmatch(r"[A-Z_]+", name) else None
