"""What agents say of the limits of an account: the shapes they wrote it in, and which statement counts."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from agent_widget.sources.claude import Claude
from agent_widget.sources.codex import Codex
from agent_widget.sources.limits import DAY_MS, HOUR_MS, MINUTE_MS, share, window_name
from agent_widget.store import Store, joined
from agent_widget.tables import Record
from tests.support.transcripts import Home, at, iso, lines

ID = "0199a213-81c0-7800-8aa1-bbab2a035a53"
RESETS = at("12:00:00")


def rollout(*stated: tuple[str, Any], id: str = ID, fork: str | None = None) -> bytes:
    """A thread, and some lines with what was stated of the limits at a time."""
    meta = {"id": id, "cwd": "/home/ann/shop", "timestamp": iso("09:59:00"), "forked_from_id": fork}
    told = [
        {"timestamp": iso(clock), "type": "event_msg", "payload": {"type": "token_count", "rate_limits": limits}}
        for clock, limits in stated
    ]
    return lines({"timestamp": iso(stated[0][0]), "type": "session_meta", "payload": meta}, *told)


def window(used: float, minutes: float = 300, **more: Any) -> dict[str, Any]:
    return {"used_percent": used, "window_minutes": minutes, "resets_at": RESETS // 1000, **more}


def limits_of(home: Home) -> dict[str, tuple[Any, ...]]:
    """Name of each limit → used, length of its window (ms), when it begins anew."""
    return {row["name"]: (row["used"], row["window_ms"], row["resets_at"]) for row in home.rows("limits").values()}


SHAPES: dict[str, tuple[Any, dict[str, tuple[Any, ...]]]] = {
    "two windows": (
        {"limit_id": "codex", "primary": window(20.0), "secondary": window(6.0, 10080), "plan_type": "plus"},
        {"5 h": (0.2, 5 * HOUR_MS, RESETS), "weekly": (0.06, 7 * DAY_MS, RESETS)},
    ),
    "the weekly one alone": (
        {"primary": window(68, 10080), "secondary": None, "credits": {"has_credits": False, "balance": "0"}},
        {"weekly": (0.68, 7 * DAY_MS, RESETS)},
    ),
    "a minute less": ({"primary": window(1, 299)}, {"5 h": (0.01, 299 * MINUTE_MS, RESETS)}),
    "a window of another length": ({"primary": window(1, 60)}, {"1 h": (0.01, HOUR_MS, RESETS)}),
    "without its length": ({"primary": window(1, None)}, {"primary": (0.01, None, RESETS)}),  # type: ignore[arg-type]
    "seconds until it resets": (
        {"primary": {"used_percent": 50, "window_minutes": 300, "resets_in_seconds": 3600}},
        {"5 h": (0.5, 5 * HOUR_MS, at("11:00:00"))},
    ),
    "flat, of the first versions": (
        {
            "primary_used_percent": 12.5,
            "primary_window_minutes": 300,
            "weekly_used_percent": 3,
            "weekly_window_minutes": 10080,
        },
        {"5 h": (0.125, 5 * HOUR_MS, None), "weekly": (0.03, 7 * DAY_MS, None)},
    ),
    "of another model": (
        {"limit_id": "codex_spark", "limit_name": "Spark", "primary": window(5)},
        {"Spark 5 h": (0.05, 5 * HOUR_MS, RESETS)},
    ),
    "more than all of it": ({"primary": window(140)}, {"5 h": (1.0, 5 * HOUR_MS, RESETS)}),
    "no number": ({"primary": window("much"), "secondary": window(-1, 10080)}, {}),  # type: ignore[arg-type]
    "what a person may spend": (
        {
            "primary": None,
            "individual_limit": {"limit": "100", "used": "92", "remaining_percent": 8, "resets_at": RESETS},
        },
        {"spending": (0.92, None, RESETS)},
    ),
    "nothing": (None, {}),
    "no object": (["primary"], {}),
    "lengths of no calendar": (
        {"primary": window(1, 1e300, resets_at=None, resets_in_seconds=1e300)},
        {"primary": (0.01, None, None)},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_limits_of_codex_in_every_shape(shape: str, tmp_path: Path) -> None:
    stated, expected = SHAPES[shape]
    home = Home(Codex, tmp_path)
    home.write(f"sessions/2026/01/01/rollout-2026-01-01T10-00-00-{ID}.jsonl", rollout(("10:00:00", stated)))
    assert limits_of(home) == expected


def test_a_limit_says_its_plan_when_it_was_heard_and_from_where(tmp_path: Path) -> None:
    home = Home(Codex, tmp_path)
    path = f"sessions/2026/01/01/rollout-2026-01-01T10-00-00-{ID}.jsonl"
    home.write(path, rollout(("10:00:05", {"primary": window(20), "plan_type": "pro"})))
    (row,) = home.rows("limits").values()
    assert (row["plan"], row["at"], row["heard_from"]) == ("pro", at("10:00:05"), "rollout")
    assert (row["source"], row["host"]) == ("codex", "here")


def test_what_was_heard_last_counts_whichever_file_is_read_first(tmp_path: Path) -> None:
    threads = [(f"0199a213-81c0-7800-8aa1-bbab2a035a5{n}", n) for n in range(3)]
    for order in permutations(threads):
        home = Home(Codex, tmp_path / "".join(str(n) for _, n in order))
        for id, n in order:
            told = rollout((f"10:0{n}:00", {"primary": window(10 * n)}), id=id)
            home.write(f"sessions/2026/01/01/rollout-2026-01-01T10-00-00-{id}.jsonl", told)
            home.read()
        assert limits_of(home)["5 h"][0] == 0.2


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_a_window_that_is_over_does_not_come_back_while_two_sessions_disagree(
    order: tuple[int, ...], tmp_path: Path
) -> None:
    """Seen in turns, seconds apart; what is heard alone, as after a change of account, counts soon."""
    told = [("10:00:00", 88, 0), ("10:00:10", 0, 86_400), ("10:00:20", 88, 3), ("10:00:30", 1, 86_402)]
    home = Home(Codex, tmp_path)
    for n in order:
        clock, used, later = told[n]
        id = f"0199a213-81c0-7800-8aa1-bbab2a035a5{n}"
        said = window(used, 10_080, resets_at=RESETS // 1000 + later)
        home.write(
            f"sessions/2026/01/01/rollout-2026-01-01T10-00-00-{id}.jsonl", rollout((clock, {"primary": said}), id=id)
        )
        home.read()
    assert limits_of(home)["weekly"][0] == 0.01
    id = "0199a213-81c0-7800-8aa1-bbab2a035a59"
    other = rollout(("10:16:00", {"primary": window(30, 10_080)}), id=id)
    home.write(f"sessions/2026/01/01/rollout-2026-01-01T10-16-00-{id}.jsonl", other)
    assert limits_of(home)["weekly"][0] == 0.3


def test_a_copy_in_a_fork_says_nothing_new(tmp_path: Path) -> None:
    """A fork repeats its origin's lines with later times."""
    home = Home(Codex, tmp_path)
    fork = "0199a213-81c0-7800-8aa1-bbab2a035a54"
    place = "sessions/2026/01/01/rollout-2026-01-01T10-00-00-"
    home.write(
        f"{place}{ID}.jsonl", rollout(("10:00:00", {"primary": window(10)}), ("10:30:00", {"primary": window(40)}))
    )
    home.write(f"{place}{fork}.jsonl", rollout(("11:00:00", {"primary": window(10)}), id=fork, fork=ID))
    assert limits_of(home)["5 h"][0] == 0.4


