"""Kimi CLI: what follows from the wire of a session, its state and its subagents."""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.kimi import Kimi
from tests.support.transcripts import Home, at, iso, lines, same_however_it_is_fed

SESSION = "5e551011-0000-4000-8000-000000000001"
ORCHARD = md5(b"/home/eva/orchard").hexdigest()
HERE = f"sessions/{ORCHARD}/{SESSION}"
WIRE = f"{HERE}/wire.jsonl"
SCOUT = f"{HERE}/subagents/a1234567"
HEADER = {"type": "metadata", "protocol_version": "1.10"}


def wire(clock: str, kind: str, **payload: Any) -> dict[str, Any]:
    return {"timestamp": at(clock) / 1000, "message": {"type": kind, "payload": payload}}


def prompt(clock: str, text: Any = "Prune the trees.") -> dict[str, Any]:
    return wire(clock, "TurnBegin", user_input=text)


def text(clock: str, said: str) -> dict[str, Any]:
    return wire(clock, "ContentPart", type="text", text=said)


def call(clock: str, id: str, name: str = "Shell", **arguments: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return wire(clock, "ToolCall", type="function", id=id, function=function, extras=None)


def result(clock: str, id: str, output: Any = "done", error: str = "", *display: Any) -> dict[str, Any]:
    value = {"is_error": bool(error), "output": output, "message": error, "display": list(display), "extras": None}
    return wire(clock, "ToolResult", tool_call_id=id, return_value=value)


def used(clock: str, id: str | None = "chatcmpl-1", **counts: int) -> dict[str, Any]:
    usage = {"input_other": 400, "output": 20, "input_cache_read": 600, "input_cache_creation": 0} | counts
    return wire(clock, "StatusUpdate", context_usage=0.1, token_usage=usage, message_id=id, plan_mode=None)


def end(clock: str) -> dict[str, Any]:
    return wire(clock, "TurnEnd")


def asking(clock: str, call: str, id: str = "r1", **more: Any) -> dict[str, Any]:
    record = {"id": id, "tool_call_id": call, "sender": "Shell", "action": "run command", "description": "Run `ls`"}
    return wire(clock, "ApprovalRequest", **record, **more)


def answered(clock: str, response: str, id: str = "r1") -> dict[str, Any]:
    return wire(clock, "ApprovalResponse", request_id=id, response=response, feedback="")


def of_scout(clock: str, event: dict[str, Any], **who: Any) -> dict[str, Any]:
    who = who or {"agent_id": "a1234567", "subagent_type": "explore", "parent_tool_call_id": "Agent:0"}
    return wire(clock, "SubagentEvent", **who, event=event["message"])


def facts(status: str, clock: str) -> bytes:
    record = {"agent_id": "a1234567", "subagent_type": "explore", "status": status, "description": "Count trees"}
    times = {"created_at": at("10:01:10") / 1000, "updated_at": at(clock) / 1000, "last_task_id": None}
    return json.dumps(record | times | {"launch_spec": {"effective_model": "kimi-k2"}}).encode()


def a_home() -> dict[str, bytes]:
    todos = [{"title": "apple", "status": "done"}, {"title": "fig", "status": "pending"}]
    agent = {"description": "Count trees", "prompt": "How many?", "subagent_type": "explore"}
    entries = [
        HEADER,
        prompt("10:01:00", [{"type": "text", "text": "Prune the trees."}]),
        wire("10:01:00", "StepBegin", n=1),
        wire("10:01:01", "ContentPart", type="think", think="Hm.", encrypted=None),
        text("10:01:02", "I look."),
        call("10:01:03", "Shell:0", command="ls"),
        used("10:01:03"),
        asking("10:01:04", "Shell:0"),
        answered("10:01:06", "approve"),
        result("10:01:07", "Shell:0"),
        call("10:01:08", "SetTodoList:1", "SetTodoList", todos=todos),
        result("10:01:08", "SetTodoList:1", "Todo list updated"),
        call("10:01:09", "Agent:0", "Agent", **agent),
        of_scout("10:01:10", prompt("10:01:10", "How many?")),
        of_scout("10:01:20", text("10:01:20", "Two.")),
        result("10:01:21", "Agent:0", "Two."),
        wire("10:01:22", "Notification", id="n1", category="task", severity="warning", title="Late", body="Very."),
        text("10:01:23", "Which one first?"),
        used("10:01:23", "chatcmpl-2"),
        end("10:01:24"),
    ]
    own = [HEADER, prompt("10:01:10", "How many?"), text("10:01:20", "Two."), used("10:01:20", "s1"), end("10:01:20")]
    return {
        "kimi.json": json.dumps({"work_dirs": [{"path": "/home/eva/orchard", "kaos": "local"}]}).encode(),
        f"{HERE}/state.json": json.dumps({"version": 1, "custom_title": "Spring work", "todos": []}).encode(),
        f"{SCOUT}/meta.json": facts("idle", "10:01:21"),
        WIRE: lines(*entries),
        f"{SCOUT}/wire.jsonl": lines(*own),
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "kimi.json").write_text("{}")
    return Home(Kimi, tmp_path)


def the_agent(home: Home, *records: Any) -> Any:
    return home.write(WIRE, lines(*records)).row("agents", SESSION)


@pytest.mark.parametrize("first", ["kimi.json", WIRE])
def test_a_session_knows_where_it_works_and_what_it_was_asked(home: Home, first: str) -> None:
    files = {"kimi.json": a_home()["kimi.json"], WIRE: lines(HEADER, prompt("10:01:00"), text("10:01:05", "Pruned."))}
    home.replace(first, files[first]).read()
    for path, data in files.items():
        home.replace(path, data)
    session, agent = home.row("sessions", SESSION), home.row("agents", SESSION)
    assert (session.project, session.title, session.messages) == ("orchard", "Prune the trees.", 2)
    assert (agent.name, agent.project, agent.source) == ("orchard", "orchard", "kimi")


def test_a_title_that_was_given_stays(home: Home) -> None:
    for path, data in a_home().items():
        home.replace(path, data)
    home.read().write(WIRE, lines(prompt("10:02:00", "More.")))
    assert home.row("sessions", SESSION).title == "Spring work"


def test_prompts_and_answers_are_messages(home: Home) -> None:
    the_agent(home, prompt("10:01:00"), text("10:01:05", "Pruned."), end("10:01:05"))
    messages = [(m.sender, m.recipient, m.kind, m.text) for m in home.rows("messages").values()]
    assert messages == [("user", SESSION, "prompt", "Prune the trees."), (SESSION, "user", "reply", "Pruned.")]


def test_a_tool_that_was_called_keeps_it_working(home: Home) -> None:
    home.now = at("10:02:00")
    agent = the_agent(home, prompt("10:01:00"), call("10:01:05", "Shell:0", command="ls"))
    assert (agent.status, agent.activity, home.only("tool_calls").status) == ("working", "Shell ls", "running")
    agent = the_agent(home, result("10:01:07", "Shell:0"), text("10:01:09", "Two trees."), end("10:01:09"))
    assert (agent.status, home.spans(SESSION)) == ("idle", ["working", "idle"])
    tool = home.only("tool_calls")
    assert (tool.status, tool.output, tool.duration_ms) == ("ok", "done", 2000)


def test_calls_are_counted_anew_in_every_session(home: Home) -> None:
    home.write(WIRE, lines(call("10:01:00", "Shell:0")))
    home.write(f"sessions/{ORCHARD}/other/wire.jsonl", lines(call("10:05:00", "Shell:0")))
    assert len(home.rows("tool_calls")) == 2


def test_permission_is_waited_for_until_it_is_given(home: Home) -> None:
    home.now = at("10:02:00")
    agent = the_agent(
        home, prompt("10:01:00"), call("10:01:05", "Shell:0", command="ls"), asking("10:01:06", "Shell:0")
    )
    assert (agent.status, agent.status_reason) == ("waiting", "permission for Shell ls")
    agent = the_agent(home, answered("10:01:20", "approve_for_session"))
    assert (agent.status, home.spans(SESSION)) == ("working", ["working", "waiting", "working"])


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        ([text("10:01:05", "Which tree?"), end("10:01:05")], "waiting", "a question to you"),
        ([call("10:01:05", "AskUserQuestion:0", "AskUserQuestion")], "waiting", "a question to you"),
        (
            [
                call("10:01:05", "ExitPlanMode:0", "ExitPlanMode"),
                wire(
                    "10:01:06",
                    "QuestionRequest",
                    id="q",
                    tool_call_id="ExitPlanMode:0",
                    questions=[{"question": "Go?"}],
                ),
            ],
            "waiting",
            "Go?",
        ),
        ([call("10:01:05", "Shell:0"), end("10:01:06")], "idle", "interrupted"),
        ([wire("10:01:05", "StepInterrupted"), end("10:01:05")], "failed", "the step was interrupted by an error"),
        (
            [
                call("10:01:05", "Shell:0"),
                asking("10:01:06", "Shell:0"),
                answered("10:01:07", "reject"),
                result("10:01:07", "Shell:0", "", "The tool call is rejected by the user. Stop."),
                end("10:01:08"),
            ],
            "idle",
            "you declined its tools",
        ),
    ],
)
def test_the_last_message_is_the_status(home: Home, last: list[Any], status: str, reason: str) -> None:
    agent = the_agent(home, prompt("10:01:00"), *last)
    assert (agent.status, agent.status_reason) == (status, reason)


