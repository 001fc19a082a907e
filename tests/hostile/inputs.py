"""Makes three hundred spoiled inputs, the same for the same seed, each in a folder of its own or among images."""

import dataclasses
import gzip
import hashlib
import io
import json
import pathlib
import shutil
import tarfile

import numpy as np
import tensorflow as tf

from pipelines.storage import manifest, records
from pipelines.storage.manifest import MANIFEST_FILE
from tests.helpers.checksum import masked_crc
from tests.hostile import pictures
from tests.hostile.mutations import mutations, reworded

COUNTS = {
    "shard": 30,
    "manifest": 18,
    "shard index": 12,
    "tar.gz": 40,
    "config.json": 30,
    "flagfile": 20,
    "checkpoint": 30,
}


@dataclasses.dataclass(frozen=True)
class Seeds:
    """Names the sound files that are spoiled.

    Attributes:
      pairs: a data set of files.
      shards: the same data set in shards.
      run_dir: a training on it.
    """

    pairs: pathlib.Path
    shards: pathlib.Path
    run_dir: pathlib.Path


def spoil(kind: str, number: int, seeds: Seeds, folder: pathlib.Path, seed: int = 0) -> None:
    """Makes the input of a kind and number in an empty folder.

    Shards become `shards`, an archive `data/edges2shoes.tar.gz`, a run `run`, a flagfile `flags`.
    """
    rng = np.random.default_rng([seed, list(COUNTS).index(kind), number])
    MAKERS[kind](number, seeds, folder, rng)


def one_of(contents: bytes, number: int, rng: np.random.Generator, other: bytes) -> bytes:
    """Returns a copy, spoiled by one of ten mutations in turn."""
    return mutations(contents, 10, rng, other)[number % 10]


