"""What an answer of a model costs: tokens → US dollars, offline.

The prices come with the library ``genai-prices`` (``pip install "agent-widget[prices]"``). Without it, and for models
it does not know, the price is ``None``: unknown, never nothing. It is imported when the first answer is priced, and
asked once per model: what it says becomes rates per token, so that a hundred thousand answers cost little.

An answer costs what it cost when it was given: prices that changed since, or that hold at some hours only, go by
its own time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ..tables import now_ms
from .steps import STANDARD, Terms, Tokens

_PERIOD_MS: Final = 30 * 60_000
"""Period in ms within which prices are constant: those that vary do so at full or half hours."""
_LONGEST_NAME: Final = 200
_LOCAL: Final = frozenset(
    "ollama ollama_chat ollama-chat ollama-cloud lmstudio lm-studio lm_studio llamacpp llama.cpp llama-cpp llama_cpp "
    "llama-server vllm sglang mlx mlx-lm koboldcpp jan gpt4all localai local oss".split()
)
"""Providers on the user's own machine, where prices of the same model elsewhere do not apply."""
_FREE: Final = re.compile(r"[-:]free$")
"""Endings of models that cost nothing where they are offered, at OpenCode and OpenRouter."""
_CONTEXT: Final = re.compile(r"(?<!\s)\s*\[[^\[\]]*\]$")
"""Ending that says how much of a model's context is used: ``[1m]``."""
_TAGGED: Final = re.compile(r":(?:latest|cloud|\d+(?:\.\d+)?[bm]\b.*|.*-cloud|.*q\d_.*)$")
"""Endings of Ollama's names, which no seller's names have."""

# ---------------------------------------------------------------------------------------------------------------------
# Rates that the library does not have, as multiples of those it has

_FAST: Final[Mapping[str, float]] = {"claude-opus-4-6": 6, "claude-opus-4-7": 6}
"""Fast mode of the Claude models of which the library has no rate for it (former versions of
platform.claude.com/docs/en/build-with-claude/fast-mode; LiteLLM's ``provider_specific_entry.fast``)."""
_PRIORITY: Final[Mapping[str, float]] = {
    "gpt-6.1-sol": 2,
    "gpt-6-astra": 2,
    "gpt-5.6": 2,
    "gpt-5.6-sol": 2,
    "gpt-5.6-terra": 2,
    "gpt-5.6-luna": 2,
    "gpt-5.5": 2.5,
    "gpt-5.4": 2,
    "gpt-5.4-mini": 2,
    "gpt-5.3-codex": 2,
    "gpt-5.2": 2,
    "gpt-5.2-codex": 2,
    "gpt-5.1": 2,
    "gpt-5.1-codex": 2,
    "gpt-5": 2,
    "gpt-5-codex": 2,
    "gpt-5-mini": 1.8,
    "gpt-4.1": 1.75,
    "gpt-4.1-mini": 1.75,
    "gpt-4.1-nano": 2,
    "gpt-4o": 1.7,
    "gpt-4o-2024-05-13": 1.75,
    "gpt-4o-mini": 5 / 3,
    "o3": 1.75,
    "o4-mini": 20 / 11,
}
"""Priority processing of OpenAI, which Codex calls fast, of these models only: others (nano, pro, …) are not sold so.

To 5.5 from openai.com/api-priority-processing, its prices divided by the usual ones; 5.2-codex after
theopenco/llmgateway#3117, 5.3-codex, 5.6 and 6 after ccusage's ``fast-multiplier-overrides.json`` and
developers.openai.com/api/docs/models; November 2026. None is for long inputs, which have prices of their own. The
library has most of these rates from 12 October 2026 on; these are for the time before.
"""
_SOONER: Final = frozenset({"fast", "priority"})
_SAYS_FAST: Final = re.compile(r"-fast$", re.IGNORECASE)
"""Ending of names that a gateway or an agent gives to a model in fast mode, where the seller has none of that name."""
_SELLERS: Final[Mapping[str, str]] = {
    "fireworks-ai": "fireworks",
    "fireworks_ai": "fireworks",
    "kimi": "moonshotai",
    "kimi-code": "moonshotai",
    "kimi-for-coding": "moonshotai",
    "minimax-coding-plan": "minimax",
    "novita-ai": "novita",
    "togetherai": "together",
    "zai-coding-plan": "zai",
    "zhipuai-coding-plan": "zhipuai",
}
"""Names that agents give to sellers, by models.dev, where the library does not know them."""
_OF_KIMI: Final = re.compile(r"^k(\d)(?:p(\d))?$", re.IGNORECASE)
"""What Kimi's plans call its models: ``k3``, ``k2p6``."""
_HALF: Final = frozenset({"batch", "flex"})
"""Tiers at half the usual rates, at both (the same pages)."""
_USUAL: Final = frozenset({"", "standard", "default", "auto", "normal", "none", "scale"})
_REGIONS: Final[Mapping[str, float]] = {"us": 1.1, "global": 1, "not_available": 1, "default": 1, "": 1}
"""Where Claude was served (platform.claude.com/docs/en/about-claude/pricing, data residency, November 2026)."""
_CLAUDE_SEARCH: Final = 0.01
"""US dollars for a web search by Claude, where the library has no rate (the same page)."""


