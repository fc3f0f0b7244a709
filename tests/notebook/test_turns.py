"""The switch interval of a process in which dashboards are looked at."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from agent_widget.environment import KEEP_SWITCH_INTERVAL
from agent_widget.notebook.turns import DEFAULT, MANY, REST, SHORT, SPELL, Turns

FORKS = """
import os, sys
from agent_widget.notebook import turns
turns.note("a dashboard", True)
if child := os.fork():
    os.waitpid(child, 0)
print(round(sys.getswitchinterval() * 1e6), flush=True)
"""

FIRST, SECOND = "a dashboard", "another one"


def interval() -> int:
    return round(sys.getswitchinterval() * 1e6)


def choose(microseconds: int) -> None:
    """What the user does."""
    sys.setswitchinterval(microseconds / 1e6)


@pytest.fixture(autouse=True)
def as_python_has_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python's own interval before and after, whatever the machine that runs the tests has chosen."""
    before = sys.getswitchinterval()
    monkeypatch.delenv(KEEP_SWITCH_INTERVAL, raising=False)
    choose(DEFAULT)
    yield
    sys.setswitchinterval(before)


class Machine:
    """A clock, and how often threads were changed."""

    def __init__(self) -> None:
        self.now = 100.0
        self.switches = 0

    def turns(self) -> Turns:
        return Turns(lambda: self.switches, lambda: self.now)

    def go_on(self, seconds: float, rate: int = 0) -> None:
        self.now += seconds
        self.switches += int(rate * seconds)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_it_is_short_while_any_dashboard_is_looked_at(machine: Machine) -> None:
    noted = machine.turns()
    for dashboard, looked_at, expected in [
        (FIRST, False, DEFAULT),
        (FIRST, True, SHORT),
        (SECOND, True, SHORT),
        (FIRST, True, SHORT),
        (FIRST, False, SHORT),
        (FIRST, False, SHORT),
        (SECOND, False, DEFAULT),
        (SECOND, True, SHORT),
        (SECOND, False, DEFAULT),
    ]:
        noted.note(dashboard, looked_at)
        assert interval() == expected


@pytest.mark.parametrize("chosen", [1, SHORT - 1, SHORT + 1, 1_000, DEFAULT - 1, 20_000])
def test_what_somebody_has_chosen_before_stays(machine: Machine, chosen: int) -> None:
    choose(chosen)
    noted = machine.turns()
    for looked_at in (True, True, False):
        noted.note(FIRST, looked_at)
        assert interval() == chosen


@pytest.mark.parametrize("chosen", [1, 1_000, DEFAULT, 20_000])
def test_what_somebody_chooses_meanwhile_stays(machine: Machine, chosen: int) -> None:
    noted = machine.turns()
    noted.note(FIRST, True)
    choose(chosen)
    for dashboard, looked_at in [(FIRST, True), (FIRST, False), (SECOND, True), (SECOND, False)]:
        noted.note(dashboard, looked_at)
        assert interval() == chosen


@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("looked_at", [True, False])
def test_a_short_one_that_somebody_puts_back_is_no_choice(machine: Machine, looked_at: bool, stays: bool) -> None:
    """Code that changes it for a while reads it before."""
    noted = machine.turns()
    noted.note(FIRST, True)
    found = interval()
    choose(1_000)
    noted.note(FIRST, looked_at)
    assert interval() == 1_000
    choose(found)
    noted.forked()
    assert interval() == DEFAULT
    choose(found)
    noted.note(FIRST, stays)
    assert interval() == (SHORT if stays else DEFAULT)
    noted.note(FIRST, False)
    assert interval() == DEFAULT


def test_a_variable_of_the_environment_leaves_it_alone(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEEP_SWITCH_INTERVAL, "1")
    machine.turns().note(FIRST, True)
    assert interval() == DEFAULT


def test_it_rests_while_several_threads_compute(machine: Machine) -> None:
    noted = machine.turns()
    machine.go_on(1, 1_000 * MANY)  # what was before says nothing
    noted.note(FIRST, True)
    machine.go_on(SPELL, MANY)
    noted.note(FIRST, True)
    assert interval() == SHORT
    machine.go_on(SPELL, 2 * MANY)
    noted.note(FIRST, True)
    assert interval() == DEFAULT
    machine.go_on(REST - 1, 2 * MANY)
    noted.note(SECOND, True)
    assert interval() == DEFAULT
    machine.go_on(1, 2 * MANY)  # and what is while it is long neither
    noted.note(FIRST, True)
    assert interval() == SHORT
    machine.go_on(SPELL, 2 * MANY)
    noted.note(FIRST, True)
    assert interval() == DEFAULT


def test_a_moment_of_many_changes_is_no_spell_of_them(machine: Machine) -> None:
    noted = machine.turns()
    noted.note(FIRST, True)
    for _ in range(3):
        machine.go_on(SPELL / 10, 5 * MANY)
        noted.note(FIRST, True)
        assert interval() == SHORT


def test_nothing_is_left_of_dashboards_in_several_threads(machine: Machine) -> None:
    noted = machine.turns()

    def display(dashboard: str) -> None:
        for _ in range(200):
            noted.note(dashboard, True)
        noted.note(dashboard, False)

    noted.note("stays", True)
    threads = [threading.Thread(target=display, args=(f"dashboard {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert interval() == SHORT
    noted.note("stays", False)
    assert interval() == DEFAULT


def test_a_forked_process_has_what_python_has() -> None:
    said = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["5000", "10"]
