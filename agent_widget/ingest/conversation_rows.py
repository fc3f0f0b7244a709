"""Which rows say what a conversation says: whoever searches its file need not look through them.

An archive has numbers of the agents in its index, so that such rows are passed over there without a look at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

SPEAKERS: Final = {"messages": ("sender", "recipient"), "tool_calls": ("agent_id",)}
"""Tables of rows that are made of conversations → the columns that say of whose."""


def speakers_of(table: str, row: Mapping[str, Any]) -> tuple[str | None, ...]:
    """Return the agents in whose conversations a row stands; none for what stands elsewhere, as in an inbox."""
    if table == "messages" and not row["id"].startswith(f"{row['session_id']}:"):
        return ()
    return tuple([row[name] for name in SPEAKERS.get(table, ())])


def numbers_of(table: str, row: Mapping[str, Any]) -> tuple[int, ...]:
    """Return a number for each of the table's columns in :data:`SPEAKERS`: of the agent, or 0 for none."""
    names = SPEAKERS.get(table, ())
    agents = speakers_of(table, row) if names else ()
    return tuple([number_of(agent) if agent is not None else 0 for agent in agents]) if agents else (0,) * len(names)


@lru_cache(4096)
def number_of(agent: str) -> int:
    """Return the number of an agent, of 48 bits: among 100,000 agents two have the same once in 50,000 archives."""
    return int.from_bytes(blake2b(agent.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "big") or 1
