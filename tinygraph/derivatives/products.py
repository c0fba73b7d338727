"""Derivatives of products of matrices and vectors: matmul, dot, inner, outer, tensordot, einsum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygraph.derivatives.indexing import scatter
from tinygraph.engine.dependence import multilinear, uses_all
from tinygraph.engine.notes import formula
from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import in_order, laid_out, layout_of
from tinygraph.engine.ownership import reach_each_other
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition, derivative
from tinygraph.errors import ShapeError
from tinygraph.users_code.source import users_line

# A matrix of fewer elements is rearranged in less time than a second call takes.
FEW = 16_384


def solid(g: Any) -> Any:
    """A cotangent with memory of its own. The cotangent of a sum has strides of 0, which BLAS does not take."""
    return g.copy() if type(g) is np.ndarray and 0 in g.strides else g


def _matmul_x(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 and y.ndim == 2:
        g = solid(g)
        if type(g) is np.ndarray and g.ndim == 2 and 4 * len(g) <= g.shape[1] and y.size >= FEW:
            # BLAS rearranges a transposed y, also for few rows of g: 74 µs instead of 55 for 32 rows, y of (128, 512).
            return np.ascontiguousarray((y @ g.T).T)
        return g @ y.T
    if y.ndim == 1:
        return g * y if x.ndim == 1 else g[..., None] * y
    if x.ndim == 1:
        return solid(g) @ y.T if y.ndim == 2 else np.matmul(y, g[..., None])[..., 0]
    g = solid(g)
    if y.ndim == 2 and type(g) is np.ndarray and g.ndim == x.ndim and g.flags.c_contiguous:
        rows = g.reshape(math.prod(g.shape[:-1]), g.shape[-1])
        return (rows @ y.T).reshape(x.shape)  # one product instead of one for each matrix of x
    return np.matmul(g, np.swapaxes(y, -1, -2))


def _matmul_y(g: Any, z: Any, x: Any, y: Any) -> Any:
    if x.ndim == 2 and y.ndim <= 2:
        return x.T @ solid(g) if y.ndim == 2 else solid(g) @ x
    if y.ndim == 1:
        return g * x if x.ndim == 1 else np.matmul(np.swapaxes(x, -1, -2), g[..., None])[..., 0]
    if x.ndim == 1:
        return x[:, None] * g[..., None, :]
    if y.ndim == 2:
        # One product of tall matrices; the engine would otherwise have to add up one product for each matrix of x.
        rows = math.prod(x.shape[:-1])
        return np.matmul(np.reshape(x, (rows, x.shape[-1])).T, np.reshape(solid(g), (rows, g.shape[-1])))
    return np.matmul(np.swapaxes(x, -1, -2), solid(g))


derivative(np.matmul, _matmul_x, _matmul_y)
# ⊗ multiplies each element of a vector with each of another.
formula(np.matmul, dimensions=(2, 2), pullbacks=("∇ @ {y}ᵀ", "{x}ᵀ @ ∇"))
formula(np.matmul, dimensions=(2, 1), pullbacks=("∇ ⊗ {y}", "{x}ᵀ @ ∇"))
formula(np.matmul, dimensions=(1, 2), pullbacks=("∇ @ {y}ᵀ", "{x} ⊗ ∇"))
formula(np.matmul, dimensions=(1, 1), pullbacks=("∇ × {y}", "∇ × {x}"))


def _dot_a(g: Any, z: Any, a: Any, b: Any, out: Any = None) -> Any:
    b = array_of(b)
    if a.ndim == 0 or b.ndim == 0:
        return g * b if a.ndim else np.sum(g * b)
    if a.ndim <= 2 and b.ndim <= 2:
        return _matmul_x(g, z, a, b)
    if b.ndim == 1:
        return g[..., None] * b
    lead = tuple(range(a.ndim - 1, g.ndim))
    return np.tensordot(g, np.moveaxis(b, -2, -1), axes=(lead, tuple(range(b.ndim - 1))))


def _dot_b(g: Any, z: Any, a: Any, b: Any, out: Any = None) -> Any:
    a = array_of(a)
    if a.ndim == 0 or b.ndim == 0:
        return g * a if b.ndim else np.sum(g * a)
    if a.ndim <= 2 and b.ndim <= 2:
        return _matmul_y(g, z, a, b)
    lead = tuple(range(a.ndim - 1))
    product = np.tensordot(a, g, axes=(lead, lead))
    return product if b.ndim == 1 else np.moveaxis(product, 0, -2)


derivative(np.dot, _dot_a, _dot_b)
derivative(
    np.outer,
    lambda g, z, a, b, out=None: np.reshape(np.matmul(g, np.ravel(b)), a.shape),
    lambda g, z, a, b, out=None: np.reshape(np.matmul(np.ravel(a), g), b.shape),
)
uses_all(np.matmul, np.dot, np.outer)


@composition(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Dot product of two arrays as vectors, the first conjugated."""
    return np.dot(conjugated(np.ravel(array_of(a))), np.ravel(array_of(b)))


