"""Starts commands as processes, without TensorFlow's import for each: forks of a process that has imported it.

What is started is a process like any other: a child of the tests' own, with its own identifier, environment, exit code,
output and signals. That commands also start without such help is proven by test_start_up, test_portability and
test_wheel.
"""

import ctypes
import functools
import gc
import json
import os
import pathlib
import runpy
import socket
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
# linux/prctl.h
PR_SET_CHILD_SUBREAPER = 36
MAX_REQUEST = 1 << 20
_ONE_AT_A_TIME = threading.Lock()


@functools.cache
def _parent() -> tuple[socket.socket, subprocess.Popen]:
    """Starts the process that is forked; it ends when the socket that it is asked through is closed.

    Its own output goes to pipes, so that Python's files for both are such as a command has under test.
    """
    # An orphan becomes a child of the process that asks this, which then can wait for it.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    words = [sys.executable, "-m", "tests.helpers.forks", str(theirs.fileno())]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(words, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()], **pipes)
    theirs.close()
    return ours, process


class Fork(subprocess.Popen):
    """Runs `[module, *arguments]` as `python -m` does, or `["-c", code]`.

    Takes `cwd`, `env`, and pipes or files for both outputs.
    """

    def _execute_child(self, args, *others):
        cwd, env = others[4:6]
        pipes = others[9:15]
        request = json.dumps([args, os.fspath(cwd), dict(env)]).encode()
        assert len(request) < MAX_REQUEST
        with _ONE_AT_A_TIME:
            requests, parent = _parent()
            socket.send_fds(requests, [request], [pipes[3], pipes[5]])
            answer = requests.recv(100)
            assert answer, parent.communicate()
            self.pid = int(answer)
        self._child_created = True
        self._close_pipe_fds(*pipes)


def _wait_for_requests(requests: socket.socket) -> list[str] | None:
    """Answers each request by the identifier of a new process, and returns in this: what it shall run."""
    while True:
        message, outputs, _, _ = socket.recv_fds(requests, MAX_REQUEST, 2)
        if not message:
            return None
        reader, writer = os.pipe()
        between = os.fork()
        if between:
            # Only when the one between has ended, the new one is a child of who asked.
            os.waitpid(between, 0)
            requests.send(os.read(reader, 100))
            for each in (reader, writer, *outputs):
                os.close(each)
            continue
        child = os.fork()
        if child:
            os.write(writer, str(child).encode())
            os._exit(0)
        os.close(reader)
        os.close(writer)
        requests.close()
        for number, output in zip((1, 2), outputs, strict=True):
            os.dup2(output, number)
            os.close(output)
        words, folder, environment = json.loads(message)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        return words


if __name__ == "__main__":
    import keras  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import tensorflow  # noqa: F401

    # Collecting garbage would touch, and so copy, every page that the forks share.
    gc.collect()
    gc.freeze()
    words = _wait_for_requests(socket.socket(fileno=int(sys.argv[1])))
    if words:
        sys.argv = words
        if words[0] == "-c":
            exec(words[1], {"__name__": "__main__"})
        else:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
