"""ONNX's operators for windows that move over images.

Images have their channels last here and first in ONNX: they are transposed before and after. A runtime drops transposes
that undo each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.export.to_onnx.writer import Call, Writer
from tinygraph.functions import convolution, pooling
from tinygraph.functions.windows import Sliding, slide
from tinygraph.graph import Node

__all__ = ["conv2d", "conv2d_input", "pool2d"]


def _channels_first(w: Writer, value: Any) -> Any:
    return w.emit("Transpose", [value], perm=[0, 3, 1, 2])


def _channels_last(w: Writer, value: Any) -> Any:
    return w.emit("Transpose", [value], perm=[0, 2, 3, 1])


def _filters(w: Writer, kernel: Any, dtype: Any) -> Any:
    """Return a kernel with the filters first, as ONNX has it: a constant where it is one."""
    known = w.array(kernel) if isinstance(kernel, Node) else np.asarray(kernel)
    if known is None:
        return w.emit("Transpose", [w.value(kernel, dtype)], perm=[3, 2, 0, 1])
    return w.value(np.ascontiguousarray(np.transpose(known, (3, 2, 0, 1))), dtype)


def _plan(w: Writer, call: Call, window: Any, *rest: Any) -> tuple[Sliding, Sliding]:
    """Return how a window moves over the images of a call."""
    size = call.get(2, "size") if call.node.function is convolution.conv2d_input else w.shape(call.args[0])[1:3]
    if any(type(item) is not int for item in size):
        raise call.unknown("images of an open size")
    return slide("onnx", size, window, *rest)


def _movement(plan: tuple[Sliding, Sliding]) -> dict[str, Any]:
    """Return the attributes of ONNX's operators that say how a window moves."""
    return {
        "kernel_shape": [axis.window for axis in plan],
        "strides": [axis.stride for axis in plan],
        "pads": [*[axis.before for axis in plan], *[axis.after for axis in plan]],
    }


def conv2d(w: Writer, call: Call) -> Any:
    """Write a convolution."""
    x, kernel = call.args[:2]
    stride, padding = call.get(2, "stride", 1), call.get(3, "padding", "valid")
    dilation, groups = call.get(4, "dilation", 1), call.get(5, "groups", 1)
    plan = _plan(w, call, w.shape(kernel)[:2], stride, padding, dilation)
    images = _channels_first(w, w.value(x, call.dtype))
    attributes = {**_movement(plan), "dilations": [axis.dilation for axis in plan], "group": groups}
    return _channels_last(w, w.emit("Conv", [images, _filters(w, kernel, call.dtype)], **attributes))


def conv2d_input(w: Writer, call: Call) -> Any:
    """Write a transposed convolution."""
    y, kernel = call.args[:2]
    stride, padding = call.get(3, "stride", 1), call.get(4, "padding", "valid")
    dilation, groups = call.get(5, "dilation", 1), call.get(6, "groups", 1)
    plan = _plan(w, call, w.shape(kernel)[:2], stride, padding, dilation)
    missing = [
        axis.size
        - (axis.stride * (axis.windows - 1) + (axis.window - 1) * axis.dilation + 1 - axis.before - axis.after)
        for axis in plan
    ]
    images = _channels_first(w, w.value(y, call.dtype))
    attributes = {**_movement(plan), "dilations": [axis.dilation for axis in plan], "group": groups}
    kernels = _filters(w, kernel, call.dtype)
    found = w.emit("ConvTranspose", [images, kernels], output_padding=missing, **attributes)
    return _channels_last(w, found)


def pool2d(w: Writer, call: Call) -> Any:
    """Write pooling, of maxima or of means."""
    window, stride = call.get(1, "window"), call.get(2, "stride")
    window = (window, window) if isinstance(window, int) else tuple(window)
    plan = _plan(w, call, window, window if stride is None else stride, call.get(3, "padding", "valid"))
    images = _channels_first(w, w.value(call.args[0], call.dtype))
    if call.node.function is pooling.max_pool2d:
        return _channels_last(w, w.emit("MaxPool", [images], **_movement(plan)))
    counted = int(bool(call.get(4, "count_include_pad", False)))
    return _channels_last(w, w.emit("AveragePool", [images], count_include_pad=counted, **_movement(plan)))