class _Rates(NamedTuple):
    """US dollars per token, and per request, once the whole input is larger than ``above`` tokens."""

    above: int
    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    request: float
    search: float | None
    """For each web search; ``None`` if the library does not know."""
    unknown: bool = False
    """Whether nobody says what so large an input costs on these terms."""


class _Found(NamedTuple):
    """What the library knows of a model."""

    model: Any
    varies: bool
    """Whether its usual rates vary with time."""
    dated: bool
    """Whether those of other speeds do."""
    speed: str | None
    """What the name says beside the model: a seller that lists no model of this name sells that of the maker faster."""

    def period(self, at: int, speed: str) -> int:
        """Return the period that a time (ms) is in, always the same if the rates do not vary."""
        return at // _PERIOD_MS if self.varies or (self.dated and speed not in _USUAL) else 0


def price(model: str | None, tokens: Tokens, at: int | None = None, terms: Terms = STANDARD) -> float | None:
    """Return US dollars for one answer given ``at`` (default: now); ``None`` if the model's price is not known.

    ``terms``: how it was bought, where that changes the price.
    """
    if not model or (terms.provider is not None and terms.provider.lower() in _LOCAL):
        return None
    found = _model(model, terms.provider)
    if found is None:
        return None
    speed = (terms.speed or found.speed or "").lower()
    period = found.period(now_ms() if at is None else at, speed)
    read, write = tokens.cache_read, tokens.cache_write
    whole = tokens.input + read + write
    listed, of_library = _rates(model, terms.provider, period, speed)
    for rates in listed:
        if whole > rates.above:
            break
    else:
        return None
    if rates.unknown:
        return None
    long = min(tokens.cache_write_1h, write)
    dollars = (
        tokens.input * rates.input
        + tokens.output * rates.output
        + read * rates.cache_read
        + (write - long) * rates.cache_write
        + long * rates.cache_write_1h
    )
    if terms == STANDARD and not speed:
        return dollars + rates.request
    factor = _factor(model, "" if of_library else speed, terms.region)
    search = _search(model, rates) if terms.searches else 0.0
    if factor is None or search is None:
        return None
    if rates.above > 0 and not of_library and speed in _SOONER and not _plain(model).startswith("claude-"):
        return None  # nobody says what a long input costs on these terms
    return dollars * factor + rates.request + terms.searches * search


def _search(model: str, rates: _Rates) -> float | None:
    """Return US dollars for a web search; ``None`` if nobody knows."""
    return _CLAUDE_SEARCH if rates.search is None and _plain(model).startswith("claude-") else rates.search


