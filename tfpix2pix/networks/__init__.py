"""Generators, which translate images, and discriminators, which judge them.

choices.py          names of networks, norms and losses, sizes that fit; needs no TensorFlow
generators/         the networks that map images
discriminators/     the networks that judge them
layers/             what both consist of
memory_estimate.py  the memory that networks need, before they are built
frozen.py           parts of the networks that do not learn
folded.py           networks for inference alone: norms inside the kernels, half precision
"""
