"""The reference's numbers, and its state dicts as Keras weights."""

import pathlib

import keras
import numpy as np

SHARED = pathlib.Path(__file__).resolve().parents[3] / "shared"


def state_dict(golden, prefix: str) -> dict[str, np.ndarray]:
    """The arrays under `initial/G` and the like, by torch's names, kernels in Keras' layout.

    torch has (out, in, h, w) and, transposed, (in, out, h, w); Keras (h, w, in, out) and (h, w, out, in).
    """
    arrays = {key[len(prefix) + 1 :]: golden[key] for key in golden.files if key.startswith(prefix + "/")}
    return {name: a.transpose(2, 3, 1, 0) if a.ndim == 4 else a for name, a in arrays.items()}


def learned(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    """What is trained, in the order of the network, which is that of Keras' trainable_variables."""
    return [a for name, a in arrays.items() if name.endswith((".weight", ".bias"))]


def running(arrays: dict[str, np.ndarray], kind: str) -> list[np.ndarray]:
    """The batch norms' running `mean` or `var`."""
    return [a for name, a in arrays.items() if name.endswith("running_" + kind)]


def load_weights(network: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Sets all weights of a network without dropout."""
    norms = [layer for layer in network.layers if hasattr(layer, "moving_mean")]
    pairs = [
        *zip(network.trainable_variables, learned(arrays), strict=True),
        *zip([norm.moving_mean for norm in norms], running(arrays, "mean"), strict=True),
        *zip([norm.moving_variance for norm in norms], running(arrays, "var"), strict=True),
    ]
    for variable, array in pairs:
        assert tuple(variable.shape) == array.shape, (variable.path, array.shape)
        variable.assign(array)
