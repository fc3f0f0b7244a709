"""What an edit changed, as a unified diff, from the input of the tool that made it.

Agents name the same things differently (``old_string``, ``oldString``, ``old_str``, ``oldText``); it is by these
names that an edit is recognised, not by the tool's. The diff has no line numbers of the file, since the input has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any, Final

from ...sources.parsing import first_of
from ...sources.steps import PATH_FIELDS

_OLD: Final = ("old_string", "oldString", "old_str", "oldText")
_NEW: Final = ("new_string", "newString", "new_str", "newText")
_WHOLE: Final = ("content", "file_text", "contents", "new_source")
_PATCHES: Final = ("patch", "patchText", "input", "diff")
_WRITERS: Final = ("write", "create", "notebookedit", "save")
"""Beginnings of names of tools that write whole files."""

MAX_LINES: Final = 4000
"""Maximum lines that are compared; longer texts take seconds."""


def diff_of(tool: str, given: Any) -> str | None:
    """Return the change that a tool call asks for as a unified diff; ``None`` if it is no edit, or too large."""
    if isinstance(given, str):
        return given if _is_patch(given) else None
    if not isinstance(given, Mapping):
        return None
    for name in _PATCHES:
        if isinstance(text := given.get(name), str) and _is_patch(text):
            return text
    path = first_of(given, *PATH_FIELDS)
    edits = given.get("edits")
    pairs = list(_pairs([given, *edits] if isinstance(edits, list) else [given]))
    if not pairs and tool.lower().replace("_", "").startswith(_WRITERS):
        whole = first_of(given, *_WHOLE)
        pairs = [("", whole)] if isinstance(whole, str) else []
    hunks = [line for old, new in pairs for line in _hunks(old, new)]
    if not hunks:
        return None
    name = path if isinstance(path, str) else "file"
    return "\n".join([f"--- {name}", f"+++ {name}", *hunks])


def _pairs(edits: list[Any]) -> Iterator[tuple[str, str]]:
    for edit in edits:
        if isinstance(edit, Mapping):
            old = next((edit[name] for name in _OLD if isinstance(edit.get(name), str)), None)
            new = next((edit[name] for name in _NEW if isinstance(edit.get(name), str)), None)
            if new is not None or old is not None:
                yield old or "", new or ""


def _hunks(old: str, new: str) -> list[str]:
    before, after = old.splitlines(), new.splitlines()
    if not before:
        return ["@@", *(f"+{line}" for line in after)]
    if len(before) + len(after) > MAX_LINES:
        return ["@@", *(f"-{line}" for line in before), *(f"+{line}" for line in after)]
    # positions inside the piece are not those in the file
    return [
        "@@" if line.startswith("@@ ") else line for line in list(unified_diff(before, after, lineterm="", n=3))[2:]
    ]


def _is_patch(text: str) -> bool:
    return text.startswith(("*** Begin Patch", "diff --git ", "--- "))
