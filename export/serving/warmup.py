"""Writes requests that TensorFlow Serving replays when it loads a model, so that no client waits for the first one."""

import pathlib

import tensorflow as tf

# The place below a version where Serving looks for them (its documentation, saved_model_warmup).
WARMUP_FILE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")

# Fields of Serving's protocol buffers (tensorflow_serving/apis: prediction_log, predict and model). They are written
# without Serving's own Python package, which requires another build of TensorFlow than some machines have.
LOG_PREDICT = 6
PREDICT_LOG_REQUEST = 1
REQUEST_MODEL = 1
REQUEST_INPUTS = 2
MODEL_NAME = 1
MODEL_SIGNATURE = 3
MAP_KEY = 1
MAP_VALUE = 2
LENGTH_DELIMITED = 2


def write_warmup(folder: pathlib.Path, model: str, requests: list[tuple[str, dict[str, tf.Tensor]]]) -> None:
    """Writes WARMUP_FILE below a version.

    Args:
      folder: of the version.
      model: the name that it is served by.
      requests: signature and inputs by name; Serving replays at most 1000.
    """
    path = folder / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(_prediction_log(model, signature, inputs))


def _prediction_log(model: str, signature: str, inputs: dict[str, tf.Tensor]) -> bytes:
    spec = _field(MODEL_NAME, model.encode()) + _field(MODEL_SIGNATURE, signature.encode())
    request = _field(REQUEST_MODEL, spec)
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += _field(REQUEST_INPUTS, _field(MAP_KEY, name.encode()) + _field(MAP_VALUE, tensor))
    return _field(LOG_PREDICT, _field(PREDICT_LOG_REQUEST, request))


def _field(number: int, contents: bytes) -> bytes:
    """Encodes a field of a protocol buffer: its number and type, its length, its contents."""
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(contents)) + contents


def _varint(value: int) -> bytes:
    """Encodes an integer, seven bits a byte, the lowest first; all bytes but the last have the eighth bit."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
