"""Every rule finds its own example in every placement, and leaves what is nearly one."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import pytest

from agent_widget.masking import deep, mask, reference
from agent_widget.masking.rules import NAMES, ODD, SHAPES, SOURCES, VAGUE, Name, Shape
from agent_widget.masking.tokens import compiled, variants
from tests.support.secrets import KINDS, PLACEMENTS, Chance, Placement, placed, private_key
from tests.support.worst_texts import example, letters

chance = random.Random(3)


RULES = [*SHAPES, *ODD]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind}: {rule.template[:24]}")
def test_the_example_of_a_shape_is_masked(rule: Shape) -> None:
    for _ in range(5):
        token = example(rule.template, chance)
        if not any(sign.isdigit() for sign in token) or len(token) < 20:
            continue  # too short to differ from a word, or drawn without any digit
        if "hook" in token:
            token = f"https://a.{token}"
        for text in (token, f"it is {token} here", f'{{"a": "{token}"}}', f"x\\n{token}\\n"):
            assert token not in mask(text), text
        assert "[masked: " in mask(f"it is {token} here")
        assert token not in reference(token), "an id is not plain that is one"
        if rule in SHAPES:
            assert token not in mask(f"--{token}…"), "where a preview ends, a whole one is no cut one"
            assert token not in reference(f"\x1b[32m{token}"), "what a terminal colours is one all the same"


@pytest.mark.parametrize("rule", SHAPES, ids=lambda rule: f"{rule.kind}: {rule.template[:24]}")
def test_what_is_too_short_for_a_shape_is_left(rule: Shape) -> None:
    """Where only its last part is shorter than any real token, and nothing else knows the rest."""
    least = int(re.findall(r"\{\w+:(\d+)[^}]*\}", rule.template)[-1])
    token = example(rule.template, chance, fewer=min(least, 8) if least > 8 else least)
    kinds = re.findall(r"\[masked: (.*?)\]", mask(f"it is {token} here"))
    assert rule.kind not in kinds or sum(other.kind == rule.kind for other in RULES) > 1


def test_every_rule_names_its_source() -> None:
    for rule in (*RULES, *NAMES, *VAGUE):
        assert rule.source in SOURCES or rule.source.startswith("https://"), rule


def test_there_are_rules_for_many_kinds() -> None:
    assert len({rule.kind for rule in RULES}) >= 78


@pytest.mark.parametrize("rule", [*NAMES, *VAGUE], ids=lambda rule: rule.pattern)
def test_what_stands_behind_a_name_is_masked(rule: Name) -> None:
    value = "Zk3v9QxT7mLw2RbN5cYd"
    assert mask(rule.example.format(value=value)) == rule.example.format(value=f"[masked: {rule.kind}]")
    for place in ("${VALUE}", "<value>", "", "xxxxxxxxxxxx", "null", "your-value-here"):
        written = rule.example.format(value=place)
        assert mask(written) == written


@pytest.mark.parametrize("placement", PLACEMENTS, ids=lambda placement: placement.name)
def test_secrets_of_all_kinds_are_masked_in_this_place(placement: Placement) -> None:
    """One secret of each kind; ``python -m tests.benchmarks.masking`` prints how many of many."""
    left = []
    for kind in KINDS:
        for _, written, parts in placed(kind, placement, Chance(11)):
            shown = mask(written) if isinstance(written, str) else repr(deep(written))
            if any(part in shown for part in parts):
                left.append((kind.name, written))
    if placement.name == "cut preview":  # its beginning is a hash like any other
        left = [(kind, written) for kind, written in left if kind != "Mailchimp"]
    assert left == []


FORMS = [
    ("https://api.telegram.org/bot{S}/sendMessage", "{digit:10}:AA{url:33}"),
    ("my API key: {S}", "{word:32}"),
    ("the access key: {S}", "{word:32}"),
    ("ENV DB_PASSWORD {S}", "hunter{digit:2}x"),
    ("FROM x\nENV API_TOKEN {S}\n", "{word:32}"),
    ("CREATE USER bob WITH PASSWORD '{S}'", "hunter{digit:2}x"),
    ("ALTER USER bob WITH ENCRYPTED PASSWORD '{S}';", "hunter{digit:2}x"),
    ("ALTER USER bob IDENTIFIED BY '{S}'", "hunter{digit:2}x"),
    ("create user 'a'@'%' identified with caching_sha2_password by '{S}';", "hunter{digit:2}x"),
    ("requirepass {S}\n", "hunter{digit:2}x"),
    ("ConvertTo-SecureString '{S}' -AsPlainText -Force", "hunter{digit:2}x!"),
    ("use password `{S}` to log in", "hunter{digit:2}x"),
    ("keytool -genkey -storepass {S} -keypass changeit", "hunter{digit:2}x"),
    ("echo '{S}' | sudo -S apt update", "hunter{digit:2}x"),
    ("echo {S} | docker login -u me --password-stdin", "hunter{digit:2}x"),
    ("printf '%s' \"{S}\" | gh auth login --with-token-stdin", "{word:30}"),
    (".example.org\tTRUE\t/\tTRUE\t1795846499\tsessionid\t{S}\n", "{word:32}"),
    ("PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{S}\nPrivate-MAC: 00", "{base64:44}"),
    ('"api_key": "{S}"', "abcdef{word:26}.{word:24}"),
    ("| API key | `{S}` |", "{word:60}"),
    ("api_key\t{S}\tactive", "{word:60}"),
    ("the new token\n\n```\n{S}\n```", "{word:60}"),
    ("API key → {S}", "{word:60}"),
    ("token: >-\n  {S}\n", "{word:60}"),
    ("TOKENS=({S} and more)", "{word:60}"),
    ("secrets:\n  - name-of-another-one\n  - {S}\n", "{word:60}"),
    ('{"api_keys": ["{S}"]}', "{word:60}"),
    ('variable "api_token" {\n  default = "{S}"\n}', "{word:32}"),
    ("process.env.API_SECRET ||= '{S}'", "{word:32}"),
    ("API_TOKEN ?= {S}", "{word:32}"),
    ("config.set('apiSecret', \"{S}\")", "{word:60}"),
    ('auth_token=(\n    "{S}"\n)', "{word:32}"),
    ('#define API_KEY "{S}"', "{word:60}"),
    ("gh auth login --with-token <<< {S}", "{word:32}"),
    ("https://maps.example.com/js?key={S}&v=3", "{word:32}"),
    ("session/api_key={S}/logs", "{word:60}"),
    ("&quot;token&quot;:&quot;{S}&quot;", "{word:60}"),
    ("%22token%22%3A%22{S}%22", "{word:60}"),
    ("Authorization=Bearer%20{S}", "{word:32}"),
    ("'Authorization': 'Bearer ' + '{S}'", "{word:32}"),
    ("set password for 'root' = password('{S}');", "hunter{digit:2}x"),
    ("the root password is {S}, they say", "hunter{digit:2}!x"),
    ("echo root:{S} | chpasswd", "hunter{digit:2}x"),
    ("sqlcmd -S db -U sa -P {S}", "hunter{digit:2}x"),
]
"""Places of their own, and what stands in them; words that no rule knows by how they are written."""


@pytest.mark.parametrize(("form", "template"), FORMS, ids=[form[:40] for form, _ in FORMS])
def test_a_secret_is_masked_in_a_place_of_its_own(form: str, template: str) -> None:
    chance = Chance(5)
    for _ in range(20):
        secret = chance.filled(template)
        if any(map(str.isdigit, secret)):
            shown = mask(form.replace("{S}", secret))
            assert secret not in shown
            assert "[masked: " in shown


def test_the_words_of_a_wallet_are_masked() -> None:
    words = "orbit lemon cactus planet velvet anchor mimic cradle fossil ribbon glance twelve"
    for text in (f'MNEMONIC="{words}"', f"seed phrase: {words}", f'{{"mnemonic": "{words}"}}'):
        assert words not in mask(text)
    for text in ("a mnemonic is a set of words", f"{words}", "the phrase that pays"):
        assert mask(text) == text


STRUCTURES: list[tuple[Any, str]] = [
    ({"name": "API_TOKEN", "value": "§"}, "{word:32}"),
    ({"env": [{"name": "DB_PASSWORD", "value": "§"}]}, "hunter{digit:2}x"),
    ({"key": "X-Api-Key", "value": "§"}, "{word:32}"),
    ({"password": {"value": "§"}}, "hunter{digit:2}x"),
    ({"db_password": {"type": "string", "default": "§"}}, "hunter{digit:2}x"),
    ([["X-Api-Key", "§"]], "{word:32}"),
    ({"headers": [["Authorization", "Basic §"], ["Accept", "*/*"]]}, "{base64:40}=="),
    ({"headers": {"Authorization": "Basic §"}}, "{base64:40}=="),
    ({"headers": {"authorization": "token §"}}, "{hex:40}"),
    ({"headers": {"Proxy-Authorization": "Basic §"}}, "{base64:40}=="),
    ({"headers": {"Cookie": "theme=dark; session=§"}}, "{word:32}"),
    ({"set-cookie": "sid=§; Path=/; HttpOnly"}, "{word:32}"),
    ({"api_keys": ["§", "§"]}, "{word:32}"),
    (["mysql", "-u", "root", "-p§", "shop"], "hunter{digit:2}x"),
    (["curl", "-u", "me:§", "https://a.example"], "hunter{digit:2}x"),
    (["sshpass", "-p", "§", "ssh", "host"], "hunter{digit:2}x"),
    ({"command": ["docker", "login", "-u", "me", "-p", "§"]}, "hunter{digit:2}x"),
]


@pytest.mark.parametrize(("value", "template"), STRUCTURES, ids=[str(value)[:50] for value, _ in STRUCTURES])
def test_a_secret_is_masked_by_its_place_in_lists_and_maps(value: Any, template: str) -> None:
    chance = Chance(6)
    for _ in range(20):
        secret = chance.filled(template)
        if any(map(str.isdigit, secret)):
            shown = json.dumps(deep(json.loads(json.dumps(value, ensure_ascii=False).replace("§", secret))))
            assert secret not in shown
            assert "[masked: " in shown


def test_what_two_rules_find_in_one_word_of_a_command_is_masked_once() -> None:
    shown = deep(["env", "sshpass", "-px9Hunter2x", "-p", "by"])
    assert shown == ["env", "sshpass", "[masked: password]", "-p", "by"]


@pytest.mark.parametrize(
    "value",
    [
        {"name": "the task", "value": "abcdef1234567890xyz"},
        {"name": "input_tokens", "value": "123456789"},
        {"tokens": ["hello", "gpt4", "word2vec"], "keys": ["id", "name1", "created_at2"]},
        {"secrets": ["DB_URL", "STRIPE_WEBHOOK"]},
        ["git", "commit", "-m", "use the password field"],
        ["python", "-m", "pytest", "-p", "no:cacheprovider"],
        ["tar", "-p", "xf", "a1b2.tar"],
        {"headers": {"Authorization": "see section 4", "Cookie": "theme=dark"}},
        {"password": {"value": "", "default": None}},
    ],
    ids=str,
)
def test_a_place_alone_makes_no_secret(value: Any) -> None:
    assert deep(value) is value


def test_a_private_key_is_masked() -> None:
    key = private_key(Chance(1))
    assert mask(f"cat id_rsa\n{key}\nand then") == "cat id_rsa\n[masked: private key]\nand then"


LEFT = [
    "set the ENV TOKEN variable2 first",
    "the password 'field' is required",
    "echo hello1 | grep -S x",
    "echo $PASSWORD1 | sudo -S ls",
    "identified by 'name' and date",
    "primary key: users_2024_01_id",
    "key: value1234567890",
    "PASSWORD: 'passwordFactor'",
    "hasToken: !!hasToken",
    "const token = process.env.GITHUB_TOKEN;",
    'api_key: "your-api-key-here"',
    "API_KEY=your_api_key_here",
    "TOKEN=${TOKEN}",
    "TOKEN=$TOKEN ./run",
    "token: <token>",
    'password: "xxxxxxxx"',
    "Authorization: Bearer ${token}",
    "Authorization: Bearer <token>",
    "curl -H 'Authorization: Bearer YOUR_API_KEY' https://a.example.com",
    "Bearer authentication-required",
    "curl -u user:password https://a.example.com",
    "curl -u $USER:$PASS https://a.example.com",
    "docker run -u 1000:1000 -p 8080:80 image",
    "grep -p pattern file",
    "ls -la -pv /tmp",
    "mysql -u root -p shop",
    "SSH_KEY=~/.ssh/id_ed25519",
    "PRIVATE_KEY=/etc/ssl/private/server.pem",
    "max_tokens=4096, tokens: 12, token_count = 300",
    '"description":"full test pass","timeout":180000',
    '{"password": "The password must be at least 8 characters"}',
    '{"password": "Forgot your password?"}',
    "keyboard: qwerty2, monkey: see123do456",
    "cache_key=user:profile:settings",
    "https://docs.example.com/auth/tokens?page=2",
    "@user@example.com wrote: https://a.b/c@v2",
    "TIMESTAMP=$(date -u +%Y-%m-%dT%H:%M:%SZ)",
    "[masked: GitHub token] and password=[masked: password]",
    "password: { type: String, required: true }",
    "token = await getToken(session)",
    "const { token, password } = req.body;",
    "if (token === undefined) return;",
    "the password is wrong, the token is expired",
    "apt-get install sshpass=1.09-1",
    "BYPASS=enabled",
    "set -g token $argv[1]",
    "set -gx GITHUB_TOKEN (pass show gh)",
    "set -euo pipefail\ncache_key foo12345bar",
    "define('DB_PASSWORD', getenv('DB_PASSWORD'));",
    "define('AUTH_KEY', 'put your unique phrase here');",
    "monkeypatch.setenv('TOKEN', 'token-1')",
    "https://a.example.com/?user={user}&password={password}",
    "https://a.example.com/?user=${user}&password=%s",
    "https://a.example.com/login?reset_password=success",
    "if (user && password == given) return;",
    "localhost:5432:shop:me:$PGPASSWORD",
    "localhost:5432:shop:me:password",
    "root:*:0:0:System Administrator:/var/root:/bin/sh",
    "docker run -p 127.0.0.1:5432:5432 postgres",
    "ssh -L 5432:localhost:5432 me@box",
    "arn:*:lambda:*:invoke",
    "sshpass -p [masked: OpenRouter key] ssh me@host",
    "postgres://postgres:postgres@localhost:5432/test",
    "| token | `getAccessTokenForUser2` |",
    "input_tokens: 12345\ntokenizer=AutoTokenizer2Fast1",
    "input_tokens: 12345\ntoolu_01A2b3C4d5E6f7G8h9J0kLmN",
    "max_tokens = 4096\nZk3v9QxT7mLw2RbN5cYdZk3v9QxT7m",
    "tokens:\n- 12.5\n- Zk3v9QxT7mLw2RbN5cYdZk3v9QxT7m",
    "def login(user: str) -> Token:\nZk3v9QxT7mLw2RbN5cYdZk3v9QxT7m",
    "the token: (toolu_01A2b3C4d5E6f7G8h9J0kLmN)",
    "secret\tAWS::SecretsManager::Secret",
    "refresh-2-9_token-quota-exhausted-20260612T121804-cwd",
    "all of them pass.\n(md-2ip6Qu0oWXewL1qNB51TY)",
    "secrets:\n  - DATABASE_URL\n  - STRIPE_WEBHOOK_SECRET_V2\n",
    "tokens = ['AnotherVeryLongTokenName22', 'ThisIsASentenceToken1']",
    "keys: 8f3c2a10-9b4e-4f6d-8a11-0c5d9e8b7a63",
    "https://docs.example.com/?key=logs/2024/01/app.log",
    "t('auth.token', 'errorMessageForToken2Long')",
    "the token:\n```python\nprint(refresh(token, 12))\n```",
    "API_KEY ?= $(shell cat key)",
    'variable "token_ttl" {\n default = "3600"\n}',
    "password('Enter your password: ')",
    "api_key: str | None = None",
]


@pytest.mark.parametrize("text", LEFT)
def test_code_and_places_for_secrets_stay(text: str) -> None:
    assert mask(text) is text


SECRET = [
    ("AWS_SECRET_ACCESS_KEY=/Zk3v9QxT7mLw2RbN5cYdZk3v9QxT7mLw2RbN5cY", "Zk3v9"),
    ('{"password":"$up3rS3cret"}', "up3r"),
    ('{"password":"%a%b{c}9"}', "%a%b"),
    ("DB_PASSWORD=@{[<9xQ7", "9xQ7"),
    ("postgres://u:$x9Qz@db/x", "x9Qz"),
    ('"password": "my dog is 9 now"', "my dog"),
    ('"password": "test_Xy7qPz"', "Xy7qPz"),
    ("password=my_Xy7qPz", "Xy7qPz"),
    ('api_key="your-Zk3v9QxT7mLw2RbN5cYd"', "Zk3v9"),
    ("Authorization: Bearer AbCdEfGhIjKlMnOpQrStUvWx", "AbCdEf"),
    ("Set-Cookie: sid=Zk3v9QxT7mLw2RbN5cYd; Path=/", "Zk3v9"),
    ("https://a.blob.core.windows.net/c?sv=2022&sig=Zk3v9Q%2BxT7mLw2RbN5cYd%3D", "Zk3v9"),
    ("machine h\n  login me\n  password Zk3v9QxT7m", "Zk3v9"),
    ("<password>Zk3v9QxT7m</password>", "Zk3v9"),
]

WORDS = [
    "SSHPASS=correcthorse sshpass -e ssh me@box",
    "DBPASS=correcthorse",
    "define( \"DB_PASSWORD\", 'correcthorse' );",
    "setenv('DB_PASSWORD', 'correcthorse')",
    "set -gx DB_PASSWORD correcthorse",
    "set --global --export PGPASSWORD correcthorse",
    "setenv DB_PASSWORD correcthorse",
    "setx DB_PASSWORD correcthorse",
    "jdbc:mysql://db/shop?user=me&password=correcthorse",
    "jdbc:postgresql://db/shop?password=correcthorse&ssl=true",
    "jdbc:sqlserver://db:1433;user=me;password=correcthorse",
    "Server=db;User Id=me;Password=correcthorse",
    "localhost:5432:shop:me:correcthorse",
    "*:*:*:me:correcthorse\n",
    "$ cat ~/.pgpass\n# mine\ndb.example.com:5432:*:me:correct\\:horse",
    '{"output":"db:5432:shop:me:correcthorse\\ndb:5432:hub:me:correcthorse\\n"}',
]
"""A password that is a word, where only a password can stand."""


@pytest.mark.parametrize("text", WORDS)
def test_a_word_is_a_password_where_nothing_else_can_stand(text: str) -> None:
    shown = mask(text)
    assert "correct" not in shown and "horse" not in shown
    assert "[masked: password]" in shown


@pytest.mark.parametrize(("text", "secret"), SECRET)
def test_how_a_value_begins_does_not_matter(text: str, secret: str) -> None:
    assert secret not in mask(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind}: {rule.template[:24]}")
def test_no_place_is_looked_at_beyond_the_next_one(rule: Shape) -> None:
    """A run of letters may be as long as the text, with a place at every few of them: each costs a bounded time.

    What repeats without bound is the last thing that a pattern looks at, and then it is a token to its end; or it
    ends at the latest where the next place begins.
    """
    for template in variants(rule.template):
        pattern = compiled(template)
        assert not re.search(r"\][+*]", pattern), "not without bound where the text may be cut"
        first, *_ = template.partition("{")
        for part in re.findall(r"\{(\w+):\d+\+\}(?!$)", template):
            begin = first if rule in SHAPES else first or "="  # those of ODD stand behind none of A-Za-z0-9_-
            outside = set(begin) - set(letters(part)) or (rule in ODD and set(letters(part)) <= set(letters("dashed")))
            assert outside, f"{{{part}}} runs over the places behind it"
