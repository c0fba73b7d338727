"""Two ways to take a step downhill, written out: plain gradient descent, and Adam."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import tinygraph as tg


def gradient_descent(parameters: Sequence[tg.Tensor], rate: float) -> None:
    """Move each parameter against its gradient, and forget the gradient."""
    for parameter in parameters:
        parameter.assign(parameter.data - rate * parameter.grad)
        parameter.grad = None


class Adam:
    """Steps of about `rate` in each coordinate, whatever the size of the gradient.

    The gradient is divided by the root of a running mean of its squares, so that a coordinate whose gradient is
    always small moves as far as one whose gradient is always large.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1.
    """

    def __init__(self, parameters: Sequence[tg.Tensor], rate: float = 0.001) -> None:
        self.parameters = parameters
        self.rate = rate
        self.steps = 0
        self.means = [np.zeros_like(parameter.data) for parameter in parameters]
        self.squares = [np.zeros_like(parameter.data) for parameter in parameters]

    def step(self) -> None:
        """Move each parameter, and forget its gradient."""
        self.steps += 1
        # The running means begin at zero, and are too small by these factors.
        of_mean, of_square = 1 - 0.9**self.steps, 1 - 0.999**self.steps
        for parameter, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            gradient = parameter.grad
            mean += 0.1 * (gradient - mean)
            square += 0.001 * (gradient * gradient - square)
            step = (mean / of_mean) / (np.sqrt(square / of_square) + 1e-8)
            parameter.assign(parameter.data - self.rate * step)
            parameter.grad = None
