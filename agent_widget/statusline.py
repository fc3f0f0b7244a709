"""``agent-widget statusline``: a command for Claude Code's ``statusLine`` setting.

Claude Code gives the command a JSON object on stdin after each answer and prints its first line. Only there it says how
much of the account's limits is used (``rate_limits``: for each window ``used_percentage`` and ``resets_at``, in seconds
since the epoch; code.claude.com/docs/en/statusline). They are kept in ``agent-widget/limits.json`` below the
configuration directory, where the reader of it finds them; nothing else of the object is kept.

It runs several times a second beside every session. So this module imports no other, and whatever goes wrong, the
status line is printed and the exit status is 0.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

SUMMARY: Final = "Keep Claude Code's limits, and print its status line."
LONGEST: Final = 1 << 20
"""Maximum bytes of the object that are read."""
WINDOWS: Final = 16
"""Maximum windows that are kept."""
_NAME: Final = re.compile(r"\w{1,40}", re.ASCII)
_AGAIN_MS: Final = 60_000
"""Time (ms) after which a window that is as it was is written once more: it was heard again."""
_SAME_MS: Final = 60_000
"""Maximum difference (ms) between two times at which one window ends."""
_SHORT: Final = {"five_hour": "5 h", "seven_day": "weekly"}
_LONGEST_WINDOW: Final = 400 * 86_400
"""Seconds after which no window ends."""
_PATIENCE: Final = 10.0
"""Seconds that a former command may take."""
_PATIENCE_TO_WRITE: Final = 1.0
"""Seconds that another session may take to write what it heard."""


def main(arguments: Sequence[str]) -> int:
    """Read a status, keep its limits and print a line; returns 0."""
    options = parser().parse_args(arguments)
    data = sys.stdin.buffer.read(LONGEST)
    status: dict[str, Any] = {}
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        status = found if isinstance(found, dict) else {}
    with suppress(Exception):  # a disk that is full, a directory that is gone: the line is printed all the same
        keep(status, time.time_ns() // 1_000_000)
    with suppress(Exception):
        sys.stdout.buffer.write(_output(options.command, data) if options.command else line(status).encode() + b"\n")
        sys.stdout.buffer.flush()
    return 0


def parser(made: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """Add the options to a parser, a new one by default."""
    made = made or argparse.ArgumentParser(prog="agent-widget statusline", description=SUMMARY)
    made.add_argument(
        "--command", metavar="COMMAND", help="the former statusLine command: it is given the same and prints the line"
    )
    return made


def keep(status: dict[str, Any], now: int) -> Path | None:
    """Keep the limits of a status; returns the file that was written, ``None`` if there was nothing new to say.

    ``now``: milliseconds since the epoch. Raises ``OSError``.
    """
    stated = status.get("rate_limits")
    home = _home(status)
    if not isinstance(stated, dict) or home is None:
        return None
    path = home / "agent-widget" / "limits.json"
    if _joined(_kept(path), stated, now) is None:  # mostly: so nothing is locked
        return None
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with _lock(path.parent):  # another session may have written since
        windows = _joined(_kept(path), stated, now)
        if windows is None:
            return None
        newest = sorted(windows.items(), key=lambda item: item[1]["at"], reverse=True)[:WINDOWS]
        _write(path, json.dumps({"version": 1, "rate_limits": dict(newest)}).encode())
    return path


def _joined(before: dict[str, dict[str, Any]], stated: dict[str, Any], now: int) -> dict[str, dict[str, Any]] | None:
    """Return the windows that are kept with what a status says of them; ``None`` if nothing of it is new."""
    windows = before.copy()
    for name, window in stated.items():
        if isinstance(window, dict) and _NAME.fullmatch(name):
            windows[name] = _newer(before.get(name), window, now)
    return None if windows == before else windows


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Keep other sessions from writing there meanwhile, where the system has such locks; they end with the process."""
    try:
        import fcntl
    except ImportError:  # Windows: what one of two that write at once had heard comes with its next answer
        yield
        return
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + _PATIENCE_TO_WRITE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.005)
        yield
    finally:
        os.close(file)


