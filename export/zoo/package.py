"""Writes a package of the BioImage Model Zoo by its own library, with a test picture that `translate` translated."""

import os
import pathlib
import shutil
import tempfile
from collections.abc import Sequence

from export.formats.metadata import metadata
from export.formats.parity import Row
from export.sharing.card import README, write_card
from export.trained import open_trained
from export.zoo import numbers
from pipelines.system.disk import check_writable, naming_full_disk
from pipelines.system.terminal import InputError, check_value
from tfpix2pix.run_dir.shared import name_of
from tfpix2pix.translation.shared_statistics import has_own_statistics

try:
    import bioimageio.spec
    import pydantic
    from bioimageio.spec.model import v0_5 as spec

    from export.zoo import about, samples, tensors, weights
except ImportError as error:
    raise InputError(f"{error.name} is not installed; pip install bioimageio.spec onnx onnxruntime tf2onnx") from None

# The name under which the specification's library writes it.
RDF_FILE = "rdf.yaml"


def export_bioimage(
    run_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    checkpoint: str | int = "best",
    norm_statistics: str | None = None,
    data: str = "",
    sources: str = "",
    parity_images: int = 20,
    license_text: str = "",
    title: str = "",
    authors: Sequence[str] = (),
    cite: Sequence[str] = (),
    tags: Sequence[str] = (),
    source_type: str = "auto",
    halo: int | None = None,
) -> list[Row]:
    """Exports a run's generator as a package of the BioImage Model Zoo.

        export_bioimage("runs/nuclei", "models/zoo", license_text="CC-BY-4.0", authors=["A. Author"])

    Args:
      run_dir: the run directory that `train` wrote.
      output: the package's folder; made if it does not exist, and replaced if it holds a package.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      norm_statistics: what batch norm uses, `image` or `moving`; by default as in the run's config.
      data: the data set of whose val/ the test picture is, and on which weights are compared with Keras; by default
        pairs that the run has kept.
      sources: a folder of single sources that are used instead.
      parity_images: on how many pictures at most the weights are compared.
      license_text: an identifier of SPDX, such as `CC-BY-4.0`.
      title: 5 to 64 letters, digits, spaces, `_`, `+`, `-` and parentheses; by default the name of the run directory.
      authors: names.
      cite: what to cite besides pix2pix, each as `TEXT; DOI` or `TEXT; https://...`.
      tags: besides those that the run tells.
      source_type: one of SOURCE_TYPES.
      halo: pixels that tiles lose at each edge; 0: pictures are translated whole. None: 0 if images are normalized by
        their own statistics, of which a tile has others, else 32 or one multiple.

    Returns:
      How near each file of weights is to Keras. The package is written only if all `passed`.

    Raises:
      InputError: an argument does not fit, or the specification has no words for the run.
    """
    check_value("source_type", source_type, choices=numbers.SOURCE_TYPES)
    if halo is not None:
        check_value("halo", halo, least=0)
    folder = pathlib.Path(output)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RDF_FILE).exists():
        raise InputError(f"output={output} holds other files; give a new folder, or that of a package")
    check_writable(folder, "output")
    # Before the work that takes long.
    about.check_title(title)
    if license_text:
        about.check_license(license_text)
    papers = [about.PAPER, *map(about.cite_entry, cite)]
    run = open_trained(
        run_dir,
        parity_images,
        checkpoint=checkpoint,
        data=data,
        sources=sources,
        norm_statistics=norm_statistics,
        products=False,
    )
    if run.config.source_labels:
        raise InputError(
            f"run_dir={run_dir} has source_labels={run.config.source_labels}, and the zoo's specification has no step "
            "from a label map to its classes; give export.onnx"
        )
    kind = numbers.source_type(run.config, source_type)
    if halo is None:
        own = any(map(has_own_statistics, run.generator.layers))
        halo = 0 if own else tensors.usual_halo(run.config.multiple)
    with tempfile.TemporaryDirectory() as temporary, naming_full_disk(folder, "the export"):
        place = pathlib.Path(temporary)
        files = weights.write_weights(place, run, metadata(run, True, license_text))
        rows = weights.compared(run, files, place)
        if not all(row.passed for row in rows):
            return rows
        write_card(
            place,
            run.run_dir,
            run.config,
            run.step,
            "bioimage",
            license_text=license_text,
            title=title,
            name=README,
            of=folder,
        )
        tolerances = samples.write_tests(place, run, kind, halo, files)
        sample, result = next(place.glob("sample_source.*")), next(place.glob("sample_generated.*"), None)
        try:
            described = spec.ModelDescr(
                name=about.zoo_name(title or name_of(run.run_dir)),
                description=about.description(run),
                authors=[spec.Author(name=name) for name in authors],
                cite=papers,
                license=license_text or None,
                tags=[*dict.fromkeys([*about.own_tags(run), *tags])],
                documentation=spec.FileDescr(source=place / README),
                covers=[spec.FileDescr(source=place / "cover.png")],
                attachments=[spec.FileDescr(source=path) for path in sorted(place.glob("*.webp"))],
                inputs=[tensors.source_tensor(run.config, kind, halo, place / "source.npy", sample)],
                outputs=[tensors.result_tensor(run.config, halo, place / "generated.npy", result)],
                weights=weights.describe(place),
                training_data=about.training_data(run),
                config=spec.Config(bioimageio=about.details(run, tolerances)),
            )
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"the zoo's specification refuses {where}: {first['msg']}; give another") from None
        if folder.exists():
            shutil.rmtree(folder)
        bioimageio.spec.save_bioimageio_package_as_folder(described, output_path=folder)
    return rows