@functools.lru_cache(maxsize=1024)
def _factor(model: str, speed: str | None, region: str | None) -> float | None:
    """Return the multiple of the usual rates at which an answer is billed; ``None`` if nobody knows it."""
    speed, region = (speed or "").lower(), (region or "").lower()
    name = _plain(model)
    if speed in _USUAL:
        factor: float | None = 1
    elif speed in _HALF:
        factor = 0.5
    elif name.startswith("claude-"):
        # what Claude calls priority was paid for in advance; its answers have the usual rates
        factor = 1 if speed == "priority" else _FAST.get(name)
    else:
        dated = model.strip().lower().rpartition("/")[2]
        factor = _PRIORITY.get(dated, _PRIORITY.get(name)) if speed in _SOONER else None
    place = _REGIONS.get(region) if name.startswith("claude-") else 1
    return None if factor is None or place is None else factor * place


def own_rates(model: str | None, terms: Terms, at: int) -> tuple[str, ...]:
    """Return which rates of this module, not of the library, go into the price of an answer given ``at`` (ms).

    They are in words, with their source.
    """
    found = _model(model, terms.provider) if model else None
    if not model or found is None or (terms == STANDARD and found.speed is None):
        return ()
    speed = (terms.speed or found.speed or "").lower()
    return _own_rates(model, terms, speed, found.period(at, speed))


@functools.lru_cache(maxsize=1024)
def _own_rates(model: str, terms: Terms, speed: str, period: int) -> tuple[str, ...]:
    name, region = _plain(model), (terms.region or "").lower()
    claude, found = name.startswith("claude-"), []
    listed, of_library = _rates(model, terms.provider, period, speed)
    factor = None if speed in _USUAL or of_library else _factor(model, speed, "")
    if factor is not None and factor != 1:
        source = "platform.claude.com, fast mode" if claude else "openai.com, priority processing"
        source = "the seller's price list" if speed in _HALF else source
        found.append(f"{name}: {speed} at {factor:.4g} times the usual rates ({source}, November 2026)")
    if claude and region in _REGIONS and _REGIONS[region] != 1:
        where = f"{_REGIONS[region]:.4g} times the usual rates (platform.claude.com, data residency, November 2026)"
        found.append(f"{name}: served in {region} at {where}")
    if claude and terms.searches and any(rates.search is None for rates in listed):
        found.append(
            f"{name}: web searches at ${_CLAUDE_SEARCH:.2f} each (platform.claude.com, pricing, November 2026)"
        )
    return tuple(found)


def _plain(model: str) -> str:
    """Return the name of a model as its maker writes it, without seller, region, version, date and speed."""
    name = _SAYS_FAST.sub("", _CONTEXT.sub("", model.strip().lower()).rpartition("/")[2])
    if (found := re.search(r"claude-[a-z0-9.@-]*", name)) is not None:
        name = re.sub(r"-v\d+$", "", found.group().replace("@", "-").replace(".", "-"))
    return re.sub(r"-20\d\d-?\d\d-?\d\d$|-latest$", "", name)


@functools.lru_cache(maxsize=1024)
def _model(name: str, provider: str | None = None) -> _Found | None:
    """Return what the library knows of a model, by any of its names.

    ``provider``: who sells it, if that is known; what it lists counts before what the maker does.
    """
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    named = _CONTEXT.sub("", name.strip())
    bare = _SAYS_FAST.sub("", named)
    for written in dict.fromkeys((named, bare)):
        for seller, reference in _spellings(written, provider):
            try:
                model = calc_price(Usage(), reference, provider_id=seller).model
            except (LookupError, ValueError):
                continue
            dated = any(variant.constraint is not None for variant in model.price_variants or ())
            speed = "fast" if bare != named and "fast" not in model.id.lower() else None
            return _Found(model, isinstance(model.prices, list), dated, speed)
    return None


