"""The processes of a training on several machines: who they are, and which of them is gone."""

import contextlib
import dataclasses
import os
import pathlib
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
    expand_hostlist,
    expand_tasks_per_node,
)

from pipelines.system.terminal import InputError, print_error
from pipelines.system.untrusted_json import parse_json

# What Kubeflow's training operator takes for a failure after which a restart helps, as it does all above 127.
LOST_EXIT_CODE = 138
CONNECT_SECONDS = 2.0
# The ports of a Slurm job: two jobs on one machine seldom have the same.
SLURM_FIRST_PORT = 20000
SLURM_PORTS = 10000
# More than any job has.
MAX_WORKERS = 100_000
# What TensorFlow raises when a collective operation cannot be finished.
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
    """All workers, and which of them this process is.

    Attributes:
      addresses: `host:port` of each; the first is the chief.
      index: this process's place among them.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what the training leaves behind."""
        return self.index == 0

    def resolver(self, gpus: int) -> tf.distribute.cluster_resolver.ClusterResolver:
        """As TensorFlow wants it; gpus are this machine's."""
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(self.addresses)}),
            task_type="worker",
            task_id=self.index,
            num_accelerators={"GPU": gpus},
            rpc_layer="grpc",
        )

    def lost(self, message: str) -> list[int]:
        """The workers that TensorFlow's message may mean and that take no connection any more.

        If all of those that it means do, then these: a process can be stuck behind an open port, or be a new one. If it
        means nobody, then whoever takes no connection.
        """
        others = [i for i in range(len(self.addresses)) if i != self.index]
        meant = {int(task) for task in re.findall(r"/task:(\d+)", message)}
        closed = [i for i in others if not _takes_connections(self.addresses[i])]
        return [i for i in closed if i in meant] or closed or [i for i in others if i in meant]

    @contextlib.contextmanager
    def ending_when_one_is_lost(self, note: pathlib.Path) -> Iterator[None]:
        """Ends this process with one line and LOST_EXIT_CODE where TensorFlow finds that a worker is gone.

        If that one has left a note that says why, it is a fault that starting again would not mend: the line is the
        note, and the exit code that of an InputError.
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
                f"{who} is gone, so worker {self.index} stops; start all workers again with the same command: they go "
                "on from the last checkpoint",
                LOST_EXIT_CODE,
            )

    def end(self, why: str, exit_code: int) -> None:
        """Ends this process alone, with one line. An orderly exit would wait for the other workers."""
        print_error(why)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


def find_cluster(strategy: str, environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The workers that TF_CONFIG, or else Slurm, names; None where this process trains alone.

    Args:
      strategy: `multi_worker`, or `auto` for as many as there are; other words leave the environment aside.
      environment: the process's variables.

    Raises:
      InputError: what they say makes no sense, or names no other worker though strategy asks for some.
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
            raise ValueError(f"{wrong[0]!r:.100} is no host:port")
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
        if len(addresses) > 1 and not task:
            raise ValueError("it does not say which task this is")
        if addresses and kind == "worker":
            index += len(jobs.get("chief", []))
        if addresses and (kind not in ("chief", "worker") or not 0 <= index < len(addresses)):
            raise ValueError(f"task {kind} {index} is none of its chief and workers")
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
        # Before they are written out: n[1-999999999].
        spans = [int(last) - int(first) for first, last in re.findall(r"(\d+)-(\d+)", nodes)]
        repeated = map(int, re.findall(r"x(\d+)", on_nodes))
        if max(count, sum(spans), sum(repeated)) > MAX_WORKERS:
            raise ValueError(f"more than {MAX_WORKERS} workers")
        hosts, tasks = expand_hostlist(nodes), expand_tasks_per_node(on_nodes)
        if sum(tasks) != count:
            raise ValueError(f"{count} tasks, and {sum(tasks)} places for them")
        first_port = SLURM_FIRST_PORT + int(environment["SLURM_JOB_ID"]) % SLURM_PORTS
        addresses = [
            f"{host}:{first_port + task}" for host, on_host in zip(hosts, tasks, strict=True) for task in range(on_host)
        ]
        if len(addresses) != count or not 0 <= index < count:
            raise ValueError(f"{count} tasks, and {len(addresses)} places for them; index {index}")
    except (KeyError, ValueError) as error:
        raise InputError(
            f"Slurm's variables cannot be used ({error}); set TF_CONFIG, or give --strategy=mirrored to train alone"
        ) from None
    return Cluster(tuple(addresses), index)


def _is_address(address: Any) -> bool:
    return isinstance(address, str) and re.fullmatch(r"[^\s/]+:\d{1,5}", address, re.ASCII) is not None


def split_address(address: str) -> tuple[str, int]:
    """`host:port` in two; an IPv6 host stands in brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _takes_connections(address: str) -> bool:
    try:
        socket.create_connection(split_address(address), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True
