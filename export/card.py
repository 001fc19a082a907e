"""Writes a folder to share: the generator as safetensors, its options, and a model card.

    python -m export.card --run_dir=runs/facades --output=shared/facades --license=CC-BY-4.0
    hf upload OWNER/NAME shared/facades

The card says what `evaluate` found of the checkpoint, so evaluate first. `load_run("shared/facades")` and
`load_run("hf://OWNER/NAME")` open the folder, and so do translate and the exporters with --run_dir.
"""

from absl import flags

from pipelines.system import terminal


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.sharing.folder import export_card
    from export.trained import hide_gpus

    terminal.no_arguments(argv)
    hide_gpus()
    values = flags.FLAGS
    words = export_card(
        values.run_dir, values.output, checkpoint=values.checkpoint, license_text=values.license, title=values.title
    )
    print(f"{values.output}, {words}: README.md, model.safetensors, config.json")
    return 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("output", None, "folder for the files; made if it does not exist", required=True)
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")
    flags.DEFINE_string("license", "", "under which the generator may be used, such as CC-BY-4.0; the card says so")
    flags.DEFINE_string("title", "", "of the card; default: the name of the run directory")


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
