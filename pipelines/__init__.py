"""Pixels and where they come from. Knows nothing of training."""

import os

# TensorFlow's notes on the processor and on its own start; errors are still shown. Read when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
