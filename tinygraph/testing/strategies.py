"""Hypothesis strategies for arrays to differentiate at: shapes, axes, indices, memory layouts, and safe values.

    from hypothesis import given
    from tinygraph.testing import check_grads
    from tinygraph.testing.strategies import arrays_that_broadcast

    @given(arrays_that_broadcast(2))
    def test_the_gradient_of_a_product(xs):
        check_grads(np.multiply, *xs)

Finite differences need room: a point next to a kink, a tie or the edge of a domain tells nothing. So values come from
a `grid` of multiples of 1/32, from which whatever lies near a forbidden point has been taken out. They are exact in
float16, float32 and float64 alike, and sums of a few of them are exact too.

The strategies draw few and small shapes on purpose; sides of 0, and arrays of 0 axes, are among them unless a
strategy says otherwise. All shrink towards small arrays of small numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as nps
    from hypothesis.strategies import DrawFn, SearchStrategy
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tinygraph.testing.strategies needs hypothesis, which is not installed: pip install hypothesis "
        "(check_grads works without it)",
        name=error.name,
    ) from error

from tinygraph.testing.domains import domain_of

__all__ = [
    "arguments_of", "arrays", "arrays_that_broadcast", "axes", "complex_arrays", "dtypes", "grid", "indices", "kinds",
    "layouts", "masks", "matmul_pairs", "matrices", "orthogonal_matrices", "positive_definite_matrices", "reductions",
    "shapes", "shapes_that_broadcast",
]  # fmt: skip

Array = NDArray[Any]
Shape = tuple[int, ...]

# Values are multiples of this.
GRAIN = 1 / 32

# How far from a forbidden point a value stays: four times the longest step of `check_grads`.
MARGIN = 1 / 32


# --- what to put in an array ------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def grid(low: float = -2.0, high: float = 2.0, away_from: tuple[float, ...] = (), margin: float = MARGIN) -> Array:
    """The multiples of 1/32 from `low` to `high` that stay away from some points, simple numbers first.

    Args:
        low, high: the ends, included.
        away_from: points to keep a distance from: kinks, poles, edges of a domain.
        margin: that distance.

    Raises:
        ValueError: nothing is left.
    """
    values = np.arange(np.ceil(low / GRAIN), np.floor(high / GRAIN) + 1) * GRAIN
    for point in away_from:
        values = values[np.abs(values - point) >= margin]
    if not values.size:
        raise ValueError(f"grid: no multiple of {GRAIN} from {low} to {high} stays {margin} away from {away_from}")
    # A "simple" number has a small denominator and a small size, positive before negative.
    simple = sorted(values, key=lambda v: (float(v).as_integer_ratio()[1], abs(v), v < 0))
    return np.array(simple)


def dtypes(*, half: bool = True) -> SearchStrategy[np.dtype[Any]]:
    """The floating dtypes: float64, float32 and, unless `half` is false, float16."""
    return st.sampled_from([np.dtype(name) for name in ("float64", "float32", "float16")[: 3 if half else 2]])


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> SearchStrategy[Shape]:
    """Shapes of arrays. By default from 0 to 3 axes of length 0 to 3; a length of 0 is the exception."""
    sides = st.integers(max(min_side, 1), max_side)
    if min_side == 0:
        sides = st.one_of(sides, sides, sides, st.integers(0, max_side))
    return st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def arrays(
    draw: DrawFn,
    /,
    shape: Shape | int | SearchStrategy[Shape] | None = None,
    *,
    low: float = -2.0,
    high: float = 2.0,
    away_from: Iterable[float] = (),
    margin: float = MARGIN,
    distinct: bool = False,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Floating arrays of values that finite differences can be taken at.

    Args:
        shape: a shape, or a strategy for one; by default `shapes()`.
        low, high: the ends of the domain, included: `low=0.25` for positive values.
        away_from: points to keep a distance from, such as the kink of a function.
        margin: that distance.
        distinct: no value twice, so that a maximum or a sort has no ties. The domain must have enough room: there are
            32 values a unit.
        dtype: of the array.
    """
    shape = shapes() if shape is None else shape
    shape = draw(shape) if isinstance(shape, SearchStrategy) else (shape,) if isinstance(shape, int) else shape
    values = grid(low, high, tuple(away_from), margin)
    size = int(np.prod(shape))
    if distinct:
        if size > len(values):
            raise ValueError(f"arrays: {size} distinct values do not fit between {low} and {high}")
        chosen = draw(st.lists(st.integers(0, len(values) - 1), min_size=size, max_size=size, unique=True))
    else:
        chosen = draw(st.lists(st.integers(0, len(values) - 1), min_size=size, max_size=size))
    return np.asarray(values[np.array(chosen, dtype=int)].reshape(shape), dtype=dtype)


# --- several arrays ---------------------------------------------------------------------------------------------------


def shapes_that_broadcast(
    count: int, *, min_side: int = 0, max_dims: int = 3, max_side: int = 3
) -> SearchStrategy[tuple[Shape, ...]]:
    """Shapes that broadcast together, such as (3, 1), (2,) and ()."""
    return nps.mutually_broadcastable_shapes(
        num_shapes=count, min_dims=0, max_dims=max_dims, min_side=min_side, max_side=max_side
    ).map(lambda drawn: drawn.input_shapes)


