"""What is found, readable and watched, what limits are near and what was written: ``agent-widget doctor``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import Any, Final

from .client.errors import CallError, ConnectionFailed
from .client.once import ask_once
from .discovery import Runtime, runtimes
from .ingest.archive_file import archive_size, default_path
from .ingest.collector import Collector
from .ingest.notifications import Notifications
from .notebook.api import connect
from .ondemand.copies import directory_beside, kept_size
from .sources.base import Source
from .sources.chat import ChatSource
from .sources.patterns import fits
from .writing import audit_path, last_writes

_TOLD: Final = ("status", "owner", "priority", "title", "notes", "recipient", "text", "read")
"""Columns whose new values ``doctor`` shows of a change."""
_WHO: Final = ("user", "client", "method", "id")
_SHOWN: Final = 3
"""Files that are not read of which ``doctor`` says the names."""


def findings(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is found at some paths, or on this machine: a label and a line each."""
    collector = Collector(paths)
    collector.scan()
    if not collector.sources:
        yield "found", "nothing: no known agent has left files on this machine; name a directory"
    # places where a kind of agent would be are behind those that are read
    for state, source in zip_longest(collector.states(), collector.sources):
        if state.state == "missing":
            yield "not there", f"{state.name}  {state.path}"
            continue
        nothing = not (state.files or state.problems or state.gone)
        if nothing and source is not None and not source.recognises(source.root):
            yield "found", f"nothing that an agent leaves in {state.path}; serve and watch wait for it"
            continue
        yield "found", f"{state.name}  {state.path}"
        yield "readable", f"{state.files} files, {state.bytes / 1e6:.1f} MB"
        if state.malformed:
            yield "skipped", f"{state.malformed} lines or documents that do not fit their format"
        for kind, count in sorted(state.unknown.items()):
            yield "unknown", f"{count:>7}  {kind}"
        if state.gone:
            yield "gone", f"{state.gone} files that were read before; their rows stay"
        for problem in state.problems:
            yield "problem", problem
        yield from _unread(source)
    for name in collector.store:
        if collector.store.count(name):
            yield "rows", f"{collector.store.count(name):>7}  {name}"
    for of in (_prices, _plans, _watches, _late):
        yield from of(collector)
    archive = default_path(collector.places)
    size = archive_size(archive)
    yield "archive", f"{archive}  {f'{size / 1e6:.1f} MB' if size else 'none yet: agent-widget serve makes it'}"
    kept = directory_beside(archive)
    copies, size = kept_size(kept)
    if copies:
        yield "transcripts", f"{kept}  {size / 1e6:.1f} MB in {copies} copies"
    writes = last_writes(5)
    none = "nothing through a server; agent-widget serve --allow-writes lets you"
    yield "written", str(audit_path()) if writes else none
    for write in writes:
        yield "", _written(write)[:200]
    for runtime in runtimes():
        for line in _hosts_of(runtime) if runtime.follows else ():
            yield "host", line
    server = next((r for r in runtimes() if set(r.paths) == {str(place) for place in collector.places}), None)
    running = f"{server.url}  pid {server.pid}" if server else "none watches this; agent-widget serve starts one"
    yield "server", running
    said = _status(server)
    yield from _memory(said)
    yield from _publishing(server, said)


def _unread(source: Source) -> Iterator[tuple[str, str]]:
    """Yield which files have lines as those of conversations do, where these are, and are not read."""
    tops = {pattern.split("/")[0] for pattern in source.files if pattern.endswith(".jsonl") and "/" in pattern}
    found = [
        PurePosixPath(path.relative_to(source.root).as_posix())
        for top in sorted(top for top in tops if "*" not in top)
        for path in (source.root / top).rglob("*.jsonl")
    ]
    known = (*source.files, *source.repeated)
    unread = sorted(str(path) for path in found if not any(fits(path, pattern) for pattern in known))
    if unread:
        more = ", …" if len(unread) > _SHOWN else ""
        yield "not read", f"{len(unread)} .jsonl files of other names: {', '.join(unread[:_SHOWN])}{more}"


def _status(server: Runtime | None) -> dict[str, Any] | None:
    """Return what a running server says of itself; ``None`` if there is none, or it does not answer."""
    if server is None:
        return None
    try:
        state: dict[str, Any] = ask_once(server.url, server.token, "status")
    except (ConnectionFailed, CallError) as failure:
        return {"failure": str(failure)}
    return state


