"""The client: a live replica of a server's tables, one for each server in a process."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence

from .base import BaseClient
from .link import Link


class Client(BaseClient):
    """A live replica of a server's tables, and what can be done with them. Made by :func:`agent_widget.connect`.

    Each table is an attribute: ``client.tasks``, ``client.messages``, … (:class:`LiveTable`).
    """

    def __init__(
        self, url: str, token: str | None = None, *, paths: list[str] | None = None, follows: Sequence[str] = ()
    ) -> None:
        self._link = Link(url, token, paths=paths, follows=follows)

    @property
    def url(self) -> str:
        """Where the server is; a restarted server is elsewhere."""
        return self._link.url

    def close(self) -> None:
        """End the connection and all callbacks; the tables stay readable as they are."""
        self._link.close()

    def __repr__(self) -> str:
        rows = ", ".join(
            f"{len(table)} {name.replace('_', ' ')}" for name, table in self._link.tables.items() if len(table)
        )
        return f"<agent_widget.Client {self.connection.state}: {rows or 'no rows yet'}>"


_clients: list[Client] = []
_clients_lock = threading.Lock()


def shared_client(url: str, token: str | None, paths: list[str] | None, follows: Sequence[str] = ()) -> Client:
    """Return the one client of this process for a server, made at the first call."""
    with _clients_lock:
        _clients[:] = [client for client in _clients if client._link.alive]
        for client in _clients:
            if (client._link.url, client._link.token) == (url, token):
                return client
        client = Client(url, token, paths=paths, follows=follows)
        _clients.append(client)
        return client


def open_clients() -> list[Client]:
    """Return the clients of this process whose thread runs."""
    with _clients_lock:
        return [client for client in _clients if client._link.alive]


@atexit.register
def _close_all() -> None:
    for client in open_clients():
        client.close()
