"""Kimi Code: what follows from the lines of its wire files, and what was recorded against what is known of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.kimi_code import KimiCode
from tests.recordings.regrown import Regrown, regrow
from tests.recordings.test_recordings import HERE
from tests.support.collecting import lookup
from tests.support.transcripts import Home, at, lines, same_however_it_is_fed

SESSION = "session_5e551011-0000-4000-8000-000000000001"
PLACE = f"sessions/wd_orchard_1a2b3c4d5e6f/{SESSION}"
FILE = f"{PLACE}/agents/main/wire.jsonl"
HELPER = f"{PLACE}/agents/agent-0/wire.jsonl"
STATE = f"{PLACE}/state.json"
ORCHARD = {"cwd": "/home/eva/orchard"}


def header(version: str = "1.5") -> dict[str, Any]:
    return {"type": "metadata", "protocol_version": version, "created_at": at("10:00:00")}


def record(kind: str, clock: str, /, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "agentId": "main", **fields, "time": at(clock)}


def begun(clock: str = "10:00:01", profile: str = "agent") -> dict[str, Any]:
    return record("profile.bind", clock, modelAlias="k3", profileName=profile, environmentDisclosure=ORCHARD)


def prompt(clock: str, text: str = "Prune the trees.", kind: str = "user", **fields: Any) -> dict[str, Any]:
    given = {"input": [{"type": "text", "text": text}], "origin": {"kind": kind, **fields}}
    return record("turn.prompt", clock, **given, promptId=f"msg_{clock}", turnId=0)


def loop(kind: str, clock: str, /, **fields: Any) -> dict[str, Any]:
    return record("context.append_loop_event", clock, event={"type": kind, "turnId": "0", "step": 1, **fields})


def replied(clock: str, text: str = "Pruned.") -> dict[str, Any]:
    return loop("content.part", clock, uuid=f"said-{clock}", part={"type": "text", "text": text})


def call(clock: str, id: str, name: str = "Bash", /, **args: Any) -> dict[str, Any]:
    return loop("tool.call", clock, uuid=f"call-{id}", toolCallId=id, name=name, args=args)


def result(clock: str, id: str, output: Any = "done", error: bool = False) -> dict[str, Any]:
    entry = {"output": output, "durationMs": 900, **({"isError": True} if error else {})}
    return loop("tool.result", clock, parentUuid=f"call-{id}", toolCallId=id, result=entry)


def request(clock: str, id: str, name: str = "Bash", /, **display: Any) -> dict[str, Any]:
    entry = {"toolCallId": id, "toolName": name, "display": display}
    return record("interaction.request", clock, id=f"approval_{id}", kind="approval", toolCallId=id, request=entry)


def decision(clock: str, id: str, decided: str = "approved") -> dict[str, Any]:
    entry = {"toolCallId": id, "toolName": "Bash", "result": {"decision": decided}}
    return record("permission.record_approval_result", clock, turnId=0, **entry)


def asked(clock: str, model: str = "kimi-k3") -> dict[str, Any]:
    return record("llm.request", clock, kind="loop", model=model, modelAlias="k3")


def billed(clock: str, new: int = 100, out: int = 20, cached: int = 600, scope: str = "turn") -> dict[str, Any]:
    usage = {"inputOther": new, "output": out, "inputCacheRead": cached, "inputCacheCreation": 30}
    return record("usage.record", clock, model="k3", usage=usage, usageScope=scope)


def ended(clock: str, reason: str = "completed", turn: int = 0, **fields: Any) -> dict[str, Any]:
    return record("turn.ended", clock, turnId=turn, reason=reason, **fields)


def todos(clock: str, **statuses: str) -> dict[str, Any]:
    value = [{"title": title, "status": status} for title, status in statuses.items()]
    return record("tools.update_store", clock, key="todo", value=value)


def spawned(clock: str, id: str = "c3") -> dict[str, Any]:
    who = {"subagentId": "agent-0", "subagentName": "coder", "parentToolCallId": id, "parentAgentId": "main"}
    return record("subagent.spawned", clock, **who, description="Count the trees")


def returned(clock: str) -> dict[str, Any]:
    return record(
        "subagent.completed", clock, subagentId="agent-0", resultSummary="Four.", usage=billed(clock)["usage"]
    )


def a_home() -> dict[str, bytes]:
    salvaged = {"message": {"content": [{"type": "think", "think": "Perhaps"}]}, "meta": {"source": "salvaged"}}
    main = [
        header(),
        begun(),
        record("permission.set_mode", "10:00:02", mode="manual"),
        prompt("10:01:00"),
        asked("10:01:01"),
        loop("content.part", "10:01:02", uuid="t1", part={"type": "think", "think": "Which ones?"}),
        replied("10:01:02", "I look."),
        billed("10:01:02"),
        request("10:01:03", "c1", kind="command", command="ls", cwd="/home/eva/orchard"),
        decision("10:01:05", "c1"),
        call("10:01:05", "c1", command="ls"),
        result("10:01:06", "c1", [{"type": "text", "text": "four"}, {"type": "image_url"}]),
        todos("10:01:07", Look="done", Prune="in_progress"),
        request("10:01:08", "c2", "Edit", kind="file_io", operation="edit", path="plan.md", before="a", after="b"),
        decision("10:01:09", "c2", "rejected"),
        call("10:01:09", "c2", "Edit", path="plan.md", old_string="a", new_string="b"),
        result("10:01:09", "c2", "not run", error=True),
        call("10:01:10", "c3", "Agent", prompt="Count the trees.", subagent_type="coder"),
        spawned("10:01:10"),
        returned("10:01:20"),
        result("10:01:20", "c3", "agent_id: agent-0"),
        replied("10:01:21", "Four trees."),
        loop("step.end", "10:01:21", uuid="s1", finishReason="end_turn"),
        ended("10:01:22"),
        record("full_compaction.begin", "10:01:29", source="manual"),
        billed("10:01:30", scope="session"),
        record("context.apply_compaction", "10:01:30", summary="All of it.", tokensAfter=50),
        record("full_compaction.complete", "10:01:30"),
        prompt("10:02:00", "And the hedge?"),
        record("turn.steer", "10:02:01", input=[{"type": "text", "text": "Today."}], origin={"kind": "user"}),
        call("10:02:02", "c4", "AskUserQuestion", questions=[{"question": "How high?"}]),
        record("turn.cancel", "10:02:09", turnId=1, target="active", reason="user_cancelled"),
        record("agent.message.appended", "10:02:09", kind="event", message=salvaged),
        ended("10:02:10", "cancelled"),
        prompt("10:03:00", "A job", "cron_job"),
        ended("10:03:01", "failed", error={"message": "429 too many"}),
        record("something.new", "10:03:02"),
    ]
    helper = [
        header(),
        begun("10:01:11", "coder"),
        prompt("10:01:11", "Count the trees.", "system_trigger", name="subagent"),
        asked("10:01:12"),
        replied("10:01:13", "Four."),
        billed("10:01:13", new=50),
        ended("10:01:14"),
    ]
    old = [
        header("1.4"),
        record("config.update", "10:00:01", cwd="/home/eva/orchard", profileName="agent", modelAlias="k3"),
        prompt("10:00:02", "Hello"),
        replied("10:00:03", "Hello!"),
        loop("step.end", "10:00:03", uuid="s", finishReason="end_turn"),
        prompt("10:00:04", "Wait"),
        call("10:00:05", "c1", command="sleep 9"),
        record("turn.cancel", "10:00:06"),
        result("10:00:06", "c1", "Interrupted", error=True),
    ]
    other = SESSION.replace("0001", "0002")
    return {
        FILE: lines(*main),
        HELPER: lines(*helper),
        STATE: json.dumps({"title": "Trees", "cwd": "/home/eva/orchard", "forkedFrom": other}).encode(),
        FILE.replace(SESSION, other): lines(*old),
        STATE.replace(SESSION, other): json.dumps({"title": "Old", "workDir": "/home/eva/orchard"}).encode(),
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(KimiCode, tmp_path / "home")


def the_agent(home: Home, *records: Any) -> Any:
    return home.write(FILE, lines(header(), begun(), *records)).row("agents", SESSION)


# What a session is


def test_a_session_has_a_title_a_project_and_the_session_it_was_forked_from(home: Home) -> None:
    for path, data in a_home().items():
        home.replace(path, data)
    session = home.row("sessions", SESSION)
    assert (session.title, session.project, session.model) == ("Trees", "orchard", "kimi-k3")
    assert session.parent_id == SESSION.replace("0001", "0002")
    assert home.row("agents", SESSION).name == "orchard"
    assert home.row("sessions", session.parent_id).title == "Old"
    assert home.malformed == 0
    assert home.source.unknown == {"something.new": 1}


def test_without_a_title_the_first_prompt_is_one(home: Home) -> None:
    the_agent(home, prompt("10:01:00"), prompt("10:02:00", "More."))
    assert home.only("sessions").title == "Prune the trees."


@pytest.mark.parametrize("order", [(FILE, STATE), (STATE, FILE)])
def test_a_file_that_names_no_directory_has_that_of_its_state(home: Home, order: tuple[str, str]) -> None:
    data = {
        FILE: lines(header("1.4"), prompt("10:01:00"), asked("10:01:01"), billed("10:01:02")),
        STATE: json.dumps({"title": "go", "workDir": "/home/eva/orchard"}).encode(),
    }
    for path in order:
        home.replace(path, data[path]).read()
    assert (home.row("agents", SESSION).name, home.only("sessions").project) == ("orchard", "orchard")
    assert home.only("sessions").model == "kimi-k3"


def test_a_session_without_a_directory_is_called_by_its_id(home: Home) -> None:
    home.write(FILE, lines(header("1.4"), prompt("10:01:00")))
    assert home.row("agents", SESSION).name == "5e551011"


# What the agent does


@pytest.mark.parametrize(
    ("records", "status", "reason"),
    [
        ([], "idle", "session started"),
        ([prompt("10:01:00")], "working", "prompted"),
        ([prompt("10:01:00"), replied("10:01:01"), ended("10:01:02")], "idle", "end of turn"),
        ([prompt("10:01:00"), replied("10:01:01", "All?"), ended("10:01:02")], "waiting", "a question to you"),
        ([prompt("10:01:00"), ended("10:01:02", "cancelled")], "idle", "interrupted"),
        ([prompt("10:01:00"), ended("10:01:02", "failed", error={"message": "no quota"})], "failed", "no quota"),
        ([prompt("10:01:00"), ended("10:01:02", "blocked")], "failed", "blocked"),
        ([prompt("10:01:00"), request("10:01:01", "c", command="ls")], "waiting", "permission for Bash ls"),
        (
            [prompt("10:01:00"), call("10:01:01", "c", "AskUserQuestion", questions=[{"question": "Why?"}])],
            "waiting",
            "Why?",
        ),
        ([prompt("10:01:00", kind="cron_job")], "working", "cron job"),
        ([prompt("10:01:00", kind="cron_job"), ended("10:01:02")], "idle", "end of turn"),
        ([record("full_compaction.begin", "10:01:00", source="manual")], "working", "compacts its context"),
        (
            [
                record("full_compaction.begin", "10:01:00", source="manual"),
                record("full_compaction.complete", "10:01:01"),
            ],
            "idle",
            "compacted",
        ),
        ([prompt("10:01:00"), record("turn.cancel", "10:01:01", target="queued")], "working", "prompted"),
    ],
)
def test_the_last_record_is_the_status(home: Home, records: list[Any], status: str, reason: str) -> None:
    home.now = at("10:01:03")
    agent = the_agent(home, *records)
    assert agent.status == status
    assert reason in agent.status_reason


def test_a_wait_for_permission_ends_with_the_decision(home: Home) -> None:
    home.now = at("10:01:04")
    agent = the_agent(home, prompt("10:01:00"), request("10:01:01", "c1", command="ls"), decision("10:01:03", "c1"))
    assert agent.status == "working"
    assert home.spans(SESSION)[-2:] == ["waiting", "working"]


def test_a_call_that_was_refused_is_denied(home: Home) -> None:
    the_agent(
        home,
        prompt("10:01:00"),
        request("10:01:01", "c1", kind="command", command="rm", cwd="/"),
        decision("10:01:03", "c1", "rejected"),
        call("10:01:03", "c1", command="rm"),
        result("10:01:03", "c1", "not run", error=True),
    )
    row = home.only("tool_calls")
    assert (row.status, row.name, json.loads(row.input)) == ("denied", "Bash", {"command": "rm"})


def test_an_exit_code_is_an_error(home: Home) -> None:
    the_agent(home, prompt("10:01:00"), call("10:01:01", "c1"), result("10:01:02", "c1", "exit code: 1.", error=True))
    row = home.only("tool_calls")
    assert (row.status, row.error, row.duration_ms) == ("error", "exit code: 1.", 900)


def test_an_interruption_leaves_no_call_running(home: Home) -> None:
    home.now = at("10:01:05")
    agent = the_agent(
        home,
        prompt("10:01:00"),
        call("10:01:01", "c1"),
        call("10:01:01", "c2"),
        record("turn.cancel", "10:01:03", target="active"),
        result("10:01:03", "c1", "Interrupted by user", error=True),
        ended("10:01:03", "cancelled"),
    )
    assert [row.status for row in home.rows("tool_calls").values()] == ["cancelled", "cancelled"]
    assert agent.status == "idle"


def test_a_turn_of_protocol_1_4_ends_with_its_last_step_or_its_cancellation(home: Home) -> None:
    other = SESSION.replace("0001", "0002")
    path = FILE.replace(SESSION, other)
    home.now = at("10:00:07")
    home.write(path, a_home()[path])
    assert home.spans(other) == ["idle", "working", "idle", "working", "idle"]
    assert home.row("agents", other).status_reason == "interrupted"
    assert home.only("tool_calls").status == "cancelled"


def test_an_answer_that_was_not_the_last_goes_on(home: Home) -> None:
    home.now = at("10:01:04")
    stop, start = (
        loop("step.end", "10:01:02", uuid="s", finishReason="end_turn"),
        loop("step.begin", "10:01:03", uuid="u"),
    )
    assert the_agent(home, prompt("10:01:00"), replied("10:01:01"), stop, start).status == "working"


def test_a_subagent_is_an_agent_with_its_own_file(home: Home) -> None:
    for path in (FILE, HELPER):
        home.write(path, a_home()[path])
    helper = home.row("agents", f"{SESSION}/agent-0")
    assert (helper.name, helper.role, helper.parent_id, helper.status) == ("Count the trees.", "coder", SESSION, "done")
    assert (helper.input_tokens, home.row("agents", SESSION).input_tokens) == (50, 200)
    found = [(row.kind, row.text) for row in home.rows("messages").values() if helper.id in (row.sender, row.recipient)]
    assert sorted(found) == [("delegate", "Count the trees."), ("result", "Four.")]


def test_a_list_of_things_to_do_is_tasks(home: Home) -> None:
    the_agent(
        home, todos("10:01:00", Look="in_progress", Rake="pending"), todos("10:01:01", Look="done", Prune="pending")
    )
    assert {row.title: row.status for row in home.rows("tasks").values()} == {"Look": "completed", "Prune": "pending"}


def test_a_file_is_changed_by_the_tool_that_wrote_it(home: Home) -> None:
    the_agent(home, call("10:01:00", "c1", "Write", path="a.md"), result("10:01:01", "c1"))
    assert home.only("sessions").files_changed == 1


# What is counted, and what is not


def test_an_answer_counts_once_in_a_session_and_its_fork(home: Home) -> None:
    fork = SESSION.replace("0001", "0003")
    copied = [header(), begun(), prompt("10:01:00"), asked("10:01:01"), billed("10:01:02")]
    home.write(FILE, lines(*copied)).write(
        FILE.replace(SESSION, fork), lines(*copied, record("forked", "10:02:00"), billed("10:02:01", new=7))
    )
    sessions = home.rows("sessions")
    assert (sessions[SESSION].input_tokens, sessions[fork].input_tokens) == (100, 7)
    assert (sessions[SESSION].cache_read_tokens, sessions[SESSION].cache_write_tokens) == (600, 30)


def test_unknown_kinds_are_counted_and_break_nothing(home: Home) -> None:
    strange = [record("new.kind", "10:01:00", event="x", input=3, usage=[]), loop("new.step", "10:01:01")]
    the_agent(home, *strange, loop("content.part", "10:01:02", part={"type": "hologram"}))
    assert dict(home.source.unknown) == {
        "new.kind": 1,
        "context.append_loop_event/new.step": 1,
        "content.part/hologram": 1,
    }
    assert home.malformed == 0


def test_bad_lines_are_skipped_and_counted(home: Home) -> None:
    bad = [
        {"type": "turn.prompt"},
        record("turn.prompt", "10:01:00", input=3),
        loop("tool.result", "10:01:00", result=3),
    ]
    home.write(FILE, b"no json\n[]\n").write(STATE, b"[]")
    the_agent(home, *bad, prompt("10:02:00"))
    assert home.malformed == 6
    assert home.only("messages").text == "Prune the trees."


@pytest.mark.parametrize("seed", range(6))
def test_files_read_the_same_however_they_are_fed(tmp_path: Path, seed: int) -> None:
    same_however_it_is_fed(KimiCode, a_home(), tmp_path, seed)


# What really happened


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Regrown:
    """A person at the terminal: every kind of end, permission and question."""
    return regrow(HERE / "kimi_code-2.1.0", tmp_path_factory.mktemp("shown") / "home")


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Regrown:
    """Two runs of ``kimi -p``, without a person."""
    return regrow(HERE / "kimi_code-2.1.0-print", tmp_path_factory.mktemp("printed") / "home")


@pytest.fixture(params=["shown", "printed"])
def recorded(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def events(recorded: Regrown, what: str) -> list[dict[str, Any]]:
    return [event for event in recorded.truth["events"] if event["what"].startswith(what)]


def by_time(recorded: Regrown, table: str) -> list[Any]:
    return sorted(recorded.rows(table), key=lambda row: row.at)


def typed(recorded: Regrown) -> list[tuple[int, str]]:
    """When which prompt was given, at the terminal or as an argument."""
    given = events(recorded, "prompt") + events(recorded, "start")
    texts = [(event["at"], event.get("text") or event["cmd"].partition(" -p ")[2]) for event in given]
    return sorted((moment, text) for moment, text in texts if text)


def test_prompts_are_those_that_were_given(recorded: Regrown) -> None:
    seen = [row for row in by_time(recorded, "messages") if row.kind == "prompt"]
    assert [row.text for row in seen] == [text for _, text in typed(recorded)]
    assert all(0 <= row.at - moment < 2000 for row, (moment, _) in zip(seen, typed(recorded), strict=True))
    assert recorded.rows("logs") == []


def test_calls_are_those_of_the_model_in_their_order(recorded: Regrown) -> None:
    answers = [event for event in events(recorded, "model asked") if event["calls"]]
    assert [row.name for row in by_time(recorded, "tool_calls")] == [name for it in answers for name in it["calls"]]


def test_every_answer_is_billed_to_whom_it_was_given(recorded: Regrown) -> None:
    for agent in recorded.rows("agents"):
        if agent.role == "human":
            continue
        session = next(row for row in recorded.rows("sessions") if row.id == agent.session_id)
        if agent.parent_id is not None:
            answers = [answer for answer in recorded.truth["billed"] if answer["script"] == "subwork"]
        else:
            scripts = {text.split("#")[1] for _, text in typed(recorded) if _within(session, _)}
            answers = [answer for answer in recorded.truth["billed"] if answer["script"] in scripts]
        assert answers
        for kind in ("input", "output", "cache_read", "cache_write"):
            assert agent[f"{kind}_tokens"] == sum(answer[kind] for answer in answers), (agent.id, kind)
        assert {agent.model} == {answer["model"] for answer in answers}


def _within(session: Any, moment: int) -> bool:
    """Whether a prompt at a moment was one of a session's."""
    return bool(session.started_at - 2000 < moment < session.updated_at)


