"""Alerts: when they fire and when they are over, what they do, and that mistakes in them harm nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_widget.client.alerts import Alert, Level
from agent_widget.client.client import Client
from agent_widget.tables import PREVIEW_CHARS, Gone
from tests.support.wire import log_rows, until

pytestmark = pytest.mark.usefixtures("own_machine")


class Course:
    """One alert on a clock of its own, evaluated each second."""

    def __init__(self, **options: Any) -> None:
        self.value: Any = False
        self.over: Any = None
        clear = {"clear": lambda: self.over} if options.pop("clears", False) else {}
        self.alert = Alert("a", lambda: self.value, self.done, **clear, **options)
        self.now = 0.0
        self.acts: list[str] = []

    def done(self, alert: Alert) -> None:
        self.acts.append(alert.text or alert.name)

    def tell(self, *values: Any, over: Any = None) -> list[str]:
        """Its states, with each value a second after the one before."""
        self.over = over
        states = []
        for self.value in values:
            act = self.alert._look(self.now)
            if act:
                act()
            states.append(self.alert.state)
            self.now += 1
        return states


def test_it_fires_once_for_as_long_as_it_lasts() -> None:
    course = Course()
    assert course.tell(False, True, True, False, True) == ["ok", "firing", "firing", "ok", "firing"]
    assert (course.alert.fired, len(course.acts)) == (2, 2)


def test_it_must_hold_for_a_while() -> None:
    course = Course(for_=2)
    assert course.tell(True, True, False, True) == ["pending", "pending", "ok", "pending"]
    assert course.alert._level.turns_at == 5
    assert course.tell(True, True) == ["pending", "firing"]
    assert course.alert.fired == 1


def test_its_end_must_hold_for_a_while() -> None:
    course = Course(clear_for=2)
    assert course.tell(True, False, False, True) == ["firing"] * 4
    assert course.tell(False, False, False) == ["firing", "firing", "ok"]
    assert course.alert.fired == 1


def test_an_end_of_its_own_keeps_it_from_flickering() -> None:
    course = Course(clears=True)
    assert course.tell(True, False, True, False, over=False) == ["firing"] * 4
    assert course.tell(False, True, over=True) == ["ok", "firing"]
    assert course.tell(True, True, over=True) == ["ok", "ok"], "over and true at once: it must have been false before"
    assert course.tell(False, True, over=False) == ["ok", "firing"]


def test_one_that_was_dealt_with_fires_again_only_after_its_end() -> None:
    course = Course()
    course.tell(True)
    course.alert.clear()
    assert course.tell(True, True, False, True) == ["ok", "ok", "ok", "firing"]


def test_a_text_is_what_is_shown_masked_and_cut() -> None:
    course = Course()
    course.tell("3 agents wait")
    assert course.acts == ["3 agents wait"]
    course.tell("password=hunter2hunter2hunter2")
    assert "hunter2" not in str(course.alert.text)
    course.tell("x" * 1000)
    assert len(str(course.alert.text)) == PREVIEW_CHARS
    course.tell("")
    assert course.alert.text is None


def test_a_predicate_that_raises_is_reported_once_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    course = Course()

    class Broken:
        def __bool__(self) -> bool:
            raise RuntimeError("no such figure")

    broken = Broken()
    assert course.tell(True, broken, broken, True) == ["firing", "error", "error", "firing"]
    assert course.alert.fired == 1
    assert caplog.text.count("Traceback") == 1
    assert course.tell(broken) == ["error"]
    assert course.alert.error == "RuntimeError: no such figure"


@given(
    values=st.lists(st.tuples(st.booleans(), st.integers(1, 3))),
    for_=st.integers(0, 4),
    clear_for=st.integers(0, 4),
)
def test_it_never_turns_without_having_held_for_long_enough(
    values: list[tuple[bool, int]], for_: int, clear_for: int
) -> None:
    level = Level(for_, clear_for)
    now, since, last, fired, over = 0, 0, None, 0, 0
    for value, seconds in values:
        if value != last:
            since, last = now, value
        before = level.state
        fired += level.look(now, value, not value)
        if before != "firing" and level.state == "firing":
            assert value
            assert now - since >= for_
        if before == "firing" and level.state == "ok":
            over += 1
            assert not value
            assert now - since >= clear_for
        assert (level.state == "firing") == (fired > over)
        assert level.turns_at is None or level.turns_at > now, "otherwise it had turned"
        now += seconds


def test_a_time_that_makes_no_sense_is_a_mistake_at_once(client: Client) -> None:
    with pytest.raises(ValueError, match="every is more than 0"):
        client.alert("a", bool, every=0)
    assert client.alerts == []


def test_a_change_fires_it_off_the_network_thread(server: Any, client: Client) -> None:
    threads: list[str] = []
    alert = client.alert(
        "logs", lambda c: len(c.logs) > 0, lambda alert: threads.append(threading.current_thread().name)
    )
    until(lambda: client._link.alerts._thread is not None)
    assert (alert.state, client.alerts) == ("ok", [alert])
    server.put(*log_rows("a"))
    until(lambda: threads)
    assert (threads, alert.state, alert.fired) == (["agent-widget callbacks"], "firing", 1)
    assert repr(alert).startswith("<alert logs: firing since ")
    server.put(Gone("logs", "a"))
    until(lambda: alert.state == "ok")
    client.wait(lambda c: alert.state == "ok")


def test_the_clock_alone_fires_it_too(client: Client) -> None:
    moments = iter([False, False, True])
    alert = client.alert("time", lambda c: next(moments, True), for_=0.05, every=0.01)
    client.wait(lambda c: alert.state == "firing", 10)


def test_what_it_does_may_fail_or_be_async(server: Any, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    async def act(alert: Alert) -> None:
        done.append(alert.name)

    failing = client.alert("one", lambda c: True, lambda alert: 1 / 0)
    client.alert("two", lambda c: True, act)
    until(lambda: done == ["two"] and failing.errors == 1)
    assert "ZeroDivisionError" in caplog.text
    assert failing.state == "firing"


def test_an_alert_without_an_action_prints_a_line(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.alert("budget", lambda c: "$6.10 spent")
    until(lambda: "alert budget: $6.10 spent\n" in capsys.readouterr().out)


def test_an_alert_of_the_same_name_is_replaced_and_a_stopped_one_is_gone(server: Any, client: Client) -> None:
    first = client.alert("a", lambda c: len(c.logs) > 0, lambda alert: None)
    second = client.alert("a", lambda c: len(c.logs) > 0, lambda alert: None)
    assert client.alerts == [second]
    server.put(*log_rows("a"))
    until(lambda: second.state == "firing")
    first.stop()
    assert client.alerts == [second]
    second.stop()
    assert client.alerts == []
    until(lambda: client._link.alerts._thread is None)
    third = client.alert("a", lambda c: True, lambda alert: None)
    until(lambda: third.state == "firing")


def test_what_is_not_known_yet_does_not_hold(client: Client) -> None:
    """The most natural condition, while nothing has a price: ``None > 5``."""
    alert = Alert("budget", lambda: client.stats["cost_usd"].value > 5)
    assert alert._look(0.0) is None
    assert (alert.state, alert.error) == ("ok", None)
