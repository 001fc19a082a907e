"""From a run directory to production. Knows nothing that tfpix2pix does not tell it."""

import pipelines  # noqa: F401 (before TensorFlow, since it says how much of that is shown)
