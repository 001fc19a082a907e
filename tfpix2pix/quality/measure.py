"""Measures generated images over a whole split in one pass; training's validation and evaluate both call it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from pipelines.images.label_colors import Palette
from pipelines.system.terminal import progress_bar
from tfpix2pix.losses import l1
from tfpix2pix.quality.image_metrics import image_metrics
from tfpix2pix.quality.label_metrics import label_metrics, mask_confusions
from tfpix2pix.quality.segmentation import color_confusions, confusions, labels_of
from tfpix2pix.quality.tally import Result, Tally

# A batch by name: `source` and `target`, `(N, H, W, C)` in [-1, 1], and such pairs under other names.
Batch = Mapping[str, Any]
# Makes images from a batch: one translation of each source, or several.
Column = Callable[[Batch], Sequence[tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Networks:
    """The trained networks that some metrics need. A metric without its network is left out.

    Attributes:
      inception: for FID and KID: images in [-1, 1] to features `(N, D)`.
      lpips: for LPIPS: two batches of images to `(N,)`.
      segment: for the segmentation score: images in [-1, 1] to logits `(N, h, w, classes)`.
      palette: the classes of its logits; each batch then has `labels`, pairs whose sources are label maps in colors.
      target_palette: of targets that are label maps in colors; each batch then has `target labels`, pairs whose targets
        were resized with `nearest`.
    """

    inception: Callable[[tf.Tensor], tf.Tensor] | None = None
    lpips: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None
    segment: Callable[[tf.Tensor], tf.Tensor] | None = None
    palette: Palette | None = None
    target_palette: Palette | None = None

    def traced_once(self) -> "Networks":
        """Returns the same networks as functions of a graph, which contains each only once for all columns."""
        names = [name for name in ("inception", "lpips", "segment") if getattr(self, name)]
        return dataclasses.replace(self, **{name: tf.function(getattr(self, name), autograph=False) for name in names})


def measure(
    run: Callable[[Batch], dict],
    dataset: tf.data.Dataset,
    batches: int,
    *,
    resamples: int = 0,
    title: str = "evaluating",
    on_batch: Callable[[int, Batch, dict[str, Sequence[tf.Tensor]]], None] = lambda *_: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Result] | None:
    """Measures several columns of images against the same targets, batch by batch.

    Features go to a temporary file, so memory grows with the split by a few numbers per image only.

    Args:
      run: what `compile_columns` returns.
      dataset: of Batch, always in the same order.
      batches: how many the dataset has.
      resamples: how often the metrics of the whole set are taken over resampled images, for their intervals.
      title: of the progress bar.
      on_batch: called with the index of the batch's first image, the batch, and each column's translations of it.
      is_cancelled: asked before each batch.

    Returns:
      Column to Result; None if cancelled.
    """
    tallies: dict[str, Tally] = {}
    real, done = Tally(), 0
    for batch in progress_bar(dataset, title, batches):
        if is_cancelled():
            return None
        outputs = run(batch)
        for name, (_, taken) in outputs["columns"].items():
            tallies.setdefault(name, Tally()).add(taken)
        real.add(outputs["real"])
        on_batch(done, batch, {name: samples for name, (samples, _) in outputs["columns"].items()})
        done += len(batch["target"])
    return {name: tally.result(real, resamples) for name, tally in tallies.items()}


def generator_column(
    translate: Callable[[tf.Tensor], tf.Tensor],
    samples: int = 1,
    source: Callable[[Batch], tf.Tensor] = lambda batch: batch["source"],
) -> Column:
    """Returns a generator's column: each source is translated once, or several times, which differ if dropout is on."""
    return lambda batch: [translate(source(batch)) for _ in range(samples)]


def compile_columns(
    columns: dict[str, Column], networks: Networks, kind: str = "image", min_side: int | None = None
) -> Callable[[Batch], dict]:
    """Compiles the function of a batch that generates and measures all columns, as one graph.

    Args:
      columns: by name.
      networks: those that some metrics need.
      kind: of the targets, one of metrics.KINDS.
      min_side: of all images, in pixels; by default that of each batch. It decides which metrics there are.
    """
    networks = networks.traced_once()

    @tf.function(reduce_retracing=True, autograph=False)
    def run(batch: Batch) -> dict:
        outputs = {}
        for name, generate in columns.items():
            samples = generate(batch)
            outputs[name] = list(samples), taken_of(batch, samples, networks, kind, min_side)
        real = {}
        if networks.inception:
            real["features"] = networks.inception(batch["target"])
        return {"columns": outputs, "real": real}

    return run


def taken_of(
    batch: Batch,
    samples: Sequence[tf.Tensor],
    networks: Networks,
    kind: str = "image",
    min_side: int | None = None,
) -> dict[str, tf.Tensor]:
    """Measures one column's images: metrics `(N,)` as means over the samples, features and confusions."""
    target = batch["target"]
    each = [
        label_metrics(target, generated) if kind == "labels" else image_metrics(target, generated, min_side)
        for generated in samples
    ]
    # Counts are summed, not averaged.
    summed = {"label_confusions": tf.add_n([m.pop("label_confusions") for m in each])} if kind == "labels" else {}
    if kind == "mask":
        summed["mask_confusions"] = tf.add_n([mask_confusions(target, generated) for generated in samples])
    if networks.lpips:
        for metrics, generated in zip(each, samples, strict=True):
            metrics["lpips"] = networks.lpips(target, generated)
    taken = {name: tf.add_n([metrics[name] for metrics in each]) / len(each) for name in each[0]} | summed
    if len(samples) > 1:
        pairs = [(a, b) for i, a in enumerate(samples) for b in samples[:i]]
        taken["diversity_l1"] = tf.add_n([l1(a, b) for a, b in pairs]) / len(pairs)
        if networks.lpips:
            taken["diversity_lpips"] = tf.add_n([networks.lpips(a, b) for a, b in pairs]) / len(pairs)
    if networks.inception:
        features = tf.stack([networks.inception(generated) for generated in samples], axis=1)
        # Image by image, so that the order does not depend on the batches.
        taken["features"] = tf.reshape(features, (-1, features.shape[-1]))
    if networks.segment and networks.palette:
        labels = labels_of(batch["labels"][0], networks.palette)
        taken |= _scored(tf.add_n([confusions(labels, networks.segment(generated)) for generated in samples]))
    if networks.target_palette:
        labels, palette = batch["target labels"][1], networks.target_palette
        taken |= _scored(tf.add_n([color_confusions(labels, generated, palette) for generated in samples]))
    return taken


def _scored(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns counts `(N, K, K)`, and the share of each image's pixels that have the right class."""
    right = tf.cast(tf.linalg.trace(counts), tf.float64)
    return {"confusions": counts, "pixel_accuracy": right / tf.cast(tf.reduce_sum(counts, axis=(1, 2)), tf.float64)}
