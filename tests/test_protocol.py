"""The frames of the wire protocol: their JSON, what is refused, how answers are divided and put together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget import protocol
from agent_widget.protocol import Assembler, ProtocolError
from agent_widget.store import Answer, Position, Row, Store
from agent_widget.tables import TABLES, Gone, Record, schema

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
ALMOST_FRAMES = st.fixed_dictionaries(
    {"type": st.sampled_from(["hello", "call", "ping", "pong", "welcome", "changes", "reply", "error", "state"])},
    optional=dict.fromkeys(
        "protocol token since tables limit rid method params at now epoch seq rows gone more code".split(), JSON
    ),
)


def shape(frame: Any) -> Any:
    return json.loads(protocol.encode(frame))


def client_frame(**fields: Any) -> protocol.ClientFrame:
    return protocol.decode_client(json.dumps(fields))


def refused(**fields: Any) -> str:
    with pytest.raises(ProtocolError) as caught:
        protocol.check_hello(client_frame(**fields))
    return caught.value.code


def store_of(rows: int, text: str = "x") -> Store:
    store = Store("e")
    store.apply([Record("logs", f"l{number}", {"text": text}) for number in range(rows)])
    return store


def assembled(answer: Answer, frame_bytes: int) -> tuple[Answer, list[bytes]]:
    frames = list(protocol.encode_answer(answer, frame_bytes))
    assembler = Assembler()
    wholes = [assembler.add(protocol.decode_server(frame)) for frame in frames]  # type: ignore[arg-type]
    assert wholes[:-1] == [None] * (len(frames) - 1)
    assert wholes[-1] is not None
    return wholes[-1], frames


# Shapes


def test_hello_has_protocol_token_and_position() -> None:
    hello = protocol.Hello(1, "secret", protocol.Since("e", 41), ["tasks"], {"logs": 5}, "python pid 7")
    assert shape(hello) == {
        "type": "hello",
        "protocol": 1,
        "token": "secret",
        "since": {"epoch": "e", "seq": 41},
        "tables": ["tasks"],
        "limit": {"logs": 5},
        "client": "python pid 7",
        "server": None,
    }
    assert protocol.decode_client(protocol.encode(hello).decode()) == hello


def test_hello_of_a_client_without_a_position() -> None:
    hello = client_frame(type="hello", protocol=1, token=None, since=None, tables=None, limit=None)
    assert isinstance(hello, protocol.Hello)
    assert hello.position is None
    assert hello == client_frame(type="hello", protocol=1)


def test_welcome_has_the_server_s_position_and_sources() -> None:
    source = protocol.SourceState("workspace", "/w", 2, 300, "reading", 150)
    assert shape(protocol.Welcome(1, "0.1.0", "e", 57, 1000, [source], schema())) == {
        "type": "welcome",
        "protocol": 1,
        "server": "0.1.0",
        "epoch": "e",
        "seq": 57,
        "now": 1000,
        "sources": [
            {
                "name": "workspace",
                "path": "/w",
                "files": 2,
                "bytes": 300,
                "state": "reading",
                "read": 150,
                "malformed": 0,
                "problems": [],
                "unknown": {},
                "transcripts": True,
                "checked_at": None,
                "gone": 0,
                "left_out": 0,
                "degraded": None,
                "prefix": "",
                "writes": [],
                "resumes": False,
                "home": None,
                "host": None,
            }
        ],
        "schema": schema(),
        "rows": {},
        "host": "",
        "hosts": [],
    }


def test_changes_carry_rows_and_keys_that_went() -> None:
    (frame,) = protocol.encode_answer(Answer("e", 40, 57, False, {"tasks": [Row(id="t")]}, {"agents": ["a1"]}))
    assert json.loads(frame) == {
        "type": "changes",
        "epoch": "e",
        "since": 40,
        "seq": 57,
        "reset": False,
        "rows": {"tasks": [{"id": "t"}]},
        "gone": {"agents": ["a1"]},
        "more": False,
        "part": 0,
        "counts": {},
    }


def test_replies_have_a_result_or_an_error() -> None:
    assert shape(protocol.Reply(7, True, {"a": 1})) == {"type": "reply", "rid": 7, "ok": True, "result": {"a": 1}}
    failure = {"code": "not_found", "message": "no"}
    assert shape(protocol.Reply(7, False, error=protocol.Failure("not_found", "no"))) == {
        "type": "reply",
        "rid": 7,
        "ok": False,
        "error": failure,
    }


def test_small_frames() -> None:
    assert shape(protocol.Error("unauthorized", "no")) == {"type": "error", "code": "unauthorized", "message": "no"}
    assert shape(protocol.Ping(5)) == {"type": "ping", "at": 5}
    assert shape(protocol.Pong(5, 9)) == {"type": "pong", "at": 5, "now": 9}
    assert shape(protocol.Call(7, "sql", {"q": "select"})) == {
        "type": "call",
        "rid": 7,
        "method": "sql",
        "params": {"q": "select"},
    }


@pytest.mark.parametrize(
    "frame",
    [
        protocol.Welcome(1, "v", "e", 1, 2, [], {}),
        protocol.Changes("e", 1, 0),
        protocol.Reply(1, True),
        protocol.Error("c", "m"),
        protocol.Ping(1),
        protocol.Pong(1, 2),
        protocol.State("live", None, 1.5, 20),
    ],
)
def test_every_server_frame_comes_back_and_begins_with_its_type(frame: Any) -> None:
    data = protocol.encode(frame)
    assert data.startswith(b'{"type":"%s"' % type(frame).__name__.lower().encode())
    assert protocol.decode_server(data) == frame


# What is refused


def test_unknown_fields_are_ignored() -> None:
    assert client_frame(type="ping", at=1, color="red", nested={"a": [1]}) == protocol.Ping(1)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "nonsense",
        "{",
        "[]",
        "null",
        '"ping"',
        "{}",
        '{"type":"dance"}',
        '{"type":7}',
        '{"type":"changes","epoch":"e","since":0,"seq":1}',  # only a server says that
        '{"type":"ping"}',
        '{"type":"ping","at":"noon"}',
        '{"type":"ping","at":1e400}',
        '{"type":"ping","at":1} trailing',
        '{"type":"hello","protocol":"1"}',
        '{"type":"hello","protocol":1.5}',
        '{"type":"hello","protocol":1,"since":41}',
        '{"type":"hello","protocol":1,"since":{"epoch":"e"}}',
        '{"type":"hello","protocol":1,"tables":"tasks"}',
        '{"type":"hello","protocol":1,"limit":{"logs":"many"}}',
        '{"type":"call","rid":"7","method":"status"}',
        '{"type":"call","rid":' + "9" * 40 + ',"method":"status"}',
        '{"type":"call","rid":7,"method":"status","params":[]}',
        '{"type":"call","rid":7,"method":"\\ud800"}',
        '{"type":"hello","protocol":' + "9" * 5000 + "}",
        '{"type":"ping","at":1,"deep":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"type":"ping","at":1,"deep":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
    ],
    ids=lambda data: data[:40],
)
def test_what_is_no_frame_is_a_protocol_error(data: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        protocol.decode_client(data)
    assert caught.value.code == "bad_request"
    assert protocol.encode(protocol.Error(caught.value.code, caught.value.message))


def test_binary_frames_and_broken_utf8_are_protocol_errors() -> None:
    with pytest.raises(ProtocolError, match="binary"):
        protocol.decode_client(b'{"type":"ping","at":1}')
    with pytest.raises(ProtocolError):
        protocol.decode_server(b'{"type":"ping\xff')


def test_the_first_frame_is_a_hello_of_this_version_about_known_tables() -> None:
    assert refused(type="ping", at=1) == "bad_request"
    assert refused(type="hello", protocol=2) == "unsupported_protocol"
    assert refused(type="hello", protocol=int("9" * 300)) == "unsupported_protocol"
    assert refused(type="hello", protocol=1, tables=["nope"]) == "bad_request"
    assert refused(type="hello", protocol=1, limit={"nope": 1}) == "bad_request"
    assert refused(type="hello", protocol=1, limit={"logs": -1}) == "bad_request"


@given(st.binary() | st.text() | JSON.map(lambda value: json.dumps(value)) | ALMOST_FRAMES.map(json.dumps))
def test_nothing_but_a_protocol_error_comes_of_arbitrary_data(data: str | bytes) -> None:
    for decode in (protocol.decode_client, protocol.decode_server):
        try:
            frame = decode(data)
        except ProtocolError as error:
            protocol.encode(protocol.Error(error.code, error.message))
        else:
            protocol.encode(frame)


@given(JSON | ALMOST_FRAMES)
def test_nothing_but_a_protocol_error_comes_of_arbitrary_objects(content: Any) -> None:
    try:
        protocol.from_builtins(content)
    except ProtocolError as error:
        protocol.encode(protocol.Error(error.code, error.message))


def test_lone_surrogates_of_the_browser_are_a_protocol_error_or_harmless() -> None:
    with pytest.raises(ProtocolError):
        protocol.from_builtins({"type": "\ud800"})


# Answers


def test_an_answer_is_divided_into_frames_of_bounded_size() -> None:
    answer = store_of(2000, "x" * 500).since(None)
    whole, frames = assembled(answer, protocol.FRAME_BYTES)
    assert len(frames) > 3
    assert all(len(frame) < protocol.FRAME_BYTES + 1000 for frame in frames)
    assert [json.loads(frame)["part"] for frame in frames] == list(range(len(frames)))
    assert [json.loads(frame)["more"] for frame in frames] == [True] * (len(frames) - 1) + [False]
    assert {json.loads(frame)["seq"] for frame in frames} == {answer.seq}
    assert whole == answer


def test_a_frame_says_which_part_it_is_before_its_rows() -> None:
    for frame in protocol.encode_answer(store_of(20).since(None), 1000):
        assert frame.index(b'"reset":true,"part":') < frame.index(b'"more":') < frame.index(b'"rows":')


def test_many_removals_are_divided_as_well() -> None:
    store = store_of(9000)
    position = store.position
    store.apply([Gone("logs", f"l{number}") for number in range(9000)])
    answer = store.since(position)
    whole, frames = assembled(answer, 4096)
    assert max(map(len, frames)) < 4096 + 200
    assert whole == answer


def test_large_rows_among_many_small_ones_are_divided_between_them() -> None:
    store = Store("e")
    texts = ["x" * (3000 if not number % 70 else 1) + ("\ud800" if number == 99 else "") for number in range(300)]
    store.apply([Record("logs", f"l{number}", {"text": text}) for number, text in enumerate(texts)])
    whole, frames = assembled(store.since(None), 20_000)
    assert max(map(len, frames)) < 20_000 + 200
    assert [row["text"] for row in whole.rows["logs"]] == [text.replace("\ud800", "?") for text in texts]


def test_a_row_larger_than_a_frame_goes_alone_and_whole() -> None:
    store = Store("e")
    store.apply([Record("logs", id, {"text": id * size}) for id, size in (("a", 1), ("b", 5000), ("c", 1))])
    whole, frames = assembled(store.since(None), 1000)
    assert [[row["id"] for row in json.loads(frame)["rows"]["logs"]] for frame in frames] == [["a"], ["b"], ["c"]]
    assert whole.rows["logs"][1]["text"] == "b" * 5000


def test_an_empty_answer_is_one_frame() -> None:
    (frame,) = protocol.encode_answer(Store("e").since(Position("e", 0)))
    assert json.loads(frame)["rows"] == {}


def test_tables_come_in_the_order_in_which_people_look_at_them() -> None:
    store = Store("e")
    store.apply([Record(name, "x", {}) for name in reversed(TABLES)])
    _, frames = assembled(store.since(None), 1)
    assert [next(iter(json.loads(frame)["rows"])) for frame in frames] == list(TABLES)


def test_text_that_utf8_cannot_hold_does_not_stop_an_answer() -> None:
    store = Store("e")
    store.apply([Record("memory", "\udcff.md", {"path": "\udcff.md", "title": "é", "size": 3})])
    (frame,) = protocol.encode_answer(store.since(None))
    (row,) = json.loads(frame)["rows"]["memory"]
    assert (row["id"], row["title"], row["size"]) == ("?.md", "é", 3)
    assert b"?" in protocol.encode(
        protocol.Welcome(1, "v", "e", 1, 2, [protocol.SourceState("w", "\udcff", 0, 0, "")], {})
    )


def test_an_answer_that_was_cut_leaves_nothing_behind() -> None:
    store = store_of(10)
    first = [protocol.decode_server(frame) for frame in protocol.encode_answer(store.since(None), 100)]
    store.apply([Record("logs", "l0", {"text": "new"})])
    (second,) = protocol.encode_answer(store.since(Position("e", 9)))
    assembler = Assembler()
    assert assembler.add(first[0]) is None  # type: ignore[arg-type]
    answer = assembler.add(protocol.decode_server(second))  # type: ignore[arg-type]
    assert answer is not None
    assert sorted(row.id for row in answer.rows["logs"]) == ["l0", "l9"]


def test_tables_of_a_later_version_are_left_out() -> None:
    answer = Assembler().add(protocol.Changes("e", 1, 0, rows={"dreams": [{"id": "d"}]}, gone={"dreams": ["x"]}))
    assert answer == Answer("e", 0, 1, False)


@given(
    st.lists(st.tuples(st.sampled_from(["logs", "tasks"]), st.text(min_size=1), st.text()), max_size=30),
    st.integers(1, 400),
)
def test_every_answer_survives_being_divided(rows: list[tuple[str, str, str]], frame_bytes: int) -> None:
    store = Store("e")
    for table, id, text in rows:
        store.apply([Record(table, id, {"text" if table == "logs" else "title": text})])
    store.apply([Gone(table, id) for table, id, _ in rows[::3]])
    for seq in (None, 0, len(rows) // 2):
        answer = store.since(None if seq is None else Position("e", seq))
        whole, _ = assembled(answer, frame_bytes)
        assert whole == answer


def test_a_frame_of_a_type_that_is_not_known_is_none_and_one_that_is_wrong_an_error() -> None:
    assert protocol.decode_server('{"type": "weather", "sunny": true}') is None
    for wrong in ('{"type": "changes"}', '{"sunny": true}', "[]", "{"):
        with pytest.raises(protocol.ProtocolError):
            protocol.decode_server(wrong)


def test_rows_share_the_texts_that_they_repeat() -> None:
    rows = [{"id": f"c{number}", "agent_id": f"agent {number % 2}", "name": "Bash" * 2} for number in range(4)]
    frame = protocol.decode_server(protocol.encode(protocol.Changes("e", 1, 0, rows={"tool_calls": rows})))
    assert isinstance(frame, protocol.Changes)
    answer = Assembler().add(frame)
    assert answer is not None
    found = answer.rows["tool_calls"]
    assert found == rows
    assert len({id(row["name"]) for row in found}) == 1
    assert len({id(row["agent_id"]) for row in found}) == 2
