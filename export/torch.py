"""Exports both networks for the PyTorch reference or pix2pixHD, without torch.

    python -m export.torch --run_dir=runs/facades --output=checkpoints/facades

writes latest_net_G.pth and latest_net_D.pth, which pytorch-CycleGAN-and-pix2pix loads with --name=facades, and both as
.safetensors. It prints the options with which that builds the same networks.
"""

from absl import flags

from pipelines.system import terminal


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.formats.torch import export_torch
    from export.trained import hide_gpus

    terminal.no_arguments(argv)
    hide_gpus()
    values = flags.FLAGS
    done = export_torch(values.run_dir, values.output, values.checkpoint)
    print(f"{values.output}, {done.checkpoint}: {', '.join(done.files)}, equal to the run to the last bit")
    for program, options in done.options.items():
        print(f"{program} builds the same with\n  {options}")
    for note in done.notes:
        print(f"note: {note}")
    return 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "a training's run directory, also of one that is still running", required=True)
    flags.DEFINE_string("output", None, "folder for the files; made if it does not exist", required=True)
    flags.DEFINE_string("checkpoint", "best", "best (by the run's best_by), latest, or a step")


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
