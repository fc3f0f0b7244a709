"""What the rows of a host say while it is gone: that nothing is heard of it, in the place of a status of long ago.

Whatever a host's agents did when it was last heard of, nobody knows whether they still do it. So after a while they
count as offline, as an agent does that gives no sign of life; their open spans end, their sessions are idle, and of
calls that ran nothing is known. That is done to the rows, so that every count, alert and view says the same. The rows
as the host sent them are kept, and put back when it is there again, unless it has sent newer ones by then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from ..store import Row, Store
from .host import Operations
from .ids import host_of

AWAY_MS: Final = 3 * 60_000
"""For how long (ms) a host may be gone before its agents count as offline: a lid was closed, a network has changed."""
LOOK_EVERY_MS: Final = 2000
"""Time (ms) between two looks."""
_PRESENT: Final = ("working", "waiting", "idle")
"""Statuses of agents that do something, or may at any time."""
_MARK: Final = "nothing heard of "
"""What the reason of such a status begins with."""

Kept = dict[tuple[str, str], tuple[dict[str, Any] | None, dict[str, Any]]]
"""Table and id → the row as the host sent it (``None``: it sent none) and as it stands meanwhile."""


class Known(NamedTuple):
    """A host whose rows are here."""

    key: str
    name: str
    heard_at: int | None
    is_here: bool


class Absences:
    """Which hosts are gone, and what became of their rows; all of it in the watcher's thread."""

    def __init__(
        self, store: Store, kept: Mapping[str, dict[str, Any]], hosts: Callable[[], Collection[Known]]
    ) -> None:
        """``kept``: what is known of each host by its key, of which ``away`` is used (:attr:`.Collector.followed`)."""
        self._store = store
        self._kept = kept
        self._hosts = hosts
        self._begun_at: int | None = None
        self._looked_at = 0
        self._seq: int | None = None
        self.keys: frozenset[str] = frozenset()
        """The hosts that have been gone for long, as of the last look."""

    def look(self, now: int) -> Operations:
        """Return what is to be done to rows as of ``now`` (ms): of hosts that have been gone for long, or are back."""
        self._begun_at = now if self._begun_at is None else self._begun_at  # it may only be this server that was away
        if 0 <= now - self._looked_at < LOOK_EVERY_MS:
            return []
        self._looked_at = now
        known = list(self._hosts())
        gone = [host for host in known if not host.is_here and self._is_long(host, now)]
        before, self.keys = self.keys, frozenset(host.key for host in gone)
        done: Operations = []
        for host in known:
            if host.is_here and self._kept.get(host.key, {}).get("away"):
                done += self._back(host)
        if gone and (self.keys, self._store.seq) != (before, self._seq):
            done += self._away({host.name: host for host in gone})
        self._seq = self._store.seq + len(done)
        return done

    def _is_long(self, host: Known, now: int) -> bool:
        assert self._begun_at is not None
        return now - max(host.heard_at or 0, self._begun_at) >= AWAY_MS

    def _back(self, host: Known) -> Operations:
        """Put back what a host had sent, unless something newer of it has come."""
        away: Kept = self._kept[host.key].pop("away")
        return [
            (table, id, None if told is None else Row(told))
            for (table, id), (told, shown) in away.items()
            if self._store.get(table, id) == shown
        ]

    def _away(self, gone: Mapping[str | None, Known]) -> Operations:
        """Return the rows of some hosts (by their names) as they stand while these are gone."""
        done: Operations = []
        agents: dict[str, int] = {}
        for host, told in self._of(gone, "agents"):
            if told["status"] not in _PRESENT or told["role"] == "human":
                continue
            since = max(host.heard_at or 0, told["status_at"] or 0, told["last_seen_at"] or 0)
            agents[told["id"]] = since
            reason = f"{_since(host)}; {told['status']} then"
            done += self._show(host, "agents", told, {"status": "offline", "status_reason": reason, "status_at": since})
        if not agents:
            return done
        for host, told in self._of(gone, "spans"):
            agent = told["agent_id"]
            if told["ended_at"] is None and agent in agents and (since := agents[agent]) >= (told["started_at"] or 0):
                done += self._show(host, "spans", told, {"ended_at": since})
                silence = {"id": f"{agent}@{since}", "status": "offline", "started_at": since, "ended_at": None}
                if silence["id"] != told["id"]:
                    done += self._show(host, "spans", None, {**told, **silence, "status_reason": _since(host)})
        for table, status, instead in (("sessions", "active", "idle"), ("tool_calls", "running", None)):
            for host, told in self._of(gone, table):
                if told["status"] == status:
                    done += self._show(host, table, told, {"status": instead})
        return done

    def _of(self, gone: Mapping[str | None, Known], table: str) -> Iterator[tuple[Known, Row]]:
        for row in self._store.held_rows(table):
            host = gone.get(host_of(row["id"]))
            if host is not None:
                yield host, row

    def _show(self, host: Known, table: str, now: Row | None, fields: Mapping[str, Any]) -> Operations:
        """Return how a row is to stand that stands as ``now``; keep what the host sent, be it long ago."""
        shown = Row({**(now or {}), **fields})
        away: Kept = self._kept[host.key].setdefault("away", {})
        told, before = away.get((table, shown["id"]), (None, None))
        if before is None or before != now:
            told = now and dict(now)
        away[table, shown["id"]] = (told, dict(shown))
        return [(table, shown["id"], shown)]


def unaccounted(store: Store, followed: Mapping[str, dict[str, Any]]) -> set[str]:
    """Return the hosts (keys of ``followed``) whose rows stand as if they were gone, though what they sent is not kept.

    So it is if this server was killed after such a row was written: then all rows are to be asked for again.
    """
    keys = {known["name"]: key for key, known in followed.items() if known["name"]}
    found = set()
    for row in store.held_rows("agents"):
        key = keys.get(host_of(row["id"]))
        if key is not None and str(row["status_reason"]).startswith(_MARK):
            away: Kept = followed[key].get("away") or {}
            if away.get(("agents", row["id"]), (None, None))[1] != row:
                found.add(key)
    return found


def _since(host: Known) -> str:
    if host.heard_at is None:
        return f"{_MARK}{host.name}"
    at = datetime.fromtimestamp(host.heard_at / 1000)
    return f"{_MARK}{host.name} since {at.day} {at:%b %H:%M}"
