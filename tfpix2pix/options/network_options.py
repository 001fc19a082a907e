"""Defines the options of both networks."""

import dataclasses

from pipelines.images.size import MAX_SIDE
from tfpix2pix.networks.choices import (
    DISCRIMINATOR_NORMS,
    GENERATORS,
    NORM_STATISTICS,
    NORMS,
    PADDINGS,
    RECEPTIVE_FIELDS,
    UPSAMPLES,
    parse_sides,
)
from tfpix2pix.networks.frozen import parse_parts
from tfpix2pix.options.option import option

# Far beyond what has been of use; from 2^20 on a single kernel has more bytes than any machine.
MAX_WIDTH = 4096
MAX_BLOCKS = 256
MAX_SCALES = 3


@dataclasses.dataclass(frozen=True)
class Networks:
    """Options of generator and discriminator."""

    generator: str = option(
        "unet",
        "unet, the paper's; or resnet, the reference's resnet_9blocks, with depth=4 the global one of pix2pixHD",
        choices=tuple(GENERATORS),
        change="never",
    )
    generator_width: int = option(
        64, "filters of the generator's first convolution", minimum=1, below=MAX_WIDTH + 1, change="never"
    )
    depth: int = option(
        0,
        "how often the generator halves the image; 0: the U-Net as often as possible, up to 8, the ResNet twice",
        minimum=0,
        below=MAX_SIDE.bit_length(),
        change="never",
    )
    blocks: int = option(0, "the ResNet's residual blocks; 0: 9", minimum=0, below=MAX_BLOCKS + 1, change="never")
    enhancers: int = option(
        0,
        "local enhancers around the ResNet, 0 or 1, as in pix2pixHD: the ResNet gets twice the width and half the size",
        minimum=0,
        below=2,
        change="never",
    )
    upsample: str = option(
        "transpose",
        "how the generator doubles: transpose (convolution), resize (repeat pixels, convolve 3x3) or pixel_shuffle "
        "(convolve 3x3 to 4 times the filters, beginning with ICNR)",
        choices=UPSAMPLES,
        change="never",
    )
    padding: str = option(
        "auto",
        "what the generator's convolutions see beyond edges: zero, reflect, or auto: zero in the U-Net, reflect in the "
        "ResNet (in all but its strided convolutions, as in the reference)",
        choices=PADDINGS,
        change="never",
    )
    attention_at: str = option(
        "",
        "self-attention in the generator, where its features of image_size have these shorter sides, such as 16,32",
        parse=parse_sides,
        change="never",
    )
    generator_spectral_norm: bool = option(
        False, "divide the generator's kernels by their spectral norms", change="never"
    )
    dropout: float = option(
        0.5,
        "dropout rate in the U-Net's inner levels, or in each of the ResNet's blocks",
        minimum=0.0,
        below=1.0,
        change="never",
    )
    norm: str = option("batch", "normalization in both networks", choices=NORMS, change="never")
    norm_statistics: str = option(
        "image",
        "statistics of batch norm at inference: image (each image's own) or moving (averages)",
        choices=NORM_STATISTICS,
        change="never",
    )
    sync_batch_norm: bool = option(False, "take batch norm's statistics over all replicas", change="asked")
    discriminator_width: int = option(
        64, "filters of the PatchGAN's first layer", minimum=1, below=MAX_WIDTH + 1, change="never"
    )
    discriminator_layers: int = option(
        3,
        "PatchGAN layers: 0..6 see patches of 1, 16, 34, 70, 142, 286, 574 pixels",
        minimum=0,
        below=len(RECEPTIVE_FIELDS),
        change="never",
    )
    discriminator_scales: int = option(
        1,
        "at how many sizes, each half the one before, pairs are judged, by a network each; from 2 on the networks are "
        "pix2pixHD's discriminator",
        minimum=1,
        below=MAX_SCALES + 1,
        change="never",
    )
    discriminator_norm: str = option(
        "same",
        "normalization in the discriminator; same: as norm; spectral: of its kernels, not of what they compute",
        choices=DISCRIMINATOR_NORMS,
        change="never",
    )
    conditional: bool = option(
        True, "judge pairs; --noconditional judges the image alone, without its source", change="never"
    )
    init_from: str = option(
        "",
        "weights that a new run begins with, as far as they fit: a run directory (its best checkpoint; R:latest, "
        "R:2000), a .keras, .weights.h5, .pth or .safetensors file, or several with commas between them",
        change="machine",
    )
    freeze: str = option(
        "",
        "parts that do not learn: encoder, decoder, discriminator, a ResNet's blocks, its global or local part if it "
        "has an enhancer, or levels of the generator (with an enhancer: of its global part), such as down1,down2",
        parse=parse_parts,
        change="never",
    )

    @property
    def norm_of_discriminator(self) -> str:
        """The discriminator's norm: discriminator_norm, or norm where that is `same`."""
        return self.norm if self.discriminator_norm == "same" else self.discriminator_norm

    @property
    def frozen_parts(self) -> tuple[str, ...]:
        """The parts that do not learn, as freeze names them."""
        return parse_parts(self.freeze) if self.freeze else ()
