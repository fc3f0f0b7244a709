"""OpenTelemetry: spans in any order, by several conventions, become agents, calls, messages and tokens."""

from __future__ import annotations

import json
import os
import random
from itertools import permutations
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from agent_widget.sources.base import Gone
from agent_widget.sources.otlp import Otlp
from agent_widget.sources.otlp.signals import signals
from agent_widget.sources.parsing import Malformed
from agent_widget.store import Row
from tests.sources.fuzz import unfit
from tests.support.otlp import FAILED, START, TRACE, event, export, logs, pairs, said, span
from tests.support.transcripts import Home, same_however_it_is_fed


def gen_ai(*, everywhere: bool = False) -> list[dict[str, Any]]:
    """An agent that asks a helper and calls a tool that fails, as GenAI's conventions have it; children first.

    Not every instrumentation names conversation and agent ``everywhere``, at the spans of tools too.
    """
    lead = {"gen_ai__agent__name": "lead", "gen_ai__conversation__id": "c1"}
    helper = {"gen_ai__agent__name": "helper", "gen_ai__conversation__id": "c2"}
    chat = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m1", "gen_ai__provider__name": "p"}
    tokens = {"gen_ai__usage__input_tokens": 100, "gen_ai__usage__output_tokens": 7}
    cached = {"gen_ai__usage__cache_read__input_tokens": 60}
    asked = {"gen_ai__input__messages": said("user", "Paint the door")}
    tool: dict[str, Any] = {"gen_ai__operation__name": "execute_tool", **(lead if everywhere else {})}
    return [
        span(2, 1, "chat m1", 1, 2, **chat, **lead, **asked, **tokens, **cached),
        span(5, 4, "chat m1", 5, 1, **chat, **helper, **tokens, gen_ai__output__messages=said("assistant", "red")),
        span(4, 3, "invoke_agent helper", 4, 3, gen_ai__operation__name="invoke_agent", **helper, final_result="red"),
        span(3, 1, "execute_tool ask_helper", 4, 3, **{**tool, **lead}, gen_ai__tool__name="ask_helper"),
        span(6, 1, "execute_tool brush", 8, 1, FAILED, **tool, gen_ai__tool__call__arguments={"colour": "red"}),
        span(
            7,
            1,
            "chat m1",
            9,
            1,
            **chat,
            **lead,
            **asked,
            **tokens,
            gen_ai__output__messages=said("assistant", "Done."),
        ),
        span(1, 0, "invoke_agent lead", 0, 11, gen_ai__operation__name="invoke_agent", **lead, final_result="Done."),
    ]


def open_inference() -> list[dict[str, Any]]:
    """The same by OpenInference: no conversation, no agent's name at what it did."""
    model = {"openinference__span__kind": "LLM", "llm__model_name": "m1"}
    tokens = {"llm__token_count__prompt": 100, "llm__token_count__completion": 7}
    cached = {"llm__token_count__prompt_details__cache_read": 60}
    asked = {
        "llm__input_messages__0__message__role": "user",
        "llm__input_messages__0__message__content": "Paint the door",
    }

    def reply(text: str) -> dict[str, Any]:
        first = "llm__output_messages__0__message__"
        return {f"{first}role": "assistant", f"{first}content": text}

    tool, agent = {"openinference__span__kind": "TOOL"}, {"openinference__span__kind": "AGENT"}
    return [
        span(2, 1, "ChatModel", 1, 2, **model, **tokens, **cached, **asked),
        span(5, 4, "ChatModel", 5, 1, **model, **tokens, **reply("red")),
        span(4, 3, "helper", 4, 3, **agent, agent__name="helper", output__value="red"),
        span(3, 1, "ask_helper", 4, 3, **tool, tool__name="ask_helper"),
        span(6, 1, "brush", 8, 1, FAILED, **tool, tool__name="brush", input__value={"colour": "red"}),
        span(7, 1, "ChatModel", 9, 1, **model, **tokens, **asked, **reply("Done.")),
        span(1, 0, "lead", 0, 11, **agent, agent__name="lead", output__value="Done."),
    ]


