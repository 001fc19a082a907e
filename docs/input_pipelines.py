"""Times input pipelines on side-by-side JPEG files: ours, PyTorch's loader, and that of TensorFlow's tutorial.

    python docs/input_pipelines.py ours FACADES/train              # from files; a folder of shards is taken as well
    python docs/input_pipelines.py ours FACADES/train --memory
    python docs/input_pipelines.py torch FACADES/train --workers=2 # in an environment with torch and Pillow
    python docs/input_pipelines.py tutorial FACADES/train

The work is the paper's: decode, split, resize both halves to 286/256 of --size, the same random crop of --size, a
mirror by chance, numbers in [-1, 1]. Ours also checks each file. The tutorial resizes by nearest neighbors, which is
less work. Prints pairs a second: the median of five stretches.
"""

import argparse
import glob
import os
import statistics
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
STRETCHES = 5


def ours(options):
    """Batches of train_dataset."""
    sys.path.insert(0, os.getcwd())
    from pipelines.loader import train_dataset

    precision = {"resize_precision": options.precision} if options.precision else {}
    return train_dataset(
        options.folder,
        image_size=(options.size, options.size),
        batch_size=options.batch_size,
        cache_mib=4096 if options.memory else 0,
        **precision,
    )


def torch(options):
    """DataLoader with Pillow, bicubic as in the reference."""
    import numpy as np
    import torch
    from PIL import Image

    files = sorted(glob.glob(options.folder + "/*.jpg"))
    size = options.size
    load = round(size * 286 / 256)
    rng = np.random.default_rng()

    class Pairs(torch.utils.data.Dataset):
        def __len__(self):
            return 1000 * len(files)

        def __getitem__(self, index):
            image = Image.open(files[index % len(files)]).convert("RGB")
            width, height = image.size
            x, y = rng.integers(0, load - size + 1, 2).tolist()
            flip = rng.random() < 0.5
            halves = []
            for box in ((0, 0, width // 2, height), (width // 2, 0, width, height)):
                half = image.crop(box).resize((load, load), Image.BICUBIC).crop((x, y, x + size, y + size))
                half = half.transpose(Image.FLIP_LEFT_RIGHT) if flip else half
                halves.append(torch.from_numpy(np.array(half)).permute(2, 0, 1).float().div(127.5).sub(1))
            return halves

    return torch.utils.data.DataLoader(Pairs(), options.batch_size, shuffle=True, num_workers=options.workers)


def tutorial(options):
    """The steps of https://www.tensorflow.org/tutorials/generative/pix2pix."""
    import tensorflow as tf

    size, load = options.size, round(options.size * 286 / 256)

    def read(path):
        image = tf.io.decode_jpeg(tf.io.read_file(path))
        width = tf.shape(image)[1] // 2
        halves = image[:, width:], image[:, :width]
        pair = tf.stack([tf.image.resize(tf.cast(half, tf.float32), (load, load), "nearest") for half in halves])
        pair = tf.image.random_crop(pair, (2, size, size, 3))
        if tf.random.uniform(()) > 0.5:
            pair = tf.image.flip_left_right(pair)
        pair = pair / 127.5 - 1
        return pair[0], pair[1]

    files = tf.data.Dataset.from_tensor_slices(sorted(glob.glob(options.folder + "/*.jpg"))).repeat()
    return files.map(read, num_parallel_calls=tf.data.AUTOTUNE).shuffle(400).batch(options.batch_size)


def rate(batches, options):
    """Pairs a second, after as many that fill the buffers."""
    batches = iter(batches)
    count = -(-options.pairs // options.batch_size)
    rates = []
    for _ in range(1 + STRETCHES):
        start = time.perf_counter()
        for _ in range(count):
            next(batches)
        rates.append(count * options.batch_size / (time.perf_counter() - start))
    return statistics.median(rates[1:])


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("pipeline", choices=("ours", "torch", "tutorial"))
parser.add_argument("folder")
parser.add_argument("--size", type=int, default=256)
parser.add_argument("--batch_size", type=int, default=1)
parser.add_argument("--pairs", type=int, default=400, help="in a stretch")
parser.add_argument("--workers", type=int, default=0, help="of torch")
parser.add_argument("--memory", action="store_true", help="ours: all pairs are kept in memory")
parser.add_argument("--precision", default="", help="ours: resize_precision")
parsed = parser.parse_args()
found = {"ours": ours, "torch": torch, "tutorial": tutorial}[parsed.pipeline](parsed)
print(f"{rate(found, parsed):.0f} pairs a second: {' '.join(sys.argv[1:])}", flush=True)
