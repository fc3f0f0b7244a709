"""Secrets drawn by chance, and the places in which they are written: for the tests and the benchmark of masking.

The kinds are written down from what the services document, not from the rules, so that a rule that is wrong shows.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

ALPHABETS = {
    "word": string.ascii_letters + string.digits,
    "letters": string.ascii_letters,
    "url": string.ascii_letters + string.digits + "-_",
    "base64": string.ascii_letters + string.digits + "+/",
    "hex": "0123456789abcdef",
    "upper": string.ascii_uppercase + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "digit": string.digits,
    "bech": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "pw": string.ascii_letters + string.digits + "!#%+-_.^~",
}


class Chance(random.Random):
    """Draws secrets."""

    def filled(self, template: str) -> str:
        """Return the template with each ``{alphabet:number}`` filled, ``{uuid}`` and ``{a|b}`` too."""

        def part(found: re.Match[str]) -> str:
            inner = found[1]
            if inner == "uuid":
                return str(uuid.UUID(int=self.getrandbits(128)))
            if "|" in inner:
                return self.choice(inner.split("|"))
            alphabet, _, number = inner.partition(":")
            return "".join(self.choice(ALPHABETS[alphabet]) for _ in range(int(number)))

        return re.sub(r"\{([^{}]*)\}", part, template)


class Kind(NamedTuple):
    """One kind of secret; ``template`` is written with a gap (``~~``) so that no scanner takes it for one."""

    name: str
    variable: str
    template: str
    bare: bool = True
    """Whether it is known by how it is written; else only behind a name."""


def _kinds() -> Iterator[Kind]:
    for line in _TABLE.strip().splitlines():
        name, variable, template = (cell.strip() for cell in line.split(";", 2))
        bare = not template.startswith("= ")
        yield Kind(name, variable, template.removeprefix("= ").replace("~~", ""), bare)


_TABLE = """
GitHub classic; GITHUB_TOKEN; gh~~p_{word:36}
GitHub OAuth; GH_OAUTH_TOKEN; gh~~o_{word:36}
GitHub app; GH_APP_TOKEN; gh~~{s|u}_{word:36}
GitHub fine-grained; GITHUB_PAT_TOKEN; github~~_pat_{word:22}_{word:59}
GitLab personal; GITLAB_TOKEN; gl~~pat-{url:20}
GitLab personal, routable; GITLAB_PAT_TOKEN; gl~~pat-{url:27}.{lower:2}{lower:7}
GitLab deploy; GITLAB_DEPLOY_TOKEN; gl~~dt-{url:20}
GitLab runner; RUNNER_TOKEN; gl~~rt-{url:20}
GitLab trigger; TRIGGER_TOKEN; gl~~ptt-{hex:40}
GitLab job; CI_JOB_TOKEN; gl~~cbt-{hex:2}_{url:20}
GitLab feed; FEED_TOKEN; gl~~ft-{url:20}
GitLab OAuth; GITLAB_APP_SECRET; gl~~oas-{hex:64}
GitLab SCIM; SCIM_TOKEN; gl~~soat-{url:20}
GitLab agent; AGENT_TOKEN; gl~~agent-{url:50}
Bitbucket; BITBUCKET_APP_PASSWORD; AT~~BB{word:32}
npm; NPM_TOKEN; np~~m_{word:36}
PyPI; PYPI_TOKEN; py~~pi-AgEIcHlwaS5vcmc{url:150}
RubyGems; GEM_HOST_API_KEY; ruby~~gems_{hex:48}
Docker Hub; DOCKER_TOKEN; dc~~kr_pat_{url:27}
Docker Hub organisation; DOCKER_ORG_TOKEN; dc~~kr_oat_{url:32}
Anthropic; ANTHROPIC_API_KEY; sk-~~ant-api03-{url:93}AA
Anthropic OAuth; ANTHROPIC_AUTH_TOKEN; sk-~~ant-oat01-{url:93}AA
OpenAI; OPENAI_API_KEY; sk~~-{word:48}
OpenAI project; OPENAI_PROJECT_KEY_TOKEN; sk~~-proj-{url:120}
OpenRouter; OPENROUTER_API_KEY; sk~~-or-v1-{hex:64}
Groq; GROQ_API_KEY; gs~~k_{word:52}
xAI; XAI_API_KEY; xa~~i-{word:80}
Perplexity; PPLX_API_KEY; pp~~lx-{word:48}
Hugging Face; HF_TOKEN; h~~f_{letters:34}
Replicate; REPLICATE_API_TOKEN; r8~~_{word:37}
NVIDIA; NVIDIA_API_KEY; nv~~api-{url:64}
LangSmith; LANGSMITH_API_KEY; ls~~v2_pt_{hex:32}_{hex:10}
Pinecone; PINECONE_API_KEY; pc~~sk_{word:6}_{word:60}
AWS access key; AWS_ACCESS_KEY; AK~~IA{upper:16}
AWS temporary key; AWS_TEMP_ACCESS_KEY; AS~~IA{upper:16}
AWS secret key; AWS_SECRET_ACCESS_KEY; = {base64:40}
Google API; GOOGLE_API_KEY; AI~~za{url:35}
Google OAuth secret; GOOGLE_CLIENT_SECRET; GOC~~SPX-{url:28}
Google access token; GOOGLE_ACCESS_TOKEN; ya~~29.{url:120}
Azure storage; AZURE_STORAGE_ACCOUNT_KEY; = {base64:86}==
Azure AD; AZURE_CLIENT_SECRET; {word:3}8~~Q~~~{url:34}
DigitalOcean; DIGITALOCEAN_TOKEN; do~~p_v1_{hex:64}
Heroku; HEROKU_API_KEY; = {uuid}
Heroku, new; HEROKU_API_TOKEN; HR~~KU-AA{url:58}
Cloudflare; CLOUDFLARE_API_TOKEN; = {url:40}
Netlify; NETLIFY_AUTH_TOKEN; nf~~p_{word:36}
Fly; FLY_API_TOKEN; fm~~2_lJPECAAAAAAA{base64:100}
Supabase; SUPABASE_ACCESS_TOKEN; sb~~p_{hex:40}
Databricks; DATABRICKS_TOKEN; da~~pi{hex:32}
PlanetScale; PLANETSCALE_TOKEN; ps~~cale_tkn_{url:43}
Vault; VAULT_TOKEN; hv~~s.{url:95}
Vault batch; VAULT_BATCH_TOKEN; hv~~b.{url:140}
Terraform; TFE_TOKEN; {word:14}.atl~~asv1.{url:67}
Pulumi; PULUMI_ACCESS_TOKEN; pu~~l-{hex:40}
Doppler; DOPPLER_TOKEN; dp~~.st.{word:43}
1Password; OP_SERVICE_ACCOUNT_TOKEN; op~~s_eyJ{word:300}
age; AGE_SECRET_KEY; AGE-SEC~~RET-KEY-1{bech:58}
Grafana; GRAFANA_TOKEN; gl~~sa_{word:32}_{hex:8}
Sentry; SENTRY_AUTH_TOKEN; sn~~tryu_{hex:64}
New Relic; NEW_RELIC_API_KEY; NR~~AK-{upper:27}
Datadog; DD_API_KEY; = {hex:32}
Dynatrace; DT_API_TOKEN; dt~~0c01.{upper:24}.{upper:64}
Postman; POSTMAN_API_KEY; PM~~AK-{hex:24}-{hex:34}
Tailscale; TS_AUTHKEY_TOKEN; ts~~key-auth-k{word:12}CNTRL-{word:32}
Slack bot; SLACK_BOT_TOKEN; xo~~xb-{digit:12}-{digit:12}-{word:24}
Slack user; SLACK_USER_TOKEN; xo~~xp-{digit:12}-{digit:12}-{digit:12}-{hex:32}
Slack app; SLACK_APP_TOKEN; xa~~pp-1-{upper:11}-{digit:13}-{hex:64}
Discord bot; DISCORD_TOKEN; MT{word:22}.G{word:5}.{url:38}
Telegram; TELEGRAM_BOT_TOKEN; {digit:10}:AA{url:33}
Atlassian; ATLASSIAN_API_TOKEN; AT~~ATT3xFfGF0{url:170}
Linear; LINEAR_API_KEY; lin~~_api_{word:40}
Notion; NOTION_TOKEN; nt~~n_{digit:11}{word:35}
Figma; FIGMA_TOKEN; fi~~gd_{url:40}
Airtable; AIRTABLE_API_KEY; pat{word:14}.{hex:64}
HubSpot; HUBSPOT_TOKEN; pat~~-na1-{uuid}
Dropbox; DROPBOX_TOKEN; s~~l.{url:135}
Facebook; FACEBOOK_TOKEN; EA~~ACEdEose0cBA{word:120}
Stripe; STRIPE_SECRET_KEY; sk~~_live_{word:24}
Stripe restricted; STRIPE_RESTRICTED_KEY_TOKEN; rk~~_live_{word:24}
Stripe webhook; STRIPE_WEBHOOK_SECRET; wh~~sec_{word:32}
Square; SQUARE_TOKEN; sq~~0atp-{url:22}
Shopify; SHOPIFY_TOKEN; sh~~p{at|ca|pa|ss}_{hex:32}
SendGrid; SENDGRID_API_KEY; S~~G.{url:22}.{url:43}
Brevo; BREVO_API_KEY; xk~~eysib-{hex:64}-{word:16}
Mailchimp; MAILCHIMP_API_KEY; {hex:32}-us{digit:1}
Mailgun; MAILGUN_API_KEY; ke~~y-{hex:32}
Twilio key; TWILIO_API_KEY; S~~K{hex:32}
Twilio token; TWILIO_AUTH_TOKEN; = {hex:32}
JWT; SESSION_TOKEN; ey~~JhbGciOiJIUzI1NiJ9.ey~~J{url:60}.{url:43}
Password; DB_PASSWORD; = {word:1}{pw:14}{digit:1}
Client secret; CLIENT_SECRET; = {word:32}
"""

KINDS = list(_kinds())


class Placement(NamedTuple):
    """A way to write a secret, ``S``; ``NAME``, ``name``, ``opt`` and ``key`` are its variable's words."""

    name: str
    form: str
    named: bool = False
    json: bool = False
    """Whether it is a value made of lists and dicts, not a text."""


