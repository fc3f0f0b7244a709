"""The descriptions of the two largest rooms name every module in them."""

from __future__ import annotations

import pkgutil
import re

import pytest

from agent_widget import ingest, sources


@pytest.mark.parametrize("room", [ingest, sources])
def test_each_module_is_in_the_map_of_its_room(room: object) -> None:
    named = set(re.findall(r":mod:`\.(\w+)`", room.__doc__ or ""))
    found = {module.name for module in pkgutil.iter_modules(room.__path__)}  # type: ignore[attr-defined]
    formats = {kind.__module__.split(".")[2] for kind in sources.SOURCES}
    assert named == found - formats, f"say in the docstring of {room.__name__} what these are about"  # type: ignore[attr-defined]


def test_what_is_known_of_sources_before_they_are_imported_is_what_they_say() -> None:
    kinds = [(kind.name, kind.folder) for kind in sources.SOURCES]
    assert [(kind.__module__.split(".")[2], kind.folder) for kind in sources.SOURCES] == kinds
    with pytest.raises(KeyError):
        sources.SOURCES.named("scribe")  # that of somebody else, who has added it to what is read
    assert list(sources.FOLDERS.items()) == [(name, folder) for name, folder in kinds if folder is not None]
