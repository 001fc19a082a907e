"""TensorFlow Serving's two interfaces, REST and gRPC: image files in, PNG files out."""

import base64
import http.client
import json
import re
import time

import grpc
import numpy as np
import requests
import tensorflow as tf
import urllib3

from export.serving.protocol import model_pb2, predict_pb2, prediction_service_pb2_grpc
from pipelines.images.header import PNG_START
from pipelines.system.deadline import LateError, within
from pipelines.system.untrusted_json import parse_json

SIGNATURE = "serving_default"
TENSOR = "image_bytes"
# Seconds before the first repetition of a request; each further one waits twice as long.
BACKOFF = 0.2
# At most, however often it is asked again.
MAX_BACKOFF = 120
# Of a gRPC message, or the body of a REST answer, unpacked, in bytes; gRPC's own is 4 MiB, less than some photos.
MAX_MESSAGE = 256 << 20
CHUNK_BYTES = 1 << 16
# In a REST answer beside those between the images. Three bytes, `[],`, become 64 in memory; base64 has no commas.
MAX_COMMAS = 1000
# Seconds that a REST request has beyond its timeout, so that requests can tell first what it was that took so long.
GRACE = 0.5

# What TensorFlow puts around the reason of a failed assertion.
ASSERTION = re.compile(r"assertion failed: \[(.*?)\]\s*(\[\[|$)", re.DOTALL)
# How much of a reason is looked at, in characters: the search takes time that grows with its square.
MAX_REASON = 2000

OTHER_SERVER = "it does not answer as TensorFlow Serving does"


class RefusedError(Exception):
    """The server says that the images are wrong; others may be right."""


class UnreachableError(Exception):
    """No answer that can be used, after all repetitions: it would be the same for other images."""


class Rest:
    """The REST interface (TensorFlow Serving's documentation, api_rest).

    Args:
      server: HOST:PORT, or a URL such as https://host/prefix.
      model: the model's name.
      version: None for the newest.
      timeout: seconds for each try.
      retries: how often a request is sent again that found the server unavailable.
    """

    def __init__(self, server: str, model: str, version: int | None, timeout: float, retries: int):
        base = server if "://" in server else f"http://{server}"
        which = f"/versions/{version}" if version else ""
        self.model = model
        self.path = f"/v1/models/{model}{which}:predict"
        self.url = base.rstrip("/") + self.path
        self.timeout = timeout
        self.retries = retries
        self.session = _Session()

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Sends one request.

        Raises:
          RefusedError: with the server's reason.
          UnreachableError: with the reason.
        """
        instances = [{TENSOR: {"b64": base64.b64encode(file).decode()}} for file in files]
        body = {"signature_name": SIGNATURE, "instances": instances}
        response, content = self._ask(body)
        if content.count(b",") > len(files) + MAX_COMMAS:
            raise UnreachableError(OTHER_SERVER)
        try:
            answer = parse_json(content)
            if response.ok:
                pairs = zip(files, answer["predictions"], strict=True)
                results = [base64.b64decode(prediction["b64"], validate=True) for _, prediction in pairs]
                return _pngs(self.model, results)
            message = answer["error"]
        except (ValueError, KeyError, TypeError):
            raise UnreachableError(OTHER_SERVER) from None
        if not isinstance(message, str):
            raise UnreachableError(OTHER_SERVER)
        raise (RefusedError if response.status_code == 400 else UnreachableError)(_reason(message))

    def _ask(self, body: dict) -> tuple[requests.Response, bytes]:
        """The answer, after as many tries as are needed and allowed.

        The repetitions are made here: urllib3's would read all that comes with a 503, and wait as long as it says.
        """
        wait, left = BACKOFF, self.retries
        while True:
            try:
                response, content = self._try(body)
                # 503 is 'unavailable'. A POST is safe to repeat here: translating has no side effect.
                if response.status_code != 503 or not left:
                    return response, content
            except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                # So does urllib3 say that there was no connection; what came later is not repeated.
                is_unconnected = error.args and isinstance(error.args[0], urllib3.exceptions.MaxRetryError)
                if not (is_unconnected and left):
                    is_late = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError)
                    words = f"no answer within {self.timeout:g} s" if is_late else _innermost(error)
                    raise UnreachableError(words) from None
            time.sleep(wait)
            wait, left = min(2 * wait, MAX_BACKOFF), left - 1

    def _try(self, body: dict) -> tuple[requests.Response, bytes]:
        """One request and its answer, in bounded time: requests' own bound begins anew with each byte."""

        def post() -> tuple[requests.Response, bytes]:
            with self.session.post(self.url, json=body, timeout=self.timeout, stream=True) as response:
                if response.is_redirect:
                    target = response.headers["Location"][:MAX_REASON].removesuffix(self.path)
                    raise UnreachableError(f"the server answers with a redirect to {target}; give that as --server")
                return response, _read(response)

        try:
            return within(self.timeout + GRACE, post)
        except LateError:
            raise requests.Timeout from None