PLACEMENTS = [
    Placement("bare", "S"),
    Placement("sentence", "it is S, so"),
    Placement("sentence end", "the new one is S."),
    Placement("quoted", 'got "S" back'),
    Placement("backticks", "use `S` here"),
    Placement("brackets", "(S)"),
    Placement("markdown", "**S**"),
    Placement("list", '["a", "S"]'),
    Placement("key", '{"S": 1}'),
    Placement("id", "session/S/3"),
    Placement("address query", "https://api.example.com/v1?x=1&q=S&page=2"),
    Placement("address path", "https://api.example.com/S/list"),
    Placement("address escaped", "https://a.example.com/?u=https%3A%2F%2Fb.c%2F%3Fq%3DS%26x%3D1"),
    Placement("JSON newline", '{"text": "first\\nS\\nlast"}'),
    Placement("CSV", "a,S,b"),
    Placement("table", "| name | S |"),
    Placement("diff", "+S"),
    Placement("terminal", "\x1b[32mS\x1b[0m"),
    Placement("non-ASCII", "Schlüssel → S ←"),
    Placement("list value", '["work", "S"]', json=True),
    Placement("key value", '{"S": {"a": ["x"]}}', json=True),
    Placement("environment", "NAME=S", named=True),
    Placement("export", 'export NAME="S"', named=True),
    Placement("inline environment", "NAME=S ./run --fast", named=True),
    Placement(".env lines", "A=1\nNAME=S\nB=2", named=True),
    Placement("JSON", '{"a": 1, "name": "S", "b": 2}', named=True),
    Placement("JSON tight", '{"key":"S"}', named=True),
    Placement("JSON in JSON", '{"body": "{\\"name\\": \\"S\\"}"}', named=True),
    Placement("JSON three deep", '{"a": "{\\"b\\": \\"{\\\\\\"name\\\\\\": \\\\\\"S\\\\\\"}\\"}"}', named=True),
    Placement("YAML", "service:\n  name: S\n  port: 80", named=True),
    Placement("YAML quoted", "  name: 'S'", named=True),
    Placement("TOML", 'name = "S"', named=True),
    Placement("INI", "name = S", named=True),
    Placement("Python", 'client = Client(name="S")', named=True),
    Placement("Python dict", "{'name': 'S'}", named=True),
    Placement("JavaScript", 'const key = "S";', named=True),
    Placement("environ", 'os.environ["NAME"] = "S"', named=True),
    Placement("typed", 'name: str = "S"', named=True),
    Placement("Go", 'key := "S"', named=True),
    Placement("Ruby", ":name => 'S'", named=True),
    Placement("XML", "<key>S</key>", named=True),
    Placement("header", "X-opt: S", named=True),
    Placement("option", "tool --opt S --fast", named=True),
    Placement("option =", "tool --opt=S --fast", named=True),
    Placement("option quoted", "tool --opt 'S'", named=True),
    Placement("option list", '["tool", "--opt", "S"]', named=True),
    Placement("define", "define('NAME', 'S');", named=True),
    Placement("fish", "set -gx NAME S", named=True),
    Placement("csh", "setenv NAME S", named=True),
    Placement("query", "https://api.example.com/v1?name=S&page=2", named=True),
    Placement("Kubernetes", "- name: NAME\n  value: S", named=True),
    Placement("task JSON", '{"name":"NAME","value":"S"}', named=True),
    Placement("named value", '{"name": "S"}', named=True, json=True),
    Placement("option values", '["tool", "--opt", "S"]', named=True, json=True),
    Placement("bearer", "Authorization: Bearer S"),
    Placement("bearer JSON", '{"Authorization": "Bearer S"}'),
    Placement("curl header", "curl -H 'Authorization: Bearer S' https://a.example.com"),
    Placement("curl -u", "curl -u me:S https://a.example.com"),
    Placement("address user", "https://me:S@db.example.com/x"),
    Placement("mysql -p", "mysql -u root -pS shop"),
    Placement("sshpass", "sshpass -p S ssh me@host"),
    Placement("netrc", "machine a.example.com login me password S"),
    Placement("pgpass", "db.example.com:5432:shop:me:S"),
    Placement("docker login", "docker login -u me -p S registry.example.com"),
    Placement("connection string", "Server=db;Uid=me;Pwd=S;Port=1"),
    Placement("JDBC", "jdbc:mysql://db/shop?user=me&password=S"),
    Placement("cut at the end", "NAME=S", named=True),
    Placement("cut preview", "see S"),
]
"""Those that are not ``named`` and hold no name of their own are for kinds that are known by how they are written."""

