"""Indexing in ONNX: basic indices as slices, an array of whole numbers as a gathering."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.compiler.axes.forms import Form
from tinygraph.export.to_onnx.writer import Call, Writer
from tinygraph.graph import Node

__all__ = ["getitem", "take", "take_along_axis"]

_FAR = 2**62


def getitem(w: Writer, call: Call) -> Any:
    """Write `x[index]`."""
    x, index = call.args
    items = _spread(w, call, list(index) if isinstance(index, tuple) else [index], len(w.shape(x)))
    value = _sliced(w, call, w.value(x), [item for item in items if item is not None])
    arrays = [item for item in items if _is_array(w, item)]
    if len(arrays) > 1:
        return _gathered_at_places(w, call, value, items)
    axis = 0
    dropped: list[int] = []
    for item in items:
        if item is None:
            continue
        if _is_array(w, item):
            value = _gather(w, value, item, axis)
            axis += len(w.shape(item))
        elif _is_number(item):
            dropped.append(axis)
            axis += 1
        else:
            axis += 1
    if arrays and dropped and _apart(w, items):
        raise call.unknown("numbers and arrays that stand apart as indices")
    return w.reshape(value, call.shape) if dropped or any(item is None for item in items) else value


def _apart(w: Writer, items: list[Any]) -> bool:
    """Return whether slices stand between the numbers and the arrays among some indices."""
    marks = [_is_number(item) or _is_array(w, item) for item in items]
    first, last = marks.index(True), len(marks) - 1 - marks[::-1].index(True)
    return not all(marks[first : last + 1])


def _is_number(item: Any) -> bool:
    return isinstance(item, int | np.integer | Form) and not isinstance(item, bool)


def _is_array(w: Writer, item: Any) -> bool:
    return item is not None and not isinstance(item, slice) and not _is_number(item)


def _spread(w: Writer, call: Call, items: list[Any], dimensions: int) -> list[Any]:
    """Return the indices with slices in place of an ellipsis and at the end."""
    for item in items:
        if _is_array(w, item) and item is not Ellipsis:
            kind = item.dtype if isinstance(item, Node) else np.asarray(item).dtype
            if kind.kind not in "iu":
                raise call.unknown("a mask as an index")
    given = sum(item is not None and item is not Ellipsis for item in items)
    place = next((at for at, item in enumerate(items) if item is Ellipsis), len(items))
    rest = [slice(None)] * (dimensions - given)
    return [*items[:place], *rest, *items[place + 1 :]]


def _sliced(w: Writer, call: Call, value: Any, items: list[Any]) -> Any:
    """Return a value after its slices and numbers, which leave an axis of one here."""
    starts, ends, axes, steps = [], [], [], []
    for axis, item in enumerate(items):
        if _is_number(item):
            start = item if type(item) is Form else int(item)
            end = _after(start)
            step = 1
        elif isinstance(item, slice) and item != slice(None):
            step = 1 if item.step is None else item.step
            if type(step) is not int:
                raise call.unknown("a step that depends on the number of rows")
            start = (0 if step > 0 else _FAR) if item.start is None else item.start
            end = (_FAR if step > 0 else -_FAR) if item.stop is None else item.stop
        else:
            continue
        starts.append(start)
        ends.append(end)
        axes.append(axis)
        steps.append(step)
    if not axes:
        return value
    return w.emit("Slice", [value, w.sizes(starts), w.sizes(ends), w.ints(axes), w.ints(steps)])


def _after(start: Any) -> Any:
    """Return the end of a slice that has one element."""
    if type(start) is Form:
        return Form(start.times, start.power, start.plus, start.over, start.offset + 1)
    return start + 1 if start != -1 else _FAR


def _gather(w: Writer, value: Any, index: Any, axis: int) -> Any:
    return w.emit("Gather", [value, w.value(index, np.int64)], axis=axis)


def _gathered_at_places(w: Writer, call: Call, value: Any, items: list[Any]) -> Any:
    """Return the elements at places, which arrays for the first axes say."""
    count = next((at for at, item in enumerate(items) if not _is_array(w, item)), len(items))
    if any(_is_array(w, item) or _is_number(item) or item is None for item in items[count:]):
        raise call.unknown("arrays as indices for other axes than the first")
    dimensions = max(len(w.shape(item)) for item in items[:count])
    shape = w.sizes(call.shape[:dimensions])
    indices = [
        w.emit("Unsqueeze", [w.emit("Expand", [w.value(item, np.int64), shape]), w.ints([-1])])
        for item in items[:count]
    ]
    return w.emit("GatherND", [value, w.emit("Concat", indices, axis=-1)], call.dtype)


def take(w: Writer, call: Call) -> Any:
    """Write `np.take(x, index, axis)`."""
    call.only("axis", "mode")
    x, index = call.args[:2]
    axis, value = call.get(2, "axis"), w.value(x)
    size = w.shape(x)[axis] if axis is not None else None
    if axis is None:
        axis, value = 0, w.emit("Reshape", [value, w.ints([-1])])
    indices = w.value(index, np.int64)
    mode = call.kwargs.get("mode", "raise")
    if mode == "clip" and size is not None:
        last = w.emit("Sub", [w.value(size, np.int64), w.value(1, np.int64)])
        indices = w.emit("Max", [w.emit("Min", [indices, last]), w.value(0, np.int64)])
    elif mode != "raise":
        raise call.unknown(f"mode={mode!r}")
    return w.emit("Gather", [value, indices], axis=axis)


def take_along_axis(w: Writer, call: Call) -> Any:
    """Write `np.take_along_axis(x, index, axis)`."""
    axis, x = call.get(2, "axis", -1), w.value(call.args[0])
    if axis is None:
        axis, x = 0, w.emit("Reshape", [x, w.ints([-1])])
    return w.emit("GatherElements", [x, w.value(call.args[1], np.int64)], axis=axis)
