"""Subscripts: products of two arrays as sums by Einstein's convention, a letter for each axis.

`np.tensordot(x, y, 1)` of a matrix and a vector is `np.einsum("ab,b->a", x, y)`: the subscripts are "ab", "b" and "a".
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Subscripts", "axis_letters", "of_dot", "of_inner", "of_tensordot"]

# Those of the first array, of the second, and of the result.
Subscripts = tuple[str, str, str]


def axis_letters(count: int) -> str:
    """Return a letter for each of `count` axes."""
    return "".join([chr(ord("a") + place) for place in range(count)])


def of_dot(first: int, second: int) -> Subscripts:
    """Return the subscripts of `np.dot`, of arrays with so many axes, at least one each."""
    left, right = _apart(first, second)
    right = right[:-2] + left[-1] + right[-1:] if second > 1 else left[-1]
    return left, right, left[:-1] + right[:-2] + (right[-1] if second > 1 else "")


def of_inner(first: int, second: int) -> Subscripts:
    """Return the subscripts of `np.inner`, of arrays with so many axes, at least one each."""
    left, right = _apart(first, second)
    right = right[:-1] + left[-1]
    return left, right, left[:-1] + right[:-1]


def of_tensordot(first: int, second: int, axes: int | Sequence[int | Sequence[int]]) -> Subscripts:
    """Return the subscripts of `np.tensordot`, of arrays with so many axes.

    Args:
        axes: the number of axes that are summed over, or those of the first array and those of the second.
    """
    if isinstance(axes, int):
        pairs = [(first - axes + place, place) for place in range(axes)]
    else:
        of_first, of_second = ([item] if isinstance(item, int) else list(item) for item in axes)
        pairs = [(one % first, other % second) for one, other in zip(of_first, of_second, strict=True)]
    left, right = _apart(first, second)
    met = {other: left[one] for one, other in pairs}
    right = "".join([met.get(place, letter) for place, letter in enumerate(right)])
    return left, right, "".join([letter for letter in left + right if letter not in met.values()])


def _apart(first: int, second: int) -> tuple[str, str]:
    """Return letters for the axes of two arrays, all of them different."""
    every = axis_letters(first + second)
    return every[:first], every[first:]
