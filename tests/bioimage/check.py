"""Translates arrays with a package of export.bioimage by bioimageio.core: pictures whole, and in tiles.

Runs in an environment that has it (`make bioimage`).

    .venv-bioimage/bin/python tests/bioimage/check.py PACKAGE FOLDER

FOLDER has whole-*.npy and tiles-*.npy, `(H, W, C)`; the result of each goes to FOLDER/WEIGHTS-NAME.npy.
"""

import pathlib
import sys

import numpy as np
from bioimageio.core import create_prediction_pipeline, load_description
from bioimageio.core.digest_spec import create_sample_for_model

# Of the sizes that a package takes, tiles have the least but so many.
LARGER_TILES = 3


def main(package, folder):
    model = load_description(pathlib.Path(package) / "rdf.yaml")
    for weights in ("onnx", "tensorflow_saved_model_bundle"):
        with create_prediction_pipeline(model, weight_format=weights) as pipeline:
            for path in sorted(pathlib.Path(folder).glob("[tw]*-*.npy")):
                if path.name.startswith(("whole", "tiles")):
                    sample = create_sample_for_model(model, inputs={"source": np.load(path)[None]})
                    if path.name.startswith("whole"):
                        result = pipeline.predict_sample_without_blocking(
                            sample, skip_input_padding=True, skip_output_cropping=True
                        )
                    else:
                        result = pipeline.predict_sample_with_blocking(sample, ns=LARGER_TILES)
                    np.save(path.with_name(f"{weights}-{path.name}"), result.members["generated"].data.values[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
