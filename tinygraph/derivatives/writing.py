"""Derivatives of writing into an array: `x[place] = value` as a function of x and value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from tinygraph.derivatives.indexing import along, scatter
from tinygraph.engine.links import Like
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import formula
from tinygraph.engine.operands import array_of, indexable, plain, tensors_in
from tinygraph.engine.ownership import is_stand_in, reach_each_other
from tinygraph.engine.places import Place
from tinygraph.engine.primitives import primitive
from tinygraph.engine.refusing import lost_in_array
from tinygraph.engine.table import composition
from tinygraph.engine.value import Value
from tinygraph.errors import GraphError, UnsupportedError
from tinygraph.users_code.source import users_line

__all__ = ["at_of", "cleared", "put_at"]


@primitive
def put_at(x: Any, place: Place, value: Any) -> Any:
    """x with a value written at a place: what x is after `x[place] = value`."""
    if isinstance(x, Like) or isinstance(value, Like):
        raise GraphError(
            "put_at: the record did not keep the numbers in an array, since no gradient needs them; so this call of a "
            "graph cannot be made again. Call the function that made the graph"
        )
    new = np.array(x)
    place.put(new, value)
    return new


@primitive
def cleared(g: Any, place: Place) -> Any:
    """An array with 0 at a place: no cotangent flows to a value that was written over."""
    new = np.array(g)
    if new.dtype.kind != "b" or not place.is_half():  # a mask of complex numbers keeps those with a half written over
        place.put(new, 0)
    return new


def _put_at_value(g: Any, z: Any, x: Any, place: Place, value: Any) -> Any:
    # A rule gets and returns conjugates, which the imaginary part of an array is not indifferent to.
    part = np.conjugate(place.of(np.conjugate(g))) if g.dtype.kind == "c" else place.of(g)
    if place.repeats:
        part = np.where(place.stays(g.shape), part, 0)
    missing = value.ndim - part.ndim
    return np.reshape(part, (1,) * missing + part.shape) if missing > 0 else part


put_at.derivative(lambda g, z, x, place, value: cleared(g, place), None, _put_at_value)
formula(put_at, pullbacks=("∇ with 0 at {y}", "", "∇{y}"))
cleared.derivative(lambda g, z, x, place: cleared(g, place), None)


# --- NumPy's functions that write ------------------------------------------------------------------------------------


def _writable(array: Any, call: str, *written: Any) -> Any:
    """A Tensor that is to be written into; a plain array would lose the gradient of what is written."""
    if isinstance(array, Value) or is_stand_in(array):
        return array
    raise lost_in_array(call, tensors_in(written))


@composition(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Write an array into another, where a condition holds."""
    dst, source = _writable(dst, "copyto", src), array_of(src)
    if not np.can_cast(source.dtype, dst.dtype, casting):
        raise TypeError(f"copyto: cannot cast from {source.dtype} to {dst.dtype} according to {casting!r}")
    if where is True:
        dst[...] = source
        return
    if for_any_values():
        dst[...] = np.where(plain(where), source, dst)
        return
    mask = np.broadcast_to(plain(where), dst.shape)
    while source.ndim > dst.ndim and source.shape[0] == 1:
        source = source[0]
    dst[mask] = np.broadcast_to(source, dst.shape)[mask]


