"""A watcher server in a process of its own: start one, reuse a live one, stop it.

Its own process, so that a busy or restarted kernel does not take it down and several notebooks share it. A server
that a notebook started ends by itself when nobody has been connected for a while.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from .. import environment
from ..addresses import listed, where
from ..discovery import Runtime, find_server, is_alive, runtimes, starting
from ..failures import Failure

IDLE_TIMEOUT: Final = 600.0
"""Seconds without a client after which a server that a notebook started ends."""


_MAIN: Final = "import sys; from agent_widget.__main__ import main; sys.exit(main())"
"""``python -m agent_widget``, without the modules that ``-m`` needs to find it."""


class ServerError(Failure, RuntimeError):
    """The server did not start; the message says why and what to do."""


class Server:
    """A running watcher server; also a context manager that stops it at the end.

    ``url`` is where clients connect (``ws://…/ws``), ``token`` what they must know, ``pid`` its process. ``started``
    tells whether this call started it or found it running. ``otlp`` is where OpenTelemetry exporters send to, ``None``
    if it takes nothing from them.
    """

    def __init__(self, runtime: Runtime, process: subprocess.Popen[bytes] | None = None) -> None:
        self.url = runtime.url
        self.token = runtime.token
        self.pid = runtime.pid
        self.paths = runtime.paths
        self.otlp = runtime.otlp
        self.follows = runtime.follows
        self._watched = runtime.watched or "nothing yet"
        self.started = process is not None
        self._process = process

    @property
    def page_url(self) -> str:
        """The dashboard as a page of its own."""
        address = self.url.replace("ws", "http", 1).removesuffix("/ws")
        return f"{address}/" + (f"#token={self.token}" if self.token else "")

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        if self._process is not None:
            return self._process.poll() is None
        return any((runtime.pid, runtime.url) == (self.pid, self.url) for runtime in runtimes())

    def stop(self, timeout: float = 10.0) -> None:
        """Stop the server; returns when its process has ended."""
        if not self.running:  # its pid may be another program's by now
            return
        deadline = time.monotonic() + timeout
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
            while is_alive(self.pid):
                time.sleep(0.02)
                if time.monotonic() > deadline:
                    os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.started:
            self.stop()

    def __repr__(self) -> str:
        # never the token: a repr ends up in notebooks and logs
        return f"<agent_widget.Server {self.url} pid {self.pid} watching {self._watched}>"


def serve(
    *paths: str | os.PathLike[str],
    port: int = 0,
    host: str = "127.0.0.1",
    idle_timeout: float = IDLE_TIMEOUT,
    allow_writes: bool = False,
    otlp: int | bool = False,
    follow: str | Sequence[str] = (),
    publish: str | None = None,
    nats_credentials: str | os.PathLike[str] | None = None,
) -> Server:
    """Start a server that watches ``paths`` (every known agent of this machine if there are none), or reuse one.

    A live server of this user that watches the same paths is returned as it is, unless a ``port`` is asked for that it
    does not have. ``allow_writes``: clients may change tasks and send messages, where the format allows it; a server
    that was started without stays so, and must be stopped first. ``otlp``: what OpenTelemetry exporters send is taken
    too, on the standard port (4318) or the one given; ``server.otlp`` is where they send to. ``follow``: other hosts
    whose agents are shown too, ``"gpu=ws://gpu-box:8765/ws#TOKEN"``, ``"ssh://user@gpu-box/path"``, all of a broker's
    space ``"nats://broker/space"``, or ``"@hosts.txt"`` with one of these a line. ``publish``: the broker's space to
    which the rows are published for others, ``"nats://broker/space"`` (``client.publishing`` says how it goes).
    ``nats_credentials``: a file with those for brokers.

    Returns when the server answers; a large home is still being read then. Raises :class:`ServerError`, ``ValueError``
    for what is no host or no broker, and :class:`~agent_widget.ingest.roots.PathError` for a path that cannot be
    watched.
    """
    options = Options(port, host, idle_timeout, allow_writes, otlp, follow, publish, nats_credentials)
    return reuse_or_start(paths, options)


class Options(NamedTuple):
    """How a server is wanted: see :func:`serve`."""

    port: int = 0
    host: str = "127.0.0.1"
    idle_timeout: float = IDLE_TIMEOUT
    allow_writes: bool = False
    otlp: int | bool = False
    follow: str | Sequence[str] = ()
    publish: str | None = None
    nats_credentials: str | os.PathLike[str] | None = None


def reuse_or_start(
    paths: Sequence[str | os.PathLike[str]], options: Options, meanwhile: Callable[[], object] | None = None
) -> Server:
    """Do as :func:`serve`. ``meanwhile`` is called while a new server starts, if there need be one."""
    port, host, idle_timeout, allow_writes, otlp, follow, publish, nats_credentials = options
    follow = [text for each in ([follow] if isinstance(follow, str) else follow) for text in listed(each)]
    hosts = [where(each) for each in follow]
    space = None if publish is None else _space(publish, nats_credentials)
    with starting():
        # what a path holds is looked at only if there may be a server of it: the new one does that anyhow
        if any(runtimes()) or not all(map(_is_directory, paths)):
            found = find_server(_roots(paths), [each.url for each in hosts])
            if found is not None and port in (0, found.port) and _answers(found):
                lacks = "OpenTelemetry data" if otlp and found.otlp is None else None
                lacks = "changes" if allow_writes and not found.writes else lacks
                lacks = None if lacks is None else f"takes no {lacks}"
                if space is not None and found.publishes != space:
                    lacks = f"publishes nothing to {space}"
                if lacks is not None:
                    named = ", ".join(repr(os.fspath(path)) for path in paths)
                    raise ServerError(
                        f"a server that {lacks} watches this already (pid {found.pid}); stop it first: "
                        f"aw.serve({named}).stop()"
                    )
                return Server(found)
        more = ["--allow-writes"] if allow_writes else []
        if otlp:
            more.append("--otlp" if otlp is True else f"--otlp={otlp}")
        if publish is not None:
            more += ["--publish", publish]
        if nats_credentials is not None:
            more += ["--nats-credentials", os.path.expanduser(nats_credentials)]
        command = ["--host", host, "--port", str(port), "--idle-timeout", str(idle_timeout), *more, "--"]
        try:
            return _start([*command, *(os.fspath(path) for path in paths)], follow, meanwhile)
        except ServerError:
            _roots(paths)  # raises if it is for a path that the server did not start
            raise


def _space(publish: str, credentials: str | os.PathLike[str] | None) -> str:
    from ..broker import address

    return address(publish, credentials).url


def _is_directory(path: object) -> bool:
    return isinstance(path, (str, os.PathLike)) and os.path.isdir(path)


def _roots(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the directories that a server of these paths watches. Raises ``PathError``."""
    # imports every format
    from ..ingest.roots import PathError, known_places, resolve

    if not paths:
        return [str(place) for place in known_places()]
    try:
        return [str(place) for source in resolve(paths) for place in source.places]
    except PathError as error:
        raise error.with_traceback(None) from None  # a misspelt path is no fault in here: a short traceback


def _answers(found: Runtime) -> bool:
    """Return whether the server answers: one that was just killed may still hold its runtime file."""
    from http.client import HTTPConnection, HTTPException

    where = urlsplit(found.url)
    try:
        connection = HTTPConnection(where.hostname or "", where.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False


def _start(arguments: Sequence[str], follow: Sequence[str], meanwhile: Callable[[], object] | None) -> Server:
    command = [sys.executable, "-c", _MAIN, "serve", "--ready-json", *arguments]
    variables = {**os.environ, environment.FOLLOW: "\n".join(follow)} if follow else None
    # Its warnings go to a file until it is ready, and nowhere after: a pipe that nobody empties would stop it.
    with tempfile.TemporaryFile() as stderr_file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr_file,
            env=variables,
            start_new_session=True,  # an interrupt of the kernel is not for the server
        )
        assert process.stdout is not None
        try:
            if meanwhile is not None:
                meanwhile()
            with process.stdout as ready:
                line = ready.readline()
        except BaseException:  # an interrupt of the kernel, too: nobody would know of the server
            process.terminate()
            raise
        if line:
            return Server(Runtime.decode(line), process)
        process.wait()
        stderr_file.seek(0)
        last = stderr_file.read().decode("utf-8", "replace").strip().rpartition("\n")[2].removeprefix("agent-widget: ")
    raise ServerError(f"the server did not start: {last or 'it ended at once'}")
