"""Optimisers that size the step of each number by its past gradients: RMSprop, Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.optim.optimizer import Array, Optimizer, Rate, checked_number

__all__ = ["Adam", "AdamW", "RMSprop"]


class RMSprop(Optimizer):
    """Gradients divided by the root of a running mean of their squares.

        square ← rho · square + (1 − rho) · gradient²
        value  ← value − rate · gradient ÷ √(square + epsilon)

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts.
        learning_rate: a number or a schedule.
        rho: the share of the running mean that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where `rho` or `epsilon` is out of its range.

    Source: Hinton, "Neural networks for machine learning", lecture 6e (2012); defaults and the place of epsilon are
    those of `keras.optimizers.RMSprop`.
    """

    moments = ("square",)

    def __init__(self, parameters: Any, learning_rate: Rate = 0.001, rho: float = 0.9, epsilon: float = 1e-7) -> None:
        super().__init__(parameters, learning_rate)
        self.rho = checked_number("RMSprop", "rho", rho, below=1)
        self.epsilon = checked_number("RMSprop", "epsilon", epsilon)

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, square = rest
        square = square + (1 - self.rho) * (gradient * gradient - square)
        return value - rate * gradient / np.sqrt(square + self.epsilon), square


class Adam(Optimizer):
    """Steps of about `learning_rate` in each coordinate, whatever the size of its gradients.

        mean   ← beta_1 · mean + (1 − beta_1) · gradient
        square ← beta_2 · square + (1 − beta_2) · gradient²
        value  ← value − rate · √(1 − beta_2^t) ÷ (1 − beta_1^t) · mean ÷ (√square + epsilon)

    in the t-th step. The running means begin at 0; the factors with t correct for that.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts.
        learning_rate: a number or a schedule.
        beta_1, beta_2: the share of the running means that is kept at each step, from 0 to below 1.
        epsilon: keeps the divisor from 0.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a beta or `epsilon` is out of its range.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1 in the form of the end of
    section 2, with the defaults of `keras.optimizers.Adam`. There, and here, epsilon is the paper's "epsilon hat":
    PyTorch's stands beside √(square ÷ (1 − beta_2^t)), and is 1e-8.
    """

    moments = ("mean", "square")

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(parameters, learning_rate)
        call = type(self).__name__
        self.beta_1 = checked_number(call, "beta_1", beta_1, below=1)
        self.beta_2 = checked_number(call, "beta_2", beta_2, below=1)
        self.epsilon = checked_number(call, "epsilon", epsilon)

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        return (rate * np.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step),)

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, mean, square = rest
        mean = mean + (1 - self.beta_1) * (gradient - mean)
        square = square + (1 - self.beta_2) * (gradient * gradient - square)
        return value - rate * mean / (np.sqrt(square) + self.epsilon), mean, square


class AdamW(Adam):
    """Adam with weight decay: at each step the parameters shrink by a share of the learning rate.

        value ← value − rate · weight_decay · value,   then as in `Adam`

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts.
        learning_rate: a number or a schedule.
        weight_decay: the share of the learning rate by which parameters shrink.
        beta_1, beta_2, epsilon: as for `Adam`.

    Raises:
        TypeError, ValueError: see `Adam`; ValueError also where `weight_decay` is negative.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization" (2019), algorithm 2, with the defaults of
    `keras.optimizers.AdamW`.
    """

    def __init__(
        self,
        parameters: Any,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(parameters, learning_rate, beta_1, beta_2, epsilon)
        self.weight_decay = checked_number("AdamW", "weight_decay", weight_decay)

    def factors(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """See `Optimizer.factors`."""
        return (rate * self.weight_decay, *super().factors(rate, step))

    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        decay, *others = rest
        return super().move(value - decay * value, gradient, *others)
