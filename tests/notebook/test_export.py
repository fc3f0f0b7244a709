"""The dashboard as one file, and what stands in for it in a saved notebook."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path
from typing import Any

import pytest

import agent_widget as aw
from agent_widget.notebook import summary
from agent_widget.notebook.export import saved_page, write_page
from agent_widget.page import DATA, SAVED_TITLE, document, frame
from agent_widget.store import Store
from agent_widget.tables import Record
from tests.sources.test_claude import ANN, PROJECT, Session
from tests.support.transcripts import lines
from tests.support.wire import hosted

SECRET = "sk-ant-api03-" + "Ab1" * 31


def saved(page: str) -> Any:
    """The data in a saved page."""
    found = re.search(r'<script type="application/json" id="agent-widget-saved">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_a_page_holds_every_table_and_the_newest_transcripts_without_secrets(tmp_path: Path) -> None:
    ann = Session()
    file = tmp_path / f"{PROJECT}/{ANN}.jsonl"
    file.parent.mkdir(parents=True)
    hostile = "</script><script>alert(1)</script><!--"
    file.write_bytes(lines(ann.person(f"Use {SECRET} {hostile}"), ann.says("Done."), ann.system("turn_duration")))
    with hosted(tmp_path) as server:
        client = aw.connect(server.url, server.token)
        page = saved_page(client)
    data = saved(page)
    rows = [row for frame in data["changes"] for row in frame["rows"].get("messages", [])]
    assert [row["kind"] for row in rows] == ["prompt", "reply"]
    assert data["welcome"]["schema"]["agents"]["status"] == "str"
    assert [entry["kind"] for entry in data["transcripts"][ANN]["entries"]] == ["prompt", "reply", "end"]
    assert SECRET not in page
    assert hostile not in page
    assert rows[0]["text"].endswith(hostile)
    assert server.token and server.token not in page


def test_a_page_loads_nothing() -> None:
    page, policy = document("a <title>", "{}")
    assert "<title>a &lt;title&gt;</title>" in page
    assert "default-src &#x27;none&#x27;" in page and "connect-src &#x27;none&#x27;" in page
    assert "connect-src 'self'" in policy
    assert not re.search(r'(src|href)="(?!data:,")', page.partition('<script type="module">')[0])


def test_the_frame_of_a_page_is_a_page_without_its_data() -> None:
    before, after = frame()
    assert (before + "{}" + after, DATA in before + after) == (document(SAVED_TITLE, "{}")[0], False)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "run.html"
    assert write_page(target, "one") == target
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_page(target, "two")
    assert target.read_text() == "one"
    assert list(tmp_path.iterdir()) == [target]


def a_store() -> Store:
    store = Store()
    agents = [
        Record("agents", f"a{n}", {"name": f"ann-{n}", "status": "idle", "role": "worker", "last_seen_at": n})
        for n in range(20)
    ]
    store.apply(
        [
            *agents,
            Record("agents", "b", {"name": "<ben>", "status": "waiting", "activity": "a secret plan"}),
            Record("agents", "user", {"name": "you", "role": "human"}),
            Record("tasks", "t1", {"status": "completed", "title": "a secret title"}),
            Record("tasks", "t2", {"status": "pending"}),
            Record("tasks", "t3", {"status": "cancelled"}),
            Record("sessions", "s", {"cost_usd": 1.5, "unpriced_requests": 0}),
        ],
        {},
    )
    return store


def test_the_summary_has_counts_and_no_names() -> None:
    store = a_store()
    line = summary.plain(store)
    assert "21 agents (1 waiting · 20 idle), 1 of 2 tasks done, $1.50. Run the cell" in line
    assert "install anywidget where it runs" in line
    assert "A terminal cannot show the dashboard: agent-widget serve --open" in summary.terminal(store)
    table = summary.table(store)
    assert "<td>21</td><td>◆ 1 waiting, ○ 20 idle</td>" in table
    for name in ("secret", "ann", "ben"):
        assert name not in line + table


def test_a_cost_that_leaves_something_out_is_a_lower_bound() -> None:
    store = a_store()
    store.apply([Record("sessions", "t", {"cost_usd": None, "unpriced_requests": 2})], {})
    assert "≥ $1.50" in summary.plain(store)
    assert "<th>cost</th>" not in summary.table(store), "no agent's cost is known"
    store.apply([Record("agents", "a1", {"cost_usd": 2.0, "unpriced_requests": 1})], {})
    assert "<td>≥ $2.00</td>" in summary.table(store)


def test_the_summary_of_empty_tables_says_so() -> None:
    assert "no agents" in summary.plain(Store())
    assert "not connected yet" in summary.plain(Store(epoch=""))
