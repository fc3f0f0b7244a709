"""Agents that a thread starts: threads with rollouts of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..parsing import named
from ..steps import Prompt, Return, Spawn, Step
from .thread import LineReader, Thread
from .values import json_in, text_of


def spawned(
    thread: Thread, call_id: str, agent: str, at: int, task: str | None = None, kind: str | None = None
) -> Iterator[Step]:
    """Yield that a call started an agent; its task may be in the call alone."""
    known = next((entry for entry in thread.tasks.values() if entry[0] == call_id), (call_id, "", None))
    yield Spawn(at, call_id, agent, task or known[1], kind or known[2])


_OVER: Final = frozenset({"completed", "interrupted"})
"""Kinds of activity that end an agent's turn; the others (0.147: started, interacted) do not."""


def active(thread: Thread, agent: Any, path: Any, kind: Any, at: int) -> Iterator[Step]:
    """Yield an agent's start when its path is first named, and its end; what it answered is in another line."""
    agent, path = named(agent), named(path)
    if agent and path and path not in thread.agents:
        thread.agents[path] = agent
        task = thread.tasks.get(path.rpartition("/")[2])
        yield from spawned(thread, task[0] if task else path, agent, at)
    if agent and kind in _OVER:
        yield Return(at, agent, None, answered=False)


def reports(thread: Thread, states: Mapping[str, Any], at: int, *, known: bool = False) -> Iterator[Step]:
    """Yield what agents that were waited for came to; ``known``: only those whose path was named."""
    for name, state in states.items():
        agent = thread.agents.get(name, name)
        if (known and name not in thread.agents) or agent.startswith("/") or not isinstance(state, dict):
            continue  # it still runs, or no line named its thread
        if "status" in state:
            word, text = state["status"], state.get("message")
        else:
            word, text = next(iter(state.items()), (None, None))
        if word in ("completed", "errored"):
            yield Return(at, agent, named(text), word == "errored")


def notified(thread: Thread, text: str, at: int) -> Iterator[Step]:
    """Yield what follows from a ``<subagent_notification>``."""
    notice = json_in(text.removeprefix("<subagent_notification>").partition("</subagent_notification>")[0])
    agent = notice.get("agent_id") or notice.get("agent_path")
    yield from reports(thread, {agent: notice.get("status")} if isinstance(agent, str) else {}, at)


def _spawn_ended(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    agent, call_id = named(payload.new_thread_id), named(payload.call_id)
    if agent and call_id:
        yield from spawned(thread, call_id, agent, at, named(payload.prompt), named(payload.new_agent_role))


def _activity(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    yield from active(thread, payload.agent_thread_id, payload.agent_path, payload.kind, at)


def _between_agents(thread: Thread, payload: Any, at: int) -> Iterator[Step]:
    text, author = text_of(payload.content), str(payload.author)
    if thread.parent and payload.recipient == thread.origin.agent_path and author not in thread.agents:
        yield Prompt(at, thread.step_id(payload.id, at), text)
    else:
        yield from reports(thread, {author: {"completed": text}}, at, known=True)


LINES: Final[dict[str, LineReader]] = {
    "event_msg/collab_agent_spawn_end": _spawn_ended,
    "event_msg/sub_agent_activity": _activity,
    "response_item/agent_message": _between_agents,
    "inter_agent_communication": _between_agents,
}
