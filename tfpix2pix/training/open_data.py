"""The data of a training, and all that has to be certain of it before the first step."""

import dataclasses
import pathlib

from pipelines.datasets import locate
from pipelines.pairs import Pairs, open_pairs
from pipelines.system.terminal import InputError, one_line
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.evaluation.metric_networks import networks_for
from tfpix2pix.quality.measure import Networks
from tfpix2pix.run_dir import data_json
from tfpix2pix.run_dir.claim import claim, wait_until_shared
from tfpix2pix.run_dir.config_json import CONFIG_FILE
from tfpix2pix.run_dir.lock import Lock
from tfpix2pix.run_dir.lost_pairs import Lost


@dataclasses.dataclass(frozen=True)
class Data:
    """What a training reads.

    Attributes:
      train: at load_size.
      val: at image_size.
      lost: where pairs are kept that get lost on the way.
      networks: for the metrics of validation; None where another worker validates.
    """

    train: Pairs
    val: Pairs
    lost: Lost
    networks: Networks | None


def open_data(options: Config, run_dir: pathlib.Path, workers: Workers, lock: Lock) -> Data:
    """Opens the data on all workers, checks that they have the same, and takes possession of the run directory.

    Raises:
      InputError: on all workers, where one of them cannot train.
    """

    def on_chief(work):
        return workers.together(lambda: work() if workers.is_chief else None)

    def begin():
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.take()
        claim(run_dir, options, train, val)
        for pair in train.lost.values():
            lost.add(pair)

    # A run directory is locked at once; one that is not there yet is made when the training is certain to begin.
    on_chief(lambda: lock.take() if (run_dir / CONFIG_FILE).exists() else None)
    if not workers.have_same(options.without_places().to_json()):
        raise InputError("workers were started with different options; give all of them the same command")
    networks = on_chief(lambda: networks_for(options))
    if workers.count > 1:
        # Named data sets are fetched once where the folder is shared, and not by all at a time.
        on_chief(lambda: locate.dataset_folder(options.data, options.data_dir))
    lost = Lost(run_dir)
    train, val = workers.together(lambda: open_splits(options, run_dir, lost))
    if not workers.have_same(train.fingerprint()):
        raise InputError(f"data={options.data} has other training pairs on one worker than on another; make them equal")
    on_chief(begin)
    workers.together(lambda: wait_until_shared(run_dir))
    return Data(train, val, lost, networks)


def open_splits(options: Config, run_dir: pathlib.Path, lost: Lost) -> tuple[Pairs, Pairs]:
    """Opens train/ at load_size and val/ at image_size, after every file in them was read once."""
    folder = locate.dataset_folder(options.data, options.data_dir)
    splits, without = [], {pair.index: pair for pair in lost.load()}
    if options.bad_images == "skip":
        for pair in data_json.gone(run_dir, folder / "train"):
            if pair.index not in without:
                without[pair.index] = pair
                place = folder / "train" / pair.name
                print(one_line(f"lost {place}: it is gone since the run began; another stands in for it"))
    for split, size, kept in (("train", options.load_size, [*without.values()]), ("val", options.image_size, [])):
        form = options.pair_format(size)
        pairs = open_pairs(folder / split, form, options.bad_images, options.cache_mib, kept)
        if pairs.skipped:
            print(f"skipped {len(pairs.skipped)} bad files in {folder / split}:")
            for file, reason in pairs.skipped.items():
                print(f"  {one_line(f'{file}: {reason}')}")
        if pairs.lost:
            print(f"{len(pairs.lost)} pairs in {folder / split} were lost before, and others stand in for them")
        splits.append(pairs)
    if options.batch_size > len(splits[0]):
        raise InputError(
            f"batch_size={options.batch_size} is more than the {len(splits[0])} pairs in {folder / 'train'}; give a "
            "smaller one"
        )
    return splits[0], splits[1]
