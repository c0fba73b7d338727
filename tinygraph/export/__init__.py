"""Files for others.

tensor_files      arrays and a JSON header in one safetensors file
module            a function as a Python file that needs NumPy alone
to_onnx           a function as an ONNX file
examples          the batches that a function is recorded with
inference         a model that is recorded as it computes outside of training
predicting        the functions of a Python file besides its programs
"""

import importlib
from typing import TYPE_CHECKING, Any

from tinygraph.export.tensor_files import check_arrays, differences, load_arrays, save_arrays

if TYPE_CHECKING:
    from tinygraph.export.module import save_module
    from tinygraph.export.to_onnx.file import onnx

__all__ = ["check_arrays", "differences", "load_arrays", "onnx", "save_arrays", "save_module"]

# They import the compiler, which takes longer than all of `tinygraph.nn`.
_LATER = {"save_module": "module", "onnx": "to_onnx.file"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"tinygraph.export.{_LATER[name]}"), name)
    globals()[name] = value
    return value
