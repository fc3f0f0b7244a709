"""Processes as this machine knows them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_widget.ingest.processes import LOOK_MS, Processes, domain, started, started_by_ps
from agent_widget.sources.base import Process

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@linux
def test_a_process_has_one_start_until_it_ends(sleeper: subprocess.Popen[bytes]) -> None:
    start = started(sleeper.pid)
    assert start is not None and start.isdecimal()
    assert started(sleeper.pid) == start != started(1)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody took note
    assert started(sleeper.pid) is None
    sleeper.wait()
    assert started(sleeper.pid) is None


@pytest.mark.skipif(not Path("/bin/ps").exists() and not Path("/usr/bin/ps").exists(), reason="there is no ps")
def test_ps_gives_the_start_of_a_process(sleeper: subprocess.Popen[bytes]) -> None:
    start = started_by_ps(sleeper.pid)
    assert start is not None and len(start.split()) == 5 and start == started_by_ps(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert started_by_ps(sleeper.pid) is None


@linux
def test_a_machine_is_known_by_its_id_and_its_space_of_process_numbers() -> None:
    machine = Path("/etc/machine-id")
    if not (machine.exists() and machine.read_text().strip()):
        assert domain() is None
        return
    assert domain() == f"linux:{machine.read_text().strip()}:{os.readlink('/proc/self/ns/pid')}"


def test_processes_are_checked_at_intervals_only() -> None:
    running, looks = {7: "a"}, []

    def look(pid: int) -> str | None:
        looks.append(pid)
        return running.get(pid)

    processes = Processes(look)
    process = Process("ann", 1, 7, "a")
    processes.note(process)
    assert list(processes.look(10_000)) == [(process, "runs")]
    running.clear()
    assert list(processes.look(10_000 + LOOK_MS - 1)) == [] and looks == [7]
    assert list(processes.look(10_000 + LOOK_MS)) == [(process, "ended")]
    processes.note(process)  # its file is read again
    assert list(processes.look(20_000)) == []