def _memory(state: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield how much memory a running server takes, and that it grows where there is no archive."""
    if state is None or "archive" not in state:
        return
    size = state["memory_bytes"]
    line = f"{size / 1e6:.0f} MB" if size is not None else "how much is not known on this system"
    if state["archive"]["path"] is None:
        why = state["archive"]["problem"] or "started with --no-archive"
        rows = sum(state["rows"].values())
        line += f", growing with the history: all {rows:,} rows are in memory, since there is no archive ({why})"
    yield "memory", line
    if state["archive"]["path"] is not None and (problem := state["archive"]["problem"]):
        yield "problem", problem


def _publishing(server: Runtime | None, state: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """Yield how it goes with the broker to which a running server publishes."""
    if server is None or server.publishes is None or state is None:
        return
    if "failure" in state:
        yield "publishing", f"{server.publishes}: the server does not say how it goes ({state['failure']})"
        return
    said = state["publishing"]
    why = f": {said['message']}" if said.get("message") else ""
    yield "publishing", f"{server.publishes} as {said['host']}  {said['state']}{why}"


def _hosts_of(runtime: Runtime) -> Iterator[str]:
    """Yield how the hosts are that a running server follows."""
    try:
        with contextlib.closing(connect(runtime.url, runtime.token)) as client:
            for host in client.hosts:
                since = f" since {datetime.fromtimestamp(host.since / 1000):%d %b %H:%M}" if host.since else ""
                yield f"{host.name}  {host.state}{since}" + (f"  {host.message}" if host.message else "")
    except ConnectionFailed as error:
        yield f"the server at {runtime.url} does not say how its hosts are: {error}"


def _written(write: Mapping[str, Any]) -> str:
    """Return a line of the audit in words."""
    at = datetime.fromtimestamp(write.get("at", 0) / 1000).astimezone()
    changed = ", ".join(f"{name}={value}" for name, value in (write.get("after") or {}).items() if name in _TOLD)
    return "  ".join(map(str, [f"{at:%Y-%m-%d %H:%M:%S}", *(write.get(name) for name in _WHO), changed]))


def _late(collector: Collector) -> Iterator[tuple[str, str]]:
    """Yield why changes below a root would be seen late, and what helps."""
    notifications = Notifications(lambda: collector.roots, lambda path: None)
    notifications.start()
    try:
        notifications.refresh()
        notifications.compare(collector.tree)
        for root in collector.roots:
            if reason := notifications.degraded(root):
                yield "late", f"{root}: {reason}"
    finally:
        notifications.stop()


def _prices(collector: Collector) -> Iterator[tuple[str, str]]:
    """Yield where the prices of answers come from."""
    try:
        library = f"genai-prices {version('genai-prices')}"
    except PackageNotFoundError:
        library = 'not known: pip install "agent-widget[prices]"; costs that agents state are there'
    yield "prices", library
    books = [source.book for source in collector.sources if isinstance(source, ChatSource)]
    for rate in sorted({rate for book in books for rate in book.ledger.own_rates}):
        yield "", f"beside it, {rate}"


def _plans(collector: Collector) -> Iterator[tuple[str, str]]:
    """Yield the limits of plans as last heard, and how to hear those of Claude Code."""
    for row in collector.store.rows("limits"):
        used = "an unknown share" if row["used"] is None else f"{row['used']:.0%}"
        heard = datetime.fromtimestamp(row["at"] / 1000).strftime("%d %b %H:%M")
        yield "limit", f"{row['source']}  {row['name']}: {used} used, from the {row['heard_from']} of {heard}"
        if row["heard_from"] == "usage":
            yield "", "agent-widget statusline as Claude Code's statusLine command keeps what is used of it"


def _watches(collector: Collector) -> Iterator[tuple[str, str]]:
    """Return how many directories are to be watched, and how many may be (Linux)."""
    directories = sum(1 for root in collector.roots for _ in os.walk(root))
    with contextlib.suppress(OSError, ValueError):
        allowed = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
        near = "  (near: raise fs.inotify.max_user_watches)" if directories * 2 > allowed else ""
        yield "watches", f"{directories} directories of {allowed} allowed{near}"
