"""Pixels and where they come from. Knows nothing of training."""
