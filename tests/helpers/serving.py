"""A stand-in for TensorFlow Serving: its protocol's own classes, around a SavedModel that plain TensorFlow loads.

    python -m tests.helpers.serving FOLDER_OF_VERSIONS

prints the REST and the gRPC port. REST follows Serving's documentation (api_rest): paths, row and column format, base64
of what ends in _bytes, error bodies and status codes. Keras is never imported.
"""

import base64
import concurrent.futures
import http.server
import json
import pathlib
import re
import sys
import threading

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

# TensorFlow's errors as gRPC names them, and what REST makes of each (Serving's http_util).
CODES = {
    tf.errors.InvalidArgumentError: (grpc.StatusCode.INVALID_ARGUMENT, 400),
    tf.errors.NotFoundError: (grpc.StatusCode.NOT_FOUND, 404),
    tf.errors.UnavailableError: (grpc.StatusCode.UNAVAILABLE, 503),
}
WARMUP = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
MAX_MESSAGE = 256 << 20


class Model:
    """The newest version below a folder, loaded and warmed up as Serving does it.

    `unavailable` is how many of the next requests are refused as such, `calls` how many came.
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.name = folder.name
        self.version = max(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
        self.folder = folder / str(self.version)
        self.loaded = tf.saved_model.load(str(self.folder))
        self.unavailable = self.calls = 0
        self.warmed_up = [self.replay(record.numpy()) for record in tf.data.TFRecordDataset(str(self.folder / WARMUP))]

    def replay(self, record):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        self.predict(request.model_spec.signature_name, {n: tf.make_ndarray(t) for n, t in request.inputs.items()})
        return request.model_spec.signature_name

    def find(self, name, version):
        if name != self.name or version not in (None, self.version):
            which = f"Specific({name}, {version})" if version else f"Latest({name})"
            raise tf.errors.NotFoundError(None, None, f"Servable not found for request: {which}")

    def predict(self, signature, inputs):
        self.calls += 1
        if self.unavailable:
            self.unavailable -= 1
            raise tf.errors.UnavailableError(None, None, "The batch scheduling queue is full")
        run = self.signature(signature)
        specs = run.structured_input_signature[1]
        if set(specs) != set(inputs):
            message = f"input size does not match signature: {sorted(inputs)} are not {sorted(specs)}"
            raise tf.errors.InvalidArgumentError(None, None, message)
        try:
            tensors = {name: tf.constant(value, specs[name].dtype) for name, value in inputs.items()}
            for name, tensor in tensors.items():
                tensor.shape.assert_is_compatible_with(specs[name].shape)
        except (TypeError, ValueError) as error:
            raise tf.errors.InvalidArgumentError(None, None, str(error)) from None
        try:
            return {name: value.numpy() for name, value in run(**tensors).items()}
        except tf.errors.InvalidArgumentError as error:
            # Eager TensorFlow puts a frame around the status, Serving does not.
            message = error.message.split("<stack traces unavailable>\n")[-1].split(" [Op:")[0]
            raise tf.errors.InvalidArgumentError(None, None, message) from None

    def signature(self, name):
        if name not in self.loaded.signatures:
            message = f'Serving signature name: "{name}" not found in signature def'
            raise tf.errors.InvalidArgumentError(None, None, message)
        return self.loaded.signatures[name]

    def signatures(self):
        saved = saved_model_pb2.SavedModel.FromString((self.folder / "saved_model.pb").read_bytes())
        return get_model_metadata_pb2.SignatureDefMap(signature_def=saved.meta_graphs[0].signature_def)


class Grpc(prediction_service_pb2_grpc.PredictionServiceServicer, model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, model):
        self.model = model

    def Predict(self, request, context):  # noqa: N802 (the protocol's name)
        spec = request.model_spec
        try:
            self.model.find(spec.name, spec.version.value or None)
            inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
            outputs = self.model.predict(spec.signature_name or "serving_default", inputs)
        except tuple(CODES) as error:
            context.abort(CODES[type(error)][0], error.message)
        response = predict_pb2.PredictResponse(model_spec=spec)
        response.model_spec.version.value = self.model.version
        for name in request.output_filter or outputs:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        response.metadata["signature_def"].Pack(self.model.signatures())
        return response

    def GetModelStatus(self, request, context):  # noqa: N802
        status = get_model_status_pb2.ModelVersionStatus(version=self.model.version, state="AVAILABLE")
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=[status])


class Rest(http.server.BaseHTTPRequestHandler):
    model: Model
    protocol_version = "HTTP/1.1"
    # Else every answer waits 40 ms: the header is sent first, and the body only when the client has acknowledged it.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        match = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata)?", self.path)
        if not match:
            self.answer(404, {"error": f"Malformed request: GET {self.path}"})
            return
        try:
            self.model.find(match[1], int(match[2]) if match[2] else None)
        except tf.errors.NotFoundError as error:
            self.answer(404, {"error": error.message})
            return
        if match[3]:
            signatures = json_format.MessageToDict(self.model.signatures(), preserving_proto_field_name=True)
            spec = {"name": self.model.name, "signature_name": "", "version": str(self.model.version)}
            self.answer(200, {"model_spec": spec, "metadata": {"signature_def": signatures}})
        else:
            status = {
                "version": str(self.model.version),
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
            self.answer(200, {"model_version_status": [status]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        match = re.fullmatch(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict", self.path)
        if not match:
            self.answer(404, {"error": f"Malformed request: POST {self.path}"})
            return
        try:
            self.model.find(match[1], int(match[2]) if match[2] else None)
            request = json.loads(body)
            signature = request.get("signature_name", "serving_default")
            inputs, is_row = inputs_of(request, self.model.signature(signature).structured_input_signature[1])
            outputs = {name: to_json(name, value) for name, value in self.model.predict(signature, inputs).items()}
        except json.JSONDecodeError as error:
            self.answer(400, {"error": f"JSON Parse error: {error}"})
        except (KeyError, TypeError, ValueError) as error:
            self.answer(400, {"error": f"Failed to process element: {error}"})
        except tuple(CODES) as error:
            self.answer(CODES[type(error)][1], {"error": error.message})
        else:
            alone = next(iter(outputs.values())) if len(outputs) == 1 else None
            if is_row:
                rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
                self.answer(200, {"predictions": alone if alone is not None else rows})
            else:
                self.answer(200, {"outputs": alone if alone is not None else outputs})

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def inputs_of(request, names):
    """Inputs by name, and whether they came as rows (`instances`, not `inputs`); a sole one need not be named."""
    if ("instances" in request) == ("inputs" in request):
        raise ValueError('"instances" or "inputs" must be there, and not both')

    def named(value):
        return value if isinstance(value, dict) and set(value) != {"b64"} else {next(iter(names)): value}

    if "inputs" in request:
        return {name: array(value) for name, value in named(request["inputs"]).items()}, False
    rows = [named(row) for row in request["instances"]]
    return {name: array([row[name] for row in rows]) for name in names}, True


def array(values):
    """Nested lists of numbers, or a list of {"b64": ...}; object, since NumPy's own strings lose zeros at their end."""
    if any(isinstance(value, dict) for value in values):
        return np.array([base64.b64decode(value["b64"], validate=True) for value in values], object)
    return np.array(values)


def to_json(name, value):
    if value.dtype == object:
        assert name.endswith("_bytes")
        return [{"b64": base64.b64encode(item).decode()} for item in value]
    return value.tolist()


class Server:
    """Serves a folder of versions on two free ports of this machine, as a context manager."""

    def __init__(self, folder, threads=8):
        self.model = Model(folder)
        handler = type("Handler", (Rest,), {"model": self.model})
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.rest_port = self.http.server_address[1]
        options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
        self.grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(threads), options=options)
        servicer = Grpc(self.model)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, self.grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, self.grpc)
        self.grpc_port = self.grpc.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.grpc.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.grpc.stop(None).wait()


if __name__ == "__main__":
    with Server(sys.argv[1]) as server:
        print(server.rest_port, server.grpc_port, flush=True)
        sys.stdin.read()
