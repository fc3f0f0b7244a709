"""What is wrong with an agent, and on what evidence: loops, failures in a row, churn, silence, a full context.

Derived from the rows when somebody looks: no status changes, and nothing is kept. The front end has the same rules
(``js/src/lib/trouble.ts``) with the numbers of this module, and both are tested with the same cases.

The numbers are set so that sound work is not called wrong: after each of 7,937 recorded calls of 47 agents (25 of them
with the inputs of their calls) no rule would have spoken. With 10 edits of one file it would have for 4 of them, with
failures of calls whose input is not known for 8.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..store import Row
from ..tables import PREVIEW_CHARS, now_ms
from ..visible import one_line

if TYPE_CHECKING:
    from .base import BaseClient

LOOKED_AT: Final = 40
"""The last calls of an agent that are looked at."""
WITHIN_MS: Final = 15 * 60_000
"""Calls from before are no evidence for now (ms)."""
LATELY: Final = 8
"""A call that is not among so many last ones is over."""
SAME_CALLS: Final = 5
"""Calls of one tool with one input and one result, with no edit between them, that are a loop."""
FAILED_CALLS: Final = 5
"""Calls that failed one after the other, of whatever tools."""
EDITS: Final = 12
"""Edits of one file."""
QUIET_MS: Final = 10 * 60_000
"""How long (ms) a call may run while its agent says nothing."""
NEARLY_FULL: Final = 0.9
"""Part of a context that is nearly all."""

EDITING: Final = r"^(edit|write|multiedit|notebookedit|apply_patch|replace|write_file|str_replace.*|edit_file)$"
"""Tools that change a file, in small letters: what was tried before is another thing afterwards."""
LOOKING: Final = r"output|wait|status|poll|sleep|monitor"
"""Tools that look whether something has changed, which may be called again and again."""
LASTING: Final = r"agent|^task|delegate|wait|question|plan_mode|exitplanmode|output|monitor"
"""Tools that take as long as another agent, or a person, does."""
FILE: Final = (
    r'"(?:file_path|filePath|path|notebook_path|absolute_path)"\s*:\s*"((?:[^"\\]|\\.)+)"'
    r"|\*\*\* (?:Update|Add) File: ([^\n\\]+)"
)
"""Where the input of a tool names the file that it changes."""
ABOUT: Final = r'"(?:command|cmd|file_path|filePath|path|pattern|query|url)"\s*:\s*"((?:[^"\\]|\\.)*)"'
"""Where the input of a tool says what a call is about."""
WINDOWS: Final = (
    (r"(claude|^(opus|sonnet|haiku|fable)).*\b1m\b", (1_000_000,)),
    (r"claude|^(opus|sonnet|haiku|fable)", (200_000, 1_000_000)),
    (r"gpt-5|codex", (258_400,)),
    (r"gemini", (1_048_576,)),
)
"""Pattern of a model's name, in small letters, and the contexts (tokens) that it may have.

