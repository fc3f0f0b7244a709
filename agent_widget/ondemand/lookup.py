"""What is read when somebody asks: the transcript of a session, the text of a memory entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ..sources.base import Source
from ..store import Store
from . import memory_text, transcript
from .memory_text import MemoryText, NoMemory
from .transcript import Extract, NoTranscript


class Lookup:
    """Reads from the files of some sources as they are now. Its methods may be called from any thread."""

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        conversations: Mapping[str, Mapping[Path, Source]],
        unmasked: Mapping[str, str] | None = None,
        *,
        masking: bool = True,
    ) -> None:
        """Read from ``sources``; ``store`` has the rows made of them.

        ``conversations``: agent → the files that hold its conversation, and the source of each. ``unmasked``: masked
        id or path in the store → what it is in the files.
        """
        self._store = store
        self._sources = sources
        self._conversations = conversations
        self._unmasked = unmasked if unmasked is not None else {}
        self._masking = masking

    def transcript(
        self,
        id: str,
        before: str | None = None,
        after: str | None = None,
        limit: int = 50,
        chars: int = transcript.TEXT_CHARS,
    ) -> Extract:
        """Return an extract of the conversation of a session or an agent; see :func:`.transcript.read_extract`.

        Raises :class:`NoTranscript`, and ``ValueError`` for a wrong place.
        """
        session = self._store.get("sessions", id)
        agent_id = (session and session["agent_id"]) or id
        files = dict(self._conversations.get(agent_id, {}))
        if not files:
            known = session or self._store.get("agents", agent_id)
            raise NoTranscript("nobody wrote down what was said" if known else f"no session {id!r}")
        source = next(iter(files.values()))
        extract = transcript.read_extract(
            source,
            files,
            self._unmasked.get(agent_id, agent_id),
            before=before,
            after=after,
            limit=limit,
            chars=chars,
            masking=self._masking,
        )
        for entry in extract.entries:  # a change of a task that was named on an earlier extract
            for todo in entry.get("todos", ()):
                row = None if todo["title"] else self._store.get("tasks", f"{id}:{todo['id']}")
                todo["title"] = (row and row["title"]) or todo["title"]
        return extract

    def memory(self, id: str) -> MemoryText:
        """Return the whole text of a memory entry. Raises :class:`NoMemory`."""
        row = self._store.get("memory", id)
        if row is None:
            raise NoMemory(f"no memory entry {id!r}")
        id, shown = self._unmasked.get(id, id), row["path"] or ""
        path = PurePosixPath(self._unmasked.get(shown, shown))
        holding = [
            source
            for source in self._sources
            if source.name == row["source"] and id.startswith(source.namespace) and _reads_whole(source, path)
        ]
        if not holding:
            raise NoMemory("nobody wrote down where it stands")
        source = max(holding, key=lambda source: len(source.namespace))
        return memory_text.read_memory(source, path, id, masking=self._masking)


def _reads_whole(source: Source, path: PurePosixPath) -> bool:
    """Return whether the source reads this file of its root, as a whole."""
    reader = type(source)(source.root, source.namespace).reader(path)
    return reader is not None and reader.mode == "document"
