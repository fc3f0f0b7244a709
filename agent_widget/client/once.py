"""One question to a server, without a replica of its tables."""

from __future__ import annotations

from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from .. import protocol
from .errors import CallError, ConnectionFailed

TIMEOUT = 5.0


def ask_once(url: str, token: str | None, method: str) -> Any:
    """Return what a server on this machine answers to a method without parameters.

    Raises :class:`ConnectionFailed` or :class:`CallError`.
    """
    try:
        with connect(url, proxy=None, open_timeout=TIMEOUT, close_timeout=1) as socket:
            for frame in (protocol.Hello(protocol.VERSION, token, tables=[]), protocol.Call(1, method)):
                socket.send(protocol.encode(frame), text=True)
            while True:
                found = protocol.decode_server(socket.recv(TIMEOUT))
                if isinstance(found, protocol.Error):
                    raise ConnectionFailed(found.message)
                if isinstance(found, protocol.Reply):
                    break
    except (OSError, WebSocketException, protocol.ProtocolError) as error:
        raise ConnectionFailed(str(error) or type(error).__name__) from None
    if not found.ok:
        failure = found.error or protocol.Failure("failed", "refused")
        raise CallError(failure.message, failure.code, failure.details)
    return found.result
