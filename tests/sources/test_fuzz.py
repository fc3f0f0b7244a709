"""Nothing that a file can hold breaks a reader: some trials of :mod:`fuzz` for each, always the same ones."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import pytest

from agent_widget.sources import SOURCES, Source
from tests.sources import fuzz
from tests.support import homes


@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_changed_files_break_nothing(kind: type[Source]) -> None:
    findings, _ = fuzz.run(kind, range(20))
    assert not findings, "\n".join(map(str, findings))


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
@pytest.mark.parametrize("kind", list(SOURCES), ids=lambda kind: kind.name)
def test_names_that_are_no_text_break_nothing(kind: type[Source], tmp_path: Path) -> None:
    """They are bytes. Each part of each path has one that is no UTF-8, as far as the file is read then."""
    files: dict[str, bytes] = {}
    for path, data in ((path, data) for make in homes.WRITTEN[kind.name] for path, data in make().items()):
        parts = PurePosixPath(path).parts
        for number, part in enumerate(parts):
            stem, dot, suffix = part.rpartition(".") if "." in part[1:] else (part, "", "")
            other = PurePosixPath(*parts[:number], f"{stem}\udcff{dot}{suffix}", *parts[number + 1 :])
            if kind(tmp_path).reader(other) is not None:
                files[str(other)] = data
    assert fuzz.wrong(fuzz.filled(kind, tmp_path, files)) is None
