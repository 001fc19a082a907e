"""Tells of a run what a package says in words: name, authors, citations, data, how the training went."""

import re
from collections.abc import Sequence
from typing import Any

import pydantic
from bioimageio.spec.dataset.v0_3 import DatasetDescr
from bioimageio.spec.model import v0_5 as spec

from export.trained import Trained
from pipelines.images.size import format_size
from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import GENERATORS
from tfpix2pix.run_dir import data_json
from tfpix2pix.run_dir.run_facts import run_facts
from tfpix2pix.run_dir.shared import without_places

PAPER = spec.CiteEntry(
    text="Isola, Zhu, Zhou, Efros: Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017",
    doi=spec.Doi("10.1109/CVPR.2017.632"),
)
_LICENSE = pydantic.TypeAdapter(spec.LicenseId | spec.DeprecatedLicenseId)


def zoo_name(title: str) -> str:
    """Returns a title of letters that the zoo takes."""
    name = " ".join(re.sub(r"[^A-Za-z0-9_+\- ()]", " ", title).split())[:64]
    return name if len(name) >= 5 else f"pix2pix {name}".strip()


def check_title(title: str) -> None:
    """Raises InputError if the zoo does not take a title as it is."""
    if title and zoo_name(title) != title:
        raise InputError(
            f"title={title}: the zoo takes 5 to 64 letters, digits, spaces and _ + - ( ); give such as "
            f"--title='{zoo_name(title)}'"
        )


def check_license(text: str) -> None:
    """Raises InputError if a text is no identifier of SPDX."""
    try:
        _LICENSE.validate_python(text)
    except pydantic.ValidationError:
        raise InputError(
            f"license={text} is no identifier of SPDX; give one of https://spdx.org/licenses, such as CC-BY-4.0"
        ) from None


def description(run: Trained) -> str:
    """Describes the model in some sentences."""
    config = without_places(run.config)
    return (
        f"pix2pix: translates {config.input_channels} channels into {config.target_channels}, learned from pairs of "
        f"{config.data_words}. Sides are multiples of {config.multiple}; training saw windows of "
        f"{format_size(config.image_size)}."
    )


def own_tags(run: Trained) -> list[str]:
    """Returns the tags that a run tells."""
    return ["pix2pix", "image-to-image", "2d", run.config.generator, "gan", "tensorflow", "onnx"]


def cite_entry(text: str) -> spec.CiteEntry:
    """Reads `TEXT; DOI` or `TEXT; https://...`; raises InputError if it is neither."""
    words, _, where = (part.strip() for part in text.rpartition(";"))
    if not words:
        raise InputError(f"cite={text} has no DOI or address; give such as --cite='A. Author 2020; 10.1000/182'")
    name = "url" if where.startswith("http") else "doi"
    try:
        return spec.CiteEntry.model_validate({"text": words, name: where})
    except pydantic.ValidationError as error:
        raise InputError(f"cite={text}: {error.errors()[0]['msg']}; give a DOI or an address after the ;") from None


def training_data(run: Trained) -> DatasetDescr:
    """Describes the training's data by name, number and digest, as far as they are known."""
    config, known = without_places(run.config), data_json.described(run.run_dir)
    name = config.data_words
    counted = f"{known['pairs']} training and {known['validation']['pairs']} validation pairs" if known else "pairs"
    digest = f", digest {known['fingerprint']}" if known else ""
    return DatasetDescr(name=zoo_name(f"pairs of {name}"), description=f"{counted} of {name}{digest}")


def details(run: Trained, tolerances: Sequence[spec.ReproducibilityTolerance]) -> spec.BioimageioConfig:
    """Returns what the zoo has words for besides: how the training went, and how exact results are."""
    config, facts = run.config, run_facts(run.run_dir, without_places(run.config))
    told: dict[str, Any] = {
        "training_epochs": config.epochs,
        "training_batch_size": config.batch_size,
        "initial_learning_rate": config.learning_rate,
    }
    return spec.BioimageioConfig(
        reproducibility_tolerance=tolerances,
        architecture_type=GENERATORS[config.generator],
        architecture_description="; ".join(f"{name}: {facts[name]}" for name in ("network", "depth") if name in facts),
        model_parameter_count=run.generator.count_params(),
        task="image-to-image translation",
        training=spec.TrainingDetails(
            **({} if "trained" not in facts else told), loss_function=facts.get("loss"), optimizer=config.optimizer
        ),
    )
