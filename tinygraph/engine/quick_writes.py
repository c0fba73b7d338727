"""The quick paths of programs that read elements and write them: `t[index]`, `t[index] = value`, and their pulls.

What the plain record does in `record_call`, `live_view` and `write` is written out here for the frequent cases: an
index of numbers and slices, and a value that is a number or a Tensor of the same dtype. Anything else goes on to the
plain record. The two record the same, and the tests hold them to it.

`install` puts them in the place of the plain ones. With `TINYGRAPH_QUICK=0` in the environment nothing is installed.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import EllipsisType
from typing import Any
from weakref import ref as reference

import numpy as np

from tinygraph.derivatives.writing import put_at
from tinygraph.engine import modes, settling
from tinygraph.engine.data import part_of_data
from tinygraph.engine.fitting import fit
from tinygraph.engine.gathering import Waiting
from tinygraph.engine.links import LIVE_CALLS, Call, Leaf, Like, Live, LiveData, Put, give_name, next_order
from tinygraph.engine.memory import COPIED
from tinygraph.engine.modes import state
from tinygraph.engine.places import Place, ViewStep, names_everything
from tinygraph.engine.pulling import PULL, hand, pull, pull_piece, pull_put
from tinygraph.engine.quick_links import First
from tinygraph.engine.record import OFFSETS, SHOWN, note_origin
from tinygraph.engine.settling import views
from tinygraph.engine.table import operation_of
from tinygraph.engine.tensor import Tensor
from tinygraph.engine.writing import plain_index, read_index, write

__all__ = ["install"]

__warningregistry__ = None  # as in `record`

_new: Callable[[type], Any] = object.__new__
_step: Callable[[type, Any], Any] = tuple.__new__
_getframe = sys._getframe
_ndarray = np.ndarray
_float64 = np.float64

_getitem = operation_of(operator.getitem)
_put_at = operation_of(put_at)
_NO_KEYWORDS: dict[str, Any] = {}
# Entries of an index that names no element twice, and whose part of an array is a view of it or one element.
_is_basic = frozenset((int, slice, EllipsisType, type(None), np.int64)).issuperset
_LINKS = (Call, Leaf)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(self: Any, index: Any) -> Any:
    """Compute and record `t[index]`."""
    link = self._link
    kind = type(index)
    if type(link) is LiveData and (part := part_of_data(self, plain_index(index))) is not NotImplemented:
        return part
    if not (kind is int or kind is slice or (kind is tuple and _is_basic(map(type, index)))) or (
        modes.unusual and (not state.recording or state.tracing is not None)
    ):
        return self._numpy(operator.getitem, (self, read_index(index)), {}, _getframe(1))
    try:
        value = self._value[index]
    except (ValueError, IndexError):
        return self._numpy(operator.getitem, (self, index), {}, _getframe(1))  # which explains the error
    frame = _getframe(1)
    tensor = _new(Tensor)
    tensor._value = value
    if link.ready:
        call = _new(First)
        call.x = link
        call.rest = (index,)
        if type(value) is _float64:
            call._value = value
        else:
            call._value = value if value.size <= SHOWN else Like(value)
            if type(value) is _ndarray and value.base is not None:
                views.append((reference(tensor), reference(self)))  # `note_view`, written out
                if len(views) > settling.most_views:
                    settling.forget_views()
    elif type(link) in LIVE_CALLS:
        if type(value) is _ndarray:
            if not value.size:
                return self._numpy(operator.getitem, (self, index), {}, frame)
            return _live(tensor, self, index, frame)
        call = _new(First)
        call.x = link
        call.rest = (index,)
        call._value = value
    else:
        return self._numpy(operator.getitem, (self, index), {}, frame)
    call.op = _getitem
    call.keywords = _NO_KEYWORDS
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        note_origin(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    tensor._link = call
    return tensor


def _live(tensor: Any, of: Any, index: Any, frame: Any) -> Any:
    """Record a view of a live Tensor, as `memory.live_view` does."""
    value, link = tensor._value, of._link
    call = tensor._link = _new(Live)
    call.op = _getitem
    call.args = (link, index)
    call.keywords = _NO_KEYWORDS
    call._value = value.copy() if value.size <= COPIED else Like(value)
    call._grad = call._adjoint = None
    call.order = next_order()
    if modes.unusual:
        note_origin(call, frame, value)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    step = _step(ViewStep, (operator.getitem, (index,), _NO_KEYWORDS, call.code, call.lasti, call.label, 0))
    steps = call.steps = (*link.steps, step)
    of._memory.enter(tensor, steps)
    return tensor


# --- writing ----------------------------------------------------------------------------------------------------------


def write_at(self: Any, index: Any, value: Any) -> None:
    """Write a value into a part of a Tensor, and record that."""
    link = self._link
    kind = type(index)
    array = self._value
    if (
        not (type(link) in LIVE_CALLS or type(link) is LiveData)
        or not (kind is int or kind is slice or (kind is tuple and _is_basic(map(type, index))))
        or (modes.unusual and (not state.recording or state.tracing is not None))
        or not array.ndim
    ):
        write(self, index, value, _getframe(1))
        return
    live = link.memory if type(link) is LiveData else self._memory
    before = None if live is None else live.link
    given: Any = value
    number = value
    if type(value) is Tensor:
        given = value._link
        number = value._value
        if before is None or not given.differentiable or array.dtype is not number.dtype:
            write(self, index, value, _getframe(1))
            return
        if type(given) in LIVE_CALLS and value._memory is live and given.steps:
            *way, last = given.steps
            if last.args == (index,) and last.function is operator.getitem and tuple(way) == link.steps:
                return  # `t[index] += v` has written into the view already
            write(self, index, value, _getframe(1))
            return
    elif type(value) is not float and type(value) is not int and type(value) is not _float64:
        write(self, index, value, _getframe(1))
        return
    elif before is None:
        try:
            array[index] = value
        except (ValueError, IndexError):
            write(self, index, value, _getframe(1))  # which explains the error
        return
    if type(link) is LiveData or (kind is not int and names_everything(index)):
        write(self, index, value, _getframe(1))
        return
    try:
        array[index] = number
    except (ValueError, IndexError):
        write(self, index, value, _getframe(1))
        return
    place = _new(Place)
    place.steps = link.steps
    place.index = index
    place.repeats = False
    call = _new(Put)
    call.op = _put_at
    call.args = (before, place, given)
    call.keywords = _NO_KEYWORDS
    call._value = live.like if live.array.size > COPIED else live.array.copy()
    call._grad = call._adjoint = None
    call.order = next_order()
    call.steps = ()
    frame = _getframe(1)
    if modes.unusual:
        note_origin(call, frame, number)
    else:
        call.label = None
        call.code = frame.f_code
        lasti = frame.f_lasti
        call.lasti = OFFSETS[lasti] if lasti < 4096 else lasti
    named = before.label if before.is_call else before
    if named is not None and named.name is not None:
        give_name(call, named.name)
    live.link = call
    live.follow(array, index)


# --- the reverse pass -------------------------------------------------------------------------------------------------


def _pull_put(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    old, place, value = call.args
    if place.steps or type(g[place.index]) is not _float64 or g.size <= COPIED or id(call) in waiting.kept:
        pull_put(call, g, cotangents, waiting)
        return
    index = place.index
    part = g[index]
    if isinstance(value, _LINKS):
        if value._value.shape:
            part = fit(part, value._value)
        if value._adjoint is waiting:
            value._adjoint = part
        else:
            hand(value, part, cotangents, waiting)
    if type(old) is Like:
        return
    if waiting.owned.get(call) is not g:
        g = g.copy(order="K")
    else:
        call._adjoint = Like(g)
    g[index] = 0
    if old._adjoint is waiting:
        old._adjoint = g
        waiting.owned[old] = g
    else:
        hand(old, g, cotangents, waiting)
        if (old._adjoint if old.is_call else cotangents.get(old)) is g:
            waiting.owned[old] = g


def _pull_live(call: Any, g: Any, cotangents: dict[Leaf, Any], waiting: Waiting) -> None:
    if call.op is _getitem:
        pull_piece(call, call.args[0], call.args[1], g, cotangents, waiting)
    else:
        pull(call, g, cotangents, waiting)


def install() -> None:
    """Read and write the elements of Tensors, and pull through that, in the quick way."""
    for name, method in {"__getitem__": read, "__setitem__": write_at}.items():
        setattr(Tensor, name, method)
    PULL.update({Put: _pull_put, Live: _pull_live})