@functools.lru_cache(maxsize=8192)
def _rates(name: str, provider: str | None, period: int, speed: str) -> tuple[tuple[_Rates, ...], bool]:
    """Return the rates of a model at a time, for the largest inputs first; empty if it is not billed by the token.

    With it, whether they are those of the speed; else the usual ones.
    """
    found, moment = _model(name, provider), datetime.fromtimestamp(period * _PERIOD_MS / 1000, UTC)
    if found is None:
        return (), False
    usual = prices = found.model.get_prices(moment)
    for context in ({"speed": speed}, {"service_tier": speed}, {"processing": speed}):
        if speed not in _USUAL and _has(found.model, context, moment):
            prices = found.model.get_prices(moment, context)
            break
    if prices.input_mtok is None and prices.output_mtok is None:
        return (), prices is not usual
    # what has no price of its own is billed as what it is a part of
    read = prices.input_mtok if prices.cache_read_mtok is None else prices.cache_read_mtok
    write = prices.input_mtok if prices.cache_write_mtok is None else prices.cache_write_mtok
    long = write if prices.cache_write_1h_mtok is None else prices.cache_write_1h_mtok
    known = (prices.input_mtok, prices.output_mtok, read, write, long)
    starts = {start for price in known for start in _starts(price)}
    kilo = getattr(prices, "web_searches_kcount", None)
    search = float(kilo) / 1e3 if isinstance(kilo, (int, float, Decimal)) else None
    request = prices.requests_kcount
    of_long = _starts(usual.input_mtok) - _starts(prices.input_mtok)
    return tuple(
        _Rates._make(
            (
                start,
                *[_at(price, start) / 1e6 for price in known],
                _at(request, start) / 1e3,
                search,
                any(start >= other for other in of_long),
            )
        )
        for start in sorted({-1, *starts, *of_long}, reverse=True)
    ), prices is not usual


def _starts(price: Any) -> set[int]:
    """Return the numbers of tokens above which a price is another."""
    return {tier.start for tier in getattr(price, "tiers", ())}


def _has(model: Any, context: Mapping[str, str], moment: datetime) -> bool:
    """Return whether the library has rates of a model for a context of requests at a time."""
    return any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(moment))
        for variant in model.price_variants or ()
    )


def _at(price: Any, start: int) -> float:
    """Return a price, or the tier of it that holds above ``start`` tokens."""
    if price is None:
        return 0.0
    tiers = [tier.price for tier in getattr(price, "tiers", ()) if tier.start <= start]
    return float(tiers[-1] if tiers else getattr(price, "base", price))


def _spellings(name: str, provider: str | None) -> Iterator[tuple[str | None, str]]:
    """Yield who may sell a model and the name it may have there, the likeliest first."""
    name = _CONTEXT.sub("", name.strip().lower())
    if not name or len(name) > _LONGEST_NAME or name.startswith("<") or _FREE.search(name) or _TAGGED.search(name):
        return
    seller, _, rest = name.partition("/")
    if seller in _LOCAL:
        return
    if provider:
        yield from _versions(_SELLERS.get(provider.lower(), provider.lower()), name)
    if not rest:
        yield from _versions(None, name)
    else:
        yield from _versions(_SELLERS.get(seller, seller), rest)
        yield "openrouter", name  # it names all models in this manner
        yield from _versions(None, name.rpartition("/")[2])
    if name.rpartition("/")[2].startswith("glm-"):  # of its maker's two shops the library knows it at the other one
        yield "zai", name.rpartition("/")[2]
    if ".anthropic." in name or name.startswith(("anthropic.", "amazon.")):
        yield "aws", name.rpartition("/")[2]


def _versions(seller: str | None, name: str) -> Iterator[tuple[str | None, str]]:
    """Yield a model's name as it is, as its maker writes it, and without the date of its version."""
    yield seller, name
    plain = _OF_KIMI.sub(lambda found: f"kimi-k{found[1]}" + (f".{found[2]}" if found[2] else ""), name)
    plain = plain.replace("@", "-")
    if plain.startswith("claude-"):
        plain = plain.replace(".", "-")
    yield seller, plain
    yield seller, re.sub(r"-20\d\d-?\d\d-?\d\d$|-latest$", "", plain)
