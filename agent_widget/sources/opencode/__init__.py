"""OpenCode: conversations in a database that it keeps open while it works, or in a tree of small files before that.

Facts: anomalyco/opencode ``packages/core/src/session/sql.ts``, ``session/session.ts`` (which forks), ``database/
database.ts``, ``packages/schema/src/session-message.ts``; Irrlicht's recordings. Three generations in one place:

- ``storage/{session,message,part}/…/*.json`` and ``storage/todo/<session>.json`` (before 1.2): small files, rewritten,
  in any order (:mod:`.tree`). Not read where a database is: what was in them was carried over.
- ``opencode.db`` (1.2 on; ``opencode-<channel>.db``; :mod:`.database`): tables session, message (a prompt, or one
  answer of the model), part (its texts, thoughts, tool calls and their results) and todo (a session's list, written
  anew each time), rows changed in place, ids kept from the files.
- the same file (2.x): session_v2 and session_message, which has the parts inside. It counts as soon as it has a prompt
  or an answer (1.17 already wrote switches of the model there); the older tables stand still then and are left out.

What a message says is in :mod:`.messages`, what follows for its session in :mod:`.sessions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from ..base import Query, Reader
from ..patterns import moved
from .database import Tables
from .sessions import Sessions
from .tree import Tree


class OpenCode(Sessions):
    """``~/.local/share/opencode``."""

    name = "opencode"
    moved_by = ("XDG_DATA_HOME/opencode",)
    resume = ("opencode", "-s", "{session}")
    known_by = ("opencode*.db", "storage/message/")
    files = {
        "*.db": Tables,
        "storage/session/*/*.json": lambda opencode, path: opencode.tree.session(path),
        "storage/message/*/*.json": lambda opencode, path: opencode.tree.message(path),
        "storage/part/*/*.json": lambda opencode, path: opencode.tree.part(path),
        "storage/todo/*.json": lambda opencode, path: opencode.tree.todo(path),
    }

    def __init__(self, root: Path, namespace: str = "") -> None:
        super().__init__(root, namespace)
        self.tree = Tree(self)

    @classmethod
    def default_roots(cls, environ: Mapping[str, str], home: Path) -> list[Path]:
        """Return the data directory, and that of ``OPENCODE_DB``: a database, relative to the data directory."""
        (share,) = moved(environ, home, "XDG_DATA_HOME") or [home / ".local" / "share"]
        data = share / "opencode"
        others = [(data / path).parent for path in moved(environ, home, "OPENCODE_DB") if path != Path(":memory:")]
        return list(dict.fromkeys([data, *others]))

    def reader(self, path: PurePosixPath) -> Reader | None:
        """Return the reader of a database, or of a file of the tree if there is no database."""
        if path.parts[0] == "storage" and any(self.root.glob("opencode*.db")):
            return None
        return super().reader(path)

    def documents_of(self, path: PurePosixPath, agent_id: str) -> Iterable[PurePosixPath]:
        """Yield, of the tree, all messages of the session, each with its parts."""
        storage = self.root / "storage"
        for message in sorted((storage / "message" / agent_id.removeprefix(self.namespace)).glob("*.json")):
            for file in (message, *sorted((storage / "part" / message.stem).glob("*.json"))):
                yield PurePosixPath(file.relative_to(self.root).as_posix())

    def excerpt(self, path: PurePosixPath, agent_id: str, before: str | None, since: str | None, limit: int) -> Query:
        """Return what asks for some messages of one session only; of a fork also for those that it copied."""
        session = agent_id.removeprefix(self.namespace)
        return partial(Tables(self, path).some, session=session, before=before, since=since, limit=limit)

    def holding(self, path: PurePosixPath, agent_id: str, anchors: tuple[bytes, ...]) -> Query:
        """Return what asks for the messages of one session that hold an anchor, in themselves or in a part."""
        session = agent_id.removeprefix(self.namespace)
        return partial(Tables(self, path).holding, session=session, anchors=anchors)
