import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import tensorflow as tf

from tests.helpers.commands import call, command_module
from tests.helpers.golden import SHARED
from tests.helpers.runs import TINY, make_pairs

train = command_module("tfpix2pix.train")

# Two devices, so that one process can be two replicas; what asks for one sees CPU:0.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_collection_modifyitems(items):
    """Skips what needs the data beside the repository, where they are not."""
    if not SHARED.is_dir():
        for item in items:
            if item.get_closest_marker("needs_shared"):
                item.add_marker(pytest.mark.skip(reason=f"{SHARED} is not here"))


@pytest.fixture(scope="session")
def strategies():
    """Strategies by number of replicas. One each for the whole process: a second strategy over the same two devices
    would number its collective operations as the first one did, and TensorFlow takes them for one another's.
    """
    return {n: tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(n)]) for n in (1, 2)}


@pytest.fixture(scope="session")
def short_run(tmp_path_factory):
    """A run directory after two steps at 64×64, at a rate at which they show; its pairs lie beside it, in `pairs`."""
    folder = tmp_path_factory.mktemp("short")
    pairs = make_pairs(folder / "pairs", val=4)
    options = ("--direction=BtoA", "--max_steps=2", "--learning_rate=0.05")
    assert call(train, *TINY, f"--data={pairs}", f"--run_dir={folder / 'run'}", *options) == 0
    return folder / "run"
