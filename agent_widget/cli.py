"""The command line: ``agent-widget serve | snapshot | tail | task | message | demo | mcp | …``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import io
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from . import environment
from .failures import Failure
from .garbage import uncollected
from .tables import TABLES
from .version import VERSION
from .visible import escaped, one_line, visible

if TYPE_CHECKING:
    from .addresses import Where
    from .broker import Address
    from .client.client import Client
    from .ingest.archive import Archive
    from .server.app import Server
    from .server.otlp import Receiver
    from .store import Row

# What only some commands need is imported when they run: a server that goes on from its archive takes longer to be
# imported than to start.

_FILES = 4096
"""Open files that a server asks the system for."""
_SWITCH = 0.001
"""Seconds after which a thread gives way to another one that waits, in a server: the reader's to the one that sends."""
OTLP_PORT = 4318
"""The standard port of OTLP over HTTP."""
_ENDING = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 1 for a failure, 2 for bad usage."""
    if arguments is None:
        _hide_tokens()
    _write_what_it_can(sys.stdout, sys.stderr)
    words = _with_default_port(sys.argv[1:] if arguments is None else arguments)
    options, unknown = _parser(words[0] if words[:1] and words[0] in _COMMANDS else None).parse_known_args(words)
    if unknown and hasattr(options, "paths") and not any(word.startswith("-") for word in unknown):
        options.paths += unknown  # argparse takes no paths behind an option when some came before it
    elif unknown:  # said with the usage of the command, not of all commands
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    logging.basicConfig(level=logging.WARNING, handlers=[_log_handler()])
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # what strangers send to the port is no news
    try:
        with _terminated_as_interrupted():
            options.run(options)
        sys.stdout.flush()
    except Failure as failure:
        _warn(str(failure))
        return 1
    except KeyboardInterrupt:  # serve, tail and demo end by a signal in their own way; here something was cut short
        _warn("interrupted")
        return 1
    except BrokenPipeError:
        # the reader went away (`| head`): not an error, and Python must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as failure:
        _warn(f"{failure.filename}: {failure.strerror}" if failure.filename and failure.strerror else str(failure))
        return 1
    return 0


def _write_what_it_can(*streams: TextIO) -> None:
    """Escape what the encoding of a stream does not have: a terminal of ASCII or Latin-1 still gets every line."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write_data(text: str) -> None:
    """Write what programs read: as UTF-8 whatever the terminal speaks, unless somebody looks at it."""
    if sys.stdout.isatty():
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def _with_default_port(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with the standard port after a bare ``--otlp``, which must not take a path for a port."""
    return [f"--otlp={OTLP_PORT}" if argument == "--otlp" else argument for argument in arguments]


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Have SIGTERM raise KeyboardInterrupt as Ctrl-C does, so that whatever was begun is cleaned up."""
    before = {number: signal.getsignal(number) for number in _ENDING}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parser(asked: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, or only of the one that is ``asked`` for: each takes a while to make."""
    parser = argparse.ArgumentParser(prog="agent-widget", description="A live dashboard of AI agents.")
    parser.add_argument("--version", action="version", version=f"agent-widget {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, add in _COMMANDS.items():
        if asked in (None, name):
            add(commands)
    return parser


if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_PATHS = "directories to read (default: every known agent of this machine)"
_NO_MASKING = "show passwords, keys and tokens in what agents wrote as they are"


def _command(commands: _Commands, name: str, run: Callable[[Any], None], help: str) -> argparse.ArgumentParser:
    sub = commands.add_parser(name, help=help, description=help)
    sub.set_defaults(run=run, parser=sub)
    return sub


def _add_serve(commands: _Commands) -> None:
    sub = _command(commands, "serve", _serve, "Watch directories and serve their tables and the dashboard page.")
    sub.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    sub.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    sub.add_argument("--port", type=_port, default=8765, help="0 for any free one (default: %(default)s)")
    access = sub.add_mutually_exclusive_group()
    _add_token(
        access,
        "the token clients must know, which others could see for a moment in the process list (default: a new one)",
    )
    access.add_argument("--no-token", action="store_true", help="let everyone on this machine in")
    sub.add_argument(
        "--allow-host",
        type=_host_name,
        action="append",
        default=[],
        metavar="NAME[:PORT]",
        help="a name under which a proxy reaches this server, as browsers send it; may be repeated",
    )
    sub.add_argument("--open", action="store_true", help="open the dashboard in the browser")
    sub.add_argument("--allow-writes", action="store_true", help="let clients change tasks and send messages")
    sub.add_argument("--no-masking", action="store_true", help=_NO_MASKING)
    keeping = sub.add_mutually_exclusive_group()
    keeping.add_argument("--archive", metavar="FILE", help="where to keep rows (default: in your state directory)")
    keeping.add_argument(
        "--no-archive", action="store_true", help="keep nothing: read all again at each start, all in memory"
    )
    sub.add_argument(
        "--keep-transcripts",
        action="store_true",
        help="copy transcripts beside the archive before agents delete them",
    )
    sub.add_argument("--retention", type=_days, metavar="DAYS", help="forget rows that are older, e.g. 365d")
    sub.add_argument(
        "--otlp",
        metavar="[PORT]",
        type=_port,
        help=f"take what OpenTelemetry exporters send (default: {OTLP_PORT})",
    )
    sub.add_argument(
        "--follow",
        action="append",
        default=[],
        metavar="[NAME=]URL",
        help="show the agents of another server too: ws://HOST:PORT/ws#TOKEN, ssh://[USER@]HOST[:PORT][/PATH], "
        "all of a broker's space: nats://HOST[:PORT]/SPACE, or @FILE with one of these a line; may be repeated",
    )
    sub.add_argument(
        "--follow-token-file",
        metavar="FILE",
        help="a file that holds the token of the servers that are followed; "
        f"{environment.FOLLOW_TOKEN} may hold it too",
    )
    sub.add_argument(
        "--publish",
        metavar="nats://HOST/SPACE",
        help="put the rows into a NATS JetStream stream too, for other hosts",
    )
    sub.add_argument(
        "--nats-credentials",
        metavar="FILE",
        help="a file with USER:PASSWORD, a token, an nkey's seed, or credentials; "
        f"{environment.NATS_CREDENTIALS} may hold them too",
    )
    sub.add_argument("--idle-timeout", type=float, help="end after so many seconds without a client")
    sub.add_argument("--find", action="store_true", help=argparse.SUPPRESS)
    sub.add_argument("--ready-json", action="store_true", help=argparse.SUPPRESS)


def _add_snapshot(commands: _Commands) -> None:
    sub = _command(commands, "snapshot", _snapshot, "Read everything once and print the tables.")
    sub.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    sub.add_argument("--table", choices=TABLES, help="only this table")
    sub.add_argument("--format", choices=("json", "csv", "parquet"), default="json")
    sub.add_argument("--no-masking", action="store_true", help=_NO_MASKING)
    sub.set_defaults(usage_error=sub.error)


def _add_tail(commands: _Commands) -> None:
    sub = _command(commands, "tail", _tail, "Print live changes, one a line.")
    sub.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    sub.add_argument("--url", help="of a running server, e.g. ws://127.0.0.1:8765/ws")
    _add_token(sub.add_mutually_exclusive_group(), "of that server (default: from its runtime file)")
    sub.add_argument("--table", choices=TABLES, help="only this table")
    sub.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_task(commands: _Commands) -> None:
    from .cli_changes import Common, add_task

    add_task(commands, Common(_add_token, _token, _write_data))


def _add_message(commands: _Commands) -> None:
    from .cli_changes import Common, add_message

    add_message(commands, Common(_add_token, _token, _write_data))


def _add_demo(commands: _Commands) -> None:
    help = "Simulate a team of agents and two coding agents, and open the dashboard on them."
    sub = _command(commands, "demo", _demo, help)
    sub.add_argument("directory", nargs="?", metavar="DIR", help="where they write (default: a temporary directory)")
    sub.add_argument("--agents", type=_team_size, default=7, help="how many are in the team (default: %(default)s)")
    sub.add_argument("--rate", type=_rate, default=1.0, help="how fast they live (default: %(default)s)")
    sub.add_argument("--seconds", type=float, help="end after so many seconds")
    sub.add_argument("--port", type=_port, default=0, help=argparse.SUPPRESS)
    sub.add_argument("--no-open", action="store_true", help="do not open a browser")


def _add_mcp(commands: _Commands) -> None:
    help = "Let an agent ask, over MCP on stdin and stdout, what the agents do and cost."
    sub = _command(commands, "mcp", _mcp, help)
    sub.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)
    sub.add_argument("--url", help="of a running server, e.g. ws://127.0.0.1:8765/ws (default: start or reuse one)")
    _add_token(sub.add_mutually_exclusive_group(), "of that server (default: from its runtime file)")


def _add_statusline(commands: _Commands) -> None:
    from . import statusline

    statusline.parser(_command(commands, "statusline", _statusline, statusline.SUMMARY))


def _add_servers(commands: _Commands) -> None:
    _command(commands, "servers", _servers, "List the servers that run on this machine.")


def _add_doctor(commands: _Commands) -> None:
    sub = _command(commands, "doctor", _doctor, "Say what is found, readable and watched, and which limits are near.")
    sub.add_argument("paths", nargs="*", metavar="PATH", help=_PATHS)


_COMMANDS: Final[dict[str, Callable[[_Commands], None]]] = {
    "serve": _add_serve,
    "snapshot": _add_snapshot,
    "tail": _add_tail,
    "task": _add_task,
    "message": _add_message,
    "demo": _add_demo,
    "mcp": _add_mcp,
    "statusline": _add_statusline,
    "servers": _add_servers,
    "doctor": _add_doctor,
}
"""Name → what adds the command to the parser."""


def _add_token(group: argparse._MutuallyExclusiveGroup, help: str) -> None:
    group.add_argument("--token", help=help)
    group.add_argument(
        "--token-file", metavar="FILE", help=f"a file that holds it; {environment.TOKEN} may hold it too"
    )


def _token(options: argparse.Namespace) -> str | None:
    """Return the token that was chosen, by an option, a file or the environment."""
    if options.token is not None:
        return str(options.token)
    if options.token_file is None:
        return os.environ.get(environment.TOKEN) or None
    return _word_in(Path(options.token_file).expanduser())


def _word_in(path: Path) -> str:
    """Return the token that a file holds."""
    words = path.read_text("utf-8").split()
    if len(words) != 1:
        raise Failure(f"{path}: a token file has one word, the token")
    _check_private(path)
    return words[0]


def _check_private(path: Path) -> None:
    """Warn if others can read or change a file that holds a token."""
    if os.name == "posix" and path.stat().st_mode & 0o066:
        _warn(f"{path} can be read or changed by other users; chmod 600 makes it yours alone")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text}")
    return int(text)


def _host_name(text: str) -> str:
    where = text.partition("://")[2].partition("/")[0] or text  # an address that was copied is fine too
    if not re.fullmatch(r"(\w[\w.-]*|\[[0-9a-fA-F:.]+\])(:\d{1,5})?", where, re.ASCII):
        raise argparse.ArgumentTypeError(f"a host is a name like hub.example.org or localhost:8888, not {text}")
    return where


def _days(text: str) -> int:
    number = text.removesuffix("d")
    if not number.isdecimal() or not 1 <= int(number) <= 100_000:
        raise argparse.ArgumentTypeError(f"a number of days like 365d, not {text}")
    return int(number) * 86_400_000


def _team_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise argparse.ArgumentTypeError(f"a team has 1 to 200 agents, not {text}")
    return int(text)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"a rate is a number above 0, not {text}")
    return rate


def _warn(text: str) -> None:
    print(f"agent-widget: {one_line(text)}", file=sys.stderr)


def _say(label: str, text: str, width: int = 11) -> None:
    """Print one line for people: it may name files, which may be called anything."""
    print(one_line(f"{label:<{width}} {text}"), flush=True)


class _LogFormatter(logging.Formatter):
    """Names what cannot be seen: a line of the log may quote what agents wrote."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


def _log_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogFormatter("agent-widget: %(message)s"))
    return handler


# serve and demo


def _serve(options: argparse.Namespace) -> None:
    if options.find:
        _find(options)
        return
    with uncollected():
        server = _made(options)
    gc.freeze()  # what is there by now stays
    if options.keep_transcripts and server.kept is None:
        _warn("transcripts are not kept: they are kept beside the archive, and there is none")
    sys.setswitchinterval(_SWITCH)
    _until_interrupted(_run_server(server, options.ready_json, options.open))


def _made(options: argparse.Namespace) -> Server:
    """Return the server that is asked for, with what its archive remembers."""
    from concurrent.futures import ThreadPoolExecutor

    from .ingest.collector import Collector

    receiver, paths, followed = None, list(options.paths), None
    wheres = _followed(options)
    if options.otlp is not None:
        receiver = _receiver(options)
        paths += [receiver.directory] if paths else []
    make = partial(Collector, masking=not options.no_masking, retention_ms=options.retention, follows=bool(wheres))
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(make, paths, archive=_archive(options))  # its archive waits for the disk
        from .server.app import Server

        collector = making.result()
    for each in wheres:
        if each.is_broker:
            _broker(each.url, options)
    publish = None if options.publish is None else _broker(options.publish, options)
    if wheres:
        from .following import Hosts

        followed = Hosts(wheres, collector, writes=options.allow_writes, credentials=options.nats_credentials)
    return Server(
        collector,
        host=options.host,
        port=options.port,
        token=None if options.no_token else _token(options),
        no_token=options.no_token,
        idle_timeout=options.idle_timeout,
        keep_transcripts=options.keep_transcripts,
        receiver=receiver,
        allow_writes=options.allow_writes,
        allow_hosts=options.allow_host,
        followed=followed,
        publish=publish,
    )


def _find(options: argparse.Namespace) -> None:
    """Print where a server of these paths is, found or started: for another machine that follows it over ssh."""
    from .discovery import runtimes
    from .server.launch import IDLE_TIMEOUT, serve

    server = serve(*options.paths, idle_timeout=options.idle_timeout or IDLE_TIMEOUT)
    runtime = next((runtime for runtime in runtimes() if runtime.pid == server.pid), None)
    if runtime is None:
        raise Failure("the server has ended at once; see agent-widget doctor")
    print(runtime.encode().decode(), flush=True)


def _followed(options: argparse.Namespace) -> list[Where]:
    """Return the hosts to follow, with their tokens, wherever these stand."""
    common = os.environ.pop(environment.FOLLOW_TOKEN, None)
    if not options.follow and options.follow_token_file is None and environment.FOLLOW not in os.environ:
        return []
    from .addresses import FollowError, listed, where

    texts: list[str] = []
    for given in options.follow:
        if given.startswith("@"):
            _check_private(Path(given[1:]).expanduser())
        texts += listed(given)
    hidden = os.environ.pop(environment.FOLLOW, "").split("\n")
    try:
        known = [where(text) for text in hidden if text]
        wheres = [where(text) for text in texts] or known
    except FollowError as error:
        raise Failure(error) from None
    tokens = {each.url: each.token for each in known}
    if options.follow_token_file is not None:
        common = _word_in(Path(options.follow_token_file).expanduser())
    found = [replace(each, token=each.token or tokens.get(each.url) or common) for each in wheres]
    if len({each.url for each in found}) < len(found):
        raise Failure("a host is to be followed twice; name it once")
    return found


def _hide_tokens() -> None:
    """Begin anew without the tokens in the command line, which all users of the machine can read.

    They are handed on in the environment, which only this user can read.
    """
    arguments = _without_token(list(sys.orig_argv))
    urls = [
        argument.removeprefix("--follow=")
        for before, argument in pairwise(["", *arguments])
        if before == "--follow" or argument.startswith("--follow=")
    ]
    follows = "serve" in arguments and any("#" in url for url in urls)
    if os.name != "posix" or not (follows or len(arguments) < len(sys.orig_argv)):
        return
    if follows:
        shown = {url: url.partition("#")[0] for url in urls}
        for url in urls:
            for prefix in ("", "--follow="):
                arguments = [f"{prefix}{shown[url]}" if word == prefix + url else word for word in arguments]
        os.environ[environment.FOLLOW] = "\n".join(urls)
    os.execv(sys.executable, arguments)


def _without_token(arguments: list[str]) -> list[str]:
    """Return the words of a command that runs for long without its ``--token``, which is in the environment then."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own = arguments[:end]
    given = [place for place, word in enumerate(own) if word == "--token" or word.startswith("--token=")]
    others = any(word.partition("=")[0] in ("--no-token", "--token-file") for word in own)  # told as bad usage
    if len(given) != 1 or others or os.name != "posix" or not {"serve", "tail", "mcp"} & set(own):
        return arguments
    (place,) = given
    _, sign, token = own[place].partition("=")
    width = 1 if sign else 2
    token = token if sign else "".join(own[place + 1 : place + 2])
    if not token or token.startswith("-"):
        return arguments
    os.environ[environment.TOKEN] = token
    return arguments[:place] + arguments[place + width :]


def _receiver(options: argparse.Namespace) -> Receiver:
    """Return what takes the data of OpenTelemetry exporters."""
    try:
        from .server.otlp import Receiver
    except ImportError:
        raise Failure('--otlp needs a library: pip install "agent-widget[otlp]"') from None
    return Receiver(options.otlp, host=options.host)


def _broker(text: str, options: argparse.Namespace) -> Address:
    """Return the broker that an option names."""
    try:
        import nats  # noqa: F401
    except ImportError:
        raise Failure(f'{text} needs a library: pip install "agent-widget[nats]"') from None
    from .broker import address

    return address(text, options.nats_credentials)


def _archive(options: argparse.Namespace) -> Callable[[list[Path]], Archive] | None:
    """Return a function that opens the archive the options ask for; ``None`` without one."""
    if options.no_archive:
        return None
    from .ingest.archive import Archive
    from .ingest.archive_file import default_path

    if options.archive is not None:
        return lambda roots: Archive.open(Path(options.archive).expanduser())
    masking = not options.no_masking
    return lambda roots: Archive.open(default_path(roots, masking=masking))


def _allow_many_files() -> None:
    """Raise the soft limit of open files as far as 1,000 clients need: it is 1,024 in all on most systems."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _run_server(server: Server, ready_json: bool, open_page: bool) -> None:
    _allow_many_files()
    server.on_listening = (lambda: _say_ready(server)) if ready_json else (lambda: _say_where(server))
    async with server.running():
        if not ready_json and server.collector.places and server.collector.is_empty and server.followed is None:
            _warn("nothing to show yet: no agent has written here; its rows appear as soon as one does")
        if not open_page:
            await server.idle()
            return
        import webbrowser

        from .discovery import redirecting

        with redirecting(server.page_url) as page:
            if not await asyncio.to_thread(webbrowser.open, page.as_uri()):
                _warn("no browser found; open the page by its address")
            await server.idle()


def _say_ready(server: Server) -> None:
    print(server.runtime.encode().decode(), flush=True)
    _detach()


def _say_where(server: Server) -> None:
    roots = ", ".join(str(place) for place in server.collector.places)
    _say("watching", roots or "nothing yet: no known agent has left files on this machine", width=9)
    _say("page", server.page_url, width=9)
    _say("url", server.url, width=9)
    _say("token", server.token or "none asked for", width=9)
    for url in server.followed.urls if server.followed is not None else ():
        _say("following", url, width=9)
    if server.receiver is not None:
        _say("otlp", f"OTEL_EXPORTER_OTLP_ENDPOINT={server.receiver.url}", width=9)
    if server.publisher is not None:
        _say("publish", f"{server.publisher.address.url} as {server.publisher.host}", width=9)


def _detach() -> None:
    """Point stdout and stderr at nothing: the process that started this one has read what it needs and may end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _until_interrupted(work: Any) -> None:
    """Run until it ends, or until Ctrl-C or SIGTERM, and clean up in both cases; a second signal changes nothing."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        for number in _ENDING:
            with contextlib.suppress(NotImplementedError):  # Windows
                asyncio.get_running_loop().add_signal_handler(number, lambda: task.cancelling() or task.cancel())
        with contextlib.suppress(asyncio.CancelledError):
            await task

    try:
        asyncio.run(run())
    finally:
        for number in _ENDING:  # the little that is left to clean up is not to be cut short either
            signal.signal(number, signal.SIG_IGN)


def _demo(options: argparse.Namespace) -> None:
    import tempfile

    from . import demo
    from .ingest.collector import Collector
    from .server.app import Server

    with contextlib.ExitStack() as stack:
        directory = options.directory or stack.enter_context(tempfile.TemporaryDirectory(prefix="agent-widget-demo-"))
        memory = Path(directory).expanduser()
        if options.directory is None:
            memory = memory / "memory"
        team = demo.Demo(memory, agents=options.agents, rate=options.rate)
        _say("notebook", f"aw.watch({', '.join(repr(str(root)) for root in team.roots)})", width=9)

        async def show() -> None:
            server = Server(Collector(team.roots), port=options.port)
            showing = asyncio.ensure_future(_run_server(server, False, not options.no_open))
            simulating = asyncio.ensure_future(asyncio.to_thread(team.run, options.seconds))
            try:
                done, _ = await asyncio.wait({showing, simulating}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                team.stop()
                showing.cancel()
                await asyncio.gather(showing, simulating, return_exceptions=True)

        _until_interrupted(show())


# snapshot and tail


def _snapshot(options: argparse.Namespace) -> None:
    from .data.files import csv_text, json_bytes
    from .data.table import in_order
    from .ingest.collector import Collector

    if options.format != "json" and not options.table:
        options.usage_error(f"--format {options.format} holds one table; choose it with --table")
    collector = Collector(options.paths, masking=not options.no_masking)
    collector.scan()
    for state in collector.states():
        for problem in state.problems:
            _warn(problem)
        if state.malformed:
            _warn(f"{state.path}: {state.malformed} lines or documents could not be understood and were left out")
    if collector.is_empty:
        where = ", ".join(map(str, collector.roots)) or "the known places of this machine"
        raise Failure(f"no agent has left a file in {where}; name the directory that holds the agents' files")
    names = [options.table] if options.table else list(TABLES)
    tables = {name: in_order(name, collector.store.rows(name)) for name in names}
    if options.format == "json":
        _write_data(escaped(json_bytes(tables).decode()) + "\n")
    elif options.format == "csv":
        columns = [column.name for column in TABLES[options.table].columns]
        text = csv_text(columns, tables[options.table])
        _write_data(visible(text) if sys.stdout.isatty() else text)
    else:
        _write_parquet(options.table, tables[options.table])


def _write_parquet(table: str, rows: list[Row]) -> None:
    from .data.files import parquet_bytes
    from .data.frames import arrow_table

    try:
        data = parquet_bytes(arrow_table(table, rows))
    except ImportError:
        raise Failure('parquet needs pyarrow: pip install "agent-widget[frames]"') from None
    sys.stdout.buffer.write(data)


def _tail(options: argparse.Namespace) -> None:
    if options.url:
        _until_interrupted(_print_changes(_connected(options), options))
        return
    from .ingest.collector import Collector
    from .notebook.api import connect
    from .server.app import Server

    server = Server(Collector(options.paths))

    async def serve_and_print() -> None:
        async with server.running():
            client = await asyncio.to_thread(connect, server.url, server.token)
            await _print_changes(client, options)

    _until_interrupted(serve_and_print())


def _connected(options: argparse.Namespace) -> Client:
    """Return a client of the server at ``--url``."""
    from .notebook.api import connect

    try:
        return connect(options.url, _token(options))
    except ValueError as error:
        raise Failure(error) from None


async def _print_changes(client: Client, options: argparse.Namespace) -> None:
    from .client.connection import ENDED
    from .client.errors import ConnectionFailed

    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    wanted = [options.table] if options.table else None
    feed = client._link.feed(lambda: loop.call_soon_threadsafe(changed.set), wanted)
    try:
        while client.connection.state not in ENDED:
            await changed.wait()
            changed.clear()
            for table, id, _, row in feed.take():
                if options.json:
                    _write_data(_json_line(table, id, row) + "\n")
                else:
                    print(_text_line(table, id, row), flush=True)
        raise ConnectionFailed(client.connection.message)
    finally:
        client.close()


def _json_line(table: str, id: str, row: Row | None) -> str:
    from .data.files import json_bytes

    operation = {"table": table, "op": "gone" if row is None else "upsert", "row": {"id": id} if row is None else row}
    return escaped(json_bytes(operation).decode())


def _text_line(table: str, id: str, row: Row | None) -> str:
    if row is None:
        return f"{table:<10} gone  {one_line(id)}"
    words = [row.get(name) for name in ("status", "kind", "level", "name", "title", "text", "status_reason", "value")]
    text = "  ".join(one_line(str(word))[:120] for word in words if word is not None)
    return f"{table:<10} {one_line(id)[:28]:<28}  {text}"


# mcp


def _mcp(options: argparse.Namespace) -> None:
    try:
        from . import mcp
    except ImportError:
        raise Failure('mcp needs its SDK: pip install "agent-widget[mcp]"') from None
    import warnings

    from .notebook.api import connect
    from .server.launch import serve

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large home is still being read: the answers say what is known by then
        client = _connected(options) if options.url else connect(serve(*options.paths))
    try:
        mcp.server(client).run("stdio")
    finally:
        client.close()


# statusline, servers and doctor


def _statusline(options: argparse.Namespace) -> None:
    from . import statusline

    statusline.main(["--command", options.command] if options.command else [])


def _servers(options: argparse.Namespace) -> None:
    from .discovery import runtimes

    none = True
    for runtime in runtimes():
        none = False
        print(one_line(f"{runtime.url}  pid {runtime.pid}  {runtime.watched}"))
    if none:
        print("no server runs; start one with: agent-widget serve PATH")


def _doctor(options: argparse.Namespace) -> None:
    from .doctor import findings

    for label, line in findings(options.paths):
        _say(label, line)
