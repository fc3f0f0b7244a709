"""How fast limits are used up: from what was heard of them and what was used since, session by session."""

from __future__ import annotations

from typing import Any

import pytest

import agent_widget as aw
from agent_widget.client import pace as module
from agent_widget.client.client import Client
from agent_widget.tables import Record
from tests.support.wire import until

HOUR = 3_600_000
QUARTER = HOUR // 4
NOON = 1_767_268_800_000  # 2026-01-01 12:00 UTC
NOW = NOON + 2 * HOUR + 5 * 60_000


def used(id: str, ago: int, session: str, cost: float | None = None, **more: Any) -> Record:
    """A row of usage, so many quarters of an hour before that of now; a dollar is a million tokens."""
    fields: dict[str, Any] = {"at": NOW - NOW % QUARTER - ago * QUARTER, "session_id": session, "cost_usd": cost}
    fields |= {"input_tokens": round((cost or 1) * 1e6), "unpriced_requests": 0 if cost is not None else 1}
    return Record("usage", id, {"source": "claude", "host": "here", "model": "claude-opus-4-8", **fields, **more})


def limit(used: float | None, at: int = NOW, **more: Any) -> Record:
    fields = {"name": "5 h", "window_ms": 5 * HOUR, "resets_at": NOON + 5 * HOUR, "used": used, "at": at}
    return Record("limits", "l", {"source": "claude", "host": "here", "heard_from": "status line", **fields, **more})


SESSIONS = [
    Record("sessions", id, {"title": f"the {id}", "source": "claude", "host": "here"}) for id in ("old", "busy")
]


@pytest.fixture
def put(server: Any, client: Client) -> Any:
    def put(*records: Record) -> list[aw.Pace]:
        server.put(*SESSIONS, *records)
        until(lambda: len(client.limits) == 1 and len(client.usage) == sum(r.table == "usage" for r in records))
        return aw.pace(client, NOW)

    return put


def test_who_uses_how_much_an_hour_and_when_it_is_used_up(put: Any) -> None:
    (found,) = put(limit(0.6), used("1", 6, "old", 3.0), used("2", 2, "busy", 2.0), used("3", 0, "busy", 1.0))
    assert found.used == pytest.approx(0.6)
    hours = 50 / 60  # the running quarter of an hour, five minutes of it, and the three before
    assert found.per_hour == pytest.approx(0.3 / hours)
    assert found.runs_out_at == pytest.approx(NOW + (0.4 / (0.3 / hours)) * HOUR, abs=2)
    busy, old = found.sessions
    assert (busy.session_id, busy.title, busy.part, busy.used) == ("busy", "the busy", 0.5, pytest.approx(0.3))
    assert (busy.per_hour, old.per_hour) == (found.per_hour, 0)
    assert (busy.cost_usd, busy.tokens) == (3.0, 3_000_000)


def test_what_was_used_since_it_was_heard_counts_at_the_same_rate(put: Any) -> None:
    (found,) = put(limit(0.4, at=NOW - HOUR), used("1", 6, "old", 2.0), used("2", 0, "busy", 1.0))
    assert found.used == pytest.approx(0.6)


def test_it_lasts_if_the_pace_is_slow(put: Any) -> None:
    (found,) = put(limit(0.5), used("1", 7, "old", 9.0), used("2", 0, "busy", 0.1))
    assert found.runs_out_at is None


def test_before_much_is_used_a_pace_says_nothing_of_the_end(put: Any) -> None:
    (found,) = put(limit(0.05), used("1", 0, "busy", 1.0))
    assert (found.runs_out_at, found.per_hour is not None) == (None, True)


def test_without_prices_tokens_are_the_measure(put: Any) -> None:
    (found,) = put(limit(0.4), used("1", 6, "old", None, input_tokens=300), used("2", 0, "busy", 5.0, input_tokens=100))
    assert [(share.session_id, share.part, share.cost_usd) for share in found.sessions] == [
        ("busy", 0.25, None),
        ("old", 0.75, None),
    ]


def test_a_window_that_is_computed_has_amounts_and_no_share(put: Any) -> None:
    (found,) = put(limit(None, heard_from="usage"), used("1", 0, "busy", 1.5))
    assert (found.used, found.per_hour, found.runs_out_at) == (None, None, None)
    assert found.text.startswith("claude 5 h: 1,500,000 tokens, $1.50, begins anew at ")


def test_only_what_counts_for_it_counts(put: Any) -> None:
    others = [
        used("before", 40, "old", 9.0),
        used("codex", 0, "old", 9.0, source="codex"),
        used("elsewhere", 0, "old", 9.0, host="there"),
    ]
    (found,) = put(limit(0.4), *others, used("1", 0, "busy", 1.0))
    assert [share.session_id for share in found.sessions] == ["busy"]


def test_a_limit_of_one_model_counts_that_model(put: Any) -> None:
    name = {"name": "weekly Opus", "window_ms": 7 * 24 * HOUR}
    (found,) = put(limit(0.4, **name), used("1", 0, "busy", 1.0), used("2", 0, "old", 9.0, model="claude-sonnet-5"))
    assert [share.session_id for share in found.sessions] == ["busy"]


def test_of_one_that_is_used_up_it_is_not_said_when_it_will_be(put: Any) -> None:
    (found,) = put(limit(1.0), used("1", 0, "busy", 1.0))
    assert (found.runs_out_at, found.used) == (None, 1.0)
    assert found.text.startswith("claude 5 h: used up, begins anew at ")


def test_the_one_that_is_used_up_comes_first(server: Any, client: Client) -> None:
    others = [
        Record("limits", "soon", {**limit(0.2).fields, "resets_at": NOW + 60_000}),
        Record("limits", "spent", {**limit(1.0).fields, "name": "weekly", "resets_at": NOW + 99 * HOUR}),
    ]
    server.put(*others)
    until(lambda: len(client.limits) == 2)
    assert [found.limit["name"] for found in aw.pace(client, NOW)] == ["weekly", "5 h"]


def test_of_one_whose_length_is_not_known_what_was_heard_is_said(
    put: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "now_ms", lambda: NOW)
    (found,) = put(limit(0.95, name="spending", window_ms=None), used("1", 0, "busy", 1.0))
    assert (found.used, found.per_hour, found.sessions) == (0.95, None, [])
    text = aw.runs_out(client)
    assert text is not None
    assert text.startswith("claude spending: 95% used, begins anew at ")


def test_of_a_limit_that_has_begun_anew_nothing_is_known(put: Any) -> None:
    assert put(limit(0.9, resets_at=NOW - 1), used("1", 0, "busy", 1.0)) == []


def test_an_alert_says_which_limit_is_near(put: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "now_ms", lambda: NOW)
    put(limit(0.85), used("1", 7, "old", 1.0))
    assert aw.runs_out(client) is None
    text = aw.runs_out(client, used=0.8)
    assert text is not None
    assert text.startswith("claude 5 h: 85% used, begins anew at ")
    alert = client.alert("limits", lambda client: aw.runs_out(client, used=0.8), lambda alert: None)
    until(lambda: alert.state == "firing")
    assert alert.text == text
    alert.stop()
