"""Lists the published pix2pix data sets: addresses, sizes and digests."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DatasetSpec:
    """Describes one published data set for `fetch.fetch`.

    Attributes:
        url: the archive, a tar.gz with one top folder of the data set's name.
        digest: the contents digest (see fetch.contents_digest), or None if it is not known.
        files: the number of images in all splits, or None if it is not known.
        direction: the usual direction, "AtoB" or "BtoA"; A is the left half of an image.
        max_bytes: limit of the compressed download, in bytes.
        unpacked_bytes: limit of all unpacked files together, in bytes.
    """

    url: str
    digest: str | None
    files: int | None
    direction: str
    max_bytes: int
    unpacked_bytes: int


# Digests and counts were taken from complete copies. For edges2shoes, edges2handbags and night2day none is known, and
# their addresses are plain http: nobody checks their contents.
#
# max_bytes is four times the archive's size as published (30 MB, 103 MB, 250 MB, 2.2 GB, 8.6 GB, 1.9 GB, in the order
# below): an archive that is packed anew fits, and a wrong or hostile server cannot fill the disk. unpacked_bytes is
# twice that, since the images are compressed already and hardly shrink in an archive.
DATASETS = {
    "facades": DatasetSpec(
        url="http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz",
        digest="1a5098ad0645d2e5f200b85cea3d60c90784503a7cf23f6dc2ead4afe83e51f6",
        files=606,
        direction="BtoA",
        max_bytes=120_000_000,
        unpacked_bytes=240_000_000,
    ),
    "cityscapes": DatasetSpec(
        url="http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/cityscapes.tar.gz",
        digest="ed1b54f303649984eede3966ae6ba7440ea7d2b42510cd87170ea43ab224c58f",
        files=3475,
        direction="BtoA",
        max_bytes=412_000_000,
        unpacked_bytes=824_000_000,
    ),
    "maps": DatasetSpec(
        url="http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz",
        digest="5128b816c240e93d50281e6ca4f0ce1cccef247731470d036eaa9dcde2094207",
        files=2194,
        direction="AtoB",
        max_bytes=1_000_000_000,
        unpacked_bytes=2_000_000_000,
    ),
    "edges2shoes": DatasetSpec(
        url="http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz",
        digest=None,
        files=None,
        direction="AtoB",
        max_bytes=8_800_000_000,
        unpacked_bytes=17_600_000_000,
    ),
    "edges2handbags": DatasetSpec(
        url="http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2handbags.tar.gz",
        digest=None,
        files=None,
        direction="AtoB",
        max_bytes=34_400_000_000,
        unpacked_bytes=68_800_000_000,
    ),
    "night2day": DatasetSpec(
        url="http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/night2day.tar.gz",
        digest=None,
        files=None,
        direction="AtoB",
        max_bytes=7_600_000_000,
        unpacked_bytes=15_200_000_000,
    ),
}
