"""The dashboard as one HTML file that needs nothing else: the rows as they are now, and the same front end.

Everything in it came through the server, which masks secrets; the file loads nothing and sends nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from .. import protocol, tables
from ..client.client import Client
from ..client.errors import ConnectionFailed, NotFound
from ..data.files import write_whole
from ..page import CHARS, ENTRIES, SAVED_TITLE, TRANSCRIPTS, document

_ENDINGS: Final = ("", ".html", ".htm")


def page_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a page. Raises ``ValueError`` for an ending that says that it is something else."""
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        raise ValueError(
            f"a dashboard is saved as .html, a page (which a browser can print to a PDF), not as {ending}; a table by "
            ".csv, .json or .parquet of it: dash.usage.csv(…)"
        )
    return Path(path)


def saved_page(client: Client, *, transcripts: int = TRANSCRIPTS) -> str:
    """Return the dashboard of what a client holds now, as HTML.

    ``transcripts``: of so many of the sessions that changed last, the newest entries are in it, if there are any.
    """
    answer = client._link.store.since(None, None, tables.LIMITS)
    welcome = protocol.encode(client._link.welcome())
    changes = b",".join(protocol.encode_answer(answer))
    pages = protocol.encode(_transcripts(client, transcripts))
    data = b'{"welcome":' + welcome + b',"changes":[' + changes + b'],"transcripts":' + pages + b"}"
    return document(SAVED_TITLE, data.decode())[0]


def _transcripts(client: Client, count: int) -> dict[str, Any]:
    sessions = sorted(client._link.store.rows("sessions"), key=lambda row: row["updated_at"] or 0, reverse=True)
    pages: dict[str, Any] = {}
    for session in sessions:
        if len(pages) >= count:
            break
        try:
            page = client.transcript(session["id"], limit=ENTRIES, chars=CHARS)
        except NotFound:
            continue
        except ConnectionFailed:
            break  # nobody answers: the tables alone are saved
        if page.entries:
            pages[session["id"]] = {"entries": page.entries, "before": None, "after": None}
    return pages


def write_page(path: str | os.PathLike[str], page: str) -> Path:
    """Write a page, whole or not at all; returns where it is."""
    return write_whole(path, page.encode())
