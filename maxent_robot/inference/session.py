"""ONNX Runtime session as the actor and the critics share it: one thread, no spinning, checked inputs and outputs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import ArrayLike, NDArray

from maxent_robot.errors import MaxentRobotError

ModelSource: TypeAlias = "str | Path | bytes"
"""A path of an ONNX file, or its bytes."""


class InferenceError(MaxentRobotError):
    """A network can't be loaded, or its input or output is not what the contract says."""


class Network:
    """One ONNX graph with named two-dimensional float32 inputs and outputs, run on the CPU by a single thread.

    One thread and no spinning: a network of this size takes about 10 us, and a spinning pool would take that core from
    the control loop.

    Args:
        source: path or bytes of the ONNX file.
        inputs: names of the inputs, in the order :meth:`__call__` takes them.
        outputs: names of the outputs, in the order it returns them.

    Raises:
        InferenceError: not an ONNX graph, or its input or output names differ.
    """

    def __init__(self, source: ModelSource, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        self.name = "ONNX graph" if isinstance(source, bytes) else str(source)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.log_severity_level = 3
        if not isinstance(source, bytes) and not Path(source).is_file():
            raise InferenceError(f"{self.name}: no such file")
        try:
            self._session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime has no common exception type
            raise InferenceError(f"{self.name}: ONNX Runtime can't load it: {str(error).splitlines()[0]}") from error
        described = {argument.name: argument for argument in self._session.get_inputs()}
        if set(described) != set(inputs):
            raise InferenceError(f"{self.name}: inputs are {sorted(described)}, expected {sorted(inputs)}")
        found = [argument.name for argument in self._session.get_outputs()]
        if set(found) != set(outputs):
            raise InferenceError(f"{self.name}: outputs are {sorted(found)}, expected {sorted(outputs)}")
        self._inputs = inputs
        self._outputs = outputs
        self.input_sizes: tuple[int, ...] = tuple(self._last_dimension(name, described[name].shape) for name in inputs)
        """Last dimension of each input."""
        self.shares_batch = len({described[name].shape[0] for name in inputs}) == 1
        """Whether all inputs must have as many rows; otherwise the first may have a single one."""

    def _last_dimension(self, name: str, shape: list[int | str | None]) -> int:
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise InferenceError(f"{self.name}: input '{name}' has shape {shape}, expected (batch, a fixed size)")
        return shape[1]

    def __call__(self, *arrays: ArrayLike) -> tuple[NDArray[np.float32], ...]:
        """Run the graph on arrays of shape (n, size of that input), and return one (n, m) array an output.

        Raises:
            InferenceError: wrong shape, or a value that is not finite, in an input or an output.
        """
        feed: dict[str, NDArray[np.float32]] = {}
        for name, size, values in zip(self._inputs, self.input_sizes, arrays, strict=True):
            array = np.ascontiguousarray(values, dtype=np.float32)
            if array.ndim != 2 or array.shape[1] != size:
                raise InferenceError(f"{self.name}: '{name}' has shape {array.shape}, expected (n, {size})")
            check_finite(f"{self.name}: '{name}'", array)
            feed[name] = array
        results = tuple(np.asarray(result, dtype=np.float32) for result in self._session.run(self._outputs, feed))
        for name, result in zip(self._outputs, results, strict=True):
            check_finite(f"{self.name}: output '{name}'", result)
        return results


def check_finite(label: str, array: NDArray[np.floating]) -> None:
    """Raise InferenceError that names `label`, the index and the value, when an element of `array` is not finite."""
    # The sum of squares takes a third of the time; it may also overflow, so it has no last word.
    if math.isfinite(np.vdot(array, array)):
        return
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InferenceError(f"{label}: element {index} is {array[index]}, must be finite")
