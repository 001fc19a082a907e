"""Pixels and where they come from. Knows nothing of training."""

import os

# TensorFlow's notes on the processor and on its own start are not for users, and what it says of broken images the
# commands say in their own words. Read when it is first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