def a_home() -> dict[str, bytes]:
    """Every kind of line once."""
    records = [
        {"timeUnixNano": str(START * 10**6), "severityNumber": 17, "body": {"stringValue": "out of paint"}},
        event("claude_code.user_prompt", 1, prompt="Sweep", **{"session.id": "s9"}),
        event("claude_code.api_request", 2, model="m2", input_tokens="10", output_tokens="5", **{"session.id": "s9"}),
    ]
    metric = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "gen_ai.client.token.usage"}]}]}]}
    return {
        "traces.jsonl": b"".join(export(each) for each in gen_ai(everywhere=True)),
        "logs.jsonl": logs(*records),
        "metrics.jsonl": json.dumps(metric).encode() + b"\n",
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Otlp, tmp_path)


def rows(home: Home, table: str) -> dict[str, Row]:
    return home.rows(table)


@pytest.mark.parametrize(
    ("spans", "lead", "helper"),
    [(gen_ai(), "c1", "c2"), (open_inference(), TRACE, f"{TRACE}/helper")],
    ids=["GenAI", "OpenInference"],
)
@pytest.mark.parametrize("order", range(8))
def test_whatever_the_order_of_spans_each_is_of_its_agent(
    home: Home, spans: list[dict[str, Any]], lead: str, helper: str, order: int
) -> None:
    if order:
        random.Random(order).shuffle(spans := list(spans))
    home.write("traces.jsonl", b"".join(export(each) for each in spans)).read()
    agents = rows(home, "agents")
    assert set(agents) - {"user"} == {lead, helper}
    assert (agents[lead]["name"], agents[helper]["name"]) == ("lead", "helper")
    assert agents[helper]["parent_id"] == lead and agents[helper]["status"] == "done"
    assert agents[lead]["parent_id"] is None
    used = ("input_tokens", "cache_read_tokens", "output_tokens")
    assert [agents[lead][name] for name in used] == [140, 60, 14]
    assert [agents[helper][name] for name in used] == [100, 0, 7]
    calls = {row["name"]: row for row in home.rows("tool_calls").values()}
    assert {name: (row["agent_id"], row["status"]) for name, row in calls.items()} == {
        "ask_helper": (lead, "ok"),
        "brush": (lead, "error"),
    }
    assert calls["brush"]["input"] == '{"colour":"red"}' and calls["brush"]["error"] == "timed out"
    assert calls["ask_helper"]["duration_ms"] == 3000
    assert agents[lead]["tool_calls"] == 2 and agents[helper]["tool_calls"] in (None, 0)
    texts = {(row["kind"], row["sender"], row["recipient"], row["text"]) for row in home.rows("messages").values()}
    assert ("prompt", "user", lead, "Paint the door") in texts
    assert ("result", helper, lead, "red") in texts
    assert ("reply", lead, "user", "Done.") in texts
    assert not any(sender == "user" and recipient == helper for _, sender, recipient, _ in texts)


def test_an_agent_shows_as_soon_as_anything_it_did_has_ended(home: Home) -> None:
    first, *_ = gen_ai()
    home.now = START + 4000
    home.write("traces.jsonl", export(first)).read()
    (agent,) = [row for row in home.rows("agents").values() if row["id"] != "user"]
    assert (agent["id"], agent["name"], agent["status"]) == ("c1", "lead", "working")
    assert agent["input_tokens"] == 40 and agent["model"] == "m1"
    assert [row["text"] for row in home.rows("messages").values()] == ["Paint the door"]


def test_without_a_conversation_it_is_of_the_trace_until_its_agent_comes(home: Home) -> None:
    first, *rest = open_inference()
    home.now = START + 4000
    home.write("traces.jsonl", export(first)).read()
    agent = home.row("agents", TRACE)
    assert (agent["id"], agent["name"], agent["status"]) == (TRACE, "shop-bot", "working")
    assert (agent["status_reason"], agent["input_tokens"]) == ("asked m1", 40)
    home.write("traces.jsonl", b"".join(export(each) for each in rest)).read()
    assert home.row("agents", TRACE)["name"] == "lead"


def test_spans_that_come_twice_count_once(home: Home) -> None:
    once = b"".join(export(each) for each in gen_ai())
    home.write("traces.jsonl", once).read()
    expected = home.tables
    home.write("traces.jsonl", once).write("traces-rotated.jsonl", once).read()
    assert home.tables == expected


