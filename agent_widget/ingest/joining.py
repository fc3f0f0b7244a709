"""What a worker has found, joined with what is known here; see :mod:`.crew`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from ..sources.base import Item, Known, Process, Source, Speaker
from ..sources.kept import Kept
from ..store import joined
from ..tables import Gone, Record
from .status import Statuses
from .worker import Found

_AT_ONCE: Final = 1000


def steps(
    source: Source,
    found: Found,
    kept: Mapping[str, Kept[Any]],
    claim: Callable[..., None],
    statuses: Statuses,
) -> Iterator[None]:
    """Take in what was found, a part of some milliseconds at a time; all of it may be taken in more than once.

    ``kept``: name → what is kept of this source. ``claim`` takes a list of claims, their source, and whether they are
    ``masked``.
    """
    after: list[Item] = []
    known: set[tuple[str, str, str]] = set()
    for name, entries in found.kept.items():
        decode, adopts = kept[name].decoded, name in source.adopts
        for some in _parts(entries):
            for key, data in some:
                if adopts and kept[name].adopt(key, data):
                    continue
                for item in source.unite(name, key, decode(data)):
                    if isinstance(item, Known):
                        known.add((item.table, item.id, item.column))
                    else:
                        after.append(item)
            yield
    ledger = source.book.ledger  # type: ignore[attr-defined]
    for bills in _parts(found.bills):
        for usage, session, agent in bills:
            ledger.bill(usage, session, agent)
        yield
    for claims in _parts(found.claims):
        claim([_operation(table, id, fields, known) for table, id, fields in claims], source, masked=True)
        yield
    if found.rest is not None:
        after += source.unite_rest(pickle.loads(found.rest))
    rows: list[Record | Gone] = []
    for item in after:
        if isinstance(item, (Record, Gone)):
            rows.append(item)
        elif not isinstance(item, (Speaker, Process)):
            statuses.observe(item)
    claim(list(joined([*rows, *ledger.finish()])), source)
    yield
    for points in _parts(found.points):
        for agent, point in points:
            statuses.add(agent, point)
        yield


def _operation(table: str, id: str, fields: dict[str, Any] | None, known: set[tuple[str, str, str]]) -> Record | Gone:
    if fields is None:
        return Gone(table, id)
    if known:
        fields = {column: value for column, value in fields.items() if (table, id, column) not in known}
    return Record(table, id, fields)


def _parts(items: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
