"""The notebook runs from top to bottom, at a tiny size and without a network."""

import nbclient
import nbformat
import pytest

from tests.helpers.runs import PATIENCE, ROOT

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"
# In place of the cell that is tagged `parameters`.
TINY = """
pairs = {"train": 6, "val": 2, "test": 2}
options = {
    "image_size": (64, 64),
    "generator_width": 2,
    "discriminator_width": 2,
    "discriminator_layers": 1,
    "epochs": 1,
    "decay_epochs": 0,
    "log_every": 3,
}
data, run_dir, model_dir = "data/demo", "runs/demo", "models/demo"
"""


def tags(cell):
    return cell.metadata.get("tags", [])


@pytest.mark.slow
def test_the_quickstart_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "install" not in tags(cell)]
    (parameters,) = [cell for cell in notebook.cells if "parameters" in tags(cell)]
    parameters.source = TINY
    client = nbclient.NotebookClient(notebook, timeout=PATIENCE, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    texts = [
        output.text for cell in notebook.cells for output in cell.get("outputs", []) if output.output_type == "stream"
    ]
    assert "the same numbers: True\n" in "".join(texts)
    assert (tmp_path / "generator.keras").is_file()
    assert (tmp_path / "models" / "demo" / "1" / "saved_model.pb").is_file()
    assert list((tmp_path / "runs" / "demo" / "evaluation").rglob("report.html"))
    pictures = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(pictures) == 6


def test_the_notebook_is_stored_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