@pytest.mark.parametrize(
    ("key", "name"),
    [("five_hour", "5 h"), ("seven_day", "weekly"), ("seven_day_opus", "weekly Opus"), ("overage", "overage")],
)
def test_limits_of_claude_are_those_that_the_status_line_has_kept(key: str, name: str, tmp_path: Path) -> None:
    home = Home(Claude, tmp_path)
    kept = {key: {"used_percentage": 41.2, "resets_at": RESETS // 1000, "at": at("10:00:00")}}
    home.write("agent-widget/limits.json", json.dumps({"version": 1, "rate_limits": kept}).encode())
    (row,) = home.rows("limits").values()
    assert (row["name"], row["used"], row["resets_at"], row["at"]) == (name, 0.412, RESETS, at("10:00:00"))
    assert row["heard_from"] == "status line"


def test_names_of_windows() -> None:
    spans = (None, HOUR_MS, 5 * HOUR_MS, 5 * HOUR_MS - 1, DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 30 * DAY_MS)
    assert [window_name(span) for span in spans] == [None, "1 h", "5 h", "5 h", "daily", "3 d", "weekly", "monthly"]
    assert [share(percent) for percent in (0, 33.3, 105, -1, None, "5", True)] == [0, 0.333, 1, None, None, None, None]


def test_of_claims_about_a_limit_the_latest_counts_whole_in_one_portion_and_over_several() -> None:
    claims = [
        Record("limits", "l", {"at": at, "used": at / 10, "plan": plan}) for at, plan in ((1, "a"), (3, "b"), (2, "c"))
    ]
    for order in permutations(claims):
        store = Store()
        store.apply(joined(order))
        one_by_one = Store()
        for claim in order:
            one_by_one.apply([claim])
        for rows in (store.rows("limits"), one_by_one.rows("limits")):
            assert [(row["at"], row["used"], row["plan"]) for row in rows] == [(3, 0.3, "b")]
