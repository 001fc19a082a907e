"""Opens the trained networks that some metrics need, and has the flags that name them."""

import dataclasses
import pathlib

from absl import flags

from pipelines.datasets.label_colors import PALETTES
from pipelines.images.size import format_size
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.quality.measure import Networks
from tfpix2pix.quality.metrics import LPIPS_SIDE, MS_SSIM_SIDE, SSIM_WINDOW
from tfpix2pix.quality.pretrained.inception import Inception
from tfpix2pix.quality.pretrained.lpips import Lpips
from tfpix2pix.quality.pretrained.weights import WEIGHTS, find_weights
from tfpix2pix.quality.segmentation import load_segmenter


def networks_for(config: Config) -> Networks:
    """What training needs to choose the best checkpoint by config.best_by.

    Raises:
      InputError: the weights cannot be had.
    """
    try:
        return Networks(
            inception=_open_inception(config) if config.best_by in ("fid", "kid") else None,
            lpips=_open_lpips(config) if config.best_by == "lpips" else None,
        )
    except InputError as error:
        raise InputError(f"best_by={config.best_by}: {error}; or choose by another metric, such as l1") from None


def networks_at_hand(config: Config) -> tuple[Networks, dict[str, str]]:
    """All networks that the flags ask for and that can be had, and for the metrics whose network cannot, why.

    Args:
      config: says where weights are, unless the flags do.

    Raises:
      InputError: a file or folder that was named is not what it should be: what was asked for is not left out.
    """
    values = flags.FLAGS
    given = {spec.option: values[spec.option].value for spec in WEIGHTS.values() if values[spec.option].value}
    config = dataclasses.replace(config, **given)
    networks, missing = Networks(), {}
    if not values.features:
        missing["FID, KID and LPIPS"] = "--nofeatures"
    else:
        for metrics, attribute, files, open_network in (
            ("FID and KID", "inception", ("inception",), _open_inception),
            ("LPIPS", "lpips", ("alexnet", "lpips"), _open_lpips),
        ):
            faults = _faults(config, files)
            if faults:
                missing[metrics] = "; ".join(faults)
            elif attribute == "lpips" and min(config.image_size) < LPIPS_SIDE:
                missing[metrics] = f"its network needs images with sides of {LPIPS_SIDE} or more"
            else:
                networks = dataclasses.replace(networks, **{attribute: open_network(config)})
    for metric, least in (("SSIM", SSIM_WINDOW), ("MS-SSIM", MS_SSIM_SIDE)):
        if min(config.image_size) < least:
            missing[metric] = f"images of {format_size(config.image_size)} are too small, it needs sides of {least}"
    return (_with_segmenter(networks, config) if values.segmenter else networks), missing


def _faults(config: Config, names: tuple[str, ...]) -> list[str]:
    """Why files of WEIGHTS cannot be had, each; raises for one that was named and is not there."""
    faults = []
    for name in names:
        try:
            find_weights(name, _given(config, name), pathlib.Path(config.data_dir))
        except InputError as error:
            if _given(config, name):
                raise
            faults.append(str(error))
    return faults


def _given(config: Config, name: str) -> str:
    return getattr(config, WEIGHTS[name].option)


def _open_inception(config: Config) -> Inception:
    return Inception(find_weights("inception", config.inception_weights, pathlib.Path(config.data_dir)))


def _open_lpips(config: Config) -> Lpips:
    data_dir = pathlib.Path(config.data_dir)
    return Lpips(
        find_weights("alexnet", config.alexnet_weights, data_dir),
        find_weights("lpips", config.lpips_weights, data_dir),
    )


def _with_segmenter(networks: Networks, config: Config) -> Networks:
    values = flags.FLAGS
    name = pathlib.Path(config.data).name if values.label_colors == "auto" else values.label_colors
    if name not in PALETTES:
        known = " or ".join(PALETTES)
        raise InputError(f"the label colours of data={config.data} are not known; give --label_colors={known}")
    if (config.source_channels, config.target_channels) != (3, 3):
        raise InputError(
            f"segmenter={values.segmenter}: label colours and the images that it reads have 3 channels, and this run "
            f"goes from {config.source_channels} to {config.target_channels}"
        )
    palette = PALETTES[name]
    segment = load_segmenter(pathlib.Path(values.segmenter), len(palette.classes))
    return dataclasses.replace(networks, segment=segment, palette=palette)


def define_flags() -> None:
    """The options of all commands that measure."""
    flags.DEFINE_bool("features", True, "FID, KID and LPIPS, whose networks are fetched")
    for name, spec in WEIGHTS.items():
        flags.DEFINE_string(spec.option, "", f"file of {name} weights; default: as in the run's config, or fetched")
    flags.DEFINE_string("segmenter", "", "SavedModel from images to class logits, for the segmentation score")
    flags.DEFINE_enum("label_colors", "auto", ("auto", *PALETTES), "colours of the sources' labels, for the segmenter")
