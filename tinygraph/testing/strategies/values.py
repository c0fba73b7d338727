"""Values: arrays of numbers that finite differences can be taken at, alone and several that go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.typing import DTypeLike, NDArray

from tinygraph.testing.domains import domain_of

__all__ = [
    "Array", "Shape", "arguments_of", "arrays", "arrays_that_broadcast", "complex_arrays", "dtypes", "grid", "shapes",
    "shapes_that_broadcast",
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
