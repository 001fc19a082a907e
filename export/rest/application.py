"""Which request gets which answer: the REST interface of TensorFlow Serving's documentation (api_rest)."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from export.rest.json_arrays import read_request, to_arrays, to_json
from export.rest.served_model import ServedModel, invalid
from export.rest.work_queue import WorkQueue

MIB = 1 << 20
# So long a body may take to arrive: until then it has a place in the queue.
BODY_SECONDS = 60
RETRY_SECONDS = 1
# What Serving answers to TensorFlow's errors (its http_server.cc); to all others 500.
STATUS_CODES = {
    tf.errors.InvalidArgumentError: 400,
    tf.errors.FailedPreconditionError: 400,
    tf.errors.OutOfRangeError: 400,
    tf.errors.NotFoundError: 404,
    tf.errors.ResourceExhaustedError: 429,
    tf.errors.UnimplementedError: 501,
    tf.errors.UnavailableError: 503,
}
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PATHS = "POST /v1/models/NAME[/versions/N]:predict, GET /v1/models/NAME[/versions/N][/metadata]"


def application(
    model: ServedModel,
    *,
    max_body_bytes: int = 64 * MIB,
    threads: int = 4,
    max_queue: int = 32,
    cors_origins: Sequence[str] = (),
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """Returns the ASGI application.

    Args:
      model: is served.
      max_body_bytes: a longer request is refused.
      threads: how many requests are computed at a time.
      max_queue: how many may wait besides; more are refused.
      cors_origins: web pages of these origins may ask, such as https://example.org; `*` is all.
      pages: what is served besides.
    """
    api = _Api(model, WorkQueue(threads, max_queue), max_body_bytes)
    base = "/v1/models/{name}"
    of_version = base + "/versions/{version:int}"
    others = [Route(path, malformed, methods=EVERY_METHOD) for path in ("/v1/models/{name}:{verb}", "/v1/{rest:path}")]
    predict = [Route(f"{path}:predict", api.predict, methods=["POST"]) for path in (of_version, base)]
    looks = [
        Route(path + end, look, methods=["GET"])
        for path in (of_version, base)
        for end, look in (("/metadata", api.metadata), ("", api.status))
    ]
    cors = Middleware(
        CORSMiddleware, allow_origins=cors_origins, allow_methods=["GET", "POST"], allow_headers=["Content-Type"]
    )
    return Starlette(
        routes=[*predict, others[0], *looks, others[1], *pages],
        middleware=[cors] if cors_origins else [],
        exception_handlers={
            tf.errors.OpError: _answer_op_error,
            HTTPException: _answer_http_error,
            ClientDisconnect: _answer_nobody,
            Exception: _answer_defect,
        },
    )


class _Api:
    def __init__(self, model: ServedModel, queue: WorkQueue, max_body_bytes: int) -> None:
        self.model = model
        self.queue = queue
        self.max_body_bytes = max_body_bytes

    async def predict(self, request: Request) -> Response:
        """Calls a signature."""
        self._find(request)
        # Before the body is read, so that no more bodies are in memory than there are places.
        with self.queue.place():
            try:
                body = await asyncio.wait_for(self._body(request), BODY_SECONDS)
            except asyncio.TimeoutError:
                raise HTTPException(408, f"the body did not arrive within {BODY_SECONDS} s") from None
            return await self.queue.work(self._predict, body)

    def _predict(self, body: bytes) -> Response:
        try:
            request = read_request(body)
            inputs = to_arrays(request, self.model.inputs(request.signature), self.model.max_pixels)
        except ValueError as error:
            raise invalid(str(error)) from None
        return answer(to_json(self.model.predict(request.signature, inputs), request.is_row))

    async def _body(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "")
        body = bytearray()
        if length.isdecimal():
            self._check_length(int(length))
        async for chunk in request.stream():
            body += chunk
            self._check_length(len(body))
        return bytes(body)

    def _check_length(self, length: int) -> None:
        if length > self.max_body_bytes:
            raise HTTPException(
                413,
                f"the request is too large: it has more than {self.max_body_bytes} bytes; send fewer or smaller "
                "pictures, or start the server with a larger --max_body_mib",
            )

    async def status(self, request: Request) -> Response:
        """Says that the model is there."""
        self._find(request)
        status = {"error_code": "OK", "error_message": ""}
        version = {"version": str(self.model.version), "state": "AVAILABLE", "status": status}
        return answer({"model_version_status": [version]})

    async def metadata(self, request: Request) -> Response:
        """Describes the signatures."""
        self._find(request)
        spec = {"name": self.model.name, "signature_name": "", "version": str(self.model.version)}
        # The name is there twice: of the metadata, and of the field of SignatureDefMap.
        signatures = {"signature_def": {"signature_def": self.model.metadata()}}
        return answer({"model_spec": spec, "metadata": signatures})

    def _find(self, request: Request) -> None:
        self.model.find(request.path_params["name"], request.path_params.get("version"))


def answer(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Returns a response of JSON, which may hold NaN and Infinity, as Serving's may."""
    return Response(json.dumps(content), status, headers, "application/json")


async def malformed(request: Request) -> Response:
    """Refuses a path that the interface does not have."""
    words = f"Malformed request: {request.method} {request.url.path}; there are {PATHS}"
    return answer({"error": words}, 400)


async def _answer_op_error(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in STATUS_CODES.items() if isinstance(error, kind)), 500)
    headers = {"Retry-After": str(RETRY_SECONDS)} if status == 503 else None
    return answer({"error": getattr(error, "message", str(error))}, status, headers)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return answer({"error": getattr(error, "detail", str(error))}, status, getattr(error, "headers", None))


async def _answer_nobody(request: Request, error: Exception) -> Response:
    """Answers a client that has gone, for the record only."""
    return Response(status_code=400)


async def _answer_defect(request: Request, error: Exception) -> Response:
    """Answers where the server itself is wrong; Starlette raises the error again, and it is logged."""
    return answer({"error": f"the server failed ({type(error).__name__}); its log says more"}, 500)
