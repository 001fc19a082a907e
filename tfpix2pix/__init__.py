"""pix2pix on TensorFlow and Keras, as a Python package.

    import tfpix2pix as p2p

    run = p2p.load_run("runs/facades")
    image = run.translate("a.png")

`import tfpix2pix` is quick and changes nothing: TensorFlow is imported with the first name that needs it. If Keras is
imported already, the layers are registered with it, so that `keras.models.load_model` reads a saved generator.
"""

import pkgutil
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.formats.saved_model import export_saved_model
    from pipelines.loader import eval_dataset, train_dataset
    from pipelines.system.terminal import InputError
    from tfpix2pix import losses
    from tfpix2pix.config import Config
    from tfpix2pix.evaluation.compare_runs import compare
    from tfpix2pix.evaluation.evaluate_folders import evaluate_folders
    from tfpix2pix.evaluation.evaluate_run import evaluate
    from tfpix2pix.networks.discriminators.patchgan import patchgan
    from tfpix2pix.networks.generators.enhancer import local_enhancer
    from tfpix2pix.networks.generators.resnet import resnet
    from tfpix2pix.networks.generators.unet import unet
    from tfpix2pix.run import Run, load_run
    from tfpix2pix.training.session import train

    __version__: str

__all__ = [
    "Config",
    "InputError",
    "Run",
    "__version__",
    "compare",
    "eval_dataset",
    "evaluate",
    "evaluate_folders",
    "export_saved_model",
    "load_run",
    "local_enhancer",
    "losses",
    "patchgan",
    "resnet",
    "train",
    "train_dataset",
    "unet",
]

# Where each public name is defined. It is imported when it is first used.
_HOMES = {
    "Config": "tfpix2pix.config:Config",
    "InputError": "pipelines.system.terminal:InputError",
    "Run": "tfpix2pix.run:Run",
    "compare": "tfpix2pix.evaluation.compare_runs:compare",
    "eval_dataset": "pipelines.loader:eval_dataset",
    "evaluate": "tfpix2pix.evaluation.evaluate_run:evaluate",
    "evaluate_folders": "tfpix2pix.evaluation.evaluate_folders:evaluate_folders",
    "export_saved_model": "export.formats.saved_model:export_saved_model",
    "load_run": "tfpix2pix.run:load_run",
    "local_enhancer": "tfpix2pix.networks.generators.enhancer:local_enhancer",
    "losses": "tfpix2pix.losses",
    "patchgan": "tfpix2pix.networks.discriminators.patchgan:patchgan",
    "resnet": "tfpix2pix.networks.generators.resnet:resnet",
    "train": "tfpix2pix.training.session:train",
    "train_dataset": "pipelines.loader:train_dataset",
    "unet": "tfpix2pix.networks.generators.unet:unet",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value = _version()
    elif name in _HOMES:
        value = pkgutil.resolve_name(_HOMES[name])
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})


def _version() -> str:
    import pathlib
    import re
    from importlib import metadata

    try:
        return metadata.version("tfpix2pix")
    except metadata.PackageNotFoundError:
        # A checkout that is not installed.
        text = pathlib.Path(__file__).resolve().parents[1].joinpath("pyproject.toml").read_text()
        found = re.search(r'^version = "(.*)"$', text, re.MULTILINE)
        return found[1] if found else "unknown"


class _Face(types.ModuleType):
    """Keeps `tfpix2pix.train`, the function, when the command of the same name is imported.

    Python sets each imported submodule as an attribute of its package. `from tfpix2pix.train import main` works;
    the module itself is `importlib.import_module("tfpix2pix.train")`.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, types.ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face

if "keras" in sys.modules:
    pkgutil.resolve_name("tfpix2pix.networks.layers")
