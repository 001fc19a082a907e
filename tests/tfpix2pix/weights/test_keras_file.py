"""Files of Keras from strangers: only numbers that are in the file itself are read, and the rest is one line."""

import contextlib
import zipfile

import h5py
import numpy as np
import pytest

from pipelines.system.terminal import InputError
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.weights.keras_file import SUFFIXES, WEIGHTS_FILE, read_keras_file
from tfpix2pix.weights.network_weights import weights_of

KERNELS = {"down1": (4, 4, 3, 2), "up1": (4, 4, 3, 2)}


def write(path, spoil=lambda file: None):
    """Writes the outermost level of a generator as Keras does, and spoils it."""
    with h5py.File(path, "w") as file:
        for number, (name, shape) in enumerate(KERNELS.items()):
            group = file.create_group(f"layers/layer_{number}/vars")
            group.attrs["name"] = name
            group["0"] = np.full(shape, number + 1.0, np.float32)
        spoil(file)
    return path


def replace(make):
    """Replaces the kernel of down1 by what make(group, "0") puts there."""

    def spoil(file):
        group = file["layers/layer_0/vars"]
        del group["0"]
        make(group, "0")

    return spoil


def link(group, name):
    group[name] = h5py.SoftLink("/layers/layer_1/vars/0")


def outside(group, name):
    group[name] = h5py.ExternalLink("/etc/hostname", "/0")


def external(group, name):
    group.create_dataset(name, KERNELS["down1"], "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def nothing_stored(group, name):
    # 4 TB, of which not a byte is in the file.
    group.create_dataset(name, (4, 4, 2**18, 2**18), "f4", chunks=(4, 4, 4, 4), fillvalue=1.0)


def integers(group, name):
    group[name] = np.ones(KERNELS["down1"], np.int32)


def too_flat(group, name):
    group[name] = np.ones((4, 4), np.float32)


def no_number(group, name):
    group.create_group(name)


def test_numbers_are_read_by_the_names_of_layers(tmp_path):
    plain = write(tmp_path / "g.weights.h5")
    with zipfile.ZipFile(tmp_path / "g.keras", "w") as archive:
        archive.write(plain, WEIGHTS_FILE)
    for path in (plain, tmp_path / "g.keras"):
        weights = read_keras_file(path)
        assert weights.kind == "generator"
        assert {name: (tensor.shape, tensor.min(), tensor.max()) for name, tensor in weights.tensors.items()} == {
            "down1/kernel": (KERNELS["down1"], 1, 1),
            "up1/kernel": (KERNELS["up1"], 2, 2),
        }


@pytest.mark.parametrize("upsample", ["transpose", "resize", "pixel_shuffle"])
@pytest.mark.parametrize("build", [unet, resnet])
def test_layers_that_have_more_than_a_kernel_are_read_by_name(build, upsample, tmp_path):
    network = build((16, 16), width=2, depth=2, upsample=upsample, attention=(2,), spectral_norm=True)
    network.save_weights(tmp_path / "g.weights.h5")
    read, held = read_keras_file(tmp_path / "g.weights.h5").tensors, weights_of(network).tensors
    assert {name: value.tobytes() for name, value in read.items()} == {
        name: value.tobytes() for name, value in held.items()
    }
    assert weights_of(network).options["target_channels"] == 3


@pytest.mark.parametrize(
    "spoil",
    [*map(replace, (link, outside, external, nothing_stored, integers, too_flat, no_number)),
     lambda file: file.pop("layers"),
     lambda file: file["layers"].move("layer_0", "layer_x") or file["layers"].pop("layer_1"),
     lambda file: file["layers/layer_0/vars"].create_dataset("2", (3,), "f4")],
)  # fmt: skip
def test_anything_else_is_one_line(spoil, tmp_path):
    path = write(tmp_path / "g.weights.h5", spoil)
    with pytest.raises(InputError, match=r"g\.weights\.h5") as caught:
        read_keras_file(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damage_is_one_line(suffix, tmp_path):
    path = write(tmp_path / "g.weights.h5")
    if suffix == ".keras":
        with zipfile.ZipFile(tmp_path / "g.keras", "w") as archive:
            archive.write(path, WEIGHTS_FILE)
        path = tmp_path / "g.keras"
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(200):
        spoiled = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for place in rng.integers(0, len(spoiled), 8):
            spoiled[place] = rng.integers(0, 256)
        path.write_bytes(spoiled)
        with contextlib.suppress(InputError):
            read_keras_file(path)
