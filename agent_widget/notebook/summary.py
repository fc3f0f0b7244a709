"""What stands in for the dashboard where nothing can run it: in a saved notebook without a kernel, on a code forge.

A saved notebook travels: only counts are in it, no names, no texts, no paths, no token. ``dash.save()`` saves it all.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from ..data.tabular import dollars
from ..store import Row, Store
from ..tables import AGENT_STATUSES

_MARKS: Final = {"working": "●", "waiting": "◆", "idle": "○", "done": "✓", "failed": "✕", "offline": "◌"}

# Hidden where the dashboard itself is on the screen, and until it has had the time to come.
_STYLE: Final = (
    "<style>.agent-widget-summary{animation:agent-widget-summary 1ms 2s backwards}"
    "@keyframes agent-widget-summary{from{max-height:0;overflow:hidden;opacity:0}}"
    ".agent-widget-summary table :is(td,th){text-align:start}"
    ".jp-OutputArea:has(.agent-widget-live) .agent-widget-summary{display:none}</style>"
)


_PAGE: Final = "agent-widget serve --open"
"""The command that needs no notebook at all."""
_LACKS: Final = (
    "If you just did, Jupyter lacks the widget: install anywidget where it runs and reload, or use the page: "
)


def plain(store: Store) -> str:
    """Return one line: how many agents, tasks, messages, what it cost."""
    return f"agent-widget, {_at()}: {', '.join(_facts(store))}. Run the cell to see it live. {_LACKS}{_PAGE}"


def terminal(store: Store) -> str:
    """Return the same for a shell that can show no widget."""
    return f"agent-widget, {_at()}: {', '.join(_facts(store))}. A terminal cannot show the dashboard: {_PAGE}"


def table(store: Store) -> str:
    """Return the same as HTML, with a row for each kind of agent."""
    lines = [
        [html.escape(source), f"{len(agents):,}", _marked(agents), _cost(agents)]
        for source, agents in sorted(_by_source(store).items())
    ]
    titles = ["source", "agents", "doing", "cost"]
    shown = [n for n in range(len(titles)) if n < 3 or any(line[n] for line in lines)]
    head = "".join(f"<th>{titles[n]}</th>" for n in shown)
    rows = "".join(f"<tr>{''.join(f'<td>{line[n]}</td>' for n in shown)}</tr>" for line in lines)
    body = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    facts = html.escape(", ".join(_facts(store)))
    return (
        f'{_STYLE}<div class="agent-widget-summary"><p><b>Agents</b> as of {_at()}: {facts}.</p>'
        f"{body}<p>Run the cell to see them live. {_LACKS}<code>{_PAGE}</code></p></div>"
    )


def _by_source(store: Store) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in store.rows("agents"):
        if row["role"] != "human":
            found.setdefault(row["source"] or "", []).append(row)
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
    cost = _cost(store.rows("sessions"))
    facts = [f"{len(agents):,} agents ({counts})" if counts else "no agents"]
    if tasks:
        facts.append(f"{tasks.count('completed'):,} of {len(tasks):,} tasks done")
    if messages := sum(1 for row in store.rows("messages") if row["kind"] != "heartbeat"):
        facts.append(f"{messages:,} messages")
    if cost:
        facts.append(cost)
    return facts


def _cost(rows: Iterable[Row]) -> str:
    """Return what rows cost together; nothing if no price is known, a lower bound if some are not."""
    rows = [row for row in rows if row["cost_usd"] is not None or row["unpriced_requests"]]
    costs = [row["cost_usd"] for row in rows if row["cost_usd"] is not None]
    return dollars(sum(costs), sum(row["unpriced_requests"] or 0 for row in rows)) if costs else ""


def _at() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
