"""Which symlinks are followed: those that stay inside a root, or lead to files that are the user's own."""

from __future__ import annotations

import os
from pathlib import Path


def refusal(path: str | os.PathLike[str], real: str, root: str | os.PathLike[str]) -> str | None:
    """Return why what a path leads to is not read; ``None`` if it may be.

    ``real``: the path without symlinks. Below the root anything may be read. Beyond it what lies below the user's home
    directory, belongs to the user and, as a file, ends like the link: a list of things to remember must not lead to a
    key.
    """
    if is_below(real, str(root)):
        return None
    home = os.path.realpath(Path.home())
    if home == os.sep or not is_below(real, home):
        return "leads out of the watched directory"
    if hasattr(os, "getuid") and os.stat(real).st_uid != os.getuid():
        return "leads out of the watched directory to what is not yours"
    if os.path.isfile(real) and os.path.splitext(path)[1] != os.path.splitext(real)[1]:
        return "leads out of the watched directory to a file of another kind"
    return None


def is_below(path: str, directory: str) -> bool:
    """Return whether a path is a directory or lies below it; both without symlinks."""
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)
