"""The exporters, one for each format, and the comparison of their files with Keras.

saved_model.py  SavedModel, compared before it becomes a version
saved_model_parity.py  compares it with Keras: floats, PNG files, tiles
tflite.py       TFLite files of several kinds
onnx.py         an ONNX file
torch.py        files of the PyTorch reference, both networks
choices.py      names and bounds of the TFLite kinds, without TensorFlow
litert.py       converts to TFLite
release.py      writes the files that are near enough to Keras, and export.json
parity.py       measures how near a file is to Keras
"""
