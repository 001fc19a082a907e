"""Computes the oracles of our metrics with the published packages: published.npz and the .pth files.

From the repository's root, about a minute and 3 GB of packages:

    python3.11 -m venv .venv-oracle && .venv-oracle/bin/pip install -r tests/oracle/requirements.txt
    .venv-oracle/bin/python tests/oracle/make.py

It needs no network: all weights are random, made from their names (see inputs.py).
"""

import collections
import json
import pathlib
import tempfile
from unittest import mock

import cleanfid.fid
import cleanfid.inception_torchscript
import inputs
import lpips
import numpy as np
import pytorch_fid.fid_score
import pytorch_fid.inception
import skimage.metrics
import torch
from PIL import Image

FOLDER = pathlib.Path(__file__).parent


def shapes_of(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each tensor of a module's state."""
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def random_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Makes a state of these shapes from its names."""
    return {name: torch.tensor(inputs.weight(name, shape)) for name, shape in shapes.items()}


def inception() -> tuple[dict[str, tuple[int, ...]], torch.nn.Module]:
    """Returns the shapes of pytorch-fid's network, and clean-fid's wrapper around that network."""
    shapes = {}

    def load_state_dict(module, state):
        assert state is None
        shapes.update(shapes_of(module))
        torch.nn.Module.load_state_dict(module, random_state(shapes))

    with (
        mock.patch.object(pytorch_fid.inception, "load_state_dict_from_url", return_value=None),
        mock.patch("torchvision.models.inception.Inception3.load_state_dict", load_state_dict),
    ):
        network = pytorch_fid.inception.InceptionV3(resize_input=False, normalize_input=False).eval()
    wrapper = cleanfid.inception_torchscript.InceptionV3W.__new__(cleanfid.inception_torchscript.InceptionV3W)
    torch.nn.Module.__init__(wrapper)
    wrapper.resize_inside = False
    wrapper.layers = torch.nn.Module()
    wrapper.layers.forward = lambda images: network(images)[0]
    return shapes, wrapper


def inception_features() -> dict[str, np.ndarray]:
    """Computes features by clean-fid from PNG files: reading, resizing and normalization are clean-fid's."""
    shapes, model = inception()
    found = {"inception_shapes": np.array(json.dumps(shapes))}
    with tempfile.TemporaryDirectory() as folder:
        for name, size in inputs.INCEPTION_IMAGES.items():
            files = []
            for i, pixels in enumerate(inputs.pixels(f"inception {name}", *size)):
                files.append(f"{folder}/{name}{i}.png")
                Image.fromarray(pixels).save(files[-1])
            features = cleanfid.fid.get_files_features(
                files, model, num_workers=0, batch_size=4, device=torch.device("cpu"), mode="clean", verbose=False
            )
            print(f"inception {name}: mean {features.mean():.3g}, largest {features.max():.3g}")
            found[f"inception_{name}"] = features.astype(np.float32)
    spread = found["inception_enlarged"].std(axis=0).mean() / found["inception_enlarged"].mean()
    print(f"inception: from image to image features change by {spread:.3f} of their mean")
    return found


def lpips_distances() -> dict[str, np.ndarray]:
    """Computes the package's LPIPS 0.1 with AlexNet, with weights from the names in the published files."""
    model = lpips.LPIPS(net="alex", pretrained=False, pnet_rand=True, verbose=False)
    state, shapes = {}, {}
    for name, tensor in model.state_dict().items():
        if name.startswith("net.slice"):
            published = "features." + name.split(".", 2)[2]  # net.slice2.3.weight
        elif name.startswith("lin"):
            published = name
        else:
            continue
        shapes[published] = tuple(tensor.shape)
        if not name.startswith("lins."):
            state[name] = torch.tensor(inputs.weight(published, shapes[published]))
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("lins.")}
    left = model.load_state_dict(state, strict=False)
    assert all(name.startswith(("lins.", "scaling_layer.")) for name in left.missing_keys), left
    found = {"lpips_shapes": np.array(json.dumps(shapes))}
    for height, width in inputs.LPIPS_SIZES:
        pair = [torch.tensor(images.transpose(0, 3, 1, 2)) for images in inputs.lpips_pair(height, width)]
        with torch.no_grad():
            found[f"lpips_{height}x{width}"] = model(*pair).numpy().reshape(-1)
        print(f"lpips {height}x{width}: {found[f'lpips_{height}x{width}']}")
    for side in range(20, 40):
        try:
            with torch.no_grad():
                model(*[torch.zeros(1, 3, side, 64)] * 2)
        except RuntimeError:
            continue
        print(f"lpips: the least height that works is {side}")
        break
    return found


