"""Results, errors and what comes too late."""

import threading

import pytest

from pipelines.system.deadline import LateError, within


def test_what_is_in_time_is_as_without():
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 / 0)


def test_what_is_late_is_left_alone():
    go_on, done = threading.Event(), threading.Event()

    def work():
        go_on.wait(10)
        done.set()

    with pytest.raises(LateError):
        within(0.05, work)
    assert not done.is_set()
    go_on.set()
    assert done.wait(10)
