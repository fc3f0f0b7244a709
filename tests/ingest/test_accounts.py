"""Accounts: several accounts, or several homes, of one agent are told apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_widget.ingest import accounts
from agent_widget.ingest.collector import Collector
from agent_widget.sources import SOURCES
from tests.support.collecting import refresh
from tests.support.transcripts import iso, lines

pytestmark = pytest.mark.usefixtures("own_machine")

ANN, BOB = "ann@example.org", "bob@example.org"


def session(home: Path, name: str) -> Path:
    path = home / "projects" / "-w-shop" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    line = {"type": "user", "uuid": name, "sessionId": name, "timestamp": iso("10:00:00"), "cwd": "/w/shop"}
    path.write_bytes(lines(line | {"message": {"role": "user", "content": "go"}}))
    return path


def login(file: Path, address: str, **others: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"primaryApiKey": "sk-1", "oauthAccount": {"emailAddress": address}, **others}))


def found(collector: Collector) -> dict[str, str | None]:
    """Session → account, without the prefix of its home; its agent must have the same."""
    rows = {row["id"]: row["account"] for row in collector.store.rows("sessions")}
    agents = {row["id"]: row["account"] for row in collector.store.rows("agents") if row["id"] != "user"}
    assert agents == rows
    return {id.rpartition("/")[2]: account for id, account in rows.items()}


def read(*paths: Path) -> Collector:
    collector = Collector(paths)
    collector.scan()
    return collector


def test_the_account_stands_beside_the_usual_home_or_in_another_one(tmp_path: Path) -> None:
    session(tmp_path / ".claude", "s1")
    login(tmp_path / ".claude.json", ANN)
    session(tmp_path / "work", "s2")
    login(tmp_path / "work" / ".claude.json", BOB)
    assert found(read(tmp_path / ".claude", tmp_path / "work")) == {"s1": ANN, "s2": BOB}


def test_a_home_that_is_alone_and_not_logged_in_has_no_account(tmp_path: Path) -> None:
    session(tmp_path / ".claude", "s1")
    assert found(read(tmp_path / ".claude")) == {"s1": None}


@pytest.mark.parametrize(
    "broken", ["", "{", "[]", '{"oauthAccount": 3}', '{"oauthAccount": {"emailAddress": 3}}', "{}"]
)
def test_a_damaged_file_costs_the_account_and_nothing_else(tmp_path: Path, broken: str) -> None:
    session(tmp_path / ".claude", "s1")
    (tmp_path / ".claude.json").write_text(broken)
    assert found(read(tmp_path / ".claude")) == {"s1": None}


def test_homes_without_an_account_are_told_apart_by_their_place(tmp_path: Path) -> None:
    for name in ("a/claude", "b/claude", "other"):
        session(tmp_path / name, name.replace("/", "-"))
    got = found(read(tmp_path / "a" / "claude", tmp_path / "b" / "claude", tmp_path / "other"))
    assert got == {"a-claude": "a/claude", "b-claude": "b/claude", "other": "other"}


def test_homes_below_the_users_are_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    session(tmp_path / ".claude-work", "s1")
    session(tmp_path / ".claude", "s2")
    assert found(read(tmp_path / ".claude-work", tmp_path / ".claude")) == {"s1": "~/.claude-work", "s2": "~/.claude"}


def test_a_home_that_is_joined_by_another_is_named_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    session(tmp_path / ".claude", "s1")
    collector = read()
    assert found(collector) == {"s1": None}
    session(tmp_path / ".config" / "claude", "s2")
    assert collector.grow()
    collector.scan()
    assert found(collector) == {"s1": "~/.claude", "s2": "~/.config/claude"}


def test_a_session_has_the_account_with_which_it_was_seen_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "LOOK_AGAIN_AFTER", 0.0)
    session(tmp_path / ".claude", "s1")
    login(tmp_path / ".claude.json", ANN)
    collector = read(tmp_path / ".claude")
    login(tmp_path / ".claude.json", BOB, more=1)
    refresh(collector, [session(tmp_path / ".claude", "s2")])
    assert found(collector) == {"s1": ANN, "s2": BOB}


def test_other_agents_say_who_is_logged_in() -> None:
    said = {
        kind.name: kind(Path("/x")).account_in(file, data.encode())
        for kind in SOURCES
        for file, data in [
            {
                "gemini": ("google_accounts.json", '{"active": "ann@example.org", "old": []}'),
                "copilot": ("config.json", '// mine\n{"last_logged_in_user": {"host": "github.com", "login": "ann"}}'),
            }.get(kind.name, ("x", "{}"))
        ]
    }
    assert {name: account for name, account in said.items() if account} == {"gemini": ANN, "copilot": "ann"}


def test_no_file_of_credentials_says_it() -> None:
    for kind in SOURCES:
        for place in kind(Path("/x")).account_places():
            assert Path(place).name not in ("auth.json", ".credentials.json", "oauth_creds.json", "credentials.json")
