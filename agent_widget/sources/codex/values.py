"""Values in the lines of a rollout: texts in any shape, JSON in texts, times inside ids."""

from __future__ import annotations

import re
from typing import Any

from ..parsing import Malformed, parse_json
from ..steps import PLACEHOLDER

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def made_at(id: Any) -> int | None:
    """Return when a thread or a turn was made: the first 48 bits of a UUIDv7 are milliseconds."""
    found = UUID.fullmatch(id) if isinstance(id, str) else None
    return int(id[:8] + id[9:13], 16) if found and found.group(1) == "7" else None


def text_of(content: Any) -> str:
    """Return the text of a content list in any of its shapes."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        kind = str(content.get("type")).removeprefix("input_").removeprefix("output_")
        inner = content.get("text") or content.get("content") or content.get("output")
        return text_of(inner) or PLACEHOLDER.get(kind, "")
    if isinstance(content, list):
        return "\n".join(text for part in content if (text := text_of(part)))
    return ""


def json_in(text: Any) -> dict[str, Any]:
    """Return the object that a text holds; an empty one if it holds none."""
    if isinstance(text, str) and text.lstrip()[:1] == "{":
        try:
            text = parse_json(text.encode())
        except Malformed:
            return {}
    return text if isinstance(text, dict) else {}