def conjugated(a: Any) -> Any:
    """The conjugate; a real array unchanged."""
    return np.conjugate(a) if a.dtype.kind == "c" else a


@composition(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum of products over the last axes."""
    a, b = array_of(a), array_of(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return np.tensordot(a, b, axes=(-1, -1))


@composition(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes: one matrix product of the arrays with those axes together."""
    a, b = array_of(a), array_of(b)
    if isinstance(axes, int | np.integer):
        count = int(axes)
        of_a, of_b = tuple(range(a.ndim - count, a.ndim)), tuple(range(count))
    else:
        of_a = normalize_axis_tuple(axes[0], a.ndim)
        of_b = normalize_axis_tuple(axes[1], b.ndim)
    if [a.shape[axis] for axis in of_a] != [b.shape[axis] for axis in of_b]:
        raise ShapeError(f"tensordot: shapes {a.shape} and {b.shape} do not match along axes {of_a} and {of_b}")
    rest_a = [axis for axis in range(a.ndim) if axis not in of_a]
    rest_b = [axis for axis in range(b.ndim) if axis not in of_b]
    shared = math.prod(a.shape[axis] for axis in of_a)
    shape = [a.shape[axis] for axis in rest_a] + [b.shape[axis] for axis in rest_b]
    rows, columns = math.prod(shape[: len(rest_a)]), math.prod(shape[len(rest_a) :])
    left = np.reshape(np.transpose(a, (*rest_a, *of_a)), (rows, shared))
    right = np.reshape(np.transpose(b, (*of_b, *rest_b)), (shared, columns))
    return np.reshape(np.dot(left, right), shape)


@composition(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Each element of one array times the whole other."""
    a, b = array_of(a), array_of(b)
    ndim = max(np.ndim(a), np.ndim(b))
    shape_a = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    shape_b = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    left = np.reshape(a, [part for size in shape_a for part in (size, 1)])
    right = np.reshape(b, [part for size in shape_b for part in (1, size)])
    return np.reshape(left * right, [m * n for m, n in zip(shape_a, shape_b, strict=True)])


def _of_vectors(written_out: Any) -> Any:
    """A product that computes in a dtype, if one is given: its operands are converted first."""

    def in_dtype(x1: Any, x2: Any, /, *, dtype: Any = None, casting: Any = "same_kind", **keywords: Any) -> Any:
        x1, x2 = array_of(x1), array_of(x2)
        if dtype is not None:
            for item in (x1, x2):
                if not np.can_cast(item.dtype, dtype, casting):
                    raise TypeError(f"{written_out.__name__}: {item.dtype} cannot be cast to {dtype} ({casting})")
            x1, x2 = x1.astype(np.dtype(dtype)), x2.astype(np.dtype(dtype))
        return written_out(x1, x2, **keywords)

    return in_dtype


def _check_vectors(name: str, x1: Any, x2: Any, ndims: tuple[int, int], axis1: int, axis2: int) -> None:
    """Raise an error unless the operands have so many axes, and are equally long along two of them."""
    if x1.ndim < ndims[0] or x2.ndim < ndims[1] or x1.shape[axis1] != x2.shape[axis2]:
        raise ShapeError(f"{name}: the arguments have shapes {x1.shape} and {x2.shape} ({users_line()})")


def vecdot(x1: Any, x2: Any, *, axis: int = -1, **keywords: Any) -> Any:
    """Dot products of the vectors along an axis, the first ones conjugated."""
    _check_vectors("vecdot", x1, x2, (1, 1), axis, axis)
    return np.sum(conjugated(np.moveaxis(x1, axis, -1)) * np.moveaxis(x2, axis, -1), axis=-1)


def matvec(x1: Any, x2: Any, **keywords: Any) -> Any:
    """Each matrix times a vector."""
    _check_vectors("matvec", x1, x2, (2, 1), -1, -1)
    return np.matmul(x1, x2[..., None])[..., 0]


def vecmat(x1: Any, x2: Any, **keywords: Any) -> Any:
    """Each vector, conjugated, times a matrix."""
    _check_vectors("vecmat", x1, x2, (1, 2), -1, -2)
    return np.matmul(conjugated(x1)[..., None, :], x2)[..., 0, :]


for _product in (vecdot, matvec, vecmat):
    if hasattr(np, _product.__name__):
        composition(getattr(np, _product.__name__))(_of_vectors(_product))


@composition(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors of three components; where one has two its third is 0."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    a, b = np.moveaxis(array_of(a), axisa, -1), np.moveaxis(array_of(b), axisb, -1)
    if a.shape[-1] not in (2, 3) or b.shape[-1] not in (2, 3):
        raise ShapeError(f"cross: the vectors must have 3 components, got {a.shape[-1]} and {b.shape[-1]}")
    if a.shape[-1] == b.shape[-1] == 2:
        return laid_out(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], "C")
    a, b = (
        item if item.shape[-1] == 3 else np.concatenate([item, np.zeros_like(item[..., :1])], axis=-1)
        for item in (a, b)
    )
    after, before = [1, 2, 0], [2, 0, 1]
    product = laid_out(a[..., after] * b[..., before] - a[..., before] * b[..., after], "C")
    return np.moveaxis(product, -1, axisc)


# --- einsum -----------------------------------------------------------------------------------------------------------


def _numbered(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[list[int]], list[int]]:
    """An einsum expression with every axis, those of the ellipsis too, as a number: operands and output.

    Letters become their code points; axis d of the ellipsis, counted from the right, becomes -1 - d.
    """
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    operands = []
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        letters = [ord(letter) for letter in before + after]
        hidden = list(range(len(letters) - len(shape), 0)) if dots else []
        operands.append([*map(ord, before), *hidden, *map(ord, after)])
    widest = min((number for operand in operands for number in operand), default=0)
    ellipsis = list(range(min(widest, 0), 0))
    if arrow:
        before, dots, after = right.partition("...")
        return operands, [*map(ord, before), *(ellipsis if dots else []), *map(ord, after)]
    every = [number for operand in operands for number in operand if number > 0]
    return operands, [*ellipsis, *sorted(number for number in set(every) if every.count(number) == 1)]


def _text(operands: list[list[int]], output: list[int]) -> str:
    """The expression in letters again, each number its own."""
    letters: dict[int, str] = {}
    for number in (number for operand in [*operands, output] for number in operand):
        if number not in letters:
            place = len(letters)
            letters[number] = chr((ord("a") + place) if place < 26 else (ord("A") + place - 26))
    joined = ",".join("".join(letters[number] for number in operand) for operand in operands)
    return f"{joined}->{''.join(letters[number] for number in output)}"


def _einsum_operand(which: int, g: Any, operands: tuple[Any, ...], subscripts: str, optimize: Any) -> Any:
    """The cotangent of one operand: the einsum of the output's cotangent with the other operands."""
    arrays = [array_of(item) for item in operands]
    axes, output = _numbered(subscripts, [item.shape for item in arrays])
    mine, shape = axes[which], arrays[which].shape
    others = [position for position in range(len(arrays)) if position != which]
    distinct = list(dict.fromkeys(mine))
    # An axis of size 1 that was broadcast gets the sum. An axis of this operand alone was summed, and repeats.
    size_of = dict(zip(mine, shape, strict=True))
    available = set(output).union(*[axes[position] for position in others])
    kept = [number for number in distinct if number in available and size_of[number] != 1]
    expression = _text([output, *[axes[position] for position in others]], kept)
    # The user's path is for other operands.
    optimize = optimize if isinstance(optimize, bool | str) else True
    # An optimal path multiplies some of the other operands first, and this must not overflow.
    factors = [item if item.dtype.kind in "fc" else item.astype(g.dtype) for item in (arrays[at] for at in others)]
    result = np.einsum(expression, g, *factors, optimize=optimize)
    # An axis along which all the others are of size 1 is so in the result, too.
    sizes = iter(result.shape)
    result = np.reshape(result, [next(sizes) if number in kept else 1 for number in distinct])
    result = np.broadcast_to(result, [size_of[number] for number in distinct])
    if len(distinct) == len(mine):
        return result
    return _on_diagonal(result, mine, distinct, shape)


def _on_diagonal(values: Any, mine: list[int], distinct: list[int], shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `values` where the axes that bear the same letter have the same index."""
    grid = np.indices([shape[mine.index(number)] for number in distinct], sparse=True)
    return scatter(values, tuple([grid[distinct.index(number)] for number in mine]), shape)


@composition(np.einsum)
def einsum(
    *operands: Any, out: None = None, optimize: Any = False, dtype: Any = None, order: str = "K", **keywords: Any
) -> Any:
    """Sum of products along axes named by letters."""
    if order.upper() != "K":
        arrays = operands[1:] if isinstance(operands[0], str) else operands[: len(operands) // 2 * 2 : 2]
        result = einsum(*operands, optimize=optimize, dtype=dtype, **keywords)
        if len(arrays) == 1 and reach_each_other(plain(result), plain(arrays[0])):
            return result  # a view, whatever the order
        if order.upper() == "A":
            order = "F" if all([in_order(item, "F") for item in map(layout_of, arrays) if item is not None]) else "C"
        return laid_out(result, order.upper())
    if dtype is not None:
        operands = tuple([item.astype(dtype) if hasattr(item, "astype") else item for item in operands])
    if isinstance(operands[0], str):
        return einsum_of(operands[0], optimize, *operands[1:])
    # The other form: einsum(array, [0, 1], array, [1, 2], [0, 2])
    arrays = operands[: len(operands) // 2 * 2 : 2]
    lists = [_list_text(item) for item in operands[1 : len(operands) // 2 * 2 : 2]]
    output = "->" + _list_text(operands[-1]) if len(operands) % 2 else ""
    return einsum_of(",".join(lists) + output, optimize, *arrays)


def _list_text(axes: Any) -> str:
    return "".join(
        "..." if axis is Ellipsis else chr(ord("A") + axis if axis < 26 else ord("a") + axis - 26) for axis in axes
    )


def _einsum_rule(which: int) -> Any:
    return lambda g, z, subscripts, optimize, *operands: _einsum_operand(which, g, operands, subscripts, optimize)


@primitive
def einsum_of(subscripts: str, optimize: Any, *operands: Any) -> Any:
    """`np.einsum` with its expression as text."""
    return np.einsum(subscripts, *operands, optimize=optimize)


einsum_of.__name__ = "einsum"
derivative(einsum_of, None, None, *[_einsum_rule(which) for which in range(30)])
multilinear(np.outer, einsum_of)  # the engine has a shorter way for products of matrices
