"""The discriminators: networks that judge whether an image is real, given its source.

discriminator.py    builds the one that is asked for, shows what its layers see
multiscale.py       pix2pixHD's, of several scales
patchgan.py         the PatchGAN
parts.py            what they have alike: inputs, convolutions, norms, activations
"""
