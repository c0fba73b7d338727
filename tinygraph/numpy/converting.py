"""NumPy's functions that make an array of something else: of lists, of numbers, of arrays, with Tensors in them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.memory import as_writable
from tinygraph.engine.modes import is_tracing, state
from tinygraph.engine.operands import array_of, as_array, has_tensors, plain
from tinygraph.engine.ownership import is_stand_in
from tinygraph.engine.value import Value

__all__ = [
    "array", "asanyarray", "asarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray", "copy", "require",
]  # fmt: skip


def array(
    object: Any,  # noqa: A002
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
) -> Any:
    """See `numpy.array`. Tensors inside lists keep their gradients."""
    if is_tracing() and not has_tensors(object) and state.tracing.holds_traced(object):  # type: ignore[union-attr]
        found = as_writable(_of_stand_ins(object, dtype, copy, order))
        return found if found.ndim >= ndmin else np.reshape(found, (1,) * (ndmin - found.ndim) + found.shape)
    if not has_tensors(object):
        return as_writable(np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin))
    found = _converted(object, dtype, copy, order)
    return found if found.ndim >= ndmin else np.reshape(found, (1,) * (ndmin - found.ndim) + found.shape)


def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None, like: Any = None
) -> Any:
    """See `numpy.asarray`. A Tensor stays what it is; a plain array does, too."""
    if is_tracing() and not has_tensors(a) and state.tracing.holds_traced(a):  # type: ignore[union-attr]
        found = _of_stand_ins(a, dtype, copy, order or "K")
        return found if found is a else as_writable(found)
    if not has_tensors(a):
        found = np.asarray(a, dtype, order, device=device, copy=copy)
        return found if found is a else as_writable(found)
    np.asarray(0.0, device=device)  # NumPy says which devices there are
    return _converted(a, dtype, copy, order or "K")


def asanyarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None, like: Any = None
) -> Any:
    """See `numpy.asanyarray`. A Tensor stays what it is; a plain array does, too."""
    if isinstance(a, np.ndarray):
        asked = {"device": device, "copy": copy}  # NumPy 2.0 knows neither
        found = np.asanyarray(a, dtype, order, **{name: item for name, item in asked.items() if item is not None})
        return found if found is a else as_writable(found)
    return asarray(a, dtype, order, device=device, copy=copy)


def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """See `numpy.ascontiguousarray`."""
    return _at_least_1d(asarray(a, dtype, "C"))


def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    """See `numpy.asfortranarray`."""
    return _at_least_1d(asarray(a, dtype, "F"))


def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    """See `numpy.asarray_chkfinite`."""
    found = asarray(a, dtype, order)
    np.asarray_chkfinite(plain(found))
    return found


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    """See `numpy.require`. A Tensor owns its memory, and can be written into."""
    if not has_tensors(a):
        found = np.require(a, dtype, requirements)
        return found if found is a else as_writable(found)
    wanted = {str(item).upper() for item in requirements or ()}
    order = "F" if wanted & {"F", "F_CONTIGUOUS", "FORTRAN"} else "C" if wanted & {"C", "C_CONTIGUOUS"} else "K"
    return _converted(a, dtype, None, order)


def copy(a: Any, order: Any = "K", subok: Any = False) -> Any:
    """See `numpy.copy`. The copy can be written into."""
    if not has_tensors(a):
        return as_writable(np.copy(a, order, subok=subok))
    return _converted(a, None, True, order)


def _of_stand_ins(item: Any, dtype: Any, copy: Any, order: Any) -> Any:
    """Return the array of stand-ins for arrays of a function that is being compiled, laid out as NumPy's would be.

    Args:
        item, dtype, copy: as for `_converted`.
        order: that `np.ravel(order="K")` and its kin ask for later.
    """
    found = as_array(item, dtype)
    order = _order_of(item, found, order)
    tracer = state.tracing
    assert tracer is not None
    if found.ndim > 1 and order == "A" and copy:
        return np.copy(found, order)
    if found.ndim > 1 and order in _IN_ORDER:
        found = tracer.call(_IN_ORDER[order], (found,), {})
    return tracer.copied(found) if copy else found


def _order_of(item: Any, found: Any, order: Any) -> Any:
    """Return the order of an array that is made of an item: lists have none in memory, and are read in C order."""
    order = order.upper()
    if order not in "AK" or not isinstance(item, list | tuple):
        return order
    return "C" if found.ndim > 2 else "K"  # rows of numbers have it already


_IN_ORDER = {"C": np.ascontiguousarray, "F": np.asfortranarray}


def _converted(item: Any, dtype: Any, copy: Any, order: Any) -> Any:
    """Return a Tensor, or lists in which there are Tensors, as one Tensor of a dtype.

    Args:
        item: what there is.
        dtype: the wanted one; None for the item's own.
        copy: True for a Tensor of its own; None where there is a need for one; False for an error in this case.
        order: of the elements in memory: "K", "A", "C" or "F".
    """
    found = array_of(item)
    order = _order_of(item, found, order)
    if copy is False and not isinstance(item, Value):
        raise ValueError("Unable to avoid copy while creating an array as requested: a list is no array yet")
    fits = dtype is None or found.dtype == np.dtype(dtype)
    lies = not _lies_otherwise(found, order)
    if copy is False and not (fits and lies):
        raise ValueError("Unable to avoid copy while creating an array as requested")
    if not fits:
        found = found.astype(dtype)
        lies = not _lies_otherwise(found, order)
        copy = None
    return np.copy(found, order) if not lies or (copy and isinstance(item, Value)) else found


def _lies_otherwise(found: Any, order: Any) -> bool:
    """Return whether the elements of an array do not lie in memory in the wanted order."""
    array = plain(found)
    if is_stand_in(array):
        in_order = _IN_ORDER.get(order)
        asked = in_order is not None and array.ndim > 1
        return asked and state.tracing.call(in_order, (array,), {}) is not array  # type: ignore[arg-type,union-attr]
    flags = np.asarray(array).flags
    return (order == "C" and not flags.c_contiguous) or (order == "F" and not flags.f_contiguous)


def _at_least_1d(found: Any) -> Any:
    return found if found.ndim else np.reshape(found, (1,))
