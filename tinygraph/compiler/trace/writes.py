"""Writes into arrays: the array has another event from then on, and views of it are taken again when they are used.

y = x * 2           y ── multiply
v = y[1:]           v ── getitem of multiply
y[2] = 5            y ── part_written(multiply, 5, 2)
v + 1               v ── getitem of part_written: taken again
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygraph.compiler.kernels.parts import ViewCall, part_written, view_at
from tinygraph.compiler.trace.agreement import same_content
from tinygraph.compiler.trace.operands import names_itself
from tinygraph.compiler.trace.python_numbers import PythonNumber, asked_for
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import IN_PLACE, refused
from tinygraph.compiler.trace.sizes import decided_size
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import HERE, become, in_array, laid_out, overwritten_at, take_again
from tinygraph.derivatives.writing import cleared, put_at
from tinygraph.engine.links import next_order
from tinygraph.engine.masked import as_whole_view
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances
from tinygraph.engine.operands import has_tensors, tensors_in
from tinygraph.engine.places import Place, names_everything
from tinygraph.engine.refusing import lost_in_array
from tinygraph.engine.tensor import Tensor

__all__ = ["PRIMITIVES", "overwrite", "plain_index", "write"]


def write(recorder: Recorder, target: Traced, index: Any, value: Any, call: str = "x[index] = value") -> None:
    """Record `target[index] = value`.

    Args:
        recorder: records it.
        target: an array; one that views, or that others are views of.
        index: whatever NumPy takes.
        value: an array, a number, a Tensor without a gradient, or a list of them.
        call: the write as the user spells it, for messages.

    Raises:
        UnsupportedError: a program cannot write into the target; or a gradient would be lost.
        IndexError, TypeError, ValueError: NumPy would refuse the write too.
    """
    recorder.check_open()
    if target._is_number:
        raise TypeError(f"{target.dtype.name!r} object does not support item assignment")
    index, value = plain_index(recorder, index), _plain_value(recorder, value, call)
    root = target if target._base is None else target._base
    _check_writable(root)
    if target._seen != target._memory.version:
        take_again(recorder, target)
    if _is_part_itself(target, index, value):
        return  # `x[index] += v` has written into the view already
    if (masked := as_whole_view(target, index, value)) is not None:
        view, value = masked
        write(recorder, view, ..., value, call)
        return
    _put(recorder, root, index, value, [taken.as_call() for taken in target._taken])


def overwrite(recorder: Recorder, target: Traced, result: Traced) -> Traced:
    """Record `target[...] = result`, as out= and `target += v` write it, and return the target.

    Args:
        recorder: records it.
        target: an array.
        result: an array that broadcasts to the target's shape.

    Raises:
        UnsupportedError: a program cannot write into the target.
        TypeError, ValueError: NumPy would refuse the write too.
    """
    if target._is_number:
        raise TypeError("return arrays must be of ArrayType")
    if np.broadcast_shapes(result.shape, target.shape) != target.shape:
        raise ValueError(f"an array of shape {result.shape} cannot be written into one of {target.shape}")
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise TypeError(f"an array of dtype {result.dtype} cannot be written into one of {target.dtype}")
    write(recorder, target, ..., result)
    return target


# --- the write itself -------------------------------------------------------------------------------------------------


def _put(recorder: Recorder, root: Traced, index: Any, value: Any, views: list[ViewCall]) -> None:
    """Give an array that is no view its new event."""
    before, place = root._value, (index, list(views))
    new = _after(recorder, root, index, value, views)
    event = recorder.operand(new)
    become(root, event, in_array(new._value), overwritten_at(before, *place))
    memory = root._memory
    memory.version += 1
    root._seen = memory.version
    for link in memory.leaves:
        link.order = link.rewritten = next_order()


def _after(recorder: Recorder, x: Any, index: Any, value: Any, views: list[ViewCall]) -> Any:
    """Return an array after a write at an index into the view at the end of some calls; `x[1:][...]` is `x[1:]`."""
    if not x.shape:
        if not _names_the_number(index, views):
            return recorder.own(x)
        value = np.reshape(value, ()) if np.ndim(value) else value
        if x.dtype.kind == "c" and any([view.function in (np.real, np.imag) for view in views]):
            value = value + 1j * np.imag(x)
        return _whole(recorder, x, value)
    if not views and names_everything(index) and np.shape(value) in ((), x.shape):
        return _whole(recorder, x, value)
    if views and names_everything(index) and views[-1].function is operator.getitem:
        index = views.pop().after[0]
    calls = [tuple([tuple(view) for view in views])] if views else []
    return recorder.call(part_written, (x, value, index, *calls), {})


def _whole(recorder: Recorder, root: Traced, value: Any) -> Traced:
    """Return an array of the shape, the dtype and the layout of another, with a value throughout."""
    if type(value) is not Traced:
        if np.ndim(value):
            return laid_out(recorder.converted(recorder.own(recorder.as_array(value)), root.dtype), root)
        return laid_out(recorder.call(np.full, (root.shape, value, root.dtype), {}), root)
    value = recorder.converted(value, root.dtype)
    if value.shape != root.shape:
        value = recorder.call(np.copy, (recorder.call(np.broadcast_to, (value, root.shape), {}),), {})
    return laid_out(value, root)


def _names_the_number(index: Any, views: Any) -> bool:
    """Return whether a write reaches the number in an array of no axes."""
    if any(True for _ in instances(Traced, (index, views))):
        raise refused("a single number is written at a computed index", "Write np.where(condition, value, x)")
    named = np.zeros((), bool)
    view_at(named, views)[index] = True
    return bool(named)


def _check_writable(root: Traced) -> None:
    if not root._memory.writable:
        raise refused(f"{root._memory.keeper} is written into", IN_PLACE)


# --- what the engine records of a write, and its derivative -----------------------------------------------------------


def _put_at(recorder: Recorder, x: Any, place: Place, value: Any) -> Any:
    """Record `put_at`."""
    views = [
        ViewCall(step.function, step.args[: step.position], step.args[step.position :], step.keywords, None)
        for step in place.steps
    ]
    return _after(recorder, x, place.index, value, views)


def _cleared(recorder: Recorder, g: Any, place: Place) -> Any:
    """Record `cleared`."""
    return recorder.own(g) if g.dtype.kind == "b" and place.is_half() else _put_at(recorder, g, place, 0)


PRIMITIVES: dict[Any, Any] = {put_at: _put_at, cleared: _cleared}


# --- index and value --------------------------------------------------------------------------------------------------


def plain_index(recorder: Recorder, index: Any) -> Any:
    """Return an index with the values of the Tensors in it, and lists for tuples inside. Computed ends are decisions.

    Raises:
        SteeringError: a counter stands in it, whose value then is part of the program.
    """
    if names_itself(index):
        return index
    if type(index) is tuple:
        return tuple([plain_index(recorder, list(item) if type(item) is tuple else item) for item in index])
    if type(index) is Tensor:
        return index.data
    if type(index) is PythonNumber:
        raise asked_for(index, "it is an index")
    if type(index) is slice:
        ends = (index.start, index.stop, index.step)
        return slice(*[decided_size(recorder, plain_index(recorder, end)) for end in ends])
    return index


def _plain_value(recorder: Recorder, value: Any, call: str) -> Any:
    """Return a value as a stand-in, a plain array or a number."""
    if has_tensors(value):
        if state.recording and any(tensor._link.differentiable for tensor in tensors_in(value)):
            raise lost_in_array(call, tensors_in(value))
        value = np.asarray(value) if type(value) is not Tensor else value._value
    if type(value) is PythonNumber:
        return recorder.call(np.positive, (value,), {})
    return recorder.as_array(value) if type(value) in (list, tuple) else value


def _is_part_itself(target: Traced, index: Any, value: Any) -> bool:
    """Return whether a value that is to be written is the view of that very part."""
    if type(value) is not Traced or value._memory is not target._memory:
        return False
    if value is target:
        return names_everything(index)
    *before, last = value._taken or (None,)
    return (
        len(before) == len(target._taken)
        and all([one is other for one, other in zip(before, target._taken, strict=True)])
        and last is not None
        and last.function is operator.getitem
        and last.args[0] is HERE
        and _same_index(last.args[1], index)
    )


def _same_index(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is tuple:
        return len(one) == len(other) and all(map(_same_index, one, other))
    if type(one) is Traced:
        return one._event is other._event
    return same_content(one, other) if type(one) is np.ndarray else bool(one == other)
