"""Gemini CLI: what follows from the chats it records."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.gemini import Gemini
from agent_widget.sources.gemini.records import message_decoder
from tests.support.transcripts import Home, all_recordings, at, iso, lines, recording, same_however_it_is_fed

SESSION = "5e551011-0000-4000-8000-000000000001"
CHAT = "tmp/orchard/chats/session-2026-01-01T10-00-5e551011.jsonl"


def header(clock: str = "10:00:00", session: str = SESSION, kind: str = "main") -> dict[str, Any]:
    times = {"startTime": iso(clock), "lastUpdated": iso(clock)}
    return {"sessionId": session, "projectHash": "0" * 64, **times, "kind": kind}


def prompt(clock: str, text: str = "Prune the trees.", **fields: Any) -> dict[str, Any]:
    return {"id": f"u{clock}", "timestamp": iso(clock), "type": "user", "content": [{"text": text}]} | fields


def answer(clock: str, text: str = "", *calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    tokens = {"input": 1000, "output": 20, "cached": 600, "thoughts": 5, "tool": 7, "total": 1032}
    record = {"id": f"g{clock}", "timestamp": iso(clock), "type": "gemini", "content": text, "tokens": tokens}
    record |= {"model": "gemini-2.5-pro", "thoughts": [{"subject": "Trees", "description": "I look at them."}]}
    return record | ({"toolCalls": list(calls)} if calls else {}) | fields


def call(
    clock: str, id: str, tool: str = "run_shell_command", status: str = "success", **fields: Any
) -> dict[str, Any]:
    returned = [{"functionResponse": {"id": id, "name": tool, "response": {"output": "done"}}}]
    record = {"id": id, "name": tool, "args": {"command": "ls"}, "result": returned, "status": status}
    return record | {"timestamp": iso(clock)} | fields


def info(clock: str, text: str, kind: str = "info") -> dict[str, Any]:
    return {"id": f"i{clock}", "timestamp": iso(clock), "type": kind, "content": text}


def a_home() -> dict[str, bytes]:
    todos = {"todos": [{"description": "apple", "status": "pending"}]}
    entries = [header(), prompt("10:01:00"), answer("10:01:01", "I look.")]
    entries += [answer("10:01:01", "I look.", call("10:01:02", "c1"))]
    entries += [answer("10:01:04", "", call("10:01:05", "c2", "write_todos", args=todos))]
    entries += [{"$set": {"lastUpdated": "2026-01-01T10:02:00.000Z", "summary": "Trees"}}, info("10:02:00", "Hm.")]
    entries += [{"$rewindTo": "u10:01:00"}, prompt("10:03:00"), answer("10:03:01", "Which?")]
    whole = {**header(session="old"), "messages": [prompt("09:00:00"), answer("09:00:01", "Ok.")]}
    child = [header(session="child", kind="subagent"), prompt("10:01:10"), answer("10:01:11", "Two.")]
    return {
        CHAT: lines(*entries),
        "tmp/orchard/chats/session-2026-01-01T09-00-old.json": json.dumps(whole).encode(),
        f"tmp/orchard/chats/{SESSION}/child.jsonl": lines(*child),
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "tmp" / "orchard" / "chats").mkdir(parents=True)
    return Home(Gemini, tmp_path)


def the_agent(home: Home, *records: Any) -> Any:
    return home.write(CHAT, lines(*records)).row("agents", SESSION)


# ---------------------------------------------------------------------------------------------------------------------
# Where it lives


# ---------------------------------------------------------------------------------------------------------------------
# A session


def test_a_session_knows_where_it_works_and_what_it_was_asked(home: Home) -> None:
    home.write(CHAT, lines(header(), prompt("10:01:00"), answer("10:01:05", "Pruned.")))
    session = home.row("sessions", SESSION)
    assert (session.project, session.title, session.model) == ("orchard", "Prune the trees.", "gemini-2.5-pro")
    assert (session.agent_id, session.status, session.messages, session.path) == (SESSION, "idle", 2, CHAT)
    assert (session.started_at, session.updated_at) == (at("10:00:00"), at("10:01:05"))
    agent = home.row("agents", SESSION)
    assert (agent.name, agent.project, agent.source) == ("orchard", "orchard", "gemini")
    messages = [(m.sender, m.recipient, m.kind, m.text) for m in home.rows("messages").values()]
    assert messages == [("user", SESSION, "prompt", "Prune the trees."), (SESSION, "user", "reply", "Pruned.")]


def test_the_program_s_own_first_message_is_no_prompt(home: Home) -> None:
    first = prompt("10:00:00", "<session_context>\nThis is the Gemini CLI.")
    agent = the_agent(home, header(), {"$set": {"messages": [first], "lastUpdated": iso("10:00:00")}})
    assert (agent.status, agent.status_reason) == ("idle", "session started")
    assert home.rows("messages") == {}


def test_a_summary_becomes_the_title(home: Home) -> None:
    home.write(
        CHAT, lines(header(), prompt("10:01:00"), {"$set": {"summary": "Spring work"}}, prompt("10:02:00", "More."))
    )
    assert home.row("sessions", SESSION).title == "Spring work"


def test_what_the_person_typed_is_shown_not_what_became_of_it(home: Home) -> None:
    home.write(
        CHAT, lines(header(), prompt("10:01:00", "@plan.txt: apple, pear", displayContent=[{"text": "@plan.txt"}]))
    )
    assert home.only("messages").text == "@plan.txt"


@pytest.mark.parametrize("first", ["projects", "chat"])
def test_the_list_of_projects_names_a_directory_that_is_a_hash(tmp_path: Path, first: str) -> None:
    directory = sha256(b"/home/eva/orchard").hexdigest()
    chat = f"tmp/{directory}/chats/session-x.jsonl"
    (tmp_path / "tmp" / directory / "chats").mkdir(parents=True)
    home = Home(Gemini, tmp_path)
    projects = json.dumps({"projects": {"/home/eva/orchard": "orchard-2"}}).encode()
    for what in (first, {"projects": "chat", "chat": "projects"}[first]):
        if what == "projects":
            home.replace("projects.json", projects).read()
        else:
            home.write(chat, lines(header(), prompt("10:01:00"))).read()
    assert (home.row("sessions", SESSION).project, home.row("agents", SESSION).name) == ("orchard", "orchard")


def test_without_a_list_the_program_s_first_message_names_the_project(tmp_path: Path) -> None:
    chat = f"tmp/{'ab' * 32}/chats/session-x.jsonl"
    (tmp_path / "tmp" / ("ab" * 32) / "chats").mkdir(parents=True)
    said = "<session_context>\n- **Workspace Directories:**\n  - /home/eva/my orchard\n- **Directory Structure:**\n"
    home = Home(Gemini, tmp_path).write(chat, lines(header(), prompt("10:00:00", said)))
    assert home.row("sessions", SESSION).project == "my orchard"


def test_two_sessions_in_one_file_are_two(home: Home) -> None:
    home.write(CHAT, lines(header(), prompt("10:01:00"), header("10:02:00", "second"), prompt("10:03:00")))
    assert sorted(home.rows("sessions")) == sorted([SESSION, "second"])


# ---------------------------------------------------------------------------------------------------------------------
# Statuses


def test_an_answer_without_text_is_not_the_last(home: Home) -> None:
    home.now = at("10:02:00")
    assert the_agent(home, header(), prompt("10:01:00"), answer("10:01:05")).status == "working"
    assert the_agent(home, answer("10:01:05", "", call("10:01:08", "c1"))).status == "working"
    assert (home.only("tool_calls").status, home.only("tool_calls").duration_ms) == ("ok", 3000)
    returned = {"functionResponse": {"id": "c1", "name": "run_shell_command", "response": {"output": "done"}}}
    assert the_agent(home, prompt("10:01:08", content=[returned])).status == "working"
    assert the_agent(home, answer("10:01:10", "Two trees.")).status == "idle"
    assert home.spans(SESSION) == ["idle", "working", "idle"]
    assert home.row("sessions", SESSION).messages == 2


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        (answer("10:01:05", "Which tree?"), "waiting", "a question to you"),
        (info("10:01:05", "Request cancelled."), "idle", "interrupted"),
        (info("10:01:05", "[API Error: quota]", "error"), "failed", "[API Error: quota]"),
        (
            answer("10:01:05", "", call("10:01:06", "c1", status="cancelled")),
            "idle",
            "you stopped its tools",
        ),
        (
            answer("10:01:05", "", call("10:01:06", "c1", status="awaiting_approval")),
            "waiting",
            "permission for run_shell_command ls",
        ),
        ({"$rewindTo": "u10:01:00"}, "idle", "went back to an earlier message"),
    ],
)
def test_the_last_record_is_the_status(home: Home, last: dict[str, Any], status: str, reason: str) -> None:
    agent = the_agent(home, header(), prompt("10:01:00"), last)
    assert (agent.status, agent.status_reason) == (status, reason)


def test_a_chat_that_is_written_again_after_a_no_says_nothing_twice(home: Home) -> None:
    no = {"response": {"error": "[Operation Cancelled] Reason: User denied execution."}}
    denied = call("10:02:02", "c1", status="cancelled", result=[{"functionResponse": no}])
    told = [header(), prompt("10:01:00"), answer("10:01:01", "Which trees?"), prompt("10:02:00", "All.")]
    told += [answer("10:02:01", "", denied), info("10:02:03", "Request cancelled.")]
    again = {"timestamp": iso("10:02:03"), "tokens": None}
    copies = [prompt("10:02:03", "<session_context>x"), prompt("10:02:03", "Prune the trees.", id="n1")]
    copies += [answer("10:02:03", id="n2", **again, content=[{"text": "Which trees?"}])]
    agent = the_agent(home, *told, *copies, {"$set": {"messages": copies}})
    assert (agent.status, agent.status_reason) == ("idle", "you declined a tool")
    assert home.only("tool_calls").status == "denied"
    assert [m.kind for m in home.rows("messages").values()] == ["prompt", "ask", "prompt"]


def test_an_answer_without_text_calls_something(home: Home) -> None:
    agent = the_agent(home, header(), prompt("10:01:00"), answer("10:01:01"))
    assert (agent.status, agent.status_reason) == ("working", "a tool runs, or waits for permission")


def test_after_a_text_a_tool_may_run_and_a_working_subagent_shows_that_it_does(home: Home) -> None:
    agent = the_agent(home, header(), prompt("10:01:00"), answer("10:01:01", "I ask a helper."))
    assert (agent.status, agent.status_reason) == ("idle", "end of turn, or a tool runs or waits for permission")
    child = [header("10:01:02", "child", "subagent"), prompt("10:01:03", "# Count the trees\n\nAll of them.")]
    home.write(f"tmp/orchard/chats/{SESSION}/child.jsonl", lines(*child))
    assert home.row("agents", f"{SESSION}/child").name == "Count the trees"
    agent = home.row("agents", SESSION)
    assert (agent.status, agent.status_reason) == ("working", "an agent that it started works")
    called = call("10:02:00", "c1", "invoke_agent", agentId="child", args={"agent_name": "generalist"})
    assert the_agent(home, answer("10:01:01", "I ask a helper.", called)).status_reason == "tool result"
    assert [m.kind for m in home.rows("messages").values()] == ["prompt", "delegate", "result"]


def test_other_information_changes_nothing(home: Home) -> None:
    home.now = at("10:02:00")
    said = [info("10:01:05", "Model set to gemini-2.5-flash"), info("10:01:06", "slow", "warning")]
    assert the_agent(home, header(), prompt("10:01:00"), *said).status == "working"


def test_a_shell_command_of_the_person_starts_no_turn(home: Home) -> None:
    ran = "I ran the following shell command:\n```sh\nls\n```\n\nThis produced the following output: apple"
    assert the_agent(home, header(), prompt("10:01:00", ran)).status == "idle"


# ---------------------------------------------------------------------------------------------------------------------
# The last write wins


def test_a_message_that_is_written_again_counts_once(home: Home) -> None:
    again = [answer("10:01:05"), answer("10:01:05", "", call("10:01:08", "c1"))]
    agent = the_agent(home, header(), prompt("10:01:00"), *again, *again, answer("10:01:10", "Two."))
    assert (agent.tool_calls, agent.output_tokens) == (1, 50)
    assert home.row("sessions", SESSION).messages == 2


def test_a_replaced_list_repeats_no_message_and_its_summary_is_no_message(home: Home) -> None:
    entries = [prompt("10:01:00"), answer("10:01:05", "Pruned.")]
    summary = [prompt("10:02:00", "<state_snapshot>all pruned"), answer("10:02:00", "Got it.", tokens=None)]
    agent = the_agent(home, header(), *entries, {"$set": {"messages": [*summary, entries[1]]}})
    assert (agent.status, agent.output_tokens, home.row("sessions", SESSION).messages) == ("idle", 25, 2)


def test_an_older_chat_is_one_document_that_is_rewritten(home: Home) -> None:
    home.now = at("10:02:00")
    path = CHAT.removesuffix("l")
    entries = [prompt("10:01:00"), answer("10:01:05", "", call("10:01:06", "c1"))]
    home.replace(path, json.dumps(header() | {"messages": entries}, indent=2).encode())
    assert home.row("agents", SESSION).status == "working"
    entries.append(answer("10:01:10", "Pruned."))
    home.replace(path, json.dumps(header() | {"messages": entries, "summary": "Spring"}, indent=2).encode())
    assert (home.row("agents", SESSION).status, home.row("agents", SESSION).output_tokens) == ("idle", 50)
    assert (home.row("sessions", SESSION).title, home.row("sessions", SESSION).messages) == ("Spring", 2)

    home.write(CHAT, lines(header(), *entries, prompt("10:01:30", "Thanks.")))  # it was resumed
    session = home.row("sessions", SESSION)
    assert (session.messages, session.tool_calls, session.output_tokens) == (3, 1, 50)
    assert home.row("agents", SESSION).status == "working"


def test_of_a_document_that_is_rewritten_only_what_is_new_is_looked_at(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    class Counting:
        def decode(self, data: bytes) -> Any:
            decoded.append(json.loads(data)["id"])
            return message_decoder.decode(data)

    monkeypatch.setattr("agent_widget.sources.gemini.message_decoder", Counting())
    said = [
        prompt("10:01:00"),
        answer("10:02:00", "Done."),
        prompt("10:03:00"),
        answer("10:04:00", "", call("10:05:00", "c1")),
    ]
    for count in range(1, len(said) + 1):
        home.replace(CHAT.removesuffix("l"), json.dumps({**header(), "messages": said[:count]}).encode()).read()
    assert decoded == [message["id"] for message in said]
    assert home.row("sessions", SESSION)["messages"] == 3


def test_a_document_with_a_message_that_makes_no_sense_is_read_when_it_makes_sense(home: Home) -> None:
    said = [prompt("10:01:00"), {**answer("10:02:00", "Done."), "id": None}]
    home.replace(CHAT.removesuffix("l"), json.dumps({**header(), "messages": said}).encode())
    assert home.rows("sessions") == {}
    home.replace(
        CHAT.removesuffix("l"), json.dumps({**header(), "messages": [said[0], answer("10:02:00", "Done.")]}).encode()
    )
    assert home.row("sessions", SESSION)["messages"] == 2


def test_a_document_that_is_no_chat_is_malformed(home: Home) -> None:
    home.replace(CHAT.removesuffix("l"), b"{}")
    assert home.malformed == 1


# ---------------------------------------------------------------------------------------------------------------------
# Tokens, tools, todos, subagents


def test_input_is_what_did_not_come_from_the_cache_and_thoughts_are_output(home: Home) -> None:
    agent = the_agent(home, header(), answer("10:01:05", "Pruned."))
    assert (agent.input_tokens, agent.output_tokens, agent.cache_read_tokens) == (407, 25, 600)
    assert agent.context_tokens == 1007


def test_a_tool_call_is_a_row_with_what_it_took_and_gave(home: Home) -> None:
    edit = call("10:01:06", "c1", "write_file", args={"file_path": "/home/eva/plan.txt", "content": "x"})
    wrong = [{"functionResponse": {"id": "c2", "response": {"error": "no such tree"}}}]
    fails = call("10:01:07", "c2", status="error", result=wrong)
    home.write(CHAT, lines(header(), answer("10:01:05", "", edit, fails)))
    first, second = home.rows("tool_calls").values()
    assert (first.name, first.status, first.output, first.agent_id) == ("write_file", "ok", "done", SESSION)
    assert (second.status, second.error) == ("error", "no such tree")
    session = home.row("sessions", SESSION)
    assert (session.tool_calls, session.errors, session.files_changed) == (2, 1, 1)


def test_a_command_that_exits_with_1_is_an_error(home: Home) -> None:
    output = "<untrusted_context>\nOutput: no such file\nExit Code: 1\nProcess Group PGID: 7\n</untrusted_context>"
    failed = call("10:01:02", "c1", result=[{"functionResponse": {"response": {"output": output}}}])
    home.write(CHAT, lines(header(), prompt("10:01:00"), answer("10:01:01", "", failed)))
    assert (home.only("tool_calls").status, home.only("tool_calls").error) == ("error", "exit code 1")


def test_a_todo_list_is_tasks_and_what_is_dropped_goes(home: Home) -> None:
    def todos(clock: str, **listed: str) -> dict[str, Any]:
        entries = [{"description": title, "status": status} for title, status in listed.items()]
        return answer(clock, "", call(clock, f"c{clock}", "write_todos", args={"todos": entries}))

    home.write(CHAT, lines(header(), todos("10:01:00", apple="in_progress", pear="pending", fig="pending")))
    assert [task.status for task in home.rows("tasks").values()] == ["in_progress", "pending", "pending"]
    home.write(CHAT, lines(todos("10:02:00", apple="completed", pear="blocked")))
    tasks = {task.title: task.status for task in home.rows("tasks").values()}
    assert tasks == {"apple": "completed", "pear": "blocked"}


@pytest.mark.parametrize("first", ["chat", "tracker"])
def test_a_task_of_the_tracker_has_its_file_s_fields_and_its_calls_times(home: Home, first: str) -> None:
    def track(id: str, **fields: Any) -> None:
        task = {
            "id": id,
            "title": id.upper(),
            "description": "",
            "type": "task",
            "status": "open",
            "dependencies": [],
        }
        home.replace(f"tmp/orchard/{SESSION}/tracker/{id}.json", json.dumps(task | fields).encode())
        home.read()

    def made(clock: str, id: str) -> dict[str, Any]:
        returned = [{"functionResponse": {"response": {"output": f"Created task {id}: {id.upper()}"}}}]
        arguments = {"title": id.upper(), "description": "", "type": "task"}
        return answer(clock, "", call(clock, f"c{clock}", "tracker_create_task", args=arguments, result=returned))

    def changed(clock: str, id: str, status: str) -> dict[str, Any]:
        arguments = {"id": id, "status": status}
        return answer(clock, "", call(clock, f"c{clock}", "tracker_update_task", args=arguments))

    chat = lines(header(), made("10:01:00", "aaaaaa"), made("10:01:01", "bbbbbb"))
    if first == "chat":
        home.write(CHAT, chat).read()
    track("aaaaaa", type="epic")
    track("bbbbbb", parentId="aaaaaa", dependencies=["cccccc"], status="blocked", description="Prune it")
    if first == "tracker":
        home.write(CHAT, chat)
    epic, task = home.row("tasks", f"{SESSION}:aaaaaa"), home.row("tasks", f"{SESSION}:bbbbbb")
    assert (epic.title, epic.status, epic.tags, epic.parent_id, epic.depends_on) == (
        "AAAAAA",
        "pending",
        ["epic"],
        None,
        [],
    )
    assert (task.status, task.description, task.parent_id) == ("blocked", "Prune it", epic.id)
    assert (task.depends_on, task.owner, task.session_id) == ([f"{SESSION}:cccccc"], SESSION, SESSION)
    assert [epic.created_at, task.created_at] == [at("10:01:00"), at("10:01:01")]

    track("aaaaaa", type="epic", status="closed")
    home.write(CHAT, lines(changed("10:02:00", "aaaaaa", "in_progress"), changed("10:03:00", "aaaaaa", "closed")))
    epic = home.row("tasks", epic.id)
    assert (epic.status, epic.progress) == ("completed", 1.0)
    assert (epic.started_at, epic.completed_at, epic.updated_at) == (at("10:02:00"), at("10:03:00"), at("10:03:00"))
    home.write(CHAT, lines(changed("10:04:00", "dddddd", "closed")))
    assert len(home.rows("tasks")) == 2  # without a file nobody knows what it is


@pytest.mark.parametrize("first", ["parent", "child"])
def test_a_subagent_belongs_to_the_session_in_whose_directory_it_is(home: Home, first: str) -> None:
    asked = call("10:02:00", "c1", "scout", agentId="a1b2c3", args={"objective": "Count the trees."})
    parent = lines(header(), prompt("10:01:00"), answer("10:01:05", "", asked), answer("10:02:05", "Two."))
    done = call("10:01:50", "c9", "complete_task")
    child = lines(header("10:01:10", "a1b2c3", "subagent"), prompt("10:01:10", "Count."), answer("10:01:40", "", done))
    files = {"parent": (CHAT, parent), "child": (f"tmp/orchard/chats/{SESSION}/a1b2c3.jsonl", child)}
    home.write(*files[first]).read()
    home.write(*files[{"parent": "child", "child": "parent"}[first]])
    scout = home.row("agents", f"{SESSION}/a1b2c3")
    assert (scout.parent_id, scout.session_id, scout.role, scout.status) == (SESSION, SESSION, "scout", "done")
    assert (scout.tool_calls, scout.output_tokens, home.row("sessions", SESSION).output_tokens) == (1, 25, 75)
    messages = {(m.sender, m.recipient, m.kind, m.text) for m in home.rows("messages").values()}
    assert (SESSION, scout.id, "delegate", "Count the trees.") in messages
    assert (scout.id, SESSION, "result", "done") in messages
    assert list(home.rows("sessions")) == [SESSION]


# ---------------------------------------------------------------------------------------------------------------------
# Anything else


def test_unknown_kinds_are_counted_and_break_nothing(home: Home) -> None:
    strange = [info("10:01:00", "?", "harvest"), {"$apples": 7}]
    assert the_agent(home, header(), *strange, prompt("10:02:00", apples=[1])).session_id == SESSION
    assert home.source.unknown == {"message/harvest": 1, "line": 1}
    assert home.malformed == 0


def test_bad_lines_are_skipped_and_counted(home: Home) -> None:
    home.write(CHAT, lines(header()) + b"{no\n\n[1]\n" + lines({"id": "x"}, prompt("10:01:00", timestamp="never")))
    home.write(CHAT, lines(prompt("10:01:00", "x" * 2_000_000)))
    assert (home.malformed, home.source.unknown) == (3, {"time that makes no sense": 1})
    assert home.row("sessions", SESSION).messages == 1


def test_an_empty_file_makes_no_rows(home: Home) -> None:
    home.write(CHAT, b"")
    assert not any(home.tables.values())


# ---------------------------------------------------------------------------------------------------------------------
# Real recordings


def test_every_recorded_line_is_known(tmp_path: Path) -> None:
    sessions = 0
    for name, data in all_recordings("gemini-cli"):
        (tmp_path / name / "tmp" / "x" / "chats").mkdir(parents=True)
        home = Home(Gemini, tmp_path / name, now=1_800_000_000_000).write("tmp/x/chats/session-1.jsonl", data)
        sessions += len(home.rows("sessions"))
        assert (home.malformed, dict(home.source.unknown)) == (0, {})
        assert {agent.status for agent in home.rows("agents").values()} <= {"idle", "waiting", "unknown", "offline"}
    assert sessions == 21


def test_a_recorded_list_of_todos_is_three_tasks_that_were_done(tmp_path: Path) -> None:
    (tmp_path / "tmp" / "x" / "chats").mkdir(parents=True)
    home = Home(Gemini, tmp_path).write("tmp/x/chats/session-1.jsonl", recording("gemini-cli", "2-3_"))
    tasks = list(home.rows("tasks").values())
    assert len(tasks) == 3
    assert {task.status for task in tasks} == {"completed"}


@pytest.mark.parametrize("seed", range(3))
def test_a_recording_reads_the_same_however_it_is_fed(tmp_path: Path, seed: int) -> None:
    case = ("2-3_", "1-5_", "2-7_")[seed]
    same_however_it_is_fed(Gemini, {CHAT: recording("gemini-cli", case)}, tmp_path, seed)