def test_every_way_of_cutting_a_small_trace_comes_to_the_same(tmp_path: Path) -> None:
    spans = [each for each in open_inference() if each["spanId"][-1] in "1345"]
    found = []
    for number, order in enumerate(permutations(spans)):
        home = Home(Otlp, tmp_path / str(number))
        home.write("t.jsonl", b"".join(export(each) for each in order)).read()
        found.append(
            {
                (row["id"], row["parent_id"], row["output_tokens"] or 0, row["tool_calls"])
                for row in home.rows("agents").values()
            }
        )
    for each in found:
        assert each == found[0]


def test_an_agent_that_is_called_twice_is_prompted_by_nobody(tmp_path: Path) -> None:
    helper = {"gen_ai__agent__name": "helper", "gen_ai__conversation__id": "c2"}
    asked = {"gen_ai__input__messages": said("user", "Which red?"), "gen_ai__usage__output_tokens": 1}
    chat = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m1", **helper, **asked}
    ran = {"gen_ai__operation__name": "invoke_agent", **helper}
    lead = {"gen_ai__operation__name": "invoke_agent", "gen_ai__agent__name": "lead", "gen_ai__conversation__id": "c1"}
    spans = [
        *(span(3, 2, "chat m1", 1, 1, **chat), span(2, 1, "invoke_agent helper", 1, 2, **ran)),
        *(span(5, 4, "chat m1", 4, 1, **chat), span(4, 1, "invoke_agent helper", 4, 2, **ran)),
        span(1, 0, "invoke_agent lead", 0, 9, **lead),
    ]
    reader = Otlp(tmp_path).reader(PurePosixPath("t.jsonl"))
    assert reader is not None
    items = [item for each in spans for item in reader.read(export(each).strip())]
    gone = {item.id for item in items if isinstance(item, Gone)}
    assert gone == {f"c2:{3:016x}?"}, "the prompt that seemed to be a person's"


def test_an_agent_that_is_called_twice_at_once_is_given_work_twice(home: Home) -> None:
    """The second run begins after the first one and ends before it; each is below a call of its own."""
    tool = {"openinference__span__kind": "TOOL"}
    lead, helper = ({"openinference__span__kind": "AGENT", "agent__name": name} for name in ("lead", "helper"))
    spans = [
        *(span(5, 3, "helper", 2, 1, **helper, input__value="Which blue?"), span(3, 1, "ask", 2, 2, **tool)),
        *(span(4, 2, "helper", 1, 5, **helper, input__value="Which red?"), span(2, 1, "ask", 1, 6, **tool)),
        span(1, 0, "lead", 0, 9, **lead),
    ]
    home.write("t.jsonl", b"".join(export(each) for each in spans)).read()
    given = [row["text"] for row in home.rows("messages").values() if row["kind"] == "delegate"]
    assert sorted(given) == ["Which blue?", "Which red?"]


def test_what_waits_for_a_span_above_it_holds_no_attributes(home: Home) -> None:
    home.write("t.jsonl", b"".join(export(each) for each in open_inference()[:-1])).read()
    (trace,) = home.source.traces._traces.values()
    waiting = [pending.span for spans in trace.waiting.values() for pending in spans]
    assert waiting and not any(span.attributes or span.events for span in waiting)


def test_agents_that_share_a_session_are_told_apart_by_who_called_whom(home: Home) -> None:
    """The helper's spans end first, and still the one who called it is the main agent."""
    spans = [{**each, "attributes": [*each["attributes"], *pairs({"session.id": "s1"})]} for each in open_inference()]
    home.write("t.jsonl", b"".join(export(each) for each in spans)).read()
    agents = home.rows("agents")
    assert {id: agents[id]["name"] for id in ("s1", "s1/helper")} == {"s1": "lead", "s1/helper": "helper"}
    assert (agents["s1"]["output_tokens"], agents["s1/helper"]["output_tokens"]) == (14, 7)


def test_a_step_of_a_graph_that_is_called_an_agent_is_of_the_graph(home: Home) -> None:
    """LangGraph's ``create_react_agent``: the graph is the agent, its step "agent" only asks the model."""
    step = {"openinference__span__kind": "AGENT", "metadata": {"langgraph_node": "agent", "thread_id": "t1"}}
    model = {"openinference__span__kind": "LLM", "llm__token_count__completion": 7, "session__id": "t1"}
    said = {"llm__input_messages__0__message__role": "user", "llm__input_messages__0__message__content": "Paint"}
    chain = {"openinference__span__kind": "CHAIN", "session__id": "t1"}
    home.write(
        "t.jsonl",
        b"".join(
            export(each)
            for each in (
                span(3, 2, "Model", 1, 1, **model, **said),
                span(2, 1, "agent", 1, 2, **step, session__id="t1"),
                span(1, 0, "painter", 0, 4, **chain, output__value={"messages": [["ai", "Done."]]}),
            )
        ),
    ).read()
    agent = home.row("agents", "t1")
    assert (agent["name"], agent["output_tokens"]) == ("painter", 7)
    texts = [row["text"] for row in sorted(home.rows("messages").values(), key=lambda row: row["at"])]
    assert texts == ["Paint", "Done."]


