"""Keeps a history of generated pairs for the discriminator to learn from (Shrivastava et al. 2017, section 2.3)."""

import tensorflow as tf

# Separates the draws of slots from those of swaps; no training has so many steps.
SLOT_STREAM = 2**40

Shape = tuple[int, int, int]


class ImagePool(tf.Module):
    """Keeps the last generated pairs and returns old ones half of the time.

    While the pool fills, it stores each pair and returns it. Once it is full, with probability 0.5 it returns a random
    old pair and stores the new one in its place, else it returns the new one. Size 0 is the identity. The pool takes
    the pairs of a batch one after the other, as the tutorial does, so it may swap a pair for another of the same batch.

    Each replica has a pool of its own. All its state is in tf.Variables, so a checkpoint holds the whole pool. Draws
    follow from (seed, step), so there is no random state.

    Args:
      size: how many pairs the pool keeps.
      source_shape: `(H, W, C)`.
      generated_shape: `(H, W, C)`.
      seed: gives each replica's pool draws of its own.
    """

    def __init__(self, size: int, source_shape: Shape, generated_shape: Shape, seed: int):
        super().__init__(name="image_pool")
        self.size = size
        self.seed = seed
        if size:
            self.sources = tf.Variable(tf.zeros((size, *source_shape)), trainable=False, name="sources")
            self.images = tf.Variable(tf.zeros((size, *generated_shape)), trainable=False, name="images")
            self.count = tf.Variable(0, dtype=tf.int64, trainable=False, name="count")

    def query(self, source: tf.Tensor, generated: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the pairs to learn from, `(N, H, W, C)`, of the same shapes as source and generated.

        Args:
          source: the step's sources.
          generated: the generator's images of these sources.
          step: scalar int64, different at each call.
        """
        if not self.size:
            return source, generated
        n = tf.shape(source)[0]
        seed = tf.stack([tf.cast(self.seed, tf.int64), step])
        swap = tf.random.stateless_uniform((n,), seed) < 0.5
        slot = tf.random.stateless_uniform((n,), seed + SLOT_STREAM, maxval=self.size, dtype=tf.int64)

        def take(i: tf.Tensor, sources: tf.TensorArray, images: tf.TensorArray) -> tuple:
            pair = source[i], generated[i]

            def fill() -> tuple[tf.Tensor, tf.Tensor]:
                self._store(self.count, *pair)
                self.count.assign_add(1)
                return pair

            def replace() -> tuple[tf.Tensor, tf.Tensor]:
                old = tf.gather(self.sources, slot[i]), tf.gather(self.images, slot[i])
                self._store(slot[i], *pair)
                return old

            taken = tf.cond(self.count < self.size, fill, lambda: tf.cond(swap[i], replace, lambda: pair))
            return i + 1, sources.write(i, taken[0]), images.write(i, taken[1])

        arrays = [tf.TensorArray(batch.dtype, n, element_shape=batch.shape[1:]) for batch in (source, generated)]
        _, *filled = tf.while_loop(lambda i, *_: i < n, take, (0, *arrays))
        sources, images = (
            tf.ensure_shape(array.stack(), batch.shape)
            for array, batch in zip(filled, (source, generated), strict=True)
        )
        return sources, images

    def _store(self, slot: tf.Tensor, source: tf.Tensor, image: tf.Tensor) -> None:
        self.sources.scatter_update(tf.IndexedSlices(source, slot))
        self.images.scatter_update(tf.IndexedSlices(image, slot))
