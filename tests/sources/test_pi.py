"""Pi: what follows from its session files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.pi import Pi
from tests.support.transcripts import Home, all_recordings, at, iso, lines, recording, same_however_it_is_fed

SESSION = "5e551011-0000-7000-8000-000000000001"
FILE = f"sessions/--home-eva-orchard--/2026-01-01T10-00-00-000Z_{SESSION}.jsonl"


def header(clock: str = "10:00:00", id: str = SESSION, **fields: Any) -> dict[str, Any]:
    return {"type": "session", "version": 3, "id": id, "timestamp": iso(clock), "cwd": "/home/eva/orchard"} | fields


def entry(kind: str, clock: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "id": clock.replace(":", "") + "ab", "parentId": None, "timestamp": iso(clock)} | fields


def message(clock: str, role: str, **fields: Any) -> dict[str, Any]:
    return entry("message", clock, message={"role": role, "timestamp": at(clock)} | fields)


def prompt(clock: str, text: str = "Prune the trees.") -> dict[str, Any]:
    return message(clock, "user", content=[{"type": "text", "text": text}])


def answer(clock: str, text: str, stop: str = "stop", *calls: dict[str, Any], cost: float = 0.25, **fields: Any) -> Any:
    usage = {"input": 100, "output": 20, "cacheRead": 600, "cacheWrite": 30, "totalTokens": 750}
    usage |= {"cost": {"input": 0.1, "output": 0.15, "total": cost}}
    content = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": text}, *calls]
    record = {"model": "gpt-5.5", "provider": "openai-codex", "usage": usage, "stopReason": stop} | fields
    return message(clock, "assistant", content=content, **record)


def call(id: str, tool: str = "bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "toolCall", "id": id, "name": tool, "arguments": arguments}


def result(clock: str, id: str, text: str = "done", error: bool = False) -> dict[str, Any]:
    return message(
        clock, "toolResult", toolCallId=id, toolName="bash", content=[{"type": "text", "text": text}], isError=error
    )


def a_home() -> dict[str, bytes]:
    entries = [
        header(),
        prompt("10:01:00"),
        answer("10:01:01", "I look.", "toolUse", call("c1", command="ls")),
    ]
    entries += [
        result("10:01:02", "c1"),
        answer("10:01:03", "Two?"),
        entry("session_info", "10:02:00", name="T"),
    ]
    entries += [message("10:03:00", "bashExecution", command="ls", output="a", exitCode=0)]
    entries += [
        entry("model_change", "10:03:01", modelId="m"),
        answer("10:03:02", "", "error", errorMessage="no"),
    ]
    return {FILE: lines(*entries)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "sessions" / "--home-eva-orchard--").mkdir(parents=True)
    return Home(Pi, tmp_path)


def the_agent(home: Home, *entries: Any) -> Any:
    return home.write(FILE, lines(*entries)).row("agents", SESSION)


# ---------------------------------------------------------------------------------------------------------------------
# A session


def test_a_session_knows_where_it_works_and_what_it_was_asked(home: Home) -> None:
    home.write(FILE, lines(header(), prompt("10:01:00"), answer("10:01:05", "Pruned.")))
    session = home.row("sessions", SESSION)
    assert (session.project, session.title, session.model) == ("orchard", "Prune the trees.", "gpt-5.5")
    assert (session.agent_id, session.status, session.messages, session.path) == (SESSION, "idle", 2, FILE)
    assert (session.started_at, session.updated_at) == (at("10:00:00"), at("10:01:05"))
    agent = home.row("agents", SESSION)
    assert (agent.name, agent.project, agent.source) == ("orchard", "orchard", "pi")
    messages = [(m.sender, m.recipient, m.kind, m.text) for m in home.rows("messages").values()]
    assert messages == [("user", SESSION, "prompt", "Prune the trees."), (SESSION, "user", "reply", "Pruned.")]


def test_a_name_that_was_given_is_the_title(home: Home) -> None:
    named = entry("session_info", "10:00:30", name="Spring work")
    home.write(FILE, lines(header(), named, prompt("10:01:00")))
    assert home.row("sessions", SESSION).title == "Spring work"
    home.write(FILE, lines(entry("session_info", "10:02:00", name="Late spring")))
    assert home.row("sessions", SESSION).title == "Late spring"


def test_the_model_can_be_changed(home: Home) -> None:
    assert the_agent(home, header(), entry("model_change", "10:00:10", modelId="gpt-5.4-mini")).model == "gpt-5.4-mini"


def test_two_sessions_in_one_file_are_two(home: Home) -> None:
    home.write(FILE, lines(header(), prompt("10:01:00"), header("10:02:00", "second"), prompt("10:03:00")))
    assert sorted(home.rows("sessions")) == sorted([SESSION, "second"])


def test_entries_of_the_first_version_have_no_ids(home: Home) -> None:
    old = prompt("10:01:00")
    del old["id"]
    del old["parentId"]
    home.write(FILE, lines(header(version=1), old, old | {"timestamp": iso("10:02:00")}))
    assert len(home.rows("messages")) == 2


# ---------------------------------------------------------------------------------------------------------------------
# Statuses


@pytest.mark.parametrize(
    ("stop", "text", "fields", "status", "reason"),
    [
        ("stop", "Pruned.", {}, "idle", "end of turn"),
        ("stop", "Which tree?", {}, "waiting", "a question to you"),
        ("length", "So many", {}, "idle", "the answer was cut off: too long"),
        ("aborted", "", {}, "idle", "interrupted"),
        ("error", "", {"errorMessage": "429 quota"}, "failed", "429 quota"),
    ],
)
def test_how_an_answer_ended_is_the_status(
    home: Home, stop: str, text: str, fields: dict[str, Any], status: str, reason: str
) -> None:
    agent = the_agent(home, header(), prompt("10:01:00"), answer("10:01:05", text, stop, **fields))
    assert (agent.status, agent.status_reason) == (status, reason)


def test_a_session_that_was_only_started_is_idle(home: Home) -> None:
    assert the_agent(home, header()).status == "idle"


def test_a_tool_that_was_called_keeps_it_working(home: Home) -> None:
    home.now = at("10:02:00")
    entries = [header(), prompt("10:01:00"), answer("10:01:05", "I look.", "toolUse", call("c1", command="ls"))]
    agent = the_agent(home, *entries)
    assert (agent.status, agent.activity) == ("working", "bash ls")
    assert agent.status_reason == "tool call bash pending: it runs, or waits for permission"
    assert home.only("tool_calls").status == "running"
    assert the_agent(home, result("10:01:07", "c1"), answer("10:01:09", "Two.")).status == "idle"
    assert home.spans(SESSION) == ["idle", "working", "idle"]


def test_an_interruption_leaves_no_call_running(home: Home) -> None:
    home.write(FILE, lines(header(), prompt("10:01:00"), answer("10:01:05", "", "toolUse", call("c1"))))
    home.write(FILE, lines(answer("10:01:09", "", "aborted")))
    assert home.only("tool_calls").status == "cancelled"
    assert home.row("agents", SESSION).status == "idle"


def test_a_command_that_the_person_stopped_is_cancelled_and_no_error(home: Home) -> None:
    stopped = message(
        "10:01:08", "toolResult", toolCallId="c1", content=[{"type": "text", "text": "Command aborted"}], isError=True
    )
    told = [prompt("10:01:00"), answer("10:01:05", "", "toolUse", call("c1")), stopped]
    home.write(FILE, lines(header(), *told, answer("10:01:09", "", "aborted")))
    assert home.only("tool_calls").status == "cancelled"


def test_a_command_of_the_person_does_not_leave_the_agent_working(home: Home) -> None:
    ran = message("10:01:00", "bashExecution", command="ls", output="apple", exitCode=0, cancelled=False)
    assert the_agent(home, header(), ran).status == "idle"
    assert (home.only("tool_calls").name, home.only("tool_calls").output) == ("bash", "apple")


# ---------------------------------------------------------------------------------------------------------------------
# Tokens and tools


def test_tokens_and_cost_are_those_that_pi_states(home: Home) -> None:
    agent = the_agent(home, header(), prompt("10:01:00"), answer("10:01:05", "One."), answer("10:02:05", "Two."))
    assert (agent.input_tokens, agent.output_tokens, agent.cache_read_tokens, agent.cache_write_tokens) == (
        200,
        40,
        1200,
        60,
    )
    assert (agent.cost_usd, agent.context_tokens) == (0.5, 730)
    assert home.row("sessions", SESSION).cost_usd == 0.5


def test_a_cost_of_nothing_is_unknown(home: Home) -> None:
    assert the_agent(home, header(), answer("10:01:05", "One.", cost=0)).cost_usd is None


def test_what_the_program_says_to_the_model_is_known_and_says_nothing(home: Home) -> None:
    system = message("10:00:01", "system", content="", sections={"preamble": "You are an agent."})
    edit = entry("context_edit", "10:01:02", targetId="a", replacement=None)
    assert the_agent(home, header(), system, prompt("10:01:00"), answer("10:01:05", "One."), edit).status == "idle"
    assert dict(home.source.unknown) == {}


def test_a_branched_session_repeats_nothing(home: Home) -> None:
    entries = [prompt("10:01:00"), answer("10:01:05", "I look.", "toolUse", call("c1")), result("10:01:06", "c1")]
    branch = header("11:00:00", "branch", parentSession=f"/home/eva/.pi/agent/{FILE}")
    home.write(
        "sessions/--x--/2026-01-01T11-00-00-000Z_branch.jsonl", lines(branch, *entries, answer("11:01:00", "Else."))
    ).write(FILE, lines(header(), *entries, answer("10:01:07", "Pruned.")))
    first, second = home.row("sessions", SESSION), home.row("sessions", "branch")
    assert second.parent_id == SESSION
    assert (first.output_tokens, second.output_tokens) == (40, 20)
    assert [row.session_id for row in home.rows("tool_calls").values()] == [SESSION]
    assert (first.messages, second.messages) == (3, 1)


def test_a_branch_is_told_in_full_if_its_origin_is_gone(home: Home) -> None:
    told = [prompt("10:01:00", "prune the trees"), answer("10:01:05", "I look.", "toolUse", call("c1"))]
    branch = header("11:00:00", "branch", parentSession=f"/home/eva/.pi/agent/{FILE}")
    home.write("sessions/--x--/2026-01-01T11-00-00-000Z_branch.jsonl", lines(branch, *told))
    session = home.row("sessions", "branch")
    assert (session.title, session.messages, session.output_tokens) == ("prune the trees", 2, 20)
    assert len(home.rows("tool_calls")) == 1


def test_a_summary_is_paid_beside_the_conversation(home: Home) -> None:
    summary = {
        "type": "compaction",
        "id": "k1",
        "timestamp": "2026-01-01T10:02:00.000Z",
        "usage": {"input": 90_000, "output": 2_000, "cost": {"total": 0.3}},
    }
    agent = the_agent(home, header(), answer("10:01:05", "One.", cost=0.1), summary)
    assert agent.cost_usd == pytest.approx(0.4)
    assert agent.input_tokens > 90_000 > agent.context_tokens


def test_a_subagents_session_below_the_session_that_ran_it_is_its_own_agent(home: Home) -> None:
    below = FILE.removesuffix(".jsonl") + "/run1/run-0/session.jsonl"
    run = header("10:00:04", "sub", parentSession=f"../{FILE.rpartition('/')[2]}")
    home.write(FILE, lines(header(), prompt("10:00:01"), answer("10:00:02", "One.")))
    home.write(below, lines(run, prompt("10:00:04"), answer("10:00:05", "Two.")))
    home.write(below.replace("session.jsonl", "run-1/session.jsonl"), lines({**run, "id": "deep"}, prompt("10:00:06")))
    subagent = home.row("agents", f"{SESSION}/sub")
    assert (subagent.parent_id, subagent.name, subagent.output_tokens) == (SESSION, "Prune the trees.", 20)
    assert home.row("agents", f"{SESSION}/deep").parent_id == SESSION
    assert [row.output_tokens for row in home.rows("sessions").values()] == [40]


def test_a_tool_call_is_a_row_with_what_it_took_and_gave(home: Home) -> None:
    edit, fails = call("c1", "edit", path="plan.txt", oldText="a"), call("c2", command="prune")
    home.write(FILE, lines(header(), answer("10:01:00", "", "toolUse", edit, fails)))
    home.write(
        FILE, lines(result("10:01:02.500", "c1", "edited"), result("10:01:03", "c2", "no such tree", error=True))
    )
    first, second = home.rows("tool_calls").values()
    assert (first.name, first.status, first.output, first.duration_ms) == ("edit", "ok", "edited", 2500)
    assert (second.status, second.error) == ("error", "no such tree")
    session = home.row("sessions", SESSION)
    assert (session.tool_calls, session.errors, session.files_changed) == (2, 1, 1)


def test_calls_with_repeated_numbers_are_distinguished(home: Home) -> None:
    home.write(FILE, lines(header(), answer("10:01:00", "", "toolUse", call("functions.bash:0"))))
    home.write(
        "sessions/--x--/t_other.jsonl",
        lines(header(id="other"), answer("10:01:00", "", "toolUse", call("functions.bash:0"))),
    )
    assert len(home.rows("tool_calls")) == 2


# ---------------------------------------------------------------------------------------------------------------------
# Anything else


def test_unknown_kinds_are_counted_and_break_nothing(home: Home) -> None:
    the_agent(home, header(), entry("harvest", "10:01:00"), message("10:01:01", "gardener"), prompt("10:02:00"))
    assert home.source.unknown == {"harvest": 1, "message/gardener": 1}
    assert home.malformed == 0


def test_bad_lines_are_skipped_and_counted(home: Home) -> None:
    home.write(FILE, lines(header()) + b"{no\n\n[1]\n" + lines({"type": "message"}, entry("message", "never")))
    home.write(FILE, lines(prompt("10:01:00", "x" * 2_000_000)))
    assert (home.malformed, home.source.unknown) == (2, {"message": 1, "time that makes no sense": 1})
    assert home.row("sessions", SESSION).messages == 1


def test_an_empty_file_makes_no_rows(home: Home) -> None:
    home.write(FILE, b"")
    assert not any(home.tables.values())


def test_times_that_go_back_do_not_change_what_came_last(home: Home) -> None:
    assert the_agent(home, header(), prompt("10:05:00"), answer("10:01:05", "Pruned.")).status == "idle"


# ---------------------------------------------------------------------------------------------------------------------
# Real recordings


def test_every_recorded_entry_is_known(tmp_path: Path) -> None:
    sessions = 0
    for name, data in all_recordings("pi"):
        (tmp_path / name / "sessions" / "--x--").mkdir(parents=True)
        home = Home(Pi, tmp_path / name, now=1_800_000_000_000).write("sessions/--x--/s.jsonl", data)
        sessions += len(home.rows("sessions"))
        assert (home.malformed, dict(home.source.unknown)) == (0, {})
    assert sessions == 19


def test_a_recorded_session_costs_the_sum_of_its_answers(tmp_path: Path) -> None:
    (tmp_path / "sessions" / "--x--").mkdir(parents=True)
    home = Home(Pi, tmp_path).write("sessions/--x--/s.jsonl", recording("pi", "5-1_"))
    session = home.only("sessions")
    # three answers of 7485, 7486 and 7502 tokens, added up by hand
    assert (session.input_tokens, session.output_tokens, session.cache_read_tokens) == (7465 + 313 + 329, 30, 14336)
    assert session.cost_usd == pytest.approx(0.037925 + 0.005299 + 0.005379)


@pytest.mark.parametrize("seed", range(3))
def test_a_recording_reads_the_same_however_it_is_fed(tmp_path: Path, seed: int) -> None:
    case = ("4-1_", "1-5_", "full-lifecycle")[seed]
    same_however_it_is_fed(Pi, {FILE: recording("pi", case)}, tmp_path, seed)


@pytest.mark.parametrize("cost", [1e308, -1.0])
def test_a_cost_that_is_none_is_not_known_and_the_answer_stays(home: Home, cost: float) -> None:
    home.write(FILE, lines(header(), prompt("10:01:00"), answer("10:01:05", "One.", cost=cost)))
    assert (home.malformed, home.row("sessions", SESSION).cost_usd) == (0, None)
    assert [row["text"] for row in home.rows("messages").values() if row["kind"] == "reply"] == ["One."]


def test_a_run_below_a_session_that_is_gone_is_told_as_the_conversation_it_is(tmp_path: Path) -> None:
    below = FILE.removesuffix(".jsonl")
    run = lines(header(id="5e551011-0000-7000-8000-00000000000a"), prompt("10:01:00"), answer("10:01:05", "Pruned."))
    home = Home(Pi, tmp_path).write(f"{below}/scout/run-0/session.jsonl", run)
    session = home.only("sessions")
    assert (session.title, session.status, session.model) == ("Prune the trees.", "idle", "gpt-5.5")
    assert session.agent_id == f"{SESSION}/5e551011-0000-7000-8000-00000000000a"
    assert [row.kind for row in home.rows("messages").values()] == ["prompt", "reply"]
    home.write(FILE, lines(header(), prompt("10:00:30", "Prune all.")))
    session = home.only("sessions")
    assert (session.title, session.agent_id) == ("Prune all.", SESSION)
    assert [row.text for row in home.rows("messages").values() if row.kind == "prompt"] == ["Prune all."]