def test_agents_above_each_other_in_a_circle_end_nothing(home: Home) -> None:
    agent = {"openinference__span__kind": "AGENT"}
    spans = [span(1, 2, "a", 0, 1, **agent), span(2, 1, "b", 0, 1, **agent), span(4, 0, "c", 0, 1, **agent)]
    home.write("t.jsonl", b"".join(export(each) for each in spans)).read()
    assert [state.problems for state in home.collector.states()] == [[]]
    assert "c" in {row["name"] for row in home.rows("agents").values()}


def test_a_trace_without_agents_is_no_agent(home: Home) -> None:
    home.write("traces.jsonl", export(span(2, 1, "SELECT", 0, 1), span(1, 0, "GET /", 0, 2))).read()
    assert not any(home.rows(table) for table in ("agents", "sessions", "tool_calls", "messages"))


def test_bare_calls_of_a_model_are_an_agent_called_as_its_service(home: Home) -> None:
    used = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m1", "gen_ai__usage__output_tokens": 3}
    home.write("t.jsonl", export(span(2, 1, "chat m1", 0, 1, **used), span(1, 0, "job", 0, 2))).read()
    agent = home.row("agents", TRACE)
    assert (agent["id"], agent["name"], agent["output_tokens"], agent["status"]) == (TRACE, "shop-bot", 3, "done")


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai__system": "openai", "gen_ai__usage__prompt_tokens": 100, "gen_ai__usage__completion_tokens": 7},
        {"gen_ai__usage__input_tokens": 100, "gen_ai__usage__output_tokens": 7},
        {"llm__token_count__prompt": 100, "llm__token_count__completion": 7, "openinference__span__kind": "LLM"},
    ],
)
def test_tokens_have_several_names(home: Home, attributes: dict[str, Any]) -> None:
    home.write("t.jsonl", export(span(1, 0, "x", 0, 1, gen_ai__request__model="m1", **attributes))).read()
    session = home.only("sessions")
    assert (session["input_tokens"], session["output_tokens"], session["model"]) == (100, 7, "m1")


CHAT: dict[str, Any] = {
    "gen_ai__operation__name": "chat",
    "gen_ai__request__model": "m1",
    "gen_ai__usage__output_tokens": 7,
}
INVOKED: dict[str, Any] = {**CHAT, "gen_ai__operation__name": "invoke_agent", "gen_ai__agent__name": "lead"}
CALLED: dict[str, Any] = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": "t"}
GIVEN = "gen_ai__usage__input_tokens"
SAYS_WHOSE: dict[str, Any] = {"gen_ai__agent__name": "lead", "gen_ai__conversation__id": "c"}


