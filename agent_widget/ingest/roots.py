"""From the paths that somebody names to the roots that are read, and the source of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from ..failures import Failure
from ..sources import SOURCES, Sources
from ..sources.base import Source
from ..sources.parsing import clean
from ..sources.patterns import leads_to

_HIGHEST: Final = 8
"""How many directories above a path are looked at for the one of a source."""


class _Found(NamedTuple):
    """A source that a path names."""

    kind: type[Source]
    root: Path
    only: PurePosixPath | None = None
    """What of the root was named, if not all."""


class PathError(Failure):
    """A path that was asked for cannot be watched; the message says why and what to do."""


def resolve(paths: Iterable[str | os.PathLike[str]]) -> list[Source]:
    """Return the sources for some paths, or for every known place of this machine if there are none.

    A path is the directory of a source, or a project that holds such directories (:attr:`Source.folder`), or both, or
    what lies in the directory of a source: one project of it, one file. A directory in which nothing is known yet is
    that of the source which has its usual place there, or a directory of that name, else a workspace that is still to
    be filled. Raises :class:`PathError`.
    """
    given = list(paths)
    sources: list[Source] = []
    add_sources(sources, [found for path in given for found in _recognise(path)] if given else _known())
    return sources


def add_known(sources: list[Source]) -> bool:
    """Add the sources of known places that were made since; returns whether there were any."""
    return add_sources(sources, _known())


def add_sources(sources: list[Source], found: Iterable[_Found]) -> bool:
    """Add the sources of some roots that are not among them; returns whether there were any."""
    before = len(sources)
    known = {(type(source), source.root) for source in sources}
    chosen: dict[tuple[type[Source], Path], list[PurePosixPath | None]] = {}
    for kind, root, only in found:
        chosen.setdefault((kind, root), []).append(only)
    for (kind, root), parts in chosen.items():
        if (kind, root) not in known:
            same = sum(type(source) is kind for source in sources)
            source = kind(root, namespace=clean(f"{root.parent.name or root.name}{same + 1}/") if same else "")
            source.only = () if None in parts else tuple(sorted({part for part in parts if part is not None}))
            sources.append(source)
    return len(sources) > before


def known_kinds() -> list[tuple[str, Path]]:
    """Return every place of this machine where a known agent would leave its files, with the name of its source."""
    places = ((kind.name, root) for kind in SOURCES for root in kind.default_roots(os.environ, Path.home()))
    return list(dict.fromkeys(places))


def known_places() -> list[Path]:
    """Return every place of this machine where a known agent would leave its files, whether it is there or not."""
    return list(dict.fromkeys(root for _, root in known_kinds()))


def _known() -> Iterator[_Found]:
    for kind in SOURCES:
        for root in kind.default_roots(os.environ, Path.home()):
            if os.path.isdir(root):
                yield _Found(kind, root.resolve())


def _recognise(path: str | os.PathLike[str]) -> list[_Found]:
    if not isinstance(path, (str, os.PathLike)):
        raise PathError(f"{path!r} is not a path; give several one by one, as in aw.watch('memory/', '~/.claude')")
    shown = os.fspath(path)
    if not shown.strip():
        raise PathError("an empty path was given; name a directory, e.g. memory/")
    try:
        root = Path(shown).expanduser().resolve(strict=True)
        if not root.is_dir():
            if within := _within(root) or _within(_unresolved(shown)):
                return within
            raise PathError(f"{shown}: not a directory; give the directory that holds the agents' files")
        with os.scandir(root) as entries:
            next(entries, None)
    except FileNotFoundError:
        raise PathError(f"{shown}: no such directory; check the path, or create it first") from None
    except OSError as error:
        raise PathError(f"{shown}: cannot be read ({error.strerror}); check its permissions") from None
    except (RuntimeError, ValueError) as error:  # no such user, symlinks in a circle, a NUL
        raise PathError(f"{shown!r}: not a usable path ({error}); name a directory, e.g. memory/") from None
    found = [_Found(kind, root) for kind in islice((kind for kind in SOURCES if kind.recognises(root)), 1)]
    for kind in SOURCES.inside(root) if isinstance(SOURCES, Sources) else SOURCES:
        if kind.folder is not None and (directory := root / kind.folder).is_dir() and kind.recognises(directory):
            found.append(_Found(kind, directory))
    return found or _within(root) or _within(_unresolved(shown)) or [_Found(_usual(root) or next(iter(SOURCES)), root)]


def _usual(root: Path) -> type[Source] | None:
    """Return the source whose files will be in a directory, by where it is or what it is called."""
    for kind in SOURCES:
        usual = kind.default_roots(os.environ, Path.home())
        if root in [place.resolve() for place in usual] or root.name in [
            place.name for place in usual if place.name.startswith(".")
        ]:
            return kind
    return None


def _unresolved(shown: str) -> Path:
    """Return a path with the links in it: what a part of a directory leads to may have any name."""
    return Path(os.path.abspath(os.path.expanduser(shown)))


def _within(path: Path) -> list[_Found]:
    """Return the source in whose directory a path lies, of which it is a part; nothing if there is none."""
    for root in list(path.parents)[:_HIGHEST]:
        part = PurePosixPath(path.relative_to(root).as_posix())
        for kind in SOURCES:
            if path.is_dir():
                patterns = (pattern for pattern in kind.files if not pattern.startswith("**"))
                is_part = any(leads_to(part, pattern) for pattern in patterns)
            else:
                is_part = kind(root).reader(part) is not None
            if is_part and kind.recognises(root):
                return [_Found(kind, root.resolve(), part)]
    return []
