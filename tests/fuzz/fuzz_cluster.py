"""Finds the cluster in TF_CONFIG or in Slurm's variables."""

from pipelines.system.terminal import InputError
from tests.fuzz.mutate import mutator
from tfpix2pix.devices.cluster import find_cluster

EXPECTED = (InputError,)
SLURM = ("STEP_NUM_TASKS", "PROCID", "STEP_NODELIST", "STEP_TASKS_PER_NODE", "JOB_ID")
SEEDS = [
    b'{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}',
    b'{"cluster": {"chief": ["c:1"], "worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    b'{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "task": {"type": "ps", "index": "0"}}',
    b"S5\0003\000n[1-2],gpu07\0002(x2),1\0001234567",
    b"S2\0000\000n[1-999999999]\0001(x999999999)\0001",
    b"S2\0000\000a[01,03-04]b,c\0002\000x",
]
MUTATOR = mutator(split=b"\0")


def target(data, folder):
    # As the system passes an environment; it cannot have NUL.
    if data[:1] == b"S":
        values = data[1:].decode(errors="surrogateescape").split("\0")
        environment = {f"SLURM_{name}": value for name, value in zip(SLURM, values, strict=False)}
    else:
        environment = {"TF_CONFIG": data.decode(errors="surrogateescape").replace("\0", "")}
    cluster = find_cluster("auto", environment)
    if cluster:
        assert all(address.rpartition(":")[2].isdecimal() for address in cluster.addresses)
        assert 0 <= cluster.index < len(cluster.addresses) <= 100_000
