"""One agent, to ask and to wait for."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..data.transcript import Transcript
from ..store import Row, Store

if TYPE_CHECKING:
    from .client import Client


class AgentFailed(RuntimeError):
    """The agent that was waited for failed, or stopped in the middle; ``row`` is its row."""

    def __init__(self, row: Row, message: str) -> None:
        super().__init__(message)
        self.row = row


def find_agent(store: Store, name: str) -> Row | None:
    """An agent by its id, or by its name with or without the prefix ``agent-``; of several the one seen last."""
    row = store.get("agents", name)
    if row is None:
        names = (name, f"agent-{name}")  # the dashboard leaves the prefix out
        named = [row for row in store.rows("agents") if row["name"] in names or row["id"] == names[1]]
        row = max(named, key=lambda row: row["last_seen_at"] or 0, default=None)
    return row


class Agent:
    """One agent. Every column of ``agents`` is an attribute, read anew each time: ``.status``, ``.cost_usd``, …"""

    def __init__(self, client: Client, row: Row) -> None:
        self.id: str = row["id"]
        self._client = client
        self._row = row

    @property
    def row(self) -> Row:
        """Its row as it is now; of an agent that went, as it last was."""
        self._row = self._client.store.get("agents", self.id) or self._row
        return self._row

    def __getattr__(self, column: str) -> Any:
        if column.startswith("_"):
            raise AttributeError(column)
        return getattr(self.row, column)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._row]

    async def done(self, timeout: float | None = None) -> Row:
        """Wait until it has nothing more to do, and return its row; at once if that is so already.

        A coding agent is done when its turn has ended: its status is ``idle`` (it can be prompted again; also after
        an interruption, which ``status_reason`` tells) or ``done`` (a subagent that reported, a session that was
        closed). One that waits for a person is not done. Raises :class:`AgentFailed` if it failed or went offline
        in the middle of something, ``TimeoutError`` after ``timeout`` seconds.
        """
        return self._outcome(await self._client.until(self._has_ended, timeout))

    def wait_done(self, timeout: float | None = None) -> Row:
        """:meth:`done` for a cell or thread without ``await``."""
        return self._outcome(self._client.wait_until(self._has_ended, timeout))

    async def waiting(self, timeout: float | None = None) -> Row:
        """Wait until it waits for a person, and return its row: ``status_reason`` says for what."""
        return await self._client.until(self._waits, timeout)  # type: ignore[no-any-return]

    def wait_waiting(self, timeout: float | None = None) -> Row:
        """:meth:`waiting` for a cell or thread without ``await``."""
        return self._client.wait_until(self._waits, timeout)  # type: ignore[no-any-return]

    def messages(self) -> list[Row]:
        """What it said and what was said to it alone, oldest first."""
        return self._rows("messages", lambda row: self.id in (row["sender"], row["recipient"]))

    def tool_calls(self) -> list[Row]:
        """Its tool calls, oldest first (the column of that name, how many there were, is ``.row.tool_calls``)."""
        return self._rows("tool_calls", lambda row: row["agent_id"] == self.id)

    def tasks(self) -> list[Row]:
        """The tasks it owns, oldest first."""
        owners = (self.id, self.row["name"])
        return self._rows("tasks", lambda row: row["owner"] in owners)

    def transcript(self, limit: int = 50, **options: Any) -> Transcript:
        """The newest page of its conversation; see :meth:`Client.transcript`."""
        return self._client.transcript(self.id, limit=limit, **options)

    def __repr__(self) -> str:
        return f"<agent {self._line()}>"

    def _repr_html_(self) -> str:
        return f"<div>{html.escape(self._line())}</div>"

    def _line(self) -> str:
        row = self.row
        reason = f" ({row['status_reason']})" if row["status_reason"] else ""
        cost = "" if row["cost_usd"] is None else f"${row['cost_usd']:,.2f}"
        facts = [f"{row['name'] or self.id}: {row['status']}{reason}", row["model"] or row["source"], cost]
        return ", ".join(fact for fact in facts if fact)

    def _rows(self, table: str, belongs: Callable[[Row], bool]) -> list[Row]:
        time = "created_at" if table == "tasks" else "at"
        return sorted(filter(belongs, self._client.store.rows(table)), key=lambda row: row[time] or 0)

    def _has_ended(self, _: object) -> Row | None:
        row = self.row
        return row if row["status"] in ("idle", "done", "failed", "offline") else None

    def _waits(self, _: object) -> Row | None:
        row = self.row
        return row if row["status"] == "waiting" else None

    def _outcome(self, row: Row) -> Row:
        said = f"{row['name'] or self.id} {{}}: {row['status_reason'] or 'nobody says why'}"
        if row["status"] == "failed":
            raise AgentFailed(row, said.format("failed"))
        if row["status"] == "offline" and (last := self._before_offline()) not in ("idle", "done"):
            raise AgentFailed(row, said.format(f"went offline while it was {last}"))
        return row

    def _before_offline(self) -> str:
        """What it did before it went silent, as its spans tell."""
        spans = [row for row in self._client.store.rows("spans") if row["agent_id"] == self.id]
        told = [row for row in spans if row["status"] not in ("offline", "unknown")]
        last = max(told, key=lambda row: row["started_at"] or 0, default=None)
        return "unknown" if last is None else str(last["status"])
