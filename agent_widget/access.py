"""Who may talk to a server, and how a client on this machine finds one.

The gate: ``Host`` must be exactly one of the server's own names (else a page could reach it by rebinding its DNS
name), a request with an ``Origin`` must come from the server's own page (else any page could open a WebSocket),
and the token must fit. A runtime file, readable by its owner alone, tells clients on this machine the url and the
token of each server.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

import msgspec
from jupyter_core.paths import jupyter_runtime_dir, secure_write


def new_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(32)


def same_token(expected: str, given: str | None) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(expected.encode(), (given or "").encode("utf-8", "surrogatepass"))


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class Gate:
    """The checks that every request passes before any route."""

    def __init__(self, host: str, port: int, token: str | None) -> None:
        self.token = token
        names = {host}
        if is_loopback(host):
            names |= {"127.0.0.1", "localhost", "::1"}
        self.hosts = {f"{bracketed(name)}:{port}" for name in names}
        self.any_host = host in ("0.0.0.0", "::", "")

    def refusal(self, hosts: Sequence[str], origins: Sequence[str]) -> tuple[HTTPStatus, str] | None:
        """Why a request with these ``Host`` and ``Origin`` headers is refused; ``None`` if it may pass."""
        if len(hosts) != 1 or not (self.any_host or hosts[0] in self.hosts):
            return HTTPStatus.FORBIDDEN, "this server is not reached under that name; use the url it printed"
        if len(origins) > 1 or (origins and origins[0] not in (f"http://{hosts[0]}", f"https://{hosts[0]}")):
            return HTTPStatus.FORBIDDEN, "pages of other origins may not talk to this server"
        return None

    def admits(self, token: str | None) -> bool:
        """Whether the token fits, or none is asked for."""
        return self.token is None or same_token(self.token, token)


class Runtime(msgspec.Struct):
    """What a runtime file tells about a server."""

    url: str
    token: str | None
    pid: int
    paths: list[str]
    started_at: int
    version: str

    @property
    def port(self) -> int:
        """The port in the url."""
        return int(self.url.rsplit(":", 1)[1].split("/")[0])


def runtime_directory() -> Path:
    """Where runtime files lie: below Jupyter's own runtime directory."""
    return Path(jupyter_runtime_dir()) / "agent-widget"


def write_runtime(runtime: Runtime) -> Path:
    """Write a server's runtime file, mode 0600."""
    directory = runtime_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"server-{runtime.pid}-{runtime.port}.json"
    with secure_write(str(path)) as file:
        file.write(msgspec.json.encode(runtime).decode())
    return path


def runtimes() -> Iterator[Runtime]:
    """The servers that run on this machine, newest first; files of servers that are gone are removed."""
    try:
        paths = sorted(runtime_directory().glob("server-*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return
    for path in paths:
        try:
            status = path.stat()
            if sys.platform != "win32" and (status.st_uid != os.getuid() or status.st_mode & 0o077):
                continue  # somebody else could have written it, or read it: do not trust it with a connection
            runtime = msgspec.json.decode(path.read_bytes(), type=Runtime)
        except FileNotFoundError:
            continue
        except (OSError, msgspec.DecodeError, ValueError):
            if time.time() - path.stat().st_mtime > 60:  # a young one may be half written
                path.unlink(missing_ok=True)
            continue
        if _is_alive(runtime.pid):
            yield runtime
        else:
            path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A child that ended and was not waited for answers signals like a living one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
