"""Signals in a training that is called from Python, such as in a notebook; commands are in tests/journeys."""

import signal
import threading

import pytest

from tfpix2pix.training.interruption import Interruption


def received(interruption, number):
    """Waits for the thread that watches for signals."""
    signal.raise_signal(number)
    while interruption.received is None:
        pass
    return interruption.received


def test_the_first_signal_is_recorded_once_there_is_something_to_save():
    with Interruption(ends_process=False) as interruption:
        assert not interruption
        interruption.hold()
        assert received(interruption, signal.SIGTERM) == signal.SIGTERM
        assert interruption
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_before_there_is_something_to_save_it_is_an_interrupt():
    with Interruption(ends_process=False), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_handlers_are_restored():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Interruption(ends_process=False) as interruption:
        interruption.listen()
        assert signal.getsignal(signal.SIGINT) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_than_the_main_one_get_no_signals():
    outcome = []

    def enter():
        with Interruption(ends_process=False) as interruption:
            interruption.listen()
            outcome.append(bool(interruption))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert outcome == [False]