def test_transcripts_hold_what_was_said(recorded: Regrown) -> None:
    for session in recorded.rows("sessions"):
        entries = lookup(recorded.collector).transcript(session.id, limit=1000).entries
        kinds = [entry["kind"] for entry in entries]
        assert (kinds[0], kinds[1], kinds[-1]) == ("end", "prompt", "end")  # it began with nothing to do
        assert kinds.count("prompt") + kinds.count("reply") == session.messages - _of_helpers(recorded, session)
        assert all(entry["output"] for entry in entries if entry["kind"] == "tool")
    thoughts = [entry["text"] for entry in _entries(recorded) if entry["kind"] == "thinking"]
    assert len(thoughts) == 1
    assert thoughts[0].startswith("thinking about the prices.")


def test_a_page_that_begins_within_a_turn_holds_its_end(home: Home) -> None:
    replies = [replied(f"10:{minute:02}:01", "x" * 50_000) for minute in range(1, 30)]
    home.now = at("10:40:00")
    the_agent(home, prompt("10:00:02"), ended("10:00:03"), prompt("10:00:04"), *replies, ended("10:30:00", turn=1))
    page = lookup(home.collector).transcript(SESSION, limit=2)
    assert [entry["kind"] for entry in page.entries] == ["reply", "end"]


