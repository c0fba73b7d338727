"""Regularisers: functions from a weight to a penalty that is added to the loss. Names and numbers are Keras's.

layer = tg.nn.Dense(10, kernel_regularizer=tg.nn.regularizers.L2(1e-4))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph import bounds
from tinygraph.errors import ShapeError
from tinygraph.nn.configured import Configured, Family

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "serialize",
]

# The least square of a length to divide by, as in Keras.
LEAST = 1e-14


class Regularizer(Configured):
    """The base of regularisers. Called on a weight it returns its penalty, an array of no axes."""

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight."""
        raise NotImplementedError(f"{type(self).__name__}: give it a method __call__(self, x)")


class L1(Regularizer):
    """l1 · Σ |x|.

    Args:
        l1: the factor.

    Raises:
        ValueError: the factor is negative or not finite.
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("L1", "l1", l1)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight."""
        return self.l1 * np.sum(np.abs(x))


class L2(Regularizer):
    """l2 · Σ x².

    Args:
        l2: the factor.

    Raises:
        ValueError: the factor is negative or not finite.
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("L2", "l2", l2)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight."""
        return self.l2 * np.sum(x * x)


class L1L2(Regularizer):
    """l1 · Σ |x| + l2 · Σ x². Both factors are 0 by default, as in Keras, also for the name "l1l2".

    Args:
        l1, l2: the factors.

    Raises:
        ValueError: a factor is negative or not finite.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = _factor("L1L2", "l1", l1), _factor("L1L2", "l2", l2)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight."""
        return self.l1 * np.sum(np.abs(x)) + self.l2 * np.sum(x * x)


class OrthogonalRegularizer(Regularizer):
    """factor · the mean of |cosine| over all pairs of rows, or of columns, of a matrix.

    Args:
        factor: the factor.
        mode: "rows" or "columns".

    Raises:
        ShapeError: the weight is no matrix.
        ValueError: the factor is negative or not finite, or there is no such mode.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f'OrthogonalRegularizer: mode must be "rows" or "columns", got {mode!r}')
        self.factor, self.mode = _factor("OrthogonalRegularizer", "factor", factor), mode

    def __call__(self, x: Any) -> Any:
        """Return the penalty of a weight."""
        if len(x.shape) != 2:
            raise ShapeError(f"OrthogonalRegularizer: a weight must be a matrix, got shape {x.shape}")
        rows = x if self.mode == "rows" else x.T
        unit = rows / np.sqrt(np.maximum(np.sum(rows * rows, axis=1, keepdims=True), LEAST))
        size = rows.shape[0]
        cosines = np.abs(unit @ unit.T) * (1 - np.eye(size, dtype=x.dtype))
        return self.factor * np.sum(cosines) / max(size * (size - 1), 1)


def _factor(call: str, name: str, value: Any) -> float:
    return float(bounds.number(call, name, value, least=0))


_FAMILY: Family[Callable[[Any], Any]] = Family("a regulariser", [L1, L2, L1L2, OrthogonalRegularizer], {"l1_l2": L1L2})
serialize, deserialize, SMALL = _FAMILY.serialize, _FAMILY.deserialize, _FAMILY.names


def get(given: Any) -> Any:
    """Return the regulariser of a name, a class or a description; a function stays itself, and so does None.

    Raises:
        ValueError: no regulariser has this name.
    """
    return None if given is None else _FAMILY.get(given)
