"""Compares generators on the same images, with intervals, so that noise does not pass for progress.

    python -m tfpix2pix.compare runs/a runs/b
    python -m tfpix2pix.compare runs/a@latest:image runs/a@latest:moving --split=test
    python -m tfpix2pix.compare paper=runs/p-0,runs/p-1 pool=runs/q-0,runs/q-1 --output=results/pool
    python -m tfpix2pix.compare runs/a models/a/int8.tflite theirs=results/of-another-program
    python -m tfpix2pix.compare ours=results/a theirs=results/b --targets=photos

Each argument is [NAME=]RUN_DIR[@CHECKPOINT][:NORM_STATISTICS], an exported file or SavedModel, or a folder of generated
images with the names of the split's, or of --targets. Each is measured at its own size. Several with commas between
them, such as the seeds of one recipe, count as one; its metrics are the means of theirs, image by image. The others are
compared with the first. The output folder gets comparison.json, images.csv and comparison.html, which opens from disk.
"""

from absl import flags

from pipelines.system import terminal
from tfpix2pix.evaluation import measure_options


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from tfpix2pix.evaluation.compare_runs import compare

    values = flags.FLAGS
    compare(
        *argv[1:],
        checkpoint=values.checkpoint,
        output=values.output,
        targets=values.targets,
        sources=values.sources,
        match=values.match,
        **measure_options.from_flags(values),
    )
    return 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("checkpoint", "best", "of runs that name none: best (by its best_by), latest, or a step")
    flags.DEFINE_string("output", "comparison", "folder for the results")
    flags.DEFINE_string("targets", "", "folder of what generated images should be, if only folders are compared")
    flags.DEFINE_string("sources", "", "folder of what they were made from, likewise; may be left out")
    flags.DEFINE_string("match", "", "how names of generated images and targets differ, such as '{}_fake_B:{}'")
    measure_options.define_flags()
    flags.adopt_module_key_flags(measure_options)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
