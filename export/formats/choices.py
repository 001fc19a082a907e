"""Kinds of TFLite files and their bounds; without TensorFlow, so that --help is quick."""

# Kind to the PSNR against Keras, in dB, that its file has to reach. 90 dB is a mean difference of about 5e-5 of the
# range 2; the 8 bits of an image are 59 dB at best.
TFLITE_BOUNDS = {
    "float32": 90.0,
    "float16": 50.0,
    "dynamic_int8": 35.0,
    "int8_float_norm": 28.0,
    "int8": 28.0,
}
