"""The command line as a person starts it, and the address it prints."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping


@contextlib.contextmanager
def started(*arguments: str, env: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`agent-widget` with these arguments until the end of the block, and the address of its page."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "agent_widget", *arguments], env=env, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, next(line.split()[1] for line in process.stdout if line.startswith("page"))
    finally:
        process.terminate()
        process.wait(10)
