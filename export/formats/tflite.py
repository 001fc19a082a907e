"""TFLite: exports a generator as files of several kinds."""

import os
import pathlib
from collections.abc import Sequence

from export.formats.choices import TFLITE_BOUNDS
from export.formats.litert import Runner, convert
from export.formats.parity import Row
from export.formats.release import Candidate, write_passing
from export.trained import open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable
from pipelines.system.terminal import check_value


def export_tflite(
    run_dir: str | os.PathLike[str],
    export_dir: str | os.PathLike[str],
    *,
    kinds: Sequence[str] = tuple(TFLITE_BOUNDS),
    checkpoint: str | int = "latest",
    image_size: Size | None = None,
    norm_statistics: str | None = None,
    data: str = "",
    calibration_images: int = 100,
    parity_images: int = 20,
) -> list[Row]:
    """Exports a run's generator as TFLite files, and compares each with Keras.

        rows = export_tflite("runs/facades", "models/facades_tflite", kinds=["float16"])
        print(export.formats.parity.table(rows))

    Args:
      run_dir: the run directory that `train` wrote.
      export_dir: the folder for the files; made if it does not exist.
      kinds: keys of TFLITE_BOUNDS.
      checkpoint: `latest`, `best` (by the run's best_by), or a step.
      image_size: (height, width) of the images; by default training's.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      data: the data set whose val/ is used to calibrate and to compare; by default the run's own.
      calibration_images: from how many of its images at most int8 learns its ranges.
      parity_images: on how many of its images at most the files are compared.

    Returns:
      How near each file is to Keras; it is written only if it `passed`.

    Raises:
      InputError: an argument does not fit.
    """
    for kind in kinds:
        check_value("kinds", kind, choices=tuple(TFLITE_BOUNDS))
    for name, value in (("calibration_images", calibration_images), ("parity_images", parity_images)):
        check_value(name, value, least=1)
    folder = pathlib.Path(export_dir)
    check_writable(folder, "export_dir")
    run = open_trained(
        run_dir,
        max(parity_images, calibration_images),
        checkpoint=checkpoint,
        data=data,
        norm_statistics=norm_statistics,
        image_size=image_size,
        products=False,
    )
    sources = [source for source, _ in run.pairs[:calibration_images]]
    candidates = (
        Candidate(f"{kind}.tflite", file, Runner(file, os.cpu_count() or 1), TFLITE_BOUNDS[kind])
        for kind, file in convert(run.generator, kinds, sources)
    )
    return write_passing(folder, run, parity_images, candidates)
