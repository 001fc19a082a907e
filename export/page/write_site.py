"""Writes the folder of a page, or updates one: the page, LiteRT.js, and a model for each run."""

import contextlib
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from export.formats.parity import Row
from export.page.model_entry import check_shown, model_name, write_model
from export.page.runtime import read_runtime
from export.trained import open_trained
from pipelines.images.size import Size
from pipelines.system.disk import check_writable, naming_full_disk, write_whole
from pipelines.system.terminal import InputError, check_value
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.run_dir import config_json

ASSETS = pathlib.Path(__file__).parent / "assets"
RUNTIME = "runtime"
MODELS_FILE = "models.json"


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
    if titles and len(titles) != len(run_dirs):
        raise InputError(f"title is given {len(titles)} times for {len(run_dirs)} runs; give one a run, or none")
    folders = [pathlib.Path(run_dir) for run_dir in run_dirs]
    configs = [config_json.load(folder) for folder in folders]
    names = [model_name(folder) for folder in folders]
    for folder, config, name in zip(folders, configs, names, strict=True):
        check_shown(folder, config)
        if names.count(name) > 1:
            raise InputError(f"run_dir={folder} has the name of another run, {name}; rename one of the folders")
    site = pathlib.Path(output)
    check_writable(site, "output")
    rows = []
    with naming_full_disk(site, "the page"):
        write_page(site, runtime, data_dir)
        for index, (folder, config) in enumerate(zip(folders, configs, strict=True)):
            run = open_trained(
                folder,
                max(parity_images, source_images),
                checkpoint=checkpoint,
                data=data,
                norm_statistics=norm_statistics,
                image_size=image_size or config.image_size,
                products=False,
            )
            title = titles[index] if titles else ""
            entry, row = write_model(run, site, names[index], title, source_images, license_text)
            rows.append(row)
            _update(site / MODELS_FILE, entry, row.passed)
            print(_line(entry, row), flush=True)
    return rows


def write_page(site: pathlib.Path, runtime: str | os.PathLike[str], data_dir: str | os.PathLike[str]) -> None:
    """Writes the page and LiteRT.js, without a model; the arguments are `write_site`'s."""
    files = {f"{RUNTIME}/{name}": contents for name, contents in read_runtime(runtime, data_dir).items()}
    files |= {path.relative_to(ASSETS).as_posix(): path.read_bytes() for path in ASSETS.rglob("*") if path.is_file()}
    for name, contents in files.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(site / name, contents)


def _update(file: pathlib.Path, entry: dict[str, Any], is_there: bool) -> None:
    """Puts an entry into models.json, in the place that it had, or takes it out."""
    entries: list[dict[str, Any]] = []
    with contextlib.suppress(FileNotFoundError):
        try:
            entries = [old for old in parse_json(file.read_bytes()) if (file.parent / old["file"]).is_file()]
        except (ValueError, TypeError, KeyError):
            raise InputError(f"{file} does not list models; delete it, and export all runs again") from None
    names = [old["name"] for old in entries]
    place = names.index(entry["name"]) if entry["name"] in names else len(names)
    entries[place : place + 1] = [entry] if is_there else []
    write_whole(file, json.dumps(entries, indent=2) + "\n")


def _line(entry: dict[str, Any], row: Row) -> str:
    psnr = f"{row.parity.psnr:.1f} dB to Keras"
    if not row.passed:
        return f"{entry['name']}: FAILED, {psnr}, under {row.bound:g} dB; it is not on the page"
    count = len(entry["sources"])
    sources = f"{count} source{'s' if count > 1 else ''}"
    return f"{entry['name']}: {entry['file']}, {entry['precision']}, {row.size:,} bytes, {psnr}, {sources}"