class _Session(requests.Session):
    """Follows no redirect. allow_redirects=False would still read its body, and take its address apart."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Grpc:
    """The gRPC interface, PredictionService.Predict; arguments as Rest has them, server is HOST:PORT."""

    def __init__(self, server: str, model: str, version: int | None, timeout: float, retries: int):
        self.spec = model_pb2.ModelSpec(name=model, signature_name=SIGNATURE)
        if version:
            self.spec.version.value = version
        self.timeout = timeout
        policy = {
            # gRPC takes at most 5 tries, and at least 2.
            "maxAttempts": min(retries + 1, 5),
            "initialBackoff": f"{BACKOFF}s",
            "maxBackoff": f"{BACKOFF * 2**4}s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        method = {"name": [{"service": "tensorflow.serving.PredictionService"}]}
        if retries:
            method["retryPolicy"] = policy
        options = [
            ("grpc.service_config", json.dumps({"methodConfig": [method]})),
            ("grpc.max_receive_message_length", MAX_MESSAGE),
            ("grpc.max_send_message_length", MAX_MESSAGE),
        ]
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(server, options))

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Sends one request; raises as Rest.translate does."""
        request = predict_pb2.PredictRequest(
            model_spec=self.spec, inputs={TENSOR: tf.make_tensor_proto(np.array(files, object), tf.string)}
        )
        try:
            response = self.stub.Predict(request, timeout=self.timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UnreachableError(f"no answer within {self.timeout:g} s") from None
            is_refused = error.code() == grpc.StatusCode.INVALID_ARGUMENT
            raise (RefusedError if is_refused else UnreachableError)(_reason(error.details() or "")) from None
        if TENSOR not in response.outputs:
            raise UnreachableError(f"{self.spec.name} has no output {TENSOR}; it is another model")
        tensor = response.outputs[TENSOR]
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        # Not by tf.make_ndarray, which fills any shape with the last of its values.
        if tensor.dtype != tf.string.as_datatype_enum or not shape == [len(files)] == [len(tensor.string_val)]:
            raise UnreachableError(OTHER_SERVER)
        return _pngs(self.spec.name, list(tensor.string_val))


def _pngs(model: str, results: list[bytes]) -> list[bytes]:
    """The results, if they are what they should be."""
    if not all(result.startswith(PNG_START) for result in results):
        raise UnreachableError(f"what {model} answers is no PNG file; it is another model")
    return results


def _read(response: requests.Response) -> bytes:
    """The body, unpacked piece by piece, so that a small one cannot become a huge one."""
    content = bytearray()
    # Not iter_content, which takes a chunk of -1 bytes for all that will ever come, and reads it at once.
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        content += chunk
        if len(content) > MAX_MESSAGE:
            raise UnreachableError(f"its answer has more than {MAX_MESSAGE} bytes")
    return bytes(content)


def _reason(message: str) -> str:
    """One line of an error as TensorFlow words it."""
    message = message[:MAX_REASON].strip()
    assertion = ASSERTION.search(message)
    reason = assertion[1] if assertion else message.partition("\n")[0]
    return reason or "the server gives no reason"


def _innermost(error: BaseException) -> str:
    """The reason below requests' and urllib3's wrappings, such as 'Connection refused'."""
    while error.__context__ or error.__cause__:
        error = error.__cause__ or error.__context__
    if isinstance(error, http.client.HTTPException):
        return "it does not speak HTTP; is it the gRPC port?"
    return getattr(error, "strerror", None) or str(error)
