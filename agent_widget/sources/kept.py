"""What the readers of a root know across files, of which only a part need be in memory.

Ids of answers and calls, claims to one message, sums over several files: all that grows with the history of a home and
is asked for by key. A :class:`Kept` is a dict of it. Without an archive it is no more than that. With one
(:meth:`Kept.keep_in`) what changed is written at every checkpoint, what has not been used for long is dropped from
memory after that, and a key that is not in memory is looked up on disk.

When another version of this code reads all files again it finds nothing of this there, but for what is *lasting*: what
files had that they may not have any more (:class:`Lists`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from itertools import islice
from typing import Any, Final, Protocol, TypeVar

import msgspec

from ..tables import Gone

V = TypeVar("V")
D = TypeVar("D")

UNENCODABLE: Final = (ValueError, TypeError, OverflowError, RecursionError)
"""What :mod:`msgspec` and :mod:`sqlite3` raise for a value that they cannot encode."""
HELD: Final = 1024
"""Entries that stay in memory after a checkpoint, by default."""

_encode: Final = msgspec.msgpack.Encoder().encode
_NOTHING: Final[Any] = object()


def forget_oldest(entries: dict[Any, Any], most: int) -> None:
    """Remove the entries that were put in first, as far as there are more than ``most``."""
    while len(entries) > most:
        del entries[next(iter(entries))]


class Shelf(Protocol):
    """Where the entries of one :class:`Kept` are that are not in memory."""

    def find(self, key: str) -> bytes | None:
        """Return the encoded value of a key, ``None`` if there is none."""


class Kept(dict[str, V]):
    """A dict by text whose values :mod:`msgspec` can encode; not all of them are in memory.

    A value that was changed in place must be put again (``kept[key] = value``), before the next checkpoint. Iterating,
    ``len`` and the like are about what is in memory only.
    """

    __slots__ = ("_changed", "_declared", "_decode", "_default", "_encoded", "_held", "_shelf", "lasting")

    def __init__(
        self, type: Any, default: Callable[[], V] | None = None, *, held: int = HELD, lasting: bool = False
    ) -> None:
        """Keep values of a type; ``default`` makes the value of a key that is asked for with ``[]`` and not there.

        ``held``: how many entries stay in memory after a checkpoint. ``lasting``: they are there for later versions of
        this code, too, under the name of the attribute that holds them: neither that nor the type may change.
        """
        super().__init__()
        self._declared = (type, default, held, lasting)
        self.lasting = lasting
        self._decode: Callable[[bytes], V] = msgspec.msgpack.Decoder(type).decode
        self._default = default
        self._held = held
        self._shelf: Shelf | None = None
        self._changed: dict[str, None] = {}
        self._encoded: dict[str, bytes] = {}
        """Some of what changed, as another one has encoded it."""

    def __reduce__(self) -> Any:
        if self._shelf is not None:
            raise TypeError("what is kept on a shelf is no part of a reader's own memory")
        return (*self.emptied(), None, None, iter(self.items()))

    def emptied(self) -> tuple[Callable[..., Kept[V]], tuple[Any, ...]]:
        """Return a function and its arguments that make another one, as it was declared, for :mod:`pickle`."""
        return _declared, self._declared

    def keep_in(self, shelf: Shelf) -> None:
        """Look on a shelf for what is not in memory, from now on."""
        self._shelf = shelf

    def _find(self, key: str) -> Any:
        """Return what the shelf has of a key, decoded, and take it into memory; :data:`_NOTHING` if it has none."""
        data = self._encoded.pop(key, None) if self._encoded else None
        if data is None:
            if self._shelf is None or key in self._changed:  # the latter was removed
                return _NOTHING
            data = self._shelf.find(key)
            if data is None:
                return _NOTHING
        value = self._decode(data)
        dict.__setitem__(self, key, value)
        return value

    def __missing__(self, key: str) -> V:
        value = self._find(key)
        if value is _NOTHING:
            if self._default is None:
                raise KeyError(key)
            value = self[key] = self._default()
        found: V = value
        return found

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key) or (isinstance(key, str) and self._find(key) is not _NOTHING)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or ``default``."""
        value = dict.get(self, key, _NOTHING)  # a call of super() takes longer than this
        if value is _NOTHING and self._shelf is not None:
            value = self._find(key)
        return default if value is _NOTHING else value

    def __setitem__(self, key: str, value: V) -> None:
        dict.__setitem__(self, key, value)
        if self._shelf is not None:
            self._changed[key] = None
            if self._encoded:
                self._encoded.pop(key, None)

    def held(self, key: str) -> V | None:
        """Return the value of a key if it is in memory."""
        return super().get(key)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which is ``default`` if there was none."""
        value = self.get(key, _NOTHING)
        if value is _NOTHING:
            value = self[key] = default
        return value

    def pop(self, key: str, default: Any = None) -> Any:
        """Remove a key and return its value; ``default`` if it is not there."""
        value = self.get(key, _NOTHING)
        if value is _NOTHING:
            return default
        super().__delitem__(key)
        if self._shelf is not None:
            self._changed[key] = None
        return value

    def __delitem__(self, key: str) -> None:
        if self.pop(key, _NOTHING) is _NOTHING:
            raise KeyError(key)

    def decoded(self, data: bytes) -> V:
        """Return the value that another one of this kind has encoded."""
        return self._decode(data)

    def adopt(self, key: str, data: bytes) -> bool:
        """Take an entry as another one of this kind has encoded it, if there is none of that key; return whether so.

        It is decoded when somebody asks for it.
        """
        if (
            self._shelf is None
            or super().__contains__(key)
            or key in self._changed
            or self._shelf.find(key) is not None
        ):
            return False
        self._encoded[key] = data
        self._changed[key] = None
        return True

    # What whoever keeps it asks for

    @property
    def unwritten(self) -> int:
        """How many entries have changed since the last checkpoint."""
        return len(self._changed)

    def changes(self, unfit: dict[str, Exception] | None = None) -> list[tuple[str, bytes | None]]:
        """Return the entries that changed since the last checkpoint, encoded; ``None`` for what was removed.

        ``unfit`` is given the keys of those that cannot be encoded, which are left out; without it that is an error.
        """
        held, encoded = super().get, self._encoded.get
        changes: list[tuple[str, bytes | None]] = []
        for key in self._changed:
            value = held(key, _NOTHING)
            try:
                changes.append((key, encoded(key) if value is _NOTHING else _encode(value)))
            except UNENCODABLE as error:
                if unfit is None:
                    raise
                unfit[key] = error
        return changes

    def written(self) -> None:
        """Note that all changes are on the shelf, and drop what came to memory first if there is too much of it."""
        self._changed.clear()
        self._encoded.clear()
        if len(self) > self._held + self._held // 4:
            last = list(islice(reversed(self.items()), self._held))
            self.clear()
            self.update(reversed(last))


def _declared(type: Any, default: Any, held: int, lasting: bool) -> Kept[Any]:
    """Return an empty one."""
    return Kept(type, default, held=held, lasting=lasting)


class Lists:
    """The rows that each file of a root listed when it was read last, of files that say which rows there are."""

    def __init__(self) -> None:
        self._rows: Kept[set[tuple[str, str]]] = Kept(set[tuple[str, str]], lasting=True)  # file → tables and ids

    def of(self, file: str) -> Set[tuple[str, str]]:
        """Return the rows (table, id) that a file lists, as far as is known."""
        rows: Set[tuple[str, str]] = self._rows.get(file, frozenset())
        return rows

    def unlisted(self, file: str, rows: Iterable[tuple[str, str]]) -> Iterator[Gone]:
        """Take in which rows (table, id) a file lists now; yield those that it listed before and lists no more."""
        listed, before = set(rows), self.of(file)
        for table, id in sorted(before - listed):
            yield Gone(table, id)
        if listed != before:  # only now: whoever is interrupted says it again
            self._rows[file] = listed
