"""Adapts how much is augmented to how much the discriminator overfits (Karras et al. 2020, section 3)."""

import tensorflow as tf

# The strength changes once in so many steps, as in the paper.
INTERVAL = 4


class AdaptiveStrength(tf.Module):
    """Raises the strength while the discriminator is too sure of real pairs, and lowers it while it is not.

    The measure is the paper's r_t, the mean sign of the logits of augmented real pairs: 0 if the discriminator cannot
    tell them from generated ones, 1 if it is right about all of them. The strength p, from 0 to 1, begins at 0 and
    moves towards the target by a fixed amount after every 4 steps. A checkpoint holds the variables.

    Args:
      target: of r_t; the paper has 0.6.
      images: after how many images p can have gone from 0 to 1; the paper has 500,000.
      batch_size: images in a step, over all replicas.

    Attributes:
      strength: p, float32.
      signs: the sum of r_t over the steps since p changed, float32.
    """

    def __init__(self, target: float, images: int, batch_size: int):
        super().__init__(name="adaptive_strength")
        self.target = target
        self.change = batch_size * INTERVAL / images
        self.strength = tf.Variable(0.0, trainable=False, name="strength")
        self.signs = tf.Variable(0.0, trainable=False, name="signs")

    def adapt(self, signs: tf.Tensor, step: tf.Tensor) -> None:
        """Takes in r_t of one step. Call this once for each step, outside of the replicas.

        Args:
          signs: the mean over the global batch, from -1 to 1.
          step: scalar int64, how many steps were done before this one.
        """
        signs = tf.identity(self.signs) + signs
        strength = tf.identity(self.strength)
        is_last = (tf.identity(step) + 1) % INTERVAL == 0
        changed = strength + self.change * tf.sign(signs / INTERVAL - self.target)
        self.strength.assign(tf.where(is_last, tf.clip_by_value(changed, 0.0, 1.0), strength))
        self.signs.assign(tf.where(is_last, tf.zeros_like(signs), signs))
