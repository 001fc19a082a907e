import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import tensorflow as tf

# Two devices, so that one process can be two replicas; what asks for one sees CPU:0.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


@pytest.fixture(scope="session")
def strategies():
    """Strategies by number of replicas. One each for the whole process: a second strategy over the same two devices
    would number its collective operations as the first one did, and TensorFlow takes them for one another's.
    """
    return {n: tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(n)]) for n in (1, 2)}
