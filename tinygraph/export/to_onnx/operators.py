"""ONNX's operators for NumPy's functions: a table from functions to what writes a call of them."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.export.to_onnx import elementwise, products, reductions, shapes
from tinygraph.export.to_onnx.images import conv2d, conv2d_input, pool2d
from tinygraph.export.to_onnx.indexing import getitem, take, take_along_axis
from tinygraph.export.to_onnx.table import Table
from tinygraph.export.to_onnx.writer import Call, Writer
from tinygraph.functions import convolution, pooling
from tinygraph.functions.checks import CHECKS

__all__ = ["OPERATORS"]


def _first(w: Writer, call: Call) -> Any:
    return w.value(call.args[0])


OPERATORS = Table({
    **dict.fromkeys(CHECKS, _first),  # checks of values let them pass
    **elementwise.TABLE, **products.TABLE, **shapes.TABLE, **reductions.TABLE,
    operator.getitem: getitem, np.take: take, np.take_along_axis: take_along_axis,
    convolution.conv2d: conv2d, convolution.conv2d_input: conv2d_input,
    pooling.avg_pool2d: pool2d, pooling.max_pool2d: pool2d,
})  # fmt: skip
