"""``agent-widget task …`` and ``agent-widget message …``: tasks and messages, by way of a server that runs."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .failures import Failure
from .tables import TASK_STATUSES
from .visible import escaped, one_line

if TYPE_CHECKING:
    from .client.client import Client
    from .discovery import Runtime
    from .store import Row

_SHOWN = 50
"""Messages that are listed, unless more are asked for."""


class ChangeFailed(Failure):
    """A change that was not made, or a list that cannot be had, in one line that says what to do."""


class Common(NamedTuple):
    """What these commands have in common with others."""

    add_token: Callable[..., None]
    """Adds the options for a token."""
    token: Callable[..., str | None]
    """Returns the token."""
    write_data: Callable[[str], None]
    """Writes what programs read."""


def add_task(commands: Any, common: Common) -> None:
    """Add the command ``task``."""
    task = _group(commands, common, "task", "List, create, change and cancel tasks, in the agents' own files.")
    sub = task("list", _list_tasks, "List tasks.")
    sub.add_argument("--status", choices=TASK_STATUSES, help="only those")
    sub = task("create", _create, "Add a task.")
    sub.add_argument("title", metavar="TITLE", help="one line")
    sub.add_argument("--description", help="what is to be done")
    sub.add_argument("--priority", help="in the words of the format, e.g. high")
    sub.add_argument("--tag", action="append", dest="tags", help="may be given several times")
    sub.add_argument("--depends-on", action="append", metavar="ID", help="may be given several times")
    sub.add_argument("--root", metavar="DIR", help="the directory it goes to, where several could take it")
    sub = task("update", _update, "Change a task.")
    sub.add_argument("id", metavar="ID", help="as in the list")
    sub.add_argument("--status", choices=TASK_STATUSES, help="the new one")
    owner = sub.add_mutually_exclusive_group()
    owner.add_argument("--owner", metavar="AGENT", help="who works on it")
    owner.add_argument("--no-owner", action="store_true", help="nobody owns it any more")
    sub.add_argument("--priority", help="in the words of the format, e.g. high")
    sub.add_argument("--notes", help="added to those there are")
    sub.add_argument("--title", help="the new one")
    sub = task("cancel", _cancel, "Cancel a task.")
    sub.add_argument("id", metavar="ID", help="as in the list")
    sub.add_argument("--reason", help="added to the notes")


def add_message(commands: Any, common: Common) -> None:
    """Add the command ``message``."""
    message = _group(commands, common, "message", "List, send and mark messages, in the agents' own files.")
    sub = message("list", _list_messages, "List messages, the newest last.")
    sub.add_argument("--unread", action="store_true", help="only those that nobody has read")
    sub.add_argument("--limit", type=int, default=_SHOWN, help="how many (default: %(default)s)")
    sub = message("send", _send, "Send a message to an agent, or to everyone (*).")
    sub.add_argument("to", metavar="TO", help="id or name of an agent, or *")
    sub.add_argument("text", metavar="TEXT", help="what to say")
    sub.add_argument("--kind", help="one word")
    sub.add_argument("--task", metavar="ID", help="the task it is about")
    sub.add_argument("--root", metavar="DIR", help="the directory it goes to, where several could take it")
    sub = message("read", _read, "Mark a message as read.")
    sub.add_argument("id", metavar="ID", help="as in the list")


def _group(
    commands: Any, common: Common, name: str, help: str
) -> Callable[[str, Callable[..., None], str], argparse.ArgumentParser]:
    """Add a command of several actions; returns what adds an action."""
    parser = commands.add_parser(name, help=help, description=help)
    subs = parser.add_subparsers(required=True, metavar="ACTION")

    def action(word: str, run: Callable[[Client, argparse.Namespace], None], help: str) -> argparse.ArgumentParser:
        sub: argparse.ArgumentParser = subs.add_parser(word, help=help, description=help)
        sub.set_defaults(run=lambda options: _run(run, options, common.token(options), writes=word != "list"))
        sub.set_defaults(parser=sub, write_data=common.write_data)
        sub.add_argument("--url", help="of the server (default: one that runs on this machine)")
        common.add_token(sub.add_mutually_exclusive_group(), "of that server (default: from its runtime file)")
        sub.add_argument("--json", action="store_true", help="print rows as JSON, one a line")
        return sub

    return action


def _run(
    run: Callable[[Client, argparse.Namespace], None], options: argparse.Namespace, token: str | None, *, writes: bool
) -> None:
    from .client.errors import CallError

    with contextlib.ExitStack() as open_ones:
        try:
            for client in _clients(options, token, open_ones, writes=writes):
                run(client, options)
        except CallError as error:
            raise ChangeFailed(str(error)) from None
        except ValueError as error:  # too large to send
            raise ChangeFailed(str(error)) from None


def _clients(
    options: argparse.Namespace, token: str | None, open_ones: contextlib.ExitStack, *, writes: bool
) -> Iterator[Client]:
    """Yield a client of the server that is named, or of the one that runs here and takes changes.

    Of several servers on the same directories the newest counts. Of servers on different ones all are listed; a change
    is made by the one that has the row, and what is new needs a word where it goes.
    """
    from .discovery import runtimes

    def client(url: str, token: str | None) -> Client:
        return open_ones.enter_context(contextlib.closing(_connect(url, token)))

    if options.url is not None:
        yield client(options.url, token)
        return
    found = list(runtimes())
    able = [runtime for runtime in found if runtime.writes] or ([] if writes else found)
    if not able:
        raise ChangeFailed(_none(found))
    newest: dict[str, Runtime] = {}
    for runtime in able:
        newest.setdefault(runtime.watched, runtime)
    able = list(newest.values())
    if (root := getattr(options, "root", None)) is not None:
        able = [runtime for runtime in able if _holds(runtime, root)] or able
    if not writes:
        yield from (client(runtime.url, runtime.token) for runtime in able)
    elif len(able) == 1:
        yield client(able[0].url, able[0].token)
    elif (id := getattr(options, "id", None)) is not None:
        clients = [client(runtime.url, runtime.token) for runtime in able]
        yield next((one for one in clients if id in one.tasks or id in one.messages), clients[0])
    else:
        places = "; ".join(f"{runtime.url} of {runtime.watched}" for runtime in able)
        raise ChangeFailed(f"several servers take changes; name one with --url or --root: {places}")


def _holds(runtime: Runtime, root: str) -> bool:
    """Return whether a server watches a directory, or one in it."""
    directory = Path(root).expanduser().resolve()
    paths = map(Path, runtime.paths)
    return any(directory == path or directory in path.parents or path in directory.parents for path in paths)


def _connect(url: str, token: str | None) -> Client:
    from .client.errors import ConnectionFailed
    from .notebook.api import connect

    try:
        return connect(url, token)
    except ValueError as error:
        raise ConnectionFailed(str(error)) from None


def _none(found: list[Runtime]) -> str:
    if not found:
        return "no server runs; start one with: agent-widget serve --allow-writes PATH"
    return (
        f"the server at {found[0].url} (pid {found[0].pid}) takes no changes; stop it and start it with: "
        "agent-widget serve --allow-writes PATH"
    )


def _list_tasks(client: Client, options: argparse.Namespace) -> None:
    rows = client.tasks.where(status=options.status) if options.status else client.tasks.rows()
    for row in sorted(rows, key=lambda row: row["created_at"] or 0):
        _print(row, options, "status", "priority", "owner", "title")


def _create(client: Client, options: argparse.Namespace) -> None:
    row = client.tasks.create(
        options.title,
        description=options.description,
        priority=options.priority,
        tags=options.tags,
        depends_on=options.depends_on,
        root=options.root,
    )
    _print(row, options, "status", "priority", "title")


def _update(client: Client, options: argparse.Namespace) -> None:
    given = {name: getattr(options, name) for name in ("status", "owner", "priority", "notes", "title")}
    fields = {name: value for name, value in given.items() if value is not None}
    if options.no_owner:
        fields["owner"] = None
    if not fields:
        raise ChangeFailed("nothing to change; give --status, --owner, --priority, --notes or --title")
    _print(_task(client, options.id).update(**fields), options, "status", "priority", "owner", "title")


def _cancel(client: Client, options: argparse.Namespace) -> None:
    _print(_task(client, options.id).cancel(options.reason), options, "status", "title")


def _task(client: Client, id: str) -> Any:
    row = client.tasks.get(id)
    if row is None:
        raise ChangeFailed(f"no task {id}; agent-widget task list has those there are")
    return row


def _list_messages(client: Client, options: argparse.Namespace) -> None:
    rows = [
        row for row in client.messages.rows() if row["kind"] != "heartbeat" and not (options.unread and row["read"])
    ]
    for row in sorted(rows, key=lambda row: row["at"] or 0)[-options.limit :] if options.limit > 0 else []:
        _print(row, options, "sender", "recipient", "kind", "text")


def _send(client: Client, options: argparse.Namespace) -> None:
    agents = {row["id"] for row in client.agents}  # as they are before: a message makes its recipient known
    row = client.messages.send(options.to, options.text, kind=options.kind, task=options.task, root=options.root)
    _print(row, options, "recipient", "kind", "text")
    if (to := row["recipient"]) not in (None, "*", *agents):
        said = f"no agent {one_line(to)} is known; the message is there for one that comes by this name"
        print(f"agent-widget: {said}", file=sys.stderr)


def _read(client: Client, options: argparse.Namespace) -> None:
    row = client.messages.get(options.id)
    if row is None:
        raise ChangeFailed(f"no message {options.id}; agent-widget message list has the newest")
    _print(row.mark_read(), options, "sender", "text")


def _print(row: Row, options: argparse.Namespace, *columns: str) -> None:
    if options.json:
        from .data.files import json_bytes

        options.write_data(escaped(json_bytes(row).decode()) + "\n")
        return
    words = [row["id"], *(str(row[name]) for name in columns if row[name] is not None)]
    print("  ".join(one_line(word[:120]) for word in words), flush=True)
