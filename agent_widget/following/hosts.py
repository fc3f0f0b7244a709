"""All followed hosts: their names, their states, and what goes through to them because they have the files."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import os
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from ..addresses import Where
from ..broker import address
from ..client.errors import CallError, ConnectionFailed
from ..ingest.collector import Collector
from ..ingest.homes import name_of
from ..ingest.watcher import Watcher
from ..protocol import HostState, ProtocolError, SourceState
from ..sources import changes
from ..store import Row
from ..tables import now_ms
from ..writing.audit import Audit, AuditError, user_name
from .absence import Absences, Known, unaccounted
from .host import Host, Operations
from .ids import answered, asked, differing, hit_of, host_of
from .origin import Origin
from .ssh import SshOrigin
from .websocket import SocketOrigin

PATIENCE: Final = 5.0
"""Maximum seconds for which a search waits for a host; one that is slower is left out of this portion."""

Here = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Answers a method from what is here."""


LONGEST_NAME: Final = 80
"""Characters of a host's name; a name of DNS has at most 63 in each part."""


class Hosts:
    """The hosts that a server follows."""

    def __init__(
        self,
        wheres: Sequence[Where],
        collector: Collector,
        *,
        writes: bool = False,
        credentials: str | os.PathLike[str] | None = None,
    ) -> None:
        """Follow ``wheres`` as soon as it is begun. ``writes``: changes are passed on to hosts that take them.

        ``credentials``: a file that holds those for brokers. Raises :class:`.AddressError` for a broker that is none.
        """
        self.wheres = list(wheres)
        self._brokers = {where.url: address(where.url, credentials) for where in wheres if where.is_broker}
        self._collector = collector
        self._writes = writes
        self._watcher: Watcher | None = None
        self._origins: dict[str, Origin] = {}
        self._hosts: dict[str, Host] = {}
        self._reviewed: dict[str, tuple[str, frozenset[str]]] = {}
        """Host → its epoch and what it read when the others were last reviewed for its sake."""
        self._lock = threading.Lock()
        self._behind: frozenset[str] = frozenset()
        """Hosts that come after the others where several read the same home: they have been gone for long."""

    @property
    def urls(self) -> list[str]:
        """Where they are, without tokens."""
        return [where.url for where in self.wheres]

    def begin(self, watcher: Watcher) -> None:
        """Follow them; their rows are taken over by ``watcher``."""
        self._watcher = watcher
        self._collector.hosts = self._describe
        followed = self._collector.followed
        for key in unaccounted(self._collector.store, followed):
            followed[key]["position"] = None
        self._behind = frozenset(key for key, known in followed.items() if known.get("gave_way"))
        absences = Absences(self._collector.store, followed, self._known)
        self._collector.away = lambda now: [*absences.look(now), *self._give_way(absences.keys)]
        origins = [(where, self._origin(where)) for where in self.wheres]
        for where, origin in origins:
            self._hosts[where.url] = Host(self, where.url, where, self._collector.followed.get(where.url, {}))
            self._origins[where.url] = origin
        for where, origin in origins:
            origin.start(functools.partial(self._open, where))
        watcher.publish()

    def _origin(self, where: Where) -> Origin:
        """Return what reaches a host, or those of a broker's space."""
        if where.is_broker:
            return self._space(where)
        if where.url.startswith("ssh:"):
            return SshOrigin(where, self._collector.host)
        return SocketOrigin(where, self._collector.host)

    def _space(self, where: Where) -> Origin:
        """Return what reads a space of a broker, on from where it was read to before this server started."""
        from .nats import Progress, SpaceOrigin

        followed, prefix = self._collector.followed, f"{where.url}/"
        read = followed.get(where.url, {}).get("read")
        known = [key.removeprefix(prefix) for key in followed if key.startswith(prefix)]

        def keep(progress: Progress) -> None:
            self.hand_in([], lambda: self.keep(where.url, {"name": None, "read": tuple(progress)}))

        kept = None if read is None else Progress(*read)
        return SpaceOrigin(where, self._brokers[where.url], self._collector.host, self.epoch, kept, known, keep)

    def _open(self, where: Where, key: str, name: str | None = None) -> Host:
        """Return the host that an origin calls ``key``, which may be one of many; ``name``: what to call it."""
        if key not in self._hosts:
            host = Host(self, key, Where(key, name=name), self._collector.followed.get(key, {}))
            self._origins[key] = self._origins[where.url]
            hosts = {name: other for name, other in self._hosts.items() if name != where.url}  # the space is not a host
            self._hosts = {**hosts, key: host}
        return self._hosts[key]

    def end(self) -> None:
        """Follow nobody any more."""
        stopping = [threading.Thread(target=origin.stop) for origin in set(self._origins.values())]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(10)

    # What a host needs

    @property
    def epoch(self) -> str:
        """The life of this server's store."""
        return self._collector.store.epoch

    @property
    def name(self) -> str:
        """What this server calls itself."""
        return self._collector.host

    def hand_in(self, rows: Operations, done: Callable[[], None]) -> None:
        """Have the watcher take rows over."""
        assert self._watcher is not None
        self._watcher.hand_in(rows, done)

    def ids(self, table: str, prefix: str) -> set[str]:
        """Return the ids of a table that begin with ``prefix``."""
        return self._collector.store.ids(table, prefix)

    def has(self, table: str, id: str) -> bool:
        """Return whether there is a row."""
        return self._collector.store.get(table, id) is not None

    def keep(self, key: str, known: dict[str, Any]) -> None:
        """Keep what is known of a host; called by the watcher, after the rows."""
        away = self._collector.followed.get(key, {}).get("away")
        self._collector.followed[key] = {**known, "away": away} if away else known

    def _known(self) -> list[Known]:
        """Return the hosts whose rows are here, those that are not followed any more too."""
        hosts = dict(self._hosts)
        return [
            Known(
                key,
                of["name"],
                hosts[key].heard_at if key in hosts else of["heard_at"],
                key in hosts and hosts[key].is_here,
            )
            for key, of in list(self._collector.followed.items())
            if of.get("name")
        ]

    def name_for(self, host: Host, wanted: str) -> str:
        """Return ``wanted``, with a number after it if it is taken."""
        with self._lock:
            taken = {self.name, *(source.namespace.partition("/")[0] for source in self._collector.sources)}
            taken |= {other.name for other in self._hosts.values() if other is not host and other.name}
            known = list(self._collector.followed.items())
            taken |= {of["name"] for key, of in known if key != host.key}
            plain = (sign if sign.isprintable() and sign != "/" else "-" for sign in wanted[:LONGEST_NAME])
            wanted = "".join(plain) or "host"
            number = 1
            while (name := wanted if number == 1 else f"{wanted}-{number}") in taken:
                number += 1
            host.name = name
            return name

    def doubled(self, host: Host) -> dict[tuple[str | None, str], str]:
        """Return which rows of a host others have: those of homes that are read here or by a host before it.

        And those of hosts that it follows and this server follows itself.
        """
        return next((found for other, found in self._doubled() if other is host), {})

    def _doubled(self) -> Iterator[tuple[Host, dict[tuple[str | None, str], str]]]:
        """Yield every host with what :meth:`doubled` returns, in one walk: many hosts turn live together."""
        hosts = sorted(self._hosts.values(), key=self._is_behind)
        direct = {other.state.epoch: other.name or other.key for other in hosts if other.state.epoch}
        read = {name_of(source.root, self._collector.home): self.name for source in self._collector.sources}
        for host in hosts:
            found: dict[tuple[str | None, str], str] = {
                of: read[home] for home, of in host.homes.items() if home in read
            }
            found |= {(None, f"{told.name}/"): direct[told.epoch] for told in host.hosts_told if told.epoch in direct}
            yield host, found
            for home in host.homes:
                read.setdefault(home, host.name or host.key)

    def _is_behind(self, host: Host) -> bool:
        return not host.is_here and host.key in self._behind

    def _give_way(self, gone: frozenset[str]) -> Operations:
        """Let hosts that have been gone for long leave a home to others that read it too; called by the watcher.

        Return what is to be done to their rows. When one is back it comes before the others again.
        """
        followed = self._collector.followed
        away = {host.key for host in self._hosts.values() if self._is_behind(host)}
        before, self._behind = self._behind, gone | {key for key in away if followed.get(key, {}).get("gave_way")}
        if before == self._behind:
            return []
        done: Operations = []
        for host, found in self._doubled():
            if found.keys() == host.skipped.keys():
                continue
            if host.is_here:
                self._origins[host.key].again()
            elif host.key in self._behind and found:
                done += host.give_way(found, self._collector.store.rows)
                followed[host.key] = {**followed[host.key], "skipped": found, "position": None, "gave_way": True}
        return done

    def publish(self) -> None:
        """Have the watcher publish how the hosts are."""
        if self._watcher is not None:
            self._watcher.publish()

    def review_others(self, host: Host) -> None:
        """Let the other hosts look whether a host, which is another one or reads something else, has their rows."""
        is_now = host.state.epoch, frozenset(host.homes)
        if self._reviewed.get(host.key) == is_now:
            return
        self._reviewed[host.key] = is_now
        for other, found in self._doubled():
            if other is not host and other.is_here and found.keys() != other.skipped.keys():
                self._origins[other.key].again()

    # For the frames

    def _describe(self) -> tuple[list[HostState], list[SourceState]]:
        hosts = [state for host in self._hosts.values() for state in host.states()]
        for key, known in list(self._collector.followed.items()):
            if key not in self._hosts and known["name"] is not None:  # else it is a space
                hosts.append(HostState(known["name"], "left", known["heard_at"], "not followed any more", known["url"]))
        return hosts, [source for host in self._hosts.values() for source in host.sources_here(self._writes)]

    # What goes through

    async def answer(self, method: str, params: Mapping[str, Any], here: Here, client: str) -> Any:
        """Return what a method answers: from a host, if it is about its rows, else from ``here``.

        ``client``: who asks, for the audit: a host knows of this server alone. Raises :class:`ProtocolError`.
        """
        if method == "search":
            return await self._search(params, here)
        if method in changes.METHODS and not self._writes:
            return await here(params)
        name = self._name_of(method, params)
        if name is None:
            return await here(params)
        host = self._named(name)
        if host is None or not host.is_here:
            raise ProtocolError("unavailable", f"{name} has the files, and cannot be asked now: {_why(host)}")
        theirs = asked(self._addressed(params), host.prefix, f"{name}:")
        if method in changes.METHODS:
            return await asyncio.shield(self._change(host, method, theirs, client))  # whoever asked may go meanwhile
        result = await self._ask(host, method, theirs)
        if method == "actions":
            command = result.get("resume") and self._origins[host.key].command(host.key, result["resume"])
            return {**result, "resume": command, "writes": result["writes"] if self._writes else {}}
        return answered(method, result, host.prefix)

    async def _change(self, host: Host, method: str, params: Mapping[str, Any], client: str) -> Row:
        """Pass a change on, and note who asked for it; return the row as it will be."""
        audit = Audit()
        try:
            line = await asyncio.to_thread(audit.open)
        except AuditError as error:
            raise ProtocolError("unwritable", str(error)) from None
        try:
            made = await self._ask(host, method, params)
        except BaseException:
            os.close(line)
            raise
        row = host.row_here("tasks" if method.startswith("task.") else "messages", made)
        who = {"at": now_ms(), "user": user_name(), "client": client, "method": method, "host": host.name}
        after = {name: value for name, value in params.items() if name not in ("id", "seen", "root")}
        await asyncio.to_thread(audit.write, line, {**who, "id": row["id"], "after": after})
        return row

    def _named(self, name: str) -> Host | None:
        return next((host for host in self._hosts.values() if host.name == name), None)

    def _name_of(self, method: str, params: Mapping[str, Any]) -> str | None:
        """Return the name of the host that a call is about."""
        names = {host.name for host in self._hosts.values()} | {of["name"] for of in self._collector.followed.values()}
        root = params.get("root")
        if isinstance(root, str):
            name = root.partition(":")[0]
            return name if name in names else None
        if method not in _THROUGH:
            return None
        given = self._addressed(params) if method == "message.send" else params
        depends = given.get("depends_on")
        ids = [*(given.get(name) for name in _THROUGH[method]), *(depends if isinstance(depends, list) else ())]
        for id in ids:
            if isinstance(id, str) and (host := host_of(id)) is not None and host in names:
                return host
        return None

    def _addressed(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the parameters with an id for a recipient that was named by its name, if only a host has it."""
        to = params.get("to")
        if not isinstance(to, str) or to == "*" or self._collector.store.get("agents", to) is not None:
            return params
        named = [row for row in self._collector.store.rows("agents") if row["name"] == to]
        if not named or any(row["host"] == self.name for row in named):
            return params
        return {**params, "to": max(named, key=lambda row: row["last_seen_at"] or 0)["id"]}

    async def _ask(self, host: Host, method: str, params: Mapping[str, Any]) -> Any:
        try:
            return await asyncio.wrap_future(self._origins[host.key].ask(host.key, method, params))
        except CallError as error:
            raise ProtocolError(error.code, str(error), differing(error.details, host.prefix)) from None
        except ConnectionFailed as error:
            raise ProtocolError("unavailable", f"{host.name} has the files, and cannot be asked now: {error}") from None
        except ValueError as error:
            raise ProtocolError("too_large", str(error)) from None

    # Searching in several places at once

    async def _search(self, params: Mapping[str, Any], here: Here) -> Any:
        """Return the next hits of a search here and at all hosts.

        Hits of one portion are in the order of time. ``left_out``: host → why it was not searched; what its rows say is
        looked through here.
        """
        cursor = params.get("cursor")
        if isinstance(cursor, str):
            places = _Cursor.parse(cursor)
        else:
            found = [host for host in self._hosts.values() if _may_have(host, params.get("where"))]
            asks = {host.prefix: _Place() for host in found if host.is_here}
            left_out = {str(host.name or host.key): _why(host) for host in found if not host.is_here}
            places = _Cursor({"": _Place(), **asks}, left_out, {**params})
        if params.get("end"):
            going = [(prefix, place.cursor) for prefix, place in places.places.items() if place.cursor]
            await asyncio.gather(*(self._portion(prefix, {"cursor": c, "end": True}, here) for prefix, c in going))
            return {"hits": [], "cursor": None, "bytes": 0, "total": 0}
        wanted = params.get("limit", 50)
        limit = max(1, wanted) if isinstance(wanted, int) else 50
        turn = [prefix for prefix, place in places.places.items() if not place.over][:limit]
        each = max(1, limit // max(1, len(turn)))
        portions = await asyncio.gather(
            *(self._portion(prefix, places.params(prefix, each), here) for prefix in turn), return_exceptions=True
        )
        hits: list[dict[str, Any]] = []
        for prefix, portion in zip(turn, portions, strict=True):
            if isinstance(portion, BaseException):
                if not prefix or not isinstance(portion, ProtocolError):
                    raise portion
                places.give_up(prefix, portion.message)
                continue
            places.note(prefix, portion)
            if prefix:
                hits += [hit_of(hit, prefix) for hit in portion["hits"] if self._is_wanted(prefix, hit)]
            else:  # hosts that are asked find what their rows say by themselves
                hits += [hit for hit in portion["hits"] if not places.finds(hit)]
        hits.sort(key=lambda hit: hit["at"] or 0, reverse=True)
        return {
            "hits": hits,
            "cursor": None if places.over else str(places),
            "bytes": sum(place.bytes for place in places.places.values()),
            "total": sum(place.total for place in places.places.values()),
            "left_out": places.left_out,
        }

    def _is_wanted(self, prefix: str, hit: Mapping[str, Any]) -> bool:
        """Return whether a hit of a host is about rows that are taken from it."""
        host = self._named(prefix.rstrip("/"))
        if host is None or not host.skipped:
            return True
        agent = hit.get("agent_id")
        known = agent is None or self._collector.store.get("agents", prefix + agent) is not None
        return known and all(host.has(hit.get(name)) for name in ("agent_id", "session_id", "entry"))

    async def _portion(self, prefix: str, params: Mapping[str, Any], here: Here) -> Any:
        if not prefix:
            return await here(params)
        host = self._named(prefix.rstrip("/"))
        if host is None or not host.is_here:
            raise ProtocolError("unavailable", _why(host))
        where = params.get("where")
        if isinstance(where, dict):
            params = {**params, "where": asked(where, prefix, "")}
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._ask(host, "search", params)
        except TimeoutError:
            raise ProtocolError("unavailable", f"no answer within {PATIENCE:g} s") from None


_THROUGH: Final = {
    "actions": ("id",),
    "memory": ("id",),
    "message.read": ("id",),
    "message.send": ("to", "task_id"),
    "task.cancel": ("id",),
    "task.create": (),
    "task.update": ("id",),
    "transcript": ("session",),
}
"""Method → the parameters that say which host it is about."""


class _Place(msgspec.Struct, array_like=True):
    """How far a search has come in one place."""

    cursor: str | None = None
    bytes: int = 0
    total: int = 0
    over: bool = False


class _Cursor(msgspec.Struct):
    """Where a search goes on, place by place: the prefix of a host, or nothing for here."""

    places: dict[str, _Place]
    left_out: dict[str, str]
    begun: dict[str, Any]

    @classmethod
    def parse(cls, text: str) -> _Cursor:
        """Return what ``str(cursor)`` wrote. Raises :class:`ProtocolError` for any other text."""
        with contextlib.suppress(ValueError, msgspec.DecodeError):
            return msgspec.json.decode(base64.urlsafe_b64decode(text), type=cls)
        raise ProtocolError("not_found", "this search has ended; begin it again")

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode()

    @property
    def over(self) -> bool:
        """Whether everything was looked through."""
        return all(place.over for place in self.places.values())

    def params(self, prefix: str, limit: int) -> dict[str, Any]:
        """Return what a place is asked."""
        cursor = self.places[prefix].cursor
        return {**self.begun, "limit": limit} if cursor is None else {"cursor": cursor, "limit": limit}

    def note(self, prefix: str, portion: Mapping[str, Any]) -> None:
        """Take in how far a place has come."""
        cursor = portion["cursor"]
        self.places[prefix] = _Place(cursor, portion["bytes"], portion["total"], cursor is None)
        for name, why in (portion.get("left_out") or {}).items():
            self.left_out[prefix + name] = why

    def give_up(self, prefix: str, why: str) -> None:
        """Go on without a host."""
        self.places[prefix].over = True
        self.left_out[prefix.rstrip("/")] = why

    def finds(self, hit: Mapping[str, Any]) -> bool:
        """Return whether a hit among the rows here is of a host that is searched itself."""
        names = [prefix for prefix in self.places if prefix and prefix.rstrip("/") not in self.left_out]
        return hit["position"] is None and any(str(hit["entry"]).startswith(prefix) for prefix in names)


def _may_have(host: Host, where: Any) -> bool:
    """Return whether a host may have what a search is restricted to."""
    for name in ("agent_id", "session_id"):
        ids = where.get(name) if isinstance(where, dict) else None
        if ids is not None and host.name is not None:
            given = ids if isinstance(ids, list) else [ids]
            if not any(str(id).startswith(host.prefix) for id in given):
                return False
    return True


def _why(host: Host | None) -> str:
    if host is None:
        return "it is not followed any more"
    return host.state.message or f"it is {host.state.state}"
