"""A host that is reached over the user's own ``ssh``: a server is found or started there, and a socket forwarded to it.

Everything that ``ssh`` knows is used as it is (configuration, agent, jump hosts, shared connections); it is never asked
for a password (``BatchMode``). No port is opened on either side: the forwarded end is a socket in a directory that only
this user can enter, and leads to the server on the loopback address there.

A server that was started there ends by itself when nobody has been connected for a while, so also when the network is
gone for good. When the connection breaks (sleep, another network), both are done again; the rows go on from where they
were.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.client import unix_connect

from ..addresses import Where
from ..client.wire import Unreachable
from ..discovery import Runtime
from .websocket import SocketOrigin

IDLE_TIMEOUT: Final = 60
"""Seconds without a client after which a server that was started there ends."""
START_TIMEOUT: Final = 60.0
"""Seconds that starting a server there may take."""
PATIENCE: Final = 2.0
"""Seconds to wait for a shared connection to take back a forwarding."""
OPTIONS: Final = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ExitOnForwardFailure=yes",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "StreamLocalBindUnlink=yes",
)
_MISSING: Final = "agent-widget is missing"
_COMMANDS: Final = ('"$HOME/.local/bin/agent-widget"', '"$HOME/.venv/bin/agent-widget"')


def ssh_command() -> list[str]:
    """Return the user's ``ssh``. Raises :class:`Unreachable` if there is none."""
    found = shutil.which("ssh")
    if found is None:
        raise Unreachable("ssh is not installed on this machine")
    return [found]


class SshOrigin(SocketOrigin):
    """The connection to a server on a host that ``ssh`` reaches."""

    back_off = (1.0, 30.0)

    def __init__(self, where: Where, host: str) -> None:
        super().__init__(where, host)
        parts = urlsplit(where.url)
        self._target = re.sub(r":\d+$", "", parts.netloc).replace("[", "").replace("]", "")  # as ssh takes it
        self._port = ["-p", str(parts.port)] if parts.port else []
        path = unquote(parts.path)
        self._path = "" if path in ("", "/") else path[1:] if path.startswith("/~") else path
        self._program = parse_qs(parts.query).get("command", [""])[0]
        self._tunnel: asyncio.subprocess.Process | None = None
        self._directory: str | None = None
        self._forward: str | None = None
        """What is forwarded, as ``ssh -L`` takes it."""

    def command(self, key: str, command: str) -> str:
        """Return the command as ``ssh`` runs it on the host, with a terminal."""
        return shlex.join(["ssh", "-t", *self._port, self._target, command])

    async def reach(self) -> Any:
        """Find or start a server there and forward a socket to it. Raises :class:`Unreachable`."""
        await self._close()
        runtime = await self._server()
        if self._directory is None:
            self._directory = tempfile.mkdtemp(prefix="aw-ssh-")  # 0700: nobody else can connect to the socket
        socket = str(Path(self._directory, "server"))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(socket)
        self._forward = f"{socket}:127.0.0.1:{runtime.port}"
        self._tunnel = await self._ssh("-N", "-L", self._forward, self._target)
        ended = asyncio.ensure_future(self._tunnel.communicate())
        while not os.path.exists(socket):
            done, _ = await asyncio.wait({ended}, timeout=0.05)
            if done:
                raise Unreachable(self._reason(ended.result()[1], "the socket could not be forwarded"))
        self.url, self.token = runtime.url, runtime.token
        return unix_connect(socket, self.url, **{**self.options(), "proxy": None})

    async def _server(self) -> Runtime:
        """Return the server there, found or started."""
        process = await self._ssh("-T", self._target, self._remote())
        try:
            async with asyncio.timeout(START_TIMEOUT):
                out, err = await process.communicate()
        except TimeoutError:
            raise Unreachable(f"{self._target} did not start a server within {START_TIMEOUT:.0f} s") from None
        finally:
            await _ended(process)
        for line in reversed(out.splitlines()):  # what a login shell prints may come before
            with contextlib.suppress(ValueError):
                return Runtime.decode(line)
        raise Unreachable(self._reason(err, "it printed nothing"))

    def _remote(self) -> str:
        """Return the command that finds or starts a server there."""
        arguments = ["serve", "--find", "--ready-json", "--idle-timeout", str(IDLE_TIMEOUT), "--"]
        home = self._path.startswith("~/")
        place = f'"$HOME"/{shlex.quote(self._path[2:])}' if home else shlex.quote(self._path) if self._path else ""
        serve = f"{shlex.join(arguments)} {place}".rstrip()
        if self._program:
            script = f"exec {shlex.quote(self._program)} {serve}"
        else:
            tries = " ".join(("agent-widget", *_COMMANDS))
            script = (
                f'for c in {tries}; do if command -v "$c" >/dev/null 2>&1; then exec "$c" {serve}; fi; done; '
                f"echo {shlex.quote(_MISSING)} >&2; exit 127"
            )
        return f"exec sh -c {shlex.quote(script)}"  # whatever the login shell is

    async def _ssh(self, *arguments: str) -> asyncio.subprocess.Process:
        options = [word for option in OPTIONS for word in ("-o", option)]
        return await asyncio.create_subprocess_exec(
            *ssh_command(),
            *options,
            *self._port,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # an interrupt of the terminal is for the server, which ends it
        )

    def _reason(self, err: bytes, otherwise: str) -> str:
        """Return what is wrong, and what to do, from what ``ssh`` or the shell there said."""
        text = err.decode("utf-8", "replace")
        target = " ".join([*self._port, self._target])
        name = self._program or "agent-widget"
        for pattern, what in _REASONS:
            if re.search(pattern, text):
                return what.format(host=self._target, target=target, name=name)
        last = text.strip().rpartition("\n")[2].removeprefix("agent-widget: ") or otherwise
        if "is not reachable" not in last and re.search(_AWAY, text):
            return f"{self._target} is not reachable ({last.rpartition(': ')[2].strip()})"
        return f"no server on {self._target}: {last}"

    async def _close(self) -> None:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            await _ended(tunnel)
        forward, self._forward = self._forward, None
        if forward is not None:  # a connection that is shared keeps it otherwise; without one, this says so and is over
            await _ended(await self._ssh("-O", "cancel", "-L", forward, self._target), PATIENCE)

    async def leave(self) -> None:
        """End the forwarding."""
        await self._close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)


_AWAY: Final = (
    "Could not resolve|Connection refused|timed out|No route to host|Network is unreachable|Connection closed|reset by"
)
_REASONS: Final = (
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", "the host key of {host} has changed; find out why, then: ssh {target}"),
    ("Host key verification failed", "the host key of {host} is not known yet; connect once by hand: ssh {target}"),
    (
        "Permission denied",
        "{host} does not let you in without a password; give it your key (ssh-copy-id {target}) or ssh-add yours",
    ),
    (
        rf"{_MISSING}|: not found|No such file or directory",
        # pip install --user is refused where the system manages the packages
        "{name} is not installed on {host}; install it there: "
        "ssh {target} 'python3 -m venv ~/.venv && ~/.venv/bin/pip install agent-widget'",
    ),
    (
        "unrecognized arguments: --find",
        "agent-widget on {host} is too old; upgrade it there (pip install -U agent-widget)",
    ),
)
"""What is in the words of ``ssh`` (OpenSSH 9) or of a shell, and what we say."""


async def _ended(process: asyncio.subprocess.Process, patience: float = 0.0) -> None:
    """End a process, if it still runs after ``patience`` seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await process.wait()
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            await process.wait()
            return
    with contextlib.suppress(ProcessLookupError):
        process.kill()
