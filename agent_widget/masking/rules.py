"""What a secret looks like, as data; the tests run every example.

:mod:`agent_widget.masking.tokens` and :mod:`agent_widget.masking.named` compile it.

Two kinds of rules. :data:`SHAPES` are tokens that are known by how they are written, wherever they stand.
:data:`NAMES` are words that mark the value after them as secret: ``password=…``, ``"api_key": "…"``.

A shape is a template: literal text, ``(a|b)`` for alternatives, and ``{letters:number}`` for so many letters of an
alphabet of :data:`ALPHABETS`; ``{word:36}`` are exactly 36 (no letter or digit follows), ``{word:36+}`` at least 36.
The template is its own example: the tests draw letters for each of its parts, so no token need stand in the repository.

The facts about prefixes, alphabets and lengths are from the sources named in :data:`SOURCES`; lengths are a little
below the usual ones where a service has changed them before. No text of those sources is copied.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SOURCES: Final = {
    "gitleaks": "https://github.com/gitleaks/gitleaks config/gitleaks.toml (MIT)",
    "secrets-patterns-db": "https://github.com/mazen160/secrets-patterns-db (CC BY 4.0)",
    "gitlab": "https://docs.gitlab.com/security/tokens/#token-prefixes",
    "github": "https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns",
}
"""Where a rule's facts are from, by the word in its ``source``; any other source is an address."""

ALPHABETS: Final = {
    "word": "A-Za-z0-9",
    "letter": "A-Za-z",
    "dashed": "A-Za-z0-9_-",
    "dotted": "A-Za-z0-9_.-",
    "tilde": "A-Za-z0-9_.~-",
    "snake": "A-Za-z0-9_",
    "dash": "A-Za-z0-9-",
    "hex": "a-f0-9",
    "upper": "A-Z0-9",
    "lower": "a-z0-9",
    "digit": "0-9",
    "base64": "A-Za-z0-9+/",
    "crypt": "A-Za-z0-9./",
    "path": "A-Za-z0-9+/@-",
    "bech32": "ACDEFGHJKLMNPQRSTUVWXYZ023456789",
    "base32": "A-Z2-7",
}
"""The alphabets of templates, as the inside of a character class."""


class Shape(NamedTuple):
    """Tokens of one service that are known by how they are written."""

    kind: str
    template: str
    source: str
    mixed: bool = False
    """Other words are written so too: it counts only with digits and letters mixed as no name mixes them."""


class Name(NamedTuple):
    """Words behind which a secret stands."""

    kind: str
    hint: str
    """A part of each of the words, in lower case: what is looked for first."""
    pattern: str
    """A regular expression for the word's end, in lower case; anything may stand before it (``db_password``)."""
    example: str
    source: str = "gitleaks"
    before: str = ""
    """Words of which one must stand before, if that is not to be :data:`VAGUE`."""


_AZURE: Final = "https://github.com/microsoft/security-utilities"
_HEX_UUID = "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}"

