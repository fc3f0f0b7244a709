"""Changes of JSON text: what is not meant stays byte for byte, and what is new is written as its neighbours are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_widget.sources import json_text
from agent_widget.sources.parsing import Malformed

STYLES: tuple[dict[str, Any], ...] = (
    {"indent": 2},
    {"indent": 4, "ensure_ascii": False},
    {"indent": "\t"},
    {"separators": (",", ":"), "ensure_ascii": False},
    {},
)

KEYS = st.text(max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS, VALUES, min_size=2, max_size=5)


def text_of(document: Any, style: dict[str, Any], end: str = "") -> str:
    """The document as a program writes it; with a word that shows how it escapes."""
    return json.dumps(document, **style) + end


@settings(max_examples=60, deadline=None)
@given(OBJECTS, KEYS, VALUES, st.sampled_from(STYLES), st.sampled_from(["", "\n"]))
def test_a_member_is_set_as_if_the_writer_had_set_it(
    document: dict[str, Any], key: str, value: Any, style: dict[str, Any], end: str
) -> None:
    document = {"é": 1, **document}
    text = text_of(document, style, end)
    changed = json_text.with_member(text, json_text.root(text), key, value, json_text.style(text))
    assert changed == text_of({**document, key: value}, style, end)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.lists(VALUES, max_size=3), VALUES, st.sampled_from(STYLES))
def test_an_element_is_added_as_if_the_writer_had_added_it(
    document: dict[str, Any], items: list[Any], value: Any, style: dict[str, Any]
) -> None:
    document = {"é": 1, **document, "items": items}
    text = text_of(document, style)
    place = json_text.member(text, json_text.root(text), "items")
    assert place is not None
    changed = json_text.with_element(text, place.value, value, json_text.style(text))
    assert changed == text_of({**document, "items": [*items, value]}, style)


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.sampled_from(STYLES), st.randoms())
def test_a_member_is_taken_out_and_nothing_else(document: dict[str, Any], style: dict[str, Any], dice: Any) -> None:
    key = dice.choice(list(document))
    text = text_of(document, style)
    left = {name: value for name, value in document.items() if name != key}
    assert json_text.without_member(text, json_text.root(text), key) == text_of(left, style)


@pytest.mark.parametrize(
    "text",
    [
        '{ "id" :1.50,\r\n\t"big": 12345678901234567890123,  "id2": 1e5, "dup": 1, "dup": 2, "s": "\\u00e9\\/" }\r\n',
        '{"a":[ 1,2 ,3 ],\n\n"b":{}}   \n',
        '\ufeff{"x": "\\ud83d", "y": NaN}',
    ],
)
def test_what_is_written_by_hand_stays_as_it_is(text: str) -> None:
    """Odd spaces, long numbers, escapes, keys that come twice: the text around the change is the same."""
    root = json_text.root(text)
    changed = json_text.with_member(text, root, "new", ["é"], json_text.style(text))
    inner = text.rstrip()
    assert changed.startswith(inner[:-1].rstrip())
    assert changed.endswith(text[len(inner) - 1 :])
    assert json_text.without_member(changed, json_text.root(changed), "new") == text
    last = json_text.members(text, root)[-1]
    again = json_text.with_member(text, root, last.key, 0, json_text.style(text))
    assert again == text[: last.value.start] + "0" + text[last.value.end :]


def test_bytes_that_are_no_text_come_back_unchanged() -> None:
    data = b'{"a": "\xff\xfe", "b": 1}'
    text = json_text.decode(data)
    changed = json_text.with_member(text, json_text.root(text), "b", 2, json_text.style(text))
    assert json_text.encode(changed) == b'{"a": "\xff\xfe", "b": 2}'


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": 1', '{"a" 1}', "[1,,2]", '{"a": 1} {"b": 2}', "{1: 2}", '{"a":1 "b":2}']
)
def test_a_torn_document_is_not_edited(text: str) -> None:
    with pytest.raises(Malformed):
        json_text.members(text, json_text.root(text))
