"""Finds or downloads the published weights that metrics need."""

import dataclasses
import pathlib

from pipelines.system.download import download
from pipelines.system.terminal import InputError

FOLDER = "weights"


@dataclasses.dataclass(frozen=True)
class WeightsSpec:
    """One published file.

    Attributes:
      url: its address.
      sha256: of the whole file, in hex.
      bytes: its size; a download stops there.
      option: the option that names another file instead.
    """

    url: str
    sha256: str
    bytes: int
    option: str

    @property
    def file_name(self) -> str:
        """The last part of the url."""
        return self.url.rsplit("/", 1)[-1]


WEIGHTS = {
    # Inception V3 of 2015-12-05, for FID and KID (see inception.py).
    "inception": WeightsSpec(
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        bytes=95_628_359,
        option="inception_weights",
    ),
    # torchvision's AlexNet, and the layers that LPIPS 0.1 learned on top of it (see lpips.py).
    "alexnet": WeightsSpec(
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        bytes=244_408_911,
        option="alexnet_weights",
    ),
    "lpips": WeightsSpec(
        url="https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        bytes=6_009,
        option="lpips_weights",
    ),
}


def find_weights(name: str, given: str | pathlib.Path, data_dir: str | pathlib.Path) -> pathlib.Path:
    """Finds the file with the weights of a name in WEIGHTS, or downloads it.

    Args:
      name: which.
      given: a file to take instead, or an empty string. Its digest is not checked: it may be the same network,
        trained in another way.
      data_dir: the folder of all data. Without a given file, the file is data_dir/weights/<file name of the url>. If it
        does not exist, it is downloaded, and stays only if its digest is right. A file that was put there by hand is
        taken as it is.

    Raises:
      InputError: the given file does not exist, the download fails, or its digest is wrong.
      OSError: the disk is full or not writable.
    """
    spec = WEIGHTS[name]
    if given:
        if not pathlib.Path(given).is_file():
            raise InputError(f"--{spec.option}={given} is not a file; get one from {spec.url}, or leave the flag out")
        return pathlib.Path(given)
    file = pathlib.Path(data_dir) / FOLDER / spec.file_name
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        download(spec.url, file, spec.bytes, spec.sha256)
    except InputError as error:
        raise InputError(f"{error}, or give --{spec.option}=FILE") from None
    return file
