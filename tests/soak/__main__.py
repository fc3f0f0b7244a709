"""``python -m tests.soak --kills 100``: see :mod:`tests.soak.kills`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.soak.kills import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for name in ("HOME", "JUPYTER_RUNTIME_DIR", "XDG_STATE_HOME"):
            os.environ[name] = str(Path(directory) / name.lower())
            Path(os.environ[name]).mkdir()
        outcome = run(Path(directory), options.kills, options.seed)
    print(f"{outcome.kills} kills, {outcome.rows:,} messages, seed {options.seed}")
    print(f"{len(outcome.differences)} rows differ from the files'")
    for line in outcome.differences[:10]:
        print(f"  {line[:200]}")
    print(f"{len(outcome.repeated)} messages were notified of more than once")
    sys.exit(bool(outcome.differences))


if __name__ == "__main__":
    main()
