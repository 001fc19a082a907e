"""SavedModel: writes the next version of a served model, and compares it with Keras first."""

import dataclasses
import json
import os
import pathlib

import tensorflow as tf

from export.compared_pairs import write_sources
from export.drawable import why_not_drawable
from export.formats.choices import MODEL_FITS
from export.formats.saved_model_parity import HALF_BOUNDS, as_png, check
from export.serving.servable import FILES, FLOATS, Servable
from export.serving.versions import SOURCES_FOLDER, choose_version, new_version
from export.serving.warmup import write_warmup
from export.sharing.card import write_card
from export.trained import COMPARED_ON, EXPORT_FILE, open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import check_value
from tfpix2pix.networks.choices import PRECISIONS
from tfpix2pix.networks.folded import folded
from tfpix2pix.translation.fit_choice import choose_fit, source_format
from tfpix2pix.translation.options import OUTPUT_SIZES


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
    precision: str = "float32",
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
      precision: what the network computes in, and its kernels are stored in: `float32`, `bfloat16` or `float16`. Norms
        and the last convolution, floats that come in and go out, and the last bit of a PNG are float32's in all cases.
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
    check_value("precision", precision, choices=PRECISIONS)
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
    chosen = choose_fit(run.config, run.run_dir, fit, image_size)
    # The limit of requests; validation pairs are read by the run's own.
    form = dataclasses.replace(
        source_format(run.config, chosen.name, image_size), max_pixels=max_pixels or run.form.max_pixels
    )
    network = folded(run.generator, precision)
    servable = Servable(network, form, run.config.multiple, max_batch_size, run.config.result_type, output_size)
    with naming_full_disk(output, "the export"), new_version(output, version) as folder:
        tf.saved_model.save(servable, str(folder), signatures=servable.signatures())
        with tf.device(COMPARED_ON):
            parity = check(folder, run, max_batch_size > 0, servable, precision)
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
            "precision": precision,
            "fit": chosen.name,
            "fit_reason": chosen.reason,
            "output_size": output_size,
            "native_size": list(servable.native),
            "max_pixels": form.max_pixels,
            "max_batch_size": max_batch_size,
            "signatures": [*servable.signatures()],
            "left_out": {FILES: servable.no_files} if servable.no_files else {},
            "license": license_text,
            "parity": {
                "images": len(run.pairs),
                "compared_on": run.compared_on,
                **parity.to_dict(),
                **({"bound": HALF_BOUNDS[precision]} if precision in HALF_BOUNDS else {}),
            },
        }
        (folder / EXPORT_FILE).write_text(json.dumps(description, indent=2) + "\n")
        write_card(
            folder,
            run.run_dir,
            run.config,
            run.step,
            "saved_model",
            license_text=license_text,
            of=output,
            dropout=dropout_at_inference,
        )
    return output / str(version)
