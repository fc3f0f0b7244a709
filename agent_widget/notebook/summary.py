"""What stands in for the dashboard where nothing can run it: in a saved notebook without a kernel, on a code forge.

A saved notebook travels: only counts are in it, no names, no texts, no paths, no token. ``dash.save()`` saves it all.
"""

from __future__ import annotations

import html
from collections import Counter
from datetime import UTC, datetime
from typing import Final

from ..store import Row, Store
from ..tables import AGENT_STATUSES

_MARKS: Final = {"working": "●", "waiting": "◆", "idle": "○", "done": "✓", "failed": "✕", "offline": "◌"}

# Hidden where the dashboard itself is on the screen, and until it has had the time to come.
_STYLE: Final = (
    "<style>.agent-widget-summary{animation:agent-widget-summary 1ms 2s backwards}"
    "@keyframes agent-widget-summary{from{max-height:0;overflow:hidden;opacity:0}}"
    ".jp-OutputArea:has(.agent-widget-live) .agent-widget-summary{display:none}</style>"
)


def plain(store: Store) -> str:
    """Return one line: how many agents, tasks, messages, what it cost."""
    return f"agent-widget, {_at()}: {', '.join(_facts(store))}. Run the cell to see it live."


def table(store: Store) -> str:
    """Return the same as HTML, with a row for each kind of agent."""
    rows = "".join(
        f"<tr><td>{html.escape(source)}</td><td>{len(agents):,}</td><td>{_marked(agents)}</td><td>{_money(cost)}</td></tr>"
        for source, (agents, cost) in sorted(_by_source(store).items())
    )
    head = "<thead><tr><th>source</th><th>agents</th><th>doing</th><th>cost</th></tr></thead>"
    body = f"<table>{head}<tbody>{rows}</tbody></table>" if rows else ""
    facts = html.escape(", ".join(_facts(store)))
    return (
        f'{_STYLE}<div class="agent-widget-summary"><p><b>Agents</b> as of {_at()}: {facts}. '
        f"Run the cell to see them live.</p>{body}</div>"
    )


def _by_source(store: Store) -> dict[str, tuple[list[Row], float | None]]:
    found: dict[str, tuple[list[Row], float | None]] = {}
    for row in store.rows("agents"):
        if row["role"] != "human":
            agents, cost = found.get(row["source"] or "", ([], None))
            more = row["cost_usd"]
            found[row["source"] or ""] = [*agents, row], cost if more is None else (cost or 0.0) + more
    return found


def _marked(agents: list[Row]) -> str:
    counts = Counter(row["status"] for row in agents)
    return ", ".join(
        f"{_MARKS.get(status, '·')} {counts[status]} {status}" for status in AGENT_STATUSES if counts[status]
    )


def _facts(store: Store) -> list[str]:
    if not store.epoch:
        return ["not connected yet"]
    agents = [row for row in store.rows("agents") if row["role"] != "human"]
    statuses = Counter(row["status"] for row in agents)
    counts = " · ".join(f"{statuses[status]} {status}" for status in AGENT_STATUSES if statuses[status])
    tasks = [row["status"] for row in store.rows("tasks") if row["status"] != "cancelled"]
    costs = [row["cost_usd"] for row in store.rows("sessions") if row["cost_usd"] is not None]
    facts = [f"{len(agents):,} agents ({counts})" if counts else "no agents"]
    if tasks:
        facts.append(f"{tasks.count('completed'):,} of {len(tasks):,} tasks done")
    if messages := sum(1 for row in store.rows("messages") if row["kind"] != "heartbeat"):
        facts.append(f"{messages:,} messages")
    if costs:
        facts.append(_money(sum(costs)))
    return facts


def _money(usd: float | None) -> str:
    return "" if usd is None else f"${usd:,.2f}"


def _at() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