@st.composite
def arrays_that_broadcast(draw: DrawFn, /, count: int = 2, *, min_side: int = 0, **domain: Any) -> tuple[Array, ...]:
    """Arrays that broadcast together.

    Args:
        count: how many.
        min_side: the shortest side.
        domain: keywords of `arrays`: low, high, away_from, margin, distinct, dtype.
    """
    return tuple([draw(arrays(shape, **domain)) for shape in draw(shapes_that_broadcast(count, min_side=min_side))])


@st.composite
def arguments_of(draw: DrawFn, /, function: Callable[..., Any], **keywords: Any) -> tuple[Array, ...]:
    """Arguments for an elementwise function: arrays that broadcast, each drawn from where `domain_of` says.

    Args:
        function: of NumPy or SciPy, known to `tinygraph.testing.domain_of`.
        keywords: `min_side` of the shapes, and `margin`, `distinct` and `dtype` of the arrays.

    Raises:
        KeyError: the table of domains does not know the function.
    """
    domains = domain_of(function)
    min_side = keywords.pop("min_side", 0)
    return tuple(
        [
            draw(arrays(shape, low=domain.low, high=domain.high, away_from=domain.away_from, **keywords))
            for shape, domain in zip(draw(shapes_that_broadcast(len(domains), min_side=min_side)), domains, strict=True)
        ]
    )


@st.composite
def complex_arrays(
    draw: DrawFn, /, shape: Shape | int | SearchStrategy[Shape] | None = None, *, dtype: DTypeLike = np.complex128,
    **domain: Any,
) -> Array:  # fmt: skip
    """Complex arrays: real parts as `arrays` draws them with these keywords, imaginary ones from 1/4 to 1.

    They stay away from the real line, where the branch cuts of most functions are, and with it from 0.
    """
    real = draw(arrays(shape, **domain))
    return np.asarray(real + 1j * draw(arrays(real.shape, low=0.25, high=1.0)), dtype=dtype)


@st.composite
def matmul_pairs(draw: DrawFn, /, *, min_side: int = 0, **domain: Any) -> tuple[Array, Array]:
    """Two arrays that `np.matmul` multiplies: vectors, matrices, and stacks of matrices that broadcast.

    Args:
        min_side: the shortest side.
        domain: keywords of `arrays`.
    """
    drawn = draw(
        nps.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, min_side=min_side, max_side=3)
    )
    x, y = drawn.input_shapes
    return draw(arrays(x, **domain)), draw(arrays(y, **domain))


# --- matrices ---------------------------------------------------------------------------------------------------------


@st.composite
def matrices(
    draw: DrawFn, size: int | SearchStrategy[int] | None = None, batch: Shape | SearchStrategy[Shape] = ()
) -> Array:
    """Well-conditioned, invertible square matrices, or stacks of them.

    Args:
        size: rows and columns; by default from 0 to 3.
        batch: the axes before the last two; `shapes(max_dims=2)` for any.

    The diagonal dominates: its elements lie from 1 to 2 in size, and those beside it add up to less than 3/4.
    """
    size = st.integers(1, 3) | st.integers(0, 3) if size is None else size
    n = draw(size) if isinstance(size, SearchStrategy) else size
    batch = draw(batch) if isinstance(batch, SearchStrategy) else batch
    beside = draw(arrays((*batch, n, n), low=-0.75, high=0.75)) / max(n - 1, 1)
    diagonal = draw(arrays((*batch, n), low=-2.0, high=2.0, away_from=(0.0,), margin=1.0))
    identity = np.eye(n)
    return np.where(identity == 1, diagonal[..., None], beside)


@st.composite
def positive_definite_matrices(
    draw: DrawFn, size: int | SearchStrategy[int] | None = None, batch: Shape | SearchStrategy[Shape] = ()
) -> Array:
    """Symmetric matrices with positive eigenvalues, well conditioned. Arguments as for `matrices`."""
    root = draw(matrices(size, batch))
    return np.asarray(np.matmul(root, np.swapaxes(root, -1, -2)))


@st.composite
def orthogonal_matrices(draw: DrawFn, /, size: int | SearchStrategy[int] | None = None) -> Array:
    """Matrices whose inverse is their transpose."""
    return np.asarray(np.linalg.qr(draw(matrices(size)))[0])


# --- axes -------------------------------------------------------------------------------------------------------------


@st.composite
def axes(draw: DrawFn, /, ndim: int | Shape, *, none: bool = True, several: bool = True) -> Any:
    """An `axis` argument for an array: None, a number from either end, or a tuple of them, the empty one too.

    Args:
        ndim: the number of axes, or a shape.
        none: whether None is among them.
        several: whether tuples are among them.
    """
    ndim = ndim if isinstance(ndim, int) else len(ndim)
    one = st.integers(-ndim, ndim - 1)
    many = st.lists(one, max_size=ndim, unique_by=lambda axis: axis % ndim).map(tuple) if ndim else st.just(())
    kinds: list[SearchStrategy[Any]] = [st.none()] if none else []
    kinds += [one] if ndim else []
    kinds += [many] if several else []
    if not kinds:
        raise ValueError("axes: an array without axes has no axis to choose; allow None or several")
    return draw(st.one_of(kinds))


