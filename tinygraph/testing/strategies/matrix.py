"""Matrices: pairs that can be multiplied, and well-conditioned square matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from hypothesis.strategies import DrawFn, SearchStrategy

from tinygraph.testing.strategies.values import Array, Shape, arrays

__all__ = ["matmul_pairs", "matrices", "orthogonal_matrices", "positive_definite_matrices"]


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


@st.composite
def matrices(
    draw: DrawFn, size: int | SearchStrategy[int] | None = None, batch: Shape | SearchStrategy[Shape] = ()
) -> Array:
    """Well-conditioned, invertible square matrices, or stacks of them.

    Args:
        size: rows and columns; by default from 0 to 3.
        batch: the axes before the last two; `shapes(max_dims=2)` for any.

    The diagonal dominates: its elements lie from 1 to 2 in size, and the others of a row add up to less than 3/4.
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
