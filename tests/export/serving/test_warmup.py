"""The warm-up file, read by the protocol's own classes."""

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from export.serving.warmup import WARMUP_FILE, write_warmup


def test_the_protocols_own_classes_read_it(tmp_path):
    # Longer than 127 and than 16383 bytes: lengths of two and of three bytes.
    sources = np.random.default_rng(1).normal(size=(1, 64, 64, 3)).astype(np.float32)
    requests = [("serving_default", {"image_bytes": tf.constant([b"png" * 100])}), ("translate", {"source": sources})]
    write_warmup(tmp_path, "facades", requests)
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / WARMUP_FILE))]
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log", "predict_log"]
    found = [log.predict_log.request for log in logs]
    assert [request.model_spec.name for request in found] == ["facades", "facades"]
    assert [request.model_spec.signature_name for request in found] == ["serving_default", "translate"]
    assert tf.make_ndarray(found[0].inputs["image_bytes"]).tolist() == [b"png" * 100]
    np.testing.assert_array_equal(tf.make_ndarray(found[1].inputs["source"]), sources)
    assert [list(request.inputs) for request in found] == [["image_bytes"], ["source"]]
