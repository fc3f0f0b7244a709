"""Tool calls and their results: plans, tasks, questions, messages to others, and agents that are given work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ..base import Evidence, Item, Record
from ..parsing import named, parse_json, preview
from ..steps import Call, Plan, Result, Return, Spawn, Step, Todo
from .claims import Place
from .records import Block, Line, Part
from .talk import Talk
from .values import outcome, text_in, todo_of


def called(talk: Talk, block: Block, at: int, *, copy: bool) -> Iterator[Step]:
    """Yield a tool call; ``copy``: it is repeated from another file."""
    talk.turn_continues()
    given = block.input if isinstance(block.input, dict) else {}
    question: str | None = None
    if block.name == "AskUserQuestion":
        questions = given.get("questions")
        first = questions[0] if isinstance(questions, list) and questions else None
        question = (named(first.get("question")) if isinstance(first, dict) else None) or "a question to you"
    elif block.name == "ExitPlanMode":
        question = "approval of its plan"
    elif block.name == "TodoWrite" and isinstance(todos := given.get("todos"), list):
        whose = "" if talk.parent is None else talk.agent.rpartition("/")[2] + "."
        listed = enumerate(todos, 1)
        yield Plan(at, tuple(todo_of(todo, f"{whose}todo-{n}") for n, todo in listed if isinstance(todo, dict)))
    yield Call(at, block.id, block.name, block.input, question, copy=copy)


def returned(talk: Talk, block: Block, line: Line, at: int) -> Iterator[Step | Item]:
    """Yield the result of a tool call, and what the call did."""
    call = talk.calls.get(block.tool_use_id)
    text = text_in(block.content)
    status = outcome(block, text, line)
    talk.refused = block.tool_use_id if status == "denied" else None
    talk.turn_continues()
    yield Result(at, block.tool_use_id, status, text, text if status == "error" else None)
    if status != "ok" or call is None or not isinstance(call.input, dict) or call.name not in _USED_RESULT:
        return
    result = parse_json(bytes(line.toolUseResult)) if bytes(line.toolUseResult) else None
    result = result if isinstance(result, dict) else {}
    if call.name in ("Agent", "Task"):
        yield from _spawned(talk, call, result, text, at)
    elif call.name == "TaskCreate":
        yield from _task_created(talk, call.input, result, at)
    elif call.name == "Workflow":
        if result.get("status") == "async_launched" and (short := named(result.get("taskId"))) is not None:
            talk.background[short] = "workflow"
    elif call.name == "TaskUpdate":
        yield from _task_updated(talk, call.input, at)
    else:
        yield from _sent(talk, call, result, at)


_USED_RESULT: Final = frozenset({"Agent", "Task", "TaskCreate", "TaskUpdate", "SendMessage", "Workflow"})
"""Tools whose ``toolUseResult`` has more than the text that the model gets."""


def _spawned(talk: Talk, call: Call, result: dict[str, Any], text: str, at: int) -> Iterator[Step | Item]:
    """Yield that an agent was started, and its answer if it has answered already."""
    given = call.input
    short = named(result.get("agentId")) or named(result.get("agent_id")) or named(result.get("teammate_id"))
    if short is None:
        return
    agent = talk.children[short] = talk.source.subagent(talk.session, short)
    name, kind = named(given.get("name")), named(given.get("subagent_type"))
    if name is not None:
        talk.children[name] = agent
    talk.source.parents[agent] = talk.agent
    task = named(given.get("prompt")) or named(given.get("description")) or ""
    yield Spawn(call.at, call.id, short, task, kind)
    yield Evidence(agent, call.at, "given work")
    called = talk.source.name_of(agent, name=name, task=named(given.get("description")), kind=kind)
    yield Record("agents", agent, {"name": called})
    if result.get("isAsync") is True or result.get("status") == "async_launched":
        talk.background[short] = "agent"
    if result.get("status") == "completed":
        talk.returned.add((short, "completed"))
        answer = text_in(msgspec.convert(result.get("content"), list[Part])) if result.get("content") else text
        yield Return(at, short, answer)


def _task_created(talk: Talk, given: dict[str, Any], result: dict[str, Any], at: int) -> Iterator[Step]:
    task = result.get("task")
    if isinstance(task, dict) and (number := task.get("id")) is not None:
        title = named(given.get("subject")) or named(task.get("subject")) or f"task {number}"
        todo = Todo(str(number), title, "pending", named(given.get("description")))
        talk.todos[todo.id] = todo
        yield Plan(at, (todo,), whole=False)


def _task_updated(talk: Talk, given: dict[str, Any], at: int) -> Iterator[Step]:
    number = next((str(given[key]) for key in ("taskId", "id", "task_id") if given.get(key) is not None), None)
    if number is None:
        return
    todo = talk.todos.get(number) or Todo(number, "", "pending")
    blockers, owner = given.get("addBlockedBy"), named(given.get("owner"))
    talk.todos[number] = todo = Todo(
        number,
        named(given.get("subject")) or todo.title,
        named(given.get("status")) or todo.status,
        named(given.get("description")) or todo.description,
        talk.mate(owner) if owner and talk.team else owner or todo.owner,
        tuple(dict.fromkeys([*todo.depends_on, *map(str, blockers if isinstance(blockers, list) else ())])),
    )
    yield Plan(at, (todo,), whole=False)


def _sent(talk: Talk, call: Call, result: dict[str, Any], at: int) -> Iterator[Item]:
    """Yield a message to another agent, which may have been asleep."""
    given = call.input
    message, to = named(given.get("message")), named(given.get("to")) or named(given.get("recipient"))
    resumed = named(result.get("resumedAgentId"))
    if message is None or to is None:
        return
    if resumed is not None:
        talk.returned = {key for key in talk.returned if key[0] != resumed}
    row = talk.children.get(resumed or to) or talk.children.get(to)
    if row is None:
        row = "*" if to in ("*", "all") else talk.mate(resumed or to)
    fields = {"at": at, "sender": talk.agent, "recipient": row, "kind": "message", "text": preview(message)}
    id = f"{talk.session}:{talk.call_row(call.id, at)}>"
    for item in talk.source.add_message(Record("messages", id, {**fields, "session_id": talk.session}), Place.CALL):
        if isinstance(item, Record):
            yield item
