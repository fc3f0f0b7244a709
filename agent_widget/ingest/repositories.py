"""Which repository a directory belongs to, as git has it: a few ``stat`` and two small files at most.

git is not run. A working copy has a directory ``.git``, or a file of that name that says where its git directory is; a
worktree's git directory has a file ``commondir``, which leads to the one that all its worktrees share
(gitrepository-layout(5)). Directories come from what agents wrote, so only those of this user are looked into, and
nothing that a mere look could mount or send a password to.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

_HIGHEST: Final = 40
"""How many directories above one are looked at for a repository."""
_MOST_BYTES: Final = 4096
"""Size of the files that are read; they hold a path."""
_NOT_LOOKED_AT: Final = ("/net/", "/afs/", "/proc/", "/sys/", "/dev/", "//", "\\\\")
"""Beginnings of paths at which something is mounted, asked or made by looking."""


class Repository(NamedTuple):
    """The repository of a directory. Both are absolute paths."""

    project: str
    """The directory that holds git's common directory: the main working copy."""
    worktree: str | None
    """The top of the worktree that the directory is in; ``None`` in the main one."""


def repository_of(directory: str) -> Repository | None:
    """Return the repository that a directory belongs to; ``None`` if it is in none, or cannot be looked at.

    Of a directory that has gone the one above that is still there counts, below the user's home directory or beside it.
    """
    if not os.path.isabs(directory) or f"{directory}/".startswith(_NOT_LOOKED_AT):
        return None
    try:
        place = os.path.realpath(directory)
        gone = not os.path.isdir(place)
        holders = {os.path.realpath(Path.home()), *map(str, Path(os.path.realpath(Path.home())).parents)}
        for _ in range(_HIGHEST):
            if gone and place in holders:  # a repository of somebody's whole home does not have what was deleted there
                return None
            if (found := _at(place)) is not None:
                return found
            above = os.path.dirname(place)
            if above == place:
                return None
            place = above
    except (OSError, ValueError):
        return None
    return None


def _at(place: str) -> Repository | None:
    """Return the repository whose working copy has its top here."""
    entry = os.path.join(place, ".git")
    try:
        mode = os.stat(entry)
    except OSError:
        return None
    if hasattr(os, "getuid") and os.stat(place).st_uid != os.getuid():
        return None  # as git has it: not a repository that this user should be led by
    if stat.S_ISDIR(mode.st_mode):
        return Repository(place, None) if os.path.exists(os.path.join(entry, "HEAD")) else None
    own = _path_in(entry, "gitdir:")
    if own is None:
        return None
    common = _path_in(os.path.join(own, "commondir"))
    if common is None and os.path.basename(os.path.dirname(own)) == "worktrees":
        common = os.path.dirname(os.path.dirname(own))  # the repository has gone, or is on another machine
    if common is None:  # a submodule, or a git directory elsewhere
        return Repository(_holder(own) if os.path.dirname(own) == place else place, None)
    return Repository(_holder(common), place)


def _path_in(file: str, before: str = "") -> str | None:
    """Return the path that a small file holds, relative to the file's directory; ``None`` if there is none."""
    try:
        if not stat.S_ISREG(os.stat(file).st_mode):
            return None
        with open(file, "rb") as opened:
            text = opened.read(_MOST_BYTES).decode("utf-8", "surrogateescape").strip()
    except OSError:
        return None
    if not text.startswith(before) or "\0" in text or "\n" in text:
        return None
    return os.path.normpath(os.path.join(os.path.dirname(file), text.removeprefix(before).strip()))


def _holder(common: str) -> str:
    """Return the directory that stands for a repository, by its git directory."""
    above, name = os.path.split(common)
    top, inside, below = common.partition("/.git/modules/")
    if inside:  # a submodule's; its name is its path, unless somebody renamed it
        return os.path.join(top, below)
    if name == ".git" or name.startswith("."):  # .bare, .repo
        return above
    return common.removesuffix(".git")  # a bare repository without a working copy
