"""Writes the model card of an export: Markdown for people, with Hugging Face's metadata on top."""

import pathlib
import re
import shlex
from typing import Any

import huggingface_hub
import jinja2

from export.sharing import findings
from export.sharing.findings import Findings
from export.sharing.meanings import channel_names, source_channel_names, source_meaning, target_meaning
from export.sharing.uses import USES
from pipelines.images.choices import OWN_SCALE
from pipelines.images.size import format_size
from pipelines.system.disk import write_whole
from pipelines.system.terminal import one_line
from tfpix2pix.config import Config
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir import data_json, imported
from tfpix2pix.run_dir.run_facts import escaped, run_facts
from tfpix2pix.run_dir.shared import name_of, without_places

# Beside exports whose folder may have a README.md of its own; Hugging Face and the Model Zoo want that name.
CARD_FILE = "model_card.md"
README = "README.md"
TEMPLATE = pathlib.Path(__file__).with_name("card.md")


def write_card(
    folder: pathlib.Path,
    run_dir: pathlib.Path,
    config: Config,
    step: int,
    use: str,
    *,
    license_text: str = "",
    title: str = "",
    name: str = CARD_FILE,
    of: pathlib.Path | None = None,
    dropout: bool = False,
) -> None:
    """Writes the card of a checkpoint's export, and beside it the pictures that it shows.

    Every figure in it is from the run: metrics from the metrics.json that `evaluate` wrote of this checkpoint.

    Args:
      folder: of the export; exists.
      run_dir: of the run.
      config: of the run, with the norm statistics of the export.
      step: of the checkpoint.
      use: a key of USES.
      license_text: under which the export may be used; may be empty.
      title: for people; by default the name of the run directory.
      name: of the card's file.
      of: the folder as its users give it, if that is another.
      dropout: whether the export keeps dropout on.
    """
    title = title or name_of(run_dir)
    found = findings.find(run_dir, config, step, dropout)
    pictures = found.pictures if found else {}
    body = _template().render(
        title=escaped(title),
        checkpoint=f"step {step}",
        license=escaped(license_text),
        config=config,
        found=found,
        pictures=[*pictures],
        use=USES["stacks" if use == "folder" and config.source_context else use].format(folder=(of or folder).name),
        **_of_run(run_dir, config),
        **_of_findings(found),
    )
    card = huggingface_hub.ModelCard(f"---\n{_metadata(title, config, license_text, found).to_yaml()}\n---\n\n{body}")
    for word, contents in pictures.items():
        write_whole(folder / f"{word}.webp", contents)
    write_whole(folder / name, str(card))


def _metadata(title: str, config: Config, license_text: str, found: Findings | None) -> huggingface_hub.ModelCardData:
    """Returns what Hugging Face's pages know of a model: license, tags, task, and metrics if there are any."""
    license_id = license_text.lower()
    is_known = bool(re.fullmatch(r"[a-z0-9.-]+", license_id))
    values: dict[str, Any] = {}
    if license_text:
        values = {"license": license_id} if is_known else {"license": "other", "license_name": license_text}
    results = None
    if found:
        data = without_places(config).data_words if found.is_own else found.data_name
        results = [
            huggingface_hub.EvalResult(
                task_type="image-to-image",
                dataset_type=data,
                dataset_name=data,
                dataset_split=found.numbers["split"],
                metric_type=metric,
                metric_name=METRICS[metric].label,
                metric_value=entry["mean"],
            )
            for metric, entry in found.summaries[found.column].items()
        ]
    return huggingface_hub.ModelCardData(
        **values,
        library_name="tfpix2pix",
        pipeline_tag="image-to-image",
        tags=["pix2pix", "image-to-image", "tensorflow", "keras"],
        model_name=title,
        eval_results=results,
    )


def _of_run(run_dir: pathlib.Path, config: Config) -> dict[str, Any]:
    """Returns what the template shows of a run, whether it was evaluated or not."""
    plain = without_places(config)
    sides = ("A, left in a side-by-side file", "B, right in a side-by-side file")
    both = {
        "source": source_channel_names(config),
        "target": channel_names(config.target_channels, config.target_labels),
    }
    counts = {"source": config.input_channels, "target": config.target_channels}
    data = data_json.described(run_dir)
    files = imported.origins(run_dir)
    facts = run_facts(run_dir, plain)
    if "generator" in facts:
        # Of an imported network they name its file.
        facts["generator"] = facts["generator"].replace(files["generator"], pathlib.PurePath(files["generator"]).name)
    command = shlex.join(["python", "-m", "tfpix2pix.train", *(f"--{each}" for each in plain.chosen())])
    return {
        "sides": sides if config.direction == "AtoB" else sides[::-1],
        "channels": [
            ": ".join(filter(None, [str(counts[side]), escaped(", ".join(names))])) for side, names in both.items()
        ],
        "meanings": [source_meaning(config), target_meaning(config)],
        "size": format_size(config.image_size),
        "scale": "their own scale" if config.preprocess in OWN_SCALE else format_size(config.scale_size),
        "data": {"training": data, "validation": data["validation"]} if data else {},
        "data_name": escaped(plain.data_words),
        # Of networks that another program trained, the options are our defaults.
        "command": "" if files else one_line(command),
        "facts": {name: escaped(text) for name, text in facts.items()},
    }


def _of_findings(found: Findings | None) -> dict[str, Any]:
    """Returns what the template shows of an evaluation, and what was not tried."""
    untried = [
        "Pictures of another kind, from other instruments or at another scale than the training data.",
        "Another training with these options: seeds give different numbers, and this is one.",
    ]
    if not found:
        return {"nearest": None, "untried": ["Images that training has not seen: no evaluation was found.", *untried]}
    numbers = found.numbers
    if numbers["split"] != "test" and found.is_own:
        untried.insert(0, "A test split: these figures are of pairs that the training validated with, or learned from.")
    if found.is_own:
        untried.insert(0, "Another data set.")
    nearest = numbers.get("signs", {}).get("nearest")
    return {
        "numbers": numbers,
        "table": found.table,
        "of_other": "" if found.is_own else f" of {escaped(found.data_name)}",
        "nearest": None if nearest is None else f"{nearest:.3f}",
        "untried": untried,
    }


def _template() -> jinja2.Template:
    # Markdown: what comes from outside is escaped where it is passed.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(TEMPLATE.name)
