"""Directories in which agents work, as their files name them: their parts, on any system, and known worktrees.

Pure functions of texts: whether a directory is there, and what git says of it, is for
:mod:`agent_widget.ingest.repositories`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

Parts = tuple[str, ...]
"""A directory: ``("/", "home", "ann", "shop")``, ``("C:", "src", "shop")``; ``("shop",)`` if only its name is known."""

_DRIVE: Final = re.compile(r"[A-Za-z]:(?![^\\/])")
_REPOSITORY: Final = re.compile(r"(?:(?:https?|ssh|git)://|[\w.-]+@[\w.-]+:)")
_DISTRIBUTION: Final = re.compile(r"wsl(?:\$|\.localhost)", re.IGNORECASE)
_FORWARD: Final = re.compile(r"//wsl(?:\$|\.localhost)/", re.IGNORECASE)
_GIT_BASH: Final = re.compile(r"^/([A-Za-z])/(?=Users/)")


def parts_of(directory: str) -> Parts:
    """Return the parts of a directory, ``.`` and ``..`` resolved; nothing if it is empty.

    One directory has the same parts however it is named: as a ``file:`` URL, and from Windows or from WSL, which calls
    ``C:\\src`` ``/mnt/c/src``, while Windows calls ``/home`` there ``\\\\wsl$\\Debian\\home``; Git Bash calls
    ``C:\\Users`` ``/c/Users``. The URL of a repository has the host as its first part.
    """
    text = local_path(directory.strip())
    if _REPOSITORY.match(text):
        text = re.sub(r"^\w+://", "", text.removesuffix("/").removesuffix(".git"))
        host, _, path = text.partition("/" if "/" in text.partition(":")[0] else ":")
        return (f"//{host.rpartition('@')[2]}", *filter(None, path.split("/")))
    if _FORWARD.match(text):
        text = text.replace("/", "\\")
    text = _GIT_BASH.sub(r"\1:/", text)
    if text.startswith(("\\\\?\\", "\\\\.\\")):
        text = text[4:] if not text[4:].upper().startswith("UNC\\") else "\\\\" + text[8:]
    if text.startswith("\\\\"):
        host, *rest = [part for part in re.split(r"[\\/]", text) if part] or [""]
        if rest and _DISTRIBUTION.fullmatch(host):
            return _resolved(("/",), rest[1:])
        return _resolved((f"\\\\{host}",), rest) if host else ()
    if _DRIVE.match(text):
        return _resolved((text[0].upper() + ":",), re.split(r"[\\/]", text[2:]))
    if not text.startswith("/"):
        separators = r"[\\/]" if "/" not in text else "/"
        return tuple(part for part in re.split(separators, text) if part not in ("", "."))
    first, *rest = _resolved(("/",), text.split("/"))
    if len(rest) > 1 and rest[0] in ("mnt", "cygdrive") and len(rest[1]) == 1 and rest[1].isascii():
        return (rest[1].upper() + ":", *rest[2:])
    return (first, *rest)


def _resolved(root: Parts, names: list[str]) -> Parts:
    found: list[str] = []
    for name in names:
        if name == "..":
            del found[-1:]
        elif name not in ("", "."):
            found.append(name)
    return (*root, *found)


def local_path(directory: str) -> str:
    """Return a directory as this machine's system calls it: a path that was given as a ``file:`` URL."""
    if not directory.startswith("file://"):
        return directory
    path = unquote(urlsplit(directory).path)
    return path[1:] if _DRIVE.match(path[1:]) else path


def is_absolute(parts: Parts) -> bool:
    """Return whether these are the parts of a directory of some machine, and not a name alone or a URL."""
    return bool(parts) and (parts[0] == "/" or parts[0].endswith(":") or parts[0].startswith("\\\\"))


def directory_name(directory: str | None) -> str | None:
    """Return what a directory is called: its last part; ``/`` or ``C:`` where there is none below that."""
    parts = parts_of(directory) if directory else ()
    return parts[-1] if parts else None


class Checkout(NamedTuple):
    """A working copy by its place: the project it is of, and what it is called among its worktrees.

    ``project``: the directory of the main working copy; its name alone, if the place does not say where that is.
    ``base``: place of the part that is, or begins, the worktree's name; 0 for no worktree.
    """

    project: Parts
    worktree: str | None = None
    base: int = 0


