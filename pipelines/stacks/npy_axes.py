"""Tells whether an NPY array is a stack, by the axes that were said or by the rule for arrays that do not say any."""

from pipelines.images.choices import MAX_PLAIN_CHANNELS, SLICED
from pipelines.images.formats.tiff_slices import StackError

# A slice's sides differ by less; what is flatter is (H, W, C) with many channels.
MAX_ASPECT = 4


def letters_of(shape: tuple[int, ...], axes: str, channels: int) -> str | None:
    """Names the axes of a stack, such as `ZYX`; None if the array is a single picture.

    Without axes, three numbers are a picture `(H, W, C)` if the last one is at most 4, or `channels`, or less than a
    quarter of the one before it; else a stack `(Z, H, W)` of more than 4 slices. Four are a stack `(Z, H, W, C)`.

    Args:
      shape: of the array.
      axes: a letter for each, one of them Z or T; empty if nobody said any.
      channels: those that a side has.

    Raises:
      StackError: the axes do not fit, or the rule leaves two ways to read the array.
    """
    if axes:
        if len(axes) != len(shape):
            raise StackError(f"its array of shape {shape} has {len(shape)} axes; --axes={axes} names {len(axes)}")
        if axes[0] not in SLICED:
            raise StackError(
                f"--axes={axes}: an array's slices lie one after the other if Z or T is the first axis; save it so"
            )
        return axes
    known = (*range(1, MAX_PLAIN_CHANNELS + 1), channels)
    if len(shape) == 4:
        if shape[3] not in known:
            raise StackError(f"its array of shape {shape} has 4 axes; say which is which, such as --axes=ZCYX")
        return "ZYXC"
    if len(shape) != 3 or shape[2] in known or shape[2] * MAX_ASPECT < shape[1]:
        return None
    if shape[0] <= MAX_PLAIN_CHANNELS:
        raise StackError(
            f"its array of shape {shape} may have {shape[0]} channels or {shape[0]} slices; give --axes=CYX or "
            "--axes=ZYX"
        )
    return "ZYX"
