"""What is counted, and what it costs, at the edges: one claim among several, and terms that change a price."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from agent_widget.sources.claude.records import DECODER
from agent_widget.sources.claude.values import usage_of
from agent_widget.sources.ledger import Ledger
from agent_widget.sources.prices import price
from agent_widget.sources.steps import Terms, Tokens, Usage
from agent_widget.tables import Record

AUTUMN = 1_789_000_000_000  # September 2026
LATE_AUTUMN = 1_794_000_000_000  # November 2026
MILLION = Tokens(1_000_000, 100_000)


def accounts(ledger: Ledger, table: str) -> list[Record]:
    """What the ledger gives out for the rows of a table."""
    return [record for record in ledger.finish() if isinstance(record, Record) and record.table == table]


def billed(*claims: tuple[Usage, str]) -> dict[str, tuple[int, int]]:
    """Input and output tokens of each session: the same whatever the order of the claims, and if prices come later."""
    found: list[dict[str, tuple[int, int]]] = []
    for order in permutations(claims):
        for put_off in range(len(order) + 1):
            ledger = Ledger(lambda model, tokens, at, terms: None)
            sums: dict[str, tuple[int, int]] = {}
            if put_off:
                ledger.put_off()
            for number, (usage, session) in enumerate(order, 1):
                ledger.bill(usage, session, session)
                caught_up = list(ledger.catch_up()) if number == put_off else []
                for record in (*caught_up, *ledger.finish()):
                    if isinstance(record, Record) and record.table == "sessions":
                        sums[record.id] = (record.fields["input_tokens"] or 0, record.fields["output_tokens"])
            found.append(sums)
    assert all(sums == found[0] for sums in found)
    return found[0]


# One answer


def test_the_last_snapshot_of_an_answer_counts_and_not_the_largest() -> None:
    first = Usage(1000, "a", Tokens(900, 300), "claude-opus-4-8", request="r", line=1)
    last = Usage(2000, "a", Tokens(100, 40), "claude-sonnet-4-6", request="r", line=2)
    assert billed((first, "s"), (last, "s")) == {"s": (100, 40)}


def test_an_answer_is_priced_once_for_all_its_lines_in_a_portion() -> None:
    priced: list[int] = []

    def price_of(model: str | None, tokens: Tokens, at: int, terms: Terms) -> float:
        priced.append(tokens.output)
        return tokens.output / 100

    ledger = Ledger(price_of)
    for line, output in enumerate((1, 5, 90)):
        ledger.bill(Usage(AUTUMN, "answer", Tokens(10, output), "m", line=line), "s", "s")
    (row,) = accounts(ledger, "sessions")
    assert (priced, row.fields["output_tokens"], row.fields["cost_usd"]) == ([90], 90, 0.9)
    ledger.bill(Usage(AUTUMN, "answer", Tokens(10, 100), "m", line=3), "s", "s")  # of the next portion
    (row,) = accounts(ledger, "sessions")
    assert (row.fields["output_tokens"], row.fields["cost_usd"]) == (100, 1.0)


@pytest.mark.parametrize(
    "senseless",
    [{"tokens": Tokens(10, 5, 0, 8, 2**64)}, {"tokens": Tokens(10, 5, 0, 8, -1)}]
    + [{"terms": Terms(searches=searches)} for searches in (2**64, -1)],
)
def test_a_number_that_only_a_price_is_made_of_makes_sense_too(senseless: dict[str, Any]) -> None:
    """An archive keeps integers of 64 bits."""
    usage = replace(Usage(LATE_AUTUMN, "a", Tokens(10, 5, 0, 8), "claude-opus-4-8", request="r"), **senseless)
    ledger = Ledger()
    ledger.bill(usage, "s", "a")
    (session,) = accounts(ledger, "sessions")
    assert 0 < session.fields["cost_usd"] < 0.001
    assert msgspec.msgpack.encode(list(ledger._answers.values()))


def test_of_snapshots_at_one_moment_the_later_line_counts() -> None:
    snapshots = [Usage(1000, "a", Tokens(10, 8 - line), request="r", line=line) for line in range(3)]
    assert billed(*[(usage, "s") for usage in snapshots]) == {"s": (10, 6)}


def test_one_id_of_two_requests_is_two_answers() -> None:
    one = Usage(1000, "a", Tokens(10, 5), request="r1")
    assert billed((one, "s"), (replace(one, at=2000, request="r2"), "s"), (one, "z")) == {
        "s": (20, 10),
        "z": (0, 0),
    }


def test_a_side_question_repeats_an_answer_under_another_request() -> None:
    one = Usage(1000, "a", Tokens(10, 5), request="r1")
    side = Usage(3000, "a", Tokens(10, 3), request="r2", copy=True)
    own = Usage(4000, "a", Tokens(77, 1), request="r3", copy=True)
    assert billed((one, "s"), (side, "side"), (own, "side")) == {"s": (10, 5), "side": (77, 1)}


def test_an_answer_without_a_request_is_that_of_any_other_of_its_id() -> None:
    one = Usage(1000, "a", Tokens(10, 5))
    assert billed((one, "s"), (replace(one, at=2000, request="r1"), "s")) == {"s": (10, 5)}


def test_requests_without_a_price_are_counted() -> None:
    ledger = Ledger()
    ledger.bill(Usage(AUTUMN, "a", Tokens(1_000), "gpt-5"), "s", "s")
    (agent,) = accounts(ledger, "agents")
    assert agent.fields["unpriced_requests"] == 0
    ledger.bill(Usage(AUTUMN, "b", Tokens(1_000), "nobody-knows"), "s", "s")
    (agent,) = accounts(ledger, "agents")
    assert (agent.fields["unpriced_requests"], agent.fields["cost_usd"]) == (1, pytest.approx(0.00125))
    ledger.bill(Usage(AUTUMN, "c", Tokens(), "nobody-knows"), "s", "s")
    (agent,) = accounts(ledger, "agents")
    assert agent.fields["unpriced_requests"] == 1


# The passes of an answer of Claude


def passes(**usage: Any) -> list[tuple[str, str | None, Tokens]]:
    line = {"type": "assistant", "message": {"id": "m", "model": "sonnet", "usage": usage}}
    entry = DECODER.decode(json.dumps(line))
    assert entry.message is not None
    return [(found.id, found.model, found.tokens) for found in usage_of(entry, entry.message, 1, 1)]


def one_pass(kind: str, input: int, output: int, model: str | None = None) -> dict[str, Any]:
    return {"type": kind, "input_tokens": input, "output_tokens": output, "model": model}


def test_an_advisor_and_a_compaction_come_on_top_of_an_answer() -> None:
    between = [one_pass("message", 1, 2), one_pass("advisor_message", 500, 60, "opus"), one_pass("message", 2, 3)]
    assert passes(input_tokens=3, output_tokens=5, iterations=between) == [
        ("m", "sonnet", Tokens(3, 5)),
        ("m+1", "opus", Tokens(500, 60)),
    ]
    compacted = [one_pass("compaction", 180, 35), one_pass("message", 23, 10)]
    assert passes(input_tokens=23, output_tokens=10, iterations=compacted) == [
        ("m", "sonnet", Tokens(23, 10)),
        ("m+0", "sonnet", Tokens(180, 35)),
    ]


def test_passes_that_make_up_an_answer_are_told_apart_by_their_models() -> None:
    both = [one_pass("message", 10, 2), one_pass("fallback_message", 20, 3, "opus")]
    assert passes(input_tokens=30, output_tokens=5, iterations=both) == [
        ("m", "sonnet", Tokens(10, 2)),
        ("m+1", "opus", Tokens(20, 3)),
    ]
    assert passes(input_tokens=1, output_tokens=2, iterations=[one_pass("message", 1, 2)]) == [
        ("m", "sonnet", Tokens(1, 2))
    ]


# Terms


@pytest.mark.parametrize(
    ("model", "terms", "dollars"),
    [
        ("claude-opus-4-8", Terms(), 7.50),
        ("claude-opus-4-8", Terms(speed="fast"), 15.00),
        ("claude-opus-4-8[1m]", Terms(speed="fast"), 15.00),
        ("claude-opus-4-8-fast", Terms(), 15.00),
        ("anthropic/claude-opus-4.8-fast", Terms(), 15.00),
        ("claude-opus-4.8-fast", Terms("github-copilot"), 15.00),
        ("claude-opus-4-6-fast", Terms(region="us"), 49.50),
        ("claude-opus-5-5", Terms(speed="fast"), 12.00),
        ("claude-fable-5-2", Terms(speed="fast"), 24.00),
        ("claude-sonnet-4-6-fast", Terms(), None),
        ("claude-opus-4-6-20260205", Terms(speed="fast"), 45.00),
        ("anthropic/claude-opus-4.7", Terms(speed="fast"), 45.00),
        ("claude-sonnet-4-6", Terms(speed="fast"), None),
        ("claude-opus-4-8", Terms(speed="batch"), 3.75),
        ("claude-opus-4-8", Terms(speed="priority"), 7.50),
        ("claude-opus-4-8", Terms(region="us"), 8.25),
        ("claude-opus-4-8", Terms(region="us", speed="fast"), 16.50),
        ("claude-opus-4-8", Terms(region="mars"), None),
        ("claude-opus-4-8", Terms(searches=7), 7.57),
        ("claude-opus-4-8", Terms(searches=7, region="us"), 8.32),
    ],
)
def test_what_is_bought_on_other_terms_has_another_price(model: str, terms: Terms, dollars: float | None) -> None:
    assert price(model, MILLION, AUTUMN, terms) == (None if dollars is None else pytest.approx(dollars))


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        ("gpt-5.6", 2),
        ("gpt-5.6-terra", 2),
        ("gpt-5.5", 2.5),
        ("gpt-5.5-2026-04-23", 2.5),
        ("openai/gpt-5.4", 2),
        ("gpt-5.2-codex", 2),
        ("gpt-5-mini", 1.8),
        ("gpt-4.1-mini", 1.75),
        ("gpt-4.1-nano", 2),
        ("gpt-4o-2024-05-13", 1.75),
        ("gpt-4o-2024-11-20", 1.7),
        ("gpt-4o-mini", 5 / 3),
        ("o4-mini", 20 / 11),
    ],
)
def test_priority_of_openai_is_a_multiple_of_the_models(model: str, factor: float) -> None:
    tokens = Tokens(10_000, 1_000)
    usual = price(model, tokens, AUTUMN)
    assert usual is not None
    for speed in ("priority", "fast"):
        assert price(model, tokens, AUTUMN, Terms(speed=speed)) == pytest.approx(usual * factor)
    assert price(model, tokens, AUTUMN, Terms(speed="flex")) == pytest.approx(usual / 2)
    assert price(model, tokens, AUTUMN, Terms(speed="unheard of")) is None


@pytest.mark.parametrize("model", ["gpt-5-nano", "gpt-5.4-nano", "o3-pro", "gpt-5.1-codex-mini", "gpt-5.1-codex-max"])
def test_a_model_that_is_not_sold_with_priority_has_no_price_of_a_namesake(model: str) -> None:
    assert price(model, Tokens(10_000, 1_000), AUTUMN) is not None
    assert price(model, Tokens(10_000, 1_000), AUTUMN, Terms(speed="priority")) is None


@pytest.mark.parametrize(
    ("model", "speed", "at", "dollars"),
    [
        ("gpt-6.1-terra", "priority", LATE_AUTUMN, 0.3),
        ("gpt-6.1-terra", "flex", LATE_AUTUMN, 0.075),
        ("gpt-6-luna", "fast", LATE_AUTUMN, 0.03),
        ("gpt-6-luna", "fast", AUTUMN, None),  # the library knows of no such rate before October
        ("gpt-5.5", "fast", LATE_AUTUMN, 2.0),
        ("gpt-5.5-fast", None, LATE_AUTUMN, 2.0),
        ("gpt-5.5-fast", None, AUTUMN, 2.0),
    ],
)
def test_rates_of_the_library_for_a_speed_count_from_their_day(
    model: str, speed: str | None, at: int, dollars: float | None
) -> None:
    found = price(model, Tokens(100_000, 10_000), at, Terms(speed=speed))
    assert found == (None if dollars is None else pytest.approx(dollars))


@pytest.mark.parametrize(
    ("model", "provider", "dollars"),
    [
        ("moonshotai/kimi-k2-instruct", "groq", 1.0),
        ("claude-sonnet-4-5", "github-copilot", 3.0),
        ("claude-sonnet-4-5", "a gateway of our own", 3.0),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon-bedrock", 3.3),
        ("glm-5.1", "zai-coding-plan", 1.4),
        ("glm-5.1", "zhipuai", 0.828),
        ("accounts/fireworks/models/glm-5p1", "fireworks-ai", 1.4),
    ],
)
def test_a_model_costs_what_its_seller_asks(model: str, provider: str, dollars: float) -> None:
    assert price(model, Tokens(1_000_000 // 8), AUTUMN, Terms(provider)) == pytest.approx(dollars / 8)


def test_a_long_input_has_no_known_price_with_priority() -> None:
    for speed, known in (("standard", True), ("flex", True), ("priority", False)):
        for at in (AUTUMN, LATE_AUTUMN):
            assert (price("gpt-5.4", Tokens(300_000, 10), at, Terms(speed=speed)) is not None) is known
    terra = price("gpt-6.1-terra", Tokens(300_000, 10_000), LATE_AUTUMN, Terms(speed="priority"))
    assert terra == pytest.approx(0.3 * 4 + 0.01 * 15)  # of this one the library says it


def test_it_is_said_which_rates_are_not_those_of_the_library() -> None:
    ledger = Ledger()
    for number, terms in enumerate([Terms(), Terms(speed="fast"), Terms(region="us"), Terms(searches=2)]):
        ledger.bill(Usage(AUTUMN, str(number), Tokens(100, 10), "claude-opus-4-8", terms=terms), "s", "s")
    ledger.bill(Usage(AUTUMN, "older", Tokens(100, 10), "claude-opus-4-6-fast"), "s", "s")
    elsewhere = "us.anthropic.claude-opus-4-8-v1:0"
    ledger.bill(Usage(AUTUMN, "elsewhere", Tokens(100, 10), elsewhere, terms=Terms(searches=1)), "s", "s")
    ledger.bill(Usage(AUTUMN, "stated", Tokens(1), "gpt-5.5", cost_usd=1.0, terms=Terms(speed="fast")), "s", "s")
    ledger.bill(Usage(AUTUMN, "unknown", Tokens(1), "gpt-5-nano", terms=Terms(speed="fast")), "s", "s")
    list(ledger.finish())
    said = sorted(rate.partition(" (")[0] for rate in ledger.own_rates)
    assert said == [
        "claude-opus-4-6: fast at 6 times the usual rates",
        "claude-opus-4-8: served in us at 1.1 times the usual rates",
        "claude-opus-4-8: web searches at $0.01 each",
    ]
    assert all("November 2026" in rate for rate in ledger.own_rates)


@pytest.mark.parametrize("provider", ["ollama", "oss", "lmstudio", "LMStudio", "llama.cpp", "vllm"])
def test_a_model_on_ones_own_machine_has_no_price(provider: str) -> None:
    assert price("gpt-5", MILLION, AUTUMN, Terms(provider)) is None


@pytest.mark.parametrize(
    "model",
    ["kimi-k2.5-free", "opencode/kimi-k2.5-free", "deepseek/deepseek-r1:free", "gpt-oss:20b", "kimi-k2.5:cloud"],
)
def test_a_free_model_and_one_of_ollama_have_no_price_of_a_namesake(model: str) -> None:
    assert price(model, MILLION, AUTUMN) is None
