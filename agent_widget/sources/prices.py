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
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from ..tables import now_ms
from .steps import Tokens

_PERIOD_MS: Final = 30 * 60_000
"""Period in ms within which prices are constant: those that vary do so at full or half hours."""
_LONGEST_NAME: Final = 200
_LOCAL: Final = frozenset("ollama ollama_chat lmstudio lm-studio lm_studio llamacpp llama.cpp vllm mlx local".split())
"""Providers on the user's own machine, where prices of the same model elsewhere do not apply."""


class _Rates(NamedTuple):
    """US dollars per token, and per request, once the whole input is larger than ``above`` tokens."""

    above: int
    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    request: float


def price(model: str | None, tokens: Tokens, at: int | None = None) -> float | None:
    """Return US dollars for one answer given ``at`` (default: now); ``None`` if the model's price is not known."""
    if not model:
        return None
    found, varies = _model(model)
    if found is None:
        return None
    period = ((now_ms() if at is None else at) // _PERIOD_MS) if varies else 0
    read, write = tokens.cache_read, tokens.cache_write
    whole = tokens.input + read + write
    for rates in _rates(model, period):
        if whole > rates.above:
            break
    else:
        return None
    long = min(tokens.cache_write_1h, write)
    return (
        tokens.input * rates.input
        + tokens.output * rates.output
        + read * rates.cache_read
        + (write - long) * rates.cache_write
        + long * rates.cache_write_1h
        + rates.request
    )


@functools.lru_cache(maxsize=1024)
def _model(name: str) -> tuple[Any, bool]:
    """Return what the library knows of a model, by any of its names, and whether its price varies with time."""
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None, False
    for provider, reference in _spellings(name):
        try:
            found = calc_price(Usage(), reference, provider_id=provider).model
        except (LookupError, ValueError):
            continue
        return found, isinstance(found.prices, list)
    return None, False


@functools.lru_cache(maxsize=8192)
def _rates(name: str, period: int) -> tuple[_Rates, ...]:
    """Return the rates of a model at a time, for the largest inputs first; empty if it is not billed by the token."""
    prices = _model(name)[0].get_prices(datetime.fromtimestamp(period * _PERIOD_MS / 1000, UTC))
    if prices.input_mtok is None and prices.output_mtok is None:
        return ()
    # what has no price of its own is billed as what it is a part of
    read = prices.input_mtok if prices.cache_read_mtok is None else prices.cache_read_mtok
    write = prices.input_mtok if prices.cache_write_mtok is None else prices.cache_write_mtok
    long = write if prices.cache_write_1h_mtok is None else prices.cache_write_1h_mtok
    known = (prices.input_mtok, prices.output_mtok, read, write, long)
    starts = {tier.start for price in known for tier in getattr(price, "tiers", ())}
    return tuple(
        _Rates._make((start, *[_at(price, start) / 1e6 for price in known], _at(prices.requests_kcount, start) / 1e3))
        for start in sorted({-1, *starts}, reverse=True)
    )


def _at(price: Any, start: int) -> float:
    """Return a price, or the tier of it that holds above ``start`` tokens."""
    if price is None:
        return 0.0
    tiers = [tier.price for tier in getattr(price, "tiers", ()) if tier.start <= start]
    return float(tiers[-1] if tiers else getattr(price, "base", price))


def _spellings(name: str) -> Iterator[tuple[str | None, str]]:
    """Yield who may sell a model and the name it may have there, the likeliest first."""
    name = re.sub(r"\s*\[[^\[\]]*\]$", "", name.strip().lower())  # "[1m]": how much of its context is used
    if not name or len(name) > _LONGEST_NAME or name.startswith("<"):
        return
    seller, _, rest = name.partition("/")
    if seller in _LOCAL:
        return
    if not rest:
        yield from _versions(None, name)
    else:
        yield from _versions(seller, rest)
        yield "openrouter", name  # it names all models in this manner
        yield from _versions(None, name.rpartition("/")[2])
    if ".anthropic." in name or name.startswith(("anthropic.", "amazon.")):
        yield "aws", name.rpartition("/")[2]


def _versions(seller: str | None, name: str) -> Iterator[tuple[str | None, str]]:
    """Yield a model's name as it is, as its maker writes it, and without the date of its version."""
    yield seller, name
    plain = name.replace("@", "-")
    if plain.startswith("claude-"):
        plain = plain.replace(".", "-")
    yield seller, plain
    yield seller, re.sub(r"-20\d\d-?\d\d-?\d\d$|-latest$", "", plain)
