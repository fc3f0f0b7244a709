"""Regular expressions that are made of others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.expressions import by_letters

SHAPES = [
    ["should", "shall", "show me", "do", "done"],
    ["(?:should|shall) (?:i|we)", "(?:do|would) you", "you|your|you'd"],
    ["s?hould", "(?:s|t)?hould", "(?:s|t){2}", "ta+b", "tab"],
    [r"\w+ me|[|)(\]]x", r"s(?:(?:a|b)|c)d", r"\(a|a\|b", "(?!x)y|", "a"],
]


@pytest.mark.parametrize("shapes", SHAPES)
@given(text=st.text("sholduwtaby cdmexi'()[]|\\", max_size=12))
def test_alternatives_by_their_letters_match_what_they_match_one_by_one(shapes: list[str], text: str) -> None:
    one_by_one = re.compile(rf"(?:{'|'.join(shapes)})")
    by_letter = re.compile(by_letters(shapes))
    for start in range(len(text) + 1):
        for end in range(start, len(text) + 1):
            part = text[start:end]
            assert bool(by_letter.fullmatch(part)) == bool(one_by_one.fullmatch(part)), part


def test_alternatives_of_one_letter_share_it() -> None:
    assert by_letters(["(?:should|shall) i", "do", "done|s?he"]) == "(?:sh(?:ould i|all i)|do(?:ne|)|s?he)"
