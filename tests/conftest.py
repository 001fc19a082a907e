import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
import tensorflow as tf

from tests.helpers.commands import call, command_module
from tests.helpers.golden import SHARED
from tests.helpers.runs import TINY, make_pairs, untrained

train = command_module("tfpix2pix.train")

# TensorFlow's hundreds of thousands of objects stay; looking through them for garbage took a twentieth of the time.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)

# Two devices, so that one process can be two replicas; what asks for one sees CPU:0.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


# Files that take longest come first, so that no worker is left with one of them at the end.
LONGEST = ("test_workers", "test_faults", "test_evaluate", "test_hostile", "test_saved_model", "test_wheel",
           "test_quickstart", "test_low_precision_training", "test_shards", "test_api", "test_translate")  # fmt: skip


def pytest_collection_modifyitems(items):
    """Puts the longest first, and skips what needs the data beside the repository, where they are not."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
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


@pytest.fixture
def float64():
    """Layers compute in float64."""
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="session")
def noisy_run(tmp_path_factory, strategies):
    """A run directory with the weights of the start, of a generator that has dropout."""
    return untrained(tmp_path_factory.mktemp("noisy") / "run", strategies[1], depth=6)


@pytest.fixture(scope="session")
def short_run(tmp_path_factory):
    """A run directory after two steps at 64×64, at a rate at which they show; its pairs lie beside it, in `pairs`."""
    folder = tmp_path_factory.mktemp("short")
    pairs = make_pairs(folder / "pairs", val=4)
    options = ("--direction=BtoA", "--max_steps=2", "--learning_rate=0.05")
    assert call(train, *TINY, f"--data={pairs}", f"--run_dir={folder / 'run'}", *options) == 0
    return folder / "run"
