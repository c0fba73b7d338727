"""The operations between layers of a network that files of Keras name, and their functions here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygraph.nn.activations import ACTIVATIONS
from tinygraph.nn.symbolic import item_of

__all__ = ["FUNCTIONS", "OF_NUMPY"]

OF_NUMPY: Mapping[str, Any] = {
    "absolute": np.absolute, "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.true_divide,
    "true_divide": np.true_divide, "power": np.power, "negative": np.negative, "maximum": np.maximum,
    "minimum": np.minimum, "matmul": np.matmul, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "sqrt": np.sqrt, "square": np.square, "sin": np.sin, "cos": np.cos, "sign": np.sign,
    "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater, "less": np.less,
    "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_not": np.logical_not, "get_item": item_of,
}  # fmt: skip

# By the name of the operation in small letters, "relu" for Keras's class Relu.
FUNCTIONS: Mapping[str, Any] = {**{name: item for name, item in ACTIVATIONS.items() if name.islower()}, **OF_NUMPY}
