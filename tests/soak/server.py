"""A server whose machine is out of joint: ``python -m tests.soak.server serve …``, what is wrong in its environment.

``SOAK_CLOCK``: a file with the seconds by which the clock of this process is wrong, looked at again and again.
``SOAK_DEAF``: the file system reports no changes, as those of other machines do.
``SOAK_VERSION``: what stands for the version of the code.
``SOAK_PACE``: the time between two checks, as a part of what is usual.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def step_the_clock(file: Path) -> None:
    """Make ``time.time`` wrong by what the file says; ``time.monotonic`` stays right, as on any machine."""
    seconds, seconds_ns = time.time, time.time_ns
    known, looked = 0, -1.0

    def offset() -> int:
        nonlocal known, looked
        if time.monotonic() - looked > 0.05:
            looked, known = time.monotonic(), int(file.read_text() or 0)
        return known

    time.time = lambda: seconds() + offset()
    time.time_ns = lambda: seconds_ns() + offset() * 10**9


def report_nothing() -> None:
    """Let no notification of the file system through."""
    from agent_widget.ingest import notifications

    notifications._Handler.on_any_event = lambda self, event: None  # type: ignore[method-assign]
    take = notifications.Notifications.take
    notifications.Notifications.take = lambda self: list(take(self))[:0]  # type: ignore[method-assign]


def check_sooner(pace: float) -> None:
    """Let less time pass between two checks of what is there."""
    from agent_widget.ingest import notifications, watcher

    for name in ("HOT_CHECK", "ROOT_CHECK", "TREE_CHECK", "DEGRADED_CHECK", "CHECK_SHARE"):
        for module in (notifications, watcher):
            if hasattr(module, name):
                setattr(module, name, getattr(module, name) * pace)


def be_another_version(name: str) -> None:
    """Take no memory of readers that another version has left."""
    from agent_widget.ingest import archive

    archive.code = lambda: name.encode()


def main() -> None:
    """Serve."""
    if clock := os.environ.get("SOAK_CLOCK"):
        step_the_clock(Path(clock))  # before anything takes a reference to it
    if os.environ.get("SOAK_DEAF"):
        report_nothing()
    if pace := os.environ.get("SOAK_PACE"):
        check_sooner(float(pace))
    if version := os.environ.get("SOAK_VERSION"):
        be_another_version(version)
    from agent_widget import cli

    sys.exit(cli.main(sys.argv[1:]))


if __name__ == "__main__":
    main()
