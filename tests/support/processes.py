"""Which processes a test has started, and how they end: none may outlive it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")


def wait_for(condition: Callable[[], T], what: str, seconds: float = 20) -> T:
    """Ask until the answer is true; the answer."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return answer


def started_under(runtime: Path) -> list[psutil.Process]:
    """Every process with this Jupyter runtime directory, whoever its parent is by now."""

    def belongs(process: psutil.Process) -> bool:
        try:
            return process.environ().get("JUPYTER_RUNTIME_DIR") == str(runtime)
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if belongs(process)]


def end(processes: list[psutil.Process]) -> None:
    """Ask processes to end, and make those that do not. One that its parent has not asked about yet has ended too."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not any(map(lives, processes)), "they have ended", 5)
    for process in filter(lives, processes):
        process.kill()


def lives(process: psutil.Process) -> bool:
    """Return whether a process, which may end at any moment, has not ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
