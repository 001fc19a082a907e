"""pix2pix on TensorFlow and Keras: networks, training, translation."""

import pipelines  # noqa: F401 (before TensorFlow, since it says how much of that is shown)
