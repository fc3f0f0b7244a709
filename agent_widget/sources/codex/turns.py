"""Turns of a thread: how they begin and end, their messages, and what the model used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from ..base import Item
from ..parsing import named, whole
from ..questions import asks
from ..steps import STANDARD, Prompt, Reply, Step, Terms, Thinking, Tokens, TurnEnd, TurnStart, Usage
from ..texts import said
from .limits import limits
from .subagents import notified
from .thread import LineReader, Thread
from .values import text_of

_PUT_IN = re.compile(r"\s*(?:<[a-z_]+[ >]|# AGENTS\.md instructions )")
"""Beginnings of user messages that Codex wrote by itself, in files without events."""
_SHELL = re.compile(r"<user_shell_command>\s*<command>(.*?)</command>", re.DOTALL)
_IMPORTED: Final = "external-import-turn"
"""Beginning of the ids of turns that were imported from another agent, whose own files say what they took."""
_RECORDED: Final = 64
"""Maximum answers that are remembered until the total shows them, or a line the model."""
_ABORTED: Final = {
    "interrupted": "interrupted",
    "replaced": "interrupted by another prompt",
    "budget_limited": "stopped: the budget is used up",
}


def _turn_context(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    if payload.service_tier is not None:
        thread.speed = named(payload.service_tier)
    yield from about(thread, payload.cwd, at, model=payload.model)
    yield from _named_late(thread)


def about(thread: Thread, cwd: Any, at: int, **facts: Any) -> Iterator[Step]:
    """Yield facts that may change in the middle."""
    facts["directory"] = cwd
    yield from thread.about(at, **{name: named(value) and value for name, value in facts.items()})


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
    """Yield a prompt, unless all of it is what Codex wrote by itself."""
    text = text or "(no text)"
    if said(text):
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
            yield Prompt(at, thread.step_id(payload.id, at), f"!{shell.group(1).strip()}")
        elif text.startswith("<subagent_notification>"):
            yield from notified(thread, text, at)
        elif thread.bare and text and not _PUT_IN.match(text):
            yield from prompts(thread, payload.id, text, at)


def _reasoning(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield Thinking(at, thread.step_id(payload.id, at), text_of(payload.summary) or text_of(payload.content))


def _settings(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    """Yield with which model, and take in on what terms, the thread goes on."""
    if isinstance(payload.thread_settings, dict):
        thread.speed = named(payload.thread_settings.get("service_tier"))
        thread.provider = named(payload.thread_settings.get("model_provider_id")) or thread.provider
        yield from about(thread, None, at, model=payload.thread_settings.get("model"))
        yield from _named_late(thread)


def _token_count(thread: Thread, payload: Any, at: int) -> Iterator[Step | Item]:
    """Yield what the answer took: what two totals differ by. Of a copied line only the total counts.

    Newer versions write a ``token_usage_record`` for each answer as well; the total leaves out what compacting took.
    """
    yield from limits(thread, payload.rate_limits, at)
    info = payload.info if isinstance(payload.info, dict) else {}
    total, last = _counts(info.get("total_token_usage")), _counts(info.get("last_token_usage"))
    if total is None and last is not None:  # no total is kept: each answer is as it is
        total = tuple(map(sum, zip(thread.total or (0,) * 4, last, strict=True)))
    if total is None or total == thread.total:
        return
    before, thread.total = thread.total, total
    if (thread.copying and not thread.orphaned) or thread.turn.startswith(_IMPORTED):
        return
    used = tuple(now - then for now, then in zip(total, before or (0,) * 4, strict=True))
    if last is not None and ((before is None and (thread.copied_from or thread.segment)) or _is_less(used, last)):
        used = last  # the total began elsewhere, or anew
    if used in thread.recorded or last in thread.recorded:
        del thread.recorded[: thread.recorded.index(used if used in thread.recorded else last or used) + 1]
    elif min(used) >= 0 and max(used) > 0:
        thread.totalled = used
        yield _billed(thread, at, f"{_counted_under(thread)}{thread.segment}:{total[0]}+{total[3]}", used)


def _is_less(used: tuple[int, ...], last: tuple[int, ...]) -> bool:
    """Return whether two totals differ by less than the last answer took alone, or the second one is smaller."""
    return min(used) < 0 or any(now < of_last for now, of_last in zip(used, last, strict=True))


def _usage_record(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    """Yield what one answer took, unless the total has shown it already."""
    used, owner = _counts(payload.usage), named(payload.thread_id)
    if used is None or max(used) == 0 or (owner not in (None, thread.id) and not thread.copying):
        return
    if thread.turn.startswith(_IMPORTED):
        return
    if used == thread.totalled:
        thread.totalled = None
        return
    thread.recorded.append(used)
    del thread.recorded[:-_RECORDED]
    id = named(payload.response_id) or f"{at}+{used[0]}+{used[3]}"
    yield _billed(thread, at, f"{_counted_under(thread)}:{id}", used)


def _counted_under(thread: Thread) -> str:
    """Return the thread under which an answer is counted: several copies of a thread that is gone count once."""
    if thread.copying and thread.orphaned:
        return thread.agent_row(thread.origin.forked_from or thread.origin.parent or thread.id)
    return thread.agent


def _billed(thread: Thread, at: int, id: str, used: tuple[int, ...]) -> Usage:
    tokens = Tokens(max(0, used[0] - used[1] - used[2]), used[3], used[1], used[2])
    terms = Terms(thread.provider, thread.speed) if thread.provider or thread.speed else STANDARD
    usage = Usage(at, id, tokens, thread.facts.get("model"), terms=terms)
    if usage.model is None and len(thread.unnamed) < _RECORDED:
        thread.unnamed.append(usage)
    return usage


def _named_late(thread: Thread) -> Iterator[Usage]:
    """Yield once more what was taken before the file named a model, as a thread that is resumed may begin (0.124)."""
    model = thread.facts.get("model")
    if model and thread.unnamed:
        unnamed, thread.unnamed = thread.unnamed, []
        yield from (replace(usage, model=model, beside=True) for usage in unnamed)


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
    "event_msg/thread_settings_applied": _settings,
    "token_usage_record": _usage_record,
    "event_msg/thread_name_updated": _renamed,
}
