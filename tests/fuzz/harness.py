"""Runs a fuzz target under atheris, guided by coverage, until the time is up or an input causes a fault.

A target is a file here, fuzz_<name>.py, with

    EXPECTED  the exceptions that bad input may raise
    SEEDS     the first inputs
    target    takes bytes, and a folder of its own that is empty each time
    MUTATOR   changes inputs (optional)

Faults are all other exceptions, more than 10 seconds, more than 2 GiB, and files outside the folder.
`make fuzz TARGET=config SECONDS=600` runs a target; the input of a fault is saved in the current folder.
"""

import argparse
import contextlib
import hashlib
import importlib
import io
import pathlib
import shutil
import sys
import tempfile

import atheris

# By target: the modules whose coverage guides the inputs.
TARGETS = {
    "archive": ("pipelines.system.archive", "tarfile"),
    "cluster": ("pipelines.system.untrusted_json", "tfpix2pix.devices.cluster"),
    "config": ("pipelines.system.untrusted_json", "tfpix2pix.config", "tfpix2pix.run_dir.config_json"),
    "flags": ("pipelines.system.terminal", "pipelines.images.size", "tfpix2pix.config", "absl.flags._flagvalues"),
    "images": ("pipelines.images.formats", "tifffile", "PIL.BmpImagePlugin", "numpy.lib.format", "zipfile"),
    "manifest": ("pipelines.storage.manifest", "pipelines.system.untrusted_json", "pipelines.storage.shards"),
    "run_dir": (
        "pipelines.system.untrusted_json",
        "tfpix2pix.run_dir.checkpoints",
        "tfpix2pix.run_dir.data_json",
        "tfpix2pix.run_dir.log_jsonl",
        "tfpix2pix.run_dir.lost_pairs",
    ),
    "torch": (
        "tfpix2pix.weights.torch.file",
        "tfpix2pix.weights.torch.objects",
        "pickletools",
        "zipfile",
    ),
}
MAX_SECONDS = 10
MAX_MIB = 2048


def main() -> None:
    """Writes the seeds and starts the fuzzer, which ends the process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--input", help="one file to run, such as a fault's, instead of fuzzing")
    options = parser.parse_args()
    module = load(options.target)
    # In memory if possible: a target may write thousands of files a second.
    memory = "/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="fuzz-", dir=memory))
    corpus, inner = scratch / "corpus", scratch / "around" / "inner"
    corpus.mkdir()
    inner.parent.mkdir()
    for seed in module.SEEDS:
        (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)

    def one(data: bytes) -> None:
        shutil.rmtree(inner, ignore_errors=True)
        inner.mkdir()
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(*module.EXPECTED):
            module.target(data, inner)
        outside = [path for path in inner.parent.iterdir() if path != inner]
        assert not outside, f"written outside its folder: {outside}"

    limits = [f"-timeout={MAX_SECONDS}", f"-rss_limit_mb={MAX_MIB}", "-print_final_stats=1"]
    what = [options.input] if options.input else [str(corpus), f"-max_total_time={options.seconds}", "-seed=1"]
    lengths = [f"-max_len={max(4096, 2 * max(map(len, module.SEEDS)))}"]
    mutator = {"custom_mutator": module.MUTATOR} if hasattr(module, "MUTATOR") else {}
    atheris.Setup([sys.argv[0], *limits, *lengths, *what], one, **mutator)
    atheris.Fuzz()


def load(name: str):
    """Imports a target and instruments its modules; TensorFlow and other packages are not instrumented."""
    for module in TARGETS[name]:
        # Some of the standard library are imported already.
        sys.modules.pop(module, None)
    with atheris.instrument_imports(include=list(TARGETS[name])):
        return importlib.import_module(f"tests.fuzz.fuzz_{name}")


if __name__ == "__main__":
    main()