_BESIDE: Final = re.compile(r"(.*[^._-])[._-]{1,2}worktrees?")
"""``shop.worktrees/NAME`` (VS Code), ``shop-worktrees/NAME``, ``shop__worktrees/NAME`` (workmux): beside ``shop``."""
_WITHOUT_PROJECT: Final = frozenset({".claude-squad", "claude-squad", "opencode"})
"""Programs whose worktrees are known by a branch or a hash alone: their names do not say of what they are."""
_WORKTREE_FIRST: Final = frozenset({".codex", "vibe-kanban", ".vibe-kanban"})
"""Programs with ``worktrees/ID/PROJECT``; all others write ``worktrees/PROJECT/NAME``."""
_HOLDERS: Final = frozenset({"worktrees", ".worktrees", "worktree", ".worktree", ".trees"})
_PLACES: Final[tuple[Parts, ...]] = (
    ("conductor", "workspaces"),  # ~/conductor/workspaces/PROJECT/CITY
    ("copilot-worktrees",),  # the GitHub app: copilot-worktrees\PROJECT\NAME (github/app#482)
)
"""Directories of programs, in which stands ``PROJECT/NAME``."""
_HOMES: Final = frozenset({"home", "Users"})
_SHARED: Final = frozenset({"tmp", "share", ".cache", "Caches", "Application Support", "Local", "Roaming", "T"})
"""Directories in which programs keep what belongs to no project."""
_AT_THE_TOP: Final = frozenset({"root", "data", "srv", "work", "opt"})


def checkout_of(parts: Parts) -> Checkout:
    """Return of which project a directory is a working copy, by where programs put worktrees.

    In the project: ``.claude/worktrees/NAME`` and the like of other agents, ``.worktrees/NAME``, ``worktrees/NAME``,
    ``.conductor/NAME``. Beside it: ``shop.worktrees/NAME``. In a directory of the program:
    ``~/.codex/worktrees/ID/PROJECT`` (openai/codex#10599), ``~/.cursor/worktrees/PROJECT/NAME``,
    ``~/conductor/workspaces/PROJECT/NAME``, ``/var/tmp/vibe-kanban/worktrees/ID-BRANCH/PROJECT``. A worktree in a
    worktree is one of the same project.
    """
    for at in range(len(parts) - 2, 0, -1):
        found = _held(parts, at)
        if found is not None:
            above = checkout_of(found.project) if len(found.project) > 1 else Checkout(found.project)
            return found._replace(project=above.project)
    return Checkout(parts)


def _held(parts: Parts, at: int) -> Checkout | None:
    """Return the checkout, if the directory ``parts[at]`` holds worktrees and the next one is one of them."""
    name, below, before = parts[at], parts[at + 1 :], parts[:at]
    for place in _PLACES:
        if parts[at + 1 - len(place) : at + 1] == place and len(below) > 1:
            return Checkout(below[:1], below[1], at + 2)
    if name == ".conductor" and not _is_home(before):
        return Checkout(before, below[0], at + 1)
    if name not in _HOLDERS:
        beside = _BESIDE.fullmatch(name)
        if beside and name.startswith(".") and _is_home(before):  # ~/.claude-worktrees/PROJECT/NAME
            return Checkout(below[:1], below[1], at + 2) if len(below) > 1 else None
        return Checkout((*before, beside.group(1)), below[0], at + 1) if beside and len(before) > 0 else None
    program = before[-1] if before else ""
    if program in _WITHOUT_PROJECT:
        return None
    if program in _WORKTREE_FIRST and (_is_home(before[:-1]) or not program.startswith(".")):
        return Checkout(below[1:2], below[0], at + 1) if len(below) > 1 else None
    if program.startswith("."):
        if not _is_home(before[:-1]):
            named = below[1] if below[0] == "tasks" and len(below) > 1 else below[0]  # .auto-claude/worktrees/tasks
            return Checkout(before[:-1], named, at + 1)
    elif not _is_home(before):
        return Checkout(before, below[0], at + 1)
    return Checkout(below[:1], below[1], at + 2) if len(below) > 1 else None


def _is_home(parts: Parts) -> bool:
    """Return whether this is somebody's home directory, or another place that is no project."""
    *above, name = parts or ("/",)
    if not above or parts == parts_of(str(Path.home())):
        return True
    return name in _SHARED or (above[-1] in _HOMES and len(above) <= 3) or (len(above) == 1 and name in _AT_THE_TOP)


@lru_cache(maxsize=1024)
def worktree_of(directory: str) -> str | None:
    """Return the worktree that a directory is in, by its place."""
    return checkout_of(parts_of(directory)).worktree
