"""Names the layers of the networks of the PyTorch reference and of pix2pixHD, and finds which of them tensors are of.

The reference is github.com/junyanz/pytorch-CycleGAN-and-pix2pix, models/networks.py; pix2pixHD is github.com/NVIDIA/
pix2pixHD, models/networks.py. Both number the modules of a torch.nn.Sequential: a padding, a norm without weights and
an activation count too.
"""

import dataclasses
import re
from collections.abc import Collection

from tfpix2pix.networks.choices import LOCAL_BLOCKS, RESNET_DEPTH

# The layer of ours, in their order: its name there.
Layers = dict[str, str]
REFERENCE, PIX2PIXHD = "the PyTorch reference", "pix2pixHD"
# A convolution, its norm, its activation.
STEP = 3
# The rate that the reference has wherever it has dropout.
DROPOUT = 0.5


@dataclasses.dataclass(frozen=True)
class Names:
    """Describes one network of theirs.

    Attributes:
      kind: `generator` or `discriminator`.
      layers: see Layers.
      biased: the convolutions that have a bias whatever the norm; None: all of them, as pix2pixHD has it.
      options: the options that the names tell, and the tensors do not.
    """

    kind: str
    layers: Layers
    biased: Collection[str] | None
    options: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def program(self) -> str:
        """Whose network it is."""
        return PIX2PIXHD if self.biased is None else REFERENCE


def unet(depth: int) -> Names:
    """Names the layers of the reference's UnetGenerator of this depth: each block holds the next one."""
    down, up = {"down1": "model.model.0"}, {"up1": "model.model.3"}
    for level in range(2, depth + 1):
        block = "model.model.1.model." + "3.model." * (level - 2)
        is_innermost = level == depth
        down[f"down{level}"] = f"{block}1"
        if not is_innermost:
            down[f"down{level}_norm"] = f"{block}2"
        place = 3 if is_innermost else 5
        up = {f"up{level}": f"{block}{place}", f"up{level}_norm": f"{block}{place + 1}", **up}
    return Names("generator", {**down, **up}, ("up1",))


def resnet(depth: int, blocks: int, has_dropout: bool) -> Names:
    """Names the layers of the reference's ResnetGenerator, which has a depth of 2, or of pix2pixHD's GlobalGenerator.

    Dropout counts in the names of what follows it in a block. pix2pixHD's generators have none.
    """
    layers, place = _trunk(depth, blocks, has_dropout)
    layers["last"] = f"model.{place + 1}"
    # Others are pix2pixHD's, of which every convolution has a bias.
    biased = ("last",) if depth == RESNET_DEPTH else None
    return Names("generator", layers, biased, {"dropout": DROPOUT * has_dropout})


def enhancer(depth: int, blocks: int) -> Names:
    """Names the layers of pix2pixHD's LocalEnhancer around a global generator of this depth."""
    layers, _ = _trunk(depth, blocks, has_dropout=False)
    layers |= _step("local_first", "model1_1", 1) | _step("local_down1", "model1_1", 1 + STEP)
    for block in range(LOCAL_BLOCKS):
        layers |= _block(f"local_block{block + 1}", f"model1_2.{block}", has_dropout=False)
    layers |= _step("local_up1", "model1_2", LOCAL_BLOCKS)
    layers["local_last"] = f"model1_2.{LOCAL_BLOCKS + STEP + 1}"
    return Names("generator", layers, None, {"dropout": 0.0})


def patchgan(n_layers: int) -> Names:
    """Names the layers of the reference's NLayerDiscriminator, or of its PixelDiscriminator for 0."""
    if n_layers == 0:
        layers = {"conv1": "net.0", "conv2": "net.2", "conv2_norm": "net.3", "logits": "net.5"}
        return Names("discriminator", layers, ("conv1",))
    return Names("discriminator", _patchgan_layers("", "model", n_layers), ("down1", "logits"))


def multiscale(scales: int, n_layers: int, has_features: bool = True) -> Names:
    """Names the layers of pix2pixHD's MultiscaleDiscriminator, whose last one sees the full size: scale1 of ours.

    Args:
      scales: how many discriminators.
      n_layers: of each.
      has_features: whether it gives its features too (getIntermFeat), and so has a Sequential for each layer.
    """
    layers: Layers = {}
    for scale in range(scales):
        ours = f"scale{scales - scale}_"
        if not has_features:
            layers |= _patchgan_layers(ours, f"layer{scale}", n_layers)
            continue
        for number, name in enumerate(_patchgan_convolutions(n_layers)):
            layers[ours + name] = f"scale{scale}_layer{number}.0"
            if 0 < number <= n_layers:
                layers[f"{ours}{name}_norm"] = f"scale{scale}_layer{number}.1"
    return Names("discriminator", layers, None)


