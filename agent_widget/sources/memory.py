"""Rows of the table ``memory``: what agents wrote down in files of their own."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

from .parsing import preview


def memory_fields(path: PurePosixPath, data: bytes, *, heading: str = "#{1,6}", **fields: Any) -> dict[str, Any]:
    """Return the fields of a Markdown file: titled by its first heading, or else by its name.

    ``heading``: a pattern of what stands before a title. ``fields`` are added or replace others.
    """
    text = data.decode("utf-8", "replace")
    found = re.search(rf"^(?:{heading})[ \t]+(.*\S)", text, re.MULTILINE)
    title = found.group(1) if found else path.stem
    return {**entry_fields(data, title, text), "path": str(path), **fields}


def entry_fields(content: bytes, title: str, text: str | None) -> dict[str, Any]:
    """Return the fields that every entry has; ``content`` is what its size and version are of."""
    return {
        "title": preview(title),
        "size": len(content),
        "tokens": len(content) // 4,
        "text": preview(text),
        "version": version_of(content),
    }


def version_of(content: bytes) -> str:
    """Return what stands for the content of an entry: another one means that it was changed."""
    return blake2b(content, digest_size=6).hexdigest()
