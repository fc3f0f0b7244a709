"""The thread on which user callbacks run."""

from __future__ import annotations

import threading

from agent_widget.client.callbacks import Dispatcher
from tests.support.wire import PATIENCE, until


def test_jobs_run_in_order_on_one_daemon_thread_that_starts_with_the_first() -> None:
    dispatcher = Dispatcher()
    assert dispatcher._thread is None
    ran: list[tuple[int, threading.Thread]] = []
    for number in range(5):
        dispatcher.submit(lambda number=number: ran.append((number, threading.current_thread())))
    until(lambda: len(ran) == 5)
    assert [number for number, _ in ran] == [0, 1, 2, 3, 4]
    (thread,) = {thread for _, thread in ran}
    assert thread.daemon, "a callback that waits for ever does not keep Python from exiting"
    dispatcher.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_what_waits_when_it_is_stopped_is_dropped() -> None:
    dispatcher, begun, go_on = Dispatcher(), threading.Event(), threading.Event()
    ran: list[str] = []

    def first() -> None:
        begun.set()
        go_on.wait(PATIENCE)
        ran.append("first")

    dispatcher.submit(first)
    dispatcher.submit(lambda: ran.append("second"))
    assert begun.wait(PATIENCE)
    dispatcher.stop()
    dispatcher.submit(lambda: ran.append("third"))
    go_on.set()
    assert dispatcher._thread is not None
    dispatcher._thread.join(PATIENCE)
    assert ran == ["first"]


def test_one_that_was_stopped_before_its_first_job_starts_no_thread() -> None:
    dispatcher = Dispatcher()
    dispatcher.stop()
    dispatcher.submit(lambda: None)
    assert dispatcher._thread is None
