"""Says of sources and results of a package what they are: axes, sizes, ranges, and how numbers are processed."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from bioimageio.spec.model import v0_5 as spec

from export.sharing.meanings import channel_names, source_channel_names
from export.zoo.numbers import result_range, result_type, source_range
from pipelines.images.size import next_multiple
from tfpix2pix.config import Config

# The names of the tensors in the files of weights.
SOURCE, GENERATED = spec.TensorId("source"), spec.TensorId("generated")
SIDES = spec.AxisId("y"), spec.AxisId("x")
# Tiles lose so many pixels at each edge, or one multiple up to MAX_HALO, such that they begin at multiples too.
HALO, MAX_HALO = 32, 64


def usual_halo(multiple: int) -> int:
    """Returns how many pixels a tile loses at each edge."""
    return next_multiple((HALO, HALO), multiple)[0] if multiple <= MAX_HALO else HALO


def min_side(multiple: int, halo: int) -> int:
    """Returns the least side of a source, of which a tile leaves something."""
    return next_multiple((2 * halo + 1, 2 * halo + 1), multiple)[0] if halo else multiple


def source_tensor(
    config: Config, kind: str, halo: int, test: pathlib.Path, sample: pathlib.Path
) -> spec.InputTensorDescr:
    """Describes sources.

    Args:
      config: of the run.
      kind: type of the numbers.
      halo: pixels that tiles lose; 0: pictures are translated whole.
      test: file of the test input.
      sample: file of a picture.
    """
    size = spec.ParameterizedSize(min=min_side(config.multiple, halo), step=config.multiple)
    is_known = not config.source_normalize
    return spec.InputTensorDescr(
        id=SOURCE,
        axes=[
            spec.BatchAxis(),
            *(spec.SpaceInputAxis(id=side, size=size, concatenable=halo > 0) for side in SIDES),
            _channels(config.input_channels, source_channel_names(config)),
        ],
        data=spec.IntervalOrRatioDataDescr(type=kind, range=source_range(config, kind) if is_known else (None, None)),
        preprocessing=preprocessing(config, kind),
        test_tensor=spec.FileDescr(source=test),
        sample_tensor=spec.FileDescr(source=sample),
    )


def result_tensor(config: Config, halo: int, test: pathlib.Path, sample: pathlib.Path | None) -> spec.OutputTensorDescr:
    """Describes results; the arguments are those of `source_tensor`."""

    def axis(side: spec.AxisId) -> Any:
        size = spec.SizeReference(tensor_id=SOURCE, axis_id=side)
        if halo:
            return spec.SpaceOutputAxisWithHalo(id=side, size=size, halo=halo)
        return spec.SpaceOutputAxis(id=side, size=size)

    target_names = channel_names(config.target_channels, config.target_labels)
    return spec.OutputTensorDescr(
        id=GENERATED,
        axes=[spec.BatchAxis(), *map(axis, SIDES), _channels(config.target_channels, target_names)],
        data=spec.IntervalOrRatioDataDescr(type=result_type(config), range=result_range(config)),
        postprocessing=postprocessing(config),
        test_tensor=spec.FileDescr(source=test),
        sample_tensor=spec.FileDescr(source=sample) if sample else None,
    )


def preprocessing(config: Config, kind: str) -> list[Any]:
    """Returns the steps from stored numbers to [-1, 1], as float32."""
    form = config.image_format("source")
    if form.percentiles:
        low, high = form.percentiles
        scale = spec.ScaleRangeKwargs(axes=SIDES, min_percentile=low, max_percentile=high)
        steps = [spec.ScaleRangeDescr(kwargs=scale), _clip(0, 1), *_linear(2, -1)]
    else:
        low, high = source_range(config, kind)
        steps = _linear(2 / (high - low), -1 - 2 * low / (high - low))
        if form.value_range:
            steps.append(_clip(-1, 1))
    return [*steps, _as_type("float32")]


def postprocessing(config: Config) -> list[Any]:
    """Returns the steps from [-1, 1] to stored numbers: clipped, scaled and, if they are integers, rounded."""
    low, high = result_range(config)
    kind = np.dtype(result_type(config))
    half = (high - low) / 2
    if kind.kind != "u":
        return [_clip(-1, 1), *_linear(half, half + low)]
    # A cast cuts off what is behind the point. float32 does not hold all numbers of 32 bits.
    wide = [_as_type("float64")] if kind.itemsize > 2 else []
    info = np.iinfo(kind)
    beyond = [_clip(info.min, info.max)] if low < info.min or high > info.max else []
    return [*wide, _clip(-1, 1), *_linear(half, half + low + 0.5), *beyond, _as_type(kind.name)]


def _channels(count: int, known: Sequence[str]) -> spec.ChannelAxis:
    names: Sequence[str] = known or [f"channel {place}" for place in range(1, count + 1)]
    return spec.ChannelAxis(channel_names=list(names))


def _linear(gain: float, offset: float) -> list[Any]:
    """Returns the step; none if it would change nothing, which the specification forbids."""
    if (gain, offset) == (1, 0):
        return []
    return [spec.ScaleLinearDescr(kwargs=spec.ScaleLinearKwargs(gain=gain, offset=offset))]


def _clip(low: float, high: float) -> Any:
    return spec.ClipDescr(kwargs=spec.ClipKwargs(min=low, max=high))


def _as_type(name: Any) -> Any:
    return spec.EnsureDtypeDescr(kwargs=spec.EnsureDtypeKwargs(dtype=name))
