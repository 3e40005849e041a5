"""Networks and their gradients as ONNX graphs, written operator by operator."""
