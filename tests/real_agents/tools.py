"""What each agent calls the tools that scripts name by kind, and what it wants to be given."""

from __future__ import annotations

import re
from typing import Any, Final

from .scripts import Turns

Tools = dict[str, dict[str, Any]]
"""Name of a tool that a request offers → JSON schema of its parameters."""
Calls = list[tuple[str, Any]]
"""Names of tools, and what they are given: an object, or a text for a tool of free form."""

HOME: Final = "/home/ann/shop"


def calls(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    """Return the calls that a step means to an agent; none if it has no tool for it."""
    make = _KINDS.get(step["kind"])
    return make(agent, tools, step, turns) if make is not None else []


def _first(tools: Tools, *names: str) -> str | None:
    return next((name for name in names if name in tools), None)


def _fields(tools: Tools, name: str | None) -> dict[str, Any]:
    return (tools.get(name or "") or {}).get("properties") or {}


def _shell(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    names = ("exec_command", "shell_command", "shell", "Bash", "bash", "run_shell_command", "Shell")
    name, command = _first(tools, *names), step["command"]
    if name is None:
        return []
    if agent in ("claude", "qwen"):  # they refuse to run sleep
        command = re.sub(r"sleep (\d+)", r"python3 -c 'import time; time.sleep(\1)'", command)
    fields = _fields(tools, name)
    if "cmd" in fields:
        given: dict[str, Any] = {"cmd": command}
    else:
        listed = fields.get("command", {}).get("type") == "array"
        given = {"command": ["bash", "-lc", command] if listed else command}
    known = {"yield_time_ms": 10_000, "description": "Work in the shop", "is_background": False}
    given |= {field: value for field, value in known.items() if field in fields}
    if agent == "codex" and "sandbox_permissions" in fields and step.get("asks", True):
        given |= {"sandbox_permissions": "require_escalated", "justification": "May I work in the shop?"}
    return [(name, given)]


def _path(fields: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    field = next((field for field in ("file_path", "filePath", "path") if field in fields), "path")
    return {field: f"{HOME}/{step['path']}"}


def _patch(tools: Tools, lines: list[str]) -> Calls:
    text = "\n".join(["*** Begin Patch", *lines, "*** End Patch", ""])
    fields = _fields(tools, "apply_patch")
    free = tools["apply_patch"].get("_type") == "custom"
    return [("apply_patch", text if free else {"patchText" if "patchText" in fields else "input": text})]


def _write(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    if name := _first(tools, "Write", "write", "write_file", "create", "WriteFile"):
        fields = _fields(tools, name)
        return [(name, _path(fields, step) | {"file_text" if "file_text" in fields else "content": step["text"]})]
    if "apply_patch" in tools:
        return _patch(tools, [f"*** Add File: {step['path']}", *(f"+{line}" for line in step["text"].splitlines())])
    command = f"printf %s '{step['text'].strip()}' > {step['path']}"
    return _shell(agent, tools, {"command": command, "asks": False}, turns)


def _edit(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    old, new = step["old"], step["new"]
    if name := _first(tools, "Edit", "edit", "replace", "str_replace", "StrReplaceFile", "edit_file"):
        fields = _fields(tools, name)
        given = _path(fields, step)
        if "edits" in fields:
            given["edits"] = [{"oldText": old, "newText": new}]
        elif "edit" in fields:
            given["edit"] = {"old": old, "new": new}
        else:
            pairs = (
                ("oldText", "newText"),
                ("oldString", "newString"),
                ("old_str", "new_str"),
                ("old_string", "new_string"),
            )
            before, after = next((pair for pair in pairs if pair[0] in fields), pairs[-1])
            given |= {before: old, after: new}
        return [(name, given | ({"instruction": "Round the last price"} if "instruction" in fields else {}))]
    if "apply_patch" in tools:
        line = "PRICES = [1.005, 2.5, {}]"
        changed = [f"-{line.format(old)}", f"+{line.format(new)}"]
        return _patch(tools, [f"*** Update File: {step['path']}", "@@", *changed])
    return _shell(agent, tools, {"command": f"sed -i s/{old}/{new}/ {step['path']}", "asks": False}, turns)


def _todo(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    items = step["items"]

    def listed(title: str, **more: str) -> list[dict[str, Any]]:
        numbered = enumerate(items, 1)
        known = [({title: i["title"], "status": i["status"]}, str(n), i["title"]) for n, i in numbered]
        fixed = {"id": lambda n, text: n, "activeForm": lambda n, text: text, "priority": lambda n, text: "medium"}
        return [entry | {field: fixed[field](n, text) for field in more} for entry, n, text in known]

    done = {"completed": "done"}
    shapes: dict[str, Any] = {
        "update_plan": lambda: {"plan": listed("step")},
        "TodoWrite": lambda: {"todos": listed("content", activeForm="")},
        "todowrite": lambda: {"todos": listed("content", id="", priority="")},
        "todo_write": lambda: {"todos": listed("content", id="")},
        "write_todos": lambda: {"todos": listed("description")},
        "SetTodoList": lambda: {"todos": [e | {"status": done.get(e["status"], e["status"])} for e in listed("title")]},
        "TodoList": lambda: {"todos": [e | {"status": done.get(e["status"], e["status"])} for e in listed("title")]},
        "update_todo": lambda: {
            "todos": "\n".join(f"- [{'x' if i['status'] == 'completed' else ' '}] {i['title']}" for i in items)
        },
    }
    if name := _first(tools, *shapes):
        return [(name, shapes[name]())]
    if "TaskCreate" in tools:
        if not any("created successfully" in text for kind, text in turns if kind == "result"):
            return [("TaskCreate", {"subject": i["title"], "description": f"{i['title']} of the shop"}) for i in items]
        return [("TaskUpdate", {"taskId": str(n), "status": i["status"]}) for n, i in enumerate(items, 1)]
    if "sql" in tools:
        rows = [
            f"INSERT OR REPLACE INTO todos (id, title, description, status) VALUES ('t{n}', '{i['title']}', '', "
            f"'{done.get(i['status'], i['status'])}');"
            for n, i in enumerate(items, 1)
        ]
        return [("sql", {"description": "Plan the work", "query": "\n".join(rows)})]
    return []


def _ask(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    names = ("AskUserQuestion", "ask_user_question", "request_user_input", "question", "AskUser", "ask_user")
    name = _first(tools, *names)
    if name is None:
        return []
    fields = _fields(tools, name)
    if "requestedSchema" in fields:
        currency = {"type": "string", "enum": step["options"]}
        return [
            (
                name,
                {
                    "message": step["question"],
                    "requestedSchema": {"properties": {"currency": currency}, "required": ["currency"]},
                },
            )
        ]
    if "questions" not in fields:
        return [(name, {"question": step["question"], "choices": step["options"]})]
    options = [{"label": option, "description": option} for option in step["options"]]
    question = {"question": step["question"], "header": "Currency", "options": options}
    more: dict[str, dict[str, Any]] = {
        "AskUserQuestion": {"multiSelect": False},
        "ask_user_question": {"multiSelect": False},
        "request_user_input": {"id": "currency"},
        "ask_user": {"type": "choice"},
    }
    return [(name, {"questions": [question | more.get(name, {})]})]


def _agent(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    prompt = step["prompt"]
    if name := _first(tools, "Agent", "Task", "task", "agent"):
        fields = _fields(tools, name)
        kinds = (fields.get("subagent_type") or {}).get("enum")
        usual = {"claude": "general-purpose", "qwen": "general-purpose", "kimi": "coder"}.get(agent, "general")
        known: dict[str, Any] = {
            "description": "Count the tests",
            "subagent_type": kinds[0] if kinds else usual,
            "subagent_name": "coder",
            "agent_type": "general-purpose",
            **({"name": "counter", "mode": "sync"} if agent == "copilot" else {}),
        }
        return [(name, {"prompt": prompt} | {field: value for field, value in known.items() if field in fields})]
    if "spawn_agent" in tools:
        more = {"task_name": "count_tests"} if "task_name" in _fields(tools, "spawn_agent") else {}
        return [("spawn_agent", {"message": prompt, **more})]
    if "invoke_agent" in tools:
        return [("invoke_agent", {"agent_name": "generalist", "prompt": prompt})]
    return []


def _wait(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    name = _first(tools, "wait_agent", "wait")
    if name is None:
        return []
    fields = _fields(tools, name)
    results = "".join(text for kind, text in turns if kind == "result")
    ids = re.findall(r'"agent_id"\s*:\s*"([^"]+)"', results)
    target = next((field for field in ("targets", "ids") if field in fields), None)
    return [(name, {"timeout_ms": 30_000, **({target: ids} if target else {})})]


def _unknown(agent: str, tools: Tools, step: dict[str, Any], turns: Turns) -> Calls:
    return [("no_such_tool", {"x": 1})]


_KINDS: Final = {
    "shell": _shell,
    "write": _write,
    "edit": _edit,
    "todo": _todo,
    "ask": _ask,
    "agent": _agent,
    "wait": _wait,
    "unknown": _unknown,
}
