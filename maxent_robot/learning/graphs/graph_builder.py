"""ONNX graphs, written operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
"""The first with LayerNormalization."""

IR_VERSION = 8


Sizes = Mapping[str, Sequence[str | int] | None]
"""Size of each input or output by its name, with names for what may vary; None is left open."""


class GraphBuilder:
    """Nodes and constants so far; a method that appends operators returns the name of their output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def apply(self, operator: str, *inputs: str, output: str = "", outputs: int = 1, **attributes: Any) -> str:
        """Append an operator and return its first output, called `output`; the others end in `:1`, `:2`."""
        name = output or f"value_{len(self.nodes)}"
        names = [name, *(f"{name}:{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return name

    def hold(self, array: np.ndarray) -> str:
        """Append a constant."""
        name = f"weight_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def model(
        self,
        name: str,
        inputs: Sizes,
        outputs: Sizes,
        kind: int = TensorProto.FLOAT,
    ) -> onnx.ModelProto:
        """The graph, whose inputs and outputs are all of one kind of number."""

        def describe(values: Sizes) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(key, kind, size) for key, size in values.items()]

        graph = helper.make_graph(self.nodes, name, describe(inputs), describe(outputs), self.constants)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, producer_name="maxent_robot", ir_version=IR_VERSION, opset_imports=opsets)