def test_tool_results_have_changed_files_and_errors(home: Home) -> None:
    diff = {"type": "diff", "path": "/home/eva/plan.txt", "old_text": "", "new_text": "x"}
    entries = [call("10:01:00", "WriteFile:0", "WriteFile"), result("10:01:01", "WriteFile:0", "", "", diff)]
    entries += [call("10:01:02", "Shell:1"), result("10:01:03", "Shell:1", "", "no such tree")]
    entries += [call("10:01:04", "Shell:2"), result("10:01:05", "Shell:2", "", "It is rejected by the user.")]
    the_agent(home, *entries)
    assert [row.status for row in home.rows("tool_calls").values()] == ["ok", "error", "denied"]
    session = home.row("sessions", SESSION)
    assert (session.tool_calls, session.errors, session.files_changed) == (3, 1, 1)


def test_a_todo_list_is_tasks(home: Home) -> None:
    home.write(WIRE, a_home()[WIRE])
    assert [(t.title, t.status) for t in home.rows("tasks").values()] == [("apple", "completed"), ("fig", "pending")]


def test_answers_are_counted_once_in_forks_too(home: Home) -> None:
    home.write(WIRE, lines(used("10:01:00"), used("10:01:01", "chatcmpl-2")))
    home.write(f"sessions/{ORCHARD}/fork/wire.jsonl", lines(used("10:01:00"), used("10:09:00", "chatcmpl-3")))
    counted = [(s.input_tokens, s.output_tokens, s.cache_read_tokens) for s in home.rows("sessions").values()]
    assert [sum(column) for column in zip(*counted, strict=True)] == [1200, 60, 1800]