def _entries(recorded: Regrown) -> list[dict[str, Any]]:
    return [
        entry
        for session in recorded.rows("sessions")
        for entry in lookup(recorded.collector).transcript(session.id, limit=1000).entries
    ]


def _of_helpers(recorded: Regrown, session: Any) -> int:
    """A prompt and a reply of each subagent are counted in its session."""
    return 2 * sum(1 for row in recorded.rows("agents") if row.session_id == session.id and row.parent_id is not None)


def test_no_kind_is_unknown(recorded: Regrown) -> None:
    (source,) = recorded.collector.sources
    assert source.unknown == {}
    assert [(state.malformed, state.problems) for state in recorded.collector.states()] == [(0, [])]


def status(recorded: Regrown, moment: int) -> set[str]:
    """The statuses that agents had at a moment."""
    spans = {}
    for row in sorted(recorded.rows("spans"), key=lambda row: row.started_at):
        if row.started_at <= moment:
            spans[row.agent_id] = row.status
    return set(spans.values())


def test_a_permission_is_waited_for_until_the_key(shown: Regrown) -> None:
    keys = [event for event in events(shown, "key") if event.get("note", "").split(" ")[0] in ("approve", "deny")]
    approved = [event["at"] for event in keys if event["at"] != keys[-1]["at"]]  # the last came after the permission
    assert len(approved) == 4
    for moment in approved:
        assert "waiting" in status(shown, moment - 1)
        assert "waiting" not in status(shown, moment + 50)