Of several the first that holds what is in it: which of its windows a session of Claude has is rarely written down."""

_CHARS: Final = 80


class Trouble(NamedTuple):
    """Something that is wrong with an agent."""

    kind: str
    """``loop``, ``failures``, ``churn``, ``quiet`` or ``context``."""
    text: str
    """What was seen: "the same call 6 times in 4 min with the same result: Bash npm test"."""
    since: int | None
    """When it began, in milliseconds since the epoch; ``None`` if that is not known."""


class AgentTrouble(NamedTuple):
    """Something that is wrong, and with whom."""

    agent: Row
    trouble: Trouble

    @property
    def text(self) -> str:
        """One line to read."""
        return f"{one_line(str(self.agent['name'] or self.agent['id']))}: {self.trouble.text}"


def troubles(client: BaseClient, now: int | None = None) -> list[AgentTrouble]:
    """Return what is wrong with the agents that work or wait: ``for one in aw.troubles(dash): print(one.text)``.

    Loops (the same call with the same result), calls that fail one after the other, edits of one file over and over, a
    tool that runs long in silence, a context that is nearly full. ``now``: milliseconds since the epoch.
    """
    now = now_ms() if now is None else now
    agents = [row for row in client.agents.rows() if row["status"] in ("working", "waiting")]
    calls: dict[str, list[Row]] = {row["id"]: [] for row in agents}
    for call in client._link.store.held_rows("tool_calls"):
        if call["agent_id"] in calls and call["at"] is not None:
            calls[call["agent_id"]].append(call)
    for some in calls.values():
        some.sort(key=lambda call: call["at"])
    return [AgentTrouble(row, one) for row in agents for one in judge(row, calls[row["id"]], now)]


def stuck(client: BaseClient) -> str | None:
    """Return a line about an agent that loops, fails again and again or is silent in a tool: the condition of an alert.

    ``dash.alert("stuck", aw.stuck, for_=30)``. A context that is nearly full is no reason: see :func:`troubles`.
    """
    return next((one.text for one in troubles(client) if one.trouble.kind != "context"), None)


def judge(agent: Mapping[str, Any], calls: Sequence[Mapping[str, Any]], now: int) -> Iterator[Trouble]:
    """Yield what is wrong with an agent; ``calls`` are its rows of ``tool_calls``, the oldest first. ``now`` in ms."""
    if agent["status"] == "working":
        last = calls[-LOOKED_AT:]
        ended = [call for call in last if call["at"] > now - WITHIN_MS and call["status"] != "running"]
        yield from _loop(ended)
        yield from _failures(ended)
        yield from _churn(ended)
        yield from _quiet(agent, last, now)
    if agent["status"] in ("working", "waiting") and (fill := context_fill(agent)) is not None:
        part, window = fill
        if part >= NEARLY_FULL:
            yield Trouble("context", f"the context is {part:.0%} full, of {window:,} tokens", None)


def context_fill(agent: Mapping[str, Any]) -> tuple[float, int] | None:
    """Return which part of its context an agent has filled, and how many tokens it holds; ``None`` if not known."""
    model, tokens = agent["model"], agent["context_tokens"]
    if model is None or tokens is None:
        return None
    windows = next((windows for pattern, windows in WINDOWS if re.search(pattern, model.lower())), None)
    if windows is None:
        return None
    window = next((window for window in windows if tokens <= window), windows[-1])
    return min(1.0, tokens / window), window


def _loop(ended: Sequence[Mapping[str, Any]]) -> Iterator[Trouble]:
    edits = [i for i, call in enumerate(ended) if _is(EDITING, call)]
    since_edit = ended[edits[-1] + 1 :] if edits else ended
    keys = [
        None
        if not call["input"] or len(call["input"]) >= PREVIEW_CHARS or _is(LOOKING, call)
        # a longer input is cut: what follows may differ
        else (call["name"], call["input"], call["output"], call["error"])
        for call in since_edit
    ]
    for key, count in Counter(key for key in keys if key is not None).most_common(1):
        if count >= SAME_CALLS and key in keys[-LATELY:]:
            same = [call for call, of in zip(since_edit, keys, strict=True) if of == key]
            lasted = _length(same[-1]["at"] - same[0]["at"])
            found = re.search(ABOUT, key[1])
            about = _brief(f"{key[0]} {found[1] if found else key[1]}")
            text = f"the same call {count} times in {lasted} with the same result: {about}"
            yield Trouble("loop", text, same[0]["at"])


def _failures(ended: Sequence[Mapping[str, Any]]) -> Iterator[Trouble]:
    run: list[Mapping[str, Any]] = []
    for call in reversed(ended):
        if call["status"] != "error" or not call["input"]:
            break
        run.append(call)
    if len(run) >= FAILED_CALLS:
        last = run[0]
        about = _brief(f"{last['name']}: {last['error'] or last['output'] or 'no reason given'}")
        yield Trouble("failures", f"the last {len(run)} calls all failed, the last of them {about}", run[-1]["at"])


def _churn(ended: Sequence[Mapping[str, Any]]) -> Iterator[Trouble]:
    files = [_file(call) if _is(EDITING, call) else None for call in ended]
    for file, count in Counter(file for file in files if file is not None).most_common(1):
        if count >= EDITS and file in files[-LATELY:]:
            at = [call["at"] for call, of in zip(ended, files, strict=True) if of == file]
            name = re.split(r"[\\/]", file)[-1]
            yield Trouble("churn", f"{_brief(name)} edited {count} times in {_length(at[-1] - at[0])}", at[0])


def _quiet(agent: Mapping[str, Any], last: Sequence[Mapping[str, Any]], now: int) -> Iterator[Trouble]:
    for call in reversed(last):
        if call["status"] != "running" or _is(LASTING, call):
            continue
        if max(call["at"], agent["last_seen_at"] or 0) <= now - QUIET_MS:
            text = f"{_brief(str(call['name'] or 'a tool'))} has run for {_length(now - call['at'])} without a sign"
            yield Trouble("quiet", text, call["at"])
            return


def _is(pattern: str, call: Mapping[str, Any]) -> bool:
    return re.search(pattern, (call["name"] or "").lower()) is not None


def _file(call: Mapping[str, Any]) -> str | None:
    found = re.search(FILE, call["input"] or "")
    return found and (found[1] or found[2])


def _length(ms: int) -> str:
    return f"{ms // 1000} s" if ms < 60_000 else f"{ms // 60_000} min"


def _brief(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _CHARS else f"{line[: _CHARS - 1]}…"
