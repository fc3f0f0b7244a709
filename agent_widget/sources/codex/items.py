"""Items of a turn: since 2026 most events are of one type, ``item_completed``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..parsing import named
from ..steps import Step
from .calls import ended
from .subagents import active, reports, spawned
from .thread import LineReader, Thread
from .turns import prompts
from .values import text_of

_CALLS: Final = {"CommandExecution": "exec_command", "FileChange": "apply_patch", "McpToolCall": "mcp"}
_SILENT: Final = frozenset(
    "AgentMessage Reasoning Sleep ContextCompaction EnteredReviewMode ExitedReviewMode HookPrompt WebSearch ImageView "
    "ImageGeneration".split()
)
"""In other lines as well, or not about what an agent does."""


def _item(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    item = payload.item if isinstance(payload.item, dict) else {}
    kind, id = item.get("type"), named(item.get("id"))
    if kind == "UserMessage":
        yield from prompts(thread, id, text_of(item.get("content")), at)
    elif kind == "Plan":
        thread.planned = True
    elif isinstance(kind, str) and kind in _CALLS and id:
        yield from ended(thread, id, _CALLS[kind], item, at)
    elif kind == "CollabAgentToolCall":
        receivers, states = item.get("receiver_thread_ids"), item.get("agents_states")
        if str(item.get("tool")).lower().startswith("spawn") and isinstance(receivers, list) and id:
            for agent in filter(None, map(named, receivers)):
                yield from spawned(thread, id, agent, at, named(item.get("prompt")))
        elif isinstance(states, dict):
            yield from reports(thread, states, at)
    elif kind == "SubAgentActivity":
        yield from active(thread, item.get("agent_thread_id"), item.get("agent_path"), item.get("kind"), at)
    elif not isinstance(kind, str) or kind not in _SILENT:
        thread.source.odd(f"item/{kind}")


LINES: Final[dict[str, LineReader]] = {"event_msg/item_completed": _item}
