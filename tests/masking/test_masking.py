"""Secrets in what agents wrote are masked before they leave the server; everything else stays as it is.

The secrets here are put together when the tests run, so that none stands in this repository.
"""

from __future__ import annotations

import json
import logging
import random
import string
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget import cli
from agent_widget.ingest.collector import Collector
from agent_widget.masking import addresses, deep, engine, mask, masked, named, reference, tokens, values
from agent_widget.tables import PREVIEW_CHARS, Gone, Record
from tests.support.worst_texts import pieces, repeated

LETTERS = string.ascii_letters + string.digits
chance = random.Random(7)


def drawn(length: int, letters: str = LETTERS) -> str:
    """Letters by chance, digits among them as in any real key."""
    return "".join(chance.choice(letters) for _ in range(length - 4)) + "7aB4"


UPPER = string.ascii_uppercase + string.digits
JWT = ".".join("ey" + "J" + drawn(40) for _ in range(2)) + "." + drawn(43)
PEM = "-----{} RSA " + "PRIVATE KEY-----"
KEY_BLOCK = "\n".join([PEM.format("BEGIN"), drawn(64), drawn(64), drawn(20) + "==", PEM.format("END")])

SHAPES = {
    "GitHub token": ["gh" + kind + "_" + drawn(36) for kind in "pousr"]
    + ["github" + "_pat_" + drawn(22) + "_" + drawn(59)],
    "GitLab token": ["gl" + "pat-" + drawn(20)],
    "Anthropic key": ["sk-" + "ant-api03-" + drawn(93), "sk-" + "ant-oat01-" + drawn(93)],
    "API key": ["sk-" + drawn(48)],
    "OpenAI key": ["sk-" + "proj-" + drawn(120)],
    "OpenRouter key": ["sk-" + "or-v1-" + drawn(60, "0123456789abcdef")],
    "AWS key": [begins + "IA" + "".join(chance.choice(UPPER) for _ in range(16)) for begins in ("AK", "AS")],
    "Google key": ["AI" + "za" + drawn(35)],
    "Google secret": ["GOC" + "SPX-" + drawn(28)],
    "Slack token": ["xo" + "xb-1234567890-" + drawn(24), "xo" + "xp-" + drawn(40), "xa" + "pp-1-" + drawn(40)],
    "Stripe key": ["sk" + "_live_" + drawn(24), "rk" + "_test_" + drawn(24)],
    "Stripe secret": ["wh" + "sec_" + drawn(32)],
    "npm token": ["np" + "m_" + drawn(36)],
    "PyPI token": ["py" + "pi-AgEIcHlwaS5vcmc" + drawn(150)],
    "Hugging Face token": ["h" + "f_" + drawn(34)],
    "SendGrid key": ["S" + "G." + drawn(22) + "." + drawn(43)],
    "JWT": [JWT],
    "private key": [KEY_BLOCK, KEY_BLOCK.replace("\n", "\\n")],
}
KNOWN = [(kind, secret) for kind, secrets in SHAPES.items() for secret in secrets]
BARE = [(kind, secret) for kind, secret in KNOWN if kind != "private key"]

