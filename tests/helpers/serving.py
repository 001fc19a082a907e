"""A stand-in for TensorFlow Serving: its gRPC protocol's own classes, and export.serve's REST, around one SavedModel.

    python -m tests.helpers.serving FOLDER_OF_VERSIONS

prints the REST and the gRPC port.
"""

import concurrent.futures
import pathlib
import sys
import threading

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from export.rest.application import application
from export.rest.listening import listen, make_server
from export.rest.served_model import ServedModel

# TensorFlow's errors as gRPC names them.
CODES = {
    tf.errors.InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    tf.errors.NotFoundError: grpc.StatusCode.NOT_FOUND,
    tf.errors.UnavailableError: grpc.StatusCode.UNAVAILABLE,
}
WARMUP = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
MAX_MESSAGE = 256 << 20


class Model(ServedModel):
    """The newest version below a folder, loaded and warmed up as Serving does it.

    `unavailable` is how many of the next requests are refused as such, `calls` how many came.
    """

    def __init__(self, folder):
        super().__init__(str(folder))
        self.unavailable = self.calls = 0
        self.warmed_up = [self.replay(record.numpy()) for record in tf.data.TFRecordDataset(str(self.folder / WARMUP))]

    def replay(self, record):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        self.predict(request.model_spec.signature_name, {n: tf.make_ndarray(t) for n, t in request.inputs.items()})
        return request.model_spec.signature_name

    def predict(self, signature, inputs):
        self.calls += 1
        if self.unavailable:
            self.unavailable -= 1
            raise tf.errors.UnavailableError(None, None, "The batch scheduling queue is full")
        return super().predict(signature, inputs)


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
            context.abort(CODES[type(error)], error.message)
        response = predict_pb2.PredictResponse(model_spec=spec)
        response.model_spec.version.value = self.model.version
        for name in request.output_filter or outputs:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=self.model.definitions)
        response.metadata["signature_def"].Pack(signatures)
        return response

    def GetModelStatus(self, request, context):  # noqa: N802
        status = get_model_status_pb2.ModelVersionStatus(version=self.model.version, state="AVAILABLE")
        return get_model_status_pb2.GetModelStatusResponse(model_version_status=[status])


class RestServer:
    """Serves an application on a free port of this machine, as a context manager."""

    def __init__(self, app):
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        self.server = make_server(app)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()


class Server:
    """Serves a folder of versions on two free ports of this machine, as a context manager."""

    def __init__(self, folder, threads=8):
        self.model = Model(folder)
        self.rest = RestServer(application(self.model, threads=threads))
        self.rest_port = self.rest.port
        options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
        self.grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(threads), options=options)
        servicer = Grpc(self.model)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(servicer, self.grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, self.grpc)
        self.grpc_port = self.grpc.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self.rest.__enter__()
        self.grpc.start()
        return self

    def __exit__(self, *_):
        self.rest.__exit__()
        self.grpc.stop(None).wait()


if __name__ == "__main__":
    with Server(sys.argv[1]) as server:
        print(server.rest_port, server.grpc_port, flush=True)
        sys.stdin.read()
