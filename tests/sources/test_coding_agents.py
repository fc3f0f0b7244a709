"""Telemetry of Claude Code, Codex and Gemini CLI: every record and attribute that they document, as they send it."""

from __future__ import annotations

import random
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.otlp import Otlp
from tests.support.otlp import START, TRACE, event, export, logs, span
from tests.support.transcripts import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(Otlp, tmp_path)


def claude(name: str, second: float, **attributes: Any) -> dict[str, Any]:
    """A log record as Claude Code 2.1 sends it: the name without its first part, the whole of it as the body."""
    record = event("", second, **{"session.id": "s1", "event.name": name, "terminal.type": "tmux", **attributes})
    return {**record, "eventName": "", "body": {"stringValue": f"claude_code.{name}"}}


def codex(name: str, second: float, **attributes: Any) -> dict[str, Any]:
    common = {"conversation.id": "s1", "app.version": "0.130.0", "originator": "codex_exec", "model": "gpt-5"}
    return event(f"codex.{name}", second, **common, **attributes)


def gemini(name: str, second: float, **attributes: Any) -> dict[str, Any]:
    return event(name, second, **{"session.id": "s1", "installation.id": "i", **attributes})


def answer(second: float, **attributes: Any) -> dict[str, Any]:
    """Claude Code's record of an answer."""
    used = {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 100, "cache_creation_tokens": 20}
    told = {"model": "claude-sonnet-5", "cost_usd": 0.5, "cost_usd_micros": 500_000, "speed": "normal", **used}
    return claude("api_request", second, **{"query_source": "repl_main_thread", **told, **attributes})


def texts(home: Home) -> list[tuple[str, str | None]]:
    found = sorted(home.rows("messages").values(), key=lambda row: row["at"])
    return [(row["kind"], row["text"]) for row in found]


@pytest.mark.parametrize(
    "records",
    [
        [claude("user_prompt", 0, prompt="<REDACTED>", prompt_length=12)],
        [claude("user_prompt", 0, prompt_length="12")],
        [codex("user_prompt", 0, prompt="[REDACTED]", prompt_length="12")],
        [gemini("gemini_cli.user_prompt", 0, prompt_length=12, prompt_id="p1")],
    ],
)
def test_a_prompt_that_is_not_told_is_no_title(home: Home, records: list[dict[str, Any]]) -> None:
    home.write("l.jsonl", logs(*records)).read()
    assert texts(home) == [("prompt", "[12 characters]")]
    assert home.only("sessions")["title"] is None


def test_what_claude_code_answered_is_told_if_it_was_sent(home: Home) -> None:
    home.write(
        "l.jsonl",
        logs(
            claude("user_prompt", 0, prompt="Sweep"),
            claude("assistant_response", 1, response="<REDACTED>", response_length=4),
            claude("assistant_response", 2, response="Swept.", request_id="r1", model="claude-sonnet-5"),
        ),
    ).read()
    assert texts(home) == [("prompt", "Sweep"), ("reply", "Swept.")]
    assert home.row("agents", "s1")["activity"] == "Swept."
    assert not home.rows("logs")


def test_a_subagent_of_claude_code_has_its_own_tokens_and_is_done_when_it_has_reported(home: Home) -> None:
    home.now = START + 9000
    home.write(
        "l.jsonl",
        logs(
            answer(1, request_id="r1"),
            answer(2, request_id="r2", query_source="agent:builtin:Explore", **{"agent.name": "Explore"}),
            answer(3, request_id="r3", query_source="agent:builtin:Plan"),
            claude("subagent_completed", 4, agent_type="Explore", total_tool_uses=3, model="claude-haiku-4-5"),
        ),
    ).read()
    agents = home.rows("agents")
    helper = agents["s1/Explore"]
    assert (helper["name"], helper["parent_id"], helper["status"]) == ("Explore", "s1", "done")
    assert {id: row["output_tokens"] for id, row in agents.items() if id != "user"} == {
        "s1": 5,
        "s1/Explore": 5,
        "s1/Plan": 5,
    }
    assert (home.only("sessions")["output_tokens"], home.only("sessions")["cost_usd"]) == (15, 1.5)


def test_a_subagent_keeps_its_model_if_the_word_of_its_end_names_none(home: Home) -> None:
    asked = answer(1, query_source="agent:builtin:Explore", model="claude-haiku-4-5")
    home.write("l.jsonl", logs(asked)).read()
    home.write("m.jsonl", logs(claude("subagent_completed", 2, agent_type="Explore"))).read()
    assert home.row("agents", "s1/Explore")["model"] == "claude-haiku-4-5"


