"""Derivatives of reductions and of cumulative sums and products.

At a tie, the elements that share a maximum or minimum share its gradient equally.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from tinygraph.engine.dependence import elementwise, selection, uses_all
from tinygraph.engine.modes import for_any_values
from tinygraph.engine.notes import decomposition, formula
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.primitives import primitive
from tinygraph.engine.record import SHOWN
from tinygraph.engine.rows import running_sums
from tinygraph.engine.table import composition, derivative, no_derivative
from tinygraph.errors import ShapeError


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes that a reduction over `axis` takes away, counted from 0. A number has none; NumPy allows 0."""
    return tuple(range(ndim)) if axis is None or ndim == 0 else normalize_axis_tuple(axis, ndim)


def expand(reduced: Any, shape: tuple[int, ...], axis: Any, keepdims: Any) -> Any:
    """The result of a reduction of an array of `shape` over `axis`, with the reduced axes back, at size 1."""
    if keepdims is True or not shape:
        return reduced
    axes = reduced_axes(axis, len(shape))
    return reduced.reshape(tuple([1 if position in axes else size for position, size in enumerate(shape)]))


def repeated(g: Any, shape: tuple[int, ...], axis: Any, keepdims: Any) -> Any:
    """A reduction's cotangent repeated over the elements it came from."""
    if type(g) is np.float64 or type(g) is np.float32:
        if math.prod(shape) <= SHOWN:  # so few that to go through a view of strides 0 costs more than to write them
            filled = np.empty(shape, g.dtype)
            filled.fill(g)
            return filled
        # The same read-only view of one number that broadcast_to makes in ten times the time.
        return np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))
    g = expand(g, shape, axis, keepdims)
    if type(g) is np.ndarray and math.prod(shape) <= SHOWN:
        filled = np.empty(shape, g.dtype)
        filled[...] = g
        return filled
    return np.broadcast_to(g, shape)


def count(shape: tuple[int, ...], axis: Any) -> int:
    """The number of elements in one reduction over `axis`."""
    if axis is None:
        return math.prod(shape)
    axes = normalize_axis_tuple(axis, len(shape))
    return math.prod([shape[position] for position in axes])


def _sum_a(
    g: Any, z: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 0, where: Any = True,
) -> Any:  # fmt: skip
    g = repeated(g, a.shape, axis, keepdims)
    return g if where is True else np.where(where, g, 0)


def _mean_a(
    g: Any, z: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    if where is True:
        return repeated(g / count(a.shape, axis), a.shape, axis, keepdims)
    counted = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=True, dtype=g.dtype)
    return np.where(where, np.broadcast_to(expand(g, a.shape, axis, keepdims) / counted, a.shape), 0)


def _extremum_a(
    g: Any, z: Any, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = None,
    where: Any = True,
) -> Any:  # fmt: skip
    if where is True and type(g) is not np.float64 and type(a) is type(g) is np.ndarray and a.dtype.kind == "f":
        z = expand(z, a.shape, axis, keepdims)
        may_be_none = initial is not None or np.isnan(z).any()
        return _to_winners(expand(g, a.shape, axis, keepdims), a == z, axis, may_be_none)
    winners = a == expand(z, a.shape, axis, keepdims)
    # Floats are added up in less time than booleans; float16 counts no further than 2,048.
    winners = (winners if where is True else winners & where).astype(np.result_type(g.dtype, np.float32))
    winning = np.sum(winners, axis=reduced_axes(axis, a.ndim), keepdims=True)
    # With initial= the winner may be no element at all.
    return expand(g, a.shape, axis, keepdims) / np.maximum(winning, 1) * winners


def _to_winners(g: Any, winners: Any, axis: Any, may_be_none: bool) -> Any:
    """Share the cotangents of extremes out among the elements that are equal to them.

    Args:
        may_be_none: an extreme may be no element, with NaN or initial=. As many winners as extremes are one for each
            only if none is without a winner.
    """
    shares = winners.astype(g.dtype)
    if may_be_none or np.count_nonzero(winners) != g.size:
        winning = np.sum(winners, axis=reduced_axes(axis, winners.ndim), keepdims=True)
        shares /= np.maximum(winning, 1).astype(g.dtype)
    shares *= g
    return shares


