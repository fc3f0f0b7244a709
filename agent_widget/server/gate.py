"""Who may talk to a server: the checks that every request passes before any route.

``Host`` must be exactly one of the server's own names (else a page could reach it by rebinding its DNS name), a
request with an ``Origin`` must come from the server's own page (else any page could open a WebSocket), and the token
must fit.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from http import HTTPStatus

from ..discovery import bracketed, is_loopback


def new_token() -> str:
    """Return a token of 256 random bits."""
    return secrets.token_urlsafe(32)


def same_token(expected: str, given: str | None) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(expected.encode(), (given or "").encode("utf-8", "surrogatepass"))


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
        """Return why a request with these ``Host`` and ``Origin`` headers is refused; ``None`` if it may pass."""
        if len(hosts) != 1 or not (self.any_host or hosts[0] in self.hosts):
            return HTTPStatus.FORBIDDEN, "this server is not reached under that name; use the url it printed"
        if len(origins) > 1 or (origins and origins[0] not in (f"http://{hosts[0]}", f"https://{hosts[0]}")):
            return HTTPStatus.FORBIDDEN, "pages of other origins may not talk to this server"
        return None

    def admits(self, token: str | None) -> bool:
        """Return whether the token fits, or none is asked for."""
        return self.token is None or same_token(self.token, token)
