"""The generators: networks that map a source to a target.

generator.py        all of them by name; gives one other sizes or outputs
unet.py             the U-Net
enhancer.py         pix2pixHD's local enhancer around a ResNet
resnet.py           the ResNet, also pix2pixHD's global generator
parts.py            what they have alike: norms, dropout, ways up, attention, the output
"""
