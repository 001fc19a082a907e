"""TensorFlow Serving's own protobuf classes; the one place that imports them."""

import sys

try:
    from tensorflow_serving.apis import (  # noqa: F401 (passed on)
        get_model_metadata_pb2,
        model_pb2,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
    )
except ImportError:
    # It is installed without its dependencies: they name the full tensorflow, also where tensorflow-cpu is there.
    sys.exit("error: tensorflow-serving-api is missing; pip install 'tfpix2pix[serving]'")
