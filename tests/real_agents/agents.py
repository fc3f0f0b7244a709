"""The agents: where they come from, what makes them ask the stub, and what their screens say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

PORT: Final = 8000
"""Of the stub, in the agent's own network."""


@dataclass(frozen=True)
class Agent:
    """One agent. Commands are run in ``/home/ann/shop`` with ``HOME=/home/ann``."""

    source: str
    """Name of our source that reads its files."""
    package: str
    """What npm installs."""
    command: str
    """What starts it at a terminal."""
    printing: str
    """What runs a prompt without a terminal, with all rights: the prompt follows."""
    permission: str = ""
    """A pattern of the screen that asks for permission; empty: it never does."""
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Path below its home → content."""
    first_keys: tuple[str, ...] = ()
    """What is pressed at its start."""
    deny: tuple[str, ...] = ("Escape",)
    """Keys that say no to a permission."""
    interrupt: tuple[str, ...] = ("Escape",)
    clear: str = "/clear"
    compact: str = "/compact"
    quit: str = "/exit"
    printing_files: dict[str, str] = field(default_factory=dict)
    """Files that are others without a terminal."""
    own_calls: frozenset[str] = frozenset()
    """Tools that the program calls by itself."""


def _url(agent: str, version: str = "/v1") -> str:
    return f"http://127.0.0.1:{PORT}/{agent}{version}"


_CODEX: Final = f"""model = "gpt-5.5"
model_provider = "stub"
check_for_update_on_startup = false
suppress_unstable_features_warning = true
[model_providers.stub]
name = "stub"
base_url = "{_url("codex")}"
env_key = "STUB_KEY"
wire_api = "responses"
request_max_retries = 4
stream_max_retries = 3
supports_websockets = false
[projects."/home/ann/shop"]
trust_level = "trusted"
[analytics]
enabled = false
[features]
default_mode_request_user_input = true
multi_agent_v2 = true
[tui]
show_tooltips = false
[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"
"""
_KIMI: Final = f"""default_model = "stub"
[models.stub]
provider = "stub"
model = "stub-model"
max_context_size = 200000
[providers.stub]
type = "openai"
base_url = "{_url("kimi")}"
api_key = "dummy"
"""
_COST: Final = {"input": 1, "output": 4}


def _opencode(bash: str) -> str:
    limit = {"context": 200_000, "output": 8_000}
    cost = {**_COST, "cache_read": 0.1, "cache_write": 0}
    model = {"name": "Stub", "tool_call": True, "reasoning": True, "limit": limit, "cost": cost}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Stub",
        "options": {"baseURL": _url("opencode"), "apiKey": "dummy"},
        "models": {"stub-model": model},
    }
    settings = {
        "autoupdate": False,
        "share": "disabled",
        "model": "stub/stub-model",
        "small_model": "stub/stub-model",
        "provider": {"stub": provider},
        "permission": {"bash": bash, "edit": "allow"},
    }
    return json.dumps(settings)


def _pi() -> dict[str, str]:
    model = {
        "id": "stub-model",
        "name": "Stub",
        "reasoning": True,
        "input": ["text"],
        "contextWindow": 200_000,
        "maxTokens": 8_000,
        "cost": {**_COST, "cacheRead": 0.1, "cacheWrite": 0},
    }
    stub = {"baseUrl": _url("pi"), "api": "openai-completions", "apiKey": "dummy", "models": [model]}
    settings = {"defaultProvider": "stub", "defaultModel": "stub-model", "quietStartup": True}
    return {
        ".pi/agent/models.json": json.dumps({"providers": {"stub": stub}}),
        ".pi/agent/settings.json": json.dumps(settings),
    }


def _settings(**more: Any) -> str:
    return json.dumps({"privacy": {"usageStatisticsEnabled": False}, **more})


_TRUSTED: Final = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True, "allowedTools": []}
_CLAUDE: Final = {
    "hasCompletedOnboarding": True,
    "theme": "dark",
    "customApiKeyResponses": {"approved": ["0123456789abcdefghij"], "rejected": []},
    "projects": {"/home/ann/shop": _TRUSTED},
}

AGENTS: Final[dict[str, Agent]] = {
    "claude": Agent(
        "claude",
        "@anthropic-ai/claude-code",
        "claude --permission-mode default",
        "claude -p --allowedTools Bash,Write,Edit,Task,Agent,TodoWrite,TaskCreate,TaskUpdate,Read --",
        "Do you want to proceed",
        {
            "ANTHROPIC_BASE_URL": _url("claude", ""),
            "ANTHROPIC_API_KEY": "sk-ant-dummy-0123456789abcdefghij",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        {".claude.json": json.dumps(_CLAUDE), ".claude/settings.json": "{}"},
    ),
    "codex": Agent(
        "codex",
        "@openai/codex",
        "codex --no-daemon -a on-request -s read-only",
        "codex exec --skip-git-repo-check -s danger-full-access",
        "Would you like to run|Yes, proceed",
        {"STUB_KEY": "dummy", "CODEX_HOME": "/home/ann/.codex"},
        {".codex/config.toml": _CODEX},
        quit="/quit",
    ),
    "copilot": Agent(
        "copilot",
        "@github/copilot",
        "copilot",
        "copilot --allow-all-tools -p",
        "Do you want to run",
        {
            "COPILOT_PROVIDER_BASE_URL": _url("copilot"),
            "COPILOT_PROVIDER_API_KEY": "dummy",
            "COPILOT_MODEL": "stub-model",
            "COPILOT_OFFLINE": "true",
            "COPILOT_AUTO_UPDATE": "false",
        },
        {
            ".copilot/config.json": json.dumps(
                {"trusted_folders": ["/home/ann/shop"], "banner": "never", "auto_update": False}
            )
        },
        own_calls=frozenset({"read_bash"}),
    ),
    "gemini": Agent(
        "gemini",
        "@google/gemini-cli",
        "gemini",
        "gemini --approval-mode yolo -p",
        "Allow execution|Allow once",
        {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": _url("gemini", ""), "GEMINI_CLI_NO_RELAUNCH": "true"},
        {
            ".gemini/settings.json": _settings(
                security={"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
                general={"enableAutoUpdate": False, "disableAutoUpdate": True},
                telemetry={"enabled": False},
                experimental={"enableAgents": True, "plan": True},
                ui={"hideTips": True},
            )
        },
        compact="/compress",
        quit="/quit",
    ),
    "kimi": Agent(
        "kimi_code",
        "@moonshot-ai/kimi-code",
        "kimi",
        "kimi -p",
        "(?i)approve|allow|run this command",
        {"KIMI_CODE_NO_AUTO_UPDATE": "1"},
        {".kimi-code/config.toml": _KIMI},
        first_keys=("Enter",),
    ),
    "opencode": Agent(
        "opencode",
        "opencode-ai",
        "opencode",
        "opencode run",
        "Permission required",
        {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        },
        {".config/opencode/opencode.json": _opencode("ask")},
        deny=("Right", "Right", "Enter", "Enter"),
        interrupt=("Escape", "Escape"),
        clear="/new",
        printing_files={".config/opencode/opencode.json": _opencode("allow")},
    ),
    "pi": Agent(
        "pi",
        "@earendil-works/pi-coding-agent",
        "pi",
        "pi -p",
        environment={"PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0"},
        files=_pi(),
        clear="/new",
        quit="/quit",
    ),
    "qwen": Agent(
        "qwen",
        "@qwen-code/qwen-code",
        "qwen --approval-mode default",
        "qwen --approval-mode yolo -p",
        "Allow execution|allow once|Do you want to",
        {
            "OPENAI_API_KEY": "dummy",
            "OPENAI_BASE_URL": _url("qwen"),
            "OPENAI_MODEL": "stub-model",
        },
        {
            ".qwen/settings.json": _settings(
                security={"auth": {"selectedType": "openai"}},
                general={"disableAutoUpdate": True},
                model={"name": "stub-model"},
            )
        },
        compact="/compress",
        quit="/quit",
    ),
}
