"""A client as light as a client can be: it costs the machine little beside the server that is measured."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import socket
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

PING = re.compile(rb"\x89\x04(....)", re.DOTALL)
"""A ping as ``websockets`` sends it."""


class Address(Protocol):
    """Where a server is."""

    @property
    def url(self) -> str:
        """``ws://…``."""

    @property
    def token(self) -> str | None:
        """What it asks for."""


def hello(server: Address, tables: list[str] | None = None) -> socket.socket:
    """Return a connection that has shown the token and asked for these tables, or for all."""
    where = urlsplit(server.url)
    host = f"{where.hostname}:{where.port}"
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {where.path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", ""]
    connection.sendall("\r\n".join(lines).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    frame = {"type": "hello", "protocol": 1, "token": server.token, "since": None, "tables": tables}
    data = json.dumps(frame).encode()
    connection.sendall(bytes([0x81, 0x80 | 126]) + len(data).to_bytes(2, "big") + b"\0\0\0\0" + data)
    return connection


def pong(connection: socket.socket, data: bytes) -> None:
    """Answer the WebSocket pings among frames of ASCII text."""
    for found in PING.finditer(data):
        with contextlib.suppress(OSError):
            connection.send(b"\x8a\x84\0\0\0\0" + found[1])


def frames(connection: socket.socket) -> Iterator[bytes]:
    """Yield the text frames that come (RFC 6455, section 5.2: unmasked, whole) and answer the pings."""
    held = bytearray()
    while data := connection.recv(1 << 18):
        held += data
        while len(held) >= 2:
            size, start = held[1] & 0x7F, 2
            if size >= 126:
                start += 2 if size == 126 else 8
                size = int.from_bytes(held[2:start], "big") if len(held) >= start else 1 << 62
            if len(held) < start + size:
                break
            frame, opcode = bytes(held[start : start + size]), held[0] & 0x0F
            del held[: start + size]
            if opcode == 9:
                connection.sendall(bytes([0x8A, 0x80 | size]) + b"\0\0\0\0" + frame)
            elif opcode == 1:
                yield frame