HARMLESS = [
    "d6be947c9f1a2b3c4d5e6f708192a3b4c5d6e7f8",
    "7f3c2a10-9b4e-4f6d-8a11-0c5d9e8b7a63",
    "toolu_01A2b3C4d5E6f7G8h9J0kLmN",
    "call_AbCdEf0123456789ghIjKlMn",
    "msg_01XFDUDYJgAACzvnptvVoYEL",
    "ses_3f2a9b8c7d6e5f4a3b2c1d0e9f",
    "/home/me/projects/secret-santa/src/token_parser.py:42",
    "node_modules/.pnpm/@babel+core@7.24.0/node_modules/password-strength/index.js",
    "sk-learn-pipelines-for-everyone-and-no-one",
    "task-2026-disk-usage-of-the-risk-model",
    "https://example.com:8080/users/@me?page=2",
    "http://localhost:3000",
    "git@github.com:someone/something.git",
    "input_tokens: 12345",
    '"cache_read_tokens": 98765, "max_tokens": 4096',
    "token = response.json()['token']",
    "token = self.lexer.next_token",
    "self.password = password",
    "password = getpass.getpass()",
    "def login(user: str, password: str) -> Token:",
    "password: string;",
    "api_key = os.environ['API_KEY']",
    "API_KEY=$API_KEY",
    "API_KEY=${OTHER_KEY}",
    'api_key: "<your key>"',
    'api_key="your-api-key-goes-here-1234"',
    'password="********"',
    "PASSWORD_FILE=/run/secrets/db",
    "PWD=/home/me/work2",
    '"pwd": "osc99"',
    "The secret: begin early. The key = patience.",
    "Authorization: see section 4",
    "the bearer of this ring",
    '{"key": "value1234567890abc"}',
    "const key = makeKey(table, id)",
    "primary_key=True, foreign_key: users.id",
    "tokenizer=AutoTokenizer2Fast1",
    "postgres://$USER:$PASSWORD@$HOST/db",
    "postgres://{user}:{password}@{host}/db",
    "+++ b/tests/test_secrets.py",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
]


@pytest.mark.parametrize(("kind", "secret"), KNOWN)
def test_a_known_shape_is_masked_wherever_it_stands(kind: str, secret: str) -> None:
    label = f"[masked: {kind}]"
    assert mask(secret) == label
    assert mask(f"it is {secret}, so") == f"it is {label}, so"
    assert mask(f'{{"a":"{secret}"}}') == f'{{"a":"{label}"}}'
    assert mask(f"a\\n{secret}\\nb") == f"a\\n{label}\\nb" or kind == "private key"  # its lines end so too


@pytest.mark.parametrize(("kind", "secret"), BARE)
def test_a_secret_that_a_preview_cut_in_half_is_masked(kind: str, secret: str) -> None:
    for length in range(9 if kind != "JWT" else 12, len(secret)):
        begin = secret[:length]
        shown = mask(f"it is {begin}…")
        if len(shown) > len("it is ") + 4 + len(begin) and begin in shown:
            pytest.fail(f"{length} letters of it are shown")
    assert mask(f"it is {secret[: len(secret) - 3]}…") == f"it is [masked: {kind}]…"


def test_a_private_key_that_was_cut_is_masked_to_its_end() -> None:
    assert mask(KEY_BLOCK[:120] + "…") == "[masked: private key]…"


def test_what_stands_around_a_private_key_stays() -> None:
    assert mask(f"cat id_rsa\n{KEY_BLOCK}\nand then") == "cat id_rsa\n[masked: private key]\nand then"
    assert mask('if "' + PEM.format("BEGIN") + '" in text:') == 'if "' + PEM.format("BEGIN") + '" in text:'


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("DB_PASSWORD=correcthorse", "DB_PASSWORD=[masked: password]"),
        ("password: hunter22", "password: [masked: password]"),
        ("--db-password hunter22 --user me", "--db-password [masked: password] --user me"),
        ('{"password": "swordfish"}', '{"password": "[masked: password]"}'),
        ('{\\"password\\":\\"swordfish1\\"}', '{\\"password\\":\\"[masked: password]\\"}'),
        ("Server=db;Uid=me;Pwd=hunter22;", "Server=db;Uid=me;Pwd=[masked: password];"),
        ('"passphrase": "correct horse battery"', '"passphrase": "[masked: password]"'),
        ("postgres://me:s3cret@db.host:5432/x", "postgres://me:[masked: password]@db.host:5432/x"),
        ("redis://:s3cret@cache/0", "redis://:[masked: password]@cache/0"),
        ("postgres://me:s3c…", "postgres://me:[masked: password]…"),
        ('"password": "swordf…', '"password": "[masked: password]…'),
        ("aws_secret_access_key = {}", "aws_secret_access_key = [masked: key]"),
        ('os.environ["API_TOKEN"] = "{}"', 'os.environ["API_TOKEN"] = "[masked: token]"'),
        ('api_key: str = "{}"', 'api_key: str = "[masked: key]"'),
        ("clientSecret: '{}'", "clientSecret: '[masked: secret]'"),
        ("GET /x?access_token={}&page=2", "GET /x?access_token=[masked: token]&page=2"),
        ("-H 'X-Api-Key: {}'", "-H 'X-Api-Key: [masked: key]'"),
        ("-H 'Authorization: Bearer {}'", "-H 'Authorization: Bearer [masked: token]'"),
        ("authorization: basic {}==", "authorization: basic [masked: credential]"),
        ("Bearer {}", "Bearer [masked: token]"),
        ("https://hooks.slack." + "com/services/T0123/B0123/{}", "https://[masked: Slack webhook]"),
        ("İstanbul: api_key={}", "İstanbul: api_key=[masked: key]"),  # two letters in lower case
    ],
)
def test_what_a_name_calls_secret_is_masked_and_the_name_stays(written: str, shown: str) -> None:
    assert mask(written.replace("{}", drawn(32)) if "{}" in written else written) == shown


