"""What is wrong with an agent: the rules and their limits; js/test/lib/trouble.test.ts takes the same cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget.client.client import Client
from agent_widget.client.trouble import judge
from agent_widget.tables import Record, now_ms
from tests.support.wire import until

CASES = json.loads((Path(__file__).parent / "trouble.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_wrong(case: dict[str, Any]) -> None:
    assert [list(one) for one in judge(case["agent"], case["calls"], case["now"])] == case["expect"]


def test_the_condition_of_an_alert(server: Any, client: Client) -> None:
    now = now_ms()
    server.put(
        Record("agents", "a", {"name": "ann", "status": "working", "model": "gpt-5", "context_tokens": 250_000}),
        Record("agents", "b", {"name": "bob", "status": "idle"}),
    )
    until(lambda: {"a", "b"} <= {row["id"] for row in client.agents.rows()})
    assert aw.stuck(client) is None
    assert [one.text for one in aw.troubles(client)] == ["ann: the context is 97% full, of 258,400 tokens"]
    same = {"agent_id": "a", "name": "Bash", "input": "make", "output": "error", "status": "ok"}
    server.put(*(Record("tool_calls", str(n), {**same, "at": now - n * 1000}) for n in range(6)))
    until(lambda: aw.stuck(client) is not None)
    assert aw.stuck(client) == "ann: the same call 6 times in 5 s with the same result: Bash make"
    assert {one.agent["id"] for one in aw.troubles(client)} == {"a"}
