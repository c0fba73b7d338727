"""Values: arrays of numbers that are safe for finite differences, alone and several that broadcast."""

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

# The distance of values from a forbidden point: four times the longest step of `check_grads`.
MARGIN = 1 / 32


# --- values and shapes ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def grid(low: float = -2.0, high: float = 2.0, away_from: tuple[float, ...] = (), margin: float = MARGIN) -> Array:
    """Return the multiples of 1/32 from `low` to `high` that keep a distance from some points, simple numbers first.

    Args:
        low, high: the ends, included.
        away_from: points to keep a distance from: kinks, poles, edges of a domain.
        margin: the distance.

    Raises:
        ValueError: no number is left, or an end is not finite.
    """
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"the values cannot go from low={low} to high={high}. Write finite ends, the lower one first")
    values = np.arange(np.ceil(low / GRAIN), np.floor(high / GRAIN) + 1) * GRAIN
    for point in away_from:
        values = values[np.abs(values - point) >= margin]
    if not values.size:
        raise ValueError(f"no multiple of {GRAIN} from {low} to {high} stays {margin} away from {away_from}")
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
    """Floating arrays of values that are safe for finite differences.

    Args:
        shape: a shape, or a strategy for one; by default `shapes()`.
        low, high: the ends of the domain, included: `low=0.25` for positive values.
        away_from: points to keep a distance from, such as the kink of a function.
        margin: the distance.
        distinct: no value twice, so that a maximum or a sort has no ties. The domain must be long enough: it has 32
            values a unit.
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
        count: the number of arrays.
        min_side: the shortest side.
        domain: keywords of `arrays`: low, high, away_from, margin, distinct, dtype.
    """
    return tuple([draw(arrays(shape, **domain)) for shape in draw(shapes_that_broadcast(count, min_side=min_side))])


@st.composite
def arguments_of(draw: DrawFn, /, function: Callable[..., Any], **keywords: Any) -> tuple[Array, ...]:
    """Arguments for an elementwise function: arrays that broadcast, drawn from the domains of `domain_of`.

    Args:
        function: a function of NumPy or SciPy in the table of `tinygraph.testing.domain_of`.
        keywords: `min_side` of the shapes, and `margin`, `distinct` and `dtype` of the arrays.

    Raises:
        KeyError: the table does not have the function.
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

    They keep away from 0 and from the real line, where most functions have their branch cuts.
    """
    real = draw(arrays(shape, **domain))
    return np.asarray(real + 1j * draw(arrays(real.shape, low=0.25, high=1.0)), dtype=dtype)
