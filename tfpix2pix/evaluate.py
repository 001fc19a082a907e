"""Measures a trained generator on a whole split, or a folder of generated images, in numbers and pictures.

    python -m tfpix2pix.evaluate --run_dir=runs/facades
    python -m tfpix2pix.evaluate --run_dir=runs/facades --split=test --models=models/int8.tflite,models/model.onnx
    python -m tfpix2pix.evaluate --generated=results --targets=photos --sources=labels

Data, size, direction and channels are read from the run directory. RUN_DIR/evaluation/SPLIT-STEP gets metrics.json,
images.csv with every image's metrics, and report.html, which opens from disk. Generated images, of any program, are
matched with their targets by name.
"""

from absl import flags

from pipelines.system import terminal
from pipelines.system.terminal import InputError
from tfpix2pix.evaluation import measure_options
from tfpix2pix.networks.choices import NORM_STATISTICS

# Options that only a run has, or only folders.
OF_RUNS = (
    "checkpoint",
    "norm_statistics",
    "dropout_at_inference",
    "samples",
    "baseline_pairs",
    "models",
    "split",
    "data",
)
OF_FOLDERS = ("targets", "sources", "match")


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    if bool(values.run_dir) == bool(values.generated):
        raise InputError(
            f"run_dir={values.run_dir} and generated={values.generated}: give one of them, --run_dir=RUN_DIR or "
            "--generated=FOLDER --targets=FOLDER"
        )
    refuse(OF_FOLDERS if values.run_dir else OF_RUNS, f"--{'run_dir' if values.run_dir else 'generated'}")
    measured = measure_options.from_flags(values)
    if values.generated:
        from tfpix2pix.evaluation.evaluate_folders import evaluate_folders

        if not values.targets:
            raise InputError(
                f"generated={values.generated} needs targets to be measured against; give --targets=FOLDER"
            )
        evaluate_folders(
            values.generated,
            values.targets,
            values.sources,
            match=values.match,
            output=values.output,
            baselines=values.baselines,
            **measured,
        )
        return 0
    from tfpix2pix.evaluation.evaluate_run import evaluate

    evaluate(
        values.run_dir,
        checkpoint=values.checkpoint,
        output=values.output,
        norm_statistics=values.norm_statistics,
        dropout_at_inference=values.dropout_at_inference,
        samples=values.samples,
        baselines=values.baselines,
        baseline_pairs=values.baseline_pairs,
        models=values.models,
        **measured,
    )
    return 0


def refuse(names: tuple[str, ...], beside: str) -> None:
    """Raises InputError for a flag that was given and has no meaning here."""
    for name in names:
        if flags.FLAGS[name].present:
            raise InputError(f"{name}={flags.FLAGS[name].value} has no meaning with {beside}; leave it out")


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running")
    flags.DEFINE_string("generated", "", "instead of a run: folder of images that any program has generated")
    flags.DEFINE_string("targets", "", "folder of what the generated images should be, by the same names")
    flags.DEFINE_string("sources", "", "folder of what they were made from, to be shown; may be left out")
    flags.DEFINE_string(
        "match", "", "how names differ, generated:targets:sources, such as '{}_fake_B:{}_real_B:{}_real_A'; or order"
    )
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, a step, or all that were kept")
    flags.DEFINE_list("models", [], "exported files to measure beside the run: .tflite, .onnx, folders of SavedModels")
    flags.DEFINE_string(
        "output", None, "folder for the results; default: RUN_DIR/evaluation/SPLIT-STEP, or evaluation/GENERATED"
    )
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
