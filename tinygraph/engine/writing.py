"""Writing into a Tensor, `t[index] = value`: NumPy's meaning, views included, and a new link for the whole.

A gradient flows to the old values that were not written over, and to the value. See `engine.memory` for where the
values are, and `derivatives.writing` for the rules.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

import numpy as np

from tinygraph.derivatives.writing import put_at
from tinygraph.engine.data import is_data
from tinygraph.engine.keeping import copied
from tinygraph.engine.lending import UNSEEN, LentDataLeaf, LentLeaf, notice_writes
from tinygraph.engine.links import LIVE, DataLeaf, Like, LiveData, Put, Unnamed, give_name, name_of, next_order
from tinygraph.engine.masked import as_whole_view
from tinygraph.engine.memory import COPIED, live_call, memory_of, snapshot
from tinygraph.engine.modes import code_of_ours, is_recording, state
from tinygraph.engine.operands import CONSTANTS, array_of, as_array, has_tensors, plain
from tinygraph.engine.ownership import is_array, is_stand_in, reach_each_other
from tinygraph.engine.places import Place, is_same_place, names_everything, same_view
from tinygraph.engine.record import note_origin
from tinygraph.engine.refusing import explained_write
from tinygraph.engine.settling import check_not_held, settle
from tinygraph.engine.table import operation_of
from tinygraph.engine.value import Value
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.users_code.source import made_at, users_line

__all__ = ["plain_index", "read_index", "write"]


def write(tensor: Any, index: Any, value: Any, frame: FrameType, call: str = "t[index] = value") -> None:
    """Write a value into a part of a Tensor.

    Args:
        tensor: becomes what the array would be.
        index: whatever NumPy takes.
        value: an array, a number or a Tensor that broadcasts to the part.
        frame: of the line that writes.
        call: the write as the user spells it.

    Raises:
        UnsupportedError: somebody else holds the memory; or the Tensor is of integers, and the value has a gradient.
        GraphError: a computed Tensor is written into under `no_grad`.
        ShapeError: the value does not fit.
    """
    if state.tracing is None:
        _write(tensor, index, value, frame, call)
        return
    with code_of_ours():
        if _is_outside(tensor):
            _write_outside(tensor, plain_index(index), value, call)
        else:
            _write(tensor, index, value, frame, call)


def _write(tensor: Any, index: Any, value: Any, frame: FrameType, call: str) -> None:
    if type(tensor._link) is LiveData and tensor._value.ndim and is_data(tensor) and _is_data_too(value):
        _put(tensor._value, plain_index(index), value._value if isinstance(value, Value) else value, call)
        return
    index = _own(plain_index(index))
    if state.tracing is not None:
        index = state.tracing.plain_index(index)
    if state.tracing is not None and (masked := as_whole_view(tensor, index, value)) is not None:
        write(masked[0], ..., masked[1], frame, call)
        return
    if isinstance(value, list | tuple) and has_tensors(value):
        value = array_of(value)
    if not tensor._value.ndim and not is_array(tensor._value):
        _write_number(tensor, index, value, frame, call)
        return
    carries = isinstance(value, Value) and value._link.differentiable and is_recording()
    if carries:
        if tensor._value.dtype.kind not in "fc":
            raise _no_gradient(tensor, value, call)
        if _is_part_itself(tensor, index, value):
            return  # `t[index] += v` has written into the view already
    elif not tensor._value.size:
        _put(snapshot(tensor._value), index, plain(value), call)  # NumPy says whether it fits
        return
    if is_recording():
        _write_recorded(tensor, index, value, carries, frame, call)
    else:
        _update(tensor, index, plain(value), call)


def _write_recorded(tensor: Any, index: Any, value: Any, carries: bool, frame: FrameType, call: str) -> None:
    """Write a value into a part of a Tensor, and note it in the record where a gradient may come of it.

    Args:
        carries: the value has a gradient.
    """
    link = tensor._link
    if not link.is_call and type(link) not in LIVE:
        notice_writes(link)
        if type(link) is LentDataLeaf and not carries:
            _update(tensor, index, plain(value), call)
            return
        if type(link) in (LentLeaf, LentDataLeaf):
            raise _held(tensor, call)
    if type(link) in LIVE:
        memory, steps = memory_of(tensor), link.steps
        if memory.link is not None and not link.differentiable:
            raise _cut(tensor, call)
        name = None
    else:
        name = name_of(link)
        memory, steps = _settled(tensor, index, plain(value), call)
    if carries and memory.link is None:
        check_not_held(memory.array, tensor, call)
    _put(tensor._value, index, plain(value), call)
    if not carries and memory.link is None:
        return
    _record(memory, Place(steps, index), tensor, value if carries else plain(value), frame)
    if name is not None and not steps:
        give_name(tensor._link, name)


def _is_outside(tensor: Any) -> bool:
    """Return whether a Tensor lies in the memory of one from outside the function that is being compiled."""
    memory = tensor._value._memory if is_stand_in(tensor._value) else None
    return memory is not None and memory.keeper is not None


def _write_outside(tensor: Any, index: Any, value: Any, call: str) -> None:
    """Write into a Tensor from outside the function that is being compiled, or into a view of one: an update.

    Raises:
        UnsupportedError: the Tensor would have a graph afterwards, and a compiled function records none.
    """
    carries = isinstance(value, Value) and value._link.differentiable
    if is_recording() and (carries or tensor._link.differentiable):
        error = UnsupportedError(
            f"{call}, at {users_line()}: after this write a Tensor from outside{made_at(tensor._link)} would have a "
            "graph, and a compiled function leaves none. Write into a copy, t = np.copy(t), and return it; or write "
            "under tg.no_grad(), which is an update"
        )
        state.tracing.refusal = state.tracing.refusal or error  # type: ignore[union-attr]
        raise error
    _put(tensor._value, index, plain(value), call)


def _is_data_too(value: Any) -> bool:
    return is_data(value) if isinstance(value, Value) else type(value) in CONSTANTS


def _settled(tensor: Any, index: Any, value: Any, call: str) -> tuple[Any, Any]:
    """Settle a Tensor for a write that will not fail, so that one that fails leaves everything as it was."""
    if state.tracing is None:
        _put(tensor._value.copy(order="K"), index, value, call)
    memory, steps = settle(tensor, call)
    if memory.link is not None and not tensor._link.differentiable:
        raise _cut(tensor, call)
    return memory, steps


def _is_part_itself(tensor: Any, index: Any, value: Any) -> bool:
    """Return whether a value that is to be written is the view of that very part."""
    link, given = tensor._link, value._link
    if type(link) not in LIVE or type(given) not in LIVE or memory_of(tensor) is not memory_of(value):
        return False
    if is_stand_in(value._value):
        return is_same_place(given.steps, link.steps, index)
    return same_view(value._value, tensor._value[index])


def _record(memory: Any, place: Place, tensor: Any, value: Any, frame: FrameType) -> None:
    """Note in the record that a value was written."""
    whole = not place.steps and names_everything(place.index)
    if whole and not isinstance(value, Value):
        memory.forget_gradient()
        return
    op = operation_of(put_at)
    assert op is not None
    old = memory.like if whole or memory.link is None else memory.link
    given: Any = value._link if isinstance(value, Value) else value
    if type(given) is np.ndarray:
        given = given.copy() if given.size <= COPIED else Like(given)
    elif is_stand_in(given):
        given = snapshot(given)
    link = live_call(Put, op, (old, place, given), {}, memory.array, ())
    note_origin(link, frame, value)
    before = memory.link
    named = before.label if before is not None and before.is_call else before
    if named is not None and named.name is not None:
        give_name(link, named.name)
    memory.link = link
    memory.follow(tensor._value, place.index)


def _put(array: Any, index: Any, value: Any, call: str) -> None:
    try:
        array[index] = value
    except (ValueError, IndexError) as error:
        raise explained_write(error, call, array, value) from None


# --- without a record -------------------------------------------------------------------------------------------------


def _update(tensor: Any, index: Any, value: Any, call: str) -> None:
    """Write into a Tensor where nothing is recorded, or nothing has a gradient."""
    link = tensor._link
    if type(link) in LIVE:
        if memory_of(tensor).link is not None:
            raise _cut(tensor, call)
        _put(tensor._value, index, value, call)
        return
    if link.is_call:
        raise _cut(tensor, call)
    leaf = link
    if type(link) is Unnamed:
        leaf = link.view_of
        if leaf is None or not reach_each_other(leaf._value, tensor._value):
            _settled(tensor, index, value, call)
            _put(tensor._value, index, value, call)
            return
    _put(tensor._value, index, value, call)
    if leaf.before is not None:
        leaf.before = UNSEEN
    leaf.order = leaf.rewritten = next_order()


def _write_number(tensor: Any, index: Any, value: Any, frame: FrameType, call: str) -> None:
    """Write into a Tensor of no axes. Its value is a number, so that nothing is a view of it."""
    number = np.array(tensor._value) if state.tracing is None else snapshot(tensor._value)
    _put(number, index, plain(value), call)
    carries = isinstance(value, Value) and value._link.differentiable and is_recording()
    if carries and tensor._value.dtype.kind not in "fc":
        raise _no_gradient(tensor, value, call)
    named = np.zeros((), bool)
    named[index] = True
    if not named:
        return
    if tensor.is_leaf and not is_recording():
        tensor.assign(number)
        return
    if type(tensor._link) is LiveData and not carries:
        tensor._value = tensor._link._value = number[()]
        return
    if not carries:
        tensor._value, tensor._link = number[()], DataLeaf(number[()], name_of(tensor._link), frame)
        return
    result: Any = np.reshape(value, ())
    if result.dtype != number.dtype:
        result = result.astype(number.dtype)
    tensor._value, tensor._link = result._value, result._link
    if type(tensor._link) in LIVE:
        memory_of(result).move(tensor)


# --- indices ----------------------------------------------------------------------------------------------------------


def plain_index(index: Any) -> Any:
    """An index with any Tensors in it, which select but carry no gradient, as plain arrays.

    A tuple inside an index is a list, as it is to NumPy.
    """
    kind = type(index)
    if kind is slice or kind is int:
        return index
    if isinstance(index, Value):
        return index.data  # type: ignore[attr-defined]
    if isinstance(index, tuple):
        return tuple([plain_index(list(item) if isinstance(item, tuple) else item) for item in index])
    if kind is list and has_tensors(index):
        return [plain_index(item) for item in index]
    return index


def read_index(index: Any) -> Any:
    """An index that reads: as `plain_index`, in a function that is being compiled with known ends of slices."""
    index = plain_index(index)
    return index if state.tracing is None else state.tracing.plain_index(index)


def _own(index: Any) -> Any:
    """An index that nobody else can change: its arrays copied, its lists made arrays."""
    if type(index) is tuple:
        return tuple([_own(item) for item in index])
    if type(index) is list:
        return as_array(index) if index else np.array(index, np.intp)
    return copied(index)


# --- errors -----------------------------------------------------------------------------------------------------------


def _no_gradient(tensor: Any, value: Any, call: str) -> UnsupportedError:
    return UnsupportedError(
        f"{call}, at {users_line()}: a Tensor{made_at(value._link)} that requires a gradient is written into one of "
        f"dtype {tensor._value.dtype}, which has none. Make it of floats, np.zeros(n, dtype=float); or write "
        "value.data if the numbers alone are meant"
    )


def _held(tensor: Any, call: str) -> UnsupportedError:
    return UnsupportedError(
        f"{call}, at {users_line()}: t.data of this Tensor{made_at(tensor._link)} is still held, and would see a write "
        "that the record knows and it does not. Keep a copy of it, t.data.copy(); or write under tg.no_grad(), which "
        "is an update"
    )


def _cut(tensor: Any, call: str) -> GraphError:
    return GraphError(
        f"{call}, at {users_line()}: this Tensor{made_at(tensor._link)} was computed with a graph, and a write without "
        "a record would make its gradient wrong. Write outside of no_grad(), or into a copy, t.detach().copy()"
    )
