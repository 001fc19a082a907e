"""Finds the processes of a training on several machines, and tells which of them is gone."""

import contextlib
import dataclasses
import os
import pathlib
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
    expand_hostlist,
    expand_tasks_per_node,
)

from pipelines.system.terminal import InputError, print_error
from pipelines.system.untrusted_json import parse_json

# Kubeflow's training operator restarts a worker after this exit code, as after all above 127.
LOST_EXIT_CODE = 138
CONNECT_SECONDS = 2.0
# The ports of a Slurm job, by its number: two jobs on one machine seldom get the same.
SLURM_FIRST_PORT = 20000
SLURM_PORTS = 10000
# More workers than any job has.
MAX_WORKERS = 100_000
# TensorFlow raises these when a collective operation cannot finish.
LOST_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Names all workers, and which of them this process is.

    Attributes:
      addresses: `host:port` of each; the first is the chief.
      index: of this process among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run directory."""
        return self.index == 0

    def resolver(self, gpus: int) -> tf.distribute.cluster_resolver.ClusterResolver:
        """Returns the cluster as TensorFlow takes it; gpus is the number on this machine."""
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(self.addresses)}),
            task_type="worker",
            task_id=self.index,
            num_accelerators={"GPU": gpus},
            rpc_layer="grpc",
        )

    def lost(self, message: str) -> list[int]:
        """Returns the workers that are gone, by TensorFlow's error message and by whether they accept connections.

        These are the workers that the message names and that accept no connection. If all named workers accept one,
        they are returned: a process can be stuck behind an open port, or be a new one. If the message names none, all
        that accept no connection are returned.
        """
        others = [i for i in range(len(self.addresses)) if i != self.index]
        meant = {int(task) for task in re.findall(r"/task:(\d+)", message)}
        closed = [i for i in others if not _takes_connections(self.addresses[i])]
        return [i for i in closed if i in meant] or closed or [i for i in others if i in meant]

    @contextlib.contextmanager
    def ending_when_one_is_lost(self, note: pathlib.Path) -> Iterator[None]:
        """Ends this process with one line and LOST_EXIT_CODE if TensorFlow finds that a worker is gone.

        If that worker left a note with the reason, a restart would not help: the line is the note, and the exit code is
        that of an InputError.
        """
        try:
            yield
        except LOST_ERRORS as error:
            lost = self.lost(str(error))
            if not lost:
                raise
            if note.exists():
                self.end(note.read_text(), InputError.exit_code)
            who = " and ".join(f"worker {i} at {self.addresses[i]}" for i in lost)
            self.end(
                f"{who} is gone, so worker {self.index} stops; start all workers again with the same command: they "
                "resume from the newest checkpoint",
                LOST_EXIT_CODE,
            )

    def end(self, why: str, exit_code: int) -> NoReturn:
        """Ends this process at once, with one line. An orderly exit would wait for the other workers."""
        print_error(why)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


def find_cluster(strategy: str, environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Returns the workers that TF_CONFIG, or else Slurm, names; None if this process trains alone.

    Args:
      strategy: `multi_worker`, or `auto` for as many as there are; other choices ignore the environment.
      environment: the process's variables.

    Raises:
      InputError: the variables contradict themselves, or name no other worker although strategy asks for some.
    """
    if strategy not in ("auto", "multi_worker"):
        return None
    cluster = None
    if environment.get("TF_CONFIG"):
        cluster = _from_tf_config(environment["TF_CONFIG"])
    elif "SLURM_STEP_NUM_TASKS" in environment:
        cluster = _from_slurm(environment)
    if cluster and len(cluster.addresses) > 1:
        return cluster
    if strategy == "multi_worker":
        raise InputError(
            "strategy=multi_worker: neither TF_CONFIG nor Slurm's variables name two workers or more; start by srun, "
            "set TF_CONFIG, or give --strategy=auto"
        )
    return None


def _from_tf_config(text: str) -> Cluster:
    try:
        config = parse_json(text)
        jobs, task = config.get("cluster", {}), config.get("task", {})
        addresses = [*jobs.get("chief", []), *jobs.get("worker", [])]
        if wrong := [address for address in addresses if not _is_address(address)]:
            raise ValueError(f"{wrong[0]!r:.100} is not a host:port")
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
        if len(addresses) > 1 and not task:
            raise ValueError("it does not tell which task this is")
        if addresses and kind == "worker":
            index += len(jobs.get("chief", []))
        if addresses and (kind not in ("chief", "worker") or not 0 <= index < len(addresses)):
            raise ValueError(f"task {kind} {index} is not among its chief and workers")
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(
            f"TF_CONFIG={text:.500} cannot be used ({error}); it should be like "
            '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
        ) from None
    return Cluster(tuple(addresses), index)


def _from_slurm(environment: Mapping[str, str]) -> Cluster:
    try:
        count, index = int(environment["SLURM_STEP_NUM_TASKS"]), int(environment["SLURM_PROCID"])
        nodes, on_nodes = environment["SLURM_STEP_NODELIST"], environment["SLURM_STEP_TASKS_PER_NODE"]
        # Before the ranges are expanded: n[1-999999999].
        spans = [int(last) - int(first) for first, last in re.findall(r"(\d+)-(\d+)", nodes)]
        repeated = map(int, re.findall(r"x(\d+)", on_nodes))
        if max(count, sum(spans), sum(repeated)) > MAX_WORKERS:
            raise ValueError(f"more than {MAX_WORKERS} workers")
        hosts, tasks = expand_hostlist(nodes), expand_tasks_per_node(on_nodes)
        if sum(tasks) != count:
            raise ValueError(f"{count} tasks, but {sum(tasks)} on the nodes")
        first_port = SLURM_FIRST_PORT + int(environment["SLURM_JOB_ID"]) % SLURM_PORTS
        addresses = [
            f"{host}:{first_port + task}" for host, on_host in zip(hosts, tasks, strict=True) for task in range(on_host)
        ]
        if len(addresses) != count or not 0 <= index < count:
            raise ValueError(f"{count} tasks, but {len(addresses)} addresses; index {index}")
    except (KeyError, ValueError) as error:
        raise InputError(
            f"Slurm's variables cannot be used ({error}); set TF_CONFIG, or give --strategy=mirrored to train alone"
        ) from None
    return Cluster(tuple(addresses), index)


def _is_address(address: Any) -> bool:
    return isinstance(address, str) and re.fullmatch(r"[^\s/]+:\d{1,5}", address, re.ASCII) is not None


def split_address(address: str) -> tuple[str, int]:
    """Splits `host:port`; an IPv6 host is in brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _takes_connections(address: str) -> bool:
    try:
        socket.create_connection(split_address(address), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