@st.composite
def reductions(draw: DrawFn, /, shape: Shape, *, several: bool = True) -> dict[str, Any]:
    """The keywords `axis` and `keepdims` of a reduction of an array of this shape, or some of them."""
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        keywords["axis"] = draw(axes(shape, several=several))
    if draw(st.booleans()):
        keywords["keepdims"] = draw(st.booleans())
    return keywords


# --- indices ----------------------------------------------------------------------------------------------------------


def masks(shape: Shape) -> SearchStrategy[Array]:
    """Boolean arrays."""
    return nps.arrays(bool, shape)


@st.composite
def indices(draw: DrawFn, /, shape: Shape) -> Any:
    """An index of an array of this shape: `x[index]` is valid.

    Numbers and slices with any step, an ellipsis, `np.newaxis`, a boolean mask, arrays of integers with places that
    come twice, and integer arrays next to slices.
    """
    kinds: list[Callable[[], SearchStrategy[Any]]] = [
        lambda: nps.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True),
        lambda: masks(shape),
    ]
    if shape and all(shape):
        kinds += [
            lambda: nps.integer_array_indices(shape, result_shape=nps.array_shapes(min_dims=0, max_dims=2, max_side=3)),
            lambda: _mixed_indices(shape),
        ]
    return draw(draw(st.sampled_from(kinds))())


@st.composite
def _mixed_indices(draw: DrawFn, /, shape: Shape) -> tuple[Any, ...]:
    """A slice, a list of places or a number for each of the first axes."""
    lengths = draw(st.integers(1, 3))
    index: list[Any] = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        place = st.integers(-size, size - 1)
        several = st.lists(place, min_size=lengths, max_size=lengths)
        index.append(draw(st.one_of(st.slices(size), place, several, several.map(np.array))))
    return tuple(index)


# --- memory layouts ---------------------------------------------------------------------------------------------------


def _c_order(array: Array) -> Array:
    return np.array(array, order="C")


def _fortran_order(array: Array) -> Array:
    return np.array(array, order="F")


def _reversed(array: Array) -> Array:
    backward: tuple[Any, ...] = (..., *[slice(None, None, -1)] * array.ndim)
    turned: Array = np.array(array[backward], order="C")[backward]
    return turned


def _every_other(array: Array) -> Array:
    wide = np.zeros([2 * size for size in array.shape], array.dtype)
    every_other: tuple[Any, ...] = (..., *[slice(None, None, 2)] * array.ndim)
    part: Array = wide[every_other]
    part[...] = array
    return part


def _read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def _unaligned(array: Array) -> Array:
    part = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    part[...] = array
    return part


def _repeated(array: Array) -> Array:
    """The array with stride 0 along each axis where all its elements are the same."""
    for axis in range(array.ndim):
        first = array[(slice(None),) * axis + (slice(0, 1),)]
        if array.shape[axis] > 1 and np.array_equal(np.broadcast_to(first, array.shape), array):
            array = np.broadcast_to(first, array.shape)
    return array


LAYOUTS: Sequence[Callable[[Array], Array]] = (
    _c_order, _fortran_order, _reversed, _every_other, _read_only, _unaligned, _repeated,
)  # fmt: skip


def layouts(array: Array) -> SearchStrategy[Array]:
    """The same array, laid out in memory in another way: all elements equal, the strides not.

    In C or Fortran order, with negative strides, with gaps, read-only, not aligned, and with stride 0 where all
    elements along an axis are the same (which `np.ones` and `np.broadcast_to` give).
    """
    return st.sampled_from(LAYOUTS).map(lambda lay: lay(array))


# --- kinds of operands ------------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[Array], Any]] = {
    "float64": lambda array: array.astype(np.float64),
    "float32": lambda array: array.astype(np.float32),
    "float16": lambda array: array.astype(np.float16),
    "int64": lambda array: np.round(array).astype(np.int64),
    "int32": lambda array: np.round(array).astype(np.int32),
    "bool": lambda array: np.asarray(array > 0),
    "list": lambda array: array.tolist(),
    "Python float": lambda array: float(array.flat[0]) if array.size else 0.5,
    "Python int": lambda array: round(float(array.flat[0])) if array.size else 2,
    "float64 scalar": lambda array: np.float64(array.flat[0] if array.size else 0.5),
    "float32 scalar": lambda array: np.float32(array.flat[0] if array.size else 0.5),
}


def kinds(array: Array) -> SearchStrategy[Any]:
    """What can stand next to a Tensor in the place of an array, to see that the result's dtype is NumPy's.

    The array in another dtype, as whole numbers, as booleans or as a list; or one of its numbers, as Python's or
    NumPy's. These are other values: compare with what NumPy makes of the same.
    """
    return st.sampled_from(sorted(KINDS)).map(lambda kind: KINDS[kind](array))
