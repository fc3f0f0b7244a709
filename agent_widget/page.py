"""The built front end, and the page it makes by itself."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from importlib.resources import files
from typing import Final

TRANSCRIPTS: Final = 20
ENTRIES: Final = 100
CHARS: Final = 4_000
"""What a saved page holds of conversations by default: of so many sessions so many entries, with so long texts."""

SAVED_TITLE: Final = "agents, saved"
DATA: Final = "data of agent-widget"
"""Where the data stands in the frame of a page: its first occurrence."""


@functools.cache
def bundle() -> str:
    """Return the built front end, one ES module."""
    return files("agent_widget").joinpath("static/widget.js").read_text("utf-8")


def document(title: str = "agents", data: str | None = None) -> tuple[str, str]:
    """Return the dashboard as an HTML page and its content security policy: one document, nothing to load.

    ``data``: JSON that the page shows instead of asking its server.
    """
    script = re.sub("</(script)", r"<\\/\1", bundle(), flags=re.IGNORECASE)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    saved = ""
    head = ""
    if data is not None:
        # a policy in the document itself knows no frame-ancestors, and a file has nobody to connect to
        own = policy.replace("connect-src 'self'", "connect-src 'none'").partition("; frame-ancestors")[0]
        head = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(own)}">\n'
        inert = data.replace("<", "\\u003c")  # no text in it can end the element
        saved = f'<script type="application/json" id="agent-widget-saved">{inert}</script>\n'
    body = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{head}<title>{html.escape(title)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        "<style>html,body{margin:0;height:100%}</style>\n</head>\n<body>\n"
        '<div id="agent-widget-page" style="height:100%"></div>\n'
        f'{saved}<script type="module">{script}</script>\n</body>\n</html>\n'
    )
    return body, policy


def frame() -> tuple[str, str]:
    """Return a saved page without its data: what stands before and after it. A browser writes ``<`` as ``\\u003c``."""
    before, _, after = document(SAVED_TITLE, DATA)[0].partition(DATA)
    return before, after
