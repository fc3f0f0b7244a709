"""Conditions on rows: keywords, a dict, a function."""

from __future__ import annotations

from typing import Any

import pytest

from agent_widget.data.where import Where, matching
from agent_widget.store import Row
from agent_widget.tables import TABLES


def row(**fields: Any) -> Row:
    return Row({**TABLES["tasks"].blank(), **fields})


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        (None, True),
        ({}, True),
        ({"status": "blocked"}, True),
        ({"status": "failed"}, False),
        ({"status": ["failed", "blocked"]}, True),
        ({"status": {"failed", "blocked"}}, True),
        ({"status": ()}, False),
        ({"status": "blocked", "owner": None}, True),
        ({"status": "blocked", "owner": "ann"}, False),
        ({"tags": [["a"]]}, True),  # a list of values, one of which is a list
        ({"tags": lambda tags: "a" in tags}, True),
        ({"progress": lambda progress: progress is None}, True),
        (lambda row: row.status == row["status"] == "blocked", True),
        (lambda row: row.owner, False),
    ],
)
def test_a_row_fulfils_a_condition(where: Where, matches: bool) -> None:
    assert matching("tasks", where)(row(status="blocked", tags=["a"])) is matches


def test_keywords_are_conditions_beside_a_dict_or_a_function() -> None:
    blocked = row(status="blocked", owner="ann")
    assert matching("tasks", {"status": "blocked"}, owner="ann")(blocked)
    assert not matching("tasks", {"status": "blocked"}, owner="ben")(blocked)
    assert matching("tasks", lambda row: row.status == "blocked", owner="ann")(blocked)
    assert not matching("tasks", lambda row: False, owner="ann")(blocked)


def test_an_invalid_condition_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="tasks has no column 'colour'; it has id, source"):
        matching("tasks", {"colour": "red"})
    with pytest.raises(ValueError, match="no table 'doors'; there are agents"):
        matching("doors", None)
    with pytest.raises(
        TypeError, match=r"a dict of columns, as \{'status': 'failed'\}, or a function of a row, not int"
    ):
        matching("tasks", 7)  # type: ignore[arg-type]
