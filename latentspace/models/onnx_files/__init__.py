"""ONNX files: read and checked, cut like a Keras model, and run by onnxruntime."""
