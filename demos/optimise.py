"""A step downhill, written out: plain gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

import tinygraph as tg


def gradient_descent(parameters: Sequence[tg.Tensor], rate: float) -> None:
    """Move each parameter against its gradient, and clear the gradient."""
    for parameter in parameters:
        parameter.assign(parameter.data - rate * parameter.grad)
        parameter.grad = None