@pytest.mark.parametrize("name", ["Explore", "team.explorer"])
def test_a_subagent_has_one_name_in_log_records_and_in_spans(home: Home, name: str) -> None:
    """In log records its kind is its key too, so the two are agents of one name."""
    source = f"agent:custom:{name}"
    told = {"session__id": "s1", "agent_id": "a1", "query_source": source, "request_id": "r2"}
    asked = span(1, 0, "claude_code.llm_request", 1, 1, **told)
    home.write("l.jsonl", logs(answer(1, request_id="r1", query_source=source))).read()
    home.write("t.jsonl", export(asked, service="claude-code")).read()
    agents = home.rows("agents")
    assert {agents[f"s1/{name}"]["name"], agents["s1/a1"]["name"]} == {name}


def test_what_was_asked_beside_the_conversation_does_not_name_its_model(home: Home) -> None:
    home.write("l.jsonl", logs(answer(1), answer(2, model="claude-haiku-4-5", query_source="compact"))).read()
    agent = home.row("agents", "s1")
    assert (agent["model"], agent["context_tokens"], agent["output_tokens"]) == ("claude-sonnet-5", 130, 10)
    home.write(
        "g.jsonl",
        logs(
            gemini("gemini_cli.api_response", 1, model="gemini-3-pro", input_token_count=9, **{"session.id": "s2"}),
            gemini(
                "gemini_cli.api_response",
                2,
                **{"session.id": "s2", "model": "gemini-3-flash", "role": "utility_compressor"},
                input_token_count=9,
            ),
        ),
    ).read()
    assert (home.row("agents", "s2")["model"], home.row("sessions", "s2")["input_tokens"]) == ("gemini-3-pro", 18)


def test_a_call_shows_what_it_was_called_with_and_why_it_failed(home: Home) -> None:
    home.write(
        "l.jsonl",
        logs(
            claude("tool_result", 1, tool_name="Read", tool_use_id="c1", success="true", tool_input={"file_path": "a"}),
            claude(
                "tool_result",
                2,
                tool_name="Bash",
                tool_use_id="c2",
                success="false",
                error_type="ShellError",
                tool_parameters={"bash_command": "make", "full_command": "make all"},
            ),
            claude(
                "tool_result",
                3,
                tool_name="mcp_tool",
                tool_use_id="c3",
                success="true",
                tool_parameters={"mcp_server_name": "shop", "mcp_tool_name": "price"},
            ),
            claude("tool_result", 4, tool_name="Glob", tool_use_id="c4", success="true", tool_parameters={}),
        ),
    ).read()
    found = home.rows("tool_calls")
    assert {id: (row["name"], row["status"], row["error"]) for id, row in found.items()} == {
        "c1": ("Read", "ok", None),
        "c2": ("Bash", "error", "ShellError"),
        "c3": ("mcp__shop__price", "ok", None),
        "c4": ("Glob", "ok", None),
    }
    assert found["c1"]["input"] == '{"file_path":"a"}' and "make all" in str(found["c2"]["input"])
    assert found["c4"]["input"] is None


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (claude("api_error", 1, error="overloaded", status_code=529, attempt=1), "overloaded"),
        (claude("api_retries_exhausted", 1, error="gave up", total_attempts=10), "gave up"),
        (codex("api_request", 1, **{"error.message": "boom", "http.response.status_code": 500, "attempt": 1}), "boom"),
        (codex("sse_event", 1, **{"event.kind": "response.failed", "error.message": "cut off"}), "cut off"),
        (codex("websocket_request", 1, success="false", **{"error.message": "closed"}), "closed"),
        (gemini("gemini_cli.api_error", 1, error="quota", model="m", status_code=429), "quota"),
    ],
)
def test_what_failed_is_an_error_of_its_session(home: Home, record: dict[str, Any], said: str) -> None:
    home.write("l.jsonl", logs({**record, "severityNumber": 9})).read()
    line = home.only("logs")
    assert (line["level"], line["session_id"]) == ("error", "s1") and line["text"].endswith(f": {said}")


def test_a_conversation_of_codex_shows_when_it_starts_and_a_decision_that_timed_out_refuses(home: Home) -> None:
    home.write("l.jsonl", logs(codex("conversation_starts", 0, provider_name="OpenAI"))).read()
    assert (home.row("agents", "s1")["name"], home.row("agents", "s1")["model"]) == ("Codex", "gpt-5")
    home.write(
        "m.jsonl",
        logs(
            codex("tool_decision", 1, tool_name="shell", call_id="c1", decision="timed_out", source="user"),
            codex("tool_result", 2, tool_name="shell", call_id="c2", success="false", output="no such file"),
            codex("api_request", 3, **{"http.response.status_code": 200, "duration_ms": "9"}),
        ),
    ).read()
    assert {id: row["status"] for id, row in home.rows("tool_calls").items()} == {"c1": "denied", "c2": "error"}
    assert home.row("tool_calls", "c2")["output"] == "no such file"
    assert not home.rows("logs")