def test_a_shape_takes_precedence_over_a_name() -> None:
    assert mask("GITHUB_TOKEN=gh" + "p_" + drawn(36)) == "GITHUB_TOKEN=[masked: GitHub token]"


def test_a_long_secret_is_masked_to_its_end() -> None:
    assert mask(f'"token": "{drawn(2_000)}", "id": 1') == '"token": "[masked: token]", "id": 1'


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) is text
    assert mask(f"{text}…") == f"{text}…" or "=" in text or ":" in text


def test_an_image_stays() -> None:
    for _ in range(20):
        text = "data:image/png;base64," + drawn(20_000, LETTERS + "+/")
        assert mask(text) is text


PIECES = [secret for _, secret in KNOWN] + [
    "password=",
    "token: ",
    '"',
    "\\n",
    "…",
    "://",
    "a:b@",
    "-----",
    "[masked: ",
    "]",
]


@given(st.text() | st.lists(st.sampled_from([*PIECES, *HARMLESS]) | st.text(max_size=5)).map("".join))
def test_any_text_is_taken_and_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once
    assert len(once) <= 12 * len(text)
    assert reference(reference(text)) == reference(text)
    once.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@pytest.mark.parametrize("between", ["\n", ", "])
def test_two_harmless_texts_stay_together(between: str) -> None:
    assert [text for pair in product(HARMLESS, HARMLESS) if mask(text := between.join(pair)) != text] == []


@given(st.lists(st.sampled_from(HARMLESS)))
def test_harmless_texts_stay_together_too(texts: list[str]) -> None:
    text = "\n".join(texts)
    assert mask(text) == text


@given(st.lists(st.sampled_from([secret for _, secret in BARE]) | st.sampled_from(HARMLESS)))
def test_no_secret_is_left_among_others(texts: list[str]) -> None:
    shown = mask(" ".join(texts))
    assert not any(secret in shown for _, secret in BARE)


SLOW = [
    "eyJ-",
    "eyJa.",
    "eyJaaaaaaaaa.",
    "sk-",
    "AKIA-",
    "ghp_",
    "xoxb-",
    "://a:",
    "://a:b@",
    "-----BEGIN ",
    "[masked: ",
    "\\",
]
SLOW += [
    "token=",
    "token=password=",
    "token=a ",
    "password: ",
    "password=a1b2c3d4 ",
    "api_key=a1,",
    '"token":"a ',
    "_key=",
]
SLOW += ["secret secret=", "--token ", "bearer aaaaaaaaaaa ", "authorization: basic ", " -p abc", "curl -u a:b ", "…"]
SLOW += [
    "sk-aaaaaaaaaaaaaaaaaaaaa ",
    "sk-aaaaaaaaaaaaaaaaa…",
    PEM.format("BEGIN"),
    PEM.format("BEGIN") + "\n" + "a" * 20,
    "fo1" + "_-",
    "CFPAT" + "--",
    "bedrock-api-key-" + "YmVkcm9jay5hbWF6b25hd3MuY29t" + "A1b2" * 15 + "/",
    "a:*:b:c:dddd ",
    "db:5432:a:b:",
    "set -a -b -c password ",
    "define('password', '",
    "user=a;password=",
]