_SAYS_SO = {
    "bearer",
    "bearer JSON",
    "curl header",
    "curl -u",
    "address user",
    "mysql -p",
    "sshpass",
    "netrc",
    "pgpass",
    "docker login",
    "connection string",
    "JDBC",
}


def placed(kind: Kind, placement: Placement, chance: Chance) -> Iterator[tuple[str, Any, list[str]]]:
    """Yield a secret, what it is written in, and the parts none of which may be left; nothing if it goes not there."""
    if not kind.bare and not placement.named and placement.name not in _SAYS_SO:
        return
    secret = chance.filled(kind.template)
    lower = kind.variable.lower()
    words = {
        "NAME": kind.variable,
        "name": lower,
        "opt": lower.replace("_", "-"),
        "key": re.sub(r"_(\w)", lambda found: found[1].upper(), lower),
    }
    if placement.name in ("address user", "query", "JDBC") and set(secret) & set("/+=%#"):
        return  # not written like that in an address
    form = placement.form
    if placement.name in ("Kubernetes", "task JSON"):
        form = form.replace("name", "n\0ame")
    written = re.sub(
        r"\bNAME\b|\bname\b|\bopt\b|\bkey\b|\bS\b", lambda found: secret if found[0] == "S" else words[found[0]], form
    ).replace("\0", "")
    parts = [secret]
    if placement.name.startswith("cut"):
        kept = len(secret) // 2
        written = written[: written.rindex(secret) + kept] + "…"
        parts = [secret[:kept]]
    if placement.json:
        yield secret, json.loads(written), parts
    else:
        yield secret, written, parts


def private_key(chance: Chance) -> str:
    """Return a block with a private key."""
    body = base64.b64encode(chance.randbytes(300)).decode()
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN RSA PRIVATE" + " KEY-----", *lines, "-----END RSA PRIVATE" + " KEY-----"])