SHAPES: Final = (
    # code and packages
    Shape("GitHub token", "gh(p|o|u|s|r)_{word:30+}", "gitleaks"),
    Shape("GitHub token", "github_pat_{snake:22+}", "gitleaks"),
    Shape("GitLab token", "gl(pat|dt|rt|ptt|ft|oas|soat|ffct|cbt|rtr|wt)-{dotted:20+}", "gitlab"),
    Shape("GitLab token", "gl(imt|agent)-{dotted:20+}", "gitlab"),
    Shape("GitLab token", "GR1348941{dashed:20+}", "gitlab"),
    Shape("Bitbucket password", "ATBB{word:24+}", "github", mixed=True),
    Shape("Bitbucket token", "ATCTT3{dashed:30+}", "github"),
    Shape("npm token", "npm_{word:36}", "gitleaks"),
    Shape("JSR token", "jsr(p|d)_{word:30+}", "https://jsr.io/docs", mixed=True),
    Shape("Packagist token", "packagist_{lower:3}_{hex:60+}", "github"),
    Shape("PyPI token", "pypi-{dashed:50+}", "gitleaks"),
    Shape("RubyGems key", "rubygems_{hex:48}", "gitleaks"),
    Shape("NuGet key", "oy2{lower:43}", "github", mixed=True),
    Shape("crates.io token", "cio{word:32}", "github", mixed=True),
    Shape("Clojars token", "CLOJARS_{lower:60}", "gitleaks"),
    Shape("Docker token", "dckr_(pat|oat)_{dashed:27+}", "github"),
    Shape("Artifactory key", "AKCp{word:60+}", "gitleaks"),
    Shape("Artifactory token", "cmVmd{word:59}", "gitleaks"),
    Shape("Sourcegraph token", "sgp_{hex:40}", "gitleaks"),
    Shape("Sourcegraph token", "sgp_{hex:16}_{hex:40}", "gitleaks"),
    Shape("Sourcegraph token", "sgp_local_{hex:40}", "gitleaks"),
    Shape("SonarQube token", "sq(u|p|a)_{hex:40}", "gitleaks"),
    Shape("CircleCI token", "CCI(PAT|PRJ)_{word:16+}_{hex:40}", "github"),
    Shape("Buildkite token", "bkua_{hex:40}", "github"),
    Shape("Octopus key", "API-{upper:26}", "gitleaks"),
    Shape("Harness key", "(pat|sat).{dashed:22}.{word:24}.{word:20}", "gitleaks"),
    Shape("Infracost key", "ico-{word:32}", "gitleaks"),
    Shape("Snyk token", "snyk_(uat|sat).{hex:8}.{dotted:30+}", "https://docs.snyk.io"),
    Shape("Socket token", "sktsec_{snake:30+}", "https://docs.socket.dev"),
    Shape("Infisical token", "st.{hex:24}.{hex:32}.{hex:32}", "gitleaks"),
    Shape("Chromatic token", "chpt_{hex:15}", "https://www.chromatic.com/docs"),
    Shape("Retool token", "retool_01{word:20+}", "https://docs.retool.com"),
    # models
    Shape("Anthropic key", "sk-ant-{dashed:16+}", "gitleaks"),
    Shape("OpenAI key", "sk-(proj|svcacct|admin|None)-{dashed:20+}", "gitleaks", mixed=True),
    Shape("OpenRouter key", "sk-or-v1-{word:32+}", "https://openrouter.ai/docs/api-reference/authentication"),
    Shape("OpenAI token", "rt_{dotted:60+}", "https://github.com/openai/codex", mixed=True),
    Shape("OpenAI token", "ek_{hex:32}", "https://platform.openai.com/docs/guides/realtime"),
    Shape("Langfuse key", f"sk-lf-{_HEX_UUID}", "https://langfuse.com/docs"),
    Shape("API key", "sk-{dashed:20+}", "gitleaks", mixed=True),
    Shape("OpenAI token", "sess-{word:40}", "github"),
    Shape("Groq key", "gsk_{word:40+}", "github"),
    Shape("xAI key", "xai-{word:40+}", "github"),
    Shape("Hugging Face token", "hf_{word:30+}", "gitleaks"),
    Shape("Hugging Face token", "api_org_{word:34}", "gitleaks"),
    Shape("Replicate token", "r8_{word:37+}", "github"),
    Shape("Perplexity key", "pplx-{word:40+}", "gitleaks"),
    Shape("Together key", "tgp_v1_{dashed:40+}", "https://docs.together.ai"),
    Shape("Fireworks key", "fw_{word:22+}", "https://docs.fireworks.ai", mixed=True),
    Shape("Cerebras key", "csk-{lower:40+}", "https://inference-docs.cerebras.ai"),
    Shape("NVIDIA key", "nvapi-{dashed:50+}", "github"),
    Shape("ElevenLabs key", "sk_{hex:48}", "https://elevenlabs.io/docs"),
    Shape("Pinecone key", "pcsk_{snake:40+}", "github"),
    Shape("Voyage key", "pa-{dashed:40+}", "https://docs.voyageai.com", mixed=True),
    Shape("Jina key", "jina_{dashed:40+}", "https://jina.ai"),
    Shape("LangSmith key", "lsv2_(pt|sk)_{hex:32}_{hex:10}", "github"),
    Shape("Modal token", "a(k|s)-{word:22}", "https://modal.com/docs", mixed=True),
    Shape("RunPod key", "rpa_{word:40+}", "https://docs.runpod.io"),
    Shape("Lambda key", "secret_{dash:1,40}_{hex:32}.{word:32}", "https://docs.lambda.ai"),
    Shape("Anyscale token", "esecret_{word:24+}", "github", mixed=True),
    Shape("LlamaCloud key", "llx-{word:40+}", "https://docs.cloud.llamaindex.ai"),
    Shape("Weights & Biases key", "wandb_v1_{dashed:60+}", "https://docs.wandb.ai"),
    Shape("Browserbase key", "bb_(live|test)_{dashed:20+}", "https://docs.browserbase.com", mixed=True),
    Shape("Mem0 key", "m0-{word:40}", "https://docs.mem0.ai"),
    Shape("Cursor key", "(crsr|key)_{hex:64}", "https://docs.cursor.com"),
    Shape("Amp token", "sgamp_(user|workspace)_{word:20,32}_{hex:64}", "https://ampcode.com/manual"),
    Shape("Devin key", "apk_user_{word:40+}", "https://docs.devin.ai"),
    Shape("Devin key", "cog_{lower:40+}", "https://docs.devin.ai", mixed=True),
    Shape("Factory key", "fk-{dashed:40+}", "https://docs.factory.ai", mixed=True),
    Shape("Context7 key", f"ctx7sk-{_HEX_UUID}", "https://context7.com"),
    Shape("Apify token", "apify_api_{word:30+}", "github"),
    Shape("Daytona key", "dtn_{hex:64}", "https://www.daytona.io/docs"),
    Shape("Cartesia key", "sk_car_{word:20+}", "https://docs.cartesia.ai", mixed=True),
    Shape("Tavily key", "tvly-{dashed:20+}", "https://docs.tavily.com", mixed=True),
    Shape("Firecrawl key", "fc-{hex:32}", "https://docs.firecrawl.dev"),
    Shape("E2B key", "e2b_{hex:40}", "https://e2b.dev/docs"),
    Shape("Brave key", "BSA{dashed:27,28}", "https://brave.com/search/api", mixed=True),
    # clouds
    Shape("AWS key", "(AKIA|ASIA|ABIA|ACCA){upper:16}", "gitleaks"),
    Shape("Google key", "AQ.Ab{dashed:40+}", "https://ai.google.dev/gemini-api/docs/api-key"),
    Shape("AWS Bedrock key", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{base64:60+}", "gitleaks"),
    Shape("Google key", "AIza{dashed:35+}", "gitleaks"),
    Shape("Google secret", "GOCSPX-{dashed:20+}", "github"),
    Shape("Google token", "ya29.{dashed:20+}", "github"),
    Shape("DigitalOcean token", "do(o|p|r)_v1_{hex:64}", "gitleaks"),
    Shape("Cloudflare token", "cf(k|ut|at)_{word:40+}", "https://developers.cloudflare.com/fundamentals/api"),
    Shape("Cloudflare key", "v1.0-{hex:24}-{hex:146}", "gitleaks"),
    Shape("Heroku key", "HRKU-{dashed:40+}", "gitleaks"),
    Shape("Fly token", "fo1_{dashed:43}", "gitleaks"),
    Shape("Netlify token", "nf(p|c|o|u)_{word:36}", "github"),
    Shape("Render key", "rnd_{word:32}", "https://render.com/docs/api"),
    Shape("Vercel token", "vc(p|i|a|r|k)_{word:24+}", "https://vercel.com/docs", mixed=True),
    Shape("Vercel token", "vercel_blob_rw_{word:16}_{word:24+}", "github"),
    Shape("Deno token", "dd(p|o|w)_{word:36}", "https://docs.deno.com/deploy"),
    Shape("Neon key", "napi_{lower:50+}", "https://neon.com/docs/manage/api-keys"),
    Shape("Xata key", "xau_{word:40+}", "https://xata.io/docs"),
    Shape("Aiven password", "AVNS_{dashed:19+}", "github"),
    Shape("CockroachDB key", "CCDB1_{word:22}_{word:40}", "https://www.cockroachlabs.com/docs/cockroachcloud"),
    Shape(
        "MongoDB secret", "mdb_sa_sk_{dashed:40+}", "https://www.mongodb.com/docs/atlas/api/service-accounts-overview"
    ),
    Shape("Alibaba key", "LTAI{word:16,24}", "gitleaks", mixed=True),
    Shape("Tencent key", "AKID{word:32}", "github", mixed=True),
    Shape("Yandex key", "AQVN{dashed:35,38}", "gitleaks"),
    Shape("Yandex token", "t1.{dashed:20+}.{dashed:86}", "gitleaks"),
    Shape("Supabase key", "sbp_{hex:40}", "github"),
    Shape("Supabase key", "sb_secret_{dashed:30+}", "https://supabase.com/docs/guides/api/api-keys"),
    Shape("PlanetScale token", "pscale_(tkn|oauth|pw)_{dotted:32+}", "gitleaks"),
    Shape("Databricks token", "dapi{hex:32}", "gitleaks"),
    Shape("Databricks secret", "(dose|dkea){hex:32}", "github"),
    Shape("dbt token", "dbt(c|u)_{dashed:40+}", "github", mixed=True),
    Shape("Prefect token", "pn(u|b)_{word:36}", "gitleaks"),
    Shape("Scalingo token", "tk-us-{dashed:48}", "gitleaks"),
    Shape("OpenShift token", "sha256~{dashed:43}", "gitleaks"),
    Shape("ClickHouse key", "4b1d{word:38}", "gitleaks"),
    Shape("Defined Networking key", "dnkey-{dashed:26}-{dashed:52}", "gitleaks"),
    Shape(
        "Tailscale key",
        "tskey-(auth|api|client|scim|webhook)-{dashed:20+}",
        "https://tailscale.com/kb/1277/key-prefixes",
    ),
    # infrastructure
    Shape("Vault token", "hv(s|b|r).{dashed:24+}", "gitleaks"),
    Shape("Vault token", "s.{word:24}", "gitleaks", mixed=True),
    Shape("Pulumi token", "pul-{hex:40}", "gitleaks"),
    Shape("Doppler token", "dp.(pt|st|ct|sa|scim|audit).{dotted:40+}", "gitleaks"),
    Shape("1Password key", "A3-{upper:6}-{upper:6}(-|){upper:5}-{upper:5}-{upper:5}-{upper:5}", "gitleaks"),
    Shape("Bitwarden token", f"0.{_HEX_UUID}.{{word:30}}:{{base64:22}}==", "https://bitwarden.com/help/access-tokens"),
    Shape("age key", "AGE-SECRET-KEY-(PQ-|)1{bech32:58}", "gitleaks"),
    Shape("NATS seed", "S(A|C|N|O|U){base32:56}", "https://docs.nats.io", mixed=True),
    Shape("Nostr key", "nsec1{lower:58}", "https://github.com/nostr-protocol/nips"),
    Shape("ngrok token", "2{word:26}_{word:21}", "https://ngrok.com/docs", mixed=True),
    Shape("ntfy token", "tk_{lower:29}", "https://docs.ntfy.sh", mixed=True),
    Shape("Grafana token", "glsa_{word:32}_{hex:8}", "gitleaks"),
    Shape("Grafana key", "eyJrIjoi{word:70+}", "gitleaks"),
    Shape("Sentry token", "sntryu_{hex:64}", "gitleaks"),
    Shape("New Relic key", "NR(AK|II|JS|IQ|BR)-{dash:19+}", "gitleaks"),
    Shape("Dynatrace token", "dt0(c|s)(01|02|08|16).{upper:24}.{upper:64}", "gitleaks"),
    Shape("Honeycomb key", "hc(a|x|b|)(i|m|l)k_{lower:50+}", "https://docs.honeycomb.io"),
    Shape("Datadog key", "dd(app|pat)_{word:30+}", "https://docs.datadoghq.com"),
    Shape("Logfire token", "pylf_v1_(us|eu)_{word:40+}", "https://logfire.pydantic.dev/docs"),
    Shape("Checkly key", "cu_{hex:32}", "https://www.checklyhq.com/docs"),
    Shape("Axiom token", f"xa(a|p|i)t-{_HEX_UUID}", "https://axiom.co/docs"),
    Shape("Statsig secret", "secret-{word:40+}", "https://docs.statsig.com", mixed=True),
    Shape("PostHog key", "phx_{word:40+}", "github"),
    Shape("LaunchDarkly key", f"(sdk|api)-{_HEX_UUID}", "github"),
    Shape("Postman key", "PMAK-{hex:24}-{hex:34}", "gitleaks"),
    # talk and work
    Shape("Slack token", "xox(a|b|c|d|e|o|p|r|s)-{dash:10+}", "gitleaks"),
    Shape("Slack token", "xapp-{dash:10+}", "gitleaks"),
    Shape("Slack token", "xoxe.xox(b|p)-{dash:20+}", "gitleaks"),
    Shape("Discord token", "(M|N|O){dashed:22,27}.{dashed:6}.{dashed:27,40}", "secrets-patterns-db", mixed=True),
    Shape("Atlassian token", "ATATT3{dashed:30+}", "gitleaks"),
    Shape("Trello token", "ATTA{hex:64}{hex:8}", "github"),
    Shape("Linear key", "lin_(api|oauth|wh)_{word:32+}", "gitleaks"),
    Shape("Notion token", "ntn_{word:40+}", "gitleaks"),
    Shape("Notion token", "secret_{word:43}", "github", mixed=True),
    Shape("Figma token", "fig(d|u)_{dashed:36+}", "github"),
    Shape("Airtable token", "pat{word:14}.{hex:64}", "gitleaks"),
    Shape("ClickUp token", "pk_{digit:6,9}_{upper:32}", "github"),
    Shape("Typeform token", "tfp_{dotted:40+}", "gitleaks"),
    Shape("Contentful token", "CFPAT-{dashed:43}", "github"),
    Shape("n8n key", "n8n_api_{hex:40+}", "https://docs.n8n.io"),
    Shape("OneSignal key", "os_v2_(app|org)_{lower:60+}", "https://documentation.onesignal.com"),
    Shape("HubSpot token", f"pat-(na1|na2|eu1)-{_HEX_UUID}", "github"),
    Shape("ReadMe key", "rdme_{lower:70}", "gitleaks"),
    Shape("Frame.io token", "fio-u-{dashed:64}", "gitleaks"),
    Shape("Mapbox token", "sk.eyJ{dashed:40+}.{dashed:20+}", "github"),
    Shape("Dropbox token", "sl.{dashed:60+}", "gitleaks", mixed=True),
    Shape("Facebook token", "EAA{word:60+}", "gitleaks", mixed=True),
    Shape("Adobe secret", "p8e-{dashed:32}", "gitleaks"),
    # money and mail
    Shape("Stripe key", "(sk|rk)_(live|test|prod)_{word:10+}", "gitleaks", mixed=True),
    Shape("Stripe secret", "whsec_{word:24+}", "github"),
    Shape("Square token", "sq0(atp|csp)-{dashed:22+}", "gitleaks"),
    Shape("Square token", "EAAA{dashed:40,60}", "gitleaks", mixed=True),
    Shape("Plaid token", f"access-(sandbox|development|production)-{_HEX_UUID}", "gitleaks"),
    Shape("Flutterwave key", "FLWSECK(_TEST|_LIVE|)-{lower:12+}", "gitleaks"),
    Shape("Duffel token", "duffel_(test|live)_{dashed:43}", "gitleaks"),
    Shape("EasyPost key", "EZ(AK|TK){word:54}", "gitleaks"),
    Shape("Shippo token", "shippo_(live|test)_{hex:40}", "gitleaks"),
    Shape("Lob key", "(live|test)_{hex:35}", "gitleaks"),
    Shape("GoCardless token", "live_{dashed:40}", "gitleaks", mixed=True),
    Shape("Shopify token", "shp(at|ca|pa|ss|ua)_{hex:32}", "gitleaks"),
    Shape("Amazon MWS token", f"amzn.mws.{_HEX_UUID}", "secrets-patterns-db"),
    Shape("Stytch secret", "secret-(live|test)-{dashed:36}", "https://stytch.com/docs", mixed=True),
    Shape("Paddle key", "pdl_(live|sdbx)_apikey_{lower:26}_{word:22}_{word:3}", "https://developer.paddle.com"),
    Shape("Polar token", "polar_(oat|pat|at_u|at_o|rt_u|rt_o|whs)_{word:30+}", "https://polar.sh/docs"),
    Shape("WooCommerce key", "c(s|k)_{hex:40}", "https://woocommerce.github.io/woocommerce-rest-api-docs"),
    Shape("Klaviyo key", "pk_{hex:34}", "https://developers.klaviyo.com"),
    Shape("MailerSend key", "mlsn.{hex:64}", "https://developers.mailersend.com"),
    Shape("Mandrill key", "md-{dashed:22}", "https://mailchimp.com/developer", mixed=True),
    Shape("Telnyx key", "KEY{upper:32}_{word:22}", "https://developers.telnyx.com"),
    Shape("Sanity token", "sk{word:150+}", "https://www.sanity.io/docs", mixed=True),
    Shape("SendGrid key", "SG.{dashed:16,32}.{dashed:16,64}", "gitleaks"),
    Shape("Brevo key", "x(keysib|smtpsib)-{hex:64}-{word:16}", "gitleaks"),
    Shape("Mailgun key", "key-{hex:32}", "gitleaks"),
    Shape("Resend key", "re_{word:8}_{word:20+}", "https://resend.com/docs"),
    Shape("Twilio key", "SK{hex:32}", "gitleaks"),
    Shape("Settlemint token", "sm_(aat|pat|sat)_{word:16}", "gitleaks"),
    Shape("Intra42 secret", "s-s4t2(ud|af)-{hex:64}", "gitleaks"),
    Shape(
        "Authress key",
        "(sc|ext|scauth|authress)_{lower:5,30}.{lower:4,6}.acc(_|-){dash:10,32}.{base64:30+}",
        "gitleaks",
    ),
)
"""Tried in this order: of two that match, the first names the kind."""

ODD: Final = (
    Shape("1Password token", "ops_eyJ{base64:100+}", "gitleaks"),
    Shape("Sentry token", "sntrys_eyJ{base64:100+}", "gitleaks"),
    Shape("Grafana token", "glc_eyJ{base64:100+}", "gitleaks"),
    Shape("JWT", "eyJ{dashed:14+}.{dotted:14+}", "https://www.rfc-editor.org/rfc/rfc7519"),
    Shape("Azure secret", "{tilde:3}{digit:1}Q~{tilde:31,34}", "gitleaks"),
    Shape("Azure DevOps token", "{word:76}AZDO{word:4}", "https://learn.microsoft.com/azure/devops"),
    Shape("Terraform token", "{word:14}.atlasv1.{dashed:60,70}", "gitleaks"),
    Shape("MaxMind key", "{word:6}_{word:29}_mmk", "gitleaks"),
    Shape("Mailchimp key", "{hex:32}-us{digit:1,2}", "gitleaks"),
    Shape("Bitbucket token", "BBDC-{base64:40+}", "github"),
    Shape("AWS session token", "IQoJb3JpZ2luX2Vj{base64:100+}", "https://docs.aws.amazon.com/STS"),
    Shape("AWS session token", "FwoGZXIvYXdz{base64:100+}", "https://docs.aws.amazon.com/STS"),
    Shape("Confluent secret", "cflt{base64:60+}", "github"),
    Shape("Azure key", "{base64:76}+A(St|Ba|MC){base64:5,6}==", _AZURE),
    Shape("Azure key", "{base64:76}ACDb{base64:5,6}==", _AZURE),
    Shape("Azure key", "{base64:76}APIM{base64:5,6}==", _AZURE),
    Shape("Azure key", "{base64:33}+A(Sb|Eh|Rm){base64:5,6}=", _AZURE),
    Shape("Azure key", "{word:52}JQQJ99{upper:4}AC{word:16,24}", _AZURE),
    Shape("Azure key", "{dashed:44}AzFu{dashed:5}(A|Q|g|w)==", _AZURE),
    Shape("Azure key", "{word:42}AzSe{word:6}", _AZURE),
    Shape("DataStax token", "AstraCS:{word:24}:{hex:64}", "https://docs.datastax.com"),
    Shape("Salesforce token", "00D{word:12,15}!AQ{dotted:60+}", "github"),
    Shape("Asana token", "1/1{digit:15}:{hex:32}", "github"),
    Shape("Asana token", "2/1{digit:15}/1{digit:15}:{hex:32}", "github"),
    Shape("Zapier webhook", "hooks.zapier.com/hooks/{path:14+}", "https://help.zapier.com"),
    Shape("Make webhook", "hook.(eu1|eu2|us1|us2).make.com/{lower:20+}", "https://help.make.com"),
    Shape("Telegram token", "{digit:8,10}:A{dashed:34}", "gitleaks"),
    Shape("Fly token", "fm(1a|1r|2)_{base64:100+}", "gitleaks"),
    Shape("AWS Bedrock key", "ABSK{base64:100+}", "gitleaks"),
    Shape("Google token", "1//0{dashed:35+}", "github"),
    Shape("Firebase key", "AAAA{dashed:7}:APA91{dashed:120+}", "github"),
    Shape("password hash", "$2(a|b|y)${digit:2}${crypt:53}", "https://man7.org/linux/man-pages/man5/crypt.5.html"),
    Shape(
        "password hash", "$(1|5|6|apr1)${crypt:1,60}${crypt:20+}", "https://man7.org/linux/man-pages/man5/crypt.5.html"
    ),
    Shape("PayPal token", "access_token$production${lower:16}${hex:32}", "secrets-patterns-db"),
    Shape("Discord webhook", "/api/webhooks/{digit:17,20}/{dashed:60+}", "github"),
    Shape("Slack webhook", "hooks.slack.com/(services|workflows|triggers)/{path:20+}", "gitleaks"),
    Shape("Teams webhook", "webhook.office.com/webhookb2/{path:60+}", "gitleaks"),
)
"""Tokens that begin with their random part, or hold other signs than letters, digits and ``_.~-``."""

NAMES: Final = (
    Name("password", "pass", r"pass(?:word|wd|phrase|code|wort)", "DB_PASSWORD={value}"),
    Name("password", "pass", r"pass(?![a-z])(?:(?<=[_.-]pass)|(?<![a-z0-9]pass))", 'db_pass: "{value}"'),
    Name(
        "password",
        "pass",
        r"pass(?![a-z])(?:(?<=dbpass)|(?<=(?:ftp|ssh)pass)|(?<=(?:mail|root|smtp|user)pass)|(?<=keypass)|(?<=storepass))"
        r"(?!=\d+\.\d)",  # no version of a package
        "SSHPASS={value}",
        "https://manpages.debian.org/sshpass",
    ),
    Name("password", "pwd", r"pwd(?:(?<=[_;]pwd)|(?<=;\spwd)|(?<=mysqlpwd))", "Server=db;Uid=me;Pwd={value};"),
    Name("token", "token", r"token", "--token {value}"),
    Name(
        "key",
        "key",
        r"key(?:[_-]?(?:base|data))?+",
        '"api_key": "{value}"',
        before="api access private secret account auth signing encryption master service app application admin "
        "storage shared subscription client license deploy webhook write server session crypto cipher aes "
        "hmac jwt fernet ssh root global consumer integration ingest functions web",
    ),
    Name("secret", "secret", r"secret(?:[_-]?(?:key|id))?+", "client_secret: '{value}'"),
    Name("credential", "credential", r"credentials?", "credential={value}"),
    Name(
        "signature",
        "sig",
        r"sig(?:nature)?(?:(?<=[?&;-]sig)|(?<=[?&;-]signature))",
        "https://a.example/b?sv=1&sig={value}",
        "https://learn.microsoft.com/azure/storage/common/storage-sas-overview",
    ),
    Name(
        "cookie", "sessid", r"phpsessid", "PHPSESSID={value}", "https://www.php.net/manual/en/session.configuration.php"
    ),
    Name("cookie", "jsession", r"jsessionid", "JSESSIONID={value}", "https://jakarta.ee/specifications/servlet"),
    Name("cookie", "_session", r"lab_session", "_gitlab_session={value}"),
    Name("cookie", "connect.sid", r"connect\.sid", "connect.sid={value}", "https://expressjs.com"),
)
"""The words, by what stands behind them."""

VAGUE: Final = (Name("credential", "auth", r"auth(?<![a-z0-9]auth)", '"auth": "{value}"', "https://docs.npmjs.com"),)
"""Words behind which other things stand too: only what looks drawn by chance counts. So with any other ``_key``."""

PLACEHOLDERS: Final = frozenset(
    "your my our the a an some this that example examples sample test testing tests dummy fake mock placeholder insert "
    "replace enter put add set change changeme me use api access secret secrets auth key keys token tokens password "
    "passwords passwd pass pwd here goes value values id client service user username name string str text none null "
    "nil true false undefined required optional redacted hidden masked removed todo tbd foo bar baz abc xyz default "
    "env var variable openai anthropic github gitlab google aws azure slack stripe live prod production dev staging "
    "local demo new old from file path number int bool boolean object any unknown private public app apikey account "
    "credential credentials sk with and or of for to in on is".split()
)
"""Words that stand where a secret is to be put: ``your-api-key-here``."""