def shard(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils a shard's bytes; or its records, with right checksums, index and manifest; or its records' lengths."""
    train = copied_shards(seeds, folder) / "train"
    paths = sorted(train.glob("*.tfrecord"))
    path, contents = paths[0], paths[0].read_bytes()
    if number % 3 == 0:
        spoiled = one_of(contents, number // 3, rng, paths[1].read_bytes())
        if number % 2:
            # Of the same length, so that the damage shows only when it is read.
            spoiled = (spoiled + contents[len(spoiled) :])[: len(contents)]
        path.write_bytes(spoiled)
        return
    if number % 3 == 1:
        jpegs, pngs = (pictures.whole(kind) for kind in ("JPEG", "PNG"))
        sources = [*jpegs, *pngs]
        images = [
            (f"{'../' * (number % 2)}{i}.png", one_of(sources[i % len(sources)], number + i, rng, jpegs[0]))
            for i in range(3)
        ]
        written = records.write_shard(path, images)
    else:
        examples = [records.encode(f"{i}.png", image) for i, image in enumerate(pictures.whole("PNG")[:3])]
        examples[0] = one_of(examples[0], number // 3, rng, examples[1])
        offsets = [0]
        with tf.io.TFRecordWriter(str(path)) as writer:
            for example in examples:
                writer.write(example)
                offsets.append(offsets[-1] + len(example) + records.FRAME_BYTES)
        if number % 2:
            # A length with a right checksum, but without such a record behind it.
            whole = bytearray(path.read_bytes())
            length = (2**60, 2**40, 2**33, 2**64 - 16)[number // 6 % 4].to_bytes(8, "little")
            whole[:12] = length + masked_crc(length).to_bytes(4, "little")
            path.write_bytes(whole)
        written = with_index(path, offsets)
    vouch(train, written)


def shard_manifest(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils a manifest's bytes or values."""
    path = copied_shards(seeds, folder) / "train" / MANIFEST_FILE
    if number % 3 == 0:
        path.write_bytes(one_of(path.read_bytes(), number // 3, rng, path.read_bytes()[::-1]))
    else:
        path.write_text(reworded(path.read_text(), rng))


def shard_index(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils an index's bytes, with or without a digest that confirms them."""
    train = copied_shards(seeds, folder) / "train"
    path = min(train.glob("*.tfrecord"))
    index = records.index_path(path)
    contents = one_of(index.read_bytes(), number, rng, bytes(range(64)))
    if number % 2:
        offsets = np.frombuffer(index.read_bytes(), records.INDEX_TYPE).copy()
        offsets[rng.integers(len(offsets))] = rng.choice(np.array([0, 1, 2**31, 2**62, 2**63, 2**64 - 1], "u8"))
        contents = offsets.tobytes()
    index.write_bytes(contents)
    if number % 4:
        found = manifest.load(train).shards[0]
        vouch(train, dataclasses.replace(found, index_sha256=hashlib.sha256(contents).hexdigest()))


def archive(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils an archive's packed or unpacked bytes, or adds members that no sound archive has."""
    (folder / "data").mkdir(parents=True)
    top = "edges2shoes"
    plain, odd = io.BytesIO(), io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for split in ("train", "val"):
            for file in sorted((seeds.pairs / split).iterdir())[:2]:
                tar.add(file, f"{top}/{split}/{file.name}")
    with tarfile.open(fileobj=odd, mode="w") as tar:
        for name, kind, link in ODD_MEMBERS:
            member = tarfile.TarInfo(name.format(top=top))
            member.type, member.linkname, member.size = kind, link, 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b"out"))
    if number % 2:
        contents = gzip.compress(one_of(plain.getvalue(), number // 2, rng, odd.getvalue()), mtime=0)
    elif number % 4:
        contents = one_of(gzip.compress(plain.getvalue(), mtime=0), number // 4, rng, gzip.compress(odd.getvalue()))
    else:
        # One odd member before the sound ones.
        start = number // 4 % len(ODD_MEMBERS) * 1024
        member = odd.getvalue()[: len(ODD_MEMBERS) * 1024][start : start + 1024]
        contents = gzip.compress(member + plain.getvalue(), mtime=0)
    (folder / "data" / f"{top}.tar.gz").write_bytes(contents)


ODD_MEMBERS = (
    ("../outside.jpg", tarfile.REGTYPE, ""),
    ("/tmp/outside-of-tfpix2pix.jpg", tarfile.REGTYPE, ""),
    ("{top}/train/../../../../outside.jpg", tarfile.REGTYPE, ""),
    ("{top}/train", tarfile.REGTYPE, ""),
    ("{top}/train/\0null.jpg", tarfile.REGTYPE, ""),
    ("{top}/train/" + "n" * 80 + ".jpg", tarfile.REGTYPE, ""),
    ("other/train/1.jpg", tarfile.REGTYPE, ""),
)


def run_config(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils the bytes or the values of a run's config.json, or sets a value out of all bounds."""
    path = copied_run(seeds, folder) / "config.json"
    text = path.read_text()
    if number % 5 == 0:
        path.write_bytes(one_of(text.encode(), number // 5, rng, text.encode()[::-1]))
    elif number % 5 < 4:
        path.write_text(reworded(text, rng))
    else:
        values = json.loads(text)
        name = str(rng.choice([name for name, value in values.items() if type(value) is int]))
        values[name] = int(rng.choice([-1, 0, 2**20, 2**31, 2**62]))
        path.write_text(json.dumps(values))


def flagfile(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils a flagfile's bytes or values; once it includes itself, and once a folder."""
    options = ("direction=BtoA", "image_size=64", "generator_width=2", "epochs=3", "nocrop", "learning_rate=1e-4")
    text = "# A recipe.\n" + "".join(f"--{option}\n" for option in options)
    path = folder / "flags"
    folder.mkdir(parents=True, exist_ok=True)
    if number == 0:
        path.write_text(f"{text}--flagfile={path}\n")
    elif number == 1:
        path.write_text(f"{text}--flagfile=/etc/hostname\n--flagfile={folder}\n")
    elif number % 2:
        path.write_bytes(one_of(text.encode(), number // 2, rng, text.encode()[::-1]))
    else:
        path.write_text(reworded(text, rng))


def checkpoint(number: int, seeds: Seeds, folder: pathlib.Path, rng: np.random.Generator) -> None:
    """Spoils the newest checkpoint's index, data or meta.json."""
    newest = max((copied_run(seeds, folder) / "checkpoints").iterdir())
    path = newest / ("state.index", "state.data-00000-of-00001", "meta.json")[number % 3]
    contents = path.read_bytes()
    if path.suffix == ".json" and number // 3 % 2:
        contents = reworded(contents.decode().replace(", ", ",\n"), rng).encode()
    else:
        contents = one_of(contents, number // 3, rng, contents[::-1])
    path.write_bytes(contents)


MAKERS = {
    "shard": shard,
    "manifest": shard_manifest,
    "shard index": shard_index,
    "tar.gz": archive,
    "config.json": run_config,
    "flagfile": flagfile,
    "checkpoint": checkpoint,
}


def copied_shards(seeds: Seeds, folder: pathlib.Path) -> pathlib.Path:
    """Copies the shards to spoil them."""
    shutil.copytree(seeds.shards, folder / "shards")
    return folder / "shards"


def copied_run(seeds: Seeds, folder: pathlib.Path) -> pathlib.Path:
    """Copies the run to spoil it."""
    shutil.copytree(seeds.run_dir, folder / "run")
    return folder / "run"


def with_index(path: pathlib.Path, offsets: list[int]) -> records.Shard:
    """Writes a shard's index, and describes both."""
    index = np.array(offsets, records.INDEX_TYPE).tobytes()
    records.index_path(path).write_bytes(index)
    digests = [hashlib.sha256(contents).hexdigest() for contents in (path.read_bytes(), index)]
    return records.Shard(path.name, len(offsets) - 1, offsets[-1], *digests)


def vouch(folder: pathlib.Path, shard: records.Shard) -> None:
    """Describes a shard in the manifest as its first."""
    found = manifest.load(folder)
    shards = [shard, *found.shards[1:]]
    dataclasses.replace(found, shards=shards, records=sum(each.records for each in shards)).save(folder)
