"""Which project a directory is of, and what the project is called.

A project is a repository: the directory of its main working copy, so that all its worktrees count as it. git's own
files say so where the directory is still there (:mod:`.repositories`), the places where programs put worktrees where
it is not (:mod:`agent_widget.sources.directories`). Two projects in directories of one name are told apart by as much
of the path above as it takes (``shop/api``, ``blog/api``), also when the second one shows up later.

A source says where an agent works with the field ``directory`` in its records of agents, sessions and memory; the
columns ``project`` and ``worktree`` are made of it here, before anything is masked.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ..sources.base import Gone, Record
from ..sources.directories import Parts, checkout_of, is_absolute, local_path, parts_of
from ..sources.parsing import clean
from .repositories import repository_of

LOOK_AGAIN_AFTER: Final = 60.0
"""Seconds after which a directory without a repository is looked at again: it may be in one by now."""
MAX_DIRECTORIES: Final = 20_000
"""Directories whose project is remembered."""


class Rename(NamedTuple):
    """A row of a project that is called something else from now on."""

    table: str
    id: str
    before: str
    after: str


class _Project:
    """One project, and the rows that bear its name."""

    __slots__ = ("label", "parts", "rows")

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.label = label_of(parts, 1)
        self.rows: defaultdict[str, set[str]] = defaultdict(set)


class _Place(NamedTuple):
    project: _Project
    worktree: str | None
    is_certain: bool
    """git said so: this stays, whatever becomes of the directory."""
    looked_at: float


class Projects:
    """All projects that were named so far."""

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._projects: dict[Parts, _Project] = {}
        self._of_name: defaultdict[str, list[_Project]] = defaultdict(list)
        self._renamed: list[tuple[_Project, str]] = []

    def place(self, claims: Iterable[Record | Gone]) -> list[Rename]:
        """Replace the ``directory`` in records by the columns that follow from it; return which other rows change.

        The fields of the records are changed in place.
        """
        placed: list[tuple[str, dict[str, Any], str, _Place]] = []
        for claim in claims:
            if isinstance(claim, Record) and "directory" in claim.fields:
                directory = claim.fields.pop("directory")
                if directory:
                    place = self._place_of(directory)
                    place.project.rows[claim.table].add(claim.id)
                    placed.append((claim.table, claim.fields, directory, place))
        for table, fields, directory, place in placed:  # once all names are known
            fields["project"] = place.project.label
            if table != "memory":
                fields["worktree"] = place.worktree
            parts = parts_of(directory)
            if table == "sessions" and is_absolute(parts):
                fields["directory"] = clean(local_path(directory))
            if table == "agents" and parts == place.project.parts and fields.get("name") == parts[-1]:
                fields["name"] = place.project.label  # an agent that is called as its project
        return list(self._renames())

    def _renames(self) -> Iterator[Rename]:
        renamed, self._renamed = self._renamed, []
        for project, before in renamed:
            for table, ids in project.rows.items():
                for id in sorted(ids):
                    yield Rename(table, id, before, project.label)

    def _place_of(self, directory: str) -> _Place:
        held, now = self._places.get(directory), time.monotonic()
        if held is not None and (held.is_certain or 0 <= now - held.looked_at < LOOK_AGAIN_AFTER):
            return held
        if len(self._places) >= MAX_DIRECTORIES:
            self._places.clear()
        parts, worktree, is_certain = _found(directory)
        self._places[directory] = place = _Place(self._project(parts), worktree and clean(worktree), is_certain, now)
        return place

    def _project(self, parts: Parts) -> _Project:
        """Return the project of a directory, by its parts; a new one may take its name from others."""
        key = tuple(part.casefold() for part in parts) if parts[0].endswith(":") else parts
        project = self._projects.get(key)
        if project is None:
            project = self._projects[key] = _Project(parts)
            if is_absolute(parts):  # else only its name is known: it may be any of that name
                same = self._of_name[parts[-1]]
                same.append(project)
                if len(same) > 1:
                    self._tell_apart(same)
        return project

    def _tell_apart(self, projects: list[_Project]) -> None:
        labels = told_apart([project.parts for project in projects])
        for project, label in zip(projects, labels, strict=True):
            if label != project.label:
                if project.rows:
                    self._renamed.append((project, project.label))
                project.label = label


def told_apart(paths: list[Parts]) -> list[str]:
    """Return a name for each of some paths, of as many of its last parts as make it another than all others."""
    names: list[str] = []
    for path in paths:
        others = [other for other in paths if other != path]
        length = next((n for n in range(1, len(path)) if all(other[-n:] != path[-n:] for other in others)), len(path))
        names.append(label_of(path, length))
    return names


def label_of(parts: Parts, length: int) -> str:
    """Return the last ``length`` parts of a path as a name."""
    shown = "/".join(parts[-length:])
    return clean(shown.replace("//", "/", 1) if shown.startswith("//") else shown)


def _found(directory: str) -> tuple[Parts, str | None, bool]:
    """Return the project of a directory, the worktree, and whether git said so."""
    parts = parts_of(directory)
    if not parts:
        return (directory,), None, False
    if parts[0].startswith("//"):  # the URL of a repository
        return parts[-1:], None, False
    checkout = checkout_of(parts)
    repository = repository_of(local_path(directory))
    if repository is None and checkout.worktree is not None and checkout.project[0] == os.sep:
        repository = repository_of(label_of(checkout.project, len(checkout.project)))
    if repository is None:
        return checkout.project or parts, checkout.worktree, False
    project = parts_of(repository.project)
    if repository.worktree is None:
        return project, checkout.worktree if checkout.project == project else None, True
    top = parts_of(repository.worktree)
    there = checkout_of(top)
    if there.worktree is None:
        return project, top[-1], True
    name = "/".join(top[there.base :]) if there.project == project else there.worktree
    return project, name, True