def _prod_a(
    g: Any, z: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = 1, where: Any = True,
) -> Any:  # fmt: skip
    initial = 1 if initial is None else initial
    a = _kept_part(a, z)
    factors = a if where is True else np.where(where, a, 1)
    known = where is True and type(initial) is int and initial == 1 and z.dtype == a.dtype
    others = product_of_others(factors, axis, expand(z, a.shape, axis, keepdims) if known else None)
    others = others if known else others * initial
    others = others if where is True else np.where(where, others, 0)
    return expand(g, a.shape, axis, keepdims) * others


def _kept_part(a: Any, z: Any) -> Any:
    """Return the factors that a product was computed from: with a real `dtype=`, the real parts of complex ones."""
    return np.real(a) if a.dtype.kind == "c" and z.dtype.kind != "c" else a


def _quotients(a: Any, axes: tuple[int, ...], product: Any = None) -> Any:
    """Return for each element the product of all divided by it; None if one is 0, or the product of some may have left
    the range of the dtype.
    """
    most = np.finfo(a.dtype).maxexp - 4
    sizes = np.abs(a)
    ends = np.array([sizes.min(initial=1), sizes.max(initial=1)])
    if not (ends[0] > 0 and np.isfinite(ends[1])):
        return None
    if np.max(_powers(ends)) * count(a.shape, axes) > most and np.max(np.sum(_powers(a), axis=axes)) > most:
        return None
    return (np.multiply.reduce(a, axis=axes, keepdims=True) if product is None else product) / a


def _powers(a: Any) -> Any:
    """Return whole numbers n with 2⁻ⁿ ≤ |a| ≤ 2ⁿ."""
    exponents = np.frexp(a)[1]  # 1/2 has the exponent 0
    return np.maximum(exponents, 1 - exponents)


def product_of_others(a: Any, axis: Any, product: Any = None) -> Any:
    """Return for each element the product of the others along `axis`, right where there are zeros too.

    Args:
        product: that of all along `axis`, which stays at size 1, if it is known.
    """
    axes = reduced_axes(axis, a.ndim)
    if not axes:
        return np.ones_like(a)
    if type(a) is np.ndarray and a.dtype.kind == "f" and (others := _quotients(a, axes, product)) is not None:
        return others
    rest = tuple([position for position in range(a.ndim) if position not in axes])
    last = np.transpose(a, rest + axes)
    flat = np.reshape(last, (*last.shape[: len(rest)], count(a.shape, axes)))
    one = np.ones((*flat.shape[:-1], 1), dtype=a.dtype)
    before = np.concatenate([one, np.cumprod(flat, axis=-1)[..., :-1]], axis=-1)[..., : flat.shape[-1]]
    after = np.concatenate([np.cumprod(flat[..., ::-1], axis=-1)[..., ::-1][..., 1:], one], axis=-1)
    product = np.reshape(before * after[..., : flat.shape[-1]], last.shape)
    return np.transpose(product, np.argsort(rest + axes))


def _sum(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
    """`np.sum` without its wrapper, which takes longer than adding up a thousand numbers."""
    return np.add.reduce(a, axis, dtype, None, keepdims, **keywords)  # type: ignore[call-overload]


derivative(np.sum, _sum_a, compute=_sum)
formula(np.sum, pullbacks=("∇ to each",))


def mean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False, **keywords: Any) -> Any:
    """`np.mean` without its wrapper, for dtypes that it sums without a conversion."""
    if dtype is not None or keywords or a.dtype.char not in "fd" or a.size == 0:
        return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, **keywords)
    return np.add.reduce(a, axis, None, None, keepdims) / count(a.shape, axis)  # type: ignore[call-overload]


derivative(np.mean, _mean_a, compute=mean)
uses_all(np.sum, np.mean)
formula(np.mean, pullbacks=("∇ ÷ {count} to each",))


