"""TensorFlow Serving's two interfaces, REST and gRPC: image files in, PNG files out."""

import base64
import http.client
import json
import re

import grpc
import numpy as np
import requests
import tensorflow as tf
import urllib3

from export.protocol import model_pb2, predict_pb2, prediction_service_pb2_grpc

SIGNATURE = "serving_default"
TENSOR = "image_bytes"
# Seconds before the first repetition of a request; each further one waits twice as long.
BACKOFF = 0.2
# Of a gRPC message in bytes; gRPC's own is 4 MiB, less than some photos.
MAX_MESSAGE = 256 << 20


# What TensorFlow puts around the reason of a failed assertion.
ASSERTION = re.compile(r"assertion failed: \[(.*?)\]\s*(\[\[|$)", re.DOTALL)


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
        self.url = f"{base.rstrip('/')}/v1/models/{model}{which}:predict"
        self.timeout = timeout
        # 503 is 'unavailable'. A POST is safe to repeat here: translating has no side effect.
        retry = urllib3.Retry(
            total=retries,
            read=False,
            backoff_factor=BACKOFF,
            status_forcelist=[503],
            allowed_methods=None,
            raise_on_status=False,
        )
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Sends one request.

        Raises:
          RefusedError: with the server's reason.
          UnreachableError: with the reason.
        """
        instances = [{TENSOR: {"b64": base64.b64encode(file).decode()}} for file in files]
        body = {"signature_name": SIGNATURE, "instances": instances}
        try:
            response = self.session.post(self.url, json=body, timeout=self.timeout)
        except requests.Timeout:
            raise UnreachableError(f"no answer within {self.timeout:g} s") from None
        except requests.RequestException as error:
            raise UnreachableError(_innermost(error)) from None
        try:
            answer = response.json()
            if response.ok:
                pairs = zip(files, answer["predictions"], strict=True)
                return [base64.b64decode(prediction["b64"], validate=True) for _, prediction in pairs]
            message = str(answer["error"])
        except (ValueError, KeyError, TypeError):
            raise UnreachableError("it does not answer as TensorFlow Serving does") from None
        raise (RefusedError if response.status_code == 400 else UnreachableError)(_reason(message))


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
            raise (RefusedError if is_refused else UnreachableError)(_reason(error.details())) from None
        if TENSOR not in response.outputs:
            raise UnreachableError(f"{self.spec.name} has no output {TENSOR}; it is another model")
        return list(tf.make_ndarray(response.outputs[TENSOR]))


def _reason(message: str) -> str:
    """One line of an error as TensorFlow words it."""
    assertion = ASSERTION.search(message)
    return assertion[1] if assertion else message.strip().splitlines()[0]


def _innermost(error: BaseException) -> str:
    """The reason below requests' and urllib3's wrappings, such as 'Connection refused'."""
    while error.__context__ or error.__cause__:
        error = error.__cause__ or error.__context__
    if isinstance(error, http.client.HTTPException):
        return "it does not speak HTTP; is it the gRPC port?"
    return getattr(error, "strerror", None) or str(error)
