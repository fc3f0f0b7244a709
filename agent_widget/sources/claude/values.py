"""What values in Claude Code's files mean: texts, what was billed, how a call ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from ..conversation import still_at_work
from ..parsing import named
from ..steps import PLACEHOLDER, STANDARD, Terms, Todo, Tokens, Usage
from .records import Billed, Block, Iteration, Line, Message

_PASSES: Final = ("message", "fallback_message", "")
"""Types of passes that an answer's sums have."""
_DENIED: Final = ("The user doesn't want to", "Permission to use ", "Claude requested permissions")
_CANCELLED: Final = ("<tool_use_error>Sibling tool call errored", "[Request interrupted by user")


def usage_of(
    entry: Line, message: Message, at: int, place: int, id: str | None = None, request: str | None = None
) -> Iterator[Usage]:
    """Yield what an answer took, if this line has it and a model was asked; what it took beside, too.

    ``place``: of the line in its file. ``id``: what it is billed under, by default the one in the line. ``request``:
    what tells it from others of its id, likewise.
    """
    billed = message.usage
    id = id or message.id
    if billed is None or not id or message.model == "<synthetic>":
        return
    searches = (billed.server_tool_use.web_search_requests or 0) if billed.server_tool_use else 0
    tier = billed.service_tier if billed.service_tier in ("batch", "flex") else None
    speed, region = _usual(billed.speed or tier), _usual(billed.inference_geo)
    terms = Terms(None, speed, region, max(0, searches)) if speed or region or searches else STANDARD
    answer = Usage(
        at,
        id,
        _tokens(billed),
        message.model,
        entry.costUSD,
        bool(entry.isSidechain) or entry.sessionKind == "bg",
        terms,
        request or entry.requestId or "",
        place,
    )
    passes = billed.iterations
    if passes and (len(passes) > 1 or passes[0].type != "message"):
        yield from _parts(answer, passes)
    else:
        yield answer


def _parts(answer: Usage, passes: list[Iteration]) -> Iterator[Usage]:
    """Yield an answer of several passes: one to a model, and those that its sums leave out, each beside it.

    The sums of an answer are those of its passes of type ``message``; an advisor (another model) or a compaction
    comes on top. If all passes together make the sums, none is left out, and only the models are separated.
    """
    counts = [_tokens(each) for each in passes]
    total = sum(counts, Tokens())[:4]
    inside = [total == answer.tokens[:4] or each.type in _PASSES for each in passes]
    own = answer.tokens
    found: list[Usage] = []
    for index, (each, tokens) in enumerate(zip(passes, counts, strict=True)):
        model = each.model or answer.model
        if inside[index] and (model == answer.model or total != answer.tokens[:4]):
            continue
        if inside[index]:
            own += -tokens
        cost = None if answer.cost_usd is None else 0.0  # what is stated is for all of it
        terms = answer.terms._replace(searches=0)
        found.append(
            replace(
                answer, id=f"{answer.id}+{index}", tokens=tokens, model=model, cost_usd=cost, terms=terms, beside=True
            )
        )
    yield replace(answer, tokens=own)
    yield from found


def _tokens(counts: Billed | Iteration) -> Tokens:
    written, long = counts.cache_creation_input_tokens or 0, 0
    if counts.cache_creation is not None:
        long = counts.cache_creation.ephemeral_1h_input_tokens or 0
        written = written or long + (counts.cache_creation.ephemeral_5m_input_tokens or 0)
    return Tokens(
        counts.input_tokens or 0, counts.output_tokens or 0, counts.cache_read_input_tokens or 0, written, long
    )


def _usual(word: str | None) -> str | None:
    """Return a word for a speed or a region, ``None`` for the usual ones."""
    return None if word in ("standard", "default", "not_available", "global", "") else word


def outcome(block: Block, text: str, entry: Line) -> Any:
    """Return how a call ended."""
    if not block.is_error:
        return "ok"
    if text.startswith(_CANCELLED):
        return "cancelled"
    return "denied" if entry.toolDenialKind or text.startswith(_DENIED) else "error"


def in_background(entry: Line) -> str | None:
    """Return a reason that names what goes on after the turn, if anything does."""
    return still_at_work(agent=entry.pendingBackgroundAgentCount or 0, workflow=entry.pendingWorkflowCount or 0)


def text_in(content: Any) -> str:
    """Return the text of what is a text or a list of parts."""
    if isinstance(content, str):
        return content
    texts = [part.text if part.type == "text" else PLACEHOLDER.get(part.type) for part in content or ()]
    return "\n".join([text for text in texts if text])


def text_of_parts(content: Any) -> str:
    """Return the text in a list of parts that were not decoded."""
    parts = content if isinstance(content, list) else ()
    return "\n".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def todo_of(todo: dict[str, Any], id: str) -> Todo:
    """Return an entry of a list of things to do."""
    title, status = named(todo.get("content")) or id, named(todo.get("status")) or "pending"
    return Todo(id, title, status)


def progress(status: str) -> float | None:
    """Return the progress of a task (0 to 1), where its status implies it."""
    return {"completed": 1.0, "pending": 0.0}.get(status)


def is_internal(agent: str) -> bool:
    """Return whether Claude Code runs this agent for itself: it compacts, or suggests a prompt."""
    return agent.startswith(("acompact", "aprompt_suggestion"))
