"""The page on which people draw, as export.web writes it, against this server in place of a network in the browser."""

import pathlib
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from export.rest.served_model import ServedModel
from export.serving.answers import SIGNATURE

ASSETS = pathlib.Path(__file__).parents[1] / "page" / "assets"


def drawing_page(model: ServedModel, assets: pathlib.Path = ASSETS) -> list[BaseRoute]:
    """Returns the routes of the page at `/`; one line of text where there is no page, or the model takes no pictures.

    Args:
      model: that the page asks.
      assets: the page's files.
    """
    entry = model_entry(model)

    async def models(request: Request) -> Response:
        return JSONResponse([entry])

    async def line(request: Request) -> Response:
        return PlainTextResponse(f"{model.name}, version {model.version}: POST {predict_path(model)}\n")

    if entry is None or not (assets / "index.html").is_file():
        return [Route("/", line)]
    return [Route("/models.json", models), Mount("/", StaticFiles(directory=assets, html=True))]


def model_entry(model: ServedModel) -> dict[str, Any] | None:
    """Returns the model's entry in models.json; None if its export does not tell enough, or takes no files."""
    about = model.description
    if SIGNATURE not in model.definitions:
        return None
    try:
        config = about["config"]
        return {
            "name": model.name,
            "title": model.name,
            "engine": "rest",
            "url": predict_path(model),
            # Nothing is downloaded.
            "bytes": 0,
            "precision": "float32",
            **{name: about[name] for name in ("image_size", "multiple", "step")},
            **{name: config[name] for name in ("source_channels", "target_channels", "resize_method")},
            # In an export that does not name colors, anything may be drawn, on white.
            "palette": about.get("palette"),
            "background": about.get("background", "#ffffff"),
            "sources": [],
        }
    except KeyError:
        return None


def predict_path(model: ServedModel) -> str:
    """Returns the path of the model's predict."""
    return f"/v1/models/{quote(model.name)}:predict"
