"""Webhooks: what is posted, what happens when nobody takes it, and that no secret leaves in them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import agent_widget as aw
from agent_widget.client.alerts import Alert
from agent_widget.client.client import Client
from agent_widget.client.webhooks import TRIES, Webhook
from tests.support.wire import log_rows, until

pytestmark = pytest.mark.usefixtures("own_machine")


class Place:
    """Takes what is posted, and answers with the codes it is given, then with 200."""

    def __init__(self, codes: list[int]) -> None:
        self.codes = codes
        self.taken: list[tuple[dict[str, str], Any]] = []
        place = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                place.taken.append((dict(self.headers), json.loads(body)))
                self.send_response(place.codes.pop(0) if place.codes else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing on the screen of the tests."""

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/secret-path"


@pytest.fixture
def codes() -> list[int]:
    return []


@pytest.fixture
def place(codes: list[int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    place = Place(codes)
    thread = threading.Thread(target=place.server.serve_forever)
    thread.start()
    yield place
    place.server.shutdown()
    place.server.server_close()
    thread.join()


@pytest.fixture
def hook(place: Place) -> Webhook:
    """A webhook that does not pause between its tries."""
    hook = aw.webhook(place.url, headers={"Authorization": "Bearer x"})
    hook.pause = lambda seconds: None
    return hook


def fired(text: str) -> Alert:
    alert = Alert("budget", lambda: text)
    alert._look(0)
    return alert


def test_an_alert_is_posted_with_a_text_that_chat_services_show(place: Place, hook: Webhook) -> None:
    hook(fired("$6.10 spent"))
    until(lambda: place.taken)
    headers, body = place.taken[0]
    assert (body["alert"], body["state"], body["text"]) == ("budget", "firing", "budget: $6.10 spent")
    assert (headers["Authorization"], headers["Content-Type"]) == ("Bearer x", "application/json")


def test_it_is_a_callback_too(place: Place, hook: Webhook, server: Any, client: Client) -> None:
    client.on("logs", hook)
    server.put(*log_rows("a", text="password=hunter2hunter2hunter2"))
    until(lambda: place.taken)
    assert place.taken[0][1]["id"] == "a"
    assert "hunter2" not in str(place.taken[0][1])


@pytest.mark.parametrize("codes", [[500, 503]])
def test_what_may_pass_is_tried_again(place: Place, hook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    hook(fired("x"))
    until(lambda: len(place.taken) == 3 and not hook._sending)
    assert caplog.text == ""


@pytest.mark.parametrize(("codes", "tries"), [([404] * 9, 1), ([500] * 9, len(TRIES))])
def test_what_fails_is_logged_once_without_the_secret_address(
    place: Place, hook: Webhook, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    hook(fired("x"))
    hook(fired("y"))
    until(lambda: len(place.taken) == 2 * tries and not hook._sending)
    assert caplog.text.count("not sent") == 1
    assert "secret-path" not in caplog.text + repr(hook)


def test_an_address_that_does_not_answer_is_logged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    hook = aw.webhook("http://127.0.0.1:1/secret-path")
    hook.pause = lambda seconds: None
    hook({"any": "thing"})
    until(lambda: "cannot be reached" in caplog.text and not hook._sending)
    assert "secret-path" not in caplog.text


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://x/y", "https://"])
def test_what_is_no_web_address_is_a_mistake_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="http:// or https://"):
        aw.webhook(url)
