"""Exports generators as a page on which people draw and see the result: static files, the network runs in the browser.

    python -m export.web --run_dir=runs/facades --run_dir=runs/shoes --output=web --serve

writes index.html with all it needs, models/NAME/ for each run, and LiteRT.js, which is downloaded once. The folder
works on any static server. A model that is too far from Keras is left out, and the exit code is 1.
"""

import pathlib

from absl import flags

from pipelines.images.size import define_size
from pipelines.system import terminal
from pipelines.system.disk import check_writable
from pipelines.system.start_notices import import_tensorflow
from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import NORM_STATISTICS


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.page.server import check_port, serve

    terminal.no_arguments(argv)
    values = flags.FLAGS
    if not values.run_dir and not values.serve:
        raise InputError("run_dir is missing; give --run_dir=..., or --serve for a page that is there")
    if values.serve:
        check_port(values.port)
    passed = _export(values) if values.run_dir else True
    if values.serve:
        serve(pathlib.Path(values.output), values.port)
    return 0 if passed else 1


def _export(values: flags.FlagValues) -> bool:
    from export.page.chosen_runs import choose_runs

    # TensorFlow takes seconds: what can be wrong without it is said before.
    choose_runs(values.run_dir, values.title)
    check_writable(pathlib.Path(values.output), "output")
    import_tensorflow()
    from export.page.write_site import write_site
    from export.trained import hide_gpus

    hide_gpus()
    rows = write_site(
        values.run_dir,
        values.output,
        titles=values.title,
        checkpoint=values.checkpoint,
        norm_statistics=values.norm_statistics,
        data=values.data,
        image_size=None if values.image_size == (0, 0) else values.image_size,
        parity_images=values.parity_images,
        source_images=values.source_images,
        license_text=values.license,
        runtime=values.runtime,
        data_dir=values.data_dir,
    )
    total = sum(path.stat().st_size for path in pathlib.Path(values.output).rglob("*") if path.is_file())
    print(f"{values.output}: {total:,} bytes in all", flush=True)
    if not values.serve:
        print(f"to see it:\n  python -m export.web --serve --output={values.output}", flush=True)
    return all(row.passed for row in rows)


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_multi_string("run_dir", [], "a training's run directory; repeat the flag for several on one page")
    flags.DEFINE_string("output", None, "folder of the page; made if it does not exist, else updated", required=True)
    flags.DEFINE_multi_string("title", [], "what a model does, for people, such as 'labels to photo'; one a run")
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_string("data", "", "data set of whose val/ the page's sources are; default: pairs kept in the run")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    define_size("image_size", (0, 0), "height x width of the page's pictures; 0: training's")
    flags.DEFINE_integer("source_images", 8, "sources that the page offers, at most", lower_bound=1)
    flags.DEFINE_integer("parity_images", 20, "pictures to compare with Keras on, at most", lower_bound=1)
    flags.DEFINE_string("license", "", "under which the models may be used, such as CC-BY-4.0; they say so themselves")
    flags.DEFINE_string("runtime", "", "LiteRT.js, its folder or .tgz, instead of the one that is downloaded")
    flags.DEFINE_string("data_dir", "data", "folder in which the download is kept, in runtime/")
    flags.DEFINE_bool("serve", False, "serve the page on 127.0.0.1 until Ctrl-C, also without --run_dir")
    flags.DEFINE_integer("port", 8080, "to serve it at; 0: a free one", lower_bound=0, upper_bound=65535)


if __name__ == "__main__":
    define_flags()
    terminal.run(main, needs_tensorflow=False)
