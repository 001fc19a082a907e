"""Measures a trained generator on a whole split, in numbers and pictures.

    python -m tfpix2pix.evaluate --run_dir=runs/facades
    python -m tfpix2pix.evaluate --run_dir=runs/facades --split=test --checkpoint=all

Data, size, direction and channels are read from the run directory. RUN_DIR/evaluation/SPLIT-STEP gets metrics.json,
images.csv with every image's metrics, and report.html, one file that opens from disk.
"""

from absl import flags

from pipelines.system import terminal
from tfpix2pix.evaluation import measure_options
from tfpix2pix.networks.choices import NORM_STATISTICS


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from tfpix2pix.evaluation.evaluate_run import evaluate

    terminal.no_arguments(argv)
    values = flags.FLAGS
    evaluate(
        values.run_dir,
        checkpoint=values.checkpoint,
        output=values.output,
        norm_statistics=values.norm_statistics,
        dropout_at_inference=values.dropout_at_inference,
        samples=values.samples,
        baselines=values.baselines,
        baseline_pairs=values.baseline_pairs,
        **measure_options.from_flags(values),
    )
    return 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, a step, or all that were kept")
    flags.DEFINE_string("output", None, "folder for the results; default: RUN_DIR/evaluation/SPLIT-STEP")
    flags.DEFINE_enum("norm_statistics", None, NORM_STATISTICS, "what batch norm uses; default: as in the run's config")
    flags.DEFINE_bool("dropout_at_inference", False, "keep dropout on: the paper's noise")
    flags.DEFINE_integer("samples", 1, "translations of each source, with dropout on, to measure diversity", 1)
    flags.DEFINE_bool("baselines", True, "measure identity, mean target and nearest training neighbor too")
    flags.DEFINE_integer("baseline_pairs", 2000, "training pairs that the baselines read, at most", lower_bound=1)
    measure_options.define_flags()
    flags.adopt_module_key_flags(measure_options)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