def _home(status: dict[str, Any]) -> Path | None:
    """Return the configuration directory of the session: the one with its transcript, else the usual one."""
    transcript = status.get("transcript_path")
    if isinstance(transcript, str) and os.path.isabs(transcript):
        folder = Path(transcript).parent.parent
        if folder.name == "projects" and folder.parent.is_dir():
            return folder.parent
    given = os.environ.get("CLAUDE_CONFIG_DIR", "").partition(",")[0].strip()
    home = Path(given).expanduser() if given else Path.home() / ".claude"
    return home if home.is_dir() else None


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    """Return the windows that are kept; none where the file is not ours."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        with open(path, "rb") as file:
            kept = json.loads(file.read(LONGEST))["rate_limits"]
        return {name: window for name, window in kept.items() if isinstance(window["at"], int)}
    return {}


def _newer(before: dict[str, Any] | None, stated: dict[str, Any], now: int) -> dict[str, Any]:
    """Return what is known of a window.

    A session that is idle repeats what it heard with its last answer: of one window the most that was used counts, and
    a window that is over comes before one that ends later. Two that run at once are those of two accounts.
    """
    used, ends = _number(stated.get("used_percentage")), _end(stated.get("resets_at"), now)
    if before is None:
        return {"used_percentage": used, "resets_at": ends, "at": now}
    known, until = _number(before.get("used_percentage")), _end(before.get("resets_at"), now)
    if ends is None and until is not None and until * 1000 > now:  # it does not say which: the one that runs
        ends = until
    window = {"used_percentage": used, "resets_at": ends, "at": now}
    if ends is not None and until is not None and ends < until - _SAME_MS / 1000 and ends * 1000 <= now:
        return before
    same = ends == until or (ends is not None and until is not None and abs(ends - until) <= _SAME_MS / 1000)
    if same and known is not None and (used is None or used < known):
        return before
    return before if same and used == known and now - before["at"] < _AGAIN_MS else window


def _number(value: Any) -> float | None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e6
    return value if ok else None


def _end(value: Any, now: int) -> float | None:
    """Return a time in seconds since the epoch, unless no window ends then; some versions wrote ISO 8601."""
    if isinstance(value, str):
        from datetime import datetime

        with suppress(ValueError, OverflowError):
            value = datetime.fromisoformat(value).timestamp()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 < value < now / 1000 + _LONGEST_WINDOW else None


def _write(path: Path, data: bytes) -> None:
    """Put a file there in one step, for its owner alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
        os.replace(draft, path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def _output(command: str, data: bytes) -> bytes:
    """Return what the former command prints, given the same status."""
    former = subprocess.Popen(
        command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        return former.communicate(data, _PATIENCE)[0]
    except subprocess.TimeoutExpired:
        with suppress(OSError):  # with what it has started: the next status comes soon
            os.killpg(former.pid, signal.SIGKILL) if os.name == "posix" else former.kill()
        raise


def line(status: dict[str, Any]) -> str:
    """Return a line for a status: model, how full its context is, limits, what the session cost."""
    parts = [_text(status, "model", "display_name")]
    fill = _number(_in(status, "context_window", "used_percentage"))
    if fill is not None:
        parts.append(f"context {fill:.0f}%")
    windows = status.get("rate_limits")
    for name, window in windows.items() if isinstance(windows, dict) else ():
        used = _number(window.get("used_percentage")) if isinstance(window, dict) else None
        if used is not None:
            parts.append(f"{_SHORT.get(name, name.replace('_', ' '))} {used:.0f}%{_until(window.get('resets_at'))}")
    cost = _number(_in(status, "cost", "total_cost_usd"))
    if cost is not None:
        parts.append(f"${cost:.2f}")
    shown = " · ".join(part for part in parts if part)
    return "".join(c if c.isprintable() else " " for c in shown)


def _until(resets_at: Any) -> str:
    """Return when a window ends, where that is today or tomorrow."""
    end = _end(resets_at, time.time_ns() // 1_000_000)
    if end is None or not 0 < end - time.time() < 86_400:
        return ""
    return time.strftime(" until %H:%M", time.localtime(end))


def _in(status: dict[str, Any], outer: str, inner: str) -> Any:
    found = status.get(outer)
    return found.get(inner) if isinstance(found, dict) else None


def _text(status: dict[str, Any], outer: str, inner: str) -> str:
    found = _in(status, outer, inner)
    return found[:60] if isinstance(found, str) else ""