def test_a_subagent_has_rows_from_its_own_file(home: Home) -> None:
    for path, data in a_home().items():
        home.write(path, data if path != "kimi.json" else b"")
    scout = home.row("agents", f"{SESSION}/a1234567")
    assert (scout.name, scout.role, scout.model, scout.parent_id) == ("Count trees", "explore", "kimi-k2", SESSION)
    assert (scout.status, scout.output_tokens, scout.session_id) == ("done", 20, SESSION)
    delegated = {
        (m.kind, m.sender, m.recipient, m.text)
        for m in home.rows("messages").values()
        if scout.id in (m.sender, m.recipient)
    }
    asked = ("delegate", SESSION, scout.id, "How many?")
    assert delegated == {asked, ("result", scout.id, SESSION, "Two."), ("reply", scout.id, SESSION, "Two.")}


def test_a_subagent_s_wait_for_permission_is_in_the_session_s_file(home: Home) -> None:
    home.now = at("10:02:00")
    home.write(WIRE, lines(prompt("10:01:00"), call("10:01:01", "Agent:0", "Agent", prompt="How many?")))
    home.write(WIRE, lines(of_scout("10:01:02", prompt("10:01:02")), asking("10:01:03", "x", agent_id="a1234567")))
    home.write(f"{SCOUT}/wire.jsonl", lines(prompt("10:01:02", "How many?"), call("10:01:02", "x")))
    scout = home.row("agents", f"{SESSION}/a1234567")
    assert (scout.status, scout.status_reason) == ("waiting", "permission to Run `ls`")
    home.write(WIRE, lines(answered("10:01:09", "approve")))
    assert home.row("agents", scout.id).status == "working"


def test_subagents_from_before_they_had_wires(home: Home) -> None:
    old = {"task_tool_call_id": "Task:0"}
    entries = [prompt("10:01:00"), call("10:01:01", "Task:0", "Task", description="Count trees", prompt="How many?")]
    entries += [of_scout("10:01:02", call("10:01:02", "Shell:9", command="ls"), **old)]
    entries += [of_scout("10:01:03", result("10:01:03", "Shell:9"), **old), result("10:01:04", "Task:0", "Two.")]
    the_agent(home, *entries)
    scout = home.row("agents", f"{SESSION}/Task:0")
    assert (scout.name, scout.status, scout.tool_calls) == ("Count trees", "done", 1)
    assert {row.agent_id for row in home.rows("tool_calls").values()} == {SESSION, scout.id}


@pytest.mark.parametrize(
    ("word", "status"),
    [("running_background", "working"), ("failed", "failed"), ("killed", "failed"), ("idle", "done")],
)
def test_the_facts_of_a_subagent_have_its_outcome(home: Home, word: str, status: str) -> None:
    home.now = at("10:02:00")
    assert (
        home.write(f"{SCOUT}/meta.json", facts(word, "10:01:30")).row("agents", f"{SESSION}/a1234567").status == status
    )


def test_notifications_are_logs(home: Home) -> None:
    home.write(WIRE, a_home()[WIRE])
    log = home.only("logs")
    assert (log.level, log.logger, log.text, log.agent_id) == ("warning", "task", "Late: Very.", SESSION)


def test_bad_lines_are_skipped_and_unknown_kinds_counted(home: Home) -> None:
    bad = [{"timestamp": 1.0}, wire("10:01:00", "ToolCall", id=7), prompt("10:01:00") | {"timestamp": iso("10:01:00")}]
    home.write(WIRE, b"{no\n\n[1]\n" + lines(*bad, wire("10:01:00", "Harvest"), prompt("10:01:01", "x" * 2_000_000)))
    assert (home.malformed, home.source.unknown) == (4, {"Harvest": 1})
    assert home.row("sessions", SESSION).messages == 2


@pytest.mark.parametrize("seed", range(5))
def test_the_same_rows_however_it_is_fed(tmp_path: Path, seed: int) -> None:
    for name in ("whole", "growing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kimi.json").touch()
    same_however_it_is_fed(Kimi, a_home(), tmp_path, seed)
