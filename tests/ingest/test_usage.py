"""What was used, by agent, model and quarter of an hour: it adds up to the totals of sessions, agents and figures."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.ingest.archive import Archive
from agent_widget.ingest.collector import Collector
from agent_widget.ingest.stats import Stats
from agent_widget.ingest.usage import UsageRows
from agent_widget.sources.base import Gone, Record
from agent_widget.sources.claude import Claude
from agent_widget.sources.ledger import PERIOD_MS, Ledger
from agent_widget.sources.steps import Terms, Tokens, Usage
from agent_widget.store import Store
from tests.support.homes import WRITTEN
from tests.support.sums import TOKENS, disagreeing
from tests.support.transcripts import Home, at, iso, lines

pytestmark = pytest.mark.usefixtures("own_machine")

QUARTER = at("10:00:00")
HOMES = [(name, number) for name, made in WRITTEN.items() for number in range(len(made))]

counts = st.builds(Tokens, *[st.integers(0, 50)] * 5)
usages = st.builds(
    Usage,
    at=st.integers(QUARTER, QUARTER + 3 * PERIOD_MS),
    id=st.sampled_from("abcd"),
    tokens=counts,
    model=st.sampled_from([None, "claude-opus-4-5", "gpt-5", "nobody-knows"]),
    cost_usd=st.sampled_from([None, None, 0.0, 0.25, 1.0 / 3]),
    copy=st.booleans(),
    terms=st.sampled_from([Terms(), Terms(searches=1), Terms("ollama")]),
    request=st.sampled_from(["", "r1", "r2"]),
    line=st.integers(0, 2),
)
claims = st.lists(st.tuples(usages, st.sampled_from("st"), st.sampled_from("stu")), max_size=30)
"""What was billed, in which session, by which agent."""


def cheap(model: str | None, tokens: Tokens, at: int, terms: Terms) -> float | None:
    """A price for some models only."""
    return None if model in (None, "nobody-knows") else tokens.total * 1.7e-6 + terms.searches * 0.01


@settings(max_examples=60, deadline=None)
@given(claims, st.data())
def test_the_sums_agree_whatever_is_claimed_in_whatever_order_and_after_each_portion(
    claimed: list[tuple[Usage, str, str]], data: st.DataObject
) -> None:
    store, ledger, stats = Store(), Ledger(cheap), Stats()
    while claimed:
        portion = data.draw(st.integers(1, len(claimed)), "claims of a portion")
        for claim in claimed[:portion]:
            ledger.bill(*claim)
        claimed = claimed[portion:]
        stats.note(store.apply(ledger.finish()))
        store.apply(stats.records(0))
        assert disagreeing(store) == []
        if data.draw(st.booleans(), "restarted"):
            ledger, stats = pickle.loads(pickle.dumps((ledger, stats)))


@settings(max_examples=60, deadline=None)
@given(claims, st.randoms(use_true_random=False))
def test_the_rows_do_not_depend_on_the_order_of_reading(claimed: list[tuple[Usage, str, str]], rng: Any) -> None:
    def rows(claimed: list[tuple[Usage, str, str]]) -> dict[str, Any]:
        store, ledger = Store(), Ledger(cheap)
        for claim in claimed:
            ledger.bill(*claim)
            store.apply(ledger.finish())
        return {row["id"]: dict(row) for row in store.rows("usage")}

    assert rows(rng.sample(claimed, len(claimed))) == rows(claimed)


@pytest.mark.parametrize(("name", "number"), HOMES)
def test_the_sums_agree_in_every_home(name: str, number: int, tmp_path: Path) -> None:
    for path, data in WRITTEN[name][number]().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    collector = Collector([tmp_path], host="here")
    collector.scan()
    assert disagreeing(collector.store) == []
    used = {row["session_id"]: row for row in collector.store.rows("usage")}
    for id, row in used.items():
        assert row["at"] % PERIOD_MS == 0
        assert (row["source"], row["host"]) == (name, "here")
        assert row["project"] == collector.store.get("sessions", id)["project"]  # type: ignore[index]


# A home of Claude's

SESSION = "11111111-2222-4333-8444-555555555555"


def answer(clock: str, id: str, output: int, session: str = SESSION, cwd: str = "/home/ann/shop") -> bytes:
    usage = {"input_tokens": 10, "output_tokens": output}
    message = {"id": id, "role": "assistant", "model": "claude-opus-4-5", "usage": usage, "content": []}
    about = {"type": "assistant", "sessionId": session, "uuid": f"u{id}{clock}", "cwd": cwd}
    return lines({**about, "timestamp": iso(clock), "message": message})


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield Home(Claude, tmp_path / "home")


def used(rows: dict[str, dict[str, Any]]) -> list[tuple[int, int, int]]:
    """When, requests and tokens of the output."""
    return sorted((row["at"], row["requests"], row["output_tokens"]) for row in rows.values())


def test_each_answer_stands_in_the_quarter_of_an_hour_in_which_it_was_given(home: Home) -> None:
    home.write("projects/shop/a.jsonl", answer("10:01:00", "a", 5) + answer("10:14:59", "b", 7))
    home.write("projects/shop/a.jsonl", answer("10:15:00", "c", 11))
    assert used(home.rows("usage")) == [(at("10:00:00"), 2, 12), (at("10:15:00"), 1, 11)]


def test_a_row_of_which_everything_was_taken_back_is_gone(home: Home) -> None:
    """The first snapshot of an answer was in one quarter, the last, which counts, in the next."""
    home.write("projects/shop/a.jsonl", answer("10:14:59", "a", 5))
    assert used(home.rows("usage")) == [(at("10:00:00"), 1, 5)]
    home.write("projects/shop/a.jsonl", answer("10:15:01", "a", 9))
    assert used(home.rows("usage")) == [(at("10:15:00"), 1, 9)]
    assert disagreeing(home.collector.store) == []


def test_one_answer_changes_one_row_however_many_there_are(home: Home) -> None:
    for hour in range(20):
        home.write("projects/shop/a.jsonl", answer(f"{hour:02}:00:00", f"m{hour}", 1))
    home.read()
    before = home.collector.store.position
    home.write("projects/shop/a.jsonl", answer("19:01:00", "new", 1))
    home.read()
    changed = home.collector.store.since(before)
    assert [row["requests"] for row in changed.rows["usage"]] == [2]
    assert not changed.gone


def test_a_session_that_moves_to_another_project_takes_what_it_used_with_it(home: Home) -> None:
    home.write("projects/shop/a.jsonl", answer("10:00:00", "a", 1) + answer("10:20:00", "b", 1))
    assert {row["project"] for row in home.rows("usage").values()} == {"shop"}
    home.write("projects/shop/a.jsonl", answer("10:40:00", "c", 1, cwd="/home/ann/blog"))
    (project,) = {row["project"] for row in home.rows("sessions").values()}
    assert {row["project"] for row in home.rows("usage").values()} == {project}


def archived(root: Path, archive: Path, **more: Any) -> Collector:
    return Collector([root], clock=lambda: at("12:00:00"), archive=lambda roots: Archive.open(archive), **more)


def test_rows_that_another_version_counted_otherwise_are_dropped_when_their_files_are_read_again(
    home: Home, tmp_path: Path
) -> None:
    home.write("projects/shop/a.jsonl", answer("10:00:00", "a", 5))
    home.write("projects/shop/gone.jsonl", answer("10:00:00", "b", 7, "gone"))
    first = archived(home.root, tmp_path / "archive.sqlite3")
    first.scan()
    (row,) = (row for row in first.store.rows("usage") if row["session_id"] == SESSION)
    first._apply([Gone("usage", row["id"]), Record("usage", "other", {**row, "id": "other", "at": 0})])
    first.save()
    assert first.archive is not None
    first.archive._connection.execute("DELETE FROM meta WHERE name = 'memory'")
    first.close()
    (home.root / "projects/shop/gone.jsonl").unlink()
    second = archived(home.root, tmp_path / "archive.sqlite3")
    second.archive._connection.execute("DELETE FROM meta WHERE name = 'memory'")  # type: ignore[union-attr]
    second.scan()
    assert disagreeing(second.store) == []
    assert {row["session_id"] for row in second.store.rows("usage")} == {SESSION, "gone"}, "history stays"
    second.close()


def test_what_retention_takes_out_leaves_sums_that_agree(home: Home, tmp_path: Path) -> None:
    """A session of which the last answer is young keeps what it used long ago."""
    home.write("projects/shop/old.jsonl", answer("01:00:00", "o", 3, "old"))
    home.write("projects/shop/a.jsonl", answer("01:00:00", "a", 5) + answer("11:30:00", "b", 7))
    collector = archived(home.root, tmp_path / "archive.sqlite3", retention_ms=60 * 60_000)
    collector.scan()
    collector.save()
    while collector.prune():
        pass
    collector.settle(stats=True)
    assert [row["id"] for row in collector.store.rows("sessions")] == [SESSION]
    assert used({row["id"]: row for row in collector.store.rows("usage")}) == [
        (at("01:00:00"), 1, 5),
        (at("11:30:00"), 1, 7),
    ]
    assert disagreeing(collector.store) == []
    collector.close()


def test_ids_with_secrets_stay_apart_when_they_are_masked(home: Home) -> None:
    for number in range(3):
        secret = "sk-ant-api03-" + "aB3dE5fG7hJ9kL1m"[number:] * 5
        home.write(f"projects/shop/{number}.jsonl", answer("10:00:00", f"m{number}", number + 1, secret))
    assert len(home.rows("usage")) == 3
    assert disagreeing(home.collector.store) == []
    assert "aB3dE5" not in str(home.rows("usage"))


def test_rows_follow_their_sessions_over_a_restart() -> None:
    store, rows = Store(), UsageRows()
    changes = store.apply([Record("sessions", "s", {"project": "shop"}), Record("usage", "u", {"session_id": "s"})])
    rows.note(changes)
    rows = pickle.loads(pickle.dumps(rows))
    rows.follow(store)
    assert list(rows.settle(0, all_read=False)) == [Record("usage", "u", {"project": "shop"})]
    assert list(rows.settle(0, all_read=False)) == []
    assert set(TOKENS) < set(store.rows("usage")[0])