def frechet_distances() -> dict[str, np.ndarray]:
    """Computes both packages' distances from moments as pytorch-fid computes them."""
    found = {}
    for name, (n, m, size) in inputs.FRECHET_SETS.items():
        moments = []
        for features in inputs.features(f"frechet {name}", (n, m), size):
            # pytorch-fid keeps features in float64.
            moments += [features.astype(np.float64).mean(axis=0), np.cov(features.astype(np.float64), rowvar=False)]
        for package, distance in (
            ("pytorch_fid", pytorch_fid.fid_score.calculate_frechet_distance),
            ("cleanfid", cleanfid.fid.frechet_distance),
        ):
            found[f"frechet_{name}_{package}"] = np.array(distance(*moments))
            print(f"frechet {name}, {package}: {found[f'frechet_{name}_{package}']:.12f}")
    return found


def kernel_distances() -> dict[str, np.ndarray]:
    """Computes clean-fid's distances from float64 and, as it is used, from float32."""
    found = {}
    for name, (n, m, size, subsets) in inputs.KERNEL_SETS.items():
        for dtype in ("float64", "float32"):
            generated, real = (x.astype(dtype) for x in inputs.features(f"kernel {name}", (n, m), size))
            np.random.seed(inputs.KERNEL_SEED)
            distance = cleanfid.fid.kernel_distance(generated, real, num_subsets=subsets)
            found[f"kernel_{name}_{dtype}"] = np.array(distance)
            print(f"kernel {name}, {dtype}: {distance:.12f}")
    return found


def similarities() -> dict[str, np.ndarray]:
    """Computes scikit-image's SSIM, in the paper's setting, and PSNR in dB."""
    pairs = [inputs.unit_pair(i) for i in range(3)]
    setting = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return {
        "ssim": np.array(
            [skimage.metrics.structural_similarity(*p, data_range=1, channel_axis=-1, **setting) for p in pairs]
        ),
        "psnr": np.array([skimage.metrics.peak_signal_noise_ratio(*p, data_range=1) for p in pairs]),
    }


def write_torch_files() -> None:
    """Writes one state in both formats, and in pickle's newest protocol.

    It has plain tensors, views, a parameter, a tensor under two names, and a module's metadata.
    """
    state = collections.OrderedDict(
        (name, torch.from_numpy(array.copy())) for name, array in inputs.torch_file_tensors().items()
    )
    weight = state["layer.weight"]
    state["transposed"] = weight.permute(2, 3, 1, 0)
    state["rows"] = weight[1:3]
    state["every_other"] = weight[:, ::2]
    state["parameter"] = torch.nn.Parameter(weight[0])
    state["shared"] = weight
    state._metadata = collections.OrderedDict(layer={"version": 2})
    torch.save(state, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(state, FOLDER / "zip.pth")
    torch.save(state, FOLDER / "protocol5.pth", pickle_protocol=5)


def main() -> None:
    """Writes all four files beside this one."""
    torch.manual_seed(0)
    write_torch_files()
    found = {
        **inception_features(),
        **lpips_distances(),
        **frechet_distances(),
        **kernel_distances(),
        **similarities(),
    }
    np.savez_compressed(FOLDER / "published.npz", **found)
    for name in ("published.npz", "legacy.pth", "zip.pth", "protocol5.pth"):
        print(f"{name}: {(FOLDER / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
