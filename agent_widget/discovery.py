"""Runtime files: which servers run on this machine, and how a client finds one.

A runtime file, readable by its owner alone, holds the url and the token of a server and the paths it watches.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec
from jupyter_core.paths import jupyter_runtime_dir, secure_write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def is_loopback(host: str) -> bool:
    """Return whether ``host`` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """Return a host as it is written in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class Runtime(msgspec.Struct):
    """A server as its runtime file describes it."""

    url: Annotated[str, msgspec.Meta(pattern=r"^wss?://[^/]+:\d+/")]
    token: str | None
    pid: Annotated[int, msgspec.Meta(gt=0)]
    paths: list[str]
    started_at: int
    version: str
    known: bool = False
    """Whether ``paths`` are all places where a known agent would leave its files, those that are not there yet too."""
    writes: bool = False
    """Whether it takes changes."""
    otlp: str | None = None
    """Where OpenTelemetry exporters send to (``OTEL_EXPORTER_OTLP_ENDPOINT``)."""
    follows: list[str] = []
    """The hosts that it follows, without tokens."""
    publishes: str | None = None
    """The broker to which its rows are published."""

    @property
    def watched(self) -> str:
        """What it watches, in words."""
        own = "every known agent" if self.known else ", ".join(self.paths)
        return ", ".join(filter(None, [own, *(f"following {url}" for url in self.follows)]))

    @property
    def port(self) -> int:
        """The port in the url."""
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    def encode(self) -> bytes:
        """Return it as one line of JSON. msgspec writes no path that is not UTF-8."""
        return json.dumps(msgspec.to_builtins(self)).encode()

    @staticmethod
    def decode(data: bytes) -> Runtime:
        """Return what :meth:`encode` has written. Raises ``ValueError``."""
        try:
            return msgspec.convert(json.loads(data), Runtime)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def runtime_directory() -> Path:
    """Return the directory of runtime files, below Jupyter's own runtime directory."""
    return Path(jupyter_runtime_dir()) / "agent-widget"


@contextlib.contextmanager
def published(runtime: Runtime) -> Iterator[Path]:
    """Publish a server's runtime file, mode 0600: locked while the server lives, removed afterwards.

    The lock shows that the server lives: the system releases it however the process ends, while a pid may be
    another program's by the time somebody looks (after a restart of the machine even soon). Raises :class:`OSError`
    with the file's name where it cannot be written.
    """
    directory = runtime_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"server-{runtime.pid}-{runtime.port}.json"
    draft = path.with_suffix(".new")
    data = runtime.encode()
    with secure_write(str(draft)) as file:
        try:
            if os.write(file.fileno(), data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise OSError(error.errno, error.strerror, str(path)) from None
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks: the pid has to do
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.replace(path)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


REDIRECT: Final = """<!doctype html>
<html>
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>agents</title>
</head>
<body><p><a href="{url}">Open the dashboard</a></p></body>
</html>
"""


@contextlib.contextmanager
def redirecting(url: str) -> Iterator[Path]:
    """Write a page, mode 0600, that leads to ``url``; it is gone afterwards.

    A browser is started with the path of this page: all users can read its command line, and ``url`` has the token.
    Jupyter does the same (``jpserver-PID-open.html``).
    """
    import html

    directory = runtime_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in directory.glob("open-*.html"):  # of servers that were killed
        with contextlib.suppress(ValueError, OSError):
            if not is_alive(int(old.stem.removeprefix("open-"))):
                old.unlink()
    path = directory / f"open-{os.getpid()}.html"
    path.unlink(missing_ok=True)
    with secure_write(str(path)) as file:
        file.write(REDIRECT.format(url=html.escape(url)))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def starting(patience: float = 20.0) -> Iterator[None]:
    """Hold a lock while looking for a server and starting one, so that two processes do not start two.

    After ``patience`` seconds they wait no longer: a start that hangs must not keep everybody from starting.
    """
    if fcntl is None:
        yield
        return
    directory = runtime_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / "starting.lock").open("w") as file:
        until = time.monotonic() + patience
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:  # a file system without locks
                break
        yield


def runtimes() -> Iterator[Runtime]:
    """Return the servers that run on this machine, newest first; remove the files of servers that are gone."""
    found = []
    for path in runtime_directory().glob("server-*.json"):
        with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and (status.st_uid != os.getuid() or status.st_mode & 0o077):
                continue  # somebody else could have written it, or read it: do not trust it with a connection
            runtime = Runtime.decode(file.read())
            if _is_locked(file, runtime.pid):
                found.append(runtime)
            else:
                path.unlink(missing_ok=True)
    for draft in runtime_directory().glob("server-*.new"):  # of a server that was killed while it wrote it
        pid = draft.name.split("-")[1]
        if pid.isdecimal() and not is_alive(int(pid)):
            draft.unlink(missing_ok=True)
    yield from sorted(found, key=lambda runtime: runtime.started_at, reverse=True)


def find_server(paths: list[str] | None = None, follows: Sequence[str] = ()) -> Runtime | None:
    """Return the newest server on this machine that watches these paths (any, if ``None``) and follows these hosts."""
    for runtime in runtimes():
        if paths is None or (set(paths), set(follows)) == (set(runtime.paths), set(runtime.follows)):
            return runtime
    return None


def _is_locked(file: IO[bytes], pid: int) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:
        pass
    return is_alive(pid)


def is_alive(pid: int) -> bool:
    """Return whether there is a process of this number that has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether a process has ended without being waited for: it still accepts signals."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
