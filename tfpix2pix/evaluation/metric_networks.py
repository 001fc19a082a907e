"""Opens the trained networks that some metrics need."""

import dataclasses
import pathlib

from pipelines.images.choices import MAX_PLAIN_CHANNELS
from pipelines.images.label_colors import PALETTES
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.evaluation.label_palettes import palette_of
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.quality.measure import Networks
from tfpix2pix.quality.metrics import LPIPS_SIDE, MS_SSIM_SIDE, SSIM_WINDOW
from tfpix2pix.quality.pretrained.inception import Inception
from tfpix2pix.quality.pretrained.lpips import Lpips
from tfpix2pix.quality.pretrained.weights import WEIGHTS, find_weights
from tfpix2pix.quality.segmentation import load_segmenter

# The files that metrics need, by what --best_by calls these.
OF_METRICS = {"fid": ("inception",), "kid": ("inception",), "lpips": ("alexnet", "lpips")}


def check_named(config: Config) -> None:
    """Raises InputError if an option names a file that config.best_by needs, and it is not there; downloads nothing."""
    try:
        for name in OF_METRICS.get(config.best_by, ()):
            if _given(config, name):
                _find(config, name)
    except InputError as error:
        raise InputError(f"best_by={config.best_by}: {error}; or choose by another metric, such as l1") from None


def networks_for(config: Config) -> Networks:
    """Opens the network by which training chooses its best checkpoint, if config.best_by needs one.

    Raises:
      InputError: its weights are not there and cannot be downloaded.
    """
    try:
        return Networks(
            inception=_open_inception(config) if config.best_by in ("fid", "kid") else None,
            lpips=_open_lpips(config) if config.best_by == "lpips" else None,
        )
    except InputError as error:
        raise InputError(f"best_by={config.best_by}: {error}; or choose by another metric, such as l1") from None


def available_networks(config: Config, options: MeasureOptions) -> tuple[Networks, dict[str, str]]:
    """Opens all networks that the options ask for and whose weights are there or can be downloaded.

    Args:
      config: says where weights are.
      options: what is measured.

    Returns:
      The networks, and why other metrics have none, by metric.

    Raises:
      InputError: a file or folder that was named is not what it should be. What was asked for is never left out.
    """
    networks, missing = Networks(), {}
    if not options.features:
        missing["FID, KID and LPIPS"] = "--nofeatures"
    elif config.target_labels or config.target_channels > MAX_PLAIN_CHANNELS:
        what = "label maps" if config.target_labels else f"images of {config.target_channels} channels"
        missing["FID, KID and LPIPS"] = f"their networks read photographs, and these are {what}"
    else:
        faults = _weights_faults(config, ("inception",))
        if faults:
            missing["FID and KID"] = faults
        else:
            networks = dataclasses.replace(networks, inception=_open_inception(config))
        faults = _weights_faults(config, ("alexnet", "lpips"))
        if faults:
            missing["LPIPS"] = faults
        else:
            networks = dataclasses.replace(networks, lpips=_open_lpips(config))
    return (_with_segmenter(networks, config, options) if options.segmenter else networks), missing


def without_small(
    networks: Networks, missing: dict[str, str], config: Config, min_side: int
) -> tuple[Networks, dict[str, str]]:
    """Leaves out what cannot measure the smallest image.

    Args:
      networks: those that could be opened.
      missing: why others are missing, by metric.
      config: says what the targets are.
      min_side: the shortest side of all images, in pixels.

    Returns:
      Both, with what is left out now.
    """
    missing = dict(missing)
    if networks.lpips and min_side < LPIPS_SIDE:
        networks = dataclasses.replace(networks, lpips=None)
        missing["LPIPS"] = f"its network needs images with sides of {LPIPS_SIDE} or more"
    for metric, least in (("SSIM", SSIM_WINDOW), ("MS-SSIM", MS_SSIM_SIDE)):
        if config.target_labels:
            missing[metric] = "it compares brightness, and classes have none"
        elif min_side < least:
            missing[metric] = f"images with sides of {min_side} are too small, it needs {least}"
    return networks, missing


def _weights_faults(config: Config, names: tuple[str, ...]) -> str:
    """Says why weights cannot be found or downloaded, or nothing; raises for a file that was named and is not there."""
    faults = []
    for name in names:
        try:
            _find(config, name)
        except InputError as error:
            if _given(config, name):
                raise
            faults.append(str(error))
    return "; ".join(faults)


def _given(config: Config, name: str) -> str:
    return getattr(config, WEIGHTS[name].option)


def _find(config: Config, name: str) -> pathlib.Path:
    return find_weights(name, _given(config, name), config.data_dir)


def _open_inception(config: Config) -> Inception:
    return Inception(_find(config, "inception"))


def _open_lpips(config: Config) -> Lpips:
    return Lpips(_find(config, "alexnet"), _find(config, "lpips"))


def _with_segmenter(networks: Networks, config: Config, options: MeasureOptions) -> Networks:
    palette = palette_of(config, options)
    if palette is None:
        known = " or ".join(PALETTES)
        raise InputError(
            f"the label colors of data={config.data} are not known; give --label_colors={known}, or a file with a "
            "color a line"
        )
    if (config.input_channels, config.target_channels) != (3, 3) or config.source_labels or config.target_labels:
        raise InputError(
            f"segmenter={options.segmenter}: label colors and the images that it reads have 3 channels, but this run "
            f"goes from {config.input_channels} to {config.target_channels}; leave the segmenter out"
        )
    segment = load_segmenter(options.segmenter, len(palette.classes))
    return dataclasses.replace(networks, segment=segment, palette=palette)
