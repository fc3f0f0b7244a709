"""What the stub's model does: a prompt names a script by a word such as ``#shell#``, and its steps follow each other.

A step is a call of a tool (``kind``; ``tools.py`` has what each agent calls it) or the text that ends the turn.
``say`` comes before a call, ``think`` is how long (s) it thinks, ``errors`` are answered first, with these codes.
"""

from __future__ import annotations

import re
from typing import Any, Final

Turns = list[tuple[str, str]]
"""What a request has of the conversation: pairs of ``user``, ``text``, ``call`` or ``result``, and its text or id."""

MARK: Final = re.compile(r"#([a-z0-9]+)#")
"""Names a script in a prompt."""


def _list(*statuses: str) -> dict[str, Any]:
    titles = ("Read the prices", "Round the prices", "Test the prices")
    items = [{"title": title, "status": status} for title, status in zip(titles, statuses, strict=True)]
    return {"kind": "todo", "items": items}


SCRIPTS: Final[dict[str, list[dict[str, Any]]]] = {
    "hello": [{"kind": "text", "text": "Hello. The shop has three prices."}],
    "all": [
        {"kind": "shell", "say": "I look at the prices first.", "command": "sleep 3; echo three prices"},
        _list("completed", "in_progress", "pending"),
        {"kind": "write", "think": 3, "path": "prices.py", "text": "PRICES = [1.005, 2.5, 3.999]\n"},
        {"kind": "edit", "errors": [429, 500], "path": "prices.py", "old": "3.999", "new": "4.0"},
        {"kind": "shell", "say": "Now something that fails.", "command": "cat missing.txt"},
        _list("completed", "completed", "in_progress"),
        {"kind": "unknown"},
        _list("completed", "completed", "completed"),
        {"kind": "text", "text": "The prices are rounded and the tests pass."},
    ],
    "sub": [
        {"kind": "agent", "say": "I ask a helper.", "prompt": "#subwork# Count the tests of the shop."},
        {"kind": "wait"},
        {"kind": "text", "text": "The helper counted four tests."},
    ],
    "subwork": [
        {"kind": "shell", "command": "sleep 3; echo four tests"},
        {"kind": "text", "text": "There are four tests."},
    ],
    "shell": [
        {"kind": "shell", "command": "sleep 3; touch made.txt; echo ready"},
        {"kind": "text", "text": "The command ran."},
    ],
    "deny": [
        {"kind": "shell", "command": "rm -rf stock; touch denied.txt"},
        {"kind": "text", "text": "Then I leave the stock alone."},
    ],
    "ask": [
        {"kind": "ask", "question": "Which currency shall the prices have?", "options": ["EUR", "USD"]},
        {"kind": "text", "text": "Euro it is."},
    ],
    "askend": [{"kind": "text", "text": "Both currencies are possible. Shall I take the euro?"}],
    "slow": [{"kind": "text", "think": 20, "text": "That took long."}],
    "long": [{"kind": "shell", "command": "sleep 25; echo late"}, {"kind": "text", "text": "The long command ended."}],
    "fail": [{"kind": "text", "errors": [400] * 20, "text": "never"}],
    "big": [{"kind": "text", "text": "Many prices. " * 40}],
}


def position(turns: Turns) -> tuple[str | None, int, int]:
    """Return the script that is played, at which of its steps it is, and how often scripts were asked for.

    The ids of our calls have their step; an agent may give them others, which are counted.
    """
    asked = [index for index, (kind, text) in enumerate(turns) if kind == "user" and MARK.search(text)]
    if not asked:
        return None, 0, 0
    name = MARK.findall(turns[asked[-1]][1])[-1]
    made = [id for kind, id in turns[asked[-1] + 1 :] if kind == "call"]
    own = [int(found.group(1)) for id in made if (found := re.match(r"(?:call|toolu)_s(\d+)x", id))]
    return name, max(own) + 1 if own else len(set(made)), len(asked)
