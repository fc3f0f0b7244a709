"""What a collector must remember to go on after a restart, as bytes: readers one by one, and what they share.

Readers hold on to their source and to parts of it (its book, its live files). A reader is pickled with a name in the
place of each of those, so that it is of a few hundred bytes and goes on with the same parts as all others when it is
loaded again. What is :class:`~agent_widget.sources.kept.Kept` is in no pickle at all: its entries are facts of the
archive. The rest of the sources, the evidence of statuses and the sums of the figures are one pickle.
"""

from __future__ import annotations

import io
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..sources.base import Source
from ..sources.kept import Kept
from .projects import Projects
from .stats import Stats
from .status import Statuses
from .usage import UsageRows

_CONTAINERS: Final = (dict, defaultdict, OrderedDict, Counter, set, list, deque)
_OURS: Final = __name__.partition(".")[0]


class Checkpoint(NamedTuple):
    """Everything but rows, files, their readers and facts.

    ``unmasked``: masked id or path → what it is in the files. Without it the transcript of a session whose id or path
    held a secret could not be found again. ``followed``: what is known of hosts that are followed, by where they are:
    how far their rows have come (:mod:`agent_widget.following`).
    """

    sources: list[Source]
    statuses: Statuses
    stats: Stats
    usage: UsageRows
    unmasked: dict[str, str]
    projects: Projects
    followed: dict[str, dict[str, Any]]

    def fits(self, sources: list[Source]) -> bool:
        """Return whether this was made of some of these sources, at the same roots."""
        return {_key(source) for source in self.sources} <= {_key(source) for source in sources}


def _key(source: Source) -> tuple[type[Source], tuple[Path, ...], str]:
    return type(source), tuple(source.places), source.namespace


Name = tuple[str, ...]
"""Of an object that is shared: which root (``0``, ``1``, …), and the attributes that lead to it."""


class Shared:
    """The objects that the readers of some roots share, by name."""

    def __init__(self, roots: Iterable[tuple[str, object]]) -> None:
        """Find what the attributes of ``roots`` (name, object) lead to, as far as it is of classes of this package."""
        self.named: dict[Name, Any] = {}
        self._names: dict[int, Name] = {}
        for name, root in roots:
            for path, part in _parts((name,), root):
                if id(part) not in self._names:
                    self._names[id(part)] = path
                    self.named[path] = part

    @property
    def kept(self) -> dict[str, Kept[Any]]:
        """Scope → what is kept among them."""
        return {".".join(name): part for name, part in self.named.items() if isinstance(part, Kept)}

    def dumps(self, value: object) -> bytes:
        """Return a pickle of a value with names for what is shared."""
        buffer = io.BytesIO()
        pickler = _Pickler(buffer, protocol=5)
        pickler.names = self._names
        pickler.dump(value)
        return buffer.getvalue()

    def loads(self, data: bytes) -> Any:
        """Return what a pickle of :meth:`dumps` holds, which goes on with the objects that are shared here."""
        unpickler = _Unpickler(io.BytesIO(data))
        unpickler.named = self.named
        return unpickler.load()


def dumps_rest(checkpoint: Checkpoint) -> bytes:
    """Return a pickle of what is shared itself; instead of what is kept there is what it was declared as."""
    buffer = io.BytesIO()
    pickler = _RestPickler(buffer, protocol=5)
    pickler.dump(checkpoint)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    names: dict[int, Name]

    def persistent_id(self, value: Any) -> Name | None:
        return self.names.get(id(value))


class _Unpickler(pickle.Unpickler):
    named: dict[Name, Any]

    def persistent_load(self, name: Name) -> Any:
        return self.named[name]


class _RestPickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        return value.emptied() if isinstance(value, Kept) else NotImplemented


def _parts(name: Name, value: Any) -> Iterator[tuple[Name, object]]:
    pending = [(name, value)]
    seen = {id(value)}
    while pending:
        name, value = pending.pop()
        yield name, value
        state = value.__getstate__()
        for attribute, part in state.items() if isinstance(state, dict) else ():
            kind = type(part)
            if isinstance(part, Kept) or kind in _CONTAINERS:
                yield (*name, attribute), part
            elif kind.__module__.partition(".")[0] == _OURS and hasattr(part, "__dict__") and id(part) not in seen:
                seen.add(id(part))
                pending.append(((*name, attribute), part))