def find(names: Collection[str]) -> Names | None:
    """Finds the network whose tensors have these names; None if it is none of them."""
    return _find_unet(names) or _find_resnet(names) or _find_patchgan(names) or _find_multiscale(names)


def other(names: Collection[str]) -> str | None:
    """Names a network that is known and cannot be read."""
    if any(name.startswith("model2_1.") for name in names):
        return "local enhancers of pix2pixHD, one around the other"
    if any(name.startswith("model1_1.") for name in names):
        return f"a local enhancer of pix2pixHD with other than {LOCAL_BLOCKS} blocks of its own"
    if any(re.match(r"model\.\d{1,6}\.conv_block\.0\.weight", name) for name in names):
        return "a ResNet generator whose blocks pad with zeros"
    if any(name.startswith(("scale0_layer0.", "layer0.0.")) for name in names):
        return "pix2pixHD's discriminator at one scale"
    return None


def _step(ours: str, parent: str, place: int) -> Layers:
    """Names a convolution and the norm behind it."""
    return {ours: f"{parent}.{place}", f"{ours}_norm": f"{parent}.{place + 1}"}


def _block(ours: str, parent: str, has_dropout: bool) -> Layers:
    """Names a residual block: padding, convolution, norm, ReLU, perhaps dropout; padding, convolution, norm."""
    inner = f"{parent}.conv_block"
    return _step(f"{ours}_conv1", inner, 1) | _step(f"{ours}_conv2", inner, 6 if has_dropout else 5)


def _trunk(depth: int, blocks: int, has_dropout: bool) -> tuple[Layers, int]:
    """Names a ResNet without its last padding and convolution, and returns the place of that padding."""
    layers, place = _step("first", "model", 1), 1 + STEP
    for level in range(1, depth + 1):
        layers |= _step(f"down{level}", "model", place)
        place += STEP
    for block in range(1, blocks + 1):
        layers |= _block(f"block{block}", f"model.{place}", has_dropout)
        place += 1
    for level in range(depth, 0, -1):
        layers |= _step(f"up{level}", "model", place)
        place += STEP
    return layers, place


def _patchgan_convolutions(n_layers: int) -> list[str]:
    return [*(f"down{layer}" for layer in range(1, n_layers + 1)), "conv", "logits"]


def _patchgan_layers(ours: str, parent: str, n_layers: int) -> Layers:
    first, *inner, last = _patchgan_convolutions(n_layers)
    layers = {ours + first: f"{parent}.0"}
    for number, name in enumerate(inner):
        layers |= _step(ours + name, parent, 2 + STEP * number)
    return layers | {ours + last: f"{parent}.{2 + STEP * len(inner)}"}


def _count(names: Collection[str], name: str, start: int = 0, step: int = 1) -> int:
    """Counts how often a name is there with its `{}` replaced by start, start + step, and so on."""
    count = 0
    while name.format(start + step * count) in names:
        count += 1
    return count


def _find_unet(names: Collection[str]) -> Names | None:
    if "model.model.0.weight" not in names:
        return None
    depth = 1
    while f"model.model.1.model.{'3.model.' * (depth - 1)}1.weight" in names:
        depth += 1
    return unet(depth)


def _find_resnet(names: Collection[str]) -> Names | None:
    if "model.1.weight" not in names or "model2_1.1.weight" in names:
        return None
    depth = _count(names, "model.{}.weight", 1 + STEP, STEP)
    before = 1 + STEP * (depth + 1)
    blocks = _count(names, "model.{}.conv_block.1.weight", before)
    # Paddings, which have no weights, come first, also in a block.
    if not depth or not blocks or f"model.{before}.conv_block.0.weight" in names:
        return None
    if "model1_1.1.weight" not in names:
        return resnet(depth, blocks, has_dropout=f"model.{before}.conv_block.5.weight" not in names)
    return enhancer(depth, blocks) if _count(names, "model1_2.{}.conv_block.1.weight") == LOCAL_BLOCKS else None


def _find_patchgan(names: Collection[str]) -> Names | None:
    if "net.0.weight" in names:
        return patchgan(0)
    n_layers = _inner_convolutions(names, "model")
    return patchgan(n_layers) if n_layers > 0 else None


def _find_multiscale(names: Collection[str]) -> Names | None:
    scales = _count(names, "scale{}_layer0.0.weight")
    if scales > 1:
        return multiscale(scales, max(1, _count(names, "scale0_layer{}.0.weight") - 2))
    scales = _count(names, "layer{}.0.weight")
    return multiscale(scales, max(1, _inner_convolutions(names, "layer0")), has_features=False) if scales > 1 else None


def _inner_convolutions(names: Collection[str], parent: str) -> int:
    """Counts the convolutions of a PatchGAN but the first and the last: as many as it has layers."""
    return _count(names, parent + ".{}.weight", 2, STEP) - 1 if f"{parent}.0.weight" in names else 0
