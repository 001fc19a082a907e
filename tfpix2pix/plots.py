"""Arrays to figures; knows nothing of TensorBoard."""

from matplotlib.figure import Figure

# Title to the metrics drawn under it.
PANELS = {
    "validation L1 on [-1, 1]": ("validation/l1",),
    "validation PSNR, dB": ("validation/psnr",),
    "validation SSIM": ("validation/ssim",),
    "generator's L1 in training": ("generator/l1",),
    "adversarial losses": ("discriminator/real", "discriminator/fake", "generator/adversarial"),
    "discriminator's accuracy": ("discriminator/accuracy",),
}


def curves(records: list[dict[str, float]]) -> Figure:
    """The course of a training, from the records of log.jsonl: one panel each of PANELS, over epochs.

    Training's curves are means over a hundredth of the run, with the single values pale behind them.
    """
    figure = Figure((15, 7), dpi=100, layout="constrained")
    for axes, (title, names) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        for name in names:
            points = [(record["epoch"], record[name]) for record in records if name in record]
            if not points:
                continue
            epochs, values = zip(*points, strict=True)
            label = name.split("/")[0][0].upper() + " " + name.split("/")[1]
            if name.startswith("validation/"):
                axes.plot(epochs, values, marker="o", markersize=3)
            else:
                window = max(1, len(values) // 100)
                (line,) = axes.plot(*_means(epochs, values, window), label=label)
                axes.plot(epochs, values, color=line.get_color(), alpha=0.15, linewidth=0.5)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch", fontsize=8)
        axes.grid(alpha=0.3)
        if len(names) > 1 and axes.lines:
            axes.legend(fontsize=8)
    return figure


def _means(epochs: tuple, values: tuple, window: int) -> tuple[list[float], list[float]]:
    starts = range(0, len(values), window)
    chunks = [(epochs[i : i + window], values[i : i + window]) for i in starts]
    return [sum(e) / len(e) for e, _ in chunks], [sum(v) / len(v) for _, v in chunks]
