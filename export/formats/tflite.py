"""TFLite: exports a generator as files of several kinds."""

import os
import pathlib
from collections.abc import Sequence

from export.compared_pairs import brought_to
from export.formats.choices import DYNAMIC, TFLITE_BOUNDS, fixed_size
from export.formats.litert import convert, count_operations
from export.formats.metadata import metadata
from export.formats.parity import Row
from export.formats.release import Candidate, write_passing
from export.trained import open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable
from pipelines.system.terminal import check_value
from tfpix2pix.exported.tflite_file import Runner


def export_tflite(
    run_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    kinds: Sequence[str] = tuple(TFLITE_BOUNDS),
    checkpoint: str | int = "best",
    image_size: Size | str | None = DYNAMIC,
    norm_statistics: str | None = None,
    data: str = "",
    sources: str = "",
    calibration_images: int = 100,
    parity_images: int = 20,
    license_text: str = "",
) -> list[Row]:
    """Exports a run's generator as TFLite files, and compares each with Keras.

        rows = export_tflite("runs/facades", "models/facades_tflite", kinds=["float16"])
        print(export.formats.parity.table(rows))

    Args:
      run_dir: the run directory that `train` wrote.
      output: the folder for the files; made if it does not exist.
      kinds: keys of TFLITE_BOUNDS.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      image_size: `dynamic`, for all multiples of config.multiple, training's until they are resized; or (height,
        width); None: training's.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      data: the data set whose val/ is used to calibrate and to compare; by default pairs that the run has kept.
      sources: a folder of single sources that are used instead.
      calibration_images: from how many pictures at most int8 learns its ranges.
      parity_images: on how many pictures at most the files are compared.
      license_text: under which the files may be used, such as `CC-BY-4.0`; it stands in each.

    Returns:
      How near each file is to Keras; it is written only if it `passed`.

    Raises:
      InputError: an argument does not fit.
    """
    for kind in kinds:
        check_value("kinds", kind, choices=tuple(TFLITE_BOUNDS))
    for name, value in (("calibration_images", calibration_images), ("parity_images", parity_images)):
        check_value(name, value, least=1)
    folder = pathlib.Path(output)
    check_writable(folder, "output")
    run = open_trained(
        run_dir,
        max(parity_images, calibration_images),
        checkpoint=checkpoint,
        data=data,
        sources=sources,
        norm_statistics=norm_statistics,
        image_size=fixed_size(image_size),
        products=False,
        purpose=f"calibrated (at most {calibration_images}) and compared with Keras (at most {parity_images})",
    )
    about = metadata(run, image_size == DYNAMIC, license_text)
    typical = [brought_to(source, run.form.size) for source, _ in run.pairs[:calibration_images]]
    files = convert(run.generator, run.form.size, kinds, typical, about)
    return write_passing(folder, run, parity_images, (candidate(kind, file) for kind, file in files), about, "tflite")


def candidate(kind: str, file: bytes) -> Candidate:
    """Returns a file of some kind under its name: one of int8 that has operations in float says so in it."""
    operations = count_operations(file)
    name, other_name, note = f"{kind}.tflite", "", ""
    if kind == "int8":
        other_name = f"{kind}_partly_float.tflite"
        if operations.floats:
            name, other_name = other_name, name
            note = f"partly float: {operations.floats} operations need a processor with floats"
    runner = Runner(file, os.cpu_count() or 1)
    return Candidate(name, file, runner, TFLITE_BOUNDS[kind], operations, note, other_name)