def test_gemini_cli_tells_answers_subagents_and_its_end(home: Home) -> None:
    """Each answer has two records; the one of GenAI's conventions has the text, the other one all tokens."""
    reply = [{"role": "model", "parts": [{"type": "text", "content": "Dusted."}], "finish_reason": "stop"}]
    details = {"gen_ai.output.messages": reply, "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 7}
    used = {"input_token_count": 100, "cached_content_token_count": 60, "output_token_count": 7}
    more = {"thoughts_token_count": 3, "tool_token_count": 4, "model": "gemini-3-pro", "role": "main"}
    about = {"agent_id": "a1", "agent_name": "codebase_investigator"}
    home.write(
        "l.jsonl",
        logs(
            gemini("gemini_cli.user_prompt", 0, prompt="Dust", prompt_length=4),
            gemini("gemini_cli.api_response", 1, **used, **more),
            gemini("gen_ai.client.inference.operation.details", 1, **details),
            gemini("gemini_cli.agent.start", 2, **about),
            gemini("gemini_cli.agent.finish", 3, **about, duration_ms=900, terminate_reason="MAX_TURNS"),
            gemini("gemini_cli.tool_call", 4, function_name="ls", function_args={}, success=False, decision="reject"),
            gemini("end_session", 5, session_id="s1"),
            service="gemini-cli",
        ),
    ).read()
    session, agents = home.only("sessions"), home.rows("agents")
    tokens = [session[name] for name in ("input_tokens", "cache_read_tokens", "output_tokens")]
    assert tokens == [44, 60, 10]
    assert texts(home) == [("prompt", "Dust"), ("reply", "Dusted.")]
    helper = agents["s1/a1"]
    assert (helper["name"], helper["parent_id"], helper["status"]) == ("codebase_investigator", "s1", "failed")
    assert [row["status"] for row in home.rows("tool_calls").values()] == ["denied"]
    assert session["status"] == "ended" and not home.rows("logs")


def test_spans_of_gemini_cli_repeat_its_records_and_are_not_counted(home: Home) -> None:
    spans = span(1, 0, "llm_call", 0, 1, gen_ai__request__model="m", gen_ai__usage__input_tokens=9)
    line = export(spans, service="gemini-cli").replace(b'"test"', b'"gemini-cli"')
    home.write("t.jsonl", line).read()
    assert not home.rows("sessions")


# Claude Code's spans


def interaction() -> list[dict[str, Any]]:
    """A turn with a call that succeeds, one that fails, one that is declined, and a subagent; inner spans first."""
    model = {"model": "claude-sonnet-5", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-5"}
    used = {"input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 100, "cache_creation_tokens": 20}
    helper = {"agent_id": "a1", "query_source_safe": "agent.builtin.Explore"}

    def of(id: int, parent: int, name: str, second: float, seconds: float, **attributes: Any) -> dict[str, Any]:
        about = {"session.id": "s1", "span.type": name}
        return span(id, parent, f"claude_code.{name}", second, seconds, **{**about, **attributes})

    return [
        of(2, 1, "llm_request", 1, 1, **model, **used, request_id="r1", success=True, stop_reason="tool_use"),
        of(4, 3, "tool.execution", 2, 1, tool_use_id="c1", success=True),
        of(3, 1, "tool", 2, 1, tool_name="Read", tool_use_id="c1", file_path="a.py"),
        of(6, 5, "tool.execution", 3, 1, tool_use_id="c2", success=False, error="ShellError"),
        of(5, 1, "tool", 3, 1, tool_name="Bash", tool_use_id="c2", full_command="make"),
        of(8, 7, "tool.blocked_on_user", 4, 1, decision="reject", source="user_reject"),
        of(7, 1, "tool", 4, 1, tool_name="Write", tool_use_id="c3"),
        of(
            10, 9, "llm_request", 5, 1, **model, **used, **helper, request_id="r2", success=True, stop_reason="end_turn"
        ),
        of(9, 1, "tool", 5, 2, tool_name="Agent", tool_use_id="c4", subagent_type="Explore"),
        of(1, 0, "interaction", 0, 8, user_prompt="Sweep", user_prompt_length=5),
    ]


def records() -> list[dict[str, Any]]:
    """What log records tell of the same turn."""
    return [
        claude("user_prompt", 0.1, prompt="Sweep", prompt_length=5),
        answer(2, request_id="r1"),
        claude("tool_result", 3, tool_name="Read", tool_use_id="c1", success="true"),
        claude("tool_result", 4, tool_name="Bash", tool_use_id="c2", success="false", error_type="ShellError"),
        claude("tool_decision", 5, tool_name="Write", tool_use_id="c3", decision="reject", source="user_reject"),
        claude("tool_result", 7, tool_name="Agent", tool_use_id="c4", success="true"),
    ]


def check_the_turn(home: Home) -> None:
    calls = {id: (row["name"], row["status"]) for id, row in home.rows("tool_calls").items()}
    assert calls == {"c1": ("Read", "ok"), "c2": ("Bash", "error"), "c3": ("Write", "denied"), "c4": ("Agent", "ok")}
    assert home.row("tool_calls", "c2")["error"] == "ShellError"
    assert [text for kind, text in texts(home) if kind == "prompt"] == ["Sweep"]
    assert (home.row("agents", "s1")["name"], home.row("sessions", "s1")["title"]) == ("Claude Code", "Sweep")


@pytest.mark.parametrize("order", range(6))
def test_a_turn_of_claude_code_is_told_by_its_spans(home: Home, order: int) -> None:
    spans = interaction()
    if order:
        random.Random(order).shuffle(spans)
        if order < 4:  # a span that was declined says so before the one around it
            spans.sort(key=lambda each: each["name"] != "claude_code.tool.blocked_on_user")
        else:
            spans.sort(key=lambda each: each["name"] == "claude_code.tool")
    home.now = START + 20_000
    home.write("t.jsonl", b"".join(export(each, service="claude-code") for each in spans)).read()
    check_the_turn(home)
    helper = home.row("agents", "s1/a1")
    assert (helper["name"], helper["parent_id"], helper["status"]) == ("Explore", "s1", "done")
    used = {id: row["output_tokens"] for id, row in home.rows("agents").items() if id != "user"}
    assert used == {"s1": 5, "s1/a1": 5}
    assert home.row("agents", "s1")["cache_read_tokens"] == 100 and home.row("agents", "s1")["input_tokens"] == 10
    assert home.row("agents", "s1")["status"] == "idle" and set(home.rows("sessions")) == {"s1"}


@pytest.mark.parametrize("first", ["spans", "records"])
def test_what_spans_and_records_both_tell_counts_once(home: Home, first: str) -> None:
    spans = b"".join(export(each, service="claude-code") for each in interaction())
    told = logs(*records(), service="claude-code")
    for data in (spans, told) if first == "spans" else (told, spans):
        home.write("t.jsonl", data).read()
    check_the_turn(home)
    session = home.row("sessions", "s1")
    assert (session["output_tokens"], session["tool_calls"], session["messages"]) == (10, 4, 1)


# GenAI's log records


def chat(second: float, **attributes: Any) -> dict[str, Any]:
    about = {"gen_ai__operation__name": "chat", "gen_ai__request__model": "m1", "gen_ai__usage__input_tokens": 9}
    return span(2, 1, "chat m1", second, 2, **about, **attributes)


def of_span(name: str, second: float, body: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """A log record beside the span of :func:`chat`."""
    content = {} if body is None else {"body": _any(body)}
    return {**event(name, second, **attributes), "traceId": TRACE, "spanId": f"{2:016x}", **content}


def _any(of: Any) -> dict[str, Any]:
    if isinstance(of, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": _any(value)} for key, value in of.items()]}}
    return {"intValue": str(of)} if isinstance(of, int) else {"stringValue": of}


OLD = [
    of_span("gen_ai.system.message", 0, {"content": "Be brief"}),
    of_span("gen_ai.user.message", 0, {"content": "Paint the door"}),
    of_span(
        "gen_ai.choice", 2, {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Red."}}
    ),
]
"""As of semantic conventions 1.28 to 1.36."""
NEW = [
    of_span(
        "gen_ai.client.inference.operation.details",
        2,
        **{
            "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Paint the door"}]}],
            "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Red."}]}],
        },
    )
]
"""Since 1.37."""


@pytest.mark.parametrize("told", [OLD, NEW], ids=["1.28", "1.37"])
def test_texts_in_log_records_are_those_of_their_span_whichever_comes_first(
    tmp_path: Path, told: list[dict[str, Any]]
) -> None:
    root = span(1, 0, "invoke_agent painter", 0, 3, gen_ai__operation__name="invoke_agent")
    parts = [logs(*told), export(chat(0)), export(root)]
    for number, order in enumerate(permutations(parts)):
        home = Home(Otlp, tmp_path / str(number))
        for part in order:
            home.write("t.jsonl", part).read()
        assert texts(home) == [("prompt", "Paint the door"), ("reply", "Red.")], number
        assert not home.rows("logs") and home.only("sessions")["input_tokens"] == 9


def test_records_without_content_say_nothing(home: Home) -> None:
    empty = [of_span("gen_ai.user.message", 0), of_span("gen_ai.choice", 2, {"index": 0, "finish_reason": "stop"})]
    home.write("t.jsonl", logs(*empty) + export(chat(0))).read()
    assert not home.rows("messages") and not home.rows("logs")
