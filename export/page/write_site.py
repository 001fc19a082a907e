"""Writes the folder of a page, or updates one: the page, LiteRT.js, and a model for each run."""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

from export.formats.parity import Row
from export.page import ASSETS, models_json
from export.page.chosen_runs import choose_runs
from export.page.runtime import read_runtime
from export.page.write_model import write_model
from export.trained import open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable, naming_full_disk, write_whole
from pipelines.system.terminal import check_value

RUNTIME = "runtime"


def write_site(
    run_dirs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    titles: Sequence[str] = (),
    checkpoint: str | int = "best",
    norm_statistics: str | None = None,
    data: str = "",
    image_size: Size | None = None,
    parity_images: int = 20,
    source_images: int = 8,
    license_text: str = "",
    runtime: str | os.PathLike[str] = "",
    data_dir: str | os.PathLike[str] = "data",
) -> list[Row]:
    """Exports runs as a page that anyone can open from any static server.

        write_site(["runs/facades", "runs/shoes"], "web")

    A page that is there already is updated: models of other names stay.

    Args:
      run_dirs: the run directories that `train` wrote.
      output: the folder; made if it does not exist.
      titles: for people, one a run; by default their names.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      data: the data set of whose val/ the sources are, and on which models are compared with Keras; by default pairs
        that the run has kept.
      image_size: (height, width) of the page's pictures; by default training's.
      parity_images: on how many pictures at most the models are compared.
      source_images: how many sources the page offers at most.
      license_text: under which the models may be used, such as `CC-BY-4.0`; it stands in each.
      runtime: LiteRT.js, as read_runtime has it.
      data_dir: the folder of all data, in which its download is kept.

    Returns:
      How near the model of each run is to Keras; it is on the page only if it `passed`.

    Raises:
      InputError: an argument does not fit, or a page cannot show what a run translates.
    """
    check_value("source_images", source_images, least=1)
    chosen = choose_runs(run_dirs, titles)
    site = pathlib.Path(output)
    check_writable(site, "output")
    rows = []
    with naming_full_disk(site, "the page"):
        write_page(site, runtime, data_dir)
        for folder, config, name, title in chosen:
            run = open_trained(
                folder,
                max(parity_images, source_images),
                checkpoint=checkpoint,
                data=data,
                norm_statistics=norm_statistics,
                image_size=image_size or config.image_size,
                products=False,
            )
            entry, row = write_model(run, site, name, title, source_images, license_text)
            rows.append(row)
            models_json.update(site, entry, row.passed)
            print(_line(entry, row), flush=True)
    return rows


def write_page(site: pathlib.Path, runtime: str | os.PathLike[str], data_dir: str | os.PathLike[str]) -> None:
    """Writes the page and LiteRT.js, without a model; the arguments are `write_site`'s."""
    files = {f"{RUNTIME}/{name}": contents for name, contents in read_runtime(runtime, data_dir).items()}
    files |= {path.relative_to(ASSETS).as_posix(): path.read_bytes() for path in ASSETS.rglob("*") if path.is_file()}
    for name, contents in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(site / name, contents)


def _line(entry: dict[str, Any], row: Row) -> str:
    psnr = f"{row.parity.psnr:.1f} dB to Keras"
    if not row.passed:
        return f"{entry['name']}: FAILED, {psnr}, under {row.bound:g} dB; it is not on the page"
    count = len(entry["sources"])
    sources = f"{count} source{'s' if count > 1 else ''}"
    return f"{entry['name']}: {entry['file']}, {entry['precision']}, {row.size:,} bytes, {psnr}, {sources}"
