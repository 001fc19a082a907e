"""Loads files of export.torch by torch itself into the reference's networks, and saves them as torch does.

Runs in an environment that has torch (`make torch`). The networks are written anew from the description of
pytorch-CycleGAN-and-pix2pix, models/networks.py: UnetGenerator, ResnetGenerator, NLayerDiscriminator,
PixelDiscriminator; and of pix2pixHD, models/networks.py: GlobalGenerator, LocalEnhancer, MultiscaleDiscriminator.

    .venv-torch/bin/python tests/torch/check.py FOLDER

For each folder below FOLDER that has a case.json, it prints how far outputs are from those in arrays.npz.
"""

import collections
import functools
import json
import pathlib
import sys

import numpy as np
import safetensors.torch
import torch
from torch import nn


def norm_of(case):
    """The norm's layer by channels, and whether convolutions before it have a bias."""
    if case["norm"] == "batch":
        return nn.BatchNorm2d, False
    if case["norm"] == "instance":
        return functools.partial(nn.InstanceNorm2d, affine=case["affine"]), True
    return lambda channels: nn.Identity(), False


class Block(nn.Module):
    """One level of the U-Net, around the next one."""

    def __init__(self, outer, inner, case, inputs=None, inside=None, is_outermost=False):
        super().__init__()
        norm, bias = norm_of(case)
        self.is_outermost = is_outermost
        down = nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(inner * (2 if inside else 1), outer, 4, 2, 1, bias=bias or is_outermost)
        if is_outermost:
            layers = [down, inside, nn.ReLU(), up, nn.Tanh()]
        elif inside is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(outer)]
        else:
            layers = [nn.LeakyReLU(0.2), down, norm(inner), inside, nn.ReLU(), up, norm(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        y = self.model(x)
        return y if self.is_outermost else torch.cat([x, y], 1)


class Unet(nn.Module):
    """UnetGenerator without dropout."""

    def __init__(self, case):
        super().__init__()
        width, depth = case["width"], case["depth"]
        filters = [width * min(2**level, 8) for level in range(depth)]
        block = None
        for level in range(depth - 1, 0, -1):
            block = Block(filters[level - 1], filters[level], case, inside=block)
        self.model = Block(case["target_channels"], width, case, case["source_channels"], block, is_outermost=True)

    def forward(self, x):
        return self.model(x)


class Discriminator(nn.Module):
    """NLayerDiscriminator, or PixelDiscriminator with 0 layers."""

    def __init__(self, case):
        super().__init__()
        norm, bias = norm_of(case)
        width, layers = case["width"], case["layers"]
        inputs = case["source_channels"] + case["target_channels"]
        if layers == 0:
            self.net = nn.Sequential(
                nn.Conv2d(inputs, width, 1),
                nn.LeakyReLU(0.2),
                nn.Conv2d(width, 2 * width, 1, bias=bias),
                norm(2 * width),
                nn.LeakyReLU(0.2),
                nn.Conv2d(2 * width, 1, 1, bias=bias),
            )
            return
        filters = [width * min(2**n, 8) for n in range(layers + 1)]
        model = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for n in range(1, layers + 1):
            stride = 2 if n < layers else 1
            model += [
                nn.Conv2d(filters[n - 1], filters[n], 4, stride, 1, bias=bias),
                norm(filters[n]),
                nn.LeakyReLU(0.2),
            ]
        self.model = nn.Sequential(*model, nn.Conv2d(filters[-1], 1, 4, 1, 1))

    def forward(self, x):
        return (self.net if hasattr(self, "net") else self.model)(x)


class ResnetBlock(nn.Module):
    """x + [pad, convolution, norm, ReLU, (dropout), pad, convolution, norm]."""

    def __init__(self, channels, case):
        super().__init__()
        norm, bias = norm_of(case)
        bias = bias or case["hd"]
        dropout = [nn.Dropout(0.0)] if case["dropout"] else []
        first, second = (
            [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)] for _ in range(2)
        )
        self.conv_block = nn.Sequential(*first, nn.ReLU(), *dropout, *second)

    def forward(self, x):
        return x + self.conv_block(x)


def trunk(case, width):
    """ResnetGenerator and GlobalGenerator without their last padding, convolution and tanh."""
    norm, bias = norm_of(case)
    bias = bias or case["hd"]
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(case["source_channels"], width, 7, bias=bias), norm(width), nn.ReLU()]
    for level in range(case["depth"]):
        filters = width * 2**level
        layers += [nn.Conv2d(filters, 2 * filters, 3, 2, 1, bias=bias), norm(2 * filters), nn.ReLU()]
    layers += [ResnetBlock(width * 2 ** case["depth"], case) for _ in range(case["blocks"])]
    for level in reversed(range(case["depth"])):
        filters = width * 2**level
        layers += [nn.ConvTranspose2d(2 * filters, filters, 3, 2, 1, 1, bias=bias), norm(filters), nn.ReLU()]
    return layers


