"""Where files are: patterns of paths, and directories that environment variables name."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath


def fits(path: PurePosixPath, pattern: str) -> bool:
    """Return whether a path fits a pattern, part by part from the root.

    ``*``, ``?`` and ``[…]`` stay within one part; a part ``**`` stands for any number of directories.
    """
    return _fits(path.parts, tuple(pattern.split("/")))


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def leads_to(directory: PurePosixPath, pattern: str) -> bool:
    """Return whether a file below a directory can fit a pattern."""
    *above, _ = pattern.split("/")
    for index, part in enumerate(directory.parts):
        if index < len(above) and above[index] == "**":
            return True
        if index >= len(above) or not fnmatchcase(part, above[index]):
            return False
    return True


def moved(environ: Mapping[str, str], home: Path, name: str, separator: str = "") -> list[Path]:
    """Return the directories that an environment variable names, ``~`` being ``home``; none if it is unset or empty."""
    given = environ.get(name, "")
    places = [place.strip() for place in (given.split(separator) if separator else [given])]
    return [home / place[2:] if place.startswith("~/") else Path(place) for place in places if place]
