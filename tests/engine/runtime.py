"""Serves an exported SavedModel in MLServer: image files in, PNG files out, over the KServe v2 protocol."""

import tensorflow as tf
from mlserver import MLModel
from mlserver.codecs import Base64Codec
from mlserver.types import InferenceRequest, InferenceResponse

# MLServer imports this module; the tests do not.


class SavedModelRuntime(MLModel):
    """Serves `serving_default` of the SavedModel at the settings' uri."""

    async def load(self) -> bool:
        """Loads the SavedModel with plain TensorFlow."""
        self.loaded = tf.saved_model.load(self.settings.parameters.uri)
        self.serve = self.loaded.signatures["serving_default"]
        return True

    async def predict(self, request: InferenceRequest) -> InferenceResponse:
        """Translates the images of one request."""
        files = Base64Codec.decode_input(request.inputs[0])
        results = list(self.serve(image_bytes=tf.constant(files))["image_bytes"].numpy())
        outputs = [Base64Codec.encode_output("image_bytes", results)]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
