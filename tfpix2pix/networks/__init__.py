"""What maps images to images or logits, and what judges the result.

choices.py          names of norms and losses, sizes that fit; the only file here without TensorFlow
convolution.py      the 4×4 convolutions, as matrix products where that is faster
layers.py           normalization and dropout
generator.py        the U-Net
discriminator.py    the PatchGAN
losses.py           GAN losses and L1
memory_estimate.py  the memory that networks need, before they are built
"""
