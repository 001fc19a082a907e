"""Draws results of several runs in random order and without names, to judge them by eye before the names are known.

    python docs/blind.py judged/ runs/paper-0 runs/recommended-0

writes judged/1.png, 2.png, ... with six validation images each: the source, one result of each run under the letters A,
B, ..., and the target; and judged/key.json, which says which run each letter stands for in each row. Write down the
better letter of each row in judged/choices.json, a list such as ["A", "B", "="], then

    python docs/blind.py judged/

prints how often each run was chosen.
"""

import collections
import json
import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

IMAGES = 24
ROWS = 6
# Of a drawn image, and of the line of letters above, in pixels.
SIDE, LINE = 256, 24


def draw(folder: pathlib.Path, runs: list[pathlib.Path]) -> None:
    """Writes the pages and the key; the same images for all runs, evenly chosen from the validation split."""
    from pipelines.loader import eval_dataset
    from pipelines.pairs import open_pairs
    from tfpix2pix.run_dir.trained_generator import load_generator

    generated = []
    for run in runs:
        generator, config, _ = load_generator(run, "latest")
        batches = list(eval_dataset(open_pairs(pathlib.Path(config.data) / "val", config.pair_format()), 1))
        chosen = [batches[i] for i in np.linspace(0, len(batches) - 1, IMAGES).astype(int)]
        generated.append([generator(source, training=False)[0] for source, _ in chosen])
    rng = np.random.default_rng()
    orders = [rng.permutation(len(runs)).tolist() for _ in range(IMAGES)]
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, IMAGES, ROWS):
        page = Image.new("RGB", (SIDE * (len(runs) + 2), (SIDE + LINE) * ROWS), "white")
        for row in range(ROWS):
            i, top = start + row, row * (SIDE + LINE)
            images = [chosen[i][0][0], *(generated[run][i] for run in orders[i]), chosen[i][1][0]]
            words = [f"{i + 1}: source", *(chr(ord("A") + k) for k in range(len(runs))), "target"]
            for column, (image, word) in enumerate(zip(images, words, strict=True)):
                ImageDraw.Draw(page).text((column * SIDE + 4, top + 6), word, "black")
                levels = np.round(np.clip(np.asarray(image) * 127.5 + 127.5, 0, 255)).astype(np.uint8)
                shown = Image.fromarray(levels).resize((SIDE, SIDE), Image.Resampling.NEAREST)
                page.paste(shown, (column * SIDE, top + LINE))
        page.save(folder / f"{start // ROWS + 1}.png")
    key = [{chr(ord("A") + k): str(runs[run]) for k, run in enumerate(order)} for order in orders]
    (folder / "key.json").write_text(json.dumps(key, indent=1))


def uncover(folder: pathlib.Path) -> None:
    """Prints how often each run was chosen; `=` counts for none."""
    key, choices = (json.loads((folder / name).read_text()) for name in ("key.json", "choices.json"))
    print(collections.Counter(row.get(choice, choice) for row, choice in zip(key, choices, strict=True)))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        draw(pathlib.Path(sys.argv[1]), [pathlib.Path(run) for run in sys.argv[2:]])
    else:
        uncover(pathlib.Path(sys.argv[1]))