@decomposition(np.mean)
def mean_written_out(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False, **keywords: Any
) -> Any:
    """Write Σ a ÷ n, for dtypes that `np.mean` sums without a conversion."""
    if dtype is not None or keywords or a.dtype.char not in "fd" or 0 in a.shape:
        return None
    elements = math.prod([a.shape[place] for place in reduced_axes(axis, a.ndim)])
    return np.sum(a, axis=axis, keepdims=bool(keepdims)) / elements


derivative(np.prod, _prod_a)
for _extremum in (np.max, np.min, np.amax, np.amin):
    derivative(_extremum, _extremum_a)
    selection(_extremum)


@composition(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0, keepdims: Any = False,
    *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Mean squared distance from the mean."""
    a = array_of(a)
    ddof = ddof if correction is None else correction
    dtype = None if dtype is None else np.dtype(dtype)
    loses = dtype is not None and a.dtype.kind == "c" and dtype.kind != "c"  # the mean loses its imaginary part
    a = a if dtype is None or loses else a.astype(dtype)
    if a.dtype == np.float16:  # NumPy's own squares and sums overflow in it
        found = var(a.astype(np.float32), axis, ddof=ddof, keepdims=keepdims, where=where, mean=mean)
        return found.astype(np.result_type(np.float16, 0.0 if mean is None else getattr(mean, "dtype", mean)))
    if mean is None:
        mean = np.mean(a, axis=axis, dtype=dtype if loses else None, keepdims=True, where=where)
    away = a - mean
    squares = np.square(away) if away.dtype.kind != "c" else np.square(np.real(away)) + np.square(np.imag(away))
    if where is True:
        freedom: Any = max(count(a.shape, axis) - ddof, 0)
    else:
        counted = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=keepdims)
        freedom = np.maximum(counted - ddof, 0).astype(squares.dtype)
    found = np.sum(squares, axis=axis, keepdims=keepdims, where=where) / freedom
    return found if dtype is None or not (loses or dtype.kind == "c") else found.astype(dtype)


@composition(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: Any = 0, **keywords: Any) -> Any:
    """Square root of the variance."""
    return root(np.var(a, axis=axis, dtype=dtype, ddof=ddof, **keywords))


@primitive
def root(x: Any) -> Any:
    """Square root, as of a length: at 0 its slope is taken to be 0."""
    return np.sqrt(x)


root.__name__ = "sqrt"
derivative(root, lambda g, z, x: g / np.where(z == 0, np.inf, 2 * z))
elementwise(root)
formula(root, slopes=("1/(2√{x})",), pullbacks=("∇ ÷ 2{z}",))
decomposition(root)(lambda x: np.sqrt(x))


@composition(np.ptp)
def ptp(a: Any, axis: Any = None, out: None = None, keepdims: Any = False) -> Any:
    """Largest minus smallest."""
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@composition(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """Weighted mean."""
    a, weights = array_of(a), None if weights is None else array_of(weights)
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full(np.shape(mean), count(np.shape(a), axis), dtype=mean.dtype)
        return (mean, total) if returned else mean
    if np.shape(weights) != np.shape(a):
        axes = normalize_axis_tuple(axis, np.ndim(a))
        if np.shape(weights) != tuple([np.shape(a)[position] for position in axes]):
            raise ShapeError(f"average: weights of shape {np.shape(weights)} do not fit axes {axes} of {np.shape(a)}")
        shape = [size if position in axes else 1 for position, size in enumerate(np.shape(a))]
        weights = np.broadcast_to(np.reshape(np.transpose(weights, np.argsort(axes)), shape), np.shape(a))
    dtype = np.result_type(a.dtype, weights.dtype, *([] if a.dtype.kind in "fc" else [np.float64]))
    weights = weights.astype(dtype) if weights.dtype != dtype and dtype.kind in "fc" else weights
    total = np.sum(weights, axis=axis, keepdims=keepdims)
    if not for_any_values() and np.any(plain(total) == 0):
        raise ZeroDivisionError("average: the weights sum to 0")
    mean = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, np.shape(mean))) if returned else mean


# --- cumulative -------------------------------------------------------------------------------------------------------


def _cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """`np.cumsum`, in less time along other axes than the last."""
    if type(a) is np.ndarray and type(axis) is int and -a.ndim <= axis < a.ndim and dtype is out is None:
        return running_sums(a, axis % a.ndim)
    return np.cumsum(a, axis, dtype, out)


def _reverse_cumsum(g: Any, axis: int) -> Any:
    if type(g) is np.ndarray:
        return running_sums(g, axis, backwards=True)
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def _cumsum_a(g: Any, z: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    if axis is None or a.ndim == 0:
        return np.reshape(_reverse_cumsum(g, 0), a.shape)
    return _reverse_cumsum(g, normalize_axis_index(axis, a.ndim))


@primitive
def carried(factors: Any, terms: Any) -> Any:
    """Along the last axis yᵢ = xᵢ + aᵢ · yᵢ₋₁, from y₀ = x₀, for factors a and terms x.

    With products Pᵢ = a₁ · … · aᵢ that neither vanish nor overflow it is P · cumsum(x / P). Otherwise one place is
    computed after the other.
    """
    dtype = np.result_type(factors, terms)
    factors, terms = factors.astype(dtype), terms.astype(dtype)
    if terms.size == 0:
        return terms
    with np.errstate(all="ignore"):
        products = np.cumprod(np.concatenate([np.ones_like(factors[..., :1]), factors[..., 1:]], axis=-1), axis=-1)
    if terms.dtype.char in "fdFD":
        sizes, limit = np.abs(products), float(np.finfo(terms.dtype).max) ** 0.25
        if sizes.min() > 1 / limit and sizes.max() < limit:
            return products * np.cumsum(terms / products, axis=-1)
    return _carried_one_by_one(factors, terms)


def _carried_one_by_one(factors: Any, terms: Any) -> Any:
    """The same, for any factors."""
    if terms.size == terms.shape[-1]:  # Python's numbers are quicker than NumPy's arrays of one
        totals: list[Any] = []
        for factor, term in zip(np.ravel(factors).tolist(), np.ravel(terms).tolist(), strict=True):
            totals.append(term + factor * totals[-1] if totals else term)
        return np.reshape(np.asarray(totals).astype(terms.dtype), terms.shape)
    columns = np.ascontiguousarray(np.moveaxis(factors, -1, 0))
    found = np.array(np.moveaxis(terms, -1, 0), order="C")
    for place in range(1, len(found)):
        found[place] += columns[place] * found[place - 1]
    return np.moveaxis(found, 0, -1)


def carried_back(factors: Any, terms: Any) -> Any:
    """Along the last axis yᵢ = xᵢ + aᵢ₊₁ · yᵢ₊₁, from the last place to the first."""
    return np.flip(carried(np.flip(np.roll(factors, -1, axis=-1), -1), np.flip(terms, -1)), -1)


def _carried_factors(g: Any, z: Any, factors: Any, terms: Any) -> Any:
    before = np.concatenate([np.zeros_like(z[..., :1]), z[..., :-1]], axis=-1)
    return carried_back(factors, g) * before


carried.derivative(_carried_factors, lambda g, z, factors, terms: carried_back(factors, g))


def _cumprod_a(g: Any, z: Any, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """The cotangent of element i without a division: the product of the elements before it, times the later factors."""
    a = _kept_part(a, z)
    if axis is None or a.ndim == 0:
        flat = np.reshape(z, (-1,))
        return np.reshape(_cumprod_a(np.reshape(g, (-1,)), flat, np.reshape(a, (-1,)), 0), a.shape)
    axis = normalize_axis_index(axis, a.ndim)
    if 0 in a.shape:
        return g
    g, z, factors = (np.moveaxis(item, axis, -1) for item in (g, z, a))
    before = np.concatenate([np.ones_like(z[..., :1]), z[..., :-1]], axis=-1)
    return np.moveaxis(before * carried_back(factors, g), -1, axis)


derivative(np.cumsum, _cumsum_a, compute=_cumsum)
uses_all(np.cumsum)
derivative(np.cumprod, _cumprod_a)

no_derivative(
    np.all, np.any, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.count_nonzero,
)  # fmt: skip
