"""The same model through onnxruntime, which is optional: faster, and able to run larger models of the same family."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from packshot.studio.errors import WeightsMissing

Array = NDArray[np.float32]

# The published files fix their input at 1 x 3 x 320 x 320 although every layer takes any size. In the protobuf message
# a fixed size (dim_value 320) is as long as a free one (dim_param "r" or "c").
FIXED = b"\x0a\x02\x08\x01\x0a\x02\x08\x03\x0a\x03\x08\xc0\x02\x0a\x03\x08\xc0\x02"
FREE = b"\x0a\x02\x08\x01\x0a\x02\x08\x03\x0a\x03\x12\x01r\x0a\x03\x12\x01c"


def load(path: Path) -> Callable[[Array], Array]:
    """The model of an ONNX file, such as u2net.onnx: (3, rows, columns) to (rows, columns); raises WeightsMissing."""
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise WeightsMissing("the weights are an ONNX file, and onnxruntime is not installed") from error
    try:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        data = path.read_bytes().replace(FIXED, FREE, 1)
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        name, answer = session.get_inputs()[0].name, session.get_outputs()[0].name
        if np.shape(session.run([answer], {name: np.zeros((1, 3, 32, 64), np.float32)})[0]) != (1, 1, 32, 64):
            raise WeightsMissing("the weights do not belong to a model of this kind")
    except WeightsMissing:
        raise
    except Exception as error:  # onnxruntime has a class of its own for each fault
        raise WeightsMissing("the weights of the cut-out model could not be read") from error

    def forward(x: Array) -> Array:
        return np.asarray(session.run([answer], {name: x[None]})[0][0, 0], np.float32)

    return forward