@pytest.mark.parametrize(
    ("spans", "given"),
    [
        # an agent that alone says it; one that sums up
        ([span(1, 0, "lead", 0, 9, **INVOKED, **{GIVEN: 100})], 100),
        ([span(1, 0, "lead", 0, 9, **INVOKED, **{GIVEN: 300}), span(2, 1, "x", 1, 2, **CHAT, **{GIVEN: 100})], 100),
        # two programs tell of one answer; what a tool asks is its own
        ([span(1, 0, "x", 0, 9, **CHAT, **{GIVEN: 100}), span(2, 1, "x", 1, 2, **CHAT, **{GIVEN: 100})], 100),
        (
            [
                span(1, 0, "lead", 0, 9, **INVOKED, **{GIVEN: 100}),
                span(2, 1, "x", 1, 8, **CHAT, **{GIVEN: 100}),
                span(3, 2, "t", 2, 3, **CALLED),
                span(4, 3, "x", 2, 3, **CHAT, **{GIVEN: 40}),
            ],
            140,
        ),
        # spans that say whose they are, so they need not wait for those above them; others may be between
        (
            [
                span(1, 0, "lead", 0, 9, **INVOKED | SAYS_WHOSE, **{GIVEN: 100}),
                span(2, 1, "step", 0, 9),
                span(3, 2, "x", 1, 2, **CHAT, **SAYS_WHOSE, **{GIVEN: 100}),
            ],
            100,
        ),
        (
            [
                span(1, 0, "x", 0, 9, **CHAT, **SAYS_WHOSE, **{GIVEN: 100}),
                span(2, 1, "t", 2, 3, **CALLED),
                span(3, 2, "x", 2, 3, **CHAT, **SAYS_WHOSE, **{GIVEN: 40}),
            ],
            140,
        ),
    ],
)
def test_of_spans_above_each_other_the_lowest_says_what_was_used(
    tmp_path: Path, spans: list[dict[str, Any]], given: int
) -> None:
    for number, order in enumerate(permutations(spans)):
        home = Home(Otlp, tmp_path / str(number))
        for part, each in enumerate(order):
            home.write(f"{part}.jsonl", export(each)).read()
        for table in ("sessions", "agents", "usage"):
            assert sum(row["input_tokens"] or 0 for row in home.rows(table).values()) == given, (table, number)


@pytest.mark.parametrize(
    ("attributes", "counts"),
    [
        ({GIVEN: 110, "gen_ai__usage__cache_read__input_tokens": 70}, (40, 70)),
        ({GIVEN: 110, "gen_ai__usage__cache_read_tokens": 70}, (40, 70)),
        ({GIVEN: 5, "gen_ai__usage__cache_read_input_tokens": 70}, (5, 70)),  # as Anthropic says it
    ],
)
def test_input_is_without_what_came_from_a_cache(
    home: Home, attributes: dict[str, Any], counts: tuple[int, int]
) -> None:
    home.write("t.jsonl", export(span(1, 0, "x", 0, 1, **CHAT, **attributes))).read()
    session = home.only("sessions")
    assert (session["input_tokens"], session["cache_read_tokens"]) == counts


def test_a_stated_cost_counts(home: Home) -> None:
    used = {"llm__token_count__prompt": 1, "llm__token_count__completion": 1, "llm__cost__total": 0.25}
    model = {"openinference__span__kind": "LLM", "llm__model_name": "m1"}
    home.write("t.jsonl", export(span(1, 0, "x", 0, 1, **model, **used))).read()
    assert [row["cost_usd"] for row in home.rows("sessions").values()] == [0.25]


@pytest.mark.parametrize("duration", [2**62, -(2**62)])
def test_a_call_that_took_longer_than_there_is_time_begins_at_some_time(home: Home, duration: int) -> None:
    about = {"session.id": "s1", "tool_name": "Bash", "success": "true", "duration_ms": str(duration)}
    home.write("logs.jsonl", logs(event("claude_code.tool_result", 3, **about))).read()
    assert unfit(home) is None
    assert list(home.rows("tool_calls"))


def test_telemetry_of_coding_agents_has_prompts_calls_and_costs(home: Home) -> None:
    about = {"session.id": "s1"}
    home.write(
        "logs.jsonl",
        logs(
            event("claude_code.user_prompt", 0, prompt="Sweep", **about),
            event(
                "claude_code.api_request", 1, model="m2", cost_usd="0.5", input_tokens="10", output_tokens="5", **about
            ),
            event("claude_code.tool_result", 3, tool_name="Bash", success="true", duration_ms="1500", **about),
            event("claude_code.tool_result", 4, tool_name="Edit", success="false", error="no file", **about),
            event("codex.user_prompt", 0, prompt="Mop", **{"conversation.id": "s2"}),
            event(
                "codex.sse_event",
                2,
                **{"conversation.id": "s2", "event.kind": "response.completed", "model": "m3"},
                input_token_count=100,
                cached_token_count=60,
                output_token_count=7,
            ),
            event("gemini_cli.user_prompt", 0, prompt="Dust", **{"session.id": "s3"}),
            event(
                "gemini_cli.api_response",
                2,
                **{"session.id": "s3", "model": "m4"},
                input_token_count=100,
                cached_content_token_count=60,
                output_token_count=7,
                thoughts_token_count=3,
            ),
        ),
    ).read()
    sessions = rows(home, "sessions")
    assert [sessions[id]["agent_id"] for id in ("s1", "s2", "s3")] == ["s1", "s2", "s3"]
    assert (sessions["s1"]["cost_usd"], sessions["s1"]["input_tokens"], sessions["s1"]["tool_calls"]) == (0.5, 10, 2)
    assert (sessions["s2"]["input_tokens"], sessions["s2"]["cache_read_tokens"]) == (40, 60)
    assert sessions["s3"]["output_tokens"] == 10
    calls = {row["name"]: row for row in home.rows("tool_calls").values()}
    assert (calls["Bash"]["status"], calls["Bash"]["duration_ms"], calls["Edit"]["error"]) == ("ok", 1500, "no file")
    assert {row["text"] for row in home.rows("messages").values()} == {"Sweep", "Mop", "Dust"}
    assert {row["name"] for row in home.rows("agents").values()} >= {"Claude Code", "Codex", "Gemini CLI"}


