"""Places in an array: axes, indices, masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from hypothesis.strategies import DrawFn, SearchStrategy

from tinygraph.testing.strategies.values import Array, Shape

__all__ = ["axes", "indices", "masks", "reductions"]


# --- axes -------------------------------------------------------------------------------------------------------------


@st.composite
def axes(draw: DrawFn, /, ndim: int | Shape, *, none: bool = True, several: bool = True) -> Any:
    """An `axis` argument for an array: None, a number from either end, or a tuple of them, the empty one too.

    Args:
        ndim: the number of axes, or a shape.
        none: draw None too.
        several: draw tuples too.
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

    Numbers and slices with any step, an ellipsis, `np.newaxis`, a boolean mask, arrays of integers with repeated
    entries, and integer arrays next to slices.
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
    """A slice, a list of integers or a number for each of the first axes."""
    lengths = draw(st.integers(1, 3))
    index: list[Any] = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        place = st.integers(-size, size - 1)
        several = st.lists(place, min_size=lengths, max_size=lengths)
        index.append(draw(st.one_of(st.slices(size), place, several, several.map(np.array))))
    return tuple(index)
