"""SavedModel: writes the next version of a served model, and compares it with Keras first."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from export.compared_pairs import write_sources
from export.drawable import why_not_drawable
from export.formats.choices import MODEL_FITS
from export.formats.parity import Parity, measure
from export.serving.servable import FILES, FLOATS, MEASURE, TILES, Servable
from export.serving.versions import SOURCES_FOLDER, choose_version, new_version
from export.serving.warmup import write_warmup
from export.trained import COMPARED_ON, EXPORT_FILE, Trained, open_trained
from pipelines.images import codecs
from pipelines.images.image_format import ImageFormat
from pipelines.images.size import Size
from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError, check_value, progress_bar
from tfpix2pix.translation.any_size import AnySize
from tfpix2pix.translation.fit_choice import choose_fit, source_format
from tfpix2pix.translation.options import OUTPUT_SIZES
from tfpix2pix.translation.shared_statistics import SharedStatistics

# Float images may differ by this much, of the range [-1, 1]; PNGs not at all.
TOLERANCE = 1e-5
# The share of a label map's pixels that may get another class if requests are computed together.
MAX_FLIPPED = 1e-3
# How many of the images are also compared without some rows and columns.
ODD_PICTURES = 2


def export_saved_model(
    run_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    version: int | None = None,
    checkpoint: str | int = "best",
    image_size: Size | None = None,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    fit: str = "auto",
    output_size: str = "source",
    max_pixels: int | None = None,
    max_batch_size: int = 0,
    data: str = "",
    sources: str = "",
    parity_images: int = 20,
    source_images: int = 8,
    license_text: str = "",
) -> pathlib.Path:
    """Exports a run's generator for TensorFlow Serving, and compares the export with Keras.

        folder = tfpix2pix.export_saved_model("runs/facades", "models/facades")
        translate = tf.saved_model.load(str(folder)).signatures["serving_default"]
        png = translate(image_bytes=tf.constant([jpeg_or_png]))["image_bytes"][0]

    Args:
      run_dir: the run directory that `train` wrote.
      output: the folder of the model's versions; its name is the model's.
      version: the number to write; by default one more than the greatest.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      image_size: (height, width) that pictures are resized to; by default as `fit` says.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      dropout_at_inference: whether dropout stays on: the paper's noise.
      fit: how pictures meet the network. `pad`: at their own scale, reflected up to what the network takes. `resize`:
        brought to the size that training had. `auto`: as training did, and as `translate` chooses it.
      output_size: `source` gives results the size of their pictures, `network` leaves them as the network gives them.
      max_pixels: the model refuses larger images; by default as in the run's config.
      max_batch_size: how many images of concurrent requests are computed together; 0: each request by itself.
      data: the data set whose val/ is used to compare; by default pairs that the run has kept.
      sources: a folder of single sources that are used instead.
      parity_images: on how many pictures at most the export is compared.
      source_images: how many of these lie beside the model at most, for the page of export.serve.
      license_text: under which the model may be used, such as `CC-BY-4.0`; it stands in export.json.

    Returns:
      The version's folder. Its export.json says what it was made from, and how near it is to Keras.

    Raises:
      InputError: an argument does not fit, or the export differs from Keras; then nothing is written.
    """
    check_value("max_batch_size", max_batch_size, least=0)
    check_value("source_images", source_images, least=0)
    check_value("fit", fit, choices=MODEL_FITS)
    check_value("output_size", output_size, choices=OUTPUT_SIZES)
    for name, value in (("version", version), ("max_pixels", max_pixels)):
        if value is not None:
            check_value(name, value, least=1)
    output = pathlib.Path(output)
    version = choose_version(output, version)
    check_writable(output, "output")
    run = open_trained(
        run_dir,
        parity_images,
        checkpoint=checkpoint,
        data=data,
        sources=sources,
        norm_statistics=norm_statistics,
        image_size=image_size,
        resizes=True,
        dropout_at_inference=dropout_at_inference,
    )
    chosen = choose_fit(run.config, pathlib.Path(run_dir), fit, image_size)
    # The limit of requests; validation pairs are read by the run's own.
    form = dataclasses.replace(
        source_format(run.config, chosen.name, image_size), max_pixels=max_pixels or run.form.max_pixels
    )
    servable = Servable(run.generator, form, run.config.multiple, max_batch_size, run.config.result_type, output_size)
    with naming_full_disk(output, "the export"), new_version(output, version) as folder:
        tf.saved_model.save(servable, str(folder), signatures=servable.signatures())
        with tf.device(COMPARED_ON):
            parity = check(folder, run, max_batch_size > 0, servable)
        source = run.pairs[0][0]
        requests: list[tuple[str, dict[str, tf.Tensor]]] = [(FLOATS, {"source": source[None]})]
        if not servable.no_files:
            requests.insert(0, (FILES, {"image_bytes": tf.stack([as_png(source, run.form.source)])}))
        write_warmup(folder, output.name, requests)
        if source_images and not servable.no_files and not why_not_drawable(run.config):
            (folder / SOURCES_FOLDER).mkdir()
            write_sources(folder / SOURCES_FOLDER, run.pairs, run.form.size, source_images)
        description = {
            **run.description(),
            "norm_statistics": run.config.norm_statistics,
            "dropout_at_inference": dropout_at_inference,
            "fit": chosen.name,
            "fit_reason": chosen.reason,
            "output_size": output_size,
            "native_size": list(servable.native),
            "max_pixels": form.max_pixels,
            "max_batch_size": max_batch_size,
            "signatures": [*servable.signatures()],
            "left_out": {FILES: servable.no_files} if servable.no_files else {},
            "license": license_text,
            "parity": {"images": len(run.pairs), "compared_on": run.compared_on, **parity.to_dict()},
        }
        (folder / EXPORT_FILE).write_text(json.dumps(description, indent=2) + "\n")
    return output / str(version)


def check(folder: pathlib.Path, run: Trained, batches_requests: bool, servable: Servable) -> Parity:
    """Loads what was written and compares its signatures with the generator, image by image.

    Args:
      folder: of the version.
      run: what it was made from.
      batches_requests: whether the network runs in a function of its own, as it does for all pictures that it does not
        see in its native size. TensorFlow may optimize that differently, so a float may have another last bit, and a
        value near the middle between two levels may be rounded to the other.
      servable: what was written.

    Raises:
      InputError: they differ, so this must not be served.
    """
    signatures = tf.saved_model.load(str(folder)).signatures
    translate = AnySize(run.generator, servable.step, servable.network_shape)
    expected, generated = [], []
    for i, (source, _) in enumerate(progress_bar(run.pairs, "comparing with Keras", len(run.pairs))):
        # In this order: with dropout on, the n-th call of either has the n-th mask.
        expected.append(translate(source[None])[0].numpy())
        generated.append(signatures[FLOATS](source=tf.constant(source[None]))["generated"][0].numpy())
        if servable.has_statistics and i == 0:
            check_tiles(signatures, run.generator, source)
        if servable.no_files:
            continue
        # Some of another size, which no network takes as it is.
        height, width = source.shape[:2]
        for part in (source, source[: max(1, height - 3), : max(1, width - 5)])[: 2 if i < ODD_PICTURES else 1]:
            file = as_png(part, run.form.source)
            levels, share = png_difference(
                signatures[FILES](image_bytes=tf.stack([file]))["image_bytes"][0], servable.expected(file, translate)
            )
            # Where two classes are as probable, the last bit chooses between them, however far apart their indices are.
            is_near = share <= MAX_FLIPPED if run.form.target.labels else levels <= 1
            is_alone = part.shape[:2] == servable.native and not batches_requests
            if levels and (is_alone or not is_near):
                raise InputError(
                    f"the PNG of the exported {FILES} differs from Keras by up to {levels} levels of "
                    f"{run.config.result_type}, in {share:.2%} of its pixels; nothing was exported"
                )
    parity = measure(expected, generated, [target for _, target in run.pairs])
    # Written so that NaN fails too.
    if not parity.max_difference <= TOLERANCE:
        raise InputError(
            f"the exported model differs from Keras by {parity.max_difference:.3g}, more than {TOLERANCE}; nothing was "
            "exported"
        )
    return parity


def check_tiles(
    signatures: Mapping[str, Callable[..., dict[str, tf.Tensor]]], generator: keras.Model, source: np.ndarray
) -> None:
    """Compares the signatures for tiles with the generator, on two images; raises InputError if they differ."""
    network = SharedStatistics(generator)
    tiles = tf.constant(np.stack([source, source[:, ::-1] / 2]))
    statistics = network.measure(tiles)
    pairs = {
        MEASURE: (signatures[MEASURE](source=tiles)["statistics"], statistics),
        TILES: (
            signatures[TILES](source=tiles, statistics=statistics)["generated"],
            network.generate(tiles, statistics),
        ),
    }
    for name, (found, expected) in pairs.items():
        scale = max(1.0, float(tf.reduce_max(tf.abs(expected))))
        difference = float(tf.reduce_max(tf.abs(found - expected))) / scale
        if not difference <= TOLERANCE:
            raise InputError(f"the exported {name} differs from Keras by {difference:.3g}; nothing was exported")


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
