"""From the paths that somebody names to the roots that are read, and the source of each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..sources import SOURCES
from ..sources.base import Source


class PathError(Exception):
    """A path that was asked for cannot be watched; the message says why and what to do."""


def resolve(paths: Iterable[str | os.PathLike[str]]) -> list[Source]:
    """Return the sources for some paths, or for every known place of this machine if there are none.

    A path is the directory of a source, or a project that holds such directories (:attr:`Source.folder`), or both. A
    directory nobody recognises is taken as a workspace that is still to be filled. Raises :class:`PathError`.
    """
    found: list[tuple[type[Source], Path]] = []
    given = list(paths)
    if not given:
        for kind in SOURCES:
            found += [(kind, root.resolve()) for root in kind.default_roots(os.environ, Path.home()) if root.is_dir()]
    for path in given:
        found += _recognise(path)
    sources: list[Source] = []
    for kind, root in dict.fromkeys(found):
        same = sum(type(source) is kind for source in sources)
        sources.append(kind(root, namespace=f"{root.parent.name or root.name}{same + 1}/" if same else ""))
    return sources


def _recognise(path: str | os.PathLike[str]) -> list[tuple[type[Source], Path]]:
    shown = os.fspath(path)
    if not shown.strip():
        raise PathError("an empty path was given; name a directory, e.g. memory/")
    try:
        root = Path(shown).expanduser().resolve(strict=True)
        if not root.is_dir():
            raise PathError(f"{shown}: not a directory; give the directory that holds the agents' files")
        with os.scandir(root) as entries:
            next(entries, None)
    except FileNotFoundError:
        raise PathError(f"{shown}: no such directory; check the path, or create it first") from None
    except OSError as error:
        raise PathError(f"{shown}: cannot be read ({error.strerror}); check its permissions") from None
    except (RuntimeError, ValueError) as error:  # no such user, symlinks in a circle, a NUL
        raise PathError(f"{shown!r}: not a usable path ({error}); name a directory, e.g. memory/") from None
    found = [(kind, root) for kind in SOURCES if kind.recognises(root)][:1]
    for kind in SOURCES:
        if kind.folder is not None and (directory := root / kind.folder).is_dir() and kind.recognises(directory):
            found.append((kind, directory))
    return found or [(SOURCES[0], root)]
