"""Verification of an ONNX graph: names, types and shapes as declared and as run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime

from maxent_robot.errors import BundleError

__all__ = ["verify_graph"]


def verify_graph(
    model: bytes, label: str, inputs: Mapping[str, int], outputs: Mapping[str, int | None]
) -> dict[str, int]:
    """Check that a graph maps float32 inputs (batch, size) to float32 outputs (batch, size) for any batch.

    The graph is run on zeros with one row and with three, as declared shapes may promise more than the graph keeps.

    Args:
        model: serialised ONNX graph.
        label: name of the graph in errors.
        inputs: size of each input.
        outputs: size of each output; None where any size of at least one will do.

    Returns:
        The size of each output as run.

    Raises:
        BundleError: naming the input or output, what it is and what it must be.
    """
    session = _open(model, label)
    for kind, arguments, expected in (
        ("inputs", session.get_inputs(), inputs),
        ("outputs", session.get_outputs(), outputs),
    ):
        found = [argument.name for argument in arguments]
        if sorted(found) != sorted(expected):
            raise BundleError(f"{label}: {kind} are {sorted(found)}, must be {sorted(expected)}")
        for argument in arguments:
            _verify_declared(argument, f"{label}: {kind[:-1]} {argument.name!r}", expected[argument.name])
    for batch in (1, 3):
        sizes = _run(session, label, inputs, outputs, batch)
    return sizes


def _open(model: bytes, label: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise BundleError(f"{label}: not an ONNX graph that can be run: {_first_line(error)}") from error


def _verify_declared(argument: Any, label: str, size: int | None) -> None:
    if argument.type != "tensor(float)":
        raise BundleError(f"{label} is {argument.type}, must be tensor(float)")
    wanted = f"(batch, {'heads' if size is None else size})"
    shape = list(argument.shape)
    if len(shape) != 2 or (size is not None and isinstance(shape[1], int) and shape[1] != size):
        raise BundleError(f"{label} has shape {_shape(shape)}, must be {wanted}")
    if isinstance(shape[0], int):
        raise BundleError(f"{label} has shape {_shape(shape)}, must be {wanted}: its batch axis is fixed")


def _run(
    session: Any, label: str, inputs: Mapping[str, int], outputs: Mapping[str, int | None], batch: int
) -> dict[str, int]:
    names = list(outputs)
    feed = {name: np.zeros((batch, size), dtype=np.float32) for name, size in inputs.items()}
    try:
        results = session.run(names, feed)
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise BundleError(f"{label}: can't be run on a batch of {batch}: {_first_line(error)}") from error
    sizes: dict[str, int] = {}
    for name, result in zip(names, results, strict=True):
        size = outputs[name]
        if result.ndim != 2 or result.shape[0] != batch or result.shape[1] != (size or max(result.shape[1], 1)):
            wanted = f"({batch}, {'heads' if size is None else size})"
            raise BundleError(f"{label}: output {name!r} has shape {result.shape} when run, must be {wanted}")
        if not np.isfinite(result).all():
            raise BundleError(f"{label}: output {name!r} is not finite for an observation of zeros")
        sizes[name] = int(result.shape[1])
    return sizes


def _shape(shape: list[Any]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