class Resnet(nn.Module):
    """ResnetGenerator, or GlobalGenerator where every convolution has a bias."""

    def __init__(self, case):
        super().__init__()
        last = [nn.ReflectionPad2d(3), nn.Conv2d(case["width"], case["target_channels"], 7), nn.Tanh()]
        self.model = nn.Sequential(*trunk(case, case["width"]), *last)

    def forward(self, x):
        return self.model(x)


class LocalEnhancer(nn.Module):
    """pix2pixHD's generator of two resolutions."""

    def __init__(self, case):
        super().__init__()
        norm, _ = norm_of(case)
        width = case["width"]
        self.model = nn.Sequential(*trunk(case, 2 * width))
        self.model1_1 = nn.Sequential(
            *[nn.ReflectionPad2d(3), nn.Conv2d(case["source_channels"], width, 7), norm(width), nn.ReLU()],
            *[nn.Conv2d(width, 2 * width, 3, 2, 1), norm(2 * width), nn.ReLU()],
        )
        self.model1_2 = nn.Sequential(
            *[ResnetBlock(2 * width, case) for _ in range(3)],
            *[nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1), norm(width), nn.ReLU()],
            *[nn.ReflectionPad2d(3), nn.Conv2d(width, case["target_channels"], 7), nn.Tanh()],
        )
        self.downsample = nn.AvgPool2d(3, 2, 1, count_include_pad=False)

    def forward(self, x):
        return self.model1_2(self.model1_1(x) + self.model(self.downsample(x)))


class Multiscale(nn.Module):
    """MultiscaleDiscriminator with features; it gives the logits of the full size."""

    def __init__(self, case):
        super().__init__()
        norm, _ = norm_of(case)
        width, layers = case["width"], case["layers"]
        inputs = case["source_channels"] + case["target_channels"]
        self.count = case["scales"]
        filters = [inputs] + [width * min(2**n, 8) for n in range(layers + 1)]
        for scale in range(self.count):
            for n in range(layers + 1):
                parts = [nn.Conv2d(filters[n], filters[n + 1], 4, 2 if n < layers else 1, 2)]
                parts += [norm(filters[n + 1])] if n else []
                setattr(self, f"scale{scale}_layer{n}", nn.Sequential(*parts, nn.LeakyReLU(0.2)))
            setattr(self, f"scale{scale}_layer{layers + 1}", nn.Sequential(nn.Conv2d(filters[-1], 1, 4, 1, 2)))
        self.layers = layers

    def forward(self, x):
        for n in range(self.layers + 2):
            x = getattr(self, f"scale{self.count - 1}_layer{n}")(x)
        return x


CLASSES = {"unet": Unet, "resnet": Resnet, "enhancer": LocalEnhancer, "patchgan": Discriminator, "scales": Multiscale}


def nchw(array):
    return torch.from_numpy(array.transpose(0, 3, 1, 2).copy())


def check(folder):
    """Returns the largest difference of any output of a case."""
    case = json.loads((folder / "case.json").read_text())
    arrays = np.load(folder / "arrays.npz")
    inputs = nchw(np.concatenate([arrays[name] for name in case["inputs"]], axis=-1))
    differences = []
    for mode in ("eval", "train"):
        for suffix in (".pth", ".safetensors"):
            network = CLASSES[case["network"]](case)
            file = folder / f"exported{suffix}"
            is_safe = suffix == ".safetensors"
            state = safetensors.torch.load_file(file) if is_safe else torch.load(file, weights_only=True)
            mapped = None if is_safe else torch.load(file, mmap=True, weights_only=True)
            assert mapped is None or all(torch.equal(mapped[name], tensor) for name, tensor in state.items())
            network.load_state_dict(state, strict=True)
            assert list(state) == list(network.state_dict()) or is_safe, "another order"
            getattr(network, mode)()
            with torch.no_grad():
                output = network(inputs).permute(0, 2, 3, 1).numpy()
            differences.append(float(np.abs(output - arrays[mode]).max()))
    network.load_state_dict(torch.load(folder / "exported.pth"))  # training has moved the running averages
    state = network.state_dict()
    torch.save(state, folder / "new.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(nn.DataParallel(network).state_dict(), folder / "parallel.pth")
    torch.save(collections.OrderedDict(state), folder / "protocol4.pth", pickle_protocol=4)
    safetensors.torch.save_file(state, folder / "safe.safetensors")
    return max(differences)


if __name__ == "__main__":
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*/case.json")):
        print(f"{path.parent.name} {check(path.parent):.3g}")
