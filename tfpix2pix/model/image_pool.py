"""The history of generated pairs that the discriminator learns from (Shrivastava et al. 2017, section 2.3)."""

import tensorflow as tf

# Sets the draws of slots apart from those of swaps; no training has so many steps.
SLOT_STREAM = 2**40


class ImagePool(tf.Module):
    """Keeps the last generated pairs and gives back old ones half of the time.

    While it fills, it stores each pair and returns it. Once full, with probability 0.5 it returns a random old pair
    and stores the new one in its place, else it returns the new one. Size 0 is the identity. Pairs of a batch are
    taken one after the other, as in the tutorial, so a pair may be swapped for another of its own batch.

    All state is in tf.Variables of its own, one pool a replica: a checkpoint holds it whole. What is drawn follows
    from (seed, step), so there is no random state.

    Args:
      size: how many pairs are kept.
      source_shape: `(H, W, C)`.
      generated_shape: `(H, W, C)`.
      seed: tells this pool's draws from another replica's.
    """

    def __init__(self, size: int, source_shape: tuple, generated_shape: tuple, seed: int):
        super().__init__(name="image_pool")
        self.size = size
        self.seed = seed
        if size:
            self.sources = tf.Variable(tf.zeros((size, *source_shape)), trainable=False, name="sources")
            self.images = tf.Variable(tf.zeros((size, *generated_shape)), trainable=False, name="images")
            self.count = tf.Variable(0, dtype=tf.int64, trainable=False, name="count")

    def query(self, source: tf.Tensor, generated: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the pairs to learn from, of the same shapes as the `(N, H, W, C)` that come in.

        Args:
          source: the step's sources.
          generated: what the generator made of them.
          step: scalar int64, different at each call.
        """
        if not self.size:
            return source, generated
        n = tf.shape(source)[0]
        seed = tf.stack([tf.cast(self.seed, tf.int64), step])
        swap = tf.random.stateless_uniform((n,), seed) < 0.5
        slot = tf.random.stateless_uniform((n,), seed + SLOT_STREAM, maxval=self.size, dtype=tf.int64)
        sources = tf.TensorArray(source.dtype, n, element_shape=source.shape[1:])
        images = tf.TensorArray(generated.dtype, n, element_shape=generated.shape[1:])
        for i in tf.range(n):
            pair = source[i], generated[i]
            if self.count < self.size:
                self._store(self.count, *pair)
                self.count.assign_add(1)
            elif swap[i]:
                old = tf.gather(self.sources, slot[i]), tf.gather(self.images, slot[i])
                self._store(slot[i], *pair)
                pair = old
            sources, images = sources.write(i, pair[0]), images.write(i, pair[1])
        return tf.ensure_shape(sources.stack(), source.shape), tf.ensure_shape(images.stack(), generated.shape)

    def _store(self, slot, source, image):
        self.sources.scatter_update(tf.IndexedSlices(source, slot))
        self.images.scatter_update(tf.IndexedSlices(image, slot))
