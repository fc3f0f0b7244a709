"""Turns of a thread: how they begin and end, their messages, and what the model used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ..base import directory_name, named, whole
from ..steps import Prompt, Reply, Step, Thinking, Tokens, TurnEnd, TurnStart, Usage, asks
from .subagents import notified
from .thread import LineReader, Thread
from .values import text_of

_PUT_IN = re.compile(r"\s*(?:<[a-z_]+[ >]|# AGENTS\.md instructions )")
"""Beginnings of user messages that Codex wrote by itself."""
_SHELL = re.compile(r"<user_shell_command>\s*<command>\s*(.*?)\s*</command>", re.DOTALL)
_ABORTED: Final = {
    "interrupted": "interrupted",
    "replaced": "interrupted by another prompt",
    "budget_limited": "stopped: the budget is used up",
}


def _turn_context(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield from about(thread, payload.cwd, at, model=payload.model)


def about(thread: Thread, cwd: Any, at: int, **facts: Any) -> Iterator[Step]:
    """Yield facts that may change in the middle."""
    project = directory_name(cwd) if isinstance(cwd, str) else None
    yield from thread.about(at, **{name: named(value) and value for name, value in facts.items()}, project=project)


def _started(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield from thread.stopped(at)
    thread.replied, thread.failed, thread.over, thread.planned = False, None, False, False
    yield TurnStart(at)


def _completed(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield from thread.stopped(at)
    text = named(payload.last_agent_message)
    if text and not thread.replied:
        yield Reply(at, thread.step_id(None, at), text)
    error = payload.error.get("message") if isinstance(payload.error, dict) else payload.error
    thread.failed = named(error) or (None if text else thread.failed)
    if thread.failed:
        if not thread.over:
            yield TurnEnd(at, "failed", thread.failed)
    elif thread.planned or (text and "<proposed_plan>" in text):
        yield TurnEnd(at, "asked", "a plan for you to approve")
    else:
        yield TurnEnd(at, "asked" if text and asks(text) else "done")


def _aborted(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield from thread.stopped(at)
    if payload.reason == "review_ended":
        yield TurnEnd(at, "done", "the review ended")
    else:
        yield TurnEnd(at, "interrupted", _ABORTED.get(str(payload.reason), "interrupted"))


def _failed(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    thread.failed, thread.over = named(payload.message) or "the turn failed", True
    yield TurnEnd(at, "failed", thread.failed)


def _user_message(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    if payload.kind in (None, "plain"):
        yield from prompts(thread, None, named(payload.message), at)


def prompts(thread: Thread, id: Any, text: str | None, at: int) -> Iterator[Prompt]:
    """Yield a prompt, unless Codex wrote it by itself."""
    text = text or "(no text)"
    if not _PUT_IN.match(text):
        yield Prompt(at, thread.step_id(id, at), text)


def _message(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    text = text_of(payload.content)
    if payload.role == "assistant" and text:
        thread.replied = True
        yield Reply(at, thread.step_id(payload.id, at), text)
        if thread.bare:
            yield TurnEnd(at, "asked" if asks(text) else "done", "said something; this file has no ends of turns")
    elif payload.role == "user":
        if shell := _SHELL.match(text):
            yield Prompt(at, thread.step_id(payload.id, at), f"!{shell.group(1)}")
        elif text.startswith("<subagent_notification>"):
            yield from notified(thread, text, at)
        elif thread.bare and text:
            yield from prompts(thread, payload.id, text, at)


def _reasoning(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield Thinking(at, thread.step_id(payload.id, at), text_of(payload.summary) or text_of(payload.content))


def _token_count(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    """Yield what the answer took: what two totals differ by. Of a copied line only the total counts."""
    info = payload.info if isinstance(payload.info, dict) else {}
    total, last = _counts(info.get("total_token_usage")), _counts(info.get("last_token_usage"))
    if total is None or total == thread.total:
        return
    before, thread.total = thread.total, total
    if thread.copying:
        return
    used = tuple(now - then for now, then in zip(total, before or (0,) * 4, strict=True))
    if last is not None and ((before is None and thread.copied_from) or min(used) < 0):
        used = last  # the total began elsewhere, or anew
    if min(used) >= 0 and max(used) > 0:
        tokens = Tokens(max(0, used[0] - used[1] - used[2]), used[3], used[1], used[2])
        yield Usage(at, f"{thread.agent}:{total[0]}+{total[3]}", tokens, thread.facts.get("model"))


def _counts(usage: Any) -> tuple[int, ...] | None:
    """Return the tokens of the input, of it read from a cache and written to it, and of the output."""
    if not isinstance(usage, dict):
        return None
    names = ("input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens")
    return tuple(min(max(0, whole(usage.get(name)) or 0), 2**53) for name in names)


def _renamed(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield from thread.title(at, payload.thread_name)


LINES: Final[dict[str, LineReader]] = {
    "turn_context": _turn_context,
    "event_msg/task_started": _started,
    "event_msg/turn_started": _started,
    "event_msg/task_complete": _completed,
    "event_msg/turn_complete": _completed,
    "event_msg/turn_aborted": _aborted,
    "event_msg/error": _failed,
    "event_msg/user_message": _user_message,
    "response_item/message": _message,
    "response_item/reasoning": _reasoning,
    "event_msg/token_count": _token_count,
    "event_msg/thread_name_updated": _renamed,
}
