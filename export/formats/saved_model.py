"""SavedModel: writes the next version of a served model, and compares it with Keras first."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import tensorflow as tf

from export.formats.parity import Parity, measure
from export.serving.servable import FILES, FLOATS, Servable
from export.serving.versions import choose_version, new_version
from export.serving.warmup import write_warmup
from export.trained import COMPARED_ON, EXPORT_FILE, Trained, open_trained
from pipelines.images import codecs, transforms
from pipelines.images.image_format import ImageFormat
from pipelines.images.size import Size
from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError, check_value, progress_bar

# Float images may differ by this much, of the range [-1, 1]; PNGs not at all.
TOLERANCE = 1e-5
# The share of a label map's pixels that may get another class if requests are computed together.
MAX_FLIPPED = 1e-3


def export_saved_model(
    run_dir: str | os.PathLike[str],
    export_dir: str | os.PathLike[str],
    *,
    version: int | None = None,
    checkpoint: str | int = "latest",
    image_size: Size | None = None,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    max_pixels: int | None = None,
    max_batch_size: int = 0,
    data: str = "",
    parity_images: int = 20,
) -> pathlib.Path:
    """Exports a run's generator for TensorFlow Serving, and compares the export with Keras.

        folder = tfpix2pix.export_saved_model("runs/facades", "models/facades")
        translate = tf.saved_model.load(str(folder)).signatures["serving_default"]
        png = translate(image_bytes=tf.constant([jpeg_or_png]))["image_bytes"][0]

    Args:
      run_dir: the run directory that `train` wrote.
      export_dir: the folder of the model's versions; its name is the model's.
      version: the number to write; by default one more than the greatest.
      checkpoint: `latest`, `best` (by the run's best_by), or a step.
      image_size: (height, width) that images are resized to; by default training's.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      dropout_at_inference: whether dropout stays on: the paper's noise.
      max_pixels: the model refuses larger images; by default as in the run's config.
      max_batch_size: how many images of concurrent requests are computed together; 0: each request by itself.
      data: the data set whose val/ is used to compare; by default the run's own.
      parity_images: how many of its images at most.

    Returns:
      The version's folder. Its export.json says what it was made from, and how near it is to Keras.

    Raises:
      InputError: an argument does not fit, or the export differs from Keras; then nothing is written.
    """
    check_value("max_batch_size", max_batch_size, least=0)
    for name, value in (("version", version), ("max_pixels", max_pixels)):
        if value is not None:
            check_value(name, value, least=1)
    export_dir = pathlib.Path(export_dir)
    version = choose_version(export_dir, version)
    check_writable(export_dir, "export_dir")
    run = open_trained(
        run_dir,
        parity_images,
        checkpoint=checkpoint,
        data=data,
        norm_statistics=norm_statistics,
        image_size=image_size,
        dropout_at_inference=dropout_at_inference,
        any_size=True,
    )
    # The limit of requests; validation pairs are read by the run's own.
    # An image that does not fit is refused, not cut: who sends it would not learn of it.
    form = dataclasses.replace(run.form, max_pixels=max_pixels or run.form.max_pixels, exact=True)
    servable = Servable(run.generator, form, run.config.depth, max_batch_size, run.config.result_type)
    with naming_full_disk(export_dir, "the export"), new_version(export_dir, version) as folder:
        tf.saved_model.save(servable, str(folder), signatures=servable.signatures())
        with tf.device(COMPARED_ON):
            parity = check(folder, run, max_batch_size > 0, servable)
        source = run.pairs[0][0]
        requests: list[tuple[str, dict[str, tf.Tensor]]] = [(FLOATS, {"source": source[None]})]
        if not servable.no_files:
            requests.insert(0, (FILES, {"image_bytes": tf.stack([as_png(source, run.form.source)])}))
        write_warmup(folder, export_dir.name, requests)
        description = {
            **run.description(),
            "norm_statistics": run.config.norm_statistics,
            "dropout_at_inference": dropout_at_inference,
            "max_pixels": form.max_pixels,
            "max_batch_size": max_batch_size,
            "signatures": [*servable.signatures()],
            "left_out": {FILES: servable.no_files} if servable.no_files else {},
            "parity": {"images": len(run.pairs), **parity.to_dict()},
        }
        (folder / EXPORT_FILE).write_text(json.dumps(description, indent=2) + "\n")
    return export_dir / str(version)


def check(folder: pathlib.Path, run: Trained, batches_requests: bool, servable: Servable) -> Parity:
    """Loads what was written and compares its signatures with the generator, image by image.

    Args:
      folder: of the version.
      run: what it was made from.
      batches_requests: whether the network runs in a function of its own. TensorFlow optimizes that differently, so a
        float may have another last bit, and a value near the middle between two levels may be rounded to the other.
      servable: what was written.

    Raises:
      InputError: they differ, so this must not be served.
    """
    signatures = tf.saved_model.load(str(folder)).signatures

    @tf.function(reduce_retracing=True)
    def translate(source: tf.Tensor) -> tf.Tensor:
        return run.generator(source[None], training=False)[0]

    expected, generated = [], []
    for source, _ in progress_bar(run.pairs, "comparing with Keras", len(run.pairs)):
        # In this order: with dropout on, the n-th call of either has the n-th mask.
        expected.append(translate(source))
        generated.append(signatures[FLOATS](source=tf.constant(source[None]))["generated"][0].numpy())
        if servable.no_files:
            continue
        file = as_png(source, run.form.source)
        png = servable.result.encode_png(translate(transforms.normalize(run.form.read_source(file, pair=False))))
        served = signatures[FILES](image_bytes=tf.stack([file]))["image_bytes"][0]
        levels, share = png_difference(served, png)
        # Where two classes are as probable, the last bit chooses between them, however far apart their indices are.
        is_near = share <= MAX_FLIPPED if run.form.target.labels else levels <= 1
        if levels and not (batches_requests and is_near):
            raise InputError(
                f"the PNG of the exported {FILES} differs from Keras by up to {levels} levels of "
                f"{run.config.result_type}, in {share:.2%} of its pixels; nothing was exported"
            )
    parity = measure(np.stack(expected), np.stack(generated), np.stack([target for _, target in run.pairs]))
    # Written so that NaN fails too.
    if not parity.max_difference <= TOLERANCE:
        raise InputError(
            f"the exported model differs from Keras by {parity.max_difference:.3g}, more than {TOLERANCE}; nothing was "
            "exported"
        )
    return parity


def as_png(source: np.ndarray, form: ImageFormat) -> tf.Tensor:
    """Returns a PNG file, with 16 bits, whose source is this one, `(H, W, C)` in [-1, 1]."""
    return tf.io.encode_png(form.to_stored(tf.constant(source), "uint16"))


def png_difference(a: tf.Tensor, b: tf.Tensor) -> tuple[int, float]:
    """Compares two PNG files: of 8 bits with 255 levels, of 16 bits with 65535; of label maps the indices of classes.

    Returns:
      The largest difference in levels, and the share of the numbers that differ; 65536 and 1 for images of two kinds.
    """
    if a == b:
        return 0, 0.0
    a, b = (codecs.decode(png.numpy(), indices=True).values.astype(int) for png in (a, b))
    if a.shape != b.shape:
        return 2**16, 1.0
    return int(np.abs(a - b).max()), float(np.mean(a != b))