@composition(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write values at positions of the flattened array, over again where they are fewer than the positions."""
    a, positions = _writable(a, "put", v), np.ravel(plain(array_of(ind)))
    if mode == "wrap":
        positions = positions % a.size
    elif mode == "clip":
        positions = np.clip(positions, 0, a.size - 1)
    elif is_stand_in(positions):
        positions = np.where(positions < 0, positions + a.size, positions)
    elif np.any((positions < -a.size) | (positions >= a.size)):
        raise IndexError(f"put: a position is out of bounds for an array of {a.size} elements")
    if positions.size and np.size(v):
        known = is_stand_in(positions)  # the program fails where one of them is out of bounds
        _put_flat(a, positions if known else positions % a.size, _repeated(v, positions.size))


def _put_flat(a: Any, positions: Any, values: Any) -> None:
    """Write values at positions of the flattened array, all of them valid."""
    if a.ndim:
        a[np.unravel_index(positions, a.shape)] = values
    elif positions.size:
        a[...] = np.broadcast_to(values, positions.shape)[-1]


def _repeated(values: Any, count: int) -> Any:
    values = np.ravel(array_of(values))
    return values if values.size == 1 else np.resize(values, (count,))


@composition(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write values one after the other where a mask holds, over again where they are fewer."""
    arr, mask = _writable(arr, "place", vals), np.reshape(plain(mask), np.shape(arr)).astype(bool)
    if not np.size(vals):
        if np.any(mask):
            raise ValueError("place: there are no values to write, and places to write them")
        return
    if is_stand_in(mask):
        values = np.ravel(array_of(vals))
        if not isinstance(values, Value) and not is_stand_in(values):
            values = np.asarray(values, like=mask)  # computed places are those of a recorded array
        arr[...] = np.where(mask, values[_ranks(mask, values.size)], arr)
        return
    both = plain((arr, vals))
    if reach_each_other(*both) and all([is_stand_in(one) or one.flags.c_contiguous for one in both]):
        for count, position in enumerate(np.flatnonzero(mask).tolist()):  # NumPy reads each value when it writes it
            _put_flat(arr, np.array([position]), np.ravel(vals)[count % vals.size])
        return
    arr[mask] = _repeated(vals, int(np.count_nonzero(mask)))


@composition(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write values where a mask holds, each from its own position."""
    a, mask = _writable(a, "putmask", values), np.reshape(plain(mask), np.shape(a)).astype(bool)
    if np.size(values) and is_stand_in(mask):
        a[...] = np.where(mask, np.reshape(np.resize(array_of(values), (a.size,)), a.shape), a)
    elif np.size(values):
        values = _repeated(values, a.size)
        a[mask] = values if values.size == 1 else values[np.flatnonzero(mask)]


@composition(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Write values at positions along an axis."""
    arr, indices = _writable(arr, "put_along_axis", values), plain(indices)
    if axis is None:
        put(arr, indices, values)
        return
    arr[along(indices, arr.shape, normalize_axis_index(axis, arr.ndim))] = values


@composition(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write values into the main diagonal."""
    a = _writable(a, "fill_diagonal", val)
    numbers = np.zeros(a.shape, bool)
    np.fill_diagonal(numbers, True, wrap)
    positions = np.flatnonzero(numbers)
    if np.size(val):
        _put_flat(a, positions, _repeated(val, positions.size))


def at_of(ufunc: np.ufunc) -> Any:
    """Return what `ufunc.at` does: an element that is named several times is computed several times."""

    def at(a: Any, indices: Any, b: Any = None) -> None:
        a, index = _writable(a, f"{ufunc.__name__}.at", b), plain(indices)
        computed = [item for item in (index if type(index) is tuple else (index,)) if is_stand_in(item)]
        if len(computed) == 1 and computed[0].dtype == np.bool_:  # no place comes twice
            _at_mask(ufunc, a, index, b)
            return
        if computed:
            a[...] = _at_computed(ufunc, a, index, b)
            return
        positions = np.arange(a.size).reshape(a.shape)[index]
        if b is not None and reach_each_other(plain(b), plain(a)):
            b = array_of(b).copy()
        operands = () if b is None else (np.ravel(np.broadcast_to(array_of(b), positions.shape)),)
        positions = np.ravel(positions)
        for chosen in _rounds(positions):
            part = np.unravel_index(positions[chosen], a.shape)
            a[part] = ufunc(a[part], *[operand[chosen] for operand in operands])

    return at


def _at_mask(ufunc: np.ufunc, a: Any, index: Any, b: Any) -> None:
    """Compute where a mask of a program holds, and leave the other elements."""
    chosen = np.zeros_like(a)
    chosen[index] = 1
    operands: tuple[Any, ...] = ()
    if b is not None:
        operand = np.ones_like(a, dtype=np.result_type(a.dtype, b if type(b) in (int, float) else array_of(b).dtype))
        operand[index] = b
        operands = (operand,)
    a[...] = np.where(chosen != 0, ufunc(a, *operands), a)


def _at_computed(ufunc: np.ufunc, a: Any, index: Any, b: Any) -> Any:
    """Return what an array becomes by `np.add.at` or `np.subtract.at` at computed places, in a program."""
    if ufunc not in (np.add, np.subtract):
        raise UnsupportedError(
            f"{ufunc.__name__}.at, at {users_line()}: which places come twice depends on computed indices, and a "
            "compiled program is made once. Give it indices that are not computed, or use np.add.at"
        )
    places = tuple([indexable(item) for item in index]) if type(index) is tuple else index
    shape = np.shape(np.broadcast_to(np.zeros(()), a.shape)[_like(places)])
    return ufunc(a, scatter(np.broadcast_to(array_of(b), shape).astype(a.dtype), places, a.shape))


def _like(index: Any) -> Any:
    """Return an index of the same shape that names the first places."""
    if type(index) is tuple:
        return tuple([_like(item) for item in index])
    return np.zeros(index.shape, index.dtype) if is_stand_in(index) else index


def _ranks(mask: Any, count: int) -> Any:
    """Return for each place at which a mask holds how many are before it, modulo a count; 0 for the others."""
    ranks = np.cumsum(np.ravel(mask)) - 1
    return np.reshape(np.where(np.ravel(mask), ranks % count, 0), mask.shape)


def _rounds(positions: Any) -> Any:
    """The entries of some positions in rounds, in none of which a position comes twice."""
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])[: ordered.size]
    rank = np.empty(ordered.size, int)
    rank[order] = np.arange(ordered.size) - np.repeat(starts, np.diff(np.r_[starts, ordered.size]))
    return [np.flatnonzero(rank == round_) for round_ in range(int(rank.max(initial=-1)) + 1)]