@pytest.mark.parametrize(
    ("agent", "id", "refused", "allowed"),
    [("claude_code", "tool_use_id", "reject", "accept"), ("codex", "call_id", "denied", "approved")],
)
def test_a_call_that_was_refused_is_told_by_the_decision_alone(
    home: Home, agent: str, id: str, refused: str, allowed: str
) -> None:
    about = {"session.id" if agent == "claude_code" else "conversation.id": "s1"}
    home.write(
        "logs.jsonl",
        logs(
            event(f"{agent}.tool_decision", 1, tool_name="Bash", decision=refused, **{id: "c1"}, **about),
            event(f"{agent}.tool_decision", 2, tool_name="Read", decision=allowed, **{id: "c2"}, **about),
            event(f"{agent}.tool_result", 3, tool_name="Read", success="true", **{id: "c2"}, **about),
        ),
    ).read()
    assert {row["name"]: row["status"] for row in home.rows("tool_calls").values()} == {"Bash": "denied", "Read": "ok"}
    assert home.only("sessions")["tool_calls"] == 2


@pytest.mark.parametrize("name", ["claude_code.api_error", "gemini_cli.api_error"])
def test_an_answer_that_failed_is_an_error_of_its_session(home: Home, name: str) -> None:
    home.write("logs.jsonl", logs(event(name, 1, error="overloaded", **{"session.id": "s1"}))).read()
    line = home.only("logs")
    assert (line["level"], line["session_id"], line["text"]) == ("error", "s1", f"{name}: overloaded")


def test_other_log_records_are_logs_and_judgements_quality(home: Home) -> None:
    record = {"timeUnixNano": str(START * 10**6), "severityNumber": 17, "body": {"stringValue": "out of paint"}}
    judged = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.score.value": 0.75}
    home.write("logs.jsonl", logs(record, event("gen_ai.evaluation.result", 1, **judged))).read()
    line = home.only("logs")
    assert (line["level"], line["text"], line["at"]) == ("error", "out of paint", START)
    assert [(row["subject"], row["score"]) for row in home.rows("quality").values()] == [("tone", 0.75)]


def test_integers_may_be_numbers_or_text_and_ids_in_capitals() -> None:
    (found,) = signals(
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"AB","spanId":"CD","startTimeUnixNano":1000000,'
        b'"endTimeUnixNano":"3000000","attributes":[{"key":"n","value":{"intValue":7}}],"unknownField":1}]}]}]}'
    )
    assert (found.trace, found.id, found.start, found.end, found.attributes) == ("ab", "cd", 1, 3, {"n": 7})  # type: ignore[union-attr]


@pytest.mark.parametrize("line", [b"{}", b"[]", b'{"spans": []}', b'{"resourceSpans": 1}', b"not json"])
def test_what_is_no_export_is_malformed(line: bytes) -> None:
    with pytest.raises((Malformed, ValueError)):
        list(signals(line))


@pytest.mark.parametrize("seed", range(5))
def test_the_rows_are_the_same_however_the_files_are_fed(tmp_path: Path, seed: int) -> None:
    same_however_it_is_fed(Otlp, a_home(), tmp_path, seed)


def test_a_directory_is_known_by_how_its_files_begin_and_only_regular_ones_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to("/dev/zero")
    (tmp_path / "c.jsonl").write_bytes(b"{}\n")
    assert not Otlp.recognises(tmp_path)
    (tmp_path / "d.jsonl").write_bytes(export(gen_ai()[0]))
    assert Otlp.recognises(tmp_path)
