"""Exports a generator as a package of the BioImage Model Zoo, for Fiji, ilastik, QuPath and others.

    python -m export.bioimage --run_dir=runs/nuclei --output=models/zoo --license=CC-BY-4.0 --author='A. Author'

writes rdf.yaml, an ONNX file, a zipped SavedModel, a test picture with what `translate` makes of it, samples, a cover,
and the model card. `bioimageio test models/zoo/rdf.yaml` checks it. If a file of weights is too far from Keras, nothing
is written, and the exit code is 1.
"""

from absl import flags

from pipelines.system import terminal
from tfpix2pix.networks.choices import NORM_STATISTICS


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.formats.parity import table
    from export.trained import hide_gpus
    from export.zoo.package import export_bioimage

    terminal.no_arguments(argv)
    hide_gpus()
    values = flags.FLAGS
    rows = export_bioimage(
        values.run_dir,
        values.output,
        checkpoint=values.checkpoint,
        norm_statistics=values.norm_statistics,
        data=values.data,
        sources=values.sources,
        parity_images=values.parity_images,
        license_text=values.license,
        title=values.title,
        authors=values.author,
        cite=values.cite,
        tags=values.tag,
        source_type=values.source_type,
        halo=values.halo,
    )
    print(table(rows), flush=True)
    if unsaid := [f"--{name}" for name in ("license", "author") if not values[name].value]:
        terminal.print_warning(
            f"the zoo's check asks for {' and '.join(unsaid)}; give it before you upload the package"
        )
    return 0 if all(row.passed for row in rows) else 1


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("output", None, "folder of the package; made if it does not exist", required=True)
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_string("data", "", "data set of whose val/ the test picture is; default: pairs kept in the run")
    flags.DEFINE_string("sources", "", "folder of single sources that are used instead")
    flags.DEFINE_enum(
        "norm_statistics",
        None,
        NORM_STATISTICS,
        "what batch norm uses; default: as in the run's config. Tiles need moving",
    )
    flags.DEFINE_integer("parity_images", 20, "pictures to compare on, at most", lower_bound=1)
    flags.DEFINE_string("license", "", "an identifier of SPDX under which the package may be used, such as CC-BY-4.0")
    flags.DEFINE_string("title", "", "the model's name in the zoo; default: the name of the run directory")
    flags.DEFINE_multi_string("author", [], "name of an author; repeat the flag for several")
    flags.DEFINE_multi_string("cite", [], "'TEXT; DOI' or 'TEXT; https://...' besides pix2pix; repeat it for several")
    flags.DEFINE_multi_string("tag", [], "such as nuclei; repeat it for several")
    flags.DEFINE_enum(
        "source_type",
        "auto",
        ("auto", "uint8", "uint16", "float32"),
        "numbers in sources; auto: by source_range, float32 for percentiles, else as the targets' are",
    )
    flags.DEFINE_integer(
        "halo", None, "pixels that a tile loses at each edge; 0: no tiles; default: as the norm allows", lower_bound=0
    )


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
