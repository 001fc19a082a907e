"""The client of TensorFlow Serving's gRPC interface: image files in, PNG files out."""

import json

import numpy as np
import tensorflow as tf

from export.serving import answers
from export.serving.answers import OTHER_SERVER, SIGNATURE, TENSOR, RefusedError, UnreachableError
from pipelines.system.terminal import InputError

try:
    import grpc
    from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_service_pb2_grpc
except ImportError:
    raise InputError(
        "protocol=grpc needs tensorflow-serving-api, which is not installed; "
        "pip install --no-deps tensorflow-serving-api, and grpcio"
    ) from None


class GrpcClient:
    """Sends images by gRPC, PredictionService.Predict; has the arguments of RestClient, with HOST:PORT as server."""

    def __init__(self, server: str, model: str, version: int | None, timeout: float, retries: int) -> None:
        self.spec = model_pb2.ModelSpec(name=model, signature_name=SIGNATURE)
        if version:
            self.spec.version.value = version
        self.timeout = timeout
        method: dict[str, object] = {"name": [{"service": "tensorflow.serving.PredictionService"}]}
        if retries:
            method["retryPolicy"] = {
                # gRPC takes at most 5 tries, and at least 2.
                "maxAttempts": min(retries + 1, 5),
                "initialBackoff": f"{answers.BACKOFF}s",
                "maxBackoff": f"{answers.BACKOFF * 2**4}s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            }
        options = [
            ("grpc.service_config", json.dumps({"methodConfig": [method]})),
            ("grpc.max_receive_message_length", answers.MAX_MESSAGE),
            ("grpc.max_send_message_length", answers.MAX_MESSAGE),
        ]
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(server, options))

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Sends one request; raises as RestClient.translate does."""
        request = predict_pb2.PredictRequest(
            model_spec=self.spec, inputs={TENSOR: tf.make_tensor_proto(np.array(files, object), tf.string)}
        )
        try:
            response = self.stub.Predict(request, timeout=self.timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                raise UnreachableError(f"no answer within {self.timeout:g} s") from None
            reason = answers.short_reason(error.details() or "")
            is_refused = error.code() == grpc.StatusCode.INVALID_ARGUMENT
            raise (RefusedError if is_refused else UnreachableError)(reason) from None
        if TENSOR not in response.outputs:
            raise UnreachableError(f"model={self.spec.name} has no output {TENSOR}; it is another model")
        tensor = response.outputs[TENSOR]
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        # Not by tf.make_ndarray: it would fill a huge shape with copies of the last value.
        if tensor.dtype != tf.string.as_datatype_enum or not shape == [len(files)] == [len(tensor.string_val)]:
            raise UnreachableError(OTHER_SERVER)
        return answers.check_pngs(self.spec.name, list(tensor.string_val))
