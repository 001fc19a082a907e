"""Runs generators that were exported: TFLite and ONNX files, and SavedModels.

open_model        opens any of them
model_file        what it is for, and one function of NumPy arrays
tflite_file       runs a TFLite file with LiteRT
onnx_file         runs an ONNX file with ONNX Runtime
saved_model_file  runs a SavedModel with TensorFlow
"""
