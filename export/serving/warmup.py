"""Requests that TensorFlow Serving replays when it loads a model, so that no client waits for the first one."""

import pathlib

import tensorflow as tf

from export.serving.protocol import model_pb2, predict_pb2, prediction_log_pb2

# Where Serving looks for them below a version (its documentation, saved_model_warmup).
WARMUP_FILE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")


def write_warmup(folder: pathlib.Path, model: str, requests: list[tuple[str, dict[str, tf.Tensor]]]) -> None:
    """Writes WARMUP_FILE below a version.

    Args:
      folder: of the version.
      model: the name that it is served by.
      requests: signature and inputs by name, at most 1000, which is all that Serving replays.
    """
    path = folder / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model, signature_name=signature),
                inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
