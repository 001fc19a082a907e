"""Serves an exported model by a real engine, MLServer, and compares its answers with plain TensorFlow.

    make engine MODEL=models/facades/1 IMAGES=new/labels

runs in an environment of its own, .venv-engine, since MLServer pins other versions than TensorFlow's packages need.
"""

import argparse
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from tests.helpers.ports import reserved_ports

HERE = pathlib.Path(__file__).resolve().parent
START_SECONDS = 120


def main() -> int:
    """Sends each image to the engine and to plain TensorFlow; returns 1 at the first PNG that differs."""
    parser = argparse.ArgumentParser(description="Serves an exported model by MLServer.")
    parser.add_argument("model", type=pathlib.Path, help="a version's folder, such as models/facades/1")
    parser.add_argument("images", type=pathlib.Path, help="a folder of JPEG and PNG files")
    options = parser.parse_args()
    model, images = options.model, options.images
    files = sorted(path for path in images.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        parser.error(f"{images} has no JPEG or PNG file; give another folder")
    serve = tf.saved_model.load(str(model)).signatures["serving_default"]
    with tempfile.TemporaryDirectory() as folder, reserved_ports(3) as ports:
        write_settings(pathlib.Path(folder), model.resolve(), ports)
        with pathlib.Path(folder, "log").open("w") as log:
            engine = subprocess.Popen(
                [pathlib.Path(sys.executable).with_name("mlserver"), "start", folder],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(HERE)},
            )
        try:
            url = f"http://127.0.0.1:{ports[0]}/v2/models/pix2pix"
            wait_for(f"{url}/ready", engine, pathlib.Path(log.name))
            for file in files:
                contents = file.read_bytes()
                wanted = serve(image_bytes=tf.constant([contents]))["image_bytes"].numpy()[0]
                if infer(url, contents) != wanted:
                    print(f"{file}: MLServer gives another PNG than plain TensorFlow")
                    return 1
        finally:
            engine.terminate()
            engine.wait(30)
    print(f"MLServer: {len(files)} images over KServe v2, every PNG the same")
    return 0


def write_settings(folder: pathlib.Path, model: pathlib.Path, ports: list[int]) -> None:
    """Writes MLServer's settings: the addresses, and the model with the class that serves it."""
    settings = dict(zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True))
    settings |= {"host": "127.0.0.1", "parallel_workers": 0}
    (folder / "settings.json").write_text(json.dumps(settings))
    model_settings = {
        "name": "pix2pix",
        "implementation": "runtime.SavedModelRuntime",
        "parameters": {"uri": str(model)},
    }
    (folder / "model-settings.json").write_text(json.dumps(model_settings))


def wait_for(url: str, engine: subprocess.Popen, log: pathlib.Path) -> None:
    """Waits until the engine answers at a URL; ends the program with the engine's log if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            if engine.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"MLServer did not start:\n{log.read_text()}")
            time.sleep(0.5)


def infer(url: str, contents: bytes) -> bytes:
    """Has the engine translate one image file; returns the PNG."""
    tensor = {
        "name": "image_bytes",
        "shape": [1],
        "datatype": "BYTES",
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(contents).decode()],
    }
    body = json.dumps({"inputs": [tensor]}).encode()
    request = urllib.request.Request(f"{url}/infer", body, {"Content-Type": "application/json"})
    answer = json.load(urllib.request.urlopen(request, timeout=60))
    return base64.b64decode(answer["outputs"][0]["data"][0])


if __name__ == "__main__":
    sys.exit(main())
