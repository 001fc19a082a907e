"""Exports a generator for TensorFlow Serving, and proves that it gives what Keras gives.

    python -m export.saved_model --run_dir=runs/facades --export_dir=models/facades

writes models/facades/1/, the next time 2/, and so on. Signatures:
  serving_default  image_bytes (JPEG or PNG of any size) to image_bytes (PNG)
  translate        source, float (N, H, W, channels) in [-1, 1], to generated, likewise
"""

import dataclasses
import json
import pathlib

import numpy as np
import tensorflow as tf
from absl import flags

from export import trained
from export.formats.parity import Parity, measure
from export.serving.servable import Servable
from export.serving.versions import choose_version, new_version
from export.serving.warmup import write_warmup
from export.trained import EXPORT_FILE, Trained
from pipelines.images import transforms
from pipelines.images.size import define_max_pixels
from pipelines.system import terminal
from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError, progress_bar

# Float images may differ by this much, of the range [-1, 1]; PNGs not at all.
TOLERANCE = 1e-5


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    export_dir = pathlib.Path(values.export_dir)
    version = choose_version(export_dir, values.version)
    check_writable(export_dir, "export_dir")
    run = trained.open_trained(values.parity_images, any_size=True)
    # Of requests; validation pairs are read by the run's own limit.
    form = dataclasses.replace(run.form, max_pixels=values.max_pixels or run.form.max_pixels)
    servable = Servable(run.generator, form, run.config.depth, values.max_batch_size)
    with naming_full_disk(export_dir, "the export"), new_version(export_dir, version) as folder:
        tf.saved_model.save(servable, str(folder), signatures=servable.signatures())
        parity = check(folder, run, values.max_batch_size > 0)
        source = run.pairs[0][0]
        requests = [
            ("serving_default", {"image_bytes": tf.stack([transforms.encode(source, ".png")])}),
            ("translate", {"source": source[None]}),
        ]
        write_warmup(folder, export_dir.name, requests)
        description = {
            **run.description(),
            "norm_statistics": run.config.norm_statistics,
            "dropout_at_inference": values.dropout_at_inference,
            "max_pixels": form.max_pixels,
            "max_batch_size": values.max_batch_size,
            "parity": {"images": len(run.pairs), **parity.to_dict()},
        }
        (folder / EXPORT_FILE).write_text(json.dumps(description, indent=2) + "\n")
    pngs = "within a level" if values.max_batch_size else "the same"
    print(
        f"{export_dir / str(version)}: step {run.step} of {values.run_dir}; on {len(run.pairs)} images the largest "
        f"difference from Keras is {parity.max_difference:.2g}, and PNGs are {pngs}"
    )
    return 0


def check(folder: pathlib.Path, run: Trained, batches_requests: bool) -> Parity:
    """Loads what was written and compares both signatures with the generator, image by image.

    Args:
      folder: of the version.
      run: what it was made from.
      batches_requests: whether the network runs in a function of its own, which TensorFlow optimises otherwise: a float
        may have another last bit there, and so a value near the middle between two levels be rounded to the other.

    Raises:
      InputError: they differ, so this must not be shipped.
    """
    signatures = tf.saved_model.load(str(folder)).signatures

    @tf.function(reduce_retracing=True)
    def translate(source):
        return run.generator(source[None], training=False)[0]

    expected, generated = [], []
    for source, _ in progress_bar(run.pairs, "comparing with Keras", len(run.pairs)):
        # In this order: with dropout on, the n-th call of either has the n-th mask.
        expected.append(translate(source))
        generated.append(signatures["translate"](source=tf.constant(source[None]))["generated"][0].numpy())
        file = transforms.encode(source, ".png")
        png = transforms.encode(translate(transforms.normalize(run.form.read_source(file, pair=False))), ".png")
        served = signatures["serving_default"](image_bytes=tf.stack([file]))["image_bytes"][0]
        levels = level_difference(served, png)
        if levels > (1 if batches_requests else 0):
            raise InputError(
                f"the exported serving_default gives another PNG than Keras does, by {levels} levels of 255; nothing "
                "was exported"
            )
    parity = measure(np.stack(expected), np.stack(generated), np.stack([target for _, target in run.pairs]))
    # Written so that NaN fails too.
    if not parity.max_difference <= TOLERANCE:
        raise InputError(
            f"the exported model differs from Keras by {parity.max_difference:.3g}, more than {TOLERANCE}; nothing was "
            "exported"
        )
    return parity


def level_difference(a: tf.Tensor, b: tf.Tensor) -> int:
    """The largest difference of two PNG files' values, of 255 levels; 256 where their sizes differ."""
    if a == b:
        return 0
    a, b = (tf.cast(tf.io.decode_png(png), tf.int32) for png in (a, b))
    return int(tf.reduce_max(tf.abs(a - b))) if a.shape == b.shape else 256


def define_flags() -> None:
    """The options of the command."""
    trained.define_flags()
    flags.adopt_module_key_flags(trained)
    flags.DEFINE_string("export_dir", None, "folder of the model's versions; its name is the model's", required=True)
    flags.DEFINE_integer("version", None, "number to write; default: one more than the greatest", lower_bound=1)
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    define_max_pixels(None)
    flags.DEFINE_integer(
        "max_batch_size",
        0,
        "compute the images of concurrent requests together, up to so many; 0: each request by itself",
        lower_bound=0,
    )
    flags.DEFINE_integer("parity_images", 20, "validation images to compare on", lower_bound=1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
