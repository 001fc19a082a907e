"""The page on which people draw, as export.web writes it, against this server in place of a network in the browser."""

import pathlib
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from export.drawable import why_not_drawable
from export.page import ASSETS
from export.page.models_json import MODELS_FILE, entry
from export.rest.served_model import ServedModel
from export.serving.answers import SIGNATURE
from export.serving.versions import SOURCES_FOLDER
from pipelines.system.terminal import InputError


def drawing_page(model: ServedModel, assets: pathlib.Path = ASSETS) -> tuple[list[BaseRoute], str]:
    """Returns the routes of the page at `/`, and why there is none; then one line of text says so.

    Args:
      model: that the page asks.
      assets: the page's files.
    """
    folder = model.folder / SOURCES_FOLDER
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    # Some small ones: they are read once, from a disk or an object store.
    pictures = {name: (folder / name).read_bytes() for name in names}
    try:
        shown = model_entry(model, [f"{SOURCES_FOLDER.name}/{name}" for name in pictures])
        if not (assets / "index.html").is_file():
            raise InputError(f"{assets} is not there; install the package again")
    except InputError as error:
        why = f"there is no page to draw on: {error}"

        async def line(request: Request) -> Response:
            return PlainTextResponse(f"{model.name}, version {model.version}: POST {predict_path(model)}\n{why}\n")

        return [Route("/", line)], why

    async def models(request: Request) -> Response:
        return JSONResponse([shown])

    async def source(request: Request) -> Response:
        contents = pictures.get(request.path_params["name"])
        return Response(contents, media_type="image/png") if contents else Response(status_code=404)

    return [
        Route(f"/{MODELS_FILE}", models),
        Route(f"/{SOURCES_FOLDER.name}/{{name}}", source),
        Mount("/", StaticFiles(directory=assets, html=True)),
    ], ""


def model_entry(model: ServedModel, sources: list[str]) -> dict[str, Any]:
    """Returns the model's entry in models.json.

    Args:
      model: that the page asks.
      sources: addresses of pictures to begin from.

    Raises:
      InputError: the page cannot show what the model translates.
    """
    earlier = "its export is of an earlier version, and does not tell enough; export the run again"
    if model.config is None:
        raise InputError(earlier)
    if why := why_not_drawable(model.config):
        raise InputError(why)
    if SIGNATURE not in model.signatures:
        raise InputError(f"the model has no {SIGNATURE} from files to files")
    try:
        return entry(
            model.config,
            model.description,
            model.name,
            "",
            sources,
            engine="rest",
            url=predict_path(model),
            # Nothing is downloaded.
            bytes=0,
            precision="float32",
        )
    except KeyError:
        raise InputError(earlier) from None


def predict_path(model: ServedModel) -> str:
    """Returns the path of the model's predict."""
    return f"/v1/models/{quote(model.name)}:predict"