def test_a_turn_that_is_done_is_idle_and_one_that_asks_waits(shown: Regrown) -> None:
    for event in events(shown, "DONE"):
        before = max(answer["at"] for answer in events(shown, "model answered") if answer["at"] < event["at"])
        assert "working" in status(shown, before)
        assert status(shown, event["at"]) <= {"idle", "done"}
    (question,) = events(shown, "WAITING question in text")
    assert status(shown, question["at"]) == {"waiting"}


def test_what_was_interrupted_is_idle_at_once(shown: Regrown) -> None:
    keys = [event["at"] for event in events(shown, "key") if event.get("note", "").startswith("interrupt")]
    assert len(keys) == 2
    for moment in keys:
        assert status(shown, moment - 1) == {"working"}
        assert status(shown, moment + 100) == {"idle"}


def test_calls_ended_as_they_did(shown: Regrown, printed: Regrown) -> None:
    ends = [(row.name, row.status) for row in by_time(shown, "tool_calls")]
    assert ends == [
        ("Bash", "ok"),
        ("Bash", "denied"),
        ("Bash", "cancelled"),
        ("AskUserQuestion", "error"),  # with arguments that the tool does not take
        ("Agent", "ok"),
        ("Bash", "ok"),
    ]
    failed = [row.name for row in by_time(printed, "tool_calls") if row.status == "error"]
    assert failed == ["Bash", "no_such_tool", "Agent"]
    assert {row.status for row in printed.rows("tool_calls")} == {"ok", "error"}


def test_the_subagent_did_what_it_was_given(shown: Regrown) -> None:
    (helper,) = [row for row in shown.rows("agents") if row.parent_id is not None]
    assert (helper.name, helper.status, helper.tool_calls) == ("Count the tests", "done", 1)
    found = [(row.kind, row.text) for row in by_time(shown, "messages") if helper.id in (row.sender, row.recipient)]
    assert ("delegate", "#subwork# Count the tests of the shop.") in found
    assert ("result", "There are four tests.") in found


def test_an_error_of_the_model_that_is_tried_again_ends_no_turn(printed: Regrown) -> None:
    errors = events(printed, "model error")
    assert [event["code"] for event in errors] == [429, 500]
    assert all(status(printed, event["at"] + 100) == {"working"} for event in errors)
    assert {row.status for row in printed.rows("sessions")} == {"idle"}


def test_the_plan_is_done_and_the_file_changed(printed: Regrown) -> None:
    tasks = {row.title: row.status for row in printed.rows("tasks")}
    assert tasks == dict.fromkeys(("Read the prices", "Round the prices", "Test the prices"), "completed")
    assert sum(row.files_changed or 0 for row in printed.rows("sessions")) == 1
    assert {row.project for row in printed.rows("sessions")} == {"shop"}
