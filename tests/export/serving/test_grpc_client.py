"""The gRPC client against servers that answer otherwise than TensorFlow Serving does."""

import concurrent.futures

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from export.serving import answers
from export.serving.answers import OTHER_SERVER, RefusedError, UnreachableError
from export.serving.grpc_client import GrpcClient

# How a PNG begins (PNG specification, 5.2 and 11.2.2).
PNG = bytes([0x89, *b"PNG", 13, 10, 26, 10, 0, 0, 0, 13, *b"IHDR"])
STRING = tf.string.as_datatype_enum


def ask(answer, files=(b"file",), timeout=60.0):
    """Asks a server that hands each response's tensor, and the context, to `answer`."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, _, context):  # noqa: N802 (the protocol's name)
            response = predict_pb2.PredictResponse()
            answer(response.outputs["image_bytes"], context)
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        return GrpcClient(f"127.0.0.1:{port}", "m", None, timeout, 0).translate(list(files))
    finally:
        server.stop(None).wait()


def tensor_of(dtype, shape, *strings):
    def answer(tensor, _):
        tensor.dtype = dtype
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        tensor.string_val.extend(strings)

    return answer


def test_a_tensor_of_pngs_is_taken():
    assert ask(tensor_of(STRING, [2], PNG + b"1", PNG + b"2"), [b"a", b"b"]) == [PNG + b"1", PNG + b"2"]


@pytest.mark.parametrize(
    "answer",
    [
        tensor_of(STRING, [2], PNG, PNG),
        tensor_of(999, [1], PNG),
        tensor_of(STRING, [1]),
        tensor_of(STRING, [3]),
        tensor_of(STRING, [], PNG),
        tensor_of(STRING, [1, 1], PNG),
        tensor_of(STRING, [-1], PNG),
        # 1.6 GB if it were filled.
        tensor_of(STRING, [200_000_000], PNG),
        lambda tensor, _: tensor.CopyFrom(tf.make_tensor_proto([1.5])),
    ],
    ids=["two", "dtype", "no value", "no values", "scalar", "rank 2", "negative", "huge", "float"],
)
def test_a_tensor_of_another_kind(answer):
    with pytest.raises(UnreachableError, match=OTHER_SERVER):
        ask(answer)


@pytest.mark.parametrize(
    ("details", "words"),
    [("", "no reason"), ("assertion failed: [" * 200, "^(assertion failed: .){105}asser$")],
    ids=["empty", "long"],
)
def test_reasons_by_grpc(details, words):
    with pytest.raises(RefusedError, match=words):
        ask(lambda _, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, details))


def test_a_huge_answer_by_grpc(monkeypatch):
    monkeypatch.setattr(answers, "MAX_MESSAGE", 1 << 20)
    with pytest.raises(UnreachableError, match="larger than max"):
        ask(tensor_of(STRING, [1], bytes(2 << 20)))


@pytest.mark.parametrize("result", [b"", b"\x89PNG", b"\xff\xd8\xff\xe0 a JPEG"])
def test_what_is_no_png_is_not_taken(result):
    with pytest.raises(UnreachableError, match=r"model=m .*PNG"):
        ask(tensor_of(STRING, [2], PNG, result), [b"a", b"b"])
