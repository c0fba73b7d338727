"""Facts: NumPy's functions as the compiler knows them, in one table.

    FACTS[np.transpose]     Facts(view="transpose", any_values=True, ...)
    FACTS[np.sum]           Facts(reduces=np.add, takes_out=True, any_values=True, ...)

A fact is about a function, and holds for all its calls. `tests/compiler/test_facts.py` holds the columns to NumPy, but
for those that are measured. A function without a row has the facts of its kind alone: a ufunc of one result takes out=
and any values. So a new function works without a row, and a row lets a program do more: name the function in the row of
each fact that holds for all its calls.

Three kinds of tables by function are no facts, and stand where they are used: questions about a call, which has
operands (`program.predicates`) or bounds of them (`trace.bounds`); the way in which a text writes a function
(`write.calls`, `write.floats`) or names its result; and the memory that our own functions for images work in
(`kernels.image_calls`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygraph import functions
from tinygraph.compiler.kernels.assembly import assembled
from tinygraph.compiler.kernels.parts import part_written
from tinygraph.compiler.kernels.products import turned_product
from tinygraph.compiler.program.counting import AtCount, kept_at, kept_rows
from tinygraph.compiler.program.loop_marks import carried, kept, row, stacked
from tinygraph.compiler.program.loops import goes_on
from tinygraph.derivatives.decompositions import eig_packed
from tinygraph.derivatives.indexing import scatter, scatter_all
from tinygraph.derivatives.products import einsum_of
from tinygraph.derivatives.rearranging import windows_added
from tinygraph.derivatives.shapes import astype
from tinygraph.functions import convolution, pooling
from tinygraph.transforms.running import alias

__all__ = [
    "FACTS", "FIRST_NAMES", "PRODUCTS", "REDUCTIONS", "RESHAPING", "SIMPLE", "TRANSPOSING", "Facts", "facts_of",
]  # fmt: skip

# Nanoseconds an element of float64 and of float32, of a function that moves or adds.
SIMPLE = (0.25, 0.13)


@dataclass(frozen=True)
class Facts:
    """The facts about a function.

    Attributes:
        view: the result is a view of the first operand, where the operand's strides allow one. A "reshape" keeps the
            order of the elements, a "transpose" the order within each axis; "other" is any other view.
        takes_out: the result can be written into memory that is given.
        reduces: the ufunc that the function reduces axes with.
        product: a product of two matrices, which BLAS computes.
        elementwise: an element of the result depends on the operands' elements at the same place alone.
        any_values: no value of the operands makes the function fail.
        places_in: the index of the argument in which another names places; the function fails if one is not there.
        writes: the function writes into its first operand.
        shape_by_value: the shape of the result depends on values.
        complex_by_value: values decide whether the result is real or complex.
        least: no result for real operands lies below; where it is 0, none is -0.0 either.
        keeps_zeros: a result is -0.0 only where the operand has a -0.0.
        stays_finite: of finite operands the results are finite, unless they overflow.
        overflows_alike: the decomposition overflows only where the function does.
        number_as_array: NumPy takes an array of one number faster than a number: 0.3 microseconds a call and not 0.6,
            and 2 and not 5 at the first call after a while, since the code that makes the array need not be fetched.
        slow_in_place: NumPy takes much longer to write the result over the operand: 4 nanoseconds an element for the
            sign of a number, and not 0.4, since the loop with AVX-512 is for two arrays that do not overlap.
        nanoseconds: an element of float64 and of float32, as measured with NumPy 2.4 in cache on one core with AVX-512.
    """

    view: Literal["", "reshape", "transpose", "other"] = ""
    takes_out: bool = False
    reduces: np.ufunc | None = None
    product: bool = False
    elementwise: bool = False
    any_values: bool = False
    places_in: int | None = None
    writes: bool = False
    shape_by_value: bool = False
    complex_by_value: bool = False
    least: float = -np.inf
    keeps_zeros: bool = False
    stays_finite: bool = False
    overflows_alike: bool = False
    number_as_array: bool = False
    slow_in_place: bool = False
    nanoseconds: tuple[float, float] = SIMPLE


def facts_of(function: Any) -> Facts:
    """Return the facts about a function."""
    known = FACTS.get(function)
    return _of_kind(function) if known is None else known


def _table(*rows: tuple[Iterable[Callable[..., Any]], dict[str, Any]]) -> dict[Any, Facts]:
    """Return the facts by function: those of all rows in which the function stands."""
    table: dict[Any, Facts] = {}
    for group, facts in rows:
        for function in group:
            table[function] = replace(table.get(function, _of_kind(function)), **facts)
    return table


_UNKNOWN = Facts()
_OF_MATRICES = Facts(takes_out=True, any_values=True)
_OF_ELEMENTS = replace(_OF_MATRICES, elementwise=True)
# Functions of a room that is loaded at its first use, by module and name.
_OF_SCIPY = {("tinygraph.scipy.linalg.functions", "sqrtm"): Facts(complex_by_value=True)}


def _of_kind(function: Any) -> Facts:
    """Return the facts about a function that has no row."""
    if type(function) is AtCount:
        facts = facts_of(function.function)
        return Facts(takes_out=facts.takes_out, any_values=facts.any_values)
    if not isinstance(function, np.ufunc):
        place = (getattr(function, "__module__", None), getattr(function, "__name__", None))
        return _OF_SCIPY.get(place, _UNKNOWN)  # type: ignore[arg-type]
    if function.nout != 1:
        return _UNKNOWN
    return _OF_ELEMENTS if function.signature is None else _OF_MATRICES


def _slow(function: Callable[..., Any], double: float, single: float) -> Any:
    return (function,), {"nanoseconds": (double, single)}


FACTS: dict[Any, Facts] = _table(
    # --- views ---
    ((np.reshape, np.ravel, np.squeeze, np.expand_dims), {"view": "reshape", "any_values": True}),
    ((np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose, getattr(np, "permute_dims", np.transpose)),
     {"view": "transpose", "any_values": True}),
    ((np.broadcast_to, np.flip, np.flipud, np.fliplr, np.rot90, np.diagonal), {"view": "other", "any_values": True}),
    # --- loops ---
    ((row, kept_at, kept_rows), {"view": "other", "any_values": True}),
    ((goes_on,), {"any_values": True}),
    ((carried, stacked, kept), {"takes_out": True, "any_values": True}),
    # --- reductions ---
    *[((function,), {"reduces": ufunc, "takes_out": True, "any_values": True}) for function, ufunc in (
        (np.sum, np.add), (np.prod, np.multiply), (np.max, np.maximum), (np.min, np.minimum), (np.amax, np.maximum),
        (np.amin, np.minimum), (np.any, np.logical_or), (np.all, np.logical_and))],
    # --- products ---
    ((np.matmul, np.dot, turned_product), {"product": True}),
    # --- functions that ask for elements by their places ---
    ((operator.getitem, np.take, np.take_along_axis, scatter), {"places_in": 0}),
    ((np.choose,), {"places_in": 1}),
    # --- functions that take out= though they are no ufuncs; some by np.copyto(out, view) ---
    ((np.dot, np.cumsum, np.cumprod, np.take, np.concatenate, np.stack, np.outer, einsum_of, np.where, np.copy, astype,
      scatter, assembled, turned_product, part_written, np.broadcast_to, np.reshape, np.ravel, operator.getitem),
     {"takes_out": True}),
    # --- functions that write, and those whose shape or dtype depends on values ---
    ((np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis), {"writes": True}),
    ((np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_all, np.unique_counts, np.unique_inverse,
      np.unique_values, np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d, np.trim_zeros),
     {"shape_by_value": True}),
    ((np.linalg.eig, np.linalg.eigvals, np.roots, np.real_if_close, eig_packed, np.emath.sqrt, np.emath.log,
      np.emath.log2, np.emath.log10, np.emath.logn, np.emath.power, np.emath.arccos, np.emath.arcsin,
      np.emath.arctanh),
     {"complex_by_value": True}),
    # --- functions that take any values, besides ufuncs, views and reductions; any other function may fail ---
    ((np.dot, np.vdot, np.inner, np.outer, np.tensordot, np.einsum, np.where, np.copy, np.concatenate, np.stack,
      np.cumsum, np.cumprod, np.clip, np.sort, np.argsort, np.argmax, np.argmin, np.roll, np.tril, np.triu, np.trace,
      np.pad, np.tile, np.repeat, np.diff, np.diag, np.kron, np.cross, np.zeros, np.ones, np.full, np.round,
      np.nan_to_num, np.real, np.imag), {"any_values": True}),
    # --- signs of results, and results of finite numbers ---
    ((np.absolute, np.square, np.exp, np.exp2), {"least": 0.0}),
    ((np.cosh,), {"least": 1.0}),
    ((np.sum, np.sqrt, np.log1p, np.reshape, np.transpose, np.broadcast_to), {"keeps_zeros": True}),
    ((np.add, np.subtract, np.multiply, np.negative, np.positive, np.square, np.absolute, np.fabs, np.sign, np.maximum,
      np.minimum, np.fmax, np.fmin, np.clip, np.where, np.sin, np.cos, np.tanh, np.arctan, np.arcsinh, np.rint,
      np.floor, np.ceil, np.trunc, np.conjugate, np.real, np.imag, np.copysign, np.hypot, np.cbrt,
      np.sum, np.cumsum, np.prod, np.cumprod, np.max, np.min, np.amax, np.amin, np.sort,
      np.matmul, np.dot, np.outer, np.inner, np.tensordot, np.einsum, einsum_of,
      np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to,
      np.copy, np.concatenate, np.stack, np.flip, np.roll, np.take, np.take_along_axis, np.repeat, np.tril, np.triu,
      operator.getitem, scatter, scatter_all, part_written, astype, alias, np.ones, np.zeros, np.full,
      sliding_window_view, windows_added,
      functions.sigmoid, functions.relu, functions.leaky_relu, functions.elu, functions.softplus, functions.softmax,
      functions.log_softmax,
      convolution.conv2d, convolution.conv2d_input, convolution.conv2d_kernel, pooling.max_pool2d,
      pooling.max_pool2d_input, pooling.max_pool2d_pick, pooling.avg_pool2d, pooling.avg_pool2d_input),
     {"stays_finite": True}),
    ((np.mean, np.clip), {"overflows_alike": True}),
    # --- elementwise functions ---
    ((np.where, np.copy, astype), {"elementwise": True}),
    ((np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum), {"number_as_array": True}),
    ((np.sign, np.fmod), {"slow_in_place": True}),
    _slow(np.exp, 0.8, 0.45), _slow(np.exp2, 0.7, 0.22), _slow(np.expm1, 1.1, 0.36), _slow(np.log, 0.8, 0.4),
    _slow(np.log2, 0.8, 0.25), _slow(np.log10, 0.9, 0.22), _slow(np.log1p, 1.0, 0.46), _slow(np.sin, 8.3, 0.53),
    _slow(np.cos, 8.3, 0.54), _slow(np.tan, 1.3, 0.41), _slow(np.tanh, 1.7, 0.37), _slow(np.sinh, 1.2, 0.38),
    _slow(np.cosh, 0.9, 0.34), _slow(np.arcsin, 1.3, 0.38), _slow(np.arccos, 1.3, 0.58), _slow(np.arctan, 1.2, 0.41),
    _slow(np.arctan2, 2.1, 0.6), _slow(np.power, 2.2, 0.7), _slow(np.float_power, 2.2, 2.2), _slow(np.hypot, 7.7, 3.8),
    _slow(np.cbrt, 1.0, 0.32), _slow(np.sqrt, 1.2, 0.37), _slow(np.divide, 0.34, 0.13), _slow(np.reciprocal, 0.7, 0.23),
    _slow(np.logaddexp, 15.0, 14.0), _slow(np.remainder, 8.5, 8.5), _slow(np.fmod, 14.0, 15.0),
)  # fmt: skip

# The columns that are asked most, as sets.
RESHAPING = frozenset(function for function, facts in FACTS.items() if facts.view == "reshape")
TRANSPOSING = frozenset(function for function, facts in FACTS.items() if facts.view == "transpose")
PRODUCTS = frozenset(function for function, facts in FACTS.items() if facts.product)
REDUCTIONS: dict[Callable[..., Any], np.ufunc] = {
    function: facts.reduces for function, facts in FACTS.items() if facts.reduces is not None
}
# A function's name in the text, of several that NumPy has: np.max, and not np.amax.
FIRST_NAMES: dict[np.ufunc, Callable[..., Any]] = {ufunc: function for function, ufunc in reversed(REDUCTIONS.items())}
