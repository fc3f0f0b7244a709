"""A short run of :mod:`tests.soak.writers`; ``python -m tests.soak.writers`` runs for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_widget.discovery import runtimes
from tests.soak.writers import run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["workspace", "claude"])  # of either kind of lock
@pytest.mark.usefixtures("own_machine")
def test_what_was_acknowledged_is_there_after_kills_and_nothing_else_changed(tmp_path: Path, name: str) -> None:
    outcome = run(tmp_path, 2, seed=2, name=name, every=1.0)
    assert (outcome.lost, outcome.changed) == ([], [])
    assert outcome.acknowledged > 0
    assert outcome.by_others > 0
    assert outcome.kills > 1
    list(runtimes())  # which also removes the runtime files of the servers that were killed
