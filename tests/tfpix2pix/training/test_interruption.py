"""Signals in a training that is called from Python, such as in a notebook; commands are in tests/journeys."""

import signal
import threading

import pytest

from tests.helpers.runs import start_code
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


def test_a_signal_that_ends_the_process_is_told_before():
    process = start_code(
        "import signal, time\n"
        "from tfpix2pix.training.interruption import Interruption\n"
        "with Interruption() as interruption:\n"
        "    interruption.before_end = lambda: print('told', flush=True)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    time.sleep(60)\n"
    )
    output, errors = process.communicate(timeout=60)
    told, line = output.splitlines()
    assert (process.returncode, told, errors) == (128 + signal.SIGTERM, "told", "")
    assert line.startswith("stopped by SIGTERM before a step was done")


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
