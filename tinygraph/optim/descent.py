"""Gradient descent: SGD, SGD with momentum, and Lion, which takes the sign of its momentum."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from tinygraph.optim.arguments import Options
from tinygraph.optim.blocks import elementwise
from tinygraph.optim.formulas import less
from tinygraph.optim.optimizer import Optimizer
from tinygraph.optim.rates import Rate, checked_number
from tinygraph.optim.values import Array

__all__ = ["SGD", "Lion", "Momentum"]


class SGD(Optimizer):
    """Gradient descent: a step of `learning_rate` times the gradient, against it.

        value ← value − rate · gradient

    With `momentum` it keeps its speed, as a heavy ball does:

        velocity ← momentum · velocity − rate · gradient
        value    ← value + velocity

    With `nesterov` the last line is value ← value + momentum · velocity − rate · gradient: it looks one step ahead.

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule.
        momentum: the share of the velocity to keep at each step, from 0 to below 1.
        nesterov: use Nesterov's form, which applies the momentum once more.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where `momentum` is out of its range.

    Source: Robbins and Monro, "A stochastic approximation method" (1951); Polyak, "Some methods of speeding up the
    convergence of iteration methods" (1964); Sutskever, Martens, Dahl and Hinton, "On the importance of initialization
    and momentum in deep learning" (2013), section 2. The formula is that of `keras.optimizers.SGD`. PyTorch's has the
    rate outside of the velocity; the two are the same as long as the rate does not change.
    """

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        self.momentum = checked_number(type(self).__name__, "momentum", momentum, below=1)
        self.nesterov = nesterov
        self.moments = ("velocity",) if momentum else ()
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        if not self.momentum:
            (rate,) = rest
            return (less(value, rate * gradient),)
        rate, velocity = rest
        push = rate * gradient
        velocity = self.momentum * velocity - push
        return value + (self.momentum * velocity - push if self.nesterov else velocity), velocity


class Momentum(SGD):
    """`SGD` with a momentum of 0.9, if no other is given.

    Args:
        parameters, learning_rate, momentum, nesterov, weight_decay, options: as for `SGD`.

    Raises:
        TypeError, ValueError: see `SGD`.
    """

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.01,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(parameters, learning_rate, momentum, nesterov, weight_decay, **options)


class Lion(Optimizer):
    """Steps of `learning_rate` in each coordinate, in the direction of a mean of the gradients.

        value ← value − rate · sign(beta_1 · mean + (1 − beta_1) · gradient)
        mean  ← beta_2 · mean + (1 − beta_2) · gradient

    Args:
        parameters: the Tensors to move: one, or several in lists, tuples and dicts; None to give them later.
        learning_rate: a number or a schedule; a third to a tenth of the one for Adam.
        beta_1: the share of the mean in the direction, larger than 0 and below 1.
        beta_2: the share of the mean that is kept at each step, from 0 to below 1.
        weight_decay: the share of the learning rate by which parameters shrink at each step.
        options: see `Optimizer`.

    Raises:
        TypeError, ValueError: see `Optimizer`; ValueError also where a beta is out of its range.

    Source: Chen et al., "Symbolic discovery of optimization algorithms" (2023), algorithm 2, with the defaults of
    `keras.optimizers.Lion`.
    """

    moments = ("mean",)

    def __init__(
        self,
        parameters: Any = None,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        weight_decay: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        call = type(self).__name__
        self.beta_1 = checked_number(call, "beta_1", beta_1, below=1)
        self.beta_2 = checked_number(call, "beta_2", beta_2, below=1)
        if not beta_1:
            raise ValueError(f"{call}: beta_1 must be larger than 0, or the mean has no part in the step")
        super().__init__(parameters, learning_rate, weight_decay=weight_decay, **options)

    @elementwise
    def move(self, value: Array, gradient: Array, *rest: Any) -> tuple[Array, ...]:
        """See `Optimizer.move`."""
        rate, mean = rest
        direction = np.sign(self.beta_1 * mean + (1 - self.beta_1) * gradient)
        return value - rate * direction, self.beta_2 * mean + (1 - self.beta_2) * gradient
