"""Computes what networks of the PyTorch reference and of pix2pixHD give, from state dicts, with TensorFlow."""

import re

import numpy as np
import tensorflow as tf

from tests.helpers.numpy_layers import pooled


class Twin:
    """Computes in float64 and in training mode, which for instance norm is the only one.

    Args:
      state: a state dict, by torch's names.
    """

    def __init__(self, state: dict[str, np.ndarray]):
        self.state = {name: tensor.astype(np.float64) for name, tensor in state.items()}

    def resnet(self, source: np.ndarray) -> tf.Tensor:
        """Returns what ResnetGenerator or GlobalGenerator gives, `(N, H, W, C)`."""
        x = self.trunk(tf.constant(source, tf.float64), "model")
        last = max(self.places("model"))
        return tf.tanh(self.reflected(x, f"model.{last}", 3))

    def local_enhancer(self, source: np.ndarray) -> tf.Tensor:
        """Returns what LocalEnhancer with one enhancer gives."""
        source = source.astype(np.float64)
        whole = self.trunk(pooled(source), "model", has_last=False)
        x = tf.nn.relu(self.norm(self.reflected(source, "model1_1.1", 3), "model1_1.2"))
        x = whole + tf.nn.relu(self.norm(self.down(x, "model1_1.4"), "model1_1.5"))
        blocks = self.blocks("model1_2")
        for place in blocks:
            x = self.block(x, f"model1_2.{place}")
        place = len(blocks)
        x = tf.nn.relu(self.norm(self.up(x, f"model1_2.{place}"), f"model1_2.{place + 1}"))
        return tf.tanh(self.reflected(x, f"model1_2.{place + 4}", 3))

    def trunk(self, x: tf.Tensor, parent: str, has_last: bool = True) -> tf.Tensor:
        """Runs all but the last convolution."""
        places, blocks = self.places(parent), self.blocks(parent)
        for place in sorted(places + blocks)[: -1 if has_last else None]:
            name = f"{parent}.{place}"
            if place in blocks:
                x = self.block(x, name)
                continue
            y = self.reflected(x, name, 3) if place == 1 else (self.down if place < blocks[0] else self.up)(x, name)
            x = tf.nn.relu(self.norm(y, f"{parent}.{place + 1}"))
        return x

    def block(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Runs a ResnetBlock; dropout has no weights, but moves the names."""
        second = max(
            int(found[1])
            for key, tensor in self.state.items()
            if (found := re.fullmatch(rf"{name}\.conv_block\.(\d+)\.weight", key)) and tensor.ndim == 4
        )
        y = tf.nn.relu(self.norm(self.reflected(x, f"{name}.conv_block.1", 1), f"{name}.conv_block.2"))
        return x + self.norm(self.reflected(y, f"{name}.conv_block.{second}", 1), f"{name}.conv_block.{second + 1}")

    def places(self, parent: str) -> list[int]:
        """Returns the numbers of the convolutions outside of blocks."""
        found = ((re.fullmatch(rf"{parent}\.(\d+)\.weight", key), tensor.ndim) for key, tensor in self.state.items())
        return sorted(int(match[1]) for match, rank in found if match and rank == 4)

    def blocks(self, parent: str) -> list[int]:
        """Returns the numbers of the blocks."""
        found = (re.match(rf"{parent}\.(\d+)\.conv_block\.", key) for key in self.state)
        return sorted({int(match[1]) for match in found if match})

    def reflected(self, x: tf.Tensor, name: str, room: int) -> tf.Tensor:
        """Convolves what is padded by reflection."""
        x = tf.pad(x, [[0, 0], [room, room], [room, room], [0, 0]], "REFLECT")
        return self.biased(tf.nn.conv2d(x, self.kernel(name), 1, "VALID"), name)

    def down(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Convolves 3×3 with stride 2 and padding 1."""
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
        return self.biased(tf.nn.conv2d(x, self.kernel(name), 2, "VALID"), name)

    def up(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Convolves 3×3, transposed, with stride 2, padding 1 and output padding 1."""
        kernel = self.kernel(name)
        n, h, w, _ = x.shape
        y = tf.nn.conv2d_transpose(x, kernel, (n, 2 * h + 1, 2 * w + 1, kernel.shape[2]), 2, "VALID")
        return self.biased(y[:, 1:, 1:], name)

    def norm(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Normalizes over the batch if the norm has running averages, else each image."""
        is_batch = f"{name}.running_mean" in self.state
        mean, variance = tf.nn.moments(x, (0, 1, 2) if is_batch else (1, 2), keepdims=True)
        y = (x - mean) * tf.math.rsqrt(variance + 1e-5)
        return y * self.state.get(f"{name}.weight", 1.0) + self.state.get(f"{name}.bias", 0.0)

    def kernel(self, name: str) -> np.ndarray:
        """Returns a kernel in TensorFlow's layout."""
        return self.state[f"{name}.weight"].transpose(2, 3, 1, 0)

    def biased(self, x: tf.Tensor, name: str) -> tf.Tensor:
        """Adds a bias if there is one."""
        return x + self.state.get(f"{name}.bias", 0.0)
