"""Says in Markdown how an export is used, by format; `{folder}` is its folder."""

USES = {
    "folder": """```python
import tfpix2pix as p2p

run = p2p.load_run("hf://OWNER/NAME")  # or a local copy of this folder
result = run.translate("picture.png")
```

    python -m tfpix2pix.translate --run_dir=hf://OWNER/NAME --input=pictures --output=translated""",
    "stacks": """```python
import pathlib
import tfpix2pix as p2p

run = p2p.load_run("hf://OWNER/NAME")  # or a local copy of this folder
run.translate_files({{pathlib.Path("stack.ome.tif"): pathlib.Path("translated.ome.tif")}})
```

    python -m tfpix2pix.translate --run_dir=hf://OWNER/NAME --input=stacks --output=translated""",
    "saved_model": """    python -m export.bulk --model={folder} --input=pictures --output=translated
    python -m export.serve --model={folder}

or with TensorFlow alone: `tf.saved_model.load("{folder}/1").signatures`, which `export.json` lists.""",
    "tflite": """```python
from ai_edge_litert.interpreter import Interpreter

translate = Interpreter("{folder}/float32.tflite").get_signature_runner()
generated = translate(source=source)["generated"]
```

`source` is one image as the table above has it; `export.json` says which height and width it may have.""",
    "onnx": """```python
import onnxruntime

session = onnxruntime.InferenceSession("{folder}/model.onnx")
(generated,) = session.run(["generated"], {{"source": source}})
```

`source` is a batch of images as the table above has them; `export.json` says which height and width they may have.""",
    "torch": """`export.json` has the options with which pytorch-CycleGAN-and-pix2pix or pix2pixHD builds the same
networks, whose weights these files are.""",
    "web": """Open the page of which this is a model; `export.web` wrote it.""",
    "bioimage": """In any program that opens packages of the BioImage Model Zoo, or in Python:

```python
import bioimageio.core

sample = bioimageio.core.predict(model="{folder}/rdf.yaml", inputs=source)
```

`bioimageio test {folder}/rdf.yaml` checks the package.""",
}
