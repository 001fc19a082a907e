"""SIGTERM and Ctrl-C ask the training to stop after the step it is in; a second one stops at once."""

import os
import signal
import sys
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While entered, notes the first signal instead of dying of it, once there is something to save.

    Before, in start-up and until the first step is done, nothing would be lost: a signal ends the process at once, as a
    second one always does. A thread of its own looks after that, since the main thread may be inside TensorFlow for
    long (it waits for other workers, or compiles) and sees no signal there.

    Attributes:
      received: the signal that came, None before. Shells and schedulers expect 128 + its number as exit code.
    """

    received: signal.Signals | None = None
    _is_worth_saving = False

    def __enter__(self) -> "Interruption":
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._former = {number: signal.signal(number, _leave_to_the_thread) for number in SIGNALS}
        # The interpreter writes each signal's number there at once, whatever the main thread does.
        self._former_descriptor = signal.set_wakeup_fd(self._writer)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        signal.set_wakeup_fd(self._former_descriptor)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    def __bool__(self) -> bool:
        return self.received is not None

    def listen(self) -> None:
        """Takes the signals again: where workers connect, TensorFlow has SIGTERM for itself."""
        for number in SIGNALS:
            signal.signal(number, _leave_to_the_thread)

    def hold(self) -> None:
        """From now on there is something to save, so the training is left to end by itself."""
        self._is_worth_saving = True

    def _watch(self) -> None:
        while number := os.read(self._reader, 1):
            if number[0] not in SIGNALS:
                continue
            again, self.received = self.received, signal.Signals(number[0])
            if again:
                _end(self.received, "again, so at once; the same command goes on from the last checkpoint")
            if not self._is_worth_saving:
                _end(self.received, "before a step was done, so nothing is lost; the same command begins again")
            print(
                f"{self.received.name}: stops after this step, and saves; once more, and it stops at once", flush=True
            )


def _leave_to_the_thread(number: int, frame: object) -> None:
    """A handler has to be there, or the signal would do what it does by default."""


def _end(number: signal.Signals, when: str) -> None:
    print(f"stopped by {number.name} {when}", flush=True)
    sys.stderr.flush()
    # An orderly exit would wait for whatever the main thread is in.
    os._exit(128 + number)
