"""The law of a function of SciPy's on Tensors: SciPy's value, and derivatives that agree with finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.testing import check_grads


def parts(result: Any) -> list[Any]:
    """Return the arrays of a result, of the Tensors among them their values."""
    items = result if isinstance(result, tuple | list) else (result,)
    return [item.data if isinstance(item, tg.Tensor) else np.asarray(item) for item in items]


def obey(ours: Any, theirs: Any, *xs: Any, exact: bool = True, order: int = 2, **tolerance: Any) -> None:
    """Assert the law for a function of ours beside SciPy's, at arrays.

    Args:
        ours, theirs: the functions, of the same arrays.
        xs: the arrays.
        exact: the value is SciPy's to the bit, and not to rounding alone.
        order: of the highest derivative.
        tolerance: for `check_grads`.
    """
    tensors = [tg.Tensor(x) if np.asarray(x).dtype.kind in "fc" else x for x in xs]
    results = ours(*tensors)
    expected = parts(theirs(*xs))
    assert any(isinstance(item, tg.Tensor) for item in (results if isinstance(results, tuple | list) else [results]))
    for got, value in zip(parts(results), expected, strict=True):
        assert got.shape == value.shape and got.dtype == value.dtype, (got.shape, value.shape, got.dtype, value.dtype)
        if exact:
            np.testing.assert_array_equal(got, value)
        else:
            np.testing.assert_allclose(got, value, rtol=1e-10, atol=1e-12)
    for got, value in zip(parts(ours(*xs)), expected, strict=True):  # plain arrays are SciPy's business
        np.testing.assert_array_equal(got, value)
    check_grads(ours, *xs, order=1, modes=["jvp"], **tolerance)
    check_grads(ours, *xs, order=order, modes=["vjp"], **tolerance)
