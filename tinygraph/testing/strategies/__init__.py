"""Hypothesis strategies for arrays to differentiate at: shapes, axes, indices, memory layouts, and safe values.

    from hypothesis import given
    from tinygraph.testing import check_grads
    from tinygraph.testing.strategies import arrays_that_broadcast

    @given(arrays_that_broadcast(2))
    def test_the_gradient_of_a_product(xs):
        check_grads(np.multiply, *xs)

Finite differences need room: a point next to a kink, a tie or the edge of a domain tells nothing. So values come from
a `grid` of multiples of 1/32 without the points near a forbidden one. These values are exact in float16, float32 and
float64 alike, and so are sums of a few of them.

The strategies draw few and small shapes on purpose. Sides of 0, and arrays of 0 axes, are among them unless a strategy
says otherwise. All shrink towards small arrays of small numbers.

`values` has arrays of numbers, `matrix` matrices, `places` axes, indices and masks, and `guises` the same array in
another memory layout or of another type.
"""

from __future__ import annotations

try:
    import hypothesis as hypothesis
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tinygraph.testing.strategies needs hypothesis, which is not installed: pip install hypothesis "
        "(check_grads works without it)",
        name=error.name,
    ) from error

from tinygraph.testing.strategies.guises import kinds, layouts
from tinygraph.testing.strategies.matrix import matmul_pairs, matrices, orthogonal_matrices, positive_definite_matrices
from tinygraph.testing.strategies.places import axes, indices, masks, reductions
from tinygraph.testing.strategies.values import (
    arguments_of,
    arrays,
    arrays_that_broadcast,
    complex_arrays,
    dtypes,
    grid,
    shapes,
    shapes_that_broadcast,
)

__all__ = [
    "arguments_of", "arrays", "arrays_that_broadcast", "axes", "complex_arrays", "dtypes", "grid", "indices", "kinds",
    "layouts", "masks", "matmul_pairs", "matrices", "orthogonal_matrices", "positive_definite_matrices", "reductions",
    "shapes", "shapes_that_broadcast",
]  # fmt: skip
