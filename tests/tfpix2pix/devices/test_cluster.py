"""TF_CONFIG and Slurm's variables, and who is gone by TensorFlow's words and by closed ports."""

import json
import socket

import pytest

from pipelines.system.terminal import InputError
from tfpix2pix.devices.cluster import Cluster, find_cluster

SLURM = {
    "SLURM_STEP_NUM_TASKS": "5",
    "SLURM_PROCID": "3",
    "SLURM_STEP_NODELIST": "n[1-2],gpu07",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_JOB_ID": "1234567",
}


def tf_config(cluster, kind="worker", index=0):
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(("kind", "index", "expected"), [("worker", 1, 1), ("worker", 0, 0)], ids=str)
def test_workers(kind, index, expected):
    found = find_cluster("auto", tf_config({"worker": ["a:1", "b:2"]}, kind, index))
    assert found == Cluster(("a:1", "b:2"), expected)
    assert found.is_chief == (expected == 0)


def test_a_chief_comes_first():
    cluster = {"chief": ["c:1"], "worker": ["a:1", "b:2"]}
    assert find_cluster("auto", tf_config(cluster, "chief", 0)) == Cluster(("c:1", "a:1", "b:2"), 0)
    assert find_cluster("multi_worker", tf_config(cluster, "worker", 1)) == Cluster(("c:1", "a:1", "b:2"), 2)


def test_slurm():
    ports = ("n1:24567", "n1:24568", "n2:24567", "n2:24568", "gpu07:24567")
    assert find_cluster("auto", SLURM) == Cluster(ports, 3)
    # TF_CONFIG was set by somebody who knows better.
    assert find_cluster("auto", SLURM | tf_config({"worker": ["a:1", "b:2"]})).addresses == ("a:1", "b:2")


@pytest.mark.parametrize("environment", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, tf_config({"worker": ["a:1"]})])
def test_alone(environment):
    assert find_cluster("auto", environment) is None
    with pytest.raises(InputError, match=r"strategy=multi_worker.*TF_CONFIG"):
        find_cluster("multi_worker", environment)


@pytest.mark.parametrize("strategy", ["one", "mirrored"])
def test_left_aside(strategy):
    assert find_cluster(strategy, tf_config({"worker": ["a:1", "b:2"]})) is None


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_CONFIG": "{"},
        {"TF_CONFIG": "[]"},
        {"TF_CONFIG": json.dumps({"cluster": {"worker": ["a:1", "b:1"]}})},
        tf_config({"worker": ["a:1", "b:1"]}, index=2),
        tf_config({"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "ps"),
        tf_config({"worker": ["a:1", "b:1"], "evaluator": ["c:1"]}, "evaluator"),
    ],
)
def test_what_makes_no_sense(environment):
    with pytest.raises(InputError, match=r"TF_CONFIG=.*"):
        find_cluster("auto", environment)
    with pytest.raises(InputError, match="SLURM_JOB_ID"):
        find_cluster("auto", {name: value for name, value in SLURM.items() if name != "SLURM_JOB_ID"})


def test_who_is_lost():
    with socket.create_server(("127.0.0.1", 0)) as open_one, socket.create_server(("127.0.0.1", 0)) as closed_one:
        there, gone = (f"127.0.0.1:{each.getsockname()[1]}" for each in (open_one, closed_one))
        closed_one.close()
        cluster = Cluster(("self:1", there, gone), 0)
        # A worker that runs says it about one that does not.
        assert cluster.lost("reported from /job:worker/task:1: unhealthy /job:worker/replica:0/task:2") == [2]
        assert cluster.lost("connection reset by peer") == [2]
        # Its process is stuck, or a new one.
        assert Cluster(("self:1", there), 0).lost("remote target /job:worker/replica:0/task:1 from task:0") == [1]
        assert Cluster(("self:1", there), 0).lost("out of memory") == []
