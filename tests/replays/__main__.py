"""``python -m tests.replays DIR [DIR…]`` from the repository's root."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import replay
from .compare import Outcome, summary
from .recordings import find, read


def main(arguments: list[str] | None = None) -> int:
    """Replay everything below the directories and print what agrees."""
    parser = argparse.ArgumentParser(prog="python -m tests.replays", description="Replay recordings of agents.")
    parser.add_argument("directories", nargs="+", type=Path, help="directories with recordings, at any depth")
    parser.add_argument("-v", "--verbose", action="store_true", help="print each change of status, theirs and ours")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    outcomes: dict[str, list[Outcome]] = {}
    skipped: dict[str, int] = {}
    for directory in find(options.directories):
        recording = read(directory)
        if replay.source_for(recording.agent) is None:
            skipped[recording.agent] = skipped.get(recording.agent, 0) + 1
            continue
        outcome = replay.play(recording)
        outcomes.setdefault(recording.agent, []).append(outcome)
        for line in outcome.lines(verbose=options.verbose):
            print(line)
    for agent, count in skipped.items():
        print(f"{agent}: {count} recordings skipped, no source for it yet")
    for agent, played in outcomes.items():
        print(summary(agent, played))
    if len(outcomes) > 1:
        print(summary("all", [outcome for played in outcomes.values() for outcome in played]))
    print(f"{time.perf_counter() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