@pytest.mark.parametrize("piece", ["a word or two, ", *SLOW])
def test_places_looked_at_grow_with_the_text_and_not_with_its_square(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = looks(monkeypatch)

    def places(size: int) -> int:
        return count(piece * (size // len(piece)))

    assert places(100_000) <= 2.2 * places(50_000) + 100
    assert places(400_000) < 30_000


def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Return a function that counts the looks in Python at places of a text that may hold a secret."""
    number = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*values: object) -> object:
            nonlocal number
            number += 1
            return function(*values)

        return call

    each = {"_named", "_in_run", "_is_token", "is_placeholder", "is_place", "is_by_chance"}
    for module in (addresses, named, tokens, values):
        for name in each & vars(module).keys():
            monkeypatch.setattr(module, name, counted(getattr(module, name)))

    def count(text: str) -> int:
        nonlocal number
        number = 0
        mask(text)
        return number

    return count


def test_no_text_that_is_written_from_the_rules_has_more_looks_than_its_length_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = looks(monkeypatch)
    size = 10_000
    for piece in chance.sample(pieces(chance), 150):
        found = count(repeated(piece, size))
        assert found < 10_000, piece
        if found > 1_000:
            assert count(repeated(piece, 2 * size)) <= 2.2 * found + 100, piece


GROUPS = [name for name in vars(engine) if name.startswith("add_")]


def test_no_rule_is_tried_where_nothing_of_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    for name in GROUPS:
        monkeypatch.setattr(engine, name, lambda *_, name=name: tried.append(name))
    for text in ORDINARY:
        mask(text)
        reference(text)
    assert tried == []
    mask("password: x, " + "a" * 30)
    assert tried == ["add_in_headers", "add_named", "add_tokens", "add_in_places", "add_beside_names"]


ORDINARY = [
    "The build is green again: 14 files changed, 120 insertions(+), 8 deletions(-) in src/report.",
    '{"command":"cd /home/me/work && go build ./... 2>&1 | tail -40","description":"Build all"}',
    "Größe der Datei geändert, alles andere bleibt",
    "\n".join(f"{number}: def part_{number}(value): return value + {number}" for number in range(40)),
]


@pytest.mark.parametrize("piece", SLOW)
def test_a_text_full_of_such_places_is_masked_rather_too_much(piece: str) -> None:
    secret = SHAPES["GitHub token"][0]
    text = piece * (60_000 // len(piece)) + f"\nDB_PASSWORD=Tr0ub4dor{'&'}3 and {secret} here"
    assert secret not in mask(text)
    assert "Tr0ub4dor" not in mask(text)
    assert len(mask(text)) < 5 * len(text)


# Rows


def test_all_of_a_row_is_masked() -> None:
    secret, other = SHAPES["GitHub token"][:2]
    fields = {
        "title": f"use {secret}",
        "owner": secret,
        "session_id": secret,
        "depends_on": [f"task/{other}"],
        "tags": ["work", secret, "DB_PASSWORD=Tr0ub4dor3x"],
        "created_at": 1,
    }
    row = masked(Record("tasks", f"task/{secret}", fields))
    assert isinstance(row, Record)
    shown = json.dumps([row.id, row.fields])
    assert secret not in shown
    assert other not in shown
    assert "Tr0ub4dor" not in shown
    assert row.fields["title"] == "use [masked: GitHub token]"
    assert row.fields["tags"][0] == "work"
    clean = Record("messages", "m", {"text": "use nothing", "task_id": None})
    assert masked(clean) is clean
    assert masked(gone := Gone("messages", "m")) is gone


def test_a_map_is_masked_with_its_keys() -> None:
    secret = SHAPES["npm token"][0]
    row = masked(
        Record("quality", "q", {"dimensions": {secret: 0.5, "password": "Tr0ub4dor3x", "depth": {"a": [secret]}}})
    )
    shown = json.dumps(row.fields)
    assert secret not in shown
    assert "Tr0ub4dor" not in shown
    assert '"depth"' in shown


def test_references_still_lead_to_their_rows() -> None:
    """The same secret gives the same id wherever it stands; two secrets do not fall into one row."""
    one, two = SHAPES["GitHub token"][:2]
    session = masked(Record("sessions", f"s/{one}", {"agent_id": f"a/{one}", "path": f"/home/me/{one}/x"}))
    agent = masked(Record("agents", f"a/{one}", {"session_id": f"s/{one}", "name": one}))
    other = masked(Record("agents", f"a/{two}", {}))
    assert isinstance(session, Record)
    assert isinstance(agent, Record)
    assert agent.fields["session_id"] == session.id
    assert session.fields["agent_id"] == agent.id
    assert other.id != agent.id
    assert masked(Gone("agents", f"a/{one}")) == Gone("agents", agent.id)
    assert agent.id.startswith("a/[masked: GitHub token ")
    assert reference(agent.id) == agent.id


def test_any_value_is_masked_as_a_whole() -> None:
    secret = SHAPES["Slack token"][0]
    value = {
        "a": [secret, {"password": "hunter"}],
        "argv": ["tool", "--token", "AbCd1234efgh", "--fast"],
        "n": 1,
        secret: None,
    }
    shown = json.dumps(deep(value))
    assert secret not in shown
    assert "hunter" not in shown
    assert "AbCd1234efgh" not in shown
    assert '"--fast"' in shown
    clean = {"a": ["b", 1, None], "password_hint": "none"}
    assert deep(clean) is clean


def test_our_own_log_is_masked(caplog: pytest.LogCaptureFixture) -> None:
    secret = SHAPES["GitHub token"][0]
    logging.getLogger("agent_widget").warning("%s: cannot be read", f"/home/me/{secret}")
    assert secret not in caplog.text
    assert "cannot be read" in caplog.text


def test_a_masked_preview_is_no_longer_than_a_preview() -> None:
    text = "DB_PASS=a1b2c3 " * 33
    shown = masked(Record("logs", "l", {"text": text})).fields["text"]  # type: ignore[union-attr]
    assert len(shown) <= PREVIEW_CHARS
    assert "a1b2c3" not in shown


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    line = {"id": "m1", "from": "a", "type": "broadcast", "timestamp": "2026-01-02T03:04:05Z"}
    text = "x" * (PREVIEW_CHARS - 40) + " gh" + "p_" + drawn(36)
    payload = [{**line, "payload": {"message": "DB_PASSWORD=correcthorse"}}]
    payload.append({**line, "id": "m2", "payload": {"message": text}})
    (tmp_path / "message-bus.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in payload))
    return tmp_path


def test_no_secret_enters_the_store_also_not_one_that_the_preview_cuts(memory: Path) -> None:
    collector = Collector([memory])
    collector.scan()
    texts = [row.text for row in collector.store.rows("messages")]
    assert texts[0] == "DB_PASSWORD=[masked: password]"
    assert texts[1].endswith("x [masked: GitHub token]…")


def test_masking_can_be_left_out(memory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["snapshot", "--table", "messages", str(memory)]) == 0
    assert "correcthorse" not in capsys.readouterr().out
    assert cli.main(["snapshot", "--no-masking", "--table", "messages", str(memory)]) == 0
    assert "DB_PASSWORD=correcthorse" in capsys.readouterr().out


REAL = Path(__file__).parents[3] / "shared/data/hyrm-workspace/memory"


@pytest.mark.skipif(not REAL.is_dir(), reason="the real workspace is not on this machine (../shared)")
def test_a_real_workspace_without_secrets_stays_as_it_is() -> None:
    """Twenty-seven thousand rows, and nothing in them is taken for a secret."""
    stores = []
    for masking in (True, False):
        collector = Collector([REAL], clock=lambda: 1_770_000_000_000, masking=masking)
        collector.scan()
        stores.append({table: collector.store.rows(table) for table in collector.store})
    assert stores[0] == stores[1]
