"""A real server that is killed again and again while its files grow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_machine() -> Iterator[Path]:
    """A directory with a home, a runtime and a state directory for this process, as tests have them."""
    with tempfile.TemporaryDirectory() as directory:
        for name in ("HOME", "JUPYTER_RUNTIME_DIR", "XDG_STATE_HOME"):
            os.environ[name] = str(Path(directory) / name.lower())
            Path(os.environ[name]).mkdir()
        yield Path(directory)
