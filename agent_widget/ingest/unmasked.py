"""Masking on the way into the store, which remembers what ids and paths were: their files are to be found again."""

from __future__ import annotations

from typing import TypeVar

from ..masking import masked, masked_fields
from ..sources.base import Evidence, Process, Speaker
from ..tables import Gone, Record

Fact = TypeVar("Fact", bound=Evidence | Speaker | Process)


def mask_record(operation: Record | Gone, unmasked: dict[str, str]) -> Record | Gone:
    """Return a record without secrets. ``unmasked``: masked id or path → what it is in the files; added to."""
    safe = masked(operation)
    if safe is operation:
        return operation
    if safe.id != operation.id:
        unmasked[safe.id] = operation.id
    if isinstance(operation, Record) and isinstance(safe, Record):
        path, shown = operation.fields.get("path"), safe.fields.get("path")
        if path != shown:
            unmasked[str(shown)] = str(path)
    return safe


def mask_fact(item: Fact, unmasked: dict[str, str]) -> Fact:
    """Return what is no row without secrets; the rest as :func:`mask_record`."""
    safe = masked_fields(item)
    if safe is item:
        return item
    if safe.agent_id != item.agent_id:
        unmasked[safe.agent_id] = item.agent_id
    return safe
